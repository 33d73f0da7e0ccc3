//! Accusation, defence and consequence: how the network deals with misbehaviour (`IACP §4.2.7`, `§5.5`).

pub mod ballot;
pub mod claims;
pub mod equivocation;
pub mod escrow;
pub mod filter;
pub mod journal;
pub mod malfeasance;
pub mod quarantine;
pub mod reputation;
pub mod revocation;
pub mod window;
