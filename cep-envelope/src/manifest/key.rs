//! Keys: whom they belong to, and what a signature by one means.

use ed25519_compact::{PublicKey, Signature, x25519};

/// An Ed25519 public key that a strict verifier takes: canonical, and of prime order. That is checked once, when the key is
/// bound to somebody, and not with every signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BoundKey([u8; 32]);

impl BoundKey {
    /// The key with these bytes. `None`, if verifiers could differ on what it has signed.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Option<Self> {
        let canonical = PublicKey::new(bytes).validate().is_ok();
        (canonical && has_prime_order(&bytes)).then_some(Self(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Whom keys belong to, as the receiver knows it. A manifest never answers this about itself.
pub trait KeyDirectory {
    /// The key with this id, if it is bound to this sender, valid, and not withdrawn.
    fn key(&self, signer: &str, sender: &str) -> Option<BoundKey>;
}

impl<F: Fn(&str, &str) -> Option<BoundKey>> KeyDirectory for F {
    fn key(&self, signer: &str, sender: &str) -> Option<BoundKey> {
        self(signer, sender)
    }
}

/// Strict Ed25519, on which all verifiers agree: S < L, A and R canonical, in the subgroup of prime order, not neutral.
///
/// The library refuses S ≥ L, encodings that are not canonical and points of small order. Its equation has the
/// cofactor: what the two subgroup checks leave, A's when the key was bound and R's here, satisfies the other equation too.
pub(super) fn verifies(key: &BoundKey, message: &[u8], signature: &[u8; 64]) -> bool {
    PublicKey::new(key.0).verify(message, &Signature::new(*signature)).is_ok()
        && signature.first_chunk().is_some_and(has_prime_order)
}

/// 5L − 1, little-endian: −1 mod L, 0 mod 8, and left alone by X25519's clamping.
const MINUS_ONE_ON_THE_SUBGROUP: [u8; 32] = [
    0xa0, 0x23, 0xcd, 0xd0, 0x83, 0xef, 0x5b, 0xb8, 0x2f, 0x10, 0xd6, 0x2e, 0x59, 0xe1, 0x5a, 0x68, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50,
];

/// Write P = Q + T, Q of order L, T of order 1, 2, 4 or 8. The multiplication gives −Q, whose u is that of Q; it is also
/// that of P only if T is neutral.
fn has_prime_order(point: &[u8; 32]) -> bool {
    let scalar = x25519::SecretKey::new(MINUS_ONE_ON_THE_SUBGROUP);
    x25519::PublicKey::from_ed25519(&PublicKey::new(*point)).is_ok_and(|u| u.dh(&scalar).is_ok_and(|q| *q == *u))
}

#[cfg(test)]
mod tests {
    use super::{BoundKey, has_prime_order, verifies};
    use ed25519_compact::{KeyPair, PublicKey, Seed, Signature};
    use sha2::{Digest as _, Sha512};

    /// The base point B = (x, 4/5), and B + (0, −1) = (−x, −4/5), which has a part of order 2.
    fn base_and_mixed() -> ([u8; 32], [u8; 32]) {
        let (mut base, mut mixed) = ([0x66; 32], [0x99; 32]);
        (base[0], mixed[0], mixed[31]) = (0x58, 0x95, 0x19 | 0x80);
        (base, mixed)
    }

    #[test]
    fn a_part_of_small_order_is_noticed() {
        let (base, mixed) = base_and_mixed();
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert!(has_prime_order(&base));
        for point in [mixed, neutral, [0; 32], [0xff; 32]] {
            assert!(!has_prime_order(&point), "{point:02x?}");
            assert_eq!(BoundKey::new(point), None);
        }
    }

    /// A signature by the secret 1 with the nonce 1: S = 1 + k, for any A and R that are B up to small order.
    fn sign(a: &[u8; 32], r: &[u8; 32], message: &[u8]) -> [u8; 64] {
        const L: (u128, u128) = (1 << 124, 0x14de_f9de_a2f7_9cd6_5812_631a_5cf5_d3ed);
        let k = Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize();
        let (mut high, mut low) = (0_u128, 0_u128);
        for bit in (0..512).rev() {
            (high, low) = (high << 1 | low >> 127, low << 1 | u128::from(k[bit / 8] >> (bit % 8) & 1));
            if (high, low) >= L {
                let (difference, borrow) = low.overflowing_sub(L.1);
                (high, low) = (high - L.0 - u128::from(borrow), difference);
            }
        }
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(r);
        signature[32..48].copy_from_slice(&(low + 1).to_le_bytes());
        signature[48..].copy_from_slice(&high.to_le_bytes());
        signature
    }

    /// Verifiers differ on these: the library takes them, others do not.
    #[test]
    fn no_signature_is_taken_on_which_verifiers_differ() {
        let (base, mixed) = base_and_mixed();
        for (a, r, taken) in [(base, base, true), (mixed, base, false), (base, mixed, false), (mixed, mixed, false)] {
            let signature = sign(&a, &r, b"message");
            assert!(PublicKey::new(a).verify(b"message", &Signature::new(signature)).is_ok());
            let verified = BoundKey::new(a).is_some_and(|key| verifies(&key, b"message", &signature));
            assert_eq!(verified, taken);
        }
    }

    #[test]
    fn no_bit_of_a_signature_may_change() {
        let pair = KeyPair::from_seed(Seed::new([7; 32]));
        let signature = *pair.sk.sign(b"message", None);
        let key = BoundKey::new(*pair.pk).unwrap();
        assert!(verifies(&key, b"message", &signature));
        assert!(!verifies(&key, b"messagE", &signature));
        for bit in 0..512 {
            let mut other = signature;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!verifies(&key, b"message", &other), "bit {bit}");
        }
    }
}
