//! The memory of a receiver: replay, parentage, and what is forgotten (`CEP §4`, `CEP §8`).

mod envelope;

use std::collections::BTreeMap;

use cep_envelope::decision::Outcome;
use cep_envelope::digest::Digest;
use cep_envelope::drift::DriftLimits;
use cep_envelope::lineage::{
    Approved, Line, Lineage, Memory, MemoryLineage, Parent, Record, RecordError, Slot, Standing,
};
use cep_envelope::manifest::{CausalParent, Instant};
use envelope::{ARRIVAL, Draft, SEALED_AT, judge, names, receive};
use proptest::prelude::*;

fn digest(number: u8) -> Digest {
    Digest::of(&[number])
}

fn record(number: u8, parent: CausalParent, line: Line, standing: Standing) -> Record {
    let sealed = Instant::unix(i64::from(number));
    Record { manifest: digest(number), key: [1; 32], parent, sealed, line, standing }
}

fn root(number: u8) -> Record {
    record(number, CausalParent::Root, Line::Main(digest(number)), Standing::Approved)
}

fn child(number: u8, parent: u8, of: u8) -> Record {
    record(number, CausalParent::Of(digest(parent)), Line::Main(digest(of)), Standing::Approved)
}

fn small() -> MemoryLineage<[Slot; 8]> {
    MemoryLineage::first([Slot::EMPTY; 8], [1; 16])
}

#[test]
fn what_is_forgotten_is_not_taken_for_new() {
    // shows: CEP-030 (§4), CEP-031 (§4)
    let mut memory = envelope::memory();
    let object = Draft::default().seal();
    assert_eq!(receive(&object, &mut memory).outcome(), Outcome::Continue);
    memory.forget_before(SEALED_AT.after(1));
    assert!(memory.is_empty());
    let decision = judge(&object.delivery(), &memory).decision;
    assert_eq!((decision.outcome(), names(decision.deciding())), (Outcome::Resync, vec!["maybe-replayed"]));
    assert_eq!(decision.record(), None);
    // Forgetting up to an earlier time does not restore anything.
    memory.forget_before(Instant::MIN);
    assert_eq!(memory.complete_since(), SEALED_AT.after(1));
    // What is younger is new.
    let younger = Draft { created: "2026-05-14T06:41:49Z", ..Draft::default() }.seal();
    assert_eq!(receive(&younger, &mut memory).outcome(), Outcome::Continue);
}

#[test]
fn of_an_object_that_is_forgotten_a_journal_restores_that_it_continues_its_parent() {
    // The first child was sealed before its parent, and the fork after it.
    let (parent, first, other) = (root(5), child(3, 5, 5), child(7, 5, 5));
    let held_back = Record { standing: Standing::HeldBack, ..first };
    let fork = Record { line: Line::Branch(digest(3)), ..first };
    for (before, continued_by) in [(held_back, None), (fork, None), (first, Some(digest(3)))] {
        let mut memory = small();
        memory.forget_before(Instant::unix(4));
        for record in [&parent, &before] {
            memory.restore(record).unwrap();
        }
        assert_eq!((memory.len(), memory.object(&before.manifest, &before.key)), (1, Memory::New));
        let Parent::Approved(approved) = memory.parent(&parent.manifest) else { panic!("it is approved") };
        assert_eq!(approved.continued_by, continued_by);
        assert_eq!(memory.record(&other).is_ok(), continued_by.is_none());
    }
}

#[test]
fn a_restart_without_memory_approves_nothing_that_may_have_been_approved_before() {
    let ahead = DriftLimits::default().ahead_seconds;
    let mut memory = envelope::memory();
    // The sender's clock is ahead by the allowed maximum, and the receiver is restarted immediately.
    let object =
        Draft { created: "2026-05-14T06:46:50Z", name: "20260514t064650z.message.jasper.normal", ..Draft::default() }
            .seal();
    assert_eq!(receive(&object, &mut memory).outcome(), Outcome::Continue);
    let restarted = MemoryLineage::after_restart([Slot::EMPTY; 64], [2; 16], ARRIVAL, ahead);
    assert_eq!(names(judge(&object.delivery(), &restarted).decision.deciding()), ["maybe-replayed"]);
    // A receiver that has stored its records is as before.
    let mut rebuilt = envelope::memory();
    rebuilt.record(judge(&object.delivery(), &envelope::memory()).decision.record().unwrap()).unwrap();
    assert_eq!(names(judge(&object.delivery(), &rebuilt).decision.deciding()), ["replayed"]);
}

