//! The EID Routing Protocol: from an agent's local context to packets that follow it (`IACP §4.2`).

pub mod context;
