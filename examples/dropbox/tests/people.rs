//! What people decide, and what senders get to know.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use cep_envelope::decision::Outcome;
use cep_envelope::manifest::CausalParent;
use dropbox::{
    Answers, Deed, Dropbox, Entry, Event, Half, Keys, Line, Operator, Order, Outbox, Sealed, Sealing, Step, answers_in,
    find_decided, find_held, give, held, line_of, release,
};
use jiff::{SignedDuration, Timestamp};
use support::*;

fn outcome(line: &Line) -> (Outcome, Vec<&str>) {
    (line.outcome.0, line.deciding.iter().map(String::as_str).collect())
}

const ERIN: Operator<'_> = Operator { by: "erin", why: "I have asked alice", key: None };

fn order(place: &Place, deed: Deed) -> Order {
    give(&place.settings.folders, &ERIN, deed).expect("given")
}

/// An object that was sealed ten days ago.
fn stale(object: &[u8]) -> Sealed {
    seal(sealing(10 * 86_400), object)
}

#[test]
fn a_person_lets_go_on_what_policy_held_back_and_the_journal_says_who_and_why() {
    let cases = [
        ("stale", stale(b"object"), Outcome::Continue),
        ("parent-missing", seal(Sealing { parent: CausalParent::Missing, ..sealing(60) }, b"object"), Outcome::Fork),
    ];
    for (finding, sealed, expected) in cases {
        let place = Place::new();
        place.drop(&sealed, b"object");
        let line = place.run_one();
        assert_eq!(line.deciding, [finding]);
        // Put back as it is, it gets the same verdict.
        for half in [Half::Object, Half::Manifest] {
            let entry = format!("{}{}", sealed.name, half.suffix());
            fs::rename(place.folder_of(&line).join(&entry), place.inbox().join(&entry)).expect("put back");
        }
        fs::remove_dir_all(place.folder_of(&line)).expect("empty but for our own files");
        let again = place.run_one();
        assert_eq!(again.deciding, [finding]);
        let listed = held(&place.settings.folders).expect("a list");
        assert_eq!(listed, std::slice::from_ref(&again));
        let words = dropbox::in_words(&listed[0]);
        assert!(words.contains("alice") && words.contains("alice-1") && words.contains("release"), "{words}");

        let found = find_held(&place.settings.folders, again.id.split_at(6).0).expect("it is held");
        let order = order(&place, release(&found).expect("it can be"));
        let (lines, remarks) = place.run_and_remark();
        assert!(remarks.contains("erin has ordered to release") && remarks.contains("I have asked alice"), "{remarks}");
        assert_eq!((lines.len(), lines[0].outcome.0), (1, expected), "{lines:?}");
        assert_eq!((&lines[0].id, lines[0].order.as_ref()), (&order.id, Some(&order.id)));
        assert!(lines[0].words.contains(&format!("released by order {}", order.id)), "{}", lines[0].words);
        assert_eq!(place.find(b"object"), [(expected, place.folder_of(&lines[0]).join(&sealed.name))]);
        assert_eq!(held(&place.settings.folders).expect("a list"), []);
        let written = place.entries().into_iter().find_map(|entry| match entry {
            Entry::Event(Event::Order { order, .. }) => Some(Order::read(&order).expect("an order")),
            _ => None,
        });
        assert_eq!(written, Some(order));
        // It survives, and happens once.
        place.drop(&sealed, b"object");
        assert_eq!(outcome(&place.run_one()), (Outcome::Quarantine, vec!["replayed"]));
    }
}

