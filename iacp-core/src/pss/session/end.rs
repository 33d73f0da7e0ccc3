//! The ends of a session: gracefully, by force, or by silence.

use core::net::SocketAddr;

use iacp_wire::message::PssTeardown;

use super::notices::Notice;
use super::outbox::meter;
use super::path::Place;
use super::stage::{Business, Farewell, Link, Over, Stage};
use super::teardown::{Asked, Force, KEEP_FAREWELL, Request, TEARDOWN_LIMIT, TeardownType, read, sign};
use super::{Session, continuity, lifecycle};
use crate::crypto::Provider;
use crate::crypto::stack::scrub;
use crate::identity::{Identity, verify_frame_checked};
use crate::pss::discard::{Discard, Violation};
use crate::pss::error::{NotNow, WrongIdentity};
use crate::pss::event::{Closure, TeardownReason};
use crate::pss::handshake::incoming::Signed;
use crate::pss::packed::Packed;
use crate::pss::stream::congestion::Congestion;
use crate::time::{Backoff, Mono};

/// The least time between two FORCED to a peer that still sends, in milliseconds.
const FORCED_EACH: u64 = 1_000;

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// Ends the session gracefully, or agrees to the peer's request to do so: everything is flushed, both directions
    /// are finished, and both sides confirm. [`Closure::Graceful`] reports the end. If this cannot begin yet (before
    /// the keys are confirmed, during a negotiation, while DISCONNECTED), it is remembered.
    ///
    /// # Errors
    /// There is no session. Nothing has changed.
    pub fn close(&mut self, now: Mono, reason: TeardownReason) -> Result<(), NotNow> {
        if let Stage::Idle | Stage::Over(_) = self.stage {
            return Err(NotNow);
        }
        self.wish = Some(self.wish.unwrap_or(reason.code()));
        self.flush(now);
        Ok(())
    }

    /// For when the memory was restored or cloned: the next nonce of this session may have been used already. The
    /// session (or attempt) ends as lost immediately, and nothing is sealed, signed or sent.
    pub fn cut(&mut self) {
        if let Stage::Idle | Stage::Over(_) = self.stage {
            return;
        }
        let truncated = !self.inbound.complete();
        self.shut(Closure::Lost { truncated }, None);
    }

    /// For when a verified binding without an address shows that the peer's agent is gone: the session ends as if the
    /// peer had ended it, and nothing is sent.
    pub fn peer_is_gone(&mut self) {
        if let Stage::Idle | Stage::Over(_) = self.stage {
            return;
        }
        let truncated = !self.inbound.complete();
        let reason = TeardownReason::AgentGone.code();
        self.shut(Closure::Forced { by_peer: true, reason, truncated }, None);
    }

    /// For when another session has replaced this one: it takes and sends nothing more, and the peer is not informed.
    pub(crate) fn give_way(&mut self) {
        if let Stage::Confirming(..) | Stage::Open(_) = self.stage {
            self.shut(Closure::Superseded, None);
        }
    }

    /// For when an authentic frame of the peer contradicts the protocol above the session: SESSION_COMPROMISED.
    pub(crate) fn violated(&mut self, now: Mono, identity: &Identity<P>, violation: Violation) {
        if matches!(self.stage, Stage::Open(_)) && identity.eid() == self.names.own {
            self.force(now, identity, Force::Compromised(violation));
        }
    }

    /// Wipes any session in this memory immediately, with its keys and its delta log; nothing is sent, and there is no
    /// event.
    pub fn wipe(&mut self) {
        scrub();
        self.stage.close(lifecycle::Event::HandshakeFailed, Stage::Idle);
        self.outbound.forget();
        self.inbound.forget();
        (self.tickets, self.names.agreed) = (None, 0);
        (self.gate, self.wish, self.hold, self.reconnect_limit) = (Packed::NONE, None, false, Packed::NONE);
        self.notices = super::notices::Notices::NONE;
    }

    /// Commits our FIN as soon as there is room for it.
    pub(super) fn flush(&mut self, now: Mono) {
        if self.wish.is_some() && !self.outbound.finished() {
            // If the log is full, or the session not ready, the next acknowledgement or the return of the peer makes it
            // possible.
            let _ = self.finish(now);
        }
    }

    /// Ends the session immediately, without the peer's consent. The peer is informed, and again if it still sends.
    ///
    /// # Errors
    /// The identity is not the session's. Nothing has changed. A session that is over stays as it is.
    pub fn abort(&mut self, now: Mono, identity: &Identity<P>, reason: TeardownReason) -> Result<(), WrongIdentity> {
        match self.stage {
            Stage::Idle | Stage::Over(_) => Ok(()),
            _ if identity.eid() != self.names.own => Err(WrongIdentity),
            _ => {
                self.force(now, identity, Force::Reason(reason));
                Ok(())
            }
        }
    }

    /// Ends the session immediately, without the peer's consent.
    #[inline(never)]
    pub(super) fn force(&mut self, now: Mono, identity: &Identity<P>, force: Force) {
        let truncated = !self.inbound.complete();
        let (code, why) = match force {
            Force::Compromised(violation) => {
                let legal = self.continuity().and_then(|state| state.next(continuity::Event::HeartbeatFail));
                debug_assert_eq!(legal, Some(continuity::State::SessionCompromised), "HEARTBEAT_FAIL has its row");
                (TeardownReason::Compromised.code(), Closure::Compromised(violation))
            }
            Force::Contradiction => (TeardownReason::NegotiationFailed.code(), Closure::Contradiction),
            Force::Unanswered(code) => (code, Closure::Unanswered { truncated }),
            Force::Reason(TeardownReason::KeyExhausted) => (TeardownReason::KeyExhausted.code(), Closure::KeySpent),
            Force::Reason(reason) => {
                (reason.code(), Closure::Forced { by_peer: false, reason: reason.code(), truncated })
            }
        };
        // keeps: IACP-162 (B.4)
        let told = match self.stage {
            // The peer has a session, or may have.
            Stage::Confirming(..) | Stage::Open(_) => Some(self.farewell(now, identity, TeardownType::Forced, code)),
            _ => None,
        };
        let home = self.path.home();
        self.shut(why, told.map(|farewell| Farewell { to: Some(Place::of(home)), due: true, ..farewell }));
    }

    /// The last frame, signed and kept.
    fn farewell(&self, now: Mono, identity: &Identity<P>, teardown_type: TeardownType, reason: u16) -> Farewell {
        let signature = sign(identity, self.names.cookies, teardown_type, reason);
        Farewell {
            teardown_type,
            reason,
            signature,
            to: None,
            due: false,
            sent: Packed::NONE,
            until: now.after(KEEP_FAREWELL),
        }
    }

    /// Ends the session: its keys are wiped in this step.
    pub(super) fn shut(&mut self, why: Closure, farewell: Option<Farewell>) {
        scrub();
        self.wipe_all(why, farewell);
    }

    #[inline(never)]
    fn wipe_all(&mut self, why: Closure, farewell: Option<Farewell>) {
        let failed = match why {
            Closure::NoAnswer | Closure::Superseded => lifecycle::Event::HandshakeFailed,
            _ => lifecycle::Event::OutOfOrderOrInvalid,
        };
        // The `None` is made here, after the stack was cleared: one that is passed in could contain bytes of an earlier
        // call.
        self.stage.close(failed, Stage::Over(Over { why, farewell: None }));
        if let (Stage::Over(over), Some(word)) = (&mut self.stage, farewell) {
            over.farewell = Some(word);
        }
        self.outbound.wipe();
        self.inbound.wipe();
        self.tickets = None;
        self.acknowledgement.stop();
        self.notices.add(Notice::Closed);
        if self.is_over() {
            self.notices.add(Notice::Released);
        }
    }

    /// Takes the steps towards the end that an acknowledgement or a request has made possible.
    pub(super) fn advance_end(&mut self, now: Mono, identity: &Identity<P>) {
        if !matches!(self.stage, Stage::Open(_)) {
            return;
        }
        if self.outbound.key_spent() || self.inbound.key_spent() {
            self.force(now, identity, Force::Reason(TeardownReason::KeyExhausted));
            return;
        }
        self.flush(now);
        if !self.outbound.fin_acknowledged() {
            return;
        }
        let Stage::Open(open) = &self.stage else { return };
        if let Some(asked) = open.peer_asked {
            let farewell = self.farewell(now, identity, TeardownType::Answer, TeardownReason::None.code());
            self.shut(Closure::Graceful, Some(Farewell { to: Some(asked.from), due: true, ..farewell }));
        } else if let Some(reason) = self.wish.filter(|_| self.must_ask()) {
            self.ask(now, identity, reason);
        }
    }

    #[inline(never)]
    fn ask(&mut self, now: Mono, identity: &Identity<P>, reason: u16) {
        let signature = sign(identity, self.names.cookies, TeardownType::Request, reason);
        let pause = u32::try_from(self.outbound.log.repetition_time()).unwrap_or(Backoff::CEILING);
        let Stage::Open(open) = &mut self.stage else { return };
        let repeat = Backoff::starting(now, pause, Backoff::CEILING);
        open.business = Business::Asking(Request { reason, signature, repeat, give_up: now.after(TEARDOWN_LIMIT) });
    }

    /// Whether our FIN is acknowledged, and the request can and must still be made.
    pub(super) fn must_ask(&self) -> bool {
        match &self.stage {
            Stage::Open(open) => {
                let asking = matches!(open.business, Business::Asking(_));
                // A request that cannot be sent would expire without having been made.
                let away = matches!(open.link, Link::Lost(_));
                self.wish.is_some() && !asking && !away && self.outbound.fin_acknowledged()
            }
            _ => false,
        }
    }

    /// A PSS_TEARDOWN of any type, for a session that is not over.
    // keeps: IACP-151 (§6.5.1)
    #[inline(never)]
    pub(super) fn on_teardown(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        signed: &Signed<'_>,
        head: &PssTeardown,
        malfeasance: &[u8],
    ) -> Result<(), Discard> {
        if !matches!(self.stage, Stage::Confirming(..) | Stage::Open(_)) {
            return Err(Discard::NotNow);
        }
        let Signed { frame, bytes } = signed;
        verify_frame_checked::<P>(&self.names.peer, frame, [&[], &[]], bytes).map_err(|_| Discard::Signature)?;
        let (teardown_type, reason) = read(head, malfeasance)?;
        let truncated = !self.inbound.complete();
        let forced = Closure::Forced { by_peer: true, reason, truncated };
        if teardown_type == TeardownType::Forced {
            self.shut(forced, None);
            return Ok(());
        }
        // An honest peer requests the end only after its FIN was acknowledged, long after our keys were confirmed.
        let Stage::Open(open) = &mut self.stage else { return Err(Discard::NotNow) };
        match teardown_type {
            TeardownType::Forced => {}
            TeardownType::Request if truncated => {
                // Frames are missing here: the heartbeat reports which.
                if meter(&mut self.acknowledgement.answer_from, now) {
                    self.acknowledge_by(now);
                }
            }
            TeardownType::Request => {
                if open.peer_asked.replace(Asked { reason, from: Place::of(from) }).is_none() {
                    self.notices.add(Notice::CloseRequested);
                }
            }
            TeardownType::Answer if !matches!(open.business, Business::Asking(_)) => return Err(Discard::NotNow),
            // The peer answers only when its own direction is complete here.
            TeardownType::Answer if truncated => self.shut(forced, None),
            TeardownType::Answer => {
                // A request of the peer may have crossed ours: the peer repeats it, and it is answered then.
                let farewell = self.farewell(now, identity, TeardownType::Answer, TeardownReason::None.code());
                self.shut(Closure::Graceful, Some(farewell));
            }
        }
        Ok(())
    }

    /// Handles a frame with the session's cookies after the end: repeats the last frame.
    pub(super) fn on_frame_after_end(
        &mut self,
        now: Mono,
        from: SocketAddr,
        signed: Option<&Signed<'_>>,
    ) -> Result<(), Discard> {
        let home = self.path.home();
        let Stage::Over(Over { farewell: Some(farewell), .. }) = &mut self.stage else { return Err(Discard::NotNow) };
        match farewell.teardown_type {
            // Any sender can make such a frame, so the answer goes to the peer's home.
            TeardownType::Forced => {
                if farewell.sent.moment().is_none_or(|sent| now.since(sent) >= FORCED_EACH) {
                    (farewell.to, farewell.due) = (Some(Place::of(home)), true);
                }
                Err(Discard::NotNow)
            }
            TeardownType::Answer | TeardownType::Request => {
                let signed = signed.ok_or(Discard::NotNow)?;
                let iacp_wire::Message::PssTeardown { head, malfeasance } = signed.frame.message else {
                    return Err(Discard::NotNow);
                };
                verify_frame_checked::<P>(&self.names.peer, &signed.frame, [&[], &[]], signed.bytes)
                    .map_err(|_| Discard::Signature)?;
                let (teardown_type, _) = read(head, malfeasance)?;
                if teardown_type == TeardownType::Request && meter(&mut self.acknowledgement.answer_from, now) {
                    (farewell.to, farewell.due) = (Some(Place::of(from)), true);
                }
                Err(Discard::Repeat)
            }
        }
    }
}
