//! What is known of the EIDs at the other end.

use core::net::{IpAddr, SocketAddr};

use iacp_wire::Eid;

use super::super::{ASKING, CLAIMS, INSIDE, LlEntity};
use crate::crypto::Provider;
use crate::erp::binding::Binding;
use crate::erp::generation::{PORT, claimed_place};
use crate::pss::Admission;
use crate::scope::Scope;
use crate::slots::List;
use crate::time::Mono;

/// The host is asked again about a peer after this long, in milliseconds.
const ASK_AGAIN: u64 = 2_000;
/// No more peers are looked at for one that may be forgotten.
const LOOKED_AT: usize = 16;

/// What of a peer's entry is to be kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Nothing,
    /// It is shunned, or an answer is to come: as long as there is room.
    Mark,
    /// A session is there or waits, an agent waits for an answer, or an accusation counts against it.
    All,
}

/// What is known of a peer.
pub(in crate::erp::entity) enum Known {
    /// Ask again.
    NotYet,
    /// It is not to have a session.
    Forbidden,
    /// It may, and is there.
    At(SocketAddr, bool),
    /// It may, and nothing says where it is.
    Nowhere,
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// The entry of a peer, made if there is none. In a full table it replaces the entry of a peer without a session.
    pub(in crate::erp::entity) fn peer_entry(&mut self, eid: &Eid) -> Option<u32> {
        if let Some(slot) = self.peer_of(eid) {
            return Some(slot);
        }
        let handle = match self.peers.claim() {
            Some(handle) => handle,
            None => {
                self.drop_idle_peer()?;
                self.peers.claim()?
            }
        };
        if let Some(peer) = self.peers.get_mut(handle) {
            peer.eid = *eid;
        }
        if !self.peer_index.insert(self.peer_index.hash(&[&eid.0]), handle.slot()) {
            self.peers.release(handle);
            return None;
        }
        self.peers_age.push(&mut self.peers, handle.slot());
        Some(handle.slot())
    }

    /// Whether an entry of this peer is there, or can be made.
    pub(in crate::erp::entity) fn has_peer_room(&mut self, eid: &Eid) -> bool {
        !self.peers.is_full() || self.peer_of(eid).is_some() || self.idle_peer().is_some()
    }

    /// The oldest peer that may be forgotten, which is first in the list afterwards: a constant number of them is looked at. If all
    /// of these are to be kept, the oldest one that is here only because of strangers' frames is dropped: a table full of them
    /// would refuse all other peers.
    fn idle_peer(&mut self) -> Option<u32> {
        let mut last_resort = None;
        for _ in 0..LOOKED_AT {
            let Some(slot) = self.peers_age.first() else { break };
            let found = self.peers.at(slot).map(|peer| peer.kept(self.clock));
            if found == Some(Kept::Nothing) {
                if let Some(spared) = last_resort {
                    self.peers_age.push(&mut self.peers, spared);
                }
                return Some(slot);
            }
            self.peers_age.pop(&mut self.peers);
            match found {
                Some(Kept::Mark) if last_resort.is_none() => last_resort = Some(slot),
                Some(_) => _ = self.peers_age.push(&mut self.peers, slot),
                None => {}
            }
        }
        let slot = last_resort?;
        self.peers_age.push_front(&mut self.peers, slot);
        Some(slot)
    }

    /// The oldest peer of which nothing is to be kept is forgotten.
    fn drop_idle_peer(&mut self) -> Option<()> {
        let slot = self.idle_peer()?;
        self.peers_age.pop(&mut self.peers);
        self.tell_standing(slot);
        let eid = self.peers.at(slot)?.eid;
        let (hash, peers) = (self.peer_index.hash(&[&eid.0]), &self.peers);
        self.peer_index.remove(hash, slot, |key, slot| peers.at(slot).map_or(0, |peer| key.hash(&[&peer.eid.0])));
        let handle = self.peers.handle(slot)?;
        self.peers.release(handle).then_some(())
    }

