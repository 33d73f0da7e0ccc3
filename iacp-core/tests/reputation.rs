//! Scores out of what a keeper saw, the three verdicts with hysteresis, and the journal that anyone can check.

use iacp_core::crypto::{ChaChaOnly, Secret32};
use iacp_core::governance::journal::{Broken, Entry, EntryKind, Head, Journal, NO_EVIDENCE};
use iacp_core::governance::reputation::{
    ACCUSED, Account, EPOCH, GOOD, NEWCOMER, Proven, Reputation, Treatment, median,
};
use iacp_core::identity::Identity;
use iacp_core::pss::Admission;
use iacp_core::slots::IndexKey;
use iacp_core::time::UnixTime;
use iacp_wire::Eid;
use proptest::prelude::*;

/// The start of an epoch.
const NOW: UnixTime = UnixTime(690 * EPOCH);

fn eid(number: u32) -> Eid {
    let mut eid = [9; 32];
    eid[..4].copy_from_slice(&number.to_be_bytes());
    Eid(eid)
}

fn keeper() -> Identity<ChaChaOnly> {
    Identity::from_seed(&Secret32::new([1; 32]))
}

fn reputation(memory: &mut [Account]) -> Reputation<'_> {
    Reputation::new::<ChaChaOnly>(memory, IndexKey::new([7; 16]), keeper().eid())
}

fn see(reputation: &mut Reputation<'_>, now: UnixTime, kind: EntryKind, amount: u32) -> Entry {
    reputation.observe::<ChaChaOnly>(now, &eid(1), kind, amount, &NO_EVIDENCE)
}

// shows: IACP-018 (§3.6.1), IACP-019 (§3.6.1), IACP-016 (§3.6)
#[test]
fn a_score_is_45_parts_signatures_35_availability_20_proofs() {
    let mut memory = [Account::FREE; 8];
    let mut reputation = reputation(&mut memory);
    let score = |reputation: &Reputation<'_>, proven| reputation.rating(NOW, &eid(1), proven).score;
    // By hand: (45·5,000 + 35·5,000 + 20·10,000) / 100.
    assert_eq!(score(&reputation, Proven::Nothing), 6_000);
    assert_eq!(score(&reputation, Proven::Against), 4_000);
    // Twelve good ones count double in the running epoch: S = (240,000 + 40,000) / 32 = 8,750.
    see(&mut reputation, NOW, EntryKind::Good, 12);
    assert_eq!(score(&reputation, Proven::Nothing), 7_687); // (393,750 + 175,000 + 200,000) / 100
    // Twelve due, six met: A = (120,000 + 40,000) / 32 = 5,000.
    see(&mut reputation, NOW, EntryKind::Due, 12);
    see(&mut reputation, NOW, EntryKind::Met, 6);
    assert_eq!(score(&reputation, Proven::Nothing), 7_687);
    // Four false accusations are 32 bad ones: S = 280,000 / (24 + 64 + 8) = 2,916.
    see(&mut reputation, NOW, EntryKind::Bad, 32);
    assert_eq!(score(&reputation, Proven::Nothing), 5_062); // (131,220 + 175,000 + 200,000) / 100
    assert_eq!(reputation.rating(NOW, &eid(1), Proven::Nothing).observations, 24 + 64 + 24);
}

#[test]
fn what_was_seen_fades_after_an_epoch_and_is_gone_after_two() {
    let mut memory = [Account::FREE; 8];
    let mut reputation = reputation(&mut memory);
    see(&mut reputation, NOW, EntryKind::Bad, 100);
    let at = |epochs: u64| reputation.rating(UnixTime(NOW.0 + epochs * EPOCH), &eid(1), Proven::Nothing);
    assert_eq!([0, 1, 2, 3].map(|epochs| at(epochs).observations), [200, 100, 0, 0]);
    assert!(at(0).score < at(1).score && at(1).score < at(2).score);
    assert_eq!(at(2).score, NEWCOMER);
    // A clock that goes back, or to its end, counts the same and never fails.
    assert_eq!(reputation.rating(UnixTime(0), &eid(1), Proven::Nothing), at(0));
    assert_eq!(reputation.rating(UnixTime(u64::MAX), &eid(1), Proven::Nothing).score, NEWCOMER);
}

