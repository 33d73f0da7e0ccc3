//! Tables in the caller's memory: slots with handles, an index, deadlines, lists.
//!
//! N slots serve N things, nothing is allocated, and apart from the costs below no operation takes longer when the
//! table is fuller.
//!
//! | part | what it is | cost |
//! |---|---|---|
//! | [`Slots`] | the things, and handles that are not valid for a later thing in the same slot | O(1) |
//! | [`Index`] | from a key to a slot: a keyed hash, linear probing, at most half full | 1.5 cells on average |
//! | [`Deadlines`] | a 4-ary heap; a deadline that became later is checked only when it would have been due | O(log N) |
//! | [`List`] | a queue of slots: things to send, events to report | O(1) |

mod chain;
mod deadlines;
mod index;
mod list;
mod maybe;
mod places;

use core::fmt;

pub(crate) use chain::{Chain, Links};
pub use deadlines::{Deadlines, HeapCell};
pub use index::{Index, IndexKey};
pub use list::List;
pub(crate) use maybe::Maybe;
pub(crate) use places::Places;

/// What a slot's value does when the slot becomes free: it wipes its secrets, and is like new.
pub trait Reset {
    /// Empties the value where it stands.
    fn reset(&mut self);
}

/// The name of the thing in a slot: the slot, and how often it was used before. A handle fits the field *Session* of
/// the local channel.
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

/// The memory is too small, or has a length that is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TooFew {
    /// An index of at least this many cells is needed.
    IndexCells(usize),
    /// The number of an index's cells is not a power of two.
    NoPowerOfTwo,
    /// Too few heap cells for deadlines; this many are needed.
    HeapCells(usize),
    /// Too few zones of a directory node, or too many; it needs this many.
    Zones(usize),
    /// A directory node has no place for itself among the nodes that it knows.
    NoPlace,
    /// More than 2^30 slots.
    TooMany,
    /// The settings of a host ask for a directory, and the feature `directory` is off.
    NoDirectory,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexCells(needed) => write!(f, "index: at least {needed} cells are needed"),
            Self::NoPowerOfTwo => f.pad("index: the number of cells must be a power of two"),
            Self::HeapCells(needed) => write!(f, "heap: {needed} cells are needed"),
            Self::Zones(needed) => write!(f, "zones: exactly {needed} are needed"),
            Self::NoPlace => f.pad("nodes: there is no place for the node itself"),
            Self::TooMany => f.pad("slots: at most 2^30"),
            Self::NoDirectory => f.pad("directory: the feature `directory` is off"),
        }
    }
}

impl core::error::Error for TooFew {}

const MOST: usize = 1 << 30;
/// How many lists a slot can be in at a time.
const LISTS: usize = 4;
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
    /// A free slot. `value` is the initial value of a thing.
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
///
/// Without `ANY` a table has no slots, whatever memory it was given, and the compiler knows it: that leaves out what works on it.
#[derive(Debug)]
pub struct Slots<'m, T, const ANY: bool = true> {
    slots: Places<'m, Slot<T>, ANY>,
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
    /// A table in the caller's memory. Its contents are reset; old handles into it stay invalid.
    ///
    /// # Errors
    /// More than 2^30 slots.
    pub fn new(slots: &'m mut [Slot<T>]) -> Result<Self, TooFew> {
        Self::over(slots)
    }
}

