//! Flows decided: who may send and receive what, asked of the authorities, and asked again (`IoE §3.3`, `R7`).

use super::decide::{Decision, Question};
use super::flow::Deed;
use super::{Interaction, Mode};
use crate::audit::{Kind, Record, Sink, record};
use crate::lease::Request;
use crate::number::Seat;
use crate::participant::{Participant, Streams};
use crate::policy::On;
use crate::rollout::{Rollout, Version};
use crate::time::Time;
use crate::vocabulary::Set;

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// Asks whether a participant may send and receive what it wants: to be there, by the action with which it joined, on each
    /// of these streams. Gives what it may; the last answer is the first denial, or else a permit.
    pub(super) fn may_flow<const W: usize, const V: usize>(
        &self,
        participant: &Participant,
        wants: Streams,
        joins: bool,
        version: Option<&Version<W>>,
        rollout: &Rollout<W, V>,
        kind: Kind,
    ) -> (Streams, Decision, Record) {
        let joins = joins.then_some(participant);
        let ask = |on: On, sends: bool, receives: bool| {
            let (seat, goes) = (participant.seat, Set::EMPTY);
            let deed = Deed { seat, on, carries_all: receives, to_actor: receives, to_all: sends, goes };
            let facts = self.facts(self.last, participant, participant.action, &deed, joins);
            let what = Request { action: participant.action, seat, on, binding: None, goes };
            let valid_until = participant.valid_until;
            self.answer(&Question { facts, what, valid_until, parent: None }, version, rollout, kind)
        };
        if wants.sends == Set::ALL || wants.receives == Set::ALL {
            let (decision, record) = ask(On::Unsaid, !wants.sends.is_empty(), !wants.receives.is_empty());
            let has = if decision.may() { wants } else { Streams::NONE };
            return (has, decision, record);
        }
        let mut has = Streams::NONE;
        let mut said: Option<(Decision, Record)> = None;
        for modality in wants.sends.or(wants.receives).iter() {
            let (sends, receives) = (wants.sends.contains(modality), wants.receives.contains(modality));
            let answer = ask(On::Stream(modality), sends, receives);
            if answer.0.may() {
                let one = Set::one(modality);
                has.sends = if sends { has.sends.or(one) } else { has.sends };
                has.receives = if receives { has.receives.or(one) } else { has.receives };
            }
            let denies = |said: &(Decision, Record)| !said.0.verdict.permits();
            if said.as_ref().is_none_or(|said| !denies(said)) {
                let until = said.as_ref().and_then(|said| said.0.lease).map(|lease| lease.until);
                let mut answer = answer;
                if let (Some(lease), Some(until)) = (&mut answer.0.lease, until) {
                    lease.until = lease.until.min(until);
                }
                said = Some(answer);
            }
        }
        let (decision, record) = said.unwrap_or_else(|| ask(On::Nothing, false, false));
        (has, decision, record)
    }

    /// Decides again about the streams of everybody whose permit does not hold any more. What is denied does not flow from then
    /// on, and what is permitted again does. Where data may not go to somebody any more, that one receives them no more; then
    /// it is decided who may send to those that are left.
    pub(super) fn review_flows<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) {
        if !self.state.governs() {
            return;
        }
        let before = self.epoch;
        let mut changed = false;
        for receives in [true, false] {
            let mut number = None;
            while let Some(participant) = self.seat_after(number) {
                number = Some(participant.seat);
                if self.holds(&participant.lease, now, rollout) {
                    continue;
                }
                let wants = participant.wants;
                let wants = if receives {
                    Streams { sends: Set::EMPTY, ..wants }
                } else {
                    Streams { receives: Set::EMPTY, ..wants }
                };
                let version = self.version(rollout);
                let (has, record, lease) = if participant.is_valid(now) {
                    let (has, decision, record) =
                        self.may_flow(&participant, wants, false, version, rollout, Kind::Flow);
                    let lease = decision.lease.or_else(|| self.unenforced(&decision, version, rollout));
                    (has, record, lease)
                } else {
                    let record = Record { seat: Some(participant.seat.0), ..self.fact(Kind::Flow) };
                    (if self.mode == Mode::Observe { wants } else { Streams::NONE }, record, None)
                };
                let mut after = participant.has;
                if receives {
                    after.receives = has.receives;
                } else {
                    after.sends = has.sends;
                }
                if let Some(one) = self.participant_mut(participant.seat) {
                    one.has = after;
                    // Who may be there at all is decided with what it sends.
                    one.lease = lease.filter(|_| !receives).unwrap_or(one.lease);
                }
                if after != participant.has {
                    changed = true;
                    let sends = record::low(after.sends.bits());
                    let receives = record::low(after.receives.bits());
                    self.note(Record { sends, receives, ..record }, log);
                }
            }
        }
        if changed {
            // What was decided about with other flows is decided again; what was decided here stands.
            self.epoch = self.epoch.wrapping_add(1);
            let epoch = self.epoch;
            for one in self.seats.iter_mut().flatten().filter(|one| one.lease.epoch == before) {
                one.lease = one.lease.at(epoch);
            }
        }
    }

    fn seat_after(&self, number: Option<Seat>) -> Option<Participant> {
        let later = self.seats.iter().flatten().filter(|one| Some(one.seat) > number);
        later.min_by_key(|one| one.seat).copied()
    }
}
