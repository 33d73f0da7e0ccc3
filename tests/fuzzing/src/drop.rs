//! A whole file drop, in a folder of its own: what comes into its inbox in any order, processes that end at any step, and files of its own
//! that are damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cep_envelope::decision::Outcome;
use cep_envelope::manifest::CausalParent;
use dropbox::{Binding, Dropbox, Entry, Folders, Half, Keys, Line, Sealed, Sealing, Settings, Step, Steps, Told};
use ed25519_compact::{KeyPair, Seed};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::vectors::Named;

/// When everything happens: in the past, so that what was sealed before a loss was sealed before now.
const NOW: i64 = 1_778_740_910;
const MOST: usize = 24;
const LONGEST: u64 = 4_096;

/// An object, sealed.
struct Good {
    sealed: Sealed,
    content: Vec<u8>,
    /// Whether it may be approved.
    known: bool,
}

static KEYS: LazyLock<[KeyPair; 2]> = LazyLock::new(|| [1, 2].map(|seed| KeyPair::from_seed(Seed::new([seed; 32]))));

/// A root, two children, a grandchild, another root, an orphan, and one by a key that nobody bound.
static GOOD: LazyLock<Vec<Good>> = LazyLock::new(|| {
    let mut all: Vec<Good> = Vec::new();
    let orphans = cep_envelope::digest::Digest::of(b"lost");
    for (number, parent) in (0_u8..).zip([None, Some(0_u8), Some(0), Some(1), None, Some(9), None]) {
        let parent = match parent {
            None => CausalParent::Root,
            Some(9) => CausalParent::Of(orphans),
            Some(parent) => CausalParent::Of(all[usize::from(parent)].sealed.digest),
        };
        let sealing = Sealing {
            signer: "alice-1",
            recipient: "bob",
            schema: "file-v1",
            context: "file",
            profile: "alice",
            priority: "normal",
            extension: None,
            parent,
            at: now() - SignedDuration::from_secs(100 - i64::from(number)),
        };
        let (content, known) = (vec![number; usize::from(number) * 9 + 1], number != 6);
        let sealed = sealing.seal(&content, &KEYS[usize::from(!known)]).expect("it can be sealed");
        all.push(Good { sealed, content, known });
    }
    all
});

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("a time")
}

/// A process that ends before a step, or within one that writes.
struct Crash {
    left: usize,
    torn: bool,
    ended: bool,
}

impl Crash {
    const NEVER: Self = Self { left: usize::MAX, torn: false, ended: false };

    fn end(&mut self) -> io::Error {
        self.ended = true;
        io::Error::other("the process ends here")
    }
}

impl Steps for Crash {
    fn step(&mut self, step: Step, _: &Path) -> io::Result<()> {
        let writes = matches!(step, Step::WriteFile | Step::Append);
        self.left = self.left.saturating_sub(1);
        if self.left == 0 && !(self.torn && writes) { Err(self.end()) } else { Ok(()) }
    }

    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if self.left == 0 && self.torn {
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(self.end());
        }
        file.write_all(bytes)
    }

    fn ended(&self) -> bool {
        self.ended
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        Ok(())
    }
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// The decisions that were told, by their outcomes.
    pub outcomes: Vec<Outcome>,
    /// How often a process ended before its time.
    pub crashes: usize,
    /// How often the drop did not open.
    pub refused: usize,
    /// How often it said that lines were lost.
    pub lost: usize,
}

struct World {
    folder: TempDir,
    settings: Settings,
    /// What was put into the inbox, and not over it.
    alive: BTreeMap<PathBuf, Vec<u8>>,
    /// What has left the inbox, and must be somewhere.
    taken: BTreeSet<Vec<u8>>,
    approved: BTreeSet<String>,
    /// The journal and the head before they were damaged.
    kept: Option<[Vec<u8>; 2]>,
    /// Which of the two may be damaged.
    damages: u8,
    report: Report,
}

