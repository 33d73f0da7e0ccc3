//! Reading a journal, one line after the other: however many there are, one of them is in memory, and the ids of the others.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use cep_envelope::digest::Digest;

use crate::entry::{Entry, Event};
use crate::head::Mark;

/// The longest line that is read, in bytes. The longest that is written has an order of 64 KiB in it.
const LONGEST: u64 = 1 << 20;
/// Bytes that are read in one go.
const CHUNK: usize = 64 << 10;

/// What comes next in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A line with its end.
    Whole,
    /// The last line, without its end.
    Torn,
    /// The last line, of which no more than its length can be told: blocks that never reached the disk read as zeros.
    Lost,
    Nothing,
}

/// The lines of a journal.
pub(crate) struct Reader<R> {
    from: R,
    /// The line that came last.
    pub line: Vec<u8>,
    /// How many lines with an end there were.
    pub number: u64,
    /// How many bytes they have.
    pub length: u64,
}

impl Reader<BufReader<File>> {
    pub fn of(file: File) -> Self {
        Self::new(BufReader::with_capacity(CHUNK, file))
    }
}

impl<R: BufRead> Reader<R> {
    pub const fn new(from: R) -> Self {
        Self { from, line: Vec::new(), number: 0, length: 0 }
    }

    /// Goes on to the next line.
    pub fn next(&mut self) -> Result<Next> {
        self.line.clear();
        (&mut self.from).take(LONGEST).read_until(b'\n', &mut self.line)?;
        let (long, has_end) = (self.line.len() as u64, self.line.ends_with(b"\n"));
        match (has_end, self.line.contains(&0), long) {
            (_, _, 0) => return Ok(Next::Nothing),
            (false, false, ..LONGEST) => return Ok(Next::Torn),
            (true, false, _) => {}
            // Another line behind this one was written when this one was whole: it was not torn, but is damaged.
            _ if !self.another_ends()? => return Ok(Next::Lost),
            (false, ..) => bail!("line {} is longer than {LONGEST} bytes", self.number + 1),
            (true, ..) => {}
        }
        self.number += 1;
        self.length += long;
        Ok(Next::Whole)
    }

    /// Whether a line ends behind this one. What is read for that is gone: after it, a reader can only end or complain.
    fn another_ends(&mut self) -> io::Result<bool> {
        loop {
            let piece = self.from.fill_buf()?;
            if piece.is_empty() || piece.contains(&b'\n') {
                return Ok(!piece.is_empty());
            }
            let count = piece.len();
            self.from.consume(count);
        }
    }
}

/// Tells of every entry of a journal that may be written to meanwhile: of what its whole lines say.
pub(crate) fn for_each(path: &Path, mut tell: impl FnMut(Entry)) -> Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.with_context(|| path.display().to_string())?,
    };
    let mut lines = Reader::of(file);
    while lines.next().with_context(|| path.display().to_string())? == Next::Whole {
        let entry = Entry::read(&lines.line);
        tell(entry.with_context(|| format!("{}: line {}", path.display(), lines.number))?);
    }
    Ok(())
}

/// Whether lines follow each other.
pub(crate) struct Chain {
    mark: Mark,
    /// The head's mark, and whether the journal has that line.
    head: Option<Mark>,
    agrees: Option<bool>,
    /// Since some line, each names the one before it.
    chained: bool,
    ids: BTreeSet<String>,
    /// The last line of the journal before this one.
    before: Option<Digest>,
    /// The last line says that lines were lost.
    ends_in_loss: bool,
}

impl Chain {
    /// Nothing yet, of a journal whose head was this.
    pub const fn new(head: Option<Mark>) -> Self {
        let mark = Mark { lines: 0, last: None };
        Self { mark, head, agrees: None, chained: false, ids: BTreeSet::new(), before: None, ends_in_loss: false }
    }

    /// After the last line.
    pub const fn mark(&self) -> Mark {
        self.mark
    }

