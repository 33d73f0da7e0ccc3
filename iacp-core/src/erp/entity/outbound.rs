//! Datagrams out, one at a time: answers, bindings, then the sessions in turn.

use core::net::SocketAddr;

use super::event::{To, Transmit};
use super::frame::{ROUTING, write_routing};
use super::parts::DIRECTORY;
use super::{HEAD, INSIDE, LlEntity};
use crate::crypto::Provider;
use crate::erp::binding::BINDING_FRAME;
use crate::erp::context::State;
use crate::pss::Place;
use crate::time::Mono;

/// How long a moved host tells its address to a peer, in milliseconds.
pub(super) const VECTOR: u64 = 45_000;
/// How many contexts one call looks at after a move.
const SWEEP: u32 = 64;

/// Where the bytes of a datagram are.
enum Stands {
    /// All of it in the caller's buffer.
    Head(usize),
    /// The answer that waits.
    Reply(usize),
    /// Behind a routing header: in the caller's buffer, with this length.
    Written(usize),
    /// Behind a routing header: in the delta log of this session.
    Log(u32),
    /// The ANML Fallback Query of this agent.
    Query(u32),
    /// A copy for a relay: its place among the paths, and its length.
    Copy(u32, usize),
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// The next datagram to send, if one is due. Call it until there is none.
    #[inline(never)]
    pub fn poll_transmit<'b>(&'b mut self, now: Mono, head: &'b mut [u8; HEAD]) -> Option<Transmit<'b>> {
        self.clock = self.clock.max(now);
        let produced = self.produce(now, head);
        self.correct();
        let (stands, to) = produced?;
        let head: &'b [u8] = head;
        let routing = head.get(..ROUTING)?;
        let (head, body): (&[u8], &[u8]) = match stands {
            Stands::Head(length) => (head.get(..length)?, &[]),
            Stands::Reply(length) => (self.reply.bytes.get(..length)?, &[]),
            Stands::Written(length) => (routing, head.get(ROUTING..)?.get(..length)?),
            Stands::Log(slot) => (routing, self.sessions.at(slot)?.session.last_data()?),
            Stands::Query(agent) => (self.query_frame(agent)?, &[]),
            Stands::Copy(place, length) => (self.paths.at(place)?.copy(length)?, &[]),
        };
        let by_relay = matches!(stands, Stands::Copy(..));
        Some(Transmit { head, body, to, by_relay })
    }

    /// The datagram that was given last did not leave: a queue below was full. What is a session's is due again; anything
    /// else comes again by itself.
    pub fn not_sent(&mut self, now: Mono) {
        if let Some(slot) = self.last.take()
            && let Some(entry) = self.sessions.at_mut(slot)
        {
            entry.session.not_sent(now);
            self.touch(slot);
        }
    }

    fn produce(&mut self, now: Mono, head: &mut [u8; HEAD]) -> Option<(Stands, To)> {
        self.last = None;
        if let Some(to) = self.reply.to.take() {
            return Some((Stands::Reply(self.reply.length), to));
        }
        if let Some((place, length, to)) = self.next_copy() {
            return Some((Stands::Copy(place, length), To::Network(to)));
        }
        while let Some(slot) = self.quiet.pop(&mut self.agents) {
            self.leave_when_quiet(now, slot);
        }
        self.sweep_contexts(now);
        while let Some(slot) = self.agents_out.first() {
            if let Some((length, to)) = self.register(now, slot, head) {
                return Some((Stands::Head(length), To::Network(to)));
            }
            if let Some(to) = self.next_query(now, slot) {
                return Some((Stands::Query(slot), To::Network(to)));
            }
            self.agents_out.pop(&mut self.agents);
            if let Some(at) = self.agents.at(slot).and_then(|agent| agent.due(self.settings.quorum().is_some())) {
                self.deadlines.bring_forward(self.agent_item(slot), at);
            }
        }
        while let Some(slot) = self.outbox_out.first() {
            if let Some((length, to)) = self.register_leaving(now, slot, head) {
                return Some((Stands::Head(length), To::Network(to)));
            }
            self.outbox_out.pop(&mut self.outbox);
            if let Some(at) = self.leaving_due(slot) {
                self.deadlines.bring_forward(self.outbox_item(slot), at);
            }
        }
        while let Some(slot) = self.sessions_out.first() {
            let produced = self.say(now, slot, head);
            // The next session's turn, whether this one has more to say or not.
            self.sessions_out.pop(&mut self.sessions);
            if produced.is_some() {
                if self.sessions.at(slot).is_some() {
                    self.sessions_out.push(&mut self.sessions, slot);
                }
                return produced;
            }
            if let Some(at) = self.sessions.at(slot).and_then(super::Entry::due) {
                self.deadlines.bring_forward(slot, at);
            }
        }
        None
    }

