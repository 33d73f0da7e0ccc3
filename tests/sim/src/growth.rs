//! How many steps and messages a look-up takes in networks of a hundred to a hundred thousand nodes: the walk of the profile
//! (12.3) over routing tables of Kademlia's shape, with the library's metric. The nodes here are places alone.

use iacp_core::directory::Class;
use iacp_core::directory::metric::{Coordinate, RESPONSIBLE};
use iacp_wire::DhtKey;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The number of nodes of each distance that a node knows.
const BUCKET: usize = 20;
/// The number of nodes that an answer names.
const NAMED: usize = 10;
/// The number of parallel paths.
const PATHS: usize = 3;

/// What look-ups took in a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// How many nodes.
    pub nodes: usize,
    /// Rounds until the nearest nodes were known, a mean in hundredths.
    pub hops: u64,
    /// Nodes asked on all paths, a mean in hundredths.
    pub asked: u64,
    /// How many of a hundred look-ups found exactly the responsible nodes.
    pub exact: u64,
}

/// A network: coordinates in order.
struct Network(Vec<[u8; 32]>);

fn coordinate(bytes: [u8; 32]) -> Coordinate {
    Coordinate::new(Class::Identities, &DhtKey(bytes))
}

fn bit(bytes: &[u8; 32], at: usize) -> bool {
    bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
}

impl Network {
    fn new(nodes: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut all: Vec<[u8; 32]> = (0..nodes)
            .map(|_| {
                let mut bytes = [0; 32];
                rng.fill_bytes(&mut bytes);
                *coordinate(bytes).bytes()
            })
            .collect();
        all.sort_unstable();
        Self(all)
    }

    /// The nodes that share the first bits with one and differ in the next: a range of the sorted list.
    fn bucket(&self, of: &[u8; 32], shared: usize) -> std::ops::Range<usize> {
        let (mut low, mut high) = ([0; 32], [0xFF; 32]);
        for at in 0..=shared {
            let is_set = bit(of, at) != (at == shared);
            let mask = 1 << (7 - at % 8);
            if let (true, Some(byte)) = (is_set, low.get_mut(at / 8)) {
                *byte |= mask;
            }
            if let (false, Some(byte)) = (is_set, high.get_mut(at / 8)) {
                *byte &= !mask;
            }
        }
        self.0.partition_point(|node| *node < low)..self.0.partition_point(|node| *node <= high)
    }

    /// The nodes that node `asked` knows: up to 20 of each distance, chosen by its own place, the same ones each time.
    fn known(&self, asked: usize) -> Vec<usize> {
        let Some(own) = self.0.get(asked) else { return Vec::new() };
        let mut known = Vec::new();
        // The two highest bits are the class.
        for shared in 2..64 {
            let range = self.bucket(own, shared);
            if range.len() <= BUCKET {
                known.extend(range);
                continue;
            }
            let stride = range.len() / BUCKET;
            let offset = usize::from(own[31]) % stride;
            known.extend((0..BUCKET).map(|at| range.start + at * stride + offset));
        }
        known
    }

    fn nearest(&self, to: &Coordinate, of: impl Iterator<Item = usize>, count: usize) -> Vec<usize> {
        let far = |node: usize| self.0.get(node).map(|bytes| to.distance(&coordinate(*bytes)));
        let mut all: Vec<_> = of.map(|node| (far(node), node)).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().take(count).map(|(_, node)| node).collect()
    }

    /// One look-up; returns rounds, nodes asked, and the nearest nodes found.
    fn look_up(&self, from: usize, to: &Coordinate) -> (u64, u64, Vec<usize>) {
        let mut seen: Vec<usize> = self.nearest(to, self.known(from).into_iter().chain([from]), NAMED);
        let (mut asked, mut rounds) = (vec![from], 0);
        loop {
            let best = self.nearest(to, seen.iter().copied(), RESPONSIBLE);
            let next: Vec<usize> = best.iter().copied().filter(|node| !asked.contains(node)).take(PATHS).collect();
            if next.is_empty() {
                return (rounds, u64::try_from(asked.len() - 1).unwrap_or(0), best);
            }
            rounds += 1;
            for node in next {
                asked.push(node);
                seen.extend(self.nearest(to, self.known(node).into_iter().chain([node]), NAMED));
            }
            seen = self.nearest(to, seen.into_iter(), 4 * NAMED);
        }
    }
}

/// Measures `look_ups` look-ups in a network of `nodes` nodes.
#[must_use]
pub fn measure(seed: u64, nodes: usize, look_ups: u64) -> Growth {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let network = Network::new(nodes, &mut rng);
    let (mut hops, mut asked, mut exact) = (0, 0, 0);
    for _ in 0..look_ups {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        let to = coordinate(key);
        let from = usize::try_from(rng.next_u64() % u64::try_from(nodes.max(1)).unwrap_or(1)).unwrap_or(0);
        let (rounds, messages, found) = network.look_up(from, &to);
        (hops, asked) = (hops + rounds, asked + messages);
        exact += u64::from(found == network.nearest(&to, 0..nodes, RESPONSIBLE));
    }
    let mean = |sum: u64| sum.saturating_mul(100) / look_ups.max(1);
    Growth { nodes, hops: mean(hops), asked: mean(asked), exact: mean(exact) }
}
