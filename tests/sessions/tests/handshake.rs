//! The dual-cookie handshake (`IACP §4.2.4.1`, `IACP §6.4.2`, `IACP §6.4.3`): three messages, one session.

use iacp_core::crypto::{AwsLc, Portable, Provider, Secret32};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, Closure, ContentKind, Discard, Incoming, NotAnswered, Reason, Received, Replied,
    Responder, SessionEvent, TRANSMIT_BUFFER, lifecycle,
};
use iacp_wire::{Eid, Frame, Message};
use sessions::forger::conditions;
use sessions::{Forger, Host, Mono, Packet, Pair, Plan, S, Side, Weather, World, WorldOf, addr};

fn settings() -> iacp_core::pss::Settings {
    Plan::default().settings
}

/// What a responder makes of a PSS_INIT.
fn answer(
    responder: &Responder<32>,
    bob: &Host,
    now: Mono,
    init: &[u8],
    admit: impl FnOnce(&Eid) -> Admission,
) -> Result<Option<Vec<u8>>, Discard> {
    let mut out = [0; TRANSMIT_BUFFER];
    let mut bytes = init.to_vec();
    let Incoming::Signed(signed) = Incoming::parse(&mut bytes)? else { return Err(Discard::NotForSession) };
    match responder.answer(now, &bob.identity, addr(Side::Alice), &signed, admit, &mut out) {
        Ok(Replied::Negotiate { length, .. }) => Ok(Some(out[..length].to_vec())),
        Ok(Replied::DemandWork { .. }) => Ok(None),
        Err(NotAnswered::Discard(discard)) => Err(discard),
        Err(NotAnswered::TooSmall(small)) => panic!("{small}"),
    }
}

fn responder() -> (Host, Responder<32>) {
    let mut bob = Host::new(Side::Bob, 1);
    let responder = Responder::new(settings(), Mono(0), &mut bob.rng);
    (bob, responder)
}

#[test]
fn three_messages_make_one_session_with_the_same_keys() {
    // shows: IACP-083 (§4.2.4.1)
    let mut world = World::new(&Plan { from_alice: vec![b"hello".to_vec()], ..Plan::default() });
    assert!(world.connect());
    let kinds: Vec<_> = world
        .trace
        .iter()
        .filter_map(|(_, packet)| Some((packet.from, Frame::parse(&packet.bytes).ok()?.message.message_type().name())))
        .take(4)
        .collect();
    assert_eq!(
        kinds,
        [(Side::Alice, "PSS_INIT"), (Side::Bob, "PSS_NEG"), (Side::Alice, "PSS_ACK"), (Side::Bob, "PSS_DATA_STREAM"),]
    );
    assert!(world.run_until(Mono(600_000)), "everything comes to rest");
    assert_eq!(world.bob.stream(), b"hello", "only equal keys open it");
    assert_eq!((world.alice.closure, world.bob.closure), (Some(Closure::Graceful), Some(Closure::Graceful)));
    assert_eq!(world.bob.accepted, 1);
}

#[test]
fn pss_init_has_a_random_i_cookie_and_a_zero_r_cookie() {
    // shows: IACP-084 (§4.2.4.1)
    let mut cookies = std::collections::HashSet::new();
    for seed in 0..50 {
        let mut world = World::new(&Plan { seed, ..Plan::default() });
        let init = world.alice.transmit(world.now).remove(0);
        let frame = Frame::parse(&init).expect("a frame");
        let Message::PssInit(message) = frame.message else { panic!("PSS_INIT comes first") };
        assert_eq!(frame.responder_cookie, Some(iacp_wire::Cookie::ZERO));
        assert!(!message.session_connection_cookie.is_zero());
        assert!(message.initial_sequence.get() < 1 << 32);
        assert!(cookies.insert(message.session_connection_cookie));
    }
}

