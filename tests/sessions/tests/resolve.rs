//! RESOLVE: the ANML Fallback Query of an agent through its LL-Entity, and a quorum of directory nodes that decides.

use iacp_core::crypto::{Portable, Provider};
use iacp_core::dhi::fallback::Ignored;
use iacp_core::erp::entity::{Done, Dropped, PeerAnswer};
use iacp_core::erp::local::{AgentEvent, LocalStatus, Mapped, Request, Standing};
use iacp_core::pss::Admission;
use iacp_core::time::Mono;
use iacp_wire::Eid;
use sessions::hosts::{Hosts, UNIX, Word};
use sessions::{ChaCha8Rng, SeedableRng};

const URI: &str = "https://News.Example.org:8443/a/page?q=secret#part";
const ORIGIN: &str = "https://news.example.org:8443/";
const SITE: Eid = Eid([0x51; 32]);
const HOUR: u64 = 3_600_000;

/// One host with two agents, and seven nodes that say of `ORIGIN` what is given here.
fn world(seed: u64, word: Word) -> Hosts {
    let mut world = Hosts::new(seed, 1, 2, true);
    assert!(world.run_until(60_000, Hosts::all_bound));
    for node in &mut world.nodes {
        node.says.insert(ORIGIN.into(), word);
    }
    world.trace.clear();
    world
}

fn mapped(eid: Eid) -> Word {
    (0, eid, UNIX + HOUR)
}

/// Lets this many milliseconds pass, during which the agents keep themselves alive.
fn wait(world: &mut Hosts, milliseconds: u64) {
    let end = world.now.after(milliseconds);
    while world.now < end {
        world.run(end.since(world.now).min(30_000));
        world.keep_alive();
    }
}

fn ask(world: &mut Hosts, agent: usize, number: u32, uri: &str) -> Result<Done, LocalStatus> {
    let now = world.now;
    world.hosts[0].with(now, agent, |desk, rng| desk.ask_as(number, None, &Request::Resolve(uri), rng))
}

/// What the agents were told, without the EIDs.
fn told(world: &Hosts) -> Vec<(u32, Result<Eid, LocalStatus>)> {
    world.hosts[0].resolved.iter().map(|(_, number, told)| (*number, told.map(|mapped| mapped.eid))).collect()
}

/// The queries that were sent: when, and the frame.
fn queries(world: &Hosts) -> Vec<(Mono, Vec<u8>)> {
    let sent = world.trace.iter().filter(|(.., bytes)| bytes.starts_with(&[0x11, 0x20]));
    sent.map(|(at, _, _, bytes)| (*at, bytes.clone())).collect()
}

#[test]
fn a_mapping_that_a_quorum_names_is_told_under_the_agents_number_and_kept_to_its_expiry() {
    // shows: IACP-026 (§4.1.1), IACP-027 (§4.1.2), IACP-028 (§4.1.2)
    let mut world = world(1, mapped(SITE));
    assert_eq!(ask(&mut world, 0, 11, URI), Ok(Done::Later));
    world.run(500);
    assert_eq!(told(&world), [(11, Ok(SITE))]);
    assert_eq!(queries(&world).len(), 7, "each node once");
    // It is a public fact, so the other agent gets it at once, for the time that is left.
    let Ok(Done::Mapped(known)) = ask(&mut world, 1, 12, "http://NEWS.example.org/other") else {
        panic!("it is known")
    };
    let left = (UNIX + HOUR - world.unix().0) / 1_000;
    assert_eq!((known.eid, u64::from(known.seconds)), (SITE, left));
    let until = HOUR - world.now.0 - 1;
    wait(&mut world, until);
    assert!(matches!(ask(&mut world, 1, 13, URI), Ok(Done::Mapped(_))), "its last millisecond");
    wait(&mut world, 1);
    for node in &mut world.nodes {
        node.says.insert(ORIGIN.into(), (0, SITE, UNIX + 2 * HOUR));
    }
    assert_eq!(ask(&mut world, 1, 14, URI), Ok(Done::Later), "its expiry");
}

