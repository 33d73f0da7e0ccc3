//! Keys that another host has handed over are given up for new ones.

use rand_core::CryptoRng;

use super::super::LlEntity;
use super::super::parts::ROAMING;
use super::RENEWALS;
use crate::crypto::Provider;
use crate::erp::agent::ROTATION;
use crate::erp::context::State;
use crate::pss::{Capabilities, TeardownReason};
use crate::time::Mono;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// The next session of an agent that needs new keys, if none is on its way to them: one after the other.
    pub(in crate::erp::entity) fn renew_next(&mut self, now: Mono, agent: u32) {
        if !ROAMING
            || self.state(agent) != State::Bound
            || self.agents.at(agent).is_none_or(|agent| agent.rotated.is_some())
        {
            return;
        }
        let (mut next, mut found) = (self.first_session(agent), None);
        while let Some(slot) = next {
            let Some(entry) = self.sessions.at(slot) else { break };
            next = entry.next.checked_sub(1);
            if entry.renews || entry.renew {
                return;
            }
            let wants = entry.imported.is_some()
                && !entry.unkeyed
                && entry.renewals < RENEWALS
                && entry.session.closure().is_none()
                && entry.session.capabilities().contains(Capabilities::RESUME);
            if wants {
                // The one that was filed first was exported last.
                found = Some(slot);
            }
        }
        let Some(slot) = found else { return };
        if let Some(entry) = self.sessions.at_mut(slot) {
            entry.renew = true;
        }
        self.deadlines.bring_forward(slot, now);
    }

    /// A session that gives another one new keys has its line, or has ended.
    pub(in crate::erp::entity) fn renewed(&mut self, slot: u32) {
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let agent = entry.agent;
        if core::mem::take(&mut entry.renews) {
            self.renew_next(self.clock, agent);
        }
    }

    /// A session has not got its new keys in time: it ends behind what waits, and if the peer does not let it, by force.
    fn end_unkeyed(&mut self, now: Mono, slot: u32) {
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        entry.imported = Some(now.after(ROTATION));
        if !core::mem::replace(&mut entry.unkeyed, true) {
            self.end_behind(now, slot, TeardownReason::NotRekeyed);
            return;
        }
        entry.imported = None;
        if let Some(identity) = self.agents.at(entry.agent).and_then(|agent| agent.identity.as_ref()) {
            // It is this agent's session, so the identity is the right one.
            let _ = entry.session.abort(now, identity, TeardownReason::NotRekeyed);
        }
        self.touch(slot);
    }

    /// Begins the new handshake of a session that was handed over; or ends one that has not got its new keys in time.
    pub(in crate::erp::entity) fn renew_keys(&mut self, now: Mono, slot: u32, rng: &mut impl CryptoRng) {
        let Some(entry) = self.sessions.at_mut(slot).filter(|_| ROAMING) else { return };
        let agent = entry.agent;
        if entry.imported.is_some_and(|until| until <= now) {
            self.end_unkeyed(now, slot);
            return;
        }
        if !core::mem::take(&mut entry.renew) {
            return;
        }
        entry.renewals = entry.renewals.saturating_add(1);
        match self.open_again(now, slot, rng) {
            Ok(session) => {
                if let Some(entry) = self.sessions.get_mut(session) {
                    entry.renews = true;
                }
            }
            // Without room the next one is tried.
            Err(_) => self.renew_next(now, agent),
        }
    }
}