#[test]
fn no_person_can_let_pass_what_is_not_proven() {
    let place = Place::new();
    let forged = Sealing { ..sealing(60) }.seal(b"forged", &mallory().pair).expect("sealed");
    place.drop(&forged, b"forged");
    let line = place.run_one();
    let error = release(&line).expect_err("not proven").to_string();
    assert!(error.contains("not proven who sealed it"), "{error}");
    let sealed = seal(sealing(50), b"object");
    place.put_as(sealed.name.replace("normal", "urgent"), &sealed, b"object");
    let line = place.run_one();
    let error = release(&line).expect_err("another name").to_string();
    assert!(error.contains("surface-differs: triage at best"), "{error}");
    // Nor by an order that is written by hand: what is lowered is what policy may lower.
    let Deed::Release { object, outcome: from, folder, manifest, key, .. } =
        release(&Line { deciding: vec![], ..line }).expect("an order")
    else {
        panic!("no release")
    };
    let findings = vec!["surface-differs".into()];
    order(&place, Deed::Release { object, outcome: from, folder, manifest, key, findings });
    assert_eq!(outcome(&place.run_one()), (Outcome::Triage, vec!["surface-differs"]));
}

#[test]
fn what_a_person_forbids_invalidates_and_forgets_stays_so_after_a_restart() {
    let place = Place::new();
    let root = |context| seal(Sealing { context, ..sealing(60) }, b"root");
    let (forbidden, invalid, fine) = (root("forbidden"), root("invalid"), root("fine"));
    for sealed in [&forbidden, &invalid, &fine] {
        place.drop(sealed, b"root");
    }
    place.run();
    let decided =
        |sealed: &Sealed| find_decided(&place.settings.folders, &sealed.digest.to_string()).expect("it was decided");
    order(&place, Deed::Forbid { line: line_of(&decided(&forbidden)).expect("on a line") });
    order(&place, Deed::Invalidate { manifest: decided(&invalid).manifest.expect("proven") });
    place.run();
    for (parent, expected) in [
        (&forbidden, (Outcome::Quarantine, vec!["parent-forbidden"])),
        (&invalid, (Outcome::Quarantine, vec!["parent-invalid"])),
        (&fine, (Outcome::Continue, vec![])),
    ] {
        let context = &parent.name.split('.').nth(1).expect("a context").replace("f", "x");
        let child = seal(Sealing { parent: child_of(parent), context, ..sealing(50) }, b"child");
        place.drop(&child, b"child");
        assert_eq!(outcome(&place.run_one()), expected, "{}", parent.name);
    }
    let before = Timestamp::now() - SignedDuration::from_secs(55);
    order(&place, Deed::Forget { before: (before.as_second(), 0) });
    place.run();
    let late = seal(Sealing { context: "late", ..sealing(58) }, b"late");
    place.drop(&late, b"late");
    assert_eq!(outcome(&place.run_one()), (Outcome::Resync, vec!["maybe-replayed"]));
}

#[test]
fn an_order_counts_only_if_an_operator_signed_it_where_operators_are_known() {
    let mut place = Place::new();
    let erin = sender("erin", "erin-1", 8);
    place.settings.operators = Some(Keys::new(vec![binding(&erin)]).expect("keys"));
    place.drop(&stale(b"object"), b"object");
    let line = place.run_one();
    let deed = || release(&line).expect("it can be");
    let folders = &place.settings.folders;
    let signed = |by, pair| Operator { by, why: "looked at", key: Some(("erin-1", pair)) };
    let mallory = mallory();
    for (operator, why) in [
        (ERIN, "not signed"),
        (signed("erin", &mallory.pair), "signature does not hold"),
        (signed("frank", &erin.pair), "not bound to operator 'frank'"),
    ] {
        let order = give(folders, &operator, deed()).expect("given");
        let (lines, remarks) = place.run_and_remark();
        assert!(lines.is_empty() && remarks.contains(why), "{remarks}");
        let refused = format!("{}.refused", order.id);
        assert!(
            entries(&folders.orders()).iter().any(|path| path.to_str().is_some_and(|path| path.ends_with(&refused)))
        );
    }
    let order = give(folders, &signed("erin", &erin.pair), deed()).expect("given");
    assert_eq!(outcome(&place.run_one()), (Outcome::Continue, vec![]));
    // The id of an order that was done opens nothing for another text, signed or not.
    let text = serde_json::to_string(&Order { deed: Deed::Compact, ..order.clone() }).expect("written");
    let other = Event::Order { order: text, signer: None, signature: None, after: None };
    let path = folders.orders().join(format!("{}.json", order.id));
    fs::write(&path, serde_json::to_vec(&other).expect("written")).expect("written");
    let before = place.entries();
    let (lines, remarks) = place.run_and_remark();
    assert!(lines.is_empty() && remarks.contains("another order has its id"), "{remarks}");
    assert_eq!(place.entries(), before, "nothing was compacted");
}

