//! Attacks that were found once, each with the rule that stops it.

use iacp_core::pss::{
    Admission, Capabilities, Closure, ContentKind, Discard, Incoming, Received, RejectionReasons, Replied, Responder,
    SILENCE, SessionEvent, Settings, Signed, TRANSMIT_BUFFER, TeardownReason, Terms, TermsError,
};
use iacp_wire::{Frame, Message};
use sessions::{Forger, Host, Mono, Plan, S, Side, World, addr};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };

fn type_of(bytes: &[u8]) -> u8 {
    bytes[0] << 4 | bytes[1] >> 4
}

/// A signed frame, parsed.
fn signed(bytes: &mut [u8]) -> Signed<'_> {
    match Incoming::parse(bytes) {
        Ok(Incoming::Signed(signed)) => signed,
        _ => panic!("not a signed frame"),
    }
}

/// The library at both ends, driven by hand.
struct Two {
    alice: Host,
    bob: Host,
    responder: Responder<4>,
    now: Mono,
}

impl Two {
    fn new(terms: Terms, offer: Capabilities) -> Self {
        let (mut alice, mut bob) = (Host::new(Side::Alice, 1), Host::new(Side::Bob, 1));
        let responder = Responder::new(Settings { capabilities: offer, terms }, Mono(0), &mut bob.rng);
        alice.initiate(Mono(0), bob.identity.eid(), addr(Side::Bob), offer);
        Self { alice, bob, responder, now: Mono(0) }
    }

    fn alice(&mut self) -> &mut S {
        self.alice.session.as_mut().expect("a session")
    }

    /// What the responder answers to a PSS_INIT that comes from there.
    fn answer(&self, init: &[u8], from: std::net::SocketAddr) -> Vec<u8> {
        let mut out = [0; TRANSMIT_BUFFER];
        let admit = |_: &_| Admission::Admit;
        let mut init = init.to_vec();
        let answer = self.responder.answer(self.now, &self.bob.identity, from, &signed(&mut init), admit, &mut out);
        let Ok(Replied::Negotiate { length, .. }) = answer else { panic!("{answer:?}") };
        out[..length].to_vec()
    }

    /// What Alice's session makes of a frame, and the events that follow.
    fn tell_alice(&mut self, from: std::net::SocketAddr, bytes: &[u8]) -> String {
        let session = self.alice.session.as_mut().expect("a session");
        let mut heard = format!("{:?}", session.handle(self.now, &self.alice.identity, from, &mut bytes.to_vec()));
        while let Some(event) = session.poll_event() {
            heard += &format!(" {event:?}");
        }
        heard
    }

    /// Bob accepts a session from a PSS_ACK.
    fn accept(&mut self, ack: &[u8]) -> Result<(), Discard> {
        let mut ack = ack.to_vec();
        let gate = &mut ();
        let accepted =
            self.responder.accept(self.now, &self.bob.identity, addr(Side::Alice), &signed(&mut ack), gate)?;
        let mut session = Box::new(S::IDLE);
        session.accept(self.now, &accepted).expect("idle");
        self.bob.session = Some(session);
        Ok(())
    }
}

#[test]
fn a_replayed_request_for_teardown_keeps_no_session_alive() {
    let mut world = World::new(&Plan::default());
    let is_request = |bytes: &[u8]| type_of(bytes) == 0x0C;
    assert!(world.run_while(|world| !world.trace.iter().any(|(_, packet)| is_request(&packet.bytes))));
    let found = world.trace.iter().find(|(_, packet)| is_request(&packet.bytes));
    let request = found.map(|(_, packet)| packet.bytes.clone()).expect("it was sent");
    // Alice dies; an observer that saw the request repeats it.
    world.network.cut();
    world.alice.session = None;
    let (start, mut sent) = (world.now, 0);
    while world.bob.closure.is_none() {
        assert!(world.now < start.after(24 * 3_600_000), "Bob still serves a dead peer");
        let until = world.now.after(30_000);
        world.bob.handle(world.now, ([203, 0, 113, 66], 1).into(), request.clone());
        while world.now < until {
            sent += world.bob.transmit(world.now).len();
            world.now = world.bob.next_deadline().unwrap_or(until).clamp(world.now, until);
            world.bob.handle_deadline(world.now);
            if world.bob.next_deadline().is_none_or(|at| at >= until) {
                world.now = until;
            }
        }
    }
    // Its own probes, one a minute for an hour, and a few answers before that.
    assert!(sent < 80, "{sent} datagrams to a dead peer");
}

#[test]
fn a_pss_neg_moves_no_locator() {
    // An observer of the PSS_INIT can ask the responder too, and be first with its authentic answer.
    let evil = ([203, 0, 113, 66], 9).into();
    let mut two = Two::new(TERMS, Capabilities::NONE);
    let init = two.alice.transmit(two.now).remove(0);
    let raced = two.answer(&init, evil);
    two.tell_alice(evil, &raced);
    assert_eq!(two.alice().locator(), addr(Side::Bob));
    // The raced attempt is lost, and the next one is not.
    while type_of(&two.alice.transmit(two.now).pop().unwrap_or(vec![0, 0])) != 0x08 {
        let next = two.alice.next_deadline().expect("it starts over");
        two.now = two.now.max(next);
        let now = two.now;
        two.alice.handle_deadline(now);
        assert!(two.now < Mono(6_000));
    }
}

