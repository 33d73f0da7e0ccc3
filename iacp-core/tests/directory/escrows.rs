//! The escrow of an accusation: its window, what clears, how the nodes vote, and the filter of what they ended.

use iacp_core::crypto::ChaChaOnly;
use iacp_core::governance::escrow::State;
use iacp_core::governance::filter::Filter;
use iacp_core::governance::malfeasance::{Accusation, accuse, verify};
use iacp_core::governance::window::{Ballot, Clock, Counted, Due, EPOCH, Escrow, From, Outcome, Rejected, epoch};
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::Eid;
use iacp_wire::message::{Evidence, HeaderFragment, MalfeasanceData};
use proptest::prelude::*;

use super::{NOW, binding, identity, ip};

const HOUR: u64 = 120 * EPOCH;
const MINUTE: u64 = 2 * EPOCH;

/// Key 2 accuses key 1 of two places under generation 7.
fn accusation() -> Accusation {
    let fragment = |last| HeaderFragment::from(&binding(1, ip(last), 7));
    let (ticket, evidence) = &accuse(&identity(2), identity(1).eid(), fragment(1), fragment(2), NOW.0);
    verify::<ChaChaOnly>(&MalfeasanceData { ticket, evidence: Evidence::Bindings(evidence) }).expect("proof")
}

/// So long after the opening, by both clocks. The opening is at the start of an epoch.
fn after(milliseconds: u64) -> Clock {
    let start = epoch(NOW) * EPOCH;
    Clock { mono: Mono(5_000 + milliseconds), unix: UnixTime(start + milliseconds) }
}

fn opened(revocation: Option<(u64, u64)>) -> Escrow {
    Escrow::open(after(0), &accusation(), revocation)
}

/// A revocation of everything, stored in the epoch before.
fn in_time() -> Option<(u64, u64)> {
    Some((epoch(NOW) - 1, 0))
}

// shows: IACP-101 (§4.2.7.2), IACP-126 (§5.5.2)
#[test]
fn a_proof_challenges_and_convicts_no_earlier_than_an_hour_and_a_minute_later() {
    let mut escrow = opened(None);
    assert_eq!(escrow.state(), State::Challenged);
    for early in [0, 1, HOUR - 1, HOUR, HOUR + MINUTE - 1] {
        assert_eq!(escrow.tick(after(early)), None, "{early} ms");
    }
    assert_eq!(escrow.persisted(), None, "there is no vote to sign");
    assert_eq!(escrow.tick(after(HOUR + MINUTE)), Some(Due::Persist(Outcome::Guilty)));
    assert_eq!(escrow.tick(after(HOUR + MINUTE + 1)), None, "once");
    assert_eq!(escrow.persisted(), Some(Outcome::Guilty), "written first, signed second");
    assert_eq!(escrow.persisted(), None, "one vote");
    assert_eq!(escrow.state(), State::Challenged, "a vote is no verdict");
    assert_eq!(escrow.verdict(Outcome::Guilty), State::Slashed);
    assert_eq!(escrow.verdict(Outcome::Cleared), State::Slashed, "for good");
}

// shows: IACP-101 (§4.2.7.2)
#[test]
fn a_clock_that_jumps_convicts_no_key_early() {
    let mut escrow = opened(None);
    let jumped = Clock { mono: Mono(5_001), unix: UnixTime(u64::MAX) };
    assert_eq!(escrow.tick(jumped), None, "only Unix time has gone on");
    let stuck = Clock { mono: Mono(u64::MAX), ..after(0) };
    assert_eq!(escrow.tick(stuck), None, "only the monotonic clock has");
    let back = Clock { mono: Mono(0), unix: UnixTime(0) };
    assert_eq!(escrow.tick(back), None);
    // A restart in the middle keeps what had gone.
    let gone = escrow.gone(after(HOUR).mono);
    let mut resumed = escrow.resumed(Mono(1), gone);
    let unix = after(HOUR + MINUTE).unix;
    assert_eq!(resumed.tick(Clock { mono: Mono(MINUTE), unix }), None);
    assert_eq!(resumed.tick(Clock { mono: Mono(MINUTE + 1), unix }), Some(Due::Persist(Outcome::Guilty)));
}