// shows: IACP-021 (§3.6.2), IACP-022 (§3.6.2), IACP-024 (§3.6.2)
#[test]
fn a_verdict_comes_at_one_score_and_goes_at_a_higher_one() {
    let mut memory = [Account::FREE; 8];
    let mut reputation = reputation(&mut memory);
    let verdict = |reputation: &mut Reputation<'_>| reputation.treatment(NOW, &eid(1), Proven::Nothing, false);
    assert_eq!(verdict(&mut reputation), (Treatment::Admit, false));
    let mut seen = Vec::new();
    let (mut lowest, mut highest) = (u16::MAX, 0);
    for kind in [EntryKind::Bad; 60].into_iter().chain([EntryKind::Good; 600]) {
        see(&mut reputation, NOW, kind, 1);
        if kind == EntryKind::Bad {
            see(&mut reputation, NOW, EntryKind::Due, 1);
        } else {
            see(&mut reputation, NOW, EntryKind::Met, 1);
        }
        let score = reputation.rating(NOW, &eid(1), Proven::Nothing).score;
        (lowest, highest) = (lowest.min(score), highest.max(score));
        let (verdict, changed) = verdict(&mut reputation);
        if changed {
            seen.push((verdict, score));
        }
        match verdict {
            Treatment::DemandWork { threshold, score: named } => assert_eq!((threshold, named), (5_000, score)),
            Treatment::Admit => assert!(score >= 5_000),
            Treatment::Throttle => assert!(score < 4_000),
            Treatment::Drop => panic!("never by a score"),
        }
    }
    let names: Vec<u8> = seen
        .iter()
        .map(|(verdict, _)| match verdict {
            Treatment::Admit => 0,
            Treatment::DemandWork { .. } => 1,
            Treatment::Throttle => 2,
            Treatment::Drop => 3,
        })
        .collect();
    assert_eq!(names, [1, 2, 1, 0], "down and up again, each once: {seen:?}, {lowest} to {highest}");
    assert!(seen[0].1 < 5_000 && seen[1].1 < 3_500 && seen[2].1 >= 4_000 && seen[3].1 >= 5_500);
    // A proof drops at once, whatever the score is.
    assert_eq!(reputation.treatment(NOW, &eid(1), Proven::Against, false).0, Treatment::Drop);
    // Under load the new work and the known do not.
    assert_eq!(reputation.treatment(NOW, &eid(1), Proven::Nothing, true).0, Treatment::Admit);
    let newcomer = reputation.treatment(NOW, &eid(2), Proven::Nothing, true).0;
    assert_eq!(newcomer, Treatment::DemandWork { threshold: 6_500, score: 6_000 });
}

