//! Whether a record may stand, and what it displaces (`IACP §5.1`, `IACP §4.2.4.2`).

use core::fmt;

use iacp_wire::layout::{Hosting, Record};
use iacp_wire::message::DhtTicketStore;
use iacp_wire::{Digest, Eid, Signature};
use zerocopy::IntoBytes;

use super::body::{Body, Slot};
use super::kind::{Kind, Malformed};
use super::metric::{PLACE_BITS, place};
use super::name::{CLOCKS, Path, Payment, Root};
use crate::crypto::{BadSignature, Provider};
use crate::governance::malfeasance;
use crate::identity::{Identity, sign_record, verify_record};
use crate::time::UnixTime;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// What the node or reader knows besides the record.
pub trait Facts {
    /// The identity root key that an EID deposited.
    fn airk(&self, eid: &Eid) -> Option<Eid>;
    /// The first invalid generation of a revocation of the EID.
    fn first_invalid(&self, eid: &Eid) -> Option<u64>;
    /// Whether a verdict says so, verified here.
    fn is_slashed(&self, eid: &Eid) -> bool;
    /// Whether an escrow of the EID is open.
    fn is_challenged(&self, eid: &Eid) -> bool;
    /// The key that a path has here.
    fn path_key(&self, path: &Path<'_>) -> Option<Eid>;
    /// Key and state of a root before its change number `version`.
    fn root_before(&self, path: &Path<'_>, version: u64) -> Option<(Eid, Digest)>;
    /// Whether a pinned or ledger payment holds.
    fn paid(&self, root: &Root<'_>) -> bool;
    /// The work that a node's place costs. Lower for tests on one host.
    fn place_bits(&self) -> u32 {
        PLACE_BITS
    }
}

/// Which way a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Origin {
    /// From the one that it speaks for: its times must be those of this moment.
    Owner,
    /// From another node, or out of an answer: it may be older.
    Node,
}

/// Why a record may not stand. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refusal {
    /// The kind is unknown, or the body has not its form.
    Malformed,
    /// The storage key is not that of the body.
    Key,
    /// It has run out, runs longer than its kind may, or was not made now.
    Time,
    /// The generation is 2^63 or more.
    Generation,
    /// Its owner is slashed.
    Blocked,
    /// Its owner revoked this generation.
    Revoked,
    /// Its owner is accused, and moves nothing until that is decided.
    Challenged,
    /// The link above it is not known here.
    NoParent,
    /// It does not follow the state before.
    Predecessor,
    /// A place without its work.
    Place,
    /// A signature does not verify.
    Signature,
    /// What it is to be paid with does not hold.
    Payment,
}

impl Refusal {
    /// The status that a receipt or an `ERP_CONFIRM` gives it.
    #[must_use]
    pub const fn status(self) -> u32 {
        match self {
            Self::Signature => 2,
            Self::Challenged => 3,
            Self::Revoked => 18,
            Self::Blocked => 19,
            Self::Malformed
            | Self::Key
            | Self::Time
            | Self::Generation
            | Self::NoParent
            | Self::Predecessor
            | Self::Place
            | Self::Payment => 21,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "body: not the form of its kind",
            Self::Key => "storage_key: not that of the body",
            Self::Time => "expiry: past, too far ahead, or not of this moment",
            Self::Generation => "generation_counter: 2^63 or more",
            Self::Blocked => "the owner is slashed",
            Self::Revoked => "generation_counter: revoked",
            Self::Challenged => "the owner is challenged",
            Self::NoParent => "the link above is not known here",
            Self::Predecessor => "state before: not the one that stands here",
            Self::Place => "nonce: the place lacks its work",
            Self::Signature => "signature: does not verify",
            Self::Payment => "proof: what is to be paid with does not hold",
        })
    }
}

impl core::error::Error for Refusal {}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Judgement {
    /// It stands, in place of what was held, until `expiry`.
    Store {
        /// Unix time in milliseconds.
        expiry: u64,
    },
    /// The very bytes that are held: they live until `expiry`.
    Refresh {
        /// Unix time in milliseconds.
        expiry: u64,
    },
    /// What is held is newer, or came first.
    Stale,
    /// What is held stays, and the two together prove an offence of their signer.
    Equivocation,
    /// It may not stand.
    Refused(Refusal),
}

