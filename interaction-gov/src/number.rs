//! The numbers of what an interaction has.

/// A participant's number in an interaction. No newcomer gets the number of one that has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seat(pub u16);

/// The number of a function or computation within its interaction. Nothing gets the number of something that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Binding(pub u16);

/// Yes or no, in a byte that leaves no other value free: what holds one and is absent is all zeros, so that an empty control plane
/// in a static takes no flash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flag(u8);

impl Flag {
    pub const NO: Self = Self(0);
    pub const YES: Self = Self(1);

    pub const fn of(yes: bool) -> Self {
        if yes { Self::YES } else { Self::NO }
    }

    pub const fn is(self) -> bool {
        self.0 != 0
    }
}
