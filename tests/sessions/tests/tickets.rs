//! Forwarding Tickets through the LL-Entity: peers that have lost each other meet where a ticket leads, no nonce comes twice, and
//! what is old, forged or unasked moves nothing.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use iacp_core::directory::Kind;
use iacp_core::erp::context::State;
use iacp_core::erp::entity::{Done, PeerAnswer, Persist};
use iacp_core::erp::generation::PORT;
use iacp_core::erp::local::{Listen, Open, Request};
use iacp_core::erp::ticket::NotOpened;
use iacp_core::pss::{Admission, Capabilities, Terms};
use iacp_wire::Eid;
use sessions::Weather;
use sessions::hosts::{Hosts, place};
use sessions::raw::ROUTING;
use sessions::two::Two;

/// Two hosts with a session between their first agents.
fn two(seed: u64) -> Two {
    Two::new(seed, false, Weather::FAIR, Capabilities::NONE)
}

fn elsewhere(number: u8) -> SocketAddr {
    SocketAddr::new(place(number), PORT)
}

/// Nothing goes directly between the two hosts any more.
fn cut(two: &mut Two) {
    let (one, other) = (two.world.hosts[0].at, two.world.hosts[1].at);
    two.world.cut = vec![(one, other), (other, one)];
}

fn run(two: &mut Two, seconds: u64) {
    for _ in 0..seconds {
        two.world.run(1_000);
        two.world.keep_alive();
    }
}

/// The tickets of an EID that were written into the directory: nonce and body.
fn tickets(two: &Two, owner: &Eid) -> Vec<([u8; 12], Vec<u8>)> {
    let all = two.world.deposits.iter().filter(|(_, eid, kind, _)| eid == owner && *kind == Kind::Ticket);
    all.map(|(.., body)| (body[68..80].try_into().expect("12 bytes"), body.clone())).collect()
}

fn send(two: &mut Two, item: u64) {
    let (session, now) = (two.sessions[0], two.world.now);
    let sent = two.world.hosts[0].with(now, 0, |desk, _| desk.send(session, item, &item.to_be_bytes()));
    sent.expect("taken");
}

fn came(two: &Two) -> Vec<Vec<u8>> {
    two.told(1).expect("open").items.values().map(|(bytes, _)| bytes.clone()).collect()
}

// shows: IACP-010 (§3.5), IACP-011 (§3.5)
#[test]
fn two_hosts_that_move_at_once_meet_where_the_ticket_leads() {
    let mut two = two(1);
    let (owner, peer, now) = (two.world.eid(0, 0), two.world.eid(1, 0), two.world.now);
    // The first host publishes its future address before it moves.
    assert_eq!(two.world.hosts[0].entity.will_be_at(now, &owner, elsewhere(90)), 1);
    two.world.run(100);
    let issued = tickets(&two, &owner);
    assert_eq!(issued.len(), 1, "one for the one peer");
    assert_eq!(issued[0].1[..32], two.world.deposits[0].3[..32]);
    // Both move at the same moment, and no node takes a registration: neither vectors nor bindings help.
    for node in &mut two.world.nodes {
        node.silent = true;
    }
    two.world.move_host(0, place(90));
    two.world.move_host(1, place(91));
    send(&mut two, 0);
    run(&mut two, 60);
    assert!(
        two.world.looked_for.iter().all(|(_, of, by, _)| (*of, *by) == (owner, peer) || (*of, *by) == (peer, owner))
    );
    run(&mut two, 60);
    assert!(two.world.opened.contains(&Ok(())), "{:?}", two.world.opened);
    // The ticket was a claim; the session goes on because the owner has answered there. Items wait for BOUND, as
    // always.
    assert!(came(&two).is_empty());
    for node in &mut two.world.nodes {
        node.silent = false;
    }
    run(&mut two, 90);
    assert_eq!(came(&two), [0_u64.to_be_bytes().to_vec()], "{:?}", two.told(1));
    let none = two.told(0).expect("open").closed.is_none() && two.told(1).expect("open").closed.is_none();
    assert!(none, "it is the same session");
}

