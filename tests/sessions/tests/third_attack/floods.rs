//! Floods that are to shut all others out: of one session's signed frames, and of strangers.

use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::entity::{Dropped, HEAD, HostRequest, To};
use iacp_core::erp::local::{ClosureCode, Listen, Request};
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, ContentKind, Discard, TeardownReason};
use iacp_wire::message::{ErpStream, PssTeardown};
use iacp_wire::{Cookie, Eid, Frame, Message, Signature};
use sessions::hosts::{Hosts, place};
use sessions::raw::{ROUTING, Raw};

use crate::{TERMS, bound, open, told};

fn frame(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = vec![0; 1_300];
    let length = frame.write(&mut bytes).expect("it fits");
    bytes.truncate(length);
    bytes
}

/// A PSS_TEARDOWN with this number in place of a signature, by an observer that has seen a frame of this session pass by.
fn junk(source_eid: Eid, destination_eid: Eid, seen: &[u8], number: u32) -> Vec<u8> {
    let cookie = |at: usize| Cookie(*seen[ROUTING + at..].first_chunk().expect("eight bytes"));
    let mut signature = [7; 64];
    signature[..4].copy_from_slice(&number.to_be_bytes());
    let teardown = PssTeardown {
        session_connection_cookie: cookie(12),
        teardown_type: 3.into(),
        reason_code: 0.into(),
        malfeasance_length: 0.into(),
        signature: Signature(signature),
    };
    let message = Message::PssTeardown { head: &teardown, malfeasance: &[] };
    let inner = frame(&Frame::new(message).in_session(cookie(4)));
    let head = ErpStream { source_eid, destination_eid, generation_counter: 0.into() };
    frame(&Frame::new(Message::ErpStream { head: &head, inner: &inner }))
}

fn refused(world: &Hosts) -> (usize, usize) {
    let count = |why| world.hosts[0].dropped.iter().filter(|dropped| **dropped == why).count();
    (count(Dropped::Session(Discard::Signature)), count(Dropped::RateLimited))
}

fn abort(world: &mut Hosts, host: usize, session: iacp_core::slots::Handle) {
    let (now, abort) = (world.now, Request::Abort(TeardownReason::TaskComplete.code()));
    world.hosts[host].with(now, 0, |desk, rng| desk.ask(Some(session), &abort, rng)).expect("it is open");
}

#[test]
fn a_flood_of_signed_frames_of_one_session_takes_what_is_its_own_and_no_more() {
    let mut world = bound(1, 3, Capabilities::NONE, false);
    let (attacked, here) = open(&mut world, (1, 0));
    let (other, there) = open(&mut world, (2, 0));
    let (to, home, eids) = (world.at(0), world.at(1), (world.eid(1, 0), world.eid(0, 0)));
    let sealed = |bytes: &[u8]| bytes[..2] == [0x18, 0x10] && bytes[ROUTING + 1] >> 4 == 0xb;
    let seen = world.trace.iter().find(|(_, from, at, bytes)| *from == home && *at == to && sealed(bytes));
    let seen = seen.expect("a heartbeat").3.clone();
    // More than all sessions of the host have together in a second.
    let flood = |world: &mut Hosts, from: SocketAddr| {
        let now = world.now;
        world.hosts[0].dropped.clear();
        (0..4_200).for_each(|number| world.put(now, from, to, junk(eids.0, eids.1, &seen, number)));
    };
    flood(&mut world, SocketAddr::new(place(66), 4_227));
    // In the same moment the peer ends another session, from where it is.
    abort(&mut world, 2, other);
    world.run(50);
    assert_eq!(refused(&world), (16, 4_200 - 16), "{:?}", world.hosts[0].dropped.first());
    assert_eq!(told(&world, 0, there).closed, Some(ClosureCode::ForcedByPeer));
    assert_eq!(told(&world, 0, here).closed, None);
    // The same from the peer's own address, while strangers go on elsewhere: one more allowance, and no third one.
    flood(&mut world, home);
    world.run(0);
    assert_eq!(refused(&world), (16, 4_200 - 16));
    flood(&mut world, SocketAddr::new(place(67), 4_227));
    world.run(0);
    assert_eq!(refused(&world).0, 0);
    // A moment later the peer itself is heard, though the strangers go on.
    world.run(1_000);
    flood(&mut world, SocketAddr::new(place(66), 4_227));
    abort(&mut world, 1, attacked);
    world.run(50);
    assert_eq!(told(&world, 0, here).closed, Some(ClosureCode::ForcedByPeer));
}

