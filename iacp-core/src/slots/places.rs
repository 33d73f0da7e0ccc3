//! Places in the caller's memory, or none.

use core::ops::{Deref, DerefMut};

/// A slice of the caller's. Without `ANY` it is empty, and the compiler knows it.
#[derive(Debug)]
pub(crate) struct Places<'m, T, const ANY: bool>(&'m mut [T]);

impl<'m, T, const ANY: bool> Places<'m, T, ANY> {
    pub(crate) const fn over(places: &'m mut [T]) -> Self {
        Self(places)
    }

    pub(crate) const fn len(&self) -> usize {
        if ANY { self.0.len() } else { 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T, const ANY: bool> Deref for Places<'_, T, ANY> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        if ANY { self.0 } else { &[] }
    }
}

impl<T, const ANY: bool> DerefMut for Places<'_, T, ANY> {
    fn deref_mut(&mut self) -> &mut [T] {
        if ANY { self.0 } else { &mut [] }
    }
}
