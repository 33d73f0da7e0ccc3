//! Parts of an LL-Entity that are left out: this workspace builds `iacp-core` without `endpoints`, `directory` and `roaming`. What
//! belongs to them is refused as by a host that was given no table, is neither offered nor agreed, and does no harm.

#[expect(dead_code, reason = "the other tests use the rest")]
mod common;

use common::{ADDRESSES, Node, node};
use iacp_core::erp::entity::{Done, HEAD, HostEvent, HostRequest, HostSettings, Memory};
use iacp_core::erp::generation::PORT;
use iacp_core::erp::local::{AgentEvent, Listen, LocalStatus, Open, Request};
use iacp_core::pss::{Capabilities, Terms};
use iacp_core::slots::TooFew;
use iacp_core::time::Mono;
use iacp_wire::{Digest, Eid};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

#[test]
fn a_host_that_is_to_ask_a_directory_is_refused() {
    let memory = Memory {
        agents: &mut [],
        sessions: &mut [],
        peers: &mut [],
        fifo: &mut [],
        outbox: &mut [],
        agent_index: Box::leak(Box::new([0; 2])),
        session_index: Box::leak(Box::new([0; 2])),
        peer_index: Box::leak(Box::new([0; 2])),
        heap: &mut [],
        channels: &mut [],
    };
    let made = Node::new(memory, HostSettings::at(ADDRESSES[0].into()), Mono(0), &mut ChaCha8Rng::seed_from_u64(4));
    assert_eq!(made.err(), Some(TooFew::NoDirectory));
}

#[test]
fn what_an_agent_asks_of_a_part_that_is_left_out_is_refused_and_changes_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut node, agent) = node(ADDRESSES[0], &mut rng);
    let mut desk = node.desk(Mono(1), &agent).expect("its own token");
    let at = Digest([7; 32]);
    let asked = [
        (Request::Endpoint { flags: 0, rotation: 0, tag: b"temperature" }, LocalStatus::Capacity),
        (Request::Endpoint { flags: 4, rotation: 0, tag: b"sealed" }, LocalStatus::Capacity),
        (Request::Write { coordinate: at, if_version: 0, value: b"21" }, LocalStatus::NoAccess),
        (Request::Read(at), LocalStatus::NoAccess),
        (Request::Erase(at), LocalStatus::NoAccess),
        (Request::Derive { seconds: 60 }, LocalStatus::Capacity),
        (Request::Retract(at), LocalStatus::NotFound),
        (Request::Deposit { kind: 1, body: &[1; 200] }, LocalStatus::Capacity),
        (Request::Standing(Eid([3; 32])), LocalStatus::NotFound),
        (Request::Resolve("https://example.org/"), LocalStatus::NotFound),
    ];
    for (request, status) in asked {
        assert_eq!(desk.ask_as(5, None, &request, &mut rng), Err(status), "{request:?}");
    }
    assert!(node.poll_event().is_none_or(|event| matches!(event, HostEvent::Agent { session: None, .. })));
}

/// Both sides would carry endpoints; each hands the other what it sends, until neither has more.
#[test]
fn a_session_is_agreed_without_what_is_left_out() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let [(mut one, first), (mut other, second)] = ADDRESSES.map(|at| node(at, &mut rng));
    let all = Capabilities::RESUME.with(Capabilities::CHACHA20_POLY1305).with(Capabilities::ENDPOINTS);
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
    let listen = Listen { capabilities: all, terms, sessions: 2, hold: false };
    let mut desk = other.desk(Mono(0), &second).expect("its own token");
    assert_eq!(desk.ask(None, &Request::Listen(listen), &mut rng), Ok(Done::Ok));
    let at = Some((ADDRESSES[1], PORT).into());
    let open = Open { peer: second.eid(), at, hold: false, offer: all, resume: None, proof: None };
    let (mut agreed, mut now, mut opened) = ([None; 2], Mono(0), false);
    while agreed.contains(&None) {
        assert!(now < Mono(10_000), "no session after ten seconds");
        if !opened {
            // Not before its context is bound.
            let mut desk = one.desk(now, &first).expect("its own token");
            opened = matches!(desk.ask(None, &Request::Open(open), &mut rng), Ok(Done::Session(_)));
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
                nodes[to].handle(now, (ADDRESSES[from], PORT).into(), &mut datagram, &mut rng);
            }
            while let Some(event) = nodes[from].poll_event() {
                if let HostEvent::Agent { event: AgentEvent::Opened(opened), .. } = event {
                    agreed[from] = Some(opened.capabilities);
                }
            }
        }
        now = now.after(10);
    }
    for capabilities in agreed.into_iter().flatten() {
        assert!(capabilities.contains(Capabilities::RESUME), "{capabilities:?}");
        assert!(!capabilities.contains(Capabilities::ENDPOINTS), "{capabilities:?}");
    }
}

/// One frame of each kind that there is, and all its beginnings.
#[test]
fn frames_of_every_kind_do_no_harm() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut node, agent) = node(ADDRESSES[0], &mut rng);
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../docs/vectors.json")).expect("vectors");
    let from = (ADDRESSES[1], PORT).into();
    let frames = vectors["frames"].as_array().expect("frames");
    assert!(frames.len() > 40);
    for (number, frame) in (0..).zip(frames) {
        let digits = frame["hex"].as_str().expect("hexadecimal");
        let digit = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
        let whole: Vec<u8> = (0..digits.len()).step_by(2).map(digit).collect();
        for length in 0..=whole.len() {
            let mut datagram = whole[..length].to_vec();
            let told = node.handle(Mono(number), from, &mut datagram, &mut rng);
            assert!(!matches!(told, HostEvent::Agent { .. }), "{} opened something", frame["message"]);
        }
        node.handle_deadline(Mono(number), &mut rng);
    }
    assert_eq!(node.counts(), (1, 0, 0), "no session and no peer came of it");
    assert!(node.desk(Mono(1_000), &agent).is_some());
}
