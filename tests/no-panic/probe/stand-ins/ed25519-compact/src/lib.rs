//! Stands in for ed25519-compact: as much of its interface as is used, and any answer.
#![no_std]

use core::hint::black_box;

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

/// The other group.
pub mod x25519 {
    use core::ops::Deref;

    use super::{Error, any};

    /// A scalar.
    pub struct SecretKey([u8; 32]);

    impl SecretKey {
        /// Any bytes.
        pub fn new(bytes: [u8; 32]) -> Self {
            Self(bytes)
        }
    }

    /// A point.
    pub struct PublicKey([u8; 32]);

    impl PublicKey {
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
