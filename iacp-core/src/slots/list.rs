//! Slots one behind the other.

use super::{LISTS, Slots, position};

/// The link of the last slot of a list. Other links hold slot + 1, and zero means that the slot is in no list.
const END: u32 = u32::MAX;

/// The first and the last slot of a list, whose links are in the slots. For each number `LINK`, a slot can be in one
/// list. A slot that is freed stays in its lists until it is popped or removed, so code that pops must check the
/// contents of the slot; if the order matters, a slot must be removed before it is freed.
///
/// ```
/// use iacp_core::slots::{List, Reset, Slot, Slots};
///
/// /// A datagram that waits to be sent.
/// struct Waiting(&'static str);
/// impl Reset for Waiting {
///     fn reset(&mut self) {
///         self.0 = "";
///     }
/// }
///
/// let mut memory = [const { Slot::new(Waiting("")) }; 4];
/// let mut table = Slots::new(&mut memory)?;
/// let mut outbox = List::<0>::EMPTY;
/// for text in ["first", "second"] {
///     let handle = table.claim().ok_or("there are four slots")?;
///     table.get_mut(handle).ok_or("it is there")?.0 = text;
///     assert!(outbox.push(&mut table, handle.slot()));
/// }
/// let next = outbox.pop(&mut table).and_then(|slot| table.at(slot)).map(|waiting| waiting.0);
/// assert_eq!(next, Some("first"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct List<const LINK: usize>(Ends);

impl<const LINK: usize> List<LINK> {
    /// Nothing.
    pub const EMPTY: Self = Self(Ends::NONE);

    /// Whether the list is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.first == 0
    }

    /// The slot in front.
    #[must_use]
    pub const fn first(&self) -> Option<u32> {
        self.0.first.checked_sub(1)
    }

    /// The slots in order, from the front on.
    pub fn iter<'s, T, const ANY: bool>(
        &self,
        slots: &'s Slots<'_, T, ANY>,
    ) -> impl Iterator<Item = u32> + use<'s, LINK, T, ANY> {
        let mut next = self.0.first;
        core::iter::from_fn(move || {
            let slot = next.checked_sub(1)?;
            next = match link(slots, LINK, slot)? {
                END => 0,
                next => next,
            };
            Some(slot)
        })
    }

    /// Appends a slot; `false` if it is already in a list with this link.
    pub fn push<T, const ANY: bool>(&mut self, slots: &mut Slots<'_, T, ANY>, slot: u32) -> bool {
        const { assert!(LINK < LISTS, "a slot has four links") };
        self.0.push(slots, LINK, slot)
    }

    /// Puts a slot in front; `false` if it is already in a list with this link.
    pub fn push_front<T>(&mut self, slots: &mut Slots<'_, T>, slot: u32) -> bool {
        const { assert!(LINK < LISTS, "a slot has four links") };
        self.0.push_front(slots, LINK, slot)
    }

    /// Removes a slot from any place; `false` if it is in no list with this link. The cost is proportional to the
    /// number of slots before it.
    pub fn remove<T, const ANY: bool>(&mut self, slots: &mut Slots<'_, T, ANY>, slot: u32) -> bool {
        self.0.remove(slots, LINK, slot)
    }

    /// Takes the slot in front.
    pub fn pop<T, const ANY: bool>(&mut self, slots: &mut Slots<'_, T, ANY>) -> Option<u32> {
        self.0.pop(slots, LINK)
    }
}

/// A list whose link is a value: the code of lists is in a program once for each sort of table, not once for each list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Ends {
    first: u32,
    last: u32,
}

fn link<T, const ANY: bool>(slots: &Slots<'_, T, ANY>, link: usize, slot: u32) -> Option<u32> {
    slots.slots.get(position(slot))?.links.get(link).copied()
}

fn link_mut<'s, T, const ANY: bool>(slots: &'s mut Slots<'_, T, ANY>, link: usize, slot: u32) -> Option<&'s mut u32> {
    slots.slots.get_mut(position(slot))?.links.get_mut(link)
}

