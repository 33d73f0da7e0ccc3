//! The sealed manifest: the object's truth (`CEP §6`, `CEP §11.2`).
//!
//! [`Manifest`] is the contents of a text. [`VerifiedManifest`] is proven to be from a sender: only verification makes
//! one.

mod instant;
mod key;
mod mirror;
mod outer;

pub use instant::{Instant, SealedTime, TimeError};
#[cfg(feature = "ed25519")]
pub use key::Strict;
pub use key::{BoundKey, KeyDirectory, Signatures};
pub use mirror::{Disagreement, Disagreements, SurfaceParts};
pub use outer::{Expected, MAX_OUTER, OuterError, SealError, SealedManifest, VerifiedManifest, VerifyError, seal};

use crate::digest::{Digest, DigestError};
use crate::json::{self, JsonError, Member, Unfit};
use core::fmt;

/// The most bytes a manifest may have.
pub const MAX_MANIFEST: usize = 4096;
/// The most bytes of a schema identifier.
pub const MAX_SCHEMA: usize = 64;
/// The most bytes of a signer's key id, a sender or a recipient.
pub const MAX_ID: usize = 128;
/// The most bytes of a sealed time: `2026-05-14T06:41:48.123456789+00:00`.
pub const MAX_TIME: usize = 35;

/// The members that a manifest may have. All but the last three are required.
///
/// An example is at [`ManifestError`].
// keeps: CEP-072 (§6)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ManifestField {
    /// What kind of object this is.
    Schema,
    /// The surface's time fragment, mirrored.
    SurfaceTimeFragment,
    /// The surface's context, mirrored.
    SurfaceContext,
    /// The surface's profile, mirrored.
    SurfaceProfile,
    /// The surface's priority, mirrored.
    SurfacePriority,
    /// When the object was sealed.
    SealedCreatedAt,
    /// The digest of the content.
    ContentDigest,
    /// The manifest that this one continues.
    CausalParent,
    /// The id of the signer's key, if it is to be signed too.
    Signer,
    /// The recipient of the object, if it is to be signed too.
    Recipient,
}

impl ManifestField {
    /// The member's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::SurfaceTimeFragment => "surface_time_fragment",
            Self::SurfaceContext => "surface_context",
            Self::SurfaceProfile => "surface_profile",
            Self::SurfacePriority => "surface_priority",
            Self::SealedCreatedAt => "sealed_created_at",
            Self::ContentDigest => "content_digest",
            Self::CausalParent => "causal_parent",
            Self::Signer => "signer",
            Self::Recipient => "recipient",
        }
    }

    /// How long its string can be.
    const fn limit(self) -> usize {
        match self {
            Self::Schema => MAX_SCHEMA,
            Self::SurfaceTimeFragment => mirror::MAX_FRAGMENT,
            Self::SurfaceContext | Self::SurfaceProfile => mirror::MAX_SEGMENT,
            Self::SurfacePriority => mirror::MAX_PRIORITY,
            Self::SealedCreatedAt => MAX_TIME,
            Self::ContentDigest | Self::CausalParent | Self::Signer | Self::Recipient => MAX_ID,
        }
    }
}

impl fmt::Display for ManifestField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a manifest says about its parent (`CEP §8`, `CEP §11.2`).
///
/// ```
/// use cep_envelope::digest::Digest;
/// use cep_envelope::manifest::CausalParent;
///
/// let parent = Digest::of(b"the parent's manifest");
/// // To say that nothing came before is more than to say nothing.
/// assert_ne!(CausalParent::Root, CausalParent::Missing);
/// assert_eq!(CausalParent::Of(parent), CausalParent::Of(parent));
/// ```
// keeps: CEP-129 (§11.2)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CausalParent {
    /// The member is absent. The manifest does not claim that this object begins a line.
    Missing,
    /// null: the signer states that the object is a root.
    Root,
    /// The digest of the parent's manifest.
    Of(Digest),
}

impl fmt::Display for CausalParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.pad("no parent is named"),
            Self::Root => f.pad("a root"),
            Self::Of(parent) => write!(f, "a child of {parent}"),
        }
    }
}

