//! The one trait through which all cryptography goes, and the proof that a key was checked.

use super::{BadSignature, BadTag, Equation, Secret32, Suite, Suites, TooLong, WeakKey, hash, strict};

/// The cryptography of the protocol in a few large operations. An implementation is chosen statically: all functions
/// are associated functions, and a machine that is generic over `P: Provider` holds keys, but no provider value.
///
/// An implementation must give the same bytes and the same verdicts as the providers of this crate for all inputs.
///
/// A frame sealed by one side and opened by the other, which have the same secret:
///
/// ```
/// use iacp_core::crypto::{BadTag, ChaChaOnly, Provider, Secret32, Suite, TooLong};
///
/// let prk = ChaChaOnly::hkdf_extract(b"salt", &[b"what both sides know"]);
/// let key = ChaChaOnly::hkdf_expand_key(&prk, b"frames");
/// let cipher: <ChaChaOnly as Provider>::Cipher = ChaChaOnly::cipher(Suite::ChaCha20Poly1305, &key);
/// let (nonce, mut frame) = ([0; 12], *b"hello");
/// let mut tag = ChaChaOnly::seal(&cipher, &nonce, b"header", &mut frame);
/// assert_ne!(&frame, b"hello");
/// assert_eq!(ChaChaOnly::open(&cipher, &nonce, b"header", &mut frame, &tag), Ok(()));
/// assert_eq!(&frame, b"hello");
///
/// tag[0] ^= 1;
/// assert_eq!(ChaChaOnly::open(&cipher, &nonce, b"header", &mut frame, &tag), Err(BadTag));
/// assert_eq!(frame, [0; 5], "nothing of a frame that was not authenticated can be read");
/// assert_eq!(ChaChaOnly::hkdf_expand(&prk, b"frames", &mut [0; 8_161]), Err(TooLong));
/// ```
pub trait Provider: Sized {
    /// An expanded Ed25519 key. Wipes itself; neither `Debug` nor `Clone`.
    type SigningKey;

    /// An expanded key of an authenticated cipher. Wipes itself; neither `Debug` nor `Clone`.
    type Cipher;

    /// The suites that it has. A session refuses a peer with which it has none in common.
    const SUITES: Suites = Suites::ALL;

    /// The equation that [`equation`](Self::equation) checks.
    const EQUATION: Equation = Equation::Cofactored;

    /// Expands a seed. Any 32 bytes are a seed (RFC 8032 §5.1.5).
    fn signing_key(seed: &Secret32) -> Self::SigningKey;

    /// The public key, which is the EID.
    fn public_key(key: &Self::SigningKey) -> [u8; 32];

    /// Signs, deterministically (RFC 8032 §5.1.6).
    fn sign(key: &Self::SigningKey, message: &[u8]) -> [u8; 64];

    /// Ed25519's equation, as the engine checks it (RFC 8032 §5.1.7), for use by [`verify`](Self::verify) and
    /// [`verify_checked`](Self::verify_checked) only: alone it does not verify a signature. k is the SHA-512 of the
    /// bytes of R, A and the message. The other conditions of strict verification are checked around it.
    ///
    /// # Errors
    /// [`BadSignature`].
    fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature>;

    /// Whether an encoding is canonical and its point of prime order: see [`strict::has_prime_order`], which an engine
    /// may do faster.
    fn has_prime_order(public: &[u8; 32]) -> bool {
        strict::has_prime_order(public, Self::x25519)
    }

