//! Extraction: what is pruned, streamed and queued, and the best path, against an exhaustive search.

use iacp_core::dhi::extraction::{Ape, FAST_PATH, Placement, Queued, THETA_BASE};
use iacp_core::dhi::path::{Dag, HOPS_MAX, NoRoute, Route, Scratch, best_path};
use iacp_core::dhi::relevance::Share;
use proptest::prelude::*;

fn share(parts: u16) -> Share {
    Share::new(parts).expect("at most one")
}

#[test]
fn below_theta_and_at_zero_a_node_is_pruned() {
    // shows: IACP-046 (§4.1.3.2)
    let mut queue = [Queued::FREE; 4];
    let mut ape = Ape::new(&mut queue, 8);
    assert_eq!(ape.theta(), THETA_BASE);
    assert_eq!(ape.judge(1, Share::ZERO), Placement::Pruned);
    assert_eq!(ape.judge(2, share(2_999)), Placement::Pruned);
    assert_eq!(ape.judge(3, share(3_000)), Placement::Queued);
    assert_eq!(ape.theta(), share(3_000 + 5_500 / 4), "theta rises as the queue fills");
    assert_eq!(ape.judge(4, share(4_374)), Placement::Pruned);
    assert_eq!(ape.judge(5, share(4_375)), Placement::Queued);
    assert_eq!([ape.take(), ape.take(), ape.take()], [Some(5), Some(3), None], "pruned nodes never come out");
}

#[test]
fn from_0_85_on_a_node_has_a_stream_at_once_and_below_it_waits() {
    // shows: IACP-041 (§4.1.3), IACP-047 (§4.1.3.2)
    let mut queue = [Queued::FREE; 4];
    let mut ape = Ape::new(&mut queue, 2);
    assert_eq!(ape.judge(1, share(8_499)), Placement::Queued);
    assert_eq!(ape.judge(2, FAST_PATH), Placement::Stream, "it does not wait for what is queued");
    assert_eq!(ape.judge(3, share(9_999)), Placement::Stream);
    assert_eq!(ape.judge(4, Share::ONE), Placement::Queued, "no stream is free");
    assert_eq!(ape.take(), None);
    ape.done();
    assert_eq!(ape.take(), Some(4), "but it is first");
    ape.done();
    assert_eq!(ape.take(), Some(1));
}

#[test]
fn a_full_queue_keeps_the_better_ones() {
    let mut queue = [Queued::FREE; 2];
    let mut ape = Ape::new(&mut queue, 0);
    assert_eq!(ape.judge(1, share(8_000)), Placement::Queued);
    assert_eq!(ape.judge(2, share(8_000)), Placement::Queued);
    assert_eq!(ape.theta(), FAST_PATH, "full: only the fast path's scores are looked at");
    assert_eq!(ape.judge(3, share(8_499)), Placement::Pruned);
    assert_eq!(ape.judge(4, share(9_000)), Placement::Displaced(2), "the later of two equal ones is the worst");
    assert_eq!(ape.judge(5, share(9_000)), Placement::Displaced(1));
    assert_eq!(ape.judge(6, share(9_000)), Placement::Pruned, "the earlier stay");
    let mut none = Ape::new(&mut [], 0);
    assert_eq!(none.judge(1, Share::ONE), Placement::Pruned);
}

