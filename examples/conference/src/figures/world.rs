//! A world: a control plane, the interactions that live under it, a clock, and a log.

use anyhow::{Context, Result};
use interaction_gov::audit::{Bytes, Log, RECORD, Verdict};
use interaction_gov::function::{Binding, Health, Invocation, Role, Running};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Lease, Mode, Request};
use interaction_gov::lifecycle::State;
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Kind, On, Provenance};
use interaction_gov::proof::Component;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Consent, Function, Listed, Modality, Obligation};
use interaction_gov::vocabulary::{Posture, Region, Set, Vocabulary};

use super::control::{Control, Known};

/// One in this many interactions has a guest.
const GUEST_EVERY: usize = 32;
/// How far a clock jumps back.
const JUMP_MS: u64 = 20_000;
/// The seats of the requests in an interaction: the first participant asks to present, both ask to speak.
const ASKED: [usize; 3] = [0, 0, 1];
/// A function, by its place among the two.
pub const CAPTIONS: usize = 0;
/// The other one.
pub const RECORDING: usize = 1;

/// The names that are used.
pub struct Words {
    /// To take part.
    pub join: Action,
    asked: [(Action, Modality); 3],
    functions: [(Action, Function, Role); 2],
    audio: Modality,
    sites: [Region; 1],
    managed: Posture,
    /// What all participants consent to.
    pub consents: Set<Consent>,
    /// Whose participants are there.
    pub homes: [Authority; 2],
}

impl Words {
    /// As a vocabulary has them.
    pub fn new(names: &Vocabulary<'_>) -> Result<Self> {
        fn the<T: Listed>(names: &Vocabulary<'_>, name: &str) -> Result<T> {
            names.find(name).with_context(|| format!("the vocabulary has no {name} among its {}", T::LIST))
        }
        let (speak, audio) = (the(names, "speak")?, the(names, "audio")?);
        Ok(Self {
            join: the(names, "join")?,
            asked: [(the(names, "present")?, the(names, "screen-share")?), (speak, audio), (speak, audio)],
            functions: [
                (the(names, "caption")?, the(names, "accessibility")?, Role::Core),
                (the(names, "record")?, the(names, "recording")?, Role::Auxiliary),
            ],
            audio,
            sites: [the(names, "de")?],
            managed: the(names, "managed")?,
            consents: Set::one(the(names, "recording")?),
            homes: [the(names, "corporate")?, the(names, "guest-organisation")?],
        })
    }

    /// The first thing that is asked: about presenting.
    pub fn request(&self, seat: Seat) -> Request {
        let [(action, modality), ..] = self.asked;
        Request { action, seat, on: On::Stream(modality), binding: None, goes: Set::EMPTY }
    }

    /// The validated facts about a participant.
    pub fn validation(&self, until: Time) -> Validation {
        Validation { posture: self.managed, region: self.sites.first().copied(), until }
    }
}

/// An interaction that begins: what is drawn for it, the same in every world.
#[derive(Clone, Copy)]
pub struct Newcomer {
    /// Its identity.
    pub id: InteractionId,
    /// The names of its participants.
    pub names: [[u8; 16]; 2],
}

/// What is wrong with the surroundings of an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Its log is full.
    FullLog,
    /// Its clock has jumped back.
    ClockBack,
}

struct Slot {
    call: Interaction<4, 4>,
    track: Track,
    seats: [Seat; 2],
    functions: [Option<Binding>; 2],
    /// The last permit for each thing that is asked.
    permits: [Option<Lease>; 3],
    trouble: Option<Trouble>,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Permit, or why not.
    pub verdict: Verdict,
    version: Option<u32>,
    authority: Option<Authority>,
    line: Option<u16>,
    obligations: Set<Obligation>,
}

/// Everything that can be seen of an interaction from outside. Two worlds are compared by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    state: State,
    /// About presenting, and about speaking for each participant.
    pub answers: [Answer; 3],
    /// Which functions run, on a permit that holds.
    pub works: [bool; 2],
    /// Whether all of that is by the version that has to govern.
    pub current: bool,
}

