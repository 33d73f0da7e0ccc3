//! What a peer does that it must not, at the LL-Entity: a signed contradiction is published, everything else ends the session alone.

use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::directory::Kind;
use iacp_core::directory::accusation::verify_accusation;
use iacp_core::erp::binding::Binding;
use iacp_core::erp::entity::{Done, Dropped, HEAD, HostEvent, HostRequest, To};
use iacp_core::erp::local::{AgentEvent, ClosureCode, Listen, LocalStatus, Open, Request};
use iacp_core::governance::malfeasance::Offence;
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, ContentKind, RejectionReasons, Terms};
use iacp_core::slots::Handle;
use iacp_core::time::UnixTime;
use iacp_wire::message::MalfeasanceData;
use iacp_wire::{Eid, Locator};
use sessions::hosts::{Hosts, place, register_frame};
use sessions::raw::{ROUTING, Raw};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
const NOW: UnixTime = UnixTime(1_790_000_000_000);

/// Two hosts; the first agent of the second one listens for contracts.
fn world(seed: u64) -> Hosts {
    let mut world = Hosts::new(seed, 2, 1, true);
    assert!(world.run_until(60_000, Hosts::all_bound));
    let listen = Listen { capabilities: Capabilities::SFC, terms: TERMS, sessions: 4, hold: false };
    let now = world.now;
    world.hosts[1].with(now, 0, |desk, _| desk.listen(listen)).expect("a window");
    world
}

fn open(world: &mut Hosts, from: usize, to: usize) -> Handle {
    let (now, peer) = (world.now, world.eid(to, 0));
    let open = Open { peer, at: None, hold: false, offer: Capabilities::SFC, resume: None, proof: None };
    match world.hosts[from].with(now, 0, |desk, rng| desk.ask(None, &Request::Open(open), rng)) {
        Ok(Done::Session(session)) => session,
        other => panic!("{other:?}"),
    }
}

/// A session from the first host to the second, under a contract.
fn agreed(world: &mut Hosts) -> Handle {
    let session = open(world, 0, 1);
    world.run(500);
    let (now, accept) = (world.now, Request::Terms { counter: None });
    world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(session), &accept, rng)).expect("our turn");
    world.run(500);
    assert!(world.hosts[1].told.values().any(|told| told.contract));
    session
}

/// The initiator answers turn 1 with other terms. Its turn 2 as it went over the wire, and what it answers.
fn countered(world: &mut Hosts) -> (Vec<u8>, [u8; 32]) {
    let session = open(world, 0, 1);
    world.run(500);
    let terms = Terms { lifetime: 77, ..TERMS };
    let counter = Request::Terms { counter: Some((terms, RejectionReasons(1))) };
    let (now, begin) = (world.now, world.trace.len());
    world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(session), &counter, rng)).expect("our turn");
    world.run(500);
    let (here, there) = (world.hosts[0].at, world.hosts[1].at);
    let is_turn = |bytes: &[u8], length: usize| bytes.len() >= ROUTING + length && bytes[ROUTING + 1] >> 4 == 0xa;
    let one = world.trace.iter().rev().find(|(_, from, _, bytes)| *from == there && is_turn(bytes, 121));
    let two = world.trace[begin..].iter().find(|(_, from, _, bytes)| *from == here && is_turn(bytes, 120));
    let (one, two) = (one.expect("turn 1").3[ROUTING..].to_vec(), two.expect("turn 2").3.clone());
    let unsigned = [&one[..56], &one[120..]].concat();
    (two, Portable::sha256(&[&unsigned]))
}

/// The same turn with other reasons, signed by the key of this seed: PROFILE 2.3.
fn other_turn(turn: &[u8], predecessor: &[u8; 32], seed: &Secret32) -> Vec<u8> {
    let mut forged = turn.to_vec();
    forged[ROUTING + 23] ^= 2;
    let inner = &mut forged[ROUTING..];
    let digest = Portable::sha256(&[b"IACP/1 PSS_NEG\0", predecessor, &inner[..56]]);
    let signature = Portable::sign(&Portable::signing_key(seed), &digest);
    inner[56..].copy_from_slice(&signature);
    forged
}

fn seed_of(world: &Hosts, host: usize) -> Secret32 {
    let seed = world.hosts[host].entity.seed(&world.eid(host, 0)).expect("a context");
    Secret32::new(*seed.expose())
}

fn give(world: &mut Hosts, bytes: Vec<u8>) {
    let (from, to, now) = (world.hosts[0].at, world.hosts[1].at, world.now);
    world.put(now, from, to, bytes);
    world.run(200);
}

