//! Refusing a DISCOVERY_REQ against one SHA-256 of it, and mining against bare compressions.

use std::hint::black_box;

use benches::{Effort, Goal, Pairs};
use iacp_core::crypto::Portable;
use iacp_core::discovery::pow::Miner;
use iacp_core::discovery::{NotAccepted, check};
use iacp_core::time::UnixTime;
use iacp_wire::message::DiscoveryReq;
use iacp_wire::{DhtKey, Frame, HEADER_LEN, Message, X25519Key};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

const NOW: UnixTime = UnixTime(1_790_000_000_000);

/// More work than has ever been done.
const REQUEST: DiscoveryReq = DiscoveryReq {
    target_space_coordinate: DhtKey([1; 32]),
    ephemeral_public_key: X25519Key([2; 32]),
    timestamp: zerocopy::network_endian::U64::new(NOW.0),
    pow_nonce: zerocopy::network_endian::U64::new(7),
    pow_target_threshold: zerocopy::network_endian::U32::new(200),
};

pub fn run(pairs: &mut Pairs) {
    let mut frame = [0; HEADER_LEN + DiscoveryReq::LEN];
    let length = Frame::new(Message::DiscoveryReq(&REQUEST)).write(&mut frame);
    assert_eq!(length, Ok(frame.len()));
    let refusal = |now, difficulty| check::<Portable>(black_box(&frame), black_box(now), black_box(difficulty)).err();
    let hash = || Sha256::digest(black_box(&frame[HEADER_LEN..]));
    assert_eq!(refusal(NOW, 12), Some(NotAccepted::Proof));
    pairs.compare(("refuse", "without the proof"), Goal::AtMost(1.20), Effort::Careful, || refusal(NOW, 12), hash);
    assert_eq!(refusal(NOW, 201), Some(NotAccepted::Threshold));
    pairs.compare(("refuse", "below the threshold"), Goal::None, Effort::Brief, || refusal(NOW, 201), hash);
    assert_eq!(refusal(UnixTime(0), 12), Some(NotAccepted::Timestamp));
    pairs.compare(("refuse", "out of time"), Goal::None, Effort::Brief, || refusal(UnixTime(0), 12), hash);

    let mut miner = Miner::new(REQUEST);
    let (mut state, mut block, mut nonce) = ([0; 8], [0; 64], 0_u64);
    let compression = || {
        nonce += 1;
        block[8..16].copy_from_slice(&nonce.to_be_bytes());
        compress256(&mut state, std::slice::from_ref(&block));
        state
    };
    pairs.compare(("mine", "one try"), Goal::None, Effort::Careful, || miner.step(1), compression);
}
