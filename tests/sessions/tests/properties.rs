//! Under any schedule, what is delivered is what was sent, once; and everything comes to rest.

use std::collections::HashMap;

use iacp_core::pss::{Capabilities, Closure, ContentKind, Discard};
use proptest::prelude::*;
use sessions::{Cheap, HostOf, Mono, Plan, Side, Weather, WorldOf};

type World = WorldOf<Cheap>;
type Host = HostOf<Cheap>;

fn weather() -> impl Strategy<Value = Weather> {
    let mtu = prop_oneof![9 => Just(0), 1 => 160_usize..700];
    (0_u32..400, 0_u32..300, 0_u32..200, 0_u64..200, 0_u64..500, mtu).prop_map(
        |(loss, duplication, corruption, delay, jitter, mtu)| Weather {
            loss,
            duplication,
            corruption,
            delay,
            jitter,
            mtu,
        },
    )
}

fn chunks() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..40)
}

fn plan() -> impl Strategy<Value = Plan> {
    let closers = prop_oneof![Just(vec![Side::Alice]), Just(vec![Side::Bob]), Just(vec![Side::Alice, Side::Bob])];
    (any::<u64>(), weather(), 0_u32..4, chunks(), chunks(), closers, 1_u32..40).prop_map(
        |(seed, weather, offer, from_alice, from_bob, closers, window)| {
            let mut plan = Plan {
                seed,
                weather,
                offer: Capabilities::from_bits(offer),
                from_alice,
                from_bob,
                closers,
                ..Plan::default()
            };
            plan.settings.terms.receive_window = window;
            plan
        },
    )
}

/// What was delivered is what was sent: each chunk at most once, under its own number, unchanged.
fn assert_honest(receiver: &Host, sent: &[Vec<u8>]) {
    assert_eq!(receiver.delivered_twice, 0);
    if receiver.received.is_empty() {
        return;
    }
    // The FIN, or anything that was delivered, tells where the stream begins only if it begins; so compare as a
    // subsequence with fixed distances.
    let first = *receiver.received.keys().next().expect("not empty");
    let matches = |start: u64| {
        receiver.received.iter().all(|(sequence, (kind, content))| {
            let place = usize::try_from(sequence - start).expect("few");
            *kind == ContentKind::Anml && sent.get(place) == Some(content)
        })
    };
    assert!((0..=40).filter_map(|before| first.checked_sub(before)).any(matches), "delivered what was not sent");
}

