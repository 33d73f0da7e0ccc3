//! The records of a docking blob, byte for byte: written by hand from PROFILE 33, read back, cut, lengthened and altered.

use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Secret32, Suite};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::dock::{
    Checked, Context, DockError, DockReason, Exporter, HEAD, NONE, OFFER, Offer, Record, RecordType, SessionRecord,
    Waiting,
};
use iacp_core::erp::resume::Line;
use iacp_core::erp::stream::CONTENT;
use iacp_core::identity::Identity;
use iacp_core::pss::ContentKind;
use iacp_core::time::UnixTime;
use iacp_wire::{Digest, Eid, Locator};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// A sealed frame of so many bytes of content: the header of a PSS_DATA_STREAM, and bytes that stay as they are.
fn sealed(content: usize, filling: u8) -> Vec<u8> {
    let length = 89 + content;
    let payload = u16::try_from(length - 4).expect("short").to_be_bytes();
    let mut frame = vec![0x10, 0xb0, payload[0], payload[1]];
    frame.resize(length, filling);
    frame
}

/// A session with two frames in its log, one taken above a hole, and two entries that wait.
fn session() -> Vec<u8> {
    let (two, four, eight) = (u16::to_be_bytes, u32::to_be_bytes, u64::to_be_bytes);
    let mut bytes = Vec::new();
    let mut put = |part: &[u8]| bytes.extend_from_slice(part);
    put(&[1; 32]); // peer
    put(&[2; 8]); // I-Cookie
    put(&[3; 8]); // R-Cookie
    put(&[2, 5, 0x07, 0]); // responder, RECONCILING, heard, HOLD and contract
    put(&four(0x1b)); // capabilities
    put(&four(4)); // sending generation
    put(&[5; 32]);
    put(&[6; 4]);
    put(&eight(7));
    put(&eight(NONE));
    put(&four(8)); // receiving generation
    put(&[9; 32]);
    put(&[10; 4]);
    put(&eight(11));
    put(&[12; 16]); // line
    put(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7]);
    put(&two(4_227));
    put(&[0; 2]);
    put(&four(1_500)); // in DISCONNECTED
    put(&four(30)); // rotation
    put(&four(60));
    put(&four(16));
    put(&two(0));
    put(&[0; 2]);
    put(&eight(1_000)); // sending
    put(&eight(1_010));
    put(&eight(1_012));
    put(&[13; 32]);
    put(&eight(14));
    put(&eight(NONE));
    put(&eight(15));
    put(&eight(2_000)); // receiving
    put(&eight(2_020));
    put(&[16; 32]);
    put(&eight(17));
    put(&eight(2_021));
    put(&eight(2_022));
    put(&eight(18));
    put(&eight(19));
    put(&eight(NONE));
    put(&eight(20)); // the peer's generation
    put(&two(2)); // log
    put(&two(2)); // taken
    put(&two(2)); // waiting
    put(&[0; 2]);
    put(&[0x80; 32]); // items above the lowest
    for (content, filling) in [(0, 0xaa), (100, 0xbb)] {
        let frame = sealed(content, filling);
        // The first bit of a length: there is content of the agent's in it.
        let length = u16::try_from(frame.len()).expect("short");
        put(&two(if content > 0 { length | 0x8000 } else { length }));
        put(&frame);
    }
    for sequence in [2_020, 2_022] {
        put(&eight(sequence));
        put(&[21; 32]);
        put(&[22; 16]);
    }
    put(&[0, 0]); // kind 0
    put(&two(5));
    put(b"later");
    put(&[0, 1]); // FIN
    put(&two(0));
    bytes
}

fn endpoint() -> Vec<u8> {
    let head = [&[0x05, 3, 0, 0][..], &30_u32.to_be_bytes(), &9_u64.to_be_bytes(), &2_u64.to_be_bytes(), &[0; 32]];
    [&head.concat()[..], b"tag", b"value"].concat()
}

