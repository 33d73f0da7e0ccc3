//! What carries frames from one agent to another, and what goes wrong with them.

pub mod faults;
pub mod link;
pub mod outlet;
mod quic;
