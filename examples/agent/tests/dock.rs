//! Agents that move from host to host, each host and each agent a process; and hosts that are killed meanwhile.

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use support::host::{Host, Told};
use support::{complaint, noise, run, sha256, succeeded};

/// How much is sent, and how fast: some of it is still to come when the agent moves.
const BYTES: usize = 120_000;
const PACE: &[&str] = &["--pace", "15000"];

/// Three hosts, and a file on its way from an agent of the first to one of the second, which is stopped for now.
struct Story {
    place: tempfile::TempDir,
    hosts: Vec<Host>,
    alice: Told,
    alices: String,
    bob: Told,
    bobs: String,
    content: Vec<u8>,
}

/// An order of `agent control … dock`, and what the host says.
fn dock(host: &Host, order: &[&str]) -> Value {
    let output = run(&[&["control", "--state", &host.dir(), "dock"][..], order].concat());
    succeeded(&output);
    serde_json::from_slice(&output.stdout).expect("an object")
}

/// The same, refused: the line that says why.
fn refused(host: &Host, order: &[&str]) -> String {
    complaint(&[&["control", "--state", &host.dir(), "dock"][..], order].concat())
}

fn lii(host: &Host) -> String {
    host.status()["lii"].as_str().expect("it has a key").to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Waits until a host keeps so many files of agents.
fn keeps(host: &Host, agents: usize) {
    for _ in 0..1_000 {
        if host.agents().len() == agents {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("not {agents} agents: {:?}", host.agents());
}

impl Story {
    fn in_mid_stream(seed: u64) -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let (file, content) = (place.path().join("file"), noise(seed, BYTES));
        fs::write(&file, &content).expect("written");
        let binds = ["127.0.0.2:0", "127.0.0.3:0", "127.0.0.4:0"];
        let hosts: Vec<Host> = binds.map(|bind| Host::start(&place.path().join(&bind[8..9]), bind)).into();
        let (bob, bobs, _) = hosts[1].listen(&place.path().join("in"));
        let alice = hosts[0].send(&format!("{bobs}@{}", hosts[1].at), &file, PACE);
        let alices = alice.next("registered")["eid"].as_str().expect("an EID").to_owned();
        alice.until("progress", |told| told["done"].as_u64().is_some_and(|done| done > 12_000));
        // However long the test takes: the transfer does not end before Bob goes on.
        bob.pause();
        Self { place, hosts, alice, alices, bob, bobs, content }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Alice's context, sealed for the third host: the file.
    fn exported(&self) -> PathBuf {
        let (offer, sealed) = (self.path("offer"), self.path("sealed"));
        dock(&self.hosts[0], &["allow", &lii(&self.hosts[2])]);
        dock(&self.hosts[2], &["offer", &self.alices, "--from", &lii(&self.hosts[0]), "--out", text(&offer)]);
        dock(&self.hosts[0], &["export", text(&offer), "--out", text(&sealed)]);
        sealed
    }

    fn restart(&mut self, number: usize) {
        let (state, at) = (self.hosts[number].state.clone(), self.hosts[number].at.clone());
        // The one that runs is killed first: it holds the folder.
        drop(self.hosts.remove(number));
        self.hosts.insert(number, Host::start(&state, &at));
    }

    /// Alice has her EID on another host, or again.
    fn alice_is_back(&self) {
        let registered = self.alice.next("registered");
        assert_eq!((registered["eid"].as_str(), registered["again"].as_bool()), (Some(&*self.alices), Some(true)));
    }

    /// All of the file has come, once; returns in how many sessions.
    fn ends(&self) -> Value {
        self.alice.resume();
        self.bob.resume();
        let stored = self.bob.next("stored");
        assert_eq!((stored["sha256"].as_str(), stored["twice"].as_u64()), (Some(&*sha256(&self.content)), Some(0)));
        assert_eq!(stored["from"], self.alices);
        assert_eq!(fs::read(self.path("in").join(sha256(&self.content))).expect("it is there"), self.content);
        self.alice.next("delivered")["sessions"].clone()
    }
}

// shows: IACP-129 (§5.6), IACP-131 (§5.6)
#[test]
fn a_sender_moves_in_mid_stream_and_comes_back_in_one_session() {
    let story = Story::in_mid_stream(21);
    let [home, _, other] = &story.hosts[..] else { panic!("three") };
    let moved = dock(home, &["move", &story.alices, "--to", text(&other.state)]);
    assert_eq!((moved["sessions"].as_u64(), moved["left"].as_u64()), (Some(1), Some(0)), "{moved}");
    story.alice_is_back();
    keeps(home, 0);
    assert_eq!((home.status()["agents"].as_u64(), other.status()["agents"].as_u64()), (Some(0), Some(1)));
    let is_bound = |told: &Value| told["eid"] == *story.alices && told["state"] == "BOUND";
    other.told.until("context", is_bound);
    dock(other, &["move", &story.alices, "--to", text(&home.state)]);
    story.alice_is_back();
    keeps(other, 0);
    assert_eq!(story.ends(), 1, "in the session that it began with");
}

// shows: IACP-131 (§5.6)
#[test]
fn a_receiver_moves_in_mid_stream_and_goes_on_in_the_same_session() {
    let story = Story::in_mid_stream(22);
    // Bob is the one that moves.
    story.alice.pause();
    story.bob.resume();
    let moved = dock(&story.hosts[1], &["move", &story.bobs, "--to", text(&story.hosts[2].state)]);
    assert_eq!(moved["sessions"], 1, "{moved}");
    let registered = story.bob.next("registered");
    assert_eq!((&registered["eid"], &registered["again"]), (&story.bobs.clone().into(), &true.into()));
    assert!(story.bob.next("goes_on")["from"].as_u64().is_some_and(|from| from > 0));
    assert_eq!(story.ends(), 1);
    // A process of the same agent that is started with its old host finds the new one.
    story.bob.kill();
    let (_bob, eid, again) = story.hosts[1].listen(&story.place.path().join("in"));
    assert_eq!((eid, again), (story.bobs, true));
}

#[test]
fn an_endpoint_is_shared_on_by_an_agent_that_has_moved() {
    let place = tempfile::tempdir().expect("a directory");
    let hosts = ["127.0.0.2:0", "127.0.0.3:0", "127.0.0.4:0"];
    let [home, there, other] = hosts.map(|bind| Host::start(&place.path().join(&bind[8..9]), bind));
    let (follower, _fed, eid) = there.follow(&[]);
    let (sharing, mut input) = home.share(&format!("{eid}@{}", there.at), &["--tag", "lamp"]);
    let own = sharing.next("registered")["eid"].as_str().expect("an EID").to_owned();
    writeln!(input, "on").expect("it reads");
    follower.until("value", |told| told["value"] == "on");
    dock(&home, &["move", &own, "--to", text(&other.state)]);
    assert_eq!(sharing.next("registered")["eid"], own);
    writeln!(input, "off").expect("it reads");
    let value = follower.until("value", |told| told["value"] == "off");
    assert_eq!((&value["from"], &value["tag"]), (&own.into(), &"lamp".into()));
}

/// The file with the context outlives its host, and the other host takes it over.
#[test]
fn the_exporting_host_is_killed_with_the_context_sealed() {
    let mut story = Story::in_mid_stream(23);
    let sealed = story.exported();
    story.restart(0);
    assert_eq!(story.hosts[0].status()["agents"], 0, "what was handed over is not restored");
    let copy = story.path("copy");
    fs::copy(&sealed, &copy).expect("copied");
    dock(&story.hosts[2], &["import", text(&sealed)]);
    assert!(!sealed.exists(), "it serves for nothing any more");
    assert!(refused(&story.hosts[2], &["import", text(&copy)]).contains("the agent is on this host"), "a second time");
    assert!(refused(&story.hosts[1], &["import", text(&copy)]).contains("for another host, EID or offer"), "elsewhere");
    dock(&story.hosts[0], &["done", &story.alices, "--at", text(&story.hosts[2].state)]);
    story.alice_is_back();
    keeps(&story.hosts[0], 0);
    assert_eq!(story.ends(), 1, "its session has moved");
}

/// Its offer has ended with it, so the file opens nowhere: the agent is taken back.
#[test]
fn the_importing_host_is_killed_before_the_import() {
    let mut story = Story::in_mid_stream(24);
    let sealed = story.exported();
    story.restart(2);
    assert!(refused(&story.hosts[2], &["import", text(&sealed)]).contains("for another host, EID or offer"));
    dock(&story.hosts[0], &["keep", &story.alices]);
    story.alice_is_back();
    assert!(refused(&story.hosts[0], &["keep", &story.alices]).contains("the agent is on this host"));
    assert_eq!((story.hosts[0].agents().len(), story.hosts[2].agents().len()), (1, 0), "one living copy");
    assert_eq!(story.ends(), 2, "its session was lost, and the transfer went on in another one");
}

/// It has stored the bound, so the EID is its own: by its seed.
#[test]
fn the_importing_host_is_killed_after_the_import() {
    let mut story = Story::in_mid_stream(25);
    let sealed = story.exported();
    dock(&story.hosts[2], &["import", text(&sealed)]);
    story.restart(2);
    assert_eq!(story.hosts[2].told.next("restored")["eid"], story.alices);
    dock(&story.hosts[0], &["done", &story.alices, "--at", text(&story.hosts[2].state)]);
    story.alice_is_back();
    keeps(&story.hosts[0], 0);
    assert_eq!(story.hosts[2].agents().len(), 1, "one living copy");
    assert_eq!(story.ends(), 2);
}

#[test]
fn what_an_operator_gets_wrong_is_told_in_one_line_and_changes_nothing() {
    let story = Story::in_mid_stream(26);
    let [home, there, other] = &story.hosts[..] else { panic!("three") };
    let (offer, sealed, noisy) = (story.path("offer"), story.path("sealed"), story.path("noise"));
    fs::write(&noisy, noise(1, 400)).expect("written");
    dock(other, &["offer", &story.alices, "--from", &lii(home), "--out", text(&offer)]);
    let stranger = "ab".repeat(32);
    for (host, order, clue) in [
        (home, &["export", text(&offer), "--out", text(&sealed)][..], "not on the list"),
        (home, &["export", text(&noisy), "--out", text(&sealed)], "cannot read"),
        (home, &["export", "/no/such/file", "--out", text(&sealed)], "cannot read"),
        (there, &["export", text(&offer), "--out", text(&sealed)], "no agent of this host has this EID"),
        (home, &["allow", "here"], "'here' is not an EID"),
        (home, &["offer", &story.alices, "--from", &lii(other), "--out", text(&sealed)], "the agent is on this host"),
        (other, &["import", text(&noisy)], "for another host, EID or offer"),
        (other, &["import", "/no/such/file"], "cannot read"),
        (home, &["done", &story.alices], "the agent is on this host"),
        (home, &["keep", &story.alices], "the agent is on this host"),
        (home, &["done", &stranger], "no agent of this host was handed over"),
        (home, &["keep", &stranger], "no agent of this host was handed over"),
        (home, &["move", &stranger, "--to", text(&other.state)], "no agent of this host has this EID"),
    ] {
        let told = refused(host, order);
        assert!(told.contains(clue), "{order:?}: {told}");
    }
    dock(home, &["allow", &lii(other)]);
    let told = refused(home, &["export", text(&offer), "--out", text(&noisy)]);
    assert!(told.contains("is there already"), "{told}");
    assert!(!sealed.exists() && fs::read(&noisy).expect("it is there") == noise(1, 400));
    assert_eq!(story.ends(), 1, "the agent has noticed nothing");
}
