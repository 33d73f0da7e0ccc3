//! Arbitrary calls in arbitrary order, and arbitrary bytes: no LL-Entity panics, stands still, loses a slot or delivers an
//! item twice, unless its agent has asked for that.

use std::collections::{BTreeMap, BTreeSet};

use iacp_core::crypto::Portable;
use iacp_core::erp::agent::RotationReason;
use iacp_core::erp::entity::Dropped;
use iacp_core::erp::local::{Listen, Open, Request};
use iacp_core::pss::shared::Coordinate;
use iacp_core::pss::{Capabilities, RejectionReasons, Terms};
use iacp_core::slots::Handle;
use iacp_wire::Digest;
use sessions::hosts::{Hosts, place};
use sessions::{ChaCha8Rng, Rng, SeedableRng, Weather};

/// Hosts to resolve, and a text that is not one.
const HOSTS: [&str; 4] = ["https://news.example.org/", "http://example.net:8080/a", "https://192.0.2.1/", "no uri"];

fn below(rng: &mut ChaCha8Rng, limit: usize) -> usize {
    usize::try_from(rng.next_u32()).expect("32 bits fit") % limit.max(1)
}

fn terms(rng: &mut ChaCha8Rng) -> Terms {
    Terms { dgk_rotation: 0, lifetime: rng.next_u32() % 3 * 20, receive_window: rng.next_u32() % 20 }
}

/// Any call of an agent's. Returns the session in which items may come again, because the agent has requested that.
fn act(
    world: &mut Hosts,
    (host, agent): (usize, usize),
    rng: &mut ChaCha8Rng,
    granted: &mut BTreeMap<&'static str, u32>,
) -> Option<u64> {
    let now = world.now;
    // Most calls concern an open session of the agent's own.
    let any = rng.next_u32().is_multiple_of(4);
    let own = world.hosts[host].told.iter().filter(|((of, _), told)| any || (*of == agent && told.closed.is_none()));
    let known: Vec<u64> = own.map(|((_, bits), _)| *bits).collect();
    let session = known.get(below(rng, known.len())).and_then(|bits| Handle::from_bits(*bits));
    // Often with endpoints under a contract.
    let shared = if any { 0 } else { Capabilities::ENDPOINTS.with(Capabilities::SFC).bits() };
    let offer = Capabilities::from_bits((rng.next_u32() % 64) | shared);
    let other = below(rng, world.hosts.len());
    let peer = world.eid(other, below(rng, world.hosts[other].agents.len()));
    let next = world.hosts[host].sent.get(&session.map_or(0, Handle::bits)).copied().unwrap_or(0);
    let content = [7; 900];
    // Few names, so that some are there: own endpoints, and the peer's.
    let owner = [world.eid(host, agent), peer][below(rng, 2)];
    let named = |owner| Digest(Coordinate::of::<Portable>(&owner, b"tag").0);
    let (coordinate, mine) = (named(owner), named(world.eid(host, agent)));
    let request = match rng.next_u32() % 30 {
        // What ends sessions and endpoints is rarer than what is done with them.
        9..=11 | 23 if !any => Request::Grant { coordinate: mine, rights: 7, seconds: rng.next_u32() % 60 },
        22 | 27 if !any => Request::Trust { coordinate: mine, eid: peer, on: !rng.next_u32().is_multiple_of(4) },
        0 | 1 => {
            let sessions = rng.next_u32() % 5;
            Request::Listen(Listen {
                capabilities: offer,
                terms: terms(rng),
                sessions,
                hold: rng.next_u32().is_multiple_of(4),
            })
        }
        2 | 3 => Request::Open(Open {
            peer,
            at: None,
            hold: rng.next_u32().is_multiple_of(4),
            offer,
            resume: None,
            proof: rng.next_u32().is_multiple_of(2).then_some(&[9; 16]),
        }),
        4..=8 => Request::Send { item: next, content: &content[..below(rng, 881)] },
        9 => Request::Finish { items: next },
        10 => Request::Close(u16::try_from(rng.next_u32() % 12).expect("few")),
        11 => Request::Abort(u16::try_from(rng.next_u32() % 12).expect("few")),
        12 => {
            let counter = rng.next_u32().is_multiple_of(2).then(|| (terms(rng), RejectionReasons::OTHER));
            Request::Terms { counter }
        }
        13 => Request::Ready(!rng.next_u32().is_multiple_of(4)),
        14 => Request::Consumed { below: rng.next_u64() >> (rng.next_u32() % 64) },
        15 => Request::Resolve(HOSTS[below(rng, HOSTS.len())]),
        16 => Request::Recall(&[7; 56]),
        17 => Request::Standing(peer),
        18 => Request::Endpoint { flags: u8::try_from(rng.next_u32() % 8).expect("few"), rotation: 0, tag: b"tag" },
        19 => Request::Endpoint { flags: 0, rotation: 0, tag: &[] },
        20 => Request::Write { coordinate, if_version: 0, value: &content[..below(rng, 840)] },
        21 => Request::Read(coordinate),
        22 => Request::Erase(coordinate),
        23 => Request::Grant { coordinate, rights: 7, seconds: rng.next_u32() % 60 },
        24 => Request::Subscribe { coordinate, on: rng.next_u32().is_multiple_of(2) },
        25 => Request::Trust { coordinate, eid: peer, on: rng.next_u32().is_multiple_of(2) },
        26 => Request::Derive { seconds: 1 + rng.next_u32() % 60 },
        27 => Request::Retract(coordinate),
        28 => Request::Deposit { kind: 4, body: &content[..140] },
        // ROTATE and LEAVE end the agent: they befall it seldom.
        _ => Request::Rewind,
    };
    let alone = match request {
        Request::Listen(_)
        | Request::Open(_)
        | Request::Ready(_)
        | Request::Resolve(_)
        | Request::Recall(_)
        | Request::Standing(_)
        | Request::Erase(_)
        | Request::Trust { .. }
        | Request::Retract(_)
        | Request::Deposit { .. } => true,
        Request::Endpoint { tag, .. } => !tag.is_empty(),
        Request::Write { .. } | Request::Read(_) | Request::Derive { .. } => rng.next_u32().is_multiple_of(2),
        _ => false,
    };
    let session = session.filter(|_| !alone);
    let done = world.hosts[host].try_with(now, agent, |desk, rng| desk.ask(session, &request, rng));
    if let (Some(Ok(_)), Request::Send { .. }, Some(session)) = (done, request, session) {
        *world.hosts[host].sent.entry(session.bits()).or_default() += 1;
    }
    if matches!(done, Some(Ok(_)))
        && let Some(name) = name(&request)
    {
        *granted.entry(name).or_default() += 1;
    }
    let rewound = matches!((done, request), (Some(Ok(_)), Request::Rewind));
    session.filter(|_| rewound).map(Handle::bits)
}

