//! What carries frames from one agent to another, and what goes wrong with them.

pub mod carried;
pub mod faults;
pub mod link;
pub mod mesh;
mod quic;
pub mod serial;
pub mod stream;
pub mod traffic;
