//! What a peer may have of a listener: sessions, and room for what it sends.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use iacp_core::guard::site;
use iacp_core::pss::TeardownReason;
use iacp_core::time::Mono;

use super::{Entry, Key, SPARE, Server};
use crate::content::parts::Room;
use crate::telling::event::Event;

impl Server<'_> {
    /// Whether a signed frame with a session's cookies is looked at.
    pub(super) fn admits(&mut self, now: Mono, key: Key, from: SocketAddr) -> bool {
        let at_home = self.sessions.get(&key).is_some_and(|entry| entry.session.locator() == from);
        let bucket = if at_home { &mut self.buckets.homes } else { &mut self.buckets.inits };
        bucket.admit(now, from, 1).is_ok()
    }

    /// The part of the store's room that an address has with its neighbours.
    pub(super) fn room(&mut self, from: SocketAddr) -> Rc<Room> {
        self.rooms.of(site(from.ip()))
    }

    /// Whether one more session can be made, at the cost of an older one if need be.
    pub(super) fn has_room(&mut self) -> bool {
        let sessions = &self.sessions;
        while self.strangers.front().is_some_and(|key| !is_strange(sessions, key)) {
            self.strangers.pop_front();
        }
        while self.ended.front().is_some_and(|key| !sessions.contains_key(key)) {
            self.ended.pop_front();
        }
        self.sessions.len() < self.most || !self.ended.is_empty() || !self.strangers.is_empty()
    }

    /// Makes room for one more session. A quarter of them may belong to peers that have signed, and not yet shown that they
    /// hold the keys: beyond that the oldest goes, for an honest peer needs one round trip. Without memory, the session
    /// that ended first is dropped: its last frame has most likely arrived.
    pub(super) fn make_room(&mut self) {
        let (full, few) = (self.sessions.len() >= self.most, self.most / 4);
        if self.strangers.len() >= few {
            let sessions = &self.sessions;
            self.strangers.retain(|key| is_strange(sessions, key));
        }
        let goes = if self.strangers.len() >= few {
            self.strangers.pop_front()
        } else if full {
            self.ended.pop_front().or_else(|| self.strangers.pop_front())
        } else {
            None
        };
        if let Some(key) = goes {
            self.forget(key);
        }
    }

    /// A session goes. Its memory is wiped where it stands, by whatever begins in it or by its drop.
    pub(super) fn forget(&mut self, key: Key) {
        let Some(entry) = self.sessions.remove(&key) else { return };
        if let Some(due) = entry.due {
            self.agenda.remove(&(due, key));
        }
        if entry.session.is_over() && self.spare.len() < SPARE {
            self.spare.push(entry.session);
        }
    }

    /// Nothing has advanced for too long: the session's memory and its room are for others.
    pub(super) fn end_stalled(&mut self, now: Mono, key: Key) {
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        let _ = entry.session.abort(now, &self.identity, TeardownReason::NoProgress);
        entry.receiver = None;
        self.timeline.note(self.who, Event::Trouble { what: "ends a session that has stalled".into() });
    }
}

fn is_strange(sessions: &HashMap<Key, Entry>, key: &Key) -> bool {
    sessions.get(key).is_some_and(|entry| entry.strange)
}
