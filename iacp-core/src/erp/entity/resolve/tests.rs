extern crate std;

use std::vec::Vec;

use super::*;

/// A query that began at 1,000, and whose nodes 1 to 7 were told at 1,200; there is no third.
fn asking() -> QuerySlot {
    let mut nodes = [1, 2, 3, 4, 5, 6, 7].map(node).map(Some);
    nodes[2] = None;
    QuerySlot { stage: Stage::Asking, began: Mono(1_000), again: Mono(1_200), nodes, ..QuerySlot::EMPTY }
}

fn node(number: u8) -> Node {
    Node { eid: Eid([number; 32]), at: ([192, 0, 2, number], 4_300).into() }
}

fn asked(slot: &mut QuerySlot, now: u64) -> Vec<u8> {
    let next = core::iter::from_fn(|| slot.next_node(Mono(now)));
    next.map(|at| (1..=7).find(|number| node(*number).at == at).expect("one of them")).collect()
}

// shows: IACP-027 (§4.1.2)
#[test]
fn a_query_goes_to_each_node_and_after_1_050_ms_to_those_that_have_not_answered() {
    let mut slot = asking();
    assert_eq!(asked(&mut slot, 1_200), [1, 2, 4, 5, 6, 7]);
    assert_eq!((slot.sent, slot.again), (Some(Mono(1_200)), Mono(2_250)));
    slot.opinions.heard(1, Mapping::NotFound);
    slot.opinions.heard(6, Mapping::Refused);
    assert_eq!(asked(&mut slot, 2_249), [0; 0]);
    assert_eq!(asked(&mut slot, 2_250), [1, 4, 5, 6]);
    assert_eq!((slot.sent, slot.again), (Some(Mono(2_250)), Mono(3_300)));
    let mut late = asking();
    assert_eq!(asked(&mut late, 2_900), [0; 0], "1,900 ms are over");
    assert_eq!(asked(&mut late, 2_899).len(), 6);
    for stage in [Stage::Idle, Stage::Wanted, Stage::Looking, Stage::Ended(Err(LocalStatus::Degraded))] {
        assert_eq!(asked(&mut QuerySlot { stage, ..asking() }, 1_200), [0; 0]);
    }
}

#[test]
fn a_query_is_due_at_its_next_round_and_ends_after_1_900_ms() {
    for (stage, again, due, under_way) in [
        (Stage::Idle, 0, None, false),
        (Stage::Wanted, 0, Some(2_900), true),
        (Stage::Looking, 0, Some(2_900), true),
        (Stage::Asking, 2_250, Some(2_250), true),
        (Stage::Asking, 3_300, Some(2_900), true),
        (Stage::Ended(Err(LocalStatus::NotFound)), 0, None, false),
    ] {
        let slot = QuerySlot { stage, again: Mono(again), ..asking() };
        assert_eq!((slot.due(), slot.is_under_way()), (due.map(Mono), under_way));
    }
    let seconds = [(1_000, 61_000), (1_001, 61_000), (61_000, 61_000)].map(|(now, until)| {
        let Mapped { eid, seconds } = mapped(Mono(now), Eid([7; 32]), Mono(until));
        assert_eq!(eid, Eid([7; 32]));
        seconds
    });
    assert_eq!(seconds, [60, 59, 0], "whole seconds that are left");
}
