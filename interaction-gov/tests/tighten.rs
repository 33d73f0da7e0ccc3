//! Steps that tighten always work (`IoE §8`), whatever the log, the clock or another participant does.

mod govern;

use govern::{Call, World, call, log, person, recording, request, the, world};
use interaction_gov::audit::{Log, RECORD, Record, RecordKind, Trail, Verdict};
use interaction_gov::function::{Binding, Bindings, Health};
use interaction_gov::interaction::{Mode, Refused, Request};
use interaction_gov::lifecycle::State;
use interaction_gov::participant::Seat;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Set;
use proptest::prelude::*;

fn full() -> govern::Records {
    Log::new(Vec::new())
}

fn kinds(log: &govern::Records) -> Vec<(RecordKind, u32)> {
    log.waiting().iter().filter_map(Record::read).map(|record| (record.kind, record.count)).collect()
}

#[test]
fn each_tightening_takes_effect_where_nothing_can_be_recorded() {
    let world = world();
    type Step = fn(&mut Call, u64, &World, &mut govern::Records) -> Result<(), Refused>;
    type Done = fn(&Call) -> bool;
    let steps: [(&str, Step, Done); 7] = [
        (
            "withdraw",
            |call, now, _, log| call.consent(Time(now), Seat(0), Set::EMPTY, log),
            |call| call.consents().is_empty(),
        ),
        ("suspend", |call, now, _, log| call.suspend(Time(now), log), |call| call.state() == State::Suspended),
        (
            "fail",
            |call, now, world, log| call.fail(Time(now), Binding(0), world, log).map(|_| ()),
            |call| call.running(Binding(0)).is_some_and(|running| running.health() != Health::Running),
        ),
        (
            "end",
            |call, now, _, log| call.end(Time(now), Binding(0), log).map(|_: Bindings| ()),
            |call| call.running(Binding(0)).is_none(),
        ),
        (
            "leave",
            |call, now, _, log| call.leave(Time(now), Seat(0), log).map(|_| ()),
            |call| call.participant(Seat(0)).is_none(),
        ),
        ("ban", |call, now, _, log| call.ban(Time(now), Seat(0), log).map(|_| ()), |call| call.is_banned(&[1; 16])),
        (
            "terminate",
            |call, now, _, log| call.terminate(Time(now), log).map(|_| ()),
            |call| call.state() == State::Terminated,
        ),
    ];
    for (name, step, done) in steps {
        // A log without room, and a clock that went backwards.
        for (now, mut small) in [(2_000, full()), (1, log())] {
            let mut before = log();
            let (mut call, seat) = call(&world, &mut before);
            let (_, binding) = call.invoke(Time(1_001), &recording(seat), &govern::provenance, &world, &mut before);
            let lease = *call.running(binding.unwrap()).unwrap().lease();
            assert!(!done(&call));
            assert_eq!(step(&mut call, now, &world, &mut small), Ok(()), "{name}");
            assert!(done(&call), "{name} has taken effect");
            assert!(!call.holds(&lease, Time(2_000), &world), "{name}: no permit goes on");
            if small.waiting().is_empty() {
                // The number of unrecorded steps is recorded as soon as there is room, and the trail stays complete.
                let lost = call.unrecorded();
                assert!(lost > 0);
                call.settle(&mut before).unwrap();
                assert_eq!(
                    kinds(&before).iter().rfind(|(kind, _)| *kind == RecordKind::Gap),
                    Some(&(RecordKind::Gap, lost))
                );
                let mut trail = Trail::of(*call.id());
                assert!(before.waiting().iter().all(|bytes| trail.record(bytes).is_ok()));
                assert_eq!((call.unrecorded(), call.head().last), (0, name == "terminate"));
            }
        }
    }
}

#[test]
fn a_part_of_the_log_is_kept_for_what_tightens() {
    let world = world();
    let mut log = Log::keeping(vec![[0; RECORD]; 12], 4);
    let (mut call, seat) = call(&world, &mut log);
    while call.decide(Time(1_001), &request(seat, "speak"), &world, &mut log).verdict != Verdict::AuditFull {}
    let before = log.waiting().len();
    assert!(before <= 8);
    call.consent(Time(1_002), seat, Set::EMPTY, &mut log).unwrap();
    assert_eq!((log.waiting().len(), call.unrecorded()), (before + 1, 0), "it is recorded like everything else");
    let more = govern::all(&["recording"]);
    assert_eq!(
        call.consent(Time(1_003), seat, more, &mut log),
        Err(Refused(Verdict::AuditFull)),
        "loosening needs its record"
    );
    assert!(call.consents().is_empty());
}