/// A host without a directory whose agent listens. It has places for sixteen peers.
fn lone(seed: u64) -> Hosts {
    let mut world = Hosts::new(seed, 1, 1, false);
    assert!(world.run_until(1_000, Hosts::all_bound));
    let listen = Listen { capabilities: Capabilities::NONE, terms: TERMS, sessions: 8, hold: false };
    let now = world.now;
    world.hosts[0].with(now, 0, |desk, _| desk.listen(listen)).expect("a window");
    world
}

/// Runs a stranger with the host for so long.
fn run(raw: &mut Raw, world: &mut Hosts, milliseconds: u64) {
    let end = world.now.after(milliseconds);
    while world.now < end {
        let now = world.now;
        while let Some(mut bytes) = raw.says(now) {
            world.hosts[0].receive(now, raw.at, &mut bytes);
        }
        if world.hosts[0].entity.next_deadline().is_some_and(|at| at <= now) {
            world.hosts[0].entity.handle_deadline(now, &mut raw.rng);
        }
        while world.hosts[0].entity.poll_event().is_some() {}
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
}

fn stranger(world: &Hosts, seed: u8) -> Raw {
    let to = (world.eid(0, 0), world.at(0));
    Raw::open(world.now, u64::from(seed), SocketAddr::new(place(seed), 4_227), to, Capabilities::NONE)
}

#[test]
fn peers_of_compromised_sessions_do_not_fill_the_table_of_peers() {
    let mut world = lone(2);
    let (now, mut accused) = (world.now, stranger(&world, 200));
    world.hosts[0].entity.challenge(now, &accused.identity.eid(), &[]);
    let mut shunned = 0;
    for round in 0..3 {
        for number in 0..8 {
            let mut raw = stranger(&world, 20 + 8 * round + number);
            run(&mut raw, &mut world, 300);
            assert!(raw.session.is_ready(), "stranger {number} of round {round} gets in");
            // A path report where ENDPOINTS was not agreed.
            raw.session.send(world.now, ContentKind::PathReport, &[0; 32]).expect("it is sealed");
            run(&mut raw, &mut world, 300);
            assert!(raw.session.closure().is_some());
            shunned += 1;
        }
        // Their sessions' last words are kept for a minute.
        run(&mut accused, &mut world, 62_000);
        assert_eq!(world.hosts[0].entity.counts().1, 0);
    }
    assert!(shunned > 16, "more than there are places, and all within 300 s");
    let mut honest = stranger(&world, 100);
    run(&mut honest, &mut world, 500);
    assert!(honest.session.is_ready(), "there is room for one more");
    // Marks go, the oldest first; an accusation stays.
    let mut newest = stranger(&world, 20 + 8 * 2 + 7);
    run(&mut newest, &mut world, 1_000);
    assert!(!newest.session.is_ready(), "the one that was shunned last");
    let mut accused = stranger(&world, 200);
    run(&mut accused, &mut world, 1_000);
    assert!(!accused.session.is_ready(), "the accused one");
}

#[test]
fn questions_that_a_slow_directory_leaves_open_do_not_fill_the_table_of_peers() {
    let mut world = bound(3, 1, Capabilities::NONE, false);
    let eid = |number: u8| Identity::<Portable>::from_seed(&Secret32::new([number; 32])).eid();
    let (now, host) = (world.now, &mut world.hosts[0]);
    let mut asked = |peer: Eid, stays: bool| {
        let session = host.with(now, 0, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng)).expect("a slot");
        let found = std::iter::from_fn(|| host.entity.poll_request())
            .any(|request| matches!(request, HostRequest::Peer(asked) if asked == peer));
        if !stays {
            let abort = Request::Abort(TeardownReason::TaskComplete.code());
            host.with(now, 0, |desk, rng| desk.ask(Some(session), &abort, rng)).expect("it waits");
        }
        found
    };
    // One agent waits for an answer itself. The others of the sixteen places: nothing waits for what was asked.
    assert!(asked(eid(1), true));
    for number in 2..17 {
        assert!(asked(eid(number), false));
    }
    for number in 17..40 {
        assert!(asked(eid(number), false), "the oldest question gives way to the {number}th");
    }
    assert_eq!(world.hosts[0].entity.counts(), (1, 1, 16));
    // The one that is waited for is still known: the same question is not put twice.
    let (now, host) = (world.now, &mut world.hosts[0]);
    host.with(now, 0, |desk, rng| desk.open(eid(1), None, Capabilities::NONE, rng)).expect("a slot");
    assert_eq!(std::iter::from_fn(|| host.entity.poll_request()).count(), 0);
}
