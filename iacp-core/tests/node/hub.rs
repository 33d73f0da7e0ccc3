//! A hub of a Discovery Space: whom it lets in, what it passes on, and what it cannot do.

use std::net::SocketAddr;

use iacp_core::crypto::{Provider, Secret32};
use iacp_core::directory::Class;
use iacp_core::directory::node::{Hub, HubMemory, Member, NotRelayed, PATIENCE, Passed, Relayed, STAY, Shown};
use iacp_core::discovery::{Discoverable, NotAccepted, Search, check, peers_wanted};
use iacp_core::governance::window::Clock;
use iacp_core::time::UnixTime;
use iacp_wire::message::{SpaceJoin, SpaceRelay};
use iacp_wire::{Cookie, DhtKey, Eid, Frame, JoinCookie, Message, Signature, TransactionId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::world::{Chosen, at, frame, identity, worked};

const BITS: u8 = 6;
const SPACE: DhtKey = DhtKey([0x85; 32]);
const COOKIE: u32 = 24;

struct World {
    hub: Hub<'static>,
    rng: ChaCha8Rng,
    out: [u8; 1_200],
}

fn memory<T>(count: usize, with: impl FnMut() -> T) -> &'static mut [T] {
    Box::leak(std::iter::repeat_with(with).take(count).collect())
}

fn member_at(number: u8) -> SocketAddr {
    ([203, 0, number, 7], 5_000).into()
}

const SEEKER: ([u8; 4], u16) = ([198, 51, 100, 9], 6_000);

impl World {
    fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let memory = HubMemory {
            members: memory::<Option<Member>>(128, || None),
            passed: memory::<Option<Passed>>(32, || None),
            seen: memory(1_024, || Shown::FREE),
        };
        Self { hub: Hub::new(memory, at(0).mono, &mut rng), rng, out: [0; 1_200] }
    }

    fn handle(&mut self, now: Clock, from: SocketAddr, datagram: &[u8]) -> Relayed {
        let serves = |space: &DhtKey| *space == SPACE;
        self.hub.handle::<Chosen>(now, BITS.into(), serves, from, datagram, &mut self.rng, &mut self.out)
    }

    /// Status and cookie of the answer.
    fn status(&mut self, now: Clock, from: SocketAddr, datagram: &[u8]) -> (u32, JoinCookie) {
        let Relayed::Answer(length) = self.handle(now, from, datagram) else { panic!("an answer") };
        assert!(length <= datagram.len(), "no answer is longer than its request");
        match Frame::parse(&self.out[..length]).expect("a frame").message {
            Message::SpaceStatus(status) => (status.status.get(), status.join_cookie),
            Message::Error(error) => (1_000 + u32::from(error.code.get()), JoinCookie::ZERO),
            other => panic!("{other:?}"),
        }
    }

    fn joins(&mut self, now: Clock, number: u8, from: SocketAddr) -> u32 {
        let until = now.unix.0 + STAY;
        let (status, cookie) = self.status(now, from, &join(number, SPACE, until, JoinCookie::ZERO));
        if status != COOKIE {
            return status;
        }
        self.status(now, from, &priced(now, number, &join(number, SPACE, until, cookie))).0
    }

    fn relays(&mut self, now: Clock) -> Vec<(SocketAddr, TransactionId, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some((to, length)) = self.hub.poll_transmit(now.mono, &mut self.out) {
            let Message::SpaceRelay { head, inner } = Frame::parse(&self.out[..length]).expect("a frame").message
            else {
                panic!("a SPACE_RELAY")
            };
            all.push((to, head.relay_token, inner.to_vec()));
        }
        all
    }
}

