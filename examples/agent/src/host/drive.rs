//! The loop around an LL-Entity: datagrams, local channels, stable storage, orders and deadlines.

mod docking;
mod local;
mod nodes;
mod telling;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use iacp_core::crypto::Secret32;
use iacp_core::erp::agent::{Agent, Stored};
use iacp_core::erp::entity::{HEAD, HostEvent, HostRequest, INSIDE, PeerAnswer, Persist, To};
use iacp_core::pss::Admission;
use iacp_core::time::Mono;
use iacp_wire::{Digest, Eid, InitializationNonce};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::carrier::link::FRAME_LIMIT;
use crate::clock::{Clock, unix};
use crate::host::channels::{Channels, Heard};
use crate::host::control::{Order, Ordered};
use crate::host::directory::Directory;
use crate::host::directory::mining::Mined;
use crate::host::docking::{Docking, Moved};
use crate::host::outside::{Buffer, Outside};
use crate::host::place::where_we_are;
use crate::host::reputation::Book;
use crate::host::storage::{Claim, Folder, Record, Run, Storage, Word};
use crate::host::tables::Entity;
use crate::keys;
use crate::telling::capture::Capture;
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::timeline::Timeline;

/// Things that are done in a row before whatever has come meanwhile has its turn.
const BURST: usize = 64;
/// How long a host that stops waits for its disk.
const LAST: Duration = Duration::from_secs(2);
/// Addresses whose frames are counted.
const PLACES: usize = 1_024;
/// How often a host that listens everywhere looks where it is.
const WATCH: Duration = Duration::from_secs(2);

/// While the way out is full, other deadlines are looked at every this many milliseconds.
const LOOK: u64 = 1_000;

/// Frames from and to one address.
#[derive(Clone, Copy, Default, serde::Serialize)]
struct Traffic {
    sent: u64,
    received: u64,
}

/// What a host that runs consists of.
pub struct Host<'t> {
    pub entity: Box<Entity>,
    pub outside: Outside,
    pub channels: Channels,
    pub storage: Storage,
    pub orders: mpsc::Receiver<Ordered>,
    pub directory: Option<Directory>,
    pub timeline: &'t Timeline,
    pub capture: Option<Capture>,
    pub clock: Clock,
    /// Where the host says that it is.
    pub address: IpAddr,
    /// It listens at all addresses, and looks which one is its own.
    pub everywhere: bool,
    pub standing: Standing,
    pub book: Book,
}

/// What a host remembers beside its machine.
pub struct Standing {
    folder: Folder,
    docking: Docking,
    run: Run,
    /// Frames between two agents of this host.
    inside: VecDeque<Vec<u8>>,
    places: BTreeMap<SocketAddr, Traffic>,
    dropped: BTreeMap<String, u64>,
    known: HashMap<Eid, Known>,
    /// Contexts that were restored or have come from another host, by the nonces that their agents began with.
    claims: HashMap<Claim, Option<Eid>>,
}

impl Standing {
    pub fn new(folder: Folder, run: Run, docking: Docking) -> Self {
        let (inside, places, dropped) = (VecDeque::new(), BTreeMap::new(), BTreeMap::new());
        Self { folder, docking, run, inside, places, dropped, known: HashMap::new(), claims: HashMap::new() }
    }
}

/// What is known of an agent, beside what its context says.
struct Known {
    claim: Claim,
    airk: Option<Eid>,
    digest: Digest,
    evolution: u64,
    /// Of a context that was restored or has come from another host: its agent has not been told its new token yet, or may not
    /// have got it.
    restored: Option<Agent>,
    /// The context is this host's as soon as its bound is stored.
    arrives: bool,
}

enum Turn {
    Arrival(usize, SocketAddr),
    Local(Option<Heard>),
    Stored(Option<Word>),
    Ordered(Option<Ordered>),
    Mined(Mined),
    Due,
    Room,
    Watch,
    Stop,
}

/// What came of trying to send something.
enum Said {
    Something,
    Nothing,
    /// The queue below is full.
    Full,
}

