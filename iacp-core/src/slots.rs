//! Tables in the caller's memory: slots with handles, an index, deadlines, lists.
//!
//! N slots serve N things, nothing is allocated, and no operation takes longer because more is in the table.
//!
//! | part | what it is | cost |
//! |---|---|---|
//! | [`Slots`] | the things, and handles that a later thing in the same slot does not answer to | O(1) |
//! | [`Index`] | from a key to a slot: a keyed hash, linear probing, at most half full | 1.5 cells on average |
//! | [`Deadlines`] | a 4-ary heap; a deadline that became later is looked at only when it would have been due | O(log N) |
//! | [`List`] | slots one behind the other: what is to be sent, what is to be told | O(1) |

use core::fmt;

use siphasher::sip::SipHasher13;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::time::Mono;

/// What a slot's value does when the slot becomes free: it wipes what is secret, and is as good as new.
pub trait Reset {
    /// Empties the value where it stands.
    fn reset(&mut self);
}

/// The name of what is in a slot: the slot, and how often that was used before. All of it fits the field *Session* of the
/// local channel.
///
/// ```
/// use iacp_core::slots::Handle;
///
/// let handle = Handle::from_bits(0x0000_0003_0000_0007).ok_or("3 is slot 2")?;
/// assert_eq!((handle.slot(), handle.bits()), (2, 0x0000_0003_0000_0007));
/// assert_eq!(Handle::from_bits(7), None);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Handle {
    slot: u32,
    reuse: u32,
}

impl Handle {
    /// The number of the slot.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// Slot number + 1 in the upper half, reuse count in the lower. It is never zero.
    #[must_use]
    pub const fn bits(self) -> u64 {
        (self.slot as u64 + 1) << 32 | self.reuse as u64
    }

    /// The handle of these bits; `None` where the upper half is zero.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        #[allow(clippy::cast_possible_truncation, reason = "the two halves of 64 bits")]
        let (upper, reuse) = ((bits >> 32) as u32, bits as u32);
        match upper.checked_sub(1) {
            Some(slot) => Some(Self { slot, reuse }),
            None => None,
        }
    }
}

/// The memory does not suffice, or has a length that it must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TooFew {
    /// An index of at least so many cells is needed.
    IndexCells(usize),
    /// The number of an index's cells is no power of two.
    NoPowerOfTwo,
    /// So many cells for deadlines are needed.
    HeapCells(usize),
    /// More than 2^30 slots.
    TooMany,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexCells(needed) => write!(f, "index: at least {needed} cells are needed"),
            Self::NoPowerOfTwo => f.write_str("index: the number of cells must be a power of two"),
            Self::HeapCells(needed) => write!(f, "heap: {needed} cells are needed"),
            Self::TooMany => f.write_str("slots: at most 2^30"),
        }
    }
}

impl core::error::Error for TooFew {}

const MOST: usize = 1 << 30;
/// How many lists a slot can stand in at a time.
const LISTS: usize = 4;
/// The link of the last slot of a list. Others hold slot + 1, and zero says: in no list.
const END: u32 = u32::MAX;

/// The place of one thing.
#[derive(Debug)]
pub struct Slot<T> {
    reuse: u32,
    taken: bool,
    free: u32,
    links: [u32; LISTS],
    value: T,
}

impl<T> Slot<T> {
    /// A free slot. `value` is what a thing begins as.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self { reuse: 0, taken: false, free: 0, links: [0; LISTS], value }
    }
}

/// A table of things.
///
/// ```
/// use iacp_core::slots::{Reset, Slot, Slots};
///
/// struct Count(u32);
/// impl Reset for Count {
///     fn reset(&mut self) {
///         self.0 = 0;
///     }
/// }
///
/// let mut memory = [const { Slot::new(Count(0)) }; 2];
/// let mut table = Slots::new(&mut memory)?;
/// let first = table.claim().ok_or("there are two slots")?;
/// let second = table.claim().ok_or("there are two slots")?;
/// assert!(table.claim().is_none());
/// table.get_mut(first).ok_or("it is there")?.0 = 7;
/// table.release(first);
/// let third = table.claim().ok_or("a slot is free again")?;
/// assert_eq!(third.slot(), first.slot());
/// assert!(table.get(first).is_none(), "the old handle names nothing");
/// assert_eq!(table.get(third).map(|count| count.0), Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Slots<'m, T> {
    slots: &'m mut [Slot<T>],
    free: u32,
    taken: u32,
}

