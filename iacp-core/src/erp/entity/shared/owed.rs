//! What a session owes its peer about endpoints, sealed as far as window and log take it.

use super::super::LlEntity;
use super::super::parts::ENDPOINTS;
use super::table::Pending;
use crate::crypto::Provider;
use crate::pss::shared::frame::{Contract, GroupKey, Op, Status, Update};
use crate::pss::shared::right::Due;
use crate::pss::shared::{Coordinate, Endpoints, Reach};
use crate::pss::{ContentKind, SendError};
use crate::time::Mono;

/// No more frames about endpoints are sealed in one step.
const STEP: usize = 16;
/// kind 4 without a value, and kind 1 and 2 without one.
const CONTRACT: usize = 52;
pub(super) const GRANT: usize = 44;
const READING: usize = 44;
const WITHOUT: usize = 44;
const OUT: usize = 48;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Seals keys, answers, then the newest values.
    pub(in crate::erp::entity) fn share(&mut self, now: Mono, slot: u32) {
        let Some(entry) = self.sessions.at(slot) else { return };
        if !ENDPOINTS || entry.shared == 0 || !entry.session.is_ready() || entry.finished || !self.line_is_open(slot) {
            return;
        }
        if !self.has_endpoints(slot) {
            // It was offered, and not agreed.
            self.end_shared(slot);
            return;
        }
        self.pair_up(slot);
        self.settle_shared(slot);
        for _ in 0..STEP {
            if !self.sessions.at_mut(slot).is_some_and(|entry| entry.may_seal(now)) {
                return;
            }
            if !self.share_one(now, slot).unwrap_or(false) {
                return;
            }
            if let Some(entry) = self.sessions.at_mut(slot) {
                entry.has_sealed(now);
            }
        }
        self.sessions_out.push(&mut self.sessions, slot);
    }

    /// `Some(true)` if something was sealed.
    fn share_one(&mut self, now: Mono, slot: u32) -> Option<bool> {
        let entry = self.sessions.at(slot)?;
        let (agent, place) = (entry.agent, entry.shared.checked_sub(1)?);
        if entry.session.contract().is_some()
            && let Some(carried) = self.shared.at_mut(place).and_then(|shared| shared.rights.to_regrant(now))
        {
            return Some(self.grant_again(now, (agent, slot, place), carried).is_ok());
        }
        let due = self.owed(now, agent, place, self.home_reach(slot));
        match due {
            // A GRANT of what has ended may still wait there: the end goes behind it.
            Some(Due::Gone(_)) if self.sessions.at(slot).is_some_and(|entry| !entry.fifo.is_empty()) => {
                return Some(false);
            }
            Some(Due::Key(at)) => return Some(self.seal_key(now, (agent, slot, place), at, true).is_ok()),
            Some(Due::Out(at)) => return Some(self.seal_key(now, (agent, slot, place), at, false).is_ok()),
            Some(Due::Gone(coordinate)) => {
                let update = Update { coordinate, version: 0, value: None, sealed: false };
                let entry = self.sessions.at_mut(slot)?;
                let sealed =
                    entry.session.send_with(now, ContentKind::EseUpdate, WITHOUT, |room| _ = update.write(room));
                if sealed.is_ok() {
                    self.shared.at_mut(place)?.rights.sent(Due::Gone(coordinate), 0);
                }
                return Some(sealed.is_ok());
            }
            Some(Due::Value(_)) | None => {}
        }
        let shared = self.shared.at(place)?;
        if let Some(at) = shared.answers.iter().position(Option::is_some) {
            let pending = (*shared.answers.get(at)?)?;
            return Some(self.answer(now, (agent, slot, place), at, pending).is_ok());
        }
        if let Some(point) = shared.points.iter().position(|point| point.again) {
            return Some(self.subscribe_again(now, slot, place, point).is_ok());
        }
        let Some(Due::Value(coordinate)) = due else { return Some(false) };
        let sealed = self.seal_value(now, (agent, slot), coordinate);
        if let Ok(Some(version)) = sealed {
            self.shared.at_mut(place)?.rights.sent(Due::Value(coordinate), version);
        }
        Some(matches!(sealed, Ok(Some(_))))
    }

    fn owed(&mut self, now: Mono, agent: u32, place: u32, home: Reach) -> Option<Due> {
        let owner = self.agents.at(agent)?.eid();
        let range = super::share(self.endpoints.len(), self.agents.capacity(), agent)?;
        let Self { endpoints, shared, .. } = self;
        let endpoints = Endpoints::over(owner, endpoints.get_mut(range)?);
        shared.at(place)?.rights.update(now, home, &endpoints)
    }

    /// KEY, or OUT.
    fn seal_key(
        &mut self,
        now: Mono,
        (agent, slot, place): (u32, u32, u32),
        at: Coordinate,
        key: bool,
    ) -> Result<(), SendError> {
        let endpoint = self.endpoint_of(agent, &iacp_wire::Digest(at.0)).ok_or(SendError::NotNow)?;
        let group = endpoint.group().ok_or(SendError::NotNow)?;
        let Self { sessions, groups, shared, .. } = self;
        let (Some(entry), Some(group), Some(shared)) =
            (sessions.at_mut(slot), groups.at_mut(group), shared.at_mut(place))
        else {
            return Err(SendError::NotNow);
        };
        let group = &mut group.group;
        if key {
            // A member's contract may want its keys to change more often.
            group.shorten(entry.session.contract().map_or(0, |terms| terms.dgk_rotation));
            let content = |room: &mut [u8]| _ = group.write_key(room);
            entry.session.send_with(now, ContentKind::Dgk, GroupKey::LEN, content)?;
            shared.rights.sent(Due::Key(at), group.epoch());
            self.groups_due(agent);
            // From now on the right to it has an end that matters.
            self.settle_shared(slot);
        } else {
            entry.session.send_with(now, ContentKind::Dgk, OUT, |room| _ = group.write_out(room))?;
            shared.rights.sent(Due::Out(at), group.epoch());
        }
        Ok(())
    }

    /// The answer to a READ or a WRITE: the value, if one was asked for, and RESULT.
    fn answer(
        &mut self,
        now: Mono,
        (agent, slot, place): (u32, u32, u32),
        at: usize,
        mut pending: Pending,
    ) -> Result<(), SendError> {
        if pending.value {
            pending.value = false;
            if self.seal_value(now, (agent, slot), pending.coordinate)?.is_none() {
                // It has ended, or the right to it has, since it was asked for.
                (pending.status, pending.version) = (Status::NoAccess, 0);
            }
            if let Some(kept) = self.shared.at_mut(place).and_then(|shared| shared.answers.get_mut(at)) {
                *kept = Some(pending);
            }
        }
        let op = Op::Result { request: pending.request, status: pending.status as u16, version: pending.version };
        let contract = Contract { coordinate: pending.coordinate, op };
        let entry = self.sessions.at_mut(slot).ok_or(SendError::NotNow)?;
        entry.session.send_with(now, ContentKind::Sfc, CONTRACT, |room| _ = contract.write(room))?;
        if let Some(kept) = self.shared.at_mut(place).and_then(|shared| shared.answers.get_mut(at)) {
            *kept = None;
        }
        Ok(())
    }

    /// SUBSCRIBE brings again what came before its key.
    fn subscribe_again(&mut self, now: Mono, slot: u32, place: u32, point: usize) -> Result<(), SendError> {
        let Self { sessions, shared, .. } = self;
        let point = shared.at_mut(place).and_then(|shared| shared.points.get_mut(point));
        let (Some(point), Some(entry)) = (point, sessions.at_mut(slot)) else { return Err(SendError::NotNow) };
        let coordinate = point.coordinate.ok_or(SendError::NotNow)?;
        let contract = Contract { coordinate, op: Op::Subscribe { known: point.seen.version() } };
        entry.session.send_with(now, ContentKind::Sfc, READING, |room| _ = contract.write(room))?;
        point.again = false;
        Ok(())
    }

    /// The newest value of an own endpoint. Returns its version; `None` where there is nothing to be sealed for this peer.
    fn seal_value(
        &mut self,
        now: Mono,
        (agent, slot): (u32, u32),
        coordinate: Coordinate,
    ) -> Result<Option<u64>, SendError> {
        let range = super::share(self.endpoints.len(), self.agents.capacity(), agent);
        let Self { sessions, groups, shared, endpoints, .. } = self;
        let endpoints = range.and_then(|range| endpoints.get(range)).unwrap_or_default();
        let found = endpoints.iter().find(|endpoint| endpoint.version() != 0 && endpoint.coordinate() == coordinate);
        let (Some(endpoint), Some(entry)) = (found, sessions.at_mut(slot)) else { return Ok(None) };
        let sealed = endpoint.flags().sealed;
        let value = if sealed {
            if endpoint.epoch() == 0 {
                // The next epoch begins before anything is sealed.
                return Err(SendError::NotNow);
            }
            let shared = entry.shared.checked_sub(1).and_then(|place| shared.at(place));
            if !shared.is_some_and(|shared| shared.rights.holds_key(endpoint)) {
                return Ok(None);
            }
            let group = endpoint.group().and_then(|group| groups.at_mut(group)).ok_or(SendError::NotNow)?;
            match group.group.seal::<P>(endpoint.version(), endpoint.value()) {
                Ok(value) => value,
                Err(_) => return Ok(None),
            }
        } else {
            endpoint.value()
        };
        let update = Update { coordinate, version: endpoint.version(), value: Some(value), sealed };
        entry.session.send_with(now, ContentKind::EseUpdate, WITHOUT + value.len(), |room| _ = update.write(room))?;
        Ok(Some(endpoint.version()))
    }
}
