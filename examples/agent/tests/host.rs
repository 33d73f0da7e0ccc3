//! A host as a process, and agents in other processes that come to it by its local channel.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use support::host::Host;
use support::{noise, sha256};

/// How much is sent.
const BYTES: usize = 300_000;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

// shows: IACP-066
#[test]
fn two_agents_of_one_host_exchange_a_file_and_no_frame_leaves_the_host() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, content) = (place.path().join("file"), noise(1, BYTES));
    fs::write(&file, &content).expect("written");
    let host = Host::start(&place.path().join("host"), "127.0.0.1:0");
    let (bob, eid, again) = host.listen(&place.path().join("in"));
    assert!(!again, "its first time");
    let alice = host.send(&eid, &file, &[]);
    let (stored, delivered) = (bob.next("stored"), alice.next("delivered"));
    assert!(alice.ended());
    for told in [&stored, &delivered] {
        assert_eq!((&told["sha256"], &told["bytes"]), (&Value::from(sha256(&content)), &Value::from(BYTES)));
    }
    assert_eq!(fs::read(place.path().join("in").join(sha256(&content))).expect("it is there"), content);
    assert_eq!(host.status()["places"], serde_json::json!({}), "no address was sent to, or heard");
}

// shows: IACP-080
#[test]
fn agents_of_two_hosts_exchange_files_in_both_directions() {
    let place = tempfile::tempdir().expect("a directory");
    let hosts = ["127.0.0.2:0", "127.0.0.3:0"].map(|bind| Host::start(&place.path().join(&bind[8..9]), bind));
    for (from, to) in [(0, 1), (1, 0)] {
        let (file, content) = (place.path().join("file"), noise(from as u64, BYTES));
        fs::write(&file, &content).expect("written");
        let out = place.path().join(format!("in{to}"));
        let (listener, eid, _) = hosts[to].listen(&out);
        let sender = hosts[from].send(&format!("{eid}@{}", hosts[to].at), &file, &[]);
        assert_eq!(sender.next("delivered")["sha256"], sha256(&content));
        let stored = listener.next("stored");
        assert_eq!((&stored["twice"], fs::read(out.join(sha256(&content))).ok()), (&Value::from(0), Some(content)));
        assert!(sender.ended() && listener.stop());
    }
    let places = &hosts[0].status()["places"];
    assert!(places[&hosts[1].at]["received"].as_u64().is_some_and(|frames| frames > 300), "{places}");
}

// shows: IACP-070
#[test]
fn sockets_and_seeds_are_for_one_user_alone() {
    let place = tempfile::tempdir().expect("a directory");
    let host = Host::start(&place.path().join("host"), "127.0.0.1:0");
    let (_bob, eid, _) = host.listen(&place.path().join("in"));
    assert_eq!(mode(&host.state), 0o700);
    for name in ["local.sock", "control.sock", "lock", "host.json", &format!("agents/{eid}")] {
        assert_eq!(mode(&host.state.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&place.path().join("in/.agent.json")), 0o600);
}
