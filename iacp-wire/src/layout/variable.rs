//! Bodies of records whose length varies: custody, assertions, verdicts.

use zerocopy::network_endian::U64;
use zerocopy::{FromBytes, IntoBytes};

use super::record::{VerdictHead, VerdictVote};
use crate::error::{ParseError, Reason, WriteError};
use crate::field::{Digest, Eid, Signature};
use crate::figure::figure;
use crate::put::put;
use crate::read::Reader;

figure! {
    /// Body of a CUSTODY behind its two paths and before its votes (`IACP §5.5.3`).
    ///
    /// An example is at [`Custody`].
    CustodyTerms = 73 {
        /// The key that the child keeps.
        child_key: Eid,
        /// Unix time in milliseconds.
        not_after: U64,
        /// The accusation against the curator.
        accusation_id: Digest,
        /// How many votes follow.
        count: u8,
    }
}

figure! {
    /// A vote of a CUSTODY: a node's signature over the fields before the number of votes.
    ///
    /// An example is at [`Custody`].
    CustodyVote = 96 {
        /// The node.
        directory_node_eid: Eid,
        /// By that node.
        signature: Signature,
    }
}

/// Body of a CUSTODY: the backup quorum of a curator keeps one of its direct children alive.
///
/// ```text
/// +-------------------------------+-------------------------------+
/// |       Path Length p [2]       |           Path [p] …          |
/// +-------------------------------+-------------------------------+
/// |    Child Path Length c [2]    |        Child Path [c] …       |
/// +-------------------------------+-------------------------------+
/// |   Child Key 32 | Not After 8 | Accusation id 32 | Count v 1   |
/// +---------------------------------------------------------------+
/// |          v times: Directory node EID 32 | Signature 64        |
/// +---------------------------------------------------------------+
/// ```
///
/// ```
/// use iacp_wire::layout::{Custody, CustodyTerms, CustodyVote};
/// use iacp_wire::{Digest, Eid, Signature, WriteError};
/// use zerocopy::network_endian::U64;
///
/// let terms = CustodyTerms {
///     child_key: Eid([1; 32]),
///     not_after: U64::new(1_790_000_000_000),
///     accusation_id: Digest([8; 32]),
///     count: 2,
/// };
/// let vote = |node| CustodyVote { directory_node_eid: Eid([node; 32]), signature: Signature::ZERO };
/// let votes = [vote(3), vote(4)];
/// let custody = Custody { path: b"a curator", child: b"its child", terms: &terms, votes: &votes };
/// let mut buffer = [0; 512];
/// let length = custody.write(&mut buffer)?;
/// assert_eq!(Custody::parse(&buffer[..length])?, custody);
/// let lacks_one = Custody { votes: &votes[..1], ..custody };
/// assert_eq!(lacks_one.write(&mut buffer), Err(WriteError::Length));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Custody<'a> {
    /// The curator's path, as in the body.
    pub path: &'a [u8],
    /// The child's path, as in the body.
    pub child: &'a [u8],
    /// Key, end and accusation.
    pub terms: &'a CustodyTerms,
    /// The votes.
    pub votes: &'a [CustodyVote],
}

impl<'a> Custody<'a> {
    /// Reads a body that fills the bytes exactly.
    ///
    /// # Errors
    /// The bytes are shorter or longer than the body says.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes, 0);
        let path = measured(&mut reader, "path_length", "path")?;
        let child = measured(&mut reader, "child_path_length", "child_path")?;
        let terms: &CustodyTerms = reader.figure()?;
        let votes = counted(&mut reader, terms.count)?;
        Ok(Self { path, child, terms, votes })
    }

    /// Writes the body to the front of the buffer and returns its length.
    ///
    /// # Errors
    /// The buffer is too small, a path is longer than its length field can express, or the number of votes is wrong.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, WriteError> {
        if usize::from(self.terms.count) != self.votes.len() {
            return Err(WriteError::Length);
        }
        let lengths = [length(self.path)?, length(self.child)?];
        let [path, child] = &lengths;
        write(buffer, &[path, self.path, child, self.child, self.terms.as_bytes(), self.votes.as_bytes()])
    }
}

figure! {
    /// Body of an ASSERTION behind its path.
    ///
    /// An example is at [`Assertion`].
    AssertionTerms = 114 {
        /// An EID, or the digest of a URI without query and fragment.
        subject: Digest,
        /// In parts per 10,000.
        value: zerocopy::network_endian::U16,
        /// Unix time in milliseconds.
        from: U64,
        /// At most 30 days later.
        until: U64,
        /// By the key of the path.
        signature: Signature,
    }
}