/// At the threshold itself a peer is admitted, and one below it is not; what a verdict began ends at the higher score itself.
// shows: IACP-021 (§3.6.2), IACP-022 (§3.6.2)
#[test]
fn a_verdict_begins_below_its_score_and_ends_at_the_higher_one() {
    const ADMIT: fn(u16) -> Treatment = |_| Treatment::Admit;
    const THROTTLE: fn(u16) -> Treatment = |_| Treatment::Throttle;
    const WORK: fn(u16) -> Treatment = |score| Treatment::DemandWork { threshold: 5_000, score };
    const LOADED: fn(u16) -> Treatment = |score| Treatment::DemandWork { threshold: 6_500, score };
    type Case = ([u32; 4], u16, fn(u16) -> Treatment);
    let judged = |(counts, score, expected): Case, begun: u32, load: bool| {
        let mut memory = [Account::FREE; 8];
        let mut reputation = reputation(&mut memory);
        for (kind, count) in [EntryKind::Good, EntryKind::Bad, EntryKind::Due, EntryKind::Met].into_iter().zip(counts) {
            see(&mut reputation, NOW, kind, count);
        }
        see(&mut reputation, NOW, EntryKind::Change, begun);
        assert_eq!(reputation.rating(NOW, &eid(1), Proven::Nothing).score, score, "{counts:?}");
        let (verdict, changed) = reputation.treatment(NOW, &eid(1), Proven::Nothing, load);
        assert_eq!(verdict, expected(score), "{score}, begun {begun}, load {load}");
        // The amount of a change: bit 0 demands work, bit 1 throttles.
        let goes_on = match verdict {
            Treatment::Admit | Treatment::Drop => 0,
            Treatment::DemandWork { .. } => 1,
            Treatment::Throttle => 3,
        };
        assert_eq!(reputation.changed::<ChaChaOnly>(NOW, &eid(1)).amount, goes_on);
        assert_eq!(changed, goes_on != begun);
    };
    // Good, bad, due and met, and the score by hand from the formula.
    let cases: [Case; 4] = [
        ([0, 6, 1, 1], 5_000, ADMIT),
        ([0, 2, 3, 1], 4_999, WORK),
        ([0, 16, 6, 1], 3_500, WORK),
        ([0, 5, 10, 0], 3_499, THROTTLE),
    ];
    cases.into_iter().for_each(|case| judged(case, 0, false));
    let cases: [Case; 4] = [
        ([5, 1, 16, 0], 5_500, ADMIT),
        ([0, 2, 3, 2], 5_499, WORK),
        ([0, 4, 4, 0], 4_000, WORK),
        ([0, 5, 3, 0], 3_999, THROTTLE),
    ];
    cases.into_iter().for_each(|case| judged(case, 3, false));
    judged(([7, 5, 12, 7], 6_500, ADMIT), 0, true);
    judged(([2, 0, 3, 1], 6_499, LOADED), 0, true);
    judged(([6, 0, 1, 0], 7_000, ADMIT), 1, true);
    judged(([2, 0, 3, 2], 6_999, LOADED), 1, true);
}

#[test]
fn an_accusation_counts_until_it_lapses_and_a_good_one_counts_once_an_hour() {
    let later = |ms: u64| UnixTime(NOW.0 + ms);
    let mut memory = [Account::FREE; 8];
    let mut reputation = reputation(&mut memory);
    assert!(reputation.counts_good(NOW, &eid(1)), "there is no account");
    see(&mut reputation, NOW, EntryKind::Good, 1);
    let counts = [0, GOOD - 1, GOOD].map(|ms| reputation.counts_good(later(ms), &eid(1)));
    assert_eq!(counts, [false, false, true]);
    let back = [GOOD - 1, GOOD].map(|ms| reputation.counts_good(UnixTime(NOW.0 - ms), &eid(1)));
    assert_eq!(back, [false, true], "and where the clock was set back by as much");
    see(&mut reputation, NOW, EntryKind::Accusation, 0);
    // An older one, which comes late, ends nothing sooner.
    see(&mut reputation, UnixTime(NOW.0 - 1_000), EntryKind::Accusation, 0);
    let mut verdict = |ms: u64| reputation.treatment(later(ms), &eid(1), Proven::Nothing, false).0;
    let verdicts = [0, ACCUSED - 1, ACCUSED].map(&mut verdict);
    assert_eq!(verdicts, [Treatment::Drop, Treatment::Drop, Treatment::Admit]);
}

/// The verdicts are the answers of the responder's hook.
const fn admission(verdict: Treatment) -> Admission {
    match verdict {
        Treatment::Admit => Admission::Admit,
        Treatment::DemandWork { .. } => Admission::DemandWork,
        Treatment::Throttle => Admission::Throttle,
        Treatment::Drop => Admission::Drop,
    }
}

#[test]
fn each_verdict_has_its_answer_at_the_responders_hook() {
    let mut memory = [Account::FREE; 8];
    let mut reputation = reputation(&mut memory);
    let mut hook = |proven| admission(reputation.treatment(NOW, &eid(1), proven, false).0);
    assert_eq!((hook(Proven::Nothing), hook(Proven::Against)), (Admission::Admit, Admission::Drop));
    see(&mut reputation, NOW, EntryKind::Bad, 5);
    let mut hook = |proven| admission(reputation.treatment(NOW, &eid(1), proven, false).0);
    assert_eq!(hook(Proven::Nothing), Admission::DemandWork);
    see(&mut reputation, NOW, EntryKind::Bad, 100);
    see(&mut reputation, NOW, EntryKind::Due, 100);
    let mut hook = |proven| admission(reputation.treatment(NOW, &eid(1), proven, false).0);
    assert_eq!(hook(Proven::Nothing), Admission::Throttle);
}