proptest! {
    /// Whatever comes in whatever order: no pruned node comes out, and what comes out is in order.
    #[test]
    fn the_queue_is_a_priority_queue(
        nodes in prop::collection::vec(0_u16..=10_000, 0..200),
        capacity in 0_usize..20,
        streams in 0_usize..4,
        takes in prop::collection::vec(any::<bool>(), 200),
    ) {
        let mut memory = vec![Queued::FREE; capacity];
        let mut ape = Ape::new(&mut memory, streams);
        let mut waiting: Vec<(Share, std::cmp::Reverse<usize>)> = vec![];
        let mut free = streams;
        for ((at, parts), take) in nodes.iter().enumerate().zip(takes) {
            let hrp = share(*parts);
            let theta = ape.theta();
            match ape.judge(u32::try_from(at)?, hrp) {
                Placement::Pruned => {
                    let worst = waiting.iter().min();
                    let is_worse = waiting.len() == capacity && worst.is_none_or(|worst| hrp <= worst.0);
                    prop_assert!(hrp < theta || hrp == Share::ZERO || is_worse);
                }
                Placement::Stream => {
                    prop_assert!(hrp >= FAST_PATH && free > 0);
                    free -= 1;
                }
                Placement::Queued => waiting.push((hrp, std::cmp::Reverse(at))),
                Placement::Displaced(node) => {
                    let worst = *waiting.iter().min().expect("a full queue");
                    prop_assert_eq!(worst.1.0, usize::try_from(node)?);
                    waiting.retain(|entry| *entry != worst);
                    waiting.push((hrp, std::cmp::Reverse(at)));
                }
            }
            prop_assert_eq!(ape.waiting(), waiting.len());
            if take {
                let best = waiting.iter().max().copied().filter(|_| free > 0);
                prop_assert_eq!(ape.take(), best.map(|best| u32::try_from(best.1.0).expect("small")));
                if let Some(best) = best {
                    waiting.retain(|entry| *entry != best);
                    free -= 1;
                }
            } else if free < streams {
                ape.done();
                free += 1;
            }
        }
    }

    /// The best path is the best of all paths, ties settled as the profile says; and a graph with a cycle is refused.
    #[test]
    fn the_best_path_is_the_best_of_all_paths(
        parts in prop::collection::vec(prop_oneof![Just(0_u16), Just(2_500), Just(5_000), 1_u16..=10_000], 1..8),
        edges in prop::collection::vec((0_u32..8, 0_u32..8), 0..20),
        theta in 0_u16..3_000,
        free in any::<bool>(),
    ) {
        let nodes = u32::try_from(parts.len())?;
        let mut edges: Vec<(u32, u32)> = edges.into_iter().map(|(from, to)| (from % nodes, to % nodes))
            .map(|(from, to)| if free { (from, to) } else { (from.min(to), from.max(to)) })
            .filter(|(from, to)| free || from != to).collect();
        edges.sort_unstable();
        let hrp: Vec<Share> = parts.into_iter().map(share).collect();
        let dag = Dag { hrp: &hrp, edges: &edges, theta: share(theta) };
        let mut scratch = vec![Scratch::FREE; hrp.len()];
        let found = best_path(&dag, 0, nodes - 1, &mut scratch);
        if let Err(NoRoute::Cycle(node)) = found {
            prop_assert!(reaches(&dag, node, node), "node {} is on the cycle", node);
            return Ok(());
        }
        for node in 0..nodes {
            prop_assert!(!reaches(&dag, node, node), "a cycle through {} was overlooked", node);
        }
        let expected = all_paths(&dag, nodes - 1, vec![0]).into_iter().min_by_key(|path| {
            let backwards: Vec<u32> = path.1.iter().rev().copied().collect();
            (path.0, path.1.len(), backwards)
        });
        prop_assert_eq!(found.ok().map(|route| (route.cost, route.nodes.to_vec())), expected);
    }
}

fn open(dag: &Dag<'_>, node: u32) -> bool {
    let hrp = dag.hrp[node as usize];
    hrp > Share::ZERO && hrp >= dag.theta
}

fn steps<'a>(dag: &'a Dag<'_>, node: u32) -> impl Iterator<Item = u32> + use<'a> {
    let edges = dag.edges.iter().filter(move |(from, to)| *from == node && open(dag, node) && open(dag, *to));
    edges.map(|(_, to)| *to)
}

