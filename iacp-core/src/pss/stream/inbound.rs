//! The receiving half of a session: the receive window, the rolling hash, held frames.
//!
//! ```text
//!          E            come              newest
//!  ────────┼─────────────┼──────  ── ─────┼──────▶ sequence
//!  freed   │ here, not   │ lowest that    │
//!  there   │ acknowledged│ has not come   │ one above the highest that has
//! ```
//!
//! A side that acknowledges on delivery has E = come. A side that holds moves E when its application has consumed.

mod dock;

pub(crate) use dock::{Ahead, Heard};
use iacp_wire::Flags;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::frame::{BITMAP_MAX, CHAIN_LEN, HEARTBEATS, SHOWN_MAX, Vector, take_apart};
use super::keys::{Opening, Way};
use super::kind::ContentKind;
use crate::crypto::{Provider, Secret32, Suite};
use crate::pss::discard::{Discard, Violation};
use crate::pss::packed::Packed;

/// Why a frame is not accepted.
pub(crate) enum NotTaken {
    Discard(Discard),
    /// It is authentic and violates the protocol.
    Violation(Violation),
}

impl From<Discard> for NotTaken {
    fn from(discard: Discard) -> Self {
        Self::Discard(discard)
    }
}

impl From<Violation> for NotTaken {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// A frame from E on that has arrived: the data needed to check the chain when a gap closes, and to send the chain at
/// E.
#[derive(Clone, Copy)]
struct Early {
    chain: [u8; 32],
    tag: [u8; 16],
    state: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Empty,
    /// Content, which the application declares consumed.
    Content,
    /// A frame of the protocol, consumed together with the content before it.
    Own,
}

impl Early {
    const EMPTY: Self = Self { chain: [0; 32], tag: [0; 16], state: Place::Empty };

    fn clear(&mut self) {
        self.chain.zeroize();
        self.state = Place::Empty;
    }
}

/// Content of kind 5: line 16, next item to send 8, lowest item not safe 8.
pub(crate) const RESUME_CONTENT: usize = 32;
/// With RESUME, this many frames from E on are accepted, because delivered items are remembered only for this many.
const ITEMS_AHEAD: u64 = 256;

/// Whether two rolling hashes are the same one.
pub(crate) fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// A data frame that was taken.
pub(crate) struct Taken<'d> {
    pub(crate) kind: ContentKind,
    pub(crate) content: &'d mut [u8],
}

pub(crate) struct Inbound<P: Provider, const FRAMES: usize> {
    /// Its chain is the one at `come`.
    key: Opening<P>,
    /// The peer's initial sequence number.
    first: u64,
    /// E: the lowest sequence number that is not acknowledged.
    expected: u64,
    /// The lowest sequence number that has not arrived.
    come: u64,
    /// One more than the highest accepted sequence number.
    newest: u64,
    /// Frames from E on; the place of a sequence number is that number modulo `FRAMES`.
    early: [Early; FRAMES],
    window: u64,
    /// Whether RESUME was agreed: then the first frame must be kind 5, and no other.
    resume: bool,
    /// If this side holds: the application has consumed everything below this sequence number.
    consumed: Packed,
    /// The sequence number of the peer's FIN.
    fin: Packed,
    /// One more than the number of the last accepted heartbeat.
    heartbeats: u64,
    /// Set when the peer's key has changed: once everything below is acknowledged, no frame under the older key can
    /// still arrive.
    leaving: Packed,
}

impl<P: Provider, const FRAMES: usize> Inbound<P, FRAMES> {
    pub(crate) const IDLE: Self = {
        assert!(FRAMES.is_power_of_two(), "FRAMES must be a power of two");
        Self {
            key: Opening::IDLE,
            first: 0,
            expected: 0,
            come: 0,
            newest: 0,
            early: [Early::EMPTY; FRAMES],
            window: 0,
            resume: false,
            consumed: Packed::NONE,
            fin: Packed::NONE,
            heartbeats: 0,
            leaving: Packed::NONE,
        }
    };

