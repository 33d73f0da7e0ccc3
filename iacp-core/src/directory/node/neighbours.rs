//! The nodes that a node knows, itself among them, and what it still has to hand over to them.

use iacp_wire::{DhtKey, Eid};

use crate::directory::metric::{Coordinate, Diversity, NEAREST, NodeInfo, RESPONSIBLE, responsible};
use crate::directory::{Class, Voters};
use crate::guard::{Rate, TokenBucket};
use crate::time::Mono;

/// What a node whose signature held may ask for.
const RATE: Rate = Rate { capacity: 512, per_second: 256 };

/// A known node.
#[derive(Clone, Debug)]
pub struct Neighbour {
    info: NodeInfo,
    bucket: TokenBucket,
    /// The next place of the store to look at for records that are this node's; none once all have been looked at.
    handing: Option<u32>,
}

/// The known nodes. One that is known is never pushed out by another: who knows enough nodes for a key needs no more.
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

    /// Enters a node whose record was judged. What it is nearer for is handed over to it.
    pub(super) fn enter(&mut self, now: Mono, info: NodeInfo, hand_over: bool) -> bool {
        let handing = hand_over.then_some(0);
        if let Some(known) = self.nodes.iter_mut().flatten().find(|known| known.info.eid == info.eid) {
            if known.info != info {
                (known.info, known.handing) = (info, handing);
            }
            return true;
        }
        let Some(free) = self.nodes.iter_mut().find(|node| node.is_none()) else { return false };
        *free = Some(Neighbour { info, bucket: TokenBucket::new(RATE, now), handing });
        true
    }

    /// Takes tokens of a node whose signature held.
    pub(super) fn charge(&mut self, now: Mono, eid: &Eid, cost: u32) -> bool {
        let node = self.nodes.iter_mut().flatten().find(|node| node.info.eid == *eid);
        node.is_some_and(|node| node.bucket.take(now, cost).is_ok())
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
        let node = self.nodes.iter_mut().flatten().find(|node| node.handing.is_some())?;
        Some((node.info, &mut node.handing))
    }

    /// Whether `one` is nearer to a key than `other`.
    pub(super) fn is_nearer(class: Class, key: &DhtKey, one: &DhtKey, other: &DhtKey) -> bool {
        let at = Coordinate::new(class, key);
        at.distance(&Coordinate::new(class, one)) < at.distance(&Coordinate::new(class, other))
    }
}