#[test]
fn a_contract_is_not_bargained_again() {
    let mut world = World::new(&Plan { offer: Capabilities::SFC, closers: Vec::new(), ..Plan::default() });
    world.alice.counters = vec![Terms { receive_window: 8, ..TERMS }];
    assert!(world.connect());
    let now = world.now;
    let bob = world.bob.session.as_mut().expect("a session");
    let worse = Terms { lifetime: 9, receive_window: 1, ..TERMS };
    assert_eq!(
        bob.counter_terms(now, &world.bob.identity, worse, RejectionReasons::OTHER),
        Err(TermsError::NothingProposed)
    );
    let until = now.after(1_000);
    world.run_until(until);
    for host in [&world.alice, &world.bob] {
        let session = host.session.as_ref().expect("a session");
        assert_eq!(session.contract().map(|terms| terms.receive_window), Some(8));
    }
}

#[test]
fn forged_duplicates_do_not_starve_the_answer_to_a_request() {
    let mut world = World::new(&Plan::default());
    let answered = |world: &World| {
        world.trace.iter().any(|(_, packet)| packet.from == Side::Bob && type_of(&packet.bytes) == 0x0C)
    };
    assert!(world.run_while(|world| !answered(world)));
    world.network.cut(); // the answer is lost
    let (initiator, responder) = world.bob.session.as_ref().expect("kept").cookies();
    let forged = [&[0x10, 0xB1, 0, 52][..], &responder.0, &initiator.0, &[0; 36]].concat();
    let until = world.now.after(31_000);
    while world.now < until && world.alice.closure.is_none() {
        world.now = world.now.after(1);
        world.bob.handle(world.now, ([203, 0, 113, 66], 1).into(), forged.clone());
        let now = world.now;
        world.alice.handle_deadline(now);
        for bytes in world.alice.transmit(now) {
            world.bob.handle(now, addr(Side::Alice), bytes);
        }
        for bytes in world.bob.transmit(now) {
            assert_eq!(type_of(&bytes), 0x0C, "nothing is said to a forger");
            world.alice.handle(now, addr(Side::Bob), bytes);
        }
    }
    assert_eq!(world.alice.closure, Some(Closure::Graceful));
}

#[test]
fn a_request_before_there_are_keys_is_not_taken() {
    let now = Mono(1_000);
    let mut alice = Host::new(Side::Alice, 3);
    let mut forger = Forger { r_cookie: [8; 8], ..Forger::new(4) };
    alice.initiate(now, iacp_wire::Eid(forger.eid), addr(Side::Bob), Capabilities::SFC);
    let init = alice.transmit(now).remove(0);
    forger.i_cookie.copy_from_slice(&init[44..52]);
    let mut neg = forger.neg(&init, 1, &sessions::forger::conditions(5, 1, 0, 16), true);
    let session = alice.session.as_mut().expect("a session");
    assert_eq!(session.handle(now, &alice.identity, addr(Side::Bob), &mut neg), Received::Taken);
    assert!(matches!(session.poll_event(), Some(SessionEvent::Proposed { turn: 1, .. })));
    let mut request = forger.teardown(1, 0);
    let heard = session.handle(now, &alice.identity, addr(Side::Bob), &mut request);
    assert_eq!(heard, Received::Discarded(Discard::NotNow));
    assert_eq!(session.accept_terms(now, &alice.identity), Ok(()));
    assert_eq!(type_of(&alice.transmit(now)[0]), 0x09);
}

#[test]
fn established_is_said_even_if_data_overtakes_the_heartbeat() {
    let mut two = Two::new(TERMS, Capabilities::NONE);
    let init = two.alice.transmit(two.now).remove(0);
    let neg = two.answer(&init, addr(Side::Alice));
    two.tell_alice(addr(Side::Bob), &neg);
    let ack = two.alice.transmit(two.now).remove(0);
    two.accept(&ack).expect("in order");
    let now = two.now;
    two.bob.session.as_mut().expect("a session").send(now, ContentKind::Anml, b"hi").expect("room");
    let mut packets = two.bob.transmit(now);
    packets.reverse();
    let events: Vec<_> = packets.iter().map(|bytes| two.tell_alice(addr(Side::Bob), bytes)).collect();
    assert!(events[0].starts_with("Data") && events[0].ends_with("Established"), "{events:?}");
    assert_eq!(events[1], "Taken");
}

#[test]
fn close_after_an_acknowledged_finish_asks_at_once() {
    let mut world = World::new(&Plan { closers: Vec::new(), ..Plan::default() });
    assert!(world.connect());
    let now = world.now;
    world.alice.session.as_mut().expect("a session").finish(now).expect("open");
    let until = now.after(1_000);
    world.run_until(until);
    let (first, next) = world.alice.session.as_ref().expect("a session").unacknowledged();
    assert_eq!(first, next, "the FIN is acknowledged");
    let now = world.now;
    world.alice.session.as_mut().expect("a session").close(now, TeardownReason::TaskComplete).expect("open");
    assert!(world.run_while(|world| world.alice.closure.is_none()));
    assert!(world.now < now.after(200), "after {} ms", world.now.since(now));
}

