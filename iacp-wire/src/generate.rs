//! Frames for fuzzers (feature `arbitrary`): well-formed ones of every message, and near misses of every kind.
//!
//! A fuzzer that generates bytes finds few frames. With these frames it gets past the parser at once, or to one chosen
//! check in it. Signatures and seals are random bytes: a harness for sessions has to make its own.
//!
//! ```
//! use arbitrary::{Arbitrary, Unstructured};
//! use iacp_wire::Frame;
//! use iacp_wire::generate::{NearMiss, WellFormed};
//!
//! let mut input = Unstructured::new(&[7; 300]);
//! let frame = WellFormed::arbitrary(&mut input)?;
//! assert!(Frame::parse(frame.as_bytes()).is_ok());
//! let near = NearMiss::arbitrary(&mut input)?;
//! assert!(Frame::parse(near.as_bytes()).is_err());
//! # Ok::<(), arbitrary::Error>(())
//! ```

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::field::{AeadTag, Cookie, Eid, Signature};
use crate::header::{FirstWord, Flags, MessageType};
use crate::message as m;
use crate::tlv::{KnownTlv, MigrationValueV4, MigrationValueV6};

/// The longest open part that is generated, in bytes.
const LONGEST: usize = 256;
/// The deepest nesting of frames in frames.
const DEEPEST: u8 = 2;

/// The bytes of a frame that parses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WellFormed(Vec<u8>);

impl WellFormed {
    /// The datagram.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A frame of one message.
    ///
    /// # Errors
    /// Those of `input`.
    pub fn of(message_type: MessageType, input: &mut Unstructured<'_>) -> Result<Self> {
        frame(message_type, input, 0).map(Self)
    }
}

impl<'a> Arbitrary<'a> for WellFormed {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let message_type = *input.choose(MessageType::ALL)?;
        Self::of(message_type, input)
    }
}

/// How a frame is damaged: one way for each [`Reason`](crate::Reason).
///
/// A test of one check in the parser takes frames with only that damage.
///
/// ```
/// use arbitrary::Unstructured;
/// use iacp_wire::generate::{Damage, NearMiss};
/// use iacp_wire::{Frame, Reason};
///
/// let near = NearMiss::of(Damage::TlvRepeated, &mut Unstructured::new(&[7; 300]))?;
/// let error = Frame::parse(near.as_bytes()).expect_err("it is damaged");
/// assert!(matches!(error.reason, Reason::TlvRepeated(_)));
/// # Ok::<(), arbitrary::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It ends inside its figure, and Payload Length agrees with that.
    Truncated,
    /// A byte follows the evidence of a PROOF_OF_MAL.
    Trailing,
    /// Its version is another one.
    Version,
    /// Its type is not in the registry, or has no common header.
    UnknownType,
    /// Its Payload Length is wrong.
    PayloadLength,
    /// The length of a variable part is wrong.
    Length,
    /// A TLV runs past the end.
    TlvOverrun,
    /// A known TLV stands twice.
    TlvRepeated,
    /// A known TLV has a wrong length.
    TlvSize,
    /// A MIGRATION_VECTOR has no TLV.
    TlvMissing,
    /// A migration has an unknown IP version.
    IpVersion,
    /// A URI is not UTF-8.
    Utf8,
}

impl Damage {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Truncated,
        Self::Trailing,
        Self::Version,
        Self::UnknownType,
        Self::PayloadLength,
        Self::Length,
        Self::TlvOverrun,
        Self::TlvRepeated,
        Self::TlvSize,
        Self::TlvMissing,
        Self::IpVersion,
        Self::Utf8,
    ];
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Truncated => "ends inside its figure",
            Self::Trailing => "a byte follows the evidence",
            Self::Version => "another version",
            Self::UnknownType => "a type without a common header",
            Self::PayloadLength => "a wrong Payload Length",
            Self::Length => "a wrong length of a variable part",
            Self::TlvOverrun => "a TLV runs past the end",
            Self::TlvRepeated => "a TLV stands twice",
            Self::TlvSize => "a TLV of a wrong length",
            Self::TlvMissing => "no MIGRATION_VECTOR",
            Self::IpVersion => "an unknown IP version",
            Self::Utf8 => "a URI that is not UTF-8",
        })
    }
}

/// The bytes of a frame that is refused for exactly one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    bytes: Vec<u8>,
    damage: Damage,
}

impl NearMiss {
    /// The datagram.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The damage of the frame.
    #[must_use]
    pub const fn damage(&self) -> Damage {
        self.damage
    }

    /// A frame with one damage.
    ///
    /// # Errors
    /// Those of `input`.
    pub fn of(damage: Damage, input: &mut Unstructured<'_>) -> Result<Self> {
        Ok(Self { bytes: damaged(damage, input)?, damage })
    }
}

