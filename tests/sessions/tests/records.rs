//! What agents ask of the directory through their LL-Entity: the standing of an EID, and records about their own.

use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::directory::Kind;
use iacp_core::erp::context::State;
use iacp_core::erp::entity::Done;
use iacp_core::erp::local::{AgentEvent, LocalStatus, Request, Standing};
use iacp_core::pss::Capabilities;
use iacp_wire::{Digest, Eid};
use sessions::Weather;
use sessions::hosts::Hosts;
use sessions::two::Two;

const ROOT: [u8; 32] = [7; 32];

fn root() -> (<Portable as Provider>::SigningKey, Eid) {
    let key = Portable::signing_key(&Secret32::new(ROOT));
    let eid = Eid(Portable::public_key(&key));
    (key, eid)
}

/// One host with two agents; the second one has a root key.
fn world(seed: u64) -> Hosts {
    let mut world = Hosts::new(seed, 1, 1, true);
    let now = world.now;
    world.hosts[0].init_as(now, Some(root().1), Digest([1; 32]));
    assert!(world.run_until(60_000, Hosts::all_bound));
    world
}

fn ask(world: &mut Hosts, agent: usize, number: u32, request: &Request<'_>) -> Result<Done, LocalStatus> {
    let now = world.now;
    world.hosts[0].with(now, agent, |desk, rng| desk.ask_as(number, None, request, rng))
}

#[test]
fn a_standing_that_is_not_known_is_asked_for_and_told_under_the_agents_number() {
    let mut world = world(1);
    let eid = Eid([9; 32]);
    world.known.insert(eid.0, (0x0021, 7_345));
    assert_eq!(ask(&mut world, 0, 11, &Request::Standing(eid)), Ok(Done::Later));
    assert_eq!(ask(&mut world, 0, 12, &Request::Standing(eid)), Err(LocalStatus::NotNow), "one at a time");
    assert_eq!(ask(&mut world, 1, 13, &Request::Standing(eid)), Ok(Done::Later), "another agent's is its own");
    world.run(10);
    let standing = Standing { flags: 0x0021, reputation: 7_345, generation: 0 };
    let mut told = world.hosts[0].standings.clone();
    told.sort_unstable_by_key(|(number, _)| *number);
    assert_eq!(told, [(11, standing), (13, standing)]);
    // The answer is cached for 300 s, and given at once.
    assert_eq!(ask(&mut world, 0, 14, &Request::Standing(eid)), Ok(Done::Standing(standing)));
    assert_eq!(world.asked.iter().filter(|(_, asked)| *asked == eid).count(), 1, "both share one question");
    world.run_until(301_000, |_| false);
    assert_eq!(ask(&mut world, 0, 15, &Request::Standing(eid)), Ok(Done::Later));
}

#[test]
fn the_standing_of_a_peer_has_the_generation_of_its_verified_binding() {
    let mut two = Two::new(2, false, Weather::FAIR, Capabilities::NONE);
    let peer = two.world.eid(1, 0);
    two.world.move_host(1, sessions::hosts::place(80));
    two.world.run(5_000);
    two.world.keep_alive();
    let known = two.ask(0, false, &Request::Standing(peer));
    assert_eq!(known, Ok(Done::Standing(Standing { flags: 0, reputation: 6_000, generation: 1 })));
}

#[test]
fn result_of_standing_has_twelve_bytes_of_content() {
    let standing = Standing { flags: 0x0102, reputation: 0x0304, generation: 0x0506_0708_090a_0b0c };
    let mut out = [0; 64];
    let length = AgentEvent::Standing { request: 0x0d0e_0f10, standing }.write(None, &mut out).expect("it fits");
    let golden = [
        0x18, 0x80, 0x00, 0x1c, // AAI_NOTICE, 28 bytes
        0x00, 0x01, 0x00, 0x00, 0x0d, 0x0e, 0x0f, 0x10, 0, 0, 0, 0, 0, 0, 0,
        0, // RESULT, OK, the number, no session
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c,
    ];
    assert_eq!(out[..length], golden);
}

#[test]
fn an_agent_that_goes_leaves_the_others_question_alone() {
    let mut world = world(3);
    let eid = Eid([9; 32]);
    for (agent, number) in [(0, 1), (1, 2)] {
        assert_eq!(ask(&mut world, agent, number, &Request::Standing(eid)), Ok(Done::Later));
    }
    // The one that asked last stands in front of the other.
    assert_eq!(ask(&mut world, 1, 3, &Request::Leave), Ok(Done::Left));
    world.run(10);
    assert_eq!(world.hosts[0].standings.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1]);
}

