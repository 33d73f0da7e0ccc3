//! Life, silence, and what ends when (PROFILE 5.5, 5.6): only a fresh heartbeat proves that the peer lives.

use iacp_core::pss::{
    Capabilities, Closure, ContentKind, Discard, FRESH, NO_PROGRESS, RECONNECT_LIMIT, Reason, SILENCE, SessionEvent,
    TeardownReason, Terms, continuity,
};
use sessions::forger::next_chain;
use sessions::{Heard, Host, Mono, Packet, Pair, Plan, Side, TOP, Weather, World};

fn state(host: &Host) -> Option<continuity::State> {
    host.session.as_ref().expect("a session").continuity()
}

fn count(host: &Host, event: SessionEvent) -> usize {
    host.events.iter().filter(|told| **told == event).count()
}

fn quiet(seed: u64) -> World {
    let mut world = World::new(&Plan { seed, closers: Vec::new(), ..Plan::default() });
    assert!(world.connect());
    let until = world.now.after(1_000);
    world.run_until(until);
    world
}

#[test]
fn a_host_that_slept_finds_its_session_disconnected_and_not_given_up() {
    // Fault 1: at 121 s it was FORCED for NO_PROGRESS.
    for slept in [45_000, 46_000, 119_000, 121_000, 130_000, 600_000, SILENCE + RECONNECT_LIMIT - 1] {
        let mut pair = Pair::new().confirmed();
        let start = pair.now;
        pair.session().send(start, ContentKind::Anml, b"x").expect("room");
        pair.sent();
        pair.at(start.after(slept));
        assert_eq!(pair.session().continuity(), Some(continuity::State::Disconnected), "after {slept} ms");
        assert_eq!(pair.bob.events[1..], [SessionEvent::Disconnected]);
    }
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    pair.at(start.after(SILENCE + RECONNECT_LIMIT));
    // However late it looks: it is wiped an hour after DISCONNECTED began.
    assert_eq!(
        pair.bob.events[1..],
        [SessionEvent::Disconnected, SessionEvent::Closed(Closure::Lost { truncated: true }), SessionEvent::Released]
    );
}

#[test]
fn the_first_datagram_after_a_sleep_finds_the_same_as_a_deadline() {
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    pair.now = start.after(50_000);
    let frame = pair.data(b"late");
    assert_eq!(pair.give(&frame), Heard::Discarded(Discard::NotNow), "it was silent before this came");
    assert_eq!(pair.bob.events[1..], [SessionEvent::Disconnected]);
    pair.now = start.after(SILENCE + RECONNECT_LIMIT);
    let beat = pair.beat();
    assert_eq!(pair.give_beat(&beat), Heard::Discarded(Discard::NotNow));
    assert_eq!(pair.bob.closure, Some(Closure::Lost { truncated: true }));
}

#[test]
fn time_in_disconnected_does_not_count_toward_no_progress() {
    for (before, away) in [(0, 10_000), (0, 1_000_000), (20_000, 300_000)] {
        let mut pair = Pair::new().confirmed();
        let start = pair.now;
        pair.at(start.after(before));
        let now = pair.now;
        pair.session().send(now, ContentKind::Anml, b"x").expect("room");
        pair.sent();
        let back = start.after(SILENCE + away);
        pair.at(back);
        pair.opened();
        let beat = pair.beat();
        assert_eq!(pair.give_beat(&beat), Heard::Event(SessionEvent::Reconciling));
        // 45 s − `before` of it were spent before the silence ended.
        let end = back.after(NO_PROGRESS - (SILENCE - before));
        while pair.bob.closure.is_none() {
            let now = pair.now.after(500);
            pair.at(now);
            if pair.bob.closure.is_none() {
                pair.opened();
                let beat = pair.beat();
                pair.give_beat(&beat);
            }
            assert!(now < end.after(1_000));
        }
        assert_eq!(pair.now, end, "{before} before, {away} away");
        let reason = TeardownReason::NoProgress.code();
        assert_eq!(pair.bob.closure, Some(Closure::Forced { by_peer: false, reason, truncated: true }));
    }
}

