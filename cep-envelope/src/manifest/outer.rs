//! The container's outer object: a manifest's bytes, and beside them the signer, the recipient and the signature.
//!
//! ```text
//! {"manifest":{…},"signature":"ed25519:…","signer":"…","recipient":"…"}
//! ```
//!
//! Outside the manifest it has exactly this form: this order, no other member, no white space. That part is not signed,
//! so it must have only one spelling: then no byte of it can change unnoticed.

use super::{BoundKey, KeyDirectory, MAX_ID, MAX_MANIFEST, Manifest, ManifestError, Signatures};
use crate::digest::{Digest, hex, spell};
use crate::json::{JsonError, JsonErrorKind, Member, leading_object};
use core::fmt;
use sha2::{Digest as _, Sha256};

/// The most bytes an outer object may have.
pub const MAX_OUTER: usize = MAX_MANIFEST + 2 * MAX_ID + 128 + FORM;

/// What the fixed parts take.
const FORM: usize = HEAD.len() + SIGNATURE.len() + ALGORITHM.len() + SIGNER.len() + RECIPIENT.len() + TAIL.len();

const LABEL: &[u8] = b"CEP/1 manifest\0";
const HEAD: &str = "{\"manifest\":";
const SIGNATURE: &str = ",\"signature\":\"";
const ALGORITHM: &str = "ed25519:";
const SIGNER: &str = "\",\"signer\":\"";
const RECIPIENT: &str = "\",\"recipient\":\"";
const TAIL: &str = "\"}";

/// An outer object as it was received: well-formed, and nothing proven.
///
/// A receiver that only wants to know who sealed what can do without a decision.
///
/// ```
/// use cep_envelope::digest::Digest;
/// use cep_envelope::manifest::{BoundKey, Expected, OuterError, SealedManifest, Strict, VerifiedManifest, VerifyError};
/// # use cep_envelope::manifest::{CausalParent, MAX_OUTER, Manifest, SealedTime};
/// # use ed25519_compact::{KeyPair, Seed};
/// # let jasper = KeyPair::from_seed(Seed::new([7; 32]));
/// # let manifest = Manifest {
/// #     schema: "note-v1",
/// #     surface: cep_envelope::Surface::parse("2026-05-16.backup.home.normal")?.into(),
/// #     sealed_created_at: SealedTime::parse("2026-05-16T06:41:48Z")?,
/// #     content_digest: Digest::of(b"an object"),
/// #     causal_parent: CausalParent::Root,
/// #     signer: None,
/// #     recipient: None,
/// # };
/// # let mut room = [0; MAX_OUTER];
/// # let (bytes, _) = manifest.seal("jasper#1", "codex", |hash| *jasper.sk.sign(hash, None), &mut room)?;
///
/// let key = BoundKey::new(*jasper.pk).ok_or("a point of prime order")?;
/// let keys = |signer: &str, sender: &str| ((signer, sender) == ("jasper#1", "jasper")).then_some(key);
/// let sealed = SealedManifest::parse(bytes)?;
/// let open = |sender| sealed.verify(Expected { sender, recipient: "codex" }, &keys, &Strict);
///
/// let verified: VerifiedManifest<'_> = open("jasper")?;
/// assert!(verified.is_of(&Digest::of(b"an object")));
/// assert!(!verified.recipient_is_sealed(), "a carrier may have chosen it");
/// assert_eq!(open("mallory"), Err(VerifyError::KeyNotBound));
/// assert_eq!(SealedManifest::parse(&bytes[1..]), Err(OuterError::Form));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedManifest<'a> {
    manifest: Manifest<'a>,
    bytes: &'a [u8],
    signature: [u8; 64],
    signer: &'a str,
    recipient: &'a str,
}

/// Why bytes are not an outer object.
///
/// An example is at [`SealedManifest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OuterError {
    /// Longer than [`MAX_OUTER`].
    TooLong,
    /// The part outside the manifest has another form.
    Form,
    /// The manifest's bytes are not an object.
    Json(JsonError),
    /// The object is not a manifest.
    Manifest(ManifestError),
    /// Another algorithm than ed25519.
    UnknownAlgorithm,
    /// Not 128 lower-case hex digits.
    Signature,
}

