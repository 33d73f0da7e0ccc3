//! A provider of the library's cryptography that costs nanoseconds and protects nothing.
//!
//! Whatever the session machine does with keys, nonces and tags, it does as with a real provider: another key, another
//! nonce or another byte gives another tag. The plaintext stays readable, so that a model can tell what a frame means.

use std::cell::Cell;

use iacp_core::crypto::{BadSignature, BadTag, CheckedKey, Provider, Secret32, Suite, TooLong, WeakKey};

/// Hashes in place of cryptography. Not secure in any way.
#[derive(Clone, Copy, Debug)]
pub struct Fast;

/// One lane of a hash: eight bytes at a time.
#[derive(Clone, Copy, Debug)]
pub struct Mix(u64);

impl Mix {
    /// An empty hash with this name.
    #[must_use]
    pub const fn new(name: u64) -> Self {
        Self(name.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x51AF_D7ED_558C_CD25)
    }

    /// Takes a number in.
    pub const fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        self.0 = mixed ^ (mixed >> 32);
    }

    /// Takes bytes in, and their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last));
        self.word(bytes.len() as u64);
    }

    /// The hash.
    #[must_use]
    pub const fn end(mut self) -> u64 {
        self.word(0xC4CE_B9FE_1A85_EC53);
        self.word(self.0 >> 29);
        self.0
    }

    fn spread<const N: usize>(self) -> [u8; N] {
        let mut out = [0; N];
        for (number, part) in (1..).zip(out.chunks_mut(8)) {
            let mut lane = self;
            lane.word(number);
            part.copy_from_slice(&lane.end().to_be_bytes()[..part.len()]);
        }
        out
    }
}

fn mix(name: u64, parts: &[&[u8]]) -> Mix {
    let mut mix = Mix::new(name);
    // As in a real hash, the borders of the parts do not count: one buffer, so that eight bytes are taken at a time.
    let mut carry = [0; 8];
    let (mut held, mut total) = (0, 0_u64);
    for part in parts {
        total += part.len() as u64;
        let mut rest = *part;
        if held > 0 {
            let take = rest.len().min(8 - held);
            carry[held..held + take].copy_from_slice(&rest[..take]);
            held += take;
            rest = &rest[take..];
            if held < 8 {
                continue;
            }
            mix.word(u64::from_le_bytes(carry));
        }
        let (words, tail) = rest.as_chunks::<8>();
        for word in words {
            mix.word(u64::from_le_bytes(*word));
        }
        carry[..tail.len()].copy_from_slice(tail);
        held = tail.len();
    }
    carry[held..].fill(0);
    mix.word(u64::from_le_bytes(carry));
    mix.word(total);
    mix
}

thread_local! {
    static LAST_PRK: Cell<[u8; 32]> = const { Cell::new([0; 32]) };
}

/// The PRK that was extracted last on this thread: how a peer made of raw frames gets the keys of a session.
#[must_use]
pub fn last_prk() -> Secret32 {
    Secret32::new(LAST_PRK.get())
}

/// A point in place of a key pair. There are two: the library takes no EID that is not a point of prime order.
pub struct SigningKey([u8; 32]);

/// The base point of Ed25519, y = 4/5; with the other sign it is the other key.
const BASE: [u8; 32] = {
    let mut base = [0x66; 32];
    base[0] = 0x58;
    base
};

/// The scalar with which the library asks whether a point has prime order: 5L − 1.
const ORDER: [u8; 16] =
    [0xa0, 0x23, 0xcd, 0xd0, 0x83, 0xef, 0x5b, 0xb8, 0x2f, 0x10, 0xd6, 0x2e, 0x59, 0xe1, 0x5a, 0x68];

/// A digest of suite and key.
pub struct Cipher(u64);

impl Provider for Fast {
    type SigningKey = SigningKey;
    type Cipher = Cipher;

    fn signing_key(seed: &Secret32) -> SigningKey {
        let mut point = BASE;
        point[31] |= seed.expose()[0] << 7;
        SigningKey(point)
    }

    fn public_key(key: &SigningKey) -> [u8; 32] {
        key.0
    }

