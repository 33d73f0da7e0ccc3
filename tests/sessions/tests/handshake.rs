//! Two agents, three messages, one session (`IACP §6.4.3`).

use iacp_core::pss::Closure;
use sessions::{Mono, Plan, Side, World};

#[test]
fn a_file_crosses_and_both_sides_part_in_good_order() {
    let chunks: Vec<Vec<u8>> = (0..40_u8).map(|n| vec![n; 500]).collect();
    let mut world = World::new(&Plan { from_alice: chunks.clone(), ..Plan::default() });
    assert!(world.run_until(Mono(3_600_000)), "everything comes to rest");
    assert_eq!(world.bob.stream(), chunks.concat());
    assert_eq!((world.alice.closure, world.bob.closure), (Some(Closure::Graceful), Some(Closure::Graceful)));
    assert_eq!(world.bob.accepted, 1);
    let _ = Side::Alice;
}
