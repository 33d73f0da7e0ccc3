//! Authorities: their signed updates, which speaks for which, and which cannot be asked (`IoE R5`, `R7`).

mod signed;

use core::fmt;

use sha2::{Digest as _, Sha256};

pub use self::signed::{Delegation, Update};
use crate::changes::{Change, Changes, Entry};
use crate::number::Flag;
pub use crate::policy::Speaker;
use crate::policy::{AUTHORITIES, Facts, Member, Policy, PolicyError};
use crate::proof::Signatures;
use crate::text::TextError;
use crate::time::Time;
use crate::vocabulary::{Authority, Set, Vocabulary};

/// How many delegations there can be at a time, unless a type says another number; each authority has an equal share of them.
pub const DELEGATIONS: usize = 16;
/// How many vocabularies can follow each other.
pub const VOCABULARIES: usize = 8;
/// How far a version's number can be above the previous one. Without a limit, a signed version could have the highest
/// number, and no other could follow it.
pub const LEAP: u32 = 65_536;

/// Why a step of an authority is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AuthorityError {
    /// The authority has no key here.
    Unknown,
    /// The authority has a key already.
    Known,
    /// The signature does not hold.
    Forged,
    /// The version is not above the known one: it is old, or was taken before.
    Stale,
    /// The version is too far above the known one, or is the highest number there is.
    Leap,
    /// The text does not follow the known one.
    Gap,
    /// The text is not a policy.
    Text(TextError),
    /// The text belongs to another authority or another version.
    Head,
    /// The rules take more than the authority's share of the room.
    Share,
    /// It is written in a vocabulary that is not known here, or that does not continue the known one.
    Vocabulary,
    /// The delegations would form a circle.
    Loop,
    /// There is no room.
    Full,
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(error) => return error.fmt(f),
            Self::Leap => "too far above the version that is known",
            Self::Head => "the text says another authority or version than the update",
            Self::Share => "more rules than the authority's share",
            Self::Vocabulary => "written in a vocabulary that does not go on from the known one",
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

/// A text that an authority has signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub version: u32,
    pub text: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub key: [u8; 32],
    pub latest: Signed,
    /// The previous text, to which the control plane can go back.
    pub before: Signed,
    /// The control plane has gone back behind the latest text.
    pub withdrawn: Flag,
    /// The serial of its last delegation.
    pub serial: u32,
}

impl Known {
    /// The text that counts: the latest that was taken, unless it was withdrawn.
    const fn counts(&self) -> Signed {
        if self.withdrawn.is() { self.before } else { self.latest }
    }

    /// Whether the text that counts has rules: the authority has signed one, and has not left.
    fn is_there(&self) -> bool {
        let Signed { version, text } = self.counts();
        version > 0 && text[..] != Sha256::digest([])[..]
    }

    /// A newer text. The control plane can go back to the one that counted until now, never to one that it withdrew.
    const fn go_on(&mut self, latest: Signed) {
        if !self.withdrawn.is() {
            self.before = self.latest;
        }
        (self.latest, self.withdrawn) = (latest, Flag::NO);
    }
}

/// All authorities of a control plane, and up to `D` delegations between them.
///
/// ```
/// use interaction_gov::authority::{Authorities, AuthorityError};
/// use interaction_gov::vocabulary::{Authority, Set};
///
/// let mut authorities = Authorities::new();
/// authorities.introduce(Authority(1), [9; 32])?; // its public key
/// assert_eq!(authorities.introduce(Authority(1), [8; 32]), Err(AuthorityError::Known));
/// authorities.set_reach(Authority(1), false);
/// assert_eq!(authorities.silent(), Set::one(Authority(1)));
/// # Ok::<(), AuthorityError>(())
/// ```
#[derive(Clone)]
pub struct Authorities<const D: usize = DELEGATIONS> {
    pub(crate) known: [Option<Known>; AUTHORITIES],
    pub(crate) silent: Set<Authority>,
    pub(crate) delegations: heapless::Vec<Delegation, D>,
    /// The digests of the vocabularies that texts may be written in; each continues the one before it.
    pub(crate) vocabularies: heapless::Vec<[u8; 32], VOCABULARIES>,
    /// The changes of what governs, of which authorities can be asked, and of which speaks for which.
    pub(crate) changes: Changes,
}

impl Default for Authorities {
    fn default() -> Self {
        Self::new()
    }
}

