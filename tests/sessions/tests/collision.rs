//! Two sessions of one agent under one Local_Session_Key: the collision path of §4.2.4.2.

use iacp_core::erp::local::Listen;
use iacp_core::pss::{Capabilities, Terms};
use iacp_wire::Eid;
use sessions::forger::conditions;
use sessions::hosts::{Hosts, place};
use sessions::{Forger, Weather};
use std::net::SocketAddr;

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
const LISTEN: Listen = Listen { capabilities: Capabilities::NONE, terms: TERMS, sessions: 4, hold: false };

/// An ERP_STREAM by hand: PROFILE 26.
fn stream(source: &[u8; 32], destination: &[u8; 32], inner: &[u8]) -> Vec<u8> {
    let length = u16::try_from(72 + inner.len()).expect("short").to_be_bytes();
    [&[0x18, 0x10][..], &length, source, destination, &[0; 8], inner].concat()
}

/// The newest inner frame of this type that went to this place.
fn sent(world: &Hosts, to: SocketAddr, code: u8) -> Option<Vec<u8>> {
    let of_type = |bytes: &[u8]| bytes.len() > 78 && (bytes[76] << 4 | bytes[77] >> 4) == code;
    let found = world.trace.iter().rev().find(|(_, _, at, bytes)| *at == to && of_type(bytes));
    found.map(|(.., bytes)| bytes[76..].to_vec())
}

// shows: IACP-088 (§4.2.4.2)
#[test]
fn nothing_is_filed_under_the_cookie_of_an_attempt_that_waits_for_its_answer() {
    let mut world = Hosts::new(1, 1, 1, false);
    world.weather = Weather { delay: 1, ..Weather::FAIR };
    assert!(world.run_until(10_000, Hosts::all_bound));
    let (now, own, host) = (world.now, world.eid(0, 0), world.hosts[0].at);
    world.hosts[0].with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window of 16");
    // Two peers that work together, with an EID and an address each. The agent opens a session with the second one, which
    // so sees the I-Cookie and tells it to the first one.
    let (mut first, mut second) = (Forger::new(60), Forger::new(61));
    let [at, other_at] = [50, 51].map(|number| SocketAddr::new(place(number), 4227));
    let peer = Eid(second.eid);
    world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, Some(other_at), Capabilities::NONE, rng)).expect("a slot");
    world.run(20);
    let init = sent(&world, other_at, 0x08).expect("PSS_INIT");
    first.i_cookie.copy_from_slice(&init[44..52]);
    let hello = first.init(&own.0);
    world.put(world.now.after(1), at, host, stream(&first.eid, &own.0, &hello));
    world.run(20);
    assert_eq!(sent(&world, at, 0x0A), None, "no R-Cookie is given out for it");
    // Nor does the first one get into the attempt itself, whatever it signs.
    first.r_cookie = [7; 8];
    let wrong = first.neg(&init, 1, &conditions(9, 0, 0, 16), true);
    world.put(world.now.after(1), at, host, stream(&first.eid, &own.0, &wrong));
    world.run(20);
    assert_eq!(sent(&world, at, 0x09), None);
    // The peer that was asked answers, and its session comes about under the two cookies.
    second.r_cookie = [8; 8];
    let answer = second.neg(&init, 1, &conditions(9, 0, 0, 16), true);
    world.put(world.now.after(1), other_at, host, stream(&second.eid, &own.0, &answer));
    world.run(20);
    let ack = sent(&world, other_at, 0x09).expect("PSS_ACK");
    assert_eq!((&ack[4..12], &ack[44..52]), (&[8; 8][..], &init[44..52]));
    // From now on the I-Cookie alone names no bucket, and another session under that I-Cookie has another key.
    world.put(world.now.after(1), at, host, stream(&first.eid, &own.0, &hello));
    world.run(20);
    let neg = sent(&world, at, 0x0A).expect("PSS_NEG");
    assert_ne!(neg[4..12], [8; 8]);
    assert_eq!(world.hosts[0].entity.counts().1, 1);
}

