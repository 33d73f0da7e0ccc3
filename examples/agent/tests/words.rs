//! What a user gets wrong with `agent control` and `agent local`: one clear line, and an exit status that says so.

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use support::host::Host;
use support::{agent, complaint, run, succeeded};

fn stranger(seed: &str) -> String {
    let output = run(&["eid", "--seed", &seed.repeat(32)]);
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// What the argument parser refuses: exit status 2, and the option is named.
fn usage(args: &[&str], clue: &str) {
    let output = run(args);
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(2), true), "{args:?}");
    assert!(text.starts_with("error: ") && text.contains(clue), "{args:?}: {text}");
}

#[test]
fn control_names_what_is_wrong_in_one_line() {
    let place = tempfile::tempdir().expect("a directory");
    let path = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let (none, file, nowhere, out) = (path("none"), path("file"), path("no/such/file"), path("out"));
    fs::write(&file, b"content").expect("written");
    let hosts = ["127.0.0.2:0", "127.0.0.3:0"].map(|bind| Host::start(&place.path().join(&bind[8..9]), bind));
    let [here, there] = [hosts[0].dir(), hosts[1].dir()];
    let [own, other] = [0, 1].map(|number| hosts[number].status()["lii"].as_str().expect("its LII").to_owned());
    let (bob, lives, _) = hosts[0].listen(&place.path().join("in"));
    let gone = stranger("ab");
    let taken = hosts[1].at.clone();
    let control = |state: &str, args: &[&str]| complaint(&[&["control", "--state", state][..], args].concat());
    // An offer of a host that is not on the list.
    let offered = run(&["control", "--state", &there, "dock", "offer", &lives, "--from", &own, "--out", &out]);
    succeeded(&offered);
    let text = control(&here, &["dock", "export", &out, "--out", &path("sealed")]);
    assert!(text.contains("is not on the list") && text.contains(&other), "{text}");
    for (state, args, clue) in [
        (&none, &["status"][..], "no host runs in"),
        (&file, &["status"], "no host runs in"),
        (&here, &["move", "abc"], "move: 'abc' is no address (IP:PORT)"),
        (&here, &["move", "127.0.0.2:99999"], "is no address (IP:PORT)"),
        (&here, &["move", &taken], "in use"),
        (&here, &["forward", "abc"], "forward: 'abc' is no address (IP:PORT)"),
        (&here, &["forward", "127.0.0.9:4227"], "forward: without --directory there is no place for a ticket"),
        (&here, &["dock", "allow", "abc"], "dock allow: 'abc' is not an EID"),
        (&here, &["dock", "offer", "abc", "--from", &other, "--out", &out], "dock offer: 'abc' is not an EID"),
        (&here, &["dock", "offer", &gone, "--from", "abc", "--out", &out], "--from: 'abc' is not an EID"),
        (&here, &["dock", "offer", &gone, "--from", &own, "--out", &out], "--from: this LII is the host's own"),
        (&here, &["dock", "offer", &lives, "--from", &other, "--out", &out], "the agent is on this host"),
        (&here, &["dock", "offer", &gone, "--from", &other, "--out", &nowhere], "--out: cannot write"),
        (&here, &["dock", "export", &nowhere, "--out", &out], "no/such/file: No such file"),
        (&here, &["dock", "export", &file, "--out", &out], "not in hexadecimal digits"),
        (&here, &["dock", "import", &nowhere], "no/such/file: No such file"),
        (&here, &["dock", "import", &file], "no offer or blob"),
        (&here, &["dock", "import", &path("")], "Is a directory"),
        (&here, &["dock", "done", "abc"], "dock done: 'abc' is not an EID"),
        (&here, &["dock", "done", &gone], "no agent of this host was handed over"),
        (&here, &["dock", "keep", "abc"], "dock keep: 'abc' is not an EID"),
        (&here, &["dock", "keep", &lives], "the agent is on this host"),
        (&here, &["dock", "move", "abc", "--to", &there], "dock move: 'abc' is not an EID"),
        (&here, &["dock", "move", &gone, "--to", &there], "no agent of this host has this EID"),
        (&here, &["dock", "move", &lives, "--to", &none], "no host runs in"),
        (&here, &["dock", "move", &lives, "--to", &here], "is the host that the agent is to leave"),
        (&none, &["dock", "move", &lives, "--to", &there], "no host runs in"),
    ] {
        let text = control(state, args);
        assert!(text.contains(clue), "{args:?}: {text}");
    }
    // A move of an agent that is not there has put the importing host on the list.
    assert!(control(&here, &["dock", "export", &out, "--out", &file]).contains("is there already"));
    let text = control(&here, &["dock", "export", &out, "--out", &nowhere]);
    assert!(text.contains("cannot write") && text.contains("the agent stays on this host"), "{text}");
    usage(&["control", "status"], "--state");
    usage(&["control", "--state", &here, "move"], "<TO>");
    usage(&["control", "--state", &here, "dock", "offer", &gone, "--out", &out], "--from");
    assert!(bob.stop(), "all this has not harmed its agent");
}

