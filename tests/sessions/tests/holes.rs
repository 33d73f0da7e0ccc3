//! What no other test came near: rare refusals, calls in stages that they are not meant for, memory that is on no heap.

use std::sync::Mutex;

use iacp_core::pss::{
    Capabilities, Closure, ContentKind, Discard, NotNow, Received, Session, SessionEvent, Settings, TRANSMIT_BUFFER,
    TeardownReason, Terms, TermsError, continuity, lifecycle,
};
use iacp_wire::Eid;
use sessions::forger::{conditions, next_chain};
use sessions::{Forger, Heard, Host, Mono, Pair, Plan, Portable, S, Side, World, addr};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };

#[test]
fn a_peer_that_lost_its_memory_is_told_that_the_log_is_gone() {
    // While it reconnects, an E below what it had acknowledged is a loss of memory and not a violation.
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    pair.session().send(now, ContentKind::Anml, b"x").expect("room");
    let sent = pair.sent();
    let before = pair.beat();
    let mut beat = pair.beat();
    beat.expected += 1;
    beat.receive_chain = next_chain(&beat.receive_chain, &sent[0][sent[0].len() - 16..]);
    assert_eq!(pair.give_beat(&beat), Heard::Event(SessionEvent::Delivered));
    pair.session().transport_lost(now);
    pair.bob.hear(now);
    pair.session().reconnect(now, addr(Side::Alice)).expect("it is away");
    pair.opened();
    let mut beat = before;
    beat.echo = pair.forger.echo.get();
    let reason = TeardownReason::DeltaLogLost.code();
    let end = Closure::Forced { by_peer: false, reason, truncated: true };
    assert_eq!(pair.give_beat(&beat), Heard::Event(SessionEvent::Closed(end)));
    assert_eq!(pair.sent()[0][20..24], [0, 3, 0, 6]);
}

#[test]
fn the_window_of_the_contract_replaces_that_of_turn_1() {
    for window in [1, 3, 16] {
        let plan = Plan { offer: Capabilities::SFC, closers: Vec::new(), ..Plan::default() };
        let mut world = World::new(&plan);
        world.alice.counters = vec![Terms { receive_window: window, ..TERMS }];
        assert!(world.connect());
        let until = world.now.after(500);
        world.run_until(until);
        let now = world.now;
        for side in [Side::Alice, Side::Bob] {
            let host = world.host(side);
            for _ in 0..9 {
                host.session.as_mut().expect("a session").send(now, ContentKind::Anml, b"x").expect("room in the log");
            }
            let data = host.transmit(now).iter().filter(|frame| frame[20] < 0x80).count();
            assert_eq!(data, usize::try_from(window.min(9)).expect("small"), "{side:?}");
        }
    }
}

#[test]
fn calls_in_a_stage_that_they_are_not_meant_for_change_nothing() {
    let now = Mono(1_000);
    let identity = Host::new(Side::Bob, 1).identity;
    let check = |session: &mut S, what: &str| {
        let state = (session.lifecycle(), session.continuity(), session.closure(), session.next_deadline());
        session.transport_lost(now);
        session.claim(now, addr(Side::Bob));
        assert_eq!(session.reconnect(now, addr(Side::Bob)), Err(NotNow), "{what}");
        assert_eq!((session.consumed(now, 0), session.rewind(now)), (Err(NotNow), Err(NotNow)), "{what}");
        assert_eq!(session.renew_key(), Err(NotNow), "{what}");
        assert!(session.accept_terms(now, &identity).is_err(), "{what}");
        assert_eq!(session.poll_event(), None, "{what}");
        assert!(session.send(now, ContentKind::Anml, b"x").is_err() && session.finish(now).is_err(), "{what}");
        let after = (session.lifecycle(), session.continuity(), session.closure(), session.next_deadline());
        assert_eq!(state, after, "{what}");
    };
    let mut idle = Box::new(S::IDLE);
    check(&mut idle, "idle");
    assert_eq!(idle.close(now, TeardownReason::None), Err(NotNow));
    assert_eq!((idle.rest(now), idle.supersede()), (Err(NotNow), Err(NotNow)));

    let mut alice = Host::new(Side::Alice, 3);
    alice.initiate(now, Eid(Forger::new(9).eid), addr(Side::Bob), Capabilities::NONE);
    let session = alice.session.as_mut().expect("a session");
    assert_eq!(session.lifecycle(), lifecycle::State::Hearing);
    check(session, "hearing");
    session.rest(now).expect("an attempt");
    check(session, "resting");
    session.supersede().expect("an attempt");
    assert_eq!(session.poll_event(), Some(SessionEvent::Closed(Closure::Superseded)));
    assert_eq!(session.poll_event(), Some(SessionEvent::Released));
    check(session, "over");
    assert_eq!(session.close(now, TeardownReason::None), Err(NotNow));
}

#[test]
fn a_negotiation_that_loses_its_transport_is_over() {
    let now = Mono(1_000);
    let mut bob = Host::new(Side::Bob, 7);
    bob.listen(now, Settings { capabilities: Capabilities::SFC, terms: TERMS });
    let mut forger = Forger { capabilities: 1, ..Forger::new(9) };
    let eid = bob.identity.eid().0;
    let neg = bob.handle(now, addr(Side::Alice), forger.init(&eid)).expect("an answer");
    let ack = forger.ack(&eid, &neg, 0);
    bob.handle(now, addr(Side::Alice), ack);
    let session = bob.session.as_mut().expect("a session");
    assert_eq!(session.continuity(), Some(continuity::State::PssNegotiating));
    session.transport_lost(now);
    assert_eq!(session.poll_event(), Some(SessionEvent::Closed(Closure::Lost { truncated: true })));
    assert!(session.closure().is_some());
    assert_eq!(session.accept_terms(now, &bob.identity), Err(TermsError::NothingProposed));
}

