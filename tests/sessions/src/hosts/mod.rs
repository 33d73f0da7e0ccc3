//! Hosts with an LL-Entity each, several agents, a directory of seven nodes, and one virtual clock.
//!
//! Everything that happens is a function of the seed: the same seed gives the same trace, byte for byte.

mod docking;
mod host;
mod memory;
mod node;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};

use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::directory::Kind;
use iacp_core::erp::binding::Binding;
use iacp_core::erp::context::State;
use iacp_core::erp::entity::{HEAD, HostRequest, HostSettings, INSIDE, PeerAnswer, To};
use iacp_core::erp::generation::PORT;
use iacp_core::erp::switch_point::Node;
use iacp_core::erp::ticket::NotOpened;
use iacp_core::governance::reputation::Proven;
use iacp_core::identity::Identity;
use iacp_core::pss::Admission;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::message::DhtTicketResp;
use iacp_wire::{AeadNonce, DhtKey, Digest, Eid, Frame, Message, SealedLocator, Signature, TransactionId};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use self::memory::entity;
use crate::Weather;

pub use host::{Host, Keeping, Told};
pub use memory::{Entity, memory, tables};
pub use node::{DirectoryNode, Word};

/// Unix time at the beginning of a world's clock, in milliseconds.
pub const UNIX: u64 = 1_790_000_000_000;
/// The bytes of the nonce in the body of a ticket.
const TICKET_NONCE: std::ops::Range<usize> = 68..80;

/// A datagram under way, earliest first; the number keeps the order of what arrives at once.
type Flying = Reverse<(Mono, u64, SocketAddr, SocketAddr, Vec<u8>)>;

/// Hosts, nodes, and what is between them.
pub struct Hosts {
    /// The time.
    pub now: Mono,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The directory.
    pub nodes: Vec<DirectoryNode>,
    /// What happens to datagrams.
    pub weather: Weather,
    /// The standing of each EID that is not to be admitted.
    pub standings: BTreeMap<[u8; 32], Admission>,
    /// Pairs of addresses: nothing from the first arrives at the second.
    pub cut: Vec<(SocketAddr, SocketAddr)>,
    /// Every datagram that was sent: when, from where, where to, what.
    pub trace: Vec<(Mono, SocketAddr, SocketAddr, Vec<u8>)>,
    /// When the directory was asked about which peer.
    pub asked: Vec<(Mono, Eid)>,
    /// What the directory answers about an EID beside its standing: flags and R.
    pub known: BTreeMap<[u8; 32], (u16, u16)>,
    /// The records that hosts had written: when, whose, of which kind, and the body. A ticket is found there.
    pub deposits: Vec<(Mono, Eid, Kind, Vec<u8>)>,
    /// When the directory was asked for a ticket: its owner, the requester, and the iv.
    pub looked_for: Vec<(Mono, Eid, Eid, [u8; 4])>,
    /// When a host has requested an accusation, and against which EID. The test answers.
    pub fetched: Vec<(Mono, Eid)>,
    /// When the directory was asked for the nodes of a path, and its storage key.
    pub resolvers: Vec<(Mono, DhtKey)>,
    /// What opening the found tickets resulted in.
    pub opened: Vec<Result<(), NotOpened>>,
    /// No quorum of the directory answers what is asked of a peer.
    pub without_quorum: bool,
    flying: BinaryHeap<Flying>,
    count: u64,
    rng: ChaCha8Rng,
}

/// The address of a host's place.
#[must_use]
pub fn place(number: u8) -> IpAddr {
    [192, 0, 2, number].into()
}

