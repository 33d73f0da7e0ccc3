//! A session behind a search: an agent is found through the hub of a space, and PSS_INIT shows that it is the seeker's.

use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::directory::Class;
use iacp_core::directory::node::{Hub, HubMemory, Relayed, Shown};
use iacp_core::directory::work::Worker;
use iacp_core::discovery::{AWAIT_THROUGH_HUB, Discoverable, Search, check, dfa, join, space_of_topic};
use iacp_core::erp::entity::{Done, Dropped};
use iacp_core::erp::local::{Listen, Open, Request};
use iacp_core::governance::window::Clock;
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, Discard, Terms};
use iacp_wire::message::SpaceRelay;
use iacp_wire::{Cookie, DhtKey, Eid, Frame, JoinCookie, Message};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sessions::frame;
use sessions::hosts::Hosts;

const BITS: u8 = 6;
const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
/// Hosts: each has one agent.
const SEEKER: usize = 0;
const MEMBER: usize = 1;
const STRANGER: usize = 2;

fn memory<T>(count: usize, with: impl FnMut() -> T) -> &'static mut [T] {
    Box::leak(std::iter::repeat_with(with).take(count).collect())
}

struct Story {
    world: Hosts,
    hub: Hub<'static>,
    space: DhtKey,
    /// What the member's host keeps of requests that it has answered.
    waiting: Discoverable<4, 16>,
    /// PSS_INITs with a proof: by which EID, and whether a request waited for it.
    greeted: Vec<(Eid, bool)>,
    /// Sessions that were opened: by which EID, and what became of its request.
    met: Vec<(Eid, Option<dfa::State>)>,
    rng: ChaCha8Rng,
}

