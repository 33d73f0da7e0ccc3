//! The control plane's message: a peer announces an object (`CEP §3.1`, `CEP §11.1`).

use crate::json::{self, JsonError, Member, Unfit};
use crate::manifest::{Disagreement, Disagreements, MAX_ID, MAX_SCHEMA, SurfaceParts, VerifiedManifest};
use crate::state::VerificationState;
use crate::surface::Surface;
use core::fmt;

/// The most bytes a notification may have.
pub const MAX_NOTIFICATION: usize = 4096;
/// The most bytes of an envelope name (`CEP §5.3`).
pub const MAX_NAME: usize = 200;
/// The most bytes of an envelope reference.
pub const MAX_REF: usize = 1024;
/// The most bytes of a poll type or a state.
pub const MAX_WORD: usize = 64;

/// A notification, read and well-formed. It is no more than a pointer and a number of claims.
///
/// ```
/// use cep_envelope::notification::{Notification, PollType};
///
/// let text = br#"{"from_agent":"alice","to_agent":"bob","poll_type":"PUSH","metadata":{
///     "envelope_name":"2026-05-16.backup.home.normal","envelope_ref":"https://example.org/1",
///     "schema":"file-v1","verification_state":"referenced"}}"#;
/// let notice = Notification::read(text)?;
/// assert_eq!((notice.from_agent, notice.poll_type), ("alice", PollType::Push));
/// # Ok::<(), cep_envelope::notification::NotificationError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
// keeps: CEP-117 (§11.1)
pub struct Notification<'a> {
    /// The claimed sender of the object.
    pub from_agent: &'a str,
    /// The receiver.
    pub to_agent: &'a str,
    /// What kind of message this is.
    pub poll_type: PollType<'a>,
    /// The object's name. It need not be a surface.
    pub envelope_name: &'a str,
    /// Where the object is, as stated by the peer.
    pub envelope_ref: Reference<'a>,
    /// The object's schema.
    pub schema: &'a str,
    /// The verification state that the sender claims.
    pub claimed_state: ClaimedState<'a>,
}

/// The kind of a notification. The draft shows one kind and defines none: others are kept as they are.
// keeps: CEP-118 (§11.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PollType<'a> {
    /// The object is announced.
    Push,
    /// Something else.
    Unknown(&'a str),
}

impl<'a> PollType<'a> {
    /// Its spelling.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        match self {
            Self::Push => "PUSH",
            Self::Unknown(text) => text,
        }
    }
}

impl fmt::Display for PollType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A state that a peer claims. It cannot be converted to a verified state.
///
/// ```
/// use cep_envelope::VerificationState;
/// use cep_envelope::notification::ClaimedState;
///
/// assert_eq!(ClaimedState::Known(VerificationState::DigestMatched).as_str(), "digest-matched");
/// assert_eq!(ClaimedState::Unknown("blessed").as_str(), "blessed", "kept, and not guessed");
/// ```
// keeps: CEP-123 (§11.1), CEP-139 (App. A)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ClaimedState<'a> {
    /// One of the registered names (`CEP Appendix A`).
    Known(VerificationState),
    /// Another name, kept as it is.
    Unknown(&'a str),
}

impl<'a> ClaimedState<'a> {
    /// Its spelling.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        match self {
            Self::Known(state) => state.name(),
            Self::Unknown(text) => text,
        }
    }
}

impl fmt::Display for ClaimedState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a peer says that an object is. It is text, not a path: only a [`Resolver`] interprets it.
///
/// ```
/// use cep_envelope::notification::Reference;
///
/// let reference = Reference::new("https://example.org/../../etc/passwd");
/// assert_eq!(reference.untrusted(), "https://example.org/../../etc/passwd", "a peer's text, and nothing else");
/// ```
// keeps: CEP-120 (§11.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Reference<'a>(&'a str);

impl<'a> Reference<'a> {
    /// A reference to be sent.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The text from the peer. It must not be opened, joined to a path or shown unescaped.
    #[must_use]
    pub const fn untrusted(&self) -> &'a str {
        self.0
    }

    /// The surface in the last segment of the reference, if that is one. Most references have none: the resolver
    /// defines their meaning.
    fn surface(&self) -> Option<Surface<'a>> {
        let until = |text: &'a str, mark: u8| {
            let end = text.bytes().position(|byte| byte == mark).unwrap_or(text.len());
            text.get(..end).unwrap_or_default()
        };
        let path = until(until(self.0, b'#'), b'?');
        let begin = path.bytes().rposition(|byte| matches!(byte, b'/' | b':' | b'\\')).map_or(0, |place| place + 1);
        Surface::parse(path.get(begin..).unwrap_or_default()).ok()
    }
}

