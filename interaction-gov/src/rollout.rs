//! Versions, and which interactions they govern (`IoE R5`).
//!
//! An interaction is on a *track*, and a track names the version that governs. To move a track is one assignment, however
//! many interactions are on it: the next decision of each sees it, no decision sees half of it, and no interaction on
//! another track sees anything. A canary is a track that only new interactions enter.

use core::fmt;

use heapless::Vec;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::authority::Authorities;
use crate::identity::{InteractionId, keyed};
use crate::policy::Policy;

/// How many tracks there can be: one that is stable, and one for each canary.
pub const TRACKS: usize = 64;

/// What is configured beside the rules; it rolls out with them, and back.
// keeps: IOE-082
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Settings {
    /// How long a permit holds before it is decided again, in milliseconds.
    pub lease_ms: u32,
    /// How long a participant's validation holds at most, in milliseconds.
    pub validation_ms: u32,
    /// How long a failed function has to recover, in milliseconds.
    pub recovery_ms: u32,
    /// After how many records the head of a chain is to be signed.
    pub head_every: u32,
}

impl Default for Settings {
    /// Ten seconds, a minute, ten seconds, 256 records.
    fn default() -> Self {
        Self { lease_ms: 10_000, validation_ms: 60_000, recovery_ms: 10_000, head_every: 256 }
    }
}

/// A version: a policy and its settings.
#[derive(Clone)]
pub struct Version<const W: usize> {
    /// Its number. No two versions of a control plane have the same.
    pub number: u32,
    /// What identifies it: SHA-256("IoE/1 version" | 0 | policy | settings).
    pub digest: [u8; 32],
    /// The rules.
    pub policy: Policy<W>,
    /// What is configured.
    pub settings: Settings,
}

/// A track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Track(u8);

impl Track {
    /// The track of all interactions that are on no canary.
    pub const STABLE: Self = Self(0);
}

#[derive(Clone, Copy)]
struct Course {
    now: Option<u8>,
    before: Option<u8>,
    /// A canary that is over goes where this one goes.
    follows: Option<Track>,
}

/// Why a rollout is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RolloutError {
    /// No authority has signed this text as its latest.
    NotSigned,
    /// There is no room for another version, or another track.
    Full,
    /// There is no such version, track or canary.
    Unknown,
    /// A version that governs is not thrown away.
    InUse,
    /// There is a canary already.
    Busy,
    /// There is nothing to go back to.
    NothingBefore,
}

impl fmt::Display for RolloutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSigned => "no authority has signed this as its latest",
            Self::Full => "no room",
            Self::Unknown => "there is no such version, track or canary",
            Self::InUse => "the version governs",
            Self::Busy => "there is a canary already",
            Self::NothingBefore => "there is nothing to go back to",
        })
    }
}

impl core::error::Error for RolloutError {}

/// Up to `V` versions of up to 64 × `W` rules each, the tracks, and the authorities behind them.
pub struct Rollout<const W: usize, const V: usize> {
    /// Who makes policy.
    pub authorities: Authorities,
    versions: [Option<Version<W>>; V],
    tracks: Vec<Course, TRACKS>,
    canary: Option<(Track, u8)>,
    key: Zeroizing<[u8; 32]>,
    numbers: u32,
}

impl<const W: usize, const V: usize> Rollout<W, V> {
    /// A control plane without versions: it permits nothing. `key` are 32 random bytes; they choose the canaries.
    #[must_use]
    pub fn new(authorities: Authorities, key: [u8; 32]) -> Self {
        let mut tracks = Vec::new();
        // There is room for one.
        let _ = tracks.push(Course { now: None, before: None, follows: None });
        let versions = [const { None }; V];
        Self { authorities, versions, tracks, canary: None, key: Zeroizing::new(key), numbers: 0 }
    }

