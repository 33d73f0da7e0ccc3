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
mod pss;
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

use crate::error::{ParseError, Reason};
use crate::field::{AeadTag, Cookie, Signature};
use crate::figure::{Figure, Value, signature_offset};
use crate::header::MessageType;
use crate::read::Reader;

/// Any message: its figure, and what follows it.
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
    /// `MIGRATION_VECTOR`: the frame's TLVs hold a MIGRATION_VECTOR.
    MigrationVector(&'a MigrationVector),
    /// `PROOF_OF_MAL`
    ProofOfMal {
        /// The figure.
        head: &'a ProofOfMal,
        /// Without it the ticket is never valid.
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
        /// Which path it is.
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
        /// Whose stream it is.
        head: &'a SandboxStream,
        /// What the sandbox sends or receives.
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

/// A body as up to three byte strings in wire order, and where its signature stands.
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
    /// Reads the body of a message with a common header, up to its TLVs if it takes any.
    pub(crate) fn read(message_type: MessageType, reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        Ok(match message_type {
            MessageType::DiscoveryReq => Self::DiscoveryReq(reader.figure()?),
            MessageType::DiscoveryRes => Self::DiscoveryRes(reader.figure()?),
            MessageType::AccessTicketReq => Self::AccessTicketReq(reader.figure()?),
            MessageType::AccessTicketRes => Self::AccessTicketRes(reader.figure()?),
            MessageType::DhtTicketStore => Self::DhtTicketStore(reader.figure()?),
            MessageType::DhtTicketQuery => Self::DhtTicketQuery(reader.figure()?),
            MessageType::DhtTicketResp => Self::DhtTicketResp(reader.figure()?),
            MessageType::PssInit => Self::PssInit(reader.figure()?),
            MessageType::PssAck => Self::PssAck(reader.figure()?),
            MessageType::PssNeg => Self::PssNeg(reader.figure()?),
            MessageType::PssDataStream => {
                let head = reader.figure()?;
                if reader.remaining() < AeadTag::LEN {
                    let end = reader.offset().saturating_add(reader.remaining());
                    return Err(ParseError::new(Reason::Truncated, "encrypted_payload", end));
                }
                Self::PssDataStream { head, sealed: reader.rest() }
            }
            MessageType::PssTeardown => {
                let head: &PssTeardown = reader.figure()?;
                let malfeasance = measured(reader, head.malfeasance_length.get(), 0, "malfeasance_length")?;
                Self::PssTeardown { head, malfeasance }
            }
            MessageType::PssRevocationPublish => {
                let head: &PssRevocationPublish = reader.figure()?;
                let malfeasance = measured(reader, head.malfeasance_length.get(), 0, "malfeasance_length")?;
                Self::PssRevocationPublish { head, malfeasance }
            }
            MessageType::ErpDeflect => Self::ErpDeflect { head: reader.figure()?, inner: reader.rest() },
            MessageType::OuterTransport => {
                // It has no common header, so a common header cannot announce it.
                return Err(ParseError::new(Reason::UnknownType(message_type.code()), "type", 0));
            }
            MessageType::ErpInit => Self::ErpInit(reader.figure()?),
            MessageType::AnmlFallbackQuery => {
                let Some(length) = reader.remaining().checked_sub(AnmlFallbackQuery::LEN) else {
                    // Names the field that is cut.
                    reader.figure::<AnmlFallbackQuery>()?;
                    return Err(ParseError::new(Reason::Truncated, "legacy_target_uri", reader.offset()));
                };
                Self::AnmlFallbackQuery { uri: reader.text(length, "legacy_target_uri")?, tail: reader.figure()? }
            }
            MessageType::PssRevocationRebuttal => {
                let head: &PssRevocationRebuttal = reader.figure()?;
                let length = head.rebuttal_proof_length.get();
                let evidence = measured(reader, length, Signature::LEN, "rebuttal_proof_length")?;
                Self::PssRevocationRebuttal { head, evidence, signature: reader.value("signature")? }
            }
            MessageType::ErpAlloc => Self::ErpAlloc(reader.figure()?),
            MessageType::ErpRegister => Self::ErpRegister(reader.figure()?),
            MessageType::ErpEvolve => Self::ErpEvolve(reader.figure()?),
            MessageType::MigrationVector => Self::MigrationVector(reader.figure()?),
            MessageType::ProofOfMal => {
                let head = reader.figure()?;
                let evidence = if reader.remaining() == 0 { None } else { Some(Evidence::read(head, reader)?) };
                Self::ProofOfMal { head, evidence }
            }
            MessageType::ErpKeepalive => Self::ErpKeepalive(reader.figure()?),
            MessageType::ErpStream => Self::ErpStream { head: reader.figure()?, inner: reader.rest() },
            MessageType::ErpConfirm => Self::ErpConfirm(reader.figure()?),
            MessageType::Error => Self::Error(reader.figure()?),
            MessageType::TicketedRequest => Self::TicketedRequest { head: reader.figure()?, inner: reader.rest() },
            MessageType::Local => Self::Local { head: reader.figure()?, inner: reader.rest() },
            MessageType::AaiRequest => Self::AaiRequest { head: reader.figure()?, arguments: reader.rest() },
            MessageType::AaiNotice => Self::AaiNotice { head: reader.figure()?, content: reader.rest() },
            MessageType::PathRelay => Self::PathRelay { head: reader.figure()?, inner: reader.rest() },
            MessageType::TransitGrant => Self::TransitGrant(reader.figure()?),
            MessageType::DockOffer => Self::DockOffer(reader.figure()?),
            MessageType::SandboxStream => Self::SandboxStream { head: reader.figure()?, bytes: reader.rest() },
            MessageType::AnmlFallbackAnswer => Self::AnmlFallbackAnswer(reader.figure()?),
            MessageType::DirGet => Self::DirGet { head: reader.figure()?, padding: reader.rest() },
            MessageType::DirAnswer => Self::DirAnswer { head: reader.figure()?, records: reader.rest() },
            MessageType::DirPut => Self::DirPut { head: reader.figure()?, record: reader.rest() },
            MessageType::DirReceipt => Self::DirReceipt(reader.figure()?),
            MessageType::WorkedRequest => Self::WorkedRequest { head: reader.figure()?, inner: reader.rest() },
            MessageType::PomNotice => Self::PomNotice(reader.figure()?),
            MessageType::PomVote => Self::PomVote(reader.figure()?),
            MessageType::SpaceJoin => Self::SpaceJoin(reader.figure()?),
            MessageType::SpaceStatus => Self::SpaceStatus(reader.figure()?),
            MessageType::SpaceRelay => Self::SpaceRelay { head: reader.figure()?, inner: reader.rest() },
        })
    }

    pub(crate) fn read_outer(transit_id: u16, reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        Ok(Self::OuterTransport { transit_id, head: reader.figure()?, inner: reader.rest() })
    }

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

    /// Whether every length field of the body is the length of what it measures.
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

    /// Calls the visitor for every field of the body in wire order.
    pub fn visit(&self, visitor: &mut dyn FnMut(&'static str, Value<'_>)) {
        match *self {
            Self::DiscoveryReq(m) => m.visit(visitor),
            Self::DiscoveryRes(m) => m.visit(visitor),
            Self::AccessTicketReq(m) => m.visit(visitor),
            Self::AccessTicketRes(m) => m.visit(visitor),
            Self::DhtTicketStore(m) => m.visit(visitor),
            Self::DhtTicketQuery(m) => m.visit(visitor),
            Self::DhtTicketResp(m) => m.visit(visitor),
            Self::PssInit(m) => m.visit(visitor),
            Self::PssAck(m) => m.visit(visitor),
            Self::PssNeg(m) => m.visit(visitor),
            Self::PssDataStream { head, sealed } => {
                head.visit(visitor);
                visitor("encrypted_payload", Value::Bytes(sealed));
            }
            Self::PssTeardown { head, malfeasance } => {
                head.visit(visitor);
                visitor("malfeasance_data", Value::Bytes(malfeasance));
            }
            Self::PssRevocationPublish { head, malfeasance } => {
                head.visit(visitor);
                visitor("malfeasance_data", Value::Bytes(malfeasance));
            }
            Self::ErpDeflect { head, inner } => {
                head.visit(visitor);
                visitor("inner_payload", Value::Bytes(inner));
            }
            Self::OuterTransport { transit_id, head, inner } => {
                visitor("transit_id", Value::Integer(u64::from(transit_id)));
                head.visit(visitor);
                visitor("inner_payload", Value::Bytes(inner));
            }
            Self::ErpInit(m) => m.visit(visitor),
            Self::AnmlFallbackQuery { uri, tail } => {
                visitor("legacy_target_uri", Value::Text(uri));
                tail.visit(visitor);
            }
            Self::PssRevocationRebuttal { head, evidence, signature } => {
                head.visit(visitor);
                visitor("rebuttal_evidence", Value::Bytes(evidence));
                visitor("signature", Value::Bytes(&signature.0));
            }
            Self::ErpAlloc(m) => m.visit(visitor),
            Self::ErpRegister(m) => m.visit(visitor),
            Self::ErpEvolve(m) => m.visit(visitor),
            Self::MigrationVector(m) => m.visit(visitor),
            Self::ProofOfMal { head, evidence } => {
                head.visit(visitor);
                if let Some(evidence) = evidence {
                    evidence.visit(visitor);
                }
            }
            Self::ErpKeepalive(m) => m.visit(visitor),
            Self::ErpStream { head, inner } => {
                head.visit(visitor);
                visitor("inner_frame", Value::Bytes(inner));
            }
            Self::ErpConfirm(m) => m.visit(visitor),
            Self::Error(m) => m.visit(visitor),
            Self::TicketedRequest { head, inner } => {
                head.visit(visitor);
                visitor("inner_frame", Value::Bytes(inner));
            }
            Self::Local { head, inner } => {
                head.visit(visitor);
                visitor("inner_frame", Value::Bytes(inner));
            }
            Self::AaiRequest { head, arguments } => {
                head.visit(visitor);
                visitor("arguments", Value::Bytes(arguments));
            }
            Self::AaiNotice { head, content } => {
                head.visit(visitor);
                visitor("content", Value::Bytes(content));
            }
            Self::PathRelay { head, inner } => {
                head.visit(visitor);
                visitor("inner_frame", Value::Bytes(inner));
            }
            Self::TransitGrant(m) => m.visit(visitor),
            Self::DockOffer(m) => m.visit(visitor),
            Self::SandboxStream { head, bytes } => {
                head.visit(visitor);
                visitor("bytes", Value::Bytes(bytes));
            }
            Self::AnmlFallbackAnswer(m) => m.visit(visitor),
            Self::DirGet { head, padding } => {
                head.visit(visitor);
                visitor("padding", Value::Bytes(padding));
            }
            Self::DirAnswer { head, records } => {
                head.visit(visitor);
                visitor("records", Value::Bytes(records));
            }
            Self::DirPut { head, record } => {
                head.visit(visitor);
                visitor("record", Value::Bytes(record));
            }
            Self::DirReceipt(m) => m.visit(visitor),
            Self::WorkedRequest { head, inner } => {
                head.visit(visitor);
                visitor("inner_frame", Value::Bytes(inner));
            }
            Self::PomNotice(m) => m.visit(visitor),
            Self::PomVote(m) => m.visit(visitor),
            Self::SpaceJoin(m) => m.visit(visitor),
            Self::SpaceStatus(m) => m.visit(visitor),
            Self::SpaceRelay { head, inner } => {
                head.visit(visitor);
                visitor("inner_frame", Value::Bytes(inner));
            }
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

/// A variable part whose length field must account for all that is left but `after` bytes.
fn measured<'a>(
    reader: &mut Reader<'a>,
    length: u32,
    after: usize,
    field: &'static str,
) -> Result<&'a [u8], ParseError> {
    let wrong = ParseError::new(Reason::Length, field, reader.offset());
    let length = usize::try_from(length).map_err(|_| wrong)?;
    if reader.remaining().checked_sub(after) != Some(length) {
        return Err(wrong);
    }
    reader.take(length, field)
}