#[test]
fn an_unanswered_pss_init_repeats_its_bytes_and_starts_over_three_times_before_it_fails() {
    let mut world = World::new(&Plan { weather: Weather { loss: 1_000, ..Weather::FAIR }, ..Plan::default() });
    assert!(world.run_until(Mono(600_000)), "it comes to rest");
    assert_eq!(world.alice.closure, Some(Closure::NoAnswer));
    assert_eq!(world.now, Mono(21_000), "four attempts of 5 s");
    let times: Vec<_> = world.trace.iter().map(|(at, _)| at.0 - 1_000).collect();
    let attempt = [0, 250, 750, 1_750, 3_750];
    let expected: Vec<_> = (0..4).flat_map(|n| attempt.map(|at| n * 5_000 + at)).collect();
    assert_eq!(times, expected);
    for attempts in world.trace.chunks(5) {
        assert!(attempts.iter().all(|(_, packet)| packet == &attempts[0].1), "a repetition is the same bytes");
    }
    let cookie = |n: usize| world.trace[n * 5].1.bytes[44..52].to_vec();
    let share = |n: usize| world.trace[n * 5].1.bytes[130..].to_vec();
    assert!((1..4).all(|n| cookie(n) != cookie(n - 1) && share(n) != share(n - 1)), "a new I-Cookie and KEY_SHARE");
}

#[test]
fn pss_ack_repeats_until_an_authentic_answer_and_its_repeat_gets_a_heartbeat_at_most_every_50_ms() {
    // shows: IACP-083 (§4.2.4.1)
    let mut pair = Pair::new();
    let start = pair.now;
    // The forger's PSS_ACK once more: the same bytes, by determinism of its signature.
    let eid = pair.bob.identity.eid().0;
    let neg = pair.bob.handle(start, addr(Side::Alice), pair.forger.init(&eid)).expect("an answer");
    let ack = pair.forger.ack(&eid, &neg, 0);
    let mut beats = 0;
    for ms in 0..500 {
        pair.now = start.after(ms);
        pair.bob.handle(pair.now, addr(Side::Alice), ack.clone());
        beats += pair.heartbeats_sent();
    }
    assert_eq!(beats, 10);
    assert_eq!(pair.bob.accepted, 1, "a cookie never makes a second session");
}

#[test]
fn the_initiator_sends_no_data_before_the_keys_are_confirmed() {
    let mut world = World::new(&Plan { closers: Vec::new(), ..Plan::default() });
    world.settle();
    let session = |world: &World| world.alice.session.as_ref().expect("a session").lifecycle();
    assert_eq!(session(&world), lifecycle::State::Hearing);
    assert!(world.run_while(|world| session(world) == lifecycle::State::Hearing));
    assert_eq!(session(&world), lifecycle::State::Established, "on Emit PSS_ACK");
    let alice = world.alice.session.as_mut().expect("a session");
    assert!(!alice.is_ready());
    assert!(alice.send(world.now, ContentKind::Anml, b"early").is_err());
    assert!(matches!(alice.next_deadline(), Some((_, Reason::Transmit))), "PSS_ACK repeats");
    assert!(world.connect());
    let now = world.now;
    assert!(world.alice.session.as_mut().expect("a session").send(now, ContentKind::Anml, b"now").is_ok());
}

/// The library's initiator and a forger that answers it.
fn forged_answer(offer: Capabilities) -> (Mono, Host, Forger, Vec<u8>) {
    let now = Mono(1_000);
    let mut alice = Host::new(Side::Alice, 3);
    let mut forger = Forger::new(4);
    forger.r_cookie = [8; 8];
    alice.initiate(now, Eid(forger.eid), addr(Side::Bob), offer);
    let init = alice.transmit(now).remove(0);
    (now, alice, forger, init)
}

/// What the initiator makes of a frame, and the events that it tells.
fn give(alice: &mut Host, now: Mono, bytes: &[u8]) -> Result<Vec<SessionEvent>, Discard> {
    let session = alice.session.as_mut().expect("a session");
    match session.handle(now, &alice.identity, addr(Side::Bob), &mut bytes.to_vec()) {
        Received::Taken => Ok(core::iter::from_fn(|| session.poll_event()).collect()),
        Received::Discarded(discard) => Err(discard),
        Received::Data { .. } => panic!("no data in a handshake"),
    }
}

