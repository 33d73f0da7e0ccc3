//! The contents of kinds 1, 2 and 4: the bytes after the kind byte of a PSS_DATA_STREAM.

use core::fmt;

use zeroize::Zeroize;

use super::coordinate::Coordinate;
use crate::crypto::Suite;

/// The longest value of an endpoint, in bytes.
pub const VALUE: usize = 835;
/// The longest tag, in bytes.
pub const TAG: usize = 64;

/// The content is malformed, which is a violation of the session's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MalformedFrame;

impl fmt::Display for MalformedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("the content is malformed")
    }
}

impl core::error::Error for MalformedFrame {}

/// Kind 1: an endpoint has changed.
///
/// ```text
/// op 1 | flags 1 (0x1 sealed) | reserved 2 | coordinate 32 | version 8 | value
/// ```
///
/// ```
/// use iacp_core::pss::shared::Coordinate;
/// use iacp_core::pss::shared::frame::{MalformedFrame, Update};
///
/// let update = Update { coordinate: Coordinate([7; 32]), version: 2, value: Some(b"open"), sealed: false };
/// let mut content = [0; 64];
/// let length = update.write(&mut content).ok_or("it fits")?;
/// assert_eq!(Update::read(&content[..length])?, update);
/// assert_eq!(Update::read(&content[..43]), Err(MalformedFrame), "the version is cut");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// The endpoint.
    pub coordinate: Coordinate,
    /// Its version.
    pub version: u64,
    /// Its value; `None` if the endpoint is gone.
    pub value: Option<&'a [u8]>,
    /// Whether the value is sealed under a group key.
    pub sealed: bool,
}

impl<'a> Update<'a> {
    const HEAD: usize = 44;

    /// Reads a content.
    ///
    /// # Errors
    /// It has another op or another length.
    pub fn read(content: &'a [u8]) -> Result<Self, MalformedFrame> {
        let (head, value) = content.split_at_checked(Self::HEAD).ok_or(MalformedFrame)?;
        let [op, flags, ..] = *head else { return Err(MalformedFrame) };
        let value = match (op, value.len()) {
            (1, ..=VALUE) => Some(value),
            (2, 0) => None,
            _ => return Err(MalformedFrame),
        };
        Ok(Self { coordinate: coordinate(head)?, version: number(head, 36)?, value, sealed: flags & 1 != 0 })
    }

    /// Writes the content and returns its length; `None` if it does not fit.
    #[must_use]
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let value = self.value.unwrap_or_default();
        let op = if self.value.is_some() { 1 } else { 2 };
        if value.len() > VALUE {
            return None;
        }
        put(out, &[&[op, u8::from(self.sealed), 0, 0], &self.coordinate.0, &self.version.to_be_bytes(), value])
    }
}

/// Kind 4: an operation under a contract.
///
/// ```text
/// op 1 | reserved 3 | coordinate 32 | what the op has
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// The sender grants rights to an endpoint of its own.
    Grant {
        /// See [`right`](super::right).
        rights: u16,
        /// The duration in seconds; 0 means as long as the contract.
        seconds: u32,
        /// The tag, from which the receiver computes the coordinate.
        tag: &'a [u8],
    },
    /// The sender takes these rights back.
    Revoke,
    /// The sender requests each change of an endpoint of the receiver.
    Subscribe {
        /// The newest version that it has.
        known: u64,
    },
    /// The sender requests no more changes.
    Unsubscribe,
    /// The sender requests the value once.
    Read {
        /// Its own number.
        request: u32,
    },
    /// The sender requests a change of the value.
    Write {
        /// Its own number.
        request: u32,
        /// The version that is required for the change; 0 means any.
        if_version: u64,
        /// The new value.
        value: &'a [u8],
    },
    /// The answer to a READ or a WRITE.
    Result {
        /// The number of the request.
        request: u32,
        /// See [`Status`].
        status: u16,
        /// The version now.
        version: u64,
    },
}

/// The status in a RESULT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u16)]
pub enum Status {
    /// It is done.
    Ok = 0,
    /// Too many ops a second.
    Capacity = 4,
    /// The value is too long.
    TooLong = 35,
    /// No right, or no such endpoint: these two are not distinguished.
    NoAccess = 38,
    /// The version is another one.
    Version = 43,
}

words! {
    Status {
        Self::Ok => "done",
        Self::Capacity => "too many operations a second",
        Self::TooLong => "the value is too long",
        Self::NoAccess => "no such endpoint, or no right to it",
        Self::Version => "the version is another one",
    }
}

/// An op and the endpoint that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract<'a> {
    /// The endpoint.
    pub coordinate: Coordinate,
    /// The operation.
    pub op: Op<'a>,
}

impl<'a> Contract<'a> {
    /// Reads a content.
    ///
    /// # Errors
    /// It has another op or another length.
    pub fn read(content: &'a [u8]) -> Result<Self, MalformedFrame> {
        let (head, rest) = content.split_at_checked(36).ok_or(MalformedFrame)?;
        let op = match (head.first().copied().unwrap_or_default(), rest.len()) {
            (1, 9..=72) => {
                let (terms, tag) = rest.split_at_checked(8).ok_or(MalformedFrame)?;
                Op::Grant { rights: short(terms, 0)?, seconds: word(terms, 4)?, tag }
            }
            (2, 0) => Op::Revoke,
            (3, 8) => Op::Subscribe { known: number(rest, 0)? },
            (4, 0) => Op::Unsubscribe,
            (5, 4) => Op::Read { request: word(rest, 0)? },
            (6, 16..) if rest.len() <= 16 + VALUE => {
                let (terms, value) = rest.split_at_checked(16).ok_or(MalformedFrame)?;
                Op::Write { request: word(terms, 0)?, if_version: number(terms, 8)?, value }
            }
            (7, 16) => Op::Result { request: word(rest, 0)?, status: short(rest, 4)?, version: number(rest, 8)? },
            _ => return Err(MalformedFrame),
        };
        Ok(Self { coordinate: coordinate(head)?, op })
    }

