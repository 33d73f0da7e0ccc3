//! Runs that lead everywhere: from here arbitrary bytes find the rest.

use super::Op;
use super::Op::{
    Again, Ask, Challenge, Clear, Cut, Degrade, Dock, Evolve, Guess, Init, Keepalive, Mapping, Move, Node, Noise,
    Notice, Renew, Rotate, Silence, Standing, Storage, Wait, Weather,
};

/// The first agents of the three hosts, and the second ones, which have a root key.
const A: u8 = 0;
const B: u8 = 1;
const C: u8 = 2;
const A2: u8 = 3;
const B2: u8 = 4;

/// Capabilities, as [`Op`] reads them; HOLD, and the record of a line.
const NOTHING: u8 = 0;
const CONTRACT: u8 = 1;
const ENDPOINTS: u8 = 2;
const RESUME: u8 = 3;
const EXCLUSIVE: u8 = 4;
const LINES_TOO: u8 = 5;
const HOLD: u8 = 8;
const RECORD: u8 = 16;

/// Directory, and none.
const WITH: [u8; 4] = [1, 0, 0, 0];
const WITHOUT: [u8; 4] = [2, 1, 0, 0];

const fn ask(op: u16, who: u8, b: u8, c: u8) -> Op {
    Ask { op, who, b, c }
}

const fn listen(who: u8, c: u8) -> Op {
    ask(1, who, 4, c)
}

/// An agent opens a session with another one.
const fn open(who: u8, with: u8, c: u8) -> Op {
    ask(2, who, with, c)
}

/// So many items of 40 bytes.
const fn send(who: u8, items: u8) -> Op {
    ask(3, who, 10, items - 1)
}

/// About two seconds, and about twelve.
const SOON: Op = Wait(1, 11);
const LATER: Op = Wait(6, 11);
/// Terms that were proposed are accepted.
const fn accept(who: u8) -> Op {
    ask(6, who, 0, 0)
}

/// A session with endpoints and a contract, from the first agent of host 0 to that of host 1.
const fn shared(c: u8) -> [Op; 8] {
    [LATER, listen(B, c), open(A, B, c), SOON, accept(A), SOON, accept(B), SOON]
}

/// Both sides of a session that goes on elsewhere accept its terms, whichever of their sessions it is.
const fn settled(one: u8, other: u8) -> [Op; 14] {
    let (first, second, third) = (ask(6, one, 0, 0), ask(6, one, 1, 0), ask(6, one, 2, 0));
    let (fourth, fifth, sixth) = (ask(6, other, 0, 0), ask(6, other, 1, 0), ask(6, other, 2, 0));
    [SOON, first, second, third, fourth, fifth, sixth, SOON, first, second, fourth, fifth, sixth, SOON]
}

/// Endpoints of the first agent, one open and one sealed, that the other one follows.
const FOLLOWED: [Op; 14] = [
    ask(11, A, 1, 1),
    ask(11, A, 5, 2),
    ask(17, A, B, 1 | 1 << 1),
    ask(15, A, 0, 7),
    ask(15, A, 16, 7),
    SOON,
    ask(16, B, 0, 1),
    ask(16, B, 0, 1 | 1 << 1),
    SOON,
    ask(12, A, 0, 3),
    ask(12, A, 2, 4),
    ask(12, B, 1, 0),
    ask(13, B, 1, 0),
    SOON,
];

