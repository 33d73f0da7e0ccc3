//! The evaluation of the peer's heartbeats and of time for frames in flight: arrived, shown, lost.

use super::congestion::{Arrived, Congestion, InFlight};
use super::delta_log::{DeltaLog, Standing, low};
use crate::time::Mono;

/// A frame counts as lost immediately when this many frames above it, sent after it, have arrived (`RFC 9002`, 6.1.1).
const REORDERING: u32 = 3;

/// The frames that a heartbeat shows beyond the sequence number E that it expects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'b> {
    /// Frame E itself has arrived, and is not acknowledged yet.
    pub(crate) held: bool,
    /// Bit 7 − (i mod 8) of byte ⌊i / 8⌋: frame E + 1 + i has arrived.
    pub(crate) bitmap: &'b [u8],
}

impl Shown<'_> {
    /// Nothing but what E acknowledges.
    #[cfg(test)]
    pub(crate) const NOTHING: Self = Self { held: false, bitmap: &[] };

    /// Whether it shows frame E + `offset`.
    fn shows(&self, offset: u64) -> bool {
        let Some(bit) = offset.checked_sub(1) else { return self.held };
        let byte = usize::try_from(bit / 8).ok().and_then(|at| self.bitmap.get(at));
        byte.is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0)
    }

    /// How many offsets from E it covers.
    fn reach(&self) -> u64 {
        1 + 8 * self.bitmap.len() as u64
    }
}

/// What a heartbeat has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Whether any frame is acknowledged, or shown for the first time ever: the peer makes progress.
    pub(crate) any: bool,
    /// Whether any frame is acknowledged: the log has more room.
    pub(crate) freed: bool,
}

impl<C: Congestion, const LOG: usize, const FRAMES: usize> DeltaLog<C, LOG, FRAMES> {
    /// Takes a heartbeat: everything below `expected` has arrived, and the frames in `shown`. The caller has checked
    /// that it is newer than all before it and mentions only sealed frames; one that mentions others changes nothing.
    pub(crate) fn acknowledge(&mut self, now: Mono, expected: u64, shown: Shown<'_>) -> News {
        if self.wiped || !(self.first..=self.next).contains(&expected) {
            return News::default();
        }
        self.clock = self.clock.max(now);
        self.last = None;
        let before = self.flight;
        let freed = expected > self.first;
        let mut heard = Heard { any: freed, ..Heard::default() };
        self.withdrawn &= !freed;
        for sequence in self.first..expected {
            self.arrive(now, sequence, &mut heard);
            self.contents = self.contents.wrapping_add(u32::from(self.mark(sequence).content()));
            self.forget(sequence);
        }
        self.first = expected;
        self.unsent = self.unsent.max(expected);
        self.cursor = self.cursor.max(expected);
        self.freed();
        self.show(now, shown, &mut heard);
        self.skip_shown();
        if let Some(sent) = heard.sample {
            self.take_sample(now, sent);
        }
        self.find_lost(now);
        if heard.any || heard.again {
            (self.doublings, self.waiting_since, self.probed) = (0, now, false);
        }
        self.congestion.heartbeat(now, before, self.flight);
        if heard.withdrawn {
            // Nothing proves what a heartbeat shows, and to withdraw it costs nothing: only E opens the flight again.
            self.withdrawn = true;
            self.congestion.timed_out(now);
        }
        News { any: heard.any, freed }
    }

    /// Notes that a heartbeat has answered one of ours, which was sent at `sent` and asked for an immediate answer.
    pub(crate) fn echo(&mut self, now: Mono, sent: Mono) {
        self.clock = self.clock.max(now);
        self.take_sample(now, sent);
    }

    fn take_sample(&mut self, now: Mono, sent: Mono) {
        self.rtt.sample(sent, now);
        self.congestion.round_trip(now, u32::try_from(now.since(sent)).unwrap_or(u32::MAX));
    }

    /// Marks the frames that the heartbeat shows, and unmarks those that it does not show any more.
    fn show(&mut self, now: Mono, shown: Shown<'_>, heard: &mut Heard) {
        let reach = self.first.saturating_add(shown.reach()).min(self.next);
        let mut top = self.first;
        for sequence in self.first..reach.max(self.top) {
            let standing = self.mark(sequence).standing;
            if shown.shows(sequence - self.first) {
                top = sequence + 1;
                if standing != Standing::Shown {
                    self.arrive(now, sequence, heard);
                    self.set(sequence, Standing::Shown);
                }
            } else if standing == Standing::Shown {
                heard.withdrawn = true;
                if sequence >= self.unsent {
                    self.set(sequence, Standing::Waiting);
                } else {
                    self.due_again(sequence);
                }
            }
        }
        self.top = top;
    }

    /// Notes the arrival of a frame. Only its first one is news and a measurement: a later one may be the same frame,
    /// which the peer has withdrawn and shows again.
    fn arrive(&mut self, now: Mono, sequence: u64, heard: &mut Heard) {
        let mark = self.mark(sequence);
        let Some(slot) = self.slot(sequence) else { return };
        let (order, stamp, length, age) = (slot.order, slot.stamp, slot.length, low(now).wrapping_sub(slot.sent));
        match mark.standing {
            Standing::Shown => return,
            Standing::Flying => self.land(length),
            Standing::Due => self.due = self.due.saturating_sub(1),
            Standing::Waiting => {}
        }
        self.note_arrival(sequence);
        heard.any |= !mark.came();
        heard.again |= mark.came();
        if mark.standing == Standing::Waiting {
            // It was reported as not sent, but has arrived nevertheless; or the peer is guessing.
            return;
        }
        let sent = Mono(now.0.saturating_sub(u64::from(age)));
        if !mark.repeated() && !mark.came() {
            heard.sample = Some(sent);
        }
        // For a repeated frame it is not known which transmission arrived; if the newest is too young, it was an
        // earlier one.
        if (!mark.repeated() || age >= self.rtt.least()) && newer(order, self.arrived) {
            self.arrived = order;
        }
        if !mark.came() {
            self.congestion.arrived(now, &Arrived { length, sent, repeated: mark.repeated(), stamp });
        }
    }

