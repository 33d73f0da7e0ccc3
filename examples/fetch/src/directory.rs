//! Directory nodes that resolve names: each answers ANML Fallback Queries by the records in its own store, which it has
//! verified.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Result, anyhow};
use iacp_core::crypto::Portable;
use iacp_core::dhi::fallback::{Asked, Resolver};
use iacp_core::dhi::mapping::of_node;
use iacp_core::directory::metric::{Diversity, NodeInfo};
use iacp_core::directory::name::Root;
use iacp_core::directory::node::{Entry, Memory, Node, Settings, Shown, Trust};
use iacp_core::directory::quorum::needed;
use iacp_core::directory::{Class, Voters};
use iacp_core::governance::window::Clock;
use iacp_core::guard::ticket::{Issued, Spending};
use iacp_core::guard::{Ingress, Liable, Rate, Zone};
use iacp_core::identity::Identity;
use iacp_core::slots::Slot;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::{DhtKey, Digest, Eid};
use tokio::net::UdpSocket;

use crate::host::{rng, unix};
use crate::records::{Made, verdict};

/// Records of a node.
const PLACES: usize = 256;
/// Requestors of one second.
const REQUESTORS: usize = 256;
/// A frame is shorter.
const DATAGRAM: usize = 2_304;
/// Queries of one network, and of all: each costs a signature.
const NETWORK: Rate = Rate { capacity: 1_024, per_second: 256 };
const ALL: Rate = Rate { capacity: 4_096, per_second: 2_048 };

/// What is configured: the roots that are pinned, and the other nodes, which vote.
#[derive(Clone)]
struct Configured {
    pinned: Vec<Digest>,
    nodes: Voters,
}

impl Trust for Configured {
    fn paid(&self, root: &Root<'_>) -> bool {
        self.pinned.contains(&root.state::<Portable>())
    }
    // A handful of nodes: each is responsible for everything.
    fn responsible(&self, _: Class, _: &DhtKey) -> Option<Voters> {
        Some(self.nodes.clone())
    }
}

/// One node.
struct Names {
    node: Node<'static, Portable>,
    me: Identity<Portable>,
    configured: Configured,
    asked: Vec<Asked>,
    ingress: Ingress<64>,
    begun: Instant,
}

fn lend<T>(count: usize, make: impl FnMut() -> T) -> &'static mut [T] {
    Box::leak(std::iter::repeat_with(make).take(count).collect())
}

impl Names {
    fn new(me: Identity<Portable>, at: SocketAddr, configured: Configured) -> Result<Self> {
        let memory = Memory {
            entries: lend(PLACES, || Slot::new(Entry::EMPTY)),
            cells: lend(2 * PLACES, || 0),
            seen: lend(64, || Shown::FREE),
            nodes: lend(8, || None),
            cases: lend(8, || None),
            spent: lend(8, || Spending::FREE),
            issued: lend(8, || Issued::FREE),
            liable: lend(8, || Liable::FREE),
            zones: lend(256, || Zone::new(Mono(0))),
            cache: lend(8, || iacp_core::directory::node::Kept::FREE),
        };
        let own = NodeInfo { eid: me.eid(), at, place: DhtKey(me.eid().0), classes: 0xF };
        // The nodes are configured, so a node's place requires no proof of work.
        let settings = Settings { diversity: Diversity::Off, place_bits: 0, ..Settings::DEFAULT };
        let node = Node::new(memory, own, settings, Mono(0), &mut rng());
        let node = node.map_err(|error| anyhow!("the memory of a node: {error}"))?;
        let ingress = Ingress::new(ALL, NETWORK, Mono(0), &mut rng());
        Ok(Self { node, me, configured, asked: vec![Asked::FREE; REQUESTORS], ingress, begun: Instant::now() })
    }

