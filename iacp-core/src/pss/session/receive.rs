//! Datagrams in.

use core::net::SocketAddr;

use iacp_wire::{Flags, Frame, Message};

use super::{Session, continuity};
use crate::crypto::Provider;
use crate::identity::Identity;
use crate::pss::discard::{Discard, Violation};
use crate::pss::event::{Event, TeardownReason};
use crate::pss::stream::frame::HEARTBEATS;
use crate::pss::stream::inbound::{NotTaken, Vector, same};
use crate::pss::{ACKNOWLEDGE_AFTER, ACKNOWLEDGE_FRAMES, ANSWER_REPEATS, SILENCE};
use crate::time::{Backoff, Mono};

/// Whether a repeat may be answered now: at most one each 50 ms.
pub(super) fn meter(last: &mut Option<Mono>, now: Mono) -> bool {
    let soon = last.is_some_and(|answered| now.since(answered) < ANSWER_REPEATS);
    if !soon {
        *last = Some(now);
    }
    !soon
}

/// A frame that came in, and all that a verdict on it depends on.
pub(super) struct Arrival<'a, P: Provider> {
    pub(super) now: Mono,
    pub(super) identity: &'a Identity<P>,
    pub(super) from: SocketAddr,
    pub(super) frame: &'a Frame<'a>,
    pub(super) bytes: &'a [u8],
}

/// What a data frame says of itself, read before anything is believed.
struct Sealed {
    sequence: u64,
    nonce: [u8; 12],
    flags: Flags,
}

impl<P: Provider, const LOG: usize, const FRAMES: usize> Session<P, LOG, FRAMES> {
    /// Takes a datagram that came from `from`. Content is decrypted where it stands; of a discarded datagram nothing
    /// usable is left.
    pub fn handle<'d>(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Event<'d> {
        let event = self.dispatch(now, identity, from, datagram);
        if let Event::Discarded(discard) = event {
            self.discards.add(discard);
        }
        match self.progress(now, identity) {
            Some(closure) => Event::Closed(closure),
            None => event,
        }
    }

    fn dispatch<'d>(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Event<'d> {
        let Ok(frame) = Frame::parse(datagram) else { return Event::Discarded(Discard::Malformed) };
        let Some(initiator) = frame.message.initiator_cookie() else { return Event::Discarded(Discard::NotForSession) };
        // keeps: IACP-086
        let Some(responder) = frame.responder_cookie.filter(|cookie| !cookie.is_zero()) else {
            return Event::Discarded(Discard::Cookie);
        };
        // The first PSS_NEG is what brings the R-Cookie.
        let expects = !self.cookies.responder.is_zero();
        if initiator != self.cookies.initiator || (expects && responder != self.cookies.responder) {
            return Event::Discarded(Discard::Cookie);
        }
        let arrival = Arrival { now, identity, from, frame: &frame, bytes: datagram };
        match frame.message {
            Message::PssNeg(message) => self.on_negotiation(&arrival, message),
            _ if !expects => Event::Discarded(Discard::NotNow),
            Message::PssAck(message) => self.on_acknowledgement(&arrival, message),
            Message::PssTeardown { head, malfeasance } => self.on_teardown(&arrival, head, malfeasance),
            Message::PssDataStream { head, .. } => {
                let (sequence, nonce) = (head.sequence_number.get(), head.aead_nonce.0);
                let sealed = Sealed { sequence, nonce, flags: frame.flags };
                self.on_sealed(now, identity, from, &sealed, datagram)
            }
            _ => Event::Discarded(Discard::NotForSession),
        }
    }

    /// An authentic frame: the peer lives. One that is newer than all before it says where the peer is.
    pub(super) fn authentic(&mut self, now: Mono, from: SocketAddr, newest: bool) {
        self.timers.last_authentic = now;
        if newest {
            self.to = from;
        }
    }

