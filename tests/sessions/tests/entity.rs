//! The LL-Entity: hosts with several agents each register, find each other and exchange items, whatever the network does.

use iacp_core::erp::context::State;
use iacp_core::erp::local::{ClosureCode, Listen, LocalStatus};
use iacp_core::pss::{Capabilities, TeardownReason, Terms};
use sessions::Weather;
use sessions::hosts::{Hosts, place};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
const LISTEN: Listen = Listen { capabilities: Capabilities::NONE, terms: TERMS, sessions: 4, hold: false };

/// Which host, and which of its agents.
type Who = (usize, usize);

fn item(from: Who, number: u64) -> Vec<u8> {
    format!("item {number} of agent {} on host {}", from.1, from.0).into_bytes()
}

/// All agents listen, and are BOUND.
fn bound(seed: u64, hosts: u8, directory: bool, weather: Weather) -> Hosts {
    let mut world = Hosts::new(seed, hosts, 2, directory);
    world.weather = weather;
    assert!(world.run_until(120_000, Hosts::all_bound), "seed {seed}: not all are bound");
    let now = world.now;
    for host in &mut world.hosts {
        for agent in 0..host.agents.len() {
            host.with(now, agent, |desk, _| desk.listen(LISTEN)).expect("a window of 16");
        }
    }
    world
}

/// Each of these sends the same number of items to its peer. Returns when all have come.
fn exchange(world: &mut Hosts, pairs: &[(Who, Who)], items: u64) -> bool {
    let mut sessions = Vec::new();
    for (from, to) in pairs {
        let (peer, now) = (world.eid(to.0, to.1), world.now);
        let session = world.hosts[from.0].with(now, from.1, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng));
        sessions.push((*from, *to, session.expect("a slot is free"), 0_u64));
    }
    let until = world.now.after(600_000);
    loop {
        let mut all = true;
        for (from, _, session, next) in &mut sessions {
            let now = world.now;
            while *next < items {
                let content = item(*from, *next);
                match world.hosts[from.0].with(now, from.1, |desk, _| desk.send(*session, *next, &content)) {
                    Ok(()) => *next += 1,
                    Err(LocalStatus::Full) => break,
                    Err(other) => panic!("item {next}: {other}"),
                }
            }
            all &= *next == items;
            let told = world.hosts[from.0].told.get(&(from.1, session.bits()));
            all &= told.is_some_and(|told| told.delivered == items);
        }
        if all {
            break;
        }
        world.keep_alive();
        if world.now >= until || !world.step(until) {
            return false;
        }
    }
    for (from, to, ..) in &sessions {
        let peer = world.eid(from.0, from.1);
        let (_, told) = world.hosts[to.0].told_of(to.1, &peer).expect("the session was opened there");
        let got: Vec<&(Vec<u8>, u32)> = told.items.values().collect();
        let wanted: Vec<(Vec<u8>, u32)> = (0..items).map(|number| (item(*from, number), 1)).collect();
        assert!(got.into_iter().eq(wanted.iter()), "each item once, and in its place");
    }
    true
}

const PAIRS: [(Who, Who); 4] = [((0, 0), (1, 0)), ((0, 1), (1, 1)), ((1, 0), (0, 1)), ((1, 1), (0, 0))];

// shows: IACP-066 (§4.2.1.1–2), IACP-076 (§4.2.3.2), IACP-080 (§4.2.3.4)
#[test]
fn two_hosts_with_two_agents_each_find_each_other_and_exchange_items() {
    let mut world = bound(1, 2, true, Weather::FAIR);
    assert!(exchange(&mut world, &PAIRS, 40));
    // Every frame between the hosts was an ERP_STREAM.
    let between = |world: &Hosts| {
        let at: Vec<_> = world.hosts.iter().map(|host| host.at).collect();
        world.trace.iter().filter(|(_, from, to, _)| at.contains(from) && at.contains(to)).cloned().collect::<Vec<_>>()
    };
    assert!(between(&world).iter().all(|(.., bytes)| bytes[..2] == [0x18, 0x10]), "version 1, type 0x81, no flags");
}

