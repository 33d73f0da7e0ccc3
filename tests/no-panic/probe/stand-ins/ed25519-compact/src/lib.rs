//! Stands in for ed25519-compact: as much of its interface as is used, and any answer.
#![no_std]

use core::hint::black_box;
use core::ops::{Deref, DerefMut};

/// No answer.
pub struct Error;

fn any<T>(value: T) -> Result<T, Error> {
    if black_box(true) { Ok(black_box(value)) } else { Err(Error) }
}

/// A signature.
pub struct Signature([u8; 64]);

impl Signature {
    /// Any bytes.
    pub fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }
}

/// A key.
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Any bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Any answer.
    pub fn validate(&self) -> Result<(), Error> {
        black_box(self.0);
        any(())
    }

    /// Any answer.
    pub fn verify(&self, message: impl AsRef<[u8]>, signature: &Signature) -> Result<(), Error> {
        black_box((self.0, message.as_ref(), signature.0));
        any(())
    }
}

impl Deref for Signature {
    type Target = [u8; 64];

    fn deref(&self) -> &[u8; 64] {
        &self.0
    }
}

impl Deref for PublicKey {
    type Target = [u8; 32];

    fn deref(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What a key pair is made of.
pub struct Seed([u8; 32]);

impl Seed {
    /// Any bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// A secret key and its public one.
pub struct SecretKey([u8; 64]);

impl SecretKey {
    /// Any bytes.
    pub fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Any signature.
    pub fn sign(&self, message: impl AsRef<[u8]>, noise: Option<()>) -> Signature {
        black_box((self.0, message.as_ref(), noise));
        Signature(black_box([0; 64]))
    }
}

impl Deref for SecretKey {
    type Target = [u8; 64];

    fn deref(&self) -> &[u8; 64] {
        &self.0
    }
}

impl DerefMut for SecretKey {
    fn deref_mut(&mut self) -> &mut [u8; 64] {
        &mut self.0
    }
}

/// Both halves.
pub struct KeyPair {
    /// The public one.
    pub pk: PublicKey,
    /// The secret one.
    pub sk: SecretKey,
}

impl KeyPair {
    /// Any keys.
    pub fn try_from_seed(seed: Seed) -> Result<Self, Error> {
        black_box(seed.0);
        any(Self { pk: PublicKey(black_box([0; 32])), sk: SecretKey(black_box([0; 64])) })
    }
}

/// A verification under way.
pub struct VerifyingState([u8; 64]);

impl VerifyingState {
    /// Takes any bytes.
    pub fn absorb(&mut self, message: impl AsRef<[u8]>) {
        black_box((&mut self.0, message.as_ref()));
    }

    /// Any answer.
    pub fn verify(&self) -> Result<(), Error> {
        black_box(self.0);
        any(())
    }
}

impl PublicKey {
    /// Any state.
    pub fn verify_incremental(&self, signature: &Signature) -> Result<VerifyingState, Error> {
        black_box(self.0);
        any(VerifyingState(signature.0))
    }
}

/// The other group.
pub mod x25519 {
    use core::ops::Deref;

    use super::{Error, any, black_box};

    /// A scalar.
    pub struct SecretKey([u8; 32]);

    impl SecretKey {
        /// Any bytes.
        pub fn new(bytes: [u8; 32]) -> Self {
            Self(bytes)
        }

        /// Any point.
        pub fn recover_public_key(&self) -> Result<PublicKey, Error> {
            any(self.0).map(PublicKey)
        }

        /// Any scalar.
        pub fn from_ed25519(key: &super::SecretKey) -> Result<Self, Error> {
            black_box(key.0);
            any([0; 32]).map(Self)
        }
    }

    impl Deref for SecretKey {
        type Target = [u8; 32];

        fn deref(&self) -> &[u8; 32] {
            &self.0
        }
    }

    /// A point.
    pub struct PublicKey([u8; 32]);

    impl PublicKey {
        /// Any bytes.
        pub fn new(bytes: [u8; 32]) -> Self {
            Self(bytes)
        }

        /// Any point.
        pub fn from_ed25519(key: &super::PublicKey) -> Result<Self, Error> {
            any(key.0).map(Self)
        }

        /// Any point.
        pub fn dh(&self, secret: &SecretKey) -> Result<PublicKey, Error> {
            any(secret.0).map(Self)
        }
    }

    impl Deref for PublicKey {
        type Target = [u8; 32];

        fn deref(&self) -> &[u8; 32] {
            &self.0
        }
    }
}
