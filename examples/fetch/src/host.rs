//! The LL-Entity that resolves names for the interpreter (`IACP §4.1.1`): one agent, and a quorum of directory nodes.
//!
//! The agent's EID is drawn for this run and not registered, since nothing has to look it up.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, ensure};
use getrandom::SysRng;
use iacp_core::crypto::Portable;
use iacp_core::dhi::mapping::Known;
use iacp_core::directory::quorum::{faulty, needed};
use iacp_core::erp::agent::{Agent, AgentSlot};
use iacp_core::erp::entity::{
    HEAD, HostEvent, HostRequest, HostSettings, LlEntity, Memory, PeerSlot, QuerySlot, SessionSlot, Tables, To,
};
use iacp_core::erp::local::AgentEvent;
use iacp_core::erp::switch_point::{NODES, Node, OutboxCell, Quorum};
use iacp_core::slots::{HeapCell, Slot};
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::{Digest, Eid};
use rand_core::UnwrapErr;
use tokio::net::UdpSocket;

/// Mappings that are kept.
const PLACES: usize = 256;
/// A datagram is shorter.
const DATAGRAM: usize = 2_048;

/// An LL-Entity for names alone.
type Machine = LlEntity<'static, Portable, 2_048, 4, 16>;

/// The system's randomness.
#[must_use]
pub const fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// The system's clock.
#[must_use]
pub fn unix() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The program around the LL-Entity.
pub struct Host {
    entity: Box<Machine>,
    agent: Agent,
    nodes: Vec<Node>,
    socket: Option<UdpSocket>,
    begun: Instant,
    number: u32,
    sent: u32,
    dropped: u32,
}

fn lend<T>(count: usize, make: impl FnMut() -> T) -> &'static mut [T] {
    Box::leak(std::iter::repeat_with(make).take(count).collect())
}

impl Host {
    /// A host whose names are those on which a quorum of these nodes agrees: one to seven, with their EIDs.
    ///
    /// # Errors
    /// No node, too many, or two of one EID.
    pub fn new(nodes: &[(Eid, SocketAddr)]) -> Result<Self> {
        ensure!((1..=NODES).contains(&nodes.len()), "a quorum has one to seven directory nodes");
        let twice =
            nodes.iter().enumerate().any(|(at, (eid, _))| nodes.iter().skip(at + 1).any(|(other, _)| other == eid));
        ensure!(!twice, "a directory node is named twice");
        let memory = Memory {
            agents: lend(1, || Slot::new(AgentSlot::EMPTY)),
            sessions: lend(1, || Slot::new(SessionSlot::EMPTY)),
            peers: lend(1, || Slot::new(PeerSlot::EMPTY)),
            fifo: lend(0, || unreachable!("an empty table")),
            outbox: lend(1, || Slot::new(OutboxCell::EMPTY)),
            agent_index: lend(4, || 0),
            session_index: lend(2, || 0),
            peer_index: lend(2, || 0),
            heap: lend(3, || HeapCell::EMPTY),
            channels: &mut [],
        };
        let tables = Tables {
            queries: lend(1, || QuerySlot::EMPTY),
            mappings: lend(PLACES, || Known::FREE),
            ..Tables::default()
        };
        let quorum = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
        let settings = HostSettings {
            directory: Some(Quorum { confirmations: quorum(needed(nodes.len())), faulty: quorum(faulty(nodes.len())) }),
            ..HostSettings::at(Ipv4Addr::LOCALHOST.into())
        };
        let entity = Machine::with_tables(memory, tables, settings, Mono(0), &mut rng());
        let mut entity = Box::new(entity.map_err(|error| anyhow!("the tables of the LL-Entity: {error}"))?);
        let agent = entity.init(Mono(0), None, Digest::ZERO, &mut rng()).context("an agent")?;
        let nodes = nodes.iter().map(|(eid, at)| Node { eid: *eid, at: *at }).collect();
        let begun = Instant::now();
        let mut host = Self { entity, agent, nodes, socket: None, begun, number: 0, sent: 0, dropped: 0 };
        host.ask();
        Ok(host)
    }

