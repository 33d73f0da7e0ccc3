//! Any text is a policy or refused; what is taken decides as its rules say, one by one.
#![no_main]

use std::sync::LazyLock;

use interaction_gov::authority::Speaker;
use interaction_gov::policy::{Answer, Consents, Effect, Facts, Kind, On, Policy, Provenance};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Function, Modality, Posture, Region, Set, Vocabulary};
use libfuzzer_sys::fuzz_target;

static NAMES: LazyLock<Vocabulary<'static>> = LazyLock::new(|| {
    let names = "actions join, speak, record\nmodalities audio, video\nfunctions recording\nregions de, fr\nroles host\n\
                 consents recording\npostures low, high\nobligations notify\nauthorities corporate";
    Vocabulary::read(names).expect("names")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((asked, text)) = bytes.split_first_chunk::<10>() else { return };
    let Ok(text) = core::str::from_utf8(text) else { return };
    let _ = Vocabulary::read(text);
    let mut policy = Policy::<2>::new();
    let before = *policy.digest();
    let head = format!("authority corporate\nversion 1\n{text}");
    if policy.add(&head, &NAMES).is_err() {
        assert_eq!((*policy.digest(), policy.members().len()), (before, 0));
        return;
    }
    let some = |byte: u8| (byte & 1 != 0).then_some(byte >> 1);
    let [action, kind, home, modality, function, law, goes, consents, posture, provenance] = *asked;
    let facts = Facts {
        action: Action(action),
        kind: Kind::ALL[usize::from(kind) % 4],
        home: some(home).map(Authority),
        roles: Set::from_bits(kind.into()),
        on: if modality == 0 { On::Nothing } else { On::from(some(modality).map(Modality)) },
        function: some(function).map(Function),
        law: Set::one(Region(law)).with(Region(law >> 1)),
        goes: some(goes).map_or(Set::EMPTY, |region| Set::one(Region(region))),
        consents: Consents {
            all: Set::from_bits((consents & 1).into()),
            stream: Set::from_bits((consents >> 1 & 1).into()),
            own: Set::from_bits((consents >> 2 & 1).into()),
            second: Set::from_bits((consents >> 3 & 1).into()),
        },
        present: Set::from_bits((consents >> 4).into()),
        time: Time(u64::from(consents) * 600_000),
        posture: Posture(posture),
        provenance: Provenance::ALL[usize::from(provenance) % 3],
    };
    let member = policy.members()[0].clone();
    let ruling = policy.decide(&facts, |authority| Speaker { authority: Some(authority), until: Time::NEVER });
    if !member.scope.holds(&facts, member.authority) {
        return assert_eq!(ruling.answer, Answer::NobodyAsked);
    }
    let first = |effect: Effect| {
        let rules = policy.rules_of(&member).filter(|rule| rule.effect == effect && rule.speaks(&facts));
        rules.map(|rule| rule.line).min()
    };
    let somewhere = Set::one(Region(0)).with(Region(1)).with(Region::UNKNOWN).covers(facts.goes);
    let expected = match (first(Effect::Deny), first(Effect::Keep), first(Effect::Permit)) {
        (Some(line), ..) => (Answer::Deny, Some(line)),
        (None, Some(line), _) => (Answer::Residency, Some(line)),
        (None, None, Some(line)) if somewhere => (Answer::Permit, Some(line)),
        (None, None, Some(_)) => (Answer::Residency, None),
        (None, None, None) => (Answer::NoRule, None),
    };
    assert_eq!((ruling.answer, ruling.line), expected);
});
