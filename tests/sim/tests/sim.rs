//! The size that a test has time for. `cargo run --release -p sim --example sim` runs the full one.

use sim::{Size, growth, run};

/// Flooders, equivocators, false accusers, thieves, identity cyclers, lying nodes and a partition at once.
// shows: IACP-101 (§4.2.7.2), IACP-116 (§5.3.1), IACP-125 (§5.4.2)
#[test]
fn under_all_attacks_at_once_the_guilty_are_slashed_and_nothing_is_lost() {
    let report = run(Size::SMALL);
    println!("seed {}\n{report}", report.size.seed);
    assert!(report.is_sound(), "seed {}", report.size.seed);
    assert!(report.liars > 0, "nodes lie");
}

#[test]
fn a_seed_is_a_run() {
    let size = Size { seed: 9, nodes: 14, agents: 20, attackers: 1, places: 256 };
    let (one, other) = (run(size), run(size));
    println!("seed {}\n{one}", size.seed);
    assert_eq!(one.json(), other.json());
    assert!(one.is_sound());
}

/// Ten times the nodes cost a bounded number of further rounds, as in Kademlia.
#[test]
fn look_ups_grow_with_the_logarithm_of_the_network() {
    let [hundred, thousand, more] = [100, 1_000, 10_000].map(|nodes| growth::measure(1, nodes, 40));
    println!("{hundred:?}\n{thousand:?}\n{more:?}");
    for (small, large) in [(hundred, thousand), (thousand, more)] {
        assert!(large.hops <= small.hops + 300, "three rounds for ten times the nodes");
    }
    for growth in [hundred, thousand, more] {
        assert!(growth.exact >= 90, "{growth:?}");
    }
}
