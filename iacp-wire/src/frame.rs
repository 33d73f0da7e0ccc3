//! A datagram as one value, and back.

use core::fmt;
use core::ops::Range;

use crate::error::{ParseError, Reason, WriteError};
use crate::field::{Cookie, Signature};
use crate::header::{FirstWord, Flags, HEADER_LEN, MessageType, VERSION};
use crate::message::Message;
use crate::put::put;
use crate::read::Reader;
use crate::tlv::Tlvs;

/// A whole frame: header, session header, message, TLVs.
///
/// ```
/// use iacp_wire::message::PssAck;
/// use iacp_wire::{Cookie, Eid, Flags, Frame, Message, Signature};
/// use zerocopy::network_endian::{U32, U64};
///
/// let ack = PssAck {
///     responder_eid: Eid([1; 32]),
///     session_connection_cookie: Cookie([2; 8]),
///     responder_initial_sequence: U64::new(40),
///     agreed_capabilities: U32::new(0),
///     signature: Signature::ZERO,
/// };
/// let frame = Frame::new(Message::PssAck(&ack)).in_session(Cookie([3; 8]));
/// let mut buffer = [0; 256];
/// let length = frame.write(&mut buffer)?;
///
/// // The signature covers the frame without its own 64 bytes, and takes their place.
/// let span = frame.signature_span().ok_or("the message is signed")?;
/// buffer[span.clone()].fill(9); // by the identity, in real life
/// let read = Frame::parse(&buffer[..length])?;
/// assert!(read.flags.contains(Flags::SESSION));
/// assert!(matches!(read.message, Message::PssAck(ack) if ack.signature == Signature([9; 64])));
/// assert_eq!(span.end, length);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The header's flags as received. In a common header SESSION says whether there is a responder cookie; in an Outer
    /// Transport Header all four bits are reserved: ignored when received, zero when sent.
    pub flags: Flags,
    /// The R-Cookie of the session header (`IACP §4.2.4.1`).
    pub responder_cookie: Option<Cookie>,
    /// The message of the frame.
    pub message: Message<'a>,
    /// What follows a fixed-size body.
    pub tlvs: Tlvs<'a>,
}

impl<'a> Frame<'a> {
    /// A frame without flags, session header and TLVs.
    #[must_use]
    pub const fn new(message: Message<'a>) -> Self {
        Self { flags: Flags::NONE, responder_cookie: None, message, tlvs: Tlvs::NONE }
    }

    /// The same frame in a session.
    #[must_use]
    pub const fn in_session(mut self, responder_cookie: Cookie) -> Self {
        self.flags = self.flags.with(Flags::SESSION);
        self.responder_cookie = Some(responder_cookie);
        self
    }

