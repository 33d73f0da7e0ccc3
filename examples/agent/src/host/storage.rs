//! Stable storage of a host: what must be written down before anything is signed that depends on it.
//!
//! ```text
//! DIR/            mode 0700
//!   lock          held by the host that runs
//!   host.json     which run of the host this is, and where the host is
//!   local.sock    the local channel, mode 0600
//!   control.sock  the host's own interface, mode 0600
//!   agents/EID    mode 0600: the seed of the EID, the generations that may have been signed, the application's evolution
//!   lii           mode 0600: the seed of the host's own key (the LII), for the moves of agents from host to host
//!   docks         the LIIs of the hosts that may take agents over, one on a line
//!   reputation/   what the host has counted of its peers: a chained log, and its signed head
//!   moved/EID     where an agent has gone: the folder of its new host; empty while it is on its way
//! ```
//!
//! **The seeds are in clear.** Without them each EID would end with the process. A process that can read this folder can speak for
//! its agents.
//!
//! A file is written beside its place, synced, and renamed; then the folder is synced. So a crash leaves the old content or
//! the new one.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use iacp_core::crypto::Secret32;
use iacp_core::erp::entity::Persist;
use iacp_wire::{Digest, Eid};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::keys::Identity;

/// What cannot be written is tried again after this long.
const AGAIN: Duration = Duration::from_secs(1);

/// The folder of a host.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// What agents read of the host that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Drawn at each start: contexts of another run are gone.
    pub boot: String,
    /// Where the host is, as peers call it.
    pub at: String,
}

impl Folder {
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn local(&self) -> PathBuf {
        self.0.join("local.sock")
    }

    pub fn control(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// Makes the folder, and takes it for this process: the lock ends with the process, however that ends.
    pub fn take(&self) -> Result<File> {
        let shown = self.0.display();
        let agents = self.0.join("agents");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&agents)
            .with_context(|| format!("--state: cannot make {shown}"))?;
        let mode = fs::metadata(&self.0).with_context(|| format!("--state: cannot read {shown}"))?.permissions().mode();
        if mode & 0o022 != 0 {
            bail!("--state: other users can write in {shown} (chmod 700 {shown})");
        }
        let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(self.0.join("lock"));
        let lock = lock.with_context(|| format!("--state: cannot write in {shown}"))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(fs::TryLockError::WouldBlock) => bail!("--state: another host runs in {shown}"),
            Err(fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("--state: cannot lock {shown}")),
        }
    }

    /// Which run of a host is on, for its agents.
    pub fn run(&self) -> Result<Run> {
        let none = || format!("no host runs in {} (agent host --state …)", self.0.display());
        let text = fs::read(self.0.join("host.json")).with_context(none)?;
        serde_json::from_slice(&text).with_context(none)
    }

    pub fn set_run(&self, run: &Run) -> Result<()> {
        let text = serde_json::to_vec(run)?;
        replace(&self.0.join("host.json"), &text).with_context(|| format!("cannot write in {}", self.0.display()))
    }

    /// The agents of earlier runs, and the names of files that cannot be read as one.
    pub fn agents(&self) -> Result<(Vec<Record>, Vec<String>)> {
        let agents = self.0.join("agents");
        let unreadable = || format!("cannot read {}", agents.display());
        let (mut whole, mut broken) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&agents).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Files that a crash in the middle of a write has left.
            if name.starts_with('.') {
                fs::remove_file(entry.path()).with_context(unreadable)?;
                continue;
            }
            match read(&entry.path()) {
                Ok(Some(record)) if hex::encode(record.eid().0) == name => whole.push(record),
                _ => broken.push(name),
            }
        }
        Ok((whole, broken))
    }

    /// What is kept of one agent.
    pub fn record(&self, eid: &Eid) -> io::Result<Option<Record>> {
        read(&self.agent(eid))
    }

    fn agent(&self, eid: &Eid) -> PathBuf {
        self.0.join("agents").join(hex::encode(eid.0))
    }
}

/// What is kept of an agent. It wipes itself.
pub struct Record {
    /// The seed of its EID.
    pub seed: Secret32,
    /// SHA-256 of the Initialization Nonce that it began with: the process that knows the nonce gets the context back.
    pub claim: Claim,
    /// The identity root key, if it named one.
    pub airk: Option<Eid>,
    /// The digest of its application, and the number of the evolution that brought it.
    pub digest: Digest,
    pub evolution: u64,
    /// Every generation below it may have been signed.
    pub bound: u64,
    /// The context was handed over to another host, or was about to be: it is not restored here.
    pub exported: bool,
}

