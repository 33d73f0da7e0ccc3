//! A host without the features `answers` and `resume`: `cargo test -p iacp-core --no-default-features --test parts`, and the same
//! with `--features answers`.

use std::net::{IpAddr, Ipv4Addr};

use iacp_core::crypto::ChaChaOnly;
use iacp_core::erp::agent::{Agent, AgentSlot};
use iacp_core::erp::entity::{
    Dropped, HEAD, HostEvent, HostRequest, HostSettings, LineSlot, LlEntity, Memory, PeerSlot, SessionSlot, Tables,
};
use iacp_core::erp::generation::PORT;
use iacp_core::erp::local::{AgentEvent, Listen, LocalStatus, Open};
use iacp_core::erp::receipt::ReceiptSlot;
use iacp_core::erp::switch_point::{FifoCell, OutboxCell};
use iacp_core::pss::{Capabilities, Discard, Terms};
use iacp_core::slots::{HeapCell, Slot};
use iacp_core::time::Mono;
use iacp_wire::Digest;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

type Node = LlEntity<'static, ChaChaOnly, 1_024, 4, 4>;

const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
const OFFER: Capabilities = Capabilities::RESUME.with(Capabilities::CHACHA20_POLY1305);
const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 4 };
const LISTEN: Listen = Listen { capabilities: OFFER, terms: TERMS, sessions: 1, hold: false };

fn leak<T>(count: usize, make: impl Fn() -> T) -> &'static mut [T] {
    Box::leak((0..count).map(|_| make()).collect())
}

fn node(address: Ipv4Addr, rng: &mut ChaCha8Rng) -> (Node, Agent) {
    let memory = Memory {
        agents: leak(1, || Slot::new(AgentSlot::EMPTY)),
        sessions: leak(2, || Slot::new(SessionSlot::EMPTY)),
        peers: leak(2, || Slot::new(PeerSlot::EMPTY)),
        fifo: leak(2, || Slot::new(FifoCell::EMPTY)),
        outbox: leak(1, || Slot::new(OutboxCell::EMPTY)),
        agent_index: leak(2, || 0),
        session_index: leak(4, || 0),
        peer_index: leak(4, || 0),
        heap: leak(4, || HeapCell::EMPTY),
        channels: &mut [],
    };
    #[allow(clippy::needless_update, reason = "with other features there are other tables")]
    let tables = Tables {
        lines: leak(2, || Slot::new(LineSlot::EMPTY)),
        receipts: leak(8, || ReceiptSlot::EMPTY),
        ..Tables::default()
    };
    let settings = HostSettings::at(IpAddr::V4(address)).without_directory();
    let mut node = Node::with_tables(memory, tables, settings, Mono(0), rng).expect("tables of the right lengths");
    let agent = node.init(Mono(0), None, Digest::ZERO, rng).expect("there is room");
    (node, agent)
}

#[test]
fn an_agent_listens_where_the_host_answers() {
    let (mut node, agent) = node(ADDRESSES[0], &mut ChaCha8Rng::seed_from_u64(1));
    let mut desk = node.desk(Mono(0), &agent).expect("its own token");
    let expected = if cfg!(feature = "answers") { Ok(()) } else { Err(LocalStatus::Capacity) };
    assert_eq!(desk.listen(LISTEN), expected);
    assert_eq!(desk.listen(Listen { sessions: 0, ..LISTEN }), Ok(()), "not to listen is always possible");
}

/// One side opens a session with RESUME; each hands the other what it sends.
#[test]
fn a_peer_opens_a_session_where_the_host_answers_and_it_resumes_where_there_are_lines() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let [(mut one, first), (mut other, second)] = ADDRESSES.map(|at| node(at, &mut rng));
    let _ = other.desk(Mono(0), &second).expect("its own token").listen(LISTEN);
    let open = Open {
        peer: second.eid(),
        at: Some((ADDRESSES[1], PORT).into()),
        hold: false,
        offer: OFFER,
        resume: None,
        proof: None,
    };
    let (mut agreed, mut dropped, mut opened) = ([None; 2], 0, false);
    for now in (0..5_000).step_by(10).map(Mono) {
        if !opened {
            // Not before its context is bound.
            opened = one.desk(now, &first).expect("its own token").open_as(&open, &mut rng).is_ok();
        }
        for (from, to) in [(0, 1), (1, 0)] {
            let nodes = [&mut one, &mut other];
            nodes[from].handle_deadline(now, &mut rng);
            while let Some(request) = nodes[from].poll_request() {
                if let HostRequest::Persist { eid, what } = request {
                    nodes[from].persisted(now, &eid, what);
                }
            }
            let mut head = [0; HEAD];
            while let Some(transmit) = nodes[from].poll_transmit(now, &mut head) {
                let mut datagram = [transmit.head, transmit.body].concat();
                let told = nodes[to].handle(now, (ADDRESSES[from], PORT).into(), &mut datagram, &mut rng);
                dropped += u32::from(to == 1 && matches!(told, HostEvent::Dropped(Dropped::Session(Discard::Cookie))));
            }
            while let Some(event) = nodes[from].poll_event() {
                if let HostEvent::Agent { event: AgentEvent::Opened(opened), .. } = event {
                    agreed[from] = Some(opened.capabilities.contains(Capabilities::RESUME));
                }
            }
        }
    }
    assert!(opened, "the context is bound");
    if cfg!(feature = "answers") {
        assert_eq!(agreed, [Some(cfg!(feature = "resume")); 2]);
    } else {
        assert_eq!((agreed, other.counts()), ([None; 2], (1, 0, 0)), "no session and no peer come of a PSS_INIT");
        assert!(dropped > 1, "it is repeated, and dropped each time");
    }
}
