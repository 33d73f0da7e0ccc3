//! Pacing: bytes are released at a rate instead of all at once, so that a short queue on the path does not overflow.

use crate::time::Mono;

/// A budget of bytes that grows with time. One frame may overdraw it, and the next waits until the debt is paid. So no
/// frame is too long, and the mean rate is exact although the clock counts whole milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// In thousandths of a byte, so that rates below a kilobyte a second are exact.
    budget: i64,
    /// The moment up to which the budget was filled.
    at: Mono,
}

impl Pace {
    /// The first frame may be sent immediately.
    pub(crate) const FULL: Self = Self { budget: 0, at: Mono(0) };

    /// A frame of `length` bytes is sent now. `rate` is in bytes a second; `burst` bytes may be sent immediately after
    /// a pause.
    pub(crate) fn spend(&mut self, now: Mono, rate: u32, burst: u32, length: u32) {
        let filled = now.since(self.at).saturating_mul(u64::from(rate));
        let filled = i64::try_from(filled).unwrap_or(i64::MAX);
        let filled = self.budget.saturating_add(filled).min(i64::from(burst) * 1_000);
        self.budget = filled.saturating_sub(i64::from(length) * 1_000);
        self.at = self.at.max(now);
    }

    /// Gives back the last amount, because its frame was not sent.
    pub(crate) const fn give_back(&mut self, length: u32) {
        self.budget = self.budget.saturating_add(length as i64 * 1_000);
    }

    /// When the next frame may be sent: as soon as there is no debt.
    pub(crate) fn next(&self, rate: u32) -> Mono {
        match u64::try_from(self.budget.saturating_neg()) {
            Ok(debt) if debt > 0 => self.at.after(debt.div_ceil(u64::from(rate.max(1)))),
            _ => self.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many frames are sent within a number of milliseconds if each is sent as early as allowed.
    fn released(rate: u32, burst: u32, length: u32, milliseconds: u64) -> u64 {
        let mut pace = Pace::FULL;
        pace.spend(Mono(1_000), rate, 0, 0);
        let mut frames = 0;
        loop {
            let next = pace.next(rate);
            if next > Mono(1_000 + milliseconds) {
                return frames;
            }
            pace.spend(next, rate, burst, length);
            frames += 1;
        }
    }

    #[test]
    fn the_mean_rate_is_exact_at_every_rate() {
        for (rate, length) in [(300, 100), (31_250, 100), (2_000_000, 1_200), (12_500_000, 1_200), (250_000_000, 1_200)]
        {
            let expected = u64::from(rate) * 10 / u64::from(length);
            let frames = released(rate, (rate / 250).max(1_200), length, 10_000);
            assert!(frames.abs_diff(expected) <= 1 + u64::from(rate) / 1_000 / u64::from(length), "{rate}: {frames}");
        }
    }

    #[test]
    fn after_a_pause_one_burst_and_one_frame_leave_and_no_more() {
        let mut pace = Pace::FULL;
        pace.spend(Mono(0), 1_000_000, 5_000, 1_000);
        let mut frames = 0;
        while pace.next(1_000_000) <= Mono(60_000) {
            pace.spend(Mono(60_000), 1_000_000, 5_000, 1_000);
            frames += 1;
        }
        assert_eq!(frames, 6);
    }

    #[test]
    fn what_did_not_leave_is_given_back() {
        let mut pace = Pace::FULL;
        pace.spend(Mono(7), 1_000, 2_000, 1_200);
        let before = pace.next(1_000);
        pace.spend(before, 1_000, 2_000, 1_200);
        pace.give_back(1_200);
        assert_eq!(pace.next(1_000), before);
    }

    #[test]
    fn a_rate_of_zero_and_the_end_of_time_are_harmless() {
        let mut pace = Pace::FULL;
        pace.spend(Mono(u64::MAX), u32::MAX, u32::MAX, u32::MAX);
        pace.spend(Mono(0), 0, 0, u32::MAX);
        assert_eq!(pace.next(0), Mono(u64::MAX));
    }
}