    /// Keeps a policy as a version; it governs nothing yet. Every text in it must be the latest that its authority signed.
    ///
    /// # Errors
    /// [`RolloutError::NotSigned`] or [`RolloutError::Full`].
    pub fn install(&mut self, policy: Policy<W>, settings: Settings) -> Result<u8, RolloutError> {
        let vouched =
            |member: &crate::policy::Member| self.authorities.vouches(member.authority, member.version, &member.digest);
        if !policy.members().iter().all(vouched) {
            return Err(RolloutError::NotSigned);
        }
        let place = self.versions.iter().position(Option::is_none).ok_or(RolloutError::Full)?;
        let index = u8::try_from(place).map_err(|_| RolloutError::Full)?;
        let number = self.numbers;
        let digest = Sha256::new()
            .chain_update(b"IoE/1 version\0")
            .chain_update(policy.digest())
            .chain_update(settings.lease_ms.to_be_bytes())
            .chain_update(settings.validation_ms.to_be_bytes())
            .chain_update(settings.recovery_ms.to_be_bytes())
            .chain_update(settings.head_every.to_be_bytes())
            .finalize()
            .into();
        if let Some(slot) = self.versions.get_mut(place) {
            *slot = Some(Version { number, digest, policy, settings });
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
        let named = |course: &Course| course.follows.is_none() && [course.now, course.before].contains(&Some(version));
        if self.tracks.iter().any(named) {
            return Err(RolloutError::InUse);
        }
        if let Some(slot) = self.versions.get_mut(usize::from(version)) {
            *slot = None;
        }
        Ok(())
    }

    /// Moves a track: from now on this version governs all interactions on it.
    ///
    /// # Errors
    /// There is no such version or track.
    // keeps: IOE-016, IOE-017, IOE-018, IOE-078, IOE-081
    pub fn publish(&mut self, track: Track, version: u8) -> Result<(), RolloutError> {
        self.there(version)?;
        let track = self.resolve(track);
        let course = self.tracks.get_mut(usize::from(track.0)).ok_or(RolloutError::Unknown)?;
        (course.before, course.now) = (course.now, Some(version));
        Ok(())
    }

    /// Moves a track back to the version before. To go back twice is to go forth again.
    ///
    /// # Errors
    /// There is none.
    // keeps: IOE-080
    pub fn roll_back(&mut self, track: Track) -> Result<(), RolloutError> {
        let track = self.resolve(track);
        let course = self.tracks.get_mut(usize::from(track.0)).ok_or(RolloutError::Unknown)?;
        if course.before.is_none() {
            return Err(RolloutError::NothingBefore);
        }
        core::mem::swap(&mut course.now, &mut course.before);
        Ok(())
    }

    /// Lets a version govern this percentage of the interactions that begin from now on.
    ///
    /// # Errors
    /// There is a canary already, no such version, or no room for another track.
    // keeps: IOE-079
    pub fn start_canary(&mut self, version: u8, percent: u8) -> Result<Track, RolloutError> {
        self.there(version)?;
        if self.canary.is_some() {
            return Err(RolloutError::Busy);
        }
        let stable = self.tracks.first().and_then(|stable| stable.now);
        let track = u8::try_from(self.tracks.len()).map(Track).map_err(|_| RolloutError::Full)?;
        let course = Course { now: Some(version), before: stable, follows: None };
        self.tracks.push(course).map_err(|_| RolloutError::Full)?;
        self.canary = Some((track, percent.min(100)));
        Ok(track)
    }

    /// The canary's version governs everybody.
    ///
    /// # Errors
    /// There is no canary.
    pub fn promote_canary(&mut self) -> Result<(), RolloutError> {
        let (track, _) = self.canary.ok_or(RolloutError::Unknown)?;
        let version = self.tracks.get(usize::from(track.0)).and_then(|course| course.now);
        self.publish(Track::STABLE, version.ok_or(RolloutError::Unknown)?)?;
        self.end_canary()
    }

    /// The canary is over: its interactions go with all others.
    ///
    /// # Errors
    /// There is no canary.
    pub fn end_canary(&mut self) -> Result<(), RolloutError> {
        let (track, _) = self.canary.take().ok_or(RolloutError::Unknown)?;
        if let Some(course) = self.tracks.get_mut(usize::from(track.0)) {
            course.follows = Some(Track::STABLE);
        }
        Ok(())
    }

    /// The track of an interaction that begins now. It depends on the identity and the key alone: the same one goes the same
    /// way again.
    #[must_use]
    pub fn track_for(&self, interaction: &InteractionId) -> Track {
        let Some((track, percent)) = self.canary else { return Track::STABLE };
        let place = u32::from_be_bytes(keyed(&self.key, &[interaction.as_bytes()])) % 10_000;
        if place < u32::from(percent) * 100 { track } else { Track::STABLE }
    }

    /// The version that governs a track.
    #[must_use]
    pub fn version_of(&self, track: Track) -> Option<&Version<W>> {
        let track = self.resolve(track);
        let course = self.tracks.get(usize::from(track.0))?;
        self.version(course.now?)
    }

    /// A version.
    #[must_use]
    pub fn version(&self, index: u8) -> Option<&Version<W>> {
        self.versions.get(usize::from(index)).and_then(Option::as_ref)
    }

    fn there(&self, version: u8) -> Result<(), RolloutError> {
        self.version(version).map(|_| ()).ok_or(RolloutError::Unknown)
    }

    /// Whatever follows, follows the stable track.
    fn resolve(&self, track: Track) -> Track {
        self.tracks.get(usize::from(track.0)).and_then(|course| course.follows).unwrap_or(track)
    }
}
