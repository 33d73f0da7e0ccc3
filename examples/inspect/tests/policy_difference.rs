//! `inspect policy diff` finds every difference: compared with each question of a small world, asked of both policies.

mod govern;
mod program;

use std::collections::BTreeSet;

use govern::Place;
use interaction_gov::authority::Speaker;
use interaction_gov::policy::{Answer, Consents, Facts, Kind, On, Policy, Provenance};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Consent, Posture, Region, Role, Set, Vocabulary};
use proptest::prelude::*;
use serde_json::Value;

/// A small world in which every question can be asked.
const WORLD: &str = "\
actions act, rest
modalities talk
regions de, fr
roles boss
consents yes
postures low, high
obligations notify
authorities one, two
";

fn clause() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("for human"),
        Just("for agent, device"),
        Just("as boss"),
        Just("on talk"),
        Just("in de"),
        Just("in fr"),
        Just("with consent yes"),
        Just("without own-consent yes"),
        Just("with stream-consent yes"),
        Just("with second-consent yes"),
        Just("with present boss"),
        Just("without present boss"),
        Just("with posture high"),
        Just("below posture high"),
        Just("with provenance stated"),
        Just("below provenance verified"),
        Just("from 0800 to 2000"),
    ]
    .prop_map(str::to_owned)
}

fn rule() -> impl Strategy<Value = String> {
    let clauses =
        proptest::collection::btree_set(clause(), 0..3).prop_map(|all| all.into_iter().collect::<Vec<_>>().join(" "));
    let head = prop_oneof![
        3 => Just("permit any"), 2 => Just("permit act"), 1 => Just("deny act"), 1 => Just("deny any"),
        1 => Just("keep any within de"), 1 => Just("permit rest oblige notify"),
    ];
    (head, clauses).prop_map(|(head, clauses)| format!("{head} {clauses}\n"))
}

fn text(authority: &'static str) -> impl Strategy<Value = String> {
    let over =
        prop_oneof![3 => Just(""), 1 => Just("over any in de\n"), 1 => Just("over act\n"), 1 => Just("over any own\n")];
    let rules = proptest::collection::vec(rule(), 1..5);
    (over, rules).prop_map(move |(over, rules)| format!("authority {authority}\nversion 1\n{over}{}", rules.concat()))
}

/// Every question of the small world.
fn questions() -> impl Iterator<Item = Facts> {
    let bits = |bits: u32, one: u32| bits >> one & 1 != 0;
    (0..2_u8)
        .flat_map(move |action| {
            (0..1_u32 << 13).flat_map(move |choice| {
                let set = |at: u32| if bits(choice, at) { Set::one(Consent(0)) } else { Set::EMPTY };
                let regions = |at: u32| -> Set<Region> {
                    let all = [Region(0), Region(1), Region::UNKNOWN];
                    (at..).zip(all).filter(|(at, _)| bits(choice, *at)).map(|(_, region)| region).collect()
                };
                let boss = |at: u32| if bits(choice, at) { Set::one(Role(0)) } else { Set::EMPTY };
                let consents = Consents { all: set(0), stream: set(1), own: set(2), second: set(3) };
                let (law, goes, roles, present) = (regions(4), regions(7), boss(10), boss(11));
                let on =
                    if bits(choice, 12) { On::Stream(interaction_gov::vocabulary::Modality(0)) } else { On::Nothing };
                let rest = Kind::ALL.into_iter().flat_map(|kind| (0..3_u8).map(move |home| (kind, home)));
                let rest = rest.flat_map(|(kind, home)| (0..2_u8).map(move |posture| (kind, home, posture)));
                rest.flat_map(move |(kind, home, posture)| {
                    let levels = Provenance::ALL.into_iter().flat_map(|level| [0_u64, 12].map(|hour| (level, hour)));
                    levels.map(move |(provenance, hour)| Facts {
                        action: Action(action),
                        kind,
                        roles,
                        home: home.checked_sub(1).map(Authority),
                        on,
                        function: None,
                        law,
                        goes,
                        consents,
                        present,
                        posture: Posture(posture),
                        provenance,
                        time: Time(hour * 3_600_000),
                    })
                })
            })
        })
        .filter(|facts| {
            !facts.law.is_empty()
                && facts.present.covers(facts.roles)
                && (facts.kind != Kind::Human || facts.consents.own.covers(facts.consents.all))
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is reported to differ differs, and nothing else does: checked with every possible question, one by one.
    #[test]
    fn a_difference_is_exhaustive(old in text("one"), new in text("one"), other in text("two")) {
        let vocabulary = Vocabulary::read(WORLD).expect("names");
        let read = |texts: [&String; 2]| {
            let mut policy = Policy::<2>::new();
            texts.iter().try_for_each(|text| policy.add(text, &vocabulary).map(|_| ())).map(|()| policy)
        };
        let (Ok(before), Ok(after)) = (read([&old, &other]), read([&new, &other])) else { return Ok(()) };
        let place = Place::new("tools-exhaustive");
        let files = [place.file("old", &old), place.file("new", &new), place.file("other", &other), place.file("names", WORLD)];
        let args = ["diff", &files[0], &files[1], "--with", &files[2], "--vocabulary", &files[3], "--json"];
        let output = program::inspect(&[&["policy"][..], &args].concat(), b"");
        prop_assert!(output.stderr.is_empty());
        let found: Value = serde_json::from_slice(&output.stdout).expect("an object");
        let told: BTreeSet<(String, String)> = found["changes"].as_array().expect("changes").iter().map(|change| {
            (change["action"].as_str().unwrap_or_default().into(), change["becomes"].as_str().unwrap_or_default().into())
        }).collect();
        let itself = |authority| Speaker { authority: Some(authority), until: Time::NEVER };
        let mut so = BTreeSet::new();
        for facts in questions() {
            let (old, new) = (before.decide(&facts, itself), after.decide(&facts, itself));
            let (may, still) = (old.answer == Answer::Permit, new.answer == Answer::Permit);
            let becomes = match (may, still) {
                (false, true) => "permitted",
                (true, false) => "denied",
                (true, true) if old.obligations.is_empty() && !new.obligations.is_empty() => "obliged to notify",
                (true, true) if !old.obligations.is_empty() && new.obligations.is_empty() => "no longer obliged to notify",
                _ => continue,
            };
            so.insert((vocabulary.name(facts.action).to_owned(), becomes.to_owned()));
        }
        prop_assert_eq!(output.status.code(), Some(if so.is_empty() { 0 } else { 3 }));
        prop_assert_eq!(told, so, "{}\n{}\n{}", old, new, other);
    }
}
