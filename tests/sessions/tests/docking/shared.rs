//! What an agent shares moves with it: its endpoints, the rights of its peers, its own rights, and the members of its groups.

use iacp_core::erp::entity::{Done, HostSettings, Tables};
use iacp_core::erp::local::{LocalStatus, Request};
use iacp_core::pss::{Capabilities, Terms};
use iacp_core::slots::Handle;
use iacp_wire::Digest;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sessions::Weather;
use sessions::hosts::{Entity, memory, place, tables};
use sessions::two::{GLOBAL, READ, SUBSCRIBE, Two, WRITE, offer};

use crate::story::{ROUGH, no_nonce_twice};

const SEALED: u8 = 4;
const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
/// Where the agent moves to.
const TO: usize = 2;

/// Two agents of two hosts, and a third host.
fn two(seed: u64, weather: Weather, offer: Capabilities) -> Two {
    Two::among(3, [(0, 0), (1, 0)], seed, weather, (offer, TERMS), |_| ())
}

/// An endpoint of the first side, which the second one may read, follow and write, and follows.
fn shared(two: &mut Two, flags: u8, tag: &[u8], seconds: u32) -> Digest {
    let coordinate = two.endpoint(0, flags, tag);
    two.write(0, coordinate, b"first").expect("it is there");
    two.grant(0, coordinate, READ | SUBSCRIBE | WRITE, seconds).expect("under a contract");
    if flags & SEALED != 0 {
        let eid = two.world.eid(two.at[1].0, two.at[1].1);
        two.ask(0, false, &Request::Trust { coordinate, eid, on: true }).expect("it has a group");
    }
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate, on: true }).expect("granted");
    two.run();
    coordinate
}

/// The newest value of an endpoint that a side was told.
fn newest(two: &Two, side: usize, coordinate: Digest) -> Option<(u64, Vec<u8>)> {
    let told = &two.told(side).expect("open").values;
    let mut values = told.iter().filter(|(of, ..)| *of == coordinate);
    values.next_back().and_then(|(_, version, value)| value.clone().map(|value| (*version, value)))
}

// shows: IACP-129 (§5.6), IACP-147 (§6.4.4)
#[test]
fn an_endpoint_moves_with_its_owner_and_is_read_followed_and_written_as_before() {
    for (seed, weather) in [(51, Weather::FAIR), (52, ROUGH), (53, ROUGH)] {
        let mut two = two(seed, weather, offer());
        let door = shared(&mut two, GLOBAL, b"door", 0);
        assert_eq!(newest(&two, 1, door), Some((2, b"first".to_vec())));
        two.dock(0, TO);
        two.run();
        two.write(0, door, b"second").expect("it has come along");
        two.run();
        assert_eq!(newest(&two, 1, door), Some((3, b"second".to_vec())), "seed {seed}: it still follows");
        two.ask_as(1, 5, true, &Request::Write { coordinate: door, if_version: 3, value: b"third" }).expect("granted");
        two.run();
        assert_eq!(two.result(1, 5), Some(Ok(())), "and may write");
        assert_eq!(newest(&two, 0, door), Some((4, b"third".to_vec())));
        // What was told before the move is not told again.
        assert_eq!(two.values(1).iter().filter(|(version, _)| *version == 2).count(), 1);
        two.grant(0, door, 0, 0).expect("the right has come along, so it can be taken back");
        two.ask_as(1, 6, true, &Request::Read(door)).expect("asked");
        two.run();
        assert_eq!(two.result(1, 6), Some(Err(LocalStatus::NoAccess)));
        assert!(no_nonce_twice(&two.world) > 20);
    }
}

#[test]
fn a_follower_that_moves_goes_on_following() {
    let mut two = two(54, ROUGH, offer());
    let door = shared(&mut two, GLOBAL, b"door", 0);
    two.dock(1, TO);
    two.run();
    two.write(0, door, b"second").expect("it is there");
    two.run();
    assert_eq!(two.values(1), [(3, Some(b"second".to_vec()))], "and is not told again what it knows");
    two.ask_as(1, 7, true, &Request::Read(door)).expect("granted");
    two.run();
    assert_eq!(two.result(1, 7), Some(Ok(())));
}

#[test]
fn a_right_that_ends_by_time_ends_on_the_new_host_too() {
    let mut two = two(55, Weather::FAIR, offer());
    let door = shared(&mut two, GLOBAL, b"door", 60);
    two.dock(0, TO);
    two.run();
    two.write(0, door, b"second").expect("it has come along");
    two.run();
    assert_eq!(newest(&two, 1, door), Some((3, b"second".to_vec())));
    for _ in 0..35 {
        two.run();
    }
    two.write(0, door, b"third").expect("it is there");
    two.ask_as(1, 8, true, &Request::Read(door)).expect("asked");
    two.run();
    assert_eq!(
        (two.result(1, 8), newest(&two, 1, door)),
        (Some(Err(LocalStatus::NoAccess)), Some((3, b"second".to_vec())))
    );
}

