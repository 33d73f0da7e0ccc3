//! Two endpoints on one virtual clock, and a network between them that loses, repeats, delays and corrupts by a seed.
//!
//! Everything that happens is a function of the [`Plan`]: the same plan gives the same trace, byte for byte.

mod cheap;
pub mod crossing;
pub mod drive;
pub mod forger;
mod frame;
mod host;
pub mod hosts;
mod mirror;
mod network;
mod pair;
pub mod raw;
pub mod two;
mod world;

pub use cheap::Cheap;
pub use forger::Forger;
pub use frame::{frame, request};
pub use host::{Host, HostOf, Received, S, SessionOf, addr};
pub use mirror::Mirror;
pub use network::{Network, Packet, Weather};
pub use pair::{Beat, Heard, Pair, TOP};
pub use world::{Plan, World, WorldOf};

pub use iacp_core::crypto::{Portable, Provider, Secret32};
pub use iacp_core::time::Mono;
pub use rand_chacha::ChaCha8Rng;
pub use rand_core::{Rng, SeedableRng};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The initiator.
    Alice,
    /// The responder.
    Bob,
}

impl Side {
    /// 0 or 1.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Alice => Self::Bob,
            Self::Bob => Self::Alice,
        }
    }
}
