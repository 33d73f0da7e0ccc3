//! Any text is a policy or refused; what is taken decides as its rules say, one by one.
#![no_main]

use std::sync::LazyLock;

use interaction_gov::authority::Speaker;
use interaction_gov::policy::{Answer, Effect, Facts, Kind, Policy, Provenance};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Function, Modality, Posture, Region, Set, Vocabulary};
use libfuzzer_sys::fuzz_target;

static NAMES: LazyLock<Vocabulary<'static>> = LazyLock::new(|| {
    let names = "actions join, speak, record\nmodalities audio, video\nfunctions recording\nregions de, fr\n\
                 consents recording\npostures low, high\nobligations notify\nauthorities corporate";
    Vocabulary::read(names).expect("names")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((asked, text)) = bytes.split_first_chunk::<9>() else { return };
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
    let [action, kind, home, modality, function, region, consents, posture, provenance] = *asked;
    let facts = Facts {
        action: Action(action),
        kind: Kind::ALL[usize::from(kind) % 4],
        home: some(home).map(Authority),
        modality: some(modality).map(Modality),
        function: some(function).map(Function),
        region: some(region).map(Region),
        goes: Set::EMPTY,
        consents: Set::from_bits(consents.into()),
        posture: Posture(posture),
        provenance: Provenance::ALL[usize::from(provenance) % 3],
    };
    let member = policy.members()[0];
    let ruling = policy.decide(&facts, |authority| Speaker { authority: Some(authority), until: Time::NEVER });
    if !member.scope.holds(&facts, member.authority) {
        return assert_eq!(ruling.answer, Answer::NobodyAsked);
    }
    let first = |effect: Effect| {
        let rules = policy.rules_of(&member).filter(|rule| rule.effect == effect && rule.speaks(&facts));
        rules.map(|rule| rule.line).min()
    };
    let expected = match (first(Effect::Deny), first(Effect::Permit)) {
        (Some(line), _) => (Answer::Deny, Some(line)),
        (None, Some(line)) => (Answer::Permit, Some(line)),
        (None, None) => (Answer::NoRule, None),
    };
    assert_eq!((ruling.answer, ruling.line), expected);
});
