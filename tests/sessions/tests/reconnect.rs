//! Loss of the transport, and what comes after it (`IACP §6.4.2`, `IACP Appendix B.4`).

use iacp_core::pss::{Closure, ContentKind, SendError, continuity};
use sessions::{Host, Mono, Plan, Side, Weather, World};

fn state(host: &Host) -> Option<continuity::State> {
    host.session.as_ref().expect("a session").continuity()
}

/// Both sides have sent `count` chunks, some of which the network lost as `weather` says, and the transport is gone.
fn dropped(seed: u64, weather: Weather) -> (World, Plan) {
    let plan = Plan {
        seed,
        from_alice: (0..60_u8).map(|n| vec![n; 50]).collect(),
        from_bob: (0..50_u8).map(|n| vec![n ^ 0xFF; 50]).collect(),
        closers: Vec::new(),
        ..Plan::default()
    };
    let mut world = World::new(&plan);
    assert!(world.connect());
    world.network.weather = weather;
    let until = world.now.after(150);
    world.run_until(until);
    world.network.cut();
    let now = world.now;
    for side in [Side::Alice, Side::Bob] {
        let host = world.host(side);
        host.session.as_mut().expect("a session").transport_lost(now);
        host.hear(now);
        assert_eq!(state(host), Some(continuity::State::Disconnected));
    }
    (world, plan)
}

fn reconnect(world: &mut World, sides: &[Side]) {
    let now = world.now;
    for side in sides {
        let to = sessions::addr(side.other());
        world.host(*side).session.as_mut().expect("a session").reconnect(now, to).expect("it is away");
    }
}

#[test]
fn what_was_missed_travels_again_and_the_session_goes_on() {
    // shows: IACP-144 (§6.4.2), IACP-160 (§6.4.2)
    for seed in 0..30 {
        let weather = Weather { loss: 300, jitter: 40, ..Weather::FAIR };
        let (mut world, plan) = dropped(seed, weather);
        world.run_until(Mono(world.now.0 + 10_000));
        assert_eq!(
            (state(&world.alice), state(&world.bob)),
            (Some(continuity::State::Disconnected), Some(continuity::State::Disconnected))
        );
        world.network.weather = Weather { loss: 100, jitter: 40, ..Weather::FAIR };
        // One of them finds the other again.
        let finder = if seed % 2 == 0 { Side::Alice } else { Side::Bob };
        reconnect(&mut world, &[finder]);
        let back = |world: &World| {
            [&world.alice, &world.bob].into_iter().all(|host| {
                matches!(state(host), Some(continuity::State::Established | continuity::State::AnomalyFlagged))
            })
        };
        assert!(world.run_while(|world| !back(world)), "seed {seed}: both are back");
        world.alice.closes = true;
        assert!(world.run_until(Mono(600_000)), "it comes to rest");
        assert_eq!(world.bob.stream(), plan.from_alice.concat());
        assert_eq!(world.alice.stream(), plan.from_bob.concat());
        assert_eq!((world.alice.closure, world.bob.closure), (Some(Closure::Graceful), Some(Closure::Graceful)));
        assert_eq!((world.alice.delivered_twice, world.bob.delivered_twice), (0, 0));
    }
}

#[test]
fn while_disconnected_and_reconciling_nothing_new_is_sealed() {
    let (mut world, _) = dropped(3, Weather::FAIR);
    let now = world.now;
    let session = world.alice.session.as_mut().expect("a session");
    assert_eq!(session.send(now, ContentKind::Anml, b"x"), Err(SendError::NotNow));
    assert_eq!(session.finish(now), Err(SendError::NotNow));
    let sent = world.trace.len();
    world.run_until(now.after(40_000));
    assert_eq!(world.trace.len(), sent, "nor is anything said");
}

#[test]
fn a_search_for_the_peer_ends() {
    let (mut world, _) = dropped(4, Weather::FAIR);
    world.network.weather = Weather { loss: 1_000, ..Weather::FAIR };
    reconnect(&mut world, &[Side::Alice, Side::Bob]);
    let (start, sent) = (world.now, world.trace.len());
    assert!(world.run_until(Mono(100_000_000)), "it comes to rest");
    let probes: Vec<_> = world.trace[sent..]
        .iter()
        .filter(|(_, packet)| packet.from == Side::Alice)
        .map(|(at, _)| at.since(start))
        .collect();
    // At once, then 1 s and doubled pauses up to 60 s, for the hour that the session is kept.
    let doubling = [0, 1_000, 3_000, 7_000, 15_000, 31_000, 63_000];
    let expected: Vec<u64> = doubling.into_iter().chain((123_000..3_600_000).step_by(60_000)).collect();
    assert_eq!(probes, expected);
    for host in [&world.alice, &world.bob] {
        assert!(matches!(host.closure, Some(Closure::Lost { truncated: true })));
    }
}

#[test]
fn a_disconnected_session_is_wiped_at_its_limit() {
    // shows: IACP-161 (B.4)
    let (mut world, _) = dropped(5, Weather::FAIR);
    let start = world.now;
    world.alice.session.as_mut().expect("a session").set_reconnect_limit(7_000);
    assert!(world.run_while(|world| world.alice.closure.is_none()));
    assert_eq!(world.now, start.after(7_000));
    assert!(world.run_until(Mono(100_000_000)));
    assert_eq!(world.now, start.after(3_600_000), "an hour, where no other limit is set");
}

#[test]
fn the_transport_may_drop_again_before_the_vectors_match() {
    let (mut world, plan) = dropped(6, Weather { loss: 500, ..Weather::FAIR });
    world.network.weather = Weather { loss: 700, jitter: 100, ..Weather::FAIR };
    for _ in 0..3 {
        reconnect(&mut world, &[Side::Alice, Side::Bob]);
        let until = world.now.after(300);
        world.run_until(until);
        world.network.cut();
        let now = world.now;
        world.alice.session.as_mut().expect("a session").transport_lost(now);
        world.bob.session.as_mut().expect("a session").transport_lost(now);
        assert_eq!(state(&world.alice), Some(continuity::State::Disconnected));
    }
    world.network.weather = Weather::FAIR;
    reconnect(&mut world, &[Side::Alice, Side::Bob]);
    world.bob.closes = true;
    assert!(world.run_until(Mono(600_000)));
    assert_eq!(world.bob.stream(), plan.from_alice.concat());
    assert_eq!(world.alice.stream(), plan.from_bob.concat());
}
