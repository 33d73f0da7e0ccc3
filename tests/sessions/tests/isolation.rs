//! What agents of one host, and strangers, try against each other at the LL-Entity: the rows of PROFILE 39 that concern the
//! local channel and contexts.

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::agent::{Agent, PURGE, RotationReason};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::context::State;
use iacp_core::erp::entity::Dropped;
use iacp_core::erp::local::{Listen, LocalStatus, Request};
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, Discard, TeardownReason, Terms};
use iacp_core::slots::Handle;
use iacp_wire::message::{AaiRequest, ErpInit, ErpKeepalive, Local};
use iacp_wire::{Digest, Eid, Frame, IatField, InitializationNonce, Message, Tlv, TlvWriter};
use sessions::Weather;
use sessions::hosts::{Hosts, place};
use sessions::{frame, request};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
const LISTEN: Listen = Listen { capabilities: Capabilities::NONE, terms: TERMS, sessions: 4, hold: false };

fn erp_init(nonce: u8) -> Vec<u8> {
    frame(Message::ErpInit(&ErpInit { initialization_nonce: InitializationNonce([nonce; 32]) }))
}

/// EID and token of an ERP_ALLOC.
fn allocated(bytes: &[u8]) -> (Eid, [u8; 32], [u8; 32]) {
    let Ok(Frame { message: Message::ErpAlloc(alloc), .. }) = Frame::parse(bytes) else {
        panic!("no ERP_ALLOC: {bytes:02x?}");
    };
    (alloc.allocated_eid, alloc.local_iat.0, alloc.initialization_nonce.0)
}

/// Status and session of a RESULT, and that the token toward the agent is zero.
fn result(bytes: &[u8]) -> (u16, u64) {
    let Ok(Frame { message: Message::Local { head, inner }, .. }) = Frame::parse(bytes) else { panic!("no LOCAL") };
    assert_eq!(head.local_iat.0, [0; 32], "the token is shown to the LL-Entity only");
    let Ok(Frame { message: Message::AaiNotice { head, .. }, .. }) = Frame::parse(inner) else { panic!("no notice") };
    assert_eq!((head.notice.get(), head.request.get()), (1, 7));
    (head.result_status.get(), head.session.get())
}

/// A host with a bound agent by each of two channels: EIDs and tokens.
fn two_by_channel(world: &mut Hosts) -> [(Eid, [u8; 32]); 2] {
    let now = world.now;
    let both = [0, 1].map(|channel| {
        let answer = world.hosts[0].local(now, channel, &erp_init(9)).expect("ERP_ALLOC");
        let (eid, iat, nonce) = allocated(&answer);
        assert_eq!(nonce, [9; 32], "the nonce is mirrored");
        (eid, iat)
    });
    world.run(2_000);
    both
}

/// Two agents on the first host and one on the second, a session from (0, 0) to (1, 0) with an item delivered.
fn connected(seed: u64) -> (Hosts, Handle, Handle) {
    let mut world = Hosts::new(seed, 2, 2, true);
    world.weather = Weather::FAIR;
    assert!(world.run_until(60_000, Hosts::all_bound));
    let (now, peer) = (world.now, world.eid(1, 0));
    world.hosts[1].with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window");
    let opened = world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng));
    let session = opened.expect("a slot is free");
    world.hosts[0].with(now, 0, |desk, _| desk.send(session, 0, b"first")).expect("taken");
    let bits = session.bits();
    assert!(
        world.run_until(20_000, |world| world.hosts[0].told.get(&(0, bits)).is_some_and(|told| told.delivered == 1))
    );
    let (other, _) = world.hosts[1].told_of(0, &world.eid(0, 0)).expect("opened");
    (world, session, other)
}

