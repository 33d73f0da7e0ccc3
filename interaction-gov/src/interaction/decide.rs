//! Decisions: every governed action is decided against one version, in one step (`IoE R2`).

use super::flow::Deed;
use super::{Interaction, Mode, Refused};
use crate::audit::{Record, RecordKind, Sink, Verdict, record};
use crate::function::{Binding, Running};
use crate::lease::{Lease, Request};
use crate::lifecycle::State;
use crate::policy::{Facts, On, Settings};
use crate::rollout::{Governs, Plane};
use crate::time::Time;
use crate::vocabulary::{Action, Authority, Obligation, Region, Set};

/// A decision, and what it rests on.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { plane, mut log, mut call, seat } = setting();
/// let names = Vocabulary::read(NAMES)?;
/// let (join, record) = (names.find("join").ok_or("an action")?, names.find("record").ok_or("an action")?);
/// let request = Request { action: join, seat, on: On::Stream(Modality(0)), binding: None, goes: Set::EMPTY };
/// let decision = call.decide(Time(2), &request, &plane, &mut log);
/// assert!(decision.may());
/// assert_eq!(decision.to_string(), "permitted, authority 0, line 3, version 0, until 10002 ms");
/// let decision = call.decide(Time(3), &Request { action: record, ..request }, &plane, &mut log);
/// assert_eq!(decision.to_string(), "no rule permits it, authority 0, version 0");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Decision {
    /// Permit, or why not.
    pub verdict: Verdict,
    /// The version that it was decided against.
    pub version: Option<u32>,
    /// The authority in whose place it was decided.
    pub authority: Option<Authority>,
    /// The authority that spoke: a different one, if the decision was delegated.
    pub speaker: Option<Authority>,
    /// The line of the rule in the speaker's policy.
    pub line: Option<u16>,
    /// The short name of that rule.
    pub rule: Option<u32>,
    /// The obligations that go with the permit.
    pub obligations: Set<Obligation>,
    /// The permit. `None`, if there is none.
    pub lease: Option<Lease>,
    /// Whether the decision binds: in observe mode a denial is reported, and prevents nothing.
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
    pub what: Request,
    /// Until when the facts hold: the end of the validation of the actor, or of another participant on whom they rest.
    pub valid_until: Time,
    pub parent: Option<Binding>,
    /// The region in which the actor is.
    pub region: Option<Region>,
}

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// Decides about a request, and records the decision in the same step.
    ///
    /// A request that cannot be recorded is denied, and nothing changes. The exception are actions that the vocabulary
    /// lists as `always`: they are permitted to all participants that are there, in any state, even if the log is full.
    // keeps: IOE-059 (§4.2 R2), IOE-061 (§4.2 R2), IOE-066 (§4.2 R2), IOE-067 (§4.2 R2), IOE-088 (§4.6 R6), IOE-090 (§4.6 R6), IOE-092 (§4.6 R6)
    pub fn decide(&mut self, now: Time, request: &Request, rollout: &impl Plane, log: &mut impl Sink) -> Decision {
        let version = self.version(rollout);
        if let Some(decision) = self.always(now, request, version, log) {
            return decision;
        }
        if let Err(Refused(verdict)) = self.advance_by(now, RecordKind::Decided, version, rollout, log) {
            return self.denied(verdict, None);
        }
        let mut decision = self.denied(Verdict::NoPolicy, version.map(Governs::number));
        match &self.question(now, request, !request.goes.is_empty(), version, rollout) {
            Ok(question) => {
                let mut record = self.fact(RecordKind::Decided);
                self.answer_in(question, version, rollout, (&mut decision, &mut record));
                self.write(record, log);
                decision
            }
            Err(verdict) => {
                let number = version.map(Governs::number);
                let (decision, record) =
                    (self.denied(*verdict, number), self.refusal(RecordKind::Decided, request, *verdict, number));
                let _ = self.spare(record, log);
                decision
            }
        }
    }

    /// Decides about an action that is always permitted.
    fn always(
        &mut self,
        now: Time,
        request: &Request,
        version: Option<&impl Governs>,
        log: &mut impl Sink,
    ) -> Option<Decision> {
        let version = version?;
        if !version.always().contains(request.action) {
            return None;
        }
        let (number, digest) = (version.number(), version.digest());
        self.participant(request.seat)?;
        self.tighten(now).ok()?;
        let record = Record { digest, ..self.refusal(RecordKind::Decided, request, Verdict::Always, Some(number)) };
        self.note(record, log);
        Some(self.denied(Verdict::Always, Some(number)))
    }

    /// Whether a permit still holds: the same version governs, nothing has changed in the interaction or in the
    /// speakers of the authorities that were asked, and its time is not over.
    // keeps: IOE-022 (§3.1)
    #[must_use]
    pub fn holds(&self, lease: &Lease, now: Time, rollout: &impl Plane) -> bool {
        lease.interaction == self.id
            && lease.birth == self.birth
            && now < lease.until
            && now >= self.last
            && lease.epoch == self.epoch
            && rollout.changes().same_since(lease.authorities, lease.asked)
            && self.version(rollout).is_some_and(|version| version.number() == lease.version)
    }

    /// Whether a permit still holds and covers this request. To be called before each governed processing.
    #[must_use]
    pub fn permits(&self, lease: &Lease, request: &Request, now: Time, rollout: &impl Plane) -> bool {
        lease.covers(request) && self.holds(lease, now, rollout)
    }

    pub(super) const fn denied(&self, verdict: Verdict, version: Option<u32>) -> Decision {
        // After the end, decisions bind in observe mode too.
        let enforced = matches!(self.mode, Mode::Enforce) || matches!(self.state, State::Terminated);
        Decision {
            verdict,
            version,
            authority: None,
            speaker: None,
            line: None,
            rule: None,
            obligations: Set::EMPTY,
            lease: None,
            enforced,
        }
    }

    /// The record of a request that was refused before any policy was asked.
    pub(super) fn refusal(&self, kind: RecordKind, request: &Request, verdict: Verdict, policy: Option<u32>) -> Record {
        let running = request.binding.and_then(|binding| self.running(binding));
        Record {
            verdict,
            seat: Some(request.seat.0),
            action: Some(request.action.0),
            on: request.on,
            function: running.map(|running| running.function.0),
            goes: (!request.goes.is_empty()).then_some(request.goes),
            binding: request.binding.map(|binding| binding.0),
            policy,
            ..self.fact(kind)
        }
    }

    /// Collects what the interaction knows about a request. If the request states (`said`) where data go, an action
    /// that carries others' data sends them there alone; an action that carries the actor's data sends them to all that
    /// receive the stream in any case.
    pub(super) fn question(
        &self,
        now: Time,
        request: &Request,
        said: bool,
        version: Option<&impl Governs>,
        rollout: &impl Plane,
    ) -> Result<Question, Verdict> {
        let Request { action, seat, on, binding, goes } = *request;
        let Some(number) = binding else {
            let actor = self.may_act(now, seat)?;
            // Only a policy tells whether an action carries the data of the actor alone.
            let own = version.is_some_and(|version| version.own().contains(action));
            let deed = Deed { seat, on, carries_all: !own, to_actor: !own && !said, to_all: own || !said, goes };
            let (facts, valid_until) = self.facts(now, actor, action, &deed, None);
            return Ok(Question { facts, what: *request, valid_until, parent: None, region: actor.region });
        };
        let running = *self.runs(number).ok_or(Verdict::NoFunction)?;
        // A function acts for the participant for which it runs, on its own stream, and only while it may run.
        let on = if on == On::Unsaid { running.on } else { on };
        if running.seat != seat || (running.on != On::Unsaid && on != running.on) {
            return Err(Verdict::Conflict);
        }
        let question = self.ask_for(now, action, on, &running)?;
        if !self.may_run(now, &running, rollout) {
            return Err(Verdict::NoLease);
        }
        let facts = Facts { goes: question.facts.goes.or(goes), ..question.facts };
        Ok(Question { facts, what: *request, ..question })
    }

    /// Whether a running function may run: its lease holds, or it would be permitted again. It may not while a function
    /// that delegated it has failed.
    pub(super) fn may_run(&self, now: Time, running: &Running, rollout: &impl Plane) -> bool {
        let anew = || {
            let question = self.ask_for(now, running.action, running.on, running).ok()?;
            Some(self.answer(&question, self.version(rollout), rollout, RecordKind::Decided).0.may())
        };
        !self.waits(running) && (self.holds(&running.lease, now, rollout) || anew() == Some(true))
    }

    /// The participant at a seat, if it may act: it is valid, and the state of the interaction governs.
    pub(super) fn may_act(
        &self,
        now: Time,
        seat: crate::number::Seat,
    ) -> Result<&crate::participant::Participant, Verdict> {
        if !self.state.governs() {
            return Err(Verdict::NotActive);
        }
        let actor = self.participant(seat).ok_or(Verdict::NoParticipant)?;
        if actor.is_valid(now) { Ok(actor) } else { Err(Verdict::Lapsed) }
    }

    /// The facts about an action of a running function.
    pub(super) fn ask_for(&self, now: Time, action: Action, on: On, running: &Running) -> Result<Question, Verdict> {
        let actor = self.may_act(now, running.seat)?;
        let (facts, valid_until) = self.facts_of(now, actor, action, on, running);
        let goes = Set::one(running.site);
        let what = Request { action, seat: running.seat, on, binding: Some(running.number), goes };
        Ok(Question { facts, what, valid_until, parent: running.parent, region: actor.region })
    }

    /// How long a failed function has to recover, by the settings of the authorities that are asked about it.
    pub(super) fn recovery(&self, running: &Running, rollout: &impl Plane) -> u32 {
        let facts = self.participant(running.seat).map(|actor| {
            let on = running.on;
            self.facts_of(self.last, actor, running.action, on, running).0
        });
        let Some(version) = self.version(rollout) else { return 0 };
        facts.map_or_else(|| version.common_settings(), |facts| version.settings(&facts)).recovery_ms
    }

    /// Asks the authorities, and where data may go, and makes the record.
    // keeps: IOE-094 (§4.7 R7), IOE-095 (§4.7 R7), IOE-096 (§4.7 R7)
    pub(super) fn answer(
        &self,
        question: &Question,
        version: Option<&impl Governs>,
        rollout: &impl Plane,
        kind: RecordKind,
    ) -> (Decision, Record) {
        let mut said = (self.denied(Verdict::NoPolicy, version.map(Governs::number)), self.fact(kind));
        self.answer_in(question, version, rollout, (&mut said.0, &mut said.1));
        said
    }

    /// The same with a lease that ends when the answer may change: for a permit its lease, for a denial its duration.
    pub(super) fn answer_until(
        &self,
        question: &Question,
        version: Option<&impl Governs>,
        rollout: &impl Plane,
        kind: RecordKind,
    ) -> (Decision, Record, Lease) {
        let number = version.map(Governs::number);
        let (mut decision, mut record) = (self.denied(Verdict::NoPolicy, number), self.fact(kind));
        let (until, asked) = self.answer_in(question, version, rollout, (&mut decision, &mut record));
        let lasts = || self.lease(until, number.unwrap_or(u32::MAX), rollout, (asked, question.what));
        let lease = decision.lease.unwrap_or_else(lasts);
        (decision, record, lease)
    }

    /// The same in place: a decision and its record are large, and are not copied. Returns until when the answer of the
    /// authorities holds, and which of them were asked.
    fn answer_in(
        &self,
        question: &Question,
        version: Option<&impl Governs>,
        rollout: &impl Plane,
        (decision, record): (&mut Decision, &mut Record),
    ) -> (Time, Set<Authority>) {
        let facts = &question.facts;
        let mut rests_on = (question.valid_until, Set::EMPTY);
        record.put(facts);
        record.subject = [0; 16];
        if let Some(version) = version {
            let ruling = version.decide(facts, |authority| rollout.speaker(authority, facts, self.last));
            (decision.authority, decision.speaker, decision.line) = (ruling.authority, ruling.speaker, ruling.line);
            decision.rule = ruling.rule;
            decision.verdict = Verdict::of(ruling.answer);
            if decision.verdict.permits() && question.what.goes.contains(Region::UNKNOWN) {
                // Data are never sent to a region without a name.
                decision.verdict = Verdict::Residency;
                (decision.line, decision.rule) = (None, None);
            }
            rests_on = (question.valid_until.min(ruling.until), ruling.voices.all());
            if decision.verdict.permits() {
                decision.obligations = ruling.obligations;
                let until = self.last.after(u64::from(ruling.lease_ms)).min(rests_on.0);
                decision.lease = Some(self.lease(until, version.number(), rollout, (rests_on.1, question.what)));
                record.until = Some(until);
            }
            record.digest = version.digest();
            record.voices = ruling.voices.speakers;
            record.subject = record::lines(&ruling.voices);
        }
        record.verdict = decision.verdict;
        record.seat = Some(question.what.seat.0);
        record.region = question.region.map(|region| region.0);
        record.authority = decision.authority.map(|authority| authority.0);
        record.speaker = decision.speaker.map(|speaker| speaker.0);
        (record.line, record.rule) = (decision.line, decision.rule);
        record.obligations = record::low(decision.obligations.bits());
        record.binding = question.what.binding.map(|binding| binding.0);
        record.parent = question.parent.map(|parent| parent.0);
        record.policy = decision.version;
        record.plane = rollout.changes().count;
        rests_on
    }

    /// In observe mode a function may run without a permit. It gets a lease all the same, so that it is decided again
    /// as often as others.
    pub(super) fn unenforced(
        &self,
        decision: &Decision,
        version: Option<&impl Governs>,
        rollout: &impl Plane,
    ) -> Option<Lease> {
        let settings = version.map_or_else(Settings::default, |version| version.common_settings());
        let number = version.map_or(u32::MAX, Governs::number);
        let until = self.last.after(u64::from(settings.lease_ms));
        let nothing = Request {
            action: Action(u8::MAX),
            seat: crate::number::Seat(u16::MAX),
            on: On::Nothing,
            binding: None,
            goes: Set::EMPTY,
        };
        decision.may().then(|| self.lease(until, number, rollout, (Set::EMPTY, nothing)))
    }

    /// Pins the interaction to one version, whatever happens to its track, unless that version is rolled back; `None`
    /// returns it to its track.
    ///
    /// # Errors
    /// There is no such version, or it was rolled back, or a text in it was taken back and it is not pinned to it yet; no room for
    /// the record, or the clock went backwards.
    // keeps: IOE-078 (§4.5 R5)
    pub fn pin(
        &mut self,
        now: Time,
        version: Option<u32>,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        self.advance_with(now, RecordKind::Policy, rollout, log)?;
        if version.is_some_and(|version| !rollout.may_pin(self.pinned, version)) {
            let refused = Record { verdict: Verdict::NoPolicy, ..self.fact(RecordKind::Policy) };
            return Err(self.refuse(refused, log));
        }
        self.pinned = version;
        let action = Some(if version.is_some() { PINNED } else { UNPINNED });
        let number = self.version(rollout).map(Governs::number);
        self.write(Record { policy: number, action, ..self.fact(RecordKind::Policy) }, log);
        Ok(())
    }

    /// Makes decisions binding from now on: it ends observe mode.
    ///
    /// # Errors
    /// There is no room for the record, the clock went backwards, or the interaction is over.
    pub fn enforce(&mut self, now: Time, log: &mut impl Sink) -> Result<(), Refused> {
        self.advance(now, RecordKind::Policy, log)?;
        self.mode = Mode::Enforce;
        self.epoch = self.epoch.wrapping_add(1);
        self.write(Record { action: Some(Mode::Enforce as u8), ..self.fact(RecordKind::Policy) }, log);
        Ok(())
    }
}

/// The code in the record of a policy change: that of [`Mode::Enforce`], or one of these.
const PINNED: u8 = 2;
const UNPINNED: u8 = 3;
