//! Hosts whose frames go by QUIC datagrams: a connection to each peer, which either side may have begun.

mod support;

use std::fs;

use support::host::Host;
use support::{complaint, noise, sha256};

/// How much is sent.
const BYTES: usize = 300_000;

/// Two hosts over QUIC.
fn hosts(place: &tempfile::TempDir) -> [Host; 2] {
    ["127.0.0.2:0", "127.0.0.3:0"].map(|bind| Host::start_over_quic(&place.path().join(&bind[8..9]), bind))
}

// shows: IACP-001 (§1.3)
#[test]
fn agents_of_two_hosts_exchange_files_in_both_directions_at_once() {
    let place = tempfile::tempdir().expect("a directory");
    let hosts = hosts(&place);
    let out = [0, 1].map(|number| place.path().join(format!("in{number}")));
    let listening = [0, 1].map(|number| hosts[number].listen(&out[number]));
    // Both begin: each side may make a connection, and each takes what comes by the other's.
    let senders = [0, 1].map(|from| {
        let (file, content) = (place.path().join(format!("file{from}")), noise(from as u64, BYTES));
        fs::write(&file, &content).expect("written");
        let to = 1 - from;
        hosts[from].send(&format!("{}@{}", listening[to].1, hosts[to].at), &file, &[])
    });
    for (from, sender) in senders.into_iter().enumerate() {
        let content = noise(from as u64, BYTES);
        assert_eq!(sender.next("delivered")["sha256"], sha256(&content));
        assert_eq!(fs::read(out[1 - from].join(sha256(&content))).ok(), Some(content));
        assert!(sender.ended());
    }
    let places = &hosts[0].status()["places"];
    assert_eq!(places.as_object().map(serde_json::Map::len), Some(1), "one address for each peer: {places}");
    assert!(places[&hosts[1].at]["received"].as_u64().is_some_and(|frames| frames > 300), "{places}");
}

// shows: IACP-089 (§4.2.5.1)
#[test]
fn a_host_that_moves_in_mid_stream_goes_on_by_another_connection() {
    let place = tempfile::tempdir().expect("a directory");
    let hosts = hosts(&place);
    let (file, content) = (place.path().join("file"), noise(3, BYTES));
    fs::write(&file, &content).expect("written");
    let (bob, eid, _) = hosts[1].listen(&place.path().join("in"));
    let alice = hosts[0].send(&format!("{eid}@{}", hosts[1].at), &file, &["--pace", "150000"]);
    alice.until("progress", |told| told["done"].as_u64().is_some_and(|done| done > 30_000));
    // So that it does not end meanwhile.
    bob.pause();
    let moved = support::run(&["control", "--state", &hosts[0].dir(), "move", "127.0.0.9:0"]);
    support::succeeded(&moved);
    bob.resume();
    assert_eq!(alice.next("delivered")["sessions"], 1, "in the same session");
    assert_eq!(bob.next("stored")["sha256"], sha256(&content));
}

#[test]
fn a_receivers_host_that_is_killed_is_found_again() {
    let place = tempfile::tempdir().expect("a directory");
    let [here, there] = hosts(&place);
    let (file, content) = (place.path().join("file"), noise(4, BYTES));
    fs::write(&file, &content).expect("written");
    let (bob, eid, _) = there.listen(&place.path().join("in"));
    let alice = here.send(&format!("{eid}@{}", there.at), &file, &["--pace", "150000"]);
    alice.until("progress", |told| told["done"].as_u64().is_some_and(|done| done > 30_000));
    // So that it does not end meanwhile.
    alice.pause();
    let (state, at) = (there.state.clone(), there.at.clone());
    there.told.kill();
    let _there = Host::start_over_quic(&state, &at);
    alice.resume();
    assert_eq!(bob.next("stored")["sha256"], sha256(&content));
    assert_eq!(alice.next("delivered")["sha256"], sha256(&content));
}

#[test]
fn what_a_user_gets_wrong_is_told_in_one_line() {
    let place = tempfile::tempdir().expect("a directory");
    let path = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let host = Host::start_over_quic(&place.path().join("host"), "127.0.0.2:0");
    let node = format!("{}@127.0.0.3:4227", "ab".repeat(32));
    let (none, state) = (path("none"), host.dir());
    for (args, clue) in [
        (&["host", "--state", &none, "--transport", "quic", "--bind", &host.at][..], "in use"),
        (
            &["host", "--state", &none, "--transport", "quic", "--bind", "127.0.0.4:0", "--directory", &node],
            "--directory: nodes and relays are reached over udp alone",
        ),
        (&["control", "--state", &state, "move", "192.0.2.1:4227"], "cannot listen on quic 192.0.2.1:4227"),
    ] {
        let text = complaint(args);
        assert!(text.contains(clue), "{args:?}: {text}");
    }
}
