//! Three paths toward an accused destination (`IACP §4.2.7.3`).

use std::net::SocketAddr;

use iacp_core::erp::multipath::{
    ACCOUNTS, Accounts, MISSING, NotRelayed, PathReport, REPORT, Relay, choose, relay, to_replace, write,
};
use iacp_core::erp::stream::{Arrival, Way};
use iacp_core::time::Mono;
use iacp_wire::message::OuterTransport;
use iacp_wire::{Eid, Frame, Message, Signature, TransitToken};

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn home() -> SocketAddr {
    at("192.0.2.1:4227")
}

fn by(path: u8) -> (Way<'static>, SocketAddr) {
    match path {
        1 => (Way::Direct, home()),
        path => (Way::Relayed { path }, at(&format!("198.51.100.{path}:4227"))),
    }
}

fn node(seed: u8, network: u64) -> Relay {
    Relay { node: Eid([seed; 32]), at: home(), network, accused: false, grants: true }
}

#[test]
fn two_relays_stand_in_two_networks_are_not_accused_and_grant_transit() {
    let accused = Relay { accused: true, ..node(1, 1) };
    let silent = Relay { grants: false, ..node(2, 2) };
    let (near, same, far) = (node(3, 3), node(4, 3), node(5, 5));
    assert_eq!(choose(&[accused, silent, near, same, far]), [Some(near), Some(far)], "nearest first");
    assert_eq!(choose(&[near, same]), [Some(near), None], "what there is");
    assert_eq!(choose(&[accused, silent]), [None, None]);
}

/// The attack *router or relay as cannon*.
#[test]
fn a_relay_sends_one_frame_for_one_frame_to_its_own_binding_and_never_back() {
    let mut stream = [0; 200];
    let length = iacp_core::erp::stream::write(&Eid([1; 32]), &Eid([2; 32]), 7, &[0x10, 0xB0, 0, 0], &mut stream);
    let stream = &stream[..length.expect("there is room")];
    let mut out = [0; 300];
    let length = write(2, stream, &mut out).expect("there is room");
    let bare = out[..length].to_vec();
    let head = OuterTransport {
        ip_transit_token: TransitToken::ZERO,
        ll_entity_instance_identifier: Eid([3; 32]),
        signature: Signature::ZERO,
    };
    let outer = Frame::new(Message::OuterTransport { transit_id: 0, head: &head, inner: &bare });
    let mut asked = [0; 500];
    let length = outer.write(&mut asked).expect("there is room");
    let asked = Arrival::read(&asked[..length]).expect("well-formed");
    let bound = |eid: &Eid| (*eid == Eid([2; 32])).then(|| at("203.0.113.9:4227"));
    assert_eq!(relay(&asked, home(), bound), Ok(at("203.0.113.9:4227")));
    assert_eq!(relay(&asked, home(), |_| None), Err(NotRelayed::NotBound));
    assert_eq!(relay(&asked, at("203.0.113.9:1"), bound), Err(NotRelayed::Back));
    let on_the_last_hop = Arrival::read(&bare).expect("well-formed");
    assert_eq!(relay(&on_the_last_hop, home(), bound), Err(NotRelayed::NotAsked), "a copy is not relayed twice");
    assert_eq!(on_the_last_hop.stream, stream, "the same bytes on every path");
}

#[test]
fn kind_6_is_written_as_drawn() {
    let report = PathReport { from: 3, to: 9, missing: [1, 2, 3], altered: [4, 5, 6] };
    let golden = [0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6, 0, 0, 0, 0];
    assert_eq!(report.to_bytes(), golden);
    assert_eq!(PathReport::read(&golden), Some(report));
    assert!((0..32).all(|length| PathReport::read(&golden[..length]).is_none()));
    assert_eq!(PathReport::read(&[&golden[..], &[0]].concat()), None);
    assert_eq!(PathReport::read(&PathReport { from: 10, ..report }.to_bytes()), None);
}

fn copy(accounts: &mut Accounts, now: u64, path: u8, sequence: u64, opened: bool) -> bool {
    let (way, from) = by(path);
    accounts.copy(Mono(now), &way, from, sequence, opened)
}

#[test]
fn the_earliest_copy_that_opens_is_the_first_and_later_ones_are_duplicates() {
    let mut accounts = Accounts::NONE;
    assert!(copy(&mut accounts, 0, 1, 1, true));
    assert!(!accounts.are_open(Mono(0)), "nothing is counted without a copy by a relay");
    assert!(copy(&mut accounts, 1, 2, 2, true));
    assert!(accounts.are_open(Mono(1)));
    for path in [1, 3, 2, 1] {
        assert!(!copy(&mut accounts, 2, path, 2, false), "an extra heartbeat answers none of them");
    }
    assert_eq!(accounts.report(Mono(60_000)), None, "all three have come");
    assert!(!accounts.are_open(Mono(1 + ACCOUNTS)));
}

