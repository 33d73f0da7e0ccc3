//! Proofs of work that were shown (`IACP §5.3.1`): each counts once.

use core::net::IpAddr;

use crate::directory::name::CLOCKS;
use crate::guard::{Load, site};
use crate::slots::IndexKey;
use crate::time::UnixTime;

/// How many slots are tried for a proof.
const WAYS: usize = 8;
/// How many of these may be of one network.
const OF_NETWORK: usize = WAYS / 2;
/// No proof counts longer, in milliseconds: its time may be ahead.
const LIFE: u64 = 2 * CLOCKS;
/// How many times a proof that is shown again from the same address is answered again: an answer can be lost.
const AGAIN: u8 = 8;

/// The place of a proof.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    proof: [u8; 16],
    /// The request's own time; no proof counts when that is over.
    time: u64,
    from: IpAddr,
    answered: u8,
}

impl Shown {
    /// A free place.
    pub const FREE: Self =
        Self { proof: [0; 16], time: 0, from: IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), answered: 0 };
}

/// What becomes of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Presented {
    /// It is new, and has its place now.
    New,
    /// It came again from the same address: it is answered again.
    Again,
    /// It came from another address, or too often: silence.
    Spent,
    /// Every place where it could stand holds a proof that still counts.
    Full,
}

words! {
    Presented {
        Self::New => "new",
        Self::Again => "shown again",
        Self::Spent => "spent",
        Self::Full => "no place to remember it",
    }
}

/// The filter of proofs. A place whose time is over is free; no other proof is ever replaced, so no flood of proofs makes an
/// earlier one count twice.
///
/// ```
/// use iacp_core::directory::node::{Presented, Seen, Shown};
/// # use iacp_core::slots::IndexKey;
/// # use iacp_core::time::UnixTime;
/// # let (now, proof) = (UnixTime(1_790_000_010_000), [5; 32]);
///
/// let mut places = [Shown::FREE; 64];
/// let mut seen = Seen::new(&mut places, IndexKey::new([7; 16])); // a secret, in real life
/// let (home, thief) = ([192, 0, 2, 1].into(), [203, 0, 113, 9].into());
/// assert_eq!(seen.present(now, &proof, now, home), Presented::New);
/// assert_eq!(seen.present(now, &proof, now, home), Presented::Again, "its answer was lost");
/// assert_eq!(seen.present(now, &proof, now, thief), Presented::Spent);
/// ```
pub struct Seen<'m> {
    places: &'m mut [Shown],
    key: IndexKey,
    /// Which period of [`LIFE`] this is, and how many proofs came in it and in the one before.
    period: u64,
    came: [u32; 2],
}

impl<'m> Seen<'m> {
    /// A filter over the caller's memory, under a secret key.
    #[must_use]
    pub fn new(places: &'m mut [Shown], key: IndexKey) -> Self {
        places.fill(Shown::FREE);
        Self { places, key, period: 0, came: [0; 2] }
    }

    /// How full it is, about: what came in the last [`LIFE`], were it spread evenly over each period.
    pub(crate) fn load(&mut self, now: UnixTime) -> Load {
        self.turn(now);
        let [now_came, before] = self.came.map(u64::from);
        let left = LIFE.saturating_sub(now.0 % LIFE);
        let used = now_came.saturating_add(before.saturating_mul(left) / LIFE);
        let room = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        Load { used: u32::try_from(used).unwrap_or(u32::MAX), room }
    }

    fn turn(&mut self, now: UnixTime) {
        let period = now.0 / LIFE;
        if period != self.period {
            let [came, _] = self.came;
            self.came = [0, if period == self.period.saturating_add(1) { came } else { 0 }];
            self.period = period;
        }
    }

