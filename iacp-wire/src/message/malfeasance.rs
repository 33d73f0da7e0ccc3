//! Proof of Malfeasance (`IACP §4.2.7.1`, `IACP §5.5.1`).

use zerocopy::IntoBytes;
use zerocopy::network_endian::{U16, U64};

use super::ErpRegister;
use crate::error::{ParseError, Reason, WriteError};
use crate::field::{Digest, Eid, Locator, Signature};
use crate::figure::{Figure, Show, Value, figure};
use crate::put::put;
use crate::read::Reader;

figure! {
    /// `PROOF_OF_MAL`, 0x18 (`IACP Appendix A.23`); its evidence may follow.
    ///
    /// ```text
    /// +-------------------------------+-------------------------------+
    /// |            Version            |    Offense Type Identifier    |
    /// +-------------------------------+-------------------------------+
    /// |             Target Malicious Node Identity [32]               |
    /// +---------------------------------------------------------------+
    /// |           Conflicting Signed Message Digest A [32]            |
    /// +---------------------------------------------------------------+
    /// |           Conflicting Signed Message Digest B [32]            |
    /// +---------------------------------------------------------------+
    /// |          Accusing Node Cryptographic Signature [64]           |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`MalfeasanceData`]; one with claims is at [`Claims`].
    ProofOfMal = 164 {
        /// The version of the ticket's own format: 1.
        version: U16,
        /// 1 equivocation, 2 a curator's double signing, 3 a double vote, 4 a contract signed twice.
        offense_type: U16,
        /// The accused agent.
        target_eid: Eid,
        /// SHA-256 of fragment A, the smaller of the two.
        digest_a: Digest,
        /// SHA-256 of fragment B.
        digest_b: Digest,
        /// By the accuser.
        signature: Signature,
    }
}

figure! {
    /// A binding that the accused once signed (`IACP §4.2.7.1`).
    ///
    /// An example is at [`MalfeasanceData`].
    HeaderFragment = 88 {
        /// The locator that was bound.
        ip: Locator,
        /// The generation that it was bound under.
        generation_counter: U64,
        /// The accused's binding signature.
        signature: Signature,
    }
}

/// What an ERP_REGISTER shows of its binding.
impl From<&ErpRegister> for HeaderFragment {
    fn from(binding: &ErpRegister) -> Self {
        Self {
            ip: binding.current_transport_ip,
            generation_counter: binding.generation_counter,
            signature: binding.signature,
        }
    }
}

figure! {
    /// The evidence annex of a ticket: the two fragments whose digests are in the ticket.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |            Fragment A: IP 16 | Generation 8 | Sig. 64         |
    /// +---------------------------------------------------------------+
    /// |            Fragment B: IP 16 | Generation 8 | Sig. 64         |
    /// +---------------------------------------------------------------+
    /// |               Verification time, Unix ms [8]                  |
    /// +---------------------------------------------------------------+
    /// |                       Accuser EID [32]                        |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`MalfeasanceData`].
    MalfeasanceEvidence = 216 {
        /// The fragment with the smaller digest.
        fragment_a: HeaderFragment,
        /// The fragment with the larger digest.
        fragment_b: HeaderFragment,
        /// When the accuser verified them, Unix time in milliseconds.
        verification_time: U64,
        /// The accuser.
        accuser_eid: Eid,
    }
}

impl Show for HeaderFragment {
    fn show(&self) -> Value<'_> {
        Value::Bytes(self.as_bytes())
    }
}

figure! {
    /// The fields before the two claims of offences 2 to 4, whose evidence is signed bodies.
    ///
    /// [`Claims::write`] fills it in.
    ClaimsHead = 6 {
        /// The kind of the claims: 1 CURATION, 2 DELEGATION, 3 POM_VOTE, 4 a turn of a negotiation.
        claim_kind: u8,
        /// Zero when sent, ignored when received.
        reserved: u8,
        /// Length of claim A, in bytes.
        length_a: U16,
        /// Length of claim B, in bytes.
        length_b: U16,
    }
}

