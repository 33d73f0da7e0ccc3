//! Rules and decisions in words, where the names are numbers: what a person reads in a log.

mod govern;

use govern::{CORPORATE, NAMES, PRIVACY, call, facts, itself, log, policy, request, world};
use interaction_gov::function::Binding;
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Flow, Mode, To};
use interaction_gov::measure::Measurements;
use interaction_gov::participant::Seat;
use interaction_gov::policy::Policy;
use interaction_gov::rollout::Version;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Modality, Region, Set, Vocabulary};
use std::time::Duration;

/// Each rule of this text, in the order in which they decide.
fn rules(text: &str) -> Vec<String> {
    let names = Vocabulary::read(NAMES).expect("names");
    let mut policy = Policy::<2>::new();
    policy.add(text, &names).unwrap_or_else(|error| panic!("{error}"));
    let member = &policy.members()[0];
    policy.rules_of(member).map(|rule| rule.to_string()).collect()
}

#[test]
fn a_rule_is_shown_with_each_of_its_clauses() {
    let clauses = [
        ("permit join", "line 3: permit actions 0"),
        ("permit any", "line 3: permit any"),
        ("permit join, speak for human, agent", "line 3: permit actions 0, 1 for human, agent"),
        ("permit record as host on audio, chat", "line 3: permit actions 2 as 0 on 0, 2"),
        ("permit record by recording, captions in de, ca", "line 3: permit actions 2 by 0, 2 in 0, 3"),
        ("permit record with consent analysis", "line 3: permit actions 2 with consent 1"),
        ("permit record without own-consent recording", "line 3: permit actions 2 without own-consent 0"),
        ("permit record with present host", "line 3: permit actions 2 with present 0"),
        ("permit record without present guest", "line 3: permit actions 2 without present 1"),
        ("permit record from 0605 to 2210", "line 3: permit actions 2 from 0605 to 2210"),
        ("permit record with posture managed", "line 3: permit actions 2 posture 1, 2, 3"),
        ("deny record below posture hardened", "line 3: deny actions 2 posture 0, 1"),
        ("permit record with provenance verified", "line 3: permit actions 2 provenance verified"),
        ("permit record oblige notify, watermark", "line 3: permit actions 2 oblige 0, 1"),
        ("keep audio within de, fr", "line 3: keep any on 0 within 0, 1"),
    ];
    let shown: Vec<String> = clauses
        .iter()
        .flat_map(|(statement, _)| rules(&format!("authority corporate\nversion 1\n{statement}\n")))
        .collect();
    assert_eq!(shown, clauses.map(|(_, shown)| shown));
}

#[test]
fn a_version_is_shown_with_the_beginning_of_its_digest() {
    let version = Version::<2>::compiled(7, &compiled()).expect("its own bytes");
    let digest: String = version.digest().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(version.to_string(), format!("version 7, {digest}"));
}

fn compiled() -> Vec<u8> {
    let mut bytes = vec![0; 8_192];
    let length = policy(&[CORPORATE, PRIVACY]).compile(&mut bytes).expect("room");
    bytes.truncate(length);
    bytes
}

#[test]
fn a_decision_is_shown_with_who_decided_by_which_line_and_until_when() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let spoken = call.decide(Time(2_000), &request(seat, "speak"), &world, &mut log);
    assert_eq!(spoken.to_string(), "permitted, authority 0, line 5, version 0, until 12000 ms");
    let lease = spoken.lease.expect("it is permitted");
    assert_eq!(lease.to_string(), "action 1 of seat 0, until 12000 ms, version 0, record 3");
    let exported = call.decide(Time(2_000), &request(seat, "export"), &world, &mut log);
    assert_eq!(exported.to_string(), "a rule denies it, authority 0, line 4, version 0");
    let ruling = policy(&[CORPORATE, PRIVACY]).decide(&facts("export"), itself);
    assert_eq!(ruling.to_string(), "a rule denies it, authority 0, line 4");
}

#[test]
fn what_was_only_observed_is_shown_as_such() {
    let (world, mut log) = (world(), log());
    let mut call =
        govern::Call::create(InteractionId::recorded([7; 16]), Time(1_000), Mode::Observe, &world, &mut log).unwrap();
    let seat = call.join(Time(1_000), &govern::person(1), &world, &mut log).unwrap();
    let exported = call.decide(Time(2_000), &request(seat, "export"), &world, &mut log);
    assert_eq!(exported.to_string(), "a rule denies it, authority 0, line 4, version 0, observed only");
    assert!(!exported.enforced);
}

#[test]
fn a_flow_is_shown_with_both_ends_and_the_region() {
    let flow = Flow { modality: Modality(1), from: Seat(2), to: To::Seat(Seat(3)), region: Region(0) };
    assert_eq!(flow.to_string(), format!("stream 1 of {} to {}, in region 0", Seat(2), Seat(3)));
    let unknown = Flow { region: Region::UNKNOWN, to: To::Binding(Binding(4)), ..flow };
    assert_eq!(unknown.to_string(), format!("stream 1 of {} to {}, in an unknown region", Seat(2), Binding(4)));
    assert_eq!((Seat(2).to_string(), Binding(4).to_string()), ("seat 2".into(), "binding 4".into()));
}

#[test]
fn what_was_measured_is_shown_target_by_target() {
    let mut measured = Measurements::default();
    measured.recovery(Duration::from_secs(1));
    measured.configuration_convergence(Duration::from_secs(2));
    let shown = measured.to_string();
    let lines: Vec<&str> = shown.split('\n').collect();
    assert_eq!(lines.len(), 12);
    assert_eq!(lines[0], "|C| grows no faster than P + M + F + A + T: too few samples");
    assert_eq!(lines[8], "every configuration change converges in under 1 s: missed");
    assert_eq!(lines[11], "every auxiliary function recovers in under 10 s: met");
}

#[test]
fn debug_shows_a_set_by_its_bits() {
    assert_eq!(format!("{:?}", Set::one(Region(0)).with(Region(3))), "Set(0b1001)");
    assert_eq!(format!("{:?}", Set::<Region>::EMPTY), "Set(0b0)");
}

#[test]
fn debug_names_each_test_of_a_rule() {
    let mut policy = Policy::<2>::new();
    let names = Vocabulary::read(NAMES).expect("names");
    policy.add("authority corporate\nversion 1\npermit join with present host\n", &names).expect("a rule");
    let rule = policy.rules_of(&policy.members()[0]).next().expect("its rule");
    assert!(format!("{:?}", rule.conditions).contains("Present(Role(0))"), "{:?}", rule.conditions);
}
