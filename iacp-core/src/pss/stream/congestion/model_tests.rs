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