figure! {
    /// The fields after the two claims.
    ///
    /// An example is at [`Claims`].
    ClaimsTail = 40 {
        /// When the accuser verified them, Unix time in milliseconds.
        verification_time: U64,
        /// The accuser.
        accuser_eid: Eid,
    }
}

/// The evidence annex of offences 2 to 4: two signed bodies that contradict each other.
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// |Claim Kind [1] | Reserved [1]  |         Length A a [2]        |
/// +---------------+---------------+-------------------------------+
/// |         Length B b [2]        |          Claim A [a] …        |
/// +-------------------------------+-------------------------------+
/// |                          Claim B [b] …                        |
/// +---------------------------------------------------------------+
/// |        Verification time, Unix ms [8] | Accuser EID [32]      |
/// +---------------------------------------------------------------+
/// ```
///
/// ```
/// use iacp_wire::Eid;
/// use iacp_wire::message::{Claims, ClaimsHead, ClaimsTail};
/// use zerocopy::network_endian::U64;
///
/// let tail = ClaimsTail { verification_time: U64::new(1_790_000_000_000), accuser_eid: Eid([3; 32]) };
/// let mut buffer = [0; 256];
/// let claims = Claims::write(2, b"one delegation", b"another", &tail, &mut buffer)?;
/// assert_eq!(claims.as_bytes().len(), ClaimsHead::LEN + 14 + 7 + ClaimsTail::LEN);
///
/// let read = Claims::parse(claims.as_bytes())?;
/// assert_eq!((read.kind(), read.a(), read.b()), (2, &b"one delegation"[..], &b"another"[..]));
/// assert_eq!(read.tail().accuser_eid, Eid([3; 32]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims<'a> {
    bytes: &'a [u8],
    head: &'a ClaimsHead,
    a: &'a [u8],
    b: &'a [u8],
    tail: &'a ClaimsTail,
}

impl<'a> Claims<'a> {
    /// Reads an annex that fills the bytes exactly.
    ///
    /// # Errors
    /// The bytes are shorter or longer than the two lengths require.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes, 0);
        let claims = Self::read(&mut reader)?;
        reader.end("evidence")?;
        Ok(claims)
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let mut all = *reader;
        let head: &ClaimsHead = reader.figure()?;
        let a = reader.take(usize::from(head.length_a.get()), "claim_a")?;
        let b = reader.take(usize::from(head.length_b.get()), "claim_b")?;
        let tail = reader.figure()?;
        let length = all.remaining().saturating_sub(reader.remaining());
        Ok(Self { bytes: all.take(length, "evidence")?, head, a, b, tail })
    }

    /// Writes an annex to the front of the buffer.
    ///
    /// # Errors
    /// The buffer is too small, or a claim is longer than its length field can express.
    pub fn write(
        claim_kind: u8,
        a: &[u8],
        b: &[u8],
        tail: &ClaimsTail,
        buffer: &'a mut [u8],
    ) -> Result<Self, WriteError> {
        let length = |claim: &[u8]| u16::try_from(claim.len()).map(U16::new).map_err(|_| WriteError::TooLong);
        let head = ClaimsHead { claim_kind, reserved: 0, length_a: length(a)?, length_b: length(b)? };
        let needed = (ClaimsHead::LEN + ClaimsTail::LEN).saturating_add(a.len()).saturating_add(b.len());
        let mut room = buffer.get_mut(..needed).ok_or(WriteError::TooSmall { needed })?;
        for part in [head.as_bytes(), a, b, tail.as_bytes()] {
            room = put(room, part).ok_or(WriteError::TooSmall { needed })?;
        }
        let buffer: &'a [u8] = buffer;
        Self::parse(buffer.get(..needed).unwrap_or_default()).map_err(|_| WriteError::Length)
    }

    /// The bytes as they stand in the frame.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What the claims are.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.head.claim_kind
    }

    /// The claim with the smaller digest.
    #[must_use]
    pub const fn a(&self) -> &'a [u8] {
        self.a
    }

    /// The claim with the larger digest.
    #[must_use]
    pub const fn b(&self) -> &'a [u8] {
        self.b
    }

    /// The time of the verification, and the accuser.
    #[must_use]
    pub const fn tail(&self) -> &'a ClaimsTail {
        self.tail
    }
}