    /// One more line: what it says is taken if it follows the others.
    pub fn push(&mut self, bytes: &[u8], take: &mut impl FnMut(Entry) -> Result<()>) -> Result<()> {
        let entry = Entry::read(bytes)?;
        let after = entry.after().map(Digest::parse).transpose().ok().context("after")?;
        if self.mark.lines == 0 && matches!(entry, Entry::Event(Event::Begun { .. })) {
            (self.before, self.mark.last) = (after, after);
        } else if after.is_some() || self.chained {
            ensure!(after == self.mark.last, "it does not follow the line before it: lines are missing, or changed");
        }
        if let Entry::Decision(line) = &entry {
            ensure!(!self.ids.contains(&line.id), "{} is decided twice", line.id);
            self.ids.insert(line.id.clone());
        }
        self.ends_in_loss = matches!(entry, Entry::Event(Event::MemoryLost { .. }));
        take(entry)?;
        self.chained |= after.is_some();
        self.mark = self.mark.next(bytes);
        if let Some(head) = self.head.filter(|head| head.lines == self.mark.lines) {
            self.agrees = Some(head == self.mark);
        }
        Ok(())
    }

    /// A last line without its end. It was acted on if the head knows it, or its object is no longer where it was decided.
    pub fn put_back(
        &mut self,
        torn: &[u8],
        in_work: &BTreeSet<String>,
        take: &mut impl FnMut(Entry) -> Result<()>,
    ) -> bool {
        let bytes = [torn, b"\n"].concat();
        let Ok(entry) = Entry::read(&bytes) else { return false };
        let known = self.head == Some(self.mark.next(&bytes));
        let gone = matches!(&entry, Entry::Decision(line) if !in_work.contains(&line.id));
        (known || gone) && self.push(&bytes, take).is_ok()
    }

    /// Which lines that were written are missing, going by the head.
    pub fn lost(&self) -> Result<Option<String>> {
        let Some(head) = self.head else { return Ok(None) };
        // A process may have ended between a shorter journal and its head.
        if head.lines == 0 || self.before.is_some() && head.last == self.before {
            return Ok(None);
        }
        if head.lines > self.mark.lines {
            let missing = head.lines - self.mark.lines;
            return Ok(Some(format!("{missing} of the {} lines that were written are missing", head.lines)));
        }
        // A process has ended between that line and the head: to be sure, it is written down once more.
        if self.agrees != Some(true) && self.ends_in_loss {
            return Ok(Some(
                "lines that were written are missing, and a process ended while it noticed that".to_owned(),
            ));
        }
        ensure!(
            self.agrees == Some(true),
            "line {} is not the one that was written: look at it before you go on",
            head.lines
        );
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_torn_last_line_is_cut_off() {
        for (bytes, whole, end) in [
            (&b""[..], 0, Next::Nothing),
            (b"{", 0, Next::Torn),
            (b"one\n", 4, Next::Nothing),
            (b"one\ntw", 4, Next::Torn),
            (b"one\ntwo\n", 8, Next::Nothing),
            (b"one\n\0\0\0", 4, Next::Lost),
            (b"one\n\0\0o\n", 4, Next::Lost),
            (b"one\n\0\0o\ntw", 4, Next::Lost),
            (b"\0ne\n", 0, Next::Lost),
        ] {
            let mut lines = Reader::new(bytes);
            let last = loop {
                match lines.next().expect("bytes") {
                    Next::Whole => {}
                    last => break last,
                }
            };
            assert_eq!((lines.length, last), (whole, end), "{}", bytes.escape_ascii());
        }
        // This one was not torn: a line after it was written.
        let mut lines = Reader::new(&b"\0ne\ntwo\n"[..]);
        assert_eq!((lines.next().expect("bytes"), &*lines.line), (Next::Whole, &b"\0ne\n"[..]));
    }

    #[test]
    fn no_line_takes_more_memory_than_the_longest() {
        let long = vec![b'x'; 3 << 20];
        let mut lines = Reader::new(&long[..]);
        assert_eq!(lines.next().expect("bytes"), Next::Lost, "it may be what a crash has left");
        assert!(lines.line.capacity() <= 2 << 20);
        let long = [b"one\n", &long[..], b"\n"].concat();
        let mut lines = Reader::new(&*long);
        assert_eq!(lines.next().expect("bytes"), Next::Whole);
        assert!(lines.next().expect_err("too long").to_string().contains("line 2 is longer than"));
    }
}
