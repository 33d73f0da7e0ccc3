//! Every end gives an event, is kept for a peer that has not received it, and leaves readable what was not
//! acknowledged.

use iacp_core::identity::Identity;
use iacp_core::pss::{
    Capabilities, Closure, ContentKind, Discard, KEEP_FAREWELL, Reason, Received, RejectionReasons, SendError,
    SessionEvent, Settings, StartError, TRANSMIT_BUFFER, TeardownReason, Terms, TermsError, WrongIdentity,
};
use iacp_wire::Eid;
use sessions::forger::{conditions, next_chain};
use sessions::{Forger, Heard, Host, Mono, Pair, Plan, Portable, S, Secret32, Side, TOP, Weather, World, addr};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };

fn abort(pair: &mut Pair, reason: TeardownReason) {
    let (now, identity) = (pair.now, &pair.bob.identity);
    let session = pair.bob.session.as_mut().expect("a session");
    session.abort(now, identity, reason).expect("its own identity");
    pair.bob.hear(now);
}

#[test]
fn what_was_not_acknowledged_can_be_read_after_every_end() {
    // Fault 7: two frames out became none.
    type End = fn(&mut Pair);
    let ends: [(&str, End); 6] = [
        ("abort", |pair| abort(pair, TeardownReason::ShuttingDown)),
        ("FORCED by the peer", |pair| {
            let forced = pair.forger.teardown(3, 5);
            pair.give(&forced);
        }),
        ("compromise", |pair| {
            let mut beat = pair.beat();
            beat.receive_chain = [1; 32];
            pair.give_beat(&beat);
        }),
        ("no progress", |pair| {
            for _ in 0..200 {
                let now = pair.now.after(1_000);
                pair.at(now);
                if pair.bob.closure.is_none() {
                    pair.opened();
                    let beat = pair.beat();
                    pair.give_beat(&beat);
                }
            }
        }),
        ("lost", |pair| {
            let now = pair.now.after(4_000_000);
            pair.at(now);
        }),
        ("lost after reconnecting", |pair| {
            let now = pair.now;
            pair.session().transport_lost(now);
            pair.session().reconnect(now, addr(Side::Alice)).expect("it is away");
            pair.at(now.after(4_000_000));
        }),
    ];
    for (what, end) in ends {
        let mut pair = Pair::new().confirmed();
        let now = pair.now;
        let (first, chain) = pair.origin();
        for n in 0..5_u8 {
            pair.session().send(now, ContentKind::Anml, &[n]).expect("room");
        }
        let sent = pair.sent();
        let mut beat = pair.beat();
        beat.expected = first + 1;
        beat.receive_chain = next_chain(&chain, &sent[0][sent[0].len() - 16..]);
        pair.give_beat(&beat);
        assert_eq!(pair.session().unacknowledged(), (first + 1, first + 5));
        end(&mut pair);
        assert!(pair.bob.closure.is_some(), "{what}");
        assert_eq!(pair.session().unacknowledged(), (first + 1, first + 5), "{what}");
        let now = pair.now.after(KEEP_FAREWELL);
        pair.at(now);
        assert!(pair.session().is_over(), "{what}");
        assert_eq!(pair.session().unacknowledged(), (first + 1, first + 5), "{what}, when everything is forgotten");
        assert_eq!(pair.session().continuity(), None, "{what}: no state is told where there is none");
        assert_eq!(pair.session().send(now, ContentKind::Anml, b"x"), Err(SendError::NotNow));
    }
}

