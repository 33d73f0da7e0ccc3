//! The end of a session (`IACP §6.5.1`): every crossing and every loss.

use iacp_core::pss::{
    Closure, ContentKind, Discard, KEEP_FAREWELL, Reason, SendError, SessionEvent, TEARDOWN_LIMIT, TeardownReason,
    lifecycle,
};
use sessions::forger::next_chain;
use sessions::{Heard, Mono, Pair, Plan, Side, Weather, World};

const GRACEFUL: Option<Closure> = Some(Closure::Graceful);

fn plan(closers: &[Side]) -> Plan {
    Plan {
        from_alice: (0..20_u8).map(|n| vec![n; 100]).collect(),
        from_bob: (0..20_u8).map(|n| vec![n | 0x80; 100]).collect(),
        closers: closers.to_vec(),
        ..Plan::default()
    }
}

fn assert_complete(world: &World, plan: &Plan) {
    assert_eq!((world.alice.closure, world.bob.closure), (GRACEFUL, GRACEFUL));
    assert_eq!(world.bob.stream(), plan.from_alice.concat());
    assert_eq!(world.alice.stream(), plan.from_bob.concat());
}

/// How many teardowns of a type a side sent.
fn teardowns(world: &World, from: Side, teardown_type: u8) -> usize {
    let is = |bytes: &[u8]| bytes[0] == 0x10 && bytes[1] >> 4 == 0xC && bytes[21] == teardown_type;
    world.trace.iter().filter(|(_, packet)| packet.from == from && is(&packet.bytes)).count()
}

#[test]
fn one_side_asks_and_the_other_flushes_finishes_and_answers() {
    // shows: IACP-151 (§6.5.1)
    for side in [Side::Alice, Side::Bob] {
        let plan = plan(&[side]);
        let mut world = World::new(&plan);
        assert!(world.run_until(Mono(600_000)), "it comes to rest");
        assert_complete(&world, &plan);
        assert_eq!((teardowns(&world, side, 1), teardowns(&world, side.other(), 2)), (1, 1));
        assert_eq!((teardowns(&world, side, 2), teardowns(&world, side.other(), 1)), (0, 0));
        let closed = |host: &sessions::Host| host.session.as_ref().expect("kept").lifecycle();
        assert_eq!((closed(&world.alice), closed(&world.bob)), (lifecycle::State::Closed, lifecycle::State::Closed));
    }
}

#[test]
fn requests_that_cross_are_answered_by_both() {
    let mut crossings = 0;
    for seed in 0..60 {
        let plan = Plan {
            seed,
            weather: Weather { jitter: 60, ..Weather::FAIR },
            from_alice: vec![vec![1; 10]; 3],
            from_bob: vec![vec![2; 10]; 3],
            closers: vec![Side::Alice, Side::Bob],
            ..Plan::default()
        };
        let mut world = World::new(&plan);
        assert!(world.run_until(Mono(600_000)));
        assert_complete(&world, &plan);
        let sent = |teardown_type| [Side::Alice, Side::Bob].map(|side| teardowns(&world, side, teardown_type) > 0);
        if sent(1) == [true, true] {
            assert_eq!(sent(2), [true, true], "seed {seed}");
            crossings += 1;
        }
    }
    assert!(crossings > 5, "{crossings} crossings were seen");
}

#[test]
fn every_loss_on_the_way_to_the_end_is_repaired() {
    // Lose the n-th packet, and the n-th and m-th, from the moment the data is through.
    for closers in [&[Side::Alice][..], &[Side::Bob], &[Side::Alice, Side::Bob]] {
        let plan = Plan {
            from_alice: vec![vec![1; 10]],
            from_bob: vec![vec![2; 10]],
            closers: closers.to_vec(),
            ..Plan::default()
        };
        for first in 0..14 {
            for second in first..14 {
                let mut world = World::new(&plan);
                world.lose = vec![4 + first, 4 + second];
                assert!(world.run_until(Mono(600_000)), "it comes to rest");
                assert_complete(&world, &plan);
            }
        }
    }
}

