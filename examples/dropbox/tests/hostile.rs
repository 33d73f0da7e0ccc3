//! Senders that mean harm: by names, by what is no file, by what changes while it is judged.

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};

use cep_envelope::decision::Outcome;
use dropbox::{Half, Sealing, Step, Steps, Told};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use support::*;

/// Names that come with a good object and its manifest, as far as there can be one.
fn hostile_names() -> Vec<Vec<u8>> {
    let time = "2026-05-16";
    let texts = [
        // Paths.
        "%2e%2e%2fetc%2fpasswd".into(),
        "\\..\\..\\boot.ini".into(),
        "C:x".into(),
        format!("{time}...etc.passwd"),
        format!("{time}.a.alice.normal."),
        "~".into(),
        "decision.json".into(),
        "journal.jsonl".into(),
        // Shells.
        "-rf".into(),
        "$(reboot)".into(),
        "a;b|c&d>e".into(),
        "*".into(),
        "'\"".into(),
        format!("{time}.a b.alice.normal"),
        // Control characters.
        "\n".into(),
        format!("{time}.a.alice.normal\n{time}.b.alice.normal"),
        "\u{1b}[2J\u{1b}]0;title\u{7}".into(),
        format!("{time}.a.alice.normal\u{7f}"),
        // Look-alikes: Cyrillic, full width, and what cannot be seen.
        format!("{time}.a.\u{430}lice.normal"),
        format!("{time}\u{ff0e}a\u{ff0e}alice\u{ff0e}normal"),
        format!("{time}.a.ali\u{200b}ce.normal"),
        format!("{time}.a.\u{202e}ecila.normal"),
        // Capitals, of which two differ only in case.
        format!("{time}.A.alice.normal"),
        format!("{time}.A.ALICE.normal"),
        // Suffixes within suffixes.
        "a+manifest.json+x".into(),
        // Too long, and so long that no manifest can have the name.
        "a".repeat(201),
        "b".repeat(241),
        "c".repeat(242),
        "d".repeat(255),
    ];
    let bytes: [&[u8]; 4] = [b"\xff\xfe", b"\xc0\xae\xc0\xae", b"2026-05-16.a.alice.normal\xff", b"\xed\xa0\x80"];
    texts.into_iter().map(String::into_bytes).chain(bytes.map(<[u8]>::to_vec)).collect()
}

#[test]
fn no_name_leads_anywhere_but_into_quarantine() {
    let place = Place::new();
    let names = hostile_names();
    for (number, name) in names.iter().enumerate() {
        let object = format!("object {number}");
        let sealed = seal(sealing(60), object.as_bytes());
        place.put(name, object.as_bytes());
        let manifest = [name, Half::Manifest.suffix().as_bytes()].concat();
        if manifest.len() <= 255 {
            place.put(manifest, &sealed.outer);
        }
    }
    let lines = place.run();
    assert_eq!(lines.len(), names.len());
    let told: BTreeSet<_> = lines.iter().map(|line| line.name.clone()).collect();
    assert_eq!(told, names.iter().map(|name| name.escape_ascii().to_string()).collect());
    for line in &lines {
        assert_eq!((line.outcome.0, &line.folder), (Outcome::Quarantine, &line.id), "{line:?}");
        assert!(line.findings.iter().any(|finding| finding == "not-a-surface"), "{line:?}");
        let text = serde_json::to_string(line).expect("JSON");
        assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{text}");
    }
    for number in 0..names.len() {
        assert_eq!(place.find(format!("object {number}").as_bytes()).len(), 1, "{number}");
    }
    // Our own names everywhere, and nothing beside our folders.
    for (_, folder) in place.decided() {
        for path in entries(&folder) {
            let name = path.file_name().expect("a name").to_str().expect("text").to_owned();
            assert!(
                ["arrival.json", "decision.json", "object", "object+manifest.json"].contains(&name.as_str()),
                "{name}"
            );
        }
    }
    let beside: Vec<_> =
        entries(place.folder.path()).into_iter().chain(entries(place.settings.folders.root())).collect();
    let beside: Vec<_> = beside.iter().map(|path| path.file_name().expect("a name").to_str().expect("text")).collect();
    assert_eq!(
        beside,
        [
            "drop",
            "continue",
            "fork",
            "head",
            "inbox",
            "journal.jsonl",
            "lock",
            "orders",
            "quarantine",
            "resync",
            "triage",
            "work"
        ]
    );
    place.inbox_is_empty();
    place.nothing_is_under_way();
}