/// What concerns endpoints.
const fn name(request: &Request<'_>) -> Option<&'static str> {
    Some(match request {
        Request::Write { .. } => "WRITE",
        Request::Read(_) => "READ",
        Request::Erase(_) => "ERASE",
        Request::Trust { .. } => "TRUST",
        Request::Grant { .. } => "GRANT",
        Request::Subscribe { .. } => "SUBSCRIBE",
        _ => return None,
    })
}

/// Each agent has an endpoint, and a session that can carry what concerns it.
fn share(world: &mut Hosts) {
    let offer = Capabilities::ENDPOINTS.with(Capabilities::SFC);
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
    let asks = |world: &mut Hosts, (host, agent): (usize, usize), request: &Request<'_>| {
        let now = world.now;
        let _ = world.hosts[host].try_with(now, agent, |desk, rng| desk.ask(None, request, rng));
    };
    let all: Vec<_> = (0..world.hosts.len()).flat_map(|host| (0..2).map(move |agent| (host, agent))).collect();
    for at in &all {
        asks(world, *at, &Request::Listen(Listen { capabilities: offer, terms, sessions: 4, hold: false }));
        asks(world, *at, &Request::Endpoint { flags: 5, rotation: 0, tag: b"tag" });
    }
    for (host, agent) in all {
        let peer = world.eid((host + 1) % 3, agent);
        asks(
            world,
            (host, agent),
            &Request::Open(Open { peer, at: None, hold: false, offer, resume: None, proof: None }),
        );
    }
    world.run(5_000);
}

