//! Randomness that is written down: another implementation needs the numbers that were drawn.

use std::convert::Infallible;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _, TryCryptoRng, TryRng};

/// A generator that remembers what it gave.
pub struct Tape {
    inner: ChaCha8Rng,
    /// Every draw of several bytes.
    pub drawn: Vec<Vec<u8>>,
}

impl Tape {
    /// The tape of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { inner: ChaCha8Rng::seed_from_u64(seed), drawn: Vec::new() }
    }

    /// The first draw of 32 bytes that is like this.
    #[must_use]
    pub fn find(&self, is_it: impl Fn(&[u8; 32]) -> bool) -> Option<[u8; 32]> {
        self.drawn.iter().filter_map(|draw| draw.as_slice().try_into().ok()).find(|draw: &[u8; 32]| is_it(draw))
    }
}

impl TryRng for Tape {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.inner.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.inner.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.inner.fill_bytes(bytes);
        self.drawn.push(bytes.to_vec());
        Ok(())
    }
}

impl TryCryptoRng for Tape {}
