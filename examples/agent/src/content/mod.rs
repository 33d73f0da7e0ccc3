//! What travels in a session: a file, or the parts of a handoff.

pub mod parts;
pub mod receive;
pub mod rooms;
pub mod source;