/// The attack "identity cycling": new EIDs wipe no slate.
#[test]
fn a_crowd_of_new_eids_pushes_no_account_out() {
    let mut memory = [Account::FREE; 64];
    let mut reputation = reputation(&mut memory);
    see(&mut reputation, NOW, EntryKind::Bad, 100);
    let before = reputation.rating(NOW, &eid(1), Proven::Nothing);
    for number in 2..20_000 {
        reputation.observe::<ChaChaOnly>(NOW, &eid(number), EntryKind::Good, 1, &NO_EVIDENCE);
    }
    assert_eq!(reputation.rating(NOW, &eid(1), Proven::Nothing), before);
}

#[test]
fn scores_of_others_count_by_their_lower_median_once_a_quorum_has_answered() {
    assert_eq!(median(&mut [9_000, 1_000, 5_000], 4, 5), None, "not known yet");
    assert_eq!(median(&mut [], 5, 5), Some(NEWCOMER), "no node has one");
    assert_eq!(median(&mut [9_000, 1_000, 5_000, 6_000], 5, 5), Some(5_000));
    // Two liars of seven move it no further than an honest score lies.
    let honest = [6_000, 6_100, 6_200, 6_300, 6_400];
    for lie in [0, 10_000] {
        let mut scores = [honest.to_vec(), vec![lie; 2]].concat();
        let found = median(&mut scores, 7, 5).expect("seven answers");
        assert!((6_000..=6_400).contains(&found), "{found}");
    }
}

fn journal(count: u32) -> (Head, Vec<Entry>) {
    let mut journal = Journal::new::<ChaChaOnly>(keeper().eid());
    let entries = (0..count)
        .map(|number| journal.append::<ChaChaOnly>(NOW, EntryKind::Good, number, &eid(number), &[5; 16]))
        .collect();
    (journal.head(&keeper(), NOW), entries)
}

// shows: IACP-008 (§3.4), IACP-017 (§3.6.1)
#[test]
fn a_journal_is_chained_and_its_head_is_signed() {
    let (head, entries) = journal(20);
    let verify = |head: &Head, entries: &[Entry]| Journal::verify::<ChaChaOnly>(head, entries.iter().copied());
    assert_eq!(verify(&head, &entries), Ok(()));
    let bytes = head.to_bytes();
    assert_eq!(
        bytes[..],
        [&head.keeper.0[..], &20_u64.to_be_bytes(), &head.hash.0, &NOW.0.to_be_bytes(), &head.signature.0].concat()
    );
    assert_eq!(Head::from_bytes(&bytes), Some(head));
    assert_eq!(verify(&head, &entries[..19]), Err(Broken::Count));
    let (_, longer) = journal(21);
    assert_eq!(verify(&head, &longer), Err(Broken::Count));
    assert_eq!(verify(&head, &entries[1..]), Err(Broken::Sequence(0)));
    let mut swapped = entries.clone();
    swapped.swap(3, 4);
    assert_eq!(verify(&head, &swapped), Err(Broken::Sequence(3)));
    for at in 0..20 {
        let mut changed = entries.clone();
        changed[at].amount ^= 1;
        assert_eq!(verify(&head, &changed), Err(Broken::Hash), "entry {at}");
    }
    for change in [
        (|head: &mut Head| head.entries = 19) as fn(&mut Head),
        |head| head.hash.0[0] ^= 1,
        |head| head.time += 1,
        |head| head.keeper = eid(1),
        |head| head.signature.0[63] ^= 1,
    ] {
        let mut changed = head;
        change(&mut changed);
        assert_eq!(verify(&changed, &entries), Err(Broken::Signature));
    }
    // 72 bytes, by hand.
    let golden = [&[0; 7][..], &[3], &NOW.0.to_be_bytes(), &[1, 0, 0, 0, 0, 0, 0, 3], &eid(3).0, &[5; 16]].concat();
    assert_eq!(entries[3].to_bytes(), golden[..]);
    let read = |bytes: &[u8]| Entry::from_bytes(bytes.try_into().expect("72 bytes"));
    assert_eq!(read(&golden), Some(entries[3]));
    for (at, value) in [(16, 0), (16, 8), (17, 1), (19, 1)] {
        let mut changed = golden.clone();
        changed[at] = value;
        assert_eq!(read(&changed), None, "byte {at}");
    }
}

