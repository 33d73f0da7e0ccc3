//! Flows (`IoE §3.3`, `R7`): each review begins with all wanted flows, and takes away those that are not permitted.

mod govern;

use govern::{Call, LONG, MINUTE, START, World, all, begin, log, policy, the, valid_for, world_of};
use interaction_gov::audit::{Log, RECORD, Record, RecordKind, Verdict};
use interaction_gov::interaction::{Refused, To, Transition};
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::Kind;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Set;

const OPEN: &str = "authority corporate\nversion 1\npermit join\n";
/// A privacy text that is asked about nothing that happens in these tests.
const SILENT: &str = "authority privacy\nversion 1\nover any in ca\n";

/// All flows, as pairs of seats.
fn seats(call: &Call, now: u64) -> Vec<(u16, u16)> {
    let to = |to| match to {
        To::Seat(seat) => seat.0,
        To::Binding(_) => u16::MAX,
    };
    call.flows(Time(now)).map(|flow| (flow.from.0, to(flow.to))).collect()
}

/// Lets these rules of corporate govern, after those under which all joined.
fn governs(world: &mut World, corporate: &str) {
    let strict = corporate.replace("version 1", "version 2");
    govern::take(world, "corporate", 2, OPEN, &strict);
    let version = world.install(&policy(&[&strict, SILENT])).unwrap();
    world.publish(Track::STABLE, version).unwrap();
}

fn on_audio(sends: bool, who: Admission) -> Admission {
    let audio = all(&["audio"]);
    let (sends, receives) = if sends { (audio, Set::EMPTY) } else { (Set::EMPTY, audio) };
    Admission { streams: Streams { sends, receives }, ..who }
}

#[test]
fn a_sender_that_may_not_send_at_all_takes_nothing_from_those_that_receive() {
    let corporate = format!("authority corporate\nversion 1\npermit join in de\n{LONG}");
    let world = world_of(&corporate, SILENT);
    let mut log = log();
    let mut call = begin(&world, &mut log);
    for (number, sends) in [(1, true), (2, false), (3, true)] {
        call.join(Time(START), &on_audio(sends, valid_for(number, 100_000)), &world, &mut log).unwrap();
    }
    let _ = call.review(Time(START), &world, &mut log).unwrap();
    assert_eq!(seats(&call, START), [(0, 1), (2, 1)]);
    call.transition(Time(START), Seat(0), Transition::Transport, Some(the("us")), [1; 16], &mut log).unwrap();
    let _ = call.review(Time(START), &world, &mut log).unwrap();
    assert_eq!(seats(&call, START), [(2, 1)], "one review suffices");
    let _ = call.review(Time(START), &world, &mut log).unwrap();
    assert_eq!(seats(&call, START), [(2, 1)]);
}

#[test]
fn a_flow_that_is_permitted_because_of_another_one_ends_with_it() {
    // What persons send stays in the EU; an agent receives only if the senders consent to recording.
    let corporate = format!(
        "authority corporate\nversion 1\npermit join\nkeep audio within eu for human\n\
         deny join for agent without stream-consent recording\n{LONG}"
    );
    let mut world = world_of(OPEN, SILENT);
    let mut log = log();
    let mut call = begin(&world, &mut log);
    let person = Admission { consents: all(&["recording"]), ..valid_for(1, 100_000) };
    let american = Validation { region: Some(the("us")), ..person.validation };
    let others = [
        on_audio(true, person),
        on_audio(true, Admission { kind: Kind::Device, ..valid_for(2, 100_000) }),
        on_audio(false, Admission { kind: Kind::Agent, ..valid_for(3, 100_000) }),
        on_audio(false, Admission { kind: Kind::Service, validation: american, ..valid_for(4, 100_000) }),
    ];
    for who in &others {
        call.join(Time(START), who, &world, &mut log).unwrap();
    }
    governs(&mut world, &corporate);
    let _ = call.review(Time(START), &world, &mut log).unwrap();
    // The person may not send to the United States; without persons there is no consent, so the agent hears nothing.
    assert_eq!(seats(&call, START), [(1, 3)]);
    let told: Vec<_> =
        log.waiting().iter().filter_map(Record::read).filter(|one| one.kind == RecordKind::Flow).collect();
    let of =
        |seat: u16| told.iter().rfind(|one| one.seat == Some(seat)).map(|one| (one.verdict, one.sends, one.receives));
    assert_eq!(of(0), Some((Verdict::Residency, 0, 0)));
    assert_eq!(of(2), Some((Verdict::DeniedByRule, 0, 0)));
    assert_eq!(told.len(), 2, "what goes on is not told again");
}

