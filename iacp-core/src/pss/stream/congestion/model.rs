//! A model of the path, for hosts: its bandwidth and its shortest round trip, measured as in BBR.

use super::super::pace::Pace;
use super::{Arrived, Congestion, InFlight};
use crate::time::Mono;

/// Gains and shares are in 256ths.
const ONE: u64 = 256;
/// 4 ln 2: the smallest gain at which the startup doubles the rate each round.
const STARTUP_GAIN: u64 = 710;
const DRAIN_GAIN: u64 = 90;
const DOWN_GAIN: u64 = 192;
/// The largest of many samples in whole milliseconds is a little more than the bandwidth.
const CRUISE_GAIN: u64 = 254;
const UP_GAIN: u64 = 320;
/// Two round trips of data: acknowledgements come late and in groups.
const WINDOW_GAIN: u64 = 512;
/// The flight is cut to this share of its size when the lost frame was sent, but not below this share of the product of
/// bandwidth and round trip.
const CUT: u64 = 192;

/// Frames in flight before the first measurement.
const INITIAL: u32 = 32;
/// The least number of frames in flight.
const LEAST: u32 = 4;
/// A receiver acknowledges this many frames at a time, so they are in flight beyond the capacity of the path.
const AGGREGATION: u32 = 16;
/// Rounds without a quarter more bandwidth that end the startup.
const PLATEAU_ROUNDS: u8 = 3;
/// Rounds at the measured rate between two probes for more.
const CRUISE_ROUNDS: u32 = 8;
/// The time in which the ceiling would double without cuts, in milliseconds. It grows by time and not by rounds, like
/// Cubic, so that a long round trip is no disadvantage.
const GROWTH_TIME: u64 = 7_000;
/// How long a shortest round-trip time counts, in milliseconds.
const RTT_WINDOW: u64 = 10_000;
/// How long the flight stays small to measure it again, in milliseconds.
const PROBE_TIME: u64 = 200;
/// The pace is never slower than one frame of the greatest length in this many seconds, the longest repetition time: so
/// the next frame, and with it a new measurement, is never far off.
const SLOWEST: u32 = 8;
/// The burst that may be sent after a pause: as much as the rate releases in this many milliseconds.
const BURST_TIME: u32 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Doubles the rate each round, until the bandwidth grows no more or a queue overflows.
    Startup,
    /// Empties the queue that the startup has filled.
    Drain,
    /// A quarter slower, to empty the queue that a probe has left.
    Down,
    /// At the measured rate.
    Cruise,
    /// A quarter faster, to probe for more bandwidth.
    Up,
    /// With half a flight, to measure the round trip with an empty queue.
    ProbeRtt,
}

/// The data that [`Model`] keeps with each frame in flight to estimate the delivery rate: 20 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Bytes that had arrived when the frame was sent, modulo 2^32.
    arrived: u32,
    /// When the arrival of the newest of them became known.
    arrived_at: u32,
    /// When that one had been sent.
    first_sent: u32,
    /// Bytes in flight with this frame.
    flight: u32,
    /// The application had too little to send.
    limited: bool,
}

/// Follows a model of the path, as BBR does (Cardwell and others, ACM Queue 2016; draft-ietf-ccwg-bbr): for hosts.
///
/// The bandwidth is the largest delivery rate of the last two cycles of probing, the round trip the shortest of ten
/// seconds. Frames are paced at that bandwidth, and about two products of both may be in flight. Time is in whole
/// milliseconds: an interval of 0 counts as 1, and each millisecond releases its share of bytes.
///
/// Loss alone does not slow it down, so a radio link that loses one frame in a hundred keeps its speed. Two things do:
///
/// - loss while the round trip shows a queue, longer than the shortest by a quarter and one group of acknowledgements.
///   Then the flight is limited to three quarters of what it was, once a round, and grows again with time: as Cubic does, and
///   beside it with a similar share;
/// - loss of more than a fifth over eight rounds, with or without a queue: a policer, for instance.
///
/// It costs about 150 bytes a session and 20 a frame, and 64-bit divisions once a heartbeat.
///
/// ```
/// use iacp_core::pss::{Congestion, InFlight, Model};
///
/// let mut model = Model::IDLE;
/// model.restart();
/// assert!(model.may_send(InFlight { frames: 31, bytes: 37_200 }));
/// assert!(!model.may_send(InFlight { frames: 32, bytes: 38_400 }));
/// ```
pub struct Model {
    phase: Phase,
    phase_rounds: u32,
    phase_since: Mono,