/// Fetches objects for the receiver, from places in which the receiver allows it to look.
///
/// ```
/// use cep_envelope::notification::{Reference, Resolver};
///
/// /// Looks in memory, and nowhere else.
/// struct Shelf<'s>(&'s [(&'s str, &'s [u8])]);
///
/// impl<'s> Resolver for Shelf<'s> {
///     type Object = &'s [u8];
///     type Error = &'static str;
///     fn fetch(&mut self, reference: Reference<'_>, _: &str) -> Result<&'s [u8], &'static str> {
///         let found = self.0.iter().find(|(at, _)| *at == reference.untrusted());
///         found.map(|(_, object)| *object).ok_or("not on the shelf")
///     }
/// }
/// let mut shelf = Shelf(&[("shelf:1", b"an object")]);
/// assert_eq!(shelf.fetch(Reference::new("shelf:1"), ""), Ok(&b"an object"[..]));
/// assert!(shelf.fetch(Reference::new("/etc/passwd"), "").is_err());
/// ```
// keeps: CEP-022 (§3.2)
pub trait Resolver {
    /// The fetched object.
    type Object;
    /// Why it could not be fetched.
    type Error;

    /// Fetches the object of this reference and name. Neither has been checked.
    ///
    /// # Errors
    /// The resolver's own.
    fn fetch(&mut self, reference: Reference<'_>, name: &str) -> Result<Self::Object, Self::Error>;
}

/// The members of a notification. All are required.
///
/// An example is at [`NotificationError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs, reason = "each is the member of its name")]
pub enum NotificationField {
    FromAgent,
    ToAgent,
    PollType,
    EnvelopeName,
    EnvelopeRef,
    Schema,
    VerificationState,
}

impl NotificationField {
    /// The member's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FromAgent => "from_agent",
            Self::ToAgent => "to_agent",
            Self::PollType => "poll_type",
            Self::EnvelopeName => "envelope_name",
            Self::EnvelopeRef => "envelope_ref",
            Self::Schema => "schema",
            Self::VerificationState => "verification_state",
        }
    }
}

impl fmt::Display for NotificationField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text is not a notification.
///
/// It names the member that is at fault.
///
/// ```
/// use cep_envelope::json::Unfit;
/// use cep_envelope::notification::{Notification, NotificationError, NotificationField};
///
/// let error = Notification::read(br#"{"from_agent":"alice","metadata":{}}"#).expect_err("not a notice");
/// assert_eq!(error, NotificationError::Member(NotificationField::VerificationState, Unfit::Missing));
/// assert_eq!(error.to_string(), "verification_state: missing");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NotificationError {
    /// It is not JSON as this crate accepts it.
    Json(JsonError),
    /// A member is not a string, or there is no object `metadata`.
    WrongType,
    /// A member cannot be used.
    Member(NotificationField, Unfit),
}

impl fmt::Display for NotificationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(e) => e.fmt(f),
            Self::WrongType => f.pad("a member of another type, or no metadata"),
            Self::Member(field, unfit) => write!(f, "{field}: {unfit}"),
        }
    }
}

impl core::error::Error for NotificationError {}

#[derive(serde::Deserialize)]
struct Read<'a> {
    #[serde(borrow, default)]
    from_agent: Member<'a>,
    #[serde(borrow, default)]
    to_agent: Member<'a>,
    #[serde(borrow, default)]
    poll_type: Member<'a>,
    #[serde(borrow)]
    metadata: ReadMetadata<'a>,
}

#[derive(serde::Deserialize)]
struct ReadMetadata<'a> {
    #[serde(borrow, default)]
    envelope_name: Member<'a>,
    #[serde(borrow, default)]
    envelope_ref: Member<'a>,
    #[serde(borrow, default)]
    schema: Member<'a>,
    #[serde(borrow, default)]
    verification_state: Member<'a>,
}

#[derive(serde::Serialize)]
struct Write<'a> {
    from_agent: &'a str,
    to_agent: &'a str,
    poll_type: &'a str,
    metadata: WriteMetadata<'a>,
}

#[derive(serde::Serialize)]
struct WriteMetadata<'a> {
    envelope_name: &'a str,
    envelope_ref: &'a str,
    schema: &'a str,
    verification_state: &'a str,
}

impl<'a> Notification<'a> {
    /// The state to which a notification raises an object: a constant, independent of the message.
    // keeps: CEP-016 (§3.1), CEP-082 (§7), CEP-132 (§12)
    pub const STATE: VerificationState = VerificationState::Referenced;

