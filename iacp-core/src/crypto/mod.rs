//! Secrets, and the one trait through which all cryptography goes.
//!
//! Four providers come with the crate:
//!
//! | provider | feature | suites | for |
//! |---|---|---|---|
//! | `Portable` | `aes` (default) | both | every target |
//! | `Compact` | `aes` (default) | both | sessions of 32-byte keys, which are expanded for each frame |
//! | [`ChaChaOnly`] | | ChaCha20-Poly1305 | devices without AES hardware: it links no AES |
//! | `AwsLc` | `aws-lc` | both | hosts |
//!
//! They give the same bytes and the same verdicts for the same inputs, so that two peers never disagree because of what
//! they are built with. Firmware with a crypto engine implements [`Provider`] itself and proves itself with the same
//! vectors (`tests/providers`). What its engine lacks it takes from [`ChaChaOnly`] or `Portable`, function by function.

#[cfg(feature = "aws-lc")]
pub mod aws;
mod chacha;
pub mod chacha_only;
#[cfg(feature = "aes")]
pub mod compact;
mod curve;
pub(crate) mod hash;
#[cfg(feature = "aes")]
pub mod portable;
pub mod strict;
mod suite;

#[cfg(feature = "aws-lc")]
pub use aws::AwsLc;
pub use chacha_only::ChaChaOnly;
#[cfg(feature = "aes")]
pub use compact::Compact;
#[cfg(feature = "aes")]
pub use portable::Portable;
pub use strict::{CheckedKey, Equation};
pub use suite::{Suite, Suites};

use core::fmt;
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 secret bytes: wiped on drop, never printed, never cloned, compared in constant time.
///
/// A move may leave a copy behind in a dead stack frame, which no safe code can reach to wipe: keep a secret where it
/// was made and lend it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret32([u8; 32]);

impl Secret32 {
    /// Takes the bytes over. The array that they came from is the caller's to wipe.
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

    /// The bytes, for the one who needs them.
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

/// The signature does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BadSignature;

/// The authentication tag does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BadTag;

/// The public key is not a point of the curve in its one canonical encoding, or has a small order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WeakKey;

/// More than 255 blocks of 32 bytes were asked of one HKDF-Expand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooLong;

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("signature does not verify")
    }
}

impl fmt::Display for BadTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("authentication tag does not verify")
    }
}

impl fmt::Display for WeakKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("public key is malformed or of small order")
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more than 8160 bytes of key material asked for")
    }
}

impl core::error::Error for BadSignature {}
impl core::error::Error for BadTag {}
impl core::error::Error for WeakKey {}
impl core::error::Error for TooLong {}

/// The cryptography of the protocol in a few large operations. An implementation is chosen statically: all functions
/// are associated ones, and a machine that is generic over `P: Provider` holds keys, never a provider.
///
/// Whatever implements it must give the same bytes and the same verdicts as the providers of this crate for all inputs.
pub trait Provider: Sized {
    /// An expanded Ed25519 key. Wipes itself; neither `Debug` nor `Clone`.
    type SigningKey;

    /// An expanded key of an authenticated cipher. Wipes itself; neither `Debug` nor `Clone`.
    type Cipher;

    /// The suites it has. A session refuses a peer with which it has none in common.
    const SUITES: Suites = Suites::ALL;

    /// The equation that [`equation`](Self::equation) checks.
    const EQUATION: Equation = Equation::Cofactored;

    /// Expands a seed. Any 32 bytes are a seed (RFC 8032 §5.1.5).
    fn signing_key(seed: &Secret32) -> Self::SigningKey;

    /// The public key, which is the EID.
    fn public_key(key: &Self::SigningKey) -> [u8; 32];

    /// Signs, deterministically (RFC 8032 §5.1.6).
    fn sign(key: &Self::SigningKey, message: &[u8]) -> [u8; 64];

    /// Ed25519's equation, as the engine checks it (RFC 8032 §5.1.7), for [`verify`](Self::verify) and
    /// [`verify_checked`](Self::verify_checked) alone: by itself it says little. k is the SHA-512 of the bytes of R, A
    /// and the message. The rest of what strict verification asks for is checked around it.
    ///
    /// # Errors
    /// [`BadSignature`].
    fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature>;

    /// Whether an encoding is canonical and its point of prime order: see [`strict::has_prime_order`], which an engine
    /// may do faster.
    fn has_prime_order(public: &[u8; 32]) -> bool {
        strict::has_prime_order::<Self>(public)
    }

