//! Sessions: begun, filed, fed from the FIFO, forgotten (`IACP §4.2.3.3`, `IACP §4.2.4.2`).

use core::net::{IpAddr, SocketAddr};

use iacp_wire::{Cookie, Eid};
use rand_core::CryptoRng;

use super::memory::Want;
use super::{INSIDE, LlEntity};
use crate::crypto::Provider;
use crate::erp::backoff::Resolution;
use crate::erp::binding::Binding;
use crate::erp::context::State;
use crate::erp::generation::{PORT, claimed_place};
use crate::erp::local::{LocalStatus, Open};
use crate::pss::{Admission, Kind, SendError, TeardownReason, local_session_key};
use crate::slots::{Handle, List};
use crate::time::Mono;

/// A session that waits for its peer to be known is looked at again after this long, in milliseconds.
const RETRY: u64 = 1_000;
/// The host is asked again about a peer after this long, in milliseconds.
const ASK_AGAIN: u64 = 2_000;
/// No more entries of the FIFO are sealed in one step.
const FLUSH: usize = 16;

/// What is known of a peer.
pub(super) enum Known {
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
    /// A slot for a session of this agent, within its share.
    pub(super) fn claim_session(&mut self, agent: u32) -> Result<Handle, LocalStatus> {
        let share = self.settings.sessions_each;
        let head = match self.agents.at(agent) {
            Some(slot) if slot.session_count < share => slot.sessions,
            _ => return Err(LocalStatus::Capacity),
        };
        let handle = self.sessions.claim().ok_or(LocalStatus::Capacity)?;
        if let Some(entry) = self.sessions.get_mut(handle) {
            (entry.agent, entry.next, entry.previous) = (agent, head, 0);
        }
        if let Some(next) = head.checked_sub(1).and_then(|next| self.sessions.at_mut(next)) {
            next.previous = handle.slot() + 1;
        }
        if let Some(slot) = self.agents.at_mut(agent) {
            slot.sessions = handle.slot() + 1;
            slot.session_count += 1;
        }
        Ok(handle)
    }

