//! Why bytes are not a frame, and why a frame cannot be written.

use core::fmt;

/// What is wrong with the bytes.
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

/// A refusal to parse: its reason, its field and its byte.
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
        match reason {
            Reason::Truncated => write!(f, "the bytes end too early"),
            Reason::Trailing => write!(f, "bytes follow the end of the frame"),
            Reason::Version(version) => write!(f, "version {version} is not 1"),
            Reason::UnknownType(code) => write!(f, "type {code:#04x} is unknown"),
            Reason::PayloadLength { declared, actual } => write!(f, "says {declared}, but {actual} bytes follow"),
            Reason::Length => write!(f, "does not fit the bytes that are there"),
            Reason::TlvOverrun(code) => write!(f, "TLV {code:#04x} runs past the end"),
            Reason::TlvRepeated(code) => write!(f, "TLV {code:#04x} stands twice"),
            Reason::TlvSize(code) => write!(f, "TLV {code:#04x} has an impossible length"),
            Reason::TlvMissing(code) => write!(f, "TLV {code:#04x} is absent"),
            Reason::IpVersion(version) => write!(f, "IP version {version} is neither 4 nor 6"),
            Reason::Utf8 => write!(f, "is not UTF-8"),
        }?;
        write!(f, " (byte {offset})")
    }
}

impl core::error::Error for ParseError {}

/// A refusal to write. The buffer then contains nothing usable.
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
            Self::TooLong => write!(f, "the payload is longer than 65,535 bytes"),
            Self::Length => write!(f, "a length field is not the length of what it measures"),
            Self::Tlvs => write!(f, "the message does not take these TLVs"),
        }
    }
}

impl core::error::Error for WriteError {}