#[test]
fn without_a_ticket_they_do_not_meet() {
    let mut two = two(2);
    for node in &mut two.world.nodes {
        node.silent = true;
    }
    two.world.move_host(0, place(90));
    two.world.move_host(1, place(91));
    run(&mut two, 120);
    assert!(!two.world.looked_for.is_empty() && !two.world.opened.contains(&Ok(())));
    for node in &mut two.world.nodes {
        node.silent = false;
    }
    run(&mut two, 1);
    assert!(came(&two).is_empty());
}

// shows: IACP-010 (§3.5)
#[test]
fn a_peer_that_is_disconnected_when_the_host_moves_finds_a_ticket_after_bound() {
    let mut two = two(3);
    let owner = two.world.eid(0, 0);
    cut(&mut two);
    run(&mut two, 60);
    assert!(tickets(&two, &owner).is_empty(), "nothing has moved");
    two.world.move_host(0, place(90));
    let there = elsewhere(90);
    two.world.cut.push((there, two.world.hosts[1].at));
    let bound = |two: &Two| two.world.hosts[0].states.get(&0).is_some_and(|(state, ..)| *state == State::Bound);
    run(&mut two, 5);
    assert!(bound(&two));
    assert_eq!(tickets(&two, &owner).len(), 1);
}

#[test]
fn a_peer_that_does_not_answer_to_a_move_finds_a_ticket_after_45_s() {
    let mut two = two(4);
    let owner = two.world.eid(0, 0);
    let (old, there, peer) = (two.world.hosts[0].at, elsewhere(90), two.world.hosts[1].at);
    two.world.cut = vec![(old, peer), (peer, old), (there, peer), (peer, there)];
    two.world.move_host(0, place(90));
    run(&mut two, 40);
    assert!(tickets(&two, &owner).is_empty());
    run(&mut two, 10);
    assert_eq!(tickets(&two, &owner).len(), 1);
}

/// A session that has ended, a peer that has moved since, and nothing that says so but its ticket.
fn away(seed: u64) -> Two {
    let mut two = two(seed);
    two.ask(0, true, &Request::Abort(1)).expect("a session");
    run(&mut two, 5);
    let (owner, now) = (two.world.eid(1, 0), two.world.now);
    assert_eq!(two.world.hosts[1].entity.will_be_at(now, &owner, elsewhere(90)), 1, "the keys outlive the session");
    run(&mut two, 1);
    two.world.move_host(1, place(90));
    run(&mut two, 5);
    assert!(two.world.all_bound());
    two
}

