//! An optional number in eight bytes: a session has a dozen of them, and a host may have a million sessions.

use crate::time::Mono;

/// A sequence number or a moment, or none. The two highest numbers are stored as the same value: no clock and no
/// counter comes near them. None is zero, like memory without a session.
#[derive(Clone, Copy)]
pub(crate) struct Packed(u64);

impl Packed {
    pub(crate) const NONE: Self = Self(0);

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn of(number: u64) -> Self {
        Self(number.saturating_add(1))
    }

    pub(crate) const fn at(moment: Mono) -> Self {
        Self::of(moment.0)
    }

    pub(crate) const fn get(self) -> Option<u64> {
        self.0.checked_sub(1)
    }

    pub(crate) fn moment(self) -> Option<Mono> {
        self.get().map(Mono)
    }

    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl From<Option<u64>> for Packed {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::NONE, Self::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_and_none_is_zero() {
        for number in [0, 1, 1 << 63, u64::MAX - 1] {
            assert_eq!(Packed::of(number).get(), Some(number));
            assert_eq!(Packed::from(Some(number)).get(), Some(number));
        }
        assert_eq!(Packed::at(Mono(u64::MAX)).moment(), Some(Mono(u64::MAX - 1)));
        assert!(Packed::NONE.get().is_none() && Packed::NONE.is_none() && Packed::NONE.0 == 0);
        assert!(Packed::from(None).is_none());
    }
}