#[test]
fn a_pss_neg_that_matches_nothing_is_dropped_in_silence() {
    // shows: IACP-145 (§6.4.2)
    let (now, mut alice, forger, init) = forged_answer(Capabilities::NONE);
    let good = forger.neg(&init, 1, &conditions(5, 0, 0, 16), true);
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let event = give(&mut alice, now, &flipped);
        assert!(event.is_err(), "bit {bit}: {event:?}");
    }
    let stranger = Forger { r_cookie: [8; 8], ..Forger::new(5) };
    let forged = stranger.neg(&init, 1, &conditions(5, 0, 0, 16), true);
    assert_eq!(give(&mut alice, now, &forged), Err(Discard::Signature));
    let zero = Forger { r_cookie: [0; 8], ..Forger::new(4) };
    let without = zero.neg(&init, 1, &conditions(5, 0, 0, 16), true);
    assert_eq!(give(&mut alice, now, &without), Err(Discard::Cookie));
    assert_eq!(give(&mut alice, now, &good), Ok(vec![]), "nothing was lost by it");
    assert_eq!(give(&mut alice, now, &good), Err(Discard::Repeat), "repeats are discarded");
}

#[test]
fn an_authentic_pss_neg_that_cannot_be_closes_the_handshake() {
    // shows: IACP-145 (§6.4.2)
    let cases = [
        ("turn 2", 2, conditions(5, 0, 0, 16), true),
        ("a capability that was not offered", 1, conditions(5, 1, 0, 16), true),
        ("an unknown capability", 1, conditions(5, 0x100, 0, 16), true),
        ("an initial sequence of 2^32", 1, conditions(1 << 32, 0, 0, 16), true),
        ("a window of no frame", 1, conditions(5, 0, 0, 0), true),
        ("no KEY_SHARE", 1, conditions(5, 0, 0, 16), false),
    ];
    for (what, turn, block, share) in cases {
        let (now, mut alice, forger, init) = forged_answer(Capabilities::NONE);
        let neg = forger.neg(&init, turn, &block, share);
        assert_eq!(
            give(&mut alice, now, &neg),
            Ok(vec![SessionEvent::Closed(Closure::Contradiction), SessionEvent::Released]),
            "{what}"
        );
        let session = alice.session.as_ref().expect("a session");
        assert_eq!(session.lifecycle(), lifecycle::State::Closed);
        assert!(session.is_over());
    }
}

#[test]
fn the_responder_refuses_what_proves_nothing() {
    let (bob, responder) = responder();
    let eid = bob.identity.eid().0;
    let now = Mono(10);
    let init = Forger::new(9).init(&eid);
    let refuse = |init: &[u8]| answer(&responder, &bob, now, init, |_| Admission::Admit);
    assert!(refuse(&init).is_ok());
    for bit in 0..init.len() * 8 {
        let mut flipped = init.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(refuse(&flipped).is_err(), "bit {bit}");
    }
    assert_eq!(refuse(&Forger::new(9).init(&[7; 32])), Err(Discard::Signature), "it was meant for another EID");
    let high = Forger { initial_sequence: 1 << 32, ..Forger::new(9) };
    assert_eq!(refuse(&high.init(&eid)), Err(Discard::Terms));
    let zero = Forger { i_cookie: [0; 8], ..Forger::new(9) };
    assert_eq!(refuse(&zero.init(&eid)), Err(Discard::Cookie));
    let mut with_r_cookie = init.clone();
    with_r_cookie[4] = 1;
    assert_eq!(refuse(&with_r_cookie), Err(Discard::Cookie));
    // PSS_INIT without its KEY_SHARE.
    let mut bare = init[..init.len() - 34].to_vec();
    bare[3] -= 34;
    assert_eq!(refuse(&bare), Err(Discard::Terms));
}