#[test]
fn forced_is_told_again_to_a_peer_that_still_sends_at_home_and_once_a_second() {
    // Fault 8: it was sent once, and lost.
    let mut pair = Pair::new().confirmed();
    let data = pair.data(b"the peer goes on");
    let beat = pair.beat();
    let beat = pair.seal(&beat);
    let request = pair.forger.teardown(1, 0);
    let garbage = {
        let mut garbage = data.clone();
        garbage[40..].fill(0xA5);
        garbage
    };
    abort(&mut pair, TeardownReason::Capacity);
    let forced = pair.sent();
    assert_eq!(forced.len(), 1);
    assert_eq!(forced[0][20..24], [0, 3, 0, 5]);
    let start = pair.now;
    let strange = ([203, 0, 113, 7], 7).into();
    let mut times = Vec::new();
    for ms in 0..KEEP_FAREWELL {
        pair.at(start.after(ms));
        for frame in [&data, &beat, &request, &garbage] {
            let heard = pair.give_from(strange, frame);
            assert!(matches!(heard, Heard::Discarded(Discard::NotNow)), "{heard:?}");
        }
        for (to, frame) in pair.sent_to() {
            assert_eq!((to, &frame), (addr(Side::Alice), &forced[0]), "the same bytes, home");
            times.push(ms);
        }
    }
    assert_eq!(times, (1_000..KEEP_FAREWELL).step_by(1_000).collect::<Vec<_>>());
    pair.at(start.after(KEEP_FAREWELL));
    pair.give(&data);
    assert!(pair.sent().is_empty(), "it is forgotten");
    assert_eq!(pair.bob.events.last(), Some(&SessionEvent::Released));

    // Frames of another session get nothing.
    let mut pair = Pair::new().confirmed();
    let mut foreign = pair.data(b"x");
    foreign[4] ^= 1;
    abort(&mut pair, TeardownReason::Capacity);
    pair.sent();
    let now = pair.now.after(5_000);
    pair.at(now);
    assert_eq!(pair.give(&foreign), Heard::Discarded(Discard::Cookie));
    assert!(pair.sent().is_empty());
}

#[test]
fn a_forced_end_that_was_lost_is_heard_in_the_end() {
    for lost in 1..6 {
        let mut world = World::new(&Plan { closers: Vec::new(), ..Plan::default() });
        assert!(world.connect());
        let until = world.now.after(500);
        world.run_until(until);
        let (now, sent) = (world.now, world.trace.len());
        let identity = &world.alice.identity;
        let session = world.alice.session.as_mut().expect("a session");
        session.abort(now, identity, TeardownReason::ShuttingDown).expect("its own");
        world.alice.hear(now);
        world.lose = (sent..sent + lost).collect();
        world.bob.to_send = vec![vec![1; 10]; 40];
        assert!(world.run_while(|world| world.bob.closure.is_none()));
        let reason = TeardownReason::ShuttingDown.code();
        assert_eq!(world.bob.closure, Some(Closure::Forced { by_peer: true, reason, truncated: true }));
        assert!(world.now.since(now) < 10_000, "{lost} losses, {} ms", world.now.since(now));
    }
}

#[test]
fn a_wish_to_close_is_remembered_until_it_can_be_carried_out() {
    // Before there are keys, before they are confirmed, during a negotiation, and while away.
    for offer in [Capabilities::NONE, Capabilities::SFC] {
        for steps in 0..8 {
            let plan = Plan { offer, closers: Vec::new(), ..Plan::default() };
            let mut world = World::new(&plan);
            world.alice.counters = vec![Terms { receive_window: 8, ..TERMS }];
            for _ in 0..steps {
                world.step();
            }
            let now = world.now;
            world.alice.session.as_mut().expect("a session").close(now, TeardownReason::TaskComplete).expect("begun");
            assert!(world.run_until(Mono(600_000)), "it comes to rest");
            assert_eq!(
                (world.alice.closure, world.bob.closure),
                (Some(Closure::Graceful), Some(Closure::Graceful)),
                "after {steps} steps"
            );
        }
    }
    let mut world = World::new(&Plan { from_alice: vec![vec![7; 60]; 30], closers: Vec::new(), ..Plan::default() });
    assert!(world.connect());
    let until = world.now.after(40);
    world.run_until(until);
    world.network.cut();
    let now = world.now;
    for side in [Side::Alice, Side::Bob] {
        world.host(side).session.as_mut().expect("a session").transport_lost(now);
        world.host(side).hear(now);
    }
    let session = world.alice.session.as_mut().expect("a session");
    session.close(now, TeardownReason::TaskComplete).expect("it is remembered");
    assert_eq!(session.send(now, ContentKind::Anml, b"x"), Err(SendError::Finished));
    session.reconnect(now, addr(Side::Bob)).expect("it is away");
    assert!(world.run_until(Mono(600_000)));
    assert_eq!((world.alice.closure, world.bob.closure), (Some(Closure::Graceful), Some(Closure::Graceful)));
}

