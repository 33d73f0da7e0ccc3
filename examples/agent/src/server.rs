//! The answering side: everything between a datagram and a file, without a socket.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;

use iacp_core::discovery::{Discoverable, check, dfa};
use iacp_core::guard::{Ingress, Rate};
use iacp_core::pss::{
    Admission, Answer, Capabilities, Closure, Event as Heard, Kind, Responder, Settings, TRANSMIT_BUFFER,
    TeardownReason, Terms,
};
use iacp_core::time::Mono;
use iacp_wire::{Cookie, DhtKey, Eid, Frame, Message, session_cookies};

use crate::carrier::link::{Arrival, Route, Transport};
use crate::clock;
use crate::handoff::parts::Parts;
use crate::keys::{self, Crypto, Identity, RECEIVING_FRAMES, Receiving};
use crate::receive::{Complete, Receiver, Store};
use crate::telling::summary::{counts, ending};
use crate::telling::timeline::{Event, Timeline};
use crate::telling::watch::Watch;

/// Sessions at a time, those included whose answer is kept for a minute. One takes some 16 kB.
const SESSIONS: usize = 4_096;
/// How many of them may belong to peers that have signed, and not yet shown that they hold the keys. One more, and the
/// oldest of them goes.
const STRANGERS: usize = 512;
/// Sessions that may be made under one cookie secret, that is in two minutes.
const ACCEPTED: usize = 8_192;
/// A session whose peer went silent is kept this long, in milliseconds.
const RECONNECT: u64 = 60_000;
/// Frames under way over bare UDP: no more than a socket's buffer takes at once, for nothing else keeps the pace.
const UDP_WINDOW: u32 = 64;
/// The same over QUIC, which has a pace of its own, and the same sockets below.
const QUIC_WINDOW: u32 = 128;
const _: () = assert!(UDP_WINDOW <= QUIC_WINDOW && QUIC_WINDOW as usize <= RECEIVING_FRAMES);

/// PSS_INITs that are looked at: each costs a signature before anything is known of its sender.
const ALL: Rate = Rate { capacity: 4_000, per_second: 4_000 };
const PER_PREFIX: Rate = Rate { capacity: 1_000, per_second: 1_000 };

type Key = (Cookie, Cookie);

/// One session and the file that it brings.
struct Entry {
    session: Box<Receiving>,
    route: Route,
    receiver: Option<Receiver>,
    watch: Watch,
    /// The peer wants to end it, and we have nothing more to say.
    closes: bool,
    due: Option<Mono>,
}

/// What an agent needs to be found.
pub struct Beacon {
    pub space: DhtKey,
    pub bits: u32,
    waiting: Discoverable<8, 64>,
}

impl Beacon {
    pub fn new(space: DhtKey, bits: u32) -> Self {
        Self { space, bits, waiting: Discoverable::default() }
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
}

/// A frame to be sent.
pub struct Outgoing {
    pub route: Route,
    pub to: SocketAddr,
    pub frame: Vec<u8>,
}

/// The answering side of an agent.
pub struct Server<'t> {
    who: &'static str,
    timeline: &'t Timeline,
    identity: Identity,
    responder: Box<Responder<ACCEPTED>>,
    beacon: Option<Beacon>,
    store: Store,
    door: Box<Ingress<1_024>>,
    sessions: HashMap<Key, Entry>,
    /// Sessions in the order in which they were made, until their peers have shown that they hold the keys.
    strangers: VecDeque<Key>,
    /// When which session wants to be asked.
    agenda: BTreeSet<(Mono, Key)>,
    /// To be sent: whoever drives this takes them.
    pub outgoing: Vec<Outgoing>,
    /// Files that are complete: whoever drives this takes them.
    pub received: Vec<Received>,
}

/// What every initiator is offered.
pub const fn settings(transport: Transport) -> Settings {
    let receive_window = match transport {
        Transport::Udp => UDP_WINDOW,
        Transport::Quic => QUIC_WINDOW,
    };
    Settings {
        capabilities: Capabilities::CHACHA20_POLY1305.with(Capabilities::SFC),
        terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window },
    }
}