/// A SPACE_JOIN of a member key, its signature by hand.
fn join(number: u8, space: DhtKey, until: u64, cookie: JoinCookie) -> Vec<u8> {
    let body = |signature| SpaceJoin {
        target_space_coordinate: space,
        member_key: identity(number).eid(),
        expiration_timestamp: until.into(),
        join_cookie: cookie,
        signature,
    };
    let unsigned = frame(Message::SpaceJoin(&body(Signature::ZERO)));
    let digest = Chosen::sha256(&[b"IACP/1 SPACE_JOIN\0", &unsigned[..unsigned.len() - 64]]);
    let key = Chosen::signing_key(&Secret32::new([number; 32]));
    frame(Message::SpaceJoin(&body(Signature(Chosen::sign(&key, &digest)))))
}

fn priced(now: Clock, nonce: u8, inner: &[u8]) -> Vec<u8> {
    worked(now, Class::Spaces, SPACE, BITS, u64::from(nonce) << 8 | now.unix.0 & 0xFF, inner)
}

fn seeks<const PEERS: usize>(now: Clock, seed: u64, bits: u8) -> (Search<PEERS>, Vec<u8>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut search, mut miner) = Search::<PEERS>::through_hubs::<Chosen>(SPACE, now.unix, bits, &mut rng);
    let proven = std::iter::repeat_with(|| miner.step(1 << 10)).take(1 << 10).flatten().next().expect("little work");
    let mut out = [0; 88];
    search.request::<Chosen>(&proven, &mut out).expect("room");
    (search, out.to_vec())
}

/// The attack "a victim's address in a hub": only what comes back from an address is stored for it.
// shows: IACP-136 (§6.2)
#[test]
fn an_address_becomes_a_member_by_returning_a_cookie_and_by_work() {
    let (mut world, now) = (World::new(), at(0));
    let until = now.unix.0 + STAY;
    let (status, cookie) = world.status(now, member_at(1), &join(30, SPACE, until, JoinCookie::ZERO));
    assert_eq!((status, world.hub.members(now.unix, &SPACE)), (COOKIE, 0));
    let second = join(30, SPACE, until, cookie);
    assert_eq!(world.status(now, member_at(1), &second).0, 1_002, "WORK_TOO_LOW");
    let paid = priced(now, 1, &second);
    // From another address, another port, with another member key, and when it is old, a cookie is none.
    let mut port = member_at(1);
    port.set_port(5_001);
    assert_eq!(world.status(now, member_at(2), &paid).0, COOKIE);
    assert_eq!(world.status(now, port, &paid).0, COOKIE);
    assert_eq!(world.status(now, member_at(1), &priced(now, 2, &join(31, SPACE, until, cookie))).0, COOKIE);
    let late = at(240_000);
    let old = join(30, SPACE, late.unix.0 + STAY, cookie);
    assert_eq!(world.status(late, member_at(1), &priced(late, 3, &old)).0, COOKIE);
    assert_eq!(world.hub.members(now.unix, &SPACE), 0);
    assert_eq!(world.status(now, member_at(1), &paid).0, 0);
    assert_eq!(world.hub.members(now.unix, &SPACE), 1);
    // It ends by itself.
    assert_eq!(world.hub.members(UnixTime(until), &SPACE), 0);
}

