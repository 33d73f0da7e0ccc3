//! The best extraction path over several hops (`IACP §4.1.3.2`): a directed acyclic graph, the inverse of HRP as cost.

use core::fmt;

use super::relevance::Share;

/// The most hops of a path.
pub const HOPS_MAX: usize = 64;
const NODES_MAX: usize = HOPS_MAX + 1;

/// A graph: one score per node, and edges in ascending order of their start nodes.
#[derive(Clone, Copy, Debug)]
pub struct Dag<'a> {
    /// HRP by node.
    pub hrp: &'a [Share],
    /// From and to.
    pub edges: &'a [(u32, u32)],
    /// Nodes below it are pruned, and so are those with a score of 0: no path enters or leaves them.
    pub theta: Share,
}

/// Memory for one node of a search.
#[derive(Clone, Copy, Debug)]
pub struct Scratch {
    cost: u64,
    hops: u32,
    previous: u32,
    /// During the search: the next edge to follow. Before: the first of its edges.
    edge: u32,
    /// During the search: the node below it on the stack. Afterwards: the next node in topological order.
    link: u32,
    colour: Colour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    White,
    Grey,
    Black,
}

const NONE: u32 = u32::MAX;

impl Scratch {
    /// Before a search.
    pub const FREE: Self = Self { cost: u64::MAX, hops: 0, previous: NONE, edge: 0, link: NONE, colour: Colour::White };
}

/// Why there is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NoRoute {
    /// The graph has a cycle through this node.
    Cycle(u32),
    /// No path leads to the target.
    Unreachable,
    /// The best path has more than 64 hops.
    TooFar,
    /// An edge, or an end of the path, has this number, which is not a node.
    NoSuchNode(u32),
    /// This edge, counted from 0, has a smaller start node than the edge before it.
    Unsorted(u32),
    /// Less scratch memory than nodes.
    Scratch,
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cycle(node) => write!(f, "the graph has a cycle through node {node}"),
            Self::Unreachable => f.pad("no path leads to the target"),
            Self::TooFar => f.pad("the best path has more than 64 hops"),
            Self::NoSuchNode(node) => write!(f, "there is no node {node}"),
            Self::Unsorted(edge) => write!(f, "edge {edge} is not in ascending order"),
            Self::Scratch => f.pad("there is less scratch memory than nodes"),
        }
    }
}

impl core::error::Error for NoRoute {}

/// The best path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The nodes from start to target. Fragments are joined in this order.
    pub nodes: heapless::Vec<u32, NODES_MAX>,
    /// The sum of the costs of entering each node: ⌊100,000,000 / HRP⌋; the start is free.
    pub cost: u64,
}

fn index(node: u32) -> usize {
    usize::try_from(node).unwrap_or(usize::MAX)
}

impl Dag<'_> {
    fn is_open(&self, node: u32) -> bool {
        self.hrp.get(index(node)).is_some_and(|hrp| *hrp > Share::ZERO && *hrp >= self.theta)
    }

    /// The cost of entering a node, in parts of 10^-8.
    fn cost(&self, node: u32) -> u64 {
        let hrp = self.hrp.get(index(node)).map_or(1, |hrp| u64::from(hrp.parts()).max(1));
        100_000_000 / hrp
    }

    fn edge(&self, at: u32) -> Option<(u32, u32)> {
        self.edges.get(index(at)).copied()
    }

    fn check(&self, scratch: &mut [Scratch]) -> Result<(), NoRoute> {
        let nodes = u32::try_from(self.hrp.len()).map_err(|_| NoRoute::Scratch)?;
        if scratch.len() < self.hrp.len() {
            return Err(NoRoute::Scratch);
        }
        scratch.iter_mut().for_each(|node| *node = Scratch { edge: NONE, ..Scratch::FREE });
        let mut last = 0;
        for (at, (from, to)) in (0_u32..).zip(self.edges) {
            if let Some(wrong) = [*from, *to].into_iter().find(|node| *node >= nodes) {
                return Err(NoRoute::NoSuchNode(wrong));
            }
            if *from < last {
                return Err(NoRoute::Unsorted(at));
            }
            last = *from;
            if let Some(node) = scratch.get_mut(index(*from)).filter(|node| node.edge == NONE) {
                node.edge = at;
            }
        }
        Ok(())
    }
}

