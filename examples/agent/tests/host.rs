//! A host as a process, and agents in other processes that come to it by its local channel.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use iacp_wire::message::{ErpInit, ErpKeepalive};
use iacp_wire::{Eid, Frame, IatField, InitializationNonce, Message};
use serde_json::Value;
use support::host::Host;
use support::{complaint, noise, sha256};

/// How much is sent.
const BYTES: usize = 300_000;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

// shows: IACP-066 (§4.2.1.1–2)
#[test]
fn two_agents_of_one_host_exchange_a_file_and_no_frame_leaves_the_host() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, content) = (place.path().join("file"), noise(1, BYTES));
    fs::write(&file, &content).expect("written");
    let host = Host::start(&place.path().join("host"), "127.0.0.1:0");
    let (bob, eid, again) = host.listen(&place.path().join("in"));
    assert!(!again, "its first time");
    let alice = host.send(&eid, &file, &[]);
    let (stored, delivered) = (bob.next("stored"), alice.next("delivered"));
    assert!(alice.ended());
    for told in [&stored, &delivered] {
        assert_eq!((&told["sha256"], &told["bytes"]), (&Value::from(sha256(&content)), &Value::from(BYTES)));
    }
    assert_eq!(fs::read(place.path().join("in").join(sha256(&content))).expect("it is there"), content);
    assert_eq!(host.status()["places"], serde_json::json!({}), "no address was sent to, or heard");
}

// shows: IACP-080 (§4.2.3.4)
#[test]
fn agents_of_two_hosts_exchange_files_in_both_directions() {
    let place = tempfile::tempdir().expect("a directory");
    let hosts = ["127.0.0.2:0", "127.0.0.3:0"].map(|bind| Host::start(&place.path().join(&bind[8..9]), bind));
    for (from, to) in [(0, 1), (1, 0)] {
        let (file, content) = (place.path().join("file"), noise(from as u64, BYTES));
        fs::write(&file, &content).expect("written");
        let out = place.path().join(format!("in{to}"));
        let (listener, eid, _) = hosts[to].listen(&out);
        let sender = hosts[from].send(&format!("{eid}@{}", hosts[to].at), &file, &[]);
        assert_eq!(sender.next("delivered")["sha256"], sha256(&content));
        let stored = listener.next("stored");
        assert_eq!((&stored["twice"], fs::read(out.join(sha256(&content))).ok()), (&Value::from(0), Some(content)));
        assert!(sender.ended() && listener.stop());
    }
    let places = &hosts[0].status()["places"];
    assert!(places[&hosts[1].at]["received"].as_u64().is_some_and(|frames| frames > 300), "{places}");
}

// shows: IACP-070 (§4.2.2.1)
#[test]
fn sockets_and_seeds_are_for_one_user_alone() {
    let place = tempfile::tempdir().expect("a directory");
    let host = Host::start(&place.path().join("host"), "127.0.0.1:0");
    let (_bob, eid, _) = host.listen(&place.path().join("in"));
    // Its seed is there before anything is signed.
    host.told.until("context", |told| told["state"] == "BOUND");
    assert_eq!(mode(&host.state), 0o700);
    for name in ["local.sock", "control.sock", "lock", "host.json", &format!("agents/{eid}")] {
        assert_eq!(mode(&host.state.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&place.path().join("in/.agent.json")), 0o600);
}

/// A transfer that something happens to: the slow sending of a file, and the file's content.
fn slow_transfer(place: &std::path::Path) -> (std::path::PathBuf, Vec<u8>, &'static [&'static str]) {
    let (file, content) = (place.join("file"), noise(7, BYTES));
    fs::write(&file, &content).expect("written");
    (file, content, &["--pace", "50000"])
}

/// A part of the file is safe.
fn has_begun(told: &Value) -> bool {
    told["done"].as_u64().is_some_and(|done| done > 30_000)
}

