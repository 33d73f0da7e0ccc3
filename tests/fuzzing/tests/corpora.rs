//! Seeds of the targets that have their bodies in `fuzz/`: each target has some, and what they are made of parses.

use cep_envelope::Surface;
use cep_envelope::manifest::{Manifest, SealedManifest};
use cep_envelope::notification::Notification;
use fuzzing::vectors::{corpora, refused_frames};
use iacp_wire::Frame;
use interaction_gov::audit::{Kind, RECORD, Trail};
use interaction_gov::identity::InteractionId;
use interaction_gov::policy::Policy;
use interaction_gov::vocabulary::Vocabulary;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let corpus = corpora().into_iter().find(|corpus| corpus.name == name).expect("there is one");
    assert!(corpus.seeds.iter().chain(&corpus.words).all(|(name, _)| !name.contains(['/', '\n'])));
    let dictionary = !["trail"].contains(&name);
    assert_eq!(corpus.words.len() > 5, dictionary, "{name}: {} words", corpus.words.len());
    assert!(!corpus.seeds.is_empty(), "{name}");
    corpus.seeds.into_iter().map(|(_, bytes)| bytes).collect()
}

#[test]
fn names_manifests_and_notices_read() {
    assert!(seeds("surface").iter().filter(|name| Surface::parse_bytes(name).is_ok()).count() > 5);
    let read = |bytes: &Vec<u8>| Manifest::read(bytes).is_ok() || SealedManifest::parse(bytes).is_ok();
    assert!(seeds("manifest").iter().all(read));
    assert!(seeds("notification").iter().all(|bytes| Notification::read(bytes).is_ok()));
}

/// The names in fuzz/fuzz_targets/policy.rs.
const NAMES: &str = "actions join, speak, record\nmodalities audio, video\nfunctions recording\nregions de, fr\nroles host\n\
                     consents recording\npostures low, high\nobligations notify\nauthorities corporate";

#[test]
fn every_policy_is_taken_behind_the_head_that_the_target_writes() {
    let target = include_str!("../../../fuzz/fuzz_targets/policy.rs");
    let names = Vocabulary::read(NAMES).expect("names");
    for line in NAMES.lines() {
        assert!(target.contains(line), "the target has other names: {line}");
    }
    for seed in seeds("policy") {
        let text = String::from_utf8(seed[10..].to_vec()).expect("text");
        let taken = Policy::<2>::new().add(&format!("authority corporate\nversion 1\n{text}"), &names);
        assert!(taken.is_ok(), "{text}: {taken:?}");
    }
}

#[test]
fn the_trail_has_a_record_of_each_kind_and_is_taken_whole() {
    let bytes = seeds("trail").remove(0);
    let (records, rest) = bytes.as_chunks::<RECORD>();
    assert!(rest.is_empty());
    // The target takes the interaction from the first bytes.
    let mut trail = Trail::of(InteractionId::recorded(*bytes.first_chunk().expect("a record")));
    for record in records {
        trail.record(record).expect("it continues the trail");
    }
    assert_eq!(records.len(), Kind::ALL.len());
}

#[test]
fn frames_that_are_refused_are_refused() {
    let frames = refused_frames();
    assert!(frames.len() > 400, "{}", frames.len());
    for (name, frame) in frames {
        assert!(Frame::parse(&frame).is_err(), "{name}");
    }
}
