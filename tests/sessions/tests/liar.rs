//! A peer that holds the keys and lies: in acknowledgements, in what it shows, in echoes, about its place, with extreme
//! numbers and clocks. Congestion control gets the same lies without a session around it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use iacp_core::pss::{Arrived, Closure, Congestion, ContentKind, Flight, InFlight, Model, NO_PROGRESS, TeardownReason};
use sessions::{Beat, ChaCha8Rng, Heard, Mono, Pair, Rng, SeedableRng, Side, TOP, addr};

struct Liar {
    pair: Pair,
    rng: ChaCha8Rng,
    /// What came from each place that is not home, and what went there.
    bytes: BTreeMap<SocketAddr, (usize, usize)>,
    claimed: BTreeMap<SocketAddr, u32>,
}

impl Liar {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let window = 1 + rng.next_u32() % 40;
        let pair = if rng.next_u32() % 3 == 0 { Pair::holding(window) } else { Pair::with(0, window) };
        Self { pair: pair.confirmed(), rng, bytes: BTreeMap::new(), claimed: BTreeMap::new() }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound
    }

    fn number(&mut self, about: u64) -> u64 {
        match self.below(12) {
            0 => 0,
            1 => u64::MAX,
            2 => TOP,
            3 => TOP - 1,
            4 => self.rng.next_u64(),
            5 => about.wrapping_sub(1),
            6 => about.wrapping_add(1),
            _ => about,
        }
    }

    fn lie(&mut self) -> Vec<u8> {
        let truth = self.pair.beat();
        let mut beat = truth.clone();
        let lies = self.below(100);
        // What ends the session is rare, so that the rest is seen as well.
        let grave = self.below(40) == 0;
        if lies < 30 {
            beat.next_send = self.number(truth.next_send);
        }
        if grave && lies % 10 == 1 {
            beat.expected = self.number(truth.expected);
        }
        if lies % 10 < 6 {
            beat.expected |= if self.below(2) == 0 { TOP } else { 0 };
            beat.next_send |= if self.below(2) == 0 { TOP } else { 0 };
            // Mostly within what was sealed: it shows, and withdraws, what it likes.
            let (first, next) = self.pair.session().unacknowledged();
            let outstanding = (next - first).saturating_sub(1);
            let bits = if grave { self.below(5_000) } else { outstanding.min(self.below(20)) };
            let mut bitmap = vec![0_u8; usize::try_from(bits.div_ceil(8)).expect("small")];
            self.rng.fill_bytes(&mut bitmap);
            if let Some(last) = bitmap.last_mut() {
                *last &= 0xFF << ((8 - bits % 8) % 8);
            }
            while bitmap.last() == Some(&0) && !(grave && self.below(2) == 0) {
                bitmap.pop();
            }
            beat.bitmap = bitmap;
        }
        if grave && lies % 10 > 6 {
            beat.echo = self.number(truth.echo);
        }
        if self.below(400) == 0 {
            self.pair.heartbeats = (1 << 63) - 1 - self.below(3);
        }
        if self.pair.heartbeats >= 1 << 63 {
            return Vec::new();
        }
        self.pair.seal(&beat)
    }

    fn frame(&mut self) -> Vec<u8> {
        let kind = u8::try_from(self.below(7)).expect("small");
        match self.below(12) {
            0..=7 => {
                let length = usize::try_from(self.below(60)).expect("small");
                let kind = if kind > 4 {
                    0
                } else if kind == 3 {
                    1
                } else {
                    kind
                };
                self.pair.frame(kind, &vec![kind; length], 0)
            }
            8 => {
                // A gap, which it may never close.
                self.pair.data(b"lost");
                self.pair.data(b"comes")
            }
            9 => {
                let (sequence, chain) = (self.number(self.pair.next), self.pair.chain);
                if sequence >= TOP { Vec::new() } else { self.pair.forger.data(sequence, &chain, kind, b"?", 0).0 }
            }
            10 => {
                let kind = u16::try_from(self.below(5)).expect("small");
                let reason = u16::try_from(self.below(14)).expect("small");
                self.pair.forger.teardown(kind, reason)
            }
            _ => self.lie(),
        }
    }

    fn act(&mut self) {
        let now = self.pair.now;
        match self.below(20) {
            0..=5 => {
                let frame = self.lie();
                self.give(&frame);
            }
            6..=9 => {
                let frame = self.frame();
                self.give(&frame);
            }
            10..=12 => {
                let step = match self.below(14) {
                    0 => 60_000,
                    1 if self.below(20) == 0 => 4_000_000,
                    2 if self.below(40) == 0 => u64::MAX,
                    _ => self.below(200),
                };
                self.pair.at(now.after(step));
            }
            13 | 14 => {
                let content = vec![7; usize::try_from(self.below(900)).expect("small")];
                let _ = self.pair.session().send(now, ContentKind::Anml, &content);
            }
            15 => {
                let come = self.pair.session().expected();
                let _ = self.pair.session().consumed(now, come.saturating_sub(self.rng.next_u64() % 3));
            }
            16 => match self.below(12) {
                0 => drop(self.pair.session().rewind(now)),
                1 => drop(self.pair.session().renew_key()),
                2 => self.pair.session().transport_lost(now),
                3 => drop(self.pair.session().reconnect(now, addr(Side::Alice))),
                4 if self.below(6) == 0 => drop(self.pair.session().close(now, TeardownReason::TaskComplete)),
                5 => {
                    let place = ([203, 0, 113, 200], u16::try_from(self.below(9)).expect("small")).into();
                    self.pair.session().claim(now, place);
                    *self.claimed.entry(place).or_default() += 1;
                }
                _ => {}
            },
            17 => self.pair.session().not_sent(now),
            _ => self.pair.forger.generation = self.pair.forger.heard_generation.get(),
        }
        self.pair.bob.hear(self.pair.now);
        self.rest();
    }

    fn give(&mut self, frame: &[u8]) {
        let from = if self.below(4) == 0 {
            ([203, 0, 113, 100], u16::try_from(self.below(5)).expect("small")).into()
        } else {
            addr(Side::Alice)
        };
        self.bytes.entry(from).or_default().0 += frame.len();
        self.pair.give_from(from, frame);
    }

    /// After everything, nothing is due: and no place that has proved nothing got more than three times what came from it.
    fn rest(&mut self) {
        let now = self.pair.now;
        for _ in 0..2 {
            self.pair.bob.handle_deadline(now);
            for (to, bytes) in self.pair.sent_to() {
                self.bytes.entry(to).or_default().1 += bytes.len();
                // It reads what comes to its home address, and nothing else.
                if to == addr(Side::Alice) && bytes[1] >> 4 == 0xB {
                    let _ = self.pair.forger.open(&bytes);
                }
            }
        }
        let due = self.pair.session().next_deadline();
        assert!(due.is_none_or(|(at, _)| at > now), "at {now:?} {due:?} is due, and remains so");
        assert_eq!(self.pair.session().locator(), addr(Side::Alice), "it never read what went elsewhere");
        for (place, (came, went)) in &self.bytes {
            let claims = self.claimed.get(place).copied().unwrap_or(0) as usize;
            let most = 3 * came + claims * 8 * 700;
            assert!(*place == addr(Side::Alice) || *went <= most, "{place}: {went} bytes for {came}");
        }
    }
}

