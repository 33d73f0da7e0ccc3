//! A provider for many sessions in little memory: keys are kept as they are, and expanded for each frame.

use super::delegate::provider_methods;
use super::stack::{KEY, cleared};
use super::{BadTag, Portable, Provider, Secret32, Suite, chacha};

pub use super::portable::SigningKey;

/// Like [`Portable`], but it keeps 32 bytes for each cipher key instead of an expanded one.
///
/// An expanded AES-256-GCM key takes 288 bytes on a Cortex-M4 and over 900 on x86-64 with AES instructions, and a
/// session has two. The cost is one key expansion for each frame: `cargo run -p footprint` counts its instructions.
/// With ChaCha20-Poly1305 there is nothing to expand, and no cost.
///
/// ```
/// use iacp_core::crypto::{Compact, Portable};
/// use iacp_core::pss::Session;
///
/// assert!(size_of::<Session<Compact, 2048, 4>>() + 500 < size_of::<Session<Portable, 2048, 4>>());
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Compact;

/// A cipher key that is not expanded. It wipes itself.
pub struct Cipher(Key);

enum Key {
    Aes256Gcm(Secret32),
    ChaCha20Poly1305(chacha::Key),
}

/// A function of its own, so that the other cipher does not need the stack of this one.
#[inline(never)]
fn seal_aes(key: &Secret32, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
    Portable::seal(&Portable::cipher(Suite::Aes256Gcm, key), nonce, aad, buffer)
}

#[inline(never)]
fn open_aes(key: &Secret32, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
    Portable::open(&Portable::cipher(Suite::Aes256Gcm, key), nonce, aad, buffer, tag)
}

cleared! {
    KEY;
    fn copy(suite: Suite, key: &Secret32) -> Cipher {
        Cipher(match suite {
            Suite::Aes256Gcm => Key::Aes256Gcm(Secret32::fill(|to| *to = *key.expose())),
            Suite::ChaCha20Poly1305 => Key::ChaCha20Poly1305(chacha::Key::new(key)),
        })
    }
}

impl Provider for Compact {
    type SigningKey = SigningKey;
    type Cipher = Cipher;

    provider_methods!(Portable: signing_key, public_key, sign, equation, x25519_public, x25519, static_secret);

    fn cipher(suite: Suite, key: &Secret32) -> Cipher {
        copy(suite, key)
    }

    fn seal(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        match &cipher.0 {
            Key::Aes256Gcm(key) => seal_aes(key, nonce, aad, buffer),
            Key::ChaCha20Poly1305(key) => key.seal(nonce, aad, buffer),
        }
    }

    fn open(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        match &cipher.0 {
            Key::Aes256Gcm(key) => open_aes(key, nonce, aad, buffer, tag),
            Key::ChaCha20Poly1305(key) => key.open(nonce, aad, buffer, tag),
        }
    }
}
