//! Degraded multipath through the LL-Entity: three copies toward an accused peer, the earliest valid one counts, and
//! missing or altered copies are reported to both sides.

use std::collections::BTreeMap;

use iacp_core::erp::entity::{Done, HostSettings, PathSlot, Tables};
use iacp_core::erp::local::{Listen, LocalStatus, Request};
use iacp_core::erp::multipath::Relay;
use iacp_core::pss::{Capabilities, Terms};
use iacp_core::slots::Slot;
use iacp_wire::Digest;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sessions::Weather;
use sessions::hosts::{Entity, Hosts, memory, place, tables};
use sessions::two::{GLOBAL, READ, SUBSCRIBE, Two, offer};

fn relays(two: &Two) -> Vec<Relay> {
    let nodes = two.world.nodes.iter().enumerate();
    nodes
        .map(|(number, node)| Relay {
            node: node.eid,
            at: node.at,
            network: u64::try_from(number / 2).expect("few"),
            accused: false,
            grants: true,
        })
        .collect()
}

/// The first side's host has verified an accusation against the second side.
fn challenged(seed: u64, weather: Weather) -> Two {
    let mut two = Two::new(seed, false, weather, offer());
    let (nearest, eid, now) = (relays(&two), two.world.eid(1, 0), two.world.now);
    assert_eq!(two.world.hosts[0].entity.challenge(now, &eid, &nearest), 3);
    two
}

fn send(two: &mut Two, from: u64, items: u64) {
    let ((host, agent), session) = (two.at[0], two.sessions[0]);
    let mut next = from;
    while next < from + items {
        let now = two.world.now;
        match two.world.hosts[host].with(now, agent, |desk, _| desk.send(session, next, &next.to_be_bytes())) {
            Ok(()) => next += 1,
            Err(LocalStatus::Full) => two.run(),
            Err(other) => panic!("{other}"),
        }
    }
    two.run();
    two.run();
}

fn came_once(two: &Two, items: u64) {
    let told = two.told(1).expect("open");
    let got: Vec<(Vec<u8>, u32)> = told.items.values().cloned().collect();
    let wanted: Vec<(Vec<u8>, u32)> = (0..items).map(|number| (number.to_be_bytes().to_vec(), 1)).collect();
    assert_eq!(got, wanted, "each item once");
}

// shows: IACP-107 (§4.2.7.3), IACP-108 (§4.2.7.3)
#[test]
fn every_frame_to_an_accused_peer_goes_three_times_with_the_same_bytes() {
    let mut two = challenged(1, Weather::FAIR);
    let begin = two.world.trace.len();
    send(&mut two, 0, 20);
    came_once(&two, 20);
    let here = two.world.hosts[0].at;
    let nodes: Vec<_> = two.world.nodes.iter().map(|node| node.at).collect();
    let mut copies: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut direct = Vec::new();
    for (_, from, to, bytes) in &two.world.trace[begin..] {
        if *from == here && nodes.contains(to) && bytes.starts_with(&[0x18, 0x90]) {
            copies.entry(bytes[8..].to_vec()).or_default().push(bytes[4]);
        } else if *from == here && *to == two.world.hosts[1].at {
            direct.push(bytes.clone());
        }
    }
    assert!(direct.len() >= 20, "{}", direct.len());
    for bytes in &direct {
        assert_eq!(copies.get(bytes).map(Vec::as_slice), Some(&[2, 3][..]), "one copy by each relay");
    }
    // Nothing of the peer's goes three times: no accusation stands against this side.
    let there = two.world.hosts[1].at;
    let relayed = |(_, from, _, bytes): &&(_, _, _, Vec<u8>)| *from == there && bytes.starts_with(&[0x18, 0x90]);
    assert_eq!(two.world.trace.iter().filter(relayed).count(), 0);
    // When the accusation has lapsed, one path is enough.
    let (eid, now) = (two.world.eid(1, 0), two.world.now);
    two.world.hosts[0].entity.clear(now, &eid);
    let begin = two.world.trace.len();
    send(&mut two, 20, 5);
    assert!(!two.world.trace[begin..].iter().any(|(.., bytes)| bytes.starts_with(&[0x18, 0x90])));
    came_once(&two, 25);
}