impl<'t> Server<'t> {
    pub fn new(
        who: &'static str,
        timeline: &'t Timeline,
        identity: Identity,
        settings: Settings,
        store: Store,
        beacon: Option<Beacon>,
        now: Mono,
    ) -> Self {
        Self {
            who,
            timeline,
            identity,
            responder: Box::new(Responder::new(settings, now, &mut keys::rng())),
            beacon,
            store,
            door: Box::new(Ingress::new(ALL, PER_PREFIX, now, &mut keys::rng())),
            sessions: HashMap::new(),
            strangers: VecDeque::new(),
            agenda: BTreeSet::new(),
            outgoing: Vec::new(),
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
        let Ok(frame) = Frame::parse(datagram) else { return };
        match frame.message {
            Message::DiscoveryReq(_) => self.searched(now, route, from, datagram),
            Message::PssInit(_) => self.greeted(now, route, from, datagram),
            // A repeat is its session's business, and so is the word on a contract.
            Message::PssAck(_) if !self.has_session(datagram) => self.accepted(now, route, from, datagram),
            Message::PssDataStream { .. } => self.ask_session(now, route, from, datagram),
            // All the rest is signed, and costs a signature to refuse.
            _ if self.has_session(datagram) && self.door.admit(now, from, 1).is_ok() => {
                self.ask_session(now, route, from, datagram);
            }
            _ => {}
        }
    }

    fn push(&mut self, route: &Route, to: SocketAddr, frame: &[u8]) {
        self.outgoing.push(Outgoing { route: route.clone(), to, frame: frame.to_vec() });
    }

    /// A DISCOVERY_REQ. Nothing is stored for anyone whose proof does not hold.
    fn searched(&mut self, now: Mono, route: &Route, from: SocketAddr, datagram: &[u8]) {
        use dfa::Event::{PowFailure, PowSuccess, RxDiscoveryReq};
        let Some(beacon) = &mut self.beacon else { return };
        let mut state = dfa::State::INITIAL;
        move_on(&mut state, RxDiscoveryReq, self.who, self.timeline);
        let mut out = [0; 96];
        let unix = clock::unix();
        let answer = check::<Crypto>(datagram, unix, beacon.bits).and_then(|proven| {
            if proven.space() != beacon.space {
                return Ok(None);
            }
            let answer = beacon.waiting.accept(&proven, from, now, unix, &self.identity, &mut keys::rng(), &mut out)?;
            Ok(Some(answer))
        });
        match answer {
            Ok(Some(length)) => {
                move_on(&mut state, PowSuccess, self.who, self.timeline);
                self.push(route, from, &out[..length]);
            }
            Ok(None) => move_on(&mut state, PowFailure, self.who, self.timeline),
            Err(refusal) => {
                move_on(&mut state, PowFailure, self.who, self.timeline);
                self.timeline.note(self.who, Event::Trouble { what: format!("refuses the search: {refusal}") });
            }
        }
    }

    /// A PSS_INIT: answered from a cookie secret, and forgotten.
    fn greeted(&mut self, now: Mono, route: &Route, from: SocketAddr, datagram: &[u8]) {
        if self.sessions.len() >= SESSIONS || self.door.admit(now, from, 1).is_err() {
            return;
        }
        let mut out = [0; TRANSMIT_BUFFER];
        let admit = |_: &Eid| Admission::Admit;
        let answer = self.responder.answer(now, &self.identity, from, datagram, admit, &mut out);
        if let Ok(Answer::Negotiate { length, initiator, cookie, .. }) = answer {
            if let Some(beacon) = &mut self.beacon {
                beacon.waiting.on_pss_init(now, from, initiator, cookie);
            }
            self.push(route, from, &out[..length]);
        }
    }

    fn has_session(&self, datagram: &[u8]) -> bool {
        session_cookies(datagram).is_some_and(|key| self.sessions.contains_key(&key))
    }

    /// A PSS_ACK that belongs to no session yet.
    fn accepted(&mut self, now: Mono, route: &Route, from: SocketAddr, datagram: &[u8]) {
        if self.door.admit(now, from, 1).is_err() {
            return;
        }
        self.make_room();
        if self.sessions.len() >= SESSIONS {
            return;
        }
        let Ok(accepted) = self.responder.accept(now, &self.identity, from, datagram) else { return };
        let (peer, key, contract) = (accepted.peer(), accepted.cookies(), accepted.wants_contract());
        let mut session = Box::new(Receiving::accept(now, accepted));
        session.set_reconnect_limit(RECONNECT);
        if let Some(beacon) = &mut self.beacon
            && let Some(state) = beacon.waiting.on_established(peer, key.0, contract)
        {
            let (from, to) = (Some(dfa::State::AwaitIdentity.name()), state.name());
            self.timeline.note(self.who, Event::State { machine: dfa::MACHINE.name, from, to });
        }
        let (peer, at) = (keys::short(&peer), from.to_string());
        self.timeline.note(self.who, Event::Established { peer, at, took_ms: None });
        let receiver = Some(Receiver::new(session.expected(), &self.store));
        let mut watch = Watch::new();
        watch.look(&session, self.who, self.timeline);
        self.strangers.push_back(key);
        self.sessions.insert(key, Entry { session, route: route.clone(), receiver, watch, closes: false, due: None });
        self.settle(now, key);
    }

    /// Whoever has shown that it holds the keys is no stranger any more. Too many strangers: the oldest goes, for an
    /// honest peer needs one round trip to stop being one.
    fn make_room(&mut self) {
        let sessions = &self.sessions;
        let strange = |key: &Key| sessions.get(key).is_some_and(|entry| !entry.session.peer_holds_keys());
        while self.strangers.front().is_some_and(|key| !strange(key)) {
            self.strangers.pop_front();
        }
        if self.strangers.len() >= STRANGERS {
            self.strangers.retain(strange);
        }
        let crowded = self.strangers.len() >= STRANGERS || self.sessions.len() >= SESSIONS;
        let Some(key) = crowded.then(|| self.strangers.pop_front()).flatten() else { return };
        if let Some(entry) = self.sessions.remove(&key)
            && let Some(due) = entry.due
        {
            self.agenda.remove(&(due, key));
        }
    }

    fn ask_session(&mut self, now: Mono, route: &Route, from: SocketAddr, datagram: &mut [u8]) {
        let Some(key) = session_cookies(datagram) else { return };
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        let before = entry.session.locator();
        match entry.session.handle(now, &self.identity, from, datagram) {
            Heard::Data { sequence, kind, content } => {
                let content = (kind == Kind::Anml).then_some(&*content);
                let taken = entry.receiver.as_mut().map(|receiver| receiver.take(&self.store, sequence, content));
                if let Some(Err(error)) = taken {
                    give_up(entry, &self.identity, self.who, self.timeline, &error);
                }
            }
            // Any terms will do: they bind the session, and no memory of ours.
            Heard::Proposed { .. } if entry.session.accept_terms(now, &self.identity).is_err() => {
                entry.session.abort(&self.identity, TeardownReason::NegotiationFailed);
            }
            Heard::CloseRequested { .. } => entry.closes = true,
            Heard::Reconciling => entry.route = route.clone(),
            _ => {}
        }
        if entry.session.locator() != before {
            entry.route = route.clone();
        }
        // The file gets its name before the acknowledgement goes out that lets the sender rest.
        if entry.session.received_all()
            && entry.session.closure().is_none_or(|closure| closure == Closure::Graceful)
            && let Some(mut receiver) = entry.receiver.take()
        {
            match receiver.complete(&self.store) {
                Ok(Complete { sha256, bytes, handoff }) => {
                    let (from, peer) = (hex::encode(entry.session.peer().0), keys::short(&entry.session.peer()));
                    self.timeline.note(self.who, Event::Received { sha256: sha256.clone(), bytes, from: peer });
                    self.received.push(Received { sha256, bytes, from, handoff: handoff.map(Rc::new) });
                }
                Err(error) => give_up(entry, &self.identity, self.who, self.timeline, &error),
            }
        }
        self.settle(now, key);
    }

    /// Takes what a session has to say, and enters its next deadline.
    fn settle(&mut self, now: Mono, key: Key) {
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        if entry.closes && entry.session.close(now, TeardownReason::TaskComplete).is_ok() {
            entry.closes = false;
        }
        let was_open = entry.watch.is_open();
        entry.watch.look(&entry.session, self.who, self.timeline);
        if let (true, Some(closure)) = (was_open, entry.session.closure()) {
            entry.receiver = None;
            self.timeline.note(self.who, Event::Closed { how: ending(closure) });
        }
        let mut out = [0; TRANSMIT_BUFFER];
        while let Ok(Some(transmit)) = entry.session.poll_transmit(now, &mut out) {
            let frame = transmit.bytes.to_vec();
            self.outgoing.push(Outgoing { route: entry.route.clone(), to: transmit.to, frame });
        }
        if let Some(due) = entry.due.take() {
            self.agenda.remove(&(due, key));
        }
        if entry.session.is_over() {
            self.sessions.remove(&key);
            return;
        }
        entry.due = entry.session.next_deadline().map(|(at, _)| at);
        self.agenda.extend(entry.due.map(|due| (due, key)));
    }

    fn route_lost(&mut self, now: Mono, route: &Route) {
        let lost = self.sessions.iter().filter(|(_, entry)| entry.route.is(route)).map(|(key, _)| *key);
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
                entry.session.handle_deadline(now, &self.identity, &mut keys::rng());
            }
            self.settle(now, key);
        }
    }

    /// The host goes away: every peer is told, once.
    pub fn shut_down(&mut self, now: Mono) {
        for key in self.sessions.keys().copied().collect::<Vec<_>>() {
            if let Some(entry) = self.sessions.get_mut(&key) {
                entry.session.abort(&self.identity, TeardownReason::ShuttingDown);
            }
            self.settle(now, key);
        }
    }

    /// A session has ended in good order. (One more may be left that its peer never knew of: a handshake that was begun
    /// again because all the answers to the first were lost.)
    pub fn has_parted_well(&self) -> bool {
        self.sessions.values().any(|entry| entry.session.closure() == Some(Closure::Graceful))
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

/// What comes cannot be kept, or is no handoff where one was to come: the sender is told at once.
fn give_up(entry: &mut Entry, identity: &Identity, who: &'static str, timeline: &Timeline, error: &std::io::Error) {
    let (reason, what) = match error.kind() {
        ErrorKind::InvalidData => (TeardownReason::None, format!("refuses what came: {error}")),
        _ => (TeardownReason::Capacity, format!("cannot keep the file: {error}")),
    };
    entry.session.abort(identity, reason);
    entry.receiver = None;
    timeline.note(who, Event::Trouble { what });
}

/// One step of a request's own automaton, told.
fn move_on(state: &mut dfa::State, event: dfa::Event, who: &'static str, timeline: &Timeline) {
    let from = Some(state.name());
    if let Ok(to) = state.step(event) {
        timeline.note(who, Event::State { machine: dfa::MACHINE.name, from, to: to.name() });
    }
}
