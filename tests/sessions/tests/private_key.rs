//! The private key stays with the LL-Entity, whatever is asked of it and whatever it sends.

use iacp_core::erp::entity::{HEAD, HostEvent};
use iacp_core::erp::local::Listen;
use iacp_core::pss::{Capabilities, Terms};
use iacp_wire::message::{ErpInit, ErpKeepalive, Local};
use iacp_wire::{Frame, IatField, InitializationNonce, Message};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sessions::Weather;
use sessions::hosts::{Hosts, evolve, place};
use sessions::{frame, request};
use sha2::{Digest as _, Sha512};

/// No more of a secret than this may ever be seen in a row.
const RUN: usize = 8;

/// The seed, and what RFC 8032 makes of it: the scalar as it is hashed and as it is used, and the prefix.
fn secrets(seed: &[u8; 32]) -> Vec<[u8; 32]> {
    let expanded: [u8; 64] = Sha512::digest(seed).into();
    let half = |from: usize| -> [u8; 32] { expanded[from..from + 32].try_into().expect("32") };
    let mut scalar = half(0);
    scalar[0] &= 248;
    scalar[31] = scalar[31] & 127 | 64;
    vec![*seed, half(0), scalar, half(32)]
}

fn shows(bytes: &[u8], secret: &[u8; 32]) -> bool {
    let reversed: Vec<u8> = secret.iter().rev().copied().collect();
    secret.windows(RUN).chain(reversed.windows(RUN)).any(|run| bytes.windows(RUN).any(|seen| seen == run))
}

#[test]
fn the_search_finds_a_secret_that_is_there() {
    let secret: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).expect("small"));
    assert!(shows(&[&[200; 40], &secret[10..18]].concat(), &secret));
    assert!(!shows(&[&[200; 40], &secret[10..17]].concat(), &secret));
}

// shows: IACP-070 (§4.2.2.1)
#[test]
fn no_private_key_leaves_by_the_local_channel_or_by_the_network() {
    let mut world = Hosts::new(3, 2, 1, true);
    world.weather = Weather::FAIR;
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let now = world.now;
    // One agent of a process of its own, beside the one in this process.
    let init = frame(Message::ErpInit(&ErpInit { initialization_nonce: InitializationNonce([9; 32]) }));
    let answer = world.hosts[0].local(now, 0, &init).expect("ERP_ALLOC");
    let Ok(Frame { message: Message::ErpAlloc(alloc), .. }) = Frame::parse(&answer) else { panic!("no ERP_ALLOC") };
    let (eid, iat) = (alloc.allocated_eid, alloc.local_iat.0);
    seen.push(answer.clone());
    assert!(world.run_until(60_000, Hosts::all_bound));
    let mut held: Vec<[u8; 32]> = Vec::new();
    for agent in [eid, world.eid(0, 0)] {
        held.extend(secrets(world.hosts[0].entity.seed(&agent).expect("it has a context").expose()));
    }
    // A session between the hosts, with items, a move in the middle, and an end.
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
    let capabilities = Capabilities::RESUME;
    let (now, peer) = (world.now, world.eid(1, 0));
    let listen = Listen { capabilities, terms, sessions: 8, hold: false };
    world.hosts[1].with(now, 0, |desk, _| desk.listen(listen)).expect("a window of 16");
    world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, None, capabilities, rng)).expect("a slot is free");
    world.run(3_000);
    // Every op, well-formed or not, and everything that is random: the answers are all that comes back.
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    for round in 0..400_u32 {
        let op = u16::try_from(round % 27).expect("small");
        // LEAVE and ROTATE end the context: they come last.
        if matches!(op, 22 | 23) {
            continue;
        }
        let mut arguments = vec![0; usize::try_from(rng.next_u32() % 120).expect("small")];
        rng.fill_bytes(&mut arguments);
        let lengths = [32, 24, 57, 8, 56, 8, 20, 8, 2, 2, 32, 7, 40, 32, 32, 40, 33, 65, 4, 32, 33, 1];
        if round % 2 == 0
            && let Some(length) = lengths.get(usize::from(op).saturating_sub(1))
        {
            arguments = vec![0; *length];
            arguments[0] = 1;
        }
        let session = if round % 3 == 0 { rng.next_u64() } else { u64::from(round % 2) << 32 };
        let now = world.now;
        if let Ok(answer) = world.hosts[0].local(now, 0, &request(eid, iat, op, session, &arguments)) {
            seen.push(answer);
        }
        let alive = frame(Message::ErpKeepalive(&ErpKeepalive { eid, local_iat: IatField(iat) }));
        if let Ok(answer) = world.hosts[0].local(now, 0, &alive) {
            seen.push(answer);
        }
        while let Some(event) = world.hosts[0].entity.poll_event() {
            let mut bytes = [0; 1_200];
            if let Ok(Some((_, length))) = HostEvent::write(&event, &mut bytes) {
                seen.push(bytes[..length].to_vec());
            }
        }
        world.run(50);
        world.keep_alive();
    }
    let vouched = evolve(&[5; 32], eid, iacp_wire::Digest::ZERO, iacp_wire::Digest([1; 32]), 1);
    let inner = frame(Message::Local { head: &Local { eid, local_iat: IatField(iat) }, inner: &vouched });
    let now = world.now;
    seen.extend(world.hosts[0].local(now, 0, &inner));
    world.move_host(0, place(90));
    world.run(5_000);
    let now = world.now;
    for op in [22_u16, 23] {
        let arguments = if op == 22 { [&[0, 2, 0, 0][..], &[4; 32]].concat() } else { Vec::new() };
        seen.extend(world.hosts[0].local(now, 0, &request(eid, iat, op, 0, &arguments)));
    }
    world.run(5_000);
    let mut head = [0; HEAD];
    assert!(world.hosts[0].entity.poll_transmit(world.now, &mut head).is_none(), "everything was sent");
    seen.extend(world.trace.iter().map(|(.., bytes)| bytes.clone()));
    assert!(seen.len() > 500 && world.trace.len() > 50, "{} and {}", seen.len(), world.trace.len());
    for bytes in &seen {
        assert!(!held.iter().any(|secret| shows(bytes, secret)), "{bytes:02x?}");
    }
}