    /// Makes lost frames due: those with three shown frames above them, and those that were overtaken too long ago.
    pub(super) fn find_lost(&mut self, now: Mono) {
        let shows = |sequence: &u64| self.mark(*sequence).standing == Standing::Shown;
        let (mut above, wait) = ((self.first..self.top).filter(shows).count(), self.rtt.overtaken_for());
        self.overtaken = false;
        let mut first_late = Mono(u64::MAX);
        for sequence in self.first..self.top {
            let mark = self.mark(sequence);
            if mark.standing == Standing::Shown {
                above = above.saturating_sub(1);
                continue;
            }
            let Some(slot) = self.slot(sequence) else { return };
            // Counted in transmissions, so that a repeated frame counts as lost again only because of frames sent after
            // its repetition.
            if mark.standing != Standing::Flying || !newer(self.arrived, slot.order) {
                continue;
            }
            let (length, stamp, order) = (slot.length, slot.stamp, slot.order);
            let sent = Mono(now.0.saturating_sub(u64::from(low(now).wrapping_sub(slot.sent))));
            let overtaken = above >= REORDERING as usize && newer(self.arrived, order.wrapping_add(REORDERING - 1));
            if overtaken || sent.after(wait) <= now {
                self.land(length);
                self.due_again(sequence);
                self.congestion.lost(now, &Arrived { length, sent, repeated: mark.repeated(), stamp });
            } else {
                first_late = first_late.min(sent.after(wait));
            }
        }
        (self.late, self.overtaken) = (low(first_late), first_late < Mono(u64::MAX));
    }

    /// Makes the last frame in flight due: the heartbeat that answers it shows which frames of the tail are lost.
    pub(super) fn repeat_last(&mut self) {
        self.probed = true;
        let flying = |sequence: &u64| self.mark(*sequence).standing == Standing::Flying;
        let Some(sequence) = (self.first..self.unsent).rev().find(flying) else { return };
        if let Some(length) = self.slot(sequence).map(|slot| slot.length) {
            self.land(length);
            self.due_again(sequence);
        }
    }

    /// The repetition time has passed without news.
    pub(super) fn time_out(&mut self, now: Mono) {
        self.doublings = self.doublings.saturating_add(1);
        self.probed = true;
        self.flight_is_due();
        self.congestion.timed_out(now);
    }

    /// Everything in flight is due again.
    pub(super) fn flight_is_due(&mut self) {
        for sequence in self.first..self.unsent {
            if self.mark(sequence).standing == Standing::Flying {
                self.due_again(sequence);
            }
        }
        (self.flight, self.overtaken) = (InFlight::default(), false);
    }

    /// A frame that was sent is to be sent again.
    pub(super) fn due_again(&mut self, sequence: u64) {
        self.set(sequence, Standing::Due);
        self.due = self.due.saturating_add(1);
        self.cursor = self.cursor.min(sequence);
    }

    /// A frame of this length is no longer in flight.
    pub(super) const fn land(&mut self, length: u32) {
        self.flight.frames = self.flight.frames.saturating_sub(1);
        self.flight.bytes = self.flight.bytes.saturating_sub(length);
    }

    /// Skips frames that the peer shows although they were not sent.
    pub(super) fn skip_shown(&mut self) {
        while self.unsent < self.next && self.mark(self.unsent).standing == Standing::Shown {
            self.unsent += 1;
        }
    }
}

/// What one heartbeat has brought.
#[derive(Default)]
struct Heard {
    /// A frame is acknowledged, or shown for the first time ever.
    any: bool,
    /// A frame is shown that was shown before, and withdrawn since.
    again: bool,
    /// A frame is not shown any more.
    withdrawn: bool,
    /// When the highest frame that gives a round-trip sample was sent.
    sample: Option<Mono>,
}

/// Whether `order` is above `other`, modulo 2^32.
const fn newer(order: u32, other: u32) -> bool {
    let ahead = order.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_shows_frame_e_and_those_of_its_bitmap() {
        let shown = Shown { held: true, bitmap: &[0x80, 0x01] };
        assert_eq!(
            [0, 1, 2, 8, 9, 15, 16, 17].map(|offset| shown.shows(offset)),
            [true, true, false, false, false, false, true, false]
        );
        assert_eq!((shown.reach(), Shown::NOTHING.reach(), Shown::NOTHING.shows(0)), (17, 1, false));
        assert!(!shown.shows(u64::MAX));
    }

    #[test]
    fn transmissions_are_compared_modulo_two_to_the_32() {
        for (order, other, expected) in [
            (1, 0, true),
            (0, 0, false),
            (0, 1, false),
            (0, u32::MAX, true),
            ((1 << 31) - 1, 0, true),
            (1 << 31, 0, false),
        ] {
            assert_eq!(newer(order, other), expected, "{order} above {other}");
        }
    }
}
