//! The second verdict about a peer of low reputation: less bandwidth, fewer tokens, three paths (`IACP §3.6.2`).

use iacp_core::erp::entity::Dropped;
use iacp_core::erp::local::LocalStatus;
use iacp_core::erp::multipath::Relay;
use iacp_core::pss::{Admission, Capabilities, Terms};
use sessions::Weather;
use sessions::two::Two;

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 64 };
/// New frames a second, and as many at once.
const RATE: usize = 16;

/// A session in which one side takes the other for a peer that is to be throttled.
fn throttled(seed: u64, throttled_side: usize) -> Two {
    let agreed = (Capabilities::NONE, TERMS);
    Two::prepared(seed, false, Weather::FAIR, agreed, |world| {
        let eid = world.eid(throttled_side, 0);
        world.standings.insert(eid.0, Admission::Throttle);
    })
}

/// The first side sends `items` items as fast as they are taken; returns how many had come after each second.
fn sent(two: &mut Two, items: u64, seconds: usize) -> Vec<usize> {
    let ((host, agent), session) = (two.at[0], two.sessions[0]);
    let (mut next, mut came) = (0, Vec::new());
    for _ in 0..seconds {
        for _ in 0..20 {
            while next < items {
                let now = two.world.now;
                match two.world.hosts[host].with(now, agent, |desk, _| desk.send(session, next, &next.to_be_bytes())) {
                    Ok(()) => next += 1,
                    Err(LocalStatus::Full) => break,
                    Err(other) => panic!("{other}"),
                }
            }
            two.world.run(50);
        }
        two.world.keep_alive();
        came.push(two.told(1).expect("open").items.len());
    }
    came
}

fn in_bounds(came: &[usize], items: usize) {
    for (second, count) in (1..).zip(came) {
        assert!(*count <= RATE * (second + 1), "{count} items in {second} s");
    }
    assert_eq!(came.last(), Some(&items), "each comes in the end, within twice the time: {came:?}");
}

// shows: IACP-023 (§3.6.2)
#[test]
fn a_throttled_peer_is_sent_sixteen_new_frames_a_second() {
    let mut two = throttled(1, 1);
    let came = sent(&mut two, 200, 14);
    in_bounds(&came, 200);
    assert!(came[4] >= RATE * 5, "no less than its share either: {came:?}");
    // Nothing was lost because of it: what waits, waits at the sender.
    assert!(!two.world.hosts[1].dropped.contains(&Dropped::RateLimited));
    assert!(two.told(1).expect("open").items.values().all(|(_, times)| *times == 1));
}

// shows: IACP-023 (§3.6.2)
#[test]
fn what_a_throttled_peer_sends_beyond_its_share_is_dropped_unopened_and_comes_later() {
    let mut two = throttled(2, 0);
    let came = sent(&mut two, 120, 40);
    in_bounds(&came, 120);
    assert!(two.world.hosts[1].dropped.contains(&Dropped::RateLimited), "it sends faster than it may");
    assert!(two.told(1).expect("open").items.values().all(|(_, times)| *times == 1));
}

#[test]
fn an_admitted_peer_is_not_slowed_down() {
    let mut two = Two::with_terms(3, false, Weather::FAIR, Capabilities::NONE, TERMS);
    assert_eq!(sent(&mut two, 200, 3).last(), Some(&200));
}

// shows: IACP-023 (§3.6.2)
#[test]
fn a_throttled_peer_gets_a_quarter_of_the_window() {
    // With nothing acknowledged, as many frames are under way as the window has.
    let terms = Terms { receive_window: 8, ..TERMS };
    for (standing, window) in [(Admission::Admit, 8), (Admission::Throttle, 2)] {
        let mut two = Two::prepared(4, false, Weather::FAIR, (Capabilities::NONE, terms), |world| {
            let eid = world.eid(0, 0);
            world.standings.insert(eid.0, standing);
        });
        let (here, there) = (two.world.hosts[0].at, two.world.hosts[1].at);
        two.world.cut.push((there, here));
        let ((host, agent), session) = (two.at[0], two.sessions[0]);
        let mut next = 0;
        for _ in 0..40 {
            let now = two.world.now;
            while two.world.hosts[host].with(now, agent, |desk, _| desk.send(session, next, b"item")).is_ok() {
                next += 1;
            }
            two.world.run(25);
        }
        let came = two.told(1).expect("open").items.len();
        assert_eq!(came, window, "{standing:?}");
    }
}

// shows: IACP-023 (§3.6.2)
#[test]
fn frames_to_a_throttled_peer_go_by_three_paths_where_there_are_relays() {
    let mut two = throttled(5, 1);
    let nodes = two.world.nodes.iter().enumerate();
    let relays: Vec<Relay> = nodes
        .map(|(number, node)| Relay {
            node: node.eid,
            at: node.at,
            network: number as u64 / 2,
            accused: false,
            grants: true,
        })
        .collect();
    let (eid, now) = (two.world.eid(1, 0), two.world.now);
    assert_eq!(two.world.hosts[0].entity.degrade(now, &eid, &relays), 3);
    let begin = two.world.trace.len();
    assert_eq!(sent(&mut two, 40, 4).last(), Some(&40));
    let relayed = two.world.trace[begin..]
        .iter()
        .filter(|(_, from, _, bytes)| *from == two.world.hosts[0].at && bytes.starts_with(&[0x18, 0x90]));
    assert!(relayed.count() >= 80, "each item by two relays as well");
    assert!(two.told(1).expect("open").items.values().all(|(_, times)| *times == 1));
    // It is no accusation: a new session with it may begin.
    let stranger = two.world.eid(0, 1);
    assert_eq!(two.world.hosts[0].entity.degrade(now, &stranger, &relays), 1, "no session with that one");
}