#[test]
fn a_wish_to_close_needs_no_further_datagram_once_the_terms_are_accepted() {
    // The responder has ended the negotiation by its own acceptance: its FIN leaves at once.
    let now = Mono(1_000);
    let mut bob = Host::new(Side::Bob, 7);
    bob.listen(now, Settings { capabilities: Capabilities::SFC, terms: TERMS });
    let mut forger = Forger { capabilities: 1, ..Forger::new(9) };
    let eid = bob.identity.eid().0;
    let neg = bob.handle(now, addr(Side::Alice), forger.init(&eid)).expect("an answer");
    let ack = forger.ack(&eid, &neg, 0);
    bob.handle(now, addr(Side::Alice), ack);
    bob.transmit(now);
    bob.session.as_mut().expect("a session").close(now, TeardownReason::None).expect("begun");
    let proposal = forger.counter(&neg, 2, 0, &conditions(forger.initial_sequence, 1, 0, 9));
    // The host accepts what is proposed.
    bob.handle(now, addr(Side::Alice), proposal);
    let sent = bob.transmit(now);
    assert!(sent.iter().any(|frame| frame[1] == 0xB3), "a data frame with FIN");
}

#[test]
fn a_share_of_small_order_is_refused_when_it_comes() {
    // Fault 15: accept_terms returned Ok on a session that it had just closed.
    for small in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        for offer in [Capabilities::NONE, Capabilities::SFC] {
            let now = Mono(1_000);
            let mut alice = Host::new(Side::Alice, 3);
            let forger = Forger { r_cookie: [8; 8], ..Forger::new(4) };
            alice.initiate(now, Eid(forger.eid), addr(Side::Bob), offer);
            let init = alice.transmit(now).remove(0);
            let block = conditions(5, offer.bits() & 1, 0, 16);
            let mut neg = forger.neg_with_share(&init, 1, &block, &small);
            let session = alice.session.as_mut().expect("a session");
            let heard = session.handle(now, &alice.identity, addr(Side::Bob), &mut neg);
            assert_eq!(heard, Received::Taken);
            assert_eq!(session.poll_event(), Some(SessionEvent::Closed(Closure::Contradiction)));
            assert_eq!(session.accept_terms(now, &alice.identity), Err(TermsError::NothingProposed));
        }
    }
}

#[test]
fn the_responder_refuses_a_share_of_small_order_too() {
    let now = Mono(1_000);
    let mut bob = Host::new(Side::Bob, 7);
    bob.listen(now, Settings { capabilities: Capabilities::NONE, terms: TERMS });
    let mut forger = Forger::new(9);
    forger.share = Some([0; 32]);
    let eid = bob.identity.eid().0;
    if let Some(neg) = bob.handle(now, addr(Side::Alice), forger.init(&eid)) {
        let ack = forger.ack(&eid, &neg, 0);
        bob.handle(now, addr(Side::Alice), ack);
    }
    assert_eq!((bob.accepted, bob.refused.last()), (0, Some(&Discard::Terms)));
}

