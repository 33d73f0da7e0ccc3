//! Renewal of keys inside a session (PROFILE 5.10), against a peer that derives them by itself.

use std::cell::Cell;

use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::pss::{Capabilities, Closure, ContentKind, Discard, SessionEvent};
use sessions::forger::next_chain;
use sessions::{Heard, Mono, Pair, Plan, TOP, Weather, World, WorldOf, addr};

fn generations(pair: &mut Pair) -> (u32, u32) {
    pair.session().key_generations()
}

#[test]
fn a_renewed_key_is_the_one_of_the_profile_and_the_peer_follows() {
    for capabilities in [0, 2] {
        let mut pair = Pair::with(capabilities, 16).confirmed();
        for generation in 1..6 {
            pair.session().renew_key().expect("open");
            assert_eq!(generations(&mut pair), (generation - 1, generation - 1), "not before it may");
            // The forger echoes a heartbeat of the present generation; nothing is outstanding.
            let now = pair.now.after(15_000);
            pair.at(now);
            pair.opened();
            let beat = pair.beat();
            assert_eq!(pair.give_beat(&beat), Heard::Nothing);
            assert_eq!(generations(&mut pair), (generation, generation - 1));
            // What it seals now opens with the key that the forger derives.
            let now = pair.now;
            pair.session().send(now, ContentKind::Anml, b"under the next key").expect("room");
            let sent = pair.sent();
            let (sequence, plain) = pair.forger.open(&sent[0]).expect("authentic");
            assert_eq!(plain[33..], *b"under the next key");
            assert_eq!(pair.forger.heard_generation.get(), generation);
            let keys = pair.forger.keys.as_ref().expect("keys");
            let iv = keys.ivs[1].wrapping_add(generation).to_be_bytes();
            assert_eq!(sent[0][28..32], iv, "iv + generation, in clear");
            // The forger follows: data and heartbeats of its own next generation.
            pair.forger.generation = generation;
            let frame = pair.data(b"following");
            assert!(matches!(pair.give(&frame), Heard::Data { .. }));
            let mut beat = pair.beat();
            let now = pair.now.after(1);
            pair.at(now);
            // Acknowledge, so that nothing is outstanding in the next round.
            let chain = next_chain(&pair.origin().1, &sent[0][sent[0].len() - 16..]);
            (beat.expected, beat.receive_chain) = (sequence + 1, chain);
            assert_eq!(pair.give_beat(&beat), Heard::Event(SessionEvent::Delivered));
            assert_eq!(generations(&mut pair), (generation, generation));
            // The forger's origin is fixed: go on from where this session stands.
            let keys = pair.forger.keys.as_mut().expect("keys");
            (keys.peer_sequence, keys.receive_chain) = (sequence + 1, chain);
        }
    }
}

#[test]
fn a_key_is_not_renewed_before_the_peer_has_left_the_one_before() {
    // (1) no heartbeat of this generation was echoed.
    let mut pair = Pair::new();
    pair.session().renew_key().expect("open");
    let mut beat = pair.beat();
    beat.echo = 0;
    assert_eq!(pair.give_beat(&beat), Heard::Event(SessionEvent::Established));
    assert_eq!(generations(&mut pair).0, 0);
    let beat = pair.beat();
    pair.give_beat(&beat);
    assert_eq!(generations(&mut pair).0, 1, "it was echoed now");
    // (1) for the next generation: the echo is of a heartbeat of the last one.
    pair.session().renew_key().expect("open");
    for _ in 0..5 {
        let beat = pair.beat();
        pair.give_beat(&beat);
    }
    assert_eq!(generations(&mut pair).0, 1);
    pair.opened();
    let beat = pair.beat();
    pair.give_beat(&beat);
    assert_eq!(generations(&mut pair).0, 2);

    // (2) something that was sealed before that echo is not acknowledged: shown is not enough.
    let mut pair = Pair::new();
    let now = pair.now;
    pair.session().send(now, ContentKind::Anml, b"x").expect("room");
    let sent = pair.sent();
    pair.session().renew_key().expect("open");
    let mut beat = pair.beat();
    beat.expected |= TOP;
    for _ in 0..3 {
        pair.give_beat(&beat);
        assert_eq!(generations(&mut pair).0, 0);
    }
    beat.expected = pair.origin().0 + 1;
    beat.receive_chain = next_chain(&pair.origin().1, &sent[0][sent[0].len() - 16..]);
    pair.give_beat(&beat);
    assert_eq!(generations(&mut pair).0, 1);
}

