//! What the protocol costs, as ratios to what it is made of.
//!
//! A machine is noisy and the next one is different, but the ratio of two measurements that alternate on one machine is
//! the same on both. So everything is measured in pairs, ours and bare, and [`Pairs`] ends in one table:
//!
//! ```text
//! cargo bench -p benches --bench ratios                           our goals
//! cargo bench -p benches --bench interpreter                      what the interpreter computes
//! cargo bench -p benches --bench entity                           a host with a million sessions; a churn
//! cargo bench --manifest-path tests/peers/Cargo.toml              against others
//! ```

mod envelope;
mod handshake;
mod link;
mod pairs;

pub use envelope::{ComparesBytes, Envelope, known, objects};
pub use handshake::{BareHandshake, Both, Endpoints};
pub use link::{BATCH, Bare, BareLink, Link};
pub use pairs::{Effort, Goal, Pairs};
