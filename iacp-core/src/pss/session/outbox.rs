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
