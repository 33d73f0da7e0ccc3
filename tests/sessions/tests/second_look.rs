//! A second look: machines of unlike sizes, peers that lie, clocks that stand at their ends, and the same questions asked
//! again with other inputs.

use iacp_core::pss::{TeardownReason, continuity};
use sessions::forger::next_chain;
use sessions::{Beat, Heard, Pair, Side, TOP, addr};

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

#[test]
fn a_wish_to_close_waits_for_the_peer_also_where_everything_is_said_already() {
    let mut pair = Pair::new().confirmed();
    let now = pair.now;
    let fin = pair.session().finish(now).expect("room");
    let sent = pair.sent();
    let chain = next_chain(&pair.origin().1, &sent[0][sent[0].len() - 16..]);
    let beat = pair.heartbeat(fin + 1, chain);
    pair.give(&beat);
    pair.session().transport_lost(now);
    pair.session().close(now, TeardownReason::TaskComplete).expect("open");
    pair.bob.hear(now);
    // For ten minutes the peer is away, and the host looks all the time.
    for second in 0..=600 {
        pair.at(now.after(second * 1_000));
    }
    assert_eq!(pair.session().continuity(), Some(continuity::State::Disconnected));
    let now = pair.now;
    pair.session().reconnect(now, addr(Side::Alice)).expect("away");
    pair.opened();
    let beat = pair.heartbeat(fin + 1, chain);
    pair.give(&beat);
    assert_eq!(pair.session().continuity(), Some(continuity::State::Established));
    pair.at(now.after(10));
    assert!(pair.sent().iter().any(|frame| frame[1] >> 4 == 0xC), "now it asks");
}

