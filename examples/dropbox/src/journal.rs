//! The journal: one entry in a line, on the disk before anything follows from it.
//!
//! Each line names the SHA-256 of the one before it, so that none can be lost between two others. `ROOT/head` says how many
//! lines there were at last and what the last one was, so that none can be lost at the end. It is read and written line by line:
//! of what is read, a process keeps what the memory needs, and the ids of the decisions (about 60 bytes each) until it has opened it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::disk::{Disk, Steps};
use crate::entry::Entry;
use crate::folders::open_own;
use crate::head::{Head, Mark};
use crate::lines::{Chain, Next, Reader};

/// Bytes that are written in one go when a journal is put in the place of another.
const CHUNK: usize = 256 << 10;

/// A journal that is open for one more line.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    /// How many bytes are written and whole.
    length: u64,
    mark: Mark,
    head: Head,
    /// What an operator has to know, and was not told yet.
    remarks: Vec<String>,
}

/// A journal that was read.
pub(crate) struct Opened {
    pub journal: Journal,
    /// Lines that were written are not here: in words, which.
    pub lost: Option<String>,
}

impl Journal {
    /// Reads what was decided, in its order, and makes ready to go on. A last line that a crash has torn is cut off: what it
    /// would have said was never acted on. `in_work` are the ids of the objects for which that can be so.
    pub fn open(
        disk: &mut Disk<impl Steps>,
        path: PathBuf,
        head: &Path,
        in_work: &BTreeSet<String>,
        mut take: impl FnMut(Entry) -> Result<()>,
    ) -> Result<Opened> {
        let cannot = || format!("cannot open {}", path.display());
        let mut file = open_own(&path).with_context(cannot)?;
        let head = Head::open(head)?;
        let (mut chain, mut remarks) = (Chain::new(head.last()), Vec::new());
        let mut lines = Reader::of(file.try_clone().with_context(cannot)?);
        let end = loop {
            match lines.next().with_context(cannot)? {
                Next::Whole => chain.push(&lines.line, &mut take).with_context(|| {
                    format!("{}: line {} is damaged: look at it before you go on", path.display(), lines.number)
                })?,
                end => break end,
            }
        };
        let mut length = lines.length;
        if end == Next::Torn && chain.put_back(&lines.line, in_work, &mut take) {
            length += lines.line.len() as u64;
            file.seek(SeekFrom::Start(length)).with_context(cannot)?;
            disk.append(&mut file, &path, b"\n").with_context(cannot)?;
            length += 1;
            let number = chain.mark().lines;
            remarks.push(format!("{}: the end of line {number} was missing and is there again", path.display()));
        } else if end != Next::Nothing {
            let cut = file.metadata().with_context(cannot)?.len().saturating_sub(length);
            disk.truncate(&file, &path, length).with_context(cannot)?;
            remarks.push(format!(
                "{}: {cut} bytes behind line {} were cut off: a line that was never finished, nor acted on",
                path.display(),
                lines.number
            ));
        } else if length > 0 {
            // The process that wrote the last line may have been killed before it was on the disk, and we act on it.
            disk.sync_file(&file, &path).with_context(cannot)?;
        }
        if let Some(root) = path.parent() {
            // The journal's own entry.
            disk.sync_folder(root)?;
        }
        let lost = chain.lost()?.map(|lost| format!("{}: {lost}", path.display()));
        let mut journal = Self { file, path, length, mark: chain.mark(), head, remarks };
        // Until a loss is written down, the head is what proves it.
        if lost.is_none() {
            journal.head.set(&journal.mark)?;
        }
        Ok(Opened { journal, lost })
    }

    /// How many lines there are.
    pub const fn lines(&self) -> u64 {
        self.mark.lines
    }

    /// Waits until the head is on the disk as it is now.
    pub fn sync_head(&mut self, disk: &mut Disk<impl Steps>) -> Result<()> {
        self.head.sync(disk)
    }

    /// What an operator has to know, once.
    pub fn remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    /// Writes an entry down. If that fails, the journal is as it was, or `false` is in the pair: then it must be opened anew,
    /// for it is not known how much of the line is there.
    pub fn append(&mut self, disk: &mut Disk<impl Steps>, entry: &mut Entry) -> Result<(), (anyhow::Error, bool)> {
        let bytes = self.prepare(disk, entry).map_err(|error| (error, false))?;
        let written = self.file.seek(SeekFrom::Start(self.length)).map_err(anyhow::Error::from);
        let written = written.and_then(|_| Ok(disk.append(&mut self.file, &self.path, &bytes)?));
        if let Err(error) = written {
            let restored = !disk.ended() && disk.truncate(&self.file, &self.path, self.length).is_ok();
            return Err((error, restored));
        }
        self.length += bytes.len() as u64;
        self.mark = self.mark.next(&bytes);
        self.head.set(&self.mark).map_err(|error| (error, false))
    }

    fn prepare(&mut self, disk: &mut Disk<impl Steps>, entry: &mut Entry) -> Result<Vec<u8>> {
        self.is_in_place(disk)?;
        entry.set_after(self.mark.last.map(|last| last.to_string()));
        entry.write()
    }

