//! Deciding: every governed action, against one version, in one step (`IoE R2`).

use super::{Interaction, Mode, Refused};
use crate::audit::{Kind, Record, Sink, Verdict, record};
use crate::function::{Binding, Health, Running};
use crate::identity::InteractionId;
use crate::lifecycle::State;
use crate::participant::Seat;
use crate::policy::{Answer, Facts, Provenance};
use crate::rollout::{Rollout, Version};
use crate::time::Time;
use crate::vocabulary::{Action, Authority, Function, Modality, Obligation, Region, Set};

/// Something that is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Request {
    /// What.
    pub action: Action,
    /// By whom.
    pub seat: Seat,
    /// On which stream.
    pub modality: Option<Modality>,
    /// By which running function.
    pub binding: Option<Binding>,
    /// Where data go by it. Empty: nowhere that they were not.
    pub goes: Set<Region>,
}

/// A permit, for as long as nothing changes that it rests on.
///
/// Before each governed processing, [`Interaction::holds`] says whether it still does. It costs a few comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lease {
    interaction: InteractionId,
    /// The number of the record that says what was permitted.
    record: u32,
    until: Time,
    version: u32,
    epoch: u32,
    /// The changes of the authorities that it knows of.
    authorities: u32,
}

impl Lease {
    /// Until when it holds at most.
    #[must_use]
    pub const fn until(&self) -> Time {
        self.until
    }

    /// The same permit after a change that it does not rest on.
    pub(super) const fn at(self, epoch: u32) -> Self {
        Self { epoch, ..self }
    }

    /// The number of the version that it was decided against.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The number of the record that says what was permitted.
    #[must_use]
    pub const fn record(&self) -> u32 {
        self.record
    }
}

/// What was decided, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Decision {
    /// Permit, or why not.
    pub verdict: Verdict,
    /// The version that it was decided against.
    pub version: Option<u32>,
    /// In whose place it was decided.
    pub authority: Option<Authority>,
    /// Who spoke: another one, if that was delegated.
    pub speaker: Option<Authority>,
    /// By which line of the speaker's policy.
    pub line: Option<u16>,
    /// What has to be done with it.
    pub obligations: Set<Obligation>,
    /// The permit. `None`, if there is none.
    pub lease: Option<Lease>,
    /// Whether the interaction binds: in observe mode a deny is told, and holds nothing back.
    pub enforced: bool,
}

impl Decision {
    /// Whether the action may be done.
    #[must_use]
    pub const fn may(&self) -> bool {
        self.verdict.permits() || !self.enforced
    }
}

