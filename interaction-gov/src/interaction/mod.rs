//! An interaction: the step functions through which every governed action passes (`IoE R1` to `R9`).
//!
//! Each step takes the time, the versions and a log for its records. It either checks, decides, records and changes the
//! state, or it changes nothing and returns the reason. Everything that it did is then in the chain.

mod change;
mod choose;
mod compute;
mod decide;
mod flow;
mod keep;
mod recording;
mod review;
mod tighten;

pub use change::{Attribution, Transition};
pub use choose::Choice;
pub use decide::Decision;
pub use flow::{Flow, To};

use crate::audit::{Chain, FORMAT, Head, Need, Record, RecordKind, Sink, Verdict};
use crate::function::{Binding, Health, Running};
use crate::identity::InteractionId;
pub use crate::lease::{Lease, Request};
use crate::lifecycle::State;
use crate::participant::{Participant, Seat};
use crate::policy::On;
use crate::rollout::{Governs, Plane, Track};
use crate::time::Time;
use crate::vocabulary::{Consent, Set};

/// Whether decisions bind.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { plane, mut log, .. } = setting();
/// let id = InteractionId::recorded([8; 16]); // drawn, by an application
/// let mut call = Interaction::<4, 2>::create(id, Time(0), Mode::Observe, &plane, &mut log)?;
/// let seat = call.join(Time(1), &Admission { kind: Kind::Agent, ..admission(1) }, &plane, &mut log)?;
/// let record = Vocabulary::read(NAMES)?.find("record").ok_or("an action")?;
/// let request = Request { action: record, seat, on: On::Nothing, binding: None, goes: Set::EMPTY };
/// let decision = call.decide(Time(2), &request, &plane, &mut log);
/// assert!(!decision.verdict.permits() && decision.may(), "it is denied, recorded, and done");
/// # Ok(())
/// # }
/// ```
// keeps: IOE-099 (§4.8 R8)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode {
    /// A denied action must not be done.
    Enforce,
    /// Everything is decided and recorded, but no denial prevents anything: for adoption beside an existing system.
    /// Failures and suspensions take effect all the same.
    Observe,
}

/// Why a step was refused. The interaction is as before, except for its clock and for the record of the refusal, if
/// there was room for it.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { mut log, mut call, .. } = setting();
/// let refused = call.leave(Time(2), Seat(7), &mut log).err().ok_or("the seat is empty")?;
/// assert_eq!(refused.0, interaction_gov::audit::Verdict::NoParticipant);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refused(pub Verdict);

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for Refused {}

