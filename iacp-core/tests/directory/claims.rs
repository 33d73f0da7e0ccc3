//! Offences that two signed bodies show, and what never shows one.

use iacp_core::directory::accusation::{Court, verify_accusation};
use iacp_core::directory::{Class, Judgement, Kind, sign};
use iacp_core::governance::ballot;
use iacp_core::governance::claims::{ClaimKind, accuse_claims};
use iacp_core::governance::malfeasance::{Accusation, Offence, Unproven};
use iacp_core::governance::window::Outcome;
use iacp_wire::layout::NamespaceRoot;
use iacp_wire::message::{Evidence, MalfeasanceData, PomVote, ProofOfMal};
use iacp_wire::{Digest, Eid};
use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::{Chosen, Known, NOW, hashed, identity, judged, record};

/// Key 1 delegates.
fn token(signer: u8, child: &str, key: u8, not_before: u64, not_after: u64) -> Vec<u8> {
    let mut body = Vec::new();
    for path in ["org", child] {
        body.extend(u16::try_from(path.len()).expect("short").to_be_bytes());
        body.extend(path.as_bytes());
    }
    body.extend(identity(key).eid().0);
    body.extend(not_before.to_be_bytes());
    body.extend(not_after.to_be_bytes());
    body.extend(sign(&identity(signer), Kind::Delegation, &body, &[]).0);
    body
}

fn curation(signer: u8, version: u64, before: u8, key: u8) -> Vec<u8> {
    let named = NamespaceRoot {
        curation_public_key: identity(key).eid(),
        escrow_allocation_index: Digest::ZERO,
        namespace: "org",
    };
    let mut buffer = [0; 200];
    let length = named.write(&mut buffer).expect("71 bytes");
    let mut body = [&version.to_be_bytes()[..], &[before; 32], &buffer[..length]].concat();
    body.extend(sign(&identity(signer), Kind::Curation, &body, &[]).0);
    body
}

fn vote(signer: u8, id: u8, outcome: Outcome, epoch: u64) -> Vec<u8> {
    ballot::sign(&identity(signer), Digest([id; 32]), identity(9).eid(), outcome, epoch).as_bytes().to_vec()
}

/// The body of a PROOF_OF_MAL by key 2 against key 1.
fn case(kind: ClaimKind, one: &[u8], other: &[u8]) -> Vec<u8> {
    against(1, kind, one, other)
}

fn against(offender: u8, kind: ClaimKind, one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut buffer = [0; 900];
    let (ticket, claims) =
        accuse_claims(&identity(2), identity(offender).eid(), kind, [one, other], NOW.0, &mut buffer).expect("room");
    [ticket.as_bytes(), claims.as_bytes()].concat()
}

fn verdict(case: &[u8]) -> Result<Accusation, Unproven> {
    verify_accusation::<Chosen>(&MalfeasanceData::parse(case).expect("sizes are right"))
}

// shows: IACP-100 (§5.5.1)
#[test]
fn two_delegations_of_one_child_with_one_beginning_prove_their_curator() {
    let one = token(1, "org.a", 3, 1_000, 9_000);
    for other in [token(1, "org.a", 4, 1_000, 9_000), token(1, "org.a", 3, 1_000, 9_001)] {
        let case = case(ClaimKind::Delegation, &one, &other);
        let accusation = verdict(&case).expect("proof");
        assert_eq!((accusation.offence(), accusation.offender()), (Offence::CuratorDoubleSigning, identity(1).eid()));
        // Tried where the path is whose key signed, and stored there.
        let data = MalfeasanceData::parse(&case).expect("sizes are right");
        let court = Court::of(&data).expect("a court");
        assert_eq!((court.class(), court.key::<Chosen>()), (Class::Namespaces, hashed(b"org")));
        let stands = |key| judged(&record(Kind::Accusation, key, &case), None, &Known::default());
        assert!(matches!(stands(hashed(b"org")), Judgement::Store { .. }));
        assert!(matches!(stands(hashed(&identity(1).eid().0)), Judgement::Refused(_)));
        // Only the end of the key clears; it has no generations.
        assert!(accusation.is_cleared_by(0) && !accusation.is_cleared_by(1));
    }
    let (not_before, child) = (token(1, "org.a", 4, 1_001, 9_000), token(1, "org.b", 4, 1_000, 9_000));
    assert_eq!(verdict(&case(ClaimKind::Delegation, &one, &not_before)), Err(Unproven::Serial), "a later one replaces");
    assert_eq!(verdict(&case(ClaimKind::Delegation, &one, &child)), Err(Unproven::Serial), "two children");
    let forged = token(3, "org.a", 4, 1_000, 9_000);
    assert_eq!(verdict(&case(ClaimKind::Delegation, &one, &forged)), Err(Unproven::Fragment), "another's signature");
    let mut resigned = one.clone();
    *resigned.last_mut().expect("bytes") ^= 1;
    assert_eq!(verdict(&case(ClaimKind::Delegation, &one, &resigned)), Err(Unproven::NoContradiction));
}

