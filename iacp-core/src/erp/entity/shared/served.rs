//! What a peer says about endpoints: values and keys of its own, and what it wants of ours.

use iacp_wire::Digest;

use super::super::LlEntity;
use super::super::event::HostEvent;
use super::table::Pending;
use crate::crypto::Provider;
use crate::erp::local::{AgentEvent, LocalStatus};
use crate::pss::shared::frame::{Contract, GroupKey, Op, Status, Update};
use crate::pss::shared::right::Served;
use crate::pss::shared::{Coordinate, Endpoints, Reach};
use crate::pss::{Capabilities, ContentKind, Violation};
use crate::time::Mono;

/// Where the value begins in a content of kinds 1 and 4.
const VALUE_AT: usize = 44;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// A frame of kind 1, 2 or 4 in a session that carries endpoints, and what the agent is told of it.
    pub(in crate::erp::entity) fn on_shared<'d>(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        (kind, sequence, reach): (ContentKind, u64, Reach),
        content: &'d mut [u8],
    ) -> HostEvent<'d> {
        let Some((eid, channel)) = self.agents.at(agent).map(|context| (context.eid(), context.channel)) else {
            return HostEvent::Taken;
        };
        // What the peer says may come before this side has said anything.
        self.pair_up(slot);
        // After a REWIND frames come again: an op is served once.
        let holds = self.sessions.at(slot).is_some_and(|entry| entry.session.holds());
        if holds && !self.shared_mut(slot).is_some_and(|shared| shared.is_first(sequence)) {
            return HostEvent::Taken;
        }
        let told = match kind {
            ContentKind::EseUpdate => self.on_update(now, slot, sequence, content),
            ContentKind::Dgk => self.on_key(now, slot, sequence, content).map(|()| None),
            ContentKind::Sfc => self.on_contract(now, (agent, slot), (sequence, reach), content),
            ContentKind::PathReport => self.on_report(slot, content).map(Some).ok_or(Malformed),
            ContentKind::Anml | ContentKind::Resume => Ok(None),
        };
        match told {
            Ok(Some(event)) => HostEvent::Agent { eid, channel, session: self.sessions.handle(slot), event },
            Ok(None) => HostEvent::Taken,
            Err(Malformed) => self.violated(now, agent, slot, Violation::Kind(kind.code())),
        }
    }

    /// Kinds 2 and 4 are about a contract: without one they have no meaning.
    fn has_contract(&self, slot: u32) -> bool {
        self.sessions.at(slot).is_some_and(|entry| entry.session.capabilities().contains(Capabilities::SFC))
    }

    fn on_update<'d>(
        &mut self,
        now: Mono,
        slot: u32,
        sequence: u64,
        content: &'d mut [u8],
    ) -> Result<Option<AgentEvent<'d>>, Malformed> {
        let update = Update::read(content).map_err(|_| Malformed)?;
        let (at, version, sealed, gone) = (update.coordinate, update.version, update.sealed, update.value.is_none());
        let coordinate = Digest(at.0);
        let Some(shared) = self.shared_mut(slot) else { return Ok(None) };
        // An end may come before the GRANT that it is about: it is noted, so that the GRANT counts no more.
        let point = if gone { shared.point(at) } else { shared.known(&at) };
        let Some(point) = point else { return Ok(None) };
        if gone {
            let idle = point.is_idle();
            // One that comes again behind a newer GRANT ends no more than the values before it: their versions begin anew.
            let before = point.granted && point.above.is_some_and(|above| sequence < above);
            let news = point.seen.gone(sequence) && !before;
            // Values that came in between are asked for again.
            point.again |= before && point.followed;
            if news {
                point.keys = crate::pss::shared::group_key::Membership::new();
                (point.granted, point.followed, point.again) = (false, false, false);
                point.above = point.above.max(Some(sequence));
            }
            return Ok((news && !idle).then_some(AgentEvent::Gone { coordinate }));
        }
        // Values of endpoints that nothing was granted or asked of are not taken.
        if point.is_idle() {
            return Ok(None);
        }
        let again = point.asked && version == point.seen.version();
        if !again && !point.seen.is_news(sequence, version) {
            return Ok(None);
        }
        let value = content.get_mut(VALUE_AT..).unwrap_or_default();
        let value: &'d [u8] = if sealed {
            // One whose key has not come yet is asked for again with the key.
            match point.keys.open::<P>(now, &at, version, value) {
                Ok(value) => value,
                Err(_) => return Ok(None),
            }
        } else {
            value
        };
        point.asked = false;
        point.seen.take(sequence, version);
        Ok(Some(AgentEvent::Value { coordinate, version, value }))
    }

    /// The key of a group's epoch, or that this side is out. It comes inside the owner's own session, or not at all.
    fn on_key(&mut self, now: Mono, slot: u32, sequence: u64, content: &mut [u8]) -> Result<(), Malformed> {
        let meant = self.has_contract(slot);
        let taken = match GroupKey::read(content) {
            Ok(key) if meant => {
                // It may come before the GRANT that it follows, and after the GONE that follows it.
                if let Some(point) = self.shared_mut(slot).and_then(|shared| shared.point(key.coordinate))
                    && !point.seen.is_over(sequence)
                {
                    let first = !point.keys.is_member();
                    let missed = point.keys.take(now, &key);
                    point.again |= point.followed && point.keys.is_member() && (first || missed);
                }
                Ok(())
            }
            _ => Err(Malformed),
        };
        GroupKey::wipe(content);
        taken
    }

    fn on_contract<'d>(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        (sequence, reach): (u64, Reach),
        content: &'d mut [u8],
    ) -> Result<Option<AgentEvent<'d>>, Malformed> {
        let content: &'d [u8] = content;
        let contract = Contract::read(content).map_err(|_| Malformed)?;
        if !self.has_contract(slot) {
            return Err(Malformed);
        }
        let coordinate = Digest(contract.coordinate.0);
        let Some(peer) = self.sessions.at(slot).map(|entry| entry.session.peer()) else { return Ok(None) };
        match contract.op {
            Op::Grant { rights, seconds, tag } => {
                if Coordinate::of::<P>(&peer, tag) != contract.coordinate || self.is_exclusive(slot) {
                    return Err(Malformed);
                }
                // Without a place its values could not be followed, so the agent is not told of it.
                let news = self.granted(slot, contract.coordinate, sequence, true);
                Ok(news.then_some(AgentEvent::Granted { coordinate, rights, seconds, tag }))
            }
            Op::Revoke => {
                let news = self.granted(slot, contract.coordinate, sequence, false);
                Ok(news.then_some(AgentEvent::Granted { coordinate, rights: 0, seconds: 0, tag: &[] }))
            }
            Op::Result { request, status, .. } => {
                let Some(shared) = self.shared_mut(slot) else { return Ok(None) };
                // What nothing has asked for is not told.
                let Some(place) = shared.requests.iter_mut().find(|place| **place == Some(request)) else {
                    return Ok(None);
                };
                *place = None;
                if status != 0
                    && let Some(point) = shared.known(&contract.coordinate)
                {
                    point.asked = false;
                }
                let status = match status {
                    0 => Ok(()),
                    code => Err(LocalStatus::from_code(code).unwrap_or(LocalStatus::Refused)),
                };
                Ok(Some(AgentEvent::Result { request, status }))
            }
            Op::Write { value, .. } => {
                let changed = self.serve(now, (agent, slot), (sequence, reach), &contract);
                Ok(changed.map(|version| AgentEvent::Value { coordinate, version, value }))
            }
            Op::Subscribe { .. } | Op::Unsubscribe | Op::Read { .. } => {
                self.serve(now, (agent, slot), (sequence, reach), &contract);
                Ok(None)
            }
        }
    }

    /// The peer has granted something, or taken it back. Returns whether it is news: frames may come out of order.
    fn granted(&mut self, slot: u32, coordinate: Coordinate, sequence: u64, granted: bool) -> bool {
        let Some(shared) = self.shared_mut(slot) else { return false };
        // A REVOKE may come before the GRANT that it takes back: it is noted, so that the GRANT counts no more.
        let point = shared.point(coordinate);
        let Some(point) = point.filter(|point| point.above.is_none_or(|above| sequence > above)) else { return false };
        let told = granted || !point.is_idle();
        (point.granted, point.above) = (granted, Some(sequence));
        point.followed &= granted;
        if core::mem::take(&mut point.carried) && granted {
            (point.followed, point.again) = (true, true);
        }
        told
    }

    /// An op of the peer's on an endpoint of this agent. Returns the new version, if the endpoint has changed.
    // keeps: IACP-168 (§8.6)
    fn serve(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        (sequence, reach): (u64, Reach),
        contract: &Contract<'_>,
    ) -> Option<u64> {
        let home = self.home_reach(slot);
        let place = self.sessions.at(slot)?.shared.checked_sub(1)?;
        let owner = self.agents.at(agent)?.eid();
        let range = super::share(self.endpoints.len(), self.agents.capacity(), agent)?;
        let Self { endpoints, shared, .. } = self;
        let mut endpoints = Endpoints::over(owner, endpoints.get_mut(range)?);
        let shared = shared.at_mut(place)?;
        let coordinate = contract.coordinate;
        let owed = |request, status, version, value| Some(Pending { coordinate, request, status, version, value });
        let (pending, changed) = match shared.rights.serve(now, sequence, (reach, home), contract, &mut endpoints) {
            Served::Nothing | Served::NotOurs => (None, None),
            Served::Result { request, status, version } => (owed(request, status, version, false), None),
            Served::Value { request, version } => (owed(request, Status::Ok, version, true), None),
            Served::Changed { request, version } => (owed(request, Status::Ok, version, false), Some(version)),
        };
        // A peer that has more under way than it may gets no answer to what is over.
        if let Some(pending) = pending
            && let Some(free) = shared.answers.iter_mut().find(|answer| answer.is_none())
        {
            *free = Some(pending);
        }
        if changed.is_some() {
            self.endpoint_changed(agent, &coordinate);
        }
        self.touch(slot);
        changed
    }
}

/// The content has no meaning: its session ends.
struct Malformed;