    pub(crate) fn start(
        &mut self,
        prk: &Secret32,
        way: Way,
        suite: Suite,
        initial_sequence: u64,
        window: u32,
        (hold, resume): (bool, bool),
    ) {
        self.clear_places();
        self.resume = resume;
        (self.first, self.expected, self.come, self.newest) =
            (initial_sequence, initial_sequence, initial_sequence, initial_sequence);
        (self.fin, self.heartbeats, self.leaving) = (Packed::NONE, 0, Packed::NONE);
        self.consumed = hold.then_some(initial_sequence).into();
        self.set_window(window);
        self.key.start(prk, way, suite);
    }

    pub(crate) fn set_window(&mut self, window: u32) {
        let window = u64::from(window);
        self.window = if self.resume { window.min(ITEMS_AHEAD) } else { window };
    }

    fn clear_places(&mut self) {
        self.early.iter_mut().for_each(Early::clear);
    }

    pub(crate) fn wipe(&mut self) {
        self.key.wipe();
        self.clear_places();
    }

    /// Wipes the key, and what has come: a new session is not told of an earlier one.
    #[inline(never)]
    pub(crate) fn forget(&mut self) {
        self.key.forget();
        self.clear_places();
        (self.first, self.expected, self.come, self.newest, self.fin) = (0, 0, 0, 0, Packed::NONE);
    }

    /// E: the lowest sequence number that is not acknowledged.
    pub(crate) const fn expected(&self) -> u64 {
        self.expected
    }

    /// The lowest sequence number that has not arrived.
    pub(crate) const fn come(&self) -> u64 {
        self.come
    }

    /// Whether frame E has arrived and is not acknowledged.
    pub(crate) const fn holds(&self) -> bool {
        self.expected < self.come
    }

    /// The end of the window: with the present E, the peer cannot have sent this sequence number or a higher one.
    pub(crate) fn window_end(&self) -> u64 {
        self.expected.saturating_add(self.window.min(FRAMES as u64).min(SHOWN_MAX + 1))
    }

    /// The rolling hash at E.
    pub(crate) fn chain(&self) -> [u8; 32] {
        let held = self.early.get(Self::index(self.expected)).filter(|_| self.holds());
        held.map_or(self.key.chain, |early| early.chain)
    }

    /// The whole sequence of the newest heartbeat taken; 0 if none was.
    pub(crate) const fn echo(&self) -> u64 {
        match self.heartbeats {
            0 => 0,
            next => HEARTBEATS + (next - 1),
        }
    }

    /// Whether a frame after a missing one has arrived.
    pub(crate) const fn has_gap(&self) -> bool {
        self.newest > self.come
    }

    /// Whether the peer's FIN and everything before it has arrived.
    pub(crate) fn complete(&self) -> bool {
        self.fin.get().is_some_and(|fin| fin < self.come)
    }

    /// The sequence number of the peer's FIN.
    pub(crate) const fn fin(&self) -> Option<u64> {
        self.fin.get()
    }

    pub(crate) const fn key_spent(&self) -> bool {
        self.key.is_spent()
    }

    /// The newest generation of the peer's key under which a frame has opened.
    pub(crate) const fn generation(&self) -> u32 {
        self.key.newest_generation()
    }

    #[cfg(test)]
    pub(crate) const fn key_mut(&mut self) -> &mut Opening<P> {
        &mut self.key
    }

    /// One more than the highest accepted sequence number.
    pub(crate) const fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether this sequence number is above all earlier ones of its sort: only such a frame makes its source address a
    /// candidate.
    pub(crate) const fn is_newest(&self, sequence: u64) -> bool {
        if sequence >= HEARTBEATS { sequence - HEARTBEATS >= self.heartbeats } else { sequence >= self.newest }
    }

    /// Whether the peer's send chain at its next sequence equals ours; `true` if it cannot be compared.
    pub(crate) fn fits(&self, next_send: u64, send_chain: &[u8; 32]) -> bool {
        next_send != self.come || same(&self.key.chain, send_chain)
    }

    #[allow(clippy::cast_possible_truncation, reason = "FRAMES is a power of two: the mask leaves less than a usize")]
    const fn index(sequence: u64) -> usize {
        sequence as usize & (FRAMES - 1)
    }

