//! Resuming after a loss of memory: each item once, whatever the network and the crashes do (`IACP §6.4.2`).

use model::resume::{Broken, Resuming, Side};
use stateright::{Checker, Model};

const fn bounds(items: u64, sessions: u8, crashes: u8, starter: Side) -> Resuming {
    Resuming { items, sessions, crashes, starter, broken: Broken::Nothing, depth: u8::MAX }
}

const ALL: [Resuming; 6] = [
    bounds(1, 3, 2, Side::A),
    bounds(2, 3, 2, Side::A),
    bounds(3, 3, 1, Side::A),
    bounds(1, 3, 2, Side::B),
    bounds(2, 3, 2, Side::B),
    bounds(3, 3, 1, Side::B),
];

// shows: IACP-144 (§6.4.2)
#[test]
fn each_item_is_committed_once_in_any_order_of_losses_repetitions_and_crashes() {
    for model in ALL {
        let checker = model.checker().threads(2).spawn_bfs().join();
        let states = checker.unique_state_count();
        println!("{model:?}: {states} states");
        for name in ["each item is committed once and in order", "there is no dead end"] {
            if let Some(path) = checker.discovery(name) {
                panic!("{model:?}: not so: {name}, after {:#?}", path.into_actions());
            }
        }
        for name in ["all is committed", "a line goes on in a second session"] {
            assert!(checker.discovery(name).is_some(), "{model:?}: never so: {name}");
        }
        assert!(states > 1_000, "too small to mean anything");
    }
}

#[test]
fn the_model_notices_each_rule_that_is_left_out() {
    let mutants = [
        Resuming { items: 1, sessions: 3, crashes: 2, starter: Side::A, broken: Broken::Names, depth: u8::MAX },
        Resuming { items: 2, sessions: 2, crashes: 0, starter: Side::B, broken: Broken::Freeze, depth: u8::MAX },
        Resuming { items: 2, sessions: 2, crashes: 1, starter: Side::A, broken: Broken::Repeats, depth: u8::MAX },
    ];
    for model in mutants {
        let checker = model.checker().threads(2).target_state_count(2_000_000).spawn_bfs().join();
        let found =
            checker.discoveries().into_iter().find(|(name, _)| *name == "each item is committed once and in order");
        let Some((_, path)) = found else { panic!("{model:?}: {} states", checker.unique_state_count()) };
        println!("{model:?}: {:?}", path.into_actions());
    }
}