// shows: IACP-088 (§4.2.4.2)
#[test]
fn a_signed_frame_of_another_peer_under_a_key_that_is_taken_is_refused() {
    let mut world = Hosts::new(2, 1, 1, false);
    world.weather = Weather { delay: 1, ..Weather::FAIR };
    assert!(world.run_until(10_000, Hosts::all_bound));
    let (now, own, host) = (world.now, world.eid(0, 0), world.hosts[0].at);
    world.hosts[0].with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window of 16");
    let mut first = Forger::new(60);
    let at = SocketAddr::new(place(50), 4227);
    let hello = first.init(&own.0);
    world.put(world.now.after(1), at, host, stream(&first.eid, &own.0, &hello));
    world.run(20);
    let neg = sent(&world, at, 0x0A).expect("PSS_NEG");
    let ack = first.ack(&own.0, &neg, 0);
    world.put(world.now.after(1), at, host, stream(&first.eid, &own.0, &ack));
    world.run(20);
    assert_eq!(world.hosts[0].entity.counts().1, 1);
    // The same cookies, signed by another EID: the bucket has a session, and its peer is another one.
    let mut thief = Forger { i_cookie: first.i_cookie, ..Forger::new(62) };
    let stolen = thief.ack(&own.0, &neg, 0);
    world.put(world.now.after(1), at, host, stream(&thief.eid, &own.0, &stolen));
    world.run(20);
    assert_eq!(world.hosts[0].entity.counts().1, 1, "no second session under this key");
    let chain = first.keys.as_ref().expect("keys").send_chain;
    let (frame, _) = first.data(first.initial_sequence, &chain, 0, b"still mine", 0);
    world.put(world.now.after(1), at, host, stream(&first.eid, &own.0, &frame));
    world.run(20);
    let (_, told) = world.hosts[0].told_of(0, &Eid(first.eid)).expect("opened");
    assert_eq!(told.items.len(), 1);
}

/// Only the first sealed frame of a session that the peer opened is the outcome of an attempt that crossed it: a session that the
/// agent opens later toward the same peer is another one, and no frame of the older one ends it.
// shows: IACP-088 (§4.2.4.2)
#[test]
fn an_attempt_that_begins_after_the_first_sealed_frame_of_the_peers_session_goes_on_beside_it() {
    let mut world = Hosts::new(3, 1, 1, false);
    world.weather = Weather { delay: 1, ..Weather::FAIR };
    assert!(world.run_until(10_000, Hosts::all_bound));
    let (now, own, host) = (world.now, world.eid(0, 0), world.hosts[0].at);
    world.hosts[0].with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window of 16");
    let mut first = Forger::new(60);
    let (at, peer) = (SocketAddr::new(place(50), 4227), Eid(first.eid));
    let hello = first.init(&own.0);
    world.put(world.now.after(1), at, host, stream(&first.eid, &own.0, &hello));
    world.run(20);
    let neg = sent(&world, at, 0x0A).expect("PSS_NEG");
    let ack = first.ack(&own.0, &neg, 0);
    world.put(world.now.after(1), at, host, stream(&first.eid, &own.0, &ack));
    world.run(20);
    let chain = first.keys.as_ref().expect("keys").send_chain;
    let (frame, chain) = first.data(first.initial_sequence, &chain, 0, b"one", 0);
    world.put(world.now.after(1), at, host, stream(&first.eid, &own.0, &frame));
    world.run(20);
    assert_eq!(world.hosts[0].entity.counts().1, 1);
    let now = world.now;
    world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, Some(at), Capabilities::NONE, rng)).expect("a slot");
    let (frame, _) = first.data(first.initial_sequence + 1, &chain, 0, b"two", 0);
    world.put(world.now.after(1), at, host, stream(&first.eid, &own.0, &frame));
    world.run(20);
    assert_eq!(world.hosts[0].entity.counts().1, 2, "the attempt is under way");
    let init = sent(&world, at, 0x08).expect("PSS_INIT");
    let mut second = Forger::new(60);
    second.r_cookie = [8; 8];
    let answer = second.neg(&init, 1, &conditions(9, 0, 0, 16), true);
    world.put(world.now.after(1), at, host, stream(&second.eid, &own.0, &answer));
    world.run(20);
    let ack = sent(&world, at, 0x09).expect("PSS_ACK");
    assert_eq!(ack[4..12], [8; 8], "the peer's answer to it counts");
}