/// Body of an ASSERTION: a curator's statement about a subject (`IACP §4.1.3.1`).
///
/// ```text
/// +-------------------------------+-------------------------------+
/// |       Path Length p [2]       |           Path [p] …          |
/// +-------------------------------+-------------------------------+
/// |  Subject 32 | Value 2 | From 8 | Until 8 | Signature 64       |
/// +---------------------------------------------------------------+
/// ```
///
/// ```
/// use iacp_wire::layout::{Assertion, AssertionTerms};
/// use iacp_wire::{Digest, Signature};
/// use zerocopy::network_endian::{U16, U64};
///
/// let terms = AssertionTerms {
///     subject: Digest([8; 32]), // of a URI
///     value: U16::new(9_000),
///     from: U64::new(1_790_000_000_000),
///     until: U64::new(1_790_086_400_000),
///     signature: Signature::ZERO,
/// };
/// let mut buffer = [0; 256];
/// let length = Assertion { path: b"a curator", terms: &terms }.write(&mut buffer)?;
/// let read = Assertion::parse(&buffer[..length])?;
/// assert_eq!((read.path, read.terms.value.get()), (&b"a curator"[..], 9_000)); // 90 %
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assertion<'a> {
    /// The curator's path, as in the body.
    pub path: &'a [u8],
    /// The statement, its subject and its lifetime.
    pub terms: &'a AssertionTerms,
}

impl<'a> Assertion<'a> {
    /// Reads a body that fills the bytes exactly.
    ///
    /// # Errors
    /// The bytes are shorter or longer than the body says.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes, 0);
        let path = measured(&mut reader, "path_length", "path")?;
        let terms = reader.figure()?;
        reader.end("assertion")?;
        Ok(Self { path, terms })
    }

    /// Writes the body to the front of the buffer and returns its length.
    ///
    /// # Errors
    /// The buffer is too small, or the path is longer than its length field can express.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, WriteError> {
        write(buffer, &[&length(self.path)?, self.path, self.terms.as_bytes()])
    }
}

/// Body of a VERDICT (`IACP §5.5.2`): a head of 68 bytes, and its votes.
///
/// What all votes have in common stands once, before them.
///
/// ```
/// use iacp_wire::layout::{Verdict, VerdictHead, VerdictVote};
/// use iacp_wire::message::PomVote;
/// use iacp_wire::{Digest, Eid, Signature};
/// use zerocopy::network_endian::U64;
///
/// let vote = |node| PomVote {
///     accusation_id: Digest([8; 32]),
///     offender_eid: Eid([1; 32]),
///     outcome: 1, // guilty
///     reserved: [0; 3],
///     epoch: U64::new(59_666_667),
///     voter_eid: Eid([node; 32]),
///     signature: Signature([node; 64]),
/// };
/// let cast = [vote(3), vote(4), vote(5)];
/// let votes = cast.map(|PomVote { voter_eid, epoch, signature, .. }| VerdictVote { voter_eid, epoch, signature });
/// let [PomVote { accusation_id, offender_eid, outcome, .. }, ..] = cast;
/// let head = VerdictHead { accusation_id, offender_eid, outcome, count: 3, reserved: [0; 2] };
/// let mut buffer = [0; 512];
/// let length = Verdict { head: &head, votes: &votes }.write(&mut buffer)?;
/// assert_eq!(length, VerdictHead::LEN + 3 * VerdictVote::LEN);
/// assert_eq!(Verdict::parse(&buffer[..length])?.votes, votes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// The accusation, the offender, the outcome.
    pub head: &'a VerdictHead,
    /// The votes.
    pub votes: &'a [VerdictVote],
}

impl<'a> Verdict<'a> {
    /// Reads a body that fills the bytes exactly.
    ///
    /// # Errors
    /// The bytes are shorter or longer than the body says.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes, 0);
        let head: &VerdictHead = reader.figure()?;
        let votes = counted(&mut reader, head.count)?;
        Ok(Self { head, votes })
    }

    /// Writes the body to the front of the buffer and returns its length.
    ///
    /// # Errors
    /// The buffer is too small, or the number of votes is wrong.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, WriteError> {
        if usize::from(self.head.count) != self.votes.len() {
            return Err(WriteError::Length);
        }
        write(buffer, &[self.head.as_bytes(), self.votes.as_bytes()])
    }
}

/// A length of two bytes, followed by as many bytes.
fn measured<'a>(
    reader: &mut Reader<'a>,
    length_field: &'static str,
    field: &'static str,
) -> Result<&'a [u8], ParseError> {
    let length = u16::from_be_bytes(reader.array(length_field)?);
    reader.take(usize::from(length), field)
}

/// Exactly `count` votes, and nothing after them.
fn counted<'a, T>(reader: &mut Reader<'a>, count: u8) -> Result<&'a [T], ParseError>
where
    [T]: FromBytes + zerocopy::KnownLayout<PointerMetadata = usize> + zerocopy::Immutable + zerocopy::Unaligned,
{
    let start = reader.offset();
    let size = usize::from(count).saturating_mul(size_of::<T>());
    if reader.remaining() != size {
        return Err(ParseError::new(Reason::Length, "count", start));
    }
    let bytes = reader.take(size, "votes")?;
    <[T]>::ref_from_bytes(bytes).map_err(|_| ParseError::new(Reason::Length, "count", start))
}

fn length(bytes: &[u8]) -> Result<[u8; 2], WriteError> {
    u16::try_from(bytes.len()).map(u16::to_be_bytes).map_err(|_| WriteError::TooLong)
}

fn write(buffer: &mut [u8], parts: &[&[u8]]) -> Result<usize, WriteError> {
    let needed = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    let mut room = buffer.get_mut(..needed).ok_or(WriteError::TooSmall { needed })?;
    for part in parts {
        room = put(room, part).ok_or(WriteError::TooSmall { needed })?;
    }
    Ok(needed)
}
