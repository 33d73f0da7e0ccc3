//! A count of frames in flight, for devices: slow start and halving.

use super::{Arrived, Congestion, InFlight};
use crate::time::Mono;

/// Frames in flight at first.
const INITIAL: u32 = 10;
/// Never fewer than this.
const LEAST: u32 = 2;

/// Counts frames in flight, like TCP Reno (`RFC 5681`): for devices.
///
/// It begins with 10 frames, and adds one for each arrived frame until the first loss, then one for each whole flight.
/// A loss halves it, at most once in a round trip; a repetition by time sets it to 2, from where it grows as at the
/// start, up to half of its earlier size. It is never below 2, and grows only while it limits the sender. There is no
/// pacing. It costs 40 bytes for a session and nothing for a frame.
///
/// On a path that loses frames at random it is slow: at one frame in a hundred it keeps about twelve in flight. Hosts
/// use [`Model`](super::Model).
///
/// ```
/// use iacp_core::pss::{Congestion, Flight, InFlight};
///
/// let mut flight = Flight::IDLE;
/// flight.restart();
/// assert!(flight.may_send(InFlight { frames: 9, bytes: 10_800 }));
/// assert!(!flight.may_send(InFlight { frames: 10, bytes: 12_000 }));
/// ```
pub struct Flight {
    /// Frames that may be in flight.
    frames: u32,
    /// Below this it grows by one for each frame that arrives.
    threshold: u32,
    /// Frames that have arrived since the last growth by one for a whole flight.
    towards_next: u32,
    /// Arrived frames in the heartbeat that is being evaluated.
    arrived: u32,
    /// Whether the round-trip time was measured at least once.
    measured: bool,
    /// When it was last reduced. The loss of a frame that was sent before then belongs to the same reduction.
    reduced: Option<Mono>,
}

impl Flight {
    const fn half(&self) -> u32 {
        if self.frames / 2 < LEAST { LEAST } else { self.frames / 2 }
    }
}

impl Congestion for Flight {
    type Stamp = ();
    const IDLE: Self = Self { frames: 0, threshold: 0, towards_next: 0, arrived: 0, measured: false, reduced: None };
    const NO_STAMP: () = ();

    fn restart(&mut self) {
        *self = Self { frames: INITIAL, threshold: u32::MAX, ..Self::IDLE };
    }

    fn may_send(&self, flight: InFlight) -> bool {
        flight.frames < self.frames
    }

    fn sent(&mut self, _: Mono, _: u32, _: InFlight) {}

    fn round_trip(&mut self, _: Mono, _: u32) {
        self.measured = true;
    }

    fn arrived(&mut self, _: Mono, _: &Arrived<()>) {
        self.arrived = self.arrived.saturating_add(1);
    }

    fn lost(&mut self, now: Mono, frame: &Arrived<()>) {
        if self.reduced.is_some_and(|reduced| frame.sent <= reduced) {
            return;
        }
        self.frames = self.half();
        (self.threshold, self.towards_next, self.reduced) = (self.frames, 0, Some(now));
    }

    fn heartbeat(&mut self, now: Mono, before: InFlight, _: InFlight) {
        let arrived = core::mem::take(&mut self.arrived);
        if self.reduced == Some(now) || before.frames < self.frames / 2 {
            return;
        }
        if self.frames < self.threshold {
            self.frames = self.frames.saturating_add(arrived);
            return;
        }
        self.towards_next = self.towards_next.saturating_add(arrived);
        if self.towards_next >= self.frames {
            self.towards_next -= self.frames;
            self.frames = self.frames.saturating_add(1);
        }
    }

