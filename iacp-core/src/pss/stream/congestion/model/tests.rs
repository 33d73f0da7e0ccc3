use super::*;

/// A path of this bandwidth (bytes a millisecond) and round trip, without a limit to its queue, in virtual time: each
/// frame is acknowledged when it has arrived. Loses one frame in `lossy`, if that is not 0.
struct Path {
    model: Model,
    bandwidth: u64,
    round_trip: u64,
    lossy: u64,
    free: u64,
    sent: u64,
    under_way: std::collections::VecDeque<(u64, bool, Mono, Stamp)>,
}

extern crate std;

const LENGTH: u32 = 1_200;

impl Path {
    fn new(bandwidth: u64, round_trip: u64, lossy: u64) -> Self {
        let mut model = Model::IDLE;
        model.restart();
        model.round_trip(Mono(0), u32::try_from(round_trip).unwrap());
        Self { model, bandwidth, round_trip, lossy, free: 0, sent: 0, under_way: std::collections::VecDeque::new() }
    }

    fn flight(&self) -> InFlight {
        let frames = u32::try_from(self.under_way.len()).unwrap();
        InFlight { frames, bytes: frames * LENGTH }
    }

    /// Runs from one moment to another; returns the bytes that arrived.
    fn run(&mut self, from: u64, to: u64) -> u64 {
        let mut bytes = 0;
        for millisecond in from..to {
            let now = Mono(millisecond);
            let before = self.flight();
            let mut any = false;
            while let Some((at, lost, sent, stamp)) = self.under_way.front().copied() {
                if at > millisecond * 1_000 {
                    break;
                }
                self.under_way.pop_front();
                let frame = Arrived { length: LENGTH, sent, repeated: false, stamp };
                if lost {
                    self.model.lost(now, &frame);
                } else {
                    any = true;
                    bytes += u64::from(LENGTH);
                    self.model.round_trip(now, u32::try_from(now.since(sent)).unwrap());
                    self.model.arrived(now, &frame);
                }
            }
            if any {
                self.model.heartbeat(now, before, self.flight());
            }
            while (self.flight().frames == 0 || self.model.may_send(self.flight())) && self.model.next() <= now {
                let stamp = self.model.sent(now, LENGTH, self.flight());
                self.free = self.free.max(millisecond * 1_000) + u64::from(LENGTH) * 1_000 / self.bandwidth;
                self.sent += 1;
                let lost = self.lossy != 0 && self.sent.is_multiple_of(self.lossy);
                self.under_way.push_back((self.free + self.round_trip * 1_000, lost, now, stamp));
            }
        }
        bytes
    }
}

#[test]
fn it_finds_the_bandwidth_and_keeps_the_path_full() {
    for (bandwidth, round_trip) in [(2_000, 50), (12_500, 50), (2_500, 600), (100_000, 1), (31, 80)] {
        let mut path = Path::new(bandwidth, round_trip, 0);
        path.run(0, 8_000);
        let share = path.run(8_000, 13_000) * 100 / (bandwidth * 5_000);
        assert!((90..=101).contains(&share), "{share} % of {bandwidth} bytes/ms at {round_trip} ms");
        assert_ne!(path.model.phase, Phase::Startup);
    }
}

#[test]
fn its_queue_stays_short() {
    let mut path = Path::new(2_000, 50, 0);
    path.run(0, 5_000);
    let mut waits = 0;
    for millisecond in 5_000..9_000 {
        path.run(millisecond, millisecond + 1);
        waits += (path.free / 1_000).saturating_sub(millisecond);
    }
    assert!(waits / 4_000 < 25, "a queue of {} ms in the mean, half a round trip", waits / 4_000);
}

#[test]
fn one_frame_lost_in_a_hundred_costs_little() {
    let mut path = Path::new(12_500, 50, 100);
    path.run(0, 2_000);
    let share = path.run(2_000, 6_000) * 100 / (12_500 * 4_000);
    assert!(share >= 85, "{share} %");
}

#[test]
fn loss_of_a_third_is_answered() {
    let mut path = Path::new(12_500, 50, 3);
    path.run(0, 4_000);
    assert!(path.model.ceiling < u32::MAX);
}

