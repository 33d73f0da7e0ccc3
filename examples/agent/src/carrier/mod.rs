//! What carries frames from one agent to another, and what goes wrong with them.

pub mod carried;
pub mod faults;
pub mod link;
mod quic;
pub mod serial;
pub mod stream;
pub mod traffic;
