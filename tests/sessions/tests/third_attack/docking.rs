//! A context on its way to another host, and what the two hosts know of its generations.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::context::State;
use iacp_core::erp::dock::{DockError, DockReason};
use iacp_core::erp::entity::{Dropped, Persist};
use iacp_core::identity::Identity;
use iacp_core::pss::Capabilities;
use iacp_wire::{Eid, Frame, Message};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sessions::hosts::{Hosts, place, register_frame};

use crate::{bound, open};

/// The host that hands the agent over, and the one that takes it.
const FROM: usize = 1;
const TO: usize = 2;

/// The host's storage answers again, and what was asked for meanwhile is stored.
fn storage_works(world: &mut Hosts, host: usize) {
    let now = world.now;
    world.hosts[host].storage_works = true;
    for (eid, what) in std::mem::take(&mut world.hosts[host].unstored) {
        world.hosts[host].store(now, eid, what);
    }
    world.settle();
}

fn is_bound(world: &Hosts, host: usize, agent: usize) -> bool {
    world.hosts[host].states.get(&agent).is_some_and(|(state, ..)| *state == State::Bound)
}

/// Every binding of the EID that was sent: no generation names two places.
fn no_generation_names_two_places(world: &Hosts, eid: &Eid) {
    let mut shown = BTreeMap::new();
    for (.., bytes) in &world.trace {
        let Some(binding) = Frame::parse(bytes).ok().as_ref().and_then(Binding::of_frame) else { continue };
        if binding.eid == *eid {
            let first = *shown.entry(binding.generation).or_insert(binding.ip);
            assert_eq!(first, binding.ip, "generation {} names two places", binding.generation);
        }
    }
}

/// The agent was taken over by a host whose storage is stuck; it has a session with the agent of host `peer`. Its number there.
fn under_way(world: &mut Hosts, peer: usize) -> usize {
    open(world, (peer, FROM));
    world.hosts[TO].storage_works = false;
    let agent = world.dock((FROM, 0), TO);
    world.run(500);
    agent
}

#[test]
fn the_vector_that_the_exporting_host_shows_does_not_kill_the_context_at_the_importing_host() {
    // With a peer on a third host the vector is replayed; one on the importing host is shown it by the exporting host itself.
    for peer in [0, TO] {
        let mut world = bound(1, 3, Capabilities::NONE, false);
        let eid = world.eid(FROM, 0);
        let agent = under_way(&mut world, peer);
        let (from, to, now) = (world.at(FROM), world.at(TO), world.now);
        let is_vector =
            |bytes: &[u8]| matches!(Frame::parse(bytes).map(|frame| frame.message), Ok(Message::MigrationVector(_)));
        let shown =
            world.trace.iter().find(|(_, at, to, bytes)| *at == from && *to == world.at(peer) && is_vector(bytes));
        let vector = shown.expect("each live peer is shown it").3.clone();
        let binding = Binding::of_frame(&Frame::parse(&vector).expect("a frame")).expect("a binding");
        for bytes in [vector, register_frame(&binding)] {
            world.put(now, SocketAddr::new(place(66), 4_227), to, bytes);
        }
        world.run(100);
        assert!(world.hosts[TO].dropped.contains(&Dropped::Generation), "it is an echo");
        storage_works(&mut world, TO);
        assert!(world.run_until(60_000, |world| is_bound(world, TO, agent)), "peer on host {peer}");
        assert!(!world.hosts[TO].affairs.contains(&"cloned".into()));
        let newest = world.newest(&eid).expect("it is registered");
        assert_eq!((newest.generation, newest.ip), (binding.generation, to.ip().into()));
    }
}

