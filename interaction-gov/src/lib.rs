//! Interaction-scoped governance: one Interaction Identity, one coherent policy, proof by construction.
#![no_std]

pub mod audit;
pub mod authority;
pub mod function;
pub mod identity;
pub mod interaction;
pub mod lifecycle;
pub mod measure;
pub mod participant;
pub mod policy;
pub mod proof;
pub mod protocol;
pub mod rollout;
mod text;
pub mod time;
pub mod vocabulary;

pub use text::{TextError, Trouble};
