//! The responder of anonymous discovery against a model of what it must answer.

use std::net::SocketAddr;

use iacp_core::crypto::{Provider as _, Secret32};
use iacp_core::discovery::dfa::State;
use iacp_core::discovery::{AWAIT_IDENTITY, Discoverable, NotAccepted, Search, TIMESTAMP_WINDOW, check};
use iacp_core::guard::Difficulty;
use iacp_core::identity::Identity;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::{Cookie, DhtKey, Eid};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use crate::provider::Keyed;

const SLOTS: usize = 4;
const FILTER: usize = 8;
const START: u64 = 1_790_000_000_000;
const BASE: u32 = 1;
const GAMMA: u32 = 3;

/// Four bytes.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// A requester makes a request: seed, claimed bits modulo 8, by a clock that differs by this many half seconds.
    Search(u8, u8, i8),
    /// A request has one byte changed.
    Change(u8, u8, u8),
    /// A request arrives from a port.
    Present(u8, u8),
    /// A PSS_INIT arrives from a port, of a peer, with a cookie.
    Init(u8, u8, u8),
    /// The exchange of a peer and a cookie completes, with or without a contract.
    Complete(u8, u8, bool),
    /// Time passes: the first times two to the power of the second, modulo 16, in milliseconds.
    Wait(u8, u8),
    /// The Unix clock is moved by this many minutes.
    Clock(i8),
}

impl Op {
    const fn read([code, a, b, c]: [u8; 4]) -> Self {
        match code % 7 {
            0 => Self::Search(a, b % 8, c.cast_signed()),
            1 => Self::Change(a, b, c),
            2 => Self::Present(a, b),
            3 => Self::Init(a, b, c),
            4 => Self::Complete(a, b, c % 2 == 1),
            5 => Self::Wait(a, b),
            _ => Self::Clock(a.cast_signed()),
        }
    }
}

struct Request {
    search: Search<3>,
    original: Vec<u8>,
    bytes: Vec<u8>,
}

struct Slot {
    port: u8,
    deadline: u64,
    initiator: Option<(u8, u8)>,
}

/// The responder, and the model of its memory.
struct World {
    now: u64,
    unix: u64,
    tested: Discoverable<SLOTS, FILTER>,
    difficulty: Difficulty,
    identity: Identity<Keyed>,
    requests: Vec<Request>,
    slots: [Option<Slot>; SLOTS],
    /// Digest and time of what was accepted.
    seen: [Option<([u8; 32], u64)>; FILTER],
}

pub(crate) fn run(input: &[u8]) {
    let mut world = World {
        now: 0,
        unix: START,
        tested: Discoverable::default(),
        difficulty: Difficulty::new(BASE, GAMMA, Mono(0)),
        identity: Identity::from_seed(&Secret32::new([7; 32])),
        requests: Vec::new(),
        slots: [const { None }; SLOTS],
        seen: [None; FILTER],
    };
    for op in input.as_chunks::<4>().0.iter().take(256) {
        world.step(Op::read(*op));
        let waiting = world.slots.iter().flatten();
        assert_eq!(world.tested.waiting(), waiting.clone().count());
        assert_eq!(world.tested.next_deadline(), waiting.map(|slot| Mono(slot.deadline)).min());
    }
}

fn address(port: u8) -> SocketAddr {
    ([192, 0, 2, 1], u16::from(port % 4)).into()
}

fn trailing_zeros(digest: &[u8; 32]) -> u32 {
    let last = u128::from_be_bytes(*digest.last_chunk().unwrap_or(&[0; 16]));
    if last == 0 { 128 } else { last.trailing_zeros() }
}