/// What is to be decided, with all that the interaction knows about it.
pub(super) struct Question {
    pub facts: Facts,
    pub seat: Seat,
    pub binding: Option<Binding>,
    pub valid_until: Time,
}

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// Decides, and records it in the same step.
    ///
    /// If it cannot be recorded it is denied, and nothing changes.
    // keeps: IOE-059, IOE-061, IOE-066, IOE-067, IOE-088, IOE-090, IOE-092
    pub fn decide<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        request: &Request,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> Decision {
        if let Err(Refused(verdict)) = self.advance(now, Kind::Decided, log) {
            return self.denied(verdict, None);
        }
        let version = self.version(rollout);
        let question = self.question(now, request, rollout);
        let (decision, record) = match &question {
            Ok(question) => self.answer(question, version, rollout, Kind::Decided),
            Err(verdict) => {
                let number = version.map(|version| version.number);
                (self.denied(*verdict, number), self.refusal(Kind::Decided, request, *verdict, number))
            }
        };
        self.write(record, log);
        decision
    }

    /// Whether what was permitted still is: the same version governs, nothing has changed in the interaction or in who speaks
    /// for whom, and the time is not over.
    // keeps: IOE-022
    #[must_use]
    pub fn holds<const W: usize, const V: usize>(&self, lease: &Lease, now: Time, rollout: &Rollout<W, V>) -> bool {
        lease.interaction == self.id
            && now < lease.until
            && now >= self.last
            && lease.epoch == self.epoch
            && lease.authorities == rollout.authorities.changes()
            && self.version(rollout).is_some_and(|version| version.number == lease.version)
    }

    pub(super) const fn denied(&self, verdict: Verdict, version: Option<u32>) -> Decision {
        // What is over is over, also for who only observes.
        let enforced = matches!(self.mode, Mode::Enforce) || matches!(self.state, State::Terminated);
        Decision {
            verdict,
            version,
            authority: None,
            speaker: None,
            line: None,
            obligations: Set::EMPTY,
            lease: None,
            enforced,
        }
    }

    /// The record of a request that no policy was asked about.
    pub(super) fn refusal(&self, kind: Kind, request: &Request, verdict: Verdict, policy: Option<u32>) -> Record {
        let running = request.binding.and_then(|binding| self.running(binding));
        Record {
            verdict,
            seat: Some(request.seat.0),
            action: Some(request.action.0),
            modality: request.modality.map(|modality| modality.0),
            function: running.map(|running| running.function.0),
            goes: request.goes.iter().next().map(|region| region.0),
            subject: record::regions(request.goes.bits()),
            binding: request.binding.map(|binding| binding.0),
            policy,
            ..self.fact(kind)
        }
    }

    /// What the interaction knows about a request.
    pub(super) fn question<const W: usize, const V: usize>(
        &self,
        now: Time,
        request: &Request,
        rollout: &Rollout<W, V>,
    ) -> Result<Question, Verdict> {
        let Some(binding) = request.binding else {
            let question = self.ask(now, request.action, request.seat, request.modality, None, Provenance::None)?;
            return Ok(Question { facts: Facts { goes: request.goes, ..question.facts }, ..question });
        };
        let running = self.running(binding).filter(|running| running.health == Health::Running);
        let running = running.ok_or(Verdict::NoFunction)?;
        // A function acts for whom it runs, on the stream on which it runs, and while it may run.
        let other = |modality| running.modality.is_some_and(|own| own != modality);
        if running.seat != request.seat || request.modality.is_some_and(other) {
            return Err(Verdict::Conflict);
        }
        let question = self.ask_for(now, request.action, running, request.modality.or(running.modality))?;
        if !self.may_run(now, running, rollout) {
            return Err(Verdict::NoLease);
        }
        Ok(Question { binding: Some(binding), facts: Facts { goes: request.goes, ..question.facts }, ..question })
    }

    /// Whether something that runs may: on its lease, or because it would be permitted anew. Not while what it was delegated by
    /// has failed.
    pub(super) fn may_run<const W: usize, const V: usize>(
        &self,
        now: Time,
        running: &Running,
        rollout: &Rollout<W, V>,
    ) -> bool {
        let anew = || {
            let asked = self.ask_for(now, running.action, running, running.modality).ok()?;
            let question = Question { facts: Facts { goes: Set::one(running.site), ..asked.facts }, ..asked };
            Some(self.answer(&question, self.version(rollout), rollout, Kind::Decided).0.may())
        };
        !self.waits(running) && (self.holds(&running.lease, now, rollout) || anew() == Some(true))
    }

    /// The facts about an action of something that runs.
    pub(super) fn ask_for(
        &self,
        now: Time,
        action: Action,
        running: &Running,
        modality: Option<Modality>,
    ) -> Result<Question, Verdict> {
        self.ask(now, action, running.seat, modality, Some(running.function), running.provenance)
    }

    /// The facts about an action of somebody who is there and valid.
    pub(super) fn ask(
        &self,
        now: Time,
        action: Action,
        seat: Seat,
        modality: Option<Modality>,
        function: Option<Function>,
        provenance: Provenance,
    ) -> Result<Question, Verdict> {
        if !self.state.governs() {
            return Err(Verdict::NotActive);
        }
        let actor = self.participant(seat).ok_or(Verdict::NoParticipant)?;
        if !actor.is_valid(now) {
            return Err(Verdict::Lapsed);
        }
        let facts = Facts {
            action,
            kind: actor.kind,
            home: actor.home,
            modality,
            function,
            region: actor.region,
            consents: self.consents,
            goes: Set::EMPTY,
            posture: actor.posture,
            provenance,
        };
        Ok(Question { facts, seat, binding: None, valid_until: actor.valid_until })
    }

    /// Asks the authorities, and where data may go, and makes the record.
    // keeps: IOE-094, IOE-095, IOE-096
    pub(super) fn answer<const W: usize, const V: usize>(
        &self,
        question: &Question,
        version: Option<&Version<W>>,
        rollout: &Rollout<W, V>,
        kind: Kind,
    ) -> (Decision, Record) {
        let facts = &question.facts;
        let mut decision = self.denied(Verdict::NoPolicy, version.map(|version| version.number));
        if let Some(version) = version {
            let vocabulary = version.policy.vocabulary();
            let ruling = version
                .policy
                .decide(facts, |authority| rollout.authorities.speaker(authority, facts, vocabulary, self.last));
            (decision.authority, decision.speaker, decision.line) = (ruling.authority, ruling.speaker, ruling.line);
            decision.verdict = match ruling.answer {
                Answer::Permit => Verdict::Permit,
                Answer::Deny => Verdict::DeniedByRule,
                Answer::NoRule => Verdict::NotPermitted,
                Answer::Unreachable => Verdict::Unreachable,
                Answer::NobodyAsked => Verdict::NobodyAsked,
            };
            if let (true, Err(by)) = (decision.verdict.permits(), version.policy.residency(facts)) {
                (decision.verdict, decision.authority) = (Verdict::Residency, Some(by));
                (decision.speaker, decision.line) = (None, None);
            }
            if decision.verdict.permits() {
                decision.obligations = ruling.obligations;
                let at_most = self.last.after(u64::from(version.policy.settings().lease_ms));
                let until = at_most.min(question.valid_until).min(ruling.until);
                decision.lease = Some(self.lease(until, version.number, rollout));
            }
        }
        let digest = version.and_then(|version| version.digest().first_chunk().copied()).unwrap_or([0xFF; 8]);
        let record = Record {
            verdict: decision.verdict,
            seat: Some(question.seat.0),
            action: Some(facts.action.0),
            modality: facts.modality.map(|modality| modality.0),
            function: facts.function.map(|function| function.0),
            goes: facts.goes.iter().next().map(|region| region.0),
            subject: record::regions(facts.goes.bits()),
            region: facts.region.map(|region| region.0),
            participant: Some(facts.kind as u8),
            home: facts.home.map(|home| home.0),
            posture: Some(facts.posture.0),
            provenance: Some(facts.provenance as u8),
            authority: decision.authority.map(|authority| authority.0),
            speaker: decision.speaker.map(|speaker| speaker.0),
            line: decision.line,
            obligations: low(decision.obligations.bits()),
            consents: low(facts.consents.bits()),
            binding: question.binding.map(|binding| binding.0),
            policy: decision.version,
            digest,
            until: decision.lease.map(|lease| lease.until),
            ..self.fact(kind)
        };
        (decision, record)
    }

    /// Binds the interaction to one version of its own, whatever its track does; `None` gives it back to its track.
    ///
    /// # Errors
    /// There is no such version, no room for the record, or the clock went backwards.
    // keeps: IOE-078
    pub fn pin<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        version: Option<u8>,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        self.advance(now, Kind::Policy, log)?;
        let number = match version.map(|version| rollout.version(version)) {
            None => None,
            Some(Some(version)) => Some(version.number),
            Some(None) => {
                let refused = Record { verdict: Verdict::NoPolicy, ..self.fact(Kind::Policy) };
                return Err(self.refuse(refused, log));
            }
        };
        self.pinned = number;
        let action = Some(if number.is_some() { PINNED } else { UNPINNED });
        let number = self.version(rollout).map(|version| version.number);
        self.write(Record { policy: number, action, ..self.fact(Kind::Policy) }, log);
        Ok(())
    }

    /// Makes decisions bind from now on, after they were only observed.
    ///
    /// # Errors
    /// There is no room for the record, the clock went backwards, or the interaction is over.
    pub fn enforce(&mut self, now: Time, log: &mut impl Sink) -> Result<(), Refused> {
        self.advance(now, Kind::Policy, log)?;
        self.mode = Mode::Enforce;
        self.epoch = self.epoch.wrapping_add(1);
        self.write(Record { action: Some(Mode::Enforce as u8), ..self.fact(Kind::Policy) }, log);
        Ok(())
    }

    /// A permit that the next record is about.
    pub(super) const fn lease<const W: usize, const V: usize>(
        &self,
        until: Time,
        version: u32,
        rollout: &Rollout<W, V>,
    ) -> Lease {
        let authorities = rollout.authorities.changes();
        Lease { interaction: self.id, record: self.chain.next(), until, version, epoch: self.epoch, authorities }
    }
}

/// What the record of a policy change says: the code of [`Mode::Enforce`], or one of these.
const PINNED: u8 = 2;
const UNPINNED: u8 = 3;

/// There are at most 16 consents and 16 obligations.
pub(super) const fn low(bits: u32) -> u16 {
    (bits & 0xFFFF) as u16
}
