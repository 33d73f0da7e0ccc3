//! Keys and ciphers of sessions that move, and hosts without room.

use iacp_core::erp::dock::{DockError, DockReason};
use iacp_core::erp::local::{ClosureCode, Listen};
use iacp_core::pss::{Capabilities, Terms};
use iacp_core::slots::Handle;
use sessions::hosts::{Hosts, place};

use crate::story::{Kind, MOVES, ROUGH, STAYS, Story, TO};

// shows: IACP-131 (§5.6)
#[test]
fn a_session_under_chacha20_moves_like_any_other() {
    for (kind, seed) in [(Kind::ChaCha, 31), (Kind::ChaChaResume, 32)] {
        let mut story = Story::in_mid_stream(seed, kind, ROUGH);
        let is_chacha = |story: &Story, side: usize| {
            let (_, told) = story.current(side).expect("a session");
            told.capabilities.is_some_and(|agreed| agreed.contains(Capabilities::CHACHA20_POLY1305))
        };
        assert!(is_chacha(&story, 0) && is_chacha(&story, 1), "{kind:?}");
        let agent = story.world.dock(MOVES, TO);
        story.arrived(agent);
        story.finish();
        assert!(is_chacha(&story, 0) && is_chacha(&story, 1), "{kind:?}: the cipher is the one of before");
    }
}

/// How often the keys of both sides' sessions have been renewed: sending and receiving.
fn generations(story: &Story) -> [(u32, u32); 2] {
    [0, 1].map(|side| {
        let (handle, _) = story.current(side).expect("a session");
        story.world.hosts[story.sides[side].at.0].entity.key_generations(handle).expect("it lives")
    })
}

fn renew(story: &mut Story, side: usize) {
    let (handle, _): (Handle, _) = story.current(side).expect("a session");
    let host = story.sides[side].at.0;
    story.world.hosts[host].entity.renew_key(handle).expect("it is open");
}

/// Both ends use the same keys in the end, and each side's were renewed since `before`.
fn ends_with_new_keys(mut story: Story, before: [(u32, u32); 2], what: &str) {
    story.finish();
    story.until(what, |story| {
        let [(sends, receives), (other_sends, other_receives)] = generations(story);
        sends > before[0].0 && other_sends > before[1].0 && (sends, receives) == (other_receives, other_sends)
    });
}

/// Whichever side has begun to renew its key, and however far that has come.
#[test]
fn a_key_that_is_renewed_while_the_agent_moves_is_renewed() {
    for (sides, ticks, seed) in [(&[0][..], 1, 33), (&[1], 2, 34), (&[0, 1], 4, 35), (&[0, 1], 9, 36)] {
        let mut story = Story::in_mid_stream(seed, Kind::Plain, ROUGH);
        for side in sides {
            renew(&mut story, *side);
        }
        (0..ticks).for_each(|_| story.tick());
        let agent = story.world.dock(MOVES, TO);
        story.arrived(agent);
        story.until("on the new host", |story| story.current(1).is_some());
        // What was only wished for and not begun stays behind with the old host.
        let before = generations(&story);
        (0..2).for_each(|side| renew(&mut story, side));
        ends_with_new_keys(story, before, &format!("sides {sides:?}, {ticks} ticks"));
    }
}

#[test]
fn a_key_that_is_renewed_while_a_host_changes_its_address_is_renewed() {
    for (host, ticks, seed) in [(STAYS.0, 1, 37), (STAYS.0, 5, 38), (MOVES.0, 1, 39), (MOVES.0, 5, 40)] {
        let mut story = Story::in_mid_stream(seed, Kind::Plain, ROUGH);
        let before = generations(&story);
        (0..2).for_each(|side| renew(&mut story, side));
        (0..ticks).for_each(|_| story.tick());
        story.world.move_host(host, place(105));
        ends_with_new_keys(story, before, &format!("host {host}, {ticks} ticks"));
    }
}

/// The imported keys have an end, whether the peer wants it or not.
// shows: IACP-131 (§5.6)
#[test]
fn a_session_that_gets_no_new_keys_ends_though_its_peer_takes_nothing() {
    let mut world = Hosts::new(42, 3, 1, true);
    assert!(world.run_until(120_000, Hosts::all_bound));
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
    let listen = Listen { capabilities: Capabilities::NONE, terms, sessions: 4, hold: true };
    let (now, peer) = (world.now, world.eid(STAYS.0, STAYS.1));
    world.hosts[STAYS.0].with(now, STAYS.1, |desk, _| desk.listen(listen)).expect("a window of 16");
    let mover = &mut world.hosts[MOVES.0];
    let opened = mover.with(now, MOVES.1, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng));
    let session = opened.expect("a slot is free");
    world.run(1_000);
    // The window, and the agent's cells: the peer consumes none of it.
    let now = world.now;
    let mover = &mut world.hosts[MOVES.0];
    let refused = |item: &u64| mover.with(now, MOVES.1, |desk, _| desk.send(session, *item, b"x")).is_err();
    assert_eq!((0..).find(refused), Some(32));
    let agent = world.dock(MOVES, TO);
    let closed = |world: &Hosts| {
        let told = world.hosts[TO].told.iter().find(|((of, _), told)| *of == agent && told.peer == Some(peer));
        told.expect("it goes on").1.closed
    };
    let run = |world: &mut Hosts, seconds: u64| {
        for _ in 0..seconds / 10 {
            world.run(10_000);
            world.keep_alive();
        }
    };
    run(&mut world, 320);
    assert_eq!(closed(&world), None, "its end waits behind the items");
    run(&mut world, 30);
    assert_eq!(closed(&world), Some(ClosureCode::ForcedByUs));
    let there: Vec<_> = world.hosts[STAYS.0].told.values().map(|told| told.closed).collect();
    assert_eq!(there, [Some(ClosureCode::ForcedByPeer)]);
}

// shows: IACP-129 (§5.6)
#[test]
fn a_host_without_room_offers_nothing_and_consumes_nothing() {
    let mut story = Story::in_mid_stream(41, Kind::Resume, ROUGH);
    let (eid, now) = (story.sides[1].own, story.world.now);
    let offer = story.world.offer(TO, MOVES.0, eid).expect("a slot is free");
    // As many agents as there are slots.
    let full: Vec<usize> = (0..2).map(|_| story.world.hosts[TO].init(now)).collect();
    assert_eq!(story.world.offer(TO, MOVES.0, eid), Err(DockError::Capacity), "nothing more is offered");
    let agents = story.world.hosts[TO].entity.counts().0;
    // The offer of before holds, and what is sealed for it stays whole until there is room.
    story.world.lock(MOVES.0, &offer, 0).expect("the offer holds");
    let blob = story.world.export(MOVES.0, &eid, DockReason::Planned, &[]).expect("it is stored");
    for _ in 0..2 {
        assert_eq!(story.world.import(TO, blob.clone()), Err(DockError::Capacity));
        assert_eq!(story.world.hosts[TO].entity.counts().0, agents, "no agent gives way");
    }
    let left = story.world.hosts[TO]
        .try_with(now, full[0], |desk, rng| desk.ask(None, &iacp_core::erp::local::Request::Leave, rng));
    assert!(left.is_some_and(|left| left.is_ok()), "one of them leaves");
    let moved = story.world.import(TO, blob).expect("there is room, and the offer is still open");
    assert_eq!(moved.sessions, 1);
    story.arrived(moved.agent);
    story.finish();
}