#[test]
fn frames_of_two_generations_are_opened_and_of_no_other() {
    let mut pair = Pair::new().confirmed();
    // Two data frames under generation 0, one of them late.
    let (late, early) = (pair.data(b"late"), pair.data(b"early"));
    assert!(matches!(pair.give(&early), Heard::Data { .. }));
    // An attacker changes the nonce of a frame: each of them is refused, the others before anything is opened.
    let next = pair.data(b"genuine");
    for generation in [1_u32, 2, 3, u32::MAX, 0x8000_0000] {
        let mut forged = next.clone();
        let iv = pair.forger.keys.as_ref().expect("keys").ivs[0].wrapping_add(generation);
        forged[28..32].copy_from_slice(&iv.to_be_bytes());
        let expected = if generation == 1 { Discard::Seal } else { Discard::Nonce };
        assert_eq!(pair.give(&forged), Heard::Discarded(expected), "generation + {generation}");
    }
    assert!(matches!(pair.give(&next), Heard::Data { .. }), "and nothing was lost by it");
    // The forger renews; the late frame is still of the generation before.
    pair.forger.generation = 1;
    let beat = pair.beat();
    assert_eq!(pair.give_beat(&beat), Heard::Nothing);
    assert_eq!(generations(&mut pair).1, 1);
    let again = pair.data(b"under the new key");
    assert!(matches!(pair.give(&again), Heard::Data { .. }));
    assert!(matches!(pair.give(&late), Heard::Data { .. }), "the older key is kept for what is still to come");
    // Everything below the heartbeat's next sequence has come: the older key is gone.
    pair.forger.generation = 0;
    let old = pair.data(b"too late");
    assert_eq!(pair.give(&old), Heard::Discarded(Discard::Nonce));
    pair.forger.generation = 2;
    pair.next -= 1;
    assert_eq!(pair.session().key_generations().1, 1);
}

#[test]
fn keys_are_renewed_in_any_weather_and_no_nonce_seals_twice() {
    for seed in 0..24 {
        let plan = Plan {
            seed,
            weather: if seed % 2 == 0 { Weather { corruption: 0, ..Weather::STORM } } else { Weather::FAIR },
            offer: Capabilities::from_bits(u32::try_from(seed % 4).expect("small")),
            from_alice: (0..120_u8).map(|n| vec![n; 80]).collect(),
            from_bob: (0..120_u8).map(|n| vec![n ^ 0xFF; 80]).collect(),
            ..Plan::default()
        };
        let mut world = World::new(&plan);
        world.alice.holds = seed % 3 == 0;
        assert!(world.connect());
        let mut renewals = 0;
        while world.alice.closure.is_none() && world.step() {
            assert!(world.now < Mono(4_000_000), "seed {seed}");
            let host = if renewals % 2 == 0 { &mut world.alice } else { &mut world.bob };
            if let Some(session) = &mut host.session {
                renewals += u32::from(session.renew_key().is_ok());
            }
        }
        assert!(world.run_until(Mono(5_000_000)));
        assert!(world.bob.stream() == plan.from_alice.concat(), "seed {seed}");
        assert!(world.alice.stream() == plan.from_bob.concat(), "seed {seed}");
        assert_eq!((world.alice.closure, world.bob.closure), (Some(Closure::Graceful), Some(Closure::Graceful)));
        let generations = [&world.alice, &world.bob].map(|host| host.session.as_ref().expect("kept").key_generations());
        assert!(generations.iter().all(|(ours, theirs)| *ours > 1 && *theirs > 1), "seed {seed}: {generations:?}");
        for host in [&world.alice, &world.bob] {
            assert_eq!(host.session.as_ref().expect("kept").discards().count(Discard::Nonce), 0, "seed {seed}");
        }
        let mut nonces = std::collections::HashMap::new();
        for (_, packet) in &world.trace {
            if packet.bytes[1] >> 4 == 0xB {
                let key = (packet.from, packet.bytes[28..40].to_vec());
                assert_eq!(*nonces.entry(key).or_insert(&packet.bytes), &packet.bytes, "a nonce sealed twice");
            }
        }
    }
}

