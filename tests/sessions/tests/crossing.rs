//! Both open at once: whatever order the packets come in, and whichever of them are lost, exactly one session results
//! (fault 14: there were two of them, or none).

use iacp_core::pss::{Capabilities, Closure, Role, Settings, Terms};
use sessions::crossing::Opener;
use sessions::{ChaCha8Rng, Cheap, Mono, Portable, Provider, Rng, SeedableRng, Side};

const SETTINGS: Settings =
    Settings { capabilities: Capabilities::NONE, terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 } };

/// Two that have both sent PSS_INIT.
struct Crossing<P: Provider> {
    now: Mono,
    hosts: [Opener<P>; 2],
    /// Packets under way, and the time at which each arrives unless a test delivers it earlier.
    flying: Vec<(Mono, Side, Vec<u8>)>,
    /// Lost, in a thousand, and the longest delay.
    weather: (u32, u64),
    rng: ChaCha8Rng,
}

impl<P: Provider> Crossing<P> {
    fn new(seed: u64) -> Self {
        let now = Mono(1_000);
        let mut hosts = [Side::Alice, Side::Bob].map(|side| Opener::new(side, seed, now, SETTINGS));
        let eids = hosts.each_ref().map(|host| host.identity.eid());
        hosts[0].open(now, eids[1], Capabilities::NONE);
        hosts[1].open(now, eids[0], Capabilities::NONE);
        let mut crossing =
            Self { now, hosts, flying: Vec::new(), weather: (0, 20), rng: ChaCha8Rng::seed_from_u64(seed) };
        crossing.settle();
        crossing
    }

    fn settle(&mut self) {
        for side in [0, 1] {
            for (to, bytes) in self.hosts[side].transmit(self.now) {
                self.send(to, bytes);
            }
        }
    }

    fn send(&mut self, to: Side, bytes: Vec<u8>) {
        let (loss, delay) = self.weather;
        if self.rng.next_u32() % 1_000 >= loss {
            let delay = if delay == 20 { 20 } else { self.rng.next_u64() % delay };
            self.flying.push((self.now.after(delay), to, bytes));
        }
    }

    fn deliver(&mut self, place: usize) {
        let (_, to, bytes) = self.flying.remove(place);
        if let Some((to, bytes)) = self.hosts[to.index()].handle(self.now, bytes) {
            self.send(to, bytes);
        }
        self.settle();
    }

    /// Nothing is lost from here on.
    fn run(&mut self, milliseconds: u64) {
        let until = self.now.after(milliseconds);
        loop {
            let arrival = self.flying.iter().map(|(at, ..)| *at).min();
            let deadlines = self.hosts.each_ref().map(Opener::next_deadline);
            let next = deadlines.into_iter().chain([arrival]).flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            while let Some(place) = self.flying.iter().position(|(at, ..)| *at <= self.now) {
                self.deliver(place);
            }
            for host in &mut self.hosts {
                host.handle_deadline(self.now);
            }
            self.settle();
        }
        self.now = until;
    }

    /// One session, the same on both sides, with one initiator; and no attempt that is still under way.
    fn assert_one(&self, what: &str) {
        let [alice, bob] = self.hosts.each_ref().map(Opener::live);
        assert_eq!((alice.len(), bob.len()), (1, 1), "{what}: {alice:?} {bob:?}");
        assert_eq!(alice[0].1, bob[0].1, "{what}");
        assert_ne!(alice[0].0 == Role::Initiator, bob[0].0 == Role::Initiator, "{what}");
        for (host, live) in self.hosts.iter().zip([&alice, &bob]) {
            if live[0].0 == Role::Responder {
                assert_eq!(host.ended, Some(Closure::Superseded), "{what}: the outcome of its attempt");
            }
        }
    }
}

/// Plays the packets in the order of these choices while time stands still. Returns how many there were to choose from
/// at each step.
fn play<P: Provider>(crossing: &mut Crossing<P>, choices: &[usize], losing: bool) -> Vec<usize> {
    let mut options = Vec::new();
    for choice in choices {
        let packets = crossing.flying.len();
        let count = if losing { 2 * packets } else { packets };
        options.push(count);
        if count == 0 {
            break;
        }
        if *choice < packets {
            crossing.deliver(*choice);
        } else {
            crossing.flying.remove(choice - packets);
        }
    }
    options
}

