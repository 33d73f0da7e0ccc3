//! The endpoints that two agents have for each other alone, exclusive sessions, and grants that outlive the session in which they were
//! given.

use iacp_core::crypto::{Portable, Provider};
use iacp_core::erp::entity::Done;
use iacp_core::erp::local::{ClosureCode, LocalStatus, Request};
use iacp_core::erp::resume::{Line, ResumeRecord};
use iacp_core::pss::Capabilities;
use iacp_wire::{Digest, Eid};
use sessions::Weather;
use sessions::two::{GLOBAL, READ, SUBSCRIBE, Two, WRITE, offer};

const ROUGH: Weather = Weather { loss: 100, duplication: 50, jitter: 60, ..Weather::FAIR };
const OWN: Request<'_> = Request::Endpoint { flags: 0, rotation: 0, tag: &[] };

/// The coordinate of an agent's endpoint for another one, by hand: PROFILE 30.
fn coordinate(owner: &Eid, name: &[u8; 32]) -> Digest {
    Digest(Portable::sha256(&[&owner.0, b"IACP/1 pair\0", name]))
}

fn eid(two: &Two, side: usize) -> Eid {
    let (host, agent) = two.at[side];
    two.world.eid(host, agent)
}

/// The own endpoint of the current session's pair.
fn own(two: &mut Two, side: usize) -> Digest {
    match two.ask(side, true, &OWN) {
        Ok(Done::Coordinate(coordinate)) => coordinate,
        other => panic!("{other:?}"),
    }
}

fn last(two: &Two, side: usize, of: Digest) -> Option<(u64, Option<Vec<u8>>)> {
    let told = two.told(side)?;
    told.values.iter().rev().find(|(at, ..)| *at == of).map(|(_, version, value)| (*version, value.clone()))
}

// shows: IACP-142 (§6.4.1)
#[test]
fn each_side_follows_the_others_endpoint_of_the_pair_without_asking() {
    // No contract is needed: nothing is granted.
    for (seed, weather, offer) in
        [(1, Weather::FAIR, Capabilities::ENDPOINTS), (2, ROUGH, Capabilities::ENDPOINTS), (3, Weather::FAIR, offer())]
    {
        let mut two = Two::new(seed, false, weather, offer);
        let at = [own(&mut two, 0), own(&mut two, 1)];
        let names = [eid(&two, 0), eid(&two, 1)];
        assert_eq!(at, [coordinate(&names[0], &names[1].0), coordinate(&names[1], &names[0].0)]);
        two.run();
        for side in 0..2 {
            assert_eq!(last(&two, 1 - side, at[side]), Some((1, Some(vec![]))), "seed {seed}: it is empty at first");
            two.write(side, at[side], &[7, u8::try_from(side).expect("few")]).expect("its own");
            assert_eq!(two.write(side, at[1 - side], b"x"), Err(LocalStatus::NoAccess), "the peer's is the peer's");
        }
        two.run();
        for side in 0..2_u8 {
            let (from, to) = (usize::from(side), usize::from(1 - side));
            assert_eq!(last(&two, to, at[from]), Some((2, Some(vec![7, side]))), "seed {seed}");
        }
        // Erased, it is GONE; made anew, it comes anew.
        assert_eq!(two.ask(0, false, &Request::Erase(at[0])), Ok(Done::Ok));
        two.run();
        assert_eq!(last(&two, 1, at[0]), Some((0, None)));
        assert_eq!(own(&mut two, 0), at[0]);
        two.write(0, at[0], b"again").expect("its own");
        two.run();
        assert_eq!(last(&two, 1, at[0]), Some((2, Some(b"again".to_vec()))), "seed {seed}");
    }
}

#[test]
fn a_pair_belongs_to_two_and_is_there_in_each_of_their_sessions() {
    let mut two = Two::new(4, false, Weather::FAIR, offer());
    let pair = own(&mut two, 0);
    // It cannot be granted: only the peer of the pair may use it.
    for rights in [READ, READ | SUBSCRIBE, WRITE, 7] {
        assert_eq!(two.grant(0, pair, rights, 0), Err(LocalStatus::Refused));
    }
    let write = Request::Write { coordinate: pair, if_version: 0, value: b"mine" };
    two.ask_as(1, 3, true, &write).expect("asked");
    two.run();
    assert_eq!(two.result(1, 3), Some(Err(LocalStatus::NoAccess)), "its owner writes");
    two.write(0, pair, b"first").expect("its own");
    two.run();
    // A second session of the same two has it too, with the value that it has now.
    two.open(offer(), None);
    two.run();
    assert_eq!(last(&two, 1, pair), Some((2, Some(b"first".to_vec()))));
    assert_eq!(own(&mut two, 0), pair);
    // READ and UNSUBSCRIBE are the peer's, under the contract.
    two.ask_as(1, 4, true, &Request::Read(pair)).expect("asked");
    two.ask(1, true, &Request::Subscribe { coordinate: pair, on: false }).expect("it is followed");
    two.run();
    assert_eq!(two.result(1, 4), Some(Ok(())));
    let before = two.values(1).len();
    two.write(0, pair, b"unseen").expect("its own");
    two.run();
    assert_eq!(two.values(1).len(), before);
}

