//! When the next heartbeat is due, how often repeats are answered, and which datagram was returned last.

use super::life::ANXIOUS_EACH;
use crate::pss::packed::Packed;
use crate::time::Mono;

/// The least time between answers to repeats and to heartbeats that ask, in milliseconds.
const ANSWER_EACH: u64 = 50;

/// Whether a repeat may be answered now: at most one answer in 50 ms.
pub(super) fn meter(from: &mut Mono, now: Mono) -> bool {
    let may = *from <= now;
    if may {
        *from = now.after(ANSWER_EACH);
    }
    may
}

/// The longest time from data to the heartbeat that acknowledges it, in milliseconds.
const ACKNOWLEDGE_AFTER: u64 = 25;
/// The most data frames before a heartbeat.
const ACKNOWLEDGE_FRAMES: u16 = 16;
/// For this many frames at the start, while the peer finds its pace, a heartbeat follows every second frame.
const QUICK_FRAMES: u16 = 200;
/// This many frames after a gap the peer may treat the missing frames as lost, so a heartbeat is sent.
const GAP_FRAMES: u8 = 3;

/// The relation of a data frame to missing frames.
#[derive(Clone, Copy)]
pub(super) enum Gap {
    /// Nothing is missing.
    None,
    /// It left a gap before it.
    Opens,
    /// There is a gap already.
    Open,
}

/// When the next heartbeat is due.
pub(super) struct Acknowledgement {
    due: Packed,
    /// Data frames since our last heartbeat.
    frames: u16,
    /// Data frames that were acknowledged quickly.
    quick: u16,
    /// Data frames since the newest gap opened, up to three.
    since_gap: u8,
    /// When our last heartbeat to the peer's home was sent.
    pub(super) last: Mono,
    /// Before this the peer is not asked again for a sign of life.
    pub(super) ask_from: Mono,
    /// Before this time no frame that may be a replay, and no heartbeat that asks, is answered again.
    pub(super) echo_from: Mono,
    /// Before this time no repeat with a valid signature or known bytes is answered again.
    pub(super) answer_from: Mono,
}

impl Acknowledgement {
    pub(super) const IDLE: Self = Self {
        due: Packed::NONE,
        frames: 0,
        quick: 0,
        since_gap: 0,
        last: Mono(0),
        ask_from: Mono(0),
        echo_from: Mono(0),
        answer_from: Mono(0),
    };

    /// When it is due, if it is.
    pub(super) fn due(&self) -> Option<Mono> {
        self.due.moment()
    }

    /// Not later than this.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn by(&mut self, at: Mono) {
        self.due = Packed::at(self.due().map_or(at, |due| due.min(at)));
    }

    /// Nothing is acknowledged for now.
    pub(super) const fn stop(&mut self) {
        self.due = Packed::NONE;
    }

    /// Notes an accepted data frame, and whether frames before it are missing.
    pub(super) fn data(&mut self, now: Mono, gap: Gap, at_once: bool) {
        self.since_gap = match gap {
            Gap::None => 0,
            Gap::Opens => 1,
            Gap::Open => self.since_gap.saturating_add(1).min(GAP_FRAMES + 1),
        };
        let at_once = at_once || matches!(gap, Gap::Opens) || self.since_gap == GAP_FRAMES;
        self.frames = self.frames.saturating_add(1);
        let limit = if self.quick < QUICK_FRAMES { 2 } else { ACKNOWLEDGE_FRAMES };
        let first = self.quick == 0;
        self.quick = (self.quick + 1).min(QUICK_FRAMES);
        let at_once = at_once || first || self.frames >= limit;
        self.by(if at_once { now } else { now.after(ACKNOWLEDGE_AFTER) });
    }

    /// The application has consumed what was held.
    pub(super) fn consumed(&mut self, now: Mono) {
        self.frames = self.frames.saturating_add(1);
        let at_once = self.frames >= ACKNOWLEDGE_FRAMES;
        self.by(if at_once { now } else { now.after(ACKNOWLEDGE_AFTER) });
    }

    /// A heartbeat went home.
    pub(super) const fn sent(&mut self, now: Mono, ask: bool) {
        (self.due, self.frames, self.last) = (Packed::NONE, 0, now);
        if ask {
            self.ask_from = now.after(ANXIOUS_EACH);
        }
    }
}

