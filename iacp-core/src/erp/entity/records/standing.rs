//! STANDING: what the directory knows of an EID, for an agent that asks (`IACP §3.6.2`).

use iacp_wire::Eid;

use super::super::desk::Done;
use super::super::event::HostEvent;
use super::super::parts::DIRECTORY;
use super::super::{ASKING, LlEntity};
use crate::crypto::Provider;
use crate::erp::local::{AgentEvent, LocalStatus, Standing};
use crate::time::Mono;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// What is known is told at once; else the host is asked, and RESULT follows: DEGRADED where the host has no answer in ten
    /// seconds. An agent asks about one EID at a time.
    pub(in crate::erp::entity) fn standing(
        &mut self,
        now: Mono,
        agent: u32,
        request: u32,
        eid: &Eid,
    ) -> Result<Done, LocalStatus> {
        if self.settings.quorum().is_none() {
            return Err(LocalStatus::NotFound);
        }
        if self.agents.at(agent).is_none_or(|agent| agent.standing.is_some()) {
            return Err(LocalStatus::NotNow);
        }
        let slot = self.peer_entry(eid).ok_or(LocalStatus::Capacity)?;
        let peer = self.peers.at(slot).ok_or(LocalStatus::Capacity)?;
        if peer.standing.get().is_some_and(|(_, until)| now < until) {
            return Ok(Done::Standing(peer.known_standing()));
        }
        if !peer.is_asked(now) {
            self.ask_peer(now, slot);
        }
        let (Some(peer), Some(context)) = (self.peers.at_mut(slot), self.agents.at_mut(agent)) else {
            return Err(LocalStatus::Capacity);
        };
        context.standing = Some((request, *eid));
        context.standing_next = core::mem::replace(&mut peer.askers, agent + 1);
        let due = now.after(ASKING);
        context.standing_due = Some(due);
        self.deadlines.bring_forward(self.agent_item(agent), due);
        Ok(Done::Later)
    }

    /// The host has no answer: the agent waits no longer, and may ask again.
    pub(in crate::erp::entity) fn standing_is_due(&mut self, now: Mono, agent: u32) {
        let Some(context) = self.agents.at(agent) else { return };
        let asked = context.standing;
        // What is known already is about to be told.
        if !DIRECTORY || context.tell.standing || context.standing_due.is_none_or(|due| now < due) {
            return;
        }
        self.forget_standing(agent);
        if let Some(context) = self.agents.at_mut(agent) {
            context.standing = asked;
            context.tell.standing = asked.is_some();
        }
        self.touch_agent(agent);
    }

    /// The host has answered, or the peer's entry is dropped: all agents that wait for it are told.
    pub(in crate::erp::entity) fn tell_standing(&mut self, peer: u32) {
        let Some(slot) = self.peers.at_mut(peer) else { return };
        let mut next = core::mem::take(&mut slot.askers).checked_sub(1);
        while let Some(agent) = next {
            let Some(context) = self.agents.at_mut(agent) else { return };
            next = core::mem::take(&mut context.standing_next).checked_sub(1);
            context.tell.standing = context.standing.is_some();
            self.agents_news.push(&mut self.agents, agent);
        }
    }

    /// RESULT of an agent's STANDING.
    pub(in crate::erp::entity) fn standing_result(&mut self, agent: u32) -> Option<HostEvent<'static>> {
        let context = self.agents.at_mut(agent)?;
        if !core::mem::take(&mut context.tell.standing) {
            return None;
        }
        let (request, asked) = context.standing.take()?;
        let late = context.standing_due.take().is_none();
        let (eid, channel) = (context.eid(), context.channel);
        let peer = self.peer_of(&asked).and_then(|peer| self.peers.at(peer));
        let event = match peer.filter(|peer| peer.standing.is_some()) {
            _ if late => AgentEvent::Result { request, status: Err(LocalStatus::Degraded) },
            // With number 0 only a refusal is answered.
            Some(_) if request == 0 => return None,
            Some(peer) => AgentEvent::Standing { request, standing: peer.known_standing() },
            None => AgentEvent::Result { request, status: Err(LocalStatus::NotFound) },
        };
        Some(HostEvent::Agent { eid, channel, session: None, event })
    }

    /// An agent that is going waits for nothing.
    pub(in crate::erp::entity) fn forget_standing(&mut self, agent: u32) {
        let Some(context) = self.agents.at_mut(agent) else { return };
        context.standing_due = None;
        let next = core::mem::take(&mut context.standing_next);
        let Some((_, asked)) = context.standing.take() else { return };
        let Some(peer) = self.peer_of(&asked).and_then(|peer| self.peers.at_mut(peer)) else { return };
        if peer.askers == agent + 1 {
            peer.askers = next;
            return;
        }
        let mut before = peer.askers.checked_sub(1);
        while let Some(context) = before.and_then(|before| self.agents.at_mut(before)) {
            if context.standing_next == agent + 1 {
                context.standing_next = next;
                return;
            }
            before = context.standing_next.checked_sub(1);
        }
    }
}

impl super::super::Peer {
    /// As an agent is told it.
    pub(in crate::erp::entity) fn known_standing(&self) -> Standing {
        let generation = self.binding.map_or(0, |binding| binding.generation);
        Standing { flags: self.flags, reputation: self.reputation, generation }
    }
}
