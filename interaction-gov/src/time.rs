//! Time, as the caller passes it.

/// Milliseconds since a start that the caller chooses, the same for everything that belongs together.
///
/// ```
/// use interaction_gov::time::Time;
///
/// let (now, lease_ms) = (Time(1_500), 10_000);
/// assert_eq!(now.after(lease_ms).since(now), lease_ms);
/// assert_eq!((now.to_string().as_str(), Time::NEVER.to_string().as_str()), ("1500 ms", "never"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Time(pub u64);

impl Time {
    /// The latest time there is, for things that do not end.
    pub const NEVER: Self = Self(u64::MAX);

    /// This time plus `milliseconds`.
    #[must_use]
    pub const fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// How many milliseconds have passed since an earlier time; 0 if that time is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
