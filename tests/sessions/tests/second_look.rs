//! A second look: machines of unlike sizes, peers that lie, clocks that stand at their ends, and the same questions asked
//! again with other inputs.

use sessions::{Beat, Heard, Pair, TOP};

#[test]
fn a_heartbeat_with_the_last_of_all_numbers_is_one_like_any_other() {
    let mut pair = Pair::new().confirmed();
    pair.heartbeats = (1 << 63) - 1;
    let beat = pair.beat();
    let ask = Beat { next_send: beat.next_send | TOP, ..beat };
    assert_eq!(pair.give_beat(&ask), Heard::Nothing);
    let sent = pair.sent();
    let (_, plain) = pair.forger.open(&sent[0]).expect("authentic");
    assert_eq!(plain[32 + 1 + 48..32 + 1 + 56], u64::MAX.to_be_bytes(), "its echo");
}

