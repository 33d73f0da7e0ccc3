//! Flows decided: who may send and receive what, asked of the authorities, and asked again (`IoE §3.3`, `R7`).

use super::decide::{Decision, Question};
use super::flow::Deed;
use super::{Interaction, Mode};
use crate::audit::{Kind, Record, Sink, Verdict, record};
use crate::lease::{Lease, Request};
use crate::number::Seat;
use crate::participant::{Participant, Streams};
use crate::policy::{Facts, On, Settings};
use crate::rollout::{Rollout, Version};
use crate::time::Time;
use crate::vocabulary::Set;

/// What is decided about streams that are wanted: on which, whether data are sent, whether they are received. What is not said is
/// one question; who wants none is still there.
fn wanted(wants: Streams) -> impl Iterator<Item = (On, bool, bool)> {
    let Streams { sends, receives } = wants;
    let unsaid = sends == Set::ALL || receives == Set::ALL;
    let each = if unsaid { Set::EMPTY } else { sends.or(receives) };
    let at_once = if unsaid { On::Unsaid } else { On::Nothing };
    let at_once = each.is_empty().then_some((at_once, unsaid && !sends.is_empty(), unsaid && !receives.is_empty()));
    let stream = move |one| (On::Stream(one), sends.contains(one), receives.contains(one));
    at_once.into_iter().chain(each.iter().map(stream))
}

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// The facts about a participant's sending and receiving on a stream, by the action with which it joined, and until when they
    /// are so. It may be another one than it was, or not be there yet.
    fn facts_of_flow(&self, participant: &Participant, (on, sends, receives): (On, bool, bool)) -> (Facts, Time) {
        let (seat, goes) = (participant.seat, Set::EMPTY);
        let deed = Deed { seat, on, carries_all: receives, to_actor: receives, to_all: sends, goes };
        self.facts(self.last, participant, participant.action, &deed, Some(participant))
    }

    /// Asks whether a participant may send and receive what it wants, on each of these streams. Gives what it may; the first denial,
    /// or else a permit; and the lease of all that it may.
    pub(super) fn may_flow<const W: usize, const V: usize>(
        &self,
        participant: &Participant,
        wants: Streams,
        version: Option<&Version<W>>,
        rollout: &Rollout<W, V>,
        kind: Kind,
    ) -> (Streams, (Decision, Record), Option<Lease>) {
        let ask = |deed: (On, bool, bool)| {
            let (facts, valid_until) = self.facts_of_flow(participant, deed);
            let (action, seat, on) = (participant.action, participant.seat, deed.0);
            let what = Request { action, seat, on, binding: None, goes: Set::EMPTY };
            let valid_until = valid_until.min(participant.valid_until);
            self.answer(&Question { facts, what, valid_until, parent: None }, version, rollout, kind)
        };
        let (mut has, mut lease) = (Streams::NONE, None::<Lease>);
        let mut said: Option<(Decision, Record)> = None;
        for deed in wanted(wants) {
            let answer = ask(deed);
            let (on, sends, receives) = deed;
            if answer.0.may() {
                let streams = if on == On::Unsaid { Set::ALL } else { on.stream().map_or(Set::EMPTY, Set::one) };
                has.sends = if sends { has.sends.or(wants.sends.and(streams)) } else { has.sends };
                has.receives = if receives { has.receives.or(wants.receives.and(streams)) } else { has.receives };
            }
            if let Some(one) = answer.0.lease {
                lease = Some(lease.map_or(one, |others| one.and(&others)));
            }
            if said.as_ref().is_none_or(|said| said.0.verdict.permits()) {
                said = Some(answer);
            }
        }
        let (mut decision, record) = said.unwrap_or_else(|| ask((On::Nothing, false, false)));
        decision.lease = decision.lease.and(lease);
        (has, (decision, record), lease)
    }

    /// How long a validation of this participant holds at most, by all that are asked about any of its streams.
    pub(super) fn validation_ms<const W: usize>(&self, one: &Participant, version: Option<&Version<W>>) -> u32 {
        let longest = Settings::default().validation_ms;
        let Some(version) = version else { return longest };
        let settings = |deed| version.policy.settings(&self.facts_of_flow(one, deed).0).validation_ms;
        wanted(one.wants).map(settings).min().unwrap_or(longest)
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
                let (has, record, lease) = self.review_one(now, &participant, receives, rollout);
                let mut after = participant.has;
                if receives {
                    after.receives = has.receives;
                } else {
                    after.sends = has.sends;
                }
                if let Some(one) = self.participant_mut(participant.seat) {
                    one.has = after;
                    one.lease = lease;
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

    /// What one participant may receive, or send, and the lease that it has from then on. That of what it receives does not hold
    /// until it is decided what it sends, and then holds for both.
    fn review_one<const W: usize, const V: usize>(
        &self,
        now: Time,
        participant: &Participant,
        receives: bool,
        rollout: &Rollout<W, V>,
    ) -> (Streams, Record, Lease) {
        let (version, wants) = (self.version(rollout), participant.wants);
        let wants =
            if receives { Streams { sends: Set::EMPTY, ..wants } } else { Streams { receives: Set::EMPTY, ..wants } };
        let (has, decision, record, lease) = if participant.is_valid(now) {
            let (has, (decision, record), lease) = self.may_flow(participant, wants, version, rollout, Kind::Flow);
            (has, decision, record, lease)
        } else {
            let record = Record { seat: Some(participant.seat.0), ..self.fact(Kind::Flow) };
            let decision = self.denied(Verdict::Lapsed, version.map(|version| version.number));
            (if self.mode == Mode::Observe { wants } else { Streams::NONE }, decision, record, None)
        };
        let lease = lease.or_else(|| self.unenforced(&decision, version, rollout));
        let unsettled = |lease: Lease| lease.at(self.epoch.wrapping_sub(1));
        let lease = match (lease, receives) {
            (Some(lease), true) => unsettled(lease),
            // It receives nothing: that rests on nothing.
            (None, true) => unsettled(Lease { until: Time::NEVER, asked: Set::EMPTY, ..participant.lease }),
            (Some(lease), false) => lease.and(&participant.lease),
            (None, false) => participant.lease,
        };
        (has, record, lease)
    }

    fn seat_after(&self, number: Option<Seat>) -> Option<Participant> {
        let later = self.seats.iter().flatten().filter(|one| Some(one.seat) > number);
        later.min_by_key(|one| one.seat).copied()
    }
}