    fn is_here(&self, sequence: u64) -> bool {
        sequence < self.newest && self.early.get(Self::index(sequence)).is_some_and(|early| early.state != Place::Empty)
    }

    /// The present length of a heartbeat's bitmap, in bytes.
    pub(crate) fn bitmap_len(&self) -> usize {
        let above = self.newest.saturating_sub(self.expected + 1);
        let mut bits = above.min(SHOWN_MAX).min(FRAMES as u64 - 1);
        while bits > 0 && !self.is_here(self.expected + bits) {
            bits -= 1;
        }
        usize::try_from(bits.div_ceil(8)).unwrap_or(0).min(BITMAP_MAX)
    }

    /// Writes the bitmap of a heartbeat.
    pub(crate) fn write_bitmap(&self, bitmap: &mut [u8]) {
        let mut sequence = self.expected + 1;
        for byte in bitmap {
            *byte = 0;
            for bit in 0..8 {
                if self.is_here(sequence) {
                    *byte |= 0x80 >> bit;
                }
                sequence += 1;
            }
        }
    }

    /// Takes a data frame: opens it in place, once, and checks its rolling hash.
    // keeps: IACP-150 (§6.4.5)
    pub(crate) fn take<'d>(
        &mut self,
        sequence: u64,
        nonce: [u8; 12],
        flags: Flags,
        datagram: &'d mut [u8],
    ) -> Result<Taken<'d>, NotTaken> {
        let Some(ahead) = sequence.checked_sub(self.expected) else { return Err(Discard::Duplicate.into()) };
        if ahead >= self.window {
            return Err(Discard::BeyondWindow.into());
        }
        // A side that holds keeps no frame that the bitmap could not show.
        if ahead >= FRAMES as u64 || (!self.consumed.is_none() && ahead > SHOWN_MAX) {
            return Err(Discard::NoRoom.into());
        }
        if sequence < self.come || self.is_here(sequence) {
            return Err(Discard::Duplicate.into());
        }
        // The first frame names the line. Before it has arrived, other frames are treated as lost.
        let is_first = sequence == self.first;
        if self.resume && self.come == self.first && !is_first {
            return Err(Discard::NotNow.into());
        }
        let (aad, plaintext, tag) = take_apart(datagram).ok_or(Discard::Malformed)?;
        self.key.open(sequence, nonce, aad, plaintext, tag)?;
        let tag = *tag;
        let (chain, rest) = plaintext.split_first_chunk_mut::<CHAIN_LEN>().ok_or(Violation::Plaintext)?;
        let (code, content) = rest.split_first_mut().ok_or(Violation::Plaintext)?;
        let (chain, code) = (*chain, *code);
        let kind = ContentKind::from_code(code).ok_or(Violation::Kind(code))?;
        let names_line = self.resume && is_first;
        if (kind == ContentKind::Resume) != names_line || (names_line && content.len() != RESUME_CONTENT) {
            return Err(Violation::Kind(code).into());
        }
        let fin = flags.contains(Flags::FIN);
        let after_fin = self.fin.get().is_some_and(|last| sequence > last);
        let misplaced = fin
            && (!content.is_empty() || kind != ContentKind::Anml || !self.fin.is_none() || sequence + 1 < self.newest);
        if after_fin || misplaced {
            return Err(Violation::Fin.into());
        }
        let state = if kind == ContentKind::Anml && !fin { Place::Content } else { Place::Own };
        if let Some(place) = self.early.get_mut(Self::index(sequence)) {
            *place = Early { chain, tag, state };
        }
        self.newest = self.newest.max(sequence + 1);
        if sequence == self.come {
            self.advance()?;
        }
        if fin {
            self.fin = Packed::of(sequence);
        }
        self.leave_low();
        Ok(Taken { kind, content })
    }

    /// The lowest missing frame has arrived: the chain is advanced over it and over all frames that waited behind it.
    fn advance(&mut self) -> Result<(), Violation> {
        while self.is_here(self.come) {
            let Some(place) = self.early.get_mut(Self::index(self.come)) else { break };
            if !same(&place.chain, &self.key.chain) {
                return Err(Violation::Chain);
            }
            self.key.chain = P::sha256(&[&place.chain, &place.tag]);
            self.come += 1;
        }
        self.acknowledge();
        Ok(())
    }

    /// Advances E as far as allowed. Returns whether it moved.
    fn acknowledge(&mut self) -> bool {
        let before = self.expected;
        while self.expected < self.come {
            let Some(place) = self.early.get_mut(Self::index(self.expected)) else { break };
            if self.consumed.get().is_some_and(|consumed| consumed <= self.expected && place.state == Place::Content) {
                break;
            }
            place.clear();
            self.expected += 1;
        }
        self.expected > before
    }

    /// Notes that the application has consumed everything below `sequence`. `None` if that has not arrived, or if this
    /// side does not hold; otherwise whether E has moved.
    pub(crate) fn consume(&mut self, sequence: u64) -> Option<bool> {
        let consumed = self.consumed.get().filter(|_| sequence <= self.come)?;
        self.consumed = Packed::of(sequence.max(consumed));
        let moved = self.acknowledge();
        self.leave_low();
        Some(moved)
    }

    /// The next frames of content that have arrived in order and are not consumed, at most `count` of them: the
    /// sequence number after the last of them, and their number. `None` if this side does not hold.
    pub(crate) fn next_contents(&self, count: u64) -> Option<(u64, u64)> {
        let mut at = self.consumed.get()?.max(self.expected);
        let mut found = (at, 0);
        while found.1 < count && at < self.come {
            let place = self.early.get(Self::index(at))?;
            at += 1;
            if place.state == Place::Content {
                found = (at, found.1 + 1);
            }
        }
        Some(found)
    }

    /// Forgets held content that is not consumed: the peer sends it again. `None` if this side does not hold.
    pub(crate) fn rewind(&mut self) -> Option<()> {
        self.consumed.get()?;
        self.key.chain = self.chain();
        (self.come, self.newest) = (self.expected, self.expected);
        self.fin = self.fin.get().filter(|fin| *fin < self.expected).into();
        self.clear_places();
        Some(())
    }

    /// Takes a heartbeat, if it is newer than all before it: its vector, and its sender's send chain.
    pub(crate) fn take_heartbeat<'d>(
        &mut self,
        sequence: u64,
        nonce: [u8; 12],
        flags: Flags,
        datagram: &'d mut [u8],
    ) -> Result<(Vector<'d>, [u8; 32]), NotTaken> {
        let number = sequence - HEARTBEATS;
        if number < self.heartbeats {
            return Err(Discard::Stale.into());
        }
        if flags.contains(Flags::FIN) {
            return Err(Discard::Fin.into());
        }
        let (aad, plaintext, tag) = take_apart(datagram).ok_or(Discard::Malformed)?;
        let ahead = self.key.open(sequence, nonce, aad, plaintext, tag)?;
        let (send_chain, rest) = plaintext.split_first_chunk::<CHAIN_LEN>().ok_or(Violation::Plaintext)?;
        let (kind, content) = rest.split_first().ok_or(Violation::Plaintext)?;
        if *kind != ContentKind::HEARTBEAT {
            return Err(Violation::Kind(*kind).into());
        }
        let vector = Vector::read(content)?;
        self.heartbeats = number + 1;
        if ahead && self.leaving.is_none() {
            self.leaving = Packed::of(vector.next_send);
        }
        self.leave_low();
        Ok((vector, *send_chain))
    }

    /// Wipes the older key once no frame under it can still arrive, not even a held frame that may be forgotten and
    /// sent again.
    fn leave_low(&mut self) {
        if self.leaving.get().is_some_and(|sequence| self.expected >= sequence) {
            self.key.leave_low();
            self.leaving = Packed::NONE;
        }
    }
}

impl<P: Provider, const FRAMES: usize> Drop for Inbound<P, FRAMES> {
    fn drop(&mut self) {
        // The key wipes itself.
        self.clear_places();
    }
}

#[cfg(test)]
mod tests;
