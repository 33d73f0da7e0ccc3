//! All messages: a file per family, and the one type that is any of them.

mod access_ticket;
mod anml;
mod carriage;
mod dht_ticket;
mod directory;
mod discovery;
mod erp;
mod local;
mod malfeasance;
mod outer;
mod parse;
mod pss;
mod show;
mod space;

pub use access_ticket::{AccessTicketReq, AccessTicketRes, TicketedRequest};
pub use anml::{AnmlFallbackAnswer, AnmlFallbackQuery};
pub use carriage::{DockOffer, PathRelay, SandboxStream, TransitGrant};
pub use dht_ticket::{DhtTicketQuery, DhtTicketResp, DhtTicketStore};
pub use directory::{DirAnswer, DirGet, DirPut, DirReceipt, WorkedRequest};
pub use discovery::{DiscoveryReq, DiscoveryRes};
pub use erp::{
    ErpAlloc, ErpConfirm, ErpDeflect, ErpEvolve, ErpInit, ErpKeepalive, ErpRegister, ErpStream, ErrorMessage,
    MigrationVector,
};
pub use local::{AaiNotice, AaiRequest, Local};
pub use malfeasance::{
    Claims, ClaimsHead, ClaimsTail, Evidence, HeaderFragment, MalfeasanceData, MalfeasanceEvidence, PomNotice, PomVote,
    ProofOfMal,
};
pub use outer::OuterTransport;
pub use pss::{
    Conditions, PssAck, PssDataStream, PssInit, PssNeg, PssRevocationPublish, PssRevocationRebuttal, PssTeardown,
};
pub use space::{SpaceJoin, SpaceRelay, SpaceStatus};
use zerocopy::IntoBytes;

use crate::field::{AeadTag, Cookie, Signature};
use crate::figure::{Figure, signature_offset};
use crate::header::MessageType;

