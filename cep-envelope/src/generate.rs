//! Names, manifests and notices for fuzzers (feature `arbitrary`): well-formed ones, and near misses of every kind.
//!
//! Signatures cannot be generated: these texts are for readers that run before a signature is verified.
//!
//! ```
//! use arbitrary::Unstructured;
//! use cep_envelope::generate::{NearMiss, Text, WellFormed, Wrong};
//! use cep_envelope::manifest::Manifest;
//! use cep_envelope::{Surface, SurfaceReason};
//!
//! let mut input = Unstructured::new(&[7; 200]);
//! let manifest = WellFormed::of(Text::Manifest, &mut input)?;
//! assert!(Manifest::read(manifest.as_str().as_bytes()).is_ok());
//! let near = NearMiss::of_name(SurfaceReason::TooLong, &mut input)?;
//! assert!(Surface::parse_bytes(near.as_bytes()).is_err());
//! assert_eq!(near.wrong(), Wrong::Name(SurfaceReason::TooLong));
//! # Ok::<(), arbitrary::Error>(())
//! ```

extern crate alloc;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::json::{MAX_DEPTH, MAX_OPEN_KEYS};
use crate::manifest::MAX_MANIFEST;
use crate::notification::MAX_REF;
use crate::state::VerificationState;
use crate::surface::{Segment, SurfaceReason};

/// The kind of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The visible name of an object: a surface.
    Name,
    /// A bare manifest.
    Manifest,
    /// A notification.
    Notice,
}

impl Text {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Name, Self::Manifest, Self::Notice];
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Name => "a name",
            Self::Manifest => "a manifest",
            Self::Notice => "a notice",
        })
    }
}

/// A well-formed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WellFormed {
    text: String,
    is: Text,
}

impl WellFormed {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its kind.
    #[must_use]
    pub const fn is(&self) -> Text {
        self.is
    }

    /// A text of one kind.
    ///
    /// # Errors
    /// Those of `input`.
    pub fn of(is: Text, input: &mut Unstructured<'_>) -> Result<Self> {
        let text = match is {
            Text::Name => name(input)?,
            Text::Manifest => object(&manifest(input)?),
            Text::Notice => object(&notice(input)?),
        };
        Ok(Self { text, is })
    }
}

impl<'a> Arbitrary<'a> for WellFormed {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Self::of(*input.choose(&Text::ALL)?, input)
    }
}

/// What is wrong with the text of a manifest or a notice, or with one of its members.
///
/// A test of one check takes texts with only that damage.
///
/// ```
/// use arbitrary::Unstructured;
/// use cep_envelope::generate::{Damage, NearMiss};
/// use cep_envelope::json::JsonErrorKind;
/// use cep_envelope::manifest::{Manifest, ManifestError};
///
/// let near = NearMiss::of_manifest(Damage::DuplicateKey, &mut Unstructured::new(&[7; 300]))?;
/// let Err(ManifestError::Json(error)) = Manifest::read(near.as_bytes()) else { panic!("it is damaged") };
/// assert_eq!(error.kind, JsonErrorKind::DuplicateKey);
/// # Ok::<(), arbitrary::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is longer than its kind may be.
    TooLong,
    /// It is not UTF-8.
    NotUtf8,
    /// It is cut short.
    Syntax,
    /// It is JSON, but not an object.
    NotAnObject,
    /// It is nested too deep.
    TooDeep,
    /// It has too many members.
    TooManyKeys,
    /// It names a member twice.
    DuplicateKey,
    /// The name of a member has an escape.
    EscapedKey,
    /// Something follows the object.
    Trailing,
    /// A member is not a string.
    WrongType,
    /// A member is absent.
    Missing,
    /// A member is null.
    Null,
    /// A member is empty.
    Empty,
    /// A member is longer than its bound.
    MemberTooLong,
    /// A member has an escape.
    Escaped,
    /// A member has a control character that JSON allows.
    Control,
    /// The time fragment of a manifest is malformed.
    TimeFragment,
    /// The sealed time of a manifest is malformed.
    SealedCreatedAt,
    /// The digest of a manifest is malformed.
    Digest,
}