    /// Takes the place of a proof whose work holds. One network has half of the places where it could stand.
    pub fn present(&mut self, now: UnixTime, proof: &[u8; 32], time: UnixTime, from: IpAddr) -> Presented {
        let [short @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *proof;
        let sets = (self.places.len() / WAYS) as u64;
        let Some(set) = self.key.hash(&[proof]).checked_rem(sets) else { return Presented::Full };
        let start = usize::try_from(set).unwrap_or(0) * WAYS;
        let Some(set) = self.places.get_mut(start..start + WAYS) else { return Presented::Full };
        let counts = |place: &Shown| UnixTime(place.time).distance(now) <= CLOCKS;
        if let Some(place) = set.iter_mut().find(|place| place.proof == short && counts(place)) {
            if place.from != from || place.answered >= AGAIN {
                return Presented::Spent;
            }
            place.answered += 1;
            return Presented::Again;
        }
        let of_network = set.iter().filter(|place| counts(place) && site(place.from) == site(from)).count();
        let free = set.iter_mut().find(|place| !counts(place)).filter(|_| of_network < OF_NETWORK);
        let Some(place) = free else { return Presented::Full };
        *place = Shown { proof: short, time: time.0, from, answered: 0 };
        self.turn(now);
        let [came, _] = &mut self.came;
        *came = came.saturating_add(1);
        Presented::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::IndexKey;

    const NOW: UnixTime = UnixTime(1_790_000_000_000);
    const HERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(203, 0, 113, 2));

    fn proof(number: u32) -> [u8; 32] {
        let mut proof = [0; 32];
        proof[..4].copy_from_slice(&number.to_be_bytes());
        proof
    }

    // shows: IACP-119 (§5.3.1)
    #[test]
    fn a_proof_counts_once_and_is_answered_again_eight_times() {
        let mut places = [Shown::FREE; 64];
        let mut seen = Seen::new(&mut places, IndexKey::new([7; 16]));
        assert_eq!(seen.present(NOW, &proof(1), NOW, HERE), Presented::New);
        assert_eq!(seen.present(NOW, &proof(1), NOW, THERE), Presented::Spent, "another address");
        for _ in 0..8 {
            assert_eq!(seen.present(NOW, &proof(1), NOW, HERE), Presented::Again);
        }
        assert_eq!(seen.present(NOW, &proof(1), NOW, HERE), Presented::Spent);
    }

    // shows: IACP-117 (§5.3.1)
    #[test]
    fn its_fill_is_what_came_within_the_life_of_a_proof() {
        let mut places = [Shown::FREE; 64];
        let mut seen = Seen::new(&mut places, IndexKey::new([7; 16]));
        let start = UnixTime(NOW.0 / LIFE * LIFE);
        let came = (0..16).filter(|number| {
            let from = IpAddr::from([10, 0, u8::try_from(*number).expect("few"), 1]);
            seen.present(start, &proof(*number), start, from) == Presented::New
        });
        let came = u32::try_from(came.count()).expect("few");
        assert!(came >= 8);
        let used = |seen: &mut Seen<'_>, ms: u64| seen.load(UnixTime(start.0 + ms)).used;
        assert_eq!(used(&mut seen, LIFE - 1), came);
        assert_eq!(used(&mut seen, LIFE), came);
        assert_eq!(used(&mut seen, LIFE + LIFE / 2), came / 2);
        assert_eq!(used(&mut seen, 3 * LIFE), 0);
    }

    #[test]
    fn a_flood_of_proofs_pushes_none_out() {
        let mut places = [Shown::FREE; 64];
        let mut seen = Seen::new(&mut places, IndexKey::new([7; 16]));
        assert_eq!(seen.present(NOW, &proof(0), NOW, HERE), Presented::New);
        let mut flood = |from: IpAddr| {
            (1..10_000).filter(|number| seen.present(NOW, &proof(*number), NOW, from) == Presented::New).count()
        };
        assert_eq!(flood(THERE), 32, "one network has half of each set");
        assert_eq!(flood(IpAddr::from([198, 51, 100, 1])), 31, "the rest");
        assert_eq!(seen.present(NOW, &proof(1_000_000), NOW, HERE), Presented::Full);
        assert_eq!(seen.present(NOW, &proof(0), NOW, THERE), Presented::Spent, "the first is still known");
        let later = UnixTime(NOW.0 + CLOCKS + 1);
        assert_eq!(seen.present(later, &proof(1_000_000), later, HERE), Presented::New, "their time is over");
        let mut none = [];
        assert_eq!(Seen::new(&mut none, IndexKey::new([7; 16])).present(NOW, &proof(1), NOW, HERE), Presented::Full);
    }
}
