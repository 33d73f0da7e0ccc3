//! What changes an interaction while its identity stays (`IoE R1`, `R2`, `R4`).

use super::{Interaction, Mode, Refused};
use crate::audit::record::low;
use crate::audit::{Record, RecordKind, Sink, Verdict};
use crate::lifecycle::{Event, State};
use crate::participant::{Admission, Participant, Seat, Validation, known};
use crate::policy::On;
use crate::rollout::Plane;
use crate::time::Time;
use crate::vocabulary::{Region, Set};

/// A change that an interaction survives with the same identity (`IoE R4`).
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use interaction_gov::interaction::Transition;
///
/// let Setting { mut log, mut call, seat, .. } = setting();
/// let before = *call.id();
/// // From Wi-Fi to a cellular network, where the place is not known.
/// call.transition(Time(2), seat, Transition::Transport, None, [1; 16], &mut log)?;
/// assert_eq!(*call.id(), before);
/// assert_eq!(call.participant(seat).ok_or("it is there")?.whereabouts(Time(2)), Region::UNKNOWN);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Transition {
    /// From one network to another.
    Transport,
    /// From one signalling protocol to another.
    Protocol,
    /// From one place of computing to another.
    Infrastructure,
}

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// A participant joins, if policy permits it; with the first participant the interaction becomes active.
    ///
    /// # Errors
    /// The policy denies it; there is no free seat, no room for the record, or no policy; the credential has expired;
    /// the interaction is suspended or over.
    pub fn join(
        &mut self,
        now: Time,
        admission: &Admission,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Result<Seat, Refused> {
        self.advance_with(now, RecordKind::Joined, rollout, log)?;
        self.room(2, log)?;
        let version = self.version(rollout);
        let told = Record {
            subject: admission.name,
            participant: Some(admission.kind as u8),
            posture: Some(admission.validation.posture.0),
            ..self.fact(RecordKind::Joined)
        };
        let (seat, _) = self.numbers;
        let free = self.seats.iter().position(Option::is_none).filter(|_| seat < u16::MAX);
        let seat = Seat(seat);
        let binds = self.mode == Mode::Enforce;
        let nothing =
            super::Request { action: admission.action, seat, on: On::Nothing, binding: None, goes: Set::EMPTY };
        let lease = self.lease(now, u32::MAX, rollout, (Set::EMPTY, nothing));
        let participant = match free {
            _ if self.state == State::Suspended => Err(Verdict::NotActive),
            _ if self.is_banned(&admission.name) => Err(Verdict::Banned),
            _ if self.seats.iter().flatten().any(|other| other.name == admission.name) => Err(Verdict::Conflict),
            None => Err(Verdict::NoRoom),
            _ if version.is_none() && binds => Err(Verdict::NoPolicy),
            Some(place) => Ok((place, Participant::admitted(seat, admission, now, lease))),
        };
        let (place, mut participant) = match participant {
            Ok(there) => there,
            Err(verdict) => return Err(self.spare(Record { verdict, ..told }, log)),
        };
        participant.validate(&admission.validation, now, self.validation_ms(&participant, version));
        if binds && !participant.is_valid(now) {
            return Err(self.spare(Record { verdict: Verdict::Lapsed, ..told }, log));
        }
        let (has, (decision, record), rests) =
            self.may_flow(&participant, participant.wants, version, rollout, RecordKind::Joined);
        // It joins with all its streams, or not at all.
        let valid_until = participant.valid_until;
        let record = Record {
            subject: admission.name,
            until: Some(valid_until),
            region: participant.region.map(|region| region.0),
            sends: low(participant.wants.sends.bits()),
            receives: low(participant.wants.receives.bits()),
            ..record
        };
        if !decision.may() {
            return Err(self.spare(Record { seat: None, until: None, ..record }, log));
        }
        participant.has = if binds { has } else { participant.wants };
        self.numbers.0 = self.numbers.0.saturating_add(1);
        self.write(record, log);
        self.changed();
        participant.lease = rests.at(self.epoch);
        if let Some(empty) = self.seats.get_mut(place) {
            *empty = Some(participant);
        }
        if self.state == State::Created {
            self.step(Event::Start, log);
        }
        Ok(seat)
    }

    /// A participant was authenticated again, with this result.
    ///
    /// # Errors
    /// There is no such participant, no policy, or no room for the record.
    pub fn revalidate(
        &mut self,
        now: Time,
        seat: Seat,
        validation: &Validation,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Result<Time, Refused> {
        self.advance_with(now, RecordKind::Revalidated, rollout, log)?;
        let record = Record { seat: Some(seat.0), ..self.fact(RecordKind::Revalidated) };
        let version = self.version(rollout);
        if version.is_none() && self.mode == Mode::Enforce {
            return Err(self.refuse(Record { verdict: Verdict::NoPolicy, ..record }, log));
        }
        let Some(participant) = self.participant(seat) else {
            return Err(self.spare(Record { verdict: Verdict::NoParticipant, ..record }, log));
        };
        // The participant with the new findings, as the authorities see it that decide whether it may stay.
        let mut found = *participant;
        found.validate(validation, now, u32::MAX);
        let validation_ms = self.validation_ms(&found, version);
        let Some(participant) = self.participant_mut(seat) else {
            return Err(self.refuse(Record { verdict: Verdict::NoParticipant, ..record }, log));
        };
        participant.validate(validation, now, validation_ms);
        let Participant { valid_until: until, posture, region, .. } = *participant;
        let (posture, region) = (Some(posture.0), region.map(|region| region.0));
        self.write(Record { until: Some(until), posture, region, ..record }, log);
        self.changed();
        Ok(until)
    }

    /// The interaction continues over another network, by another protocol, or in another place. Its identity and what
    /// is bound to it stay; the new region of the participant counts at once. `subject` names what it continues over:
    /// the first bytes of an identifier's hash.
    ///
    /// # Errors
    /// There is no such participant, or no room for the record.
    // keeps: IOE-073 (§4.4 R4), IOE-074 (§4.4 R4), IOE-075 (§4.4 R4)
    pub fn transition(
        &mut self,
        now: Time,
        seat: Seat,
        transition: Transition,
        region: Option<Region>,
        subject: [u8; 16],
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        self.advance(now, RecordKind::Transition, log)?;
        let record = Record {
            seat: Some(seat.0),
            action: Some(transition as u8),
            region: region.and_then(known).map(|region| region.0),
            subject,
            ..self.fact(RecordKind::Transition)
        };
        let Some(participant) = self.participant_mut(seat) else {
            return Err(self.spare(Record { verdict: Verdict::NoParticipant, ..record }, log));
        };
        participant.region = region.and_then(known);
        self.write(record, log);
        self.changed();
        Ok(())
    }

    /// Resumes an interaction that was suspended by an act. If a core function fails, it stays suspended for that.
    ///
    /// # Errors
    /// No act has suspended it, or there is no room for the record.
    pub fn resume(&mut self, now: Time, log: &mut impl Sink) -> Result<(), Refused> {
        self.advance(now, RecordKind::Moved, log)?;
        if !self.held || self.state != State::Suspended {
            return Err(self.refuse(Record { verdict: Verdict::NotActive, ..self.fact(RecordKind::Moved) }, log));
        }
        self.held = false;
        let before = self.chain.next();
        self.heal(Event::Resume, Event::ResumeDegraded, log);
        if self.chain.next() == before {
            // A core function still fails: the act of resuming is recorded, and the interaction stays suspended.
            self.write(Record { action: Some(Event::Resume as u8), ..self.fact(RecordKind::Moved) }, log);
        }
        Ok(())
    }

    /// Puts telemetry or an output into the chain: `subject` is the first bytes of its digest.
    ///
    /// # Errors
    /// There is no room for the record, the interaction is over, or the function that produced it does not run or may
    /// not run any more.
    // keeps: IOE-086 (§4.6 R6), IOE-087 (§4.6 R6), IOE-089 (§4.6 R6)
    pub fn attribute(
        &mut self,
        now: Time,
        what: Attribution,
        subject: [u8; 16],
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        let (kind, binding) = match what {
            Attribution::Telemetry(binding) => (RecordKind::Telemetry, binding),
            Attribution::Output(binding) => (RecordKind::Output, Some(binding)),
            Attribution::Identifier => (RecordKind::Bound, None),
        };
        self.advance_with(now, kind, rollout, log)?;
        let number = binding.map(|binding| binding.0);
        let record = Record { subject, binding: number, ..self.fact(kind) };
        if let Some(binding) = binding {
            let verdict = match self.runs(binding).copied() {
                None => Some(Verdict::NoFunction),
                Some(running) => (!self.may_run(now, &running, rollout)).then_some(Verdict::NoLease),
            };
            if let Some(verdict) =
                verdict.filter(|verdict| *verdict == Verdict::NoFunction || self.mode == Mode::Enforce)
            {
                return Err(self.spare(Record { verdict, ..record }, log));
            }
        }
        self.write(record, log);
        Ok(())
    }

    /// Notes that something has changed on which permits rest.
    pub(super) fn changed(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }
}

/// What is put into the chain.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use interaction_gov::audit::{Record, RecordKind};
/// use interaction_gov::interaction::Attribution;
///
/// let Setting { plane, mut log, mut call, .. } = setting();
/// let first_bytes = [7; 16]; // of a digest of the measurement
/// call.attribute(Time(2), Attribution::Telemetry(None), first_bytes, &plane, &mut log)?;
/// let record = log.waiting().last().and_then(Record::read).ok_or("a record")?;
/// assert_eq!((record.kind, record.subject), (RecordKind::Telemetry, first_bytes));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Attribution {
    /// A measurement, of a running function or of the interaction.
    Telemetry(Option<crate::function::Binding>),
    /// An output of a running function.
    Output(crate::function::Binding),
    /// A protocol's identifier that now leads to the interaction.
    Identifier,
}