#[test]
fn another_identity_is_an_error_and_changes_nothing() {
    // Fault 18: eight frames that the peer discarded, and "unanswered" after 30 s.
    let other = Identity::<Portable>::from_seed(&Secret32::new([77; 32]));
    let mut pair = Pair::new().confirmed();
    let (now, next) = (pair.now, pair.data(b"x"));
    let session = pair.bob.session.as_mut().expect("a session");
    assert_eq!(session.abort(now, &other, TeardownReason::None), Err(WrongIdentity));
    assert_eq!(session.accept_terms(now, &other), Err(TermsError::Identity));
    assert_eq!(session.counter_terms(now, &other, TERMS, RejectionReasons::NONE), Err(TermsError::Identity));
    assert_eq!(session.handle_deadline(now.after(10_000_000), &other, &mut pair.bob.rng), Err(WrongIdentity));
    let mut copy = next.clone();
    let heard = session.handle(now, &other, addr(Side::Alice), &mut copy);
    assert_eq!(heard, Received::Discarded(Discard::Identity));
    assert_eq!(session.poll_event(), None);
    assert!(matches!(pair.give(&next), Heard::Data { .. }));
    // An attempt of one identity is not continued under another.
    let mut alice = Host::new(Side::Alice, 1);
    let bob = Host::new(Side::Bob, 9).identity.eid();
    alice.initiate(now, bob, addr(Side::Bob), Capabilities::NONE);
    let session = alice.session.as_mut().expect("a session");
    assert_eq!(session.handle_deadline(now.after(5_000), &other, &mut alice.rng), Err(WrongIdentity));
    assert_eq!(session.closure(), None);
}

#[test]
fn one_convention_for_buffers_that_are_too_short() {
    // Fault 19. With any shorter buffer nothing changes, and the error names the length that is needed.
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    pair.session().send(now, ContentKind::Anml, b"x").expect("room");
    for length in [0, 1, 100, S::TRANSMIT_BUFFER - 1] {
        let mut small = vec![0; length];
        let refused = pair.session().poll_transmit(now, &mut small).map(|sent| sent.is_some());
        assert_eq!(refused.map_err(|error| error.needed), Err(S::TRANSMIT_BUFFER));
    }
    const { assert!(S::TRANSMIT_BUFFER <= TRANSMIT_BUFFER) };
    let mut enough = vec![0; S::TRANSMIT_BUFFER];
    let sent = pair.session().poll_transmit(now, &mut enough).expect("long enough").map(|sent| sent.bytes.to_vec());
    assert!(sent.is_some_and(|frame| frame[20] < 0x80), "the data frame is still there");
}

#[test]
fn whatever_did_not_leave_is_due_again() {
    // Fault 20. Every datagram of a whole session is refused by a full queue, some of them three times.
    for refusals in 1..4 {
        for contract in [Capabilities::NONE, Capabilities::SFC] {
            let mut world = World::new(&Plan {
                offer: contract,
                from_alice: vec![vec![1; 30]; 3],
                from_bob: vec![vec![2; 30]; 3],
                ..Plan::default()
            });
            world.alice.counters = vec![Terms { receive_window: 4, ..TERMS }];
            (world.alice.refusals, world.bob.refusals) = (refusals, refusals);
            assert!(world.run_until(Mono(700_000)), "it comes to rest");
            assert_eq!((world.alice.closure, world.bob.closure), (Some(Closure::Graceful), Some(Closure::Graceful)));
            assert!(world.bob.stream() == [1; 90] && world.alice.stream() == [2; 90]);
            let last = world.trace.last().expect("something was sent").0;
            assert!(last < Mono(4_000), "nothing waited for a repetition: {last:?}");
        }
    }
    // The last word of an abort, when the queue is full.
    let mut pair = Pair::new().confirmed();
    abort(&mut pair, TeardownReason::ShuttingDown);
    let now = pair.now;
    for _ in 0..5 {
        let sent = pair.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0][20..24], [0, 3, 0, 7]);
        pair.session().not_sent(now);
        assert!(matches!(pair.session().next_deadline(), Some((_, Reason::Transmit))));
    }
    pair.sent();
    assert!(pair.sent().is_empty());
}

