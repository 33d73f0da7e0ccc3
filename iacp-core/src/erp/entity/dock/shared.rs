//! Endpoints, rights and members of groups move with their agent.

use iacp_wire::Digest;
use zerocopy::{FromBytes, IntoBytes};

use super::super::LlEntity;
use crate::crypto::{Provider, Suite};
use crate::erp::dock::{
    DockError, EndpointHead, EndpointRecord, Exporter, Imported, Member, RECORD, Record, RecordType, Right,
    SessionRecord,
};
use crate::pss::shared::endpoint::EndpointFlags;
use crate::pss::shared::right::Granted;
use crate::pss::shared::{Coordinate, EndpointSlot};
use crate::pss::{Capabilities, Role};
use crate::time::Mono;

/// The number of records, and their length in the blob.
#[derive(Clone, Copy, Default)]
pub(super) struct Measure {
    pub(super) records: u32,
    pub(super) bytes: usize,
}

impl Measure {
    fn add(&mut self, records: usize, length: usize) {
        // There are at most 64 endpoints, 64 members of each, and nine rights each way in a session.
        self.records = self.records.saturating_add(u32::try_from(records).unwrap_or(u32::MAX));
        self.bytes = self.bytes.saturating_add(records.saturating_mul(length.saturating_add(RECORD)));
    }
}

fn endpoint_len(endpoint: &EndpointSlot) -> usize {
    EndpointHead::LEN.saturating_add(endpoint.tag().len()).saturating_add(endpoint.value().len())
}