#[test]
fn only_scheme_host_and_port_leave_the_host_under_the_agents_signature() {
    // shows: IACP-027 (§4.1.2)
    let mut world = world(2, mapped(SITE));
    assert_eq!(ask(&mut world, 1, 1, URI), Ok(Done::Later));
    world.run(500);
    let eid = world.eid(0, 1);
    for (_, frame) in queries(&world) {
        let (unsigned, signature) = frame.split_last_chunk::<64>().expect("a signature");
        assert_eq!(&unsigned[4..unsigned.len() - 40], ORIGIN.as_bytes());
        assert_eq!(&unsigned[unsigned.len() - 40..][..32], eid.0);
        let digest = Portable::sha256(&[b"IACP/1 ANML Fallback Query\0", unsigned]);
        assert_eq!(Portable::verify(&eid.0, &digest, signature), Ok(()));
    }
    // The nodes are those of the path, the most general label first.
    let key = Portable::sha256(&[b"org.example.news"]);
    assert_eq!(world.resolvers.iter().map(|(_, key)| key.0).collect::<Vec<_>>(), [key]);
}

/// `liars` nodes answer one thing, and the rest the other.
fn mixed(seed: u64, liars: usize, lie: Word, truth: Word) -> Hosts {
    let mut world = world(seed, truth);
    for node in &mut world.nodes[..liars] {
        node.says.insert(ORIGIN.into(), lie);
    }
    assert_eq!(ask(&mut world, 0, 7, URI), Ok(Done::Later));
    world.run(3_000);
    world
}

#[test]
fn two_of_seven_liars_change_nothing_and_three_leave_nothing_decided() {
    // shows: IACP-028 (§4.1.2)
    let lies = [mapped(Eid([9; 32])), (20, Eid([0; 32]), 0), (21, Eid([0; 32]), 0), (0, SITE, UNIX + 24 * HOUR)];
    for (seed, lie) in (10..).zip(lies) {
        let world = mixed(seed, 2, lie, mapped(SITE));
        assert_eq!(told(&world), [(7, Ok(SITE))], "{lie:?}");
        let (_, _, Ok(Mapped { seconds, .. })) = world.hosts[0].resolved[0] else { panic!("{lie:?}") };
        assert!(u64::from(seconds) <= HOUR / 1_000, "no liar makes it live longer");
    }
    for (seed, lie) in (20..).zip(&lies[..3]) {
        let mut world = mixed(seed, 3, *lie, mapped(SITE));
        assert_eq!(told(&world), [(7, Err(LocalStatus::Degraded))], "{lie:?}");
        assert_eq!(ask(&mut world, 0, 8, URI), Ok(Done::Later), "nothing was kept");
    }
}

#[test]
fn not_found_by_a_quorum_is_kept_for_300_seconds() {
    // shows: IACP-028 (§4.1.2)
    let mut world = mixed(30, 2, mapped(Eid([9; 32])), (20, Eid([0; 32]), 0));
    assert_eq!(told(&world), [(7, Err(LocalStatus::NotFound))]);
    assert_eq!(ask(&mut world, 1, 8, URI), Err(LocalStatus::NotFound), "without a query");
    wait(&mut world, 300_000);
    assert_eq!(ask(&mut world, 1, 9, URI), Ok(Done::Later));
    assert_eq!(queries(&world).len(), 7);
}

#[test]
fn silent_nodes_are_asked_once_more_and_the_request_ends_in_time_for_the_pipeline() {
    let mut world = world(31, mapped(SITE));
    world.nodes.iter_mut().take(3).for_each(|node| node.silent = true);
    let begun = world.now;
    // With number 0 a refusal is answered, and nothing else.
    assert_eq!(ask(&mut world, 0, 0, URI), Ok(Done::Later));
    world.run(1_890);
    assert!(told(&world).is_empty());
    let at: Vec<u64> = queries(&world).iter().map(|(at, _)| at.since(begun)).collect();
    assert_eq!(at, [vec![0; 7], vec![1_050; 3]].concat());
    world.run(10);
    assert_eq!(told(&world), [(0, Err(LocalStatus::Degraded))]);
    world.run(60_000);
    assert_eq!(queries(&world).len(), 10, "then it is over");
    // One of the three comes back with the repetition: a quorum.
    assert_eq!(ask(&mut world, 0, 5, URI), Ok(Done::Later));
    world.run(1_000);
    world.nodes[0].silent = false;
    world.run(500);
    assert_eq!(told(&world), [(0, Err(LocalStatus::Degraded)), (5, Ok(SITE))]);
}

