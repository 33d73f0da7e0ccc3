//! Sets of names: one bit for each.

use core::fmt;

use super::Name;

/// The bits of a set. Most kinds have at most 31 names; regions have up to 127.
///
/// A host that stores a set stores its bits.
///
/// ```
/// use interaction_gov::vocabulary::{Bits, Region, Set};
///
/// assert_eq!(<u128 as Bits>::COUNT, 128);
/// let stored: u128 = Set::one(Region(2)).with(Region(100)).bits();
/// assert_eq!(stored, 1 << 2 | 1 << 100);
/// assert!(Set::<Region>::from_bits(stored).contains(Region(100)));
/// ```
pub trait Bits: Copy + Eq + Default + fmt::Debug + fmt::Binary + private::Sealed + 'static {
    /// None.
    const ZERO: Self;
    /// All.
    const ONES: Self;
    /// How many there are.
    const COUNT: u8;
    /// One.
    fn bit(number: u8) -> Self;
    /// Those in both.
    #[must_use]
    fn and(self, other: Self) -> Self;
    /// Those in either.
    #[must_use]
    fn or(self, other: Self) -> Self;
    /// The others.
    #[must_use]
    fn not(self) -> Self;
    /// The lowest.
    fn lowest(self) -> Option<u8>;
    /// All but the lowest.
    #[must_use]
    fn rest(self) -> Self;
}

mod private {
    pub trait Sealed {}
    impl Sealed for u32 {}
    impl Sealed for u128 {}
}

macro_rules! bits {
    ($($kind:ident)+) => {
        $(impl Bits for $kind {
            const ZERO: Self = 0;
            const ONES: Self = Self::MAX;
            const COUNT: u8 = (Self::BITS & 0xFF) as u8;
            fn bit(number: u8) -> Self {
                1 << number.min(Self::COUNT - 1)
            }
            fn and(self, other: Self) -> Self {
                self & other
            }
            fn or(self, other: Self) -> Self {
                self | other
            }
            fn not(self) -> Self {
                !self
            }
            fn lowest(self) -> Option<u8> {
                (self != 0).then(|| (self.trailing_zeros() & 0xFF) as u8)
            }
            fn rest(self) -> Self {
                self & self.wrapping_sub(1)
            }
        })+
    };
}

bits!(u32 u128);

/// A set of names of one kind.
///
/// ```
/// use interaction_gov::vocabulary::{Region, Set};
///
/// let here = Set::one(Region(2)).with(Region(100));
/// assert!(here.contains(Region(100)) && !here.contains(Region(3)));
/// assert!(Set::ALL.covers(here));
/// ```
pub struct Set<T: Name>(T::Bits);

impl<T: Name> Clone for Set<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Name> Copy for Set<T> {}

impl<T: Name> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Name> Eq for Set<T> {}

impl<T: Name> Default for Set<T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<T: Name> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Set({:#b})", self.0)
    }
}

#[cfg(feature = "defmt")]
impl<T: Name> defmt::Format for Set<T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Set({})", defmt::Display2Format(self));
    }
}

#[cfg(feature = "defmt")]
impl<T: Name> fmt::Display for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:b}", self.0)
    }
}

impl<T: Name> Set<T> {
    /// Nothing.
    pub const EMPTY: Self = Self(T::Bits::ZERO);
    /// Everything, whatever there is.
    pub const ALL: Self = Self(T::Bits::ONES);

    /// The set with these bits: bit n is number n.
    #[must_use]
    pub const fn from_bits(bits: T::Bits) -> Self {
        Self(bits)
    }

    /// One bit for each number.
    #[must_use]
    pub const fn bits(self) -> T::Bits {
        self.0
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == T::Bits::ZERO
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0.and(other.0))
    }

    /// What is in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }

    /// The names that are only in this set.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0.and(other.0.not()))
    }

    /// Whether this set contains all names of the other.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        other.without(self).is_empty()
    }

    /// A set of one name. A number that no vocabulary can have is in no set that a vocabulary can make, but the set is
    /// not empty.
    #[must_use]
    pub fn one(name: T) -> Self {
        Self(T::Bits::bit(name.number()))
    }

    /// One name more.
    #[must_use]
    pub fn with(self, name: T) -> Self {
        self.or(Self::one(name))
    }

    /// Whether the name is in the set.
    #[must_use]
    pub fn contains(self, name: T) -> bool {
        !self.and(Self::one(name)).is_empty()
    }

    /// Each name, by number.
    pub fn iter(self) -> impl Iterator<Item = T> {
        let mut left = self;
        core::iter::from_fn(move || {
            let next = T::numbered(left.0.lowest()?);
            left.0 = left.0.rest();
            Some(next)
        })
    }
}

impl<T: Name> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        names.into_iter().fold(Self::EMPTY, Self::with)
    }
}
