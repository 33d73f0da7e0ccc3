//! The answering side: everything between a datagram and a file, without a socket.

pub mod beacon;
mod buckets;
mod door;
pub mod drive;
mod reply;
#[cfg(test)]
mod tests;
mod ways;

pub use reply::{Answered, Key, Reply};

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;

use iacp_core::discovery::dfa;
use iacp_core::guard::site;
use iacp_core::pss::{
    Admission, Capabilities, Closure, ContentKind, Incoming, Received as Heard, Replied, Responder, SessionEvent,
    Settings, Signed, TRANSMIT_BUFFER, TeardownReason, Terms, continuity,
};
use iacp_core::time::Mono;
use iacp_wire::{Eid, MessageType};

use self::buckets::{Buckets, Guest};
use self::ways::Ways;
use crate::carrier::link::{Arrival, Queue, Route};
use crate::clock;
use crate::content::parts::{Came, Parts};
use crate::content::receive::{Complete, Receiver, Store};
use crate::content::rooms::{Rooms, Site};
use crate::keys::{self, Crypto, Identity};
use crate::memory::{Receiving, WINDOW, lend};
use crate::server::beacon::{ANSWER, Beacon};
use crate::telling::event::Event;
use crate::telling::outlet::Outlet;
use crate::telling::summary::{counts, ending};
use crate::telling::timeline::Timeline;
use crate::telling::watch::Watch;

/// What all sessions together may take, in bytes.
const MEMORY: usize = 256 << 20;
/// Sessions at a time, including ended ones whose last frame is kept for a minute.
const SESSIONS: usize = MEMORY / size_of::<Receiving>();
/// Sessions that may be made under one cookie secret, that is in two minutes.
const ACCEPTED: usize = 8_192;
/// A session in whose streams nothing has advanced in order for this long is ended, in milliseconds.
const STALLED: u64 = 60_000;
/// A session whose peer went silent is kept this long, in milliseconds.
const RECONNECT: u64 = 60_000;
/// The memory of this many ended sessions is kept for the next ones.
const SPARE: usize = 16;
/// A session that found the transport's queue full tries again after this long, in milliseconds.
const RETRY: u64 = 1;

/// One session and the file that it brings.
struct Entry {
    session: Box<Receiving>,
    ways: Ways,
    receiver: Option<Receiver>,
    watch: Watch,
    /// The peer has not shown yet that it holds the keys.
    strange: bool,
    /// The network that it was opened from.
    network: Site,
    /// The lowest sequence numbers that have not arrived, here and at the peer: both rise with each frame in order.
    place: (u64, u64),
    /// When `place` last rose.
    advanced: Mono,
    /// It got more time once after a disconnection, since `place` last rose.
    excused: bool,
    due: Option<Mono>,
    reply: reply::State,
}

impl Entry {
    /// Notes what has advanced.
    fn look(&mut self, now: Mono) {
        let place = (self.session.expected(), self.session.unacknowledged().0);
        // What the application has not said yet is not a fault of the peer's.
        if place != self.place || matches!(self.reply, reply::State::Awaited(_)) {
            (self.place, self.advanced, self.excused) = (place, now, false);
        }
    }

    /// When it has stalled for too long. A session that is disconnected has a limit of its own.
    fn stalls(&self) -> Option<Mono> {
        let away = self.session.continuity() == Some(continuity::State::Disconnected);
        (self.session.closure().is_none() && !away).then(|| self.advanced.after(STALLED))
    }
}

/// A file that is complete, or a handoff.
#[derive(Clone, serde::Serialize)]
pub struct Received {
    pub sha256: String,
    pub bytes: u64,
    pub from: String,
    /// Its parts, if it is a handoff.
    #[serde(skip)]
    pub handoff: Option<Rc<Parts>>,
    /// The name of the object that is asked for, if it is a request.
    #[serde(skip)]
    pub request: Option<Vec<u8>>,
    /// The session that brought it, and takes the answer back.
    #[serde(skip)]
    pub session: Key,
    /// The network that the session was opened from.
    #[serde(skip)]
    pub network: Site,
}

