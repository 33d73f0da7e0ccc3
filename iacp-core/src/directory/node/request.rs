//! What a datagram asks of a node.

use iacp_wire::layout::Record;
use iacp_wire::message::{AccessTicketReq, DhtTicketQuery, DirGet, ErpRegister};
use iacp_wire::{DhtKey, Digest, Flags, Frame, Message, Tlvs, TransactionId};
use zerocopy::IntoBytes;

use crate::crypto::Provider;
use crate::directory::{Class, Kind, class_of, record_digest};
use crate::guard::Weight;

/// Kind 255 of a DIR_GET: the binding and the flags.
pub(super) const STANDING: u8 = 255;
/// Kind 254: a receipt that shows where the node is.
pub(super) const PRESENCE: u8 = 254;

/// What the receipt for a DIR_GET of kind 254 names. No record has this kind, so it is the receipt of no record.
pub(super) fn presence<P: Provider>(get: &DirGet) -> Digest {
    record_digest::<P>(PRESENCE, &get.storage_key, &get.transaction_id.0)
}

/// A request about one key, with what it brings.
pub(super) struct Request<'a> {
    pub class: Class,
    pub key: DhtKey,
    pub what: What<'a>,
}

pub(super) enum What<'a> {
    Get(&'a DirGet),
    Ticket(&'a DhtTicketQuery, Option<[u8; 4]>),
    Store(Stored<'a>),
    /// An Access Ticket is asked for: the frame and its bytes.
    Access(&'a AccessTicketReq, Frame<'a>, &'a [u8]),
}

/// A record as its owner brings it.
pub(super) enum Stored<'a> {
    Record(Record<'a>),
    /// A move: the body is put together out of the frame.
    Moved(ErpRegister),
}

/// A frame outside every session, without flags.
pub(super) fn plain(bytes: &[u8]) -> Option<Frame<'_>> {
    Frame::parse(bytes).ok().filter(|frame| frame.flags == Flags::NONE && frame.responder_cookie.is_none())
}

impl<'a> Request<'a> {
    pub(super) fn read<P: Provider>(frame: &Frame<'a>, bytes: &'a [u8]) -> Option<Self> {
        let body = bytes.get(4..)?;
        let of = |kind: Kind, key: DhtKey, body: &'a [u8]| Record {
            kind: kind as u8,
            storage_key: key,
            expiry: u64::MAX,
            body,
        };
        let stored = |record: Record<'a>| {
            let class = class_of::<P>(&record).ok()?;
            Some(Self { class, key: record.storage_key, what: What::Store(Stored::Record(record)) })
        };
        let at = |eid: &iacp_wire::Eid| DhtKey(P::sha256(&[&eid.0]));
        match frame.message {
            Message::DirGet { head, padding } if padding.iter().all(|byte| *byte == 0) => {
                Some(Self { class: Class::from_code(head.class)?, key: head.storage_key, what: What::Get(head) })
            }
            Message::DhtTicketQuery(query) => {
                let what = What::Ticket(query, frame.tlvs.ticket_iv().copied());
                Some(Self { class: Class::Identities, key: query.target_storage_key, what })
            }
            Message::ErpRegister(register) if is_bare(&frame.tlvs) => {
                stored(of(Kind::Binding, at(&register.source_eid), register.as_bytes()))
            }
            Message::MigrationVector(vector) => {
                let moved = ErpRegister {
                    source_eid: vector.source_eid,
                    current_transport_ip: frame.tlvs.migration_vector()?.current_locator(),
                    generation_counter: vector.generation_counter,
                    signature: vector.signature,
                };
                let what = What::Store(Stored::Moved(moved));
                Some(Self { class: Class::Identities, key: at(&vector.source_eid), what })
            }
            Message::DhtTicketStore(ticket) if is_bare(&frame.tlvs) => {
                stored(of(Kind::Ticket, ticket.target_storage_key, ticket.as_bytes()))
            }
            Message::ProofOfMal { evidence: Some(_), .. } => {
                let data = iacp_wire::message::MalfeasanceData::parse(body).ok()?;
                let court = crate::directory::accusation::Court::of(&data).ok()?;
                stored(of(Kind::Accusation, court.key::<P>(), body))
            }
            Message::PssRevocationRebuttal { head, .. } => stored(of(Kind::Rebuttal, head.target_storage_key, body)),
            Message::AccessTicketReq(request) => {
                let DhtKey([first, ..]) = request.target_space_coordinate;
                let what = What::Access(request, *frame, bytes);
                Some(Self { class: Class::from_code(first >> 6)?, key: request.target_space_coordinate, what })
            }
            Message::DirPut { record, .. } => {
                stored(Record::parse(record).ok().filter(|record| !has_own_frame(record.kind))?)
            }
            _ => None,
        }
    }

    pub(super) const fn transaction(&self) -> TransactionId {
        match &self.what {
            What::Get(get) => get.transaction_id,
            What::Ticket(query, _) => query.transaction_id,
            What::Store(_) | What::Access(..) => TransactionId::ZERO,
        }
    }
}

/// What a request without work costs, by its type alone: nothing is hashed before its network has paid. None if it is not a request.
pub(super) const fn weight(message: &Message<'_>) -> Option<Weight> {
    Some(match message {
        Message::DirGet { head, .. } if matches!(head.kind, 1 | STANDING) => Weight::Look,
        Message::DhtTicketQuery(_) | Message::ErpRegister(_) => Weight::Look,
        Message::DirGet { .. } | Message::AccessTicketReq(_) => Weight::Search,
        Message::MigrationVector(_)
        | Message::DhtTicketStore(_)
        | Message::ProofOfMal { .. }
        | Message::PssRevocationRebuttal { .. }
        | Message::DirPut { .. } => Weight::Mutation,
        _ => return None,
    })
}

impl Stored<'_> {
    pub(super) fn record(&self, key: DhtKey) -> Record<'_> {
        match self {
            Self::Record(record) => *record,
            Self::Moved(binding) => {
                Record { kind: Kind::Binding as u8, storage_key: key, expiry: u64::MAX, body: binding.as_bytes() }
            }
        }
    }
}

/// Whether owners bring records of a kind in a frame of its own, with the price of that frame.
fn has_own_frame(kind: u8) -> bool {
    matches!(Kind::from_code(kind), Some(Kind::Binding | Kind::Ticket | Kind::Accusation | Kind::Rebuttal))
}

/// What is signed is the body alone: nothing may stand behind it.
const fn is_bare(tlvs: &Tlvs<'_>) -> bool {
    tlvs.as_bytes().is_empty()
}
