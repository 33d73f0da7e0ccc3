//! The LL-Entity: one machine that owns keys, contexts and sessions of all agents of a host (`IACP §4.2.1.2`).
//!
//! ```text
//! init, handle_local, desk    agents: in this process by calls, in others by frames; the same rules
//! handle                      a datagram in
//! poll_event                  what agents and the host are told, until there is nothing
//! poll_request                what is to be stored or looked up, until there is nothing
//! poll_transmit               a datagram out, until there is none
//! next_deadline               when something is due
//! handle_deadline             it is due
//! churn                       the host has another address
//! ```
//!
//! One rule drives it: after any call, ask `poll_event`, `poll_request` and `poll_transmit` until each has nothing, then
//! sleep until `next_deadline`.

mod channel;
mod compromise;
mod contexts;
mod deadline;
mod derived;
mod desk;
mod dock;
mod docking;
mod door;
mod event;
mod frame;
mod inbound;
mod keys;
mod memory;
mod news;
mod outbound;
mod parts;
mod paths;
mod proof;
mod records;
mod resolve;
mod sessions;
mod shared;
mod tables;
mod throttle;

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use iacp_wire::{Cookie, Eid};
use rand_core::CryptoRng;
use zeroize::Zeroize;

use self::memory::{PeerSlot as Peer, SessionSlot as Entry};
use self::parts::{ANSWERS, DIRECTORY, ENDPOINTS, RESUME, ROAMING, part};
use self::proof::Proof;
use self::throttle::{NETWORKS, Shares};
use super::agent::AgentSlot;
use super::receipt::ReceiptSlot;
use super::sandbox::Gate;
use super::switch_point::{FifoCell, OutboxCell, Quorum};
use crate::crypto::Provider;
use crate::dhi::mapping::Known;
use crate::guard::{Ingress, Rate, TokenBucket};
use crate::pss::shared::EndpointSlot;
use crate::pss::{Capabilities, Responder, Settings, TRANSMIT_BUFFER, Terms};
use crate::slots::{Deadlines, Handle, Index, List, Places, Slots, TooFew};
use crate::time::Mono;

pub use derived::derivative_of;
pub use desk::{Desk, Done};
pub use dock::Docked;
pub use docking::OfferSlot;
pub use event::{Dropped, HostEvent, HostRequest, PeerAnswer, Persist, To, Transmit};
pub use memory::{Channel, Memory, PeerSlot, SessionSlot};
pub use paths::PathSlot;
pub use proof::BargainSlot;
pub use records::{DepositSlot, NotAccused, TicketSlot};
pub use resolve::QuerySlot;
pub use shared::{GroupSlot, SharedSlot};
pub use tables::{LineSlot, Tables};

/// How long the buffer of `poll_transmit` is, in bytes: the routing header and the longest control frame behind it.
pub const HEAD: usize = frame::ROUTING + TRANSMIT_BUFFER;
/// In how many sessions of its owner a binding or a ticket is applied at first; in the others when one of these shows that the owner
/// is there.
const CLAIMS: usize = 2;
/// Where frames between two agents of one host come from. No process can have this port; a driver that reads from a network
/// drops what claims to come from here.
pub const INSIDE: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

/// A question about a peer that the host does not answer for this long, in milliseconds, is given up: the peer may be forgotten.
const ASKING: u64 = 10_000;
/// Reads of the directory for strangers, of all together.
const STRANGERS: Rate = Rate { capacity: 20, per_second: 20 };
/// Buckets at the door for what costs a signature.
const PREFIXES: usize = NETWORKS;

/// How a host is configured.
///
/// ```
/// use iacp_core::erp::entity::HostSettings;
///
/// // A small device: no directory, and one agent with two sessions.
/// let settings = HostSettings { sessions_each: 2, fifo_each: 4, ..HostSettings::at([192, 0, 2, 1].into()) };
/// assert!(settings.directory.is_some(), "unless it says otherwise, a host asks the directory");
/// assert!(settings.without_directory().directory.is_none());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HostSettings {
    /// Its address.
    pub address: IpAddr,
    /// How many directory nodes have to agree. `None` for a host without a directory: a binding counts at once, peers are
    /// named with their address, and every peer is admitted.
    ///
    /// Without the feature `directory` anything else is refused when the entity is made: a host that is to ask before it admits
    /// a peer never becomes one that admits all.
    pub directory: Option<Quorum>,
    /// The most sessions of one agent.
    pub sessions_each: u32,
    /// The most items of one agent that wait to be sealed.
    pub fifo_each: u32,
    /// The most contexts that one account begins by its local channels. With fewer than there are agents, one account leaves
    /// room for others.
    pub contexts_each: u32,
    /// Frames that cost a signature, of all senders together.
    pub all: Rate,
    /// The same of one network.
    pub per_prefix: Rate,
}