// shows: IACP-066 (§4.2.1.1–2), IACP-071 (§4.2.2.2), IACP-072 (§4.2.2.2), IACP-075 (§4.2.3.1)
#[test]
fn only_the_right_token_in_each_frame_is_an_agent() {
    let mut world = Hosts::new(1, 1, 0, false);
    let [(eid, iat), (other, other_iat)] = two_by_channel(&mut world);
    let now = world.now;
    let host = &mut world.hosts[0];
    assert!(eid != other && iat != other_iat);
    let ready = [1];
    assert_eq!(result(&host.local(now, 0, &request(eid, iat, 21, 0, &ready)).expect("RESULT")).0, 0);
    // Another agent's token, a token with one bit changed, no token; and an EID that does not exist: all the same silence.
    let mut bent = iat;
    bent[31] ^= 1;
    for (eid, iat) in [(eid, other_iat), (eid, bent), (eid, [0; 32]), (Eid([7; 32]), iat)] {
        assert_eq!(host.local(now, 2, &request(eid, iat, 21, 0, &ready)), Err(Dropped::Token));
        let alive = ErpKeepalive { eid, local_iat: IatField(iat) };
        assert_eq!(host.local(now, 3, &frame(Message::ErpKeepalive(&alive))), Err(Dropped::Token));
    }
    // A request without its encapsulation header, and one inside another.
    let head = AaiRequest { op: 23.into(), op_reserved: 0.into(), request: 1.into(), session: 0.into() };
    let bare = frame(Message::AaiRequest { head: &head, arguments: &[] });
    assert_eq!(host.local(now, 0, &bare), Err(Dropped::Malformed));
    let inner = request(eid, iat, 23, 0, &[]);
    let twice = frame(Message::Local { head: &Local { eid, local_iat: IatField(iat) }, inner: &inner });
    assert_eq!(host.local(now, 0, &twice), Err(Dropped::Malformed));
    // The same rules for calls.
    let wrong = Agent::new(eid, Secret32::new(other_iat));
    assert!(host.entity.desk(now, &wrong).is_none());
    assert!(host.entity.desk(now, &Agent::new(eid, Secret32::new(iat))).is_some());
}

#[test]
fn eight_wrong_tokens_shut_a_channel_and_no_other() {
    let mut world = Hosts::new(2, 1, 0, false);
    let [(eid, iat), _] = two_by_channel(&mut world);
    let now = world.now;
    let host = &mut world.hosts[0];
    for _ in 0..8 {
        assert_eq!(host.local(now, 5, &request(eid, [1; 32], 21, 0, &[1])), Err(Dropped::Token));
    }
    assert_eq!(host.local(now, 5, &request(eid, iat, 21, 0, &[1])), Err(Dropped::ChannelShut), "also the right one");
    assert!(host.local(now, 0, &request(eid, iat, 21, 0, &[1])).is_ok(), "the agent's own channel is open");
    assert_eq!(host.local(now, 99, &erp_init(1)), Err(Dropped::ChannelShut), "there is no such channel");
    world.settle();
    assert_eq!(world.hosts[0].affairs, ["channel 5 shut"]);
    let later = world.now.after(60_000);
    assert!(world.hosts[0].local(later, 5, &request(eid, iat, 21, 0, &[1])).is_ok(), "after a minute");
}

#[test]
fn a_channel_makes_few_contexts_and_not_at_once() {
    let mut world = Hosts::new(3, 1, 0, false);
    let now = world.now;
    let host = &mut world.hosts[0];
    // The memory has two slots; a third context is refused with ERROR CAPACITY, and so is the fifth in a second.
    let answers: Vec<Vec<u8>> = (0..6).map(|nonce| host.local(now, 0, &erp_init(nonce)).expect("an answer")).collect();
    let codes: Vec<u8> = answers.iter().map(|answer| answer[0] << 4 | answer[1] >> 4).collect();
    assert_eq!(codes, [0x14, 0x14, 0x84, 0x84, 0x84, 0x84]);
    assert_eq!(host.entity.counts().0, 2);
}

