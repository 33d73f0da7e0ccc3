//! The journal: one entry in a line, on the disk before anything follows from it.
//!
//! Each line names the SHA-256 of the one before it, so that none can be lost between two others. `ROOT/head` says how many
//! lines there were at last and what the last one was, so that none can be lost at the end.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use cep_envelope::digest::Digest;

use crate::disk::{Disk, Steps};
use crate::entry::{Entry, Event};
use crate::folders::open_own;
use crate::head::{Head, Mark};

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

/// What was read when a journal was opened.
pub(crate) struct Opened {
    pub journal: Journal,
    pub entries: Vec<Entry>,
    /// Lines that were written are not here: in words, which.
    pub lost: Option<String>,
}

impl Journal {
    /// Reads what was decided, in its order, and makes ready to go on. A last line that a crash has torn is cut off: what it
    /// would have said was never acted on. `in_work` are the ids of the objects for which that can be so.
    pub fn open(disk: &mut Disk<impl Steps>, path: PathBuf, head: PathBuf, in_work: &[String]) -> Result<Opened> {
        let cannot = || format!("cannot open {}", path.display());
        let mut file = open_own(&path).with_context(cannot)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(cannot)?;
        let mut remarks = Vec::new();
        let head = Head::open(&head)?;
        let end = whole_lines(&bytes).len();
        let torn = bytes.split_off(end);
        let mut read = read_lines(&bytes, &path)?;
        if !torn.is_empty() {
            let acted_on = read.put_back(&torn, head.last(), in_work);
            let lines = read.entries.len();
            if acted_on {
                bytes.extend([&torn[..], b"\n"].concat());
                disk.append(&mut file, &path, b"\n").with_context(cannot)?;
                remarks.push(format!("{}: the end of line {lines} was missing and is there again", path.display()));
            } else {
                disk.truncate(&file, &path, bytes.len() as u64).with_context(cannot)?;
                let cut = torn.len();
                remarks.push(format!(
                    "{}: {cut} bytes behind line {lines} were cut off: a line that was never finished, nor acted on",
                    path.display()
                ));
            }
        } else if !bytes.is_empty() {
            // The process that wrote the last line may have been killed before it was on the disk, and we act on it.
            disk.sync_file(&file, &path).with_context(cannot)?;
        }
        if let Some(root) = path.parent() {
            // The journal's own entry.
            disk.sync_folder(root)?;
        }
        let lost = read.lost(head.last())?.map(|lost| format!("{}: {lost}", path.display()));
        let mut journal = Self { file, path, length: bytes.len() as u64, mark: read.mark(), head, remarks };
        journal.head.set(&journal.mark)?;
        Ok(Opened { journal, entries: read.entries, lost })
    }

    /// How many lines there are.
    pub const fn lines(&self) -> u64 {
        self.mark.lines
    }

    /// Whether nothing was ever written here, as far as this journal and its head know.
    pub const fn is_new(&self) -> bool {
        self.mark.lines == 0 && self.head.is_new
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
        let mut bytes = Vec::new();
        self.file.rewind()?;
        (&mut self.file).take(self.length).read_to_end(&mut bytes)?;
        ensure!(bytes.len() as u64 == self.length, "it has become shorter, too");
        self.file = self.put(disk, &bytes)?;
        let path = self.path.display();
        self.remarks.push(format!("{path} was moved away while the drop ran: a copy of it is in its place again"));
        Ok(())
    }

    /// Puts these bytes into the journal's place, all of them or none.
    fn put(&self, disk: &mut Disk<impl Steps>, bytes: &[u8]) -> Result<File> {
        let mut new = self.path.as_os_str().to_owned();
        new.push(".new");
        disk.replace(Path::new(&new), bytes)?;
        disk.rename(Path::new(&new), &self.path)?;
        if let Some(root) = self.path.parent() {
            disk.sync_folder(root)?;
        }
        Ok(open_own(&self.path)?)
    }

    /// Puts a shorter journal into the place of this one, which stays under another name.
    pub fn replace(&mut self, disk: &mut Disk<impl Steps>, entries: &mut [Entry], aside: &Path) -> Result<()> {
        self.is_in_place(disk)?;
        let (mut bytes, mut mark) = (Vec::new(), Mark { lines: 0, last: self.mark.last });
        for entry in entries {
            entry.set_after(mark.last.map(|last| last.to_string()));
            let line = entry.write()?;
            mark = mark.next(&line);
            bytes.extend(line);
        }
        if !aside.exists() {
            fs::hard_link(&self.path, aside).with_context(|| format!("cannot make {}", aside.display()))?;
        }
        self.file = self.put(disk, &bytes)?;
        (self.length, self.mark) = (bytes.len() as u64, mark);
        self.head.set(&self.mark)
    }
}

