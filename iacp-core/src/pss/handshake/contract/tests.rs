use iacp_wire::{Cookie, Message};

use super::*;
use crate::crypto::{ChaChaOnly, Secret32};
use crate::pss::handshake::frames::HANDSHAKE_LEN;

const COOKIES: Cookies = Cookies { initiator: Cookie([1; 8]), responder: Cookie([2; 8]) };
const AGREED: Capabilities = Capabilities::SFC;
const SHARE: X25519Key = X25519Key([6; 32]);
const TERMS: Terms = Terms { dgk_rotation: 1, lifetime: 2, receive_window: 3 };
const NOW: Mono = Mono(1_000);

fn identity(byte: u8) -> Identity<ChaChaOnly> {
    Identity::from_seed(&Secret32::new([byte; 32]))
}

fn ours() -> Identity<ChaChaOnly> {
    identity(1)
}

fn peer() -> CheckedKey {
    CheckedKey::new::<ChaChaOnly>(&identity(2).eid().0).expect("a key")
}

/// After this turn; our first sequence number is 100, and the peer's 200.
fn negotiation(turn: u16) -> Negotiation {
    let (own, theirs) = (Party::new(100, X25519Key([5; 32])), Party::new(200, SHARE));
    Negotiation { turn, ..Negotiation::new(AGREED, own, theirs, [9; 32], NOW) }
}

/// What the peer signs, behind the last turn.
fn signed(said: &Said<'_>, context: [&[u8]; 2]) -> ([u8; HANDSHAKE_LEN], usize) {
    let mut out = [0; HANDSHAKE_LEN];
    let (length, _) = said.sign(&identity(2), context, &mut out).expect("there is room");
    (out, length)
}

/// Whether a counter-proposal of the peer's is one, or contradicts.
fn hears(
    negotiation: &mut Negotiation,
    role: Role,
    (turn, initial_sequence, capabilities): (u16, u64, Capabilities),
) -> Result<bool, Discard> {
    let proposal = Proposal { initial_sequence, capabilities, terms: TERMS };
    let said = Said::Counter { cookies: COOKIES, turn, reasons: RejectionReasons::OTHER, proposal };
    let (bytes, length) = signed(&said, [&negotiation.digest, &[]]);
    let frame = Frame::parse(&bytes[..length]).expect("well-formed");
    let Message::PssNeg(message) = frame.message else { panic!("no PSS_NEG") };
    let heard =
        negotiation.hear_proposal::<ChaChaOnly>(&peer(), role, Mono(5_000), &frame, message, &bytes[..length])?;
    Ok(matches!(heard, Heard::Proposal))
}

/// Each reason alone for which a turn is none.
#[test]
fn a_turn_is_the_next_one_of_the_other_side_with_what_was_agreed() {
    use Role::{Initiator, Responder};
    for (before, role, said, heard) in [
        (1, Responder, (2, 200, AGREED), Ok(true)),
        (1, Responder, (1, 200, AGREED), Err(Discard::Repeat)),
        (1, Responder, (4, 200, AGREED), Ok(false)),
        (1, Responder, (2, 201, AGREED), Ok(false)),
        (1, Responder, (2, 200, AGREED.with(Capabilities::RESUME)), Ok(false)),
        (2, Responder, (3, 200, AGREED), Ok(false)),
        (2, Initiator, (3, 200, AGREED), Ok(true)),
        (7, Responder, (8, 200, AGREED), Ok(true)),
        (8, Initiator, (9, 200, AGREED), Ok(false)),
    ] {
        let mut negotiation = negotiation(before);
        assert_eq!(hears(&mut negotiation, role, said), heard, "turn {} after {before}", said.0);
        let proposed = (heard == Ok(true)).then_some((said.0, RejectionReasons::OTHER, TERMS));
        assert_eq!(negotiation.proposed(), proposed);
        let give_up = if heard == Ok(true) { 65_000 } else { 61_000 };
        assert_eq!(negotiation.give_up, Mono(give_up));
    }
}