impl Ends {
    const NONE: Self = Self { first: 0, last: 0 };

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn push<T, const ANY: bool>(&mut self, slots: &mut Slots<'_, T, ANY>, number: usize, slot: u32) -> bool {
        let Some(link) = link_mut(slots, number, slot).filter(|link| **link == 0) else { return false };
        *link = END;
        let before = core::mem::replace(&mut self.last, slot + 1);
        match before.checked_sub(1).and_then(|before| link_mut(slots, number, before)) {
            Some(link) => *link = slot + 1,
            None => self.first = slot + 1,
        }
        true
    }

    fn push_front<T>(&mut self, slots: &mut Slots<'_, T>, number: usize, slot: u32) -> bool {
        if self.first == 0 {
            return self.push(slots, number, slot);
        }
        let Some(link) = link_mut(slots, number, slot).filter(|link| **link == 0) else { return false };
        *link = core::mem::replace(&mut self.first, slot + 1);
        true
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn remove<T, const ANY: bool>(&mut self, slots: &mut Slots<'_, T, ANY>, number: usize, slot: u32) -> bool {
        let Some(after) = link(slots, number, slot).filter(|link| *link != 0) else { return false };
        if self.first == slot + 1 {
            return self.pop(slots, number).is_some();
        }
        let mut before = self.first;
        while let Some(place) = before.checked_sub(1) {
            let Some(next) = link(slots, number, place).filter(|next| *next != END) else { return false };
            if next != slot + 1 {
                before = next;
                continue;
            }
            for (slot, value) in [(place, after), (slot, 0)] {
                if let Some(link) = link_mut(slots, number, slot) {
                    *link = value;
                }
            }
            if after == END {
                self.last = before;
            }
            return true;
        }
        false
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn pop<T, const ANY: bool>(&mut self, slots: &mut Slots<'_, T, ANY>, number: usize) -> Option<u32> {
        let slot = self.first.checked_sub(1)?;
        match core::mem::take(link_mut(slots, number, slot)?) {
            END => *self = Self::NONE,
            next => self.first = next,
        }
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;
    use crate::slots::{Reset, Slot};

    struct Nothing;
    impl Reset for Nothing {
        fn reset(&mut self) {}
    }

    #[test]
    fn a_slot_that_is_removed_leaves_the_others_in_order_and_may_come_back_as_the_last() {
        for removed in 0..4 {
            let mut memory = [const { Slot::new(Nothing) }; 4];
            let mut slots = Slots::new(&mut memory).expect("four slots");
            let mut list = List::<2>::EMPTY;
            for slot in 0..4 {
                assert!(list.push(&mut slots, slot));
            }
            assert!(list.remove(&mut slots, removed));
            assert!(!list.remove(&mut slots, removed), "it stands in it no more");
            assert!(list.push(&mut slots, removed));
            let popped: Vec<u32> = core::iter::from_fn(|| list.pop(&mut slots)).collect();
            let expected: Vec<u32> = (0..4).filter(|slot| *slot != removed).chain([removed]).collect();
            assert_eq!(popped, expected);
            assert!(list.is_empty());
            assert!(list.push(&mut slots, 0) && list.remove(&mut slots, 0) && list.is_empty(), "the only one");
        }
    }

    #[test]
    fn a_slot_that_is_put_in_front_comes_first() {
        let mut memory = [const { Slot::new(Nothing) }; 4];
        let mut slots = Slots::new(&mut memory).expect("four slots");
        let mut list = List::<2>::EMPTY;
        for slot in [2, 1, 0] {
            assert!(list.push_front(&mut slots, slot));
            assert!(!list.push_front(&mut slots, slot), "it stands in it already");
        }
        assert!(list.push(&mut slots, 3));
        for slot in 0..4 {
            assert_eq!(list.pop(&mut slots), Some(slot));
        }
    }
}