#[test]
fn full_means_refuse_and_nothing_is_forgotten_for_it() {
    let mut lineage = small();
    assert_eq!(lineage.capacity(), 6);
    for number in 0..6 {
        assert!(lineage.has_room());
        lineage.record(&root(number)).unwrap();
    }
    assert!(!lineage.has_room());
    assert_eq!(lineage.record(&root(6)), Err(RecordError::Full));
    assert!((0..6).all(|number| lineage.object(&digest(number), &[1; 32]) == Memory::Decided));
    // A delivery gets this finding before it is approved.
    let mut full = envelope::memory();
    for number in 0..u8::try_from(full.capacity()).unwrap() {
        full.record(&root(number)).unwrap();
    }
    let decision = judge(&Draft::default().seal().delivery(), &full).decision;
    assert_eq!((decision.outcome(), names(decision.deciding())), (Outcome::Resync, vec!["no-room"]));
    // Room comes back only when the caller forgets.
    full.forget_before(Instant::unix(1));
    assert_eq!(receive(&Draft::default().seal(), &mut full).outcome(), Outcome::Continue);
}

#[test]
fn memory_without_slots_remembers_nothing_and_approves_nothing() {
    for slots in 0..2 {
        let mut lineage = MemoryLineage::first(vec![Slot::EMPTY; slots], [0; 16]);
        assert_eq!((lineage.capacity(), lineage.has_room()), (0, false));
        assert_eq!(lineage.record(&root(1)), Err(RecordError::Full));
        assert_eq!(lineage.parent(&digest(1)), Parent::Unknown);
        lineage.forget_before(Instant::unix(9));
    }
}

#[test]
fn of_two_decisions_made_at_once_one_is_refused() {
    let mut memory = envelope::memory();
    let root = Draft::default().seal();
    receive(&root, &mut memory);
    let siblings = [&b"one"[..], b"two"]
        .map(|content| Draft { content, parent: CausalParent::Of(root.digest), ..Draft::default() }.seal());
    let decisions = siblings.each_ref().map(|sibling| judge(&sibling.delivery(), &memory).decision);
    assert!(decisions.iter().all(|decision| decision.outcome() == Outcome::Continue));
    memory.record(decisions[0].record().unwrap()).unwrap();
    assert_eq!(memory.record(decisions[0].record().unwrap()), Err(RecordError::Decided));
    assert_eq!(memory.record(decisions[1].record().unwrap()), Err(RecordError::Overtaken));
    // When decided again, it is a fork.
    assert_eq!(receive(&siblings[1], &mut memory).outcome(), Outcome::Fork);
}

#[test]
fn what_was_decided_about_a_parent_meanwhile_counts_for_branches_too() {
    let judged = |change: fn(&mut envelope::Memory, &Digest)| {
        let mut memory = envelope::memory();
        let root = Draft::default().seal();
        receive(&root, &mut memory);
        let child = |content| Draft { content, parent: CausalParent::Of(root.digest), ..Draft::default() }.seal();
        receive(&child(b"first"), &mut memory);
        let second = child(b"second");
        let decision = judge(&second.delivery(), &memory).decision;
        assert_eq!(decision.outcome(), Outcome::Fork);
        change(&mut memory, &root.digest);
        memory.record(decision.record().unwrap())
    };
    assert_eq!(judged(|_, _| {}), Ok(()));
    assert_eq!(judged(|memory, root| memory.forbid(&Line::Main(*root))), Err(RecordError::Overtaken));
    assert_eq!(judged(|memory, root| memory.invalidate(root)), Err(RecordError::Overtaken));
}

#[test]
fn a_record_is_of_its_parents_own_line_and_what_is_held_back_continues_nothing() {
    let mut lineage = small();
    for record in [root(1), root(2)] {
        lineage.record(&record).unwrap();
    }
    assert_eq!(lineage.record(&child(3, 1, 2)), Err(RecordError::Overtaken), "on the line of another root");
    assert_eq!(lineage.record(&child(3, 9, 1)), Err(RecordError::Overtaken), "of a parent that is not here");
    lineage.record(&Record { standing: Standing::HeldBack, ..child(3, 1, 1) }).unwrap();
    lineage.record(&child(4, 1, 1)).unwrap();
    let Parent::Approved(approved) = lineage.parent(&digest(1)) else { panic!() };
    assert_eq!(approved.continued_by, Some(digest(4)));
    lineage.forbid(&Line::Main(digest(1)));
    assert_eq!(lineage.parent(&digest(3)), Parent::Undecided, "what is not approved is not forbidden");
}

#[test]
fn what_was_held_back_may_be_judged_again() {
    let mut memory = envelope::memory();
    let root = Draft::default().seal();
    let child = Draft { content: b"next", parent: CausalParent::Of(root.digest), ..Draft::default() }.seal();
    assert_eq!(receive(&child, &mut memory).outcome(), Outcome::Resync);
    assert_eq!(memory.len(), 1);
    receive(&root, &mut memory);
    assert_eq!(receive(&child, &mut memory).outcome(), Outcome::Continue);
    assert_eq!(memory.len(), 2);
    assert_eq!(names(judge(&child.delivery(), &memory).decision.deciding()), ["replayed"]);
}