#[test]
fn each_check_of_a_joining_refuses() {
    let (mut world, now) = (World::new(), at(0));
    let until = now.unix.0 + STAY;
    let elsewhere = DhtKey([0x90; 32]);
    assert_eq!(world.status(now, member_at(1), &join(30, elsewhere, until, JoinCookie::ZERO)).0, 17);
    let (_, cookie) = world.status(now, member_at(1), &join(30, SPACE, until, JoinCookie::ZERO));
    let long = join(30, SPACE, until + 1, cookie);
    assert_eq!(world.status(now, member_at(1), &priced(now, 1, &long)).0, 21, "longer than an hour");
    let mut forged = join(30, SPACE, until, cookie);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let forged = priced(now, 2, &forged);
    assert_eq!(world.handle(now, member_at(1), &forged), Relayed::Silence(NotRelayed::Signature));
    // Work for another space, or another frame.
    let sound = join(30, SPACE, until, cookie);
    let other = worked(now, Class::Spaces, elsewhere, BITS, 3, &sound);
    assert_eq!(world.handle(now, member_at(1), &other), Relayed::Silence(NotRelayed::Work));
    let other = worked(now, Class::Identities, SPACE, BITS, 3, &sound);
    assert_eq!(world.handle(now, member_at(1), &other), Relayed::Silence(NotRelayed::Work));
    let mut swapped = priced(now, 4, &join(31, SPACE, until, cookie));
    swapped[88..].copy_from_slice(&sound);
    assert_eq!(world.handle(now, member_at(1), &swapped), Relayed::Silence(NotRelayed::Work));
    assert_eq!(world.status(now, member_at(1), &worked(now, Class::Spaces, SPACE, 5, 5, &sound)).0, 1_002);
    assert_eq!(world.hub.members(now.unix, &SPACE), 0);
    let paid = priced(now, 6, &sound);
    assert_eq!(world.status(now, member_at(1), &paid).0, 0);
    assert_eq!(world.status(now, member_at(1), &paid).0, 0, "the answer was lost");
    // Leaving needs its signature and no work.
    let leave = |number, cookie| join(number, SPACE, now.unix.0, cookie);
    let (_, theirs) = world.status(now, member_at(2), &join(31, SPACE, until, JoinCookie::ZERO));
    assert_eq!(world.status(now, member_at(2), &leave(31, theirs)).0, 0);
    assert_eq!(world.hub.members(now.unix, &SPACE), 1, "it left nothing");
    assert_eq!(world.status(now, member_at(1), &leave(30, cookie)).0, 0);
    assert_eq!(world.hub.members(now.unix, &SPACE), 0);
}

#[test]
fn a_network_has_two_members_and_a_space_sixty_four() {
    let (mut world, now) = (World::new(), at(0));
    let near = |last: u8| SocketAddr::from(([203, 0, 113, last], 5_000));
    assert_eq!([30, 31, 32].map(|number| world.joins(now, number, near(number))), [0, 0, 4]);
    assert_eq!(world.joins(at(1), 30, near(30)), 0, "who is in, stays in");
    for number in 33..95 {
        assert_eq!(world.joins(now, number, member_at(number)), 0, "member {number}");
    }
    assert_eq!(world.hub.members(now.unix, &SPACE), 64);
    assert_eq!(world.joins(now, 99, member_at(99)), 4, "CAPACITY");
}

/// A space with so many members.
fn crowd(members: u8) -> World {
    let mut world = World::new();
    for number in 30..30 + members {
        assert_eq!(world.joins(at(0), number, member_at(number)), 0);
    }
    world
}

