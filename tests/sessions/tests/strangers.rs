//! What strangers may make a host do: nothing that fills a table, asks the directory without bounds, or signs twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::agent::PURGE;
use iacp_core::erp::binding::Binding;
use iacp_core::erp::entity::Dropped;
use iacp_core::erp::local::{Listen, Request};
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, Terms};
use iacp_wire::{Frame, Locator};
use sessions::Weather;
use sessions::hosts::{Hosts, place, register_frame};
use sessions::raw::Raw;

const LISTEN: Listen = Listen {
    capabilities: Capabilities::NONE,
    terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 },
    sessions: 8,
    hold: false,
};

/// One host whose agent listens, and a directory.
fn world(seed: u64) -> Hosts {
    let mut world = Hosts::new(seed, 1, 1, true);
    assert!(world.run_until(60_000, Hosts::all_bound));
    let now = world.now;
    world.hosts[0].with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window");
    world
}

fn give(world: &mut Hosts, from: SocketAddr, bytes: Vec<u8>) {
    let (to, now) = (world.hosts[0].at, world.now);
    world.put(now, from, to, bytes);
}

#[test]
fn bindings_that_nothing_asked_for_fill_no_table_and_ask_no_node() {
    let mut world = world(1);
    let before = (world.hosts[0].entity.counts(), world.asked.len());
    for number in 0..200_u8 {
        let identity = Identity::<Portable>::from_seed(&Secret32::new([number; 32]));
        let binding = Binding::sign(&identity, Locator::from(place(number)), 7);
        give(&mut world, SocketAddr::new(place(number), 4_227), register_frame(&binding));
    }
    world.run(1_000);
    assert_eq!((world.hosts[0].entity.counts(), world.asked.len()), before);
    let unasked = world.hosts[0].dropped.iter().filter(|why| **why == Dropped::NotAsked).count();
    assert_eq!(unasked, 200, "and none of them cost a signature");
}

fn strangers(world: &Hosts, count: u8) -> Vec<Raw> {
    let to = (world.eid(0, 0), world.hosts[0].at);
    let at = |number: u8| SocketAddr::new(IpAddr::from([203, number, 113, 7]), 4_227);
    (0..count).map(|number| Raw::open(world.now, u64::from(number), at(number), to, Capabilities::NONE)).collect()
}

#[test]
fn spoofed_openings_ask_nothing_and_shown_addresses_ask_twenty_times_a_second_at_most() {
    let mut world = world(2);
    let mut all = strangers(&world, 60);
    let before = (world.hosts[0].entity.counts(), world.asked.len());
    let now = world.now;
    for stranger in &mut all {
        let opening = stranger.says(now).expect("PSS_INIT");
        give(&mut world, stranger.at, opening);
    }
    let begin = world.trace.len();
    world.run(100);
    assert_eq!((world.hosts[0].entity.counts(), world.asked.len()), before, "no address has been shown");
    // The answers came to where the strangers are: their PSS_ACKs show it, all in one moment.
    let answers: BTreeMap<SocketAddr, Vec<u8>> =
        world.trace[begin..].iter().map(|(_, _, to, bytes)| (*to, bytes.clone())).collect();
    let now = world.now;
    let mut shown = 0;
    for stranger in &mut all {
        let Some(mut answer) = answers.get(&stranger.at).cloned() else { continue };
        stranger.hears(now, &mut answer);
        let acknowledgement = stranger.says(now).expect("PSS_ACK");
        give(&mut world, stranger.at, acknowledgement);
        shown += 1;
    }
    assert!(shown > 20, "{shown} were answered");
    world.run(10);
    let asked = world.asked.len() - before.1;
    assert!((1..=20).contains(&asked), "{asked} questions");
    assert_eq!(world.hosts[0].entity.counts().1, 0, "a repeated PSS_ACK finds the answer, this one did not");
}

#[test]
fn a_leaving_that_races_a_move_is_signed_once_and_no_generation_names_two_places() {
    for pause in [0, 1, 5, 9, 10, 11, 20, 40] {
        for purged in [false, true] {
            let mut world = world(3);
            world.weather = Weather { delay: 10, ..Weather::FAIR };
            let eid = world.eid(0, 0);
            if purged {
                // Nothing is heard of the agent, until one step before the host moves.
                let end = world.now.after(PURGE - 20);
                while world.now < end {
                    assert!(world.step(end) || world.now >= end);
                }
            }
            world.move_host(0, place(90));
            world.run(pause);
            let now = world.now;
            if !purged {
                let left = world.hosts[0].try_with(now, 0, |desk, rng| desk.ask(None, &Request::Leave, rng));
                assert!(left.is_some_and(|left| left.is_ok()), "pause {pause}");
            }
            world.run(61_000);
            let mut signed: BTreeMap<u64, BTreeSet<[u8; 16]>> = BTreeMap::new();
            for (.., bytes) in &world.trace {
                if let Some(binding) = Frame::parse(bytes).ok().as_ref().and_then(Binding::of_frame)
                    && binding.eid == eid
                {
                    signed.entry(binding.generation).or_default().insert(binding.ip.0);
                }
            }
            assert!(signed.values().all(|places| places.len() == 1), "pause {pause}: {signed:?}");
            let (_, last) = signed.last_key_value().expect("a leaving");
            assert_eq!(last.first(), Some(&[0; 16]), "pause {pause}, purged {purged}: the leaving is the last");
            assert_eq!(world.hosts[0].entity.counts().0, 0);
            let held: BTreeSet<u64> =
                world.nodes.iter().filter_map(|node| node.held.get(&eid.0)).map(|held| held.generation).collect();
            assert_eq!(held.len(), 1, "all nodes have the leaving");
        }
    }
}