#[test]
fn rare_refusals_of_the_handshake() {
    let now = Mono(1_000);
    let mut alice = Host::new(Side::Alice, 3);
    let forger = Forger { r_cookie: [8; 8], ..Forger::new(4) };
    alice.initiate(now, Eid(forger.eid), addr(Side::Bob), Capabilities::NONE);
    let init = alice.transmit(now).remove(0);
    let session = alice.session.as_mut().expect("a session");
    let mut give = |mut bytes: Vec<u8>| {
        let heard = session.handle(now, &alice.identity, addr(Side::Bob), &mut bytes);
        matches!(heard, Received::Discarded(_)).then(|| format!("{heard:?}"))
    };
    // A PSS_NEG to another I-Cookie, and one without an R-Cookie.
    let mut other = init.clone();
    other[44] ^= 1;
    let foreign = forger.neg(&other, 1, &conditions(5, 0, 0, 16), true);
    assert_eq!(give(foreign), Some(format!("{:?}", Received::Discarded(Discard::Cookie))));
    // Its own PSS_INIT, reflected.
    assert!(give(init).is_some());
    assert!(give(Vec::new()).is_some() && give(vec![0xFF; 1_500]).is_some());

    // A PSS_ACK of the responder's own EID.
    let mut bob = Host::new(Side::Bob, 7);
    bob.listen(now, Plan::default().settings);
    let mut mirror = Forger::new(9);
    let eid = bob.identity.eid().0;
    let neg = bob.handle(now, addr(Side::Alice), mirror.init(&eid)).expect("an answer");
    let mut ack = mirror.ack(&eid, &neg, 0);
    ack[12..44].copy_from_slice(&eid);
    bob.handle(now, addr(Side::Alice), ack);
    assert_eq!((bob.accepted, bob.refused.last()), (0, Some(&Discard::OwnEid)));
}

/// A session with a log of a mebibyte, as firmware has it: in memory that exists from the start.
static LARGE: Mutex<[Session<Portable, 1_048_576, 512>; 2]> = Mutex::new([const { Session::IDLE }; 2]);

#[test]
fn a_session_is_made_where_it_stays_however_large_it_is() {
    // Fault 21: it was made by value, and overflowed a thread of 2 MiB.
    let work = || {
        let mut sessions = LARGE.lock().expect("used once");
        let [alice, bob] = &mut *sessions;
        let now = Mono(1_000);
        let mut hosts = [Host::new(Side::Alice, 1), Host::new(Side::Bob, 1)];
        hosts[1].listen(now, Settings { capabilities: Capabilities::NONE, terms: TERMS });
        let peer = hosts[1].identity.eid();
        let (identity, rng) = (&hosts[0].identity, &mut hosts[0].rng);
        alice.initiate(now, identity, peer, addr(Side::Bob), Capabilities::NONE, rng).expect("idle");
        let mut out = [0; TRANSMIT_BUFFER];
        let init = alice.poll_transmit(now, &mut out).expect("room").expect("PSS_INIT").bytes.to_vec();
        let mut neg = hosts[1].handle(now, addr(Side::Alice), init).expect("an answer");
        assert_eq!(alice.handle(now, &hosts[0].identity, addr(Side::Bob), &mut neg), Received::Taken);
        let mut ack = alice.poll_transmit(now, &mut out).expect("room").expect("PSS_ACK").bytes.to_vec();
        let Ok(iacp_core::pss::Incoming::Signed(signed)) = iacp_core::pss::Incoming::parse(&mut ack) else { panic!() };
        let host = &mut hosts[1];
        let responder = host.responder.as_mut().expect("it listens");
        let accepted = responder.accept(now, &host.identity, addr(Side::Alice), &signed, &mut ()).expect("in order");
        bob.accept(now, &accepted).expect("idle");
        let mut beat = bob.poll_transmit(now, &mut out).expect("room").expect("a heartbeat").bytes.to_vec();
        assert_eq!(alice.handle(now, &hosts[0].identity, addr(Side::Bob), &mut beat), Received::Taken);
        assert!(alice.is_ready());
        alice.abort(now, &hosts[0].identity, TeardownReason::None).expect("its own");
        bob.abort(now, &hosts[1].identity, TeardownReason::None).expect("its own");
    };
    // A quarter of one log.
    std::thread::Builder::new().stack_size(256 * 1_024).spawn(work).expect("a thread").join().expect("it fits");
}

// shows: IACP-078 (§4.2.3.3)
#[test]
fn an_attempt_behind_a_closed_gate_says_nothing_and_begins_anew_with_another_cookie() {
    let now = Mono(1_000);
    let mut alice = Host::new(Side::Alice, 5);
    alice.initiate(now, Eid(Forger::new(9).eid), addr(Side::Bob), Capabilities::NONE);
    let mut out = [0; TRANSMIT_BUFFER];
    let session = alice.session.as_mut().expect("a session");
    assert!(session.poll_transmit(now, &mut out).expect("room").is_some(), "PSS_INIT");
    let before = session.cookies().0;
    session.close_gate(now);
    // Behind the gate the attempt neither repeats PSS_INIT nor ends.
    let later = now.after(60_000);
    let _ = session.handle_deadline(later, &alice.identity, &mut alice.rng);
    assert!(session.poll_transmit(later, &mut out).expect("room").is_none());
    session.open_gate(later, &alice.identity, &mut alice.rng).expect("its own");
    assert_ne!(session.cookies().0, before, "a cookie is bound to an address");
    assert!(session.poll_transmit(later, &mut out).expect("room").is_some(), "PSS_INIT with the new one");
}
