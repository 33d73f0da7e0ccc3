//! What the owner of a node sets, and what only the owner can tell.

use iacp_wire::layout::Record;
use iacp_wire::{DhtKey, Digest};

use crate::directory::metric::{Diversity, PLACE_BITS};
use crate::directory::name::Root;
use crate::directory::{Class, Voters};
use crate::governance::window::Outcome;
use crate::guard::Rate;

/// What only the node's owner can tell.
pub trait Trust {
    /// Whether a pinned or ledger payment of a root holds.
    fn paid(&self, _root: &Root<'_>) -> bool {
        false
    }
    /// How this node voted on an accusation, as it stands on its stable storage. A node that votes has to answer this: an
    /// accusation can come again after a restart, and two different votes of one node convict it.
    fn voted(&self, _accusation: &Digest) -> Option<Outcome> {
        None
    }
    /// Whether f + 1 of the responsible nodes have sent the same record.
    fn is_witnessed(&self, _record: &Record<'_>) -> bool {
        false
    }
    /// The responsible nodes for a key, nearest first, where another DHT carries the records and places them by a metric of
    /// its own. The node then admits records of every key, for that DHT.
    fn responsible(&self, _class: Class, _key: &DhtKey) -> Option<Voters> {
        None
    }
}

/// What can be set. The limits on networks and the work for a place are lower in tests on one host; nothing else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// See [`Diversity`].
    pub diversity: Diversity,
    /// Zero bits of a place.
    pub place_bits: u32,
    /// Bits of work without load: D_base.
    pub base: u32,
    /// Tokens of one network without work.
    pub per_network: Rate,
    /// Tokens of all requests without work.
    pub unworked: Rate,
    /// Tokens of all requests with work.
    pub worked: Rate,
}

impl Settings {
    /// The values of the profile.
    pub const DEFAULT: Self = Self {
        diversity: Diversity::Limited,
        place_bits: PLACE_BITS,
        base: 16,
        // The cheapest request costs two tokens: one network alone has at most 64 in one second, and trips no breaker.
        per_network: Rate { capacity: 64, per_second: 64 },
        unworked: Rate { capacity: 4_096, per_second: 2_048 },
        worked: Rate { capacity: 8_192, per_second: 4_096 },
    };
}