#[test]
fn ends_come_in_the_order_in_which_they_fell_due_however_late_the_host_looks() {
    let lifetime = |seconds| Plan {
        closers: Vec::new(),
        settings: iacp_core::pss::Settings {
            capabilities: Capabilities::NONE,
            terms: Terms { dgk_rotation: 0, lifetime: seconds, receive_window: 16 },
        },
        ..Plan::default()
    };
    // The lifetime ends before or after the silence does; in any case before the hour.
    for (seconds, lost_first) in [(40, false), (44, false), (46, true), (3_000, true)] {
        let mut world = World::new(&lifetime(seconds));
        assert!(world.connect());
        let until = world.now.after(100);
        world.run_until(until);
        let alone = world.now;
        world.bob.events.clear();
        world.bob.handle_deadline(alone.after(3_500_000));
        let reason = TeardownReason::LifetimeExpired.code();
        let end = SessionEvent::Closed(Closure::Forced { by_peer: false, reason, truncated: true });
        let expected = if lost_first { vec![SessionEvent::Disconnected, end] } else { vec![end] };
        assert_eq!(world.bob.events, expected, "a lifetime of {seconds} s");
    }
    // A request that was not answered for 30 s ends before a silence of 45 s.
    let mut world = World::new(&Plan { closers: vec![Side::Alice], ..Plan::default() });
    let asked = |world: &World| world.trace.iter().any(|(_, packet)| packet.bytes[1] >> 4 == 0xC);
    assert!(world.run_while(|world| !asked(world)));
    world.alice.handle_deadline(world.now.after(500_000));
    assert!(matches!(world.alice.closure, Some(Closure::Unanswered { .. })));
    assert_eq!(count(&world.alice, SessionEvent::Disconnected), 0);
}

#[test]
fn after_silence_both_sides_say_so_probe_and_come_back_by_themselves() {
    // Fault 2: both were mute for ever, and no event said so.
    for (seed, cut) in [(1, 46_000), (2, 60_000), (3, 300_000), (4, 1_800_000), (5, 3_500_000)] {
        let mut world = quiet(seed);
        world.network.weather.loss = 1_000;
        world.network.cut();
        let until = world.now.after(cut);
        world.run_until(until);
        for host in [&world.alice, &world.bob] {
            assert_eq!(state(host), Some(continuity::State::Disconnected));
            assert_eq!(count(host, SessionEvent::Disconnected), 1);
        }
        world.network.weather = Weather::FAIR;
        let until = world.now.after(60_500);
        world.run_until(until);
        for host in [&world.alice, &world.bob] {
            assert_eq!(state(host), Some(continuity::State::Established), "after {cut} ms");
            assert_eq!((count(host, SessionEvent::Reconciling), count(host, SessionEvent::Reconciled)), (1, 1));
        }
    }
}

#[test]
fn a_peer_that_vanished_is_noticed_by_the_events_of_both_sides() {
    for sends in [false, true] {
        let mut world = quiet(7);
        if sends {
            world.alice.to_send = vec![vec![1; 100]; 20];
            world.bob.to_send = vec![vec![2; 100]; 20];
        }
        world.network.weather.loss = 1_000;
        world.network.cut();
        assert!(world.run_until(Mono(20_000_000)), "it comes to rest");
        for host in [&world.alice, &world.bob] {
            assert_eq!(count(host, SessionEvent::Disconnected), 1);
            let end = [SessionEvent::Closed(Closure::Lost { truncated: true }), SessionEvent::Released];
            assert!(host.events.ends_with(&end), "{:?}", host.events);
        }
    }
}

/// Heartbeats of Alice's that were kept from Bob, one each 15 s, in order.
fn kept(world: &mut World) -> Vec<Packet> {
    let before = world.trace.len();
    // Bob is heard, Alice is not: so her heartbeats echo his newest ones.
    let until = world.now.after(44_000);
    while world.now < until {
        while let Some(packet) = world.network.arrive(world.now) {
            if packet.from == Side::Bob {
                world.deliver(packet);
            }
        }
        world.settle();
        let next = [world.network.next(), world.alice.next_deadline(), world.bob.next_deadline()];
        world.now = next.into_iter().flatten().min().unwrap_or(until).max(world.now).min(until);
        let now = world.now;
        world.alice.handle_deadline(now);
        world.bob.handle_deadline(now);
    }
    let of_alice = |(_, packet): &(Mono, Packet)| (packet.from == Side::Alice).then(|| packet.clone());
    world.trace[before..].iter().filter_map(of_alice).collect()
}

