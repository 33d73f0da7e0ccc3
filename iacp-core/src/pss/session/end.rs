//! How a session ends: in good order, by force, or by silence.

use iacp_wire::message::PssTeardown;

use super::receive::{Arrival, meter};
use super::teardown::{KEEP_ANSWER, Request, TeardownType, read_teardown, teardown};
use super::{Session, continuity, lifecycle};
use crate::crypto::Provider;
use crate::identity::{Identity, verify_frame};
use crate::pss::discard::{Discard, Violation};
use crate::pss::event::{Closure, Event, TeardownReason};
use crate::time::Mono;

impl<P: Provider, const LOG: usize, const FRAMES: usize> Session<P, LOG, FRAMES> {
    /// Whatever an acknowledgement or a request has made possible on the way to the end.
    pub(super) fn progress(&mut self, now: Mono, identity: &Identity<P>) -> Option<Closure> {
        if self.closure.is_some() {
            return None;
        }
        if self.inbound.key_spent() {
            self.say_last_word(identity, TeardownReason::KeyExhausted);
            return Some(self.shut(Closure::KeySpent));
        }
        self.flush(now);
        if !self.outbound.fin_acknowledged() {
            return None;
        }
        if self.closing.peer_asked {
            self.keep_answer(now, identity);
            self.closing.answer_due = true;
            return Some(self.shut(Closure::Graceful));
        }
        if let Some(reason) = self.closing.wanted.filter(|_| self.must_ask()) {
            let bytes = teardown(identity, self.cookies, TeardownType::Request, reason.code());
            self.closing.request = Some(Request::new(bytes, now));
        }
        None
    }

    /// Our FIN is acknowledged, and the request is yet to be made.
    pub(super) fn must_ask(&self) -> bool {
        self.closing.wanted.is_some()
            && self.closing.request.is_none()
            && self.closure.is_none()
            && self.outbound.fin_acknowledged()
    }

    /// The answer to a request for teardown, kept for repeats.
    pub(super) fn keep_answer(&mut self, now: Mono, identity: &Identity<P>) {
        let bytes = teardown(identity, self.cookies, TeardownType::Answer, TeardownReason::None.code());
        self.closing.answer = Some(bytes);
        self.timers.forget = Some(now.after(KEEP_ANSWER));
    }

    /// The end: keys are wiped in this step.
    pub(super) fn shut(&mut self, closure: Closure) -> Closure {
        self.lifecycle_step(match (self.lifecycle, closure) {
            (lifecycle::State::Hearing, Closure::NoAnswer) => lifecycle::Event::HandshakeFailed,
            (lifecycle::State::Hearing, _) => lifecycle::Event::OutOfOrderOrInvalid,
            _ => lifecycle::Event::TeardownOrRevocation,
        });
        self.outbound.wipe();
        self.inbound.wipe();
        self.initiation = None;
        self.negotiation = None;
        self.closing.request = None;
        self.timers.probe = None;
        self.timers.acknowledge = None;
        self.closure = Some(closure);
        closure
    }

    /// Ends the session at once, alone. The peer is told, once.
    pub fn abort(&mut self, identity: &Identity<P>, reason: TeardownReason) -> Option<Closure> {
        if self.closure.is_some() {
            return None;
        }
        self.say_last_word(identity, reason);
        let truncated = !self.inbound.complete();
        Some(self.shut(reason.forced(truncated)))
    }

    fn say_last_word(&mut self, identity: &Identity<P>, reason: TeardownReason) {
        // Before there is an R-Cookie there is nobody to tell.
        if !self.cookies.responder.is_zero() {
            self.closing.last_word = Some(teardown(identity, self.cookies, TeardownType::Forced, reason.code()));
        }
    }

    /// The peer's authentic frames contradict each other: SESSION_COMPROMISED (`IACP Appendix B.4`).
    // keeps: IACP-162
    pub(super) fn compromised(&mut self, identity: &Identity<P>, violation: Violation) -> Closure {
        self.say_last_word(identity, TeardownReason::Compromised);
        self.continuity_step(continuity::Event::HeartbeatFail);
        self.shut(Closure::Compromised(violation))
    }

    /// A PSS_TEARDOWN of any type.
    // keeps: IACP-151
    pub(super) fn on_teardown(
        &mut self,
        arrival: &Arrival<'_, P>,
        head: &PssTeardown,
        malfeasance: &[u8],
    ) -> Event<'static> {
        let Arrival { now, identity, from, frame, bytes } = *arrival;
        if self.closure.is_some() && self.closing.answer.is_none() {
            return Event::Discarded(Discard::NotNow);
        }
        if verify_frame::<P>(&self.peer, frame, [&[], &[]], bytes).is_err() {
            return Event::Discarded(Discard::Signature);
        }
        let (teardown_type, reason) = match read_teardown(head, malfeasance) {
            Ok(read) => read,
            Err(discard) => return Event::Discarded(discard),
        };
        if self.closing.answer.is_some() {
            if teardown_type == TeardownType::Request && meter(&mut self.timers.answered, now) {
                self.closing.answer_due = true;
            }
            return Event::Discarded(Discard::Repeat);
        }
        let truncated = !self.inbound.complete();
        match teardown_type {
            TeardownType::Forced => Event::Closed(self.shut(Closure::Forced { by_peer: true, reason, truncated })),
            // An honest peer asks when its FIN is acknowledged: long after our keys are confirmed.
            TeardownType::Request if self.initiation.is_some() => Event::Discarded(Discard::NotNow),
            TeardownType::Request => {
                if truncated {
                    // Something is missing here: the heartbeat says what.
                    if meter(&mut self.timers.answered, now) {
                        self.acknowledge_by(now);
                    }
                    return Event::Nothing;
                }
                let first = !core::mem::replace(&mut self.closing.peer_asked, true);
                if first {
                    // Once: a request has no number, and a replay of it proves no life.
                    self.authentic(now, from, false);
                    Event::CloseRequested { reason }
                } else {
                    Event::Nothing
                }
            }
            TeardownType::Answer if self.closing.request.is_none() => Event::Discarded(Discard::NotNow),
            // It answers only when its own direction is complete here.
            TeardownType::Answer if truncated => {
                Event::Closed(self.shut(Closure::Forced { by_peer: true, reason, truncated }))
            }
            TeardownType::Answer => {
                // A request of the peer's may have crossed ours, and waits for its answer.
                self.keep_answer(now, identity);
                Event::Closed(self.shut(Closure::Graceful))
            }
        }
    }
}
