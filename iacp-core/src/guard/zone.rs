//! The circuit breaker of one zone, with what it measures (`IACP §5.4.2`, `IACP App. B.3`). 256 of them serve a node.

use super::breaker::{Event, State};
use crate::time::Mono;

/// A rate of one request a second, in the fixed point of the average.
const ONE: u64 = 1 << 16;
/// Below this average a zone counts as one of this average.
const QUIET: u64 = 8 * ONE;
/// Above this average a zone trips as if it were one of this average.
const BUSY: u64 = 200 * ONE;
/// A spike is this many times the average.
const SPIKE: u64 = 10;
/// Up to this many empty seconds are averaged one by one.
const EMPTY: u64 = 4_096;
/// The first cooldown, in milliseconds, and the longest.
const COOLDOWN: u32 = 10_000;
const LONGEST: u32 = 300_000;
/// If the breaker trips again within this time after it closed, in milliseconds, the cooldown doubles.
const SOON: u64 = 60_000;
/// How many calm seconds in a row close the breaker.
const CALM: u8 = 5;

/// Counts the requests of one zone, and trips when a second has ten times the average of about the last quarter of an hour:
/// at least 80, and at most 2,000.
///
/// ```
/// use iacp_core::guard::{Zone, breaker::State};
/// use iacp_core::time::Mono;
///
/// let mut zone = Zone::new(Mono(0));
/// for _ in 0..79 {
///     assert_eq!(zone.count(Mono(500)), State::Closed);
/// }
/// assert_eq!(zone.count(Mono(500)), State::Open); // the eightieth of one second
/// assert_eq!(zone.retry_after(Mono(500)), 10_000);
/// assert_eq!(zone.state(Mono(10_500)), State::Closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Requests per second, in 65,536ths.
    average: u64,
    /// When it last changed between CLOSED and OPEN.
    since: Mono,
    /// The running second, from the zone's start on modulo 2^32: enough to tell how many have passed.
    second: u32,
    /// Requests of the running second.
    count: u32,
    cooldown: u32,
    state: State,
    /// Calm seconds in a row.
    calm: u8,
    tripped: bool,
}

impl Zone {
    /// A zone that has seen nothing.
    #[must_use]
    pub fn new(now: Mono) -> Self {
        Self {
            average: QUIET,
            since: now,
            second: second(now),
            count: 0,
            cooldown: COOLDOWN,
            state: State::Closed,
            calm: 0,
            tripped: false,
        }
    }

    /// Counts a request that has passed the buckets and shows no ticket, and says how it finds the breaker.
    // keeps: IACP-124 (§5.4.2)
    pub fn count(&mut self, now: Mono) -> State {
        self.advance(now);
        self.count = self.count.saturating_add(1);
        if self.state == State::Closed && u64::from(self.count) * ONE >= self.threshold() {
            let again = self.tripped && now.since(self.since) < SOON;
            self.cooldown = if again { self.cooldown.saturating_mul(2).min(LONGEST) } else { COOLDOWN };
            self.step(Event::TrafficSpike);
            (self.since, self.calm, self.tripped) = (now, 0, true);
        }
        self.state
    }

    /// The state now. Both have to hold before it closes: the cooldown is over, and the load is back to normal.
    pub fn state(&mut self, now: Mono) -> State {
        self.advance(now);
        self.state
    }

    /// Milliseconds until it is worth asking again; 0 if it is closed.
    #[must_use]
    pub fn retry_after(&self, now: Mono) -> u32 {
        let gone = u32::try_from(now.since(self.since)).unwrap_or(u32::MAX);
        match self.state {
            State::Closed => 0,
            // Where the cooldown is over, the load is not back to normal yet.
            State::Open => self.cooldown.checked_sub(gone).filter(|rest| *rest > 0).unwrap_or(1_000),
        }
    }

    /// The average, in 65,536ths of a request per second.
    #[must_use]
    pub const fn average(&self) -> u64 {
        self.average
    }

    fn threshold(&self) -> u64 {
        SPIKE * self.average.clamp(QUIET, BUSY)
    }

    fn step(&mut self, event: Event) {
        self.state = self.state.step(event).unwrap_or(self.state);
    }

    /// Ends the seconds that have passed.
    fn advance(&mut self, now: Mono) {
        let passed = second(now).wrapping_sub(self.second);
        // A clock that went back ends no second: no zone is left alone for 2^31 of them.
        if passed != 0 && passed <= u32::MAX / 2 {
            self.end_second();
            let empty = u64::from(passed - 1);
            for _ in 0..empty.min(EMPTY) {
                self.end_second();
            }
            self.second = second(now);
        }
        let over = now.since(self.since) >= u64::from(self.cooldown);
        if self.state == State::Open && over && self.calm >= CALM {
            self.step(Event::CooldownTimeout);
            self.since = now;
        }
    }

