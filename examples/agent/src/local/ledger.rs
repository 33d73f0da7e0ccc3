//! Items that have come, in a file: each line of items once and in order, whatever is killed.
//!
//! An object of JSON per line: which agent sent it, on which line, its number there, and its content. What is in the file, and
//! synced, is acknowledged; so the file says by itself what is missing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use iacp_core::erp::resume::{Line, ResumeRecord};
use iacp_wire::Eid;
use serde::{Deserialize, Serialize};

/// One item, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub from: String,
    pub line: String,
    pub item: u64,
    pub content: String,
}

/// A line of items: who sends it, and its name.
pub type Of = (Eid, [u8; 16]);

pub struct Ledger {
    file: File,
    /// The next item of each line.
    next: HashMap<Of, u64>,
    /// The line that got an item last.
    last: Option<Of>,
}

impl Ledger {
    /// Opens the file, or makes it. An item that a crash has cut is not an item, and comes again.
    ///
    /// # Errors
    /// It cannot be read or written, or another program has written to it.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let file = File::options().create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
        let mut file = file.with_context(|| format!("--out: cannot write {shown}"))?;
        if file.try_lock().is_err() {
            bail!("--out: another agent writes {shown}");
        }
        let mut reader = BufReader::new(&file);
        let (mut next, mut last, mut whole, mut text) = (HashMap::new(), None, 0, Vec::new());
        loop {
            text.clear();
            let length = reader.read_until(b'\n', &mut text).with_context(|| format!("cannot read {shown}"))?;
            if text.last() != Some(&b'\n') {
                break;
            }
            let entry: Entry = serde_json::from_slice(&text)
                .with_context(|| format!("--out: {shown} has something else at byte {whole}"))?;
            let of = entry.of().with_context(|| format!("--out: {shown} has no EID or line at byte {whole}"))?;
            next.insert(of, entry.item + 1);
            (last, whole) = (Some(of), whole + length as u64);
        }
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file, next, last })
    }

    /// The next item that is missing of a line which its sender says begins with `first`.
    pub fn next(&self, of: &Of, first: u64) -> u64 {
        self.next.get(of).map_or(first, |next| (*next).max(first))
    }

    /// Writes items down, which follow each other, and returns when they are safe.
    ///
    /// # Errors
    /// They may not be safe; nothing of them may be acknowledged.
    pub fn keep(&mut self, of: &Of, first: u64, contents: &[Vec<u8>]) -> Result<()> {
        let mut text = Vec::new();
        for (item, content) in (first..).zip(contents) {
            let (from, line) = (hex::encode(of.0.0), hex::encode(of.1));
            serde_json::to_writer(&mut text, &Entry { from, line, item, content: hex::encode(content) })?;
            text.push(b'\n');
        }
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        self.next.insert(*of, first + contents.len() as u64);
        self.last = Some(*of);
        Ok(())
    }

    /// With it the line that got something last goes on after a loss of the host's memory.
    pub fn record(&self) -> Option<(Eid, [u8; ResumeRecord::LEN])> {
        let (peer, line) = self.last?;
        let safe = *self.next.get(&(peer, line))?;
        Some((peer, ResumeRecord { peer, line: Line(line), safe }.to_bytes()))
    }
}

impl Entry {
    fn of(&self) -> Option<Of> {
        let (mut from, mut line) = ([0; 32], [0; 16]);
        hex::decode_to_slice(&self.from, &mut from).ok()?;
        hex::decode_to_slice(&self.line, &mut line).ok()?;
        Some((Eid(from), line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: Of = (Eid([3; 32]), [4; 16]);

    #[test]
    fn what_was_kept_is_found_again_and_a_cut_item_is_none() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("items");
        let mut ledger = Ledger::open(&path).expect("it can be made");
        assert_eq!((ledger.next(&OF, 5), ledger.record()), (5, None));
        ledger.keep(&OF, 5, &[b"a".to_vec(), b"b".to_vec()]).expect("written");
        assert_eq!(ledger.next(&OF, 5), 7);
        assert!(Ledger::open(&path).is_err(), "one agent at a time");
        drop(ledger);
        let whole = std::fs::read(&path).expect("it is there");
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("written");
            let mut ledger = Ledger::open(&path).expect("whole, or cut");
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count() as u64;
            assert_eq!(ledger.next(&OF, 5), 5 + lines, "cut at {cut}");
            ledger.keep(&OF, 5 + lines, &[b"x".to_vec()]).expect("written");
            drop(ledger);
            let text = std::fs::read_to_string(&path).expect("it is there");
            let items: Vec<Entry> = text.lines().map(|line| serde_json::from_str(line).expect("whole")).collect();
            assert!((5..).zip(&items).all(|(number, entry)| entry.item == number), "cut at {cut}");
        }
    }

    #[test]
    fn the_record_names_the_line_and_what_is_safe_of_it() {
        let place = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::open(&place.path().join("items")).expect("it can be made");
        ledger.keep(&OF, 0, &[b"a".to_vec()]).expect("written");
        let (peer, record) = ledger.record().expect("something has come");
        let read = ResumeRecord::read(&record).expect("a record");
        assert_eq!((peer, read.peer, read.line.0, read.safe), (OF.0, OF.0, OF.1, 1));
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("letter");
        std::fs::write(&path, "Dear colleague,\n").expect("written");
        assert!(Ledger::open(&path).is_err());
        assert_eq!(std::fs::read(&path).expect("it is there"), b"Dear colleague,\n");
    }
}
