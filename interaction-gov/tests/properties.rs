//! Whatever happens in whatever order: decisions are coherent, the trail is complete, and a replay gives the same
//! result.

mod govern;

use govern::{CORPORATE, Call, PRIVACY, Records, World, all, hardened, person, policy, recording, request, the};
use interaction_gov::audit::{
    Bytes, Change, Governing, Head, RECORD, Record, RecordKind, Replayed, SignedHead, Trail, Verdict,
};
use interaction_gov::authority::Delegation;
use interaction_gov::function::{Binding, Bindings, Invocation, Role};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Decision, Mode, Request, Transition};
use interaction_gov::lifecycle::State;
use interaction_gov::participant::Seat;
use interaction_gov::policy::Scope;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Set;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Join(u8),
    Leave(u16),
    Revalidate(u16),
    Consent(u16, bool),
    Move(u16),
    Decide(u16, u8, Option<u16>),
    Invoke(u16, bool, Option<u16>),
    Fail(u16),
    Recover(u16),
    End(u16),
    Review,
    Suspend,
    Resume,
    Publish(u8),
    RollBack,
    Reach(bool),
    /// A canary begins, with this version.
    Canary(u8),
    CanaryBack,
    CanaryOver,
    Promote,
    Emergency(u8),
    Lift,
    /// Privacy delegates to corporate, or takes that back.
    Delegate(bool),
    /// Advances the clock by milliseconds, now and then backwards.
    Wait(i32),
    /// The caller has stored the records; before that there may be no room.
    Drain,
    /// The control plane signs a head.
    Head,
    Terminate,
}

fn step() -> impl Strategy<Value = Step> {
    let seat = || 0..5_u16;
    let binding = || 0..5_u16;
    prop_oneof![
        2 => (1..9_u8).prop_map(Step::Join),
        1 => seat().prop_map(Step::Leave),
        2 => seat().prop_map(Step::Revalidate),
        2 => (seat(), any::<bool>()).prop_map(|(seat, yes)| Step::Consent(seat, yes)),
        1 => seat().prop_map(Step::Move),
        6 => (seat(), 0..6_u8, proptest::option::of(binding())).prop_map(|(seat, action, by)| Step::Decide(seat, action, by)),
        4 => (seat(), any::<bool>(), proptest::option::of(binding())).prop_map(|(s, core, by)| Step::Invoke(s, core, by)),
        2 => binding().prop_map(Step::Fail),
        2 => binding().prop_map(Step::Recover),
        1 => binding().prop_map(Step::End),
        2 => Just(Step::Review),
        1 => Just(Step::Suspend),
        2 => Just(Step::Resume),
        2 => (0..4_u8).prop_map(Step::Publish),
        1 => Just(Step::RollBack),
        1 => any::<bool>().prop_map(Step::Reach),
        1 => plane(),
        3 => prop_oneof![9 => 0..20_000_i32, 1 => -100..0_i32].prop_map(Step::Wait),
        4 => Just(Step::Drain),
        2 => Just(Step::Head),
        1 => (0..30_u8).prop_map(|chance| if chance == 0 { Step::Terminate } else { Step::Review }),
    ]
}

fn plane() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4_u8).prop_map(Step::Canary),
        Just(Step::CanaryBack),
        Just(Step::CanaryOver),
        Just(Step::Promote),
        (0..4_u8).prop_map(Step::Emergency),
        Just(Step::Lift),
        any::<bool>().prop_map(Step::Delegate),
    ]
}

/// Four versions: the usual one, one that forbids recording, one that permits little, and short leases.
fn world() -> World {
    let mut world = govern::world();
    let mut next = |number: u32, before: [&str; 2], after: [&str; 2]| {
        for (name, (before, after)) in ["corporate", "privacy"].into_iter().zip(before.into_iter().zip(after)) {
            if before != after {
                govern::take(&mut world, name, number, before, after);
            }
        }
        assert_eq!(world.install(&policy(&after)), Ok(number - 1));
    };
    let versioned = |text: &str, number: u32| text.replace("version 1", &format!("version {number}"));
    let strict = versioned(&PRIVACY.replace("permit record, ", "permit "), 2);
    next(2, [CORPORATE, PRIVACY], [CORPORATE, &strict]);
    let little = "authority corporate\nversion 3\nover record, export\npermit record in us";
    next(3, [CORPORATE, &strict], [little, &strict]);
    let short = versioned(&format!("{CORPORATE}set lease 100\nset validation 5000\n"), 4);
    next(4, [little, &strict], [&short, &strict]);
    world
}

