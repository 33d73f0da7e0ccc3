//! The default provider: small, portable, without an allocator.

use super::{BadSignature, BadTag, Provider, Secret32, Suite, WeakKey, strict};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{self, AeadInOut, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;
use ed25519_compact::{KeyPair, PublicKey, SecretKey, Seed, Signature, x25519};

/// ed25519-compact with its X25519, aes-gcm, chacha20poly1305, sha2.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

/// The key pair of an EID. The secret half wipes itself.
pub struct SigningKey(KeyPair);

/// An expanded cipher key. Both kinds wipe themselves: their crates' feature `zeroize` is on.
pub struct Cipher(Expanded);

#[allow(clippy::large_enum_variant, reason = "without an allocator there is no smaller place for the larger one")]
enum Expanded {
    Aes256Gcm(Aes256Gcm),
    ChaCha20Poly1305(ChaCha20Poly1305),
}

/// The public key of the all-zero seed, the one seed that ed25519-compact refuses to expand.
const ZERO_SEED_PUBLIC: [u8; 32] = [
    0x3b, 0x6a, 0x27, 0xbc, 0xce, 0xb6, 0xa4, 0x2d, 0x62, 0xa3, 0xa8, 0xd0, 0x2a, 0x6f, 0x0d, 0x73, 0x65, 0x32, 0x15,
    0x77, 0x1d, 0xe2, 0x43, 0xa6, 0x3a, 0xc0, 0x48, 0xa1, 0x8b, 0x59, 0xda, 0x29,
];

impl Provider for Portable {
    type SigningKey = SigningKey;
    type Cipher = Cipher;

    fn signing_key(seed: &Secret32) -> SigningKey {
        SigningKey(KeyPair::try_from_seed(Seed::new(*seed.expose())).unwrap_or_else(|_| {
            let mut sk = SecretKey::new([0; 64]);
            for (to, from) in sk.iter_mut().skip(32).zip(ZERO_SEED_PUBLIC) {
                *to = from;
            }
            KeyPair { pk: PublicKey::new(ZERO_SEED_PUBLIC), sk }
        }))
    }

    fn public_key(key: &SigningKey) -> [u8; 32] {
        *key.0.pk
    }

    fn sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
        *key.0.sk.sign(message, None)
    }

    // keeps: IACP-171
    fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        // ed25519-compact refuses S ≥ L, what is not canonical and what is of small order. Its equation is the one
        // with the cofactor: what the subgroup check leaves satisfies the other one too.
        PublicKey::new(*public).verify(message, &Signature::new(*signature)).map_err(|_| BadSignature)?;
        let r = signature.first_chunk::<32>().ok_or(BadSignature)?;
        if strict::has_prime_order::<Self>(public) && strict::has_prime_order::<Self>(r) {
            Ok(())
        } else {
            Err(BadSignature)
        }
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        // The base point has prime order and a clamped scalar is no multiple of it: this cannot fail. The zero point,
        // should it ever appear, is refused by every peer.
        x25519::SecretKey::new(*secret.expose()).recover_public_key().map_or([0; 32], |public| *public)
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        // `dh` looks at all bytes of the result before it says whether they are zero, and wipes its output.
        let shared = x25519::PublicKey::new(*public).dh(&x25519::SecretKey::new(*secret.expose()));
        shared.map(|bytes| Secret32::fill(|to| *to = *bytes)).map_err(|_| WeakKey)
    }

    fn static_secret(key: &SigningKey) -> Secret32 {
        // Only a slice of another length than 32 could fail, and there is none.
        Secret32::fill(|to| {
            if let Ok(secret) = x25519::SecretKey::from_ed25519(&key.0.sk) {
                *to = *secret;
            }
        })
    }

    // keeps: IACP-166
    fn cipher(suite: Suite, key: &Secret32) -> Cipher {
        Cipher(match suite {
            Suite::Aes256Gcm => Expanded::Aes256Gcm(Aes256Gcm::new(key.expose().into())),
            Suite::ChaCha20Poly1305 => Expanded::ChaCha20Poly1305(ChaCha20Poly1305::new(key.expose().into())),
        })
    }

    fn seal(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        let inout = InOutBuf::from(&mut *buffer);
        let tag = match &cipher.0 {
            Expanded::Aes256Gcm(key) => key.encrypt_inout_detached(nonce.into(), aad, inout),
            Expanded::ChaCha20Poly1305(key) => key.encrypt_inout_detached(nonce.into(), aad, inout),
        };
        tag.map_or_else(
            |aead::Error| {
                buffer.fill(0);
                [0; 16]
            },
            Into::into,
        )
    }

    fn open(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        // Both crates verify before they decrypt; the ciphertext is zeroed because others cannot leave it.
        let inout = InOutBuf::from(&mut *buffer);
        let opened = match &cipher.0 {
            Expanded::Aes256Gcm(key) => key.decrypt_inout_detached(nonce.into(), aad, inout, tag.into()),
            Expanded::ChaCha20Poly1305(key) => key.decrypt_inout_detached(nonce.into(), aad, inout, tag.into()),
        };
        opened.map_err(|aead::Error| {
            buffer.fill(0);
            BadTag
        })
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
        wipes::<ChaCha20Poly1305>();
        wipes::<sha2::Sha256>();
    }
}