impl HostSettings {
    /// A host at `address` that asks the directory.
    #[must_use]
    pub const fn at(address: IpAddr) -> Self {
        Self {
            address,
            directory: Some(Quorum::DEFAULT),
            sessions_each: 64,
            fifo_each: 64,
            contexts_each: 16,
            all: Rate { capacity: 4_000, per_second: 4_000 },
            per_prefix: Rate { capacity: 1_000, per_second: 1_000 },
        }
    }

    /// The same without a directory.
    #[must_use]
    pub const fn without_directory(mut self) -> Self {
        self.directory = None;
        self
    }

    /// How many directory nodes have to agree, if there is a directory.
    const fn quorum(&self) -> Option<Quorum> {
        if DIRECTORY { self.directory } else { None }
    }
}

/// An answer that is not a session's: the newest one waits until it is polled.
struct Reply {
    /// A PSS_NEG is the only one.
    bytes: [u8; if ANSWERS { HEAD } else { 0 }],
    length: usize,
    to: Option<To>,
}

/// See the module. `SPENT` sessions can be accepted under one cookie secret.
///
/// ```
/// use iacp_core::crypto::Portable;
/// use iacp_core::erp::agent::AgentSlot;
/// use iacp_core::erp::entity::{Channel, HostSettings, LlEntity, Memory, PeerSlot, SessionSlot};
/// use iacp_core::erp::switch_point::{FifoCell, OutboxCell};
/// use iacp_core::slots::{HeapCell, Slot};
/// use iacp_core::time::Mono;
/// use iacp_wire::Digest;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
///
/// // A device with two agents and two sessions.
/// let mut agents = [const { Slot::new(AgentSlot::<Portable>::EMPTY) }; 2];
/// let mut sessions = [const { Slot::new(SessionSlot::<Portable, 2048, 4>::EMPTY) }; 2];
/// let mut peers = [const { Slot::new(PeerSlot::EMPTY) }; 2];
/// let mut fifo = [const { Slot::new(FifoCell::EMPTY) }; 4];
/// let mut outbox = [const { Slot::new(OutboxCell::EMPTY) }; 2];
/// let memory = Memory {
///     agents: &mut agents,
///     sessions: &mut sessions,
///     peers: &mut peers,
///     fifo: &mut fifo,
///     outbox: &mut outbox,
///     agent_index: &mut [0; 4],
///     session_index: &mut [0; 4],
///     peer_index: &mut [0; 4],
///     heap: &mut [HeapCell::EMPTY; 6],
///     channels: &mut [Channel::NEW; 2],
/// };
/// let settings = HostSettings::at([192, 0, 2, 1].into()).without_directory();
/// let mut host = LlEntity::<Portable, 2048, 4, 16>::new(memory, settings, Mono(0), &mut rng)?;
/// let agent = host.init(Mono(0), None, Digest::ZERO, &mut rng)?;
/// assert!(host.desk(Mono(0), &agent).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LlEntity<'m, P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> {
    agents: Slots<'m, AgentSlot<P>>,
    sessions: Slots<'m, Entry<P, LOG, FRAMES>>,
    peers: Slots<'m, Peer>,
    fifo: Slots<'m, FifoCell>,
    outbox: Slots<'m, OutboxCell>,
    lines: Slots<'m, LineSlot, RESUME>,
    receipts: Places<'m, ReceiptSlot, RESUME>,
    receipts_secret: u64,
    endpoints: Places<'m, EndpointSlot, ENDPOINTS>,
    shared: Slots<'m, SharedSlot, ENDPOINTS>,
    groups: Slots<'m, GroupSlot, ENDPOINTS>,
    /// Groups that members have left, or whose epoch is over by time.
    groups_stale: List<0>,
    paths: Slots<'m, PathSlot, ROAMING>,
    tickets: Places<'m, TicketSlot, DIRECTORY>,
    deposits: Places<'m, DepositSlot, DIRECTORY>,
    queries: Places<'m, QuerySlot, DIRECTORY>,
    mappings: Places<'m, Known, DIRECTORY>,
    gate: Gate<'m, ROAMING>,
    bargains: Slots<'m, BargainSlot, DIRECTORY>,
    /// What proves a peer's offence, until its accusation is signed. One at a time.
    proof: Option<Proof>,
    /// Where the copies stand that are to be sent next.
    copying: Option<u32>,
    /// Contexts that this host takes over, and when the first of these offers ends.
    offers: Places<'m, OfferSlot, ROAMING>,
    offers_until: Option<Mono>,
    /// As long as frames for an EID that has gone are sent on.
    exported_until: Option<Mono>,
    /// The context that this host hands over. One at a time.
    docking: Option<docking::Docking>,
    agent_index: Index<'m>,
    session_index: Index<'m>,
    peer_index: Index<'m>,
    deadlines: Deadlines<'m>,
    channels: &'m mut [Channel],
    responder: Responder<SPENT>,
    door: Ingress<PREFIXES>,
    settings: HostSettings,
    /// How often the host has moved, and how far the sweep over its agents has come since.
    moves: u32,
    sweep: u32,
    previous: IpAddr,
    /// What is to be sent.
    agents_out: List<0>,
    sessions_out: List<0>,
    outbox_out: List<0>,
    /// Leavings, the oldest first, and those that are in the index of EIDs.
    outbox_age: List<2>,
    outbox_filed: List<3>,
    /// What is to be told.
    agents_news: List<1>,
    sessions_news: List<1>,
    outbox_news: List<1>,
    /// What is to be asked of the host.
    agents_ask: List<2>,
    peers_ask: List<1>,
    /// Peers, the oldest first.
    peers_age: List<0>,
    /// Agents of which a session has ended.
    quiet: List<3>,
    /// Reads for peers that have shown their address and are not known, and how many of them each network has had.
    strangers: TokenBucket,
    shares: Shares,
    /// Signed frames of sessions that are there, and confirmations that were asked for: a flood at the door takes none.
    live: TokenBucket,
    confirms: TokenBucket,
    /// Sessions that have found all cells of the FIFO taken, and whose agents have not used their shares up.
    rooms: List<3>,
    channel_news: Option<u32>,
    reply: Reply,
    last: Option<u32>,
    /// The newest time that was told.
    clock: Mono,
    /// Tokens of agents that do not exist are compared with this one.
    decoy: [u8; 32],
}

