//! Functions and computations within the interaction: begun, placed, failed, recovered, cancelled (`IoE R3`, `R7`, `R9`).

use super::decide::Question;
use super::{Decision, Interaction, Refused, Request};
use crate::audit::{Kind, Record, Sink, Verdict};
use crate::function::{Binding, Bindings, Health, Invocation, Role, Running};
use crate::lifecycle::{Event, State};
use crate::participant::Seat;
use crate::policy::Facts;
use crate::proof::ProvenanceCheck;
use crate::rollout::{Rollout, Version};
use crate::time::Time;
use crate::vocabulary::{Region, Set};

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// Begins a function or a computation, third parties' and delegated ones included: its provenance is checked, and it is
    /// decided like any action, at its place.
    ///
    /// The second part of the result is its number, if it runs.
    // keeps: IOE-064, IOE-065, IOE-068, IOE-069, IOE-070, IOE-071, IOE-072, IOE-134
    pub fn invoke<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        invocation: &Invocation<'_>,
        check: &impl ProvenanceCheck,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> (Decision, Option<Binding>) {
        if let Err(Refused(verdict)) = self.advance(now, Kind::Invoked, log) {
            return (self.denied(verdict, None), None);
        }
        let Invocation { action, function, modality, seat, parent, sites, component, role } = *invocation;
        let version = self.version(rollout);
        let number = version.map(|version| version.number);
        let provenance = check.check(&component);
        let component = component.digest.first_chunk().copied().unwrap_or_default();
        let asked = self.may_begin(seat, parent, sites).and_then(|(binding, first)| {
            let question = self.ask(now, action, seat, modality, Some(function), provenance)?;
            let allowed = |site: &&Region| keeps_to(version, &question.facts, Set::one(**site));
            let site = sites.iter().find(allowed).copied().unwrap_or(first);
            Ok((Question { binding: Some(binding), goes: Set::one(site), ..question }, binding, site))
        });
        let (question, binding, site) = match asked {
            Ok(asked) => asked,
            Err(verdict) => {
                let request = Request { action, seat, modality, binding: None, goes: Set::EMPTY };
                let record = self.refusal(Kind::Invoked, &request, verdict, number);
                self.write(Record { function: Some(function.0), subject: component, ..record }, log);
                return (self.denied(verdict, number), None);
            }
        };
        let (decision, record) = self.answer(&question, version, rollout, Kind::Invoked);
        self.write(Record { subject: component, ..record }, log);
        let (Some(lease), Some(slot)) = (decision.lease, self.running.get_mut(usize::from(binding.0))) else {
            return (decision, None);
        };
        let health = Health::Running;
        *slot = Some(Running {
            action,
            function,
            modality,
            seat,
            parent,
            site,
            provenance,
            component,
            role,
            health,
            lease,
        });
        (decision, Some(binding))
    }

    /// The number that something new would have, and where it would run if it were for nobody to choose.
    fn may_begin(&self, seat: Seat, parent: Option<Binding>, sites: &[Region]) -> Result<(Binding, Region), Verdict> {
        let runs = |parent: &Running| parent.health == Health::Running && parent.seat == seat;
        if parent.is_some_and(|parent| !self.running(parent).is_some_and(runs)) {
            return Err(Verdict::NoFunction);
        }
        let place = self.running.iter().position(Option::is_none).and_then(|place| u16::try_from(place).ok());
        let binding = place.map(Binding).ok_or(Verdict::NoRoom)?;
        let site = sites.first().ok_or(Verdict::NoPlace)?;
        Ok((binding, *site))
    }

    /// Decides where something goes, before it goes: of the places or ways in question, the first that all authorities
    /// allow. A place is one region; a way is every region that it leads through.
    // keeps: IOE-091, IOE-095
    pub fn choose<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        kind: Choice,
        request: &Request,
        candidates: &[Set<Region>],
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> (Decision, Option<usize>) {
        let kind = match kind {
            Choice::Place => Kind::Placed,
            Choice::Way => Kind::Routed,
        };
        if let Err(Refused(verdict)) = self.advance(now, kind, log) {
            return (self.denied(verdict, None), None);
        }
        let version = self.version(rollout);
        let question = match self.question(now, request) {
            Ok(question) => question,
            Err(verdict) => {
                let record =
                    Record { seat: Some(request.seat.0), action: Some(request.action.0), verdict, ..self.fact(kind) };
                self.write(record, log);
                return (self.denied(verdict, version.map(|version| version.number)), None);
            }
        };
        let allowed = |regions: &&Set<Region>| {
            !regions.is_empty() && version.is_some_and(|version| version.policy.residency(&question.facts, **regions).0)
        };
        let chosen = candidates.iter().enumerate().find(|(_, regions)| allowed(regions));
        let goes = chosen.map_or(Set::EMPTY, |(_, regions)| *regions);
        let (mut decision, mut record) = self.answer(&Question { goes, ..question }, version, rollout, kind);
        if chosen.is_none() && decision.verdict.permits() {
            (decision.verdict, record.verdict) = (Verdict::NoPlace, Verdict::NoPlace);
            (decision.lease, record.until) = (None, None);
            (decision.line, record.line) = (None, None);
            (decision.speaker, record.speaker) = (None, None);
            // Who stands against the one that was wanted most.
            let wanted = candidates.first().copied().unwrap_or_default();
            decision.authority = version.and_then(|version| version.policy.residency(&question.facts, wanted).1);
            record.authority = decision.authority.map(|authority| authority.0);
            (decision.obligations, record.obligations) = (Set::EMPTY, 0);
        }
        self.write(record, log);
        let chosen = chosen.map(|(place, _)| place).filter(|_| decision.verdict.permits());
        (decision, chosen)
    }

    /// A function has failed. What does not need it goes on: the interaction is degraded, or suspended if it was core.
    ///
    /// # Errors
    /// Nothing runs under this number, or there is no room for the records.
    // keeps: IOE-103, IOE-104, IOE-106
    pub fn fail<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        binding: Binding,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> Result<State, Refused> {
        self.room(2, log)?;
        self.advance(now, Kind::Failed, log)?;
        let recovery = self.version(rollout).map_or(0, |version| version.settings.recovery_ms);
        let running = self.running.get_mut(usize::from(binding.0)).and_then(Option::as_mut);
        let Some(running) = running.filter(|running| running.health == Health::Running) else {
            let record = Record { binding: Some(binding.0), verdict: Verdict::NoFunction, ..self.fact(Kind::Failed) };
            return Err(self.refuse(record, log));
        };
        let recover_by = now.after(u64::from(recovery));
        running.health = Health::Failed { recover_by };
        let role = running.role;
        self.write(Record { binding: Some(binding.0), until: Some(recover_by), ..self.fact(Kind::Failed) }, log);
        self.epoch = self.epoch.wrapping_add(1);
        self.step(if role == Role::Core { Event::CoreFailed } else { Event::AuxiliaryFailed }, log);
        Ok(self.state)
    }

    /// A failed function works again, in time.
    ///
    /// # Errors
    /// It has not failed, its time to recover is over, or there is no room for the records.
    pub fn recover(&mut self, now: Time, binding: Binding, log: &mut impl Sink) -> Result<State, Refused> {
        self.room(2, log)?;
        self.advance(now, Kind::Recovered, log)?;
        let running = self.running.get_mut(usize::from(binding.0)).and_then(Option::as_mut);
        let in_time = |running: &&mut Running| match running.health {
            Health::Failed { recover_by } => now < recover_by,
            Health::Running => false,
        };
        let Some(running) = running.filter(in_time) else {
            let record =
                Record { binding: Some(binding.0), verdict: Verdict::NoFunction, ..self.fact(Kind::Recovered) };
            return Err(self.refuse(record, log));
        };
        running.health = Health::Running;
        self.write(Record { binding: Some(binding.0), ..self.fact(Kind::Recovered) }, log);
        self.epoch = self.epoch.wrapping_add(1);
        self.heal(Event::Recovered, Event::CoreRecovered, log);
        Ok(self.state)
    }

    /// A function or computation has ended by itself, and with it what it had delegated.
    ///
    /// # Errors
    /// Nothing runs under this number, or there is no room for the records.
    pub fn end(&mut self, now: Time, binding: Binding, log: &mut impl Sink) -> Result<Bindings, Refused> {
        let ended = self.delegated_by(binding);
        self.room(2 + ended.len() as usize, log)?;
        self.advance(now, Kind::Ended, log)?;
        if ended.is_empty() {
            let record = Record { binding: Some(binding.0), verdict: Verdict::NoFunction, ..self.fact(Kind::Ended) };
            return Err(self.refuse(record, log));
        }
        self.cancel(ended, log);
        Ok(ended)
    }

    /// Decides again about everything that runs and whose permit does not hold any more. What is denied now, or has not
    /// recovered in time, is cancelled, and what it had delegated. To be called when [`next_deadline`](Self::next_deadline)
    /// says so, and after changes; whoever asks [`holds`](Self::holds) first is safe in between.
    ///
    /// # Errors
    /// There is no room for the records, or the clock went backwards.
    pub fn review<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> Result<Bindings, Refused> {
        // Each is recorded once as decided, and once as ended; and the state may move.
        self.room(2 * B + 2, log)?;
        self.advance(now, Kind::Ended, log)?;
        let mut cancelled = Bindings::default();
        for place in 0..B {
            let number = Binding(u16::try_from(place).unwrap_or(u16::MAX));
            let Some(running) = self.running(number).copied() else { continue };
            match running.health {
                Health::Failed { recover_by } if now >= recover_by => cancelled.add(place),
                Health::Failed { .. } => {}
                // Nothing is permitted now, so nothing goes on. Whether it may later is decided later.
                Health::Running if !self.state.governs() => {}
                Health::Running if self.holds(&running.lease, now, rollout) => {}
                Health::Running => {
                    let request = Request {
                        action: running.action,
                        seat: running.seat,
                        modality: running.modality,
                        binding: Some(number),
                        goes: Set::one(running.site),
                    };
                    let decision = self.decide(now, &request, rollout, log);
                    match (decision.lease, self.running.get_mut(place).and_then(Option::as_mut)) {
                        (Some(lease), Some(running)) => running.lease = lease,
                        _ if decision.may() => {}
                        _ => cancelled.add(place),
                    }
                }
            }
        }
        let cancelled = self.with_all_delegated(cancelled);
        self.cancel(cancelled, log);
        Ok(cancelled)
    }

    /// Those for which this holds, and all that they have delegated.
    pub(super) fn with_delegated(&self, which: impl Fn(&Running) -> bool) -> Bindings {
        let mut bindings = Bindings::default();
        for (place, running) in self.running.iter().enumerate() {
            if running.as_ref().is_some_and(&which) {
                bindings.add(place);
            }
        }
        self.with_all_delegated(bindings)
    }

    fn delegated_by(&self, binding: Binding) -> Bindings {
        let mut bindings = Bindings::default();
        if self.running(binding).is_some() {
            bindings.add(usize::from(binding.0));
        }
        self.with_all_delegated(bindings)
    }

    fn with_all_delegated(&self, mut bindings: Bindings) -> Bindings {
        loop {
            let before = bindings;
            for (place, running) in self.running.iter().enumerate() {
                let parent = running.as_ref().and_then(|running| running.parent);
                if parent.is_some_and(|parent| bindings.contains(parent)) {
                    bindings.add(place);
                }
            }
            if bindings == before {
                return bindings;
            }
        }
    }

    /// Ends them, records each, and lets the state follow.
    pub(super) fn cancel(&mut self, bindings: Bindings, log: &mut impl Sink) {
        for binding in bindings.iter() {
            let Some(running) = self.running.get_mut(usize::from(binding.0)).and_then(Option::take) else { continue };
            let record = Record {
                binding: Some(binding.0),
                seat: Some(running.seat.0),
                function: Some(running.function.0),
                subject: running.component,
                ..self.fact(Kind::Ended)
            };
            self.write(record, log);
        }
        if !bindings.is_empty() {
            self.epoch = self.epoch.wrapping_add(1);
            self.heal(Event::Recovered, Event::CoreRecovered, log);
        }
    }

    /// Whatever does not fail any more hinders no more; unless somebody holds the interaction.
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

/// Whether all authorities let data go to all of these regions.
fn keeps_to<const W: usize>(version: Option<&Version<W>>, facts: &Facts, goes: Set<Region>) -> bool {
    version.is_some_and(|version| version.policy.residency(facts, goes).0)
}

/// What is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Choice {
    /// Where something is computed.
    Place,
    /// Which way data take.
    Way,
}
