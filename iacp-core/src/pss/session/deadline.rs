//! Deadlines: one list of timers with their reasons, and one match arm for each of them.

use rand_core::CryptoRng;

use super::Session;
use super::life::{NO_PROGRESS, PROBE_CEILING, PROBE_FIRST, RECONNECT_LIMIT, SILENCE};
use super::notices::Notice;
use super::stage::{Business, Link, Open, Over, Stage};
use super::teardown::Force;
use crate::crypto::Provider;
use crate::identity::Identity;
use crate::pss::error::WrongIdentity;
use crate::pss::event::{Closure, Reason, TeardownReason};
use crate::pss::handshake::initiator::RESTARTS;
use crate::pss::stream::congestion::Congestion;
use crate::pss::stream::frame::HEARTBEAT_LEN;
use crate::time::{Backoff, Mono};

/// At most this many timers can expire in one session before one of them ends it.
const ENDS: usize = 8;

type Due = Option<(Mono, Reason)>;

/// The soonest of several.
#[inline(never)]
pub(super) fn soonest(all: &[Due]) -> Due {
    all.iter().flatten().min().copied()
}

/// Due immediately, whatever the time is.
const AT_ONCE: Mono = Mono(0);

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// The next deadline and its reason: something to send (then call [`Self::poll_transmit`]), or anything else (then
    /// call [`Self::handle_deadline`]). `None` if the session waits for nothing.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Mono, Reason)> {
        soonest(&[self.next_end(), self.next_send()])
    }

    /// When the next datagram is due.
    fn next_send(&self) -> Due {
        let transmit = |at| (at, Reason::Transmit);
        match &self.stage {
            Stage::Idle | Stage::Resting { .. } => None,
            Stage::Over(over) => over.farewell.as_ref()?.due.then(|| transmit(AT_ONCE)),
            Stage::Hearing(attempt) => {
                (attempt.offered().is_none() && !self.gated()).then(|| transmit(attempt.repeat.due()))
            }
            Stage::Confirming(confirmation, _) => Some(transmit(confirmation.repeat.due())),
            Stage::Open(open) => {
                let reachable = !matches!(open.link, Link::Lost(_));
                let business = match &open.business {
                    Business::Bargain(negotiation) => negotiation.repeat(),
                    Business::Accepted(acceptance) if acceptance.due => Some(AT_ONCE),
                    Business::Asking(request) if reachable => Some(request.repeat.due()),
                    Business::None | Business::Accepted(_) | Business::Asking(_) => None,
                };
                let data = if open.carries() && !self.gated() { self.outbound.log.due() } else { None };
                let probe = self.path.due(HEARTBEAT_LEN + self.inbound.bitmap_len()).map(|at| (at, Reason::Probe));
                let (business, data) = (business.map(transmit), data.map(transmit));
                soonest(&[business, data, probe, self.heartbeat_due()])
            }
        }
    }

    /// When the next timer other than a datagram expires.
    pub(super) fn next_end(&self) -> Due {
        match &self.stage {
            Stage::Idle => None,
            Stage::Over(over) => over.farewell.as_ref().map(|farewell| (farewell.until, Reason::Forget)),
            Stage::Resting { until, .. } => Some((*until, Reason::Attempt)),
            Stage::Hearing(_) | Stage::Confirming(..) if self.gated() => None,
            Stage::Hearing(attempt) => Some((attempt.give_up, Reason::Attempt)),
            Stage::Confirming(confirmation, _) => Some((confirmation.give_up, Reason::Attempt)),
            Stage::Open(open) => self.next_end_open(open),
        }
    }

    fn next_end_open(&self, open: &Open) -> Due {
        let link = match &open.link {
            Link::Lost(lost) => (lost.since.after(self.kept_for(open)), Reason::Lost),
            Link::Whole | Link::Gap | Link::Reconciling(_) => (self.life.silent_at(), Reason::Silence),
        };
        let stalls = open.carries() && !self.gated() && self.outbound.awaits_news();
        let business = match &open.business {
            Business::Bargain(negotiation) => Some((negotiation.give_up, Reason::Negotiation)),
            Business::Asking(request) => Some((request.give_up, Reason::Unanswered)),
            Business::None | Business::Accepted(_) => None,
        };
        let spent = self.outbound.key_spent() || self.inbound.key_spent();
        soonest(&[
            Some(link),
            open.lifetime_end.moment().map(|at| (at, Reason::Lifetime)),
            business,
            stalls.then(|| (self.progress.after(NO_PROGRESS), Reason::NoProgress)),
            self.must_ask().then_some((AT_ONCE, Reason::Close)),
            spent.then_some((AT_ONCE, Reason::KeySpent)),
        ])
    }

    /// How long a DISCONNECTED session is kept. The time is short if the peer never showed that it holds the keys.
    fn kept_for(&self, open: &Open) -> u64 {
        let limit = self.reconnect_limit.get().unwrap_or(RECONNECT_LIMIT);
        if open.heard { limit } else { limit.min(SILENCE) }
    }

    /// Handles all timers that have expired at `now`, in their order. [`Self::poll_event`] returns the changes.
    ///
    /// # Errors
    /// The identity is not the session's. Nothing has changed.
    pub fn handle_deadline(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), WrongIdentity> {
        if let Stage::Idle = self.stage {
            return Ok(());
        }
        if identity.eid() != self.names.own {
            return Err(WrongIdentity);
        }
        self.expire(now, identity);
        if self.next_end().is_some_and(|(at, reason)| at <= now && reason == Reason::Attempt) {
            self.end_attempt(now, identity, rng);
        }
        self.advance_end(now, identity);
        Ok(())
    }

    /// Handles the timers that have expired by `now`, except the end of an attempt, because the next attempt needs
    /// randomness.
    pub(super) fn expire(&mut self, now: Mono, identity: &Identity<P>) {
        for _ in 0..ENDS {
            match self.next_end() {
                Some((at, reason)) if at <= now && reason != Reason::Attempt => self.end(now, at, reason, identity),
                _ => break,
            }
        }
    }

    /// Handles one timer that expired at `at`.
    fn end(&mut self, now: Mono, at: Mono, reason: Reason, identity: &Identity<P>) {
        match reason {
            Reason::Silence => {
                let first = at.after(u64::from(PROBE_FIRST));
                self.lose(at, Some(Backoff::starting(first, 2 * PROBE_FIRST, PROBE_CEILING)));
            }
            Reason::Lost => {
                let truncated = !self.inbound.complete();
                self.shut(Closure::Lost { truncated }, None);
            }
            Reason::Lifetime => self.force(now, identity, Force::Reason(TeardownReason::LifetimeExpired)),
            Reason::Negotiation => self.force(now, identity, Force::Reason(TeardownReason::NegotiationFailed)),
            Reason::NoProgress => self.force(now, identity, Force::Reason(TeardownReason::NoProgress)),
            Reason::Unanswered => {
                let Stage::Open(Open { business: Business::Asking(request), .. }) = &self.stage else { return };
                let code = request.reason;
                self.force(now, identity, Force::Unanswered(code));
            }
            Reason::Close | Reason::KeySpent => self.advance_end(now, identity),
            Reason::Forget => {
                if let Stage::Over(Over { farewell, .. }) = &mut self.stage {
                    *farewell = None;
                    self.notices.add(Notice::Released);
                }
            }
            // The end of an attempt is handled where the next one can begin; the others are for sending.
            Reason::Attempt | Reason::Transmit | Reason::Acknowledge | Reason::Idle | Reason::Probe => {}
        }
    }

    #[inline(never)]
    fn end_attempt(&mut self, now: Mono, identity: &Identity<P>, rng: &mut impl CryptoRng) {
        let (offered, restarts) = match &self.stage {
            // The application did not answer.
            Stage::Hearing(attempt) if attempt.offered().is_some() => {
                self.force(now, identity, Force::Reason(TeardownReason::NegotiationFailed));
                return;
            }
            Stage::Hearing(attempt) => ((attempt.offer, attempt.proof()), attempt.restarts),
            // The peer had answered, so the time of its search is over.
            Stage::Confirming(confirmation, _) => ((confirmation.offer, None), confirmation.restarts),
            Stage::Resting { offer, .. } => {
                let offer = *offer;
                self.attempt(now, identity, (offer, None), 0, rng);
                return;
            }
            Stage::Idle | Stage::Open(_) | Stage::Over(_) => return,
        };
        if restarts >= RESTARTS {
            self.shut(Closure::NoAnswer, None);
        } else {
            self.attempt(now, identity, offered, restarts + 1, rng);
        }
    }
}
