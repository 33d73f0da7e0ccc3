//! A frame as one line of JSON.

use iacp_wire::{Frame, HEADER_LEN, Value};
use serde::Serialize;

/// A frame, in the order in which its parts are printed.
#[derive(Serialize)]
pub struct Shown {
    ok: bool,
    #[serde(rename = "type")]
    name: &'static str,
    code: u8,
    version: u8,
    flags: u8,
    payload_length: usize,
    responder_cookie: Option<String>,
    fields: Vec<(&'static str, Field)>,
    tlvs: Vec<(u8, String)>,
}

/// Bytes as lower-case hex, text too; numbers as numbers.
#[derive(Serialize)]
#[serde(untagged)]
enum Field {
    Bytes(String),
    Number(u64),
}

/// The frame as a value.
#[must_use]
pub fn shown(frame: &Frame<'_>, bytes: &[u8]) -> Shown {
    let message_type = frame.message.message_type();
    let mut fields = Vec::new();
    frame.message.visit(&mut |name, value| {
        fields.push((
            name,
            match value {
                Value::Bytes(bytes) | Value::Secret(bytes) => Field::Bytes(hex::encode(bytes)),
                Value::Text(text) => Field::Bytes(hex::encode(text)),
                Value::Integer(number) => Field::Number(number),
            },
        ));
    });
    Shown {
        ok: true,
        name: message_type.name(),
        code: message_type.code(),
        version: frame.version(),
        flags: frame.flags.bits(),
        payload_length: bytes.len().saturating_sub(HEADER_LEN),
        responder_cookie: frame.responder_cookie.map(|cookie| cookie.to_string()),
        fields,
        tlvs: frame.tlvs.iter().map(|tlv| (tlv.code, hex::encode(tlv.value))).collect(),
    }
}