// shows: IACP-138 (§6.2)
#[test]
fn a_request_is_heard_by_as_many_as_it_asks_for_and_each_answers_once() {
    let (mut world, now) = (crowd(40), at(1_000));
    let (_, all) = seeks::<50>(now, 1, BITS);
    assert_eq!(world.handle(now, SEEKER.into(), &all), Relayed::Passed(32), "32 is the most");
    let heard = world.relays(now);
    let places: std::collections::BTreeSet<SocketAddr> = heard.iter().map(|(to, ..)| *to).collect();
    let tokens: std::collections::BTreeSet<[u8; 8]> = heard.iter().map(|(_, token, _)| token.0).collect();
    assert_eq!((places.len(), tokens.len()), (32, 32));
    assert!(world.relays(now).is_empty(), "each hears it once");
    assert_eq!(world.handle(now, SEEKER.into(), &all), Relayed::Silence(NotRelayed::Spent));
    assert_eq!(world.handle(now, member_at(30), &all), Relayed::Silence(NotRelayed::Spent), "nor from elsewhere");

    let (mut search, few) = seeks::<2>(now, 2, BITS);
    assert_eq!(world.handle(now, SEEKER.into(), &few), Relayed::Passed(2));
    let heard = world.relays(now);
    let (to, token, request) = heard[0].clone();
    assert_eq!(request, few, "the very bytes, which name no seeker");
    // A member's side: its own filter, then an answer back through the hub.
    let proven = check::<Chosen>(&request, now.unix, BITS.into()).expect("worked for");
    assert_eq!((proven.space(), peers_wanted(&proven)), (SPACE, 2));
    let mut answer = [0; 96];
    let mut member = Discoverable::<4, 8>::default();
    let accepted =
        member.accept_relayed::<Chosen>(&proven, now.mono, now.unix, &identity(77).eid(), &mut world.rng, &mut answer);
    assert_eq!(accepted, Ok(96));
    let relayed = |token, inner: &[u8]| frame(Message::SpaceRelay { head: &SpaceRelay { relay_token: token }, inner });
    let back = relayed(token, &answer);
    assert_eq!(world.handle(now, member_at(200), &back), Relayed::Silence(NotRelayed::Token), "not the member");
    assert_eq!(world.handle(now, to, &relayed(token, &few)), Relayed::Silence(NotRelayed::Form), "no answer");
    assert_eq!(world.handle(now, to, &relayed(TransactionId([9; 8]), &answer)), Relayed::Silence(NotRelayed::Token));
    assert_eq!(world.handle(now, to, &back), Relayed::Forward(SEEKER.into(), 96));
    assert_eq!(world.out[..96], answer, "bare");
    assert_eq!(world.handle(now, to, &back), Relayed::Silence(NotRelayed::Token), "once");
    assert_eq!(search.open::<Chosen>(&answer), Ok(identity(77).eid()));
    // Ten seconds later none of them waits any more.
    let (other, token) = (heard[1].0, heard[1].1);
    let late = at(1_000 + PATIENCE);
    assert_eq!(world.handle(late, other, &relayed(token, &answer)), Relayed::Silence(NotRelayed::Token));
}

#[test]
fn what_is_not_passed_on() {
    let (mut world, now) = (crowd(3), at(1_000));
    let (_, weak) = seeks::<2>(now, 1, BITS - 1);
    assert_eq!(world.status(now, SEEKER.into(), &weak).0, 1_002, "WORK_TOO_LOW");
    let mut odd = weak.clone();
    odd[84] = 1;
    assert_eq!(world.handle(now, SEEKER.into(), &odd), Relayed::Silence(NotRelayed::Work), "no claim");
    odd[84..].copy_from_slice(&[0, 2, 0, BITS]);
    let unworked = world.handle(now, SEEKER.into(), &odd);
    assert_eq!(unworked, Relayed::Silence(NotRelayed::Work), "it claims more than it has worked for");
    // A seeker who is a member does not hear itself.
    for seed in 12..15 {
        let (_, request) = seeks::<8>(now, seed, BITS);
        assert_eq!(world.handle(now, member_at(30), &request), Relayed::Passed(2));
    }
    assert!(world.relays(now).iter().all(|(to, ..)| *to != member_at(30)));
    // One network has four of the 32 places.
    for seed in 2..6 {
        let (_, request) = seeks::<8>(now, seed, BITS);
        assert_eq!(world.handle(now, SEEKER.into(), &request), Relayed::Passed(3));
    }
    let (_, request) = seeks::<8>(now, 16, BITS);
    assert_eq!(world.handle(now, member_at(99), &request), Relayed::Passed(3), "others have theirs");
    let (_, request) = seeks::<8>(now, 6, BITS);
    assert_eq!(world.handle(now, SEEKER.into(), &request), Relayed::Silence(NotRelayed::Full));
    let later = at(1_000 + PATIENCE);
    assert_eq!(world.handle(later, SEEKER.into(), &request), Relayed::Passed(3), "and its proof was not spent");
    let gone = at(STAY);
    let (_, request) = seeks::<8>(gone, 7, BITS);
    assert_eq!(world.handle(gone, SEEKER.into(), &request), Relayed::Silence(NotRelayed::NoMember));
}

