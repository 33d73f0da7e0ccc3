//! Endpoints, the rights to them, and group keys (`IACP §6.1`, `IACP §6.4.4`).

mod groups;

use iacp_core::crypto::{Portable, Suite};
use iacp_core::pss::shared::endpoint::{EndpointError, EndpointFlags, exclusive_tag, pair_tag};
use iacp_core::pss::shared::frame::{Contract, GroupKey, MalformedFrame, Op, Status, Update};
use iacp_core::pss::shared::right::{Due, OPS_A_SECOND, PeerEndpoint, READ, SUBSCRIBE, Served, WRITE};
use iacp_core::pss::shared::{Coordinate, EndpointSlot, Endpoints, Reach, Rights};
use iacp_core::time::Mono;
use iacp_wire::Eid;
use sha2::{Digest, Sha256};

const OWNER: Eid = Eid([7; 32]);
const AT: Coordinate = Coordinate([0x22; 32]);
const PUBLIC: (Reach, Reach) = (Reach::Public, Reach::Public);
const GLOBAL: EndpointFlags = EndpointFlags { global: true, bridged: false, sealed: false };

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| u8::try_from(digit).expect("small")).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn at() -> String {
    "22".repeat(32)
}

// shows: IACP-143 (§6.4.1)
#[test]
fn kind_1_is_written_as_drawn() {
    let value = Update { coordinate: AT, version: 9, value: Some(b"abc"), sealed: true };
    let gone = Update { value: None, sealed: false, ..value };
    for (update, golden) in [
        (value, hex(&format!("01 01 0000 {} 0000000000000009 616263", at()))),
        (gone, hex(&format!("02 00 0000 {} 0000000000000009", at()))),
    ] {
        let mut out = [0; 879];
        let length = update.write(&mut out).expect("it fits");
        assert_eq!(out[..length], golden[..]);
        assert_eq!(Update::read(&golden), Ok(update));
        for length in 0..44 {
            assert_eq!(Update::read(&golden[..length]), Err(MalformedFrame));
        }
        assert_eq!(update.write(&mut out[..length - 1]), None);
    }
    for op in (0..=255).filter(|op| *op != 1 && *op != 2) {
        let mut other = hex(&format!("01 01 0000 {} 0000000000000009", at()));
        other[0] = op;
        assert_eq!(Update::read(&other), Err(MalformedFrame), "op {op}");
    }
    let with_value = hex(&format!("02 00 0000 {} 0000000000000009 00", at()));
    assert_eq!(Update::read(&with_value), Err(MalformedFrame), "GONE has no value");
    let long = [&hex(&format!("01 00 0000 {} 0000000000000009", at()))[..], &[0; 836]].concat();
    assert!(Update::read(&long[..879]).is_ok() && Update::read(&long).is_err(), "835 bytes at most");
}

// shows: IACP-143 (§6.4.1)
#[test]
fn kind_4_is_written_as_drawn() {
    let ops = [
        (Op::Grant { rights: 5, seconds: 60, tag: b"door" }, "01 000000", "0005 0000 0000003c 646f6f72"),
        (Op::Revoke, "02 000000", ""),
        (Op::Subscribe { known: 3 }, "03 000000", "0000000000000003"),
        (Op::Unsubscribe, "04 000000", ""),
        (Op::Read { request: 8 }, "05 000000", "00000008"),
        (Op::Write { request: 8, if_version: 2, value: b"x" }, "06 000000", "00000008 00000000 0000000000000002 78"),
        (Op::Result { request: 8, status: 38, version: 4 }, "07 000000", "00000008 0026 0000 0000000000000004"),
    ];
    for (op, head, rest) in ops {
        let contract = Contract { coordinate: AT, op };
        let golden = hex(&format!("{head} {} {rest}", at()));
        let mut out = [0; 879];
        let length = contract.write(&mut out).expect("it fits");
        assert_eq!(out[..length], golden[..]);
        assert_eq!(Contract::read(&golden), Ok(contract));
        // Cut or extended it is malformed, but where a tag or value ends.
        for length in 0..golden.len() {
            let cut = Contract::read(&golden[..length]);
            let open = match op {
                Op::Grant { .. } => length > 44,
                Op::Write { .. } => length >= 52,
                _ => false,
            };
            assert_eq!(cut.is_ok(), open, "{op:?} at {length}");
        }
        let longer = [&golden[..], &[0]].concat();
        assert_eq!(Contract::read(&longer).is_ok(), matches!(op, Op::Grant { .. } | Op::Write { .. }));
    }
    for op in (0..=255).filter(|op| !(1..=7).contains(op)) {
        let content = [&[op, 0, 0, 0][..], &[0x22; 32]].concat();
        assert_eq!(Contract::read(&content), Err(MalformedFrame), "op {op}");
    }
    let grant = |length| [&hex(&format!("01 000000 {} 0005 0000 0000003c", at()))[..], &vec![1; length]].concat();
    assert!(
        Contract::read(&grant(64)).is_ok() && Contract::read(&grant(65)).is_err() && Contract::read(&grant(0)).is_err()
    );
}

