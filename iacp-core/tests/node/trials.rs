//! What an offender, a key thief and a liar do to a trial: each attack, and how it ends.

use iacp_core::directory::node::{Handled, NodeEvent, Trust};
use iacp_core::directory::{Class, Kind, sign};
use iacp_core::governance::ballot::sign as sign_vote;
use iacp_core::governance::claims::{ClaimKind, accuse_claims};
use iacp_core::governance::malfeasance::accusation_id;
use iacp_core::governance::window::{EPOCH, Outcome};
use iacp_wire::layout::{Hosting, Revocation, Verdict, VerdictHead, VerdictVote};
use iacp_wire::message::{Evidence, PssRevocationRebuttal};
use iacp_wire::{Digest, Message, Signature};
use zerocopy::IntoBytes;

use super::world::{
    Chosen, Host, SETTINGS, accused, at, binding, frame, hashed, home, identity, put, record, register, registration,
    worked,
};

/// Agent `by` accuses agent 20 of two places under one generation.
pub fn accusation(by: u8, generation: u64, ms: u64) -> Vec<u8> {
    let bindings = [20, 30].map(|place| binding(20, home(place).ip(), generation));
    accused(by, bindings, generation, ms)
}

/// Agent 20's key revokes what is at or above a generation.
fn revocation(first: u64, ms: u64, nonce: u64) -> Vec<u8> {
    let mut body = Revocation {
        eid: identity(20).eid(),
        first_invalid_generation: first.into(),
        timestamp: at(ms).unix.0.into(),
        signature: Signature::ZERO,
    };
    body.signature = sign(&identity(20), Kind::Revocation, &body.as_bytes()[..48], &[]);
    let key = hashed(&identity(20).eid().0);
    worked(at(ms), Class::Identities, key, 6, nonce, &put(&record(Kind::Revocation, key, body.as_bytes())))
}

/// Lets one node, which tries alone, come to its verdict. Gives it and the moment after.
fn tried(host: &mut Host, from: u64) -> (Option<Outcome>, u64) {
    for ms in (from..from + 170 * EPOCH).step_by(usize::try_from(EPOCH).expect("small")) {
        for event in host.events(at(ms)) {
            match event {
                NodeEvent::Persist { id, .. } => {
                    assert!(host.node.persisted(at(ms), &host.me, &id, &mut [0; 200]).is_some(), "it votes");
                }
                NodeEvent::Verdict { outcome, .. } => return (Some(outcome), ms + EPOCH),
                _ => {}
            }
        }
        for event in host.events(at(ms)) {
            if let NodeEvent::Verdict { outcome, .. } = event {
                return (Some(outcome), ms + EPOCH);
            }
        }
    }
    (None, from + 170 * EPOCH)
}

/// Lets one node, which tries alone, come to all its verdicts: how they ended.
fn verdicts(host: &mut Host, from: u64) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for ms in (from..from + 170 * EPOCH).step_by(usize::try_from(EPOCH).expect("small")) {
        // What is told after a vote comes with the next round.
        for event in (0..2).flat_map(|_| host.events(at(ms))).collect::<Vec<_>>() {
            match event {
                NodeEvent::Persist { id, .. } => {
                    assert!(host.node.persisted(at(ms), &host.me, &id, &mut [0; 200]).is_some(), "it votes");
                }
                NodeEvent::Verdict { outcome, .. } => outcomes.push(outcome),
                _ => {}
            }
        }
    }
    outcomes.sort_by_key(|outcome| *outcome as u8);
    outcomes
}

/// The attack "filled escrows": accusations that clear it leave an offender no shelter from one that does not.
// shows: IACP-098 (§4.2.7.1), IACP-102 (§4.2.7.2)
#[test]
fn an_offender_that_was_cleared_often_is_convicted_all_the_same() {
    let mut host = Host::new(1, 512, SETTINGS);
    assert_eq!(host.status(at(0), home(20), &revocation(10, 0, 99)), 0);
    let mut now = 2 * EPOCH;
    for generation in 10..15 {
        assert_eq!(host.status(at(now), home(21), &accusation(21, generation, now)), 0, "{generation}");
        let (outcome, after) = tried(&mut host, now);
        assert_eq!(outcome, Some(Outcome::Cleared), "{generation}");
        now = after;
    }
    assert_eq!(host.status(at(now), home(22), &accusation(22, 4, now)), 0, "there is room for it");
    let (outcome, after) = tried(&mut host, now);
    assert_eq!(outcome, Some(Outcome::Guilty));
    assert_eq!(host.status(at(after), home(20), &registration(at(after), 20, 5, 6, 3)), 19, "BLOCKED");
}

