//! Directory nodes over a real Kademlia: agents speak the frames of the directory to a node, and the nodes keep what they admit
//! in a DHT (`IACP §5.1`). No record stands in it that `judge` did not let stand.

pub mod agent;
pub mod clock;
pub mod demo;
pub mod node;
pub mod show;

/// The cryptography of the example.
pub type Chosen = iacp_core::crypto::Portable;
