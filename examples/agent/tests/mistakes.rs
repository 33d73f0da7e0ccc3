//! What a user gets wrong: one clear line, and an exit status that says so.

mod support;

use std::fs;
use std::net::UdpSocket;

use serde_json::Value;
use support::host::Told;
use support::{Listener, complaint, run};

/// A file that exists.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

/// A port that was free a moment ago.
fn closed_port() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("bound").to_string()
}

/// The EID of an agent that is nowhere.
fn stranger() -> String {
    let output = run(&["eid", "--seed", &"ab".repeat(32)]);
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

fn nobody() -> String {
    format!("{}@{}", stranger(), closed_port())
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for args in [&["demo", "/no/such/file"] as &[&str], &["send", "--to", &nobody(), "/no/such/file"]] {
        assert!(complaint(args).contains("/no/such/file: No such file"), "{args:?}");
    }
    assert!(complaint(&["send", "--to", &nobody(), "/"]).contains("directory"));
}

#[test]
fn a_refused_connection_is_called_that() {
    for transport in ["udp", "quic"] {
        let text = complaint(&["send", "--to", &nobody(), "--transport", transport, FILE]);
        assert!(text.contains("connection refused"), "{text}");
    }
}

#[test]
fn an_eid_that_is_none_is_shown() {
    for (to, clue) in [
        ("127.0.0.1:4227", "EID@IP:PORT"),
        ("abc@127.0.0.1:4227", "'abc' is not an EID"),
        (&format!("{}@nowhere", "ab".repeat(32)), "'nowhere' is no address"),
    ] {
        assert!(complaint(&["send", "--to", to, FILE]).contains(clue), "{to}");
    }
    // 32 bytes, and no point of the curve.
    let none = format!("{}@{}", "ab".repeat(32), closed_port());
    assert!(complaint(&["send", "--to", &none, "--transport", "udp", FILE]).contains("its EID is no key"));
}

#[test]
fn the_wrong_eid_gets_no_answer() {
    let listener = Listener::start("udp", &[]);
    let text = complaint(&["send", "--to", &format!("{}@{}", stranger(), listener.at), "--transport", "udp", FILE]);
    assert!(text.contains("no authentic answer"), "{text}");
}

#[test]
fn a_port_that_is_in_use_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let at = taken.local_addr().expect("bound").to_string();
    for transport in ["udp", "quic"] {
        let text = complaint(&["listen", "--bind", &at, "--transport", transport]);
        assert!(text.contains(&at) && text.contains("in use"), "{text}");
    }
}

#[test]
fn a_seed_is_64_digits_and_is_not_repeated() {
    for seed in ["1234", &"zz".repeat(32), &"ab".repeat(33)] {
        let text = complaint(&["listen", "--bind", "127.0.0.1:0", "--seed", seed]);
        assert!(text.contains("64 hexadecimal digits") && !text.contains(seed), "{text}");
    }
}

#[test]
fn a_place_for_files_that_is_none_is_named() {
    let place = tempfile::NamedTempFile::new().expect("a file");
    let path = place.path().to_string_lossy().into_owned();
    assert!(complaint(&["listen", "--bind", "127.0.0.1:0", "--out", &path]).contains(&path));
    assert!(fs::read(place.path()).expect("it is there").is_empty());
}

#[test]
fn what_is_wrong_with_a_directory_is_said_before_the_host_starts() {
    let place = tempfile::tempdir().expect("a directory");
    let state = place.path().join("state").display().to_string();
    let node = nobody();
    let none = format!("{}@{}", "ab".repeat(32), closed_port());
    let eight =
        (0..8).map(|number| format!("{}@127.0.0.1:{}", stranger(), 5_000 + number)).collect::<Vec<_>>().join(",");
    for (bind, directory, clue) in [
        ("127.0.0.1:4227", "127.0.0.1:4300", "--directory: expected EID@IP:PORT"),
        ("127.0.0.1:4227", "abc@127.0.0.1:4300", "'abc' is not an EID"),
        ("127.0.0.1:4227", &none, "its EID is no key"),
        ("127.0.0.1:4227", &format!("{node},{node}"), "is named twice"),
        ("127.0.0.1:4227", &eight, "no more than 7 nodes"),
        ("127.0.0.1:9999", &node, "with --directory the port is 4227, not 9999"),
    ] {
        let text = complaint(&["host", "--state", &state, "--bind", bind, "--directory", directory]);
        assert!(text.contains(clue), "{text}");
    }
}

#[test]
fn nodes_that_do_not_answer_are_named_by_the_host_that_runs() {
    let place = tempfile::tempdir().expect("a directory");
    let path = |name: &str| place.path().join(name).display().to_string();
    let (state, out, node) = (path("state"), path("in"), nobody());
    let [.., high, low] = std::process::id().to_be_bytes();
    let bind = format!("127.{}.{low}.1:4227", 192 + high % 32);
    let host = Told::start(&["host", "--state", &state, "--bind", &bind, "--directory", &node]);
    let few = |told: &Value| told["what"].as_str().is_some_and(|what| what.contains("with 1 node none may fail"));
    host.until("note", few);
    let _agent = Told::start(&["local", "listen", "--state", &state, "--out", &out]);
    let (_, at) = node.split_once('@').expect("an address");
    let told = host.next("trouble");
    assert!(told["what"].as_str().expect("text").ends_with(&format!("at {at} does not answer")), "{told}");
}

#[test]
fn without_a_directory_nothing_is_published_or_searched() {
    let place = tempfile::tempdir().expect("a directory");
    let path = |name: &str| place.path().join(name).display().to_string();
    let (state, out) = (path("state"), path("in"));
    let host = Told::start(&["host", "--state", &state, "--bind", "127.0.0.1:0"]);
    host.next("host_up");
    let clue = "no directory (agent host --directory …)";
    let text = complaint(&["control", "--state", &state, "search", "weather"]);
    assert!(text.contains(clue), "{text}");
    // It has an EID by then, and ends all the same.
    let output = run(&["local", "listen", "--state", &state, "--out", &out, "--topic", "weather", "--json"]);
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success() && text.lines().count() == 1 && text.contains(clue), "{text}");
    let text = complaint(&["control", "--state", &path("none"), "search", "weather"]);
    assert!(text.contains("no host runs in"), "{text}");
}
