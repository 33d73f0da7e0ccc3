//! No permit holds longer than the facts on which it rests (`IoE R2`): while a lease holds, the same request would be
//! permitted again, and all flows as well, although nothing was decided in between.

mod govern;

use govern::{
    Call, LONG, MINUTE, Records, START, World, all, begin, log, names, policy, recording, request, the, valid_for,
    world_of,
};
use interaction_gov::audit::Verdict;
use interaction_gov::authority::Delegation;
use interaction_gov::function::Invocation;
use interaction_gov::interaction::{Request, To, Transition};
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Kind, On, Policy, Scope};
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Modality, Posture, Region, Set};
use proptest::prelude::*;

#[test]
fn a_permit_ends_with_the_validation_of_everybody_on_whom_it_rests() {
    let corporate = format!(
        "authority corporate\nversion 1\npermit join\npermit export with consent recording\n\
         permit record with second-consent recording\npermit transcribe with present host\npermit speak in de\n{LONG}"
    );
    let world = world_of(&corporate, "authority privacy\nversion 1\nover any in ca\n");
    for action in ["export", "record", "transcribe"] {
        let mut log = log();
        let mut call = begin(&world, &mut log);
        let actor = Admission { consents: all(&["recording"]), ..valid_for(1, 100_000) };
        let other = Admission { roles: all(&["host"]), ..Admission { name: [2; 16], ..actor } };
        let other = Admission { validation: valid_for(2, 5_000).validation, ..other };
        let seat = call.join(Time(START), &actor, &world, &mut log).unwrap();
        call.join(Time(START), &other, &world, &mut log).unwrap();
        let asks = request(seat, action);
        let lease = call.decide(Time(START), &asks, &world, &mut log).lease.unwrap();
        assert_eq!(lease.until(), Time(START + 5_000), "{action}: the other one's validation is over then");
        assert!(call.permits(&lease, &asks, Time(START + 4_999), &world));
        assert!(!call.permits(&lease, &asks, Time(START + 5_000), &world));
        assert_eq!(call.decide(Time(START + 5_000), &asks, &world, &mut log).verdict, Verdict::NotPermitted);
    }
    // A thing without a role, on another stream, hinders no flow.
    let mut log = log();
    let mut call = begin(&world, &mut log);
    let seat = call.join(Time(START), &valid_for(1, 100_000), &world, &mut log).unwrap();
    let thing = Admission { kind: Kind::Device, streams: Streams::both(all(&["chat"])), ..valid_for(2, 5_000) };
    call.join(Time(START), &thing, &world, &mut log).unwrap();
    let speak = Request { on: On::Stream(the("audio")), ..request(seat, "speak") };
    assert_eq!(call.decide(Time(START), &speak, &world, &mut log).lease.unwrap().until(), Time(START + 100_000));
}

#[test]
fn what_flows_is_decided_again_when_an_hour_ends_or_who_was_asked_about_any_stream_falls_silent() {
    let corporate = format!("authority corporate\nversion 1\npermit join\n{LONG}");
    // Privacy is asked about audio alone, and forbids speech there past midnight.
    let law = "authority privacy\nversion 1\nover join on audio\npermit join from 2300 to 0000\n";
    let mut world = world_of(&corporate, law);
    let mut log = log();
    let mut call = begin(&world, &mut log);
    let streams = Streams::both(all(&["audio", "chat"]));
    for number in [1, 2] {
        let who = Admission { streams, ..valid_for(number, 200_000) };
        call.join(Time(START), &who, &world, &mut log).unwrap();
    }
    let flows = |call: &Call, now: u64| call.flows(Time(now)).map(|flow| flow.modality).collect::<Vec<_>>();
    let (audio, chat): (Modality, Modality) = (the("audio"), the("chat"));
    assert_eq!(flows(&call, START), [audio, audio, chat, chat]);
    let _ = call.review(Time(START), &world, &mut log).unwrap();
    let mut silent = Call::restore(&snapshot(&call)).unwrap();
    // A review is due when the hour ends.
    assert_eq!(call.next_deadline(), Some(Time(START + MINUTE / 2)));
    let _ = call.review(Time(START + MINUTE / 2), &world, &mut log).unwrap();
    assert_eq!(flows(&call, START + MINUTE / 2), [chat, chat]);
    assert!(call.next_deadline().is_some_and(|due| due > Time(START + MINUTE / 2)), "and not at once again");
    // An authority that was asked about one of the streams becomes unreachable: that stream is decided again.
    world.authorities.set_reach(the("privacy"), false);
    let _ = silent.review(Time(START + 1_000), &world, &mut log).unwrap();
    assert_eq!(flows(&silent, START + 1_000), [chat, chat]);
}