/// The answering side of an agent.
pub struct Server<'t> {
    who: &'static str,
    timeline: &'t Timeline,
    identity: Identity,
    responder: Box<Responder<ACCEPTED>>,
    beacon: Option<Beacon>,
    store: Store,
    buckets: Buckets,
    /// Sessions at a time.
    most: usize,
    /// The part of the store's room that each network has.
    rooms: Rooms,
    sessions: HashMap<Key, Entry>,
    /// Sessions in the order in which they were made, until their peers have shown that they hold the keys.
    strangers: VecDeque<Key>,
    /// Ended sessions whose last frame is kept, in the order in which they ended.
    ended: VecDeque<Key>,
    /// When which session wants to be asked.
    agenda: BTreeSet<(Mono, Key)>,
    /// Memory of sessions that are over.
    spare: Vec<Box<Receiving>>,
    /// A session has ended in good order.
    parted_well: bool,
    /// The way out.
    pub outlet: Outlet<'t>,
    /// Files that are complete: the driver takes them.
    pub received: Vec<Received>,
}

/// What every initiator is offered. The window is the memory's: the sender's congestion control keeps the pace.
pub const SETTINGS: Settings = Settings {
    capabilities: Capabilities::CHACHA20_POLY1305.with(Capabilities::SFC),
    terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: WINDOW },
};

impl<'t> Server<'t> {
    pub fn new(
        who: &'static str,
        timeline: &'t Timeline,
        identity: Identity,
        store: Store,
        beacon: Option<Beacon>,
        outlet: Outlet<'t>,
        now: Mono,
    ) -> Self {
        let rooms = Rooms::new(Rc::clone(&store.room), store.share);
        Self {
            who,
            timeline,
            identity,
            responder: Box::new(Responder::new(SETTINGS, now, &mut keys::rng())),
            beacon,
            store,
            buckets: Buckets::new(now),
            most: SESSIONS,
            rooms,
            sessions: HashMap::new(),
            strangers: VecDeque::new(),
            ended: VecDeque::new(),
            agenda: BTreeSet::new(),
            spare: Vec::new(),
            parted_well: false,
            outlet,
            received: Vec::new(),
        }
    }

    /// Something arrived.
    pub fn handle(&mut self, now: Mono, arrival: Arrival) {
        let Arrival { route, from, what } = arrival;
        match what {
            Ok(mut datagram) => self.datagram(now, &route, from, &mut datagram),
            Err(_) => self.route_lost(now, &route),
        }
    }

    fn datagram(&mut self, now: Mono, route: &Route, from: SocketAddr, datagram: &mut [u8]) {
        let Ok(incoming) = Incoming::parse(datagram) else { return };
        let key = incoming.cookies().filter(|key| self.sessions.contains_key(key));
        match (incoming.message_type(), key, incoming) {
            (MessageType::PssDataStream, Some(key), incoming) => self.hear(now, key, route, from, incoming),
            (MessageType::PssDataStream, None, _) => {}
            (MessageType::DiscoveryReq, _, Incoming::Signed(signed)) => self.searched(now, route, from, &signed),
            (MessageType::PssInit, _, Incoming::Signed(signed)) => self.greeted(now, route, from, &signed),
            // A repeat is its session's business, and so is the word on a contract.
            (MessageType::PssAck, None, Incoming::Signed(signed)) => self.accepted(now, route, from, &signed),
            // All the rest is signed, and costs a signature to refuse.
            (_, Some(key), incoming) if self.admits(now, key, from) => {
                self.hear(now, key, route, from, incoming);
            }
            _ => {}
        }
    }

    /// A DISCOVERY_REQ. Nothing is stored for anyone whose proof does not hold.
    fn searched(&mut self, now: Mono, route: &Route, from: SocketAddr, signed: &Signed<'_>) {
        use dfa::Event::{PowFailure, PowSuccess, RxDiscoveryReq};
        let Some(beacon) = &mut self.beacon else { return };
        let mut state = dfa::State::INITIAL;
        move_on(&mut state, RxDiscoveryReq, self.who, self.timeline);
        let mut out = [0; ANSWER];
        let answer = beacon.answer(now, clock::unix(), &self.identity, from, signed.bytes, &mut out);
        match answer {
            Ok(Some(length)) => {
                move_on(&mut state, PowSuccess, self.who, self.timeline);
                // A full queue loses it, like anything on its way: it is asked for again.
                let _ = self.outlet.send(route, from, &out[..length]);
            }
            Ok(None) => move_on(&mut state, PowFailure, self.who, self.timeline),
            Err(refusal) => {
                move_on(&mut state, PowFailure, self.who, self.timeline);
                self.timeline.note(self.who, Event::Trouble { what: format!("refuses the search: {refusal}") });
            }
        }
    }

