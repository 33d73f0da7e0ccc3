//! One directory node as a task: frames of agents on UDP, the DHT on QUIC.
//!
//! What an owner brings is admitted by the node, then written into the DHT, and confirmed once a quorum has it. What is looked up
//! is read from the DHT, judged, and answered out of the node's own records.

mod cases;
mod keeper;
mod names;
mod overlay;
mod records;
mod votes;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use iacp_core::directory::metric::RESPONSIBLE;
use iacp_core::directory::quorum::needed;
use iacp_core::directory::{Class, Kind, Voters, record_digest};
use iacp_core::erp::ticket::storage_key;
use iacp_core::guard::site;
use iacp_core::time::Mono;
use iacp_wire::layout::Record;
use iacp_wire::{DhtKey, Digest, Eid, Frame, Message};
use libp2p::kad::{self, GetRecordOk, Mode, PutRecordError, QueryId, QueryResult, Quorum};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, identity};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior, interval};

pub use keeper::{Counts, Keeper};
pub use overlay::{Overlay, coordinate, dht_key, eid_of, frames, peer_of, quic};
pub use records::Shared;

use crate::Chosen;
use crate::clock::Clocks;
use keeper::{BUNDLE, Todo};
use names::Names;

/// The DHT of directory nodes. It is one for all classes: the class is a part of the key.
const PROTOCOL: StreamProtocol = StreamProtocol::new("/iacp/dir/1");
/// So many writes and look-ups wait for the DHT at a time; more are answered with silence, and come again.
const WAITING: usize = 1_024;
/// Of them so many are of one network.
const OF_NETWORK: usize = WAITING / 16;
/// At most so many coordinates are handed over in one turn: 32 a second.
const HAND_OVER: usize = 8;
/// How often what became due is handled.
const TURN: Duration = Duration::from_millis(250);
/// Each record is compared with the other responsible nodes once an hour, in milliseconds.
const COMPARE: u64 = 3_600_000;
/// A vote is sent so many times, one a turn: datagrams get lost.
const REPEATS: u8 = 8;

/// What a node is started with.
pub struct Options {
    /// The seed of its key.
    pub seed: [u8; 32],
    /// Where it takes frames; the port above is for other nodes.
    pub listen: SocketAddr,
    /// Nodes to begin with.
    pub join: Vec<(Eid, SocketAddr)>,
    /// Bits of work without load.
    pub base: u32,
    /// The time.
    pub clocks: Clocks,
    /// Where votes are written before they are signed.
    pub votes: Option<File>,
    /// Where open trials are written.
    pub cases: Option<PathBuf>,
    /// SHA-256 of each ROOT body that counts as paid.
    pub pinned: Vec<Digest>,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    kad: kad::Behaviour<Shared>,
    identify: identify::Behaviour,
}

/// What waits for a query of the DHT.
enum Waiting {
    /// An answer that is sent once a quorum has the record.
    Write { answer: Vec<u8>, to: SocketAddr },
    /// A look-up that is answered once the nodes for its key were asked.
    Read { question: Vec<u8>, to: SocketAddr, found: usize, enough: usize },
    /// A forgery, whose success is told.
    Forgery(oneshot::Sender<usize>),
}

/// What a demo has a node do: write bytes into the DHT that no step of the node has let through.
pub struct Forgery {
    /// Where.
    pub class: Class,
    /// Under which key.
    pub key: DhtKey,
    /// What.
    pub value: Vec<u8>,
    /// How many nodes took it.
    pub taken: oneshot::Sender<usize>,
}

/// A running node.
pub struct Host {
    shared: Shared,
    swarm: Swarm<Behaviour>,
    socket: UdpSocket,
    clocks: Clocks,
    waiting: HashMap<QueryId, Waiting>,
    names: Names,
    /// For which nodes each coordinate was handed over last, and when.
    handed: BTreeMap<(u8, [u8; 32]), (Voters, Mono)>,
    votes: VecDeque<(u8, Vec<u8>, Vec<SocketAddr>)>,
    forgeries: mpsc::Receiver<Forgery>,
    forger: mpsc::Sender<Forgery>,
}

