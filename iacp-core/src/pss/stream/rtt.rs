//! Round-trip time and repetition time (`RFC 6298`), in whole milliseconds.

use crate::time::Mono;

/// Clock granularity in RFC 6298's formula, in milliseconds: a peer may hold a heartbeat back for this long.
const GRANULARITY: u32 = 100;
/// The shortest repetition time, and the one before the first sample, in milliseconds.
pub(crate) const SHORTEST: u32 = 250;
/// The longest repetition time, however often it has doubled, in milliseconds.
pub(crate) const LONGEST: u32 = 8_000;
/// How long a receiver may delay the heartbeat for the last frame, plus the lateness of a timer, in milliseconds.
const HELD_BACK: u32 = 25 + 10;
/// The least time that a frame may arrive after one that was sent later, in milliseconds.
const LATE: u32 = 10;
/// Samples are limited to this, in milliseconds, so that a host that slept does not spoil the mean for long.
const LONGEST_SAMPLE: u32 = 60_000;

/// SRTT and RTTVAR of RFC 6298, in the scaled integers of Jacobson's paper (1988, appendix A).
#[derive(Clone, Copy)]
pub(crate) struct Rtt {
    /// SRTT × 8, in milliseconds.
    smoothed: u32,
    /// RTTVAR × 4, in milliseconds.
    variation: u32,
    /// The shortest sample since the start, in milliseconds.
    least: u32,
    sampled: bool,
}

impl Rtt {
    /// No sample yet.
    pub(crate) const NONE: Self = Self { smoothed: 0, variation: 0, least: 0, sampled: false };

    /// Takes one sample: the time from a transmission until its arrival became known.
    pub(crate) fn sample(&mut self, sent: Mono, now: Mono) {
        let sample = u32::try_from(now.since(sent)).unwrap_or(LONGEST_SAMPLE).min(LONGEST_SAMPLE);
        if self.sampled {
            // RTTVAR before SRTT, as RFC 6298 2.3 requires.
            let difference = (self.smoothed / 8).abs_diff(sample);
            self.variation = self.variation - self.variation / 4 + difference;
            self.smoothed = self.smoothed - self.smoothed / 8 + sample;
            self.least = self.least.min(sample);
        } else {
            *self = Self { smoothed: sample * 8, variation: sample * 2, least: sample, sampled: true };
        }
    }

    /// SRTT in milliseconds; `None` before the first sample.
    #[cfg(test)]
    pub(crate) const fn smoothed(&self) -> Option<u64> {
        if self.sampled { Some(self.smoothed as u64 / 8) } else { None }
    }

    /// The shortest sample in milliseconds; 0 before the first.
    pub(crate) const fn least(&self) -> u32 {
        self.least
    }

    /// The time after its transmission at which an overtaken frame counts as lost: a quarter of the round trip later
    /// than its arrival should have become known (RFC 8985, 6.2).
    pub(crate) const fn overtaken_for(&self) -> u64 {
        let (smoothed, quarter) = (self.smoothed / 8, self.smoothed / 32);
        smoothed as u64 + if quarter > LATE { quarter } else { LATE } as u64
    }

    /// The time after the last transmission at which the last frame is sent again (RFC 8985, 7.2); `None` before the
    /// first sample.
    pub(crate) const fn probe_after(&self) -> Option<u64> {
        if self.sampled { Some(self.smoothed as u64 / 4 + HELD_BACK as u64) } else { None }
    }

    /// The repetition time after it has doubled `doublings` times, in milliseconds.
    pub(crate) fn repetition_time(&self, doublings: u32) -> u64 {
        let first = (self.smoothed / 8).saturating_add(self.variation.max(GRANULARITY));
        let first = if self.sampled { first.clamp(SHORTEST, LONGEST) } else { SHORTEST };
        u64::from(first.saturating_mul(1 << doublings.min(6)).min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(samples: &[u64]) -> Rtt {
        let mut rtt = Rtt::NONE;
        for sample in samples {
            rtt.sample(Mono(1_000), Mono(1_000 + sample));
        }
        rtt
    }

    #[test]
    fn before_the_first_sample_repetition_takes_250_ms() {
        assert_eq!((Rtt::NONE.smoothed(), Rtt::NONE.repetition_time(0)), (None, 250));
    }

    #[test]
    fn the_first_sample_sets_both_values() {
        // SRTT = R, RTTVAR = R / 2, RTO = R + 4 × R / 2.
        assert_eq!((after(&[300]).smoothed(), after(&[300]).repetition_time(0)), (Some(300), 900));
    }

    #[test]
    fn later_samples_are_smoothed() {
        // RTTVAR = 3/4 × 150 + 1/4 × 100 = 137.5; SRTT = 7/8 × 300 + 1/8 × 400 = 312.5; RTO = 312 + 550 ms.
        let rtt = after(&[300, 400]);
        assert_eq!((rtt.smoothed(), rtt.repetition_time(0), rtt.least()), (Some(312), 862, 300));
    }

    #[test]
    fn a_steady_path_waits_at_least_100_ms_more_and_at_least_250() {
        assert_eq!(after(&[400; 60]).repetition_time(0), 500);
        assert_eq!(after(&[1; 60]).repetition_time(0), 250);
        assert_eq!(after(&[0]).smoothed(), Some(0), "loopback: below one millisecond");
    }

    #[test]
    fn a_frame_is_late_after_a_quarter_more_and_the_last_is_probed_after_two_round_trips() {
        assert_eq!((after(&[400]).overtaken_for(), after(&[400]).probe_after()), (500, Some(835)));
        assert_eq!((after(&[20]).overtaken_for(), after(&[20]).probe_after()), (30, Some(75)), "10 ms at least");
        assert_eq!((after(&[0]).overtaken_for(), after(&[0]).probe_after()), (10, Some(35)));
        assert_eq!(Rtt::NONE.probe_after(), None, "without a sample there is only the repetition time");
    }

    #[test]
    fn it_doubles_up_to_8_s_and_never_overflows() {
        let times = [0, 1, 2, 3, 4, 5, 6, 40, u32::MAX].map(|doublings| Rtt::NONE.repetition_time(doublings));
        assert_eq!(times, [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000]);
        assert_eq!(after(&[u64::MAX - 1_000; 9]).repetition_time(u32::MAX), 8_000);
        assert_eq!(after(&[u64::MAX - 1_000]).smoothed(), Some(60_000), "cut");
    }

    #[test]
    fn a_clock_that_went_back_counts_as_0() {
        let mut rtt = Rtt::NONE;
        rtt.sample(Mono(9), Mono(3));
        assert_eq!(rtt.smoothed(), Some(0));
    }
}
