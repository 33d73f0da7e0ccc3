//! The coordinate of an endpoint (`IACP §6.1.3`).

use iacp_wire::Eid;

use crate::crypto::Provider;

/// The coordinate of a local or global endpoint: SHA-256 of EID and tag. It is not a key of the directory, and is in no
/// index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coordinate(pub [u8; 32]);

impl core::fmt::Display for Coordinate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Coordinate {
    /// The coordinate of a tag under an EID.
    // keeps: IACP-132 (§6.1.1)
    #[must_use]
    pub fn of<P: Provider>(owner: &Eid, tag: &[u8]) -> Self {
        Self(P::sha256(&[&owner.0, tag]))
    }
}
