//! The sending half of a session: sealing, the rolling hash, heartbeats, key renewal, and the peer's vectors.

use iacp_wire::Flags;

use super::congestion::Congestion;
use super::delta_log::DeltaLog;
use super::frame::{Cookies, HEARTBEAT_LEN, HEARTBEATS, OVERHEAD, Vector, seal_frame, seal_heartbeat};
use super::inbound::{Inbound, same};
use super::keys::{KeyState, Sealing, Way};
use super::kind::ContentKind;
use super::loss::{News, Shown};
use crate::crypto::{Provider, Secret32, Suite};
use crate::pss::discard::Violation;
use crate::pss::error::SendError;
use crate::pss::packed::Packed;
use crate::time::Mono;

/// Frames that are reserved of a key, so that a session that must end can still send its FIN and heartbeats.
const RESERVE: u32 = 1 << 10;

/// The sending half for another host that continues it.
pub(crate) struct Sent {
    pub(crate) key: KeyState,
    /// See `Outbound::renewable`.
    pub(crate) echoed: Option<u64>,
    pub(crate) first: u64,
    pub(crate) next: u64,
    /// The rolling hash before the first frame that is not acknowledged.
    pub(crate) chain: [u8; 32],
    pub(crate) heartbeats: u64,
    pub(crate) fin: Option<u64>,
}

pub(crate) struct Outbound<P: Provider, C: Congestion, const LOG: usize, const FRAMES: usize> {
    /// The sending key, which exists only here.
    key: Sealing<P>,
    pub(crate) log: DeltaLog<C, LOG, FRAMES>,
    /// The number of the next heartbeat.
    heartbeats: u64,
    /// The number of the first heartbeat of this generation of the key.
    generation_heartbeat: u64,
    /// Set once the peer has echoed a heartbeat of this generation: the next data sequence at that time. When
    /// everything below it is acknowledged, the key may be renewed.
    renewable: Packed,
    /// Whether the application requested a renewal.
    renewal_wanted: bool,
    /// The newest accepted echo, as a whole sequence; 0 if none.
    echo: u64,
    /// The last heartbeat with ASK whose echo is awaited, and when it left.
    asked: (Packed, Mono),
    /// The sequence number of our FIN.
    fin: Packed,
}

impl<P: Provider, C: Congestion, const LOG: usize, const FRAMES: usize> Outbound<P, C, LOG, FRAMES> {
    pub(crate) const IDLE: Self = Self {
        key: Sealing::IDLE,
        log: DeltaLog::IDLE,
        heartbeats: 0,
        generation_heartbeat: 0,
        renewable: Packed::NONE,
        renewal_wanted: false,
        echo: 0,
        asked: (Packed::NONE, Mono(0)),
        fin: Packed::NONE,
    };

    pub(crate) fn start(&mut self, prk: &Secret32, way: Way, suite: Suite, initial_sequence: u64, window: u32) {
        (self.heartbeats, self.generation_heartbeat, self.renewable) = (0, 0, Packed::NONE);
        (self.renewal_wanted, self.echo, self.asked, self.fin) = (false, 0, (Packed::NONE, Mono(0)), Packed::NONE);
        self.log.restart(initial_sequence);
        self.log.set_window(window);
        self.key.start(prk, way, suite);
    }

    pub(crate) fn set_window(&mut self, window: u32) {
        self.log.set_window(window);
    }

    /// For the host that takes the session over. This one must seal nothing afterwards.
    pub(crate) fn export(&self) -> Sent {
        let (first, next) = (self.log.first(), self.log.next());
        Sent {
            key: self.key.export(),
            echoed: self.renewable.get(),
            first,
            next,
            chain: self.chain_at(first).unwrap_or_default(),
            heartbeats: self.heartbeats,
            fin: self.fin.get(),
        }
    }