#[test]
fn strangers_fill_no_log() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let before = log.waiting().len();
    for number in 0..500_u64 {
        let _ = call.decide(Time(1_001), &request(Seat(77), "speak"), &world, &mut log);
        let _ = call.join(
            Time(1_001),
            &interaction_gov::participant::Admission { action: the("export"), ..person(5) },
            &world,
            &mut log,
        );
        let _ = call.leave(Time(1_001), Seat(78), &mut log);
        let _ = call.decide(Time(1), &request(seat, "speak"), &world, &mut log);
        assert!(log.waiting().len() <= before + 10, "{number}");
    }
    assert!(call.decide(Time(1_002), &request(seat, "speak"), &world, &mut log).verdict.permits());
    let told: u32 = kinds(&log).iter().filter(|(kind, _)| *kind == RecordKind::Spared).map(|(_, count)| count).sum();
    assert_eq!(told, 2_000 - 8, "each was counted");
    // After a while they are recorded one by one again.
    let now = log.waiting().len();
    let _ = call.decide(Time(20_000), &request(Seat(77), "speak"), &world, &mut log);
    assert_eq!(log.waiting().len(), now + 1);
}

#[test]
fn a_neighbour_that_fills_a_shared_log_hinders_no_withdrawal() {
    let world = world();
    let mut log = Log::new(vec![[0; RECORD]; 40]);
    let (mut one, seat) = call(&world, &mut log);
    let id = interaction_gov::identity::InteractionId::recorded([8; 16]);
    let mut neighbour = Call::create(id, Time(1_000), Mode::Enforce, &world, &mut log).unwrap();
    let theirs = neighbour.join(Time(1_000), &person(1), &world, &mut log).unwrap();
    while neighbour.decide(Time(1_001), &request(theirs, "speak"), &world, &mut log).verdict != Verdict::AuditFull {}
    one.consent(Time(1_002), seat, Set::EMPTY, &mut log).unwrap();
    assert_eq!((one.unrecorded(), one.consents()), (0, Set::EMPTY));
}

#[derive(Clone, Copy, Debug)]
enum Tighten {
    Withdraw(u16),
    Suspend,
    Fail(u16),
    Leave(u16),
    Terminate,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// No tightening is ever refused for want of room or for the clock, whatever came before.
    #[test]
    fn no_tightening_is_ever_refused(
        room in 4..40_usize, kept in 0..4_usize, asked in proptest::collection::vec((0..3_u16, 0..5_000_u64), 0..60),
        tighten in proptest::collection::vec((prop_oneof![
            (0..3_u16).prop_map(Tighten::Withdraw), Just(Tighten::Suspend), (0..3_u16).prop_map(Tighten::Fail),
            (0..3_u16).prop_map(Tighten::Leave), Just(Tighten::Terminate),
        ], 0..5_000_u64), 1..12),
    ) {
        let world = world();
        let mut log = Log::keeping(vec![[0; RECORD]; room.max(8)], kept);
        let (mut call, _) = call(&world, &mut log);
        for number in 2..4 {
            let _ = call.join(Time(1_000), &person(number), &world, &mut log);
        }
        for (seat, time) in asked {
            let ask = Request { ..request(Seat(seat), "speak") };
            let _ = call.decide(Time(time), &ask, &world, &mut log);
            let _ = call.invoke(Time(time), &recording(Seat(seat)), &govern::provenance, &world, &mut log);
        }
        for (what, time) in tighten {
            let over = call.state() == State::Terminated;
            let done = match what {
                Tighten::Withdraw(seat) => call.consent(Time(time), Seat(seat), Set::EMPTY, &mut log),
                Tighten::Suspend => call.suspend(Time(time), &mut log),
                Tighten::Fail(binding) => call.fail(Time(time), Binding(binding), &world, &mut log).map(|_| ()),
                Tighten::Leave(seat) => call.leave(Time(time), Seat(seat), &mut log).map(|_| ()),
                Tighten::Terminate => call.terminate(Time(time), &mut log).map(|_| ()),
            };
            if let Err(Refused(verdict)) = done {
                let none = matches!(verdict, Verdict::NoParticipant | Verdict::NoFunction | Verdict::NotActive);
                prop_assert!(none && (over || verdict != Verdict::NotActive), "{:?}: {}", what, verdict);
            }
            prop_assert_eq!(call.state() == State::Terminated, over || matches!(what, Tighten::Terminate));
        }
    }
}