fn right() -> Vec<u8> {
    let front = [&[1; 8][..], &[2; 8], &[3; 32], &[0, 5, 1, 0]];
    [&front.concat()[..], &60_u32.to_be_bytes(), &7_u64.to_be_bytes()].concat()
}

fn ticket_keys() -> Vec<u8> {
    let ours = [&[4; 32][..], &[5; 4], &64_u64.to_be_bytes()].concat();
    let theirs = [&[6; 32][..], &[7; 4], &3_u64.to_be_bytes()].concat();
    [&[1; 32][..], &[2; 16], &[2, 0, 0, 0], &ours, &theirs].concat()
}

fn read_session(bytes: &[u8]) -> SessionRecord<'_> {
    match Record::parse(RecordType::Session, bytes) {
        Ok(Record::Session(session)) => session,
        _ => panic!("no session"),
    }
}

// shows: IACP-129 (§5.6)
#[test]
fn a_session_is_read_field_by_field() {
    let bytes = session();
    let read = read_session(&bytes);
    let head = read.head;
    assert_eq!((head.peer.0, head.initiator_cookie.0, head.responder_cookie.0), ([1; 32], [2; 8], [3; 8]));
    assert_eq!((head.role, head.state, head.flags, head.capabilities.get()), (2, 5, 7, 0x1b));
    assert_eq!((head.send_generation.get(), head.send_secret, head.send_iv), (4, [5; 32], [6; 4]));
    assert_eq!((head.send_frames.get(), head.send_echoed.get()), (7, NONE));
    assert_eq!((head.receive_generation.get(), head.receive_secret, head.receive_iv), (8, [9; 32], [10; 4]));
    assert_eq!((head.receive_next.get(), read.line()), (11, Some(Line([12; 16]))));
    assert_eq!((head.home_ip, head.home_port.get()), (Locator::from(std::net::IpAddr::from([192, 0, 2, 7])), 4_227));
    assert_eq!(
        (head.disconnected.get(), head.rotation.get(), head.lifetime.get(), head.window.get()),
        (1_500, 30, 60, 16)
    );
    assert_eq!((head.send_initial.get(), head.send_first.get(), head.send_next.get()), (1_000, 1_010, 1_012));
    assert_eq!((head.send_chain, head.heartbeats.get(), head.next_item.get()), ([13; 32], 14, 15));
    assert_eq!((head.receive_initial.get(), head.expected.get(), head.receive_chain), (2_000, 2_020, [16; 32]));
    assert_eq!((head.item_not_safe.get(), head.not_come.get(), head.newest.get()), (17, 2_021, 2_022));
    assert_eq!((head.newest_heartbeat.get(), head.failed_opens.get(), head.peer_generation.get()), (18, 19, 20));
    assert_eq!(head.items, [0x80; 32]);
    let log: Vec<(Vec<u8>, bool)> = read.logged().map(|(frame, content)| (frame.to_vec(), content)).collect();
    assert_eq!(log, [(sealed(0, 0xaa), false), (sealed(100, 0xbb), true)]);
    let taken: Vec<u64> = read.taken.iter().map(|frame| frame.sequence.get()).collect();
    assert_eq!(taken, [2_020, 2_022]);
    let waiting: Vec<Waiting<'_>> = read.waiting().collect();
    let later = Waiting { kind: ContentKind::Anml, fin: false, content: b"later" };
    assert_eq!(waiting, [later, Waiting { kind: ContentKind::Anml, fin: true, content: b"" }]);
}

