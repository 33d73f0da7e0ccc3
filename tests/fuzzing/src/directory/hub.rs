//! The hub of a Discovery Space against a model of its members and of what it passes on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use iacp_core::crypto::Secret32;
use iacp_core::directory::Class;
use iacp_core::directory::node::{
    HEARERS, Hub, HubMemory, MOST, Member, NotRelayed, OF_NETWORK, PATIENCE, Passed, Relayed, STAY, Shown,
};
use iacp_core::directory::work::Worker;
use iacp_core::discovery::{Search, join};
use iacp_core::governance::window::Clock;
use iacp_core::identity::Identity;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::message::{DiscoveryRes, SpaceJoin, SpaceRelay};
use iacp_wire::{DhtKey, Flags, Frame, JoinCookie, Message, TransactionId};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use zerocopy::FromBytes as _;

use super::NOW;
use crate::provider::Keyed;
use crate::vectors::Named;

const PLACES: usize = 12;
/// Two of these are of this hub, and one is not.
const SPACES: [DhtKey; 3] = [DhtKey([0x81; 32]), DhtKey([0x82; 32]), DhtKey([0x90; 32])];
/// The networks, and the addresses of each.
const NETWORKS: u8 = 8;
const HOSTS: u8 = 4;
const MOST_STEPS: usize = 128;
/// The member keys.
const KEYS: u8 = 16;
/// How many requests wait at a time.
const WAITING: usize = 8;
/// A cookie is good for one to two of these, in milliseconds.
const COOKIES: u64 = 120_000;

/// Four bytes.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// A member key asks from an address for a cookie, and joins a space with it for so many minutes.
    Join(u8, u8, u8),
    /// The same with the cookie that this address got last, whatever it was for, and with so many bits of work.
    Late(u8, u8, u8),
    /// It leaves, with a cookie.
    Leave(u8, u8, u8),
    /// A seeker asks from an address; space and number of peers.
    Seek(u8, u8, u8),
    /// A request comes again, from an address.
    Repeat(u8, u8),
    /// What waits is sent.
    Poll,
    /// The answer of a member to something that it was sent; from its own address, if the second is even.
    Answer(u8, u8, u8),
    /// Time passes: the first times two to the power of the second, in milliseconds.
    Wait(u8, u8),
    /// The last datagram comes with one byte changed, from an address.
    Change(u8, u8, u8),
    /// From now on so many bits are asked for.
    Difficulty(u8),
}

impl Op {
    const fn read([code, a, b, c]: [u8; 4]) -> Self {
        match code % 12 {
            0 | 1 => Self::Join(a % KEYS, b, c),
            2 => Self::Late(a % KEYS, b, c),
            3 => Self::Leave(a % KEYS, b, c),
            4 => Self::Seek(a, b, c),
            5 => Self::Repeat(a, b),
            6 => Self::Poll,
            7 | 8 => Self::Answer(a, b, c),
            9 => Self::Wait(a, b % 16),
            10 => Self::Change(a, b, c),
            _ => Self::Difficulty(a % 6),
        }
    }
}

/// An agent in a space, by the model.
struct Hearer {
    space: usize,
    key: u8,
    at: SocketAddr,
    until: u64,
}

/// A request that was passed on.
struct Asked {
    request: Vec<u8>,
    seeker: SocketAddr,
    until: u64,
    /// How many members get it, and where those are that may: each address as often as it has members.
    count: usize,
    may: Vec<SocketAddr>,
}

/// What a member was sent.
#[derive(Clone, Copy)]
struct Sent {
    token: TransactionId,
    member: SocketAddr,
    request: usize,
    answered: bool,
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// How often an agent has joined or left.
    pub joined: usize,
    /// See above.
    pub left: usize,
    /// The most members of all spaces.
    pub most: usize,
    /// How many requests were passed on, to how many members, and how many answers went to their seekers.
    pub passed: usize,
    /// See above.
    pub sent: usize,
    /// See above.
    pub forwarded: usize,
    /// The statuses of joinings, and why nothing was said.
    pub statuses: BTreeSet<u32>,
    /// See above.
    pub silent: BTreeSet<String>,
}

