//! What the host is asked, and what its storage and the directory answer (`IACP §4.2.5`).

use core::net::SocketAddr;

use iacp_wire::message::ErpConfirm;
use iacp_wire::{Eid, Frame};

use super::super::LlEntity;
use super::super::event::{Dropped, HostEvent, HostRequest, PeerAnswer, Persist};
use crate::crypto::Provider;
use crate::erp::agent::Storing;
use crate::erp::binding::Binding;
use crate::erp::context::{Event, State};
use crate::erp::switch_point::{Node, RegisterAnswer, RegistrationState};
use crate::identity::verify_frame;
use crate::slots::Maybe;
use crate::time::Mono;

/// How long the directory's answer about a peer counts, in milliseconds.
const STANDING: u64 = 300_000;
/// A node's STALE has an agent's own binding read at most once in this long, in milliseconds.
const READ_OWN: u64 = 2_000;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// The host asks its storage, or the directory, until there is nothing to ask.
    // keeps: IACP-069 (§4.2.1.3)
    #[inline(never)]
    pub fn poll_request(&mut self) -> Option<HostRequest> {
        while let Some(slot) = self.agents_ask.first() {
            if let Some(request) = self.ask_for(slot) {
                return Some(request);
            }
            self.agents_ask.pop(&mut self.agents);
        }
        while let Some(slot) = self.peers_ask.pop(&mut self.peers) {
            if let Some(peer) = self.peers.at(slot) {
                return Some(HostRequest::Peer(peer.eid));
            }
        }
        None
    }

    fn ask_for(&mut self, slot: u32) -> Option<HostRequest> {
        let directory = self.settings.quorum().is_some();
        if let Some(what) = self.ask_to_store_export(slot) {
            return Some(HostRequest::Persist { eid: self.agents.at(slot)?.eid(), what });
        }
        let agent = self.agents.at_mut(slot)?;
        let eid = agent.eid();
        if agent.storing == Storing::Wanted {
            agent.storing = Storing::Asked;
            if let Some(bound) = agent.counter.wanted() {
                return Some(HostRequest::Persist { eid, what: Persist::Generation(bound) });
            }
        }
        if agent.storing_evolution == Storing::Wanted
            && let Some(digest) = agent.evolved
        {
            agent.storing_evolution = Storing::Asked;
            let what = Persist::Evolution(digest, agent.evolution.saturating_add(1));
            return Some(HostRequest::Persist { eid, what });
        }
        if core::mem::take(&mut agent.read_own) {
            return Some(HostRequest::Own(eid));
        }
        if core::mem::take(&mut agent.fetch) {
            return Some(HostRequest::Accusation(eid));
        }
        let waits = directory && agent.state == State::Transition && !agent.unsigned;
        if waits && !agent.registration.known && !agent.registration.asked {
            agent.registration.asked = true;
            return Some(HostRequest::Nodes(eid));
        }
        if let Some(request) = self.ask_for_resolvers(slot) {
            return Some(request);
        }
        self.ask_for_records(slot)
    }

    /// What was asked to be stored is on stable storage. What nothing has asked for changes nothing.
    pub fn persisted(&mut self, now: Mono, eid: &Eid, what: Persist) {
        let Some(slot) = self.agent_of(eid) else { return };
        let Some(agent) = self.agents.at_mut(slot) else { return };
        match what {
            Persist::Generation(bound) if agent.storing == Storing::Asked && agent.counter.wanted() == Some(bound) => {
                agent.counter.persisted(bound);
                agent.storing = Storing::Nothing;
                self.settle_agent(now, slot);
            }
            Persist::Evolution(digest, number)
                if agent.storing_evolution == Storing::Asked
                    && agent.evolved == Some(digest)
                    && number == agent.evolution.saturating_add(1) =>
            {
                (agent.digest, agent.evolution) = (digest, number);
                (agent.evolved, agent.evolving, agent.storing_evolution) = (None, None, Storing::Nothing);
                if agent.step(Event::EvolutionAccepted) {
                    self.wake_sessions(now, slot);
                    let moves = self.moves;
                    if self.agents.at(slot).is_some_and(|agent| agent.moves != moves) {
                        self.move_agent(now, slot);
                    }
                }
                self.settle_agent(now, slot);
            }
            Persist::TicketBlock { .. } | Persist::TicketSeen { .. } => self.ticket_stored(slot, what),
            Persist::Exported(bound) | Persist::Kept(bound) => self.export_stored(now, slot, bound, what),
            Persist::Generation(_) | Persist::Evolution(..) => {}
        }
        self.correct();
    }

    /// The nodes that are responsible for an agent of this host.
    pub fn answer_nodes(&mut self, now: Mono, eid: &Eid, nodes: &[Node]) {
        let Some(slot) = self.agent_of(eid) else { return };
        let Some(agent) = self.agents.at_mut(slot) else { return };
        if agent.registration.asked && !agent.registration.known && !nodes.is_empty() {
            agent.registration.set_nodes(now, nodes);
            self.touch_agent(slot);
        }
    }

    /// The newest binding that the directory has of an agent of this host. It proves itself: what is not ours, and not
    /// below ours, says that the key is elsewhere too, and the EID is given up.
    pub fn answer_own(&mut self, now: Mono, binding: &Binding) {
        if let Some(slot) = self.agent_of(&binding.eid)
            && binding.verify::<P>().is_ok()
        {
            self.on_own_binding(now, slot, binding);
            self.correct();
        }
    }

    /// What the directory knows of a peer. What nothing has asked for changes nothing.
    pub fn answer_peer(&mut self, now: Mono, eid: &Eid, answer: &PeerAnswer) {
        let Some(slot) = self.peer_of(eid) else { return };
        let Some(peer) = self.peers.at_mut(slot).filter(|peer| peer.asking) else { return };
        peer.asking = false;
        peer.standing = Maybe::Just((answer.standing, now.after(STANDING)));
        (peer.flags, peer.reputation) = (answer.flags, answer.reputation);
        if let Some(binding) = answer.binding.filter(|binding| binding.eid == *eid && binding.verify::<P>().is_ok()) {
            self.take_binding(now, slot, binding, None);
        }
        self.wake_waiting(now, slot);
        self.tell_standing(slot);
    }

    /// A node's word on a registration, or on a leaving.
    pub(in crate::erp::entity) fn on_confirm(
        &mut self,
        now: Mono,
        from: SocketAddr,
        frame: &Frame<'_>,
        confirm: &ErpConfirm,
        bytes: &[u8],
    ) -> HostEvent<'static> {
        let Some(quorum) = self.settings.quorum() else { return HostEvent::Dropped(Dropped::NotAsked) };
        let answer = RegisterAnswer::of(confirm.status.get());
        let node = confirm.directory_node_eid;
        let (slot, binding) = match self.agent_of(&confirm.eid) {
            Some(slot) => (Some(slot), self.agents.at(slot).and_then(|agent| agent.binding)),
            None => (None, None),
        };
        let generation = confirm.generation_counter.get();
        let newest = binding.filter(|binding| binding.generation == generation);
        if let (Some(slot), Some(binding)) = (slot, newest) {
            let asked = self.agents.at(slot).is_some_and(|agent| agent.registration.asked(&node, from));
            // Confirmations of older generations are no event, and cost no signature.
            if !asked {
                return HostEvent::Dropped(Dropped::NotAsked);
            }
            if self.confirms.take(now, 1).is_err() {
                return HostEvent::Dropped(Dropped::RateLimited);
            }
            if verify_frame::<P>(&node, frame, [&binding.signed(), &[]], bytes).is_err() {
                return HostEvent::Dropped(Dropped::Signature);
            }
            let state = self.agents.at_mut(slot).and_then(|agent| agent.registration.answered(quorum, &node, answer));
            if let Some(state) = state {
                self.on_registration_state(now, slot, state);
            }
            return HostEvent::Taken;
        }
        self.on_leaving_confirmed(now, quorum, from, frame, confirm, bytes)
    }

    fn on_registration_state(&mut self, now: Mono, slot: u32, state: RegistrationState) {
        match state {
            RegistrationState::Confirmed => self.confirmed(now, slot),
            RegistrationState::Refused => {
                self.end_context(now, slot, Event::RegistrationRefused);
            }
            RegistrationState::Stale => {
                // One node's word is not a proof: what it knows is read, and proves itself. A node that says it again and again has
                // it read no more often.
                if let Some(agent) = self.agents.at_mut(slot).filter(|agent| agent.read_own_from <= now) {
                    (agent.read_own, agent.read_own_from) = (true, now.after(READ_OWN));
                }
                self.agents_ask.push(&mut self.agents, slot);
            }
            RegistrationState::Accused => {
                if let Some(agent) = self.agents.at_mut(slot).filter(|agent| !agent.accused) {
                    (agent.accused, agent.tell.state) = (true, true);
                }
                self.want_accusation(now, slot);
                self.touch_agent(slot);
            }
            RegistrationState::WrongSource => {
                if let Some(agent) = self.agents.at_mut(slot) {
                    agent.tell.wrong_source = true;
                }
                self.touch_agent(slot);
            }
        }
    }

    /// A verified binding of an EID of this host: if it is not ours, and not below ours, the key is elsewhere too, and the
    /// EID is given up.
    pub(in crate::erp::entity) fn on_own_binding(&mut self, now: Mono, slot: u32, binding: &Binding) {
        if let Some(agent) = self.agents.at_mut(slot).filter(|agent| agent.is_foreign(binding)) {
            agent.tell.cloned = true;
            self.end_context(now, slot, Event::Deregistration);
        }
    }
}
