//! Random drivers, four hundred by default: hosts that sleep, clocks that jump, storms, lost transports, moves, renewed keys,
//! full queues, applications that hold and forget. Whatever they do, nothing is delivered twice, nothing that was
//! accepted is lost, nothing that is due stays due, and the events alone describe the state of the session.
//!
//! `SESSIONS_STORMS=20000 cargo test -p sessions --test storm` runs as many as that; `SESSIONS_SEED=…` runs one.

use std::collections::HashMap;
use std::net::SocketAddr;

use iacp_core::pss::{Capabilities, Closure, TeardownReason};
use sessions::{ChaCha8Rng, Cheap, HostOf, Mono, Plan, Rng, SeedableRng, Side, Weather, WorldOf};

type World = WorldOf<Cheap>;
type Host = HostOf<Cheap>;

const SIDES: [Side; 2] = [Side::Alice, Side::Bob];

struct Storm {
    seed: u64,
    rng: ChaCha8Rng,
    world: World,
    places: u16,
    moves: bool,
}

/// How a run ended, to show that all kinds of ends were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Outcome {
    Graceful,
    OneSide,
    Other,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let chunks = |rng: &mut ChaCha8Rng, mark: u8| -> Vec<Vec<u8>> {
            let count = rng.next_u32() % 40;
            (0..count).map(|n| [vec![mark; (n % 50) as usize], n.to_be_bytes().to_vec()].concat()).collect()
        };
        let mut plan = Plan {
            seed,
            weather: Weather::FAIR,
            offer: Capabilities::from_bits(rng.next_u32() % 4),
            from_alice: chunks(&mut rng, 0xA),
            from_bob: chunks(&mut rng, 0xB),
            closers: Vec::new(),
            ..Plan::default()
        };
        plan.settings.terms.receive_window = 1 + rng.next_u32() % 30;
        let mut world = World::new(&plan);
        for side in SIDES {
            let holds = rng.next_u32() % 3 == 0;
            world.host(side).holds = holds;
        }
        // The session of the initiator was begun without it.
        let (now, peer, to) = (world.now, world.bob.identity.eid(), world.bob.at);
        world.alice.initiate(now, peer, to, plan.offer);
        let moves = rng.next_u32() % 2 == 0;
        Self { seed, rng, world, places: 0, moves }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound
    }

    fn side(&mut self) -> Side {
        SIDES[usize::from(self.below(2) == 1)]
    }

    /// A new address for a host.
    fn place(&mut self) -> SocketAddr {
        self.places += 1;
        ([203, 0, 113, 1], self.places).into()
    }

    fn weather(&mut self) -> Weather {
        match self.below(5) {
            0 => Weather { loss: 1_000, ..Weather::FAIR },
            1 => Weather::FAIR,
            2 => Weather { corruption: 0, ..Weather::STORM },
            3 => Weather::STORM,
            _ => Weather {
                loss: u32::try_from(self.below(500)).expect("small"),
                delay: self.below(1_500),
                jitter: self.below(800),
                ..Weather::FAIR
            },
        }
    }

    fn act(&mut self) {
        let (side, now) = (self.side(), self.world.now);
        let peer_at = if side == Side::Alice { self.world.bob.at } else { self.world.alice.at };
        match self.below(24) {
            0..=6 => {
                let bound = [30, 300, 3_000, 60_000][usize::try_from(self.below(4)).expect("small")];
                let until = now.after(self.below(bound));
                self.world.run_until(until);
            }
            7..=9 => self.world.network.weather = self.weather(),
            10 => {
                let bound = [2_000, 100_000, 600_000][usize::try_from(self.below(3)).expect("small")];
                let pause = self.below(bound);
                self.world.sleep(side, pause);
            }
            11 => {
                self.world.host(side).ahead += [10, 5_000, 50_000, 400_000][usize::try_from(now.0 % 4).expect("small")]
            }
            12 | 13 => {
                let host = self.world.host(side);
                let clock = host.clock(now);
                if let Some(session) = host.session.as_mut() {
                    session.transport_lost(clock);
                }
                host.hear(now);
            }
            14 | 15 => {
                let host = self.world.host(side);
                let clock = host.clock(now);
                if let Some(session) = host.session.as_mut() {
                    let _ = session.reconnect(clock, peer_at);
                }
                host.hear(now);
            }
            16 if self.moves => {
                let place = self.place();
                self.world.host(side).at = place;
                if self.below(2) == 0 {
                    let other = self.world.host(side.other());
                    let clock = other.clock(now);
                    if let Some(session) = other.session.as_mut() {
                        session.claim(clock, place);
                    }
                }
            }
            17 => {
                if let Some(session) = self.world.host(side).session.as_mut() {
                    let _ = session.renew_key();
                }
            }
            18 => {
                self.world.host(side).rewind(now);
            }
            19 => {
                let consumes = self.below(2) == 0;
                self.world.host(side).consumes = consumes;
            }
            20 => {
                let refusals = u32::try_from(self.below(3)).expect("small");
                self.world.host(side).refusals = refusals;
            }
            21 => {
                let count = self.below(8);
                let host = self.world.host(side);
                if !host.closes {
                    let from = host.to_send.len() as u64;
                    host.to_send.extend((from..from + count).map(|n| n.to_le_bytes().to_vec()));
                }
            }
            22 if self.below(8) == 0 => self.world.host(side).closes = true,
            23 if self.below(20) == 0 => {
                let host = self.world.host(side);
                let clock = host.clock(now);
                if let Some(session) = host.session.as_mut() {
                    session.abort(clock, &host.identity, TeardownReason::ShuttingDown).expect("its own");
                }
                host.hear(now);
            }
            _ => self.world.network.cut(),
        }
        self.judge();
    }

    fn same_session(&self) -> bool {
        let cookies = |host: &Host| host.session.as_ref().map(|session| session.cookies());
        cookies(&self.world.alice).is_some() && cookies(&self.world.alice) == cookies(&self.world.bob)
    }

    /// What must hold at any time.
    fn judge(&self) {
        let world = &self.world;
        for (sender, receiver) in [(&world.alice, &world.bob), (&world.bob, &world.alice)] {
            assert_eq!(receiver.delivered_twice, 0, "seed {}: delivered twice", self.seed);
            let crime = matches!(receiver.closure, Some(Closure::Compromised(_) | Closure::Contradiction));
            assert!(!crime, "seed {}: {:?}", self.seed, receiver.closure);
            if !self.same_session() {
                continue;
            }
            let Some(base) = sender.base else { continue };
            for (sequence, (_, content)) in &receiver.received {
                let place = usize::try_from(sequence - base).expect("few");
                assert!(sender.to_send.get(place) == Some(content), "seed {}: what was not sent", self.seed);
            }
            // What is acknowledged is there, and so nothing that was accepted is lost.
            let (first, next) = sender.session.as_ref().expect("a session").unacknowledged();
            let data = u64::try_from(sender.sent).expect("few");
            let acknowledged = (first - base).min(data);
            let there = receiver.received.range(..base + acknowledged).count() as u64;
            assert_eq!(there, acknowledged, "seed {}: acknowledged and not there", self.seed);
            assert!(next - base == data || next - base == data + 1, "seed {}: data, and perhaps FIN", self.seed);
        }
    }

    fn no_nonce_twice(&self) {
        let mut sealed = HashMap::new();
        for (_, packet) in &self.world.trace {
            if packet.bytes[1] >> 4 == 0xB {
                let key = (packet.from, &packet.bytes[4..20], &packet.bytes[28..40]);
                assert_eq!(*sealed.entry(key).or_insert(&packet.bytes), &packet.bytes, "seed {}", self.seed);
            }
        }
    }

    /// The weather becomes fair, and both sides close the session.
    fn end(&mut self) -> Outcome {
        let alive = |host: &Host| host.session.as_ref().is_some_and(|session| session.is_ready());
        self.world.network.weather = Weather::FAIR;
        let until = self.world.now.after(700_000);
        // All are awake by then, and each side that has the other's address has reached it.
        self.world.run_until(until);
        let now = self.world.now;
        for side in SIDES {
            let peer_at = if side == Side::Alice { self.world.bob.at } else { self.world.alice.at };
            let host = self.world.host(side);
            (host.consumes, host.refusals) = (true, 0);
            let clock = host.clock(now);
            if let Some(session) = host.session.as_mut() {
                session.claim(clock, peer_at);
                let _ = session.reconnect(clock, peer_at);
            }
            host.hear(now);
        }
        let until = now.after(20_000);
        self.world.run_until(until);
        let both = alive(&self.world.alice) && alive(&self.world.bob) && self.same_session();
        for side in SIDES {
            self.world.host(side).closes = true;
        }
        let until = self.world.now.after(8_000_000);
        assert!(self.world.run_until(until), "seed {}: it does not come to rest", self.seed);
        self.judge();
        self.no_nonce_twice();
        let world = &self.world;
        for host in [&world.alice, &world.bob] {
            let Some(session) = &host.session else { continue };
            assert!(session.is_over(), "seed {}: {:?}", self.seed, session.next_deadline());
            assert!(host.mirror.released && host.mirror.closure == session.closure());
        }
        let ends = [&world.alice, &world.bob].map(|host| host.closure == Some(Closure::Graceful));
        if both {
            assert_eq!(ends, [true; 2], "seed {}: {:?}", self.seed, (world.alice.closure, world.bob.closure));
        }
        for (sender, receiver) in [(&world.alice, &world.bob), (&world.bob, &world.alice)] {
            if receiver.closure == Some(Closure::Graceful) {
                assert!(
                    receiver.stream() == sender.to_send[..sender.sent].concat(),
                    "seed {}: a part is missing",
                    self.seed
                );
            }
        }
        match ends {
            [true, true] => Outcome::Graceful,
            [false, false] => Outcome::Other,
            _ => Outcome::OneSide,
        }
    }
}

