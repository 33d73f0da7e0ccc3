//! The hub of a Discovery Space (`IACP §6.2`): a responsible node that passes worked requests on to agents that asked to hear them.
//!
//! ```text
//!  seeker                     hub                         member
//!                             ◀── SPACE_JOIN, no cookie ──
//!                             ── SPACE_STATUS, a cookie ─▶   nothing is stored
//!                             ◀── SPACE_JOIN, worked ─────   the address is proven
//!  ── DISCOVERY_REQ ────────▶
//!                             ── SPACE_RELAY, token ─────▶   to some of the members, drawn at random
//!                             ◀── SPACE_RELAY, token ─────   if its filter says so
//!  ◀── DISCOVERY_RES ────────
//! ```
//!
//! Members are no records: they are handed to no other node and named in no answer. What a hub sees is what a seeker sees.

use core::net::SocketAddr;

use iacp_wire::message::{DiscoveryReq, DiscoveryRes, SpaceJoin, SpaceRelay, SpaceStatus};
use iacp_wire::{DhtKey, Eid, Frame, HEADER_LEN, JoinCookie, Locator, Message, RefusedDigest, TransactionId};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::answer::{self, code};
use super::request::plain;
use super::seen::{Presented, Seen, Shown};
use crate::crypto::{Provider, Secret32};
use crate::directory::Class;
use crate::directory::work::{NotWorked, check_claim, check_frame, check_proof};
use crate::discovery::{ANSWER_LEN, check, peers_wanted};
use crate::governance::window::Clock;
use crate::guard::{Ingress, Rate, Weight, site, tokens};
use crate::identity::verify_frame;
use crate::slots::IndexKey;
use crate::time::{Mono, UnixTime};

/// The most members of a space at a hub.
pub const MEMBERS: usize = 64;
/// The most members of one network in a space.
pub const OF_NETWORK: usize = 2;
/// The share of one network among the members of all spaces: one in this number.
const SHARE: usize = 64;
/// The share of one network among the requests that wait for answers: one in this number.
const WAITING_SHARE: usize = 8;
/// How long a member stays at most, in milliseconds.
pub const STAY: u64 = 3_600_000;
/// How many members get a request that names no number.
pub const HEARERS: usize = 8;
/// The most members that get a request.
pub const MOST: usize = 32;
/// How long a request waits for answers, in milliseconds.
pub const PATIENCE: u64 = 10_000;
/// A cookie is good for one to two of these, in milliseconds.
const COOKIES: u64 = 120_000;
/// Tokens of one network.
const PER_NETWORK: Rate = Rate { capacity: 256, per_second: 64 };
const ALL: Rate = Rate { capacity: 4_096, per_second: 2_048 };
const REQUEST: usize = HEADER_LEN + DiscoveryReq::LEN;

/// Statuses of a SPACE_STATUS.
mod status {
    pub const OK: u32 = 0;
    pub const CAPACITY: u32 = 4;
    pub const NOT_RESPONSIBLE: u32 = 17;
    pub const REFUSED: u32 = 21;
    pub const COOKIE: u32 = 24;
}

/// An agent that hears what is asked in a space.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    space: DhtKey,
    key: Eid,
    at: SocketAddr,
    until: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Not,
    Asked,
    Answered,
}

#[derive(Clone, Copy, Debug)]
struct Relay {
    token: TransactionId,
    member: SocketAddr,
    heard: Heard,
}

/// A request that is being passed on.
#[derive(Clone, Debug)]
pub struct Passed {
    seeker: SocketAddr,
    until: Mono,
    request: [u8; REQUEST],
    relays: heapless::Vec<Relay, MOST>,
}

/// The caller's memory.
pub struct HubMemory<'m> {
    /// Members of all spaces.
    pub members: &'m mut [Option<Member>],
    /// Requests under way.
    pub passed: &'m mut [Option<Passed>],
    /// Proofs that were used, in eights.
    pub seen: &'m mut [Shown],
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Relayed {
    /// The number of bytes that go back to the sender.
    Answer(usize),
    /// The address of a seeker, and the number of bytes that go to it: a member's answer.
    Forward(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] SocketAddr, usize),
    /// The number of members that will get the request: see [`Hub::poll_transmit`].
    Passed(usize),
    /// Nothing is sent.
    Silence(NotRelayed),
}

impl core::fmt::Display for Relayed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Answer(bytes) => write!(f, "answered with {bytes} bytes"),
            Self::Forward(to, _) => write!(f, "a member's answer goes to {to}"),
            Self::Passed(members) => write!(f, "passed on to {members} members"),
            Self::Silence(why) => write!(f, "silence: {why}"),
        }
    }
}

