//! Randomness. **A product has a hardware generator here.** The board that is emulated has none, so there are the hashes of a
//! key that the host has provisioned, of the number of this start, and of a counter: no two starts ever see the same numbers.

use core::convert::Infallible;

use iacp_core::crypto::Provider;
use rand_core::{TryCryptoRng, TryRng, utils};

use crate::memory::Crypto;

pub struct Generator {
    key: [u8; 32],
    start: u32,
    next: u64,
}

pub fn generator(key: &[u8; 32], start: u32) -> Generator {
    Generator { key: *key, start, next: 0 }
}

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        for part in to.chunks_mut(32) {
            let hash = Crypto::sha256(&[&self.key, &self.start.to_be_bytes(), &self.next.to_be_bytes()]);
            part.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
            self.next += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for Generator {}