#[test]
fn a_receiver_that_is_killed_takes_up_its_sessions_again() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, content, pace) = slow_transfer(place.path());
    let (host, out) = (Host::start(&place.path().join("host"), "127.0.0.1:0"), place.path().join("in"));
    let (bob, eid, _) = host.listen(&out);
    let alice = host.send(&eid, &file, pace);
    let safe = alice.until("progress", has_begun)["done"].as_u64();
    // So that it does not end meanwhile.
    alice.pause();
    bob.kill();
    let (bob, same, again) = host.listen(&out);
    assert_eq!((&same, again), (&eid, true), "the same agent");
    assert!(bob.next("goes_on")["from"].as_u64() >= safe, "what was acknowledged is on stable storage");
    alice.resume();
    assert_eq!(bob.next("stored")["sha256"], sha256(&content));
    assert_eq!(alice.next("delivered")["sessions"], 1, "its session lived on in the host");
    assert_eq!(fs::read(out.join(sha256(&content))).expect("it is there"), content);
}

#[test]
fn a_sender_whose_host_is_killed_goes_on_under_its_eid() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, content, pace) = slow_transfer(place.path());
    let there = Host::start(&place.path().join("there"), "127.0.0.3:0");
    let here = Host::start(&place.path().join("here"), "127.0.0.2:0");
    let (bob, eid, _) = there.listen(&place.path().join("in"));
    let alice = here.send(&format!("{eid}@{}", there.at), &file, pace);
    let first = alice.next("registered")["eid"].clone();
    alice.until("progress", has_begun);
    // So that it does not end meanwhile.
    bob.pause();
    let (state, at) = (here.state.clone(), here.at.clone());
    here.told.kill();
    let here = Host::start(&state, &at);
    assert_eq!(here.told.next("restored")["eid"], first);
    let registered = alice.next("registered");
    assert_eq!((&registered["eid"], &registered["again"]), (&first, &Value::from(true)));
    bob.resume();
    assert!(alice.next("goes_on")["from"].as_u64().is_some_and(|from| from > 0));
    assert_eq!(bob.next("stored")["sha256"], sha256(&content));
    assert_eq!(alice.next("delivered")["sessions"], 2);
}

#[test]
fn a_host_that_is_stopped_keeps_its_agents_and_signs_no_generation_twice() {
    let place = tempfile::tempdir().expect("a directory");
    let (state, out) = (place.path().join("host"), place.path().join("in"));
    let mut bounds = Vec::new();
    let mut eids = Vec::new();
    for _ in 0..3 {
        let host = Host::start(&state, "127.0.0.1:0");
        let (bob, eid, again) = host.listen(&out);
        assert_eq!(again, !eids.is_empty());
        if again {
            bounds.push(host.told.next("restored")["bound"].as_u64().expect("a number"));
        }
        let bound = host.told.until("context", |told| told["state"] == "BOUND")["generation"].as_u64();
        assert!(bounds.last().is_none_or(|last| bound >= Some(*last)), "a generation that may have been signed before");
        eids.push(eid);
        bob.kill();
        assert!(host.told.stop());
    }
    assert!(bounds[0] < bounds[1], "{bounds:?}");
    assert!(eids.iter().all(|eid| *eid == eids[0]), "{eids:?}");
}