/// Why a hub says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotRelayed {
    /// It is not a frame for a hub.
    Form,
    /// Its network has sent too much.
    Throttled,
    /// Its work is missing, old, or for another frame.
    Work,
    /// The proof has been used.
    Spent,
    /// There is no room to wait for answers, or to remember the proof.
    Full,
    /// No agent of the space would get it, or this node is not a hub of it.
    NoMember,
    /// No such token, or not from the member that it was for.
    Token,
    /// The signature is not the member key's.
    Signature,
}

words! {
    NotRelayed {
        Self::Form => "no frame for a hub",
        Self::Throttled => "too many from this network",
        Self::Work => "the work is missing, old, or for another frame",
        Self::Spent => "the proof has been used",
        Self::Full => "no room to wait for answers, or to remember the proof",
        Self::NoMember => "no agent of the space would get it",
        Self::Token => "no such token, or another member's",
        Self::Signature => "the signature is not the member key's",
    }
}

/// A hub, over the caller's memory.
///
/// An agent asks to hear what is searched in a space; at first it gets a cookie, which shows that it is at its address:
///
/// ```
/// use iacp_core::directory::node::{Hub, HubMemory, Member, NotRelayed, Passed, Relayed, Shown};
/// use iacp_core::discovery::{join, space_of_topic};
/// # use iacp_core::crypto::{ChaChaOnly, Secret32};
/// # use iacp_core::governance::window::Clock;
/// # use iacp_core::identity::Identity;
/// # use iacp_core::time::{Mono, UnixTime};
/// # use iacp_wire::{Frame, JoinCookie, Message};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
/// # let now = Clock { mono: Mono(0), unix: UnixTime(1_790_000_010_000) };
/// # let member = Identity::<ChaChaOnly>::generate(&mut rng);
/// # let from = ([192, 0, 2, 1], 4227).into();
///
/// let (mut members, mut passed) = ([None::<Member>; 64], [const { None::<Passed> }; 16]);
/// let memory = HubMemory { members: &mut members, passed: &mut passed, seen: &mut [Shown::FREE; 64] };
/// let mut hub = Hub::new(memory, now.mono, &mut rng);
/// let (space, mut frame, mut out) = (space_of_topic::<ChaChaOnly>("chess"), [0; 156], [0; 1_200]);
/// join(&member, space, UnixTime(now.unix.0 + 60_000), JoinCookie::ZERO, &mut frame)?;
/// let serves = |asked: &_| *asked == space;
/// let told = hub.handle::<ChaChaOnly>(now, 16, serves, from, &frame, &mut rng, &mut out);
/// let Relayed::Answer(length) = told else { return Err("a SPACE_STATUS answers it".into()) };
/// let Message::SpaceStatus(status) = Frame::parse(&out[..length])?.message else { return Err("it is one".into()) };
/// assert_ne!(status.join_cookie, JoinCookie::ZERO);
/// assert_eq!(hub.members(now.unix, &space), 0, "the second SPACE_JOIN has the cookie and the work");
///
/// let told = hub.handle::<ChaChaOnly>(now, 16, serves, from, b"noise", &mut rng, &mut out);
/// assert_eq!(told, Relayed::Silence(NotRelayed::Form));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Hub<'m> {
    members: &'m mut [Option<Member>],
    passed: &'m mut [Option<Passed>],
    seen: Seen<'m>,
    ingress: Ingress<64>,
    secret: Secret32,
}

impl<'m> Hub<'m> {
    /// A hub without members. Its secrets come out of the caller's generator.
    pub fn new(memory: HubMemory<'m>, now: Mono, rng: &mut impl CryptoRng) -> Self {
        memory.members.iter_mut().for_each(|member| *member = None);
        memory.passed.iter_mut().for_each(|passed| *passed = None);
        let mut key = [0; 16];
        rng.fill_bytes(&mut key);
        Self {
            members: memory.members,
            passed: memory.passed,
            seen: Seen::new(memory.seen, IndexKey::new(key)),
            ingress: Ingress::new(ALL, PER_NETWORK, now, rng),
            secret: Secret32::random(rng),
        }
    }

    /// How many agents hear what is asked in a space.
    #[must_use]
    pub fn members(&self, now: UnixTime, space: &DhtKey) -> usize {
        self.members.iter().flatten().filter(|member| member.space == *space && member.until > now.0).count()
    }

