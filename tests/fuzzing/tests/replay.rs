//! Every target holds for its seeds, for changed seeds and for noise; and the seeds lead where they are meant to.

use std::collections::HashSet;

use fuzzing::interpreter::{confirms, pipeline_seeds};
use fuzzing::provider::{Keyed, Trusting};
use fuzzing::session::{Op, run};
use fuzzing::{TARGETS, Target};
use iacp_core::pss::Closure;
use iacp_wire::{Frame, MessageType};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The number of changes of each seed, and the number of inputs of noise, in each run of the tests.
const CHANGES: u64 = 200;
const NOISE: u64 = 500;

/// What a fuzzer does to an input, by a number: some bytes changed, some removed, some doubled.
fn changed(seed: &[u8], number: u64) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    let mut bytes = seed.to_vec();
    for _ in 0..=rng.next_u32() % 4 {
        if bytes.is_empty() {
            break;
        }
        let mut place = |length: usize| rng.next_u32() as usize % length;
        let (at, other) = (place(bytes.len()), place(bytes.len()));
        let (from, to) = (at.min(other) & !3, (at.max(other) & !3).min(at.min(other) + 16));
        match place(4) {
            0 => bytes[at] = u8::try_from(place(256)).expect("below 256"),
            1 => bytes[at] ^= 1 << place(8),
            2 => drop(bytes.drain(from.min(to)..to.max(from))),
            _ => bytes.extend_from_within(from.min(to)..to.max(from)),
        }
    }
    bytes
}

fn replay(target: &Target) {
    // Whole hosts take a hundred times as long as anything else.
    let (changes, noise) = if target.name == "entity" { (CHANGES / 100, NOISE / 100) } else { (CHANGES, NOISE) };
    for (name, bytes) in (target.seeds)() {
        println!("{}: seed {name}", target.name);
        (target.run)(&bytes);
        for number in 0..changes {
            let bytes = changed(&bytes, number);
            println!("{}: seed {name}, change {number}: {bytes:02x?}", target.name);
            (target.run)(&bytes);
        }
    }
    for number in 0..noise {
        let mut rng = ChaCha8Rng::seed_from_u64(number);
        let mut bytes = vec![0; rng.next_u32() as usize % 512];
        rng.fill_bytes(&mut bytes);
        println!("{}: noise {number}", target.name);
        (target.run)(&bytes);
    }
}

#[test]
fn every_target_holds_for_its_seeds_for_changed_ones_and_for_noise() {
    TARGETS.iter().for_each(replay);
}

fn seeds(name: &str) -> Vec<(String, Vec<u8>)> {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let seeds = (target.seeds)();
    let names: HashSet<_> = seeds.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), seeds.len(), "each seed is a file of its own");
    seeds
}

fn seed(name: &str) -> Vec<u8> {
    seeds("session").into_iter().find(|(one, _)| one == name).expect("a seed").1
}

#[test]
fn the_seeds_of_frame_are_every_message() {
    let types: HashSet<MessageType> = seeds("frame")
        .iter()
        .map(|(name, bytes)| {
            Frame::parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}")).message.message_type()
        })
        .collect();
    assert_eq!(types.len(), MessageType::ALL.len());
}

#[test]
fn the_seeds_of_a_session_lead_to_every_part_of_it() {
    let reports: Vec<_> = seeds("session").iter().map(|(name, bytes)| (name.clone(), run::<Keyed>(bytes))).collect();
    let of = |name: &str| &reports.iter().find(|(one, _)| one == name).expect("a seed").1;
    println!("{reports:#?}");
    assert_eq!(of("silence").closures, [Closure::NoAnswer]);
    assert_eq!((of("handshake").accepted, of("graceful").accepted, of("aborted").accepted), (1, 1, 2));
    assert_eq!((of("graceful").delivered, of("finish").delivered), (2, 2));
    assert_eq!(of("graceful").closures, [Closure::Graceful; 2]);
    assert_eq!(of("reordered").delivered, 3);
    assert!(of("reordered").discarded > 0, "the copy");
    assert_eq!(of("lost").delivered, 2, "what was lost is repeated");
    assert!(of("reconnected").reconciled > 0 && of("reconnected").delivered == 1);
    assert!(of("contract").proposed > 1 && of("contract").contracts > 0 && of("contract").delivered == 1);
    assert_eq!((of("accepted").proposed, of("accepted").delivered), (1, 1), "turn 1 is accepted with the PSS_ACK");
    assert!(of("changed").discarded > 1);
    assert!(of("aborted").closures.iter().any(|closure| matches!(closure, Closure::Forced { by_peer: true, .. })));
}

#[test]
fn a_trusting_provider_lets_a_changed_frame_accuse() {
    // The rolling hash of a data frame, changed under a seal that holds: with keys, noise; without, a compromise.
    let changed = seed("changed");
    assert!(!run::<Keyed>(&changed).closures.iter().any(|closure| matches!(closure, Closure::Compromised(_))));
    let hostile = run::<Trusting>(&changed);
    assert!(hostile.closures.iter().any(|closure| matches!(closure, Closure::Compromised(_))), "{hostile:?}");
}

#[test]
fn an_operation_is_four_bytes() {
    for code in 0..=u8::MAX {
        let op = Op::read([code, 1, 2, 3]);
        assert_eq!(Op::read(op.write()), op);
    }
}

#[test]
fn one_seed_of_the_pipeline_leads_to_a_confirmed_mapping() {
    for (name, bytes) in pipeline_seeds() {
        assert_eq!(confirms(&bytes), name == "mapped", "{name}");
    }
}
