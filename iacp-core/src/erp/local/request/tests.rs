extern crate std;

use super::*;

/// What follows the 56 bytes that every OPEN has: a record, a proof, or both.
#[test]
fn the_length_of_an_open_tells_whether_it_has_a_record_and_a_proof() {
    let head = AaiRequest { op: 2.into(), op_reserved: 0.into(), request: 1.into(), session: 0.into() };
    let mut bytes = [7; 56 + 120];
    let (fixed, behind) = bytes.split_at_mut(56);
    fixed[32..].fill(0);
    behind[RESUME_RECORD..RESUME_RECORD + PROOF].fill(9);
    for length in 0..=120 {
        let parsed = Request::parse(&head, &bytes[..56 + length]);
        let told = match parsed {
            Ok(Request::Open(open)) => Some((open.resume.is_some(), open.proof.map(|[first, ..]| *first))),
            _ => None,
        };
        let wanted = match length {
            0 => Some((false, None)),
            16 => Some((false, Some(7))),
            56 => Some((true, None)),
            72 => Some((true, Some(9))),
            _ => None,
        };
        assert_eq!(told, wanted, "{length} bytes behind");
    }
}

fn parse(op: u16, session: u64, arguments: &[u8]) -> Result<Request<'_>, MalformedRequest> {
    let head = AaiRequest { op: op.into(), op_reserved: 0.into(), request: 1.into(), session: session.into() };
    Request::parse(&head, arguments)
}

const TERMS: Terms = Terms { dgk_rotation: 1, lifetime: 2, receive_window: 3 };
const AT: Digest = Digest([7; 32]);
const MEMBER: Eid = Eid([8; 32]);
const OPS: u16 = 25;

/// Every op but OPEN: its number, its arguments, what they say, and from which length on the rest is free.
fn with_ops(mut each: impl FnMut(u16, &[u8], &Request<'_>, Option<usize>)) {
    let terms: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    let (at, item, record) = (&[7; 32][..], &[0, 0, 0, 0, 0, 0, 0, 9][..], &[5; RESUME_RECORD]);
    let listen = |hold| Listen { capabilities: Capabilities::SFC, terms: TERMS, sessions: 4, hold };
    let mut op = |op: u16, parts: &[&[u8]], request: Request<'_>, free: Option<usize>| {
        let mut bytes = [0; 96];
        let mut length = 0;
        for byte in parts.iter().copied().flatten() {
            bytes[length] = *byte;
            length += 1;
        }
        each(op, &bytes[..length], &request, free);
    };
    op(1, &[&[0, 0, 0, 1], terms, &[0, 0, 0, 4, 0, 0, 0, 0]], Request::Listen(listen(false)), None);
    op(1, &[&[0, 0, 0, 1], terms, &[0, 0, 0, 4, 0, 0, 0, 1]], Request::Listen(listen(true)), None);
    op(3, &[item, b"item"], Request::Send { item: 9, content: b"item" }, Some(8));
    op(4, &[record], Request::Recall(record), None);
    op(5, &[item], Request::Consumed { below: 9 }, None);
    op(6, &[&[0, 1, 0, 0], terms], Request::Terms { counter: None }, None);
    let counter = Some((TERMS, RejectionReasons::OTHER));
    op(6, &[&[0, 2, 0x80, 0], terms], Request::Terms { counter }, None);
    op(7, &[item], Request::Finish { items: 9 }, None);
    op(8, &[&[1, 2]], Request::Close(0x102), None);
    op(9, &[&[1, 2]], Request::Abort(0x102), None);
    op(10, &[&[8; 32]], Request::Standing(MEMBER), None);
    op(11, &[&[7, 4, 0, 0, 0, 60], b"door"], Request::Endpoint { flags: 7, rotation: 60, tag: b"door" }, None);
    op(11, &[&[0; 6]], Request::Endpoint { flags: 0, rotation: 0, tag: b"" }, None);
    op(12, &[at, item, b"open"], Request::Write { coordinate: AT, if_version: 9, value: b"open" }, Some(40));
    op(13, &[at], Request::Read(AT), None);
    op(14, &[at], Request::Erase(AT), None);
    op(15, &[at, &[0, 5, 0, 0, 0, 0, 0, 60]], Request::Grant { coordinate: AT, rights: 5, seconds: 60 }, None);
    op(16, &[at, &[1]], Request::Subscribe { coordinate: AT, on: true }, None);
    op(16, &[at, &[0]], Request::Subscribe { coordinate: AT, on: false }, None);
    op(17, &[at, &[8; 32], &[1]], Request::Trust { coordinate: AT, eid: MEMBER, on: true }, None);
    op(18, &[&[0, 0, 0, 1]], Request::Derive { seconds: 1 }, None);
    op(18, &[&[0, 0, 0x0e, 0x10]], Request::Derive { seconds: 3_600 }, None);
    op(19, &[at], Request::Retract(AT), None);
    op(20, &[&[11], b"body"], Request::Deposit { kind: 11, body: b"body" }, Some(1));
    op(21, &[&[1]], Request::Ready(true), None);
    op(21, &[&[0]], Request::Ready(false), None);
    op(22, &[&[0, 2, 0, 0], &[6; 32]], Request::Rotate { reason: 2, nonce: [6; 32] }, None);
    op(23, &[], Request::Leave, None);
    op(24, &[], Request::Rewind, None);
    op(25, &[b"a.example"], Request::Resolve("a.example"), Some(0));
}