/// The next sequence of choices, if there is one: the last choice that can be raised is raised, and those behind it
/// start from zero.
fn next(choices: &mut [usize], options: &[usize]) -> bool {
    for place in (0..choices.len()).rev() {
        let more = options.get(place).is_some_and(|count| choices[place] + 1 < *count);
        if more {
            choices[place] += 1;
            return true;
        }
        choices[place] = 0;
    }
    false
}

fn every(depth: usize, losing: bool, seed: u64) -> u32 {
    let mut choices = vec![0; depth];
    let mut runs = 0;
    loop {
        let mut crossing = Crossing::<Cheap>::new(seed);
        let options = play(&mut crossing, &choices, losing);
        // Resting attempts go on after 45 s; then there may be another crossing.
        crossing.run(300_000);
        crossing.assert_one(&format!("seed {seed}, choices {choices:?}"));
        runs += 1;
        if !next(&mut choices, &options) {
            return runs;
        }
    }
}

#[test]
fn every_order_of_the_packets_makes_one_session() {
    for seed in [1, 2] {
        let runs = every(10, false, seed);
        assert!(runs >= 70, "{runs} orders of two chains of four packets");
    }
}

#[test]
fn every_loss_among_the_first_packets_leaves_one_session() {
    for seed in [1, 2] {
        let runs = every(8, true, seed);
        assert!(runs > 400, "{runs} orders");
    }
}

#[test]
fn packets_that_are_late_by_seconds_leave_one_session_in_the_end() {
    // Attempts start again, and the packets of earlier ones still come.
    for seed in 0..600 {
        let mut crossing = Crossing::<Cheap>::new(seed);
        let loss = crossing.rng.next_u32() % 700;
        let delay = 21 + crossing.rng.next_u64() % 9_000;
        crossing.weather = (loss, delay);
        crossing.run(18_000);
        crossing.weather = (0, 20);
        crossing.run(600_000);
        let ended = crossing.hosts.iter().all(|host| host.ended == Some(Closure::NoAnswer));
        if !ended {
            crossing.assert_one(&format!("seed {seed}"));
        }
    }
}

#[test]
fn without_losses_the_attempt_of_the_lower_eid_stands() {
    // In step: both are answered, then both acknowledge.
    for seed in 0..20 {
        let mut crossing = Crossing::<Portable>::new(seed);
        let lower = usize::from(crossing.hosts[1].identity.eid() < crossing.hosts[0].identity.eid());
        crossing.run(1_000);
        crossing.assert_one("in step");
        assert_eq!(crossing.hosts[lower].live()[0].0, Role::Initiator);
    }
}

#[test]
fn where_the_lower_attempt_does_not_get_through_the_other_does() {
    for seed in 0..20 {
        let mut crossing = Crossing::<Cheap>::new(seed);
        let lower = usize::from(crossing.hosts[1].identity.eid() < crossing.hosts[0].identity.eid());
        // Whatever the lower one's PSS_INITs bring is lost.
        let from_lower = if lower == 0 { Side::Bob } else { Side::Alice };
        for _ in 0..4_000 {
            crossing.flying.retain(|(_, to, bytes)| !(*to == from_lower && bytes[1] >> 4 == 8));
            crossing.run(1);
        }
        crossing.assert_one("one way");
        assert_eq!(crossing.hosts[lower].live()[0].0, Role::Responder);
    }
}

#[test]
fn an_attempt_that_rests_says_nothing_and_goes_on_after_45_s() {
    let mut crossing = Crossing::<Cheap>::new(3);
    crossing.hosts[0].attempt.rest(Mono(1_000)).expect("an attempt");
    assert!(crossing.hosts[0].attempt.rest(Mono(1_000)).is_err(), "once");
    crossing.flying.clear();
    let mut out = [0; 1_200];
    crossing.hosts[0].handle_deadline(Mono(45_999));
    assert!(crossing.hosts[0].attempt.poll_transmit(Mono(45_999), &mut out).expect("room").is_none());
    crossing.hosts[0].handle_deadline(Mono(46_000));
    let init = crossing.hosts[0].attempt.poll_transmit(Mono(46_000), &mut out).expect("room").expect("PSS_INIT");
    assert_eq!(init.bytes[1] >> 4, 8);
}