    /// The entry of a peer, made if there is none. Entries of peers without a session give way when the table is full.
    pub(super) fn peer_entry(&mut self, eid: &Eid) -> Option<u32> {
        if let Some(slot) = self.peer_of(eid) {
            return Some(slot);
        }
        let handle = match self.peers.claim() {
            Some(handle) => handle,
            None => {
                self.drop_idle_peer();
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

    /// The oldest peer without a session is forgotten: a constant number of them is looked at.
    fn drop_idle_peer(&mut self) {
        for _ in 0..FLUSH {
            let Some(slot) = self.peers_age.pop(&mut self.peers) else { return };
            let Some(peer) = self.peers.at(slot) else { continue };
            if peer.sessions > 0 {
                self.peers_age.push(&mut self.peers, slot);
                continue;
            }
            let (hash, peers) = (self.peer_index.hash(&[&peer.eid.0]), &self.peers);
            self.peer_index.remove(hash, slot, |key, slot| peers.at(slot).map_or(0, |peer| key.hash(&[&peer.eid.0])));
            if let Some(handle) = self.peers.handle(slot) {
                self.peers.release(handle);
            }
            return;
        }
    }

    /// What is known of a peer; what is not is asked. A peer of this host is known, and a host without a directory asks
    /// nothing.
    pub(super) fn known(&mut self, now: Mono, eid: &Eid, at: Option<SocketAddr>) -> Known {
        if self.agent_of(eid).is_some() {
            return Known::At(INSIDE, false);
        }
        if self.settings.directory.is_none() {
            return at.map_or(Known::Nowhere, |at| Known::At(at, false));
        }
        let Some(slot) = self.peer_entry(eid) else { return Known::NotYet };
        let Some(peer) = self.peers.at_mut(slot) else { return Known::NotYet };
        let Some((standing, until)) = peer.standing else {
            self.ask_peer(now, slot);
            return Known::NotYet;
        };
        let throttled = match standing {
            Admission::Admit => false,
            Admission::Throttle => true,
            Admission::Drop | Admission::DemandWork => return Known::Forbidden,
            Admission::NotKnownYet => {
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
    pub(super) fn ask_peer(&mut self, now: Mono, slot: u32) -> bool {
        let Some(peer) = self.peers.at_mut(slot) else { return false };
        let again = peer.asked.is_none_or(|since| now.since(since) >= ASK_AGAIN);
        if again {
            (peer.asked, peer.answered) = (Some(now), false);
            self.peers_ask.push(&mut self.peers, slot);
        }
        again
    }

    /// A session that an agent wants. It begins when the context is BOUND and the peer is known.
    pub(super) fn open(
        &mut self,
        now: Mono,
        agent: u32,
        request: u32,
        open: &Open<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Handle, LocalStatus> {
        let state = self.state(agent);
        let context = self.agents.at(agent).ok_or(LocalStatus::NotNow)?;
        if !matches!(state, State::Bound | State::Transition) || context.rotated.is_some() {
            return Err(LocalStatus::NotNow);
        }
        if open.peer == context.eid() || open.resume.is_some() || !P::has_prime_order(&open.peer.0) {
            return Err(LocalStatus::Refused);
        }
        if self.settings.directory.is_none() && open.at.is_none() && self.agent_of(&open.peer).is_none() {
            return Err(LocalStatus::NotFound);
        }
        let handle = self.claim_session(agent)?;
        let Some(entry) = self.sessions.get_mut(handle) else { return Err(LocalStatus::Capacity) };
        // The memory was wiped, so nothing is under way in it.
        let _ = entry.session.hold(open.hold);
        entry.request = request;
        entry.want =
            Some(Want { peer: open.peer, at: open.at, offer: open.offer, retry: now, resolution: Resolution::NOMINAL });
        self.try_begin(now, handle.slot(), rng);
        Ok(handle)
    }

    /// Begins a session that is wanted, if it can begin now.
    pub(super) fn try_begin(&mut self, now: Mono, slot: u32, rng: &mut impl CryptoRng) {
        let Some((agent, want)) = self.sessions.at(slot).and_then(|entry| Some((entry.agent, entry.want?))) else {
            return;
        };
        if self.state(agent) != State::Bound {
            self.try_later(slot, now.after(RETRY));
            return;
        }
        match self.known(now, &want.peer, want.at) {
            Known::At(at, throttled) => {
                if !self.attach_peer(slot, &want.peer) {
                    self.try_later(slot, now.after(RETRY));
                    return;
                }
                let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at(agent)) else { return };
                let Some(identity) = &context.identity else { return };
                entry.want = None;
                entry.throttled = throttled;
                if entry.session.initiate(now, identity, want.peer, at, want.offer, rng).is_err() {
                    // Its EID was checked, and the memory was free.
                    entry.session.wipe();
                }
                self.refile(now, slot, rng);
                self.touch(slot);
            }
            Known::Forbidden => {
                if let Some(entry) = self.sessions.at_mut(slot) {
                    (entry.want, entry.refused) = (None, Some(LocalStatus::Standing));
                }
                self.touch(slot);
            }
            Known::NotYet => {
                self.wait_for_peer(slot, &want.peer);
                self.try_later(slot, now.after(RETRY));
            }
            // STATE_ANML_DEGRADED: of this context and this destination, and of nothing else.
            Known::Nowhere => {
                let Some(eid) = self.agents.at(agent).map(crate::erp::agent::AgentSlot::eid) else { return };
                let Some(entry) = self.sessions.at_mut(slot) else { return };
                let Some(want) = entry.want.as_mut() else { return };
                entry.degraded |= !want.resolution.is_degraded();
                let due = want.resolution.failed::<P>(now, &eid);
                let peer = want.peer;
                self.wait_for_peer(slot, &peer);
                self.try_later(slot, due);
                self.sessions_news.push(&mut self.sessions, slot);
            }
        }
    }

    /// What the directory says of a peer, or a binding of the peer's, has the session tried at once.
    fn wait_for_peer(&mut self, slot: u32, peer: &Eid) {
        if let Some(peer) = self.peer_of(peer).and_then(|peer| self.peers.at_mut(peer)) {
            peer.waiting.push(&mut self.sessions, slot);
        }
    }

    /// Sessions that wait for a peer are tried at once.
    // keeps: IACP-097
    pub(super) fn wake_waiting(&mut self, now: Mono, peer: u32) {
        let Some(peer) = self.peers.at_mut(peer) else { return };
        let mut waiting = core::mem::replace(&mut peer.waiting, List::EMPTY);
        while let Some(session) = waiting.pop(&mut self.sessions) {
            if let Some(entry) = self.sessions.at_mut(session).filter(|entry| entry.want.is_some()) {
                entry.wake = true;
                self.deadlines.bring_forward(session, now);
            }
        }
    }

    fn try_later(&mut self, slot: u32, at: Mono) {
        if let Some(want) = self.sessions.at_mut(slot).and_then(|entry| entry.want.as_mut()) {
            want.retry = at;
        }
        self.deadlines.bring_forward(slot, at);
    }

    /// Files a session under the cookies that it has now. One whose place is taken begins anew: no session is filed under
    /// a key that another one has.
    // keeps: IACP-088
    pub(super) fn refile(&mut self, now: Mono, slot: u32, rng: &mut impl CryptoRng) {
        let Some((agent, filed, mut cookies)) =
            self.sessions.at(slot).map(|entry| (entry.agent, entry.filed, entry.session.cookies()))
        else {
            return;
        };
        if filed == Some(cookies) || cookies.0 == Cookie::ZERO {
            return;
        }
        if self.session_of(cookies, agent).is_some()
            && let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at(agent))
            && let Some(identity) = &context.identity
        {
            entry.session.begin_anew(now, identity, rng);
            cookies = entry.session.cookies();
        }
        self.unfile(slot);
        let hash = self.session_hash(cookies, agent);
        let Some((entry, context)) = self.sessions.at_mut(slot).zip(self.agents.at(agent)) else { return };
        if self.session_index.insert(hash, slot) {
            entry.filed = Some(cookies);
            entry.key = local_session_key::<P>(cookies.0, cookies.1, &context.eid(), &context.iat);
        }
    }

    /// A session is found no more.
    pub(super) fn unfile(&mut self, slot: u32) {
        let Some((agent, cookies)) =
            self.sessions.at_mut(slot).and_then(|entry| Some((entry.agent, entry.filed.take()?)))
        else {
            return;
        };
        let (hash, sessions) = (self.session_hash(cookies, agent), &self.sessions);
        self.session_index.remove(hash, slot, |key, slot| {
            let filed = sessions.at(slot).and_then(|entry| Some((entry.filed?, entry.agent)));
            filed.map_or(0, |((initiator, responder), agent)| {
                key.hash(&[&initiator.0, &responder.0, &agent.to_be_bytes()])
            })
        });
    }

    /// A session leaves its agent, its peer and the index; its FIFO is wiped. Its slot is still taken.
    pub(super) fn forget_session(&mut self, slot: u32) {
        self.unfile(slot);
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let (agent, next, previous, incoming) = (entry.agent, entry.next, entry.previous, entry.incoming);
        let mut fifo = core::mem::take(&mut entry.fifo);
        let mut waited = 0;
        while let Some(cell) = fifo.pop(&mut self.fifo) {
            if let Some(handle) = self.fifo.handle(cell) {
                self.fifo.release(handle);
                waited += 1;
            }
        }
        if let Some(next) = next.checked_sub(1).and_then(|next| self.sessions.at_mut(next)) {
            next.previous = previous;
        }
        match previous.checked_sub(1).and_then(|previous| self.sessions.at_mut(previous)) {
            Some(previous) => previous.next = next,
            None => {
                if let Some(agent) = self.agents.at_mut(agent) {
                    agent.sessions = next;
                }
            }
        }
        if let Some(agent) = self.agents.at_mut(agent) {
            agent.session_count = agent.session_count.saturating_sub(1);
            agent.incoming = agent.incoming.saturating_sub(u32::from(incoming));
            agent.fifo = agent.fifo.saturating_sub(waited);
        }
        self.detach_peer(slot);
    }

    /// A session is over and has told everything: its slot is free.
    pub(super) fn free_session(&mut self, slot: u32) {
        self.forget_session(slot);
        if let Some(handle) = self.sessions.handle(slot) {
            self.sessions.release(handle);
        }
    }

    /// An item of an agent's. It is sealed now, or waits in the FIFO until it can be.
    // keeps: IACP-078
    pub(super) fn send(
        &mut self,
        now: Mono,
        agent: u32,
        slot: u32,
        item: u64,
        content: &[u8],
    ) -> Result<(), LocalStatus> {
        let entry = self.sessions.at(slot).ok_or(LocalStatus::NoSession)?;
        if entry.finished || entry.close.is_some() || entry.session.closure().is_some() {
            return Err(LocalStatus::Finished);
        }
        if content.len() > crate::erp::stream::CONTENT {
            return Err(LocalStatus::TooLong);
        }
        if item != entry.item {
            return Err(LocalStatus::OutOfOrder);
        }
        self.put(now, agent, slot, content, false)?;
        if let Some(entry) = self.sessions.at_mut(slot) {
            entry.item += 1;
        }
        self.touch(slot);
        Ok(())
    }

    /// The agent has sent everything.
    pub(super) fn finish(&mut self, now: Mono, agent: u32, slot: u32, items: u64) -> Result<(), LocalStatus> {
        let entry = self.sessions.at(slot).ok_or(LocalStatus::NoSession)?;
        if entry.finished {
            return Err(LocalStatus::Finished);
        }
        if items != entry.item {
            return Err(LocalStatus::OutOfOrder);
        }
        self.put(now, agent, slot, &[], true)?;
        if let Some(entry) = self.sessions.at_mut(slot) {
            entry.finished = true;
        }
        self.touch(slot);
        Ok(())
    }

    /// Content, or FIN, that is sealed or queued.
    fn put(&mut self, now: Mono, agent: u32, slot: u32, content: &[u8], fin: bool) -> Result<(), LocalStatus> {
        let state = self.state(agent);
        if !matches!(state, State::Bound | State::Transition) {
            return Err(LocalStatus::NotNow);
        }
        let share = self.settings.fifo_each;
        let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at_mut(agent)) else {
            return Err(LocalStatus::NoSession);
        };
        if state == State::Bound && entry.fifo.is_empty() && entry.want.is_none() {
            let sealed = if fin { entry.session.finish(now) } else { entry.session.send(now, Kind::Anml, content) };
            match sealed {
                Ok(_) => return Ok(()),
                Err(SendError::NotNow | SendError::Full) => {}
                Err(SendError::Finished) => return Err(LocalStatus::Finished),
                Err(SendError::TooLong | SendError::Kind) => return Err(LocalStatus::TooLong),
                Err(SendError::KeySpent) => return Err(LocalStatus::KeySpent),
            }
        }
        let cell = if context.fifo < share { self.fifo.claim() } else { None };
        let Some(cell) = cell else {
            entry.room = true;
            return Err(LocalStatus::Full);
        };
        if !self.fifo.get_mut(cell).is_some_and(|cell| cell.fill(Kind::Anml, fin, content)) {
            self.fifo.release(cell);
            return Err(LocalStatus::TooLong);
        }
        entry.fifo.push(&mut self.fifo, cell.slot());
        context.fifo += 1;
        Ok(())
    }

    /// Seals what waits, first in, first out, as much as window and log take. `true` if something has left the queue.
    pub(super) fn flush(&mut self, now: Mono, slot: u32) -> bool {
        let mut moved = false;
        for _ in 0..FLUSH {
            let Some(entry) = self.sessions.at_mut(slot).filter(|entry| entry.want.is_none()) else { break };
            let Some(cell) = entry.fifo.first() else { break };
            let Some(waiting) = self.fifo.at(cell) else { break };
            let sealed = if waiting.fin {
                entry.session.finish(now)
            } else {
                entry.session.send(now, waiting.kind, waiting.content())
            };
            if sealed.is_err() {
                break;
            }
            entry.fifo.pop(&mut self.fifo);
            if let Some(handle) = self.fifo.handle(cell) {
                self.fifo.release(handle);
            }
            if let Some(agent) = self.agents.at_mut(entry.agent) {
                agent.fifo = agent.fifo.saturating_sub(1);
            }
            moved = true;
        }
        // The end in good order comes behind what waits.
        if let Some(entry) = self.sessions.at_mut(slot)
            && entry.fifo.is_empty()
            && let Some(reason) = entry.close
            && let Some(reason) = TeardownReason::of_application(reason)
            && entry.want.is_none()
        {
            entry.close = None;
            let _ = entry.session.close(now, reason);
            moved = true;
        }
        moved
    }

    /// A verified binding of a peer: it replaces a lower one, its sessions look for the peer there, and one to nowhere ends
    /// them.
    // keeps: IACP-091
    pub(super) fn take_binding(&mut self, now: Mono, slot: u32, binding: Binding, from: Option<SocketAddr>) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        if peer.binding.is_some_and(|known| binding.generation <= known.generation) {
            return;
        }
        peer.binding = Some(binding);
        let mut next = peer.sessions.checked_sub(1);
        self.wake_waiting(now, slot);
        let at = claimed_place(&binding, from);
        while let Some(session) = next {
            let Some(entry) = self.sessions.at_mut(session) else { break };
            next = entry.peer_next.checked_sub(1);
            match at {
                Some(at) => entry.session.claim(now, at),
                None => entry.session.peer_is_gone(),
            }
            self.touch(session);
        }
    }

    /// A session belongs to this peer from now on; `false` if there is no room for another peer.
    pub(super) fn attach_peer(&mut self, session: u32, eid: &Eid) -> bool {
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

    fn detach_peer(&mut self, session: u32) {
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