#[test]
fn the_other_records_are_read_field_by_field() {
    let bytes = endpoint();
    let Ok(Record::Endpoint(read)) = Record::parse(RecordType::Endpoint, &bytes) else { panic!("no endpoint") };
    assert_eq!((read.head.flags, read.head.rotation.get(), read.head.version.get()), (5, 30, 9));
    assert_eq!(
        (read.head.epoch.get(), read.head.key_reserved, read.tag, read.value),
        (2, [0; 32], &b"tag"[..], &b"value"[..])
    );
    let bytes = right();
    let Ok(Record::Right(read)) = Record::parse(RecordType::Right, &bytes) else { panic!("no right") };
    assert_eq!((read.coordinate.0, read.rights.get(), read.ours, read.subscribed), ([3; 32], 5, 1, 0));
    assert_eq!((read.seconds.get(), read.known_version.get()), (60, 7));
    let bytes = ticket_keys();
    let Ok(Record::TicketKeys(read)) = Record::parse(RecordType::TicketKeys, &bytes) else { panic!("no keys") };
    assert_eq!((read.peer.0, read.session, read.suite, read.bound.get()), ([1; 32], [2; 16], 2, 64));
    assert_eq!(
        (read.our_key, read.our_iv, read.their_key, read.their_iv, read.seen.get()),
        ([4; 32], [5; 4], [6; 32], [7; 4], 3)
    );
}

fn all() -> [(RecordType, Vec<u8>); 5] {
    [
        (RecordType::Session, session()),
        (RecordType::Endpoint, endpoint()),
        (RecordType::Right, right()),
        (RecordType::Member, vec![1; 64]),
        (RecordType::TicketKeys, ticket_keys()),
    ]
}

fn is_refused(kind: RecordType, bytes: &[u8]) -> bool {
    matches!(Record::parse(kind, bytes), Err(DockError::Records))
}

