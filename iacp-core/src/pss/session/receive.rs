//! Datagrams in.

use core::net::SocketAddr;

use iacp_wire::Message;

use super::notices::Notice;
use super::outbox::{Gap, meter};
use super::stage::{Business, Link, Open, Reconciling, Stage};
use super::teardown::Force;
use super::{Session, continuity};
use crate::crypto::Provider;
use crate::crypto::stack::scrub;
use crate::identity::Identity;
use crate::pss::discard::{Discard, Violation};
use crate::pss::event::{Received, TeardownReason};
use crate::pss::handshake::incoming::{Incoming, Sealed, Signed};
use crate::pss::handshake::terms::Capabilities;
use crate::pss::stream::congestion::Congestion;
use crate::pss::stream::frame::{HEARTBEATS, Vector};
use crate::pss::stream::inbound::NotTaken;
use crate::time::{Backoff, Mono};

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// Takes a datagram that came from `from`. Content is decrypted in place; nothing usable is left of a discarded
    /// datagram. [`Self::poll_event`] returns the changes.
    pub fn handle<'d>(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Received<'d> {
        match Incoming::parse(datagram) {
            Ok(incoming) => self.take(now, identity, from, incoming),
            Err(discard) => {
                self.discards.add(discard);
                Received::Discarded(discard)
            }
        }
    }

    /// Like [`Self::handle`], for a datagram that was parsed already.
    pub fn take<'d>(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        incoming: Incoming<'d>,
    ) -> Received<'d> {
        let taken = if identity.eid() == self.names.own {
            // Timers that expired before this datagram came are handled before it.
            self.expire(now, identity);
            match incoming {
                Incoming::Sealed(sealed) => self.on_sealed(now, identity, from, sealed),
                Incoming::Signed(signed) => self.on_signed(now, identity, from, &signed).map(|()| Received::Taken),
            }
        } else {
            Err(Discard::Identity)
        };
        let received = taken.unwrap_or_else(|discard| {
            self.discards.add(discard);
            Received::Discarded(discard)
        });
        if identity.eid() == self.names.own {
            self.advance_end(now, identity);
        }
        received
    }

    #[inline(never)]
    fn on_signed(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        signed: &Signed<'_>,
    ) -> Result<(), Discard> {
        let initiator = signed.frame.message.initiator_cookie().ok_or(Discard::NotForSession)?;
        // keeps: IACP-086 (§4.2.4.1)
        let responder = signed.frame.responder_cookie.filter(|cookie| !cookie.is_zero()).ok_or(Discard::Cookie)?;
        // The first PSS_NEG brings the R-Cookie.
        let known = !self.names.cookies.responder.is_zero();
        if initiator != self.names.cookies.initiator || (known && responder != self.names.cookies.responder) {
            return Err(Discard::Cookie);
        }
        if let Stage::Over(_) = self.stage {
            return self.on_frame_after_end(now, from, Some(signed));
        }
        match signed.frame.message {
            Message::PssNeg(message) => self.on_negotiation(now, identity, signed, message),
            _ if !known => Err(Discard::NotNow),
            Message::PssAck(message) => self.on_acknowledgement(now, identity, signed, message),
            Message::PssTeardown { head, malfeasance } => {
                self.on_teardown(now, identity, from, signed, head, malfeasance)
            }
            _ => Err(Discard::NotForSession),
        }
    }

    #[inline(never)]
    fn on_sealed<'d>(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        sealed: Sealed<'d>,
    ) -> Result<Received<'d>, Discard> {
        let Sealed { initiator, responder, sequence, nonce, flags, carried, bytes } = sealed;
        let cookies = self.names.cookies;
        if responder.is_zero() || initiator != cookies.initiator || responder != cookies.responder {
            return Err(Discard::Cookie);
        }
        let carries = match &self.stage {
            Stage::Confirming(_, business) => !matches!(business, Business::Bargain(_)),
            Stage::Open(open) => open.carries(),
            Stage::Over(_) => {
                self.on_frame_after_end(now, from, None)?;
                return Err(Discard::NotNow);
            }
            Stage::Idle | Stage::Hearing(_) | Stage::Resting { .. } => return Err(Discard::NotNow),
        };
        let length = bytes.len();
        let newest = !carried && self.inbound.is_newest(sequence);
        if sequence >= HEARTBEATS {
            let (vector, send_chain) = match self.inbound.take_heartbeat(sequence, nonce, flags, bytes) {
                Ok(taken) => taken,
                Err(not_taken) => return self.not_taken(now, identity, not_taken),
            };
            if let Err(end) = self.check(&vector, &send_chain) {
                self.force(now, identity, end);
                return Ok(Received::Taken);
            }
            self.confirm(now);
            self.on_vector(now, &vector);
            if newest {
                self.path.came_from(now, from, length);
            }
            return Ok(Received::Taken);
        }
        if !carries {
            return Err(Discard::NotNow);
        }
        let (before, complete) = (self.inbound.newest(), self.inbound.complete());
        match self.inbound.take(sequence, nonce, flags, bytes) {
            Ok(taken) => {
                self.confirm(now);
                if newest {
                    self.path.came_from(now, from, length);
                }
                let fin = flags.contains(iacp_wire::Flags::FIN);
                self.on_data(now, fin, sequence > before);
                if !complete && self.inbound.complete() {
                    self.notices.add(Notice::Finished);
                }
                let kind = taken.kind;
                Ok(if fin { Received::Taken } else { Received::Data { sequence, kind, content: taken.content } })
            }
            Err(not_taken) => {
                if matches!(not_taken, NotTaken::Discard(Discard::Duplicate)) {
                    self.answer(now);
                }
                self.not_taken(now, identity, not_taken)
            }
        }
    }

    fn not_taken<'d>(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        not_taken: NotTaken,
    ) -> Result<Received<'d>, Discard> {
        match not_taken {
            NotTaken::Discard(discard) => Err(discard),
            NotTaken::Violation(violation) => {
                self.force(now, identity, Force::Compromised(violation));
                Ok(Received::Taken)
            }
        }
    }

    /// Compares a vector with the state of this side. Nothing changes.
    fn check(&self, vector: &Vector<'_>, send_chain: &[u8; 32]) -> Result<(), Force> {
        let reconnecting = matches!(&self.stage, Stage::Open(open) if open.is_reconnecting());
        if reconnecting && vector.expected < self.outbound.log.first() {
            // Reported, and never skipped.
            return Err(Force::Reason(TeardownReason::DeltaLogLost));
        }
        self.outbound.check(vector).map_err(Force::Compromised)?;
        if self.path.is_guess(vector.echo) {
            return Err(Force::Compromised(Violation::Echo));
        }
        if self.inbound.fits(vector.next_send, send_chain) { Ok(()) } else { Err(Force::Compromised(Violation::Chain)) }
    }

    /// A sealed frame of the peer was accepted, so the peer holds the keys.
    fn confirm(&mut self, now: Mono) {
        match &mut self.stage {
            Stage::Confirming(..) => {
                scrub();
                self.open(now);
            }
            Stage::Open(open) if !open.heard => open.heard = true,
            _ => return,
        }
        self.notices.add(Notice::Established);
        // The peer has to learn that we hold the keys, too.
        self.acknowledge_by(now);
    }

    /// The initiator's keys are confirmed.
    #[inline(never)]
    fn open(&mut self, now: Mono) {
        let Stage::Confirming(confirmation, business) = &mut self.stage else { return };
        let business = core::mem::replace(business, Business::None);
        let contract = confirmation.capabilities.contains(Capabilities::SFC);
        let open = Open::new(now, business, contract, confirmation.terms, None, true);
        if open.contract.is_some() {
            self.notices.add(Notice::Contract);
        }
        self.stage.confirm(open);
    }

    /// Answers a frame that may be a replay, or a heartbeat that asks: one answer in 50 ms.
    pub(super) fn answer(&mut self, now: Mono) {
        if meter(&mut self.acknowledgement.echo_from, now) {
            self.acknowledge_by(now);
        }
    }

    /// Updates acknowledgement and continuity after an accepted data frame. `skips` means that it left a gap.
    fn on_data(&mut self, now: Mono, fin: bool, skips: bool) {
        let gap = self.inbound.has_gap();
        self.outbound.renew(self.inbound.generation());
        let Stage::Open(open) = &mut self.stage else { return };
        // A gap has closed: the peer can stop repeating its frames.
        let closes = matches!(open.link, Link::Gap) && !gap;
        if gap && matches!(open.link, Link::Whole | Link::Gap) {
            open.step(continuity::Event::RxOutOfOrder, Link::Gap);
        } else if closes {
            // keeps: IACP-150 (§6.4.5)
            open.step(continuity::Event::AnomalyCleared, Link::Whole);
        }
        let gap = match (gap, skips) {
            (false, _) => Gap::None,
            (true, true) => Gap::Opens,
            (true, false) => Gap::Open,
        };
        self.acknowledgement.data(now, gap, fin || closes);
        self.reconcile(now);
    }

    /// Takes the peer's checked state vector: its acknowledgement of our frames, and its own state.
    fn on_vector(&mut self, now: Mono, vector: &Vector<'_>) {
        let fresh = self.life.is_fresh(now, vector.echo);
        let (outstanding, quiet) = (!self.outbound.log.is_empty(), !self.outbound.awaits_news());
        let news = self.outbound.take(now, vector, self.inbound.generation());
        if fresh {
            self.life.fresh = now;
        }
        // A peer that holds has no room until its application has consumed; this does not count as a standstill.
        let progress = news.any || quiet || vector.held;
        if progress {
            self.progress = now;
        }
        if news.freed && core::mem::take(&mut self.wants_room) {
            self.notices.add(Notice::Writable);
        }
        if outstanding && self.outbound.log.is_empty() {
            self.notices.add(Notice::Delivered);
        }
        if self.path.prove(vector.echo).is_some() {
            self.outbound.log.repeat_all(now);
            self.notices.add(Notice::Moved);
        }
        if vector.ask {
            self.answer(now);
        }
        let Stage::Open(open) = &mut self.stage else { return };
        match &mut open.link {
            Link::Lost(lost) if fresh && vector.echo >= HEARTBEATS + lost.heartbeat => {
                if !progress {
                    self.progress = Mono(now.0.saturating_sub(lost.stalled));
                }
                let ask = Backoff::now(now);
                let reconciling = Reconciling { target: vector.next_send, ask };
                open.step(continuity::Event::PeerReconnect, Link::Reconciling(reconciling));
                self.outbound.log.repeat_all(now);
                self.notices.add(Notice::Reconciling);
                self.reconcile(now);
            }
            // It may have been held back: the answer asks for a newer one.
            Link::Lost(_) => self.answer(now),
            Link::Reconciling(reconciling) => {
                reconciling.target = vector.next_send;
                self.reconcile(now);
            }
            Link::Whole | Link::Gap => {}
        }
    }

    /// The vectors match when the peer has all our frames, and we have all frames that it had sent.
    // keeps: IACP-144 (§6.4.2)
    pub(super) fn reconcile(&mut self, now: Mono) {
        let Stage::Open(open) = &mut self.stage else { return };
        let Open { link: Link::Reconciling(reconciling), .. } = open else { return };
        if self.outbound.awaits_news() || self.inbound.come() < reconciling.target.min(self.inbound.window_end()) {
            return;
        }
        open.step(continuity::Event::StateVectorsMatch, Link::Whole);
        if self.inbound.has_gap() {
            open.step(continuity::Event::RxOutOfOrder, Link::Gap);
        }
        self.notices.add(Notice::Reconciled);
        if self.outbound.log.is_empty() && core::mem::take(&mut self.wants_room) {
            self.notices.add(Notice::Writable);
        }
        self.acknowledge_by(now);
    }
}