/// While one accusation is tried so is another: what is accepted is tried, and one that is cleared holds up none.
// shows: IACP-098 (§4.2.7.1)
#[test]
fn each_accusation_of_a_key_is_tried_by_itself() {
    let mut host = Host::new(1, 512, SETTINGS);
    assert_eq!(host.status(at(0), home(20), &revocation(10, 0, 99)), 0);
    let begun = 2 * EPOCH;
    assert_eq!(host.status(at(begun), home(21), &accusation(21, 10, begun)), 0);
    assert_eq!(host.status(at(begun + 1), home(22), &accusation(22, 4, begun + 1)), 0);
    assert_eq!(verdicts(&mut host, begun), [Outcome::Guilty, Outcome::Cleared]);
}

/// The attack "stolen key, defence displaced": the thief's revocation takes nothing from the owner's.
// shows: IACP-103 (§4.2.7.2), IACP-104 (§4.2.7.2)
#[test]
fn a_revocation_that_displaces_another_takes_no_defence_away() {
    for first in [4, 3, 0] {
        let mut host = Host::new(1, 512, SETTINGS);
        assert_eq!(host.status(at(0), home(20), &revocation(4, 0, 99)), 0);
        let now = 2 * EPOCH;
        // With an equal generation the earlier time stands, and within thirty seconds that is a matter of the thief's clock.
        let thief = host.status(at(now), home(21), &revocation(first, now, 98));
        assert!(matches!(thief, 0 | 1), "{first}");
        assert_eq!(host.status(at(now), home(21), &accusation(21, 4, now)), 0);
        assert_eq!(tried(&mut host, now).0, Some(Outcome::Cleared), "{first}");
    }
}

/// What a node voted is its vote, though it has forgotten the trial and has no defence any more.
// shows: IACP-068 (§4.2.1.3)
#[test]
fn a_node_votes_after_a_restart_as_it_voted_before() {
    struct Voted(Outcome);
    impl Trust for Voted {
        fn voted(&self, _: &Digest) -> Option<Outcome> {
            Some(self.0)
        }
    }
    for outcome in [Outcome::Cleared, Outcome::Guilty] {
        let mut host = Host::new(1, 512, SETTINGS);
        let mut out = [0; 1_200];
        let handled = host.node.handle(at(1), &host.me, home(21), &accusation(21, 4, 1), &Voted(outcome), &mut out);
        assert!(matches!(handled, Handled::Answer(_)));
        let events = host.events(at(2));
        let votes: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                NodeEvent::Persist { id, outcome, .. } => Some((*id, *outcome)),
                _ => None,
            })
            .collect();
        let [(id, cast)] = votes[..] else { panic!("one vote: {events:?}") };
        assert_eq!(cast, outcome);
        assert!(host.node.persisted(at(2), &host.me, &id, &mut out).is_some(), "and it is sent again");
        assert_eq!(tried(&mut host, 3).0, Some(outcome), "no other vote follows");
    }
}

/// The attack "decoys push an accusation out before it is tried": what is accepted is tried.
// shows: IACP-098 (§4.2.7.1), IACP-101 (§4.2.7.2)
#[test]
fn accusations_that_a_revocation_clears_displace_none() {
    let mut host = Host::new(1, 512, SETTINGS);
    assert_eq!(host.status(at(0), home(20), &revocation(10, 0, 99)), 0);
    let begun = 2 * EPOCH;
    let brought = [(21, 10), (22, 4), (23, 11), (24, 12), (25, 13)].map(|(accuser, generation)| {
        let ms = begun + generation;
        host.status(at(ms), home(accuser), &accusation(accuser, generation, ms))
    });
    assert_eq!(brought, [0, 0, 0, 0, 4], "the fifth one finds no room");
    let cleared = Outcome::Cleared;
    assert_eq!(verdicts(&mut host, begun), [Outcome::Guilty, cleared, cleared, cleared]);
}

/// To one that nothing clears, one that is cleared gives way.
// shows: IACP-098 (§4.2.7.1)
#[test]
fn a_list_full_of_what_is_cleared_has_room_for_what_is_not() {
    let mut host = Host::new(1, 512, SETTINGS);
    assert_eq!(host.status(at(0), home(20), &revocation(10, 0, 99)), 0);
    let begun = 2 * EPOCH;
    for (accuser, generation) in [(21, 10), (22, 11), (23, 12), (24, 13), (25, 4)] {
        let ms = begun + generation;
        assert_eq!(host.status(at(ms), home(accuser), &accusation(accuser, generation, ms)), 0, "{generation}");
    }
    let cleared = Outcome::Cleared;
    assert_eq!(verdicts(&mut host, begun + 20), [Outcome::Guilty, cleared, cleared, cleared]);
}

