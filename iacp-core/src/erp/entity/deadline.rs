//! What is due: the earliest deadline of sessions, contexts and leavings.

use rand_core::CryptoRng;

use super::LlEntity;
use super::parts::ANSWERS;
use crate::crypto::Provider;
use crate::erp::agent::{EVOLUTION, PURGE, ROTATION};
use crate::erp::context::{Event, State};
use crate::erp::switch_point::OutboxCell;
use crate::slots::Deadlines;
use crate::time::{Mono, soonest};

/// No more items are handled in one call.
const ITEMS: usize = 32;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// When something is due; a time that has passed says: at once. It may be early, and then nothing is found to be due;
    /// it is never late.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let lists = self.agents_out.is_empty() && self.sessions_out.is_empty() && self.outbox_out.is_empty();
        if !lists
            || self.copying.is_some()
            || !self.groups_stale.is_empty()
            || self.reply.to.is_some()
            || self.is_sweeping()
        {
            return Some(Mono(0));
        }
        let item = self.deadlines.first().map(|(at, _)| at);
        let secret = (ANSWERS && self.agents.taken() > 0).then(|| self.responder.next_deadline());
        soonest(&[item, secret, self.offers_until])
    }

    /// Brings the front of the heap up to date.
    pub(super) fn correct(&mut self) {
        let Self { deadlines, sessions, agents, outbox, settings, .. } = self;
        let (sessions, agents, outbox) = (&*sessions, &*agents, &*outbox);
        let directory = settings.quorum().is_some();
        Deadlines::correct(deadlines, |item| {
            let Some(agent) = item.checked_sub(sessions.capacity()) else { return sessions.at(item)?.due() };
            match agent.checked_sub(agents.capacity()) {
                None => agents.at(agent)?.due(directory),
                Some(cell) => outbox.at(cell).map(OutboxCell::due),
            }
        });
    }

    /// Handles what is due at `now`, in the order in which it fell due; a constant number of things in one call, so ask
    /// [`Self::next_deadline`] again. Events are polled between two calls.
    #[inline(never)]
    pub fn handle_deadline(&mut self, now: Mono, rng: &mut impl CryptoRng) {
        self.clock = self.clock.max(now);
        if ANSWERS && self.responder.next_deadline() <= now {
            self.responder.handle_deadline(now, rng);
        }
        self.expire_offers(now);
        for _ in 0..ITEMS {
            let Some(item) = self.deadlines.pop(now) else { break };
            match item.checked_sub(self.sessions.capacity()) {
                None => self.session_is_due(now, item, rng),
                Some(agent) => match agent.checked_sub(self.agents.capacity()) {
                    // A leaving that takes the place of another would take its news too: these are polled first.
                    None if self.outbox.is_full() && !self.outbox_news.is_empty() => {
                        self.deadlines.bring_forward(item, now);
                        break;
                    }
                    None => self.agent_is_due(now, agent),
                    Some(cell) => self.leaving_is_due(now, cell),
                },
            }
        }
        self.rotate_groups(now, rng);
        self.correct();
    }

    fn session_is_due(&mut self, now: Mono, slot: u32, rng: &mut impl CryptoRng) {
        let Some(entry) = self.sessions.at(slot) else { return };
        let (agent, wake) = (entry.agent, entry.wake);
        if entry.goodbye.is_some() {
            self.sessions_out.push(&mut self.sessions, slot);
            return;
        }
        if entry.want.is_some() {
            if let Some(entry) = self.sessions.at_mut(slot) {
                entry.wake = false;
            }
            self.try_begin(now, slot, rng);
            return;
        }
        let bound = self.state(agent) == State::Bound;
        let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at(agent)) else { return };
        let Some(identity) = &context.identity else { return };
        entry.wake = false;
        if let Some(throttle) = entry.throttle.as_mut() {
            throttle.waits = None;
        }
        if wake && bound {
            // It is this agent's session, so the identity is the right one.
            let _ = entry.session.open_gate(now, identity, rng);
        }
        let (peer, cookies) = (entry.session.peer(), entry.session.cookies());
        let tries = entry.session.is_attempt_toward(&peer);
        let _ = entry.session.handle_deadline(now, identity, rng);
        let begins_anew = tries && entry.session.cookies() != cookies;
        self.refile(now, slot, rng);
        if begins_anew {
            self.unheard(now, slot);
        }
        self.read_again(now, slot);
        self.renew_keys(now, slot, rng);
        self.seek_again(now, slot);
        self.touch(slot);
    }

    fn agent_is_due(&mut self, now: Mono, slot: u32) {
        let Some(agent) = self.agents.at(slot) else { return };
        if now.since(agent.heard) > PURGE {
            self.end_context(now, slot, Event::Purge);
            return;
        }
        if agent.evolving.is_some_and(|since| now.since(since) >= EVOLUTION) {
            self.end_context(now, slot, Event::EvolutionRefused);
            return;
        }
        if agent.rotated.is_some_and(|since| now.since(since) >= ROTATION) {
            // The leaving ends what is still open at the peers.
            self.end_context(now, slot, Event::Deregistration);
            return;
        }
        self.root_record_is_due(now, slot);
        if let Some(agent) = self.agents.at_mut(slot)
            && agent.state == State::Transition
            && !agent.unsigned
            && self.settings.quorum().is_some()
            && agent.registration.is_late(now)
        {
            // Not enough answers: degraded, and a new write to nodes that are looked up again, without end.
            agent.registration.begin(now);
            if !agent.degraded {
                (agent.degraded, agent.tell.state) = (true, true);
            }
            self.agents_ask.push(&mut self.agents, slot);
        }
        self.expire_groups(now, slot);
        self.query_is_due(now, slot);
        self.standing_is_due(now, slot);
        self.touch_agent(slot);
    }

    pub(super) fn leaving_due(&self, slot: u32) -> Option<Mono> {
        self.outbox.at(slot).map(OutboxCell::due)
    }

    fn leaving_is_due(&mut self, now: Mono, slot: u32) {
        let Some(cell) = self.outbox.at(slot) else { return };
        if cell.until <= now {
            self.forget_leaving(slot);
            return;
        }
        self.outbox_out.push(&mut self.outbox, slot);
    }
}
