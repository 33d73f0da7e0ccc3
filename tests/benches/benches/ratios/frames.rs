//! Parsing and writing every message, against one copy of its bytes.

use std::hint::black_box;

use benches::{Effort, Goal, Pairs};
use iacp_wire::{Frame, MessageType};

#[path = "../../../../iacp-wire/tests/figures/mod.rs"]
mod figures;

pub fn run(pairs: &mut Pairs) {
    for message_type in MessageType::ALL {
        let sample = figures::of(*message_type);
        let bytes = sample.encoded();
        let frame = Frame::parse(&bytes).expect("a sample is a frame");
        let name = format!("{}, {} bytes", message_type.name(), bytes.len());
        let mut buffer = vec![0; bytes.len()];
        let mut copy = || {
            buffer.copy_from_slice(black_box(&bytes));
            black_box(buffer.as_slice());
        };
        let parse = || Frame::parse(black_box(&bytes)).map(black_box).is_ok();
        pairs.compare(("parse", &name), Goal::None, Effort::Brief, parse, &mut copy);
        let mut written = vec![0; bytes.len()];
        let write = || {
            let length = black_box(&frame).write(&mut written);
            black_box(written.as_slice());
            length
        };
        pairs.compare(("write", &name), Goal::None, Effort::Brief, write, &mut copy);
    }
}
