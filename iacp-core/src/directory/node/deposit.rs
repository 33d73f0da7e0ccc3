//! The last checks of a record, and its place in the store: rows 9 to 15.

use core::net::IpAddr;

use iacp_wire::layout::Record;
use iacp_wire::{DhtKey, Digest, Locator};

use super::neighbours::Known;
use super::{Event, Node, Source, Trust};
use crate::crypto::Provider;
use crate::directory::accusation::verify_accusation;
use crate::directory::facts::DAY;
use crate::directory::metric::{NodeInfo, place};
use crate::directory::{Body, Facts, Judgement, Kind, Origin, Slot, judge, slot};
use crate::governance::window::{Clock, From, Outcome, epoch};
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
        if self.is_tried(now, &which, record) {
            return status::KNOWN;
        }
        // One that could not be tried now is not kept either: it would take a place and never be tried.
        if !self.can_be_tried(now, &which, record, trust) {
            return status::CAPACITY;
        }
        let from = match origin {
            Origin::Owner => Source::Owner(from),
            Origin::Node => Source::Node(from),
        };
        let spent = self.spent(&which, record);
        if self.store.room_for(now.unix, &which, (from, spent.as_ref())).is_err() {
            return status::CAPACITY;
        }
        let held = self.store.held(&which);
        let judgement = judge::<P>(now.unix, origin, record, held.as_ref(), &self.view(now.unix, trust));
        match judgement {
            Judgement::Refused(refusal) => refusal.status(),
            Judgement::Stale => status::STALE,
            Judgement::Equivocation => {
                let signer = Body::parse(which.kind, record.body).ok().and_then(|body| self.signer(now, trust, &body));
                if let Some(offender) = signer {
                    self.tell(Event::Equivocation { offender });
                }
                status::STALE
            }
            Judgement::Refresh { expiry } => {
                self.store.refresh(&which, expiry);
                status::OK
            }
            Judgement::Store { expiry } => {
                match self.store.put_for(now.unix, &which, record, expiry, (from, spent.as_ref())) {
                    Ok(()) => {
                        self.follow(now, origin, &which, record, trust);
                        status::OK
                    }
                    Err(super::Full) => status::CAPACITY,
                }
            }
        }
    }

    fn signer<T: Trust>(&self, now: Clock, trust: &T, body: &Body<'_>) -> Option<iacp_wire::Eid> {
        match body {
            Body::Delegation(token) => self.view(now.unix, trust).path_key(&token.parent),
            Body::Curation(update) => {
                self.view(now.unix, trust).root_before(&update.path, update.version).map(|(key, _)| key)
            }
            _ => body.owner(),
        }
    }

    /// An accusation on which there is a verdict is spent for good.
    fn is_tried(&self, now: Clock, which: &Slot, record: &Record<'_>) -> bool {
        let verdict = Slot { kind: Kind::Verdict, ..*which };
        which.kind == Kind::Accusation
            && !self.stands(record)
            && self.store.held(&verdict).is_some_and(|held| held.expiry > now.unix.0)
    }

    /// Whether an accusation that is new here opens an escrow at once. All other records do not need one.
    fn can_be_tried<T: Trust>(&self, now: Clock, which: &Slot, record: &Record<'_>, trust: &T) -> bool {
        let Ok(Body::Accusation(data, court)) = Body::parse(which.kind, record.body) else { return true };
        let voters = || self.view(now.unix, trust).voters(court.class(), &court.key::<P>());
        self.store.held(which).is_some() || self.cases.has_room(&data.ticket.target_eid) && !voters().is_empty()
    }

    /// Of a full list, the record that gives way to a new one: an accusation that is not under trial any more to another one, and
    /// to a conviction a verdict that convicted no key. So no key fills the list of what speaks against it.
    pub(super) fn spent(&self, which: &Slot, record: &Record<'_>) -> Option<Slot> {
        match Body::parse(which.kind, record.body) {
            Ok(Body::Accusation(..)) => {
                self.store.yields(which, |held, _| self.cases.court(&Digest(held.which)).is_none())
            }
            Ok(Body::Verdict(verdict)) if verdict.head.outcome == Outcome::Guilty as u8 => {
                self.store.yields(which, |_, body| {
                    let held = Body::parse(Kind::Verdict, body);
                    matches!(held, Ok(Body::Verdict(held)) if held.head.outcome == Outcome::Cleared as u8)
                })
            }
            _ => None,
        }
    }

    /// What a stored record sets in motion.
    fn follow<T: Trust>(&mut self, now: Clock, origin: Origin, which: &Slot, record: &Record<'_>, trust: &T) {
        match Body::parse(which.kind, record.body) {
            Ok(Body::Node(node)) => {
                let Some(place) = place::<P>(&node.eid, node.nonce.get(), self.settings.place_bits) else { return };
                let at = (IpAddr::from(node.ip), node.port.get()).into();
                let info = NodeInfo { eid: node.eid, at, place, classes: node.classes };
                let until = node.timestamp.get().saturating_add(DAY);
                let how = if origin == Origin::Owner { Known::Came { until } } else { Known::Named { until } };
                self.neighbours.enter(now.mono, info, how);
            }
            Ok(Body::Accusation(data, court)) => {
                // It was verified when it was judged.
                let Ok(accusation) = verify_accusation::<P>(&data) else { return };
                let (class, key) = (court.class(), court.key::<P>());
                let voters = self.view(now.unix, trust).voters(class, &key);
                let at_offender = DhtKey(P::sha256(&[&accusation.offender().0]));
                // Each that stood before the escrow opens defends, whatever displaced it.
                let revocations = self.store.revocations(now.unix, at_offender);
                let defence = revocations.into_iter().flatten().map(|(stored, first)| (epoch(UnixTime(stored)), first));
                let id = accusation.id();
                let opened = self.cases.open(now, &accusation, (class, key), &voters, defence);
                // What this node voted before a restart, or before the accusation lapsed, is its vote.
                if opened.is_ok()
                    && let Some(outcome) = trust.voted(&id)
                    && self.cases.has_voted(&id, outcome)
                {
                    self.tell(Event::Persist { id, offender: accusation.offender(), outcome });
                }
                // What spreads is the proof itself: a name on a list would be an opinion.
                // keeps: IACP-025
                self.spread.begin(now.mono, *which, voters);
            }
            Ok(Body::Rebuttal(rebuttal)) => {
                let from = if origin == Origin::Owner { From::Accused } else { From::Node };
                if let Some((id, _)) = self.cases.of(&rebuttal.head.offender_eid) {
                    self.spread.begin(now.mono, *which, self.cases.voters(&id).iter().copied().collect());
                }
                if let Some(Ok(crate::governance::window::Due::Persist(outcome))) =
                    self.cases.rebut(now, &rebuttal.head.offender_eid, from)
                    && let Some((id, offender)) = self.cases.of(&rebuttal.head.offender_eid)
                {
                    self.tell(Event::Persist { id, offender, outcome });
                }
            }
            // The others came to it; it bound when it was judged.
            Ok(Body::Verdict(verdict)) => {
                let (id, offender) = (verdict.head.accusation_id, verdict.head.offender_eid);
                if let Some(outcome) = Outcome::from_code(verdict.head.outcome)
                    && self.cases.close(&id, outcome)
                {
                    self.ended(now.unix, id, offender, outcome);
                }
            }
            _ => {}
        }
    }
}

/// Whether what names an address comes from there: a binding, but for a leaving, which has none, and a node's own record.
fn is_at_its_place(kind: Kind, record: &Record<'_>, from: IpAddr) -> bool {
    let is_there = |at: Locator| IpAddr::from(at).to_canonical() == from.to_canonical();
    match Body::parse(kind, record.body) {
        Ok(Body::Binding(body)) => body.current_transport_ip == Locator::ZERO || is_there(body.current_transport_ip),
        Ok(Body::Node(node)) => is_there(node.ip),
        _ => true,
    }
}