/// The attack "a hub that lies": what it alters is no longer worked for, and what it answers opens nowhere.
#[test]
fn a_hub_reads_no_answer_and_alters_no_request() {
    let now = at(1_000);
    let (mut search, request) = seeks::<8>(now, 1, 16);
    let mut passing = 0;
    for byte in 0..88 {
        for bit in 0..8 {
            let mut altered = request.clone();
            altered[byte] ^= 1 << bit;
            passing += usize::from(check::<Chosen>(&altered, now.unix, 16).is_ok());
        }
    }
    assert_eq!(passing, 0, "none of these 704 happens to be a proof of 16 bits");
    // The hub makes a request of its own and hands its answer to the seeker; or answers itself, without the seeker's key.
    let (mut own, hubs) = seeks::<8>(now, 2, 8);
    let mut answer = [0; 96];
    let mut member = Discoverable::<4, 8>::default();
    let proven = check::<Chosen>(&hubs, now.unix, 8).expect("its own work");
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    member
        .accept_relayed::<Chosen>(&proven, now.mono, now.unix, &identity(77).eid(), &mut rng, &mut answer)
        .expect("room");
    assert_eq!(search.open::<Chosen>(&answer), Err(NotAccepted::Seal));
    assert_eq!(own.open::<Chosen>(&answer), Ok(identity(77).eid()), "it is one more seeker");
    for byte in 4..96 {
        let mut altered = answer;
        altered[byte] ^= 1;
        assert!(search.open::<Chosen>(&altered).is_err(), "byte {byte}");
    }
}

/// The attack "linking a seeker to its EID": the proof in a PSS_INIT is a MAC under a key of the two.
// shows: IACP-141 (B.1)
#[test]
fn only_seeker_and_responder_can_tie_a_session_to_its_search() {
    let now = at(1_000);
    let [one, two] = [1, 2].map(|seed| seeks::<8>(now, seed, BITS));
    let mut member = Discoverable::<4, 8>::default();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (seeker, responder) = (identity(50).eid(), identity(77));
    let mut proofs = Vec::new();
    for (mut search, request) in [one, two] {
        let proven = check::<Chosen>(&request, now.unix, BITS.into()).expect("worked for");
        let mut answer = [0; 96];
        member
            .accept_relayed::<Chosen>(&proven, now.mono, now.unix, &responder.eid(), &mut rng, &mut answer)
            .expect("room");
        assert_eq!(search.proof::<Chosen>(&responder.eid(), &seeker), None, "not found yet");
        assert_eq!(search.open::<Chosen>(&answer), Ok(responder.eid()));
        assert_eq!(search.proof::<Chosen>(&identity(78).eid(), &seeker), None, "found by another search");
        proofs.push(search.proof::<Chosen>(&responder.eid(), &seeker).expect("it was found"));
    }
    assert_ne!(proofs[0], proofs[1], "two searches of one seeker have nothing in common");
    let mut on =
        |ms: u64, eid: Eid, proof: &[u8; 16]| member.on_proof::<Chosen>(at(ms).mono, eid, Cookie([1; 8]), proof);
    assert!(!on(1_001, identity(51).eid(), &proofs[0]), "another's PSS_INIT with a proof that was seen");
    assert!(!on(1_001, seeker, &[0; 16]));
    assert!(on(1_001, seeker, &proofs[0]));
    assert!(!on(3_000, seeker, &proofs[1]), "2 s are over");
    let mut flipped = proofs[1];
    flipped[15] ^= 1;
    assert!(!on(2_999, seeker, &flipped));
    assert!(on(2_999, seeker, &proofs[1]));
    assert!(!member.on_pss_init(at(1_002).mono, member_at(1), seeker, Cookie([2; 8])), "no address is known");
    assert!(member.on_established(seeker, Cookie([1; 8]), false).is_some());
}

