//! Group keys: who is trusted, and when an epoch ends (`IACP §6.4.4`).

use iacp_wire::{Digest, Eid};
use rand_core::CryptoRng;

use super::super::LlEntity;
use super::super::desk::Done;
use super::super::parts::ENDPOINTS;
use crate::crypto::{Provider, Suite};
use crate::erp::local::LocalStatus;
use crate::pss::shared::endpoint::EndpointFlags;
use crate::pss::shared::{Coordinate, EndpointSlot};
use crate::slots::Handle;
use crate::time::Mono;

/// No more groups begin their next epoch in one step.
const ROTATIONS: usize = 32;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// ENDPOINT: a new one, with an empty value. Where its values are sealed, it gets a group.
    pub(in crate::erp::entity) fn endpoint(
        &mut self,
        now: Mono,
        agent: u32,
        (flags, rotation, tag): (u8, u32, &[u8]),
        rng: &mut impl CryptoRng,
    ) -> Result<Done, LocalStatus> {
        if !ENDPOINTS {
            return Err(LocalStatus::Capacity);
        }
        let flags = EndpointFlags { global: flags & 1 != 0, bridged: flags & 2 != 0, sealed: flags & 4 != 0 };
        let group = if flags.sealed { Some(self.claim_group(agent)?) } else { None };
        let created = match self.endpoints_of(agent) {
            Some(mut endpoints) => endpoints.create::<P>(tag, flags).map_err(super::requests::refused),
            None => Err(LocalStatus::Capacity),
        };
        let coordinate = match created {
            Ok(coordinate) => coordinate,
            Err(refused) => {
                if let Some(group) = group {
                    self.groups.release(group);
                }
                return Err(refused);
            }
        };
        if let Some(handle) = group {
            let aes = P::SUITES.has(Suite::Aes256Gcm);
            let suite = if aes { Suite::Aes256Gcm } else { Suite::ChaCha20Poly1305 };
            if let Some(slot) = self.groups.get_mut(handle) {
                slot.agent = agent;
                slot.group.begin(now, coordinate, suite, rotation, rng);
            }
            if let Some(endpoint) = self.endpoints_of(agent).as_mut().and_then(|all| all.find_mut(&coordinate)) {
                endpoint.set_group(handle.slot());
                endpoint.set_epoch(1);
            }
            self.groups_due(agent);
        }
        Ok(Done::Coordinate(Digest(coordinate.0)))
    }

    /// A group within the agent's share.
    pub(in crate::erp::entity) fn claim_group(&mut self, agent: u32) -> Result<Handle, LocalStatus> {
        let each = self.groups.capacity().checked_div(self.agents.capacity()).unwrap_or(0);
        let has = self.sealed_endpoints(agent).count();
        if u32::try_from(has).is_ok_and(|has| has < each) {
            return self.groups.claim().ok_or(LocalStatus::Capacity);
        }
        Err(LocalStatus::Capacity)
    }

    fn sealed_endpoints(&self, agent: u32) -> impl Iterator<Item = &EndpointSlot> {
        self.own_endpoints(agent).filter(|endpoint| endpoint.flags().sealed)
    }

    /// TRUST: puts an EID on the Trust List of a sealed endpoint, or takes it off. A former member reads nothing that is
    /// written from this step on.
    // keeps: IACP-149 (§6.4.4)
    pub(in crate::erp::entity) fn trust(
        &mut self,
        agent: u32,
        coordinate: Digest,
        member: &Eid,
        on: bool,
    ) -> Result<Done, LocalStatus> {
        let endpoint = self.endpoint_of(agent, &coordinate).ok_or(LocalStatus::NoAccess)?;
        let place = endpoint.group().filter(|_| endpoint.flags().sealed).ok_or(LocalStatus::Refused)?;
        let group = self.groups.at_mut(place).ok_or(LocalStatus::Refused)?;
        if on {
            group.group.trust(*member).map_err(|_| LocalStatus::Capacity)?;
        } else if !group.group.distrust(member) {
            return Err(LocalStatus::NotFound);
        }
        let coordinate = Coordinate(coordinate.0);
        let mut next = self.first_with(member);
        while let Some(session) = next {
            let Some(entry) = self.sessions.at(session) else { break };
            next = entry.peer_next.checked_sub(1);
            if entry.shared > 0 && entry.agent == agent {
                if let Some(shared) = self.shared_mut(session) {
                    shared.rights.trust(&coordinate, on);
                }
                self.touch(session);
            }
        }
        Ok(Done::Ok)
    }

    /// Whether a peer is on the Trust List of an endpoint.
    pub(in crate::erp::entity) fn trusts(&self, agent: u32, coordinate: &Coordinate, peer: &Eid) -> bool {
        let endpoint = self.endpoint_of(agent, &Digest(coordinate.0));
        let group = endpoint.and_then(EndpointSlot::group).and_then(|group| self.groups.at(group));
        group.is_some_and(|slot| slot.group.trusts(peer))
    }

    /// A member has left: from now on nothing is sealed under this epoch, and the next one begins before the step is over.
    pub(super) fn end_epoch(&mut self, agent: u32, coordinate: &Coordinate) {
        let Some(mut endpoints) = self.endpoints_of(agent) else { return };
        let Some(endpoint) = endpoints.find_mut(coordinate) else { return };
        endpoint.set_epoch(0);
        if let Some(group) = endpoint.group() {
            self.groups_stale.push(&mut self.groups, group);
        }
    }

    /// Begins the next epoch of groups that members have left, or whose time is over. All that left share one rotation.
    // keeps: IACP-149 (§6.4.4)
    pub(in crate::erp::entity) fn rotate_groups(&mut self, now: Mono, rng: &mut impl CryptoRng) {
        for _ in 0..ROTATIONS {
            let Some(place) = self.groups_stale.pop(&mut self.groups) else { return };
            let Some(slot) = self.groups.at_mut(place).filter(|slot| slot.group.epoch() > 0) else { continue };
            let (agent, coordinate) = (slot.agent, slot.group.coordinate());
            // Where the epochs are used up nothing is sealed any more.
            let epoch = slot.group.rotate(now, rng).map_or(0, |()| slot.group.epoch());
            if let Some(endpoint) = self.endpoints_of(agent).as_mut().and_then(|all| all.find_mut(&coordinate)) {
                endpoint.set_epoch(epoch);
            }
            self.groups_due(agent);
            self.endpoint_changed(agent, &coordinate);
        }
    }

    /// When the next of an agent's groups rotates by time.
    pub(in crate::erp::entity) fn groups_due(&mut self, agent: u32) {
        let groups = self.sealed_endpoints(agent).filter_map(|endpoint| self.groups.at(endpoint.group()?));
        let due = groups.filter_map(|slot| slot.group.rotation_due()).min();
        if let Some(context) = self.agents.at_mut(agent) {
            context.groups_due = due;
        }
        if let Some(due) = due {
            self.deadlines.bring_forward(self.agent_item(agent), due);
        }
    }

    /// The epochs of an agent's groups that are over by time end.
    pub(in crate::erp::entity) fn expire_groups(&mut self, now: Mono, agent: u32) {
        let is_due = self.agents.at(agent).and_then(|context| context.groups_due).is_some_and(|due| due <= now);
        let share = super::share(self.endpoints.len(), self.agents.capacity(), agent).filter(|_| is_due);
        let Self { endpoints, groups, groups_stale, .. } = self;
        for endpoint in share.and_then(|share| endpoints.get_mut(share)).into_iter().flatten() {
            let Some(place) = endpoint.group().filter(|_| endpoint.version() != 0) else { continue };
            let due = groups.at(place).and_then(|slot| slot.group.rotation_due());
            if due.is_some_and(|due| due <= now) {
                endpoint.set_epoch(0);
                groups_stale.push(groups, place);
            }
        }
    }

    /// New salts, so that no memory that came back repeats a nonce.
    pub(in crate::erp::entity) fn renew_groups(&mut self, rng: &mut impl CryptoRng) {
        for place in 0..self.groups.capacity() {
            if let Some(slot) = self.groups.at_mut(place) {
                slot.group.renew(rng);
            }
        }
    }
}