impl Damage {
    /// All damages that a notice can have.
    pub const OF_NOTICES: [Self; 16] = [
        Self::TooLong,
        Self::NotUtf8,
        Self::Syntax,
        Self::NotAnObject,
        Self::TooDeep,
        Self::TooManyKeys,
        Self::DuplicateKey,
        Self::EscapedKey,
        Self::Trailing,
        Self::WrongType,
        Self::Missing,
        Self::Null,
        Self::Empty,
        Self::MemberTooLong,
        Self::Escaped,
        Self::Control,
    ];
    /// The damages that only a manifest can have.
    pub const OF_MANIFESTS: [Self; 3] = [Self::TimeFragment, Self::SealedCreatedAt, Self::Digest];
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TooLong => "too long",
            Self::NotUtf8 => "not UTF-8",
            Self::Syntax => "cut short",
            Self::NotAnObject => "JSON, but not an object",
            Self::TooDeep => "nested too deep",
            Self::TooManyKeys => "too many members",
            Self::DuplicateKey => "a member named twice",
            Self::EscapedKey => "an escape in a member's name",
            Self::Trailing => "something follows the object",
            Self::WrongType => "a member that is not a string",
            Self::Missing => "an absent member",
            Self::Null => "a member that is null",
            Self::Empty => "an empty member",
            Self::MemberTooLong => "a member that is too long",
            Self::Escaped => "an escape in a member",
            Self::Control => "a control character in a member",
            Self::TimeFragment => "a malformed time fragment",
            Self::SealedCreatedAt => "a malformed sealed time",
            Self::Digest => "a malformed digest",
        })
    }
}

/// All damages that a name can have.
pub const OF_NAMES: [SurfaceReason; 8] = [
    SurfaceReason::Ended,
    SurfaceReason::Digit,
    SurfaceReason::Mark,
    SurfaceReason::Dot,
    SurfaceReason::Empty,
    SurfaceReason::Character,
    SurfaceReason::TooLong,
    SurfaceReason::Surplus,
];

/// The damage of a near miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// With a name.
    Name(SurfaceReason),
    /// With a manifest.
    Manifest(Damage),
    /// With a notice.
    Notice(Damage),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(reason) => write!(f, "name: {reason}"),
            Self::Manifest(damage) => write!(f, "manifest: {damage}"),
            Self::Notice(damage) => write!(f, "notice: {damage}"),
        }
    }
}

/// The bytes of a text that is refused for exactly one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    bytes: Vec<u8>,
    wrong: Wrong,
}

impl NearMiss {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The damage, and the kind of the text.
    #[must_use]
    pub const fn wrong(&self) -> Wrong {
        self.wrong
    }

    /// A name with this damage.
    ///
    /// # Errors
    /// Those of `input`.
    pub fn of_name(reason: SurfaceReason, input: &mut Unstructured<'_>) -> Result<Self> {
        Ok(Self { bytes: near_name(reason, input)?.into(), wrong: Wrong::Name(reason) })
    }

    /// A manifest with this damage.
    ///
    /// # Errors
    /// Those of `input`.
    pub fn of_manifest(damage: Damage, input: &mut Unstructured<'_>) -> Result<Self> {
        let members = manifest(input)?;
        Ok(Self { bytes: damaged(damage, members, REQUIRED, input)?, wrong: Wrong::Manifest(damage) })
    }

    /// A notice with this damage. Use one of [`Damage::OF_NOTICES`]: with a damage that only manifests can have, the
    /// notice is well-formed.
    ///
    /// # Errors
    /// Those of `input`.
    pub fn of_notice(damage: Damage, input: &mut Unstructured<'_>) -> Result<Self> {
        let members = notice(input)?;
        let all = members.len();
        Ok(Self { bytes: damaged(damage, members, all, input)?, wrong: Wrong::Notice(damage) })
    }
}

impl<'a> Arbitrary<'a> for NearMiss {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        match *input.choose(&Text::ALL)? {
            Text::Name => Self::of_name(*input.choose(&OF_NAMES)?, input),
            Text::Manifest if input.ratio(1_u8, 4)? => Self::of_manifest(*input.choose(&Damage::OF_MANIFESTS)?, input),
            Text::Manifest => Self::of_manifest(*input.choose(&Damage::OF_NOTICES)?, input),
            Text::Notice => Self::of_notice(*input.choose(&Damage::OF_NOTICES)?, input),
        }
    }
}

/// From `least` to `most` characters of a set.
fn word(input: &mut Unstructured<'_>, set: &[u8], least: usize, most: usize) -> Result<String> {
    let count = input.int_in_range(least..=most)?;
    (0..count).map(|_| Ok(char::from(*input.choose(set)?))).collect()
}

const SEGMENT: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-";
const PLAIN: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:+@ ";

fn segment(input: &mut Unstructured<'_>, segment: Segment) -> Result<String> {
    word(input, SEGMENT, 1, segment.longest())
}

/// A time fragment in one of its three forms. A surface's time need not be in a calendar.
fn time(input: &mut Unstructured<'_>) -> Result<String> {
    let mut digits = |count: usize| word(input, b"0123456789", count, count);
    let (year, month, day) = (digits(4)?, digits(2)?, digits(2)?);
    let (hour, minute, second) = (digits(2)?, digits(2)?, digits(2)?);
    Ok(match input.int_in_range(0..=2_u8)? {
        0 => format!("{year}{month}{day}t{hour}{minute}{second}z"),
        1 => format!("{year}-{month}-{day}t{hour}-{minute}-{second}z"),
        _ => format!("{year}-{month}-{day}"),
    })
}