#[test]
fn another_place_or_a_later_generation_still_shows_that_the_key_is_elsewhere() {
    for (later, at) in [(0, 77), (1, TO + 1)] {
        let mut world = bound(2, 3, Capabilities::NONE, false);
        let eid = world.eid(FROM, 0);
        let before = world.newest(&eid).expect("it is registered").generation;
        under_way(&mut world, 0);
        let seed = Secret32::new(*world.hosts[TO].entity.seed(&eid).expect("a context").expose());
        let at = place(u8::try_from(at).expect("a place"));
        let other = Binding::sign(&Identity::<Portable>::from_seed(&seed), at.into(), before + 1 + later);
        let (to, now) = (world.at(TO), world.now);
        world.put(now, SocketAddr::new(place(66), 4_227), to, register_frame(&other));
        world.run(100);
        assert!(world.hosts[TO].affairs.contains(&"cloned".into()), "{later} later");
    }
}

#[test]
fn a_host_that_renews_itself_before_it_has_stored_the_bound_signs_no_generation_again() {
    let mut world = bound(3, 3, Capabilities::NONE, false);
    let eid = world.eid(FROM, 0);
    // Generation 1 names another place of the exporting host.
    world.move_host(FROM, place(101));
    assert!(world.run_until(60_000, |world| world.newest(&eid).is_some_and(|newest| newest.generation == 1)));
    assert!(world.run_until(60_000, Hosts::all_bound));
    let agent = under_way(&mut world, 0);
    let now = world.now;
    world.hosts[TO].unstored.clear();
    world.hosts[TO].renew(now);
    storage_works(&mut world, TO);
    assert!(world.run_until(60_000, |world| is_bound(world, TO, agent)));
    for number in [111, 112] {
        let before = world.newest(&eid).expect("it is registered").generation;
        world.move_host(TO, place(number));
        assert!(world.run_until(60_000, |world| world.newest(&eid).is_some_and(|newest| newest.generation > before)));
        assert!(world.run_until(60_000, |world| is_bound(world, TO, agent)));
    }
    assert!(world.newest(&eid).expect("it is registered").generation >= 4, "2 was the exporting host's");
    no_generation_names_two_places(&world, &eid);
    assert!(!world.hosts[TO].affairs.contains(&"cloned".into()));
}

#[test]
fn a_host_that_renews_itself_takes_the_word_exported_back() {
    // The word is stored, or was asked for and is stored late; and stable storage may know more than this memory.
    for (late, further) in [(false, 0), (true, 0), (false, 40)] {
        let mut world = bound(4, 3, Capabilities::NONE, false);
        let eid = world.eid(FROM, 0);
        let offer = world.offer(TO, FROM, eid).expect("a slot is free");
        world.hosts[FROM].storage_works = !late;
        world.lock(FROM, &offer, 0).expect("the offer holds");
        let stored = world.hosts[FROM].stored[&eid.0] + further;
        world.hosts[FROM].stored.insert(eid.0, stored);
        let asked = world.hosts[FROM].unstored.iter().find_map(|(_, what)| match what {
            Persist::Exported(bound) => Some(*bound),
            _ => None,
        });
        let exported = asked.unwrap_or_else(|| world.hosts[FROM].exported[&eid.0]);
        let (now, mut rng) = (world.now, ChaCha8Rng::seed_from_u64(9));
        world.hosts[FROM].entity.renew(now, |_| Some(stored), &mut rng);
        world.settle();
        assert!(world.export(FROM, &eid, DockReason::Planned, &[]).is_err(), "it is given up");
        storage_works(&mut world, FROM);
        assert!(world.hosts[FROM].exported.is_empty(), "late {late}, {further} further: the mark is taken back");
        assert!(world.hosts[FROM].stored[&eid.0] >= stored.max(exported), "and no bound goes down");
        assert!(world.run_until(60_000, |world| {
            world.newest(&eid).is_some_and(|newest| newest.generation >= stored.max(exported))
        }));
        assert!(world.run_until(60_000, Hosts::all_bound));
        assert_eq!(world.export(FROM, &eid, DockReason::Planned, &[]), Err(DockError::NoAgent), "it is not locked");
        assert!(world.hosts[FROM].affairs.is_empty(), "{:?}", world.hosts[FROM].affairs);
    }
}
