//! An interaction: the step functions that everything governed goes through (`IoE R1` to `R9`).
//!
//! Each step takes the time, the versions and a place for its records, and does one thing whole: it checks, decides, records
//! and changes, or it changes nothing and says why. What it did is then in the chain.

mod change;
mod compute;
mod decide;

pub use change::{Attribution, Transition};
pub use compute::Choice;
pub use decide::{Decision, Lease, Request};

use crate::audit::{Chain, FORMAT, Head, Kind, Record, Sink, Verdict};
use crate::function::{Binding, Health, Running};
use crate::identity::InteractionId;
use crate::lifecycle::{Event, State};
use crate::participant::{Participant, Seat};
use crate::rollout::{Rollout, Track, Version};
use crate::time::Time;
use crate::vocabulary::{Consent, Set};

/// Whether decisions bind.
// keeps: IOE-099
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode {
    /// What is denied is not done.
    Enforce,
    /// Everything is decided and recorded, and no denial holds anything back: for adoption beside what is there already. What
    /// fails, and what somebody suspends, has failed and is suspended all the same.
    Observe,
}

/// What was not done, and why. The interaction is as it was, but for its clock and for the record of it, if there was room for
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refused(pub Verdict);

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for Refused {}

/// An interaction with up to `P` participants and up to `B` running functions and computations; of those at most 32.
// keeps: IOE-055, IOE-057, IOE-058
pub struct Interaction<const P: usize, const B: usize> {
    id: InteractionId,
    chain: Chain,
    /// The number of records at the last head.
    head_at: u32,
    track: Track,
    /// The number of a version of its own.
    pinned: Option<u32>,
    mode: Mode,
    state: State,
    /// Somebody has suspended it; functions that recover do not lift that.
    held: bool,
    /// Counts the changes after which nothing that was permitted before is taken for permitted.
    epoch: u32,
    last: Time,
    seats: [Option<Participant>; P],
    running: [Option<Running>; B],
    /// How many participants, and how many functions, there have been.
    numbers: (u16, u16),
    /// What every person who is there consents to.
    consents: Set<Consent>,
}

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// Creates an interaction. It is on the track that its identity chooses.
    ///
    /// # Errors
    /// There is no room for the record.
    pub fn create<const W: usize, const V: usize>(
        id: InteractionId,
        now: Time,
        mode: Mode,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> Result<Self, Refused> {
        const { assert!(B <= 32 && P < u16::MAX as usize) };
        let mut interaction = Self {
            id,
            chain: Chain::of(&id),
            head_at: 0,
            track: rollout.track_for(&id),
            pinned: None,
            mode,
            state: State::Created,
            held: false,
            epoch: 0,
            last: now,
            seats: [None; P],
            running: [None; B],
            numbers: (0, 0),
            consents: Set::EMPTY,
        };
        interaction.room(1, log)?;
        let begins = Record { subject: FORMAT, action: Some(mode as u8), ..interaction.fact(Kind::Created) };
        interaction.write(begins, log);
        Ok(interaction)
    }

    /// The identity.
    #[must_use]
    pub const fn id(&self) -> &InteractionId {
        &self.id
    }

    /// Where it is in its life.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
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

    /// Something that runs.
    #[must_use]
    pub fn running(&self, binding: Binding) -> Option<&Running> {
        self.running.iter().flatten().find(|running| running.number == binding)
    }

    /// What every person who is there consents to. Nobody's consent is presumed: without people there is none.
    #[must_use]
    pub const fn consents(&self) -> Set<Consent> {
        self.consents
    }

    /// The version that governs it now.
    #[must_use]
    pub fn version<'r, const W: usize, const V: usize>(&self, rollout: &'r Rollout<W, V>) -> Option<&'r Version<W>> {
        match self.pinned {
            None => rollout.version_of(self.track),
            Some(number) => rollout.version_numbered(number),
        }
    }

    /// Whether the head is to be signed: as often as the settings say, and at the end.
    #[must_use]
    pub fn head_is_due<const W: usize, const V: usize>(&self, rollout: &Rollout<W, V>) -> bool {
        let every = self.version(rollout).map_or(1, |version| version.policy.settings().head_every);
        let since = self.chain.next().saturating_sub(self.head_at);
        since >= every.max(1) || (since > 0 && self.state == State::Terminated)
    }

    /// The head, to be signed by the control plane and kept apart from the records.
    pub fn head(&mut self) -> Head {
        self.head_at = self.chain.next();
        let last = self.state == State::Terminated;
        Head { interaction: self.id, records: self.chain.next(), hash: *self.chain.hash(), time: self.last, last }
    }

    /// When a lease ends, or the time to recover. [`review`](Self::review) is due then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let due = |running: &Running| match running.health {
            Health::Failed { recover_by } => Some(recover_by),
            // No lease outlives the validation that it rests on. While nothing is permitted, none is renewed; nor while what it
            // was delegated by has failed.
            Health::Running => (self.state.governs() && !self.waits(running)).then(|| running.lease.until()),
        };
        self.running.iter().flatten().filter_map(due).min()
    }

    fn fact(&self, kind: Kind) -> Record {
        Record::fact(self.id, self.chain.next(), self.last, kind)
    }

    /// Nothing is done that cannot be recorded.
    fn room(&self, records: usize, log: &impl Sink) -> Result<(), Refused> {
        let numbers = u32::try_from(records).ok().and_then(|records| self.chain.next().checked_add(records));
        let room = log.has_room(records) && numbers.is_some_and(|end| end < u32::MAX);
        if room { Ok(()) } else { Err(Refused(Verdict::AuditFull)) }
    }

    fn write(&mut self, record: Record, log: &mut impl Sink) {
        let bytes = Record { sequence: self.chain.next(), ..record }.write();
        self.chain = self.chain.and(&bytes);
        log.write(&bytes);
    }

    /// The participant with a number, to be changed.
    fn participant_mut(&mut self, seat: Seat) -> Option<&mut Participant> {
        self.seats.iter_mut().flatten().find(|participant| participant.seat == seat)
    }

    /// Something that runs, to be changed.
    fn running_mut(&mut self, binding: Binding) -> Option<&mut Running> {
        self.running.iter_mut().flatten().find(|running| running.number == binding)
    }

    /// Time passes, and never backwards. What is refused for that is recorded at the last time there was. After the end
    /// nothing is recorded at all: else whoever comes late could not be told from whoever adds to a trail.
    fn advance(&mut self, now: Time, kind: Kind, log: &mut impl Sink) -> Result<(), Refused> {
        if self.state == State::Terminated {
            return Err(Refused(Verdict::NotActive));
        }
        self.room(1, log)?;
        if now < self.last {
            let refused = Record { verdict: Verdict::ClockBack, ..self.fact(kind) };
            return Err(self.refuse(refused, log));
        }
        self.last = now;
        Ok(())
    }

    /// Records a refusal.
    fn refuse(&mut self, record: Record, log: &mut impl Sink) -> Refused {
        if self.room(1, log).is_ok() {
            self.write(record, log);
            Refused(record.verdict)
        } else {
            Refused(Verdict::AuditFull)
        }
    }

    /// Moves the state, if the table has that move, and records it, also where it leads back to the same state.
    fn step(&mut self, event: Event, log: &mut impl Sink) {
        if let Some(next) = self.state.next(event) {
            self.epoch = self.epoch.wrapping_add(1);
            self.write(Record { action: Some(event as u8), ..self.fact(Kind::Moved) }, log);
            self.state = next;
        }
    }
}