    /// After a move: some of the contexts that have not signed their next generation yet.
    fn sweep_contexts(&mut self, now: Mono) {
        let capacity = self.agents.capacity();
        for _ in 0..SWEEP {
            if self.sweep >= capacity {
                return;
            }
            let slot = self.sweep;
            self.sweep += 1;
            self.move_agent(now, slot);
            // One that has something to say says it before the next one signs.
            if !self.agents_out.is_empty() || !self.sessions_out.is_empty() {
                return;
            }
        }
    }

    /// Whether contexts have not been looked at since the host has moved.
    pub(super) const fn is_sweeping(&self) -> bool {
        self.sweep < self.agents.capacity()
    }

    /// A binding for the next node that is to have it.
    fn register(&mut self, now: Mono, slot: u32, head: &mut [u8; HEAD]) -> Option<(usize, SocketAddr)> {
        let previous = self.previous;
        let agent = self.agents.at_mut(slot)?;
        if !DIRECTORY || agent.state != State::Transition || agent.unsigned {
            return None;
        }
        let binding = agent.binding?;
        let to = agent.registration.next_node(now)?;
        let room = head.get_mut(..BINDING_FRAME)?;
        let length =
            if binding.generation == 0 { binding.write_register(room) } else { binding.write_vector(previous, room) };
        Some((length, to))
    }

    /// A leaving for the next node that is to have it.
    fn register_leaving(&mut self, now: Mono, slot: u32, head: &mut [u8; HEAD]) -> Option<(usize, SocketAddr)> {
        let cell = self.outbox.at_mut(slot)?;
        let binding = cell.binding.filter(|_| DIRECTORY && cell.until > now)?;
        let to = cell.registration.next_node(now)?;
        Some((binding.write_register(head.get_mut(..BINDING_FRAME)?), to))
    }

    /// The next datagram of a session.
    #[inline(never)]
    fn say(&mut self, now: Mono, slot: u32, head: &mut [u8; HEAD]) -> Option<(Stands, To)> {
        let previous = self.previous;
        let entry = self.sessions.at(slot)?;
        if entry.goodbye.is_some() {
            return self.say_goodbye(slot, head);
        }
        if entry.want.is_some() || entry.asleep {
            return None;
        }
        let agent = entry.agent;
        let bound = self.state(agent) == State::Bound;
        if bound && !entry.wake {
            self.flush(now, slot);
            self.report_paths(now, slot);
            self.share(now, slot);
        }
        let entry = self.sessions.at_mut(slot)?;
        if !bound {
            entry.session.close_gate(now);
        }
        let context = self.agents.at(agent)?;
        let binding = context.binding?;
        let (own, peer) = (binding.eid, entry.session.peer());
        if let Some((repeat, until)) = entry.vector.as_mut()
            && repeat.due() <= now
        {
            let home = entry.session.locator();
            if *until <= now || entry.session.closure().is_some() || home == INSIDE {
                let unheard = *until <= now && entry.session.closure().is_none();
                entry.vector = None;
                if unheard {
                    self.lead_here(slot);
                }
            } else {
                repeat.done(now);
                // Directly behind it comes a heartbeat from the new address.
                entry.session.show(now);
                let length = binding.write_vector(previous, head.get_mut(..BINDING_FRAME)?);
                return Some((Stands::Head(length), To::Network(home)));
            }
        }
        let entry = self.sessions.at_mut(slot)?;
        let (place, to) = entry.session.poll_place(now, head.get_mut(ROUTING..)?).ok()??;
        let (stands, length) = match place {
            Place::Written(length) => (Stands::Written(length), length),
            Place::Log => (Stands::Log(slot), entry.session.last_data().map_or(0, <[u8]>::len)),
        };
        if let Stands::Written(length) = stands {
            self.said(slot, head.get(ROUTING..)?.get(..length)?);
        }
        write_routing(own, peer, binding.generation, length, head);
        self.keep_copy(slot, (stands_in_log(&stands), length), to, head);
        self.last = Some(slot);
        Some((stands, if to == INSIDE { To::Inside } else { To::Network(to) }))
    }

    /// The copy of a leaving for one peer; then the slot is free, if the agent was told.
    fn say_goodbye(&mut self, slot: u32, head: &mut [u8; HEAD]) -> Option<(Stands, To)> {
        let handle = self.sessions.handle(slot)?;
        let goodbye = self.sessions.at_mut(slot)?.goodbye.as_mut()?;
        let (to, cell, told) = (goodbye.to.take()?, goodbye.cell, goodbye.ended.is_none());
        let binding = self.outbox.get(cell).and_then(|cell| cell.binding);
        let exported = self.outbox.get(cell).is_some_and(|cell| cell.exported.is_some());
        let previous = if exported { self.settings.address } else { self.previous };
        if let Some(cell) = self.outbox.get_mut(cell) {
            cell.goodbyes = cell.goodbyes.saturating_sub(1);
        }
        if told {
            self.sessions.release(handle);
        }
        let length = binding?.write_vector(previous, head.get_mut(..BINDING_FRAME)?);
        Some((Stands::Head(length), if to == INSIDE { To::Inside } else { To::Network(to) }))
    }
}

const fn stands_in_log(stands: &Stands) -> bool {
    matches!(stands, Stands::Log(_))
}