#[test]
fn after_a_repetition_by_time_two_are_in_flight_until_one_has_arrived() {
    let mut path = Path::new(2_000, 50, 0);
    path.run(0, 2_000);
    path.model.timed_out(Mono(2_000));
    assert!(path.model.may_send(InFlight { frames: 1, bytes: 1_200 }));
    assert!(!path.model.may_send(InFlight { frames: 2, bytes: 2_400 }));
    path.run(2_000, 2_200);
    assert!(path.model.may_send(InFlight { frames: 2, bytes: 2_400 }), "the model of the path still holds");
}

#[test]
fn a_burst_after_a_pause_is_a_few_milliseconds_of_the_rate() {
    let mut path = Path::new(12_500, 50, 0);
    path.run(0, 3_000);
    path.under_way.clear();
    let mut frames = 0;
    while path.model.next() <= Mono(60_000) && frames < 1_000 {
        path.model.sent(Mono(60_000), LENGTH, InFlight::default());
        frames += 1;
    }
    assert!((4..=60).contains(&frames), "{frames} frames at once");
}

#[test]
fn too_little_to_send_is_not_a_slow_path() {
    let mut path = Path::new(12_500, 50, 0);
    path.run(0, 2_000);
    let before = path.model.bandwidth();
    for millisecond in 2_000..2_500 {
        path.model.starved(InFlight::default());
        let stamp = path.model.sent(Mono(millisecond), LENGTH, InFlight::default());
        path.model.arrived(
            Mono(millisecond + 50),
            &Arrived { length: LENGTH, sent: Mono(millisecond), repeated: false, stamp },
        );
        path.model.heartbeat(Mono(millisecond + 50), InFlight::default(), InFlight::default());
    }
    assert!(path.model.bandwidth() >= before / 2, "{before}, then {}", path.model.bandwidth());
}

#[test]
fn the_ends_of_the_numbers_are_harmless() {
    let mut model = Model::IDLE;
    model.restart();
    for now in [0, 1, u64::from(u32::MAX), u64::MAX - 1, u64::MAX, 0] {
        let flight = InFlight { frames: u32::MAX, bytes: u32::MAX };
        let stamp = model.sent(Mono(now), u32::MAX, flight);
        model.starved(flight);
        let frame = Arrived { length: u32::MAX, sent: Mono(now), repeated: false, stamp };
        model.round_trip(Mono(now), u32::MAX);
        model.round_trip(Mono(now), 0);
        for _ in 0..3 {
            model.arrived(Mono(now), &frame);
            model.lost(Mono(now), &frame);
        }
        model.heartbeat(Mono(now), flight, InFlight::default());
        model.not_sent(u32::MAX);
        model.timed_out(Mono(now));
        let _ = (model.may_send(flight), model.next());
    }
}

#[test]
fn it_costs_what_its_documentation_says() {
    assert!(size_of::<Model>() <= 240, "{}", size_of::<Model>());
    assert_eq!(size_of::<Stamp>(), 20);
}

/// A path that is known: 1,000,000 bytes a second and 40 ms, frames of 1,200 bytes.
fn known(phase: Phase) -> Model {
    let mut model = Model::IDLE;
    model.restart();
    Model { phase, rates: [1_000_000, 0], rtt: 40, least_rtt: 40, frame: LENGTH, full: true, ..model }
}

fn bytes(bytes: u32) -> InFlight {
    InFlight { frames: bytes.div_ceil(LENGTH), bytes }
}

#[test]
fn before_the_first_round_trip_32_frames_are_in_flight_and_then_the_window() {
    let mut model = Model::IDLE;
    model.restart();
    assert!(model.may_send(InFlight { frames: 31, bytes: 1 << 30 }));
    assert!(!model.may_send(InFlight { frames: 32, bytes: 0 }));
    model.window = 5_000;
    assert!(model.may_send(InFlight { frames: 99, bytes: 4_999 }) && !model.may_send(bytes(5_000)));
    assert_eq!(model.next(), Mono(0));
    model.sent(Mono(9), LENGTH, bytes(0));
    model.rate = 1_000;
    assert!(model.next() <= Mono(9), "what was sent before there was a rate is no debt");
    model.sent(Mono(9), LENGTH, bytes(1_200));
    assert!(model.next() > Mono(9));
    model.not_sent(LENGTH);
    assert!(model.next() <= Mono(9));
}