/// What the whole lines say.
struct Lines {
    entries: Vec<Entry>,
    /// After each line.
    marks: Vec<Mark>,
    ids: BTreeSet<String>,
    /// The last line of the journal before this one.
    before: Option<Digest>,
}

impl Lines {
    fn mark(&self) -> Mark {
        self.marks.last().copied().unwrap_or(Mark { lines: 0, last: self.before })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let entry = Entry::read(bytes)?;
        let begins = matches!(entry, Entry::Event(Event::Begun { .. })) && self.entries.is_empty();
        let after = entry.after().map(Digest::parse).transpose().ok().context("after")?;
        if begins {
            self.before = after;
        } else if after.is_some() || self.marks.len() > 1 && self.entries.iter().any(|entry| entry.after().is_some()) {
            ensure!(after == self.mark().last, "it does not follow the line before it: lines are missing, or changed");
        }
        let id = match &entry {
            Entry::Decision(line) => Some(line.id.clone()),
            Entry::Event(_) => None,
        };
        if let Some(id) = id {
            ensure!(!self.ids.contains(&id), "{id} is decided twice");
            self.ids.insert(id);
        }
        let next = self.mark().next(bytes);
        self.marks.push(next);
        self.entries.push(entry);
        Ok(())
    }

    /// A last line without its end. It was acted on if the head knows it, or its object is no longer where it was decided.
    fn put_back(&mut self, torn: &[u8], last: Option<Mark>, in_work: &[String]) -> bool {
        let bytes = [torn, b"\n"].concat();
        let Ok(entry) = Entry::read(&bytes) else { return false };
        let known = last == Some(self.mark().next(&bytes));
        let gone = matches!(&entry, Entry::Decision(line) if !in_work.contains(&line.id));
        (known || gone) && self.push(&bytes).is_ok()
    }

    /// Which lines that were written are missing, going by the head.
    fn lost(&self, head: Option<Mark>) -> Result<Option<String>> {
        let Some(head) = head else { return Ok(None) };
        let here = self.marks.len() as u64;
        // A process may have ended between a shorter journal and its head.
        if head.lines == 0 || self.before.is_some() && head.last == self.before {
            return Ok(None);
        }
        if head.lines > here {
            return Ok(Some(format!(
                "{} of the {} lines that were written are missing",
                head.lines - here,
                head.lines
            )));
        }
        let place = usize::try_from(head.lines - 1).unwrap_or(usize::MAX);
        ensure!(
            self.marks.get(place) == Some(&head),
            "line {} is not the one that was written: look at it before you go on",
            head.lines
        );
        Ok(None)
    }
}

/// All but a torn last line: one that has no end, or blocks that never reached the disk and read as zeros.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
    let whole = bytes.split_at(end(bytes)).0;
    let before_last = whole.split_at(end(whole.strip_suffix(b"\n").unwrap_or_default())).0;
    let last = whole.strip_prefix(before_last).unwrap_or_default();
    if last.contains(&0) { before_last } else { whole }
}

fn read_lines(bytes: &[u8], path: &Path) -> Result<Lines> {
    let mut lines = Lines { entries: Vec::new(), marks: Vec::new(), ids: BTreeSet::new(), before: None };
    for (number, bytes) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let damaged = || format!("{}: line {} is damaged: look at it before you go on", path.display(), number + 1);
        lines.push(bytes).with_context(damaged)?;
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::whole_lines;

    #[test]
    fn only_a_torn_last_line_is_cut_off() {
        for (bytes, whole) in [
            (&b""[..], &b""[..]),
            (b"{", b""),
            (b"one\n", b"one\n"),
            (b"one\ntw", b"one\n"),
            (b"one\ntwo\n", b"one\ntwo\n"),
            (b"one\n\0\0\0", b"one\n"),
            (b"one\n\0\0o\n", b"one\n"),
            (b"\0ne\n", b""),
            // This one was not torn: a line after it was written.
            (b"\0ne\ntwo\n", b"\0ne\ntwo\n"),
        ] {
            assert_eq!(whole_lines(bytes), whole, "{}", bytes.escape_ascii());
        }
    }
}
