//! What proves malfeasance, and what never does.

use iacp_core::crypto::ChaChaOnly;
use iacp_core::governance::malfeasance::{Unproven, accuse, verify, verify_pair};
use iacp_wire::message::{Evidence, HeaderFragment, MalfeasanceData, MalfeasanceEvidence, ProofOfMal};
use iacp_wire::{Locator, Signature};
use proptest::prelude::*;
use zerocopy::{FromBytes, IntoBytes};

use super::{NOW, binding, hashed, identity, ip};
use iacp_core::directory::{Judgement, Kind};

fn fragment(seed: u8, at: Locator, generation: u64) -> HeaderFragment {
    let binding = binding(seed, at, generation);
    HeaderFragment::from(&binding)
}

/// Key 2 accuses key 1.
fn case(one: HeaderFragment, other: HeaderFragment) -> (ProofOfMal, MalfeasanceEvidence) {
    accuse(&identity(2), identity(1).eid(), one, other, NOW.0)
}

fn verdict((ticket, evidence): &(ProofOfMal, MalfeasanceEvidence)) -> Option<Unproven> {
    verify::<ChaChaOnly>(&MalfeasanceData { ticket, evidence: Evidence::Bindings(evidence) }).err()
}

// shows: IACP-098 (§4.2.7.1), IACP-099 (§4.2.7.1)
#[test]
fn two_places_under_one_generation_are_proof() {
    let case = case(fragment(1, ip(1), 7), fragment(1, ip(2), 7));
    let (ticket, evidence) = &case;
    let accusation =
        verify::<ChaChaOnly>(&MalfeasanceData { ticket, evidence: Evidence::Bindings(evidence) }).expect("proof");
    assert_eq!((accusation.offender(), accusation.accuser()), (identity(1).eid(), identity(2).eid()));
    assert_eq!(accusation.generation(), 7);
    // Ten accusers of one pair are one accusation, whichever fragment they had first.
    let (ticket, evidence) =
        &accuse(&identity(3), identity(1).eid(), fragment(1, ip(2), 7), fragment(1, ip(1), 7), NOW.0 + 1);
    let again =
        verify::<ChaChaOnly>(&MalfeasanceData { ticket, evidence: Evidence::Bindings(evidence) }).expect("proof");
    assert_eq!(again.id(), accusation.id());
    // A revocation that begins at or below the generation clears; one above it does not.
    assert!(accusation.is_cleared_by(0) && accusation.is_cleared_by(7) && !accusation.is_cleared_by(8));
}

// shows: IACP-098 (§4.2.7.1)
#[test]
fn what_proves_nothing_is_refused_with_its_reason() {
    let sound = || case(fragment(1, ip(1), 7), fragment(1, ip(2), 7));
    let changed = |change: fn(&mut ProofOfMal, &mut MalfeasanceEvidence)| {
        let (mut ticket, mut evidence) = sound();
        change(&mut ticket, &mut evidence);
        (ticket, evidence)
    };
    let spelt = |octets: [u8; 16]| case(fragment(1, ip(1), 7), fragment(1, Locator(octets), 7));
    let compatible = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1];
    let translated = [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1];
    for (number, (reason, case)) in [
        (Unproven::Version, changed(|ticket, _| ticket.version = 2.into())),
        (Unproven::Offence, changed(|ticket, _| ticket.offense_type = 2.into())),
        (Unproven::Offence, changed(|ticket, _| ticket.offense_type = 0.into())),
        (Unproven::OwnAccuser, changed(|ticket, evidence| evidence.accuser_eid = ticket.target_eid)),
        (Unproven::Generations, case(fragment(1, ip(1), 7), fragment(1, ip(2), 8))),
        (Unproven::SamePlace, case(fragment(1, ip(1), 7), fragment(1, ip(1), 7))),
        (Unproven::Spelling, spelt(compatible)),
        (Unproven::Spelling, spelt(translated)),
        (Unproven::Spelling, spelt([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2])),
        (Unproven::Digests, changed(|ticket, _| ticket.digest_a.0[0] ^= 1)),
        (
            Unproven::Digests,
            changed(|ticket, _| (ticket.digest_a, ticket.digest_b) = (ticket.digest_b, ticket.digest_a)),
        ),
        (Unproven::Fragment, case(fragment(1, ip(1), 7), fragment(3, ip(2), 7))),
        (Unproven::Fragment, case(fragment(3, ip(1), 7), fragment(3, ip(2), 7))),
        (Unproven::Accuser, changed(|ticket, _| ticket.signature = Signature([7; 64]))),
        (Unproven::Accuser, changed(|_, evidence| evidence.verification_time = 1.into())),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(verdict(&case), Some(reason), "case {number}");
    }
    // `::1` is no IPv4 address, so it has one spelling.
    assert_eq!(verdict(&spelt([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])), None);
    // A leaving and a place under one generation contradict each other too.
    assert_eq!(verdict(&case(fragment(1, Locator::ZERO, 7), fragment(1, ip(2), 7))), None);
}