#[test]
fn a_copy_is_late_for_two_seconds_and_only_of_its_own_frame() {
    let mut accounts = Accounts::NONE;
    assert!(copy(&mut accounts, 10, 2, 7, true));
    let late = |now: u64, sequence: u64| accounts.is_late_copy(Mono(now), sequence);
    assert_eq!([late(10, 7), late(10 + MISSING - 1, 7), late(10 + MISSING, 7)], [true, true, false]);
    assert!(!late(10, 8) && !late(10, 7 + 64), "another one, and one that would have its place");
}

#[test]
fn what_is_missing_or_altered_on_a_path_is_reported() {
    let mut accounts = Accounts::NONE;
    for sequence in 0..10 {
        assert!(copy(&mut accounts, sequence, 2, sequence, true));
        copy(&mut accounts, sequence, 1, sequence, false);
        // Path 3 loses every other one.
        if sequence % 2 == 0 {
            copy(&mut accounts, sequence, 3, sequence, false);
        }
    }
    assert_eq!(accounts.report(Mono(MISSING - 1)), None, "it may still come");
    let report = accounts.report(Mono(MISSING + 9)).expect("five are missing");
    assert_eq!((report.missing, report.altered), ([0, 0, 5], [0, 0, 0]));
    assert_eq!((report.from, report.to), (1, 9));
    assert_eq!(to_replace(&report), Some(3));
    assert_eq!(accounts.report(Mono(MISSING + 9 + REPORT)), None, "each fault is told once");
    let (way, from) = by(2);
    accounts.altered(Mono(20_000), &way, from, 12);
    let report = accounts.report(Mono(20_000)).expect("one is altered");
    assert_eq!((report.altered, report.from, report.to), ([0, 1, 0], 12, 12));
    accounts.altered(Mono(20_001), &way, from, 13);
    assert_eq!(accounts.report(Mono(20_000 + REPORT - 1)), None, "one report in 10 s");
    assert!(accounts.report(Mono(20_000 + REPORT)).is_some());
}

/// The attack *relay or stranger frames a path*.
#[test]
fn a_stranger_frames_no_path() {
    let mut accounts = Accounts::NONE;
    copy(&mut accounts, 0, 2, 1, true);
    for path in 1..=3 {
        let (way, _) = by(path);
        accounts.altered(Mono(1), &way, at("203.0.113.66:1"), 2);
    }
    // Path 1 has proven no source yet, so nothing counts against it, from home neither.
    accounts.altered(Mono(1), &Way::Direct, home(), 2);
    copy(&mut accounts, 2, 1, 1, false);
    copy(&mut accounts, 2, 3, 1, false);
    assert_eq!(accounts.report(Mono(MISSING)), None);
    // A relay that alters everything is seen; the direct path and the other relay are not.
    copy(&mut accounts, 3, 3, 2, true);
    let (way, from) = by(3);
    (0..9).for_each(|_| accounts.altered(Mono(4), &way, from, 3));
    let report = accounts.report(Mono(5)).expect("nine were altered");
    assert_eq!((report.altered, to_replace(&report)), ([0, 0, 9], Some(3)));
}

#[test]
fn only_a_relay_that_is_worse_than_every_other_path_is_replaced() {
    let of = |missing| to_replace(&PathReport { missing, ..PathReport::default() });
    assert_eq!(of([0, 1, 0]), Some(2));
    assert_eq!(of([0, 1, 1]), None);
    assert_eq!(of([5, 1, 0]), None, "the direct path is the worst");
    assert_eq!(of([5, 6, 65_535]), Some(3));
    assert_eq!(of([0, 0, 0]), None);
}

/// Long streams at high rates: memory is fixed, and what lost its place is not judged.
#[test]
fn more_sequences_than_places_make_no_false_reports() {
    let mut accounts = Accounts::NONE;
    for sequence in 0..10_000 {
        assert!(copy(&mut accounts, sequence / 100, 2, sequence, true));
        if sequence >= 70 {
            assert!(!copy(&mut accounts, sequence / 100, 1, sequence - 70, false));
        }
    }
    let late = accounts.report(Mono(101 + MISSING)).expect("of the last 64 two paths are missing");
    assert_eq!(late.missing, [64, 0, 64]);
    assert_eq!((late.from, late.to), (9_936, 9_999));
}