/// An interaction with up to `P` participants and up to `B` running functions and computations (`B` is at most 32).
///
/// ```
/// use interaction_gov::audit::{Log, RECORD, Verdict};
/// use interaction_gov::authority::{Authorities, Update};
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::interaction::{Interaction, Mode, Request};
/// use interaction_gov::participant::{Admission, Streams, Validation};
/// use interaction_gov::policy::{Kind, On, Policy};
/// use interaction_gov::rollout::{Rollout, Track};
/// use interaction_gov::time::Time;
/// use interaction_gov::vocabulary::{Posture, Set, Vocabulary};
/// use sha2::{Digest as _, Sha256};
///
/// // What an authority has signed governs.
/// let names = Vocabulary::read("actions join, speak, record\nregions de\nauthorities host")?;
/// let text = "authority host\nversion 1\npermit join, speak for human\n";
/// let (host, nothing) = (names.find("host").ok_or("an authority")?, Sha256::digest("").into());
/// let update = Update { authority: host, version: 1, follows: nothing, vocabulary: *names.digest(), text };
/// let trusting = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true; // an application verifies
/// let mut plane = Rollout::<1, 2>::new(Authorities::new(), [7; 32]); // random bytes
/// let mut policy = Policy::new();
/// plane.authorities.introduce(host, [1; 32])?;
/// plane.authorities.take(&update, &[0; 64], &trusting, &names, &mut policy)?;
/// let version = plane.install(&policy)?;
/// plane.publish(Track::STABLE, version)?;
///
/// // A person takes part, and does what is permitted; each step leaves its record.
/// let mut log = Log::new([[0; RECORD]; 16]);
/// let id = InteractionId::recorded([9; 16]); // drawn, by an application
/// let mut call = Interaction::<4, 2>::create(id, Time(0), Mode::Enforce, &plane, &mut log)?;
/// let ada = Admission {
///     action: names.find("join").ok_or("an action")?,
///     name: [1; 16],
///     kind: Kind::Human,
///     home: Some(host),
///     credential_until: Time(3_600_000),
///     validation: Validation { posture: Posture(0), region: names.find("de"), until: Time(60_000) },
///     roles: Set::EMPTY,
///     streams: Streams::UNSAID,
///     consents: Set::EMPTY,
/// };
/// let seat = call.join(Time(1), &ada, &plane, &mut log)?;
/// let speak = names.find("speak").ok_or("an action")?;
/// let request = Request { action: speak, seat, on: On::Nothing, binding: None, goes: Set::EMPTY };
/// let decision = call.decide(Time(2), &request, &plane, &mut log);
/// assert_eq!((decision.verdict, decision.line), (Verdict::Permit, Some(3)));
/// // Before each processing that it permits:
/// let lease = decision.lease.ok_or("a permit")?;
/// assert!(call.permits(&lease, &request, Time(3), &plane));
/// let record = Request { action: names.find("record").ok_or("an action")?, ..request };
/// assert_eq!(call.decide(Time(4), &record, &plane, &mut log).verdict, Verdict::NotPermitted);
/// assert_eq!(log.waiting().len(), 5, "it was created, joined, begun; and two decisions");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// keeps: IOE-055 (§4.1 R1), IOE-057 (§4.1 R1), IOE-058 (§4.1 R1)
pub struct Interaction<const P: usize, const B: usize> {
    id: InteractionId,
    chain: Chain,
    /// The number of records at the last head.
    head_at: u32,
    track: Track,
    /// The number of the version to which it is pinned.
    pinned: Option<u32>,
    mode: Mode,
    state: State,
    /// It was suspended by an act; the recovery of functions does not end that.
    held: bool,
    /// Counts the changes that end all earlier permits.
    epoch: u32,
    last: Time,
    /// The first bytes of the hash over its first record.
    birth: [u8; 4],
    /// The number of tightenings that took effect and are not recorded yet; and whether the end of the interaction is
    /// one of them.
    unrecorded: u32,
    unended: bool,
    /// Refusals of strangers: how many more are recorded one by one, since when they are counted, and how many were not
    /// recorded.
    meter: (u8, Time),
    spared: u32,
    /// What governed at the last record: the version, and the number of changes of the control plane.
    governed: (Option<u32>, u32),
    banned: heapless::Vec<[u8; 16], P>,
    /// More participants were banned than there is room for, so none is admitted any more.
    closed: bool,
    seats: [Option<Participant>; P],
    running: [Option<Running>; B],
    /// How many participants, and how many functions, there have been so far.
    numbers: (u16, u16),
}