/// A manifest, read and well-formed. Nothing is proven about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Manifest<'a> {
    /// What kind of object this is.
    pub schema: &'a str,
    /// The four mirrored parts of the surface. The extension has no mirror.
    // keeps: CEP-125 (§11.2)
    pub surface: SurfaceParts<'a>,
    /// When the object was sealed.
    pub sealed_created_at: SealedTime<'a>,
    /// The digest of the content.
    pub content_digest: Digest,
    /// The manifest that this one continues.
    pub causal_parent: CausalParent,
    /// The id of the signer's key, if the signer sealed it. It must then equal the one outside.
    pub signer: Option<&'a str>,
    /// The recipient of the object, if the signer sealed it. It must then equal the one outside.
    pub recipient: Option<&'a str>,
}

/// Why a text is not a manifest.
///
/// It names the member that is at fault.
///
/// ```
/// use cep_envelope::json::Unfit;
/// use cep_envelope::manifest::{Manifest, ManifestError, ManifestField};
///
/// let error = Manifest::read(br#"{"surface_time_fragment":""}"#).expect_err("not a manifest");
/// assert_eq!(error, ManifestError::Member(ManifestField::SurfaceTimeFragment, Unfit::Empty));
/// assert_eq!(error.to_string(), "surface_time_fragment: empty");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ManifestError {
    /// It is not JSON as this crate accepts it.
    Json(JsonError),
    /// A member that must be a string, or null, is something else.
    WrongType,
    /// A member cannot be used.
    Member(ManifestField, Unfit),
    /// The time fragment has none of the draft's three forms.
    TimeFragment,
    /// The sealed time is malformed.
    SealedCreatedAt(TimeError),
    /// A digest is malformed, or of an unknown algorithm.
    Digest(ManifestField, DigestError),
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(e) => e.fmt(f),
            Self::WrongType => f.pad("a member that is no string"),
            Self::Member(field, unfit) => write!(f, "{field}: {unfit}"),
            Self::TimeFragment => f.pad("surface_time_fragment: no time fragment"),
            Self::SealedCreatedAt(e) => write!(f, "sealed_created_at: {e}"),
            Self::Digest(field, e) => write!(f, "{field}: {e}"),
        }
    }
}

impl core::error::Error for ManifestError {}

#[derive(serde::Deserialize)]
struct Read<'a> {
    #[serde(borrow, default)]
    schema: Member<'a>,
    #[serde(borrow, default)]
    surface_time_fragment: Member<'a>,
    #[serde(borrow, default)]
    surface_context: Member<'a>,
    #[serde(borrow, default)]
    surface_profile: Member<'a>,
    #[serde(borrow, default)]
    surface_priority: Member<'a>,
    #[serde(borrow, default)]
    sealed_created_at: Member<'a>,
    #[serde(borrow, default)]
    content_digest: Member<'a>,
    #[serde(borrow, default)]
    causal_parent: Member<'a>,
    #[serde(borrow, default)]
    signer: Member<'a>,
    #[serde(borrow, default)]
    recipient: Member<'a>,
}

