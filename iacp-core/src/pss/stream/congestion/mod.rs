//! Congestion control behind one small trait: how much may be in flight, and how fast it may be sent.

mod flight;
mod model;

pub use flight::Flight;
pub use model::Model;

use crate::time::Mono;

/// The frames that were sent and are neither acknowledged, nor shown by a heartbeat, nor considered lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InFlight {
    /// Frames.
    pub frames: u32,
    /// Their whole length in bytes.
    pub bytes: u32,
}

/// A frame that has arrived, as a heartbeat shows.
///
/// Of ten frames nine arrive; the lost one halves the flight:
///
/// ```
/// use iacp_core::pss::{Arrived, Congestion, Flight, InFlight};
/// use iacp_core::time::Mono;
///
/// let mut flight = Flight::IDLE;
/// flight.restart();
/// let frame = Arrived { length: 1_200, sent: Mono(0), repeated: false, stamp: () };
/// for _ in 0..9 {
///     flight.arrived(Mono(80), &frame);
/// }
/// assert!(flight.may_send(InFlight { frames: 9, bytes: 10_800 }));
/// flight.lost(Mono(80), &frame);
/// assert!(!flight.may_send(InFlight { frames: 9, bytes: 10_800 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Arrived<S> {
    /// Its length in bytes.
    pub length: u32,
    /// When it was sent, the newest time if it was sent more than once.
    pub sent: Mono,
    /// Whether it was sent more than once: then it is not known which transmission arrived (Karn's ambiguity).
    pub repeated: bool,
    /// The stamp that [`Congestion::sent`] returned for its newest transmission.
    pub stamp: S,
}

/// Congestion control: how many frames may be in flight, and when the next may leave.
///
/// A session reports each frame that it sends and the results of each heartbeat, and asks for permission before each
/// frame. All times are the session's own clock, in milliseconds; all sizes are whole frames in bytes. Implementations
/// use integers, allocate nothing and do a constant amount of work in each call.
///
/// The calls for one heartbeat are, in this order: [`round_trip`](Self::round_trip) if it gave a sample,
/// [`arrived`](Self::arrived) for each frame that it acknowledges or shows for the first time, [`lost`](Self::lost) for
/// each frame that it makes due, and [`heartbeat`](Self::heartbeat).
///
/// Ready to use are [`Flight`] for devices and [`Model`] for hosts. One of your own may be as small as this:
///
/// ```
/// use iacp_core::pss::{Congestion, InFlight};
/// use iacp_core::time::Mono;
///
/// /// At most eight frames in flight, on a link that is known.
/// struct Eight;
///
/// impl Congestion for Eight {
///     type Stamp = ();
///     const IDLE: Self = Self;
///     const NO_STAMP: () = ();
///     fn restart(&mut self) {}
///     fn may_send(&self, flight: InFlight) -> bool {
///         flight.frames < 8
///     }
///     fn sent(&mut self, _: Mono, _: u32, _: InFlight) {}
///     fn timed_out(&mut self, _: Mono) {}
/// }
///
/// assert!(Eight::IDLE.may_send(InFlight { frames: 7, bytes: 8_400 }));
/// assert!(!Eight::IDLE.may_send(InFlight { frames: 8, bytes: 9_600 }));
/// ```
pub trait Congestion {
    /// The data that is kept with each frame in flight. It takes memory in each of a session's `FRAMES` slots.
    type Stamp: Copy;
    /// The value before [`Self::restart`]. It should be all zero, so that a static with it takes no flash.
    const IDLE: Self;
    /// The stamp of a frame that was never sent. It should be all zero.
    const NO_STAMP: Self::Stamp;

    /// Resets the state: a session begins, or its path has changed.
    fn restart(&mut self);

    /// Whether one more frame may be in flight beside `flight`. This is not called when nothing is in flight: one frame
    /// may always be sent.
    fn may_send(&self, flight: InFlight) -> bool;

    /// The earliest moment at which the next frame may be sent. A moment in the past means now.
    fn next(&self) -> Mono {
        Mono(0)
    }

    /// A frame of this length is sent now; `flight` does not include it yet.
    fn sent(&mut self, now: Mono, length: u32, flight: InFlight) -> Self::Stamp;

    /// The frame of the last [`Self::sent`] was not sent after all.
    fn not_sent(&mut self, length: u32) {
        let _ = length;
    }

    /// There is room in flight and nothing to send: measurements now say little about the path.
    fn starved(&mut self, flight: InFlight) {
        let _ = flight;
    }

    /// The round-trip time was measured, in milliseconds. Below one millisecond it is 0.
    fn round_trip(&mut self, now: Mono, milliseconds: u32) {
        let _ = (now, milliseconds);
    }

    /// A frame has arrived.
    fn arrived(&mut self, now: Mono, frame: &Arrived<Self::Stamp>) {
        let _ = (now, frame);
    }

    /// A frame is considered lost, because frames that were sent after it have arrived.
    fn lost(&mut self, now: Mono, frame: &Arrived<Self::Stamp>) {
        let _ = (now, frame);
    }

    /// A heartbeat is evaluated. `before` was in flight when it came, `after` is in flight now.
    fn heartbeat(&mut self, now: Mono, before: InFlight, after: InFlight) {
        let _ = (now, before, after);
    }

    /// The repetition time has passed without news: everything in flight is considered lost.
    fn timed_out(&mut self, now: Mono);
}