#[test]
fn a_stamp_says_what_was_known_when_its_frame_left() {
    let mut model = Model { arrived: 7, arrived_at: Mono(3), first_sent: Mono(2), ..known(Phase::Cruise) };
    let fields = |stamp: Stamp| (stamp.arrived, stamp.arrived_at, stamp.first_sent, stamp.flight, stamp.limited);
    assert_eq!(fields(model.sent(Mono(50), 100, bytes(600))), (7, 3, 2, 700, false));
    assert_eq!(model.frame, LENGTH, "the longest frame");
    assert_eq!(fields(model.sent(Mono(51), 1_300, bytes(0))), (7, 51, 51, 1_300, false), "nothing was in flight");
    assert_eq!(model.frame, 1_300);
    model.timed_out(Mono(52));
    assert!(model.sent(Mono(52), 100, bytes(600)).limited);
    model.timed_out = false;
    model.starved(bytes(600));
    assert!(model.sent(Mono(52), 100, bytes(600)).limited);
    assert_eq!(model.limited_until, Some(607));
    model.starved(bytes(0));
    assert_eq!(model.limited_until, Some(8));
}

#[test]
fn the_product_of_bandwidth_and_round_trip_is_in_bytes() {
    let model = Model { rates: [3_000, 2_000], rtt: 50, ..known(Phase::Cruise) };
    assert_eq!((model.product(ONE), model.product(WINDOW_GAIN)), (150, 300));
    let model = Model { rates: [2_000, 3_000], rtt: 0, ..model };
    assert_eq!((model.bandwidth(), model.product(ONE)), (3_000, 3), "a round trip of 0 counts as 1 ms");
    for (rate, burst) in [(1_000_000, 4_800), (2_000_000, 8_000)] {
        assert_eq!(Model { rate, ..known(Phase::Cruise) }.burst(), burst, "4 ms, and at least four frames");
    }
}

#[test]
fn a_phase_begins_with_its_own_measurements() {
    for (phase, before, rates, probed_rtt) in [
        (Phase::Down, [5, 3], [0, 5], 77),
        (Phase::Down, [0, 3], [0, 3], 77),
        (Phase::Cruise, [5, 3], [5, 3], 77),
        (Phase::ProbeRtt, [5, 3], [5, 3], u32::MAX),
    ] {
        let mut model = Model { rates: before, probed_rtt: 77, phase_rounds: 9, ..known(Phase::Startup) };
        model.enter(Mono(12), phase);
        assert_eq!((model.phase, model.phase_since, model.phase_rounds), (phase, Mono(12), 0));
        assert_eq!((model.rates, model.probed_rtt), (rates, probed_rtt), "{phase:?}");
    }
}

/// 60,000 bytes arrived since the frame left: over the time of their arrival or of their sending, whichever is longer.
#[test]
fn the_delivery_rate_is_bytes_over_the_longer_of_two_times() {
    let stamp = Stamp { arrived: 40_000, arrived_at: 1_000, first_sent: 900, flight: 0, limited: false };
    let limited = Stamp { limited: true, ..stamp };
    for (now, sent, rtt, stamp, before, after) in [
        (1_060, 990, u32::MAX, stamp, [0, 0], [666_666, 0]),
        (1_060, 940, u32::MAX, stamp, [0, 0], [1_000_000, 0]),
        (1_000, 900, u32::MAX, stamp, [0, 0], [60_000_000, 0]),
        (1_060, 940, 61, stamp, [0, 0], [1_000_000, 0]),
        (1_060, 940, 62, stamp, [0, 0], [0, 0]),
        (1_060, 940, 40, stamp, [2_000_000, 0], [2_000_000, 0]),
        (1_060, 940, 40, stamp, [0, 2_000_000], [1_000_000, 2_000_000]),
        (1_060, 940, 40, limited, [0, 1_000_000], [0, 1_000_000]),
        (1_060, 940, 40, limited, [0, 999_999], [1_000_000, 999_999]),
    ] {
        let mut model = Model { arrived: 100_000, rtt, rates: before, ..known(Phase::Cruise) };
        model.measure(Mono(now), &stamp, Mono(sent));
        assert_eq!(model.rates, after, "at {now}, sent at {sent}, {rtt} ms");
    }
}

