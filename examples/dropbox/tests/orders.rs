//! Orders that cannot be followed, or that a shorter journal has to remember.

mod support;

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::rc::Rc;

use cep_envelope::decision::Outcome;
use cep_envelope::manifest::CausalParent;
use dropbox::{Deed, Dropbox, Entry, Event, Line, Operator, Sealed, Sealing, Step, Steps, Told, give, release};
use jiff::{SignedDuration, Timestamp};
use support::*;

const ERIN: Operator<'_> = Operator { by: "erin", why: "I have asked alice", key: None };

fn order(place: &Place, deed: Deed) -> dropbox::Order {
    give(&place.settings.folders, &ERIN, deed).expect("given")
}

fn outcome(line: &Line) -> (Outcome, Vec<&str>) {
    (line.outcome.0, line.deciding.iter().map(String::as_str).collect())
}

/// An object that was sealed ten days ago, held back in `resync`.
fn held_back(place: &Place) -> (Sealed, Line) {
    let sealed = seal(sealing(10 * 86_400), b"object");
    place.drop(&sealed, b"object");
    let line = place.run_one();
    assert_eq!(line.outcome.0, Outcome::Resync);
    (sealed, line)
}

#[test]
fn a_shorter_journal_knows_that_an_object_that_was_held_back_is_invalid() {
    let place = Place::new();
    let held = seal(Sealing { parent: CausalParent::Missing, ..sealing(60) }, b"object");
    place.drop(&held, b"object");
    assert_eq!(outcome(&place.run_one()), (Outcome::Triage, vec!["parent-missing"]));
    order(&place, Deed::Invalidate { manifest: held.digest.to_string() });
    place.run();
    let child = |context| seal(Sealing { parent: child_of(&held), context, ..sealing(50) }, b"child");
    for (compacted, context) in [(false, "one"), (true, "two")] {
        if compacted {
            order(&place, Deed::Compact);
            place.run();
            assert!(matches!(place.entries()[0], Entry::Event(Event::Begun { .. })));
        }
        place.drop(&held, b"object");
        assert_eq!(outcome(&place.run_one()).0, Outcome::Quarantine, "compacted: {compacted}");
        place.drop(&child(context), b"child");
        let line = place.run_one();
        assert_eq!(outcome(&line), (Outcome::Quarantine, vec!["parent-invalid"]), "compacted: {compacted}");
    }
}

#[test]
fn a_shorter_journal_knows_what_continues_an_object_that_was_sealed_after_it() {
    for compactions in 0..3 {
        let place = Place::new();
        let parent = seal(sealing(60), b"parent");
        let child = |context, seconds_ago| {
            seal(Sealing { parent: child_of(&parent), context, ..sealing(seconds_ago) }, b"child")
        };
        // Its clock was behind.
        for sealed in [(&parent, b"parent".as_slice()), (&child("first", 120), b"child")] {
            place.drop(sealed.0, sealed.1);
            assert_eq!(place.run_one().outcome.0, Outcome::Continue);
        }
        let before = Timestamp::now() - SignedDuration::from_secs(90);
        order(&place, Deed::Forget { before: (before.as_second(), 0) });
        place.run();
        for _ in 0..compactions {
            order(&place, Deed::Compact);
            place.run();
        }
        place.drop(&child("second", 50), b"child");
        let expected = (Outcome::Fork, vec!["parent-continued"]);
        assert_eq!(outcome(&place.run_one()), expected, "compacted {compactions} times");
    }
}

#[test]
fn an_object_that_is_not_remembered_is_not_said_to_be_invalid() {
    let place = Place::new();
    let ahead = seal(sealing(-3_600), b"object");
    place.drop(&ahead, b"object");
    let line = place.run_one();
    assert_eq!((outcome(&line), &line.record), ((Outcome::Triage, vec!["sealed-ahead"]), &None));
    order(&place, Deed::Invalidate { manifest: line.manifest.expect("proven") });
    let (_, remarks) = place.run_and_remark();
    assert!(remarks.contains("is refused") && remarks.contains("is not remembered"), "{remarks}");
    assert_eq!(place.entries().len(), 1, "and nothing is in the journal");
}

