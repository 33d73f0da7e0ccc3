//! The embedded demonstration.

mod support;

use std::fs;

use serde_json::Value;
use support::{agent, complaint, noise, run, sha256, succeeded};

// shows: IACP-001 (§1.3)
#[test]
fn without_arguments_a_readme_is_streamed_and_the_verdict_is_good() {
    let place = tempfile::tempdir().expect("a directory");
    let output = agent().current_dir(place.path()).output().expect("the program starts");
    succeeded(&output);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.starts_with("alice sends README.md ("), "wherever it is called from: {text}");
    for milestone in ["DISCOVERY_REQ", "AWAIT_IDENTITY", "PSS_INIT", "PSS_NEG", "PSS_ACK", "FIN", "PSS_TEARDOWN answer"]
    {
        assert!(text.contains(milestone), "{milestone} is missing: {text}");
    }
    assert!(text.trim_end().lines().last().is_some_and(|line| line.starts_with("OK: ")), "{text}");
    assert!(!text.contains('\x1b'), "colour is for terminals");
    assert!(output.stderr.is_empty(), "so is a progress bar");
}

#[test]
fn as_json_every_line_is_an_object_and_the_hashes_are_equal() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, content) = (place.path().join("file"), noise(2, 100_000));
    fs::write(&file, &content).expect("written");
    let output = run(&["demo", "--json", "--bits", "10", "--fault-seed", "7", &file.to_string_lossy()]);
    succeeded(&output);
    let text = String::from_utf8(output.stdout).expect("text");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert!(events.iter().all(|event| event["ms"].is_u64() && event["who"].is_string()));
    assert_eq!(events.last().map(|event| (&event["event"], &event["ok"])), Some((&"verdict".into(), &true.into())));
    let summary = events.iter().find(|event| event["event"] == "summary").expect("there is one");
    let hashes: Vec<_> = summary["sides"].as_array().expect("two").iter().map(|side| &side["sha256"]).collect();
    assert_eq!(hashes, [&Value::from(sha256(&content)); 2]);
    let states: Vec<_> = events.iter().filter(|event| event["machine"] == "discovery").collect();
    assert!(states.iter().any(|event| event["from"] == "AWAIT_IDENTITY" && event["to"] == "PSS_NEGOTIATING"));
}

/// The story of a demonstration that has to end well.
fn told(args: &[&str]) -> String {
    let output = run(args);
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    assert!(output.status.success(), "{text}");
    assert!(text.trim_end().lines().last().is_some_and(|line| line.starts_with("OK: ")), "{text}");
    text
}

// shows: IACP-089 (§4.2.5.1)
#[test]
fn a_sender_that_moves_goes_on_in_the_same_session() {
    let text = told(&["demo", "--roam"]);
    for milestone in ["moves from 127.0.0.2:", "hears 127.0.0.4:", "sends to 127.0.0.4:", "TRANSITION", "generation 1"]
    {
        assert!(text.contains(milestone), "{milestone} is missing: {text}");
    }
    assert!(text.contains("bytes in 1 session(s)"), "{text}");
}

#[test]
fn a_receiver_and_a_host_that_are_killed_go_on_from_stable_storage() {
    let text = told(&["demo", "--crash"]);
    for milestone in ["bob is killed", "host B is killed", "is restored from stable storage", "goes on at byte"] {
        assert!(text.contains(milestone), "{milestone} is missing: {text}");
    }
    assert!(!text.contains("goes on at byte 0 "), "{text}");
}

#[test]
fn demonstrations_with_processes_are_told_as_json_too_and_send_the_file_that_is_named() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, content) = (place.path().join("file"), noise(3, 200_000));
    fs::write(&file, &content).expect("written");
    let text = String::from_utf8(run(&["demo", "--roam", "--json", &file.to_string_lossy()]).stdout).expect("text");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert!(events.iter().all(|event| event["ms"].is_u64() && event["who"].is_string()));
    assert_eq!(events.last().map(|event| (&event["event"], &event["ok"])), Some((&"verdict".into(), &true.into())));
    let delivered = events.iter().find(|event| event["event"] == "delivered").expect("there is one");
    assert_eq!((&delivered["who"], &delivered["sha256"]), (&"alice".into(), &Value::from(sha256(&content))));
}

#[test]
fn a_file_without_a_middle_and_the_weather_are_no_matter_of_demonstrations_with_processes() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("short");
    fs::write(&file, b"short").expect("written");
    for demo in ["--roam", "--crash", "--dock"] {
        assert!(complaint(&["demo", demo, &file.to_string_lossy()]).contains("it has no middle"));
        assert!(!run(&["demo", demo, "--loss", "100"]).status.success());
    }
}

#[test]
fn terrible_weather_and_an_empty_file_change_nothing() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("empty");
    fs::write(&file, []).expect("written");
    let output = run(&["demo", "--loss", "250", "--bits", "8", "--fault-seed", "11", &file.to_string_lossy()]);
    succeeded(&output);
}

// shows: IACP-131 (§5.6)
#[test]
fn an_agent_that_is_docked_to_another_host_goes_on_in_the_same_session_and_once() {
    let text = told(&["demo", "--dock"]);
    for milestone in [
        "offers to take",
        "is sealed for the host at 127.0.0.4:",
        "with 1 session(s)",
        "…: the agent is on this host",
        "to host B, which has offered nothing: it is for another host, EID or offer",
        "its context has moved",
        "hears 127.0.0.4:",
        "bytes in 1 session(s)",
    ] {
        assert!(text.contains(milestone), "{milestone} is missing: {text}");
    }
}
