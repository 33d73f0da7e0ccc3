//! Holding back (PROFILE 5.4): a side that acknowledges what its application has consumed.

use iacp_core::pss::{
    Closure, ContentKind, Discard, NO_PROGRESS, NotNow, SILENCE, SessionEvent, TeardownReason, continuity,
};
use sessions::{Heard, Host, Mono, Pair, Plan, Side, TOP, Weather, World};

fn both(seed: u64, weather: Weather, holds: [bool; 2], window: u32) -> (World, Plan) {
    let mut plan = Plan {
        seed,
        weather,
        from_alice: (0..80_u8).map(|n| vec![n; 30]).collect(),
        from_bob: (0..80_u8).map(|n| vec![n ^ 0xFF; 30]).collect(),
        ..Plan::default()
    };
    plan.settings.terms.receive_window = window;
    let mut world = World::new(&plan);
    [world.alice.holds, world.bob.holds] = holds;
    let (now, peer, to) = (world.now, world.bob.identity.eid(), world.bob.at);
    world.alice.initiate(now, peer, to, plan.offer);
    (world, plan)
}

fn session(host: &Host) -> &sessions::S {
    host.session.as_ref().expect("a session")
}

#[test]
fn an_application_that_reads_slowly_slows_its_peer_and_loses_nothing() {
    for (seed, holds) in [(1, [true, false]), (2, [false, true]), (3, [true, true])] {
        for window in [1, 2, 5, 16, 40] {
            let weather = if seed == 2 { Weather { corruption: 0, ..Weather::STORM } } else { Weather::FAIR };
            let (mut world, plan) = both(seed, weather, holds, window);
            (world.alice.consumes, world.bob.consumes, world.alice.closes) = (false, false, false);
            assert!(world.connect());
            // For minutes nothing is read. No peer is given up, and at most a window lies unread.
            let until = world.now.after(3 * NO_PROGRESS);
            world.run_until(until);
            for host in [&world.alice, &world.bob] {
                assert_eq!(host.closure, None, "window {window}");
                assert!(session(host).is_ready());
                if host.holds {
                    assert!(host.received.len() <= usize::try_from(window).expect("small"), "{}", host.received.len());
                }
            }
            (world.alice.consumes, world.bob.consumes, world.alice.closes) = (true, true, true);
            assert!(world.run_until(Mono(4_000_000)));
            assert!(world.bob.stream() == plan.from_alice.concat(), "window {window}");
            assert!(world.alice.stream() == plan.from_bob.concat(), "window {window}");
            assert_eq!((world.alice.closure, world.bob.closure), (Some(Closure::Graceful), Some(Closure::Graceful)));
        }
    }
}

#[test]
fn what_is_held_is_not_repeated() {
    let (mut world, _) = both(4, Weather::FAIR, [false, true], 8);
    world.bob.consumes = false;
    world.alice.closes = false;
    assert!(world.connect());
    let until = world.now.after(100_000);
    world.run_until(until);
    let data = world.trace.iter().filter(|(_, packet)| packet.from == Side::Alice && packet.bytes[1] >> 4 == 0xB);
    let data: Vec<_> = data.filter(|(_, packet)| packet.bytes[20] < 0x80).collect();
    assert_eq!(data.len(), 8, "the window, once");
}

#[test]
fn a_reconciliation_ends_although_frames_are_held() {
    let (mut world, plan) = both(5, Weather::FAIR, [true, true], 6);
    (world.alice.consumes, world.bob.consumes) = (false, false);
    world.alice.closes = false;
    assert!(world.connect());
    let until = world.now.after(2_000);
    world.run_until(until);
    // More is sealed than the window lets out, on both sides.
    world.network.weather.loss = 1_000;
    let until = world.now.after(SILENCE + 20_000);
    world.run_until(until);
    for host in [&world.alice, &world.bob] {
        assert_eq!(session(host).continuity(), Some(continuity::State::Disconnected));
        let (first, next) = session(host).unacknowledged();
        assert!(next - first > 6, "{}", next - first);
    }
    world.network.weather = Weather::FAIR;
    let until = world.now.after(61_000);
    world.run_until(until);
    for host in [&world.alice, &world.bob] {
        assert!(host.events.contains(&SessionEvent::Reconciled), "{:?}", session(host).continuity());
    }
    (world.alice.consumes, world.bob.consumes, world.alice.closes) = (true, true, true);
    assert!(world.run_until(Mono(4_000_000)));
    assert!(world.bob.stream() == plan.from_alice.concat() && world.alice.stream() == plan.from_bob.concat());
}

