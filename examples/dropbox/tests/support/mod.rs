//! A receiver's folders, senders, and what became of their objects.
#![allow(dead_code, reason = "no test uses all of it")]

use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cep_envelope::decision::Outcome;
use cep_envelope::manifest::CausalParent;
use dropbox::{Binding, Dropbox, Entry, Folders, Half, Keys, Line, Sealed, Sealing, Settings, Step, Steps, Told};
use ed25519_compact::{KeyPair, Seed};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

/// Who receives.
pub const BOB: &str = "bob";

/// The holder of a key.
pub struct Sender {
    pub name: &'static str,
    pub signer: &'static str,
    pub pair: KeyPair,
}

pub fn sender(name: &'static str, signer: &'static str, seed: u8) -> Sender {
    Sender { name, signer, pair: KeyPair::from_seed(Seed::new([seed; 32])) }
}

/// Bob's KEYS.json binds her key.
pub fn alice() -> Sender {
    sender("alice", "alice-1", 1)
}

/// Bob knows her too.
pub fn carol() -> Sender {
    sender("carol", "carol-1", 2)
}

/// She is known to no receiver.
pub fn mallory() -> Sender {
    sender("mallory", "mallory-1", 3)
}

pub fn binding(sender: &Sender) -> Binding {
    Binding {
        sender: sender.name.into(),
        signer: sender.signer.into(),
        key: hex::encode(*sender.pair.pk),
        from: None,
        until: None,
    }
}

/// What Alice would say about an object that she seals `seconds` before now, or later than the one with more of them.
pub fn sealing(seconds_ago: i64) -> Sealing<'static> {
    Sealing {
        signer: "alice-1",
        recipient: BOB,
        schema: "file-v1",
        context: "file",
        profile: "alice",
        priority: "normal",
        extension: None,
        parent: CausalParent::Root,
        at: Timestamp::now() - SignedDuration::from_secs(seconds_ago),
    }
}

pub fn child_of(parent: &Sealed) -> CausalParent {
    CausalParent::Of(parent.digest)
}

/// Alice's object.
pub fn seal(sealing: Sealing<'_>, object: &[u8]) -> Sealed {
    sealing.seal(object, &alice().pair).expect("it can be sealed")
}

/// The folders of Bob.
pub struct Place {
    pub folder: TempDir,
    pub settings: Settings,
}

