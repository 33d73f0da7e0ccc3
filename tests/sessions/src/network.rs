//! The network: a queue of packets, and the weather that they fly through.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::{Mono, Side};

/// What happens to packets, in parts per thousand and milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Weather {
    /// Lost.
    pub loss: u32,
    /// Delivered twice.
    pub duplication: u32,
    /// One bit flipped.
    pub corruption: u32,
    /// The least delay.
    pub delay: u64,
    /// Up to this much more delay: packets overtake each other.
    pub jitter: u64,
    /// Longer packets do not get through, unless this is 0.
    pub mtu: usize,
}

impl Weather {
    /// Nothing happens but 10 ms of delay.
    pub const FAIR: Self = Self { loss: 0, duplication: 0, corruption: 0, delay: 10, jitter: 0, mtu: 0 };
    /// Everything happens.
    pub const STORM: Self = Self { loss: 150, duplication: 100, corruption: 80, delay: 5, jitter: 120, mtu: 0 };
}

/// A datagram under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The side that sent it.
    pub from: Side,
    /// Where it came from.
    pub source: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// A packet under way: when it arrives, and its number, which keeps the order of what arrives at once.
#[derive(Debug, PartialEq, Eq)]
struct Flight {
    at: Mono,
    number: u64,
    packet: Packet,
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Packets under way, earliest first.
#[derive(Debug)]
pub struct Network {
    rng: ChaCha8Rng,
    /// May change at any time.
    pub weather: Weather,
    queue: BinaryHeap<Flight>,
    count: u64,
}

impl Network {
    /// An empty network.
    #[must_use]
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), weather, queue: BinaryHeap::new(), count: 0 }
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        self.rng.next_u32() % 1_000 < per_mille
    }

    /// A packet goes out into the weather.
    pub fn send(&mut self, now: Mono, packet: &Packet) {
        let copies = 1 + u32::from(self.chance(self.weather.duplication));
        for _ in 0..copies {
            let too_long = self.weather.mtu > 0 && packet.bytes.len() > self.weather.mtu;
            if self.chance(self.weather.loss) || too_long {
                continue;
            }
            let mut bytes = packet.bytes.clone();
            if self.chance(self.weather.corruption) {
                let bit = self.rng.next_u64() % (bytes.len() as u64 * 8);
                bytes[usize::try_from(bit / 8).expect("fits")] ^= 1 << (bit % 8);
            }
            let jitter = self.rng.next_u64() % (self.weather.jitter + 1);
            self.put(now.after(self.weather.delay + jitter), Packet { bytes, ..packet.clone() });
        }
    }

    /// A packet that arrives exactly then, whatever the weather.
    pub fn put(&mut self, at: Mono, packet: Packet) {
        self.count += 1;
        self.queue.push(Flight { at, number: self.count, packet });
    }

    /// When the next packet arrives.
    #[must_use]
    pub fn next(&self) -> Option<Mono> {
        self.queue.peek().map(|flight| flight.at)
    }

    /// The next packet that has arrived by now.
    pub fn arrive(&mut self, now: Mono) -> Option<Packet> {
        if self.next()? > now {
            return None;
        }
        self.queue.pop().map(|flight| flight.packet)
    }

    /// Everything under way is lost.
    pub fn cut(&mut self) {
        self.queue.clear();
    }
}
