//! Methods of a provider that another one has already.

/// Writes the named methods of a [`Provider`](crate::crypto::Provider) so that they call those of another provider: what a
/// crypto engine lacks, a portable provider does. Associated types and constants are not written; the types that the
/// methods use must be those of the other provider.
///
/// ```
/// use iacp_core::crypto::{BadSignature, Equation, Portable, Provider, Secret32};
///
/// /// An engine with a fast SHA-256.
/// struct Engine;
///
/// # fn fast_sha256(parts: &[&[u8]]) -> [u8; 32] { Portable::sha256(parts) }
/// impl Provider for Engine {
///     type SigningKey = <Portable as Provider>::SigningKey;
///     type Cipher = <Portable as Provider>::Cipher;
///     const EQUATION: Equation = Portable::EQUATION;
///
///     iacp_core::provider_methods!(Portable: signing_key, public_key, sign, equation, x25519_public, x25519);
///     iacp_core::provider_methods!(Portable: static_secret, cipher, seal, open);
///
///     fn sha256(parts: &[&[u8]]) -> [u8; 32] {
///         fast_sha256(parts)
///     }
/// }
///
/// let seed = Secret32::new([7; 32]);
/// assert_eq!(Engine::public_key(&Engine::signing_key(&seed)), Portable::public_key(&Portable::signing_key(&seed)));
/// ```
#[macro_export]
macro_rules! provider_methods {
    ($other:ty: $($method:ident),+ $(,)?) => {
        $($crate::provider_methods!(@ $other, $method);)+
    };
    (@ $other:ty, signing_key) => {
        fn signing_key(seed: &$crate::crypto::Secret32) -> Self::SigningKey {
            <$other as $crate::crypto::Provider>::signing_key(seed)
        }
    };
    (@ $other:ty, public_key) => {
        fn public_key(key: &Self::SigningKey) -> [u8; 32] {
            <$other as $crate::crypto::Provider>::public_key(key)
        }
    };
    (@ $other:ty, sign) => {
        fn sign(key: &Self::SigningKey, message: &[u8]) -> [u8; 64] {
            <$other as $crate::crypto::Provider>::sign(key, message)
        }
    };
    (@ $other:ty, equation) => {
        fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), $crate::crypto::BadSignature> {
            <$other as $crate::crypto::Provider>::equation(public, message, signature)
        }
    };
    (@ $other:ty, has_prime_order) => {
        fn has_prime_order(public: &[u8; 32]) -> bool {
            <$other as $crate::crypto::Provider>::has_prime_order(public)
        }
    };
    (@ $other:ty, verify) => {
        fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), $crate::crypto::BadSignature> {
            <$other as $crate::crypto::Provider>::verify(public, message, signature)
        }
    };
    (@ $other:ty, verify_checked) => {
        fn verify_checked(
            key: &$crate::crypto::CheckedKey,
            message: &[u8],
            signature: &[u8; 64],
        ) -> Result<(), $crate::crypto::BadSignature> {
            <$other as $crate::crypto::Provider>::verify_checked(key, message, signature)
        }
    };
    (@ $other:ty, x25519_public) => {
        fn x25519_public(secret: &$crate::crypto::Secret32) -> [u8; 32] {
            <$other as $crate::crypto::Provider>::x25519_public(secret)
        }
    };
    (@ $other:ty, x25519) => {
        fn x25519(
            secret: &$crate::crypto::Secret32,
            public: &[u8; 32],
        ) -> Result<$crate::crypto::Secret32, $crate::crypto::WeakKey> {
            <$other as $crate::crypto::Provider>::x25519(secret, public)
        }
    };
    (@ $other:ty, static_secret) => {
        fn static_secret(key: &Self::SigningKey) -> $crate::crypto::Secret32 {
            <$other as $crate::crypto::Provider>::static_secret(key)
        }
    };
    (@ $other:ty, static_public) => {
        fn static_public(public: &[u8; 32]) -> Result<[u8; 32], $crate::crypto::WeakKey> {
            <$other as $crate::crypto::Provider>::static_public(public)
        }
    };
    (@ $other:ty, cipher) => {
        fn cipher(suite: $crate::crypto::Suite, key: &$crate::crypto::Secret32) -> Self::Cipher {
            <$other as $crate::crypto::Provider>::cipher(suite, key)
        }
    };
    (@ $other:ty, seal) => {
        fn seal(cipher: &Self::Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
            <$other as $crate::crypto::Provider>::seal(cipher, nonce, aad, buffer)
        }
    };
    (@ $other:ty, open) => {
        fn open(
            cipher: &Self::Cipher,
            nonce: &[u8; 12],
            aad: &[u8],
            buffer: &mut [u8],
            tag: &[u8; 16],
        ) -> Result<(), $crate::crypto::BadTag> {
            <$other as $crate::crypto::Provider>::open(cipher, nonce, aad, buffer, tag)
        }
    };
}

pub(super) use provider_methods;