/// A world.
pub struct World {
    /// Its control plane.
    pub control: Control,
    /// The time.
    pub now: Time,
    /// How many records were made.
    pub records: u64,
    words: Words,
    slots: Vec<Slot>,
    log: Log<Vec<Bytes>>,
    /// A log without room.
    full: Log<Vec<Bytes>>,
}

impl World {
    /// Where these begin.
    pub fn new(control: Control, names: &Vocabulary<'_>, begin: &[Newcomer]) -> Result<Self> {
        let (log, full) = (Log::new(vec![[0; RECORD]; 1024]), Log::new(Vec::new()));
        let (words, slots) = (Words::new(names)?, Vec::new());
        let mut world = Self { control, now: Time(1_000), records: 0, words, slots, log, full };
        for (place, newcomer) in begin.iter().enumerate() {
            let slot = world.begin(place, newcomer)?;
            world.slots.push(slot);
            world.equip(place)?;
        }
        Ok(world)
    }

    /// How many interactions live.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether a guest takes part.
    pub const fn has_guest(place: usize) -> bool {
        place % GUEST_EVERY == GUEST_EVERY - 1
    }

    /// Records are safe elsewhere; here it is enough to have counted them.
    fn drain(&mut self) {
        self.records += u64::try_from(self.log.waiting().len()).unwrap_or(0);
        self.log.taken();
    }

    fn begin(&mut self, place: usize, newcomer: &Newcomer) -> Result<Slot> {
        self.drain();
        let Self { control, now, words, log, .. } = self;
        let (now, rollout) = (*now, &*control.rollout);
        let track = rollout.track_for(&newcomer.id);
        let mut call = Interaction::create(newcomer.id, now, Mode::Enforce, rollout, log).context("creating")?;
        let mut join = |seat: usize| {
            let guest = usize::from(seat == 1 && Self::has_guest(place));
            let admission = Admission {
                name: *newcomer.names.get(seat).context("no such name")?,
                kind: Kind::Human,
                home: words.homes.get(guest).copied(),
                credential_until: Time::NEVER,
                validation: words.validation(Time::NEVER),
                roles: Set::EMPTY,
                streams: Streams::UNSAID,
                consents: words.consents,
                action: words.join,
            };
            call.join(now, &admission, rollout, log).context("joining")
        };
        let seats = [join(0)?, join(1)?];
        Ok(Slot { call, track, seats, functions: [None; 2], permits: [None; 3], trouble: None })
    }

    /// An interaction ends, and another one begins in its place.
    pub fn replace(&mut self, place: usize, newcomer: &Newcomer) -> Result<()> {
        self.drain();
        let slot = self.slots.get_mut(place).context("no such interaction")?;
        // Whatever ran is cancelled with it.
        let _ = slot.call.terminate(self.now, &mut self.log).context("terminating")?;
        let fresh = self.begin(place, newcomer)?;
        *self.slots.get_mut(place).context("no such interaction")? = fresh;
        self.equip(place)
    }

    /// Begins the functions that do not run.
    pub fn equip(&mut self, place: usize) -> Result<()> {
        self.drain();
        let Self { control, now, words, slots, log, .. } = self;
        let slot = slots.get_mut(place).context("no such interaction")?;
        // Where a core function was lost, the interaction has to be resumed first.
        if slot.call.state() == State::Suspended {
            slot.call.resume(*now, log).context("resuming")?;
        }
        for ((action, function, role), running) in words.functions.iter().zip(&mut slot.functions) {
            if running.is_some() {
                continue;
            }
            let [seat, _] = slot.seats;
            let invocation = Invocation {
                action: *action,
                function: *function,
                on: On::Stream(words.audio),
                seat,
                parent: None,
                sites: &words.sites,
                // The policy requires no evidence here.
                component: Component { digest: [7; 32], statement: &[] },
                role: *role,
            };
            let check = |_: &Component<'_>| Provenance::None;
            let (decision, binding) = slot.call.invoke(*now, &invocation, &check, &*control.rollout, log);
            *running = Some(binding.with_context(|| format!("a function does not begin: {}", decision.verdict))?);
        }
        Ok(())
    }

