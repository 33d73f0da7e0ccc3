//! Keys: the senders to which they belong, and the verification of signatures.

#[cfg(feature = "ed25519")]
use ed25519_compact::{PublicKey, Signature, x25519};

/// An Ed25519 public key that a strict verifier accepts: canonical, and of prime order. This is checked once, when the
/// key is bound to a sender, and not with every signature.
///
/// ```
/// use cep_envelope::manifest::BoundKey;
///
/// // A point of small order: verifiers could differ on what it has signed.
/// # #[cfg(feature = "ed25519")]
/// assert_eq!(BoundKey::new([0; 32]), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BoundKey([u8; 32]);

impl BoundKey {
    /// The key with these bytes. `None` if verifiers could disagree about its signatures.
    #[cfg(feature = "ed25519")]
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Option<Self> {
        let canonical = PublicKey::new(bytes).validate().is_ok();
        (canonical && has_prime_order(&bytes)).then_some(Self(bytes))
    }

    /// A key that was checked before, for builds without the feature `ed25519`: its encoding is canonical, and the
    /// point has prime order. This is true for a key that was generated from a seed; a key that a peer has sent must
    /// have been checked by an engine.
    #[must_use]
    pub const fn checked_elsewhere(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The receiver's own knowledge of the senders to which keys belong. It is never taken from a manifest.
///
/// ```
/// use cep_envelope::manifest::{BoundKey, KeyDirectory as _};
///
/// // A function will do.
/// let alice = BoundKey::checked_elsewhere([7; 32]);
/// let keys = |signer: &str, sender: &str| (signer == "alice-1" && sender == "alice").then_some(alice);
/// assert_eq!(keys.key("alice-1", "alice"), Some(alice));
/// assert_eq!(keys.key("alice-1", "mallory"), None, "the key is bound to another sender");
/// ```
pub trait KeyDirectory {
    /// The key with this id, if it is bound to this sender, valid, and not withdrawn.
    fn key(&self, signer: &str, sender: &str) -> Option<BoundKey>;

    /// Whether this directory has `name` as the name of another sender or of another sender's key, and not of this
    /// one's. A directory that cannot tell returns `false`.
    fn is_another(&self, _name: &str, _sender: &str) -> bool {
        false
    }
}

impl<F: Fn(&str, &str) -> Option<BoundKey>> KeyDirectory for F {
    fn key(&self, signer: &str, sender: &str) -> Option<BoundKey> {
        self(signer, sender)
    }
}

/// The verification of Ed25519 signatures. Firmware for a chip with a crypto engine implements this with the engine,
/// and then links no other code for it.
///
/// It must be strict, so that all verifiers agree: S < L, and R canonical, in the subgroup of prime order, not neutral.
/// The key was checked when it was bound. With such a key, a verifier that computes R from S, the key and the hash, and
/// compares its 32 bytes, is strict if it also refuses S ≥ L and a neutral R.
///
/// ```
/// # use cep_envelope::manifest::Signatures;
/// // A function will do.
/// let engine = |_key: &[u8; 32], _hash: &[u8; 32], _signature: &[u8; 64]| false;
/// assert!(!engine.verify(&[0; 32], &[0; 32], &[0; 64]));
/// ```
// keeps: CEP-006 (§1.1)
pub trait Signatures {
    /// Whether this key signed this hash.
    fn verify(&self, key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool;
}

impl<F: Fn(&[u8; 32], &[u8; 32], &[u8; 64]) -> bool> Signatures for F {
    fn verify(&self, key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        self(key, hash, signature)
    }
}

/// Strict verification in portable code, with the feature `ed25519`.
///
/// The library refuses S ≥ L, encodings that are not canonical and points of small order. Its equation has the
/// cofactor. But A's subgroup was checked when the key was bound, and R's is checked here, so that accepted signatures
/// satisfy the equation without the cofactor too.
#[cfg(feature = "ed25519")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strict;

#[cfg(feature = "ed25519")]
impl Signatures for Strict {
    fn verify(&self, key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        PublicKey::new(*key).verify(hash, &Signature::new(*signature)).is_ok()
            && signature.first_chunk().is_some_and(has_prime_order)
    }
}

/// 5L − 1, little-endian: −1 mod L, 0 mod 8, and not changed by X25519's clamping.
#[cfg(feature = "ed25519")]
const MINUS_ONE_ON_THE_SUBGROUP: [u8; 32] = [
    0xa0, 0x23, 0xcd, 0xd0, 0x83, 0xef, 0x5b, 0xb8, 0x2f, 0x10, 0xd6, 0x2e, 0x59, 0xe1, 0x5a, 0x68, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50,
];

/// Write P = Q + T, Q of order L, T of order 1, 2, 4 or 8. The multiplication gives −Q, whose u is that of Q; it is also
/// that of P only if T is neutral.
#[cfg(feature = "ed25519")]
fn has_prime_order(point: &[u8; 32]) -> bool {
    let scalar = x25519::SecretKey::new(MINUS_ONE_ON_THE_SUBGROUP);
    x25519::PublicKey::from_ed25519(&PublicKey::new(*point)).is_ok_and(|u| u.dh(&scalar).is_ok_and(|q| *q == *u))
}

#[cfg(all(test, feature = "ed25519"))]
mod tests {
    use super::{BoundKey, Signatures, Strict, has_prime_order};
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
    fn sign(a: &[u8; 32], r: &[u8; 32], message: &[u8; 32]) -> [u8; 64] {
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

    /// Verifiers disagree about these: the library accepts them, others do not.
    #[test]
    fn no_signature_is_taken_on_which_verifiers_differ() {
        let (base, mixed) = base_and_mixed();
        for (a, r, taken) in [(base, base, true), (mixed, base, false), (base, mixed, false), (mixed, mixed, false)] {
            let signature = sign(&a, &r, &[7; 32]);
            assert!(PublicKey::new(a).verify([7; 32], &Signature::new(signature)).is_ok());
            let verified = BoundKey::new(a).is_some_and(|key| Strict.verify(key.as_bytes(), &[7; 32], &signature));
            assert_eq!(verified, taken);
        }
    }

    #[test]
    fn no_bit_of_a_signature_may_change() {
        let pair = KeyPair::from_seed(Seed::new([7; 32]));
        let signature = *pair.sk.sign([7; 32], None);
        let key = BoundKey::new(*pair.pk).unwrap();
        assert!(Strict.verify(key.as_bytes(), &[7; 32], &signature));
        assert!(!Strict.verify(key.as_bytes(), &[6; 32], &signature));
        for bit in 0..512 {
            let mut other = signature;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!Strict.verify(key.as_bytes(), &[7; 32], &other), "bit {bit}");
        }
    }
}
