//! The EID Routing Protocol: from an agent's local context to packets that follow it (`IACP §4.2`).

pub mod agent;
pub mod backoff;
pub mod binding;
pub mod context;
pub mod deflect;
pub mod dock;
pub mod entity;
mod fields;
pub mod generation;
pub mod keeper;
pub mod local;
pub mod multipath;
pub mod receipt;
pub mod resume;
pub mod sandbox;
pub mod stream;
pub mod switch_point;
pub mod ticket;
pub mod transit;
