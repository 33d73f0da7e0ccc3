//! Token buckets (`IACP §5.4.1`): `min(C_max, previous + elapsed · R_repl)`, in integers.
//!
//! ```text
//! let mut ingress = Ingress::<256>::new(global, per_prefix, now, &mut rng);
//! ingress.admit(now, from, 1)?;            // before anything that costs a signature
//! responder.answer(…)
//! ```

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use rand_core::CryptoRng;

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
            None => f.write_str("the request costs more than a full bucket holds"),
        }
    }
}

impl core::error::Error for Throttled {}

/// One bucket. Tokens are counted in thousandths, so that no elapsed millisecond is lost to rounding.
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
    // keeps: IACP-122
    const fn level(&self, now: Mono) -> u64 {
        let added = now.since(self.filled).saturating_mul(self.rate.per_second as u64);
        let level = self.thousandths.saturating_add(added);
        let full = self.rate.capacity as u64 * 1_000;
        if level < full { level } else { full }
    }

    /// Whether `cost` tokens are there.
    ///
    /// # Errors
    /// There are fewer.
    pub fn covers(&self, now: Mono, cost: u32) -> Result<(), Throttled> {
        let wanted = u64::from(cost) * 1_000;
        let Some(missing) = wanted.checked_sub(self.level(now)).filter(|missing| *missing > 0) else { return Ok(()) };
        let possible = cost <= self.rate.capacity && self.rate.per_second > 0;
        let wait = missing.div_ceil(u64::from(self.rate.per_second).max(1));
        Err(Throttled { retry_after: possible.then(|| u32::try_from(wait).unwrap_or(u32::MAX)) })
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

/// The buckets at a host's door: one for all, and one for each /24 or /64 that knocks.
///
/// There are `PREFIXES` of the latter, and a secret hash says which prefix has which. So memory never grows, nobody is
/// forgotten, and nobody outside can choose with whom to share.
#[derive(Debug)]
pub struct Ingress<const PREFIXES: usize> {
    all: TokenBucket,
    prefixes: [TokenBucket; PREFIXES],
    hash: (u64, u64),
}

impl<const PREFIXES: usize> Ingress<PREFIXES> {
    /// Full buckets.
    #[must_use]
    pub fn new(all: Rate, per_prefix: Rate, now: Mono, rng: &mut impl CryptoRng) -> Self {
        const { assert!(PREFIXES > 0, "somebody has to be let in") };
        Self {
            all: TokenBucket::new(all, now),
            prefixes: [TokenBucket::new(per_prefix, now); PREFIXES],
            hash: (rng.next_u64() | 1, rng.next_u64()),
        }
    }

    /// Takes `cost` tokens out of both buckets that `from` drinks from: larger and dearer requests cost more.
    ///
    /// # Errors
    /// One of them holds fewer; then neither is touched.
    pub fn admit(&mut self, now: Mono, from: SocketAddr, cost: u32) -> Result<(), Throttled> {
        let place = self.place(from.ip());
        let prefix = self.prefixes.get_mut(place).ok_or(Throttled { retry_after: None })?;
        prefix.covers(now, cost)?;
        self.all.take(now, cost)?;
        prefix.take(now, cost)
    }

    fn place(&self, address: IpAddr) -> usize {
        let prefix = match address.to_canonical() {
            IpAddr::V4(v4) => u64::from(v4.to_bits() >> 8),
            // The first half; IPv4's 24 bits are no routed /64.
            IpAddr::V6(v6) => u64::try_from(v6.to_bits() >> 64).unwrap_or(0),
        };
        let (factor, offset) = self.hash;
        let hashed = factor.wrapping_mul(prefix).wrapping_add(offset) >> 32;
        usize::try_from(hashed % PREFIXES as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { capacity: 10, per_second: 4 };

    #[test]
    fn a_bucket_fills_with_time_and_never_overflows() {
        // shows: IACP-122
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

    /// A fixed "random" number: the hash is the identity in its upper half.
    struct Fixed;
    impl rand_core::TryRng for Fixed {
        type Error = core::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(0)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(1 << 32)
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(0);
            Ok(())
        }
    }
    impl rand_core::TryCryptoRng for Fixed {}

    #[test]
    fn one_prefix_cannot_drink_what_belongs_to_another_and_all_share_one_limit() {
        let all = Rate { capacity: 15, per_second: 0 };
        let mut ingress = Ingress::<64>::new(all, RATE, Mono(0), &mut Fixed);
        let from = |network: u8, host: u8| SocketAddr::from(([10, 0, network, host], 1));
        for host in 0..10 {
            assert_eq!(ingress.admit(Mono(0), from(1, host), 1), Ok(()));
        }
        assert!(ingress.admit(Mono(0), from(1, 99), 1).is_err(), "another host of the same /24");
        for host in 0..5 {
            assert_eq!(ingress.admit(Mono(0), from(2, host), 1), Ok(()), "another /24");
        }
        assert!(ingress.admit(Mono(0), from(3, 0), 1).is_err(), "all together have had enough");
        let mapped = SocketAddr::from(([0, 0, 0, 0, 0, 0xFFFF, 0x0A00, 0x0101], 1));
        assert_eq!(ingress.place(mapped.ip()), ingress.place(from(1, 1).ip()), "an IPv4-mapped address is IPv4");
    }
}
