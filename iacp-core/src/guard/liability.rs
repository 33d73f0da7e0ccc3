//! Joint liability (`IACP §5.3.2`): what an EID did wrong is charged to the LL-Entity that hosts it.

use iacp_wire::Eid;

use crate::slots::IndexKey;
use crate::time::UnixTime;

/// How many slots are tried for an entry.
const WAYS: usize = 8;
const DAY: u64 = 24 * 3_600_000;

/// Why a host is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Charge {
    /// A verdict found the EID guilty.
    Guilty,
    /// The EID's reputation fell to *throttle*.
    Fallen,
    /// Work or content of a ticketed request was false.
    False,
}

words! {
    Charge {
        Self::Guilty => "found guilty",
        Self::Fallen => "fallen reputation",
        Self::False => "false work or content",
    }
}

impl Charge {
    /// In parts per 10,000.
    #[must_use]
    pub const fn amount(self) -> u16 {
        match self {
            Self::Guilty => 4_000,
            Self::Fallen => 500,
            Self::False => 50,
        }
    }
}

/// The liability of one LII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liable {
    lii: Eid,
    level: u16,
    /// The day of Unix time that the level is of.
    day: u64,
}

impl Liable {
    /// A free place.
    pub const FREE: Self = Self { lii: Eid::ZERO, level: 0, day: 0 };

    /// Halved for each day that has begun since; a clock that goes back changes nothing.
    fn level(&self, now: UnixTime) -> u16 {
        let days = u32::try_from((now.0 / DAY).saturating_sub(self.day)).unwrap_or(u32::MAX);
        self.level.checked_shr(days).unwrap_or(0)
    }
}

/// The ledger of a node, over the caller's memory. An entry is replaced only when its level is 0, so no number of new
/// hosts clears the count of an old one; where there is no place left, a new host gets no ticket.
///
/// ```
/// use iacp_core::guard::{Charge, Ledger, Liable};
/// use iacp_core::slots::IndexKey;
/// use iacp_core::time::UnixTime;
/// use iacp_wire::Eid;
///
/// let mut memory = [Liable::FREE; 64];
/// let mut ledger = Ledger::new(&mut memory, IndexKey::new([7; 16])); // a secret, in real life
/// let (host, now) = (Eid([1; 32]), UnixTime(1_790_000_000_000));
/// assert!(ledger.charge(now, &host, Charge::Guilty));
/// assert_eq!(ledger.level(now, &host), 4_000);
/// assert_eq!(ledger.level(UnixTime(now.0 + 86_400_000), &host), 2_000); // a day later
/// assert_eq!(Ledger::share(32, 4_000), 19); // of the 32 requests of a ticket
/// ```
pub struct Ledger<'m> {
    places: &'m mut [Liable],
    key: IndexKey,
}

impl<'m> Ledger<'m> {
    /// No host is charged more, in parts per 10,000.
    pub const MOST: u16 = 9_000;
    /// From here on a host gets no tickets, and those of its agents end, in parts per 10,000.
    pub const NO_TICKETS: u16 = 5_000;

    /// An empty ledger, under a secret key.
    #[must_use]
    pub fn new(places: &'m mut [Liable], key: IndexKey) -> Self {
        places.fill(Liable::FREE);
        Self { places, key }
    }

    fn set(&self, lii: &Eid) -> core::ops::Range<usize> {
        let sets = u64::try_from(self.places.len() / WAYS).unwrap_or(0);
        let set = self.key.hash(&[&lii.0]).checked_rem(sets).and_then(|set| usize::try_from(set).ok());
        set.map_or(0..0, |set| set * WAYS..(set + 1) * WAYS)
    }

    fn entries(&self, lii: &Eid) -> &[Liable] {
        self.places.get(self.set(lii)).unwrap_or_default()
    }

    /// The liability of a host, in parts per 10,000.
    #[must_use]
    pub fn level(&self, now: UnixTime, lii: &Eid) -> u16 {
        let entry = self.entries(lii).iter().find(|entry| entry.lii == *lii);
        entry.map_or(0, |entry| entry.level(now))
    }

    /// Whether the host could be charged: one that could not gets no ticket.
    #[must_use]
    pub fn has_room(&self, now: UnixTime, lii: &Eid) -> bool {
        self.entries(lii).iter().any(|entry| entry.lii == *lii || entry.level(now) == 0)
    }

    /// Charges a host; `false` if there is no place for it.
    // keeps: IACP-121 (§5.3.2)
    pub fn charge(&mut self, now: UnixTime, lii: &Eid, charge: Charge) -> bool {
        let set = self.set(lii);
        let Some(entries) = self.places.get_mut(set) else { return false };
        let place = entries
            .iter()
            .position(|entry| entry.lii == *lii)
            .or_else(|| entries.iter().position(|entry| entry.level(now) == 0));
        let Some(entry) = place.and_then(|place| entries.get_mut(place)) else { return false };
        let before = if entry.lii == *lii { entry.level(now) } else { 0 };
        // A clock that goes back does not make the level older than it is.
        let day = if entry.lii == *lii { entry.day.max(now.0 / DAY) } else { now.0 / DAY };
        *entry = Liable { lii: *lii, level: before.saturating_add(charge.amount()).min(Self::MOST), day };
        true
    }

