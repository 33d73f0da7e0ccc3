//! The verification ladder (`CEP §7`): each rung has its own evidence, all of it about the same bytes.
//!
//! ```text
//! referenced              a notice points to it
//!   ↑ the bytes themselves
//! present
//!   ↑ an expected digest, equal to theirs
//! digest-matched          provisional if only a notification states the digest
//!   ↑ the caller's Container finds structure and integrity in order
//! container-verified
//!   ↑ a VerifiedManifest of the content that the container holds, whose mirrored fields are the name's
//! manifest-verified
//!   ↑ a Decision that approves this very object
//! continuation-approved
//! ```

use core::fmt;

use crate::digest::Digest;
use crate::manifest::{BoundKey, Disagreements, SurfaceParts, VerifiedManifest};
use crate::state::VerificationState;

/// Where an expected digest is from.
///
/// An example is at [`Ladder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Source {
    /// A notice, or another unsealed source: it counts as long as no manifest contradicts it.
    ControlPlane,
    /// Local: verified by this receiver before.
    Local,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ControlPlane => "stated by the control plane",
            Self::Local => "verified by this receiver",
        })
    }
}

/// The check of a container format. It gets the bytes that the ladder is about, and no others.
///
/// ```
/// use cep_envelope::digest::Digest;
/// use cep_envelope::ladder::{Container, NotAContainer};
///
/// /// An object whose first line says what it is; the content follows.
/// struct Headed;
///
/// impl Container for Headed {
///     fn check(&self, object: &[u8], _: &Digest) -> Result<Digest, NotAContainer> {
///         object.strip_prefix(b"headed\n").map(Digest::of).ok_or(NotAContainer)
///     }
/// }
/// let object = b"headed\ncontent";
/// assert_eq!(Headed.check(object, &Digest::of(object)), Ok(Digest::of(b"content")));
/// assert_eq!(Headed.check(b"content", &Digest::of(b"content")), Err(NotAContainer));
/// ```
// keeps: CEP-004 (§1.1)
pub trait Container {
    /// Checks structure and integrity, and returns the digest of the content. `digest` is that of the whole object.
    ///
    /// # Errors
    /// The bytes are not a sound container of this format.
    fn check(&self, object: &[u8], digest: &Digest) -> Result<Digest, NotAContainer>;

    /// The digest that the whole object must have if its content has this one, if that follows from the format.
    fn expects(&self, _content: &Digest) -> Option<Digest> {
        None
    }
}

/// The bytes are not a sound container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotAContainer;

impl fmt::Display for NotAContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("not a sound container")
    }
}

impl core::error::Error for NotAContainer {}

/// A bare file: it has no structure that could be broken, its integrity is its digest, and it is its own content.
///
/// ```
/// use cep_envelope::digest::Digest;
/// use cep_envelope::ladder::{BareFile, Container as _};
///
/// let digest = Digest::of(b"an object");
/// assert_eq!(BareFile.check(b"an object", &digest), Ok(digest), "it is its own content");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BareFile;

impl Container for BareFile {
    fn check(&self, _object: &[u8], digest: &Digest) -> Result<Digest, NotAContainer> {
        Ok(*digest)
    }

    fn expects(&self, content: &Digest) -> Option<Digest> {
        Some(*content)
    }
}

/// Why a rung is not reached. The ladder stays as it was, unless the variant says otherwise.
///
/// ```
/// use cep_envelope::VerificationState;
/// use cep_envelope::ladder::NotProven;
///
/// let early = NotProven::TooEarly(VerificationState::Present);
/// assert_eq!(early.to_string(), "present is yet to be reached");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotProven {
    /// The rung below has not been reached yet.
    TooEarly(VerificationState),
    /// The observed digest is not the expected one.
    DigestDiffers,
    /// The container's check failed.
    Container,
    /// The manifest is about another object. If only the control plane had given the expected digest, that digest was
    /// wrong, and the ladder goes back to `present`.
    AnotherObject,
    /// The name differs from the sealed fields.
    Mirrored(Disagreements),
    /// The decision does not approve, or is about another object.
    NotApproved,
}

impl fmt::Display for NotProven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooEarly(state) => write!(f, "{state} is yet to be reached"),
            Self::DigestDiffers => f.pad("the digest is not the one that was expected"),
            Self::Container => f.pad("the container is not sound"),
            Self::AnotherObject => f.pad("the manifest is another object's"),
            Self::Mirrored(fields) => write!(f, "the name says something else than was sealed: {fields}"),
            Self::NotApproved => f.pad("the decision does not approve it"),
        }
    }
}

impl core::error::Error for NotProven {}

/// What has been proven about one object, and about which bytes.
///
/// The ladder borrows the bytes, so they cannot change while it exists. Other bytes start again at the bottom.
///
/// Each rung has its own evidence, and none is skipped.
///
/// ```
/// use cep_envelope::VerificationState;
/// use cep_envelope::digest::Digest;
/// use cep_envelope::ladder::{BareFile, Ladder, NotProven, Source};
///
/// let mut ladder = Ladder::new();
/// assert_eq!(ladder.contain(&BareFile), Err(NotProven::TooEarly(VerificationState::DigestMatched)));
/// ladder.present(b"an object");
/// assert_eq!(ladder.expect(&Digest::of(b"another"), Source::Local), Err(NotProven::DigestDiffers));
/// ladder.expect(&Digest::of(b"an object"), Source::ControlPlane)?;
/// ladder.contain(&BareFile)?;
/// assert_eq!(ladder.proven(), VerificationState::ContainerVerified);
/// assert!(ladder.is_provisional(), "only a notice has stated the digest");
/// assert_eq!(ladder.missing(), Some(VerificationState::ManifestVerified));
/// # Ok::<(), NotProven>(())
/// ```
// keeps: CEP-081 (§7), CEP-088 (§7)
#[derive(Clone, Copy, Debug)]
pub struct Ladder<'b> {
    state: VerificationState,
    object: &'b [u8],
    observed: Option<Digest>,
    matched_by: Option<Source>,
    content: Option<Digest>,
    /// The manifest, and the key that sealed it.
    sealed: Option<(Digest, BoundKey)>,
}

