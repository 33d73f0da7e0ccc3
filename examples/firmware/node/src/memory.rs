//! All memory of the node: one agent, two sessions, of which a new one can begin while an old one ends.

use iacp_core::erp::agent::AgentSlot;
use iacp_core::erp::entity::{
    Channel, HostSettings, LineSlot, LlEntity, Memory as Tables, PeerSlot, SessionSlot, Tables as Further,
};
use iacp_core::erp::receipt::ReceiptSlot;
use iacp_core::erp::switch_point::{FifoCell, OutboxCell};
use iacp_core::slots::{HeapCell, Slot, TooFew};
use iacp_core::time::Mono;
use iacp_salty::Salty;
use rand_core::CryptoRng;

pub type Crypto = Salty;
/// An envelope, or as many readings as the window has, can be under way.
const LOG: usize = 1_024;
/// How many frames may be under way.
const FRAMES: usize = 4;
const SPENT: usize = 8;
pub type Node = LlEntity<'static, Crypto, LOG, FRAMES, SPENT>;

pub struct Memory {
    agents: [Slot<AgentSlot<Crypto>>; 1],
    sessions: [Slot<SessionSlot<Crypto, LOG, FRAMES>>; 2],
    peers: [Slot<PeerSlot>; 2],
    fifo: [Slot<FifoCell>; 1],
    outbox: [Slot<OutboxCell>; 1],
    agent_index: [u32; 2],
    session_index: [u32; 4],
    peer_index: [u32; 4],
    heap: [HeapCell; 4],
    channels: [Channel; 0],
    lines: [Slot<LineSlot>; 2],
    receipts: [ReceiptSlot; 8],
}

impl Memory {
    pub const EMPTY: Self = Self {
        agents: [const { Slot::new(AgentSlot::EMPTY) }; 1],
        sessions: [const { Slot::new(SessionSlot::EMPTY) }; 2],
        peers: [const { Slot::new(PeerSlot::EMPTY) }; 2],
        fifo: [const { Slot::new(FifoCell::EMPTY) }; 1],
        outbox: [const { Slot::new(OutboxCell::EMPTY) }; 1],
        agent_index: [0; 2],
        session_index: [0; 4],
        peer_index: [0; 4],
        heap: [HeapCell::EMPTY; 4],
        channels: [],
        lines: [const { Slot::new(LineSlot::EMPTY) }; 2],
        receipts: [ReceiptSlot::EMPTY; 8],
    };
}

/// In a stack frame of its own: what it takes is free again before the first handshake.
///
/// # Errors
/// A table is too short for another.
#[inline(never)]
pub fn entity(
    memory: &'static mut Memory,
    settings: HostSettings,
    now: Mono,
    rng: &mut impl CryptoRng,
) -> Result<Node, TooFew> {
    let tables = Tables {
        agents: &mut memory.agents,
        sessions: &mut memory.sessions,
        peers: &mut memory.peers,
        fifo: &mut memory.fifo,
        outbox: &mut memory.outbox,
        agent_index: &mut memory.agent_index,
        session_index: &mut memory.session_index,
        peer_index: &mut memory.peer_index,
        heap: &mut memory.heap,
        channels: &mut memory.channels,
    };
    #[allow(clippy::needless_update, reason = "with other features there are other tables")]
    let further = Further { lines: &mut memory.lines, receipts: &mut memory.receipts, ..Further::default() };
    Node::with_tables(tables, further, settings, now, rng)
}

// The sizes that docs/firmware.md names: what grows here grows there.
#[cfg(target_pointer_width = "32")]
const _: () = {
    assert!(size_of::<Slot<AgentSlot<Crypto>>>() == 1_344);
    assert!(size_of::<Slot<SessionSlot<Crypto, LOG, FRAMES>>>() == 1_520 + LOG + 104 * FRAMES + 592);
    assert!(size_of::<Slot<PeerSlot>>() == 288);
    assert!(size_of::<Slot<FifoCell>>() == 912);
    assert!(size_of::<Slot<OutboxCell>>() == 792);
    assert!(size_of::<Slot<LineSlot>>() == 304 && size_of::<ReceiptSlot>() == 72);
    assert!(size_of::<HeapCell>() == 16 && size_of::<Node>() == 2_128);
};
