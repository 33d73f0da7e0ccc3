//! A second look: machines of unlike sizes, peers that lie, clocks that stand at their ends, and the same questions asked
//! again with other inputs.

use std::net::SocketAddr;

use iacp_core::pss::{Closure, ContentKind, SessionEvent, TRANSMIT_BUFFER, TeardownReason, Violation, continuity};
use sessions::forger::next_chain;
use sessions::{Beat, Heard, Pair, Plan, Side, TOP, World, addr};

#[test]
fn a_heartbeat_with_the_last_of_all_numbers_is_one_like_any_other() {
    let mut pair = Pair::new().confirmed();
    pair.heartbeats = (1 << 63) - 1;
    let beat = pair.beat();
    let ask = Beat { next_send: beat.next_send | TOP, ..beat };
    assert_eq!(pair.give_beat(&ask), Heard::Nothing);
    let sent = pair.sent();
    let (_, plain) = pair.forger.open(&sent[0]).expect("authentic");
    assert_eq!(plain[32 + 1 + 48..32 + 1 + 56], u64::MAX.to_be_bytes(), "its echo");
}

#[test]
fn a_wish_to_close_waits_for_the_peer_also_where_everything_is_said_already() {
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    let fin = pair.session().finish(now).expect("room");
    let sent = pair.sent();
    let chain = next_chain(&pair.origin().1, &sent[0][sent[0].len() - 16..]);
    let beat = pair.heartbeat(fin + 1, chain);
    pair.give(&beat);
    pair.session().transport_lost(now);
    pair.session().close(now, TeardownReason::TaskComplete).expect("open");
    pair.bob.hear(now);
    // For ten minutes the peer is away, and the host checks all the time.
    for second in 0..=600 {
        pair.at(now.after(second * 1_000));
    }
    assert_eq!(pair.session().continuity(), Some(continuity::State::Disconnected));
    let now = pair.now;
    pair.session().reconnect(now, addr(Side::Alice)).expect("away");
    pair.opened();
    let beat = pair.heartbeat(fin + 1, chain);
    pair.give(&beat);
    assert_eq!(pair.session().continuity(), Some(continuity::State::Established));
    pair.at(now.after(10));
    assert!(pair.sent().iter().any(|frame| frame[1] >> 4 == 0xC), "now it asks");
}

#[test]
fn news_in_the_heartbeat_that_revives_are_progress() {
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    pair.session().send(start, ContentKind::Anml, b"one").expect("room");
    pair.session().send(start, ContentKind::Anml, b"two").expect("room");
    let sent = pair.sent();
    let chain = next_chain(&pair.origin().1, &sent[0][sent[0].len() - 16..]);
    // It lives, and nothing arrives, for 119 s.
    for second in 1..119 {
        pair.at(start.after(second * 1_000));
        pair.opened();
        if second % 10 == 0 {
            let beat = pair.beat();
            pair.give_beat(&beat);
        }
    }
    pair.at(start.after(119_000));
    let now = pair.now;
    pair.session().transport_lost(now);
    pair.session().reconnect(now, addr(Side::Alice)).expect("away");
    pair.opened();
    let first = pair.origin().0;
    let beat = pair.heartbeat(first + 1, chain);
    pair.give(&beat);
    pair.at(now.after(2_000));
    assert_eq!(pair.bob.closure, None, "the first frame has arrived 2 s ago");
}

