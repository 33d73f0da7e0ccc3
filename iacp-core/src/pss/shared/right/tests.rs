//! Rights that go on in another session or on another host, and what they owe.

extern crate std;

use std::vec::Vec;

use iacp_wire::Eid;

use super::*;
use crate::crypto::ChaChaOnly;
use crate::pss::shared::endpoint::EndpointFlags;

const ALL: u16 = READ | SUBSCRIBE | WRITE;

fn at(byte: u8) -> Coordinate {
    Coordinate([byte; 32])
}

/// A right to READ for good, but for these fields.
fn right(byte: u8) -> Right {
    Right { rights: READ, ..Right::to(at(byte)) }
}

fn rights<const N: usize>(places: [Option<Right>; N]) -> Rights<N> {
    Rights { places, ..Rights::NONE }
}

/// Rights of all sorts, at 5,000: of which ones move, and which are carried into the next session.
fn of_all_sorts() -> Rights<8> {
    rights([
        Some(right(1)),
        Some(Right { until: Some(Mono(5_001)), ..right(2) }),
        Some(Right { until: Some(Mono(5_000)), ..right(3) }),
        Some(Right { gone: true, ..right(4) }),
        Some(Right { pair: true, ..right(5) }),
        Some(Right { carried: true, ..right(6) }),
        Some(Right { rights: 0, told: 1, ..right(7) }),
        Some(Right { rights: ALL, subscribed: true, sent: 7, until: Some(Mono(8_500)), ..right(8) }),
    ])
}

fn moved(rights: &Rights<8>) -> Vec<(u8, u16, bool, u32, u64)> {
    let fields = |right: Granted| {
        let Granted { coordinate, rights, subscribed, seconds, version } = right;
        (coordinate.0[0], rights, subscribed, seconds, version)
    };
    rights.granted(Mono(5_000)).map(fields).collect()
}

// shows: IACP-147 (§6.4.4)
#[test]
fn what_was_granted_here_and_lasts_moves_with_the_session() {
    // A part of a second counts as one.
    let expected = [(1, READ, false, 0, 0), (2, READ, false, 1, 0), (8, ALL, true, 4, 7)];
    assert_eq!(moved(&of_all_sorts()), expected);
}

#[test]
fn a_session_goes_on_with_the_rights_of_the_earlier_one_once_they_are_granted_again() {
    let mut rights = Rights::<8>::NONE;
    rights.grant(Mono(0), at(2), WRITE, 0).expect("room");
    rights.carry(Mono(5_000), &of_all_sorts());
    let carried =
        |rights: &Rights<8>| rights.all().map(|right| (right.coordinate.0[0], right.carried)).collect::<Vec<_>>();
    assert_eq!(carried(&rights), [(2, false), (1, true), (6, true), (8, true)], "what was granted anew stays");
    assert!(!rights.may_read(Mono(5_000), &at(1)), "nothing is served before its GRANT");
    assert_eq!(rights.to_regrant(Mono(5_000)), Some((at(1), READ, 0)));
    rights.regranted(&at(1));
    assert!(rights.may_read(Mono(5_000), &at(1)));
    assert_eq!(rights.to_regrant(Mono(5_000)), Some((at(6), READ, 0)));
    rights.regranted(&at(6));
    assert_eq!(rights.to_regrant(Mono(7_501)), Some((at(8), ALL, 1)));
    assert_eq!(rights.to_regrant(Mono(8_500)), None, "it has ended meanwhile");
    assert_eq!(carried(&rights), [(2, false), (1, false), (6, false)]);
    let mut rights = Rights::<8>::NONE;
    rights.grant(Mono(0), at(2), WRITE, 0).expect("room");
    rights.carry(Mono(5_000), &of_all_sorts());
    rights.forget_carried();
    assert_eq!(carried(&rights), [(2, false)], "the session continues no other");
    let mut full = rights_of_one();
    full.carry(Mono(5_000), &Rights::<1> { places: [Some(right(1))], ..Rights::NONE });
    assert_eq!(full.all().count(), 1, "there is no room");
}

fn rights_of_one() -> Rights<1> {
    rights([Some(right(9))])
}

#[test]
fn a_right_that_has_come_from_another_host_is_what_it_was_there() {
    let granted = Granted { coordinate: at(1), rights: ALL, subscribed: true, seconds: 3, version: 7 };
    let gone_on = |granted: Granted, is_here| {
        let mut rights = Rights::<1>::NONE;
        rights.go_on(Mono(5_000), &granted, is_here);
        let [place] = rights.places;
        place.expect("there is room")
    };
    let until = Some(Mono(8_000));
    let expected = Right { rights: ALL, until, subscribed: true, sent: 7, ..Right::to(at(1)) };
    assert_eq!(gone_on(granted, true), expected);
    assert_eq!(gone_on(Granted { seconds: 0, ..granted }, true), Right { until: None, ..expected });
    assert_eq!(gone_on(Granted { subscribed: false, ..granted }, true), Right { subscribed: false, ..expected });
    for rights in [READ, SUBSCRIBE, WRITE, READ | WRITE] {
        assert!(!gone_on(Granted { rights, ..granted }, true).subscribed, "it may not subscribe: {rights}");
    }
    assert_eq!(gone_on(granted, false), Right { gone: true, ..Right::to(at(1)) }, "its endpoint has not come");
    let mut twice = Rights::<2>::NONE;
    twice.go_on(Mono(5_000), &granted, true);
    twice.go_on(Mono(5_000), &Granted { rights: READ, ..granted }, true);
    assert_eq!(twice.places, [Some(expected), None], "one right to each endpoint");
    twice.go_on(Mono(5_000), &Granted { coordinate: at(2), ..granted }, true);
    twice.go_on(Mono(5_000), &Granted { coordinate: at(3), ..granted }, true);
    assert!(twice.has(&at(2)) && !twice.has(&at(3)), "there is no room");
}

