//! What becomes of objects: each outcome by its cause, and the same after a restart.

mod support;

use std::fs;

use cep_envelope::VerificationState;
use cep_envelope::decision::Outcome;
use cep_envelope::manifest::CausalParent;
use cep_envelope::notification::{ClaimedState, Notification, PollType, Reference};
use dropbox::{Half, Line, Sealing, WaitsFor};
use jiff::{SignedDuration, Timestamp};
use support::*;

fn outcome(line: &Line) -> (Outcome, Vec<&str>) {
    (line.outcome.0, line.deciding.iter().map(String::as_str).collect())
}

fn notice(from: &str, name: &str, reference: &str) -> Vec<u8> {
    let notice = Notification {
        from_agent: from,
        to_agent: BOB,
        poll_type: PollType::Push,
        envelope_name: name,
        envelope_ref: Reference::new(reference),
        schema: "file-v1",
        claimed_state: ClaimedState::Known(VerificationState::Referenced),
    };
    notice.write(&mut [0; 4096]).expect("a notice").to_vec()
}

// shows: CEP-018 (§3.2), CEP-019 (§3.2), CEP-110 (§10)
#[test]
fn a_root_and_its_child_continue() {
    let place = Place::new();
    let root = seal(sealing(60), b"root");
    let child = seal(Sealing { parent: child_of(&root), ..sealing(50) }, b"child");
    place.drop(&child, b"child");
    place.drop(&root, b"root");
    let lines = place.run();
    assert_eq!(lines.iter().map(outcome).collect::<Vec<_>>(), vec![(Outcome::Continue, vec![]); 2]);
    assert_eq!(lines.iter().map(|line| &line.name).collect::<Vec<_>>(), [&root.name, &child.name]);
    for (line, (sealed, object)) in lines.iter().zip([(&root, b"root".as_slice()), (&child, b"child")]) {
        let folder = place.folder_of(line);
        assert_eq!(fs::read(folder.join(&sealed.name)).expect("the object"), object);
        let manifest = folder.join(format!("{}{}", sealed.name, Half::Manifest.suffix()));
        assert_eq!(fs::read(manifest).expect("its manifest"), sealed.outer);
        let decision = fs::read(folder.join("decision.json")).expect("its decision");
        assert_eq!(serde_json::from_slice::<Line>(&decision).expect("a line"), *line);
        assert_eq!(line.proven, "continuation-approved");
    }
    assert_eq!(place.journal(), lines);
    place.inbox_is_empty();
    place.nothing_is_under_way();
}

#[test]
fn a_second_child_forks_and_so_does_what_continues_it() {
    let place = Place::new();
    let root = seal(sealing(60), b"root");
    let first = seal(Sealing { parent: child_of(&root), ..sealing(50) }, b"first");
    let second = seal(Sealing { parent: child_of(&root), ..sealing(40) }, b"second");
    let third = seal(Sealing { parent: child_of(&second), ..sealing(30) }, b"third");
    // A process for each: the lineage is the journal's.
    for (sealed, object, expected) in [
        (&root, "root", (Outcome::Continue, vec![])),
        (&first, "first", (Outcome::Continue, vec![])),
        (&second, "second", (Outcome::Fork, vec!["parent-continued"])),
        (&third, "third", (Outcome::Fork, vec!["on-branch"])),
    ] {
        place.drop(sealed, object.as_bytes());
        assert_eq!(outcome(&place.run_one()), expected, "{object}");
    }
}

// shows: CEP-090 (§8)
#[test]
fn an_unknown_parent_asks_for_resync_and_the_object_may_be_put_back() {
    let place = Place::new();
    let root = seal(sealing(60), b"root");
    let child = seal(Sealing { parent: child_of(&root), ..sealing(50) }, b"child");
    place.drop(&child, b"child");
    let held_back = place.run_one();
    assert_eq!(outcome(&held_back), (Outcome::Resync, vec!["parent-unknown"]));
    place.drop(&root, b"root");
    assert_eq!(outcome(&place.run_one()), (Outcome::Continue, vec![]));
    for half in [Half::Object, Half::Manifest] {
        let entry = format!("{}{}", child.name, half.suffix());
        fs::rename(place.folder_of(&held_back).join(&entry), place.inbox().join(&entry)).expect("put back");
    }
    let again = place.run_one();
    assert_eq!(outcome(&again), (Outcome::Continue, vec![]));
    assert_ne!(again.id, held_back.id);
    assert_eq!(place.find(b"child").len(), 1);
    assert_eq!(place.journal().len(), 3);
}

