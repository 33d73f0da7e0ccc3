//! Keys that are renewed: for a while both are valid, and the line of objects goes on.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cep_envelope::decision::Outcome;
use dropbox::{Binding, KeyFile, Keys, Sealed, Sealing};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use support::*;

const DAY: i64 = 86_400;

/// Alice's next key.
fn next() -> Sender {
    sender("alice", "alice-2", 11)
}

fn with_keys() -> (Place, PathBuf) {
    let mut place = Place::new();
    let keys = place.folder.path().join("keys.json");
    Keys::add_to_file(&keys, binding(&alice())).expect("written");
    place.settings.keys = KeyFile::load(&keys).expect("keys");
    (place, keys)
}

fn call(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dropbox"));
    command.args(arguments).stdin(Stdio::null()).output().expect("it starts")
}

fn renew(keys: &Path, old: &str, new: &str, key: &str) -> Output {
    let keys = keys.to_str().expect("text");
    call(&["keys", keys, "renew", "--sender", "alice", "--signer", old, "--new-signer", new, "--key", key])
}

fn new_key() -> String {
    hex::encode(*next().pair.pk)
}

/// Sealed by one of alice's keys, so many days from now.
fn sealed_in(days: i64, by: &Sender, context: &str, parent: Option<&Sealed>) -> Sealed {
    let root = sealing(60 - days * DAY);
    let parent = parent.map_or(root.parent, child_of);
    let sealing = Sealing { signer: by.signer, context, parent, ..root };
    sealing.seal(context.as_bytes(), &by.pair).expect("sealed")
}

#[test]
fn both_keys_are_valid_for_a_while_and_then_the_new_one_alone() {
    let (place, keys) = with_keys();
    let renewed = renew(&keys, "alice-1", "alice-2", &new_key());
    assert!(renewed.status.success(), "{renewed:?}");
    let mut drop = place.open(Unsynced);
    let now = Timestamp::now();
    let mut decided = |days: i64, sealed: &Sealed, object: &str| {
        place.drop(sealed, object.as_bytes());
        let lines = pass_at(&mut drop, now + SignedDuration::from_hours(days * 24)).expect("nothing fails");
        assert_eq!(lines.len(), 1, "{lines:?}");
        (lines[0].outcome.0, lines[0].deciding.clone(), lines[0].words.clone())
    };
    let root = sealed_in(0, &alice(), "root", None);
    assert_eq!(decided(0, &root, "root").0, Outcome::Continue, "the old key");
    let child = sealed_in(0, &next(), "child", Some(&root));
    let (outcome, _, words) = decided(0, &child, "child");
    assert_eq!(
        (outcome, &*words),
        (Outcome::Continue, "continue: it is proven, and continues its parent"),
        "the new key"
    );
    let other = sealed_in(6, &alice(), "other", Some(&child));
    assert_eq!(decided(6, &other, "other").0, Outcome::Continue, "the old key, on the last day but one");
    let late = sealed_in(8, &alice(), "late", Some(&other));
    let (outcome, deciding, words) = decided(8, &late, "late");
    assert_eq!((outcome, deciding), (Outcome::Quarantine, vec!["key-not-bound".to_owned()]));
    assert!(words.contains("'alice-1'") && words.contains("'alice-2'") && words.contains("ended"), "{words}");
    // With any date: a thief can seal with every one.
    let dated_back = sealed_in(6, &alice(), "back", Some(&other));
    assert_eq!(decided(8, &dated_back, "back").0, Outcome::Quarantine);
    let last = sealed_in(8, &next(), "last", Some(&other));
    assert_eq!(decided(8, &last, "last").0, Outcome::Continue, "the line goes on with the new key");
}

#[test]
fn a_renewal_that_fails_leaves_the_file_as_it_was() {
    let (_place, keys) = with_keys();
    let before = fs::read(&keys).expect("bytes");
    for (old, new, key, why) in [
        ("alice-9", "alice-2", &*new_key(), "has no key 'alice-9'"),
        ("alice-1", "alice-1", &*new_key(), "has a key already"),
        ("alice-1", "alice-2", "00", "not 64 hexadecimal digits"),
        ("alice-1", "alice-2", &*"00".repeat(32), "no key that all verifiers agree on"),
        ("alice-1", "", &*new_key(), "signer"),
    ] {
        let refused = renew(&keys, old, new, key);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{text}");
        assert!(text.contains(why), "{why}: {text}");
        assert_eq!(fs::read(&keys).expect("bytes"), before, "{why}");
    }
}

#[test]
fn a_renewal_brings_no_key_back_that_has_ended_and_the_list_tells_both() {
    let (place, keys) = with_keys();
    let ended = Timestamp::now() - SignedDuration::from_secs(60);
    Keys::end_in_file(&keys, "alice", "alice-1", ended).expect("revoked");
    assert!(renew(&keys, "alice-1", "alice-2", &new_key()).status.success());
    let root = place.settings.folders.root().to_str().expect("text");
    let listed = call(&["keys", keys.to_str().expect("text"), "list", "--root", root, "--json"]);
    let lines: Vec<Value> = String::from_utf8(listed.stdout)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    let told: Vec<_> = lines.iter().map(|line| (line["signer"].as_str(), line["holds"].as_bool())).collect();
    assert_eq!(told, [(Some("alice-1"), Some(false)), (Some("alice-2"), Some(true))], "{lines:?}");
    let binding: Vec<Binding> = serde_json::from_slice(&fs::read(&keys).expect("bytes")).expect("bindings");
    assert_eq!(binding[0].until, Some(ended));
}

/// What a person sees who starts a drop at a terminal with a long queue; `script` (util-linux) is that terminal.
#[test]
fn a_person_sees_how_far_a_long_queue_has_come_and_a_machine_does_not() {
    let (place, keys) = with_keys();
    let put = |context: &str| {
        for number in 0..150 {
            let context = format!("{context}{number}");
            let sealed = seal(Sealing { context: &context, ..sealing(60) }, b"object");
            place.drop(&sealed, b"object");
        }
    };
    put("a");
    let root = place.settings.folders.root().to_str().expect("text").to_owned();
    let run = ["run", &*root, "--name", BOB, "--keys", keys.to_str().expect("text"), "--once"];
    let piped = call(&run);
    assert!(piped.status.success() && piped.stderr.is_empty(), "{piped:?}");
    assert_eq!(String::from_utf8_lossy(&piped.stdout).lines().count(), 150);
    put("b");
    let mut script = Command::new("script");
    let line = [&[env!("CARGO_BIN_EXE_dropbox")][..], &run].concat().join(" ");
    script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    let Ok(output) = script.output() else {
        return not_tested("a terminal: 'script' is not installed (apt-get install bsdutils)");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("/150"), "a bar: {text}");
    assert_eq!(text.matches("it is proven, and begins a line").count(), 150);
}
