//! The numbers of what an interaction has.

/// A participant's number in an interaction. No newcomer gets the number of one that has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seat(pub u16);

/// The number of a function or computation within its interaction. Nothing gets the number of something that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Binding(pub u16);
