//! What a journal holds: decisions of the drop, orders of people, and what became of the memory.

use anyhow::{Context, Result, bail, ensure};
use cep_envelope::manifest::Instant;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::folders::{is_folder_name, is_id};
use crate::line::{Begins, Line, OutcomeName};

const LABEL: &[u8] = b"CEP/1 order\0";

/// What an operator signs of an order's text.
#[must_use]
pub fn order_hash(order: &str) -> [u8; 32] {
    Sha256::new().chain_update(LABEL).chain_update(order.as_bytes()).finalize().into()
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The drop has decided about an object.
    Decision(Box<Line>),
    /// Anything else.
    Event(Event),
}

/// What changes the memory and is no decision about an object that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A person has decided.
    Order {
        /// The order's own text: an [`Order`] in JSON, as it was signed.
        order: String,
        /// The id of the operator's key, if one has signed it.
        signer: Option<String>,
        /// Its signature, 128 hexadecimal digits.
        signature: Option<String>,
        /// The SHA-256 of the line before this one.
        after: Option<String>,
    },
    /// Lines were lost. What was sealed before some instant may have been decided, and is not approved.
    MemoryLost {
        /// When that was noticed.
        at: Timestamp,
        /// The instant, in seconds and nanoseconds.
        before: (i64, u32),
        /// What was lost, in words.
        why: String,
        /// The SHA-256 of the line before this one.
        after: Option<String>,
    },
    /// A journal that was made shorter begins.
    Begun {
        /// When.
        at: Timestamp,
        /// What was sealed before this instant is forgotten.
        before: Option<(i64, u32)>,
        /// How many lines the former journal had.
        lines: u64,
        /// The SHA-256 of the last of them.
        after: Option<String>,
    },
}

/// What a person has decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The order's own id.
    pub id: String,
    /// When it was given.
    pub at: Timestamp,
    /// The name of that person.
    pub by: String,
    /// The reason.
    pub why: String,
    /// What is to be done.
    pub deed: Deed,
}

/// What a person can order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Deed {
    /// An object that is held back is judged once more, and these findings hinder it no longer than they must.
    Release {
        /// The delivery's id.
        object: String,
        /// The outcome's folder in which it lies.
        outcome: OutcomeName,
        /// The folder in there.
        folder: String,
        /// The digest of its manifest.
        manifest: String,
        /// The key that sealed it.
        key: String,
        /// The names of the findings that this person has looked at.
        findings: Vec<String>,
    },
    /// Nothing continues any approved object of this line.
    Forbid {
        /// The line.
        line: Begins,
    },
    /// Nothing continues this object, which counts as bad from now on.
    Invalidate {
        /// The digest of its manifest.
        manifest: String,
    },
    /// What was sealed before some instant is forgotten, and nothing that was is approved any more.
    Forget {
        /// The instant, in seconds and nanoseconds.
        before: (i64, u32),
    },
    /// The journal keeps what the memory needs, and the rest is put aside.
    Compact,
}

impl Deed {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Release { .. } => "release",
            Self::Forbid { .. } => "forbid",
            Self::Invalidate { .. } => "invalidate",
            Self::Forget { .. } => "forget",
            Self::Compact => "compact",
        }
    }
}

impl Order {
    /// Reads an order's text.
    ///
    /// # Errors
    /// It is malformed.
    pub fn read(text: &str) -> Result<Self> {
        let order: Self = serde_json::from_str(text)?;
        ensure!(is_id(&order.id), "id: not 16 hexadecimal digits");
        ensure!(!order.by.trim().is_empty(), "by: the name of the person who decides is missing");
        ensure!(!order.why.trim().is_empty(), "why: the reason is missing");
        if let Deed::Release { object, folder, .. } = &order.deed {
            ensure!(is_id(object) && is_folder_name(folder, object), "folder: not the id, alone or behind a surface");
        }
        Ok(order)
    }
}

impl Entry {
    /// Reads a line of the journal.
    ///
    /// # Errors
    /// It is malformed.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(b"{\"event\":") {
            let event: Event = serde_json::from_slice(bytes)?;
            if let Event::Order { order, .. } = &event {
                Order::read(order).context("order")?;
            }
            return Ok(Self::Event(event));
        }
        let line: Line = serde_json::from_slice(bytes)?;
        if !is_id(&line.id) {
            bail!("id: not 16 hexadecimal digits");
        }
        // It becomes a path.
        ensure!(is_folder_name(&line.folder, &line.id), "folder: not the id, alone or behind a surface and a '+'");
        line.record.as_ref().map(crate::line::Record::read).transpose().context("record")?;
        Ok(Self::Decision(Box::new(line)))
    }

    /// The line that it must stand behind, if it says so.
    pub(crate) fn after(&self) -> Option<&str> {
        match self {
            Self::Decision(line) => line.after.as_deref(),
            Self::Event(Event::Order { after, .. } | Event::MemoryLost { after, .. } | Event::Begun { after, .. }) => {
                after.as_deref()
            }
        }
    }

    pub(crate) fn set_after(&mut self, digest: Option<String>) {
        match self {
            Self::Decision(line) => line.after = digest,
            Self::Event(Event::Order { after, .. } | Event::MemoryLost { after, .. } | Event::Begun { after, .. }) => {
                *after = digest
            }
        }
    }

    pub(crate) fn write(&self) -> Result<Vec<u8>> {
        let mut bytes = match self {
            Self::Decision(line) => serde_json::to_vec(line)?,
            Self::Event(event) => serde_json::to_vec(event)?,
        };
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// An instant as the journal has it.
pub(crate) const fn instant(before: (i64, u32)) -> Instant {
    Instant { seconds: before.0, nanos: before.1 }
}