// shows: IACP-066 (§4.2.1.1–2)
#[test]
fn a_handle_of_another_agent_is_like_one_that_never_was() {
    let (mut world, session, _) = connected(4);
    let now = world.now;
    let never = Handle::from_bits(session.bits() + (3 << 32)).expect("a handle");
    let stale = Handle::from_bits(session.bits() ^ 1).expect("a handle");
    for handle in [session, never, stale] {
        for request in [
            Request::Send { item: 1, content: b"x" },
            Request::Finish { items: 1 },
            Request::Close(1),
            Request::Abort(1),
            Request::Consumed { below: 1 },
            Request::Terms { counter: None },
            Request::Rewind,
        ] {
            let refused = world.hosts[0].with(now, 1, |desk, rng| desk.ask(Some(handle), &request, rng));
            assert_eq!(refused, Err(LocalStatus::NoSession), "{request:?}");
        }
    }
    let sent = world.hosts[0].with(now, 0, |desk, _| desk.send(session, 1, b"second"));
    assert_eq!(sent, Ok(()), "its owner's session is as it was");
}

#[test]
fn what_is_malformed_is_refused_and_changes_nothing() {
    let mut world = Hosts::new(5, 1, 0, false);
    let [(eid, iat), _] = two_by_channel(&mut world);
    let now = world.now;
    let host = &mut world.hosts[0];
    let before = host.entity.counts();
    let session = 1 << 32;
    for (op, session, arguments) in [
        (0, 0, vec![]),
        (26, 0, vec![]),
        (u16::MAX, 0, vec![]),
        (1, 0, vec![0; 23]),
        (1, 0, vec![0; 25]),
        (1, 0, [vec![0; 23], vec![2]].concat()),
        (2, 0, vec![7; 57]),
        (2, 0, vec![7; 115]),
        (2, session, vec![7; 60]),
        (3, 0, vec![0; 9]),
        (3, session, vec![0; 7]),
        (6, session, vec![0; 16]),
        (11, 0, vec![0, 0, 0, 0, 0, 0]),
        (18, 0, 3_601_u32.to_be_bytes().to_vec()),
        (21, 0, vec![2]),
        (21, session, vec![1]),
        (22, 0, [vec![0, 1, 0, 0], vec![0; 32]].concat()),
        (23, 0, vec![0]),
        (25, 0, vec![]),
        (25, 0, b"gopher://example.org/".to_vec()),
        (25, 0, vec![0xff]),
        (25, session, b"https://example.org/".to_vec()),
    ] {
        let answer = host.local(now, 0, &request(eid, iat, op, session, &arguments)).expect("RESULT");
        assert_eq!(result(&answer).0, LocalStatus::Refused.code(), "op {op}, {arguments:?}");
    }
    assert_eq!(host.entity.counts(), before);
}

// shows: IACP-066 (§4.2.1.1–2)
#[test]
fn one_agent_cannot_fill_the_tables_for_the_others() {
    let (mut world, _, _) = connected(6);
    let (now, peer) = (world.now, world.eid(1, 1));
    // Its share of sessions, of which it has one already; then its share of the queue.
    let mut opened = Vec::new();
    let refused = loop {
        match world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng)) {
            Ok(handle) => opened.push(handle),
            Err(why) => break why,
        }
    };
    assert_eq!((refused, opened.len()), (LocalStatus::Capacity, 7));
    let mut queued = 0;
    'all: for handle in &opened {
        for item in 0..u64::MAX {
            match world.hosts[0].with(now, 0, |desk, _| desk.send(*handle, item, &[0; 800])) {
                Ok(()) => queued += 1,
                Err(LocalStatus::Full) if queued >= 16 => break 'all,
                Err(why) => panic!("{why}"),
            }
        }
    }
    assert_eq!(queued, 16);
    let other = world.hosts[0].with(now, 1, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng));
    let other = other.expect("the other agent has its own share");
    assert_eq!(world.hosts[0].with(now, 1, |desk, _| desk.send(other, 0, &[1; 800])), Ok(()));
}

