//! What proves malfeasance out of a session, and what does not (`IACP §6.5.2`).

use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::directory::accusation::verify_accusation;
use iacp_core::governance::claims::{ClaimKind, accuse_claims, turn_claim};
use iacp_core::governance::equivocation::{Ends, NotProven, Published, Sighting, TURN, contract_pair, response};
use iacp_core::governance::malfeasance::Unproven;
use iacp_core::identity::Identity;
use iacp_wire::message::{Evidence, MalfeasanceData, PssNeg};
use iacp_wire::{ConditionsBlock, Cookie, Digest, Eid, Frame, Message, Signature};
use sha2::Sha256;

const BEFORE: Digest = Digest([9; 32]);

fn key(seed: u8) -> <Portable as Provider>::SigningKey {
    Portable::signing_key(&Secret32::new([seed; 32]))
}

fn eid(seed: u8) -> Eid {
    Eid(Portable::public_key(&key(seed)))
}

/// A PSS_NEG, signed by hand: label, predecessor, frame without its signature.
fn turn(seed: u8, before: &Digest, responder: u8, number: u16, reasons: u16, conditions: u8) -> Vec<u8> {
    let neg = PssNeg {
        session_connection_cookie: Cookie([1; 8]),
        negotiation_turn_counter: number.into(),
        rejection_reason_flags: reasons.into(),
        conditions: ConditionsBlock([conditions; 32]),
        signature: Signature::ZERO,
    };
    let mut bytes = vec![0; TURN];
    let frame = Frame::new(Message::PssNeg(&neg)).in_session(Cookie([responder; 8]));
    assert_eq!(frame.write(&mut bytes), Ok(TURN));
    let signed = [b"IACP/1 PSS_NEG\0", &before.0[..], &bytes[..56]].concat();
    let digest: [u8; 32] = <Sha256 as sha2::Digest>::digest(signed).into();
    bytes[56..].copy_from_slice(&Portable::sign(&key(seed), &digest));
    bytes
}

fn proves(one: &[u8], two: &[u8]) -> Result<(), NotProven> {
    contract_pair::<Portable>(&eid(7), &BEFORE, one, two)
}

// shows: IACP-154 (§6.5.2)
#[test]
fn two_contracts_for_one_turn_prove_their_signer() {
    let one = turn(7, &BEFORE, 2, 3, 1, 5);
    assert_eq!(proves(&one, &turn(7, &BEFORE, 2, 3, 1, 6)), Ok(()), "other conditions");
    assert_eq!(proves(&one, &turn(7, &BEFORE, 2, 3, 2, 5)), Ok(()), "other reasons");
    assert_eq!(proves(&one, &one), Err(NotProven::Same), "a repetition is honest");
    assert_eq!(proves(&one, &turn(7, &BEFORE, 2, 5, 1, 6)), Err(NotProven::OtherPoint), "another turn");
    assert_eq!(proves(&one, &turn(7, &BEFORE, 3, 3, 1, 6)), Err(NotProven::OtherPoint), "another session");
    assert_eq!(proves(&one, &turn(7, &Digest([8; 32]), 2, 3, 1, 6)), Err(NotProven::Signature), "another predecessor");
    assert_eq!(proves(&one, &turn(8, &BEFORE, 2, 3, 1, 6)), Err(NotProven::Signature), "another signer");
    for number in [0, 1, 9] {
        let out = [turn(7, &BEFORE, 2, number, 1, 5), turn(7, &BEFORE, 2, number, 1, 6)];
        assert_eq!(proves(&out[0], &out[1]), Err(NotProven::NotATurn), "turn {number}");
    }
    let unanswered = [turn(7, &BEFORE, 0, 3, 1, 5), turn(7, &BEFORE, 0, 3, 1, 6)];
    assert_eq!(proves(&unanswered[0], &unanswered[1]), Err(NotProven::NotATurn), "no R-Cookie");
}

#[test]
fn whatever_is_altered_proves_nothing() {
    let (one, two) = (turn(7, &BEFORE, 2, 3, 1, 5), turn(7, &BEFORE, 2, 3, 1, 6));
    for byte in 0..TURN {
        let mut altered = two.clone();
        altered[byte] ^= 1;
        assert!(proves(&one, &altered).is_err(), "byte {byte}");
        assert!(proves(&altered, &one).is_err(), "byte {byte}");
    }
    assert!((0..TURN).all(|length| proves(&one, &two[..length]) == Err(NotProven::NotATurn)));
}

/// The attack *accusing by sealed frames, or by two tickets that share a nonce by chance*.
// shows: IACP-153 (§6.5.2)
#[test]
fn only_what_is_provable_is_published() {
    for (seen, ends, published) in [
        (Sighting::ContractPair, Ends::EverySession, Published::Revocation),
        (Sighting::BindingPair, Ends::Nothing, Published::ProofOfMal),
        (Sighting::TicketPair, Ends::Nothing, Published::Nothing),
        (Sighting::Contradiction, Ends::Session, Published::Nothing),
        (Sighting::NoRight, Ends::Nothing, Published::Nothing),
    ] {
        assert_eq!(response(seen), (ends, published));
    }
}

// shows: IACP-154 (§6.5.2)
#[test]
fn the_pair_stands_in_an_accusation_of_350_bytes_behind_its_ticket() {
    let claim = |before: &Digest, conditions| {
        let bytes = turn(7, before, 2, 3, 1, conditions);
        turn_claim(before, bytes[..].try_into().expect("a turn"))
    };
    let accuser = Identity::<Portable>::from_seed(&Secret32::new([3; 32]));
    let verdict = |one: &[u8], other: &[u8]| {
        let mut buffer = [0; 400];
        let (ticket, claims) =
            accuse_claims(&accuser, eid(7), ClaimKind::Turn, [one, other], 0, &mut buffer).expect("room");
        let evidence = Evidence::Claims(claims);
        verify_accusation::<Portable>(&MalfeasanceData { ticket: &ticket, evidence })
            .map(|accusation| (accusation.offender(), evidence.as_bytes().len()))
    };
    let one = claim(&BEFORE, 5);
    assert_eq!(verdict(&one, &claim(&BEFORE, 6)), Ok((eid(7), 350)));
    assert_eq!(verdict(&one, &claim(&Digest([8; 32]), 6)), Err(Unproven::Serial));
    let mut resigned = one;
    resigned[32 + 119] ^= 1;
    assert_eq!(verdict(&one, &resigned), Err(Unproven::NoContradiction));
    let mut forged = claim(&BEFORE, 6);
    forged[32 + 119] ^= 1;
    assert_eq!(verdict(&one, &forged), Err(Unproven::Fragment));
    assert_eq!(verdict(&one, &one[..151]), Err(Unproven::Form));
}
