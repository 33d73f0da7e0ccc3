//! What of a record goes on at the new host, field by field: with HOLD all that is held and not consumed is forgotten.

use zerocopy::{FromZeros, IntoBytes};

use super::super::RecordType;
use super::super::records::Record;
use super::*;

/// Sets one field.
type Set = fn(&mut SessionHead, u64);

/// A session of which 100 to 119 are consumed, 120 to 129 are held, and 130 has not come.
fn head() -> SessionHead {
    let mut head = SessionHead::new_zeroed();
    (head.role, head.state, head.flags) = (1, 1, SessionHead::HOLD);
    (head.home_ip, head.home_port) = (Locator([1; 16]), 4_227.into());
    (head.window, head.receive_initial) = (16.into(), 100.into());
    (head.expected, head.not_come, head.newest) = (120.into(), 130.into(), 131.into());
    (head.send_fin, head.receive_fin, head.send_echoed, head.receive_next) =
        (NONE.into(), NONE.into(), NONE.into(), NONE.into());
    head.items = [0xff; 32];
    head
}

fn read(head: &SessionHead, waiting: &[u8]) -> Option<(Moving, Beside)> {
    let bytes = [head.as_bytes(), waiting].concat();
    match Record::parse(RecordType::Session, &bytes) {
        Ok(Record::Session(session)) => moving(&session),
        _ => panic!("its numbers can be those of one session"),
    }
}

// shows: IACP-129 (§5.6)
#[test]
fn a_fin_goes_along_where_what_is_before_it_and_itself_are_consumed() {
    let mut head = head();
    for (fin, kept) in [(119, Some(119)), (120, None), (121, None), (NONE, None)] {
        head.receive_fin = fin.into();
        let (moving, _) = read(&head, &[]).expect("a session");
        assert_eq!(moving.received.fin, kept, "{fin}");
    }
    // Without HOLD it is consumed when it comes, or it waits behind a hole.
    (head.flags, head.expected) = (0, 130.into());
    for fin in [129, 130, 131] {
        head.receive_fin = fin.into();
        let (moving, _) = read(&head, &[]).expect("a session");
        assert_eq!(moving.received.fin, Some(fin));
    }
}

// shows: IACP-129 (§5.6)
#[test]
fn with_hold_what_is_not_consumed_is_forgotten_and_without_hold_nothing_is() {
    let mut head = head();
    let (moving, beside) = read(&head, &[]).expect("a session");
    assert_eq!((moving.received.expected, moving.received.newest, beside.items), (120, 120, [0; 32]));
    head.flags = 0;
    assert!(read(&head, &[]).is_none(), "without HOLD nothing lies between");
    head.not_come = 120.into();
    let (moving, beside) = read(&head, &[]).expect("a session");
    assert_eq!((moving.received.expected, moving.received.newest, beside.items), (120, 131, [0xff; 32]));
}

// shows: IACP-129 (§5.6)
#[test]
fn a_wish_to_close_goes_to_the_session_or_waits_behind_content() {
    let mut head = head();
    head.reason = 7.into();
    let reasons = |head: &SessionHead, waiting: &[u8]| {
        let (moving, beside) = read(head, waiting).expect("a session");
        (moving.wish, beside.close, moving.peer_asked)
    };
    assert_eq!(reasons(&head, &[]), (None, None, None));
    head.flags = SessionHead::CLOSE_WANTED;
    head.not_come = 120.into();
    assert_eq!(reasons(&head, &[]), (Some(7), None, None));
    head.waiting = 1.into();
    assert_eq!(reasons(&head, &[0, 0, 0, 1, b'x']), (None, Some(7), None));
    (head.flags, head.waiting) = (SessionHead::PEER_ASKED, 0.into());
    assert_eq!(reasons(&head, &[]), (None, None, Some(7)));
}

/// Each number of a session at its bound, and one beyond.
// shows: IACP-129 (§5.6)
#[test]
fn the_numbers_of_a_record_are_refused_beyond_their_bounds() {
    let can_be = |what: &dyn Fn(&mut SessionHead)| {
        let mut head = head();
        what(&mut head);
        Record::parse(RecordType::Session, head.as_bytes()).is_ok()
    };
    assert!(can_be(&|_| {}));
    // The field alone, at its bound and beyond it.
    let bounds: [(&str, u64, u64, Set); 8] = [
        ("E is the first sequence at least", 100, 99, |head, value| head.expected = value.into()),
        ("E has come", 130, 131, |head, value| head.expected = value.into()),
        ("what has not come is not above the newest", 131, 132, |head, value| head.not_come = value.into()),
        ("what has not come is not below E", 120, 119, |head, value| head.not_come = value.into()),
        ("the first that is not acknowledged", 0, 1, |head, value| head.send_initial = value.into()),
        ("the log has what is not acknowledged", 0, 1, |head, value| head.send_next = value.into()),
        ("the port", 1, 0, |head, value| head.home_port = u16::try_from(value).expect("small").into()),
        ("the window", 1, 0, |head, value| head.window = u32::try_from(value).expect("small").into()),
    ];
    for (what, at, beyond, set) in bounds {
        assert!(can_be(&|head| set(head, at)), "{what}: {at}");
        assert!(!can_be(&|head| set(head, beyond)), "{what}: {beyond}");
    }
    // The FIN of this side is among what it has sent.
    let logged_none = |head: &mut SessionHead, fin: u64| {
        (head.send_initial, head.send_first, head.send_next, head.send_fin) =
            (9.into(), 9.into(), 9.into(), fin.into());
    };
    assert!(can_be(&|head| logged_none(head, 8)) && !can_be(&|head| logged_none(head, 9)));
    for role in 0..=4 {
        assert_eq!(can_be(&|head| head.role = role), matches!(role, 1 | 2), "role {role}");
    }
    for state in 0..=7 {
        assert_eq!(can_be(&|head| head.state = state), matches!(state, 1 | 2 | 4 | 5), "state {state}");
    }
    for bit in 0..8 {
        assert_eq!(can_be(&|head| head.flags = 1 << bit), bit < 6, "flag {bit}");
    }
    assert!(!can_be(&|head| head.reserved = 1));
    for place in [0, 1] {
        assert!(!can_be(&|head| head.home_reserved[place] = 1));
        assert!(!can_be(&|head| head.terms_reserved[place] = 1));
        assert!(!can_be(&|head| head.counts_reserved[place] = 1));
    }
}
