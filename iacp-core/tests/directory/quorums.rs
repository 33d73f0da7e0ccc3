//! Records that a quorum's votes prove, and those of curators: kinds 9, 10, 13, 14 and 17.

use iacp_core::crypto::Provider;
use iacp_core::directory::{Class, Judgement, Kind, NotStored, Origin, judge, sign};
use iacp_core::governance::ballot::{self, NotBinding};
use iacp_core::governance::filter;
use iacp_core::governance::window::Outcome;
use iacp_wire::layout::{
    Assertion, AssertionTerms, Custody, CustodyTerms, CustodyVote, FilterPart, Record, Revocation, Verdict,
    VerdictHead, VerdictVote,
};
use iacp_wire::{DhtKey, Digest, Eid, Frame, Message, Signature, message::PssRevocationRebuttal};
use zerocopy::IntoBytes;

use super::{Chosen, DAY, Known, NOW, hashed, identity, judged, record};

const ID: Digest = Digest([9; 32]);
/// Keys 11 to 17 are the responsible nodes.
const NODES: core::ops::Range<u8> = 11..18;

fn voters() -> Vec<Eid> {
    NODES.map(|seed| identity(seed).eid()).collect()
}

fn with_voters() -> Known {
    Known { voters: voters(), ..Known::default() }
}

fn refused(refusal: NotStored) -> Judgement {
    Judgement::Refused(refusal)
}

fn verdict_by(nodes: &[u8], offender: u8, outcome: Outcome) -> Vec<u8> {
    let offender_eid = identity(offender).eid();
    let votes: Vec<VerdictVote> = nodes
        .iter()
        .map(|seed| {
            let vote = ballot::sign(&identity(*seed), ID, offender_eid, outcome, 7);
            VerdictVote { voter_eid: vote.voter_eid, epoch: vote.epoch, signature: vote.signature }
        })
        .collect();
    let head = VerdictHead {
        accusation_id: ID,
        offender_eid,
        outcome: outcome as u8,
        count: u8::try_from(votes.len()).expect("few"),
        reserved: [0; 2],
    };
    let mut buffer = [0; 960];
    let length = Verdict { head: &head, votes: &votes }.write(&mut buffer).expect("at most seven votes");
    buffer[..length].to_vec()
}

// shows: IACP-068 (§4.2.1.3), IACP-126 (§5.5.2)
#[test]
fn a_verdict_stands_by_five_votes_of_seven_nodes() {
    let key = hashed(&identity(1).eid().0);
    let verdict = |nodes: &[u8]| {
        let body = verdict_by(nodes, 1, Outcome::Guilty);
        judged(&record(Kind::Verdict, key, &body), None, &with_voters())
    };
    let stands = Judgement::Store { expiry: NOW.0 + 400 * DAY };
    assert_eq!(verdict(&[11, 12, 13, 14, 15]), stands);
    assert_eq!(verdict(&[11, 12, 13, 14, 15, 16, 17]), stands);
    assert_eq!(verdict(&[11, 12, 13, 14]), refused(NotStored::Votes), "f liars and two more");
    assert_eq!(verdict(&[]), refused(NotStored::Votes));
    assert_eq!(verdict(&[11, 12, 13, 14, 14]), refused(NotStored::Votes), "one node twice");
    assert_eq!(verdict(&[11, 12, 13, 14, 15, 18]), refused(NotStored::Votes), "a stranger among them");

    // One signature that does not hold, wherever it stands.
    for changed in 0..5 {
        let mut body = verdict_by(&[11, 12, 13, 14, 15], 1, Outcome::Guilty);
        body[68 + 104 * changed + 103] ^= 1;
        assert_eq!(
            judged(&record(Kind::Verdict, key, &body), None, &with_voters()),
            refused(NotStored::Signature),
            "vote {changed}"
        );
    }
    // The votes for one outcome, offender or accusation are none for another.
    let turned: [fn(&mut Vec<u8>); 2] = [|body| body[64] = 2, |body| body[0] ^= 1];
    for turn in turned {
        let mut body = verdict_by(&[11, 12, 13, 14, 15], 1, Outcome::Guilty);
        turn(&mut body);
        assert_eq!(judged(&record(Kind::Verdict, key, &body), None, &with_voters()), refused(NotStored::Signature));
    }
    let mut body = verdict_by(&[11, 12, 13, 14, 15], 1, Outcome::Guilty);
    body[64] = 3;
    assert_eq!(judged(&record(Kind::Verdict, key, &body), None, &with_voters()), refused(NotStored::Malformed));
    // A node that knows no nodes takes no verdict.
    let body = verdict_by(&[11, 12, 13, 14, 15], 1, Outcome::Guilty);
    let known = record(Kind::Verdict, key, &body);
    assert_eq!(judged(&known, None, &Known::default()), refused(NotStored::Votes));
    // The verdict outlives its voters: f + 1 of the nodes of now say the same.
    assert_eq!(judged(&known, None, &Known { witnessed: true, ..Known::default() }), stands);
    // The first one stays.
    let other = verdict_by(&[11, 12, 13, 14, 15], 1, Outcome::Cleared);
    assert_eq!(judged(&record(Kind::Verdict, key, &other), Some(&known), &with_voters()), Judgement::Stale);
}