impl Story {
    /// Three hosts; the agent of one is a member of the space.
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut world = Hosts::new(seed, 3, 1, true);
        assert!(world.run_until(60_000, Hosts::all_bound));
        let now = world.now;
        let listen = Listen { capabilities: Capabilities::NONE, terms: TERMS, sessions: 8, hold: false };
        world.hosts[MEMBER].with(now, 0, |desk, _| desk.listen(listen)).expect("a window of 16");
        let memory =
            HubMemory { members: memory(8, || None), passed: memory(16, || None), seen: memory(64, || Shown::FREE) };
        let hub = Hub::new(memory, now, &mut rng);
        let space = space_of_topic::<Portable>("weather in the north");
        let (waiting, greeted, met) = (Discoverable::default(), Vec::new(), Vec::new());
        let mut story = Self { world, hub, space, waiting, greeted, met, rng };
        story.joins();
        story
    }

    fn clock(&self) -> Clock {
        Clock { mono: self.world.now, unix: self.world.unix() }
    }

    fn at(&self, host: usize) -> SocketAddr {
        self.world.hosts[host].at
    }

    /// A datagram for the hub: what it makes of it, and what it writes.
    fn hub(&mut self, from: SocketAddr, datagram: &[u8]) -> (Relayed, Vec<u8>) {
        let (now, mut out) = (self.clock(), [0; 1_200]);
        let relayed = self.hub.handle::<Portable>(now, BITS.into(), |_| true, from, datagram, &mut self.rng, &mut out);
        let length = match relayed {
            Relayed::Answer(length) | Relayed::Forward(_, length) => length,
            Relayed::Passed(_) | Relayed::Silence(_) => 0,
        };
        (relayed, out[..length].to_vec())
    }

    fn joins(&mut self) {
        let (key, now) = (Identity::<Portable>::from_seed(&Secret32::new([77; 32])), self.clock());
        let until = iacp_core::time::UnixTime(now.unix.0 + 3_600_000);
        let (at, space) = (self.at(MEMBER), self.space);
        let asks = |cookie| {
            let mut frame = [0; 156];
            assert_eq!(join(&key, space, until, cookie, &mut frame), Ok(156));
            frame
        };
        let told = self.hub(at, &asks(JoinCookie::ZERO)).1;
        let Message::SpaceStatus(status) = Frame::parse(&told).expect("a frame").message else { panic!("a status") };
        let inner = asks(status.join_cookie);
        let mut worker = Worker::new::<Portable>(Class::Spaces, space, BITS, now.unix, 0, &inner);
        let head = std::iter::repeat_with(|| worker.step(1 << 10)).flatten().next().expect("little work");
        let told = self.hub(at, &frame(Message::WorkedRequest { head: &head, inner: &inner })).1;
        let Message::SpaceStatus(status) = Frame::parse(&told).expect("a frame").message else { panic!("a status") };
        assert_eq!((status.status.get(), self.hub.members(now.unix, &space)), (0, 1));
    }

    /// The seeker's agent finds the member's through the hub, and has what proves it.
    fn finds(&mut self) -> [u8; 16] {
        let (now, at, seeker) = (self.clock(), self.at(MEMBER), self.at(SEEKER));
        let (mut search, mut miner) = Search::<4>::through_hubs::<Portable>(self.space, now.unix, BITS, &mut self.rng);
        let proven = std::iter::repeat_with(|| miner.step(1 << 10)).flatten().next().expect("little work");
        let mut request = [0; 88];
        search.request::<Portable>(&proven, &mut request).expect("room");
        assert_eq!(self.hub(seeker, &request).0, Relayed::Passed(1));
        let mut out = [0; 1_200];
        let (to, length) = self.hub.poll_transmit(now.mono, &mut out).expect("it goes to the member");
        let Message::SpaceRelay { head, inner } = Frame::parse(&out[..length]).expect("a frame").message else {
            panic!("a SPACE_RELAY")
        };
        assert_eq!(to, at);
        let own = self.world.eid(MEMBER, 0);
        let proven = check::<Portable>(inner, now.unix, BITS.into()).expect("worked for");
        let mut answer = [0; 96];
        self.waiting
            .accept_relayed::<Portable>(&proven, now.mono, now.unix, &own, &mut self.rng, &mut answer)
            .expect("there is room");
        let head = SpaceRelay { relay_token: head.relay_token };
        let (relayed, answer) = self.hub(at, &frame(Message::SpaceRelay { head: &head, inner: &answer }));
        assert_eq!(relayed, Relayed::Forward(seeker, 96));
        assert_eq!(search.open::<Portable>(&answer), Ok(own));
        search.proof::<Portable>(&own, &self.world.eid(SEEKER, 0)).expect("it was found")
    }

    /// The agent of a host opens a session with the member.
    fn opens(&mut self, host: usize, proof: Option<&[u8; 16]>) {
        let (now, peer) = (self.world.now, self.world.eid(MEMBER, 0));
        let open = Open { peer, at: None, hold: false, offer: Capabilities::NONE, resume: None, proof };
        let asked = self.world.hosts[host].with(now, 0, |desk, rng| desk.ask(None, &Request::Open(open), rng));
        assert!(matches!(asked, Ok(Done::Session(_))), "{asked:?}");
    }

    /// Time goes by, and the member's host tells its part that answers searches what it hears.
    fn run(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds / 5 {
            self.world.run(5);
            let (now, host) = (self.world.now, &mut self.world.hosts[MEMBER]);
            for (eid, peer, cookie, proof) in std::mem::take(&mut host.greeted) {
                assert_eq!(eid, host.agents[0].eid());
                self.greeted.push((peer, self.waiting.on_proof::<Portable>(now, peer, cookie, &proof)));
            }
            for (_, peer, cookie) in std::mem::take(&mut host.met) {
                self.met.push((peer, self.waiting.on_established(peer, cookie, false)));
            }
            self.waiting.handle_deadline(now);
        }
    }

    /// How many sessions the agent of a host has with the member, as both were told.
    fn sessions(&self, host: usize) -> (usize, usize) {
        let count = |at: usize, peer: Eid| {
            self.world.hosts[at].told.values().filter(|told| told.peer == Some(peer) && told.closed.is_none()).count()
        };
        (count(host, self.world.eid(MEMBER, 0)), count(MEMBER, self.world.eid(host, 0)))
    }

    /// The PSS_INITs that went from the seeker's host to the member's: the whole datagram, the I-Cookie, and the proof.
    fn inits(&self) -> Vec<(Vec<u8>, Cookie, Option<[u8; 16]>)> {
        let (from, to) = (self.at(SEEKER), self.at(MEMBER));
        let there = self.world.trace.iter().filter(|(_, source, target, _)| (*source, *target) == (from, to));
        let init = |(_, _, _, bytes): &(_, _, _, Vec<u8>)| {
            let Message::ErpStream { inner, .. } = Frame::parse(bytes).ok()?.message else { return None };
            let inner = Frame::parse(inner).ok()?;
            let Message::PssInit(init) = inner.message else { return None };
            Some((bytes.clone(), init.session_connection_cookie, inner.tlvs.discovery_proof().copied()))
        };
        there.filter_map(init).collect()
    }
}

// shows: IACP-138 (§6.2), IACP-141 (B.1)
#[test]
fn a_seeker_opens_a_session_with_the_agent_that_it_found_and_the_request_is_over() {
    let mut story = Story::new(1);
    let proof = story.finds();
    assert_eq!(story.waiting.waiting(), 1);
    story.opens(SEEKER, Some(&proof));
    story.run(1_000);
    let seeker = story.world.eid(SEEKER, 0);
    assert!(!story.greeted.is_empty() && story.greeted.iter().all(|greeted| *greeted == (seeker, true)));
    let [(peer, Some(state))] = story.met[..] else { panic!("{:?}", story.met) };
    assert_eq!((peer, story.waiting.waiting(), story.sessions(SEEKER)), (seeker, 0, (1, 1)));
    assert_eq!(Some(state), dfa::State::AwaitIdentity.next(dfa::Event::RxPssInitSfc0));
}

