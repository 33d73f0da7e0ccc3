//! Why bytes are not a frame, and why a frame cannot be written.

use core::fmt;

/// What is wrong with the bytes.
///
/// An example is at [`ParseError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reason {
    /// The bytes end inside the field, or before it.
    Truncated,
    /// Bytes follow where the frame has to end.
    Trailing,
    /// The version is not 1 (and the bytes are no Outer Transport Header).
    Version(u8),
    /// The type is not in the registry, or has no common header.
    UnknownType(u8),
    /// Payload Length differs from the length of the datagram.
    PayloadLength {
        /// The Payload Length of the header.
        declared: u16,
        /// How many bytes follow the header, at most `u16::MAX`.
        actual: u16,
    },
    /// A length inside the body disagrees with the bytes that are there.
    Length,
    /// A TLV runs past the end of the payload.
    TlvOverrun(u8),
    /// A known TLV stands twice.
    TlvRepeated(u8),
    /// A known TLV has a length that it cannot have.
    TlvSize(u8),
    /// A TLV that this message needs is absent.
    TlvMissing(u8),
    /// An IP version that is neither 4 nor 6.
    IpVersion(u8),
    /// Text that is not UTF-8.
    Utf8,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.pad("the bytes end too early"),
            Self::Trailing => f.pad("bytes follow the end of the frame"),
            Self::Version(version) => write!(f, "version {version} is not 1"),
            Self::UnknownType(code) => write!(f, "type {code:#04x} is unknown"),
            Self::PayloadLength { declared, actual } => write!(f, "says {declared}, but {actual} bytes follow"),
            Self::Length => f.pad("does not fit the bytes that are there"),
            Self::TlvOverrun(code) => write!(f, "TLV {code:#04x} runs past the end"),
            Self::TlvRepeated(code) => write!(f, "TLV {code:#04x} stands twice"),
            Self::TlvSize(code) => write!(f, "TLV {code:#04x} has an impossible length"),
            Self::TlvMissing(code) => write!(f, "TLV {code:#04x} is absent"),
            Self::IpVersion(version) => write!(f, "IP version {version} is neither 4 nor 6"),
            Self::Utf8 => f.pad("is not UTF-8"),
        }
    }
}

/// A refusal to parse: its reason, its field and its byte.
///
/// A program that prints what it receives says which field of a refused datagram is wrong, and at which byte.
///
/// ```
/// use iacp_wire::{Frame, ParseError, Reason};
///
/// let short = [0x11, 0x10, 0x00, 0x20, 7]; // ERP_INIT: 32 bytes should follow
/// let error: ParseError = Frame::parse(&short).expect_err("one byte follows");
/// assert_eq!(error.reason, Reason::PayloadLength { declared: 32, actual: 1 });
/// assert_eq!(error.to_string(), "payload_length: says 32, but 1 bytes follow (byte 2)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ParseError {
    /// What is wrong.
    pub reason: Reason,
    /// The field with the error, named as in the figures. Empty without the feature `names`.
    pub field: &'static str,
    /// The byte of the datagram at which the error was detected.
    pub offset: usize,
}

impl ParseError {
    pub(crate) const fn new(reason: Reason, field: &'static str, offset: usize) -> Self {
        Self { reason, field: if cfg!(feature = "names") { field } else { "" }, offset }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, field, offset } = self;
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        write!(f, "{reason} (byte {offset})")
    }
}

impl core::error::Error for ParseError {}

/// A refusal to write. The buffer then contains nothing usable.
///
/// A buffer that is too small is refused with the length that would do.
///
/// ```
/// use iacp_wire::{Frame, InitializationNonce, Message, WriteError, message::ErpInit};
///
/// let init = ErpInit { initialization_nonce: InitializationNonce([7; 32]) };
/// let frame = Frame::new(Message::ErpInit(&init));
/// assert_eq!(frame.write(&mut [0; 16]), Err(WriteError::TooSmall { needed: 36 }));
/// assert_eq!(frame.write(&mut [0; 36]), Ok(36));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WriteError {
    /// The buffer is too small.
    TooSmall {
        /// How many bytes would do.
        needed: usize,
    },
    /// The payload would not fit its 16-bit length.
    TooLong,
    /// A length field of the message differs from the length of its part.
    Length,
    /// The message does not take TLVs, or lacks one that it needs.
    Tlvs,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { needed } => write!(f, "the buffer is too small: {needed} bytes are needed"),
            Self::TooLong => f.pad("the payload is longer than 65,535 bytes"),
            Self::Length => f.pad("a length field is not the length of what it measures"),
            Self::Tlvs => f.pad("the message does not take these TLVs, or lacks one"),
        }
    }
}

impl core::error::Error for WriteError {}
