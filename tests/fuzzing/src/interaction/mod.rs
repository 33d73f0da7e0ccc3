//! A governed interaction under any order of steps: participants, functions, decisions, changes of what governs, a clock that jumps, a log
//! that fills up, and a process that ends and goes on with what it kept.

mod inputs;
mod plane;
mod sink;

use std::collections::BTreeSet;

use interaction_gov::audit::{Bytes, Head, Log, Need, RECORD, Replayed, SignedHead, Trail, Verdict, replay};
use interaction_gov::authority::Delegation;
use interaction_gov::function::{Binding, Health, Invocation, Running};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{
    Attribution, Choice, Decision, Flow, Interaction, Lease, Mode, Refused, Request, To, Transition,
};
use interaction_gov::lifecycle::State;
use interaction_gov::participant::{Participant, Seat};
use interaction_gov::policy::{On, Scope};
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Modality, Region, Set};

use inputs::{admission, component, invocation, nothing, provenance, region, validation};
use plane::{CORPORATE_, PRIVACY_, Plane, VOCABULARY, accept, plane};
use sink::Nowhere;

pub use inputs::seeds;

const PARTICIPANTS: usize = 4;
const FUNCTIONS: usize = 4;
const START: u64 = 1_000;
/// An hour, in milliseconds.
const HOUR: u64 = 3_600_000;
/// How many steps a run has at most, and how many permits are kept to be asked about later.
const MOST: usize = 200;
const KEPT: usize = 4;

type Call = Interaction<PARTICIPANTS, FUNCTIONS>;

/// What became of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// How many participants have joined, and how many functions have begun.
    pub joined: u16,
    /// See above.
    pub begun: u16,
    /// What was decided, and why steps were refused.
    pub verdicts: BTreeSet<Verdict>,
    /// How many permits were asked about again.
    pub asked_again: usize,
    /// How many decisions were made again from their records.
    pub replayed: usize,
    /// How many records were kept.
    pub records: u32,
    /// Its state at the end.
    pub state: Option<State>,
}

/// What can be seen of an interaction.
#[derive(Debug, PartialEq)]
struct Looks {
    state: State,
    seats: Vec<Participant>,
    running: Vec<Running>,
    flows: Vec<Flow>,
    governs: Option<u32>,
}

struct World {
    plane: Plane,
    call: Call,
    log: Log<Vec<Bytes>>,
    trail: Trail,
    heads: Vec<Head>,
    now: u64,
    serial: u32,
    banned: BTreeSet<[u8; 16]>,
    permits: Vec<(Lease, Request)>,
    report: Report,
}

/// See [`crate::interaction()`].
pub fn run(bytes: &[u8]) -> Report {
    let [settings, rest @ ..] = bytes else { return Report::default() };
    let mode = if settings & 0x80 == 0 { Mode::Enforce } else { Mode::Observe };
    // From no room to speak of to some hundred records.
    let room = 4 + usize::from(settings & 0x7F) * 2;
    let id = InteractionId::recorded([7; 16]);
    let (plane, mut log) = (plane(), Log::new(vec![[0; RECORD]; room]));
    let call = Call::create(id, Time(START), mode, &plane, &mut log).expect("room for one record");
    let mut world = World {
        plane,
        call,
        log,
        trail: Trail::of(id),
        heads: Vec::new(),
        now: START,
        serial: 0,
        banned: BTreeSet::new(),
        permits: Vec::new(),
        report: Report::default(),
    };
    for op in rest.as_chunks::<4>().0.iter().take(MOST) {
        world.step(*op);
    }
    world.drain();
    world.report.records = world.trail.records();
    world.report.state = Some(world.call.state());
    world.report
}

impl World {
    fn time(&self) -> Time {
        Time(self.now)
    }

    fn looks(&self) -> Looks {
        let (call, now) = (&self.call, self.time());
        Looks {
            state: call.state(),
            seats: (0..self.report.joined).filter_map(|seat| call.participant(Seat(seat)).copied()).collect(),
            running: (0..self.report.begun).filter_map(|number| call.running(Binding(number)).copied()).collect(),
            flows: call.flows(now).collect(),
            governs: call.version(&self.plane).map(|version| version.number),
        }
    }

