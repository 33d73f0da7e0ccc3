//! Slots one behind the other.

use super::{LISTS, Slots, position};

/// The link of the last slot of a list. Others hold slot + 1, and zero says: in no list.
const END: u32 = u32::MAX;

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

    /// The slots in order, from the front on.
    pub fn iter<'s, T>(&self, slots: &'s Slots<'_, T>) -> impl Iterator<Item = u32> + use<'s, LINK, T> {
        let mut next = self.first;
        core::iter::from_fn(move || {
            let slot = next.checked_sub(1)?;
            next = match *slots.slots.get(position(slot))?.links.get(LINK)? {
                END => 0,
                next => next,
            };
            Some(slot)
        })
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
