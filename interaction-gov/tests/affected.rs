//! The law of the affected, and flows (`IoE §3.3`, `R7`): an interaction knows whose data go where, and every authority
//! concerned is asked.

mod govern;

use govern::{Call, World, all, hardened, log, names, person, policy, recording, request, the, world_of};
use interaction_gov::audit::{Record, RecordKind, Verdict};
use interaction_gov::function::Invocation;
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Flow, Mode, Refused, Request, To, Transition};
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Kind, On};
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Modality, Name as _, Region, Set};
use proptest::prelude::*;

/// Corporate permits everything; privacy law is asked where a participant is in Germany, and keeps audio within the EU.
const OPEN: &str = "authority corporate\nversion 1\npermit any\n";
const LAW: &str = "authority privacy\nversion 1\nover any in de\npermit any\nkeep audio within eu\n";

fn begin(world: &World, log: &mut govern::Records) -> Call {
    Call::create(InteractionId::recorded([7; 16]), Time(1_000), Mode::Enforce, world, log).unwrap()
}

fn streams(sends: &[&str], receives: &[&str]) -> Streams {
    Streams { sends: all(sends), receives: all(receives) }
}

fn from(number: u8, region: &str, streams: Streams) -> Admission {
    let validation = Validation { region: Some(the(region)), ..person(number).validation };
    Admission { validation, streams, ..person(number) }
}

const BOTH: &[&str] = &["audio"];

fn last(log: &govern::Records) -> Record {
    Record::read(log.waiting().last().unwrap()).unwrap()
}

#[test]
fn a_recording_of_germans_asks_german_law_whoever_begins_it() {
    // shows: IOE-094 (§4.7 R7), IOE-095 (§4.7 R7)
    let (world, mut log) = (world_of(OPEN, LAW), log());
    for home in ["de", "us"] {
        let mut call = begin(&world, &mut log);
        let german = from(1, "de", streams(BOTH, &[]));
        call.join(Time(1_000), &german, &world, &mut log).unwrap();
        let actor = call.join(Time(1_000), &from(2, home, streams(&[], &["chat"])), &world, &mut log).unwrap();
        let in_us = Invocation { sites: &[the("us")], ..recording(actor) };
        let (decision, _) = call.invoke(Time(1_001), &in_us, &govern::provenance, &world, &mut log);
        assert_eq!((decision.verdict, decision.authority), (Verdict::Residency, Some(the("privacy"))), "{home}");
        assert_eq!(decision.line, Some(5), "the line that keeps it is told");
        let unsaid = Invocation { on: On::Unsaid, ..in_us };
        let (decision, _) = call.invoke(Time(1_001), &unsaid, &govern::provenance, &world, &mut log);
        assert_eq!(decision.verdict, Verdict::Residency, "not to say on which stream is no way out");
        let chat = Invocation { on: On::Stream(the("chat")), ..in_us };
        let (decision, _) = call.invoke(Time(1_001), &chat, &govern::provenance, &world, &mut log);
        assert_eq!(decision.verdict, Verdict::Permit, "no German sends on chat");
        let expected = all::<Region>(&[home]);
        assert_eq!(last(&log).law, Some(expected));
    }
}

#[test]
fn whoever_joins_from_outside_is_asked_about_what_it_would_receive() {
    let (world, mut log) = (world_of(OPEN, LAW), log());
    let mut call = begin(&world, &mut log);
    call.join(Time(1_000), &from(1, "de", streams(BOTH, BOTH)), &world, &mut log).unwrap();
    let joins = |call: &mut Call, log: &mut govern::Records, who: &Admission| call.join(Time(1_000), who, &world, log);
    let american = from(2, "us", streams(&[], BOTH));
    assert_eq!(joins(&mut call, &mut log, &american), Err(Refused(Verdict::Residency)));
    let unsaid = Admission { streams: Streams::UNSAID, ..american };
    assert_eq!(joins(&mut call, &mut log, &unsaid), Err(Refused(Verdict::Residency)), "what is not said");
    let nowhere = Admission { validation: Validation { region: None, ..american.validation }, ..american };
    assert_eq!(joins(&mut call, &mut log, &nowhere), Err(Refused(Verdict::Residency)), "its region is unknown");
    let chat = from(2, "us", streams(&[], &["chat"]));
    assert!(joins(&mut call, &mut log, &chat).is_ok());
    assert!(joins(&mut call, &mut log, &from(3, "fr", streams(&[], BOTH))).is_ok());
    let flows: Vec<Flow> = call.flows(Time(1_000)).collect();
    let german = Flow { modality: the("audio"), from: Seat(0), to: To::Seat(Seat(2)), region: the("fr") };
    assert_eq!(flows, [german]);
}