#[test]
fn a_pss_init_that_is_repeated_or_begun_anew_bears_the_proof_again_under_its_signature() {
    let mut story = Story::new(2);
    let proof = story.finds();
    story.world.cut.push((story.at(MEMBER), story.at(SEEKER)));
    story.opens(SEEKER, Some(&proof));
    story.run(8_000);
    let inits = story.inits();
    assert!(inits.iter().all(|(_, _, shown)| *shown == Some(proof)));
    let cookies: std::collections::BTreeSet<[u8; 8]> = inits.iter().map(|(_, cookie, _)| cookie.0).collect();
    assert!(cookies.len() > 1 && inits.len() > cookies.len(), "{} of {} attempts", inits.len(), cookies.len());
    let of_first: Vec<_> = inits.iter().filter(|(_, cookie, _)| *cookie == inits[0].1).collect();
    assert!(of_first.len() > 1 && of_first.iter().all(|init| init.0 == inits[0].0), "the very bytes");
    // Whatever is altered in it breaks the signature, and is not handed on.
    story.greeted.clear();
    let (from, to) = (story.at(SEEKER), story.at(MEMBER));
    let mut altered = inits[0].0.clone();
    *altered.last_mut().expect("bytes") ^= 1;
    story.world.put(story.world.now, from, to, altered);
    let before = story.world.hosts[MEMBER].dropped.len();
    story.world.run(1);
    let dropped = &story.world.hosts[MEMBER].dropped[before..];
    assert!(dropped.contains(&Dropped::Session(Discard::Signature)), "{dropped:?}");
    assert!(story.world.hosts[MEMBER].greeted.iter().all(|(.., shown)| *shown == proof));
}

/// The attack "bringing another's PSS_INIT for a search": a proof is of one seeker, one search, and 2 s.
// shows: IACP-141 (B.1)
#[test]
fn with_another_ones_proof_the_sender_is_a_stranger_and_the_request_waits_on() {
    let mut story = Story::new(3);
    let proof = story.finds();
    story.opens(STRANGER, Some(&proof));
    story.run(500);
    let stranger = story.world.eid(STRANGER, 0);
    assert!(!story.greeted.is_empty() && story.greeted.iter().all(|greeted| *greeted == (stranger, false)));
    story.run(1_000);
    // It is admitted like any other, and has nothing to do with the search.
    assert_eq!((&story.met[..], story.sessions(STRANGER)), (&[(stranger, None)][..], (1, 1)));
    assert_eq!(story.waiting.waiting(), 1, "the seeker may still come");
}

#[test]
fn a_proof_after_two_seconds_belongs_to_no_request_and_the_session_is_made_all_the_same() {
    let mut story = Story::new(4);
    let proof = story.finds();
    story.run(AWAIT_THROUGH_HUB);
    assert_eq!(story.waiting.waiting(), 0, "IDENTITY_TIMEOUT");
    story.opens(SEEKER, Some(&proof));
    story.run(1_500);
    let seeker = story.world.eid(SEEKER, 0);
    assert!(!story.greeted.is_empty() && story.greeted.iter().all(|greeted| *greeted == (seeker, false)));
    assert_eq!((&story.met[..], story.sessions(SEEKER)), (&[(seeker, None)][..], (1, 1)));
}

#[test]
fn a_proof_counts_for_one_session() {
    let mut story = Story::new(5);
    let proof = story.finds();
    story.opens(SEEKER, Some(&proof));
    story.run(500);
    assert!(matches!(story.met[..], [(_, Some(_))]));
    story.greeted.clear();
    // The same bytes again, as anyone on the path can send them; and a second session of the seeker's own.
    let (from, to, first) = (story.at(SEEKER), story.at(MEMBER), story.inits()[0].0.clone());
    story.world.put(story.world.now, from, to, first);
    story.run(100);
    story.opens(SEEKER, Some(&proof));
    story.run(500);
    let seeker = story.world.eid(SEEKER, 0);
    assert!(story.greeted.len() > 1 && story.greeted.iter().all(|greeted| *greeted == (seeker, false)));
    assert!(matches!(story.met[..], [(_, Some(_)), (_, None)]));
    assert_eq!(story.sessions(SEEKER), (2, 2));
}

#[test]
fn an_ordinary_pss_init_shows_nothing_and_a_second_search_waits_for_its_own_proof() {
    let mut story = Story::new(6);
    let [first, second] = [story.finds(), story.finds()];
    assert_ne!(first, second);
    story.opens(SEEKER, None);
    story.run(500);
    assert!(story.greeted.is_empty() && story.inits().iter().all(|(_, _, shown)| shown.is_none()));
    assert_eq!(story.waiting.waiting(), 2);
    story.opens(SEEKER, Some(&second));
    story.run(500);
    assert_eq!(story.waiting.waiting(), 1);
    assert!(matches!(story.met[..], [(_, None), (_, Some(_))]));
}