struct World<'m> {
    hub: Hub<'m>,
    rng: ChaCha8Rng,
    ms: u64,
    difficulty: u32,
    /// The cookies that were given: where to, for which key and space; and when.
    cookies: BTreeMap<(SocketAddr, u8, usize, [u8; 16]), u64>,
    members: Vec<Hearer>,
    requests: Vec<Vec<u8>>,
    asked: Vec<Asked>,
    sent: Vec<Sent>,
    last: Vec<u8>,
    report: Report,
}

/// See [`crate::hub()`].
pub fn run(bytes: &[u8]) -> Report {
    let mut members = vec![None::<Member>; PLACES];
    let mut passed = vec![None::<Passed>; WAITING];
    let mut seen = vec![Shown::FREE; 64];
    let memory = HubMemory { members: &mut members, passed: &mut passed, seen: &mut seen };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut world = World {
        hub: Hub::new(memory, Mono(0), &mut rng),
        rng,
        ms: 0,
        difficulty: 1,
        cookies: BTreeMap::new(),
        members: Vec::new(),
        requests: Vec::new(),
        asked: Vec::new(),
        sent: Vec::new(),
        last: Vec::new(),
        report: Report::default(),
    };
    for op in bytes.as_chunks::<4>().0.iter().take(MOST_STEPS) {
        world.step(Op::read(*op));
        world.counts();
    }
    world.report
}

fn address(number: u8) -> SocketAddr {
    ([203, 0, number % NETWORKS, number / NETWORKS % HOSTS], 5_000).into()
}

fn network(at: SocketAddr) -> [u8; 3] {
    let std::net::IpAddr::V4(ip) = at.ip() else { panic!("all of these are IPv4") };
    let [a, b, c, _] = ip.octets();
    [a, b, c]
}

fn identity(key: u8) -> Identity<Keyed> {
    Identity::from_seed(&Secret32::new([key; 32]))
}

fn joining(key: u8, space: usize, until: u64, cookie: JoinCookie) -> Vec<u8> {
    let mut out = [0; 200];
    let length = join(&identity(key), SPACES[space], UnixTime(until), cookie, &mut out).expect("room");
    out[..length].to_vec()
}

fn frame(message: Message<'_>) -> Vec<u8> {
    let mut out = [0; 1_200];
    let length = Frame::new(message).write(&mut out).expect("it fits");
    out[..length].to_vec()
}

