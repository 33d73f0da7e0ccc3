//! Degraded Multi-Path Routing: sessions with an accused peer go by three paths (`IACP §4.2.7.3`).

use core::net::SocketAddr;

use iacp_wire::message::PathRelay;
use iacp_wire::{Eid, Frame, HEADER_LEN, Message};

use super::frame::{ROUTING, set_payload};
use super::{HEAD, INSIDE, LlEntity};
use crate::crypto::Provider;
use crate::erp::fields::put;
use crate::erp::local::AgentEvent;
use crate::erp::multipath::{Accounts, PathReport, REPORT, Relay, choose, to_replace};
use crate::erp::stream::Way;
use crate::erp::switch_point::NODES;
use crate::pss::{Capabilities, ContentKind};
use crate::slots::Reset;
use crate::time::Mono;

/// PATH_RELAY in front of an ERP_STREAM.
const RELAY: usize = HEADER_LEN + PathRelay::LEN;

/// One session that goes by three paths: its relays, the copy that is under way, and what came by which path.
pub struct PathSlot {
    /// The responsible nodes of the destination, nearest first. None: frames of this side go by one path.
    nearest: [Option<Relay>; NODES],
    relays: [Option<Relay>; 2],
    /// The ERP_STREAM that was sent last, behind room for a PATH_RELAY; and the paths that it has still to go.
    bytes: [u8; RELAY + HEAD],
    length: usize,
    left: u8,
    pub(super) accounts: Accounts,
    /// The session, and when the newest report of the peer's has replaced a relay.
    owner: u32,
    replaced: Option<Mono>,
    /// A report that the peer is to be sent, and one that the agent is to be told.
    report: Option<PathReport>,
    told: Option<PathReport>,
}

impl PathSlot {
    /// No session.
    pub const EMPTY: Self = Self {
        nearest: [None; NODES],
        relays: [None; 2],
        bytes: [0; RELAY + HEAD],
        length: 0,
        left: 0,
        accounts: Accounts::NONE,
        owner: 0,
        replaced: None,
        report: None,
        told: None,
    };

    /// The copy that is to be sent.
    pub(super) fn copy(&self, length: usize) -> Option<&[u8]> {
        self.bytes.get(..length)
    }

    pub(super) const fn take_told(&mut self) -> Option<PathReport> {
        self.told.take()
    }

    /// Chooses two relays, in two networks, of those that are left.
    fn choose(&mut self) {
        let mut fit = [None; NODES];
        let mut count = 0;
        for (to, relay) in fit.iter_mut().zip(self.nearest.iter().flatten()) {
            *to = Some(*relay);
            count += 1;
        }
        let none = Relay { node: Eid::ZERO, at: INSIDE, network: 0, accused: true, grants: false };
        let fit = fit.map(|relay| relay.unwrap_or(none));
        self.relays = choose(fit.get(..count).unwrap_or_default());
    }

    /// The relay of a path is not used any more, if without it there are as many paths, and no more often than a peer reports: it is
    /// the accused that says which relay fails.
    fn replace(&mut self, now: Mono, path: u8) {
        if self.replaced.is_some_and(|last| now.since(last) < REPORT) {
            return;
        }
        let relay = usize::from(path).checked_sub(2).and_then(|place| self.relays.get(place)).copied().flatten();
        let Some(relay) = relay else { return };
        let (nearest, relays) = (self.nearest, self.relays);
        for other in self.nearest.iter_mut().filter(|other| other.is_some_and(|other| other.node == relay.node)) {
            *other = None;
        }
        self.choose();
        let count = |relays: &[Option<Relay>]| relays.iter().flatten().count();
        if count(&self.relays) < count(&relays) {
            (self.nearest, self.relays) = (nearest, relays);
        } else {
            self.replaced = Some(now);
        }
    }

    /// Whether it was claimed by what came, and not by what this side sends.
    fn is_of_arrivals(&self) -> bool {
        self.nearest.iter().all(Option::is_none)
    }

    /// Whether nothing is left to be counted or told.
    fn is_over(&self, now: Mono) -> bool {
        self.is_of_arrivals() && !self.accounts.are_open(now) && self.report.is_none() && self.told.is_none()
    }
}