    /// What is known of a peer; what is not is asked. A peer of this host is known, and a host without a directory asks
    /// nothing.
    pub(in crate::erp::entity) fn known(&mut self, now: Mono, eid: &Eid, at: Option<SocketAddr>) -> Known {
        if self.agent_of(eid).is_some() {
            return Known::At(INSIDE, false);
        }
        if self.settings.quorum().is_none() {
            return at.map_or(Known::Nowhere, |at| Known::At(at, false));
        }
        let Some(slot) = self.peer_entry(eid) else { return Known::NotYet };
        if self.peers.at(slot).is_some_and(|peer| peer.challenged) {
            return Known::Forbidden;
        }
        let Some(peer) = self.peers.at_mut(slot) else { return Known::NotYet };
        let Some((standing, until)) = peer.standing.get() else {
            self.ask_peer(now, slot);
            return Known::NotYet;
        };
        let throttled = match standing {
            Admission::Admit => false,
            Admission::Throttle => true,
            Admission::Drop | Admission::DemandWork if now < until => return Known::Forbidden,
            // A refusal that is no longer believed is asked again before it refuses.
            Admission::Drop | Admission::DemandWork | Admission::NotKnownYet => {
                self.ask_peer(now, slot);
                return Known::NotYet;
            }
        };
        let bound = peer.binding.filter(|binding| !binding.is_leaving());
        let place = at.or(bound.map(|binding| SocketAddr::new(IpAddr::from(binding.ip), PORT)));
        // What is old still counts, and is read again.
        let asks = (until <= now || place.is_none()) && self.ask_peer(now, slot);
        match place {
            Some(place) => Known::At(place, throttled),
            None if asks => Known::NotYet,
            None => Known::Nowhere,
        }
    }

    /// The host is to ask what the directory knows of a peer; `false` if it was asked just now.
    pub(in crate::erp::entity) fn ask_peer(&mut self, now: Mono, slot: u32) -> bool {
        let Some(peer) = self.peers.at_mut(slot) else { return false };
        let again = peer.may_be_asked(now);
        if again {
            (peer.asked, peer.asking) = (Some(now), true);
            self.peers_ask.push(&mut self.peers, slot);
        }
        again
    }

    /// The standing of a live session's peer is read again when it is not believed any more: nodes that have hidden an accusation
    /// from one read do not hide it for as long as the session lives.
    // keeps: IACP-102 (§4.2.7.2)
    pub(in crate::erp::entity) fn read_again(&mut self, now: Mono, session: u32) {
        let Some(entry) = self.sessions.at(session).filter(|entry| entry.opened) else { return };
        let Some(slot) = entry.peer.checked_sub(1).filter(|_| self.settings.quorum().is_some()) else { return };
        let standing = self.peers.at(slot).and_then(|peer| peer.standing.get());
        if standing.is_some_and(|(standing, until)| until <= now || standing == Admission::NotKnownYet) {
            self.ask_peer(now, slot);
        }
    }

    /// What the directory says of a peer, or a binding of the peer's, has the session tried at once.
    pub(super) fn wait_for_peer(&mut self, slot: u32, peer: &Eid) {
        let Some(place) = self.peer_of(peer) else { return };
        let Some(peer) = self.peers.at_mut(place) else { return };
        if peer.waiting.push(&mut self.sessions, slot)
            && let Some(entry) = self.sessions.at_mut(slot)
        {
            entry.waits = place + 1;
        }
    }

    /// A session waits for its peer no more: its slot may come to wait for another one.
    pub(super) fn stop_waiting(&mut self, slot: u32) {
        let Some(place) = self.sessions.at_mut(slot).and_then(|entry| core::mem::take(&mut entry.waits).checked_sub(1))
        else {
            return;
        };
        if let Some(peer) = self.peers.at_mut(place) {
            peer.waiting.remove(&mut self.sessions, slot);
        }
    }

    /// Sessions that wait for a peer are tried at once.
    // keeps: IACP-097 (§4.2.6.2)
    pub(in crate::erp::entity) fn wake_waiting(&mut self, now: Mono, peer: u32) {
        let Some(peer) = self.peers.at_mut(peer) else { return };
        let mut waiting = core::mem::replace(&mut peer.waiting, List::EMPTY);
        while let Some(session) = waiting.pop(&mut self.sessions) {
            let Some(entry) = self.sessions.at_mut(session) else { continue };
            entry.waits = 0;
            if entry.want.is_some() {
                entry.wake = true;
                self.deadlines.bring_forward(session, now);
            }
        }
    }