// shows: IACP-074 (§4.2.2.3)
#[test]
fn an_agent_that_leaves_leaves_no_seed_behind() {
    let place = tempfile::tempdir().expect("a directory");
    let host = Host::start(&place.path().join("host"), "127.0.0.1:0");
    let out = place.path().join("in");
    let (bob, eid, _) = host.listen(&out);
    host.told.until("context", |told| told["state"] == "BOUND");
    assert_eq!(host.agents(), [host.state.join("agents").join(&eid)], "no generation is signed before it is there");
    assert!(bob.stop());
    host.told.until("context", |told| told["state"] == "UNBOUND");
    for _ in 0..1_000 {
        if host.agents().is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(host.agents().is_empty(), "{:?}", host.agents());
    let (_bob, other, again) = host.listen(&out);
    assert!(other != eid && !again, "the next one in this place is another agent");
}

/// A program that speaks frames of its own on a local channel.
struct Raw(UnixStream);

impl Raw {
    fn connect(host: &Host) -> Self {
        let stream = UnixStream::connect(host.state.join("local.sock")).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
        Self(stream)
    }

    fn say(&mut self, message: Message<'_>) {
        let mut bytes = [0; 256];
        let length = Frame::new(message).write(&mut bytes).expect("short");
        self.0.write_all(&bytes[..length]).expect("it listens");
    }

    /// ERP_INIT with this nonce; the EID that ERP_ALLOC brings.
    fn begin(&mut self, nonce: [u8; 32]) -> Eid {
        self.ask(nonce).expect("there is room")
    }

    /// ERP_INIT with this nonce: the EID that ERP_ALLOC brings, or the code of an ERROR.
    fn ask(&mut self, nonce: [u8; 32]) -> Result<Eid, u16> {
        self.say(Message::ErpInit(&ErpInit { initialization_nonce: InitializationNonce(nonce) }));
        loop {
            let mut head = [0; 4];
            self.0.read_exact(&mut head).expect("an answer");
            let mut frame = [&head[..], &vec![0; u16::from_be_bytes([head[2], head[3]]).into()]].concat();
            self.0.read_exact(&mut frame[4..]).expect("a whole answer");
            match Frame::parse(&frame).expect("a frame").message {
                Message::ErpAlloc(alloc) => return Ok(alloc.allocated_eid),
                Message::Error(error) => return Err(error.code.get()),
                _ => {}
            }
        }
    }
}

// shows: IACP-066 (§4.2.1.1–2)
#[test]
fn a_process_that_begins_contexts_without_end_leaves_room_for_the_agents_of_others() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, content) = (place.path().join("file"), noise(9, BYTES));
    fs::write(&file, &content).expect("written");
    let host = Host::start(&place.path().join("host"), "127.0.0.1:0");
    // This process is the greedy one: it comes by all channels that it gets, and begins by each of them what it can.
    let mut channels: Vec<_> = (0..16).map(|_| Raw::connect(&host)).collect();
    assert_eq!(Raw::connect(&host).0.read(&mut [0]).ok(), Some(0), "its share of the channels");
    let mut begun = 0;
    for (nonce, channel) in (1..).zip(channels.iter_mut()) {
        // Within the rate of four a second, the share of contexts is what counts.
        std::thread::sleep(Duration::from_millis(300));
        match channel.ask([nonce; 32]) {
            Ok(_) => begun += 1,
            Err(code) => assert_eq!(code, 4, "ERROR CAPACITY"),
        }
    }
    assert_eq!(begun, 4, "its share of the contexts");
    let (bob, eid, _) = host.listen(&place.path().join("in"));
    let alice = host.send(&eid, &file, &[]);
    assert_eq!(alice.next("delivered")["sha256"], sha256(&content));
    assert_eq!(bob.next("stored")["sha256"], sha256(&content));
    assert_eq!(host.status()["agents"].as_u64().map(|agents| agents >= 5), Some(true), "all live beside it");
}

#[test]
fn a_context_is_given_back_to_its_nonce_alone_and_only_after_a_restart() {
    let place = tempfile::tempdir().expect("a directory");
    let state = place.path().join("host");
    let host = Host::start(&state, "127.0.0.1:0");
    let [own, shared, zero] = [[1; 32], [2; 32], [0; 32]];
    let eids = [own, own, shared, zero].map(|nonce| Raw::connect(&host).begin(nonce));
    assert_ne!(eids[0], eids[1], "each ERP_INIT makes a context of its own");
    for _ in eids {
        host.told.until("context", |told| told["state"] == "BOUND");
    }
    host.told.kill();
    let host = Host::start(&state, "127.0.0.1:0");
    for _ in eids {
        host.told.next("restored");
    }
    let mut raw = Raw::connect(&host);
    assert!(!eids.contains(&raw.begin(own)), "two agents began with it");
    assert!(!eids.contains(&raw.begin(zero)), "it is no secret");
    assert!(!eids.contains(&raw.begin([9; 32])), "no agent began with it");
    assert_eq!(raw.begin(shared), eids[2]);
}