    /// What an agent of a host with a liability has of something: (10,000 − L)/10,000 of it, at least 1. A ticket is the bucket
    /// that a node keeps for one agent.
    // keeps: IACP-121 (§5.3.2)
    #[must_use]
    pub fn share(of: u32, level: u16) -> u32 {
        let rest = u64::from(10_000_u16.saturating_sub(level));
        u32::try_from(u64::from(of) * rest / 10_000).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;

    use super::*;

    const NOW: UnixTime = UnixTime(1_790_000_000_000);

    fn eid(number: u32) -> Eid {
        let mut eid = [9; 32];
        eid[..4].copy_from_slice(&number.to_be_bytes());
        Eid(eid)
    }

    // shows: IACP-121 (§5.3.2)
    #[test]
    fn a_host_answers_for_its_agents_and_no_crowd_of_hosts_wipes_its_slate() {
        let mut memory = [Liable::FREE; 64];
        let mut ledger = Ledger::new(&mut memory, IndexKey::new([7; 16]));
        for level in [4_000, 8_000, 9_000, 9_000] {
            assert!(ledger.charge(NOW, &eid(0), Charge::Guilty));
            assert_eq!(ledger.level(NOW, &eid(0)), level);
        }
        let others = (1..10_000).filter(|number| ledger.charge(NOW, &eid(*number), Charge::False)).count();
        assert_eq!(others, 63, "as many hosts as there are places beside its own");
        assert_eq!(ledger.level(NOW, &eid(0)), 9_000, "identity cycling pushes no entry out");
        assert!(!(1..10_000).all(|number| ledger.has_room(NOW, &eid(number))), "full means no ticket");
        let gone = UnixTime(NOW.0 + 30 * DAY);
        assert!(ledger.has_room(gone, &eid(77_777)));
        assert!(ledger.charge(gone, &eid(77_777), Charge::Fallen));
    }

    #[test]
    fn eight_hosts_share_eight_places_and_take_none_of_others() {
        let mut memory = [Liable::FREE; 64];
        let mut ledger = Ledger::new(&mut memory, IndexKey::new([7; 16]));
        for set in 0..8 {
            let of_set = |number: &u32| IndexKey::new([7; 16]).hash(&[&eid(*number).0]) % 8 == set;
            let hosts: std::vec::Vec<u32> = (0..).filter(of_set).take(9).collect();
            for host in &hosts[..8] {
                assert!(ledger.has_room(NOW, &eid(*host)) && ledger.charge(NOW, &eid(*host), Charge::Fallen));
            }
            assert!(!ledger.has_room(NOW, &eid(hosts[8])) && !ledger.charge(NOW, &eid(hosts[8]), Charge::Guilty));
            assert!(ledger.has_room(NOW, &eid(hosts[0])), "a host with an entry keeps its place");
            assert_eq!([0, 7, 8].map(|at: usize| ledger.level(NOW, &eid(hosts[at]))), [500, 500, 0]);
        }
    }

    #[test]
    fn a_ledger_without_places_charges_and_admits_no_host() {
        let mut none = [Liable::FREE; 7];
        let mut ledger = Ledger::new(&mut none, IndexKey::new([7; 16]));
        assert!(!ledger.charge(NOW, &eid(1), Charge::Guilty) && !ledger.has_room(NOW, &eid(1)));
    }

    proptest! {
        /// Against arithmetic without limits: after any charges at any times, in order or not, the level is what the sum of
        /// the halvings says.
        #[test]
        fn levels_are_those_of_a_model_without_limits(
            steps in prop::collection::vec((any::<u64>(), 0_u8..3), 1..40),
        ) {
            let mut memory = [Liable::FREE; 8];
            let mut ledger = Ledger::new(&mut memory, IndexKey::new([7; 16]));
            let (mut level, mut day) = (0_u128, 0_u128);
            for (at, charge) in steps {
                let charge = [Charge::Guilty, Charge::Fallen, Charge::False][usize::from(charge)];
                let today = u128::from(at) / u128::from(DAY);
                for _ in 0..today.saturating_sub(day).min(20) {
                    level /= 2;
                }
                // The model's first charge begins its day; a level of 0 is as good as none.
                day = day.max(today);
                level = (level + u128::from(charge.amount())).min(9_000);
                prop_assert!(ledger.charge(UnixTime(at), &eid(1), charge));
                prop_assert_eq!(u128::from(ledger.level(UnixTime(at), &eid(1))), level);
                prop_assert!(ledger.level(UnixTime(u64::MAX), &eid(1)) <= 9_000);
            }
        }

        #[test]
        fn a_share_is_exact_and_never_nothing(of: u32, level in 0_u16..=10_000) {
            let exact = (u128::from(of) * u128::from(10_000 - level) / 10_000).max(1);
            prop_assert_eq!(u128::from(Ledger::share(of, level)), exact);
        }
    }
}