impl World {
    fn step(&mut self, op: Op) {
        match op {
            Op::Search(seed, bits, skew) => self.search(seed, bits, skew),
            Op::Change(which, at, by) => {
                let Some(place) = usize::from(which).checked_rem(self.requests.len()) else { return };
                let bytes = &mut self.requests[place].bytes;
                let at = usize::from(at) % bytes.len();
                bytes[at] ^= by;
            }
            Op::Present(which, port) => {
                let Some(place) = usize::from(which).checked_rem(self.requests.len()) else { return };
                self.present(place, port);
            }
            Op::Init(port, who, cookie) => self.init(port % 4, who % 4, cookie % 4),
            Op::Complete(who, cookie, contract) => self.complete(who % 4, cookie % 4, contract),
            Op::Wait(some, power) => {
                let passed = u64::from(some) << (power % 16);
                (self.now, self.unix) = (self.now + passed, self.unix + passed);
                let mut expired = 0;
                for slot in &mut self.slots {
                    expired += usize::from(slot.take_if(|slot| slot.deadline <= self.now).is_some());
                }
                assert_eq!(self.tested.handle_deadline(Mono(self.now)), expired);
            }
            Op::Clock(minutes) => self.unix = self.unix.saturating_add_signed(i64::from(minutes) * 60_000),
        }
    }

    fn search(&mut self, seed: u8, bits: u8, skew: i8) {
        let time = UnixTime(self.unix.saturating_add_signed(i64::from(skew) * 500));
        let rng = &mut ChaCha8Rng::seed_from_u64(seed.into());
        let (mut search, mut miner) = Search::begin::<Keyed>(DhtKey([seed; 32]), time, bits.into(), rng);
        let proven = miner.step(100_000).expect("seven bits take some hundred tries");
        let mut out = [0; 88];
        assert_eq!(search.request::<Keyed>(&proven, &mut out), Ok(88));
        self.requests.push(Request { search, original: out.to_vec(), bytes: out.to_vec() });
        if self.requests.len() > 16 {
            self.requests.remove(0);
        }
    }

    fn is_live(&self, at: u64) -> bool {
        at.abs_diff(self.unix) <= TIMESTAMP_WINDOW
    }

    /// What must be answered, by PROFILE section 3; and what is then remembered.
    fn expected(&mut self, bytes: &[u8], port: u8, difficulty: u32) -> Result<(), NotAccepted> {
        let (Some((head, body)), 88) = (bytes.split_first_chunk::<4>(), bytes.len()) else {
            return Err(NotAccepted::Malformed);
        };
        if *head != [0x10, 0x10, 0, 84] {
            return Err(NotAccepted::Malformed);
        }
        let at = u64::from_be_bytes(body[64..72].try_into().expect("8"));
        if !self.is_live(at) {
            return Err(NotAccepted::Timestamp);
        }
        let &[0, _, 0, claimed] = &body[80..84] else { return Err(NotAccepted::Threshold) };
        let claimed = u32::from(claimed);
        if claimed < difficulty {
            return Err(NotAccepted::Threshold);
        }
        let digest = Keyed::sha256(&[body]);
        if trailing_zeros(&digest) < claimed {
            return Err(NotAccepted::Proof);
        }
        let live = |seen: &Option<([u8; 32], u64)>| seen.is_some_and(|(_, at)| self.is_live(at));
        if self.seen.iter().any(|seen| live(seen) && seen.is_some_and(|(other, _)| other == digest)) {
            return Err(NotAccepted::Replayed);
        }
        let place = self.seen.iter().position(|seen| !live(seen)).ok_or(NotAccepted::FilterFull)?;
        let slot = self.slots.iter().position(Option::is_none).ok_or(NotAccepted::NoSlot)?;
        self.seen[place] = Some((digest, at));
        if body[32..64] == [0; 32] {
            return Err(NotAccepted::Seal);
        }
        self.slots[slot] = Some(Slot { port: port % 4, deadline: self.now + AWAIT_IDENTITY, initiator: None });
        Ok(())
    }