#[test]
fn without_a_directory_there_is_no_standing() {
    let mut world = Hosts::new(4, 1, 1, false);
    world.run(10);
    assert_eq!(ask(&mut world, 0, 1, &Request::Standing(Eid([9; 32]))), Err(LocalStatus::NotFound));
}

fn signed(label: &str, fields: &[u8]) -> [u8; 64] {
    Portable::sign(&root().0, &Portable::sha256(&[b"IACP/1 ", label.as_bytes(), &[0], fields]))
}

fn airk_binding(eid: Eid, airk: Eid) -> Vec<u8> {
    let fields = [eid.0, airk.0].concat();
    [&fields[..], &[0; 64], &signed("AIRK_BINDING", &fields)].concat()
}

fn revocation(eid: Eid) -> Vec<u8> {
    let fields = [&eid.0[..], &0_u64.to_be_bytes(), &77_u64.to_be_bytes()].concat();
    [&fields[..], &signed("REVOCATION_RECORD", &fields)].concat()
}

// shows: IACP-104 (§4.2.7.2)
#[test]
fn the_ll_entity_signs_the_eids_half_of_an_airk_binding_and_hands_both_records_over() {
    let mut world = world(5);
    let (eid, airk) = (world.eid(0, 1), root().1);
    let body = airk_binding(eid, airk);
    assert_eq!(ask(&mut world, 1, 0, &Request::Deposit { kind: 3, body: &body }), Ok(Done::Ok));
    let second = revocation(eid);
    assert_eq!(
        ask(&mut world, 1, 0, &Request::Deposit { kind: 4, body: &second }),
        Err(LocalStatus::NotNow),
        "one waits"
    );
    world.run(10);
    assert_eq!(ask(&mut world, 1, 0, &Request::Deposit { kind: 4, body: &second }), Ok(Done::Ok));
    world.run(10);
    let [(_, one, Kind::AirkBinding, first), (_, other, Kind::Revocation, last)] = &world.deposits[..] else {
        panic!("{:?}", world.deposits)
    };
    assert_eq!((*one, *other, last), (eid, eid, &second));
    assert_eq!((&first[..64], &first[128..]), (&body[..64], &body[128..]));
    let digest = Portable::sha256(&[b"IACP/1 AIRK_BINDING\0", &body[..64]]);
    let half = first[64..128].try_into().expect("64 bytes");
    assert_eq!(Portable::verify(&eid.0, &digest, half), Ok(()));
}

/// The body of a PUBLICATION without its signature.
fn publication(eid: Eid, from: u64) -> Vec<u8> {
    [&[5; 32][..], &eid.0, &from.to_be_bytes(), &(from + 3_600_000).to_be_bytes(), &[0; 64]].concat()
}

// shows: IACP-136 (§6.2)
#[test]
fn the_ll_entity_signs_the_publication_of_its_agent_which_needs_no_root_key() {
    let mut world = world(6);
    let (eid, other) = (world.eid(0, 0), world.eid(0, 1));
    let mut signed = publication(eid, 7);
    *signed.last_mut().expect("bytes") = 1;
    let refused = [publication(other, 7), signed, publication(eid, 7)[..143].to_vec()];
    for body in &refused {
        assert_eq!(ask(&mut world, 0, 1, &Request::Deposit { kind: 11, body }), Err(LocalStatus::Refused));
    }
    let body = publication(eid, 7);
    assert_eq!(ask(&mut world, 0, 2, &Request::Deposit { kind: 11, body: &body }), Ok(Done::Ok));
    let later = Request::Deposit { kind: 11, body: &body };
    assert_eq!(ask(&mut world, 0, 3, &later), Err(LocalStatus::NotNow), "one waits");
    world.run(10);
    let [(_, of, Kind::Publication, record)] = &world.deposits[..] else { panic!("{:?}", world.deposits) };
    assert_eq!((*of, &record[..80]), (eid, &body[..80]));
    let digest = Portable::sha256(&[b"IACP/1 PUBLICATION\0", &body[..80]]);
    assert_eq!(Portable::verify(&eid.0, &digest, record[80..].try_into().expect("64 bytes")), Ok(()));
}

