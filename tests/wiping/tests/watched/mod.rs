//! A provider that remembers every secret of a session, and leaves no copy of its own on the stack.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use iacp_core::crypto::{Equation, Portable, Provider, Secret32, Suite, Suites, WeakKey};

/// Each secret by its bytes, and what it is.
static SECRETS: Mutex<BTreeMap<Vec<u8>, &'static str>> = Mutex::new(BTreeMap::new());

/// What the key of a cipher is called.
pub const CIPHER: &str = "the key of a cipher";

fn remember(what: &'static str, secret: &Secret32) {
    // Into memory of the heap: from the reference, and not through the stack.
    let mut bytes = Vec::with_capacity(32);
    bytes.extend_from_slice(secret.expose());
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner).insert(bytes, what);
}

/// What lies in this memory of the secrets so far, any half of them: what it is, and how far from the end.
pub fn lying(memory: &[u8]) -> Vec<(&'static str, usize)> {
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    let halves: BTreeMap<&[u8], &str> =
        secrets.iter().flat_map(|(secret, what)| secret.chunks_exact(16).map(|half| (half, *what))).collect();
    let found = (0..(memory.len() + 1).saturating_sub(16)).filter(|at| memory[*at] | memory[at + 15] != 0);
    found.filter_map(|at| Some((*halves.get(&memory[at..at + 16])?, memory.len() - at))).collect()
}

/// [`Portable`], watched.
pub struct Watched;

impl Provider for Watched {
    type SigningKey = <Portable as Provider>::SigningKey;
    type Cipher = <Portable as Provider>::Cipher;
    const SUITES: Suites = Portable::SUITES;
    const EQUATION: Equation = Portable::EQUATION;

    iacp_core::provider_methods!(Portable: public_key, sign, equation, has_prime_order, static_secret, seal, open);

    // Each result is computed twice: what is remembered is wiped where it was made, and what is returned is not moved.
    fn signing_key(seed: &Secret32) -> Self::SigningKey {
        remember("the seed of an EID", seed);
        remember("the scalar of an EID", &Portable::static_secret(&Portable::signing_key(seed)));
        Portable::signing_key(seed)
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        remember("the secret of a KEY_SHARE", secret);
        Portable::x25519_public(secret)
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        // A multiple of a signature's R is R, if it has prime order: nothing secret.
        if let Ok(shared) = &Portable::x25519(secret, public)
            && shared.expose() != public
        {
            remember("a shared secret", shared);
        }
        Portable::x25519(secret, public)
    }

    fn cipher(suite: Suite, key: &Secret32) -> Self::Cipher {
        remember(CIPHER, key);
        Portable::cipher(suite, key)
    }

    fn hkdf_extract(salt: &[u8], ikm: &[&[u8]]) -> Secret32 {
        remember("a PRK", &Portable::hkdf_extract(salt, ikm));
        Portable::hkdf_extract(salt, ikm)
    }

    fn hkdf_expand_key(prk: &Secret32, info: &[u8]) -> Secret32 {
        // What is derived besides keys is of no use without them.
        if info.starts_with(b"IACP/1 update") {
            remember("an expanded key", &Portable::hkdf_expand_key(prk, info));
        }
        Portable::hkdf_expand_key(prk, info)
    }
}
