//! What is where below the root.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cep_envelope::Surface;
use cep_envelope::decision::Outcome;
use rustix::fs::{Mode, OFlags};

/// For how long a lock may be another's until another process works here.
const MOMENT: Duration = Duration::from_millis(500);

/// The paths below one root.
#[derive(Clone, Debug)]
pub struct Folders {
    root: PathBuf,
}

impl Folders {
    /// Makes whatever is not there yet. Only the inbox is for other accounts.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub fn make(root: &Path) -> Result<Self> {
        let folders = Self { root: root.to_owned() };
        let cannot = |path: &Path| format!("ROOT: cannot make {}", path.display());
        fs::create_dir_all(folders.inbox()).with_context(|| cannot(&folders.inbox()))?;
        for path in
            Outcome::ALL.map(|outcome| folders.outcome(outcome)).into_iter().chain([folders.work(), folders.orders()])
        {
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error).with_context(|| cannot(&path));
                }
                _ => {}
            }
        }
        Ok(folders)
    }

    /// The folders of a drop that is there already.
    ///
    /// # Errors
    /// It is none.
    pub fn at(root: &Path) -> Result<Self> {
        let folders = Self { root: root.to_owned() };
        anyhow::ensure!(folders.work().is_dir(), "ROOT: {} is no file drop", root.display());
        Ok(folders)
    }

    /// Whether a process works here.
    ///
    /// # Errors
    /// The lock cannot be opened.
    pub fn is_locked(&self) -> Result<bool> {
        Ok(self.try_lock()?.is_none())
    }

    /// Takes the lock, which falls with the process, however it ends. A process that only looks whether there is one has it for a
    /// moment.
    pub(crate) fn lock(&self) -> Result<File> {
        let since = Instant::now();
        loop {
            match self.try_lock()? {
                Some(lock) => return Ok(lock),
                None if since.elapsed() < MOMENT => std::thread::sleep(Duration::from_millis(5)),
                None => anyhow::bail!("ROOT: another process works in {}", self.root.display()),
            }
        }
    }

    /// The lock, unless another process has it.
    pub(crate) fn try_lock(&self) -> Result<Option<File>> {
        let path = self.root.join("lock");
        let file = open_own(&path).with_context(|| format!("ROOT: cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    /// Whether objects were decided here: their folders are not empty.
    pub(crate) fn is_used(&self) -> Result<bool> {
        for outcome in Outcome::ALL {
            if !list(&self.outcome(outcome))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The root itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where objects come in.
    #[must_use]
    pub fn inbox(&self) -> PathBuf {
        self.root.join("inbox")
    }

    /// Where objects are between inbox and outcome.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Where objects with this outcome are.
    #[must_use]
    pub fn outcome(&self, outcome: Outcome) -> PathBuf {
        self.root.join(outcome.name())
    }

    /// What people have ordered and the drop has not done yet.
    #[must_use]
    pub fn orders(&self) -> PathBuf {
        self.root.join("orders")
    }

    /// How many lines the journal had when the last one was written.
    #[must_use]
    pub fn head(&self) -> PathBuf {
        self.root.join("head")
    }

    /// The decisions, one in a line.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }
}

/// Opens a file of ours for reading and writing, or makes it. No link is followed, and nothing that could block is waited for.
pub(crate) fn open_own(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// Reads a regular file of no more than so many bytes.
pub(crate) fn read_bounded(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(longest.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        return Err(io::Error::other(format!("it is longer than {longest} bytes")));
    }
    Ok(bytes)
}

/// 16 hexadecimal digits that cannot be foreseen.
pub(crate) fn new_id() -> Result<String> {
    Ok(hex::encode(random::<8>()?))
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    Ok(bytes)
}

/// Whether this is an id as we make them.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The folder of a decided object. No surface has a `+`, so a name can neither end early nor pose as another.
pub(crate) fn folder_name(name: &[u8], id: &str) -> String {
    match Surface::parse_bytes(name) {
        Ok(surface) => format!("{surface}+{id}"),
        Err(_) => id.to_owned(),
    }
}

/// Whether [`folder_name`] could have given this.
pub(crate) fn is_folder_name(text: &str, id: &str) -> bool {
    text == id
        || text
            .strip_suffix(id)
            .and_then(|rest| rest.strip_suffix('+'))
            .is_some_and(|name| Surface::parse(name).is_ok())
}

/// What a folder holds. A folder that is not there holds nothing.
pub(crate) fn list(path: &Path) -> Result<Vec<fs::DirEntry>> {
    let unreadable = || format!("cannot read {}", path.display());
    match fs::read_dir(path) {
        Ok(entries) => entries.collect::<io::Result<_>>().with_context(unreadable),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(unreadable),
    }
}

/// Whether anything has this path. A link counts, wherever it points.
pub(crate) fn is_there(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }
}

/// Waits until the entry of a path is on the disk.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
