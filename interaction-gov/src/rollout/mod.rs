//! Versions of the policy, and which interactions they govern (`IoE R5`).
//!
//! An interaction is on a *track*, and a track names the version that governs. Moving a track is one assignment,
//! however many interactions are on it: the next decision of each uses the new version, no decision uses a mixture, and
//! interactions on other tracks are not affected. A canary is a track that only new interactions enter.

mod error;
mod plane;
mod version;

pub use error::RolloutError;
pub(crate) use plane::Governs;
pub use plane::Plane;
pub use version::Version;

use zeroize::ZeroizeOnDrop;

use crate::authority::{Authorities, DELEGATIONS};
use crate::changes::{Change, Entry};
use crate::identity::{InteractionId, keyed};
use crate::number::Flag;
use crate::policy::{AUTHORITIES, PLACES, Policy, TESTS};
use crate::vocabulary::Authority;
pub(crate) use version::Place;

/// A track: the stable one, or that of a canary. Each canary has a track of its own.
///
/// ```
/// use interaction_gov::authority::Authorities;
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::rollout::{Rollout, RolloutError, Track};
///
/// let mut plane = Rollout::<1, 2>::new(Authorities::new(), [7; 32]); // random bytes
/// assert_eq!(plane.track_for(&InteractionId::recorded([9; 16])), Track::STABLE);
/// assert_eq!(plane.publish(Track::STABLE, 4), Err(RolloutError::Unknown), "there is no such version");
/// assert_eq!(Track::STABLE.to_string(), "stable");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Track(pub(crate) u32);

impl Track {
    /// The track of all interactions that are not on a canary.
    pub const STABLE: Self = Self(0);
}

/// A version that governs some of the new interactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Canary {
    pub track: Track,
    pub percent: u8,
    pub version: u32,
    /// Whether it was rolled back: then its interactions follow the stable track.
    pub withdrawn: Flag,
}

/// The key that chooses the interactions of a canary. It wipes itself.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Key([u8; 32]);

/// Up to `V` versions of up to 64 × `W` rules each, the tracks, and the authorities behind them, with up to `D` delegations: 0,
/// or a multiple of 8, of which each of 8 authorities has its share. `A`, `T` and `K` are those of the [`Policy`].
///
/// A version is identified by its number, which is never reused.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { mut plane, mut log, mut call, seat } = setting();
/// # let (names, nothing) = (Vocabulary::read(NAMES)?, sha2::Sha256::digest(TEXT).into());
/// # let host = names.find("host").ok_or("an authority")?;
/// # let text = "authority host\nversion 2\npermit join for device\n";
/// # let update = Update { authority: host, version: 2, follows: nothing, vocabulary: *names.digest(), text };
/// # let trusting = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true;
/// # let mut policy = Policy::new();
/// // `update` is the next text of the authority: it admits devices alone.
/// plane.authorities.take(&update, &[0; 64], &trusting, &names, &mut policy)?;
/// let second = plane.install(&policy)?;
/// plane.publish(Track::STABLE, second)?;
/// let join = names.find("join").ok_or("an action")?;
/// let request = Request { action: join, seat, on: On::Nothing, binding: None, goes: Set::EMPTY };
/// assert!(!call.decide(Time(2), &request, &plane, &mut log).may(), "the next decision is by it");
/// plane.roll_back(host, 0)?;
/// assert!(call.decide(Time(3), &request, &plane, &mut log).may());
/// # Ok(())
/// # }
/// ```
pub struct Rollout<
    const W: usize,
    const V: usize,
    const D: usize = DELEGATIONS,
    const A: usize = AUTHORITIES,
    const T: usize = TESTS,
    const K: usize = PLACES,
> {
    /// The authorities that make policy.
    pub authorities: Authorities<D>,
    pub(crate) versions: [Place<W, A, T, K>; V],
    /// A version outside of this memory, and whether it was rolled back.
    pub(crate) linked: Option<&'static Version<W, A, T, K>>,
    pub(crate) linked_withdrawn: Flag,
    pub(crate) stable: Option<u32>,
    /// The version that governs everything in an emergency, whatever the track or the pin.
    pub(crate) emergency: Option<u32>,
    pub(crate) canary: Option<Canary>,
    pub(crate) canaries: u32,
    pub(crate) numbers: u32,
    pub(crate) key: Key,
}