// shows: IACP-107 (§4.2.7.3)
#[test]
fn the_earliest_copy_counts_and_missing_ones_are_told_to_both_sides() {
    for seed in 2..5 {
        // The direct path loses much, and one relay is silent.
        let mut two = challenged(seed, Weather { loss: 250, jitter: 30, ..Weather::FAIR });
        two.world.nodes[2].silent = true;
        send(&mut two, 0, 60);
        for _ in 0..10 {
            two.run();
        }
        came_once(&two, 60);
        let told = |side| two.told(side).map(|told| told.reports.clone()).unwrap_or_default();
        assert!(!told(1).is_empty(), "seed {seed}: the receiver's agent is told");
        assert!(!told(0).is_empty(), "seed {seed}: and the sender's");
        assert!(
            told(1).iter().any(|(missing, _)| missing[2] > 0),
            "seed {seed}: nothing came by path 3: {:?}",
            told(1)
        );
        assert!(told(1).iter().all(|(_, altered)| *altered == [0; 3]), "seed {seed}: and nothing was altered");
    }
}

/// A relay that has carried what it got, and then alters it. The direct path is cut: of the two copies that are left, the altered one
/// comes first about as often as the other.
// shows: IACP-107 (§4.2.7.3)
#[test]
fn the_earliest_valid_copy_counts_and_altered_ones_are_told_to_both_sides() {
    for seed in 9..12 {
        let mut two = challenged(seed, Weather { jitter: 40, ..Weather::FAIR });
        send(&mut two, 0, 20);
        let (here, there) = (two.world.hosts[0].at, two.world.hosts[1].at);
        two.world.cut.push((here, there));
        two.world.nodes[2].alters = true;
        let begin = two.world.trace.len();
        send(&mut two, 20, 60);
        for _ in 0..15 {
            two.run();
        }
        came_once(&two, 80);
        assert!(two.world.trace[begin..].iter().any(|(_, from, ..)| *from == two.world.nodes[2].at), "it is a relay");
        for side in 0..2 {
            let told = two.told(side).expect("open");
            assert_eq!(told.closed, None);
            let altered = told.reports.iter().filter(|(_, altered)| altered[2] > 0).count();
            assert!(altered > 0, "seed {seed}, side {side}: {:?}", told.reports);
            assert!(told.reports.iter().all(|(_, altered)| altered[1] == 0), "the honest relay is not blamed");
        }
    }
}

#[test]
fn an_altered_copy_changes_nothing() {
    let mut two = challenged(6, Weather::FAIR);
    two.world.nodes.iter_mut().for_each(|node| node.alters = true);
    send(&mut two, 0, 30);
    came_once(&two, 30);
    let told = two.told(1).expect("open");
    assert_eq!(told.closed, None);
    assert!(told.reports.is_empty(), "no copy on these paths has ever opened, so nothing counts against them");
}

