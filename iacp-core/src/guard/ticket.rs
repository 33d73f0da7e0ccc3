//! Access Tickets (`IACP §5.3.2`): a host that works once and answers for its agents spares them the work.
//!
//! A ticket is worth something only inside a TICKETED_REQUEST, where its holder's signature covers the whole request. It is good
//! for 32 requests and 600 s.

use iacp_wire::message::{AccessTicketReq, AccessTicketRes, TicketedRequest};
use iacp_wire::{DhtKey, Eid, Frame, Signature};
use zerocopy::IntoBytes;

use super::liability::Ledger;
use crate::crypto::{BadSignature, Provider};
use crate::identity::{Identity, sign_record, verify_frame, verify_record};
use crate::slots::IndexKey;
use crate::time::UnixTime;

/// How long a ticket lives, in milliseconds.
pub const LIFE: u64 = 600_000;
/// How far an issuer's clock may be ahead, in milliseconds.
const CLOCKS: u64 = 30_000;
/// How many requests a ticket is good for.
pub const REQUESTS: usize = 32;
/// The most live tickets of a holder.
pub const LIVE: usize = 4;
/// How many times a repeated request is answered again.
const AGAIN: u8 = 8;
/// How many slots are tried for an entry.
const WAYS: usize = 8;

const NAME: &str = "ACCESS_TICKET_RES";
/// The common header of an ACCESS_TICKET_RES without flags.
const HEADER: [u8; 4] = [0x10, 0x40, 0x00, 0x88];
const UNSIGNED: usize = AccessTicketRes::LEN - Signature::LEN;

/// What a node knows of a ticket's holder at this moment. It is asked at each request: so a verdict, a revocation or the
/// liability of its host ends a ticket at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Holder {
    /// Slashed, revoked, or dropped by its reputation.
    pub is_refused: bool,
    /// The liability of the LL-Entity that a valid HOSTING names; none without one.
    pub liability: Option<u16>,
}

/// Why there is no ticket, or why one is worth nothing, in the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NoTicket {
    /// The time is not of this moment, or the ticket has ended or ends too late.
    Time,
    /// The holder is refused.
    Refused,
    /// No LL-Entity answers for the holder, or one with too much liability.
    Liability,
    /// The request is not its holder's, or of another space.
    Other,
    /// All its requests are spent, or the holder has as many tickets as it may.
    Spent,
    /// The curator's signature does not hold.
    Curator,
    /// The holder's signature does not hold.
    Signature,
    /// There is no place left to count it.
    Full,
}

words! {
    NoTicket {
        Self::Time => "timestamp: not of this moment, or the ticket's end",
        Self::Refused => "the holder is refused",
        Self::Liability => "no host answers for the holder, or one with too much liability",
        Self::Other => "inner frame: not the holder's, or of another space",
        Self::Spent => "all requests or tickets are spent",
        Self::Curator => "curator_signature: does not verify",
        Self::Signature => "signature: not the holder's",
        Self::Full => "no place is left to count the ticket",
    }
}

impl core::error::Error for NoTicket {}

/// What a ticketed request counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Spent {
    /// It is new, and one of the ticket's requests.
    New,
    /// The same request again, whose answer was lost: nothing is spent.
    Again,
}

words! {
    Spent {
        Self::New => "a new request",
        Self::Again => "the same request again",
    }
}

/// How much of a ticket is spent.
#[derive(Clone, Copy, Debug)]
pub struct Spending {
    ticket: [u8; 16],
    until: u64,
    count: u8,
    repeats: u8,
    requests: [u64; REQUESTS],
}

impl Spending {
    /// A free place.
    pub const FREE: Self = Self { ticket: [0; 16], until: 0, count: 0, repeats: 0, requests: [0; REQUESTS] };
}

/// The live tickets of a holder.
#[derive(Clone, Copy, Debug)]
pub struct Issued {
    holder: Eid,
    until: [u64; LIVE],
    /// Of each, a digest of the request that it answered: of its time and space.
    asked: [u64; LIVE],
}

