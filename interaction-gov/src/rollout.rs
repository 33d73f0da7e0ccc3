//! Versions, and which interactions they govern (`IoE R5`).
//!
//! An interaction is on a *track*, and a track names the version that governs. To move a track is one assignment, however
//! many interactions are on it: the next decision of each sees it, no decision sees half of it, and no interaction on
//! another track sees anything. A canary is a track that only new interactions enter.

use core::fmt;

use zeroize::Zeroizing;

use crate::authority::Authorities;
use crate::identity::{InteractionId, keyed};
use crate::policy::Policy;
use crate::vocabulary::Authority;

/// A version.
#[derive(Clone)]
pub struct Version<const W: usize> {
    /// Its number. No two versions of a control plane have the same.
    pub number: u32,
    /// The rules, and what is configured with them.
    pub policy: Policy<W>,
}

impl<const W: usize> Version<W> {
    /// What identifies it: the digest of its policy.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        self.policy.digest()
    }
}

/// A track: the stable one, or that of a canary. No two canaries have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Track(u32);

impl Track {
    /// The track of all interactions that are on no canary.
    pub const STABLE: Self = Self(0);
}

/// A version that governs some of the new interactions.
#[derive(Clone, Copy)]
struct Canary {
    track: Track,
    percent: u8,
    version: u8,
    /// It was rolled back: its interactions go with all others until it goes forth again.
    withdrawn: bool,
}

/// Why a rollout is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RolloutError {
    /// An authority has not signed this text as its latest.
    NotSigned(Authority),
    /// An authority that has signed a text is not in the policy.
    LeftOut(Authority),
    /// There is no room for another version.
    Full,
    /// There is no such version, track or canary.
    Unknown,
    /// A version that governs is not thrown away.
    InUse,
    /// There is a canary already.
    Busy,
    /// There is nothing to go back to.
    NothingBefore,
    /// The canary was rolled back.
    Withdrawn,
}

impl fmt::Display for RolloutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSigned(_) => "an authority has not signed this as its latest",
            Self::LeftOut(_) => "an authority that has signed a text is left out",
            Self::Full => "no room",
            Self::Unknown => "there is no such version, track or canary",
            Self::InUse => "the version governs",
            Self::Busy => "there is a canary already",
            Self::NothingBefore => "there is nothing to go back to",
            Self::Withdrawn => "the canary was rolled back",
        })
    }
}

impl core::error::Error for RolloutError {}

/// Up to `V` versions of up to 64 × `W` rules each, the tracks, and the authorities behind them.
pub struct Rollout<const W: usize, const V: usize> {
    /// Who makes policy.
    pub authorities: Authorities,
    versions: [Option<Version<W>>; V],
    stable: Option<u8>,
    /// The version that was stable before.
    before: Option<u8>,
    canary: Option<Canary>,
    canaries: u32,
    numbers: u32,
    key: Zeroizing<[u8; 32]>,
}

impl<const W: usize, const V: usize> Rollout<W, V> {
    /// A control plane without versions: it permits nothing. `key` are 32 random bytes; they choose the canaries.
    #[must_use]
    pub fn new(authorities: Authorities, key: [u8; 32]) -> Self {
        let versions = [const { None }; V];
        let key = Zeroizing::new(key);
        Self { authorities, versions, stable: None, before: None, canary: None, canaries: 0, numbers: 0, key }
    }

    /// Keeps a policy as a version; it governs nothing yet. Every text in it must be the latest that its authority signed, and
    /// whoever has signed one must be in it.
    ///
    /// # Errors
    /// [`RolloutError::NotSigned`], [`RolloutError::LeftOut`] or [`RolloutError::Full`].
    // keeps: IOE-132, IOE-136
    pub fn install(&mut self, policy: Policy<W>) -> Result<u8, RolloutError> {
        for member in policy.members() {
            if !self.authorities.vouches(member.authority, member.version, &member.digest, &member.vocabulary) {
                return Err(RolloutError::NotSigned(member.authority));
            }
        }
        let there = policy.members().iter().map(|member| member.authority).collect();
        if let Some(authority) = self.authorities.signed().without(there).iter().next() {
            return Err(RolloutError::LeftOut(authority));
        }
        let place = self.versions.iter().position(Option::is_none).ok_or(RolloutError::Full)?;
        let index = u8::try_from(place).map_err(|_| RolloutError::Full)?;
        let number = self.numbers;
        if let Some(slot) = self.versions.get_mut(place) {
            *slot = Some(Version { number, policy });
        }
        self.numbers = self.numbers.wrapping_add(1);
        Ok(index)
    }

