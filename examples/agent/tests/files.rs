//! Files between two processes.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{Listener, noise, sha256, succeeded};

/// A file in `place`.
fn file(place: &Path, seed: u64, length: usize) -> (PathBuf, Vec<u8>) {
    let (path, content) = (place.join(format!("file-{seed}")), noise(seed, length));
    fs::write(&path, &content).expect("written");
    (path, content)
}

/// Sends files of several lengths, and looks at what arrives.
fn arrive_unchanged(transport: &'static str) {
    let place = tempfile::tempdir().expect("a directory");
    let out = place.path().join("out");
    let listener = Listener::start(transport, &["--out", &out.to_string_lossy(), "--seed", &"07".repeat(32)]);
    for (seed, length) in [(1, 0), (2, 1), (3, 1_111), (4, 1_112), (5, 300_000)] {
        let (path, content) = file(place.path(), seed, length);
        succeeded(&listener.send(&path));
        let report = listener.next();
        let name = sha256(&content);
        let from = report["from"].as_str().expect("an EID");
        assert_eq!((report["sha256"].as_str(), report["bytes"].as_u64()), (Some(&*name), Some(length as u64)));
        assert!(from.len() == 64 && from != listener.eid, "{from}");
        assert_eq!(report.as_object().map(serde_json::Map::len), Some(3));
        assert_eq!(fs::read(out.join(name)).expect("it is there"), content);
    }
    assert_eq!(fs::read_dir(&out).expect("it is there").count(), 5, "nothing is left over");
    listener.has_nothing_more();
}

#[test]
fn over_udp_they_arrive_unchanged() {
    arrive_unchanged("udp");
}

// shows: IACP-001 (§1.3)
#[test]
fn over_quic_they_arrive_unchanged() {
    arrive_unchanged("quic");
}

/// Three senders at once.
fn come_together(transport: &'static str) {
    let place = tempfile::tempdir().expect("a directory");
    let listener = Listener::start(transport, &[]);
    let files: Vec<_> =
        (1..=3).map(|seed| file(place.path(), seed, 400_000 + usize::try_from(seed).unwrap())).collect();
    let senders: Vec<_> = files.iter().map(|(path, _)| listener.begin(&listener.at, path)).collect();
    for sender in senders {
        succeeded(&sender.wait_with_output().expect("it ends"));
    }
    let mut expected: Vec<_> = files.iter().map(|(_, content)| sha256(content)).collect();
    let mut arrived: Vec<_> = (0..3).map(|_| listener.next()["sha256"].as_str().expect("text").to_owned()).collect();
    expected.sort();
    arrived.sort();
    assert_eq!(arrived, expected);
    listener.has_nothing_more();
}

#[test]
fn three_senders_are_served_at_once_over_udp() {
    come_together("udp");
}

#[test]
fn three_senders_are_served_at_once_over_quic() {
    come_together("quic");
}

#[test]
fn a_file_that_is_too_long_is_refused_and_leaves_nothing() {
    let place = tempfile::tempdir().expect("a directory");
    let out = place.path().join("out");
    let listener = Listener::start("udp", &["--out", &out.to_string_lossy(), "--max-bytes", "100000"]);
    let (path, _) = file(place.path(), 1, 100_001);
    let output = listener.send(&path);
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(fs::read_dir(&out).expect("it is there").count(), 0);
    listener.has_nothing_more();
}

#[test]
fn the_same_seed_is_the_same_agent() {
    let (one, other) =
        (Listener::start("udp", &["--seed", &"5a".repeat(32)]), Listener::start("udp", &["--seed", &"5a".repeat(32)]));
    assert_eq!(one.eid, other.eid);
    assert_ne!(one.eid, Listener::start("udp", &[]).eid);
}