#[test]
fn time_behind_a_closed_gate_is_none_without_progress_also_where_the_peer_was_away_in_it() {
    let mut pair = Pair::new().confirmed();
    let start = pair.now;
    pair.session().send(start, ContentKind::Anml, b"one").expect("room");
    pair.sent();
    pair.session().close_gate(start);
    for second in 1..130 {
        pair.at(start.after(second * 1_000));
        pair.opened();
        if second % 10 == 0 {
            let beat = pair.beat();
            pair.give_beat(&beat);
        }
    }
    pair.at(start.after(130_000));
    let now = pair.now;
    pair.session().transport_lost(now);
    {
        let (identity, rng) = (&pair.bob.identity, &mut pair.bob.rng);
        pair.bob.session.as_mut().expect("a session").open_gate(now, identity, rng).expect("its own");
    }
    pair.session().reconnect(now, addr(Side::Alice)).expect("away");
    pair.opened();
    let beat = pair.beat();
    pair.give_beat(&beat);
    pair.at(now.after(2_000));
    assert_eq!(pair.bob.closure, None);
}

#[test]
fn a_datagram_that_did_not_leave_does_not_break_the_silence_after_the_transports_end() {
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    pair.session().send(now, ContentKind::Anml, b"x").expect("room");
    let data = pair.data(b"");
    pair.give(&data);
    let mut out = [0; TRANSMIT_BUFFER];
    let last = pair.session().poll_transmit(now, &mut out).expect("room").expect("a heartbeat").bytes[20];
    assert!(last >= 0x80);
    pair.session().transport_lost(now);
    pair.session().not_sent(now);
    assert_eq!(pair.sent(), Vec::<Vec<u8>>::new());
}

/// A peer that is authentic and lies about where it is: it never reads what goes there.
#[test]
fn a_peer_cannot_guess_its_way_to_a_place_where_it_is_not() {
    let victim: SocketAddr = ([203, 0, 113, 66], 999).into();
    for guess in (0..8).chain([1_022, 1_023, 1_024, 1_300, 2_046, 2_047, 4_000]) {
        let mut pair = Pair::with(0, 64).confirmed();
        let now = pair.now;
        while pair.session().send(now, ContentKind::Anml, &[9; 400]).is_ok() {}
        pair.opened();
        // Its own frame, with a forged source: the question goes to the victim.
        let frame = pair.data(b"");
        pair.give_from(victim, &frame);
        let (there, home): (Vec<_>, Vec<_>) = pair.sent_to().into_iter().partition(|(to, _)| *to == victim);
        assert_eq!(there.len(), 1);
        assert!(home.iter().all(|(_, frame)| pair.forger.open(frame).is_some()));
        let beat = pair.beat();
        let heard = pair.give_beat(&Beat { echo: beat.echo + guess, ..beat });
        assert_eq!(pair.session().locator(), addr(Side::Alice), "guess {guess}: {heard:?}");
        let last_home = 1 << 63 | 1;
        if beat.echo + guess > last_home + 1_022 {
            assert_eq!(
                heard,
                Heard::Event(SessionEvent::Closed(Closure::Compromised(Violation::Echo))),
                "guess {guess}"
            );
        }
    }
}

/// Its log is full, so all that it sends was sent before: only a heartbeat shows the peer where it is.
#[test]
fn a_sender_that_moved_unnoticed_with_a_full_log_is_found_within_two_seconds() {
    for (seed, window, known) in [(1, 4, false), (2, 16, false), (3, 1, false), (4, 4, true)] {
        let mut plan = Plan { seed, closers: Vec::new(), ..Plan::default() };
        plan.settings.terms.receive_window = window;
        let mut world = World::new(&plan);
        assert!(world.connect());
        let until = world.now.after(1_000);
        world.run_until(until);
        world.alice.to_send = vec![vec![1; 400]; 100];
        world.settle();
        // What was sent arrives; what is said of it does not.
        let elsewhere = ([203, 0, 113, 5], 77).into();
        world.alice.at = elsewhere;
        let now = world.now;
        if known {
            world.alice.session.as_mut().expect("a session").show(now);
        }
        world.run_until(now.after(if known { 100 } else { 2_000 }));
        assert!(
            world.bob.events.contains(&SessionEvent::Moved { to: elsewhere }),
            "window {window}: {:?}",
            world.bob.events
        );
        world.run_until(now.after(20_000));
        assert_eq!(world.bob.received.len(), 100);
    }
}
