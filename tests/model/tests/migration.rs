//! Moves, crashes and replayed bindings (`IACP §4.2.5`).

use model::migration::Migration;
use stateright::{Checker, Model};

// shows: IACP-091 (§4.2.5.2), IACP-093 (§4.2.5.2)
#[test]
fn a_peer_follows_the_newest_binding_whatever_is_replayed_and_whatever_crashes() {
    let checker = Migration::new(6, true).checker().threads(2).spawn_bfs().join();
    println!("{} states", checker.unique_state_count());
    for (name, path) in checker.discoveries() {
        assert_eq!(name, "the peer has followed two moves", "not so, after {:?}", path.into_actions());
    }
    assert!(checker.discovery("the peer has followed two moves").is_some());
    assert!(checker.unique_state_count() > 1_000, "too small to mean anything");
}

#[test]
fn an_owner_that_loses_its_bound_contradicts_itself() {
    let checker = Migration::new(6, false).checker().threads(2).spawn_bfs().join();
    assert!(checker.discovery("the owner never contradicts itself").is_some());
}
