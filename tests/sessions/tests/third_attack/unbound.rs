//! A context ends: each of its sessions is told to its agent, and to each live peer.

use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::agent::{ROTATION, RotationReason};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::context::State;
use iacp_core::erp::entity::HostEvent;
use iacp_core::erp::local::{AgentEvent, ClosureCode, LocalStatus, Request};
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, TeardownReason};
use sessions::hosts::{Hosts, place, register_frame};

use crate::{bound, open, told};

fn closed(world: &Hosts, host: usize, session: iacp_core::slots::Handle) -> Option<ClosureCode> {
    told(world, host, session).closed
}

#[test]
fn a_rotation_whose_time_is_over_is_told_to_the_peers_and_to_the_agent() {
    let mut world = bound(1, 2, Capabilities::NONE, false);
    let (own, peers) = open(&mut world, (0, 1));
    let (now, eid) = (world.now, world.eid(0, 0));
    world.hosts[0].rotate(now, &eid, RotationReason::Administrative).expect("a slot is free");
    // The peer's agent is asked to close, and does not.
    assert!(world.run_until(1_000, |world| told(world, 1, peers).asked_to_close));
    assert_eq!(closed(&world, 1, peers), None);
    let left = now.after(ROTATION + 1_000).0 - world.now.0;
    assert!(world.run_until(left, |world| closed(world, 1, peers).is_some() && closed(world, 0, own).is_some()));
    assert_eq!(closed(&world, 1, peers), Some(ClosureCode::ForcedByPeer));
    assert_eq!(closed(&world, 0, own), Some(ClosureCode::Lost));
    assert!(world.now >= now.after(ROTATION), "it had its time");
}

#[test]
fn a_last_word_that_was_not_sent_yet_is_replaced_by_the_leaving() {
    let mut world = bound(2, 2, Capabilities::NONE, false);
    let (own, peers) = open(&mut world, (0, 1));
    let now = world.now;
    // ABORT and LEAVE in one step: nothing is sent in between.
    let abort = Request::Abort(TeardownReason::TaskComplete.code());
    world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(own), &abort, rng)).expect("it is open");
    world.hosts[0].with(now, 0, |desk, rng| desk.ask(None, &Request::Leave, rng)).expect("it is there");
    assert!(world.run_until(1_000, |world| closed(world, 1, peers).is_some()));
    assert_eq!(closed(&world, 1, peers), Some(ClosureCode::ForcedByPeer));
    assert_eq!(closed(&world, 0, own), Some(ClosureCode::ForcedByUs), "its own end, and no other");
}

