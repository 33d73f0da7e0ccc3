//! `inspect pow`, as a user runs it.

use std::process::{Command, Output};

use serde_json::Value;

fn inspect(args: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_inspect")).arg("pow").args(args).output();
    let Output { status, stdout, stderr } = output.expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(stdout), text(stderr), status.code())
}

fn object(args: &[&str]) -> (Value, Option<i32>) {
    let (out, complaints, code) = inspect(args);
    assert_eq!(complaints, "");
    assert_eq!(out.lines().count(), 1);
    (serde_json::from_str(&out).expect("an object"), code)
}

/// A request with twelve bits of work, always the same.
fn mined() -> Value {
    let key = "22".repeat(32);
    let (found, code) =
        object(&["mine", "--topic", "weather", "--bits", "12", "--time", "1000000", "--key", &key, "--json"]);
    assert_eq!(code, Some(0));
    found
}

fn frame(found: &Value) -> &str {
    found["frame"].as_str().expect("hex")
}

#[test]
fn what_is_mined_verifies() {
    let found = mined();
    let keys: Vec<&String> = found.as_object().expect("an object").keys().collect();
    assert_eq!(keys.len(), 5);
    let nonce = found["nonce"].as_u64().expect("a number");
    assert_eq!(found["tries"], nonce + 1);
    // Version 1, type 0x01, no flags, 84 bytes; the topic's space; the key; the time; the nonce; twelve bits.
    // printf 'IACP/1 topic\0weather' | sha256sum
    let space = "7262b9d0a85a19602a073e48c49254ff43d0d68ab4b8ade57389d44ff274d01a";
    let expected = format!("10100054{space}{}00000000000f4240{nonce:016x}0000000c", "22".repeat(32));
    assert_eq!(frame(&found), expected);
    assert!(found["digest"].as_str().expect("hex").ends_with("000"));

    let (verdict, code) = object(&["verify", frame(&found), "--json"]);
    assert_eq!((&verdict["ok"], code), (&Value::Bool(true), Some(0)));
    assert_eq!(verdict["digest"], found["digest"]);
    assert_eq!(verdict["claimed"], 12);
    assert!(verdict["found"].as_u64() >= Some(12));
    let (out, complaints, code) = inspect(&["verify", frame(&found), "--bits", "12", "--now", "1030000"]);
    assert_eq!((complaints.as_str(), code), ("", Some(0)));
    let verdicts: Vec<&str> = out.lines().map(|line| line.split_whitespace().nth(1).expect("a verdict")).collect();
    assert_eq!(verdicts, ["ok"; 4]);
}

#[test]
fn a_topic_has_its_space_and_mining_starts_where_it_is_told() {
    let found = mined();
    let space = &frame(&found)[8..72];
    let nonce = found["nonce"].to_string();
    let key = "22".repeat(32);
    let (again, _) = object(&[
        "mine", "--space", space, "--bits", "12", "--time", "1000000", "--key", &key, "--nonce", &nonce, "--json",
    ]);
    assert_eq!(again["frame"], found["frame"]);
    assert_eq!(again["tries"], 1);
    // Without a key and a time, two requests differ.
    let drawn = || inspect(&["mine", "--topic", "weather", "--bits", "0"]);
    let (first, complaints, code) = drawn();
    assert_eq!((complaints.as_str(), code), ("", Some(0)));
    let names: Vec<&str> = first.lines().map(|line| line.split_whitespace().next().expect("a name")).collect();
    assert_eq!(names, ["frame", "nonce", "tries", "digest", "seconds"]);
    assert_ne!(first.lines().next(), drawn().0.lines().next());
}

#[test]
fn the_check_that_fails_is_named() {
    let found = mined();
    let good = frame(&found);
    let flagged = good.replacen("10100054", "10140054", 1);
    let other_nonce = format!("{}{:016x}0000000c", &good[..152], 0);
    let keepalive = format!("18000040{}", "11".repeat(64));
    let cases: [(&[&str], &str, &str); 7] = [
        (&[&good[..174]], "form", "payload_length: says 84, but 83 bytes follow (byte 2)"),
        (&[&keepalive], "form", "ERP_KEEPALIVE is no DISCOVERY_REQ"),
        (&[&flagged], "form", "not a discovery message of the one form that a proof covers"),
        (&[good, "--now", "1030001"], "timestamp", "timestamp: outside the window of 30 seconds"),
        (&[good, "--bits", "13"], "threshold", "pow_target_threshold: below the difficulty of the moment"),
        (&[&other_nonce], "proof", "pow_nonce: the digest lacks the claimed zero bits"),
        // The cheapest check comes first.
        (&[&other_nonce, "--bits", "13", "--now", "0"], "timestamp", "timestamp: outside the window of 30 seconds"),
    ];
    for (args, check, error) in cases {
        let (verdict, code) = object(&[&["verify", "--json"], args].concat());
        assert_eq!((&verdict["ok"], code), (&Value::Bool(false), Some(1)));
        assert_eq!((verdict["failed"].as_str(), verdict["error"].as_str()), (Some(check), Some(error)));
        let (out, complaints, code) = inspect(&[&["verify"], args].concat());
        assert_eq!((complaints, code), (format!("inspect: refused: {error}\n"), Some(1)));
        let line = out.lines().find(|line| line.contains("FAILS")).expect("a check fails");
        assert!(line.starts_with(check), "{line}");
        assert_eq!(out.lines().count(), 4);
    }
}

#[test]
fn wrong_usage_is_one_clear_line() {
    let (out, complaints, code) = inspect(&["verify", "10z0"]);
    assert_eq!((out.as_str(), code), ("", Some(1)));
    assert_eq!(complaints, "inspect: the request: hex: not a hexadecimal digit (byte 1)\n");
    let space = "00".repeat(32);
    for (args, part) in [
        (&["mine", "--bits", "4"][..], "--space <HEX>|--topic <NAME>"),
        (&["mine", "--topic", "a", "--space", &space, "--bits", "4"], "cannot be used with"),
        (&["mine", "--topic", "a", "--bits", "65"], "65 is not in 0..=64"),
        (&["mine", "--space", "0011", "--bits", "4"], "32 bytes are needed, not 2"),
    ] {
        let (_, complaints, code) = inspect(args);
        assert_eq!(code, Some(2));
        assert!(complaints.contains(part), "{complaints}");
    }
}
