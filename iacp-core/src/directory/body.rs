//! What a record's body says of itself (`IACP §5.1`): its fields, the key it is kept under, what orders it.

use iacp_wire::layout::{AirkBinding, Hosting, NodeRecord, Publication, Revocation, Score};
use iacp_wire::message::{DhtTicketStore, ErpRegister, MalfeasanceData};
use iacp_wire::{DhtKey, Digest, Eid};
use zerocopy::{FromBytes, IntoBytes};

use super::kind::{Kind, Malformed};
use super::name::{Curation, Delegation, Root};
use crate::crypto::Provider;
use crate::governance::malfeasance::accusation_id;

/// A body whose form is right. Nothing else of it is checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// See [`Kind::Binding`].
    Binding(&'a ErpRegister),
    /// See [`Kind::Ticket`].
    Ticket(&'a DhtTicketStore),
    /// See [`Kind::AirkBinding`].
    AirkBinding(&'a AirkBinding),
    /// See [`Kind::Revocation`].
    Revocation(&'a Revocation),
    /// See [`Kind::Hosting`].
    Hosting(&'a Hosting),
    /// See [`Kind::Root`].
    Root(Root<'a>),
    /// See [`Kind::Curation`].
    Curation(Curation<'a>),
    /// See [`Kind::Delegation`].
    Delegation(Delegation<'a>),
    /// See [`Kind::Publication`].
    Publication(&'a Publication),
    /// See [`Kind::Accusation`].
    Accusation(MalfeasanceData<'a>),
    /// See [`Kind::Score`].
    Score(&'a Score),
    /// See [`Kind::Node`].
    Node(&'a NodeRecord),
}

/// What there is one record of under a key: an EID has one binding, but a ticket for each ticket iv.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The kind.
    pub kind: Kind,
    /// The storage key.
    pub key: DhtKey,
    /// Which of several; zero where there is one.
    pub which: [u8; 32],
}

impl<'a> Body<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// Its size or one of its lengths or paths is wrong.
    pub fn parse(kind: Kind, bytes: &'a [u8]) -> Result<Self, Malformed> {
        fn figure<T: FromBytes + zerocopy::KnownLayout + zerocopy::Immutable + zerocopy::Unaligned>(
            bytes: &[u8],
        ) -> Result<&T, Malformed> {
            T::ref_from_bytes(bytes).map_err(|_| Malformed)
        }
        Ok(match kind {
            Kind::Binding => Self::Binding(figure(bytes)?),
            Kind::Ticket => Self::Ticket(figure(bytes)?),
            Kind::AirkBinding => Self::AirkBinding(figure(bytes)?),
            Kind::Revocation => Self::Revocation(figure(bytes)?),
            Kind::Hosting => Self::Hosting(figure(bytes)?),
            Kind::Root => Self::Root(Root::parse(bytes)?),
            Kind::Curation => Self::Curation(Curation::parse(bytes)?),
            Kind::Delegation => Self::Delegation(Delegation::parse(bytes)?),
            Kind::Publication => Self::Publication(figure(bytes)?),
            Kind::Accusation => Self::Accusation(MalfeasanceData::parse(bytes).map_err(|_| Malformed)?),
            Kind::Score => Self::Score(figure(bytes)?),
            Kind::Node => Self::Node(figure(bytes)?),
        })
    }

    /// The storage key that the body itself says.
    // keeps: IACP-011, IACP-109
    pub(crate) fn key<P: Provider>(&self) -> DhtKey {
        let hashed = |bytes: &[u8]| DhtKey(P::sha256(&[bytes]));
        match self {
            Self::Binding(body) => hashed(&body.source_eid.0),
            Self::Ticket(body) => hashed(&body.target_agent_eid.0),
            Self::AirkBinding(body) => hashed(&body.eid.0),
            Self::Revocation(body) => hashed(&body.eid.0),
            Self::Hosting(body) => hashed(&body.eid.0),
            Self::Root(body) => hashed(body.path.as_bytes()),
            Self::Curation(body) => hashed(body.path.as_bytes()),
            Self::Delegation(body) => hashed(body.child.as_bytes()),
            Self::Publication(body) => body.target_space_coordinate,
            Self::Accusation(body) => hashed(&body.ticket.target_eid.0),
            Self::Score(body) => hashed(&body.eid.0),
            Self::Node(body) => hashed(&body.eid.0),
        }
    }

    /// What it is one of.
    pub(crate) fn which<P: Provider>(&self) -> [u8; 32] {
        let mut which = [0; 32];
        match self {
            Self::Ticket(body) => {
                which.iter_mut().zip(body.aead_nonce.0.iter().take(4)).for_each(|(to, from)| *to = *from);
            }
            Self::Curation(body) => {
                which.iter_mut().zip(body.version.to_be_bytes()).for_each(|(to, from)| *to = from);
            }
            Self::Publication(body) => which = body.eid.0,
            Self::Accusation(body) => which = accusation_id::<P>(body.ticket).0,
            Self::Score(body) => which = body.directory_node_eid.0,
            _ => {}
        }
        which
    }

    /// The key that answers for the record.
    #[must_use]
    pub fn owner(&self) -> Option<Eid> {
        Some(match self {
            Self::Binding(body) => body.source_eid,
            Self::Ticket(body) => body.target_agent_eid,
            Self::AirkBinding(body) => body.eid,
            Self::Revocation(body) => body.eid,
            Self::Hosting(body) => body.eid,
            Self::Root(body) => body.curation_key,
            Self::Publication(body) => body.eid,
            Self::Accusation(body) => body.evidence.accuser_eid,
            Self::Score(body) => body.directory_node_eid,
            Self::Node(body) => body.eid,
            Self::Curation(_) | Self::Delegation(_) => return None,
        })
    }

    /// What decides between two of one slot, where a number does: the higher one is newer.
    pub(crate) fn order(&self) -> u128 {
        match self {
            Self::Binding(body) => body.generation_counter.get().into(),
            Self::Ticket(body) => {
                body.aead_nonce.0.last_chunk::<8>().map_or(0, |counter| u64::from_be_bytes(*counter)).into()
            }
            // Lower first invalid generation first, then the earlier time.
            Self::Revocation(body) => {
                u128::from(u64::MAX - body.first_invalid_generation.get()) << 64
                    | u128::from(u64::MAX - body.timestamp.get())
            }
            Self::Hosting(body) => body.from.get().into(),
            Self::Delegation(body) => body.not_before.into(),
            Self::Publication(body) => body.from.get().into(),
            Self::Score(body) => body.timestamp.get().into(),
            Self::Node(body) => body.timestamp.get().into(),
            Self::AirkBinding(_) | Self::Root(_) | Self::Curation(_) | Self::Accusation(_) => 0,
        }
    }
}

/// SHA-256 of a record's kind, key and body: what a `DIR_RECEIPT` names.
#[must_use]
pub fn record_digest<P: Provider>(kind: u8, key: &DhtKey, body: &[u8]) -> Digest {
    Digest(P::sha256(&[kind.as_bytes(), &key.0, body]))
}