// shows: IACP-100 (§5.5.1)
#[test]
fn two_changes_of_one_state_prove_their_curator_and_a_name_registered_anew_does_not() {
    let one = curation(1, 1, 7, 3);
    assert!(verdict(&case(ClaimKind::Curation, &one, &curation(1, 1, 7, 4))).is_ok());
    assert_eq!(verdict(&case(ClaimKind::Curation, &one, &curation(1, 2, 7, 4))), Err(Unproven::Serial), "the next");
    assert_eq!(verdict(&case(ClaimKind::Curation, &one, &curation(1, 1, 8, 4))), Err(Unproven::Serial), "anew");
    assert_eq!(verdict(&case(ClaimKind::Curation, &one, &curation(2, 1, 7, 4))), Err(Unproven::Fragment));
    // Claims of one kind are none of another.
    assert!(verdict(&case(ClaimKind::Vote, &one, &curation(1, 1, 7, 4))).is_err());
}

// shows: IACP-100 (§5.5.1)
#[test]
fn two_votes_of_one_node_that_differ_convict_it_and_nothing_clears_it() {
    let one = vote(1, 5, Outcome::Guilty, 40);
    let accusation = verdict(&case(ClaimKind::Vote, &one, &vote(1, 5, Outcome::Cleared, 40))).expect("proof");
    assert_eq!(accusation.offence(), Offence::DoubleVote);
    assert!([0, 1, u64::MAX].into_iter().all(|first| !accusation.is_cleared_by(first)));
    assert!(verdict(&case(ClaimKind::Vote, &one, &vote(1, 5, Outcome::Cleared, 41))).is_ok());
    for (other, reason) in [
        (vote(1, 5, Outcome::Guilty, 41), Unproven::NoContradiction),
        (vote(1, 6, Outcome::Cleared, 40), Unproven::Serial),
        (vote(3, 5, Outcome::Cleared, 40), Unproven::Fragment),
    ] {
        assert_eq!(verdict(&case(ClaimKind::Vote, &one, &other)), Err(reason));
    }
    // Reserved bytes make other bytes and no other vote.
    let mut spelt = one.clone();
    spelt[65] = 1;
    assert_eq!(verdict(&case(ClaimKind::Vote, &one, &spelt)), Err(Unproven::NoContradiction));
    assert_eq!(verdict(&case(ClaimKind::Vote, &one[..171], &one)), Err(Unproven::Form));
}