#[test]
fn a_curators_verdict_lies_where_its_accusation_is_tried() {
    let court = hashed(b"org");
    let body = verdict_by(&[11, 12, 13, 14, 15], 1, Outcome::Guilty);
    let there = record(Kind::Verdict, court, &body);
    assert_eq!(judged(&there, None, &with_voters()), refused(NotStored::Key), "no accusation is known");
    let known = Known { court: Some((Class::Namespaces, court)), ..with_voters() };
    assert!(matches!(judged(&there, None, &known), Judgement::Store { .. }));
    assert_eq!(judged(&record(Kind::Verdict, hashed(b"com"), &body), None, &known), refused(NotStored::Key));
    // The copy at the offender's own key.
    let copy = record(Kind::Verdict, hashed(&identity(1).eid().0), &body);
    assert!(matches!(judged(&copy, None, &known), Judgement::Store { .. }));
}

/// While an accusation is tried, those vote that were responsible when it opened, though others may be nearer by now.
// shows: IACP-126 (§5.5.2)
#[test]
fn a_verdict_is_of_the_nodes_of_its_trial() {
    let court = hashed(b"org");
    let body = verdict_by(&[11, 12, 13, 14, 15], 1, Outcome::Guilty);
    let there = record(Kind::Verdict, court, &body);
    let others: Vec<Eid> = (21..28).map(|node| identity(node).eid()).collect();
    let court = Some((Class::Namespaces, court));
    let moved = Known { court, voters: others.clone(), ballot: voters(), ..Known::default() };
    assert!(matches!(judged(&there, None, &moved), Judgement::Store { .. }));
    let strangers = Known { court, voters: voters(), ballot: others, ..Known::default() };
    assert_eq!(judged(&there, None, &strangers), refused(NotStored::Votes));
}

#[test]
fn votes_bind_only_together() {
    let vote = ballot::sign(&identity(11), ID, identity(1).eid(), Outcome::Cleared, 7);
    assert_eq!(ballot::verify::<Chosen>(&vote), Ok(Outcome::Cleared));
    let mut changed = vote;
    changed.epoch = 8.into();
    assert_eq!(ballot::verify::<Chosen>(&changed), Err(NotBinding::Signature));
    changed.outcome = 0;
    assert_eq!(ballot::verify::<Chosen>(&changed), Err(NotBinding::Outcome));
    // It is the frame's signature: what a node sends and what a verdict carries is one.
    let mut buffer = [0; 200];
    let length = Frame::new(Message::PomVote(&vote)).write(&mut buffer).expect("176 bytes");
    assert_eq!((length, buffer[..4].to_vec()), (176, vec![0x19, 0x60, 0, 0xAC]));
    let digest = Chosen::sha256(&[b"IACP/1 POM_VOTE\0", &buffer[..112]]);
    assert!(Chosen::verify(&identity(11).eid().0, &digest, &vote.signature.0).is_ok());
    // Reserved bytes are signed as zero, whatever they are when they come.
    assert_eq!(
        ballot::verify::<Chosen>(&iacp_wire::message::PomVote { reserved: [7; 3], ..vote }),
        Ok(Outcome::Cleared)
    );
}