    /// Both participants are authenticated again; for one of them it may fail.
    pub fn revalidate(&mut self, place: usize, lapsed: Option<usize>) -> Result<()> {
        self.drain();
        let Self { control, now, words, slots, log, .. } = self;
        let slot = slots.get_mut(place).context("no such interaction")?;
        for (number, seat) in slot.seats.iter().enumerate() {
            let until = if lapsed == Some(number) { *now } else { Time::NEVER };
            let found = words.validation(until);
            slot.call.revalidate(*now, *seat, &found, &*control.rollout, log).context("validating again")?;
        }
        Ok(())
    }

    /// Sets or ends a fault in the surroundings of an interaction.
    pub fn trouble(&mut self, place: usize, trouble: Option<Trouble>) {
        if let Some(slot) = self.slots.get_mut(place) {
            slot.trouble = trouble;
        }
    }

    /// A function fails.
    pub fn fail(&mut self, place: usize, function: usize) -> Result<()> {
        self.drain();
        let slot = self.slots.get_mut(place).context("no such interaction")?;
        // A function that an earlier fault has ended for good cannot fail; this shows in the comparison.
        let Some(binding) = slot.functions.get(function).copied().flatten() else { return Ok(()) };
        slot.call.fail(self.now, binding, &*self.control.rollout, &mut self.log).context("failing")?;
        Ok(())
    }

    /// A function that has failed works again.
    pub fn recover(&mut self, place: usize, function: usize) -> Result<()> {
        self.drain();
        let slot = self.slots.get_mut(place).context("no such interaction")?;
        let Some(binding) = slot.functions.get(function).copied().flatten() else { return Ok(()) };
        slot.call.recover(self.now, binding, &mut self.log).context("recovering")?;
        Ok(())
    }

    /// Decides again about what runs without a valid permit. Returns whether the function then works.
    pub fn review(&mut self, place: usize, function: usize) -> Result<bool> {
        self.drain();
        let Self { control, now, slots, log, full, .. } = self;
        let slot = slots.get_mut(place).context("no such interaction")?;
        slot.review(control, *now, log, full)?;
        Ok(slot.works(control, *now)[function])
    }

    /// Puts all requests to an interaction, and lets it review what runs.
    pub fn ask(&mut self, place: usize) -> Result<Seen> {
        self.drain();
        let Self { control, now, words, slots, log, full, .. } = self;
        let slot = slots.get_mut(place).context("no such interaction")?;
        let known = control.governs(slot.track);
        let mut answers = [None; 3];
        let questions = ASKED.iter().zip(&words.asked).zip(slot.permits.iter_mut()).zip(&mut answers);
        for (((seat, (action, modality)), permit), answer) in questions {
            let seat = slot.seats[*seat];
            let request = Request { action: *action, seat, on: On::Stream(*modality), binding: None, goes: Set::EMPTY };
            let (time, sink) = match slot.trouble {
                None => (*now, &mut *log),
                Some(Trouble::FullLog) => (*now, &mut *full),
                Some(Trouble::ClockBack) => (back(*now), &mut *log),
            };
            let decision = slot.call.decide(time, &request, &*control.rollout, sink);
            *permit = decision.lease;
            *answer = Some(Answer {
                verdict: decision.verdict,
                version: decision.version,
                authority: decision.authority,
                line: decision.line,
                obligations: decision.obligations,
            });
        }
        slot.review(control, *now, log, full)?;
        let works = slot.works(control, *now);
        let [Some(present), Some(first), Some(second)] = answers else { anyhow::bail!("a question without an answer") };
        let answers = [present, first, second];
        let current = answers.iter().all(|answer| answer.is_by(known)) && !slot.acts_on_another(control, *now);
        let current = current && present.is_in_the_sense_of(known);
        Ok(Seen { state: slot.call.state(), answers, works, current })
    }