    /// Verifies strictly: S < L, A and R canonical, neither of small order nor with a part of small order, and the
    /// equation without the cofactor. See [`strict`]. Only public data goes in, so its time may depend on them.
    ///
    /// # Errors
    /// [`BadSignature`], without saying which of these failed.
    // keeps: IACP-171
    fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        // The key comes last: what fails, fails at the price of the equation.
        strict::verify::<Self>(public, message, signature)?;
        CheckedKey::new::<Self>(public).map(|_| ()).map_err(|WeakKey| BadSignature)
    }

    /// Verifies strictly with a key that has been checked, and gives [`verify`](Self::verify)'s verdict for less.
    ///
    /// # Errors
    /// [`BadSignature`].
    // keeps: IACP-171
    fn verify_checked(key: &CheckedKey, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        strict::verify::<Self>(key.bytes(), message, signature)
    }

    /// The X25519 public key of a secret (RFC 7748 §5), which is clamped here.
    fn x25519_public(secret: &Secret32) -> [u8; 32];

    /// X25519 (RFC 7748 §5). The secret is clamped here; the public key's top bit is ignored and its value taken
    /// modulo p, as the RFC says.
    ///
    /// # Errors
    /// [`WeakKey`] if the result is all zero, which is the case exactly for public keys of small order.
    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey>;

    /// The X25519 secret of an Ed25519 key: the clamped first half of the seed's SHA-512.
    fn static_secret(key: &Self::SigningKey) -> Secret32;

    /// The X25519 public key of an Ed25519 public key: u = (1 + y) / (1 − y).
    ///
    /// # Errors
    /// [`WeakKey`] if the encoding is not canonical, not a point, or a point of small order.
    fn static_public(public: &[u8; 32]) -> Result<[u8; 32], WeakKey> {
        strict::montgomery(public)
    }

    /// Expands a cipher key. With a suite that is not among [`SUITES`](Self::SUITES) the cipher seals nothing, as
    /// [`seal`](Self::seal) says of buffers that are too long, and opens nothing.
    fn cipher(suite: Suite, key: &Secret32) -> Self::Cipher;

    /// Encrypts `buffer` in place and gives the tag. A nonce must never come twice under one key.
    ///
    /// No frame comes near the ciphers' limit of 64 GiB. A buffer beyond it is zeroed instead of sealed, and the tag
    /// is zero: such a frame opens nowhere, and nothing of it leaks.
    fn seal(cipher: &Self::Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16];

    /// Decrypts `buffer` in place if its tag verifies.
    ///
    /// # Errors
    /// [`BadTag`]; `buffer` is then all zero. It never holds anything decrypted that has not been authenticated, and
    /// it is the same with every provider: not all engines can leave the ciphertext as it was. Who wants to try
    /// another key keeps a copy.
    fn open(
        cipher: &Self::Cipher,
        nonce: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), BadTag>;

    /// SHA-256 of the concatenated parts.
    fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        hash::sha256(parts)
    }

    /// HMAC-SHA256 of the concatenated parts (RFC 2104).
    fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret32 {
        hash::hmac_sha256(key, parts)
    }

    /// HKDF-Extract with SHA-256 over the concatenated input key material: the PRK (RFC 5869 §2.2).
    fn hkdf_extract(salt: &[u8], ikm: &[&[u8]]) -> Secret32 {
        Self::hmac_sha256(salt, ikm)
    }

    /// HKDF-Expand with SHA-256 (RFC 5869 §2.3).
    ///
    /// # Errors
    /// [`TooLong`] beyond 255 · 32 bytes; `out` is then as it was.
    fn hkdf_expand(prk: &Secret32, info: &[u8], out: &mut [u8]) -> Result<(), TooLong> {
        hash::hkdf_expand(prk, info, out)
    }

    /// The first block of HKDF-Expand: a 32-byte key, which cannot be too long.
    fn hkdf_expand_key(prk: &Secret32, info: &[u8]) -> Secret32 {
        Self::hmac_sha256(prk.expose(), &[info, &[1]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A secret that could be printed or cloned would leak one day. The test stops compiling if either is ever
    // implemented, because there are two candidates for the same name then.
    trait Ambiguous<A> {
        fn check() {}
    }
    impl<T> Ambiguous<()> for T {}
    impl<T: fmt::Debug> Ambiguous<u8> for T {}
    impl<T: Clone> Ambiguous<u16> for T {}

    #[test]
    fn secrets_are_neither_printed_nor_cloned() {
        <Secret32 as Ambiguous<_>>::check();
        <<ChaChaOnly as Provider>::SigningKey as Ambiguous<_>>::check();
        <<ChaChaOnly as Provider>::Cipher as Ambiguous<_>>::check();
        #[cfg(feature = "aes")]
        <<Portable as Provider>::Cipher as Ambiguous<_>>::check();
        #[cfg(feature = "aes")]
        <<Compact as Provider>::Cipher as Ambiguous<_>>::check();
        #[cfg(feature = "aws-lc")]
        <<AwsLc as Provider>::SigningKey as Ambiguous<_>>::check();
        #[cfg(feature = "aws-lc")]
        <<AwsLc as Provider>::Cipher as Ambiguous<_>>::check();
    }

    #[test]
    fn secrets_compare_and_wipe() {
        let mut secret = Secret32::fill(|bytes| bytes.fill(7));
        assert!(bool::from(secret.ct_eq(&Secret32::new([7; 32]))));
        assert!(!bool::from(secret.ct_eq(&Secret32::new([8; 32]))));
        secret.zeroize();
        assert_eq!(secret.expose(), &[0; 32]);
    }

    #[test]
    fn one_block_of_hkdf_is_its_first() {
        let prk = Secret32::new([3; 32]);
        let mut out = [0; 40];
        assert_eq!(ChaChaOnly::hkdf_expand(&prk, b"label", &mut out), Ok(()));
        assert_eq!(out.first_chunk(), Some(ChaChaOnly::hkdf_expand_key(&prk, b"label").expose()));
    }

    #[test]
    fn hkdf_refuses_more_than_its_counter_counts() {
        let prk = Secret32::new([3; 32]);
        let mut out = [9; 255 * 32 + 1];
        assert_eq!(ChaChaOnly::hkdf_expand(&prk, b"", &mut out), Err(TooLong));
        assert_eq!(out, [9; 255 * 32 + 1]);
        assert_eq!(ChaChaOnly::hkdf_expand(&prk, b"", out.split_at_mut(255 * 32).0), Ok(()));
    }
}
