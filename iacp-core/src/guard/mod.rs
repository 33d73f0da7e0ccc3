//! What stands between a node and too much traffic (`IACP §5.3`, `§5.4`).

pub mod breaker;
mod bucket;

pub use bucket::{Ingress, Rate, Throttled, TokenBucket};