/// SHA-256 of an Initialization Nonce.
pub type Claim = [u8; 32];

/// A record as its file has it; the numbers in hexadecimal digits.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Written {
    seed: String,
    claim: String,
    airk: Option<String>,
    app_digest: String,
    evolution: u64,
    generation_bound: u64,
    #[serde(default)]
    exported: bool,
}

impl Record {
    pub fn eid(&self) -> Eid {
        Identity::from_seed(&self.seed).eid()
    }

    fn write(&self) -> Written {
        Written {
            seed: hex::encode(self.seed.expose()),
            claim: hex::encode(self.claim),
            airk: self.airk.map(|airk| hex::encode(airk.0)),
            app_digest: hex::encode(self.digest.0),
            evolution: self.evolution,
            generation_bound: self.bound,
            exported: self.exported,
        }
    }

    fn parse(written: &Written) -> Option<Self> {
        let seed = bytes(&written.seed).map(Zeroizing::new)?;
        Some(Self {
            seed: Secret32::fill(|to| to.copy_from_slice(seed.as_slice())),
            claim: bytes(&written.claim)?,
            airk: match &written.airk {
                Some(airk) => Some(Eid(bytes(airk)?)),
                None => None,
            },
            digest: Digest(bytes(&written.app_digest)?),
            evolution: written.evolution,
            bound: written.generation_bound,
            exported: written.exported,
        })
    }
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

/// What a file says; `None` if there is none.
fn read(path: &Path) -> io::Result<Option<Record>> {
    let text = match fs::read(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let written: Written = serde_json::from_slice(&text)?;
    Record::parse(&written).map(Some).ok_or_else(|| ErrorKind::InvalidData.into())
}

/// Replaces a file, so that it is there as a whole after any crash.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A plain name has an empty parent.
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
    let beside = folder.join(format!(".{name}.new"));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}

enum Order {
    /// The record stands for an agent that has no file yet.
    Keep(Box<Record>, Persist),
    /// The record is that of a context which has just come here: what an older file says but for the bound is out of date.
    Enter(Box<Record>, Persist),
    Forget(Eid),
    /// Something else of the host's.
    Also(Also),
}

/// Writes into the folder. It may be called again after it has failed.
type Also = Box<dyn Fn(&Folder) -> io::Result<()> + Send>;

/// What the storage has to say.
#[derive(Debug)]
pub enum Word {
    /// It is on stable storage.
    Kept(Eid, Persist),
    /// It is not yet, and is tried again.
    Trouble(String),
}

/// A thread that writes: a slow disk holds up nothing but what waits for it.
pub struct Storage {
    orders: mpsc::Sender<Order>,
    words: UnboundedReceiver<Word>,
}

impl Storage {
    pub fn start(folder: &Folder) -> Result<Self> {
        let (orders, received) = mpsc::channel();
        let (speaking, words) = unbounded_channel();
        let folder = folder.clone();
        let thread = thread::Builder::new().name("storage".into());
        thread.spawn(move || write(&folder, &received, &speaking)).context("no thread for storage")?;
        Ok(Self { orders, words })
    }

    /// Writes something of an agent down; `record` is what is known of it beside that.
    pub fn keep(&self, record: Record, what: Persist) {
        let _ = self.orders.send(Order::Keep(Box::new(record), what));
    }

    /// The same for a context that has come from another host, or is taken back: it is this host's again with this write.
    pub fn enter(&self, record: Record, what: Persist) {
        let _ = self.orders.send(Order::Enter(Box::new(record), what));
    }

    /// The EID is gone, and what could sign for it.
    pub fn forget(&self, eid: Eid) {
        let _ = self.orders.send(Order::Forget(eid));
    }

    /// Has something else written. It may be called again after it has failed.
    pub fn also(&self, what: impl Fn(&Folder) -> io::Result<()> + Send + 'static) {
        let _ = self.orders.send(Order::Also(Box::new(what)));
    }

