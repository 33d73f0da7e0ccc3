//! Strict verification of Ed25519, with the same verdict from every provider.
//!
//! RFC 8032 lets a verifier choose between two equations, \[8\]\[S\]B = \[8\]R + \[8\]\[k\]A and \[S\]B = R + \[k\]A.
//! They disagree on signatures whose A or R has a part of small order, and libraries choose differently (Chalkias,
//! Garillot, Nikolaenko: "Taming the many EdDSAs", 2020). A signature that some peers accept and others refuse would
//! split a directory. So a signature is refused unless
//!
//! - S < L;
//! - A and R are canonical encodings of points;
//! - A and R are in the subgroup of prime order L, and are not its neutral element;
//! - either equation holds: on that subgroup they are equivalent.
//!
//! Signatures of an honest signer always meet these conditions.
//!
//! # What is checked when
//!
//! The conditions on A are checked once per peer, and [`CheckedKey`](super::CheckedKey) is the proof. The conditions on
//! the signature:
//!
//! - S < L, that y of R is below p, and that R is not the neutral element are comparisons of bytes, made here for every
//!   engine.
//! - The equation is the engine's, [`Provider::equation`](super::Provider::equation).
//! - Whether R is in the subgroup depends on the engine's equation. Without the cofactor, R is in it, because B and A
//!   are, and R = \[S\]B − \[k\]A. With the cofactor, R = \[S\]B − \[k\]A + T for any T of order 1, 2, 4 or 8, and R is
//!   checked separately, which costs one X25519. [`Provider::EQUATION`](super::Provider::EQUATION) names the equation.
//!
//! The verdict is the same. Let A be checked and the bytes of R and S be in range. If an engine without the cofactor
//! accepts, R is a point with that equation, whether the engine decodes R or compares the encoding of \[S\]B − \[k\]A
//! with its bytes; it is in the subgroup as shown, and not neutral, so all conditions above hold. If they hold, R's
//! encoding is the only one of its point, and every engine accepts, whether it decodes or compares, with the cofactor
//! or without.

use super::error::{BadSignature, WeakKey};
use super::secret::Secret32;
use ed25519_compact::{PublicKey, x25519};

/// 5L − 1, little-endian. It is ≡ −1 mod L and ≡ 0 mod 8, and its top bit is bit 254, so X25519's clamping does not
/// change it.
const MINUS_ONE_ON_THE_SUBGROUP: [u8; 32] = [
    0xa0, 0x23, 0xcd, 0xd0, 0x83, 0xef, 0x5b, 0xb8, 0x2f, 0x10, 0xd6, 0x2e, 0x59, 0xe1, 0x5a, 0x68, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50,
];

/// L, the order of the subgroup, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// p = 2^255 − 19, little-endian.
const P: [u8; 32] = [
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

/// The encoding of the neutral element.
pub const NEUTRAL: [u8; 32] =
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The equation that a provider's engine checks (RFC 8032 §5.1.7).
///
/// ```
/// use iacp_core::crypto::{ChaChaOnly, Equation, Provider};
///
/// // Its engine multiplies by the cofactor, so the order of R is checked beside it.
/// assert_eq!(ChaChaOnly::EQUATION, Equation::Cofactored);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Equation {
    /// \[8\]\[S\]B = \[8\]R + \[8\]\[k\]A. If in doubt, a provider should name this one: then more is checked.
    Cofactored,
    /// \[S\]B = R + \[k\]A.
    Cofactorless,
}

words! {
    Equation {
        Self::Cofactored => "with the cofactor",
        Self::Cofactorless => "without the cofactor",
    }
}

/// Converts a point from Edwards form to Montgomery form: u = (1 + y) / (1 − y).
///
/// # Errors
/// [`WeakKey`] if the encoding is not canonical, not a point, or a point of small order.
#[inline(never)]
pub fn montgomery(point: &[u8; 32]) -> Result<[u8; 32], WeakKey> {
    x25519::PublicKey::from_ed25519(&PublicKey::new(*point)).map(|u| *u).map_err(|_| WeakKey)
}

/// Whether an encoding is canonical and its point in the subgroup of prime order, the neutral element excepted.
#[must_use]
#[inline(never)]
pub fn has_prime_order(
    point: &[u8; 32],
    x25519: impl FnOnce(&Secret32, &[u8; 32]) -> Result<Secret32, WeakKey>,
) -> bool {
    montgomery(point).is_ok_and(|u| u_has_prime_order(&u, x25519))
}

/// The same for a point that [`montgomery`], or the same function of another engine, has converted to Montgomery form.
///
/// Write P = Q + T, Q of order L, T of order 1, 2, 4 or 8. One X25519 with the scalar 5L − 1 gives u(−Q) = u(Q): the
/// part of small order vanishes, and the other part only changes its sign, which u does not contain. And u(Q) = u(Q +
/// T) only if T = 0, or 2Q = −T, which no Q ≠ 0 of prime order satisfies.
#[must_use]
pub fn u_has_prime_order(u: &[u8; 32], x25519: impl FnOnce(&Secret32, &[u8; 32]) -> Result<Secret32, WeakKey>) -> bool {
    let scalar = Secret32::new(MINUS_ONE_ON_THE_SUBGROUP);
    x25519(&scalar, u).is_ok_and(|q| q.expose() == u)
}

/// Whether a number is below another one, both little-endian and public.
fn is_below(number: &[u8], limit: &[u8]) -> bool {
    number.iter().rev().lt(limit.iter().rev())
}

/// R, if S < L and if y of R is below p and not that of the neutral element.
pub(super) fn in_range(signature: &[u8; 64]) -> Result<&[u8; 32], BadSignature> {
    let (r, s) = signature.split_first_chunk::<32>().ok_or(BadSignature)?;
    let mut y = *r;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    // y = 1 is the neutral element, whatever the sign bit is.
    if is_below(s, &L) && is_below(&y, &P) && y != NEUTRAL { Ok(r) } else { Err(BadSignature) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_from_their_most_significant_byte() {
        assert!(is_below(&[0xff, 0], &[0, 1]) && !is_below(&[0, 1], &[0xff, 0]));
        assert!(!is_below(&L, &L) && is_below(&[0; 32], &L));
        let mut below = L;
        below[0] -= 1;
        assert!(is_below(&below, &L));
    }

    // shows: IACP-171 (§8.7)
    #[test]
    fn s_is_below_the_order_and_r_canonical_and_not_neutral() {
        let of = |r: [u8; 32], s: [u8; 32]| {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&r);
            signature[32..].copy_from_slice(&s);
            in_range(&signature).is_ok()
        };
        let below = |limit: [u8; 32]| {
            let mut below = limit;
            below[0] -= 1;
            below
        };
        let signed = |mut y: [u8; 32]| {
            y[31] |= 0x80;
            y
        };
        for (s, fits) in [([0; 32], true), (below(L), true), (L, false), ([0xff; 32], false)] {
            assert_eq!(of([2; 32], s), fits);
        }
        for (r, fits) in [([2; 32], true), ([0; 32], true), (below(P), true), (P, false), (NEUTRAL, false)] {
            assert_eq!((of(r, [0; 32]), of(signed(r), [0; 32])), (fits, fits), "whatever the sign is");
        }
    }
}