#[test]
fn a_validation_is_as_short_as_any_says_that_is_asked_about_any_of_the_streams() {
    let corporate = format!("authority corporate\nversion 1\npermit join\n{LONG}");
    let law = "authority privacy\nversion 1\nover join on audio in fr\npermit join\nset validation 2000\n";
    let world = world_of(&corporate, law);
    let mut log = log();
    let mut call = begin(&world, &mut log);
    let there = |number, region: &str, streams: &[&str]| {
        let validation = Validation { region: Some(the(region)), ..valid_for(number, 100_000).validation };
        Admission { validation, streams: Streams::both(all(streams)), ..valid_for(number, 100_000) }
    };
    let mut until = |who: &Admission| {
        let seat = call.join(Time(START), who, &world, &mut log).unwrap();
        (seat, call.participant(seat).unwrap().valid_until())
    };
    let (seat, german) = until(&there(1, "de", &["audio", "chat"]));
    assert_eq!(german, Time(START + 100_000));
    assert_eq!(until(&there(2, "fr", &["audio", "chat", "video"])).1, Time(START + 2_000), "whichever stands last");
    // A participant that moves is under the law of its new region.
    let moved = there(1, "fr", &[]).validation;
    assert_eq!(call.revalidate(Time(START), seat, &moved, &world, &mut log), Ok(Time(START + 2_000)));
}

fn snapshot(call: &Call) -> Vec<u8> {
    let mut bytes = vec![0; call.snapshot(&mut []).unwrap_err()];
    call.snapshot(&mut bytes).unwrap();
    bytes
}

/// A rule of a few clauses, most of which change with time.
fn rule() -> impl Strategy<Value = String> {
    const CLAUSES: [&str; 18] = [
        " in eu",
        " in de",
        " as host",
        " for human",
        " on audio",
        " with consent recording",
        " with stream-consent recording",
        " with own-consent analysis",
        " with second-consent recording",
        " without consent recording",
        " without stream-consent analysis",
        " without second-consent recording",
        " with present host",
        " without present guest",
        " from 2200 to 0000",
        " from 0001 to 2359",
        " from 2359 to 0001",
        " from 0000 to 0002",
    ];
    let clauses = proptest::sample::subsequence(CLAUSES.to_vec(), 0..3).prop_map(|clauses| clauses.concat());
    let actions = proptest::sample::subsequence(vec!["join", "speak", "record", "export"], 1..=3);
    let effect = proptest::sample::select(vec!["permit", "permit", "permit", "deny", "keep"]);
    (effect, actions, clauses).prop_map(|(effect, actions, clauses)| match effect {
        "keep" => format!("keep any within eu{}", clauses.replace(" on audio", "")),
        effect => format!("{effect} {}{clauses}", actions.join(", ")),
    })
}

/// A policy text with as many of these rules as are accepted.
fn text(head: &str, rules: &[String]) -> String {
    let mut text = format!("{head}{LONG}");
    for rule in rules {
        let longer = format!("{text}{rule}\n");
        if Policy::<2>::new().add(&longer, &names()).is_ok() {
            text = longer;
        }
    }
    text
}

#[derive(Clone, Debug)]
struct Who {
    kind: usize,
    region: u8,
    sends: u8,
    receives: u8,
    roles: u8,
    consents: u8,
    valid_ms: u64,
}

fn who() -> impl Strategy<Value = Who> {
    let streams = || prop_oneof![4 => 0..8_u8, 1 => Just(u8::MAX)];
    (0..4_usize, 0..5_u8, streams(), streams(), 0..4_u8, 0..4_u8, 1..200_000_u64).prop_map(
        |(kind, region, sends, receives, roles, consents, valid_ms)| Who {
            kind,
            region,
            sends,
            receives,
            roles,
            consents,
            valid_ms,
        },
    )
}

impl Who {
    fn region(&self) -> Option<Region> {
        (self.region < 4).then_some(Region(self.region))
    }

    fn admission(&self, number: u8) -> Admission {
        let set = |bits: u8| if bits == u8::MAX { Set::ALL } else { Set::from_bits(bits.into()) };
        let validation = Validation { posture: Posture(2), region: self.region(), until: Time(START + self.valid_ms) };
        Admission {
            kind: Kind::ALL[self.kind],
            roles: Set::from_bits(self.roles.into()),
            streams: Streams { sends: set(self.sends), receives: set(self.receives) },
            consents: Set::from_bits(self.consents.into()),
            validation,
            credential_until: Time::NEVER,
            ..govern::person(number)
        }
    }
}

/// Counts which cases occurred.
#[derive(Default)]
struct Met {
    held: usize,
    flowed: usize,
    ended_early: usize,
}

