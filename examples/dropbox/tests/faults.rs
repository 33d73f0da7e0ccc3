//! Daily use: neighbours, leases, slow writers, lost journals, full disks, other file systems, other accounts.

mod support;

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cep_envelope::Surface;
use cep_envelope::VerificationState;
use cep_envelope::decision::Outcome;
use cep_envelope::digest::Digest;
use cep_envelope::manifest::{CausalParent, MAX_MANIFEST, MAX_OUTER, Manifest, SealedTime, SurfaceParts};
use cep_envelope::notification::{ClaimedState, Notification, PollType, Reference};
use dropbox::{Dropbox, Entry, Event, Half, KeyFile, Keys, Line, Sealed, Sealing, Steps};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use support::*;

fn outcome(line: &Line) -> (Outcome, Vec<&str>) {
    (line.outcome.0, line.deciding.iter().map(String::as_str).collect())
}

fn manifest_of(sealed: &Sealed) -> String {
    format!("{}{}", sealed.name, Half::Manifest.suffix())
}

fn notice_of(sealed: &Sealed) -> String {
    format!("{}{}", sealed.name, Half::Notice.suffix())
}

fn notice(from: &str, name: &str) -> Vec<u8> {
    let notice = Notification {
        from_agent: from,
        to_agent: BOB,
        poll_type: PollType::Push,
        envelope_name: name,
        envelope_ref: Reference::new(name),
        schema: "file-v1",
        claimed_state: ClaimedState::Known(VerificationState::Referenced),
    };
    notice.write(&mut [0; 4096]).expect("a notice").to_vec()
}

/// Mallory has a key that Bob knows.
fn with_mallory() -> Place {
    let mut place = Place::new();
    place.settings.keys = Keys::new([alice(), mallory()].iter().map(binding).collect()).expect("keys").into();
    place
}

// Neighbours.

#[test]
fn a_bound_sender_under_the_name_of_another_is_seen_by_the_operator() {
    let place = with_mallory();
    let posing = Sealing { signer: "mallory-1", ..sealing(60) }.seal(b"object", &mallory().pair).expect("sealed");
    place.put(notice_of(&posing), &notice("mallory", &posing.name));
    place.drop(&posing, b"object");
    let line = place.run_one();
    assert_eq!(outcome(&line), (Outcome::Triage, vec!["profile-of-another"]));
    let told = dropbox::in_words(&line);
    for text in [&told, &fs::read_to_string(place.folder_of(&line).join("decision.json")).expect("a decision")] {
        assert!(text.contains("mallory") && text.contains("mallory-1"), "{text}");
    }
    assert!(told.contains("under the profile 'alice'") && told.contains("ask both senders"), "{told}");
    assert_eq!(place.journal(), [line]);
    // As a name of a key, and whatever its capitals.
    let named = Sealing { signer: "mallory-1", profile: "alice-1", ..sealing(50) };
    place.drop(&named.seal(b"two", &mallory().pair).expect("sealed"), b"two");
    assert_eq!(outcome(&place.run_one()), (Outcome::Triage, vec!["profile-of-another"]));
}