#[test]
fn a_denial_that_ends_makes_a_review_due() {
    let corporate =
        format!("authority corporate\nversion 1\npermit join\ndeny join for agent from 2359 to 0000\n{LONG}");
    let mut world = world_of(OPEN, SILENT);
    let mut log = log();
    let mut call = begin(&world, &mut log);
    call.join(Time(START), &on_audio(true, valid_for(1, 200_000)), &world, &mut log).unwrap();
    let agent = Admission { kind: Kind::Agent, ..valid_for(2, 200_000) };
    call.join(Time(START), &on_audio(false, agent), &world, &mut log).unwrap();
    governs(&mut world, &corporate);
    let _ = call.review(Time(START), &world, &mut log).unwrap();
    assert_eq!(seats(&call, START), []);
    let midnight = START + MINUTE / 2;
    assert_eq!(call.next_deadline(), Some(Time(midnight)));
    let _ = call.review(Time(midnight), &world, &mut log).unwrap();
    assert_eq!(seats(&call, midnight), [(0, 1)]);
}

#[test]
fn what_may_not_flow_any_more_is_cut_where_nothing_can_be_recorded() {
    let corporate = format!("authority corporate\nversion 1\npermit join with own-consent recording\n{LONG}");
    for full in [false, true] {
        for another_version in [false, true] {
            let mut world = world_of(&corporate, SILENT);
            let mut log = log();
            let mut call = begin(&world, &mut log);
            let person = |number| Admission { consents: all(&["recording"]), ..valid_for(number, 100_000) };
            for (number, sends) in [(1, true), (2, false), (3, true)] {
                call.join(Time(START), &on_audio(sends, person(number)), &world, &mut log).unwrap();
            }
            let _ = call.review(Time(START), &world, &mut log).unwrap();
            assert_eq!(seats(&call, START), [(0, 1), (2, 1)]);
            // Room for some tightenings and nothing else, or for nothing at all.
            let mut little = if full { Log::new(vec![]) } else { Log::keeping(vec![[0; RECORD]; 9], 9) };
            if another_version {
                let version = world.install(&policy(&[&corporate, SILENT])).unwrap();
                world.publish(Track::STABLE, version).unwrap();
            }
            call.consent(Time(START + 1), Seat(0), Set::EMPTY, &mut little).unwrap();
            assert_eq!(call.review(Time(START + 1), &world, &mut little), Err(Refused(Verdict::AuditFull)));
            // If the governing version cannot be recorded, nothing can be decided, and streams without a permit do not
            // flow.
            let expected: &[(u16, u16)] = if another_version { &[] } else { &[(2, 1)] };
            assert_eq!(seats(&call, START + 1), expected, "full {full}, another version {another_version}");
            // The flow comes back together with its record, and not before.
            call.consent(Time(START + 2), Seat(0), all(&["recording"]), &mut log).unwrap();
            let _ = call.review(Time(START + 2), &world, &mut little);
            assert_eq!(seats(&call, START + 2), expected);
            let _ = call.review(Time(START + 2), &world, &mut log).unwrap();
            assert_eq!(seats(&call, START + 2), [(0, 1), (2, 1)]);
        }
    }
}

/// While an interaction is suspended nothing is permitted, and after its end neither: what flowed comes back with the resumption alone.
// shows: IOE-103 (§4.9 R9)
#[test]
fn nothing_flows_in_an_interaction_that_is_suspended_or_over() {
    let world = world_of(&format!("{OPEN}{LONG}"), SILENT);
    let mut log = log();
    let mut call = begin(&world, &mut log);
    for number in [1, 2] {
        call.join(Time(START), &valid_for(number, 100_000), &world, &mut log).unwrap();
    }
    let flows = call.flows(Time(START)).count();
    assert!(flows > 0);
    call.suspend(Time(START), &mut log).unwrap();
    assert_eq!(call.flows(Time(START)).count(), 0);
    let _ = call.review(Time(START), &world, &mut log).unwrap();
    assert_eq!(call.flows(Time(START)).count(), 0);
    call.resume(Time(START), &mut log).unwrap();
    assert_eq!(call.flows(Time(START)).count(), flows);
    let _ = call.terminate(Time(START), &mut log).unwrap();
    assert_eq!(call.flows(Time(START)).count(), 0);
}