#[test]
fn nothing_continues_a_forbidden_line_or_an_invalid_object() {
    let mut lineage = small();
    for record in [root(1), child(2, 1, 1), root(3)] {
        lineage.record(&record).unwrap();
    }
    lineage.forbid(&Line::Main(digest(1)));
    assert_eq!([1, 2].map(|number| lineage.parent(&digest(number))), [Parent::Forbidden; 2]);
    assert_eq!(lineage.record(&child(4, 2, 1)), Err(RecordError::Overtaken));
    let approved = Approved { sealed: Instant::unix(3), line: Line::Main(digest(3)), continued_by: None };
    assert_eq!(lineage.parent(&digest(3)), Parent::Approved(approved), "another line goes on");
    lineage.invalidate(&digest(3));
    assert_eq!(lineage.parent(&digest(3)), Parent::Invalid);
    lineage.invalidate(&digest(9));
    lineage.forbid(&Line::Branch(digest(1)));
}

#[test]
fn where_a_manifest_stands_does_not_depend_on_who_seals_it_once_more() {
    let mut lineage = small();
    let by = |key: u8, standing| Record { key: [key; 32], standing, ..root(1) };
    lineage.record(&by(1, Standing::HeldBack)).unwrap();
    assert_eq!(lineage.parent(&digest(1)), Parent::Undecided);
    lineage.record(&by(2, Standing::Approved)).unwrap();
    assert!(matches!(lineage.parent(&digest(1)), Parent::Approved(_)), "one that is approved is enough");
    lineage.record(&child(2, 1, 1)).unwrap();
    lineage.record(&by(3, Standing::Approved)).unwrap();
    let Parent::Approved(approved) = lineage.parent(&digest(1)) else { panic!() };
    assert_eq!(approved.continued_by, Some(digest(2)), "a copy hides no fork");
    lineage.forbid(&Line::Main(digest(1)));
    assert_eq!(lineage.parent(&digest(1)), Parent::Forbidden, "one that is bad is enough, and no copy revives it");
    assert_eq!(lineage.record(&by(4, Standing::Approved)), Err(RecordError::Decided));
    lineage.invalidate(&digest(1));
    assert_eq!(lineage.parent(&digest(1)), Parent::Invalid);
    assert_eq!((lineage.len(), lineage.record(&by(5, Standing::Approved))), (4, Err(RecordError::Decided)));
}

#[test]
fn memory_is_the_callers() {
    // The slots can be an array, a slice or a box.
    let mut slots = [Slot::EMPTY; 8];
    let mut lineage = MemoryLineage::first(&mut slots[..], [3; 16]);
    lineage.record(&root(1)).unwrap();
    assert_eq!(lineage.len(), 1);
    let mut boxed = MemoryLineage::first(vec![Slot::EMPTY; 1000].into_boxed_slice(), [3; 16]);
    boxed.record(&root(1)).unwrap();
    // Earlier contents of the slots do not matter.
    let lineage = MemoryLineage::first(&mut slots[..], [3; 16]);
    assert_eq!((lineage.len(), lineage.parent(&digest(1))), (0, Parent::Unknown));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Record { number: u8, sender: u8, sealed: u8 },
    Forget(u8),
    Invalidate(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..24_u8, 0..2_u8, 0..40_u8).prop_map(|(number, sender, sealed)| Step::Record { number, sender, sealed }),
        1 => (0..40_u8).prop_map(Step::Forget),
        1 => (0..24_u8).prop_map(Step::Invalidate),
    ]
}

