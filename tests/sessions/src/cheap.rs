//! A provider without public-key cryptography, for tests that open sessions by the ten thousand. It protects nothing:
//! its signatures can be made without a key, and its key agreement is an addition. Its ciphers and hashes are real.

use iacp_core::crypto::{BadSignature, CheckedKey, Portable, Provider, Secret32, WeakKey};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Cheap;

/// The seed.
pub struct Key(Secret32);

fn add(one: &[u8; 32], other: &[u8; 32]) -> [u8; 32] {
    let mut sum = *one;
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum = sum.wrapping_add(*other));
    sum
}

/// What takes the place of the base point.
const BASE: [u8; 32] = [0x5A; 32];

fn mark(public: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&Portable::sha256(&[b"R", public, message]));
    signature[32..].copy_from_slice(&Portable::sha256(&[b"S", public, message]));
    signature
}

impl Provider for Cheap {
    type SigningKey = Key;
    type Cipher = <Portable as Provider>::Cipher;

    iacp_core::provider_methods!(Portable: cipher, seal, open);

    fn signing_key(seed: &Secret32) -> Key {
        Key(Secret32::new(*seed.expose()))
    }

    fn public_key(key: &Key) -> [u8; 32] {
        add(key.0.expose(), &BASE)
    }

    fn sign(key: &Key, message: &[u8]) -> [u8; 64] {
        mark(&Self::public_key(key), message)
    }

    fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        if mark(public, message) == *signature { Ok(()) } else { Err(BadSignature) }
    }

    fn has_prime_order(_: &[u8; 32]) -> bool {
        true
    }

    fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        Self::equation(public, message, signature)
    }

    fn verify_checked(key: &CheckedKey, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        Self::equation(key.bytes(), message, signature)
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        add(secret.expose(), &BASE)
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        Ok(Secret32::new(Portable::sha256(&[&add(secret.expose(), public)])))
    }

    fn static_secret(key: &Key) -> Secret32 {
        Secret32::new(*key.0.expose())
    }

    fn static_public(public: &[u8; 32]) -> Result<[u8; 32], WeakKey> {
        Ok(*public)
    }
}