fn position(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl<'m, T: Reset> Slots<'m, T> {
    /// A table over the caller's memory. Whatever was in it is reset; handles into it stay void.
    ///
    /// # Errors
    /// More than 2^30 slots.
    pub fn new(slots: &'m mut [Slot<T>]) -> Result<Self, TooFew> {
        if slots.len() > MOST {
            return Err(TooFew::TooMany);
        }
        let mut free = 0;
        for (number, slot) in (0..count(slots.len())).zip(slots.iter_mut()).rev() {
            if slot.taken {
                slot.value.reset();
                slot.reuse = slot.reuse.saturating_add(1);
            }
            (slot.taken, slot.links) = (false, [0; LISTS]);
            if slot.reuse < u32::MAX {
                slot.free = free;
                free = number + 1;
            }
        }
        Ok(Self { slots, free, taken: 0 })
    }

    /// Takes a free slot. Its value is as good as new.
    pub fn claim(&mut self) -> Option<Handle> {
        let number = self.free.checked_sub(1)?;
        let slot = self.slots.get_mut(position(number))?;
        self.free = slot.free;
        (slot.taken, slot.free) = (true, 0);
        self.taken += 1;
        Some(Handle { slot: number, reuse: slot.reuse })
    }

    /// Frees a slot: its value is reset where it stands, and its handle is void for good. A slot whose reuse count is
    /// used up is never taken again.
    pub fn release(&mut self, handle: Handle) -> bool {
        let Some(slot) = self.slots.get_mut(position(handle.slot)).filter(|slot| names(slot, handle)) else {
            return false;
        };
        slot.value.reset();
        slot.taken = false;
        slot.reuse = slot.reuse.saturating_add(1);
        self.taken -= 1;
        if slot.reuse < u32::MAX {
            slot.free = self.free;
            self.free = handle.slot + 1;
        }
        true
    }

    /// What a handle names.
    #[must_use]
    pub fn get(&self, handle: Handle) -> Option<&T> {
        self.slots.get(position(handle.slot)).filter(|slot| names(slot, handle)).map(|slot| &slot.value)
    }

    /// What a handle names.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let slot = self.slots.get_mut(position(handle.slot))?;
        names(slot, handle).then_some(&mut slot.value)
    }

    /// The handle of what is in a slot now.
    #[must_use]
    pub fn handle(&self, slot: u32) -> Option<Handle> {
        let taken = self.slots.get(position(slot)).filter(|slot| slot.taken)?;
        Some(Handle { slot, reuse: taken.reuse })
    }

    /// What is in a slot now.
    #[must_use]
    pub fn at(&self, slot: u32) -> Option<&T> {
        self.slots.get(position(slot)).filter(|slot| slot.taken).map(|slot| &slot.value)
    }

    /// What is in a slot now.
    pub fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(position(slot)).filter(|slot| slot.taken).map(|slot| &mut slot.value)
    }

    /// How many slots there are.
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        #[allow(clippy::cast_possible_truncation, reason = "at most 2^30, as `new` has checked")]
        let count = self.slots.len() as u32;
        count
    }

    /// How many of them are taken.
    #[must_use]
    pub const fn taken(&self) -> u32 {
        self.taken
    }

    /// Whether all of them are taken.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.free == 0
    }
}

fn names<T>(slot: &Slot<T>, handle: Handle) -> bool {
    slot.taken && slot.reuse == handle.reuse
}

/// The first and the last slot of a list, whose links are in the slots; a slot can stand in the lists of each number
/// `LINK` once. A slot that is freed stays in its lists until it is popped, so the one that pops asks what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct List<const LINK: usize> {
    first: u32,
    last: u32,
}