    /// A PSS_INIT: answered from a cookie secret, and forgotten.
    fn greeted(&mut self, now: Mono, route: &Route, from: SocketAddr, signed: &Signed<'_>) {
        if !self.has_room() || self.buckets.inits.admit(now, from, 1).is_err() {
            return;
        }
        let mut out = [0; TRANSMIT_BUFFER];
        let admit = |_: &Eid| Admission::Admit;
        let answer = self.responder.answer(now, &self.identity, from, signed, admit, &mut out);
        if let Ok(Replied::Negotiate { length, initiator, cookie, proof, .. }) = answer {
            if let Some(beacon) = &mut self.beacon {
                let waiting = &mut beacon.waiting;
                let known = proof.is_some_and(|proof| waiting.on_proof::<Crypto>(now, initiator, cookie, &proof));
                if !known {
                    waiting.on_pss_init(now, from, initiator, cookie);
                }
            }
            let _ = self.outlet.send(route, from, &out[..length]);
        }
    }

    /// A PSS_ACK that belongs to no session yet.
    fn accepted(&mut self, now: Mono, route: &Route, from: SocketAddr, signed: &Signed<'_>) {
        if !self.has_room() {
            return;
        }
        let bucket = &mut self.buckets.acks;
        // A network may have a quarter of the sessions.
        let (network, most) = (site(from.ip()), self.most / 4);
        let near = |entry: &&Entry| entry.network == network && entry.session.closure().is_none();
        let has_place = || self.sessions.values().filter(near).count() < most;
        let mut guest = Guest { now, from, bucket, has_place: &has_place };
        // By reference: it has a secret, and is not moved.
        let accepted = &self.responder.accept(now, &self.identity, from, signed, &mut guest);
        let Ok(accepted) = accepted else { return };
        route.taken();
        self.make_room();
        let (peer, key, contract) = (accepted.peer(), accepted.cookies(), accepted.wants_contract());
        let memory = self.spare.pop().map_or_else(lend, Ok);
        let begun = memory.and_then(|mut session| {
            session.accept(now, accepted)?;
            Ok(session)
        });
        let mut session = match begun {
            Ok(session) => session,
            Err(error) => return self.timeline.note(self.who, Event::Trouble { what: format!("{error:#}") }),
        };
        session.set_reconnect_limit(RECONNECT);
        if let Some(beacon) = &mut self.beacon
            && let Some(state) = beacon.waiting.on_established(peer, key.0, contract)
        {
            let (from, to) = (Some(dfa::State::AwaitIdentity.name()), state.name());
            self.timeline.note(self.who, Event::State { machine: dfa::MACHINE.name, from, to });
        }
        let room = self.room(from);
        let place = (session.expected(), session.unacknowledged().0);
        let receiver = Some(Receiver::new(place.0, &self.store, room));
        let ways = Ways { home: (from, route.clone()), other: None };
        self.strangers.push_back(key);
        let watch = Watch::new();
        let reply = reply::State::Silent;
        let (strange, excused, advanced, due) = (true, false, now, None);
        let entry = Entry { session, ways, receiver, watch, strange, network, place, advanced, excused, due, reply };
        self.sessions.insert(key, entry);
        self.settle(now, key);
    }

    /// A datagram with a session's cookies.
    fn hear(&mut self, now: Mono, key: Key, route: &Route, from: SocketAddr, incoming: Incoming<'_>) {
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        let heard = entry.session.take(now, &self.identity, from, incoming);
        if !matches!(heard, Heard::Discarded(_)) {
            route.taken();
        }
        match heard {
            Heard::Data { sequence, kind, content } => {
                let content = (kind == ContentKind::Anml).then_some(&*content);
                let taken = entry.receiver.as_mut().map(|receiver| receiver.take(&self.store, sequence, content));
                entry.ways.came(from, route);
                if let Some(Err(error)) = taken {
                    self.give_up(now, key, &error);
                }
            }
            Heard::Taken => entry.ways.came(from, route),
            Heard::Discarded(_) => {}
        }
        self.settle(now, key);
    }