    /// Reads a notification. Members that the draft does not show are ignored.
    ///
    /// # Errors
    /// [`NotificationError`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, NotificationError> {
        use NotificationField as F;
        let object = json::object(bytes, MAX_NOTIFICATION).map_err(NotificationError::Json)?;
        let (read, _) = serde_json_core::from_slice::<Read<'a>>(object.as_bytes())
            .map_err(|_: serde_json_core::de::Error| NotificationError::WrongType)?;
        let plain = |field: F, member: Member<'a>, limit: usize| {
            member.plain(limit).map_err(|unfit| NotificationError::Member(field, unfit))
        };
        let state = plain(F::VerificationState, read.metadata.verification_state, MAX_WORD)?;
        Ok(Self {
            from_agent: plain(F::FromAgent, read.from_agent, MAX_ID)?,
            to_agent: plain(F::ToAgent, read.to_agent, MAX_ID)?,
            poll_type: match plain(F::PollType, read.poll_type, MAX_WORD)? {
                "PUSH" => PollType::Push,
                other => PollType::Unknown(other),
            },
            envelope_name: plain(F::EnvelopeName, read.metadata.envelope_name, MAX_NAME)?,
            envelope_ref: Reference(plain(F::EnvelopeRef, read.metadata.envelope_ref, MAX_REF)?),
            schema: plain(F::Schema, read.metadata.schema, MAX_SCHEMA)?,
            claimed_state: VerificationState::LADDER
                .into_iter()
                .find(|known| known.name() == state)
                .map_or(ClaimedState::Unknown(state), ClaimedState::Known),
        })
    }

    /// Writes the notification and returns its bytes. They are read back first: a notification that could not be read
    /// is not written.
    ///
    /// # Errors
    /// `None` if the buffer is too small ([`MAX_NOTIFICATION`] is always enough), or why it would be refused.
    pub fn write<'b>(&self, to: &'b mut [u8]) -> Result<&'b [u8], Option<NotificationError>> {
        let write = Write {
            from_agent: self.from_agent,
            to_agent: self.to_agent,
            poll_type: self.poll_type.as_str(),
            metadata: WriteMetadata {
                envelope_name: self.envelope_name,
                envelope_ref: self.envelope_ref.untrusted(),
                schema: self.schema,
                verification_state: self.claimed_state.as_str(),
            },
        };
        let length = serde_json_core::to_slice(&write, to).map_err(|_| None)?;
        let bytes = to.get(..length).ok_or(None)?;
        Notification::read(bytes).map_err(Some)?;
        Ok(bytes)
    }

    /// Whether the sender claims more than a notification can prove.
    #[must_use]
    pub fn overclaims(&self) -> bool {
        self.claimed_state != ClaimedState::Known(Self::STATE)
    }

    /// Lets the resolver fetch the object. The result is only bytes: their name has not been checked yet.
    ///
    /// # Errors
    /// The resolver's own.
    pub fn resolve<R: Resolver>(&self, resolver: &mut R) -> Result<R::Object, R::Error> {
        resolver.fetch(self.envelope_ref, self.envelope_name)
    }

    /// Where the notice contradicts itself: the last segment of its reference is another surface than its envelope
    /// name.
    // keeps: CEP-121 (§11.1)
    pub fn compare_with_itself(&self) -> Disagreements {
        let other = self.envelope_ref.surface().is_some_and(|surface| surface.as_str() != self.envelope_name);
        Disagreements::default().with_unless(!other, Disagreement::EnvelopeRef)
    }

    /// Compares every field of the notice with the sealed manifest, and with the name under which the object came.
    ///
    /// `named` are the parts of the notice's envelope name; if that is not a surface, it is `None`, and all four
    /// mirrored fields disagree. The sealed manifest holds, whatever this returns.
    // keeps: CEP-026 (§4), CEP-076 (§6.1), CEP-124 (§11.2), CEP-134 (§12)
    pub fn compare(
        &self,
        sealed: &VerifiedManifest<'_>,
        named: Option<&SurfaceParts<'_>>,
        came_as: &str,
    ) -> Disagreements {
        let mirrored = match named {
            Some(parts) => sealed.manifest().compare_surface(parts),
            None => Disagreements::SURFACE,
        };
        mirrored
            .and(self.compare_with_itself())
            .with_unless(self.schema == sealed.manifest().schema, Disagreement::Schema)
            .with_unless(self.from_agent == sealed.sender(), Disagreement::Sender)
            .with_unless(self.to_agent == sealed.recipient(), Disagreement::Recipient)
            .with_unless(self.envelope_name == came_as, Disagreement::EnvelopeName)
    }
}