proptest! {
    /// Compares the table with a map without collisions, for every secret.
    #[test]
    fn the_table_is_a_map(secret: [u8; 16], slots in 1..20_usize, steps in proptest::collection::vec(step(), 0..120)) {
        let mut lineage = MemoryLineage::first(vec![Slot::EMPTY; slots], secret);
        let mut model = BTreeMap::<(u8, u8), (u8, bool)>::new();
        let mut since = 0;
        for step in steps {
            match step {
                Step::Record { number, sender, sealed } => {
                    let record = Record {
                        key: [sender; 32],
                        sealed: Instant::unix(i64::from(sealed)),
                        ..root(number)
                    };
                    let bad = model.iter().any(|((other, _), (_, good))| *other == number && !good);
                    let expected = if bad || model.contains_key(&(number, sender)) {
                        Err(RecordError::Decided)
                    } else if sealed < since {
                        Err(RecordError::Overtaken)
                    } else if model.len() == lineage.capacity() {
                        Err(RecordError::Full)
                    } else {
                        model.insert((number, sender), (sealed, true));
                        Ok(())
                    };
                    prop_assert_eq!(lineage.record(&record), expected);
                }
                Step::Forget(before) => {
                    since = since.max(before);
                    model.retain(|_, (sealed, _)| *sealed >= before);
                    lineage.forget_before(Instant::unix(i64::from(before)));
                }
                Step::Invalidate(number) => {
                    model.iter_mut().filter(|((n, _), _)| *n == number).for_each(|(_, (_, good))| *good = false);
                    lineage.invalidate(&digest(number));
                }
            }
            prop_assert_eq!(lineage.len(), model.len());
            for number in 0..24 {
                let entries: Vec<_> = (0..2).filter_map(|sender| model.get(&(number, sender))).collect();
                let parent = lineage.parent(&digest(number));
                let bad = entries.iter().any(|(_, good)| !good);
                match entries.is_empty() {
                    true => prop_assert_eq!(parent, Parent::Unknown),
                    false if bad => prop_assert_eq!(parent, Parent::Invalid),
                    false => prop_assert!(matches!(parent, Parent::Approved(_))),
                }
                for sender in 0..2 {
                    let known = lineage.object(&digest(number), &[sender; 32]) == Memory::Decided;
                    prop_assert_eq!(known, bad || model.contains_key(&(number, sender)));
                }
            }
        }
    }
}

/// A third party with a bound key cannot harm a good line.
#[test]
fn no_copy_takes_an_approval_away_or_moves_it() {
    let by = |key: u8, record: Record| Record { key: [key; 32], ..record };
    let mut lineage = small();
    for record in [root(1), child(2, 1, 1)] {
        lineage.record(&record).unwrap();
    }
    lineage.invalidate(&digest(1));
    // Its parent is invalid now, so a copy of the child is judged invalid too; but the child was approved before.
    lineage.record(&by(9, Record { standing: Standing::Invalid, ..child(2, 1, 1) })).unwrap();
    let Parent::Approved(approved) = lineage.parent(&digest(2)) else { panic!("{:?}", lineage.parent(&digest(2))) };
    assert_eq!(approved.line, Line::Main(digest(1)));
    // A copy on another line is refused.
    let branch = Record { line: Line::Branch(digest(2)), ..child(2, 1, 1) };
    assert_eq!(lineage.record(&by(8, branch)), Err(RecordError::Overtaken));
}

#[test]
fn a_record_on_a_line_that_it_cannot_be_on_is_refused() {
    let mut lineage = small();
    let wrong = [
        Record { line: Line::Main(digest(2)), ..root(1) },
        Record { line: Line::Branch(digest(1)), ..root(1) },
        Record { parent: CausalParent::Missing, ..root(1) },
        Record { line: Line::Main(digest(1)), ..child(1, 9, 9) },
    ];
    for record in wrong {
        assert_eq!(lineage.record(&record), Err(RecordError::Overtaken), "{record:?}");
    }
    let missing = Record { parent: CausalParent::Missing, line: Line::Branch(digest(1)), ..root(1) };
    assert_eq!(lineage.record(&missing), Ok(()));
    let unknown = Record { line: Line::Branch(digest(2)), ..child(2, 9, 9) };
    assert_eq!(lineage.record(&unknown), Ok(()));
}

#[test]
fn a_lineage_is_rebuilt_by_doing_it_all_again() {
    let build = |secret: u8| {
        let mut lineage = MemoryLineage::first([Slot::EMPTY; 16], [secret; 16]);
        for record in [root(1), child(2, 1, 1), root(3), root(4), child(5, 4, 4)] {
            lineage.record(&record).unwrap();
        }
        lineage.record(&Record { line: Line::Branch(digest(6)), ..child(6, 4, 4) }).unwrap();
        lineage.forbid(&Line::Main(digest(1)));
        lineage.invalidate(&digest(3));
        lineage.forget_before(Instant::unix(2));
        let objects = (0..8).map(|number| lineage.object(&digest(number), &[1; 32]));
        (
            objects.collect::<Vec<_>>(),
            (0..8).map(|number| lineage.parent(&digest(number))).collect::<Vec<_>>(),
            lineage.len(),
        )
    };
    assert_eq!(build(1), build(200));
}

#[test]
fn what_was_sealed_in_the_future_takes_no_room() {
    let mut memory = envelope::memory();
    let future = Draft { created: "9999-12-31T00:00:00Z", ..Draft::default() }.seal();
    let decision = receive(&future, &mut memory);
    assert!(names(decision.findings()).contains(&"sealed-ahead"));
    assert_eq!((decision.record(), memory.len()), (None, 0));
}