    fn step(&mut self, op: [u8; 4]) {
        let before = (self.call.chain().next(), self.log.waiting().len(), self.call.state());
        self.act(op);
        let written = usize::try_from(self.call.chain().next() - before.0).expect("few");
        let is_drain = self.log.waiting().is_empty();
        assert!(is_drain || self.log.waiting().len() == before.1 + written, "every record was written: {op:?}");
        let looks = self.looks();
        assert!(looks.seats.len() <= PARTICIPANTS && looks.running.len() <= FUNCTIONS);
        let names: BTreeSet<_> = looks.seats.iter().map(|one| *one.name()).collect();
        assert_eq!(names.len(), looks.seats.len(), "each is there once");
        assert!(names.is_disjoint(&self.banned), "and none that was banned");
        for flow in &looks.flows {
            assert!(self.call.participant(flow.from).is_some());
            assert!(match flow.to {
                To::Seat(seat) => self.call.participant(seat).is_some() && seat != flow.from,
                To::Binding(binding) => self.call.running(binding).is_some(),
            });
        }
        if before.2 == State::Terminated {
            assert!(looks.state == State::Terminated && looks.flows.is_empty(), "what is over stays over: {op:?}");
        }
        self.ask_again();
    }

    /// A permit that still holds would be given again.
    fn ask_again(&mut self) {
        let now = self.time();
        for (lease, request) in &self.permits {
            if !self.call.permits(lease, request, now, &self.plane) {
                continue;
            }
            let mut again = self.copy();
            let decision = again.decide(now, request, &self.plane, &mut Nowhere);
            assert!(
                decision.verdict.permits(),
                "{decision:?} of {request:?}, which is permitted until {}",
                lease.until()
            );
            self.report.asked_again += 1;
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = vec![0; 8_192];
        let (used, stamp) = self.call.snapshot(&mut bytes).expect("room");
        assert_eq!((stamp.records, stamp.interaction), (self.call.chain().next(), *self.call.id()));
        bytes.truncate(used);
        bytes
    }

    fn copy(&self) -> Call {
        Call::restore(&self.snapshot()).expect("what was written is read")
    }

    /// The caller stores the records: they continue its trail, and each decision among them is made again as it was.
    fn drain(&mut self) {
        let mut heads = std::mem::take(&mut self.heads).into_iter().peekable();
        let signs = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true;
        for bytes in self.log.waiting() {
            while let Some(head) = heads.next_if(|head| head.records == self.trail.records()) {
                let signed = SignedHead { head, signature: [0; 64] };
                self.trail.head(&signed, &[0; 32], &signs).expect("it is over these records");
            }
            let record = self.trail.record(bytes).expect("it continues the trail");
            self.report.verdicts.insert(record.verdict);
            if let Some(version) = record.policy.and_then(|number| self.plane.version(number)) {
                let found = replay(&record, &version.policy);
                assert!(matches!(found, Replayed::Same | Replayed::NotDecided), "{found:?} of {record:?}");
                self.report.replayed += usize::from(found == Replayed::Same);
            }
        }
        self.heads = heads.collect();
        self.log.taken();
        assert_eq!((self.trail.hash(), self.trail.records()), (self.call.chain().hash(), self.call.chain().next()));
    }

    /// What holds of each decision.
    fn decided(&mut self, decision: Decision, request: Request, before: &Looks) {
        let Decision { verdict, lease, .. } = decision;
        self.report.verdicts.insert(verdict);
        assert_eq!(verdict.permits(), lease.is_some());
        assert!(decision.version.is_none() || decision.version == before.governs, "decided by what governs");
        let Some(lease) = lease else { return };
        let actor = self.call.participant(request.seat).expect("a permit is a participant's");
        assert!(lease.until() <= actor.valid_until() && lease.until() > self.time());
        assert!(self.call.holds(&lease, self.time(), &self.plane));
        assert!(matches!(self.call.state(), State::Active | State::Degraded));
        assert!(decision.authority.is_some() && decision.line.is_some());
    }

    /// A step that was refused has changed nothing that can be seen.
    fn refused<T>(&mut self, result: Result<T, Refused>, before: &Looks) -> Option<T> {
        match result {
            Ok(done) => Some(done),
            Err(Refused(verdict)) => {
                self.report.verdicts.insert(verdict);
                assert_eq!(self.looks(), *before, "{verdict}");
                None
            }
        }
    }

    fn seat(&self, number: u8) -> Seat {
        Seat(u16::from(number) % (self.report.joined + 1))
    }

    fn binding(&self, number: u8) -> Binding {
        Binding(u16::from(number) % (self.report.begun + 1))
    }

    #[expect(clippy::too_many_lines, reason = "one step of each kind")]
    fn act(&mut self, [code, a, b, c]: [u8; 4]) {
        let (now, before) = (self.time(), self.looks());
        let (seat, binding) = (self.seat(a), self.binding(a));
        let (plane, call, log) = (&mut self.plane, &mut self.call, &mut self.log);
        match code % 32 {
            0 => {
                let joined = call.join(now, &admission(a, b, c, self.now), plane, log);
                if let Some(seat) = self.refused(joined, &before) {
                    assert_eq!(seat, Seat(self.report.joined), "no seat is given twice");
                    self.report.joined += 1;
                }
            }
            1 => {
                let left = call.leave(now, seat, log);
                if self.refused(left, &before).is_some() {
                    assert!(self.call.participant(seat).is_none());
                }
            }
            2 => {
                let name = call.participant(seat).map(|one| *one.name());
                let banned = call.ban(now, seat, log);
                if self.refused(banned, &before).is_some() {
                    self.banned.extend(name);
                }
            }
            3 => {
                let validated = call.revalidate(now, seat, &validation(b, c, self.now), plane, log);
                let until = self.refused(validated, &before);
                let actor = self.call.participant(seat);
                assert!(until.is_none_or(|until| actor.is_some_and(|actor| actor.valid_until() == until)));
            }
            4 => {
                // What it takes back is taken back in any case.
                let on = if c & 1 == 0 { On::Unsaid } else { On::Stream(Modality(c >> 1 & 3)) };
                let _ = call.consent_on(now, seat, on, Set::from_bits((b & 1).into()), log);
            }
            5 => {
                let moved = call.transition(now, seat, Transition::Transport, region(b), [c; 16], log);
                self.refused(moved, &before);
            }
            6..=8 => {
                let request = self.request(seat, b, c);
                let decision = self.call.decide(now, &request, &self.plane, &mut self.log);
                assert_eq!(self.looks(), before, "to decide changes nothing");
                self.decided(decision, request, &before);
                if let Some(lease) = decision.lease {
                    self.permits.truncate(KEPT - 1);
                    self.permits.insert(0, (lease, request));
                }
            }
            9 | 10 => {
                let parent = (b & 1 != 0).then_some(self.binding(c >> 3));
                let sites = [Region(b >> 1 & 3), Region(b >> 3 & 3)];
                let invocation = Invocation { parent, sites: &sites, ..invocation(seat, b, c) };
                let (decision, begun) = self.call.invoke(now, &invocation, &provenance, &self.plane, &mut self.log);
                let request = Request { action: invocation.action, seat, on: invocation.on, ..nothing(seat) };
                match begun {
                    Some(binding) => {
                        assert_eq!(binding, Binding(self.report.begun), "no number is given twice");
                        self.report.begun += 1;
                        assert!(decision.may() && self.call.running(binding).is_some());
                        let runs = self.call.running(binding).map(Running::site);
                        assert!(runs.is_some_and(|site| sites.contains(&site)));
                    }
                    None => assert_eq!(self.looks(), before),
                }
                self.decided(decision, request, &before);
            }
            11 => {
                let failed = call.fail(now, binding, plane, log);
                self.refused(failed, &before);
            }
            12 => {
                let recovered = call.recover(now, binding, log);
                self.refused(recovered, &before);
            }
            13 => {
                let ended = call.end(now, binding, log);
                if let Some(ended) = self.refused(ended, &before) {
                    assert!(ended.contains(binding) && ended.iter().all(|one| self.call.running(one).is_none()));
                }
            }
            14 => {
                let to = self.seat(b);
                let decision = self.call.hand_over(now, binding, to, &self.plane, &mut self.log);
                self.report.verdicts.insert(decision.verdict);
                if !decision.may() {
                    assert_eq!(self.looks(), before);
                }
            }
            15 => {
                let statements = ["verified", "stated", "none"];
                let component = component(statements[usize::from(b) % 3]);
                let found = call.reprove(now, binding, &component, &provenance, log);
                self.refused(found, &before);
            }
            16 => {
                let request = self.request(seat, b, 0);
                let kind = if c & 1 == 0 { Choice::Place } else { Choice::Way };
                let candidates = [Set::one(Region(c >> 1 & 3)), Set::one(Region(c >> 3 & 3)).with(Region(c >> 5 & 3))];
                let (decision, chosen) = self.call.choose(now, kind, &request, &candidates, &self.plane, &mut self.log);
                assert_eq!(chosen.is_some(), decision.may() && chosen.is_some());
                assert_eq!(self.looks(), before);
                let goes = chosen.map_or(request.goes, |chosen| request.goes.or(candidates[chosen]));
                self.decided(decision, Request { goes, ..request }, &before);
            }
            17 => {
                let what = match b % 3 {
                    0 => Attribution::Telemetry(None),
                    1 => Attribution::Output(binding),
                    _ => Attribution::Identifier,
                };
                let attributed = call.attribute(now, what, [c; 16], plane, log);
                self.refused(attributed, &before);
            }
            18 | 19 => self.review(now),
            20 => {
                let suspended = call.suspend(now, log);
                self.refused(suspended, &before);
            }
            21 => {
                let resumed = call.resume(now, log);
                self.refused(resumed, &before);
            }
            22 => {
                let pinned = call.pin(now, (b & 1 != 0).then_some(u32::from(a % 5)), plane, log);
                self.refused(pinned, &before);
            }
            23 => self.govern(a, b),
            24 => self.delegate(now, a, b),
            25 => plane.authorities.set_reach(Authority(a % 2), b & 1 != 0),
            26 | 27 => self.wait(a, b),
            28 => {
                let mended = call.mend_clock(now, log);
                self.refused(mended, &before);
            }
            29 => {
                if a & 1 == 0 {
                    self.heads.push(call.head());
                }
                self.drain();
            }
            30 => {
                // The process ends, and another one goes on with what was kept.
                let bytes = self.snapshot();
                self.call = self.copy();
                assert_eq!(self.snapshot(), bytes);
                if a & 1 != 0 {
                    let resumed = self.call.resumed(&bytes, &mut self.log);
                    self.refused(resumed, &before);
                }
            }
            _ => match (a % 8, b) {
                (0, 7) => {
                    let ended = call.terminate(now, log);
                    if self.refused(ended, &before).is_some() {
                        assert!(self.call.state() == State::Terminated && self.looks().running.is_empty());
                    }
                }
                (1, _) => {
                    let enforced = call.enforce(now, log);
                    self.refused(enforced, &before);
                }
                _ => {
                    let settled = call.settle(log);
                    self.refused(settled, &before);
                    assert_eq!(self.looks(), before);
                }
            },
        }
    }

    fn request(&self, seat: Seat, b: u8, c: u8) -> Request {
        let on = match c & 7 {
            3 => On::Nothing,
            4..=7 => On::Unsaid,
            number => On::Stream(Modality(number)),
        };
        let goes = if c & 8 == 0 { Set::EMPTY } else { Set::one(Region(c >> 4 & 3)) };
        let binding = (b & 0x80 != 0).then_some(self.binding(b >> 3 & 15));
        Request { action: Action(b & 7), on, binding, goes, ..nothing(seat) }
    }

    fn review(&mut self, now: Time) {
        // Where there is no room for all records, no permit is renewed.
        let has_room = self.log.room(Need::Ordinary) >= 2 * (PARTICIPANTS + FUNCTIONS) + 8;
        let reviewed = self.call.review(now, &self.plane, &mut self.log);
        let gone = match reviewed {
            Ok(gone) => gone,
            Err(Refused(verdict)) => {
                self.report.verdicts.insert(verdict);
                return;
            }
        };
        assert!(gone.iter().all(|binding| self.call.running(binding).is_none()));
        if !has_room {
            return;
        }
        // Each running function is permitted now, or has time left to recover; and a caller that waits for the next deadline gets on.
        let governs = matches!(self.call.state(), State::Active | State::Degraded);
        for running in self.looks().running {
            let healthy = running.health() == Health::Running;
            assert!(!healthy || !governs || running.lease().until() > now, "{running:?}");
        }
        assert!(self.call.next_deadline().is_none_or(|due| due > now));
    }

    /// The control plane moves. What it refuses, it leaves as it was.
    fn govern(&mut self, how: u8, which: u8) {
        let version = u32::from(which % 5);
        let plane = &mut self.plane;
        let before = plane.version_of(Track::STABLE).map(|version| version.number);
        let done = match how % 8 {
            0 | 1 => plane.publish(Track::STABLE, version),
            2 => plane.roll_back(if which & 8 == 0 { CORPORATE_ } else { PRIVACY_ }, version),
            3 => plane.start_canary(version, which / 2).map(drop),
            4 => plane.roll_back_canary(),
            5 => plane.promote_canary(),
            6 => plane.emergency(version),
            _ => {
                plane.lift_emergency();
                Ok(())
            }
        };
        assert!(done.is_ok() || plane.version_of(Track::STABLE).map(|version| version.number) == before);
    }

    fn delegate(&mut self, now: Time, a: u8, b: u8) {
        let (from, to) = if a & 1 == 0 { (PRIVACY_, CORPORATE_) } else { (CORPORATE_, PRIVACY_) };
        if a & 2 != 0 {
            return self.plane.authorities.revoke(from, to);
        }
        let (serial, until) = (self.serial + 1, now.after(u64::from(b) * 100));
        let delegation = Delegation {
            from,
            to,
            scope: Scope::ALL,
            vocabulary: *VOCABULARY.digest(),
            until,
            serial,
            redelegate: a & 4 != 0,
        };
        if self.plane.authorities.delegate(delegation, &[0; 64], &accept, now).is_ok() {
            self.serial = serial;
        }
    }

    /// Time passes, or jumps: up to some seconds, back by some milliseconds, an hour, to the next deadline or just before it.
    fn wait(&mut self, a: u8, b: u8) {
        let due = self.call.next_deadline().map_or(self.now, |due| due.0.max(self.now));
        self.now = match a & 7 {
            0 => self.now.saturating_sub(b.into()),
            1 => self.now + HOUR,
            2 => due,
            3 => due.saturating_sub(1).max(self.now),
            _ => self.now + u64::from(b) * 10,
        };
    }
}
