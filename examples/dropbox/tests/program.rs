//! The program as a user runs it.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
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
    let seed = at("alice.seed");
    let made = ["keygen", "--sender", "alice", "--keys", &at("keys.json"), "--seed-file", &seed];
    assert_eq!(said(&dropbox(&made).output().expect("it starts")), "");
    let mode = fs::metadata(&seed).expect("a seed").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "a seed is for its owner alone");
    let into = at("drop/inbox");
    let seal = |more: &[&str]| {
        let letter = at("letter");
        let fixed = ["seal", &letter, "--seed-file", &seed, "--signer", "alice", "--recipient", "bob", "--into", &into];
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
        (root.as_str(), "continue    {}  (from alice, key alice) it is proven, and begins a line"),
        (child, "continue    {}  (from alice, key alice) it is proven, and continues its parent"),
        (&alone, "triage      {}  (from alice, key alice) it names no parent and is no root; look at it; 'dropbox review ROOT release ID' lets it go on"),
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
        let seed = file("seed", seed);
        let fixed =
            ["seal", &object, "--seed-file", &seed, "--signer", "alice-1", "--recipient", BOB, "--into", &inbox];
        complaint(&[&fixed, more].concat())
    };
    let secret = seal("0123456789", &[]);
    assert!(secret.contains("not 64") && !secret.contains("0123456789"), "{secret}");
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

/// A day of an operator: held back, listed, released by name and reason, answered, and a key that ends.
#[test]
fn an_operator_sees_why_and_decides_and_the_sender_gets_to_know() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| text(&folder.path().join(name)).to_owned();
    let call = |arguments: &[&str]| {
        let output = dropbox(arguments).output().expect("it starts");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), format!("{out}{err}"))
    };
    let (drop, keys, known, letter) = (at("drop"), at("keys.json"), at("known.json"), at("letter"));
    for (sender, keys) in [("alice", &keys), ("bob", &known)] {
        let seed = at(&format!("{sender}.seed"));
        assert_eq!(
            call(&["keygen", "--sender", sender, "--keys", keys, "--seed-file", &seed]),
            (Some(0), String::new())
        );
    }
    fs::write(&letter, b"letter").expect("written");
    let (alice, bob, into, answers) = (at("alice.seed"), at("bob.seed"), at("drop/inbox"), at("answers"));
    let (outbox, back) = (at("outbox"), at("answers/alice"));
    let answering = ["--answers", &answers, "--seed-file", &bob, "--signer", "bob"];
    let bobs = [&["run", &drop, "--name", "bob", "--keys", &keys, "--rescan", "1"][..], &answering].concat();
    let mut running = dropbox(&bobs).spawn().expect("it starts");
    let way = ["--seed-file", &alice, "--signer", "alice", "--into", &into, "--outbox", &outbox];
    let wait = ["--answers", &back, "--keys", &known, "--name", "alice", "--wait"];
    let send = |seconds: &str, more: &[&str]| {
        call(&[&["seal", &letter, "--recipient", "bob"][..], &way, &wait, &[seconds], more].concat())
    };
    let (code, said) = send("60", &["--extension", "one"]);
    assert!(code == Some(0) && said.contains("bob answers: continue"), "{said}");
    let (code, said) = send("60", &["--extension", "two", "--no-parent"]);
    assert!(code == Some(4) && said.contains("bob answers: triage"), "{said}");
    // The answer leaves before the object is in its folder.
    let since = std::time::Instant::now();
    while call(&["status", &drop]).0 != Some(3) {
        assert!(since.elapsed().as_secs() < 60, "nothing is held back");
    }
    let (code, listed) = call(&["review", &drop]);
    assert_eq!(code, Some(3));
    for word in ["alice", "key alice", "names no parent", "review ROOT release"] {
        assert!(listed.contains(word), "{word}: {listed}");
    }
    let id = listed.split_whitespace().next().expect("an id");
    assert_eq!(call(&["review", &drop, "release", id, "--by", "", "--why", "x"]).0, Some(1));
    let (code, said) = call(&["review", &drop, "release", id, "--by", "erin", "--why", "alice has told me"]);
    assert_eq!(code, Some(0), "{said}");
    let since = Instant::now();
    while call(&["status", &drop, "--json"]).0 != Some(0) && since.elapsed() < PATIENCE {
        sleep(Duration::from_millis(20));
    }
    let (code, said) = call(&["status", &drop, "--json"]);
    let status: Value = serde_json::from_str(&said).expect("JSON");
    let seen = (code, status["running"].as_bool(), status["held"].as_u64(), status["lines"].as_u64());
    assert_eq!(seen, (Some(0), Some(true), Some(0), Some(4)), "{said}");
    // The answer is sealed after the decision has been written down.
    let answered = || call(&["outbox", &outbox, wait[0], wait[1], wait[2], wait[3], wait[4], wait[5]]);
    let since = Instant::now();
    let (mut code, mut said) = answered();
    while !said.contains("fork: ") && since.elapsed() < PATIENCE {
        sleep(Duration::from_millis(20));
        (code, said) = answered();
    }
    assert!(code == Some(0) && said.contains("fork: "), "{said}");
    // Sealed again, a second later, for a name has whole seconds: it continues what the first one continued.
    sleep(Duration::from_millis(1_100));
    let first = said.split_whitespace().next().expect("a name");
    let (code, said) = call(&[&["reseal", first][..], &way, &wait, &["60"]].concat());
    assert!(code == Some(0) && said.contains("bob answers: continue"), "{said}");
    // The key ends: what comes then is not proven to be hers, and a claim gets no answer.
    assert_eq!(call(&["keys", &keys, "revoke", "--sender", "alice", "--signer", "alice"]).0, Some(0));
    let stands = || {
        let (_, said) = call(&["status", &drop, "--json"]);
        let status: Value = serde_json::from_str(&said).expect("JSON");
        (status["lines"].as_u64(), status["under_way"].as_u64())
    };
    let answers_given = || entries(Path::new(&answers)).iter().map(|folder| entries(folder).len()).sum::<usize>();
    let (before, given) = (stands().0.expect("a number"), answers_given());
    let (code, said) = send("2", &["--extension", "three"]);
    assert!(code == Some(7) && said.contains("has not answered"), "{said}");
    // Nor does it get one once it is decided.
    let since = Instant::now();
    while stands() != (Some(before + 1), Some(0)) && since.elapsed() < PATIENCE {
        sleep(Duration::from_millis(20));
    }
    assert_eq!((stands(), answers_given()), ((Some(before + 1), Some(0)), given));
    let (_, listed) = call(&["keys", &keys, "list", "--root", &drop]);
    assert!(listed.contains("does not hold") && listed.contains("4 objects"), "{listed}");
    running.kill().expect("killed");
    running.wait().expect("ended");
    let (_, listed) = call(&["review", &drop]);
    assert!(listed.contains("its key is not bound to the sender") && listed.contains("(ended "), "{listed}");
}