// shows: IACP-073 (§4.2.2.3), IACP-074 (§4.2.2.3)
#[test]
fn an_agent_that_is_silent_for_over_90_s_is_purged_and_its_peers_hear_it() {
    let (mut world, _, other) = connected(7);
    let (eid, begun) = (world.eid(0, 0), world.now);
    world.keep_alive();
    // All but the first one go on living.
    while world.now.since(begun) < PURGE - 100 {
        world.run(1_000.min(PURGE - 100 - world.now.since(begun)));
        let now = world.now;
        world.hosts[0].with(now, 1, |_, _| ());
        world.hosts[1].with(now, 0, |_, _| ());
        world.hosts[1].with(now, 1, |_, _| ());
    }
    assert_eq!(world.hosts[0].states[&0].0, State::Bound, "90 s are not over 90 s");
    let generation = world.hosts[0].states[&0].1;
    world.run(2_000);
    assert_eq!(world.hosts[0].states[&0].0, State::Unbound);
    let leaving = world.newest(&eid).expect("the directory has it");
    assert!(leaving.is_leaving() && leaving.verify::<Portable>().is_ok());
    assert_eq!(leaving.generation, generation + 1);
    let told = &world.hosts[1].told[&(0, other.bits())];
    assert_eq!(told.closed, Some(iacp_core::erp::local::ClosureCode::ForcedByPeer));
    // EID and token open nothing any more, and the other agent lives.
    let now = world.now;
    let host = &mut world.hosts[0];
    let (gone, lives) = (&host.agents[0], &host.agents[1]);
    assert!(host.entity.desk(now, gone).is_none());
    assert!(host.entity.desk(now, lives).is_some());
}

#[test]
fn a_forged_or_replayed_leaving_ends_nothing() {
    let (mut world, session, other) = connected(8);
    let peer = world.eid(1, 0);
    let stranger = Identity::<Portable>::from_seed(&Secret32::new([8; 32]));
    let mut forged = Binding::leaving(&stranger, 9);
    forged.eid = peer;
    let own = Binding::leaving(&stranger, 9);
    let [host, from] = [world.hosts[0].at, world.hosts[1].at];
    for binding in [forged, own] {
        let bytes = frame(Message::ErpRegister(&binding.to_register()));
        world.put(world.now.after(1), from, host, bytes);
    }
    world.run(100);
    let dropped = &world.hosts[0].dropped;
    assert!(dropped.contains(&Dropped::Signature) && dropped.contains(&Dropped::NotAsked), "{dropped:?}");
    assert_eq!(world.hosts[0].told[&(0, session.bits())].closed, None);
    // After a move, what the peer bound before is below, and costs no cryptography.
    let old = world.newest(&peer).expect("bound");
    world.move_host(1, place(77));
    world.run(5_000);
    world.keep_alive();
    world.hosts[0].dropped.clear();
    let bytes = frame(Message::ErpRegister(&old.to_register()));
    world.put(world.now.after(1), from, host, bytes);
    world.run(100);
    assert!(world.hosts[0].dropped.contains(&Dropped::Generation), "{:?}", world.hosts[0].dropped);
    assert_eq!(world.hosts[1].told[&(0, other.bits())].closed, None);
}

