//! Which accusation is tried when: one of an offender at a time, and each that was accepted (`IACP §4.2.7.2`).

use iacp_wire::layout::Record;
use iacp_wire::message::MalfeasanceData;
use iacp_wire::{DhtKey, Digest, Eid};

use super::cases::{Ended, NotOpened};
use super::{Event, Node, Trust};
use crate::crypto::Provider;
use crate::directory::accusation::{is_cleared_by, verify_accusation};
use crate::directory::{Body, Class, Facts, Kind, Slot, Voters};
use crate::governance::malfeasance::{Accusation, accusation_id};
use crate::governance::window::{Clock, Outcome, epoch};
use crate::time::UnixTime;

/// An accusation that waits: whether a revocation that stands here clears it, when it came, and where it is tried.
struct Waiting {
    order: (bool, u64),
    court: (Class, DhtKey),
    accusation: Accusation,
}

impl<P: Provider> Node<'_, P> {
    /// Opens an escrow, and hands the accusation on to those that try it. One at a time: another accusation of the offender waits, moves
    /// nothing and is sent nowhere.
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
        if matches!(opened, Err(NotOpened::Waits | NotOpened::Full)) {
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
            self.tell(Event::Persist { id, offender: accusation.offender(), outcome });
        }
    }

    /// An escrow ended: the next accusation of the key, which waited, is tried. After a conviction those of other courts alone.
    pub(super) fn open_next(&mut self, now: Clock, ended: &Ended, is_convicted: bool) {
        let (key, offender) = (ended.court.1, ended.offender);
        let listed = self.store.list(now.unix, Kind::Accusation, key);
        match self.first_waiting(now.unix, &offender, listed).filter(|_| !is_convicted) {
            Some(next) => self.open(now, &next.accusation, next.court, (&ended.voters, None)),
            // Which nodes try it elsewhere is known with the next datagram.
            None => {
                let _ = self.freed.push_back((offender, key));
            }
        }
    }

    /// Tries what waited for a case of its offender in another court.
    pub(super) fn open_elsewhere<T: Trust>(&mut self, now: Clock, trust: &T) {
        while let Some((offender, key)) = self.freed.pop_front() {
            let others = (0..self.store.fill().1).filter_map(|slot| {
                let record = self.store.at(now.unix, slot).filter(|record| record.storage_key != key)?;
                let is_it = record.kind == Kind::Accusation as u8;
                is_it.then(|| (record, self.store.came_at(slot)))
            });
            if let Some(next) = self.first_waiting(now.unix, &offender, others) {
                let voters = self.view(now.unix, trust).voters(next.court.0, &next.court.1);
                self.open(now, &next.accusation, next.court, (&voters, trust.voted(&next.accusation.id())));
            }
        }
    }

    /// Of these accusations the one of an offender that is tried next: first those that no revocation clears, then that which came first.
    fn first_waiting<'r>(
        &self,
        now: UnixTime,
        offender: &Eid,
        among: impl Iterator<Item = (Record<'r>, u64)>,
    ) -> Option<Waiting> {
        let mut first: Option<Waiting> = None;
        for (record, stored) in among {
            let Ok(Body::Accusation(data, court)) = Body::parse(Kind::Accusation, record.body) else { continue };
            let id = accusation_id::<P>(data.ticket).0;
            let which = Slot { kind: Kind::Accusation, key: record.storage_key, which: id };
            if data.ticket.target_eid != *offender || self.is_over(&which) || self.cases.court(&Digest(id)).is_some() {
                continue;
            }
            let order = (self.is_cleared(now, &data), stored);
            if first.as_ref().is_none_or(|first| order < first.order)
                && let Ok(accusation) = verify_accusation::<P>(&data)
            {
                first = Some(Waiting { order, court: (court.class(), record.storage_key), accusation });
            }
        }
        first
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
    /// also a waiting one that is cleared. A verdict of guilt replaces a verdict without one. So an offender cannot fill the list
    /// with harmless records.
    pub(super) fn spent(&self, now: UnixTime, which: &Slot, record: &Record<'_>) -> Option<Slot> {
        match Body::parse(which.kind, record.body) {
            Ok(Body::Accusation(data, _)) => {
                let is_closed = |held: &Slot| self.cases.court(&Digest(held.which)).is_none();
                let tried = self.store.yields(which, |held, _| is_closed(held) && self.is_over(held));
                tried.or_else(|| {
                    let is_weaker = |held: &Slot, body: &[u8]| match Body::parse(Kind::Accusation, body) {
                        Ok(Body::Accusation(before, _)) => is_closed(held) && self.is_cleared(now, &before),
                        _ => false,
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
}
