//! The cryptography of all nodes and agents.

use std::cell::RefCell;
use std::collections::HashMap;

use iacp_core::crypto::{AwsLc, BadSignature, BadTag, Equation, Provider, Secret32, Suite, WeakKey};

thread_local! {
    /// Keys that were looked at, and whether each has prime order.
    static KEYS: RefCell<HashMap<[u8; 32], bool>> = RefCell::new(HashMap::new());
}

/// AWS-LC; whether a key has prime order is computed once for each key. One process does the work of two hundred hosts here, and
/// each of them meets the same keys again and again. The verdicts are AWS-LC's.
#[derive(Clone, Copy, Debug)]
pub struct Chosen;

impl Provider for Chosen {
    type SigningKey = <AwsLc as Provider>::SigningKey;
    type Cipher = <AwsLc as Provider>::Cipher;

    const EQUATION: Equation = AwsLc::EQUATION;

    fn signing_key(seed: &Secret32) -> Self::SigningKey {
        AwsLc::signing_key(seed)
    }

    fn public_key(key: &Self::SigningKey) -> [u8; 32] {
        AwsLc::public_key(key)
    }

    fn sign(key: &Self::SigningKey, message: &[u8]) -> [u8; 64] {
        AwsLc::sign(key, message)
    }

    fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        AwsLc::equation(public, message, signature)
    }

    fn has_prime_order(public: &[u8; 32]) -> bool {
        KEYS.with_borrow_mut(|keys| *keys.entry(*public).or_insert_with(|| AwsLc::has_prime_order(public)))
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        AwsLc::x25519_public(secret)
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        AwsLc::x25519(secret, public)
    }

    fn static_secret(key: &Self::SigningKey) -> Secret32 {
        AwsLc::static_secret(key)
    }

    fn cipher(suite: Suite, key: &Secret32) -> Self::Cipher {
        AwsLc::cipher(suite, key)
    }

    fn seal(cipher: &Self::Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        AwsLc::seal(cipher, nonce, aad, buffer)
    }

    fn open(
        cipher: &Self::Cipher,
        nonce: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), BadTag> {
        AwsLc::open(cipher, nonce, aad, buffer, tag)
    }
}