    /// A verified binding of a peer: it replaces a lower one, its sessions look for the peer there, and one to nowhere ends
    /// them.
    // keeps: IACP-091 (§4.2.5.2)
    pub(in crate::erp::entity) fn take_binding(
        &mut self,
        now: Mono,
        slot: u32,
        binding: Binding,
        from: Option<SocketAddr>,
    ) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        if peer.binding.is_some_and(|known| binding.generation <= known.generation) {
            return;
        }
        peer.binding = Some(binding);
        let mut next = peer.sessions.checked_sub(1);
        self.wake_waiting(now, slot);
        let at = claimed_place(&binding, from);
        let mut claims = 0;
        while let Some(session) = next {
            let Some(entry) = self.sessions.at_mut(session) else { break };
            next = entry.peer_next.checked_sub(1);
            let home = entry.session.locator();
            match at {
                // A binding opens no inner network: it leads into none that is narrower than where its bearer is.
                Some(at) if Scope::of(at.ip()) < Scope::of(from.unwrap_or(home).ip()) => {}
                // At the same address the port stays that was given: it may be a translator's, which no binding has.
                Some(at) if home.ip().to_canonical() != at.ip().to_canonical() && entry.session.redirect(at) => {}
                Some(at) => {
                    if claims < CLAIMS && home != at && entry.session.claim(now, at) {
                        claims += 1;
                    }
                }
                None => entry.session.peer_is_gone(),
            }
            self.touch(session);
        }
    }

    /// A session has proven where its peer is: the others with that peer look for it there. They ask in a place where the peer has
    /// received what nothing else has told it, so there is no victim; whatever has led there, they need not wait for it.
    pub(in crate::erp::entity) fn follow(&mut self, slot: u32, to: SocketAddr) {
        let now = self.clock;
        let peer = self.sessions.at(slot).and_then(|entry| entry.peer.checked_sub(1));
        let Some(peer) = peer.and_then(|peer| self.peers.at(peer)) else { return };
        let mut next = peer.sessions.checked_sub(1);
        while let Some(session) = next {
            let Some(entry) = self.sessions.at_mut(session) else { break };
            next = entry.peer_next.checked_sub(1);
            if session != slot && entry.session.locator() != to && entry.session.claim(now, to) {
                self.touch(session);
            }
        }
    }

    /// A session belongs to this peer from now on; `false` if there is no room for another peer.
    pub(in crate::erp::entity) fn attach_peer(&mut self, session: u32, eid: &Eid) -> bool {
        let Some(slot) = self.peer_entry(eid) else { return false };
        let Some(peer) = self.peers.at_mut(slot) else { return false };
        let head = core::mem::replace(&mut peer.sessions, session + 1);
        if let Some(next) = head.checked_sub(1).and_then(|next| self.sessions.at_mut(next)) {
            next.peer_previous = session + 1;
        }
        if let Some(entry) = self.sessions.at_mut(session) {
            (entry.peer, entry.peer_next, entry.peer_previous) = (slot + 1, head, 0);
        }
        true
    }

    /// The first of the sessions with a peer, of all agents; the others follow by `peer_next`. An agent may have sessions with a
    /// million peers, so what concerns one peer goes by these.
    pub(in crate::erp::entity) fn first_with(&self, peer: &Eid) -> Option<u32> {
        self.peers.at(self.peer_of(peer)?)?.sessions.checked_sub(1)
    }

    pub(super) fn detach_peer(&mut self, session: u32) {
        let Some(entry) = self.sessions.at_mut(session) else { return };
        let (next, previous) = (core::mem::take(&mut entry.peer_next), core::mem::take(&mut entry.peer_previous));
        let Some(peer) = core::mem::take(&mut entry.peer).checked_sub(1) else { return };
        if let Some(next) = next.checked_sub(1).and_then(|next| self.sessions.at_mut(next)) {
            next.peer_previous = previous;
        }
        match previous.checked_sub(1).and_then(|previous| self.sessions.at_mut(previous)) {
            Some(previous) => previous.peer_next = next,
            None => {
                if let Some(peer) = self.peers.at_mut(peer) {
                    peer.sessions = next;
                }
            }
        }
    }
}

impl super::super::Peer {
    /// Whether the host may be asked about it again.
    pub(in crate::erp::entity) fn may_be_asked(&self, now: Mono) -> bool {
        self.asked.is_none_or(|since| now.since(since) >= ASK_AGAIN)
    }

    /// Whether the host's answer about it is to come.
    pub(in crate::erp::entity) fn is_asked(&self, now: Mono) -> bool {
        self.asking && self.asked.is_some_and(|since| now.since(since) < ASKING)
    }

    /// What of it is to be kept. A mark is what a stranger can have set by itself: it is shunned, or the host was asked about it for
    /// no agent.
    fn kept(&self, now: Mono) -> Kept {
        let shunned = self.shunned.is_some_and(|until| now < until);
        let asking = self.is_asked(now);
        if self.sessions > 0 || !self.waiting.is_empty() || self.challenged || (asking && self.askers > 0) {
            Kept::All
        } else if shunned || asking {
            Kept::Mark
        } else {
            Kept::Nothing
        }
    }
}

#[cfg(test)]
mod tests;
