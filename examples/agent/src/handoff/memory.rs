//! A receiver's lineage on disk: one line for each object that it remembers, written and synced before the object goes on.
//!
//! ```text
//! since <seconds> <nanoseconds>           from when on the memory is complete
//! <manifest> <key> root|missing|<parent> <seconds> <nanoseconds> main|branch <first> approved|held-back|invalid|forbidden
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use cep_envelope::digest::Digest;
use cep_envelope::lineage::{Line, Record, Standing};
use cep_envelope::manifest::{CausalParent, Instant};

const STANDINGS: [(&str, Standing); 4] = [
    ("approved", Standing::Approved),
    ("held-back", Standing::HeldBack),
    ("invalid", Standing::Invalid),
    ("forbidden", Standing::Forbidden),
];

/// From when on a memory is complete, and what it remembers.
pub type Known = (Instant, Vec<Record>);

/// The file, open for one more line. Only one process has it.
pub struct Memory {
    file: File,
    /// The length of its whole lines; none after a write that failed.
    whole: Option<u64>,
}

impl Memory {
    /// Opens the file, or makes it; with what it remembers, unless nothing was ever written to it. A last line that was never
    /// finished is cut off: what it would have said was not acted on.
    ///
    /// # Errors
    /// Another process has it, or a line of it is damaged.
    pub fn open(path: &Path) -> Result<(Self, Option<Known>)> {
        let shown = || format!("--lineage {}", path.display());
        ensure!(!path.exists() || path.is_file(), "{}: no regular file", shown());
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).with_context(shown)?;
        file.try_lock().map_err(|_| anyhow::anyhow!("{}: another process has it", shown()))?;
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(shown)?;
        let whole = text.rfind('\n').map_or(0, |place| place + 1);
        file.set_len(whole as u64).and_then(|()| file.sync_all()).with_context(shown)?;
        let mut lines = text.lines().take(text.matches('\n').count()).enumerate();
        let damaged =
            |number: usize| format!("{}: line {} is damaged: look at it before you go on", shown(), number + 1);
        let memory = Self { file, whole: Some(whole as u64) };
        let Some((number, first)) = lines.next() else { return Ok((memory, None)) };
        let since = since(first).with_context(|| damaged(number))?;
        let records = lines.map(|(number, line)| read(line).with_context(|| damaged(number)));
        Ok((memory, Some((since, records.collect::<Result<_>>()?))))
    }

    /// Begins a memory that is complete from then on.
    ///
    /// # Errors
    /// It may not be on the disk.
    pub fn begin(&mut self, since: Instant) -> io::Result<()> {
        self.write(&format!("since {} {}\n", since.seconds, since.nanos))
    }

    /// Remembers one more.
    ///
    /// # Errors
    /// It may not be on the disk.
    pub fn keep(&mut self, record: &Record) -> io::Result<()> {
        self.write(&written(record))
    }

    /// Whether a line could not be written. The lineage in memory is ahead of the file then, and nothing may be decided from it.
    pub const fn is_broken(&self) -> bool {
        self.whole.is_none()
    }

    /// Writes a line. One that failed is taken back, and no other one is written after it: it would be glued to what is left.
    fn write(&mut self, line: &str) -> io::Result<()> {
        let whole = self.whole.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.whole = Some(whole + line.len() as u64),
            Err(_) => self.file.set_len(whole).and_then(|()| self.file.sync_all())?,
        }
        written
    }
}

fn written(record: &Record) -> String {
    let parent = match record.parent {
        CausalParent::Missing => "missing".into(),
        CausalParent::Root => "root".into(),
        CausalParent::Of(parent) => parent.to_string(),
    };
    let line = match record.line {
        Line::Main(first) => format!("main {first}"),
        Line::Branch(first) => format!("branch {first}"),
    };
    let standing =
        STANDINGS.into_iter().find(|(_, standing)| *standing == record.standing).map_or("", |(name, _)| name);
    let Instant { seconds, nanos } = record.sealed;
    format!("{} {} {parent} {seconds} {nanos} {line} {standing}\n", record.manifest, hex::encode(record.key))
}

fn since(line: &str) -> Result<Instant> {
    let numbers = line.strip_prefix("since ").and_then(|rest| rest.split_once(' ')).context("no 'since'")?;
    Ok(Instant { seconds: numbers.0.parse()?, nanos: numbers.1.parse()? })
}

fn read(line: &str) -> Result<Record> {
    let mut words = line.split(' ');
    let mut next = || words.next().context("it ends too early");
    let digest = |text: &str| Digest::parse(text).context("no digest");
    let manifest = digest(next()?)?;
    let key = hex::decode(next()?)?.try_into().ok().context("no key")?;
    let parent = match next()? {
        "missing" => CausalParent::Missing,
        "root" => CausalParent::Root,
        parent => CausalParent::Of(digest(parent)?),
    };
    let sealed = Instant { seconds: next()?.parse()?, nanos: next()?.parse()? };
    let line = match next()? {
        "main" => Line::Main(digest(next()?)?),
        "branch" => Line::Branch(digest(next()?)?),
        _ => anyhow::bail!("no line"),
    };
    let name = next()?;
    let standing = STANDINGS.into_iter().find(|(known, _)| *known == name).context("no standing")?.1;
    ensure!(words.next().is_none(), "something follows");
    Ok(Record { manifest, key, parent, sealed, line, standing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_line_that_cannot_be_written_there_is_no_other() {
        let full = OpenOptions::new().append(true).open("/dev/full").expect("Linux has it");
        let mut memory = Memory { file: full, whole: Some(0) };
        assert!(!memory.is_broken());
        memory.begin(Instant { seconds: 1, nanos: 0 }).expect_err("there is no room");
        assert!(memory.is_broken());
        let again = memory.begin(Instant { seconds: 1, nanos: 0 }).expect_err("nothing is written after it");
        assert_eq!(again.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn what_is_written_reads_back_and_a_torn_line_is_cut_off() {
        let path = std::env::temp_dir().join(format!("lineage-{}", std::process::id()));
        let digest = |number: u8| Digest::new([number; 32]);
        let lines = [Line::Main(digest(1)), Line::Branch(digest(2))];
        let parents = [CausalParent::Missing, CausalParent::Root, CausalParent::Of(digest(3))];
        let sealed = Instant { seconds: -5, nanos: 1_999_999_999 };
        let mut records = Vec::new();
        for (line, parent) in lines.into_iter().flat_map(|line| parents.map(|parent| (line, parent))) {
            let all = STANDINGS.map(|(_, standing)| Record {
                manifest: digest(4),
                key: [5; 32],
                parent,
                sealed,
                line,
                standing,
            });
            records.extend(all);
        }
        {
            let (mut memory, none) = Memory::open(&path).expect("opened");
            assert!(none.is_none());
            memory.begin(sealed).expect("begun");
            records.iter().try_for_each(|record| memory.keep(record)).expect("kept");
            assert!(Memory::open(&path).is_err(), "one process has it");
        }
        OpenOptions::new().append(true).open(&path).and_then(|mut file| file.write_all(b"sha256:00")).expect("torn");
        let (memory, read) = Memory::open(&path).expect("opened");
        assert_eq!(read, Some((sealed, records)));
        drop(memory);
        std::fs::write(&path, "").expect("emptied");
        assert!(Memory::open(&path).is_ok_and(|(_, known)| known.is_none()), "an empty file remembers nothing");
        std::fs::write(&path, "x\n").expect("written");
        assert!(Memory::open(&path).is_err_and(|error| format!("{error:#}").contains("line 1 is damaged")));
        std::fs::remove_file(&path).expect("removed");
    }
}
