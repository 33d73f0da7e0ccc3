//! Time as a value: two clocks that are never mixed.

/// Milliseconds since an arbitrary start that only the caller knows. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mono(pub u64);

impl Mono {
    // Called in so many places that a copy in each of them is a kilobyte of a small device's flash.
    /// The moment `milliseconds` later.
    #[must_use]
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub const fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds since `earlier`, or 0 if that is still to come.
    #[must_use]
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment nearest to this one whose low 32 bits of milliseconds are these.
    pub(crate) const fn nearest(self, low: u32) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "truncation is what it does")]
        let ahead = low.wrapping_sub(self.0 as u32).cast_signed();
        Self(self.0.saturating_add_signed(ahead as i64))
    }
}

/// The soonest of several moments.
#[inline(never)]
pub(crate) fn soonest(moments: &[Option<Mono>]) -> Option<Mono> {
    moments.iter().flatten().min().copied()
}

/// Milliseconds since 1970-01-01 00:00 UTC, for what is compared between hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// Milliseconds between the two, whichever is earlier.
    #[must_use]
    pub const fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }
}

/// A repetition that doubles its pause up to a ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    due: Mono,
    pause: u32,
    ceiling: u32,
}

impl Backoff {
    /// The first repetition of a frame comes after this many milliseconds.
    pub(crate) const FIRST: u32 = 250;
    /// No pause between repetitions of a frame is longer.
    pub(crate) const CEILING: u32 = 8_000;

    /// Nothing is repeated: all zeros.
    pub(crate) const NONE: Self = Self { due: Mono(0), pause: 0, ceiling: 0 };

    /// Due at once, then after 250 ms.
    pub(crate) const fn now(now: Mono) -> Self {
        Self::starting(now, Self::FIRST, Self::CEILING)
    }

    /// Due at `due`, then after `pause` milliseconds, which double up to `ceiling`.
    pub(crate) const fn starting(due: Mono, pause: u32, ceiling: u32) -> Self {
        Self { due, pause, ceiling }
    }

    pub(crate) const fn due(&self) -> Mono {
        self.due
    }

    /// It was done: the next time is one pause away, and the pause after that is twice as long.
    pub(crate) fn done(&mut self, now: Mono) {
        self.due = now.after(u64::from(self.pause));
        self.pause = self.pause.saturating_mul(2).min(self.ceiling);
    }

    /// It was not done after all: it is due again.
    pub(crate) const fn again(&mut self, now: Mono) {
        self.due = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_low_bits_of_a_moment_stand_for_the_nearest_one_that_has_them() {
        const FAR: u64 = 5 << 32;
        for (now, low, expected) in [
            (FAR + 9, 9, FAR + 9),
            (FAR + 9, 11, FAR + 11),
            (FAR + 9, 7, FAR + 7),
            (FAR + 9, u32::MAX, FAR - 1),
            (FAR - 1, 3, FAR + 3),
            (FAR, 0x7FFF_FFFF, FAR + 0x7FFF_FFFF),
            (FAR, 0x8000_0000, FAR - 0x8000_0000),
            (3, u32::MAX, 0),
        ] {
            assert_eq!(Mono(now).nearest(low), Mono(expected), "{low} near {now}");
        }
    }

    #[test]
    fn pauses_double_up_to_their_ceiling_and_what_was_not_done_is_due_again() {
        let mut again = Backoff::starting(Mono(10), 100, 300);
        let mut due = [0; 5];
        for due in &mut due {
            *due = again.due().0;
            again.done(again.due());
        }
        assert_eq!(due, [10, 110, 310, 610, 910]);
        again.again(Mono(7));
        assert_eq!(again.due(), Mono(7));
    }

    #[test]
    fn moments_are_compared_without_overflow() {
        assert_eq!(soonest(&[Some(Mono(9)), None, Some(Mono(4))]), Some(Mono(4)));
        assert_eq!(soonest(&[None, None]), None);
        assert_eq!((UnixTime(3).distance(UnixTime(9)), UnixTime(9).distance(UnixTime(3))), (6, 6));
        assert_eq!((Mono(9).since(Mono(3)), Mono(3).since(Mono(9)), Mono(3).after(u64::MAX)), (6, 0, Mono(u64::MAX)));
    }
}