fn custody(path: &str, child: &str, not_after: u64, nodes: &[u8]) -> Vec<u8> {
    let terms = |count: usize| CustodyTerms {
        child_key: identity(4).eid(),
        not_after: not_after.into(),
        accusation_id: ID,
        count: u8::try_from(count).expect("few"),
    };
    let write = |terms: &CustodyTerms, votes: &[CustodyVote]| {
        let mut buffer = [0; 960];
        let custody = Custody { path: path.as_bytes(), child: child.as_bytes(), terms, votes };
        let length = custody.write(&mut buffer).expect("at most 960 bytes");
        buffer[..length].to_vec()
    };
    let unsigned = write(&terms(0), &[]);
    let signed = &unsigned[..unsigned.len() - 1];
    let votes: Vec<CustodyVote> = nodes
        .iter()
        .map(|seed| {
            let signature = sign(&identity(*seed), Kind::Custody, signed, &[]);
            CustodyVote { directory_node_eid: identity(*seed).eid(), signature }
        })
        .collect();
    write(&terms(votes.len()), &votes)
}

// shows: IACP-164 (B.6), IACP-127 (§5.5.3)
#[test]
fn the_backup_quorum_keeps_a_child_alive_for_a_day_and_thirty_after_a_decapitation() {
    let five = [11, 12, 13, 14, 15];
    let verdict = |body: &[u8], child: &str, known: &Known| {
        judged(&record(Kind::Custody, hashed(child.as_bytes()), body), None, known)
    };
    let day = custody("org", "org.a", NOW.0 + DAY, &five);
    assert_eq!(verdict(&day, "org.a", &with_voters()), Judgement::Store { expiry: NOW.0 + DAY });
    assert_eq!(verdict(&day, "org.b", &with_voters()), refused(NotStored::Key));
    let long = custody("org", "org.a", NOW.0 + 30 * DAY, &five);
    assert_eq!(verdict(&long, "org.a", &with_voters()), refused(NotStored::Time));
    let decapitated =
        Known { path_keys: vec![("org".into(), identity(3).eid())], slashed: vec![identity(3).eid()], ..with_voters() };
    assert_eq!(verdict(&long, "org.a", &decapitated), Judgement::Store { expiry: NOW.0 + 30 * DAY });
    let longer = custody("org", "org.a", NOW.0 + 30 * DAY + 1, &five);
    assert_eq!(verdict(&longer, "org.a", &decapitated), refused(NotStored::Time));
    assert_eq!(verdict(&custody("org", "org.a", NOW.0, &five), "org.a", &with_voters()), refused(NotStored::Time));

    let nodes: [&[u8]; 4] = [&[11, 12, 13, 14], &[11, 12, 13, 14, 14], &[11, 12, 13, 14, 18], &[]];
    for nodes in nodes {
        let body = custody("org", "org.a", NOW.0 + DAY, nodes);
        assert_eq!(verdict(&body, "org.a", &with_voters()), refused(NotStored::Votes), "{nodes:?}");
    }
    for at in 16..16 + 72 {
        let mut body = day.clone();
        body[at - 2] ^= 1;
        assert!(matches!(verdict(&body, "org.a", &with_voters()), Judgement::Refused(_)), "byte {at}");
    }
    // It is about a child, by whole labels, and nothing else.
    for (path, child) in [("org", "org"), ("org", "orga"), ("org.a", "org"), ("Org", "Org.a")] {
        let body = custody(path, child, NOW.0 + DAY, &five);
        assert_eq!(verdict(&body, child, &with_voters()), refused(NotStored::Malformed), "{path}, {child}");
    }
    // A later end displaces an earlier one.
    let later = custody("org", "org.a", NOW.0 + DAY - 1, &five);
    let (day, later) = (record(Kind::Custody, hashed(b"org.a"), &day), record(Kind::Custody, hashed(b"org.a"), &later));
    assert_eq!(judged(&later, Some(&day), &with_voters()), Judgement::Stale);
    assert!(matches!(judged(&day, Some(&later), &with_voters()), Judgement::Store { .. }));
}

