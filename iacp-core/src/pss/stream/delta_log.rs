//! The delta log: the sealed frames that the peer has not acknowledged, in a ring of the session's own memory.
//!
//! A frame is sealed once and its bytes are kept: a repetition sends the same bytes, so no nonce is used twice.
//! `loss.rs` evaluates the peer's heartbeats; [`Congestion`] decides how many frames may be sent, and when.

use zeroize::Zeroize;

use super::congestion::{Congestion, InFlight};
use super::frame::OVERHEAD;
use super::rtt::Rtt;
use crate::time::{Mono, soonest};

/// Frames in flight, at most, from a heartbeat that withdraws what an earlier one showed until a frame is acknowledged.
const AFTER_WITHDRAWAL: u32 = 2;

/// The status of a frame in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Never sent.
    Waiting,
    /// Sent, with no news of it.
    Flying,
    /// The newest heartbeat shows that it has arrived.
    Shown,
    /// To be sent again.
    Due,
}

/// Two bytes for each slot, stored apart from the slots because a heartbeat visits many of them.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) standing: Standing,
    /// All facts in one byte: a mark has two.
    facts: u8,
}

impl Mark {
    const REPEATED: u8 = 0x1;
    const CONTENT: u8 = 0x2;
    const CAME: u8 = 0x4;

    pub(super) const WAITING: Self = Self { standing: Standing::Waiting, facts: 0 };

    /// Whether it was sent more than once: then it gives no round-trip sample (Karn).
    pub(super) const fn repeated(self) -> bool {
        self.facts & Self::REPEATED != 0
    }

    /// Whether it has content of the application.
    pub(super) const fn content(self) -> bool {
        self.facts & Self::CONTENT != 0
    }

    /// Whether a heartbeat has acknowledged or shown it before: a peer may show a frame, not show it, and show it again.
    pub(super) const fn came(self) -> bool {
        self.facts & Self::CAME != 0
    }
}

#[derive(Clone, Copy)]
pub(super) struct Slot<S> {
    /// The rolling hash before this frame, which equals the peer's receive chain when the peer expects this frame.
    chain: [u8; 32],
    at: u32,
    pub(super) length: u32,
    /// When it was last sent: the low 32 bits of the milliseconds.
    pub(super) sent: u32,
    /// The number of that transmission among all, modulo 2^32.
    pub(super) order: u32,
    pub(super) stamp: S,
}

/// The sealed and unacknowledged frames of one direction: at most `FRAMES` of them, in `LOG` bytes.
pub(crate) struct DeltaLog<C: Congestion, const LOG: usize, const FRAMES: usize> {
    /// The oldest sequence number that is not acknowledged.
    pub(super) first: u64,
    /// The oldest sequence number that was never sent.
    pub(super) unsent: u64,
    /// The next to be sealed.
    pub(super) next: u64,
    /// No sequence number below this is due.
    pub(super) cursor: u64,
    /// One more than the highest sequence number that the newest heartbeat shows.
    pub(super) top: u64,
    /// The latest time that the log was given.
    pub(super) clock: Mono,
    /// When the repetition time began to run. It is valid only while frames are in flight.
    pub(super) waiting_since: Mono,
    /// The peer's receive window, in frames.
    window: u32,
    /// Where the newest frame ends.
    end: u32,
    /// The end of the part of the ring that was written since it was last erased.
    written: u32,
    pub(super) flight: InFlight,
    /// Frames that are due again.
    pub(super) due: u32,
    /// Sendings so far.
    pub(super) sendings: u32,
    /// The newest transmission that is known to have arrived.
    pub(super) arrived: u32,
    /// Repetitions by time since the last news.
    pub(super) doublings: u32,
    /// The time of the newest transmission: the low 32 bits of the milliseconds.
    launched: u32,
    /// When the first of the overtaken frames counts as lost: the same.
    pub(super) late: u32,
    /// There is such a frame.
    pub(super) overtaken: bool,
    /// Whether the last frame, or everything, was sent again since the last news.
    pub(super) probed: bool,
    /// A heartbeat has withdrawn what an earlier one showed, and nothing was acknowledged since.
    pub(super) withdrawn: bool,
    /// What [`Self::transmit`] gave last.
    pub(super) last: Option<u64>,
    pub(super) rtt: Rtt,
    pub(super) congestion: C,
    /// Whether it was wiped: after [`Self::wipe`] only the numbers are left.
    pub(super) wiped: bool,
    /// How many frames with content were acknowledged, modulo 2^32.
    pub(crate) contents: u32,
    /// The mark and the slot of a sequence number have that number modulo `FRAMES` as their index.
    pub(super) marks: [Mark; FRAMES],
    slots: [Slot<C::Stamp>; FRAMES],
    bytes: [u8; LOG],
}

