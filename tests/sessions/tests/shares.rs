//! What has a share of its own is not used up by others: cookies by a full host, claims and questions by one peer or network.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::entity::{Done, Dropped};
use iacp_core::erp::local::{Listen, Open, Request};
use iacp_core::identity::Identity;
use iacp_core::pss::{Admission, Capabilities, Discard, Terms};
use iacp_wire::{Eid, Locator};
use sessions::Weather;
use sessions::hosts::{Hosts, place, register_frame};
use sessions::raw::{ROUTING, Raw};
use sessions::two::Two;

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
const LISTEN: Listen = Listen { capabilities: Capabilities::NONE, terms: TERMS, sessions: 8, hold: false };

/// So many hosts whose agents listen.
fn world(seed: u64, hosts: u8, directory: bool, sessions: u32) -> Hosts {
    let mut world = Hosts::new(seed, hosts, 1, directory);
    assert!(world.run_until(60_000, Hosts::all_bound));
    let now = world.now;
    for host in &mut world.hosts {
        host.with(now, 0, |desk, _| desk.listen(Listen { sessions, ..LISTEN })).expect("a window");
    }
    world
}

/// The agent of host 1 opens a session with that of host 0, which is told of it.
fn open(world: &mut Hosts) {
    let (now, peer, before) = (world.now, world.eid(0, 0), world.hosts[0].told.len());
    let open = Open { peer, at: None, hold: false, offer: Capabilities::NONE, resume: None, proof: None };
    let opened = world.hosts[1].with(now, 0, |desk, rng| desk.ask(None, &Request::Open(open), rng));
    assert!(matches!(opened, Ok(Done::Session(_))), "{opened:?}");
    assert!(world.run_until(10_000, |world| world.hosts[0].told.len() > before));
    world.run(100);
}

/// Quota before the cookie: what finds no room spends no cookie, so the same PSS_ACK is taken when there is room.
#[test]
fn a_cookie_that_finds_no_room_is_not_spent() {
    let mut world = world(62, 1, false, 1);
    let to = (world.eid(0, 0), world.hosts[0].at);
    let now = world.now;
    let at = |number: u8| SocketAddr::new(IpAddr::from([203, number, 113, 7]), 4_227);
    let mut all = [1, 2].map(|number| Raw::open(now, u64::from(number), at(number), to, Capabilities::NONE));
    for raw in &mut all {
        let opening = raw.says(now).expect("PSS_INIT");
        world.put(now, raw.at, to.1, opening);
    }
    let begin = world.trace.len();
    world.run(50);
    let now = world.now;
    let acknowledgements = all.each_mut().map(|raw| {
        let answer = world.trace[begin..].iter().find(|(_, _, there, _)| *there == raw.at).expect("PSS_NEG");
        raw.hears(now, &mut answer.3.clone());
        raw.says(now).expect("PSS_ACK")
    });
    for (raw, acknowledgement) in all.iter().zip(&acknowledgements) {
        world.put(now, raw.at, to.1, acknowledgement.clone());
    }
    world.run(0);
    assert_eq!(world.hosts[0].entity.counts().1, 1, "the agent takes one session");
    let capacity = Dropped::Session(Discard::Capacity);
    assert_eq!(world.hosts[0].dropped.iter().filter(|why| **why == capacity).count(), 1);
    // It takes one more.
    world.hosts[0].with(now, 0, |desk, _| desk.listen(Listen { sessions: 2, ..LISTEN })).expect("a window");
    world.put(now, all[1].at, to.1, acknowledgements[1].clone());
    world.run(0);
    assert_eq!(world.hosts[0].entity.counts().1, 2, "its cookie is still good");
    // And it is spent now: the same frame makes no third one.
    world.hosts[0].with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window");
    world.put(now, all[1].at, to.1, acknowledgements[1].clone());
    world.run(0);
    assert_eq!(world.hosts[0].entity.counts().1, 2);
}

