//! The chain: each hash is over the one before and one record (`IoE R6`).

use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};

use super::record::{Bytes, RECORD};
use crate::identity::InteractionId;
use crate::time::Time;

/// The state of an interaction's chain: how many records it has, and the hash over all of them.
///
/// ```
/// use interaction_gov::audit::{Chain, RECORD};
/// use interaction_gov::identity::InteractionId;
///
/// let begin = Chain::of(&InteractionId::recorded([7; 16]));
/// let next = begin.and(&[0; RECORD]);
/// assert_eq!((begin.next(), next.next()), (0, 1));
/// assert_ne!(begin.hash(), next.hash());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Chain {
    next: u32,
    hash: [u8; 32],
}

impl Chain {
    /// The chain of an interaction that has no record yet: its first hash is made from the identity.
    #[must_use]
    pub fn of(interaction: &InteractionId) -> Self {
        let hash = Sha256::new().chain_update(b"IoE/2 audit\0").chain_update(interaction.as_bytes()).finalize().into();
        Self { next: 0, hash }
    }

    /// A chain restored from its saved length and hash.
    pub(crate) const fn at(next: u32, hash: [u8; 32]) -> Self {
        Self { next, hash }
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

    /// The chain with one more record: SHA-256(hash | record).
    #[must_use]
    pub fn and(&self, record: &Bytes) -> Self {
        let mut chain = *self;
        chain.append(|bytes| *bytes = *record, |_| ());
        chain
    }

    /// Appends one record: `make` writes it into the buffer that is hashed, and `give` gets it from there, without a
    /// copy.
    pub(crate) fn append(&mut self, make: impl FnOnce(&mut Bytes), give: impl FnOnce(&Bytes)) {
        self.hash = hashed(&self.hash, make, give);
        self.next = self.next.saturating_add(1);
    }
}

/// The initial state of SHA-256 (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// SHA-256 of a hash and a record. With their padding they fill exactly three blocks, so this takes three compressions
/// and little else. It is most of the cost of a decision.
fn hashed(hash: &[u8; 32], make: impl FnOnce(&mut Bytes), give: impl FnOnce(&Bytes)) -> [u8; 32] {
    const LENGTH: [u8; 8] = ((32 + RECORD) as u64 * 8).to_be_bytes();
    const { assert!(32 + RECORD + 1 + LENGTH.len() == 192) };
    let mut blocks = [[0; 64]; 3];
    if let Some((head, rest)) = blocks.as_flattened_mut().split_first_chunk_mut()
        && let Some((record, padding)) = rest.split_first_chunk_mut()
        && let Some((end, length)) = padding.split_first_mut()
        && let Some(length) = length.first_chunk_mut()
    {
        (*head, *end, *length) = (*hash, 0x80, LENGTH);
        make(record);
        give(record);
    }
    let mut state = INITIAL;
    compress256(&mut state, &blocks);
    state.map(u32::to_be_bytes).as_flattened().first_chunk().copied().unwrap_or_default()
}

/// What is signed about a chain, so that it cannot be cut, rewritten, or replaced by an old one.
///
/// A head says: at this time, this interaction had this number of records, and this was the hash over them. A reader
/// that keeps the heads apart from the records can detect what the records alone cannot show: that the last ones are
/// missing.
///
/// ```
/// use interaction_gov::audit::{Chain, Head, RECORD};
/// use interaction_gov::identity::InteractionId;
/// use interaction_gov::time::Time;
///
/// let interaction = InteractionId::recorded([7; 16]);
/// let chain = Chain::of(&interaction).and(&[0; RECORD]);
/// let head = Head { interaction, records: chain.next(), hash: *chain.hash(), time: Time(5), last: false };
/// assert_ne!(head.signed(), Head { last: true, ..head }.signed(), "that nothing follows is signed, too");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Head {
    /// The interaction of the chain.
    pub interaction: InteractionId,
    /// How many records.
    pub records: u32,
    /// The hash over them.
    pub hash: [u8; 32],
    /// The time of signing.
    pub time: Time,
    /// Whether this is the last head: no record follows.
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
