//! A peer of low reputation is throttled: its sessions get a quarter of the window, few new frames of data a second each way,
//! and three paths where there are relays (`IACP §3.6.2`, the second verdict).

use super::parts::ANSWERS;
use crate::guard::{Rate, TokenBucket};
use crate::pss::Terms;
use crate::time::Mono;

/// New frames of data of a throttled session, in each direction.
const THROTTLE: Rate = Rate { capacity: 16, per_second: 16 };
/// The part of the window that a throttled peer is given.
const PART: u32 = 4;

/// What a throttled session may still do.
pub(super) struct Throttle {
    out: TokenBucket,
    inward: TokenBucket,
    /// Something waits for a token until then.
    pub(super) waits: Option<Mono>,
}

impl Throttle {
    pub(super) fn new(now: Mono) -> Self {
        Self { out: TokenBucket::new(THROTTLE, now), inward: TokenBucket::new(THROTTLE, now), waits: None }
    }

    /// Whether one more frame of data may be sealed now. If not, it is tried again when there is a token.
    // keeps: IACP-023 (§3.6.2)
    pub(super) fn may_seal(&mut self, now: Mono) -> bool {
        self.waits = match self.out.covers(now, 1) {
            Ok(()) => None,
            Err(throttled) => Some(now.after(u64::from(throttled.retry_after.unwrap_or(u32::MAX)))),
        };
        self.waits.is_none()
    }

    /// A frame of data was sealed.
    pub(super) fn has_sealed(&mut self, now: Mono) {
        let _ = self.out.take(now, 1);
    }

    /// Whether one more frame of data is looked at. What is refused costs no cryptography, and is repeated by its sender.
    // keeps: IACP-023 (§3.6.2)
    pub(super) fn may_take(&self, now: Mono) -> bool {
        self.inward.covers(now, 1).is_ok()
    }

    /// An authentic one has come: a forged one costs the peer nothing.
    pub(super) fn has_taken(&mut self, now: Mono) {
        let _ = self.inward.take(now, 1);
    }
}

/// How many signed frames of one session may be verified at once; one more may be after each `SIGNED_EACH` milliseconds.
const SIGNED: u64 = 16;
const SIGNED_EACH: u64 = 125;

/// What a session may still have verified, in 16 bytes: once for frames from its peer's home, and once for all other places. An
/// honest peer sends a few signed frames at its beginning and at its end. Each number is the moment at which the allowance is whole
/// again, so zeros are a whole one.
#[derive(Clone, Copy)]
pub(super) struct Signed([Mono; 2]);

impl Signed {
    pub(super) const WHOLE: Self = Self([Mono(0); 2]);

    /// Whether one more signed frame is looked at.
    pub(super) fn take(&mut self, now: Mono, from_home: bool) -> bool {
        let [elsewhere, home] = &mut self.0;
        let whole = if from_home { home } else { elsewhere };
        let may = whole.since(now) <= (SIGNED - 1) * SIGNED_EACH;
        if may {
            *whole = (*whole).max(now).after(SIGNED_EACH);
        }
        may
    }
}

/// As many as there are buckets for networks at the door. Where no peer opens a session, bindings, confirmations and answers of the
/// directory are all that costs a signature.
pub(super) const NETWORKS: usize = if ANSWERS { 64 } else { 16 };
/// Reads of the directory for strangers of one network in a second.
const OF_A_NETWORK: u8 = 2;

/// For how many strangers of each network the directory was read, within the second that began then.
pub(super) struct Shares {
    since: Mono,
    reads: [u8; NETWORKS],
}

impl Shares {
    pub(super) const NONE: Self = Self { since: Mono(0), reads: [0; NETWORKS] };

    /// The reads of the network in this place, if it may have one more.
    pub(super) fn of(&mut self, now: Mono, place: usize) -> Option<&mut u8> {
        if now.since(self.since) >= 1_000 {
            (self.since, self.reads) = (now, [0; NETWORKS]);
        }
        self.reads.get_mut(place).filter(|reads| **reads < OF_A_NETWORK)
    }
}

/// The terms that a peer is offered.
pub(super) fn terms_for(terms: Terms, throttled: bool) -> Terms {
    if !throttled {
        return terms;
    }
    Terms { receive_window: (terms.receive_window / PART).max(1), ..terms }
}

#[cfg(test)]
mod tests {
    use super::*;

    // shows: IACP-023 (§3.6.2)
    #[test]
    fn a_throttled_session_has_16_frames_at_once_and_16_a_second_each_way() {
        let mut throttle = Throttle::new(Mono(1_000));
        for _ in 0..16 {
            assert!(throttle.may_seal(Mono(1_000)) && throttle.may_take(Mono(1_000)));
            throttle.has_sealed(Mono(1_000));
        }
        assert!(!throttle.may_seal(Mono(1_000)) && throttle.may_take(Mono(1_000)), "each way by itself");
        assert_eq!(throttle.waits, Some(Mono(1_063)), "a token in 62.5 ms");
        assert!(!throttle.may_seal(Mono(1_062)) && throttle.may_seal(Mono(1_063)));
        assert_eq!(throttle.waits, None);
        (0..16).for_each(|_| throttle.has_taken(Mono(1_000)));
        assert!(!throttle.may_take(Mono(1_062)) && throttle.may_take(Mono(1_063)));
    }

    #[test]
    fn sixteen_signed_frames_are_verified_at_once_and_then_one_in_125_ms() {
        for from_home in [false, true] {
            let mut signed = Signed::WHOLE;
            assert!((0..16).all(|_| signed.take(Mono(0), from_home)));
            assert!(!signed.take(Mono(0), from_home) && !signed.take(Mono(124), from_home));
            assert!(signed.take(Mono(124), !from_home), "other places have their own");
            assert!(signed.take(Mono(125), from_home) && !signed.take(Mono(125), from_home));
            // After a pause it is whole again, and no more than that.
            assert!((0..16).all(|_| signed.take(Mono(9_000), from_home)));
            assert!(!signed.take(Mono(9_000), from_home));
        }
    }

    #[test]
    fn the_directory_is_read_for_two_strangers_of_a_network_in_a_second() {
        let mut shares = Shares::NONE;
        let mut read = |now, place| shares.of(Mono(now), place).map(|reads| *reads += 1).is_some();
        assert_eq!([(0, 3), (0, 3), (0, 3), (999, 3)].map(|(now, place)| read(now, place)), [true, true, false, false]);
        assert!(read(999, 4), "another network");
        assert_eq!(
            [(1_000, 3), (1_000, 3), (1_999, 3), (2_000, 3)].map(|(now, place)| read(now, place)),
            [true, true, false, true]
        );
        assert!(!read(2_000, NETWORKS));
    }

    #[test]
    fn a_throttled_peer_is_offered_a_quarter_of_the_window_and_at_least_one_frame() {
        let terms = |receive_window| Terms { dgk_rotation: 1, lifetime: 2, receive_window };
        for (window, part) in [(16, 4), (7, 1), (3, 1), (1, 1)] {
            assert_eq!(terms_for(terms(window), true), terms(part));
            assert_eq!(terms_for(terms(window), false), terms(window));
        }
    }
}
