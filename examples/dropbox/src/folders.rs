//! What is where below the root.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cep_envelope::Surface;
use cep_envelope::decision::Outcome;

/// The paths below one root.
#[derive(Clone, Debug)]
pub struct Folders {
    root: PathBuf,
}

impl Folders {
    /// Makes whatever is not there yet. Only the inbox is for others: what is judged nobody else may touch.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub fn make(root: &Path) -> Result<Self> {
        let folders = Self { root: root.to_owned() };
        let cannot = |path: &Path| format!("ROOT: cannot make {}", path.display());
        fs::create_dir_all(folders.inbox()).with_context(|| cannot(&folders.inbox()))?;
        for path in Outcome::ALL.map(|outcome| folders.outcome(outcome)).into_iter().chain([folders.work()]) {
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error).with_context(|| cannot(&path));
                }
                _ => {}
            }
        }
        Ok(folders)
    }

    /// Takes the lock, which falls with the process, however it ends.
    pub(crate) fn lock(&self) -> Result<File> {
        let path = self.root.join("lock");
        let options = File::options().write(true).create(true).truncate(false).open(&path);
        let file = options.with_context(|| format!("ROOT: cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => bail!("ROOT: another process works in {}", self.root.display()),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
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

    /// The decisions, one in a line.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }
}

/// 16 hexadecimal digits that nobody can foresee.
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
