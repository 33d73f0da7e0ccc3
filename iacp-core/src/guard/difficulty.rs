//! How much work a request must show (`IACP §5.3.1`): up at once with the load, down one bit in ten seconds.

use crate::time::Mono;

/// How full something of fixed size is: a queue, a table, a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Load {
    /// Places in use.
    pub used: u32,
    /// Places that there are. Where there are none, everything is full.
    pub room: u32,
}

impl Load {
    /// `floor(gamma · used / room)`, in integers; never more than `gamma`.
    fn share(self, gamma: u32) -> u32 {
        let used = u64::from(self.used.min(self.room));
        let share = (u64::from(gamma) * used).checked_div(u64::from(self.room));
        share.and_then(|share| u32::try_from(share).ok()).unwrap_or(gamma)
    }
}

/// D_req (`IACP §5.3.1`): `D_base + floor(gamma · load)`, the load being the fullest of what the host measures.
///
/// It rises at once. It falls by one bit in [`Difficulty::FALL`], counted from the last moment at which the load asked for
/// as much: a requester that learnt the D_req of the moment finds it unchanged when its work is done, and an attacker who
/// lets go for a second gains nothing.
///
/// ```
/// use iacp_core::guard::{Difficulty, Load};
/// use iacp_core::time::Mono;
///
/// let mut difficulty = Difficulty::new(16, 4, Mono(0));
/// let idle = Load { used: 0, room: 8 };
/// assert_eq!(difficulty.observe(Mono(0), &[idle]), 16);
/// assert_eq!(difficulty.observe(Mono(1_000), &[idle, Load { used: 8, room: 8 }]), 20); // at once
/// assert_eq!(difficulty.observe(Mono(10_999), &[idle]), 20);
/// assert_eq!(difficulty.observe(Mono(11_000), &[idle]), 19); // ten seconds after the load was gone
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difficulty {
    base: u32,
    gamma: u32,
    bits: u32,
    /// When the load last asked for as many bits, or when the last one fell.
    since: Mono,
}

impl Difficulty {
    /// Milliseconds until one bit less is asked for.
    pub const FALL: u64 = 10_000;

    /// No request is asked for more bits, whatever base and gamma are, so that a requester knows when not to begin.
    pub const CAP: u32 = 24;

    /// `base` bits without load, and `gamma` more at full load, but no more than [`Self::CAP`].
    #[must_use]
    pub const fn new(base: u32, gamma: u32, now: Mono) -> Self {
        let base = if base < Self::CAP { base } else { Self::CAP };
        Self { base, gamma, bits: base, since: now }
    }