#[test]
fn each_op_is_read_as_drawn_and_no_other_length_is() {
    with_ops(|op, bytes, request, free| {
        let session = u64::from(request.wants_session().unwrap_or_default());
        assert_eq!(parse(op, session, bytes), Ok(*request));
        for length in 0..bytes.len() {
            let open = free.is_some_and(|free| length >= free);
            assert_eq!(parse(op, session, &bytes[..length]).is_ok(), open, "op {op}, {length} bytes");
        }
        let mut longer = [0; 97];
        longer[..bytes.len()].copy_from_slice(bytes);
        let parsed = parse(op, session, &longer[..=bytes.len()]);
        assert_eq!(parsed.is_ok(), free.is_some(), "op {op}, one byte more");
    });
    for op in [0, OPS + 1, u16::MAX] {
        assert_eq!(parse(op, 0, &[]), Err(MalformedRequest), "op {op}");
    }
}

/// What belongs to a session has to name one, what does not must name none, and three ops may do either.
#[test]
fn an_op_names_a_session_exactly_where_it_is_about_one() {
    with_ops(|op, bytes, request, _| {
        let allowed = match op {
            3 | 5..=9 | 15 | 16 | 24 => [false, true],
            11 => [bytes.len() > 6, bytes.len() == 6],
            12 | 13 | 18 => [true, true],
            _ => [true, false],
        };
        assert_eq!([0, 1 << 32].map(|session| parse(op, session, bytes).is_ok()), allowed, "{request:?}");
    });
}

#[test]
fn arguments_beyond_their_limits_are_refused() {
    let flagged = |flags: u8| [&[0; 23][..], &[flags]].concat();
    assert!(parse(1, 0, &flagged(1)).is_ok() && parse(1, 0, &flagged(2)).is_err(), "LISTEN has one flag");
    let terms = |answer: u8| [&[0, answer][..], &[0; 14]].concat();
    assert_eq!([0, 1, 2, 3].map(|answer| parse(6, 1, &terms(answer)).is_ok()), [false, true, true, false]);
    let endpoint = |session, flags: u8, said: u8, rotation: u8, tag: usize| {
        parse(11, session, &[&[flags, said, 0, 0, 0, rotation][..], &[b't'; 65][..tag]].concat()).is_ok()
    };
    assert!(endpoint(0, 7, 64, 9, 64) && !endpoint(0, 7, 65, 9, 65), "64 bytes of a tag");
    assert!(!endpoint(0, 8, 1, 0, 1), "three flags");
    assert!(!endpoint(0, 0, 2, 0, 1) && !endpoint(0, 0, 0, 0, 1), "the length is that of the tag");
    assert!(endpoint(1, 0, 0, 0, 0) && !endpoint(1, 1, 0, 0, 0) && !endpoint(1, 0, 0, 1, 0), "the pair's own");
    let derive = |seconds: u32| parse(18, 0, &seconds.to_be_bytes()).is_ok();
    assert_eq!([0, 1, 3_600, 3_601].map(derive), [false, true, true, false]);
    for op in [16, 17, 21] {
        let arguments = [
            &[7; 64][..match op {
                16 => 32,
                17 => 64,
                _ => 0,
            }],
            &[2],
        ]
        .concat();
        assert_eq!(parse(op, u64::from(op == 16), &arguments), Err(MalformedRequest), "op {op}: a flag is 0 or 1");
    }
    assert_eq!(parse(25, 0, b"\xff"), Err(MalformedRequest), "a URI is UTF-8");
    // OPEN: a place has a port, nowhere needs none, and there is one flag.
    let open = |last: u8, port: u8, flags: u8| {
        let place = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last];
        let place = if last == 0 { [0; 16] } else { place };
        let bytes = [&[8; 32][..], &place, &[0, port, 0, flags, 0, 0, 0, 1]].concat();
        match parse(2, 0, &bytes) {
            Ok(Request::Open(open)) => Some((open.peer == MEMBER, open.at, open.hold, open.offer)),
            _ => None,
        }
    };
    let there = SocketAddr::from(([192, 0, 2, 7], 9));
    assert_eq!(open(7, 9, 0), Some((true, Some(there), false, Capabilities::SFC)));
    assert_eq!(open(7, 9, 1), Some((true, Some(there), true, Capabilities::SFC)));
    assert_eq!((open(7, 0, 0), open(7, 9, 2)), (None, None));
    assert_eq!([0, 9].map(|port| open(0, port, 0)), [Some((true, None, false, Capabilities::SFC)); 2]);
}

#[test]
fn what_is_kept_of_a_listen_is_read_again_unless_it_accepts_nothing() {
    let terms = Terms { dgk_rotation: 1, lifetime: 2, receive_window: 1 };
    let listen = Listen { capabilities: Capabilities::SFC, terms, sessions: 1, hold: true };
    let again = |listen: Listen| Listen::from_bytes(&listen.to_bytes());
    assert_eq!(again(listen), Some(listen));
    assert_eq!(again(Listen { hold: false, ..listen }), Some(Listen { hold: false, ..listen }));
    assert_eq!(again(Listen { sessions: 0, ..listen }), None);
    assert_eq!(again(Listen { terms: Terms { receive_window: 0, ..terms }, ..listen }), None);
}