struct Run {
    world: World,
    call: Call,
    log: Records,
    kept: Vec<Bytes>,
    heads: Vec<Head>,
    now: u64,
    said: Vec<String>,
    /// What governs, in this test's own account: the stable version, the one before, and the emergency version.
    governs: (u32, Option<u32>),
    emergency: Option<u32>,
    /// The changes of the control plane in their order; and the serial of the last delegation.
    changes: Vec<(Change, Option<u32>)>,
    serial: u32,
    canary: Option<u32>,
    /// Whether the canary was not rolled back.
    live: bool,
}

impl Run {
    fn new(room: usize) -> Self {
        let (world, mut log) = (world(), interaction_gov::audit::Log::new(vec![[0; RECORD]; room.max(3)]));
        let id = InteractionId::recorded([7; 16]);
        let call = Call::create(id, Time(1_000), Mode::Enforce, &world, &mut log).unwrap();
        Self {
            world,
            call,
            log,
            kept: Vec::new(),
            heads: Vec::new(),
            now: 1_000,
            said: Vec::new(),
            governs: (0, None),
            emergency: None,
            changes: Vec::new(),
            serial: 0,
            canary: None,
            live: false,
        }
    }

    fn say(&mut self, what: impl std::fmt::Debug) {
        self.said.push(format!("{what:?}"));
    }

    fn gone(&mut self, bindings: Bindings) {
        assert!(bindings.iter().all(|binding| self.call.running(binding).is_none()));
        self.say(bindings);
    }

    /// An emergency of a version that was rolled back goes on with the stable one.
    fn emergency_goes_on(&mut self, bad: Option<u32>) {
        if self.emergency.is_some() && self.emergency == bad {
            self.emergency = Some(self.governs.0);
            self.changes.push((Change::Emergency, self.emergency));
        }
    }

    /// What holds of every decision.
    fn decided(&mut self, decision: Decision, seat: Seat) {
        if decision.verdict == Verdict::AuditFull {
            assert!(decision.version.is_none() && decision.lease.is_none());
        } else if decision.verdict != Verdict::ClockBack && self.call.state() != State::Terminated {
            assert_eq!(
                decision.version,
                Some(self.emergency.unwrap_or(self.governs.0)),
                "decided by what governs now, and by nothing else"
            );
        }
        assert_eq!(decision.verdict.permits(), decision.lease.is_some());
        if let Some(lease) = decision.lease {
            let participant = self.call.participant(seat).unwrap();
            assert!(lease.until() <= participant.valid_until() && lease.until() > Time(self.now));
            assert!(self.call.holds(&lease, Time(self.now), &self.world));
            assert!(matches!(self.call.state(), State::Active | State::Degraded));
            assert!(decision.authority.is_some() && decision.line.is_some());
        }
        self.say(decision);
    }

    /// The process ends, and another one goes on with what was kept.
    fn restart(&mut self) {
        let mut bytes = vec![0; 8_192];
        let (used, stamp) = self.call.snapshot(&mut bytes).unwrap();
        assert_eq!((stamp.records, stamp.interaction), (self.call.chain().next(), *self.call.id()));
        self.call = Call::restore(&bytes[..used]).unwrap();
        let mut again = vec![0; used];
        assert_eq!(self.call.snapshot(&mut again), Ok((used, stamp)));
        assert_eq!(bytes[..used], again);
    }

    fn step(&mut self, step: Step) {
        let before = (self.call.chain().next(), self.log.waiting().len());
        self.take(step);
        let drained = matches!(step, Step::Drain);
        let written = usize::try_from(self.call.chain().next() - before.0).unwrap();
        assert!(drained || self.log.waiting().len() == before.1 + written, "every record was written: {step:?}");
    }

