//! Proof that the peer is alive: only heartbeats that echo a recent one of ours.
//!
//! A heartbeat that was held back on its way echoes an old one, so it proves nothing. Data frames, handshake frames and
//! teardowns are no proof: they can be recorded and sent later.

use crate::pss::stream::frame::HEARTBEATS;
use crate::time::Mono;

/// Without a fresh heartbeat for this long a session is DISCONNECTED, in milliseconds.
pub const SILENCE: u64 = 45_000;
/// A heartbeat is fresh if it echoes one that was sent within this time, in milliseconds.
pub const FRESH: u64 = 60_000;
/// After this time without a fresh heartbeat the peer is asked for one every 5 s. In milliseconds.
pub const ANXIOUS: u64 = 30_000;
/// The time between these requests, in milliseconds.
pub(super) const ANXIOUS_EACH: u64 = 5_000;
/// The time between heartbeats of an idle session, in milliseconds.
pub const IDLE_HEARTBEAT: u64 = 15_000;
/// If none of the sent data arrives for this time, the session ends, even if the peer is alive. In milliseconds.
pub const NO_PROGRESS: u64 = 120_000;
/// A DISCONNECTED session is wiped after this long, in milliseconds, unless the caller sets another limit.
pub const RECONNECT_LIMIT: u64 = 3_600_000;
/// The first probe of a session that fell silent comes this long after DISCONNECTED began, in milliseconds.
pub(super) const PROBE_FIRST: u32 = 1_000;
/// Pauses between probes double up to this, in milliseconds.
pub(super) const PROBE_CEILING: u32 = 60_000;

/// When one of our heartbeats was sent: the low halves of its number and of the time. The halves are enough because
/// heartbeats are sent every 15 s, and the marks are cleared when they stop.
#[derive(Clone, Copy)]
struct Mark {
    number: u32,
    at: u32,
}

/// When the peer last proved that it is alive, and what is needed to judge the next heartbeat.
pub(super) struct Life {
    /// When the last fresh heartbeat came; at first, when the keys were made.
    pub(super) fresh: Mono,
    /// Every 15 s, the number of the next heartbeat and its time, the newest first; and how many there are.
    marks: [Mark; MARKS],
    count: u8,
}

/// This many marks, one each 15 s, cover a minute.
const MARKS: usize = 5;

#[allow(clippy::cast_possible_truncation, reason = "the low half is what is compared")]
const fn low(number: u64) -> u32 {
    number as u32
}

impl Life {
    pub(super) const IDLE: Self = Self { fresh: Mono(0), marks: [Mark { number: 0, at: 0 }; MARKS], count: 0 };

    /// The keys were made.
    pub(super) const fn begin(&mut self, now: Mono) {
        (self.fresh, self.count) = (now, 0);
    }

    /// Clears the marks: only heartbeats from now on can be echoed freshly.
    pub(super) const fn forget(&mut self) {
        self.count = 0;
    }

    fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter().take(usize::from(self.count))
    }

    /// Notes that our heartbeat with this number is sent.
    pub(super) fn sent(&mut self, now: Mono, number: u64) {
        let mark = Mark { number: low(number), at: low(now.0) };
        if self.marks().next().is_none_or(|newest| u64::from(mark.at.wrapping_sub(newest.at)) >= IDLE_HEARTBEAT) {
            let mut newer = mark;
            self.marks.iter_mut().for_each(|place| core::mem::swap(place, &mut newer));
            self.count = self.count.saturating_add(1).min(5);
        }
    }

    /// Whether a heartbeat with this echo, a whole sequence, is fresh.
    pub(super) fn is_fresh(&self, now: Mono, echo: u64) -> bool {
        let recent = self.marks().filter(|mark| u64::from(low(now.0).wrapping_sub(mark.at)) <= FRESH);
        // It was checked that the echoed heartbeat was sent, so it is above the mark by less than half the numbers.
        echo >= HEARTBEATS && recent.last().is_some_and(|oldest| low(echo).wrapping_sub(oldest.number) < 1 << 31)
    }

    /// When silence becomes DISCONNECTED.
    pub(super) const fn silent_at(&self) -> Mono {
        self.fresh.after(SILENCE)
    }

    /// When the peer is asked for a sign of life.
    pub(super) const fn anxious_at(&self) -> Mono {
        self.fresh.after(ANXIOUS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_fresh_for_a_minute() {
        let mut life = Life::IDLE;
        life.begin(Mono(0));
        assert!(!life.is_fresh(Mono(0), 0), "nothing was sent, and an echo of nothing is not fresh");
        for number in 0..20 {
            life.sent(Mono(number * 15_000), number);
        }
        let now = Mono(19 * 15_000);
        assert!(life.is_fresh(now, HEARTBEATS + 19));
        assert!(life.is_fresh(now, HEARTBEATS + 15), "60 s ago");
        assert!(!life.is_fresh(now, HEARTBEATS + 14), "75 s ago");
        assert!(!life.is_fresh(Mono(now.0 + 1), HEARTBEATS + 15));
        life.forget();
        assert!(!life.is_fresh(now, HEARTBEATS + 19));
    }

    #[test]
    fn a_mark_stands_for_the_heartbeats_after_it() {
        let mut life = Life::IDLE;
        life.begin(Mono(0));
        for number in 0..1_000 {
            life.sent(Mono(number * 100), number);
        }
        // Marks stand at 0, 15, …, 90 s; now is 99.9 s. The oldest one within a minute is at 45 s.
        let now = Mono(99_900);
        assert!(life.is_fresh(now, HEARTBEATS + 450));
        assert!(!life.is_fresh(now, HEARTBEATS + 449));
    }

    #[test]
    fn silence_is_asked_about_after_30_seconds_and_ends_the_link_after_45() {
        let mut life = Life::IDLE;
        life.begin(Mono(1_000));
        assert_eq!((life.anxious_at(), life.silent_at()), (Mono(31_000), Mono(46_000)));
    }
}
