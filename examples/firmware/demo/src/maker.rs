//! What the maker of the device writes into it, and tells the gateway's owner.

use iacp_core::crypto::Secret32;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

pub struct Maker {
    /// The key of the device's generator, for want of a real one.
    pub generator: Secret32,
    /// The seed of the key that seals envelopes.
    pub sealing: Secret32,
}

/// The same device for the same number.
pub fn maker(chance: u64) -> Maker {
    let mut rng = ChaCha20Rng::seed_from_u64(!chance);
    Maker { generator: Secret32::random(&mut rng), sealing: Secret32::random(&mut rng) }
}