impl Reset for PathSlot {
    fn reset(&mut self) {
        (self.nearest, self.relays) = ([None; NODES], [None; 2]);
        (self.length, self.left) = (0, 0);
        (self.owner, self.replaced) = (0, None);
        self.accounts = Accounts::NONE;
        (self.report, self.told) = (None, None);
    }
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// The host has verified an accusation against a peer: from now on every data frame, heartbeat and teardown to it goes
    /// directly and by two relays, out of the responsible nodes of the peer, nearest first. It leaves all groups, and no new
    /// session with it begins. Returns by how many paths its sessions go: fewer than three where relays or tables are few.
    // keeps: IACP-107 (§4.2.7.3)
    pub fn challenge(&mut self, now: Mono, eid: &Eid, nearest: &[Relay]) -> u8 {
        self.clock = self.clock.max(now);
        let Some(slot) = self.peer_entry(eid) else { return 1 };
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.challenged = true;
        }
        self.spread(slot, nearest, |entity, session| entity.set_challenged(session, true))
    }

    /// Sessions with a throttled peer go by three paths from now on, as [`challenge`](Self::challenge) has it for an accused
    /// one; nothing else changes. Call it after [`answer_peer`](Self::answer_peer) has said *throttle*, with the responsible
    /// nodes of the peer, nearest first. Returns by how many paths its sessions go: fewer than three where relays or tables
    /// are few.
    // keeps: IACP-023 (§3.6.2)
    pub fn degrade(&mut self, now: Mono, eid: &Eid, nearest: &[Relay]) -> u8 {
        self.clock = self.clock.max(now);
        let Some(slot) = self.peer_of(eid) else { return 1 };
        self.spread(slot, nearest, |_, _| ())
    }

    /// The sessions with a peer go by these relays too, and `each` is done with each of them.
    fn spread(&mut self, peer: u32, nearest: &[Relay], each: impl Fn(&mut Self, u32)) -> u8 {
        let mut next = self.peers.at(peer).and_then(|peer| peer.sessions.checked_sub(1));
        let mut paths = 1 + u8::try_from(choose(nearest).iter().flatten().count()).unwrap_or(0);
        while let Some(session) = next {
            next = self.sessions.at(session).and_then(|entry| entry.peer_next.checked_sub(1));
            each(self, session);
            let place = match self.claim_paths(session) {
                Some(place) => Some(place),
                None => self.reclaim_paths(session),
            };
            let Some(place) = place else {
                paths = 1;
                continue;
            };
            if let Some(slot) = self.paths.at_mut(place) {
                slot.nearest = [None; NODES];
                slot.nearest.iter_mut().zip(nearest).for_each(|(to, relay)| *to = Some(*relay));
                slot.choose();
            }
        }
        paths
    }

    /// The accusation has lapsed, or the verdict is that it does not hold: everything goes by one path again.
    pub fn clear(&mut self, now: Mono, eid: &Eid) {
        self.clock = self.clock.max(now);
        let Some(peer) = self.peer_of(eid).and_then(|slot| self.peers.at_mut(slot)) else { return };
        peer.challenged = false;
        let mut next = peer.sessions.checked_sub(1);
        while let Some(session) = next {
            let Some(entry) = self.sessions.at(session) else { break };
            next = entry.peer_next.checked_sub(1);
            if let Some(slot) = entry.paths.checked_sub(1).and_then(|place| self.paths.at_mut(place)) {
                (slot.nearest, slot.relays, slot.left) = ([None; NODES], [None; 2], 0);
            }
            self.set_challenged(session, false);
        }
    }

    /// A CHALLENGED peer is not a member of a group.
    fn set_challenged(&mut self, session: u32, challenged: bool) {
        if let Some(shared) = self.sessions.at(session).and_then(|entry| entry.shared.checked_sub(1))
            && let Some(shared) = self.shared.at_mut(shared)
        {
            shared.challenged = challenged;
        }
        self.touch(session);
    }

    /// Whether an accusation stands against an EID.
    pub(super) fn is_challenged(&self, eid: &Eid) -> bool {
        self.peer_of(eid).and_then(|slot| self.peers.at(slot)).is_some_and(|peer| peer.challenged)
    }

    fn claim_paths(&mut self, session: u32) -> Option<u32> {
        if let Some(place) = self.sessions.at(session)?.paths.checked_sub(1) {
            return Some(place);
        }
        let place = self.paths.claim()?.slot();
        self.sessions.at_mut(session)?.paths = place + 1;
        self.paths.at_mut(place)?.owner = session;
        Some(place)
    }

    /// A place for what this side sends, out of those that peers have claimed by what they sent.
    fn reclaim_paths(&mut self, session: u32) -> Option<u32> {
        let mut places = 0..self.paths.capacity();
        let found = places.find_map(|place| self.paths.at(place).filter(|slot| slot.is_of_arrivals()))?;
        self.drop_paths(found.owner);
        self.claim_paths(session)
    }

    pub(super) fn drop_paths(&mut self, session: u32) {
        let Some(entry) = self.sessions.at_mut(session) else { return };
        let Some(place) = core::mem::take(&mut entry.paths).checked_sub(1) else { return };
        if self.copying == Some(place) {
            self.copying = None;
        }
        if let Some(handle) = self.paths.handle(place) {
            self.paths.release(handle);
        }
    }

    /// What goes to a session's home and is not a handshake goes by the relays too: the same bytes.
    // keeps: IACP-107 (§4.2.7.3)
    pub(super) fn keep_copy(&mut self, session: u32, (log, length): (bool, usize), to: SocketAddr, head: &[u8]) {
        let Some(entry) = self.sessions.at(session) else { return };
        let Some(place) = entry.paths.checked_sub(1) else { return };
        let (routing, rest) = head.split_at_checked(ROUTING).unwrap_or_default();
        let body = if log { entry.session.last_data().unwrap_or_default() } else { rest };
        let Some(body) = body.get(..length).filter(|_| to == entry.session.locator() && to != INSIDE) else { return };
        let Some(slot) = self.paths.at_mut(place).filter(|slot| slot.relays.iter().any(Option::is_some)) else {
            return;
        };
        let carried = body.get(..2).is_some_and(is_carried);
        if let Some(room) = slot.bytes.get_mut(RELAY..).filter(|_| carried) {
            put(&[routing, body], room);
            (slot.length, slot.left) = (ROUTING.saturating_add(length), 0b11);
            self.copying = Some(place);
        }
    }

    /// The next copy: where it stands, how long it is, and its relay.
    pub(super) fn next_copy(&mut self) -> Option<(u32, usize, SocketAddr)> {
        let place = self.copying?;
        let Some(slot) = self.paths.at_mut(place) else {
            self.copying = None;
            return None;
        };
        for (path, relay) in (2_u8..).zip(slot.relays) {
            let bit = 1 << (path - 2);
            let Some(relay) = relay.filter(|_| slot.left & bit != 0) else { continue };
            slot.left &= !bit;
            let head = PathRelay { path, reserved: [0; 3] };
            let length = RELAY.saturating_add(slot.length);
            let written = Frame::new(Message::PathRelay { head: &head, inner: &[] }).write(&mut slot.bytes);
            if written.is_ok() {
                set_payload(&mut slot.bytes, length);
                return Some((place, length, relay.at));
            }
        }
        self.copying = None;
        None
    }

    /// An authentic frame came by this path.
    pub(super) fn came_by_path(&mut self, now: Mono, session: u32, (from, way): (SocketAddr, &Way<'_>), sequence: u64) {
        let place = match way {
            Way::Relayed { .. } => self.claim_paths(session),
            Way::Direct | Way::Deflected(_) => self.sessions.at(session).and_then(|entry| entry.paths.checked_sub(1)),
        };
        if let Some(slot) = place.and_then(|place| self.paths.at_mut(place)) {
            slot.accounts.copy(now, way, from, sequence, true);
        }
    }

    /// A frame with the session's cookies did not open.
    pub(super) fn altered(&mut self, now: Mono, session: u32, (from, way): (SocketAddr, &Way<'_>), sequence: u64) {
        let place = self.sessions.at(session).and_then(|entry| entry.paths.checked_sub(1));
        if let Some(slot) = place.and_then(|place| self.paths.at_mut(place)) {
            slot.accounts.altered(now, way, from, sequence);
        }
    }

    /// Missing and altered copies are reported to the agent and to the peer.
    pub(super) fn report_paths(&mut self, now: Mono, session: u32) {
        let Some(entry) = self.sessions.at_mut(session) else { return };
        let Some(slot) = entry.paths.checked_sub(1).and_then(|place| self.paths.at_mut(place)) else { return };
        if slot.report.is_none()
            && let Some(report) = slot.accounts.report(now)
        {
            (slot.report, slot.told) = (Some(report), Some(report));
            self.sessions_news.push(&mut self.sessions, session);
        }
        if slot.is_over(now) {
            self.drop_paths(session);
            return;
        }
        let Some(report) = self.report_of(session) else { return };
        let agreed = |entry: &super::Entry<P, LOG, FRAMES>| {
            entry.session.capabilities().contains(Capabilities::ENDPOINTS) && !entry.finished
        };
        let open = self.line_is_open(session);
        let Some(entry) = self.sessions.at_mut(session).filter(|entry| open && agreed(entry)) else { return };
        let sent = entry.session.send(now, ContentKind::PathReport, &report.to_bytes()).is_ok();
        let place = entry.paths.checked_sub(1);
        if let Some(slot) = place.and_then(|place| self.paths.at_mut(place)).filter(|_| sent) {
            slot.report = None;
        }
    }

    fn report_of(&self, session: u32) -> Option<PathReport> {
        self.paths.at(self.sessions.at(session)?.paths.checked_sub(1)?)?.report
    }

    /// The peer's report: a relay with more faults than each other path is replaced. `None`: it has no meaning.
    pub(super) fn on_report(&mut self, session: u32, content: &[u8]) -> Option<AgentEvent<'static>> {
        let report = PathReport::read(content)?;
        let now = self.clock;
        let place = self.sessions.at(session).and_then(|entry| entry.paths.checked_sub(1));
        if let (Some(slot), Some(path)) = (place.and_then(|place| self.paths.at_mut(place)), to_replace(&report)) {
            slot.replace(now, path);
        }
        Some(AgentEvent::Paths(report))
    }
}

