//! The endpoints that two agents have for each other alone, and what a session takes over from the one for which it goes on
//! (`IACP §6.4.1`, `IACP §6.4.4`).

use iacp_wire::{Cookie, Digest, Eid};

use super::super::LlEntity;
use super::super::desk::Done;
use super::owed::GRANT;
use crate::crypto::Provider;
use crate::erp::local::LocalStatus;
use crate::pss::shared::Coordinate;
use crate::pss::shared::endpoint::{exclusive_tag, pair_tag};
use crate::pss::shared::frame::{Contract, Op, TAG};
use crate::pss::{Capabilities, ContentKind, Role, SendError, session_hash};
use crate::time::Mono;

/// The tag of a pair's endpoint.
type Tag = [u8; 44];

/// The tag of an exclusive session's endpoints.
fn tag_of_session<P: Provider>(own: &Eid, peer: &Eid, role: Role, cookies: (Cookie, Cookie)) -> Tag {
    let (initiator, responder) = match role {
        Role::Initiator => (own, peer),
        Role::Responder => (peer, own),
    };
    exclusive_tag(&session_hash::<P>(cookies, initiator, responder))
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Whether this session has the endpoints of its pair and no others.
    pub(super) fn is_exclusive(&self, slot: u32) -> bool {
        let agreed = |capabilities: Capabilities| capabilities.contains(Capabilities::EXCLUSIVE);
        self.has_endpoints(slot) && self.sessions.at(slot).is_some_and(|entry| agreed(entry.session.capabilities()))
    }

    /// The tags of the own endpoint and of the peer's.
    fn pair_tags(&self, slot: u32) -> Option<(Tag, Tag)> {
        let entry = self.sessions.at(slot)?;
        let (own, peer) = (self.agents.at(entry.agent)?.eid(), entry.session.peer());
        if !self.is_exclusive(slot) {
            return Some((pair_tag(&peer), pair_tag(&own)));
        }
        let tag = tag_of_session::<P>(&own, &peer, entry.session.role(), entry.session.cookies());
        Some((tag, tag))
    }

    /// Each side of a session with ENDPOINTS may read and follow the other's endpoint of the pair, without asking.
    // keeps: IACP-142 (§6.4.1), IACP-148 (§6.4.4)
    pub(in crate::erp::entity) fn pair_up(&mut self, slot: u32) {
        let Some(entry) = self.sessions.at(slot) else { return };
        let (agent, peer) = (entry.agent, entry.session.peer());
        let paired = self.shared_mut(slot).is_none_or(|shared| shared.paired);
        if paired || !self.has_endpoints(slot) {
            return;
        }
        let exclusive = self.is_exclusive(slot);
        let Some((ours, theirs)) = self.pair_tags(slot) else { return };
        let Some(own) = self.agents.at(agent).map(crate::erp::agent::AgentSlot::eid) else { return };
        let (ours, theirs) = (Coordinate::of::<P>(&own, &ours), Coordinate::of::<P>(&peer, &theirs));
        let Some(shared) = self.shared_mut(slot) else { return };
        shared.paired = true;
        shared.exclusive = exclusive.then_some(ours);
        // The first places are theirs: nothing else has been granted or followed.
        let _ = shared.rights.pair(ours);
        if let Some(point) = shared.point(theirs) {
            point.pair = true;
        }
    }

    /// ENDPOINT in a session, without a tag: the own endpoint of its pair. It takes a place only where its agent wants it, so
    /// no peer fills an agent's share by opening sessions.
    // keeps: IACP-148 (§6.4.4)
    pub(in crate::erp::entity) fn pair_endpoint(&mut self, agent: u32, slot: u32) -> Result<Done, LocalStatus> {
        let entry = self.sessions.at(slot).ok_or(LocalStatus::NoSession)?;
        if entry.session.closure().is_some() {
            return Err(LocalStatus::Finished);
        }
        if !entry.opened || !self.has_endpoints(slot) {
            return Err(LocalStatus::NotNow);
        }
        let peer = entry.session.peer();
        let (tag, _) = self.pair_tags(slot).ok_or(LocalStatus::NotNow)?;
        let mut endpoints = self.endpoints_of(agent).ok_or(LocalStatus::Capacity)?;
        let coordinate = endpoints.pair::<P>(&tag).map_err(super::requests::refused)?;
        // Where it is new, the peer's sessions have not been among those to which a change may be due.
        let mut next = self.first_with(&peer);
        while let Some(session) = next {
            let Some(entry) = self.sessions.at(session) else { break };
            next = entry.peer_next.checked_sub(1);
            if entry.agent == agent {
                self.touch(session);
            }
        }
        Ok(Done::Coordinate(Digest(coordinate.0)))
    }

    /// The endpoint of an exclusive session ends with it.
    pub(in crate::erp::entity) fn end_exclusive(&mut self, agent: u32, place: u32) {
        let coordinate = self.shared.at_mut(place).and_then(|shared| shared.exclusive.take());
        if let Some(coordinate) = coordinate
            && let Some(mut endpoints) = self.endpoints_of(agent)
        {
            endpoints.erase(&coordinate);
        }
    }

    /// The same of a session that another host had, and that has no place here.
    pub(in crate::erp::entity) fn erase_exclusive(
        &mut self,
        agent: u32,
        peer: &Eid,
        role: Role,
        cookies: (Cookie, Cookie),
    ) {
        let Some(own) = self.agents.at(agent).map(crate::erp::agent::AgentSlot::eid) else { return };
        let tag = tag_of_session::<P>(&own, peer, role, cookies);
        if let Some(mut endpoints) = self.endpoints_of(agent) {
            endpoints.erase(&Coordinate::of::<P>(&own, &tag));
        }
    }

    /// A session goes on for an older one: what that has granted and followed is granted and followed here, as soon as a
    /// contract is effective.
    // keeps: IACP-147 (§6.4.4)
    pub(in crate::erp::entity) fn carry_shared(&mut self, now: Mono, older: u32, newer: u32) {
        let place = |slot| self.sessions.at(slot).and_then(|entry| entry.shared.checked_sub(1));
        let (Some(from), Some(to)) = (place(older), place(newer)) else { return };
        self.pair_up(newer);
        let Some((before, shared)) = self.shared.two(from, to) else { return };
        shared.rights.carry(now, &before.rights);
        let followed = before.points.iter().filter(|point| (point.followed || point.carried) && !point.pair);
        for coordinate in followed.filter_map(|point| point.coordinate) {
            if let Some(point) = shared.point(coordinate) {
                point.carried = !point.followed;
            }
        }
        self.settle_shared(newer);
    }

    /// The peer knows nothing of the older session's line: a new one takes nothing over.
    pub(in crate::erp::entity) fn forget_carried(&mut self, slot: u32) {
        let Some(shared) = self.shared_mut(slot) else { return };
        shared.rights.forget_carried();
        shared.points.iter_mut().for_each(|point| point.carried = false);
    }

    /// GRANT once more, in the session that goes on.
    pub(super) fn grant_again(
        &mut self,
        now: Mono,
        (agent, slot, place): (u32, u32, u32),
        (coordinate, rights, seconds): (Coordinate, u16, u32),
    ) -> Result<(), SendError> {
        let Some((tag, length)) = self.tag_of(agent, &coordinate).filter(|_| !self.is_exclusive(slot)) else {
            // It has ended in the meantime, or the session is for other things.
            if let Some(shared) = self.shared.at_mut(place) {
                shared.rights.revoke(&coordinate);
            }
            return Ok(());
        };
        let op = Op::Grant { rights, seconds, tag: tag.get(..length).unwrap_or_default() };
        let contract = Contract { coordinate, op };
        let entry = self.sessions.at_mut(slot).ok_or(SendError::NotNow)?;
        let peer = entry.session.peer();
        entry
            .session
            .send_with(now, ContentKind::Sfc, GRANT.saturating_add(length), |room| _ = contract.write(room))?;
        let trusted = self.trusts(agent, &coordinate, &peer);
        if let Some(shared) = self.shared.at_mut(place) {
            shared.rights.regranted(&coordinate);
            shared.rights.trust(&coordinate, trusted);
        }
        Ok(())
    }

    /// A copy of an own endpoint's tag, and its length.
    pub(super) fn tag_of(&self, agent: u32, coordinate: &Coordinate) -> Option<([u8; TAG], usize)> {
        let endpoint = self.endpoint_of(agent, &Digest(coordinate.0))?;
        let mut tag = [0; TAG];
        tag.iter_mut().zip(endpoint.tag()).for_each(|(to, from)| *to = *from);
        Some((tag, endpoint.tag().len()))
    }
}