#[test]
fn a_request_is_repeated_as_data_is_and_given_up_after_30_s() {
    let mut world = World::new(&plan(&[Side::Alice]));
    assert!(world.run_while(|world| teardowns(world, Side::Alice, 1) == 0));
    world.network.weather = Weather { loss: 1_000, ..Weather::FAIR };
    world.network.cut();
    let asked = world.now;
    assert!(world.run_while(|world| world.alice.closure.is_none()));
    assert_eq!(world.now, asked.after(TEARDOWN_LIMIT));
    assert!(matches!(world.alice.closure, Some(Closure::Unanswered { .. })));
    let times: Vec<_> = world
        .trace
        .iter()
        .filter(|(_, packet)| packet.from == Side::Alice && packet.bytes[1] >> 4 == 0xC)
        .map(|(at, _)| at.since(asked))
        .collect();
    // The last one is FORCED with the reason of the REQUEST: the peer hears more than silence.
    assert_eq!(times, [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 23_750, 30_000]);
    let last = world.trace.iter().rev().find(|(_, packet)| packet.from == Side::Alice).expect("it was sent");
    assert_eq!(last.1.bytes[20..24], [0, 3, 0, 1]);
    assert!(world.run_until(Mono(10_000_000)), "the other side comes to rest too");
    assert!(matches!(world.bob.closure, Some(Closure::Lost { .. })));
}

/// The forger has finished, acknowledges the library's FIN, and asks for teardown.
fn asked() -> (Pair, Vec<u8>) {
    let mut pair = Pair::new().confirmed();
    let fin = pair.frame(0, b"", 2);
    assert!(matches!(pair.give(&fin), Heard::Event(SessionEvent::Finished { .. })));
    pair.sent();
    let request = pair.forger.teardown(1, 1);
    assert_eq!(pair.give(&request), Heard::Event(SessionEvent::CloseRequested { reason: 1 }));
    assert_eq!(pair.give(&request), Heard::Nothing, "the application is asked once");
    let now = pair.now;
    pair.session().close(now, TeardownReason::TaskComplete).expect("it is open");
    let sent = pair.sent();
    let own_fin = sent.iter().find(|frame| frame[1] & 2 == 2).expect("the library finishes its own direction first");
    assert!(sent.iter().all(|frame| frame[1] >> 4 == 0xB), "and does not answer yet");
    let keys = pair.forger.keys.as_ref().expect("keys");
    let chain = next_chain(&keys.receive_chain, &own_fin[own_fin.len() - 16..]);
    let expected = keys.peer_sequence + 1;
    let beat = pair.heartbeat(expected, chain);
    assert_eq!(pair.give(&beat), Heard::Event(SessionEvent::Delivered));
    assert_eq!(pair.bob.events.last(), Some(&SessionEvent::Closed(Closure::Graceful)));
    (pair, request)
}

#[test]
fn the_answer_is_kept_60_s_for_repeats() {
    let (mut pair, request) = asked();
    let answer = pair.sent();
    assert_eq!(answer.len(), 1);
    assert_eq!(answer[0][20..22], [0, 2]);
    let start = pair.now;
    for ms in [250, 750, 30_000, KEEP_FAREWELL - 1] {
        pair.now = start.after(ms);
        pair.bob.handle_deadline(start.after(ms));
        assert_eq!(pair.give(&request), Heard::Discarded(Discard::Repeat));
        assert_eq!(pair.sent(), answer, "the same bytes");
        assert_eq!(pair.give(&request), Heard::Discarded(Discard::Repeat));
        assert!(pair.sent().is_empty(), "and not for every copy that an attacker makes");
    }
    assert_eq!(pair.session().next_deadline(), Some((start.after(KEEP_FAREWELL), Reason::Forget)));
    pair.now = start.after(KEEP_FAREWELL);
    pair.bob.handle_deadline(start.after(KEEP_FAREWELL));
    assert!(pair.session().is_over());
    assert_eq!(pair.give(&request), Heard::Discarded(Discard::NotNow));
    assert!(pair.sent().is_empty());
}

