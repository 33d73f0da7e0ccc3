//! The order of checks: each costs less than the next, and what fails one costs no more than it (`IACP §5.3.1`, `IACP §5.4`).

use core::net::{IpAddr, SocketAddr};

use iacp_wire::layout::Record;
use iacp_wire::message::{DhtTicketStore, DirGet, ErpRegister, WorkedRequest};
use iacp_wire::{DhtKey, Message, MessageType, TransactionId};
use zerocopy::FromBytes;

use super::answer::{self, Listing, code, flag};
use super::deposit::{is_at_its_place, status};
use super::request::{PRESENCE, Request, STANDING, Stored, What, plain, presence, weight};
use super::seen::Presented;
use super::{Handled, Node, Silence, Trust};
use crate::crypto::Provider;
use crate::directory::metric::Coordinate;
use crate::directory::work::{NotWorked, check_claim, check_frame, check_proof};
use crate::directory::{Body, Class, Facts, Kind, Origin, record_digest};
use crate::governance::window::Clock;
use crate::guard::breaker::State;
use crate::guard::{Asked, Load, Weight, bits, tokens};
use crate::identity::Identity;
use crate::time::UnixTime;

impl<P: Provider> Node<'_, P> {
    /// Handles one datagram.
    ///
    /// | # | Check | Else |
    /// |--:|---|---|
    /// | 1 | form, and a type that is taken here | silence |
    /// | 2 | without work: the buckets of the network and of all | ERROR RATE_LIMITED |
    /// | 3 | the breaker of the zone | ERROR BREAKER_OPEN, or the cache |
    /// | 4 | claim and time of the work | ERROR WORK_TOO_LOW; silence |
    /// | 5 | the work | silence |
    /// | 6 | this node is responsible | NOT_RESPONSIBLE, for tokens of the network |
    /// | 7 | the proof is for this frame and its key | silence |
    /// | 8 | the bucket of worked requests covers it, and the proof is new: it pays now | ERROR RATE_LIMITED; silence; ERROR CAPACITY |
    /// | 9 to 15 | source, standing, order, room, signatures | the status of a receipt |
    // keeps: IACP-116 (§5.3.1), IACP-118 (§5.3.1), IACP-125 (§5.4.2)
    pub fn handle<T: Trust>(
        &mut self,
        now: Clock,
        me: &Identity<P>,
        from: SocketAddr,
        datagram: &[u8],
        trust: &T,
        out: &mut [u8],
    ) -> Handled {
        let Some(frame) = plain(datagram) else { return Handled::Silence(Silence::Form) };
        match frame.message {
            Message::WorkedRequest { head, inner } => self.on_worked(now, me, from, datagram, head, inner, trust, out),
            Message::DirPut { head, record } if head.directory_node_eid != iacp_wire::Eid::ZERO => {
                self.on_put(now, me, from, datagram, &frame, head, record, trust, out)
            }
            Message::TicketedRequest { head, inner } => {
                self.on_ticketed(now, me, from, datagram, (&frame, head), inner, trust, out)
            }
            Message::PomVote(vote) => self.on_vote(now, from, datagram, vote),
            Message::DirAnswer { head, records } => self.on_answer(now, from, head, records, trust),
            Message::DirReceipt(receipt) => self.on_receipt(from, datagram, &frame, receipt),
            _ => {
                let Some(weight) = weight(&frame.message) else { return Handled::Silence(Silence::Form) };
                // The bucket before the first hash.
                if let Err(throttled) = self.ingress.admit(now.mono, from, tokens(weight, datagram.len())) {
                    let retry = throttled.retry_after.unwrap_or(u32::MAX);
                    return self.refuse(now, from, code::RATE_LIMITED, datagram, retry, out);
                }
                match Request::read::<P>(&frame, datagram) {
                    Some(request) => self.on_unworked(now, me, from, datagram, &request, trust, out),
                    None => Handled::Silence(Silence::Form),
                }
            }
        }
    }

    pub(super) fn refuse(
        &mut self,
        now: Clock,
        from: SocketAddr,
        code: u16,
        refused: &[u8],
        retry: u32,
        out: &mut [u8],
    ) -> Handled {
        if self.errors.admit(now.mono, from, 1).is_err() {
            return Handled::Silence(Silence::Throttled);
        }
        answered(answer::error::<P>(code, refused, retry, out))
    }

    /// D of this moment: what a [`Hub`](super::Hub) at this node asks for too.
    pub fn difficulty(&mut self, now: Clock) -> u32 {
        let (used, room) = self.store.fill();
        let loads = [Load { used, room }, self.seen.load(now.unix), self.worked.load(now.mono)];
        self.difficulty.observe(now.mono, &loads)
    }

    #[allow(clippy::too_many_arguments, reason = "a datagram and all that it is handled with")]
    fn on_unworked<T: Trust>(
        &mut self,
        now: Clock,
        me: &Identity<P>,
        from: SocketAddr,
        datagram: &[u8],
        request: &Request<'_>,
        trust: &T,
        out: &mut [u8],
    ) -> Handled {
        let place = usize::from(Coordinate::new(request.class, &request.key).zone());
        if let Some(zone) = self.zones.get_mut(place)
            && zone.count(now.mono) == State::Open
        {
            let retry = zone.retry_after(now.mono);
            if let What::Get(get) = request.what {
                let most = datagram.len().saturating_mul(3);
                if let Some(length) = self.cache.read(now.mono, question(get), get.transaction_id, most, out) {
                    return Handled::Answer(length);
                }
            }
            if !self.is_known_refresh(request, from.ip()) {
                return self.refuse(now, from, code::BREAKER_OPEN, datagram, retry, out);
            }
        }
        let needs = match &request.what {
            What::Get(_) | What::Ticket(..) => 0,
            What::Store(_) if self.is_known_refresh(request, from.ip()) => 0,
            What::Store(_) | What::Access(..) => {
                let d = self.difficulty(now);
                bits(d, self.asked(request), self.liability(now.unix, request.class, &request.key).unwrap_or(0))
            }
        };
        if needs > 0 {
            return self.refuse(now, from, code::WORK_TOO_LOW, datagram, needs, out);
        }
        self.serve(now, me, from, datagram.len(), request, trust, out)
    }

    #[allow(clippy::too_many_arguments, reason = "a datagram and all that it is handled with")]
    fn on_worked<T: Trust>(
        &mut self,
        now: Clock,
        me: &Identity<P>,
        from: SocketAddr,
        datagram: &[u8],
        head: &WorkedRequest,
        inner: &[u8],
        trust: &T,
        out: &mut [u8],
    ) -> Handled {
        let [first, ..] = head.pow_target_threshold.get().to_be_bytes();
        let Some(class) = first.checked_sub(0x80).and_then(Class::from_code) else {
            return Handled::Silence(Silence::Claim);
        };
        let (key, d) = (head.storage_key, self.difficulty(now));
        let place = usize::from(Coordinate::new(class, &key).zone());
        let open = self.zones.get_mut(place).map(|zone| zone.state(now.mono)) == Some(State::Open);
        if !open && is_look_up(inner) {
            // Its work is worth nothing here, so it takes nothing of what worked changes need.
            return self.on_look_up(now, me, from, datagram, inner, trust, out);
        }
        let asked = self.asked_of(inner, &key, open);
        let demanded = bits(d, asked, self.liability(now.unix, class, &key).unwrap_or(0));
        match check_claim(head, now.unix, demanded) {
            Ok(()) => {}
            Err(NotWorked::TooLow) => return self.refuse(now, from, code::WORK_TOO_LOW, datagram, demanded, out),
            Err(_) => return Handled::Silence(Silence::Claim),
        }
        let Ok(proof) = check_proof::<P>(head) else { return Handled::Silence(Silence::Proof) };
        let cost = tokens(Weight::Mutation, datagram.len());
        // A ticket is of the node that is asked, for what that node serves.
        if !is_for_a_ticket(inner) && !self.admits(&me.eid(), class, &key, trust) {
            // The answer is longer than the request, whose address nothing has shown yet: it costs what a look-up costs.
            if let Err(throttled) = self.ingress.admit(now.mono, from, cost) {
                let retry = throttled.retry_after.unwrap_or(u32::MAX);
                return self.refuse(now, from, code::RATE_LIMITED, datagram, retry, out);
            }
            return self.elsewhere(now.unix, datagram.len(), class, &key, TransactionId::ZERO, out);
        }
        // All n nodes get one proof: a copy of it in front of something else takes no place from its owner's.
        if check_frame::<P>(head, inner).is_err() {
            return Handled::Silence(Silence::Frame);
        }
        let request = plain(inner).and_then(|frame| Request::read::<P>(&frame, inner));
        let Some(request) = request.filter(|request| request.class == class && request.key == key) else {
            return Handled::Silence(Silence::Frame);
        };
        // Nor does one that another host sends on: it is refused for its source, and is worth no more than a look-up.
        if request.is_from_elsewhere(from.ip()) {
            if let Err(throttled) = self.ingress.admit(now.mono, from, cost) {
                let retry = throttled.retry_after.unwrap_or(u32::MAX);
                return self.refuse(now, from, code::RATE_LIMITED, datagram, retry, out);
            }
            return self.serve(now, me, from, datagram.len(), &request, trust, out);
        }
        // A proof takes no place while it could not pay; one that is shown again pays and counts no second time.
        if let Err(throttled) = self.worked.covers(now.mono, from, cost) {
            let retry = throttled.retry_after.unwrap_or(u32::MAX);
            return self.refuse(now, from, code::RATE_LIMITED, datagram, retry, out);
        }
        match self.seen.present(now.unix, &proof, UnixTime(head.timestamp.get()), from.ip()) {
            Presented::New => {
                // Counted once the work is seen: a claim alone trips no breaker.
                if let Some(zone) = self.zones.get_mut(place) {
                    zone.count(now.mono);
                }
                let _ = self.worked.admit(now.mono, from, cost);
            }
            Presented::Again => {}
            Presented::Spent => return Handled::Silence(Silence::Spent),
            Presented::Full => return self.refuse(now, from, code::CAPACITY, datagram, 1_000, out),
        }
        self.serve(now, me, from, datagram.len(), &request, trust, out)
    }

    /// A look-up in a proof of work that it does not need: as if it came without.
    #[allow(clippy::too_many_arguments, reason = "a datagram and all that it is handled with")]
    fn on_look_up<T: Trust>(
        &mut self,
        now: Clock,
        me: &Identity<P>,
        from: SocketAddr,
        datagram: &[u8],
        inner: &[u8],
        trust: &T,
        out: &mut [u8],
    ) -> Handled {
        let Some(frame) = plain(inner) else { return Handled::Silence(Silence::Frame) };
        let Some(weight) = weight(&frame.message) else { return Handled::Silence(Silence::Frame) };
        if let Err(throttled) = self.ingress.admit(now.mono, from, tokens(weight, datagram.len())) {
            let retry = throttled.retry_after.unwrap_or(u32::MAX);
            return self.refuse(now, from, code::RATE_LIMITED, datagram, retry, out);
        }
        match Request::read::<P>(&frame, inner) {
            Some(request) => self.on_unworked(now, me, from, datagram, &request, trust, out),
            None => Handled::Silence(Silence::Frame),
        }
    }

    /// Rows 9 to 15, for a request whose price is paid.
    #[allow(clippy::too_many_arguments, reason = "a datagram and all that it is handled with")]
    pub(super) fn serve<T: Trust>(
        &mut self,
        now: Clock,
        me: &Identity<P>,
        from: SocketAddr,
        length: usize,
        request: &Request<'_>,
        trust: &T,
        out: &mut [u8],
    ) -> Handled {
        let is_for_any = match request.what {
            What::Get(get) => matches!(get.kind, 0 | PRESENCE),
            What::Access(..) => true,
            What::Ticket(..) | What::Store(_) => false,
        };
        if !is_for_any && !self.admits(&me.eid(), request.class, &request.key, trust) {
            return self.elsewhere(now.unix, length, request.class, &request.key, request.transaction(), out);
        }
        match &request.what {
            What::Get(get) if get.kind == PRESENCE => {
                answered(answer::receipt(me, presence::<P>(get), status::OK, out))
            }
            What::Get(get) => {
                let (answer, is_whole) = self.look_up(now, get, request.class, length, trust, out);
                // A short question gets a part: that is not an answer for others.
                if let Some(bytes) = answer.filter(|_| is_whole).and_then(|length| out.get(..length)) {
                    self.cache.keep(now.mono, question(get), bytes);
                }
                answered(answer)
            }
            What::Ticket(query, iv) => {
                let tickets = self.store.list(now.unix, Kind::Ticket, query.target_storage_key);
                let found = tickets
                    .filter_map(|(record, _)| DhtTicketStore::ref_from_bytes(record.body).ok())
                    .filter(|ticket| iv.is_none_or(|iv| ticket.aead_nonce.0.starts_with(&iv)))
                    .max_by_key(|ticket| ticket.aead_nonce.0.last_chunk::<8>().copied());
                answered(answer::ticket(query.transaction_id, found, out))
            }
            What::Access(asked, frame, bytes) => self.issue(now, me, asked, (frame, bytes), trust, out),
            What::Store(stored) => {
                let record = stored.record(request.key);
                let status = self.deposit(now, Origin::Owner, from.ip(), &record, trust);
                answered(match ErpRegister::ref_from_bytes(record.body) {
                    Ok(binding) if record.kind == Kind::Binding as u8 => answer::confirm(me, binding, status, out),
                    _ => {
                        let digest = record_digest::<P>(record.kind, &record.storage_key, record.body);
                        answer::receipt(me, digest, status, out)
                    }
                })
            }
        }
    }

    fn look_up<T: Trust>(
        &self,
        now: Clock,
        get: &DirGet,
        class: Class,
        length: usize,
        trust: &T,
        out: &mut [u8],
    ) -> (Option<usize>, bool) {
        let mut listing = Listing::new(length, out);
        let (key, first) = (get.storage_key, get.first);
        let mut listed = 0;
        let mut add = |listing: &mut Listing<'_>, record: &Record<'_>| {
            listing.add(record, listed < first);
            listed = listed.saturating_add(1);
        };
        let mut flags = 0;
        match get.kind {
            0 => {
                for node in self.neighbours.nearest(class, &key, self.settings.diversity) {
                    let at = DhtKey(P::sha256(&[&node.eid.0]));
                    if let Some((record, _)) = self.store.one(now.unix, Kind::Node, at) {
                        add(&mut listing, &record);
                    }
                }
            }
            STANDING => {
                if let Some((record, _)) = self.store.one(now.unix, Kind::Binding, key) {
                    flags = self.standing(now.unix, &record, trust);
                    add(&mut listing, &record);
                }
            }
            kind => {
                let Some(kind) = Kind::from_code(kind) else { return (None, false) };
                let view = self.view(now.unix, trust);
                for (record, _) in self.store.list(now.unix, kind, key) {
                    let suspect = curator(kind, &record).is_some_and(|curator| view.is_challenged(&curator));
                    flags |= if suspect { flag::QUARANTINED } else { 0 };
                    add(&mut listing, &record);
                }
            }
        }
        let status = if listed == 0 { status::NOT_FOUND } else { 0 };
        let is_whole = listing.is_whole();
        (listing.finish(get.transaction_id, status, flags, first), is_whole)
    }

    /// Hints, which the reader verifies by the records that prove them.
    fn standing<T: Trust>(&self, now: UnixTime, record: &Record<'_>, trust: &T) -> u16 {
        let Ok(Body::Binding(binding)) = Body::parse(Kind::Binding, record.body) else { return 0 };
        let (eid, view) = (binding.source_eid, self.view(now, trust));
        let has = |kind| self.store.one(now, kind, record.storage_key).is_some();
        let revoked = view.first_invalid(&eid).is_some_and(|first| binding.generation_counter.get() >= first);
        [
            (flag::CHALLENGED, view.is_challenged(&eid)),
            (flag::SLASHED, view.is_slashed(&eid)),
            (flag::REVOKED, revoked),
            (flag::HOSTED, has(Kind::Hosting)),
            (flag::HAS_TICKETS, has(Kind::Ticket)),
            (flag::LEFT, binding.current_transport_ip == iacp_wire::Locator::ZERO),
        ]
        .into_iter()
        .fold(0, |flags, (flag, set)| if set { flags | flag } else { flags })
    }

    /// NOT_RESPONSIBLE, with the nearer nodes that this one knows.
    fn elsewhere(
        &self,
        now: UnixTime,
        length: usize,
        class: Class,
        key: &DhtKey,
        to: TransactionId,
        out: &mut [u8],
    ) -> Handled {
        let mut listing = Listing::new(length, out);
        for node in self.neighbours.nearest(class, key, self.settings.diversity) {
            let at = DhtKey(P::sha256(&[&node.eid.0]));
            if let Some((record, _)) = self.store.one(now, Kind::Node, at) {
                listing.add(&record, false);
            }
        }
        answered(listing.finish(to, status::NOT_RESPONSIBLE, 0, 0))
    }

    /// A refresh of a binding by the very bytes, from where it is bound.
    fn is_known_refresh(&self, request: &Request<'_>, from: IpAddr) -> bool {
        let What::Store(Stored::Record(record)) = &request.what else { return false };
        let at_home = ErpRegister::ref_from_bytes(record.body)
            .is_ok_and(|binding| IpAddr::from(binding.current_transport_ip) == from.to_canonical());
        record.kind == Kind::Binding as u8 && at_home && self.stands(record)
    }

    /// What a stored-record request asks for.
    fn asked(&self, request: &Request<'_>) -> Asked {
        match &request.what {
            What::Get(_) | What::Ticket(..) => Asked::Free,
            What::Access(..) => Asked::Change,
            What::Store(Stored::Moved(_)) if self.knows(&request.key) => Asked::Known,
            What::Store(Stored::Record(record)) if record.kind == Kind::Accusation as u8 => Asked::Heavy,
            What::Store(_) => Asked::Change,
        }
    }

    /// The same before the inner frame is parsed, by its type.
    fn asked_of(&self, inner: &[u8], key: &DhtKey, open: bool) -> Asked {
        let code = match inner {
            [first, second, ..] => first << 4 | second >> 4,
            _ => return Asked::Change,
        };
        match MessageType::from_code(code) {
            Some(MessageType::DirGet | MessageType::DhtTicketQuery) => Asked::Known,
            Some(MessageType::MigrationVector | MessageType::ErpRegister) if open && self.knows(key) => Asked::Change,
            Some(MessageType::MigrationVector) if self.knows(key) => Asked::Known,
            Some(MessageType::ProofOfMal) => Asked::Heavy,
            _ if open => Asked::Heavy,
            _ => Asked::Change,
        }
    }

    fn knows(&self, key: &DhtKey) -> bool {
        let which = crate::directory::Slot { kind: Kind::Binding, key: *key, which: [0; 32] };
        self.store.held(&which).is_some()
    }
}