/// Each run is replayed by its seed: it is in the message.
fn replayable(seeds: std::ops::Range<u64>, mut run: impl FnMut(u64)) {
    for seed in seeds {
        if let Err(cause) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(cause);
        }
    }
}

#[test]
fn whatever_an_authentic_peer_says_the_session_rests_answers_little_and_stays_at_home() {
    let (mut ended, mut lived) = (0, 0);
    replayable(0..600, |seed| {
        let mut liar = Liar::new(seed);
        for _ in 0..150 {
            liar.act();
        }
        match liar.pair.bob.closure {
            Some(Closure::Compromised(_)) => ended += 1,
            None => lived += 1,
            _ => {}
        }
    });
    assert!(ended > 50 && lived > 20, "it would prove little: {ended} {lived}");
}

#[test]
fn a_peer_that_shows_and_withdraws_frames_gets_two_of_them_at_a_time_and_no_extra_time() {
    let mut pair = Pair::with(0, 16).confirmed();
    let start = pair.now;
    while pair.session().send(start, ContentKind::Anml, &[7; 400]).is_ok() {}
    assert!(pair.opened().len() >= 10, "the first flight");
    let (first, next) = pair.session().unacknowledged();
    let mut everything = vec![0_u8; 2];
    for bit in 0..usize::try_from(next - first - 1).expect("few") {
        everything[bit / 8] |= 0x80 >> (bit % 8);
    }
    while pair.bob.closure.is_none() {
        for bitmap in [everything.clone(), Vec::new()] {
            let beat = Beat { bitmap, ..pair.beat() };
            assert_eq!(pair.give_beat(&beat), Heard::Nothing);
        }
        let data = pair.opened().iter().filter(|(sequence, _)| *sequence < TOP).count();
        assert!(data <= 2, "{data} frames for two heartbeats, {} ms after the first", pair.now.since(start));
        let next = pair.now.after(50);
        pair.at(next);
        assert!(pair.now <= start.after(NO_PROGRESS));
    }
    let reason = TeardownReason::NoProgress.code();
    assert_eq!(pair.bob.closure, Some(Closure::Forced { by_peer: false, reason, truncated: true }));
}