#[test]
fn heartbeats_that_were_held_back_keep_a_dead_session_for_105_s_at_most() {
    // Fault 6: forty of them, one each 44 s, showed ESTABLISHED for half an hour.
    for pause in [5_000, 20_000, 40_000, 44_000] {
        let mut world = quiet(11);
        let kept = kept(&mut world);
        assert!(kept.len() >= 3, "{} heartbeats", kept.len());
        world.network.cut();
        let death = world.now;
        let mut bob = world.bob;
        let mut now = death;
        let mut given = kept.iter().cycle();
        while count(&bob, SessionEvent::Disconnected) == 0 {
            now = now.after(pause);
            bob.handle_deadline(now);
            bob.transmit(now);
            let packet = given.next().expect("a cycle");
            bob.handle(now, packet.source, packet.bytes.clone());
            assert!(now.since(death) <= FRESH + SILENCE + pause, "still alive after {} ms", now.since(death));
        }
        // Nothing revives it, and an hour later it is gone.
        for packet in kept.iter().cycle().take(100) {
            now = now.after(44_000);
            bob.handle_deadline(now);
            bob.transmit(now);
            bob.handle(now, packet.source, packet.bytes.clone());
        }
        assert_eq!(count(&bob, SessionEvent::Reconciling), 0);
        assert!(matches!(bob.closure, Some(Closure::Lost { .. })));
    }
}

#[test]
fn a_heartbeat_from_before_the_silence_revives_nothing_and_is_answered_with_a_question() {
    // Each is newer than the one before, and each echoes a heartbeat from before DISCONNECTED.
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    let beat = pair.beat();
    let held: Vec<_> = (0..6).map(|_| pair.seal(&beat)).collect();
    pair.at(start.after(SILENCE));
    assert_eq!(pair.session().continuity(), Some(continuity::State::Disconnected));
    for (n, frame) in (0..).zip(&held) {
        pair.at(start.after(SILENCE + 500 + n * 600_000));
        pair.sent();
        assert_eq!(pair.give(frame), Heard::Nothing, "it is taken like any");
        let sent = pair.sent();
        let (sequence, plain) = pair.forger.open(&sent[0]).expect("authentic");
        assert!(sequence >= TOP && plain[33] >= 0x80, "the answer asks");
        assert_eq!(pair.session().continuity(), Some(continuity::State::Disconnected));
    }
    // One that answers does.
    let beat = pair.beat();
    assert_eq!(pair.give_beat(&beat), Heard::Event(SessionEvent::Reconciling));
    assert_eq!(pair.bob.events.last(), Some(&SessionEvent::Reconciled));
}

#[test]
fn data_handshake_frames_and_teardowns_prove_no_life() {
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    for ms in (1_000..SILENCE).step_by(1_000) {
        pair.at(start.after(ms));
        let frame = pair.data(b"I send and do not listen");
        assert!(matches!(pair.give(&frame), Heard::Data { .. }));
        let request = pair.forger.teardown(1, 0);
        pair.give(&request);
        pair.sent();
    }
    pair.at(start.after(SILENCE));
    assert_eq!(pair.session().continuity(), Some(continuity::State::Disconnected));
}

#[test]
fn a_transport_that_was_lost_is_not_probed_until_the_host_names_a_place() {
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    let elsewhere = ([203, 0, 113, 9], 999).into();
    pair.session().transport_lost(start);
    pair.bob.hear(start);
    assert_eq!(pair.bob.events.last(), Some(&SessionEvent::Disconnected));
    assert_eq!(pair.session().next_deadline(), Some((start.after(RECONNECT_LIMIT), Reason::Lost)));
    pair.at(start.after(100_000));
    assert!(pair.sent().is_empty());
    let now = pair.now;
    pair.session().reconnect(now, elsewhere).expect("it is away");
    let mut probes = Vec::new();
    for ms in (0..20_000).step_by(100) {
        pair.at(now.after(ms));
        for (to, _) in pair.sent_to() {
            assert_eq!(to, elsewhere);
            probes.push(ms);
        }
    }
    assert_eq!(probes, [0, 1_000, 3_000, 7_000, 15_000]);
    // Anew, and at once, with the next place.
    let now = pair.now;
    pair.session().reconnect(now, sessions::addr(Side::Alice)).expect("it is away");
    assert_eq!(pair.sent_to()[0].0, sessions::addr(Side::Alice));
}

