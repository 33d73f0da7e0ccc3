//! An accusation on seven nodes, from the proof to the verdict.

use iacp_core::directory::node::NodeEvent;
use iacp_core::directory::{Class, Kind, sign};
use iacp_core::governance::ballot::{sign as sign_vote, verify as verify_vote};
use iacp_core::governance::malfeasance::{accuse, verify};
use iacp_core::governance::window::{EPOCH, Outcome};
use iacp_wire::layout::Revocation;
use iacp_wire::message::{Evidence, HeaderFragment, MalfeasanceData};
use iacp_wire::{Message, Signature};
use zerocopy::IntoBytes;

use super::world::{
    Host, SETTINGS, accused, at, binding, frame, hashed, home, identity, info, put, record, registration, worked,
};

const HOUR: u64 = 120 * EPOCH;

fn quorum() -> Vec<Host> {
    let mut hosts: Vec<Host> = (1..8).map(|seed| Host::new(seed, 256, SETTINGS)).collect();
    for host in &mut hosts {
        for seed in 1..8 {
            assert!(host.node.introduce(at(0).mono, info(seed)));
        }
    }
    hosts
}

/// Agent 21 accuses agent 20 of two places under generation 4.
fn accusation(ms: u64, other: u64, nonce: u64) -> Vec<u8> {
    let bindings = [(20, 4), (30, other)].map(|(place, generation)| binding(20, home(place).ip(), generation));
    accused(21, bindings, nonce, ms)
}

/// Runs the escrow to its end; nodes in `silent` do not vote. Gives how each node saw it end.
fn run(hosts: &mut [Host], silent: &[usize]) -> Vec<Option<Outcome>> {
    let mut ends = vec![None; hosts.len()];
    for ms in (0..HOUR + 60 * EPOCH).step_by(usize::try_from(EPOCH).expect("small")) {
        let now = at(1_000 + ms);
        let mut frames = Vec::new();
        for (number, host) in hosts.iter_mut().enumerate() {
            for event in host.events(now) {
                match event {
                    NodeEvent::Persist { id, .. } if !silent.contains(&number) => {
                        let mut out = [0; 200];
                        let (length, _) = host.node.persisted(now, &host.me, &id, &mut out).expect("it votes");
                        frames.push((number, out[..length].to_vec()));
                        assert!(host.node.persisted(now, &host.me, &id, &mut out).is_none(), "once");
                    }
                    NodeEvent::Verdict { outcome, .. } => ends[number] = Some(outcome),
                    _ => {}
                }
            }
        }
        for (from, vote) in &frames {
            for (number, host) in hosts.iter_mut().enumerate().filter(|(number, _)| number != from) {
                let _ = host.handle(now, info(u8::try_from(*from).expect("seven") + 1).at, vote);
                let _ = host.handle(now, info(9).at, vote);
                for event in host.events(now) {
                    if let NodeEvent::Verdict { outcome, .. } = event {
                        ends[number] = Some(outcome);
                    }
                }
            }
        }
    }
    ends
}

// shows: IACP-068 (§4.2.1.3), IACP-098 (§4.2.7.1), IACP-101 (§4.2.7.2), IACP-102 (§4.2.7.2), IACP-126 (§5.5.2), IACP-105 (§4.2.7.2)
#[test]
fn a_proven_equivocator_is_challenged_for_an_hour_and_slashed_by_five_votes() {
    let mut hosts = quorum();
    for host in &mut hosts {
        assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 0)), 0);
        // Two generations are a move: no case.
        assert_eq!(host.status(at(1), home(21), &accusation(1, 5, 1)), 2);
        assert!(!host.node.is_challenged(&identity(20).eid()));
        assert_eq!(host.status(at(1), home(21), &accusation(1, 4, 2)), 0);
        assert!(host.node.is_challenged(&identity(20).eid()));
        assert_eq!(host.standing(at(2), 20).1, 1, "CHALLENGED");
        // Isolated: refreshed, but not moved.
        assert_eq!(host.status(at(2), home(20), &super::world::register(20, 4)), 0);
        assert_eq!(host.status(at(2), home(20), &registration(at(2), 20, 5, 6, 3)), 3);
    }
    let ends = run(&mut hosts, &[5, 6]);
    assert_eq!(ends, [Some(Outcome::Guilty); 7], "two nodes are silent, and learn it all the same");
    let after = at(HOUR + 61 * EPOCH);
    for host in &mut hosts {
        assert!(!host.node.is_challenged(&identity(20).eid()));
        assert_eq!(host.status(after, home(20), &registration(after, 20, 6, 6, 4)), 19, "BLOCKED");
        let (status, _, verdicts) =
            host.look_up(after, &super::world::get(hashed(&identity(20).eid().0), Class::Identities, 14, 400));
        assert_eq!((status, verdicts.len()), (0, 1), "the verdict is there for all");
        // Another accuser of the same pair: it has been tried.
        assert_eq!(host.node.store().fill().1, 256);
    }
}

