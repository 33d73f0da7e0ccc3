//! The fields of a message, for programs that print frames.

use super::Message;
use crate::figure::{Figure, Value};

impl Message<'_> {
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
}