#[test]
fn a_shorter_journal_knows_the_same() {
    let place = Place::new();
    let old = seal(Sealing { context: "old", ..sealing(5_000) }, b"old");
    let root = seal(Sealing { parent: child_of(&old), context: "root", ..sealing(60) }, b"root");
    let child = seal(Sealing { parent: child_of(&root), context: "child", ..sealing(50) }, b"child");
    for (sealed, object) in [(&old, "old"), (&root, "root"), (&child, "child")] {
        place.drop(sealed, object.as_bytes());
    }
    place.run();
    for number in 0..20 {
        let context = format!("forged{number}");
        let forged = Sealing { context: &context, ..sealing(40) }.seal(b"forged", &mallory().pair).expect("sealed");
        place.drop(&forged, b"forged");
    }
    place.run();
    let before = Timestamp::now() - SignedDuration::from_secs(1_000);
    order(&place, Deed::Forget { before: (before.as_second(), 0) });
    order(&place, Deed::Compact);
    place.run();
    let kept = place.entries();
    assert_eq!(kept.len(), 3, "what begins it, the root and the child: {kept:#?}");
    let aside: Vec<_> = entries(place.settings.folders.root())
        .into_iter()
        .filter(|path| path.to_str().is_some_and(|path| path.contains("journal-")))
        .collect();
    assert_eq!(fs::read_to_string(&aside[0]).expect("the former one").lines().count(), 25);
    for (sealed, object, expected) in [
        (&child, "child", (Outcome::Quarantine, vec!["replayed"])),
        (&old, "old", (Outcome::Resync, vec!["maybe-replayed"])),
    ] {
        place.drop(sealed, object.as_bytes());
        assert_eq!(outcome(&place.run_one()), expected, "{object}");
    }
    // The line goes on.
    let next = seal(Sealing { parent: child_of(&child), context: "next", ..sealing(30) }, b"next");
    place.drop(&next, b"next");
    assert_eq!(outcome(&place.run_one()), (Outcome::Continue, vec![]));
    assert_eq!(place.run_and_remark(), (vec![], String::new()), "and its head agrees");
}

/// Bob's drop, which answers, and its keys.
fn answering() -> (Place, PathBuf, Keys) {
    let mut place = Place::new();
    let bob = sender("bob", "bob-1", 9);
    let folder = place.folder.path().join("answers");
    let keys = Keys::new(vec![binding(&bob)]).expect("keys");
    place.settings.answers = Some(Arc::new(Answers { folder: folder.clone(), signer: "bob-1".into(), pair: bob.pair }));
    (place, folder, keys)
}

