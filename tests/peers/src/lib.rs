//! Others who do a part of what we do: each in a form that can be measured beside ours.

pub mod link;
pub mod noise;
pub mod policies;
pub mod surface;
pub mod transport;
pub mod wireguard;