#[test]
fn what_is_held_back_again_and_again_is_remembered_once() {
    let place = Place::new();
    let child = seal(Sealing { parent: child_of(&seal(sealing(60), b"root")), ..sealing(50) }, b"child");
    let lines: Vec<_> = (0..3)
        .map(|_| {
            place.drop(&child, b"child");
            place.run_one()
        })
        .collect();
    assert!(lines.iter().all(|line| outcome(line) == (Outcome::Resync, vec!["parent-unknown"])), "{lines:?}");
    assert_eq!(lines.iter().map(|line| line.record.is_some()).collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn an_object_that_names_no_parent_and_is_no_root_is_triaged() {
    let place = Place::new();
    place.drop(&seal(Sealing { parent: CausalParent::Missing, ..sealing(60) }, b"object"), b"object");
    assert_eq!(outcome(&place.run_one()), (Outcome::Triage, vec!["parent-missing"]));
}

#[test]
fn what_was_sealed_too_long_ago_asks_for_resync() {
    let place = Place::new();
    place.drop(&seal(sealing(0), b"object"), b"object");
    let later = Timestamp::now() + SignedDuration::from_hours(8 * 24);
    let lines = pass_at(&mut place.open(Unsynced), later).expect("nothing fails");
    assert_eq!(lines.iter().map(outcome).collect::<Vec<_>>(), [(Outcome::Resync, vec!["stale"])]);
}

#[test]
fn an_impostor_is_quarantined() {
    // Sealed with her own key, under her own id; then under Alice's.
    for (signer, finding) in [("mallory-1", "key-not-bound"), ("alice-1", "bad-signature")] {
        let place = Place::new();
        let sealed = Sealing { signer, ..sealing(60) }.seal(b"object", &mallory().pair).expect("sealed");
        place.drop(&sealed, b"object");
        let line = place.run_one();
        assert_eq!(outcome(&line), (Outcome::Quarantine, vec![finding]), "{signer}");
        // What is not proven is not remembered.
        assert_eq!(line.record, None);
    }
}

#[test]
fn a_good_object_stays_its_senders() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    place.put_as(sealed.name.replace("alice", "carol"), &sealed, b"object");
    let line = place.run_one();
    assert_eq!(outcome(&line), (Outcome::Triage, vec!["surface-differs", "profile-of-another"]));
    assert_eq!((line.sender.as_deref(), line.claimed_sender.as_deref()), (Some("alice"), Some("carol")));
    // Nor does that harm Alice.
    place.drop(&sealed, b"object");
    assert_eq!(outcome(&place.run_one()), (Outcome::Continue, vec![]));
}

#[test]
fn a_good_object_under_a_name_that_says_something_else_is_triaged() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    place.put_as(sealed.name.replace("normal", "urgent"), &sealed, b"object");
    assert_eq!(outcome(&place.run_one()), (Outcome::Triage, vec!["surface-differs"]));
}

#[test]
fn a_good_object_under_a_name_that_is_no_surface_is_quarantined() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    let name = sealed.name.replace("alice", "Alice");
    place.put_as(&name, &sealed, b"object");
    place.put(format!("{name}{}", Half::Notice.suffix()), &notice("alice", &sealed.name, &sealed.name));
    let line = place.run_one();
    assert_eq!(outcome(&line), (Outcome::Quarantine, vec!["not-a-surface"]));
    assert_eq!((line.normalised.as_ref(), &line.folder), (Some(&sealed.name), &line.id));
    assert_eq!(place.find(b"object").len(), 1);
}

#[test]
fn a_good_object_with_other_bytes_is_quarantined() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    place.put_as(&sealed.name, &sealed, b"another");
    assert_eq!(outcome(&place.run_one()), (Outcome::Quarantine, vec!["digest-differs"]));
}

// shows: CEP-031 (§4)
#[test]
fn a_replay_is_refused_after_a_restart_too() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    let mut dropbox = place.open(Unsynced);
    let mut deliver = |name: &str, expected| {
        place.put_as(name, &sealed, b"object");
        let lines = pass(&mut dropbox).expect("nothing fails");
        assert_eq!(lines.iter().map(outcome).collect::<Vec<_>>(), [expected], "{name}");
    };
    deliver(&sealed.name, (Outcome::Continue, vec![]));
    deliver(&sealed.name, (Outcome::Quarantine, vec!["replayed"]));
    drop(dropbox);
    for extension in ["", ".again", ".tza"] {
        // The extension is not sealed: it makes no other object.
        place.put_as(format!("{}{extension}", sealed.name), &sealed, b"object");
        assert_eq!(outcome(&place.run_one()), (Outcome::Quarantine, vec!["replayed"]), "{extension}");
    }
}

