//! Records of the directory (`IACP §5.1`), and those of their bodies that are not bodies of a frame.

use zerocopy::IntoBytes;
use zerocopy::network_endian::{U16, U32, U64};

use crate::error::{ParseError, Reason, WriteError};
use crate::field::{DhtKey, Digest, Eid, Locator, RefusedDigest, Signature};
use crate::figure::figure;
use crate::put::put;
use crate::read::Reader;

figure! {
    /// The head before the body of each record. It is not signed: the key is recomputed from the body, and the expiry
    /// can only be shortened.
    ///
    /// ```text
    /// +---------------+---------------+-------------------------------+
    /// |   Kind [1]    | Reserved [1]  |        Body Length [2]        |
    /// +---------------+---------------+-------------------------------+
    /// |                       Storage Key [32]                        |
    /// +---------------------------------------------------------------+
    /// |                          Expiry [8]                           |
    /// +---------------------------------------------------------------+
    /// |                            Body …                             |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// [`Record`] reads and writes it.
    RecordHead = 44 {
        /// What the body is.
        kind: u8,
        /// Zero when sent, ignored when received.
        reserved: u8,
        /// 1 to 960.
        body_length: U16,
        /// Under which it is kept.
        storage_key: DhtKey,
        /// Unix time in milliseconds.
        expiry: U64,
    }
}

/// A record: 44 bytes and a body of 1 to 960.
///
/// ```
/// use iacp_wire::DhtKey;
/// use iacp_wire::layout::{Record, RecordHead};
///
/// let record = Record { kind: 1, storage_key: DhtKey([7; 32]), expiry: 1_790_000_000_000, body: &[9; 120] };
/// let mut buffer = [0; 1_004];
/// let length = record.write(&mut buffer)?;
/// assert_eq!((length, &buffer[..4]), (RecordHead::LEN + 120, &[1, 0, 0, 120][..]));
/// assert_eq!(Record::parse(&buffer[..length])?, record);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the body is.
    pub kind: u8,
    /// Under which it is kept.
    pub storage_key: DhtKey,
    /// Unix time in milliseconds.
    pub expiry: u64,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Record<'a> {
    /// The longest body, in bytes.
    pub const MAX_BODY: usize = 960;

    /// Reads a record that fills the bytes exactly.
    ///
    /// # Errors
    /// The bytes are shorter or longer than the record, or its body is empty or too long.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes, 0);
        let record = Self::read(&mut reader)?;
        reader.end("record")?;
        Ok(record)
    }

    /// Reads the first of several records, and returns it with the bytes that follow.
    ///
    /// # Errors
    /// The bytes end inside the record, or its body is empty or too long.
    pub fn parse_prefix(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), ParseError> {
        let mut reader = Reader::new(bytes, 0);
        let record = Self::read(&mut reader)?;
        Ok((record, reader.rest()))
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let start = reader.offset();
        let head: &RecordHead = reader.figure()?;
        let length = usize::from(head.body_length.get());
        if !(1..=Self::MAX_BODY).contains(&length) {
            return Err(ParseError::new(Reason::Length, "body_length", start));
        }
        let body = reader.take(length, "body")?;
        Ok(Self { kind: head.kind, storage_key: head.storage_key, expiry: head.expiry.get(), body })
    }

    /// Writes the record to the front of the buffer and returns its length.
    ///
    /// # Errors
    /// The buffer is too small, or the body is empty or too long.
    pub fn write(&self, buffer: &mut [u8]) -> Result<usize, WriteError> {
        if !(1..=Self::MAX_BODY).contains(&self.body.len()) {
            return Err(WriteError::Length);
        }
        let head = RecordHead {
            kind: self.kind,
            reserved: 0,
            body_length: u16::try_from(self.body.len()).map_err(|_| WriteError::Length)?.into(),
            storage_key: self.storage_key,
            expiry: self.expiry.into(),
        };
        let needed = RecordHead::LEN.saturating_add(self.body.len());
        let room = buffer.get_mut(..needed).ok_or(WriteError::TooSmall { needed })?;
        put(room, head.as_bytes()).and_then(|room| put(room, self.body)).ok_or(WriteError::TooSmall { needed })?;
        Ok(needed)
    }
}

