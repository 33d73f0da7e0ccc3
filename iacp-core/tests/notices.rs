//! What an agent in another process is told: AAI_NOTICE, event by event (`IACP §4.2.2`).

use iacp_core::erp::context::State;
use iacp_core::erp::local::{AgentEvent, ClosureCode, Continuity, LocalStatus, Mapped, Opened, Standing};
use iacp_core::erp::multipath::PathReport;
use iacp_core::erp::resume::LineOutcome;
use iacp_core::pss::{Capabilities, Closure, RejectionReasons, Role, Terms, Violation};
use iacp_core::slots::Handle;
use iacp_wire::{Digest, Eid, Frame, Message, WriteError};

const TERMS: Terms = Terms { dgk_rotation: 1, lifetime: 2, receive_window: 3 };
const AT: Digest = Digest([7; 32]);

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| u8::try_from(digit).expect("small")).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn opened(role: Role, outcome: LineOutcome, throttled: bool) -> AgentEvent<'static> {
    let (peer, capabilities, line) = (Eid([9; 32]), Capabilities::RESUME, [5; 16]);
    AgentEvent::Opened(Opened {
        peer,
        role,
        outcome,
        throttled,
        capabilities,
        line,
        first_to_send: 1,
        first_to_come: 2,
    })
}

/// Each event, its number, and its content.
fn events() -> Vec<(AgentEvent<'static>, u16, String)> {
    let (at, peer, line) = ("07".repeat(32), "09".repeat(32), "05".repeat(16));
    let state = |state, degraded, accused| AgentEvent::State { state, degraded, accused, generation: 4 };
    let standing = Standing { flags: 0x102, reputation: 10_000, generation: 4 };
    let mapped = Mapped { eid: Eid([9; 32]), seconds: 60 };
    let report = PathReport { from: 1, to: 2, missing: [3, 4, 5], altered: [6, 7, 8] };
    let closed = |closure, truncated| AgentEvent::Closed { closure, truncated, reason: 0x102, delivered: 9 };
    let terms = "00000001 00000002 00000003";
    vec![
        (AgentEvent::Result { request: 6, status: Ok(()) }, 1, String::new()),
        (AgentEvent::Standing { request: 6, standing }, 1, "0102 2710 0000000000000004".into()),
        (AgentEvent::Resolved { request: 6, mapped }, 1, format!("{peer} 0000003c")),
        (state(State::Unbound, false, false), 2, "00 00 00 00 0000000000000004".into()),
        (state(State::Allocated, true, false), 2, "01 01 00 00 0000000000000004".into()),
        (state(State::Transition, false, true), 2, "02 00 01 00 0000000000000004".into()),
        (state(State::Bound, true, true), 2, "03 01 01 00 0000000000000004".into()),
        (state(State::EvolvePending, false, false), 2, "04 00 00 00 0000000000000004".into()),
        (
            opened(Role::Initiator, LineOutcome::Resumed, false),
            3,
            format!("{peer} 01 01 00 00 00000010 {line} 0000000000000001 0000000000000002"),
        ),
        (
            opened(Role::Responder, LineOutcome::Unknown, true),
            3,
            format!("{peer} 02 02 01 00 00000010 {line} 0000000000000001 0000000000000002"),
        ),
        (
            AgentEvent::Proposed { turn: 3, reasons: RejectionReasons::OTHER, terms: TERMS },
            4,
            format!("0003 8000 {terms}"),
        ),
        (AgentEvent::Contract(TERMS), 5, terms.into()),
        (
            AgentEvent::Data { sequence: 1, item: Some(2), content: b"abc" },
            6,
            "0000000000000001 0000000000000002 616263".into(),
        ),
        (AgentEvent::Data { sequence: 1, item: None, content: b"" }, 6, "0000000000000001 ffffffffffffffff".into()),
        (AgentEvent::Delivered { item: 9 }, 7, "0000000000000009".into()),
        (AgentEvent::Room, 8, String::new()),
        (AgentEvent::Finished { sequence: 9 }, 9, "0000000000000009".into()),
        (AgentEvent::CloseRequested { reason: 0x102 }, 10, "0102".into()),
        (closed(ClosureCode::Graceful, false), 11, "01 00 0102 00000000 0000000000000009".into()),
        (closed(ClosureCode::Superseded, true), 11, "0a 01 0102 00000000 0000000000000009".into()),
        (
            AgentEvent::Value { coordinate: AT, version: 4, value: b"open" },
            12,
            format!("{at} 0000000000000004 6f70656e"),
        ),
        (AgentEvent::Gone { coordinate: AT }, 13, at.clone()),
        (
            AgentEvent::Granted { coordinate: AT, rights: 5, seconds: 60, tag: b"door" },
            14,
            format!("{at} 0005 0000 0000003c 646f6f72"),
        ),
        (
            AgentEvent::Paths(report),
            15,
            "0000000000000001 0000000000000002 0003 0006 0004 0007 0005 0008 00000000".into(),
        ),
        (AgentEvent::Continuity(Continuity::Reconciling), 16, "02".into()),
    ]
}

