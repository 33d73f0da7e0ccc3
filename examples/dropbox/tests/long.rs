//! A journal of 100,000 lines: what a restart and a compaction need does not grow with it, and a process that is killed meanwhile
//! loses nothing.

#[path = "support/lengthen.rs"]
mod lengthen;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cep_envelope::decision::Outcome;
use dropbox::{Deed, Operator, Sealed, Sealing, give};
use lengthen::lengthen;
use support::*;

/// Lines of the journal.
const LINES: usize = 100_000;
/// One in so many is about an object that continues; the others are repetitions of one, as a hostile sender makes them.
const OBJECTS: usize = 10;
/// What else a process reads and writes: keys, the head, what the system says of it.
const BESIDES: u64 = 1 << 20;

/// A place with a long journal. Two real lines are its beginning and the pattern of all others.
fn long() -> (Place, Sealed) {
    // On a disk: it is more than a machine may have in memory for files.
    let place = Place::of(tempfile::tempdir().expect("a folder"));
    let sealed = seal(Sealing { context: "first", ..sealing(60) }, b"first");
    for expected in [Outcome::Continue, Outcome::Quarantine] {
        place.drop(&sealed, b"first");
        assert_eq!(place.run_one().outcome.0, expected);
    }
    lengthen(&place.settings.folders.journal(), LINES, OBJECTS).expect("written");
    (place, sealed)
}

/// Bytes that this process has read and written so far.
fn moved() -> (u64, u64) {
    let text = fs::read_to_string("/proc/self/io").expect("Linux");
    let of = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is told");
        value.trim().parse().expect("a number")
    };
    (of("rchar:"), of("wchar:"))
}

/// Bytes of memory: now, and the most so far.
fn memory() -> (u64, u64) {
    let text = fs::read_to_string("/proc/self/status").expect("Linux");
    let of = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is told");
        value.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// How much was read and written while this was done, and how much more memory was taken than before.
fn cost<T>(what: impl FnOnce() -> T) -> (T, u64, u64, u64) {
    // From here on the most is what is now; where that is not allowed, the figure is higher.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let ((read, written), (now, _)) = (moved(), memory());
    let done = what();
    let ((read_since, written_since), (_, most)) = (moved(), memory());
    (done, read_since - read, written_since - written, most.saturating_sub(now))
}

fn compact(place: &Place) {
    let operator = Operator { by: "erin", why: "it is long", key: None };
    give(&place.settings.folders, &operator, Deed::Compact).expect("given");
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |it| it.len())
}

/// The lines of a journal, and how many objects continue.
fn count(path: &Path) -> (usize, usize) {
    let text = fs::read_to_string(path).expect("a journal");
    (text.lines().count(), text.lines().filter(|line| line.contains("\"standing\":\"approved\"")).count())
}

/// The first object is known, and a new one continues it.
fn is_remembered_in(place: &Place, sealed: &Sealed) {
    place.drop(sealed, b"first");
    let next = seal(Sealing { context: "next", parent: child_of(sealed), ..sealing(30) }, b"next");
    place.drop(&next, b"next");
    let (lines, remarks) = place.run_and_remark();
    let outcomes: Vec<_> = lines.iter().map(|line| line.outcome.0).collect();
    assert_eq!((outcomes, &*remarks), (vec![Outcome::Quarantine, Outcome::Continue], ""), "{lines:?}");
    assert_eq!(lines[0].deciding, ["replayed"]);
}

/// All in one, and alone in this file, for memory is measured of the whole process.
#[test]
fn a_restart_and_a_compaction_read_each_line_once_and_hold_one_of_them() {
    let (place, sealed) = long();
    let journal = place.settings.folders.journal();
    let (bytes, most) = (length(&journal), length(&journal) / 3);
    assert_eq!(count(&journal), (LINES, LINES / OBJECTS));

    let (dropbox, read, written, memory) = cost(|| place.open(Unsynced));
    println!("a restart with {LINES} lines, {bytes} bytes: {read} read, {written} written, {memory} more in memory");
    assert!(read >= bytes && read < bytes + BESIDES, "each byte once: {read} of {bytes}");
    assert!(written < BESIDES && memory < most, "{written} written, {memory} in memory");
    drop(dropbox);

    // What a person asks reads it once, too.
    let (status, read, _, memory) = cost(|| dropbox::status(place.settings.folders.root()).expect("a status"));
    assert!(status.lines == LINES && read < bytes + BESIDES && memory < most, "{read} read, {memory} in memory");

    compact(&place);
    let mut dropbox = place.open(Unsynced);
    let (lines, read, written, memory) = cost(|| pass(&mut dropbox).expect("nothing fails"));
    let shorter = length(&journal);
    println!("a compaction: {read} read, {written} written, {memory} more in memory; {shorter} bytes are left");
    assert_eq!(lines, []);
    assert!(read < bytes + BESIDES, "each byte once: {read} of {bytes}");
    assert!(written < shorter + BESIDES && memory < most, "{written} written, {memory} in memory");
    drop(dropbox);
    assert_eq!(count(&journal), (LINES / OBJECTS + 1, LINES / OBJECTS), "the objects, and the line that begins it");
    let (dropbox, read, ..) = cost(|| place.open(Unsynced));
    assert!(read < shorter + BESIDES, "{read}");
    drop(dropbox);
    is_remembered_in(&place, &sealed);

    killed();
}

/// The journals that were put aside.
fn aside(place: &Place) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("journal-"))
    };
    entries(place.settings.folders.root()).into_iter().filter(is_one).collect()
}

fn start(place: &Place, keys: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dropbox"));
    command.arg("run").arg(place.settings.folders.root()).args(["--name", BOB, "--once", "--keys"]).arg(keys);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
}

/// The real program is killed when a shorter journal is half written, and when it is about to take its place.
fn killed() {
    let (place, sealed) = long();
    let (journal, keys) = (place.settings.folders.journal(), place.folder.path().join("keys.json"));
    dropbox::Keys::add_to_file(&keys, binding(&alice())).expect("written");
    let new = journal.with_file_name("journal.jsonl.new");
    compact(&place);
    let moments: [&dyn Fn() -> bool; 2] = [&|| length(&new) > 3 << 20, &|| !aside(&place).is_empty()];
    for (number, moment) in moments.into_iter().enumerate() {
        let (mut child, since) = (start(&place, &keys), Instant::now());
        // If it is quicker than we look, it has ended: that is one more state in which nothing may be lost.
        while !moment() && child.try_wait().expect("a child").is_none() {
            assert!(since.elapsed() < Duration::from_secs(240), "it neither begins nor ends");
            sleep(Duration::from_micros(200));
        }
        child.kill().expect("killed");
        let status = child.wait().expect("it ends");
        let (lines, objects) = count(&journal);
        println!("killed ({status}) at moment {number}: {lines} lines");
        assert_eq!(objects, LINES / OBJECTS, "moment {number}: nothing is lost");
    }
    let (lines, remarks) = place.run_and_remark();
    assert!(lines.is_empty() && !remarks.contains("missing"), "{lines:?} {remarks}");
    assert_eq!(count(&journal).1, LINES / OBJECTS);
    assert!(count(&journal).0 <= LINES / OBJECTS + 2, "it is done");
    let long = aside(&place);
    assert!(long.iter().any(|path| count(path).0 >= LINES), "what there was is aside: {long:?}");
    assert_eq!(entries(&place.settings.folders.orders()), Vec::<PathBuf>::new());
    is_remembered_in(&place, &sealed);
}