impl World<'_> {
    fn now(&self) -> Clock {
        Clock { mono: Mono(self.ms), unix: UnixTime(NOW.0 + self.ms) }
    }

    fn unix(&self) -> u64 {
        NOW.0 + self.ms
    }

    fn live(&self) -> impl Iterator<Item = &Hearer> {
        self.members.iter().filter(|member| member.until > self.unix())
    }

    fn step(&mut self, op: Op) {
        let unix = self.unix();
        match op {
            Op::Join(key, from, space) => {
                let (at, space) = (address(from), usize::from(space) % SPACES.len());
                let until = unix + STAY.min(u64::from(from) * 60_000 + 60_000);
                let cookie = self.cookie(key, at, space);
                let bits = self.difficulty;
                self.join((key, at, space, until), cookie, bits);
            }
            Op::Late(key, from, how) => {
                let (at, space) = (address(from), usize::from(how) % SPACES.len());
                let last = self.cookies.keys().rev().find(|(to, ..)| *to == at).map(|(.., cookie)| JoinCookie(*cookie));
                let until = unix + u64::from(how) * 20_000;
                self.join((key, at, space, until), last.unwrap_or(JoinCookie::ZERO), u32::from(how >> 4) % 8);
            }
            Op::Leave(key, from, space) => {
                let (at, space) = (address(from), usize::from(space) % SPACES.len());
                let cookie = self.cookie(key, at, space);
                let bits = self.difficulty;
                self.join((key, at, space, unix), cookie, bits);
            }
            Op::Seek(seed, from, how) => self.seek(seed, address(from), how),
            Op::Repeat(which, from) => {
                let Some(place) = usize::from(which).checked_rem(self.requests.len()) else { return };
                let request = self.requests[place].clone();
                self.present(&request, address(from));
            }
            Op::Poll => self.poll(),
            Op::Answer(which, from, how) => self.answer(which, from, how),
            Op::Wait(some, power) => self.ms += u64::from(some) << power,
            Op::Change(place, flip, from) => {
                let mut datagram = self.last.clone();
                let Some(at) = usize::from(place).checked_rem(datagram.len()) else { return };
                datagram[at] ^= flip;
                self.present(&datagram, address(from));
            }
            Op::Difficulty(bits) => self.difficulty = bits.into(),
        }
    }

    fn handle(&mut self, from: SocketAddr, datagram: &[u8]) -> (Relayed, Vec<u8>) {
        let mut out = [0; 1_200];
        let serves = |space: &DhtKey| SPACES[..2].contains(space);
        let (now, difficulty) = (self.now(), self.difficulty);
        let relayed = self.hub.handle::<Keyed>(now, difficulty, serves, from, datagram, &mut self.rng, &mut out);
        self.last = datagram.to_vec();
        let length = match relayed {
            Relayed::Answer(length) => {
                assert!(length <= datagram.len(), "no answer is longer than its request");
                length
            }
            Relayed::Forward(_, length) => length,
            Relayed::Passed(_) => 0,
            Relayed::Silence(silence) => {
                self.report.silent.insert(format!("{silence:?}"));
                0
            }
        };
        (relayed, out[..length].to_vec())
    }

    /// A datagram comes from an address: what becomes of it is what the model says.
    fn present(&mut self, datagram: &[u8], from: SocketAddr) {
        match Frame::parse(datagram).map(|frame| frame.message) {
            Ok(Message::SpaceJoin(join)) => self.joins(datagram, from, join, 0),
            Ok(Message::WorkedRequest { head, inner }) => {
                let bits = head.pow_target_threshold.get() & 0xFF;
                match Frame::parse(inner).map(|frame| frame.message) {
                    Ok(Message::SpaceJoin(join)) => self.joins(datagram, from, join, bits),
                    _ => self.says_nothing(datagram, from),
                }
            }
            Ok(Message::DiscoveryReq(_)) => self.request(datagram, from),
            Ok(Message::SpaceRelay { head, inner }) => self.relay(datagram, from, head, inner),
            _ => self.says_nothing(datagram, from),
        }
    }

    fn says_nothing(&mut self, datagram: &[u8], from: SocketAddr) {
        let (relayed, _) = self.handle(from, datagram);
        assert!(matches!(relayed, Relayed::Silence(_)), "{relayed:?}");
    }

    /// A SPACE_JOIN without a cookie, which stores nothing: the cookie that it gets.
    fn cookie(&mut self, key: u8, at: SocketAddr, space: usize) -> JoinCookie {
        let join = joining(key, space, self.unix() + STAY, JoinCookie::ZERO);
        self.present(&join, at);
        let of_this = self.cookies.iter().filter(|((to, whose, of, _), _)| (*to, *whose, *of) == (at, key, space));
        let last = of_this.max_by_key(|(_, given)| **given);
        last.map_or(JoinCookie::ZERO, |((.., cookie), _)| JoinCookie(*cookie))
    }

    /// A SPACE_JOIN in its proof of work.
    fn join(&mut self, (key, at, space, until): (u8, SocketAddr, usize, u64), cookie: JoinCookie, bits: u32) {
        let inner = joining(key, space, until, cookie);
        let (unix, bits) = (UnixTime(self.unix()), u8::try_from(bits).expect("few"));
        let mut worker = Worker::new::<Keyed>(Class::Spaces, SPACES[space], bits, unix, self.ms << 16, &inner);
        let head = std::iter::repeat_with(|| worker.step(1 << 12)).flatten().next().expect("little work");
        self.present(&frame(Message::WorkedRequest { head: &head, inner: &inner }), at);
    }

    /// A joining or leaving, with so many bits of work.
    fn joins(&mut self, datagram: &[u8], at: SocketAddr, join: &SpaceJoin, bits: u32) {
        let (relayed, answer) = self.handle(at, datagram);
        let (status, given) = match relayed {
            Relayed::Silence(_) => return,
            Relayed::Answer(_) => match Frame::parse(&answer).expect("a frame").message {
                Message::SpaceStatus(status) => (status.status.get(), status.join_cookie),
                Message::Error(error) => (1_000 + u32::from(error.code.get()), JoinCookie::ZERO),
                other => panic!("{other:?}"),
            },
            other => panic!("a joining is answered, not {other:?}"),
        };
        self.report.statuses.insert(status);
        let (until, unix) = (join.expiration_timestamp.get(), self.unix());
        let space = SPACES.iter().position(|space| *space == join.target_space_coordinate);
        let key = (0..KEYS).find(|key| identity(*key).eid() == join.member_key);
        let (Some(space), Some(key)) = (space, key) else {
            return assert!(matches!(status, COOKIE | NOT_RESPONSIBLE | TOO_LITTLE | REFUSED), "{status}");
        };
        let of = (at, key, space, join.join_cookie.0);
        let is_proven = self.cookies.get(&of).is_some_and(|given| self.ms < given + 2 * COOKIES);
        let is_it = |one: &Hearer| one.space == space && one.key == key;
        let others = self.live().filter(|one| !is_it(one));
        let near = others.filter(|one| network(one.at) == network(at)).count();
        match status {
            OK => {
                assert!(is_proven, "no address joins without its own cookie");
                let sound = joining(key, space, until, join.join_cookie);
                assert!(datagram.ends_with(&sound), "nor with a signature that does not hold");
                assert!(space < 2 && until <= unix + STAY);
                assert!(until <= unix || (bits >= self.difficulty && near < OF_NETWORK));
                self.members.retain(|one| !is_it(one));
                if until > unix {
                    self.members.push(Hearer { space, key, at, until });
                    self.report.joined += 1;
                } else {
                    self.report.left += 1;
                }
            }
            CAPACITY => {
                let is_full = self.live().count() >= PLACES && !self.live().any(is_it);
                assert!(is_full || near >= OF_NETWORK, "there was room");
            }
            NOT_RESPONSIBLE => assert_eq!(space, 2),
            REFUSED => assert!(until > unix + STAY),
            COOKIE => {
                assert!(!is_proven, "it was its own");
                self.cookies.insert((at, key, space, given.0), self.ms / COOKIES * COOKIES);
            }
            TOO_LITTLE => assert!(bits < self.difficulty),
            other => panic!("status {other}"),
        }
    }

    fn seek(&mut self, seed: u8, from: SocketAddr, how: u8) {
        let (space, wanted) = (SPACES[usize::from(how) % 3], u32::from(how / 3) % 40);
        let bits = u32::from(seed) % 8;
        let rng = &mut ChaCha8Rng::seed_from_u64(seed.into());
        let time = UnixTime(self.unix());
        let (mut search, mut miner) = Search::<3>::begin::<Keyed>(space, time, wanted << 16 | bits, rng);
        let proven = std::iter::repeat_with(|| miner.step(1 << 12)).flatten().next().expect("little work");
        let mut out = [0; 88];
        assert_eq!(search.request::<Keyed>(&proven, &mut out), Ok(88));
        if self.requests.len() < 16 {
            self.requests.push(out.to_vec());
        }
        self.present(&out, from);
    }

    /// A request goes to as many members as it wants, or to all; once.
    fn request(&mut self, request: &[u8], from: SocketAddr) {
        let [.., zero, wanted, nil, bits] = *request else { panic!("a request") };
        let bits = u32::from(bits);
        let space = SPACES[..2].iter().position(|space| request[4..36] == space.0);
        let hears = |one: &&Hearer| Some(one.space) == space && one.at != from;
        let may: Vec<SocketAddr> = self.live().filter(hears).map(|one| one.at).collect();
        let most = if wanted == 0 { HEARERS } else { usize::from(wanted).min(MOST) };
        let was_passed = self.asked.iter().any(|asked| asked.request == request);
        let (relayed, answer) = self.handle(from, request);
        match relayed {
            Relayed::Passed(count) => {
                assert!(bits >= self.difficulty && (zero, nil) == (0, 0));
                assert_eq!(count, most.min(may.len()), "as many as are wanted, or all");
                assert!(count > 0 && !was_passed, "a request is passed on once");
                let until = self.ms + PATIENCE;
                self.asked.push(Asked { request: request.to_vec(), seeker: from, until, count, may });
                self.report.passed += 1;
            }
            Relayed::Answer(_) => {
                let frame = Frame::parse(&answer).expect("a frame");
                assert!(matches!(frame.message, Message::Error(_)) && bits < self.difficulty);
            }
            Relayed::Silence(NotRelayed::NoMember) => assert!(may.is_empty()),
            Relayed::Silence(NotRelayed::Spent) => assert!(was_passed),
            Relayed::Silence(NotRelayed::Full) => {
                // One network has one of the places, and of each set of eight proofs four.
                let waiting = self.asked.iter().filter(|asked| self.ms < asked.until);
                let of_network = waiting.clone().filter(|asked| network(asked.seeker) == network(from)).count();
                assert!(of_network > 0 || waiting.count() >= WAITING || self.asked.len() >= 4, "there was room");
            }
            Relayed::Silence(NotRelayed::Throttled | NotRelayed::Work | NotRelayed::Form) => {}
            other => panic!("{other:?}"),
        }
    }

    /// What is sent goes to members alone, to each as often as it is one, and no more often than was said.
    fn poll(&mut self) {
        let mut out = [0; 1_200];
        while let Some((to, length)) = self.hub.poll_transmit(Mono(self.ms), &mut out) {
            let Message::SpaceRelay { head, inner } = Frame::parse(&out[..length]).expect("a frame").message else {
                panic!("no SPACE_RELAY")
            };
            assert!(self.sent.iter().all(|sent| sent.token != head.relay_token), "each has a token of its own");
            let request =
                self.asked.iter().position(|asked| asked.request == inner).expect("a request that was passed");
            let asked = &mut self.asked[request];
            let place = asked.may.iter().position(|may| *may == to).expect("a member that has not got it");
            asked.may.remove(place);
            assert!(self.ms < asked.until && asked.count > 0);
            asked.count -= 1;
            self.sent.push(Sent { token: head.relay_token, member: to, request, answered: false });
            self.report.sent += 1;
        }
        let waits = |asked: &Asked| self.ms < asked.until && asked.count > 0;
        assert!(!self.asked.iter().any(waits), "all that were said are sent");
    }

    fn answer(&mut self, which: u8, from: u8, how: u8) {
        let Some(place) = usize::from(which).checked_rem(self.sent.len()) else { return };
        let Sent { token, member, .. } = self.sent[place];
        let body = DiscoveryRes::read_from_bytes(&[how; DiscoveryRes::LEN]).expect("any bytes");
        let inner = frame(Message::DiscoveryRes(&body));
        let datagram = frame(Message::SpaceRelay { head: &SpaceRelay { relay_token: token }, inner: &inner });
        self.present(&datagram, if from.is_multiple_of(2) { member } else { address(from) });
    }

    fn relay(&mut self, datagram: &[u8], at: SocketAddr, head: &SpaceRelay, inner: &[u8]) {
        let place = self.sent.iter().position(|sent| sent.token == head.relay_token);
        let may = place.filter(|place| {
            let Sent { member, request, answered, .. } = self.sent[*place];
            at == member && !answered && self.ms < self.asked[request].until
        });
        let (relayed, forwarded) = self.handle(at, datagram);
        match relayed {
            Relayed::Forward(to, _) => {
                let sent = &mut self.sent[may.expect("an answer that was asked for")];
                assert!(to == self.asked[sent.request].seeker && forwarded == inner);
                sent.answered = true;
                self.report.forwarded += 1;
            }
            Relayed::Silence(NotRelayed::Throttled) => {}
            Relayed::Silence(NotRelayed::Token) => assert!(may.is_none(), "an answer that was asked for is handed on"),
            Relayed::Silence(NotRelayed::Form) => {
                let message = Frame::parse(inner).map(|frame| (frame.message, frame.flags, frame.tlvs));
                let is_answer = matches!(message, Ok((Message::DiscoveryRes(_), flags, tlvs))
                    if flags == Flags::NONE && tlvs.as_bytes().is_empty());
                let head = Frame::parse(datagram).expect("it was read");
                assert!(!is_answer || head.flags != Flags::NONE, "an answer of the one form");
            }
            other => panic!("{other:?}"),
        }
    }

    fn counts(&mut self) {
        for (number, space) in SPACES.iter().enumerate() {
            let expected = self.live().filter(|one| one.space == number).count();
            assert_eq!(self.hub.members(UnixTime(self.unix()), space), expected);
        }
        let all = self.live().count();
        assert!(all <= PLACES);
        self.report.most = self.report.most.max(all);
    }
}