impl<'m, P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'m, P, LOG, FRAMES, SPENT> {
    /// A host without agents, in the caller's memory, that has contexts and sessions and nothing else.
    ///
    /// # Errors
    /// An index or the heap is too short for its tables; or the settings ask for a directory, and the feature is off.
    pub fn new(
        memory: Memory<'m, P, LOG, FRAMES>,
        settings: HostSettings,
        now: Mono,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, TooFew> {
        Self::with_tables(memory, Tables::default(), settings, now, rng)
    }

    /// The same, with whatever else has a table.
    ///
    /// # Errors
    /// An index or the heap is too short for its tables; or the settings ask for a directory, and the feature is off.
    pub fn with_tables(
        memory: Memory<'m, P, LOG, FRAMES>,
        tables: Tables<'m>,
        settings: HostSettings,
        now: Mono,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, TooFew> {
        // The record of served frames about endpoints covers 256 frames; a REWIND repeats no more than FRAMES of them.
        const { assert!(FRAMES <= 256, "FRAMES must be at most 256") };
        if !DIRECTORY && settings.directory.is_some() {
            return Err(TooFew::NoDirectory);
        }
        let mut keys = [[0; 16]; 3];
        keys.iter_mut().for_each(|key| rng.fill_bytes(key));
        let [agent_key, session_key, peer_key] = keys;
        let mut decoy = [0; 32];
        rng.fill_bytes(&mut decoy);
        let items = memory.sessions.len() + memory.agents.len() + memory.outbox.len();
        tables.receipts.fill(ReceiptSlot::EMPTY);
        let endpoints: &mut [EndpointSlot] = part!("endpoints", tables.endpoints);
        let tickets: &mut [TicketSlot] = part!("directory", tables.tickets);
        let deposits: &mut [DepositSlot] = part!("directory", tables.deposits);
        let queries: &mut [QuerySlot] = part!("directory", tables.queries);
        let mappings: &mut [Known] = part!("directory", tables.mappings);
        let offers: &mut [OfferSlot] = part!("roaming", tables.offers);
        endpoints.iter_mut().for_each(Zeroize::zeroize);
        tickets.iter_mut().for_each(|slot| *slot = TicketSlot::EMPTY);
        deposits.iter_mut().for_each(|slot| *slot = DepositSlot::EMPTY);
        queries.iter_mut().for_each(|slot| *slot = QuerySlot::EMPTY);
        mappings.fill(Known::FREE);
        offers.iter_mut().for_each(|slot| *slot = OfferSlot::EMPTY);
        let receipts_secret = rng.next_u64();
        let nothing = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 1 };
        Ok(Self {
            agent_index: Index::new(memory.agent_index, memory.agents.len(), agent_key)?,
            session_index: Index::new(memory.session_index, memory.sessions.len(), session_key)?,
            peer_index: Index::new(memory.peer_index, memory.peers.len(), peer_key)?,
            deadlines: Deadlines::new(memory.heap, items)?,
            agents: Slots::new(memory.agents)?,
            sessions: Slots::new(memory.sessions)?,
            peers: Slots::new(memory.peers)?,
            fifo: Slots::new(memory.fifo)?,
            outbox: Slots::new(memory.outbox)?,
            lines: Slots::over(tables.lines)?,
            receipts: Places::over(tables.receipts),
            receipts_secret,
            endpoints: Places::over(endpoints),
            shared: Slots::over(part!("endpoints", tables.shared))?,
            groups: Slots::over(part!("endpoints", tables.groups))?,
            groups_stale: List::EMPTY,
            paths: Slots::over(part!("roaming", tables.paths))?,
            tickets: Places::over(tickets),
            deposits: Places::over(deposits),
            queries: Places::over(queries),
            mappings: Places::over(mappings),
            gate: Gate::over(part!("roaming", tables.derived)),
            bargains: Slots::over(part!("directory", tables.bargains))?,
            proof: None,
            copying: None,
            offers: Places::over(offers),
            offers_until: None,
            exported_until: None,
            docking: None,
            channels: {
                memory.channels.fill(Channel::NEW);
                memory.channels
            },
            responder: Responder::new(Settings { capabilities: Capabilities::NONE, terms: nothing }, now, rng),
            door: Ingress::new(settings.all, settings.per_prefix, now, rng),
            settings,
            moves: 0,
            sweep: u32::MAX,
            previous: settings.address,
            agents_out: List::EMPTY,
            sessions_out: List::EMPTY,
            outbox_out: List::EMPTY,
            outbox_age: List::EMPTY,
            outbox_filed: List::EMPTY,
            agents_news: List::EMPTY,
            sessions_news: List::EMPTY,
            outbox_news: List::EMPTY,
            agents_ask: List::EMPTY,
            peers_ask: List::EMPTY,
            peers_age: List::EMPTY,
            quiet: List::EMPTY,
            strangers: TokenBucket::new(STRANGERS, now),
            shares: Shares::NONE,
            live: TokenBucket::new(settings.all, now),
            confirms: TokenBucket::new(settings.all, now),
            rooms: List::EMPTY,
            channel_news: None,
            reply: Reply { bytes: [0; _], length: 0, to: None },
            last: None,
            clock: now,
            decoy,
        })
    }

    /// How many agents, sessions and peers there are.
    #[must_use]
    pub const fn counts(&self) -> (u32, u32, u32) {
        (self.agents.taken(), self.sessions.taken(), self.peers.taken())
    }

    /// After the host finds that its memory was restored or cloned: whatever may have gone on elsewhere ends here.
    ///
    /// Sessions and attempts end as lost, and nothing more is sealed or sent in them. Cookie secrets and the salts of groups
    /// are drawn anew, and ticket keys are wiped, whose counters may have gone back. So are offers to take a context over: another copy
    /// may have used them; an export that has not been sealed yet is given up. Each context signs its next generation
    /// above the bound that `stored` has of it on stable storage, which may be higher than the one in the memory; `None` where
    /// nothing was ever stored. What waits for its OPEN to begin still begins, by `rng`, which must not be a part of that memory.
    // keeps: IACP-089 (§4.2.5.1)
    pub fn renew(&mut self, now: Mono, stored: impl Fn(&Eid) -> Option<u64>, rng: &mut impl CryptoRng) {
        self.clock = self.clock.max(now);
        self.responder.renew(now, rng);
        (self.reply.to, self.copying, self.last) = (None, None, None);
        for slot in 0..self.sessions.capacity() {
            if let Some(entry) = self.sessions.at_mut(slot).filter(|entry| entry.want.is_none()) {
                entry.session.cut();
                self.touch(slot);
            }
        }
        for slot in 0..self.agents.capacity() {
            if let Some(agent) = self.agents.at_mut(slot) {
                let bound = stored(&agent.eid());
                agent.renew(bound.unwrap_or(0));
                self.agents_ask.push(&mut self.agents, slot);
            }
        }
        // As after a churn: each context is bound anew.
        (self.moves, self.sweep) = (self.moves.wrapping_add(1), 0);
        self.renew_groups(rng);
        self.renew_docking();
        self.tickets.iter_mut().for_each(|slot| *slot = TicketSlot::EMPTY);
        self.correct();
    }

    /// The slot of an agent.
    fn agent_of(&self, eid: &Eid) -> Option<u32> {
        let same = |slot| self.agents.at(slot).is_some_and(|agent| agent.eid() == *eid);
        self.agent_index.find(self.agent_index.hash(&[&eid.0]), same)
    }

    /// The slot of a peer.
    fn peer_of(&self, eid: &Eid) -> Option<u32> {
        let same = |slot| self.peers.at(slot).is_some_and(|peer| peer.eid == *eid);
        self.peer_index.find(self.peer_index.hash(&[&eid.0]), same)
    }

    fn session_hash(&self, (initiator, responder): (Cookie, Cookie), agent: u32) -> u64 {
        self.session_index.hash(&[&initiator.0, &responder.0, &agent.to_be_bytes()])
    }

    /// The session that is filed under these cookies for this agent.
    fn session_of(&self, cookies: (Cookie, Cookie), agent: u32) -> Option<u32> {
        let same =
            |slot| self.sessions.at(slot).is_some_and(|entry| entry.agent == agent && entry.filed == Some(cookies));
        self.session_index.find(self.session_hash(cookies, agent), same)
    }

    /// The session with this handle, if it is this agent's. Another agent's is none.
    // keeps: IACP-066 (§4.2.1.1–2)
    fn owned(&self, agent: u32, handle: Handle) -> Option<u32> {
        self.sessions.get(handle).filter(|entry| entry.agent == agent && entry.goodbye.is_none()).map(|_| handle.slot())
    }

    /// The number of an agent among all that has deadlines: sessions, agents, then the outbox.
    const fn agent_item(&self, agent: u32) -> u32 {
        self.sessions.capacity().saturating_add(agent)
    }

    const fn outbox_item(&self, cell: u32) -> u32 {
        self.agent_item(self.agents.capacity()).saturating_add(cell)
    }

    /// Something of this session may have changed: it is asked what it sends, and what it tells.
    fn touch(&mut self, slot: u32) {
        if ENDPOINTS && self.sessions.at(slot).is_some_and(|entry| entry.shared > 0) {
            self.settle_shared(slot);
        }
        self.settle_session(slot);
        self.sessions_out.push(&mut self.sessions, slot);
        self.sessions_news.push(&mut self.sessions, slot);
    }

    /// What begins and ends with a session.
    fn settle_session(&mut self, slot: u32) {
        self.keep_ticket_keys(slot);
        self.settle_seek(slot);
        self.settle_compromised(slot);
        if self.sessions.at(slot).is_some_and(|entry| entry.session.closure().is_some()) {
            self.wipe_fifo(slot);
        }
        if let Some(entry) = self.sessions.at(slot).filter(|entry| entry.derived && entry.session.closure().is_some()) {
            self.end_derivatives(entry.agent, Some(slot));
        }
    }

    /// Something of this agent may have changed.
    fn touch_agent(&mut self, slot: u32) {
        self.agents_out.push(&mut self.agents, slot);
        if self.agents.at(slot).is_some_and(AgentSlot::has_news) {
            self.agents_news.push(&mut self.agents, slot);
        }
    }
}
