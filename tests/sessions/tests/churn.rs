//! A host with ten thousand agents moves: what lies between two frames is counted, not timed.

use std::cell::Cell;
use std::net::SocketAddr;

use iacp_core::crypto::Provider;
use iacp_core::erp::agent::AgentSlot;
use iacp_core::erp::entity::{Channel, HEAD, HostRequest, HostSettings, LlEntity, Memory, PeerSlot, SessionSlot, To};
use iacp_core::erp::generation::PORT;
use iacp_core::erp::switch_point::{FifoCell, Node, OutboxCell};
use iacp_core::slots::{HeapCell, Slot};
use iacp_wire::{Digest, Eid};
use sessions::hosts::place;
use sessions::{ChaCha8Rng, Cheap, Mono, SeedableRng};

const AGENTS: usize = 10_000;
/// A tenth of them, to compare with.
const FEWER: usize = 1_000;
/// Nodes of each agent.
const NODES: u8 = 3;

thread_local! {
    /// Signatures made since the last frame.
    static SIGNED: Cell<u32> = const { Cell::new(0) };
}

/// [`Cheap`], and signatures are counted.
struct Counting;

impl Provider for Counting {
    type SigningKey = <Cheap as Provider>::SigningKey;
    type Cipher = <Cheap as Provider>::Cipher;

    iacp_core::provider_methods!(Cheap:
        signing_key, public_key, equation, has_prime_order, verify, verify_checked, x25519_public, x25519,
        static_secret, static_public, cipher, seal, open
    );

    fn sign(key: &Self::SigningKey, message: &[u8]) -> [u8; 64] {
        SIGNED.set(SIGNED.get() + 1);
        Cheap::sign(key, message)
    }
}

type Entity = LlEntity<'static, Counting, 2_048, 4, 16>;

fn leak<T>(count: usize, make: impl Fn() -> T) -> &'static mut [T] {
    Box::leak((0..count).map(|_| make()).collect())
}

fn entity(agents: usize, rng: &mut ChaCha8Rng) -> Entity {
    let memory = Memory {
        agents: leak(agents, || Slot::new(AgentSlot::EMPTY)),
        sessions: leak(1, || Slot::new(SessionSlot::EMPTY)),
        peers: leak(1, || Slot::new(PeerSlot::EMPTY)),
        fifo: leak(1, || Slot::new(FifoCell::EMPTY)),
        outbox: leak(1, || Slot::new(OutboxCell::EMPTY)),
        agent_index: leak((2 * agents).next_power_of_two(), || 0),
        session_index: leak(2, || 0),
        peer_index: leak(2, || 0),
        heap: leak(agents + 2, || HeapCell::EMPTY),
        channels: leak(1, || Channel::NEW),
    };
    LlEntity::new(memory, HostSettings::at(place(1)), Mono(0), rng).expect("the memory suffices")
}

/// Handles the host's requests, at most this many at a time, like a host that has other things to do.
fn answer(entity: &mut Entity, now: Mono, most: usize) -> usize {
    let nodes: Vec<Node> = (0..NODES)
        .map(|number| Node { eid: Eid([number; 32]), at: SocketAddr::new(place(200 + number), PORT) })
        .collect();
    let mut answered = 0;
    while answered < most {
        match entity.poll_request() {
            Some(HostRequest::Persist { eid, what }) => entity.persisted(now, &eid, what),
            Some(HostRequest::Nodes(eid)) => entity.answer_nodes(now, &eid, &nodes),
            Some(_) => {}
            None => break,
        }
        answered += 1;
    }
    answered
}

/// What lay in front of a frame, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Most {
    signatures: u32,
    /// Calls of the entity, each of which does a constant number of things.
    calls: u32,
}

/// Sends all that is to be sent. How many frames went, and the most that lay in front of one of them.
fn send_all(entity: &mut Entity, now: Mono, agents: usize) -> (usize, Most) {
    let (mut frames, mut most, mut calls) = (0, Most::default(), 0);
    for _ in 0..20 * agents * usize::from(NODES) {
        // One request is answered for each frame that goes.
        answer(entity, now, 1);
        let mut head = [0; HEAD];
        calls += 2;
        let Some(transmit) = entity.poll_transmit(now, &mut head) else {
            if answer(entity, now, 1) == 0 && entity.next_deadline().is_none_or(|at| at > now) {
                return (frames, most);
            }
            calls += 1;
            continue;
        };
        assert!(matches!(transmit.to, To::Network(_)));
        most.signatures = most.signatures.max(SIGNED.replace(0));
        most.calls = most.calls.max(std::mem::take(&mut calls));
        frames += 1;
    }
    panic!("frames without end")
}

/// So many contexts move in one event; gives the most that lay in front of a frame.
fn moves(agents: usize) -> Most {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut entity = entity(agents, &mut rng);
    for _ in 0..agents {
        entity.init(Mono(0), None, Digest::ZERO, &mut rng).expect("a slot is free");
    }
    let each = usize::from(NODES);
    let (frames, _) = send_all(&mut entity, Mono(0), agents);
    assert_eq!(frames, agents * each, "each context registers with each of its nodes");
    SIGNED.set(0);
    // It signs nothing by itself.
    entity.churn(place(2));
    assert_eq!(SIGNED.get(), 0);
    let now = Mono(1_000);
    let (frames, most) = send_all(&mut entity, now, agents);
    assert_eq!(frames, agents * each, "each context tells each of its nodes where it is now");
    let (frames, _) = send_all(&mut entity, now, agents);
    assert_eq!(frames, 0, "nothing is left");
    most
}

#[test]
fn ten_thousand_contexts_move_and_no_frame_waits_for_more_than_two_signatures() {
    let most = moves(AGENTS);
    assert!((1..=2).contains(&most.signatures), "{most:?} in front of one frame");
    assert!(most.calls <= 16, "{most:?} in front of one frame");
    assert_eq!(moves(FEWER), most, "what lies in front of a frame does not depend on how many contexts move");
}
