//! Reading and writing with a quorum (`IACP §4.2.1.3`): the side of the client.

use heapless::Vec;
use iacp_wire::Eid;

use super::metric::RESPONSIBLE;
use crate::time::{Backoff, Mono};

/// How many of `n` nodes may be faulty: `⌊(n − 1) / 3⌋`.
#[must_use]
pub const fn faulty(n: usize) -> usize {
    n.saturating_sub(1) / 3
}

/// How many of `n` nodes must agree: `n − f`. Two such quorums have `2k − n ≥ f + 1` nodes in common, so with at most f
/// liars a read meets an honest node that took the newest write.
// keeps: IACP-067 (§4.2.1.3)
#[must_use]
pub const fn needed(n: usize) -> usize {
    n.saturating_sub(faulty(n))
}

/// How a question to a quorum stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Progress {
    /// Fewer than k answered.
    Waiting,
    /// k answered.
    Done,
    /// The time is over. What waits for a registration looks the nodes up again and begins anew.
    Failed,
}

words! {
    Progress {
        Self::Waiting => "waiting",
        Self::Done => "done",
        Self::Failed => "failed",
    }
}

/// One write to, or one read from, the nodes for a key. The caller sends what it is told to send, hands in the nodes whose
/// answers it has verified, and sleeps until the next deadline in between.
///
/// ```
/// use iacp_core::directory::quorum::{Progress, Question};
/// use iacp_core::time::Mono;
/// use iacp_wire::Eid;
///
/// let nodes: Vec<Eid> = (0..7).map(|byte| Eid([byte; 32])).collect();
/// let mut write = Question::new(Mono(0), &nodes).ok_or("one to seven nodes")?;
/// let asked: Vec<Eid> = std::iter::from_fn(|| write.poll(Mono(0))).collect();
/// assert_eq!(asked, nodes);
/// for node in &nodes[..4] {
///     assert_eq!(write.answered(node), Progress::Waiting);
/// }
/// assert_eq!(write.answered(&nodes[0]), Progress::Waiting, "once is enough");
/// assert_eq!(write.answered(&nodes[4]), Progress::Done);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    nodes: Vec<Eid, RESPONSIBLE>,
    /// A bit for each node that answered.
    answered: u8,
    /// A bit for each node that is still asked in this round.
    asked: u8,
    again: Backoff,
    ends: Mono,
    over: bool,
}

impl Question {
    /// It fails after this time, in milliseconds.
    pub const PATIENCE: u64 = 30_000;

    /// A question to 1 to 7 different nodes.
    #[must_use]
    pub fn new(now: Mono, nodes: &[Eid]) -> Option<Self> {
        let distinct = nodes.iter().enumerate().all(|(at, node)| !nodes.iter().skip(at + 1).any(|other| other == node));
        let nodes = Vec::from_slice(nodes).ok().filter(|nodes| distinct && !nodes.is_empty())?;
        let ends = now.after(Self::PATIENCE);
        Some(Self { nodes, answered: 0, asked: 0, again: Backoff::now(now), ends, over: false })
    }

    /// How many nodes it goes to.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Which of its nodes this one is.
    pub(super) fn place(&self, node: &Eid) -> Option<usize> {
        self.nodes.iter().position(|known| known == node)
    }

    /// Whether this node has answered.
    pub(super) fn has_answered(&self, place: usize) -> bool {
        self.answered >> place.min(7) & 1 == 1
    }

    /// What is asked has changed: each node that has not answered gets it now.
    pub(super) const fn ask_now(&mut self, now: Mono) {
        (self.asked, self.again) = (0, Backoff::now(now));
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let answers = usize::try_from(self.answered.count_ones()).unwrap_or(0);
        match answers >= needed(self.nodes.len()) {
            true => Progress::Done,
            false if self.over => Progress::Failed,
            false => Progress::Waiting,
        }
    }

    /// A node's answer that was verified. Strangers and repetitions do not count.
    pub fn answered(&mut self, node: &Eid) -> Progress {
        if !self.over {
            for (bit, _) in self.nodes.iter().enumerate().filter(|(_, known)| *known == node) {
                self.answered |= 1 << bit;
            }
        }
        self.progress()
    }