/// The datagram that was returned last, so that it can be due again.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum LastSent {
    Nothing,
    Farewell,
    Handshake,
    Negotiation,
    Acceptance,
    Heartbeat,
    Probe,
    Request,
    Data,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_answered_once_in_50_ms() {
        let mut from = Mono(0);
        let answers = [0, 49, 50, 99, 100, 1_000, 1_049].map(|now| meter(&mut from, Mono(now)));
        assert_eq!(answers, [true, false, true, false, true, true, false]);
    }

    /// When the heartbeat after so many frames is due, if all of them come at 1,000 and each heartbeat leaves at once.
    fn frames(acknowledgement: &mut Acknowledgement, count: usize) -> u64 {
        for _ in 0..count {
            acknowledgement.data(Mono(1_000), Gap::None, false);
        }
        acknowledgement.due().expect("a heartbeat is due").0
    }

    #[test]
    fn the_first_frame_is_acknowledged_at_once_then_every_second_and_later_every_sixteenth() {
        let mut acknowledgement = Acknowledgement::IDLE;
        assert_eq!(acknowledgement.due(), None);
        assert_eq!(frames(&mut acknowledgement, 1), 1_000);
        // 200 frames are acknowledged quickly.
        for sent in 1..200 {
            acknowledgement.sent(Mono(1_000), false);
            assert_eq!(acknowledgement.due(), None);
            assert_eq!(frames(&mut acknowledgement, 1), 1_025, "frame {sent}");
        }
        for (count, due) in [(1, 1_025), (15, 1_025), (16, 1_000), (17, 1_000)] {
            acknowledgement.sent(Mono(1_000), false);
            assert_eq!(frames(&mut acknowledgement, count), due, "{count} frames");
        }
        let mut early = Acknowledgement::IDLE;
        frames(&mut early, 1);
        for _ in 0..99 {
            early.sent(Mono(1_000), false);
            assert_eq!(frames(&mut early, 2), 1_000);
        }
        early.sent(Mono(1_000), false);
        assert_eq!(frames(&mut early, 1), 1_025);
        early.data(Mono(1_010), Gap::None, false);
        assert_eq!(early.due(), Some(Mono(1_025)), "it is not put off");
        early.data(Mono(1_010), Gap::None, true);
        assert_eq!(early.due(), Some(Mono(1_010)));
        early.stop();
        assert_eq!(early.due(), None);
    }

    /// At a gap, and with the third frame from it, the peer is told at once what is missing.
    #[test]
    fn a_gap_is_shown_at_once_and_again_when_its_frames_count_as_lost() {
        let mut acknowledgement = Acknowledgement::IDLE;
        frames(&mut acknowledgement, 1);
        let mut told = |gap| {
            acknowledgement.sent(Mono(1_000), false);
            acknowledgement.data(Mono(1_000), gap, false);
            acknowledgement.due() == Some(Mono(1_000))
        };
        for _ in 0..2 {
            assert!(told(Gap::Opens));
            assert_eq!([(); 8].map(|()| told(Gap::Open)), [false, true, false, false, false, false, false, false]);
            assert!(!told(Gap::None), "that it has closed is told by at_once");
        }
        assert_eq!([(); 4].map(|()| told(Gap::Open)), [false, false, true, false], "its beginning was not seen");
    }

    #[test]
    fn what_was_consumed_is_acknowledged_after_25_ms_or_16_frames() {
        let mut acknowledgement = Acknowledgement::IDLE;
        for count in 1..=16 {
            acknowledgement.consumed(Mono(1_000));
            let due = if count < 16 { 1_025 } else { 1_000 };
            assert_eq!(acknowledgement.due(), Some(Mono(due)), "{count}");
        }
        acknowledgement.sent(Mono(1_001), false);
        assert_eq!((acknowledgement.last, acknowledgement.ask_from), (Mono(1_001), Mono(0)));
        acknowledgement.sent(Mono(1_002), true);
        assert_eq!((acknowledgement.last, acknowledgement.ask_from), (Mono(1_002), Mono(6_002)));
        acknowledgement.consumed(Mono(2_000));
        assert_eq!(acknowledgement.due(), Some(Mono(2_025)), "the count begins anew");
    }
}