    /// Handles a datagram. `difficulty` is that of the moment, for joining and for asking; `serves` says whether this node is among
    /// those for a space.
    #[expect(clippy::too_many_arguments, reason = "a datagram and all that it is handled with")]
    pub fn handle<P: Provider>(
        &mut self,
        now: Clock,
        difficulty: u32,
        serves: impl FnOnce(&DhtKey) -> bool,
        from: SocketAddr,
        datagram: &[u8],
        rng: &mut impl CryptoRng,
        out: &mut [u8],
    ) -> Relayed {
        let Some(frame) = plain(datagram) else { return Relayed::Silence(NotRelayed::Form) };
        let weight = match frame.message {
            Message::SpaceJoin(_) | Message::WorkedRequest { .. } => Weight::Search,
            Message::DiscoveryReq(_) | Message::SpaceRelay { .. } => Weight::Look,
            _ => return Relayed::Silence(NotRelayed::Form),
        };
        if self.ingress.admit(now.mono, from, tokens(weight, datagram.len())).is_err() {
            return Relayed::Silence(NotRelayed::Throttled);
        }
        match frame.message {
            Message::SpaceJoin(join) => self.on_join::<P>(now, difficulty, serves, from, (&frame, datagram), join, out),
            Message::WorkedRequest { head, inner } => {
                let parsed = plain(inner);
                let Some(Frame { message: Message::SpaceJoin(join), .. }) = &parsed else {
                    return Relayed::Silence(NotRelayed::Form);
                };
                let [class, ..] = head.pow_target_threshold.get().to_be_bytes();
                if class != 0x80 + Class::Spaces as u8 || head.storage_key != join.target_space_coordinate {
                    return Relayed::Silence(NotRelayed::Work);
                }
                match check_claim(head, now.unix, difficulty) {
                    Ok(()) => {}
                    Err(NotWorked::TooLow) => return refuse::<P>(difficulty, datagram, out),
                    Err(_) => return Relayed::Silence(NotRelayed::Work),
                }
                let (Ok(proof), Ok(())) = (check_proof::<P>(head), check_frame::<P>(head, inner)) else {
                    return Relayed::Silence(NotRelayed::Work);
                };
                if !self.is_proven::<P>(now, from, join) {
                    return self.offer_cookie::<P>(now, from, join, inner, out);
                }
                match self.seen.present(now.unix, &proof, UnixTime(head.timestamp.get()), from.ip()) {
                    Presented::New | Presented::Again => {}
                    Presented::Spent => return Relayed::Silence(NotRelayed::Spent),
                    Presented::Full => return Relayed::Silence(NotRelayed::Full),
                }
                let Some(frame) = &parsed else { return Relayed::Silence(NotRelayed::Form) };
                self.on_join::<P>(now, 0, serves, from, (frame, inner), join, out)
            }
            Message::DiscoveryReq(_) => self.on_request::<P>(now, difficulty, serves, from, datagram, rng, out),
            Message::SpaceRelay { head, inner } => self.on_relay(now.mono, from, head, inner, out),
            _ => Relayed::Silence(NotRelayed::Form),
        }
    }

    /// The next request that goes to a member.
    pub fn poll_transmit(&mut self, now: Mono, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        let live = self.passed.iter_mut().flatten().filter(|passed| now < passed.until);
        for passed in live {
            let Passed { request, relays, .. } = passed;
            let Some(relay) = relays.iter_mut().find(|relay| relay.heard == Heard::Not) else { continue };
            relay.heard = Heard::Asked;
            let head = SpaceRelay { relay_token: relay.token };
            let length = Frame::new(Message::SpaceRelay { head: &head, inner: &request[..] }).write(out).ok()?;
            return Some((relay.member, length));
        }
        None
    }

    /// What an agent returns to show that it is where it says: nothing is stored for it.
    fn cookie<P: Provider>(&self, period: u64, from: SocketAddr, join: &SpaceJoin) -> JoinCookie {
        let (ip, port) = (Locator::from(from.ip()), from.port().to_be_bytes());
        let bound: [&[u8]; 5] =
            [&period.to_be_bytes(), &ip.0, &port, &join.target_space_coordinate.0, &join.member_key.0];
        let mac = P::hmac_sha256(self.secret.expose(), &bound);
        JoinCookie(mac.expose().first_chunk().copied().unwrap_or_default())
    }

    fn is_proven<P: Provider>(&self, now: Clock, from: SocketAddr, join: &SpaceJoin) -> bool {
        let period = now.mono.0 / COOKIES;
        let is_of = |period| bool::from(self.cookie::<P>(period, from, join).0.ct_eq(&join.join_cookie.0));
        is_of(period) || period.checked_sub(1).is_some_and(is_of)
    }