    fn now(&self) -> Clock {
        let mono = Mono(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        Clock { mono, unix: unix() }
    }

    /// The answer to a query, if there is one; silence for everything else.
    fn answer(&mut self, from: SocketAddr, query: &[u8], out: &mut [u8]) -> Option<usize> {
        let now = self.now();
        self.ingress.admit(now.mono, from, 1).ok()?;
        let known = |host: &str| of_node(&self.node, now.unix, host, &self.configured);
        Resolver::new(&mut self.asked).answer((now.mono, now.unix), &self.me, (from.ip(), query), known, out).ok()
    }
}

type Shared = Arc<Mutex<Names>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Names> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One to seven nodes on loopback, which run as long as the runtime does.
pub struct Directory {
    nodes: Vec<(Eid, SocketAddr)>,
    shared: Vec<Shared>,
    keys: Vec<[u8; 32]>,
}

impl Directory {
    /// Starts `count` nodes that have these roots pinned.
    ///
    /// # Errors
    /// A port cannot be had, or there is no randomness.
    pub async fn start(count: usize, pinned: &[&Made]) -> Result<Self> {
        use iacp_core::crypto::{Provider as _, Secret32};
        use iacp_core::directory::metric::RESPONSIBLE;
        let (mut keys, mut sockets) = (Vec::new(), Vec::new());
        for _ in 0..count.clamp(1, RESPONSIBLE) {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed)?;
            keys.push(seed);
            sockets.push(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        }
        let identity = |seed: &[u8; 32]| Identity::<Portable>::from_seed(&Secret32::new(*seed));
        let pinned = pinned.iter().map(|made| Digest(Portable::sha256(&[&made.body]))).collect();
        let configured = Configured { pinned, nodes: keys.iter().map(|seed| identity(seed).eid()).collect() };
        let (mut nodes, mut shared) = (Vec::new(), Vec::new());
        for (seed, socket) in keys.iter().zip(sockets) {
            let (me, at) = (identity(seed), socket.local_addr()?);
            nodes.push((me.eid(), at));
            let names: Shared = Arc::new(Mutex::new(Names::new(me, at, configured.clone())?));
            shared.push(names.clone());
            tokio::spawn(serve(socket, names));
        }
        Ok(Self { nodes, shared, keys })
    }

    /// The nodes, and where they are.
    #[must_use]
    pub fn nodes(&self) -> &[(Eid, SocketAddr)] {
        &self.nodes
    }

    /// Hands a record to all nodes, as another node would; returns the status of each.
    pub fn offer(&self, made: &Made) -> Vec<u32> {
        self.offer_at(unix(), made)
    }

    /// The same, at a time other than now: records that have expired since are gone.
    pub fn offer_at(&self, unix: UnixTime, made: &Made) -> Vec<u32> {
        (0..self.shared.len()).map(|node| self.offer_to(node, unix, made)).collect()
    }

    /// The same to one node.
    pub fn offer_to(&self, node: usize, unix: UnixTime, made: &Made) -> u32 {
        let Some(shared) = self.shared.get(node) else { return u32::MAX };
        let names = &mut *lock(shared);
        let now = Clock { unix, ..names.now() };
        names.node.offer(now, Ipv4Addr::LOCALHOST.into(), &made.record(), &names.configured)
    }

    /// A verdict of a quorum of the nodes that a key is guilty.
    #[must_use]
    pub fn convict(&self, offender: Eid) -> Made {
        use iacp_core::crypto::Secret32;
        let nodes: Vec<_> = self.keys.iter().map(|seed| Identity::from_seed(&Secret32::new(*seed))).collect();
        verdict(offender, nodes.iter().take(needed(nodes.len())), unix().0)
    }
}

async fn serve(socket: UdpSocket, names: Shared) {
    let (mut datagram, mut answer) = ([0; DATAGRAM], [0; 256]);
    while let Ok((length, from)) = socket.recv_from(&mut datagram).await {
        let length = lock(&names).answer(from, datagram.get(..length).unwrap_or_default(), &mut answer);
        if let Some(length) = length {
            let _ = socket.send_to(answer.get(..length).unwrap_or_default(), from).await;
        }
    }
}
