//! What a host and its agents tell of themselves. A demonstration reads it from the processes that it has started.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::telling::summary::grouped;

/// A step of a host, or of an agent in another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Step {
    /// A host takes agents and datagrams.
    HostUp { transport: String, at: String, state: String },
    /// A context of an earlier run goes on; every generation below this may have been signed before.
    Restored { eid: String, bound: u64 },
    /// A local channel.
    Channel { open: bool, number: u32 },
    /// A context has another state (App. B.2).
    Context { eid: String, state: String, generation: u64 },
    /// A generation is on stable storage, and may be signed from now on.
    Persisted { eid: String, bound: u64 },
    /// The host has another address.
    Moves { from: String, to: String },
    /// A host offers to take this agent over from the host with this LII.
    Offers { eid: String, from: String },
    /// A context was sealed for another host, and is here no more.
    Exported { eid: String, to: String, bytes: usize },
    /// A context was taken over; `sessions` of its sessions go on.
    Imported { eid: String, from: String, sessions: u32 },
    /// An agent's context is on another host of this machine, in this folder.
    Follows { to: String },
    /// The first frame from there.
    Hears { at: String },
    /// The first frame to there.
    Speaks { at: String },
    /// An agent has its EID, or has it again.
    Registered { eid: String, again: bool },
    /// A session is open.
    Opened { peer: String },
    /// A transfer begins, or goes on, from this byte.
    GoesOn { transfer: String, from: u64, bytes: u64 },
    /// How many bytes are safe with the receiver.
    Progress { transfer: String, done: u64, bytes: u64 },
    /// The file is whole on stable storage.
    Stored { transfer: String, bytes: u64, sha256: String, from: String, twice: u64 },
    /// The receiver has the whole file.
    Delivered { transfer: String, bytes: u64, sha256: String, sessions: u32 },
    /// An endpoint is shared with this peer; without a tag it is the one that the two have for each other alone.
    Shares { peer: String, tag: Option<String> },
    /// This peer's endpoint has this value, or `gone`, none any more.
    Value { from: String, tag: Option<String>, version: u64, value: Option<String> },
    /// An own endpoint has this value.
    Writes { value: String },
    /// A session is over before its file is.
    Broken { why: String },
    /// A process was ended by SIGKILL.
    Killed { process: String },
    /// A process is started again.
    Restarts { process: String },
    /// Anything else.
    Note { what: String },
}

impl Step {
    /// One of many of its kind.
    pub const fn is_minor(&self) -> bool {
        matches!(self, Self::Channel { .. } | Self::Persisted { .. } | Self::Progress { .. })
    }
}

/// The first digits of an EID or of a number.
fn short(digits: &str) -> String {
    digits.chars().take(8).chain(['…']).collect()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostUp { transport, at, state } => write!(f, "host at {transport} {at}, agents by {state}"),
            Self::Restored { eid, bound } => {
                write!(f, "{} is restored from stable storage: goes on with generation {bound}", short(eid))
            }
            Self::Channel { open: true, number } => write!(f, "local channel {number} opened"),
            Self::Channel { open: false, number } => write!(f, "local channel {number} closed"),
            Self::Context { eid, state, generation } => {
                write!(f, "erp-context {}: {state}, generation {generation}", short(eid))
            }
            Self::Persisted { eid, bound } => {
                write!(f, "{}: every generation below {bound} is on stable storage", short(eid))
            }
            Self::Moves { from, to } => write!(f, "moves from {from} to {to}"),
            Self::Offers { eid, from } => write!(f, "offers to take {} over from the host {}", short(eid), short(from)),
            Self::Exported { eid, to, bytes } => {
                write!(
                    f,
                    "{} is sealed for the host at {to}: {} bytes, and nothing of it stays",
                    short(eid),
                    grouped(*bytes as u64)
                )
            }
            Self::Imported { eid, from, sessions } => {
                write!(f, "{} has come from the host {}, with {sessions} session(s)", short(eid), short(from))
            }
            Self::Follows { to } => write!(f, "its context has moved: goes on with the host in {to}"),
            Self::Hears { at } => write!(f, "hears {at} for the first time"),
            Self::Speaks { at } => write!(f, "sends to {at} for the first time"),
            Self::Registered { eid, again: false } => write!(f, "is {eid}"),
            Self::Registered { eid, again: true } => write!(f, "is {eid}, still"),
            Self::Opened { peer } => write!(f, "session with {}", short(peer)),
            Self::GoesOn { transfer, from: 0, bytes } => {
                write!(f, "transfer {} of {} bytes begins", short(transfer), grouped(*bytes))
            }
            Self::GoesOn { transfer, from, bytes } => {
                write!(f, "transfer {} goes on at byte {} of {}", short(transfer), grouped(*from), grouped(*bytes))
            }
            Self::Progress { transfer, done, bytes } => {
                write!(f, "transfer {}: {} of {} bytes are safe", short(transfer), grouped(*done), grouped(*bytes))
            }
            Self::Stored { bytes, sha256, from, .. } => {
                write!(f, "stored {} bytes from {}, SHA-256 {sha256}", grouped(*bytes), short(from))
            }
            Self::Delivered { bytes, sha256, sessions, .. } => {
                write!(f, "delivered {} bytes in {sessions} session(s), SHA-256 {sha256}", grouped(*bytes))
            }
            Self::Shares { peer, tag: Some(tag) } => write!(f, "shares '{tag}' with {}", short(peer)),
            Self::Shares { peer, tag: None } => write!(f, "shares the endpoint of the pair with {}", short(peer)),
            Self::Value { from, tag, version, value } => {
                let tag = tag.as_ref().map_or_else(|| "the pair".to_owned(), |tag| format!("'{tag}'"));
                match value {
                    Some(value) => write!(f, "{tag} of {}, version {version}: {value}", short(from)),
                    None => write!(f, "{tag} of {} is gone", short(from)),
                }
            }
            Self::Writes { value } => write!(f, "writes {value}"),
            Self::Broken { why } => write!(f, "session over: {why}"),
            Self::Killed { process } => write!(f, "✗ {process} is killed (SIGKILL)"),
            Self::Restarts { process } => write!(f, "{process} is started again"),
            Self::Note { what } => f.write_str(what),
        }
    }
}