impl Authorities {
    /// None, and room for [`DELEGATIONS`].
    #[must_use]
    pub const fn new() -> Self {
        Self::with_room()
    }
}

impl<const D: usize> Authorities<D> {
    /// None, and room for `D` delegations, of which each of [`AUTHORITIES`] has an equal share: `D` is a multiple of them, or 0, for
    /// the memory of a device that needs none.
    ///
    /// ```
    /// use interaction_gov::authority::Authorities;
    /// use interaction_gov::rollout::Rollout;
    ///
    /// // One policy that is part of the firmware, and no delegations.
    /// let plane: Rollout<2, 0, 0> = Rollout::new(Authorities::with_room(), [0; 32]);
    /// assert!(size_of_val(&plane) < size_of::<Rollout<2, 0>>() / 2);
    /// ```
    #[must_use]
    pub const fn with_room() -> Self {
        Self {
            known: [None; AUTHORITIES],
            silent: Set::EMPTY,
            delegations: heapless::Vec::new(),
            vocabularies: heapless::Vec::new(),
            changes: Changes::new(),
        }
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
        let nothing = Signed { version: 0, text: Sha256::digest([]).into() };
        *place = Some(Known { key, latest: nothing, before: nothing, withdrawn: Flag::NO, serial: 0 });
        Ok(())
    }

    /// Gives an authority another key. What it has signed stays signed; revoke what should not.
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

    /// Lets texts be written in a newer vocabulary, which only adds to the known one: every number keeps its meaning,
    /// so that policies in use mean the same as before.
    ///
    /// # Errors
    /// [`AuthorityError::Vocabulary`], [`AuthorityError::Full`].
    pub fn adopt(&mut self, known: &Vocabulary<'_>, newer: &Vocabulary<'_>) -> Result<(), AuthorityError> {
        let follows = self.vocabularies.last().is_none_or(|last| last == known.digest());
        if !follows || !known.is_continued_by(newer) {
            return Err(AuthorityError::Vocabulary);
        }
        if self.vocabularies.is_empty() {
            self.know(*known.digest())?;
        }
        if self.vocabularies.contains(newer.digest()) { Ok(()) } else { self.know(*newer.digest()) }
    }

    /// Takes an update. It must be signed by its authority, newer than the known text and following it, and must fit
    /// beside whatever other authorities sign. `scratch` is working memory for reading it; its contents are lost.
    ///
    /// # Errors
    /// [`AuthorityError`]; nothing has changed then.
    // keeps: IOE-130 (§8), IOE-131 (§8)
    pub fn take<const W: usize, const A: usize, const T: usize, const K: usize>(
        &mut self,
        update: &Update<'_>,
        signature: &[u8; 64],
        signatures: &impl Signatures,
        vocabulary: &Vocabulary<'_>,
        scratch: &mut Policy<W, A, T, K>,
    ) -> Result<(), AuthorityError> {
        let authorities = self.known.iter().flatten().count().max(1);
        let known_vocabulary = self.vocabularies.is_empty() || self.vocabularies.contains(&update.vocabulary);
        let known = *self.known(update.authority)?;
        if !signatures.verify(&known.key, &update.signed(), signature) {
            return Err(AuthorityError::Forged);
        }
        if update.version <= known.latest.version {
            return Err(AuthorityError::Stale);
        }
        if update.version - known.latest.version > LEAP || update.version == u32::MAX {
            return Err(AuthorityError::Leap);
        }
        if update.follows != known.latest.text {
            return Err(AuthorityError::Gap);
        }
        if !known_vocabulary || update.vocabulary != *vocabulary.digest() {
            return Err(AuthorityError::Vocabulary);
        }
        if !update.text.is_empty() {
            scratch.clear();
            scratch.add(update.text, vocabulary).map_err(|error| match error {
                PolicyError::Text(error) => AuthorityError::Text(error),
                _ => AuthorityError::Share,
            })?;
            let says = |member: &Member| (member.authority, member.version) == (update.authority, update.version);
            if !scratch.members().iter().all(says) {
                return Err(AuthorityError::Head);
            }
            // Each authority has its share, so that the policies of all of them fit.
            if scratch.words() > (W / authorities).max(1) {
                return Err(AuthorityError::Share);
            }
        }
        if self.vocabularies.is_empty() {
            self.know(update.vocabulary)?;
        }
        let latest = Signed { version: update.version, text: Sha256::digest(update.text).into() };
        self.known(update.authority)?.go_on(latest);
        Ok(())
    }

