// A host of two agents for the examples of `erp::entity`, which include it.

use std::net::IpAddr;

use iacp_core::crypto::Portable;
use iacp_core::erp::agent::AgentSlot;
use iacp_core::erp::entity::{HostRequest, HostSettings, LlEntity, Memory, OfferSlot, PeerSlot, SessionSlot, Tables};
use iacp_core::erp::switch_point::{FifoCell, OutboxCell};
use iacp_core::slots::{HeapCell, Slot};
use iacp_core::time::Mono;
use rand_chacha::ChaCha8Rng;

pub type Host = LlEntity<'static, Portable, 2048, 4, 16>;

fn leak<T>(count: usize, empty: impl Fn() -> T) -> &'static mut [T] {
    Box::leak((0..count).map(|_| empty()).collect())
}

/// A host at 192.0.2.`last`.
pub fn host(last: u8, has_directory: bool, rng: &mut ChaCha8Rng) -> Host {
    let memory = Memory {
        agents: leak(2, || Slot::new(AgentSlot::EMPTY)),
        sessions: leak(4, || Slot::new(SessionSlot::EMPTY)),
        peers: leak(4, || Slot::new(PeerSlot::EMPTY)),
        fifo: leak(4, || Slot::new(FifoCell::EMPTY)),
        outbox: leak(2, || Slot::new(OutboxCell::EMPTY)),
        agent_index: leak(4, || 0),
        session_index: leak(8, || 0),
        peer_index: leak(8, || 0),
        heap: leak(8, || HeapCell::EMPTY),
        channels: &mut [],
    };
    let tables = Tables { offers: leak(1, || OfferSlot::EMPTY), ..Tables::default() };
    let settings = HostSettings::at(IpAddr::from([192, 0, 2, last]));
    let settings = if has_directory { settings } else { settings.without_directory() };
    LlEntity::with_tables(memory, tables, settings, Mono(0), rng).expect("tables of the right lengths")
}

/// What the host wants on stable storage is there.
pub fn stored(host: &mut Host, now: Mono) {
    while let Some(request) = host.poll_request() {
        if let HostRequest::Persist { eid, what } = request {
            host.persisted(now, &eid, what);
        }
    }
}
