//! Memory for a host, lent for the life of the test.

use iacp_core::crypto::{Portable, Provider};
use iacp_core::dhi::mapping::Known;
use iacp_core::erp::agent::AgentSlot;
use iacp_core::erp::entity::{
    BargainSlot, Channel, DepositSlot, GroupSlot, HostSettings, LineSlot, LlEntity, Memory, OfferSlot, PathSlot,
    PeerSlot, QuerySlot, SessionSlot, SharedSlot, Tables, TicketSlot,
};
use iacp_core::erp::receipt::ReceiptSlot;
use iacp_core::erp::sandbox::DerivedSlot;
use iacp_core::erp::switch_point::{FifoCell, OutboxCell};
use iacp_core::pss::shared::EndpointSlot;
use iacp_core::slots::{HeapCell, Slot};
use iacp_core::time::Mono;
use rand_chacha::ChaCha8Rng;

/// The LL-Entity of a test host.
pub type Entity = LlEntity<'static, Portable, 8192, 16, 64>;

pub(super) fn leak<T>(count: usize, make: impl Fn() -> T) -> &'static mut [T] {
    Box::leak((0..count).map(|_| make()).collect())
}

/// Memory for this many agents and sessions. It is leaked: a test is short.
#[must_use]
pub fn memory<P: Provider>(agents: usize, sessions: usize, fifo: usize) -> Memory<'static, P, 8192, 16> {
    let cells = |count: usize| (2 * count.max(1)).next_power_of_two();
    Memory {
        agents: leak(agents, || Slot::new(AgentSlot::EMPTY)),
        sessions: leak(sessions, || Slot::new(SessionSlot::EMPTY)),
        peers: leak(sessions, || Slot::new(PeerSlot::EMPTY)),
        fifo: leak(fifo, || Slot::new(FifoCell::EMPTY)),
        outbox: leak(agents, || Slot::new(OutboxCell::EMPTY)),
        agent_index: leak(cells(agents), || 0),
        session_index: leak(cells(sessions), || 0),
        peer_index: leak(cells(sessions), || 0),
        heap: leak(sessions + 2 * agents, || HeapCell::EMPTY),
        channels: leak(8, || Channel::NEW),
    }
}

/// The further tables, for this many agents and sessions.
#[must_use]
pub fn tables(agents: usize, sessions: usize) -> Tables<'static> {
    Tables {
        lines: leak(sessions, || Slot::new(LineSlot::EMPTY)),
        receipts: leak(8 * agents, || ReceiptSlot::EMPTY),
        endpoints: leak(8 * agents, || EndpointSlot::EMPTY),
        shared: leak(sessions, || Slot::new(SharedSlot::EMPTY)),
        groups: leak(2 * agents, || Slot::new(GroupSlot::EMPTY)),
        paths: leak(sessions, || Slot::new(PathSlot::EMPTY)),
        tickets: leak(8 * agents, || TicketSlot::EMPTY),
        deposits: leak(agents, || DepositSlot::EMPTY),
        derived: leak(64, || DerivedSlot::EMPTY),
        offers: leak(4, || OfferSlot::EMPTY),
        bargains: leak(sessions, || Slot::new(BargainSlot::EMPTY)),
        queries: leak(agents, || QuerySlot::EMPTY),
        mappings: leak(8, || Known::FREE),
    }
}

pub(super) fn entity(agents: usize, settings: HostSettings, now: Mono, rng: &mut ChaCha8Rng) -> Entity {
    let made = Entity::with_tables(memory(agents, 16, 48), tables(agents, 16), settings, now, rng);
    made.expect("the memory suffices")
}
