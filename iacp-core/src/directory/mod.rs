//! The directory (`IACP §3.5`, `§5.1`, `§5.2`): self-proving records, which nodes are responsible for them, and names.
//!
//! Everything here is a pure function of what it is given. A node keeps its records in the caller's memory and asks
//! [`judge`] about each one that arrives; a reader asks the same function about each one that a node hands out.

pub mod accusation;
mod answered;
mod body;
pub mod client;
mod facts;
mod judge;
mod kind;
pub mod metric;
pub mod name;
pub mod node;
mod prove;
pub mod quorum;
pub mod work;

pub use answered::{Answered, answered};
pub use body::{Body, Custodian, Rebuttal, Slot, Stated, record_digest};
pub use facts::{Facts, NotStored, Voters};
pub use judge::{Judgement, Origin, class_of, judge, sign, slot};
pub use kind::{Class, Kind, MalformedRecord};
