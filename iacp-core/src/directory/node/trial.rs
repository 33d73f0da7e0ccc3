//! Trials, and their verdicts. Which accusation is tried: each that was accepted, at once and by itself (`IACP §4.2.7.2`). Nodes that hear of several
//! accusations of one key in another order try all of them, so no votes are parted.

use iacp_wire::layout::Record;
use iacp_wire::message::{MalfeasanceData, PomVote};
use iacp_wire::{DhtKey, Digest, Eid};

use super::cases::{Ended, NotOpened, VERDICT_LIFE, Voted};
use super::{Node, NodeEvent, OWN, Source};
use crate::crypto::Provider;
use crate::directory::accusation::is_cleared_by;
use crate::directory::{Body, Class, Kind, Slot, Voters};
use crate::governance::malfeasance::Accusation;
use crate::governance::window::{Clock, GRACE, Outcome, epoch};
use crate::guard::Charge;
use crate::time::UnixTime;

impl<P: Provider> Node<'_, P> {
    /// Opens an escrow, and hands the accusation on to those that try it.
    ///
    /// What this node voted before a restart, or before the accusation lapsed, is its vote.
    pub(super) fn open(
        &mut self,
        now: Clock,
        accusation: &Accusation,
        court: (Class, DhtKey),
        (voters, voted): (&Voters, Option<Outcome>),
    ) {
        let at_offender = DhtKey(P::sha256(&[&accusation.offender().0]));
        // Each that stood before the escrow opens defends, whatever displaced it.
        let revocations = self.store.revocations(now.unix, at_offender);
        let defence = revocations.into_iter().flatten().map(|(stored, first)| (epoch(UnixTime(stored)), first));
        let host = self.host(now.unix, Class::Identities, &at_offender);
        let id = accusation.id();
        let opened = self.cases.open(now, accusation, court, (voters, host), defence);
        if opened == Err(NotOpened::Full) {
            return;
        }
        let which = Slot { kind: Kind::Accusation, key: court.1, which: id.0 };
        self.store.mark_tried(&which);
        // What spreads is the proof itself: a name on a list would be an opinion.
        // keeps: IACP-025 (§3.6.2)
        self.spread.begin(now.mono, which, voters.clone());
        if opened.is_ok()
            && let Some(outcome) = voted
            && self.cases.has_voted(&id, outcome)
        {
            self.tell(NodeEvent::Persist { id, offender: accusation.offender(), outcome });
        }
    }

    /// Whether the trial of an accusation has begun here, or has a verdict.
    pub(super) fn is_over(&self, which: &Slot) -> bool {
        let verdict = Slot { kind: Kind::Verdict, ..*which };
        self.store.is_tried(which) || self.store.held(&verdict).is_some()
    }

    /// Whether a revocation that stands here clears an accusation.
    fn is_cleared(&self, now: UnixTime, data: &MalfeasanceData<'_>) -> bool {
        let revocations = self.store.revocations(now, DhtKey(P::sha256(&[&data.ticket.target_eid.0])));
        revocations.into_iter().flatten().any(|(_, first)| is_cleared_by(data, first))
    }

    /// The record of a full list that a new one replaces. A new accusation replaces one that was tried; if no revocation clears it,
    /// also one that is cleared. A verdict of guilt replaces a verdict without one. So an offender cannot fill the list with
    /// harmless records.
    pub(super) fn spent(&self, now: UnixTime, which: &Slot, record: &Record<'_>) -> Option<Slot> {
        match Body::parse(which.kind, record.body) {
            Ok(Body::Accusation(data, _)) => {
                let is_closed = |held: &Slot| self.cases.court(&Digest(held.which)).is_none();
                let tried = self.store.yields(which, |held, _| is_closed(held) && self.is_over(held));
                tried.or_else(|| {
                    // What is on trial goes by its own defence: a revocation that came after the opening saves no one.
                    let is_weaker = |held: &Slot, body: &[u8]| {
                        if let Some(case) = self.cases.all().find(|case| case.escrow.id().0 == held.which) {
                            return case.escrow.is_defended();
                        }
                        let before = Body::parse(Kind::Accusation, body);
                        matches!(before, Ok(Body::Accusation(before, _)) if self.is_cleared(now, &before))
                    };
                    if self.is_cleared(now, &data) { None } else { self.store.yields(which, is_weaker) }
                })
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

    /// An accusation that gave way to another one is tried no longer.
    pub(super) fn give_up(&mut self, which: &Slot) {
        self.spread.end(which);
        if let Some(case) = self.cases.forget(&Digest(which.which)) {
            self.tell(NodeEvent::Lapsed { id: case.escrow.id(), offender: case.escrow.offender() });
        }
    }

    /// Of a full list of accusations that nothing clears, the one that gives way to a new one: those with the lowest ids are tried, so
    /// that nodes which heard of them in another order try the same. Only what opened a moment ago gives way, and a little longer to
    /// what another node opened in time.
    pub(super) fn outranked(&self, now: UnixTime, is_first: bool, which: &Slot, record: &Record<'_>) -> Option<Slot> {
        let Ok(Body::Accusation(data, _)) = Body::parse(which.kind, record.body) else { return None };
        let epochs = if is_first { GRACE } else { 2 * GRACE };
        let highest = self.cases.highest(now, &data.ticket.target_eid, &which.key, epochs)?;
        let gives_way = highest.0 > which.which && !self.is_cleared(now, &data);
        gives_way.then(|| self.store.yields(which, |held, _| held.which == highest.0)).flatten()
    }

    /// Counts a vote; with the k-th the verdict is stored.
    pub(super) fn count(&mut self, clock: Clock, vote: &PomVote, outcome: Outcome) {
        let now = clock.unix;
        match self.cases.vote(vote, outcome) {
            Voted::Counted | Voted::Stranger => {}
            Voted::DoubleVote(first) => {
                self.double_vote.get_or_insert([first, *vote]);
                self.tell(NodeEvent::Equivocation { offender: vote.voter_eid });
            }
            Voted::Verdict(outcome) => {
                let mut body = [0; Record::MAX_BODY];
                let id = vote.accusation_id;
                let Some((length, ended)) = self.cases.verdict(&id, outcome, &mut body) else { return };
                let (offender, court) = (ended.offender, ended.court);
                let expiry = now.0.saturating_add(VERDICT_LIFE);
                let copy = DhtKey(P::sha256(&[&offender.0]));
                let from = Source::Node(OWN);
                for key in [court.1, copy] {
                    let which = Slot { kind: Kind::Verdict, key, which: id.0 };
                    let body = body.get(..length).unwrap_or_default();
                    let record = Record { kind: Kind::Verdict as u8, storage_key: key, expiry, body };
                    let spent = self.spent(now, &which, &record);
                    // A verdict that finds no room is found at the other nodes.
                    let _ = self.store.put_for(now, &which, &record, expiry, (from, spent.as_ref()));
                    if key == court.1 {
                        self.spread.begin(clock.mono, which, ended.voters.clone());
                    }
                }
                // The verdict stands first: what waits for it is looked up.
                self.ended(clock, &ended, outcome);
            }
        }
    }

    /// An accusation has its verdict: the host of a guilty key answers for it.
    pub(super) fn ended(&mut self, clock: Clock, ended: &Ended, outcome: Outcome) {
        let (id, offender) = (ended.id, ended.offender);
        self.tell(NodeEvent::Verdict { id, offender, outcome });
        self.recall_pair();
        self.tending.has_ended();
        // Its host is the one of the moment when the escrow opened: a HOSTING that ends meanwhile changes nothing. It answers once in each
        // court, however many accusations are proven there.
        if outcome == Outcome::Guilty
            && let Some(host) = ended.host
            && !self.is_convicted_before(clock.unix, ended)
        {
            self.ledger.charge(clock.unix, &host, Charge::Guilty);
        }
    }

    /// Whether the offender was convicted in the same court before. That verdict stands under the key of the court, or only its copy
    /// under the offender's own key, beside the accusation in the court: the two come one after the other, and either may find no room.
    fn is_convicted_before(&self, now: UnixTime, ended: &Ended) -> bool {
        let (id, offender, court) = (ended.id, ended.offender, ended.court.1);
        let own = DhtKey(P::sha256(&[&offender.0]));
        let is_of_court = |other: &Digest| {
            let accusation = Slot { kind: Kind::Accusation, key: court, which: other.0 };
            self.store.held(&accusation).is_some()
        };
        self.convictions(now, &offender, court).any(|other| other != id)
            || self.convictions(now, &offender, own).any(|other| other != id && is_of_court(&other))
    }

    /// The accusations by which a key was convicted, as far as the verdicts stand here under this key.
    pub(super) fn convictions(&self, now: UnixTime, offender: &Eid, at: DhtKey) -> impl Iterator<Item = Digest> {
        self.store.list(now, Kind::Verdict, at).filter_map(move |(record, _)| {
            match Body::parse(Kind::Verdict, record.body) {
                Ok(Body::Verdict(verdict))
                    if verdict.head.offender_eid == *offender && verdict.head.outcome == Outcome::Guilty as u8 =>
                {
                    Some(verdict.head.accusation_id)
                }
                _ => None,
            }
        })
    }
}
