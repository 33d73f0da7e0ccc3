//! GRANT, REVOKE and GONE in whatever order they come.

use iacp_core::erp::entity::Done;
use iacp_core::erp::local::{LocalStatus, Request};
use sessions::Weather;
use sessions::two::{GLOBAL, READ, SUBSCRIBE, Two, offer};

#[test]
fn another_endpoint_of_a_name_is_granted_when_the_peer_knows_that_the_first_one_has_ended() {
    let mut two = Two::new(21, false, Weather::FAIR, offer());
    let door = two.endpoint(0, GLOBAL, b"door");
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    // All in one step: GONE is not sealed yet.
    assert_eq!(two.ask(0, false, &Request::Erase(door)), Ok(Done::Ok));
    assert_eq!(two.endpoint(0, GLOBAL, b"door"), door);
    assert_eq!(two.grant(0, door, READ | SUBSCRIBE, 0), Err(LocalStatus::NotNow));
    two.run();
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("the peer has been told");
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate: door, on: true }).expect("granted");
    two.write(0, door, b"new").expect("it is there");
    two.run();
    assert_eq!(two.values(1).last().map(|(_, value)| value.clone()), Some(Some(b"new".to_vec())));
    assert_eq!(two.values(1).iter().filter(|(_, value)| value.is_none()).count(), 1, "GONE came once, before it");
}

#[test]
fn what_takes_a_right_back_counts_even_if_it_comes_before_the_grant() {
    for erased in [false, true] {
        let mut two = Two::new(22, false, Weather::FAIR, offer());
        let door = two.endpoint(0, GLOBAL, b"door");
        let path = (two.world.hosts[0].at, two.world.hosts[1].at);
        two.world.cut.push(path);
        two.grant(0, door, READ, 0).expect("under a contract");
        two.world.settle();
        two.world.cut.clear();
        let taken_back = if erased { two.ask(0, false, &Request::Erase(door)) } else { two.grant(0, door, 0, 0) };
        assert_eq!(taken_back, Ok(Done::Ok));
        for _ in 0..5 {
            two.run();
        }
        let told = two.told(1).expect("open");
        assert!(told.granted.iter().all(|(_, rights, _)| *rights == 0), "erased: {erased}: {:?}", told.granted);
        assert!(told.values.is_empty(), "what was never granted does not end");
        // Granted again, it counts.
        if erased {
            assert_eq!(two.endpoint(0, GLOBAL, b"door"), door);
        }
        two.grant(0, door, READ, 0).expect("under a contract");
        two.run();
        assert_eq!(two.told(1).expect("open").granted.last().map(|(_, rights, _)| *rights), Some(READ));
    }
}

#[test]
fn an_end_that_comes_again_behind_a_newer_grant_takes_nothing_back() {
    let mut two = Two::new(24, false, Weather::FAIR, offer());
    let door = two.endpoint(0, GLOBAL, b"door");
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate: door, on: true }).expect("granted");
    two.write(0, door, b"old").expect("it is there");
    two.run();
    // GONE is lost; what is granted after it is not.
    let path = (two.world.hosts[0].at, two.world.hosts[1].at);
    two.world.cut.push(path);
    assert_eq!(two.ask(0, false, &Request::Erase(door)), Ok(Done::Ok));
    two.world.settle();
    two.world.cut.clear();
    assert_eq!(two.endpoint(0, GLOBAL, b"door"), door);
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("GONE is sealed");
    two.write(0, door, b"new").expect("it is there");
    for _ in 0..5 {
        two.run();
    }
    assert_eq!(two.told(1).expect("open").granted.last().map(|(_, rights, _)| *rights), Some(READ | SUBSCRIBE));
    // What was followed is followed.
    two.write(0, door, b"newer").expect("it is there");
    two.run();
    assert_eq!(two.values(1).last().map(|(_, value)| value.clone()), Some(Some(b"newer".to_vec())));
    let values = two.values(1);
    assert!(values.iter().any(|(_, value)| value.as_deref() == Some(b"new")), "{values:?}");
    assert!(values.iter().all(|(_, value)| value.is_some()), "what is granted does not end: {values:?}");
}

#[test]
fn an_end_goes_out_behind_a_grant_that_waits() {
    let mut two = Two::new(25, false, Weather::FAIR, offer());
    let door = two.endpoint(0, GLOBAL, b"door");
    // The log is full for an item, and not for an end: the GRANT waits behind what the agent has sent.
    let path = (two.world.hosts[0].at, two.world.hosts[1].at);
    two.world.cut.push(path);
    let ((host, agent), session) = (two.at[0], two.sessions[0]);
    for item in 0..14 {
        let now = two.world.now;
        let sent = two.world.hosts[host].with(now, agent, |desk, _| desk.send(session, item, &[7; 800]));
        sent.expect("it waits");
    }
    two.grant(0, door, READ, 0).expect("it waits");
    assert_eq!(two.ask(0, false, &Request::Erase(door)), Ok(Done::Ok));
    two.world.settle();
    two.world.cut.clear();
    for _ in 0..5 {
        two.run();
    }
    let told = two.told(1).expect("open");
    assert_eq!(
        (told.granted.last().map(|(_, rights, _)| *rights), told.values.last()),
        (Some(READ), Some(&(door, 0, None)))
    );
    // And the name is free for another one.
    assert_eq!(two.endpoint(0, GLOBAL, b"door"), door);
    two.grant(0, door, READ, 0).expect("the peer has been told");
}

#[test]
fn an_endpoint_that_has_ended_is_followed_no_more_until_its_successor_is_asked_for() {
    let mut two = Two::new(26, false, Weather::FAIR, offer());
    let door = two.endpoint(0, GLOBAL, b"door");
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    let follow = Request::Subscribe { coordinate: door, on: true };
    two.ask(1, true, &follow).expect("granted");
    two.write(0, door, b"old").expect("it is there");
    two.run();
    assert_eq!(two.ask(0, false, &Request::Erase(door)), Ok(Done::Ok));
    two.run();
    assert_eq!(two.values(1), [(2, Some(b"old".to_vec())), (0, None)], "its end is told, once");
    // The successor has the same name, and versions of its own.
    assert_eq!(two.endpoint(0, GLOBAL, b"door"), door);
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("the peer has been told");
    two.write(0, door, b"unheard").expect("it is there");
    two.run();
    assert_eq!(two.values(1).len(), 2, "granted, and not followed");
    two.ask(1, true, &follow).expect("granted");
    two.write(0, door, b"heard").expect("it is there");
    two.run();
    assert_eq!(two.values(1).last(), Some(&(3, Some(b"heard".to_vec()))));
}