    /// The control plane withdraws an authority's latest text: until its next update, the one that counted before may
    /// be installed. A text that was withdrawn never counts again.
    ///
    /// # Errors
    /// [`AuthorityError::Unknown`]; [`AuthorityError::Gap`]: there is no previous text.
    pub fn withdraw(&mut self, authority: Authority) -> Result<(), AuthorityError> {
        let known = self.known(authority)?;
        if known.before.version == 0 {
            return Err(AuthorityError::Gap);
        }
        known.withdrawn = Flag::YES;
        Ok(())
    }

    /// Whether this text is the one that counts.
    pub(crate) fn vouches(&self, authority: Authority, version: u32, text: &[u8; 32], vocabulary: &[u8; 32]) -> bool {
        let known = self.known.get(usize::from(authority.0)).copied().flatten();
        known.is_some_and(|known| known.counts() == Signed { version, text: *text })
            && self.vocabularies.contains(vocabulary)
    }

    /// Whether this text was taken back, as far as that is known: up to the second update after it. It is newer than the one that
    /// counted before, and does not count itself.
    pub(crate) fn took_back(&self, member: &Member) -> bool {
        let known = self.known.get(usize::from(member.authority.0)).copied().flatten();
        known.is_some_and(|known| {
            let counts = known.counts() == Signed { version: member.version, text: member.digest };
            member.version > known.before.version && !counts
        })
    }

    /// Whether a part of a compiled policy can count as taken: its authority is known, and the latest text that it
    /// signed is this one or an older one.
    pub(crate) fn may_follow(&self, member: &Member) -> bool {
        let Member { authority, version, digest, vocabulary, .. } = member;
        let known = self.known.get(usize::from(authority.0)).copied().flatten();
        known.is_some_and(|known| known.latest.version < *version)
            || self.vouches(*authority, *version, digest, vocabulary)
    }

    /// Whether there is room for the vocabularies of a compiled policy.
    pub(crate) fn has_room_for(&self, members: &[Member]) -> bool {
        let known = |member: &Member| self.vocabularies.contains(&member.vocabulary);
        // All parts of a policy are written in the same vocabulary.
        !self.vocabularies.is_full() || members.iter().all(known)
    }

    /// A part of a compiled policy counts as taken.
    pub(crate) fn follow(&mut self, member: &Member) {
        if !self.vocabularies.contains(&member.vocabulary) {
            let _ = self.know(member.vocabulary);
        }
        if let Ok(known) = self.known(member.authority)
            && known.latest.version < member.version
        {
            known.go_on(Signed { version: member.version, text: member.digest });
        }
    }

    /// The authorities that have signed a text, and have not left, by the texts that count.
    pub(crate) fn signed(&self) -> Set<Authority> {
        let there = (0..).map(Authority).zip(&self.known);
        there.filter(|(_, known)| known.as_ref().is_some_and(Known::is_there)).map(|(authority, _)| authority).collect()
    }

    /// Makes another vocabulary known; delegations in it count from now on.
    fn know(&mut self, vocabulary: [u8; 32]) -> Result<(), AuthorityError> {
        self.vocabularies.push(vocabulary).map_err(|_| AuthorityError::Full)?;
        let these = self.delegations().iter().filter(|delegation| delegation.vocabulary == vocabulary);
        let whose: Set<Authority> = these.map(|delegation| delegation.from).collect();
        for one in whose.iter() {
            self.changes.of_speaker(self.rest_on(one), Entry::by(Change::Adopted, one));
        }
        Ok(())
    }

    /// This authority and all whose delegations lead to it, however many steps away: a change of who speaks for it, or
    /// of whether it can be asked, may change the answers in the place of each. Scopes and times do not count here.
    fn rest_on(&self, one: Authority) -> Set<Authority> {
        let mut all = Set::one(one);
        // Each step takes one delegation more.
        for _ in self.delegations() {
            let on = self.delegations().iter().filter(|delegation| all.contains(delegation.to));
            all = all.or(on.map(|delegation| delegation.from).collect());
        }
        all
    }