/// The attack "revoke during the trial, and bring what is not cleared": what is on trial goes by what stood when it opened.
// shows: IACP-103 (§4.2.7.2)
#[test]
fn a_revocation_after_the_opening_makes_no_case_give_way() {
    let mut host = Host::new(1, 512, SETTINGS);
    for (accuser, ms) in [(21, 10), (22, 11), (23, 12), (24, 13)] {
        assert_eq!(host.status(at(ms), home(accuser), &accusation(accuser, ms, ms)), 0);
    }
    let later = 10 * EPOCH;
    assert_eq!(host.status(at(later), home(20), &revocation(10, later, 99)), 0);
    assert_eq!(host.status(at(later + 4), home(25), &accusation(25, 4, later + 4)), 4, "CAPACITY");
    assert_eq!(verdicts(&mut host, later + 20), [Outcome::Guilty; 4]);
}

/// Agent `agent` lives on host 70 for so long.
fn hosting(agent: u8, life: u64, nonce: u64) -> Vec<u8> {
    let from = at(0).unix.0;
    let mut body = Hosting {
        eid: identity(agent).eid(),
        ll_entity_instance_identifier: identity(70).eid(),
        from: from.into(),
        until: (from + life).into(),
        eid_signature: Signature::ZERO,
        lii_signature: Signature::ZERO,
    };
    body.eid_signature = sign(&identity(agent), Kind::Hosting, &body.as_bytes()[..80], &[]);
    body.lii_signature = sign(&identity(70), Kind::Hosting, &body.as_bytes()[..80], &[]);
    let key = hashed(&identity(agent).eid().0);
    worked(at(0), Class::Identities, key, 6, nonce, &put(&record(Kind::Hosting, key, body.as_bytes())))
}

/// The attack "a HOSTING that ends before the verdict": the host of the moment when the trial began answers.
// shows: IACP-121 (§5.3.2)
#[test]
fn a_host_answers_for_an_agent_whose_hosting_ends_during_the_trial() {
    let mut host = Host::new(1, 512, SETTINGS);
    assert_eq!(host.status(at(0), home(20), &hosting(20, 60 * EPOCH, 1)), 0);
    assert_eq!(host.status(at(0), home(30), &hosting(30, 24 * 120 * EPOCH, 2)), 0);
    assert_eq!(host.error(at(1), home(30), &register(30, 1)), (2, 6));
    assert_eq!(host.status(at(1), home(21), &accusation(21, 4, 1)), 0);
    let (outcome, after) = tried(&mut host, 2);
    assert_eq!(outcome, Some(Outcome::Guilty));
    assert_eq!(host.error(at(after), home(30), &register(30, 1)), (2, 7), "a bit more: its liability is 4,000");
}

/// Agent 20's rebuttal: the head, then the revocation of `first`.
fn rebuttal(first: u64, ms: u64, nonce: u64) -> Vec<u8> {
    let key = hashed(&identity(20).eid().0);
    let mut evidence = Revocation {
        eid: identity(20).eid(),
        first_invalid_generation: first.into(),
        timestamp: at(0).unix.0.into(),
        signature: Signature::ZERO,
    };
    evidence.signature = sign(&identity(20), Kind::Revocation, &evidence.as_bytes()[..48], &[]);
    let head = PssRevocationRebuttal {
        target_storage_key: key,
        offender_eid: identity(20).eid(),
        rebuttal_proof_length: 112.into(),
    };
    let write = |signature: &Signature| {
        frame(Message::PssRevocationRebuttal { head: &head, evidence: evidence.as_bytes(), signature })
    };
    let unsigned = write(&Signature::ZERO);
    let signature = sign(&identity(20), Kind::Rebuttal, &unsigned[..184], &[]);
    worked(at(ms), Class::Identities, key, 6, nonce, &write(&signature))
}