/// The queue is what a round trip takes beyond the shortest and one group of 16 frames; a policer has none.
#[test]
fn loss_counts_with_a_queue_or_above_a_fifth() {
    // At 1,200 bytes a millisecond a group takes 16 ms.
    for (least_rtt, round_rtt, round_lost, congested) in [
        (40, 40 + 16 + 10, true, false),
        (40, 40 + 16 + 11, true, true),
        (40, 40 + 16 + 11, false, false),
        (8, 8 + 16 + 3, true, false),
        (8, 8 + 16 + 4, true, true),
    ] {
        let rates = [1_200_000, 0];
        let model = Model { rates, least_rtt, round_rtt, round_lost, ..known(Phase::Cruise) };
        assert_eq!(model.congested(), congested, "{round_rtt} ms, the shortest {least_rtt} ms");
    }
    for (recent_lost, recent_arrived, congested) in
        [(20_000, 80_000, false), (20_000, 79_999, true), (19_200, 0, false), (19_201, 0, true)]
    {
        let model = Model { recent_lost, recent_arrived, ..known(Phase::Cruise) };
        assert_eq!(model.congested(), congested, "{recent_lost} lost, {recent_arrived} arrived");
    }
}

#[test]
fn the_ceiling_falls_to_three_quarters_of_the_flight_but_not_below_that_of_the_product() {
    for (phase, lost_flight, before, ceiling, next) in [
        (Phase::Cruise, 100_000, u32::MAX, 75_000, Phase::Cruise),
        (Phase::Cruise, 100_000, 50_000, 50_000, Phase::Cruise),
        (Phase::Cruise, 10_000, u32::MAX, 30_000, Phase::Cruise),
        (Phase::Up, 100_000, u32::MAX, 75_000, Phase::Down),
        (Phase::Startup, 10_000, u32::MAX, 40_000, Phase::Drain),
    ] {
        let mut model = Model { lost_flight, ceiling: before, full: false, ..known(phase) };
        model.react(Mono(5));
        assert_eq!((model.ceiling, model.phase, model.reacted), (ceiling, next, true));
        assert_eq!(model.full, phase == Phase::Startup);
    }
    let mut unknown = Model { rates: [0; 2], ..known(Phase::Startup) };
    unknown.react(Mono(5));
    assert_eq!(unknown.phase, Phase::Startup, "without a delivery rate the startup cannot end");
}

#[test]
fn after_each_round_the_ceiling_grows_by_time_and_losses_are_forgotten() {
    let before = Model {
        arrived: 70_000,
        ceiling: 70_000,
        round_since: Mono(1_000),
        recent_lost: 800,
        recent_arrived: 1_600,
        round_lost: true,
        round_rtt: 9,
        phase_rounds: 2,
        ..known(Phase::Cruise)
    };
    for (now, reacted, ceiling) in [(1_100, false, 71_000), (1_100, true, 70_000), (99_000, false, 140_000)] {
        let mut model = Model { reacted, ..before };
        model.end_round(Mono(now), false);
        assert_eq!(model.ceiling, ceiling);
        assert_eq!((model.round_end, model.round_since, model.phase_rounds), (70_000, Mono(now), 3));
        assert_eq!((model.recent_lost, model.recent_arrived), (700, 1_400));
        assert_eq!((model.round_lost, model.round_rtt, model.reacted), (false, 0, false));
        assert_eq!((model.phase, model.plateau_rounds), (Phase::Cruise, 0));
    }
}

#[test]
fn three_rounds_without_a_quarter_more_end_the_startup() {
    let mut model = Model { plateau: 800_000, full: false, plateau_rounds: 2, ..known(Phase::Startup) };
    model.end_round(Mono(1), false);
    assert_eq!((model.plateau, model.plateau_rounds, model.phase), (1_000_000, 0, Phase::Startup));
    model.rates = [1_249_999, 0];
    model.end_round(Mono(2), true);
    assert_eq!(model.plateau_rounds, 0, "a round with too little to send says nothing");
    for (round, phase) in [(1, Phase::Startup), (2, Phase::Startup), (3, Phase::Drain)] {
        model.end_round(Mono(2 + round), false);
        assert_eq!((u64::from(model.plateau_rounds), model.phase), (round, phase));
    }
    assert!(model.full);
}