fn assert_no_nonce_twice(world: &World) {
    let mut sealed = HashMap::new();
    for (_, packet) in &world.trace {
        if packet.bytes[0] == 0x10 && packet.bytes[1] >> 4 == 0xB {
            // Session, direction and nonce.
            let key = (packet.from, packet.bytes[4..20].to_vec(), packet.bytes[28..40].to_vec());
            let first = sealed.entry(key).or_insert_with(|| packet.bytes.clone());
            assert_eq!(*first, packet.bytes, "one nonce, two plaintexts");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_delivered_is_what_was_sent_once_and_every_run_comes_to_rest(plan in plan()) {
        let mut world = World::new(&plan);
        prop_assert!(world.run_until(Mono(40_000_000)), "still busy after eleven hours");
        assert_honest(&world.bob, &plan.from_alice);
        assert_honest(&world.alice, &plan.from_bob);
        assert_no_nonce_twice(&world);
        for (receiver, sent) in [(&world.bob, &plan.from_alice), (&world.alice, &plan.from_bob)] {
            if receiver.closure == Some(Closure::Graceful) {
                prop_assert_eq!(receiver.stream(), sent.concat(), "graceful means complete");
            }
            prop_assert!(!matches!(receiver.closure, Some(Closure::Compromised(_) | Closure::Contradiction)), "weather is no crime");
            if let Some(session) = &receiver.session {
                prop_assert!(session.is_over(), "no state is kept for ever: {:?}", session.next_deadline());
            }
        }
    }

    #[test]
    fn in_bearable_weather_everything_arrives(
        seed: u64,
        from_alice in chunks(),
        from_bob in chunks(),
        loss in 0_u32..150,
        jitter in 0_u64..150,
    ) {
        let weather = Weather { loss, jitter, duplication: 50, corruption: 20, delay: 5, mtu: 0 };
        let plan = Plan { seed, weather, from_alice, from_bob, ..Plan::default() };
        let mut world = World::new(&plan);
        prop_assert!(world.run_until(Mono(40_000_000)));
        prop_assert_eq!(world.bob.stream(), plan.from_alice.concat());
        prop_assert_eq!(world.alice.stream(), plan.from_bob.concat());
        // The last word of all can be lost seven times; nothing else is.
        prop_assert_eq!(world.bob.closure, Some(Closure::Graceful));
        let heard = matches!(world.alice.closure, Some(Closure::Graceful | Closure::Unanswered { truncated: false }));
        prop_assert!(heard, "{:?}", world.alice.closure);
    }

    #[test]
    fn a_handshake_ends_with_equal_keys_or_with_none(
        seed: u64,
        offer in 0_u32..4,
        loss in 0_u32..500,
        jitter in 0_u64..2_000,
        duplication in 0_u32..500,
    ) {
        // Whatever is lost, late or repeated: of two that hold keys of one session, neither ever fails to open a frame
        // of the other.
        let weather = Weather { loss, jitter, duplication, ..Weather::FAIR };
        let plan = Plan { seed, weather, offer: Capabilities::from_bits(offer), from_alice: vec![vec![1]], from_bob: vec![vec![2]], ..Plan::default() };
        let mut world = World::new(&plan);
        let until = world.now.after(30_000);
        world.run_until(until);
        let ready = |host: &Host| host.session.as_ref().is_some_and(|session| session.is_ready());
        for host in [&world.alice, &world.bob] {
            let Some(session) = &host.session else { continue };
            prop_assert_eq!(session.discards().count(Discard::Seal), 0);
        }
        if ready(&world.alice) {
            let cookies = |host: &Host| host.session.as_ref().map(|session| session.cookies());
            prop_assert!(world.bob.accepted_cookies.contains(&cookies(&world.alice).expect("a session")));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_trace_twice(plan in plan()) {
        let run = || {
            let mut world = World::new(&plan);
            world.run_until(Mono(40_000_000));
            (world.trace, world.alice.closure, world.bob.closure, world.now)
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn a_transport_that_drops_again_and_again_loses_nothing(
        seed: u64,
        from_alice in chunks(),
        from_bob in chunks(),
        drops in prop::collection::vec((1_u64..3_000, any::<bool>(), any::<bool>()), 1..8),
    ) {
        let weather = Weather { loss: 100, jitter: 60, ..Weather::FAIR };
        let plan = Plan { seed, weather, from_alice, from_bob, closers: Vec::new(), ..Plan::default() };
        let mut world = World::new(&plan);
        prop_assert!(world.connect());
        for (after, alice_notices, bob_notices) in drops {
            let until = Mono(world.now.0 + after);
            world.run_until(until);
            world.network.cut();
            let now = world.now;
            for (side, notices) in [(Side::Alice, alice_notices), (Side::Bob, bob_notices)] {
                let session = world.host(side).session.as_mut().expect("a session");
                if notices {
                    session.transport_lost(now);
                }
                // Only a side that noticed the loss has something to reconnect.
                let _ = session.reconnect(now, sessions::addr(side.other()));
            }
        }
        world.alice.closes = true;
        let finished = world.run_until(Mono(40_000_000));
        prop_assert!(finished);
        prop_assert_eq!(world.bob.stream(), plan.from_alice.concat());
        prop_assert_eq!(world.alice.stream(), plan.from_bob.concat());
        assert_no_nonce_twice(&world);
    }
}
