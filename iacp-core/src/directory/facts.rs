//! What a judge knows besides the record, and why it refuses.

use iacp_wire::layout::Record;
use iacp_wire::{DhtKey, Digest, Eid};

use super::kind::Class;
use super::metric::{PLACE_BITS, RESPONSIBLE};
use super::name::{Path, Root};

pub(super) const HOUR: u64 = 3_600_000;
pub(super) const DAY: u64 = 24 * HOUR;

/// What the node or reader knows besides the record.
pub trait Facts {
    /// The identity root key that an EID deposited.
    fn airk(&self, eid: &Eid) -> Option<Eid>;
    /// The first invalid generation of a revocation of the EID.
    fn first_invalid(&self, eid: &Eid) -> Option<u64>;
    /// Whether a verdict says so, verified here.
    fn is_slashed(&self, eid: &Eid) -> bool;
    /// Whether an escrow of the EID is open.
    fn is_challenged(&self, eid: &Eid) -> bool;
    /// The key that a path has here.
    fn path_key(&self, path: &Path<'_>) -> Option<Eid>;
    /// Key and state of a root before its change number `version`.
    fn root_before(&self, path: &Path<'_>, version: u64) -> Option<(Eid, Digest)>;
    /// Whether a pinned or ledger payment holds.
    fn paid(&self, root: &Root<'_>) -> bool;
    /// The responsible nodes of a key, nearest first. Without them no vote counts.
    fn voters(&self, _class: Class, _key: &DhtKey) -> Voters {
        Voters::new()
    }
    /// Where an accusation is tried, if it is known here. All but those of curators are tried at the offender's EID.
    fn court(&self, _accusation: &Digest) -> Option<(Class, DhtKey)> {
        None
    }
    /// The nodes that try an accusation which is open here; none if it is not.
    fn ballot(&self, _accusation: &Digest) -> Voters {
        Voters::new()
    }
    /// Whether f + 1 of the responsible nodes have sent the same: for what only the nodes of its time could judge.
    fn is_witnessed(&self, _record: &Record<'_>) -> bool {
        false
    }
    /// The work that a node's place costs. Lower for tests on one host.
    fn place_bits(&self) -> u32 {
        PLACE_BITS
    }
}

/// The nodes that vote where something is tried.
pub type Voters = heapless::Vec<Eid, RESPONSIBLE>;

/// Why a record may not stand. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotStored {
    /// The kind is unknown, or the body has not its form.
    Malformed,
    /// The storage key is not that of the body.
    Key,
    /// It has run out, runs longer than its kind may, or was not made now.
    Time,
    /// The generation is 2^63 or more.
    Generation,
    /// Its owner is slashed.
    Blocked,
    /// Its owner revoked this generation.
    Revoked,
    /// Its owner is accused, and moves nothing until that is decided.
    Challenged,
    /// The link above it is not known here.
    NoParent,
    /// It does not follow the state before.
    Predecessor,
    /// A place without its work.
    Place,
    /// A signature does not verify.
    Signature,
    /// What it is to be paid with does not hold.
    Payment,
    /// Fewer valid votes than k of the responsible nodes, or a statement of another node.
    Votes,
}

impl NotStored {
    /// The status that a receipt or an `ERP_CONFIRM` gives it.
    #[must_use]
    pub const fn status(self) -> u32 {
        match self {
            Self::Signature => 2,
            Self::Challenged => 3,
            Self::Revoked => 18,
            Self::Blocked => 19,
            Self::Malformed
            | Self::Key
            | Self::Time
            | Self::Generation
            | Self::NoParent
            | Self::Predecessor
            | Self::Place
            | Self::Payment
            | Self::Votes => 21,
        }
    }
}

words! {
    NotStored {
        Self::Malformed => "body: not the form of its kind",
        Self::Key => "storage_key: not that of the body",
        Self::Time => "expiry: past, too far ahead, or not of this moment",
        Self::Generation => "generation_counter: 2^63 or more",
        Self::Blocked => "the owner is slashed",
        Self::Revoked => "generation_counter: revoked",
        Self::Challenged => "the owner is challenged",
        Self::NoParent => "the link above is not known here",
        Self::Predecessor => "state before: not the one that stands here",
        Self::Place => "nonce: the place lacks its work",
        Self::Signature => "signature: does not verify",
        Self::Payment => "proof: what is to be paid with does not hold",
        Self::Votes => "votes: fewer valid ones of responsible nodes than it needs",
    }
}

impl core::error::Error for NotStored {}