/// Data frames, heartbeats and teardowns: a handshake's cookie proves a direct address.
fn is_carried(first: &[u8]) -> bool {
    use iacp_wire::MessageType;
    let [first, second] = *first else { return false };
    let found = MessageType::from_code(first << 4 | second >> 4);
    matches!(found, Some(MessageType::PssDataStream | MessageType::PssTeardown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accused_strips_no_path_of_its_relay_and_changes_one_in_ten_seconds() {
        let relay = |number: u8| Relay {
            node: Eid([number; 32]),
            at: SocketAddr::from(([198, 51, 100, number], 4_227)),
            network: number.into(),
            accused: false,
            grants: true,
        };
        let mut slot = PathSlot::EMPTY;
        slot.nearest.iter_mut().zip(1..=3).for_each(|(to, number)| *to = Some(relay(number)));
        slot.choose();
        let nodes = |slot: &PathSlot| slot.relays.map(|relay| relay.map_or(0, |relay| relay.node.0[0]));
        assert_eq!(nodes(&slot), [1, 2]);
        slot.replace(Mono(0), 2);
        assert_eq!(nodes(&slot), [2, 3]);
        slot.replace(Mono(REPORT - 1), 2);
        assert_eq!(nodes(&slot), [2, 3], "too early");
        for path in [2, 3, 2] {
            slot.replace(Mono(10 * REPORT), path);
            assert_eq!(nodes(&slot), [2, 3], "there are no others");
        }
    }

    #[test]
    fn a_place_is_over_when_nothing_is_sent_counted_or_told() {
        let relay = SocketAddr::from(([198, 51, 100, 1], 4_227));
        let node = Relay { node: Eid([1; 32]), at: relay, network: 1, accused: false, grants: true };
        let report = Some(PathReport::default());
        type Change = fn(&mut PathSlot, Relay, Option<PathReport>);
        let changes: [(Change, bool); 4] = [
            (|_, _, _| (), true),
            (|slot, node, _| slot.nearest[1] = Some(node), false),
            (|slot, _, report| slot.report = report, false),
            (|slot, _, report| slot.told = report, false),
        ];
        for (case, (change, is_over)) in changes.into_iter().enumerate() {
            let mut slot = PathSlot::EMPTY;
            change(&mut slot, node, report);
            assert_eq!(slot.is_over(Mono(0)), is_over, "case {case}");
            assert_eq!(slot.is_of_arrivals(), case != 1);
        }
        let mut slot = PathSlot::EMPTY;
        slot.accounts.copy(Mono(0), &Way::Relayed { path: 2 }, relay, 5, true);
        assert_eq!([59_999, 60_000].map(|now| slot.is_over(Mono(now))), [false, true], "its accounts are open");
        (slot.told, slot.length) = (report, 9);
        assert_eq!((slot.take_told(), slot.take_told(), slot.copy(3).map(<[u8]>::len)), (report, None, Some(3)));
        assert!(slot.copy(RELAY + HEAD + 1).is_none());
        slot.report = report;
        slot.reset();
        assert!(slot.is_over(Mono(0)) && slot.length == 0);
    }

    #[test]
    fn only_the_paths_by_relays_are_replaced() {
        let relay = |number: u8| Relay {
            node: Eid([number; 32]),
            at: SocketAddr::from(([198, 51, 100, number], 4_227)),
            network: number.into(),
            accused: number == 2,
            grants: number != 3,
        };
        let mut slot = PathSlot::EMPTY;
        slot.nearest.iter_mut().zip([1, 2, 3, 4, 5]).for_each(|(to, number)| *to = Some(relay(number)));
        slot.choose();
        let nodes = |slot: &PathSlot| slot.relays.map(|relay| relay.map_or(0, |relay| relay.node.0[0]));
        assert_eq!(nodes(&slot), [1, 4], "neither accused nor without transit");
        for path in [0, 1, 4] {
            slot.replace(Mono(0), path);
            assert_eq!((nodes(&slot), slot.replaced), ([1, 4], None), "path {path}");
        }
        slot.replace(Mono(0), 3);
        assert_eq!((nodes(&slot), slot.replaced), ([1, 5], Some(Mono(0))));
    }
}
