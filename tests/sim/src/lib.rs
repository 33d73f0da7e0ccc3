//! The real directory node, many times, on one virtual clock: honest agents and attackers send frames over a network
//! that delays, loses and splits. Everything follows from a seed.

mod attack;
mod frames;
pub mod growth;
mod host;
mod operation;
mod provider;
pub mod report;
mod script;
mod world;

pub use report::Report;
pub use script::{Size, run};