fn proofs(world: &Hosts) -> Vec<&String> {
    world.hosts[1].affairs.iter().filter(|affair| affair.starts_with("proof")).collect()
}

fn closures(world: &Hosts, peer: Eid) -> Vec<Option<ClosureCode>> {
    let all = world.hosts[1].told.values().filter(|told| told.peer.is_none_or(|told| told == peer));
    all.map(|told| told.closed).collect()
}

/// The accusation that host 1 has written into the directory.
fn accusation(world: &mut Hosts, length: usize, offence: Offence) {
    let offender = world.eid(0, 0);
    world.hosts[1].entity.accuse(NOW).expect("there is a proof");
    world.run(50);
    let (_, accuser, Kind::Accusation, body) = world.deposits.last().expect("a record").clone() else {
        panic!("no accusation")
    };
    assert_eq!((accuser, body.len()), (world.eid(1, 0), length));
    let data = MalfeasanceData::parse(&body).expect("a ticket and its evidence");
    let proven = verify_accusation::<Portable>(&data).expect("it convinces anyone");
    assert_eq!((proven.offender(), proven.accuser(), proven.offence()), (offender, accuser, offence));
    assert_eq!(world.hosts[1].entity.accuse(NOW), Err(LocalStatus::NotFound), "once");
}

// shows: IACP-153 (§6.5.2), IACP-154 (§6.5.2)
#[test]
fn two_contracts_for_one_turn_end_every_session_with_that_eid_and_are_published() {
    let mut world = world(1);
    let other = agreed(&mut world);
    let (turn, predecessor) = countered(&mut world);
    let forged = other_turn(&turn, &predecessor, &seed_of(&world, 0));
    give(&mut world, forged);
    assert_eq!(proofs(&world).len(), 1, "{:?}", world.hosts[1].affairs);
    assert!(proofs(&world)[0].ends_with("Revocation"));
    let ended = closures(&world, world.eid(0, 0));
    assert_eq!(ended, [Some(ClosureCode::ForcedByUs); 2]);
    let hear = world.hosts[0].told.get(&(0, other.bits())).and_then(|told| told.closed);
    assert_eq!(hear, Some(ClosureCode::ForcedByPeer), "the offender is told");
    accusation(&mut world, 514, Offence::ContractEquivocation);
}

#[test]
fn a_turn_that_is_repeated_or_not_signed_by_the_peer_proves_nothing() {
    let mut world = world(2);
    let (turn, predecessor) = countered(&mut world);
    give(&mut world, turn.clone());
    let stranger = Secret32::new([5; 32]);
    for forged in [
        other_turn(&turn, &predecessor, &stranger),
        other_turn(&turn, &[6; 32], &seed_of(&world, 0)),
        turn[..turn.len() - 1].to_vec(),
    ] {
        give(&mut world, forged);
    }
    assert!(proofs(&world).is_empty());
    assert_eq!(world.hosts[1].entity.accuse(NOW), Err(LocalStatus::NotFound));
    assert_eq!(closures(&world, world.eid(0, 0)), [None]);
    // The bargain goes on.
    let (session, _) = world.hosts[1].told.iter().next().map(|((_, bits), told)| (*bits, told)).expect("open");
    let now = world.now;
    let accept = Request::Terms { counter: None };
    let done = world.hosts[1].with(now, 0, |desk, rng| desk.ask(Handle::from_bits(session), &accept, rng));
    assert_eq!(done, Ok(Done::Ok));
    world.run(500);
    assert!(world.hosts[0].told.values().any(|told| told.contract));
}

// shows: IACP-098 (§4.2.7.1)
#[test]
fn two_bindings_of_one_generation_are_told_once_and_the_session_goes_on() {
    let mut world = world(3);
    let session = agreed(&mut world);
    let identity = Identity::<Portable>::from_seed(&seed_of(&world, 0));
    let other = Binding::sign(&identity, Locator::from(place(66)), 0);
    for _ in 0..3 {
        give(&mut world, register_frame(&other));
    }
    assert_eq!(proofs(&world).len(), 1);
    assert!(proofs(&world)[0].ends_with("ProofOfMal") && world.hosts[1].dropped.contains(&Dropped::Equivocation));
    assert_eq!(world.hosts[0].told[&(0, session.bits())].closed, None, "a binding is no session's offence");
    accusation(&mut world, 380, Offence::Equivocation);
    // A pair that does not verify is no pair.
    let forged = Binding { ip: Locator::from(place(67)), ..other };
    give(&mut world, register_frame(&forged));
    assert_eq!(proofs(&world).len(), 1);
}

