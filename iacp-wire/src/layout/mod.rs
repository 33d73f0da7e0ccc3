//! Figures that are not messages: the Hand-off Context Object, the namespace root record, records of the directory.

mod record;
mod variable;

pub use record::{
    AirkBinding, FilterPart, Hosting, NodeRecord, Publication, Record, RecordHead, Revocation, Score, VerdictHead,
    VerdictVote,
};
pub use variable::{Assertion, AssertionTerms, Custody, CustodyTerms, CustodyVote, Verdict};
use zerocopy::IntoBytes;
use zerocopy::network_endian::U16;

use crate::error::{ParseError, Reason, WriteError};
use crate::field::{Digest, Eid};
use crate::figure::figure;
use crate::put::put;
use crate::read::Reader;

figure! {
    /// The fixed fields of a Hand-off Context Object before its URL length (`IACP §4.1.4.3`).
    ///
    /// ```text
    /// +-------------------------------+
    /// |  Hand-off Trigger Type [2]    |
    /// +-------------------------------+-------------------------------+
    /// |          Ephemeral Session Derivative EID (ESD-EID) [32]      |
    /// +---------------------------------------------------------------+
    /// |                Persistent State Session Hash [32]             |
    /// +-------------------------------+-------------------------------+
    /// |    Target URL Length [2]      |  Target URL String (UTF-8) …  |
    /// +-------------------------------+-------------------------------+
    /// ```
    ///
    /// [`HandOffContext`] reads and writes it.
    HandOffContextHead = 68 {
        /// What made the hand-off necessary.
        trigger_type: U16,
        /// The derivative that stands for the agent in the sandbox: never its EID.
        esd_eid: Digest,
        /// Digest of the session's context.
        session_hash: Digest,
        /// Length of the URL, in bytes.
        target_url_length: U16,
    }
}

/// Hand-off Context Object (`IACP §4.1.4.3`): 68 bytes and the URL.
///
/// ```
/// use iacp_wire::Digest;
/// use iacp_wire::layout::{HandOffContext, HandOffContextHead};
///
/// let object = HandOffContext {
///     trigger_type: 1,
///     esd_eid: Digest([1; 32]),
///     session_hash: Digest([2; 32]),
///     target_url: "https://example.org/",
/// };
/// let mut buffer = [0; 128];
/// let length = object.write(&mut buffer)?;
/// assert_eq!(length, HandOffContextHead::LEN + 20);
/// assert_eq!(HandOffContext::parse(&buffer[..length])?, object);
/// assert!(HandOffContext::parse(&buffer[..length + 1]).is_err(), "it fills the bytes exactly");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// keeps: IACP-054 (§4.1.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOffContext<'a> {
    /// What made the hand-off necessary.
    pub trigger_type: u16,
    /// The derivative that stands for the agent in the sandbox.
    pub esd_eid: Digest,
    /// Digest of the session's context.
    pub session_hash: Digest,
    /// Where to.
    pub target_url: &'a str,
}

impl<'a> HandOffContext<'a> {
    /// Reads an object that fills the bytes exactly.
    ///
    /// # Errors
    /// The bytes are shorter or longer than the object, or the URL is not UTF-8.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes, 0);
        let head: &HandOffContextHead = reader.figure()?;
        let target_url = measured_text(&mut reader, head.target_url_length, "target_url_length", "target_url")?;
        Ok(Self {
            trigger_type: head.trigger_type.get(),
            esd_eid: head.esd_eid,
            session_hash: head.session_hash,
            target_url,
        })
    }

    /// Writes the object to the front of the buffer and returns its length.
    ///
    /// # Errors
    /// The buffer is too small, or the URL is longer than 65,535 bytes.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, WriteError> {
        let head = HandOffContextHead {
            trigger_type: self.trigger_type.into(),
            esd_eid: self.esd_eid,
            session_hash: self.session_hash,
            target_url_length: length(self.target_url)?,
        };
        write(buffer, head.as_bytes(), self.target_url)
    }
}

