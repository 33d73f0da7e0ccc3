//! The software of an agent changes, or its EID does (`IACP §4.2.3.2`, `IACP §3.4`).

use iacp_wire::message::ErpEvolve;
use iacp_wire::{Eid, Frame};
use rand_core::CryptoRng;

use super::super::LlEntity;
use crate::crypto::Provider;
use crate::erp::agent::{Agent, EVOLUTION, ROTATION, RotationReason, Storing};
use crate::erp::context::{Event, State};
use crate::erp::local::LocalStatus;
use crate::identity::verify_frame;
use crate::time::Mono;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Another digest of the application than the one that is known.
    // keeps: IACP-081 (§4.2.3.5)
    pub(in crate::erp::entity) fn digest_changed(&mut self, now: Mono, slot: u32) {
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
    // keeps: IACP-081 (§4.2.3.5), IACP-082 (§4.2.3.5)
    pub(in crate::erp::entity) fn evolve(
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
    // keeps: IACP-005 (§3.4)
    pub fn rotate(
        &mut self,
        now: Mono,
        eid: &Eid,
        reason: RotationReason,
        rng: &mut impl CryptoRng,
    ) -> Result<Agent, LocalStatus> {
        let slot = self.agent_of(eid).ok_or(LocalStatus::NotFound)?;
        let new = self.rotate_slot(now, slot, (reason, false), rng)?;
        self.credentials(new).ok_or(LocalStatus::Capacity)
    }

    /// What an agent has asked for itself takes from what its channel may begin; what its host orders does not.
    pub(in crate::erp::entity) fn rotate_slot(
        &mut self,
        now: Mono,
        slot: u32,
        (reason, asked): (RotationReason, bool),
        rng: &mut impl CryptoRng,
    ) -> Result<u32, LocalStatus> {
        let agent = self.agents.at(slot).ok_or(LocalStatus::NotFound)?;
        if self.is_docking(slot) {
            return Err(LocalStatus::NotNow);
        }
        if agent.rotated.is_some() || (agent.accused && reason != RotationReason::Compromise) {
            return Err(LocalStatus::Refused);
        }
        if reason == RotationReason::TaskEnded && agent.session_count > 0 {
            return Err(LocalStatus::NotNow);
        }
        let (channel, airk, digest) = (agent.channel, agent.airk, agent.digest);
        if let Some(channel) = channel.filter(|_| asked) {
            self.may_begin_on(now, channel)?;
        }
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
}
