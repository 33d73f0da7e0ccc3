//! What an agent asks about endpoints.

use iacp_wire::Digest;

use super::super::LlEntity;
use super::super::desk::Done;
use crate::crypto::Provider;
use crate::erp::local::LocalStatus;
use crate::erp::stream::CONTENT;
use crate::pss::ContentKind;
use crate::pss::shared::Coordinate;
use crate::pss::shared::endpoint::EndpointError;
use crate::pss::shared::frame::{Contract, Op, VALUE};
use crate::time::Mono;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// WRITE to an own endpoint: due for every subscriber in this step.
    pub(in crate::erp::entity) fn write_own(
        &mut self,
        agent: u32,
        coordinate: Digest,
        if_version: u64,
        value: &[u8],
    ) -> Result<Done, LocalStatus> {
        let coordinate = Coordinate(coordinate.0);
        let written = match self.endpoints_of(agent) {
            Some(mut endpoints) => endpoints.write(&coordinate, if_version, value),
            None => Err(EndpointError::NotFound),
        };
        written.map_err(refused)?;
        self.endpoint_changed(agent, &coordinate);
        Ok(Done::Ok)
    }

    /// ERASE: the value is wiped, rights to it end, and peers that had some are told.
    pub(in crate::erp::entity) fn erase(&mut self, agent: u32, coordinate: Digest) -> Result<Done, LocalStatus> {
        let coordinate = Coordinate(coordinate.0);
        let endpoint = self.endpoint_of(agent, &Digest(coordinate.0)).ok_or(LocalStatus::NoAccess)?;
        let group = endpoint.group().filter(|_| endpoint.flags().sealed);
        if let Some(handle) = group.and_then(|group| self.groups.handle(group)) {
            self.groups.release(handle);
        }
        if let Some(mut endpoints) = self.endpoints_of(agent) {
            endpoints.erase(&coordinate);
        }
        self.groups_due(agent);
        let mut next = self.agents.at(agent).and_then(|context| context.granting.first());
        while let Some(shared) = next.and_then(|place| self.shared.at_mut(place)) {
            let (session, concerned) = (shared.session, shared.rights.concerns(&coordinate));
            next = shared.granting.next();
            if concerned {
                shared.rights.erased(&coordinate);
                self.touch(session);
            }
        }
        Ok(Done::Ok)
    }

    /// GRANT: rights to an own endpoint, under the session's effective contract; none takes them back.
    // keeps: IACP-147 (§6.4.4)
    pub(in crate::erp::entity) fn grant(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        coordinate: Digest,
        (rights, seconds): (u16, u32),
    ) -> Result<Done, LocalStatus> {
        let endpoint = self.endpoint_of(agent, &coordinate).ok_or(LocalStatus::NoAccess)?;
        // What belongs to a pair is granted to no others, and an exclusive session has nothing else.
        if endpoint.is_of_pair() || self.is_exclusive(slot) {
            return Err(LocalStatus::Refused);
        }
        self.carries(slot)?;
        let coordinate = Coordinate(coordinate.0);
        let (tag, length) = self.tag_of(agent, &coordinate).ok_or(LocalStatus::NoAccess)?;
        let tag = tag.get(..length).unwrap_or_default();
        let shared = self.shared_mut(slot).ok_or(LocalStatus::NotNow)?;
        let op = if rights == 0 {
            if !shared.rights.has(&coordinate) {
                return Ok(Done::Ok);
            }
            Op::Revoke
        } else {
            if !shared.rights.has_place(&coordinate) {
                return Err(LocalStatus::Capacity);
            }
            if shared.rights.owes_end(&coordinate) {
                return Err(LocalStatus::NotNow);
            }
            Op::Grant { rights, seconds, tag }
        };
        self.ask_peer_about(now, (agent, slot), coordinate, op)?;
        let Some(peer) = self.sessions.at(slot).map(|entry| entry.session.peer()) else {
            return Err(LocalStatus::NoSession);
        };
        let trusted = self.trusts(agent, &coordinate, &peer);
        if let Some(shared) = self.shared_mut(slot) {
            // There is a place, as was seen above.
            let _ = shared.rights.grant(now, coordinate, rights, seconds);
            shared.rights.trust(&coordinate, trusted);
        }
        self.touch(slot);
        Ok(Done::Ok)
    }

    /// SUBSCRIBE: each change of a peer's endpoint, or no more of them.
    pub(in crate::erp::entity) fn subscribe(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        coordinate: Digest,
        on: bool,
    ) -> Result<Done, LocalStatus> {
        self.carries(slot)?;
        let coordinate = Coordinate(coordinate.0);
        let point = self.shared_mut(slot).and_then(|shared| shared.point(coordinate));
        let known = point.ok_or(LocalStatus::Capacity)?.seen.version();
        let op = if on { Op::Subscribe { known } } else { Op::Unsubscribe };
        self.ask_peer_about(now, (agent, slot), coordinate, op)?;
        if let Some(point) = self.shared_mut(slot).and_then(|shared| shared.known(&coordinate)) {
            (point.followed, point.again) = (on, false);
        }
        Ok(Done::Ok)
    }

    /// READ of a peer's endpoint: VALUE and RESULT come with the peer's answer.
    pub(in crate::erp::entity) fn read_peer(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        request: u32,
        coordinate: Digest,
    ) -> Result<Done, LocalStatus> {
        self.carries(slot)?;
        let coordinate = Coordinate(coordinate.0);
        let place = self.shared_mut(slot).and_then(|shared| shared.point(coordinate)).is_some();
        if !place {
            return Err(LocalStatus::Capacity);
        }
        self.request(now, (agent, slot), request, coordinate, Op::Read { request })?;
        if let Some(point) = self.shared_mut(slot).and_then(|shared| shared.known(&coordinate)) {
            point.asked = true;
        }
        Ok(Done::Later)
    }

    /// WRITE to a peer's endpoint: RESULT comes with the peer's answer.
    pub(in crate::erp::entity) fn write_peer(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        request: u32,
        coordinate: Digest,
        (if_version, value): (u64, &[u8]),
    ) -> Result<Done, LocalStatus> {
        self.carries(slot)?;
        if value.len() > VALUE {
            return Err(LocalStatus::TooLong);
        }
        let op = Op::Write { request, if_version, value };
        self.request(now, (agent, slot), request, Coordinate(coordinate.0), op)?;
        Ok(Done::Later)
    }

    /// An op that is answered; a session has a limited number of them under way.
    fn request(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        request: u32,
        coordinate: Coordinate,
        op: Op<'_>,
    ) -> Result<(), LocalStatus> {
        let free = self.shared_mut(slot).is_some_and(|shared| shared.requests.contains(&None));
        if !free {
            return Err(LocalStatus::Capacity);
        }
        self.ask_peer_about(now, (agent, slot), coordinate, op)?;
        let place = self.shared_mut(slot).and_then(|shared| shared.requests.iter_mut().find(|place| place.is_none()));
        if let Some(place) = place {
            *place = Some(request);
        }
        Ok(())
    }

    /// Whether this session lives, carries endpoints, and has an effective contract: without one nothing is granted.
    fn carries(&mut self, slot: u32) -> Result<(), LocalStatus> {
        let entry = self.sessions.at(slot).ok_or(LocalStatus::NoSession)?;
        if entry.finished || entry.close.is_some() || entry.session.closure().is_some() {
            return Err(LocalStatus::Finished);
        }
        if entry.session.contract().is_none() || !self.has_endpoints(slot) {
            return Err(LocalStatus::NotNow);
        }
        // The endpoints of the pair have the first places.
        self.pair_up(slot);
        Ok(())
    }

    /// Kind 4 goes the way of items: sealed now, or in its turn.
    fn ask_peer_about(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        coordinate: Coordinate,
        op: Op<'_>,
    ) -> Result<(), LocalStatus> {
        let mut content = [0; CONTENT];
        let length = Contract { coordinate, op }.write(&mut content).ok_or(LocalStatus::TooLong)?;
        let put = self.put(now, (agent, slot), (ContentKind::Sfc, false), content.get(..length).unwrap_or_default());
        zeroize::Zeroize::zeroize(&mut content);
        put?;
        self.touch(slot);
        Ok(())
    }
}

pub(super) const fn refused(error: EndpointError) -> LocalStatus {
    match error {
        EndpointError::Capacity => LocalStatus::Capacity,
        EndpointError::Tag | EndpointError::Exists => LocalStatus::Refused,
        EndpointError::NotFound => LocalStatus::NoAccess,
        EndpointError::TooLong => LocalStatus::TooLong,
        EndpointError::Version => LocalStatus::Version,
    }
}