/// A verdict of the others ends the trial here, whether this node has voted or not.
#[test]
fn after_a_verdict_nothing_is_due_and_nothing_is_heard() {
    let mut escrow = opened(in_time());
    assert_eq!(escrow.verdict(Outcome::Guilty), State::Slashed);
    assert_eq!(escrow.rebut(after(1), From::Accused), Err(Rejected::Over));
    assert_eq!(escrow.tick(after(HOUR + MINUTE)), None);
    assert_eq!(escrow.tick(after(160 * EPOCH)), None);
    // A vote of before a restart is told again, and no other one is cast beside it.
    let mut escrow = opened(in_time());
    assert!(escrow.has_voted(Outcome::Guilty) && !escrow.has_voted(Outcome::Cleared));
    assert_eq!(escrow.rebut(after(1), From::Accused), Err(Rejected::Over));
    assert_eq!((escrow.tick(after(1)), escrow.persisted()), (None, Some(Outcome::Guilty)));
}

#[test]
fn an_escrow_that_was_saved_goes_on_as_it_stood() {
    let now = after(1_000);
    for (defended, voted, byte) in [(false, None, 0), (true, None, 0), (true, Some(Outcome::Cleared), 2)] {
        let mut escrow = opened(if defended { in_time() } else { None });
        if let Some(outcome) = voted {
            assert!(escrow.has_voted(outcome));
        }
        let saved = escrow.save(now.mono);
        assert_eq!(saved[..8], [u8::from(defended), byte, 0, 0, 0, 0, 0, 0]);
        let times = [epoch(NOW).to_be_bytes(), 1_000_u64.to_be_bytes()].concat();
        assert_eq!(saved[8..24], times);
        assert_eq!(saved[24..], [accusation().id().0, identity(1).eid().0].concat());
        let mut restored = Escrow::restore(Mono(70), &saved).expect("as it was saved");
        assert_eq!((restored.is_defended(), restored.opened()), (defended, epoch(NOW)));
        assert_eq!((restored.id(), restored.offender()), (escrow.id(), identity(1).eid()));
        assert_eq!((restored.gone(Mono(70)), restored.gone(Mono(75))), (1_000, 1_005));
        assert_eq!(restored.tick(Clock { mono: Mono(70), ..now }), voted.map(Due::Persist));
        for (at, value) in [(0, 2), (1, 3), (2, 1), (7, 1)] {
            let mut changed = saved;
            changed[at] = value;
            assert!(Escrow::restore(Mono(70), &changed).is_none(), "byte {at}");
        }
    }
}

// shows: IACP-103 (§4.2.7.2), IACP-104 (§4.2.7.2)
#[test]
fn a_revocation_that_was_stored_before_clears_with_a_rebuttal_and_without() {
    let mut escrow = opened(in_time());
    assert_eq!(escrow.rebut(after(0), From::Accused), Ok(Due::Persist(Outcome::Cleared)));
    assert_eq!(escrow.persisted(), Some(Outcome::Cleared));
    assert_eq!(escrow.rebut(after(1), From::Accused), Err(Rejected::Over));
    assert_eq!(escrow.verdict(Outcome::Cleared), State::Nominal);
    // Its owner is asleep.
    assert_eq!(opened(in_time()).tick(after(HOUR + MINUTE)), Some(Due::Persist(Outcome::Cleared)));
}

#[test]
fn what_is_no_defence() {
    let now = epoch(NOW);
    // None; of this very epoch; one that begins above the pair's generation.
    for revocation in [None, Some((now, 0)), Some((now + 1, 0)), Some((now - 1, 8)), Some((0, u64::MAX))] {
        let mut escrow = opened(revocation);
        let before = escrow;
        assert_eq!(escrow.rebut(after(1), From::Accused), Err(Rejected::NoRevocation), "{revocation:?}");
        assert_eq!(escrow, before);
        assert_eq!(escrow.tick(after(HOUR + MINUTE)), Some(Due::Persist(Outcome::Guilty)));
    }
    for generation in [0, 1, 7] {
        let mut escrow = opened(Some((now - 1, generation)));
        assert!(escrow.rebut(after(1), From::Accused).is_ok(), "from generation {generation} on");
    }
}

#[test]
fn a_rebuttal_is_taken_in_the_window_and_from_another_node_two_epochs_longer() {
    for (at, accused, node) in [
        (0, true, true),
        (HOUR - 1, true, true),
        (HOUR, false, true),
        (HOUR + MINUTE - 1, false, true),
        (HOUR + MINUTE, false, false),
    ] {
        assert_eq!(opened(in_time()).rebut(after(at), From::Accused).is_ok(), accused, "{at} ms");
        assert_eq!(opened(in_time()).rebut(after(at), From::Node).is_ok(), node, "{at} ms");
    }
}

#[test]
fn without_a_verdict_an_accusation_lapses() {
    let mut escrow = opened(None);
    assert_eq!(escrow.tick(after(HOUR + MINUTE)), Some(Due::Persist(Outcome::Guilty)));
    assert_eq!(escrow.tick(after(160 * EPOCH - 1)), None);
    assert_eq!(escrow.tick(after(160 * EPOCH)), Some(Due::Lapsed));
    assert_eq!(escrow.persisted(), None, "a vote that was never written is never signed");
    assert_eq!(escrow.tick(after(u64::MAX / 2)), None);
}