/// QUIC with timeouts for nodes that are gone without a word.
fn transport(mut config: libp2p::quic::Config) -> libp2p::quic::Config {
    config.handshake_timeout = Duration::from_secs(2);
    config.keep_alive_interval = Duration::from_secs(1);
    config.max_idle_timeout = 4_000;
    config
}

fn swarm(key: identity::Keypair, shared: Shared) -> Result<Swarm<Behaviour>> {
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_quic_config(transport)
        .with_behaviour(|key| {
            let peer = key.public().to_peer_id();
            let mut config = kad::Config::new(PROTOCOL);
            config
                .set_replication_factor(NonZeroUsize::new(RESPONSIBLE).unwrap_or(NonZeroUsize::MIN))
                .set_replication_interval(None)
                .set_publication_interval(None)
                .set_record_ttl(None)
                .set_max_packet_size(BUNDLE + 4_096)
                .set_query_timeout(Duration::from_secs(10))
                .set_substreams_timeout(Duration::from_secs(3))
                .set_periodic_bootstrap_interval(Some(Duration::from_secs(20)));
            let mut kad = kad::Behaviour::with_config(peer, shared, config);
            kad.set_mode(Some(Mode::Server));
            let identify = identify::Config::new(PROTOCOL.to_string(), key.public());
            Behaviour { kad, identify: identify::Behaviour::new(identify) }
        })?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)))
        .build();
    Ok(swarm)
}

impl Host {
    /// Binds the ports of a node and joins the others.
    ///
    /// # Errors
    /// A port is taken, or the key of a node to join is none.
    pub async fn start(mut options: Options) -> Result<Self> {
        let votes = options.votes.take();
        let keeper = |options: &Options| Keeper::new(options, votes);
        let Options { seed, listen, .. } = options;
        let socket = UdpSocket::bind(listen).await.with_context(|| format!("a port for frames at {listen}"))?;
        let shared = Shared::new(keeper(&options)?);
        let Options { join, clocks, .. } = options;
        let key = identity::Keypair::ed25519_from_bytes(seed).context("a key")?;
        let peer = key.public().to_peer_id();
        ensure!(eid_of(&peer) == Some(shared.keeper().eid()), "one seed is one key, for frames and for the DHT");
        let mut swarm = swarm(key, shared.clone())?;
        swarm.listen_on(quic(listen)).with_context(|| format!("a port for nodes above {listen}"))?;
        for (eid, at) in join {
            let peer = peer_of(&eid).context("the EID of a node to join is no key")?;
            swarm.behaviour_mut().kad.add_address(&peer, quic(at));
        }
        let _ = swarm.behaviour_mut().kad.bootstrap();
        let (waiting, handed, votes) = (HashMap::new(), BTreeMap::new(), VecDeque::new());
        let (forger, forgeries) = mpsc::channel(1);
        let names = Names::default();
        Ok(Self { shared, swarm, socket, clocks, waiting, names, handed, votes, forgeries, forger })
    }

    /// The node's records and counts, for others to look at.
    #[must_use]
    pub fn shared(&self) -> Shared {
        self.shared.clone()
    }

    /// What makes the node lie.
    #[must_use]
    pub fn forger(&self) -> mpsc::Sender<Forgery> {
        self.forger.clone()
    }

