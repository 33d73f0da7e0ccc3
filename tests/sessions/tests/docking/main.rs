//! Hot-docking through the LL-Entity: one importer, one import, no nonce twice, nothing lost, in mid-stream and in bad
//! weather, and whichever host is killed at whichever point (`IACP §5.6`).

mod attacks;
mod keys;
mod killed;
mod shared;
mod story;

use iacp_core::erp::context::State;

use story::{Kind, MOVES, ROUGH, Story, TO};

const BOUND: State = State::Bound;

// shows: IACP-129 (§5.6), IACP-131 (§5.6)
#[test]
fn an_agent_moves_in_mid_stream_and_nothing_is_lost_or_told_twice() {
    for kind in [Kind::Plain, Kind::Resume, Kind::Hold] {
        for (seed, opener) in [(1, 0), (2, 1), (3, 0), (4, 1)] {
            let mut story = Story::opened_by(opener, seed, kind, ROUGH).mid_stream();
            let agent = story.world.dock(MOVES, TO);
            story.arrived(agent);
            story.finish();
            let newest = story.world.newest(&story.sides[1].own).expect("it is registered");
            assert_eq!(std::net::IpAddr::from(newest.ip), story.world.at(TO).ip(), "{kind:?}, seed {seed}");
        }
    }
}