    /// Does what a session's changes ask for, sends what it has to say, and enters its next deadline.
    fn settle(&mut self, now: Mono, key: Key) {
        while let Some(change) = self.sessions.get_mut(&key).and_then(|entry| entry.session.poll_event()) {
            self.change(now, key, change);
        }
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        entry.watch.look(&entry.session, self.who, self.timeline);
        entry.look(now);
        entry.reply.go_on(now, &mut entry.session, entry.ways.home.1.frame_limit());
        let mut out = [0; TRANSMIT_BUFFER];
        let mut full = false;
        while let Ok(Some(transmit)) = entry.session.poll_transmit(now, &mut out) {
            // Where no way leads there, it is lost; and a route that is lost says so on the way in, too.
            let Some(route) = entry.ways.to(transmit.to) else { continue };
            if self.outlet.send(route, transmit.to, transmit.bytes) == Ok(Queue::Full) {
                entry.session.not_sent(now);
                full = true;
                break;
            }
        }
        if let Some(due) = entry.due.take() {
            self.agenda.remove(&(due, key));
        }
        let due = [entry.session.next_deadline().map(|(at, _)| at), entry.reply.deadline(), entry.stalls()];
        let due = due.into_iter().flatten().min();
        entry.due = due.map(|due| if full { due.max(now.after(RETRY)) } else { due });
        self.agenda.extend(entry.due.map(|due| (due, key)));
    }

    fn change(&mut self, now: Mono, key: Key, change: SessionEvent) {
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        let peer = entry.session.peer();
        entry.watch.look(&entry.session, self.who, self.timeline);
        match change {
            SessionEvent::Established => {
                entry.strange = false;
                let (peer, at) = (keys::short(&peer), entry.session.locator().to_string());
                self.timeline.note(self.who, Event::Established { peer, at, took_ms: None });
            }
            // Any terms will do: they bind the session, and no memory of ours.
            SessionEvent::Proposed { .. } => {
                if entry.session.accept_terms(now, &self.identity).is_err() {
                    let _ = entry.session.abort(now, &self.identity, TeardownReason::NegotiationFailed);
                }
            }
            SessionEvent::Moved { to } => entry.ways.moved(to),
            // The file gets its name before the acknowledgement goes out that lets the sender rest.
            SessionEvent::Finished { .. } => self.complete(now, key),
            SessionEvent::CloseRequested { .. } => {
                // It cannot be refused: the session is open, or its end is the next event.
                let _ = entry.session.close(now, TeardownReason::TaskComplete);
            }
            SessionEvent::Closed(closure) => {
                entry.receiver = None;
                entry.reply = reply::State::Silent;
                entry.strange = false;
                self.ended.push_back(key);
                self.parted_well |= closure == Closure::Graceful;
                self.timeline.note(self.who, Event::Closed { how: ending(closure) });
            }
            SessionEvent::Released => self.forget(key),
            // It is back, and has time to go on; but not again and again.
            SessionEvent::Reconciling if !entry.excused => (entry.advanced, entry.excused) = (now, true),
            SessionEvent::Reconciling => {}
            // Room for more of a reply is used by whatever follows; the contract asks for nothing.
            SessionEvent::Contract(_)
            | SessionEvent::Disconnected
            | SessionEvent::Reconciled
            | SessionEvent::Delivered
            | SessionEvent::Writable => {}
        }
    }

    /// Everything has come.
    fn complete(&mut self, now: Mono, key: Key) {
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        if entry.session.closure().is_some_and(|closure| closure != Closure::Graceful) {
            return;
        }
        let (peer, network) = (entry.session.peer(), entry.network);
        let Some(mut receiver) = entry.receiver.take() else { return };
        match receiver.complete(&self.store) {
            Ok(Complete { sha256, bytes, handoff }) => {
                let (from, short) = (hex::encode(peer.0), keys::short(&peer));
                self.timeline.note(self.who, Event::Received { sha256: sha256.clone(), bytes, from: short });
                let (handoff, request) = match handoff {
                    Some(Came::Handoff(parts)) => (Some(Rc::new(parts)), None),
                    Some(Came::Request(name)) => (None, Some(name)),
                    None => (None, None),
                };
                self.received.push(Received { sha256, bytes, from, handoff, request, session: key, network });
            }
            Err(error) => self.give_up(now, key, &error),
        }
    }