/// The path of least cost from `start` to `target`. Between equal costs, the path with fewer hops counts, then the one
/// with the smaller preceding node. Linear in nodes and edges.
///
/// ```
/// use iacp_core::dhi::path::{Dag, NoRoute, Route, Scratch, best_path};
/// use iacp_core::dhi::relevance::Share;
///
/// let hrp = [10_000, 4_000, 9_000, 8_000].map(Share::new).map(Option::unwrap_or_default);
/// let dag = Dag { hrp: &hrp, edges: &[(0, 1), (0, 2), (1, 3), (2, 3)], theta: Share::ZERO };
/// let route: Route = best_path(&dag, 0, 3, &mut [Scratch::FREE; 4])?;
/// assert_eq!((route.nodes.as_slice(), route.cost), (&[0, 2, 3][..], 11_111 + 12_500));
/// assert_eq!(best_path(&dag, 3, 0, &mut [Scratch::FREE; 4]), Err(NoRoute::Unreachable));
/// # Ok::<(), NoRoute>(())
/// ```
///
/// # Errors
/// What [`NoRoute`] names.
// keeps: IACP-048 (§4.1.3.2)
pub fn best_path(dag: &Dag<'_>, start: u32, target: u32, scratch: &mut [Scratch]) -> Result<Route, NoRoute> {
    dag.check(scratch)?;
    if let Some(wrong) = [start, target].into_iter().find(|node| index(*node) >= dag.hrp.len()) {
        return Err(NoRoute::NoSuchNode(wrong));
    }
    let mut order = NONE;
    for node in (0..).take(dag.hrp.len()) {
        order = search(dag, node, order, scratch)?;
    }
    if !dag.is_open(start) || !dag.is_open(target) {
        return Err(NoRoute::Unreachable);
    }
    if let Some(first) = scratch.get_mut(index(start)) {
        first.cost = 0;
    }
    relax(dag, order, scratch);
    walk_back(start, target, scratch)
}

/// Searches depth first from `root`; each finished node goes to the front of the order. A step to a node that is still
/// on the stack closes a cycle.
fn search(dag: &Dag<'_>, root: u32, mut order: u32, scratch: &mut [Scratch]) -> Result<u32, NoRoute> {
    let mut top = if dag.is_open(root) { enter(root, NONE, scratch) } else { NONE };
    while let Some(node) = scratch.get_mut(index(top)) {
        match dag.edge(node.edge) {
            Some((from, to)) if from == top => {
                node.edge += 1;
                match scratch.get(index(to)).map(|to| to.colour) {
                    Some(Colour::Grey) => return Err(NoRoute::Cycle(to)),
                    Some(Colour::White) if dag.is_open(to) => top = enter(to, top, scratch),
                    _ => {}
                }
            }
            _ => {
                node.colour = Colour::Black;
                let below = core::mem::replace(&mut node.link, order);
                (order, top) = (top, below);
            }
        }
    }
    Ok(order)
}

/// Puts an unvisited node onto the stack, and returns the new top.
fn enter(node: u32, below: u32, scratch: &mut [Scratch]) -> u32 {
    match scratch.get_mut(index(node)) {
        Some(entered) if entered.colour == Colour::White => {
            (entered.colour, entered.link) = (Colour::Grey, below);
            node
        }
        _ => below,
    }
}

/// Costs along the edges, in topological order.
fn relax(dag: &Dag<'_>, first: u32, scratch: &mut [Scratch]) {
    let mut at = first;
    while let Some(node) = scratch.get(index(at)).copied() {
        // The search has moved this index past the node's last edge.
        let behind = dag.edges.get(..index(node.edge).min(dag.edges.len())).unwrap_or_default();
        let own = behind.iter().rev().take_while(|(from, _)| *from == at);
        for (_, to) in own.filter(|(_, to)| node.cost != u64::MAX && dag.is_open(*to)) {
            let Some(next) = scratch.get_mut(index(*to)) else { continue };
            let offer = (node.cost.saturating_add(dag.cost(*to)), node.hops.saturating_add(1), at);
            if offer < (next.cost, next.hops, next.previous) {
                (next.cost, next.hops, next.previous) = offer;
            }
        }
        at = node.link;
    }
}

fn walk_back(start: u32, target: u32, scratch: &[Scratch]) -> Result<Route, NoRoute> {
    let cost = scratch.get(index(target)).map_or(u64::MAX, |node| node.cost);
    if cost == u64::MAX {
        return Err(NoRoute::Unreachable);
    }
    let mut nodes = heapless::Vec::new();
    let mut at = target;
    loop {
        nodes.push(at).map_err(|_| NoRoute::TooFar)?;
        if at == start {
            break;
        }
        at = scratch.get(index(at)).map_or(NONE, |node| node.previous);
    }
    nodes.reverse();
    Ok(Route { nodes, cost })
}