#[test]
fn one_side_that_comes_back_from_the_same_address_is_answered_at_once() {
    // Fault 12: it took 14 s, with seven probes unanswered.
    for side in [Side::Alice, Side::Bob] {
        for away in [0, 10, 5_000, 40_000] {
            let mut world = quiet(5);
            let now = world.now;
            world.host(side).session.as_mut().expect("a session").transport_lost(now);
            world.run_until(now.after(away));
            let now = world.now;
            let to = sessions::addr(side.other());
            // The peer's own heartbeat may have brought it back before.
            let _ = world.host(side).session.as_mut().expect("a session").reconnect(now, to);
            world.host(side).hear(now);
            assert!(world.run_while(|world| [&world.alice, &world.bob].iter().any(|host| !host.mirror.is_ready())));
            assert!(world.now.since(now) <= 100, "it took {} ms", world.now.since(now));
        }
    }
}

#[test]
fn silence_counts_from_the_keys_on() {
    let mut pair = Pair::new();
    let start = pair.now;
    pair.at(start.after(SILENCE - 1));
    assert_eq!(pair.bob.events, []);
    pair.at(start.after(SILENCE));
    assert_eq!(pair.bob.events, [SessionEvent::Disconnected]);
    // It never showed that it holds the keys: 45 s, and not an hour.
    pair.at(start.after(2 * SILENCE));
    assert_eq!(pair.bob.closure, Some(Closure::Lost { truncated: true }));
}

#[test]
fn an_echo_proves_life_until_what_it_echoes_is_a_minute_old() {
    // The forger answers one heartbeat again and again: silence begins when that is too old, and not when it stops.
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    let beat = pair.beat();
    let mut disconnected = None;
    for ms in (0..200_000).step_by(100) {
        pair.at(start.after(ms));
        pair.sent();
        if ms.is_multiple_of(1_000) {
            pair.give_beat(&beat);
        }
        if disconnected.is_none() && pair.bob.events.contains(&SessionEvent::Disconnected) {
            disconnected = Some(ms);
        }
    }
    let last_fresh = disconnected.expect("it is not believed for ever") - SILENCE;
    assert!((45_000..=FRESH).contains(&last_fresh), "the last one that was believed came at {last_fresh} ms");
    assert!(!pair.bob.events.contains(&SessionEvent::Reconciling));
}

#[test]
fn reconciling_repeats_what_was_missed_and_ends_when_all_is_shown() {
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    for n in 0..3_u8 {
        pair.session().send(start, ContentKind::Anml, &[n]).expect("room");
    }
    let frames = pair.sent();
    pair.at(start.after(SILENCE));
    pair.at(start.after(SILENCE + 1_000));
    pair.opened();
    // The forger has sent two frames meanwhile, and shows the library's first and third.
    let missed = [pair.data(b"a"), pair.data(b"b")];
    let mut beat = pair.beat();
    beat.expected |= TOP;
    beat.bitmap = vec![0b0100_0000];
    assert_eq!(pair.give_beat(&beat), Heard::Event(SessionEvent::Reconciling));
    let now = pair.now;
    assert!(pair.session().send(now, ContentKind::Anml, b"new").is_err());
    let sent = pair.sent();
    assert!(sent.contains(&frames[1]), "the second is repeated at once");
    for frame in &missed {
        assert!(matches!(pair.give(frame), Heard::Data { .. }));
        assert_eq!(pair.session().continuity(), Some(continuity::State::Reconciling), "ours is still missing");
    }
    beat.bitmap = vec![0b1100_0000];
    beat.echo = pair.forger.echo.get();
    assert_eq!(pair.give_beat(&beat), Heard::Event(SessionEvent::Reconciled));
    let mut chain = beat.receive_chain;
    for frame in &frames {
        chain = next_chain(&chain, &frame[frame.len() - 16..]);
    }
    beat.expected = pair.origin().0 + 3;
    beat.receive_chain = chain;
    beat.bitmap.clear();
    assert_eq!(pair.give_beat(&beat), Heard::Event(SessionEvent::Delivered));
}