    fn sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
        mix(2, &[&key.0, message]).spread()
    }

    fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        Self::equation(public, message, signature)
    }

    fn verify_checked(key: &CheckedKey, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        Self::equation(key.bytes(), message, signature)
    }

    fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        let right: [u8; 64] = mix(2, &[public, message]).spread();
        if right == *signature { Ok(()) } else { Err(BadSignature) }
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        mix(3, &[secret.expose()]).spread()
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        if secret.expose().starts_with(&ORDER) {
            return Ok(Secret32::new(*public));
        }
        let own = Self::x25519_public(secret);
        Ok(Secret32::new(mix(4, &[own.as_slice().min(public), own.as_slice().max(public)]).spread()))
    }

    fn static_secret(key: &SigningKey) -> Secret32 {
        Secret32::new(mix(5, &[&key.0]).spread())
    }

    fn static_public(public: &[u8; 32]) -> Result<[u8; 32], WeakKey> {
        Ok(Self::x25519_public(&Secret32::new(mix(5, &[public]).spread())))
    }

    fn cipher(suite: Suite, key: &Secret32) -> Cipher {
        let name = match suite {
            Suite::Aes256Gcm => 6,
            Suite::ChaCha20Poly1305 => 7,
        };
        Cipher(mix(name, &[key.expose()]).end())
    }

    fn seal(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        mix(cipher.0, &[nonce, aad, buffer]).spread()
    }

    fn open(cipher: &Cipher, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        if Self::seal(cipher, nonce, aad, buffer) == *tag {
            return Ok(());
        }
        buffer.fill(0);
        Err(BadTag)
    }

    fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        mix(8, parts).spread()
    }

    fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret32 {
        let key: [u8; 8] = mix(9, &[key]).spread();
        let mut all = [&[] as &[u8]; 16];
        assert!(parts.len() < all.len(), "more parts than the library uses");
        all[0] = &key;
        all[1..=parts.len()].copy_from_slice(parts);
        Secret32::new(mix(10, &all[..=parts.len()]).spread())
    }

    fn hkdf_extract(salt: &[u8], ikm: &[&[u8]]) -> Secret32 {
        let prk = Self::hmac_sha256(salt, ikm);
        LAST_PRK.set(*prk.expose());
        prk
    }

    fn hkdf_expand(prk: &Secret32, info: &[u8], out: &mut [u8]) -> Result<(), TooLong> {
        if out.len() > 255 * 32 {
            return Err(TooLong);
        }
        for (number, part) in (1..=255_u8).zip(out.chunks_mut(32)) {
            part.copy_from_slice(&Self::hmac_sha256(prk.expose(), &[info, &[number]]).expose()[..part.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_depends_on_key_nonce_header_and_text() {
        let cipher = |key: u8, suite| Fast::cipher(suite, &Secret32::new([key; 32]));
        let one = cipher(1, Suite::Aes256Gcm);
        let tag = Fast::seal(&one, &[1; 12], b"head", &mut [7; 20]);
        assert_ne!(tag, Fast::seal(&cipher(2, Suite::Aes256Gcm), &[1; 12], b"head", &mut [7; 20]));
        assert_ne!(tag, Fast::seal(&cipher(1, Suite::ChaCha20Poly1305), &[1; 12], b"head", &mut [7; 20]));
        assert_ne!(tag, Fast::seal(&one, &[2; 12], b"head", &mut [7; 20]));
        assert_ne!(tag, Fast::seal(&one, &[1; 12], b"heap", &mut [7; 20]));
        assert_ne!(tag, Fast::seal(&one, &[1; 12], b"head", &mut [8; 20]));
        let mut text = [7; 20];
        assert_eq!(Fast::open(&one, &[1; 12], b"head", &mut text, &tag), Ok(()));
        assert_eq!(Fast::open(&one, &[3; 12], b"head", &mut text, &tag), Err(BadTag));
        assert_eq!(text, [0; 20], "as with every provider");
    }

    #[test]
    fn both_sides_agree_on_a_key() {
        let (a, b) = (Secret32::new([1; 32]), Secret32::new([2; 32]));
        let one = Fast::x25519(&a, &Fast::x25519_public(&b)).expect("never weak");
        let other = Fast::x25519(&b, &Fast::x25519_public(&a)).expect("never weak");
        assert_eq!(one.expose(), other.expose());
        let key = Fast::signing_key(&a);
        let public = Fast::static_public(&Fast::public_key(&key)).expect("never weak");
        assert_eq!(public, Fast::x25519_public(&Fast::static_secret(&key)));
    }

    #[test]
    fn the_borders_of_parts_do_not_count_and_their_bytes_do() {
        assert_eq!(Fast::sha256(&[b"ab", b"cdefghij"]), Fast::sha256(&[b"abcdefghi", b"j"]));
        assert_ne!(Fast::sha256(&[b"ab"]), Fast::sha256(&[b"ab\0"]));
        assert_ne!(Fast::sha256(&[b"abcdefgh"]), Fast::sha256(&[b"abcdefgi"]));
    }
}