impl Issued {
    /// A free place.
    pub const FREE: Self = Self { holder: Eid::ZERO, until: [0; LIVE], asked: [0; LIVE] };
}

/// The tickets that a node has issued and those that are spent at it, over the caller's memory. A place is free once its time is
/// over and no sooner: no number of other holders pushes one out.
///
/// An agent asks for a ticket, and spends it in a request that it has to repeat:
///
/// ```
/// use iacp_core::guard::Ledger;
/// use iacp_core::guard::ticket::{Holder, Issued, LIFE, NoTicket, Spending, Spent, Tickets};
/// # use iacp_core::crypto::{ChaChaOnly, Provider, Secret32};
/// # use iacp_core::identity::Identity;
/// # use iacp_core::slots::IndexKey;
/// # use iacp_core::time::UnixTime;
/// # use iacp_wire::message::{AccessTicketReq, TicketedRequest};
/// # use iacp_wire::{DhtKey, Frame, Message, Signature};
/// # let now = UnixTime(1_790_000_000_000);
/// # let (curator, agent) = (Secret32::new([1; 32]), Secret32::new([2; 32]));
/// # let sign = |name: &str, before: &[u8], after: &[u8]| {
/// #     let digest = ChaChaOnly::sha256(&[b"IACP/1 ", name.as_bytes(), &[0], before, after]);
/// #     Signature(ChaChaOnly::sign(&ChaChaOnly::signing_key(&agent), &digest))
/// # };
/// # fn bytes(message: Message<'_>) -> Vec<u8> {
/// #     let mut out = vec![0; 512];
/// #     let length = Frame::new(message).write(&mut out).expect("a frame");
/// #     out.truncate(length);
/// #     out
/// # }
/// # let (curator, eid) = (Identity::<ChaChaOnly>::from_seed(&curator), Identity::<ChaChaOnly>::from_seed(&agent).eid());
/// # let space = DhtKey([7; 32]);
/// # let mut request = AccessTicketReq {
/// #     requestor_eid: eid,
/// #     target_space_coordinate: space,
/// #     timestamp: now.0.into(),
/// #     signature: Signature::ZERO,
/// # };
/// # request.signature = sign("ACCESS_TICKET_REQ", &bytes(Message::AccessTicketReq(&request))[..76], &[]);
/// # let asked = bytes(Message::AccessTicketReq(&request));
/// # let asked = (&Frame::parse(&asked)?, &asked[..]);
/// let (mut spent, mut issued) = ([Spending::FREE; 64], [Issued::FREE; 64]);
/// let mut tickets = Tickets::new(&mut spent, &mut issued, IndexKey::new([7; 16])); // a secret, in real life
/// let holder = Holder { is_refused: false, liability: Some(0) };
/// let ticket = tickets.issue(now, &curator, &request, asked, holder)?;
/// assert_eq!(ticket.expiration_timestamp.get(), now.0 + LIFE);
///
/// # let mut head = TicketedRequest {
/// #     target_space_coordinate: space,
/// #     receiver_eid: eid,
/// #     expiration_timestamp: ticket.expiration_timestamp,
/// #     curator_signature: ticket.signature,
/// #     signature: Signature::ZERO,
/// # };
/// # let unsigned = bytes(Message::TicketedRequest { head: &head, inner: &asked.1 });
/// # head.signature = sign("TICKETED_REQUEST", &unsigned[..140], &unsigned[204..]);
/// # let shown = bytes(Message::TicketedRequest { head: &head, inner: &asked.1 });
/// # let shown = (&Frame::parse(&shown)?, &shown[..]);
/// # let curators = [curator.eid()];
/// # let inner = (Some(eid), space);
/// let mut spend = |holder| tickets.spend::<ChaChaOnly>(now, &curators, &head, shown, inner, holder);
/// assert_eq!(spend(holder), Ok(Spent::New));
/// assert_eq!(spend(holder), Ok(Spent::Again), "the same request, whose answer was lost");
/// // Its host is charged for what its agents did wrong: at once the ticket is worth nothing.
/// assert_eq!(spend(Holder { liability: Some(Ledger::NO_TICKETS), ..holder }), Err(NoTicket::Liability));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tickets<'m> {
    spent: &'m mut [Spending],
    issued: &'m mut [Issued],
    key: IndexKey,
}

