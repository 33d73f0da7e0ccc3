//! Refused steps: the result and the record have the same reason, and the record names the seat or the function.

mod govern;

use govern::{Call, Records, START, World, begin, call, component, hardened, log, provenance, world};
use interaction_gov::audit::{Record, RecordKind, Verdict};
use interaction_gov::function::Binding;
use interaction_gov::interaction::{Attribution, Refused, Transition};
use interaction_gov::lifecycle::State;
use interaction_gov::participant::Seat;
use interaction_gov::policy::On;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Set;

const NOW: Time = Time(1_001);
/// After the beginning of one that has no participant yet.
const NEXT: Time = Time(START + 1);
const ABSENT: Seat = Seat(3);
const NOTHING: Binding = Binding(2);

/// What a step is about.
#[derive(Debug, PartialEq)]
enum About {
    All,
    Seat,
    Binding,
    Both,
}

/// A step, why it is refused, and what its record is about.
type Step = (&'static str, fn(&mut Call, &World, &mut Records) -> Result<(), Refused>, Verdict, RecordKind, About);

const STEPS: &[Step] = &[
    (
        "leave",
        |call, _, log| call.leave(NOW, ABSENT, log).map(drop),
        Verdict::NoParticipant,
        RecordKind::Left,
        About::Seat,
    ),
    (
        "ban",
        |call, _, log| call.ban(NOW, ABSENT, log).map(drop),
        Verdict::NoParticipant,
        RecordKind::Banned,
        About::Seat,
    ),
    (
        "consent",
        |call, _, log| call.consent(NOW, ABSENT, Set::ALL, log),
        Verdict::NoParticipant,
        RecordKind::Consented,
        About::Seat,
    ),
    (
        "consent on a stream",
        |call, _, log| call.consent_on(NOW, ABSENT, On::Nothing, Set::EMPTY, log),
        Verdict::NoParticipant,
        RecordKind::Consented,
        About::Seat,
    ),
    (
        "revalidate",
        |call, world, log| call.revalidate(NOW, ABSENT, &hardened("de"), world, log).map(drop),
        Verdict::NoParticipant,
        RecordKind::Revalidated,
        About::Seat,
    ),
    (
        "transition",
        |call, _, log| call.transition(NOW, ABSENT, Transition::Transport, None, [1; 16], log),
        Verdict::NoParticipant,
        RecordKind::Transition,
        About::Seat,
    ),
    ("resume", |call, _, log| call.resume(NOW, log), Verdict::NotActive, RecordKind::Moved, About::All),
    (
        "fail",
        |call, world, log| call.fail(NOW, NOTHING, world, log).map(drop),
        Verdict::NoFunction,
        RecordKind::Failed,
        About::Binding,
    ),
    (
        "end",
        |call, _, log| call.end(NOW, NOTHING, log).map(drop),
        Verdict::NoFunction,
        RecordKind::Ended,
        About::Binding,
    ),
    (
        "recover",
        |call, _, log| call.recover(NOW, NOTHING, log).map(drop),
        Verdict::NoFunction,
        RecordKind::Recovered,
        About::Binding,
    ),
    (
        "prove again",
        |call, _, log| call.reprove(NOW, NOTHING, &component("verified"), &provenance, log).map(drop),
        Verdict::NoFunction,
        RecordKind::Invoked,
        About::Binding,
    ),
    (
        "hand over",
        |call, world, log| Err(Refused(call.hand_over(NOW, NOTHING, Seat(0), world, log).verdict)),
        Verdict::NoFunction,
        RecordKind::HandedOver,
        About::Both,
    ),
    (
        "attribute",
        |call, world, log| call.attribute(NOW, Attribution::Output(NOTHING), [1; 16], world, log),
        Verdict::NoFunction,
        RecordKind::Output,
        About::Binding,
    ),
    ("pin", |call, world, log| call.pin(NOW, Some(9), world, log), Verdict::NoPolicy, RecordKind::Policy, About::All),
];

#[test]
fn a_refused_step_and_its_record_have_one_reason_and_name_the_same_seat_or_function() {
    for (name, step, verdict, kind, about) in STEPS {
        let (world, mut log) = (world(), log());
        let (mut call, _) = call(&world, &mut log);
        let (before, state) = (log.waiting().len(), (call.state(), call.participant(Seat(0)).copied()));
        assert_eq!(step(&mut call, &world, &mut log), Err(Refused(*verdict)), "{name}");
        assert_eq!((call.state(), call.participant(Seat(0)).copied()), state, "{name}");
        let told = &log.waiting()[before..];
        assert_eq!(told.len(), 1, "{name}: one record");
        let record = Record::read(&told[0]).expect("its own");
        assert_eq!((record.kind, record.verdict, record.time), (*kind, *verdict, NOW), "{name}");
        let named = (record.seat, record.binding);
        let expected = match about {
            About::All => (None, None),
            About::Seat => (Some(ABSENT.0), None),
            About::Binding => (None, Some(NOTHING.0)),
            About::Both => (Some(0), Some(NOTHING.0)),
        };
        assert_eq!(named, expected, "{name}");
    }
}

#[test]
fn what_has_not_begun_is_neither_suspended_nor_resumed() {
    let (world, mut log) = (world(), log());
    let mut call = begin(&world, &mut log);
    for is_suspended in [true, false] {
        let before = log.waiting().len();
        let refused = if is_suspended { call.suspend(NEXT, &mut log) } else { call.resume(NEXT, &mut log) };
        assert_eq!(refused, Err(Refused(Verdict::NotActive)));
        let record = Record::read(&log.waiting()[before]).expect("its own");
        assert_eq!((record.kind, record.verdict, record.time), (RecordKind::Moved, Verdict::NotActive, NEXT));
        assert_eq!(call.state(), State::Created);
    }
}
