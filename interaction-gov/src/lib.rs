//! Interaction-scoped governance: one Interaction Identity, one coherent policy, proof by construction.
//!
//! An [`Interaction`](interaction::Interaction) is the one control context: participants, functions, computations, policy,
//! placement and evidence are bound to it, and none of them has a context of its own that would have to be kept in step.
//!
//! ```text
//! Authorities   sign texts          authority, policy
//! Rollout       versions, tracks    rollout
//! Interaction   decides             interaction, participant, function
//! Log, Trail    what happened       audit
//! Snapshot, Stamp   state over a restart   snapshot
//! ```
//!
//! The README has an example that compiles. Features: `defmt` derives `defmt::Format` on errors and plain values.
// keeps: IOE-111 (§4.10 R10), IOE-112 (§4.10 R10)
#![no_std]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

pub mod audit;
pub mod authority;
mod bytes;
mod changes;
mod codes;
pub mod function;
pub mod identity;
pub mod interaction;
mod keep;
pub mod lease;
pub mod lifecycle;
mod list;
pub mod measure;
mod number;
pub mod participant;
pub mod policy;
pub mod proof;
pub mod protocol;
pub mod rollout;
pub mod snapshot;
mod text;
pub mod time;
mod told;
pub mod vocabulary;
mod words;

pub use text::{TextError, Trouble};

// The examples of the README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