// shows: IACP-072 (§4.2.2.2)
#[test]
fn noise_and_wrong_tokens_on_one_channel_hinder_no_other() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, content) = (place.path().join("file"), noise(8, BYTES));
    fs::write(&file, &content).expect("written");
    let host = Host::start(&place.path().join("host"), "127.0.0.1:0");
    let (bob, eid, _) = host.listen(&place.path().join("in"));
    let bobs = Eid(hex::decode(&eid).expect("digits").try_into().expect("32 bytes"));
    let mut guessing = Raw::connect(&host);
    for guess in 0..8 {
        guessing.say(Message::ErpKeepalive(&ErpKeepalive { eid: bobs, local_iat: IatField([guess; 32]) }));
    }
    assert_eq!(guessing.0.read(&mut [0]).expect("closed"), 0, "silence, and after the eighth the end");
    for bytes in [&noise(9, 4_000)[..], b"\x18\x60\xff\xff", b"\x18\x60\0\0\x18"] {
        let mut stream = UnixStream::connect(host.state.join("local.sock")).expect("it listens");
        // It may be closed while this is written.
        let _ = stream.write_all(bytes);
    }
    let alice = host.send(&eid, &file, &[]);
    assert_eq!(alice.next("delivered")["sha256"], sha256(&content));
    assert_eq!(bob.next("stored")["sha256"], sha256(&content));
}

#[test]
fn what_a_user_gets_wrong_is_told_in_one_line() {
    let place = tempfile::tempdir().expect("a directory");
    let path = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let (none, out, file) = (path("none"), path("in"), path("file"));
    fs::write(&file, noise(1, 10_000)).expect("written");
    let peer = "ab".repeat(32);
    let no_host = "no host runs in";
    let open = path("open");
    fs::create_dir(&open).expect("made");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("opened");
    let host = Host::start(&place.path().join("host"), "127.0.0.1:0");
    let (state, at) = (host.dir(), host.at.clone());
    let stranger = String::from_utf8(support::run(&["eid", "--seed", &peer]).stdout).expect("text");
    for (args, clue) in [
        (&["local", "listen", "--state", &none, "--out", &out][..], no_host),
        (&["local", "send", "--state", &none, "--to", &peer, &file], no_host),
        (&["control", "--state", &none, "status"], no_host),
        (&["host", "--state", &state, "--bind", "127.0.0.1:0"], "another host runs in"),
        (&["host", "--state", &open, "--bind", "127.0.0.1:0"], "other users can write in"),
        (&["host", "--state", &none, "--bind", &at], "in use"),
        (&["host", "--state", &none, "--bind", "here"], "'here' is no address"),
        (&["host", "--state", &file, "--bind", "127.0.0.1:0"], "--state: cannot make"),
        (&["control", "--state", &state, "move", "192.0.2.1:4227"], "cannot listen on udp 192.0.2.1:4227"),
        (&["local", "send", "--state", &state, "--to", "abc", &file], "'abc' is not an EID"),
        (&["local", "send", "--state", &state, "--to", stranger.trim_end(), &file], "no such agent"),
        (&["local", "send", "--state", &state, "--to", stranger.trim_end(), "/no/such/file"], "/no/such/file: No such"),
        (&["local", "listen", "--state", &state, "--out", &file], "--out: cannot make"),
    ] {
        let text = complaint(args);
        assert!(text.contains(clue), "{args:?}: {text}");
    }
    let (bob, ..) = host.listen(place.path().join("in").as_path());
    let text = complaint(&["local", "listen", "--state", &state, "--out", &out]);
    assert!(text.contains("another agent takes files in"), "{text}");
    bob.kill();
    fs::write(place.path().join("in/.agent.json"), b"noise").expect("written");
    assert!(complaint(&["local", "listen", "--state", &state, "--out", &out]).contains("no credentials of an agent"));
}
