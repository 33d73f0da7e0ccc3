//! A provider without AES, for devices without room in flash for a cipher that they never use.

use super::stack::{KEY, cleared};
use super::{BadSignature, BadTag, Provider, Secret32, Suite, Suites, WeakKey, chacha, curve};

pub use super::curve::SigningKey;

/// Like `Portable`, with ChaCha20-Poly1305 as the only suite.
///
/// AES-256-GCM is mandatory in `IACP §8.2`: an agent that is built with this provider can only communicate with peers
/// that agree on the other suite, and refuses all others.
///
/// ```
/// use iacp_core::crypto::{ChaChaOnly, Provider, Suite};
///
/// assert!(ChaChaOnly::SUITES.has(Suite::ChaCha20Poly1305));
/// assert!(!ChaChaOnly::SUITES.has(Suite::Aes256Gcm));
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ChaChaOnly;

/// An expanded cipher key, which wipes itself; `None` for the suite that this provider lacks.
pub struct Cipher(Option<chacha::Key>);

cleared! {
    KEY;
    fn copy(suite: Suite, key: &Secret32) -> Cipher {
        Cipher(ChaChaOnly::SUITES.has(suite).then(|| chacha::Key::new(key)))
    }
}

impl Provider for ChaChaOnly {
    type SigningKey = SigningKey;
    type Cipher = Cipher;

    const SUITES: Suites = Suites::of(Suite::ChaCha20Poly1305);

    fn signing_key(seed: &Secret32) -> SigningKey {
        curve::signing_key(seed)
    }

    fn public_key(key: &SigningKey) -> [u8; 32] {
        curve::public_key(key)
    }

    fn sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
        curve::sign(key, message)
    }

    fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        curve::equation(public, message, signature)
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        curve::x25519_public(secret)
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        curve::x25519(secret, public)
    }

    fn static_secret(key: &SigningKey) -> Secret32 {
        curve::static_secret(key)
    }

    fn cipher(suite: Suite, key: &Secret32) -> Cipher {
        copy(suite, key)
    }

    fn seal(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        let Some(key) = &cipher.0 else {
            buffer.fill(0);
            return [0; 16];
        };
        key.seal(nonce, aad, buffer)
    }

    fn open(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        let Some(key) = &cipher.0 else {
            buffer.fill(0);
            return Err(BadTag);
        };
        key.open(nonce, aad, buffer, tag)
    }
}
