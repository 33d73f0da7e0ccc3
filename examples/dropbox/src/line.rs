//! A decision as it is written down, and what the lineage needs to know of it again.

use anyhow::{Context, Result};
use cep_envelope::decision::Outcome;
use cep_envelope::digest::Digest;
use cep_envelope::lineage::{self, Standing};
use cep_envelope::manifest::{CausalParent, Instant};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::keys::hex_32;

/// A decision, as the journal and an object's `decision.json` have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The delivery's own id.
    pub id: String,
    /// When it was taken from the inbox.
    pub at: jiff::Timestamp,
    /// When it was decided: later than every decision before it in this drop, whatever the clock said.
    #[serde(default)]
    pub decided: Option<jiff::Timestamp>,
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
    /// Who sealed it, as it is: to be escaped where it is printed. Not there, as long as that is not proven.
    #[serde(default)]
    pub sender: Option<String>,
    /// The id of the key that it says to be sealed with; proven if the sender is.
    #[serde(default)]
    pub signer: Option<String>,
    /// Who has sent it, by the notice or else by the profile: a claim, escaped.
    #[serde(default)]
    pub claimed_sender: Option<String>,
    /// The digest of its manifest, if the sender is proven.
    #[serde(default)]
    pub manifest: Option<String>,
    /// The public key that sealed it, if the sender is proven.
    #[serde(default)]
    pub key: Option<String>,
    /// What a person can do about it.
    #[serde(default)]
    pub advice: Option<String>,
    /// The order by which it was judged once more.
    #[serde(default)]
    pub order: Option<String>,
    /// The SHA-256 of the line before this one.
    #[serde(default)]
    pub after: Option<String>,
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

/// A line of objects, by the manifest with which it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begins {
    /// It begins at a root.
    Main(String),
    /// It is a branch.
    Branch(String),
}

impl From<&lineage::Line> for Begins {
    fn from(line: &lineage::Line) -> Self {
        match line {
            lineage::Line::Main(first) => Self::Main(first.to_string()),
            lineage::Line::Branch(first) => Self::Branch(first.to_string()),
        }
    }
}

impl Begins {
    pub(crate) fn read(&self) -> Result<lineage::Line> {
        Ok(match self {
            Self::Main(first) => lineage::Line::Main(digest(first)?),
            Self::Branch(first) => lineage::Line::Branch(digest(first)?),
        })
    }
}

/// Reads a digest of the journal.
pub(crate) fn digest(text: &str) -> Result<Digest> {
    Digest::parse(text).with_context(|| format!("'{}'", text.escape_debug()))
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
            line: Begins::from(&record.line),
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
    /// The line that the object is on.
    #[must_use]
    pub const fn line(&self) -> &Begins {
        &self.line
    }

    pub(crate) fn read(&self) -> Result<lineage::Record> {
        Ok(lineage::Record {
            manifest: digest(&self.manifest)?,
            key: hex_32(&self.key).context("key: not 64 hexadecimal digits")?,
            parent: match &self.parent {
                Parent::Missing => CausalParent::Missing,
                Parent::Root => CausalParent::Root,
                Parent::Of(parent) => CausalParent::Of(digest(parent)?),
            },
            sealed: Instant { seconds: self.sealed.0, nanos: self.sealed.1 },
            line: self.line.read()?,
            standing: match self.standing {
                Stands::Approved => Standing::Approved,
                Stands::HeldBack => Standing::HeldBack,
                Stands::Invalid => Standing::Invalid,
                Stands::Forbidden => Standing::Forbidden,
            },
        })
    }
}
