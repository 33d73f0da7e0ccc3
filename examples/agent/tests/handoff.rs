//! Sealed objects between agents: directly, through a third one, and through one that is dishonest.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use cep_envelope::manifest::{MAX_OUTER, SealedManifest, seal};
use iacp_core::crypto::{Portable, Provider, Secret32};
use serde_json::Value;
use support::{ALICE, BOB, CAROL, Listener, agent, at, complaint, eid, noise, place, run, sha256, succeeded};

/// A receiver that trusts alice alone, and keeps what continues in `out`.
fn bob(out: &Path) -> Listener {
    Listener::start("udp", &["--trust", &eid(ALICE), "--out", &out.to_string_lossy()])
}

/// Alice hands over a file.
fn hand_over(file: &Path, options: &[&str]) -> Output {
    let mut command = agent();
    command.args(["handoff", "--transport", "udp", "--seed", &hex::encode(ALICE)]).args(options).arg(file);
    command.output().expect("the program starts")
}

/// What alice prints: the digest of the manifest.
fn handed_over(file: &Path, options: &[&str]) -> String {
    let output = hand_over(file, options);
    succeeded(&output);
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// What alice seals for `recipient`, as a carrier sees it who takes it for a plain file.
fn captured(recipient: &str, file: &Path, options: &[&str]) -> Vec<u8> {
    let out = tempfile::tempdir().expect("a directory");
    let carrier = Listener::start("udp", &["--out", &out.path().to_string_lossy()]);
    let via = at(&carrier);
    handed_over(file, &[&["--to", recipient, "--via", &via, "--no-wait"], options].concat());
    let report = carrier.next();
    fs::read(out.path().join(report["sha256"].as_str().expect("text"))).expect("it is there")
}

/// The figure once more: notice, outer object, content.
fn split(stream: &[u8]) -> [Vec<u8>; 3] {
    let mut rest = stream.strip_prefix(b"CEP/1 handoff\n").expect("a handoff");
    let parts = [(); 3].map(|()| {
        let (length, after) = rest.split_first_chunk().expect("a length");
        let (part, after) = after.split_at(usize::try_from(u32::from_be_bytes(*length)).expect("short"));
        rest = after;
        part.to_vec()
    });
    assert!(rest.is_empty());
    parts
}

fn join([notice, outer, content]: [&[u8]; 3]) -> Vec<u8> {
    let mut stream = b"CEP/1 handoff\n".to_vec();
    for part in [notice, outer, content] {
        stream.extend(u32::try_from(part.len()).expect("short").to_be_bytes());
        stream.extend(part);
    }
    stream
}

/// A carrier brings these bytes.
fn bring(stream: &[u8], to: &Listener) -> Output {
    let (_place, file) = place(stream);
    to.send(&file)
}

fn brought(stream: &[u8], to: &Listener) -> Value {
    succeeded(&bring(stream, to));
    to.next()
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    assert!(text.contains(from), "{text}");
    text.replace(from, to).into_bytes()
}

fn names(report: &Value, member: &str) -> Vec<String> {
    let names = report[member].as_array().expect("a list").iter();
    names.map(|name| name.as_str().expect("a name").to_owned()).collect()
}

/// It does not continue, for this reason, and no more is proven than this.
fn refused(report: &Value, outcome: &str, reason: &str, proven: &str) {
    assert_eq!(report["continues"], false, "{report}");
    assert_eq!((&report["outcome"], &report["proven"]), (&outcome.into(), &proven.into()), "{report}");
    assert!(names(report, "deciding").iter().any(|name| name == reason), "{reason}: {report}");
    assert_eq!(report["kept"], Value::Null);
}

// shows: CEP-021 (§3.2), CEP-112 (§10)
#[test]
fn an_object_that_comes_directly_continues_and_is_kept() {
    let content = noise(21, 50_000);
    let (place, file) = place(&content);
    let out = place.path().join("out");
    let bob = bob(&out);
    let root = handed_over(&file, &["--to", &at(&bob)]);
    let report = bob.next();
    assert_eq!((&report["outcome"], &report["continues"]), (&"continue".into(), &true.into()), "{report}");
    assert_eq!(report["proven"], "continuation-approved");
    assert_eq!((&report["sender"], &report["carried_by"]), (&eid(ALICE).into(), &eid(ALICE).into()));
    assert_eq!((report["manifest"].as_str(), report["bytes"].as_u64()), (Some(&*root), Some(50_000)));
    assert_eq!(report["content"], format!("sha256:{}", sha256(&content)));
    assert_eq!(fs::read(out.join(sha256(&content))).expect("it is there"), content);

    // What continues it names it; what names no parent that bob knows waits.
    fs::write(&file, b"what comes next").expect("written");
    handed_over(&file, &["--to", &at(&bob), "--parent", &root]);
    let report = bob.next();
    assert_eq!(report["why"], "continue: it is proven, and continues its parent");
    let unknown = hand_over(&file, &["--to", &at(&bob), "--parent", &format!("sha256:{}", "0".repeat(64))]);
    assert_eq!(unknown.status.code(), Some(5), "the sender is told: resync");
    refused(&bob.next(), "resync", "parent-unknown", "manifest-verified");
    assert_eq!(fs::read_dir(&out).expect("it is there").count(), 2, "nothing else is kept");
    bob.has_judged_nothing_more();
}

// shows: CEP-020 (§3.2), CEP-111 (§10)
#[test]
fn an_object_that_a_relay_carries_continues_as_its_senders_not_as_the_relays() {
    for transport in ["udp", "quic"] {
        let (_place, file) = place(&noise(22, 20_000));
        let bob = Listener::start(transport, &["--trust", &eid(ALICE)]);
        let carol = Listener::start_as("relay", transport, &["--to", &at(&bob), "--seed", &hex::encode(CAROL)]);
        let mut alice = agent();
        alice.args(["handoff", "--json", "--to", &bob.eid, "--via", &at(&carol), "--transport", transport]);
        let output = alice.args(["--seed", &hex::encode(ALICE)]).arg(&file).output().expect("the program starts");
        succeeded(&output);
        let sent: Value = serde_json::from_slice(&output.stdout).expect("an object");
        let report = bob.next();
        assert_eq!((&report["continues"], &report["proven"]), (&true.into(), &"continuation-approved".into()));
        assert_eq!((&report["sender"], &report["carried_by"]), (&eid(ALICE).into(), &eid(CAROL).into()));
        assert_eq!((&sent["sender"], &sent["carried_by"]), (&report["sender"], &report["carried_by"]));
        assert_eq!((&sent["name"], &sent["manifest"]), (&report["name"], &report["manifest"]));
        assert_eq!(sent["answer"]["outcome"], "continue", "bob's answer comes back by way of carol");
    }
}

/// Alice's manifest under another signature, in another name.
fn sealed_again(outer: &[u8], seed: [u8; 32], signer: &str) -> Vec<u8> {
    let sealed = SealedManifest::parse(outer).expect("well-formed");
    sealed_by(seed, signer, &replaced(sealed.signed_bytes(), &eid(ALICE), signer), sealed.claimed_recipient())
}

fn sealed_by(seed: [u8; 32], signer: &str, manifest: &[u8], recipient: &str) -> Vec<u8> {
    let key = Portable::signing_key(&Secret32::new(seed));
    let mut buffer = [0; MAX_OUTER];
    let sign = |hash: &[u8; 32]| Portable::sign(&key, hash);
    seal(manifest, signer, recipient, sign, &mut buffer).expect("sealed").to_vec()
}

// shows: CEP-020 (§3.2), CEP-026 (§4), CEP-027 (§4), CEP-031 (§4)
#[test]
fn whatever_a_relay_changes_is_noticed_and_does_no_harm_to_the_original() {
    let (place, file) = place(b"the first");
    let out = place.path().join("out");
    let bob = bob(&out);
    let first = captured(&bob.eid, &file, &[]);
    let (alice, carol) = (eid(ALICE), eid(CAROL));
    fs::write(&file, b"the second").expect("written");
    let second = captured(&bob.eid, &file, &[]);
    let ([notice, outer, content], [_, others_outer, _]) = (split(&second), split(&first));
    let (from_carol, other) = (replaced(&notice, &alice, &carol), b"the secone".to_vec());
    let cases = [
        ("a byte of the content", [&notice, &outer, &other], "quarantine", "digest-differs", "present"),
        (
            "the name",
            [&replaced(&notice, "normal", "urgent"), &outer, &content],
            "triage",
            "surface-differs",
            "container-verified",
        ),
        (
            "a name that is a path",
            [&replaced(&notice, "handoff.file", "../../file"), &outer, &content],
            "quarantine",
            "not-a-surface",
            "container-verified",
        ),
        (
            "a byte of the manifest",
            [&notice, &replaced(&outer, "normal", "urgent"), &content],
            "quarantine",
            "bad-signature",
            "container-verified",
        ),
        (
            "the manifest of another object",
            [&notice, &others_outer, &content],
            "quarantine",
            "digest-differs",
            "present",
        ),
        (
            "the sender in the notice",
            [&from_carol, &outer, &content],
            "quarantine",
            "key-not-bound",
            "container-verified",
        ),
        (
            "the schema in the notice",
            [&replaced(&notice, "agent-handoff-v1", "agent-handoff-v2"), &outer, &content],
            "triage",
            "schema-differs",
            "manifest-verified",
        ),
        (
            "its own seal",
            [&from_carol, &sealed_again(&outer, CAROL, &carol), &content],
            "quarantine",
            "key-not-bound",
            "container-verified",
        ),
        (
            "its own seal, in alice's notice",
            [&notice, &sealed_again(&outer, CAROL, &carol), &content],
            "quarantine",
            "key-not-bound",
            "container-verified",
        ),
        (
            "its own seal, in alice's name",
            [&notice, &sealed_again(&outer, CAROL, &alice), &content],
            "quarantine",
            "bad-signature",
            "container-verified",
        ),
        ("no manifest", [&notice, &Vec::new(), &content], "quarantine", "malformed", "present"),
        ("no notice", [&Vec::new(), &outer, &content], "quarantine", "not-a-surface", "container-verified"),
    ];
    for (what, parts, outcome, reason, proven) in cases {
        let report = brought(&join(parts.map(Vec::as_slice)), &bob);
        println!("{what}: {}", report["why"]);
        refused(&report, outcome, reason, proven);
    }
    assert_eq!(fs::read_dir(&out).expect("it is there").count(), 0, "nothing of it is kept");

    // None of it counts against what alice sealed; and what she sealed counts once.
    for stream in [&first, &second] {
        assert_eq!(brought(stream, &bob)["continues"], true);
        refused(&brought(stream, &bob), "quarantine", "replayed", "manifest-verified");
    }
    assert_eq!(fs::read_dir(&out).expect("it is there").count(), 2);
    bob.has_judged_nothing_more();
}

#[test]
fn no_bit_of_the_seal_or_of_the_content_may_change() {
    let (place, file) = place(&noise(23, 300));
    let bob = bob(&place.path().join("out"));
    let stream = captured(&bob.eid, &file, &[]);
    let [notice, outer, content] = split(&stream);
    let (lengths, sealed) = (14 + 3 * 4 + notice.len(), outer.len() + content.len());
    for round in 0..40 {
        // Spread over all of it, the length of the content left as it is.
        let at = round * sealed / 40;
        let place = if at < outer.len() { lengths - 4 + at } else { lengths + at };
        let mut other = stream.clone();
        other[place] ^= 1 << (round % 7);
        let report = brought(&other, &bob);
        assert_eq!(report["continues"], false, "byte {place}: {report}");
    }
    assert_eq!(brought(&stream, &bob)["continues"], true);
}

#[test]
fn an_object_for_another_recipient_or_of_an_unknown_sender_does_not_continue() {
    let (place, file) = place(b"content");
    let bob = bob(&place.path().join("out"));
    refused(&brought(&captured(&eid(CAROL), &file, &[]), &bob), "quarantine", "other-recipient", "container-verified");
    // Alice forgot to seal for whom it is: a carrier could choose.
    let [notice, outer, content] = split(&captured(&bob.eid, &file, &[]));
    let manifest = SealedManifest::parse(&outer).expect("well-formed").signed_bytes();
    let manifest = replaced(manifest, &format!(",\"recipient\":\"{}\"", bob.eid), "");
    let outer = sealed_by(ALICE, &eid(ALICE), &manifest, &bob.eid);
    let report = brought(&join([&notice, &outer, &content]), &bob);
    refused(&report, "triage", "recipient-not-sealed", "manifest-verified");

    let stranger = agent()
        .args(["handoff", "--transport", "udp", "--to", &at(&bob)])
        .arg(&file)
        .output()
        .expect("the program starts");
    assert_eq!(stranger.status.code(), Some(7), "what is not proven gets no answer");
    let report = bob.next();
    refused(&report, "quarantine", "key-not-bound", "container-verified");
    assert_eq!(report["sender"], Value::Null, "who claims to have sealed it is not who has");
    assert_eq!(report["claimed_sender"], report["carried_by"]);
}

// shows: CEP-031 (§4)
#[test]
fn a_restart_makes_nobody_forget_that_there_may_have_been_more() {
    let (_place, file) = place(b"content");
    let seed = "b0".repeat(32);
    let start = || Listener::start("udp", &["--trust", &eid(ALICE), "--seed", &seed]);
    let bob = start();
    let stream = captured(&bob.eid, &file, &[]);
    drop(bob);
    refused(&brought(&stream, &start()), "resync", "maybe-replayed", "manifest-verified");
}

// shows: CEP-031 (§4)
#[test]
fn a_lineage_on_disk_outlives_the_process_and_its_children_continue() {
    let (place, file) = place(b"content");
    let (seed, lineage) = ("b0".repeat(32), place.path().join("lineage").to_string_lossy().into_owned());
    let start = || Listener::start("udp", &["--trust", &eid(ALICE), "--seed", &seed, "--lineage", &lineage]);
    // Nothing was decided before this memory began; without its first line, what is sealed soon after might be a replay.
    fs::write(&lineage, b"since 0 0\n").expect("written");
    let bob = start();
    let parent = handed_over(&file, &["--to", &at(&bob)]);
    assert_eq!(bob.next()["continues"], true);
    drop(bob);
    let bob = start();
    let again = captured(&bob.eid, &file, &["--parent", &parent]);
    assert_eq!(brought(&again, &bob)["continues"], true, "its parent is known after the restart");
    drop(bob);
    refused(&brought(&again, &start()), "quarantine", "replayed", "manifest-verified");
}

#[test]
fn what_is_no_handoff_is_refused_and_hinders_nobody() {
    let (place, file) = place(&noise(24, 400_000));
    let out = place.path().join("out");
    let bob =
        Listener::start("udp", &["--trust", &eid(ALICE), "--out", &out.to_string_lossy(), "--max-bytes", "400000"]);
    let small = place.path().join("small");
    fs::write(&small, b"content").expect("written");
    let good = captured(&bob.eid, &small, &[]);
    let [notice, outer, _] = split(&good);
    let honest = agent()
        .args(["handoff", "--transport", "udp", "--seed", &hex::encode(ALICE), "--to", &at(&bob)])
        .arg(&file)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let too_long = |length: u32| length.to_be_bytes().to_vec();
    let magic = b"CEP/1 handoff\n".to_vec();
    let cases = [
        ("nothing", Vec::new()),
        ("a plain file", noise(25, 5_000)),
        ("a long plain file", noise(26, 500_000)),
        ("half of it", good[..good.len() / 2].to_vec()),
        ("all but the last byte", good[..good.len() - 1].to_vec()),
        ("a byte more", [&*good, &[0]].concat()),
        ("it twice", [&*good, &*good].concat()),
        ("a notice of 4 GiB", [magic.clone(), too_long(u32::MAX), noise(27, 5_000)].concat()),
        ("a notice that is one byte too long", [magic, too_long(4_097), vec![b' '; 4_097]].concat()),
        ("an outer object that is too long", join([&notice, &noise(28, MAX_OUTER + 1), b""])),
        ("content that is too long", join([&notice, &outer, &noise(29, 400_001)])),
    ];
    for (what, stream) in cases {
        assert!(!bring(&stream, &bob).status.success(), "{what} was taken");
    }
    let honest = honest.wait_with_output().expect("it ends");
    succeeded(&honest);
    assert_eq!((&bob.next()["continues"], fs::read_dir(&out).expect("it is there").count()), (&true.into(), 1));
    // What was refused was not decided.
    assert_eq!(brought(&good, &bob)["continues"], true);
    bob.has_judged_nothing_more();
}

#[test]
fn a_relay_refuses_what_is_no_handoff_and_outlives_a_receiver_that_is_gone() {
    let (place, file) = place(b"content");
    let bob = bob(&place.path().join("out"));
    let carol = Listener::start_as("relay", "udp", &["--to", &at(&bob)]);
    assert!(!bring(b"a plain file", &carol).status.success());
    handed_over(&file, &["--to", &at(&bob), "--via", &at(&carol)]);
    assert_eq!(bob.next()["carried_by"], *carol.eid);
    bob.has_judged_nothing_more();
    drop(bob);
    handed_over(&file, &["--to", &eid(CAROL), "--via", &at(&carol), "--no-wait"]);
    carol.complains("it is given up");
    // It goes on: the next one is taken, too.
    handed_over(&file, &["--to", &eid(CAROL), "--via", &at(&carol), "--no-wait"]);
}

// shows: CEP-020 (§3.2), CEP-111 (§10)
#[test]
fn a_relay_tries_again_until_the_receiver_is_back() {
    let (place, file) = place(b"content");
    let out = place.path().join("out");
    // It has been there for years, and what it has decided it remembers over a restart.
    let (lineage, trusted, folder) = (place.path().join("lineage"), eid(ALICE), out.to_string_lossy().into_owned());
    let (lineage, seed) = (lineage.to_string_lossy().into_owned(), hex::encode(BOB));
    let options = ["--seed", &seed, "--trust", &trusted, "--out", &folder, "--lineage", &lineage];
    fs::write(&lineage, "since 1000000000 0\n").expect("written");
    let mut gone = Listener::start("udp", &options);
    let (to, address) = (at(&gone), gone.at.clone());
    gone.ends();
    let carol = Listener::start_as("relay", "udp", &["--to", &to]);
    // The answer is waited for: it comes when a later try has been successful.
    let mut command = agent();
    command.args(["handoff", "--transport", "udp", "--seed", &hex::encode(ALICE), "--to", &to, "--via", &at(&carol)]);
    let alice = command.arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let failed = carol.complains("not handed on, it is tried again");
    assert!(failed.contains("connection refused") || failed.contains("no answer"), "{failed}");
    let bob = Listener::start_at("listen", "udp", &address, &options);
    assert_eq!((bob.eid.as_str(), bob.at.as_str()), (&to[..64], address.as_str()), "the same one at the same place");
    let report = bob.next();
    assert_eq!(
        (&report["continues"], &report["carried_by"]),
        (&true.into(), &Value::from(carol.eid.clone())),
        "{report}"
    );
    succeeded(&alice.wait_with_output().expect("it ends"));
    assert_eq!(fs::read_dir(&out).expect("it is there").count(), 1, "once");
    bob.has_judged_nothing_more();
}

#[test]
fn a_listener_that_trusts_nobody_takes_files_as_ever() {
    let (_place, file) = place(&noise(30, 9_000));
    let listener = Listener::start("udp", &[]);
    succeeded(&listener.send(&file));
    let report = listener.next();
    assert_eq!(report["sha256"], sha256(&noise(30, 9_000)));
    assert_eq!(report.as_object().map(serde_json::Map::len), Some(3));
    // Even a handoff is a file there, byte for byte.
    let handed = hand_over(&file, &["--to", &at(&listener)]);
    assert_eq!(handed.status.code(), Some(7), "it has it, and decides nothing");
    assert!(listener.next()["bytes"].as_u64().is_some_and(|bytes| bytes > 9_000));
    listener.has_nothing_more();
}

fn demonstration(options: &[&str]) -> Vec<Value> {
    let (_place, file) = place(&noise(31, 10_000));
    let output = run(&[&["handoff", "--json", &file.to_string_lossy()], options].concat());
    succeeded(&output);
    let text = String::from_utf8(output.stdout).expect("text");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let last = events.last().expect("there is one");
    assert_eq!((&last["event"], &last["ok"]), (&"verdict".into(), &true.into()));
    events
}

#[test]
fn the_demonstration_climbs_every_rung_and_tells_of_each() {
    let events = demonstration(&["--relay"]);
    let rungs: Vec<_> = events.iter().filter(|event| event["event"] == "rung").map(|event| &event["state"]).collect();
    let ladder = cep_envelope::VerificationState::LADDER.map(|state| Value::from(state.name()));
    assert_eq!(rungs, ladder.iter().chain(&ladder).collect::<Vec<_>>(), "once for each object");
    let decided: Vec<_> = events.iter().filter(|event| event["event"] == "decided").collect();
    assert!(decided.iter().all(|event| event["continues"] == true && event["who"] == "bob"));
    assert_eq!(decided[0]["sender"], decided[1]["sender"]);
    assert_eq!(decided[0]["sender"], decided[0]["carried_by"]);
    assert_ne!(decided[1]["sender"], decided[1]["carried_by"], "carol carried it, and is not its sender");
}

#[test]
fn the_demonstration_catches_a_dishonest_relay() {
    for (how, reason) in [
        ("content", "digest-differs"),
        ("name", "surface-differs"),
        ("manifest", "bad-signature"),
        ("swap", "digest-differs"),
        ("replay", "replayed"),
        ("impostor", "key-not-bound"),
    ] {
        let events = demonstration(&["--tamper", how]);
        let decided: Vec<_> = events.iter().filter(|event| event["event"] == "decided").collect();
        assert_eq!(decided.len(), 2, "{how}");
        assert_eq!((&decided[0]["continues"], &decided[1]["continues"]), (&true.into(), &false.into()), "{how}");
        assert!(names(decided[1], "deciding").iter().any(|name| name == reason), "{how}: {}", decided[1]);
    }
}

#[test]
fn an_agent_knows_its_own_eid() {
    let output = run(&["eid", "--seed", &hex::encode(ALICE)]);
    succeeded(&output);
    assert_eq!(String::from_utf8(output.stdout).expect("text"), format!("{}\n", eid(ALICE)));
}

#[test]
fn what_a_user_gets_wrong_is_named() {
    let (_place, file) = place(b"content");
    let file = file.to_string_lossy();
    let nobody = format!("{}@127.0.0.1:9", "ab".repeat(32));
    for (args, clue) in [
        (&["handoff", "--to", "abc@127.0.0.1:9", &file] as &[&str], "--to: 'abc' is not an EID"),
        (&["handoff", "--to", &"ab".repeat(32), &file], "EID@IP:PORT"),
        (&["handoff", "--to", "x", "--via", &nobody, &file], "--to: 'x' is not an EID"),
        (&["handoff", "--to", &nobody, "--via", "x", &file], "--via: expected EID@IP:PORT"),
        (&["handoff", "--to", &nobody, "--parent", "sha256:12", &file], "--parent"),
        (&["handoff", "--to", &nobody, "/no/such/file"], "/no/such/file: No such file"),
        (&["listen", "--bind", "127.0.0.1:0", "--trust", "abc"], "--trust: 'abc' is not an EID"),
        (&["relay", "--bind", "127.0.0.1:0", "--to", "abc"], "--to: expected EID@IP:PORT"),
    ] {
        let text = complaint(args);
        assert!(text.contains(clue), "{args:?}: {text}");
    }
}