    fn offer_cookie<P: Provider>(
        &self,
        now: Clock,
        from: SocketAddr,
        join: &SpaceJoin,
        bytes: &[u8],
        out: &mut [u8],
    ) -> Relayed {
        tell::<P>(bytes, status::COOKIE, self.cookie::<P>(now.mono.0 / COOKIES, from, join), out)
    }

    // keeps: IACP-136 (§6.2)
    #[expect(clippy::too_many_arguments, reason = "a datagram and all that it is handled with")]
    fn on_join<P: Provider>(
        &mut self,
        now: Clock,
        needs: u32,
        serves: impl FnOnce(&DhtKey) -> bool,
        from: SocketAddr,
        (frame, bytes): (&Frame<'_>, &[u8]),
        join: &SpaceJoin,
        out: &mut [u8],
    ) -> Relayed {
        // The signature covers the frame; what stands behind the body would only make the answer's digest ambiguous.
        if !frame.tlvs.as_bytes().is_empty() {
            return Relayed::Silence(NotRelayed::Form);
        }
        if !serves(&join.target_space_coordinate) {
            return tell::<P>(bytes, status::NOT_RESPONSIBLE, JoinCookie::ZERO, out);
        }
        if !self.is_proven::<P>(now, from, join) {
            return self.offer_cookie::<P>(now, from, join, bytes, out);
        }
        let until = join.expiration_timestamp.get();
        let leaves = until <= now.unix.0;
        if needs > 0 && !leaves {
            return refuse::<P>(needs, bytes, out);
        }
        if until > now.unix.0.saturating_add(STAY) {
            return tell::<P>(bytes, status::REFUSED, JoinCookie::ZERO, out);
        }
        if verify_frame::<P>(&join.member_key, frame, [&[], &[]], bytes).is_err() {
            return Relayed::Silence(NotRelayed::Signature);
        }
        let space = join.target_space_coordinate;
        let is_own = |member: &Member| member.space == space && member.key == join.member_key;
        let own = self.members.iter().position(|place| place.as_ref().is_some_and(is_own));
        if leaves {
            if let Some(place) = own.and_then(|own| self.members.get_mut(own)) {
                *place = None;
            }
            return tell::<P>(bytes, status::OK, JoinCookie::ZERO, out);
        }
        let beside = || self.members.iter().flatten().filter(|one| one.space == space && one.until > now.unix.0);
        let others = || beside().filter(|one| !is_own(one));
        let of_network = others().filter(|one| site(one.at.ip()) == site(from.ip())).count();
        let is_free = |place: &Option<Member>| place.as_ref().is_none_or(|member| member.until <= now.unix.0);
        let free = own.or_else(|| self.members.iter().position(is_free));
        // Of all spaces together too: one address would else take a place in each of thousands.
        let share = (self.members.len() / SHARE).max(OF_NETWORK);
        let live = self.members.iter().flatten().filter(|one| one.until > now.unix.0 && !is_own(one));
        let in_table = live.filter(|one| site(one.at.ip()) == site(from.ip())).count();
        let has_room = others().count() < MEMBERS && of_network < OF_NETWORK && in_table < share;
        match free.filter(|_| has_room).and_then(|free| self.members.get_mut(free)) {
            Some(place) => {
                *place = Some(Member { space, key: join.member_key, at: from, until });
                tell::<P>(bytes, status::OK, JoinCookie::ZERO, out)
            }
            None => tell::<P>(bytes, status::CAPACITY, JoinCookie::ZERO, out),
        }
    }

    // keeps: IACP-138 (§6.2)
    #[expect(clippy::too_many_arguments, reason = "a datagram and all that it is handled with")]
    fn on_request<P: Provider>(
        &mut self,
        now: Clock,
        difficulty: u32,
        serves: impl FnOnce(&DhtKey) -> bool,
        from: SocketAddr,
        datagram: &[u8],
        rng: &mut impl CryptoRng,
        out: &mut [u8],
    ) -> Relayed {
        let proven = match check::<P>(datagram, now.unix, difficulty) {
            Ok(proven) => proven,
            // A seeker cannot know how much is asked for: what is sound but for that is told, and it is told nothing else.
            Err(crate::discovery::NotAccepted::Threshold) if is_claim(datagram) => {
                return refuse::<P>(difficulty, datagram, out);
            }
            Err(_) => return Relayed::Silence(NotRelayed::Work),
        };
        let (space, Some(request)) = (proven.space(), datagram.first_chunk::<REQUEST>()) else {
            return Relayed::Silence(NotRelayed::Form);
        };
        // The seeker does not get its own request, and no member is told to answer to its own address.
        let hears = |member: &&Member| member.space == space && member.until > now.unix.0 && member.at != from;
        if !serves(&space) || !self.members.iter().flatten().any(|member| hears(&member)) {
            return Relayed::Silence(NotRelayed::NoMember);
        }
        // One network has an eighth of the places, so that the others are heard too.
        let live = self.passed.iter().flatten().filter(|passed| now.mono < passed.until);
        let of_network = live.filter(|passed| site(passed.seeker.ip()) == site(from.ip())).count();
        if of_network >= (self.passed.len() / WAITING_SHARE).max(1) {
            return Relayed::Silence(NotRelayed::Full);
        }
        let place = self.passed.iter_mut().find(|place| place.as_ref().is_none_or(|passed| now.mono >= passed.until));
        let Some(place) = place else { return Relayed::Silence(NotRelayed::Full) };
        match self.seen.present(now.unix, proven.digest(), proven.time(), from.ip()) {
            Presented::New => {}
            Presented::Again | Presented::Spent => return Relayed::Silence(NotRelayed::Spent),
            Presented::Full => return Relayed::Silence(NotRelayed::Full),
        }
        let wanted = match peers_wanted(&proven) {
            0 => HEARERS,
            wanted => wanted.min(MOST),
        };
        // Each set of members is as likely as any other: the n-th one takes a place with probability wanted / n.
        let mut relays: heapless::Vec<Relay, MOST> = heapless::Vec::new();
        for (before, member) in self.members.iter().flatten().filter(hears).enumerate() {
            let mut token = TransactionId::ZERO;
            rng.fill_bytes(&mut token.0);
            let relay = Relay { token, member: member.at, heard: Heard::Not };
            if before < wanted {
                let _ = relays.push(relay);
                continue;
            }
            let among = u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1);
            let drawn = usize::try_from(rng.next_u64() % among).unwrap_or(usize::MAX);
            if let Some(other) = relays.get_mut(drawn) {
                *other = relay;
            }
        }
        let count = relays.len();
        *place = Some(Passed { seeker: from, until: now.mono.after(PATIENCE), request: *request, relays });
        Relayed::Passed(count)
    }