/// Three silent nodes of seven: no quorum convicts, and the accusation lapses.
// shows: IACP-101 (§4.2.7.2)
#[test]
fn without_five_votes_an_accusation_lapses_and_its_owner_moves_again() {
    let mut hosts = quorum();
    for host in &mut hosts {
        assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 0)), 0);
        assert_eq!(host.status(at(1), home(21), &accusation(1, 4, 2)), 0);
    }
    assert_eq!(run(&mut hosts, &[4, 5, 6]), [None; 7]);
    let after = at(HOUR + 61 * EPOCH);
    for host in &mut hosts {
        assert!(!host.node.is_challenged(&identity(20).eid()));
        assert_eq!(host.status(after, home(20), &registration(after, 20, 5, 6, 4)), 0);
    }
}

/// The attack "stolen key, owner asleep": a revocation that stood before the accusation clears, and nothing is slashed.
// shows: IACP-103 (§4.2.7.2), IACP-104 (§4.2.7.2)
#[test]
fn an_owner_that_revoked_before_is_cleared_though_it_sleeps() {
    let mut hosts = quorum();
    let key = hashed(&identity(20).eid().0);
    let mut body = Revocation {
        eid: identity(20).eid(),
        first_invalid_generation: 0.into(),
        timestamp: at(0).unix.0.into(),
        signature: Signature::ZERO,
    };
    body.signature = sign(&identity(20), Kind::Revocation, &body.as_bytes()[..48], &[]);
    let inner = put(&record(Kind::Revocation, key, body.as_bytes()));
    let later = EPOCH + 1;
    for host in &mut hosts {
        assert_eq!(host.status(at(0), home(20), &worked(at(0), Class::Identities, key, 6, 0, &inner)), 0);
        assert_eq!(host.status(at(later), home(21), &accusation(later, 4, 2)), 0);
    }
    assert_eq!(run(&mut hosts, &[]), [Some(Outcome::Cleared); 7]);
    // The accusation is spent for good: even another accuser's copy of it is known.
    let after = HOUR + 61 * EPOCH;
    for host in &mut hosts {
        let bindings = [(20, 4), (30, 4)].map(|(place, generation)| binding(20, home(place).ip(), generation));
        let again = accused(22, bindings, 7, after);
        assert_eq!(host.status(at(after), home(22), &again), 23, "KNOWN");
        assert!(!host.node.is_challenged(&identity(20).eid()));
    }
}

/// Hands on what the nodes have to hand on, for a minute and more.
fn hand_on(hosts: &mut [Host], from: u64) {
    let mut out = [0; 1_200];
    for ms in (from..from + 80_000).step_by(500) {
        for number in 0..hosts.len() {
            while let Some((to, length)) = hosts[number].node.poll_transmit(at(ms), &hosts[number].me, &mut out) {
                let place = info(u8::try_from(number).expect("seven") + 1).at;
                // The others are told by notices, where they are bound.
                let Some(receiver) = (1..8).position(|seed| info(seed).at == to) else { continue };
                let _ = hosts[receiver].handle(at(ms), place, &out[..length]);
            }
        }
    }
}

/// An accuser that reaches one node has accused at all of them, and a node that heard no vote learns the verdict.
// shows: IACP-025 (§3.6.2), IACP-098 (§4.2.7.1), IACP-126 (§5.5.2)
#[test]
fn an_accusation_that_one_node_took_is_tried_by_all_and_its_verdict_reaches_a_node_without_votes() {
    let mut hosts = quorum();
    for host in &mut hosts {
        assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 0)), 0);
    }
    assert_eq!(hosts[3].status(at(1), home(21), &accusation(1, 4, 2)), 0);
    hand_on(&mut hosts, 2);
    for host in &hosts {
        assert!(host.node.is_challenged(&identity(20).eid()));
    }
    // Six of them vote among themselves.
    let deaf = hosts.remove(6);
    let ends = run(&mut hosts, &[5]);
    assert_eq!(ends, [Some(Outcome::Guilty); 6]);
    assert!(deaf.node.is_challenged(&identity(20).eid()), "it heard no vote");
    hosts.push(deaf);
    let after = HOUR + 61 * EPOCH;
    hand_on(&mut hosts, after);
    let deaf = &mut hosts[6];
    assert!(!deaf.node.is_challenged(&identity(20).eid()));
    let events = deaf.events(at(after + 80_000));
    let is_verdict = |event: &NodeEvent| matches!(event, NodeEvent::Verdict { outcome: Outcome::Guilty, .. });
    assert_eq!(events.iter().filter(|event| is_verdict(event)).count(), 1, "{events:?}");
    assert_eq!(
        deaf.status(at(after + 80_001), home(20), &registration(at(after + 80_001), 20, 6, 6, 4)),
        19,
        "BLOCKED"
    );
}