#[test]
fn items_come_exactly_once_through_loss_repetition_and_reordering() {
    for seed in 1..6 {
        let weather = Weather { loss: 150, duplication: 100, delay: 5, jitter: 120, ..Weather::FAIR };
        let mut world = bound(seed, 2, true, weather);
        assert!(exchange(&mut world, &PAIRS, 40), "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let run = |seed| {
        let weather = Weather { loss: 100, duplication: 50, delay: 5, jitter: 60, ..Weather::FAIR };
        let mut world = bound(seed, 2, true, weather);
        assert!(exchange(&mut world, &PAIRS[..2], 20));
        world.trace
    };
    let (one, again, other) = (run(7), run(7), run(8));
    assert!(one == again, "the same seed");
    assert!(one != other, "another seed");
}

#[test]
fn two_agents_of_one_host_speak_inside_it() {
    let mut world = bound(2, 1, false, Weather::FAIR);
    let before = world.trace.len();
    assert!(exchange(&mut world, &[((0, 0), (0, 1))], 30));
    assert_eq!(world.trace.len(), before, "no frame of theirs left the host");
}

// shows: IACP-078 (§4.2.3.3)
#[test]
fn what_is_sent_before_the_context_is_bound_waits_in_order() {
    let mut world = Hosts::new(3, 2, 1, true);
    for node in &mut world.nodes {
        node.silent = true;
    }
    world.run(1_000);
    let (now, peer) = (world.now, world.eid(1, 0));
    let (host, other) = (0, 1);
    world.hosts[other].with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window of 16");
    let session = world.hosts[host].with(now, 0, |desk, rng| {
        assert_eq!(desk.state(), State::Transition);
        desk.open(peer, None, Capabilities::NONE, rng).expect("a slot is free")
    });
    // 16 cells are this agent's share: the 17th item is refused, and its number is not used up.
    for number in 0..16 {
        let sent = world.hosts[host].with(now, 0, |desk, _| desk.send(session, number, &item((0, 0), number)));
        assert_eq!(sent, Ok(()));
    }
    let full = world.hosts[host].with(now, 0, |desk, _| desk.send(session, 16, b"one too many"));
    assert_eq!(full, Err(LocalStatus::Full));
    let early = world.hosts[host].with(now, 0, |desk, _| desk.send(session, 17, b"overtakes"));
    assert_eq!(early, Err(LocalStatus::OutOfOrder));
    world.run(5_000);
    let sent = world.trace.iter().filter(|(.., bytes)| bytes[..2] == [0x18, 0x10]).count();
    assert_eq!(sent, 0, "nothing leaves before a quorum has confirmed");
    for node in &mut world.nodes {
        node.silent = false;
    }
    assert!(world.run_until(60_000, |world| {
        world.hosts[0].told.get(&(0, session.bits())).is_some_and(|told| told.delivered == 16)
    }));
    let told = &world.hosts[host].told[&(0, session.bits())];
    assert_eq!(told.rooms, 1, "ROOM follows FULL, once");
    let (_, told) = world.hosts[other].told_of(0, &world.eid(0, 0)).expect("opened");
    let got: Vec<&Vec<u8>> = told.items.values().map(|(content, _)| content).collect();
    assert!(got.into_iter().eq((0..16).map(|number| item((0, 0), number)).collect::<Vec<_>>().iter()));
}

// shows: IACP-089 (§4.2.5.1), IACP-091 (§4.2.5.2), IACP-006 (§3.4)
#[test]
fn a_host_that_moves_in_the_middle_loses_nothing() {
    for seed in 1..4 {
        let weather = Weather { loss: 50, delay: 10, jitter: 20, ..Weather::FAIR };
        let mut world = bound(seed, 2, true, weather);
        let (now, peer) = (world.now, world.eid(1, 0));
        let open = world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng));
        let session = open.expect("a slot is free");
        let (mut next, mut moves, until) = (0, 0, world.now.after(600_000));
        let delivered = |world: &Hosts| world.hosts[0].told.get(&(0, session.bits())).map_or(0, |told| told.delivered);
        while delivered(&world) < 120 {
            let now = world.now;
            while next < 120
                && world.hosts[0].with(now, 0, |desk, _| desk.send(session, next, &item((0, 0), next))).is_ok()
            {
                next += 1;
            }
            if delivered(&world) > 30 + moves * 40 && moves < 2 {
                moves += 1;
                let to = u8::try_from(100 + moves).expect("few");
                world.move_host(0, place(to));
            }
            world.keep_alive();
            assert!(world.now < until && world.step(until), "seed {seed}: {} items", delivered(&world));
        }
        assert_eq!(moves, 2);
        let (_, told) = world.hosts[1].told_of(0, &world.eid(0, 0)).expect("opened");
        assert_eq!(told.items.len(), 120);
        assert!(told.items.values().all(|(_, times)| *times == 1), "exactly once");
        assert!(world.run_until(60_000, Hosts::all_bound));
        assert_eq!(world.hosts[0].states[&0].1, 2, "one generation for each move");
        assert_eq!(world.newest(&world.eid(0, 0)).map(|binding| binding.ip.into()), Some(place(102)));
        // The peer's host learns where everything goes from now on; its agent does not.
        let moved: Vec<&str> = world.hosts[1].affairs.iter().map(String::as_str).collect();
        assert_eq!(moved.last(), Some(&"moved to 192.0.2.102:4227"), "seed {seed}: {moved:?}");
        assert!(world.hosts[0].affairs.is_empty(), "seed {seed}: its own peer has not moved");
    }
}