    /// The next word. A call that is given up loses nothing.
    pub async fn next(&mut self) -> Option<Word> {
        self.words.recv().await
    }
}

/// Writes what is ordered, one after the other; what fails is tried again. Deleting a seed comes first, also on a
/// full disk, and cancels pending writes of that agent. Writes that no agent waits for come last.
fn write(folder: &Folder, orders: &mpsc::Receiver<Order>, words: &UnboundedSender<Word>) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let Ok(order) = orders.recv() else { return };
            waiting.push_back(order);
        }
        waiting.extend(orders.try_iter());
        let find = |is_it: fn(&Order) -> bool| waiting.iter().position(is_it);
        let first = find(|order| matches!(order, Order::Forget(_)));
        let first = first.or_else(|| find(|order| !matches!(order, Order::Also(_)))).unwrap_or(0);
        let done = match waiting.get_mut(first) {
            Some(Order::Forget(eid)) => forget(&folder.agent(eid)).map(|()| None),
            Some(Order::Keep(record, what)) => kept(folder, record, *what, false),
            Some(Order::Enter(record, what)) => kept(folder, record, *what, true),
            Some(Order::Also(what)) => what(folder).map(|()| None),
            None => continue,
        };
        let word = match done {
            Ok(word) => {
                if let Some(Order::Forget(gone)) = waiting.remove(first) {
                    let mut earlier = 0..first;
                    waiting.retain(|order| {
                        let is_of_it =
                            matches!(order, Order::Keep(record, _) | Order::Enter(record, _) if record.eid() == gone);
                        !(earlier.next().is_some() && is_of_it)
                    });
                }
                word
            }
            Err(error) => {
                let is_also = matches!(waiting.get(first), Some(Order::Also(_)));
                let so = if is_also { "it is tried again" } else { "nothing new is signed" };
                let what = format!("cannot write in {}: {error}; {so}", folder.0.display());
                Some(Word::Trouble(what))
            }
        };
        let is_trouble = matches!(word, Some(Word::Trouble(_)));
        if word.is_some_and(|word| words.send(word).is_err()) {
            return;
        }
        if is_trouble {
            thread::sleep(AGAIN);
        }
    }
}

/// Removes an agent's file, so that no crash brings it back.
fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::open(path.parent().ok_or(ErrorKind::InvalidInput)?)?.sync_all()
}

fn kept(folder: &Folder, record: &mut Record, what: Persist, enters: bool) -> io::Result<Option<Word>> {
    let eid = record.eid();
    keep(&folder.agent(&eid), record, what, enters).map(|()| Some(Word::Kept(eid, what)))
}

