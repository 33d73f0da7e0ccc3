//! What makes the verification of Ed25519 strict, and the same with every provider.
//!
//! RFC 8032 lets a verifier choose between two equations, \[8\]\[S\]B = \[8\]R + \[8\]\[k\]A and \[S\]B = R + \[k\]A.
//! They disagree on signatures whose A or R has a part of small order, and libraries choose differently
//! (Chalkias, Garillot, Nikolaenko: "Taming the many EdDSAs", 2020). An EID that some peers believe and others do not
//! splits a directory. So a signature is refused unless
//!
//! - S < L;
//! - A and R are canonical encodings of points;
//! - A and R are in the subgroup of prime order L, and are not its neutral element;
//! - either equation holds: on that subgroup they are the same one.
//!
//! An honest signer meets all of this without trying.

use super::{Provider, Secret32, WeakKey};
use ed25519_compact::{PublicKey, x25519};

/// 5L − 1, little-endian. It is ≡ −1 mod L and ≡ 0 mod 8, and its top bit is 254: X25519's clamping leaves it alone.
const MINUS_ONE_ON_THE_SUBGROUP: [u8; 32] = [
    0xa0, 0x23, 0xcd, 0xd0, 0x83, 0xef, 0x5b, 0xb8, 0x2f, 0x10, 0xd6, 0x2e, 0x59, 0xe1, 0x5a, 0x68, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50,
];

/// The encoding of the neutral element.
pub const NEUTRAL: [u8; 32] =
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Moves a point from Edwards' form to Montgomery's: u = (1 + y) / (1 − y).
///
/// # Errors
/// [`WeakKey`] if the encoding is not canonical, not a point, or a point of small order.
pub fn montgomery(point: &[u8; 32]) -> Result<[u8; 32], WeakKey> {
    x25519::PublicKey::from_ed25519(&PublicKey::new(*point)).map(|u| *u).map_err(|_| WeakKey)
}

/// Whether an encoding is canonical and its point in the subgroup of prime order, the neutral element excepted.
///
/// Write P = Q + T, Q of order L, T of order 1, 2, 4 or 8. One X25519 with the scalar 5L − 1 gives u(−Q) = u(Q): the
/// part of small order vanishes, the other only changes its sign, which u does not show. And u(Q) = u(Q + T) only if
/// T = 0, or 2Q = −T, which no Q ≠ 0 of prime order satisfies.
#[must_use]
pub fn has_prime_order<P: Provider>(point: &[u8; 32]) -> bool {
    let scalar = Secret32::new(MINUS_ONE_ON_THE_SUBGROUP);
    montgomery(point).is_ok_and(|u| P::x25519(&scalar, &u).is_ok_and(|q| *q.expose() == u))
}