#[test]
fn agents_name_what_is_wrong_in_one_line() {
    let place = tempfile::tempdir().expect("a directory");
    let path = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let (none, file, nowhere) = (path("none"), path("file"), path("no/such/file"));
    fs::write(&file, b"content").expect("written");
    let host = Host::start(&place.path().join("host"), "127.0.0.2:0");
    let (state, gone, no_key) = (host.dir(), stranger("ab"), "cd".repeat(32));
    let (portless, unclear, folder) = (format!("{gone}@127.0.0.3:0"), format!("{gone}@abc"), path(""));
    let long = "x".repeat(65);
    for (args, clue) in [
        (&["collect", "--state", &none, "--out", &path("items")][..], "no host runs in"),
        (&["collect", "--state", &state, "--out", &folder], "--out: cannot write"),
        (&["collect", "--state", &state, "--out", &nowhere], "cannot write"),
        (&["collect", "--state", &state, "--out", &path("items"), "--from", "abc"], "--from: 'abc' is not an EID"),
        (
            &["collect", "--state", &state, "--out", &path("items"), "--sender-at", "abc"],
            "--sender-at: 'abc' is no address",
        ),
        (&["collect", "--state", &state, "--out", &path("items"), "--sender-at", "127.0.0.1:0"], "has no port"),
        (&["follow", "--state", &none], "no host runs in"),
        (&["follow", "--state", &state, "--from", "abc"], "--from: 'abc' is not an EID"),
        (&["follow", "--state", &state, "--token", &file], "no credentials of an agent"),
        (&["follow", "--state", &state, "--token", &folder], "Is a directory"),
        (&["follow", "--state", &state, "--token", &nowhere], "cannot write"),
        (&["share", "--state", &none, "--to", &gone], "no host runs in"),
        (&["share", "--state", &state, "--to", "abc"], "--to: 'abc' is not an EID"),
        (&["share", "--state", &state, "--to", &unclear], "--to: 'abc' is no address"),
        (&["share", "--state", &state, "--to", &portless], "has no port"),
        (&["share", "--state", &state, "--to", &no_key], "the EID is no key"),
        (&["share", "--state", &state, "--to", &gone], "this host has no such agent"),
        (&["share", "--state", &state, "--to", &gone, "--tag", ""], "--tag: '' is empty"),
        (&["share", "--state", &state, "--to", &gone, "--tag", &long], "longer than 64 bytes"),
        (&["share", "--state", &state, "--to", &gone, "--tag", "IACP/1 x"], "the protocol's own"),
        (&["send", "--state", &state, "--to", &gone, &folder], "it is a directory"),
        (&["send", "--state", &state, "--to", &unclear, &file], "--to: 'abc' is no address"),
        (&["send", "--state", &state, "--to", &portless, &file], "has no port"),
        (&["send", "--state", &state, "--to", &no_key, &file], "EID is no key"),
        (&["send", "--state", &state, "--to", &gone, "--journal", &file, &file], "is no journal of a transfer"),
        (&["send", "--state", &state, "--to", &gone, "--journal", &nowhere, &file], "--journal: cannot write"),
    ] {
        let text = complaint(&[&["local"][..], args].concat());
        assert!(text.contains(clue), "{args:?}: {text}");
    }
    for listening in ["listen", "collect"] {
        usage(&["local", listening, "--state", &state, "--out", &path("in"), "--sessions", "0"], "--sessions");
    }
    usage(&["local", "follow", "--state", &state, "--sessions", "0"], "--sessions");
    usage(&["local", "share", "--state", &state, "--to", &gone, "--here"], "--tag");
    usage(&["local", "share", "--state", &state, "--to", &gone, "--tag", "a", "--exclusive"], "--exclusive");
    usage(&["local", "send", "--state", &state, "--to", &gone], "<FILE>");
    usage(&["local", "send", "--state", &state, "--to", &gone, "--pace", "0", &file], "--pace");
}

/// Runs the program in a folder, so that plain names are files there.
fn within(place: &Path, args: &[&str]) -> Output {
    agent().current_dir(place).args(args).output().expect("the program starts")
}

#[test]
fn a_plain_file_name_is_a_place_to_write_to() {
    let place = tempfile::tempdir().expect("a directory");
    fs::write(place.path().join("file"), b"content").expect("written");
    let host = Host::start(&place.path().join("host"), "127.0.0.2:0");
    let (bob, eid, _) = host.listen(&place.path().join("in"));
    let other = stranger("ab");
    let offer =
        within(place.path(), &["control", "--state", "host", "dock", "offer", &other, "--from", &other, "--out", "o"]);
    succeeded(&offer);
    let said: Value = serde_json::from_slice(&offer.stdout).expect("an object");
    assert_eq!(said["out"], "o");
    assert!(fs::read(place.path().join("o")).is_ok_and(|offer| offer.len() > 200), "the offer is there");
    succeeded(&within(place.path(), &["local", "send", "--state", "host", "--to", &eid, "--journal", "j", "file"]));
    assert_eq!(bob.next("stored")["bytes"], 7);
}