fn name(input: &mut Unstructured<'_>) -> Result<String> {
    let (time, context) = (time(input)?, segment(input, Segment::Context)?);
    let (profile, priority) = (segment(input, Segment::Profile)?, segment(input, Segment::Priority)?);
    let extension =
        if input.arbitrary()? { format!(".{}", segment(input, Segment::Extension)?) } else { String::new() };
    Ok(format!("{time}.{context}.{profile}.{priority}{extension}"))
}

fn near_name(reason: SurfaceReason, input: &mut Unstructured<'_>) -> Result<String> {
    let time = "20260514t064148z";
    let mut part = |at: Segment| segment(input, at);
    let (context, profile, priority) = (part(Segment::Context)?, part(Segment::Profile)?, part(Segment::Priority)?);
    let rest = format!("{context}.{profile}.{priority}");
    Ok(match reason {
        SurfaceReason::Ended => {
            let kept = input.int_in_range(0..=time.len())?;
            time.get(..kept).unwrap_or_default().into()
        }
        SurfaceReason::Digit => {
            let at = input.int_in_range(0..=7_usize)?;
            // At the fifth place a hyphen begins another form, so a wrong byte there would be a wrong mark, not a wrong
            // digit.
            let at = if at == 4 { 3 } else { at };
            let (before, behind) = (time.get(..at).unwrap_or_default(), time.get(at..).unwrap_or_default());
            format!("{before}x{}.{rest}", behind.get(1..).unwrap_or_default())
        }
        SurfaceReason::Mark => format!("{}.{rest}", time.replace('t', "x")),
        SurfaceReason::Dot => format!("{time}{rest}"),
        SurfaceReason::Empty => format!("{time}.{context}..{priority}"),
        SurfaceReason::Character => {
            let character = word(input, b"ABCXYZ_/ %", 1, 1)?;
            format!("{time}.{context}.{character}{profile}.{priority}")
        }
        SurfaceReason::TooLong => {
            let long = word(input, SEGMENT, Segment::Context.longest().saturating_add(1), 200)?;
            format!("{time}.{long}.{profile}.{priority}")
        }
        _ => format!("{time}.{rest}.tza.{context}"),
    })
}

