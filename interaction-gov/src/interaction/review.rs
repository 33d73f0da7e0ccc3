//! Decisions about flows: which participants may send and receive on which streams, decided and decided again (`IoE
//! §3.3`, `R7`).

use super::decide::{Decision, Question};
use super::flow::Deed;
use super::{Interaction, Mode};
use crate::audit::{Record, RecordKind, Sink, Verdict, record};
use crate::lease::{Lease, Request};
use crate::number::Seat;
use crate::participant::{Participant, Streams};
use crate::policy::{Facts, On, Settings};
use crate::rollout::{Governs, Plane};
use crate::time::Time;
use crate::vocabulary::Set;

/// The questions that the wanted streams raise: on which stream, whether data are sent, whether they are received.
/// Unsaid streams are one question, and so is a participant that wants none, since it is still there.
fn wanted(wants: Streams) -> impl Iterator<Item = (On, bool, bool)> {
    let Streams { sends, receives } = wants;
    let unsaid = sends == Set::ALL || receives == Set::ALL;
    let each = if unsaid { Set::EMPTY } else { sends.or(receives) };
    let at_once = if unsaid { On::Unsaid } else { On::Nothing };
    let at_once = each.is_empty().then_some((at_once, unsaid && !sends.is_empty(), unsaid && !receives.is_empty()));
    let stream = move |one| (On::Stream(one), sends.contains(one), receives.contains(one));
    at_once.into_iter().chain(each.iter().map(stream))
}

/// What a review decides in one pass over all participants. Within a pass no decision depends on another one, so the
/// order of participants does not matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Whether each may send at all, even if no one received it.
    Alone,
    /// Whether each may receive from all that may still send.
    Receiving,
    /// Whether each may send to all that may still receive.
    Sending,
}