    fn take(&mut self, step: Step) {
        let now = Time(self.now);
        let (world, log) = (&mut self.world, &mut self.log);
        match step {
            Step::Join(number) => {
                let joined = self.call.join(now, &person(number), world, log);
                self.say(joined);
            }
            Step::Leave(seat) => {
                let left = self.call.leave(now, Seat(seat), log);
                self.gone(left.unwrap_or_default());
            }
            Step::Revalidate(seat) => {
                let done = self.call.revalidate(now, Seat(seat), &hardened("de"), world, log);
                self.say(done);
            }
            Step::Consent(seat, yes) => {
                let consents = if yes { all(&["recording"]) } else { Set::EMPTY };
                let done = self.call.consent(now, Seat(seat), consents, log);
                self.say(done);
            }
            Step::Move(seat) => {
                let region = Some(the("fr"));
                let done = self.call.transition(now, Seat(seat), Transition::Transport, region, [1; 16], log);
                self.say(done);
            }
            Step::Decide(seat, action, by) => {
                let action = ["join", "speak", "record", "transcribe", "export", "speak"][usize::from(action)];
                let request = Request { binding: by.map(Binding), ..request(Seat(seat), action) };
                let decision = self.call.decide(now, &request, world, log);
                self.decided(decision, Seat(seat));
            }
            Step::Invoke(seat, core, by) => {
                let role = if core { Role::Core } else { Role::Auxiliary };
                let invocation = Invocation { role, parent: by.map(Binding), ..recording(Seat(seat)) };
                let (decision, binding) = self.call.invoke(now, &invocation, &govern::provenance, world, log);
                assert_eq!(binding.is_some(), decision.verdict.permits());
                self.decided(decision, Seat(seat));
            }
            Step::Fail(binding) => {
                let done = self.call.fail(now, Binding(binding), world, log);
                self.say(done);
            }
            Step::Recover(binding) => {
                let done = self.call.recover(now, Binding(binding), log);
                self.say(done);
            }
            Step::End(binding) => {
                let ended = self.call.end(now, Binding(binding), log);
                self.gone(ended.unwrap_or_default());
            }
            Step::Review => {
                let reviewed = self.call.review(now, world, log);
                if let Ok(bindings) = reviewed {
                    self.gone(bindings);
                    if self.log.room(interaction_gov::audit::Need::Ordinary) < 4 {
                        return;
                    }
                    // Every running function is permitted now, or has time left to recover.
                    let runs = (0..4).filter_map(|number| self.call.running(Binding(number)));
                    for running in runs {
                        let healthy = running.health() == interaction_gov::function::Health::Running;
                        let governs = matches!(self.call.state(), State::Active | State::Degraded);
                        assert!(!healthy || !governs || running.lease().until() > now, "{running:?}");
                    }
                    assert!(
                        self.call.next_deadline().is_none_or(|due| due > now),
                        "a caller that waits for it gets on"
                    );
                }
            }
            Step::Suspend => {
                let done = self.call.suspend(now, log);
                self.say(done);
            }
            Step::Resume => {
                let done = self.call.resume(now, log);
                self.say(done);
            }
            Step::Publish(version) => {
                // Publishing the governing version changes nothing; a version that was rolled back cannot be used
                // again.
                let version = u32::from(version);
                if world.publish(Track::STABLE, version).is_ok() {
                    if self.governs.0 != version {
                        self.changes.push((Change::Published, Some(version)));
                    }
                    self.governs = (version, Some(self.governs.0));
                }
            }
            Step::RollBack => {
                let before = self.governs.1.unwrap_or(0);
                if world.roll_back(the("corporate"), before).is_ok() {
                    let bad = Some(self.governs.0);
                    self.governs = (before, None);
                    self.changes.push((Change::RolledBack, Some(before)));
                    self.emergency_goes_on(bad);
                    if self.live && self.canary == bad {
                        self.live = false;
                        self.changes.push((Change::CanaryRolledBack, bad));
                    }
                }
            }
            Step::Canary(version) => {
                // The interaction began before the canary, so it is not on its track.
                if world.start_canary(version.into(), 100).is_ok() {
                    self.changes.push((Change::CanaryStarted, Some(version.into())));
                    (self.canary, self.live) = (Some(version.into()), true);
                }
            }
            Step::CanaryBack => {
                if world.roll_back_canary().is_ok() {
                    self.changes.push((Change::CanaryRolledBack, self.canary));
                    self.live = false;
                    if self.canary != Some(self.governs.0) {
                        self.emergency_goes_on(self.canary);
                    }
                }
            }
            Step::CanaryOver => {
                if world.end_canary().is_ok() {
                    self.changes.push((Change::CanaryEnded, self.canary.take()));
                }
            }
            Step::Promote => {
                if world.promote_canary().is_ok() {
                    let version = self.canary.take().unwrap();
                    if self.governs.0 != version {
                        self.changes.push((Change::Published, Some(version)));
                    }
                    self.governs = (version, Some(self.governs.0));
                    self.changes.push((Change::CanaryEnded, Some(version)));
                }
            }
            Step::Emergency(version) => {
                let version = u32::from(version);
                if world.emergency(version).is_ok() && self.emergency.replace(version) != Some(version) {
                    self.changes.push((Change::Emergency, Some(version)));
                }
            }
            Step::Lift => {
                world.lift_emergency();
                if let Some(version) = self.emergency.take() {
                    self.changes.push((Change::EmergencyLifted, Some(version)));
                }
            }
            Step::Delegate(true) => {
                let (from, to) = (the("privacy"), the("corporate"));
                let serial = self.serial + 1;
                let (scope, vocabulary) = (Scope::ALL, *govern::names().digest());
                let until = now.after(5_000);
                let delegation = Delegation { from, to, scope, vocabulary, until, serial, redelegate: false };
                let signature = govern::sign(2, &delegation.signed());
                if world.authorities.delegate(delegation, &signature, &govern::verifies, now).is_ok() {
                    self.serial = serial;
                    self.changes.push((Change::Delegated, None));
                }
            }
            Step::Delegate(false) => {
                let before = world.authorities.delegations().len();
                world.authorities.revoke(the("privacy"), the("corporate"));
                if world.authorities.delegations().len() != before {
                    self.changes.push((Change::Revoked, None));
                }
            }
            Step::Reach(there) => {
                if world.authorities.silent().is_empty() != there {
                    self.changes.push((if there { Change::Reachable } else { Change::Silent }, None));
                }
                world.authorities.set_reach(the("privacy"), there);
            }
            Step::Wait(ms) => self.now = self.now.saturating_add_signed(ms.into()),
            Step::Drain => {
                self.kept.extend_from_slice(self.log.waiting());
                self.log.taken();
            }
            Step::Head => self.heads.push(self.call.head()),
            Step::Terminate => {
                let ended = self.call.terminate(now, log);
                self.gone(ended.unwrap_or_default());
            }
        }
    }
}