impl Place {
    pub fn new() -> Self {
        // In memory, where there is such a place: the tests make many thousands of files.
        Self::of(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder"))
    }

    pub fn of(folder: TempDir) -> Self {
        let folders = Folders::make(&folder.path().join("drop")).expect("folders");
        let keys = Keys::new(vec![binding(&alice()), binding(&carol())]).expect("keys");
        let usual = Settings::new(folders, BOB, keys).expect("a name");
        // Nothing is written slowly here, unless a test says so.
        Self { folder, settings: Settings { longest: 1 << 20, grace: SignedDuration::ZERO, ..usual } }
    }

    pub fn inbox(&self) -> PathBuf {
        self.settings.folders.inbox()
    }

    /// Puts an entry into the inbox, whatever its name.
    pub fn put(&self, entry: impl AsRef<[u8]>, bytes: &[u8]) -> PathBuf {
        let path = self.inbox().join(OsStr::from_bytes(entry.as_ref()));
        fs::write(&path, bytes).expect("written");
        path
    }

    /// Puts an object and its manifest under a name.
    pub fn put_as(&self, name: impl AsRef<[u8]>, sealed: &Sealed, object: &[u8]) {
        self.put(&name, object);
        self.put([name.as_ref(), Half::Manifest.suffix().as_bytes()].concat(), &sealed.outer);
    }

    /// As a sender does it.
    pub fn drop(&self, sealed: &Sealed, object: &[u8]) {
        dropbox::drop_into(&self.inbox(), sealed, object).expect("dropped");
    }

    pub fn open<S: Steps>(&self, steps: S) -> Dropbox<S> {
        // A program that another test starts has our lock for a moment, between fork and exec.
        let since = std::time::Instant::now();
        while self.settings.folders.is_locked().expect("a lock") && since.elapsed().as_secs() < 10 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Dropbox::open(self.settings.clone(), steps).expect("it opens")
    }

    /// A process that handles what is there, and ends.
    pub fn run(&self) -> Vec<Line> {
        pass(&mut self.open(Unsynced)).expect("nothing fails")
    }

    /// The same for one object.
    pub fn run_one(&self) -> Line {
        let mut lines = self.run();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    /// The decisions in the journal.
    pub fn journal(&self) -> Vec<Line> {
        let decision = |entry| if let Entry::Decision(line) = entry { Some(*line) } else { None };
        self.entries().into_iter().filter_map(decision).collect()
    }

    /// The journal, as a reader of JSON lines sees it.
    pub fn entries(&self) -> Vec<Entry> {
        let text = fs::read_to_string(self.settings.folders.journal()).expect("a journal");
        text.lines().map(|line| Entry::read(line.as_bytes()).expect("an entry")).collect()
    }

    /// A process that handles what is there, and what it has to remark.
    pub fn run_and_remark(&self) -> (Vec<Line>, String) {
        pass_and_remark(&mut self.open(Unsynced), Timestamp::now()).expect("nothing fails")
    }

    /// All folders of decided objects.
    pub fn decided(&self) -> Vec<(Outcome, PathBuf)> {
        let in_outcome =
            |outcome| entries(&self.settings.folders.outcome(outcome)).into_iter().map(move |path| (outcome, path));
        Outcome::ALL.into_iter().flat_map(in_outcome).collect()
    }

    /// Where these bytes are, among all files of decided objects.
    pub fn find(&self, bytes: &[u8]) -> Vec<(Outcome, PathBuf)> {
        let mut found = Vec::new();
        for (outcome, folder) in self.decided() {
            let mut folders = vec![folder];
            while let Some(folder) = folders.pop() {
                for path in entries(&folder) {
                    let kind = fs::symlink_metadata(&path).expect("it is there").file_type();
                    if kind.is_dir() {
                        folders.push(path);
                    } else if kind.is_file() && fs::read(&path).expect("it can be read") == bytes {
                        found.push((outcome, path));
                    }
                }
            }
        }
        found
    }

    /// The folder of a decided object.
    pub fn folder_of(&self, line: &Line) -> PathBuf {
        self.settings.folders.outcome(line.outcome.0).join(&line.folder)
    }

    pub fn nothing_is_under_way(&self) {
        assert_eq!(entries(&self.settings.folders.work()), Vec::<PathBuf>::new());
    }

    pub fn inbox_is_empty(&self) {
        assert_eq!(entries(&self.inbox()), Vec::<PathBuf>::new());
    }
}

pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// One pass, and the lines that it tells of.
pub fn pass<S: Steps>(dropbox: &mut Dropbox<S>) -> anyhow::Result<Vec<Line>> {
    pass_at(dropbox, Timestamp::now())
}

pub fn pass_at<S: Steps>(dropbox: &mut Dropbox<S>, now: Timestamp) -> anyhow::Result<Vec<Line>> {
    pass_and_remark(dropbox, now).map(|(lines, _)| lines)
}

/// One pass: what was decided, and what an operator reads besides.
pub fn pass_and_remark<S: Steps>(dropbox: &mut Dropbox<S>, now: Timestamp) -> anyhow::Result<(Vec<Line>, String)> {
    let (mut lines, mut remarks) = (Vec::new(), String::new());
    dropbox.pass(
        || now,
        |told| {
            match told {
                Told::Decided(line) => lines.push(line.clone()),
                Told::Stuck(stuck) => panic!("{stuck:?}"),
                Told::Remark(remark) => remarks += &format!("{remark}\n"),
            }
            ControlFlow::Continue(())
        },
    )?;
    Ok((lines, remarks))
}

/// No process that is killed loses what the kernel has: tests that do not cut the power need not wait for the disk.
pub struct Unsynced;

impl Steps for Unsynced {
    fn step(&mut self, _step: Step, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self, _file: &File) -> io::Result<()> {
        Ok(())
    }
}

/// Ends the work before a certain step, or in the middle of a write.
#[derive(Clone, Default)]
pub struct Crash {
    /// The number of the step.
    pub at: Option<usize>,
    /// If that step writes, it writes half.
    pub torn: bool,
    done: Rc<Cell<usize>>,
    ended: Rc<Cell<bool>>,
    log: Rc<RefCell<Vec<(Step, PathBuf)>>>,
}

impl Crash {
    pub fn at(step: usize, torn: bool) -> Self {
        Self { at: Some(step), torn, ..Self::default() }
    }

    /// The same, in another process.
    pub fn again(&self) -> Self {
        Self { at: self.at, torn: self.torn, ..Self::default() }
    }

    /// All steps that were begun.
    pub fn log(&self) -> Vec<(Step, PathBuf)> {
        self.log.borrow().clone()
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} step {:?}", if self.torn { "within" } else { "before" }, self.at)
    }
}

impl Steps for Crash {
    fn step(&mut self, step: Step, path: &Path) -> io::Result<()> {
        let number = self.done.replace(self.done.get() + 1);
        self.log.borrow_mut().push((step, path.to_owned()));
        let writes = matches!(step, Step::WriteFile | Step::Append);
        if self.at == Some(number) && !(self.torn && writes) {
            self.ended.set(true);
            return Err(io::Error::other("the process ends here"));
        }
        Ok(())
    }

    fn ended(&self) -> bool {
        self.ended.get()
    }

    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if self.torn && self.at == Some(self.done.get() - 1) {
            file.write_all(bytes.split_at(bytes.len() / 2).0)?;
            self.ended.set(true);
            return Err(io::Error::other("the process ends here"));
        }
        file.write_all(bytes)
    }

    fn sync(&mut self, _file: &File) -> io::Result<()> {
        Ok(())
    }
}

/// Tells that something is not tested on this machine. Not `eprintln!`, which is only shown for tests that fail.
pub fn not_tested(what: &str) {
    writeln!(io::stderr(), "\n*** NOT TESTED: {what} ***\n").expect("standard error is open");
}

/// Everything that one pass tells.
#[derive(Debug, Default)]
pub struct Heard {
    pub lines: Vec<Line>,
    pub stuck: Vec<String>,
    pub remarks: Vec<String>,
}

pub fn hear<S: Steps>(dropbox: &mut Dropbox<S>, now: Timestamp) -> Heard {
    let mut heard = Heard::default();
    let tell = |told: Told<'_>| {
        match told {
            Told::Decided(line) => heard.lines.push(line.clone()),
            Told::Stuck(stuck) => heard.stuck.push(stuck.words()),
            Told::Remark(remark) => heard.remarks.push(remark.into()),
        }
        ControlFlow::Continue(())
    };
    dropbox.pass(|| now, tell).expect("the drop goes on");
    heard
}
