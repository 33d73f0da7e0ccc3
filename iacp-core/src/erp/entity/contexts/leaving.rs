//! The end of a context, and what is left of it: the signed leaving (`IACP §4.2.2.3`).

use core::net::SocketAddr;

use iacp_wire::message::ErpConfirm;
use iacp_wire::{Eid, Frame};

use super::super::LlEntity;
use super::super::event::{Dropped, HostEvent};
use super::super::memory::Goodbye;
use super::super::parts::DIRECTORY;
use crate::crypto::Provider;
use crate::erp::agent::AgentSlot;
use crate::erp::binding::Binding;
use crate::erp::context::Event as Step;
use crate::erp::generation::Counter;
use crate::erp::local::ClosureCode;
use crate::erp::switch_point::{Quorum, RegisterAnswer, Registration, RegistrationState};
use crate::identity::verify_frame;
use crate::pss::{SessionEvent, TeardownReason};
use crate::slots::{Handle, Maybe};
use crate::time::Mono;

/// How long a leaving is repeated, in milliseconds.
const LEAVING: u64 = 60_000;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Ends all sessions of a context, in order or at once. One that has not begun never will, and is LOST when the context ends.
    pub(in crate::erp::entity) fn close_all(&mut self, now: Mono, slot: u32, at_once: bool) {
        let mut next = self.first_session(slot);
        while let Some(session) = next {
            let (Some(entry), Some(agent)) = (self.sessions.at_mut(session), self.agents.at(slot)) else { break };
            next = entry.next.checked_sub(1);
            let Some(identity) = &agent.identity else { break };
            // One that has not begun ends with the leaving, which tells it.
            if entry.want.is_some() {
                continue;
            }
            // A session whose line is not known yet cannot say how it ends in good order.
            let unknown = entry.line.checked_sub(1).and_then(|line| self.lines.at(line));
            let unknown = unknown.is_some_and(|line| !line.is_open());
            if at_once || unknown {
                // It is this agent's session, so the identity is the right one.
                let _ = entry.session.abort(now, identity, TeardownReason::IdentityRotated);
                self.touch(session);
            } else {
                self.end_behind(now, session, TeardownReason::IdentityRotated);
            }
        }
    }

    /// A rotated context leaves as soon as none of its sessions lives. One that has not begun does not begin any more.
    pub(in crate::erp::entity) fn leave_when_quiet(&mut self, now: Mono, slot: u32) {
        let Some(agent) = self.agents.at(slot).filter(|agent| agent.rotated.is_some()) else { return };
        let mut next = agent.sessions.checked_sub(1);
        while let Some(entry) = next.and_then(|session| self.sessions.at(session)) {
            next = entry.next.checked_sub(1);
            if !entry.session.is_over() {
                return;
            }
        }
        self.end_context(now, slot, Step::Deregistration);
    }

    /// The way back to UNBOUND, in one step: the leaving is signed, then everything that could sign, seal or open again is
    /// wiped. The signed bytes go to the directory and to every live peer.
    // keeps: IACP-073 (§4.2.2.3), IACP-074 (§4.2.2.3), IACP-079 (B.2)
    pub(in crate::erp::entity) fn end_context(&mut self, now: Mono, slot: u32, event: Step) -> bool {
        let Some(agent) = self.agents.at_mut(slot) else { return false };
        if !agent.step(event) {
            return false;
        }
        // One number was reserved for this when the last one was stored.
        let reserved = core::mem::replace(&mut agent.counter, Counter::NEW).leave();
        let leaving = match (&agent.identity, reserved, agent.binding) {
            (Some(identity), Ok(generation), Some(_)) => Some(Binding::leaving(identity, generation)),
            _ => None,
        };
        self.leave_behind(now, slot, leaving, None);
        true
    }

    /// What is left of a context is wiped. The binding goes to every live peer, and, where the context was not exported, to the
    /// directory.
    pub(in crate::erp::entity) fn leave_behind(
        &mut self,
        now: Mono,
        slot: u32,
        leaving: Option<Binding>,
        exported: Option<SocketAddr>,
    ) {
        let Some(agent) = self.agents.at_mut(slot) else { return };
        let (eid, channel, cloned) = (agent.eid(), agent.channel, agent.tell.cloned);
        let registration = core::mem::replace(&mut agent.registration, Registration::IDLE);
        self.forget_docking(slot);
        self.unfile_eid(&eid, slot);
        while self.outbox.is_full() {
            // The oldest leaving is dropped: it has been sent most often.
            let Some(oldest) = self.outbox_age.pop(&mut self.outbox) else { break };
            self.forget_leaving(oldest);
        }
        let cell = self.outbox.claim();
        if let Some(cell) = cell.and_then(|cell| self.outbox.get_mut(cell)) {
            (cell.eid, cell.binding, cell.channel, cell.cloned) = (eid, leaving, channel, cloned);
            cell.exported = exported.into();
            if DIRECTORY && exported.is_none() {
                cell.registration = registration;
                cell.registration.begin_again(now);
            }
            cell.until = now.after(LEAVING);
        }
        let mut next = self.agents.at(slot).and_then(|agent| agent.sessions.checked_sub(1));
        while let Some(session) = next {
            let Some(entry) = self.sessions.at(session) else { break };
            next = entry.next.checked_sub(1);
            self.end_session(session, cell, leaving.is_some());
        }
        if let Some(channel) = channel.and_then(|channel| self.channels.get_mut(usize::try_from(channel).ok()?)) {
            channel.contexts = channel.contexts.saturating_sub(1);
        }
        self.clear_receipts(slot);
        self.clear_tickets(slot);
        self.forget_standing(slot);
        self.forget_query(slot);
        self.end_derivatives(slot, None);
        self.erase_endpoints(slot);
        if let Some(handle) = self.agents.handle(slot) {
            self.agents.release(handle);
        }
        if let Some(cell) = cell {
            let item = self.agents.capacity().saturating_add(cell.slot());
            if leaving.is_some() && self.agent_index.insert(self.agent_index.hash(&[&eid.0]), item) {
                self.outbox_filed.push(&mut self.outbox, cell.slot());
            }
            self.outbox_age.push(&mut self.outbox, cell.slot());
            self.outbox_out.push(&mut self.outbox, cell.slot());
            self.outbox_news.push(&mut self.outbox, cell.slot());
            self.deadlines.bring_forward(self.outbox_item(cell.slot()), now);
        }
    }

    /// Where an EID is that was exported just now.
    pub(in crate::erp::entity) fn exported_to(&self, now: Mono, eid: &Eid) -> Option<SocketAddr> {
        let first = self.agents.capacity();
        let cell = |item: u32| self.outbox.at(item.checked_sub(first)?);
        let same = |item: u32| cell(item).is_some_and(|cell| cell.eid == *eid && cell.exported.is_some());
        let item = self.agent_index.find(self.agent_index.hash(&[&eid.0]), same)?;
        cell(item).filter(|cell| cell.until > now)?.exported.get()
    }

    /// What remains of a session after its context ended: CLOSED for the agent, and the address for a copy of the signed departure,
    /// which replaces the session's own last message to the peer.
    fn end_session(&mut self, slot: u32, cell: Option<Handle>, leaves: bool) {
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let live = entry.opened && (entry.session.closure().is_none() || !entry.session.is_over());
        let to = Some(entry.session.locator()).filter(|_| live && leaves);
        // One that has not begun is lost like any other. One that was exported is gone from here without an end.
        let unbegun = entry.want.is_some().then_some((ClosureCode::Lost, true, 0));
        entry.session.cut();
        let events = core::iter::from_fn(|| entry.session.poll_event());
        let ended = events.fold(unbegun, |ended, event| match event {
            SessionEvent::Closed(closure) => Some(ClosureCode::of(closure)),
            _ => ended,
        });
        let delivered = entry.count_acknowledged();
        self.forget_session(slot);
        let Some(handle) = self.sessions.handle(slot) else { return };
        let Some(cell) = cell.filter(|_| to.is_some() || ended.is_some()) else {
            self.sessions.release(handle);
            return;
        };
        if let Some(entry) = self.sessions.at_mut(slot) {
            entry.session.wipe();
            entry.clear();
            entry.delivered = delivered;
            entry.goodbye = Maybe::Just(Goodbye { to, cell, ended });
        }
        if let Some(cell) = self.outbox.get_mut(cell).filter(|_| to.is_some()) {
            cell.goodbyes += 1;
        }
        self.sessions_out.push(&mut self.sessions, slot);
        self.sessions_news.push(&mut self.sessions, slot);
    }

    /// Takes an agent, or a leaving (behind the agents), out of the index of EIDs.
    fn unfile_eid(&mut self, eid: &Eid, item: u32) {
        let (agents, outbox) = (&self.agents, &self.outbox);
        self.agent_index.remove(self.agent_index.hash(&[&eid.0]), item, |key, item| {
            let eid = match item.checked_sub(agents.capacity()) {
                None => agents.at(item).map(AgentSlot::eid),
                Some(cell) => outbox.at(cell).map(|cell| cell.eid),
            };
            eid.map_or(0, |eid| key.hash(&[&eid.0]))
        });
    }

    /// An agent is filed under its EID. Leavings use the index only where it has room: the one that was filed first is
    /// taken out, and is then repeated without counting confirmations.
    pub(super) fn file_agent(&mut self, slot: u32) -> bool {
        let Some(eid) = self.agents.at(slot).map(AgentSlot::eid) else { return false };
        let hash = self.agent_index.hash(&[&eid.0]);
        loop {
            if self.agent_index.insert(hash, slot) {
                return true;
            }
            let Some(filed) = self.outbox_filed.pop(&mut self.outbox) else { return false };
            self.unfile_leaving(filed);
        }
    }

    fn unfile_leaving(&mut self, cell: u32) {
        if let Some(eid) = self.outbox.at(cell).map(|cell| cell.eid) {
            self.unfile_eid(&eid, self.agents.capacity().saturating_add(cell));
        }
    }

    /// A leaving is not repeated any more.
    pub(in crate::erp::entity) fn forget_leaving(&mut self, cell: u32) {
        self.unfile_leaving(cell);
        // Its slot is used again: there the next leaving is the newest.
        self.outbox_age.remove(&mut self.outbox, cell);
        self.outbox_filed.remove(&mut self.outbox, cell);
        if let Some(handle) = self.outbox.handle(cell) {
            self.outbox.release(handle);
        }
    }

    /// The leaving of this EID under this generation.
    fn leaving_of(&self, eid: &Eid, generation: u64) -> Option<u32> {
        let first = self.agents.capacity();
        let same = |item: u32| {
            let binding = item.checked_sub(first).and_then(|cell| self.outbox.at(cell)).and_then(|cell| cell.binding);
            binding.is_some_and(|binding| binding.eid == *eid && binding.generation == generation)
        };
        self.agent_index.find(self.agent_index.hash(&[&eid.0]), same).and_then(|item| item.checked_sub(first))
    }

    /// A node has confirmed a departure.
    pub(super) fn on_leaving_confirmed(
        &mut self,
        now: Mono,
        quorum: Quorum,
        from: SocketAddr,
        frame: &Frame<'_>,
        confirm: &ErpConfirm,
        bytes: &[u8],
    ) -> HostEvent<'static> {
        let found = self.leaving_of(&confirm.eid, confirm.generation_counter.get());
        let Some(cell) = found.and_then(|cell| self.outbox.at_mut(cell)) else {
            return HostEvent::Dropped(Dropped::NotAsked);
        };
        let (node, binding) = (confirm.directory_node_eid, cell.binding);
        let Some(binding) = binding.filter(|_| cell.registration.asked(&node, from)) else {
            return HostEvent::Dropped(Dropped::NotAsked);
        };
        if self.confirms.take(now, 1).is_err() {
            return HostEvent::Dropped(Dropped::RateLimited);
        }
        if verify_frame::<P>(&node, frame, [&binding.signed(), &[]], bytes).is_err() {
            return HostEvent::Dropped(Dropped::Signature);
        }
        let answer = RegisterAnswer::of(confirm.status.get());
        if cell.registration.answered(quorum, &node, answer) == Some(RegistrationState::Confirmed) {
            cell.registration.known = false;
        }
        HostEvent::Taken
    }
}
