//! Firmware with a crypto engine for Ed25519 that checks an equation and nothing else: S is taken modulo L, A and R are
//! decoded whatever their encodings are and whatever subgroup their points are in. All else is `Portable`'s.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use iacp_core::crypto::{BadSignature, Equation, Portable, Provider};
use sha2::{Digest as _, Sha512};

/// The engine with either equation.
pub struct Lenient<const COFACTORED: bool>;

impl<const COFACTORED: bool> Provider for Lenient<COFACTORED> {
    type SigningKey = <Portable as Provider>::SigningKey;
    type Cipher = <Portable as Provider>::Cipher;

    const EQUATION: Equation = if COFACTORED { Equation::Cofactored } else { Equation::Cofactorless };

    iacp_core::provider_methods!(Portable:
        signing_key, public_key, sign, x25519_public, x25519, static_secret, cipher, seal, open
    );

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
}
