//! Token buckets (`IACP §5.4.1`): `min(C_max, previous + elapsed · R_repl)`, in integers.

use core::fmt;

use super::difficulty::Load;
use crate::time::Mono;

/// What fills a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rate {
    /// C_max: the most tokens that a bucket holds.
    pub capacity: u32,
    /// R_repl: tokens per second.
    pub per_second: u32,
}

/// The request costs more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Throttled {
    /// Milliseconds until there is enough; `None` if there never will be.
    pub retry_after: Option<u32>,
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.retry_after {
            Some(milliseconds) => write!(f, "too many requests: try again in {milliseconds} ms"),
            None => f.pad("the request costs more than a full bucket holds"),
        }
    }
}

impl core::error::Error for Throttled {}

/// One bucket. Tokens are counted in thousandths, so that no elapsed millisecond is lost to rounding.
///
/// ```
/// use iacp_core::guard::{Rate, Throttled, TokenBucket};
/// use iacp_core::time::Mono;
///
/// let mut bucket = TokenBucket::new(Rate { capacity: 2, per_second: 1 }, Mono(0));
/// assert_eq!(bucket.take(Mono(0), 2), Ok(()));
/// assert_eq!(bucket.take(Mono(400), 1), Err(Throttled { retry_after: Some(600) }));
/// assert_eq!(bucket.take(Mono(1_000), 1), Ok(()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    rate: Rate,
    thousandths: u64,
    filled: Mono,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub const fn new(rate: Rate, now: Mono) -> Self {
        Self { rate, thousandths: rate.capacity as u64 * 1_000, filled: now }
    }

    /// What would be in it now.
    // keeps: IACP-122 (§5.4.1)
    const fn level(&self, now: Mono) -> u64 {
        let added = now.since(self.filled).saturating_mul(self.rate.per_second as u64);
        let level = self.thousandths.saturating_add(added);
        let full = self.rate.capacity as u64 * 1_000;
        if level < full { level } else { full }
    }

    /// How much is taken out of it.
    pub(crate) fn load(&self, now: Mono) -> Load {
        let left = u32::try_from(self.level(now) / 1_000).unwrap_or(u32::MAX);
        Load { used: self.rate.capacity.saturating_sub(left), room: self.rate.capacity }
    }

    /// Whether `cost` tokens are there.
    ///
    /// # Errors
    /// There are fewer.
    pub fn covers(&self, now: Mono, cost: u32) -> Result<(), Throttled> {
        let wanted = u64::from(cost) * 1_000;
        let Some(missing) = wanted.checked_sub(self.level(now)).filter(|missing| *missing > 0) else { return Ok(()) };
        let possible = cost <= self.rate.capacity && self.rate.per_second > 0;
        // A division of 64 bits is a kilobyte of a small device's flash. What does not fit into 32 bits is rounded up to 1,024.
        let (missing, unit) =
            u32::try_from(missing).map_or_else(|_| (low(missing >> 10).saturating_add(1), 1 << 10), |all| (all, 1));
        let wait = missing.div_ceil(self.rate.per_second.max(1)).saturating_mul(unit);
        Err(Throttled { retry_after: possible.then_some(wait) })
    }

    /// Takes `cost` tokens out.
    ///
    /// # Errors
    /// There are fewer; then none is taken.
    pub fn take(&mut self, now: Mono, cost: u32) -> Result<(), Throttled> {
        self.covers(now, cost)?;
        self.thousandths = self.level(now).saturating_sub(u64::from(cost) * 1_000);
        self.filled = self.filled.max(now);
        Ok(())
    }
}

/// A number that has 32 bits.
fn low(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { capacity: 10, per_second: 4 };

    #[test]
    fn a_bucket_fills_with_time_and_never_overflows() {
        // shows: IACP-122 (§5.4.1)
        let mut bucket = TokenBucket::new(RATE, Mono(0));
        assert_eq!(bucket.take(Mono(0), 10), Ok(()));
        assert_eq!(bucket.take(Mono(249), 1), Err(Throttled { retry_after: Some(1) }));
        assert_eq!(bucket.take(Mono(250), 1), Ok(()), "one token in 250 ms");
        assert_eq!(bucket.take(Mono(1_000_000), 11), Err(Throttled { retry_after: None }));
        assert_eq!(bucket.take(Mono(1_000_000), 10), Ok(()), "C_max and no more");
        assert_eq!(bucket.take(Mono(1_000_000), 3), Err(Throttled { retry_after: Some(750) }));
        assert_eq!(bucket.take(Mono(1_000_750), 3), Ok(()));
    }

    #[test]
    fn a_long_wait_is_rounded_up_to_1024_milliseconds_at_most() {
        for (per_second, missing) in [(1, 5_000_000), (7, u32::MAX), (1_000_000, 4_294_968), (u32::MAX, u32::MAX)] {
            let mut bucket = TokenBucket::new(Rate { capacity: u32::MAX, per_second }, Mono(0));
            bucket.take(Mono(0), u32::MAX).expect("full");
            let exactly = (u64::from(missing) * 1_000).div_ceil(u64::from(per_second));
            let Err(Throttled { retry_after: Some(wait) }) = bucket.covers(Mono(0), missing) else {
                panic!("it is empty")
            };
            let rounded = (exactly..exactly + 2 * 1_024).contains(&u64::from(wait));
            assert!(rounded || (wait == u32::MAX && exactly > u64::from(u32::MAX)), "{wait} for {exactly}");
        }
    }

    #[test]
    fn small_steps_add_up_to_large_ones() {
        let mut stepped = TokenBucket::new(RATE, Mono(0));
        stepped.take(Mono(0), 10).expect("full");
        for ms in 1..=1_000 {
            let _ = stepped.take(Mono(ms), 0);
        }
        assert_eq!(stepped.take(Mono(1_000), 4), Ok(()));
        assert!(stepped.take(Mono(1_000), 1).is_err());
    }

    #[test]
    fn a_refusal_takes_nothing_and_a_clock_that_goes_back_gives_nothing() {
        let mut bucket = TokenBucket::new(RATE, Mono(5_000));
        let before = bucket;
        assert!(bucket.take(Mono(5_000), 11).is_err());
        assert_eq!(bucket, before);
        bucket.take(Mono(5_000), 10).expect("full");
        assert!(bucket.take(Mono(0), 1).is_err());
        assert!(bucket.take(Mono(5_000), 1).is_err());
    }

    #[test]
    fn the_load_of_a_bucket_is_what_was_taken_in_whole_tokens() {
        let mut bucket = TokenBucket::new(RATE, Mono(0));
        assert_eq!(bucket.load(Mono(0)), Load { used: 0, room: 10 });
        bucket.take(Mono(0), 7).expect("full");
        for (now, used) in [(0, 7), (249, 7), (250, 6), (1_000, 3), (60_000, 0)] {
            assert_eq!(bucket.load(Mono(now)), Load { used, room: 10 }, "at {now}");
        }
    }
}