/// A member: whether it is inside `metadata`, its name, and its value as JSON.
struct Member {
    inside: bool,
    name: &'static str,
    value: String,
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn plain(input: &mut Unstructured<'_>) -> Result<String> {
    Ok(quoted(&word(input, PLAIN, 1, 40)?))
}

fn digest(input: &mut Unstructured<'_>) -> Result<String> {
    Ok(quoted(&format!("sha256:{}", word(input, b"0123456789abcdef", 64, 64)?)))
}

/// An RFC 3339 time that a calendar has.
fn sealed_time(input: &mut Unstructured<'_>) -> Result<String> {
    let mut number = |least: u16, most: u16| input.int_in_range(least..=most);
    let (year, month, day) = (number(1970, 2199)?, number(1, 12)?, number(1, 28)?);
    let (hour, minute, second) = (number(0, 23)?, number(0, 59)?, number(0, 59)?);
    let (zone, hours, minutes) = (number(0, 2)?, number(0, 12)?, number(0, 59)?);
    let fraction = word(input, b"0123456789", 0, 9)?;
    let point = if fraction.is_empty() { "" } else { "." };
    let offset = match zone {
        0 => "Z".to_string(),
        1 => format!("+{hours:02}:{minutes:02}"),
        _ => format!("-{hours:02}:{minutes:02}"),
    };
    Ok(quoted(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{fraction}{offset}")))
}

/// How many members of a manifest are required; they come first.
const REQUIRED: usize = 7;

fn manifest(input: &mut Unstructured<'_>) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    let mut add = |name, value| members.push(Member { inside: false, name, value });
    add("schema", plain(input)?);
    add("surface_time_fragment", quoted(&time(input)?));
    add("surface_context", quoted(&segment(input, Segment::Context)?));
    add("surface_profile", quoted(&segment(input, Segment::Profile)?));
    add("surface_priority", quoted(&segment(input, Segment::Priority)?));
    add("sealed_created_at", sealed_time(input)?);
    add("content_digest", digest(input)?);
    match input.int_in_range(0..=2_u8)? {
        0 => {}
        1 => add("causal_parent", "null".into()),
        _ => add("causal_parent", digest(input)?),
    }
    for name in ["signer", "recipient"] {
        if input.arbitrary()? {
            add(name, plain(input)?);
        }
    }
    if input.ratio(1_u8, 4)? {
        add("x-unknown", input.arbitrary::<i16>()?.to_string());
    }
    Ok(members)
}

fn notice(input: &mut Unstructured<'_>) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    let mut add = |inside, name, value| members.push(Member { inside, name, value });
    add(false, "from_agent", plain(input)?);
    add(false, "to_agent", plain(input)?);
    let poll_type = if input.arbitrary()? { quoted("PUSH") } else { plain(input)? };
    add(false, "poll_type", poll_type);
    add(true, "envelope_name", plain(input)?);
    add(true, "envelope_ref", plain(input)?);
    add(true, "schema", plain(input)?);
    let known = *input.choose(&VerificationState::LADDER)?;
    let state = if input.arbitrary()? { quoted(known.name()) } else { plain(input)? };
    add(true, "verification_state", state);
    Ok(members)
}

fn object(members: &[Member]) -> String {
    let list = |inside: bool| {
        let written = members.iter().filter(|member| member.inside == inside);
        let written: Vec<String> = written.map(|Member { name, value, .. }| format!("\"{name}\":{value}")).collect();
        written.join(",")
    };
    let (outside, inside) = (list(false), list(true));
    if members.iter().any(|member| member.inside) {
        // There may be no members left outside `metadata`.
        let comma = if outside.is_empty() { "" } else { "," };
        format!("{{{outside}{comma}\"metadata\":{{{inside}}}}}")
    } else {
        format!("{{{outside}}}")
    }
}

/// The text of an object with these members, in which one of the first `required`, or the whole text, is damaged.
fn damaged(damage: Damage, mut members: Vec<Member>, required: usize, input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let which = input.choose_index(required)?;
    let mut set = |value: String| {
        if let Some(member) = members.get_mut(which) {
            member.value = value;
        }
    };
    match damage {
        Damage::WrongType => set((*input.choose(&["7", "[]", "true", "{}"])?).into()),
        Damage::Null => set("null".into()),
        Damage::Empty => set(quoted("")),
        Damage::MemberTooLong => {
            set(quoted(&word(input, PLAIN, MAX_REF.saturating_add(1), MAX_REF.saturating_add(99))?))
        }
        Damage::Escaped => set(quoted(input.choose(&["a\\u0041", "\\n", "\\\\b", "\\\"x"])?)),
        Damage::Control => set(quoted(input.choose(&["a\u{7f}", "\u{80}", "\u{9f}b"])?)),
        Damage::Missing => {
            members.remove(which);
        }
        Damage::TimeFragment => {
            replace(&mut members, "surface_time_fragment", &["20260514", "20260514t064148", "now"], input)?
        }
        Damage::SealedCreatedAt => {
            let times = [
                "2026-05-14",
                "2026-05-14T06:41:48",
                "2026-13-14T06:41:48Z",
                "2026-05-14T06:41:60Z",
                "2026-05-14T06:41:48.1234567890Z",
            ];
            replace(&mut members, "sealed_created_at", &times, input)?;
        }
        Damage::Digest => {
            let digests = ["sha512:00", "sha256:00", "sha256", "SHA256:00"];
            replace(&mut members, "content_digest", &digests, input)?;
        }
        _ => {}
    }
    let mut text = object(&members);
    let extend = |text: &mut String, more: &str| {
        text.pop();
        text.push_str(more);
        text.push('}');
    };
    match damage {
        Damage::TooLong => text.extend(core::iter::repeat_n(' ', MAX_MANIFEST)),
        Damage::NotUtf8 => {
            let mut bytes = text.into_bytes();
            let at = input.choose_index(bytes.len())?;
            bytes.insert(at, 0xFF);
            return Ok(bytes);
        }
        Damage::Syntax => {
            text.pop();
        }
        Damage::NotAnObject => text = (*input.choose(&["[]", "null", "7", "\"a\"", "true"])?).into(),
        Damage::TooDeep => {
            let depth = MAX_DEPTH.saturating_add(input.int_in_range(1..=20_usize)?);
            extend(&mut text, &format!(",\"x\":{}{}", "[".repeat(depth), "]".repeat(depth)));
        }
        Damage::TooManyKeys => {
            let more: String = (0..=MAX_OPEN_KEYS).map(|number| format!(",\"k{number}\":0")).collect();
            extend(&mut text, &more);
        }
        Damage::DuplicateKey => extend(&mut text, ",\"x\":1,\"x\":1"),
        Damage::EscapedKey => extend(&mut text, ",\"\\u0061\":1"),
        Damage::Trailing => text.push_str(input.choose(&["{}", " 7", ",", "x"])?),
        _ => {}
    }
    Ok(text.into_bytes())
}

fn replace(members: &mut [Member], name: &str, values: &[&str], input: &mut Unstructured<'_>) -> Result<()> {
    let value = quoted(input.choose(values)?);
    for member in members.iter_mut().filter(|member| member.name == name) {
        member.value.clone_from(&value);
    }
    Ok(())
}
