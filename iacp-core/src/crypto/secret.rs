//! Secrets of 32 bytes.

use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 secret bytes: wiped on drop, never printed, never cloned, compared in constant time.
///
/// A move may leave a copy in a dead stack frame, which safe code cannot wipe: keep a secret where it was made, and
/// pass references.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret32([u8; 32]);

impl Secret32 {
    /// Takes the bytes. The caller must wipe the array from which they came.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Draws 32 bytes.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self::fill(|bytes| rng.fill_bytes(bytes))
    }

    /// Writes the secret where it will stay, so that no array remains to be wiped.
    pub fn fill(write: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut secret = Self([0; 32]);
        write(&mut secret.0);
        secret
    }

    /// The bytes of the secret.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl ConstantTimeEq for Secret32 {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}
