//! SHA-256 as manifests spell it, and computed over content that arrives in pieces (`CEP §6`, `CEP §11.2`).

use core::fmt;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "sha256:";

/// A SHA-256 digest. Two of them compare in constant time.
///
/// ```
/// use cep_envelope::digest::{Digest, DigestError};
///
/// let digest = Digest::of(b"an object");
/// assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
/// assert_eq!(Digest::parse("md5:00"), Err(DigestError::UnknownAlgorithm));
/// ```
#[derive(Clone, Copy, Debug, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Digest([u8; 32]);

impl Digest {
    /// The length of the spelling in bytes: the algorithm, a colon, 64 hex digits.
    pub const SPELLED: usize = PREFIX.len() + 64;

    /// A digest that is already known.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of bytes that are all available.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads "sha256:" and 64 lower-case hex digits: one digest has one spelling.
    ///
    /// # Errors
    /// [`DigestError`], which distinguishes an unknown algorithm from a malformed value.
    // keeps: CEP-128 (§11.2)
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        match text.strip_prefix(PREFIX) {
            Some(value) => hex(value).map(Self).ok_or(DigestError::Malformed),
            None if text.contains(':') => Err(DigestError::UnknownAlgorithm),
            None => Err(DigestError::Malformed),
        }
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The spelling that [`parse`](Self::parse) reads.
    pub(crate) fn spelled<'a>(&self, to: &'a mut [u8; Self::SPELLED]) -> &'a str {
        spell(PREFIX, &self.0, to)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.spelled(&mut [0; Self::SPELLED]))
    }
}

/// Why the spelling of a digest is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DigestError {
    /// An algorithm other than sha256.
    UnknownAlgorithm,
    /// No algorithm, or not 64 lower-case hex digits.
    Malformed,
}

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::UnknownAlgorithm => "unknown digest algorithm",
            Self::Malformed => "malformed digest",
        })
    }
}

impl core::error::Error for DigestError {}

/// The digest of content that arrives in pieces.
///
/// ```
/// use cep_envelope::digest::{ContentDigest, Digest};
///
/// let mut content = ContentDigest::new();
/// content.update(b"an ");
/// content.update(b"object");
/// assert_eq!(content.finish(), Digest::of(b"an object"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ContentDigest(Sha256);

impl ContentDigest {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// Lower-case hex digits, exactly as many as the bytes need.
pub(crate) fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    if pairs.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Writes a prefix and hex digits. The callers' buffers have exactly the room.
pub(crate) fn spell<'a>(prefix: &str, bytes: &[u8], to: &'a mut [u8]) -> &'a str {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let digits = digits.map(|nibble| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble });
    for (to, from) in to.iter_mut().zip(prefix.bytes().chain(digits)) {
        *to = from;
    }
    core::str::from_utf8(to).unwrap_or_default()
}
