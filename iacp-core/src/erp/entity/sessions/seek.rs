//! A peer that has gone silent is looked for: in the directory, then by its Forwarding Tickets (`IACP §3.5`).

use super::super::parts::DIRECTORY;
use super::super::{INSIDE, LlEntity};
use crate::crypto::Provider;
use crate::erp::agent::AgentSlot;
use crate::pss::continuity;
use crate::time::Mono;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// As soon as a session is DISCONNECTED its peer's binding is read; the search ends when the session goes on.
    pub(in crate::erp::entity) fn settle_seek(&mut self, slot: u32) {
        if self.settings.quorum().is_none() {
            return;
        }
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let lost = entry.session.continuity() == Some(continuity::State::Disconnected);
        if !lost || entry.session.locator() == INSIDE {
            entry.seek.succeeded();
        } else if !entry.seek.is_degraded() {
            self.seek(self.clock, slot);
        }
    }

    /// An attempt has had no authentic answer for 5 s and begins anew: what the directory says of the peer is read again, however
    /// young it is, for the peer may have moved since.
    // keeps: IACP-094 (§4.2.6.1)
    pub(in crate::erp::entity) fn unheard(&mut self, now: Mono, slot: u32) {
        let Some(entry) = self.sessions.at(slot).filter(|_| self.settings.directory.is_some()) else { return };
        let Some(peer) = entry.peer.checked_sub(1).filter(|_| entry.session.locator() != INSIDE) else { return };
        let (agent, eid) = (entry.agent, entry.session.peer());
        // The read of 5 s ago has brought nothing. A ticket proves itself, and needs no quorum.
        if self.peers.at(peer).is_some_and(|peer| peer.asking) {
            self.look_for_tickets(agent, &eid);
        }
        self.ask_peer(now, peer);
    }

    /// Looks once more, if it is time: what a read has not brought, a ticket may.
    pub(in crate::erp::entity) fn seek_again(&mut self, now: Mono, slot: u32) {
        let Some(entry) = self.sessions.at(slot).filter(|entry| entry.seek.is_degraded() && entry.seek.is_due(now))
        else {
            return;
        };
        let (agent, peer) = (entry.agent, entry.session.peer());
        self.look_for_tickets(agent, &peer);
        self.seek(now, slot);
    }

    fn seek(&mut self, now: Mono, slot: u32) {
        let Some(agent) = self.sessions.at(slot).filter(|_| DIRECTORY).map(|entry| entry.agent) else { return };
        let Some(own) = self.agents.at(agent).map(AgentSlot::eid) else { return };
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let due = entry.seek.failed::<P>(now, &own);
        let peer = entry.peer.checked_sub(1);
        self.deadlines.bring_forward(slot, due);
        if let Some(peer) = peer {
            self.ask_peer(now, peer);
        }
    }
}