impl<'a> Arbitrary<'a> for NearMiss {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let damage = *input.choose(&Damage::ALL)?;
        Self::of(damage, input)
    }
}

/// The size of the figure of a message.
const fn fixed(message_type: MessageType) -> usize {
    use MessageType as T;
    match message_type {
        T::DiscoveryReq => m::DiscoveryReq::LEN,
        T::DiscoveryRes => m::DiscoveryRes::LEN,
        T::AccessTicketReq => m::AccessTicketReq::LEN,
        T::AccessTicketRes => m::AccessTicketRes::LEN,
        T::DhtTicketStore => m::DhtTicketStore::LEN,
        T::DhtTicketQuery => m::DhtTicketQuery::LEN,
        T::DhtTicketResp => m::DhtTicketResp::LEN,
        T::PssInit => m::PssInit::LEN,
        T::PssAck => m::PssAck::LEN,
        T::PssNeg => m::PssNeg::LEN,
        T::ErpInit => m::ErpInit::LEN,
        T::ErpAlloc => m::ErpAlloc::LEN,
        T::ErpRegister => m::ErpRegister::LEN,
        T::ErpEvolve => m::ErpEvolve::LEN,
        T::MigrationVector => m::MigrationVector::LEN,
        T::ErpKeepalive => m::ErpKeepalive::LEN,
        T::ErpConfirm => m::ErpConfirm::LEN,
        T::TransitGrant => m::TransitGrant::LEN,
        T::DockOffer => m::DockOffer::LEN,
        T::AnmlFallbackAnswer => m::AnmlFallbackAnswer::LEN,
        T::DirReceipt => m::DirReceipt::LEN,
        T::PomNotice => m::PomNotice::LEN,
        T::PomVote => m::PomVote::LEN,
        T::SpaceJoin => m::SpaceJoin::LEN,
        T::SpaceStatus => m::SpaceStatus::LEN,
        T::ErpDeflect => m::ErpDeflect::LEN,
        T::OuterTransport => m::OuterTransport::LEN,
        T::ErpStream => m::ErpStream::LEN,
        T::TicketedRequest => m::TicketedRequest::LEN,
        T::Local => m::Local::LEN,
        T::AaiRequest => m::AaiRequest::LEN,
        T::AaiNotice => m::AaiNotice::LEN,
        T::PathRelay => m::PathRelay::LEN,
        T::SandboxStream => m::SandboxStream::LEN,
        T::DirGet => m::DirGet::LEN,
        T::DirAnswer => m::DirAnswer::LEN,
        T::DirPut => m::DirPut::LEN,
        T::WorkedRequest => m::WorkedRequest::LEN,
        T::SpaceRelay => m::SpaceRelay::LEN,
        T::PssDataStream => m::PssDataStream::LEN,
        T::PssTeardown => m::PssTeardown::LEN,
        T::PssRevocationPublish => m::PssRevocationPublish::LEN,
        T::PssRevocationRebuttal => m::PssRevocationRebuttal::LEN,
        T::AnmlFallbackQuery => m::AnmlFallbackQuery::LEN,
        T::ProofOfMal => m::ProofOfMal::LEN,
        T::Error => m::ErrorMessage::LEN,
    }
}

/// Messages whose body is their figure alone.
const CLOSED: [MessageType; 4] =
    [MessageType::PssInit, MessageType::DiscoveryReq, MessageType::DirReceipt, MessageType::ErpAlloc];

/// `count` bytes; zeros if the input has ended.
fn bytes(input: &mut Unstructured<'_>, count: usize) -> Result<Vec<u8>> {
    let mut bytes = alloc::vec![0; count];
    input.fill_buffer(&mut bytes)?;
    Ok(bytes)
}

/// From `least` to `least` and 256 bytes.
fn some(input: &mut Unstructured<'_>, least: usize) -> Result<Vec<u8>> {
    let count = input.int_in_range(0..=LONGEST)?;
    bytes(input, least.saturating_add(count))
}

/// Sets a 32-bit length at an offset of the figure.
fn set_length(body: &mut [u8], at: usize, length: u32) {
    for (byte, value) in body.iter_mut().skip(at).zip(length.to_be_bytes()) {
        *byte = value;
    }
}

/// Where the length field of a message with a measured part stands in its figure.
const fn length_at(message_type: MessageType) -> Option<usize> {
    match message_type {
        MessageType::PssTeardown => Some(Cookie::LEN + 4),
        MessageType::PssRevocationPublish | MessageType::PssRevocationRebuttal => Some(2 * Eid::LEN),
        _ => None,
    }
}