    /// Writes the content and returns its length; `None` if it does not fit.
    #[must_use]
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let head = |op: u8| [op, 0, 0, 0];
        let at = &self.coordinate.0;
        match self.op {
            Op::Grant { tag, .. } if tag.is_empty() || tag.len() > TAG => None,
            Op::Grant { rights, seconds, tag } => {
                put(out, &[&head(1), at, &rights.to_be_bytes(), &[0; 2], &seconds.to_be_bytes(), tag])
            }
            Op::Revoke => put(out, &[&head(2), at]),
            Op::Subscribe { known } => put(out, &[&head(3), at, &known.to_be_bytes()]),
            Op::Unsubscribe => put(out, &[&head(4), at]),
            Op::Read { request } => put(out, &[&head(5), at, &request.to_be_bytes()]),
            Op::Write { value, .. } if value.len() > VALUE => None,
            Op::Write { request, if_version, value } => {
                put(out, &[&head(6), at, &request.to_be_bytes(), &[0; 4], &if_version.to_be_bytes(), value])
            }
            Op::Result { request, status, version } => {
                let (request, status) = (request.to_be_bytes(), status.to_be_bytes());
                put(out, &[&head(7), at, &request, &status, &[0; 2], &version.to_be_bytes()])
            }
        }
    }
}

/// Kind 2: the key of a group's epoch, or the notice that the receiver is no longer a member. The bytes of a key stay
/// in the content: the reader borrows them, and the caller wipes the buffer with [`GroupKey::wipe`].
///
/// ```text
/// op 1 | suite 1 | reserved 2 | coordinate 32 | epoch 8 | seconds 4 | key 32, if it is one
/// ```
pub struct GroupKey<'a> {
    /// The endpoint of the group.
    pub coordinate: Coordinate,
    /// The epoch.
    pub epoch: u64,
    /// The cipher of the epoch.
    pub suite: Suite,
    /// The intended duration of the epoch; 0 if it is not said.
    pub seconds: u32,
    /// The epoch's key; `None` if the receiver is no longer a member.
    pub key: Option<&'a [u8; 32]>,
}

impl<'a> GroupKey<'a> {
    /// The length of a content with a key, in bytes.
    pub const LEN: usize = 80;
    const HEAD: usize = 48;

    /// Reads a content.
    ///
    /// # Errors
    /// It has another op, another suite or another length.
    pub fn read(content: &'a [u8]) -> Result<Self, MalformedFrame> {
        let (head, key) = content.split_at_checked(Self::HEAD).ok_or(MalformedFrame)?;
        let [op, suite, ..] = *head else { return Err(MalformedFrame) };
        let suite = match suite {
            1 => Suite::Aes256Gcm,
            2 => Suite::ChaCha20Poly1305,
            _ => return Err(MalformedFrame),
        };
        let key = match (op, key.len()) {
            (1, 32) => key.first_chunk(),
            (2, 0) => None,
            _ => return Err(MalformedFrame),
        };
        let (epoch, seconds) = (number(head, 36)?, word(head, 44)?);
        Ok(Self { coordinate: coordinate(head)?, epoch, suite, seconds, key })
    }

    /// Writes the content and returns its length; `None` if it does not fit.
    #[must_use]
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let op = if self.key.is_some() { 1 } else { 2 };
        let suite = match self.suite {
            Suite::Aes256Gcm => 1,
            Suite::ChaCha20Poly1305 => 2,
        };
        let key = self.key.map_or(&[][..], |key| &key[..]);
        let (epoch, seconds) = (self.epoch.to_be_bytes(), self.seconds.to_be_bytes());
        put(out, &[&[op, suite, 0, 0], &self.coordinate.0, &epoch, &seconds, key])
    }

    /// Wipes a content that had a key in it.
    pub fn wipe(content: &mut [u8]) {
        content.zeroize();
    }
}

fn put(out: &mut [u8], parts: &[&[u8]]) -> Option<usize> {
    let length = parts.iter().map(|part| part.len()).sum();
    let room = out.get_mut(..length)?;
    room.iter_mut().zip(parts.iter().copied().flatten()).for_each(|(to, from)| *to = *from);
    Some(length)
}

fn coordinate(head: &[u8]) -> Result<Coordinate, MalformedFrame> {
    head.get(4..).and_then(|rest| rest.first_chunk().copied()).map(Coordinate).ok_or(MalformedFrame)
}

fn number(bytes: &[u8], at: usize) -> Result<u64, MalformedFrame> {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map(u64::from_be_bytes).ok_or(MalformedFrame)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, MalformedFrame> {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map(u32::from_be_bytes).ok_or(MalformedFrame)
}

fn short(bytes: &[u8], at: usize) -> Result<u16, MalformedFrame> {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).map(u16::from_be_bytes).ok_or(MalformedFrame)
}