impl<'m, T: Reset, const ANY: bool> Slots<'m, T, ANY> {
    /// See [`Slots::new`].
    pub(crate) fn over(slots: &'m mut [Slot<T>]) -> Result<Self, TooFew> {
        let mut slots = Places::over(slots);
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

    /// Takes a free slot. Its value is like new.
    pub fn claim(&mut self) -> Option<Handle> {
        let number = self.free.checked_sub(1)?;
        let slot = self.slots.get_mut(position(number))?;
        self.free = slot.free;
        (slot.taken, slot.free) = (true, 0);
        self.taken += 1;
        Some(Handle { slot: number, reuse: slot.reuse })
    }

    /// Frees a slot: its value is reset in place, and its handle is invalid for good. A slot whose reuse count is used
    /// up is never taken again.
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

    /// The handle of the thing that is in a slot now.
    #[must_use]
    pub fn handle(&self, slot: u32) -> Option<Handle> {
        let taken = self.slots.get(position(slot)).filter(|slot| slot.taken)?;
        Some(Handle { slot, reuse: taken.reuse })
    }

    // Called in so many places that a copy in each of them is kilobytes of a small device's flash.
    /// What is in a slot now.
    #[must_use]
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub fn at(&self, slot: u32) -> Option<&T> {
        self.slots.get(position(slot)).filter(|slot| slot.taken).map(|slot| &slot.value)
    }

    /// What is in a slot now.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(position(slot)).filter(|slot| slot.taken).map(|slot| &mut slot.value)
    }

    /// The things in two different slots.
    pub fn two(&mut self, one: u32, other: u32) -> Option<(&mut T, &mut T)> {
        let [one, other] = self.slots.get_disjoint_mut([position(one), position(other)]).ok()?;
        (one.taken && other.taken).then_some((&mut one.value, &mut other.value))
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;
    impl Reset for Nothing {
        fn reset(&mut self) {}
    }

    fn slots<const N: usize>() -> [Slot<Nothing>; N] {
        [const { Slot::new(Nothing) }; N]
    }

    #[test]
    fn a_slot_whose_handles_are_used_up_is_never_claimed_again() {
        let mut memory = slots::<2>();
        memory[0].reuse = u32::MAX - 2;
        let mut table = Slots::new(&mut memory).expect("two slots");
        for reuse in [u32::MAX - 2, u32::MAX - 1] {
            let handle = table.claim().expect("free");
            assert_eq!((handle.slot(), handle.reuse), (0, reuse));
            assert!(table.release(handle));
        }
        assert_eq!(table.claim().map(Handle::slot), Some(1));
        assert!(table.claim().is_none() && table.is_full());
        // Nor after a start anew.
        let mut again = Slots::new(&mut memory).expect("two slots");
        assert_eq!((again.claim().map(Handle::slot), again.claim()), (Some(1), None));
        // A slot that is taken then gives its handle up, and with it the last one.
        let mut memory = slots::<1>();
        (memory[0].reuse, memory[0].taken) = (u32::MAX - 1, true);
        assert_eq!(Slots::new(&mut memory).expect("a slot").claim(), None);
    }

    #[test]
    fn what_is_not_taken_is_reached_by_no_number() {
        let mut memory = slots::<3>();
        let mut table = Slots::new(&mut memory).expect("three slots");
        let (first, second) = (table.claim().expect("free"), table.claim().expect("free"));
        assert_eq!((table.handle(0), table.handle(1), table.handle(2)), (Some(first), Some(second), None));
        assert_eq!([0, 1, 2, 3].map(|slot| table.at(slot).is_some()), [true, true, false, false]);
        assert_eq!([0, 1, 2, 3].map(|slot| table.at_mut(slot).is_some()), [true, true, false, false]);
        for (one, other, both) in
            [(0, 1, true), (1, 0, true), (0, 0, false), (0, 2, false), (2, 0, false), (0, 3, false)]
        {
            assert_eq!(table.two(one, other).is_some(), both, "{one} and {other}");
        }
        assert!(table.release(first) && table.handle(0).is_none() && table.get_mut(first).is_none());
        assert_eq!((table.capacity(), table.taken()), (3, 1));
    }

    #[test]
    fn a_handle_is_a_number_that_is_not_zero() {
        let handle = Handle { slot: 7, reuse: 9 };
        assert_eq!((handle.bits(), Handle::from_bits(8 << 32 | 9)), (8 << 32 | 9, Some(handle)));
        assert_eq!([0, 1, u64::from(u32::MAX)].map(Handle::from_bits), [None; 3]);
    }
}
