//! An agent moves to another host: its context and its sessions, sealed, once (`IACP §5.6`).
//!
//! ```text
//!  importing host            operator, or `agent control … dock move`            exporting host
//!    offer  ── DOCK_OFFER ─────────────────────────────────────────▶  export   "exported" is stored, then all is sealed
//!    import ◀───────────────────────────────────────────── blob ────          the seed stays in its folder, under a mark
//!    stored ──────────────────────────────────────────────────────▶  done     the seed goes
//!                        the blob is lost, and was not imported ──▶  keep     the agent goes on where it was
//! ```
//!
//! Here are the orders, what waits for stable storage meanwhile, and what is kept in the host's folder.

mod files;

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use iacp_core::erp::dock::DockReason;
use iacp_wire::Eid;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::oneshot;

pub use files::{Moved, reserve};

use crate::host::storage::Folder;
use crate::keys::Identity;

/// What a host is told to do with an agent that moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum DockOrder {
    /// The host with this LII may take agents over.
    Allow { lii: String },
    /// Offers to take an agent over from the host with this LII.
    Offer { eid: String, from: String },
    /// Seals the agent that is offered a place into a new file.
    Export { offer: String, to: PathBuf, compromised: bool },
    /// Takes the agent in this file over.
    Import { blob: PathBuf },
    /// The agent is on its new host, in this folder if that is on this machine: its seed goes here.
    Done { eid: String, at: Option<PathBuf> },
    /// The blob is lost, and was not imported: the agent goes on here.
    Keep { eid: String },
}

/// Where the answer to an order goes.
pub type Answer = oneshot::Sender<Value>;

/// What waits for stable storage.
pub enum Waits {
    /// "Exported": then the context is sealed into this file.
    Export { to: PathBuf, reason: DockReason, at: String },
    /// "Kept": the export was given up, for this reason.
    GivenUp(String),
    /// The bound of a context that has come, in this file.
    Import { blob: PathBuf, from: String, sessions: u32, left: u32 },
    /// The bound of a context that was taken back.
    TakenBack,
}

/// What a host knows of agents that move.
pub struct Docking {
    pub lii: Identity,
    waiting: Vec<(Eid, Waits, Option<Answer>)>,
    /// Contexts that are here no more because another host has them: their files stay, under the mark.
    left: HashSet<Eid>,
}

impl Docking {
    pub fn new(folder: &Folder) -> Result<Self> {
        Ok(Self { lii: folder.lii()?, waiting: Vec::new(), left: HashSet::new() })
    }

    /// What the host is called by other hosts.
    pub fn name(&self) -> String {
        hex::encode(self.lii.eid().0)
    }

    /// The context of an agent is here no more; whether another host has it.
    pub fn has_left(&mut self, eid: &Eid) -> bool {
        self.waiting.retain_mut(|(of, _, answer)| {
            if of == eid {
                tell(answer.take(), Err(anyhow!("the agent has left meanwhile")));
            }
            of != eid
        });
        self.left.remove(eid)
    }

    /// Another host has the context from now on.
    pub fn leaves(&mut self, eid: &Eid) {
        self.left.insert(*eid);
    }

    /// Something waits for stable storage to answer.
    pub fn wait(&mut self, eid: Eid, waits: Waits, answer: Option<Answer>) {
        self.waiting.push((eid, waits, answer));
    }

    pub fn waits_for(&self, eid: &Eid) -> bool {
        self.waiting.iter().any(|(of, ..)| of == eid)
    }

    /// What waits.
    pub fn take(&mut self, eid: &Eid) -> Option<(Waits, Option<Answer>)> {
        let place = self.waiting.iter().position(|(of, ..)| of == eid)?;
        let (_, waits, answer) = self.waiting.swap_remove(place);
        Some((waits, answer))
    }
}

/// An order that is over has its answer.
pub fn tell(answer: Option<Answer>, said: Result<Value>) {
    if let Some(answer) = answer {
        let _ = answer.send(said.unwrap_or_else(|error| json!({ "error": format!("{error:#}") })));
    }
}