#[test]
fn memory_in_use_takes_no_other_session() {
    let mut pair = Pair::new().confirmed();
    let (now, peer) = (pair.now, Eid([3; 32]));
    let mut rng = <sessions::ChaCha8Rng as sessions::SeedableRng>::seed_from_u64(1);
    let (identity, session) = (&pair.bob.identity, pair.bob.session.as_mut().expect("a session"));
    let again = session.initiate(now, identity, peer, addr(Side::Alice), Capabilities::NONE, &mut rng);
    assert_eq!(again, Err(StartError::Busy));
    assert_eq!(session.hold(true), Err(StartError::Busy));
    let own = identity.eid();
    let mut idle = Box::new(S::IDLE);
    let mirror = idle.initiate(now, identity, own, addr(Side::Alice), Capabilities::NONE, &mut rng);
    assert_eq!(mirror, Err(StartError::OwnEid));
    assert!(idle.is_over() && idle.next_deadline().is_none() && idle.poll_event().is_none());
    let data = pair.data(b"x");
    assert!(matches!(pair.give(&data), Heard::Data { .. }));
}

#[test]
fn the_same_memory_serves_one_session_after_another() {
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    let (first, chain) = pair.origin();
    pair.session().send(now, ContentKind::Anml, b"of the first").expect("room");
    pair.session().finish(now).expect("room");
    let chain = pair.sent().iter().fold(chain, |chain, frame| next_chain(&chain, &frame[frame.len() - 16..]));
    let fin = pair.frame(0, b"", 2);
    pair.give(&fin);
    let mut beat = pair.beat();
    (beat.expected, beat.receive_chain) = (first + 2, chain);
    pair.give_beat(&beat);
    assert!(pair.session().delivered_all() && pair.session().received_all());
    abort(&mut pair, TeardownReason::None);
    let now = now.after(KEEP_FAREWELL);
    pair.at(now);
    let mut rng = <sessions::ChaCha8Rng as sessions::SeedableRng>::seed_from_u64(1);
    let (identity, session) = (&pair.bob.identity, pair.bob.session.as_mut().expect("a session"));
    let peer = Eid(Forger::new(4).eid);
    session.initiate(now, identity, peer, addr(Side::Alice), Capabilities::NONE, &mut rng).expect("it is over");
    assert_eq!((session.closure(), session.continuity(), session.poll_event()), (None, None, None));
    assert!(!session.delivered_all() && !session.received_all() && session.contract().is_none());
    assert_eq!((session.unacknowledged(), session.expected()), ((0, 0), 0));
    assert!(session.take_ticket_keys().is_none());
    let init = pair.sent();
    assert_eq!(init.len(), 1);
    assert_eq!(init[0][1] >> 4, 8, "PSS_INIT, and nothing of the first");
}

#[test]
fn a_forced_end_in_a_storm_ends_both() {
    for seed in 0..20 {
        let mut world = World::new(&Plan {
            seed,
            weather: Weather::STORM,
            from_alice: vec![vec![3; 99]; 40],
            from_bob: vec![vec![4; 99]; 40],
            closers: Vec::new(),
            ..Plan::default()
        });
        assert!(world.connect());
        let now = world.now;
        let (session, identity) = (world.bob.session.as_mut().expect("a session"), &world.bob.identity);
        session.abort(now, identity, TeardownReason::Malfeasance).expect("its own");
        world.bob.hear(now);
        assert!(world.run_while(|world| world.alice.closure.is_none()), "seed {seed}");
        let reason = TeardownReason::Malfeasance.code();
        assert!(
            matches!(world.alice.closure, Some(Closure::Forced { by_peer: true, reason: told, .. }) if told == reason)
        );
        assert!(world.now.since(now) < 15_000, "seed {seed}");
    }
    assert_eq!(TOP, 1 << 63);
}