    // Delivery rate.
    /// Bytes that have arrived, modulo 2^32.
    arrived: u32,
    arrived_at: Mono,
    /// When the newest frame that has arrived was sent.
    first_sent: Mono,
    /// Until this many bytes have arrived, samples are limited by the application.
    limited_until: Option<u32>,
    /// Of the frames that arrived by the present heartbeat: the one that was sent last, and its time.
    newest: Option<(Stamp, Mono)>,
    /// The largest rates of this cycle and the one before, in bytes a second.
    rates: [u32; 2],
    /// A round ends when a frame arrives that was sent after this many bytes had arrived.
    round_end: u32,
    round_since: Mono,

    // Round trip, in milliseconds.
    /// The shortest of the last ten seconds; `u32::MAX` before the first.
    rtt: u32,
    rtt_at: Mono,
    /// The shortest of all.
    least_rtt: u32,
    /// The shortest of the present [`Phase::ProbeRtt`].
    probed_rtt: u32,
    /// The longest of this round.
    round_rtt: u32,

    // Loss, in bytes.
    round_lost: bool,
    /// This round's reaction took place.
    reacted: bool,
    /// The bytes in flight when the frame that was lost last was sent.
    lost_flight: u32,
    /// Lost and arrived bytes, averaged over eight rounds.
    recent_lost: u32,
    recent_arrived: u32,
    timed_out: bool,

    // Startup.
    plateau: u32,
    plateau_rounds: u8,
    /// Whether the startup is over: then the bandwidth is known.
    full: bool,

    // What follows from it.
    /// The longest frame so far, in bytes.
    frame: u32,
    /// Bytes that may be in flight; 0 before the first round trip is known.
    window: u32,
    /// A limit to the window from losses.
    ceiling: u32,
    /// Bytes a second; 0 before the first round trip is known.
    rate: u32,
    pace: Pace,
}

impl Model {
    fn bandwidth(&self) -> u32 {
        let [present, before] = self.rates;
        present.max(before)
    }

    /// Bandwidth × round trip × gain, in bytes.
    fn product(&self, gain: u64) -> u64 {
        u64::from(self.bandwidth()) * u64::from(self.rtt.max(1)) / 1_000 * gain / ONE
    }

    fn burst(&self) -> u32 {
        (self.rate / 1_000).saturating_mul(BURST_TIME).max(self.frame.saturating_mul(4))
    }

    fn enter(&mut self, now: Mono, phase: Phase) {
        (self.phase, self.phase_since, self.phase_rounds) = (phase, now, 0);
        match phase {
            Phase::Down => {
                let [present, before] = self.rates;
                self.rates = [0, if present == 0 { before } else { present }];
            }
            Phase::ProbeRtt => self.probed_rtt = u32::MAX,
            _ => {}
        }
    }

    fn startup_is_over(&mut self, now: Mono) {
        self.full = true;
        self.enter(now, Phase::Drain);
    }

    /// Takes the rate at which the frames between the newest one's sending and now have arrived.
    fn measure(&mut self, now: Mono, stamp: &Stamp, sent: Mono) {
        let bytes = u64::from(self.arrived.wrapping_sub(stamp.arrived));
        let arriving = low(now).wrapping_sub(stamp.arrived_at);
        let sending = low(sent).wrapping_sub(stamp.first_sent);
        let took = arriving.max(sending).max(1);
        // This is shorter than any round trip: an earlier transmission of the frame arrived, not the newest.
        if self.rtt != u32::MAX && took.saturating_add(1) < self.rtt {
            return;
        }
        let rate = clamp(bytes * 1_000 / u64::from(took));
        if !stamp.limited || rate > self.bandwidth() {
            let [present, _] = &mut self.rates;
            *present = rate.max(*present);
        }
    }

    /// Whether the loss means congestion, and not only a bad radio link.
    fn congested(&self) -> bool {
        let group = u64::from(self.frame) * u64::from(AGGREGATION) * 1_000 / u64::from(self.bandwidth().max(1));
        let queue = u64::from(self.round_rtt).saturating_sub(u64::from(self.least_rtt)).saturating_sub(group);
        let queued = self.round_lost && queue > u64::from((self.least_rtt / 4).max(3));
        let total = u64::from(self.recent_lost) + u64::from(self.recent_arrived);
        let lossy = u64::from(self.recent_lost) * 5 > total;
        queued || (lossy && self.recent_lost > self.frame.saturating_mul(16))
    }

