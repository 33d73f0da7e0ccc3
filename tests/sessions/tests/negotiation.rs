//! Bargaining over a Session Federation Contract (`IACP §6.4.4`), in turns.

use iacp_core::pss::{
    Capabilities, Closure, ContentKind, Discard, MAX_TURNS, NEGOTIATION_LIMIT, Received, RejectionReasons, SendError,
    Settings, Terms, TermsError, continuity,
};
use iacp_wire::{Frame, Message};
use sessions::forger::conditions;
use sessions::{Forger, Host, Mono, Plan, Side, Weather, World, addr};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };

fn terms(n: u32) -> Terms {
    Terms { dgk_rotation: 60 * n, lifetime: 0, receive_window: 4 + n }
}

fn plan() -> Plan {
    Plan {
        offer: Capabilities::SFC,
        from_alice: vec![b"from the initiator".to_vec(); 20],
        from_bob: vec![b"from the responder".to_vec(); 20],
        ..Plan::default()
    }
}

fn assert_contract(world: &World, plan: &Plan, contract: Terms) {
    assert_eq!((world.alice.contract, world.bob.contract), (Some(contract), Some(contract)));
    assert_eq!(world.bob.stream(), plan.from_alice.concat());
    assert_eq!(world.alice.stream(), plan.from_bob.concat());
    assert_eq!((world.alice.closure, world.bob.closure), (Some(Closure::Graceful), Some(Closure::Graceful)));
}

/// The turns that were sent, in order and without repeats.
fn turns(world: &World) -> Vec<(Side, u16)> {
    let mut turns = Vec::new();
    for (_, packet) in &world.trace {
        let Ok(frame) = Frame::parse(&packet.bytes) else { continue };
        let Message::PssNeg(neg) = frame.message else { continue };
        let turn = (packet.from, neg.negotiation_turn_counter.get());
        if !turns.contains(&turn) {
            turns.push(turn);
        }
    }
    turns
}

#[test]
fn a_pss_ack_that_accepts_the_terms_of_turn_1_makes_them_the_contract() {
    // shows: IACP-147 (§6.4.4), IACP-160 (§6.4.2)
    let plan = plan();
    let mut world = World::new(&plan);
    assert!(world.connect());
    assert_eq!(world.bob.session.as_ref().expect("a session").contract(), Some(TERMS));
    assert!(world.run_until(Mono(600_000)));
    assert_contract(&world, &plan, TERMS);
    assert_eq!(turns(&world), [(Side::Bob, 1)]);
}

#[test]
fn counter_proposals_come_from_alternate_sides_until_one_accepts() {
    // shows: IACP-147 (§6.4.4), IACP-160 (§6.4.2)
    for alice_counters in 1..=4 {
        for bob_counters in 0..=3 {
            let plan = plan();
            let mut world = World::new(&plan);
            world.alice.counters = (0..alice_counters).map(|n| terms(2 * n)).collect();
            world.bob.counters = (0..bob_counters).map(|n| terms(2 * n + 1)).collect();
            assert!(world.run_until(Mono(600_000)), "it comes to rest");
            let spoken = turns(&world);
            for (place, (side, turn)) in spoken.iter().enumerate() {
                assert_eq!(usize::from(*turn), place + 1);
                assert_eq!(*side, if turn % 2 == 1 { Side::Bob } else { Side::Alice });
            }
            let contract = world.alice.contract.expect("a contract");
            assert_ne!(contract, TERMS);
            assert_contract(&world, &plan, contract);
        }
    }
}

#[test]
fn there_are_at_most_eight_turns() {
    let plan = plan();
    let mut world = World::new(&plan);
    world.alice.counters = vec![terms(1); 20];
    world.bob.counters = vec![terms(2); 20];
    assert!(world.run_until(Mono(600_000)));
    assert_eq!(turns(&world).len(), usize::from(MAX_TURNS));
    assert_contract(&world, &plan, terms(1));
}