/// Defective tickets change nothing: each byte of one is checked.
// shows: IACP-098 (§4.2.7.1)
#[test]
fn malformed_malfeasance_is_refused() {
    let one = token(1, "org.a", 3, 1_000, 9_000);
    let sound = case(ClaimKind::Delegation, &one, &token(1, "org.a", 4, 1_000, 9_000));
    for at in 0..sound.len() {
        let mut changed = sound.clone();
        changed[at] ^= 1;
        let Ok(data) = MalfeasanceData::parse(&changed) else { continue };
        // The reserved byte behind the claim kind is the accuser's word too.
        assert!(verify_accusation::<Chosen>(&data).is_err(), "byte {at}");
        assert!(matches!(
            judged(&record(Kind::Accusation, hashed(b"org"), &changed), None, &Known::default()),
            Judgement::Refused(_)
        ));
    }
    for length in 0..sound.len() {
        assert!(MalfeasanceData::parse(&sound[..length]).is_err(), "{length} bytes");
    }
    let changed = |change: fn(&mut ProofOfMal)| {
        let data = MalfeasanceData::parse(&sound).expect("sizes are right");
        let mut ticket = *data.ticket;
        change(&mut ticket);
        verify_accusation::<Chosen>(&MalfeasanceData { ticket: &ticket, evidence: data.evidence }).err()
    };
    assert_eq!(changed(|ticket| ticket.version = 2.into()), Some(Unproven::Version));
    for offence in [1, 3, 4] {
        let data = MalfeasanceData::parse(&sound).expect("sizes are right");
        let ticket = ProofOfMal { offense_type: offence.into(), ..*data.ticket };
        let data = MalfeasanceData { ticket: &ticket, evidence: data.evidence };
        assert_eq!(verify_accusation::<Chosen>(&data).err(), Some(Unproven::Offence), "offence {offence}");
    }
    let swapped = changed(|ticket| core::mem::swap(&mut ticket.digest_a, &mut ticket.digest_b));
    assert_eq!(swapped, Some(Unproven::Digests));
    assert_eq!(verdict(&against(2, ClaimKind::Delegation, &one, &one)), Err(Unproven::OwnAccuser));
    assert_eq!(verdict(&case(ClaimKind::Delegation, &one, &one)), Err(Unproven::Digests), "one claim twice");
    assert_eq!(changed(|ticket| ticket.signature.0[0] ^= 1), Some(Unproven::Accuser));
    assert_eq!(verdict(&case(ClaimKind::Delegation, b"", b"x")), Err(Unproven::Form));
    let Evidence::Claims(claims) = MalfeasanceData::parse(&sound).expect("sizes are right").evidence else { panic!() };
    assert_eq!(claims.tail().accuser_eid, identity(2).eid());
}

proptest! {
    /// A curator that keeps the rules signs each serial once. However its words are paired, none of them convict it; nor do the
    /// votes of a node that votes once, repeated or not.
    #[test]
    fn an_honest_curator_or_voter_is_never_convicted(
        pair in (0_u64..4, 0_u64..4), kinds in 0_u8..3, respell: bool,
    ) {
        let (kind, words): (_, Vec<Vec<u8>>) = match kinds {
            0 => (ClaimKind::Delegation, (0..4_u8).map(|n| token(1, "org.a", 3 + n, 1_000 + u64::from(n), 9_000)).collect()),
            1 => (ClaimKind::Curation, (0..4_u8).map(|n| curation(1, u64::from(n) + 1, n, 3 + n)).collect()),
            _ => (ClaimKind::Vote, (0..4_u8).map(|n| vote(1, n, if n % 2 == 0 { Outcome::Guilty } else { Outcome::Cleared }, 40)).collect()),
        };
        let at = |n: u64| usize::try_from(n).unwrap_or(0);
        let (one, mut other) = (words[at(pair.0)].clone(), words[at(pair.1)].clone());
        if respell && let Some(last) = other.last_mut() {
            *last ^= 1;
        }
        prop_assert!(verdict(&case(kind, &one, &other)).is_err());
    }
}

const _: () = assert!(size_of::<Eid>() == 32 && size_of::<PomVote>() == 172);

/// The attack "a curator is suspected for another's token": two tokens of one beginning contradict each other if one key signed both, for
/// one parent.
// shows: IACP-127 (§5.5.3)
#[test]
fn two_tokens_of_two_signers_or_two_parents_contradict_nothing() {
    let known = Known {
        path_keys: vec![("org".into(), identity(1).eid()), ("org.a".into(), identity(1).eid())],
        ..Known::default()
    };
    let day = 86_400_000;
    let at = |body: &'static [u8]| record(Kind::Delegation, hashed(b"org.a.b"), body);
    let made = |signer, key| token(signer, "org.a.b", key, NOW.0, NOW.0 + day).leak();
    let new = at(made(1, 5));
    assert_eq!(judged(&new, Some(&at(made(1, 6))), &known), Judgement::Equivocation);
    assert_eq!(judged(&new, Some(&at(made(9, 6))), &known), Judgement::Stale, "the key before signed the other one");
    // The same child, by way of another parent.
    let mut other = Vec::new();
    for path in ["org.a", "org.a.b"] {
        other.extend(u16::try_from(path.len()).expect("short").to_be_bytes());
        other.extend(path.as_bytes());
    }
    other.extend(identity(6).eid().0);
    other.extend([NOW.0.to_be_bytes(), (NOW.0 + day).to_be_bytes()].concat());
    other.extend(sign(&identity(1), Kind::Delegation, &other, &[]).0);
    assert_eq!(judged(&new, Some(&at(other.leak())), &known), Judgement::Stale);
}
