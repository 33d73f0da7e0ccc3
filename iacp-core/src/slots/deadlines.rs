//! When which item is due.

use super::{MOST, TooFew, count, position};
use crate::time::Mono;

/// One place in the heap, and the place of one item.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeapCell {
    at: Mono,
    item: u32,
    /// The place of the item with this cell's number, + 1.
    place: u32,
}

impl HeapCell {
    /// An empty cell.
    pub const EMPTY: Self = Self { at: Mono(0), item: 0, place: 0 };
}

/// The deadlines of items: a heap with one cell for each item.
///
/// An item moves only when its deadline becomes earlier. An item whose deadline became later stays where it is, and is
/// checked when it would have been due: so busy items seldom change the heap.
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

/// How many entries at the front are checked in one step.
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

    /// Makes the item due at `at`, unless it is due earlier already.
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

    /// Moves the entry up from an empty place.
    fn rise(&mut self, mut place: usize, entry: (Mono, u32)) {
        while let Some(parent) = place.checked_sub(1).map(|before| before / ARITY) {
            let Some(above) = self.entry(parent).filter(|above| entry < *above) else { break };
            self.put(place, above);
            place = parent;
        }
        self.put(place, entry);
    }

    /// Moves the entry down from an empty place.
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

    /// Removes the item that is due first, if it is due by `now`.
    pub fn pop(&mut self, now: Mono) -> Option<u32> {
        let (_, item) = self.entry(0).filter(|(at, _)| *at <= now)?;
        self.drop_first();
        Some(item)
    }

    /// Removes the entry at the front.
    fn drop_first(&mut self) {
        let Some((_, item)) = self.entry(0) else { return };
        if let Some(cell) = self.cells.get_mut(position(item)) {
            cell.place = 0;
        }
        self.length -= 1;
        // The last entry is read before the heap gets shorter.
        if let Some(cell) = self.cells.get(self.length).filter(|_| self.length > 0) {
            let last = (cell.at, cell.item);
            self.sink(0, last);
        }
    }

    /// Corrects the entries at the front with the actual deadlines: one that became later goes down, and none is
    /// removed. A constant number of entries is checked; if more are out of date, [`Self::first`] is too early, but
    /// never too late.
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