    /// The file that we write to is still the one that the next process will read.
    fn is_in_place(&mut self, disk: &mut Disk<impl Steps>) -> Result<()> {
        let ours = self.file.metadata()?;
        let path = self.path.display().to_string();
        match fs::symlink_metadata(&self.path) {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                ensure!(ours.len() >= self.length, "{path} has become shorter while the drop ran: put it back");
                Ok(())
            }
            Ok(_) => bail!("{path} is another file now: put back the one that was there, and start again"),
            Err(_) => self.put_back(disk).with_context(|| format!("{path} was moved away, and cannot be put back")),
        }
    }

    /// The journal was moved away while it was open: the same lines are put in its place.
    fn put_back(&mut self, disk: &mut Disk<impl Steps>) -> Result<()> {
        let mut new = New::begin(disk, &self.path)?;
        self.file.rewind()?;
        let mut left = self.length;
        while left > 0 {
            let mut piece = Vec::new();
            (&mut self.file).take(left.min(CHUNK as u64)).read_to_end(&mut piece)?;
            ensure!(!piece.is_empty(), "it has become shorter, too");
            left -= piece.len() as u64;
            new.write(disk, &piece)?;
        }
        new.finish(disk)?;
        self.file = new.put(disk, &self.path)?;
        let path = self.path.display();
        self.remarks.push(format!("{path} was moved away while the drop ran: a copy of it is in its place again"));
        Ok(())
    }

    /// Writes a shorter journal beside this one: a first line, and what is needed of the others. `take` gets all of them. This one
    /// gets another name besides, under which it stays.
    pub fn shorten(
        &mut self,
        disk: &mut Disk<impl Steps>,
        mut first: Entry,
        needs: impl Fn(&Entry) -> bool,
        mut take: impl FnMut(Entry) -> Result<()>,
        aside: &Path,
    ) -> Result<New> {
        self.is_in_place(disk)?;
        let mut new = New::begin(disk, &self.path)?;
        new.mark.last = self.mark.last;
        new.add(disk, &mut first)?;
        take(first)?;
        self.file.rewind()?;
        let mut lines = Reader::of(self.file.try_clone()?);
        while lines.length < self.length {
            ensure!(lines.next()? == Next::Whole, "{} has become shorter while the drop ran", self.path.display());
            let damaged = || format!("{}: line {} is damaged", self.path.display(), lines.number);
            let mut entry = Entry::read(&lines.line).with_context(damaged)?;
            if needs(&entry) {
                new.add(disk, &mut entry)?;
                take(entry)?;
            }
        }
        new.finish(disk)?;
        if !aside.exists() {
            fs::hard_link(&self.path, aside).with_context(|| format!("cannot make {}", aside.display()))?;
        }
        Ok(new)
    }

    /// Puts a shorter journal into the place of this one.
    ///
    /// An older head would not fit to a shorter journal: the head is on the disk before, when it names the line that the shorter
    /// journal follows, and after.
    pub fn replace(&mut self, disk: &mut Disk<impl Steps>, shorter: New) -> Result<()> {
        self.head.set(&self.mark)?;
        self.head.sync(disk)?;
        (self.length, self.mark) = (shorter.length, shorter.mark);
        self.file = shorter.put(disk, &self.path)?;
        self.head.set(&self.mark)?;
        self.head.sync(disk)
    }
}

/// Where a journal is made that is to take the place of this one.
pub(crate) fn beside(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push(".new");
    PathBuf::from(path)
}

/// A journal that is to take the place of another, all of it or nothing.
pub(crate) struct New {
    file: File,
    path: PathBuf,
    unwritten: Vec<u8>,
    length: u64,
    mark: Mark,
}

impl New {
    fn begin(disk: &mut Disk<impl Steps>, journal: &Path) -> Result<Self> {
        let path = beside(journal);
        let file = disk.begin(&path)?;
        Ok(Self { file, path, unwritten: Vec::new(), length: 0, mark: Mark { lines: 0, last: None } })
    }

    fn add(&mut self, disk: &mut Disk<impl Steps>, entry: &mut Entry) -> Result<()> {
        entry.set_after(self.mark.last.map(|last| last.to_string()));
        let line = entry.write()?;
        self.mark = self.mark.next(&line);
        self.write(disk, &line)
    }

    fn write(&mut self, disk: &mut Disk<impl Steps>, bytes: &[u8]) -> Result<()> {
        self.length += bytes.len() as u64;
        self.unwritten.extend_from_slice(bytes);
        if self.unwritten.len() >= CHUNK {
            disk.write(&mut self.file, &self.path, &self.unwritten)?;
            self.unwritten.clear();
        }
        Ok(())
    }

    /// All of it is on the disk when this returns.
    fn finish(&mut self, disk: &mut Disk<impl Steps>) -> Result<()> {
        disk.write(&mut self.file, &self.path, &std::mem::take(&mut self.unwritten))?;
        Ok(disk.sync_file(&self.file, &self.path)?)
    }

    /// It is in its place when this returns, open for one more line.
    fn put(self, disk: &mut Disk<impl Steps>, to: &Path) -> Result<File> {
        disk.rename(&self.path, to)?;
        if let Some(root) = to.parent() {
            disk.sync_folder(root)?;
        }
        Ok(open_own(to)?)
    }
}