figure! {
    /// Body of an AIRK_BINDING: an agent's identity root key, deposited before it is needed (`IACP §4.2.7.2`). Each key
    /// signs the first two fields.
    ///
    /// Both keys sign the same 64 bytes.
    ///
    /// ```
    /// use iacp_wire::layout::AirkBinding;
    /// use iacp_wire::{Eid, Signature};
    /// use zerocopy::IntoBytes;
    ///
    /// let binding = AirkBinding {
    ///     eid: Eid([1; 32]),
    ///     airk: Eid([2; 32]),
    ///     eid_signature: Signature::ZERO,
    ///     airk_signature: Signature::ZERO,
    /// };
    /// let signed = &binding.as_bytes()[..2 * Eid::LEN];
    /// assert_eq!(signed, [[1; 32], [2; 32]].as_flattened());
    /// ```
    AirkBinding = 192 {
        /// The agent.
        eid: Eid,
        /// Its identity root key.
        airk: Eid,
        /// By the EID.
        eid_signature: Signature,
        /// By the AIRK.
        airk_signature: Signature,
    }
}

figure! {
    /// Body of a REVOCATION.
    ///
    /// ```
    /// use iacp_wire::layout::Revocation;
    /// use iacp_wire::{Eid, Signature};
    /// use zerocopy::network_endian::U64;
    ///
    /// let revoked = |first_invalid: u64| Revocation {
    ///     eid: Eid([1; 32]),
    ///     first_invalid_generation: U64::new(first_invalid),
    ///     timestamp: U64::new(1_790_000_000_000),
    ///     signature: Signature::ZERO,
    /// };
    /// let is_valid = |revocation: Revocation, generation| generation < revocation.first_invalid_generation.get();
    /// assert!(is_valid(revoked(5), 4) && !is_valid(revoked(5), 5));
    /// assert!(!is_valid(revoked(0), 0), "the key is dead");
    /// ```
    Revocation = 112 {
        /// Whose bindings end.
        eid: Eid,
        /// The first generation that is not valid any more; 0 means that none is valid, and the key is dead.
        first_invalid_generation: U64,
        /// Unix time in milliseconds.
        timestamp: U64,
        /// Signed by the AIRK, or by the EID if no AIRK is known.
        signature: Signature,
    }
}

figure! {
    /// Body of a HOSTING: which LL-Entity answers for an agent (`IACP §5.3.2`). Each key signs the first four fields.
    ///
    /// ```
    /// use iacp_wire::layout::Hosting;
    /// use iacp_wire::{Eid, Signature};
    /// use zerocopy::network_endian::U64;
    ///
    /// let hosting = Hosting {
    ///     eid: Eid([1; 32]),
    ///     ll_entity_instance_identifier: Eid([2; 32]),
    ///     from: U64::new(1_790_000_000_000),
    ///     until: U64::new(1_790_086_400_000),
    ///     eid_signature: Signature::ZERO,
    ///     lii_signature: Signature::ZERO,
    /// };
    /// let lifetime = hosting.from.get()..hosting.until.get();
    /// let host = |now| lifetime.contains(&now).then_some(hosting.ll_entity_instance_identifier);
    /// assert_eq!(host(1_790_000_000_000), Some(Eid([2; 32])));
    /// assert_eq!(host(1_790_086_400_000), None);
    /// ```
    Hosting = 208 {
        /// The agent.
        eid: Eid,
        /// The LL-Entity.
        ll_entity_instance_identifier: Eid,
        /// Unix time in milliseconds.
        from: U64,
        /// At most 24 hours later.
        until: U64,
        /// By the EID.
        eid_signature: Signature,
        /// By the LII.
        lii_signature: Signature,
    }
}

figure! {
    /// Body of a PUBLICATION: an agent publishes itself in a Discovery Space (`IACP §6.2`).
    ///
    /// An agent repeats it within the hour, for as long as it wants to be found.
    ///
    /// ```
    /// use iacp_wire::layout::Publication;
    /// use iacp_wire::{DhtKey, Eid, Signature};
    /// use zerocopy::network_endian::U64;
    ///
    /// let publish = |now: u64| Publication {
    ///     target_space_coordinate: DhtKey([7; 32]),
    ///     eid: Eid([1; 32]),
    ///     from: U64::new(now),
    ///     until: U64::new(now + 3_600_000),
    ///     signature: Signature::ZERO,
    /// };
    /// let (first, next) = (publish(1_790_000_000_000), publish(1_790_003_000_000));
    /// assert!(next.from < first.until, "there is no gap");
    /// ```
    Publication = 144 {
        /// Which space.
        target_space_coordinate: DhtKey,
        /// The agent.
        eid: Eid,
        /// Unix time in milliseconds.
        from: U64,
        /// At most an hour later.
        until: U64,
        /// By the EID.
        signature: Signature,
    }
}