    /// Runs until the task is dropped.
    pub async fn run(mut self) {
        let mut buffer = [0; 1_500];
        let mut turn: Interval = interval(TURN);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event).await,
                received = self.socket.recv_from(&mut buffer) => {
                    if let Ok((length, from)) = received {
                        self.on_frame(buffer.get(..length).unwrap_or_default(), from).await;
                    }
                }
                _ = turn.tick() => self.on_turn().await,
                Some(forgery) = self.forgeries.recv() => self.forge(forgery),
            }
        }
    }

    /// A frame of an agent, or a vote of another node.
    async fn on_frame(&mut self, datagram: &[u8], from: SocketAddr) {
        if self.on_name(datagram, from).await {
            return;
        }
        if is_for_hub(datagram) {
            let sent = self.shared.keeper().relay(from, datagram);
            for (to, frame) in sent {
                let _ = self.socket.send_to(&frame, to).await;
            }
            return;
        }
        let Some(answer) = self.shared.keeper().handle(from, datagram) else { return };
        if let Some((class, key)) = looked_up(datagram, &answer) {
            if !self.has_room(from) {
                return;
            }
            let enough = needed(self.shared.keeper().overlay.nearest(class, &key).len());
            let id = self.swarm.behaviour_mut().kad.get_record(dht_key(class, &key));
            self.waiting.insert(id, Waiting::Read { question: datagram.to_vec(), to: from, found: 0, enough });
        } else if let Some((class, record)) = self.admitted(datagram, &answer) {
            // A node that is alone is the quorum.
            if self.shared.keeper().overlay.len() == 1 {
                let _ = self.socket.send_to(&answer, from).await;
            } else if self.has_room(from) {
                self.write(class, record, Some((answer, from)));
            }
        } else {
            let _ = self.socket.send_to(&answer, from).await;
        }
    }

    fn has_room(&self, from: SocketAddr) -> bool {
        let of_network = self.waiting.values().filter(|waiting| match waiting {
            Waiting::Write { to, .. } | Waiting::Read { to, .. } => site(to.ip()) == site(from.ip()),
            Waiting::Forgery(_) => false,
        });
        self.waiting.len() < WAITING && of_network.count() < OF_NETWORK
    }

    /// The record that the node has just admitted, by its own answer.
    fn admitted(&self, datagram: &[u8], answer: &[u8]) -> Option<(Class, (DhtKey, Vec<u8>))> {
        let keeper = self.shared.keeper();
        let now = self.clocks.now().unix;
        let bytes = |record: &Record<'_>| {
            let mut buffer = [0; 1_100];
            let length = record.write(&mut buffer).ok()?;
            buffer.get(..length).map(<[u8]>::to_vec)
        };
        match Frame::parse(answer).ok()?.message {
            Message::ErpConfirm(confirm) if confirm.status.get() == 0 => {
                let key = storage_key::<Chosen>(&confirm.eid);
                let (record, _) = keeper.node.store().one(now, Kind::Binding, key)?;
                Some((Class::Identities, (key, bytes(&record)?)))
            }
            Message::DirReceipt(receipt) if receipt.status.get() == 0 => {
                let Message::WorkedRequest { head, .. } = Frame::parse(datagram).ok()?.message else { return None };
                let [first, ..] = head.pow_target_threshold.get().to_be_bytes();
                let (class, key) = (Class::from_code(first.checked_sub(0x80)?)?, head.storage_key);
                let is_it = |record: &Record<'_>| {
                    record_digest::<Chosen>(record.kind, &record.storage_key, record.body) == receipt.record_digest
                };
                let mut all = Kind::ALL.into_iter().flat_map(|kind| keeper.node.store().list(now, kind, key));
                let (record, _) = all.find(|(record, _)| is_it(record))?;
                Some((class, (key, bytes(&record)?)))
            }
            _ => None,
        }
    }

    /// Writes into the DHT. The answer, if there is one, goes out once a quorum has taken it.
    fn write(&mut self, class: Class, (key, value): (DhtKey, Vec<u8>), answer: Option<(Vec<u8>, SocketAddr)>) {
        let others = self.shared.keeper().overlay.len().saturating_sub(1).min(RESPONSIBLE);
        let record = kad::Record { key: dht_key(class, &key), value, publisher: None, expires: None };
        let quorum = NonZeroUsize::new(needed(others)).map_or(Quorum::One, Quorum::N);
        // The library stores it here first; it stands here already.
        let Ok(id) = self.swarm.behaviour_mut().kad.put_record(record, quorum) else { return };
        if let Some((answer, to)) = answer {
            self.waiting.insert(id, Waiting::Write { answer, to });
        }
    }

    fn forge(&mut self, forgery: Forgery) {
        let Forgery { class, key, value, taken } = forgery;
        let to: Vec<PeerId> = self.shared.keeper().overlay.nearest(class, &key).iter().filter_map(peer_of).collect();
        let own = *self.swarm.local_peer_id();
        let record = kad::Record { key: dht_key(class, &key), value, publisher: Some(own), expires: None };
        let to: Vec<PeerId> = to.into_iter().filter(|peer| *peer != own).collect();
        let id = self.swarm.behaviour_mut().kad.put_record_to(record, to.into_iter(), Quorum::All);
        self.waiting.insert(id, Waiting::Forgery(taken));
    }

    async fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. })) => {
                let speaks = info.protocols.contains(&PROTOCOL);
                for address in info.listen_addrs.into_iter().filter(|_| speaks) {
                    self.swarm.behaviour_mut().kad.add_address(&peer_id, address);
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::RoutingUpdated {
                peer,
                addresses,
                old_peer,
                ..
            })) => {
                let mut keeper = self.shared.keeper();
                if let (Some(eid), Some(at)) = (eid_of(&peer), frames(addresses.first())) {
                    keeper.overlay.enter(eid, at);
                }
                if let Some(eid) = old_peer.as_ref().and_then(eid_of) {
                    keeper.overlay.leave(&eid);
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                id,
                result,
                step,
                ..
            })) => self.on_query(id, result, step.last).await,
            // A connection that broke: either the node is dialled again, or it is gone.
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause: Some(_), .. } => {
                let _ = self.swarm.dial(peer_id);
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), .. } if !self.swarm.is_connected(&peer) => {
                self.forget(&peer);
            }
            _ => {}
        }
    }

    fn forget(&mut self, peer: &PeerId) {
        self.swarm.behaviour_mut().kad.remove_peer(peer);
        if let Some(eid) = eid_of(peer) {
            self.shared.keeper().overlay.leave(&eid);
        }
    }

    async fn on_query(&mut self, id: QueryId, result: QueryResult, is_last: bool) {
        match result {
            QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(found))) => {
                let Some((class, key)) = coordinate(&found.record.key) else { return };
                if let Some(from) = found.peer.and_then(|peer| self.at(&peer)) {
                    // Every value is judged; the best one wins, not the first.
                    self.shared.keeper().take(from.ip(), class, &key, &found.record.value);
                }
                if let Some(Waiting::Read { found, enough, .. }) = self.waiting.get_mut(&id) {
                    *found += 1;
                    if *found >= *enough
                        && let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&id)
                    {
                        query.finish();
                    }
                }
            }
            QueryResult::PutRecord(Err(
                PutRecordError::QuorumFailed { success, .. } | PutRecordError::Timeout { success, .. },
            )) => {
                // No quorum has it, so nothing is confirmed: its owner asks again.
                if let Some(Waiting::Forgery(taken)) = self.waiting.remove(&id) {
                    let _ = taken.send(success.len());
                }
                return;
            }
            _ => {}
        }
        if !is_last || self.on_name_read(&id).await {
            return;
        }
        match self.waiting.remove(&id) {
            Some(Waiting::Write { answer, to }) => {
                let _ = self.socket.send_to(&answer, to).await;
            }
            Some(Waiting::Read { question, to, .. }) => {
                let answer = self.shared.keeper().handle(to, &question);
                if let Some(answer) = answer {
                    let _ = self.socket.send_to(&answer, to).await;
                }
            }
            Some(Waiting::Forgery(taken)) => {
                let _ = taken.send(RESPONSIBLE);
            }
            None => {}
        }
    }

    fn at(&self, peer: &PeerId) -> Option<SocketAddr> {
        self.shared.keeper().overlay.at(&eid_of(peer)?)
    }

    /// What became due: votes, verdicts, and what other nodes should have.
    async fn on_turn(&mut self) {
        let todo = self.shared.keeper().due();
        for todo in todo {
            match todo {
                Todo::Vote(frame, to) => self.votes.push_back((REPEATS, frame, to)),
                Todo::Publish(class, key) => {
                    self.handed.remove(&(class as u8, key.0));
                }
            }
        }
        let sent = self.shared.keeper().sends();
        for (to, frame) in sent {
            let _ = self.socket.send_to(&frame, to).await;
        }
        for _ in 0..self.votes.len() {
            let Some((left, frame, to)) = self.votes.pop_front() else { break };
            for node in &to {
                let _ = self.socket.send_to(&frame, node).await;
            }
            if left > 1 {
                self.votes.push_back((left - 1, frame, to));
            }
        }
        self.hand_over();
    }

    /// Writes again what stands at a coordinate whose nodes are no longer the same, or that was not compared for an hour.
    fn hand_over(&mut self) {
        let now = self.clocks.now().mono;
        let mut due = Vec::new();
        {
            let keeper = self.shared.keeper();
            let (here, own) = (keeper.coordinates(), keeper.eid());
            self.handed.retain(|at, _| here.contains(at));
            for at in here {
                let Some(class) = Class::from_code(at.0) else { continue };
                let nodes = keeper.overlay.nearest(class, &DhtKey(at.1));
                let before = self.handed.get(&at);
                let is_done = before.is_some_and(|(to, when)| *to == nodes && now.since(*when) < COMPARE);
                // What a node has only admitted or read is the responsible nodes' to keep.
                // Its own FILTER lies far from it, at the nodes of its key.
                let is_own = class == Class::Overlay && DhtKey(at.1) == storage_key::<Chosen>(&own);
                let is_ours = is_own || nodes.contains(&own) || before.is_some_and(|(to, _)| to.contains(&own));
                if !is_done && is_ours && due.len() < HAND_OVER {
                    due.push((at, class, keeper.bundle(class, &DhtKey(at.1)), nodes));
                }
            }
        }
        for (at, class, bundle, nodes) in due {
            self.handed.insert(at, (nodes, now));
            self.write(class, (DhtKey(at.1), bundle), None);
        }
    }
}

/// Whether a frame is about who hears what is searched in a space.
fn is_for_hub(datagram: &[u8]) -> bool {
    match Frame::parse(datagram).map(|frame| frame.message) {
        Ok(Message::SpaceJoin(_) | Message::DiscoveryReq(_) | Message::SpaceRelay { .. }) => true,
        Ok(Message::WorkedRequest { inner, .. }) => {
            matches!(Frame::parse(inner).map(|frame| frame.message), Ok(Message::SpaceJoin(_)))
        }
        _ => false,
    }
}

/// What a look-up asks for, if the node would answer it from its records.
fn looked_up(datagram: &[u8], answer: &[u8]) -> Option<(Class, DhtKey)> {
    let is_answer = matches!(Frame::parse(answer).ok()?.message, Message::DirAnswer { .. } | Message::DhtTicketResp(_));
    match Frame::parse(datagram).ok()?.message {
        Message::DirGet { head, .. } if is_answer && head.kind != 0 => {
            Some((Class::from_code(head.class)?, head.storage_key))
        }
        Message::WorkedRequest { inner, .. } => looked_up(inner, answer),
        Message::DhtTicketQuery(query) if is_answer => Some((Class::Identities, query.target_storage_key)),
        _ => None,
    }
}
