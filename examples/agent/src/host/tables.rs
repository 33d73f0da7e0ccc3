//! The memory of a host's LL-Entity, lent for the life of the process.

use std::thread;

use anyhow::{Context, Result, anyhow};
use iacp_core::dhi::mapping::Known;
use iacp_core::erp::agent::AgentSlot;
use iacp_core::erp::entity::{
    Channel, DepositSlot, LineSlot, LlEntity, Memory, OfferSlot, PeerSlot, QuerySlot, SessionSlot, SharedSlot, Tables,
    TicketSlot,
};
use iacp_core::erp::receipt::ReceiptSlot;
use iacp_core::erp::switch_point::{FifoCell, OutboxCell};
use iacp_core::pss::shared::EndpointSlot;
use iacp_core::slots::{HeapCell, Slot};

use crate::keys::Crypto;

/// Agents of a host.
pub const AGENTS: usize = 16;
/// Contexts that one process begins, with whatever number of channels.
pub const CONTEXTS_EACH: u32 = 4;
/// Sessions of one agent.
pub const SESSIONS_EACH: u32 = 8;
/// Items of one agent that wait to be sealed.
pub const FIFO_EACH: u32 = 64;
/// Local channels.
pub const CHANNELS: usize = 64;
/// Channels of one process.
pub const CHANNELS_EACH: usize = 16;
/// Frames under way in one direction of a session.
pub const FRAMES: usize = 256;
/// Bytes of sealed frames: a window of the longest frames, 879 bytes and the 89 around them.
const LOG: usize = 256 << 10;
const _: () = assert!(FRAMES * (879 + 89) <= LOG);
/// Sessions that can be accepted under one cookie secret.
const SPENT: usize = 4_096;

/// Lines of items that an agent remembers beyond their sessions.
const RECEIPTS_EACH: usize = 16;

/// Endpoints of one agent.
const ENDPOINTS_EACH: usize = 16;

/// Contexts that this host has offered to take over.
const OFFERS: usize = 8;

/// As many slots as agents times their share: no agent can fill a table for the others.
const SESSIONS: usize = AGENTS * SESSIONS_EACH as usize;
const FIFO: usize = AGENTS * FIFO_EACH as usize;

/// The LL-Entity of this program.
pub type Entity = LlEntity<'static, Crypto, LOG, FRAMES, SPENT>;

fn lend<T>(count: usize, make: impl Fn() -> T) -> &'static mut [T] {
    Box::leak((0..count).map(|_| make()).collect())
}

fn cells(count: usize) -> &'static mut [u32] {
    lend((2 * count).next_power_of_two(), || 0)
}

fn tables() -> Memory<'static, Crypto, LOG, FRAMES> {
    Memory {
        agents: lend(AGENTS, || Slot::new(AgentSlot::EMPTY)),
        sessions: lend(SESSIONS, || Slot::new(SessionSlot::EMPTY)),
        peers: lend(SESSIONS, || Slot::new(PeerSlot::EMPTY)),
        fifo: lend(FIFO, || Slot::new(FifoCell::EMPTY)),
        outbox: lend(AGENTS, || Slot::new(OutboxCell::EMPTY)),
        agent_index: cells(AGENTS),
        session_index: cells(SESSIONS),
        peer_index: cells(SESSIONS),
        heap: lend(SESSIONS + 2 * AGENTS, || HeapCell::EMPTY),
        channels: lend(CHANNELS, || Channel::NEW),
    }
}

/// Ticket keys of one agent's sessions.
const TICKETS_EACH: usize = 32;
/// Hosts of the web whose EIDs are kept, for each agent.
const MAPPINGS_EACH: usize = 8;

/// What lets lines of items go on in later sessions (RESUME), endpoints be shared (ENDPOINTS), and agents come from other hosts;
/// with a directory also what agents ask of it and have it keep.
pub fn further(directory: bool) -> Tables<'static> {
    let (each, tickets) = if directory { (AGENTS, AGENTS * TICKETS_EACH) } else { (0, 0) };
    Tables {
        deposits: lend(each, || DepositSlot::EMPTY),
        queries: lend(each, || QuerySlot::EMPTY),
        mappings: lend(each * MAPPINGS_EACH, || Known::FREE),
        tickets: lend(tickets, || TicketSlot::EMPTY),
        lines: lend(SESSIONS, || Slot::new(LineSlot::EMPTY)),
        receipts: lend(AGENTS * RECEIPTS_EACH, || ReceiptSlot::EMPTY),
        endpoints: lend(AGENTS * ENDPOINTS_EACH, || EndpointSlot::EMPTY),
        shared: lend(SESSIONS, || Slot::new(SharedSlot::EMPTY)),
        offers: lend(OFFERS, || OfferSlot::EMPTY),
        ..Tables::default()
    }
}

/// Memory for a host, once. A session's slot passes over a stack while it is put in its place, so that is done by a thread
/// whose stack is large enough.
///
/// # Errors
/// The system has no memory, or no thread.
pub fn memory() -> Result<Memory<'static, Crypto, LOG, FRAMES>> {
    let stack = 8 * size_of::<SessionSlot<Crypto, LOG, FRAMES>>() + (1 << 20);
    let thread = thread::Builder::new().name("memory".into()).stack_size(stack);
    let lending = thread.spawn(tables).context("no memory for the host's tables")?;
    lending.join().map_err(|_| anyhow!("no memory for the host's tables"))
}