#[test]
fn terms_of_a_lost_attempt_do_not_outlive_it() {
    let mut two = Two::new(Terms { lifetime: 8, ..TERMS }, Capabilities::SFC);
    let init = two.alice.transmit(two.now).remove(0);
    let neg = two.answer(&init, addr(Side::Alice));
    two.tell_alice(addr(Side::Bob), &neg);
    let now = two.now;
    let identity = &two.alice.identity;
    two.alice.session.as_mut().expect("a session").accept_terms(now, identity).expect("proposed");
    two.alice.transmit(now); // the PSS_ACK is lost
    two.now = Mono(5_000);
    two.alice.handle_deadline(two.now);
    let init = two.alice.transmit(two.now).remove(0);
    assert_eq!(type_of(&init), 0x08, "it starts over");
    let neg = two.answer(&init, addr(Side::Alice));
    assert!(two.tell_alice(addr(Side::Bob), &neg).contains("Proposed"));
    two.alice.handle_deadline(Mono(9_000));
    assert_eq!(two.alice.closure, None, "the lifetime was another attempt's");
}

#[test]
fn a_session_whose_peer_never_spoke_is_not_kept_for_an_hour() {
    let mut world = World::new(&Plan { closers: Vec::new(), ..Plan::default() });
    assert!(world.run_while(|world| world.bob.session.is_none()));
    world.alice.session = None;
    world.network.cut();
    let start = world.now;
    assert!(world.run_until(Mono(10_000_000)));
    assert_eq!(world.bob.closure, Some(Closure::Lost { truncated: true }));
    assert_eq!(world.now, start.after(2 * SILENCE));
}

#[test]
fn a_negotiation_that_nobody_goes_on_with_ends() {
    let mut two = Two::new(TERMS, Capabilities::SFC);
    let init = two.alice.transmit(two.now).remove(0);
    let neg = two.answer(&init, addr(Side::Alice));
    assert!(two.tell_alice(addr(Side::Bob), &neg).contains("Proposed"));
    // The application does nothing.
    two.alice.handle_deadline(Mono(59_999));
    assert_eq!(two.alice.closure, None);
    two.alice.handle_deadline(Mono(60_000));
    let reason = TeardownReason::NegotiationFailed.code();
    assert_eq!(two.alice.closure, Some(Closure::Forced { by_peer: false, reason, truncated: true }));

    // The peer refuses turn 1 and never proposes, though it shows that it lives.
    let mut forger = Forger { capabilities: 1, ..Forger::new(9) };
    let mut bob = Host::new(Side::Bob, 7);
    bob.listen(Mono(0), Settings { capabilities: Capabilities::SFC, terms: TERMS });
    let eid = bob.identity.eid().0;
    let neg = bob.handle(Mono(0), addr(Side::Alice), forger.init(&eid)).expect("an answer");
    let ack = forger.ack(&eid, &neg, 0);
    bob.handle(Mono(0), addr(Side::Alice), ack);
    let keys = forger.keys.as_ref().expect("keys");
    for (number, at) in [20_000, 40_000, 59_000].into_iter().enumerate() {
        for frame in bob.transmit(Mono(at)) {
            forger.open(&frame).expect("a heartbeat, which the next one echoes");
        }
        let beat = forger.heartbeat(
            number as u64,
            &keys.send_chain,
            forger.initial_sequence,
            keys.peer_sequence,
            &keys.receive_chain,
        );
        bob.handle(Mono(at), addr(Side::Alice), beat);
        bob.handle_deadline(Mono(at));
        assert_eq!(bob.closure, None);
    }
    bob.handle_deadline(Mono(60_000));
    assert_eq!(bob.closure, Some(Closure::Forced { by_peer: false, reason, truncated: true }));
}

#[test]
fn bits_without_a_meaning_are_not_offered() {
    let mut alice = Host::new(Side::Alice, 1);
    alice.initiate(Mono(0), Host::new(Side::Bob, 1).identity.eid(), addr(Side::Bob), Capabilities::from_bits(u32::MAX));
    let init = alice.transmit(Mono(0)).remove(0);
    let Message::PssInit(message) = Frame::parse(&init).expect("a frame").message else { panic!("PSS_INIT") };
    // All but 0x4, which accepts terms in a PSS_ACK only.
    assert_eq!(message.capabilities.get(), 0x3B);
    let mut alice = Host::new(Side::Alice, 1);
    let exclusive = Capabilities::EXCLUSIVE.with(Capabilities::SFC);
    alice.initiate(Mono(0), Host::new(Side::Bob, 1).identity.eid(), addr(Side::Bob), exclusive);
    let init = alice.transmit(Mono(0)).remove(0);
    let Message::PssInit(message) = Frame::parse(&init).expect("a frame").message else { panic!("PSS_INIT") };
    assert_eq!(message.capabilities.get(), 1, "EXCLUSIVE has a meaning only with ENDPOINTS");
}