/// The slot that a record belongs into: a node keeps one record of each.
///
/// # Errors
/// The kind is unknown, or the body has not its form.
pub fn slot<P: Provider>(record: &Record<'_>) -> Result<Slot, Malformed> {
    let kind = Kind::from_code(record.kind).ok_or(Malformed)?;
    let body = Body::parse(kind, record.body)?;
    Ok(Slot { kind, key: record.storage_key, which: body.which::<P>() })
}

/// Judges a record, cheapest check first. `held` is what stands in its [`slot`] and was judged when it came. Pure: the same
/// record, facts and moment give the same answer on every node, and in the validator of a foreign DHT.
///
/// ```
/// use iacp_core::crypto::ChaChaOnly;
/// use iacp_core::directory::{Facts, Judgement, Origin, Refusal, judge, name};
/// use iacp_core::time::UnixTime;
/// use iacp_wire::layout::Record;
/// use iacp_wire::{DhtKey, Digest, Eid};
///
/// struct Nothing;
/// impl Facts for Nothing {
///     fn airk(&self, _: &Eid) -> Option<Eid> { None }
///     fn first_invalid(&self, _: &Eid) -> Option<u64> { None }
///     fn is_slashed(&self, _: &Eid) -> bool { false }
///     fn is_challenged(&self, _: &Eid) -> bool { false }
///     fn path_key(&self, _: &name::Path<'_>) -> Option<Eid> { None }
///     fn root_before(&self, _: &name::Path<'_>, _: u64) -> Option<(Eid, Digest)> { None }
///     fn paid(&self, _: &name::Root<'_>) -> bool { false }
/// }
///
/// // A binding under a key that is not its EID's.
/// let record = Record { kind: 1, storage_key: DhtKey([7; 32]), expiry: 2_000, body: &[9; 120] };
/// let judged = judge::<ChaChaOnly>(UnixTime(1_000), Origin::Owner, &record, None, &Nothing);
/// assert_eq!(judged, Judgement::Refused(Refusal::Key));
/// ```
// keeps: IACP-067
#[must_use]
pub fn judge<P: Provider>(
    now: UnixTime,
    origin: Origin,
    record: &Record<'_>,
    held: Option<&Record<'_>>,
    facts: &impl Facts,
) -> Judgement {
    let refused = Judgement::Refused;
    let Some(kind) = Kind::from_code(record.kind) else { return refused(Refusal::Malformed) };
    let Ok(body) = Body::parse(kind, record.body) else { return refused(Refusal::Malformed) };
    if body.key::<P>() != record.storage_key {
        return refused(Refusal::Key);
    }
    let expiry = match expiry(now, origin, record, &body) {
        Ok(expiry) => expiry,
        Err(refusal) => return refused(refusal),
    };
    let same = held.is_some_and(|held| held.body == record.body);
    if let Err(refusal) = standing(&body, same, facts) {
        return refused(refusal);
    }
    if same {
        return Judgement::Refresh { expiry };
    }
    let rank = held.map_or(Rank::Newer, |held| rank::<P>(kind, &body, record.body, held));
    if rank == Rank::Older {
        return Judgement::Stale;
    }
    match prove::<P>(&body, facts) {
        Err(refusal) => refused(refusal),
        Ok(()) if rank == Rank::Contradiction => Judgement::Equivocation,
        Ok(()) => Judgement::Store { expiry },
    }
}

