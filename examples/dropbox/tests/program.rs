//! The program as a user runs it.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cep_envelope::decision::Outcome;
use cep_envelope::manifest::CausalParent;
use dropbox::{Half, Line, Sealing};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::*;

/// Longer than anything takes on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

fn dropbox(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dropbox"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).expect("text")
}

/// One clear line, and no success.
fn complaint(arguments: &[&str]) -> String {
    let output = dropbox(arguments).output().expect("it starts");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{text}");
    assert!(text.starts_with("dropbox: ") && text.trim_end().lines().count() == 1, "{text}");
    text
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Bob's place, with his KEYS.json.
fn place_with_keys() -> (Place, String) {
    let place = Place::new();
    let keys = place.folder.path().join("keys.json");
    dropbox::Keys::add_to_file(&keys, binding(&alice())).expect("written");
    let keys = text(&keys).to_owned();
    (place, keys)
}

#[test]
fn two_commands_send_and_receive() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| text(&folder.path().join(name)).to_owned();
    fs::write(at("letter"), b"letter").expect("written");
    let seed = dropbox(&["keygen", "--sender", "alice", "--keys", &at("keys.json")]).output().expect("it starts");
    let seed = said(&seed).trim().to_owned();
    let into = at("drop/inbox");
    let seal = |more: &[&str]| {
        let letter = at("letter");
        let fixed = ["seal", &letter, "--seed", &seed, "--signer", "alice", "--recipient", "bob", "--into", &into];
        said(&dropbox(&[&fixed, more].concat()).output().expect("it starts")).trim().to_owned()
    };
    let root = seal(&[]);
    let manifest = format!("{into}/{root}{}", Half::Manifest.suffix());
    let child: Value =
        serde_json::from_str(&seal(&["--extension", "second", "--parent", &manifest, "--json"])).expect("JSON");
    let child = child["name"].as_str().expect("a name");
    let alone = seal(&["--extension", "third", "--no-parent"]);

    let (root_folder, keys) = (at("drop"), at("keys.json"));
    let run = ["run", &root_folder, "--name", "bob", "--keys", &keys, "--once"];
    let output = dropbox(&run).output().expect("it starts");
    let lines: Vec<_> = said(&output).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, (name, what)) in lines.iter().zip([
        (root.as_str(), "continue    {}  it is proven, and begins a line"),
        (child, "continue    {}  it is proven, and continues its parent"),
        (&alone, "triage      {}  it names no parent and is no root"),
    ]) {
        assert!(line.ends_with(&what.replace("{}", name)), "{line}");
    }
    assert_eq!(said(&dropbox(&run).output().expect("it starts")), "");
}

#[test]
fn machines_get_the_journals_lines() {
    let (place, keys) = place_with_keys();
    place.drop(&seal(sealing(60), b"object"), b"object");
    place.put("waits\n", b"");
    let run = ["run", text(place.settings.folders.root()), "--name", BOB, "--keys", &keys, "--once", "--json"];
    let output = dropbox(&run).output().expect("it starts");
    let (decided, waiting) = said(&output).trim_end().split_once('\n').expect("two lines");
    assert_eq!([serde_json::from_str::<Line>(decided).expect("a line")], place.journal().as_slice());
    let waiting: Value = serde_json::from_str(waiting).expect("JSON");
    assert_eq!((&waiting["waiting"], &waiting["for"]), (&"waits\\n".into(), &"its manifest".into()));
}

#[test]
fn a_running_drop_takes_what_comes_until_it_is_told_to_end() {
    let (place, keys) = place_with_keys();
    let run = ["run", text(place.settings.folders.root()), "--name", BOB, "--keys", &keys, "--json", "--rescan", "1"];
    for signal in [Signal::TERM, Signal::INT] {
        let mut child = dropbox(&run).spawn().expect("it starts");
        let mut parent = CausalParent::Root;
        for number in 0..3 {
            let object = format!("object {number}, {signal:?}");
            let sealed = seal(Sealing { parent, ..sealing(60 - number) }, object.as_bytes());
            place.drop(&sealed, object.as_bytes());
            parent = child_of(&sealed);
            let since = Instant::now();
            while place.find(object.as_bytes()).is_empty() {
                assert!(since.elapsed() < PATIENCE, "{object} is not taken");
                assert!(child.try_wait().expect("a child").is_none(), "it has ended");
                sleep(Duration::from_millis(5));
            }
        }
        kill_process(Pid::from_child(&child), signal).expect("told");
        let output = child.wait_with_output().expect("it ends");
        let lines: Vec<Line> = said(&output).lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.outcome.0 == Outcome::Continue), "{lines:?}");
        place.nothing_is_under_way();
    }
}

#[test]
fn mistakes_are_said_in_one_line() {
    let (place, keys) = place_with_keys();
    let root = text(place.settings.folders.root());
    let file = |name: &str, content: &str| {
        let path = place.folder.path().join(name);
        fs::write(&path, content).expect("written");
        text(&path).to_owned()
    };
    let run = |keys: &str| complaint(&["run", root, "--name", BOB, "--keys", keys, "--once"]);
    assert!(run("/nowhere").contains("--keys /nowhere"));
    assert!(run(&file("a", "{}")).contains("not a list of {sender, signer, key}"));
    assert!(run(&file("b", r#"[{"sender":"a","signer":"a","key":"00"}]"#)).contains("entry 1: key: not 64"));
    let one = serde_json::to_string(&binding(&alice())).expect("JSON");
    assert!(
        run(&file("c", &format!("[{one},{one}]"))).contains("entry 2: signer 'alice-1' of sender 'alice' has a key")
    );
    assert!(complaint(&["keygen", "--sender", "alice", "--signer", "alice-1", "--keys", &keys]).contains("has a key"));

    let held = place.open(Unsynced);
    assert!(run(&keys).contains("another process works in"));
    drop(held);
    fs::write(place.settings.folders.journal(), "no line\n").expect("written");
    assert!(run(&keys).contains("journal.jsonl: line 1 is damaged"));

    let object = file("object", "object");
    let inbox = text(&place.inbox()).to_owned();
    let seal = |seed: &str, more: &[&str]| {
        let fixed = ["seal", &object, "--seed", seed, "--signer", "alice-1", "--recipient", BOB, "--into", &inbox];
        complaint(&[&fixed, more].concat())
    };
    let secret = seal("0123456789", &[]);
    assert!(secret.contains("--seed: not 64") && !secret.contains("0123456789"), "{secret}");
    let seed = "01".repeat(32);
    assert!(seal(&seed, &["--context", "a.b"]).contains("context"));
    assert!(seal(&seed, &["--parent", &object]).contains("--parent"));
    assert_eq!(entries(&place.inbox()).len(), 0);
}

#[test]
fn a_name_is_given_once() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    place.drop(&sealed, b"object");
    let before = entries(&place.inbox());
    let error = dropbox::drop_into(&place.inbox(), &sealed, b"another").expect_err("taken");
    assert!(error.to_string().contains("is there already"), "{error}");
    assert_eq!(entries(&place.inbox()), before);
    assert_eq!(fs::read(place.inbox().join(&sealed.name)).expect("the first one"), b"object");
}