    /// What comes cannot be kept, or is not a handoff where one was to come: the sender is told at once.
    fn give_up(&mut self, now: Mono, key: Key, error: &std::io::Error) {
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        let (reason, what) = match error.kind() {
            ErrorKind::InvalidData => (TeardownReason::None, format!("refuses what came: {error}")),
            _ => (TeardownReason::Capacity, format!("cannot keep the file: {error}")),
        };
        let _ = entry.session.abort(now, &self.identity, reason);
        entry.receiver = None;
        self.timeline.note(self.who, Event::Trouble { what });
    }

    fn route_lost(&mut self, now: Mono, route: &Route) {
        for entry in self.sessions.values_mut() {
            entry.ways.other.take_if(|(_, other)| other.is(route));
        }
        let lost = self.sessions.iter().filter(|(_, entry)| entry.ways.home.1.is(route)).map(|(key, _)| *key);
        for key in lost.collect::<Vec<_>>() {
            if let Some(entry) = self.sessions.get_mut(&key) {
                entry.session.transport_lost(now);
            }
            self.settle(now, key);
        }
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Mono> {
        let session = self.agenda.first().map(|(at, _)| *at);
        let search = self.beacon.as_ref().and_then(|beacon| beacon.waiting.next_deadline());
        [session, search, Some(self.responder.next_deadline())].into_iter().flatten().min()
    }

    /// It is due.
    pub fn handle_deadline(&mut self, now: Mono) {
        self.responder.handle_deadline(now, &mut keys::rng());
        if let Some(beacon) = &mut self.beacon {
            for _ in 0..beacon.waiting.handle_deadline(now) {
                let mut state = dfa::State::AwaitIdentity;
                move_on(&mut state, dfa::Event::IdentityTimeout, self.who, self.timeline);
            }
        }
        // What a session enters anew for the same moment waits for the next call.
        let due: Vec<_> = self.agenda.iter().take_while(|(at, _)| *at <= now).map(|(_, key)| *key).collect();
        for key in due {
            if let Some(entry) = self.sessions.get_mut(&key) {
                // The identity is the one that it began with.
                let _ = entry.session.handle_deadline(now, &self.identity, &mut keys::rng());
                entry.reply.handle_deadline(now);
                entry.look(now);
                if entry.stalls().is_some_and(|at| at <= now) {
                    self.end_stalled(now, key);
                }
            }
            self.settle(now, key);
        }
    }

    /// The host goes away: every peer is told, once.
    pub fn shut_down(&mut self, now: Mono) {
        for key in self.sessions.keys().copied().collect::<Vec<_>>() {
            if let Some(entry) = self.sessions.get_mut(&key) {
                let _ = entry.session.abort(now, &self.identity, TeardownReason::ShuttingDown);
            }
            self.settle(now, key);
        }
    }

    /// A session has ended in good order. (One more may be left that its peer never knew of: a handshake that was begun
    /// again because all the answers to the first were lost.)
    pub const fn has_parted_well(&self) -> bool {
        self.parted_well
    }

    /// The sessions' sums: anomalies flagged and cleared, and what was discarded.
    pub fn sums(&self) -> (u32, u32, Vec<(String, u32)>) {
        let entries = self.sessions.values();
        let (flagged, cleared) = entries
            .fold((0, 0), |(flagged, cleared), entry| (flagged + entry.watch.flagged, cleared + entry.watch.cleared));
        let discards = self.sessions.values().flat_map(|entry| counts(entry.session.discards()));
        (flagged, cleared, discards.collect())
    }
}

/// One step of a request's own automaton, told.
fn move_on(state: &mut dfa::State, event: dfa::Event, who: &'static str, timeline: &Timeline) {
    let from = Some(state.name());
    if let Ok(to) = state.step(event) {
        timeline.note(who, Event::State { machine: dfa::MACHINE.name, from, to: to.name() });
    }
}