    fn present(&mut self, place: usize, port: u8) {
        let unix = UnixTime(self.unix);
        let bits = self.difficulty.observe(Mono(self.now), &self.tested.loads(unix));
        assert!((BASE..=BASE + GAMMA).contains(&bits));
        let bytes = self.requests[place].bytes.clone();
        let expected = self.expected(&bytes, port, bits);
        let mut out = [0; 96];
        let rng = &mut ChaCha8Rng::seed_from_u64(self.now);
        let answer = check::<Keyed>(&bytes, unix, bits).and_then(|proven| {
            self.tested.accept(&proven, address(port), Mono(self.now), unix, &self.identity, rng, &mut out)
        });
        assert_eq!(answer, expected.map(|()| 96));
        let Request { search, original, .. } = &mut self.requests[place];
        if answer.is_ok() {
            match search.open::<Keyed>(&out) {
                Ok(eid) => assert!(bytes == *original && eid == self.identity.eid()),
                Err(NotAccepted::Enough | NotAccepted::Replayed) => {}
                Err(refusal) => assert!(bytes != *original, "an answer to what was asked: {refusal}"),
            }
        }
    }

    fn init(&mut self, port: u8, who: u8, cookie: u8) {
        let candidates = self.slots.iter_mut().flatten().filter(|slot| slot.port == port);
        let slot =
            candidates.min_by_key(|slot| slot.initiator.map_or(1, |(other, _)| if other == who { 0 } else { 2 }));
        let taken = self.tested.on_pss_init(Mono(self.now), address(port), Eid([who; 32]), Cookie([cookie; 8]));
        assert_eq!(taken, slot.is_some());
        if let Some(slot) = slot {
            slot.initiator = Some((who, cookie));
        }
    }

    fn complete(&mut self, who: u8, cookie: u8, contract: bool) {
        let waits = |slot: &&mut Option<Slot>| slot.as_ref().is_some_and(|slot| slot.initiator == Some((who, cookie)));
        let slot = self.slots.iter_mut().find(waits);
        let reached = self.tested.on_established(Eid([who; 32]), Cookie([cookie; 8]), contract);
        let state = if contract { State::PssNegotiating } else { State::Established };
        assert_eq!(reached, slot.is_some().then_some(state));
        if let Some(slot) = slot {
            *slot = None;
        }
    }
}

/// Runs that fill slots and filter, repeat, expire and complete.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let seed = |name: &str, ops: &[[u8; 4]]| (name.to_owned(), ops.concat());
    vec![
        seed("answered", &[[0, 1, 4, 0], [2, 0, 1, 0], [3, 1, 1, 1], [4, 1, 1, 0]]),
        seed("negotiated", &[[0, 1, 4, 0], [2, 0, 1, 0], [3, 1, 1, 1], [3, 1, 2, 2], [4, 1, 1, 1], [4, 2, 2, 1]]),
        seed("repeated", &[[0, 1, 7, 0], [2, 0, 1, 0], [2, 0, 2, 0], [5, 250, 6, 0], [2, 0, 1, 0], [5, 250, 7, 0]]),
        seed("expired", &[[0, 1, 4, 0], [2, 0, 1, 0], [3, 1, 1, 1], [5, 250, 1, 0], [3, 1, 1, 1], [4, 1, 1, 0]]),
        seed("changed", &[[0, 1, 4, 0], [1, 0, 68, 1], [2, 0, 1, 0], [1, 0, 68, 1], [1, 0, 1, 4], [2, 0, 1, 0]]),
        seed("clock", &[[0, 1, 4, 0], [2, 0, 1, 0], [6, 100, 0, 0], [2, 0, 1, 0], [0, 1, 4, 0], [2, 1, 1, 0]]),
        seed("full", &(0..10).flat_map(|n| [[0, n, 6, n], [2, n, n, 0]]).collect::<Vec<_>>()),
        seed("filter", &(0..12).flat_map(|n| [[0, n, 7, 0], [2, n, n, 0], [5, 250, 1, 0]]).collect::<Vec<_>>()),
    ]
}