// shows: IACP-093 (§4.2.5.2), IACP-091 (§4.2.5.2)
#[test]
fn a_generation_in_a_header_replaces_nothing_and_a_lower_one_is_dropped() {
    let (mut world, session, _) = connected(9);
    world.move_host(1, place(77));
    world.run(5_000);
    world.keep_alive();
    let now = world.now;
    world.hosts[0].with(now, 0, |desk, _| desk.send(session, 1, b"second")).expect("taken");
    world.run(1_000);
    let [host, from] = [world.hosts[0].at, world.hosts[1].at];
    let found = world
        .trace
        .iter()
        .rev()
        .find(|(_, source, to, bytes)| *source == from && *to == host && bytes[..2] == [0x18, 0x10]);
    let frame = found.expect("a heartbeat").3.clone();
    let with = |generation: u64| {
        let mut bytes = frame.clone();
        bytes[4 + 64..4 + 72].copy_from_slice(&generation.to_be_bytes());
        bytes
    };
    world.hosts[0].dropped.clear();
    world.put(world.now.after(1), from, host, with(0));
    world.run(100);
    assert_eq!(world.hosts[0].dropped, [Dropped::Generation]);
    // A frame with a raised number goes on to the session, which recognises it as a repeat; the number is not stored.
    world.hosts[0].dropped.clear();
    world.put(world.now.after(1), from, host, with(1 << 40));
    world.put(world.now.after(2), from, host, with(1));
    world.run(100);
    let stale = Dropped::Session(Discard::Stale);
    assert_eq!(world.hosts[0].dropped, [stale, stale]);
}

#[test]
fn a_frame_for_another_agent_or_under_another_name_is_dropped() {
    let (mut world, _, _) = connected(10);
    let [host, from] = [world.hosts[0].at, world.hosts[1].at];
    let found = world
        .trace
        .iter()
        .rev()
        .find(|(_, source, to, bytes)| *source == from && *to == host && bytes[..2] == [0x18, 0x10]);
    let frame = found.expect("a heartbeat").3.clone();
    let (other, stranger) = (world.eid(0, 1), Eid([5; 32]));
    let with = |source: Option<Eid>, destination: Option<Eid>| {
        let mut bytes = frame.clone();
        if let Some(eid) = source {
            bytes[4..36].copy_from_slice(&eid.0);
        }
        if let Some(eid) = destination {
            bytes[36..68].copy_from_slice(&eid.0);
        }
        bytes
    };
    let (cookie, source) = (Dropped::Session(Discard::Cookie), Some(world.eid(0, 0)));
    for (bytes, why) in [
        (with(None, Some(other)), cookie),
        (with(Some(stranger), None), cookie),
        (with(None, Some(stranger)), Dropped::NoAgent),
        (with(source, None), Dropped::NoAgent),
    ] {
        world.hosts[0].dropped.clear();
        world.put(world.now.after(1), from, host, bytes);
        world.run(50);
        assert_eq!(world.hosts[0].dropped, [why]);
    }
}

// shows: IACP-089 (§4.2.5.1)
#[test]
fn nothing_is_signed_before_its_generation_is_on_stable_storage() {
    let mut world = Hosts::new(11, 1, 0, true);
    world.hosts[0].storage_works = false;
    let now = world.now;
    world.hosts[0].init(now);
    world.run(10_000);
    assert!(world.trace.is_empty(), "no ERP_REGISTER without the bound");
    let unstored = std::mem::take(&mut world.hosts[0].unstored);
    assert_eq!(unstored.len(), 1);
    let (eid, what) = unstored[0];
    // What was not asked for does not help.
    let more = iacp_core::erp::entity::Persist::Generation(1_000);
    world.hosts[0].entity.persisted(now, &eid, more);
    world.run(100);
    assert!(world.trace.is_empty());
    let now = world.now;
    world.hosts[0].store(now, eid, what);
    world.hosts[0].storage_works = true;
    assert!(world.run_until(10_000, Hosts::all_bound));
    // A move needs the next bound first, too.
    world.hosts[0].storage_works = false;
    world.move_host(0, place(50));
    let before = world.trace.len();
    world.run(5_000);
    assert_eq!(world.trace.len(), before);
    assert_eq!(world.hosts[0].with(world.now, 0, |desk, _| desk.state()), State::Transition);
}

