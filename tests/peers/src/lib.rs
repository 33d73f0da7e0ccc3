//! Others who do a part of what we do: each in a form that can be measured beside ours.

pub mod noise;
pub mod policies;
pub mod surface;