    /// Continues where another host has stopped, with the frames that it had sealed. `None` if they do not fit; then
    /// the memory must be wiped.
    pub(crate) fn import<'f>(
        &mut self,
        now: Mono,
        sent: &Sent,
        (way, suite, window): (Way, Suite, u32),
        frames: impl Iterator<Item = (&'f [u8], bool)>,
    ) -> Option<()> {
        // It is not known which heartbeats of the earlier host the peer has echoed: only echoes of later ones prove
        // that it has the newest key.
        (self.heartbeats, self.generation_heartbeat) = (sent.heartbeats, sent.heartbeats);
        (self.renewable, self.fin) = (sent.echoed.into(), sent.fin.into());
        (self.renewal_wanted, self.echo, self.asked) = (false, 0, (Packed::NONE, Mono(0)));
        self.log.restart(sent.first);
        self.log.set_window(window);
        let mut chain = sent.chain;
        for (frame, content) in frames {
            let room = self.log.room(frame.len())?;
            room.iter_mut().zip(frame).for_each(|(to, from)| *to = *from);
            self.log.push(frame.len(), chain, content, now);
            chain = P::sha256(&[&chain, frame.last_chunk::<16>()?]);
        }
        if self.log.next() != sent.next {
            return None;
        }
        self.log.all_may_be_sent();
        self.key.import(&sent.key, way, suite, &chain)
    }

    /// Wipes the key. The number of unacknowledged frames stays readable.
    pub(crate) fn wipe(&mut self) {
        self.key.wipe();
        self.log.wipe();
    }

    /// Wipes the key, and what was sent: a new session is not told of an earlier one.
    #[inline(never)]
    pub(crate) fn forget(&mut self) {
        self.key.forget();
        self.log.clear(0);
        self.fin = Packed::NONE;
    }

    pub(crate) const fn finished(&self) -> bool {
        !self.fin.is_none()
    }

    /// Whether our FIN, and so everything before it, is acknowledged.
    pub(crate) fn fin_acknowledged(&self) -> bool {
        self.fin.get().is_some_and(|fin| fin < self.log.first())
    }

    /// Whether a sent frame is neither acknowledged nor shown. Frames beyond the peer's window were not sent.
    pub(crate) const fn awaits_news(&self) -> bool {
        self.log.flight.frames > 0 || self.log.due > 0
    }

    /// The number of the next heartbeat.
    pub(crate) const fn next_heartbeat(&self) -> u64 {
        self.heartbeats
    }

    /// Skips heartbeat numbers: the next heartbeat has this number or a higher one, and those before it are never
    /// sealed.
    pub(crate) fn skip_heartbeats(&mut self, number: u64) {
        self.heartbeats = self.heartbeats.max(number);
    }

    /// Whether the key may seal only the frames of the session's end.
    pub(crate) const fn key_spent(&self) -> bool {
        self.key.alive() && self.key.left() <= RESERVE
    }

    /// Whether the key is to be renewed, but the peer has not yet echoed a heartbeat that this key has sealed.
    pub(crate) const fn wants_echo(&self) -> bool {
        self.key.is_worn() && self.renewable.is_none()
    }

    /// Whether a renewal is due for any reason, and only the echo of a heartbeat is missing for it.
    pub(crate) const fn waits_for_echo(&self, peer_generation: u32) -> bool {
        self.is_due(peer_generation) && self.renewable.is_none()
    }

    /// Requests a renewal of the key as soon as that is allowed.
    pub(crate) const fn want_renewal(&mut self) {
        self.renewal_wanted = true;
    }

    /// The generation of the sending key.
    pub(crate) const fn generation(&self) -> u32 {
        self.key.generation()
    }

    #[cfg(test)]
    pub(crate) const fn key_mut(&mut self) -> &mut Sealing<P> {
        &mut self.key
    }

    /// Whether the key is to be renewed: by its own count, because the peer has renewed its own, or because the
    /// application asked.
    const fn is_due(&self, peer_generation: u32) -> bool {
        // Modulo 2^32. It is more than one if the peer renewed again while our own frames were not acknowledged.
        let ahead = peer_generation.wrapping_sub(self.key.generation());
        let behind = ahead != 0 && ahead < 1 << 31;
        self.key.is_worn() || behind || self.renewal_wanted
    }

    /// Renews the key if that is due and allowed.
    pub(crate) fn renew(&mut self, peer_generation: u32) {
        if !self.is_due(peer_generation) {
            return;
        }
        if self.renewable.get().is_some_and(|sequence| self.log.first() >= sequence) {
            self.key.update();
            (self.generation_heartbeat, self.renewable, self.renewal_wanted) = (self.heartbeats, Packed::NONE, false);
        }
    }

    /// The rolling hash that the peer must have when it expects `sequence`.
    fn chain_at(&self, sequence: u64) -> Option<[u8; 32]> {
        if sequence == self.log.next() {
            return self.key.alive().then_some(self.key.chain);
        }
        self.log.chain_before(sequence)
    }

