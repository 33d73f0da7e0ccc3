//! The journal: one decision in a line, on the disk before anything follows from it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use cep_envelope::decision::Outcome;
use cep_envelope::digest::Digest;
use cep_envelope::lineage::{self, Standing};
use cep_envelope::manifest::{CausalParent, Instant};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::disk::{Disk, Steps};
use crate::folders::{is_folder_name, is_id};
use crate::keys::hex_32;

/// A decision, as the journal and an object's `decision.json` have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The delivery's own id.
    pub id: String,
    /// When it was taken from the inbox.
    pub at: jiff::Timestamp,
    /// The name under which it came, escaped.
    pub name: String,
    /// What it would be called if its name were normalised. Nothing is ever found or merged by it.
    pub normalised: Option<String>,
    /// What was decided.
    pub outcome: OutcomeName,
    /// The folder within the outcome's folder.
    pub folder: String,
    /// It in words.
    pub words: String,
    /// The findings that made the outcome what it is.
    pub deciding: Vec<String>,
    /// Everything that was found.
    pub findings: Vec<String>,
    /// The highest rung that is proven.
    pub proven: String,
    /// Why its notice is none, if that is so.
    pub notice: Option<String>,
    /// What the lineage remembers.
    pub record: Option<Record>,
}

/// An outcome by its name in the draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeName(pub Outcome);

impl Serialize for OutcomeName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for OutcomeName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.name() == name);
        outcome.map(Self).ok_or_else(|| D::Error::custom("no outcome"))
    }
}

/// What a lineage needs to know again after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    manifest: String,
    key: String,
    parent: Parent,
    sealed: (i64, u32),
    line: Begins,
    standing: Stands,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Parent {
    Missing,
    Root,
    Of(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Begins {
    Main(String),
    Branch(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stands {
    Approved,
    HeldBack,
    Invalid,
    Forbidden,
}

impl From<&lineage::Record> for Record {
    fn from(record: &lineage::Record) -> Self {
        Self {
            manifest: record.manifest.to_string(),
            key: hex::encode(record.key),
            parent: match record.parent {
                CausalParent::Missing => Parent::Missing,
                CausalParent::Root => Parent::Root,
                CausalParent::Of(parent) => Parent::Of(parent.to_string()),
            },
            sealed: (record.sealed.seconds, record.sealed.nanos),
            line: match record.line {
                lineage::Line::Main(first) => Begins::Main(first.to_string()),
                lineage::Line::Branch(first) => Begins::Branch(first.to_string()),
            },
            standing: match record.standing {
                Standing::Approved => Stands::Approved,
                Standing::HeldBack => Stands::HeldBack,
                Standing::Invalid => Stands::Invalid,
                Standing::Forbidden => Stands::Forbidden,
            },
        }
    }
}

impl Record {
    fn read(&self) -> Result<lineage::Record> {
        let digest = |text: &str| Digest::parse(text).with_context(|| format!("'{}'", text.escape_debug()));
        Ok(lineage::Record {
            manifest: digest(&self.manifest)?,
            key: hex_32(&self.key).context("key: not 64 hexadecimal digits")?,
            parent: match &self.parent {
                Parent::Missing => CausalParent::Missing,
                Parent::Root => CausalParent::Root,
                Parent::Of(parent) => CausalParent::Of(digest(parent)?),
            },
            sealed: Instant { seconds: self.sealed.0, nanos: self.sealed.1 },
            line: match &self.line {
                Begins::Main(first) => lineage::Line::Main(digest(first)?),
                Begins::Branch(first) => lineage::Line::Branch(digest(first)?),
            },
            standing: match self.standing {
                Stands::Approved => Standing::Approved,
                Stands::HeldBack => Standing::HeldBack,
                Stands::Invalid => Standing::Invalid,
                Stands::Forbidden => Standing::Forbidden,
            },
        })
    }
}

/// A line that was read, and what the lineage makes of it.
pub(crate) type Decided = (Line, Option<lineage::Record>);

/// A journal that is open for one more line.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Reads what was decided, in its order, and makes ready to go on. A last line that a crash has torn is cut off: what it
    /// would have said was never acted on. Anything else that is wrong is not repaired, but said.
    pub fn open(disk: &mut Disk<impl Steps>, path: PathBuf) -> Result<(Self, Vec<Decided>)> {
        let cannot = || format!("cannot open {}", path.display());
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).with_context(cannot)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(cannot)?;
        let whole = whole_lines(&bytes);
        if whole.len() < bytes.len() {
            disk.truncate(&file, &path, whole.len() as u64).with_context(cannot)?;
        } else if !whole.is_empty() {
            // Whoever wrote the last line may have been killed before it was on the disk, and we act on it.
            disk.sync_file(&file, &path).with_context(cannot)?;
        }
        let lines = read_lines(whole, &path)?;
        if let Some(root) = path.parent() {
            // The journal's own entry.
            disk.sync_folder(root)?;
        }
        Ok((Self { file, path }, lines))
    }

    /// Writes a decision down. Whoever gets an error must end: nobody knows how much of the line is there.
    pub fn append(&mut self, disk: &mut Disk<impl Steps>, line: &Line) -> Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        disk.append(&mut self.file, &self.path, &bytes)
            .with_context(|| format!("cannot write to {}", self.path.display()))
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

fn read_lines(bytes: &[u8], path: &Path) -> Result<Vec<Decided>> {
    let (mut lines, mut ids) = (Vec::new(), BTreeSet::new());
    for (number, bytes) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let read = read_line(bytes).and_then(|(line, record)| {
            ensure!(ids.insert(line.id.clone()), "{} is decided twice", line.id);
            Ok((line, record))
        });
        let damaged = || format!("{}: line {} is damaged: look at it before you go on", path.display(), number + 1);
        lines.push(read.with_context(damaged)?);
    }
    Ok(lines)
}

fn read_line(bytes: &[u8]) -> Result<Decided> {
    let line: Line = serde_json::from_slice(bytes)?;
    if !is_id(&line.id) {
        bail!("id: not 16 hexadecimal digits");
    }
    // It becomes a path.
    ensure!(is_folder_name(&line.folder, &line.id), "folder: not the id, alone or behind a surface and a '+'");
    let record = line.record.as_ref().map(Record::read).transpose().context("record")?;
    Ok((line, record))
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