/// Strangers of one network: the directory is read for two of them in a second, and others have theirs.
#[test]
fn one_network_of_strangers_asks_twice_a_second_and_leaves_the_others_their_share() {
    let mut world = world(63, 1, true, 8);
    let to = (world.eid(0, 0), world.hosts[0].at);
    let now = world.now;
    let at = |network: u8, number: u8| SocketAddr::new(IpAddr::from([203, 0, network, number]), 4_227);
    let places = (0..12).map(|number| at(113, number)).chain([114, 115, 116, 117].map(|network| at(network, 1)));
    let mut all: Vec<Raw> =
        places.zip(100_u64..).map(|(at, seed)| Raw::open(now, seed, at, to, Capabilities::NONE)).collect();
    let (begin, before) = (world.trace.len(), world.asked.len());
    for raw in &mut all {
        let opening = raw.says(now).expect("PSS_INIT");
        world.put(now, raw.at, to.1, opening);
    }
    world.run(50);
    let now = world.now;
    for raw in &mut all {
        let answer = world.trace[begin..].iter().find(|(_, _, there, _)| *there == raw.at).expect("PSS_NEG");
        raw.hears(now, &mut answer.3.clone());
        let acknowledgement = raw.says(now).expect("PSS_ACK");
        world.put(now, raw.at, to.1, acknowledgement);
    }
    world.run(0);
    let asked: Vec<Eid> = world.asked[before..].iter().map(|(_, eid)| *eid).collect();
    let of_network = all[..12].iter().filter(|raw| asked.contains(&raw.identity.eid())).count();
    assert_eq!(of_network, 2, "of the twelve of one network");
    // Networks share a place by chance in one case of 64, with this seed not these.
    let others = all[12..].iter().filter(|raw| asked.contains(&raw.identity.eid())).count();
    assert_eq!((others, asked.len()), (4, 6), "each other network has its own share");
}

/// A peer of the same host has been looked at by no directory: at the door it is admitted, whatever nodes say.
#[test]
fn an_agent_of_the_same_host_is_not_throttled() {
    let terms = Terms { receive_window: 64, ..TERMS };
    let mut two = Two::prepared(64, true, Weather::FAIR, (Capabilities::NONE, terms), |world| {
        for agent in 0..2 {
            let eid = world.eid(0, agent);
            world.standings.insert(eid.0, Admission::Throttle);
        }
    });
    let (mut next, session) = (0_u64, two.sessions[0]);
    for _ in 0..20 {
        for _ in 0..20 {
            let now = two.world.now;
            while next < 200
                && two.world.hosts[0].with(now, 0, |desk, _| desk.send(session, next, &next.to_be_bytes())).is_ok()
            {
                next += 1;
            }
            two.world.run(50);
        }
        two.world.keep_alive();
    }
    // A throttled peer gets sixteen a second: 200 would take more than eleven.
    assert_eq!(two.told(1).expect("open").items.len(), 200);
    assert!(!two.world.hosts[0].dropped.contains(&Dropped::RateLimited));
}

/// A peer with five sessions says that it is elsewhere: two of them ask there.
#[test]
fn a_binding_claims_in_two_sessions_and_leads_into_no_narrower_scope() {
    let inner = [[10, 0, 0, 7], [127, 0, 0, 7], [192, 0, 0, 7], [198, 18, 0, 7], [240, 0, 0, 7]].map(IpAddr::from);
    for (victim, asking) in [(place(77), 2)].into_iter().chain(inner.map(|inner| (inner, 0))) {
        let mut world = world(65, 2, true, 8);
        for _ in 0..5 {
            open(&mut world);
        }
        let peer = world.eid(1, 0);
        let seed = Secret32::new(*world.hosts[1].entity.seed(&peer).expect("a context").expose());
        let generation = world.newest(&peer).expect("it is registered").generation + 1;
        let identity = Identity::<Portable>::from_seed(&seed);
        let forged = register_frame(&Binding::sign(&identity, Locator::from(victim), generation));
        let (now, from, to, begin) = (world.now, world.hosts[1].at, world.hosts[0].at, world.trace.len());
        world.put(now, from, to, forged);
        world.run(5_000);
        let there = world.trace[begin..].iter().filter(|(_, at, there, _)| *at == to && there.ip() == victim);
        let sessions: BTreeSet<&[u8]> = there.map(|(.., bytes)| &bytes[ROUTING + 4..ROUTING + 20]).collect();
        assert_eq!(sessions.len(), asking, "{victim}");
    }
}