#[test]
fn a_planted_notice_costs_a_look_at_most() {
    type Plant = fn(&Place, &Sealed);
    let plants: [(_, Plant, _); 6] = [
        (
            "another's",
            |place, sealed| drop(place.put(notice_of(sealed), &notice("mallory", &sealed.name))),
            (Outcome::Triage, vec!["notice-differs"]),
        ),
        ("malformed", |place, sealed| drop(place.put(notice_of(sealed), b"{")), (Outcome::Continue, vec![])),
        ("too long", |place, sealed| drop(place.put(notice_of(sealed), &[b' '; 5_000])), (Outcome::Continue, vec![])),
        (
            "a link",
            |place, sealed| symlink("/etc/passwd", place.inbox().join(notice_of(sealed))).expect("a link"),
            (Outcome::Continue, vec![]),
        ),
        (
            "a folder",
            |place, sealed| fs::create_dir(place.inbox().join(notice_of(sealed))).expect("a folder"),
            (Outcome::Continue, vec![]),
        ),
        (
            "a FIFO",
            |place, sealed| {
                mknodat(CWD, place.inbox().join(notice_of(sealed)), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
            },
            (Outcome::Continue, vec![]),
        ),
    ];
    for (what, plant, expected) in plants {
        for before in [true, false] {
            let place = with_mallory();
            let sealed = seal(sealing(60), b"object");
            if before {
                plant(&place, &sealed);
            }
            place.drop(&sealed, b"object");
            if !before {
                plant(&place, &sealed);
            }
            assert_eq!(outcome(&place.run_one()), expected, "{what}");
            place.nothing_is_under_way();
        }
    }
}

#[test]
fn a_recipient_that_was_not_sealed_is_looked_at() {
    let place = Place::new();
    let object = b"object";
    let name = format!("{}.message.alice.normal", Timestamp::now().strftime("%Y%m%dt%H%M%Sz"));
    let now = Timestamp::now().to_string();
    let manifest = Manifest {
        schema: "aint-send-v2",
        surface: SurfaceParts::from(Surface::parse(&name).expect("a surface")),
        sealed_created_at: SealedTime::parse(&now).expect("a time"),
        content_digest: Digest::of(object),
        causal_parent: CausalParent::Root,
        signer: None,
        recipient: None,
    };
    let (mut text, mut outer) = ([0; MAX_MANIFEST], [0; MAX_OUTER]);
    let text = manifest.write(&mut text).expect("a manifest");
    let sign = |hash: &[u8; 32]| *alice().pair.sk.sign(hash, None);
    let outer = cep_envelope::manifest::seal(text, "alice-1", BOB, sign, &mut outer).expect("sealed");
    let sealed = Sealed { name, outer: outer.to_vec(), digest: Digest::of(text) };
    place.drop(&sealed, object);
    assert_eq!(outcome(&place.run_one()), (Outcome::Triage, vec!["recipient-not-sealed"]));
}

#[test]
fn a_key_that_is_not_bound_is_named_with_those_that_are() {
    let place = Place::new();
    let renewed = Sealing { signer: "alice-2027", ..sealing(60) }.seal(b"object", &mallory().pair).expect("sealed");
    place.drop(&renewed, b"object");
    let line = place.run_one();
    assert_eq!(outcome(&line), (Outcome::Quarantine, vec!["key-not-bound"]));
    for text in ["'alice-2027'", "sender 'alice' has 'alice-1'"] {
        assert!(line.words.contains(text), "{}", line.words);
    }
    assert!(dropbox::in_words(&line).contains("dropbox keys add"), "{}", dropbox::in_words(&line));
}

// Keys.

#[test]
fn a_key_that_is_taken_back_is_taken_back_from_a_running_drop() {
    let mut place = Place::new();
    let file = place.folder.path().join("keys.json");
    Keys::add_to_file(&file, binding(&alice())).expect("written");
    place.settings.keys = KeyFile::load(&file).expect("keys");
    let mut drop = place.open(Unsynced);
    let mut deliver = |context: &str| {
        let sealed = seal(Sealing { context, ..sealing(60) }, context.as_bytes());
        place.drop(&sealed, context.as_bytes());
        let mut heard = hear(&mut drop, Timestamp::now());
        (heard.lines.remove(0), heard.remarks.join("\n"))
    };
    assert_eq!(outcome(&deliver("one").0), (Outcome::Continue, vec![]));
    // Half a file is no file: what was known holds.
    let whole = fs::read(&file).expect("keys");
    fs::write(&file, &whole[..whole.len() / 2]).expect("written");
    let (line, remarks) = deliver("two");
    assert_eq!(outcome(&line), (Outcome::Continue, vec![]));
    assert!(remarks.contains("the keys stay as they were"), "{remarks}");
    fs::write(&file, &whole).expect("written");
    Keys::end_in_file(&file, "alice", "alice-1", Timestamp::now()).expect("ended");
    let (line, remarks) = deliver("three");
    assert_eq!(outcome(&line), (Outcome::Quarantine, vec!["key-not-bound"]));
    assert!(remarks.contains("has changed") && line.words.contains("'alice-1' (ended "), "{remarks} {}", line.words);
    // A key has a beginning, too.
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let next = dropbox::Binding { signer: "alice-2".into(), from: Some(later), ..binding(&carol()) };
    Keys::add_to_file(&file, dropbox::Binding { sender: "alice".into(), ..next }).expect("added");
    let early = Sealing { signer: "alice-2", ..sealing(10) }.seal(b"early", &carol().pair).expect("sealed");
    place.drop(&early, b"early");
    assert_eq!(outcome(&hear(&mut drop, Timestamp::now()).lines[0]), (Outcome::Quarantine, vec!["key-not-bound"]));
}

// The memory.

/// A drop that has let one object continue, and the object.
fn used() -> (Place, Sealed) {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    place.drop(&sealed, b"object");
    assert_eq!(outcome(&place.run_one()), (Outcome::Continue, vec![]));
    (place, sealed)
}

fn again(place: &Place, sealed: &Sealed) -> (Line, String) {
    place.drop(sealed, b"object");
    let (mut lines, remarks) = place.run_and_remark();
    (lines.remove(0), remarks)
}

#[test]
fn a_drop_without_its_journal_approves_nothing_old_and_says_so() {
    for (what, lose) in [
        (
            "removed",
            (|place: &Place| fs::remove_file(place.settings.folders.journal())) as fn(&Place) -> io::Result<()>,
        ),
        ("moved away", |place| fs::rename(place.settings.folders.journal(), place.folder.path().join("journal.1"))),
        ("removed with its head", |place| {
            fs::remove_file(place.settings.folders.journal())?;
            fs::remove_file(place.settings.folders.head())
        }),
        ("emptied", |place| fs::write(place.settings.folders.journal(), b"")),
    ] {
        let (place, sealed) = used();
        lose(&place).expect(what);
        let (line, remarks) = again(&place, &sealed);
        assert_eq!(outcome(&line), (Outcome::Resync, vec!["maybe-replayed"]), "{what}");
        assert!(remarks.contains("nothing is approved that was sealed before"), "{what}: {remarks}");
        assert!(dropbox::in_words(&line).contains("seal it again"), "{}", dropbox::in_words(&line));
        // It does not come back by itself: the loss is in the journal.
        assert!(matches!(place.entries()[0], Entry::Event(Event::MemoryLost { .. })), "{what}");
        let (line, remarks) = again(&place, &sealed);
        assert_eq!((outcome(&line), remarks.as_str()), ((Outcome::Resync, vec!["maybe-replayed"]), ""), "{what}");
    }
}

#[test]
fn a_journal_that_is_a_line_short_is_noticed_though_the_object_is_gone() {
    let (place, sealed) = used();
    let second = seal(Sealing { context: "second", ..sealing(50) }, b"second");
    place.drop(&second, b"second");
    place.run_one();
    for (_, folder) in place.decided() {
        fs::remove_dir_all(folder).expect("taken away by what continues it");
    }
    let path = place.settings.folders.journal();
    let text = fs::read_to_string(&path).expect("a journal");
    let first = text.split_inclusive('\n').next().expect("a line");
    fs::write(&path, first).expect("written");
    place.put_as(&second.name, &second, b"second");
    let (lines, remarks) = place.run_and_remark();
    assert_eq!(outcome(&lines[0]), (Outcome::Resync, vec!["maybe-replayed"]));
    assert!(remarks.contains("1 of the 2 lines that were written are missing"), "{remarks}");
    // Nor is the first one, for what was sealed before then is forgotten with all the rest.
    assert_eq!(outcome(&again(&place, &sealed).0), (Outcome::Resync, vec!["maybe-replayed"]));
}

#[test]
fn an_editor_that_takes_the_last_newline_takes_no_line() {
    let (place, sealed) = used();
    let path = place.settings.folders.journal();
    let text = fs::read_to_string(&path).expect("a journal");
    fs::write(&path, text.trim_end()).expect("written");
    let (line, remarks) = again(&place, &sealed);
    assert_eq!(outcome(&line), (Outcome::Quarantine, vec!["replayed"]));
    assert!(remarks.contains("the end of line 1 was missing"), "{remarks}");
    // A line that was torn is cut off, and that is said.
    let mut file = File::options().append(true).open(&path).expect("a journal");
    file.write_all(b"{\"id\":\"00").expect("written");
    let (line, remarks) = again(&place, &sealed);
    assert_eq!(outcome(&line), (Outcome::Quarantine, vec!["replayed"]));
    assert!(remarks.contains("9 bytes behind line 2 were cut off"), "{remarks}");
}

#[test]
fn a_journal_that_is_no_longer_the_open_file_is_noticed() {
    let (place, sealed) = used();
    let path = place.settings.folders.journal();
    // Rotated while it runs: nothing of the memory is lost, now or at the next start.
    let mut drop = place.open(Unsynced);
    fs::rename(&path, place.folder.path().join("journal.1")).expect("moved");
    place.drop(&sealed, b"object");
    let heard = hear(&mut drop, Timestamp::now());
    assert_eq!(outcome(&heard.lines[0]), (Outcome::Quarantine, vec!["replayed"]));
    std::mem::drop(drop);
    let (line, remarks) = again(&place, &sealed);
    assert_eq!(outcome(&line), (Outcome::Quarantine, vec!["replayed"]));
    assert!(remarks.is_empty(), "{remarks}");
    // Another file, or a shorter one, in its place ends the drop with what to do.
    for (what, change) in [
        (
            "is another file",
            (|path: &Path| {
                let bytes = fs::read(path)?;
                fs::remove_file(path)?;
                fs::write(path.with_extension("other"), bytes)?;
                fs::rename(path.with_extension("other"), path)
            }) as fn(&Path) -> io::Result<()>,
        ),
        ("has become shorter", |path| File::options().write(true).open(path)?.set_len(10)),
    ] {
        let (place, sealed) = used();
        let mut drop = place.open(Unsynced);
        change(&place.settings.folders.journal()).expect(what);
        place.drop(&sealed, b"object");
        let error = drop.pass(Timestamp::now, |_| ControlFlow::Continue(())).expect_err(what);
        assert!(format!("{error:#}").contains(what), "{error:#}");
    }
}

#[test]
fn a_line_that_is_missing_between_others_is_refused() {
    let (place, sealed) = used();
    again(&place, &sealed);
    again(&place, &sealed);
    let path = place.settings.folders.journal();
    let text = fs::read_to_string(&path).expect("a journal");
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    fs::write(&path, [lines[0], lines[2]].concat()).expect("written");
    let Err(error) = Dropbox::open(place.settings.clone(), Unsynced) else { panic!("opened without a line") };
    assert!(format!("{error:#}").contains("lines are missing, or changed"), "{error:#}");
}

// Slow writers.

#[test]
fn what_is_still_being_written_waits_however_it_is_written() {
    let mut place = Place::new();
    place.settings.grace = SignedDuration::from_secs(5);
    let object = vec![7; 300_000];
    let sealed = seal(sealing(60), &object);
    let (name, manifest) = (place.inbox().join(&sealed.name), place.inbox().join(manifest_of(&sealed)));
    let mut drop = place.open(Unsynced);
    let start = Timestamp::now();
    let mut nothing_yet = |seconds: i64, what: &str| {
        let now = start + SignedDuration::from_secs(seconds);
        assert_eq!(hear(&mut drop, now).lines, [], "{what}");
        assert_eq!(drop.waiting(now).expect("it can look").len(), 1, "{what}");
    };
    // The manifest first, by a program that copies in pieces; then the object likewise, and slowly.
    for end in [0, 1, 100, sealed.outer.len() - 1] {
        fs::write(&manifest, &sealed.outer[..end]).expect("written");
        nothing_yet(0, "no object");
        fs::write(&name, b"").expect("written");
        nothing_yet(1, "half a manifest");
        fs::remove_file(&name).expect("removed");
    }
    fs::write(&manifest, &sealed.outer).expect("written");
    let mut file = File::create(&name).expect("made");
    for (number, piece) in object.chunks(60_000).enumerate() {
        // Each piece comes within the grace period of the one before.
        nothing_yet(i64::try_from(number).expect("few"), "half an object");
        file.write_all(piece).expect("written");
    }
    let line = hear(&mut drop, start + SignedDuration::from_secs(5)).lines.remove(0);
    assert_eq!(outcome(&line), (Outcome::Continue, vec![]));
    place.inbox_is_empty();
}

#[test]
fn what_stays_a_half_is_taken_as_it_is_after_the_grace_period() {
    let mut place = Place::new();
    place.settings.grace = SignedDuration::from_secs(5);
    let sealed = seal(sealing(60), b"object");
    place.put_as(&sealed.name, &sealed, b"obj");
    let mut drop = place.open(Unsynced);
    let start = Timestamp::now();
    for (seconds, expected) in [(0, 0), (4, 0), (6, 1)] {
        let heard = hear(&mut drop, start + SignedDuration::from_secs(seconds));
        assert_eq!(heard.lines.len(), expected, "after {seconds} s: {heard:?}");
    }
    assert_eq!(outcome(&place.journal()[0]), (Outcome::Quarantine, vec!["digest-differs"]));
}

// Disks.

/// A disk that is full for a while.
#[derive(Clone, Default)]
struct Full(Rc<Cell<bool>>, Rc<RefCell<PathBuf>>);

impl Steps for Full {
    fn step(&mut self, _: dropbox::Step, path: &Path) -> io::Result<()> {
        path.clone_into(&mut self.1.borrow_mut());
        Ok(())
    }

    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if self.0.get() {
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(io::Error::from_raw_os_error(28));
        }
        file.write_all(bytes)
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_loses_nothing_is_told_with_a_path_and_the_drop_goes_on() {
    let place = Place::new();
    let disk = Full::default();
    let mut drop = place.open(disk.clone());
    let sealed = seal(sealing(60), b"object");
    place.drop(&sealed, b"object");
    disk.0.set(true);
    let start = Timestamp::now();
    for minutes in 0..4 {
        let heard = hear(&mut drop, start + SignedDuration::from_mins(minutes));
        assert_eq!((heard.lines.len(), heard.stuck.len()), (0, 1), "{heard:?}");
        assert!(heard.stuck[0].contains(place.settings.folders.root().to_str().expect("text")), "{heard:?}");
    }
    disk.0.set(false);
    let heard = hear(&mut drop, start + SignedDuration::from_mins(9));
    assert_eq!(heard.lines.iter().map(outcome).collect::<Vec<_>>(), [(Outcome::Continue, vec![])]);
    std::mem::drop(drop);
    assert_eq!(outcome(&again(&place, &sealed).0), (Outcome::Quarantine, vec!["replayed"]));
}

#[test]
fn an_inbox_and_outcomes_on_other_file_systems_are_as_good() {
    let elsewhere = tempfile::tempdir_in("/tmp").expect("a folder");
    let device = |path: &Path| fs::metadata(path).expect("it is there").dev();
    let cases = [["inbox"].as_slice(), &["continue", "quarantine"], &["inbox", "continue"]];
    for (case, moved) in cases.into_iter().enumerate() {
        let place = Place::new();
        if device(elsewhere.path()) == device(place.folder.path()) {
            return not_tested("folders on another file system: there is one only");
        }
        for name in moved {
            let there = elsewhere.path().join(format!("{case}-{name}"));
            fs::create_dir_all(&there).expect("a folder");
            let here = place.settings.folders.root().join(name);
            fs::remove_dir(&here).expect("empty");
            symlink(&there, &here).expect("a link");
        }
        let sealed = seal(Sealing { context: moved[0], ..sealing(60) }, b"object");
        place.drop(&sealed, b"object");
        let line = place.run_one();
        assert_eq!(outcome(&line), (Outcome::Continue, vec![]), "{moved:?}");
        assert_eq!(fs::read(place.folder_of(&line).join(&sealed.name)).expect("the object"), b"object");
        place.inbox_is_empty();
        place.nothing_is_under_way();
        // And a process that ends between copying and removing takes nothing twice.
        let mut step = 0;
        loop {
            let context = format!("{}-{step}", moved[0]);
            let sealed = seal(Sealing { context: &context, ..sealing(50) }, b"object");
            place.drop(&sealed, b"object");
            let crash = Crash::at(step, false);
            let ended = Dropbox::open(place.settings.clone(), crash).and_then(|mut drop| pass(&mut drop)).is_err();
            place.run();
            let decided: Vec<_> = place.journal().into_iter().filter(|line| line.name == sealed.name).collect();
            assert_eq!(decided.iter().map(outcome).collect::<Vec<_>>(), [(Outcome::Continue, vec![])], "step {step}");
            place.inbox_is_empty();
            place.nothing_is_under_way();
            if !ended {
                break;
            }
            step += 1;
        }
        assert!(step > 20, "{step}");
    }
}
