//! The clock, the network and the nodes.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::{IpAddr, SocketAddr};

use iacp_core::directory::Class;
use iacp_core::directory::metric::{Diversity, NodeInfo, RESPONSIBLE, responsible};
use iacp_core::governance::window::Clock;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::{DhtKey, Eid};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::frames::identity;
use crate::host::Host;
use crate::operation::{Operation, Purpose, State};
use crate::provider::Chosen;
use iacp_core::crypto::Provider;

/// The first bytes of a DIR_ANSWER.
const ANSWER: [u8; 2] = [0x19, 0x10];

/// The start of an epoch.
pub const START: u64 = 1_790_000_010_000;
/// How many of 1,024 datagrams are lost.
const LOST: u64 = 10;

enum What {
    ToNode { node: usize, from: SocketAddr, operation: Option<(usize, usize)>, bytes: Vec<u8> },
    ToAgent { operation: usize, at: usize, bytes: Vec<u8> },
    Wake(usize),
    Tick,
}

struct Queued {
    at: u64,
    sequence: u64,
    what: Box<What>,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

pub struct World {
    pub now: u64,
    pub hosts: Vec<Host>,
    pub infos: Vec<NodeInfo>,
    pub operations: Vec<Operation>,
    pub rng: ChaCha8Rng,
    /// Whether the network is split into two halves.
    pub parted: bool,
    /// Milliseconds between two looks of a node at what is due.
    pub pace: u64,
    /// Frames of attackers, and bytes that nodes sent back to them.
    pub flood: (u64, u64, u64),
    queue: BinaryHeap<Reverse<Queued>>,
    sequence: u64,
    at_eid: std::collections::BTreeMap<Eid, usize>,
    at_address: std::collections::BTreeMap<SocketAddr, usize>,
}

/// Which half of a parted network an address is in.
fn half(address: SocketAddr) -> u8 {
    match address.ip() {
        IpAddr::V4(ip) => ip.octets()[2] & 1,
        IpAddr::V6(_) => 0,
    }
}

/// The key of an EID.
pub fn key_of(eid: &Eid) -> DhtKey {
    DhtKey(Chosen::sha256(&[&eid.0]))
}

impl World {
    pub fn new(seed: u64, nodes: usize, places: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut infos = Vec::new();
        for number in 0..nodes {
            let mut place = [0; 32];
            rng.fill_bytes(&mut place);
            let [.., high, low] = number.to_be_bytes();
            let at = ([11 + high, low, low, 1], 4_227).into();
            let eid = identity(seed, 1, number).eid();
            infos.push(NodeInfo { eid, at, place: DhtKey(place), classes: 0xF });
        }
        let with =
            |(number, info): (usize, &NodeInfo)| Host::new(identity(seed, 1, number), *info, places, &infos, &mut rng);
        let hosts: Vec<Host> = infos.iter().enumerate().map(with).collect();
        let at_address = infos.iter().enumerate().map(|(number, info)| (info.at, number)).collect();
        let at_eid = infos.iter().enumerate().map(|(number, info)| (info.eid, number)).collect();
        let mut world = Self {
            now: 0,
            hosts,
            infos,
            operations: Vec::new(),
            rng,
            parted: false,
            pace: 1_000,
            flood: (0, 0, 0),
            queue: BinaryHeap::new(),
            sequence: 0,
            at_eid,
            at_address,
        };
        world.push(0, What::Tick);
        world
    }

    pub fn clock(&self) -> Clock {
        Clock { mono: Mono(self.now), unix: UnixTime(START + self.now) }
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound.max(1)
    }

    fn push(&mut self, at: u64, what: What) {
        self.sequence += 1;
        self.queue.push(Reverse(Queued { at, sequence: self.sequence, what: Box::new(what) }));
    }

    /// The nodes for a key, as numbers.
    pub fn nodes_for(&self, key: &DhtKey) -> Vec<usize> {
        let nodes = responsible(Class::Identities, key, self.infos.iter(), Diversity::Limited);
        nodes.iter().take(RESPONSIBLE).filter_map(|node| self.at_eid.get(&node.eid).copied()).collect()
    }

    fn eids(&self, nodes: &[usize]) -> Vec<Eid> {
        nodes.iter().filter_map(|number| self.infos.get(*number)).map(|info| info.eid).collect()
    }

    /// Begins an operation at a later moment; returns its number.
    pub fn begin(&mut self, at: u64, key: DhtKey, from: SocketAddr, purpose: Purpose) -> usize {
        let nodes = self.nodes_for(&key);
        self.begin_at(at, key, from, purpose, nodes)
    }

    /// The same at nodes of one's own choice.
    pub fn begin_at(&mut self, at: u64, key: DhtKey, from: SocketAddr, purpose: Purpose, nodes: Vec<usize>) -> usize {
        let (eids, number) = (self.eids(&nodes), self.operations.len());
        self.operations.extend(Operation::new(at, key, from, purpose, nodes, &eids));
        self.push(at, What::Wake(number));
        number
    }