#[test]
fn the_sender_is_whose_key_it_is_and_a_notice_that_says_otherwise_is_a_finding() {
    let reports = || seal(Sealing { profile: "reports", ..sealing(60) }, b"object");
    let place = Place::new();
    let sealed = reports();
    place.drop(&sealed, b"object");
    let line = place.run_one();
    assert_eq!(outcome(&line), (Outcome::Continue, vec![]));
    assert_eq!((line.sender.as_deref(), line.signer.as_deref()), (Some("alice"), Some("alice-1")));

    for (from, expected) in
        [("alice", (Outcome::Continue, vec![])), ("carol", (Outcome::Triage, vec!["notice-differs"]))]
    {
        let place = Place::new();
        let sealed = reports();
        place.put(format!("{}{}", sealed.name, Half::Notice.suffix()), &notice(from, &sealed.name, &sealed.name));
        place.drop(&sealed, b"object");
        let line = place.run_one();
        assert_eq!(outcome(&line), expected, "{from}");
        assert_eq!(entries(&place.folder_of(&line)).len(), 5, "the notice stays with it");
    }
}

#[test]
fn a_notice_that_is_none_counts_as_none_and_that_is_said() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    place.put(format!("{}{}", sealed.name, Half::Notice.suffix()), b"{\"from_agent\":7}");
    place.drop(&sealed, b"object");
    let line = place.run_one();
    assert_eq!(outcome(&line), (Outcome::Continue, vec![]));
    assert!(line.notice.is_some());
}

// shows: CEP-120 (§11.1)
#[test]
fn a_reference_is_not_followed() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    let there = place.folder.path().join(&sealed.name);
    fs::write(&there, b"object").expect("written");
    let reference = there.to_str().expect("text");
    place.put(format!("{}{}", sealed.name, Half::Notice.suffix()), &notice("alice", &sealed.name, reference));
    place.put(format!("{}{}", sealed.name, Half::Manifest.suffix()), &sealed.outer);
    assert_eq!(place.run(), []);
    // Even with other bytes in the inbox, nothing looks where the peer points.
    place.put(&sealed.name, b"another");
    assert_eq!(outcome(&place.run_one()), (Outcome::Quarantine, vec!["digest-differs"]));
    assert_eq!(fs::read(&there).expect("untouched"), b"object");
}

// shows: CEP-028 (§4)
#[test]
fn halves_wait_for_each_other() {
    let manifest_of = |name: &str| format!("{name}{}", Half::Manifest.suffix());
    let place = Place::new();
    let [one, two, three] = [b"one", b"two", b"ten"]
        .map(|object| seal(Sealing { context: std::str::from_utf8(object).expect("text"), ..sealing(60) }, object));
    place.put(&one.name, b"one");
    place.put(manifest_of(&two.name), &two.outer);
    place.put(format!("{}{}", three.name, Half::Notice.suffix()), &notice("alice", &three.name, &three.name));
    // This is still being written.
    place.put(format!(".{}", three.name), b"ten");
    let before = entries(&place.inbox());
    assert_eq!(place.run(), []);
    assert_eq!(entries(&place.inbox()), before);
    let mut waiting = place.open(Unsynced).waiting(Timestamp::now()).expect("it can look");
    waiting.sort_by_key(|waiting| waiting.name.clone());
    let mut expected = [(&one, WaitsFor::Manifest), (&two, WaitsFor::Object), (&three, WaitsFor::Both)];
    expected.sort_by_key(|(sealed, _)| sealed.name.clone());
    let expected: Vec<_> = expected.iter().map(|(sealed, what)| (sealed.name.as_bytes(), *what)).collect();
    assert_eq!(waiting.iter().map(|one| (one.name.as_slice(), one.waits_for)).collect::<Vec<_>>(), expected);

    place.put(manifest_of(&one.name), &one.outer);
    place.put(&two.name, b"two");
    place.put(&three.name, b"ten");
    place.put(manifest_of(&three.name), &three.outer);
    assert_eq!(place.run().iter().map(outcome).collect::<Vec<_>>(), vec![(Outcome::Continue, vec![]); 3]);
}

#[test]
fn the_memory_grows_with_what_it_must_remember() {
    let place = Place::new();
    let count = 3_100;
    let sealed: Vec<_> = (0..count).map(|number| seal(sealing(count - number), b"object")).collect();
    for sealed in &sealed {
        place.put_as(&sealed.name, sealed, b"object");
    }
    let lines = place.run();
    assert_eq!(lines.len(), sealed.len());
    assert!(lines.iter().all(|line| line.outcome.0 == Outcome::Continue));
    place.put_as(&sealed[0].name, &sealed[0], b"object");
    assert_eq!(outcome(&place.run_one()), (Outcome::Quarantine, vec!["replayed"]));
}
