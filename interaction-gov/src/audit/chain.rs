//! The chain: each hash is over the one before and one record (`IoE R6`).

use sha2::{Digest as _, Sha256};

use super::record::{Bytes, RECORD};
use crate::identity::InteractionId;
use crate::time::Time;

/// The place of an interaction's chain: how many records it has, and the hash over all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Chain {
    next: u32,
    hash: [u8; 32],
}

impl Chain {
    /// The chain of an interaction that has no record yet: it begins with the identity.
    #[must_use]
    pub fn of(interaction: &InteractionId) -> Self {
        let hash = Sha256::new().chain_update(b"IoE/1 audit\0").chain_update(interaction.as_bytes()).finalize().into();
        Self { next: 0, hash }
    }

    /// The number of the next record.
    #[must_use]
    pub const fn next(&self) -> u32 {
        self.next
    }

    /// The hash over everything so far.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The chain with one more record: SHA-256(hash | record), in two blocks.
    #[must_use]
    pub fn and(&self, record: &Bytes) -> Self {
        const { assert!(32 + RECORD + 9 <= 128) };
        let hash = Sha256::new().chain_update(self.hash).chain_update(record).finalize().into();
        Self { next: self.next.saturating_add(1), hash }
    }
}

/// What is signed about a chain, so that nobody can cut it, rewrite it, or bring back an old one.
///
/// A head says: at this time, this interaction had so many records, and this was the hash over them. Whoever keeps the heads
/// apart from the records finds what the records alone cannot show: that the last ones are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Head {
    /// Whose chain.
    pub interaction: InteractionId,
    /// How many records.
    pub records: u32,
    /// The hash over them.
    pub hash: [u8; 32],
    /// When.
    pub time: Time,
    /// Nothing follows.
    pub last: bool,
}

impl Head {
    /// What is signed: SHA-256("IoE/1 head" | 0 | interaction | records | hash | time | last).
    #[must_use]
    pub fn signed(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"IoE/1 head\0")
            .chain_update(self.interaction.as_bytes())
            .chain_update(self.records.to_be_bytes())
            .chain_update(self.hash)
            .chain_update(self.time.0.to_be_bytes())
            .chain_update([u8::from(self.last)])
            .finalize()
            .into()
    }
}
