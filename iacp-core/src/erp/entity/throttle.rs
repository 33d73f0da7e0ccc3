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
