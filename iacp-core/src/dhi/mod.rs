//! The Deterministic Hypermedia Interpreter: from a URI to content that an agent can read (`IACP §4.1`).

pub mod equivalence;
pub mod extraction;
pub mod fallback;
pub mod form;
pub mod handoff;
pub mod history;
pub mod link;
pub mod mapping;
pub mod opinions;
pub mod path;
pub mod pipeline;
pub mod problem_cache;
pub mod relevance;
pub mod uri;
pub mod vector;
pub mod workflow;