#[test]
fn what_is_no_answer_is_dropped_and_changes_nothing() {
    // shows: IACP-028 (§4.1.2)
    let mut world = world(32, mapped(SITE));
    world.nodes.iter_mut().for_each(|node| node.silent = true);
    assert_eq!(ask(&mut world, 0, 3, URI), Ok(Done::Later));
    world.run(10);
    let query = queries(&world)[0].1.clone();
    let (at, other) = (world.nodes[0].at, world.nodes[1].at);
    let answer = world.nodes[0].answer(&query, mapped(SITE));
    let give = |world: &mut Hosts, from, bytes: &[u8]| {
        let now = world.now;
        world.hosts[0].dropped.clear();
        world.hosts[0].receive(now, from, &mut bytes.to_vec());
        world.hosts[0].dropped.first().copied()
    };
    // From another place, in another node's name, to another query.
    assert_eq!(give(&mut world, other, &answer), Some(Dropped::NotAsked));
    let mut renamed = answer.clone();
    renamed[56..88].copy_from_slice(&world.nodes[1].eid.0);
    assert_eq!(give(&mut world, at, &renamed), Some(Dropped::NotAsked));
    assert_eq!(give(&mut world, other, &renamed), Some(Dropped::Signature));
    for bit in 0..64 {
        let mut changed = answer.clone();
        changed[4 + bit / 8] ^= 1 << (bit % 8);
        assert_eq!(give(&mut world, at, &changed), Some(Dropped::NotAsked), "bit {bit} of the nonce");
    }
    // No bit of what is signed can be changed.
    for bit in 0..(answer.len() * 8) {
        let mut changed = answer.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(give(&mut world, at, &changed).is_some(), "bit {bit}");
    }
    // Signed by the node, and wrong in its fields.
    let now = world.unix().0;
    let wrong = [
        ((0, SITE, now), Ignored::Expiry),
        ((0, SITE, now + 24 * HOUR + 1), Ignored::Expiry),
        ((0, Eid([0; 32]), now + HOUR), Ignored::Status),
        ((20, SITE, 0), Ignored::Status),
        ((20, Eid([0; 32]), 1), Ignored::Status),
        ((21, SITE, now + HOUR), Ignored::Status),
        ((1, Eid([0; 32]), 0), Ignored::Status),
        ((u32::MAX, Eid([0; 32]), 0), Ignored::Status),
    ];
    for (word, why) in wrong {
        let bytes = world.nodes[0].answer(&query, word);
        assert_eq!(give(&mut world, at, &bytes), Some(Dropped::Answer(why)), "{word:?}");
    }
    // None of this has closed the query or used up the node's vote; a second vote of the same node does not count.
    assert_eq!(give(&mut world, at, &answer), None);
    let second = world.nodes[0].answer(&query, mapped(Eid([9; 32])));
    assert_eq!(give(&mut world, at, &second), Some(Dropped::NotAsked));
    for number in 1..5 {
        let (node, bytes) = (world.nodes[number].at, world.nodes[number].answer(&query, mapped(SITE)));
        assert_eq!(give(&mut world, node, &bytes), None);
    }
    assert_eq!(told(&world), [(3, Ok(SITE))]);
    let late = world.nodes[5].answer(&query, mapped(SITE));
    let from = world.nodes[5].at;
    assert_eq!(give(&mut world, from, &late), Some(Dropped::NotAsked), "it is decided");
}

#[test]
fn a_flood_of_forged_answers_is_held_by_the_bucket_of_its_network() {
    let mut world = world(33, mapped(SITE));
    world.nodes.iter_mut().for_each(|node| node.silent = true);
    assert_eq!(ask(&mut world, 0, 3, URI), Ok(Done::Later));
    world.run(10);
    let (query, at, now) = (queries(&world)[0].1.clone(), world.nodes[0].at, world.now);
    let mut forged = world.nodes[0].answer(&query, mapped(SITE));
    forged[151] ^= 1;
    world.hosts[0].dropped.clear();
    for _ in 0..1_200 {
        world.hosts[0].receive(now, at, &mut forged.clone());
    }
    let count = |why| world.hosts[0].dropped.iter().filter(|dropped| **dropped == why).count();
    assert_eq!(count(Dropped::Signature) + count(Dropped::RateLimited), 1_200);
    assert!(count(Dropped::RateLimited) >= 200, "a network has 1,000 signatures at once");
}