#[test]
fn what_was_forgotten_comes_again_and_what_was_consumed_does_not() {
    for seed in 0..10 {
        let (mut world, plan) = both(seed, Weather { loss: 100, jitter: 40, ..Weather::FAIR }, [true, true], 12);
        assert!(world.connect());
        for round in 0..30_u32 {
            let until = world.now.after(150);
            world.run_until(until);
            let now = world.now;
            let side = if round % 2 == 0 { Side::Alice } else { Side::Bob };
            world.host(side).consumes = round % 3 == 0;
            world.host(side).rewind(now);
        }
        (world.alice.consumes, world.bob.consumes) = (true, true);
        assert!(world.run_until(Mono(4_000_000)), "seed {seed}");
        assert_eq!((world.alice.delivered_twice, world.bob.delivered_twice), (0, 0));
        assert!(world.bob.stream() == plan.from_alice.concat(), "seed {seed}");
        assert!(world.alice.stream() == plan.from_bob.concat(), "seed {seed}");
    }
}

#[test]
fn only_what_has_come_can_be_consumed_and_only_by_a_side_that_holds() {
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    let frame = pair.data(b"x");
    pair.give(&frame);
    assert_eq!(pair.session().consumed(now, 1_001), Err(NotNow), "it acknowledges on delivery");
    assert_eq!(pair.session().rewind(now), Err(NotNow));

    let mut pair = Pair::holding(16).confirmed();
    let now = pair.now;
    let frames: Vec<_> = (0..3_u8).map(|n| pair.data(&[n])).collect();
    pair.give(&frames[0]);
    pair.give(&frames[2]);
    for beyond in [1_002, 1_003, u64::MAX] {
        assert_eq!(pair.session().consumed(now, beyond), Err(NotNow), "{beyond}");
    }
    assert_eq!(pair.session().consumed(now, 1_001), Ok(()));
    assert_eq!(pair.session().consumed(now, 5), Ok(()), "less than before changes nothing");
    assert_eq!(pair.give(&frames[0]), Heard::Discarded(Discard::Duplicate));
    let (identity, session) = (&pair.bob.identity, pair.bob.session.as_mut().expect("a session"));
    session.abort(now, identity, TeardownReason::None).expect("its own");
    assert_eq!((session.consumed(now, 1_001), session.rewind(now)), (Err(NotNow), Err(NotNow)));
}

#[test]
fn frames_of_other_kinds_and_the_fin_are_consumed_with_what_is_before_them() {
    let mut pair = Pair::holding(16).confirmed();
    let now = pair.now;
    let frames = [pair.frame(1, b"update", 0), pair.data(b"content"), pair.frame(2, b"key", 0), pair.frame(0, b"", 2)];
    for frame in &frames {
        pair.give(frame);
    }
    let said = |pair: &mut Pair| {
        let frame = pair.sent().pop().expect("a heartbeat");
        let (_, plain) = pair.forger.open(&frame).expect("authentic");
        u64::from_be_bytes(plain[41..49].try_into().expect("8"))
    };
    assert_eq!(said(&mut pair), 1_001 + TOP, "the update needs no word; the content does");
    pair.session().consumed(now, 1_002).expect("it has come");
    pair.at(now.after(100));
    assert_eq!(said(&mut pair), 1_004, "and with it the key and the FIN");
    let now = pair.now;
    pair.session().send(now, ContentKind::Anml, b"it goes on").expect("open");
}

#[test]
fn a_disconnected_side_says_nothing_when_its_application_forgets() {
    let mut pair = Pair::holding(16).confirmed();
    let now = pair.now;
    let frame = pair.data(b"x");
    pair.give(&frame);
    pair.sent();
    pair.session().transport_lost(now);
    pair.bob.rewind(now);
    assert!(pair.sent().is_empty(), "the transport is gone");
    assert_eq!(pair.session().consumed(now, 1_000), Ok(()));
    assert!(pair.sent().is_empty());
}