    /// Throws a version away. Interactions that are pinned to it are then governed by none, and permit nothing.
    ///
    /// # Errors
    /// It is not there, or a track names it, if only to go back to.
    pub fn discard(&mut self, version: u8) -> Result<(), RolloutError> {
        self.there(version)?;
        let canary = self.canary.map(|canary| canary.version);
        if [self.stable, self.before, canary].contains(&Some(version)) {
            return Err(RolloutError::InUse);
        }
        if let Some(slot) = self.versions.get_mut(usize::from(version)) {
            *slot = None;
        }
        Ok(())
    }

    /// Moves a track: from now on this version governs all interactions on it. To publish what governs changes nothing.
    ///
    /// # Errors
    /// There is no such version, or the track is that of a canary that is over.
    // keeps: IOE-016, IOE-017, IOE-018, IOE-078, IOE-081
    pub fn publish(&mut self, track: Track, version: u8) -> Result<(), RolloutError> {
        self.there(version)?;
        if let Some(canary) = self.canary.as_mut().filter(|canary| canary.track == track) {
            (canary.version, canary.withdrawn) = (version, false);
        } else if track != Track::STABLE {
            return Err(RolloutError::Unknown);
        } else if self.stable != Some(version) {
            (self.before, self.stable) = (self.stable, Some(version));
        }
        Ok(())
    }

    /// Moves the stable track back to the version before, or a canary's to the stable one. To go back twice is to go forth
    /// again.
    ///
    /// # Errors
    /// There is nothing before, or the track is that of a canary that is over.
    // keeps: IOE-080
    pub fn roll_back(&mut self, track: Track) -> Result<(), RolloutError> {
        if let Some(canary) = self.canary.as_mut().filter(|canary| canary.track == track) {
            canary.withdrawn = !canary.withdrawn;
        } else if track != Track::STABLE {
            return Err(RolloutError::Unknown);
        } else if self.before.is_none() {
            return Err(RolloutError::NothingBefore);
        } else {
            core::mem::swap(&mut self.stable, &mut self.before);
        }
        Ok(())
    }

    /// Lets a version govern this percentage of the interactions that begin from now on.
    ///
    /// # Errors
    /// There is a canary already, or no such version.
    // keeps: IOE-079
    pub fn start_canary(&mut self, version: u8, percent: u8) -> Result<Track, RolloutError> {
        self.there(version)?;
        if self.canary.is_some() {
            return Err(RolloutError::Busy);
        }
        self.canaries = self.canaries.checked_add(1).ok_or(RolloutError::Full)?;
        let track = Track(self.canaries);
        self.canary = Some(Canary { track, percent: percent.min(100), version, withdrawn: false });
        Ok(track)
    }

    /// The canary's version governs everybody.
    ///
    /// # Errors
    /// There is no canary, or it was rolled back.
    pub fn promote_canary(&mut self) -> Result<(), RolloutError> {
        let canary = self.canary.ok_or(RolloutError::Unknown)?;
        if canary.withdrawn {
            return Err(RolloutError::Withdrawn);
        }
        self.publish(Track::STABLE, canary.version)?;
        self.end_canary()
    }

    /// The canary is over: its interactions go with all others.
    ///
    /// # Errors
    /// There is no canary.
    pub fn end_canary(&mut self) -> Result<(), RolloutError> {
        self.canary.take().map(|_| ()).ok_or(RolloutError::Unknown)
    }

    /// The track of an interaction that begins now. It depends on the identity and the key alone: the same one goes the same
    /// way again.
    #[must_use]
    pub fn track_for(&self, interaction: &InteractionId) -> Track {
        let Some(canary) = self.canary else { return Track::STABLE };
        let place = u32::from_be_bytes(keyed(&self.key, &[interaction.as_bytes()])) % 10_000;
        if place < u32::from(canary.percent) * 100 { canary.track } else { Track::STABLE }
    }

    /// The version that governs a track. Whoever was on a canary that is over, is where all are.
    #[must_use]
    pub fn version_of(&self, track: Track) -> Option<&Version<W>> {
        let canary = self.canary.filter(|canary| canary.track == track && !canary.withdrawn);
        self.version(canary.map_or(self.stable, |canary| Some(canary.version))?)
    }

    /// A version by its place.
    #[must_use]
    pub fn version(&self, index: u8) -> Option<&Version<W>> {
        self.versions.get(usize::from(index)).and_then(Option::as_ref)
    }

    /// A version by its number, which is its own for good.
    #[must_use]
    pub(crate) fn version_numbered(&self, number: u32) -> Option<&Version<W>> {
        self.versions.iter().flatten().find(|version| version.number == number)
    }

    fn there(&self, version: u8) -> Result<(), RolloutError> {
        self.version(version).map(|_| ()).ok_or(RolloutError::Unknown)
    }
}