#[test]
fn a_binding_of_ours_that_is_not_ours_gives_the_eid_up() {
    let mut world = Hosts::new(12, 1, 1, true);
    assert!(world.run_until(10_000, Hosts::all_bound));
    let eid = world.eid(0, 0);
    // None can be made without the key; a node that answers "stale" without one changes nothing.
    world.nodes.iter_mut().for_each(|node| node.status = Some(1));
    world.move_host(0, place(50));
    world.run(2_000);
    world.keep_alive();
    assert_eq!(world.hosts[0].affairs, Vec::<String>::new());
    assert_eq!(world.hosts[0].entity.counts().0, 1);
    assert_eq!(world.hosts[0].agents[0].eid(), eid);
}

#[test]
fn a_quorum_that_refuses_unbinds_and_one_that_is_silent_degrades() {
    let mut world = Hosts::new(13, 1, 1, true);
    world.nodes.iter_mut().for_each(|node| node.silent = true);
    let mut passed = 0;
    while passed < 40 {
        world.run(1_000);
        world.keep_alive();
        passed += 1;
    }
    let (state, _, degraded) = world.hosts[0].states[&0];
    assert_eq!((state, degraded), (State::Transition, true), "degraded, and never given up");
    // f = 2 nodes that refuse are not believed; three are.
    for number in 0..3 {
        world.nodes[number].silent = false;
        world.nodes[number].status = Some(19);
        for _ in 0..20 {
            world.run(2_000);
            world.keep_alive();
            if world.hosts[0].states[&0].0 == State::Unbound {
                break;
            }
        }
        let unbound = world.hosts[0].states[&0].0 == State::Unbound;
        assert_eq!(unbound, number == 2, "{} nodes refuse", number + 1);
        if unbound {
            break;
        }
    }
}

// shows: IACP-081 (§4.2.3.5), IACP-082 (§4.2.3.5)
#[test]
fn changed_software_waits_for_its_root_key_and_without_one_it_ends() {
    let mut world = Hosts::new(14, 1, 0, false);
    let root = Identity::<Portable>::from_seed(&Secret32::new([3; 32]));
    let digest = |byte| Digest([byte; 32]);
    let init = |airk: Option<Eid>| {
        let mut room = [0; 80];
        let mut tlvs = TlvWriter::new(&mut room);
        if let Some(airk) = airk {
            tlvs.push(Tlv { code: 0x81, value: &airk.0 }).expect("room");
        }
        tlvs.push(Tlv { code: 0x82, value: &[1; 32] }).expect("room");
        let message = Message::ErpInit(&ErpInit { initialization_nonce: InitializationNonce([1; 32]) });
        let mut bytes = vec![0; 200];
        let tlvs = tlvs.finish().expect("sound");
        let length = Frame { tlvs, ..Frame::new(message) }.write(&mut bytes).expect("it fits");
        bytes.truncate(length);
        bytes
    };
    let now = world.now;
    let (eid, iat, _) = allocated(&world.hosts[0].local(now, 0, &init(Some(root.eid()))).expect("ERP_ALLOC"));
    let (bare, bare_iat, _) = allocated(&world.hosts[0].local(now, 1, &init(None)).expect("ERP_ALLOC"));
    world.run(100);
    let alive = |eid, iat, digest: Digest| {
        let mut room = [0; 40];
        let mut tlvs = TlvWriter::new(&mut room);
        tlvs.app_digest(&digest).expect("room");
        let keepalive = ErpKeepalive { eid, local_iat: IatField(iat) };
        let mut bytes = vec![0; 200];
        let tlvs = tlvs.finish().expect("sound");
        let length = Frame { tlvs, ..Frame::new(Message::ErpKeepalive(&keepalive)) }.write(&mut bytes);
        bytes.truncate(length.expect("it fits"));
        bytes
    };
    let state = |world: &mut Hosts, eid, iat| {
        let now = world.now;
        let agent = Agent::new(eid, Secret32::new(iat));
        world.hosts[0].entity.desk(now, &agent).map(|desk| desk.state())
    };
    let now = world.now;
    assert_eq!(world.hosts[0].local(now, 0, &alive(eid, iat, digest(1))), Ok(vec![]), "the same software");
    assert_eq!(state(&mut world, eid, iat), Some(State::Bound));
    for (channel, eid, iat) in [(0, eid, iat), (1, bare, bare_iat)] {
        assert_eq!(world.hosts[0].local(now, channel, &alive(eid, iat, digest(2))), Ok(vec![]));
        assert_eq!(state(&mut world, eid, iat), Some(State::EvolvePending));
    }
    // The one without a root key cannot evolve: after 60 s it is out. The other one is vouched for.
    let evolve = sessions::hosts::evolve(&[3; 32], eid, digest(1), digest(2), 1);
    let vouched = frame(Message::Local { head: &Local { eid, local_iat: IatField(iat) }, inner: &evolve });
    assert_eq!(world.hosts[0].local(now, 0, &vouched), Ok(vec![]));
    assert_eq!(state(&mut world, eid, iat), Some(State::EvolvePending), "not before it is stored");
    world.run(100);
    assert_eq!(state(&mut world, eid, iat), Some(State::Bound));
    world.run(59_000);
    assert_eq!(state(&mut world, bare, bare_iat), Some(State::EvolvePending));
    assert_eq!(state(&mut world, eid, iat), Some(State::Bound));
    world.run(2_000);
    assert_eq!(state(&mut world, bare, bare_iat), None);
    // The same evolution once more is a replay: its sequence was used. It ends the context, as an unvouched one does.
    let now = world.now;
    assert_eq!(result_status(&world.hosts[0].local(now, 0, &vouched).expect("RESULT")), LocalStatus::Refused.code());
    world.run(10);
    assert_eq!(state(&mut world, eid, iat), None);
}

