//! Curators under suspicion (`IACP App. B.6`): a node that holds two contradicting words of a curator takes nothing new by that key, and
//! marks what leads through it. Here silence restores: what one node found lapses unless a verdict confirms it.

use iacp_wire::Eid;

use crate::governance::window::{EPOCH, LAPSE};
use crate::time::Mono;

/// How many suspected curators are remembered; a new one replaces the oldest.
const CURATORS: usize = 16;

/// The curators in quarantine.
#[derive(Debug)]
pub(super) struct Curators {
    suspects: [Option<(Mono, Eid)>; CURATORS],
}

impl Curators {
    pub(super) const fn new() -> Self {
        Self { suspects: [const { None }; CURATORS] }
    }

    /// CERT_CONTRADICTION: this node holds the evidence. A further one prolongs nothing.
    // keeps: IACP-163 (B.5)
    pub(super) fn suspect(&mut self, now: Mono, curator: Eid) {
        if self.is_suspect(&curator) {
            return;
        }
        // A free place comes before the oldest one.
        if let Some(place) = self.suspects.iter_mut().min_by_key(|place| place.map(|(since, _)| since)) {
            *place = Some((now, curator));
        }
    }

    pub(super) fn is_suspect(&self, curator: &Eid) -> bool {
        self.suspects.iter().flatten().any(|(_, suspect)| suspect == curator)
    }

    /// QUARANTINE_TIMEOUT.
    pub(super) fn restore(&mut self, now: Mono) {
        let is_over = |(since, _): &(Mono, Eid)| now.since(*since) >= LAPSE * EPOCH;
        self.suspects.iter_mut().filter(|place| place.as_ref().is_some_and(is_over)).for_each(|place| *place = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // shows: IACP-163 (B.5)
    #[test]
    fn a_curator_is_suspected_for_eighty_minutes_and_the_seventeenth_displaces_the_first() {
        let eid = |number: u8| Eid([number; 32]);
        let mut curators = Curators::new();
        for number in 0..16 {
            assert!(!curators.is_suspect(&eid(number)));
            curators.suspect(Mono(number.into()), eid(number));
        }
        curators.suspect(Mono(50), eid(1));
        assert!((0..16).all(|number| curators.is_suspect(&eid(number))), "a second word takes no second place");
        curators.suspect(Mono(60), eid(16));
        assert_eq!([0, 1, 16].map(|number| curators.is_suspect(&eid(number))), [false, true, true]);
        let end = 80 * 60_000;
        curators.restore(Mono(end));
        assert!(curators.is_suspect(&eid(1)));
        curators.restore(Mono(end + 1));
        assert!(!curators.is_suspect(&eid(1)) && curators.is_suspect(&eid(2)), "and no longer by a second word");
    }
}