proptest! {
    /// A reader of the entries has the scores, and within an epoch their order makes no difference. Against arithmetic
    /// without limits.
    #[test]
    fn scores_are_reproducible(
        seen in prop::collection::vec((0_usize..4, any::<u32>()), 0..40), rotate in 0_usize..40,
    ) {
        let kinds = [EntryKind::Good, EntryKind::Bad, EntryKind::Due, EntryKind::Met];
        let mut memory = [Account::FREE; 8];
        let mut first = reputation(&mut memory);
        let mut entries: Vec<Entry> = seen.iter().map(|(kind, amount)| see(&mut first, NOW, kinds[*kind], *amount)).collect();
        let score = first.rating(NOW, &eid(1), Proven::Nothing);
        if !entries.is_empty() {
            let middle = rotate % entries.len();
            entries.rotate_left(middle);
        }
        let mut memory = [Account::FREE; 8];
        let mut second = reputation(&mut memory);
        entries.iter().for_each(|entry| second.apply(entry));
        prop_assert_eq!(second.rating(NOW, &eid(1), Proven::Nothing), score);

        let sum = |wanted: usize| {
            let all = seen.iter().filter(|(kind, _)| *kind == wanted).map(|(_, amount)| u128::from(*amount));
            2 * all.sum::<u128>().min(u128::from(u32::MAX))
        };
        let share = |part: u128, whole: u128| (10_000 * part + 40_000) / (whole + 8);
        let (s, a) = (share(sum(0), sum(0) + sum(1)), share(sum(3).min(sum(2)), sum(2)));
        prop_assert_eq!(u128::from(score.score), (45 * s + 35 * a + 200_000) / 100);
        prop_assert!(score.score <= 10_000);
    }
}

#[test]
fn eight_accounts_share_eight_places_until_they_are_over() {
    let of_set = |set: u64| {
        let is_of = move |number: &u32| IndexKey::new([7; 16]).hash(&[&eid(*number).0]) % 8 == set;
        (1..).filter(is_of).take(9).collect::<Vec<u32>>()
    };
    let mut memory = [Account::FREE; 64];
    let mut reputation = reputation(&mut memory);
    let mut good = |now: u64, number: u32| {
        let now = UnixTime(now);
        reputation.observe::<ChaChaOnly>(now, &eid(number), EntryKind::Good, 1, &NO_EVIDENCE);
        reputation.rating(now, &eid(number), Proven::Nothing).observations
    };
    for set in 0..8 {
        let seen: Vec<u64> = of_set(set).into_iter().map(|number| good(NOW.0, number)).collect();
        assert_eq!(seen, [2, 2, 2, 2, 2, 2, 2, 2, 0], "set {set}");
    }
    let ninth = of_set(0)[8];
    assert_eq!([2 * EPOCH - 1, 2 * EPOCH].map(|later| good(NOW.0 + later, ninth)), [0, 2]);
}

#[test]
fn an_account_is_over_no_sooner_than_its_accusation() {
    for (later, kept) in [(ACCUSED - 1, 0), (ACCUSED, 2)] {
        let mut memory = [Account::FREE; 8];
        let mut reputation = reputation(&mut memory);
        for number in 1..9 {
            reputation.observe::<ChaChaOnly>(NOW, &eid(number), EntryKind::Accusation, 0, &NO_EVIDENCE);
        }
        let now = UnixTime(NOW.0 + later);
        reputation.observe::<ChaChaOnly>(now, &eid(9), EntryKind::Good, 1, &NO_EVIDENCE);
        assert_eq!(reputation.rating(now, &eid(9), Proven::Nothing).observations, kept, "{later}");
    }
}