/// The attack "voting twice": the first vote counts, and the two are handed out as the proof that they are.
// shows: IACP-068 (§4.2.1.3)
#[test]
fn a_node_that_votes_both_ways_hands_out_the_proof_against_itself() {
    let mut hosts = quorum();
    assert_eq!(hosts[0].status(at(1), home(21), &accusation(1, 4, 2)), 0);
    let [one, two] = [(20, 4), (30, 4)].map(|(place, generation)| binding(20, home(place).ip(), generation));
    let (ticket, evidence) =
        accuse(&identity(21), identity(20).eid(), HeaderFragment::from(&one), HeaderFragment::from(&two), at(1).unix.0);
    let data = MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) };
    let id = verify::<super::world::Chosen>(&data).expect("it is proven").id();
    for outcome in [Outcome::Guilty, Outcome::Guilty, Outcome::Cleared] {
        let vote = sign_vote(&identity(3), id, identity(20).eid(), outcome, 1);
        let _ = hosts[0].handle(at(2), info(3).at, &frame(Message::PomVote(&vote)));
    }
    let liar = identity(3).eid();
    assert!(hosts[0].events(at(3)).contains(&NodeEvent::Equivocation { offender: liar }));
    let pair = hosts[0].node.take_double_vote().expect("both votes");
    assert_eq!(pair.map(|vote| vote.voter_eid), [liar; 2]);
    let outcomes = pair.each_ref().map(verify_vote::<super::world::Chosen>);
    assert_eq!(outcomes, [Ok(Outcome::Guilty), Ok(Outcome::Cleared)], "both are signed by it");
    assert_eq!(hosts[0].node.take_double_vote(), None, "once");
}

/// Agent `by` accuses agent 20, which was at two places under generation 4.
fn pair(by: u8, places: [u8; 2], ms: u64) -> Vec<u8> {
    let bindings = places.map(|place| binding(20, home(place).ip(), 4));
    accused(by, bindings, u64::from(places[0]) << 8 | u64::from(places[1]), ms)
}

/// What stands at each node as an accusation of agent 20, the same at all.
fn accusations(hosts: &[Host], ms: u64) -> usize {
    let key = hashed(&identity(20).eid().0);
    let listed = hosts.iter().map(|host| {
        let list = host.node.store().list(at(ms).unix, Kind::Accusation, key);
        list.map(|(record, _)| record.body.to_vec()).collect::<std::collections::BTreeSet<_>>()
    });
    let listed: Vec<_> = listed.collect();
    assert!(listed.iter().all(|list| *list == listed[0]), "all try the same");
    listed[0].len()
}

/// The attack "three addresses, two pairs": three nodes hear of one pair and four of another, and all try both. With a revocation
/// that stood before, its owner is cleared of both; at three nodes alone, it is not convicted.
// shows: IACP-068 (§4.2.1.3), IACP-098 (§4.2.7.1), IACP-103 (§4.2.7.2)
#[test]
fn nodes_that_were_told_two_accusations_of_one_key_part_no_votes() {
    let key = hashed(&identity(20).eid().0);
    let mut revoked = Revocation {
        eid: identity(20).eid(),
        first_invalid_generation: 4.into(),
        timestamp: at(0).unix.0.into(),
        signature: Signature::ZERO,
    };
    revoked.signature = sign(&identity(20), Kind::Revocation, &revoked.as_bytes()[..48], &[]);
    let inner = put(&record(Kind::Revocation, key, revoked.as_bytes()));
    for (witnesses, end) in [(0, Some(Outcome::Guilty)), (3, None), (5, Some(Outcome::Cleared))] {
        let mut hosts = quorum();
        // The witnesses lie in both halves.
        for host in hosts.iter_mut().skip(1).take(witnesses) {
            assert_eq!(host.status(at(0), home(20), &worked(at(0), Class::Identities, key, 6, 0, &inner)), 0);
        }
        let now = EPOCH + 1;
        for (number, host) in hosts.iter_mut().enumerate() {
            let (by, places) = if number < 3 { (21, [20, 30]) } else { (22, [20, 40]) };
            assert_eq!(host.status(at(now), home(by), &pair(by, places, now)), 0);
        }
        hand_on(&mut hosts, now + 1);
        assert_eq!(accusations(&hosts, now + 80_000), 2);
        assert_eq!(run(&mut hosts, &[]), [end; 7], "{witnesses} witnesses");
    }
}

/// The same with four pairs here and four others there, which fill the list of the offender: the four lowest are tried.
// shows: IACP-098 (§4.2.7.1)
#[test]
fn nodes_whose_lists_were_filled_with_other_accusations_come_to_try_the_same() {
    let mut hosts = quorum();
    for (number, host) in hosts.iter_mut().enumerate() {
        for other in 0..4 {
            let (by, places) = if number < 3 { (21, [20, 30 + other]) } else { (22, [20, 40 + other]) };
            assert_eq!(host.status(at(1), home(by), &pair(by, places, 1)), 0);
        }
    }
    hand_on(&mut hosts, 2);
    assert_eq!(accusations(&hosts, 80_000), 4);
    assert_eq!(run(&mut hosts, &[]), [Some(Outcome::Guilty); 7]);
}