/// A rebuttal speaks in each trial of its owner: the same bytes clear at once a second time.
// shows: IACP-103 (§4.2.7.2)
#[test]
fn the_same_rebuttal_speaks_in_a_second_trial() {
    let mut host = Host::new(1, 512, SETTINGS);
    assert_eq!(host.status(at(0), home(20), &revocation(10, 0, 99)), 0);
    let mut now = 2 * EPOCH;
    for (trial, generation) in [(1, 10), (2, 11)] {
        assert_eq!(host.status(at(now), home(21), &accusation(21, generation, now)), 0);
        assert_eq!(host.events(at(now)), []);
        assert_eq!(host.status(at(now), home(20), &rebuttal(10, now, 200 + trial)), 0);
        let [NodeEvent::Persist { id, outcome: Outcome::Cleared, .. }] = host.events(at(now))[..] else {
            panic!("it clears at once in trial {trial}")
        };
        assert!(host.node.persisted(at(now), &host.me, &id, &mut [0; 200]).is_some());
        assert!(host.events(at(now)).iter().any(|event| matches!(event, NodeEvent::Verdict { .. })));
        now += 3 * EPOCH;
    }
}

fn delegation(curator: u8, child: &str, key: u8, not_before: u64) -> Vec<u8> {
    let text = |path: &str| [&u16::try_from(path.len()).expect("short").to_be_bytes()[..], path.as_bytes()].concat();
    let times = [not_before.to_be_bytes(), (not_before + 24 * 3_600_000).to_be_bytes()].concat();
    let fields = [text("org"), text(child), identity(key).eid().0.to_vec(), times].concat();
    let signature = sign(&identity(curator), Kind::Delegation, &fields, &[]);
    [&fields[..], &signature.0].concat()
}

/// An accusation of agent 20 before the court of `org`: it has given one child to two keys.
fn in_court(by: u8, child: &str, ms: u64, nonce: u64) -> (Digest, Vec<u8>) {
    let now = at(0).unix.0;
    let claims = [31, 32].map(|key| delegation(20, child, key, now));
    let (pair, mut buffer) = ([&claims[0][..], &claims[1][..]], [0; 900]);
    let offender = identity(20).eid();
    let (ticket, claims) =
        accuse_claims(&identity(by), offender, ClaimKind::Delegation, pair, now, &mut buffer).expect("room");
    let inner = frame(Message::ProofOfMal { head: &ticket, evidence: Some(Evidence::Claims(claims)) });
    (accusation_id::<Chosen>(&ticket), worked(at(ms), Class::Namespaces, hashed(b"org"), 10, nonce, &inner))
}

/// A verdict of guilt by the only node there is.
fn guilty(id: Digest) -> Vec<u8> {
    let (offender, outcome) = (identity(20).eid(), Outcome::Guilty);
    let vote = sign_vote(&identity(1), id, offender, outcome, at(0).unix.0 / EPOCH);
    let votes = [VerdictVote { voter_eid: vote.voter_eid, epoch: vote.epoch, signature: vote.signature }];
    let head =
        VerdictHead { accusation_id: id, offender_eid: offender, outcome: outcome as u8, count: 1, reserved: [0; 2] };
    let mut body = vec![0; 900];
    let length = Verdict { head: &head, votes: &votes }.write(&mut body).expect("room");
    body.truncate(length);
    body
}

/// The attack "a host is charged for each copy": of two verdicts of one court only copies come, those under the key of the ended one.
// shows: IACP-121 (§5.3.2)
#[test]
fn a_host_answers_once_for_a_key_in_a_court_also_where_only_copies_of_its_verdicts_come() {
    struct Any;
    impl Trust for Any {}
    let (own, court) = (hashed(&identity(20).eid().0), hashed(b"org"));
    for keys in [[own, own], [own, court], [court, own], [court, court]] {
        let mut host = Host::new(1, 512, SETTINGS);
        assert_eq!(host.status(at(0), home(20), &hosting(20, 60 * EPOCH, 1)), 0);
        assert_eq!(host.status(at(0), home(30), &hosting(30, 24 * 120 * EPOCH, 2)), 0);
        for ((nonce, child), key) in [(1, "org.one"), (2, "org.two")].into_iter().zip(keys) {
            let (id, sent) = in_court(22, child, nonce, nonce);
            assert_eq!(host.status(at(nonce), home(22), &sent), 0, "{child}");
            let (from, body) = (home(9).ip(), guilty(id));
            assert_eq!(host.node.offer(at(nonce), from, &record(Kind::Verdict, key, &body), &Any), 0, "{child}");
            assert!(
                matches!(host.events(at(nonce))[..], [NodeEvent::Verdict { outcome: Outcome::Guilty, .. }]),
                "{child}"
            );
            assert_eq!(host.error(at(nonce), home(30), &register(30, 1)), (2, 7), "its liability is 4,000");
        }
    }
}
