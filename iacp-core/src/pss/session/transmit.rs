//! Datagrams out, and time.

use rand_core::CryptoRng;

use super::{Session, continuity};
use crate::crypto::Provider;
use crate::identity::Identity;
use crate::pss::error::TooSmall;
use crate::pss::event::{Closure, Reason, TeardownReason, Transmit};
use crate::pss::handshake::contract::Negotiation;
use crate::pss::handshake::frames::HANDSHAKE_LEN;
use crate::pss::handshake::initiator::{Initiation, RESTARTS};
use crate::pss::{IDLE_HEARTBEAT, NO_PROGRESS, SILENCE};
use crate::time::Mono;

/// How long a buffer for [`Session::poll_transmit`] has to be, in bytes. Data frames do not need it: they are lent from
/// the delta log.
pub const TRANSMIT_BUFFER: usize = HANDSHAKE_LEN;

fn copy<'b>(bytes: &[u8], out: &'b mut [u8]) -> &'b [u8] {
    let (room, _) = out.split_at_mut_checked(bytes.len()).unwrap_or_default();
    // Every frame that is copied is shorter than `TRANSMIT_BUFFER`, which was checked.
    room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    room
}

impl<P: Provider, const LOG: usize, const FRAMES: usize> Session<P, LOG, FRAMES> {
    /// The next datagram to send, if one is due. Call it until there is none.
    ///
    /// # Errors
    /// `out` is shorter than [`TRANSMIT_BUFFER`]; nothing has changed.
    pub fn poll_transmit<'b>(&'b mut self, now: Mono, out: &'b mut [u8]) -> Result<Option<Transmit<'b>>, TooSmall> {
        let out = out.get_mut(..TRANSMIT_BUFFER).ok_or(TooSmall { needed: TRANSMIT_BUFFER })?;
        let to = self.to;
        let length = self.control(now, out);
        if length > 0 {
            let (bytes, _) = out.split_at_checked(length).unwrap_or_default();
            return Ok(Some(Transmit { bytes, to }));
        }
        if self.initiation.is_some() || !self.repeats_data() {
            return Ok(None);
        }
        Ok(self.outbound.log.transmit(now).map(|bytes| Transmit { bytes, to }))
    }

    fn repeats_data(&self) -> bool {
        use continuity::State::{AnomalyFlagged, Established, Reconciling};
        self.closure.is_none() && matches!(self.continuity, Established | AnomalyFlagged | Reconciling)
    }

    /// Writes whatever is due but data, and returns its length.
    fn control(&mut self, now: Mono, out: &mut [u8]) -> usize {
        if let Some(bytes) = self.closing.last_word.take() {
            return copy(&bytes, out).len();
        }
        if let Some(bytes) = self.closing.answer.as_ref().filter(|_| self.closing.answer_due) {
            self.closing.answer_due = false;
            return copy(bytes, out).len();
        }
        if self.closure.is_some() {
            return 0;
        }
        let silent = self.continuity == continuity::State::Disconnected;
        if let Some(initiation) = &mut self.initiation {
            let Some(frame) = initiation.frame().filter(|_| initiation.repeat.due() <= now) else { return 0 };
            let length = copy(frame, out).len();
            initiation.repeat.done(now);
            return length;
        }
        let negotiation = self.negotiation.as_mut().filter(|_| !silent);
        let bargaining = negotiation.map_or(0, |negotiation| bargain(negotiation, now, out));
        if bargaining > 0 {
            return bargaining;
        }
        if self.heartbeat_due().is_some_and(|(due, _)| due <= now) {
            let length = self.heartbeat(out);
            self.timers.last_heartbeat = now;
            self.timers.acknowledge = None;
            self.timers.unacknowledged = 0;
            if let Some((probe, _)) = self.timers.probe.as_mut().filter(|(probe, _)| probe.due() <= now) {
                probe.done(now);
            }
            return length;
        }
        let request = self.closing.request.as_mut().filter(|request| !silent && request.repeat.due() <= now);
        if let Some(request) = request {
            request.repeat.done(now);
            return copy(&request.bytes, out).len();
        }
        0
    }

    fn heartbeat(&mut self, out: &mut [u8]) -> usize {
        let Some(chain) = self.inbound.chain() else { return 0 };
        let sealed = self.outbound.heartbeat(self.cookies, self.inbound.expected(), &chain, out);
        sealed.ok().flatten().map_or(0, <[u8]>::len)
    }

    /// When the next heartbeat is due, and for which reason.
    fn heartbeat_due(&self) -> Option<(Mono, Reason)> {
        let probe = self.timers.probe.filter(|(probe, until)| probe.due() < *until);
        let probe = probe.map(|(probe, _)| (probe.due(), Reason::Acknowledge));
        if self.continuity == continuity::State::Disconnected {
            return probe;
        }
        let acknowledge = self.timers.acknowledge.map(|due| (due, Reason::Acknowledge));
        let idle = (self.timers.last_heartbeat.after(IDLE_HEARTBEAT), Reason::Idle);
        [probe, acknowledge, Some(idle)].into_iter().flatten().min()
    }