#[test]
fn an_accused_peer_is_in_no_group_and_gets_no_new_session() {
    let mut two = Two::new(7, false, Weather::FAIR, offer());
    let (eid, now) = (two.world.eid(1, 0), two.world.now);
    let safe = two.endpoint(0, GLOBAL | 4, b"safe");
    two.ask(0, false, &Request::Trust { coordinate: safe, eid, on: true }).expect("room");
    two.grant(0, safe, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate: safe, on: true }).expect("granted");
    two.write(0, safe, b"before").expect("it is there");
    two.run();
    let last = |two: &Two| two.values(1).last().cloned();
    assert_eq!(last(&two), Some((2, Some(b"before".to_vec()))));
    let nearest = relays(&two);
    two.world.hosts[0].entity.challenge(now, &eid, &nearest);
    two.write(0, safe, b"while accused").expect("it is there");
    two.run();
    assert_eq!(last(&two), Some((2, Some(b"before".to_vec()))));
    let open =
        two.world.hosts[0].with(now, 1, |desk, rng| desk.open(eid, None, iacp_core::pss::Capabilities::NONE, rng));
    two.run();
    let told = two.world.hosts[0].told.get(&(1, open.expect("it is looked up").bits())).cloned().unwrap_or_default();
    assert_eq!(told.results, [(0, Err(LocalStatus::Standing))]);
    // Acquitted, it is a member again.
    let now = two.world.now;
    two.world.hosts[0].entity.clear(now, &eid);
    two.run();
    assert_eq!(last(&two), Some((3, Some(b"while accused".to_vec()))));
    assert_eq!(two.ask(0, false, &Request::Erase(Digest([1; 32]))), Err(LocalStatus::NoAccess));
    assert!(matches!(two.ask(0, false, &Request::Erase(safe)), Ok(Done::Ok)));
}

#[test]
fn where_relays_are_few_there_are_fewer_paths() {
    let mut two = Two::new(8, false, Weather::FAIR, offer());
    let (eid, now) = (two.world.eid(1, 0), two.world.now);
    let mut nearest = relays(&two);
    nearest.truncate(2);
    assert_eq!(two.world.hosts[0].entity.challenge(now, &eid, &nearest), 2, "both stand in one network");
    send(&mut two, 0, 5);
    came_once(&two, 5);
    assert_eq!(two.world.hosts[0].entity.challenge(now, &eid, &[]), 1);
    send(&mut two, 5, 5);
    came_once(&two, 10);
}

/// The second host has a place for the paths of one session.
fn with_one_place(world: &mut Hosts) {
    let (now, mut rng) = (world.now, ChaCha8Rng::seed_from_u64(77));
    let settings = HostSettings { fifo_each: 16, sessions_each: 8, ..HostSettings::at(place(2)) };
    let paths = Box::leak(Box::new([Slot::new(PathSlot::EMPTY)]));
    let tables = Tables { paths, ..tables(4, 16) };
    let host = &mut world.hosts[1];
    host.entity = Entity::with_tables(memory(4, 16, 48), tables, settings, now, &mut rng).expect("the memory suffices");
    host.agents.clear();
    host.states.clear();
    for _ in 0..2 {
        world.hosts[1].init(now);
    }
    assert!(world.run_until(120_000, Hosts::all_bound));
}

/// A peer that sends by three paths has claimed the only place: it is given back to this side's own word against another peer.
#[test]
fn a_place_that_arrivals_have_claimed_is_given_back() {
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
    let mut two = Two::prepared(9, false, Weather::FAIR, (Capabilities::NONE, terms), with_one_place);
    let nearest = relays(&two);
    let (now, other, listening) = (two.world.now, two.world.eid(0, 1), two.world.eid(1, 1));
    let listen = Listen { capabilities: Capabilities::NONE, terms, sessions: 4, hold: false };
    two.world.hosts[1].with(now, 1, |desk, _| desk.listen(listen)).expect("a window of 16");
    let opened = two.world.hosts[0].with(now, 1, |desk, rng| desk.open(listening, None, Capabilities::NONE, rng));
    opened.expect("there is room");
    two.run();
    assert!(two.world.hosts[1].told_of(1, &other).is_some(), "a second session");
    let (accused, now) = (two.world.eid(1, 0), two.world.now);
    assert_eq!(two.world.hosts[0].entity.challenge(now, &accused, &nearest), 3);
    send(&mut two, 0, 20);
    came_once(&two, 20);
    let now = two.world.now;
    assert_eq!(two.world.hosts[1].entity.challenge(now, &other, &nearest), 3, "the place of the other session's");
    // What still comes by three paths is taken as before.
    send(&mut two, 20, 20);
    came_once(&two, 40);
}
