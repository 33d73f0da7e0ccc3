//! A whole inbound data frame: whose it is, its session among all others, opening it where it stands, the event, and the next
//! deadline.
//!
//! Public-key cryptography is left out of the handshakes, or a million of them would take an hour; ciphers and hashes are real. A
//! thousand of the sessions speak at every size, spread over the whole table: so the table grows, and what the processor's caches
//! hold of it stays about the same. All tables are filled first, then the sizes take turns.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use iacp_core::crypto::Provider;
use iacp_core::erp::agent::AgentSlot;
use iacp_core::erp::entity::{
    Channel, HEAD, HostEvent, HostRequest, HostSettings, LlEntity, Memory, PeerSlot, SessionSlot, To,
};
use iacp_core::erp::local::{AgentEvent, Listen};
use iacp_core::erp::switch_point::{FifoCell, OutboxCell};
use iacp_core::guard::Rate;
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, ContentKind, Session, Terms};
use iacp_core::slots::{HeapCell, Slot};
use iacp_core::time::Mono;
use iacp_wire::message::ErpStream;
use iacp_wire::{Digest, Eid, Frame, Message};
use indicatif::ProgressBar;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sessions::Cheap;

use super::{lend, spent};

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Sessions that speak, and frames of each, in each of so many rounds.
const SPEAKERS: usize = 1_000;
const FRAMES_EACH: usize = 4;
const ROUNDS: usize = 15;
/// After each round so many milliseconds go by, until all of it is acknowledged.
const PAUSE: u64 = 50;
const PAUSES: usize = 40;
const WINDOW: usize = 16;
const CONTENT: [u8; 64] = [7; 64];
/// Cookies that can be spent under one secret.
const SPENT: usize = 4_096;
/// The common header and the ERP Routing Header.
const ROUTING: usize = 76;
const NOW: Mono = Mono(1_000);
const HOST: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 4_227);
const GOAL: f64 = 1.3;

type Entry = SessionSlot<Cheap, 256, 4>;
type Entity = LlEntity<'static, Cheap, 256, 4, SPENT>;

/// A peer with its one session.
struct Peer {
    identity: Identity<Cheap>,
    session: Session<Cheap, 4_096, WINDOW>,
    at: SocketAddr,
}

/// A host with one agent, all sessions of it, and the peers that speak.
struct World {
    sessions: usize,
    entity: Entity,
    speakers: Vec<Peer>,
    by_address: HashMap<SocketAddr, usize>,
    now: Mono,
    rng: ChaCha8Rng,
}

/// Index cells for so many sessions.
fn cells(sessions: usize) -> usize {
    (2 * sessions).next_power_of_two()
}

fn host(sessions: usize, rng: &mut ChaCha8Rng) -> (Entity, Eid) {
    let memory = Memory {
        agents: lend(1, || Slot::new(AgentSlot::EMPTY)),
        sessions: lend(sessions, || Slot::new(Entry::EMPTY)),
        peers: lend(sessions, || Slot::new(PeerSlot::EMPTY)),
        fifo: lend(1, || Slot::new(FifoCell::EMPTY)),
        outbox: lend(1, || Slot::new(OutboxCell::EMPTY)),
        agent_index: lend(4, || 0),
        session_index: lend(cells(sessions), || 0),
        peer_index: lend(cells(sessions), || 0),
        heap: lend(sessions + 2, || HeapCell::EMPTY),
        channels: lend(1, || Channel::NEW),
    };
    let count = u32::try_from(sessions).expect("at most a million");
    let all = Rate { capacity: u32::MAX, per_second: u32::MAX };
    let settings = HostSettings { sessions_each: count, all, per_prefix: all, ..HostSettings::at(HOST.ip()) };
    let mut entity = Entity::new(memory, settings.without_directory(), NOW, rng).expect("the memory suffices");
    let agent = entity.init(NOW, None, Digest::ZERO, rng).expect("a slot is free");
    while let Some(request) = entity.poll_request() {
        if let HostRequest::Persist { eid, what } = request {
            entity.persisted(NOW, &eid, what);
        }
    }
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: u32::try_from(WINDOW).expect("few") };
    let listen = Listen { capabilities: Capabilities::NONE, terms, sessions: count, hold: false };
    entity.desk(NOW, &agent).expect("its token").listen(listen).expect("a window");
    (entity, agent.eid())
}