    /// Reads a datagram. Nothing is copied, and nothing past its end is read.
    ///
    /// # Errors
    /// The datagram is not exactly one well-formed frame.
    // keeps: IACP-169 (§8.7)
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(datagram, 0);
        match FirstWord::read(&mut reader)? {
            FirstWord::Outer { flags, transit_id } => {
                let message = Message::read_outer(transit_id, &mut reader)?;
                // The body is only the figure: there is no place for a session header.
                Ok(Self { flags, responder_cookie: None, message, tlvs: Tlvs::NONE })
            }
            FirstWord::Common { code, flags, payload_length } => {
                let message_type = MessageType::from_code(code)
                    .filter(|message_type| *message_type != MessageType::OuterTransport)
                    .ok_or(ParseError::new(Reason::UnknownType(code), "type", 0))?;
                if reader.remaining() != usize::from(payload_length) {
                    let actual = u16::try_from(reader.remaining()).unwrap_or(u16::MAX);
                    let reason = Reason::PayloadLength { declared: payload_length, actual };
                    return Err(ParseError::new(reason, "payload_length", 2));
                }
                let responder_cookie =
                    if flags.contains(Flags::SESSION) { Some(Cookie(reader.array("responder_cookie")?)) } else { None };
                let message = Message::read(message_type, &mut reader)?;
                let tlvs = if message.takes_tlvs() { Tlvs::read(&mut reader)? } else { Tlvs::NONE };
                reader.end("payload")?;
                if message_type == MessageType::MigrationVector && tlvs.migration_vector().is_none() {
                    return Err(ParseError::new(Reason::TlvMissing(code), "tlv", reader.offset()));
                }
                Ok(Self { flags, responder_cookie, message, tlvs })
            }
        }
    }

    /// How many bytes [`Self::write`] needs.
    #[must_use]
    pub fn length(&self) -> usize {
        let cookie = if self.responder_cookie.is_some() { Cookie::LEN } else { 0 };
        let body = self.message.parts().bytes.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        HEADER_LEN.saturating_add(cookie).saturating_add(body).saturating_add(self.tlvs.as_bytes().len())
    }

    /// Writes the frame to the front of the buffer and returns its length. Reserved flags are written as zero.
    ///
    /// # Errors
    /// The buffer is too small, the payload too long, a length field wrong, or a TLV not allowed.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, WriteError> {
        let needed = self.length();
        if !self.message.lengths_agree() {
            return Err(WriteError::Length);
        }
        let lacks_vector =
            matches!(self.message, Message::MigrationVector(_)) && self.tlvs.migration_vector().is_none();
        if lacks_vector || !(self.message.takes_tlvs() || self.tlvs.as_bytes().is_empty()) {
            return Err(WriteError::Tlvs);
        }
        let flags = match self.responder_cookie {
            Some(_) => self.flags.sendable().with(Flags::SESSION),
            None => self.flags.sendable().without(Flags::SESSION),
        };
        let payload = needed.saturating_sub(HEADER_LEN);
        let first_word = match self.message {
            Message::OuterTransport { .. } if self.responder_cookie.is_some() => return Err(WriteError::Tlvs),
            Message::OuterTransport { transit_id, .. } => FirstWord::Outer { flags, transit_id },
            _ => FirstWord::Common {
                code: self.message.message_type().code(),
                flags,
                payload_length: u16::try_from(payload).map_err(|_| WriteError::TooLong)?,
            },
        };
        let mut rest = buffer.get_mut(..needed).ok_or(WriteError::TooSmall { needed })?;
        let cookie: &[u8] = self.responder_cookie.as_ref().map_or(&[], |cookie| &cookie.0);
        let [first, second, third] = self.message.parts().bytes;
        for part in [&first_word.to_bytes(), cookie, first, second, third, self.tlvs.as_bytes()] {
            rest = put(rest, part).ok_or(WriteError::TooSmall { needed })?;
        }
        Ok(needed)
    }

    /// Where the message's field `signature` stands in the datagram, if it has one.
    ///
    /// This crate does not define what that signature covers: most cover the frame without this span, but those of
    /// ERP_REGISTER and MIGRATION_VECTOR cover a binding of 56 bytes, and DHT_TICKET_RESP repeats that of the
    /// DHT_TICKET_STORE from which it answers.
    #[must_use]
    pub fn signature_span(&self) -> Option<Range<usize>> {
        let cookie = if self.responder_cookie.is_some() { Cookie::LEN } else { 0 };
        let start = self.message.parts().signature?.saturating_add(HEADER_LEN + cookie);
        Some(start..start.saturating_add(Signature::LEN))
    }

    /// The version of the header: 1, or 0 for an Outer Transport Header.
    #[must_use]
    pub const fn version(&self) -> u8 {
        match self.message {
            Message::OuterTransport { .. } => 0,
            _ => VERSION,
        }
    }
}

/// The I-Cookie and the R-Cookie of a session's frame, by which a host finds the session.
///
/// ```
/// use iacp_wire::message::PssDataStream;
/// use iacp_wire::{AeadNonce, Cookie, Frame, Message, session_cookies};
/// use zerocopy::network_endian::U64;
///
/// let (initiator, responder) = (Cookie([2; 8]), Cookie([3; 8]));
/// let head = PssDataStream {
///     session_connection_cookie: initiator,
///     sequence_number: U64::new(41),
///     aead_nonce: AeadNonce([0; 12]),
/// };
/// let frame = Frame::new(Message::PssDataStream { head: &head, sealed: &[0; 20] }).in_session(responder);
/// let mut buffer = [0; 128];
/// let length = frame.write(&mut buffer)?;
/// assert_eq!(session_cookies(&buffer[..length]), Some((initiator, responder)));
/// assert_eq!(session_cookies(&buffer[..length - 1]), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn session_cookies(datagram: &[u8]) -> Option<(Cookie, Cookie)> {
    let frame = Frame::parse(datagram).ok()?;
    Some((frame.message.initiator_cookie()?, frame.responder_cookie?))
}

/// Type, flags and cookie only: a frame may carry what must not be printed.
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("message", &self.message)
            .field("flags", &self.flags)
            .field("responder_cookie", &self.responder_cookie)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message_type().name())
    }
}