fn run(steps: &[Step], room: usize) -> Run {
    let mut run = Run::new(room);
    steps.iter().for_each(|step| run.step(*step));
    run.step(Step::Drain);
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A snapshot that is restored elsewhere continues as if nothing had stopped: the same decisions, permits and
    /// trail.
    #[test]
    fn to_restart_at_any_moment_changes_nothing(
        steps in proptest::collection::vec((step(), any::<bool>()), 0..120), room in 4..60_usize,
    ) {
        let mut stops = Run::new(room);
        for (step, restarts) in &steps {
            if *restarts {
                stops.restart();
            }
            stops.step(*step);
        }
        stops.step(Step::Drain);
        let steps: Vec<_> = steps.into_iter().map(|(step, _)| step).collect();
        let never = run(&steps, room);
        prop_assert_eq!(never.call.chain(), stops.call.chain());
        prop_assert_eq!((never.said, never.kept), (stops.said, stops.kept));
    }

    /// Every decision can be made again from its record and the texts that it names, alone.
    #[test]
    fn a_replay_finds_no_difference(steps in proptest::collection::vec(step(), 0..150)) {
        let done = run(&steps, 2_000);
        for record in done.kept.iter().filter_map(Record::read) {
            let Some(version) = record.policy.and_then(|number| done.world.version(number)) else { continue };
            let found = interaction_gov::audit::replay(&record, &version.policy);
            prop_assert!(matches!(found, Replayed::Same | Replayed::NotDecided), "{:?} of {:?}", found, record);
        }
    }

    /// Each change of the control plane is in the trail once, in its place, before the next decision, even if several
    /// changes come between two decisions.
    #[test]
    fn every_change_of_the_control_plane_is_told(
        steps in proptest::collection::vec(prop_oneof![2 => step(), 1 => plane()], 0..150), room in 8..60_usize,
    ) {
        let mut done = run(&steps, room);
        // Changes that are not recorded yet are recorded at the next request for which there is room.
        for _ in 0..8 {
            done.step(Step::Drain);
            done.step(Step::Decide(0, 1, None));
        }
        done.step(Step::Drain);
        let (mut governing, mut told) = (Governing::default(), Vec::new());
        // The changes that this test has noted: those of versions and of speakers.
        let at_first = usize::try_from(Record::read(&done.kept[0]).unwrap().plane).unwrap();
        for record in done.kept.iter().filter_map(Record::read) {
            prop_assert_eq!(governing.hear(&record), Ok(()), "{:?}", record);
            match record.kind {
                RecordKind::Changed => {
                    prop_assert_eq!(usize::try_from(record.plane).unwrap(), at_first + told.len() + 1);
                    told.push(Some((Change::from_code(record.action.unwrap()).unwrap(), record.policy)));
                }
                RecordKind::Governs => (0..record.count).for_each(|_| told.push(None)),
                _ => {}
            }
        }
        let over = done.call.state() == State::Terminated;
        let late = done.now < done.call.time().0;
        prop_assert!(over || late || told.len() == done.changes.len(), "{:?} of {:?}", told, done.changes);
        for (one, other) in told.iter().zip(&done.changes) {
            prop_assert!(one.is_none_or(|one| one == *other), "{:?} of {:?}", told, done.changes);
        }
    }

    #[test]
    fn every_interleaving_is_coherent_and_its_trail_is_whole(
        steps in proptest::collection::vec(step(), 0..150), room in prop_oneof![Just(1_000_usize), 2..30_usize],
    ) {
        let done = run(&steps, room);
        let mut trail = Trail::of(InteractionId::recorded([7; 16]));
        let mut heads = done.heads.iter().peekable();
        let signs = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true;
        for bytes in &done.kept {
            while let Some(head) = heads.next_if(|head| head.records == trail.records()) {
                trail.head(&SignedHead { head: *head, signature: [0; 64] }, &[0; 32], &signs).unwrap();
            }
            let record = trail.record(bytes).unwrap();
            if record.kind == RecordKind::Decided && record.verdict.permits() {
                prop_assert!(record.policy.is_some() && record.line.is_some() && record.until.is_some());
            }
        }
        prop_assert_eq!((trail.hash(), trail.records()), (done.call.chain().hash(), done.call.chain().next()));
        // The same inputs give the same chain and the same decisions.
        let again = run(&steps, room);
        prop_assert_eq!(again.call.chain(), done.call.chain());
        prop_assert_eq!((again.said, again.kept), (done.said, done.kept));
    }
}