#[test]
fn a_record_that_is_cut_or_has_a_byte_too_many_is_refused() {
    for (kind, bytes) in all() {
        // The value of an endpoint ends where the record does.
        let shortest = if kind == RecordType::Endpoint { bytes.len() - 5 } else { bytes.len() };
        for length in 0..shortest {
            assert!(is_refused(kind, &bytes[..length]), "{kind:?}, {length} bytes");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(is_refused(kind, &longer) || kind == RecordType::Endpoint, "{kind:?}");
    }
    assert!(is_refused(RecordType::Context, &[0; Context::LEN]), "it is read by itself");
}

/// Writes `bytes` over the record at `at`.
fn with(record: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut changed = record.to_vec();
    changed[at..at + bytes.len()].copy_from_slice(bytes);
    changed
}

#[test]
fn a_session_whose_numbers_cannot_be_is_refused() {
    let whole = session();
    assert_eq!(read_session(&whole).head.logged.get(), 2);
    let number = |at: usize, value: u64| with(&whole, at, &value.to_be_bytes());
    // Where the parts begin: 0 names, 48 role, 56 and 112 keys, 160 line, 176 home, 200 terms, 216 sending, 296 receiving, 392 counts.
    for (what, record) in [
        ("no such role", with(&whole, 48, &[3])),
        ("PSS_NEGOTIATING", with(&whole, 49, &[0])),
        ("SESSION_COMPROMISED", with(&whole, 49, &[3])),
        ("no such state", with(&whole, 49, &[6])),
        ("no such flag", with(&whole, 50, &[0x40])),
        ("reserved", with(&whole, 51, &[1])),
        ("home has no port", with(&whole, 192, &[0, 0])),
        ("reserved at home", with(&whole, 195, &[1])),
        ("a window of no frame", with(&whole, 208, &[0, 0, 0, 0])),
        ("reserved in the terms", with(&whole, 215, &[1])),
        ("acknowledged before the first", number(216, 1_011)),
        ("a log of another length", number(224, 1_011)),
        ("next below the first that is not acknowledged", number(232, 1_009)),
        ("a FIN that was not sent", number(280, 1_012)),
        ("E before the first", number(296, 2_021)),
        ("E above what has not come", number(304, 2_022)),
        ("what has not come was taken", number(352, 2_022)),
        ("a FIN among the heartbeats", number(384, 1 << 63)),
        ("the newest below what has not come", number(360, 2_020)),
        ("the newest among the heartbeats", number(360, 1 << 63)),
        ("an item that is no number", number(344, NONE)),
        ("an item beyond all", number(344, 1 << 63)),
        ("a next item beyond all", number(288, 1 << 63)),
        ("more heartbeats than a host seals", number(272, 1 << 62)),
        ("reserved in the counts", with(&whole, 407, &[1])),
    ] {
        assert!(is_refused(RecordType::Session, &record), "{what}");
    }
    // The next number and the first that is not acknowledged, among the heartbeats both.
    let next = with(&number(224, (1 << 63) - 2), 232, &u64::to_be_bytes(1 << 63));
    assert!(is_refused(RecordType::Session, &next), "a next number among the heartbeats");
    // The log: another type, another payload length.
    assert!(is_refused(RecordType::Session, &with(&whole, 442, &[0x10, 0xc0])));
    assert!(is_refused(RecordType::Session, &with(&whole, 444, &[0, 86])));
    // Taken: out of order, below E, among the heartbeats.
    let taken = whole.len() - 2 * 56 - 9 - 4;
    for sequence in [2_019, 2_021, 2_023, 1 << 63] {
        assert!(is_refused(RecordType::Session, &with(&whole, taken, &u64::to_be_bytes(sequence))), "{sequence}");
    }
    // Waiting: what a host seals by itself, no such kind, no such mark, a FIN with content, a length beyond the end.
    let waiting = whole.len() - 9 - 4;
    for (at, byte) in [
        (waiting, 1),
        (waiting, 2),
        (waiting, 5),
        (waiting, 6),
        (waiting, 9),
        (waiting + 1, 2),
        (waiting + 1, 1),
        (waiting + 3, 6),
        (waiting + 9 + 1, 2),
    ] {
        assert!(is_refused(RecordType::Session, &with(&whole, at, &[byte])), "byte {byte} at {at}");
    }
    // What waits has at most the content of one frame.
    for (content, refused) in [(CONTENT, false), (CONTENT + 1, true)] {
        let length = u16::try_from(content).expect("short").to_be_bytes();
        let entry = [&[0, 0][..], &length, &vec![7; content]].concat();
        let record = [&whole[..waiting], &entry, &whole[waiting + 9..]].concat();
        assert_eq!(is_refused(RecordType::Session, &record), refused, "{content} bytes");
    }
}

#[test]
fn a_session_whose_numbers_just_can_be_is_read() {
    let whole = session();
    let number = |at: usize, value: u64| with(&whole, at, &value.to_be_bytes());
    for (what, record) in [
        ("nothing is acknowledged", number(216, 1_010)),
        ("its FIN was the last", number(280, 1_011)),
        ("nothing has come in order", number(296, 2_020)),
        ("the FIN is the highest number of all", number(384, (1 << 63) - 1)),
        ("the newest is the highest number of all", number(360, (1 << 63) - 1)),
        ("no heartbeat is left", number(272, (1 << 62) - 1)),
        ("the last item", number(344, (1 << 63) - 1)),
        ("the last item is the next", number(288, (1 << 63) - 1)),
    ] {
        assert!(!is_refused(RecordType::Session, &record), "{what}");
    }
}

#[test]
fn other_records_that_cannot_be_are_refused() {
    for (at, bytes) in
        [(0, &[8_u8][..]), (1, &[0]), (1, &[65]), (2, &[1]), (8, &[0; 8]), (16, &[0; 8]), (55, &[1]), (0, &[1])]
    {
        assert!(is_refused(RecordType::Endpoint, &with(&endpoint(), at, bytes)), "endpoint, byte {at}");
    }
    let long = [&endpoint()[..59], &[0; 836][..]].concat();
    assert!(is_refused(RecordType::Endpoint, &long), "a value of 836 bytes");
    for (at, bytes) in [(48, &[0_u8, 0][..]), (48, &[0, 8]), (50, &[2]), (51, &[2])] {
        assert!(is_refused(RecordType::Right, &with(&right(), at, bytes)), "right, byte {at}");
    }
    for (at, byte) in [(48, 0), (48, 3), (49, 1), (51, 1)] {
        assert!(is_refused(RecordType::TicketKeys, &with(&ticket_keys(), at, &[byte])), "ticket keys, byte {at}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused(kind in 0_usize..5, bytes in prop::collection::vec(any::<u8>(), 0..700)) {
        let kinds = [
            RecordType::Session, RecordType::Endpoint, RecordType::Right, RecordType::Member, RecordType::TicketKeys,
        ];
        if let Ok(Record::Session(session)) = Record::parse(kinds[kind], &bytes) {
            prop_assert!(session.log().count() + session.waiting().count() <= bytes.len());
        }
    }

    #[test]
    fn an_altered_session_never_has_more_than_it_says(at in 0_usize..900, byte in any::<u8>()) {
        let mut record = session();
        let at = at % record.len();
        record[at] = byte;
        if let Ok(Record::Session(read)) = Record::parse(RecordType::Session, &record) {
            prop_assert_eq!(read.log().count(), usize::from(read.head.logged.get()));
            prop_assert_eq!(read.taken.len(), usize::from(read.head.taken.get()));
            prop_assert_eq!(read.waiting().count(), usize::from(read.head.waiting.get()));
        }
    }
}

const NOW: UnixTime = UnixTime(1_800_000_000_000);

fn host(seed: u8) -> Identity<Portable> {
    Identity::from_seed(&Secret32::new([seed; 32]))
}

/// A blob with these records behind the context, opened by the host that has offered.
fn docked(records: &[(RecordType, Vec<u8>)]) -> Result<Vec<RecordType>, DockError> {
    let at: SocketAddr = "192.0.2.7:4227".parse().expect("an address");
    let mut frame = [0; OFFER];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let offer = Offer::new(NOW, &host(1), host(2).eid(), host(3).eid(), at, &mut rng, &mut frame).expect("room");
    let checked = Checked::new::<Portable>(NOW, &host(2).eid(), |_| true, &frame).expect("the offer holds");
    let count = u32::try_from(records.len() + 1).expect("few");
    let mut blob = vec![0; 4_096];
    let mut exporter =
        Exporter::new(&host(2), &checked, Suite::Aes256Gcm, DockReason::Planned, count, &mut rng, &mut blob)?;
    let context = Context {
        seed: Secret32::new([3; 32]),
        airk: Eid([4; 32]),
        app_digest: Digest([5; 32]),
        evolution: 6,
        binding: Binding::sign(&host(3), Locator::from(at.ip()), 9),
        listen: [0; 24],
    };
    let mut first = [0; Context::LEN];
    context.write(&mut first);
    let mut length = HEAD + exporter.seal(RecordType::Context, &mut first, &mut blob[HEAD..])?;
    for (kind, bytes) in records {
        length += exporter.seal(*kind, &mut bytes.clone(), &mut blob[length..])?;
    }
    blob.truncate(length);
    let opened = offer.open(NOW, &host(1), &mut blob);
    let kinds = opened.map(|imported| imported.read().map(|record| kind_of(&record)).collect());
    assert!(blob.iter().all(|byte| *byte == 0), "keys are not left in the buffer, whether it opened or not");
    kinds
}

const fn kind_of(record: &Record<'_>) -> RecordType {
    match record {
        Record::Session(_) => RecordType::Session,
        Record::Endpoint(_) => RecordType::Endpoint,
        Record::Right(_) => RecordType::Right,
        Record::Member(_) => RecordType::Member,
        Record::TicketKeys(_) => RecordType::TicketKeys,
        Record::Application(_) => RecordType::Application,
    }
}

// shows: IACP-129 (§5.6)
#[test]
fn a_blob_is_imported_with_all_its_records_or_not_at_all() {
    let mut records = all().to_vec();
    records.push((RecordType::Application, b"its own".to_vec()));
    let kinds: Vec<RecordType> = records.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(docked(&records), Ok(kinds));
    for index in 0..5 {
        let mut broken = records.clone();
        broken[index].1.insert(0, 0xff);
        let (kind, _) = broken[index];
        assert_eq!(docked(&broken), Err(DockError::Records), "{kind:?}");
    }
}