// shows: IACP-143 (§6.4.1)
#[test]
fn kind_2_is_written_as_drawn() {
    let key = [0x33; 32];
    for (content, golden) in [
        (
            GroupKey { coordinate: AT, epoch: 4, suite: Suite::Aes256Gcm, seconds: 60, key: Some(&key) },
            format!("01 01 0000 {} 0000000000000004 0000003c {}", at(), "33".repeat(32)),
        ),
        (
            GroupKey { coordinate: AT, epoch: 4, suite: Suite::ChaCha20Poly1305, seconds: 0, key: None },
            format!("02 02 0000 {} 0000000000000004 00000000", at()),
        ),
    ] {
        let golden = hex(&golden);
        let mut out = [0; GroupKey::LEN];
        let length = content.write(&mut out).expect("it fits");
        assert_eq!(out[..length], golden[..]);
        let read = GroupKey::read(&golden).expect("it is what was written");
        assert_eq!(
            (read.coordinate, read.epoch, read.suite, read.seconds, read.key),
            (AT, 4, content.suite, content.seconds, content.key)
        );
        assert!(
            (0..golden.len())
                .all(|length| length == 48 && content.key.is_none() || GroupKey::read(&golden[..length]).is_err())
        );
        assert!(GroupKey::read(&[&golden[..], &[0]].concat()).is_err());
        for suite in [0, 3, 255] {
            let mut other = golden.clone();
            other[1] = suite;
            assert!(GroupKey::read(&other).is_err());
        }
    }
    let mut content = [1; GroupKey::LEN];
    GroupKey::wipe(&mut content);
    assert_eq!(content, [0; GroupKey::LEN]);
}

fn slots() -> [EndpointSlot; 4] {
    [EndpointSlot::EMPTY; 4]
}

// shows: IACP-132 (§6.1.1)
#[test]
fn an_endpoint_is_found_by_the_hash_of_eid_and_tag_and_dies_with_its_eid() {
    let mut memory = slots();
    let mut endpoints = Endpoints::new(OWNER, &mut memory);
    let door = endpoints.create::<Portable>(b"door", GLOBAL).expect("there is room");
    assert_eq!(door.0[..], Sha256::digest([&OWNER.0[..], b"door"].concat())[..]);
    assert_eq!(endpoints.create::<Portable>(b"door", GLOBAL), Err(EndpointError::Exists));
    assert_eq!(endpoints.write(&door, 0, b"open sesame"), Ok(2));
    assert_eq!(endpoints.write(&door, 1, b"other"), Err(EndpointError::Version), "compare and set");
    assert_eq!(endpoints.write(&door, 2, b"shut"), Ok(3));
    assert_eq!(endpoints.find(&door).expect("it is there").value(), b"shut");
    assert_eq!(endpoints.write(&AT, 0, b"x"), Err(EndpointError::NotFound));
    for tag in [&b""[..], &[1; 65], b"IACP/1 pair\0", b"IACP/1 x"] {
        assert_eq!(endpoints.create::<Portable>(tag, GLOBAL), Err(EndpointError::Tag));
    }
    assert_eq!(endpoints.write(&door, 0, &[0; 836]), Err(EndpointError::TooLong));
    assert_eq!(endpoints.write(&door, 0, &[0; 835]), Ok(4));
    let sealed = EndpointFlags { sealed: true, ..GLOBAL };
    let sealed = endpoints.create::<Portable>(b"sealed", sealed).expect("there is room");
    assert_eq!(endpoints.write(&sealed, 0, &[0; 796]), Err(EndpointError::TooLong));
    assert_eq!(endpoints.write(&sealed, 0, &[0; 795]), Ok(2));
    for tag in [b"a", b"b"] {
        assert!(endpoints.create::<Portable>(tag, GLOBAL).is_ok());
    }
    assert_eq!(endpoints.create::<Portable>(b"c", GLOBAL), Err(EndpointError::Capacity));
    assert!(endpoints.erase(&door) && !endpoints.erase(&door));
    assert!(endpoints.find(&door).is_none());
    endpoints.write(&sealed, 0, b"a secret of the endpoint").expect("it is there");
    endpoints.erase_all();
    assert!(memory.iter().all(|slot| slot.version() == 0 && slot.value().is_empty() && slot.tag().is_empty()));
}