/// A frame with a common header: flags and cookie are generated, the length is that of the body.
fn with_header(message_type: MessageType, body: &[u8], input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let flags = Flags::from_bits(input.arbitrary()?);
    let cookie = if flags.contains(Flags::SESSION) { bytes(input, Cookie::LEN)? } else { Vec::new() };
    Ok(headed(message_type.code(), flags, &[&cookie, body].concat()))
}

fn headed(code: u8, flags: Flags, payload: &[u8]) -> Vec<u8> {
    let payload_length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    [&FirstWord::Common { code, flags, payload_length }.to_bytes(), payload].concat()
}

fn frame(message_type: MessageType, input: &mut Unstructured<'_>, depth: u8) -> Result<Vec<u8>> {
    let body = body(message_type, input, depth)?;
    if message_type == MessageType::OuterTransport {
        let first = FirstWord::Outer { flags: Flags::from_bits(input.arbitrary()?), transit_id: input.arbitrary()? };
        return Ok([&first.to_bytes(), body.as_slice()].concat());
    }
    with_header(message_type, &body, input)
}

fn body(message_type: MessageType, input: &mut Unstructured<'_>, depth: u8) -> Result<Vec<u8>> {
    use MessageType as T;
    let mut body = bytes(input, fixed(message_type))?;
    match message_type {
        T::PssDataStream => body.extend(some(input, AeadTag::LEN)?),
        T::PssTeardown | T::PssRevocationPublish | T::PssRevocationRebuttal => {
            let part = some(input, 0)?;
            if let Some(at) = length_at(message_type) {
                set_length(&mut body, at, u32::try_from(part.len()).unwrap_or(u32::MAX));
            }
            body.extend(part);
            if message_type == T::PssRevocationRebuttal {
                body.extend(bytes(input, Signature::LEN)?);
            }
        }
        T::AnmlFallbackQuery => {
            let mut uri = text(input)?;
            uri.extend(body);
            body = uri;
        }
        T::ProofOfMal => {
            if input.arbitrary()? {
                body.extend(evidence(&body, input)?);
            }
        }
        T::OuterTransport
        | T::ErpDeflect
        | T::ErpStream
        | T::TicketedRequest
        | T::Local
        | T::PathRelay
        | T::WorkedRequest
        | T::SpaceRelay => body.extend(inner(input, depth)?),
        T::AaiRequest | T::AaiNotice | T::SandboxStream | T::DirGet | T::DirAnswer | T::DirPut => {
            body.extend(some(input, 0)?);
        }
        T::MigrationVector => {
            body.extend(migration(input)?);
            body.extend(tlvs(input, false)?);
        }
        _ => body.extend(tlvs(input, true)?),
    }
    Ok(body)
}

/// A frame, or bytes: the parser does not look inside.
fn inner(input: &mut Unstructured<'_>, depth: u8) -> Result<Vec<u8>> {
    if depth < DEEPEST && input.arbitrary()? {
        let message_type = *input.choose(MessageType::ALL)?;
        return frame(message_type, input, depth.saturating_add(1));
    }
    some(input, 0)
}

/// Text of one- and two-byte characters.
fn text(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let count = input.int_in_range(0..=64_u8)?;
    let mut text = String::new();
    for _ in 0..count {
        text.push(char::from(input.int_in_range(0x20..=0xFF_u8)?));
    }
    Ok(text.into_bytes())
}

/// The evidence of the form that the offence of a PROOF_OF_MAL requires.
fn evidence(ticket: &[u8], input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    if !matches!(ticket.get(2..4), Some([0, 2..=4])) {
        return bytes(input, m::MalfeasanceEvidence::LEN);
    }
    let (a, b) = (some(input, 0)?, some(input, 0)?);
    let length = |claim: &[u8]| u16::try_from(claim.len()).unwrap_or(u16::MAX).to_be_bytes();
    let kind: [u8; 2] = input.arbitrary()?;
    let tail = bytes(input, m::ClaimsTail::LEN)?;
    Ok([&kind, &length(&a), &length(&b), a.as_slice(), &b, &tail].concat())
}

fn tlv(code: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    [&[code, length], value].concat()
}

fn migration(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let (version, size) = if input.arbitrary()? { (4, MigrationValueV4::LEN) } else { (6, MigrationValueV6::LEN) };
    let mut value = bytes(input, size)?;
    if let Some(first) = value.first_mut() {
        *first = version;
    }
    Ok(tlv(*input.choose(&[0x0C, KnownTlv::MigrationVector.code()])?, &value))
}

