//! The default provider: portable, without an allocator.

use super::delegate::provider_methods;
use super::stack::{KEY, cleared};
use super::{BadTag, ChaChaOnly, Provider, Secret32, Suite, chacha};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{self, AeadInOut, KeyInit};

pub use super::curve::SigningKey;

/// ed25519-compact with its X25519, aes-gcm, chacha20 with poly1305, sha2.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Portable;

/// An expanded cipher key. Both kinds wipe themselves.
pub struct Cipher(Expanded);

#[allow(clippy::large_enum_variant, reason = "without an allocator there is no smaller place for the larger one")]
enum Expanded {
    Aes256Gcm(Aes256Gcm),
    ChaCha20Poly1305(chacha::Key),
}

cleared! {
    KEY;
    fn expand(suite: Suite, key: &Secret32) -> Cipher {
        Cipher(match suite {
            Suite::Aes256Gcm => Expanded::Aes256Gcm(Aes256Gcm::new(key.expose().into())),
            Suite::ChaCha20Poly1305 => Expanded::ChaCha20Poly1305(chacha::Key::new(key)),
        })
    }
}

impl Provider for Portable {
    type SigningKey = SigningKey;
    type Cipher = Cipher;

    provider_methods!(ChaChaOnly: signing_key, public_key, sign, equation, x25519_public, x25519, static_secret);

    // keeps: IACP-166 (§8.2)
    fn cipher(suite: Suite, key: &Secret32) -> Cipher {
        expand(suite, key)
    }

    fn seal(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        let key = match &cipher.0 {
            Expanded::Aes256Gcm(key) => key,
            Expanded::ChaCha20Poly1305(key) => return key.seal(nonce, aad, buffer),
        };
        match key.encrypt_inout_detached(nonce.into(), aad, InOutBuf::from(&mut *buffer)) {
            Ok(tag) => tag.into(),
            Err(aead::Error) => {
                buffer.fill(0);
                [0; 16]
            }
        }
    }

    fn open(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        let key = match &cipher.0 {
            Expanded::Aes256Gcm(key) => key,
            Expanded::ChaCha20Poly1305(key) => return key.open(nonce, aad, buffer, tag),
        };
        // aes-gcm verifies before it decrypts; the ciphertext is zeroed because other engines cannot leave it.
        key.decrypt_inout_detached(nonce.into(), aad, InOutBuf::from(&mut *buffer), tag.into()).map_err(
            |aead::Error| {
                buffer.fill(0);
                BadTag
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::ZeroizeOnDrop;

    // Stops compiling when one of the crates is built without its feature `zeroize`.
    #[test]
    fn expanded_keys_are_wiped() {
        fn wipes<T: ZeroizeOnDrop>() {}
        wipes::<Secret32>();
        wipes::<Aes256Gcm>();
        wipes::<sha2::Sha256>();
    }
}
