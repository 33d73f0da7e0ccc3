//! Steps that tighten take effect whatever the log, the clock or another participant does (`IoE §8`).
//!
//! A part of the log is kept for their records. If even that is full, they take effect all the same, and their number
//! is recorded as soon as there is room.

use super::{Interaction, Refused};
use crate::audit::{Need, Record, RecordKind, Sink, Verdict};
use crate::function::{Binding, Bindings, Health, Role};
use crate::lifecycle::{Event, State};
use crate::participant::Seat;
use crate::policy::On;
use crate::rollout::Plane;
use crate::time::Time;
use crate::vocabulary::{Consent, Set};

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// Advances the clock where it can: a clock that went backwards prevents nothing here.
    pub(super) fn tighten(&mut self, now: Time) -> Result<(), Refused> {
        if self.state == State::Terminated {
            return Err(Refused(Verdict::NotActive));
        }
        if now.since(self.last) <= super::recording::AHEAD {
            self.last = self.last.max(now);
        }
        Ok(())
    }

    /// Records a step that has taken effect, if there is room.
    pub(super) fn note(&mut self, record: Record, log: &mut impl Sink) {
        let records = 1 + usize::from(self.unrecorded > 0) + usize::from(self.spared > 0);
        if log.has_room(records, Need::Tightening) && self.has_numbers(records) {
            self.write(record, log);
        } else {
            self.unrecorded = self.unrecorded.saturating_add(1);
        }
    }

    /// Records the number of tightenings that are not recorded yet. There is room for it.
    pub(super) fn settle_gap(&mut self, log: &mut impl Sink) {
        if self.unrecorded > 0 {
            let count = core::mem::take(&mut self.unrecorded);
            self.append(&Record { count, ..self.fact(RecordKind::Gap) }, log);
        }
        if self.spared > 0 {
            let count = core::mem::take(&mut self.spared);
            self.append(&Record { count, ..self.fact(RecordKind::Spared) }, log);
        }
    }

    /// Records the number of tightenings that took effect without a record. To be called when the log has room again,
    /// and before the last head is signed.
    ///
    /// # Errors
    /// There still is no room.
    pub fn settle(&mut self, log: &mut impl Sink) -> Result<(), Refused> {
        if self.unrecorded == 0 && self.spared == 0 {
            return Ok(());
        }
        if !log.has_room(3, Need::Tightening) || !self.has_numbers(3) {
            return Err(Refused(Verdict::AuditFull));
        }
        self.settle_gap(log);
        if core::mem::take(&mut self.unended) {
            self.append(&Record { action: Some(Event::Terminate as u8), ..self.fact(RecordKind::Moved) }, log);
        }
        Ok(())
    }

    /// How many tightenings are not recorded.
    #[must_use]
    pub const fn unrecorded(&self) -> u32 {
        self.unrecorded
    }

    /// Records a refused tightening like the request of a stranger, so that its records are limited too.
    pub(super) fn refuse_tightening(&mut self, record: Record, log: &mut impl Sink) -> Refused {
        if self.room(1, log).is_err() {
            return Refused(record.verdict);
        }
        self.spare(record, log)
    }

    /// A participant leaves, or is made to leave. All functions that ran for it are cancelled, and those that they had
    /// delegated.
    ///
    /// # Errors
    /// There is no such participant, or the interaction is over.
    pub fn leave(&mut self, now: Time, seat: Seat, log: &mut impl Sink) -> Result<Bindings, Refused> {
        self.go(now, seat, RecordKind::Left, log)
    }

    /// A participant is made to leave, and its name is not admitted again. If more were banned than there is room for,
    /// no participant is admitted at all.
    ///
    /// # Errors
    /// There is no such participant, or the interaction is over.
    pub fn ban(&mut self, now: Time, seat: Seat, log: &mut impl Sink) -> Result<Bindings, Refused> {
        let name = self.participant(seat).map(|participant| participant.name);
        let gone = self.go(now, seat, RecordKind::Banned, log)?;
        if let Some(name) = name.filter(|name| !self.banned.contains(name)) {
            self.closed |= self.banned.push(name).is_err();
        }
        Ok(gone)
    }

    fn go(&mut self, now: Time, seat: Seat, kind: RecordKind, log: &mut impl Sink) -> Result<Bindings, Refused> {
        self.tighten(now)?;
        let cancelled = self.with_delegated(|running| running.seat == seat);
        let seats = self.seats.iter_mut();
        let mut place = seats.filter(|place| place.as_ref().is_some_and(|participant| participant.seat == seat));
        let Some(participant) = place.next().and_then(Option::take) else {
            let record = Record { seat: Some(seat.0), verdict: Verdict::NoParticipant, ..self.fact(kind) };
            return Err(self.refuse_tightening(record, log));
        };
        self.note(Record { seat: Some(seat.0), subject: participant.name, ..self.fact(kind) }, log);
        self.cancel(&cancelled, None, log);
        self.changed();
        Ok(cancelled)
    }

    /// Sets what a participant consents to from now on, on all streams: to this, and to nothing else.
    ///
    /// # Errors
    /// There is no such participant, or the interaction is over. If there is no room for the record, or the clock went
    /// backwards, new consents do not count, and withdrawn ones are withdrawn all the same.
    // keeps: IOE-061 (§4.2 R2), IOE-076 (§4.4 R4)
    pub fn consent(
        &mut self,
        now: Time,
        seat: Seat,
        consents: Set<Consent>,
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        self.consent_on(now, seat, On::Unsaid, consents, log)
    }

    /// The same for one stream alone; [`On::Nothing`] means actions on no stream, [`On::Unsaid`] all streams.
    ///
    /// # Errors
    /// As [`consent`](Self::consent).
    pub fn consent_on(
        &mut self,
        now: Time,
        seat: Seat,
        on: On,
        consents: Set<Consent>,
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        let clock = if now < self.last { Err(Refused(Verdict::ClockBack)) } else { Ok(()) };
        self.tighten(now)?;
        let record = Record { seat: Some(seat.0), on, ..self.fact(RecordKind::Consented) };
        let room = self.room(1, log);
        let new = crate::audit::record::low(consents.bits());
        let Some(participant) = self.participant_mut(seat) else {
            return Err(self.refuse_tightening(Record { verdict: Verdict::NoParticipant, ..record }, log));
        };
        let mut columns = *participant;
        columns.set_consents(on, |_| new);
        let adds = columns.consents.iter().zip(participant.consents).any(|(after, before)| after & !before != 0);
        let done = if adds { clock.and(room) } else { Ok(()) };
        let adds = done.is_ok();
        let before = participant.consents;
        participant.set_consents(on, |before| if adds { new } else { before & new });
        if !adds && before == participant.consents {
            return done;
        }
        // If the consents differ between streams, the record has those that all streams share; each stream can be
        // recorded on its own.
        let now_has = participant.consents(on);
        let mut record = record;
        record.consents.own = now_has;
        self.note(record, log);
        self.changed();
        done
    }

    /// Suspends the interaction, also while a core function fails: nothing is permitted until it is resumed. Running
    /// functions have no valid lease meanwhile, and the first review after that decides about them again.
    ///
    /// # Errors
    /// The interaction is not active.
    pub fn suspend(&mut self, now: Time, log: &mut impl Sink) -> Result<(), Refused> {
        self.tighten(now)?;
        if self.state.next(Event::Suspend).is_none() {
            let record = Record { verdict: Verdict::NotActive, ..self.fact(RecordKind::Moved) };
            return Err(self.refuse_tightening(record, log));
        }
        self.step(Event::Suspend, log);
        self.held = true;
        Ok(())
    }

    /// Ends the interaction. Everything that ran in it is cancelled; its head is to be signed for the last time, after
    /// [`settle`](Self::settle), if something is [`unrecorded`](Self::unrecorded).
    ///
    /// # Errors
    /// The interaction is over already.
    pub fn terminate(&mut self, now: Time, log: &mut impl Sink) -> Result<Bindings, Refused> {
        self.tighten(now)?;
        let cancelled = self.with_delegated(|_| true);
        self.end_all(&cancelled, log);
        self.step(Event::Terminate, log);
        self.unended = self.unrecorded > 0;
        Ok(cancelled)
    }

    /// A function has failed. The interaction is degraded, and everything that does not need the function goes on; if
    /// it was a core function, the interaction is suspended.
    ///
    /// # Errors
    /// Nothing runs under this number, or the interaction is over.
    // keeps: IOE-103 (§4.9 R9), IOE-104 (§4.9 R9), IOE-106 (§4.9 R9)
    pub fn fail(
        &mut self,
        now: Time,
        binding: Binding,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Result<State, Refused> {
        self.tighten(now)?;
        let recovery = self.running(binding).copied().map_or(0, |running| self.recovery(&running, rollout));
        let recover_by = self.last.after(u64::from(recovery));
        let running = self.running_mut(binding);
        let Some(running) = running.filter(|running| running.health == Health::Running) else {
            let record =
                Record { binding: Some(binding.0), verdict: Verdict::NoFunction, ..self.fact(RecordKind::Failed) };
            return Err(self.refuse_tightening(record, log));
        };
        running.health = Health::Failed { recover_by };
        let role = running.role;
        self.note(Record { binding: Some(binding.0), until: Some(recover_by), ..self.fact(RecordKind::Failed) }, log);
        self.epoch = self.epoch.wrapping_add(1);
        self.step(if role == Role::Core { Event::CoreFailed } else { Event::AuxiliaryFailed }, log);
        Ok(self.state)
    }

    /// A function or computation has ended by itself; those that it had delegated end with it.
    ///
    /// # Errors
    /// Nothing runs under this number, or the interaction is over.
    pub fn end(&mut self, now: Time, binding: Binding, log: &mut impl Sink) -> Result<Bindings, Refused> {
        self.tighten(now)?;
        let ended = self.with_delegated(|running| running.number == binding);
        if ended.is_empty() {
            let record =
                Record { binding: Some(binding.0), verdict: Verdict::NoFunction, ..self.fact(RecordKind::Ended) };
            return Err(self.refuse_tightening(record, log));
        }
        self.cancel(&ended, Some(binding), log);
        Ok(ended)
    }

    /// Corrects the clock after it was wrong. Every validation and every permit that rested on it ends, and has to be
    /// renewed. A function that has failed keeps the time to recover that it had left.
    ///
    /// # Errors
    /// There is no room for the record, or the interaction is over.
    pub fn mend_clock(&mut self, now: Time, log: &mut impl Sink) -> Result<(), Refused> {
        if self.state == State::Terminated {
            return Err(Refused(Verdict::NotActive));
        }
        self.room(1, log)?;
        // Only the record of the new clock may be older than the one before: the numbers of what is not recorded come at the old time.
        self.settle_gap(log);
        let before = core::mem::replace(&mut self.last, now);
        self.meter = (super::METER.0, now);
        for participant in self.seats.iter_mut().flatten() {
            participant.valid_until = now;
        }
        for running in self.running.iter_mut().flatten() {
            if let Health::Failed { recover_by } = &mut running.health {
                *recover_by = now.after(recover_by.since(before));
            }
        }
        let record = Record { until: Some(before), ..self.fact(RecordKind::Clock) };
        self.write(record, log);
        self.changed();
        Ok(())
    }

    /// Moves the state, if the table has that move, and records it, even if it leads back to the same state. A move
    /// that tightens needs no room.
    pub(super) fn step(&mut self, event: Event, log: &mut impl Sink) {
        if let Some(next) = self.state.next(event) {
            self.epoch = self.epoch.wrapping_add(1);
            self.note(Record { action: Some(event as u8), ..self.fact(RecordKind::Moved) }, log);
            self.state = next;
        }
    }
}
