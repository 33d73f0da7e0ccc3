//! The delta log: the sealed frames that the peer has not acknowledged, in a ring of the session's own memory.
//!
//! A frame is sealed once and its bytes are kept: a repetition sends the same bytes, so no nonce is used twice.

use zeroize::Zeroize;

use super::frame::OVERHEAD;
use crate::time::{Backoff, Mono};

#[derive(Clone, Copy)]
struct Slot {
    at: usize,
    length: usize,
    /// The rolling hash in front of this frame: what the peer's receive chain is when it expects it.
    chain: [u8; 32],
    repeat: Backoff,
}

pub(crate) struct DeltaLog<const LOG: usize, const FRAMES: usize> {
    bytes: [u8; LOG],
    /// The slot of a sequence number is that number modulo `FRAMES`.
    slots: [Slot; FRAMES],
    /// The oldest sequence number that is not acknowledged.
    first: u64,
    /// The oldest that was never sent.
    unsent: u64,
    /// The next to be sealed.
    next: u64,
    /// Where the newest frame ends.
    end: usize,
    /// The earliest repetition among what was sent.
    earliest: Option<Mono>,
}

impl<const LOG: usize, const FRAMES: usize> DeltaLog<LOG, FRAMES> {
    pub(crate) const fn new(first: u64) -> Self {
        const { assert!(FRAMES > 0 && LOG >= OVERHEAD, "a session needs room for one frame") };
        let empty = Slot { at: 0, length: 0, chain: [0; 32], repeat: Backoff::now(Mono(0)) };
        Self { bytes: [0; LOG], slots: [empty; FRAMES], first, unsent: first, next: first, end: 0, earliest: None }
    }

    /// Empties the log and sets the sequence number that comes next.
    pub(crate) fn restart(&mut self, first: u64) {
        for slot in &mut self.slots {
            slot.chain.zeroize();
        }
        (self.first, self.unsent, self.next, self.end, self.earliest) = (first, first, first, 0, None);
    }