#[test]
fn a_peer_with_our_own_eid_is_refused() {
    let mut bob = Host::new(Side::Bob, 1);
    bob.identity = Identity::from_seed(&Secret32::new([9; 32]));
    let responder = Responder::<32>::new(settings(), Mono(0), &mut bob.rng);
    let mirror = Forger::new(9);
    assert_eq!(mirror.eid, bob.identity.eid().0);
    let init = mirror.init(&mirror.eid);
    assert_eq!(answer(&responder, &bob, Mono(1), &init, |_| Admission::Admit), Err(Discard::OwnEid));
}

#[test]
fn the_reputation_of_the_peer_is_asked_before_there_is_a_session() {
    // shows: IACP-020 (§3.4), IACP-021 (§3.6.2), IACP-024 (§3.6.2)
    let (bob, responder) = responder();
    let forger = Forger::new(9);
    let init = forger.init(&bob.identity.eid().0);
    let ask = |admission| {
        let mut asked = None;
        let answer = answer(&responder, &bob, Mono(1), &init, |eid| {
            asked = Some(*eid);
            admission
        });
        assert_eq!(asked, Some(Eid(forger.eid)));
        answer
    };
    assert!(matches!(ask(Admission::Admit), Ok(Some(_))));
    assert_eq!(ask(Admission::DemandWork), Ok(None));
    assert!(matches!(ask(Admission::Throttle), Ok(Some(_))), "its session is throttled, not refused");
    assert_eq!(ask(Admission::Drop), Err(Discard::Reputation), "in silence, and without memory");
    assert_eq!(ask(Admission::NotKnownYet), Err(Discard::Reputation), "the repeated PSS_INIT asks again");
    // A forged PSS_INIT is discarded before the question of admission.
    let mut forged = init.clone();
    *forged.last_mut().expect("a byte") ^= 1;
    assert!(answer(&responder, &bob, Mono(1), &forged, |_| panic!("asked on behalf of a forger")).is_err());
}

#[test]
fn chacha20_poly1305_is_used_exactly_if_both_offer_it() {
    // shows: IACP-171 (§8.7)
    for (offer, capabilities) in [(0, 0), (0, 2), (2, 0), (2, 2)] {
        let mut bob = Host::new(Side::Bob, 1);
        let mut settings = settings();
        settings.capabilities = Capabilities::from_bits(capabilities);
        bob.listen(Mono(0), settings);
        let mut forger = Forger { capabilities: offer, ..Forger::new(9) };
        let eid = bob.identity.eid().0;
        let neg = bob.handle(Mono(1), addr(Side::Alice), forger.init(&eid)).expect("an answer");
        let agreed = neg[4 + 8 + 8 + 4 + 11];
        assert_eq!(u32::from(agreed), offer & capabilities);
        let ack = forger.ack(&eid, &neg, 0);
        bob.handle(Mono(1), addr(Side::Alice), ack);
        let beat = bob.transmit(Mono(1)).remove(0);
        assert!(forger.open(&beat).is_some(), "the forger opens with the agreed cipher");
    }
}

#[test]
fn the_same_seed_gives_the_same_session_with_either_provider() {
    fn trace<P: Provider>(seed: u64, offer: u32) -> Vec<(Mono, Packet)> {
        let mut world = WorldOf::<P>::new(&Plan {
            seed,
            weather: Weather::STORM,
            offer: Capabilities::from_bits(offer),
            from_bob: vec![vec![1; 99]; 9],
            ..Plan::default()
        });
        world.run_until(Mono(3_600_000));
        world.trace
    }
    for (seed, offer) in [(11, 0), (12, 1), (13, 2), (14, 3)] {
        // Every byte of a whole session, with repetitions and losses.
        assert!(trace::<Portable>(seed, offer) == trace::<AwsLc>(seed, offer), "seed {seed}");
        assert!(trace::<Portable>(seed, offer) != trace::<Portable>(seed + 1, offer));
    }
}

#[test]
fn a_session_is_never_larger_than_it_says() {
    // What a caller plans its memory with: the log, 112 bytes for each frame, and the fixed rest with both AES keys expanded.
    let ciphers = 2 * size_of::<<Portable as Provider>::Cipher>();
    assert!(size_of::<S>() <= 8_192 + 16 * 112 + 1_512 + ciphers, "{}", size_of::<S>());
}