impl fmt::Display for OuterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.pad("outer object: too long"),
            Self::Form => f.pad("outer object: not of its one form"),
            Self::Json(e) => write!(f, "manifest: {e}"),
            Self::Manifest(e) => write!(f, "manifest: {e}"),
            Self::UnknownAlgorithm => f.pad("unknown signature algorithm"),
            Self::Signature => f.pad("malformed signature"),
        }
    }
}

impl core::error::Error for OuterError {}

/// The sender and the recipient that the receiver expects.
///
/// An example is at [`SealedManifest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Expected<'s, 'r> {
    /// The sender that the envelope names.
    pub sender: &'s str,
    /// The receiver's own name.
    pub recipient: &'r str,
}

/// Why a well-formed object proves nothing.
///
/// An example is at [`SealedManifest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum VerifyError {
    /// The object is for another recipient.
    Recipient,
    /// The signer's key is not bound to the sender.
    KeyNotBound,
    /// The signature was not made by that key over these bytes.
    BadSignature,
    /// The manifest names another signer than the outer object.
    SealedSigner,
    /// The manifest names another recipient than the outer object.
    SealedRecipient,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Recipient => "for another recipient",
            Self::KeyNotBound => "signer's key is not bound to the sender",
            Self::BadSignature => "bad signature",
            Self::SealedSigner => "sealed for another signer",
            Self::SealedRecipient => "sealed for another recipient",
        })
    }
}

impl core::error::Error for VerifyError {}

/// A manifest that a sender sealed: its bytes have the signature of a key that is bound to the sender.
///
/// Nothing but [`SealedManifest::verify`] makes one. The delivered content and surface may still be others.
///
/// ```compile_fail,E0451
/// use cep_envelope::manifest::{Manifest, VerifiedManifest};
/// fn promote<'a>(manifest: Manifest<'a>, verified: VerifiedManifest<'a>) -> VerifiedManifest<'a> {
///     VerifiedManifest { manifest, ..verified }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedManifest<'a> {
    manifest: Manifest<'a>,
    digest: Digest,
    sender: &'a str,
    signer: &'a str,
    key: BoundKey,
    recipient: &'a str,
}

impl<'a> SealedManifest<'a> {
    /// Reads an outer object. Nothing may stand before or after it.
    ///
    /// # Errors
    /// [`OuterError`].
    // keeps: CEP-014 (§2), CEP-130 (§11.2)
    pub fn parse(bytes: &'a [u8]) -> Result<Self, OuterError> {
        if bytes.len() > MAX_OUTER {
            return Err(OuterError::TooLong);
        }
        let rest = bytes.strip_prefix(HEAD.as_bytes()).ok_or(OuterError::Form)?;
        let (object, rest) = leading_object(rest, MAX_OUTER).map_err(OuterError::Json)?;
        let manifest = manifest_of(object)?;
        let rest = rest.strip_prefix(SIGNATURE).ok_or(OuterError::Form)?;
        let rest = rest.strip_prefix(ALGORITHM).ok_or(OuterError::UnknownAlgorithm)?;
        let (signature, rest) = string_before(SIGNER, rest).ok_or(OuterError::Form)?;
        let (signer, rest) = string_before(RECIPIENT, rest).ok_or(OuterError::Form)?;
        let recipient = rest.strip_suffix(TAIL).ok_or(OuterError::Form)?;
        if !is_id(signer) || !is_id(recipient) {
            return Err(OuterError::Form);
        }
        let signature = hex(signature).ok_or(OuterError::Signature)?;
        Ok(Self { manifest, bytes: object.as_bytes(), signature, signer, recipient })
    }