    // keeps: IOE-107 (§4.9 R9)
    /// Sets whether an authority can be asked. While it cannot, everything in its scope is denied, and nothing else.
    pub fn set_reach(&mut self, authority: Authority, reachable: bool) {
        let one = Set::one(authority);
        let silent = if reachable { self.silent.without(one) } else { self.silent.or(one) };
        if silent != self.silent {
            self.silent = silent;
            let what = if reachable { Change::Reachable } else { Change::Silent };
            self.changes.of_speaker(self.rest_on(authority), Entry::by(what, authority));
        }
    }

    /// Lets one authority decide for another, as the latter has signed. Expired delegations make room.
    ///
    /// # Errors
    /// [`AuthorityError`].
    // keeps: IOE-098 (§4.7 R7)
    pub fn delegate(
        &mut self,
        delegation: Delegation,
        signature: &[u8; 64],
        signatures: &impl Signatures,
        now: Time,
    ) -> Result<(), AuthorityError> {
        self.known(delegation.to)?;
        let from = delegation.from;
        let known = *self.known(from)?;
        if !signatures.verify(&known.key, &delegation.signed(), signature) {
            return Err(AuthorityError::Forged);
        }
        if delegation.serial <= known.serial || delegation.until <= now {
            return Err(AuthorityError::Stale);
        }
        let live = |other: &&Delegation| now < other.until;
        // Follow the delegations from the new speaker: does any of them lead back? Each step takes one delegation more.
        let mut reached = Set::one(delegation.to);
        for _ in 0..D {
            let on = self.delegations.iter().filter(live).filter(|other| reached.contains(other.from));
            reached = reached.or(on.map(|other| other.to).collect());
        }
        if reached.contains(delegation.from) {
            return Err(AuthorityError::Loop);
        }
        if self.delegations.iter().filter(live).filter(|other| other.from == from).count() >= D / AUTHORITIES {
            return Err(AuthorityError::Full);
        }
        let (serial, to) = (delegation.serial, delegation.to);
        self.delegations.retain(|other| now < other.until);
        self.delegations.push(delegation).map_err(|_| AuthorityError::Full)?;
        self.known(from)?.serial = serial;
        self.changes.of_speaker(self.rest_on(from), Entry { to: to.0, ..Entry::by(Change::Delegated, from) });
        Ok(())
    }

    /// Takes back a delegation: the authority speaks for itself again.
    pub fn revoke(&mut self, from: Authority, to: Authority) {
        let before = self.delegations.len();
        self.delegations.retain(|delegation| (delegation.from, delegation.to) != (from, to));
        if self.delegations.len() != before {
            self.changes.of_speaker(self.rest_on(from), Entry { to: to.0, ..Entry::by(Change::Revoked, from) });
        }
    }

    /// The delegations that were accepted and not revoked; some of them may have expired.
    #[must_use]
    pub fn delegations(&self) -> &[Delegation] {
        // Without places the length of the list is known when it is compiled, and what reads it is left out.
        if D == 0 { &[] } else { &self.delegations }
    }

    /// The authorities that cannot be asked.
    #[must_use]
    pub const fn silent(&self) -> Set<Authority> {
        self.silent
    }

    /// The authority that decides about these facts in an authority's place: itself, or the one to which it has
    /// delegated, and so on, as far as each delegation may be passed on. A delegation in an unknown vocabulary could
    /// mean something else, and does not count.
    #[must_use]
    pub fn speaker(&self, authority: Authority, facts: &Facts, now: Time) -> Speaker {
        let mut speaker = Speaker { authority: Some(authority), until: Time::NEVER };
        for _ in self.delegations() {
            let mut next = None;
            // The last word counts.
            let words = self.delegations().iter().rev().filter(|delegation| {
                Some(delegation.from) == speaker.authority
                    && now < delegation.until
                    && self.vocabularies.contains(&delegation.vocabulary)
            });
            for delegation in words {
                let Delegation { from, scope, .. } = delegation;
                speaker.until = speaker.until.min(scope.contains_until(facts, *from));
                if scope.contains(facts, *from) {
                    next = Some(delegation);
                    break;
                }
            }
            let Some(next) = next else { break };
            speaker = Speaker { authority: Some(next.to), until: speaker.until.min(next.until) };
            if !next.redelegate {
                break;
            }
        }
        if speaker.authority.is_some_and(|authority| self.silent.contains(authority)) {
            speaker.authority = None;
        }
        speaker
    }
}