fn set<T>(places: &mut [T], hash: u64) -> &mut [T] {
    let sets = u64::try_from(places.len() / WAYS).unwrap_or(0);
    let set = hash.checked_rem(sets).and_then(|set| usize::try_from(set).ok());
    set.and_then(|set| places.get_mut(set * WAYS..(set + 1) * WAYS)).unwrap_or_default()
}

/// What a curator signs: the frame before its signature. Both figures begin with these 72 bytes.
fn signed(ticket: &[u8]) -> [u8; HEADER.len() + UNSIGNED] {
    let mut bytes = [0; HEADER.len() + UNSIGNED];
    bytes.iter_mut().zip(HEADER.iter().chain(ticket)).for_each(|(to, from)| *to = *from);
    bytes
}

fn standing(holder: Holder) -> Result<(), NoTicket> {
    match holder {
        Holder { is_refused: true, .. } => Err(NoTicket::Refused),
        Holder { liability: Some(level), .. } if level < Ledger::NO_TICKETS => Ok(()),
        Holder { .. } => Err(NoTicket::Liability),
    }
}

impl<'m> Tickets<'m> {
    /// Empty tables, under a secret key.
    #[must_use]
    pub fn new(spent: &'m mut [Spending], issued: &'m mut [Issued], key: IndexKey) -> Self {
        spent.fill(Spending::FREE);
        issued.fill(Issued::FREE);
        Self { spent, issued, key }
    }