    /// A frame of an attacker, to one node.
    pub fn attack(&mut self, at: u64, node: usize, from: SocketAddr, bytes: Vec<u8>) {
        self.push(at, What::ToNode { node, from, operation: None, bytes });
    }

    fn is_delivered(&mut self, one: SocketAddr, other: SocketAddr) -> bool {
        let is_parted = self.parted && half(one) != half(other);
        !is_parted && self.below(1_024) >= LOST
    }

    fn send(&mut self, node: usize, from: SocketAddr, operation: Option<(usize, usize)>, bytes: Vec<u8>) {
        let Some(to) = self.infos.get(node).map(|info| info.at) else { return };
        if self.is_delivered(from, to) {
            let delay = 5 + self.below(60);
            self.push(self.now + delay, What::ToNode { node, from, operation, bytes });
        }
    }

    /// Lets time pass up to a moment.
    pub fn run(&mut self, until: u64) {
        while self.queue.peek().is_some_and(|Reverse(next)| next.at <= until) {
            let Some(Reverse(next)) = self.queue.pop() else { break };
            self.now = self.now.max(next.at);
            self.step(*next.what);
        }
        self.now = until;
    }

    /// Lets time pass until no operation waits.
    pub fn finish(&mut self, operations: &[usize]) {
        let waits = |world: &Self| {
            operations.iter().any(|number| world.operations.get(*number).is_some_and(|one| one.state == State::Waiting))
        };
        while waits(self) {
            self.run(self.now + 1_000);
        }
    }

    fn step(&mut self, what: What) {
        let clock = self.clock();
        match what {
            What::Tick => {
                for number in 0..self.hosts.len() {
                    let Some(host) = self.hosts.get_mut(number) else { continue };
                    let (votes, from) = (host.tick(clock), host.info.at);
                    while let Some((to, put)) = self.hosts.get_mut(number).and_then(|host| host.transmit(clock)) {
                        if let Some(node) = self.at_address.get(&to).copied() {
                            self.send(node, from, None, put);
                        }
                    }
                    for (vote, to) in votes {
                        let others: Vec<usize> = to.iter().filter_map(|eid| self.at_eid.get(eid).copied()).collect();
                        // Three times: datagrams get lost.
                        for node in others.iter().cycle().take(3 * others.len()).filter(|node| **node != number) {
                            self.send(*node, from, None, vote.clone());
                        }
                    }
                }
                self.push(self.now + self.pace, What::Tick);
            }
            What::Wake(number) => self.wake(number),
            What::ToNode { node, from, operation, bytes } => {
                let Some(host) = self.hosts.get_mut(node) else { return };
                let at = host.info.at;
                let answer = host.handle(clock, from, &bytes);
                match (operation, answer) {
                    (Some((operation, place)), Some(bytes)) if self.is_delivered(at, from) => {
                        let delay = 5 + self.below(60);
                        self.push(self.now + delay, What::ToAgent { operation, at: place, bytes });
                    }
                    // A node's request is answered; receipts are not passed to it.
                    (None, answer) if self.at_address.contains_key(&from) => {
                        let to = self.at_address.get(&from).copied();
                        if let (Some(to), Some(answer)) = (to, answer.filter(|answer| answer.starts_with(&ANSWER))) {
                            self.send(to, at, None, answer);
                        }
                    }
                    (None, answer) => {
                        self.flood.0 += 1;
                        self.flood.1 += u64::try_from(bytes.len()).unwrap_or(0);
                        self.flood.2 += answer.map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(0));
                    }
                    _ => {}
                }
            }
            What::ToAgent { operation, at, bytes } => {
                let Some(one) = self.operations.get_mut(operation) else { return };
                let Some(node) = one.nodes.get(at).copied() else { return };
                let Some(eid) = self.infos.get(node).map(|info| info.eid) else { return };
                let from = one.from;
                if let Some(again) = one.answer(clock.mono.0, clock.unix, at, &eid, &bytes) {
                    self.send(node, from, Some((operation, at)), again);
                }
            }
        }
    }

    fn wake(&mut self, number: usize) {
        let Some(nodes) = self.operations.get(number).map(|one| one.nodes.clone()) else { return };
        let (eids, now) = (self.eids(&nodes), self.now);
        let Some(one) = self.operations.get_mut(number) else { return };
        let (sent, from) = (one.poll(now, &eids), one.from);
        let next = one.next_deadline();
        for (at, bytes) in sent {
            if let Some(node) = nodes.get(at) {
                self.send(*node, from, Some((number, at)), bytes);
            }
        }
        if let Some(next) = next {
            self.push(next.max(now + 1), What::Wake(number));
        }
    }
}
