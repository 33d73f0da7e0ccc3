//! Firmware with a crypto engine for Ed25519 that checks an equation and nothing else: S is taken modulo L, A and R are
//! decoded whatever their encodings are and whatever subgroup their points are in. All else is `Portable`'s.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use iacp_core::crypto::{BadSignature, BadTag, Equation, Portable, Provider, Secret32, Suite, WeakKey};
use sha2::{Digest as _, Sha512};

/// The engine with either equation.
pub struct Lenient<const COFACTORED: bool>;

impl<const COFACTORED: bool> Provider for Lenient<COFACTORED> {
    type SigningKey = <Portable as Provider>::SigningKey;
    type Cipher = <Portable as Provider>::Cipher;

    const EQUATION: Equation = if COFACTORED { Equation::Cofactored } else { Equation::Cofactorless };

    fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        let (r, s) = signature.split_first_chunk::<32>().ok_or(BadSignature)?;
        let s = Scalar::from_bytes_mod_order(s.try_into().map_err(|_| BadSignature)?);
        let hash: [u8; 64] = Sha512::new().chain_update(r).chain_update(public).chain_update(message).finalize().into();
        let k = Scalar::from_bytes_mod_order_wide(&hash);
        let point = |bytes: &[u8; 32]| CompressedEdwardsY(*bytes).decompress().ok_or(BadSignature);
        let difference = EdwardsPoint::mul_base(&s) - k * point(public)? - point(r)?;
        let holds = if COFACTORED { difference.is_small_order() } else { difference == EdwardsPoint::default() };
        if holds { Ok(()) } else { Err(BadSignature) }
    }

    fn signing_key(seed: &Secret32) -> Self::SigningKey {
        Portable::signing_key(seed)
    }

    fn public_key(key: &Self::SigningKey) -> [u8; 32] {
        Portable::public_key(key)
    }

    fn sign(key: &Self::SigningKey, message: &[u8]) -> [u8; 64] {
        Portable::sign(key, message)
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        Portable::x25519_public(secret)
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        Portable::x25519(secret, public)
    }

    fn static_secret(key: &Self::SigningKey) -> Secret32 {
        Portable::static_secret(key)
    }

    fn cipher(suite: Suite, key: &Secret32) -> Self::Cipher {
        Portable::cipher(suite, key)
    }

    fn seal(cipher: &Self::Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        Portable::seal(cipher, nonce, aad, buffer)
    }

    fn open(
        cipher: &Self::Cipher,
        nonce: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), BadTag> {
        Portable::open(cipher, nonce, aad, buffer, tag)
    }
}
