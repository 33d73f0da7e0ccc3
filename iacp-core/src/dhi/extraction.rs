//! Automated Pipeline Extraction (`IACP §4.1.3.2`): each node, once its score is known, is pruned, streamed at once, or
//! queued.

use super::relevance::Share;

/// With this score or more, a node gets a stream of its own at once.
pub const FAST_PATH: Share = match Share::new(8_500) {
    Some(share) => share,
    None => Share::ONE,
};
/// Θ while the queue is empty.
pub const THETA_BASE: Share = match Share::new(3_000) {
    Some(share) => share,
    None => Share::ZERO,
};

/// A node that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    hrp: Share,
    arrival: u64,
    node: u32,
}

impl Queued {
    /// Nothing waits.
    pub const FREE: Self = Self { hrp: Share::ZERO, arrival: 0, node: 0 };

    /// The node that is taken first has the greatest rank: by higher score, then by earlier arrival.
    const fn rank(&self) -> (Share, core::cmp::Reverse<u64>) {
        (self.hrp, core::cmp::Reverse(self.arrival))
    }
}

/// The decision about a node. No request is ever sent for a pruned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Placement {
    /// It is dropped: its score is 0, below Θ, or below everything in a full queue.
    Pruned,
    /// It has a stream of its own. The caller fetches it, then calls [`Ape::done`].
    Stream,
    /// It waits.
    Queued,
    /// It is queued, and this other node, the worst of the full queue, is pruned for it.
    Displaced(u32),
}

impl core::fmt::Display for Placement {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Pruned => f.pad("pruned"),
            Self::Stream => f.pad("a stream of its own"),
            Self::Queued => f.pad("queued"),
            Self::Displaced(node) => write!(f, "queued in place of node {node}"),
        }
    }
}

/// The engine: streams that are under way, and a queue in the caller's memory.
///
/// ```
/// use iacp_core::dhi::extraction::{Ape, Queued, Placement};
/// use iacp_core::dhi::relevance::Share;
///
/// let share = |parts| Share::new(parts).ok_or("from 0 to 10,000");
/// let mut queue = [Queued::FREE; 16];
/// let mut ape = Ape::new(&mut queue, 2);
/// assert_eq!(ape.judge(1, share(9_000)?), Placement::Stream);
/// assert_eq!(ape.judge(2, share(5_000)?), Placement::Queued);
/// assert_eq!(ape.judge(3, share(7_000)?), Placement::Queued);
/// assert_eq!(ape.judge(4, share(1_000)?), Placement::Pruned);
/// assert_eq!(ape.take(), Some(3), "one stream is free");
/// assert_eq!(ape.take(), None);
/// ape.done();
/// assert_eq!(ape.take(), Some(2));
/// # Ok::<(), &str>(())
/// ```
pub struct Ape<'m> {
    /// Worst first; the first `queued` are in use.
    queue: &'m mut [Queued],
    queued: usize,
    free_streams: usize,
    arrivals: u64,
}

impl<'m> Ape<'m> {
    /// An engine with `streams` streams, and a queue as long as its memory.
    pub const fn new(queue: &'m mut [Queued], streams: usize) -> Self {
        Self { queue, queued: 0, free_streams: streams, arrivals: 0 }
    }

    /// The current Θ: it rises from the base to the fast path as the queue fills.
    // keeps: IACP-046 (§4.1.3.2)
    #[must_use]
    pub fn theta(&self) -> Share {
        let range = u64::from(FAST_PATH.parts() - THETA_BASE.parts());
        let queued = self.queued as u64;
        let raised = range * queued / (self.queue.len().max(1) as u64);
        Share::at_most_one(u64::from(THETA_BASE.parts()) + raised)
    }

    /// Decides about a node by its score, immediately and finally.
    // keeps: IACP-041 (§4.1.3), IACP-046 (§4.1.3.2), IACP-047 (§4.1.3.2)
    pub fn judge(&mut self, node: u32, hrp: Share) -> Placement {
        if hrp == Share::ZERO || hrp < self.theta() {
            return Placement::Pruned;
        }
        if hrp >= FAST_PATH && self.free_streams > 0 {
            self.free_streams -= 1;
            return Placement::Stream;
        }
        let entry = Queued { hrp, arrival: self.arrivals, node };
        self.arrivals += 1;
        let waiting = self.queue.get(..self.queued).unwrap_or_default();
        let place = waiting.partition_point(|other| other.rank() < entry.rank());
        if self.queued < self.queue.len() {
            self.queued += 1;
            let room = self.queue.get_mut(place..self.queued).unwrap_or_default();
            room.rotate_right(1);
            if let Some(first) = room.first_mut() {
                *first = entry;
            }
            return Placement::Queued;
        }
        // The queue is full: the worst node is pruned, unless this one is worse.
        let Some(last) = place.checked_sub(1) else { return Placement::Pruned };
        let room = self.queue.get_mut(..=last).unwrap_or_default();
        let displaced = room.first().map_or(node, |worst| worst.node);
        room.rotate_left(1);
        if let Some(last) = room.last_mut() {
            *last = entry;
        }
        Placement::Displaced(displaced)
    }

    /// Takes the best queued node, if a stream is free for it.
    pub fn take(&mut self) -> Option<u32> {
        let best = self.queued.checked_sub(1).filter(|_| self.free_streams > 0)?;
        self.queued = best;
        self.free_streams -= 1;
        self.queue.get(best).map(|queued| queued.node)
    }

    /// A stream has ended, with or without success.
    pub const fn done(&mut self) {
        self.free_streams = self.free_streams.saturating_add(1);
    }

    /// How many nodes wait.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.queued
    }
}
