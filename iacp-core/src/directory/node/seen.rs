//! Proofs of work that were shown (`IACP §5.3.1`): each counts once.

use core::net::IpAddr;

use crate::directory::name::CLOCKS;
use crate::slots::IndexKey;
use crate::time::UnixTime;

/// A proof is looked for in so many places.
const WAYS: usize = 8;
/// A proof that is shown again from the same address is answered again so many times: an answer can be lost.
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

/// The filter of proofs. A place whose time is over is free; no other proof ever gives way, so no flood of proofs makes an
/// earlier one count twice.
pub struct Seen<'m> {
    places: &'m mut [Shown],
    key: IndexKey,
}

impl<'m> Seen<'m> {
    /// A filter over the caller's memory, under a secret key.
    #[must_use]
    pub fn new(places: &'m mut [Shown], key: IndexKey) -> Self {
        places.fill(Shown::FREE);
        Self { places, key }
    }

    /// Takes the place of a proof whose work holds.
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
        let Some(place) = set.iter_mut().find(|place| !counts(place)) else { return Presented::Full };
        *place = Shown { proof: short, time: time.0, from, answered: 0 };
        Presented::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::IndexKey;

    const NOW: UnixTime = UnixTime(1_790_000_000_000);
    const HERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 2));

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

    #[test]
    fn a_flood_of_proofs_pushes_none_out() {
        let mut places = [Shown::FREE; 64];
        let mut seen = Seen::new(&mut places, IndexKey::new([7; 16]));
        assert_eq!(seen.present(NOW, &proof(0), NOW, HERE), Presented::New);
        let kept =
            (1..10_000).filter(|number| seen.present(NOW, &proof(*number), NOW, THERE) == Presented::New).count();
        assert!(kept <= 63, "{kept}");
        assert_eq!(seen.present(NOW, &proof(1_000_000), NOW, HERE), Presented::Full);
        assert_eq!(seen.present(NOW, &proof(0), NOW, THERE), Presented::Spent, "the first is still known");
        let later = UnixTime(NOW.0 + CLOCKS + 1);
        assert_eq!(seen.present(later, &proof(1_000_000), later, HERE), Presented::New, "their time is over");
        let mut none = [];
        assert_eq!(Seen::new(&mut none, IndexKey::new([7; 16])).present(NOW, &proof(1), NOW, HERE), Presented::Full);
    }
}
