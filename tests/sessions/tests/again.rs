//! Memory that is used again: a new session, and its agent, are told nothing of the session that was there before.

use iacp_core::erp::local::{ClosureCode, Listen, Request};
use iacp_core::pss::{Capabilities, KEEP_FAREWELL, TeardownReason, Terms};
use sessions::hosts::Hosts;

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
const LISTEN: Listen = Listen { capabilities: Capabilities::NONE, terms: TERMS, sessions: 4, hold: false };
const ITEMS: u64 = 5;

#[test]
fn items_of_an_earlier_session_are_never_told_as_delivered_in_a_later_one() {
    let mut world = Hosts::new(1, 2, 1, true);
    assert!(world.run_until(120_000, Hosts::all_bound));
    let now = world.now;
    world.hosts[1].with(now, 0, |desk, _| desk.listen(LISTEN)).expect("a window of 16");
    let peer = world.eid(1, 0);
    let told = |world: &Hosts, session: u64| world.hosts[0].told.get(&(0, session)).cloned().unwrap_or_default();
    let mut places = Vec::new();
    for round in 0..12 {
        let (here, there, now) = (world.hosts[0].at, world.hosts[1].at, world.now);
        // For a while nothing arrives, and the session has no keys.
        world.cut = vec![(here, there)];
        let open = world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, None, Capabilities::NONE, rng));
        let session = open.expect("a slot is free");
        world.run(2_500);
        assert_eq!(told(&world, session.bits()).delivered, 0, "round {round}: nothing was sent");
        world.cut.clear();
        assert!(world.run_until(20_000, |world| told(world, session.bits()).peer.is_some()));
        assert_eq!(told(&world, session.bits()).delivered, 0, "round {round}: nothing was sent");
        let now = world.now;
        for item in 0..ITEMS {
            world.hosts[0].with(now, 0, |desk, _| desk.send(session, item, b"an item")).expect("the window is 16");
        }
        assert!(world.run_until(20_000, |world| told(world, session.bits()).delivered > 0));
        world.run(2_000);
        assert_eq!(told(&world, session.bits()).delivered, ITEMS, "round {round}");
        let (now, abort) = (world.now, Request::Abort(TeardownReason::None.code()));
        world.hosts[0].with(now, 0, |desk, rng| desk.ask(Some(session), &abort, rng)).expect("it is open");
        world.run(KEEP_FAREWELL + 1_000);
        let ended = told(&world, session.bits());
        assert_eq!((ended.delivered, ended.closed), (ITEMS, Some(ClosureCode::ForcedByUs)));
        places.push(session.slot());
    }
    places.sort_unstable();
    places.dedup();
    assert!(places.len() < 12, "memory was used again");
}
