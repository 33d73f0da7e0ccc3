//! The one door to the disk: every lasting change goes through here, one small step at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// What a step is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a folder.
    MakeFolder,
    /// Give a file or folder another path. The path told is the new one.
    Rename,
    /// Make a file that is empty yet.
    CreateFile,
    /// Write all bytes of a file, or some more of a long one.
    WriteFile,
    /// Write one line at the end of the journal.
    Append,
    /// Cut off what a torn write has left.
    Truncate,
    /// Wait until a file's bytes are on the disk.
    SyncFile,
    /// Wait until a folder's entries are on the disk.
    SyncFolder,
    /// Remove a file.
    RemoveFile,
    /// Remove an empty folder.
    RemoveFolder,
}

/// What stands between two steps. An error is taken for the disk's own.
pub trait Steps {
    /// Is called before each step.
    ///
    /// # Errors
    /// The step is not done, nor any after it.
    fn step(&mut self, step: Step, path: &Path) -> io::Result<()>;

    /// Writes bytes.
    ///
    /// # Errors
    /// They are not, or not all, written.
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Whether the work has ended here: then nothing is tried again, and nothing more is done.
    fn ended(&self) -> bool {
        false
    }

    /// Waits until a file or folder is on the disk.
    ///
    /// # Errors
    /// It may not be.
    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_all()
    }
}

/// Nothing stands between two steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unhindered;

impl Steps for Unhindered {
    fn step(&mut self, _step: Step, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// The disk, as this program changes it.
pub(crate) struct Disk<S> {
    steps: S,
}

impl<S: Steps> Disk<S> {
    pub const fn new(steps: S) -> Self {
        Self { steps }
    }

    /// Whether the process is as good as gone.
    pub fn ended(&self) -> bool {
        self.steps.ended()
    }

    /// A folder that no other account may look into.
    pub fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        self.steps.step(Step::MakeFolder, path)?;
        fs::DirBuilder::new().mode(0o700).create(path).map_err(at("make the folder", path))
    }

    /// A link is renamed, not followed. Callers make sure that nothing has the new path.
    pub fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.steps.step(Step::Rename, to)?;
        fs::rename(from, to).map_err(at("move to", to))
    }

    /// A new file, on the disk when this returns.
    pub fn create(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.fill(path, OpenOptions::new().write(true).create_new(true), bytes)
    }

    /// A file of ours that an earlier attempt may have left half-written.
    pub fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.fill(path, OpenOptions::new().write(true).create(true).truncate(true), bytes)
    }

    fn fill(&mut self, path: &Path, options: &OpenOptions, bytes: &[u8]) -> io::Result<()> {
        self.steps.step(Step::CreateFile, path)?;
        let mut file = options.open(path).map_err(at("make", path))?;
        self.write(&mut file, path, bytes)?;
        self.sync_file(&file, path)
    }

    /// A file of ours that is written piece by piece, empty yet, whatever an earlier attempt has left.
    pub fn begin(&mut self, path: &Path) -> io::Result<File> {
        self.steps.step(Step::CreateFile, path)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).open(path).map_err(at("make", path))
    }

    pub fn write(&mut self, file: &mut File, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.steps.step(Step::WriteFile, path)?;
        self.steps.write(file, bytes).map_err(at("write to", path))
    }

    pub fn append(&mut self, file: &mut File, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.steps.step(Step::Append, path)?;
        self.steps.write(file, bytes).map_err(at("write to", path))?;
        self.sync_file(file, path)
    }

    pub fn truncate(&mut self, file: &File, path: &Path, length: u64) -> io::Result<()> {
        self.steps.step(Step::Truncate, path)?;
        file.set_len(length).map_err(at("shorten", path))?;
        self.sync_file(file, path)
    }

    pub fn sync_file(&mut self, file: &File, path: &Path) -> io::Result<()> {
        self.steps.step(Step::SyncFile, path)?;
        self.steps.sync(file).map_err(at("sync", path))
    }

    pub fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        self.steps.step(Step::SyncFolder, path)?;
        File::open(path).and_then(|folder| self.steps.sync(&folder)).map_err(at("sync", path))
    }

    pub fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.steps.step(Step::RemoveFile, path)?;
        fs::remove_file(path).map_err(at("remove", path))
    }

    /// Refused unless it is empty: nothing can get lost here.
    pub fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        self.steps.step(Step::RemoveFolder, path)?;
        fs::remove_dir(path).map_err(at("remove the folder", path))
    }
}

/// What was tried, and where: an error without a path helps no operator.
fn at<'p>(what: &'p str, path: &'p Path) -> impl Fn(io::Error) -> io::Error + 'p {
    move |error| io::Error::new(error.kind(), format!("cannot {what} {}: {error}", path.display()))
}