impl Peer {
    fn new(number: usize, to: Eid, rng: &mut ChaCha8Rng) -> Self {
        let identity = Identity::generate(rng);
        let mut session = Session::IDLE;
        session.initiate(NOW, &identity, to, HOST, Capabilities::NONE, rng).expect("its memory is free");
        // Each in a /64 of its own.
        let network = u128::try_from(number).expect("few") << 64;
        let at = SocketAddr::new(Ipv6Addr::from_bits(0x2001_0db8 << 96 | network | 7).into(), 4_227);
        Self { identity, session, at }
    }

    fn says(&mut self, now: Mono) -> Option<Vec<u8>> {
        let mut out = [0; 1_200];
        let inner = self.session.poll_transmit(now, &mut out).expect("there is room")?.bytes.to_vec();
        let (source_eid, destination_eid) = (self.identity.eid(), self.session.peer());
        let head = ErpStream { source_eid, destination_eid, generation_counter: 0.into() };
        let mut bytes = vec![0; ROUTING + inner.len()];
        Frame::new(Message::ErpStream { head: &head, inner: &inner }).write(&mut bytes).expect("it fits");
        Some(bytes)
    }

    /// The handshake, until both sides hold the keys.
    fn meet(&mut self, entity: &mut Entity, rng: &mut ChaCha8Rng) {
        for _ in 0..8 {
            while let Some(mut bytes) = self.says(NOW) {
                entity.handle(NOW, self.at, &mut bytes, rng);
            }
            while entity.poll_event().is_some() {}
            let mut head = [0; HEAD];
            while let Some(transmit) = entity.poll_transmit(NOW, &mut head) {
                let mut inner = [transmit.head, transmit.body].concat().split_off(ROUTING);
                let _ = self.session.handle(NOW, &self.identity, HOST, &mut inner);
            }
        }
        assert!(self.session.is_ready() && self.session.peer_holds_keys(), "the session stands");
    }
}

