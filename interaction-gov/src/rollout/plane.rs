//! What an interaction asks of a control plane. [`Rollout`] and [`Version`] have their sizes as parameters; the steps of an
//! interaction are the same for all sizes, and take either as one of these traits.

use super::{Rollout, Track, Version};
use crate::authority::Speaker;
use crate::changes::Changes;
use crate::identity::InteractionId;
use crate::policy::{Facts, Ruling, Settings};
use crate::time::Time;
use crate::vocabulary::{Action, Authority, Set};

/// A control plane of any size. Every [`Rollout`] is one, and nothing else: from a `Box` or a guard, `&*plane`.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use interaction_gov::audit::Sink;
/// use interaction_gov::rollout::Plane;
///
/// /// Every step of an interaction is written so, for a control plane of any size.
/// fn may(call: &mut Interaction<4, 2>, request: &Request, plane: &impl Plane, log: &mut impl Sink) -> bool {
///     call.decide(Time(2), request, plane, log).may()
/// }
///
/// let Setting { plane, mut log, mut call, seat } = setting();
/// let join = Vocabulary::read(NAMES)?.find("join").ok_or("an action")?;
/// let request = Request { action: join, seat, on: On::Nothing, binding: None, goes: Set::EMPTY };
/// assert!(may(&mut call, &request, &plane, &mut log));
/// # Ok(())
/// # }
/// ```
pub trait Plane: Governing {}

impl<T: Governing> Plane for T {}

/// What a control plane answers. It cannot be named outside of this crate, so that nothing else is a [`Plane`].
pub trait Governing {
    /// Its versions.
    type Version: Governs;

    /// The changes so far.
    fn changes(&self) -> &Changes;

    /// See [`Authorities::silent`](crate::authority::Authorities::silent).
    fn silent(&self) -> Set<Authority>;

    /// See [`Authorities::speaker`](crate::authority::Authorities::speaker).
    fn speaker(&self, authority: Authority, facts: &Facts, now: Time) -> Speaker;

    /// See [`Rollout::track_for`].
    fn track_for(&self, interaction: &InteractionId) -> Track;

    /// The version that governs an interaction on this track, or pinned to a version.
    fn version_for(&self, track: Track, pinned: Option<u32>) -> Option<&Self::Version>;

    /// Whether an interaction that this version `governs`, if any, may be pinned to another one.
    fn may_pin(&self, governs: Option<u32>, version: u32) -> bool;
}

/// What a version answers.
pub trait Governs {
    /// Its number.
    fn number(&self) -> u32;

    /// The beginning of its digest, as records have it.
    fn digest(&self) -> [u8; 8];

    /// See [`Policy::own`](crate::policy::Policy::own).
    fn own(&self) -> Set<Action>;

    /// See [`Policy::always`](crate::policy::Policy::always).
    fn always(&self) -> Set<Action>;

    /// See [`Policy::settings`](crate::policy::Policy::settings).
    fn settings(&self, facts: &Facts) -> Settings;

    /// See [`Policy::common_settings`](crate::policy::Policy::common_settings).
    fn common_settings(&self) -> Settings;

    /// See [`Policy::decide`](crate::policy::Policy::decide).
    fn decide(&self, facts: &Facts, speaker: impl Fn(Authority) -> Speaker) -> Ruling;
}

impl<const W: usize, const V: usize, const D: usize, const A: usize, const T: usize, const K: usize> Governing
    for Rollout<W, V, D, A, T, K>
{
    type Version = Version<W, A, T, K>;

    fn changes(&self) -> &Changes {
        &self.authorities.changes
    }

    fn silent(&self) -> Set<Authority> {
        self.authorities.silent()
    }

    fn speaker(&self, authority: Authority, facts: &Facts, now: Time) -> Speaker {
        self.authorities.speaker(authority, facts, now)
    }

    fn track_for(&self, interaction: &InteractionId) -> Track {
        self.track_for(interaction)
    }

    fn version_for(&self, track: Track, pinned: Option<u32>) -> Option<&Self::Version> {
        match pinned {
            None => self.version_of(track),
            Some(number) => self.version_pinned(number, track),
        }
    }

    fn may_pin(&self, governs: Option<u32>, version: u32) -> bool {
        self.may_govern(governs, version).is_ok()
    }
}

impl<const W: usize, const A: usize, const T: usize, const K: usize> Governs for Version<W, A, T, K> {
    fn number(&self) -> u32 {
        self.number
    }

    fn digest(&self) -> [u8; 8] {
        self.digest().first_chunk().copied().unwrap_or([0xFF; 8])
    }

    fn own(&self) -> Set<Action> {
        self.policy.own()
    }

    fn always(&self) -> Set<Action> {
        self.policy.always()
    }

    fn settings(&self, facts: &Facts) -> Settings {
        self.policy.settings(facts)
    }

    fn common_settings(&self) -> Settings {
        self.policy.common_settings()
    }

    fn decide(&self, facts: &Facts, speaker: impl Fn(Authority) -> Speaker) -> Ruling {
        self.policy.decide(facts, speaker)
    }
}