impl<C: Congestion, const LOG: usize, const FRAMES: usize> DeltaLog<C, LOG, FRAMES> {
    /// An empty log that sends nothing before [`Self::restart`].
    pub(crate) const IDLE: Self = {
        assert!(FRAMES.is_power_of_two(), "FRAMES must be a power of two: an index is a mask, not a division");
        assert!(LOG >= OVERHEAD && LOG < u32::MAX as usize, "LOG must hold one frame and stay below 4 GiB");
        Self {
            first: 0,
            unsent: 0,
            next: 0,
            cursor: 0,
            top: 0,
            clock: Mono(0),
            waiting_since: Mono(0),
            window: 0,
            end: 0,
            written: 0,
            flight: InFlight { frames: 0, bytes: 0 },
            due: 0,
            sendings: 0,
            arrived: 0,
            doublings: 0,
            launched: 0,
            late: 0,
            overtaken: false,
            probed: false,
            withdrawn: false,
            last: None,
            rtt: Rtt::NONE,
            congestion: C::IDLE,
            wiped: false,
            contents: 0,
            marks: [Mark::WAITING; FRAMES],
            slots: [Slot { chain: [0; 32], at: 0, length: 0, sent: 0, order: 0, stamp: C::NO_STAMP }; FRAMES],
            bytes: [0; LOG],
        }
    };

    /// Empties the log, sets the next sequence number, and forgets the path. The window stays.
    pub(crate) fn restart(&mut self, first: u64) {
        self.clear(first);
        (self.wiped, self.withdrawn) = (false, false);
        self.new_path();
    }

    /// Nothing of an earlier session is told any more; the first frame will have this number. It takes none yet.
    pub(crate) fn clear(&mut self, first: u64) {
        self.wipe();
        (self.first, self.unsent, self.next, self.cursor, self.top) = (first, first, first, first, first);
        (self.sendings, self.arrived, self.contents, self.clock) = (0, 0, 0, Mono(0));
    }

    /// Erases the chains and the frames. The range of unacknowledged frames stays readable: [`Self::first`] and
    /// [`Self::next`].
    pub(crate) fn wipe(&mut self) {
        // The chain of a frame is erased when it is acknowledged, so only these chains are left.
        for sequence in self.first..self.next {
            self.forget(sequence);
        }
        let written = usize::try_from(self.written).unwrap_or(LOG);
        self.bytes.get_mut(..written).unwrap_or_default().zeroize();
        (self.written, self.end, self.due, self.last) = (0, 0, 0, None);
        (self.flight, self.unsent, self.overtaken, self.wiped) = (InFlight::default(), self.next, false, true);
    }

    fn new_path(&mut self) {
        (self.rtt, self.doublings, self.last) = (Rtt::NONE, 0, None);
        (self.overtaken, self.probed) = (false, false);
        self.congestion.restart();
    }

    /// The oldest unacknowledged sequence number.
    pub(crate) const fn first(&self) -> u64 {
        self.first
    }

    /// The sequence number to be sealed next.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Whether every sealed frame is acknowledged.
    pub(crate) const fn is_empty(&self) -> bool {
        self.first == self.next
    }