// shows: IACP-148 (§6.4.4)
#[test]
fn a_pair_has_its_own_tag_and_an_exclusive_one_the_sessions() {
    let mut memory = slots();
    let mut endpoints = Endpoints::new(OWNER, &mut memory);
    let peer = Eid([9; 32]);
    let tag = [&b"IACP/1 pair\0"[..], &[9; 32]].concat();
    assert_eq!(pair_tag(&peer)[..], tag[..]);
    let pair = endpoints.pair::<Portable>(&pair_tag(&peer)).expect("there is room");
    assert_eq!(pair, Coordinate::of::<Portable>(&OWNER, &tag));
    endpoints.write(&pair, 0, b"here").expect("it is ours");
    assert_eq!(endpoints.pair::<Portable>(&pair_tag(&peer)), Ok(pair), "it stays as it is");
    assert_eq!(endpoints.find(&pair).expect("it is there").value(), b"here");
    assert_ne!(endpoints.pair::<Portable>(&exclusive_tag(&[5; 32])), Ok(pair));
}

struct World {
    now: Mono,
    sequence: u64,
}

impl World {
    fn serve(&mut self, rights: &mut Rights<3>, endpoints: &mut Endpoints<'_>, at: Coordinate, op: Op<'_>) -> Served {
        self.sequence += 1;
        rights.serve(self.now, self.sequence, PUBLIC, &Contract { coordinate: at, op }, endpoints)
    }
}

const READING: Op<'_> = Op::Read { request: 1 };
const NO_ACCESS: Served = Served::Result { request: 1, status: Status::NoAccess, version: 0 };

// shows: IACP-147 (§6.4.4), IACP-168 (§8.6)
#[test]
fn nothing_is_served_without_a_right_and_absent_endpoints_look_the_same() {
    let mut memory = slots();
    let mut endpoints = Endpoints::new(OWNER, &mut memory);
    let door = endpoints.create::<Portable>(b"door", GLOBAL).expect("room");
    let mut rights = Rights::<3>::NONE;
    let mut world = World { now: Mono(0), sequence: 0 };
    let writing = Op::Write { request: 1, if_version: 9, value: b"x" };
    let mut refused = |rights: &mut Rights<3>, at| {
        assert_eq!(world.serve(rights, &mut endpoints, at, READING), NO_ACCESS);
        assert_eq!(world.serve(rights, &mut endpoints, at, writing), NO_ACCESS);
        assert_eq!(world.serve(rights, &mut endpoints, at, Op::Subscribe { known: 0 }), Served::Nothing);
        assert_eq!(rights.update(Mono(0), Reach::Host, &endpoints), None);
    };
    refused(&mut rights, door);
    refused(&mut rights, AT);
    // A right to what is not there gives nothing away either.
    rights.grant(Mono(0), AT, READ | SUBSCRIBE | WRITE, 0).expect("room");
    refused(&mut rights, AT);
    // The contract has ended.
    rights.grant(Mono(0), door, READ | SUBSCRIBE | WRITE, 0).expect("room");
    rights.end();
    refused(&mut rights, door);
    for (byte, right) in [(1, READ), (2, READ), (3, READ)] {
        rights.grant(Mono(0), Coordinate([byte; 32]), right, 0).expect("room");
    }
    assert_eq!(rights.grant(Mono(0), door, READ, 0), Err(EndpointError::Capacity));
}

