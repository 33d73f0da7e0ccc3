//! Figures for BENCHMARKS.md: a drop beside plain maildir deliveries that wait for the disk as often, and restarts.
//!
//! ```sh
//! cargo run --release -p dropbox --example measure -- FOLDER
//! ```
//!
//! FOLDER is on the disk that is to be measured. The ratio is of times within one run, each the middle of several.

#[path = "../tests/support/lengthen.rs"]
mod lengthen;

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use cep_envelope::manifest::CausalParent;
use dropbox::{Binding, Deed, Dropbox, Folders, Keys, Operator, Sealed, Sealing, Settings, Step, Steps, Told};
use ed25519_compact::{KeyPair, Seed};
use jiff::{SignedDuration, Timestamp};
use lengthen::lengthen;

/// Objects in one round, and rounds.
const OBJECTS: usize = 200;
const ROUNDS: usize = 5;
/// Bytes of an object.
const BYTES: usize = 4_096;
/// Lines of a journal that is read at a restart.
const LINES: usize = 100_000;

/// Counts how often the disk is waited for, and waits or not.
#[derive(Clone, Default)]
struct Counting {
    waits: bool,
    syncs: Rc<Cell<usize>>,
}

impl Steps for Counting {
    fn step(&mut self, step: Step, _: &Path) -> io::Result<()> {
        if matches!(step, Step::SyncFile | Step::SyncFolder) {
            self.syncs.set(self.syncs.get() + 1);
        }
        Ok(())
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        if self.waits { file.sync_all() } else { Ok(()) }
    }
}

fn pair() -> KeyPair {
    KeyPair::from_seed(Seed::new([1; 32]))
}

fn settings(root: &Path) -> Result<Settings> {
    let key = hex::encode(*pair().pk);
    let binding = Binding { sender: "alice".into(), signer: "alice-1".into(), key, from: None, until: None };
    Settings::new(Folders::make(root)?, "bob", Keys::new(vec![binding])?)
}

fn seal(number: usize, parent: CausalParent, object: &[u8]) -> Result<Sealed> {
    let context = format!("n{number}");
    let sealing = Sealing {
        signer: "alice-1",
        recipient: "bob",
        schema: "file-v1",
        context: &context,
        profile: "alice",
        priority: "normal",
        extension: None,
        parent,
        at: Timestamp::now() - SignedDuration::from_secs(60),
    };
    sealing.seal(object, &pair())
}

/// Puts objects into an inbox; they are on the disk when this returns.
fn fill(settings: &Settings, numbers: std::ops::Range<usize>, object: &[u8]) -> Result<()> {
    for number in numbers {
        put(settings, &seal(number, CausalParent::Root, object)?, object)?;
    }
    rustix::fs::sync();
    Ok(())
}

fn put(settings: &Settings, sealed: &Sealed, object: &[u8]) -> Result<()> {
    let inbox = settings.folders.inbox();
    fs::write(inbox.join(&sealed.name), object)?;
    Ok(fs::write(inbox.join(format!("{}+manifest.json", sealed.name)), &sealed.outer)?)
}

/// One pass: how long it took, in seconds, and how many objects it has decided.
fn pass(dropbox: &mut Dropbox<Counting>) -> Result<(f64, usize)> {
    let (since, mut decided) = (Instant::now(), 0);
    dropbox.pass(Timestamp::now, |told| {
        decided += usize::from(matches!(told, Told::Decided(_)));
        ControlFlow::Continue(())
    })?;
    Ok((since.elapsed().as_secs_f64(), decided))
}