/// The attack *root key bound by a thief first*: a thief of the EID's key finds the root key named before the EID was known.
// shows: IACP-104 (§4.2.7.2)
#[test]
fn the_root_key_is_named_before_anyone_hears_of_the_eid() {
    let mut world = Hosts::new(7, 1, 1, true);
    let now = world.now;
    let agent = world.hosts[0].init_as(now, Some(root().1), Digest([1; 32]));
    let eid = world.eid(0, agent);
    let heard = |world: &Hosts| world.trace.iter().any(|(.., bytes)| bytes.windows(32).any(|part| part == eid.0));
    world.run(2_000);
    assert!(!heard(&world) && world.deposits.is_empty(), "the registration waits for the record");
    let bound = |world: &Hosts, agent: usize| world.hosts[0].states.get(&agent).map(|state| state.0);
    assert_eq!(bound(&world, 0), Some(State::Bound), "an agent without a root key waits for nothing");
    let body = airk_binding(eid, root().1);
    assert_eq!(ask(&mut world, agent, 0, &Request::Deposit { kind: 3, body: &body }), Ok(Done::Ok));
    world.settle();
    assert_eq!(world.deposits.len(), 1, "the host has it");
    assert!(!heard(&world), "and only then the EID is announced");
    world.run(1_000);
    assert_eq!(bound(&world, agent), Some(State::Bound));
}

#[test]
fn an_agent_that_names_no_root_key_in_time_is_registered_without() {
    let mut world = Hosts::new(8, 1, 0, true);
    let now = world.now;
    let agent = world.hosts[0].init_as(now, Some(root().1), Digest([1; 32]));
    let eid = world.eid(0, agent);
    let heard = |world: &Hosts| world.trace.iter().any(|(.., bytes)| bytes.windows(32).any(|part| part == eid.0));
    world.run(4_999);
    assert!(!heard(&world));
    world.run(1_000);
    assert!(heard(&world));
    assert_eq!(world.hosts[0].states.get(&agent).map(|state| state.0), Some(State::Bound));
    // A record that comes later is taken as ever; the nodes have no other one.
    let body = airk_binding(eid, root().1);
    assert_eq!(ask(&mut world, agent, 0, &Request::Deposit { kind: 3, body: &body }), Ok(Done::Ok));
    world.run(10);
    assert_eq!(world.deposits.len(), 1);
}

#[test]
fn a_record_that_is_forged_or_about_another_is_refused() {
    let mut world = world(6);
    let (eid, airk, other) = (world.eid(0, 1), root().1, world.eid(0, 0));
    let whole = airk_binding(eid, airk);
    let mut refused = vec![
        (3, airk_binding(other, airk)),
        (3, airk_binding(eid, other)),
        (3, whole[..191].to_vec()),
        (4, revocation(other)),
        (4, revocation(eid)[..111].to_vec()),
        (1, whole.clone()),
        (2, whole.clone()),
        (12, whole.clone()),
    ];
    for bit in [0, 300, 64 * 8, 128 * 8 + 5] {
        let mut altered = whole.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        refused.push((3, altered));
    }
    for bit in [0, 33 * 8, 50 * 8] {
        let mut altered = revocation(eid);
        altered[bit / 8] ^= 1 << (bit % 8);
        refused.push((4, altered));
    }
    for (kind, body) in refused {
        let done = ask(&mut world, 1, 0, &Request::Deposit { kind, body: &body });
        assert_eq!(done, Err(LocalStatus::Refused), "kind {kind}: {body:02x?}");
    }
    // An agent without a root key has nothing that could vouch for it.
    let (own, now) = (world.eid(0, 0), world.now);
    for (kind, body) in [(3, airk_binding(own, airk)), (4, revocation(own))] {
        assert_eq!(ask(&mut world, 0, 0, &Request::Deposit { kind, body: &body }), Err(LocalStatus::Refused));
    }
    world.run(10);
    assert!(world.deposits.is_empty() && now < world.now);
}

#[test]
fn a_question_that_the_host_has_no_answer_to_ends_and_may_be_asked_again() {
    let mut world = world(5);
    let eid = Eid([9; 32]);
    assert_eq!(ask(&mut world, 0, 1, &Request::Standing(eid)), Ok(Done::Later));
    // The directory gives no quorum: the host takes the question, and says nothing.
    while world.hosts[0].entity.poll_request().is_some() {}
    world.run(9_900);
    assert_eq!(ask(&mut world, 0, 2, &Request::Standing(Eid([8; 32]))), Err(LocalStatus::NotNow));
    world.run(200);
    let own = world.eid(0, 0);
    assert_eq!(world.hosts[0].resolved, [(own, 1, Err(LocalStatus::Degraded))]);
    assert_eq!(ask(&mut world, 0, 3, &Request::Standing(eid)), Ok(Done::Later), "about the same EID too");
    world.run(10);
    assert_eq!(world.hosts[0].standings.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3]);
}