/// The evidence of an accusation, by its offence.
///
/// An example is at [`MalfeasanceData`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence<'a> {
    /// Offence 1, and offences that this crate does not know: two bindings.
    Bindings(&'a MalfeasanceEvidence),
    /// Offences 2 to 4: two signed bodies.
    Claims(Claims<'a>),
}

impl<'a> Evidence<'a> {
    pub(crate) fn read(ticket: &ProofOfMal, reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        if shows_claims(ticket) {
            Ok(Self::Claims(Claims::read(reader)?))
        } else {
            Ok(Self::Bindings(reader.figure()?))
        }
    }

    /// Whether it has the form that the ticket's offence requires.
    pub(crate) fn is_of(&self, ticket: &ProofOfMal) -> bool {
        matches!(self, Self::Claims(_)) == shows_claims(ticket)
    }

    /// The bytes as they stand in the frame.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Bindings(evidence) => evidence.as_bytes(),
            Self::Claims(claims) => claims.as_bytes(),
        }
    }

    /// The accuser.
    #[must_use]
    pub const fn accuser(&self) -> Eid {
        match self {
            Self::Bindings(evidence) => evidence.accuser_eid,
            Self::Claims(claims) => claims.tail.accuser_eid,
        }
    }

    pub(crate) fn visit(&self, visitor: &mut dyn FnMut(&'static str, Value<'_>)) {
        match self {
            Self::Bindings(evidence) => evidence.visit(visitor),
            Self::Claims(claims) => {
                claims.head.visit(visitor);
                visitor("claim_a", Value::Bytes(claims.a));
                visitor("claim_b", Value::Bytes(claims.b));
                claims.tail.visit(visitor);
            }
        }
    }
}

/// Whether two signed bodies are the evidence of the ticket's offence.
fn shows_claims(ticket: &ProofOfMal) -> bool {
    (2..=4).contains(&ticket.offense_type.get())
}

/// Proof of Malfeasance Data, as it is embedded in other messages: a ticket with its evidence.
///
/// A ticket and its evidence end a session, and the same bytes are published.
///
/// ```
/// use core::net::IpAddr;
///
/// use iacp_wire::message::{
///     Evidence, HeaderFragment, MalfeasanceData, MalfeasanceEvidence, ProofOfMal, PssRevocationPublish,
/// };
/// use iacp_wire::{DhtKey, Digest, Eid, Frame, Locator, Message, Signature};
/// use zerocopy::IntoBytes;
/// use zerocopy::network_endian::{U16, U32, U64};
///
/// // One generation of the offender, bound to two addresses.
/// let offender = Eid([1; 32]);
/// let bound = |last| HeaderFragment {
///     ip: Locator::from(IpAddr::from([192, 0, 2, last])),
///     generation_counter: U64::new(4),
///     signature: Signature([last; 64]),
/// };
/// let evidence = MalfeasanceEvidence {
///     fragment_a: bound(1),
///     fragment_b: bound(2),
///     verification_time: U64::new(1_790_000_000_000),
///     accuser_eid: Eid([3; 32]),
/// };
/// let ticket = ProofOfMal {
///     version: U16::new(1),
///     offense_type: U16::new(1),
///     target_eid: offender,
///     digest_a: Digest([5; 32]), // of the fragments
///     digest_b: Digest([6; 32]),
///     signature: Signature::ZERO,
/// };
/// let data = [ticket.as_bytes(), evidence.as_bytes()].concat();
/// let head = PssRevocationPublish {
///     target_storage_key: DhtKey([7; 32]),
///     offender_eid: offender,
///     malfeasance_length: U32::new(380),
///     signature: Signature::ZERO,
/// };
/// let mut buffer = [0; 600];
/// let length = Frame::new(Message::PssRevocationPublish { head: &head, malfeasance: &data }).write(&mut buffer)?;
///
/// let Message::PssRevocationPublish { malfeasance, .. } = Frame::parse(&buffer[..length])?.message else {
///     return Err("published".into());
/// };
/// let read = MalfeasanceData::parse(malfeasance)?;
/// assert_eq!((read.ticket.target_eid, read.evidence.accuser()), (offender, Eid([3; 32])));
/// let Evidence::Bindings(both) = read.evidence else { return Err("offence 1 has bindings".into()) };
/// assert_eq!(both.fragment_a.generation_counter, both.fragment_b.generation_counter);
/// assert_ne!(both.fragment_a.ip, both.fragment_b.ip);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalfeasanceData<'a> {
    /// The ticket.
    pub ticket: &'a ProofOfMal,
    /// Its evidence.
    pub evidence: Evidence<'a>,
}

