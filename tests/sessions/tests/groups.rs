//! Sealed endpoints through the LL-Entity: a member reads, a former member reads nothing that is written from the step on in
//! which it left.

use iacp_core::erp::entity::Done;
use iacp_core::erp::local::{LocalStatus, Request};
use iacp_core::pss::Terms;
use iacp_wire::{Digest, Eid};
use sessions::Weather;
use sessions::hosts::place;
use sessions::two::{GLOBAL, READ, SUBSCRIBE, Two, offer};

const SEALED: u8 = 4;

fn trust(two: &mut Two, coordinate: Digest, eid: Eid, on: bool) -> Result<Done, LocalStatus> {
    two.ask(0, false, &Request::Trust { coordinate, eid, on })
}

fn peer(two: &Two) -> Eid {
    two.world.eid(two.at[1].0, two.at[1].1)
}

/// A sealed endpoint of the first side, granted to the second one and followed by it.
fn shared(seed: u64, weather: Weather, terms: Terms) -> (Two, Digest) {
    let mut two = Two::with_terms(seed, false, weather, offer(), terms);
    let safe = two.endpoint(0, GLOBAL | SEALED, b"safe");
    two.write(0, safe, b"first").expect("it is there");
    two.grant(0, safe, READ | SUBSCRIBE, 0).expect("under a contract");
    let eid = peer(&two);
    assert_eq!(trust(&mut two, safe, eid, true), Ok(Done::Ok));
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate: safe, on: true }).expect("granted");
    two.run();
    (two, safe)
}

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };

fn last(two: &Two) -> Option<(u64, Option<Vec<u8>>)> {
    two.values(1).last().cloned()
}

// shows: IACP-149 (§6.4.4)
#[test]
fn a_member_reads_and_a_former_member_reads_nothing_new() {
    let storm = Weather { loss: 100, duplication: 50, jitter: 60, ..Weather::FAIR };
    for (seed, weather) in [(1, Weather::FAIR), (2, storm), (3, storm), (4, storm), (5, storm), (6, storm)] {
        let (mut two, safe) = shared(seed, weather, TERMS);
        let eid = peer(&two);
        assert_eq!(last(&two), Some((2, Some(b"first".to_vec()))), "seed {seed}");
        two.write(0, safe, b"second").expect("it is there");
        two.run();
        assert_eq!(last(&two), Some((3, Some(b"second".to_vec()))), "seed {seed}");
        // Off the list, it does not read what is written in the same moment.
        assert_eq!(trust(&mut two, safe, eid, false), Ok(Done::Ok));
        two.write(0, safe, b"third").expect("it is there");
        two.run();
        assert_eq!(last(&two), Some((3, Some(b"second".to_vec()))), "seed {seed}");
        two.ask_as(1, 5, true, &Request::Read(safe)).expect("asked");
        two.run();
        assert_eq!(two.result(1, 5), Some(Err(LocalStatus::NoAccess)), "a right alone opens no sealed endpoint");
        assert_eq!(trust(&mut two, safe, eid, false), Err(LocalStatus::NotFound));
        // Back on the list, it gets the newest value by itself, since its subscription still stands.
        assert_eq!(trust(&mut two, safe, eid, true), Ok(Done::Ok));
        two.run();
        two.run();
        assert_eq!(last(&two), Some((4, Some(b"third".to_vec()))), "seed {seed}");
    }
}

#[test]
fn a_right_that_ends_by_order_or_by_time_ends_membership() {
    for seconds in [0, 20] {
        let (mut two, safe) = shared(4, Weather::FAIR, TERMS);
        two.grant(0, safe, READ | SUBSCRIBE, seconds).expect("under a contract");
        two.run();
        two.write(0, safe, b"still").expect("it is there");
        two.run();
        assert_eq!(last(&two), Some((3, Some(b"still".to_vec()))));
        if seconds == 0 {
            two.grant(0, safe, 0, 0).expect("it was granted");
        } else {
            two.world.run(20_000);
            two.world.keep_alive();
        }
        two.write(0, safe, b"not any more").expect("it is there");
        two.run();
        assert_eq!(last(&two), Some((3, Some(b"still".to_vec()))), "{seconds} s");
    }
}

