//! Between hosts: what stands in ERP_STREAM, what a router or relay carries, and for whom (`IACP §4.2.3.4`, `IACP App.
//! A.14`, `IACP App. A.15`).

use std::net::{IpAddr, SocketAddr};

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::deflect::{self, MOST, Onward, SENT, Stopped, step};
use iacp_core::erp::stream::{
    Arrival, CARRIED, CONTENT, DATAGRAM, HEAD, NotCarried, OUTER, SEALING, Way, content_limit,
};
use iacp_core::erp::transit::{Carriage, Carrier, GRANT_AWAITED, Grant};
use iacp_core::identity::Identity;
use iacp_core::scope::Scope;
use iacp_core::time::Mono;
use iacp_wire::message::{PathRelay, TransitGrant};
use iacp_wire::{Eid, Frame, Locator, Message, MessageType, TransitToken};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

const SOURCE: Eid = Eid([1; 32]);
const DESTINATION: Eid = Eid([2; 32]);

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A frame of a session, of which only the first bytes matter here.
fn inner(code: u8) -> Vec<u8> {
    vec![0x10 | code >> 4, code << 4, 0, 0]
}

fn stream_of(source: &Eid, destination: &Eid, inner: &[u8]) -> Vec<u8> {
    let mut out = [0; DATAGRAM];
    let length = iacp_core::erp::stream::write(source, destination, 7, inner, &mut out).expect("there is room");
    out[..length].to_vec()
}

fn stream(code: u8) -> Vec<u8> {
    stream_of(&SOURCE, &DESTINATION, &inner(code))
}

fn deflected(target: &str, ttl: u8, carried: &[u8]) -> Vec<u8> {
    let mut out = [0; DATAGRAM];
    let length = deflect::write(at(target), ttl, carried, &mut out).expect("there is room");
    out[..length].to_vec()
}

fn relayed(path: u8, carried: &[u8]) -> Vec<u8> {
    let mut out = [0; DATAGRAM];
    let head = PathRelay { path, reserved: [0; 3] };
    let frame = Frame::new(Message::PathRelay { head: &head, inner: carried });
    let length = frame.write(&mut out).expect("there is room");
    out[..length].to_vec()
}