/// Something that happens to a host, or that a stranger does.
fn befall(world: &mut Hosts, host: usize, rng: &mut ChaCha8Rng) {
    let now = world.now;
    match rng.next_u32() % 8 {
        0 => {
            let to = u8::try_from(100 + rng.next_u32() % 100).expect("a byte");
            world.move_host(host, place(to));
        }
        1 => {
            let number = below(rng, world.nodes.len());
            world.nodes[number].silent ^= true;
        }
        2 => {
            let agent = below(rng, world.hosts[host].agents.len());
            let digest = Digest([u8::try_from(rng.next_u32() % 2).expect("a bit"); 32]);
            let _ = world.hosts[host].try_with(now, agent, |desk, _| desk.keepalive(&digest));
        }
        3 if rng.next_u32().is_multiple_of(8) => {
            let agent = below(rng, world.hosts[host].agents.len());
            let eid = world.hosts[host].agents[agent].eid();
            let reason = [RotationReason::Administrative, RotationReason::Compromise, RotationReason::TaskEnded];
            if let Ok(new) = world.hosts[host].rotate(now, &eid, reason[below(rng, 3)]) {
                world.hosts[host].agents.push(new);
            }
        }
        4 if rng.next_u32().is_multiple_of(8) => {
            let agent = below(rng, world.hosts[host].agents.len());
            let _ = world.hosts[host].try_with(now, agent, |desk, rng| desk.ask(None, &Request::Leave, rng));
        }
        // Noise, and what was sent before, cut or changed, from anywhere.
        _ => {
            let from = std::net::SocketAddr::new(place(u8::try_from(rng.next_u32() % 4).expect("few")), 4227);
            let mut bytes = match world.trace.len() {
                0 => vec![0x18; 80],
                length => world.trace[below(rng, length)].3.clone(),
            };
            if !bytes.is_empty() {
                let at = below(rng, bytes.len());
                match rng.next_u32() % 3 {
                    0 => bytes[at] ^= 1 << (rng.next_u32() % 8),
                    1 => bytes.truncate(at),
                    _ => {}
                }
            }
            let to = world.hosts[host].at;
            world.put(now.after(1), from, to, bytes.clone());
            let channel = rng.next_u32() % 10;
            // No frame here has a valid token: a local channel takes nothing but an ERP_INIT.
            if world.hosts[host].local(now, channel, &bytes).is_ok() {
                assert_eq!((bytes.len() >= 36, bytes[0] << 4 | bytes[1] >> 4), (true, 0x11), "{bytes:?}");
            }
        }
    }
}

#[test]
fn nothing_that_agents_networks_or_strangers_do_breaks_a_host() {
    let mut granted = BTreeMap::new();
    for seed in 0..24_u64 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut world = Hosts::new(seed, 3, 2, seed % 3 != 0);
        world.weather = Weather { loss: 50, duplication: 100, delay: 2, jitter: 30, ..Weather::FAIR };
        assert!(world.run_until(120_000, Hosts::all_bound));
        let mut rewound = BTreeSet::new();
        for step in 0..300 {
            if step % 60 == 0 {
                share(&mut world);
            }
            let host = below(&mut rng, 3);
            if rng.next_u32().is_multiple_of(6) {
                befall(&mut world, host, &mut rng);
            } else {
                let agent = below(&mut rng, world.hosts[host].agents.len());
                rewound.extend(act(&mut world, (host, agent), &mut rng, &mut granted).map(|session| (host, session)));
            }
            world.run(u64::from(rng.next_u32() % 400));
            world.keep_alive();
            for host in &world.hosts {
                let (agents, sessions, _) = host.entity.counts();
                assert!(agents <= 4 && sessions <= 16, "seed {seed}, step {step}");
            }
        }
        for (number, host) in world.hosts.iter().enumerate() {
            let told = host.told.iter().filter(|((_, session), _)| !rewound.contains(&(number, *session)));
            let twice = told.flat_map(|(_, told)| told.items.values()).find(|(_, times)| *times > 1);
            assert!(twice.is_none(), "seed {seed}: an item came twice");
            assert!(!host.dropped.contains(&Dropped::Equivocation), "seed {seed}: an honest host equivocates");
        }
        // All agents fall silent: everything is given back.
        world.run(400_000);
        for host in &world.hosts {
            assert_eq!(host.entity.counts().0, 0, "seed {seed}: an agent is left");
            assert_eq!(host.entity.counts().1, 0, "seed {seed}: a session is left");
        }
    }
    for (what, least) in [("WRITE", 10), ("READ", 10), ("ERASE", 10), ("GRANT", 10), ("TRUST", 10), ("SUBSCRIBE", 1)] {
        assert!(granted.get(what).is_some_and(|times| *times >= least), "{what} is done often: {granted:?}");
    }
}