/// See [`crate::drop()`].
pub fn run(bytes: &[u8]) -> Report {
    let [damages, ops @ ..] = bytes else { return Report::default() };
    // In memory, where there is such a place.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let folders = Folders::make(&folder.path().join("drop")).expect("folders");
    let key = hex(&*KEYS[0].pk);
    let binding = Binding { sender: "alice".into(), signer: "alice-1".into(), key, from: None, until: None };
    let keys = Keys::new(vec![binding]).expect("keys");
    let usual = Settings::new(folders, "bob", keys).expect("a name");
    let settings = Settings { longest: LONGEST, grace: SignedDuration::ZERO, ..usual };
    let mut world = World {
        folder,
        settings,
        alive: BTreeMap::new(),
        taken: BTreeSet::new(),
        approved: BTreeSet::new(),
        kept: None,
        damages: damages % 3,
        report: Report::default(),
    };
    for op in ops.as_chunks::<4>().0.iter().take(MOST) {
        world.step(*op);
    }
    world.repair();
    world.pass(Crash::NEVER);
    world.is_settled();
    world.report
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl World {
    fn step(&mut self, [code, a, b, c]: [u8; 4]) {
        let good = &GOOD[usize::from(a) % GOOD.len()];
        let name = self.name(good, b);
        match code % 12 {
            0 | 1 => {
                self.put(&name, Half::Object, &good.content);
                self.put(&name, Half::Manifest, &good.sealed.outer);
            }
            2 => self.put(&name, Half::Object, &good.content),
            3 => self.put(&name, Half::Manifest, &good.sealed.outer),
            4 => self.put(&name, Half::Notice, if c & 1 == 0 { b"no notice" } else { b"{}" }),
            5 => {
                // Something of it has another byte, or is cut short.
                let [mut content, mut outer] = [good.content.clone(), good.sealed.outer.clone()];
                let damaged = if c & 1 == 0 { &mut content } else { &mut outer };
                let place = usize::from(c >> 2) * damaged.len() / 64;
                if c & 2 == 0 {
                    damaged[place] ^= 1
                } else {
                    damaged.truncate(place)
                }
                self.put(&name, Half::Object, &content);
                self.put(&name, Half::Manifest, &outer);
            }
            6 => self.odd(&name, c),
            7 | 8 => self.pass(Crash::NEVER),
            9 => self.pass(Crash { left: usize::from(a) + 1, torn: b & 1 != 0, ended: false }),
            10 => self.damage(a, b, c),
            _ => {
                self.repair();
                self.pass(Crash::NEVER);
            }
        }
    }

    /// Its own name, that of another object, or one that is no surface.
    fn name(&self, good: &Good, which: u8) -> String {
        match which % 8 {
            0..=4 => good.sealed.name.clone(),
            5 => GOOD[usize::from(which >> 3) % GOOD.len()].sealed.name.clone(),
            6 => format!(".{}", good.sealed.name),
            _ => ["no surface", "x", "\u{e4}\n", "a+b"][usize::from(which >> 3) % 4].to_owned(),
        }
    }

    fn entry(&self, name: &str, half: Half) -> PathBuf {
        self.settings.folders.inbox().join(format!("{name}{}", half.suffix()))
    }

    fn put(&mut self, name: &str, half: Half, bytes: &[u8]) {
        let path = self.entry(name, half);
        // What is no file stays, and no link is followed.
        if fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) {
            return;
        }
        // Another inode: an earlier one may be under way.
        let _ = fs::remove_file(&path);
        fs::write(&path, bytes).expect("room");
        if half != Half::Notice {
            self.alive.insert(path, bytes.to_vec());
        }
    }

    /// What is no file is in the inbox: a folder, a link out of it, an object that is too long.
    fn odd(&mut self, name: &str, how: u8) {
        let half = if how & 4 == 0 { Half::Object } else { Half::Manifest };
        let path = self.entry(name, half);
        if fs::symlink_metadata(&path).is_ok() {
            return;
        }
        match how & 3 {
            0 => fs::create_dir(&path).expect("room"),
            1 => symlink("/etc/passwd", &path).expect("room"),
            2 => symlink(self.settings.folders.journal(), &path).expect("room"),
            _ => fs::write(&path, vec![7; usize::try_from(LONGEST).expect("small") + 1]).expect("room"),
        }
    }

    /// The journal, or the head, is damaged or gone; which of them, the run says.
    fn damage(&mut self, how: u8, a: u8, b: u8) {
        let folders = &self.settings.folders;
        let path = match self.damages {
            1 => folders.journal(),
            2 => folders.head(),
            _ => return,
        };
        let [journal, head] = [folders.journal(), folders.head()].map(|path| fs::read(path).unwrap_or_default());
        let Ok(mut bytes) = fs::read(&path) else { return };
        self.kept.get_or_insert([journal, head]);
        let place = usize::from(u16::from_be_bytes([a, b])) % (bytes.len() + 1);
        match how % 4 {
            0 => bytes.truncate(place),
            1 if place < bytes.len() => bytes[place] ^= 1 << (how >> 5),
            2 => bytes.extend_from_slice(b"{\"id\":\"0123456789abcdef\"}\n"),
            _ => return fs::remove_file(&path).expect("it is there"),
        }
        fs::write(&path, bytes).expect("room");
    }

    /// A person puts back what the drop refuses. What it has accepted stays.
    fn repair(&mut self) {
        let Some([journal, head]) = self.kept.take() else { return };
        if Dropbox::open(self.settings.clone(), Crash::NEVER).is_err() {
            let folders = &self.settings.folders;
            fs::write(folders.journal(), journal).expect("room");
            fs::write(folders.head(), head).expect("room");
        }
    }

    fn pass(&mut self, crash: Crash) {
        let mut told = Vec::new();
        let mut remarks = String::new();
        let opened = Dropbox::open(self.settings.clone(), crash);
        let done = match opened {
            Ok(mut dropbox) => dropbox.pass(now, |one| {
                match one {
                    Told::Decided(line) => told.push(line.clone()),
                    Told::Remark(remark) => remarks += remark,
                    Told::Stuck(_) => {}
                }
                ControlFlow::Continue(())
            }),
            Err(error) => {
                self.report.refused += 1;
                Err(error)
            }
        };
        self.report.crashes += usize::from(done.is_err());
        self.report.lost += usize::from(remarks.contains("nothing is approved that was sealed before"));
        for line in told {
            self.decided(&line);
        }
        let inbox = self.settings.folders.inbox();
        let gone: Vec<PathBuf> =
            self.alive.keys().filter(|path| fs::symlink_metadata(path).is_err()).cloned().collect();
        for path in gone {
            let bytes = self.alive.remove(&path).expect("it is there");
            assert!(path.starts_with(&inbox));
            self.taken.insert(bytes);
        }
    }

    /// What is approved is what a known key has sealed, once, and whole in its folder.
    fn decided(&mut self, line: &Line) {
        let outcome = line.outcome.0;
        self.report.outcomes.push(outcome);
        let folder = self.settings.folders.outcome(outcome).join(&line.folder);
        assert!(folder.is_dir(), "it is where its decision says");
        if !outcome.approves() {
            return;
        }
        let files: BTreeSet<Vec<u8>> = files(&folder).into_iter().map(|(_, bytes)| bytes).collect();
        let good = GOOD.iter().find(|good| files.contains(&good.sealed.outer)).expect("one that was sealed");
        assert!(good.known && files.contains(&good.content), "what was sealed, by a key that is known");
        assert!(self.approved.insert(good.sealed.name.clone()), "no object is approved twice");
    }

    /// Nothing that was whole waits; nothing is under way; nothing that came is lost; and a decision is written down once.
    fn is_settled(&self) {
        let folders = &self.settings.folders;
        assert!(files(&folders.work()).is_empty(), "nothing is under way");
        let everything: BTreeSet<Vec<u8>> = files(self.folder.path()).into_iter().map(|(_, bytes)| bytes).collect();
        for bytes in self.taken.iter().chain(self.alive.values()) {
            assert!(everything.contains(bytes), "what came is somewhere");
        }
        let journal = fs::read(folders.journal()).expect("a journal");
        let mut ids = BTreeSet::new();
        for line in journal.split_inclusive(|byte| *byte == b'\n') {
            let entry = Entry::read(line).expect("each line is one");
            if let Entry::Decision(line) = entry {
                assert!(ids.insert(line.id.clone()), "an object is decided once");
            }
        }
    }
}