impl World {
    fn new(sessions: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut entity, eid) = host(sessions, &mut rng);
        let step = sessions / SPEAKERS;
        let mut speakers = Vec::with_capacity(SPEAKERS);
        let bar = ProgressBar::new(u64::try_from(sessions).expect("few"));
        let began = spent();
        for number in 0..sessions {
            let mut peer = Peer::new(number, eid, &mut rng);
            peer.meet(&mut entity, &mut rng);
            if number % step == 0 && speakers.len() < SPEAKERS {
                speakers.push(peer);
            }
            if number % 1_000 == 0 {
                bar.inc(1_000);
            }
        }
        bar.finish_and_clear();
        let each = (spent() - began).as_secs_f64() * 1e6 / as_number(sessions);
        println!("{sessions:>9} handshakes, both sides: {each:.1} µs each");
        assert_eq!(entity.counts().1, u32::try_from(sessions).expect("at most a million"));
        let by_address = speakers.iter().enumerate().map(|(number, peer)| (peer.at, number)).collect();
        Self { sessions, entity, speakers, by_address, now: NOW, rng }
    }

    /// Time goes by until all speakers have their acknowledgements. One that was sent while the frames were timed is lost: the speaker
    /// asks for it again by itself.
    fn pause(&mut self) {
        for _ in 0..PAUSES {
            self.now = self.now.after(PAUSE);
            self.listen();
            let mut waiting = false;
            for peer in &mut self.speakers {
                let (first, next) = peer.session.unacknowledged();
                waiting |= first != next;
                let _ = peer.session.handle_deadline(self.now, &peer.identity, &mut self.rng);
                while let Some(mut bytes) = peer.says(self.now) {
                    self.entity.handle(self.now, peer.at, &mut bytes, &mut self.rng);
                }
            }
            if !waiting {
                return;
            }
        }
        panic!("frames are not acknowledged");
    }

    /// What the host sends by now arrives at the speakers.
    fn listen(&mut self) {
        for _ in 0..self.sessions {
            self.entity.handle_deadline(self.now, &mut self.rng);
            while self.entity.poll_event().is_some() {}
            let mut head = [0; HEAD];
            while let Some(transmit) = self.entity.poll_transmit(self.now, &mut head) {
                let To::Network(to) = transmit.to else { continue };
                let peer = self.by_address.get(&to).and_then(|peer| self.speakers.get_mut(*peer));
                let Some(peer) = peer else { continue };
                let mut inner = [transmit.head, transmit.body].concat().split_off(ROUTING);
                let _ = peer.session.handle(self.now, &peer.identity, HOST, &mut inner);
            }
            if self.entity.next_deadline().is_none_or(|at| at > self.now) {
                return;
            }
        }
    }

    /// Some frames of each speaker, one after the other; gives nanoseconds of a frame.
    fn round(&mut self) -> f64 {
        let mut frames = Vec::new();
        self.listen();
        for _ in 0..FRAMES_EACH {
            for peer in &mut self.speakers {
                peer.session.send(self.now, ContentKind::Anml, &CONTENT).expect("the window has room");
                // What else it has to say is no item.
                while let Some(bytes) = peer.says(self.now) {
                    frames.push((peer.at, bytes));
                }
            }
        }
        let now = self.now;
        let (mut items, mut deadlines) = (0, 0);
        let begin = spent();
        for (from, bytes) in &mut frames {
            let event = self.entity.handle(now, *from, bytes, &mut self.rng);
            items += usize::from(matches!(event, HostEvent::Agent { event: AgentEvent::Data { .. }, .. }));
            while self.entity.poll_event().is_some() {}
            while self.entity.poll_request().is_some() {}
            let mut head = [0; HEAD];
            while self.entity.poll_transmit(now, &mut head).is_some() {}
            deadlines += usize::from(self.entity.next_deadline().is_some());
        }
        let time = spent() - begin;
        assert_eq!(items, SPEAKERS * FRAMES_EACH, "each item comes");
        assert_eq!(deadlines, frames.len(), "each frame leaves a deadline");
        let time = time.as_secs_f64() * 1e9 / as_number(frames.len());
        self.pause();
        time
    }
}

fn as_number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub fn run(most: usize) {
    let slot = size_of::<Slot<Entry>>();
    let peer = size_of::<Slot<PeerSlot>>();
    println!("bytes of a session's slot: {slot}");
    println!(
        "  of these the session, with a log of 256 bytes and four frames: {}",
        size_of::<Session<Cheap, 256, 4>>()
    );
    println!("  of these two keys, expanded for AES-256-GCM: {}", 2 * size_of::<<Cheap as Provider>::Cipher>());
    println!("bytes of its peer's slot: {peer}");
    println!("bytes of a session's place in the heap: {}", size_of::<HeapCell>());
    let whole = |sessions| slot + peer + size_of::<HeapCell>() + 2 * size_of::<u32>() * cells(sessions) / sessions;
    println!("in all, with its cells of both indices, for a million sessions: {}", whole(1_000_000));

    let mut worlds: Vec<World> = SIZES.into_iter().filter(|size| *size <= most).map(World::new).collect();
    let mut times: Vec<Vec<f64>> = worlds.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (world, times) in worlds.iter_mut().zip(&mut times) {
            times.push(world.round());
        }
    }
    println!(
        "{:>9} {:>12} {:>8}   an inbound data frame of {} bytes",
        "sessions",
        "ns, median",
        "ratio",
        CONTENT.len()
    );
    let first = times.first().cloned().unwrap_or_default();
    for (world, times) in worlds.iter().zip(&times) {
        let ratio = median(times.iter().zip(&first).map(|(time, first)| time / first).collect());
        println!("{:>9} {:>12.0} {ratio:>8.2}", world.sessions, median(times.clone()));
    }
    println!("goal: the last at most {GOAL} times the first");
}