#[test]
fn who_moves_is_cut_off_from_what_may_not_follow_and_the_others_go_on() {
    let (world, mut log) = (world_of(OPEN, LAW), log());
    let mut call = begin(&world, &mut log);
    let speaker = call.join(Time(1_000), &from(1, "de", streams(BOTH, BOTH)), &world, &mut log).unwrap();
    let mover = call.join(Time(1_000), &from(2, "fr", streams(BOTH, BOTH)), &world, &mut log).unwrap();
    let speak = Request { on: On::Stream(the("audio")), ..request(speaker, "speak") };
    let lease = call.decide(Time(1_001), &speak, &world, &mut log).lease.unwrap();
    assert!(call.permits(&lease, &speak, Time(1_001), &world));
    call.transition(Time(1_002), mover, Transition::Transport, Some(the("us")), [1; 16], &mut log).unwrap();
    assert!(!call.holds(&lease, Time(1_002), &world), "every flow that it touches is decided again");
    assert_eq!(call.decide(Time(1_002), &speak, &world, &mut log).verdict, Verdict::Residency, "until that is done");
    assert!(call.review(Time(1_003), &world, &mut log).unwrap().is_empty());
    assert_eq!(call.participant(mover).unwrap().streams(), streams(BOTH, &[]), "it may speak on");
    let cut = log.waiting().iter().filter_map(Record::read).rfind(|record| record.kind == RecordKind::Flow).unwrap();
    assert_eq!((cut.seat, cut.verdict, cut.receives), (Some(mover.0), Verdict::Residency, 0));
    assert_eq!(call.decide(Time(1_004), &speak, &world, &mut log).verdict, Verdict::Permit, "the others go on");
    let flows: Vec<_> = call.flows(Time(1_004)).map(|flow| (flow.from, flow.to)).collect();
    assert_eq!(flows, [(mover, To::Seat(speaker))]);
    // Back again, it receives again.
    call.transition(Time(1_005), mover, Transition::Transport, Some(the("fr")), [1; 16], &mut log).unwrap();
    let _ = call.review(Time(1_006), &world, &mut log).unwrap();
    assert_eq!(call.participant(mover).unwrap().streams(), streams(BOTH, BOTH));
    assert_eq!(call.flows(Time(1_006)).count(), 2);
}

#[test]
fn residency_may_depend_on_consent_and_ends_with_it() {
    let law = LAW.replace("within eu", "within eu without stream-consent analysis");
    let (world, mut log) = (world_of(OPEN, &law), log());
    let mut call = begin(&world, &mut log);
    let german = call.join(Time(1_000), &from(1, "de", streams(BOTH, &[])), &world, &mut log).unwrap();
    let american = from(2, "us", Streams { sends: Set::EMPTY, receives: all(BOTH) });
    assert_eq!(call.join(Time(1_000), &american, &world, &mut log), Err(Refused(Verdict::Residency)));
    // On another stream it is another consent.
    call.consent_on(Time(1_001), german, On::Stream(the("chat")), all(&["analysis"]), &mut log).unwrap();
    assert_eq!(call.join(Time(1_001), &american, &world, &mut log), Err(Refused(Verdict::Residency)));
    call.consent_on(Time(1_002), german, On::Stream(the("audio")), all(&["analysis"]), &mut log).unwrap();
    let guest = call.join(Time(1_002), &american, &world, &mut log).unwrap();
    assert_eq!(call.flows(Time(1_002)).count(), 1);
    call.consent(Time(1_003), german, Set::EMPTY, &mut log).unwrap();
    let _ = call.review(Time(1_003), &world, &mut log).unwrap();
    assert_eq!((call.flows(Time(1_003)).count(), call.participant(guest).unwrap().streams()), (0, Streams::NONE));
}