impl Request<'_> {
    /// Whether it binds another address than it comes from.
    fn is_from_elsewhere(&self, from: IpAddr) -> bool {
        let What::Store(stored) = &self.what else { return false };
        let record = stored.record(self.key);
        Kind::from_code(record.kind).is_some_and(|kind| !is_at_its_place(kind, &record, from))
    }
}

/// The key that a record of a namespace gives its path.
fn curator(kind: Kind, record: &Record<'_>) -> Option<iacp_wire::Eid> {
    match Body::parse(kind, record.body).ok()? {
        Body::Root(root) => Some(root.curation_key),
        Body::Curation(update) => Some(update.curation_key),
        Body::Delegation(token) => Some(token.child_key),
        _ => None,
    }
}

fn is_for_a_ticket(inner: &[u8]) -> bool {
    inner.starts_with(&[0x10, 0x30])
}

fn is_look_up(inner: &[u8]) -> bool {
    let [first, second, ..] = *inner else { return false };
    matches!(MessageType::from_code(first << 4 | second >> 4), Some(MessageType::DirGet | MessageType::DhtTicketQuery))
}

pub(super) fn answered(length: Option<usize>) -> Handled {
    length.map_or(Handled::Silence(Silence::Throttled), Handled::Answer)
}

const fn question(get: &DirGet) -> (DhtKey, u8, u8, u8) {
    (get.storage_key, get.kind, get.first, get.class)
}