#[test]
fn a_holder_that_rewinds_after_an_update_gets_everything_again() {
    // What it holds is sealed under the generation before, which is kept until it is acknowledged.
    for consumed in 0..=4_u64 {
        let mut pair = Pair::holding(16).confirmed();
        let frames: Vec<_> = (0..4_u8).map(|n| pair.data(&[n])).collect();
        for frame in &frames {
            assert!(matches!(pair.give(frame), Heard::Data { .. }));
        }
        // Its heartbeat was echoed when nothing was sealed: the forger may renew.
        pair.forger.generation = 1;
        let beat = pair.beat();
        pair.give_beat(&beat);
        let now = pair.now;
        pair.session().consumed(now, 1_000 + consumed).expect("it has come");
        assert!(pair.bob.rewind(now));
        for (n, frame) in (0..).zip(&frames) {
            let heard = pair.give(frame);
            if n < consumed {
                assert_eq!(heard, Heard::Discarded(Discard::Duplicate));
            } else {
                assert!(matches!(heard, Heard::Data { .. }), "frame {n}, {consumed} consumed: {heard:?}");
            }
        }
        let next = pair.data(b"under the next key");
        assert!(matches!(pair.give(&next), Heard::Data { .. }));
        // When all of it is consumed, the older key is gone.
        let now = pair.now;
        pair.session().consumed(now, 1_005).expect("it has come");
        pair.forger.generation = 0;
        let old = pair.data(b"under the older key");
        assert_eq!(pair.give(&old), Heard::Discarded(Discard::Nonce));
    }
}

thread_local! {
    static UPDATES: Cell<u32> = const { Cell::new(0) };
}

/// The portable provider, which counts how often a next secret is derived.
struct Counting;

impl Provider for Counting {
    type SigningKey = <Portable as Provider>::SigningKey;
    type Cipher = <Portable as Provider>::Cipher;

    iacp_core::provider_methods!(Portable:
        signing_key, public_key, sign, equation, x25519_public, x25519, static_secret, cipher, seal, open
    );

    fn hkdf_expand_key(prk: &Secret32, info: &[u8]) -> Secret32 {
        if info.starts_with(b"IACP/1 update") {
            UPDATES.set(UPDATES.get() + 1);
        }
        Portable::hkdf_expand_key(prk, info)
    }
}

#[test]
fn whatever_nonces_are_forged_one_key_is_derived_for_them_once() {
    let plan = Plan { from_alice: vec![vec![1; 50]; 3], closers: Vec::new(), ..Plan::default() };
    let mut world = WorldOf::<Counting>::new(&plan);
    assert!(world.connect());
    let until = world.now.after(1_000);
    world.run_until(until);
    assert_eq!(UPDATES.get(), 0, "nothing is derived before it is asked for");
    let data = world.trace.iter().rev().find(|(_, packet)| packet.from == sessions::Side::Alice).expect("sent");
    let genuine = data.1.bytes.clone();
    let iv = u32::from_be_bytes(genuine[28..32].try_into().expect("4"));
    for n in 0..3_000_u64 {
        let mut forged = genuine.clone();
        let generation = u32::try_from(n % 5).expect("small");
        forged[28..32].copy_from_slice(&iv.wrapping_add(generation).to_be_bytes());
        // A number that is still to come, of a data frame or a heartbeat.
        let sequence = u64::from_be_bytes(genuine[20..28].try_into().expect("8")) + 1 + n % 3;
        forged[20..28].copy_from_slice(&sequence.to_be_bytes());
        forged[32..40].copy_from_slice(&sequence.to_be_bytes());
        let now = world.now;
        world.bob.handle(now, addr(sessions::Side::Alice), forged);
    }
    assert_eq!(UPDATES.get(), 1);
    assert_eq!(world.bob.session.as_ref().expect("a session").key_generations(), (0, 0));
}