/// Runs a stranger with a host for so long; what the host was told.
fn run(raw: &mut Raw, world: &mut Hosts, milliseconds: u64) -> Vec<(Eid, String)> {
    let (mut told, end) = (Vec::new(), world.now.after(milliseconds));
    while world.now < end {
        let now = world.now;
        while let Some(mut bytes) = raw.says(now) {
            let event = world.hosts[0].entity.handle(now, raw.at, &mut bytes, &mut raw.rng);
            assert!(!matches!(event, HostEvent::Dropped(Dropped::Malformed)), "{event:?}");
        }
        if world.hosts[0].entity.next_deadline().is_some_and(|at| at <= now) {
            world.hosts[0].entity.handle_deadline(now, &mut raw.rng);
        }
        while let Some(event) = world.hosts[0].entity.poll_event() {
            match event {
                HostEvent::Compromised { eid, peer } => {
                    assert_eq!(peer, raw.identity.eid());
                    told.push((eid, "compromised".into()));
                }
                HostEvent::Agent { eid, event: AgentEvent::Closed { closure, .. }, .. } => {
                    told.push((eid, format!("{closure:?}")));
                }
                HostEvent::Proof { offender, .. } => told.push((offender, "proof".into())),
                _ => {}
            }
        }
        while let Some(request) = world.hosts[0].entity.poll_request() {
            if let HostRequest::Persist { eid, what } = request {
                world.hosts[0].entity.persisted(now, &eid, what);
            }
        }
        let mut head = [0; HEAD];
        while let Some(transmit) = world.hosts[0].entity.poll_transmit(now, &mut head) {
            let mut bytes = [transmit.head, transmit.body].concat();
            if transmit.to == To::Network(raw.at) {
                raw.hears(now, &mut bytes);
            }
        }
        world.now = now.after(50);
        world.keep_alive();
    }
    told
}

fn stranger(world: &Hosts, seed: u64, port: u16) -> Raw {
    let to = (world.eid(0, 0), world.hosts[0].at);
    Raw::open(world.now, seed, SocketAddr::new(place(50), port), to, Capabilities::NONE)
}

/// A host without a directory whose agent listens.
fn lone(seed: u64) -> Hosts {
    let mut world = Hosts::new(seed, 1, 1, false);
    assert!(world.run_until(1_000, Hosts::all_bound));
    let listen = Listen { capabilities: Capabilities::NONE, terms: TERMS, sessions: 4, hold: false };
    let now = world.now;
    world.hosts[0].with(now, 0, |desk, _| desk.listen(listen)).expect("a window");
    world
}

// shows: IACP-153 (§6.5.2)
#[test]
fn a_frame_without_a_meaning_ends_its_session_alone_and_nothing_is_published() {
    let mut world = lone(4);
    let eid = world.eid(0, 0);
    let (mut raw, mut second) = (stranger(&world, 9, 4_227), stranger(&world, 10, 9_999));
    assert!(run(&mut raw, &mut world, 1_000).is_empty() && run(&mut second, &mut world, 1_000).is_empty());
    assert!(raw.session.is_ready() && second.session.is_ready());
    // A path report where ENDPOINTS was not agreed.
    raw.session.send(world.now, ContentKind::PathReport, &[0; 32]).expect("it is sealed");
    let told = run(&mut raw, &mut world, 1_000);
    let both = [(eid, "compromised".to_owned()), (eid, "Compromised".to_owned())];
    assert_eq!(told, both, "the host, and the agent");
    assert!(raw.session.closure().is_some(), "the peer is told");
    assert!(run(&mut second, &mut world, 1_000).is_empty());
    assert!(second.session.closure().is_none(), "another EID's session lives");
    assert_eq!(world.hosts[0].entity.accuse(NOW), Err(LocalStatus::NotFound));
    assert!(world.deposits.is_empty());
}

#[test]
fn the_peer_of_a_compromised_session_opens_none_for_300_s() {
    let mut world = lone(5);
    let mut raw = stranger(&world, 9, 4_227);
    run(&mut raw, &mut world, 1_000);
    raw.session.send(world.now, ContentKind::PathReport, &[0; 32]).expect("it is sealed");
    run(&mut raw, &mut world, 1_000);
    let opens = |world: &mut Hosts, seed| {
        let mut again = stranger(world, seed, 4_227);
        run(&mut again, world, 2_000);
        again.session.is_ready()
    };
    assert!(!opens(&mut world, 9), "the same EID");
    assert!(opens(&mut world, 11), "another one at the same address");
    world.now = world.now.after(80_000);
    world.keep_alive();
    assert!(!opens(&mut world, 9));
    for _ in 0..3 {
        world.now = world.now.after(80_000);
        world.keep_alive();
    }
    assert!(opens(&mut world, 9), "300 s are over");
}
