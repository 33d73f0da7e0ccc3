//! Other projects that do a part of what ours does, each in a form that can be measured beside ours.

pub mod link;
pub mod noise;
pub mod policies;
pub mod surface;
pub mod transport;
pub mod wireguard;