/// Seeds: a name, and the bytes of a run.
///
/// # Panics
/// Never: the operations are written as they are read.
#[must_use]
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    #[rustfmt::skip]
    let all: [(&str, [u8; 4], Vec<Op>); 22] = [
        ("silence", WITH, vec![LATER, Silence(0)]),
        (
            "items",
            WITH,
            vec![
                LATER, listen(B, NOTHING), open(A, B, NOTHING), SOON, send(A, 20), SOON, send(B, 3),
                ask(7, A, 0, 0), SOON, ask(7, B, 0, 0), SOON, ask(8, A, 0, 1), SOON, ask(8, B, 0, 1), LATER,
            ],
        ),
        (
            "full",
            WITH,
            vec![
                LATER, listen(B, NOTHING), open(A, B, NOTHING), SOON, Cut(0, 1), send(A, 60), SOON,
                open(A, C, NOTHING), ask(3, A, 10, 1 << 6), Cut(0, 1), LATER, LATER, send(A, 30), LATER,
            ],
        ),
        (
            "aborted",
            WITH,
            vec![
                LATER, listen(B, NOTHING), open(A, B, NOTHING), SOON, Cut(0, 1), send(A, 60), ask(9, A, 0, 1),
                Cut(0, 1), SOON, open(B, A, NOTHING), SOON, listen(A, NOTHING), ask(9, B, 0, 5), LATER,
            ],
        ),
        (
            "contract",
            WITH,
            vec![
                LATER, listen(B, CONTRACT), open(A, B, CONTRACT), SOON, ask(6, A, 0, 1 | 9 << 1), SOON,
                ask(6, B, 0, 1 | 7 << 1), SOON, accept(A), SOON, accept(B), SOON, send(A, 2), SOON,
            ],
        ),
        (
            "held",
            WITH,
            vec![
                LATER, listen(B, HOLD), open(A, B, HOLD), SOON, send(A, 20), SOON, ask(24, B, 0, 0), SOON,
                ask(5, B, 0, 0), SOON, ask(21, B, 0, 0), send(A, 4), LATER, ask(21, B, 1, 0), ask(5, B, 0, 200),
                ask(5, B, 0, 0), LATER,
            ],
        ),
        (
            "lines",
            WITH,
            vec![
                LATER, listen(B, RESUME | HOLD), open(A, B, RESUME), SOON, send(A, 9), SOON, ask(5, B, 0, 0), SOON,
                Cut(0, 1), Cut(1, 0), send(A, 3), ask(9, A, 0, 1), SOON, Cut(0, 1), Cut(1, 0), ask(4, B, 0, 0),
                open(A, B, RESUME | RECORD), LATER, send(A, 2), LATER, Renew(1), SOON, LATER,
            ],
        ),
        (
            "cut",
            WITH,
            vec![
                LATER, listen(B, NOTHING), open(A, B, NOTHING), SOON, send(A, 4), Cut(0, 1), Cut(1, 0), LATER,
                LATER, LATER, LATER, LATER, send(A, 2), Cut(0, 1), Cut(1, 0), LATER, LATER,
            ],
        ),
        (
            "moved",
            WITH,
            vec![
                LATER, listen(B, NOTHING), open(A, B, NOTHING), SOON, send(A, 4), Move(0, 7), send(A, 4), SOON,
                Move(1, 9), send(B, 2), LATER, Weather(100, 60), send(A, 9), LATER, Weather(0, 0), LATER,
            ],
        ),
        (
            "endpoints",
            WITH,
            [&shared(ENDPOINTS)[..], &FOLLOWED, &[ask(14, A, 0, 0), SOON, ask(15, A, 16, 0), LATER]].concat(),
        ),
        (
            "pair",
            WITH,
            [
                &shared(EXCLUSIVE)[..],
                &[ask(11, A, 0, 0), SOON, ask(12, A, 0, 5), SOON, ask(13, B, 1, 0), ask(13, A, 0, 0), SOON],
            ]
            .concat(),
        ),
        (
            "endpoints-after-docking",
            WITH,
            [
                &shared(LINES_TOO)[..],
                &FOLLOWED,
                &[Dock(A, 2, 0)],
                &settled(C + 6, B),
                &[
                    ask(12, C + 6, 0, 6), ask(12, C + 6, 2, 7), LATER, ask(15, C + 6, 0, 3), SOON, ask(16, B, 1, 1),
                    LATER, ask(13, C + 6, 0, 0), LATER,
                ],
                &[ask(14, C + 6, 0, 0), LATER],
            ]
            .concat(),
        ),
        (
            "follower-docks",
            WITH,
            [
                &shared(LINES_TOO)[..],
                &FOLLOWED,
                &[Dock(B, 2, 0)],
                &settled(C + 6, A),
                &[
                    ask(12, A, 0, 6), ask(12, A, 2, 7), LATER, ask(16, C + 6, 0, 1), LATER, ask(12, A, 0, 8), LATER,
                    send(A, 4), LATER,
                ],
            ]
            .concat(),
        ),
        (
            "docked-and-back",
            WITH,
            vec![
                LATER, listen(B, RESUME), open(A, B, RESUME), SOON, send(A, 9), Dock(A, 1, 1), Dock(A, 2, 0), SOON,
                send(C + 6, 3), LATER, Dock(C + 6, 0, 0), LATER, Dock(B, 2, 2), SOON, Dock(A2, 1, 3), SOON, LATER,
            ],
        ),
        (
            "accused",
            WITH,
            [
                &shared(ENDPOINTS)[..],
                &[
                    Node(1, 0), Node(2, 1), Node(3, 0), Challenge(0, B), send(A, 20), LATER, Weather(120, 0),
                    send(A, 30), LATER,
                ],
                &[LATER, LATER, send(A, 20), LATER, LATER, Weather(0, 0), Clear(0, B), send(A, 4), LATER],
            ]
            .concat(),
        ),
        (
            "throttled",
            WITH,
            [
                &[LATER, Standing(B, 1), Standing(A, 1)][..],
                &shared(NOTHING)[1..],
                &[Degrade(0, B), send(A, 40), LATER, send(A, 40), LATER, Standing(C, 2), open(A, C, NOTHING), LATER],
            ]
            .concat(),
        ),
        (
            "directory",
            WITH,
            vec![
                ask(20, A2, 0, 0), LATER, ask(20, A2, 1, 0), ask(20, A, 2, 9), ask(10, A, B, 0), SOON, Mapping(B),
                ask(25, A, 0, 0), SOON, ask(25, A, 0, 0), ask(25, A, 3, 0), Notice(A2, 1), Notice(A2, 2), LATER,
                ask(10, A, C, 0), LATER,
            ],
        ),
        (
            "derived",
            WITH,
            vec![
                LATER, listen(B, NOTHING), open(A, B, NOTHING), SOON, ask(18, A, 0, 3), ask(18, A, 1, 3),
                ask(19, A, 0, 0), ask(19, A, 0, 0), ask(9, A, 0, 1), SOON,
            ],
        ),
        (
            "rotated",
            WITH,
            vec![
                LATER, listen(B, NOTHING), open(A, B, NOTHING), SOON, ask(22, A2, 1, 4), LATER, Rotate(A, 0), SOON,
                LATER, ask(22, B2, 0, 5), ask(23, C, 0, 0), SOON, Init(1, 3), LATER, Rotate(B, 1), LATER, LATER,
            ],
        ),
        (
            "evolved",
            WITH,
            vec![
                LATER, listen(B2, NOTHING), open(A2, B2, NOTHING), SOON, Evolve(A2, 0), SOON, send(A2, 3), SOON,
                Evolve(A2, 1), SOON, Evolve(B2, 0x80), SOON, Keepalive(A, 4), Keepalive(A, 0), LATER,
            ],
        ),
        (
            "hostile",
            WITH,
            vec![
                LATER, listen(B, CONTRACT), open(A, B, CONTRACT), SOON, accept(A), accept(B), send(A, 9),
                Again(0, 90, 2), Again(1, 30, 34), Again(3, 7, 1), Again(5, 0, 4), Again(9, 0, 0), SOON,
                Noise(0, 0x81, 3), Noise(1, 0x60, 9), Guess(A, 1), Guess(A, 2), Storage(0), Move(0, 3), SOON,
                Storage(0), LATER,
            ],
        ),
        (
            "without-directory",
            WITHOUT,
            vec![
                SOON, listen(B, NOTHING), open(A, B, NOTHING), SOON, send(A, 9), SOON, ask(10, A, B, 0),
                ask(25, A, 0, 0), Move(0, 5), LATER, send(A, 2), LATER, Init(0, 2), Init(0, 2), Init(0, 2),
                ask(8, A, 0, 0), LATER,
            ],
        ),
    ];
    let bytes = |settings: [u8; 4], ops: &[Op]| {
        settings.into_iter().chain(ops.iter().flat_map(|op| op.write())).collect::<Vec<u8>>()
    };
    all.iter().map(|(name, settings, ops)| ((*name).to_owned(), bytes(*settings, ops))).collect()
}