fn run(seed: u64) -> (Outcome, World) {
    let mut storm = Storm::new(seed);
    if storm.below(8) > 0 {
        storm.world.connect();
    }
    for _ in 0..storm.below(60) {
        storm.act();
    }
    (storm.end(), storm.world)
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_the_drivers_do_the_session_keeps_its_word() {
    if let Some(seed) = from_environment("SESSIONS_SEED") {
        println!("{:?}", run(seed).0);
        return;
    }
    let storms = from_environment("SESSIONS_STORMS").unwrap_or(400);
    let mut outcomes = HashMap::<_, u64>::new();
    for seed in 0..storms {
        let outcome = std::panic::catch_unwind(|| run(seed).0);
        let outcome = outcome.unwrap_or_else(|_| panic!("SESSIONS_SEED={seed} cargo test -p sessions --test storm"));
        *outcomes.entry(outcome).or_default() += 1;
    }
    println!("{outcomes:?}");
    let graceful = outcomes.get(&Outcome::Graceful).copied().unwrap_or(0);
    assert!(graceful > storms / 4, "it would prove little: {outcomes:?}");
}

#[test]
fn the_same_seed_is_the_same_storm() {
    for seed in 7_000..7_020 {
        let [(outcome, one), (again, other)] = [run(seed), run(seed)];
        assert_eq!(outcome, again);
        assert!(one.trace == other.trace && one.now == other.now, "seed {seed}");
        assert!(one.alice.events == other.alice.events && one.bob.events == other.bob.events, "seed {seed}");
    }
    assert_eq!(Mono(0), Mono::default());
}
