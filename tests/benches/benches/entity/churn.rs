//! The host moves, and with it ten thousand contexts: the longest time between two frames that it sends. Signatures are real.
//! It is the time on a processor, so that other processes do not count. How many steps lie between two frames, a test counts
//! (`tests/sessions`, `churn`).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use iacp_core::crypto::Portable;
use iacp_core::erp::agent::AgentSlot;
use iacp_core::erp::entity::{Channel, HEAD, HostRequest, HostSettings, LlEntity, Memory, PeerSlot, SessionSlot};
use iacp_core::erp::generation::PORT;
use iacp_core::erp::switch_point::{FifoCell, Node, OutboxCell};
use iacp_core::slots::{HeapCell, Slot};
use iacp_core::time::Mono;
use iacp_wire::{Digest, Eid};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::{lend, spent};

const CONTEXTS: usize = 10_000;
/// Nodes of each context.
const NODES: u8 = 3;
const CHURNS: u8 = 5;

type Entity = LlEntity<'static, Portable, 256, 4, 16>;

fn place(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

fn entity(rng: &mut ChaCha8Rng) -> Entity {
    let memory = Memory {
        agents: lend(CONTEXTS, || Slot::new(AgentSlot::EMPTY)),
        sessions: lend(1, || Slot::new(SessionSlot::EMPTY)),
        peers: lend(1, || Slot::new(PeerSlot::EMPTY)),
        fifo: lend(1, || Slot::new(FifoCell::EMPTY)),
        outbox: lend(1, || Slot::new(OutboxCell::EMPTY)),
        agent_index: lend((2 * CONTEXTS).next_power_of_two(), || 0),
        session_index: lend(2, || 0),
        peer_index: lend(2, || 0),
        heap: lend(CONTEXTS + 2, || HeapCell::EMPTY),
        channels: lend(1, || Channel::NEW),
    };
    Entity::new(memory, HostSettings::at(place(1)), Mono(0), rng).expect("the memory suffices")
}

/// Answers one thing that the entity asks of its host.
fn answer(entity: &mut Entity, now: Mono, nodes: &[Node]) -> bool {
    match entity.poll_request() {
        Some(HostRequest::Persist { eid, what }) => entity.persisted(now, &eid, what),
        Some(HostRequest::Nodes(eid)) => entity.answer_nodes(now, &eid, nodes),
        Some(_) => {}
        None => return false,
    }
    true
}

/// Sends all that is to be sent; gives the time between each two frames.
fn send_all(entity: &mut Entity, now: Mono, nodes: &[Node]) -> Vec<Duration> {
    let mut gaps = Vec::with_capacity(CONTEXTS * usize::from(NODES));
    let mut last = spent();
    loop {
        let answered = answer(entity, now, nodes);
        let mut head = [0; HEAD];
        if entity.poll_transmit(now, &mut head).is_some() {
            let now = spent();
            gaps.push(now.saturating_sub(last));
            last = now;
        } else if !answered && entity.next_deadline().is_none_or(|at| at > now) {
            return gaps;
        }
    }
}

pub fn run() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut entity = entity(&mut rng);
    let nodes: Vec<Node> = (0..NODES)
        .map(|number| Node { eid: Eid([number; 32]), at: SocketAddr::new(place(200 + number), PORT) })
        .collect();
    for _ in 0..CONTEXTS {
        entity.init(Mono(0), None, Digest::ZERO, &mut rng).expect("a slot is free");
    }
    send_all(&mut entity, Mono(0), &nodes);
    println!("{CONTEXTS} contexts move at once, {NODES} nodes each; microseconds between two frames sent");
    println!("{:>6} {:>7} {:>8} {:>8} {:>8} {:>8}", "churn", "frames", "mean", "99 %", "99.9 %", "longest");
    let mut most = Duration::ZERO;
    for churn in 1..=CHURNS {
        let now = Mono(1_000 * u64::from(churn));
        entity.churn(place(1 + churn));
        let mut gaps = send_all(&mut entity, now, &nodes);
        assert_eq!(gaps.len(), CONTEXTS * usize::from(NODES), "each context tells each of its nodes");
        let mean = gaps.iter().sum::<Duration>() / u32::try_from(gaps.len()).expect("few");
        gaps.sort_unstable();
        let part = |thousandth: usize| gaps.get(gaps.len() * thousandth / 1_000).or(gaps.last()).copied();
        let [mean, much, more, longest] =
            [Some(mean), part(990), part(999), gaps.last().copied()].map(Option::unwrap_or_default);
        most = most.max(longest);
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let [mean, much, more, longest] = [mean, much, more, longest].map(micros);
        println!("{churn:>6} {:>7} {mean:>8.1} {much:>8.1} {more:>8.1} {longest:>8.1}", gaps.len());
    }
    let met = if most <= Duration::from_millis(1) { "met" } else { "missed" };
    println!("goal: none longer than 1,000: {met}");
}
