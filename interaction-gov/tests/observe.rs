//! Observe mode: everything is decided and recorded, but no denial prevents anything (`IoE §8`).

mod govern;

use govern::{Call, Records, component, log, person, provenance, recording, request, the, world};
use interaction_gov::audit::{Record, RecordKind, Verdict};
use interaction_gov::function::{Health, Invocation, Role};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Mode, Refused};
use interaction_gov::lifecycle::State;
use interaction_gov::participant::Admission;
use interaction_gov::policy;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Region, Set};

fn begin(log: &mut Records) -> (govern::World, Call) {
    let world = world();
    let call = Call::create(InteractionId::recorded([7; 16]), Time(0), Mode::Observe, &world, log).unwrap();
    (world, call)
}

fn last(log: &Records) -> Record {
    Record::read(log.waiting().last().unwrap()).unwrap()
}

/// A device, which no rule permits to join.
fn device(number: u8) -> Admission {
    Admission { kind: policy::Kind::Device, ..person(number) }
}

#[test]
fn what_would_be_denied_happens_and_is_recorded_as_denied() {
    // shows: IOE-099 (§4.8 R8)
    let mut log = log();
    let (world, mut call) = begin(&mut log);
    let seat = call.join(Time(1), &device(1), &world, &mut log).unwrap();
    let joined =
        log.waiting().iter().filter_map(Record::read).find(|record| record.kind == RecordKind::Joined).unwrap();
    assert_eq!(joined.verdict, Verdict::NotPermitted);
    assert!(call.participant(seat).is_some_and(|there| there.streams() == person(1).streams), "it sends and receives");
    let decision = call.decide(Time(2), &request(seat, "speak"), &world, &mut log);
    assert_eq!((decision.verdict, decision.enforced, decision.may()), (Verdict::NotPermitted, false, true));
    assert_eq!((last(&log).verdict, last(&log).until), (Verdict::NotPermitted, None), "and it is no permit");
    // A function that no rule permits, at a place to which no rule lets data go.
    let abroad = [the::<Region>("us")];
    let unproven = Invocation { component: component("nothing"), sites: &abroad, ..recording(seat) };
    let (decision, binding) = call.invoke(Time(3), &unproven, &provenance, &world, &mut log);
    let runs = call.running(binding.expect("it runs")).unwrap();
    assert!(!decision.verdict.permits() && decision.lease.is_none() && runs.health() == Health::Running);
    assert_eq!((last(&log).kind, last(&log).verdict), (RecordKind::Invoked, decision.verdict));
    // Reviews cut and cancel nothing, however often.
    for time in [5, 20_000, 60_000] {
        assert!(call.review(Time(time), &world, &mut log).unwrap().is_empty());
    }
    assert!(call.running(binding.unwrap()).is_some());
    assert_eq!(call.participant(seat).unwrap().streams(), person(1).streams);
}

#[test]
fn what_is_impossible_stays_impossible() {
    let mut log = log();
    let (world, mut call) = begin(&mut log);
    let seat = call.join(Time(1), &person(1), &world, &mut log).unwrap();
    assert_eq!(
        call.join(Time(1), &person(1), &world, &mut log),
        Err(Refused(Verdict::Conflict)),
        "a participant has one seat"
    );
    let (_, core) =
        call.invoke(Time(2), &Invocation { role: Role::Core, ..recording(seat) }, &provenance, &world, &mut log);
    // What fails has failed.
    assert_eq!(call.fail(Time(3), core.unwrap(), &world, &mut log), Ok(State::Suspended));
    assert_eq!(call.recover(Time(4), core.unwrap(), &mut log), Ok(State::Active));
    // After the end, decisions bind in observe mode too.
    let _ = call.terminate(Time(5), &mut log).unwrap();
    let after = call.decide(Time(6), &request(seat, "speak"), &world, &mut log);
    assert_eq!((after.verdict, after.may()), (Verdict::NotActive, false));
    // The number of seats is limited in observe mode too.
    let mut small = Interaction::<1, 1>::create(*call.id(), Time(0), Mode::Observe, &world, &mut log).unwrap();
    small.join(Time(0), &person(1), &world, &mut log).unwrap();
    assert_eq!(small.join(Time(0), &person(2), &world, &mut log), Err(Refused(Verdict::NoRoom)));
}

#[test]
fn to_enforce_ends_every_permit_and_what_is_denied_ends_with_the_next_review() {
    let mut log = log();
    let (world, mut call) = begin(&mut log);
    let device = call.join(Time(1), &device(1), &world, &mut log).unwrap();
    let human = call.join(Time(1), &person(2), &world, &mut log).unwrap();
    let lease = call.decide(Time(2), &request(human, "speak"), &world, &mut log).lease.unwrap();
    let unproven = Invocation { component: component("nothing"), ..recording(device) };
    let unproven = Invocation { function: the("captions"), action: the("transcribe"), ..unproven };
    let (_, denied) = call.invoke(Time(3), &unproven, &provenance, &world, &mut log);
    call.enforce(Time(4), &mut log).unwrap();
    assert_eq!((last(&log).kind, last(&log).action), (RecordKind::Policy, Some(Mode::Enforce as u8)));
    assert!(!call.holds(&lease, Time(5), &world), "it was decided when nothing was held back");
    let cancelled = call.review(Time(6), &world, &mut log).unwrap();
    assert_eq!(cancelled.iter().collect::<Vec<_>>(), [denied.unwrap()]);
    assert_eq!(call.participant(device).unwrap().streams().sends, Set::EMPTY, "no rule lets it send");
    let speak = |call: &mut Call, seat, log: &mut Records| call.decide(Time(7), &request(seat, "speak"), &world, log);
    assert!(speak(&mut call, human, &mut log).verdict.permits());
    let device = speak(&mut call, device, &mut log);
    assert!(!device.may() && device.enforced);
}