    fn end_second(&mut self) {
        let counted = u64::from(self.count) * ONE;
        self.count = 0;
        if self.state == State::Open {
            // The average stands still, so that an attack does not become the normal.
            self.calm = if counted < self.threshold() / 2 { self.calm.saturating_add(1) } else { 0 };
            return;
        }
        let taken = counted.min(2 * self.average.max(QUIET));
        self.average = match taken.checked_sub(self.average) {
            Some(above) => self.average + above / 1_024,
            None => self.average - (self.average - taken) / 1_024,
        };
    }
}

/// The second of a moment, modulo 2^32.
fn second(now: Mono) -> u32 {
    u32::try_from(now.0 / 1_000 % (1 << 32)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;

    use super::*;

    const _: () = assert!(size_of::<Zone>() <= 32);

    fn burst(zone: &mut Zone, at: u64, requests: u32) -> State {
        (0..requests).map(|_| zone.count(Mono(at))).last().unwrap_or(State::Closed)
    }

    // shows: IACP-124 (§5.4.2)
    #[test]
    fn it_closes_when_the_cooldown_is_over_and_the_load_is_normal() {
        let mut zone = Zone::new(Mono(0));
        assert_eq!(burst(&mut zone, 1_000, 80), State::Open);
        // The cooldown is over, but each second still has half the threshold.
        for second in 2..30 {
            assert_eq!(burst(&mut zone, second * 1_000, 40), State::Open, "second {second}");
        }
        for second in 30..34 {
            assert_eq!(zone.state(Mono(second * 1_000 + 999)), State::Open, "second {second}");
        }
        assert_eq!(zone.state(Mono(35_000)), State::Closed, "five calm seconds");
    }

    #[test]
    fn a_refused_request_is_told_the_rest_of_the_cooldown_and_a_second_where_the_load_stays() {
        let mut zone = Zone::new(Mono(0));
        assert_eq!(zone.retry_after(Mono(1_000)), 0, "it is closed");
        burst(&mut zone, 1_000, 80);
        for (now, expected) in [(1_000, 10_000), (10_999, 1), (11_000, 1_000), (11_001, 1_000)] {
            assert_eq!(zone.retry_after(Mono(now)), expected, "at {now}");
        }
    }

    #[test]
    fn tripping_soon_again_doubles_the_cooldown_up_to_five_minutes() {
        let mut zone = Zone::new(Mono(0));
        let mut now = 1_000;
        for expected in [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000] {
            assert_eq!(burst(&mut zone, now, 2_000), State::Open);
            assert_eq!(zone.retry_after(Mono(now)), expected);
            now += u64::from(expected);
            assert_eq!(zone.state(Mono(now)), State::Closed);
        }
        now += 60_000;
        burst(&mut zone, now, 2_000);
        assert_eq!(zone.retry_after(Mono(now)), 10_000, "a minute later it begins anew");
    }

    // Raising the average slowly: in twelve minutes it no more than doubles, and above 2,000 a second it trips in any case.
    #[test]
    fn a_slowly_raised_average_buys_little() {
        let mut zone = Zone::new(Mono(0));
        for second in 0..720 {
            let below = u32::try_from(zone.threshold() / ONE).expect("small") - 1;
            assert_eq!(burst(&mut zone, second * 1_000, below), State::Closed);
        }
        assert!(zone.average() <= 2 * QUIET + ONE, "{} requests a second", zone.average() / ONE);
        for second in 720..20_000 {
            let below = u32::try_from(zone.threshold() / ONE).expect("small") - 1;
            burst(&mut zone, second * 1_000, below.min(1_999));
        }
        assert_eq!(burst(&mut zone, 20_001_000, 2_000), State::Open);
    }

    /// The average in numbers that cannot overflow.
    fn model(average: u128, counted: u128) -> u128 {
        let taken = (counted << 16).min(2 * average.max(8 << 16));
        if taken >= average { average + (taken - average) / 1_024 } else { average - (average - taken) / 1_024 }
    }

    proptest! {
        /// Exact against the model as long as it is closed, and no clock value is too large.
        #[test]
        fn the_average_is_that_of_the_model(
            start in any::<u64>(),
            seconds in prop::collection::vec((0_u64..40, 0_u32..79), 1..200),
        ) {
            let mut zone = Zone::new(Mono(start));
            let (mut average, mut counted, mut now) = (8_u128 << 16, 0_u128, start);
            for (pause, requests) in seconds {
                let then = now.saturating_add(pause * 1_000);
                for _ in now / 1_000..then / 1_000 {
                    average = model(average, core::mem::take(&mut counted));
                }
                now = then;
                for _ in 0..requests {
                    if counted == 78 { break; }
                    prop_assert_eq!(zone.count(Mono(now)), State::Closed);
                    counted += 1;
                }
                zone.state(Mono(now));
                prop_assert_eq!(u128::from(zone.average()), average);
            }
        }

        #[test]
        fn no_order_of_moments_breaks_it(moments in prop::collection::vec(any::<u64>(), 1..50)) {
            let mut zone = Zone::new(Mono(0));
            for moment in moments {
                burst(&mut zone, moment, 90);
                prop_assert!(zone.retry_after(Mono(moment)) <= LONGEST);
                prop_assert!(zone.average() <= 400 * ONE);
            }
        }
    }
}
