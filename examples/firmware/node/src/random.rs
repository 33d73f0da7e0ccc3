//! Randomness. **A product has a hardware generator here.** The board that is emulated has none, so there is a stream cipher
//! keyed with what the host has provisioned, and another stream for each start: no two starts ever see the same numbers.

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

pub fn generator(key: &[u8; 32], start: u32) -> ChaCha20Rng {
    let mut rng = ChaCha20Rng::from_seed(*key);
    rng.set_stream(u64::from(start));
    rng
}