fn nodes() -> [Eid; 7] {
    std::array::from_fn(|byte| Eid([u8::try_from(byte).expect("seven"); 32]))
}

// shows: IACP-068 (§4.2.1.3)
#[test]
fn five_of_seven_nodes_make_a_verdict() {
    let nodes = nodes();
    let mut ballot = Ballot::new(&nodes).expect("seven nodes");
    for node in &nodes[..4] {
        assert_eq!(ballot.vote(node, Outcome::Guilty), Counted::Counted);
        assert_eq!(ballot.vote(node, Outcome::Guilty), Counted::Known);
        assert_eq!(ballot.vote(node, Outcome::Cleared), Counted::DoubleVote);
    }
    assert_eq!(ballot.vote(&Eid([9; 32]), Outcome::Guilty), Counted::Stranger);
    assert_eq!(ballot.vote(&nodes[4], Outcome::Cleared), Counted::Counted);
    assert_eq!(ballot.vote(&nodes[5], Outcome::Guilty), Counted::Verdict(Outcome::Guilty));
    assert!(Ballot::new(&[]).is_none() && Ballot::new(&[nodes[0]; 2]).is_none());
    assert!(Ballot::new(&[nodes[0], nodes[1], nodes[0]]).is_none(), "one node twice");
    assert!(Ballot::new(&[&nodes[..], &[Eid([9; 32])]].concat()).is_none(), "an eighth");
    assert_eq!(Ballot::new(&nodes[..3]).expect("three").voters(), &nodes[..3]);
}

/// Every way in which honest nodes may vote or be absent, and every pair of ways in which liars may vote toward two readers.
// shows: IACP-068 (§4.2.1.3)
#[test]
fn no_two_readers_hold_two_verdicts() {
    let nodes = nodes();
    let words = [None, Some(Outcome::Guilty), Some(Outcome::Cleared)];
    for count in 1..=7_usize {
        let liars = (count - 1) / 3;
        let honest = count - liars;
        let tally = |votes: &[Option<Outcome>]| {
            let mut ballot = Ballot::new(&nodes[..count]).expect("nodes");
            let counted: Vec<Counted> =
                nodes.iter().zip(votes).filter_map(|(node, vote)| vote.map(|vote| ballot.vote(node, vote))).collect();
            counted.into_iter().find_map(|counted| match counted {
                Counted::Verdict(outcome) => Some(outcome),
                _ => None,
            })
        };
        let ways = |nodes: usize| 3_usize.pow(u32::try_from(nodes).expect("few"));
        let spread = |mut way: usize, nodes: usize| -> Vec<Option<Outcome>> {
            (0..nodes)
                .map(|_| {
                    let word = words[way % 3];
                    way /= 3;
                    word
                })
                .collect()
        };
        for honestly in 0..ways(honest) {
            let honestly = spread(honestly, honest);
            let verdicts: std::collections::HashSet<Outcome> =
                (0..ways(liars)).filter_map(|lie| tally(&[honestly.clone(), spread(lie, liars)].concat())).collect();
            assert!(verdicts.len() <= 1, "{count} nodes, honest votes {honestly:?}");
        }
        // A revocation that a write quorum took: its honest witnesses clear, and liars cannot convict.
        let needed = count - liars;
        let witnesses = needed - liars;
        let votes: Vec<_> = (0..honest)
            .map(|node| Some(if node < witnesses { Outcome::Cleared } else { Outcome::Guilty }))
            .chain((0..liars).map(|_| Some(Outcome::Guilty)))
            .collect();
        assert_ne!(tally(&votes), Some(Outcome::Guilty), "{count} nodes");
    }
}

/// The bits of a key, counted in a plain way.
fn plainly(key: &Eid, epoch: u32, order: usize) -> Vec<usize> {
    use iacp_core::crypto::Provider;
    let digest = ChaChaOnly::sha256(&[b"IACP/1 revoked\0", &epoch.to_be_bytes(), &key.0]);
    let bit = |at: usize| usize::from(digest[at / 8] >> (7 - at % 8) & 1);
    (0..11).map(|hash| (0..16 + order).fold(0, |number, at| number << 1 | bit(23 * hash + at))).collect()
}