#[test]
fn an_agent_that_is_unbound_is_told_of_each_session_before() {
    let mut world = bound(3, 3, Capabilities::NONE, false);
    let (one, _) = open(&mut world, (0, 1));
    let (two, _) = open(&mut world, (0, 2));
    let now = world.now;
    for item in 0..2 {
        world.hosts[0].with(now, 0, |desk, _| desk.send(one, item, b"an item")).expect("there is room");
    }
    assert!(world.run_until(5_000, |world| told(world, 0, one).delivered == 2));
    // A third item goes nowhere, and a third session has not begun: nothing is known of its peer.
    let (here, there, now) = (world.at(0), world.at(1), world.now);
    world.cut.push((here, there));
    world.hosts[0].with(now, 0, |desk, _| desk.send(one, 2, b"an item")).expect("there is room");
    world.settle();
    let nowhere = Identity::<Portable>::from_seed(&Secret32::new([9; 32])).eid();
    let opened = world.hosts[0].with(now, 0, |desk, rng| desk.open(nowhere, None, Capabilities::NONE, rng));
    let three = opened.expect("a slot is free");
    let host = &mut world.hosts[0];
    while host.entity.poll_event().is_some() {}
    host.with(now, 0, |desk, rng| desk.ask(None, &Request::Leave, rng)).expect("it is there");
    let mut ends = Vec::new();
    while let Some(HostEvent::Agent { session, event, .. }) = host.entity.poll_event() {
        match event {
            AgentEvent::Closed { closure, truncated, delivered, .. } => {
                assert!(ends.iter().all(|(of, _)| *of != session), "each once");
                ends.push((session, Some((closure, truncated, delivered))));
            }
            AgentEvent::State { state: State::Unbound, .. } => ends.push((None, None)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ends.pop(), Some((None, None)), "UNBOUND is the last");
    ends.sort_by_key(|(session, _)| session.map(|session| session.slot()));
    let lost = |delivered| Some((ClosureCode::Lost, true, delivered));
    assert_eq!(ends, [(Some(one), lost(2)), (Some(two), lost(0)), (Some(three), lost(0))]);
    world.run(100);
    let (agents, sessions, _) = world.hosts[0].entity.counts();
    assert_eq!((agents, sessions), (0, 0), "and every slot is free");
}

#[test]
fn an_agent_whose_key_is_elsewhere_or_whose_registration_is_refused_is_told_of_its_sessions() {
    for refused in [false, true] {
        let mut world = bound(4, 2, Capabilities::NONE, false);
        let (own, peers) = open(&mut world, (0, 1));
        let eid = world.eid(0, 0);
        if refused {
            world.nodes.iter_mut().for_each(|node| node.status = Some(18));
            world.move_host(0, place(90));
        } else {
            let seed = Secret32::new(*world.hosts[0].entity.seed(&eid).expect("a context").expose());
            let generation = world.newest(&eid).expect("it is registered").generation + 5;
            let other = Binding::sign(&Identity::<Portable>::from_seed(&seed), place(77).into(), generation);
            let (to, now) = (world.at(0), world.now);
            world.put(now, SocketAddr::new(place(66), 4_227), to, register_frame(&other));
        }
        assert!(world.run_until(30_000, |world| closed(world, 0, own).is_some()), "refused: {refused}");
        assert_eq!(closed(&world, 0, own), Some(ClosureCode::Lost));
        assert_eq!(world.hosts[0].states[&0].0, State::Unbound);
        assert!(world.run_until(5_000, |world| closed(world, 1, peers).is_some()), "the peer is told too");
    }
}

#[test]
fn a_rotation_ends_a_session_behind_what_waits_to_be_sealed() {
    let mut world = bound(5, 2, Capabilities::NONE, false);
    let (own, peers) = open(&mut world, (0, 1));
    let (now, eid) = (world.now, world.eid(0, 0));
    // More than window and log take: the rest waits.
    let mut items = 0_u64;
    while world.hosts[0].with(now, 0, |desk, _| desk.send(own, items, &items.to_be_bytes())).is_ok() {
        items += 1;
    }
    assert!(items > 20, "{items}");
    world.hosts[0].rotate(now, &eid, RotationReason::Administrative).expect("a slot is free");
    let late = world.hosts[0].with(now, 0, |desk, _| desk.send(own, items, b"late"));
    assert_eq!(late, Err(LocalStatus::Finished), "nothing is taken that would not go out");
    assert!(world.run_until(10_000, |world| told(world, 1, peers).asked_to_close));
    let now = world.now;
    world.hosts[1].with(now, 0, |desk, _| desk.close(peers, TeardownReason::TaskComplete)).expect("it is open");
    assert!(world.run_until(10_000, |world| closed(world, 0, own).is_some() && closed(world, 1, peers).is_some()));
    assert_eq!([closed(&world, 0, own), closed(&world, 1, peers)], [Some(ClosureCode::Graceful); 2]);
    assert_eq!(u64::try_from(told(&world, 1, peers).items.len()), Ok(items), "all that was taken has come");
    assert_eq!(told(&world, 0, own).delivered, items);
}

// shows: IACP-005 (§3.4)
#[test]
fn a_session_that_has_not_begun_when_its_eid_is_given_up_is_lost_like_any_other() {
    for reason in [RotationReason::Administrative, RotationReason::Compromise] {
        for with_another in [false, true] {
            let mut world = bound(6, 2, Capabilities::NONE, false);
            if with_another {
                open(&mut world, (0, 1));
            }
            let (now, eid) = (world.now, world.eid(0, 0));
            let nowhere = Identity::<Portable>::from_seed(&Secret32::new([9; 32])).eid();
            let opened = world.hosts[0].with(now, 0, |desk, rng| desk.open(nowhere, None, Capabilities::NONE, rng));
            let waits = opened.expect("a slot is free");
            world.hosts[0].with(now, 0, |desk, _| desk.send(waits, 0, b"an item")).expect("it waits");
            world.hosts[0].rotate(now, &eid, reason).expect("a slot is free");
            assert!(world.run_until(ROTATION + 1_000, |world| closed(world, 0, waits).is_some()), "{reason:?}");
            assert_eq!(closed(&world, 0, waits), Some(ClosureCode::Lost));
        }
    }
}
