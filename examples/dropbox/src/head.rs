//! `ROOT/head`: how many lines the journal had at last, and what the last one was.
//!
//! Two records of 128 bytes, written in turn and not synced one by one: after a power cut it may know fewer lines than there are,
//! and never more, for a line is on the disk before it is counted. Where that is not enough, it is synced: when a shorter journal
//! takes the place of another, and when lines were lost.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cep_envelope::digest::Digest;

use crate::disk::{Disk, Steps};
use crate::folders::open_own;

/// What one record takes.
const RECORD: usize = 128;

/// A place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// How many lines there are up to here.
    pub lines: u64,
    /// The SHA-256 of the last one.
    pub last: Option<Digest>,
}

impl Mark {
    /// After one more line.
    pub fn next(&self, line: &[u8]) -> Self {
        Self { lines: self.lines + 1, last: Some(Digest::of(line)) }
    }
}

pub(crate) struct Head {
    file: File,
    path: PathBuf,
    last: Option<Mark>,
    turn: u64,
}

impl Head {
    pub fn open(path: &Path) -> Result<Self> {
        let cannot = || format!("cannot open {}", path.display());
        let mut file = open_own(path).with_context(cannot)?;
        let mut bytes = Vec::new();
        (&mut file).take(2 * RECORD as u64).read_to_end(&mut bytes).with_context(cannot)?;
        let records = bytes.chunks(RECORD).filter_map(read);
        let newest = records.max_by_key(|(turn, _)| *turn);
        let (turn, last) = newest.map_or((0, None), |(turn, mark)| (turn, Some(mark)));
        Ok(Self { file, path: path.to_owned(), last, turn })
    }

    /// What it knew when it was opened.
    pub const fn last(&self) -> Option<Mark> {
        self.last
    }

    pub fn set(&mut self, mark: &Mark) -> Result<()> {
        if self.last == Some(*mark) {
            return Ok(());
        }
        self.turn += 1;
        let record = write(self.turn, mark);
        let place = self.turn % 2 * RECORD as u64;
        self.file.write_all_at(&record, place).with_context(|| format!("cannot write to {}", self.path.display()))?;
        self.last = Some(*mark);
        Ok(())
    }

    /// Waits until it is on the disk.
    pub fn sync(&self, disk: &mut Disk<impl Steps>) -> Result<()> {
        Ok(disk.sync_file(&self.file, &self.path)?)
    }
}

/// `<turn> <lines> <digest or -> <check>`, filled up with blanks.
fn write(turn: u64, mark: &Mark) -> Vec<u8> {
    let last = mark.last.map_or_else(|| "-".to_owned(), |last| last.to_string());
    let said = format!("{turn} {} {last}", mark.lines);
    let check = Digest::of(said.as_bytes()).to_string();
    let mut record = format!("{said} {}", check.get(7..23).unwrap_or_default()).into_bytes();
    record.resize(RECORD - 1, b' ');
    record.push(b'\n');
    record
}

fn read(record: &[u8]) -> Option<(u64, Mark)> {
    let mut words = std::str::from_utf8(record).ok()?.split_ascii_whitespace();
    let mut next = || words.next();
    let turn = next()?.parse().ok()?;
    let lines = next()?.parse().ok()?;
    let last = next()?;
    let last = if last == "-" { None } else { Some(Digest::parse(last).ok()?) };
    let mark = Mark { lines, last };
    (write(turn, &mark) == record).then_some((turn, mark))
}