/// Some TLVs: each known one at most once, and unknown ones.
fn tlvs(input: &mut Unstructured<'_>, may_migrate: bool) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    if may_migrate && input.ratio(1_u8, 8)? {
        all.extend(migration(input)?);
    }
    let known = [
        (KnownTlv::KeyShare, 32),
        (KnownTlv::Airk, 32),
        (KnownTlv::AppDigest, 32),
        (KnownTlv::TicketIv, 4),
        (KnownTlv::DiscoveryProof, 16),
    ];
    for (kind, size) in known {
        if input.ratio(1_u8, 4)? {
            all.extend(tlv(kind.code(), &bytes(input, size)?));
        }
    }
    if input.ratio(1_u8, 4)? {
        let code = input.arbitrary()?;
        if KnownTlv::from_code(code).is_none() {
            let count = input.int_in_range(0..=40_usize)?;
            all.extend(tlv(code, &bytes(input, count)?));
        }
    }
    Ok(all)
}

/// A frame that is refused for this damage.
fn damaged(damage: Damage, input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let kind = *input.choose(&CLOSED)?;
    let mut figure = bytes(input, fixed(kind))?;
    let key_share = tlv(KnownTlv::KeyShare.code(), &bytes(input, 32)?);
    let bare = |payload: &[u8]| headed(kind.code(), Flags::NONE, payload);
    Ok(match damage {
        Damage::Truncated => {
            let kept = input.int_in_range(0..=figure.len().saturating_sub(1))?;
            figure.truncate(kept);
            with_header(kind, &figure, input)?
        }
        Damage::Trailing => {
            let mut body = bytes(input, m::ProofOfMal::LEN)?;
            // Offence 1: two bindings, of one size.
            for (byte, value) in body.iter_mut().skip(2).zip([0, 1]) {
                *byte = value;
            }
            body.extend(bytes(input, m::MalfeasanceEvidence::LEN)?);
            body.extend(some(input, 1)?);
            headed(MessageType::ProofOfMal.code(), Flags::NONE, &body)
        }
        Damage::Version => {
            let mut frame = bare(&figure);
            let version = input.int_in_range(2..=15_u8)?;
            if let Some(first) = frame.first_mut() {
                *first = version << 4 | *first & 0xF;
            }
            frame
        }
        Damage::UnknownType => {
            let codes = 0..=u8::MAX;
            let is_unknown =
                |code: &u8| MessageType::from_code(*code).is_none_or(|known| known == MessageType::OuterTransport);
            let unknown: Vec<u8> = codes.filter(is_unknown).collect();
            headed(*input.choose(&unknown)?, Flags::NONE, &figure)
        }
        Damage::PayloadLength => {
            let mut frame = bare(&figure);
            let by = input.int_in_range(1..=u16::MAX)?;
            let length = u16::try_from(figure.len()).unwrap_or_default().wrapping_add(by).to_be_bytes();
            for (byte, value) in frame.iter_mut().skip(2).zip(length) {
                *byte = value;
            }
            frame
        }
        Damage::Length => {
            let kind = *input.choose(&[
                MessageType::PssTeardown,
                MessageType::PssRevocationPublish,
                MessageType::PssRevocationRebuttal,
            ])?;
            let mut body = body(kind, input, 0)?;
            if let Some(at) = length_at(kind) {
                let right = body.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |right| u32::from_be_bytes(*right));
                let by = input.int_in_range(1..=1_000_u32)?;
                set_length(&mut body, at, right.saturating_add(by));
            }
            with_header(kind, &body, input)?
        }
        Damage::TlvOverrun => {
            let value = some(input, 0)?;
            let length = input.int_in_range(value.len().saturating_add(1).min(255)..=255_usize)?;
            let value = value.get(..length.saturating_sub(1)).unwrap_or(&value);
            let overrun = [0xC3, u8::try_from(length).unwrap_or(u8::MAX)];
            bare(&[&figure, overrun.as_slice(), value].concat())
        }
        Damage::TlvRepeated => bare(&[&figure, key_share.as_slice(), &key_share].concat()),
        Damage::TlvSize => {
            let size = *input.choose(&[0, 1, 31, 33, 64])?;
            let short = tlv(KnownTlv::KeyShare.code(), &bytes(input, size)?);
            bare(&[&figure, short.as_slice()].concat())
        }
        Damage::TlvMissing => {
            let body = bytes(input, m::MigrationVector::LEN)?;
            headed(MessageType::MigrationVector.code(), Flags::NONE, &[&body, key_share.as_slice()].concat())
        }
        Damage::IpVersion => {
            let body = bytes(input, m::MigrationVector::LEN)?;
            let mut vector = migration(input)?;
            if let Some(version) = vector.get_mut(2) {
                *version = *input.choose(&[0, 1, 5, 7, 255])?;
            }
            headed(MessageType::MigrationVector.code(), Flags::NONE, &[body, vector].concat())
        }
        Damage::Utf8 => {
            let mut uri = text(input)?;
            // No text has this byte.
            uri.push(0xFF);
            uri.extend(bytes(input, m::AnmlFallbackQuery::LEN)?);
            headed(MessageType::AnmlFallbackQuery.code(), Flags::NONE, &uri)
        }
    })
}
