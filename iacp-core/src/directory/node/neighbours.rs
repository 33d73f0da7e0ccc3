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

/// The known nodes. One that is known is never pushed out by another, but goes when its NODE has run out: then it neither votes nor
/// takes a place.
pub(super) struct Neighbours<'m> {
    nodes: &'m mut [Option<Neighbour>],
}

impl<'m> Neighbours<'m> {
    pub(super) fn new(nodes: &'m mut [Option<Neighbour>]) -> Self {
        nodes.iter_mut().for_each(|node| *node = None);
        Self { nodes }
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
        if let Some(at) = self.nodes.iter().position(|node| node.as_ref().is_some_and(|node| node.info.eid == info.eid))
        {
            // The first place is this node's own: what others say of it changes nothing.
            if let Some(known) = self.nodes.get_mut(at).and_then(Option::as_mut).filter(|_| at > 0) {
                if known.info != info {
                    (known.info, known.handing, known.is_unheard) = (info, handing, is_unheard);
                } else if !is_unheard {
                    known.is_unheard = false;
                }
                known.until = known.until.and(until);
            }
            return true;
        }
        let Some(free) = self.nodes.iter_mut().find(|node| node.is_none()) else { return false };
        *free = Some(Neighbour { info, bucket: TokenBucket::new(RATE, now), handing, is_unheard, until });
        true
    }

    /// Forgets the nodes whose NODE has run out.
    pub(super) fn forget(&mut self, now: UnixTime) {
        let is_over = |node: &Neighbour| node.until.is_some_and(|until| until <= now.0);
        self.nodes.iter_mut().filter(|node| node.as_ref().is_some_and(is_over)).for_each(|node| *node = None);
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