/// How many refusals of strangers are recorded one by one, and in how many milliseconds.
const METER: (u8, u64) = (8, 10_000);

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// No interaction: its state is terminated, and nothing is permitted in it. One can [begin](Self::begin) in its
    /// place.
    pub const VACANT: Self = Self {
        id: InteractionId::recorded([0; 16]),
        chain: Chain::at(0, [0; 32]),
        head_at: 0,
        track: Track::STABLE,
        pinned: None,
        mode: Mode::Enforce,
        state: State::Terminated,
        held: false,
        epoch: 0,
        last: Time(0),
        birth: [0; 4],
        unrecorded: 0,
        unended: false,
        meter: (METER.0, Time(0)),
        spared: 0,
        governed: (None, 0),
        banned: heapless::Vec::new(),
        closed: false,
        seats: [None; P],
        running: [None; B],
        numbers: (0, 0),
    };

    /// Creates an interaction. Its identity determines its track.
    ///
    /// # Errors
    /// There is no room for the record.
    pub fn create(
        id: InteractionId,
        now: Time,
        mode: Mode,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Result<Self, Refused> {
        let mut interaction = Self::VACANT;
        interaction.begin(id, now, mode, rollout, log).map(|()| interaction)
    }

    /// The same in place, where an interaction has ended: on a device the memory is a static that does not move.
    ///
    /// # Errors
    /// There is no room for the record, or the interaction in this place is not over.
    pub fn begin(
        &mut self,
        id: InteractionId,
        now: Time,
        mode: Mode,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        const { assert!(B <= 32 && P < u16::MAX as usize) };
        if self.state != State::Terminated || self.unended {
            return Err(Refused(Verdict::Conflict));
        }
        if !log.has_room(1, Need::Ordinary) {
            return Err(Refused(Verdict::AuditFull));
        }
        (self.id, self.chain, self.head_at) = (id, Chain::of(&id), 0);
        (self.track, self.pinned) = (rollout.track_for(&id), None);
        (self.mode, self.state, self.held) = (mode, State::Created, false);
        (self.epoch, self.last) = (0, now);
        (self.unrecorded, self.meter, self.spared) = (0, (METER.0, now), 0);
        self.banned.clear();
        self.closed = false;
        self.seats.iter_mut().for_each(|seat| *seat = None);
        self.running.iter_mut().for_each(|running| *running = None);
        self.numbers = (0, 0);
        // The version that governs it from the beginning.
        let version = self.version(rollout);
        let digest = version.map_or([0xFF; 8], Governs::digest);
        let number = version.map(Governs::number);
        self.governed = (number, rollout.changes().count);
        let begins = Record {
            subject: FORMAT,
            action: Some(mode as u8),
            policy: number,
            digest,
            obligations: crate::audit::record::low(rollout.silent().bits()),
            plane: self.governed.1,
            count: self.track.0,
            ..self.fact(RecordKind::Created)
        };
        self.write(begins, log);
        self.birth = self.chain.hash().first_chunk().copied().unwrap_or_default();
        Ok(())
    }

    /// The identity.
    #[must_use]
    pub const fn id(&self) -> &InteractionId {
        &self.id
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The latest time that a step was given.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.last
    }

    /// The chain of its records.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// A participant.
    #[must_use]
    pub fn participant(&self, seat: Seat) -> Option<&Participant> {
        self.seats.iter().flatten().find(|participant| participant.seat == seat)
    }

    /// A running function.
    #[must_use]
    pub fn running(&self, binding: Binding) -> Option<&Running> {
        self.running.iter().flatten().find(|running| running.number == binding)
    }

    /// What every person who is there consents to, on all streams. A person whose validation has lapsed counts as
    /// consenting to nothing; without people there is no consent.
    #[must_use]
    pub fn consents(&self) -> Set<Consent> {
        self.common(On::Unsaid, self.last, |_| true)
    }

    /// Whether a participant of this name was banned.
    #[must_use]
    pub fn is_banned(&self, name: &[u8; 16]) -> bool {
        self.closed || self.banned.contains(name)
    }

    /// The version that governs the interaction now.
    #[must_use]
    pub fn version<'r, R: Plane>(&self, rollout: &'r R) -> Option<&'r R::Version> {
        rollout.version_for(self.track, self.pinned)
    }

    /// Whether a head is to be signed now: as often as the settings require, and at the end.
    #[must_use]
    pub fn head_is_due(&self, rollout: &impl Plane) -> bool {
        let every = self.version(rollout).map_or(1, |version| version.common_settings().head_every);
        let since = self.chain.next().saturating_sub(self.head_at);
        since >= every.max(1) || (since > 0 && self.state == State::Terminated)
    }

    /// The head, to be signed by the control plane and kept apart from the records.
    pub fn head(&mut self) -> Head {
        self.head_at = self.chain.next();
        // As long as its end is not recorded, at least one record follows.
        let last = self.state == State::Terminated && self.unrecorded == 0;
        Head { interaction: self.id, records: self.chain.next(), hash: *self.chain.hash(), time: self.last, last }
    }

    /// When the next lease of a function or of a participant's streams ends, or the next time to recover.
    /// [`review`](Self::review) is due then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let due = |running: &Running| match running.health {
            Health::Failed { recover_by } => Some(recover_by),
            // No lease outlives the validation that it rests on. No lease is renewed while nothing is permitted, or
            // while a function that delegated this one has failed.
            Health::Running => (self.state.governs() && !self.waits(running)).then(|| running.lease.until()),
        };
        // A denial can end, too: then the flow that it cut comes back.
        let flows = self.seats.iter().flatten().filter(|_| self.state.governs()).map(|one| one.lease.until());
        let flows = flows.filter(|until| *until < Time::NEVER);
        self.running.iter().flatten().filter_map(due).chain(flows).min()
    }

    /// The participant with a number, to be changed.
    fn participant_mut(&mut self, seat: Seat) -> Option<&mut Participant> {
        self.seats.iter_mut().flatten().find(|participant| participant.seat == seat)
    }

    /// A running function, to be changed.
    fn running_mut(&mut self, binding: Binding) -> Option<&mut Running> {
        self.running.iter_mut().flatten().find(|running| running.number == binding)
    }
}
