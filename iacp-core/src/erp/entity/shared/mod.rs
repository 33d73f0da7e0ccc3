//! Endpoints of agents: own ones, those of peers, and what sessions carry of them (`IACP §6.1`, `IACP §6.4.4`).

mod groups;
mod owed;
mod pair;
mod requests;
mod served;
mod table;

use core::net::SocketAddr;
use core::ops::Range;

use super::LlEntity;
use super::parts::ENDPOINTS;
use crate::crypto::Provider;
use crate::pss::shared::{Coordinate, EndpointSlot, Endpoints, Reach};
use crate::pss::{Capabilities, continuity};
use crate::slots::{Maybe, Slots};

pub(super) use table::AWAY;
pub use table::{GroupSlot, SharedSlot};

/// The share of one agent in a table of `length` places.
fn share(length: usize, agents: u32, agent: u32) -> Option<Range<usize>> {
    let share = length.checked_div(usize::try_from(agents).ok()?)?.min(Endpoints::MOST);
    let start = usize::try_from(agent).ok()?.checked_mul(share)?;
    Some(start..start.checked_add(share)?)
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// The endpoints of one agent, in its share of the table.
    // keeps: IACP-132 (§6.1.1)
    pub(super) fn endpoints_of(&mut self, agent: u32) -> Option<Endpoints<'_>> {
        let owner = self.agents.at(agent)?.eid();
        let share = share(self.endpoints.len(), self.agents.capacity(), agent)?;
        self.endpoints.get_mut(share).map(|slots| Endpoints::over(owner, slots))
    }

    /// Where the endpoints of an agent have their places.
    pub(super) fn endpoints_share(&self, agent: u32) -> Option<Range<usize>> {
        share(self.endpoints.len(), self.agents.capacity(), agent)
    }

    /// All own endpoints of an agent.
    pub(super) fn own_endpoints(&self, agent: u32) -> impl Iterator<Item = &EndpointSlot> {
        let places = self.endpoints_share(agent).and_then(|share| self.endpoints.get(share));
        places.into_iter().flatten().filter(|endpoint| endpoint.version() != 0)
    }

    /// What a session carries of endpoints.
    pub(super) fn shared_of(&self, slot: u32) -> Option<&SharedSlot> {
        self.shared.at(self.sessions.at(slot)?.shared.checked_sub(1)?)
    }

    /// An own endpoint of an agent.
    pub(super) fn endpoint_of(&self, agent: u32, coordinate: &iacp_wire::Digest) -> Option<&EndpointSlot> {
        let slots = self.endpoints.get(share(self.endpoints.len(), self.agents.capacity(), agent)?)?;
        slots.iter().find(|slot| slot.version() != 0 && slot.coordinate().0 == coordinate.0)
    }

    /// With its EID every endpoint ends: values and tags are wiped, and the keys of groups.
    pub(super) fn erase_endpoints(&mut self, agent: u32) {
        let Some(share) = share(self.endpoints.len(), self.agents.capacity(), agent) else { return };
        let Self { endpoints, groups, .. } = self;
        for endpoint in endpoints.get_mut(share).into_iter().flatten() {
            release_group(groups, endpoint);
            zeroize::Zeroize::zeroize(endpoint);
        }
    }

    /// A session that may carry endpoints gets a place for them; `false` if there is none.
    pub(super) fn claim_shared(&mut self, slot: u32) -> bool {
        let Some(handle) = self.shared.claim() else { return false };
        if let (Some(entry), Some(shared)) = (self.sessions.at_mut(slot), self.shared.get_mut(handle)) {
            entry.shared = handle.slot() + 1;
            shared.session = slot;
        }
        true
    }

    /// A session carries endpoints no more. Where its peer holds a group's key, the group's epoch is over.
    // keeps: IACP-149 (§6.4.4)
    pub(super) fn end_shared(&mut self, slot: u32) {
        let Some(entry) = self.sessions.at_mut(slot) else { return };
        let agent = entry.agent;
        entry.shared_due = None;
        let Some(place) = core::mem::take(&mut entry.shared).checked_sub(1) else { return };
        while let Some(coordinate) = self.left(agent, place, true) {
            self.end_epoch(agent, &coordinate);
        }
        self.end_exclusive(agent, place);
        self.set_granting(agent, place, false);
        if let Some(handle) = self.shared.handle(place) {
            self.shared.release(handle);
        }
    }

    /// Whatever ends membership in a group is looked for when something of a session may have changed: the end of the
    /// session, a right that is over, and a peer that is away for too long.
    pub(super) fn settle_shared(&mut self, slot: u32) {
        let now = self.clock;
        let Some(entry) = self.sessions.at(slot) else { return };
        let Some(place) = entry.shared.checked_sub(1) else { return };
        let agent = entry.agent;
        if entry.session.closure().is_some() {
            self.end_shared(slot);
            return;
        }
        let away = entry.session.continuity() == Some(continuity::State::Disconnected);
        if let Some(shared) = self.shared.at_mut(place) {
            shared.away = if away { shared.away.or(Some(now)) } else { None };
            let gone = shared.away.is_some_and(|since| now.since(since) >= AWAY);
            shared.rights.set_away(gone || shared.challenged);
        }
        while let Some(coordinate) = self.left(agent, place, false) {
            self.end_epoch(agent, &coordinate);
        }
        let grants = self.may_owe(agent, place).unwrap_or(false);
        self.set_granting(agent, place, grants);
        let due = self.shared.at(place).and_then(|shared| shared.due(now));
        if let Some(entry) = self.sessions.at_mut(slot) {
            entry.shared_due = due;
        }
        if let Some(due) = due {
            self.deadlines.bring_forward(slot, due);
        }
    }

    fn left(&mut self, agent: u32, place: u32, ended: bool) -> Option<Coordinate> {
        let (owner, now) = (self.agents.at(agent)?.eid(), self.clock);
        let range = share(self.endpoints.len(), self.agents.capacity(), agent)?;
        let Self { endpoints, shared, .. } = self;
        let endpoints = Endpoints::over(owner, endpoints.get_mut(range)?);
        shared.at(place)?.rights.left(now, &endpoints, ended)
    }

    /// Whether a change of an own endpoint may be due in this session.
    fn may_owe(&mut self, agent: u32, place: u32) -> Option<bool> {
        let owner = self.agents.at(agent)?.eid();
        let range = share(self.endpoints.len(), self.agents.capacity(), agent)?;
        let Self { endpoints, shared, .. } = self;
        let endpoints = Endpoints::over(owner, endpoints.get_mut(range)?);
        Some(shared.at(place)?.rights.may_owe(&endpoints))
    }

    /// Puts a session among those to which a change of the agent's endpoints may be due, or takes it out.
    fn set_granting(&mut self, agent: u32, place: u32, grants: bool) {
        let Some(context) = self.agents.at_mut(agent) else { return };
        if grants {
            context.granting.push(&mut self.shared, place, |shared| &mut shared.granting);
        } else {
            context.granting.remove(&mut self.shared, place, |shared| &mut shared.granting);
        }
    }

    /// Whether ENDPOINTS was agreed in this session.
    pub(super) fn has_endpoints(&self, slot: u32) -> bool {
        let agreed = Capabilities::ENDPOINTS;
        ENDPOINTS
            && self
                .sessions
                .at(slot)
                .is_some_and(|entry| entry.shared > 0 && entry.session.capabilities().contains(agreed))
    }

    pub(super) fn shared_mut(&mut self, slot: u32) -> Option<&mut SharedSlot> {
        self.shared.at_mut(self.sessions.at(slot)?.shared.checked_sub(1)?)
    }

    /// An endpoint of the agent's has changed: the sessions that may have to say so are asked.
    fn endpoint_changed(&mut self, agent: u32, coordinate: &Coordinate) {
        let mut next = self.agents.at(agent).and_then(|context| context.granting.first());
        while let Some(shared) = next.and_then(|place| self.shared.at(place)) {
            let (session, concerned) = (shared.session, shared.rights.concerns(coordinate));
            next = shared.granting.next();
            if concerned {
                self.touch(session);
            }
        }
    }

    /// The reach of a session's home.
    fn home_reach(&self, slot: u32) -> Reach {
        let Some(entry) = self.sessions.at(slot) else { return Reach::Public };
        match entry.session.locator() {
            super::INSIDE => Reach::Host,
            home if entry.link == Maybe::Just(home) => Reach::Link,
            _ => Reach::Public,
        }
    }

    /// An authentic frame came from there by a carrier of this reach.
    pub(super) fn came_near(&mut self, slot: u32, from: SocketAddr, reach: Reach) {
        if !ENDPOINTS {
            return;
        }
        let Some(entry) = self.sessions.at_mut(slot).filter(|entry| entry.shared > 0) else { return };
        match reach {
            Reach::Link => entry.link = Maybe::Just(from),
            Reach::Public if entry.link == Maybe::Just(from) => entry.link = Maybe::Nothing,
            Reach::Host | Reach::Public => {}
        }
    }
}

/// The group of an endpoint that ends.
pub(super) fn release_group(groups: &mut Slots<'_, GroupSlot, ENDPOINTS>, endpoint: &EndpointSlot) {
    if let Some(handle) = endpoint.group().filter(|_| endpoint.version() != 0).and_then(|group| groups.handle(group)) {
        groups.release(handle);
    }
}
