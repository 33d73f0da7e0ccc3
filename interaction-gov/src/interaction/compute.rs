//! Functions and computations within the interaction: begun, placed, failed, recovered, cancelled (`IoE R3`, `R7`, `R9`).

use super::decide::Question;
use super::{Decision, Interaction, Lease, Refused, Request};
use crate::audit::{Kind, Record, Sink, Verdict};
use crate::function::{Binding, Bindings, Health, Invocation, Role, Running};
use crate::lifecycle::{Event, State};
use crate::participant::known;
use crate::policy::{Facts, Settings};
use crate::proof::{Component, ProvenanceCheck};
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
        let component = subject(&component, role, parent);
        let asked = self.may_begin(now, invocation, rollout).and_then(|(binding, first)| {
            let question = self.ask(now, action, seat, modality, Some(function), provenance)?;
            let there = |site: Region| Facts { goes: Set::one(site), ..question.facts };
            let allowed = |site: &&Region| known(**site).is_some() && keeps_to(version, &there(**site));
            let site = sites.iter().find(allowed).copied().unwrap_or(first);
            Ok((Question { binding: Some(binding), facts: there(site), ..question }, binding, site))
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
        let lease = decision.lease.or_else(|| self.unenforced(&decision, version, rollout));
        self.write(Record { subject: component, ..record }, log);
        let (Some(lease), Some(slot)) = (lease, self.running.get_mut(usize::from(binding.0))) else {
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

    /// The number that something new would have, and where it would run if that were for nobody to choose.
    fn may_begin<const W: usize, const V: usize>(
        &self,
        now: Time,
        invocation: &Invocation<'_>,
        rollout: &Rollout<W, V>,
    ) -> Result<(Binding, Region), Verdict> {
        let Invocation { seat, parent, sites, .. } = *invocation;
        if let Some(parent) = parent {
            let runs = |parent: &&Running| parent.health == Health::Running && parent.seat == seat;
            let parent = self.running(parent).filter(runs).ok_or(Verdict::NoFunction)?;
            if !self.may_run(now, parent, rollout) {
                return Err(Verdict::NoLease);
            }
        }
        let place = self.running.iter().position(Option::is_none).and_then(|place| u16::try_from(place).ok());
        let binding = place.map(Binding).ok_or(Verdict::NoRoom)?;
        let site = sites.iter().copied().find_map(known).ok_or(Verdict::NoPlace)?;
        Ok((binding, site))
    }

    /// What runs without a permit where nothing is held back has a lease like others, to be decided again as often.
    fn unenforced<const W: usize, const V: usize>(
        &self,
        decision: &Decision,
        version: Option<&Version<W>>,
        rollout: &Rollout<W, V>,
    ) -> Option<Lease> {
        let default = (u32::MAX, Settings::default());
        let (number, settings) = version.map_or(default, |version| (version.number, version.policy.settings()));
        decision.may().then(|| self.lease(self.last.after(u64::from(settings.lease_ms)), number, rollout))
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
        let question = match self.question(now, request, rollout) {
            Ok(question) => question,
            Err(verdict) => {
                let number = version.map(|version| version.number);
                let record = self.refusal(kind, request, verdict, number);
                self.write(record, log);
                return (self.denied(verdict, number), None);
            }
        };
        let there = |goes: Set<Region>| Facts { goes, ..question.facts };
        let allowed = |goes: Set<Region>| !goes.is_empty() && keeps_to(version, &there(goes));
        let chosen = candidates.iter().copied().enumerate().find(|(_, goes)| allowed(*goes));
        let facts = there(chosen.map_or(Set::EMPTY, |(_, goes)| goes));
        let (mut decision, mut record) = self.answer(&Question { facts, ..question }, version, rollout, kind);
        if chosen.is_none() && decision.verdict.permits() {
            // Who stands against the one that was wanted most.
            let wanted = there(candidates.first().copied().unwrap_or_default());
            let against = version.and_then(|version| version.policy.residency(&wanted).err());
            decision = Decision { authority: against, ..self.denied(Verdict::NoPlace, decision.version) };
            record = Record {
                verdict: Verdict::NoPlace,
                authority: against.map(|authority| authority.0),
                speaker: None,
                line: None,
                obligations: 0,
                until: None,
                ..record
            };
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
        let recovery = self.version(rollout).map_or(0, |version| version.policy.settings().recovery_ms);
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
        self.room(3 + ended.len() as usize, log)?;
        self.advance(now, Kind::Ended, log)?;
        if ended.is_empty() {
            let record = Record { binding: Some(binding.0), verdict: Verdict::NoFunction, ..self.fact(Kind::Ended) };
            return Err(self.refuse(record, log));
        }
        self.cancel(ended, false, log);
        Ok(ended)
    }

    // keeps: IOE-105, IOE-135
    /// Decides again about everything that runs and whose permit does not hold any more. What is denied now, or has not
    /// recovered in time, is cancelled, and what it had delegated. To be called when [`next_deadline`](Self::next_deadline)
    /// says so, and after changes; whoever asks [`holds`](Self::holds) first is safe in between.
    ///
    /// While the interaction is suspended nothing is permitted, so nothing goes on; whether it may later is decided later. If
    /// a core function is cancelled it is suspended too, and [`resume`](Self::resume) comes before another one can begin.
    ///
    /// # Errors
    /// There is no room for the records, or the clock went backwards.
    pub fn review<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> Result<Bindings, Refused> {
        // Each is recorded once as decided and once as ended, and the state may move twice.
        self.room(2 * self.running.iter().flatten().count() + 4, log)?;
        self.advance(now, Kind::Ended, log)?;
        let overdue = |running: &Running| matches!(running.health, Health::Failed { recover_by } if now >= recover_by);
        let overdue = self.with_delegated(overdue);
        self.cancel(overdue, true, log);
        let (mut denied, mut renewed) = (Bindings::default(), Bindings::default());
        for place in 0..B {
            let number = Binding(u16::try_from(place).unwrap_or(u16::MAX));
            let Some(running) = self.running(number).copied() else { continue };
            let runs = running.health == Health::Running && self.state.governs();
            if !runs || self.holds(&running.lease, now, rollout) {
                continue;
            }
            match (self.renew(number, &running, rollout, log), self.running.get_mut(place).and_then(Option::as_mut)) {
                (Some(lease), Some(running)) => {
                    running.lease = lease;
                    renewed.add(place);
                }
                _ => denied.add(place),
            }
        }
        let denied = self.with_all_delegated(denied);
        self.cancel(denied, true, log);
        // What was permitted just now does not rest on what was cancelled; unless nothing is permitted any more.
        if self.state.governs() {
            for binding in renewed.iter() {
                if let Some(running) = self.running.get_mut(usize::from(binding.0)).and_then(Option::as_mut) {
                    running.lease = running.lease.at(self.epoch);
                }
            }
        }
        Ok(Bindings(overdue.0 | denied.0))
    }

    /// Decides once more about something that runs.
    fn renew<const W: usize, const V: usize>(
        &mut self,
        number: Binding,
        running: &Running,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> Option<Lease> {
        let version = self.version(rollout);
        let (decision, record) = match self.ask_for(self.last, running.action, running, running.modality) {
            Ok(question) => {
                let facts = Facts { goes: Set::one(running.site), ..question.facts };
                let question = Question { facts, binding: Some(number), ..question };
                self.answer(&question, version, rollout, Kind::Decided)
            }
            Err(verdict) => {
                let Running { action, seat, modality, site, .. } = *running;
                let request = Request { action, seat, modality, binding: Some(number), goes: Set::one(site) };
                let version = version.map(|version| version.number);
                (self.denied(verdict, version), self.refusal(Kind::Decided, &request, verdict, version))
            }
        };
        let lease = decision.lease.or_else(|| self.unenforced(&decision, version, rollout));
        self.write(record, log);
        lease
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

    /// Ends them, records each, and lets the state follow. Without a core function that failed, or that was `taken` from
    /// whoever needed it, the interaction is suspended until somebody resumes it.
    pub(super) fn cancel(&mut self, bindings: Bindings, taken: bool, log: &mut impl Sink) {
        let mut core_lost = false;
        for binding in bindings.iter() {
            let Some(running) = self.running.get_mut(usize::from(binding.0)).and_then(Option::take) else { continue };
            core_lost |= running.role == Role::Core && (taken || running.health != Health::Running);
            let record = Record {
                binding: Some(binding.0),
                seat: Some(running.seat.0),
                function: Some(running.function.0),
                subject: running.component,
                ..self.fact(Kind::Ended)
            };
            self.write(record, log);
        }
        if core_lost {
            self.held = true;
            self.step(Event::CoreLost, log);
        } else if !bindings.is_empty() {
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

/// Whether all authorities let data go where they go.
fn keeps_to<const W: usize>(version: Option<&Version<W>>, facts: &Facts) -> bool {
    version.is_some_and(|version| version.policy.residency(facts).is_ok())
}

/// What the records say of a computation: 13 bytes of its digest, its role, and what has delegated it.
fn subject(component: &Component<'_>, role: Role, parent: Option<Binding>) -> [u8; 16] {
    let mut subject: [u8; 16] = component.digest.first_chunk().copied().unwrap_or_default();
    if let Some([to_role, to_parent @ ..]) = subject.last_chunk_mut::<3>() {
        (*to_role, *to_parent) = (role as u8, parent.map_or(u16::MAX, |parent| parent.0).to_be_bytes());
    }
    subject
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