#[test]
fn a_sender_gets_the_outcome_as_a_sealed_object_and_no_claim_brings_a_third_party_one() {
    let (place, folder, keys) = answering();
    let outbox = Outbox(place.folder.path().join("outbox"));
    let good = sealing(60);
    let sealed = seal(good, b"object");
    outbox.keep(&good, &sealed, b"object", None).expect("kept");
    place.drop(&sealed, b"object");
    let old = stale(b"old");
    place.drop(&old, b"old");
    let forged = Sealing { context: "forged", ..sealing(50) }.seal(b"forged", &mallory().pair).expect("sealed");
    place.drop(&forged, b"forged");
    assert_eq!(place.run().len(), 3);
    let mut answers = answers_in(&folder.join("alice"), &keys, "alice").expect("a folder");
    answers.sort_by_key(|answer| answer.outcome.0);
    let told: Vec<_> = answers.iter().map(|answer| (answer.manifest.clone(), answer.outcome.0)).collect();
    assert_eq!(told, [(sealed.digest.to_string(), Outcome::Continue), (old.digest.to_string(), Outcome::Resync)]);
    outbox.keep_answer(&sealed.name, &answers[0]).expect("kept");
    assert_eq!(outbox.list().expect("a list")[0].1.as_ref(), Some(&answers[0]));
    // For another it is none, nor with a key that is not bound, nor with a byte changed.
    assert_eq!(answers_in(&folder.join("alice"), &keys, "carol").expect("a folder"), []);
    assert_eq!(answers_in(&folder.join("alice"), &Keys::default(), "alice").expect("a folder"), []);
    for path in entries(&folder.join("alice")) {
        let mut bytes = fs::read(&path).expect("bytes");
        bytes[30] ^= 1;
        fs::write(&path, bytes).expect("written");
    }
    assert_eq!(answers_in(&folder.join("alice"), &keys, "alice").expect("a folder"), []);
}

#[test]
fn a_sender_gets_an_answer_whatever_characters_its_name_has() {
    let (mut place, folder, keys) = answering();
    let name = "Ünal O'Brien";
    let sender = sender(name, "unal-1", 5);
    place.settings.keys = Keys::new(vec![binding(&sender)]).expect("keys").into();
    let sealing = Sealing { signer: "unal-1", profile: "unal", ..sealing(60) };
    let sealed = sealing.seal(b"object", &sender.pair).expect("sealed");
    place.drop(&sealed, b"object");
    let (lines, remarks) = place.run_and_remark();
    assert_eq!((outcome(&lines[0]), &*remarks), ((Outcome::Continue, vec![]), ""));
    assert!(dropbox::in_words(&lines[0]).is_ascii(), "a look-alike does not look alike");
    let answers = answers_in(&folder.join(dropbox::folder_of(name)), &keys, name).expect("a folder");
    assert_eq!(answers.iter().map(|answer| answer.outcome.0).collect::<Vec<_>>(), [Outcome::Continue]);
}

#[test]
fn the_later_decision_is_the_later_answer_even_if_the_clock_was_set_back() {
    let (place, folder, keys) = answering();
    let outbox = Outbox(place.folder.path().join("outbox"));
    let old = sealing(10 * 86_400);
    let sealed = seal(old, b"object");
    outbox.keep(&old, &sealed, b"object", None).expect("kept");
    place.drop(&sealed, b"object");
    let line = place.run_one();
    order(&place, release(&line).expect("it can be"));
    let lines = pass_at(&mut place.open(Unsynced), line.at - SignedDuration::from_hours(1)).expect("nothing fails");
    assert!(lines[0].decided > line.decided && lines[0].at == line.at, "{lines:?}");
    let answers = answers_in(&folder.join("alice"), &keys, "alice").expect("a folder");
    let told: Vec<_> = answers.iter().map(|answer| answer.outcome.0).collect();
    assert_eq!(told, [Outcome::Resync, Outcome::Continue]);
    // In whatever order they are looked at.
    for answer in answers.iter().rev() {
        outbox.keep_answer(&sealed.name, answer).expect("kept");
    }
    assert_eq!(outbox.answer(&sealed.name).expect("an answer").map(|answer| answer.outcome.0), Some(Outcome::Continue));
}

#[test]
fn an_object_is_sealed_again_as_it_was_and_continues_the_same() {
    let place = Place::new();
    let outbox = Outbox(place.folder.path().join("outbox"));
    let root = seal(sealing(60), b"root");
    let said = Sealing { parent: child_of(&root), context: "letter", ..sealing(10 * 86_400) };
    let child = seal(said, b"child");
    outbox.keep(&said, &child, b"child", None).expect("kept");
    assert!(outbox.keep(&said, &child, b"child", None).is_err(), "a name is given once");
    let sent = outbox.sent(&child.name).expect("it was sent");
    assert_eq!(dropbox::parse_parent(&sent.parent).expect("a digest"), child_of(&root));
    assert_eq!(outbox.object(&child.name).expect("the object"), b"child");
    for name in ["../etc", "..", "", "a/b"] {
        assert!(outbox.sent(name).is_err(), "{name}");
    }
}

