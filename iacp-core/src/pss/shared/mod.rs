//! State that two agents share beside their stream: endpoints, the rights to them, and group keys (`IACP §6.1`,
//! `IACP §6.4.4`).

mod coordinate;
pub mod endpoint;
pub mod frame;
pub mod group_key;
pub mod right;

pub use coordinate::Coordinate;
pub use endpoint::{EndpointSlot, Endpoints};
pub use right::{Reach, Rights};