impl Pass {
    /// The half of these streams that this pass decides.
    const fn half(self, streams: Streams) -> Streams {
        match self {
            Self::Receiving => Streams { sends: Set::EMPTY, ..streams },
            Self::Alone | Self::Sending => Streams { receives: Set::EMPTY, ..streams },
        }
    }
}

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// The facts about a participant's sending and receiving on a stream, by the action with which it joined, and until
    /// when they hold. The participant may differ from the one at its seat, or not have joined yet.
    fn facts_of_flow(&self, participant: &Participant, (on, sends, receives): (On, bool, bool)) -> (Facts, Time) {
        let (seat, goes) = (participant.seat, Set::EMPTY);
        let deed = Deed { seat, on, carries_all: receives, to_actor: receives, to_all: sends, goes };
        self.facts(self.last, participant, participant.action, &deed, Some(participant))
    }

    /// A permit that rests on nothing yet.
    fn rests_on_nothing(
        &self,
        participant: &Participant,
        version: Option<&impl Governs>,
        rollout: &impl Plane,
    ) -> Lease {
        let (action, seat) = (participant.action, participant.seat);
        let what = Request { action, seat, on: On::Nothing, binding: None, goes: Set::EMPTY };
        let version = version.map_or(u32::MAX, Governs::number);
        self.lease(Time::NEVER, version, rollout, (Set::EMPTY, what))
    }

    /// Decides whether a participant may send and receive what it asks for, on each of these streams. Returns the
    /// permitted streams; the first denial, or else a permit; and a lease that ends as soon as any of these answers,
    /// denials included, may change.
    pub(super) fn may_flow(
        &self,
        participant: &Participant,
        wants: Streams,
        version: Option<&impl Governs>,
        rollout: &impl Plane,
        kind: RecordKind,
    ) -> (Streams, (Decision, Record), Lease) {
        self.may(participant, (wants, false), version, rollout, kind)
    }

    /// The same; or, if it sends `alone`, whether it may send if no participant receives it.
    fn may(
        &self,
        participant: &Participant,
        (wants, alone): (Streams, bool),
        version: Option<&impl Governs>,
        rollout: &impl Plane,
        kind: RecordKind,
    ) -> (Streams, (Decision, Record), Lease) {
        let (mut has, mut rests) = (Streams::NONE, self.rests_on_nothing(participant, version, rollout));
        let mut said = (self.denied(Verdict::NoPolicy, version.map(Governs::number)), self.fact(kind));
        let mut denied = false;
        for (on, sends, receives) in wanted(wants) {
            let (facts, valid_until) = self.facts_of_flow(participant, (on, sends && !alone, receives));
            let (action, seat) = (participant.action, participant.seat);
            let what = Request { action, seat, on, binding: None, goes: Set::EMPTY };
            let valid_until = valid_until.min(participant.valid_until);
            let question = Question { facts, what, valid_until, parent: None, region: participant.region };
            let (decision, record, one) = self.answer_until(&question, version, rollout, kind);
            // An authority may have been asked only because of the destination of data; if data go nowhere, none may be
            // asked.
            let permits = decision.verdict.permits() || (alone && decision.verdict == Verdict::NobodyAsked);
            if permits || decision.may() {
                let streams = if on == On::Unsaid { Set::ALL } else { on.stream().map_or(Set::EMPTY, Set::one) };
                has.sends = if sends { has.sends.or(wants.sends.and(streams)) } else { has.sends };
                has.receives = if receives { has.receives.or(wants.receives.and(streams)) } else { has.receives };
            }
            rests = rests.and(&one);
            if !denied {
                said = (decision, record);
            }
            denied |= !permits;
        }
        (has, said, rests)
    }

    /// How long a validation of this participant holds at most, by the settings of all authorities that are asked about
    /// any of its streams.
    pub(super) fn validation_ms(&self, one: &Participant, version: Option<&impl Governs>) -> u32 {
        let longest = Settings::default().validation_ms;
        let Some(version) = version else { return longest };
        let settings = |deed| version.settings(&self.facts_of_flow(one, deed).0).validation_ms;
        wanted(one.wants).map(settings).min().unwrap_or(longest)
    }

    /// Decides again about all streams, if the permit of any participant does not hold any more. Denied flows stop, and
    /// flows that are permitted again resume.
    ///
    /// Each review begins with all wanted flows and only removes some: first those that may not be sent even if no one
    /// received them; then, in turns, those that may not be received from the remaining senders, and those that may not
    /// be sent to the remaining receivers, until a pass removes nothing. So the outcome depends neither on the order of
    /// participants nor on the earlier flows, and each remaining flow is permitted beside all others. Each turn removes
    /// a stream of a participant, or is the last one.
    pub(super) fn review_flows(&mut self, now: Time, rollout: &impl Plane, log: &mut impl Sink) {
        let holds = |one: &Participant| self.holds(&one.lease, now, rollout);
        if !self.state.governs() || self.seats.iter().flatten().all(holds) {
            return;
        }
        let mut before = [Streams::NONE; P];
        for (before, one) in before.iter_mut().zip(&self.seats) {
            *before = one.as_ref().map_or(Streams::NONE, |one| one.has);
        }
        self.want_all(now, &before, rollout, log);
        self.take_away(Pass::Alone, &before, rollout, log);
        self.take_away(Pass::Receiving, &before, rollout, log);
        while self.take_away(Pass::Sending, &before, rollout, log)
            && self.take_away(Pass::Receiving, &before, rollout, log)
        {}
        let all = self.record_gains(&before, rollout, log);
        let mut seats = self.seats.iter().zip(before);
        if seats.any(|(one, had)| one.as_ref().is_some_and(|one| one.has != had)) {
            // Permits that were decided with other flows end; those that were decided here hold.
            self.epoch = self.epoch.wrapping_add(1);
        }
        // If a flow waits for room for its record, a review stays due.
        let epoch = if all { self.epoch } else { self.epoch.wrapping_sub(1) };
        for one in self.seats.iter_mut().flatten() {
            one.lease = one.lease.at(epoch);
        }
    }

    /// Cuts all streams of participants whose permit does not hold: for when nothing can be decided.
    pub(super) fn cut_flows(&mut self, now: Time, rollout: &impl Plane, log: &mut impl Sink) {
        let mut last = None;
        while let Some((_, participant)) = self.place_after(last) {
            last = Some(participant.seat);
            if participant.has == Streams::NONE
                || self.mode == Mode::Observe
                || self.holds(&participant.lease, now, rollout)
            {
                continue;
            }
            if let Some(one) = self.participant_mut(participant.seat) {
                one.has = Streams::NONE;
            }
            let cut =
                Record { seat: Some(participant.seat.0), verdict: Verdict::NoLease, ..self.fact(RecordKind::Flow) };
            self.note(cut, log);
            self.changed();
        }
    }

    /// Starts with all wanted streams, of which the passes take some away. A participant whose validation has lapsed is
    /// left out.
    fn want_all(&mut self, now: Time, before: &[Streams; P], rollout: &impl Plane, log: &mut impl Sink) {
        let version = self.version(rollout);
        let mut last = None;
        while let Some((place, mut participant)) = self.place_after(last) {
            last = Some(participant.seat);
            let lapsed = self.mode == Mode::Enforce && !participant.is_valid(now);
            participant.has = if lapsed { Streams::NONE } else { participant.wants };
            participant.lease = self.rests_on_nothing(&participant, version, rollout);
            let had = before.get(place).copied().unwrap_or(Streams::NONE);
            if let Some(seat) = self.seats.get_mut(place) {
                *seat = Some(participant);
            }
            if lapsed && had != Streams::NONE {
                let policy = version.map(Governs::number);
                let seat = Some(participant.seat.0);
                let record = Record { seat, verdict: Verdict::Lapsed, policy, ..self.fact(RecordKind::Flow) };
                self.note(record, log);
            }
        }
    }

    /// Does one pass. Returns whether it has taken anything away.
    fn take_away(&mut self, pass: Pass, before: &[Streams; P], rollout: &impl Plane, log: &mut impl Sink) -> bool {
        let version = self.version(rollout);
        let (mut last, mut any) = (None, false);
        while let Some((place, participant)) = self.place_after(last) {
            last = Some(participant.seat);
            let asks = pass.half(participant.has);
            if asks == Streams::NONE || !participant.is_valid(self.last) {
                continue;
            }
            let alone = pass == Pass::Alone;
            let (may, (_, record), rests) = self.may(&participant, (asks, alone), version, rollout, RecordKind::Flow);
            let has = participant.has.without(asks.without(may));
            if let Some(one) = self.participant_mut(participant.seat) {
                (one.has, one.lease) = (has, one.lease.and(&rests));
            }
            any |= has != participant.has;
            // A stream that did not flow before needs no record of its loss.
            let had = before.get(place).copied().unwrap_or(Streams::NONE);
            if had.and(has) != had.and(participant.has) {
                self.note(told(record, had.and(has)), log);
            }
        }
        any
    }

    /// Records the new flows. A flow that cannot be recorded does not begin. Returns whether all could be recorded.
    fn record_gains(&mut self, before: &[Streams; P], rollout: &impl Plane, log: &mut impl Sink) -> bool {
        let version = self.version(rollout);
        let (mut last, mut all) = (None, true);
        while let Some((place, participant)) = self.place_after(last) {
            last = Some(participant.seat);
            let had = before.get(place).copied().unwrap_or(Streams::NONE);
            let mut now = had.and(participant.has);
            for pass in [Pass::Receiving, Pass::Sending] {
                let gained = pass.half(participant.has.without(had));
                if gained == Streams::NONE {
                    continue;
                }
                if self.room(1, log).is_err() {
                    all = false;
                    continue;
                }
                let (_, (_, record), _) = self.may_flow(&participant, gained, version, rollout, RecordKind::Flow);
                now = now.or(gained);
                self.note(told(record, now), log);
            }
            if let Some(one) = self.participant_mut(participant.seat) {
                one.has = now;
            }
        }
        all
    }

    /// The participant that came next after this one, and its place.
    fn place_after(&self, last: Option<Seat>) -> Option<(usize, Participant)> {
        let there = self.seats.iter().enumerate().filter_map(|(place, one)| one.as_ref().map(|one| (place, one)));
        let later = there.filter(|(_, one)| Some(one.seat) > last);
        later.min_by_key(|(_, one)| one.seat).map(|(place, one)| (place, *one))
    }
}

/// The record with what a participant sends and receives from then on.
fn told(record: Record, now: Streams) -> Record {
    Record { sends: record::low(now.sends.bits()), receives: record::low(now.receives.bits()), ..record }
}