/// The product of bandwidth and round trip is 40,000 bytes, and a quarter more is 50,000.
#[test]
fn each_phase_ends_at_its_own_mark() {
    use Phase::{Cruise, Down, Drain, ProbeRtt, Startup, Up};
    for (phase, flight, rounds, next) in [
        (Drain, 40_000, 0, Down),
        (Drain, 40_001, 9, Drain),
        (Down, 40_000, 0, Cruise),
        (Down, 40_001, 0, Down),
        (Down, 40_001, 1, Cruise),
        (Cruise, 0, 7, Cruise),
        (Cruise, 0, 8, Up),
        (Up, 0, 4, Down),
        (Up, 0, 3, Up),
        (Up, 50_000, 1, Down),
        (Up, 49_999, 1, Up),
        (Up, 50_000, 0, Up),
        (Startup, 0, 9, Startup),
    ] {
        let mut model = Model { phase_rounds: rounds, ..known(phase) };
        model.next_phase(Mono(100), bytes(flight));
        assert_eq!(model.phase, next, "{phase:?} with {flight} bytes after {rounds} rounds");
    }
    // The shortest round trip counts for ten seconds, and is then measured for 200 ms and one round trip.
    for (since, rtt, next) in [(10_000, 40, Cruise), (10_001, 40, ProbeRtt), (10_001, u32::MAX, Cruise)] {
        let mut model = Model { rtt, ..known(Cruise) };
        model.next_phase(Mono(since), bytes(0));
        assert_eq!(model.phase, next, "after {since} ms");
    }
    for (elapsed, probed_rtt, full, next) in
        [(239, 44, true, ProbeRtt), (240, 44, true, Down), (240, 44, false, Startup), (240, u32::MAX, true, ProbeRtt)]
    {
        let mut model = Model { probed_rtt, full, phase_since: Mono(1_000), ..known(ProbeRtt) };
        model.next_phase(Mono(1_000 + elapsed), bytes(0));
        assert_eq!(model.phase, next, "{elapsed} ms");
        let measured = if next == ProbeRtt { (40, Mono(0)) } else { (44, Mono(1_240)) };
        assert_eq!((model.rtt, model.rtt_at), measured);
    }
}

/// Of the product of 40,000 bytes; beside it a group of 16 frames, 19,200 bytes, or a longer burst.
#[test]
fn rate_and_window_follow_from_the_phase() {
    for (phase, rate, window) in [
        (Phase::Startup, 2_773_437, 110_937 + 19_200),
        (Phase::Drain, 351_562, 110_937 + 19_200),
        (Phase::Down, 750_000, 80_000 + 19_200),
        (Phase::Cruise, 992_187, 80_000 + 19_200),
        (Phase::Up, 1_250_000, 80_000 + 19_200),
        (Phase::ProbeRtt, 1_000_000, 20_000),
    ] {
        let mut model = known(phase);
        model.conclude();
        assert_eq!((model.rate, model.window), (rate, window), "{phase:?}");
        let mut model = Model { ceiling: 15_000, rate: 10_000_000, ..known(phase) };
        model.conclude();
        assert_eq!((model.rate, model.window), (rate, 15_000), "{phase:?} below a ceiling");
    }
    let mut fast = Model { rate: 10_000_000, ..known(Phase::Down) };
    fast.conclude();
    assert_eq!(fast.window, 80_000 + 40_000, "a burst of 4 ms");
    let mut slow = Model { rates: [1, 0], ceiling: 1_000, ..known(Phase::ProbeRtt) };
    slow.conclude();
    assert_eq!((slow.rate, slow.window), (150, 4 * LENGTH), "a frame in eight seconds, and four in flight");
    let mut unknown = Model { rtt: u32::MAX, ..known(Phase::Cruise) };
    unknown.conclude();
    assert_eq!((unknown.rate, unknown.window), (0, 0));
}