#[test]
fn an_open_that_is_woken_while_its_context_is_in_transition_follows_a_ticket_that_comes_then() {
    let mut world = Hosts::new(12, 2, 1, true);
    assert!(world.run_until(60_000, Hosts::all_bound));
    // The directory says who may be admitted, and of nothing where it is.
    world.without_quorum = true;
    let (own, peer) = (world.eid(0, 0), world.eid(1, 0));
    let admits = |world: &mut Hosts, host: usize, of: &Eid| {
        let answer = PeerAnswer { standing: Admission::Admit, flags: 0, reputation: 6_000, binding: None };
        let now = world.now;
        world.hosts[host].entity.answer_peer(now, of, &answer);
        world.run(3_000);
        world.keep_alive();
    };
    let asks = |world: &mut Hosts, host: usize, session, request: Request<'_>| {
        let now = world.now;
        world.hosts[host].with(now, 0, |desk, rng| desk.ask(session, &request, rng)).expect("it may")
    };
    let capabilities = Capabilities::NONE;
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
    asks(&mut world, 0, None, Request::Listen(Listen { capabilities, terms, sessions: 4, hold: false }));
    asks(&mut world, 1, None, Request::Listen(Listen { capabilities, terms, sessions: 4, hold: false }));
    let open = |peer, at| Request::Open(Open { peer, at, hold: false, offer: capabilities, resume: None, proof: None });
    // The peer has had a session with this agent, and is elsewhere now: its ticket says where.
    let here = world.hosts[0].at;
    let Done::Session(first) = asks(&mut world, 1, None, open(own, Some(here))) else { panic!("a session") };
    world.run(1_000);
    admits(&mut world, 1, &own);
    admits(&mut world, 0, &peer);
    assert!(world.hosts[0].told.values().any(|told| told.peer == Some(peer)));
    asks(&mut world, 1, Some(first), Request::Abort(1));
    world.run(3_000);
    let now = world.now;
    assert_eq!(world.hosts[1].entity.will_be_at(now, &peer, elsewhere(90)), 1);
    world.run(1_000);
    world.move_host(1, place(90));
    world.run(3_000);
    world.keep_alive();
    // No node has the ticket yet when it is asked for.
    let held = std::mem::take(&mut world.deposits);
    asks(&mut world, 0, None, open(peer, None));
    assert!(world.run_until(30_000, |world| !world.looked_for.is_empty()));
    world.keep_alive();
    // The host moves, no node confirms that, and a read that names no place wakes the OPEN.
    world.nodes.iter_mut().for_each(|node| node.silent = true);
    world.move_host(0, place(91));
    world.run(1_000);
    admits(&mut world, 0, &peer);
    assert!(!world.all_bound());
    world.deposits = held;
    let (now, ticket) = (world.now, world.ticket(&peer, world.looked_for[0].3));
    world.deposits.clear();
    assert_eq!(world.hosts[0].entity.answer_ticket(now, &own, &peer, &ticket), Ok(elsewhere(90)));
    world.nodes.iter_mut().for_each(|node| node.silent = false);
    let opened =
        |world: &Hosts| world.hosts[1].told.values().any(|told| told.peer == Some(own) && told.closed.is_none());
    assert!(world.run_until(60_000, opened));
}

// shows: IACP-010 (§3.5), IACP-094 (§4.2.6.1)
#[test]
fn an_attempt_whose_peer_has_moved_goes_on_where_a_ticket_leads_if_no_binding_is_read() {
    let mut two = away(10);
    two.world.without_quorum = true;
    two.open(Capabilities::NONE, None);
    assert_eq!((two.world.opened.as_slice(), two.world.looked_for.len()), ([Ok(())].as_slice(), 1));
    send(&mut two, 0);
    run(&mut two, 2);
    assert_eq!(came(&two), [0_u64.to_be_bytes().to_vec()]);
}

#[test]
fn where_the_binding_is_read_no_ticket_is_looked_for() {
    let mut two = away(11);
    two.open(Capabilities::NONE, None);
    assert!(two.world.looked_for.is_empty());
}

#[test]
fn no_nonce_comes_twice_and_each_stands_below_a_stored_bound() {
    let mut two = two(5);
    let owner = two.world.eid(0, 0);
    for number in 0..150 {
        let now = two.world.now;
        two.world.hosts[0].entity.will_be_at(now, &owner, elsewhere(number));
        two.world.run(10);
        two.world.keep_alive();
    }
    let all = tickets(&two, &owner);
    let nonces: BTreeSet<[u8; 12]> = all.iter().map(|(nonce, _)| *nonce).collect();
    assert_eq!((all.len(), nonces.len()), (150, 150));
    let bounds: Vec<u64> = two.world.hosts[0].counters.values().copied().collect();
    assert_eq!(bounds, [192], "three blocks of 64");
    let counters = nonces.iter().map(|nonce| u64::from_be_bytes(nonce[4..].try_into().expect("8 bytes")));
    assert!(counters.eq(0..150));
}

