//! A provider for fuzzing: the shape of real cryptography and none of its cost. Never use it for anything else.
//!
//! Everything but SHA-256 is SipHash with keys that are constants here. Nothing is encrypted: a plaintext stays
//! readable in the frame, so that a fuzzer can find out what its bytes do.

use std::hash::Hasher as _;

use iacp_core::crypto::{BadSignature, BadTag, CheckedKey, Provider, Secret32, Suite, TooLong, WeakKey};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// Seals and signatures are hashes with the key: what was changed does not verify.
pub type Keyed = Cheap<false>;

/// Seals and signatures are constants: what was changed still verifies, as if the holder of the key had signed it.
pub type Trusting = Cheap<true>;

/// See [`Keyed`] and [`Trusting`].
pub struct Cheap<const TRUSTS: bool>;

/// Every seal and signature of [`Trusting`].
const MARK: u8 = 0x5A;

fn half(label: u8, parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = SipHasher13::new_with_key(&[label; 16]);
    parts.iter().for_each(|part| hasher.write(part));
    hasher.finish128().as_bytes()
}

/// The second half adds no information to the first, and costs nothing.
fn hash(label: u8, parts: &[&[u8]]) -> [u8; 32] {
    let half = half(label, parts);
    let mut out = [0; 32];
    out[..16].copy_from_slice(&half);
    out[16..].iter_mut().zip(half).for_each(|(to, from)| *to = !from);
    out
}

/// A seed and its public key.
pub struct Key {
    seed: [u8; 32],
    public: [u8; 32],
}

fn signature<const TRUSTS: bool>(public: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let mut out = [MARK; 64];
    if !TRUSTS {
        let hash = hash(2, &[public, message]);
        out[..32].copy_from_slice(&hash);
        out[32..].copy_from_slice(&hash);
    }
    out
}

fn tag<const TRUSTS: bool>(key: &[u8; 32], nonce: &[u8; 12], aad: &[u8], buffer: &[u8]) -> [u8; 16] {
    if TRUSTS {
        return [MARK; 16];
    }
    half(5, &[key, nonce, &aad.len().to_be_bytes(), aad, buffer])
}

impl<const TRUSTS: bool> Provider for Cheap<TRUSTS> {
    type SigningKey = Key;
    type Cipher = [u8; 32];

    fn signing_key(seed: &Secret32) -> Key {
        Key { seed: *seed.expose(), public: Self::x25519_public(seed) }
    }

    fn public_key(key: &Key) -> [u8; 32] {
        key.public
    }

    fn sign(key: &Key, message: &[u8]) -> [u8; 64] {
        signature::<TRUSTS>(&key.public, message)
    }

    fn equation(public: &[u8; 32], message: &[u8], given: &[u8; 64]) -> Result<(), BadSignature> {
        if signature::<TRUSTS>(public, message) == *given { Ok(()) } else { Err(BadSignature) }
    }

    fn has_prime_order(_: &[u8; 32]) -> bool {
        true
    }

    fn verify(public: &[u8; 32], message: &[u8], given: &[u8; 64]) -> Result<(), BadSignature> {
        Self::equation(public, message, given)
    }

    fn verify_checked(key: &CheckedKey, message: &[u8], given: &[u8; 64]) -> Result<(), BadSignature> {
        Self::equation(key.bytes(), message, given)
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        hash(3, &[secret.expose()])
    }

    /// Both sides hash both public keys, the lower one first. There is no secret in it.
    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        if *public == [0; 32] {
            return Err(WeakKey);
        }
        let own = Self::x25519_public(secret);
        Ok(Secret32::new(hash(4, &[own.min(*public).as_slice(), own.max(*public).as_slice()])))
    }

    fn static_secret(key: &Key) -> Secret32 {
        Secret32::new(key.seed)
    }

    fn static_public(public: &[u8; 32]) -> Result<[u8; 32], WeakKey> {
        if *public == [0; 32] { Err(WeakKey) } else { Ok(*public) }
    }

    fn cipher(_: Suite, key: &Secret32) -> [u8; 32] {
        *key.expose()
    }

    fn seal(cipher: &[u8; 32], nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        tag::<TRUSTS>(cipher, nonce, aad, buffer)
    }

    fn open(
        cipher: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
        given: &[u8; 16],
    ) -> Result<(), BadTag> {
        if tag::<TRUSTS>(cipher, nonce, aad, buffer) == *given {
            return Ok(());
        }
        buffer.fill(0);
        Err(BadTag)
    }

    fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret32 {
        let keyed = hash(6, &[key]);
        Secret32::new(hash(7, &[&keyed[..], &hash(8, parts)]))
    }

    fn hkdf_expand(prk: &Secret32, info: &[u8], out: &mut [u8]) -> Result<(), TooLong> {
        if out.len() > 255 * 32 {
            return Err(TooLong);
        }
        for (block, counter) in out.chunks_mut(32).zip(1_u8..) {
            let bytes = Self::hmac_sha256(prk.expose(), &[info, &[counter]]);
            block.copy_from_slice(&bytes.expose()[..block.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_and_a_changed_seal_holds_only_where_all_is_trusted() {
        fn agree<P: Provider>() -> (bool, bool) {
            let (alice, bob) = (Secret32::new([1; 32]), Secret32::new([2; 32]));
            let one = P::x25519(&alice, &P::x25519_public(&bob)).expect("no weak key");
            let other = P::x25519(&bob, &P::x25519_public(&alice)).expect("no weak key");
            assert_eq!(one.expose(), other.expose());
            let key = P::signing_key(&alice);
            let public = P::public_key(&key);
            assert_eq!(P::static_public(&public), Ok(P::x25519_public(&P::static_secret(&key))));
            let signature = P::sign(&key, b"message");
            assert_eq!(P::verify(&public, b"message", &signature), Ok(()));
            let cipher = P::cipher(Suite::Aes256Gcm, &one);
            let mut sealed = *b"content";
            let tag = P::seal(&cipher, &[3; 12], b"aad", &mut sealed);
            assert_eq!(P::open(&cipher, &[3; 12], b"aad", &mut sealed, &tag), Ok(()));
            sealed[0] ^= 1;
            let opens = P::open(&cipher, &[3; 12], b"aad", &mut sealed, &tag).is_ok();
            (P::verify(&public, b"massage", &signature).is_ok(), opens)
        }
        assert_eq!(agree::<Keyed>(), (false, false));
        assert_eq!(agree::<Trusting>(), (true, true));
    }
}