// shows: IACP-149 (§6.4.4)
#[test]
fn a_group_moves_with_its_members_and_gets_a_key_that_the_old_host_never_had() {
    for (seed, weather) in [(56, Weather::FAIR), (57, ROUGH)] {
        let mut two = two(seed, weather, offer());
        let safe = shared(&mut two, GLOBAL | SEALED, b"safe", 0);
        assert_eq!(newest(&two, 1, safe), Some((2, b"first".to_vec())));
        two.dock(0, TO);
        two.run();
        two.write(0, safe, b"second").expect("it has come along");
        two.run();
        assert_eq!(newest(&two, 1, safe), Some((3, b"second".to_vec())), "seed {seed}: a member still");
        let eid = two.world.eid(two.at[1].0, two.at[1].1);
        two.ask(0, false, &Request::Trust { coordinate: safe, eid, on: false }).expect("it is on the list");
        two.write(0, safe, b"third").expect("it is there");
        two.run();
        assert_eq!(newest(&two, 1, safe), Some((3, b"second".to_vec())), "and no more");
    }
}

/// The terms of before are proposed again in the next session: each side accepts them.
fn accept_terms(two: &mut Two) {
    for (host, agent) in two.at {
        let told = two.world.hosts[host].told.iter();
        let proposed = told.filter(|((of, _), told)| *of == agent && told.proposed && !told.contract);
        let sessions: Vec<u64> =
            proposed.filter(|(_, told)| told.closed.is_none()).map(|((_, bits), _)| *bits).collect();
        for session in sessions {
            let (now, handle) = (two.world.now, Handle::from_bits(session));
            let accept = Request::Terms { counter: None };
            // It may have been accepted already.
            let _ = two.world.hosts[host].with(now, agent, |desk, rng| desk.ask(handle, &accept, rng));
        }
    }
}

/// A session with RESUME gets new keys in a session of its own, which takes over what the one that has moved has granted.
#[test]
fn what_is_granted_goes_on_in_the_session_with_new_keys() {
    let mut two = two(58, Weather::FAIR, offer().with(Capabilities::RESUME));
    let door = shared(&mut two, GLOBAL, b"door", 0);
    two.dock(0, TO);
    for _ in 0..40 {
        two.run();
        accept_terms(&mut two);
    }
    two.follow();
    two.write(0, door, b"second").expect("it has come along");
    two.run();
    assert_eq!(newest(&two, 1, door), Some((3, b"second".to_vec())));
}

/// A host without places for endpoints takes the sessions over, and the peer is told that what it has followed is gone.
#[test]
fn what_finds_no_place_on_the_new_host_is_gone_for_its_peers() {
    let mut two = two(59, Weather::FAIR, offer());
    let door = shared(&mut two, GLOBAL, b"door", 0);
    let (now, mut rng) = (two.world.now, ChaCha8Rng::seed_from_u64(59));
    let settings = HostSettings { fifo_each: 16, sessions_each: 8, ..HostSettings::at(place(3)) };
    let tables = Tables { endpoints: &mut [], ..tables(4, 16) };
    let host = &mut two.world.hosts[TO];
    host.entity = Entity::with_tables(memory(4, 16, 48), tables, settings, now, &mut rng).expect("the memory suffices");
    host.agents.clear();
    host.states.clear();
    two.dock(0, TO);
    two.run();
    let gone = two.told(1).expect("open").values.last();
    assert_eq!(gone, Some(&(door, 0, None)));
    assert!(two.write(0, door, b"second").is_err(), "it is here no more");
}

/// A session that finds no place ends, and with it the endpoint that was for it alone.
// shows: IACP-148 (§6.4.4)
#[test]
fn the_endpoint_of_an_exclusive_session_that_finds_no_place_ends_with_it() {
    let offer = Capabilities::ENDPOINTS.with(Capabilities::EXCLUSIVE).with(Capabilities::RESUME);
    for has_room in [true, false] {
        let mut two = two(60, Weather::FAIR, offer);
        let own = two.ask(0, true, &Request::Endpoint { flags: 0, rotation: 0, tag: &[] });
        let Ok(Done::Coordinate(own)) = own else { panic!("{own:?}") };
        two.run();
        let (now, mut rng) = (two.world.now, ChaCha8Rng::seed_from_u64(60));
        let settings = HostSettings { fifo_each: 16, sessions_each: 8, ..HostSettings::at(place(3)) };
        let mut tables = tables(4, 16);
        if !has_room {
            tables.lines = &mut [];
        }
        let host = &mut two.world.hosts[TO];
        host.entity = Entity::with_tables(memory(4, 16, 48), tables, settings, now, &mut rng).expect("it suffices");
        host.agents.clear();
        host.states.clear();
        let agent = two.world.dock((0, 0), TO);
        let now = two.world.now;
        let read = two.world.hosts[TO].with(now, agent, |desk, rng| desk.ask(None, &Request::Read(own), rng));
        assert_eq!(read, if has_room { Ok(Done::Value(own)) } else { Err(LocalStatus::NoAccess) });
    }
}