impl<const LINK: usize> List<LINK> {
    /// Nothing.
    pub const EMPTY: Self = Self { first: 0, last: 0 };

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.first == 0
    }

    /// The slot in front.
    #[must_use]
    pub const fn first(&self) -> Option<u32> {
        self.first.checked_sub(1)
    }

    /// Appends a slot; `false` if it stands in a list with this link already.
    pub fn push<T>(&mut self, slots: &mut Slots<'_, T>, slot: u32) -> bool {
        const { assert!(LINK < LISTS, "a slot has four links") };
        let Some(entry) = slots.slots.get_mut(position(slot)) else { return false };
        let Some(link) = entry.links.get_mut(LINK).filter(|link| **link == 0) else { return false };
        *link = END;
        let before = core::mem::replace(&mut self.last, slot + 1);
        match before.checked_sub(1).and_then(|before| slots.slots.get_mut(position(before))) {
            Some(before) => {
                if let Some(link) = before.links.get_mut(LINK) {
                    *link = slot + 1;
                }
            }
            None => self.first = slot + 1,
        }
        true
    }

    /// Takes the slot in front.
    pub fn pop<T>(&mut self, slots: &mut Slots<'_, T>) -> Option<u32> {
        let slot = self.first.checked_sub(1)?;
        let link = slots.slots.get_mut(position(slot))?.links.get_mut(LINK)?;
        match core::mem::take(link) {
            END => *self = Self::EMPTY,
            next => self.first = next,
        }
        Some(slot)
    }
}

/// The key of an index's hash. It is a secret: with it, a peer could choose keys that fall into one place.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct IndexKey([u8; 16]);

impl IndexKey {
    /// The keyed hash of a key in parts.
    #[must_use]
    pub fn hash(&self, key: &[&[u8]]) -> u64 {
        use core::hash::Hasher;
        let mut hasher = SipHasher13::new_with_key(&self.0);
        key.iter().for_each(|part| hasher.write(part));
        hasher.finish()
    }
}

/// From a key to a slot. Cells hold slot + 1; keys are compared in the slot.
///
/// ```
/// use iacp_core::slots::Index;
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Index<'m> {
    cells: &'m mut [u32],
    key: IndexKey,
    entries: u32,
}

impl<'m> Index<'m> {
    /// An empty index for at most `entries` slots: a power of two of cells, at least twice as many, under a secret key.
    ///
    /// # Errors
    /// Too few cells, or no power of two.
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

    /// The slot whose key it is, as `same` says.
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

    /// Takes a slot out. What probing had pushed behind it moves back, so nothing marks the place; `hash_of` says under
    /// which hash another slot is filed.
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
            // It may stand in the hole if its own place is not behind the hole.
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

/// One place in the heap, and the place of one item.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeapCell {
    at: Mono,
    item: u32,
    /// Where the item whose number is this cell's stands, + 1.
    place: u32,
}

impl HeapCell {
    /// An empty cell.
    pub const EMPTY: Self = Self { at: Mono(0), item: 0, place: 0 };
}

/// When which item is due: a heap over one cell for each item.
///
/// An item moves only when its deadline comes earlier. One that became later stays where it is, and is looked at when it
/// would have been due: so what is busy seldom touches the heap.
///
/// ```
/// use iacp_core::slots::{Deadlines, HeapCell};
/// use iacp_core::time::Mono;
///
/// let mut due = [Mono(30), Mono(20), Mono(40)];
/// let mut cells = [HeapCell::EMPTY; 3];
/// let mut deadlines = Deadlines::new(&mut cells, 3)?;
/// for (item, at) in (0..).zip(due) {
///     deadlines.bring_forward(item, at);
/// }
/// assert_eq!(deadlines.first(), Some((Mono(20), 1)));
/// due[1] = Mono(50); // it became later: it costs nothing now
/// deadlines.correct(|item| Some(due[item as usize]));
/// assert_eq!(deadlines.first(), Some((Mono(30), 0)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Deadlines<'m> {
    cells: &'m mut [HeapCell],
    length: usize,
}