    fn timed_out(&mut self, now: Mono) {
        // Before the first sample the repetition time is a guess, so its expiry is no sign of congestion.
        if self.measured && self.frames > LEAST {
            self.threshold = self.half();
        }
        (self.frames, self.towards_next, self.reduced) = (LEAST, 0, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> Flight {
        let mut flight = Flight::IDLE;
        flight.restart();
        flight.round_trip(Mono(0), 50);
        flight
    }

    /// This many frames of a full flight have arrived.
    fn arrive(flight: &mut Flight, now: u64, frames: u32) {
        let before = InFlight { frames: flight.frames, bytes: 0 };
        for _ in 0..frames {
            flight.arrived(Mono(now), &Arrived { length: 100, sent: Mono(0), repeated: false, stamp: () });
        }
        flight.heartbeat(Mono(now), before, InFlight { frames: before.frames - frames, bytes: 0 });
    }

    fn lose(flight: &mut Flight, sent: u64, now: u64) {
        flight.lost(Mono(now), &Arrived { length: 100, sent: Mono(sent), repeated: false, stamp: () });
    }

    #[test]
    fn it_starts_with_10_and_grows_by_each_frame_that_arrives() {
        let mut flight = new();
        assert_eq!(flight.frames, 10);
        arrive(&mut flight, 50, 10);
        assert_eq!(flight.frames, 20);
        arrive(&mut flight, 100, 20);
        assert_eq!(flight.frames, 40);
    }

    #[test]
    fn it_is_halved_once_a_round_trip() {
        let mut flight = new();
        arrive(&mut flight, 50, 10);
        lose(&mut flight, 60, 110);
        assert_eq!(flight.frames, 10);
        lose(&mut flight, 70, 120);
        lose(&mut flight, 110, 130);
        assert_eq!(flight.frames, 10, "these left before it was halved");
        lose(&mut flight, 111, 170);
        assert_eq!(flight.frames, 5);
    }

    #[test]
    fn after_a_loss_it_grows_by_one_a_flight() {
        let mut flight = new();
        lose(&mut flight, 1, 50);
        assert_eq!(flight.frames, 5);
        for now in 51..56 {
            assert_eq!(flight.frames, 5);
            arrive(&mut flight, now, 1);
        }
        assert_eq!(flight.frames, 6);
    }

    #[test]
    fn after_a_repetition_by_time_it_is_2_and_comes_back_to_half() {
        let mut flight = new();
        arrive(&mut flight, 50, 10);
        flight.timed_out(Mono(900));
        assert_eq!((flight.frames, flight.threshold), (2, 10));
        for now in 1_000..1_004 {
            arrive(&mut flight, now, 2);
        }
        assert_eq!(flight.frames, 10);
        arrive(&mut flight, 1_050, 2);
        assert_eq!(flight.frames, 10, "from half on it grows slowly");
        flight.timed_out(Mono(2_000));
        flight.timed_out(Mono(4_000));
        assert_eq!((flight.frames, flight.threshold), (2, 5), "a second one in a row does not halve again");
    }

    #[test]
    fn a_guess_of_the_repetition_time_that_was_too_short_does_not_end_the_start() {
        let mut flight = Flight::IDLE;
        flight.restart();
        flight.timed_out(Mono(250));
        assert_eq!((flight.frames, flight.threshold), (2, u32::MAX));
    }

    #[test]
    fn it_is_never_below_2() {
        let mut flight = new();
        for now in 1..20 {
            lose(&mut flight, now * 100, now * 100 + 50);
        }
        assert_eq!(flight.frames, 2);
    }

    #[test]
    fn it_does_not_grow_while_it_is_not_used() {
        let mut flight = new();
        for now in 0..1_000 {
            flight.arrived(Mono(now), &Arrived { length: 100, sent: Mono(0), repeated: false, stamp: () });
            flight.heartbeat(Mono(now), InFlight { frames: 4, bytes: 0 }, InFlight::default());
        }
        assert_eq!(flight.frames, 10);
    }

    #[test]
    fn one_more_frame_may_leave_below_the_count_and_the_start_is_with_10() {
        let flight = new();
        let may = |frames| flight.may_send(InFlight { frames, bytes: 0 });
        assert_eq!([may(0), may(9), may(10), may(11)], [true, true, false, false]);
    }

    #[test]
    fn it_grows_with_half_of_it_in_use_and_not_in_the_step_of_a_loss() {
        for (before, frames) in [(4, 10), (5, 11)] {
            let mut flight = new();
            flight.arrived(Mono(50), &Arrived { length: 100, sent: Mono(0), repeated: false, stamp: () });
            flight.heartbeat(Mono(50), InFlight { frames: before, bytes: 0 }, InFlight::default());
            assert_eq!(flight.frames, frames, "{before} of 10");
        }
        let mut flight = new();
        lose(&mut flight, 1, 50);
        for (now, frames) in [(50, 5), (51, 6)] {
            arrive(&mut flight, now, 5);
            assert_eq!(flight.frames, frames, "at {now}");
        }
        // What is more than a flight counts toward the next one.
        arrive(&mut flight, 52, 4);
        arrive(&mut flight, 53, 5);
        assert_eq!((flight.frames, flight.towards_next), (7, 3));
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Flight>() <= 40);
        assert_eq!(size_of::<<Flight as Congestion>::Stamp>(), 0);
    }
}
