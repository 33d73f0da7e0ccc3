//! Policies and trails of governed interactions.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use interaction_gov::audit::{self, FORMAT, Head, RECORD, Record, SignedHead, Trail};
use interaction_gov::authority::Speaker;
use interaction_gov::identity::InteractionId;
use interaction_gov::policy::{Answer, Consents, Effect, Facts, Kind, On, Policy, Provenance};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Authority, Function, Modality, Posture, Region, Set, Vocabulary};

use crate::vectors::numbered;

/// The names that a policy of this target may use.
pub const NAMES: &str = "actions join, speak, record\nmodalities audio, video\nfunctions recording\nregions de, fr\n\
                         roles host\nconsents recording\npostures low, high\nobligations notify\n\
                         authorities corporate";

static VOCABULARY: LazyLock<Vocabulary<'static>> = LazyLock::new(|| Vocabulary::read(NAMES).expect("names"));

/// What stands in front of a policy's text.
pub const HEAD: &str = "authority corporate\nversion 1\n";

/// How many bytes in front of a policy's text are the request.
pub const ASKED: usize = 10;

/// See [`crate::policy()`].
pub(crate) fn policy(bytes: &[u8]) {
    let Some((asked, text)) = bytes.split_first_chunk::<ASKED>() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let _ = Vocabulary::read(text);
    let mut policy = Policy::<2>::new();
    let before = *policy.digest();
    let head = format!("{HEAD}{text}");
    if policy.add(&head, &VOCABULARY).is_err() {
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
}

/// See [`crate::trail()`].
pub(crate) fn trail(bytes: &[u8]) {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    let signs = |_: &[u8; 32], _: &[u8; 32], signature: &[u8; 64]| signature[0] != 0;
    let mut trail = Trail::of(InteractionId::recorded(bytes.first_chunk().copied().unwrap_or_default()));
    for bytes in records {
        let read = Record::read(bytes);
        if let Some(record) = read {
            assert_eq!(record.write(), *bytes);
        }
        let before = (trail.records(), *trail.hash(), trail.unsigned(), trail.is_ended());
        match trail.record(bytes) {
            Ok(record) => assert!(read == Some(record) && record.sequence == before.0 && !before.3),
            Err(_) => assert_eq!((trail.records(), *trail.hash(), trail.unsigned(), trail.is_ended()), before),
        }
        // A head over what is here is taken only with a signature.
        let head = Head {
            interaction: *trail.interaction(),
            records: trail.records(),
            hash: *trail.hash(),
            time: Time(rest.len() as u64),
            last: rest.first() == Some(&7),
        };
        let signature = [rest.get(1).copied().unwrap_or(0); 64];
        let taken = trail.head(&SignedHead { head, signature }, &[0; 32], &signs).is_ok();
        assert!(!taken || (signature[0] != 0 && trail.unsigned() == 0));
    }
}

/// Policies in the names of this target, with every kind of clause.
const POLICIES: [&str; 6] = [
    "permit join\npermit speak for human as host in de with consent recording\ndeny record in fr\n",
    "permit join, speak on audio, video for human, device, service, agent named early\n",
    "permit record by recording with posture high with provenance verified oblige notify\ndeny any below posture high\n",
    "over any own\nkeep audio within de, fr for human\npermit record with stream-consent recording with own-consent recording\n",
    "permit speak with second-consent recording with present host\ndeny speak without consent recording\n",
    "set lease 60\nset validation 60\nset recovery 60\nset heads 5\npermit join from 0800 to 1800 below provenance stated\n",
];

/// The target writes the head of a policy itself; the bytes in front of the text are the request.
pub(crate) fn policy_seeds() -> Vec<(String, Vec<u8>)> {
    let seed = |(number, text): (usize, &&str)| (format!("policy-{number}"), [&[0; ASKED], text.as_bytes()].concat());
    POLICIES.iter().enumerate().map(seed).collect()
}

/// What policies are made of.
pub(crate) fn policy_words() -> Vec<(String, Vec<u8>)> {
    numbered("word", POLICIES.iter().flat_map(|text| text.split_whitespace()).collect::<BTreeSet<_>>())
}

/// A trail with a record of each kind.
pub(crate) fn trail_seeds() -> Vec<(String, Vec<u8>)> {
    let record = |(sequence, kind): (u32, &audit::RecordKind)| {
        let mut record = Record::fact(InteractionId::recorded([7; 16]), sequence, Time(1_000), *kind);
        if sequence == 0 {
            record.subject = FORMAT;
        }
        record.write()
    };
    vec![("trail".to_owned(), (0..).zip(audit::RecordKind::ALL).flat_map(record).collect())]
}