    /// Whether every sealed frame is acknowledged or shown.
    #[cfg(test)]
    pub(crate) const fn all_shown(&self) -> bool {
        self.flight.frames == 0 && self.due == 0 && self.unsent == self.next
    }

    /// Sets the peer's receive window: frames from `first() + frames` on wait.
    pub(crate) const fn set_window(&mut self, frames: u32) {
        self.window = frames;
    }

    /// The repetition time after the repetitions so far, in milliseconds.
    pub(crate) fn repetition_time(&self) -> u64 {
        self.rtt.repetition_time(self.doublings)
    }

    /// Repetitions by time since the last news.
    pub(crate) const fn doublings(&self) -> u32 {
        self.doublings
    }

    /// The smoothed round-trip time, in milliseconds.
    #[cfg(test)]
    pub(crate) const fn smoothed(&self) -> Option<u64> {
        self.rtt.smoothed()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the mask is below FRAMES, which is a usize")]
    pub(super) const fn index(sequence: u64) -> usize {
        (sequence & (FRAMES as u64 - 1)) as usize
    }

    pub(super) fn slot(&self, sequence: u64) -> Option<&Slot<C::Stamp>> {
        self.slots.get(Self::index(sequence))
    }

    pub(super) fn mark(&self, sequence: u64) -> Mark {
        self.marks.get(Self::index(sequence)).copied().unwrap_or(Mark::WAITING)
    }

    pub(super) fn set(&mut self, sequence: u64, standing: Standing) {
        if let Some(mark) = self.marks.get_mut(Self::index(sequence)) {
            mark.standing = standing;
        }
    }

    pub(super) fn note_arrival(&mut self, sequence: u64) {
        if let Some(mark) = self.marks.get_mut(Self::index(sequence)) {
            mark.facts |= Mark::CAME;
        }
    }

    /// Erases the slot of an acknowledged frame.
    pub(super) fn forget(&mut self, sequence: u64) {
        if let Some(slot) = self.slots.get_mut(Self::index(sequence)) {
            slot.chain.zeroize();
        }
    }

    /// Frees the ring's memory below the oldest unacknowledged frame.
    pub(super) const fn freed(&mut self) {
        if self.is_empty() {
            self.end = 0;
        }
    }

    /// Contiguous room for a frame of this length, if there is any.
    pub(crate) fn room(&mut self, length: usize) -> Option<&mut [u8]> {
        let at = self.place(length)?;
        self.bytes.get_mut(at..at.checked_add(length)?)
    }

    fn place(&self, length: usize) -> Option<usize> {
        if self.wiped || self.next.saturating_sub(self.first) >= FRAMES as u64 {
            return None;
        }
        if self.is_empty() {
            return (length <= LOG).then_some(0);
        }
        let oldest = usize::try_from(self.slot(self.first)?.at).ok()?;
        let end = usize::try_from(self.end).ok()?;
        if end <= oldest {
            // The newest frames are already before the oldest in the ring; they must not touch, or a full ring would
            // look like an empty one.
            return (oldest - end > length).then_some(end);
        }
        if LOG - end >= length {
            return Some(end);
        }
        (oldest > length).then_some(0)
    }

    /// Adds the sealed frame that was written into [`Self::room`]; it has the next sequence number. `chain` is the
    /// rolling hash before it; `content` tells whether it has content of the application.
    pub(crate) fn push(&mut self, length: usize, chain: [u8; 32], content: bool, now: Mono) {
        let Some(at) = self.place(length) else { return };
        let Some(slot) = self.slots.get_mut(Self::index(self.next)) else { return };
        // Both are at most LOG, which is below 4 GiB.
        let (Ok(at), Ok(length)) = (u32::try_from(at), u32::try_from(length)) else { return };
        (slot.chain, slot.at, slot.length) = (chain, at, length);
        if let Some(mark) = self.marks.get_mut(Self::index(self.next)) {
            *mark = Mark { facts: if content { Mark::CONTENT } else { 0 }, ..Mark::WAITING };
        }
        self.end = at + length;
        self.written = self.written.max(self.end);
        self.next += 1;
        self.clock = self.clock.max(now);
    }

    /// The frames that are not acknowledged, in order: their bytes, and whether there is content of the application in them.
    pub(crate) fn frames(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let known = if self.wiped { self.next..self.next } else { self.first..self.next };
        known.map_while(|sequence| {
            let slot = self.slot(sequence)?;
            let (at, length) = (usize::try_from(slot.at).ok()?, usize::try_from(slot.length).ok()?);
            Some((self.bytes.get(at..at.checked_add(length)?)?, self.mark(sequence).content()))
        })
    }

    /// The peer's receive window, in frames.
    pub(crate) const fn window(&self) -> u32 {
        self.window
    }

    /// To be called after another host's frames were pushed: every frame within the window may have been sent, and is
    /// due. What of it arrives before this side sends it was sent at an unknown time, and measures nothing.
    pub(crate) fn all_may_be_sent(&mut self) {
        self.unsent = self.next.min(self.first.saturating_add(u64::from(self.window)));
        (self.cursor, self.top) = (self.first, self.first);
        for sequence in self.first..self.unsent {
            self.due_again(sequence);
            let (now, index) = (low(self.clock), Self::index(sequence));
            if let (Some(mark), Some(slot)) = (self.marks.get_mut(index), self.slots.get_mut(index)) {
                mark.facts |= Mark::REPEATED;
                (slot.sent, slot.order) = (now, self.sendings);
            }
        }
    }

    /// The rolling hash before an unacknowledged frame.
    pub(crate) fn chain_before(&self, sequence: u64) -> Option<[u8; 32]> {
        let known = !self.wiped && (self.first..self.next).contains(&sequence);
        self.slot(sequence).filter(|_| known).map(|slot| slot.chain)
    }

    /// Whether there is a frame that was never sent and is within the peer's window.
    fn fresh(&self) -> bool {
        self.unsent < self.next && self.unsent - self.first < u64::from(self.window)
    }

    /// Whether the flight has room for one more frame. One frame may always be in flight.
    fn open(&self) -> bool {
        let withheld = self.withdrawn && self.flight.frames >= AFTER_WITHDRAWAL;
        self.flight.frames == 0 || (!withheld && self.congestion.may_send(self.flight))
    }

    /// When the repetition time ends, if anything is in flight.
    fn timer(&self) -> Option<Mono> {
        (self.flight.frames > 0).then(|| self.waiting_since.after(self.repetition_time()))
    }

    /// When the first overtaken frame counts as lost.
    fn late(&self) -> Option<Mono> {
        self.overtaken.then(|| self.clock.nearest(self.late))
    }

    /// When the last frame is sent again, because nothing else is waiting and the heartbeat that would show it is
    /// overdue.
    fn probe(&self) -> Option<Mono> {
        let tail = self.flight.frames > 0 && !self.probed && self.due == 0 && !self.fresh();
        let after = self.rtt.probe_after().filter(|_| tail)?;
        Some(self.clock.nearest(self.launched).after(after))
    }

    /// When [`Self::transmit`] has something next. `None` if that depends only on the peer or the application.
    pub(crate) fn due(&self) -> Option<Mono> {
        let paced = ((self.due > 0 || self.fresh()) && self.open()).then(|| self.congestion.next().max(self.clock));
        soonest(&[paced, self.timer(), self.late(), self.probe()])
    }

    /// Whether a frame is to be sent but the flight or the peer's window has no room for it.
    #[cfg(test)]
    pub(crate) fn blocked(&self) -> bool {
        let waits = self.due > 0 || self.unsent < self.next;
        waits && !((self.due > 0 || self.fresh()) && self.open())
    }

    /// The next frame that may be sent now: the lowest one to be repeated, or otherwise the next that was never sent.
    pub(crate) fn transmit(&mut self, now: Mono) -> Option<&[u8]> {
        self.clock = self.clock.max(now);
        self.last = None;
        let passed = |timer: Option<Mono>| timer.is_some_and(|timer| timer <= now);
        if passed(self.timer()) {
            self.time_out(now);
        } else if passed(self.late()) {
            self.find_lost(now);
        } else if passed(self.probe()) {
            self.repeat_last();
        }
        let open = self.open();
        let Some(sequence) = self.candidate() else {
            if open && !self.wiped {
                self.congestion.starved(self.flight);
            }
            return None;
        };
        if !open || self.congestion.next() > now {
            return None;
        }
        self.launch(now, sequence)
    }

    /// The sequence number that is sent next.
    fn candidate(&mut self) -> Option<u64> {
        while self.due > 0 && self.cursor < self.unsent {
            if self.mark(self.cursor).standing == Standing::Due {
                return Some(self.cursor);
            }
            self.cursor += 1;
        }
        self.fresh().then_some(self.unsent)
    }

    fn launch(&mut self, now: Mono, sequence: u64) -> Option<&[u8]> {
        let (index, flight) = (Self::index(sequence), self.flight);
        let (mark, slot) = (self.marks.get_mut(index)?, self.slots.get_mut(index)?);
        if mark.standing == Standing::Due {
            mark.facts |= Mark::REPEATED;
            self.due -= 1;
        } else {
            self.unsent = sequence + 1;
        }
        mark.standing = Standing::Flying;
        self.sendings = self.sendings.wrapping_add(1);
        (slot.sent, slot.order) = (low(now), self.sendings);
        self.launched = slot.sent;
        slot.stamp = self.congestion.sent(now, slot.length, flight);
        if flight.frames == 0 {
            self.waiting_since = now;
        }
        self.flight = InFlight { frames: flight.frames + 1, bytes: flight.bytes.saturating_add(slot.length) };
        self.last = Some(sequence);
        let (at, length) = (usize::try_from(slot.at).ok()?, usize::try_from(slot.length).ok()?);
        self.skip_shown();
        self.bytes.get(at..at.checked_add(length)?)
    }

    /// The frame that [`Self::transmit`] returned last.
    pub(crate) fn last_bytes(&self) -> Option<&[u8]> {
        let slot = self.slot(self.last?)?;
        let (at, length) = (usize::try_from(slot.at).ok()?, usize::try_from(slot.length).ok()?);
        self.bytes.get(at..at.checked_add(length)?)
    }

    /// The frame that [`Self::transmit`] returned last was not sent: it is the next again, and counts as not sent.
    pub(crate) fn not_sent(&mut self) {
        let Some(sequence) = self.last.take() else { return };
        let mark = self.mark(sequence);
        let Some(length) = self.slot(sequence).map(|slot| slot.length) else { return };
        if mark.standing != Standing::Flying {
            return;
        }
        if mark.repeated() {
            // The mark stays: the time of the earlier transmission is lost, so the frame gives no sample.
            self.due_again(sequence);
        } else {
            self.set(sequence, Standing::Waiting);
            self.unsent = sequence;
        }
        self.land(length);
        self.sendings = self.sendings.wrapping_sub(1);
        self.congestion.not_sent(length);
    }

    /// The path has changed, or was interrupted: all frames that were sent and are neither acknowledged nor shown are
    /// due immediately, in order, and round-trip time and congestion control start again (`IACP §6.4.2`).
    pub(crate) fn repeat_all(&mut self, now: Mono) {
        self.clock = self.clock.max(now);
        self.flight_is_due();
        self.new_path();
    }
}

impl<C: Congestion, const LOG: usize, const FRAMES: usize> Drop for DeltaLog<C, LOG, FRAMES> {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// The low 32 bits of a moment: enough for frames that are in flight for less than 49 days.
#[expect(clippy::cast_possible_truncation, reason = "truncation is what it does")]
pub(super) const fn low(moment: Mono) -> u32 {
    moment.0 as u32
}

#[cfg(test)]
mod tests;
