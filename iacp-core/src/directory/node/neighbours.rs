//! The nodes that a node knows, itself among them, and what it still has to hand over to them.

use core::net::IpAddr;

use iacp_wire::{DhtKey, Eid};

use crate::directory::metric::{Coordinate, Diversity, NEAREST, NodeInfo, RESPONSIBLE, responsible};
use crate::directory::{Class, Voters};
use crate::guard::{Rate, TokenBucket};
use crate::time::{Mono, UnixTime};

/// What may come from the address of a known node, beside what its network may send: more than a node hands over.
const RATE: Rate = Rate { capacity: 512, per_second: 256 };

/// A known node.
#[derive(Clone, Debug)]
pub struct Neighbour {
    info: NodeInfo,
    bucket: TokenBucket,
    /// The next place of the store to look at for records that are this node's; none once all have been looked at.
    handing: Option<u32>,
    /// It is handed over to once something signed by it came from its address: another node named that address.
    is_unheard: bool,
    /// When its NODE runs out, Unix time in milliseconds; none for what the caller introduced.
    until: Option<u64>,
}

impl Neighbour {
    fn is_at(&self, from: IpAddr) -> bool {
        self.info.at.ip().to_canonical() == from.to_canonical()
    }
}

/// How a node became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is this node itself.
    Own,
    /// The caller named it: it stays.
    Introduced,
    /// By its own NODE, from its address, which stands until this Unix time.
    Came { until: u64 },
    /// By its NODE from another node: the same, but its address is not shown yet.
    Named { until: u64 },
}

/// What a node says of itself, and which of the nodes that it knows is told next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Announced {
    pub(super) nonce: u64,
    pub(super) due: UnixTime,
    pub(super) next: usize,
}

/// The known nodes. One that is known is never pushed out by another: who knows enough nodes for a key needs no more. The first
/// one is the node itself.
pub(super) struct Neighbours<'m> {
    nodes: &'m mut [Option<Neighbour>],
    own: Own,
}

impl<'m> Neighbours<'m> {
    pub(super) fn new(nodes: &'m mut [Option<Neighbour>]) -> Self {
        nodes.iter_mut().for_each(|node| *node = None);
        Self { nodes, own: Own::NEW }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &NodeInfo> {
        self.nodes.iter().flatten().map(|node| &node.info)
    }

    /// Enters a node that the caller knows, or whose record was judged. What it is nearer for is handed over to it.
    pub(super) fn enter(&mut self, now: Mono, info: NodeInfo, how: Known) -> bool {
        let handing = (how != Known::Own).then_some(0);
        let is_unheard = matches!(how, Known::Named { .. });
        let until = match how {
            Known::Own | Known::Introduced => None,
            Known::Came { until } | Known::Named { until } => Some(until),
        };
        let mut has_changed = false;
        if let Some(at) = self.nodes.iter().position(|node| node.as_ref().is_some_and(|node| node.info.eid == info.eid))
        {
            // The first place is this node's own: what others say of it changes nothing.
            if let Some(known) = self.nodes.get_mut(at).and_then(Option::as_mut).filter(|_| at > 0) {
                if known.info != info {
                    (known.info, known.handing, known.is_unheard) = (info, handing, is_unheard);
                    has_changed = true;
                } else if !is_unheard {
                    known.is_unheard = false;
                }
                known.until = known.until.and(until);
            }
            if has_changed {
                self.count();
            }
            return true;
        }
        let Some(free) = self.nodes.iter_mut().find(|node| node.is_none()) else { return false };
        *free = Some(Neighbour { info, bucket: TokenBucket::new(RATE, now), handing, is_unheard, until });
        self.count();
        true
    }

    /// Forgets the nodes whose records ran out: they said nothing for a day.
    pub(super) fn forget(&mut self, now: UnixTime) {
        let is_over = |node: &Neighbour| node.until.is_some_and(|until| until <= now.0);
        let mut forgot = false;
        for place in self.nodes.iter_mut().skip(1) {
            if place.as_ref().is_some_and(is_over) {
                (*place, forgot) = (None, true);
            }
        }
        if forgot {
            self.count();
        }
    }

    /// Whether a node is known.
    pub(super) fn knows(&self, eid: &Eid) -> bool {
        self.all().any(|node| node.eid == *eid)
    }

    fn count(&mut self) {
        let mut all = self.nodes.iter().flatten().map(|node| &node.info);
        if let Some(own) = all.next() {
            self.own.count(own, all);
        }
    }

    /// Something signed by a node came from here.
    pub(super) fn heard(&mut self, eid: &Eid, from: IpAddr) {
        if let Some(node) = self.find(eid).filter(|node| node.is_at(from)) {
            node.is_unheard = false;
        }
    }

    fn find(&mut self, eid: &Eid) -> Option<&mut Neighbour> {
        self.nodes.iter_mut().flatten().find(|node| node.info.eid == *eid)
    }

    /// Takes tokens of a known node, if what claims to be of it came from its address; from any address without one. None if no
    /// such node is known.
    pub(super) fn charge(&mut self, now: Mono, eid: &Eid, from: Option<IpAddr>, cost: u32) -> Option<bool> {
        let node = self.find(eid).filter(|node| from.is_none_or(|from| node.is_at(from)))?;
        Some(node.bucket.take(now, cost).is_ok())
    }

    /// The nodes for a key, nearest first.
    pub(super) fn nearest(&self, class: Class, key: &DhtKey, rule: Diversity) -> heapless::Vec<&NodeInfo, NEAREST> {
        responsible(class, key, self.all(), rule)
    }

    pub(super) fn voters(&self, class: Class, key: &DhtKey, rule: Diversity) -> Voters {
        self.nearest(class, key, rule).iter().take(RESPONSIBLE).map(|node| node.eid).collect()
    }

    /// Whether a node is among the first `most` for a key.
    pub(super) fn serves(&self, eid: &Eid, class: Class, key: &DhtKey, rule: Diversity, most: usize) -> bool {
        let mut all = self.all();
        if let Some(own) = all.next()
            && own.eid == *eid
            && let Some(serves) = self.own.serves(own, class, key, rule, most)
        {
            return serves;
        }
        self.nearest(class, key, rule).iter().take(most).any(|node| node.eid == *eid)
    }

    /// The next node that something is handed over to, and from which place of the store on.
    pub(super) fn handing(&mut self) -> Option<(NodeInfo, &mut Option<u32>)> {
        let node = self.nodes.iter_mut().flatten().find(|node| node.handing.is_some() && !node.is_unheard)?;
        Some((node.info, &mut node.handing))
    }

    /// Whether `one` is nearer to a key than `other`.
    pub(super) fn is_nearer(class: Class, key: &DhtKey, one: &DhtKey, other: &DhtKey) -> bool {
        let at = Coordinate::new(class, key);
        at.distance(&Coordinate::new(class, one)) < at.distance(&Coordinate::new(class, other))
    }
}

const CLASSES: [Class; 4] = [Class::Identities, Class::Namespaces, Class::Spaces, Class::Overlay];

/// How many nodes first differ from this one in which bit of their coordinate. By XOR such a node is nearer to a key exactly if the
/// key differs from this node in that bit too. So how many are nearer is a short sum, which a flood may ask for.
struct Own {
    differ: [[u16; 256]; 4],
    /// No further bit has a node.
    deepest: [usize; 4],
    /// Another node of this one's network is known, so that it may have to stand back.
    is_crowded: bool,
}

impl Own {
    const NEW: Self = Self { differ: [[0; 256]; 4], deepest: [0; 4], is_crowded: false };