// shows: CEP-063 (§5.3)
#[test]
fn two_names_that_normalise_to_one_are_two_objects() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"one");
    let good = seal(Sealing { context: "a-b", ..sealing(60) }, b"good");
    let [blank, line] = ["a b", "a_b"].map(|context| good.name.replace("a-b", context));
    place.put_as(&blank, &sealed, b"one");
    place.put_as(&line, &sealed, b"two");
    place.drop(&good, b"good");
    let lines = place.run();
    assert_eq!(lines.len(), 3);
    for line in lines {
        let hostile = line.name != good.name;
        assert_eq!(line.normalised.as_ref(), hostile.then_some(&good.name));
        assert_eq!(line.outcome.0, if hostile { Outcome::Quarantine } else { Outcome::Continue });
    }
    assert_eq!(place.decided().len(), 3);
    for object in ["one", "two", "good"] {
        assert_eq!(place.find(object.as_bytes()).len(), 1, "{object}");
    }
}

#[test]
fn a_suffix_too_many_takes_nothing_from_anybody() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    // Would be the manifest of an object whose name is that of Alice's manifest.
    let manifest = format!("{}{}", sealed.name, Half::Manifest.suffix());
    place.put(format!("{manifest}{}", Half::Manifest.suffix()), b"not hers");
    place.put(Half::Manifest.suffix(), b"of nothing");
    assert_eq!(place.run().len(), 2);
    place.drop(&sealed, b"object");
    place.put(format!("{manifest}{}", Half::Notice.suffix()), b"not hers either");
    let lines = place.run();
    let hers = lines.iter().find(|line| line.name == sealed.name).expect("hers is decided");
    assert_eq!((lines.len(), hers.outcome.0), (2, Outcome::Continue));
    for bytes in ["not hers", "of nothing", "not hers either"] {
        assert!(place.find(bytes.as_bytes()).iter().all(|(outcome, _)| !outcome.approves()), "{bytes}");
        assert_eq!(place.find(bytes.as_bytes()).len(), 1, "{bytes}");
    }
}

fn unread(place: &Place, why: &str) -> PathBuf {
    let line = place.run_one();
    assert_eq!((line.outcome.0, line.words.as_str()), (Outcome::Quarantine, format!("quarantine: {why}").as_str()));
    assert_eq!((line.proven.as_str(), &line.record), ("referenced", &None));
    place.inbox_is_empty();
    place.nothing_is_under_way();
    place.folder_of(&line).join("unread")
}

#[test]
fn a_link_is_not_followed() {
    for half in [Half::Manifest, Half::Object] {
        let place = Place::new();
        let secret = place.folder.path().join("secret");
        fs::write(&secret, b"secret").expect("written");
        let sealed = seal(sealing(60), b"secret");
        let entry = format!("{}{}", sealed.name, half.suffix());
        place.put_as(&sealed.name, &sealed, b"object");
        let _ = fs::remove_file(place.inbox().join(&entry));
        symlink(&secret, place.inbox().join(&entry)).expect("a link");
        let what = ["its manifest", "its notice", "the object"][half as usize];
        let unread = unread(&place, &format!("{what} is a symbolic link"));
        assert_eq!(fs::read_link(unread.join(&entry)).expect("the link itself"), secret);
        assert_eq!(fs::read(&secret).expect("untouched"), b"secret");
    }
}

#[test]
fn a_fifo_does_not_block_and_a_folder_is_not_entered() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    place.put_as(&sealed.name, &sealed, b"object");
    fs::remove_file(place.inbox().join(&sealed.name)).expect("removed");
    mknodat(CWD, place.inbox().join(&sealed.name), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    let unread_in = unread(&place, "the object is a FIFO");
    assert!(fs::symlink_metadata(unread_in.join(&sealed.name)).expect("it is there").file_type().is_fifo());

    // It waits for no manifest: none makes it a file.
    fs::create_dir(place.inbox().join("folder")).expect("a folder");
    fs::write(place.inbox().join("folder/inside"), b"inside").expect("written");
    let unread_in = unread(&place, "the object is a folder");
    assert_eq!(fs::read(unread_in.join("folder/inside")).expect("it went along"), b"inside");
}

