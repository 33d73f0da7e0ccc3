//! From a key to a slot.

use rand_core::CryptoRng;
use siphasher::sip::SipHasher13;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{TooFew, position};

/// The key of an index's hash. It is a secret: a peer that had it could choose keys that collide.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct IndexKey([u8; 16]);

impl IndexKey {
    /// A secret key.
    #[must_use]
    pub const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// A key from the caller's randomness.
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self([0; 16]);
        rng.fill_bytes(&mut key.0);
        key
    }

    // One copy of the hash, not one for each table.
    /// The keyed hash of a key in parts.
    #[must_use]
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub fn hash(&self, key: &[&[u8]]) -> u64 {
        use core::hash::Hasher;
        let mut hasher = SipHasher13::new_with_key(&self.0);
        key.iter().for_each(|part| hasher.write(part));
        hasher.finish()
    }
}

/// An index from keys to slots. Cells hold slot + 1; keys are compared in the slot.
///
/// ```
/// use iacp_core::slots::{Index, TooFew};
///
/// let names = ["ape", "bee", "cat"];
/// let mut cells = [0; 8];
/// let mut index = Index::new(&mut cells, names.len(), [7; 16])?; // a secret, in real life
/// for (slot, name) in (0..).zip(names) {
///     index.insert(index.hash(&[name.as_bytes()]), slot);
/// }
/// let find = |index: &Index<'_>, name: &str| {
///     index.find(index.hash(&[name.as_bytes()]), |slot| names[slot as usize] == name)
/// };
/// assert_eq!(find(&index, "cat"), Some(2));
/// let hashes = names.map(|name| index.hash(&[name.as_bytes()]));
/// index.remove(hashes[1], 1, |_, slot| hashes[slot as usize]);
/// assert_eq!((find(&index, "bee"), find(&index, "cat")), (None, Some(2)));
/// assert_eq!(Index::new(&mut [0; 4], 3, [7; 16]).err(), Some(TooFew::IndexCells(8)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Index<'m> {
    cells: &'m mut [u32],
    key: IndexKey,
    entries: u32,
}

impl<'m> Index<'m> {
    /// An empty index for at most `entries` slots, with a secret key. The number of cells is a power of two and at
    /// least twice `entries`.
    ///
    /// # Errors
    /// There are too few cells, or their number is not a power of two.
    pub fn new(cells: &'m mut [u32], entries: usize, key: [u8; 16]) -> Result<Self, TooFew> {
        let needed = entries.saturating_mul(2).max(2);
        if cells.len() < needed {
            return Err(TooFew::IndexCells(needed.next_power_of_two()));
        }
        if !cells.len().is_power_of_two() {
            return Err(TooFew::NoPowerOfTwo);
        }
        cells.fill(0);
        Ok(Self { cells, key: IndexKey(key), entries: 0 })
    }

    /// The keyed hash of a key in parts.
    #[must_use]
    pub fn hash(&self, key: &[&[u8]]) -> u64 {
        self.key.hash(key)
    }

    fn home(&self, hash: u64) -> usize {
        #[allow(clippy::cast_possible_truncation, reason = "the low bits choose")]
        let low = hash as usize;
        low & self.mask()
    }

    fn mask(&self) -> usize {
        self.cells.len() - 1
    }

    /// The slot with this hash for which `same` is true.
    pub fn find(&self, hash: u64, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut place = self.home(hash);
        loop {
            let slot = self.cells.get(place)?.checked_sub(1)?;
            if same(slot) {
                return Some(slot);
            }
            place = place.wrapping_add(1) & self.mask();
        }
    }

    /// Files a slot under its key's hash; `false` if the index is half full.
    pub fn insert(&mut self, hash: u64, slot: u32) -> bool {
        if position(self.entries) >= self.cells.len() / 2 {
            return false;
        }
        let (mut place, mask) = (self.home(hash), self.mask());
        while let Some(cell) = self.cells.get_mut(place) {
            if *cell == 0 {
                *cell = slot + 1;
                self.entries += 1;
                return true;
            }
            place = place.wrapping_add(1) & mask;
        }
        false
    }

    /// Removes a slot. Slots that probing had displaced behind it move back, so that no mark remains; `hash_of` returns
    /// the hash under which another slot is filed.
    pub fn remove(&mut self, hash: u64, slot: u32, hash_of: impl Fn(&IndexKey, u32) -> u64) -> bool {
        let mask = self.mask();
        let mut hole = self.home(hash);
        loop {
            match self.cells.get(hole) {
                None | Some(0) => return false,
                Some(cell) if *cell == slot + 1 => break,
                Some(_) => hole = hole.wrapping_add(1) & mask,
            }
        }
        let mut place = hole;
        loop {
            place = place.wrapping_add(1) & mask;
            let Some(moved) = self.cells.get(place).and_then(|cell| cell.checked_sub(1)) else { break };
            let home = self.home(hash_of(&self.key, moved));
            // It may move to the hole if its own place is not behind the hole.
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(hole) & mask {
                if let Some(cell) = self.cells.get_mut(hole) {
                    *cell = moved + 1;
                }
                hole = place;
            }
        }
        if let Some(cell) = self.cells.get_mut(hole) {
            *cell = 0;
        }
        self.entries -= 1;
        true
    }

    /// How many slots are filed.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.entries
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries == 0
    }
}