    fn react(&mut self, now: Mono) {
        self.reacted = true;
        let cut = u64::from(self.lost_flight) * CUT / ONE;
        // The startup has just measured the capacity of the path.
        let floor = self.product(if self.phase == Phase::Startup { ONE } else { CUT });
        self.ceiling = clamp(cut.min(u64::from(self.ceiling)).max(floor));
        match self.phase {
            // Without a delivery rate the startup cannot end.
            Phase::Startup if self.bandwidth() > 0 => self.startup_is_over(now),
            Phase::Up => self.enter(now, Phase::Down),
            _ => {}
        }
    }

    fn end_round(&mut self, now: Mono, limited: bool) {
        self.round_end = self.arrived;
        self.phase_rounds = self.phase_rounds.saturating_add(1);
        if !self.reacted {
            let growth = u64::from(self.ceiling) * now.since(self.round_since).min(GROWTH_TIME) / GROWTH_TIME;
            self.ceiling = self.ceiling.saturating_add(clamp(growth));
        }
        self.recent_lost -= self.recent_lost / 8;
        self.recent_arrived -= self.recent_arrived / 8;
        (self.round_since, self.round_lost, self.round_rtt, self.reacted) = (now, false, 0, false);
        if self.phase != Phase::Startup || limited {
            return;
        }
        let bandwidth = self.bandwidth();
        if bandwidth >= self.plateau.saturating_add(self.plateau / 4) {
            (self.plateau, self.plateau_rounds) = (bandwidth, 0);
            return;
        }
        self.plateau_rounds += 1;
        if self.plateau_rounds >= PLATEAU_ROUNDS {
            self.startup_is_over(now);
        }
    }

    fn next_phase(&mut self, now: Mono, flight: InFlight) {
        let (flight, elapsed) = (u64::from(flight.bytes), now.since(self.phase_since));
        let next = match self.phase {
            Phase::Drain if flight <= self.product(ONE) => Phase::Down,
            Phase::Down if flight <= self.product(ONE) || self.phase_rounds >= 1 => Phase::Cruise,
            Phase::Cruise if self.phase_rounds >= CRUISE_ROUNDS => Phase::Up,
            // At least one round: a shorter probe has no visible effect in a queue that others fill.
            Phase::Up if self.phase_rounds >= 4 => Phase::Down,
            Phase::Up if self.phase_rounds >= 1 && flight >= self.product(UP_GAIN) => Phase::Down,
            Phase::ProbeRtt if elapsed < PROBE_TIME + u64::from(self.rtt) || self.probed_rtt == u32::MAX => return,
            Phase::ProbeRtt => {
                (self.rtt, self.rtt_at) = (self.probed_rtt, now);
                if self.full { Phase::Down } else { Phase::Startup }
            }
            _ if now.since(self.rtt_at) > RTT_WINDOW && self.rtt != u32::MAX => Phase::ProbeRtt,
            _ => return,
        };
        self.enter(now, next);
    }

    /// Rate and window follow from the model and the phase.
    fn conclude(&mut self) {
        if self.rtt == u32::MAX {
            return;
        }
        let (pacing, window) = match self.phase {
            Phase::Startup => (STARTUP_GAIN, STARTUP_GAIN),
            Phase::Drain => (DRAIN_GAIN, STARTUP_GAIN),
            Phase::Down => (DOWN_GAIN, WINDOW_GAIN),
            Phase::Cruise => (CRUISE_GAIN, WINDOW_GAIN),
            Phase::Up => (UP_GAIN, WINDOW_GAIN),
            Phase::ProbeRtt => (ONE, ONE / 2),
        };
        let initial = u64::from(self.frame) * u64::from(INITIAL);
        let mut rate = clamp(u64::from(self.bandwidth()) * pacing / ONE);
        let mut target = self.product(window);
        if self.phase != Phase::ProbeRtt {
            target += u64::from(self.frame.saturating_mul(AGGREGATION).max(self.burst()));
        }
        if !self.full {
            // The first samples are of few frames, so neither value falls before the startup is over.
            rate = rate.max(self.rate).max(clamp(initial * 1_000 / u64::from(self.rtt.max(1)) * STARTUP_GAIN / ONE));
            target = target.max(initial).max(u64::from(self.window));
        }
        self.rate = rate.max(self.frame.div_ceil(SLOWEST)).max(1);
        self.window = clamp(target).min(self.ceiling).max(self.frame.saturating_mul(LEAST));
    }
}