// A process may end at any step, with orders and answers in the mix.

#[test]
fn orders_and_answers_survive_a_crash_at_any_step() {
    let (sealed, next) = (stale(b"object"), seal(sealing(60), b"next"));
    // Held back first; then a release, and one more object, in a process that ends somewhere.
    let prepared = || {
        let (place, folder, keys) = answering();
        place.drop(&sealed, b"object");
        let line = place.run_one();
        order(&place, release(&line).expect("it can be"));
        place.drop(&next, b"next");
        (place, folder, keys)
    };
    let undisturbed = Crash::default();
    let (place, ..) = prepared();
    pass(&mut place.open(undisturbed.clone())).expect("nothing fails");
    let ways = undisturbed.log().into_iter().enumerate().flat_map(|(number, (step, _))| {
        let writes = matches!(step, Step::WriteFile | Step::Append);
        [Some(Crash::at(number, false)), writes.then(|| Crash::at(number, true))].into_iter().flatten()
    });
    let mut count = 0;
    for crash in ways {
        count += 1;
        let (place, folder, keys) = prepared();
        let opened = Dropbox::open(place.settings.clone(), crash.clone());
        let _ = opened.and_then(|mut dropbox| pass(&mut dropbox));
        place.run();
        place.run();
        place.inbox_is_empty();
        place.nothing_is_under_way();
        let mut decided = BTreeMap::<String, Vec<Outcome>>::new();
        for line in place.journal() {
            decided.entry(line.name).or_default().push(line.outcome.0);
        }
        assert_eq!(decided[&sealed.name], [Outcome::Resync, Outcome::Continue], "{crash}");
        assert_eq!(decided[&next.name], [Outcome::Continue], "{crash}");
        for object in [&b"object"[..], b"next"] {
            assert_eq!(place.find(object).len(), 1, "{crash}");
        }
        let orders = place.entries().into_iter().filter(|entry| matches!(entry, Entry::Event(Event::Order { .. })));
        assert_eq!(orders.count(), 1, "{crash}");
        assert_eq!(entries(&place.settings.folders.orders()), Vec::<PathBuf>::new(), "{crash}");
        let mut answers = answers_in(&folder.join("alice"), &keys, "alice").expect("a folder");
        answers.sort_by_key(|answer| (answer.manifest != sealed.digest.to_string(), answer.outcome.0));
        let told: Vec<_> = answers.iter().map(|answer| answer.outcome.0).collect();
        assert_eq!(told, [Outcome::Continue, Outcome::Resync, Outcome::Continue], "{crash}");
    }
    assert!(count > 60, "{count}");
}

#[test]
fn a_compaction_survives_a_crash_at_any_step() {
    let prepared = || {
        let place = Place::new();
        let sealed = seal(sealing(60), b"object");
        place.drop(&sealed, b"object");
        place.run();
        order(&place, Deed::Compact);
        (place, sealed)
    };
    let undisturbed = Crash::default();
    let (place, _) = prepared();
    pass(&mut place.open(undisturbed.clone())).expect("nothing fails");
    for number in 0..undisturbed.log().len() {
        let (place, sealed) = prepared();
        let crash = Crash::at(number, false);
        let opened = Dropbox::open(place.settings.clone(), crash.clone());
        let _ = opened.and_then(|mut dropbox| pass(&mut dropbox));
        place.drop(&sealed, b"object");
        let (lines, remarks) = place.run_and_remark();
        assert_eq!(lines.iter().map(outcome).collect::<Vec<_>>(), [(Outcome::Quarantine, vec!["replayed"])], "{crash}");
        assert!(!remarks.contains("missing"), "{crash}: {remarks}");
        assert_eq!(place.run(), [], "{crash}");
    }
}