    /// When something is due, and why: a frame to be sent (then [`Self::poll_transmit`] has one), or an end to be
    /// drawn (then [`Self::handle_deadline`] draws it). `None` when the session waits for nothing any more.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Mono, Reason)> {
        let now_or_never = self.timers.last_authentic;
        if self.closing.last_word.is_some() || (self.closing.answer_due && self.closing.answer.is_some()) {
            return Some((now_or_never, Reason::Transmit));
        }
        if self.closure.is_some() {
            return self.timers.forget.map(|at| (at, Reason::Forget));
        }
        if let Some(initiation) = &self.initiation {
            let speak = initiation.frame().map(|_| (initiation.repeat.due(), Reason::Transmit));
            return speak.into_iter().chain([(initiation.give_up, Reason::Attempt)]).min();
        }
        if let Some(since) = self.timers.disconnected {
            let probe = self.heartbeat_due();
            let request = self.closing.request.as_ref().map(|request| (request.give_up, Reason::GiveUp));
            let lifetime = self.timers.lifetime_end.map(|end| (end, Reason::Lifetime));
            return [probe, request, lifetime, Some((self.lost(since), Reason::Lost))].into_iter().flatten().min();
        }
        if self.must_ask() {
            return Some((now_or_never, Reason::Close));
        }
        let data = self.outbound.log.due().filter(|_| self.repeats_data()).map(|due| (due, Reason::Transmit));
        let answer = self.negotiation.as_ref().filter(|negotiation| negotiation.answer_due);
        let answer = answer.map(|_| (now_or_never, Reason::Transmit));
        let ours = self.negotiation.as_ref().and_then(|negotiation| negotiation.ours.as_ref());
        let proposal = ours.map(|ours| (ours.repeat.due(), Reason::Transmit));
        let give_up = self.negotiation.as_ref().and_then(Negotiation::give_up).map(|at| (at, Reason::GiveUp));
        let request = self.closing.request.as_ref();
        let repeat = request.map(|request| (request.repeat.due(), Reason::Transmit));
        let unanswered = request.map(|request| (request.give_up, Reason::GiveUp));
        let lifetime = self.timers.lifetime_end.map(|end| (end, Reason::Lifetime));
        let stalled =
            (!self.outbound.log.is_empty()).then(|| (self.timers.progress.after(NO_PROGRESS), Reason::GiveUp));
        let silence = (self.timers.last_authentic.after(SILENCE), Reason::Silence);
        [data, stalled, answer, proposal, give_up, repeat, unanswered, lifetime, self.heartbeat_due(), Some(silence)]
            .into_iter()
            .flatten()
            .min()
    }

    /// When a session that is DISCONNECTED since then is wiped. One whose peer never showed that it holds the keys is
    /// not worth an hour.
    const fn lost(&self, since: Mono) -> Mono {
        let limit = self.timers.reconnect_limit;
        since.after(if self.heard || limit < SILENCE { limit } else { SILENCE })
    }

    /// Draws whatever end is due at `now`; returns how the session ended, if it did.
    pub fn handle_deadline(&mut self, now: Mono, identity: &Identity<P>, rng: &mut impl CryptoRng) -> Option<Closure> {
        if self.timers.forget.is_some_and(|at| at <= now) {
            self.timers.forget = None;
            self.closing.answer = None;
        }
        if let Some(closure) = self.progress(now, identity) {
            return Some(closure);
        }
        if self.closure.is_some() {
            return None;
        }
        if let Some(Initiation { give_up, restarts, offered, .. }) = &self.initiation {
            if *give_up > now {
                return None;
            }
            if offered.is_some() {
                // It was the application that did not answer.
                return Some(self.shut(TeardownReason::NegotiationFailed.forced(true)));
            }
            if *restarts >= RESTARTS {
                return Some(self.shut(Closure::NoAnswer));
            }
            let restarts = restarts + 1;
            self.attempt(now, identity, restarts, rng);
            return None;
        }
        let truncated = !self.inbound.complete();
        if self.timers.lifetime_end.is_some_and(|end| end <= now) {
            return self.abort(identity, TeardownReason::LifetimeExpired);
        }
        if self.negotiation.as_ref().and_then(Negotiation::give_up).is_some_and(|at| at <= now) {
            return self.abort(identity, TeardownReason::NegotiationFailed);
        }
        let waits = self.timers.disconnected.is_none() && !self.outbound.log.is_empty();
        if waits && self.timers.progress.after(NO_PROGRESS) <= now {
            return self.abort(identity, TeardownReason::NoProgress);
        }
        if self.closing.request.as_ref().is_some_and(|request| request.give_up <= now) {
            return Some(self.shut(Closure::Unanswered { truncated }));
        }
        match self.timers.disconnected {
            Some(since) if self.lost(since) <= now => Some(self.shut(Closure::Lost { truncated })),
            None if self.timers.last_authentic.after(SILENCE) <= now => self.transport_lost(now),
            _ => None,
        }
    }
}

/// The negotiation's next frame: an answer that was asked for, or our own proposal.
fn bargain(negotiation: &mut Negotiation, now: Mono, out: &mut [u8]) -> usize {
    if let Some(answer) = negotiation.answer().filter(|_| negotiation.answer_due) {
        let length = copy(answer, out).len();
        negotiation.answer_due = false;
        return length;
    }
    if let Some(ours) = negotiation.ours.as_mut().filter(|ours| ours.repeat.due() <= now) {
        ours.repeat.done(now);
        return copy(ours.frame.bytes(), out).len();
    }
    0
}