impl Congestion for Model {
    type Stamp = Stamp;
    const IDLE: Self = Self {
        phase: Phase::Startup,
        phase_rounds: 0,
        phase_since: Mono(0),
        arrived: 0,
        arrived_at: Mono(0),
        first_sent: Mono(0),
        limited_until: None,
        newest: None,
        rates: [0; 2],
        round_end: 0,
        round_since: Mono(0),
        rtt: 0,
        rtt_at: Mono(0),
        least_rtt: 0,
        probed_rtt: 0,
        round_rtt: 0,
        round_lost: false,
        reacted: false,
        lost_flight: 0,
        recent_lost: 0,
        recent_arrived: 0,
        timed_out: false,
        plateau: 0,
        plateau_rounds: 0,
        full: false,
        frame: 0,
        window: 0,
        ceiling: 0,
        rate: 0,
        pace: Pace::FULL,
    };
    const NO_STAMP: Stamp = Stamp { arrived: 0, arrived_at: 0, first_sent: 0, flight: 0, limited: false };

    fn restart(&mut self) {
        *self = Self { rtt: u32::MAX, least_rtt: u32::MAX, ceiling: u32::MAX, ..Self::IDLE };
    }

    fn may_send(&self, flight: InFlight) -> bool {
        match (self.timed_out, self.window) {
            (true, _) => flight.frames < 2,
            (false, 0) => flight.frames < INITIAL,
            (false, window) => flight.bytes < window,
        }
    }

    fn next(&self) -> Mono {
        if self.rate == 0 { Mono(0) } else { self.pace.next(self.rate) }
    }

    fn sent(&mut self, now: Mono, length: u32, flight: InFlight) -> Stamp {
        self.frame = self.frame.max(length);
        if flight.frames == 0 {
            (self.first_sent, self.arrived_at) = (now, now);
        }
        if self.rate > 0 {
            self.pace.spend(now, self.rate, self.burst(), length);
        }
        Stamp {
            arrived: self.arrived,
            arrived_at: low(self.arrived_at),
            first_sent: low(self.first_sent),
            flight: flight.bytes.saturating_add(length),
            // After a repetition by time, the two frames in flight limit the rate, not the path.
            limited: self.limited_until.is_some() || self.timed_out,
        }
    }

    fn not_sent(&mut self, length: u32) {
        if self.rate > 0 {
            self.pace.give_back(length);
        }
    }

    fn starved(&mut self, flight: InFlight) {
        self.limited_until = Some(self.arrived.wrapping_add(flight.bytes.max(1)));
    }

    fn round_trip(&mut self, now: Mono, milliseconds: u32) {
        self.round_rtt = self.round_rtt.max(milliseconds);
        self.probed_rtt = self.probed_rtt.min(milliseconds);
        self.least_rtt = self.least_rtt.min(milliseconds);
        if milliseconds <= self.rtt {
            (self.rtt, self.rtt_at) = (milliseconds, now);
        }
    }

    fn arrived(&mut self, now: Mono, frame: &Arrived<Stamp>) {
        self.arrived = self.arrived.wrapping_add(frame.length);
        self.recent_arrived = self.recent_arrived.saturating_add(frame.length);
        self.arrived_at = now;
        let later = |(newest, sent): (Stamp, Mono)| {
            let ahead = frame.stamp.arrived.wrapping_sub(newest.arrived);
            (ahead != 0 && ahead < 1 << 31) || (ahead == 0 && frame.sent >= sent)
        };
        if self.newest.is_none_or(later) {
            self.newest = Some((frame.stamp, frame.sent));
        }
    }

    fn lost(&mut self, _: Mono, frame: &Arrived<Stamp>) {
        self.round_lost = true;
        self.recent_lost = self.recent_lost.saturating_add(frame.length);
        self.lost_flight = frame.stamp.flight;
    }

    fn heartbeat(&mut self, now: Mono, _: InFlight, after: InFlight) {
        let Some((stamp, sent)) = self.newest.take() else { return };
        (self.timed_out, self.first_sent) = (false, sent);
        if self.limited_until.is_some_and(|until| reached(self.arrived, until)) {
            self.limited_until = None;
        }
        self.measure(now, &stamp, sent);
        if !self.reacted && self.congested() {
            self.react(now);
        }
        if reached(stamp.arrived, self.round_end) {
            self.end_round(now, stamp.limited);
        }
        self.next_phase(now, after);
        self.conclude();
    }

    /// Two frames in flight until one has arrived; the model of the path stays valid.
    fn timed_out(&mut self, _: Mono) {
        self.timed_out = true;
    }
}

/// The low 32 bits of a moment: enough for differences below 49 days.
#[expect(clippy::cast_possible_truncation, reason = "truncation is what it does")]
const fn low(moment: Mono) -> u32 {
    moment.0 as u32
}

/// Whether a count modulo 2^32 has reached a mark.
const fn reached(count: u32, mark: u32) -> bool {
    count.wrapping_sub(mark) < 1 << 31
}

fn clamp(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