impl<'a> Manifest<'a> {
    /// Reads a manifest from a text that holds nothing else but white space around it.
    ///
    /// Members that the draft does not name are ignored: the signature covers them like every other byte.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        Self::of_object(json::object(bytes, MAX_MANIFEST).map_err(ManifestError::Json)?)
    }

    /// Reads an object that the strict scan has accepted: only types and values are left to check.
    fn of_object(object: &'a str) -> Result<Self, ManifestError> {
        use ManifestField as F;
        let (read, _) = serde_json_core::from_slice::<Read<'a>>(object.as_bytes())
            .map_err(|_: serde_json_core::de::Error| ManifestError::WrongType)?;
        let text = |field: F, member: Member<'a>| {
            member.plain(field.limit()).map_err(|unfit| ManifestError::Member(field, unfit))
        };
        let optional = |field: F, member: Member<'a>| match member {
            Member::Absent => Ok(None),
            present => text(field, present).map(Some),
        };
        let digest = |field: F, member: Member<'a>| {
            Digest::parse(text(field, member)?).map_err(|e| ManifestError::Digest(field, e))
        };
        let surface = SurfaceParts {
            time: text(F::SurfaceTimeFragment, read.surface_time_fragment)?,
            context: text(F::SurfaceContext, read.surface_context)?,
            profile: text(F::SurfaceProfile, read.surface_profile)?,
            priority: text(F::SurfacePriority, read.surface_priority)?,
        };
        if !surface.has_time() {
            return Err(ManifestError::TimeFragment);
        }
        Ok(Self {
            schema: text(F::Schema, read.schema)?,
            surface,
            sealed_created_at: SealedTime::parse(text(F::SealedCreatedAt, read.sealed_created_at)?)
                .map_err(ManifestError::SealedCreatedAt)?,
            content_digest: digest(F::ContentDigest, read.content_digest)?,
            causal_parent: match read.causal_parent {
                Member::Absent => CausalParent::Missing,
                Member::Null => CausalParent::Root,
                present => CausalParent::Of(digest(F::CausalParent, present)?),
            },
            signer: optional(F::Signer, read.signer)?,
            recipient: optional(F::Recipient, read.recipient)?,
        })
    }

    /// The members in the order in which they are written. `None` is null.
    fn members<'s>(
        &'s self,
        content: &'s mut [u8; Digest::SPELLED],
        parent: &'s mut [u8; Digest::SPELLED],
    ) -> impl Iterator<Item = (ManifestField, Option<&'s str>)> {
        use ManifestField as F;
        let causal_parent = match &self.causal_parent {
            CausalParent::Missing => None,
            CausalParent::Root => Some(None),
            CausalParent::Of(digest) => Some(Some(digest.spelled(parent))),
        };
        let members = [
            (F::Schema, Some(Some(self.schema))),
            (F::SurfaceTimeFragment, Some(Some(self.surface.time))),
            (F::SurfaceContext, Some(Some(self.surface.context))),
            (F::SurfaceProfile, Some(Some(self.surface.profile))),
            (F::SurfacePriority, Some(Some(self.surface.priority))),
            (F::SealedCreatedAt, Some(Some(self.sealed_created_at.as_str()))),
            (F::ContentDigest, Some(Some(self.content_digest.spelled(content)))),
            (F::CausalParent, causal_parent),
            (F::Signer, self.signer.map(Some)),
            (F::Recipient, self.recipient.map(Some)),
        ];
        members.into_iter().filter_map(|(field, value)| Some((field, value?)))
    }

    /// Writes the manifest and returns its bytes. Each member is checked first as it is when it is read: a manifest that could not be
    /// read is not written.
    ///
    /// # Errors
    /// `None` if the buffer is too small ([`MAX_MANIFEST`] is always enough), or why the manifest would be refused.
    pub fn write<'b>(&self, to: &'b mut [u8]) -> Result<&'b [u8], Option<ManifestError>> {
        if !self.surface.has_time() {
            return Err(Some(ManifestError::TimeFragment));
        }
        let (mut content, mut parent) = ([0; Digest::SPELLED], [0; Digest::SPELLED]);
        let (mut length, mut lead) = (0, "{\"");
        let mut put = |text: &str| {
            let place = to.get_mut(length..)?.get_mut(..text.len())?;
            place.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
            length += text.len();
            Some(())
        };
        for (field, value) in self.members(&mut content, &mut parent) {
            if let Some(text) = value {
                let writable = Member::writable(text, field.limit());
                writable.map_err(|unfit| Some(ManifestError::Member(field, unfit)))?;
            }
            // None of these strings has a character that JSON spells differently.
            let [open, text, close] = match value {
                Some(text) => ["\":\"", text, "\""],
                None => ["\":", "null", ""],
            };
            [lead, field.name(), open, text, close].into_iter().try_for_each(&mut put).ok_or(None)?;
            lead = ",\"";
        }
        put("}").ok_or(None)?;
        to.get(..length).ok_or(None)
    }

    /// Compares the mirrored fields with the surface under which the object came. Where they disagree, these hold.
    // keeps: CEP-074 (§6), CEP-075 (§6), CEP-029 (§4)
    pub fn compare_surface(&self, surface: &SurfaceParts<'_>) -> Disagreements {
        self.surface.compare(surface)
    }
}