/// The accuser's word, and the name of the accusation, by hand.
// shows: IACP-098 (§4.2.7.1)
#[test]
fn a_ticket_is_signed_as_its_frame_and_named_by_what_it_accuses_of() {
    use iacp_core::crypto::Provider;
    let (ticket, evidence) = case(fragment(1, ip(1), 7), fragment(1, ip(2), 7));
    let header = [0x11, 0x80, 0x01, 0x7C];
    let parts: [&[u8]; 4] = [b"IACP/1 PROOF_OF_MAL\0", &header, &ticket.as_bytes()[..100], evidence.as_bytes()];
    let digest = ChaChaOnly::sha256(&parts);
    assert!(ChaChaOnly::verify(&identity(2).eid().0, &digest, &ticket.signature.0).is_ok());
    let id = |(ticket, evidence): &(ProofOfMal, MalfeasanceEvidence)| {
        verify::<ChaChaOnly>(&MalfeasanceData { ticket, evidence: Evidence::Bindings(evidence) }).expect("proof").id()
    };
    let named = [b"IACP/1 accusation\0", &ticket.as_bytes()[2..100]].concat();
    assert_eq!(id(&(ticket, evidence)).0, ChaChaOnly::sha256(&[&named]));
    assert_ne!(id(&(ticket, evidence)), id(&case(fragment(1, ip(1), 7), fragment(1, ip(3), 7))), "of another pair");
}

#[test]
fn a_pair_convicts_whichever_way_it_came() {
    let (mut ticket, evidence) = case(fragment(1, ip(1), 7), fragment(1, ip(2), 7));
    ticket.signature = Signature::ZERO;
    let data = MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) };
    assert_eq!(verify::<ChaChaOnly>(&data), Err(Unproven::Accuser));
    assert!(verify_pair::<ChaChaOnly>(&data).is_ok());
}

#[test]
fn an_accusation_is_kept_under_the_offender_and_only_with_proof() {
    let bytes =
        |(ticket, evidence): (ProofOfMal, MalfeasanceEvidence)| [ticket.as_bytes(), evidence.as_bytes()].concat();
    let key = hashed(&identity(1).eid().0);
    let judged =
        |body: &[u8]| super::judged(&super::record(Kind::Accusation, key, body), None, &super::Known::default());
    assert!(matches!(judged(&bytes(case(fragment(1, ip(1), 7), fragment(1, ip(2), 7)))), Judgement::Store { .. }));
    assert!(matches!(judged(&bytes(case(fragment(1, ip(1), 7), fragment(1, ip(2), 8)))), Judgement::Refused(_)));
}

proptest! {
    /// A host that keeps the rules has signed one place for each generation. However its bindings are paired, repeated or
    /// respelt, no pair of them is proof.
    #[test]
    fn no_two_bindings_of_an_honest_host_are_proof(
        places in prop::collection::vec(1_u8..5, 1..6),
        pair: (prop::sample::Index, prop::sample::Index),
        respelling in 0..3,
    ) {
        let [one, other] = [pair.0, pair.1].map(|index| {
            let generation = index.index(places.len());
            fragment(1, ip(places[generation]), generation as u64)
        });
        let mut respelt = other;
        match respelling {
            1 => respelt.ip.0[10..12].fill(0),
            2 => respelt.ip.0[..12].copy_from_slice(&[0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]),
            _ => {}
        }
        prop_assert!(verdict(&case(one, respelt)).is_some());
    }

    /// A ticket of which any byte is changed proves nothing.
    #[test]
    fn a_ticket_with_a_changed_byte_proves_nothing(at in 0_usize..380, flip in 1_u8..) {
        let (ticket, evidence) = case(fragment(1, ip(1), 7), fragment(1, ip(2), 7));
        let mut bytes = [ticket.as_bytes(), evidence.as_bytes()].concat();
        bytes[at] ^= flip;
        let ticket = ProofOfMal::read_from_bytes(&bytes[..164]).expect("164 bytes");
        let evidence = MalfeasanceEvidence::read_from_bytes(&bytes[164..]).expect("216 bytes");
        prop_assert!(verdict(&(ticket, evidence)).is_some());
    }
}