#[test]
fn nothing_is_issued_before_its_counter_is_on_stable_storage() {
    let mut two = two(6);
    let (owner, now) = (two.world.eid(0, 0), two.world.now);
    two.world.hosts[0].storage_works = false;
    assert_eq!(two.world.hosts[0].entity.will_be_at(now, &owner, elsewhere(90)), 1);
    two.world.run(1_000);
    assert!(tickets(&two, &owner).is_empty());
    let unstored = std::mem::take(&mut two.world.hosts[0].unstored);
    let [(eid, what @ Persist::TicketBlock { bound: 64, .. })] = unstored[..] else { panic!("{unstored:?}") };
    let now = two.world.now;
    two.world.hosts[0].store(now, eid, what);
    two.world.run(1_000);
    assert_eq!(tickets(&two, &owner).len(), 1);
}

#[test]
fn a_ticket_that_is_old_forged_or_unasked_moves_nothing() {
    let mut two = two(7);
    let (owner, peer) = (two.world.eid(0, 0), two.world.eid(1, 0));
    for number in [90, 91] {
        let now = two.world.now;
        two.world.hosts[0].entity.will_be_at(now, &owner, elsewhere(number));
        two.world.run(100);
    }
    let iv = tickets(&two, &owner)[0].0[..4].try_into().expect("4 bytes");
    let newest = two.world.ticket(&owner, iv);
    two.world.deposits.pop();
    let older = two.world.ticket(&owner, iv);
    assert!(newest.aead_nonce.0 > older.aead_nonce.0);
    let give = |two: &mut Two, answer| {
        let now = two.world.now;
        two.world.hosts[1].entity.answer_ticket(now, &peer, &owner, &answer)
    };
    assert_eq!(give(&mut two, newest), Err(NotOpened::None), "nothing has asked");
    // The directory answers nothing by itself from here on.
    two.world.deposits.clear();
    cut(&mut two);
    run(&mut two, 90);
    assert!(two.world.looked_for.iter().any(|(_, of, by, _)| (*of, *by) == (owner, peer)));
    let mut forged = newest;
    forged.encrypted_forwarding_data.0[3] ^= 1;
    assert_eq!(give(&mut two, forged), Err(NotOpened::Signature));
    let mut other = newest;
    other.aead_nonce.0[0] ^= 1;
    assert_eq!(give(&mut two, other), Err(NotOpened::OtherKey));
    let sent = |two: &Two, number| two.world.trace.iter().filter(|(_, _, to, _)| *to == elsewhere(number)).count();
    assert_eq!((sent(&two, 90), sent(&two, 91)), (0, 0), "what does not open leads nowhere");
    assert_eq!(give(&mut two, newest), Ok(elsewhere(91)));
    assert_eq!(give(&mut two, newest), Err(NotOpened::Old), "once");
    assert_eq!(give(&mut two, older), Err(NotOpened::Old));
    run(&mut two, 60);
    // A claim gets heartbeats, eight at most, and no data.
    assert_eq!(sent(&two, 90), 0);
    assert!((1..=8).contains(&sent(&two, 91)), "{}", sent(&two, 91));
    assert_eq!(two.world.hosts[1].told_of(0, &owner).expect("open").1.closed, None);
}

#[test]
fn another_agent_of_the_host_opens_no_ticket_and_a_purged_one_has_no_keys() {
    let mut two = two(8);
    let (owner, peer, stranger) = (two.world.eid(0, 0), two.world.eid(1, 0), two.world.eid(1, 1));
    let now = two.world.now;
    two.world.hosts[0].entity.will_be_at(now, &owner, elsewhere(90));
    two.world.run(100);
    let iv = tickets(&two, &owner)[0].0[..4].try_into().expect("4 bytes");
    let ticket = two.world.ticket(&owner, iv);
    two.world.deposits.clear();
    cut(&mut two);
    run(&mut two, 90);
    let now = two.world.now;
    let entity = &mut two.world.hosts[1].entity;
    assert_eq!(entity.answer_ticket(now, &stranger, &owner, &ticket), Err(NotOpened::None));
    two.world.hosts[1].with(now, 0, |_, _| ());
    assert!(
        two.world.hosts[1]
            .try_with(now, 0, |desk, rng| { desk.ask(None, &iacp_core::erp::local::Request::Leave, rng) })
            .is_some()
    );
    assert_eq!(two.world.hosts[1].entity.answer_ticket(now, &peer, &owner, &ticket), Err(NotOpened::None));
}

