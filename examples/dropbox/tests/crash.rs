//! A process may end at any step: nothing is lost, decided twice, or left half-moved, and nothing is decided otherwise.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use cep_envelope::decision::Outcome;
use cep_envelope::manifest::CausalParent;
use dropbox::{Dropbox, Half, Sealed, Sealing, Step};
use support::*;

/// Objects in the order in which they are taken, each with its own bytes, and what must become of them.
struct Batch(Vec<(Sealed, &'static str, Outcome)>);

impl Batch {
    fn one() -> Self {
        Self(vec![(seal(sealing(60), b"root"), "root", Outcome::Continue)])
    }

    /// A line, a branch, and whatever else there is.
    fn all() -> Self {
        let root = seal(sealing(60), b"root");
        let child = seal(Sealing { parent: child_of(&root), ..sealing(50) }, b"child");
        let fork = seal(Sealing { parent: child_of(&root), ..sealing(40) }, b"fork");
        let orphan = seal(Sealing { parent: child_of(&seal(sealing(99), b"lost")), ..sealing(30) }, b"orphan");
        let nobodys = seal(Sealing { parent: CausalParent::Missing, ..sealing(20) }, b"nobody's");
        let forged = Sealing { signer: "alice-1", ..sealing(10) }.seal(b"forged", &mallory().pair).expect("sealed");
        Self(vec![
            (root, "root", Outcome::Continue),
            (child, "child", Outcome::Continue),
            (fork, "fork", Outcome::Fork),
            (orphan, "orphan", Outcome::Resync),
            (nobodys, "nobody's", Outcome::Triage),
            (forged, "forged", Outcome::Quarantine),
        ])
    }

    fn put(&self, place: &Place) {
        for (sealed, object, _) in &self.0 {
            place.put_as(&sealed.name, sealed, object.as_bytes());
            place.put(format!("{}{}", sealed.name, Half::Notice.suffix()), b"no notice");
        }
    }

    /// Each object is decided once, as it would have been without a crash, and is whole in one place.
    fn is_settled_in(&self, place: &Place, what: &str) {
        place.inbox_is_empty();
        place.nothing_is_under_way();
        let mut journal = BTreeMap::new();
        for line in place.journal() {
            assert_eq!(journal.insert(line.name.clone(), line), None, "{what}: decided twice");
        }
        assert_eq!(journal.len(), self.0.len(), "{what}");
        assert_eq!(place.decided().len(), self.0.len(), "{what}");
        for (sealed, object, outcome) in &self.0 {
            let line = journal.get(&sealed.name).expect("it is decided");
            let folder = place.folder_of(line);
            assert_eq!(line.outcome.0, *outcome, "{what}: {object}");
            assert_eq!(place.find(object.as_bytes()), [(*outcome, folder.join(&sealed.name))], "{what}");
            let manifest = folder.join(format!("{}{}", sealed.name, Half::Manifest.suffix()));
            assert_eq!(place.find(&sealed.outer), [(*outcome, manifest)], "{what}");
            let decision = fs::read(folder.join("decision.json")).expect("its decision");
            assert_eq!(serde_json::from_slice::<dropbox::Line>(&decision).expect("a line"), *line, "{what}");
        }
        // What is decided stays decided.
        assert_eq!(place.run(), [], "{what}");
    }
}

/// A process that ends where it is told to, or not at all.
fn run(place: &Place, crash: &Crash) {
    let opened = Dropbox::open(place.settings.clone(), crash.clone());
    let done = opened.and_then(|mut dropbox| pass(&mut dropbox));
    assert_eq!(done.is_err(), crash.at.is_some(), "{:?}", done.err());
}

/// Every way in which a process may end that is run in this place: before each step, and within each that writes.
fn every_crash(place: &Place) -> Vec<Crash> {
    let undisturbed = Crash::default();
    run(place, &undisturbed);
    let ways = |(number, (step, _)): (usize, (Step, PathBuf))| {
        let writes = matches!(step, Step::WriteFile | Step::Append);
        [Some(Crash::at(number, false)), writes.then(|| Crash::at(number, true))].into_iter().flatten()
    };
    undisturbed.log().into_iter().enumerate().flat_map(ways).collect()
}

/// A place in which a process has ended.
fn crashed(put: impl Fn(&Place), crash: &Crash) -> Place {
    let place = Place::new();
    put(&place);
    run(&place, &crash.again());
    place
}

fn with(put: impl Fn(&Place)) -> Place {
    let place = Place::new();
    put(&place);
    place
}

#[test]
fn a_batch_survives_a_crash_at_any_step() {
    let batch = Batch::all();
    let crashes = every_crash(&with(|place| batch.put(place)));
    assert!(crashes.len() > 30 * batch.0.len(), "{}", crashes.len());
    for crash in crashes {
        let place = crashed(|place| batch.put(place), &crash);
        place.run();
        batch.is_settled_in(&place, &crash.to_string());
    }
}

#[test]
fn recovery_survives_a_crash_at_any_step() {
    let batch = Batch::one();
    let put = |place: &Place| batch.put(place);
    for first in every_crash(&with(put)) {
        for second in every_crash(&crashed(put, &first)) {
            let place = crashed(put, &first);
            run(&place, &second);
            place.run();
            batch.is_settled_in(&place, &format!("{first}, then {second}"));
        }
    }
}

#[test]
fn what_is_not_read_survives_a_crash_at_any_step() {
    let name = "2026-05-16.a.alice.normal";
    let put = |place: &Place| {
        place.put(format!("{name}{}", Half::Manifest.suffix()), b"manifest");
        symlink("/nowhere", place.inbox().join(name)).expect("a link");
    };
    for crash in every_crash(&with(put)) {
        let place = crashed(put, &crash);
        place.run();
        place.inbox_is_empty();
        place.nothing_is_under_way();
        let journal = place.journal();
        assert_eq!((journal.len(), journal[0].outcome.0), (1, Outcome::Quarantine), "{crash}");
        let unread = place.folder_of(&journal[0]).join("unread");
        let link = fs::read_link(unread.join(name)).expect("the link itself");
        assert_eq!((link.as_path(), entries(&unread).len()), (Path::new("/nowhere"), 2), "{crash}");
    }
}

#[test]
fn a_name_that_is_given_again_after_a_crash_takes_nothing_from_the_first_object() {
    let both = sealing(60);
    let (first, second) = (seal(both, b"first"), seal(both, b"second").outer);
    let put = |place: &Place| place.put_as(&first.name, &first, b"first");
    let mut again = 0;
    for crash in every_crash(&with(put)) {
        let place = crashed(put, &crash);
        if !entries(&place.inbox()).is_empty() {
            continue;
        }
        again += 1;
        place.put(&first.name, b"second");
        place.put(format!("{}{}", first.name, Half::Manifest.suffix()), &second);
        place.run();
        for bytes in [&b"first"[..], b"second", &first.outer, &second] {
            assert_eq!(place.find(bytes).len(), 1, "{crash}");
        }
        assert_eq!(place.journal().len(), 2, "{crash}");
        place.nothing_is_under_way();
    }
    assert!(again > 20, "{again}");
}

#[test]
fn wherever_the_last_line_is_torn_the_object_is_judged_anew() {
    let batch = Batch::one();
    let put = |place: &Place| batch.put(place);
    let undisturbed = Crash::default();
    run(&with(put), &undisturbed);
    let decided = |(_, path): &(Step, PathBuf)| path.ends_with("decision.json");
    let decided = Crash::at(undisturbed.log().iter().position(decided).expect("a decision"), false);
    let written = fs::read(crashed(put, &decided).settings.folders.journal()).expect("a journal").len();
    for length in 0..=written {
        let place = crashed(put, &decided);
        let journal = place.settings.folders.journal();
        let mut bytes = fs::read(&journal).expect("a journal");
        bytes.truncate(length);
        fs::write(&journal, &bytes).expect("written");
        // It counts lines that are on the disk, and this one never was.
        fs::remove_file(place.settings.folders.head()).expect("removed");
        place.run();
        batch.is_settled_in(&place, &format!("{length} bytes"));
    }
}

#[test]
fn damage_elsewhere_in_the_journal_is_said_and_not_repaired() {
    let place = Place::new();
    Batch::all().put(&place);
    place.run();
    let path = place.settings.folders.journal();
    let good = fs::read_to_string(&path).expect("a journal");
    let lines: Vec<_> = good.lines().collect();
    let id = &place.journal()[1].id;
    for (damaged, line) in [
        (good.replacen("\"continue\"", "\"kontinue\"", 1), 1),
        (good.replacen(lines[1], &lines[1][..lines[1].len() / 2], 1), 2),
        (good.replacen(lines[1], "", 1), 2),
        (good.replacen(lines[2], lines[1], 1), 3),
        (good.replacen(&format!("+{id}"), &format!("+{id}/../../.."), 1), 2),
        (good.replacen("sha256:", "sha257:", 1), 1),
    ] {
        assert_ne!(damaged, good);
        fs::write(&path, &damaged).expect("written");
        let Err(error) = Dropbox::open(place.settings.clone(), Unsynced) else {
            panic!("opened with line {line} damaged")
        };
        assert!(format!("{error:#}").contains(&format!("line {line} is damaged")), "{error:#}");
        assert_eq!(fs::read_to_string(&path).expect("a journal"), damaged, "it is as it was");
    }
    // A child without its parent's line: every line is one, and together they are none.
    fs::write(&path, good.replacen(&format!("{}\n", lines[0]), "", 1)).expect("written");
    let Err(error) = Dropbox::open(place.settings.clone(), Unsynced) else { panic!("opened without a parent") };
    assert!(format!("{error:#}").contains("line 1 is damaged"), "{error:#}");
}

/// Whatever moment the process ends at that notices it: a loss is not forgotten.
#[test]
fn what_was_lost_of_a_journal_stays_lost_after_a_crash_at_any_step() {
    let (first, second) = (seal(sealing(60), b"first"), seal(Sealing { context: "second", ..sealing(50) }, b"second"));
    let used = |lose: &dyn Fn(&Path)| {
        let place = Place::new();
        place.drop(&first, b"first");
        place.drop(&second, b"second");
        assert_eq!(place.run().len(), 2);
        lose(&place.settings.folders.journal());
        place
    };
    let shorten = |path: &Path| {
        let text = fs::read_to_string(path).expect("a journal");
        fs::write(path, text.split_inclusive('\n').next().expect("a line")).expect("written");
    };
    type Lose<'l> = &'l dyn Fn(&Path);
    let ways: [(&str, Lose<'_>); 4] = [
        ("removed", &|path| fs::remove_file(path).expect("removed")),
        ("removed with its head", &|path| {
            fs::remove_file(path).expect("removed");
            fs::remove_file(path.with_file_name("head")).expect("removed");
        }),
        ("emptied", &|path| fs::write(path, b"").expect("written")),
        ("a line short", &shorten),
    ];
    for (what, lose) in ways {
        let crashes = every_crash(&used(lose));
        assert!(crashes.len() > 4, "{what}");
        for crash in crashes {
            let place = used(lose);
            run(&place, &crash.again());
            for (sealed, object) in [(&first, &b"first"[..]), (&second, b"second")] {
                place.drop(sealed, object);
                let line = place.run_one();
                assert!(!line.outcome.0.approves(), "{what}, {crash}: {}", line.words);
            }
        }
    }
}

/// What a test of killed processes cannot see: the order in which things reach the disk, for when the power fails.
#[test]
fn whatever_depends_on_something_waits_until_that_is_on_the_disk() {
    let batch = Batch::one();
    let crash = Crash::default();
    run(&with(|place| batch.put(place)), &crash);
    let (log, name) = (crash.log(), &batch.0[0].0.name);
    let at = |step, end: &str| {
        let is_it =
            |(one, path): &(Step, PathBuf)| *one == step && path.to_str().is_some_and(|path| path.ends_with(end));
        log.iter().position(is_it).unwrap_or_else(|| panic!("{step:?} {end}"))
    };
    let moved = log.iter().position(|(step, path)| {
        *step == Step::Rename && path.parent().is_some_and(|folder| folder.ends_with("continue"))
    });
    let in_order = [
        at(Step::Rename, &format!("claimed/{name}+manifest.json")),
        at(Step::Rename, &format!("claimed/{name}")),
        at(Step::SyncFolder, "claimed"),
        // The originals go when the copies are safe,
        at(Step::SyncFile, &format!("copying/{name}")),
        at(Step::SyncFolder, "copying"),
        at(Step::Rename, "kept"),
        at(Step::RemoveFile, &format!("claimed/{name}")),
        at(Step::RemoveFolder, "claimed"),
        // the decision falls when they are gone,
        at(Step::Append, "journal.jsonl"),
        at(Step::SyncFile, "journal.jsonl"),
        // and the object moves when the decision is safe.
        at(Step::SyncFile, "decision.json"),
        at(Step::SyncFolder, "kept"),
        moved.expect("it is moved"),
        at(Step::SyncFolder, "continue"),
    ];
    assert!(in_order.is_sorted(), "{in_order:?}\n{log:#?}");
    // Of a renamed or removed entry, the folder is synced before the next thing depends on it.
    for next_to in [at(Step::Rename, "kept"), at(Step::RemoveFolder, "claimed")] {
        assert_eq!(log[next_to + 1].0, Step::SyncFolder, "{log:#?}");
    }
}

#[test]
fn a_shorter_journal_takes_its_place_between_two_heads_that_are_on_the_disk() {
    let place = with(|place| Batch::one().put(place));
    place.run();
    let operator = dropbox::Operator { by: "erin", why: "it is long", key: None };
    dropbox::give(&place.settings.folders, &operator, dropbox::Deed::Compact).expect("given");
    let crash = Crash::default();
    run(&place, &crash);
    let log = crash.log();
    let put = log.iter().position(|(step, path)| *step == Step::Rename && path.ends_with("journal.jsonl"));
    let put = put.expect("it is put in its place");
    let head = |(step, path): &(Step, PathBuf)| *step == Step::SyncFile && path.ends_with("head");
    assert!(head(&log[put - 1]) && log[put..].iter().any(head), "{log:#?}");
}

#[test]
fn what_a_killed_process_has_decided_is_on_the_disk_before_the_next_one_acts_on_it() {
    let batch = Batch::one();
    let place = with(|place| batch.put(place));
    let undisturbed = Crash::default();
    run(&with(|place| batch.put(place)), &undisturbed);
    let is_append = |(step, _): &(Step, PathBuf)| *step == Step::Append;
    let append = undisturbed.log().iter().position(is_append).expect("it is decided");
    run(&place, &Crash::at(append + 1, false));
    assert_eq!(place.journal().len(), 1, "written, and perhaps not yet on the disk");
    let next = Crash::default();
    run(&place, &next);
    let (step, path) = &next.log()[0];
    assert!(*step == Step::SyncFile && path.ends_with("journal.jsonl"), "{step:?} {}", path.display());
    batch.is_settled_in(&place, "a decision that was written");
}

#[test]
fn a_drop_has_one_process() {
    let place = Place::new();
    let first = place.open(Unsynced);
    let Err(error) = Dropbox::open(place.settings.clone(), Unsynced) else { panic!("opened twice") };
    assert!(error.to_string().contains("another process"), "{error}");
    drop(first);
    place.run();
}