#[test]
fn a_pair_needs_endpoints_and_takes_no_place_before_its_owner_wants_it() {
    let mut plain = Two::new(5, false, Weather::FAIR, Capabilities::SFC);
    assert_eq!(plain.ask(0, true, &OWN), Err(LocalStatus::NotNow));
    let mut two = Two::new(6, false, Weather::FAIR, offer());
    assert_eq!(two.ask(0, false, &OWN), Err(LocalStatus::Refused), "whose pair?");
    let named = Request::Endpoint { flags: GLOBAL, rotation: 0, tag: b"door" };
    assert_eq!(two.ask(0, true, &named), Err(LocalStatus::Refused), "a session has no endpoints but its pair's");
    // Eight places are the agent's share, and the peer's session has taken none of them.
    for number in 0..8_u8 {
        two.endpoint(0, GLOBAL, &[number]);
    }
    assert_eq!(two.ask(0, true, &OWN), Err(LocalStatus::Capacity));
    assert_eq!(two.grant(0, Digest([9; 32]), READ, 0), Err(LocalStatus::NoAccess));
    // Eight can still be granted beside it.
    for number in 0..8_u8 {
        let coordinate = Digest(Portable::sha256(&[&eid(&two, 0).0, &[number]]));
        two.grant(0, coordinate, READ, 0).expect("there is a place");
    }
}

// shows: IACP-148 (§6.4.4)
#[test]
fn an_exclusive_session_has_the_endpoints_of_its_pair_and_no_others() {
    let exclusive = offer().with(Capabilities::EXCLUSIVE);
    for (seed, weather) in [(7, Weather::FAIR), (8, ROUGH)] {
        let mut two = Two::new(seed, false, weather, exclusive);
        let door = two.endpoint(0, GLOBAL, b"door");
        assert_eq!(two.grant(0, door, READ, 0), Err(LocalStatus::Refused));
        let at = [own(&mut two, 0), own(&mut two, 1)];
        two.write(0, at[0], b"for this session").expect("its own");
        two.run();
        assert_eq!(last(&two, 1, at[0]), Some((2, Some(b"for this session".to_vec()))));
        two.ask_as(1, 5, true, &Request::Read(door)).expect("asked");
        two.run();
        assert_eq!(two.result(1, 5), Some(Err(LocalStatus::NoAccess)));
        // A second one of the same two has endpoints of its own, and hears nothing of the first one's.
        let first = two.sessions;
        two.open(exclusive, None);
        let other = own(&mut two, 0);
        let names = [eid(&two, 0), eid(&two, 1)];
        assert!(other != at[0] && other != coordinate(&names[0], &names[1].0));
        two.write(0, other, b"for that session").expect("its own");
        two.run();
        assert_eq!(two.told(1).expect("open").values.iter().filter(|(of, ..)| *of == at[0]).count(), 0);
        assert_eq!(last(&two, 1, other), Some((2, Some(b"for that session".to_vec()))));
        // With its session it ends, on both sides; the other one's stays.
        two.sessions = first;
        assert_eq!(two.ask(0, true, &Request::Abort(1)), Ok(Done::Ok));
        two.run();
        assert_eq!(two.write(0, at[0], b"late"), Err(LocalStatus::NoAccess));
        assert_eq!(two.write(1, at[1], b"late"), Err(LocalStatus::NoAccess));
        two.write(0, other, b"still here").expect("its session lives");
    }
}

#[test]
fn exclusive_is_agreed_only_where_both_want_it() {
    let mut two = Two::new(9, false, Weather::FAIR, offer());
    two.open(offer().with(Capabilities::EXCLUSIVE), None);
    let names = [eid(&two, 0), eid(&two, 1)];
    assert_eq!(own(&mut two, 0), coordinate(&names[0], &names[1].0), "the pair of the two EIDs");
    let door = two.endpoint(0, GLOBAL, b"door");
    two.grant(0, door, READ, 0).expect("the session is none of its own");
}

/// A session that goes on for the current one; the record is what the first side's agent has written down.
fn resume(two: &mut Two, line: [u8; 16]) {
    let record = ResumeRecord { peer: eid(two, 1), line: Line(line), safe: 0 }.to_bytes();
    two.open(offer().with(Capabilities::RESUME), Some(&record));
}

fn line(two: &Two) -> [u8; 16] {
    two.told(0).and_then(|told| told.opened).expect("it was opened").1
}

