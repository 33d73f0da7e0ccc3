//! The EID Routing Protocol: from an agent's local context to packets that follow it (`IACP §4.2`).

pub mod agent;
pub mod binding;
pub mod context;
pub mod entity;
pub mod local;
pub mod switch_point;