/// A maildir delivery: a file written and synced in tmp, moved to new, and new synced. Two waits.
fn deliver(maildir: &Path, number: usize, object: &[u8], new: &File) -> Result<()> {
    let (tmp, to) = (maildir.join(format!("tmp/{number}")), maildir.join(format!("new/{number}")));
    let mut file = File::create_new(&tmp)?;
    file.write_all(object)?;
    file.sync_all()?;
    fs::rename(&tmp, &to)?;
    new.sync_all()?;
    Ok(())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn beside_maildir(folder: &Path) -> Result<()> {
    let object = vec![7; BYTES];
    let steps = Counting { waits: true, ..Counting::default() };
    let settings = settings(&folder.join("drop"))?;
    let mut dropbox = Dropbox::open(settings.clone(), steps.clone())?;
    let maildir = folder.join("maildir");
    for name in ["tmp", "new"] {
        fs::create_dir_all(maildir.join(name))?;
    }
    let new = File::open(maildir.join("new"))?;
    let (mut ours, mut theirs, mut per_object, mut delivered) = (Vec::new(), Vec::new(), 0, 0);
    for round in 0..ROUNDS {
        fill(&settings, round * OBJECTS..(round + 1) * OBJECTS, &object)?;
        let before = steps.syncs.get();
        let (seconds, decided) = pass(&mut dropbox)?;
        ensure!(decided == OBJECTS, "{decided} of {OBJECTS} objects were decided");
        per_object = (steps.syncs.get() - before) / OBJECTS;
        ours.push(seconds);
        let since = Instant::now();
        for _ in 0..OBJECTS * per_object / 2 {
            deliver(&maildir, delivered, &object, &new)?;
            delivered += 1;
        }
        theirs.push(since.elapsed().as_secs_f64());
    }
    let (ours, theirs) = (middle(ours), middle(theirs));
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let rate = |seconds: f64| OBJECTS as f64 / seconds;
    println!("a drop, {BYTES} bytes each: {:.0} objects/s, {per_object} waits for the disk each", rate(ours));
    println!("maildir deliveries with as many waits: {:.0} objects/s; ratio {:.2}", rate(theirs), theirs / ours);
    Ok(())
}

/// A process that is told of a drop, and where its memory is: in seconds.
fn open(settings: &Settings) -> Result<f64> {
    let since = Instant::now();
    Dropbox::open(settings.clone(), Counting::default())?;
    Ok(since.elapsed().as_secs_f64())
}

fn restart(folder: &Path) -> Result<()> {
    let first = settings(&folder.join("first"))?;
    let sealed = seal(0, CausalParent::Root, b"object")?;
    for _ in 0..2 {
        // It continues; and then it is a repetition.
        put(&first, &sealed, b"object")?;
        ensure!(pass(&mut Dropbox::open(first.clone(), Counting::default())?)?.1 == 1, "it was not decided");
    }
    for objects in [1, 10] {
        let folders = Folders::make(&folder.join(format!("many-{objects}")))?;
        let settings = Settings { folders, ..first.clone() };
        for name in ["journal.jsonl", "head"] {
            fs::copy(first.folders.root().join(name), settings.folders.root().join(name))?;
        }
        lengthen(&settings.folders.journal(), LINES, objects)?;
        let bytes = fs::metadata(settings.folders.journal())?.len();
        let before = middle((0..ROUNDS).map(|_| open(&settings)).collect::<Result<_>>()?);
        println!("restart with {LINES} lines ({} MB), one in {objects} an object: {before:.2} s", bytes >> 20);
        let operator = Operator { by: "measure", why: "figures", key: None };
        dropbox::give(&settings.folders, &operator, Deed::Compact)?;
        let mut dropbox = Dropbox::open(settings.clone(), Counting::default())?;
        let seconds = pass(&mut dropbox)?.0;
        drop(dropbox);
        let bytes = fs::metadata(settings.folders.journal())?.len();
        let after = middle((0..ROUNDS).map(|_| open(&settings)).collect::<Result<_>>()?);
        println!("compacted in {seconds:.2} s to {} MB; restart: {after:.2} s", bytes >> 20);
    }
    Ok(())
}

fn main() -> Result<()> {
    let folder: PathBuf = std::env::args_os().nth(1).context("which folder?")?.into();
    let place = tempfile::tempdir_in(folder)?;
    beside_maildir(place.path())?;
    restart(place.path())
}
