//! One simulated link, and over it our sessions and quinn-proto's connections, in virtual time.

pub mod ours;
pub mod path;
pub mod quic;
pub mod table;
pub mod world;
