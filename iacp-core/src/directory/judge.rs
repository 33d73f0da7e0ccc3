//! Whether a record may stand, and what it displaces (`IACP §5.1`, `IACP §4.2.4.2`).

use iacp_wire::Signature;
use iacp_wire::layout::{NodeRecord, Record};

use super::body::{Body, Slot};
use super::facts::{DAY, Facts, HOUR, NotStored};
use super::kind::{Class, Kind, MalformedRecord};
use super::name::{CLOCKS, SAME_MOMENT};
use super::prove::prove;
use crate::crypto::Provider;
use crate::governance::filter;
use crate::identity::{Identity, sign_record};
use crate::time::UnixTime;

/// Which way a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Origin {
    /// From the one that it speaks for: its times must be those of this moment.
    Owner,
    /// From another node, or out of an answer: it may be older.
    Node,
}

words! {
    Origin {
        Self::Owner => "from its owner",
        Self::Node => "from a node",
    }
}

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
    Refused(NotStored),
}

impl core::fmt::Display for Judgement {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Store { .. } => f.pad("it stands"),
            Self::Refresh { .. } => f.pad("it stands for longer"),
            Self::Stale => f.pad("what is held is newer, or came first"),
            Self::Equivocation => f.pad("it contradicts what is held"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

/// The slot that a record belongs into: a node keeps one record of each.
///
/// # Errors
/// The kind is unknown, or the body has not its form.
pub fn slot<P: Provider>(record: &Record<'_>) -> Result<Slot, MalformedRecord> {
    let kind = Kind::from_code(record.kind).ok_or(MalformedRecord)?;
    let body = Body::parse(kind, record.body)?;
    Ok(Slot { kind, key: record.storage_key, which: body.which::<P>() })
}

/// The class in which a record lies.
///
/// # Errors
/// The kind is unknown, or the body has not its form.
pub fn class_of<P: Provider>(record: &Record<'_>) -> Result<Class, MalformedRecord> {
    let kind = Kind::from_code(record.kind).ok_or(MalformedRecord)?;
    Ok(Body::parse(kind, record.body)?.place::<P>(kind, &record.storage_key).0)
}

/// Judges a record, cheapest check first. `held` is what stands in its [`slot`] and was judged when it came. Pure: the same
/// record, facts and moment give the same answer on every node, and in the validator of a foreign DHT.
///
/// ```
/// use iacp_core::crypto::ChaChaOnly;
/// use iacp_core::directory::client::Reader;
/// use iacp_core::directory::{Judgement, NotStored, Origin, judge};
/// use iacp_core::time::UnixTime;
/// use iacp_wire::layout::Record;
/// use iacp_wire::DhtKey;
///
/// // A binding under a key that is not its EID's.
/// let record = Record { kind: 1, storage_key: DhtKey([7; 32]), expiry: 2_000, body: &[9; 120] };
/// let judged = judge::<ChaChaOnly>(UnixTime(1_000), Origin::Owner, &record, None, &Reader { nodes: &[], airk: None });
/// assert_eq!(judged, Judgement::Refused(NotStored::Key));
/// ```
// keeps: IACP-067 (§4.2.1.3)
#[must_use]
pub fn judge<P: Provider>(
    now: UnixTime,
    origin: Origin,
    record: &Record<'_>,
    held: Option<&Record<'_>>,
    facts: &impl Facts,
) -> Judgement {
    let refused = Judgement::Refused;
    let Some(kind) = Kind::from_code(record.kind) else { return refused(NotStored::Malformed) };
    let Ok(body) = Body::parse(kind, record.body) else { return refused(NotStored::Malformed) };
    let (class, key) = body.place::<P>(kind, &record.storage_key);
    if key != record.storage_key {
        return refused(NotStored::Key);
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
    if rank == Rank::Older || is_backdated(now, origin, record, &body, held, facts) {
        return Judgement::Stale;
    }
    match prove::<P>(now, class, record, &body, facts) {
        Err(refusal) => refused(refusal),
        Ok(()) if rank == Rank::Contradiction && !is_of_one_signer::<P>(&body, held, facts) => Judgement::Stale,
        Ok(()) if rank == Rank::Contradiction => Judgement::Equivocation,
        Ok(()) => Judgement::Store { expiry },
    }
}

/// Whether the token that is held was signed by the key that signs for its parent now. The key of a path changes with its owner: what an
/// earlier one signed is not a second word of the one that signs now.
fn is_of_one_signer<P: Provider>(body: &Body<'_>, held: Option<&Record<'_>>, facts: &impl Facts) -> bool {
    let held = held.and_then(|held| Body::parse(Kind::Delegation, held.body).ok());
    match (body, held) {
        (Body::Delegation(token), Some(Body::Delegation(before))) => {
            facts.path_key(&token.parent).is_some_and(|key| before.verify::<P>(&key).is_ok())
        }
        _ => true,
    }
}

/// How long the record may live, from what its body says and its kind allows.
fn expiry(now: UnixTime, origin: Origin, record: &Record<'_>, body: &Body<'_>) -> Result<u64, NotStored> {
    let fresh = |time: u64| match origin {
        Origin::Owner => UnixTime(time).distance(now) <= CLOCKS,
        Origin::Node => time <= now.0.saturating_add(CLOCKS),
    };
    let window = |from: u64, until: u64, most: u64| {
        let sound = until > from && until - from <= most && fresh(from);
        if sound { Ok(until) } else { Err(NotStored::Time) }
    };
    let timed = |time: u64, life: u64| if fresh(time) { Ok(time.saturating_add(life)) } else { Err(NotStored::Time) };
    let lives = |life: u64| now.0.saturating_add(life);
    let most = match body {
        Body::Binding(_) => lives(2 * HOUR),
        Body::Ticket(ticket) => lives(u64::from(ticket.time_to_live.get()).min(604_800) * 1_000),
        Body::AirkBinding(_) | Body::Accusation(..) | Body::Rebuttal(_) | Body::Verdict(_) => lives(400 * DAY),
        // From now on: one that came as it was about to run out would displace another and then be gone.
        Body::Revocation(body) if timed(body.timestamp.get(), 400 * DAY)? > now.0 => lives(400 * DAY),
        Body::Revocation(_) => return Err(NotStored::Time),
        Body::Hosting(body) => window(body.from.get(), body.until.get(), DAY)?,
        Body::Root(body) => timed(body.time, 400 * DAY)?,
        Body::Curation(_) => lives(400 * DAY),
        Body::Delegation(body) if body.window_is_valid() && body.child.extends(&body.parent) => body.not_after,
        Body::Delegation(_) => return Err(NotStored::Time),
        Body::Custody(body) if body.custody.terms.not_after.get() <= lives(30 * DAY) => {
            body.custody.terms.not_after.get()
        }
        Body::Custody(_) => return Err(NotStored::Time),
        Body::Assertion(body) => window(body.assertion.terms.from.get(), body.assertion.terms.until.get(), 30 * DAY)?,
        Body::Publication(body) => window(body.from.get(), body.until.get(), HOUR)?,
        // Of this epoch or the one before; it is of use for one epoch longer.
        Body::Filter(body) => {
            let (epoch, running) = (u64::from(body.epoch.get()), now.0.saturating_add(CLOCKS) / filter::EPOCH);
            if running.checked_sub(epoch).is_none_or(|age| age > 1) {
                return Err(NotStored::Time);
            }
            epoch.saturating_add(2).saturating_mul(filter::EPOCH)
        }
        Body::Score(body) => timed(body.timestamp.get(), DAY)?,
        Body::Node(body) => timed(body.timestamp.get(), DAY)?,
    };
    // No signature covers the record's own expiry. It shortens what its owner renews all the time; all else lives as long as its
    // body and its kind say, so that no node shortens a trial, a verdict or a defence.
    let most = if matches!(body, Body::Binding(_) | Body::Ticket(_)) { most.min(record.expiry) } else { most };
    let expiry = most.min(lives(400 * DAY));
    if expiry > now.0 { Ok(expiry) } else { Err(NotStored::Time) }
}

/// Whether a root that a node hands on may not displace the one that stands. Its time is its owner's own word, and the earlier time
/// wins: so one that is not of the same moment, or comes late, counts only if f + 1 nodes have it. While a name is being registered,
/// all that ask for it reach the same nodes.
fn is_backdated(
    now: UnixTime,
    origin: Origin,
    record: &Record<'_>,
    body: &Body<'_>,
    held: Option<&Record<'_>>,
    facts: &impl Facts,
) -> bool {
    let held = held.and_then(|held| Body::parse(Kind::Root, held.body).ok());
    let (Body::Root(root), Some(Body::Root(stands))) = (body, held) else { return false };
    let is_apart = root.time.abs_diff(stands.time) > SAME_MOMENT;
    let is_late = now.0.saturating_sub(root.time) > 2 * SAME_MOMENT;
    origin == Origin::Node && (is_apart || is_late) && !facts.is_witnessed(record)
}

/// Whether the owner may do this at all.
fn standing(body: &Body<'_>, same: bool, facts: &impl Facts) -> Result<(), NotStored> {
    if let Body::Binding(binding) = body {
        let (eid, generation) = (&binding.source_eid, binding.generation_counter.get());
        if generation >= 1 << 63 {
            return Err(NotStored::Generation);
        }
        if facts.first_invalid(eid).is_some_and(|first| generation >= first) {
            return Err(NotStored::Revoked);
        }
    }
    let Some(owner) = body.owner() else { return Ok(()) };
    // A revocation is the owner's defence, and must get through in any standing.
    if matches!(body, Body::Revocation(_) | Body::Rebuttal(_)) {
        return Ok(());
    }
    if facts.is_slashed(&owner) {
        return Err(NotStored::Blocked);
    }
    let moves = matches!(body, Body::Binding(_) | Body::Ticket(_) | Body::Hosting(_) | Body::Accusation(..));
    if moves && !same && facts.is_challenged(&owner) { Err(NotStored::Challenged) } else { Ok(()) }
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
        // One content under two signatures contradicts nothing: the first stays. A change that followed a lost root is replaced.
        (Body::Curation(update), Body::Curation(before)) => {
            return match (update.says_what(&before), update.state_before == before.state_before) {
                (true, _) => Rank::Older,
                (false, true) => Rank::Contradiction,
                (false, false) => Rank::Newer,
            };
        }
        (Body::Node(node), Body::Node(before)) => {
            let place = |node: &NodeRecord| (node.nonce, node.ip, node.port, node.classes);
            let moved = place(node) != place(before);
            let soon = node.timestamp.get().saturating_sub(before.timestamp.get()) < DAY;
            if moved && soon {
                return Rank::Older;
            }
        }
        // Within an epoch keys are only added.
        (Body::Filter(part), Body::Filter(before)) => {
            let kept = part.bits.iter().zip(before.bits).all(|(bits, before)| bits & before == before);
            return if kept { Rank::Newer } else { Rank::Older };
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
        (_, Body::Delegation(token), Body::Delegation(before))
            if token.parent == before.parent && !token.says_what(&before) =>
        {
            Rank::Contradiction
        }
        (_, Body::Revocation(_), _) if bytes < held.body => Rank::Newer,
        _ => Rank::Older,
    }
}

/// The signature of a record's body over the fields before and after it, under the label of its kind. Bindings, tickets
/// and accusations have signatures of their own.
#[must_use]
pub fn sign<P: Provider>(signer: &Identity<P>, kind: Kind, before: &[u8], after: &[u8]) -> Signature {
    sign_record(signer, kind.label(), before, after)
}