    /// The bytes that are signed.
    #[must_use]
    pub const fn signed_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The signature that the object claims over them.
    #[must_use]
    pub const fn claimed_signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// The key id of the signer that the object claims.
    #[must_use]
    pub const fn claimed_signer(&self) -> &'a str {
        self.signer
    }

    /// The recipient that the object claims.
    #[must_use]
    pub const fn claimed_recipient(&self) -> &'a str {
        self.recipient
    }

    /// The unverified manifest, for inspection.
    #[must_use]
    pub const fn unverified(&self) -> &Manifest<'a> {
        &self.manifest
    }

    /// Verifies that the expected sender sealed this for the expected recipient.
    ///
    /// # Errors
    /// [`VerifyError`], the cheapest one first.
    pub fn verify(
        &self,
        expected: Expected<'a, '_>,
        keys: &(impl KeyDirectory + ?Sized),
        signatures: &(impl Signatures + ?Sized),
    ) -> Result<VerifiedManifest<'a>, VerifyError> {
        if self.recipient != expected.recipient {
            return Err(VerifyError::Recipient);
        }
        if self.manifest.recipient.is_some_and(|sealed| sealed != self.recipient) {
            return Err(VerifyError::SealedRecipient);
        }
        if self.manifest.signer.is_some_and(|sealed| sealed != self.signer) {
            return Err(VerifyError::SealedSigner);
        }
        let key = keys.key(self.signer, expected.sender).ok_or(VerifyError::KeyNotBound)?;
        if !signatures.verify(key.as_bytes(), &signed_hash(self.bytes), &self.signature) {
            return Err(VerifyError::BadSignature);
        }
        Ok(VerifiedManifest {
            manifest: self.manifest,
            digest: Digest::of(self.bytes),
            sender: expected.sender,
            signer: self.signer,
            key,
            recipient: self.recipient,
        })
    }
}

impl<'a> VerifiedManifest<'a> {
    /// The sealed truth.
    #[must_use]
    // keeps: CEP-073 (§6)
    pub const fn manifest(&self) -> &Manifest<'a> {
        &self.manifest
    }

    /// SHA-256 of the manifest's bytes: a child names its parent by this digest.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The sender who sealed it.
    #[must_use]
    pub const fn sender(&self) -> &'a str {
        self.sender
    }

    /// The id of the key with which it was sealed.
    #[must_use]
    pub const fn signer(&self) -> &'a str {
        self.signer
    }

    /// The key itself. The directory may rename a key; what it has sealed stays sealed by it.
    #[must_use]
    pub const fn key(&self) -> &BoundKey {
        &self.key
    }

    /// The recipient. It is signed only if [`recipient_is_sealed`](Self::recipient_is_sealed).
    #[must_use]
    pub const fn recipient(&self) -> &'a str {
        self.recipient
    }

    /// Whether the sender sealed the recipient too. If not, a carrier of the object may have chosen it.
    #[must_use]
    pub const fn recipient_is_sealed(&self) -> bool {
        self.manifest.recipient.is_some()
    }

    /// Whether this is the content that was sealed.
    #[must_use]
    pub fn is_of(&self, content: &Digest) -> bool {
        self.manifest.content_digest == *content
    }
}

/// Why an outer object is not written.
///
/// What would be refused is not signed.
///
/// ```
/// use cep_envelope::digest::Digest;
/// use cep_envelope::manifest::{CausalParent, MAX_OUTER, Manifest, SealError, SealedTime};
///
/// let manifest = Manifest {
///     schema: "note-v1",
///     surface: cep_envelope::Surface::parse("2026-05-16.backup.home.normal")?.into(),
///     sealed_created_at: SealedTime::parse("2026-05-16T06:41:48Z")?,
///     content_digest: Digest::of(b"an object"),
///     causal_parent: CausalParent::Root,
///     signer: Some("jasper#1"),
///     recipient: None,
/// };
/// let no_key = |_: &[u8; 32]| -> [u8; 64] { unreachable!("nothing is signed") };
/// let sealed = manifest.seal("alice-1", "codex", no_key, &mut [0; MAX_OUTER]).map(|_| ());
/// assert_eq!(sealed, Err(SealError::Contradiction), "the manifest says jasper#1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SealError {
    /// The manifest, the signer or the recipient would be refused.
    Refused(OuterError),
    /// The manifest names another signer or another recipient.
    Contradiction,
    /// The buffer is too small: [`MAX_OUTER`] is always enough.
    BufferFull,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(e) => e.fmt(f),
            Self::Contradiction => f.pad("the manifest names another signer or recipient"),
            Self::BufferFull => f.pad("buffer full"),
        }
    }
}

impl core::error::Error for SealError {}