#[test]
fn what_cannot_be_asked_is_refused_without_a_query() {
    let mut world = world(34, mapped(SITE));
    for (uri, status) in [
        ("", LocalStatus::Refused),
        ("gopher://example.org/", LocalStatus::Refused),
        ("https://user@example.org/", LocalStatus::Refused),
        ("/page", LocalStatus::Refused),
        ("https://192.0.2.1/", LocalStatus::NotFound),
        ("https://[2001:db8::1]/", LocalStatus::NotFound),
        ("https://under_score.example/", LocalStatus::NotFound),
        ("https://a.b.c.d.e.f.g.h.example/", LocalStatus::NotFound),
    ] {
        assert_eq!(ask(&mut world, 0, 1, uri), Err(status), "{uri}");
    }
    assert_eq!(ask(&mut world, 0, 2, URI), Ok(Done::Later));
    assert_eq!(ask(&mut world, 0, 3, "https://example.net/"), Err(LocalStatus::NotNow), "one at a time");
    assert_eq!(ask(&mut world, 1, 4, "https://example.net/"), Ok(Done::Later), "another agent's is its own");
    world.run(500);
    assert_eq!(ask(&mut world, 0, 5, "https://example.net/"), Err(LocalStatus::NotFound), "it is known by now");
    assert_eq!(ask(&mut world, 0, 6, "https://example.com/"), Err(LocalStatus::NotNow), "once a second");
    world.run(600);
    assert_eq!(ask(&mut world, 0, 7, "https://example.com/"), Ok(Done::Later));
    world.run(500);
    let expected = [(2, Ok(SITE)), (4, Err(LocalStatus::NotFound)), (7, Err(LocalStatus::NotFound))];
    let mut told = told(&world);
    told.sort_unstable_by_key(|(number, _)| *number);
    assert_eq!(told, expected);
}

#[test]
fn without_a_directory_there_is_no_mapping_and_an_agent_that_is_not_announced_asks_nothing() {
    let mut world = Hosts::new(35, 1, 1, false);
    world.run(10);
    assert_eq!(ask(&mut world, 0, 1, URI), Err(LocalStatus::NotFound));
    let mut world = Hosts::new(36, 1, 1, true);
    world.hosts[0].storage_works = false;
    world.run(10);
    assert_eq!(ask(&mut world, 0, 1, URI), Err(LocalStatus::NotNow), "ALLOCATED");
}

#[test]
fn an_agent_that_goes_leaves_no_query_behind_and_none_of_its_answers() {
    let mut world = world(37, mapped(SITE));
    world.nodes.iter_mut().for_each(|node| node.silent = true);
    assert_eq!(ask(&mut world, 1, 1, URI), Ok(Done::Later));
    world.run(10);
    let (query, now) = (queries(&world)[0].1.clone(), world.now);
    let left = world.hosts[0].with(now, 1, |desk, rng| desk.ask(None, &Request::Leave, rng));
    assert_eq!(left, Ok(Done::Left));
    world.run(3_000);
    assert_eq!(queries(&world).len(), 7, "no repetition");
    let (from, answer, now) = (world.nodes[0].at, world.nodes[0].answer(&query, mapped(SITE)), world.now);
    world.hosts[0].dropped.clear();
    world.hosts[0].receive(now, from, &mut answer.clone());
    assert_eq!(world.hosts[0].dropped, [Dropped::NotAsked]);
    assert!(told(&world).is_empty());
}