const OK: u32 = 0;
const CAPACITY: u32 = 4;
const NOT_RESPONSIBLE: u32 = 17;
const REFUSED: u32 = 21;
const COOKIE: u32 = 24;
/// ERROR WORK_TOO_LOW.
const TOO_LITTLE: u32 = 1_002;

/// Spaces with members, requests, answers, and what is refused.
pub(crate) fn hub_seeds() -> Named {
    let seed = |name: &str, ops: &[[u8; 4]]| (name.to_owned(), ops.concat());
    let join = |key: u8| [0, key, 2 * key, 0];
    let (poll, three) = ([6, 0, 0, 0], [join(1), join(2), join(3)]);
    let seek = |seed: u8, from: u8| [4, seed, from, 3 * 2];
    let answer = |which: u8| [7, which, 0, 1];
    vec![
        seed("asked", &[&three[..], &[seek(1, 1), poll, answer(0), answer(0), answer(1), [7, 1, 1, 0]]].concat()),
        seed("left", &[&three[..], &[[3, 1, 2, 0], [3, 2, 4, 0], seek(1, 1), poll, answer(0)]].concat()),
        seed(
            "late",
            &[join(1), [2, 1, 2, 0x63], [9, 250, 10, 0], [2, 1, 2, 0x63], seek(1, 1), poll, [9, 250, 10, 0], answer(0)],
        ),
        seed(
            "again",
            &[&three[..], &[seek(7, 1), [5, 0, 1, 0], [5, 0, 3, 0], poll, [9, 250, 8, 0], [5, 0, 1, 0]]].concat(),
        ),
        seed("crowd", &(0..16).map(|key| [0, key, key, 0]).collect::<Vec<_>>()),
        seed("network", &[[0, 1, 0, 0], [0, 2, 8, 0], [0, 3, 16, 0], [0, 3, 16, 1], [0, 1, 24, 0], [0, 1, 0, 2]]),
        seed("work", &[join(1), [11, 5, 0, 0], seek(1, 1), seek(13, 1), [2, 2, 2, 0x10], [2, 2, 2, 0x70], join(4)]),
        seed("changed", &[join(1), [10, 100, 1, 2], [10, 200, 1, 2], seek(1, 1), [10, 80, 1, 1], poll, [10, 3, 1, 1]]),
        seed("members", &(0..40).map(|key| [0, key, key, 0]).chain([seek(2, 9), poll]).collect::<Vec<_>>()),
    ]
}
