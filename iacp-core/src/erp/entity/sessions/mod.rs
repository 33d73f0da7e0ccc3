//! Sessions: begun, filed, forgotten (`IACP §4.2.3.3`, `IACP §4.2.4.2`).

mod fifo;
mod lines;
mod peers;
mod seek;

use iacp_wire::Cookie;
use rand_core::CryptoRng;

use super::LlEntity;
use super::memory::Want;
use super::throttle::Throttle;
use crate::crypto::Provider;
use crate::erp::backoff::Resolution;
use crate::erp::context::State;
use crate::erp::local::{LocalStatus, Open};
use crate::erp::resume::ResumeRecord;
use crate::pss::{Capabilities, local_session_key};
use crate::slots::{Handle, Maybe};
use crate::time::Mono;

pub(super) use lines::ITEM;
use peers::Known;

/// A session that waits for its peer to be known is looked at again after this long, in milliseconds.
const RETRY: u64 = 1_000;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// A slot for a session of this agent, within its share.
    pub(in crate::erp::entity) fn claim_session(&mut self, agent: u32) -> Result<Handle, LocalStatus> {
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

    /// A session that an agent wants. It begins when the context is BOUND and the peer is known.
    pub(in crate::erp::entity) fn open(
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
        if open.peer == context.eid() || !P::has_prime_order(&open.peer.0) {
            return Err(LocalStatus::Refused);
        }
        let record = match open.resume {
            Some(bytes) => Some(ResumeRecord::read(bytes).ok_or(LocalStatus::Refused)?),
            None => None,
        };
        let wants_line = open.offer.contains(Capabilities::RESUME);
        if record.is_some_and(|record| record.peer != open.peer || !wants_line) {
            return Err(LocalStatus::Refused);
        }
        let offer = self.served(open.offer);
        let has_line = offer.contains(Capabilities::RESUME);
        let shares = offer.contains(Capabilities::ENDPOINTS);
        let full = (has_line && self.lines.is_full()) || (shares && self.shared.is_full());
        if (record.is_some() && !has_line) || full {
            return Err(LocalStatus::Capacity);
        }
        if self.settings.quorum().is_none() && open.at.is_none() && self.agent_of(&open.peer).is_none() {
            return Err(LocalStatus::NotFound);
        }
        // A PSS_INIT costs the peer a signature, also where it is an agent of this host.
        if self.agents.at_mut(agent).is_none_or(|context| !context.may_open(now)) {
            return Err(LocalStatus::Capacity);
        }
        let handle = self.claim_session(agent)?;
        let Some(entry) = self.sessions.get_mut(handle) else { return Err(LocalStatus::Capacity) };
        // The memory was wiped, so nothing is under way in it.
        let _ = entry.session.hold(open.hold);
        entry.request = request;
        let Open { peer, at, proof, .. } = *open;
        let (proof, resolution) = (proof.copied(), Resolution::NOMINAL);
        entry.want = Maybe::Just(Want { peer, at, offer, proof, retry: now, resolution });
        if has_line {
            self.claim_line(handle.slot(), record.map(|record| (record.line, record.safe)));
        }
        if shares {
            self.claim_shared(handle.slot());
        }
        // The peer may name the line first, should both open at once.
        if let Some(record) = record
            && let Some(mut receipts) = self.receipts_of(agent)
        {
            receipts.keep(now, record);
        }
        self.try_begin(now, handle.slot(), rng);
        Ok(handle)
    }

    /// A session that goes on with the line of one that another host has handed over.
    pub(in crate::erp::entity) fn open_again(
        &mut self,
        now: Mono,
        slot: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<Handle, LocalStatus> {
        let entry = self.sessions.at(slot).ok_or(LocalStatus::NoSession)?;
        let (agent, peer) = (entry.agent, entry.session.peer());
        let (hold, offer) = (entry.session.holds(), entry.session.capabilities());
        let at = Some(entry.session.locator()).filter(|_| self.settings.quorum().is_none());
        let record = self.resume_record(slot).ok_or(LocalStatus::NotNow)?.to_bytes();
        let open = Open { peer, at, hold, offer, resume: Some(&record), proof: None };
        self.open(now, agent, 0, &open, rng)
    }

    /// What of these capabilities this host has tables for.
    pub(in crate::erp::entity) const fn served(&self, wanted: Capabilities) -> Capabilities {
        let wanted = if self.lines.capacity() == 0 { wanted.without(Capabilities::RESUME) } else { wanted };
        let endpoints = Capabilities::ENDPOINTS.with(Capabilities::EXCLUSIVE);
        if self.shared.capacity() == 0 { wanted.without(endpoints) } else { wanted }
    }

    /// Begins a session that is wanted, if it can begin now.
    pub(in crate::erp::entity) fn try_begin(&mut self, now: Mono, slot: u32, rng: &mut impl CryptoRng) {
        let Some((agent, want)) = self.sessions.at(slot).and_then(|entry| Some((entry.agent, entry.want.get()?)))
        else {
            return;
        };
        // Under an EID that is given up nothing begins.
        let rotated = self.agents.at(agent).is_some_and(|context| context.rotated.is_some());
        if rotated || self.state(agent) != State::Bound {
            // A ticket may come before the context is BOUND.
            self.wait_for_peer(slot, &want.peer);
            self.try_later(slot, now.after(RETRY));
            return;
        }
        match self.known(now, &want.peer, want.at) {
            Known::At(at, throttled) => {
                self.stop_waiting(slot);
                if !self.attach_peer(slot, &want.peer) {
                    self.try_later(slot, now.after(RETRY));
                    return;
                }
                let (Some(entry), Some(context)) = (self.sessions.at_mut(slot), self.agents.at(agent)) else { return };
                let Some(identity) = &context.identity else { return };
                entry.want = Maybe::Nothing;
                entry.throttle = throttled.then(|| Throttle::new(now)).into();
                let Want { peer, offer, proof, .. } = want;
                if entry.session.initiate_found(now, identity, peer, at, offer, proof, rng).is_err() {
                    // Its EID was checked, and the memory was free.
                    entry.session.wipe();
                }
                self.refile(now, slot, rng);
                self.touch(slot);
            }
            Known::Forbidden => {
                if let Some(entry) = self.sessions.at_mut(slot) {
                    (entry.want, entry.refused) = (Maybe::Nothing, Maybe::Just(LocalStatus::Standing));
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
                self.look_for_tickets(agent, &peer);
                self.try_later(slot, due);
                self.sessions_news.push(&mut self.sessions, slot);
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
    // keeps: IACP-088 (§4.2.4.2)
    pub(in crate::erp::entity) fn refile(&mut self, now: Mono, slot: u32, rng: &mut impl CryptoRng) {
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
    pub(in crate::erp::entity) fn unfile(&mut self, slot: u32) {
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
    pub(in crate::erp::entity) fn forget_session(&mut self, slot: u32) {
        self.unfile(slot);
        self.renewed(slot);
        self.keep_receipt(slot);
        self.age_ticket_keys(slot);
        if let Some(agent) = self.sessions.at(slot).map(|entry| entry.agent) {
            self.end_derivatives(agent, Some(slot));
        }
        self.stop_waiting(slot);
        self.drop_bargain(slot);
        self.drop_line(slot);
        self.end_shared(slot);
        self.drop_paths(slot);
        self.leave_rooms(slot);
        self.wipe_fifo(slot);
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let (agent, next, previous, incoming) = (entry.agent, entry.next, entry.previous, entry.incoming);
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
        }
        self.detach_peer(slot);
    }

    /// A session is over and has told everything: its slot is free.
    pub(in crate::erp::entity) fn free_session(&mut self, slot: u32) {
        self.forget_session(slot);
        if let Some(handle) = self.sessions.handle(slot) {
            self.sessions.release(handle);
        }
    }
}
