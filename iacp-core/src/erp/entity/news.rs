//! What agents and the host are told.

use super::event::HostEvent;
use super::parts::RESUME;
use super::paths::PathSlot;
use super::tables::LineSlot;
use super::{Entry, LlEntity};
use crate::crypto::Provider;
use crate::crypto::clear_stack;
use crate::crypto::stack::CIPHERS;
use crate::erp::context::State;
use crate::erp::local::{AgentEvent, ClosureCode, Continuity, LocalStatus, Opened};
use crate::erp::resume::LineOutcome;
use crate::pss::{Capabilities, SessionEvent};
use crate::slots::Slots;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// The next thing that an agent, or the host, is told. Ask until there is nothing.
    pub fn poll_event(&mut self) -> Option<HostEvent<'static>> {
        let event = self.next_event();
        // The last word of a session, and of a context whose sessions have gone without one: ciphers have left copies of their keys
        // wherever they were called from.
        if let Some(HostEvent::Agent {
            event: AgentEvent::Closed { .. } | AgentEvent::State { state: State::Unbound, .. },
            ..
        }) = event
        {
            clear_stack::<CIPHERS>();
        }
        event
    }

    #[inline(never)]
    fn next_event(&mut self) -> Option<HostEvent<'static>> {
        if let Some(channel) = self.channel_news.take() {
            return Some(HostEvent::ChannelShut(channel));
        }
        if let Some(event) = self.proof_event() {
            return Some(event);
        }
        while let Some(slot) = self.agents_news.first() {
            if let Some(event) = self.tell_agent(slot) {
                return Some(event);
            }
            self.agents_news.pop(&mut self.agents);
        }
        // Sessions first: where their context is gone, its agent is told of each before it is told that it is UNBOUND.
        loop {
            while let Some(slot) = self.sessions_news.first() {
                if let Some(event) = self.tell_session(slot) {
                    return Some(event);
                }
                self.sessions_news.pop(&mut self.sessions);
            }
            // As long as a cell is free, those that have found none are asked, the oldest first.
            let waits = if self.fifo.is_full() { None } else { self.rooms.pop(&mut self.sessions) };
            let Some(slot) = waits else { break };
            self.sessions_news.push(&mut self.sessions, slot);
        }
        while let Some(slot) = self.outbox_news.pop(&mut self.outbox) {
            let Some(cell) = self.outbox.at_mut(slot) else { continue };
            let generation = cell.binding.map_or(0, |binding| binding.generation);
            if core::mem::take(&mut cell.cloned) {
                let eid = cell.eid;
                self.outbox_news.push(&mut self.outbox, slot);
                return Some(HostEvent::Cloned(eid));
            }
            let event = AgentEvent::State { state: State::Unbound, degraded: false, accused: false, generation };
            return Some(HostEvent::Agent { eid: cell.eid, channel: cell.channel, session: None, event });
        }
        None
    }

    /// CLOSED of a session whose context is gone; then the slot is free, if the peer was told.
    fn tell_end(&mut self, slot: u32) -> Option<HostEvent<'static>> {
        let session = self.sessions.handle(slot)?;
        let entry = self.sessions.at_mut(slot)?;
        let delivered = entry.delivered;
        let goodbye = entry.goodbye.as_mut()?;
        let (closure, truncated, reason) = goodbye.ended.take()?;
        let cell = goodbye.cell;
        if goodbye.to.is_none() {
            self.sessions.release(session);
        }
        let cell = self.outbox.get(cell)?;
        let event = AgentEvent::Closed { closure, truncated, reason, delivered };
        Some(HostEvent::Agent { eid: cell.eid, channel: cell.channel, session: Some(session), event })
    }

    fn tell_agent(&mut self, slot: u32) -> Option<HostEvent<'static>> {
        let shown = self.state(slot);
        if let Some(event) = self.standing_result(slot) {
            return Some(event);
        }
        if let Some(event) = self.resolve_result(slot) {
            return Some(event);
        }
        let agent = self.agents.at_mut(slot)?;
        let eid = agent.eid();
        if core::mem::take(&mut agent.tell.wrong_source) {
            return Some(HostEvent::WrongSource(eid));
        }
        if let Some(offence) = agent.tell.accused.take() {
            return Some(HostEvent::Accused { eid, offence });
        }
        if !core::mem::take(&mut agent.tell.state) {
            return None;
        }
        let generation = agent.binding.map_or(0, |binding| binding.generation);
        let event = AgentEvent::State { state: shown, degraded: agent.degraded, accused: agent.accused, generation };
        Some(HostEvent::Agent { eid, channel: agent.channel, session: None, event })
    }

    #[inline(never)]
    fn tell_session(&mut self, slot: u32) -> Option<HostEvent<'static>> {
        let session = self.sessions.handle(slot)?;
        let entry = self.sessions.at_mut(slot)?;
        if entry.goodbye.is_some() {
            return self.tell_end(slot);
        }
        let context = self.agents.at(entry.agent)?;
        let (eid, channel, agent) = (context.eid(), context.channel, entry.agent);
        if core::mem::take(&mut entry.tell_compromised) {
            return Some(HostEvent::Compromised { eid, peer: entry.session.peer() });
        }
        let event = |event| Some(HostEvent::Agent { eid, channel, session: Some(session), event });
        if let Some(status) = entry.refused.take() {
            let request = entry.request;
            self.free_session(slot);
            return event(AgentEvent::Result { request, status: Err(status) });
        }
        if core::mem::take(&mut entry.degraded) {
            let request = entry.request;
            return event(AgentEvent::Result { request, status: Err(LocalStatus::Degraded) });
        }
        if entry.want.is_some() {
            return if self.take_room(slot) { event(AgentEvent::Room) } else { None };
        }
        entry.opened |= entry.session.is_ready();
        while let Some(change) = entry.session.poll_event() {
            let told = match change {
                SessionEvent::Established => {
                    entry.greeting = true;
                    match opened(entry, &self.lines) {
                        Some(opened) => opened,
                        None => continue,
                    }
                }
                SessionEvent::Proposed { turn, reasons, terms } => AgentEvent::Proposed { turn, reasons, terms },
                SessionEvent::Contract(terms) => AgentEvent::Contract(terms),
                SessionEvent::Disconnected => AgentEvent::Continuity(Continuity::Disconnected),
                SessionEvent::Reconciling => AgentEvent::Continuity(Continuity::Reconciling),
                SessionEvent::Reconciled => AgentEvent::Continuity(Continuity::GoesOn),
                SessionEvent::Finished { sequence } => AgentEvent::Finished { sequence },
                SessionEvent::CloseRequested { reason } => AgentEvent::CloseRequested { reason },
                // Where the peer is, an agent is not told.
                SessionEvent::Moved { to } => {
                    self.follow(slot, to);
                    return Some(HostEvent::Moved { eid, session, to });
                }
                // What is delivered follows below.
                SessionEvent::Delivered | SessionEvent::Writable => continue,
                SessionEvent::Closed(closure) => {
                    let (closure, truncated, reason) = ClosureCode::of(closure);
                    let delivered = entry.count_acknowledged();
                    (entry.greeting, entry.delivered) = (false, delivered);
                    AgentEvent::Closed { closure, truncated, reason, delivered }
                }
                SessionEvent::Released => continue,
            };
            return event(told);
        }
        if let Some(opened) = opened(entry, &self.lines) {
            return event(opened);
        }
        let paths = entry.paths.checked_sub(1).and_then(|place| self.paths.at_mut(place));
        if let Some(report) = paths.and_then(PathSlot::take_told) {
            return event(AgentEvent::Paths(report));
        }
        let delivered = entry.count_acknowledged();
        if delivered > entry.delivered {
            entry.delivered = delivered;
            return event(AgentEvent::Delivered { item: delivered });
        }
        if self.take_room(slot) {
            return event(AgentEvent::Room);
        }
        let (Some(entry), Some(context)) = (self.sessions.at(slot), self.agents.at(agent)) else { return None };
        if entry.session.is_over() && entry.session.closure().is_some() {
            let rotated = context.rotated.is_some();
            self.free_session(slot);
            if rotated {
                self.quiet.push(&mut self.agents, agent);
            }
        }
        None
    }
}