#[test]
fn rights_are_what_was_granted_and_end_by_time_and_by_order() {
    let mut memory = slots();
    let mut endpoints = Endpoints::new(OWNER, &mut memory);
    let door = endpoints.create::<Portable>(b"door", GLOBAL).expect("room");
    let mut rights = Rights::<3>::NONE;
    let mut world = World { now: Mono(0), sequence: 0 };
    let write = |if_version| Op::Write { request: 1, if_version, value: b"new" };
    rights.grant(Mono(0), door, READ, 10).expect("room");
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, READING), Served::Value { request: 1, version: 1 });
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, write(0)), NO_ACCESS);
    world.serve(&mut rights, &mut endpoints, door, Op::Subscribe { known: 0 });
    assert_eq!(rights.update(world.now, Reach::Public, &endpoints), None, "it may read once, and not subscribe");
    world.now = Mono(9_999);
    assert!(rights.may_read(world.now, &door));
    assert_ne!(world.serve(&mut rights, &mut endpoints, door, READING), NO_ACCESS);
    world.now = Mono(10_000);
    assert!(!rights.may_read(world.now, &door));
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, READING), NO_ACCESS);
    rights.grant(world.now, door, WRITE, 0).expect("room");
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, READING), NO_ACCESS);
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, write(0)), Served::Changed { request: 1, version: 2 });
    let stale = Served::Result { request: 1, status: Status::Version, version: 0 };
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, write(1)), stale, "no version without a right to read");
    rights.grant(world.now, door, READ | WRITE, 0).expect("room");
    let stale = Served::Result { request: 1, status: Status::Version, version: 2 };
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, write(1)), stale);
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, write(2)), Served::Changed { request: 1, version: 3 });
    assert!(rights.revoke(&door) && !rights.revoke(&door));
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, write(0)), NO_ACCESS);
    // To subscribe without reading is no right.
    rights.grant(world.now, door, SUBSCRIBE, 0).expect("nothing is granted");
    assert!(!rights.revoke(&door));
    for op in [
        Op::Revoke,
        Op::Grant { rights: 7, seconds: 0, tag: b"door" },
        Op::Result { request: 1, status: 0, version: 1 },
    ] {
        assert_eq!(world.serve(&mut rights, &mut endpoints, door, op), Served::NotOurs);
    }
    assert!(!rights.may_read(world.now, &door), "a peer grants itself nothing");
}

#[test]
fn a_subscriber_gets_the_newest_value_at_once_and_none_of_those_between() {
    let mut memory = slots();
    let mut endpoints = Endpoints::new(OWNER, &mut memory);
    let door = endpoints.create::<Portable>(b"door", GLOBAL).expect("room");
    let mut rights = Rights::<3>::NONE;
    let mut world = World { now: Mono(0), sequence: 10 };
    rights.grant(Mono(0), door, READ | SUBSCRIBE, 0).expect("room");
    let subscribe = Op::Subscribe { known: 1 };
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, subscribe), Served::Nothing);
    let due = |rights: &Rights<3>, endpoints: &Endpoints<'_>| rights.update(Mono(0), Reach::Public, endpoints);
    assert_eq!(due(&rights, &endpoints), None, "it has that version");
    // Three changes while its window is full: one value.
    (0..3).for_each(|_| _ = endpoints.write(&door, 0, b"new"));
    assert_eq!(due(&rights, &endpoints), Some(Due::Value(door)));
    rights.sent(Due::Value(door), 4);
    assert_eq!(due(&rights, &endpoints), None);
    // An older UNSUBSCRIBE comes late, and the SUBSCRIBE after it stands.
    let late = Contract { coordinate: door, op: Op::Unsubscribe };
    for sequence in [11, 5] {
        assert_eq!(rights.serve(Mono(0), sequence, PUBLIC, &late, &mut endpoints), Served::Nothing);
        endpoints.write(&door, 0, b"newer").expect("it is there");
        assert_eq!(due(&rights, &endpoints), Some(Due::Value(door)));
    }
    assert_eq!(rights.serve(Mono(0), 12, PUBLIC, &late, &mut endpoints), Served::Nothing);
    assert_eq!(due(&rights, &endpoints), None);
    // What was erased is told once.
    endpoints.erase(&door);
    rights.erased(&door);
    assert_eq!(due(&rights, &endpoints), Some(Due::Gone(door)));
    rights.sent(Due::Gone(door), 0);
    assert_eq!(due(&rights, &endpoints), None);
    let mut seen = PeerEndpoint::default();
    assert!(
        seen.take(1, 3) && !seen.take(2, 3) && !seen.take(3, 2) && seen.take(4, 4),
        "versions rise at the receiver"
    );
    assert!(seen.gone(9) && !seen.gone(8) && !seen.take(7, 6), "what was sealed before the end does not come back");
    assert!(seen.take(10, 1), "after the end versions begin anew");
    // Made and granted anew before the peer was told of the end: first the end, and the new right stays.
    rights.grant(Mono(0), door, READ | SUBSCRIBE, 0).expect("room");
    rights.erased(&door);
    assert_eq!(endpoints.create::<Portable>(b"door", GLOBAL), Ok(door));
    rights.grant(Mono(0), door, READ | SUBSCRIBE, 0).expect("room");
    assert_eq!(due(&rights, &endpoints), Some(Due::Gone(door)));
    rights.sent(Due::Gone(door), 0);
    assert!(rights.may_read(Mono(0), &door));
}