/// Frames in flight, as a session would keep them, and a peer that reports anything about them at any time.
fn torment<C: Congestion>(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut congestion = C::IDLE;
    congestion.restart();
    let mut now = Mono(rng.next_u64() % 3 * u64::from(u32::MAX) + rng.next_u64() % 100);
    let mut flying: Vec<(u32, Mono, bool, C::Stamp)> = Vec::new();
    let sizes = [89, 145, 1_200, 65_000];
    for step in 0..2_000 {
        let bytes = |flying: &[(u32, Mono, bool, C::Stamp)]| InFlight {
            frames: u32::try_from(flying.len()).expect("few"),
            bytes: flying.iter().map(|(length, ..)| length).sum(),
        };
        let flight = bytes(&flying);
        match rng.next_u32() % 10 {
            0..=4 => {
                let length = sizes[(seed % 4) as usize];
                // One frame may always leave; and the next moment is always near.
                if flight.frames == 0 || congestion.may_send(flight) {
                    let next = congestion.next();
                    assert!(next.since(now) <= 8_001, "step {step}: the next frame leaves in {} ms", next.since(now));
                    if rng.next_u32() % 2 == 0 {
                        now = now.max(next);
                    }
                    if next <= now && flying.len() < 4_096 {
                        let stamp = congestion.sent(now, length, flight);
                        match rng.next_u32() % 20 {
                            0 => congestion.not_sent(length),
                            repeated => flying.push((length, now, repeated < 4, stamp)),
                        }
                    }
                } else if rng.next_u32() % 3 == 0 {
                    congestion.starved(flight);
                }
            }
            5..=7 => {
                if rng.next_u32() % 2 == 0 {
                    congestion.round_trip(now, [0, 1, 50, 60_000, u32::MAX][(rng.next_u32() % 5) as usize]);
                }
                for _ in 0..rng.next_u32() % 20 {
                    if flying.is_empty() {
                        break;
                    }
                    let at = rng.next_u32() as usize % flying.len();
                    let (length, sent, repeated, stamp) = flying[at];
                    let frame = Arrived { length, sent, repeated, stamp };
                    // What it showed it shows no more, and shows again.
                    if rng.next_u32() % 4 > 0 {
                        flying.swap_remove(at);
                    }
                    if rng.next_u32() % 4 == 0 { congestion.lost(now, &frame) } else { congestion.arrived(now, &frame) }
                }
                congestion.heartbeat(now, flight, bytes(&flying));
            }
            8 => congestion.timed_out(now),
            _ => {
                let steps: [u64; 3] = if rng.next_u32() % 20 == 0 { [5_000, 90_000, 1 << 33] } else { [0, 1, 30] };
                now = now.after(steps[(rng.next_u32() % 3) as usize]);
            }
        }
    }
}

#[test]
fn congestion_control_bears_whatever_a_peer_says_and_always_sends_again() {
    replayable(0..3_000, |seed| {
        torment::<Flight>(seed);
        torment::<Model>(seed);
    });
}