#[test]
fn sessions_close_in_good_order_and_their_slots_are_free_again() {
    let mut world = bound(4, 2, true, Weather::FAIR);
    assert!(exchange(&mut world, &PAIRS[..1], 5));
    let (session, _) = world.hosts[0].told_of(0, &world.eid(1, 0)).expect("opened");
    let (other, _) = world.hosts[1].told_of(0, &world.eid(0, 0)).expect("opened");
    let now = world.now;
    world.hosts[0].with(now, 0, |desk, _| desk.close(session, TeardownReason::TaskComplete)).expect("it is open");
    let asked = |world: &Hosts| world.hosts[1].told[&(0, other.bits())].asked_to_close;
    assert!(world.run_until(10_000, asked), "CLOSE_REQUESTED");
    let now = world.now;
    world.hosts[1].with(now, 0, |desk, _| desk.close(other, TeardownReason::TaskComplete)).expect("it is open");
    assert!(world.run_until(180_000, |world| world.hosts.iter().all(|host| host.entity.counts().1 == 0)));
    let closed = world.hosts[0].told[&(0, session.bits())].closed;
    assert_eq!(closed, Some(ClosureCode::Graceful));
    let now = world.now;
    let gone = world.hosts[0].with(now, 0, |desk, _| desk.send(session, 5, b"late"));
    assert_eq!(gone, Err(LocalStatus::NoSession));
}

// shows: IACP-094 (§4.2.6.1), IACP-097 (§4.2.6.2)
#[test]
fn a_destination_that_cannot_be_resolved_is_asked_later_and_later_and_blocks_nothing_else() {
    let mut world = bound(5, 2, true, Weather::FAIR);
    // The second agent's binding is not found.
    let lost = world.eid(1, 1);
    let hidden: Vec<_> = world.nodes.iter_mut().filter_map(|node| node.held.remove(&lost.0)).collect();
    let now = world.now;
    let session = world.hosts[0].with(now, 0, |desk, rng| desk.open(lost, None, Capabilities::NONE, rng));
    let session = session.expect("a slot is free");
    assert!(exchange(&mut world, &PAIRS[..1], 5), "the same context reaches another destination");
    let asked =
        |world: &Hosts| world.asked.iter().filter(|(_, eid)| *eid == lost).map(|(at, _)| at.0).collect::<Vec<_>>();
    for _ in 0..60 {
        world.run(1_000);
        world.keep_alive();
    }
    let times = asked(&world);
    assert!((3..=8).contains(&times.len()), "{times:?}");
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| *pause >= 2_000), "{pauses:?}");
    // Its own signed binding ends the waiting at once, whatever pause was left.
    for node in &mut world.nodes {
        node.held.insert(lost.0, hidden[0]);
    }
    let to = world.hosts[0].at;
    let vector = sessions::hosts::register_frame(&hidden[0]);
    let from = world.hosts[1].at;
    world.put(world.now.after(1), from, to, vector);
    let opened =
        |world: &Hosts| world.hosts[0].told.get(&(0, session.bits())).is_some_and(|told| told.peer == Some(lost));
    assert!(world.run_until(1_500, opened));
}

// shows: IACP-094 (§4.2.6.1), IACP-097 (§4.2.6.2)
#[test]
fn a_peer_that_moves_before_it_is_reached_is_found_at_its_new_place_although_its_old_one_was_read_just_now() {
    let mut world = bound(8, 2, true, Weather::FAIR);
    let (here, there, peer, now) = (world.hosts[0].at, world.hosts[1].at, world.eid(1, 0), world.now);
    world.cut = vec![(here, there)];
    let session = world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng));
    let session = session.expect("a slot is free");
    world.run(1_000);
    let reads = |world: &Hosts| world.asked.iter().filter(|(_, eid)| *eid == peer).count();
    assert_eq!(reads(&world), 1, "what was read is believed for 300 s");
    world.move_host(1, place(70));
    let opened =
        |world: &Hosts| world.hosts[0].told.get(&(0, session.bits())).is_some_and(|told| told.peer == Some(peer));
    assert!(world.run_until(8_000, opened), "5 s without an answer have it read again");
    assert_eq!(reads(&world), 2);
}