    /// Whether in all interactions nothing goes on but by the version that has to govern it.
    ///
    /// The contexts of an interaction agree on its state if every permit either holds under the version that governs, and
    /// in a state in which something is permitted, or does not hold. One that holds under another version would let its
    /// context act on what the others do not know.
    pub fn agrees(&self) -> bool {
        !self.slots.iter().any(|slot| slot.acts_on_another(&self.control, self.now))
    }

    /// For each interaction that is on none of these tracks: the version that it reports as governing, and which of its
    /// permits hold.
    pub fn outside(&self, is_target: impl Fn(Track) -> bool) -> Vec<(usize, Option<u32>, u8)> {
        let outside = self.slots.iter().enumerate().filter(|(_, slot)| !is_target(slot.track));
        outside
            .map(|(place, slot)| {
                let number = slot.call.version(&*self.control.rollout).map(|version| version.number);
                let holds = slot.leases().map(|lease| u8::from(slot.holds(&lease, &self.control, self.now)));
                (place, number, holds.fold(1, |bits, holds| bits << 1 | holds))
            })
            .collect()
    }
}

impl Answer {
    /// Whether it is by this version; or by none, since what cannot be recorded or timed is refused before any policy
    /// is asked.
    fn is_by(&self, known: Known) -> bool {
        let without = self.version.is_none() && matches!(self.verdict, Verdict::AuditFull | Verdict::ClockBack);
        without || self.version == Some(known.number)
    }

    /// For presenting, a managed device gets the answer that the version's text gives.
    fn is_in_the_sense_of(&self, known: Known) -> bool {
        match self.verdict {
            Verdict::Permit => !known.said.tightened,
            Verdict::DeniedByRule => known.said.tightened,
            _ => true,
        }
    }
}

const fn back(now: Time) -> Time {
    Time(now.0.saturating_sub(JUMP_MS))
}

impl Slot {
    fn time(&self, now: Time) -> Time {
        if self.trouble == Some(Trouble::ClockBack) { back(now) } else { now }
    }

    fn review(
        &mut self,
        control: &Control,
        now: Time,
        log: &mut Log<Vec<Bytes>>,
        full: &mut Log<Vec<Bytes>>,
    ) -> Result<()> {
        let log = if self.trouble == Some(Trouble::FullLog) { full } else { log };
        loop {
            match self.call.review(self.time(now), &*control.rollout, log) {
                Ok(cancelled) if cancelled.is_empty() => return Ok(()),
                // Leases that were renewed before a cancellation have to be renewed once more.
                Ok(cancelled) => {
                    for function in &mut self.functions {
                        *function = function.filter(|binding| !cancelled.contains(*binding));
                    }
                }
                // The review is refused because of the fault, and what runs keeps its permits only for their remaining
                // time.
                Err(_) if self.trouble.is_some() => return Ok(()),
                Err(refused) => return Err(refused).context("reviewing"),
            }
        }
    }

    fn running(&self) -> [Option<&Running>; 2] {
        self.functions.map(|function| function.and_then(|binding| self.call.running(binding)))
    }

    fn works(&self, control: &Control, now: Time) -> [bool; 2] {
        self.running().map(|running| {
            running
                .is_some_and(|running| running.health() == Health::Running && self.holds(running.lease(), control, now))
        })
    }

    fn leases(&self) -> impl Iterator<Item = Lease> {
        let functions = self.running().into_iter().flatten().map(|running| *running.lease());
        self.permits.iter().flatten().copied().chain(functions)
    }

    fn holds(&self, lease: &Lease, control: &Control, now: Time) -> bool {
        self.call.holds(lease, self.time(now), &*control.rollout)
    }

    fn acts_on_another(&self, control: &Control, now: Time) -> bool {
        let known = control.governs(self.track);
        let wrong = |lease: &Lease| lease.version() != known.number || !self.call.state().governs();
        self.leases().any(|lease| self.holds(&lease, control, now) && wrong(&lease))
    }
}