/// Writes an outer object around the unchanged bytes of a manifest. `sign` signs 32 bytes with Ed25519.
///
/// # Errors
/// [`SealError`]. An object that would be refused is not signed.
pub fn seal<'b>(
    manifest: &[u8],
    signer: &str,
    recipient: &str,
    sign: impl FnOnce(&[u8; 32]) -> [u8; 64],
    to: &'b mut [u8],
) -> Result<&'b [u8], SealError> {
    let (object, rest) = leading_object(manifest, MAX_MANIFEST).map_err(|e| SealError::Refused(OuterError::Json(e)))?;
    let read = manifest_of(object).map_err(SealError::Refused)?;
    if !rest.is_empty() {
        return Err(SealError::Refused(OuterError::Form));
    }
    read.names(signer, recipient)?;
    let place = to.get_mut(HEAD.len()..).and_then(|rest| rest.get_mut(..manifest.len()));
    place.ok_or(SealError::BufferFull)?.iter_mut().zip(manifest).for_each(|(to, from)| *to = *from);
    enclose(manifest.len(), signer, recipient, sign, to).map(|(object, _)| object)
}

impl Manifest<'_> {
    /// Writes the manifest and seals it: the outer object, and the digest by which a child names this manifest.
    ///
    /// As [`Manifest::write`] and then [`seal`], but without reading the result back, so that a device that only sends needs no
    /// JSON reader.
    ///
    /// # Errors
    /// [`SealError`]. An object that would be refused is not signed.
    pub fn seal<'b>(
        &self,
        signer: &str,
        recipient: &str,
        sign: impl FnOnce(&[u8; 32]) -> [u8; 64],
        to: &'b mut [u8],
    ) -> Result<(&'b [u8], Digest), SealError> {
        self.names(signer, recipient)?;
        let place = to.get_mut(HEAD.len()..).ok_or(SealError::BufferFull)?;
        let refused = |error: Option<_>| {
            error.map_or(SealError::BufferFull, |error| SealError::Refused(OuterError::Manifest(error)))
        };
        let length = self.write(place).map_err(refused)?.len();
        enclose(length, signer, recipient, sign, to)
    }

    /// Whether an outer object can have this signer and this recipient.
    fn names(&self, signer: &str, recipient: &str) -> Result<(), SealError> {
        if !is_id(signer) || !is_id(recipient) {
            return Err(SealError::Refused(OuterError::Form));
        }
        if self.signer.is_some_and(|sealed| sealed != signer)
            || self.recipient.is_some_and(|sealed| sealed != recipient)
        {
            return Err(SealError::Contradiction);
        }
        Ok(())
    }
}

/// Completes an outer object, of which the manifest is in its place already.
fn enclose<'b>(
    length: usize,
    signer: &str,
    recipient: &str,
    sign: impl FnOnce(&[u8; 32]) -> [u8; 64],
    to: &'b mut [u8],
) -> Result<(&'b [u8], Digest), SealError> {
    let to = to.get_mut(..FORM + length + 128 + signer.len() + recipient.len()).ok_or(SealError::BufferFull)?;
    let (head, rest) = to.split_at_mut_checked(HEAD.len()).ok_or(SealError::BufferFull)?;
    let (manifest, tail) = rest.split_at_mut_checked(length).ok_or(SealError::BufferFull)?;
    let mut digits = [0; 128];
    let parts = [
        SIGNATURE,
        ALGORITHM,
        spell("", &sign(&signed_hash(manifest)), &mut digits),
        SIGNER,
        signer,
        RECIPIENT,
        recipient,
        TAIL,
    ];
    let parts = parts.into_iter().flat_map(str::as_bytes);
    for (to, from) in head.iter_mut().chain(tail).zip(HEAD.as_bytes().iter().chain(parts)) {
        *to = *from;
    }
    let digest = Digest::of(manifest);
    Ok((to, digest))
}

/// Splits a string that begins right after an opening quote: its text up to the closing quote, which begins `part`, and
/// the rest after `part`.
///
/// Not `split_once`, whose search has panic paths.
fn string_before<'a>(part: &str, text: &'a str) -> Option<(&'a str, &'a str)> {
    let (string, rest) = text.split_at_checked(text.bytes().position(|byte| byte == b'"')?)?;
    Some((string, rest.strip_prefix(part)?))
}

fn manifest_of(object: &str) -> Result<Manifest<'_>, OuterError> {
    if object.len() > MAX_MANIFEST {
        return Err(OuterError::Json(JsonError { kind: JsonErrorKind::TooLong, at: MAX_MANIFEST }));
    }
    Manifest::of_object(object).map_err(OuterError::Manifest)
}

fn signed_hash(manifest: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(LABEL).chain_update(manifest).finalize().into()
}

fn is_id(text: &str) -> bool {
    Member::writable(text, MAX_ID).is_ok()
}
