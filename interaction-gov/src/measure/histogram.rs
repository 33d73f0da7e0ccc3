//! Latencies in fixed memory.

use core::time::Duration;

use super::coordination::PerMille;

/// Buckets for each doubling of a latency.
const PARTS: usize = 8;
/// From 0 to 7 µs a bucket for each microsecond, then eight for each of the 29 doublings up to 2^32 µs.
const BUCKETS: usize = 30 * PARTS;

/// How often which latency occurred.
///
/// A percentile is reported as the upper end of its bucket: never too low, and too high by at most an eighth plus a
/// microsecond. From 2^32 µs on, about 72 minutes, it is the longest latency seen. It takes about 2 KB.
///
/// ```
/// use core::time::Duration;
/// use interaction_gov::measure::Histogram;
///
/// let mut latencies = Histogram::new();
/// (1..=100).for_each(|number| latencies.record(Duration::from_micros(number)));
/// assert_eq!(latencies.samples(), 100);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    buckets: [u64; BUCKETS],
    samples: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// Without samples.
    #[must_use]
    pub const fn new() -> Self {
        Self { buckets: [0; BUCKETS], samples: 0, longest: Duration::ZERO }
    }

    /// Adds a sample.
    pub fn record(&mut self, latency: Duration) {
        if let Some(bucket) = self.buckets.get_mut(bucket_of(latency)) {
            *bucket = bucket.saturating_add(1);
        }
        self.samples = self.samples.saturating_add(1);
        self.longest = self.longest.max(latency);
    }

    /// How many samples there are.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// The longest latency, exactly. `None`: there are no samples.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        (self.samples > 0).then_some(self.longest)
    }

    /// The latency that this share of the samples does not exceed: p95 is 950 parts per 1,000. `None`: there are no
    /// samples.
    #[must_use]
    pub fn percentile(&self, share: PerMille) -> Option<Duration> {
        let mut below = 0_u128;
        let rank = (u128::from(self.samples) * u128::from(share.get())).div_ceil(1_000).max(1);
        for (place, bucket) in self.buckets.iter().enumerate() {
            below += u128::from(*bucket);
            if below >= rank {
                return Some(end_of(place).unwrap_or(self.longest).min(self.longest));
            }
        }
        None
    }
}

/// The place of a latency's bucket.
fn bucket_of(latency: Duration) -> usize {
    let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
    // Above 7 µs a bucket's place is the exponent, then the three bits after the leading one.
    let exponent = micros.checked_ilog2().unwrap_or(0);
    let shift = exponent.saturating_sub(3);
    let [shift, low] = [shift, micros >> shift].map(|part| usize::try_from(part).unwrap_or(0));
    // Here `low` still has its leading one, which adds eight to the index.
    shift * PARTS + low
}

/// Where a bucket ends: every latency in it is shorter. `None`: the last one does not end.
fn end_of(place: usize) -> Option<Duration> {
    let micros = if place < 2 * PARTS {
        u64::try_from(place).ok()? + 1
    } else {
        let shift = u32::try_from(place / PARTS - 1).ok()?;
        let low = u64::try_from(place % PARTS + PARTS).ok()?;
        (low + 1).checked_shl(shift)?
    };
    (place + 1 < BUCKETS).then(|| Duration::from_micros(micros))
}
