//! The gateway's cryptography, which keeps every secret that both sides of a session have: with them the memory of the
//! device can be searched.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use iacp_core::crypto::{Equation, Portable, Provider, Secret32, Suite, Suites, WeakKey};

static SECRETS: Mutex<Vec<[u8; 32]>> = Mutex::new(Vec::new());

fn keep(secret: Secret32) -> Secret32 {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner).push(*secret.expose());
    secret
}

/// How many of the sessions' secrets lie in this memory.
pub fn found(memory: &[u8]) -> usize {
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    let secrets: HashSet<&[u8]> = secrets.iter().map(<[u8; 32]>::as_slice).collect();
    memory
        .windows(32)
        .filter(|window| window[0] | window[31] != 0)
        .filter_map(|window| secrets.get(window))
        .collect::<HashSet<_>>()
        .len()
}

/// [`Portable`], watched: shared secrets, what is extracted and expanded from them, and the keys of ciphers.
pub struct Watched;

impl Provider for Watched {
    type SigningKey = <Portable as Provider>::SigningKey;
    type Cipher = <Portable as Provider>::Cipher;
    const SUITES: Suites = Portable::SUITES;
    const EQUATION: Equation = Portable::EQUATION;

    iacp_core::provider_methods!(Portable:
        signing_key, public_key, sign, equation, x25519_public, static_secret, seal, open
    );

    // Its points are no secrets.
    fn has_prime_order(public: &[u8; 32]) -> bool {
        Portable::has_prime_order(public)
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        Portable::x25519(secret, public).map(keep)
    }

    fn cipher(suite: Suite, key: &Secret32) -> Self::Cipher {
        keep(Secret32::new(*key.expose()));
        Portable::cipher(suite, key)
    }

    fn hkdf_extract(salt: &[u8], ikm: &[&[u8]]) -> Secret32 {
        keep(Portable::hkdf_extract(salt, ikm))
    }

    fn hkdf_expand_key(prk: &Secret32, info: &[u8]) -> Secret32 {
        keep(Portable::hkdf_expand_key(prk, info))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_lies_and_one_byte_less_is_not_it() {
        let secret = *keep(Secret32::new([7; 32])).expose();
        let mut memory = vec![0; 100];
        assert_eq!(found(&memory), 0);
        memory[61..93].copy_from_slice(&secret);
        assert_eq!(found(&memory), 1);
        memory[92] = 6;
        assert_eq!(found(&memory), 0);
    }
}
