//! Participants, functions and requests from the bytes of a step, and the seeds that are made of such steps.

use interaction_gov::function::{Invocation, Role};
use interaction_gov::interaction::Request;
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Kind, On, Provenance};
use interaction_gov::proof::Component;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Action, Function, Modality, Posture, Region, Set};

use super::HOUR;
use super::plane::CORPORATE_;
use crate::vectors::Named;

pub fn nothing(seat: Seat) -> Request {
    Request { action: Action(0), seat, on: On::Nothing, binding: None, goes: Set::EMPTY }
}

/// No region is known with a number that is not in the vocabulary.
pub const fn region(number: u8) -> Option<Region> {
    if number & 4 == 0 { Some(Region(number & 3)) } else { None }
}

pub fn validation(b: u8, c: u8, now: u64) -> Validation {
    Validation { posture: Posture(b >> 3 & 3), region: region(b), until: Time(now + u64::from(c) * 1_000) }
}

pub fn admission(a: u8, b: u8, c: u8, now: u64) -> Admission {
    let streams = if c & 1 == 0 { Streams::UNSAID } else { Streams::both(Set::from_bits((c >> 1 & 7).into())) };
    Admission {
        name: [a & 7; 16],
        kind: Kind::ALL[usize::from(a >> 3) % 4],
        home: (a & 0x20 == 0).then_some(CORPORATE_),
        credential_until: Time(now + HOUR / 2),
        validation: validation(b, 200, now),
        roles: Set::from_bits((b >> 5 & 1).into()),
        streams,
        consents: Set::from_bits((b >> 6 & 1).into()),
        action: Action(0),
    }
}

pub fn component(statement: &'static str) -> Component<'static> {
    Component { digest: [9; 32], statement: statement.as_bytes() }
}

pub fn provenance(component: &Component<'_>) -> Provenance {
    match component.statement {
        b"verified" => Provenance::Verified,
        b"stated" => Provenance::Stated,
        _ => Provenance::None,
    }
}

pub fn invocation(seat: Seat, b: u8, c: u8) -> Invocation<'static> {
    let (action, function) = if b & 0x80 == 0 { (2, 0) } else { (3, 1) };
    Invocation {
        action: Action(action),
        function: Function(function),
        on: On::Stream(Modality(c & 3)),
        seat,
        parent: None,
        sites: &[],
        component: component(if b & 0x40 == 0 { "verified" } else { "stated" }),
        role: if c & 4 == 0 { Role::Auxiliary } else { Role::Core },
    }
}

/// A person in Germany on a hardened machine, who consents to recording.
const fn joins(name: u8) -> [u8; 4] {
    [0, name, 0x50, 0]
}

const SPEAKS: [u8; 4] = [6, 0, 1, 0];
/// A recording on audio, in Germany.
const RECORDS: [u8; 4] = [9, 0, 0, 0];
const REVIEW: [u8; 4] = [18, 0, 0, 0];
const DRAIN: [u8; 4] = [29, 0, 0, 0];
const END: [u8; 4] = [31, 0, 7, 0];
const DUE: [u8; 4] = [26, 2, 0, 0];

/// An interaction from its first participant to its end, and one for each kind of change in it.
pub fn seeds() -> Named {
    let begin = [joins(0), joins(1), SPEAKS, RECORDS, REVIEW];
    let seed = |name: &str, settings: u8, ops: &[[u8; 4]]| {
        (name.to_owned(), [&[settings][..], begin.concat().as_slice(), ops.concat().as_slice()].concat())
    };
    vec![
        seed("ended", 60, &[[11, 0, 0, 0], [12, 0, 0, 0], [13, 0, 0, 0], SPEAKS, END, SPEAKS, DRAIN]),
        seed("lapsed", 60, &[DUE, REVIEW, SPEAKS, DUE, REVIEW, [26, 1, 0, 0], SPEAKS, REVIEW, DRAIN]),
        seed("governed", 60, &[[23, 0, 1, 0], SPEAKS, RECORDS, REVIEW, [23, 2, 0, 0], SPEAKS, RECORDS, REVIEW]),
        seed("short", 60, &[[23, 0, 3, 0], SPEAKS, RECORDS, DUE, REVIEW, DUE, REVIEW, [23, 6, 3, 0], SPEAKS]),
        seed("consent", 60, &[[4, 1, 0, 0], REVIEW, RECORDS, [4, 1, 1, 0], RECORDS, [4, 0, 0, 1], REVIEW]),
        seed("suspended", 60, &[[20, 0, 0, 0], SPEAKS, REVIEW, [21, 0, 0, 0], SPEAKS, RECORDS, [30, 1, 0, 0], SPEAKS]),
        seed("banned", 60, &[[2, 1, 0, 0], joins(1), [1, 0, 0, 0], joins(0), joins(2), joins(3), joins(4), joins(5)]),
        seed("full", 2, &[SPEAKS, SPEAKS, [1, 1, 0, 0], [13, 0, 0, 0], SPEAKS, DRAIN, SPEAKS, REVIEW, DRAIN]),
        seed("observed", 0xB0, &[[23, 0, 1, 0], RECORDS, REVIEW, [31, 1, 0, 0], RECORDS, REVIEW]),
        seed(
            "silent",
            60,
            &[[25, 1, 0, 0], SPEAKS, RECORDS, [24, 0, 50, 0], RECORDS, [25, 1, 1, 0], [24, 2, 0, 0], RECORDS],
        ),
        seed("handed", 60, &[[14, 0, 1, 0], [1, 0, 0, 0], [15, 0, 2, 0], REVIEW, [16, 1, 2, 8], [17, 0, 1, 9], DRAIN]),
        seed(
            "moved",
            60,
            &[[5, 0, 3, 1], SPEAKS, RECORDS, REVIEW, [3, 0, 0x10, 9], REVIEW, [26, 0, 200, 0], SPEAKS, [28, 0, 0, 0]],
        ),
        seed(
            "pinned",
            60,
            &[[22, 0, 1, 0], [23, 0, 1, 0], RECORDS, [22, 0, 0, 0], RECORDS, [23, 3, 203, 0], [23, 4, 0, 0]],
        ),
    ]
}