fn result_status(bytes: &[u8]) -> u16 {
    let Ok(Frame { message: Message::Local { inner, .. }, .. }) = Frame::parse(bytes) else { panic!("no LOCAL") };
    let Ok(Frame { message: Message::AaiNotice { head, .. }, .. }) = Frame::parse(inner) else { panic!("no notice") };
    head.result_status.get()
}

// shows: IACP-005 (§3.4)
#[test]
fn an_eid_rotates_for_three_reasons_only() {
    let (mut world, session, _) = connected(15);
    let (now, eid) = (world.now, world.eid(0, 0));
    for reason in [0, 1, 4, u16::MAX] {
        let rotate = Request::Rotate { reason, nonce: [0; 32] };
        let refused = world.hosts[0].with(now, 0, |desk, rng| desk.ask(None, &rotate, rng));
        assert_eq!(refused, Err(LocalStatus::Refused), "reason {reason} is not the agent's");
    }
    let task = Request::Rotate { reason: 3, nonce: [0; 32] };
    let early = world.hosts[0].with(now, 0, |desk, rng| desk.ask(None, &task, rng));
    assert_eq!(early, Err(LocalStatus::NotNow), "its sessions live");
    let new = world.hosts[0].rotate(now, &eid, RotationReason::Administrative).expect("a slot is free");
    assert!(new.eid() != eid);
    let refused = world.hosts[0].with(now, 0, |desk, rng| desk.open(new.eid(), None, Capabilities::NONE, rng));
    assert_eq!(refused, Err(LocalStatus::NotNow), "the old context opens nothing more");
    world.hosts[0].with(now, 0, |desk, _| desk.close(session, TeardownReason::TaskComplete)).expect("but closes");
    let agent = new;
    let mut passed = 0;
    while passed < 40 {
        world.run(1_000);
        let now = world.now;
        let _ = world.hosts[0].entity.desk(now, &agent);
        world.hosts[1].with(now, 0, |_, _| ());
        passed += 1;
    }
    assert_eq!(world.hosts[0].states[&0].0, State::Unbound, "at the latest after 30 s");
    assert!(world.newest(&eid).is_some_and(|binding| binding.is_leaving()));
}