impl Host<'_> {
    /// Contexts of earlier runs go on: the same EIDs, each with a generation above all that may have been signed.
    pub fn restore(&mut self, carrier: &str, kept: Vec<Record>, broken: Vec<String>) {
        let (transport, state) = (carrier.to_owned(), self.standing.folder.path().display().to_string());
        self.note(Step::HostUp { transport, at: self.standing.run.at.clone(), state });
        for name in broken {
            self.trouble(format!("agents/{name}: no agent can be read from it; it is left as it is"));
        }
        for record in kept {
            let eid = record.eid();
            if record.exported {
                let what = "was handed over to another host, and is not restored (agent control … dock keep)";
                self.trouble(format!("{}: {what}", keys::short(&eid)));
                continue;
            }
            if let Ok(Some(Moved::Away)) = self.standing.folder.moved(&eid) {
                // The host was killed before it had stored that the context is handed over.
                self.standing.folder.set_here(&eid);
            }
            if let Err(why) = self.take_up(&record) {
                self.trouble(format!("{}: its context is not restored: {why}", keys::short(&eid)));
            }
        }
    }

    /// The context of a record goes on here.
    fn take_up(&mut self, record: &Record) -> Result<()> {
        let Record { seed, claim, airk, digest, evolution, bound, .. } = record;
        let stored = Stored { seed, bound: *bound, airk: *airk, digest: *digest, evolution: *evolution };
        let agent = self.entity.restore(self.clock.now(), &stored, &mut keys::rng())?;
        let eid = agent.eid();
        self.note(Step::Restored { eid: hex::encode(eid.0), bound: *bound });
        self.has_come(eid, *claim, *airk, (*digest, *evolution), agent);
        Ok(())
    }

    /// A context is here that began elsewhere, or in an earlier run: the process that knows its nonce gets it.
    fn has_come(
        &mut self,
        eid: Eid,
        claim: Claim,
        airk: Option<Eid>,
        (digest, evolution): (Digest, u64),
        agent: Agent,
    ) {
        // A nonce that two agents have begun with tells neither from the other, and one of zeros is not a secret.
        let no_claim = local::claim_of(&InitializationNonce([0; 32]));
        let one = !self.standing.claims.contains_key(&claim) && claim != no_claim && claim != [0; 32];
        self.standing.claims.insert(claim, one.then_some(eid));
        let known = Known { claim, airk, digest, evolution, restored: Some(agent), arrives: true };
        self.standing.known.insert(eid, known);
    }

    /// Drives the host until it is told to stop. Its agents keep their EIDs: they are on stable storage.
    pub async fn run(&mut self, stop: impl Future<Output = ()>) -> Result<()> {
        tokio::pin!(stop);
        let mut watch = tokio::time::interval(WATCH);
        let mut buffer: Buffer = [0; FRAME_LIMIT + 1];
        let mut look: Option<Mono> = None;
        loop {
            let blocked = self.settle();
            // What is to be sent waits for room, and so does its deadline: others are looked at once in a while.
            look = blocked.then(|| look.unwrap_or_else(|| self.clock.now().after(LOOK)));
            // Frames between two agents of this host wait for no deadline.
            let at_once = (!self.standing.inside.is_empty()).then_some(Mono(0));
            let asks = self.directory.as_ref().and_then(Directory::next_deadline);
            let counts = self.book.next_deadline();
            let due = at_once.or_else(|| self.entity.next_deadline().into_iter().chain(asks).chain(counts).min());
            let due = due.map(|due| due.max(look.unwrap_or(due)));
            let turn = tokio::select! {
                (length, from) = self.outside.next(&mut buffer) => Turn::Arrival(length, from),
                heard = self.channels.next() => Turn::Local(heard),
                word = self.storage.next() => Turn::Stored(word),
                ordered = self.orders.recv() => Turn::Ordered(ordered),
                mined = nodes::mined(&mut self.directory) => Turn::Mined(mined),
                () = self.clock.sleep_until(due) => Turn::Due,
                () = self.outside.room(), if blocked => Turn::Room,
                _ = watch.tick(), if self.everywhere => Turn::Watch,
                () = &mut stop => Turn::Stop,
            };
            match turn {
                Turn::Arrival(length, from) => {
                    self.arrived(from, &mut buffer[..length]);
                    for _ in 0..BURST {
                        // An answer to a handshake has one place: it leaves before the next datagram comes.
                        if let Said::Full = self.say() {
                            break;
                        }
                        let Some((length, from)) = self.outside.try_next(&mut buffer) else { break };
                        self.arrived(from, &mut buffer[..length]);
                    }
                }
                Turn::Local(Some(heard)) => self.heard(heard),
                Turn::Stored(Some(word)) => self.stored(word),
                Turn::Ordered(Some((Order::Dock(order), answer))) => self.dock(order, answer),
                Turn::Ordered(Some((Order::Status, answer))) => drop(answer.send(self.status())),
                Turn::Ordered(Some((Order::Search { topic, most, within }, answer))) => {
                    self.search((&topic, most.into(), within), answer);
                }
                Turn::Ordered(Some((Order::Move { to }, answer))) => drop(answer.send(self.move_to(to).await)),
                Turn::Ordered(Some((Order::Forward { to }, answer))) => drop(answer.send(self.forward(to))),
                Turn::Due => {
                    look = None;
                    self.entity.handle_deadline(self.clock.now(), &mut keys::rng());
                    if let Some(page) = self.book.handle_deadline(self.clock.now(), unix()) {
                        self.storage.also(move |folder| page.write(folder));
                    }
                }
                Turn::Mined(mined) => {
                    if let Some(directory) = &mut self.directory {
                        directory.worked(self.clock.now(), mined);
                    }
                }
                Turn::Watch => self.look_where_we_are(),
                Turn::Room => {}
                Turn::Stop => {
                    if !self.is_counted_written() {
                        self.trouble("what was counted of peers last is not written".into());
                    }
                    self.trouble("stopped; its agents keep their EIDs for the next start".into());
                    return Ok(());
                }
                Turn::Local(None) | Turn::Stored(None) | Turn::Ordered(None) => {
                    anyhow::bail!("a part of the host has ended")
                }
            }
        }
    }

    /// The last that was counted of peers goes behind the pages that still wait: a page before its forerunner would leave a hole.
    fn is_counted_written(&mut self) -> bool {
        let Some(page) = self.book.page(unix()) else { return true };
        let (done, written) = std::sync::mpsc::channel();
        self.storage.also(move |folder| {
            page.write(folder)?;
            let _ = done.send(());
            Ok(())
        });
        written.recv_timeout(LAST).is_ok()
    }

    /// Everything that can be done now, but no more than a burst of it; `true` if the way out is full.
    fn settle(&mut self) -> bool {
        for _ in 0..BURST {
            self.tell();
            self.ask();
            if self.consult() {
                return true;
            }
            if let Some(mut frame) = self.standing.inside.pop_front() {
                self.datagram(INSIDE, &mut frame);
                continue;
            }
            match self.say() {
                Said::Something => {}
                Said::Nothing => return false,
                Said::Full => return true,
            }
        }
        false
    }

    fn note(&self, step: Step) {
        self.timeline.note("host", Event::Step(step));
    }

    fn remark(&self, what: String) {
        self.note(Step::Note { what });
    }

    fn trouble(&self, what: String) {
        self.timeline.note("host", Event::Trouble { what });
    }

    /// Writes a frame to the capture, if there is one: `way` says from where to where, given where the host is.
    fn captured(&self, way: impl FnOnce(SocketAddr) -> (SocketAddr, SocketAddr), frame: &[u8]) {
        let Some(capture) = &self.capture else { return };
        let (from, to) = way(SocketAddr::new(self.address, self.outside.at().port()));
        if let Err(error) = capture.frame(from, to, frame) {
            self.trouble(format!("{error:#}"));
        }
    }

    /// A datagram has come by the way out. The address of frames between agents of this host is not an address out there.
    fn arrived(&mut self, from: SocketAddr, datagram: &mut [u8]) {
        if from == INSIDE {
            *self.standing.dropped.entry("the source is an address inside this host".into()).or_default() += 1;
            return;
        }
        self.datagram(from, datagram);
    }

    fn datagram(&mut self, from: SocketAddr, datagram: &mut [u8]) {
        let now = self.clock.now();
        if from != INSIDE {
            self.captured(|here| (from, here), datagram);
            if self.directory.as_mut().is_some_and(|directory| directory.heard(now, unix(), from, datagram)) {
                return self.came(from);
            }
        }
        let event = self.entity.handle(now, from, datagram, &mut keys::rng());
        if from != INSIDE && !matches!(event, HostEvent::Dropped(_)) {
            self.came(from);
        }
        // A session is told to be open before what it brings.
        self.tell();
        self.dispatch(event);
    }

    /// Answers what the machine asks. Without a directory every peer is admitted, and is where its agent says.
    fn ask(&mut self) {
        while let Some(request) = self.entity.poll_request() {
            match request {
                HostRequest::Persist { eid, what } => self.keep(&eid, what),
                _ if self.directory.is_some() => self.ask_directory(request),
                HostRequest::Peer(eid) => {
                    let answer = PeerAnswer { standing: Admission::Admit, flags: 0, reputation: 6_000, binding: None };
                    self.entity.answer_peer(self.clock.now(), &eid, &answer);
                }
                // A record goes nowhere, and none is found.
                HostRequest::Deposit(eid) => self.entity.deposited(&eid),
                HostRequest::Nodes(_)
                | HostRequest::Own(_)
                | HostRequest::Accusation(_)
                | HostRequest::Resolvers { .. }
                | HostRequest::Tickets { .. } => {}
            }
        }
    }

    /// Has something of an agent written down.
    fn keep(&self, eid: &Eid, what: Persist) {
        let (Some(known), Some(seed)) = (self.standing.known.get(eid), self.entity.seed(eid)) else { return };
        let seed = Secret32::fill(|to| to.copy_from_slice(seed.expose()));
        let Known { claim, airk, digest, evolution, arrives, .. } = *known;
        let record = Record { seed, claim, airk, digest, evolution, bound: 0, exported: false };
        match what {
            Persist::Generation(_) if arrives => self.storage.enter(record, what),
            _ => self.storage.keep(record, what),
        }
    }

    /// Sends the next datagram.
    fn say(&mut self) -> Said {
        let now = self.clock.now();
        let mut head = [0; HEAD];
        let Some(transmit) = self.entity.poll_transmit(now, &mut head) else { return Said::Nothing };
        let mut frame = [0; FRAME_LIMIT];
        let length = transmit.head.len() + transmit.body.len();
        let Some(room) = frame.get_mut(..length) else { return Said::Something };
        room[..transmit.head.len()].copy_from_slice(transmit.head);
        room[transmit.head.len()..].copy_from_slice(transmit.body);
        match transmit.to {
            To::Inside => self.standing.inside.push_back(room.to_vec()),
            To::Network(to) => {
                let room: &[u8] = match &mut self.directory {
                    Some(directory) => directory.dressed(now, to, room),
                    None => room,
                };
                if !self.outside.send(to, room) {
                    self.entity.not_sent(now);
                    return Said::Full;
                }
                let sent = room.to_vec();
                self.has_sent(to, &sent);
            }
        }
        Said::Something
    }

    fn has_sent(&mut self, to: SocketAddr, frame: &[u8]) {
        self.captured(|here| (here, to), frame);
        self.went(to);
    }

    fn stored(&mut self, word: Word) {
        match word {
            Word::Kept(eid, what) => {
                if let Persist::Generation(bound) = what {
                    self.note(Step::Persisted { eid: hex::encode(eid.0), bound });
                }
                match (what, self.standing.known.get_mut(&eid)) {
                    (Persist::Generation(_), Some(known)) => known.arrives = false,
                    // A context that it is rotated into has the software of now.
                    (Persist::Evolution(digest, number), Some(known)) => {
                        (known.digest, known.evolution) = (digest, number);
                    }
                    _ => {}
                }
                self.entity.persisted(self.clock.now(), &eid, what);
                self.dock_stored(&eid, what);
            }
            Word::Trouble(what) => self.trouble(what),
        }
    }

    async fn move_to(&mut self, to: SocketAddr) -> Value {
        if self.directory.is_some()
            && let Err(error) = Directory::fits(to)
        {
            return json!({ "error": error.to_string() });
        }
        let from = self.outside.at();
        match self.outside.move_to(to).await {
            Ok(()) => {
                self.everywhere = to.ip().is_unspecified();
                self.note(Step::Moves { from: from.to_string(), to: self.outside.at().to_string() });
                self.is_at(where_we_are(to.ip()));
                json!({ "at": self.outside.at() })
            }
            Err(error) => json!({ "error": format!("{error:#}") }),
        }
    }

    fn status(&self) -> Value {
        let (agents, sessions, peers) = self.entity.counts();
        let places: BTreeMap<String, Traffic> =
            self.standing.places.iter().map(|(at, traffic)| (at.to_string(), *traffic)).collect();
        json!({
            "at": self.outside.at(),
            "address": self.address,
            "lii": self.standing.docking.name(),
            "agents": agents,
            "sessions": sessions,
            "peers": peers,
            "channels": self.channels.open(),
            "places": places,
            "dropped": self.standing.dropped,
            "counted": self.book.entries(),
        })
    }

    fn look_where_we_are(&mut self) {
        let found = where_we_are(self.outside.at().ip());
        if found != self.address {
            self.note(Step::Moves { from: self.address.to_string(), to: found.to_string() });
            self.is_at(found);
        }
    }

    fn is_at(&mut self, address: IpAddr) {
        self.address = address;
        self.standing.run.at = SocketAddr::new(address, self.outside.at().port()).to_string();
        if let Err(error) = self.standing.folder.set_run(&self.standing.run) {
            self.trouble(format!("{error:#}"));
        }
        self.entity.churn(address);
    }
}