    fn count<'n>(&mut self, own: &NodeInfo, others: impl Iterator<Item = &'n NodeInfo>) {
        *self = Self::NEW;
        for other in others {
            self.is_crowded |= own.shares_network(other);
            for (class, (counts, deepest)) in CLASSES.iter().zip(self.differ.iter_mut().zip(&mut self.deepest)) {
                let [place, its] = [&own.place, &other.place].map(|place| Coordinate::new(*class, place));
                let bit = leading_zeros(&place.distance(&its));
                if other.serves(*class)
                    && let Some(count) = counts.get_mut(bit)
                {
                    *count = count.saturating_add(1);
                    *deepest = bit.max(*deepest);
                }
            }
        }
    }

    /// Whether the node itself is among the first `most` for a key, where that follows from how many are nearer. Else, with limits
    /// on networks, the walk decides.
    fn serves(&self, own: &NodeInfo, class: Class, key: &DhtKey, rule: Diversity, most: usize) -> Option<bool> {
        if !own.serves(class) {
            return Some(false);
        }
        if rule == Diversity::Limited && self.is_crowded {
            return None;
        }
        let (counts, deepest) = (self.differ.get(class as usize)?, *self.deepest.get(class as usize)?);
        let distance = Coordinate::new(class, key).distance(&Coordinate::new(class, &own.place));
        let mut nearer = 0;
        for (byte, counts) in distance.iter().zip(counts.chunks_exact(8)).take(deepest / 8 + 1) {
            for (bit, count) in counts.iter().enumerate() {
                nearer += if byte << bit & 0x80 == 0 { 0 } else { usize::from(*count) };
            }
            if nearer >= most {
                // Of many that are nearer, some may have to stand back.
                return (rule == Diversity::Off).then_some(false);
            }
        }
        Some(true)
    }
}

fn leading_zeros(bytes: &[u8; 32]) -> usize {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let rest = bytes.get(zeros).map_or(0, |byte| byte.leading_zeros());
    8 * zeros + usize::try_from(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::net::IpAddr;
    use std::vec::Vec;

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn node(rng: &mut ChaCha8Rng, spread: u8) -> NodeInfo {
        let [a, b, c, d] = rng.next_u32().to_be_bytes();
        let (mut eid, mut place) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut eid);
        rng.fill_bytes(&mut place);
        let at = (IpAddr::from([10, a % spread, b % spread, c]), 4_227).into();
        NodeInfo { eid: Eid(eid), at, place: DhtKey(place), classes: d }
    }

    #[test]
    fn the_short_sum_says_what_the_walk_says() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let [spread, count, ..] = rng.next_u32().to_be_bytes();
            let (spread, count) = (1 + spread % 30, count % 60);
            let mut places: Vec<Option<Neighbour>> = (0..=count).map(|_| None).collect();
            let mut known = Neighbours::new(&mut places);
            let own = node(&mut rng, spread);
            assert!(known.enter(Mono(0), own, Known::Own));
            for _ in 0..count {
                assert!(known.enter(Mono(0), node(&mut rng, spread), Known::Introduced));
            }
            for _ in 0..20 {
                let mut key = [0; 32];
                rng.fill_bytes(&mut key);
                let key = DhtKey(key);
                for (class, rule) in
                    CLASSES.iter().flat_map(|class| [Diversity::Off, Diversity::Limited].map(|rule| (*class, rule)))
                {
                    for most in [1, RESPONSIBLE, NEAREST] {
                        let walked = known.nearest(class, &key, rule).iter().take(most).any(|one| one.eid == own.eid);
                        assert_eq!(known.serves(&own.eid, class, &key, rule, most), walked, "seed {seed} {class:?}");
                    }
                }
            }
        }
    }
}
