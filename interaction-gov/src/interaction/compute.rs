//! Functions and computations within the interaction: how they begin, fail, recover and are cancelled (`IoE
//! R3`, `R7`, `R9`).

use super::decide::Question;
use super::flow::Deed;
use super::{Decision, Interaction, Lease, Mode, Refused, Request};
use crate::audit::{Record, RecordKind, Sink, Verdict};
use crate::function::{Binding, Bindings, Health, Invocation, Role, Running};
use crate::lifecycle::{Event, State};
use crate::participant::Seat;
use crate::policy::{Facts, Provenance};
use crate::proof::{Component, ProvenanceCheck};
use crate::rollout::{Governs, Plane};
use crate::time::Time;
use crate::vocabulary::Set;

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// Begins a function or a computation, also a third party's or a delegated one. Its provenance is checked, and the
    /// action is decided like any other, for the place where it would run.
    ///
    /// The second part of the result is its number, if it runs.
    // keeps: IOE-064 (§4.2 R2), IOE-065 (§4.2 R2), IOE-068 (§4.3 R3), IOE-069 (§4.3 R3), IOE-070 (§4.3 R3), IOE-071 (§4.3 R3), IOE-072 (§4.3 R3), IOE-134 (§8)
    pub fn invoke(
        &mut self,
        now: Time,
        invocation: &Invocation<'_>,
        check: &impl ProvenanceCheck,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> (Decision, Option<Binding>) {
        if let Err(Refused(verdict)) = self.advance_with(now, RecordKind::Invoked, rollout, log) {
            return (self.denied(verdict, None), None);
        }
        let Invocation { action, function, on, seat, parent, sites, component, role } = *invocation;
        let version = self.version(rollout);
        let number = version.map(Governs::number);
        let provenance = check.check(&component);
        let digest = component.digest;
        let component = digest.first_chunk().copied().unwrap_or_default();
        let asked = self.may_begin(now, invocation, rollout).and_then(|(binding, until)| {
            let actor = self.may_act(now, seat)?;
            let deed = Deed { seat, on, carries_all: true, to_actor: false, to_all: false, goes: Set::EMPTY };
            let (facts, valid_until) = self.facts(now, actor, action, &deed, None);
            let facts = Facts { function: Some(function), provenance, ..facts };
            let what = Request { action, seat, on, binding: Some(binding), goes: Set::EMPTY };
            let region = actor.region;
            Ok((Question { facts, what, valid_until: valid_until.min(until), parent, region }, binding))
        });
        let sites = sites.iter().map(|site| (*site, Set::one(*site)));
        let answered = asked.and_then(|(question, binding)| {
            let (site, answer) =
                self.first(&question, sites, version, rollout, RecordKind::Invoked).ok_or(Verdict::NoPlace)?;
            Ok((binding, site, answer))
        });
        let told = |record: Record| Record {
            subject: component,
            function: Some(function.0),
            parent: parent.map(|parent| parent.0),
            count: u32::from(role as u8),
            ..record
        };
        let (binding, site, (decision, record)) = match answered {
            Ok(answered) => answered,
            Err(verdict) => {
                let request = Request { action, seat, on, binding: None, goes: Set::EMPTY };
                let record = told(self.refusal(RecordKind::Invoked, &request, verdict, number));
                let _ = self.spare(record, log);
                return (self.denied(verdict, number), None);
            }
        };
        let lease = decision.lease.or_else(|| self.unenforced(&decision, version, rollout));
        self.write(Record { site: Some(site.0), ..told(record) }, log);
        let (Some(lease), Some(slot)) = (lease, self.running.iter_mut().find(|place| place.is_none())) else {
            return (decision, None);
        };
        // The data of the stream now go to this place too, so every permit is decided again, except those of functions,
        // whose data go to their own place alone.
        let before = self.epoch;
        self.epoch = self.epoch.wrapping_add(1);
        let lease = lease.at(self.epoch);
        *slot = Some(Running {
            number: binding,
            action,
            function,
            on,
            seat,
            parent,
            site,
            provenance,
            component: digest,
            role,
            health: Health::Running,
            lease,
        });
        for other in self.running.iter_mut().flatten().filter(|other| other.lease.epoch == before) {
            other.lease = other.lease.at(self.epoch);
        }
        self.numbers.1 = self.numbers.1.saturating_add(1);
        let decision = Decision { lease: decision.lease.map(|lease| lease.at(self.epoch)), ..decision };
        (decision, Some(binding))
    }

    /// Lets a running function run for another participant from now on, if policy permits that participant to run it.
    ///
    /// The functions that it has delegated then run for that participant too, and are decided again.
    pub fn hand_over(
        &mut self,
        now: Time,
        binding: Binding,
        to: Seat,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Decision {
        if let Err(Refused(verdict)) = self.advance_with(now, RecordKind::HandedOver, rollout, log) {
            return self.denied(verdict, None);
        }
        let version = self.version(rollout);
        let number = version.map(Governs::number);
        let asked = self.runs(binding).copied().ok_or(Verdict::NoFunction).and_then(|running| {
            // A delegated function moves together with the one that delegated it.
            let delegated = running.parent.is_some();
            if delegated { Err(Verdict::Conflict) } else { Ok(running) }
        });
        let asked = asked.and_then(|running| {
            let question = self.ask_for(now, running.action, running.on, &Running { seat: to, ..running })?;
            Ok((question, running))
        });
        let (decision, record) = match asked {
            Ok((question, _)) => self.answer(&question, version, rollout, RecordKind::HandedOver),
            Err(verdict) => {
                let nothing = crate::vocabulary::Action(u8::MAX);
                let action = self.running(binding).map_or(nothing, |running| running.action);
                let on = self.running(binding).map_or(crate::policy::On::Nothing, |running| running.on);
                let request = Request { action, seat: to, on, binding: Some(binding), goes: Set::EMPTY };
                let record = self.refusal(RecordKind::HandedOver, &request, verdict, number);
                let _ = self.spare(record, log);
                return self.denied(verdict, number);
            }
        };
        let lease = decision.lease.or_else(|| self.unenforced(&decision, version, rollout));
        self.write(record, log);
        if let Some(lease) = lease {
            let all = self.with_delegated(|running| running.number == binding);
            self.epoch = self.epoch.wrapping_add(1);
            let lease = lease.at(self.epoch);
            for running in self.running.iter_mut().flatten().filter(|running| all.contains(running.number)) {
                running.seat = to;
                if running.number == binding {
                    running.lease = lease;
                }
            }
        }
        decision
    }

    /// Checks a running component again: its provenance as found now counts from now on.
    ///
    /// # Errors
    /// Nothing runs under this number, or another component does; the interaction is over. If there is no room for the
    /// record, a lower provenance takes effect all the same, and a higher one does not.
    pub fn reprove(
        &mut self,
        now: Time,
        binding: Binding,
        component: &Component<'_>,
        check: &impl ProvenanceCheck,
        log: &mut impl Sink,
    ) -> Result<Provenance, Refused> {
        self.tighten(now)?;
        let room = self.room(1, log);
        let record = Record { binding: Some(binding.0), ..self.fact(RecordKind::Invoked) };
        let found = check.check(component);
        let Some(running) = self.running_mut(binding) else {
            return Err(self.refuse_tightening(Record { verdict: Verdict::NoFunction, ..record }, log));
        };
        let found = if running.component == component.digest { found } else { Provenance::None };
        if found > running.provenance {
            room?;
        }
        let function = running.function.0;
        if let Some(running) = self.running_mut(binding) {
            running.provenance = found;
        }
        self.note(Record { provenance: Some(found as u8), function: Some(function), ..record }, log);
        self.epoch = self.epoch.wrapping_add(1);
        Ok(found)
    }

    /// The number that a new function would have, and until when the function that delegates it may run.
    fn may_begin(
        &self,
        now: Time,
        invocation: &Invocation<'_>,
        rollout: &impl Plane,
    ) -> Result<(Binding, Time), Verdict> {
        let Invocation { seat, parent, .. } = *invocation;
        let mut until = Time::NEVER;
        if let Some(parent) = parent {
            let runs = |parent: &&Running| parent.health == Health::Running && parent.seat == seat;
            let parent = self.running(parent).filter(runs).ok_or(Verdict::NoFunction)?;
            match (self.holds(&parent.lease, now, rollout), self.mode) {
                (true, _) => until = parent.lease.until(),
                (false, Mode::Enforce) => return Err(Verdict::NoLease),
                (false, Mode::Observe) => {}
            }
        }
        let (_, number) = self.numbers;
        let free = self.running.iter().any(Option::is_none) && number < u16::MAX;
        if free { Ok((Binding(number), until)) } else { Err(Verdict::NoRoom) }
    }

    /// A failed function works again, before its time to recover is over.
    ///
    /// # Errors
    /// It has not failed, its time to recover is over, or there is no room for the records.
    pub fn recover(&mut self, now: Time, binding: Binding, log: &mut impl Sink) -> Result<State, Refused> {
        self.room(2, log)?;
        self.advance(now, RecordKind::Recovered, log)?;
        let running = self.running_mut(binding);
        let in_time = |running: &&mut Running| match running.health {
            Health::Failed { recover_by } => now < recover_by,
            Health::Running => false,
        };
        let Some(running) = running.filter(in_time) else {
            let record =
                Record { binding: Some(binding.0), verdict: Verdict::NoFunction, ..self.fact(RecordKind::Recovered) };
            return Err(self.spare(record, log));
        };
        running.health = Health::Running;
        self.write(Record { binding: Some(binding.0), ..self.fact(RecordKind::Recovered) }, log);
        self.epoch = self.epoch.wrapping_add(1);
        self.heal(Event::Recovered, Event::CoreRecovered, log);
        Ok(self.state)
    }

    /// Decides again about every running function whose permit does not hold any more. Those that are denied now, or
    /// have not recovered in time, are cancelled, together with those that they had delegated. To be called when
    /// [`next_deadline`](Self::next_deadline) says so, and after changes; a caller that asks [`holds`](Self::holds)
    /// first is safe in between.
    ///
    /// While the interaction is suspended nothing is permitted, so no function goes on; whether one may continue is
    /// decided afterwards. If a core function is cancelled it is suspended too, and [`resume`](Self::resume) comes
    /// before another one can begin.
    ///
    /// # Errors
    /// The clock went backwards, the interaction is over, or there is no room for the records and nothing had to end.
    // keeps: IOE-105 (§4.9 R9), IOE-135 (§8)
    pub fn review(&mut self, now: Time, rollout: &impl Plane, log: &mut impl Sink) -> Result<Bindings, Refused> {
        self.tighten(now)?;
        if now < self.last {
            let refused = Record { verdict: Verdict::ClockBack, ..self.fact(RecordKind::Ended) };
            return Err(self.refuse_tightening(refused, log));
        }
        // There is at most one record of a decision and one of an end for each function, two for each participant (what
        // it receives again, and what it sends again), and two for moves of the state. Where there is no room, no
        // function is renewed, no flow comes back, and a function that has not recovered in time ends.
        let seats = self.seats.iter().flatten().count();
        let advanced = match self.advance_with(now, RecordKind::Ended, rollout, log) {
            Err(refused) if refused.0 != Verdict::AuditFull => return Err(refused),
            advanced => advanced,
        };
        let records = 2 * (self.running.iter().flatten().count() + seats) + 4;
        let renews = advanced.and_then(|()| self.room(records, log));
        if self.governed == (self.version(rollout).map(Governs::number), rollout.changes().count) {
            self.review_flows(now, rollout, log);
        } else {
            // There is no room to record what governs now.
            self.cut_flows(now, rollout, log);
        }
        let overdue = |running: &Running| matches!(running.health, Health::Failed { recover_by } if now >= recover_by);
        let mut gone = self.with_delegated(overdue);
        self.cancel(&gone, None, log);
        if let Err(refused) = renews {
            // A function without a valid permit may not act; it is decided about when there is room.
            return if gone.is_empty() { Err(refused) } else { Ok(gone) };
        }
        let (mut denied, mut permitted) = (Bindings::default(), Bindings::default());
        // A function is always older than those that it has delegated.
        let mut number = None;
        while let Some(running) = self.after(number) {
            number = Some(running.number);
            if running.health != Health::Running || !self.state.governs() || self.waits(&running) {
                continue;
            }
            if running.parent.is_some_and(|parent| denied.contains(parent)) {
                denied.add(running.number);
                continue;
            }
            let held = self.holds(&running.lease, now, rollout).then_some(running.lease);
            match (held.or_else(|| self.renew(&running, rollout, log)), self.running_mut(running.number)) {
                (Some(lease), Some(one)) => {
                    one.lease = lease;
                    permitted.add(running.number);
                }
                _ => denied.add(running.number),
            }
        }
        let denied = self.with_delegated(|running| denied.contains(running.number));
        self.cancel(&denied, None, log);
        // The permitted functions do not rest on the cancelled ones, so their permits still hold, unless nothing is
        // permitted any more.
        if self.state.governs() {
            let epoch = self.epoch;
            for running in self.running.iter_mut().flatten().filter(|running| permitted.contains(running.number)) {
                running.lease = running.lease.at(epoch);
            }
        }
        denied.iter().for_each(|binding| gone.add(binding));
        Ok(gone)
    }

    /// Whether a function that delegated it, directly or not, has failed. It is decided about when that function has
    /// recovered, or has not recovered in time.
    pub(super) fn waits(&self, running: &Running) -> bool {
        let mut by = running.parent;
        while let Some(parent) = by.and_then(|parent| self.running(parent)) {
            if parent.health != Health::Running {
                return true;
            }
            by = parent.parent;
        }
        false
    }

    /// The running function that began next after this one.
    fn after(&self, number: Option<Binding>) -> Option<Running> {
        let later = self.running.iter().flatten().filter(|running| Some(running.number) > number);
        later.min_by_key(|running| running.number).copied()
    }

    /// Decides again about a running function.
    fn renew(&mut self, running: &Running, rollout: &impl Plane, log: &mut impl Sink) -> Option<Lease> {
        let version = self.version(rollout);
        let (decision, record) = match self.ask_for(self.last, running.action, running.on, running) {
            Ok(question) => {
                let parent = running.parent.and_then(|parent| self.running(parent));
                let valid_until = parent.map_or(Time::NEVER, |parent| parent.lease.until()).min(question.valid_until);
                self.answer(&Question { valid_until, ..question }, version, rollout, RecordKind::Decided)
            }
            Err(verdict) => {
                let Running { action, seat, on, site, .. } = *running;
                let request = Request { action, seat, on, binding: Some(running.number), goes: Set::one(site) };
                let version = version.map(Governs::number);
                (self.denied(verdict, version), self.refusal(RecordKind::Decided, &request, verdict, version))
            }
        };
        let lease = decision.lease.or_else(|| self.unenforced(&decision, version, rollout));
        self.write(record, log);
        lease
    }

    /// The functions for which the condition holds, and all that they have delegated.
    pub(super) fn with_delegated(&self, which: impl Fn(&Running) -> bool) -> Bindings {
        let mut bindings = Bindings::default();
        // A function is always older than those that it has delegated, so one pass is enough.
        let mut number = None;
        while let Some(running) = self.after(number) {
            number = Some(running.number);
            if which(&running) || running.parent.is_some_and(|parent| bindings.contains(parent)) {
                bindings.add(running.number);
            }
        }
        bindings
    }

    /// Ends these functions, because the interaction ends.
    pub(super) fn end_all(&mut self, bindings: &Bindings, log: &mut impl Sink) {
        for binding in bindings.iter() {
            self.take_out(binding, log);
        }
    }

    /// Ends these functions, records each, and moves the state. If a core function among them had failed, or did not
    /// end `by_itself`, the interaction is suspended until it is resumed.
    pub(super) fn cancel(&mut self, bindings: &Bindings, by_itself: Option<Binding>, log: &mut impl Sink) {
        let mut core_lost = false;
        for binding in bindings.iter() {
            if let Some(running) = self.take_out(binding, log) {
                let taken = by_itself != Some(binding) || running.health != Health::Running;
                core_lost |= running.role == Role::Core && taken;
            }
        }
        if core_lost {
            self.held = true;
            self.step(Event::CoreLost, log);
        } else if !bindings.is_empty() {
            self.epoch = self.epoch.wrapping_add(1);
            self.heal(Event::Recovered, Event::CoreRecovered, log);
        }
    }

    fn take_out(&mut self, binding: Binding, log: &mut impl Sink) -> Option<Running> {
        let mut places = self.running.iter_mut();
        let running = places.find(|place| place.as_ref().is_some_and(|running| running.number == binding))?.take()?;
        let record = Record {
            binding: Some(binding.0),
            seat: Some(running.seat.0),
            function: Some(running.function.0),
            subject: running.component.first_chunk().copied().unwrap_or_default(),
            parent: running.parent.map(|parent| parent.0),
            count: u32::from(running.role as u8),
            ..self.fact(RecordKind::Ended)
        };
        self.note(record, log);
        Some(running)
    }

    /// Moves the state after a failure is over, unless the interaction was suspended by an act.
    pub(super) fn heal(&mut self, all: Event, core: Event, log: &mut impl Sink) {
        if self.held {
            return;
        }
        let fails = |role: Role| {
            let mut running = self.running.iter().flatten();
            running.any(|running| running.role == role && running.health != Health::Running)
        };
        match (fails(Role::Core), fails(Role::Auxiliary)) {
            (true, _) => {}
            (false, true) if self.state == State::Suspended => self.step(core, log),
            (false, true) => {}
            (false, false) => self.step(all, log),
        }
    }
}