impl Default for Ladder<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'b> Ladder<'b> {
    /// The ladder of an object that is only referenced.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: VerificationState::Referenced,
            object: &[],
            observed: None,
            matched_by: None,
            content: None,
            sealed: None,
        }
    }

    /// The highest rung that is proven.
    #[must_use]
    pub const fn proven(&self) -> VerificationState {
        self.state
    }

    /// The rung that is missing next; each is reached only from the one below.
    #[must_use]
    pub fn missing(&self) -> Option<VerificationState> {
        self.state.next()
    }

    /// The digest of the bytes that are held.
    #[must_use]
    pub const fn observed(&self) -> Option<&Digest> {
        self.observed.as_ref()
    }

    /// Whether the expected digest was given by the control plane alone.
    #[must_use]
    pub fn is_provisional(&self) -> bool {
        self.matched_by == Some(Source::ControlPlane) && self.state < VerificationState::ManifestVerified
    }

    /// `present`: the bytes are here. Bytes that differ from those held before start again at the bottom; the same ones
    /// change nothing.
    // keeps: CEP-083 (§7)
    pub fn present(&mut self, object: &'b [u8]) -> VerificationState {
        let observed = Digest::of(object);
        if self.observed.as_ref() != Some(&observed) {
            *self = Self { state: VerificationState::Present, object, observed: Some(observed), ..Self::new() };
        }
        self.state
    }

    /// `digest-matched`: the bytes have the digest that is expected.
    ///
    /// # Errors
    /// They do not have it, or there are no bytes.
    // keeps: CEP-084 (§7)
    pub fn expect(&mut self, expected: &Digest, source: Source) -> Result<VerificationState, NotProven> {
        let observed = self.observed.as_ref().ok_or(NotProven::TooEarly(VerificationState::Present))?;
        if observed != expected {
            return Err(NotProven::DigestDiffers);
        }
        // A local expectation counts more, whichever came first.
        if self.matched_by != Some(Source::Local) {
            self.matched_by = Some(source);
        }
        // Reaching a rung again does not lower the ladder.
        self.state = self.state.max(VerificationState::DigestMatched);
        Ok(self.state)
    }

    /// `container-verified`: the container check accepts the same bytes. If it finds another content in them than
    /// before, proofs about the former content are dropped.
    ///
    /// # Errors
    /// The check does not accept them, or no digest was matched.
    // keeps: CEP-085 (§7)
    pub fn contain(&mut self, container: &(impl Container + ?Sized)) -> Result<VerificationState, NotProven> {
        self.stands_on(VerificationState::DigestMatched)?;
        let observed = self.observed.as_ref().ok_or(NotProven::TooEarly(VerificationState::Present))?;
        let content = container.check(self.object, observed).map_err(|NotAContainer| NotProven::Container)?;
        if self.content != Some(content) {
            (self.state, self.content, self.sealed) = (VerificationState::ContainerVerified, Some(content), None);
        }
        Ok(self.state)
    }

    /// `manifest-verified`: a verified manifest is about this content, and its mirrored fields equal those of the name
    /// under which the object came; without a name that is a surface, all of them disagree. If it is another manifest
    /// than before, the ladder is on this rung, even if the former one had reached a higher one.
    ///
    /// # Errors
    /// The manifest is about another content, the name disagrees with it, or the container was not verified.
    // keeps: CEP-086 (§7)
    pub fn manifest(
        &mut self,
        manifest: &VerifiedManifest<'_>,
        name: Option<&SurfaceParts<'_>>,
    ) -> Result<VerificationState, NotProven> {
        self.stands_on(VerificationState::ContainerVerified)?;
        if !self.content.as_ref().is_some_and(|content| manifest.is_of(content)) {
            if self.is_provisional() {
                (self.state, self.matched_by, self.content) = (VerificationState::Present, None, None);
            }
            return Err(NotProven::AnotherObject);
        }
        let differ = name.map_or(Disagreements::SURFACE, |name| manifest.manifest().compare_surface(name));
        if !differ.is_empty() {
            return Err(NotProven::Mirrored(differ));
        }
        let sealed = (manifest.digest(), *manifest.key());
        if self.sealed != Some(sealed) {
            (self.state, self.sealed) = (VerificationState::ManifestVerified, Some(sealed));
        }
        Ok(self.state)
    }

    /// `continuation-approved`, if the decision approves this manifest, sealed by this key.
    pub(crate) fn approve_sealed(
        &mut self,
        approved: Option<(&Digest, &[u8; 32])>,
    ) -> Result<VerificationState, NotProven> {
        self.stands_on(VerificationState::ManifestVerified)?;
        let own = self.sealed.as_ref().map(|(manifest, key)| (manifest, key.as_bytes()));
        if own.is_none() || approved != own {
            return Err(NotProven::NotApproved);
        }
        self.state = VerificationState::ContinuationApproved;
        Ok(self.state)
    }

    fn stands_on(&self, state: VerificationState) -> Result<(), NotProven> {
        if self.state >= state { Ok(()) } else { Err(NotProven::TooEarly(state)) }
    }
}
