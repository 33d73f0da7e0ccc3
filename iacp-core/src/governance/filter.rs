//! The revocation filter (`IACP §5.5.3`): a Bloom filter of the keys that a verdict ended.
//!
//! A hit is a question, and the verdict is the answer: a filter alone convicts no key.

use iacp_wire::Eid;

use crate::crypto::Provider;

/// Milliseconds of an epoch of the filter: 30 days. Each epoch has a filter of its own.
pub const EPOCH: u64 = 2_592_000_000;
/// Bits set for each key.
pub const HASHES: usize = 11;
/// Bytes of the smallest filter, which is full at 4,096 keys.
pub const SMALLEST: usize = 8_192;

/// The smallest filter is full with this many keys; each order doubles them.
pub const FULL: usize = 4_096;

/// The bits of a key in a filter of an order: numbers of 16 + o bits, cut out of a digest of 256, one every 23 bits.
#[must_use]
pub fn places<P: Provider>(epoch: u32, order: u32, key: &Eid) -> [usize; HASHES] {
    let digest = P::sha256(&[b"IACP/1 revoked\0", &epoch.to_be_bytes(), &key.0]);
    let width = 16 + order.min(7);
    core::array::from_fn(|hash| {
        let start = 23 * hash;
        // Eight bytes hold any of them: at most 7 bits before it, and at most 23 of its own.
        let mut window = [0; 8];
        window.iter_mut().zip(digest.iter().skip(start / 8)).for_each(|(to, from)| *to = *from);
        let skipped = u64::from_be_bytes(window) << (start % 8);
        usize::try_from(skipped >> (64 - width)).unwrap_or(0)
    })
}

/// A filter over the caller's memory: 8,192 bytes, or a power of two more, up to 1,048,576.
///
/// ```
/// use iacp_core::crypto::ChaChaOnly;
/// use iacp_core::governance::filter::Filter;
/// use iacp_wire::Eid;
///
/// let mut bytes = [0; 8_192];
/// let mut filter = Filter::new(&mut bytes, 690).ok_or("a size that filters have")?;
/// filter.insert::<ChaChaOnly>(&Eid([7; 32]));
/// assert!(filter.may_contain::<ChaChaOnly>(&Eid([7; 32])));
/// assert!(!filter.may_contain::<ChaChaOnly>(&Eid([8; 32])));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Filter<'m> {
    bits: &'m mut [u8],
    order: u32,
    epoch: u32,
}

impl<'m> Filter<'m> {
    /// A filter over what the bytes hold already; zeros hold no key.
    #[must_use]
    pub fn new(bits: &'m mut [u8], epoch: u32) -> Option<Self> {
        let order = (0..8).find(|order| bits.len() == SMALLEST << order)?;
        Some(Self { bits, order, epoch })
    }

    /// The epoch, counted from 1970.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The bytes, as FILTER records carry them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bits
    }

    /// Puts a key in.
    // keeps: IACP-128 (§5.5.3)
    pub fn insert<P: Provider>(&mut self, key: &Eid) {
        for place in places::<P>(self.epoch, self.order, key) {
            if let Some(byte) = self.bits.get_mut(place / 8) {
                *byte |= 0x80 >> (place % 8);
            }
        }
    }

    /// Whether the key may be in it. False positives are as rare as 0.046 % in a full filter.
    #[must_use]
    pub fn may_contain<P: Provider>(&self, key: &Eid) -> bool {
        let places = places::<P>(self.epoch, self.order, key);
        places.iter().all(|place| self.bits.get(place / 8).is_some_and(|byte| byte & 0x80 >> (place % 8) != 0))
    }

    /// Sets the bits that at least `least` of the filters have, which a reader gets from as many nodes. With
    /// `least = f + 1`, f liars add nothing. Filters of another size count as empty.
    pub fn threshold(&mut self, filters: &[&[u8]], least: usize) {
        let length = self.bits.len();
        for (at, byte) in self.bits.iter_mut().enumerate() {
            *byte = (0..8).map(|bit| 0x80 >> bit).fold(0, |set, mask: u8| {
                let have =
                    |filter: &&&[u8]| filter.len() == length && filter.get(at).is_some_and(|byte| byte & mask != 0);
                if filters.iter().filter(have).count() >= least { set | mask } else { set }
            });
        }
    }
}
