//! The last checks of a record, and its place in the store: rows 9 to 15.

use core::net::IpAddr;

use iacp_wire::layout::Record;
use iacp_wire::message::{ErpRegister, HeaderFragment, MalfeasanceEvidence, ProofOfMal};
use iacp_wire::{DhtKey, Digest, Eid, Locator};
use zerocopy::{FromBytes, IntoBytes};

use super::cases::Case;
use super::neighbours::Known;
use super::{Node, NodeEvent, OWN, Source, Trust};
use crate::crypto::Provider;
use crate::directory::accusation::verify_accusation;
use crate::directory::metric::{NodeInfo, place};
use crate::directory::name::CLOCKS;
use crate::directory::{Body, Class, Facts, Judgement, Kind, Origin, Slot, judge, slot};
use crate::governance::malfeasance;
use crate::governance::window::{Clock, EPOCH, From, LAPSE, Outcome};
use crate::identity::Identity;
use crate::time::UnixTime;

/// The statuses of a receipt (`IACP §4.2.3.3`).
pub(super) mod status {
    pub const OK: u32 = 0;
    pub const STALE: u32 = 1;
    pub const CAPACITY: u32 = 4;
    pub const WRONG_SOURCE: u32 = 16;
    pub const NOT_RESPONSIBLE: u16 = 17;
    pub const NOT_FOUND: u16 = 20;
    pub const REFUSED: u32 = 21;
    pub const KNOWN: u32 = 23;
}

/// The most accusations of one accuser that are open at a node.
const OF_ACCUSER: usize = 4;
/// How long after its end an accusation may be opened again, in milliseconds.
const DAY: u64 = 24 * 3_600_000;

/// The kinds that an owner brings. The others come from nodes.
const fn is_owners(kind: Kind) -> bool {
    !matches!(kind, Kind::Custody | Kind::Verdict | Kind::Score | Kind::Filter)
}