#[test]
fn each_event_is_written_as_drawn() {
    let session = Handle::from_bits(0x3_0000_0004);
    for (event, code, content) in events() {
        let content = hex(&content);
        let mut out = [0xEE; 200];
        for session in [session, None] {
            let length = event.write(session, &mut out).expect("there is room");
            let frame = Frame::parse(&out[..length]).expect("well-formed");
            let Message::AaiNotice { head, content: written } = frame.message else { panic!("no AAI_NOTICE") };
            assert_eq!(written, content, "{event:?}");
            let request = if code == 1 { 6 } else { 0 };
            assert_eq!((head.notice.get(), head.result_status.get(), head.request.get()), (code, 0, request));
            assert_eq!(head.session.get(), session.map_or(0, Handle::bits));
            assert_eq!(length, 20 + content.len());
            for room in 0..length {
                let refused = event.write(session, &mut [0; 200][..room]);
                assert!(matches!(refused, Err(WriteError::TooSmall { .. })), "{event:?} in {room} bytes");
            }
        }
    }
    let mut out = [0; 40];
    for status in LocalStatus::ALL {
        let length = AgentEvent::Result { request: 6, status: Err(*status) }.write(None, &mut out).expect("room");
        let frame = Frame::parse(&out[..length]).expect("well-formed");
        let Message::AaiNotice { head, .. } = frame.message else { panic!("no AAI_NOTICE") };
        assert_eq!((head.result_status.get(), head.request.get()), (status.code(), 6));
        assert_eq!(LocalStatus::from_code(status.code()), Some(*status));
    }
    assert_eq!(LocalStatus::from_code(0), None);
}

#[test]
fn each_end_of_a_session_has_its_code() {
    for truncated in [false, true] {
        let forced = |by_peer| Closure::Forced { by_peer, reason: 0x102, truncated };
        for (closure, told) in [
            (Closure::Graceful, (ClosureCode::Graceful, false, 0)),
            (forced(false), (ClosureCode::ForcedByUs, truncated, 0x102)),
            (forced(true), (ClosureCode::ForcedByPeer, truncated, 0x102)),
            (Closure::Unanswered { truncated }, (ClosureCode::Unanswered, truncated, 0)),
            (Closure::NoAnswer, (ClosureCode::NoAnswer, true, 0)),
            (Closure::NoSuite, (ClosureCode::NoAnswer, true, 0)),
            (Closure::Contradiction, (ClosureCode::Contradiction, true, 0)),
            (Closure::Compromised(Violation::Chain), (ClosureCode::Compromised, true, 0)),
            (Closure::Lost { truncated }, (ClosureCode::Lost, truncated, 0)),
            (Closure::KeySpent, (ClosureCode::KeySpent, true, 0)),
            (Closure::Superseded, (ClosureCode::Superseded, true, 0)),
        ] {
            assert_eq!(ClosureCode::of(closure), told, "{closure:?}");
        }
    }
}