/// How many entries in front are looked at in one step.
const CORRECTIONS: usize = 8;
/// Children of a node.
const ARITY: usize = 4;

impl<'m> Deadlines<'m> {
    /// No deadlines, for items with numbers below `items`.
    ///
    /// # Errors
    /// Fewer cells than items.
    pub fn new(cells: &'m mut [HeapCell], items: usize) -> Result<Self, TooFew> {
        if items > MOST {
            return Err(TooFew::TooMany);
        }
        if cells.len() < items {
            return Err(TooFew::HeapCells(items));
        }
        cells.fill(HeapCell::EMPTY);
        Ok(Self { cells, length: 0 })
    }

    fn entry(&self, place: usize) -> Option<(Mono, u32)> {
        if place >= self.length {
            return None;
        }
        self.cells.get(place).map(|cell| (cell.at, cell.item))
    }

    fn put(&mut self, place: usize, (at, item): (Mono, u32)) {
        if let Some(cell) = self.cells.get_mut(place) {
            (cell.at, cell.item) = (at, item);
        }
        if let Some(cell) = self.cells.get_mut(position(item)) {
            cell.place = count(place) + 1;
        }
    }

    /// The item is due at `at`, if no earlier time stands for it.
    pub fn bring_forward(&mut self, item: u32, at: Mono) {
        let Some(place) = self.cells.get(position(item)).map(|cell| cell.place) else { return };
        match place.checked_sub(1).map(position) {
            None => {
                self.length += 1;
                self.rise(self.length - 1, (at, item));
            }
            Some(place) if self.entry(place).is_some_and(|(before, _)| at < before) => self.rise(place, (at, item)),
            Some(_) => {}
        }
    }

    /// The entry goes up from an empty place.
    fn rise(&mut self, mut place: usize, entry: (Mono, u32)) {
        while let Some(parent) = place.checked_sub(1).map(|before| before / ARITY) {
            let Some(above) = self.entry(parent).filter(|above| entry < *above) else { break };
            self.put(place, above);
            place = parent;
        }
        self.put(place, entry);
    }

    /// The entry goes down from an empty place.
    fn sink(&mut self, mut place: usize, entry: (Mono, u32)) {
        loop {
            let first = place * ARITY + 1;
            let least = (first..first + ARITY).filter_map(|child| self.entry(child).map(|below| (below, child))).min();
            let Some((below, child)) = least.filter(|(below, _)| *below < entry) else { break };
            self.put(place, below);
            place = child;
        }
        self.put(place, entry);
    }

    /// Takes what is due first out, if it is due by `now`.
    pub fn pop(&mut self, now: Mono) -> Option<u32> {
        let (_, item) = self.entry(0).filter(|(at, _)| *at <= now)?;
        self.drop_first();
        Some(item)
    }

    /// Takes the entry in front out.
    fn drop_first(&mut self) {
        let Some((_, item)) = self.entry(0) else { return };
        if let Some(cell) = self.cells.get_mut(position(item)) {
            cell.place = 0;
        }
        self.length -= 1;
        // The last entry is read before the heap is shorter by it.
        if let Some(cell) = self.cells.get(self.length).filter(|_| self.length > 0) {
            let last = (cell.at, cell.item);
            self.sink(0, last);
        }
    }

    /// Corrects what stands in front by what is true now: a later time goes down, none goes out. A constant number of
    /// entries is looked at; where more are out of date, [`Self::first`] is early, never late.
    pub fn correct(&mut self, actual: impl Fn(u32) -> Option<Mono>) {
        for _ in 0..CORRECTIONS {
            let Some((at, item)) = self.entry(0) else { return };
            match actual(item) {
                None => self.drop_first(),
                Some(later) if later > at => self.sink(0, (later, item)),
                Some(_) => return,
            }
        }
    }

    /// What is due first.
    #[must_use]
    pub fn first(&self) -> Option<(Mono, u32)> {
        self.entry(0)
    }
}