    /// A member's answer: one for each token, from where the member is, and of the one form that an answer has.
    fn on_relay(&mut self, now: Mono, from: SocketAddr, head: &SpaceRelay, inner: &[u8], out: &mut [u8]) -> Relayed {
        let is_answer = inner.len() == ANSWER_LEN
            && plain(inner).is_some_and(|frame| matches!(frame.message, Message::DiscoveryRes(_)));
        if !is_answer {
            return Relayed::Silence(NotRelayed::Form);
        }
        let mut live = self.passed.iter_mut().flatten().filter(|passed| now < passed.until);
        let found = live.find_map(|passed| {
            let seeker = passed.seeker;
            let relay = passed.relays.iter_mut().find(|relay| relay.token == head.relay_token)?;
            (relay.member == from && relay.heard == Heard::Asked).then_some((seeker, relay))
        });
        let Some((seeker, relay)) = found else { return Relayed::Silence(NotRelayed::Token) };
        let Some(room) = out.get_mut(..ANSWER_LEN) else { return Relayed::Silence(NotRelayed::Form) };
        room.iter_mut().zip(inner).for_each(|(to, byte)| *to = *byte);
        relay.heard = Heard::Answered;
        Relayed::Forward(seeker, ANSWER_LEN)
    }
}

const _: () = assert!(HEADER_LEN + DiscoveryRes::LEN == ANSWER_LEN);

/// Whether a request ends with a number of peers and of bits.
fn is_claim(request: &[u8]) -> bool {
    matches!(request.last_chunk(), Some([0, _, 0, _]))
}

fn refuse<P: Provider>(bits: u32, refused: &[u8], out: &mut [u8]) -> Relayed {
    let written = answer::error::<P>(code::WORK_TOO_LOW, refused, bits, out);
    written.map_or(Relayed::Silence(NotRelayed::Form), Relayed::Answer)
}

fn tell<P: Provider>(join: &[u8], status: u32, join_cookie: JoinCookie, out: &mut [u8]) -> Relayed {
    let digest = P::sha256(&[join]);
    let body = SpaceStatus {
        join_digest: RefusedDigest(digest.first_chunk().copied().unwrap_or_default()),
        status: status.into(),
        join_cookie,
    };
    let written = Frame::new(Message::SpaceStatus(&body)).write(out).ok();
    written.map_or(Relayed::Silence(NotRelayed::Form), Relayed::Answer)
}