impl<P: Provider> Node<'_, P> {
    /// Whether these very bytes stand here, and only live longer by coming again. No signature is looked at.
    pub(super) fn stands(&self, record: &Record<'_>) -> bool {
        let held = slot::<P>(record).ok().and_then(|which| self.store.held(&which));
        held.is_some_and(|held| held.body == record.body)
    }

    /// Judges a record and stores it; gives the status of its receipt.
    pub(super) fn deposit<T: Trust>(
        &mut self,
        now: Clock,
        origin: Origin,
        from: IpAddr,
        record: &Record<'_>,
        trust: &T,
    ) -> u32 {
        let Ok(which) = slot::<P>(record) else { return status::REFUSED };
        if origin == Origin::Owner && !is_owners(which.kind) {
            return status::REFUSED;
        }
        if origin == Origin::Owner && !is_at_its_place(which.kind, record, from) {
            return status::WRONG_SOURCE;
        }
        if self.is_vote(now, record, trust) {
            return self.custody_votes(now, record, trust);
        }
        if self.is_tried(now, &which, record) {
            return status::KNOWN;
        }
        if origin == Origin::Node && !self.is_of_its_time(now, &which, record, trust) {
            return status::REFUSED;
        }
        // A binding counts for the network that it binds and not for the node that hands it on: else one network had its share of each node everywhere.
        let bound = binding(record).map(|binding| binding.current_transport_ip).filter(|ip| *ip != Locator::ZERO);
        let from = match (origin, bound) {
            (Origin::Owner, _) => Source::Owner(from),
            (Origin::Node, Some(ip)) if trust.responsible(Class::Identities, &which.key).is_none() => {
                Source::Owner(ip.into())
            }
            (Origin::Node, _) => Source::Node(from),
        };
        // What may end a trial waits until the caller has taken what was told before: an end is told once.
        if self.events.is_full() && matches!(which.kind, Kind::Accusation | Kind::Verdict) {
            return status::CAPACITY;
        }
        let anew = self.is_anew(now, &which);
        let is_first = origin == Origin::Owner || from == Source::Node(OWN);
        // What has its own place takes no other one's.
        let spent = if self.store.held(&which).is_some() {
            None
        } else {
            let spent = self.spent(now.unix, &which, record);
            spent.or_else(|| self.outranked(now.unix, is_first, &which, record))
        };
        let frees = spent.is_some_and(|spent| self.cases.court(&Digest(spent.which)).is_some());
        if !self.can_try(now, &which, record, from, (anew, frees, trust)) {
            return status::CAPACITY;
        }
        if self.store.room_for(now.unix, &which, (from, spent.as_ref())).is_err() {
            return status::CAPACITY;
        }
        // What lapsed a day ago stands in no way of itself.
        let held = self.store.held(&which).filter(|_| !anew);
        let judgement = judge::<P>(now.unix, origin, record, held.as_ref(), &self.view(now.unix, trust));
        match judgement {
            Judgement::Refused(refusal) => refusal.status(),
            Judgement::Stale => status::STALE,
            Judgement::Equivocation => {
                let signer = Body::parse(which.kind, record.body).ok().and_then(|body| self.signer(now, trust, &body));
                let pair = held.and_then(|held| Some([binding(&held)?, binding(record)?]));
                if let Some(offender) = signer {
                    self.pair = self.pair.or(pair);
                    if matches!(which.kind, Kind::Curation | Kind::Delegation) {
                        self.curators.suspect(now.mono, offender);
                    }
                    self.tell(NodeEvent::Equivocation { offender });
                }
                status::STALE
            }
            Judgement::Refresh { expiry } => {
                self.store.refresh(&which, expiry);
                // A rebuttal speaks in each trial of its owner, and not in the first one alone. It goes on only where it is news.
                if let Ok(Body::Rebuttal(rebuttal)) = Body::parse(which.kind, record.body)
                    && self.rebut(now, origin, &rebuttal.head.offender_eid)
                {
                    self.spread_rebuttal(now, &which, &rebuttal.head.offender_eid);
                }
                status::OK
            }
            Judgement::Store { expiry } => {
                match self.store.put_for(now.unix, &which, record, expiry, (from, spent.as_ref())) {
                    Ok(()) => {
                        if let Some(spent) = spent.filter(|spent| spent.kind == Kind::Accusation) {
                            self.give_up(&spent);
                        }
                        self.follow(now, origin, &which, record, trust);
                        status::OK
                    }
                    Err(super::Full) => status::CAPACITY,
                }
            }
        }
    }

    /// Hands a rebuttal on to those that try its owner.
    fn spread_rebuttal(&mut self, now: Clock, which: &Slot, offender: &Eid) {
        let of_court = self.cases.of(offender).find(|case| case.court.1 == which.key);
        if let Some(case) = of_court.or_else(|| self.cases.of(offender).next()) {
            self.spread.begin(now.mono, *which, case.ballot.voters().iter().copied().collect());
        }
    }

    /// A rebuttal whose signatures hold. Whether it clears an escrow that is open.
    fn rebut(&mut self, now: Clock, origin: Origin, offender: &Eid) -> bool {
        let from = if origin == Origin::Owner { From::Accused } else { From::Node };
        let mut clears = false;
        while let Some((id, outcome)) = self.cases.rebut(now, offender, from) {
            self.tell(NodeEvent::Persist { id, offender: *offender, outcome });
            clears = true;
        }
        clears
    }

    fn signer<T: Trust>(&self, now: Clock, trust: &T, body: &Body<'_>) -> Option<Eid> {
        match body {
            Body::Delegation(token) => self.view(now.unix, trust).path_key(&token.parent),
            Body::Curation(update) => {
                self.view(now.unix, trust).root_before(&update.path, update.version).map(|(key, _)| key)
            }
            _ => body.owner(),
        }
    }

    /// Accuses by a pair of bindings that this node came to hold, after [`NodeEvent::Equivocation`]; none if there is no such pair. The
    /// accusation stands here, and goes to the other nodes that try it. Gives whom it accuses, which may be another than the event says, and
    /// its status: 0, 23 if it is known, or 4 if there is no place to try it: then the pair is kept, unless its key is on trial
    /// undefended, and told anew when a trial ends.
    pub fn accuse<T: Trust>(&mut self, now: Clock, me: &Identity<P>, trust: &T) -> Option<(Eid, u32)> {
        let pair = self.pair.take()?;
        let [ErpRegister { source_eid: offender, .. }, _] = pair;
        let [one, two] = pair.map(|binding| HeaderFragment::from(&binding));
        let (ticket, evidence) = malfeasance::accuse(me, offender, one, two, now.unix.0);
        let mut body = [0; ProofOfMal::LEN + size_of::<MalfeasanceEvidence>()];
        let bytes = ticket.as_bytes().iter().chain(evidence.as_bytes());
        body.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let key = DhtKey(P::sha256(&[&offender.0]));
        let record = Record { kind: Kind::Accusation as u8, storage_key: key, expiry: u64::MAX, body: &body };
        let status = self.deposit(now, Origin::Node, OWN, &record, trust);
        // A key that is on trial undefended needs no further accuser: the place is for the pair of another one.
        let is_undefended = self.cases.of(&offender).any(|case| !case.escrow.is_defended());
        if status == status::CAPACITY && !is_undefended {
            self.pair = self.pair.or(Some(pair));
        }
        Some((offender, status))
    }

    /// A place to try an accusation is free: the pair that waits for one is told.
    pub(super) fn recall_pair(&mut self) {
        if let Some([ErpRegister { source_eid: offender, .. }, _]) = self.pair {
            self.tell(NodeEvent::Equivocation { offender });
        }
    }

    /// An accusation on which there is a verdict is spent for good.
    fn is_tried(&self, now: Clock, which: &Slot, record: &Record<'_>) -> bool {
        let verdict = Slot { kind: Kind::Verdict, ..*which };
        which.kind == Kind::Accusation
            && !self.stands(record)
            && self.store.held(&verdict).is_some_and(|held| held.expiry > now.unix.0)
    }

    /// The earlier of two roots stands, so a node that could tell its time alone could take any name. From nodes a root is taken
    /// when it is of this moment, or by the same statement of f + 1 of the responsible ones. Another DHT has its own way to ask them.
    fn is_of_its_time<T: Trust>(&self, now: Clock, which: &Slot, record: &Record<'_>, trust: &T) -> bool {
        let Ok(Body::Root(root)) = Body::parse(which.kind, record.body) else { return true };
        UnixTime(root.time).distance(now.unix) <= CLOCKS
            || self.stands(record)
            || trust.responsible(Class::Namespaces, &which.key).is_some()
            || self.view(now.unix, trust).is_witnessed(record)
    }

    /// Whether there is room to try a new accusation: a place for its escrow, voters, fewer than 4 of its accuser that are open,
    /// and of its network a quarter of the places. What is accepted is tried. A node that tries it accuses by what comes to it, of its
    /// own accord: so any stranger could use up its four, and its network alone counts.
    // keeps: IACP-101 (§4.2.7.2)
    fn can_try<T: Trust>(
        &self,
        now: Clock,
        which: &Slot,
        record: &Record<'_>,
        from: Source,
        (anew, frees, trust): (bool, bool, &T),
    ) -> bool {
        let Ok(Body::Accusation(data, court)) = Body::parse(which.kind, record.body) else { return true };
        if self.store.held(which).is_some() && !anew {
            return true;
        }
        let (accuser, is_own) = (data.evidence.accuser(), from == Source::Node(OWN));
        // It is asked first: to count takes a look at the whole store.
        if !frees && !self.cases.has_room() {
            return false;
        }
        let voters = self.view(now.unix, trust).voters(court.class(), &court.key::<P>());
        let [of_accuser, of_network] = self.pending(now, &accuser, from);
        let share = (self.cases.places() / if is_own { 2 } else { 4 }).max(OF_ACCUSER);
        let is_heard = (is_own || voters.contains(&accuser) || of_accuser < OF_ACCUSER) && of_network < share;
        is_heard && !voters.is_empty()
    }

    /// The accusations that are open: of one accuser, and of one network.
    fn pending(&self, now: Clock, accuser: &Eid, from: Source) -> [usize; 2] {
        // A trial that was restored has no record here until its accusation comes again.
        let is_bare = |case: &&Case| {
            let which = Slot { kind: Kind::Accusation, key: case.court.1, which: case.escrow.id().0 };
            case.accuser == *accuser && self.store.held(&which).is_none()
        };
        let mut counts = [self.cases.all().filter(is_bare).count(), 0];
        for slot in 0..self.store.fill().1 {
            let record = self.store.at(now.unix, slot).filter(|record| record.kind == Kind::Accusation as u8);
            let Some(record) = record else { continue };
            let Ok(Body::Accusation(data, _)) = Body::parse(Kind::Accusation, record.body) else { continue };
            let id = malfeasance::accusation_id::<P>(data.ticket);
            let which = Slot { kind: Kind::Accusation, key: record.storage_key, which: id.0 };
            if self.cases.court(&id).is_none() && self.is_over(&which) {
                continue;
            }
            let [of_accuser, of_network] = &mut counts;
            *of_accuser += usize::from(data.evidence.accuser() == *accuser);
            *of_network += usize::from(self.store.is_of(slot, from));
        }
        counts
    }

    /// An accusation that lapsed a day ago, and is brought once more, is tried once more.
    fn is_anew(&self, now: Clock, which: &Slot) -> bool {
        let came = self.store.came(which).unwrap_or(u64::MAX);
        let verdict = Slot { kind: Kind::Verdict, ..*which };
        which.kind == Kind::Accusation
            && now.unix.0 >= came.saturating_add(LAPSE * EPOCH + DAY)
            && self.cases.court(&Digest(which.which)).is_none()
            && self.store.held(&verdict).is_none()
    }

    /// What a stored record sets in motion.
    fn follow<T: Trust>(&mut self, now: Clock, origin: Origin, which: &Slot, record: &Record<'_>, trust: &T) {
        match Body::parse(which.kind, record.body) {
            Ok(Body::Node(node)) => {
                let Some(place) = place::<P>(&node.eid, node.nonce.get(), self.settings.place_bits) else { return };
                let at = (IpAddr::from(node.ip), node.port.get()).into();
                let info = NodeInfo { eid: node.eid, at, place, classes: node.classes };
                let until = self.store.held(which).map_or(0, |held| held.expiry);
                self.neighbours.enter(now.mono, info, Known::Named { until });
            }
            Ok(Body::Accusation(data, court)) => {
                // It was verified when it was judged.
                let Ok(accusation) = verify_accusation::<P>(&data) else { return };
                let (class, key) = (court.class(), court.key::<P>());
                let voters = self.view(now.unix, trust).voters(class, &key);
                self.open(now, &accusation, (class, key), (&voters, trust.voted(&accusation.id())));
            }
            Ok(Body::Rebuttal(rebuttal)) => {
                self.spread_rebuttal(now, which, &rebuttal.head.offender_eid);
                self.rebut(now, origin, &rebuttal.head.offender_eid);
            }
            Ok(Body::Custody(body)) => self.tending.is_made(which, body.custody.terms.not_after.get()),
            // The others came to it; it bound when it was judged.
            Ok(Body::Verdict(verdict)) => {
                self.tending.has_ended();
                let id = verdict.head.accusation_id;
                if let Some(outcome) = Outcome::from_code(verdict.head.outcome)
                    && let Some(ended) = self.cases.close(&id, outcome)
                {
                    self.ended(now, &ended, outcome);
                }
            }
            _ => {}
        }
    }
}

fn binding(record: &Record<'_>) -> Option<ErpRegister> {
    (record.kind == Kind::Binding as u8).then(|| ErpRegister::read_from_bytes(record.body).ok()).flatten()
}

/// Whether what names an address comes from there: a binding, but for a leaving, which has none, and a node's own record.
pub(super) fn is_at_its_place(kind: Kind, record: &Record<'_>, from: IpAddr) -> bool {
    let is_there = |at: Locator| IpAddr::from(at).to_canonical() == from.to_canonical();
    match Body::parse(kind, record.body) {
        Ok(Body::Binding(body)) => body.current_transport_ip == Locator::ZERO || is_there(body.current_transport_ip),
        Ok(Body::Node(node)) => is_there(node.ip),
        _ => true,
    }
}