#[test]
fn a_function_that_is_invited_gets_what_goes_on_its_stream() {
    let law = "authority privacy\nversion 1\nover speak\npermit any\nkeep audio within eu\n";
    let (world, mut log) = (world_of(OPEN, law), log());
    let mut call = begin(&world, &mut log);
    let seat = call.join(Time(1_000), &from(1, "de", streams(BOTH, BOTH)), &world, &mut log).unwrap();
    let speak = Request { on: On::Stream(the("audio")), ..request(seat, "speak") };
    let lease = call.decide(Time(1_001), &speak, &world, &mut log).lease.unwrap();
    let there = Invocation { sites: &[the("us")], ..recording(seat) };
    let (_, binding) = call.invoke(Time(1_002), &there, &govern::provenance, &world, &mut log);
    assert!(!call.holds(&lease, Time(1_002), &world));
    assert_eq!(call.decide(Time(1_002), &speak, &world, &mut log).verdict, Verdict::Residency);
    assert_eq!(call.flows(Time(1_002)).map(|flow| flow.to).collect::<Vec<_>>(), [To::Binding(binding.unwrap())]);
    let _ = call.end(Time(1_003), binding.unwrap(), &mut log).unwrap();
    assert_eq!(call.decide(Time(1_003), &speak, &world, &mut log).verdict, Verdict::Permit);
}

#[test]
fn a_function_is_handed_over_to_whom_may_run_it() {
    let corporate = "authority corporate\nversion 1\npermit join, speak\npermit record as host\n";
    let law = "authority privacy\nversion 1\nover export\n";
    let (world, mut log) = (world_of(corporate, law), log());
    let mut call = begin(&world, &mut log);
    let join = |call: &mut Call, log: &mut govern::Records, number: u8, role: &str| {
        let who = Admission { roles: all(&[role]), ..person(number) };
        call.join(Time(1_000), &who, &world, log).unwrap()
    };
    let seats = [(1, "host"), (2, "guest"), (3, "host")].map(|(number, role)| join(&mut call, &mut log, number, role));
    let (_, binding) = call.invoke(Time(1_001), &recording(seats[0]), &govern::provenance, &world, &mut log);
    let binding = binding.unwrap();
    let mut hand = |to: Seat| {
        let verdict = call.hand_over(Time(1_002), binding, to, &world, &mut log).verdict;
        (verdict, call.running(binding).unwrap().seat())
    };
    assert_eq!(hand(seats[1]), (Verdict::NotPermitted, seats[0]));
    assert_eq!(hand(Seat(9)), (Verdict::NoParticipant, seats[0]));
    assert_eq!(hand(seats[2]), (Verdict::Permit, seats[2]));
    assert!(call.leave(Time(1_003), seats[0], &mut log).unwrap().is_empty(), "it runs for another one now");
    assert_eq!(call.leave(Time(1_004), seats[2], &mut log).unwrap().len(), 1);
}

#[test]
fn two_persons_have_to_agree_where_policy_says_so() {
    let corporate = "authority corporate\nversion 1\npermit join\npermit export with second-consent analysis\n";
    let law = "authority privacy\nversion 1\nover transcribe\n";
    let (world, mut log) = (world_of(corporate, law), log());
    let mut call = begin(&world, &mut log);
    let one = call.join(Time(1_000), &person(1), &world, &mut log).unwrap();
    let two = call.join(Time(1_000), &person(2), &world, &mut log).unwrap();
    let agent = Admission { kind: Kind::Agent, consents: all(&["analysis"]), ..person(3) };
    call.join(Time(1_000), &agent, &world, &mut log).unwrap();
    let mut ask = |call: &mut Call| call.decide(Time(1_001), &request(one, "export"), &world, &mut log).verdict;
    assert_eq!(ask(&mut call), Verdict::NotPermitted, "a program is no person");
    let mut other = govern::log();
    call.consent(Time(1_001), one, all(&["analysis"]), &mut other).unwrap();
    assert_eq!(ask(&mut call), Verdict::NotPermitted, "one's own consent is not another's");
    call.consent(Time(1_001), two, all(&["analysis"]), &mut other).unwrap();
    assert_eq!(ask(&mut call), Verdict::Permit);
}

