//! A session that runs, and whatever anybody can send it without its keys: everything is discarded, nothing panics, and
//! what the peer really sent is still taken afterwards.
#![no_main]

use iacp_core::pss::Event;
use libfuzzer_sys::fuzz_target;
use sessions::Pair;

fuzz_target!(|input: &[u8]| {
    let mut pair = Pair::new();
    let genuine = [pair.data(b"first"), pair.data(b"second"), pair.forger.teardown(1, 0), pair.forger.teardown(3, 0)];
    for part in input.split(|byte| *byte == 0xFF) {
        let Some((choice, rest)) = part.split_first() else { continue };
        let frame = match genuine.get(usize::from(choice % 8)) {
            // A genuine frame with some bytes changed: place and value, in pairs.
            Some(genuine) => {
                let mut frame = genuine.clone();
                for change in rest.chunks_exact(2) {
                    let place = usize::from(change[0]) % frame.len();
                    frame[place] ^= change[1];
                }
                if frame == *genuine {
                    continue;
                }
                frame
            }
            None => rest.to_vec(),
        };
        let event = pair.give(&frame);
        assert!(matches!(event, Event::Discarded(_)), "{frame:02x?}: {event:?}");
        pair.sent();
    }
    assert!(matches!(pair.give(&genuine[0]), Event::Data { .. }), "what was accepted is not lost");
});
