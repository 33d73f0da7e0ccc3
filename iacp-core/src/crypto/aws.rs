//! The provider for hosts: AWS-LC where it is faster, the portable code for the rest.
//!
//! Its constructors can fail for want of memory, and a step function cannot report that. So each AWS-LC key has a
//! portable key as a fallback, which gives the same bytes.

use super::stack::{KEY, cleared};
use super::{BadSignature, BadTag, Equation, Portable, Provider, Secret32, Suite, WeakKey, portable};
use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey, X25519};
use aws_lc_rs::signature::{self, ED25519, Ed25519KeyPair};

/// AWS-LC for signatures, key agreement and ciphers.
///
/// ```
/// use iacp_core::crypto::{AwsLc, Portable, Provider, Secret32};
///
/// let seed = Secret32::new([7; 32]);
/// let (host, device) = (AwsLc::signing_key(&seed), Portable::signing_key(&seed));
/// let signature = AwsLc::sign(&host, b"message");
/// assert_eq!(signature, Portable::sign(&device, b"message"), "all providers give the same bytes");
/// assert_eq!(Portable::verify(&AwsLc::public_key(&host), b"message", &signature), Ok(()));
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AwsLc;

/// The key pair of an EID. AWS-LC wipes what it frees.
pub struct SigningKey {
    native: Option<Ed25519KeyPair>,
    portable: portable::SigningKey,
}

/// An expanded cipher key. AWS-LC wipes what it frees.
pub struct Cipher(Expanded);

#[allow(clippy::large_enum_variant, reason = "the larger one is never made while there is memory")]
enum Expanded {
    Native(LessSafeKey),
    Portable(portable::Cipher),
}

cleared! {
    KEY;
    fn expand_seed(seed: &Secret32) -> SigningKey {
        SigningKey {
            native: Ed25519KeyPair::from_seed_unchecked(seed.expose()).ok(),
            portable: Portable::signing_key(seed),
        }
    }
}

cleared! {
    KEY;
    fn compute_signature(key: &SigningKey, message: &[u8]) -> [u8; 64] {
        let native = key.native.as_ref().and_then(|pair| pair.try_sign(message).ok());
        native
            .and_then(|signature| signature.as_ref().first_chunk().copied())
            .unwrap_or_else(|| Portable::sign(&key.portable, message))
    }
}

cleared! {
    KEY;
    fn public_of(secret: &Secret32) -> [u8; 32] {
        let native =
            PrivateKey::from_private_key(&X25519, secret.expose()).and_then(|key| Ok(key.compute_public_key()?));
        native
            .ok()
            .and_then(|public| public.as_ref().first_chunk().copied())
            .unwrap_or_else(|| Portable::x25519_public(secret))
    }
}

cleared! {
    KEY;
    fn agree(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        // AWS-LC reports the all-zero result as an error, in constant time.
        let Ok(key) = PrivateKey::from_private_key(&X25519, secret.expose()) else {
            return Portable::x25519(secret, public);
        };
        let peer = agreement::UnparsedPublicKey::new(&X25519, public);
        agreement::agree(&key, peer, WeakKey, |shared| {
            shared.first_chunk().map(|bytes| Secret32::fill(|to| *to = *bytes)).ok_or(WeakKey)
        })
    }
}

cleared! {
    KEY;
    fn expand(suite: Suite, key: &Secret32) -> Cipher {
        let algorithm = match suite {
            Suite::Aes256Gcm => &AES_256_GCM,
            Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        Cipher(UnboundKey::new(algorithm, key.expose()).map_or_else(
            |_| Expanded::Portable(Portable::cipher(suite, key)),
            |key| Expanded::Native(LessSafeKey::new(key)),
        ))
    }
}

impl Provider for AwsLc {
    type SigningKey = SigningKey;
    type Cipher = Cipher;

    // AWS-LC compares the encoding of [S]B − [k]A with the bytes of R.
    const EQUATION: Equation = Equation::Cofactorless;

    fn signing_key(seed: &Secret32) -> SigningKey {
        expand_seed(seed)
    }

    fn public_key(key: &SigningKey) -> [u8; 32] {
        Portable::public_key(&key.portable)
    }

    fn sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
        compute_signature(key, message)
    }

    fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        signature::UnparsedPublicKey::new(&ED25519, public).verify(message, signature).map_err(|_| BadSignature)
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        public_of(secret)
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        agree(secret, public)
    }

    fn static_secret(key: &SigningKey) -> Secret32 {
        Portable::static_secret(&key.portable)
    }

    // keeps: IACP-166 (§8.2)
    fn cipher(suite: Suite, key: &Secret32) -> Cipher {
        expand(suite, key)
    }

    fn seal(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        let key = match &cipher.0 {
            Expanded::Native(key) => key,
            Expanded::Portable(key) => return Portable::seal(key, nonce, aad, buffer),
        };
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), buffer).ok();
        tag.and_then(|tag| tag.as_ref().first_chunk().copied()).unwrap_or_else(|| {
            buffer.fill(0);
            [0; 16]
        })
    }

    fn open(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        let key = match &cipher.0 {
            Expanded::Native(key) => key,
            Expanded::Portable(key) => return Portable::open(key, nonce, aad, buffer, tag),
        };
        let nonce = Nonce::assume_unique_for_key(*nonce);
        if key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, buffer).is_ok() {
            return Ok(());
        }
        // AWS-LC decrypts while it authenticates and zeroes the buffer itself when the tag does not verify.
        buffer.fill(0);
        Err(BadTag)
    }
}
