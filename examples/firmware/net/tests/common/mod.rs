//! A node in leaked memory, and what its agent does: one side sends, the other keeps what comes.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use iacp_core::crypto::{ChaChaOnly, Provider};
use iacp_core::erp::agent::{Agent, AgentSlot};
use iacp_core::erp::entity::{
    Channel, Done, HostEvent, HostRequest, HostSettings, LineSlot, LlEntity, Memory, PeerSlot, SessionSlot, Tables,
};
use iacp_core::erp::generation::PORT;
use iacp_core::erp::local::{AgentEvent, ClosureCode, Listen, Open, Request};
use iacp_core::erp::receipt::ReceiptSlot;
use iacp_core::erp::switch_point::{FifoCell, OutboxCell};
use iacp_core::pss::{Capabilities, TeardownReason, Terms};
use iacp_core::slots::{Handle, HeapCell, Slot};
use iacp_core::time::Mono;
use iacp_wire::{Digest, Eid};
use net::Application;
use rand_chacha::ChaCha8Rng;
use rand_core::CryptoRng;

pub const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];

const ITEMS: u64 = 300;
pub type Node = LlEntity<'static, ChaChaOnly, 4_096, 8, 8>;

fn leak<T>(count: usize, make: impl Fn() -> T) -> &'static mut [T] {
    Box::leak((0..count).map(|_| make()).collect())
}

pub fn node(address: Ipv4Addr, rng: &mut ChaCha8Rng) -> (Node, Agent) {
    let memory = Memory {
        agents: leak(1, || Slot::new(AgentSlot::EMPTY)),
        sessions: leak(2, || Slot::new(SessionSlot::EMPTY)),
        peers: leak(2, || Slot::new(PeerSlot::EMPTY)),
        fifo: leak(4, || Slot::new(FifoCell::EMPTY)),
        outbox: leak(1, || Slot::new(OutboxCell::EMPTY)),
        agent_index: leak(2, || 0),
        session_index: leak(4, || 0),
        peer_index: leak(4, || 0),
        heap: leak(4, || HeapCell::EMPTY),
        channels: leak(0, || Channel::NEW),
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
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
    let capabilities = Capabilities::RESUME.with(Capabilities::CHACHA20_POLY1305);
    let listen = Listen { capabilities, terms, sessions: 2, hold: false };
    let mut desk = node.desk(Mono(0), &agent).expect("its own token");
    desk.ask(None, &Request::Listen(listen), rng).expect("it may listen");
    (node, agent)
}

/// One side: it sends items, if it has a peer, and keeps those that come.
pub struct Side {
    agent: Agent,
    peer: Option<(Eid, Ipv4Addr)>,
    session: Option<Handle>,
    opened: bool,
    next: u64,
    /// The peer has said everything, and asks for the end.
    asked: bool,
    pub report: Arc<Mutex<Report>>,
}

/// What the agent was told.
#[derive(Default)]
pub struct Report {
    came: Vec<(u64, u64)>,
    closed: bool,
}

impl Side {
    pub fn new(agent: Agent, peer: Option<(Eid, Ipv4Addr)>) -> Self {
        Self { agent, peer, session: None, opened: false, next: 0, asked: false, report: Arc::default() }
    }
}

/// Both sides' sessions are over.
pub fn are_over(reports: &[Arc<Mutex<Report>>; 2]) -> bool {
    reports.iter().all(|report| report.lock().expect("no panic").closed)
}

/// The receiver has every item once, and the sender none.
pub fn everything_came(reports: &[Arc<Mutex<Report>>; 2]) {
    let [sender, receiver] = reports.each_ref().map(|report| report.lock().expect("no panic"));
    let mut came = receiver.came.clone();
    came.sort_unstable();
    assert_eq!(came, (0..ITEMS).map(|item| (item, item * 7)).collect::<Vec<_>>());
    assert!(sender.came.is_empty());
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> Application<P, LOG, FRAMES, SPENT>
    for Side
{
    fn hear(&mut self, event: HostEvent<'_>) {
        let HostEvent::Agent { session, event, .. } = event else { return };
        let mut report = self.report.lock().expect("no panic");
        match event {
            AgentEvent::Opened(_) => (self.session, self.opened) = (session, true),
            AgentEvent::Data { item: Some(item), content, .. } => {
                report.came.push((item, u64::from_be_bytes(content.try_into().expect("eight bytes"))));
            }
            AgentEvent::CloseRequested { .. } => self.asked = true,
            AgentEvent::Closed { closure, .. } => {
                assert_eq!(closure, ClosureCode::Graceful);
                report.closed = true;
            }
            _ => {}
        }
    }

    fn answer(&mut self, node: &mut LlEntity<'_, P, LOG, FRAMES, SPENT>, now: Mono, request: HostRequest) {
        if let HostRequest::Persist { eid, what } = request {
            node.persisted(now, &eid, what);
        }
    }

    fn work(&mut self, node: &mut LlEntity<'_, P, LOG, FRAMES, SPENT>, now: Mono, rng: &mut impl CryptoRng) {
        let mut desk = node.desk(now, &self.agent).expect("its own token");
        if let (true, Some(session)) = (self.asked, self.session) {
            self.asked = desk.close(session, TeardownReason::TaskComplete).is_err();
        }
        let Some((peer, at)) = self.peer else { return };
        match self.session {
            None => {
                let at = Some((IpAddr::V4(at), PORT).into());
                let offer = Capabilities::RESUME.with(Capabilities::CHACHA20_POLY1305);
                let open = Open { peer, at, hold: false, offer, resume: None, proof: None };
                if let Ok(Done::Session(session)) = desk.ask(None, &Request::Open(open), rng) {
                    self.session = Some(session);
                }
            }
            Some(session) if self.opened => {
                while self.next < ITEMS && desk.send(session, self.next, &(self.next * 7).to_be_bytes()).is_ok() {
                    self.next += 1;
                }
                if self.next == ITEMS && desk.close(session, TeardownReason::TaskComplete).is_ok() {
                    self.next += 1;
                }
            }
            Some(_) => {}
        }
    }
}