#[test]
fn a_negotiation_survives_the_weather() {
    for seed in 0..40 {
        let plan = Plan { seed, weather: Weather { corruption: 0, ..Weather::STORM }, ..plan() };
        let mut world = World::new(&plan);
        world.alice.counters = vec![terms(1), terms(3)];
        world.bob.counters = vec![terms(2)];
        assert!(world.run_until(Mono(3_600_000)), "it comes to rest");
        assert_contract(&world, &plan, terms(1));
    }
}

/// A forger that has refused turn 1, and the library's responder.
fn negotiating() -> (Mono, Host, Forger, Vec<u8>) {
    let now = Mono(1_000);
    let mut bob = Host::new(Side::Bob, 7);
    bob.listen(now, Settings { capabilities: Capabilities::SFC, terms: TERMS });
    let mut forger = Forger { capabilities: 1, ..Forger::new(9) };
    let eid = bob.identity.eid().0;
    let neg = bob.handle(now, addr(Side::Alice), forger.init(&eid)).expect("an answer");
    let ack = forger.ack(&eid, &neg, 0);
    assert_eq!(bob.handle(now, addr(Side::Alice), ack), None);
    assert_eq!(state(&bob), Some(continuity::State::PssNegotiating));
    bob.transmit(now);
    (now, bob, forger, neg)
}

fn state(host: &Host) -> Option<continuity::State> {
    host.session.as_ref().expect("a session").continuity()
}

fn give(bob: &mut Host, now: Mono, bytes: &[u8]) -> String {
    let session = bob.session.as_mut().expect("a session");
    match session.handle(now, &bob.identity, addr(Side::Alice), &mut bytes.to_vec()) {
        Received::Taken => session.poll_event().map_or_else(|| "Nothing".into(), |event| format!("{event:?}")),
        other => format!("{other:?}"),
    }
}

fn discarded(discard: Discard) -> String {
    format!("{:?}", Received::Discarded(discard))
}

#[test]
fn until_the_contract_only_heartbeats_and_the_negotiation_flow() {
    let (now, mut bob, forger, _) = negotiating();
    let chain = forger.keys.as_ref().expect("keys").send_chain;
    let (data, _) = forger.data(forger.initial_sequence, &chain, 0, b"early", 0);
    assert_eq!(give(&mut bob, now, &data), discarded(Discard::NotNow));
    let session = bob.session.as_mut().expect("a session");
    assert_eq!(session.send(now, ContentKind::Anml, b"x"), Err(SendError::NotNow));
    assert_eq!(session.finish(now), Err(SendError::NotNow));
    let keys = forger.keys.as_ref().expect("keys");
    let beat = forger.heartbeat(0, &chain, forger.initial_sequence, keys.peer_sequence, &keys.receive_chain);
    assert_eq!(give(&mut bob, now, &beat), "Established");
    assert_eq!(state(&bob), Some(continuity::State::PssNegotiating));
}

#[test]
fn a_later_turn_is_bound_to_the_turn_before_it() {
    let (now, mut bob, forger, neg) = negotiating();
    let block = conditions(forger.initial_sequence, 1, 0, 9);
    let good = forger.counter(&neg, 2, 1, &block);
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let event = give(&mut bob, now, &flipped);
        assert!(event.starts_with("Discarded"), "bit {bit}: {event}");
    }
    let mut other = neg.clone();
    other[24] ^= 1;
    let unbound = forger.counter(&other, 2, 1, &block);
    assert_eq!(give(&mut bob, now, &unbound), discarded(Discard::Signature));
    let proposed = give(&mut bob, now, &good);
    assert!(proposed.starts_with("Proposed { turn: 2, reasons: RejectionReasons(1)"), "{proposed}");
    assert_eq!(give(&mut bob, now, &good), discarded(Discard::Repeat));
}

