//! Contexts: begun, bound, moved, evolved, ended (`IACP §4.2.2`, `IACP §4.2.3`, `IACP §4.2.5`).

use core::net::{IpAddr, SocketAddr};

use iacp_wire::message::{ErpConfirm, ErpEvolve};
use iacp_wire::{Digest, Eid, Frame, IatField};
use rand_core::CryptoRng;

use super::LlEntity;
use super::event::{Dropped, HostEvent, HostRequest, PeerAnswer, Persist};
use crate::crypto::{Provider, Secret32};
use crate::erp::agent::{Agent, EVOLUTION, ROTATION, RotationReason, Storing};
use crate::erp::binding::Binding;
use crate::erp::context::{Event, State};
use crate::erp::generation::Counter;
use crate::erp::local::LocalStatus;
use crate::erp::switch_point::{Answer, Node, Registration, Verdict};
use crate::identity::verify_frame;
use crate::pss::TeardownReason;
use crate::time::Mono;

/// What the directory says of a peer is believed for so long, in milliseconds.
const STANDING: u64 = 300_000;
/// A leaving is repeated for so long, in milliseconds.
const LEAVING: u64 = 60_000;

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
        let slot = self.allocate(now, None, airk, digest, rng)?;
        self.credentials(slot).ok_or(LocalStatus::Capacity)
    }

    /// A context of its own for each that asks.
    pub(super) fn allocate(
        &mut self,
        now: Mono,
        channel: Option<u32>,
        airk: Option<Eid>,
        digest: Digest,
        rng: &mut impl CryptoRng,
    ) -> Result<u32, LocalStatus> {
        let handle = self.agents.claim().ok_or(LocalStatus::Capacity)?;
        let (slot, moves) = (handle.slot(), self.moves);
        let Some(agent) = self.agents.get_mut(handle) else { return Err(LocalStatus::Capacity) };
        agent.begin(now, airk, digest, rng);
        (agent.channel, agent.moves) = (channel, moves);
        let eid = agent.eid();
        if !self.agent_index.insert(self.agent_index.hash(&[&eid.0]), slot) {
            self.agents.release(handle);
            return Err(LocalStatus::Capacity);
        }
        self.agents_ask.push(&mut self.agents, slot);
        self.settle_agent(now, slot);
        Ok(slot)
    }

    /// What the agent in a slot shows.
    pub(super) fn credentials(&self, slot: u32) -> Option<Agent> {
        let agent = self.agents.at(slot)?;
        let copy = |to: &mut [u8; 32]| to.iter_mut().zip(agent.iat.expose()).for_each(|(to, from)| *to = *from);
        Some(Agent::new(agent.eid(), Secret32::fill(copy)))
    }

    /// The token for ERP_ALLOC.
    pub(super) fn token(&self, slot: u32) -> IatField {
        IatField(self.agents.at(slot).map_or([0; 32], |agent| *agent.iat.expose()))
    }

    /// Where a context stands, as the host sees it: one that was BOUND to an address which the host has left is not.
    pub(super) fn state(&self, slot: u32) -> State {
        match self.agents.at(slot) {
            Some(agent) if agent.state == State::Bound && agent.moves != self.moves => State::Transition,
            Some(agent) => agent.state,
            None => State::Unbound,
        }
    }

    /// Has an agent sent, told and waited for, whatever is due.
    pub(super) fn settle_agent(&mut self, now: Mono, slot: u32) {
        self.touch_agent(slot);
        let Some(agent) = self.agents.at(slot) else { return };
        let wants_nodes = self.settings.directory.is_some()
            && agent.state == State::Transition
            && !agent.registration.known
            && !agent.registration.asked;
        if wants_nodes || agent.storing == Storing::Wanted || agent.storing_evolution == Storing::Wanted {
            self.agents_ask.push(&mut self.agents, slot);
        }
        self.sign_binding(now, slot);
    }

    /// Signs the binding that is wanted, once its generation is on stable storage.
    // keeps: IACP-089
    fn sign_binding(&mut self, now: Mono, slot: u32) {
        let (moves, address, directory) = (self.moves, self.settings.address, self.settings.directory.is_some());
        let Some(agent) = self.agents.at_mut(slot).filter(|agent| agent.unsigned) else { return };
        let Some(identity) = &agent.identity else { return };
        let Ok(generation) = agent.counter.take() else { return };
        let first = agent.binding.is_none();
        agent.binding = Some(Binding::sign(identity, address.into(), generation));
        (agent.unsigned, agent.moves) = (false, moves);
        if agent.state == State::Allocated {
            agent.step(Event::ErpRegister);
        }
        if first {
            agent.registration.begin(now);
        } else {
            agent.registration.begin_again(now);
        }
        if directory {
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
            if entry.opened && entry.session.closure().is_none() {
                entry.vector = Some((crate::time::Backoff::now(now), now.after(super::outbound::VECTOR)));
            }
            self.touch(session);
        }
    }

    pub(super) fn first_session(&self, agent: u32) -> Option<u32> {
        self.agents.at(agent)?.sessions.checked_sub(1)
    }

    /// DHT Confirmation: BOUND, and everything that waited goes on.
    pub(super) fn confirmed(&mut self, now: Mono, slot: u32) {
        let Some(agent) = self.agents.at_mut(slot) else { return };
        if !agent.step(Event::DhtConfirmation) {
            return;
        }
        (agent.degraded, agent.accused) = (false, false);
        if core::mem::take(&mut agent.changed) && agent.step(Event::AppDigestChange) {
            agent.evolving = Some(now);
        }
        self.wake_sessions(now, slot);
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
    // keeps: IACP-089
    pub fn churn(&mut self, address: IpAddr) {
        if address == self.settings.address {
            return;
        }
        self.previous = core::mem::replace(&mut self.settings.address, address);
        self.moves = self.moves.wrapping_add(1);
        self.sweep = 0;
    }

    /// One context of those that a churn moves.
    pub(super) fn move_agent(&mut self, now: Mono, slot: u32) {
        let moves = self.moves;
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

    /// The host asks its storage, or the directory, until there is nothing to ask.
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
        let directory = self.settings.directory.is_some();
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
        let waits = directory && agent.state == State::Transition && !agent.unsigned;
        if waits && !agent.registration.known && !agent.registration.asked {
            agent.registration.asked = true;
            return Some(HostRequest::Nodes(eid));
        }
        None
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
        let Some(peer) = self.peers.at_mut(slot).filter(|peer| !peer.answered) else { return };
        peer.answered = true;
        peer.standing = Some((answer.standing, now.after(STANDING)));
        if let Some(binding) = answer.binding.filter(|binding| binding.eid == *eid && binding.verify::<P>().is_ok()) {
            self.take_binding(now, slot, binding, None);
        }
        self.wake_waiting(now, slot);
    }

    /// A node's word on a registration, or on a leaving.
    pub(super) fn on_confirm(
        &mut self,
        now: Mono,
        from: SocketAddr,
        frame: &Frame<'_>,
        confirm: &ErpConfirm,
        bytes: &[u8],
    ) -> HostEvent<'static> {
        let Some(quorum) = self.settings.directory else { return HostEvent::Dropped(Dropped::NotAsked) };
        let answer = Answer::of(confirm.status.get());
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
            if verify_frame::<P>(&node, frame, [&binding.signed(), &[]], bytes).is_err() {
                return HostEvent::Dropped(Dropped::Signature);
            }
            let verdict = self.agents.at_mut(slot).and_then(|agent| agent.registration.answered(quorum, &node, answer));
            if let Some(verdict) = verdict {
                self.on_verdict(now, slot, verdict);
            }
            return HostEvent::Taken;
        }
        self.on_leaving_confirmed(quorum, from, frame, confirm, bytes)
    }

    fn on_verdict(&mut self, now: Mono, slot: u32, verdict: Verdict) {
        match verdict {
            Verdict::Confirmed => self.confirmed(now, slot),
            Verdict::Refused => {
                self.end_context(now, slot, Event::RegistrationRefused);
            }
            Verdict::Stale => {
                // One node's word is no proof: what it knows is read, and proves itself.
                if let Some(agent) = self.agents.at_mut(slot) {
                    agent.read_own = true;
                }
                self.agents_ask.push(&mut self.agents, slot);
            }
            Verdict::Accused => {
                if let Some(agent) = self.agents.at_mut(slot).filter(|agent| !agent.accused) {
                    (agent.accused, agent.tell.state) = (true, true);
                }
                self.touch_agent(slot);
            }
            Verdict::WrongSource => {
                if let Some(agent) = self.agents.at_mut(slot) {
                    agent.tell.wrong_source = true;
                }
                self.touch_agent(slot);
            }
        }
    }

    /// A verified binding of an EID of this host: if it is not ours, and not below ours, the key is elsewhere too, and the
    /// EID is given up.
    pub(super) fn on_own_binding(&mut self, now: Mono, slot: u32, binding: &Binding) {
        let Some(agent) = self.agents.at_mut(slot) else { return };
        let ours = agent.binding;
        let foreign = ours.is_none_or(|ours| {
            binding.generation > ours.generation || (binding.generation == ours.generation && binding.ip != ours.ip)
        });
        if foreign {
            agent.tell.cloned = true;
            self.end_context(now, slot, Event::Deregistration);
        }
    }

    /// Another digest of the application than the one that is known.
    // keeps: IACP-081
    pub(super) fn digest_changed(&mut self, now: Mono, slot: u32) {
        let Some(agent) = self.agents.at_mut(slot) else { return };
        match agent.state {
            State::Bound => {
                agent.step(Event::AppDigestChange);
                agent.evolving = Some(now);
                let mut next = self.first_session(slot);
                while let Some(session) = next {
                    let Some(entry) = self.sessions.at_mut(session) else { break };
                    next = entry.next.checked_sub(1);
                    entry.session.close_gate(now);
                }
                self.deadlines.bring_forward(self.agent_item(slot), now.after(EVOLUTION));
            }
            State::Allocated | State::Transition => agent.changed = true,
            State::EvolvePending | State::Unbound => {}
        }
        self.touch_agent(slot);
    }

    /// ERP_EVOLVE: the root key vouches for the software that runs now.
    ///
    /// # Errors
    /// It does not hold; where the context waits for it, it has ended.
    // keeps: IACP-081, IACP-082
    pub(super) fn evolve(
        &mut self,
        now: Mono,
        slot: u32,
        frame: &Frame<'_>,
        evolve: &ErpEvolve,
        bytes: &[u8],
    ) -> Result<(), LocalStatus> {
        let agent = self.agents.at(slot).ok_or(LocalStatus::Refused)?;
        match agent.state {
            State::Bound => self.digest_changed(now, slot),
            State::EvolvePending => {}
            _ => return Err(LocalStatus::NotNow),
        }
        let agent = self.agents.at_mut(slot).ok_or(LocalStatus::Refused)?;
        if agent.evolved.is_some() {
            return Err(LocalStatus::NotNow);
        }
        let vouched = agent.airk.is_some_and(|airk| verify_frame::<P>(&airk, frame, [&[], &[]], bytes).is_ok());
        let follows = evolve.target_eid == agent.eid()
            && evolve.previous_app_digest == agent.digest
            && agent.evolution.checked_add(1) == Some(evolve.evolution_sequence_number.get());
        if !(vouched && follows) {
            self.end_context(now, slot, Event::EvolutionRefused);
            return Err(LocalStatus::Refused);
        }
        agent.evolved = Some(evolve.current_app_digest);
        agent.storing_evolution = Storing::Wanted;
        self.settle_agent(now, slot);
        Ok(())
    }

    /// Gives an EID up for another, for one of three reasons. The old context ends its sessions and leaves.
    ///
    /// # Errors
    /// No such agent; no slot; an accused EID does not walk away but for compromise; a task has not ended while its
    /// sessions live. Nothing has changed.
    // keeps: IACP-005
    pub fn rotate(
        &mut self,
        now: Mono,
        eid: &Eid,
        reason: RotationReason,
        rng: &mut impl CryptoRng,
    ) -> Result<Agent, LocalStatus> {
        let slot = self.agent_of(eid).ok_or(LocalStatus::NotFound)?;
        let new = self.rotate_slot(now, slot, reason, rng)?;
        self.credentials(new).ok_or(LocalStatus::Capacity)
    }

    pub(super) fn rotate_slot(
        &mut self,
        now: Mono,
        slot: u32,
        reason: RotationReason,
        rng: &mut impl CryptoRng,
    ) -> Result<u32, LocalStatus> {
        let agent = self.agents.at(slot).ok_or(LocalStatus::NotFound)?;
        if agent.rotated.is_some() || (agent.accused && reason != RotationReason::Compromise) {
            return Err(LocalStatus::Refused);
        }
        if reason == RotationReason::TaskEnded && agent.session_count > 0 {
            return Err(LocalStatus::NotNow);
        }
        let (channel, airk, digest) = (agent.channel, agent.airk, agent.digest);
        let new = self.allocate(now, channel, airk, digest, rng)?;
        match reason {
            RotationReason::Administrative => {
                if let Some(agent) = self.agents.at_mut(slot) {
                    agent.rotated = Some(now);
                }
                self.close_all(now, slot, false);
                self.deadlines.bring_forward(self.agent_item(slot), now.after(ROTATION));
                self.leave_when_quiet(now, slot);
            }
            RotationReason::Compromise => {
                if let Some(agent) = self.agents.at_mut(slot) {
                    agent.rotated = Some(now);
                }
                self.close_all(now, slot, true);
                self.leave_when_quiet(now, slot);
            }
            RotationReason::TaskEnded => {
                self.end_context(now, slot, Event::Deregistration);
            }
        }
        self.touch_agent(slot);
        Ok(new)
    }

    /// Ends all sessions of a context, in order or at once.
    pub(super) fn close_all(&mut self, now: Mono, slot: u32, at_once: bool) {
        let mut next = self.first_session(slot);
        while let Some(session) = next {
            let (Some(entry), Some(agent)) = (self.sessions.at_mut(session), self.agents.at(slot)) else { break };
            next = entry.next.checked_sub(1);
            let Some(identity) = &agent.identity else { break };
            if at_once {
                // It is this agent's session, so the identity is the right one.
                let _ = entry.session.abort(now, identity, TeardownReason::IdentityRotated);
            } else {
                let _ = entry.session.close(now, TeardownReason::IdentityRotated);
            }
            entry.want = None;
            self.touch(session);
        }
    }

    /// A rotated context leaves as soon as none of its sessions lives.
    pub(super) fn leave_when_quiet(&mut self, now: Mono, slot: u32) {
        let Some(agent) = self.agents.at(slot).filter(|agent| agent.rotated.is_some()) else { return };
        let mut next = agent.sessions.checked_sub(1);
        while let Some(entry) = next.and_then(|session| self.sessions.at(session)) {
            next = entry.next.checked_sub(1);
            if !entry.session.is_over() || entry.want.is_some() {
                return;
            }
        }
        self.end_context(now, slot, Event::Deregistration);
    }

    /// The way back to UNBOUND, in one step: the leaving is signed, then everything that could sign, seal or open again is
    /// wiped. The signed bytes go to the directory and to every live peer.
    // keeps: IACP-073, IACP-074, IACP-079
    pub(super) fn end_context(&mut self, now: Mono, slot: u32, event: Event) -> bool {
        let Some(agent) = self.agents.at_mut(slot) else { return false };
        if !agent.step(event) {
            return false;
        }
        let (eid, channel, cloned) = (agent.eid(), agent.channel, agent.tell.cloned);
        // One number was reserved for this when the last one was stored.
        let reserved = core::mem::replace(&mut agent.counter, Counter::NEW).leave();
        let leaving = match (&agent.identity, reserved, agent.binding) {
            (Some(identity), Ok(generation), Some(_)) => Some(Binding::leaving(identity, generation)),
            _ => None,
        };
        let registration = core::mem::replace(&mut agent.registration, Registration::IDLE);
        let (hash, agents) = (self.agent_index.hash(&[&eid.0]), &self.agents);
        self.agent_index.remove(hash, slot, |key, slot| agents.at(slot).map_or(0, |agent| key.hash(&[&agent.eid().0])));
        while self.outbox.is_full() {
            // The oldest leaving gives way: it has had the longest time to be heard.
            let Some(oldest) = self.outbox_age.pop(&mut self.outbox) else { break };
            if let Some(handle) = self.outbox.handle(oldest) {
                self.outbox.release(handle);
            }
        }
        let cell = self.outbox.claim();
        if let Some(cell) = cell.and_then(|cell| self.outbox.get_mut(cell)) {
            (cell.eid, cell.binding, cell.channel, cell.cloned) = (eid, leaving, channel, cloned);
            cell.registration = registration;
            cell.registration.begin_again(now);
            cell.until = now.after(LEAVING);
        }
        let mut next = self.agents.at(slot).and_then(|agent| agent.sessions.checked_sub(1));
        while let Some(session) = next {
            let Some(entry) = self.sessions.at(session) else { break };
            next = entry.next.checked_sub(1);
            self.end_session(session, cell.filter(|_| leaving.is_some()));
        }
        if let Some(channel) = channel.and_then(|channel| self.channels.get_mut(usize::try_from(channel).ok()?)) {
            channel.contexts = channel.contexts.saturating_sub(1);
        }
        if let Some(handle) = self.agents.handle(slot) {
            self.agents.release(handle);
        }
        if let Some(cell) = cell {
            self.outbox_age.push(&mut self.outbox, cell.slot());
            self.outbox_out.push(&mut self.outbox, cell.slot());
            self.outbox_news.push(&mut self.outbox, cell.slot());
            self.deadlines.bring_forward(self.outbox_item(cell.slot()), now);
        }
        true
    }

    /// What a session of a context that is gone leaves behind: nothing, or the place where its copy of the leaving goes.
    fn end_session(&mut self, slot: u32, leaving: Option<crate::slots::Handle>) {
        let Some(entry) = self.sessions.at(slot) else { return };
        let live = entry.opened && entry.session.closure().is_none();
        let to = entry.session.locator();
        self.forget_session(slot);
        let Some(handle) = self.sessions.handle(slot) else { return };
        match leaving.filter(|_| live) {
            Some(cell) => {
                if let Some(entry) = self.sessions.at_mut(slot) {
                    entry.session.wipe();
                    entry.clear();
                    entry.goodbye = Some((to, cell));
                }
                if let Some(cell) = self.outbox.get_mut(cell) {
                    cell.goodbyes += 1;
                }
                self.sessions_out.push(&mut self.sessions, slot);
            }
            None => {
                self.sessions.release(handle);
            }
        }
    }
}