// shows: IACP-147 (§6.4.4)
#[test]
fn grants_and_subscriptions_live_on_in_the_session_that_goes_on() {
    for (seed, weather) in [(10, Weather::FAIR), (11, ROUGH)] {
        // Either side may be the owner: the one that opens, and the other.
        for owner in 0..2 {
            let reader = 1 - owner;
            let mut two = Two::new(seed, false, weather, offer().with(Capabilities::RESUME));
            let door = two.endpoint(owner, GLOBAL, b"door");
            let short = two.endpoint(owner, GLOBAL, b"short");
            let taken = two.endpoint(owner, GLOBAL, b"taken back");
            two.grant(owner, door, READ | SUBSCRIBE | WRITE, 0).expect("under a contract");
            two.grant(owner, short, READ | SUBSCRIBE, 30).expect("under a contract");
            two.grant(owner, taken, READ, 0).expect("under a contract");
            two.run();
            two.grant(owner, taken, 0, 0).expect("it was granted");
            two.ask(reader, true, &Request::Subscribe { coordinate: door, on: true }).expect("granted");
            two.run();
            let (older, name) = (two.sessions, line(&two));
            resume(&mut two, name);
            assert_eq!(line(&two), name, "the line goes on");
            for (side, session) in older.iter().enumerate() {
                let (host, agent) = two.at[side];
                let closed = two.world.hosts[host].told[&(agent, session.bits())].closed;
                assert_eq!(closed, Some(ClosureCode::Superseded), "seed {seed}");
            }
            two.run();
            let granted = two.told(reader).expect("open").granted.clone();
            let wanted = [(door, 7, b"door".to_vec()), (short, 3, b"short".to_vec())];
            // In rough weather the short one may be over.
            granted.iter().for_each(|one| assert!(wanted.contains(one), "seed {seed}: {one:?}"));
            assert!(granted.contains(&(door, 7, b"door".to_vec())), "seed {seed}, owner {owner}: {granted:?}");
            // The subscription continues without a new request.
            two.write(owner, door, b"news").expect("its own");
            two.run();
            assert_eq!(last(&two, reader, door), Some((2, Some(b"news".to_vec()))), "seed {seed}, owner {owner}");
            two.ask_as(reader, 6, true, &Request::Write { coordinate: door, if_version: 2, value: b"mine" })
                .expect("asked");
            two.ask_as(reader, 7, true, &Request::Read(taken)).expect("asked");
            two.run();
            assert_eq!(two.result(reader, 6), Some(Ok(())));
            assert_eq!(two.result(reader, 7), Some(Err(LocalStatus::NoAccess)));
            // Time goes on as it did.
            (0..16).for_each(|_| two.run());
            two.ask_as(reader, 8, true, &Request::Read(short)).expect("asked");
            two.run();
            assert_eq!(two.result(reader, 8), Some(Err(LocalStatus::NoAccess)), "30 s are over");
            // REVOKE is heard in the session that goes on.
            two.grant(owner, door, 0, 0).expect("it was granted");
            two.run();
            assert_eq!(two.told(reader).expect("open").granted.last(), Some(&(door, 0, Vec::new())));
        }
    }
}

#[test]
fn a_group_of_a_session_that_goes_on_gets_the_key_of_a_new_epoch() {
    let mut two = Two::new(12, false, Weather::FAIR, offer().with(Capabilities::RESUME));
    let safe = two.endpoint(0, GLOBAL | 4, b"safe");
    let member = eid(&two, 1);
    two.ask(0, false, &Request::Trust { coordinate: safe, eid: member, on: true }).expect("room");
    two.grant(0, safe, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate: safe, on: true }).expect("granted");
    two.write(0, safe, b"before").expect("its own");
    two.run();
    assert_eq!(last(&two, 1, safe), Some((2, Some(b"before".to_vec()))));
    let name = line(&two);
    resume(&mut two, name);
    two.run();
    two.write(0, safe, b"after").expect("its own");
    two.run();
    assert_eq!(last(&two, 1, safe), Some((3, Some(b"after".to_vec()))));
}

#[test]
fn a_new_line_takes_nothing_over_and_neither_does_an_owner_that_has_lost_its_memory() {
    let all = offer().with(Capabilities::RESUME);
    let mut two = Two::new(13, false, Weather::FAIR, all);
    let door = two.endpoint(0, GLOBAL, b"door");
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.open(all, None);
    two.run();
    assert!(two.told(1).expect("open").granted.is_empty(), "another line is another session");
    // The owner's host loses its memory: endpoints and rights are in memory alone.
    let mut two = Two::new(14, false, Weather::FAIR, all);
    let door = two.endpoint(0, GLOBAL, b"door");
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate: door, on: true }).expect("granted");
    two.run();
    let (name, now) = (line(&two), two.world.now);
    two.world.hosts[0].crash(now);
    assert!(two.world.run_until(60_000, sessions::hosts::Hosts::all_bound));
    resume(&mut two, name);
    two.run();
    assert_eq!(line(&two), name);
    assert!(two.told(1).expect("open").granted.is_empty());
    // Made and granted anew, it is followed without another SUBSCRIBE, from its new first version on.
    assert_eq!(two.endpoint(0, GLOBAL, b"door"), door);
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.write(0, door, b"new").expect("its own");
    two.run();
    assert_eq!(last(&two, 1, door), Some((2, Some(b"new".to_vec()))));
}