#[test]
fn sides_alternate_up_to_turn_8_and_a_proposal_is_repeated() {
    for (turn, next) in [(1, Some(Role::Initiator)), (2, Some(Role::Responder)), (7, Some(Role::Initiator)), (8, None)]
    {
        for role in [Role::Initiator, Role::Responder] {
            assert_eq!(negotiation(turn).may_propose(role), next == Some(role), "after turn {turn}");
        }
    }
    let mut negotiation = negotiation(1);
    let mut out = [0; HANDSHAKE_LEN];
    assert_eq!((negotiation.repeat(), negotiation.write_due(NOW, COOKIES, &mut out)), (None, 0));
    negotiation.propose(&ours(), COOKIES, TERMS, RejectionReasons::NONE, Mono(5_000));
    assert_eq!((negotiation.repeat(), negotiation.give_up), (Some(Mono(5_000)), Mono(65_000)));
    assert!(!negotiation.may_propose(Role::Responder), "its own word is unanswered");
    assert_eq!(negotiation.proposed(), None);
    for (now, due) in [(4_999, false), (5_000, true), (5_249, false), (5_250, true), (5_749, false), (5_750, true)] {
        assert_eq!(negotiation.write_due(Mono(now), COOKIES, &mut out) > 0, due, "at {now}");
    }
    let frame = Frame::parse(&out[..120]).expect("well-formed");
    let Message::PssNeg(message) = frame.message else { panic!("no PSS_NEG") };
    let proposal = Proposal { initial_sequence: 100, capabilities: AGREED, terms: TERMS };
    assert_eq!(message.negotiation_turn_counter.get(), 2);
    assert_eq!(Proposal::read(&message.conditions), Some(proposal));
    negotiation.repeat_again(Mono(6_000));
    assert_eq!(negotiation.repeat(), Some(Mono(6_000)));
}

/// Each reason alone for which a PSS_ACK accepts nothing.
#[test]
fn an_acceptance_repeats_what_its_side_said_in_the_handshake() {
    let (eid, other) = (identity(2).eid(), identity(3).eid());
    let accepted = AGREED.with(Capabilities::TERMS_ACCEPTED);
    for (eid, initial_sequence, capabilities, share, terms) in [
        (eid, 200, accepted, SHARE, Some(TERMS)),
        (other, 200, accepted, SHARE, None),
        (eid, 201, accepted, SHARE, None),
        (eid, 200, AGREED, SHARE, None),
        (eid, 200, accepted, X25519Key([7; 32]), None),
    ] {
        let mut negotiation = negotiation(1);
        negotiation.propose(&ours(), COOKIES, TERMS, RejectionReasons::NONE, NOW);
        let own = ours().eid();
        let hear = |negotiation: &Negotiation, context: [&[u8]; 2]| {
            let said = Said::Ack { eid: &eid, cookies: COOKIES, initial_sequence, capabilities, share: &share };
            let (bytes, length) = signed(&said, context);
            let frame = Frame::parse(&bytes[..length]).expect("well-formed");
            let Message::PssAck(message) = frame.message else { panic!("no PSS_ACK") };
            negotiation.hear_acceptance::<ChaChaOnly>(&own, &peer(), &frame, message, &bytes[..length])
        };
        assert_eq!(hear(&negotiation, [&own.0, &negotiation.digest]), Ok(terms));
        assert_eq!(hear(&negotiation, [&own.0, &[8; 32]]), Err(Discard::Signature), "of another turn");
        let unasked = self::negotiation(1);
        assert_eq!(hear(&unasked, [&own.0, &unasked.digest]), Err(Discard::Repeat), "nothing was proposed");
    }
}

#[test]
fn terms_are_accepted_once_they_are_proposed_and_their_repeats_are_known() {
    let mut negotiation = negotiation(1);
    assert!(negotiation.accept(&ours(), COOKIES, &peer()).is_none());
    assert_eq!(hears(&mut negotiation, Role::Responder, (2, 200, AGREED)), Ok(true));
    let (terms, acceptance) = negotiation.accept(&ours(), COOKIES, &peer()).expect("there is a proposal");
    assert_eq!((terms, acceptance.due), (TERMS, true));
    let mut out = [0; HANDSHAKE_LEN];
    let length = acceptance.write(&ours().eid(), COOKIES, &mut out);
    let frame = Frame::parse(&out[..length]).expect("well-formed");
    let Message::PssAck(message) = frame.message else { panic!("no PSS_ACK") };
    let said = (message.responder_eid, message.responder_initial_sequence.get(), message.agreed_capabilities.get());
    assert_eq!(said, (ours().eid(), 100, 0x5));
    for (turn, reasons, is_known) in
        [(2, RejectionReasons::OTHER, true), (2, RejectionReasons::NONE, false), (4, RejectionReasons::OTHER, false)]
    {
        let proposal = Proposal { initial_sequence: 200, capabilities: AGREED, terms: TERMS };
        let said = Said::Counter { cookies: COOKIES, turn, reasons, proposal };
        let (bytes, length) = signed(&said, [&[9; 32], &[]]);
        let frame = Frame::parse(&bytes[..length]).expect("well-formed");
        let Message::PssNeg(message) = frame.message else { panic!("no PSS_NEG") };
        assert_eq!(acceptance.answers::<ChaChaOnly>(&frame, message, &bytes[..length]), is_known, "turn {turn}");
    }
}
