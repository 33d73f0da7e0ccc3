//! Secrets, and the one trait through which all cryptography goes.
//!
//! Four providers come with the crate:
//!
//! | provider | feature | suites | for |
//! |---|---|---|---|
//! | `Portable` | `aes` (default) | both | every target |
//! | `Compact` | `aes` (default) | both | sessions of 32-byte keys, which are expanded for each frame |
//! | [`ChaChaOnly`] | | ChaCha20-Poly1305 | devices without AES hardware: it links no AES |
//! | `AwsLc` | `aws-lc` | both | hosts |
//!
//! They give the same bytes and the same verdicts for the same inputs, so that two peers never disagree because they
//! are built with different providers. Firmware with a crypto engine implements [`Provider`] itself and can be tested
//! with the same vectors (`tests/providers`). [`provider_methods`](crate::provider_methods) lets `Portable` or
//! [`ChaChaOnly`] do what its engine lacks.

#[cfg(feature = "aws-lc")]
pub mod aws;
mod chacha;
pub mod chacha_only;
#[cfg(feature = "aes")]
pub mod compact;
mod curve;
mod delegate;
mod error;
pub(crate) mod hash;
#[cfg(feature = "aes")]
pub mod portable;
mod provider;
mod secret;
pub(crate) mod stack;
pub mod strict;
mod suite;

#[cfg(feature = "aws-lc")]
pub use aws::AwsLc;
pub use chacha_only::ChaChaOnly;
#[cfg(feature = "aes")]
pub use compact::Compact;
pub use error::{BadSignature, BadTag, TooLong, WeakKey};
#[cfg(feature = "aes")]
pub use portable::Portable;
pub use provider::{CheckedKey, Provider};
pub use secret::Secret32;
pub use stack::{ClearStack, clear_stack};
pub use strict::Equation;
pub use suite::{Suite, Suites};

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt;
    use subtle::ConstantTimeEq;
    use zeroize::Zeroize;

    // A secret that can be printed or cloned will leak one day. This test stops compiling if `Secret32` gets either
    // trait, because then there are two candidates for the same name.
    trait Ambiguous<A> {
        fn check() {}
    }
    impl<T> Ambiguous<()> for T {}
    impl<T: fmt::Debug> Ambiguous<u8> for T {}
    impl<T: Clone> Ambiguous<u16> for T {}

    #[test]
    fn secrets_are_neither_printed_nor_cloned() {
        <Secret32 as Ambiguous<_>>::check();
        <<ChaChaOnly as Provider>::SigningKey as Ambiguous<_>>::check();
        <<ChaChaOnly as Provider>::Cipher as Ambiguous<_>>::check();
        #[cfg(feature = "aes")]
        <<Portable as Provider>::Cipher as Ambiguous<_>>::check();
        #[cfg(feature = "aes")]
        <<Compact as Provider>::Cipher as Ambiguous<_>>::check();
        #[cfg(feature = "aws-lc")]
        <<AwsLc as Provider>::SigningKey as Ambiguous<_>>::check();
        #[cfg(feature = "aws-lc")]
        <<AwsLc as Provider>::Cipher as Ambiguous<_>>::check();
    }

    #[test]
    fn secrets_compare_and_wipe() {
        let mut secret = Secret32::fill(|bytes| bytes.fill(7));
        assert!(bool::from(secret.ct_eq(&Secret32::new([7; 32]))));
        assert!(!bool::from(secret.ct_eq(&Secret32::new([8; 32]))));
        secret.zeroize();
        assert_eq!(secret.expose(), &[0; 32]);
    }

    #[test]
    fn one_block_of_hkdf_is_its_first() {
        let prk = Secret32::new([3; 32]);
        let mut out = [0; 40];
        assert_eq!(ChaChaOnly::hkdf_expand(&prk, b"label", &mut out), Ok(()));
        assert_eq!(out.first_chunk(), Some(ChaChaOnly::hkdf_expand_key(&prk, b"label").expose()));
    }

    #[test]
    fn hkdf_refuses_more_than_its_counter_counts() {
        let prk = Secret32::new([3; 32]);
        let mut out = [9; 255 * 32 + 1];
        assert_eq!(ChaChaOnly::hkdf_expand(&prk, b"", &mut out), Err(TooLong));
        assert_eq!(out, [9; 255 * 32 + 1]);
        assert_eq!(ChaChaOnly::hkdf_expand(&prk, b"", out.split_at_mut(255 * 32).0), Ok(()));
    }
}