/// 32 frames are 38,400 bytes: 960,000 bytes a second at 40 ms.
#[test]
fn before_the_startup_is_over_rate_and_window_do_not_fall() {
    for (rtt, rate, window, after) in [
        (40, 0, 0, (2_662_500, 38_400)),
        (40, 3_000_000, 50_000, (3_000_000, 50_000)),
        (0, 0, 0, (106_500_000, 38_400)),
    ] {
        let mut model = Model { rates: [0; 2], full: false, rtt, rate, window, ..known(Phase::Startup) };
        model.conclude();
        assert_eq!((model.rate, model.window), after, "{rtt} ms");
    }
}

#[test]
fn the_shortest_round_trips_are_kept() {
    let mut model = Model { probed_rtt: 60, round_rtt: 45, ..known(Phase::Cruise) };
    for (at, milliseconds, kept) in [
        (5, 41, (40, Mono(0), 40, 41, 45)),
        (6, 40, (40, Mono(6), 40, 40, 45)),
        (7, 39, (39, Mono(7), 39, 39, 45)),
        (8, 46, (39, Mono(7), 39, 39, 46)),
    ] {
        model.round_trip(Mono(at), milliseconds);
        assert_eq!((model.rtt, model.rtt_at, model.least_rtt, model.probed_rtt, model.round_rtt), kept);
    }
}

#[test]
fn the_frame_that_left_last_measures_the_rate() {
    let stamp = |arrived| Stamp { arrived, ..Model::NO_STAMP };
    let frame = |arrived, sent| Arrived { length: 100, sent: Mono(sent), repeated: false, stamp: stamp(arrived) };
    let mut model = known(Phase::Cruise);
    for (arrived, sent, newest) in
        [(5, 10, (5, 10)), (4, 99, (5, 10)), (5, 9, (5, 10)), (5, 10, (5, 10)), (5, 11, (5, 11)), (6, 1, (6, 1))]
    {
        model.arrived(Mono(50), &frame(arrived, sent));
        assert_eq!(model.newest.map(|(stamp, sent)| (stamp.arrived, sent.0)), Some(newest));
    }
    model.arrived(Mono(51), &frame(6 + (1 << 31), 2));
    assert_eq!(model.newest.map(|(stamp, _)| stamp.arrived), Some(6), "half of all numbers away is behind");
    assert_eq!((model.arrived, model.recent_arrived, model.arrived_at), (700, 700, Mono(51)));
    model.lost(Mono(52), &Arrived { stamp: Stamp { flight: 77, ..stamp(0) }, ..frame(0, 0) });
    assert_eq!((model.round_lost, model.recent_lost, model.lost_flight), (true, 100, 77));
}

#[test]
fn a_heartbeat_ends_rounds_and_limits() {
    let arrive = |model: &mut Model, arrived| {
        let stamp = Stamp { arrived, ..Model::NO_STAMP };
        model.arrived(Mono(50), &Arrived { length: 100, sent: Mono(10), repeated: false, stamp });
        model.heartbeat(Mono(50), bytes(200), bytes(100));
    };
    let (arrived, round_end, limited_until) = (10_000, 9_000, Some(10_200));
    let waiting = Model { arrived, round_end, limited_until, timed_out: true, ..known(Phase::Cruise) };
    let mut model = Model { ..waiting };
    model.heartbeat(Mono(50), bytes(200), bytes(100));
    assert!(model.timed_out && model.window == 0, "nothing has arrived");
    arrive(&mut model, 8_999);
    assert_eq!((model.timed_out, model.limited_until, model.first_sent), (false, limited_until, Mono(10)));
    assert_eq!((model.phase_rounds, model.window), (0, 99_200));
    arrive(&mut model, 9_000);
    assert_eq!((model.limited_until, model.phase_rounds, model.round_end), (None, 1, 10_200));
    // Loss with a queue is answered once a round.
    let mut model = Model { round_lost: true, round_rtt: 400, lost_flight: 80_000, ..waiting };
    arrive(&mut model, 0);
    assert_eq!((model.ceiling, model.reacted), (60_000, true));
    model.lost_flight = 40_000;
    arrive(&mut model, 0);
    assert_eq!(model.ceiling, 60_000);
    assert!(
        [(5, 5, true), (4, 5, false), ((1 << 31) - 1, 0, true), (1 << 31, 0, false)]
            .into_iter()
            .all(|(count, mark, expected)| reached(count, mark) == expected)
    );
}