    pub(crate) const fn first(&self) -> u64 {
        self.first
    }

    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first == self.next
    }

    fn index(sequence: u64) -> usize {
        usize::try_from(sequence % FRAMES as u64).unwrap_or(0)
    }

    fn slot(&self, sequence: u64) -> Option<&Slot> {
        if (self.first..self.next).contains(&sequence) { self.slots.get(Self::index(sequence)) } else { None }
    }

    /// Contiguous room for a frame of this length, if there is any.
    pub(crate) fn room(&mut self, length: usize) -> Option<&mut [u8]> {
        let at = self.place(length)?;
        self.bytes.get_mut(at..at.checked_add(length)?)
    }

    fn place(&self, length: usize) -> Option<usize> {
        if self.next.saturating_sub(self.first) >= FRAMES as u64 {
            return None;
        }
        let Some(oldest) = self.slot(self.first).map(|slot| slot.at) else {
            return (length <= LOG).then_some(0);
        };
        if self.end <= oldest {
            // The newest frames already stand in front of the oldest; never touch, or full would look like empty.
            return (oldest - self.end > length).then_some(self.end);
        }
        if LOG - self.end >= length {
            return Some(self.end);
        }
        (oldest > length).then_some(0)
    }

    /// The frame that was written into [`Self::room`] is sealed: it has the next sequence number, and is due at once.
    pub(crate) fn push(&mut self, length: usize, chain: [u8; 32], now: Mono) {
        let Some(at) = self.place(length) else { return };
        let Some(slot) = self.slots.get_mut(Self::index(self.next)) else { return };
        *slot = Slot { at, length, chain, repeat: Backoff::now(now) };
        self.end = at + length;
        self.next += 1;
    }

    /// The rolling hash in front of an unacknowledged frame.
    pub(crate) fn chain_before(&self, sequence: u64) -> Option<[u8; 32]> {
        self.slot(sequence).map(|slot| slot.chain)
    }

    /// Everything below `sequence` has arrived.
    pub(crate) fn acknowledge(&mut self, sequence: u64) {
        if sequence <= self.first || sequence > self.next {
            return;
        }
        self.first = sequence;
        self.unsent = self.unsent.max(sequence);
        if self.first == self.next {
            self.end = 0;
        }
        self.find_earliest();
    }

    fn find_earliest(&mut self) {
        self.earliest =
            (self.first..self.unsent).filter_map(|sequence| self.slot(sequence)).map(|slot| slot.repeat.due()).min();
    }

    /// When the next frame is to be sent.
    pub(crate) fn due(&self) -> Option<Mono> {
        let fresh = self.slot(self.unsent).map(|slot| slot.repeat.due());
        self.earliest.into_iter().chain(fresh).min()
    }

    /// The next frame that is due: repetitions first, then what was never sent.
    pub(crate) fn transmit(&mut self, now: Mono) -> Option<&[u8]> {
        let sequence = if self.earliest.is_some_and(|earliest| earliest <= now) {
            (self.first..self.unsent)
                .find(|sequence| self.slot(*sequence).is_some_and(|slot| slot.repeat.due() <= now))?
        } else if self.unsent < self.next {
            self.unsent
        } else {
            return None;
        };
        let slot = self.slots.get_mut(Self::index(sequence))?;
        slot.repeat.done(now);
        let (at, length, due) = (slot.at, slot.length, slot.repeat.due());
        if sequence == self.unsent {
            self.unsent += 1;
            self.earliest = Some(self.earliest.map_or(due, |earliest| earliest.min(due)));
        } else {
            self.find_earliest();
        }
        self.bytes.get(at..at + length)
    }

    /// Everything that was sent is sent again, from now on and with short pauses (`IACP §6.4.2`).
    pub(crate) fn repeat_all(&mut self, now: Mono) {
        for sequence in self.first..self.unsent {
            if let Some(slot) = self.slots.get_mut(Self::index(sequence)) {
                slot.repeat = Backoff::now(now);
            }
        }
        self.find_earliest();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes a frame whose every byte is `mark`.
    fn push<const L: usize, const F: usize>(log: &mut DeltaLog<L, F>, length: usize, mark: u8) -> bool {
        let Some(room) = log.room(length) else { return false };
        room.fill(mark);
        log.push(length, [mark; 32], Mono(0));
        true
    }

    #[test]
    fn what_is_unacknowledged_is_never_overwritten() {
        let mut log = DeltaLog::<100, 8>::new(7);
        assert!(!push(&mut log, 101, 0), "longer than the log");
        for mark in 0..3 {
            assert!(push(&mut log, 30, mark));
        }
        assert!(!push(&mut log, 30, 9), "10 bytes are left");
        log.acknowledge(8);
        assert!(!push(&mut log, 30, 9), "30 bytes in front, but touching would make full look empty");
        assert!(push(&mut log, 29, 3));
        log.repeat_all(Mono(0));
        for mark in [1, 2, 3] {
            let frame = log.transmit(Mono(0)).expect("all are due");
            assert!(frame.iter().all(|byte| *byte == mark), "frame {mark} is whole");
        }
        assert_eq!(log.transmit(Mono(0)), None);
    }

    #[test]
    fn pauses_double_from_250_ms_to_8_s() {
        let mut log = DeltaLog::<100, 8>::new(0);
        push(&mut log, 10, 1);
        let mut times = [0_u64; 9];
        for time in &mut times {
            let due = log.due().expect("never acknowledged");
            *time = due.0;
            assert!(log.transmit(due).is_some());
            assert!(log.transmit(due).is_none());
        }
        assert_eq!(times, [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 23_750, 31_750]);
        log.acknowledge(1);
        assert_eq!(log.due(), None);
    }

    #[test]
    fn acknowledgements_out_of_range_change_nothing() {
        let mut log = DeltaLog::<100, 2>::new(5);
        push(&mut log, 10, 1);
        push(&mut log, 10, 2);
        assert!(!push(&mut log, 10, 3), "two frames in flight");
        log.acknowledge(8);
        log.acknowledge(4);
        assert_eq!((log.first(), log.next()), (5, 7));
        assert_eq!(log.chain_before(6), Some([2; 32]));
        assert_eq!(log.chain_before(7), None);
    }
}
