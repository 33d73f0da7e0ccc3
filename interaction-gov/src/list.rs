//! A list of fixed capacity that can be filled in a constant, which `heapless::Vec` cannot. So a compiled policy lies
//! in flash as it is.

use core::fmt;
use core::ops::Deref;

/// The value in unused places: all zeros, so that an empty list in a static takes no flash.
pub(crate) trait Blank {
    const BLANK: Self;
}

/// Up to `N` values.
#[derive(Clone, Copy)]
pub(crate) struct List<T, const N: usize> {
    used: u8,
    items: [T; N],
}

impl<T, const N: usize> List<T, N> {
    pub const fn new() -> Self
    where
        T: Blank,
    {
        const { assert!(N <= u8::MAX as usize) };
        Self { used: 0, items: [const { T::BLANK }; N] }
    }

    /// All places, to be filled in a constant; the first `used` of them then count as used.
    pub const fn places(&mut self, used: u8) -> &mut [T] {
        self.used = used;
        &mut self.items
    }

    /// How many there are.
    pub const fn count(&self) -> u8 {
        self.used
    }

    /// All of them.
    pub const fn as_slice(&self) -> &[T] {
        match self.items.split_at_checked(self.used as usize) {
            Some((used, _)) => used,
            None => &self.items,
        }
    }

    /// Adds a value at the end.
    ///
    /// # Errors
    /// There is no room: the value comes back.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        match self.items.get_mut(usize::from(self.used)) {
            Some(place) => *place = item,
            None => return Err(item),
        }
        self.used += 1;
        Ok(())
    }

    pub fn truncate(&mut self, length: usize) {
        self.used = u8::try_from(length).map_or(self.used, |length| self.used.min(length));
    }

    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.items.get_mut(..usize::from(self.used)).unwrap_or_default()
    }
}

impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<'l, T, const N: usize> IntoIterator for &'l List<T, N> {
    type Item = &'l T;
    type IntoIter = core::slice::Iter<'l, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: PartialEq, const N: usize> PartialEq for List<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for List<T, N> {}

impl<T: fmt::Debug, const N: usize> fmt::Debug for List<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