impl<const W: usize, const V: usize, const D: usize> Rollout<W, V, D> {
    /// A control plane without versions: it permits nothing. `key` are 32 random bytes, which choose the interactions
    /// of a canary.
    ///
    /// It is large, so a device keeps it in a static: without authorities and with a key of zeros, all its bytes are
    /// zero and take no flash. The key is then set with [`set_key`](Self::set_key).
    ///
    /// ```
    /// use interaction_gov::authority::Authorities;
    /// use interaction_gov::rollout::Rollout;
    ///
    /// static EMPTY: Rollout<1, 2> = Rollout::new(Authorities::new(), [0; 32]);
    /// assert!(EMPTY.version(0).is_none());
    /// ```
    #[must_use]
    pub const fn new(authorities: Authorities<D>, key: [u8; 32]) -> Self {
        Self::with_room(authorities, key)
    }
}

impl<const W: usize, const V: usize, const D: usize, const A: usize, const T: usize, const K: usize>
    Rollout<W, V, D, A, T, K>
{
    /// The same for versions of up to `A` authorities, `T` tests and `K` kinds of regions.
    #[must_use]
    pub const fn with_room(authorities: Authorities<D>, key: [u8; 32]) -> Self {
        let versions = [const { Place::FREE }; V];
        Self {
            authorities,
            versions,
            linked: None,
            linked_withdrawn: Flag::NO,
            stable: None,
            emergency: None,
            canary: None,
            canaries: 0,
            numbers: 0,
            key: Key(key),
        }
    }

    /// Sets the key that chooses the interactions of a canary. To be called before the first canary.
    pub fn set_key(&mut self, key: [u8; 32]) {
        self.key = Key(key);
    }

    /// Stores a policy as a version, and returns its number; it governs nothing yet. Every text in it must be the
    /// latest that its authority signed, and it must contain every authority that has signed one and has not left.
    ///
    /// # Errors
    /// [`RolloutError::NotSigned`], [`RolloutError::LeftOut`] or [`RolloutError::Full`].
    // keeps: IOE-132 (§8), IOE-136 (§8)
    pub fn install(&mut self, policy: &Policy<W, A, T, K>) -> Result<u32, RolloutError> {
        let number = self.numbers;
        let next = number.checked_add(1).ok_or(RolloutError::Full)?;
        for member in policy.members() {
            if !self.authorities.vouches(member.authority, member.version, &member.digest, &member.vocabulary) {
                return Err(RolloutError::NotSigned(member.authority));
            }
        }
        let there = policy.members().iter().map(|member| member.authority).collect();
        if let Some(authority) = self.authorities.signed().without(there).iter().next() {
            return Err(RolloutError::LeftOut(authority));
        }
        let place = self.versions.iter_mut().find(|place| place.version().is_none()).ok_or(RolloutError::Full)?;
        // Filled in place, without a copy.
        place.fill(number, Flag::NO).clone_from(policy);
        self.numbers = next;
        Ok(number)
    }

    /// Takes a version that is part of the firmware, in place of an earlier linked one; it governs nothing yet. Its
    /// texts count as taken: later updates of their authorities have to follow them. So the maker of the firmware
    /// vouches for them. Each of its authorities must be known here, and no authority that has signed a text may be
    /// missing.
    ///
    /// # Errors
    /// [`RolloutError::NotSigned`]: an authority is not known, or has signed something newer, or something else under that number;
    /// [`RolloutError::LeftOut`]; [`RolloutError::Full`]: its number was given already; [`RolloutError::InUse`]: the version that
    /// was linked before governs.
    // keeps: IOE-132 (§8), IOE-136 (§8)
    pub fn link(&mut self, version: &'static Version<W, A, T, K>) -> Result<u32, RolloutError> {
        let number = version.number;
        let next = number.checked_add(1).filter(|next| *next > self.numbers).ok_or(RolloutError::Full)?;
        if self.linked.is_some_and(|linked| self.governs(linked.number)) {
            return Err(RolloutError::InUse);
        }
        let members = version.policy.members();
        if let Some(member) = members.iter().find(|member| !self.authorities.may_follow(member)) {
            return Err(RolloutError::NotSigned(member.authority));
        }
        let there = members.iter().map(|member| member.authority).collect();
        if let Some(authority) = self.authorities.signed().without(there).iter().next() {
            return Err(RolloutError::LeftOut(authority));
        }
        if !self.authorities.has_room_for(members) {
            return Err(RolloutError::Full);
        }
        members.iter().for_each(|member| self.authorities.follow(member));
        (self.linked, self.linked_withdrawn, self.numbers) = (Some(version), Flag::NO, next);
        Ok(number)
    }

    fn governs(&self, version: u32) -> bool {
        [self.stable, self.emergency, self.canary.map(|canary| canary.version)].contains(&Some(version))
    }

    /// All versions, and whether each was rolled back.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Version<W, A, T, K>, Flag)> {
        let linked = self.linked.into_iter().map(|version| (version, self.linked_withdrawn));
        let others = self.versions.iter().filter_map(Place::version);
        linked.chain(others.map(|version| (version, version.withdrawn)))
    }

    /// Discards a version. Interactions that are pinned to it are then governed by no version, and permit nothing, also if it was
    /// rolled back: nothing remembers that.
    ///
    /// # Errors
    /// There is no such version, or it governs a track.
    pub fn discard(&mut self, version: u32) -> Result<(), RolloutError> {
        self.there(version)?;
        if self.governs(version) {
            return Err(RolloutError::InUse);
        }
        self.linked = self.linked.filter(|linked| linked.number != version);
        let is_this = |place: &&mut Place<W, A, T, K>| place.version().is_some_and(|one| one.number == version);
        if let Some(place) = self.versions.iter_mut().find(is_this) {
            place.free();
        }
        Ok(())
    }

    /// Moves a track: from now on this version governs all interactions on it. Publishing the version that already
    /// governs changes nothing. Other tracks and pinned interactions stay as they are: [`emergency`](Self::emergency)
    /// covers all of them.
    ///
    /// # Errors
    /// There is no such version, or it was rolled back, or a text in it was taken back, or it is older than the one that governs
    /// the track; or the track belongs to a canary that is over.
    // keeps: IOE-016 (§2.2), IOE-017 (§2.2), IOE-018 (§2.2), IOE-078 (§4.5 R5), IOE-081 (§4.5 R5)
    pub fn publish(&mut self, track: Track, version: u32) -> Result<(), RolloutError> {
        let canary = self.canary.filter(|canary| canary.track == track && !canary.withdrawn.is());
        self.goes_on(canary.map_or(self.stable, |canary| Some(canary.version)), version)?;
        let changes = if let Some(canary) = self.canary.as_mut().filter(|canary| canary.track == track) {
            let before = core::mem::replace(&mut canary.version, version);
            let withdrawn = core::mem::replace(&mut canary.withdrawn, Flag::NO);
            before != version || withdrawn.is()
        } else if track != Track::STABLE {
            return Err(RolloutError::Unknown);
        } else {
            self.stable.replace(version) != Some(version)
        };
        if changes {
            self.changes(Entry::of_version(Change::Published, Some(version), track.0));
        }
        Ok(())
    }

    /// Lets a version govern everything from now on: all tracks and all pinned interactions. It is for when an
    /// authority has to deny something everywhere at once.
    ///
    /// # Errors
    /// There is no such version, or it was rolled back, or a text in it was taken back, or it is older than the stable or the
    /// emergency version.
    pub fn emergency(&mut self, version: u32) -> Result<(), RolloutError> {
        self.goes_on(self.stable.max(self.emergency), version)?;
        // What governs the stable track alone begins here.
        self.may_govern(self.emergency, version)?;
        if self.emergency.replace(version) != Some(version) {
            self.changes(Entry::of_version(Change::Emergency, Some(version), 0));
        }
        Ok(())
    }

    /// Ends the emergency: tracks and pins count again.
    pub fn lift_emergency(&mut self) {
        if let Some(version) = self.emergency.take() {
            self.changes(Entry::of_version(Change::EmergencyLifted, Some(version), 0));
        }
    }

    /// Notes a change. Every interaction records it before its next decision.
    fn changes(&mut self, entry: Entry) {
        self.authorities.changes.add(entry);
    }

    /// Moves the stable track back to an earlier version, for the text of one authority: later changes of other
    /// authorities stay. The version that governed until then governs nothing any more, and cannot be used again under
    /// its number: a canary of it is rolled back, an emergency goes on with the earlier version, and interactions that
    /// are pinned to it follow their tracks.
    ///
    /// # Errors
    /// There is no such version; it governs already, is newer, or was itself rolled back; or the authority's text in it was taken
    /// back, or that of another differs in it.
    // keeps: IOE-080 (§4.5 R5)
    pub fn roll_back(&mut self, whose: Authority, to: u32) -> Result<(), RolloutError> {
        let target = self.usable(to)?;
        let governs = self.there(self.stable.ok_or(RolloutError::NothingBefore)?)?;
        if target.number >= governs.number {
            return Err(RolloutError::NothingBefore);
        }
        let (target, governs) = (target.policy.members(), governs.policy.members());
        // The texts of the others govern already.
        if target.iter().any(|member| member.authority == whose && self.authorities.took_back(member)) {
            return Err(RolloutError::TakenBack(whose));
        }
        for (one, others) in [(target, governs), (governs, target)] {
            let same = |member: &&crate::policy::Member| {
                let other = others.iter().find(|other| other.authority == member.authority);
                member.authority == whose || other.is_some_and(|other| other.digest == member.digest)
            };
            if let Some(member) = one.iter().find(|member| !same(member)) {
                return Err(RolloutError::OfAnother(member.authority));
            }
        }
        let bad = self.stable.replace(to);
        self.withdraw(bad);
        self.changes(Entry { version: to, ..Entry::by(Change::RolledBack, whose) });
        self.end_emergency_of(bad, Some(to));
        let is_bad = |canary: &&mut Canary| Some(canary.version) == bad && !canary.withdrawn.is();
        if let Some(canary) = self.canary.as_mut().filter(is_bad) {
            canary.withdrawn = Flag::YES;
            let Canary { version, track, .. } = *canary;
            self.changes(Entry::of_version(Change::CanaryRolledBack, Some(version), track.0));
        }
        Ok(())
    }

    /// Lets an emergency go on with another version, if it is of one that was rolled back.
    fn end_emergency_of(&mut self, bad: Option<u32>, to: Option<u32>) {
        if self.emergency.is_some() && self.emergency == bad {
            self.emergency = to;
            let change = if to.is_some() { Change::Emergency } else { Change::EmergencyLifted };
            self.changes(Entry::of_version(change, to.or(bad), 0));
        }
    }

    fn withdraw(&mut self, version: Option<u32>) {
        if self.linked.is_some_and(|linked| Some(linked.number) == version) {
            self.linked_withdrawn = Flag::YES;
        }
        let is_this = |place: &&mut Place<W, A, T, K>| place.version().is_some_and(|one| Some(one.number) == version);
        if let Some(place) = self.versions.iter_mut().find(is_this) {
            place.withdraw();
        }
    }

    /// Lets a version govern this percentage of the interactions that begin from now on.
    ///
    /// # Errors
    /// There is a canary already; there is no such version, or it was rolled back, or a text in it was taken back, or it is older
    /// than the stable one; or the share is more than 100 percent.
    // keeps: IOE-079 (§4.5 R5)
    pub fn start_canary(&mut self, version: u32, percent: u8) -> Result<Track, RolloutError> {
        self.usable(version)?;
        if percent > 100 {
            return Err(RolloutError::Percent);
        }
        if self.canary.is_some() {
            return Err(RolloutError::Busy);
        }
        self.goes_on(self.stable, version)?;
        self.may_govern(None, version)?;
        self.canaries = self.canaries.checked_add(1).ok_or(RolloutError::Full)?;
        let track = Track(self.canaries);
        self.canary = Some(Canary { track, percent, version, withdrawn: Flag::NO });
        self.changes(Entry::of_version(Change::CanaryStarted, Some(version), track.0));
        Ok(track)
    }

    /// Rolls the canary back: its interactions follow the stable track. Unless its version governs that track, it
    /// cannot be used again; an emergency of it goes on with the stable version.
    ///
    /// # Errors
    /// There is no canary, or it was rolled back already.
    pub fn roll_back_canary(&mut self) -> Result<(), RolloutError> {
        let canary = self.canary.as_mut().ok_or(RolloutError::Unknown)?;
        if canary.withdrawn.is() {
            return Err(RolloutError::Withdrawn);
        }
        canary.withdrawn = Flag::YES;
        let Canary { version, track, .. } = *canary;
        if self.stable != Some(version) {
            self.withdraw(Some(version));
        }
        self.changes(Entry::of_version(Change::CanaryRolledBack, Some(version), track.0));
        if self.stable != Some(version) {
            self.end_emergency_of(Some(version), self.stable);
        }
        Ok(())
    }

    /// Lets the canary's version govern the stable track.
    ///
    /// # Errors
    /// There is no canary, or it was rolled back, or a newer version governs the stable track.
    pub fn promote_canary(&mut self) -> Result<(), RolloutError> {
        let canary = self.canary.ok_or(RolloutError::Unknown)?;
        if canary.withdrawn.is() {
            return Err(RolloutError::Withdrawn);
        }
        self.publish(Track::STABLE, canary.version)?;
        self.end_canary()
    }

    /// Ends the canary: its interactions follow the stable track.
    ///
    /// # Errors
    /// There is no canary.
    pub fn end_canary(&mut self) -> Result<(), RolloutError> {
        let Canary { version, track, .. } = self.canary.take().ok_or(RolloutError::Unknown)?;
        self.changes(Entry::of_version(Change::CanaryEnded, Some(version), track.0));
        Ok(())
    }

    /// The track of an interaction that begins now. It depends on the identity and the key alone, so the same
    /// interaction gets the same track again.
    #[must_use]
    pub fn track_for(&self, interaction: &InteractionId) -> Track {
        let Some(canary) = self.canary else { return Track::STABLE };
        let place = u32::from_be_bytes(keyed(&self.key.0, &[interaction.as_bytes()])) % 10_000;
        if place < u32::from(canary.percent) * 100 { canary.track } else { Track::STABLE }
    }

    /// The version that governs a track. Interactions of a canary that is over follow the stable track.
    #[must_use]
    pub fn version_of(&self, track: Track) -> Option<&Version<W, A, T, K>> {
        let canary = self.canary.filter(|canary| canary.track == track && !canary.withdrawn.is());
        self.version(self.emergency.or_else(|| canary.map_or(self.stable, |canary| Some(canary.version)))?)
    }

    /// A version by its number.
    #[must_use]
    pub fn version(&self, number: u32) -> Option<&Version<W, A, T, K>> {
        let linked = self.linked.filter(|linked| linked.number == number);
        linked.or_else(|| self.versions.iter().filter_map(Place::version).find(|version| version.number == number))
    }

    /// The version that governs interactions that are pinned to this one. If it was rolled back, they follow their
    /// track.
    pub(crate) fn version_pinned(&self, number: u32, track: Track) -> Option<&Version<W, A, T, K>> {
        match self.usable(self.emergency.unwrap_or(number)) {
            Ok(version) => Some(version),
            Err(RolloutError::Withdrawn) => self.version_of(track),
            Err(_) => None,
        }
    }

    /// Refuses a version that cannot take the place of the governing one: it may be older. A version contains the latest texts at
    /// the time when it was installed; an older one lacks later changes. The one that governs may stay.
    fn goes_on(&self, governs: Option<u32>, version: u32) -> Result<(), RolloutError> {
        self.usable(version)?;
        if governs.is_some_and(|governs| governs > version) {
            return Err(RolloutError::Older);
        }
        self.may_govern(governs, version).map(drop)
    }

    /// The version, unless a text in it was taken back since it was installed: where it governs it may stay, and it begins nowhere.
    pub(crate) fn may_govern(&self, governs: Option<u32>, version: u32) -> Result<&Version<W, A, T, K>, RolloutError> {
        let next = self.usable(version)?;
        let bad = next.policy.members().iter().find(|member| self.authorities.took_back(member));
        match bad.filter(|_| governs != Some(version)) {
            Some(member) => Err(RolloutError::TakenBack(member.authority)),
            None => Ok(next),
        }
    }

    fn there(&self, version: u32) -> Result<&Version<W, A, T, K>, RolloutError> {
        self.version(version).ok_or(RolloutError::Unknown)
    }

    /// A version that was not rolled back.
    pub(crate) fn usable(&self, number: u32) -> Result<&Version<W, A, T, K>, RolloutError> {
        let (version, withdrawn) =
            self.all().find(|(version, _)| version.number == number).ok_or(RolloutError::Unknown)?;
        if withdrawn.is() { Err(RolloutError::Withdrawn) } else { Ok(version) }
    }
}
