//! Authorities: who signs updates, who speaks for whom, and who cannot be asked (`IoE R5`, `R7`).

use core::fmt;

use heapless::Vec;
use sha2::{Digest as _, Sha256};

use crate::policy::{AUTHORITIES, Facts, Scope};
use crate::proof::Signatures;
use crate::time::Time;
use crate::vocabulary::{Authority, Set};

/// How many delegations there can be at a time.
pub const DELEGATIONS: usize = 8;

/// An update of an authority's policy, signed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'t> {
    /// Whose policy it is.
    pub authority: Authority,
    /// Its version: above all before.
    pub version: u32,
    /// SHA-256 of the text that it follows; of nothing, if it is the first.
    pub follows: [u8; 32],
    /// The digest of the vocabulary in which it is written.
    pub vocabulary: [u8; 32],
    /// The text.
    pub text: &'t str,
}

impl Update<'_> {
    /// What the authority signs: SHA-256("IoE/1 update" | 0 | authority | version | follows | vocabulary | SHA-256(text)).
    #[must_use]
    pub fn signed(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"IoE/1 update\0")
            .chain_update([self.authority.0])
            .chain_update(self.version.to_be_bytes())
            .chain_update(self.follows)
            .chain_update(self.vocabulary)
            .chain_update(Sha256::digest(self.text))
            .finalize()
            .into()
    }
}

/// An authority that lets another one decide in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Whose decisions.
    pub from: Authority,
    /// Who makes them.
    pub to: Authority,
    /// About what.
    pub scope: Scope,
    /// The digest of the vocabulary in which that is said.
    pub vocabulary: [u8; 32],
    /// Until when.
    pub until: Time,
    /// Above the serials of all delegations of this authority before.
    pub serial: u32,
}

impl Delegation {
    /// What the authority signs: SHA-256("IoE/1 delegation" | 0 | from | to | until | serial | vocabulary | scope).
    #[must_use]
    pub fn signed(&self) -> [u8; 32] {
        let hash = Sha256::new()
            .chain_update(b"IoE/1 delegation\0")
            .chain_update([self.from.0, self.to.0])
            .chain_update(self.until.0.to_be_bytes())
            .chain_update(self.serial.to_be_bytes())
            .chain_update(self.vocabulary);
        self.scope.hashed(hash).finalize().into()
    }
}

/// Why an authority's wish is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AuthorityError {
    /// The authority has no key here.
    Unknown,
    /// It has one already.
    Known,
    /// The signature does not hold.
    Forged,
    /// The version is not above the one that is known: it is old, or was here before.
    Stale,
    /// It does not follow the text that is known.
    Gap,
    /// Somebody would decide for himself in the end.
    Loop,
    /// There is no room.
    Full,
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the authority has no key here",
            Self::Known => "the authority has a key already",
            Self::Forged => "the signature does not hold",
            Self::Stale => "an old version",
            Self::Gap => "it does not follow the version that is known",
            Self::Loop => "a delegation in a circle",
            Self::Full => "no room",
        })
    }
}

impl core::error::Error for AuthorityError {}

#[derive(Clone, Copy)]
struct Known {
    key: [u8; 32],
    version: u32,
    text: [u8; 32],
    vocabulary: [u8; 32],
    /// Of its last delegation.
    serial: u32,
}

/// All authorities of a control plane.
#[derive(Clone, Default)]
pub struct Authorities {
    known: [Option<Known>; AUTHORITIES],
    silent: Set<Authority>,
    delegations: Vec<Delegation, DELEGATIONS>,
    /// Counts the changes of who speaks for whom.
    changes: u32,
}

/// Who decides in an authority's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Who. `None`: nobody can be asked.
    pub authority: Option<Authority>,
    /// Until when that is so.
    pub until: Time,
}

impl Authorities {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an authority known by its public key. Its first version is yet to come.
    ///
    /// # Errors
    /// [`AuthorityError::Full`]: there are at most eight; [`AuthorityError::Known`]: what it has signed would be forgotten.
    pub fn introduce(&mut self, authority: Authority, key: [u8; 32]) -> Result<(), AuthorityError> {
        let place = self.known.get_mut(usize::from(authority.0)).ok_or(AuthorityError::Full)?;
        if place.is_some() {
            return Err(AuthorityError::Known);
        }
        *place = Some(Known { key, version: 0, text: Sha256::digest([]).into(), vocabulary: [0; 32], serial: 0 });
        Ok(())
    }

    /// Gives an authority another key. What it has signed stays signed; revoke what shall not.
    ///
    /// # Errors
    /// [`AuthorityError::Unknown`].
    pub fn rotate(&mut self, authority: Authority, key: [u8; 32]) -> Result<(), AuthorityError> {
        self.known(authority)?.key = key;
        Ok(())
    }

    fn known(&mut self, authority: Authority) -> Result<&mut Known, AuthorityError> {
        let place = self.known.get_mut(usize::from(authority.0)).and_then(Option::as_mut);
        place.ok_or(AuthorityError::Unknown)
    }

