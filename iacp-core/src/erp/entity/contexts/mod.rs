//! Contexts: begun, bound, moved (`IACP §4.2.2`, `IACP §4.2.3`, `IACP §4.2.5`).

mod answers;
mod evolution;
mod leaving;

use core::net::IpAddr;

use iacp_wire::{Digest, Eid, IatField};
use rand_core::CryptoRng;

use super::LlEntity;
use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Secret32};
use crate::erp::agent::{Agent, AgentSlot, ROOT_RECORD, Stored, Storing};
use crate::erp::binding::Binding;
use crate::erp::context::{Event, State};
use crate::erp::local::LocalStatus;
use crate::identity::Identity;
use crate::slots::Handle;
use crate::time::Mono;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// A new agent of this process: key, token, context. `airk` is its identity root key, `digest` that of its
    /// application; without them it can never change its software.
    ///
    /// # Errors
    /// [`LocalStatus::Capacity`]: no slot is free. Nothing has changed.
    pub fn init(
        &mut self,
        now: Mono,
        airk: Option<Eid>,
        digest: Digest,
        rng: &mut impl CryptoRng,
    ) -> Result<Agent, LocalStatus> {
        cleanly(|| {
            let slot = self.allocate(now, None, airk, digest, rng)?;
            self.credentials(slot).ok_or(LocalStatus::Capacity)
        })
    }

    /// A context of its own for each that asks.
    pub(in crate::erp::entity) fn allocate(
        &mut self,
        now: Mono,
        channel: Option<u32>,
        airk: Option<Eid>,
        digest: Digest,
        rng: &mut impl CryptoRng,
    ) -> Result<u32, LocalStatus> {
        let bindable = airk.is_some() && self.settings.quorum().is_some() && !self.deposits.is_empty();
        let slot = self.enter(now, |agent| {
            agent.begin(now, airk, digest, rng);
            agent.channel = channel;
            agent.awaits_root = bindable.then(|| now.after(ROOT_RECORD));
        })?;
        let place = channel.and_then(|channel| usize::try_from(channel).ok());
        if let Some(state) = place.and_then(|place| self.channels.get_mut(place)) {
            state.contexts = state.contexts.saturating_add(1);
        }
        Ok(slot)
    }

    /// An agent goes on whose context was lost with the host's memory: the same EID, a new token, a generation above all that
    /// may have been signed. Its sessions are gone; lines go on by what the agents have written down, and by OPEN with a
    /// resume record or RECALL.
    ///
    /// # Errors
    /// [`LocalStatus::Refused`]: the EID has a context here. [`LocalStatus::Capacity`]: no slot is free. Nothing has changed.
    pub fn restore(&mut self, now: Mono, stored: &Stored<'_>, rng: &mut impl CryptoRng) -> Result<Agent, LocalStatus> {
        cleanly(|| {
            let eid = Identity::<P>::from_seed(stored.seed).eid();
            if self.agent_of(&eid).is_some() {
                return Err(LocalStatus::Refused);
            }
            let slot = self.enter(now, |agent| agent.restore(now, stored, rng))?;
            self.credentials(slot).ok_or(LocalStatus::Capacity)
        })
    }

    /// The seed of an agent's EID, for the host's own protected storage: with it [`Self::restore`] goes on after a lost
    /// memory. No frame carries it, and no agent is told it.
    #[must_use]
    pub fn seed(&self, eid: &Eid) -> Option<&Secret32> {
        self.agents.at(self.agent_of(eid)?).map(|agent| &agent.seed)
    }

    /// A context in a slot of its own.
    pub(in crate::erp::entity) fn enter(
        &mut self,
        now: Mono,
        begin: impl FnOnce(&mut AgentSlot<P>),
    ) -> Result<u32, LocalStatus> {
        let handle = self.agents.claim().ok_or(LocalStatus::Capacity)?;
        let Some(agent) = self.agents.get_mut(handle) else { return Err(LocalStatus::Capacity) };
        begin(agent);
        self.file_entered(now, handle)
    }

    /// Files what has been entered. It is apart, so that there is one copy of it and not one for each way to enter.
    fn file_entered(&mut self, now: Mono, handle: Handle) -> Result<u32, LocalStatus> {
        let (slot, moves) = (handle.slot(), self.moves);
        let Some(agent) = self.agents.get_mut(handle) else { return Err(LocalStatus::Capacity) };
        agent.moves = moves;
        if !self.file_agent(slot) {
            self.agents.release(handle);
            return Err(LocalStatus::Capacity);
        }
        self.agents_ask.push(&mut self.agents, slot);
        self.settle_agent(now, slot);
        Ok(slot)
    }

    /// What the agent in a slot shows.
    pub(in crate::erp::entity) fn credentials(&self, slot: u32) -> Option<Agent> {
        let agent = self.agents.at(slot)?;
        let copy = |to: &mut [u8; 32]| to.iter_mut().zip(agent.iat.expose()).for_each(|(to, from)| *to = *from);
        Some(Agent::new(agent.eid(), Secret32::fill(copy)))
    }

    /// The token for ERP_ALLOC.
    pub(in crate::erp::entity) fn token(&self, slot: u32) -> IatField {
        IatField(self.agents.at(slot).map_or([0; 32], |agent| *agent.iat.expose()))
    }

    /// Where a context stands, as the host sees it: one that was BOUND to an address which the host has left is not.
    pub(in crate::erp::entity) fn state(&self, slot: u32) -> State {
        match self.agents.at(slot) {
            Some(agent) if agent.state == State::Bound && agent.moves != self.moves => State::Transition,
            Some(agent) => agent.state,
            None => State::Unbound,
        }
    }

    /// Has an agent sent, told and waited for, whatever is due.
    pub(in crate::erp::entity) fn settle_agent(&mut self, now: Mono, slot: u32) {
        self.touch_agent(slot);
        let Some(agent) = self.agents.at(slot) else { return };
        let wants_nodes = self.settings.quorum().is_some()
            && agent.state == State::Transition
            && !agent.registration.known
            && !agent.registration.asked;
        if wants_nodes || agent.storing == Storing::Wanted || agent.storing_evolution == Storing::Wanted {
            self.agents_ask.push(&mut self.agents, slot);
        }
        self.sign_binding(now, slot);
    }

    /// Signs the binding that is wanted, once its generation is on stable storage.
    // keeps: IACP-089 (§4.2.5.1)
    fn sign_binding(&mut self, now: Mono, slot: u32) {
        let (moves, address, directory) = (self.moves, self.settings.address, self.settings.quorum().is_some());
        let waits = |agent: &AgentSlot<P>| agent.awaits_root.is_some();
        let Some(agent) = self.agents.at_mut(slot).filter(|agent| agent.unsigned && !waits(agent)) else { return };
        let Some(identity) = &agent.identity else { return };
        if agent.given && agent.binding.is_none_or(|binding| binding.ip != address.into()) {
            // The host has moved since it offered. This generation names another place, and is signed once only.
            agent.given = false;
            agent.counter.pass();
            agent.storing = Storing::Nothing;
            agent.want_binding();
            self.agents_ask.push(&mut self.agents, slot);
            return;
        }
        let Ok(generation) = agent.counter.take() else { return };
        let first = agent.binding.is_none() || agent.state == State::Allocated;
        if !core::mem::take(&mut agent.given) {
            agent.binding = Some(Binding::sign(identity, address.into(), generation));
        }
        (agent.unsigned, agent.moves) = (false, moves);
        if agent.state == State::Allocated {
            agent.step(Event::ErpRegister);
        }
        if directory {
            if first {
                agent.registration.begin(now);
            } else {
                agent.registration.begin_again(now);
            }
            if !agent.registration.known {
                self.agents_ask.push(&mut self.agents, slot);
            }
        } else {
            self.confirmed(now, slot);
        }
        self.announce(now, slot);
        self.touch_agent(slot);
    }

    /// Live peers are told where the agent is now.
    fn announce(&mut self, now: Mono, slot: u32) {
        let moved = self.agents.at(slot).and_then(|agent| agent.binding).is_some_and(|binding| binding.generation > 0);
        if !moved {
            return;
        }
        let mut next = self.first_session(slot);
        while let Some(session) = next {
            let Some(entry) = self.sessions.at_mut(session) else { break };
            next = entry.next.checked_sub(1);
            entry.asleep = false;
            if entry.opened && entry.session.closure().is_none() {
                entry.vector = Some((crate::time::Backoff::now(now), now.after(super::outbound::VECTOR)));
            }
            self.touch(session);
        }
    }

    pub(in crate::erp::entity) fn first_session(&self, agent: u32) -> Option<u32> {
        self.agents.at(agent)?.sessions.checked_sub(1)
    }

    /// DHT Confirmation: BOUND, and everything that waited goes on.
    pub(in crate::erp::entity) fn confirmed(&mut self, now: Mono, slot: u32) {
        let Some(agent) = self.agents.at_mut(slot) else { return };
        if !agent.step(Event::DhtConfirmation) {
            return;
        }
        (agent.degraded, agent.accused, agent.proven) = (false, false, false);
        if core::mem::take(&mut agent.changed) && agent.step(Event::AppDigestChange) {
            agent.evolving = Some(now);
        }
        self.wake_sessions(now, slot);
        self.renew_next(now, slot);
        self.lead_the_lost(slot);
        self.touch_agent(slot);
    }

    /// The sessions of a context that is BOUND again may go on.
    fn wake_sessions(&mut self, now: Mono, slot: u32) {
        if self.state(slot) != State::Bound {
            return;
        }
        let mut next = self.first_session(slot);
        while let Some(session) = next {
            let Some(entry) = self.sessions.at_mut(session) else { break };
            next = entry.next.checked_sub(1);
            entry.wake = true;
            self.deadlines.bring_forward(session, now);
        }
    }

    /// The host has another address: outbound data of all contexts is locked now, and each context signs its next
    /// generation as `poll_transmit` comes to it.
    // keeps: IACP-089 (§4.2.5.1), IACP-006 (§3.4)
    pub fn churn(&mut self, address: IpAddr) {
        if address == self.settings.address {
            return;
        }
        self.previous = core::mem::replace(&mut self.settings.address, address);
        self.moves = self.moves.wrapping_add(1);
        self.sweep = 0;
    }

    /// One context of those that a churn moves.
    pub(in crate::erp::entity) fn move_agent(&mut self, now: Mono, slot: u32) {
        let moves = self.moves;
        if self.is_docking(slot) {
            // Its next generation is kept for the host that takes it over.
            return;
        }
        let Some(agent) = self.agents.at_mut(slot).filter(|agent| agent.moves != moves) else { return };
        match agent.state {
            State::Bound | State::Transition => {
                agent.step(Event::NetworkChurn);
                agent.want_binding();
                let mut next = self.first_session(slot);
                while let Some(session) = next {
                    let Some(entry) = self.sessions.at_mut(session) else { break };
                    next = entry.next.checked_sub(1);
                    entry.session.close_gate(now);
                }
                self.settle_agent(now, slot);
            }
            // Nothing was announced yet, or the move is raised when the software is vouched for.
            State::Allocated | State::Unbound => agent.moves = moves,
            State::EvolvePending => {}
        }
    }
}
