//! One simulated link, and over it our stream and quinn-proto's, in virtual time.

pub mod ours;
pub mod path;
pub mod quic;
#[allow(dead_code, reason = "the session uses more of it than the link does")]
mod stream;
pub mod table;
pub mod world;

pub use stream::congestion::{Flight, Model};