#[test]
fn a_host_that_was_restored_or_cloned_issues_nothing_under_old_keys() {
    let mut two = two(9);
    let (owner, now) = (two.world.eid(0, 0), two.world.now);
    let mut rng = <sessions::ChaCha8Rng as sessions::SeedableRng>::seed_from_u64(1);
    two.world.hosts[0].entity.renew(now, |_| None, &mut rng);
    assert_eq!(two.world.hosts[0].entity.will_be_at(now, &owner, elsewhere(90)), 0);
    two.world.run(1_000);
    assert!(tickets(&two, &owner).is_empty());
}

/// The attack *a Forwarding Ticket that names a victim*: whatever number of sessions its owner has, two of them ask there.
#[test]
fn a_ticket_claims_in_two_sessions() {
    let mut two = two(10);
    (0..3).for_each(|_| two.open(Capabilities::NONE, None));
    let (owner, now) = (two.world.eid(0, 0), two.world.now);
    two.world.hosts[0].entity.will_be_at(now, &owner, elsewhere(77));
    two.world.run(100);
    assert_eq!(tickets(&two, &owner).len(), 4, "one for each session");
    cut(&mut two);
    let begin = two.world.trace.len();
    run(&mut two, 120);
    assert!(two.world.opened.contains(&Ok(())), "{:?}", two.world.opened);
    let there = two.world.trace[begin..].iter().filter(|(_, _, to, _)| *to == elsewhere(77));
    let sessions: BTreeSet<&[u8]> = there.map(|(.., bytes)| &bytes[ROUTING + 4..ROUTING + 20]).collect();
    assert_eq!(sessions.len(), 2);
}

// shows: IACP-010 (§3.5)
#[test]
fn all_sessions_follow_the_one_that_has_met_its_peer_where_the_ticket_leads() {
    let mut two = two(11);
    (0..3).for_each(|_| two.open(Capabilities::NONE, None));
    let (owner, now) = (two.world.eid(0, 0), two.world.now);
    two.world.hosts[0].entity.will_be_at(now, &owner, elsewhere(90));
    two.world.run(100);
    // Both move at once, and no node takes a registration.
    for node in &mut two.world.nodes {
        node.silent = true;
    }
    two.world.move_host(0, place(90));
    two.world.move_host(1, place(91));
    two.world.hosts[1].affairs.clear();
    run(&mut two, 150);
    let moved = format!("moved to {}", elsewhere(90));
    assert_eq!(two.world.hosts[1].affairs.iter().filter(|affair| **affair == moved).count(), 4);
}

/// The attack *a Forwarding Ticket that names a victim*, inside the networks of its bearer.
#[test]
fn a_ticket_leads_into_no_inner_network() {
    for inner in [IpAddr::from([10, 0, 0, 7]), IpAddr::from([127, 0, 0, 1])] {
        let mut two = two(9);
        let (owner, now) = (two.world.eid(0, 0), two.world.now);
        let named = SocketAddr::new(inner, 53);
        two.world.hosts[0].entity.will_be_at(now, &owner, named);
        two.world.run(100);
        for node in &mut two.world.nodes {
            node.silent = true;
        }
        let begin = two.world.trace.len();
        two.world.move_host(0, place(90));
        two.world.move_host(1, place(91));
        run(&mut two, 120);
        assert!(two.world.opened.contains(&Ok(())), "the ticket is the owner's: {:?}", two.world.opened);
        assert!(two.world.trace[begin..].iter().all(|(_, _, to, _)| *to != named), "{inner}");
    }
}
