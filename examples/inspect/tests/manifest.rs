//! `inspect manifest`: what is claimed, and what is proven.

use std::path::PathBuf;
use std::process::{Command, Output};

use cep_envelope::digest::Digest;
use cep_envelope::manifest::{MAX_OUTER, seal};
use iacp_core::crypto::{Portable, Provider, Secret32};
use serde_json::{Value, json};

const CONTENT: &[u8] = b"what was sealed";
const NAME: &str = "20260514t064148z.message.jasper.normal.tza";

/// A folder of this test's own.
fn place(name: &str) -> PathBuf {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&place).expect("a directory");
    place
}

fn manifest() -> String {
    json!({
        "schema": "aint-send-v2",
        "surface_time_fragment": "20260514t064148z",
        "surface_context": "message",
        "surface_profile": "jasper",
        "surface_priority": "normal",
        "sealed_created_at": "2026-05-14T06:41:48.207135+00:00",
        "content_digest": Digest::of(CONTENT).to_string(),
        "causal_parent": null,
    })
    .to_string()
}

fn inspect(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inspect")).arg("manifest").args(arguments).output().expect("inspect runs")
}

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn a_bare_manifest_is_read_and_compared() {
    let place = place("bare");
    let (file, content, other) = (place.join("manifest.json"), place.join("content"), place.join("other"));
    std::fs::write(&file, manifest()).expect("written");
    std::fs::write(&content, CONTENT).expect("written");
    std::fs::write(&other, b"something else").expect("written");
    let file = file.to_str().expect("text");

    let output = inspect(&[file, "--name", NAME, "--content", content.to_str().expect("text"), "--json"]);
    let found = object(&output);
    assert_eq!(found["ok"], true);
    assert_eq!(found["schema"], "aint-send-v2");
    assert_eq!(found["causal_parent"], Value::Null);
    assert_eq!(found["manifest_digest"], Digest::of(manifest().as_bytes()).to_string());
    assert_eq!((&found["disagreements"], &found["content_matches"]), (&json!([]), &json!(true)));
    assert_eq!((&found["claimed_signer"], &found["verified"]), (&Value::Null, &Value::Null));

    let name = "20260514t064149z.note.jasper.normal";
    let output = inspect(&[file, "--name", name, "--json"]);
    assert_eq!((output.status.code(), &object(&output)["ok"]), (Some(1), &json!(false)), "a name alone that differs");
    let output = inspect(&[file, "--name", name, "--content", other.to_str().expect("text"), "--json"]);
    let found = object(&output);
    assert_eq!(found["disagreements"], json!(["time-fragment", "context"]));
    assert_eq!(
        (output.status.code(), &found["ok"], &found["content_matches"]),
        (Some(1), &json!(false), &json!(false))
    );

    let text = String::from_utf8(inspect(&[file]).stdout).expect("text");
    assert!(text.contains("not verified: no key was given"), "{text}");
}

#[test]
fn a_signed_object_is_verified_with_the_senders_key_and_no_other() {
    let key = Portable::signing_key(&Secret32::new([7; 32]));
    let mut buffer = [0; MAX_OUTER];
    let sign = |hash: &[u8; 32]| Portable::sign(&key, hash);
    let sealed = seal(manifest().as_bytes(), "jasper#1", "codex", sign, &mut buffer).expect("room");
    let file = place("signed").join("object.json");
    std::fs::write(&file, sealed).expect("written");
    let file = file.to_str().expect("text");
    let ask_about = |sender: &str, signer: &str, key: &[u8; 32], recipient: &str| {
        let key = hex::encode(key);
        let who = ["--sender", sender, "--signer", signer, "--recipient", recipient];
        inspect(&[&[file, "--key", &key, "--json"][..], &who].concat())
    };
    let ask = |key: &[u8; 32], recipient: &str| ask_about("jasper", "jasper#1", key, recipient);
    let own = Portable::public_key(&key);
    let proven = ask(&own, "codex");
    let found = object(&proven);
    assert_eq!((proven.status.code(), &found["verified"]), (Some(0), &json!(true)));
    assert_eq!((&found["claimed_signer"], &found["claimed_recipient"]), (&json!("jasper#1"), &json!("codex")));
    let stranger = Portable::public_key(&Portable::signing_key(&Secret32::new([8; 32])));
    // The key is the sender's under one id: an object that names another is not known to be the sender's.
    let other = ask_about("mallory", "mallory", &own, "codex");
    assert_eq!((other.status.code(), &object(&other)["verified"]), (Some(1), &json!(false)));
    for (key, recipient) in [(&stranger, "codex"), (&own, "mallory")] {
        let refused = ask(key, recipient);
        assert_eq!((refused.status.code(), &object(&refused)["verified"]), (Some(1), &json!(false)));
    }
}

#[test]
fn mistakes_get_one_line() {
    let file = place("mistakes").join("object.json");
    std::fs::write(&file, b"{}").expect("written");
    let file = file.to_str().expect("text");
    let key = "11".repeat(32);
    for (arguments, what) in [
        (&["nowhere.json"][..], "nowhere.json"),
        (&[file], "neither a signed object"),
        (&[file, "--key", "xy", "--sender", "a", "--recipient", "b"], ""),
        (&[file, "--key", &key], "--sender"),
    ] {
        let output = inspect(arguments);
        let error = String::from_utf8(output.stderr).expect("text");
        assert!(!output.status.success() && error.contains(what), "{arguments:?}: {error}");
    }
}

#[test]
fn what_is_no_file_or_has_no_end_is_refused_and_a_newline_too_many_is_named() {
    let place = place("odd");
    let fifo = place.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("it starts").success() || fifo.exists());
    let mut buffer = [0; MAX_OUTER];
    let sealed = seal(manifest().as_bytes(), "jasper#1", "codex", |_| [0; 64], &mut buffer).expect("room");
    let (newline, half, bare, long) =
        (place.join("newline"), place.join("half"), place.join("bare"), place.join("long"));
    std::fs::write(&newline, [sealed, b"\n"].concat()).expect("written");
    std::fs::write(&half, &sealed[..sealed.len() - 9]).expect("written");
    std::fs::write(&bare, manifest()).expect("written");
    std::fs::write(&long, vec![b' '; 70_000]).expect("written");
    let [fifo, newline, half, bare, long] =
        [&fifo, &newline, &half, &bare, &long].map(|path| path.to_str().expect("text"));
    for (arguments, what) in [
        (&[fifo][..], "no regular file"),
        (&["/dev/zero"], "no regular file"),
        (&[bare, "--content", fifo], "no regular file"),
        (&[bare, "--content", "/dev/zero"], "no regular file"),
        (&[newline], "white space before or behind"),
        (&[half], "not a signed object"),
        (&[long], "which no manifest is"),
    ] {
        let output = inspect(arguments);
        let error = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.code() == Some(1) && error.contains(what), "{arguments:?}: {error}");
    }
}