#[test]
fn what_is_too_long_is_not_read() {
    let mut place = Place::new();
    place.settings.longest = 6;
    let sealed = seal(sealing(60), b"object");
    place.drop(&sealed, b"object");
    assert_eq!(place.run_one().outcome.0, Outcome::Continue);
    let sealed = seal(sealing(50), b"object!");
    place.drop(&sealed, b"object!");
    let unread_in = unread(&place, "the object is longer than 6 bytes");
    assert_eq!(fs::read(unread_in.join(&sealed.name)).expect("it is there"), b"object!");

    let sealed = seal(sealing(40), b"object");
    place.put(&sealed.name, b"object");
    place.put(format!("{}{}", sealed.name, Half::Manifest.suffix()), &vec![b' '; 100_000]);
    let line = place.run_one();
    assert!(line.words.starts_with("quarantine: its manifest is longer than"), "{}", line.words);
}

#[test]
fn whoever_keeps_a_way_to_the_file_changes_nothing_that_was_judged() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    place.drop(&sealed, b"object");
    let linked = place.folder.path().join("linked");
    fs::hard_link(place.inbox().join(&sealed.name), &linked).expect("a hard link");
    let mut open = File::options().append(true).open(place.inbox().join(&sealed.name)).expect("opened");
    let line = place.run_one();
    assert_eq!(line.outcome.0, Outcome::Continue);
    open.write_all(b" and more").expect("written");
    fs::write(&linked, b"something else").expect("written");
    assert_eq!(fs::read(place.folder_of(&line).join(&sealed.name)).expect("the object"), b"object");
}

/// The system forbids to move what has this name.
struct Immovable<'n>(&'n str);

impl Steps for Immovable<'_> {
    fn step(&mut self, step: Step, path: &Path) -> io::Result<()> {
        let is_it = path.file_name().is_some_and(|name| name.as_bytes() == self.0.as_bytes());
        if step == Step::Rename && is_it { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }
}

#[test]
fn what_cannot_be_moved_is_told_and_hinders_nothing_else() {
    let place = Place::new();
    fs::create_dir(place.inbox().join("0")).expect("a folder");
    let sealed = seal(sealing(60), b"object");
    place.drop(&sealed, b"object");
    let mut dropbox = place.open(Immovable("0"));
    let now = jiff::Timestamp::now();
    // It is tried again after a pause, and not before.
    for (round, (seconds, told)) in [(0, true), (0, false), (2, true)].into_iter().enumerate() {
        let now = now + jiff::SignedDuration::from_secs(seconds);
        let (mut decided, mut stuck) = (0, Vec::new());
        let tell = |told: Told<'_>| {
            match told {
                Told::Decided(line) => decided += usize::from(line.outcome.0 == Outcome::Continue),
                Told::Stuck(one) => stuck.push(one.entry.clone()),
                Told::Remark(remark) => panic!("{remark}"),
            }
            ControlFlow::Continue(())
        };
        dropbox.pass(|| now, tell).expect("it goes on");
        assert_eq!((decided, stuck), (usize::from(round == 0), vec![b"0".to_vec(); usize::from(told)]));
    }
    place.nothing_is_under_way();
    assert_eq!(entries(&place.inbox()), [place.inbox().join("0")]);
}

/// The sender takes the object back when its manifest has been taken.
struct TakenBack(PathBuf);

impl Steps for TakenBack {
    fn step(&mut self, step: Step, path: &Path) -> io::Result<()> {
        if step == Step::Rename && path.file_name() == self.0.file_name() { fs::remove_file(&self.0) } else { Ok(()) }
    }
}

// shows: CEP-028 (§4)
#[test]
fn an_object_that_is_taken_back_at_the_last_moment_is_a_reference_without_bytes() {
    let place = Place::new();
    let sealed = seal(sealing(60), b"object");
    place.drop(&sealed, b"object");
    let lines = pass(&mut place.open(TakenBack(place.inbox().join(&sealed.name)))).expect("nothing fails");
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].outcome.0, lines[0].proven.as_str()), (Outcome::Resync, "referenced"));
    assert!(lines[0].deciding.contains(&"no-bytes".to_owned()), "{lines:?}");
    assert_eq!(place.find(&sealed.outer).len(), 1);
    place.inbox_is_empty();
    place.nothing_is_under_way();
}