impl<'a> MalfeasanceData<'a> {
    /// Length in bytes if two bindings are the evidence.
    pub const LEN: usize = ProofOfMal::LEN + MalfeasanceEvidence::LEN;

    /// Reads the data embedded in a teardown or a revocation. Offsets in errors count from its first byte.
    ///
    /// # Errors
    /// The length is not that of a ticket with the evidence of its offence.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let wrong = ParseError::new(Reason::Length, "malfeasance_data", 0);
        let mut reader = Reader::new(bytes, 0);
        let ticket = reader.figure().map_err(|_| wrong)?;
        let evidence = Evidence::read(ticket, &mut reader).map_err(|_| wrong)?;
        if reader.remaining() > 0 { Err(wrong) } else { Ok(Self { ticket, evidence }) }
    }
}

figure! {
    /// `POM_NOTICE`, 0x95: tells the accused of an accusation. A hint: the accused fetches the accusation itself.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                      Accusation id [32]                       |
    /// +---------------------------------------------------------------+
    /// |                      Offender EID [32]                        |
    /// +---------------------------------------------------------------+
    /// |              Epoch in which the escrow opened [8]             |
    /// +---------------------------------------------------------------+
    /// |                   Directory node EID [32]                     |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// The accused fetches the accusation that the notice names, and believes only that.
    ///
    /// ```
    /// use iacp_wire::message::PomNotice;
    /// use iacp_wire::{Digest, Eid, Signature};
    /// use zerocopy::network_endian::U64;
    ///
    /// let notice = PomNotice {
    ///     accusation_id: Digest([8; 32]),
    ///     offender_eid: Eid([1; 32]),
    ///     opening_epoch: U64::new(59_666_666),
    ///     directory_node_eid: Eid([3; 32]),
    ///     signature: Signature::ZERO,
    /// };
    /// let opened_at = notice.opening_epoch.get() * 30; // Unix time in seconds
    /// assert_eq!(opened_at, 1_789_999_980);
    /// ```
    PomNotice = 168 {
        /// Which accusation.
        accusation_id: Digest,
        /// Against which key.
        offender_eid: Eid,
        /// Epochs of 30 s.
        opening_epoch: U64,
        /// The node that holds the escrow.
        directory_node_eid: Eid,
        /// By that node.
        signature: Signature,
    }
}

figure! {
    /// `POM_VOTE`, 0x96: how one node ends an escrow.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                      Accusation id [32]                       |
    /// +---------------------------------------------------------------+
    /// |                      Offender EID [32]                        |
    /// +---------------+-----------------------------------------------+
    /// |  Outcome [1]  |                 Reserved [3]                  |
    /// +---------------+-----------------------------------------------+
    /// |                          Epoch [8]                            |
    /// +---------------------------------------------------------------+
    /// |                       Voter EID [32]                          |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// Votes with one outcome are collected in a [`Verdict`](crate::layout::Verdict); an example is there.
    PomVote = 172 {
        /// Which accusation.
        accusation_id: Digest,
        /// Against which key.
        offender_eid: Eid,
        /// 1 guilty, 2 cleared.
        outcome: u8,
        /// Zero when sent, ignored when received.
        reserved: [u8; 3],
        /// When the node voted: epochs of 30 s.
        epoch: U64,
        /// The node that votes.
        voter_eid: Eid,
        /// By that node.
        signature: Signature,
    }
}