/// How long the record may live, from what its body says and its kind allows.
fn expiry(now: UnixTime, origin: Origin, record: &Record<'_>, body: &Body<'_>) -> Result<u64, Refusal> {
    let fresh = |time: u64| match origin {
        Origin::Owner => UnixTime(time).distance(now) <= CLOCKS,
        Origin::Node => time <= now.0.saturating_add(CLOCKS),
    };
    let window = |from: u64, until: u64, most: u64| {
        let sound = until > from && until - from <= most && fresh(from);
        if sound { Ok(until) } else { Err(Refusal::Time) }
    };
    let timed = |time: u64, life: u64| if fresh(time) { Ok(time.saturating_add(life)) } else { Err(Refusal::Time) };
    let lives = |life: u64| now.0.saturating_add(life);
    let most = match body {
        Body::Binding(_) => lives(2 * HOUR),
        Body::Ticket(ticket) => lives(u64::from(ticket.time_to_live.get()).min(604_800) * 1_000),
        Body::AirkBinding(_) | Body::Accusation(_) => lives(400 * DAY),
        Body::Revocation(body) => timed(body.timestamp.get(), 400 * DAY)?,
        Body::Hosting(body) => window(body.from.get(), body.until.get(), DAY)?,
        Body::Root(body) => timed(body.time, 400 * DAY)?,
        Body::Curation(_) => lives(400 * DAY),
        Body::Delegation(body) if body.window_is_valid() && body.child.extends(&body.parent) => body.not_after,
        Body::Delegation(_) => return Err(Refusal::Time),
        Body::Publication(body) => window(body.from.get(), body.until.get(), HOUR)?,
        Body::Score(body) => timed(body.timestamp.get(), DAY)?,
        Body::Node(body) => timed(body.timestamp.get(), DAY)?,
    };
    let expiry = most.min(record.expiry).min(lives(400 * DAY));
    if expiry > now.0 { Ok(expiry) } else { Err(Refusal::Time) }
}