impl Hosts {
    /// Hosts with the same number of agents each; they are registered one after the other.
    #[must_use]
    pub fn new(seed: u64, hosts: u8, agents: usize, directory: bool) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let now = Mono(1_000);
        let nodes = (0..7)
            .map(|number| (number, Portable::signing_key(&Secret32::random(&mut rng))))
            .map(|(number, key)| DirectoryNode {
                eid: Eid(Portable::public_key(&key)),
                key,
                at: SocketAddr::new([198, 51, 100, number].into(), PORT),
                held: BTreeMap::new(),
                status: None,
                silent: false,
                alters: false,
                says: BTreeMap::new(),
                asked: BTreeMap::new(),
            })
            .collect();
        let hosts = (0..hosts)
            .map(|number| {
                let mut rng = ChaCha8Rng::seed_from_u64((seed << 8) | (u64::from(number) + 1));
                let settings = HostSettings { fifo_each: 16, sessions_each: 8, ..HostSettings::at(place(number + 1)) };
                let settings = if directory { settings } else { settings.without_directory() };
                let entity = entity(agents + 2, settings, now, &mut rng);
                let at = SocketAddr::new(place(number + 1), PORT);
                let mut host = Host {
                    entity,
                    at,
                    agents: Vec::new(),
                    told: BTreeMap::new(),
                    states: BTreeMap::new(),
                    affairs: Vec::new(),
                    dropped: Vec::new(),
                    stored: BTreeMap::new(),
                    storage_works: true,
                    links: Vec::new(),
                    sent: BTreeMap::new(),
                    counters: BTreeMap::new(),
                    standings: Vec::new(),
                    resolved: Vec::new(),
                    unstored: Vec::new(),
                    exported: BTreeMap::new(),
                    deflected: Vec::new(),
                    heard: BTreeMap::new(),
                    path_reports: 0,
                    greeted: Vec::new(),
                    met: Vec::new(),
                    lii: Identity::from_seed(&Secret32::new([0x80 | number; 32])),
                    keeping: None,
                    now,
                    settings,
                    rng: rng.clone(),
                };
                for _ in 0..agents {
                    host.init(now);
                }
                host
            })
            .collect();
        Self {
            now,
            hosts,
            nodes,
            weather: Weather::FAIR,
            standings: BTreeMap::new(),
            cut: Vec::new(),
            trace: Vec::new(),
            asked: Vec::new(),
            known: BTreeMap::new(),
            deposits: Vec::new(),
            looked_for: Vec::new(),
            fetched: Vec::new(),
            resolvers: Vec::new(),
            opened: Vec::new(),
            without_quorum: false,
            flying: BinaryHeap::new(),
            count: 0,
            rng,
        }
    }

    /// One host with one agent, without a directory and without any of the further tables.
    ///
    /// # Panics
    /// Never: the memory suffices.
    #[must_use]
    pub fn bare(seed: u64) -> Self {
        let mut world = Self::new(seed, 1, 0, false);
        let (now, host) = (world.now, &mut world.hosts[0]);
        let bare = Entity::new(memory(1, 4, 4), host.settings, now, &mut host.rng);
        host.entity = bare.expect("the memory suffices");
        host.init(now);
        world.run(10);
        world
    }

    /// A datagram goes out into the weather.
    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.trace.push((self.now, from, to, bytes.to_vec()));
        if self.cut.contains(&(from, to)) {
            return;
        }
        let chance = |rng: &mut ChaCha8Rng, per_mille: u32| rng.next_u32() % 1_000 < per_mille;
        let copies = 1 + u32::from(chance(&mut self.rng, self.weather.duplication));
        for _ in 0..copies {
            if chance(&mut self.rng, self.weather.loss) {
                continue;
            }
            let jitter = self.rng.next_u64() % (self.weather.jitter + 1);
            let at = self.now.after(self.weather.delay + jitter);
            self.put(at, from, to, bytes.to_vec());
        }
    }

    /// A datagram that arrives exactly then.
    pub fn put(&mut self, at: Mono, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.count += 1;
        self.flying.push(Reverse((at, self.count, from, to, bytes)));
    }

    /// Makes each host do whatever it can do now.
    pub fn settle(&mut self) {
        for number in 0..self.hosts.len() {
            for _ in 0..4_096 {
                let host = &mut self.hosts[number];
                host.now = self.now;
                host.listen_to_events();
                let mut busy = false;
                while let Some(request) = self.hosts[number].entity.poll_request() {
                    busy = true;
                    self.answer(number, request);
                }
                let now = self.now;
                let at = self.hosts[number].at;
                for (to, bytes) in std::mem::take(&mut self.hosts[number].deflected) {
                    self.send(at, to, &bytes);
                }
                let host = &mut self.hosts[number];
                let mut head = [0; HEAD];
                let sent = host.entity.poll_transmit(now, &mut head).map(|transmit| {
                    let bytes = [transmit.head, transmit.body].concat();
                    (bytes, transmit.to)
                });
                match sent {
                    Some((bytes, To::Network(to))) => {
                        let at = host.at;
                        self.send(at, to, &bytes);
                    }
                    Some((mut bytes, To::Inside)) => host.receive(now, INSIDE, &mut bytes),
                    None if !busy => break,
                    None => {}
                }
            }
            self.hosts[number].listen_to_events();
        }
    }

    fn answer(&mut self, number: usize, request: HostRequest) {
        let now = self.now;
        match request {
            HostRequest::Persist { eid, what } => {
                let host = &mut self.hosts[number];
                if host.storage_works {
                    host.store(now, eid, what);
                } else {
                    host.unstored.push((eid, what));
                }
            }
            HostRequest::Nodes(eid) => {
                let nodes: Vec<Node> = self.nodes.iter().map(|node| Node { eid: node.eid, at: node.at }).collect();
                self.hosts[number].entity.answer_nodes(now, &eid, &nodes);
            }
            HostRequest::Resolvers { eid, key } => {
                self.resolvers.push((now, key));
                let nodes: Vec<Node> = self.nodes.iter().map(|node| Node { eid: node.eid, at: node.at }).collect();
                let unix = self.unix();
                self.hosts[number].entity.answer_resolvers(now, unix, &eid, &key, &nodes);
            }
            HostRequest::Own(eid) => {
                if let Some(binding) = self.newest(&eid) {
                    self.hosts[number].entity.answer_own(now, &binding);
                }
            }
            HostRequest::Peer(eid) => {
                self.asked.push((now, eid));
                if self.without_quorum {
                    return;
                }
                let standing = self.standings.get(&eid.0).copied().unwrap_or(Admission::Admit);
                let (flags, reputation) = self.known.get(&eid.0).copied().unwrap_or((0, 6_000));
                let unix = self.unix();
                let (standing, reputation) = match &mut self.hosts[number].keeping {
                    Some(Keeping { keeper, log }) => {
                        let proven = if standing == Admission::Drop { Proven::Against } else { Proven::Nothing };
                        keeper.standing::<Portable>(unix, &eid, proven, &mut |entry| log.push(entry))
                    }
                    None => (standing, reputation),
                };
                let answer = PeerAnswer { standing, flags, reputation, binding: self.newest(&eid) };
                self.hosts[number].entity.answer_peer(now, &eid, &answer);
            }
            HostRequest::Accusation(eid) => self.fetched.push((now, eid)),
            HostRequest::Deposit(eid) => {
                let entity = &mut self.hosts[number].entity;
                let (kind, body) = entity.deposit(&eid).expect("there is a record");
                self.deposits.push((now, eid, kind, body.to_vec()));
                entity.deposited(&eid);
            }
            HostRequest::Tickets { owner, requestor, iv } => {
                self.looked_for.push((now, owner, requestor, iv));
                let answer = self.ticket(&owner, iv);
                let came = self.hosts[number].entity.answer_ticket(now, &requestor, &owner, &answer);
                self.opened.push(came.map(|_| ()));
            }
        }
    }

    /// A node's answer to a request for a ticket: the one with the highest counter, or status 1.
    #[must_use]
    pub fn ticket(&self, owner: &Eid, iv: [u8; 4]) -> DhtTicketResp {
        let all = self.deposits.iter().filter(|(_, eid, kind, _)| eid == owner && *kind == Kind::Ticket);
        let under = all.map(|(.., body)| body).filter(|body| body[TICKET_NONCE][..4] == iv);
        let none = DhtTicketResp {
            transaction_id: TransactionId([0; 8]),
            status_code: 1.into(),
            aead_nonce: AeadNonce([0; 12]),
            encrypted_forwarding_data: SealedLocator([0; 36]),
            signature: Signature::ZERO,
        };
        let Some(newest) = under.max_by_key(|body| body[TICKET_NONCE].to_vec()) else { return none };
        let part = |from: usize, to: usize| newest[from..to].iter().copied();
        let mut found = DhtTicketResp { status_code: 0.into(), ..none };
        found.aead_nonce.0.iter_mut().zip(part(68, 80)).for_each(|(to, from)| *to = from);
        found.encrypted_forwarding_data.0.iter_mut().zip(part(80, 116)).for_each(|(to, from)| *to = from);
        found.signature.0.iter_mut().zip(part(116, 180)).for_each(|(to, from)| *to = from);
        found
    }

    /// The time of the Unix clock.
    #[must_use]
    pub const fn unix(&self) -> UnixTime {
        UnixTime(UNIX + self.now.0)
    }

    /// The newest binding that any node has.
    #[must_use]
    pub fn newest(&self, eid: &Eid) -> Option<Binding> {
        self.nodes.iter().filter_map(|node| node.held.get(&eid.0)).max_by_key(|binding| binding.generation).copied()
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, mut bytes: Vec<u8>) {
        let now = self.now;
        if let Some(host) = self.hosts.iter_mut().find(|host| host.at == to) {
            host.receive(now, from, &mut bytes);
        } else if bytes.starts_with(&[0x18, 0x90]) {
            self.relay(to, bytes);
        } else if let Some(node) = self.nodes.iter_mut().find(|node| node.at == to)
            && let Some(confirm) = node.take(now, from, &bytes)
        {
            self.send(to, from, &confirm);
        }
    }

    /// A node forwards a PATH_RELAY, bare, to the address that it has for the destination. The Outer Transport Header
    /// around it is added by the driver, and is left out here.
    fn relay(&mut self, at: SocketAddr, mut bytes: Vec<u8>) {
        let Some(node) = self.nodes.iter().find(|node| node.at == at && !node.silent) else { return };
        let Some(destination) = bytes.get(44..76) else { return };
        let held = node.held.iter().find(|(eid, _)| eid.as_slice() == destination);
        let Some(to) = held.map(|(_, binding)| SocketAddr::new(binding.ip.into(), PORT)) else { return };
        if node.alters
            && let Some(last) = bytes.last_mut()
        {
            *last ^= 1;
        }
        self.send(at, to, &bytes);
    }

    /// Goes to the next thing that happens before `until`; `false` if nothing does.
    pub fn step(&mut self, until: Mono) -> bool {
        self.settle();
        let arrival = self.flying.peek().map(|Reverse((at, ..))| *at);
        let looks = self.hosts.iter().filter_map(|host| host.keeping.as_ref()?.keeper.next_deadline());
        let due = self.hosts.iter().filter_map(|host| host.entity.next_deadline()).chain(looks).min();
        let Some(next) = arrival.into_iter().chain(due).min().filter(|next| *next <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = self.now.max(next);
        while self.flying.peek().is_some_and(|Reverse((at, ..))| *at <= self.now) {
            let Some(Reverse((_, _, from, to, bytes))) = self.flying.pop() else { break };
            self.deliver(from, to, bytes);
            self.settle();
        }
        let (now, unix) = (self.now, self.unix());
        for host in &mut self.hosts {
            if let Some(Keeping { keeper, log }) = &mut host.keeping {
                keeper.handle_deadline::<Portable>(now, unix, &mut |entry| log.push(entry));
            }
            if host.entity.next_deadline().is_some_and(|at| at <= now) {
                host.entity.handle_deadline(now, &mut host.rng);
            }
        }
        self.settle();
        true
    }

    /// Runs for so long.
    pub fn run(&mut self, milliseconds: u64) {
        let until = self.now.after(milliseconds);
        let mut steps = 0_u32;
        while self.step(until) {
            steps += 1;
            assert!(steps < 200_000, "time stands still at {:?}", self.now);
        }
    }

    /// Runs until `done` holds, for at most this many milliseconds; returns whether it holds.
    pub fn run_until(&mut self, milliseconds: u64, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.now.after(milliseconds);
        let mut steps = 0_u32;
        self.settle();
        while !done(self) {
            steps += 1;
            assert!(steps < 200_000, "time stands still at {:?}", self.now);
            if !self.step(until) {
                return done(self);
            }
            self.keep_alive();
        }
        true
    }

    /// All agents say that they live.
    pub fn keep_alive(&mut self) {
        let now = self.now;
        for host in &mut self.hosts {
            for agent in &host.agents {
                let _ = host.entity.desk(now, agent);
            }
        }
    }

    /// All agents are BOUND.
    #[must_use]
    pub fn all_bound(&self) -> bool {
        self.hosts.iter().all(|host| {
            (0..host.agents.len())
                .all(|agent| host.states.get(&agent).is_some_and(|(state, ..)| *state == State::Bound))
        })
    }

    /// A host is somewhere else from now on.
    pub fn move_host(&mut self, number: usize, address: IpAddr) {
        self.hosts[number].at = SocketAddr::new(address, PORT);
        self.hosts[number].entity.churn(address);
    }

    /// The EID of an agent.
    #[must_use]
    pub fn eid(&self, host: usize, agent: usize) -> Eid {
        self.hosts[host].agents[agent].eid()
    }
}

/// An ERP_EVOLVE by the root key of this seed, by hand: PROFILE 2.3.
#[must_use]
pub fn evolve(root: &[u8; 32], eid: Eid, previous: Digest, current: Digest, number: u64) -> Vec<u8> {
    let key = Portable::signing_key(&Secret32::new(*root));
    let head = [0x11, 0x60, 0x00, 0xa8];
    let unsigned = [&head[..], &eid.0, &previous.0, &current.0, &number.to_be_bytes()].concat();
    let digest = Portable::sha256(&[b"IACP/1 ERP_EVOLVE\0", &unsigned]);
    [&unsigned[..], &Portable::sign(&key, &digest)].concat()
}

/// The ERP_REGISTER of a binding.
#[must_use]
pub fn register_frame(binding: &Binding) -> Vec<u8> {
    let mut bytes = vec![0; 124];
    Frame::new(Message::ErpRegister(&binding.to_register())).write(&mut bytes).expect("120 bytes and a header");
    bytes
}