// shows: IACP-128 (§5.5.3)
#[test]
fn a_key_has_the_bits_that_its_digest_says() {
    for order in 0..8 {
        let mut bytes = vec![0; 8_192 << order];
        let mut filter = Filter::new(&mut bytes, 690).expect("a size");
        filter.insert::<ChaChaOnly>(&Eid([7; 32]));
        assert!(filter.may_contain::<ChaChaOnly>(&Eid([7; 32])));
        let mut expected = vec![0_u8; 8_192 << order];
        plainly(&Eid([7; 32]), 690, order).iter().for_each(|bit| expected[bit / 8] |= 0x80 >> (bit % 8));
        assert_eq!(filter.bytes(), expected, "order {order}");
    }
    for wrong in [0, 1, 8_191, 8_193, 12_288, 8_192 << 8] {
        assert!(Filter::new(&mut vec![0; wrong], 0).is_none(), "{wrong} bytes");
    }
}

// shows: IACP-128 (§5.5.3)
#[test]
fn a_full_filter_errs_as_rarely_as_computed() {
    let key = |number: u32| {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        Eid(key)
    };
    let mut bytes = [0; 8_192];
    let mut filter = Filter::new(&mut bytes, 1).expect("the smallest");
    (0..4_096).for_each(|number| filter.insert::<ChaChaOnly>(&key(number)));
    assert!((0..4_096).all(|number| filter.may_contain::<ChaChaOnly>(&key(number))), "no key is lost");
    // (1 − e^(−11 · 4096 / 65536))^11 = 0.046 %: of 200,000 keys 92, give or take ten.
    let hits = (4_096..204_096).filter(|number| filter.may_contain::<ChaChaOnly>(&key(*number))).count();
    assert!((42..=142).contains(&hits), "{hits} false positives of 200,000");
}

// A filter of ones, from f liars: what f + 1 nodes do not say is not said.
#[test]
fn two_liars_of_seven_add_nothing_to_a_filter() {
    let mut honest = vec![0; 8_192];
    Filter::new(&mut honest, 1).expect("a size").insert::<ChaChaOnly>(&Eid([7; 32]));
    let (ones, mut bytes) = (vec![0xFF; 8_192], vec![0xEE; 8_192]);
    let mut filter = Filter::new(&mut bytes, 1).expect("a size");
    let filters: Vec<&[u8]> = vec![&ones, &ones, &honest, &honest, &honest, &honest, &honest];
    filter.threshold(&filters, 3);
    assert_eq!(filter.bytes(), honest);
    assert_eq!(filter.epoch(), 1);
    // Three say it, of which one is an honest node; filters of another size say nothing.
    let larger = vec![0xFF; 16_384];
    filter.threshold(&[&ones, &ones, &honest], 3);
    assert_eq!(filter.bytes(), honest);
    filter.threshold(&[&ones, &larger, &larger, &honest], 3);
    assert!(filter.bytes().iter().all(|byte| *byte == 0));
}

proptest! {
    /// Whatever the order of clocks, ticks and rebuttals: no vote to convict before an hour by both clocks, and one vote.
    #[test]
    fn no_order_of_events_convicts_early_or_votes_twice(
        defended: bool,
        events in prop::collection::vec((0_u64..2 * HOUR, 0_u64..2 * HOUR, 0..4), 1..40),
    ) {
        let mut escrow = opened(if defended { in_time() } else { None });
        let mut votes = Vec::new();
        let start = after(0);
        for (mono, unix, event) in events {
            let now = Clock { mono: Mono(start.mono.0 + mono), unix: UnixTime(start.unix.0 + unix) };
            match event {
                0 => { let _ = escrow.tick(now); }
                1 => { let _ = escrow.rebut(now, From::Accused); }
                2 => { let _ = escrow.rebut(now, From::Node); }
                _ => votes.extend(escrow.persisted()),
            }
            if let Some(Due::Persist(Outcome::Guilty)) = { escrow }.tick(now) {
                prop_assert!(mono >= HOUR + MINUTE && unix >= HOUR + MINUTE);
                prop_assert!(!defended);
            }
        }
        prop_assert!(votes.len() <= 1);
        prop_assert!(!defended || !votes.contains(&Outcome::Guilty));
    }
}

/// A vote that could not be told to be written down is due again, and is signed no earlier.
// shows: IACP-068 (§4.2.1.3)
#[test]
fn a_vote_that_was_not_told_is_due_again() {
    let mut escrow = opened(in_time());
    assert_eq!(escrow.rebut(after(1), From::Accused), Ok(Due::Persist(Outcome::Cleared)));
    escrow.again();
    assert_eq!(escrow.persisted(), None);
    assert_eq!(escrow.tick(after(2)), Some(Due::Persist(Outcome::Cleared)));
    assert_eq!(escrow.persisted(), Some(Outcome::Cleared));
    escrow.again();
    assert_eq!(escrow.tick(after(3)), None, "what is cast stays cast");
}
