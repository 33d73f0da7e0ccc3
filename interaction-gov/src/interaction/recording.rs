//! Records of an interaction: whether there is room, which records must come first, and which refusals are only counted
//! (`IoE R6`).

use super::{Interaction, METER, Refused};
use crate::audit::{Need, Record, RecordKind, Sink, Verdict};
use crate::lifecycle::State;
use crate::rollout::{Governs, Plane};
use crate::time::Time;

/// How far the time of a step can be after the previous one: 400 days.
pub(super) const AHEAD: u64 = 400 * 86_400_000;

impl<const P: usize, const B: usize> Interaction<P, B> {
    pub(super) fn fact(&self, kind: RecordKind) -> Record {
        Record::fact(self.id, self.chain.next(), self.last, kind)
    }

    /// Checks that there is room for this many records: a step that cannot be recorded is not done.
    pub(super) fn room(&self, records: usize, log: &impl Sink) -> Result<(), Refused> {
        // These records may come first: that another version governs, and the numbers of tightenings and refusals that
        // were not recorded.
        let records = records + 1 + usize::from(self.unrecorded > 0) + usize::from(self.spared > 0);
        if self.has_numbers(records) && log.has_room(records, Need::Ordinary) {
            Ok(())
        } else {
            Err(Refused(Verdict::AuditFull))
        }
    }

    pub(super) fn has_numbers(&self, records: usize) -> bool {
        let end = u32::try_from(records).ok().and_then(|records| self.chain.next().checked_add(records));
        end.is_some_and(|end| end < u32::MAX)
    }

    /// Writes a record for which there is room, after the counts of what is not recorded yet.
    #[inline]
    pub(super) fn write(&mut self, record: Record, log: &mut impl Sink) {
        self.settle_gap(log);
        self.append(&record, log);
    }

    pub(super) fn append(&mut self, record: &Record, log: &mut impl Sink) {
        let sequence = self.chain.next();
        self.chain.append(|bytes| record.write_to(bytes, sequence), |bytes| log.write(bytes));
    }

    /// Advances the clock. A time that goes backwards, or too far ahead, is refused, and the refusal is recorded at the
    /// previous time. After the end nothing is recorded: otherwise a late request could not be told from a forged
    /// addition to the trail.
    pub(super) fn advance(&mut self, now: Time, kind: RecordKind, log: &mut impl Sink) -> Result<(), Refused> {
        if self.state == State::Terminated {
            return Err(Refused(Verdict::NotActive));
        }
        self.room(1, log)?;
        let verdict = if now < self.last {
            Verdict::ClockBack
        } else if now.since(self.last) > AHEAD {
            Verdict::ClockAhead
        } else {
            self.last = now;
            return Ok(());
        };
        let refused = Record { verdict, ..self.fact(kind) };
        Err(self.spare(refused, log))
    }

    /// The same for steps that ask the authorities: it also records the changes of the control plane, and the governing
    /// version if it is another one than before.
    pub(super) fn advance_with(
        &mut self,
        now: Time,
        kind: RecordKind,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        self.advance_by(now, kind, self.version(rollout), rollout, log)
    }

    pub(super) fn advance_by(
        &mut self,
        now: Time,
        kind: RecordKind,
        version: Option<&impl Governs>,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        self.advance(now, kind, log)?;
        if self.governed != (version.map(Governs::number), rollout.changes().count) {
            self.hear(version, rollout, log)?;
        }
        Ok(())
    }

    /// Records each change of the control plane since the last time, the oldest first, and the governing version if it
    /// has changed. As long as there is no room for all of these records, nothing is decided.
    #[cold]
    fn hear(
        &mut self,
        version: Option<&impl Governs>,
        rollout: &impl Plane,
        log: &mut impl Sink,
    ) -> Result<(), Refused> {
        let changes = rollout.changes();
        let number = version.map(Governs::number);
        let (id, last) = (self.id, self.last);
        let governs = |count: u32, plane: u32| Record {
            policy: number,
            plane,
            digest: version.map_or([0xFF; 8], Governs::digest),
            // The authorities that cannot be asked.
            obligations: crate::audit::record::low(rollout.silent().bits()),
            count,
            ..Record::fact(id, 0, last, RecordKind::Governs)
        };
        let untold = changes.first().saturating_sub(self.governed.1.saturating_add(1));
        let another_plane = self.governed.1 > changes.count;
        if untold > 0 || another_plane {
            // Changes that are no longer kept one by one: their result is recorded.
            let plane = if another_plane { changes.count } else { self.governed.1.saturating_add(untold) };
            let record = governs(untold.max(1), plane);
            self.write(record, log);
            self.governed = (number, plane);
        }
        while let Some(told) = self.governed.1.checked_add(1).filter(|told| *told <= changes.count) {
            self.room(1, log)?;
            let small = |field: u8| (field != u8::MAX).then_some(field);
            if let Some(entry) = changes.get(told) {
                let record = Record {
                    action: Some(entry.what.code()),
                    authority: small(entry.authority),
                    speaker: small(entry.to),
                    policy: (entry.version != u32::MAX).then_some(entry.version),
                    count: entry.track,
                    plane: told,
                    ..self.fact(RecordKind::Changed)
                };
                self.write(record, log);
            }
            self.governed.1 = told;
        }
        if self.governed.0 != number {
            self.room(1, log)?;
            let record = governs(0, changes.count);
            self.write(record, log);
            self.governed.0 = number;
        }
        self.room(1, log)
    }

    /// Records the refusal of a party that is not a participant, unless too many were recorded lately: then it is only
    /// counted, and the number is recorded later. So outsiders cannot fill the log.
    pub(super) fn spare(&mut self, record: Record, log: &mut impl Sink) -> Refused {
        let (left, since) = self.meter;
        let (most, per) = METER;
        if self.last.since(since) >= per {
            self.meter = (most, self.last);
        } else if left == 0 {
            self.spared = self.spared.saturating_add(1);
            return Refused(record.verdict);
        }
        self.meter.0 = self.meter.0.saturating_sub(1);
        self.refuse(record, log)
    }

    /// Records a refusal.
    pub(super) fn refuse(&mut self, record: Record, log: &mut impl Sink) -> Refused {
        if self.room(1, log).is_ok() {
            self.write(record, log);
            Refused(record.verdict)
        } else {
            Refused(Verdict::AuditFull)
        }
    }
}