/// OPENED, if it is to be told now: with RESUME not before both sides know with which line the session goes on.
fn opened<P: Provider, const LOG: usize, const FRAMES: usize>(
    entry: &mut Entry<P, LOG, FRAMES>,
    lines: &Slots<'_, LineSlot, RESUME>,
) -> Option<AgentEvent<'static>> {
    let session = &entry.session;
    let line = entry.line.checked_sub(1).and_then(|line| lines.at(line));
    let resume = session.capabilities().contains(Capabilities::RESUME);
    let agreement = line.and_then(|line| line.agreement.get());
    if !entry.greeting || (resume && agreement.is_none()) {
        return None;
    }
    entry.greeting = false;
    let asked = line.is_some_and(|line| line.record.is_some());
    let outcome = if asked && !resume { LineOutcome::Unknown } else { entry.outcome };
    let (line, first_to_send, first_to_come) = match (agreement, line) {
        // It goes on where the other host has stopped.
        (Some(agreement), Some(line)) if entry.imported.is_some() => {
            (agreement.line.0, entry.item, line.items.lowest())
        }
        _ if entry.imported.is_some() => ([0; 16], entry.item, session.expected()),
        (Some(agreement), Some(line)) => (agreement.line.0, agreement.send_from, line.items.lowest()),
        _ => ([0; 16], 0, session.expected()),
    };
    Some(AgentEvent::Opened(Opened {
        peer: session.peer(),
        role: session.role(),
        outcome,
        throttled: entry.throttle.is_some(),
        capabilities: session.capabilities(),
        line,
        first_to_send,
        first_to_come,
    }))
}
