//! What a node hands on at once to the other nodes that try an accusation: the accusation itself, a rebuttal, the verdict.
//!
//! With f liars among the n, a verdict needs the vote of every honest node. So none of them may miss an accusation because a
//! datagram of the accuser was lost, or because a liar was among the k that confirmed it.

use iacp_wire::Eid;

use crate::directory::{Slot, Voters};
use crate::time::Mono;

/// How many records are handed on at a time; when full, the one handed on most often is dropped.
const TASKS: usize = 32;
/// Places kept free for trials: records that this node makes itself can wait.
const OF_TRIALS: usize = 8;
/// Milliseconds before each further round. Nodes answer a record that they have without a signature of its owner.
const PAUSES: [u64; 3] = [1_000, 8_000, 60_000];

#[derive(Clone, Debug)]
struct Task {
    which: Slot,
    to: Voters,
    next: usize,
    round: usize,
    due: Mono,
}

/// The records that are being handed on.
#[derive(Debug)]
pub(super) struct Spread {
    tasks: [Option<Task>; TASKS],
}

impl Spread {
    pub(super) const fn new() -> Self {
        Self { tasks: [const { None }; TASKS] }
    }

    /// Hands a record on to these nodes from now on. One that is being handed on already goes on as it is.
    pub(super) fn begin(&mut self, now: Mono, which: Slot, to: Voters) {
        if self.tasks.iter().flatten().any(|task| task.which == which) {
            return;
        }
        // A free place first, then that of the record that has been handed on most.
        let spent =
            |place: &&mut Option<Task>| place.as_ref().map_or((true, 0, 0), |task| (false, task.round, task.next));
        if let Some(place) = self.tasks.iter_mut().max_by_key(spent) {
            *place = Some(Task { which, to, next: 0, round: 0, due: now });
        }
    }

    /// The same for what has become another record: it goes to these nodes from the start.
    pub(super) fn anew(&mut self, now: Mono, which: Slot, to: Voters) {
        self.end(&which);
        self.begin(now, which, to);
    }

    /// Hands a record on no longer.
    pub(super) fn end(&mut self, which: &Slot) {
        for place in &mut self.tasks {
            let _ = place.take_if(|task| task.which == *which);
        }
    }

    /// Whether something that can wait may be handed on, too.
    pub(super) fn has_room(&self) -> bool {
        self.tasks.iter().flatten().count() < TASKS - OF_TRIALS
    }

    /// The next record that is to be handed on now, and to which node.
    pub(super) fn next(&mut self, now: Mono) -> Option<(Slot, Eid)> {
        let place = self.tasks.iter_mut().find(|place| place.as_ref().is_some_and(|task| now >= task.due))?;
        let task = place.as_mut()?;
        let found = task.to.get(task.next).map(|eid| (task.which, *eid));
        task.next = task.next.saturating_add(1);
        if task.next >= task.to.len() {
            match PAUSES.get(task.round) {
                Some(pause) => {
                    (task.next, task.round, task.due) = (0, task.round.saturating_add(1), now.after(*pause));
                }
                None => *place = None,
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use iacp_wire::DhtKey;

    use super::*;
    use crate::directory::Kind;

    fn which(number: u8) -> Slot {
        Slot { kind: Kind::Accusation, key: DhtKey([number; 32]), which: [number; 32] }
    }

    #[test]
    fn a_record_goes_to_each_node_four_times_with_growing_pauses() {
        let nodes: Voters = (0..3).map(|byte| Eid([byte; 32])).collect();
        let mut spread = Spread::new();
        spread.begin(Mono(0), which(1), nodes.clone());
        spread.begin(Mono(0), which(1), nodes.clone());
        let mut sent = Vec::new();
        for now in (0..200_000).step_by(500) {
            while let Some((slot, eid)) = spread.next(Mono(now)) {
                assert_eq!(slot, which(1));
                sent.push((now, eid));
            }
        }
        let rounds = [0, 1_000, 9_000, 69_000];
        let wanted: Vec<_> = rounds.iter().flat_map(|at| nodes.iter().map(|eid| (*at, *eid))).collect();
        assert_eq!(sent, wanted);
    }

    #[test]
    fn a_full_list_gives_up_what_was_handed_on_most_and_never_the_new() {
        let nodes: Voters = [Eid([9; 32])].into_iter().collect();
        let mut spread = Spread::new();
        for number in 0..100 {
            spread.begin(Mono(u64::from(number)), which(number), nodes.clone());
            assert_eq!(spread.next(Mono(u64::from(number))), Some((which(number), Eid([9; 32]))));
        }
        assert_eq!(spread.tasks.iter().flatten().count(), TASKS);
    }

    #[test]
    fn what_can_wait_leaves_eight_places_and_what_is_finished_goes_to_its_own_nodes() {
        let nodes = |byte| -> Voters { core::iter::once(Eid([byte; 32])).collect() };
        let mut spread = Spread::new();
        for number in 0..24 {
            assert!(spread.has_room());
            spread.begin(Mono(0), which(number), nodes(9));
        }
        assert!(!spread.has_room());
        for _ in 0..24 {
            assert!(spread.next(Mono(0)).is_some());
        }
        spread.anew(Mono(1), which(3), nodes(8));
        assert_eq!(spread.next(Mono(1)), Some((which(3), Eid([8; 32]))));
        assert_eq!(spread.next(Mono(1)), None);
        spread.end(&which(3));
        assert!(spread.has_room());
    }
}