/// The attack "one address in every space": a network has its share of all members too.
// shows: IACP-136 (§6.2)
#[test]
fn one_network_joins_few_spaces() {
    let (mut world, now) = (World::new(), at(0));
    let until = now.unix.0 + STAY;
    let mut joins = |number: u8, network: u8| {
        let space = DhtKey([0x80 + number; 32]);
        let mut send = |datagram: &[u8]| {
            let World { hub, rng, out } = &mut world;
            let from = member_at(network);
            let Relayed::Answer(length) = hub.handle::<Chosen>(now, BITS.into(), |_| true, from, datagram, rng, out)
            else {
                panic!("an answer")
            };
            match Frame::parse(&out[..length]).expect("a frame").message {
                Message::SpaceStatus(status) => (status.status.get(), status.join_cookie),
                other => panic!("{other:?}"),
            }
        };
        let (_, cookie) = send(&join(number, space, until, JoinCookie::ZERO));
        let inner = join(number, space, until, cookie);
        send(&worked(now, Class::Spaces, space, BITS, number.into(), &inner)).0
    };
    // 128 places: a 64th of them is two.
    assert_eq!([1, 2, 3, 4].map(|number| joins(number, 1)), [0, 0, 4, 4]);
    assert_eq!(joins(5, 2), 0, "another network");
}

#[test]
fn a_cookie_holds_in_its_period_of_two_minutes_and_in_the_next() {
    let mut world = World::new();
    // The clock of the world is at 5 s when its story begins.
    for (given, returned, holds) in
        [(0, 114_999, true), (0, 234_999, true), (0, 235_000, false), (115_000, 354_999, true)]
    {
        let (from, until) = (member_at(1), at(returned).unix.0 + STAY);
        let (_, cookie) = world.status(at(given), from, &join(30, SPACE, until, JoinCookie::ZERO));
        let paid = priced(at(returned), 1, &join(30, SPACE, until, cookie));
        let status = world.status(at(returned), from, &paid).0;
        assert_eq!(status, if holds { 0 } else { COOKIE }, "given at {given}, returned at {returned}");
    }
}

#[test]
fn a_member_counts_until_its_end_and_hears_nothing_from_then_on() {
    let near = |last: u8| SocketAddr::from(([203, 0, 113, last], 5_000));
    for (later, is_in) in [(STAY - 1, true), (STAY, false)] {
        let mut world = World::new();
        assert_eq!([30, 31].map(|number| world.joins(at(0), number, near(number))), [0, 0]);
        let now = at(later);
        let (_, request) = seeks::<8>(now, 1, BITS);
        let heard = if is_in { Relayed::Passed(2) } else { Relayed::Silence(NotRelayed::NoMember) };
        assert_eq!(world.handle(now, SEEKER.into(), &request), heard, "{later}");
        assert_eq!(world.joins(now, 32, near(32)), if is_in { 4 } else { 0 }, "{later}");
        assert_eq!(world.hub.members(now.unix, &SPACE), if is_in { 2 } else { 1 });
    }
}

/// The first members are asked no more often than the others.
// shows: IACP-138 (§6.2)
#[test]
fn each_member_is_as_likely_to_hear_a_request_as_any_other() {
    let mut world = crowd(20);
    let mut heard = std::collections::BTreeMap::<SocketAddr, u32>::new();
    for seed in 1..=200 {
        let now = at(seed * PATIENCE);
        let (_, request) = seeks::<2>(now, seed, BITS);
        assert_eq!(world.handle(now, SEEKER.into(), &request), Relayed::Passed(2));
        world.relays(now).into_iter().for_each(|(to, ..)| *heard.entry(to).or_default() += 1);
    }
    // 400 over 20 are 20 each, with a deviation of four: three of it are allowed.
    assert_eq!((heard.len(), heard.values().sum::<u32>()), (20, 400));
    assert!(heard.values().all(|count| (8..=32).contains(count)), "{heard:?}");
}