    /// How many queries were sent to nodes, and how many datagrams were no answer to them.
    #[must_use]
    pub const fn counts(&self) -> (u32, u32) {
        (self.sent, self.dropped)
    }

    fn now(&self) -> Mono {
        Mono(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The EID of this URI's host: from the cache, or as the directory answers now. Without a quorum there is no
    /// mapping.
    pub async fn mapping(&mut self, uri: &str) -> Option<Eid> {
        let now = self.now();
        self.number = self.number.wrapping_add(1).max(1);
        let known = self.entity.desk(now, &self.agent)?.resolve(self.number, uri, &mut rng());
        match known {
            Ok(Some(mapped)) => Some(mapped.eid),
            Ok(None) => self.drive().await.ok().flatten(),
            Err(_) => None,
        }
    }

    /// Drives the LL-Entity until it gives the result of the newest request.
    async fn drive(&mut self) -> Result<Option<Eid>> {
        let mut datagram = [0; DATAGRAM];
        loop {
            self.ask();
            if let Some(told) = self.told() {
                return Ok(told);
            }
            self.say().await?;
            let due = self.entity.next_deadline().unwrap_or(Mono(u64::MAX)).0.saturating_sub(self.now().0);
            let socket = self.socket.as_ref().context("no query was sent")?;
            // The clock counts whole milliseconds.
            let arrival =
                tokio::time::timeout(Duration::from_millis(due.max(1)), socket.recv_from(&mut datagram)).await;
            let now = self.now();
            match arrival {
                Ok(Ok((length, from))) => {
                    let bytes = datagram.get_mut(..length).unwrap_or_default();
                    let event = self.entity.handle(now, from, bytes, &mut rng());
                    self.dropped += u32::from(matches!(event, HostEvent::Dropped(_)));
                }
                // A port that is closed answers so on some systems; the deadline ends it.
                Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(_) => {}
            }
            if self.entity.next_deadline().is_some_and(|due| due <= now) {
                self.entity.handle_deadline(now, &mut rng());
            }
        }
    }

    /// Handles the LL-Entity's requests to its host. The agent's key ends with this process, so nothing is stored.
    fn ask(&mut self) {
        let now = self.now();
        while let Some(request) = self.entity.poll_request() {
            match request {
                HostRequest::Persist { eid, what } => self.entity.persisted(now, &eid, what),
                HostRequest::Resolvers { eid, key } => {
                    self.entity.answer_resolvers(now, unix(), &eid, &key, &self.nodes);
                }
                HostRequest::Accusation(_)
                | HostRequest::Nodes(_)
                | HostRequest::Own(_)
                | HostRequest::Peer(_)
                | HostRequest::Deposit(_)
                | HostRequest::Tickets { .. } => {}
            }
        }
    }

    /// The result of the newest request, once there is one.
    fn told(&mut self) -> Option<Option<Eid>> {
        while let Some(event) = self.entity.poll_event() {
            let HostEvent::Agent { event, .. } = event else { continue };
            match event {
                AgentEvent::Resolved { request, mapped } if request == self.number => return Some(Some(mapped.eid)),
                AgentEvent::Result { request, .. } if request == self.number => return Some(None),
                _ => {}
            }
        }
        None
    }

    async fn say(&mut self) -> Result<()> {
        let mut head = [0; HEAD];
        loop {
            let now = self.now();
            let Some(transmit) = self.entity.poll_transmit(now, &mut head) else { return Ok(()) };
            let To::Network(to) = transmit.to else { continue };
            let frame = [transmit.head, transmit.body].concat();
            let own: SocketAddr =
                if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
            let socket = match self
                .socket
                .take()
                .filter(|socket| socket.local_addr().is_ok_and(|at| at.is_ipv4() == to.is_ipv4()))
            {
                Some(socket) => socket,
                None => UdpSocket::bind(own).await?,
            };
            // What cannot be sent is lost, as on any network.
            let _ = socket.send_to(&frame, to).await;
            self.socket = Some(socket);
            self.sent += 1;
        }
    }
}
