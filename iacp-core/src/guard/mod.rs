//! What stands between a node and too much traffic (`IACP §5.3`, `§5.4`).

pub mod breaker;
mod bucket;
mod difficulty;
mod ingress;

pub use bucket::{Rate, Throttled, TokenBucket};
pub use difficulty::{Difficulty, Load};
pub use ingress::Ingress;