/// The attack *local point reached from outside*.
// shows: IACP-134 (§6.1.2)
#[test]
fn a_local_point_answers_host_and_link_only_by_the_wider_of_frame_and_home() {
    let reaches = [Reach::Host, Reach::Link, Reach::Public];
    for flags in [(false, false), (true, false), (false, true)] {
        let mut memory = slots();
        let mut endpoints = Endpoints::new(OWNER, &mut memory);
        let flags = EndpointFlags { global: flags.0, bridged: flags.1, sealed: false };
        let door = endpoints.create::<Portable>(b"door", flags).expect("room");
        let mut rights = Rights::<3>::NONE;
        rights.grant(Mono(0), door, READ | SUBSCRIBE | WRITE, 0).expect("room");
        let subscribe = Contract { coordinate: door, op: Op::Subscribe { known: 0 } };
        rights.serve(Mono(0), 1, (Reach::Host, Reach::Host), &subscribe, &mut endpoints);
        for frame in reaches {
            for home in reaches {
                let near = frame != Reach::Public && home != Reach::Public;
                let read = Contract { coordinate: door, op: READING };
                let served = rights.serve(Mono(0), 2, (frame, home), &read, &mut endpoints);
                let opens = near || flags.global || flags.bridged;
                assert_eq!(served != NO_ACCESS, opens, "{flags:?} {frame:?} {home:?}");
                let rests = home == Reach::Public && !flags.global && !flags.bridged;
                assert_eq!(rights.update(Mono(0), home, &endpoints).is_none(), rests, "grants rest until it is back");
            }
        }
    }
}

#[test]
fn more_than_64_ops_a_second_are_refused() {
    let mut memory = slots();
    let mut endpoints = Endpoints::new(OWNER, &mut memory);
    let door = endpoints.create::<Portable>(b"door", GLOBAL).expect("room");
    let mut rights = Rights::<3>::NONE;
    rights.grant(Mono(0), door, READ | WRITE, 0).expect("room");
    let mut world = World { now: Mono(5_000), sequence: 0 };
    for _ in 0..OPS_A_SECOND {
        assert_eq!(world.serve(&mut rights, &mut endpoints, door, READING), Served::Value { request: 1, version: 1 });
    }
    let capacity = Served::Result { request: 1, status: Status::Capacity, version: 0 };
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, READING), capacity);
    let write = Op::Write { request: 1, if_version: 0, value: b"x" };
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, write), capacity);
    assert_eq!(endpoints.find(&door).expect("it is there").version(), 1, "nothing has changed");
    world.now = Mono(6_000);
    assert_ne!(world.serve(&mut rights, &mut endpoints, door, READING), capacity);
}
