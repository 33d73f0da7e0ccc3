//! One direction of a link: a bottleneck with a queue, then delay, loss and reordering. Virtual time, in microseconds.

use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// How datagrams are lost beyond the queue.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// Each datagram with this probability.
    Random(f64),
    /// In bursts (Gilbert, Elliott): the mean share of time in which everything is lost, and the mean length of a burst
    /// in microseconds. Bursts are measured in time and not in datagrams: a disturbed radio recovers also when nothing
    /// is sent.
    Bursts(f64, f64),
}

/// What a link is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bits a second.
    pub bandwidth: u64,
    /// One way, in microseconds.
    pub delay: u64,
    /// Bytes that may wait; what does not fit is dropped.
    pub queue: u64,
    /// Loss of both directions.
    pub loss: Loss,
    /// The share of datagrams that is late by a tenth of the delay.
    pub late: f64,
}

/// One direction of a link.
pub struct Path {
    shape: Shape,
    rng: ChaCha8Rng,
    burst: bool,
    /// When a burst begins or ends next.
    turn: u64,
    /// When the bottleneck has sent everything that waits.
    free: u64,
    /// The datagrams that wait: the time at which each will have left, and its length.
    waiting: VecDeque<(u64, u64)>,
    queued: u64,
    /// Datagrams that were offered.
    pub offered: u64,
    /// Datagrams that did not fit into the queue.
    pub dropped: u64,
    /// Datagrams that were lost behind it.
    pub lost: u64,
}

impl Path {
    /// A link at rest. The same seed loses the same datagrams.
    #[must_use]
    pub fn new(shape: Shape, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            shape,
            rng,
            burst: false,
            turn: 0,
            free: 0,
            waiting: VecDeque::new(),
            queued: 0,
            offered: 0,
            dropped: 0,
            lost: 0,
        }
    }

    fn chance(&mut self, probability: f64) -> bool {
        // 53 bits, as many as a double has.
        ((self.rng.next_u64() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// A time of this mean, exponentially distributed.
    fn time(&mut self, mean: f64) -> u64 {
        let uniform = ((self.rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        (-uniform.ln() * mean) as u64
    }

    fn loses(&mut self, now: u64) -> bool {
        match self.shape.loss {
            Loss::Random(share) => self.chance(share),
            Loss::Bursts(share, length) => {
                // It begins in the middle of a quiet time.
                if self.turn == 0 {
                    self.turn = 1 + self.time(length * (1.0 - share) / share);
                }
                while self.turn <= now {
                    self.burst = !self.burst;
                    let mean = if self.burst { length } else { length * (1.0 - share) / share };
                    self.turn += 1 + self.time(mean);
                }
                self.burst
            }
        }
    }

    /// A datagram of `length` bytes enters; returns when it arrives, if it does.
    pub fn carry(&mut self, now: u64, length: usize) -> Option<u64> {
        let length = length as u64;
        while self.waiting.front().is_some_and(|(left, _)| *left <= now) {
            self.queued -= self.waiting.pop_front().map_or(0, |(_, length)| length);
        }
        self.offered += 1;
        if self.queued + length > self.shape.queue {
            self.dropped += 1;
            return None;
        }
        let left = self.free.max(now) + (length * 8_000_000).div_ceil(self.shape.bandwidth);
        self.free = left;
        self.waiting.push_back((left, length));
        self.queued += length;
        if self.loses(left) {
            self.lost += 1;
            return None;
        }
        let late = if self.chance(self.shape.late) { self.shape.delay / 10 } else { 0 };
        Some(left + self.shape.delay + late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Shape =
        Shape { bandwidth: 8_000_000, delay: 25_000, queue: 10_000, loss: Loss::Random(0.0), late: 0.0 };

    #[test]
    fn a_datagram_takes_its_length_and_the_delay() {
        let mut path = Path::new(PLAIN, 1);
        // 1,000 bytes at one byte a microsecond.
        assert_eq!(path.carry(5, 1_000), Some(26_005));
        assert_eq!(path.carry(5, 1_000), Some(27_005), "behind the first");
        assert_eq!(path.carry(50_000, 1_000), Some(76_000), "the queue is empty again");
    }

    #[test]
    fn what_does_not_fit_into_the_queue_is_dropped() {
        let mut path = Path::new(PLAIN, 1);
        let carried = (0..20).filter(|_| path.carry(0, 1_000).is_some()).count();
        assert_eq!((carried, path.dropped, path.lost), (10, 10, 0));
        assert!(path.carry(1_000, 1_000).is_some(), "one has left");
    }

    fn share_lost(loss: Loss) -> (f64, f64) {
        let mut path = Path::new(Shape { loss, ..PLAIN }, 7);
        let lost: Vec<bool> = (0..200_000).map(|at| path.carry(at * 1_000, 1_000).is_none()).collect();
        let count = lost.iter().filter(|lost| **lost).count() as f64;
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
        (count / lost.len() as f64, count / bursts)
    }

    #[test]
    fn losses_have_the_share_and_the_length_that_was_asked_for() {
        let (share, length) = share_lost(Loss::Random(0.01));
        assert!((0.009..0.011).contains(&share) && length < 1.1, "{share}, {length}");
        let (share, length) = share_lost(Loss::Bursts(0.05, 4_000.0));
        assert!((0.045..0.055).contains(&share) && (4.0..5.0).contains(&length), "{share}, {length}");
    }

    #[test]
    fn the_same_seed_loses_the_same_datagrams() {
        let run = |seed| {
            let mut path = Path::new(Shape { loss: Loss::Random(0.1), late: 0.1, ..PLAIN }, seed);
            (0..500).map(|at| path.carry(at * 1_000, 1_000)).collect::<Vec<_>>()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }
}