fn write_endpoint(endpoint: &EndpointSlot, rotation: u32, epoch: u64, out: &mut [u8]) -> Option<()> {
    let (head, rest) = EndpointHead::mut_from_prefix(out).ok()?;
    let flags = endpoint.flags();
    head.as_mut_bytes().fill(0);
    head.flags = u8::from(flags.global) | u8::from(flags.bridged) << 1 | u8::from(flags.sealed) << 2;
    head.tag_length = u8::try_from(endpoint.tag().len()).ok()?;
    (head.rotation, head.version, head.epoch) = (rotation.into(), endpoint.version().into(), epoch.into());
    let fields = endpoint.tag().iter().chain(endpoint.value());
    rest.iter_mut().zip(fields).for_each(|(to, from)| *to = *from);
    Some(())
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// What moves of an agent's endpoints, of their groups, and of the rights in its sessions that move.
    pub(super) fn measure_shared(&self, agent: u32) -> Measure {
        let mut measure = Measure::default();
        for endpoint in self.own_endpoints(agent).filter(|endpoint| self.moves(agent, endpoint)) {
            measure.add(1, endpoint_len(endpoint));
            let group = endpoint.group().and_then(|group| self.groups.at(group));
            measure.add(group.map_or(0, |slot| slot.group.members().count()), Member::LEN);
        }
        let mut next = self.first_session(agent);
        while let Some(session) = next {
            next = self.sessions.at(session).and_then(|entry| entry.next.checked_sub(1));
            if let Some(shared) = self.shared_of(session)
                && self.moving(self.clock, session).is_some()
            {
                let rights = shared.rights.granted(self.clock).count().saturating_add(shared.granted_to_us().count());
                measure.add(rights, Right::LEN);
            }
        }
        measure
    }

    /// Whether an endpoint moves: that of an exclusive session moves with its session only.
    fn moves(&self, agent: u32, endpoint: &EndpointSlot) -> bool {
        let mut next = self.first_session(agent);
        while let Some(session) = next {
            next = self.sessions.at(session).and_then(|entry| entry.next.checked_sub(1));
            let its = self.shared_of(session).and_then(|shared| shared.exclusive);
            if its == Some(endpoint.coordinate()) && self.moving(self.clock, session).is_none() {
                return false;
            }
        }
        true
    }

    /// Seals all of it, and wipes each endpoint in the step that seals it. Returns how many bytes of the blob it is.
    pub(super) fn seal_shared(&mut self, agent: u32, exporter: &mut Exporter<P>, out: &mut [u8]) -> usize {
        self.end_what_stays(agent);
        let mut length = self.seal_rights(agent, exporter, out);
        let Some(range) = self.endpoints_share(agent) else { return length };
        let Self { endpoints, groups, .. } = self;
        for endpoint in endpoints.get_mut(range).into_iter().flatten().filter(|endpoint| endpoint.version() != 0) {
            let group = endpoint.group().and_then(|group| groups.at(group)).map(|slot| &slot.group);
            // An epoch that has ended is followed by the importing host's first one all the same.
            let (rotation, epoch) = group.map_or((0, 0), |group| (group.rotation(), group.epoch().max(1)));
            let (coordinate, whole) = (Digest(endpoint.coordinate().0), endpoint_len(endpoint));
            let room = out.get_mut(length..).unwrap_or_default();
            let write = |text: &mut [u8]| write_endpoint(endpoint, rotation, epoch, text);
            length = length.saturating_add(exporter.seal_with(RecordType::Endpoint, whole, room, write).unwrap_or(0));
            for eid in group.into_iter().flat_map(|group| group.members()) {
                let room = out.get_mut(length..).unwrap_or_default();
                let sealed = exporter.seal_with(RecordType::Member, Member::LEN, room, |text| {
                    let record = Member::mut_from_bytes(text).ok()?;
                    (record.coordinate, record.eid) = (coordinate, *eid);
                    Some(())
                });
                length = length.saturating_add(sealed.unwrap_or(0));
            }
            super::super::shared::release_group(groups, endpoint);
            zeroize::Zeroize::zeroize(endpoint);
        }
        length
    }

    /// The endpoints of exclusive sessions that do not move end here with them.
    fn end_what_stays(&mut self, agent: u32) {
        let mut next = self.first_session(agent);
        while let Some(session) = next {
            let Some(entry) = self.sessions.at(session) else { break };
            next = entry.next.checked_sub(1);
            if let Some(place) = entry.shared.checked_sub(1)
                && self.moving(self.clock, session).is_none()
            {
                self.end_exclusive(agent, place);
            }
        }
    }

    /// What the peers of sessions that move may do with own endpoints, and what this agent may do with theirs.
    fn seal_rights(&mut self, agent: u32, exporter: &mut Exporter<P>, out: &mut [u8]) -> usize {
        let (now, mut length) = (self.clock, 0_usize);
        let mut next = self.first_session(agent);
        while let Some(session) = next {
            next = self.sessions.at(session).and_then(|entry| entry.next.checked_sub(1));
            if self.moving(now, session).is_none() {
                continue;
            }
            let (Some(entry), Some(shared)) = (self.sessions.at(session), self.shared_of(session)) else { continue };
            let cookies = entry.session.cookies();
            let ours = shared.rights.granted(now).map(|granted| (1, granted));
            let theirs = shared.granted_to_us().map(|granted| (0, granted));
            for (ours, granted) in ours.chain(theirs) {
                let room = out.get_mut(length..).unwrap_or_default();
                let sealed = exporter.seal_with(RecordType::Right, Right::LEN, room, |text| {
                    let record = Right::mut_from_bytes(text).ok()?;
                    (record.initiator_cookie, record.responder_cookie) = cookies;
                    (record.coordinate, record.rights) = (Digest(granted.coordinate.0), granted.rights.into());
                    (record.ours, record.subscribed) = (ours, u8::from(granted.subscribed));
                    (record.seconds, record.known_version) = (granted.seconds.into(), granted.version.into());
                    Some(())
                });
                length = length.saturating_add(sealed.unwrap_or(0));
            }
        }
        length
    }

    /// Makes the endpoints, groups and rights of a context that has come; its sessions are there. What finds no place here ends: a
    /// peer that may read it is told GONE.
    pub(super) fn import_shared(
        &mut self,
        now: Mono,
        agent: u32,
        imported: &Imported<'_>,
        rng: &mut impl rand_core::CryptoRng,
    ) {
        for record in imported.read() {
            match record {
                Record::Endpoint(record) => _ = self.import_endpoint(now, agent, &record, rng),
                // A member stands behind its endpoint.
                Record::Member(record) => self.import_member(agent, record),
                _ => {}
            }
        }
        // A session that found no place here ends, and its own endpoint with it.
        for record in imported.read() {
            if let Record::Session(SessionRecord { head, .. }) = record
                && Capabilities::from_bits(head.capabilities.get()).contains(Capabilities::EXCLUSIVE)
                && self.session_of((head.initiator_cookie, head.responder_cookie), agent).is_none()
            {
                let role = if head.role == 1 { Role::Initiator } else { Role::Responder };
                self.erase_exclusive(agent, &head.peer, role, (head.initiator_cookie, head.responder_cookie));
            }
        }
        for record in imported.read() {
            if let Record::Right(record) = record {
                self.import_right(now, agent, record);
            }
        }
        self.groups_due(agent);
    }

    fn import_endpoint(
        &mut self,
        now: Mono,
        agent: u32,
        record: &EndpointRecord<'_>,
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<(), DockError> {
        let EndpointRecord { head, tag, value } = record;
        let flags =
            EndpointFlags { global: head.flags & 1 != 0, bridged: head.flags & 2 != 0, sealed: head.flags & 4 != 0 };
        let group = if flags.sealed { Some(self.claim_group(agent).map_err(|_| DockError::Capacity)?) } else { None };
        let entered = self.endpoints_of(agent).ok_or(DockError::Capacity).and_then(|mut endpoints| {
            endpoints.restore::<P>(tag, flags, head.version.get(), value).map_err(|_| DockError::Capacity)
        });
        let coordinate = match entered {
            Ok(coordinate) => coordinate,
            Err(error) => {
                if let Some(group) = group {
                    self.groups.release(group);
                }
                return Err(error);
            }
        };
        let Some(handle) = group else { return Ok(()) };
        let aes = P::SUITES.has(Suite::Aes256Gcm);
        let suite = if aes { Suite::Aes256Gcm } else { Suite::ChaCha20Poly1305 };
        let Some(slot) = self.groups.get_mut(handle) else { return Ok(()) };
        slot.agent = agent;
        // A key of this host's own: what the exporting host may have kept of the old one opens nothing new.
        slot.group.go_on(now, coordinate, suite, head.rotation.get(), head.epoch.get(), rng);
        let epoch = slot.group.epoch();
        if let Some(endpoint) = self.endpoints_of(agent).as_mut().and_then(|all| all.find_mut(&coordinate)) {
            endpoint.set_group(handle.slot());
            endpoint.set_epoch(epoch);
        }
        Ok(())
    }

    fn import_member(&mut self, agent: u32, record: &Member) {
        let group = self.endpoint_of(agent, &record.coordinate).and_then(EndpointSlot::group);
        if let Some(slot) = group.and_then(|group| self.groups.at_mut(group)) {
            let _ = slot.group.trust(record.eid);
        }
    }

    fn import_right(&mut self, now: Mono, agent: u32, record: &Right) {
        let cookies = (record.initiator_cookie, record.responder_cookie);
        let Some(session) = self.session_of(cookies, agent) else { return };
        let Some(peer) = self.sessions.at(session).map(|entry| entry.session.peer()) else { return };
        let coordinate = Coordinate(record.coordinate.0);
        let granted = Granted {
            coordinate,
            rights: record.rights.get(),
            subscribed: record.subscribed == 1,
            seconds: record.seconds.get(),
            version: record.known_version.get(),
        };
        self.pair_up(session);
        let is_here = self.endpoint_of(agent, &record.coordinate).is_some();
        let trusted = self.trusts(agent, &coordinate, &peer);
        let Some(shared) = self.shared_mut(session) else { return };
        if record.ours == 0 {
            shared.grant_to_us(&granted);
        } else {
            shared.rights.go_on(now, &granted, is_here);
            shared.rights.trust(&coordinate, trusted);
        }
        self.touch(session);
    }
}