    /// The next node to send to now; none until the next deadline.
    pub fn poll(&mut self, now: Mono) -> Option<Eid> {
        if now >= self.ends {
            self.over = true;
        }
        if self.progress() != Progress::Waiting {
            return None;
        }
        if now >= self.again.due() {
            self.asked = u8::MAX;
            self.again.done(now);
        }
        let waiting = |bit: usize, asked: u8, answered: u8| asked >> bit & 1 == 1 && answered >> bit & 1 == 0;
        let (bit, node) = self.nodes.iter().enumerate().find(|(bit, _)| waiting(*bit, self.asked, self.answered))?;
        self.asked &= !(1 << bit);
        Some(*node)
    }

    /// When to poll again; none once it is done or has failed.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        (self.progress() == Progress::Waiting).then(|| self.again.due().min(self.ends))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec as List;

    use super::*;

    fn nodes(count: u8) -> List<Eid> {
        (0..count).map(|byte| Eid([byte; 32])).collect()
    }

    // shows: IACP-067 (§4.2.1.3)
    #[test]
    fn two_quorums_always_share_an_honest_node() {
        for (n, k, f) in [(1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 3, 1), (5, 4, 1), (6, 5, 1), (7, 5, 2)] {
            assert_eq!((needed(n), faulty(n)), (k, f), "{n} nodes");
            assert!(2 * k - n > f, "{n} nodes");
        }
    }

    #[test]
    fn a_question_is_repeated_with_a_doubling_pause_and_fails_after_thirty_seconds() {
        let nodes = nodes(7);
        let mut question = Question::new(Mono(0), &nodes).expect("seven nodes");
        let (mut rounds, mut now) = (List::new(), Mono(0));
        loop {
            let sent = core::iter::from_fn(|| question.poll(now)).count();
            if sent > 0 {
                assert_eq!(sent, 6 + usize::from(rounds.is_empty()), "the node that answered is not asked again");
                rounds.push(now.0);
            }
            question.answered(&nodes[3]);
            question.answered(&Eid([99; 32]));
            let Some(next) = question.next_deadline() else { break };
            assert!(next > now, "time goes on");
            now = next;
        }
        assert_eq!(question.progress(), Progress::Failed);
        assert_eq!(rounds, [0, 250, 750, 1_750, 3_750, 7_750, 15_750, 23_750]);
        assert_eq!(now, Mono(30_000));
        assert_eq!(question.answered(&nodes[0]), Progress::Failed, "too late");
    }

    #[test]
    fn a_question_goes_to_one_to_seven_different_nodes() {
        assert!(Question::new(Mono(0), &[]).is_none());
        assert!(Question::new(Mono(0), &nodes(8)).is_none());
        assert!(Question::new(Mono(0), &[Eid([1; 32]), Eid([1; 32])]).is_none());
        assert!(Question::new(Mono(u64::MAX), &nodes(1)).is_some());
    }

    #[test]
    fn a_changed_question_goes_at_once_to_those_that_have_not_answered() {
        let nodes = nodes(7);
        let mut question = Question::new(Mono(0), &nodes).expect("seven nodes");
        assert_eq!(core::iter::from_fn(|| question.poll(Mono(0))).count(), 7);
        question.answered(&nodes[6]);
        assert_eq!((question.place(&nodes[6]), question.place(&Eid([9; 32]))), (Some(6), None));
        assert!((0..7).all(|place| question.has_answered(place) == (place == 6)));
        assert_eq!(question.poll(Mono(249)), None, "a millisecond before the next round");
        question.ask_now(Mono(249));
        let again: List<Eid> = core::iter::from_fn(|| question.poll(Mono(249))).collect();
        assert_eq!(again, nodes[..6]);
    }

    #[test]
    fn five_answers_of_seven_are_enough_at_the_last_millisecond_and_too_late_at_thirty_seconds() {
        let nodes = nodes(7);
        for (ms, progress) in [(29_999, Progress::Done), (30_000, Progress::Failed)] {
            let mut question = Question::new(Mono(0), &nodes).expect("seven nodes");
            assert!(nodes[..4].iter().all(|node| question.answered(node) == Progress::Waiting));
            let _ = question.poll(Mono(ms));
            assert_eq!(question.answered(&nodes[4]), progress, "{ms}");
            assert_eq!(question.next_deadline(), None);
        }
    }
}