#[test]
fn an_endpoint_that_ends_is_owed_to_those_that_had_a_right_here() {
    let mut rights = of_all_sorts();
    for byte in [1, 5, 6] {
        rights.erased(&at(byte));
    }
    assert_eq!([1, 2, 4, 5, 6].map(|byte| rights.owes_end(&at(byte))), [true, false, true, true, false]);
    assert_eq!([1, 5, 6].map(|byte| rights.has(&at(byte))), [false, true, false], "the pair's stays");
    assert_eq!([1, 5, 6, 9].map(|byte| rights.concerns(&at(byte))), [true, true, false, false]);
    assert_eq!([1, 9].map(|byte| rights.has_place(&at(byte))), [true, true], "one is free again");
    let full = rights_of_one();
    assert!(full.has_place(&at(9)) && !full.has_place(&at(1)));
}

#[test]
fn the_right_of_a_pair_owes_something_while_its_endpoint_is_there() {
    let mut slots = [EndpointSlot::EMPTY; 2];
    let mut endpoints = Endpoints::new(Eid([7; 32]), &mut slots);
    let door = endpoints.create::<ChaChaOnly>(b"door", EndpointFlags::default()).expect("room");
    assert!(!Rights::<1>::NONE.may_owe(&endpoints));
    assert!(rights_of_one().may_owe(&endpoints), "a right of its own");
    let mut pair = Rights::<1>::NONE;
    pair.pair(door).expect("room");
    assert!(pair.may_owe(&endpoints));
    assert_eq!(pair.pair(door), Err(EndpointError::Capacity));
    assert_eq!(pair.update(Mono(0), Reach::Link, &endpoints), Some(Due::Value(door)), "it need not subscribe");
    endpoints.erase(&door);
    assert!(!pair.may_owe(&endpoints));
}

/// The key of a group's epoch: which members have it, and when the right to it ends.
// shows: IACP-149 (§6.4.4)
#[test]
fn a_key_is_held_that_was_told_in_the_running_epoch() {
    let mut slots = [EndpointSlot::EMPTY; 2];
    let mut endpoints = Endpoints::new(Eid([7; 32]), &mut slots);
    let sealed = EndpointFlags { sealed: true, ..EndpointFlags::default() };
    let door = endpoints.create::<ChaChaOnly>(b"door", sealed).expect("room");
    for (epoch, told, holds) in [(0, 0, false), (0, 2, false), (2, 0, false), (2, 1, false), (2, 2, true)] {
        endpoints.find_mut(&door).expect("it is there").set_epoch(epoch);
        let place = |trusted| Some(Right { coordinate: door, told, trusted, ..right(1) });
        let member = rights([place(true), None]);
        assert_eq!(member.holds_key(endpoints.find(&door).expect("it is there")), holds, "{told} in {epoch}");
        assert_eq!(member.left(Mono(0), &endpoints, false), None);
        assert_eq!(member.left(Mono(0), &endpoints, true).is_some(), holds, "its session has ended");
        let former = rights([place(false), None]);
        assert_eq!(former.left(Mono(0), &endpoints, false).is_some(), holds);
        let other = rights([None, Some(Right { told, ..right(1) })]);
        assert!(!other.holds_key(endpoints.find(&door).expect("it is there")), "another endpoint's");
    }
    let until = |told, until| Some(Right { told, until: Some(Mono(until)), ..right(1) });
    let keys = rights([until(0, 100), until(1, 300), until(1, 200), Some(Right { told: 1, ..right(1) })]);
    for (now, due) in [(0, Some(200)), (199, Some(200)), (200, Some(300)), (299, Some(300)), (300, None)] {
        assert_eq!(keys.due(Mono(now)), due.map(Mono), "at {now}");
    }
}

#[test]
fn a_place_is_free_when_nothing_is_granted_and_nothing_owed() {
    for (rights, gone, told, is_empty) in
        [(0, false, 0, true), (READ, false, 0, false), (0, true, 0, false), (0, false, 1, false)]
    {
        assert_eq!(Right { rights, gone, told, ..right(1) }.is_empty(), is_empty);
    }
    assert_eq!([1, 999, 1_000, 1_001].map(|left| seconds_left(Mono(7), Mono(7 + left))), [1, 1, 1, 2]);
    assert_eq!(seconds_left(Mono(7), Mono(7)), 0);
}

/// The rights that count: those to read, subscribe and write, and only that to write without the one to read.
#[test]
fn a_grant_gives_the_rights_that_have_a_meaning() {
    for (asked, given) in
        [(READ, READ), (ALL, ALL), (SUBSCRIBE | WRITE, WRITE), (0xfff8, 0), (0xffff, ALL), (SUBSCRIBE, 0)]
    {
        let mut rights = Rights::<1>::NONE;
        rights.grant(Mono(5_000), at(1), asked, 2).expect("room");
        let given = (given != 0).then(|| Right { rights: given, until: Some(Mono(7_000)), ..Right::to(at(1)) });
        assert_eq!(rights.places, [given], "{asked:#x}");
    }
    // A change keeps the subscription only with its right.
    for (asked, subscribed) in [(READ | SUBSCRIBE, true), (READ, false)] {
        let mut rights = rights([Some(Right { rights: ALL, subscribed: true, carried: true, ..right(1) })]);
        rights.grant(Mono(5_000), at(1), asked, 0).expect("its place");
        assert_eq!(rights.places, [Some(Right { rights: asked, subscribed, ..Right::to(at(1)) })]);
    }
}