    fn on_sealed<'d>(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        sealed: &Sealed,
        datagram: &'d mut [u8],
    ) -> Event<'d> {
        use continuity::State::{AnomalyFlagged, Established, Reconciling};
        if self.closure.is_some() {
            return Event::Discarded(Discard::NotNow);
        }
        let newest = self.inbound.is_newest(sealed.sequence);
        if sealed.sequence >= HEARTBEATS {
            return match self.inbound.take_heartbeat(sealed.sequence, sealed.nonce, sealed.flags, datagram) {
                Ok(vector) => {
                    let moved = newest && from != self.to;
                    self.heard = true;
                    self.authentic(now, from, newest);
                    if moved {
                        // Wherever it is now, it waits for a word from us.
                        self.acknowledge_by(now);
                    }
                    self.on_vector(now, identity, &vector)
                }
                Err(NotTaken::Discard(discard)) => Event::Discarded(discard),
                Err(NotTaken::Violation(violation)) => Event::Closed(self.compromised(identity, violation)),
            };
        }
        if !matches!(self.continuity, Established | AnomalyFlagged | Reconciling) {
            return Event::Discarded(Discard::NotNow);
        }
        let next = self.inbound.newest();
        match self.inbound.take(sealed.sequence, sealed.nonce, sealed.flags, datagram) {
            Ok(taken) => {
                self.authentic(now, from, newest);
                self.unannounced |= self.initiation.take().is_some();
                let fin = sealed.flags.contains(Flags::FIN);
                self.heard = true;
                self.on_data(now, fin, sealed.sequence > next);
                let (sequence, kind) = (sealed.sequence, taken.kind);
                if fin { Event::Finished { sequence } } else { Event::Data { sequence, kind, content: taken.content } }
            }
            Err(NotTaken::Discard(discard)) => {
                if discard == Discard::Duplicate && meter(&mut self.timers.echoed, now) {
                    self.acknowledge_by(now);
                }
                Event::Discarded(discard)
            }
            Err(NotTaken::Violation(violation)) => Event::Closed(self.compromised(identity, violation)),
        }
    }

    /// A data frame was taken: what it means for acknowledgement and continuity.
    ///
    /// `skips` says that it left a gap before it.
    fn on_data(&mut self, now: Mono, fin: bool, skips: bool) {
        let first = !self.timers.data_seen;
        self.timers.data_seen = true;
        self.timers.unacknowledged = self.timers.unacknowledged.saturating_add(1);
        let flagged = self.continuity == continuity::State::AnomalyFlagged;
        let gap = self.inbound.has_gap();
        // A gap that has closed: the peer stops repeating what was in it.
        let closes = flagged && !gap;
        let at_once = first || fin || skips || closes || self.timers.unacknowledged >= ACKNOWLEDGE_FRAMES;
        if gap {
            if matches!(self.continuity, continuity::State::Established | continuity::State::AnomalyFlagged) {
                self.continuity_step(continuity::Event::RxOutOfOrder);
            }
        } else if flagged {
            // keeps: IACP-150
            self.continuity_step(continuity::Event::AnomalyCleared);
        }
        self.acknowledge_by(if at_once { now } else { now.after(ACKNOWLEDGE_AFTER) });
        self.reconcile(now);
    }

    /// The peer's state vector: its acknowledgement of us, and where it stands itself.
    fn on_vector(&mut self, now: Mono, identity: &Identity<P>, vector: &Vector) -> Event<'static> {
        let log = &self.outbound.log;
        if vector.expected < log.first() && self.reconnecting() {
            // Reported, and never skipped.
            return self.closed_by(identity, TeardownReason::DeltaLogLost);
        }
        if !(log.first()..=log.next()).contains(&vector.expected) {
            return Event::Closed(self.compromised(identity, Violation::Acknowledgement));
        }
        let ours = self.outbound.chain_at(vector.expected).is_some_and(|chain| same(&chain, &vector.receive_chain));
        let level = vector.next_send == self.inbound.expected();
        let theirs = !level || self.inbound.chain().is_some_and(|chain| same(&chain, &vector.send_chain));
        if !(ours && theirs) {
            return Event::Closed(self.compromised(identity, Violation::Chain));
        }
        if self.outbound.acknowledge(vector.expected) {
            self.timers.progress = now;
        }
        let confirmed = self.initiation.take().is_some() | core::mem::take(&mut self.unannounced);
        if confirmed {
            // The peer learns that we hold the keys, too.
            self.acknowledge_by(now);
        }

        if self.continuity == continuity::State::Disconnected {
            self.continuity_step(continuity::Event::PeerReconnect);
            self.timers.disconnected = None;
            self.timers.probe = Some((Backoff::now(now), now.after(SILENCE)));
            self.outbound.log.repeat_all(now);
            self.timers.progress = now;
            self.timers.reconcile_to = vector.next_send;
            self.reconcile(now);
            return Event::Reconciling;
        }
        if self.continuity == continuity::State::Reconciling {
            self.timers.reconcile_to = vector.next_send;
            self.reconcile(now);
        }
        if confirmed { Event::Established } else { Event::Nothing }
    }

    fn reconnecting(&self) -> bool {
        matches!(self.continuity, continuity::State::Disconnected | continuity::State::Reconciling)
    }

    pub(super) fn closed_by(&mut self, identity: &Identity<P>, reason: TeardownReason) -> Event<'static> {
        self.abort(identity, reason).map_or(Event::Nothing, Event::Closed)
    }

    /// The vectors match when the peer has all of ours, and we have all that it had sent.
    // keeps: IACP-144
    fn reconcile(&mut self, now: Mono) {
        let log = &self.outbound.log;
        if self.continuity == continuity::State::Reconciling
            && log.first() == log.next()
            && self.inbound.expected() >= self.timers.reconcile_to
        {
            self.continuity_step(continuity::Event::StateVectorsMatch);
            if self.inbound.has_gap() {
                self.continuity_step(continuity::Event::RxOutOfOrder);
            }
            self.timers.probe = None;
            self.acknowledge_by(now);
        }
    }
}