#[test]
fn who_was_banned_does_not_come_back() {
    let (world, mut log) = (govern::world(), log());
    let (mut call, seat) = govern::call(&world, &mut log);
    let _ = call.ban(Time(1_001), seat, &mut log).unwrap();
    assert_eq!(last(&log).kind, RecordKind::Banned);
    assert_eq!(call.join(Time(1_002), &person(1), &world, &mut log), Err(Refused(Verdict::Banned)));
    assert!(call.join(Time(1_002), &person(2), &world, &mut log).is_ok());
    // If more are banned than there is room for, no participant is admitted.
    for number in 3..8 {
        let name = Admission { name: [number; 16], ..person(number) };
        if let Ok(seat) = call.join(Time(1_003), &name, &world, &mut log) {
            let _ = call.ban(Time(1_003), seat, &mut log).unwrap();
        }
    }
    assert_eq!(call.join(Time(1_004), &person(9), &world, &mut log), Err(Refused(Verdict::Banned)));
}

#[test]
fn what_nothing_prevents_is_permitted_whatever_anybody_says() {
    let (mut world, mut log) = (govern::world(), log());
    let (mut call, seat) = govern::call(&world, &mut log);
    let halt = request(seat, "halt");
    world.authorities.set_reach(the("corporate"), false);
    world.authorities.set_reach(the("privacy"), false);
    call.suspend(Time(1_001), &mut log).unwrap();
    let mut full = interaction_gov::audit::Log::new(Vec::new());
    let decision = call.decide(Time(900_000), &halt, &world, &mut full);
    assert_eq!(
        (decision.verdict, decision.may()),
        (Verdict::Always, true),
        "silent, suspended, lapsed, late, and no room"
    );
    assert_eq!(call.unrecorded(), 1);
    let nobody = request(Seat(9), "halt");
    assert!(!call.decide(Time(900_000), &nobody, &world, &mut log).may(), "but for who is not there");
}

#[test]
fn an_output_is_attributed_only_while_what_puts_it_out_may_run() {
    let (world, mut log) = (govern::world(), log());
    let (mut call, seat) = govern::call(&world, &mut log);
    let (_, binding) = call.invoke(Time(1_001), &recording(seat), &govern::provenance, &world, &mut log);
    let output = interaction_gov::interaction::Attribution::Output(binding.unwrap());
    call.attribute(Time(1_002), output, [1; 16], &world, &mut log).unwrap();
    call.consent(Time(1_003), seat, Set::EMPTY, &mut log).unwrap();
    let late = call.attribute(Time(1_004), output, [1; 16], &world, &mut log);
    assert_eq!(late, Err(Refused(Verdict::NoLease)));
}

#[test]
fn a_permit_is_for_what_it_was_given_for() {
    let (world, mut log) = (govern::world(), log());
    let (mut call, seat) = govern::call(&world, &mut log);
    let speak = request(seat, "speak");
    let lease = call.decide(Time(1_001), &speak, &world, &mut log).lease.unwrap();
    assert!(call.permits(&lease, &speak, Time(1_001), &world));
    for other in [
        request(seat, "record"),
        request(Seat(1), "speak"),
        Request { on: On::Nothing, ..speak },
        Request { goes: all(&["us"]), ..speak },
    ] {
        assert!(!call.permits(&lease, &other, Time(1_001), &world), "{other:?}");
    }
    // Nor does it hold in another interaction with the same identity.
    let mut twin = Call::create(InteractionId::recorded([7; 16]), Time(999), Mode::Enforce, &world, &mut log).unwrap();
    twin.join(Time(1_000), &person(1), &world, &mut log).unwrap();
    assert!(!twin.holds(&lease, Time(1_001), &world));
}

