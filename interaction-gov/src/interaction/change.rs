//! What changes an interaction while its identity stays (`IoE R1`, `R2`, `R4`).

use super::{Interaction, Refused};
use crate::audit::{Kind, Record, Sink, Verdict};
use crate::function::Bindings;
use crate::lifecycle::{Event, State};
use crate::participant::{Admission, Participant, Seat, Validation};
use crate::policy;
use crate::rollout::Rollout;
use crate::time::Time;
use crate::vocabulary::{Consent, Region, Set};

/// What an interaction lives through without becoming another one (`IoE R4`).
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
    /// A participant joins; with the first one the interaction begins.
    ///
    /// # Errors
    /// There is no seat, no room for the record, no policy; the credential has expired; the interaction is over.
    pub fn join<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        admission: &Admission,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> Result<Seat, Refused> {
        self.room(2, log)?;
        self.advance(now, Kind::Joined, log)?;
        let place = self.seats.iter().position(Option::is_none);
        let settings = self.version(rollout).map(|version| version.settings);
        let mut record = Record {
            subject: admission.name,
            participant: Some(admission.kind as u8),
            posture: Some(admission.validation.posture.0),
            region: admission.validation.region.map(|region| region.0),
            consents: (admission.consents.bits() & 0xFFFF) as u16,
            ..self.fact(Kind::Joined)
        };
        let (Some(place), Some(settings)) = (place, settings) else {
            record.verdict = if place.is_none() { Verdict::NoRoom } else { Verdict::NoPolicy };
            return Err(self.refuse(record, log));
        };
        let participant = Participant::admitted(admission, now, settings.validation_ms);
        if self.state == State::Terminated || !participant.is_valid(now) {
            record.verdict = if participant.is_valid(now) { Verdict::NotActive } else { Verdict::Lapsed };
            return Err(self.refuse(record, log));
        }
        let seat = Seat(u16::try_from(place).unwrap_or(u16::MAX));
        if let Some(empty) = self.seats.get_mut(place) {
            *empty = Some(participant);
        }
        self.write(Record { seat: Some(seat.0), until: Some(participant.valid_until), ..record }, log);
        self.changed();
        if self.state == State::Created {
            self.step(Event::Start, log);
        }
        Ok(seat)
    }

    /// A participant leaves, or has to. Everything that ran for it is cancelled, and what that had delegated.
    ///
    /// # Errors
    /// There is no such participant, or no room for the records.
    pub fn leave(&mut self, now: Time, seat: Seat, log: &mut impl Sink) -> Result<Bindings, Refused> {
        let cancelled = self.with_delegated(|running| running.seat == seat);
        self.room(2 + cancelled.len() as usize, log)?;
        self.advance(now, Kind::Left, log)?;
        let Some(participant) = self.seats.get_mut(usize::from(seat.0)).and_then(Option::take) else {
            let record = Record { seat: Some(seat.0), verdict: Verdict::NoParticipant, ..self.fact(Kind::Left) };
            return Err(self.refuse(record, log));
        };
        self.write(Record { seat: Some(seat.0), subject: participant.name, ..self.fact(Kind::Left) }, log);
        self.cancel(cancelled, log);
        self.changed();
        Ok(cancelled)
    }

    /// A participant was authenticated again, with what was found.
    ///
    /// # Errors
    /// There is no such participant, no policy, or no room for the record.
    pub fn revalidate<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        seat: Seat,
        validation: &Validation,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> Result<Time, Refused> {
        self.advance(now, Kind::Revalidated, log)?;
        let settings = self.version(rollout).map(|version| version.settings);
        let record = Record {
            seat: Some(seat.0),
            posture: Some(validation.posture.0),
            region: validation.region.map(|region| region.0),
            ..self.fact(Kind::Revalidated)
        };
        let Some(settings) = settings else {
            return Err(self.refuse(Record { verdict: Verdict::NoPolicy, ..record }, log));
        };
        let Some(participant) = self.seats.get_mut(usize::from(seat.0)).and_then(Option::as_mut) else {
            return Err(self.refuse(Record { verdict: Verdict::NoParticipant, ..record }, log));
        };
        participant.validate(validation, now, settings.validation_ms);
        let until = participant.valid_until;
        self.write(Record { until: Some(until), ..record }, log);
        self.changed();
        Ok(until)
    }

    /// A participant consents to this from now on, and to nothing else.
    ///
    /// # Errors
    /// There is no such participant, or no room for the record.
    // keeps: IOE-061, IOE-076
    pub fn consent(
        &mut self,
        now: Time,
        seat: Seat,
        consents: Set<Consent>,
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        self.advance(now, Kind::Consented, log)?;
        let record =
            Record { seat: Some(seat.0), consents: (consents.bits() & 0xFFFF) as u16, ..self.fact(Kind::Consented) };
        let Some(participant) = self.seats.get_mut(usize::from(seat.0)).and_then(Option::as_mut) else {
            return Err(self.refuse(Record { verdict: Verdict::NoParticipant, ..record }, log));
        };
        participant.consents = consents;
        self.write(record, log);
        self.changed();
        Ok(())
    }

    /// The interaction goes on over another network, by another protocol, or in another place. Its identity and what is
    /// bound to it stay; where the participant then is counts at once. `subject` says what it goes on over: the first bytes
    /// of an identifier's hash.
    ///
    /// # Errors
    /// There is no such participant, or no room for the record.
    // keeps: IOE-073, IOE-074, IOE-075
    pub fn transition(
        &mut self,
        now: Time,
        seat: Seat,
        transition: Transition,
        region: Option<Region>,
        subject: [u8; 16],
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        self.advance(now, Kind::Transition, log)?;
        let record = Record {
            seat: Some(seat.0),
            action: Some(transition as u8),
            region: region.map(|region| region.0),
            subject,
            ..self.fact(Kind::Transition)
        };
        let Some(participant) = self.seats.get_mut(usize::from(seat.0)).and_then(Option::as_mut) else {
            return Err(self.refuse(Record { verdict: Verdict::NoParticipant, ..record }, log));
        };
        participant.region = region;
        self.write(record, log);
        self.changed();
        Ok(())
    }

    /// Suspends the interaction: nothing is permitted until somebody resumes it. What runs is cancelled by the next review.
    ///
    /// # Errors
    /// It is not active, or there is no room for the record.
    pub fn suspend(&mut self, now: Time, log: &mut impl Sink) -> Result<(), Refused> {
        self.advance(now, Kind::Moved, log)?;
        if self.state != State::Suspended && self.state.next(Event::Suspend).is_none() {
            return Err(self.refuse(Record { verdict: Verdict::NotActive, ..self.fact(Kind::Moved) }, log));
        }
        self.step(Event::Suspend, log);
        self.held = true;
        Ok(())
    }

    /// Resumes an interaction that somebody has suspended. If a core function fails, it stays suspended for that.
    ///
    /// # Errors
    /// Nobody has suspended it, or there is no room for the record.
    pub fn resume(&mut self, now: Time, log: &mut impl Sink) -> Result<(), Refused> {
        self.advance(now, Kind::Moved, log)?;
        if !self.held || self.state != State::Suspended {
            return Err(self.refuse(Record { verdict: Verdict::NotActive, ..self.fact(Kind::Moved) }, log));
        }
        self.held = false;
        self.heal(Event::Resume, Event::ResumeDegraded, log);
        Ok(())
    }

    /// Ends the interaction. Everything that ran in it is cancelled; its head is to be signed for the last time.
    ///
    /// # Errors
    /// It is over already, or there is no room for the records.
    pub fn terminate(&mut self, now: Time, log: &mut impl Sink) -> Result<Bindings, Refused> {
        let cancelled = self.with_delegated(|_| true);
        self.room(2 + cancelled.len() as usize, log)?;
        self.advance(now, Kind::Moved, log)?;
        if self.state.next(Event::Terminate).is_none() {
            return Err(self.refuse(Record { verdict: Verdict::NotActive, ..self.fact(Kind::Moved) }, log));
        }
        self.cancel(cancelled, log);
        self.step(Event::Terminate, log);
        Ok(cancelled)
    }

    /// Puts telemetry or an output into the chain: `subject` is the first bytes of its digest.
    ///
    /// # Errors
    /// There is no room for the record, or the interaction is over.
    // keeps: IOE-086, IOE-087, IOE-089
    pub fn attribute(
        &mut self,
        now: Time,
        what: Attribution,
        subject: [u8; 16],
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        let (kind, binding) = match what {
            Attribution::Telemetry(binding) => (Kind::Telemetry, binding),
            Attribution::Output(binding) => (Kind::Output, Some(binding)),
            Attribution::Identifier => (Kind::Bound, None),
        };
        self.advance(now, kind, log)?;
        let number = binding.map(|binding| binding.0);
        let record = Record { subject, binding: number, ..self.fact(kind) };
        if self.state == State::Terminated {
            return Err(self.refuse(Record { verdict: Verdict::NotActive, ..record }, log));
        }
        if binding.is_some_and(|binding| self.running(binding).is_none()) {
            return Err(self.refuse(Record { verdict: Verdict::NoFunction, ..record }, log));
        }
        self.write(record, log);
        Ok(())
    }

    /// Something has changed that permits rest on.
    pub(super) fn changed(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        let people = || self.seats.iter().flatten().filter(|participant| participant.kind == policy::Kind::Human);
        let common = people().fold(Set::ALL, |common, person| common.and(person.consents));
        self.consents = if people().next().is_some() { common } else { Set::EMPTY };
    }
}

/// What a record in the chain is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Attribution {
    /// A measurement, of a running function or of the interaction.
    Telemetry(Option<crate::function::Binding>),
    /// Something that a running function has put out.
    Output(crate::function::Binding),
    /// A protocol's identifier that now leads to the interaction.
    Identifier,
}