/// Whether the owner may do this at all.
fn standing(body: &Body<'_>, same: bool, facts: &impl Facts) -> Result<(), Refusal> {
    if let Body::Binding(binding) = body {
        let (eid, generation) = (&binding.source_eid, binding.generation_counter.get());
        if generation >= 1 << 63 {
            return Err(Refusal::Generation);
        }
        if facts.first_invalid(eid).is_some_and(|first| generation >= first) {
            return Err(Refusal::Revoked);
        }
    }
    let Some(owner) = body.owner() else { return Ok(()) };
    // A revocation is the owner's defence, and must get through in any standing.
    if matches!(body, Body::Revocation(_)) {
        return Ok(());
    }
    if facts.is_slashed(&owner) {
        return Err(Refusal::Blocked);
    }
    let moves = matches!(body, Body::Binding(_) | Body::Ticket(_) | Body::Hosting(_) | Body::Accusation(_));
    if moves && !same && facts.is_challenged(&owner) { Err(Refusal::Challenged) } else { Ok(()) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    Newer,
    Older,
    /// Equal in order, and what no honest signer signs twice.
    Contradiction,
}

/// Which of two different records of one slot stands.
fn rank<P: Provider>(kind: Kind, body: &Body<'_>, bytes: &[u8], held: &Record<'_>) -> Rank {
    let Ok(before) = Body::parse(kind, held.body) else { return Rank::Newer };
    match (body, before) {
        (Body::Root(root), Body::Root(before)) => {
            return if root.precedes::<P>(&before) { Rank::Newer } else { Rank::Older };
        }
        (Body::Curation(_), Body::Curation(_)) => return Rank::Contradiction,
        (Body::Node(node), Body::Node(before)) => {
            let moved = node.nonce != before.nonce || node.ip != before.ip;
            let soon = node.timestamp.get().saturating_sub(before.timestamp.get()) < DAY;
            if moved && soon {
                return Rank::Older;
            }
        }
        _ => {}
    }
    match (body.order().cmp(&before.order()), body, before) {
        (core::cmp::Ordering::Greater, ..) => Rank::Newer,
        (core::cmp::Ordering::Less, ..) => Rank::Older,
        (_, Body::Binding(binding), Body::Binding(before))
            if binding.current_transport_ip != before.current_transport_ip =>
        {
            Rank::Contradiction
        }
        (_, Body::Delegation(_), Body::Delegation(_)) => Rank::Contradiction,
        (_, Body::Revocation(_), _) if bytes < held.body => Rank::Newer,
        _ => Rank::Older,
    }
}

/// Everything that costs a signature, and what a root is paid with.
fn prove<P: Provider>(body: &Body<'_>, facts: &impl Facts) -> Result<(), Refusal> {
    let bad = |BadSignature| Refusal::Signature;
    let simple = |signer: &Eid, kind: Kind, fields: &[u8], signature: &Signature| {
        verify_record::<P>(signer, kind.label(), fields, &[], signature).map_err(bad)
    };
    match body {
        Body::Binding(body) => {
            let bound = body.as_bytes().first_chunk::<56>().ok_or(Refusal::Malformed)?;
            P::verify(&body.source_eid.0, bound, &body.signature.0).map_err(bad)
        }
        Body::Ticket(body) => verify_ticket::<P>(body).map_err(bad),
        Body::AirkBinding(body) => {
            let fields = before(body.as_bytes(), 64);
            simple(&body.eid, Kind::AirkBinding, fields, &body.eid_signature)?;
            simple(&body.airk, Kind::AirkBinding, fields, &body.airk_signature)
        }
        // keeps: IACP-104
        Body::Revocation(body) => {
            let signer = facts.airk(&body.eid).unwrap_or(body.eid);
            simple(&signer, Kind::Revocation, before(body.as_bytes(), 48), &body.signature)
        }
        Body::Hosting(body) => {
            let fields = before(body.as_bytes(), 80);
            simple(&body.eid, Kind::Hosting, fields, &body.eid_signature)?;
            let Hosting { ll_entity_instance_identifier: lii, lii_signature, .. } = body;
            simple(lii, Kind::Hosting, fields, lii_signature)
        }
        Body::Root(body) => {
            let payment = body.payment::<P>().ok_or(Refusal::Payment)?;
            body.verify::<P>().map_err(bad)?;
            let holds = matches!(payment, Payment::Work(_)) || facts.paid(body);
            if holds { Ok(()) } else { Err(Refusal::Payment) }
        }
        Body::Curation(body) => {
            let (key, state) = facts.root_before(&body.path, body.version).ok_or(Refusal::NoParent)?;
            if state != body.state_before {
                return Err(Refusal::Predecessor);
            }
            body.verify::<P>(&key).map_err(bad)
        }
        Body::Delegation(body) => {
            let key = facts.path_key(&body.parent).ok_or(Refusal::NoParent)?;
            if facts.is_slashed(&key) {
                return Err(Refusal::Blocked);
            }
            body.verify::<P>(&key).map_err(bad)
        }
        // keeps: IACP-135
        Body::Publication(body) => simple(&body.eid, Kind::Publication, before(body.as_bytes(), 80), &body.signature),
        Body::Accusation(data) => malfeasance::verify::<P>(data).map(|_| ()).map_err(|_| Refusal::Signature),
        Body::Score(body) => {
            simple(&body.directory_node_eid, Kind::Score, before(body.as_bytes(), 88), &body.signature)
        }
        Body::Node(body) => {
            place::<P>(&body.eid, body.nonce.get(), facts.place_bits()).ok_or(Refusal::Place)?;
            simple(&body.eid, Kind::Node, before(body.as_bytes(), 68), &body.signature)
        }
    }
}

fn before(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or_default()
}

/// The header of a DHT_TICKET_STORE without flags.
const TICKET_HEADER: [u8; 4] = [0x10, 0x50, 0x00, 0xB4];

/// The signature of a Forwarding Ticket: over its frame without the TTL, so that an answer can carry it too.
fn verify_ticket<P: Provider>(ticket: &DhtTicketStore) -> Result<(), BadSignature> {
    let mut before = [0; 68];
    let named = ticket.target_storage_key.0.iter().chain(&ticket.target_agent_eid.0);
    before.iter_mut().zip(TICKET_HEADER.iter().chain(named)).for_each(|(to, from)| *to = *from);
    let sealed = ticket.as_bytes().get(68..116).ok_or(BadSignature)?;
    verify_record::<P>(&ticket.target_agent_eid, Kind::Ticket.label(), &before, sealed, &ticket.signature)
}

/// The signature of a record's body over the fields before and after it, under the label of its kind. Bindings, tickets
/// and accusations have signatures of their own.
#[must_use]
pub fn sign<P: Provider>(signer: &Identity<P>, kind: Kind, before: &[u8], after: &[u8]) -> Signature {
    sign_record(signer, kind.label(), before, after)
}
