//! The cryptography of all nodes and agents.

use std::cell::RefCell;
use std::collections::HashMap;

use iacp_core::crypto::{AwsLc, Equation, Provider};

thread_local! {
    /// Keys that were looked at, and whether each has prime order.
    static KEYS: RefCell<HashMap<[u8; 32], bool>> = RefCell::new(HashMap::new());
}

/// AWS-LC; whether a key has prime order is computed once for each key. One process does the work of two hundred hosts here, and
/// each of them meets the same keys again and again. The verdicts are AWS-LC's.
#[derive(Clone, Copy, Debug)]
pub struct Chosen;

impl Provider for Chosen {
    type SigningKey = <AwsLc as Provider>::SigningKey;
    type Cipher = <AwsLc as Provider>::Cipher;

    const EQUATION: Equation = AwsLc::EQUATION;

    iacp_core::provider_methods!(AwsLc:
        signing_key, public_key, sign, equation, x25519_public, x25519, static_secret, cipher, seal, open
    );

    fn has_prime_order(public: &[u8; 32]) -> bool {
        KEYS.with_borrow_mut(|keys| *keys.entry(*public).or_insert_with(|| AwsLc::has_prime_order(public)))
    }
}