#[test]
fn an_agent_in_another_process_asks_by_a_frame_under_the_same_rules() {
    // shows: IACP-028 (§4.1.2)
    let mut world = world(38, mapped(SITE));
    let (now, agent) = (world.now, &world.hosts[0].agents[0]);
    let (eid, iat) = (agent.eid(), *agent.iat().expose());
    let request = |number: u32, uri: &str| {
        let inner = [
            &[0x18, 0x70][..],
            &u16::try_from(16 + uri.len()).expect("short").to_be_bytes(),
            &[0, 25, 0, 0],
            &number.to_be_bytes(),
            &[0; 8],
            uri.as_bytes(),
        ]
        .concat();
        let length = u16::try_from(64 + inner.len()).expect("short").to_be_bytes();
        [&[0x18, 0x60][..], &length, &eid.0, &iat, &inner].concat()
    };
    // RESULT stands in a LOCAL with a zero token: its status begins at byte 74.
    let status = |answer: &[u8]| u16::from_be_bytes([answer[74], answer[75]]);
    let refused = world.hosts[0].local(now, 0, &request(4, "gopher://example.org/")).expect("a frame");
    assert_eq!(status(&refused), LocalStatus::Refused.code());
    let asked = world.hosts[0].local(now, 0, &request(5, URI)).expect("a frame");
    assert!(asked.is_empty(), "the answer is yet to come");
    let again = world.hosts[0].local(now, 0, &request(6, "https://example.net/")).expect("a frame");
    assert_eq!(status(&again), LocalStatus::NotNow.code());
    world.run(500);
    assert_eq!(told(&world), [(5, Ok(SITE))]);
    let now = world.now;
    let known = world.hosts[0].local(now, 0, &request(7, URI)).expect("a frame");
    let seconds = u32::try_from((UNIX + HOUR - world.unix().0) / 1_000).expect("an hour").to_be_bytes();
    let golden = [
        &[0x18, 0x60, 0x00, 0x78][..], // LOCAL, 120 bytes
        &eid.0,
        &[0; 32],
        &[0x18, 0x80, 0x00, 0x34], // AAI_NOTICE, 52 bytes
        &[0, 1, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0],
        &SITE.0,
        &seconds,
    ];
    assert_eq!(known, golden.concat());
    // The answer that comes later has the same bytes behind its header.
    let mapped = Mapped { eid: SITE, seconds: u32::from_be_bytes(seconds) };
    let mut out = [0; 64];
    let length = AgentEvent::Resolved { request: 7, mapped }.write(None, &mut out).expect("it fits");
    assert_eq!(out[..length], known[68..]);
    // Not UTF-8: the op's argument is malformed.
    let mut spoilt = request(8, URI);
    let last = spoilt.len() - 1;
    spoilt[last] = 0xff;
    let refused = world.hosts[0].local(now, 0, &spoilt).expect("a frame");
    assert_eq!(status(&refused), LocalStatus::Refused.code());
}

/// RESOLVE and STANDING of one agent wait under one timer: what is due for the one ends the other neither early nor twice.
#[test]
fn a_resolve_that_ends_leaves_a_question_about_standing_its_ten_seconds() {
    let eid = Eid([9; 32]);
    let answer = PeerAnswer { standing: Admission::Admit, flags: 1, reputation: 7_345, binding: None };
    let standing = Standing { flags: 1, reputation: 7_345, generation: 0 };
    let begin = |seed: u64| {
        let mut world = world(seed, mapped(SITE));
        world.nodes.iter_mut().for_each(|node| node.silent = true);
        world.without_quorum = true;
        let now = world.now;
        let asked = world.hosts[0].with(now, 0, |desk, rng| desk.ask_as(1, None, &Request::Standing(eid), rng));
        assert_eq!((asked, ask(&mut world, 0, 2, URI)), (Ok(Done::Later), Ok(Done::Later)));
        world.run(2_000);
        assert_eq!(told(&world), [(2, Err(LocalStatus::Degraded))], "only the RESOLVE is over");
        (world, now)
    };
    let (mut world, _) = begin(90);
    let now = world.now;
    world.hosts[0].entity.answer_peer(now, &eid, &answer);
    world.run(10);
    assert_eq!(world.hosts[0].standings, [(1, standing)]);
    // The answer has come, and the ten seconds are over before the agent's channel is served: it is told the answer.
    let (mut world, began) = begin(91);
    world.run(7_990);
    world.hosts[0].entity.answer_peer(began.after(9_995), &eid, &answer);
    world.now = began.after(10_001);
    let (now, mut rng) = (world.now, ChaCha8Rng::seed_from_u64(91));
    let entity = &mut world.hosts[0].entity;
    assert!(entity.next_deadline().is_some_and(|due| due <= now));
    entity.handle_deadline(now, &mut rng);
    world.run(10);
    assert_eq!((world.hosts[0].standings.as_slice(), told(&world).len()), (&[(1, standing)][..], 1));
}