    /// The D_req of this moment. Ask with every request, before its check: what the load was between two calls is not
    /// known. No loads at all are no load.
    // keeps: IACP-117 (§5.3.1)
    pub fn observe(&mut self, now: Mono, loads: &[Load]) -> u32 {
        let extra = loads.iter().map(|load| load.share(self.gamma)).max().unwrap_or(0);
        let target = self.base.saturating_add(extra).min(Self::CAP);
        let fallen = now.since(self.since) / Self::FALL;
        let bits = u32::try_from(fallen).map_or(0, |fallen| self.bits.saturating_sub(fallen));
        if target >= bits {
            (self.bits, self.since) = (target, self.since.max(now));
        } else {
            self.bits = bits;
            // Not `now`: else frequent questions would keep it up.
            self.since = self.since.after(fallen.saturating_mul(Self::FALL));
        }
        self.bits
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    const BASE: u32 = 16;
    const GAMMA: u32 = 4;

    fn load(used: u32) -> Load {
        Load { used, room: 100 }
    }

    fn at(difficulty: &mut Difficulty, second: u64, used: u32) -> u32 {
        difficulty.observe(Mono(second * 1_000), &[load(used)])
    }

    #[test]
    fn it_rises_with_the_load_at_once() {
        // shows: IACP-117 (§5.3.1)
        for (used, bits) in [(0, 16), (24, 16), (25, 17), (49, 17), (50, 18), (99, 19), (100, 20), (500, 20)] {
            let mut difficulty = Difficulty::new(BASE, GAMMA, Mono(0));
            assert_eq!(at(&mut difficulty, 0, used), bits, "floor(4 · {used} / 100)");
        }
        let asked = |base, gamma, loads: &[Load]| Difficulty::new(base, gamma, Mono(0)).observe(Mono(0), loads);
        assert_eq!(asked(12, 8, &[load(49)]), 15, "floor(3.92) is 3");
        assert_eq!(asked(12, 8, &[Load { used: 0, room: 0 }]), 20, "no room is full");
        assert_eq!(asked(12, 8, &[load(10), load(80), load(30)]), 18, "the fullest counts");
        assert_eq!(asked(12, 8, &[]), 12);
        assert_eq!(asked(12, u32::MAX, &[Load { used: u32::MAX - 1, room: u32::MAX }]), Difficulty::CAP);
        assert_eq!(asked(u32::MAX, u32::MAX, &[load(100)]), Difficulty::CAP);
        assert_eq!(asked(30, 0, &[]), Difficulty::CAP, "a larger base is cut off too");
    }

    #[test]
    fn it_falls_one_bit_in_ten_seconds_after_the_load_is_gone() {
        let mut difficulty = Difficulty::new(BASE, GAMMA, Mono(0));
        // An hour of load: what falls is counted from its end.
        for second in 0..3_600 {
            assert_eq!(at(&mut difficulty, second, 100), 20);
        }
        let after: Vec<u32> = (0..60).map(|second| at(&mut difficulty, 3_600 + second, 0)).collect();
        let expected: Vec<u32> = (0..60).map(|second| 20_u32.saturating_sub((second + 1) / 10).max(16)).collect();
        assert_eq!(after, expected);
    }

    #[test]
    fn how_often_it_is_asked_makes_no_difference() {
        for pause in [1, 3, 999, 1_000, 7_001, 10_000, 10_001, 25_000] {
            let mut difficulty = Difficulty::new(BASE, GAMMA, Mono(0));
            difficulty.observe(Mono(0), &[load(100)]);
            let mut now = 0;
            while now < 60_000 {
                now += pause;
                let expected = 20_u64.saturating_sub(now / Difficulty::FALL).max(16);
                assert_eq!(u64::from(difficulty.observe(Mono(now), &[load(0)])), expected, "each {pause} ms, at {now}");
            }
        }
    }

    #[test]
    fn a_smaller_load_stops_the_fall_and_a_pulse_starts_it_anew() {
        let mut difficulty = Difficulty::new(BASE, GAMMA, Mono(0));
        assert_eq!(at(&mut difficulty, 0, 100), 20);
        assert_eq!(at(&mut difficulty, 15, 50), 19);
        assert_eq!(at(&mut difficulty, 100, 50), 18, "what the load asks for");
        assert_eq!(at(&mut difficulty, 109, 0), 18, "ten seconds, though it had been 18 for long");
        assert_eq!(at(&mut difficulty, 110, 0), 17);
        assert_eq!(at(&mut difficulty, 111, 100), 20);
        assert_eq!(at(&mut difficulty, 120, 0), 20);
        assert_eq!(at(&mut difficulty, 121, 0), 19);
        assert_eq!(at(&mut difficulty, 86_400, 0), 16);
    }

    #[test]
    fn no_time_is_too_large_and_none_goes_back() {
        let mut difficulty = Difficulty::new(BASE, GAMMA, Mono(5_000));
        assert_eq!(difficulty.observe(Mono(5_000), &[load(100)]), 20);
        assert_eq!(difficulty.observe(Mono(0), &[load(0)]), 20);
        assert_eq!(difficulty.observe(Mono(0), &[load(100)]), 20);
        assert_eq!(difficulty.observe(Mono(14_999), &[load(0)]), 20, "an earlier time shortens nothing");
        assert_eq!(difficulty.observe(Mono(u64::MAX), &[load(0)]), 16);
        assert_eq!(difficulty.observe(Mono(u64::MAX), &[load(100)]), 20);
    }
}
