//! An optional value in memory that begins as zeros.

/// Like an `Option`, but the empty value is a zero byte for every `T`. For many types the compiler represents `None` by
/// a number that `T` never has; a static table of such slots would be part of the initial values that a device stores
/// in its flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Maybe<T> {
    Nothing = 0,
    Just(T) = 1,
}

impl<T> Maybe<T> {
    pub(crate) const fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Nothing => None,
            Self::Just(value) => Some(value),
        }
    }

    pub(crate) const fn as_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Nothing => None,
            Self::Just(value) => Some(value),
        }
    }

    pub(crate) const fn is_some(&self) -> bool {
        matches!(self, Self::Just(_))
    }

    pub(crate) const fn is_none(&self) -> bool {
        !self.is_some()
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        match core::mem::replace(self, Self::Nothing) {
            Self::Nothing => None,
            Self::Just(value) => Some(value),
        }
    }
}

impl<T: Copy> Maybe<T> {
    pub(crate) const fn get(self) -> Option<T> {
        match self {
            Self::Nothing => None,
            Self::Just(value) => Some(value),
        }
    }
}

impl<T> From<Option<T>> for Maybe<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Self::Just)
    }
}
