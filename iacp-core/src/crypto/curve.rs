//! Ed25519 and X25519 by ed25519-compact, shared by the providers that have no engine of their own for them.

use super::stack::{KEY, SIGN, cleared};
use super::{BadSignature, Secret32, WeakKey};
use ed25519_compact::{Error, KeyPair, PublicKey, SecretKey, Seed, Signature, VerifyingState, x25519};

/// The key pair of an EID. The secret half wipes itself.
pub struct SigningKey(KeyPair);

/// The public key of the all-zero seed, the one seed that ed25519-compact refuses to expand.
const ZERO_SEED_PUBLIC: [u8; 32] = [
    0x3b, 0x6a, 0x27, 0xbc, 0xce, 0xb6, 0xa4, 0x2d, 0x62, 0xa3, 0xa8, 0xd0, 0x2a, 0x6f, 0x0d, 0x73, 0x65, 0x32, 0x15,
    0x77, 0x1d, 0xe2, 0x43, 0xa6, 0x3a, 0xc0, 0x48, 0xa1, 0x8b, 0x59, 0xda, 0x29,
];

cleared! {
    KEY;
    pub(super) fn signing_key(seed: &Secret32) -> SigningKey {
        SigningKey(KeyPair::try_from_seed(Seed::new(*seed.expose())).unwrap_or_else(|_| {
            let mut sk = SecretKey::new([0; 64]);
            for (to, from) in sk.iter_mut().skip(32).zip(ZERO_SEED_PUBLIC) {
                *to = from;
            }
            KeyPair { pk: PublicKey::new(ZERO_SEED_PUBLIC), sk }
        }))
    }
}

pub(super) fn public_key(key: &SigningKey) -> [u8; 32] {
    *key.0.pk
}

cleared! {
    SIGN;
    pub(super) fn sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
        *key.0.sk.sign(message, None)
    }
}

/// The equation with the cofactor: ed25519-compact checks whether \[S\]B − \[k\]A − R is of small order. It does not
/// return \[S\]B − \[k\]A, so R cannot be compared with that here.
///
/// In three calls, one after the other, so that the stack of one is free when the next one needs it.
pub(super) fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
    // Matched by reference, so that the state is not moved.
    match &mut begin(public, signature) {
        Ok(state) => {
            absorb(state, message);
            finish(state)
        }
        Err(_) => Err(BadSignature),
    }
}

#[inline(never)]
fn begin(public: &[u8; 32], signature: &[u8; 64]) -> Result<VerifyingState, Error> {
    PublicKey::new(*public).verify_incremental(&Signature::new(*signature))
}

#[inline(never)]
fn absorb(state: &mut VerifyingState, message: &[u8]) {
    state.absorb(message);
}

#[inline(never)]
fn finish(state: &VerifyingState) -> Result<(), BadSignature> {
    state.verify().map_err(|_| BadSignature)
}

cleared! {
    KEY;
    pub(super) fn x25519_public(secret: &Secret32) -> [u8; 32] {
        // The base point has prime order and a clamped scalar is not a multiple of it: this cannot fail. If the zero point did
        // appear, every peer would refuse it.
        x25519::SecretKey::new(*secret.expose()).recover_public_key().map_or([0; 32], |public| *public)
    }
}

cleared! {
    KEY;
    pub(super) fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        // `dh` checks all bytes of the result for zero in constant time, and wipes its output.
        let shared = x25519::PublicKey::new(*public).dh(&x25519::SecretKey::new(*secret.expose()));
        shared.map(|bytes| Secret32::fill(|to| *to = *bytes)).map_err(|_| WeakKey)
    }
}

cleared! {
    KEY;
    pub(super) fn static_secret(key: &SigningKey) -> Secret32 {
        // This fails only for a slice of another length than 32, and there is none.
        Secret32::fill(|to| {
            if let Ok(secret) = x25519::SecretKey::from_ed25519(&key.0.sk) {
                *to = *secret;
            }
        })
    }
}
