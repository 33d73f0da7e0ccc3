//! The body of a message from its bytes.

use super::{AnmlFallbackQuery, Evidence, Message, PssRevocationPublish, PssRevocationRebuttal, PssTeardown};
use crate::error::{ParseError, Reason};
use crate::field::{AeadTag, Signature};
use crate::header::MessageType;
use crate::read::Reader;

impl<'a> Message<'a> {
    /// Reads the body of a message with a common header, up to its TLVs if it takes any.
    pub(crate) fn read(message_type: MessageType, reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        Ok(match message_type {
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
            MessageType::ErpDeflect => Self::ErpDeflect { head: reader.figure()?, inner: reader.rest() },
            MessageType::ErpRegister => Self::ErpRegister(reader.figure()?),
            MessageType::MigrationVector => Self::MigrationVector(reader.figure()?),
            MessageType::ErpStream => Self::ErpStream { head: reader.figure()?, inner: reader.rest() },
            MessageType::Error => Self::Error(reader.figure()?),
            MessageType::PathRelay => Self::PathRelay { head: reader.figure()?, inner: reader.rest() },
            // What follows is linked where it is asked for.
            _ if !cfg!(feature = "registry") => {
                return Err(ParseError::new(Reason::UnknownType(message_type.code()), "type", 0));
            }
            MessageType::DiscoveryReq => Self::DiscoveryReq(reader.figure()?),
            MessageType::DiscoveryRes => Self::DiscoveryRes(reader.figure()?),
            MessageType::AccessTicketReq => Self::AccessTicketReq(reader.figure()?),
            MessageType::AccessTicketRes => Self::AccessTicketRes(reader.figure()?),
            MessageType::DhtTicketStore => Self::DhtTicketStore(reader.figure()?),
            MessageType::DhtTicketQuery => Self::DhtTicketQuery(reader.figure()?),
            MessageType::DhtTicketResp => Self::DhtTicketResp(reader.figure()?),
            MessageType::PssRevocationPublish => {
                let head: &PssRevocationPublish = reader.figure()?;
                let malfeasance = measured(reader, head.malfeasance_length.get(), 0, "malfeasance_length")?;
                Self::PssRevocationPublish { head, malfeasance }
            }
            MessageType::OuterTransport => {
                // This type has no common header, so a common header cannot announce it.
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
            MessageType::ErpEvolve => Self::ErpEvolve(reader.figure()?),
            MessageType::ProofOfMal => {
                let head = reader.figure()?;
                let evidence = if reader.remaining() == 0 { None } else { Some(Evidence::read(head, reader)?) };
                Self::ProofOfMal { head, evidence }
            }
            MessageType::ErpKeepalive => Self::ErpKeepalive(reader.figure()?),
            MessageType::ErpConfirm => Self::ErpConfirm(reader.figure()?),
            MessageType::TicketedRequest => Self::TicketedRequest { head: reader.figure()?, inner: reader.rest() },
            MessageType::Local => Self::Local { head: reader.figure()?, inner: reader.rest() },
            MessageType::AaiRequest => Self::AaiRequest { head: reader.figure()?, arguments: reader.rest() },
            MessageType::AaiNotice => Self::AaiNotice { head: reader.figure()?, content: reader.rest() },
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
}

/// A variable part whose length field must cover all remaining bytes except the last `after`.
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
