//! The Deterministic Hypermedia Interpreter: from a URI to content that an agent can read (`IACP §4.1`).

pub mod workflow;