#[test]
fn a_receiver_that_misses_something_answers_a_request_with_a_heartbeat() {
    let mut pair = Pair::new().confirmed();
    let (lost, fin) = (pair.data(b"lost"), pair.frame(0, b"", 2));
    assert_eq!(pair.give(&fin), Heard::Nothing, "it has not finished before everything is here");
    pair.sent();
    pair.now = pair.now.after(1_000);
    let request = pair.forger.teardown(1, 0);
    assert_eq!(pair.give(&request), Heard::Nothing);
    assert_eq!(pair.heartbeats_sent(), 1);
    let now = pair.now;
    assert!(pair.session().send(now, ContentKind::Anml, b"it goes on").is_ok());
    assert!(matches!(pair.give(&lost), Heard::Data { .. }));
    assert!(matches!(pair.bob.events.last(), Some(SessionEvent::Finished { .. })));
    assert_eq!(pair.give(&request), Heard::Event(SessionEvent::CloseRequested { reason: 0 }));
    assert!(pair.session().send(now, ContentKind::Anml, b"the rest of what is to be said").is_ok());
    pair.session().close(now, TeardownReason::None).expect("it is open");
    assert_eq!(pair.session().send(now, ContentKind::Anml, b"too late"), Err(SendError::Finished));
}

#[test]
fn a_forced_teardown_without_a_complete_fin_is_reported_as_truncation() {
    let mut pair = Pair::new().confirmed();
    let data = pair.data(b"half");
    pair.give(&data);
    let forced = pair.forger.teardown(3, 5);
    assert_eq!(
        pair.give(&forced),
        Heard::Event(SessionEvent::Closed(Closure::Forced { by_peer: true, reason: 5, truncated: true }))
    );
    let mut pair = Pair::new().confirmed();
    let fin = pair.frame(0, b"", 2);
    pair.give(&fin);
    let forced = pair.forger.teardown(3, 65_535);
    assert_eq!(
        pair.give(&forced),
        Heard::Event(SessionEvent::Closed(Closure::Forced { by_peer: true, reason: 65_535, truncated: false })),
        "an unknown reason is carried as its number"
    );
    assert!(pair.session().is_over());
}

#[test]
fn a_forged_teardown_ends_nothing() {
    let mut pair = Pair::new().confirmed();
    for teardown_type in [1, 2, 3] {
        let good = pair.forger.teardown(teardown_type, 0);
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let event = pair.give(&flipped);
            assert!(matches!(event, Heard::Discarded(_)), "type {teardown_type}, bit {bit}: {event:?}");
        }
    }
    for teardown_type in [0, 4, 65_535] {
        let unknown = pair.forger.teardown(teardown_type, 0);
        assert_eq!(pair.give(&unknown), Heard::Discarded(Discard::Malformed));
    }
    let unasked = pair.forger.teardown(2, 0);
    assert_eq!(pair.give(&unasked), Heard::Discarded(Discard::NotNow), "an answer to nothing");
    assert_eq!(pair.session().closure(), None);
}

#[test]
fn an_answer_without_the_answerers_own_fin_is_truncation_and_not_success() {
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    pair.session().close(now, TeardownReason::TaskComplete).expect("it is open");
    let sent = pair.sent();
    let keys = pair.forger.keys.as_ref().expect("keys");
    let chain = next_chain(&keys.receive_chain, &sent[0][sent[0].len() - 16..]);
    let expected = keys.peer_sequence + 1;
    let beat = pair.heartbeat(expected, chain);
    assert_eq!(pair.give(&beat), Heard::Event(SessionEvent::Delivered));
    let sent = pair.sent();
    assert_eq!(sent[0][20..24], [0, 1, 0, 1], "a request, once the FIN is acknowledged");
    let liar = pair.forger.teardown(2, 0);
    assert_eq!(
        pair.give(&liar),
        Heard::Event(SessionEvent::Closed(Closure::Forced { by_peer: true, reason: 0, truncated: true }))
    );
}

#[test]
fn a_session_lives_as_long_as_was_agreed() {
    let mut plan = Plan { closers: Vec::new(), ..Plan::default() };
    plan.settings.terms.lifetime = 20;
    let mut world = World::new(&plan);
    assert!(world.connect());
    assert!(world.run_while(|world| world.alice.closure.is_none() || world.bob.closure.is_none()));
    let reason = TeardownReason::LifetimeExpired.code();
    for closure in [world.alice.closure, world.bob.closure] {
        assert!(matches!(closure, Some(Closure::Forced { reason: found, .. }) if found == reason), "{closure:?}");
    }
    assert!(world.now >= Mono(21_000) && world.now < Mono(21_500), "{:?}", world.now);
}
