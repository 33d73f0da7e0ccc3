//! What changes an interaction while its identity stays (`IoE R1`, `R2`, `R4`).

use super::decide::{Question, low};
use super::{Interaction, Mode, Refused};
use crate::audit::{Kind, Record, Sink, Verdict};
use crate::function::{Bindings, Health};
use crate::lifecycle::{Event, State};
use crate::participant::{Admission, Participant, Seat, Validation, known};
use crate::policy::{self, Facts, Provenance, Settings};
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
    /// A participant joins, if policy lets it; with the first one the interaction begins.
    ///
    /// # Errors
    /// It is denied; there is no seat, no room for the record, no policy; the credential has expired; the interaction is
    /// suspended or over.
    pub fn join<const W: usize, const V: usize>(
        &mut self,
        now: Time,
        admission: &Admission,
        rollout: &Rollout<W, V>,
        log: &mut impl Sink,
    ) -> Result<Seat, Refused> {
        self.room(2, log)?;
        self.advance(now, Kind::Joined, log)?;
        let version = self.version(rollout);
        let told = Record {
            subject: admission.name,
            participant: Some(admission.kind as u8),
            posture: Some(admission.validation.posture.0),
            ..self.fact(Kind::Joined)
        };
        let (seat, _) = self.numbers;
        let free = self.seats.iter().position(Option::is_none).filter(|_| seat < u16::MAX);
        let seat = Seat(seat);
        let participant = match (version, free) {
            _ if self.state == State::Suspended => Err(Verdict::NotActive),
            _ if self.seats.iter().flatten().any(|other| other.name == admission.name) => Err(Verdict::Conflict),
            (_, None) => Err(Verdict::NoRoom),
            (None, _) if self.mode == Mode::Enforce => Err(Verdict::NoPolicy),
            (version, Some(place)) => {
                let settings = version.map_or_else(Settings::default, |version| version.policy.settings());
                let participant = Participant::admitted(seat, admission, now, settings.validation_ms);
                if participant.is_valid(now) { Ok((place, participant)) } else { Err(Verdict::Lapsed) }
            }
        };
        let (place, participant) = match participant {
            Ok(there) => there,
            Err(verdict) => return Err(self.refuse(Record { verdict, ..told }, log)),
        };
        let facts = Facts {
            action: admission.action,
            kind: participant.kind,
            home: participant.home,
            modality: None,
            function: None,
            region: participant.region,
            goes: Set::EMPTY,
            consents: common(self.seats.iter().flatten().chain([&participant])),
            posture: participant.posture,
            provenance: Provenance::None,
        };
        let valid_until = participant.valid_until;
        let question = Question { facts, seat, binding: None, valid_until };
        let (decision, record) = self.answer(&question, version, rollout, Kind::Joined);
        // Its own consents: what all consent to follows from everybody's.
        let consents = low(admission.consents.bits());
        let record = Record { subject: admission.name, until: Some(valid_until), consents, ..record };
        if !decision.may() {
            return Err(self.refuse(Record { seat: None, until: None, ..record }, log));
        }
        if let Some(empty) = self.seats.get_mut(place) {
            *empty = Some(participant);
        }
        self.numbers.0 = self.numbers.0.saturating_add(1);
        self.write(record, log);
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
        self.room(3 + cancelled.len(), log)?;
        self.advance(now, Kind::Left, log)?;
        let seats = self.seats.iter_mut();
        let mut place = seats.filter(|place| place.as_ref().is_some_and(|participant| participant.seat == seat));
        let Some(participant) = place.next().and_then(Option::take) else {
            let record = Record { seat: Some(seat.0), verdict: Verdict::NoParticipant, ..self.fact(Kind::Left) };
            return Err(self.refuse(record, log));
        };
        self.write(Record { seat: Some(seat.0), subject: participant.name, ..self.fact(Kind::Left) }, log);
        self.cancel(&cancelled, None, log);
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
        let settings = self.version(rollout).map(|version| version.policy.settings());
        let record = Record { seat: Some(seat.0), ..self.fact(Kind::Revalidated) };
        let Some(settings) = settings else {
            return Err(self.refuse(Record { verdict: Verdict::NoPolicy, ..record }, log));
        };
        let Some(participant) = self.participant_mut(seat) else {
            return Err(self.refuse(Record { verdict: Verdict::NoParticipant, ..record }, log));
        };
        participant.validate(validation, now, settings.validation_ms);
        let Participant { valid_until: until, posture, region, .. } = *participant;
        let (posture, region) = (Some(posture.0), region.map(|region| region.0));
        self.write(Record { until: Some(until), posture, region, ..record }, log);
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
        let record = Record { seat: Some(seat.0), consents: low(consents.bits()), ..self.fact(Kind::Consented) };
        let Some(participant) = self.participant_mut(seat) else {
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
            region: region.and_then(known).map(|region| region.0),
            subject,
            ..self.fact(Kind::Transition)
        };
        let Some(participant) = self.participant_mut(seat) else {
            return Err(self.refuse(Record { verdict: Verdict::NoParticipant, ..record }, log));
        };
        participant.region = region.and_then(known);
        self.write(record, log);
        self.changed();
        Ok(())
    }

    /// Suspends the interaction, also while a core function fails: nothing is permitted until somebody resumes it. What runs has no lease that holds, and the
    /// first review after that decides about it again.
    ///
    /// # Errors
    /// It is not active, or there is no room for the record.
    pub fn suspend(&mut self, now: Time, log: &mut impl Sink) -> Result<(), Refused> {
        self.advance(now, Kind::Moved, log)?;
        if self.state.next(Event::Suspend).is_none() {
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
        let before = self.chain.next();
        self.heal(Event::Resume, Event::ResumeDegraded, log);
        if self.chain.next() == before {
            // A core function still fails: it is resumed, and stays suspended for that.
            self.write(Record { action: Some(Event::Resume as u8), ..self.fact(Kind::Moved) }, log);
        }
        Ok(())
    }

    /// Ends the interaction. Everything that ran in it is cancelled; its head is to be signed for the last time.
    ///
    /// # Errors
    /// It is over already, or there is no room for the records.
    pub fn terminate(&mut self, now: Time, log: &mut impl Sink) -> Result<Bindings, Refused> {
        let cancelled = self.with_delegated(|_| true);
        self.room(3 + cancelled.len(), log)?;
        self.advance(now, Kind::Moved, log)?;
        if self.state.next(Event::Terminate).is_none() {
            return Err(self.refuse(Record { verdict: Verdict::NotActive, ..self.fact(Kind::Moved) }, log));
        }
        self.end_all(&cancelled, log);
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
        let runs = |binding| self.running(binding).is_some_and(|running| running.health == Health::Running);
        if binding.is_some_and(|binding| !runs(binding)) {
            return Err(self.refuse(Record { verdict: Verdict::NoFunction, ..record }, log));
        }
        self.write(record, log);
        Ok(())
    }

    /// Something has changed that permits rest on.
    pub(super) fn changed(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.consents = common(self.seats.iter().flatten());
    }
}

/// What every person among these consents to. Where there is no person, nobody consents to anything.
fn common<'p>(participants: impl Iterator<Item = &'p Participant>) -> Set<Consent> {
    let people = participants.filter(|participant| participant.kind == policy::Kind::Human);
    people.map(|person| person.consents).reduce(Set::and).unwrap_or_default()
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