    /// Takes an update: signed by its authority, newer than what is known, and following it.
    ///
    /// # Errors
    /// [`AuthorityError`].
    // keeps: IOE-130, IOE-131
    pub fn take(
        &mut self,
        update: &Update<'_>,
        signature: &[u8; 64],
        signatures: &impl Signatures,
    ) -> Result<(), AuthorityError> {
        let known = self.known(update.authority)?;
        if !signatures.verify(&known.key, &update.signed(), signature) {
            return Err(AuthorityError::Forged);
        }
        if update.version <= known.version {
            return Err(AuthorityError::Stale);
        }
        if update.follows != known.text {
            return Err(AuthorityError::Gap);
        }
        known.version = update.version;
        known.text = Sha256::digest(update.text).into();
        known.vocabulary = update.vocabulary;
        Ok(())
    }

    /// Whether this is the text of the version that was taken last.
    pub(crate) fn vouches(&self, authority: Authority, version: u32, text: &[u8; 32], vocabulary: &[u8; 32]) -> bool {
        let known = self.known.get(usize::from(authority.0)).copied().flatten();
        known.is_some_and(|known| known.version == version && known.text == *text && known.vocabulary == *vocabulary)
    }

    /// Whoever has signed a text.
    pub(crate) fn signed(&self) -> Set<Authority> {
        let signed = |known: &Option<Known>| known.is_some_and(|known| known.version > 0);
        (0..)
            .map(Authority)
            .zip(&self.known)
            .filter(|(_, known)| signed(known))
            .map(|(authority, _)| authority)
            .collect()
    }

    // keeps: IOE-107
    /// An authority cannot be asked, or can be again. While it cannot, everything in its scope is denied, and nothing else.
    pub fn set_reach(&mut self, authority: Authority, reachable: bool) {
        let one = Set::one(authority);
        let silent = if reachable { self.silent.without(one) } else { self.silent.or(one) };
        if silent != self.silent {
            self.silent = silent;
            self.changes = self.changes.wrapping_add(1);
        }
    }

    /// Lets one authority decide for another, as it has signed. Those that are over make room.
    ///
    /// # Errors
    /// [`AuthorityError`].
    // keeps: IOE-098
    pub fn delegate(
        &mut self,
        delegation: Delegation,
        signature: &[u8; 64],
        signatures: &impl Signatures,
        now: Time,
    ) -> Result<(), AuthorityError> {
        self.known(delegation.to)?;
        let known = self.known(delegation.from)?;
        if !signatures.verify(&known.key, &delegation.signed(), signature) {
            return Err(AuthorityError::Forged);
        }
        if delegation.serial <= known.serial || delegation.until <= now {
            return Err(AuthorityError::Stale);
        }
        let live = |other: &&Delegation| now < other.until;
        // From the one who decides on: does anybody lead back? Each step is another delegation.
        let mut reached = Set::one(delegation.to);
        for _ in 0..DELEGATIONS {
            let on = self.delegations.iter().filter(live).filter(|other| reached.contains(other.from));
            reached = reached.or(on.map(|other| other.to).collect());
        }
        if reached.contains(delegation.from) {
            return Err(AuthorityError::Loop);
        }
        if self.delegations.iter().filter(live).count() >= DELEGATIONS {
            return Err(AuthorityError::Full);
        }
        self.known(delegation.from)?.serial = delegation.serial;
        self.delegations.retain(|other| now < other.until);
        self.delegations.push(delegation).map_err(|_| AuthorityError::Full)?;
        self.changes = self.changes.wrapping_add(1);
        Ok(())
    }

    /// Takes back what one authority let another decide: it speaks for itself again.
    pub fn revoke(&mut self, from: Authority, to: Authority) {
        let before = self.delegations.len();
        self.delegations.retain(|delegation| (delegation.from, delegation.to) != (from, to));
        if self.delegations.len() != before {
            self.changes = self.changes.wrapping_add(1);
        }
    }

    /// How often it has changed who speaks for whom: a permit rests on that.
    pub(crate) const fn changes(&self) -> u32 {
        self.changes
    }

    /// Who decides about these facts in an authority's place: itself, or whoever it has let decide, and so on. What was
    /// delegated in the words of another vocabulary would mean something else, and is not delegated.
    #[must_use]
    pub fn speaker(&self, authority: Authority, facts: &Facts, vocabulary: Option<&[u8; 32]>, now: Time) -> Speaker {
        let mut speaker = Speaker { authority: Some(authority), until: Time::NEVER };
        for _ in 0..self.delegations.len() {
            // The last word counts.
            let next = self.delegations.iter().rev().find(|delegation| {
                Some(delegation.from) == speaker.authority
                    && now < delegation.until
                    && Some(&delegation.vocabulary) == vocabulary
                    && delegation.scope.contains(facts, delegation.from)
            });
            let Some(next) = next else { break };
            speaker = Speaker { authority: Some(next.to), until: speaker.until.min(next.until) };
        }
        if speaker.authority.is_some_and(|authority| self.silent.contains(authority)) {
            speaker.authority = None;
        }
        speaker
    }
}