figure! {
    /// Body of a SCORE: one node's opinion of an agent (`IACP §3.6`).
    ///
    /// ```
    /// use iacp_wire::layout::Score;
    /// use iacp_wire::{Eid, RefusedDigest, Signature};
    /// use zerocopy::network_endian::{U16, U32, U64};
    ///
    /// let score = Score {
    ///     eid: Eid([1; 32]),
    ///     directory_node_eid: Eid([3; 32]),
    ///     score: U16::new(8_250),
    ///     reserved: [0; 2],
    ///     entries: U32::new(40),
    ///     log_hash: RefusedDigest([8; 8]),
    ///     timestamp: U64::new(1_790_000_000_000),
    ///     signature: Signature::ZERO,
    /// };
    /// let percent = f32::from(score.score.get()) / 100.0;
    /// assert_eq!(format!("{percent:.1} % after {} entries", score.entries), "82.5 % after 40 entries");
    /// ```
    Score = 152 {
        /// The agent.
        eid: Eid,
        /// The node.
        directory_node_eid: Eid,
        /// In parts per 10,000.
        score: U16,
        /// Zero when sent.
        reserved: [u8; 2],
        /// How many entries the node's log has.
        entries: U32,
        /// The first bytes of the log's hash.
        log_hash: RefusedDigest,
        /// Unix time in milliseconds.
        timestamp: U64,
        /// By the node.
        signature: Signature,
    }
}

figure! {
    /// Body of a NODE: where a directory node is, and which work gave it its place.
    ///
    /// ```
    /// use core::net::{IpAddr, SocketAddr};
    ///
    /// use iacp_wire::layout::NodeRecord;
    /// use iacp_wire::{Eid, Locator, Signature};
    /// use zerocopy::network_endian::{U16, U64};
    ///
    /// let node = NodeRecord {
    ///     eid: Eid([3; 32]),
    ///     ip: Locator::from(IpAddr::from([192, 0, 2, 7])),
    ///     port: U16::new(4227),
    ///     classes: 0b0101,
    ///     reserved: 0,
    ///     timestamp: U64::new(1_790_000_000_000),
    ///     nonce: U64::new(77_001),
    ///     signature: Signature::ZERO,
    /// };
    /// let serves = |class: u8| node.classes & 1 << class != 0;
    /// assert!(serves(2) && !serves(1));
    /// let at = SocketAddr::new(IpAddr::from(node.ip), node.port.get());
    /// assert_eq!(at.to_string(), "192.0.2.7:4227");
    /// ```
    NodeRecord = 132 {
        /// The node.
        eid: Eid,
        /// Its address.
        ip: Locator,
        /// Its port.
        port: U16,
        /// Bit c for class c.
        classes: u8,
        /// Zero when sent.
        reserved: u8,
        /// Unix time in milliseconds.
        timestamp: U64,
        /// The nonce with which the digest of its place ends in zero bits.
        nonce: U64,
        /// By the node.
        signature: Signature,
    }
}

figure! {
    /// Body of a FILTER: a part of one node's revocation filter (`IACP §5.5.3`).
    ///
    /// ```
    /// use iacp_wire::layout::FilterPart;
    /// use iacp_wire::{Eid, Signature};
    /// use zerocopy::network_endian::{U16, U32};
    ///
    /// let mut bits = [0; 512];
    /// bits[0] = 0b0000_0100;
    /// let part = FilterPart {
    ///     epoch: U32::new(690),
    ///     order: 0,
    ///     reserved: 0,
    ///     part: U16::new(3),
    ///     bits,
    ///     directory_node_eid: Eid([3; 32]),
    ///     signature: Signature::ZERO,
    /// };
    /// let parts = (1_usize << (16 + part.order)) / (8 * part.bits.len());
    /// assert_eq!(parts, 16, "so many parts make the whole filter");
    /// assert!(usize::from(part.part.get()) < parts);
    /// ```
    FilterPart = 616 {
        /// Of 30 days.
        epoch: U32,
        /// The filter has 2^(16 + order) bits.
        order: u8,
        /// Zero when sent.
        reserved: u8,
        /// The number of these 512 bytes in the filter.
        part: U16,
        /// The bits.
        bits: Bits,
        /// The node.
        directory_node_eid: Eid,
        /// By the node.
        signature: Signature,
    }
}

type Bits = [u8; 512];

figure! {
    /// Body of a VERDICT before its votes (`IACP §5.5.2`).
    ///
    /// An example is at [`Verdict`](crate::layout::Verdict).
    VerdictHead = 68 {
        /// Which accusation.
        accusation_id: Digest,
        /// Against which key.
        offender_eid: Eid,
        /// 1 guilty, 2 cleared.
        outcome: u8,
        /// How many votes follow.
        count: u8,
        /// Zero when sent.
        reserved: [u8; 2],
    }
}

figure! {
    /// A vote of a VERDICT: the remaining fields of the POM_VOTE.
    ///
    /// An example is at [`Verdict`](crate::layout::Verdict).
    VerdictVote = 104 {
        /// The node.
        voter_eid: Eid,
        /// When it voted.
        epoch: U64,
        /// The signature of its POM_VOTE.
        signature: Signature,
    }
}