/// A binding of an agent's, as anybody who has it may show it.
fn shown(world: &Hosts, host: usize, above: u64, at: IpAddr) -> Vec<u8> {
    let peer = world.eid(host, 0);
    let seed = Secret32::new(*world.hosts[host].entity.seed(&peer).expect("a context").expose());
    let generation = world.newest(&peer).expect("it is registered").generation + above;
    register_frame(&Binding::sign(&Identity::<Portable>::from_seed(&seed), Locator::from(at), generation))
}

/// Agents have attempts toward a peer that says nothing but where it is, again and again: the attempts follow, at the pace that they
/// have anyway.
#[test]
fn bindings_that_name_victims_bring_an_attempt_no_frame_that_it_would_not_send() {
    let sent = |vectors: u8| {
        let mut world = world(66, 2, true, 8);
        let (here, there, now) = (world.hosts[0].at, world.hosts[1].at, world.now);
        world.cut.extend([(here, there), (there, here)]);
        let peer = world.eid(1, 0);
        for _ in 0..5 {
            let opened = world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng));
            opened.expect("a slot is free");
        }
        world.run(1_000);
        let begin = world.trace.len();
        for number in 0..vectors {
            let vector = shown(&world, 1, u64::from(number) + 1, place(100 + number));
            let now = world.now;
            world.put(now, there, here, vector);
            world.run(100);
        }
        world.run(4_000 - 100 * u64::from(vectors));
        let attempts = world.trace[begin..].iter().filter(|(_, from, _, bytes)| {
            *from == here && bytes.len() > 78 && (bytes[76] << 4 | bytes[77] >> 4) == 0x08
        });
        let places: BTreeSet<SocketAddr> = attempts.clone().map(|(_, _, to, _)| *to).collect();
        (attempts.count(), places.len())
    };
    let (frames, places) = sent(0);
    assert!(frames >= 5 && places == 1, "{frames} to {places}");
    let (followed, places) = sent(20);
    assert!(places > 1, "they follow");
    assert!(followed <= frames, "{followed} frames, and {frames} without a vector");
}

/// The port that an agent was given may be a translator's, which no binding has: a newer binding of the same address leaves it.
#[test]
fn a_newer_binding_of_the_same_address_leaves_an_attempt_its_port() {
    let mut world = world(67, 2, true, 8);
    let (here, there, now) = (world.hosts[0].at, world.hosts[1].at, world.now);
    let translated = SocketAddr::new(there.ip(), 5_000);
    let open = Open {
        peer: world.eid(1, 0),
        at: Some(translated),
        hold: false,
        offer: Capabilities::NONE,
        resume: None,
        proof: None,
    };
    world.hosts[0].with(now, 0, |desk, rng| desk.ask(None, &Request::Open(open), rng)).expect("a slot is free");
    world.run(500);
    let vector = shown(&world, 1, 1, there.ip());
    let (now, begin) = (world.now, world.trace.len());
    world.put(now, SocketAddr::new(place(99), 4_227), here, vector);
    world.run(4_000);
    let tried: BTreeSet<SocketAddr> = world.trace[begin..]
        .iter()
        .filter(|(_, from, to, _)| *from == here && to.ip() == there.ip())
        .map(|(_, _, to, _)| *to)
        .collect();
    assert_eq!(tried, BTreeSet::from([translated]));
}