/// All files below a folder. No link is followed.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        let kind = fs::symlink_metadata(&path).expect("it is there").file_type();
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_file() {
            let bytes = fs::read(&path).expect("it can be read");
            found.push((path, bytes));
        }
    }
    found
}

const PASS: [u8; 4] = [7, 0, 0, 0];

const fn whole(number: u8) -> [u8; 4] {
    [0, number, 0, 0]
}

/// Objects of each kind; halves, repeats, odd entries; a process that ends; a journal or a head that is damaged.
pub fn seeds() -> Named {
    let seed = |name: &str, damages: u8, ops: &[[u8; 4]]| {
        (name.to_owned(), [&[damages][..], ops.concat().as_slice()].concat())
    };
    let all: Vec<[u8; 4]> = (0..7).map(whole).collect();
    let crash = |step: u8, torn: u8| [9, step, torn, 0];
    let crashes = |torn: u8| [&all[..], &[crash(5, torn), crash(20, torn), crash(60, torn), PASS]].concat();
    vec![
        seed("all", 0, &[&all[..], &[PASS]].concat()),
        seed("halves", 0, &[[2, 0, 0, 0], PASS, [3, 0, 0, 0], PASS, [3, 1, 0, 0], PASS, [2, 1, 0, 0], [4, 4, 0, 0]]),
        seed("twice", 0, &[whole(0), PASS, whole(0), PASS, [0, 0, 15, 0], PASS]),
        seed("names", 0, &[[0, 0, 7, 0], [0, 1, 13, 0], PASS, [0, 4, 6, 0], [0, 2, 23, 0], PASS]),
        seed("damaged", 0, &[[5, 0, 0, 0], PASS, [5, 1, 0, 41], PASS, [5, 2, 0, 42], [5, 4, 0, 43], PASS]),
        seed("odd", 0, &[[6, 0, 0, 0], [6, 1, 0, 1], [6, 2, 0, 2], [6, 3, 0, 7], [6, 4, 0, 3], PASS, whole(0), PASS]),
        seed("crashes", 0, &crashes(0)),
        seed("torn", 0, &crashes(1)),
        seed("lines-lost", 1, &[whole(0), whole(4), PASS, [10, 0, 0, 0], whole(1), PASS, whole(0), PASS]),
        seed("line-changed", 1, &[whole(0), PASS, [10, 1, 0, 9], whole(1), PASS, [11, 0, 0, 0]]),
        seed("line-invented", 1, &[whole(0), PASS, [10, 2, 0, 0], whole(1), PASS, [11, 0, 0, 0]]),
        seed("journal-gone", 1, &[whole(0), PASS, [10, 3, 0, 0], whole(0), whole(1), PASS]),
        seed("head-gone", 2, &[whole(0), PASS, [10, 3, 0, 0], whole(0), whole(1), PASS]),
        seed("head-changed", 2, &[whole(0), PASS, [10, 1, 0, 3], whole(1), PASS, [11, 0, 0, 0], PASS]),
    ]
}
