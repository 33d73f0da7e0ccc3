//! Seeds of envelopes, policies and trails: each target has some, and what they are made of parses.

use cep_envelope::Surface;
use cep_envelope::manifest::{Manifest, SealedManifest};
use cep_envelope::notification::Notification;
use fuzzing::TARGETS;
use fuzzing::governance::{ASKED, HEAD, NAMES};
use fuzzing::vectors::refused_frames;
use iacp_wire::Frame;
use interaction_gov::audit::{RECORD, RecordKind, Trail};
use interaction_gov::identity::InteractionId;
use interaction_gov::policy::Policy;
use interaction_gov::vocabulary::Vocabulary;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let target = TARGETS.iter().find(|target| target.name == name).expect("there is one");
    let (seeds, words) = ((target.seeds)(), (target.words)());
    assert!(seeds.iter().chain(&words).all(|(name, _)| !name.contains(['/', '\n'])));
    let dictionary = !["trail"].contains(&name);
    assert_eq!(words.len() > 5, dictionary, "{name}: {} words", words.len());
    assert!(!seeds.is_empty(), "{name}");
    seeds.into_iter().map(|(_, bytes)| bytes).collect()
}

#[test]
fn names_manifests_and_notices_read() {
    assert!(seeds("surface").iter().filter(|name| Surface::parse_bytes(name).is_ok()).count() > 5);
    let read = |bytes: &Vec<u8>| Manifest::read(bytes).is_ok() || SealedManifest::parse(bytes).is_ok();
    assert!(seeds("manifest").iter().all(read));
    assert!(seeds("notification").iter().all(|bytes| Notification::read(bytes).is_ok()));
}

#[test]
fn every_policy_is_taken_behind_the_head_that_the_target_writes() {
    let names = Vocabulary::read(NAMES).expect("names");
    for seed in seeds("policy") {
        let text = String::from_utf8(seed[ASKED..].to_vec()).expect("text");
        let taken = Policy::<2>::new().add(&format!("{HEAD}{text}"), &names);
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
    assert_eq!(records.len(), RecordKind::ALL.len());
}

#[test]
fn frames_that_are_refused_are_refused() {
    let frames = refused_frames();
    assert!(frames.len() > 400, "{}", frames.len());
    for (name, frame) in frames {
        assert!(Frame::parse(&frame).is_err(), "{name}");
    }
}