    /// Issues a ticket to the signer of a request: `frame` was parsed from `bytes` and holds `request`.
    ///
    /// # Errors
    /// The first check that fails; then nothing is counted.
    // keeps: IACP-120 (§5.3.2), IACP-167 (§8.3)
    pub fn issue<P: Provider>(
        &mut self,
        now: UnixTime,
        curator: &Identity<P>,
        request: &AccessTicketReq,
        (frame, bytes): (&Frame<'_>, &[u8]),
        holder: Holder,
    ) -> Result<AccessTicketRes, NoTicket> {
        if UnixTime(request.timestamp.get()).distance(now) > CLOCKS {
            return Err(NoTicket::Time);
        }
        standing(holder)?;
        let eid = request.requestor_eid;
        let hash = self.key.hash(&[b"issued", &eid.0]);
        let places = set(self.issued, hash);
        let own = places.iter().position(|place| place.holder == eid);
        let free = || places.iter().position(|place| place.until.iter().all(|until| *until <= now.0));
        let at = own.or_else(free).ok_or(NoTicket::Full)?;
        let place = places.get_mut(at).ok_or(NoTicket::Full)?;
        let live = if place.holder == eid { *place } else { Issued { holder: eid, ..Issued::FREE } };
        let asks = P::sha256(&[request.timestamp.as_bytes(), &request.target_space_coordinate.0]);
        let asks = asks.first_chunk().map_or(0, |chunk| u64::from_be_bytes(*chunk));
        // One request has one ticket, however often its proof of work may be shown.
        let answered = live.until.iter().zip(live.asked).position(|(until, asked)| *until > now.0 && asked == asks);
        let free = || live.until.iter().position(|until| *until <= now.0);
        let slot = answered.or_else(free).ok_or(NoTicket::Spent)?;
        verify_frame::<P>(&eid, frame, [&[], &[]], bytes).map_err(|BadSignature| NoTicket::Signature)?;
        let until = answered.and_then(|slot| live.until.get(slot).copied()).unwrap_or(now.0.saturating_add(LIFE));
        *place = live;
        if let (Some(end), Some(asked)) = (place.until.get_mut(slot), place.asked.get_mut(slot)) {
            (*end, *asked) = (until, asks);
        }
        let mut ticket = AccessTicketRes {
            target_space_coordinate: request.target_space_coordinate,
            receiver_eid: eid,
            expiration_timestamp: until.into(),
            signature: Signature::ZERO,
        };
        ticket.signature = sign_record(curator, NAME, &signed(ticket.as_bytes()), &[]);
        Ok(ticket)
    }

    /// Checks a ticketed request and counts it: `frame` was parsed from `bytes` and holds `head`. `owner` and `space` are those of
    /// the inner frame; at most four `curators` are tried.
    ///
    /// # Errors
    /// The first check that fails; then nothing is counted.
    // keeps: IACP-120 (§5.3.2)
    pub fn spend<P: Provider>(
        &mut self,
        now: UnixTime,
        curators: &[Eid],
        head: &TicketedRequest,
        (frame, bytes): (&Frame<'_>, &[u8]),
        (owner, space): (Option<Eid>, DhtKey),
        holder: Holder,
    ) -> Result<Spent, NoTicket> {
        let until = head.expiration_timestamp.get();
        if until <= now.0 || until > now.0.saturating_add(LIFE + CLOCKS) {
            return Err(NoTicket::Time);
        }
        standing(holder)?;
        let is_own = owner.is_none_or(|owner| owner == head.receiver_eid);
        if !is_own || space != head.target_space_coordinate {
            return Err(NoTicket::Other);
        }
        let ticket_bytes = head.as_bytes().get(..AccessTicketRes::LEN).ok_or(NoTicket::Curator)?;
        let digest = P::sha256(&[ticket_bytes]);
        let ticket: [u8; 16] = digest.first_chunk().copied().unwrap_or_default();
        let request = P::sha256(&[bytes.get(4 + TicketedRequest::LEN..).unwrap_or_default()]);
        let request = request.first_chunk().map_or(0, |chunk| u64::from_be_bytes(*chunk));
        let places = set(self.spent, self.key.hash(&[b"spent", &ticket]));
        let known = places.iter().position(|place| place.ticket == ticket && place.until == until);
        let free = || places.iter().position(|place| place.until <= now.0);
        let place = known.or_else(free).and_then(|at| places.get_mut(at)).ok_or(NoTicket::Full)?;
        let count = if known.is_some() { usize::from(place.count) } else { 0 };
        let again = place.requests.iter().take(count).any(|spent| *spent == request);
        let most = u32::try_from(REQUESTS).unwrap_or(u32::MAX);
        let most = usize::try_from(Ledger::share(most, holder.liability.unwrap_or(0))).unwrap_or(REQUESTS);
        if again && place.repeats >= AGAIN || !again && count >= most {
            return Err(NoTicket::Spent);
        }
        // The curator's word on a ticket that is counted here was checked when it came first.
        if known.is_none() {
            let signed = signed(ticket_bytes);
            let by = |curator: &Eid| verify_record::<P>(curator, NAME, &signed, &[], &head.curator_signature).is_ok();
            if !curators.iter().take(LIVE).any(by) {
                return Err(NoTicket::Curator);
            }
        }
        verify_frame::<P>(&head.receiver_eid, frame, [&[], &[]], bytes).map_err(|BadSignature| NoTicket::Signature)?;
        if known.is_none() {
            *place = Spending { ticket, until, ..Spending::FREE };
        }
        if again {
            place.repeats += 1;
            return Ok(Spent::Again);
        }
        if let Some(spent) = place.requests.get_mut(count) {
            *spent = request;
        }
        place.count += 1;
        Ok(Spent::New)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_chooses_one_whole_set_of_eight_places() {
        let mut places: [u8; 23] = core::array::from_fn(|at| u8::try_from(at).unwrap_or(0));
        for (hash, first) in [(0, 0), (1, 8), (2, 0), (3, 8), (u64::MAX, 8)] {
            let set = set(&mut places, hash);
            assert_eq!((set.len(), set.first()), (8, Some(&first)), "{hash}");
        }
        assert!(set(&mut places[..7], 0).is_empty(), "fewer than eight places make no set");
    }
}