fn host(seed: u8) -> Identity<Portable> {
    Identity::from_seed(&Secret32::new([seed; 32]))
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn outer(grant: &mut Grant, now: Mono, carried: &[u8]) -> Vec<u8> {
    let mut out = [0; DATAGRAM];
    let length = grant.wrap(now, &host(5), carried, &mut out).expect("there is room");
    out[..length].to_vec()
}

fn refusal(datagram: &[u8]) -> NotCarried {
    Arrival::read(datagram).expect_err("it is refused")
}

#[test]
fn one_limit_holds_for_every_way_that_a_frame_may_take() {
    assert_eq!((OUTER, CARRIED, HEAD, SEALING, CONTENT), (132, 24, 76, 89, 879));
    assert_eq!(content_limit(1_200), Some(879));
    assert_eq!(content_limit(9_000), Some(879), "receivers take 1,200 and no more");
    assert_eq!(content_limit(1_199), Some(878));
    assert_eq!(content_limit(0), None);
    // The longest sealed frame, by every way, fits the datagram.
    let longest = stream_of(&SOURCE, &DESTINATION, &[&inner(0x0B)[..], &vec![0; CONTENT + SEALING - 4]].concat());
    let mut grant = Grant::new(at("198.51.100.9:4227"), Locator::ZERO);
    assert_eq!(outer(&mut grant, Mono(0), &deflected("192.0.2.7:4227", 4, &longest)).len(), DATAGRAM);
    assert!(outer(&mut grant, Mono(0), &relayed(2, &longest)).len() < DATAGRAM);
}

// shows: IACP-080 (§4.2.3.4)
#[test]
fn frames_stand_in_one_another_in_five_ways_and_no_other() {
    let (data, mut grant) = (stream(0x0B), Grant::new(at("198.51.100.9:4227"), Locator::ZERO));
    let by_router = deflected("192.0.2.7:4227", 4, &data);
    let by_relay = relayed(3, &data);
    let by_grant = outer(&mut grant, Mono(0), &by_router);
    let relay_by_grant = outer(&mut grant, Mono(0), &by_relay);
    for (datagram, offset, has_outer, carried) in [
        (&data, 76, false, false),
        (&by_router, 100, false, true),
        (&by_relay, 84, false, true),
        (&by_grant, 232, true, true),
        (&relay_by_grant, 216, true, true),
    ] {
        let arrival = Arrival::read(datagram).expect("a way that is allowed");
        assert_eq!(arrival.inner_offset(), offset);
        assert_eq!(datagram[offset..], inner(0x0B)[..]);
        assert_eq!((arrival.outer.is_some(), arrival.way.is_carried()), (has_outer, carried));
        assert_eq!(arrival.stream, data, "a carrier sends the very bytes on");
        assert_eq!((arrival.head.source_eid, arrival.head.destination_eid), (SOURCE, DESTINATION));
        assert_eq!(arrival.inner, MessageType::PssDataStream);
    }
    assert_eq!(Arrival::read(&by_relay).expect("allowed").way, Way::Relayed { path: 3 });
    let nested = [
        outer(&mut grant, Mono(0), &data),
        outer(&mut grant, Mono(0), &by_grant),
        deflected("192.0.2.7:4227", 4, &by_router),
        deflected("192.0.2.7:4227", 4, &by_relay),
        deflected("192.0.2.7:4227", 4, &by_grant),
        relayed(2, &by_router),
        relayed(2, &by_relay),
        deflected("192.0.2.7:4227", 4, &inner(0x0B)),
    ];
    for (case, datagram) in nested.iter().enumerate() {
        assert!(matches!(refusal(datagram), NotCarried::Nesting | NotCarried::Malformed), "nesting {case} is refused");
    }
    // A session header would move what is inside by eight bytes.
    for (at, datagram) in
        [(0, &data), (0, &by_router), (24, &by_router), (0, &by_relay), (8, &by_relay), (132, &by_grant)]
    {
        let mut flagged = datagram.clone();
        flagged[at + 1] |= 1;
        assert!(Arrival::read(&flagged).is_err(), "SESSION at {at}");
        flagged.splice(at + 4..at + 4, [9; 8]);
        let length = u16::from_be_bytes([flagged[at + 2], flagged[at + 3]]) + 8;
        flagged[at + 2..at + 4].copy_from_slice(&length.to_be_bytes());
        assert!(Arrival::read(&flagged).is_err(), "a session header at {at}");
    }
    for path in [0, 1, 4, 255] {
        assert_eq!(refusal(&relayed(path, &data)), NotCarried::Path);
    }
    for length in 0..by_grant.len() - 4 {
        assert!(Arrival::read(&by_grant[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn only_frames_of_sessions_stand_inside_and_handshakes_are_not_carried() {
    let mut grant = Grant::new(at("198.51.100.9:4227"), Locator::ZERO);
    for code in 0..=u8::MAX {
        let datagram = stream(code);
        let carried = [
            deflected("192.0.2.7:4227", 4, &datagram),
            relayed(2, &datagram),
            outer(&mut grant, Mono(0), &relayed(2, &datagram)),
        ];
        match code {
            0x0B | 0x0C => {
                assert!(Arrival::read(&datagram).is_ok());
                assert!(carried.iter().all(|carried| Arrival::read(carried).is_ok()));
            }
            0x08..=0x0A => {
                assert!(Arrival::read(&datagram).is_ok());
                for carried in &carried {
                    assert_eq!(refusal(carried), NotCarried::CarriedHandshake, "its cookie proves a direct address");
                }
            }
            _ => assert_eq!(refusal(&datagram), NotCarried::Inner, "type {code:#04x}"),
        }
    }
    assert_eq!(refusal(&stream_of(&SOURCE, &DESTINATION, &[])), NotCarried::Inner);
    assert_eq!(refusal(&stream_of(&SOURCE, &DESTINATION, &[0x10])), NotCarried::Inner);
    assert_eq!(refusal(&stream_of(&SOURCE, &DESTINATION, &[0x00, 0xB0, 0, 0])), NotCarried::Inner, "version 0");
    assert_eq!(refusal(&stream_of(&SOURCE, &SOURCE, &inner(0x0B))), NotCarried::SelfAddressed);
}

fn routed(datagram: &[u8], from: &str) -> Result<Onward, Stopped> {
    let own = [ip("198.51.100.9"), ip("10.0.0.9")];
    let arrival = Arrival::read(datagram).expect("well-formed");
    let router = |target: IpAddr| (target == ip("203.0.113.77")).then(|| at("203.0.113.1:9"));
    step(&arrival, at(from), |address| own.contains(&address), router)
}

#[test]
fn a_router_takes_one_off_before_it_sends_and_the_target_takes_what_arrives_with_none() {
    for ttl in 0..=u8::MAX {
        let elsewhere = routed(&deflected("192.0.2.7:4300", ttl, &stream(0x0B)), "203.0.113.5:1");
        let here = routed(&deflected("198.51.100.9:4227", ttl, &stream(0x0B)), "203.0.113.5:1");
        match ttl {
            0 => {
                assert_eq!(elsewhere, Err(Stopped::Expired));
                assert_eq!(here, Ok(Onward::Arrived));
            }
            1..=MOST => {
                assert_eq!(elsewhere, Ok(Onward::Next { to: at("192.0.2.7:4300"), ttl: ttl - 1 }));
                assert_eq!(here, Ok(Onward::Arrived));
            }
            _ => {
                assert_eq!(elsewhere, Err(Stopped::TtlTooHigh));
                assert_eq!(here, Err(Stopped::TtlTooHigh));
            }
        }
    }
}

// shows: IACP-158 (A.14)
#[test]
fn a_loop_of_routers_ends_by_its_ttl() {
    // Two routers whose configuration points at each other.
    let (mut ttl, mut hops) = (SENT, 0);
    let (mut from, mut own) = (at("203.0.113.1:9"), ip("203.0.113.2"));
    let third = at("203.0.113.3:9");
    while let Ok(Onward::Next { to, ttl: less }) = {
        let datagram = deflected("192.0.2.7:4227", ttl, &stream(0x0C));
        let arrival = Arrival::read(&datagram).expect("well-formed");
        step(&arrival, from, |address| address == own, |_| Some(if own == third.ip() { from } else { third }))
    } {
        (from, own, ttl, hops) = (SocketAddr::new(own, 9), to.ip(), less, hops + 1);
        assert!(hops <= usize::from(SENT), "a frame never takes more hops than its TTL");
    }
}

#[test]
fn a_router_goes_neither_back_nor_to_itself_nor_into_a_narrower_network() {
    let deflect = |target: &str| deflected(target, 4, &stream(0x0B));
    assert_eq!(routed(&deflect("203.0.113.5:4227"), "203.0.113.5:1"), Err(Stopped::Back));
    assert_eq!(routed(&deflect("[::ffff:203.0.113.5]:4227"), "203.0.113.5:1"), Err(Stopped::Back));
    for inside in ["10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "127.0.0.1", "0.0.0.0", "169.254.0.1"] {
        let target = format!("{inside}:4227");
        assert_eq!(routed(&deflect(&target), "203.0.113.5:1"), Err(Stopped::Scope), "{inside}");
        let mapped = format!("[::ffff:{inside}]:4227");
        assert_eq!(routed(&deflect(&mapped), "203.0.113.5:1"), Err(Stopped::Scope), "{mapped}");
    }
    for inside in ["[64:ff9b::10.0.0.1]:1", "[::10.0.0.1]:1", "[2002:0a00:0001::1]:1", "[fec0::1]:1"] {
        assert_eq!(routed(&deflect(inside), "203.0.113.5:1"), Err(Stopped::Scope), "{inside}: IPv4 inside IPv6");
    }
    for inside in ["[::1]:1", "[::]:1", "[fe80::1]:1", "[fd00::1]:1", "[ff02::1]:1", "255.255.255.255:1", "224.0.0.1:1"]
    {
        assert_eq!(routed(&deflect(inside), "203.0.113.5:1"), Err(Stopped::Scope), "{inside}");
    }
    // Within one site a router serves its neighbours, and from inside it leads outside.
    let next = |to: &str| Ok(Onward::Next { to: at(to), ttl: 3 });
    assert_eq!(routed(&deflect("10.0.0.1:4227"), "10.0.0.2:1"), next("10.0.0.1:4227"));
    assert_eq!(routed(&deflect("192.0.2.7:4227"), "10.0.0.2:1"), next("192.0.2.7:4227"));
    // Behind a configured router.
    assert_eq!(routed(&deflect("203.0.113.77:4227"), "10.0.0.2:1"), next("203.0.113.1:9"));
    assert_eq!(routed(&deflect("203.0.113.77:4227"), "203.0.113.1:1"), Err(Stopped::Back));
    assert_eq!(routed(&relayed(2, &stream(0x0B)), "203.0.113.5:1"), Err(Stopped::NotDeflected));
    assert!(Scope::Host < Scope::Link && Scope::Link < Scope::Site && Scope::Site < Scope::World);
}

struct Asking {
    carrier: Carrier,
    grant: Grant,
    carried: Vec<u8>,
}

const CARRIER: &str = "198.51.100.9:4227";
const HOME: &str = "203.0.113.5:4227";

fn asking() -> Asking {
    let destination = Locator::from(ip("192.0.2.7"));
    Asking {
        carrier: Carrier::new(Mono(0), &mut rng(1)),
        grant: Grant::new(at(CARRIER), destination),
        carried: deflected("192.0.2.7:4227", 4, &stream(0x0B)),
    }
}

fn judge(carrier: &Carrier, from: &str, datagram: &[u8], destination: &str) -> Carriage {
    let arrival = Arrival::read(datagram).expect("well-formed");
    let outer = arrival.outer.expect("an Outer Transport Header");
    carrier.judge::<Portable>(&host(9).eid(), at(from), datagram, &outer, &Locator::from(ip(destination)))
}

fn granted(asking: &mut Asking, now: Mono) -> (Vec<u8>, TransitGrant) {
    let first = outer(&mut asking.grant, now, &asking.carried);
    match judge(&asking.carrier, HOME, &first, "192.0.2.7") {
        Carriage::Grant(grant) => (first, grant),
        other => panic!("{other:?}"),
    }
}

// shows: IACP-157 (A.15)
#[test]
fn a_carrier_carries_for_a_host_that_has_shown_its_address() {
    let mut asking = asking();
    assert!(!asking.grant.holds(Mono(0)));
    let (first, grant) = granted(&mut asking, Mono(0));
    assert!(TransitGrant::LEN + 4 < first.len(), "a grant is shorter than what it answers: it amplifies nothing");
    assert_eq!(asking.grant.take(Mono(5), at(CARRIER), &grant), Some(at(HOME)), "it tells the outer address, too");
    assert!(asking.grant.holds(Mono(5)));
    let second = outer(&mut asking.grant, Mono(6), &asking.carried);
    assert_eq!(judge(&asking.carrier, HOME, &second, "192.0.2.7"), Carriage::Carry);
    assert!(asking.grant.holds(Mono(600_004)) && !asking.grant.holds(Mono(600_005)));
}

#[test]
fn a_stolen_transit_token_serves_no_other_address_port_host_or_destination() {
    let mut asking = asking();
    let (_, grant) = granted(&mut asking, Mono(0));
    asking.grant.take(Mono(5), at(CARRIER), &grant).expect("it echoes");
    let good = outer(&mut asking.grant, Mono(6), &asking.carried);
    let is_grant = |verdict| matches!(verdict, Carriage::Grant(_));
    assert!(is_grant(judge(&asking.carrier, "203.0.113.6:4227", &good, "192.0.2.7")), "another address");
    assert!(is_grant(judge(&asking.carrier, "203.0.113.5:4228", &good, "192.0.2.7")), "another port");
    assert!(is_grant(judge(&asking.carrier, HOME, &good, "192.0.2.8")), "another destination");
    // Another host that has seen the token signs with its own key.
    let mut stolen = good.clone();
    stolen[36..68].copy_from_slice(&host(6).eid().0);
    assert!(is_grant(judge(&asking.carrier, HOME, &stolen, "192.0.2.7")), "another LII");
    // The right token on bytes that its owner has not signed: silence, and no second datagram.
    for byte in (68..132).chain([140, 160, 200, good.len() - 1]) {
        let mut altered = good.clone();
        altered[byte] ^= 1;
        if let Ok(Arrival { outer: Some(_), .. }) = Arrival::read(&altered) {
            assert_eq!(judge(&asking.carrier, HOME, &altered, "192.0.2.7"), Carriage::Silence, "byte {byte}");
        }
    }
    // Every bit of token and Transit-ID counts.
    for byte in 2..36 {
        let mut altered = good.clone();
        altered[byte] ^= 0x80;
        assert!(is_grant(judge(&asking.carrier, HOME, &altered, "192.0.2.7")), "byte {byte}");
    }
}

#[test]
fn tokens_end_with_their_secrets() {
    let mut asking = asking();
    let (_, grant) = granted(&mut asking, Mono(0));
    asking.grant.take(Mono(5), at(CARRIER), &grant).expect("it echoes");
    let good = outer(&mut asking.grant, Mono(6), &asking.carried);
    let mut random = rng(2);
    asking.carrier.rotate(Mono(599_999), &mut random);
    assert_eq!(judge(&asking.carrier, HOME, &good, "192.0.2.7"), Carriage::Carry);
    asking.carrier.rotate(Mono(600_000), &mut random);
    assert_eq!(judge(&asking.carrier, HOME, &good, "192.0.2.7"), Carriage::Carry, "600 s and 600 s more");
    asking.carrier.rotate(Mono(1_200_000), &mut random);
    assert!(matches!(judge(&asking.carrier, HOME, &good, "192.0.2.7"), Carriage::Grant(_)));
    // A carrier that nothing asked for long takes no token of then, and a cloned one none at all.
    let mut late = Carrier::new(Mono(0), &mut rng(1));
    late.rotate(Mono(1_200_000), &mut random);
    assert!(matches!(judge(&late, HOME, &good, "192.0.2.7"), Carriage::Grant(_)));
    let mut cloned = Carrier::new(Mono(0), &mut rng(1));
    assert_eq!(judge(&cloned, HOME, &good, "192.0.2.7"), Carriage::Carry);
    cloned.renew(Mono(1), &mut random);
    assert!(matches!(judge(&cloned, HOME, &good, "192.0.2.7"), Carriage::Grant(_)));
}

#[test]
fn forged_late_and_repeated_grants_are_not_taken() {
    let mut asking = asking();
    let (_, grant) = granted(&mut asking, Mono(0));
    let before = asking.grant;
    let forged = [
        TransitGrant { answered_digest: iacp_wire::RefusedDigest([0; 8]), ..grant },
        TransitGrant { destination_ip: Locator::ZERO, ..grant },
    ];
    for forged in &forged {
        assert_eq!(asking.grant.take(Mono(1), at(CARRIER), forged), None);
    }
    assert_eq!(asking.grant.take(Mono(1), at("198.51.100.8:4227"), &grant), None, "from elsewhere");
    assert_eq!(asking.grant.take(Mono(GRANT_AWAITED + 1), at(CARRIER), &grant), None, "too late");
    assert_eq!(asking.grant, before);
    assert!(asking.grant.take(Mono(GRANT_AWAITED), at(CARRIER), &grant).is_some());
    let taken = asking.grant;
    let other = TransitGrant { ip_transit_token: TransitToken([9; 32]), ..grant };
    assert_eq!(asking.grant.take(Mono(GRANT_AWAITED), at(CARRIER), &other), None, "one grant answers one datagram");
    assert_eq!(asking.grant, taken);
    // The longest lifetime overflows nothing.
    outer(&mut asking.grant, Mono(u64::MAX - 5), &asking.carried);
}