#[test]
fn keys_change_by_time_as_the_endpoint_or_a_contract_wants_it() {
    let (mut two, safe) = shared(5, Weather::FAIR, Terms { dgk_rotation: 3, ..TERMS });
    for round in 0..10_u8 {
        two.write(0, safe, &[round]).expect("it is there");
        two.run();
        assert_eq!(last(&two).and_then(|(_, value)| value), Some(vec![round]), "whatever epoch it is");
    }
    // Each value is delivered once, however often it was sealed again.
    assert_eq!(two.values(1).len(), 11);
}

#[test]
fn a_member_that_is_away_for_a_minute_is_out_and_comes_back() {
    let (mut two, safe) = shared(6, Weather::FAIR, TERMS);
    let (host, agent) = two.at[0];
    two.world.weather = Weather { loss: 1_000, ..Weather::FAIR };
    for _ in 0..60 {
        two.run();
    }
    two.write(0, safe, b"while it was away").expect("it is there");
    two.world.weather = Weather::FAIR;
    for _ in 0..40 {
        two.run();
    }
    assert_eq!(last(&two), Some((3, Some(b"while it was away".to_vec()))), "it is a member again");
    let now = two.world.now;
    assert!(two.world.hosts[host].with(now, agent, |desk, _| desk.value(&safe).is_some()));
}

#[test]
fn members_follow_a_move() {
    let (mut two, safe) = shared(7, Weather::FAIR, TERMS);
    two.world.move_host(0, place(77));
    two.write(0, safe, b"on the way").expect("it is there");
    two.run();
    two.run();
    assert_eq!(last(&two), Some((3, Some(b"on the way".to_vec()))));
}

#[test]
fn groups_have_shares_and_only_sealed_endpoints_have_one() {
    let mut two = Two::new(8, true, Weather::FAIR, offer());
    let eid = Eid([9; 32]);
    let open = two.endpoint(0, GLOBAL, b"open");
    assert_eq!(trust(&mut two, open, eid, true), Err(LocalStatus::Refused));
    assert_eq!(trust(&mut two, Digest([1; 32]), eid, true), Err(LocalStatus::NoAccess));
    let safe = two.endpoint(0, GLOBAL | SEALED, b"safe");
    two.endpoint(0, GLOBAL | SEALED, b"other");
    let more = Request::Endpoint { flags: SEALED, rotation: 0, tag: b"more" };
    assert_eq!(two.ask(0, false, &more), Err(LocalStatus::Capacity));
    assert!(two.ask(1, false, &more).is_ok(), "the other agent has a share of its own");
    // Its place is free with its endpoint, and the list of one is not the list of the next.
    for number in 0..64_u8 {
        assert_eq!(trust(&mut two, safe, Eid([number; 32]), true), Ok(Done::Ok));
    }
    assert_eq!(trust(&mut two, safe, Eid([64; 32]), true), Err(LocalStatus::Capacity));
    assert_eq!(two.ask(0, false, &Request::Erase(safe)), Ok(Done::Ok));
    assert_eq!(trust(&mut two, safe, eid, true), Err(LocalStatus::NoAccess));
    let more = two.endpoint(0, GLOBAL | SEALED, b"more");
    assert_eq!(trust(&mut two, more, eid, false), Err(LocalStatus::NotFound));
    // A sealed value has 40 bytes more.
    let value = vec![1; 796];
    assert_eq!(two.write(0, more, &value), Err(LocalStatus::TooLong));
    assert_eq!(two.write(0, more, &value[..795]), Ok(Done::Ok));
}
