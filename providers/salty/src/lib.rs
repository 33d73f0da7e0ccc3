//! A provider of `iacp-core` for microcontrollers with little flash: Ed25519 and X25519 by [salty](https://docs.rs/salty).
//!
//! salty is some 13 KB of code, where ed25519-compact takes 29 KB. On Cortex-M4 and M33 its field arithmetic is assembly,
//! an object file that comes with it; the feature `portable` builds it from Rust instead, and so do all other targets, where
//! it is slow: see BENCHMARKS.md before choosing it for a Cortex-M0.
//!
//! [`Salty`] gives the same bytes and the same verdicts as the providers of `iacp-core`: `tests/providers` runs all of their
//! vectors on it, and `tests/footprint` runs those of strict verification on the assembly.
//!
//! # What is salty's, and what is not
//!
//! salty decodes any y modulo p, whatever its encoding and order, and computes with any S. What makes verification strict is
//! therefore done around it:
//!
//! | check | by |
//! |---|---|
//! | S < L; y of R below p, and R not the neutral element | `iacp-core`, for every provider |
//! | \[S\]B − \[k\]A = R, without the cofactor | salty, which compares the encoding of the left side with the bytes of R |
//! | y of A below p | here, with salty's field arithmetic |
//! | A not of small order | here: the five y that have one |
//! | A in the subgroup of prime order | `iacp-core`'s test of one X25519, done by salty |
#![no_std]

use core::marker::PhantomData;

use iacp_core::cleared;
use iacp_core::crypto::{
    BadSignature, BadTag, ChaChaOnly, Equation, Provider, Secret32, Suite, Suites, WeakKey, strict,
};
use salty::{
    CompressedY, FieldElement, FieldImplementation, Keypair, PublicKey, SecretKey, Sha512, Signature, agreement,
};

/// How deep the stack of an operation with a secret is, in bytes. On a Cortex-M4 a signature goes 500 bytes deeper, where what is left
/// is of no secret.
const DEPTH: usize = if cfg!(target_pointer_width = "64") { 8_192 } else { 2_048 };

/// Ed25519 and X25519 by salty; ciphers and hashes of another provider, [`ChaChaOnly`] if none is named.
///
/// ```
/// use iacp_core::crypto::{ChaChaOnly, Provider, Secret32};
/// use iacp_salty::Salty;
///
/// let key = <Salty>::signing_key(&Secret32::new([7; 32]));
/// let public = <Salty>::public_key(&key);
/// let signature = <Salty>::sign(&key, b"message");
/// assert_eq!(ChaChaOnly::verify(&public, b"message", &signature), Ok(()));
/// assert_eq!(<Salty>::verify(&public, b"message", &signature), Ok(()));
/// assert!(<Salty>::verify(&public, b"another", &signature).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Salty<C = ChaChaOnly>(PhantomData<C>);

/// The seed of an EID and its public key. salty expands the seed for each signature, which is one block of SHA-512; the
/// expanded key would take five times the memory. Wipes itself; neither `Debug` nor `Clone`.
pub struct SigningKey {
    seed: Secret32,
    public: [u8; 32],
}

/// The y of all points of small order, little-endian: 0, 1, −1, and the two of order 8.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    strict::NEUTRAL,
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// The bytes of y: an encoding without the sign of x.
fn without_sign(point: &[u8; 32]) -> [u8; 32] {
    let mut y = *point;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    y
}

// Each large operation is a function by itself, so that their frames are never on the stack together.

cleared! {
    DEPTH;
    fn public_of(seed: &Secret32) -> [u8; 32] {
        PublicKey::from(&SecretKey::from(seed.expose())).to_bytes()
    }
}

// The public key is computed before: its frame and this one are not on the stack together.
cleared! {
    DEPTH;
    fn key_of(seed: &Secret32, public: [u8; 32]) -> SigningKey {
        SigningKey { seed: Secret32::fill(|to| *to = *seed.expose()), public }
    }
}

cleared! {
    DEPTH;
    fn sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
        // Signing uses the encoding of the public key, never its point.
        let mut public = PublicKey::default();
        public.compressed = CompressedY(key.public);
        Keypair { secret: SecretKey::from(key.seed.expose()), public }.sign(message).to_bytes()
    }
}

#[inline(never)]
fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
    let public = PublicKey::try_from(public).map_err(|_| BadSignature)?;
    public.verify(message, &Signature::from(signature)).map_err(|_| BadSignature)
}

#[inline(never)]
fn montgomery(point: &[u8; 32]) -> Result<[u8; 32], WeakKey> {
    let bytes = without_sign(point);
    // Canonical; of no small order; and the y of a point, where its sign does not matter.
    let y = FieldElement::from_bytes(&bytes).map_err(|_| WeakKey)?;
    if SMALL_ORDER.contains(&bytes) || CompressedY(bytes).decompressed().is_err() {
        return Err(WeakKey);
    }
    let one = FieldElement::ONE;
    Ok((&(&one + &y) * &(&one - &y).inverse()).to_bytes())
}

cleared! {
    DEPTH;
    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        let secret = agreement::SecretKey::from_seed(secret.expose());
        let shared = secret.agree(&agreement::PublicKey::from(*public));
        let shared = Secret32::fill(|to| *to = shared.to_bytes());
        // All bytes are looked at before it is said whether they are zero.
        if shared.expose().iter().fold(0, |all, byte| all | byte) == 0 { Err(WeakKey) } else { Ok(shared) }
    }
}

cleared! {
    DEPTH;
    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        agreement::SecretKey::from_seed(secret.expose()).public().to_bytes()
    }
}

cleared! {
    DEPTH;
    fn static_secret(key: &SigningKey) -> Secret32 {
        let hash = Sha512::new().updated(key.seed.expose()).finalize();
        Secret32::fill(|to| {
            for (to, from) in to.iter_mut().zip(hash) {
                *to = from;
            }
            // Clamped (RFC 7748 §5).
            let [first, .., last] = to;
            *first &= 0xf8;
            *last = *last & 0x7f | 0x40;
        })
    }
}

impl<C: Provider> Provider for Salty<C> {
    type SigningKey = SigningKey;
    type Cipher = C::Cipher;

    const SUITES: Suites = C::SUITES;
    const EQUATION: Equation = Equation::Cofactorless;

    fn signing_key(seed: &Secret32) -> SigningKey {
        key_of(seed, public_of(seed))
    }

    fn public_key(key: &SigningKey) -> [u8; 32] {
        key.public
    }

    fn sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
        sign(key, message)
    }

    fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        equation(public, message, signature)
    }

    fn has_prime_order(public: &[u8; 32]) -> bool {
        montgomery(public).is_ok_and(|u| strict::u_has_prime_order(&u, x25519))
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        x25519_public(secret)
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        x25519(secret, public)
    }

    fn static_secret(key: &SigningKey) -> Secret32 {
        static_secret(key)
    }

    fn static_public(public: &[u8; 32]) -> Result<[u8; 32], WeakKey> {
        montgomery(public)
    }

    fn cipher(suite: Suite, key: &Secret32) -> C::Cipher {
        C::cipher(suite, key)
    }

    fn seal(cipher: &C::Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        C::seal(cipher, nonce, aad, buffer)
    }

    fn open(cipher: &C::Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        C::open(cipher, nonce, aad, buffer, tag)
    }

    fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        C::sha256(parts)
    }

    fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret32 {
        C::hmac_sha256(key, parts)
    }
}