    /// Verifies strictly: S < L, A and R canonical, neither of small order nor with a part of small order, and the
    /// equation without the cofactor. See [`strict`]. Only public data goes in, so its time may depend on them.
    ///
    /// # Errors
    /// [`BadSignature`], without saying which of these failed.
    // keeps: IACP-171 (§8.7)
    fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        // The key is checked last, so that an invalid signature costs no more than the equation.
        verify_but_the_key::<Self>(public, message, signature)?;
        CheckedKey::new::<Self>(public).map(|_| ()).map_err(|WeakKey| BadSignature)
    }

    /// Verifies strictly with a key that has been checked. The verdict is that of [`verify`](Self::verify), at less
    /// cost.
    ///
    /// # Errors
    /// [`BadSignature`].
    // keeps: IACP-171 (§8.7)
    fn verify_checked(key: &CheckedKey, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        verify_but_the_key::<Self>(key.bytes(), message, signature)
    }

    /// The X25519 public key of a secret (RFC 7748 §5), which is clamped here.
    fn x25519_public(secret: &Secret32) -> [u8; 32];

    /// X25519 (RFC 7748 §5). The secret is clamped here; the public key's top bit is ignored and its value is taken
    /// modulo p, as the RFC requires.
    ///
    /// # Errors
    /// [`WeakKey`] if the result is all zero, which is the case exactly for public keys of small order.
    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey>;

    /// The X25519 secret of an Ed25519 key: the clamped first half of the seed's SHA-512.
    fn static_secret(key: &Self::SigningKey) -> Secret32;

    /// The X25519 public key of an Ed25519 public key: u = (1 + y) / (1 − y).
    ///
    /// # Errors
    /// [`WeakKey`] if the encoding is not canonical, not a point, or a point of small order.
    fn static_public(public: &[u8; 32]) -> Result<[u8; 32], WeakKey> {
        strict::montgomery(public)
    }

    /// Expands a cipher key. With a suite that is not among [`SUITES`](Self::SUITES), the cipher zeroes instead of
    /// sealing, as [`seal`](Self::seal) does with buffers that are too long, and opens nothing.
    fn cipher(suite: Suite, key: &Secret32) -> Self::Cipher;

    /// Encrypts `buffer` in place and returns the tag. A nonce must never be used twice with one key.
    ///
    /// No frame comes near the ciphers' limit of 64 GiB. A buffer beyond it is zeroed instead of sealed, and the tag is
    /// zero: such a frame cannot be opened anywhere, and leaks nothing.
    fn seal(cipher: &Self::Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16];

    /// Decrypts `buffer` in place if its tag verifies.
    ///
    /// # Errors
    /// [`BadTag`]; `buffer` is then all zero. It never holds decrypted bytes that have not been authenticated. All
    /// providers zero it, because not all engines can leave the ciphertext as it was. A caller that wants to try
    /// another key must keep a copy.
    fn open(
        cipher: &Self::Cipher,
        nonce: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), BadTag>;

    /// SHA-256 of the concatenated parts.
    fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        hash::sha256(parts)
    }

    /// HMAC-SHA256 of the concatenated parts (RFC 2104).
    fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret32 {
        hash::hmac_sha256(key, parts)
    }

    /// HKDF-Extract with SHA-256 over the concatenated input key material: the PRK (RFC 5869 §2.2).
    fn hkdf_extract(salt: &[u8], ikm: &[&[u8]]) -> Secret32 {
        Self::hmac_sha256(salt, ikm)
    }

    /// HKDF-Expand with SHA-256 (RFC 5869 §2.3).
    ///
    /// # Errors
    /// [`TooLong`] beyond 255 · 32 bytes; `out` is then as it was.
    fn hkdf_expand(prk: &Secret32, info: &[u8], out: &mut [u8]) -> Result<(), TooLong> {
        hash::hkdf_expand(prk, info, out)
    }

    /// The first block of HKDF-Expand: a 32-byte key, which cannot be too long.
    fn hkdf_expand_key(prk: &Secret32, info: &[u8]) -> Secret32 {
        Self::hmac_sha256(prk.expose(), &[info, &[1]])
    }
}

/// A public key that is canonical and of prime order: the proof that it has been checked, made once per peer.
///
/// The check costs about as much as a verification. [`Provider::verify_checked`] does not repeat it.
///
/// ```
/// use iacp_core::crypto::{BadSignature, CheckedKey, ChaChaOnly, Provider, Secret32, WeakKey};
///
/// let signer: <ChaChaOnly as Provider>::SigningKey = ChaChaOnly::signing_key(&Secret32::new([7; 32]));
/// let key = CheckedKey::new::<ChaChaOnly>(&ChaChaOnly::public_key(&signer))?;
/// let signature = ChaChaOnly::sign(&signer, b"message");
/// assert_eq!(ChaChaOnly::verify_checked(&key, b"message", &signature), Ok(()));
/// assert_eq!(ChaChaOnly::verify_checked(&key, b"another", &signature), Err(BadSignature));
/// # Ok::<(), WeakKey>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CheckedKey([u8; 32]);

impl CheckedKey {
    /// No key, for memory that has none yet. Nothing must be verified with it.
    pub(crate) const NONE: Self = Self([0; 32]);

    /// Checks a public key. All providers give the same verdict, so a key that one provider has checked is valid for
    /// all.
    ///
    /// # Errors
    /// [`WeakKey`] if the encoding is not canonical, not a point, or a point that is not of prime order.
    pub fn new<P: Provider>(public: &[u8; 32]) -> Result<Self, WeakKey> {
        if P::has_prime_order(public) { Ok(Self(*public)) } else { Err(WeakKey) }
    }

    /// The Ed25519 public key, which is the EID.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Verifies everything about a signature except the key.
fn verify_but_the_key<P: Provider>(
    public: &[u8; 32],
    message: &[u8],
    signature: &[u8; 64],
) -> Result<(), BadSignature> {
    let r = strict::in_range(signature)?;
    P::equation(public, message, signature)?;
    match P::EQUATION {
        Equation::Cofactored if !strict::has_prime_order(r, P::x25519) => Err(BadSignature),
        Equation::Cofactored | Equation::Cofactorless => Ok(()),
    }
}
