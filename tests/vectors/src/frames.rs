//! Golden frames of every message, and frames that are refused.

#[path = "../../../iacp-wire/tests/figures/mod.rs"]
mod figures;

use iacp_wire::{Frame, Value as Field};
use serde_json::{Value, json};

fn fields(frame: &Frame<'_>) -> Vec<Value> {
    let mut fields = Vec::new();
    frame.message.visit(&mut |name, value| {
        fields.push(match value {
            Field::Bytes(bytes) | Field::Secret(bytes) => json!({ "name": name, "hex": hex::encode(bytes) }),
            Field::Integer(number) => json!({ "name": name, "number": number }),
            Field::Text(text) => json!({ "name": name, "text": text }),
        });
    });
    fields
}

/// Every message by a frame that is written by hand, with its fields (PROFILE 1).
///
/// # Panics
/// One of them is not a frame.
#[must_use]
pub fn golden() -> Vec<Value> {
    let one = |sample: &figures::Sample| {
        let bytes = sample.encoded();
        let frame = Frame::parse(&bytes).expect("a golden frame");
        json!({
            "message": frame.message.message_type().name(), "hex": hex::encode(&bytes), "flags": frame.flags.bits(),
            "fields": fields(&frame), "tlvs": sample.tlvs.iter().map(|tlv| hex::encode(figures::hex(tlv))).collect::<Vec<_>>(),
        })
    };
    figures::all().map(one).collect()
}

/// Every message damaged in the ways in which a frame can be, and why it is refused.
///
/// # Panics
/// One of them is taken.
#[must_use]
pub fn refused() -> Vec<Value> {
    let mut all = Vec::new();
    for sample in figures::all() {
        let whole = sample.encoded();
        let mut damage = |how: &str, bytes: Vec<u8>| match Frame::parse(&bytes) {
            // A shorter frame of another shape, or a text that is cut, may be one.
            Ok(_) => assert!(how != "another version", "it has version 1"),
            Err(error) => all.push(json!({
                "message": sample.message_type.name(), "how": how, "hex": hex::encode(&bytes),
                "why": format!("{:?}", error.reason), "field": error.field, "offset": error.offset,
            })),
        };
        damage("cut without saying so", whole[..whole.len() - 1].to_vec());
        damage("a byte behind it", [&whole[..], &[0]].concat());
        for (field, end) in sample.fixed_fields().iter().filter(|(_, end)| *end > 4) {
            let mut cut = whole[..end - 1].to_vec();
            if !sample.is_outer() {
                figures::correct_length(&mut cut);
            }
            damage(&format!("ends inside {field}, and says so"), cut);
        }
        if !sample.is_outer() {
            let mut version = whole.clone();
            version[0] = version[0] & 0x0F | 0x20;
            damage("another version", version);
            let mut overrun = [&whole[..], &[0xC3, 4, 0]].concat();
            figures::correct_length(&mut overrun);
            damage("a TLV that overruns", overrun);
        }
    }
    all
}
