//! Things one behind the other, of which any leaves at once.

use super::{Reset, Slots};

/// The link of a thing at an end of its chain. Other links hold slot + 1, and zero means that the thing is in no chain.
const END: u32 = u32::MAX;

/// The first and the last thing of a chain. Unlike from a [`List`](super::List) any of them leaves at once, which takes a link back
/// in each; so its links are in the things themselves. A thing must leave before its slot is freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    first: u32,
    last: u32,
}

/// A thing's place in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    next: u32,
    previous: u32,
}

const fn slot_of(link: u32) -> Option<u32> {
    if link == END { None } else { link.checked_sub(1) }
}

impl Links {
    /// In no chain.
    pub(crate) const NONE: Self = Self { next: 0, previous: 0 };

    /// The next thing.
    pub(crate) const fn next(self) -> Option<u32> {
        slot_of(self.next)
    }
}

impl Chain {
    /// Nothing.
    pub(crate) const EMPTY: Self = Self { first: 0, last: 0 };

    /// The thing in front.
    pub(crate) const fn first(self) -> Option<u32> {
        slot_of(self.first)
    }

    /// Appends a thing; `links` says where it has its links. One that is in a chain with these stays where it is.
    pub(crate) fn push<T: Reset, const ANY: bool>(
        &mut self,
        slots: &mut Slots<'_, T, ANY>,
        slot: u32,
        links: impl Fn(&mut T) -> &mut Links,
    ) {
        let before = slot_of(self.last);
        let Some(own) = slots.at_mut(slot).map(&links).filter(|own| **own == Links::NONE) else { return };
        *own = Links { next: END, previous: before.map_or(END, |before| before + 1) };
        match before.and_then(|before| slots.at_mut(before)) {
            Some(before) => links(before).next = slot + 1,
            None => self.first = slot + 1,
        }
        self.last = slot + 1;
    }

    /// Removes a thing from any place; `false` if it is in no chain with these links.
    pub(crate) fn remove<T: Reset, const ANY: bool>(
        &mut self,
        slots: &mut Slots<'_, T, ANY>,
        slot: u32,
        links: impl Fn(&mut T) -> &mut Links,
    ) -> bool {
        let Some(own) = slots.at_mut(slot).map(&links).filter(|own| **own != Links::NONE) else { return false };
        let Links { next, previous } = core::mem::replace(own, Links::NONE);
        match slot_of(next).and_then(|next| slots.at_mut(next)) {
            Some(next) => links(next).previous = previous,
            None => self.last = slot_of(previous).map_or(0, |previous| previous + 1),
        }
        match slot_of(previous).and_then(|previous| slots.at_mut(previous)) {
            Some(previous) => links(previous).next = next,
            None => self.first = slot_of(next).map_or(0, |next| next + 1),
        }
        true
    }

    /// Takes the thing in front.
    pub(crate) fn pop<T: Reset, const ANY: bool>(
        &mut self,
        slots: &mut Slots<'_, T, ANY>,
        links: impl Fn(&mut T) -> &mut Links,
    ) -> Option<u32> {
        let slot = self.first()?;
        self.remove(slots, slot, links).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;
    use crate::slots::Slot;

    struct Thing(Links);
    impl Reset for Thing {
        fn reset(&mut self) {
            self.0 = Links::NONE;
        }
    }

    fn links(thing: &mut Thing) -> &mut Links {
        &mut thing.0
    }

    #[test]
    fn a_thing_that_leaves_from_any_place_leaves_the_others_in_order_and_may_come_back() {
        for removed in 0..4 {
            let mut memory = [const { Slot::new(Thing(Links::NONE)) }; 5];
            let mut slots = Slots::new(&mut memory).expect("five slots");
            let mut chain = Chain::EMPTY;
            for _ in 0..5 {
                slots.claim().expect("a slot");
            }
            for slot in [0, 1, 2, 3, 2] {
                chain.push(&mut slots, slot, links);
            }
            assert!(!chain.remove(&mut slots, 4, links), "it is in no chain");
            assert!(chain.remove(&mut slots, removed, links));
            assert!(!chain.remove(&mut slots, removed, links), "once");
            let rest: Vec<u32> = (0..4).filter(|slot| *slot != removed).collect();
            let next = |slot: &u32| slots.at(*slot).and_then(|thing| thing.0.next());
            assert_eq!(std::iter::successors(chain.first(), next).collect::<Vec<_>>(), rest);
            chain.push(&mut slots, removed, links);
            let popped: Vec<u32> = std::iter::from_fn(|| chain.pop(&mut slots, links)).collect();
            assert_eq!(popped, [&rest[..], &[removed]].concat());
            assert_eq!(chain, Chain::EMPTY);
        }
    }
}