fn reaches(dag: &Dag<'_>, from: u32, to: u32) -> bool {
    let (mut seen, mut next) = (vec![false; dag.hrp.len()], vec![from]);
    while let Some(node) = next.pop() {
        for step in steps(dag, node) {
            if step == to {
                return true;
            }
            if !std::mem::replace(&mut seen[step as usize], true) {
                next.push(step);
            }
        }
    }
    false
}

fn all_paths(dag: &Dag<'_>, target: u32, path: Vec<u32>) -> Vec<(u64, Vec<u32>)> {
    let last = *path.last().expect("a start");
    if !open(dag, last) {
        return vec![];
    }
    if last == target {
        let cost = path[1..].iter().map(|node| 100_000_000 / u64::from(dag.hrp[*node as usize].parts())).sum();
        return vec![(cost, path)];
    }
    steps(dag, last).flat_map(|step| all_paths(dag, target, [path.clone(), vec![step]].concat())).collect()
}

fn chain(nodes: u32) -> Result<Route, NoRoute> {
    let hrp = vec![Share::ONE; nodes as usize];
    let edges: Vec<(u32, u32)> = (1..nodes).map(|node| (node - 1, node)).collect();
    best_path(
        &Dag { hrp: &hrp, edges: &edges, theta: Share::ZERO },
        0,
        nodes - 1,
        &mut vec![Scratch::FREE; nodes as usize],
    )
}

/// The attack *NaN, infinities, cycles, zero scores*: the last two.
#[test]
fn cycles_pruned_nodes_and_wrong_graphs_are_errors_with_their_place() {
    // shows: IACP-048 (§4.1.3.2)
    let hrp = [share(9_000), share(0), share(9_000), share(500)];
    let dag = |edges| Dag { hrp: &hrp, edges, theta: share(1_000) };
    let best = |edges, target| best_path(&dag(edges), 0, target, &mut [Scratch::FREE; 4]);
    assert_eq!(best(&[(0, 1), (1, 2)], 2), Err(NoRoute::Unreachable), "a score of zero");
    assert_eq!(best(&[(0, 3), (3, 2)], 2), Err(NoRoute::Unreachable), "below theta");
    assert_eq!(best(&[(0, 1), (1, 0), (0, 2)], 2), Err(NoRoute::Unsorted(2)));
    assert_eq!(best(&[(0, 2), (2, 0)], 2), Err(NoRoute::Cycle(0)));
    assert_eq!(best(&[(2, 2)], 2), Err(NoRoute::Cycle(2)));
    assert_eq!(
        best(&[(0, 1), (0, 2), (1, 0)], 2).map(|route| route.cost),
        Ok(11_111),
        "through a pruned node is no cycle"
    );
    assert_eq!(best(&[(0, 4)], 2), Err(NoRoute::NoSuchNode(4)));
    assert_eq!(best(&[], 9), Err(NoRoute::NoSuchNode(9)));
    assert_eq!(best(&[], 4), Err(NoRoute::NoSuchNode(4)));
    let none = Dag { theta: Share::ZERO, ..dag(&[(0, 1), (1, 2)]) };
    let through = best_path(&none, 0, 2, &mut [Scratch::FREE; 4]);
    assert_eq!(through, Err(NoRoute::Unreachable), "of no relevance, whatever theta is");
    assert_eq!(best(&[], 0).map(|route| (route.cost, route.nodes.len())), Ok((0, 1)));
    assert_eq!(best_path(&dag(&[]), 0, 0, &mut [Scratch::FREE; 3]), Err(NoRoute::Scratch));
    assert_eq!(chain(u32::try_from(HOPS_MAX).expect("64") + 1).map(|route| route.nodes.len()), Ok(65));
    assert_eq!(chain(u32::try_from(HOPS_MAX).expect("64") + 2), Err(NoRoute::TooFar));
}

#[test]
fn a_deep_graph_takes_no_stack_and_linear_time() {
    assert_eq!(chain(200_000), Err(NoRoute::TooFar));
}