fn keep(path: &Path, record: &mut Record, what: Persist, enters: bool) -> io::Result<()> {
    if let Some(kept) = read(path)? {
        // A bound only rises, and nothing that was written before is lost.
        record.bound = record.bound.max(kept.bound);
        if !enters {
            (record.digest, record.evolution) = (kept.digest, kept.evolution);
            record.exported = kept.exported;
        }
    }
    match what {
        Persist::Generation(bound) => record.bound = record.bound.max(bound),
        Persist::Exported(bound) => (record.bound, record.exported) = (record.bound.max(bound), true),
        Persist::Kept(bound) => (record.bound, record.exported) = (record.bound.max(bound), false),
        Persist::Evolution(digest, number) => (record.digest, record.evolution) = (digest, number),
        // Ticket keys are in memory only, and their counters end with them.
        Persist::TicketBlock { .. } | Persist::TicketSeen { .. } => return Ok(()),
    }
    replace(path, &Zeroizing::new(serde_json::to_vec(&record.write())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_serves_one_host_at_a_time() {
        let place = tempfile::tempdir().expect("a directory");
        let folder = Folder::new(&place.path().join("state"));
        let lock = folder.take().expect("it is free");
        let refused = folder.take().expect_err("it is taken").to_string();
        assert!(refused.contains("another host runs"), "{refused}");
        drop(lock);
        folder.take().expect("it is free again");
    }

    fn record(bound: u64) -> Record {
        let (seed, claim, digest) = (Secret32::new([7; 32]), [8; 32], Digest::ZERO);
        Record { seed, claim, airk: None, digest, evolution: 0, bound, exported: false }
    }

    fn kept(folder: &Folder) -> Record {
        let (mut whole, broken) = folder.agents().expect("readable");
        assert_eq!((whole.len(), broken.len()), (1, 0));
        whole.remove(0)
    }

    #[tokio::test]
    async fn what_is_kept_is_on_disk_before_it_is_said_and_a_bound_only_rises() {
        let place = tempfile::tempdir().expect("a directory");
        let folder = Folder::new(place.path());
        let _lock = folder.take().expect("it is free");
        let mut storage = Storage::start(&folder).expect("a thread");
        let eid = record(0).eid();
        for (asked, bound) in [(2, 2), (3, 3), (1, 3)] {
            storage.keep(record(0), Persist::Generation(asked));
            let word = storage.next().await;
            assert!(
                matches!(word, Some(Word::Kept(told, Persist::Generation(number))) if told == eid && number == asked)
            );
            assert_eq!(kept(&folder).bound, bound);
        }
        for (what, exported) in
            [(Persist::Exported(3), true), (Persist::Generation(3), true), (Persist::Kept(3), false)]
        {
            storage.keep(record(0), what);
            assert!(matches!(storage.next().await, Some(Word::Kept(..))));
            assert_eq!(kept(&folder).exported, exported, "{what:?}");
        }
        // A context that comes back is this host's with the same write that stores its bound.
        storage.keep(record(0), Persist::Exported(3));
        assert!(matches!(storage.next().await, Some(Word::Kept(..))));
        storage.enter(record(0), Persist::Generation(2));
        assert!(matches!(storage.next().await, Some(Word::Kept(..))));
        assert_eq!((kept(&folder).exported, kept(&folder).bound), (false, 3));
        storage.keep(record(0), Persist::Evolution(Digest([9; 32]), 4));
        assert!(matches!(storage.next().await, Some(Word::Kept(..))));
        let whole = kept(&folder);
        assert_eq!((whole.bound, whole.evolution, whole.digest), (3, 4, Digest([9; 32])), "both are kept");
        assert_eq!((whole.seed.expose(), whole.claim, whole.eid()), (&[7; 32], [8; 32], eid));
        let mode = fs::metadata(folder.agent(&eid)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "a seed is for this user alone");
    }

    #[tokio::test]
    async fn a_seed_is_forgotten_while_nothing_can_be_written_and_is_not_written_again() {
        let place = tempfile::tempdir().expect("a directory");
        let folder = Folder::new(place.path());
        let _lock = folder.take().expect("it is free");
        let (gone, other) = (record(1), Record { seed: Secret32::new([9; 32]), ..record(1) });
        let (path, stuck) = (folder.agent(&gone.eid()), folder.agent(&other.eid()));
        keep(&path, &mut record(1), Persist::Generation(1), false).expect("written");
        // A folder stands where the file of another agent is to be.
        fs::create_dir(&stuck).expect("made");
        let mut storage = Storage::start(&folder).expect("a thread");
        storage.keep(other, Persist::Generation(1));
        storage.keep(gone, Persist::Generation(2));
        storage.forget(record(1).eid());
        let word = storage.next().await;
        assert!(matches!(word, Some(Word::Trouble(_))), "{word:?}");
        while path.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        fs::remove_dir(&stuck).expect("there is room again");
        loop {
            match storage.next().await {
                Some(Word::Kept(eid, _)) => {
                    assert_ne!(eid, record(1).eid(), "what was to be written of it went with it");
                    break;
                }
                word => assert!(matches!(word, Some(Word::Trouble(_))), "{word:?}"),
            }
        }
        assert!(stuck.is_file() && !path.exists());
    }

    #[test]
    fn a_file_that_is_no_agent_is_named_and_stays() {
        let place = tempfile::tempdir().expect("a directory");
        let folder = Folder::new(place.path());
        let _lock = folder.take().expect("it is free");
        let path = folder.agent(&record(1).eid());
        keep(&path, &mut record(1), Persist::Generation(1), false).expect("written");
        let text = fs::read(&path).expect("it is there");
        for (name, content) in [("noise", &b"noise"[..]), (&"ab".repeat(32), &text), ("cut", &text[..40])] {
            fs::write(place.path().join("agents").join(name), content).expect("written");
        }
        fs::write(place.path().join("agents/.left.new"), b"half").expect("written");
        let (whole, mut broken) = folder.agents().expect("readable");
        broken.sort();
        assert_eq!((whole.len(), broken), (1, vec!["ab".repeat(32), "cut".into(), "noise".into()]));
        assert_eq!(fs::read_dir(place.path().join("agents")).expect("readable").count(), 4);
    }

    #[test]
    fn a_crash_before_the_rename_leaves_the_old_content() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("file");
        replace(&path, b"old").expect("written");
        // What a crash in the middle of a write leaves behind.
        fs::write(place.path().join(".file.new"), b"ne").expect("written");
        assert_eq!(fs::read(&path).expect("it is there"), b"old");
        replace(&path, b"new").expect("written over what was left");
        assert_eq!(fs::read(&path).expect("it is there"), b"new");
    }
}