    /// Seals one frame into the delta log; `fill` writes its content in place. Returns its sequence number.
    // keeps: IACP-150 (§6.4.5), IACP-166 (§8.2)
    pub(crate) fn seal(
        &mut self,
        now: Mono,
        cookies: Cookies,
        kind: ContentKind,
        flags: Flags,
        content_length: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<u64, SendError> {
        if !self.key.alive() {
            return Err(SendError::NotNow);
        }
        if !self.fin.is_none() {
            return Err(SendError::Finished);
        }
        let fin = flags.contains(Flags::FIN);
        if self.key_spent() && !(fin && self.key.left() > 1) {
            return Err(SendError::KeySpent);
        }
        let length = content_length.checked_add(OVERHEAD).ok_or(SendError::TooLong)?;
        if length > LOG || length > iacp_wire::HEADER_LEN + iacp_wire::MAX_PAYLOAD {
            return Err(SendError::TooLong);
        }
        let sequence = self.log.next();
        let frame = self.log.room(length).ok_or(SendError::Full)?;
        let tag = seal_frame(&mut self.key, cookies, sequence, flags, kind.code(), frame, fill);
        let tag = tag.ok_or(SendError::TooLong)?;
        let chain = self.key.chain;
        self.key.chain = P::sha256(&[&chain, &tag]);
        self.log.push(length, chain, kind == ContentKind::Anml && !fin, now);
        if fin {
            self.fin = Packed::of(sequence);
        }
        Ok(sequence)
    }

    /// Seals a heartbeat with our state vector and our acknowledgement into `out`. Returns its length, or 0 if the key
    /// is used up.
    pub(crate) fn heartbeat(
        &mut self,
        now: Mono,
        cookies: Cookies,
        inbound: &Inbound<P, FRAMES>,
        ask: bool,
        out: &mut [u8],
    ) -> usize {
        let length = HEARTBEAT_LEN + inbound.bitmap_len();
        let Some(frame) = out.get_mut(..length) else { return 0 };
        let vector = Vector {
            next_send: self.log.next(),
            ask,
            expected: inbound.expected(),
            held: inbound.holds(),
            receive_chain: inbound.chain(),
            echo: inbound.echo(),
            bitmap: &[],
        };
        let sequence = HEARTBEATS + self.heartbeats;
        let bitmap = |place: &mut [u8]| inbound.write_bitmap(place);
        if seal_heartbeat(&mut self.key, cookies, sequence, &vector, frame, bitmap).is_none() {
            return 0;
        }
        // The first one confirms the keys, and is always answered immediately.
        if ask || self.heartbeats == 0 {
            self.asked = (Packed::of(sequence), now);
        }
        self.heartbeats += 1;
        length
    }

    /// Compares the peer's vector with our state. Nothing changes here.
    pub(crate) fn check(&self, vector: &Vector<'_>) -> Result<(), Violation> {
        let (first, next) = (self.log.first(), self.log.next());
        if vector.expected < first || vector.expected > next || vector.shown_end() > next {
            return Err(Violation::Acknowledgement);
        }
        let ours = self.chain_at(vector.expected).is_some_and(|chain| same(&chain, &vector.receive_chain));
        if !ours {
            return Err(Violation::Chain);
        }
        let possible = match vector.echo {
            0 => self.echo == 0,
            echo => echo >= HEARTBEATS && echo - HEARTBEATS < self.heartbeats && echo >= self.echo,
        };
        if possible { Ok(()) } else { Err(Violation::Echo) }
    }

    /// Applies a vector that was checked.
    pub(crate) fn take(&mut self, now: Mono, vector: &Vector<'_>, peer_generation: u32) -> News {
        self.echo = vector.echo;
        let (asked, sent) = self.asked;
        if let Some(number) = asked.get().filter(|number| *number <= vector.echo) {
            if number == vector.echo {
                self.log.echo(now, sent);
            }
            self.asked = (Packed::NONE, Mono(0));
        }
        if self.renewable.is_none() && vector.echo >= HEARTBEATS + self.generation_heartbeat {
            self.renewable = Packed::of(self.log.next());
        }
        let news = self.log.acknowledge(now, vector.expected, Shown { held: vector.held, bitmap: vector.bitmap });
        self.renew(peer_generation);
        news
    }
}

#[cfg(test)]
mod tests;
