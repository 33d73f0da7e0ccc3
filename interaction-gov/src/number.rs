//! The numbers of an interaction's participants and functions.

/// A participant's number in an interaction. No newcomer gets the number of one that has left.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { plane, mut log, mut call, seat } = setting();
/// assert_eq!(seat, Seat(0));
/// call.leave(Time(2), seat, &mut log)?;
/// assert_eq!(call.join(Time(3), &admission(2), &plane, &mut log)?, Seat(1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seat(pub u16);

/// The number of a function or computation within its interaction. The number of one that has ended is not given again.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use interaction_gov::function::Binding;
///
/// let Setting { mut log, mut call, .. } = setting();
/// assert!(call.running(Binding(0)).is_none(), "nothing runs");
/// assert!(call.end(Time(2), Binding(0), &mut log).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Binding(pub u16);

/// Yes or no, as a byte without unused values. So `None` of a type that contains one is all zeros, and an empty control
/// plane in a static takes no flash.
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
