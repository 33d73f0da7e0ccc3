//! What comes back over a session: the receiver's answer to a handoff, and an object that is asked for by reference.

mod support;

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use cep_envelope::decision::Outcome;
use cep_envelope::notification::{Reference, Resolver};
use dropbox::{BySession, Dropbox, Fetched, Folders, Keys, Sealed, Settings, Told, Unhindered, drop_into};
use serde_json::Value;
use support::{ALICE, BOB, CAROL, Listener, agent, at, eid, noise, place, succeeded};

fn hand_over(transport: &str, file: &Path, options: &[&str]) -> Output {
    let mut command = agent();
    command
        .args(["handoff", "--json", "--transport", transport, "--seed", &hex::encode(ALICE)])
        .args(options)
        .arg(file);
    command.output().expect("the program starts")
}

fn said(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

// shows: CEP-020 (§3.2), CEP-021 (§3.2)
#[test]
fn the_sender_s_exit_status_is_the_receiver_s_outcome() {
    let (_place, file) = place(&noise(41, 30_000));
    for transport in ["udp", "quic"] {
        let bob = Listener::start(transport, &["--trust", &eid(ALICE)]);
        let root = hand_over(transport, &file, &["--to", &at(&bob)]);
        succeeded(&root);
        let (sent, report) = (said(&root), bob.next());
        let answer = &sent["answer"];
        assert_eq!((&answer["outcome"], &answer["words"]), (&report["outcome"], &report["why"]), "{sent}");
        assert_eq!((&answer["manifest"], &answer["object"]), (&report["manifest"], &report["name"]));
        let parent = sent["manifest"].as_str().expect("a digest");
        // A second child is on a branch: it goes on, too.
        for (options, outcome, code) in [
            (["--parent", parent], "continue", 0),
            (["--parent", parent], "fork", 0),
            (["--parent", &format!("sha256:{}", "0".repeat(64))], "resync", 5),
        ] {
            let output = hand_over(transport, &file, &[&["--to", &at(&bob)], &options[..]].concat());
            assert_eq!((output.status.code(), &said(&output)["answer"]["outcome"]), (Some(code), &outcome.into()));
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(text.contains(&format!("answers: {outcome}")), "{text}");
            assert_eq!(bob.next()["outcome"], outcome);
        }
    }
}

#[test]
fn what_is_not_proven_gets_no_answer_and_the_sender_is_told_so() {
    let (_place, file) = place(b"content");
    let bob = Listener::start("udp", &["--trust", &eid(CAROL)]);
    let output = hand_over("udp", &file, &["--to", &at(&bob)]);
    assert_eq!((output.status.code(), &said(&output)["answer"]), (Some(7), &Value::Null));
    assert!(String::from_utf8_lossy(&output.stderr).contains("has not answered"), "{output:?}");
    assert_eq!(bob.next()["outcome"], "quarantine");
    // It arrived, and that is all that is asked for.
    let output = hand_over("udp", &file, &["--to", &at(&bob), "--no-wait"]);
    assert_eq!((output.status.code(), &said(&output)["answer"]), (Some(0), &Value::Null));
    assert_eq!(bob.next()["outcome"], "quarantine");
}

// shows: CEP-020 (§3.2), CEP-111 (§10)
#[test]
fn a_relay_hands_the_answer_back_and_its_repetition_changes_no_answer() {
    let (_place, file) = place(&noise(42, 20_000));
    let bob = Listener::start("udp", &["--trust", &eid(ALICE)]);
    let carol = Listener::start_as("relay", "udp", &["--to", &at(&bob)]);
    let output = hand_over("udp", &file, &["--to", &bob.eid, "--via", &at(&carol)]);
    succeeded(&output);
    let answer = &said(&output)["answer"];
    assert_eq!((answer["outcome"].as_str(), &answer["manifest"]), (Some("continue"), &bob.next()["manifest"]));

    // A carrier keeps the stream, and brings it twice: the second time bob says that it is a replay, and answers as before.
    let out = tempfile::tempdir().expect("a directory");
    let keeps = Listener::start("udp", &["--out", &out.path().to_string_lossy()]);
    succeeded(&hand_over("udp", &file, &["--to", &bob.eid, "--via", &at(&keeps), "--no-wait"]));
    let stream = out.path().join(keeps.next()["sha256"].as_str().expect("a name"));
    for outcome in ["continue", "quarantine"] {
        succeeded(&bob.send(&stream));
        assert_eq!(bob.next()["outcome"], outcome);
    }
}

#[test]
fn an_answer_that_another_agent_gives_does_not_count() {
    let (_place, file) = place(b"content");
    // Carol does not hand on: she decides herself, and answers in her own name.
    let carol = Listener::start("udp", &["--trust", &eid(ALICE)]);
    let output = hand_over("udp", &file, &["--to", &eid(BOB), "--via", &at(&carol)]);
    assert_eq!((output.status.code(), &said(&output)["answer"]), (Some(7), &Value::Null), "{output:?}");
    assert_eq!(carol.next()["deciding"][0], "other-recipient");
}

/// Alice seals a file for bob, keeps it, and sends nothing; what she says of it.
fn sealed_for_bob(outbox: &Path, file: &Path) -> Value {
    let output = hand_over("udp", file, &["--to", &eid(BOB), "--outbox", &outbox.to_string_lossy()]);
    succeeded(&output);
    said(&output)
}

/// Alice's listener, which gives out what is in the outbox.
fn shelf(transport: &'static str, outbox: &Path, options: &[&str]) -> Listener {
    let outbox = outbox.to_string_lossy();
    Listener::start(transport, &[&["--serve", &*outbox, "--seed", &hex::encode(ALICE)], options].concat())
}

fn fetch(seed: [u8; 32], alice: &Listener, reference: &str, into: &Path, options: &[&str]) -> Output {
    let mut command = agent();
    command.args(["fetch", reference, "--at", &alice.at, "--transport", alice.transport, "--seed", &hex::encode(seed)]);
    command.arg("--into").arg(into).args(options).output().expect("the program starts")
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Bob's drop decides about what is in his inbox.
fn decided(root: &Path) -> Vec<(String, Outcome)> {
    let bound = format!(r#"[{{"sender":"{0}","signer":"{0}","key":"{0}"}}]"#, eid(ALICE));
    let keys = root.with_extension("keys");
    fs::write(&keys, bound).expect("written");
    let folders = Folders::make(root).expect("folders");
    let settings = Settings::new(folders, &eid(BOB), Keys::load(&keys).expect("keys")).expect("settings");
    let mut lines = Vec::new();
    let mut drop = Dropbox::open(settings, Unhindered).expect("opened");
    drop.pass(jiff::Timestamp::now, |told| {
        if let Told::Decided(line) = told {
            lines.push((line.name.clone(), line.outcome.0));
        }
        std::ops::ControlFlow::Continue(())
    })
    .expect("nothing fails");
    lines
}

// shows: CEP-022 (§3.2), CEP-113 (§10)
#[test]
fn an_object_that_is_asked_for_by_reference_climbs_the_same_ladder() {
    for (transport, length) in [("udp", 200_000), ("quic", 200_000), ("udp", 0)] {
        let content = noise(43, length);
        let (place, file) = place(&content);
        let (outbox, root) = (place.path().join("outbox"), place.path().join("drop"));
        let sealed = sealed_for_bob(&outbox, &file);
        let (reference, name) = (sealed["reference"].as_str().expect("text"), sealed["name"].as_str().expect("text"));
        let alice = shelf(transport, &outbox, &[]);
        let output = fetch(BOB, &alice, reference, &root.join("inbox"), &["--json"]);
        succeeded(&output);
        assert_eq!(
            (&said(&output)["manifest_digest"], said(&output)["bytes"].as_u64()),
            (&sealed["manifest"], Some(length as u64))
        );
        let there = [name.to_owned(), format!("{name}+manifest.json"), format!("{name}+notice.json")];
        assert_eq!(files(&root.join("inbox")), there);
        assert_eq!(fs::read(root.join("inbox").join(name)).expect("it is there"), content);
        assert_eq!(decided(&root), [(name.to_owned(), Outcome::Continue)]);
        // Once more it is a replay, whatever way it came.
        succeeded(&fetch(BOB, &alice, reference, &root.join("inbox"), &[]));
        assert_eq!(decided(&root), [(name.to_owned(), Outcome::Quarantine)]);
    }
}

#[test]
fn an_object_is_given_to_the_agent_it_is_for_and_to_named_readers_alone() {
    let (place, file) = place(b"content");
    let (outbox, into) = (place.path().join("outbox"), place.path().join("into"));
    let reference = sealed_for_bob(&outbox, &file)["reference"].as_str().expect("text").to_owned();
    let alice = shelf("udp", &outbox, &[]);
    let refused = |output: Output, why: &str| {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(why), "{why}: {text}");
        assert_eq!(files(&into), Vec::<String>::new());
    };
    refused(fetch(CAROL, &alice, &reference, &into, &[]), "gives out no such object");
    let other = reference.replace("handoff", "another");
    refused(fetch(BOB, &alice, &other, &into, &[]), "gives out no such object");
    refused(fetch(BOB, &alice, &reference, &into, &["--max-bytes", "6"]), "what came is refused");
    // The EID is the agent: whatever listens there, another cannot answer for it.
    let stranger = shelf_of(CAROL, &outbox);
    refused(fetch(BOB, &stranger, &reference, &into, &["--timeout", "2"]), "");
    let reader = shelf("udp", &outbox, &["--reader", &eid(CAROL)]);
    succeeded(&fetch(CAROL, &reader, &reference, &into, &[]));
    // For whom it is, is sealed: carol's drop would say so.
    assert_eq!(files(&into).len(), 3);
}

fn shelf_of(seed: [u8; 32], outbox: &Path) -> Listener {
    Listener::start("udp", &["--serve", &outbox.to_string_lossy(), "--seed", &hex::encode(seed)])
}

#[test]
fn what_is_given_out_is_whole_and_belongs_together_or_nothing_is_written() {
    let (place, file) = place(b"content");
    let (outbox, into) = (place.path().join("outbox"), place.path().join("into"));
    let sealed = sealed_for_bob(&outbox, &file);
    let (reference, name) = (sealed["reference"].as_str().expect("text"), sealed["name"].as_str().expect("text"));
    let alice = shelf("udp", &outbox, &[]);
    fs::write(outbox.join(name).join(name), b"another").expect("written");
    let output = fetch(BOB, &alice, reference, &into, &[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not what its manifest names"), "{output:?}");
    fs::write(outbox.join(name).join(format!("{name}+manifest.json")), b"{}").expect("written");
    assert!(!fetch(BOB, &alice, reference, &into, &[]).status.success());
    assert_eq!(files(&into), Vec::<String>::new());
    // A request for a file, or a plain file, hurts the listener not.
    for text in [&b"CEP/1 request\n\0\0\0\x02.."[..], b"CEP/1 request\n\0\0\x01\0", b"CEP/1 request\n", b"x"] {
        fs::write(&file, text).expect("written");
        let _ = alice.send(&file);
    }
    fs::remove_dir_all(outbox.join(name)).expect("removed");
    fs::write(&file, b"content").expect("written");
    let again = sealed_for_bob(&outbox, &file);
    succeeded(&fetch(BOB, &alice, again["reference"].as_str().expect("text"), &into, &[]));
}

#[test]
fn a_drop_fetches_an_iacp_reference_by_the_agent_program() {
    let content = noise(44, 50_000);
    let (place, file) = place(&content);
    let (outbox, root, seed) = (place.path().join("outbox"), place.path().join("drop"), place.path().join("seed"));
    fs::write(&seed, hex::encode(BOB)).expect("written");
    let sealed = sealed_for_bob(&outbox, &file);
    let (reference, name) = (sealed["reference"].as_str().expect("text"), sealed["name"].as_str().expect("text"));
    let alice = shelf("udp", &outbox, &[]);
    let mut session = BySession {
        program: env!("CARGO_BIN_EXE_agent").into(),
        at: alice.at.clone(),
        transport: "udp".into(),
        seed_file: Some(seed),
        longest: 50_000,
        time: Duration::from_secs(60),
    };
    let Fetched { name: named, object, outer, manifest, .. } =
        session.fetch(Reference::new(reference), name).expect("fetched");
    assert_eq!((&*named, &object, manifest.to_string().into()), (name, &content, sealed["manifest"].clone()));
    let inbox = root.join("inbox");
    fs::create_dir_all(&inbox).expect("a folder");
    drop_into(&inbox, &Sealed { name: named, outer, digest: manifest }, &object).expect("it is put there");
    assert_eq!(decided(&root), [(name.to_owned(), Outcome::Continue)]);

    session.longest = 49_999;
    let why = session.fetch(Reference::new(reference), name).err().expect("too long").to_string();
    assert!(why.contains("what came is refused"), "{why}");
    let other = session.fetch(Reference::new(reference), "20260514t064148z.message.x.normal.tza").err();
    assert!(other.expect("another name").to_string().contains("names another object"));
}
