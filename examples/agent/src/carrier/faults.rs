//! What goes wrong below the sessions, on purpose: frames are lost and overtake each other, by a seed.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What happens to frames, in parts per thousand.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Lost.
    pub loss: u32,
    /// Held back, so that others overtake them.
    pub late: u32,
    /// Held back this many milliseconds at most.
    pub longest: u64,
}

/// What happens to one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Passes,
    Lost,
    Late(Duration),
}

/// The fates of one direction, in order. The same seed gives the same fates; which frame meets which is up to time.
#[derive(Debug)]
pub struct Faults {
    plan: Plan,
    rng: ChaCha8Rng,
}

impl Faults {
    pub fn new(plan: Plan, seed: u64) -> Self {
        Self { plan, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    pub fn next(&mut self) -> Fate {
        // Each frame takes two numbers, whatever becomes of it: the fates of later ones do not depend on it.
        let (which, how_long) = (self.rng.next_u32() % 1_000, self.rng.next_u64());
        if which < self.plan.loss {
            return Fate::Lost;
        }
        if which - self.plan.loss < self.plan.late {
            return Fate::Late(Duration::from_millis(1 + how_long % self.plan.longest.max(1)));
        }
        Fate::Passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_fates_at_the_planned_rates() {
        let plan = Plan { loss: 50, late: 100, longest: 40 };
        let fates = |seed| {
            let mut faults = Faults::new(plan, seed);
            (0..10_000).map(|_| faults.next()).collect::<Vec<_>>()
        };
        assert_eq!(fates(7), fates(7));
        assert_ne!(fates(7), fates(8));
        let lost = fates(7).iter().filter(|fate| **fate == Fate::Lost).count();
        let late = fates(7).iter().filter(|fate| matches!(fate, Fate::Late(_))).count();
        assert!((400..600).contains(&lost), "{lost}");
        assert!((850..1_150).contains(&late), "{late}");
    }
}
