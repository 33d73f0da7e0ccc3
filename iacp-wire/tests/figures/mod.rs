//! One golden frame per message, written by hand from the figures of the draft, field by field.
//!
//! Hex is read digit by digit, so that a header can be written as in its figure: version, type, flags, length. A group
//! `11×32` is the byte 0x11, thirty-two times.
#![allow(dead_code, reason = "every test takes what it needs")]

mod carriage;
mod directory;
mod erp;
mod local;
mod node;
mod other;
mod pss;

use iacp_wire::MessageType;

/// How the value of a field is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bytes,
    Integer,
    Text,
}

/// A field of a figure, with the bytes that this sample puts there.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub hex: &'static str,
}

pub const fn bytes(name: &'static str, hex: &'static str) -> Field {
    Field { name, kind: Kind::Bytes, hex }
}

pub const fn integer(name: &'static str, hex: &'static str) -> Field {
    Field { name, kind: Kind::Integer, hex }
}

pub const fn text(name: &'static str, hex: &'static str) -> Field {
    Field { name, kind: Kind::Text, hex }
}

/// What may follow the fixed fields of a body, and what determines its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The body is fixed; TLVs may follow it.
    Tlvs,
    /// The part after the first `head` fields has the length in this field.
    Measured { head: usize, length_field: &'static str },
    /// The last field runs to the end and has at least `least` bytes.
    Open { least: usize },
    /// A text comes first; it takes all bytes that the fixed fields leave.
    TextFirst,
    /// The first `head` fields may stand alone; the others follow them together or not at all.
    Optional { head: usize },
}

/// A golden frame.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub message_type: MessageType,
    /// Version, type, flags, Payload Length; or outer type, flags, Transit-ID.
    pub header: &'static str,
    /// The R-Cookie of the session header, or nothing.
    pub responder_cookie: &'static str,
    pub body: &'static [Field],
    /// Type, length, value of each TLV.
    pub tlvs: &'static [&'static str],
    pub ending: Ending,
}

impl Sample {
    /// The frame as bytes.
    pub fn encoded(&self) -> Vec<u8> {
        let mut all = hex(self.header);
        all.extend(hex(self.responder_cookie));
        self.body.iter().for_each(|field| all.extend(hex(field.hex)));
        self.tlvs.iter().for_each(|tlv| all.extend(hex(tlv)));
        all
    }

    /// The fixed fields that an error can name, in wire order, with the byte of the datagram at which each ends.
    pub fn fixed_fields(&self) -> Vec<(&'static str, usize)> {
        let mut end = hex(self.header).len();
        let mut fields = Vec::new();
        if !self.responder_cookie.is_empty() {
            end += hex(self.responder_cookie).len();
            fields.push(("responder_cookie", end));
        }
        let body = match self.ending {
            Ending::Tlvs | Ending::Optional { .. } => self.body,
            Ending::Measured { head, .. } => &self.body[..head],
            Ending::Open { .. } => &self.body[..self.body.len() - 1],
            Ending::TextFirst => &self.body[1..],
        };
        for field in body {
            end += hex(field.hex).len();
            fields.push((field.name, end));
        }
        fields
    }

    pub fn is_outer(&self) -> bool {
        self.message_type == MessageType::OuterTransport
    }

    /// A name for failures.
    pub fn name(&self) -> String {
        format!("{} ({})", self.message_type.name(), self.header)
    }
}

/// All samples: every message of the registry at least once.
pub fn all() -> impl Iterator<Item = &'static Sample> {
    let samples = [
        directory::SAMPLES,
        node::SAMPLES,
        pss::SAMPLES,
        erp::SAMPLES,
        local::SAMPLES,
        other::SAMPLES,
        carriage::SAMPLES,
    ];
    samples.into_iter().flatten()
}

/// The first sample of a type.
pub fn of(message_type: MessageType) -> &'static Sample {
    all().find(|sample| sample.message_type == message_type).expect("every type has a sample")
}

/// Sets the Payload Length to the length after the header.
pub fn correct_length(frame: &mut [u8]) {
    let length = u16::try_from(frame.len() - 4).expect("samples are short");
    frame[2..4].copy_from_slice(&length.to_be_bytes());
}

/// Reads hex with repetitions.
pub fn hex(text: &str) -> Vec<u8> {
    let mut digits = Vec::new();
    for group in text.split_whitespace() {
        let (unit, count) = group.split_once('×').unwrap_or((group, "1"));
        let unit: Vec<u32> = unit.chars().map(|c| c.to_digit(16).expect("a hex digit")).collect();
        let count: usize = count.parse().expect("a count");
        (0..count).for_each(|_| digits.extend_from_slice(&unit));
    }
    assert!(digits.len().is_multiple_of(2), "half a byte in {text}");
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits are a byte")).collect()
}

/// Big-endian.
pub fn number(text: &str) -> u64 {
    hex(text).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