#[test]
fn the_harness_reaches_what_it_is_about() {
    // Otherwise the property above could hold trivially: over many runs, each verdict that is possible here occurs.
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut met = std::collections::BTreeSet::new();
    let mut decided_again = 0;
    for _ in 0..400 {
        let steps = proptest::collection::vec(step(), 100..150).new_tree(&mut runner).unwrap().current();
        let done = run(&steps, 300);
        met.extend(done.kept.iter().map(|bytes| Record::read(bytes).unwrap().verdict));
        for record in done.kept.iter().filter_map(Record::read) {
            let version = record.policy.and_then(|number| done.world.version(number));
            let same = |policy| interaction_gov::audit::replay(&record, policy) == Replayed::Same;
            decided_again += u32::from(version.is_some_and(|version| same(&version.policy)));
        }
    }
    assert!(decided_again > 2_000, "{decided_again} decisions were decided again");
    for verdict in [
        Verdict::Permit,
        Verdict::DeniedByRule,
        Verdict::NotPermitted,
        Verdict::NobodyAsked,
        Verdict::NotActive,
        Verdict::NoParticipant,
        Verdict::Lapsed,
        Verdict::NoFunction,
        Verdict::Unreachable,
        Verdict::ClockBack,
        Verdict::NoRoom,
    ] {
        assert!(met.contains(&verdict), "{verdict} among {met:?}");
    }
}