/// Any message: its figure, and what follows it.
///
/// A host that receives a datagram asks what it is, and takes the fields where they lie.
///
/// ```
/// use iacp_wire::message::{Local, PathRelay};
/// use iacp_wire::{Eid, Frame, IatField, Message, MessageType};
///
/// # let head = Local { eid: Eid([1; 32]), local_iat: IatField([2; 32]) };
/// # let mut relayed = [0; 16];
/// # let relay = Message::PathRelay { head: &PathRelay { path: 2, reserved: [0; 3] }, inner: &[] };
/// # let length = Frame::new(relay).write(&mut relayed)?;
/// # let mut buffer = [0; 128];
/// # let length = Frame::new(Message::Local { head: &head, inner: &relayed[..length] }).write(&mut buffer)?;
/// # let datagram = &buffer[..length];
/// let message = Frame::parse(datagram)?.message;
/// assert_eq!(message.message_type(), MessageType::Local);
/// let Message::Local { head, inner } = message else { return Err("of the local channel".into()) };
/// assert_eq!(head.eid, Eid([1; 32]));
/// assert_eq!(inner, &datagram[4 + Local::LEN..]); // not a copy
/// assert!(matches!(Frame::parse(inner)?.message, Message::PathRelay { head, .. } if head.path == 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// keeps: IACP-159 (App. A)
#[derive(Clone, Copy)]
pub enum Message<'a> {
    /// `DISCOVERY_REQ`
    DiscoveryReq(&'a DiscoveryReq),
    /// `DISCOVERY_RES`
    DiscoveryRes(&'a DiscoveryRes),
    /// `ACCESS_TICKET_REQ`
    AccessTicketReq(&'a AccessTicketReq),
    /// `ACCESS_TICKET_RES`
    AccessTicketRes(&'a AccessTicketRes),
    /// `DHT_TICKET_STORE`
    DhtTicketStore(&'a DhtTicketStore),
    /// `DHT_TICKET_QUERY`
    DhtTicketQuery(&'a DhtTicketQuery),
    /// `DHT_TICKET_RESP`
    DhtTicketResp(&'a DhtTicketResp),
    /// `PSS_INIT`
    PssInit(&'a PssInit),
    /// `PSS_ACK`
    PssAck(&'a PssAck),
    /// `PSS_NEG`
    PssNeg(&'a PssNeg),
    /// `PSS_DATA_STREAM`
    PssDataStream {
        /// The figure.
        head: &'a PssDataStream,
        /// Ciphertext and tag, at least 16 bytes.
        sealed: &'a [u8],
    },
    /// `PSS_TEARDOWN`
    PssTeardown {
        /// The figure.
        head: &'a PssTeardown,
        /// See [`MalfeasanceData`]; may be empty.
        malfeasance: &'a [u8],
    },
    /// `PSS_REVOCATION_PUBLISH`
    PssRevocationPublish {
        /// The figure.
        head: &'a PssRevocationPublish,
        /// See [`MalfeasanceData`].
        malfeasance: &'a [u8],
    },
    /// `ERP_DEFLECT`
    ErpDeflect {
        /// The figure.
        head: &'a ErpDeflect,
        /// What is deflected.
        inner: &'a [u8],
    },
    /// Outer Transport Header
    OuterTransport {
        /// The second half of the first word.
        transit_id: u16,
        /// The figure after the first word.
        head: &'a OuterTransport,
        /// What is carried.
        inner: &'a [u8],
    },
    /// `ERP_INIT`
    ErpInit(&'a ErpInit),
    /// `ANML Fallback Query`
    AnmlFallbackQuery {
        /// The legacy target.
        uri: &'a str,
        /// The figure after the URI.
        tail: &'a AnmlFallbackQuery,
    },
    /// `PSS_REVOCATION_REBUTTAL`
    PssRevocationRebuttal {
        /// The figure before the evidence.
        head: &'a PssRevocationRebuttal,
        /// The evidence.
        evidence: &'a [u8],
        /// By the accused, last in the frame.
        signature: &'a Signature,
    },
    /// `ERP_ALLOC`
    ErpAlloc(&'a ErpAlloc),
    /// `ERP_REGISTER`
    ErpRegister(&'a ErpRegister),
    /// `ERP_EVOLVE`
    ErpEvolve(&'a ErpEvolve),
    /// `MIGRATION_VECTOR`: the frame's TLVs contain a MIGRATION_VECTOR.
    MigrationVector(&'a MigrationVector),
    /// `PROOF_OF_MAL`
    ProofOfMal {
        /// The figure.
        head: &'a ProofOfMal,
        /// The evidence. Without it the ticket is never valid.
        evidence: Option<Evidence<'a>>,
    },
    /// `ERP_KEEPALIVE`
    ErpKeepalive(&'a ErpKeepalive),
    /// `ERP_STREAM`
    ErpStream {
        /// The ERP Routing Header.
        head: &'a ErpStream,
        /// The inner frame.
        inner: &'a [u8],
    },
    /// `ERP_CONFIRM`
    ErpConfirm(&'a ErpConfirm),
    /// `ERROR`
    Error(&'a ErrorMessage),
    /// `TICKETED_REQUEST`
    TicketedRequest {
        /// The ticket and its holder's signature.
        head: &'a TicketedRequest,
        /// The inner frame.
        inner: &'a [u8],
    },
    /// `LOCAL`
    Local {
        /// The encapsulation header.
        head: &'a Local,
        /// The inner frame.
        inner: &'a [u8],
    },
    /// `AAI_REQUEST`
    AaiRequest {
        /// The figure.
        head: &'a AaiRequest,
        /// As the op has them.
        arguments: &'a [u8],
    },
    /// `AAI_NOTICE`
    AaiNotice {
        /// The figure.
        head: &'a AaiNotice,
        /// As the notice has it.
        content: &'a [u8],
    },
    /// `PATH_RELAY`
    PathRelay {
        /// The path.
        head: &'a PathRelay,
        /// The copy.
        inner: &'a [u8],
    },
    /// `TRANSIT_GRANT`
    TransitGrant(&'a TransitGrant),
    /// `DOCK_OFFER`
    DockOffer(&'a DockOffer),
    /// `SANDBOX_STREAM`
    SandboxStream {
        /// The stream.
        head: &'a SandboxStream,
        /// The bytes that the sandbox sends or receives.
        bytes: &'a [u8],
    },
    /// `ANML_FALLBACK_ANSWER`
    AnmlFallbackAnswer(&'a AnmlFallbackAnswer),
    /// `DIR_GET`
    DirGet {
        /// The figure.
        head: &'a DirGet,
        /// Zero; makes room for the answer.
        padding: &'a [u8],
    },
    /// `DIR_ANSWER`
    DirAnswer {
        /// The figure.
        head: &'a DirAnswer,
        /// The records.
        records: &'a [u8],
    },
    /// `DIR_PUT`
    DirPut {
        /// The figure.
        head: &'a DirPut,
        /// The record.
        record: &'a [u8],
    },
    /// `DIR_RECEIPT`
    DirReceipt(&'a DirReceipt),
    /// `WORKED_REQUEST`
    WorkedRequest {
        /// The figure.
        head: &'a WorkedRequest,
        /// The inner frame.
        inner: &'a [u8],
    },
    /// `POM_NOTICE`
    PomNotice(&'a PomNotice),
    /// `POM_VOTE`
    PomVote(&'a PomVote),
    /// `SPACE_JOIN`
    SpaceJoin(&'a SpaceJoin),
    /// `SPACE_STATUS`
    SpaceStatus(&'a SpaceStatus),
    /// `SPACE_RELAY`
    SpaceRelay {
        /// The figure.
        head: &'a SpaceRelay,
        /// The inner frame.
        inner: &'a [u8],
    },
}

/// A body as up to three byte strings in wire order, and the place of its signature.
pub(crate) struct Parts<'a> {
    pub(crate) bytes: [&'a [u8]; 3],
    pub(crate) signature: Option<usize>,
}

fn head<T: Figure>(head: &T) -> Parts<'_> {
    followed(head, &[])
}

fn followed<'a, T: Figure>(head: &'a T, tail: &'a [u8]) -> Parts<'a> {
    Parts { bytes: [head.as_bytes(), tail, &[]], signature: const { signature_offset(T::FIELDS) } }
}

impl<'a> Message<'a> {
    /// The registry's type.
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::DiscoveryReq(_) => MessageType::DiscoveryReq,
            Self::DiscoveryRes(_) => MessageType::DiscoveryRes,
            Self::AccessTicketReq(_) => MessageType::AccessTicketReq,
            Self::AccessTicketRes(_) => MessageType::AccessTicketRes,
            Self::DhtTicketStore(_) => MessageType::DhtTicketStore,
            Self::DhtTicketQuery(_) => MessageType::DhtTicketQuery,
            Self::DhtTicketResp(_) => MessageType::DhtTicketResp,
            Self::PssInit(_) => MessageType::PssInit,
            Self::PssAck(_) => MessageType::PssAck,
            Self::PssNeg(_) => MessageType::PssNeg,
            Self::PssDataStream { .. } => MessageType::PssDataStream,
            Self::PssTeardown { .. } => MessageType::PssTeardown,
            Self::PssRevocationPublish { .. } => MessageType::PssRevocationPublish,
            Self::ErpDeflect { .. } => MessageType::ErpDeflect,
            Self::OuterTransport { .. } => MessageType::OuterTransport,
            Self::ErpInit(_) => MessageType::ErpInit,
            Self::AnmlFallbackQuery { .. } => MessageType::AnmlFallbackQuery,
            Self::PssRevocationRebuttal { .. } => MessageType::PssRevocationRebuttal,
            Self::ErpAlloc(_) => MessageType::ErpAlloc,
            Self::ErpRegister(_) => MessageType::ErpRegister,
            Self::ErpEvolve(_) => MessageType::ErpEvolve,
            Self::MigrationVector(_) => MessageType::MigrationVector,
            Self::ProofOfMal { .. } => MessageType::ProofOfMal,
            Self::ErpKeepalive(_) => MessageType::ErpKeepalive,
            Self::ErpStream { .. } => MessageType::ErpStream,
            Self::ErpConfirm(_) => MessageType::ErpConfirm,
            Self::Error(_) => MessageType::Error,
            Self::TicketedRequest { .. } => MessageType::TicketedRequest,
            Self::Local { .. } => MessageType::Local,
            Self::AaiRequest { .. } => MessageType::AaiRequest,
            Self::AaiNotice { .. } => MessageType::AaiNotice,
            Self::PathRelay { .. } => MessageType::PathRelay,
            Self::TransitGrant(_) => MessageType::TransitGrant,
            Self::DockOffer(_) => MessageType::DockOffer,
            Self::SandboxStream { .. } => MessageType::SandboxStream,
            Self::AnmlFallbackAnswer(_) => MessageType::AnmlFallbackAnswer,
            Self::DirGet { .. } => MessageType::DirGet,
            Self::DirAnswer { .. } => MessageType::DirAnswer,
            Self::DirPut { .. } => MessageType::DirPut,
            Self::DirReceipt(_) => MessageType::DirReceipt,
            Self::WorkedRequest { .. } => MessageType::WorkedRequest,
            Self::PomNotice(_) => MessageType::PomNotice,
            Self::PomVote(_) => MessageType::PomVote,
            Self::SpaceJoin(_) => MessageType::SpaceJoin,
            Self::SpaceStatus(_) => MessageType::SpaceStatus,
            Self::SpaceRelay { .. } => MessageType::SpaceRelay,
        }
    }

    /// Whether TLVs may follow: only where the body's size is fixed.
    pub(crate) const fn takes_tlvs(&self) -> bool {
        !matches!(
            self,
            Self::PssDataStream { .. }
                | Self::PssTeardown { .. }
                | Self::PssRevocationPublish { .. }
                | Self::ErpDeflect { .. }
                | Self::OuterTransport { .. }
                | Self::AnmlFallbackQuery { .. }
                | Self::PssRevocationRebuttal { .. }
                | Self::ProofOfMal { .. }
                | Self::ErpStream { .. }
                | Self::TicketedRequest { .. }
                | Self::Local { .. }
                | Self::AaiRequest { .. }
                | Self::AaiNotice { .. }
                | Self::PathRelay { .. }
                | Self::SandboxStream { .. }
                | Self::DirGet { .. }
                | Self::DirAnswer { .. }
                | Self::DirPut { .. }
                | Self::WorkedRequest { .. }
                | Self::SpaceRelay { .. }
        )
    }

    pub(crate) fn parts(&self) -> Parts<'a> {
        match *self {
            Self::DiscoveryReq(m) => head(m),
            Self::DiscoveryRes(m) => head(m),
            Self::AccessTicketReq(m) => head(m),
            Self::AccessTicketRes(m) => head(m),
            Self::DhtTicketStore(m) => head(m),
            Self::DhtTicketQuery(m) => head(m),
            Self::DhtTicketResp(m) => head(m),
            Self::PssInit(m) => head(m),
            Self::PssAck(m) => head(m),
            Self::PssNeg(m) => head(m),
            Self::PssDataStream { head, sealed } => followed(head, sealed),
            Self::PssTeardown { head, malfeasance } => followed(head, malfeasance),
            Self::PssRevocationPublish { head, malfeasance } => followed(head, malfeasance),
            Self::ErpDeflect { head, inner } => followed(head, inner),
            Self::OuterTransport { head, inner, .. } => followed(head, inner),
            Self::ErpInit(m) => head(m),
            Self::AnmlFallbackQuery { uri, tail } => Parts {
                bytes: [uri.as_bytes(), tail.as_bytes(), &[]],
                signature: Some(uri.len().saturating_add(AnmlFallbackQuery::LEN - Signature::LEN)),
            },
            Self::PssRevocationRebuttal { head, evidence, signature } => Parts {
                bytes: [head.as_bytes(), evidence, signature.as_bytes()],
                signature: Some(evidence.len().saturating_add(PssRevocationRebuttal::LEN)),
            },
            Self::ErpAlloc(m) => head(m),
            Self::ErpRegister(m) => head(m),
            Self::ErpEvolve(m) => head(m),
            Self::MigrationVector(m) => head(m),
            Self::ProofOfMal { head, evidence } => followed(head, evidence.map_or(&[], |evidence| evidence.as_bytes())),
            Self::ErpKeepalive(m) => head(m),
            Self::ErpStream { head, inner } => followed(head, inner),
            Self::ErpConfirm(m) => head(m),
            Self::Error(m) => head(m),
            Self::TicketedRequest { head, inner } => followed(head, inner),
            Self::Local { head, inner } => followed(head, inner),
            Self::AaiRequest { head, arguments } => followed(head, arguments),
            Self::AaiNotice { head, content } => followed(head, content),
            Self::PathRelay { head, inner } => followed(head, inner),
            Self::TransitGrant(m) => head(m),
            Self::DockOffer(m) => head(m),
            Self::SandboxStream { head, bytes } => followed(head, bytes),
            Self::AnmlFallbackAnswer(m) => head(m),
            Self::DirGet { head, padding } => followed(head, padding),
            Self::DirAnswer { head, records } => followed(head, records),
            Self::DirPut { head, record } => followed(head, record),
            Self::DirReceipt(m) => head(m),
            Self::WorkedRequest { head, inner } => followed(head, inner),
            Self::PomNotice(m) => head(m),
            Self::PomVote(m) => head(m),
            Self::SpaceJoin(m) => head(m),
            Self::SpaceStatus(m) => head(m),
            Self::SpaceRelay { head, inner } => followed(head, inner),
        }
    }

    /// Whether every length field of the body agrees with the length of its part.
    pub(crate) fn lengths_agree(&self) -> bool {
        let agree = |field: zerocopy::network_endian::U32, bytes: &[u8]| {
            usize::try_from(field.get()).is_ok_and(|length| length == bytes.len())
        };
        match self {
            Self::PssTeardown { head, malfeasance } => agree(head.malfeasance_length, malfeasance),
            Self::PssRevocationPublish { head, malfeasance } => agree(head.malfeasance_length, malfeasance),
            Self::PssRevocationRebuttal { head, evidence, .. } => agree(head.rebuttal_proof_length, evidence),
            Self::PssDataStream { sealed, .. } => sealed.len() >= AeadTag::LEN,
            Self::ProofOfMal { head, evidence: Some(evidence) } => evidence.is_of(head),
            _ => true,
        }
    }

    /// The I-Cookie of a frame that belongs to a session.
    #[must_use]
    pub const fn initiator_cookie(&self) -> Option<Cookie> {
        match self {
            Self::PssInit(m) => Some(m.session_connection_cookie),
            Self::PssAck(m) => Some(m.session_connection_cookie),
            Self::PssNeg(m) => Some(m.session_connection_cookie),
            Self::PssDataStream { head, .. } => Some(head.session_connection_cookie),
            Self::PssTeardown { head, .. } => Some(head.session_connection_cookie),
            _ => None,
        }
    }
}
