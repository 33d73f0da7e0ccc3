//! A small run of the demo: a real Kademlia on loopback.

use directory::demo::{Size, run};
use directory::show;

/// Whatever keys and places the seed gives: nothing registered is lost, the liar is slashed and the victim is not.
#[tokio::test]
async fn a_small_network_keeps_what_was_registered_and_slashes_the_liar_alone() {
    let size = Size { nodes: 12, agents: 6, seed: 7 };
    let report = run(size, &mut |mark| println!("{}", show::line(mark))).await.expect("loopback addresses of 127/8");
    println!("{}{}", show::table(&report), show::verdict(&report));
    assert!(report.is_sound(), "seed {}", size.seed);
    assert!(report.rows.iter().all(|row| row.copies >= 5), "a quorum has each binding");
    assert_eq!(show::json(&report)["sound"], true);
}