#[derive(Clone, Debug)]
struct Case {
    rules: (Vec<String>, Vec<String>),
    scope: &'static str,
    people: Vec<Who>,
    asks: Vec<(u16, usize, u8, Option<u8>)>,
    later: Vec<u64>,
    delegation: Option<(&'static str, u64)>,
}

fn case() -> impl Strategy<Value = Case> {
    let rules = || proptest::collection::vec(rule(), 0..6);
    let scopes = ["", "over any in de\n", "over join, export from 2359 to 0001\n", "over any on audio own\n"];
    let delegated = proptest::sample::select(vec!["any", "any from 2200 to 0000", "export, record in de"]);
    (
        (rules(), rules()),
        proptest::sample::select(scopes.to_vec()),
        proptest::collection::vec(who(), 1..4),
        proptest::collection::vec((0..3_u16, 0..4_usize, 0..5_u8, proptest::option::of(0..4_u8)), 1..6),
        proptest::collection::vec(1..260_000_u64, 1..5),
        proptest::option::of((delegated, 1..200_000_u64)),
    )
        .prop_map(|(rules, scope, people, asks, later, delegation)| Case {
            rules,
            scope,
            people,
            asks,
            later,
            delegation,
        })
}

fn run(case: &Case) -> Met {
    let Case { rules, scope, people, asks, later, delegation } = case;
    let open = if rules.0.len() % 2 == 0 { "permit any\n" } else { "permit join\n" };
    let corporate = text(&format!("authority corporate\nversion 1\n{open}"), &rules.0);
    let privacy = text(&format!("authority privacy\nversion 1\n{scope}permit join\n"), &rules.1);
    let mut world = world_of(&corporate, &privacy);
    if let Some((scope, ms)) = delegation {
        let scope = Scope::read(scope, &names()).unwrap();
        let (from, to) = (the("privacy"), the("corporate"));
        let (vocabulary, until) = (*names().digest(), Time(START + ms));
        let delegation = Delegation { from, to, scope, vocabulary, until, serial: 1, redelegate: false };
        let signature = govern::sign(2, &delegation.signed());
        world.authorities.delegate(delegation, &signature, &govern::verifies, Time(START)).unwrap();
    }
    let mut log = log();
    let mut call = begin(&world, &mut log);
    for (number, who) in (1..).zip(people) {
        let _ = call.join(Time(START), &who.admission(number), &world, &mut log);
    }
    // The times at which something may end by itself, those just before, and some others.
    let ends = people.iter().map(|who| who.valid_ms).chain(delegation.map(|(_, ms)| ms));
    let minutes = (0..4).map(|minute| MINUTE / 2 + minute * MINUTE);
    let edges = ends.chain(minutes).flat_map(|end| [end - 1, end]);
    let mut times: Vec<u64> = edges.chain(later.iter().copied()).map(|ms| START + ms).collect();
    times.sort_unstable();
    let mut met = Met::default();
    for &(seat, action, on, goes) in asks {
        let on = match on {
            3 => On::Nothing,
            4 => On::Unsaid,
            number => On::Stream(Modality(number)),
        };
        let action = ["join", "speak", "record", "export"][action];
        let goes = goes.map_or(Set::EMPTY, |region| Set::one(Region(region)));
        let asks = Request { on, goes, ..request(Seat(seat), action) };
        let Some(lease) = call.decide(Time(START), &asks, &world, &mut log).lease else { continue };
        for &time in &times {
            if !call.permits(&lease, &asks, Time(time), &world) {
                met.ended_early += usize::from(time < START + 200_000);
                continue;
            }
            met.held += 1;
            let mut again = Call::restore(&snapshot(&call)).unwrap();
            let decision = again.decide(Time(time), &asks, &world, &mut govern::log());
            assert!(decision.verdict.permits(), "{decision:?} of {asks:?} after {} ms", time - START);
        }
    }
    functions_go_on_only_while_they_may(&mut call, &world, &mut log, &times);
    // After a cancellation the function gets no data any more, and the next review decides on that basis.
    while !call.review(Time(START), &world, &mut log).unwrap().is_empty() {}
    let due = call.next_deadline().unwrap_or(Time::NEVER);
    for &time in times.iter().filter(|time| Time(**time) < due) {
        // A step that changes no facts but ends every permit.
        let mut again = Call::restore(&snapshot(&call)).unwrap();
        let mut other = govern::log();
        let Some((seat, who)) = (0..).zip(people).find(|(seat, _)| again.participant(Seat(*seat)).is_some()) else {
            break;
        };
        let who = people
            .iter()
            .enumerate()
            .find(|(number, _)| {
                let name = [u8::try_from(number + 1).unwrap(); 16];
                again.participant(Seat(seat)).is_some_and(|one| *one.name() == name)
            })
            .map_or(who, |(_, who)| who);
        again.transition(Time(time), Seat(seat), Transition::Transport, who.region(), [1; 16], &mut other).unwrap();
        let before: Vec<_> = call.flows(Time(time)).collect();
        while !again.review(Time(time), &world, &mut other).unwrap().is_empty() {}
        let after: Vec<_> = again.flows(Time(time)).collect();
        met.flowed += before.len();
        assert_eq!(before, after, "after {} ms, due at {due:?}", time - START);
    }
    met
}

/// All join in this order while everything is permitted; then these rules govern. Returns the flows after that, by
/// names.
fn flows_after(case: &Case, order: &[usize], detour: bool) -> Vec<(Modality, [u8; 16], [u8; 16])> {
    let Case { rules, scope, people, .. } = case;
    let [open, free] = ["corporate", "privacy"].map(|name| format!("authority {name}\nversion 1\npermit any\n"));
    let mut world = world_of(&open, &free);
    let mut log = log();
    let mut call = begin(&world, &mut log);
    for &number in order {
        let name = u8::try_from(number + 1).unwrap();
        call.join(Time(START), &people[number].admission(name), &world, &mut log).unwrap();
    }
    let corporate = text("authority corporate\nversion 2\npermit join\n", &rules.0);
    let privacy = text(&format!("authority privacy\nversion 2\n{scope}permit join\n"), &rules.1);
    govern::take(&mut world, "corporate", 2, &open, &corporate);
    govern::take(&mut world, "privacy", 2, &free, &privacy);
    let version = world.install(&policy(&[&corporate, &privacy])).unwrap();
    world.publish(Track::STABLE, version).unwrap();
    let mut moves = |call: &mut Call, to: &dyn Fn(&Who) -> Option<Region>| {
        for (seat, number) in (0..).zip(order) {
            let region = to(&people[*number]);
            call.transition(Time(START), Seat(seat), Transition::Transport, region, [1; 16], &mut log).unwrap();
        }
        let _ = call.review(Time(START), &world, &mut log).unwrap();
    };
    if detour {
        moves(&mut call, &|_| None);
        moves(&mut call, &|who| who.region().map(|Region(region)| Region((region + 1) % 4)));
    }
    moves(&mut call, &Who::region);
    let name = |seat: Seat| *call.participant(seat).unwrap().name();
    let to = |to: To| match to {
        To::Seat(seat) => name(seat),
        To::Binding(_) => unreachable!("nothing runs"),
    };
    let mut flows: Vec<_> = call.flows(Time(START)).map(|flow| (flow.modality, name(flow.from), to(flow.to))).collect();
    flows.sort_unstable();
    flows
}

/// A running function would still be permitted whenever its lease holds.
fn functions_go_on_only_while_they_may(call: &mut Call, world: &World, log: &mut Records, times: &[u64]) {
    for seat in 0..2 {
        let invocation = Invocation { sites: &[Region(0), Region(2)], ..recording(Seat(seat)) };
        let (_, binding) = call.invoke(Time(START), &invocation, &govern::provenance, world, log);
        let Some(binding) = binding else { continue };
        let _ = call.review(Time(START), world, log);
        let Some(lease) = call.running(binding).map(|running| *running.lease()) else { continue };
        let due = call.next_deadline().unwrap_or(Time::NEVER);
        for &time in times.iter().filter(|time| Time(**time) < due && call.holds(&lease, Time(**time), world)) {
            let mut again = Call::restore(&snapshot(call)).unwrap();
            let mut other = govern::log();
            let (nothing, there) = ([1; 16], again.participant(Seat(seat)).unwrap().whereabouts(Time(START)));
            let there = (there != Region::UNKNOWN).then_some(there);
            again.transition(Time(time), Seat(seat), Transition::Transport, there, nothing, &mut other).unwrap();
            let gone = again.review(Time(time), world, &mut other).unwrap();
            assert!(!gone.contains(binding), "{binding} is cancelled after {} ms", time - START);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn whatever_holds_would_be_permitted_again(case in case()) {
        run(&case);
    }

    #[test]
    fn what_flows_depends_on_neither_the_order_of_participants_nor_what_flowed_before(case in case()) {
        let order: Vec<usize> = (0..case.people.len()).collect();
        let other: Vec<usize> = order.iter().rev().copied().collect();
        let flows = flows_after(&case, &order, false);
        prop_assert_eq!(&flows, &flows_after(&case, &other, false), "in another order");
        prop_assert_eq!(&flows, &flows_after(&case, &order, true), "after other laws");
    }
}

#[test]
fn the_property_is_about_something() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut sum = Met::default();
    for _ in 0..150 {
        let met = run(&case().new_tree(&mut runner).unwrap().current());
        sum = Met {
            held: sum.held + met.held,
            flowed: sum.flowed + met.flowed,
            ended_early: sum.ended_early + met.ended_early,
        };
    }
    assert!(
        sum.held > 300 && sum.flowed > 300 && sum.ended_early > 300,
        "{} {} {}",
        sum.held,
        sum.flowed,
        sum.ended_early
    );
}