figure! {
    /// The fixed fields of a namespace root record (`IACP §5.2.1`).
    ///
    /// ```text
    /// +-------------------------------+-------------------------------+
    /// | Namespace String Length [2]   |          Reserved [2]         |
    /// +-------------------------------+-------------------------------+
    /// |       Cryptographic Curation Public Key (Ed25519) [32]        |
    /// +---------------------------------------------------------------+
    /// |               Escrow Allocation Index Block [32]              |
    /// +---------------------------------------------------------------+
    /// |                 Namespace Alphanumeric String …               |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// [`NamespaceRoot`] reads and writes it.
    NamespaceRootHead = 68 {
        /// Length of the string, in bytes.
        namespace_length: U16,
        /// Zero when written, ignored when read.
        reserved: U16,
        /// The party that may change the record.
        curation_public_key: Eid,
        /// Where the registration's stake lies.
        escrow_allocation_index: Digest,
    }
}

/// Namespace root record (`IACP §5.2.1`): 68 bytes and the string.
///
/// ```
/// use iacp_wire::layout::{NamespaceRoot, NamespaceRootHead};
/// use iacp_wire::{Digest, Eid};
///
/// let root = NamespaceRoot {
///     curation_public_key: Eid([1; 32]),
///     escrow_allocation_index: Digest([2; 32]),
///     namespace: "org.example",
/// };
/// let mut buffer = [0; 128];
/// let length = root.write(&mut buffer)?;
/// assert_eq!(length, NamespaceRootHead::LEN + 11);
/// assert_eq!(NamespaceRoot::parse(&buffer[..length])?.namespace, "org.example");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// keeps: IACP-112 (§5.2.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamespaceRoot<'a> {
    /// The party that may change the record.
    pub curation_public_key: Eid,
    /// Where the registration's stake lies.
    pub escrow_allocation_index: Digest,
    /// The namespace, in reverse notation.
    pub namespace: &'a str,
}

impl<'a> NamespaceRoot<'a> {
    /// Reads a record that fills the bytes exactly.
    ///
    /// # Errors
    /// The bytes are shorter or longer than the record, or the string is not UTF-8.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes, 0);
        let head: &NamespaceRootHead = reader.figure()?;
        let namespace = measured_text(&mut reader, head.namespace_length, "namespace_length", "namespace")?;
        Ok(Self {
            curation_public_key: head.curation_public_key,
            escrow_allocation_index: head.escrow_allocation_index,
            namespace,
        })
    }

    /// Writes the record to the front of the buffer and returns its length.
    ///
    /// # Errors
    /// The buffer is too small, or the string is longer than 65,535 bytes.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, WriteError> {
        let head = NamespaceRootHead {
            namespace_length: length(self.namespace)?,
            reserved: U16::ZERO,
            curation_public_key: self.curation_public_key,
            escrow_allocation_index: self.escrow_allocation_index,
        };
        write(buffer, head.as_bytes(), self.namespace)
    }
}

fn measured_text<'a>(
    reader: &mut Reader<'a>,
    length: U16,
    length_field: &'static str,
    field: &'static str,
) -> Result<&'a str, ParseError> {
    if reader.remaining() != usize::from(length.get()) {
        return Err(ParseError::new(Reason::Length, length_field, reader.offset()));
    }
    reader.text(reader.remaining(), field)
}

fn length(text: &str) -> Result<U16, WriteError> {
    u16::try_from(text.len()).map(U16::new).map_err(|_| WriteError::TooLong)
}

fn write(buffer: &mut [u8], head: &[u8], text: &str) -> Result<usize, WriteError> {
    let needed = head.len().saturating_add(text.len());
    let room = buffer.get_mut(..needed).ok_or(WriteError::TooSmall { needed })?;
    put(room, head).and_then(|room| put(room, text.as_bytes())).ok_or(WriteError::TooSmall { needed })?;
    Ok(needed)
}