#[test]
fn a_curator_speaks_of_a_subject_under_the_key_of_its_path() {
    let subject = Digest(identity(5).eid().0);
    let assertion = |signer: u8, value: u16, from: u64, until: u64| {
        let mut terms = AssertionTerms {
            subject,
            value: value.into(),
            from: from.into(),
            until: until.into(),
            signature: Signature::ZERO,
        };
        let mut buffer = [0; 300];
        let length = Assertion { path: b"org.a", terms: &terms }.write(&mut buffer).expect("short");
        terms.signature = sign(&identity(signer), Kind::Assertion, &buffer[..length - 64], &[]);
        let length = Assertion { path: b"org.a", terms: &terms }.write(&mut buffer).expect("short");
        buffer[..length].to_vec()
    };
    let known = Known { path_keys: vec![("org.a".into(), identity(3).eid())], ..Known::default() };
    let verdict = |body: &[u8], known: &Known| judged(&record(Kind::Assertion, hashed(&subject.0), body), None, known);
    let sound = assertion(3, 10_000, NOW.0, NOW.0 + 30 * DAY);
    assert_eq!(verdict(&sound, &known), Judgement::Store { expiry: NOW.0 + 30 * DAY });
    assert_eq!(verdict(&sound, &Known::default()), refused(NotStored::NoParent));
    let slashed = Known { slashed: vec![identity(3).eid()], ..known.clone() };
    assert_eq!(verdict(&sound, &slashed), refused(NotStored::Blocked));
    assert_eq!(verdict(&assertion(4, 1, NOW.0, NOW.0 + DAY), &known), refused(NotStored::Signature), "not the curator");
    assert_eq!(verdict(&assertion(3, 10_001, NOW.0, NOW.0 + DAY), &known), refused(NotStored::Malformed));
    assert_eq!(verdict(&assertion(3, 1, NOW.0, NOW.0 + 30 * DAY + 1), &known), refused(NotStored::Time));
    assert_eq!(verdict(&assertion(3, 1, NOW.0, NOW.0), &known), refused(NotStored::Time));
    assert_eq!(verdict(&assertion(3, 1, NOW.0 - 30_001, NOW.0 + DAY), &known), refused(NotStored::Time), "not of now");
}

fn rebuttal(signer: u8, revoked: u8, revoker: u8) -> Vec<u8> {
    let mut revocation = Revocation {
        eid: identity(revoked).eid(),
        first_invalid_generation: 0.into(),
        timestamp: (NOW.0 - DAY).into(),
        signature: Signature::ZERO,
    };
    revocation.signature = sign(&identity(revoker), Kind::Revocation, &revocation.as_bytes()[..48], &[]);
    let head = PssRevocationRebuttal {
        target_storage_key: hashed(&identity(1).eid().0),
        offender_eid: identity(1).eid(),
        rebuttal_proof_length: 112.into(),
    };
    let mut buffer = [0; 300];
    let frame = |signature| {
        Frame::new(Message::PssRevocationRebuttal { head: &head, evidence: revocation.as_bytes(), signature })
    };
    let length = frame(&Signature::ZERO).write(&mut buffer).expect("248 bytes");
    let signature = sign(&identity(signer), Kind::Rebuttal, &buffer[..length - 64], &[]);
    let length = frame(&signature).write(&mut buffer).expect("248 bytes");
    buffer[4..length].to_vec()
}

// shows: IACP-103 (§4.2.7.2)
#[test]
fn a_rebuttal_is_signed_by_the_accused_or_its_root_key_and_gets_through_in_any_standing() {
    let key = hashed(&identity(1).eid().0);
    let verdict = |body: &[u8], known: &Known| judged(&record(Kind::Rebuttal, key, body), None, known);
    let (stands, nothing) = (Judgement::Store { expiry: NOW.0 + 400 * DAY }, Known::default());
    let rooted = Known { airk: Some(identity(2).eid()), ..Known::default() };
    assert_eq!(verdict(&rebuttal(1, 1, 1), &nothing), stands);
    assert_eq!(verdict(&rebuttal(1, 1, 2), &rooted), stands);
    assert_eq!(verdict(&rebuttal(2, 1, 2), &rooted), stands, "by the root key");
    assert_eq!(verdict(&rebuttal(2, 1, 1), &nothing), refused(NotStored::Signature), "no root key is known");
    assert_eq!(verdict(&rebuttal(1, 1, 1), &rooted), refused(NotStored::Signature), "the stolen key revokes nothing");
    assert_eq!(verdict(&rebuttal(1, 3, 3), &nothing), refused(NotStored::Malformed), "another's revocation");
    let accused = Known { challenged: vec![identity(1).eid()], slashed: vec![identity(1).eid()], ..Known::default() };
    assert_eq!(verdict(&rebuttal(1, 1, 1), &accused), stands);
    let sound = rebuttal(1, 1, 1);
    for at in 0..sound.len() {
        let mut body = sound.clone();
        body[at] ^= 1;
        assert!(matches!(verdict(&body, &nothing), Judgement::Refused(_)), "byte {at}");
    }
}