#[test]
fn what_lies_on_another_file_system_is_released_whatever_moment_the_process_ends_at() {
    let elsewhere = tempfile::tempdir_in("/tmp").expect("a folder");
    let device = |path: &Path| fs::metadata(path).expect("it is there").dev();
    let mut step = 0;
    loop {
        let place = Place::new();
        if device(elsewhere.path()) == device(place.folder.path()) {
            return not_tested("a release onto another file system: there is one only");
        }
        let (there, here) = (elsewhere.path().join(step.to_string()), place.settings.folders.outcome(Outcome::Resync));
        fs::create_dir(&there).expect("a folder");
        fs::remove_dir(&here).expect("empty");
        symlink(&there, &here).expect("a link");
        let (sealed, line) = held_back(&place);
        order(&place, release(&line).expect("it can be"));
        let crash = Crash::at(step, false);
        let ended = Dropbox::open(place.settings.clone(), crash).and_then(|mut drop| pass(&mut drop)).is_err();
        place.run();
        let decided: Vec<_> = place.journal().iter().map(|line| line.outcome.0).collect();
        assert_eq!(decided, [Outcome::Resync, Outcome::Continue], "step {step}");
        assert_eq!(place.find(b"object").len(), 1, "step {step}");
        assert_eq!(entries(&there), Vec::<std::path::PathBuf>::new(), "step {step}");
        assert_eq!(entries(&place.settings.folders.orders()), Vec::<std::path::PathBuf>::new(), "step {step}");
        place.nothing_is_under_way();
        place.drop(&sealed, b"object");
        assert_eq!(outcome(&place.run_one()), (Outcome::Quarantine, vec!["replayed"]), "step {step}");
        if !ended {
            break;
        }
        step += 1;
    }
    assert!(step > 20, "{step}");
}

/// A disk on which a released object cannot be moved for a while.
struct Immovable {
    /// The step that fails.
    at: Step,
    fails: Rc<Cell<bool>>,
}

impl Steps for Immovable {
    fn step(&mut self, step: Step, path: &Path) -> io::Result<()> {
        let moves = step == self.at && (step == Step::MakeFolder || path.ends_with("kept"));
        if moves && self.fails.get() { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_release_that_is_written_down_is_tried_again_and_not_refused() {
    // It has no place of work yet, or has one.
    for at in [Step::MakeFolder, Step::Rename] {
        let place = Place::new();
        let (_, line) = held_back(&place);
        order(&place, release(&line).expect("it can be"));
        let fails = Rc::new(Cell::new(true));
        let mut drop = place.open(Immovable { at, fails: Rc::clone(&fails) });
        let start = Timestamp::now();
        let mut heard = |minutes| {
            let (mut lines, mut stuck) = (Vec::new(), Vec::new());
            let now = start + SignedDuration::from_mins(minutes);
            drop.pass(
                || now,
                |told| {
                    match told {
                        Told::Decided(line) => lines.push(line.outcome.0),
                        Told::Stuck(what) => stuck.push(what.words()),
                        Told::Remark(remark) => assert!(!remark.contains("refused"), "{remark}"),
                    }
                    std::ops::ControlFlow::Continue(())
                },
            )
            .expect("the drop goes on");
            (lines, stuck)
        };
        for minutes in [0, 5, 10] {
            let (lines, stuck) = heard(minutes);
            assert!(
                lines.is_empty() && stuck.len() == 1 && stuck[0].contains("cannot be done now"),
                "{lines:?} {stuck:?}"
            );
            assert_eq!(entries(&place.settings.folders.orders()).len(), 1, "the order is still there");
            assert_eq!(place.find(b"object").len(), 1, "and so is the object");
            for _ in 0..2 {
                assert_eq!(heard(minutes), (vec![], vec![]), "it is not tried again before its pause is over");
            }
        }
        fails.set(false);
        assert_eq!(heard(15), (vec![Outcome::Continue], vec![]));
        assert_eq!(entries(&place.settings.folders.orders()), Vec::<std::path::PathBuf>::new());
        place.nothing_is_under_way();
    }
}

/// A disk that has no more room for a journal.
struct Full;

impl Steps for Full {
    fn step(&mut self, step: Step, path: &Path) -> io::Result<()> {
        let writes = step == Step::WriteFile && path.ends_with("journal.jsonl.new");
        if writes { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_compaction_for_which_there_is_no_room_is_refused_and_the_drop_goes_on() {
    let place = Place::new();
    let sealed = seal(Sealing { context: "first", ..sealing(60) }, b"first");
    place.drop(&sealed, b"first");
    place.run();
    order(&place, Deed::Compact);
    let mut dropbox = place.open(Full);
    let next = seal(Sealing { context: "next", parent: child_of(&sealed), ..sealing(30) }, b"next");
    place.drop(&next, b"next");
    let (lines, remarks) = pass_and_remark(&mut dropbox, Timestamp::now()).expect("it goes on");
    assert!(remarks.contains("is refused") && remarks.contains("No space left"), "{remarks}");
    assert_eq!(lines.iter().map(|line| line.outcome.0).collect::<Vec<_>>(), [Outcome::Continue]);
    assert!(!place.settings.folders.root().join("journal.jsonl.new").exists(), "it takes no room");
    drop(dropbox);
    place.drop(&sealed, b"first");
    assert_eq!(place.run_one().deciding, ["replayed"]);
}