#[test]
fn impossible_terms_end_the_session() {
    let base = 1_000;
    for (what, turn, block) in [
        ("a turn that is skipped", 3, conditions(base, 1, 0, 9)),
        ("capabilities that were not agreed", 2, conditions(base, 3, 0, 9)),
        ("another initial sequence", 2, conditions(base + 1, 1, 0, 9)),
        ("a window of no frame", 2, conditions(base, 1, 0, 0)),
    ] {
        let (now, mut bob, forger, neg) = negotiating();
        let event = give(&mut bob, now, &forger.counter(&neg, turn, 0, &block));
        assert_eq!(event, "Closed(Contradiction)", "{what}");
        let told = bob.transmit(now);
        assert_eq!(told[0][20..24], [0, 3, 0, 3], "the peer is told: no contract came about");
    }
}

#[test]
fn an_acceptance_is_repeated_when_the_proposal_is() {
    let (now, mut bob, forger, neg) = negotiating();
    let proposal = forger.counter(&neg, 2, 0, &conditions(forger.initial_sequence, 1, 0, 9));
    give(&mut bob, now, &proposal);
    let session = bob.session.as_mut().expect("a session");
    session.accept_terms(now, &bob.identity).expect("there is a proposal");
    assert_eq!(session.continuity(), Some(continuity::State::Established));
    assert_eq!(session.contract().map(|terms| terms.receive_window), Some(9));
    let accepted = bob.transmit(now);
    let ack = accepted.iter().find(|frame| frame[1] >> 4 == 9).expect("PSS_ACK").clone();
    assert_eq!(u32::from_be_bytes(ack[60..64].try_into().expect("4")), 0x5, "what was agreed, and the terms accepted");
    let mut answers = 0;
    for ms in 0..200 {
        assert_eq!(give(&mut bob, now.after(ms), &proposal), discarded(Discard::Repeat));
        answers += bob.transmit(now.after(ms)).iter().filter(|frame| **frame == ack).count();
    }
    assert_eq!(answers, 4, "the same bytes, at most every 50 ms");
}

#[test]
fn a_proposal_without_an_answer_is_given_up() {
    let mut world = World::new(&plan());
    world.alice.counters = vec![terms(1)];
    assert!(world.run_while(|world| !world.alice.counters.is_empty()));
    let asked = world.now;
    // Bob goes on to show that he lives, and never answers.
    world.bob.counters = Vec::new();
    let deaf = |world: &mut World| {
        while let Some(packet) = world.network.arrive(world.now) {
            if packet.from == Side::Bob || packet.bytes[1] >> 4 != 0xA {
                world.deliver(packet);
            }
        }
    };
    while world.alice.closure.is_none() {
        assert!(world.now < asked.after(2 * NEGOTIATION_LIMIT), "it is not given up");
        let next = [world.network.next(), world.alice.next_deadline(), world.bob.next_deadline()];
        world.now = world.now.max(next.into_iter().flatten().min().expect("something happens"));
        deaf(&mut world);
        let now = world.now;
        world.alice.handle_deadline(now);
        world.bob.handle_deadline(now);
        world.settle();
    }
    assert_eq!(world.now, asked.after(NEGOTIATION_LIMIT));
    assert_eq!(world.alice.closure, Some(Closure::Forced { by_peer: false, reason: 3, truncated: true }));
    assert!(world.run_until(Mono(1_000_000)));
    // Bob waited as long for turn 2, and his own minute ended no later than hers was told.
    assert_eq!(world.bob.closure, Some(Closure::Forced { by_peer: false, reason: 3, truncated: true }));
}

#[test]
fn a_word_out_of_turn_is_no_word() {
    let (now, mut bob, _, _) = negotiating();
    let session = bob.session.as_mut().expect("a session");
    assert_eq!(
        session.accept_terms(now, &bob.identity),
        Err(TermsError::NothingProposed),
        "there is nothing to accept"
    );
    let spoken = session.counter_terms(now, &bob.identity, terms(1), RejectionReasons::OTHER);
    assert_eq!(spoken, Err(TermsError::NotOurTurn), "turn 2 is the initiator's");
    let nothing = Terms { receive_window: 0, ..TERMS };
    assert_eq!(session.counter_terms(now, &bob.identity, nothing, RejectionReasons::NONE), Err(TermsError::Window));
}