#[test]
fn a_filter_is_of_this_epoch_or_the_last_and_only_grows() {
    let running = u32::try_from(NOW.0 / filter::EPOCH).expect("until the year 354,000,000");
    let part = |signer: u8, epoch: u32, order: u8, part: u16, bits: u8| {
        let mut body = FilterPart {
            epoch: epoch.into(),
            order,
            reserved: 0,
            part: part.into(),
            bits: [bits; 512],
            directory_node_eid: identity(5).eid(),
            signature: Signature::ZERO,
        };
        body.signature = sign(&identity(signer), Kind::Filter, &body.as_bytes()[..552], &[]);
        body
    };
    let key = hashed(&identity(5).eid().0);
    let verdict = |body: &FilterPart, held: Option<&FilterPart>| {
        let held = held.map(|held| record(Kind::Filter, key, held.as_bytes()));
        judge::<Chosen>(
            NOW,
            Origin::Node,
            &record(Kind::Filter, key, body.as_bytes()),
            held.as_ref(),
            &Known::default(),
        )
    };
    let sound = part(5, running, 0, 15, 0b11);
    assert_eq!(verdict(&sound, None), Judgement::Store { expiry: u64::from(running + 2) * filter::EPOCH });
    assert_eq!(
        verdict(&part(5, running, 3, 0, 1), None),
        refused(NotStored::Malformed),
        "two epochs of it fit under no key"
    );
    assert!(matches!(verdict(&part(5, running - 1, 2, 63, 0), None), Judgement::Store { .. }));
    for (epoch, order, number, refusal) in [
        (running - 2, 0, 0, NotStored::Time),
        (running + 1, 0, 0, NotStored::Time),
        (running, 8, 0, NotStored::Malformed),
        (running, 255, 0, NotStored::Malformed),
        (running, 0, 16, NotStored::Malformed),
        (running, 2, 64, NotStored::Malformed),
    ] {
        assert_eq!(verdict(&part(5, epoch, order, number, 0), None), refused(refusal), "{epoch}, {order}, {number}");
    }
    assert_eq!(verdict(&part(6, running, 0, 0, 0), None), refused(NotStored::Signature));
    assert!(matches!(verdict(&part(5, running, 0, 15, 0b111), Some(&sound)), Judgement::Store { .. }));
    assert_eq!(verdict(&part(5, running, 0, 15, 0b101), Some(&sound)), Judgement::Stale, "a key is gone");
}

#[test]
fn each_kind_has_its_slot_and_no_other_kinds_body() {
    let five = [11, 12, 13, 14, 15];
    let bodies: [(Kind, DhtKey, Vec<u8>); 3] = [
        (Kind::Verdict, hashed(&identity(1).eid().0), verdict_by(&five, 1, Outcome::Guilty)),
        (Kind::Custody, hashed(b"org.a"), custody("org", "org.a", NOW.0 + DAY, &five)),
        (Kind::Rebuttal, hashed(&identity(1).eid().0), rebuttal(1, 1, 1)),
    ];
    for (kind, key, body) in &bodies {
        for other in Kind::ALL {
            let judged = judged(&record(other, *key, body), None, &with_voters());
            assert_eq!(matches!(judged, Judgement::Store { .. }), other == *kind, "{kind:?} as {other:?}");
        }
        // What decides about others lives as long as its kind says, whatever the unsigned expiry is.
        let short = Record { expiry: 0, ..record(*kind, *key, body) };
        assert_eq!(judged(&short, None, &with_voters()), judged(&record(*kind, *key, body), None, &with_voters()));
    }
    assert_eq!(Kind::ALL.map(|kind| kind as u8).to_vec(), (1..=17).collect::<Vec<u8>>());
    assert!([0, 18, 255].into_iter().all(|code| Kind::from_code(code).is_none()));
}
