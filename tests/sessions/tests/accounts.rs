//! No process takes all contexts of a host: each account has its share, whatever number of channels it comes by.

use iacp_core::crypto::Secret32;
use iacp_core::erp::agent::Agent;
use iacp_core::erp::entity::HostSettings;
use iacp_wire::message::ErpInit;
use iacp_wire::{Frame, InitializationNonce, Message};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sessions::Mono;
use sessions::hosts::{Entity, memory, place};

fn erp_init(nonce: u8) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    let init = ErpInit { initialization_nonce: InitializationNonce([nonce; 32]) };
    let length = Frame::new(Message::ErpInit(&init)).write(&mut bytes).expect("it fits");
    bytes.truncate(length);
    bytes
}

/// A host of its own for 16 agents, of which an account begins four at most.
fn shared_out() -> (Entity, ChaCha8Rng) {
    let mut rng = ChaCha8Rng::seed_from_u64(15);
    let settings = HostSettings { contexts_each: 4, ..HostSettings::at(place(1)).without_directory() };
    (Entity::new(memory(16, 4, 4), settings, Mono(1_000), &mut rng).expect("the memory suffices"), rng)
}

/// How many of these many ERP_INITs by a channel, two seconds apart, begin a context; the others get ERROR CAPACITY.
fn begun((host, rng): &mut (Entity, ChaCha8Rng), now: &mut Mono, channel: u32, count: usize) -> Vec<Agent> {
    let mut agents = Vec::new();
    for _ in 0..count {
        *now = now.after(2_000);
        let mut out = [0; 256];
        let length = host.handle_local(*now, channel, &erp_init(1), &mut out, rng).expect("an answer");
        match Frame::parse(&out[..length]).expect("a frame").message {
            Message::ErpAlloc(alloc) => agents.push(Agent::new(alloc.allocated_eid, Secret32::new(alloc.local_iat.0))),
            Message::Error(error) => assert_eq!((error.code.get(), error.refused_type), (4, 0x11), "CAPACITY"),
            other => panic!("{other:?}"),
        }
    }
    agents
}

// shows: IACP-066 (§4.2.1.1–2)
#[test]
fn no_account_takes_all_contexts_whatever_number_of_channels_it_has() {
    let (mut host, mut now) = (shared_out(), Mono(1_000));
    for channel in [0, 1, 2] {
        host.0.assign_channel(channel, 7);
    }
    let counts = [0, 1, 2].map(|channel| begun(&mut host, &mut now, channel, 3).len());
    assert_eq!(counts, [3, 1, 0], "four in all");
    // Channels of which nothing is said are accounts of their own; so is one that has come to another account.
    assert_eq!(begun(&mut host, &mut now, 3, 5).len(), 4);
    assert_eq!(begun(&mut host, &mut now, 4, 5).len(), 4);
    host.0.assign_channel(2, 8);
    let mut last = begun(&mut host, &mut now, 2, 5);
    assert_eq!(last.len(), 4, "the host has 16");
    assert_eq!(begun(&mut host, &mut now, 5, 1).len(), 0, "and no more");
    // One that leaves makes room for its own account, and for others.
    let leaving = last.pop().expect("four");
    host.0.desk(now, &leaving).expect("its token").leave().expect("it is there");
    assert_eq!(begun(&mut host, &mut now, 0, 1).len(), 0, "this account has its share");
    assert_eq!(begun(&mut host, &mut now, 5, 1).len(), 1);
}

#[test]
fn the_channels_of_an_account_begin_four_contexts_a_second_together() {
    let mut rng = ChaCha8Rng::seed_from_u64(16);
    let settings = HostSettings::at(place(1)).without_directory();
    let mut host = Entity::new(memory(16, 4, 4), settings, Mono(1_000), &mut rng).expect("the memory suffices");
    for channel in 0..6 {
        host.assign_channel(channel, 1 + channel / 3);
    }
    let mut at = |now: u64, channel| {
        let mut out = [0; 256];
        host.handle_local(Mono(now), channel, &erp_init(1), &mut out, &mut rng).expect("an answer");
        (out[0] << 4 | out[1] >> 4) == 0x14
    };
    let first: Vec<bool> = (0..6).map(|count| at(2_000, count % 3)).collect();
    assert_eq!(first, [true, true, true, true, false, false]);
    assert!(at(2_000, 3), "another account has its own");
    assert!(at(3_000, 0), "a second later");
}