#[test]
fn what_runs_is_proven_once_more_and_a_doubt_counts_at_once() {
    let (world, mut log) = (govern::world(), log());
    let (mut call, seat) = govern::call(&world, &mut log);
    let transcription = Invocation { action: the("transcribe"), function: the("transcription"), ..recording(seat) };
    let (_, binding) = call.invoke(Time(1_001), &transcription, &govern::provenance, &world, &mut log);
    let binding = binding.unwrap();
    let again = |call: &mut Call, log: &mut govern::Records, statement| {
        call.reprove(Time(1_002), binding, &govern::component(statement), &govern::provenance, log).unwrap();
        call.review(Time(1_002), &world, log).unwrap().len()
    };
    assert_eq!(again(&mut call, &mut log, "verified"), 0);
    assert_eq!(again(&mut call, &mut log, "stated"), 1);
}

/// A participant of the brute-force model.
#[derive(Clone, Debug)]
struct Model {
    region: u8,
    sends: u8,
    receives: u8,
    valid: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Compares with a model that walks over all pairs: the authority of a region is asked exactly if the action
    /// carries data of a participant in that region, or data go there; and its keep denies exactly if a receiver is
    /// outside.
    #[test]
    fn the_law_of_the_affected_is_what_a_walk_over_all_pairs_finds(
        others in proptest::collection::vec((0..5_u8, 0..8_u8, 0..8_u8, any::<bool>()), 0..3),
        actor in (0..5_u8, 0..8_u8, 0..8_u8),
        on in 0..5_u8, own in any::<bool>(),
    ) {
        let corporate = OPEN;
        let law = "authority privacy\nversion 1\nover any in de\npermit any\nkeep any within de, fr\n";
        // All join before the keep is in force, so that any constellation is possible.
        let mut world = world_of(corporate, "authority privacy\nversion 1\nover any in de\npermit any\n");
        let mut log = log();
        let mut call = begin(&world, &mut log);
        let mut models = vec![Model { region: actor.0, sends: actor.1, receives: actor.2, valid: true }];
        models.extend(others.iter().map(|&(region, sends, receives, valid)| Model { region, sends, receives, valid }));
        let mut seats = Vec::new();
        for (number, model) in (1..).zip(&models) {
            let streams = Streams {
                sends: Set::from_bits(model.sends.into()),
                receives: Set::from_bits(model.receives.into()),
            };
            // The fifth region is not known.
            let region = (model.region < 4).then_some(Region(model.region));
            let until = if model.valid { Time(500_000) } else { Time(1_001) };
            let validation = Validation { region, until, ..person(number).validation };
            let who = Admission { validation, streams, ..person(number) };
            seats.push(call.join(Time(1_000), &who, &world, &mut log).unwrap());
        }
        govern::take(&mut world, "privacy", 2, "authority privacy\nversion 1\nover any in de\npermit any\n", &law.replace("version 1", "version 2"));
        let version = world.install(&policy(&[corporate, &law.replace("version 1", "version 2")])).unwrap();
        world.publish(Track::STABLE, version).unwrap();
        let on = match on {
            3 => On::Nothing,
            4 => On::Unsaid,
            number => On::Stream(Modality(number)),
        };
        let action = if own { "speak" } else { "export" };
        let asks = Request { on, ..request(seats[0], action) };
        let decision = call.decide(Time(2_000), &asks, &world, &mut log);
        let touches = |bits: u8| match on {
            On::Nothing => false,
            On::Unsaid => bits != 0,
            On::Stream(modality) => bits >> modality.number() & 1 != 0,
        };
        let (mut law_at, mut goes) = (Vec::new(), Vec::new());
        for (number, model) in models.iter().enumerate() {
            let carried = number == 0 || (!own && model.valid && touches(model.sends));
            let receives = if number == 0 { !own } else { model.valid && touches(model.receives) };
            law_at.extend(carried.then_some(model.region));
            goes.extend(receives.then_some(model.region));
        }
        // Germany is 0, France 1; 4 may be anywhere.
        let asked = law_at.iter().chain(&goes).any(|region| [0, 4].contains(region));
        let leaves = goes.iter().any(|region| *region > 1);
        let expected = if asked && leaves { Verdict::Residency } else { Verdict::Permit };
        prop_assert_eq!(decision.verdict, expected, "{:?} {:?} own: {}", models, on, own);
    }
}

#[test]
fn the_names_are_those_of_the_tests() {
    assert_eq!(names().all_of::<Region>("eu"), Some(all(&["de", "fr"])));
    assert_eq!(hardened("de").region, Some(the("de")));
}
