//! What every message refuses: truncation, extension, and a wrong header.

mod figures;

use figures::{Ending, Sample, correct_length, hex, of};
use iacp_wire::{Frame, MessageType, ParseError, Reason};

fn refusal(bytes: &[u8]) -> ParseError {
    match Frame::parse(bytes) {
        Ok(frame) => panic!("{frame:?} out of {bytes:02x?}"),
        Err(error) => error,
    }
}

fn error(reason: Reason, field: &'static str, offset: usize) -> ParseError {
    ParseError { reason, field, offset }
}

/// The error of a frame that ends after `length` bytes and declares this length; `None` if it is a valid shorter frame.
fn cut(sample: &Sample, length: usize) -> Option<ParseError> {
    let fields = sample.fixed_fields();
    let whole_figure = fields.last().map_or(4, |(_, end)| *end);
    if let Ending::Optional { head } = sample.ending
        && length == fields[head - 1].1
    {
        return None;
    }
    if length < whole_figure {
        let (name, _) = fields.iter().find(|(_, end)| *end > length).expect("the figure is not whole");
        return Some(error(Reason::Truncated, name, length));
    }
    match sample.ending {
        Ending::Tlvs => cut_tlv(sample, whole_figure, length),
        Ending::Measured { length_field, .. } => Some(error(Reason::Length, length_field, whole_figure)),
        Ending::Open { least } if length < whole_figure + least => {
            Some(error(Reason::Truncated, sample.body.last().expect("a field").name, length))
        }
        // The text has no length field, so it gets shorter, and may now end inside a character.
        Ending::TextFirst => {
            let text = hex(sample.body[0].hex);
            let utf8 = std::str::from_utf8(&text[..length - whole_figure]);
            utf8.err().map(|inside| error(Reason::Utf8, sample.body[0].name, 4 + inside.valid_up_to()))
        }
        Ending::Open { .. } | Ending::Optional { .. } => None,
    }
}

fn cut_tlv(sample: &Sample, mut start: usize, length: usize) -> Option<ParseError> {
    for tlv in sample.tlvs {
        let tlv = hex(tlv);
        if start < length && length < start + tlv.len() {
            return Some(error(Reason::TlvOverrun(tlv[0]), "tlv", start));
        }
        if length <= start {
            break;
        }
        start += tlv.len();
    }
    // A valid shorter frame, unless it lost a required TLV.
    let lost = sample.message_type == MessageType::MigrationVector && length == start && start == 4 + 104;
    lost.then(|| error(Reason::TlvMissing(0x17), "tlv", length))
}

// shows: IACP-169 (§8.7)
#[test]
fn every_prefix_is_refused() {
    for sample in figures::all().filter(|sample| !sample.is_outer()) {
        let bytes = sample.encoded();
        let declared = u16::from_be_bytes([bytes[2], bytes[3]]);
        for length in 0..bytes.len() {
            let expected = match u16::try_from(length).expect("samples are short").checked_sub(4) {
                None => {
                    error(Reason::Truncated, ["version", "type", "payload_length", "payload_length"][length], length)
                }
                Some(actual) => error(Reason::PayloadLength { declared, actual }, "payload_length", 2),
            };
            assert_eq!(refusal(&bytes[..length]), expected, "{} at {length}", sample.name());
        }
    }
}

// shows: IACP-169 (§8.7)
#[test]
fn every_prefix_that_says_its_own_length_names_the_field_that_is_cut() {
    for sample in figures::all().filter(|sample| !sample.is_outer()) {
        let bytes = sample.encoded();
        for length in 4..bytes.len() {
            let mut prefix = bytes[..length].to_vec();
            correct_length(&mut prefix);
            assert_eq!(Frame::parse(&prefix).err(), cut(sample, length), "{} at {length}", sample.name());
        }
    }
}

#[test]
fn every_prefix_of_an_outer_transport_header_names_the_field_that_is_cut() {
    let sample = of(MessageType::OuterTransport);
    let bytes = sample.encoded();
    let names = ["version", "type", "transit_id", "transit_id"];
    for length in 0..bytes.len() {
        let expected = match names.get(length) {
            Some(name) => Some(error(Reason::Truncated, name, length)),
            None => cut(sample, length),
        };
        assert_eq!(Frame::parse(&bytes[..length]).err(), expected, "at {length}");
    }
}

// shows: IACP-169 (§8.7)
#[test]
fn a_trailing_byte_is_refused() {
    for sample in figures::all().filter(|sample| !sample.is_outer()) {
        let mut bytes = sample.encoded();
        let declared = u16::from_be_bytes([bytes[2], bytes[3]]);
        bytes.push(0x55);
        let reason = Reason::PayloadLength { declared, actual: declared + 1 };
        assert_eq!(refusal(&bytes), error(reason, "payload_length", 2), "{}", sample.name());
    }
}

// shows: IACP-169 (§8.7)
#[test]
fn a_trailing_byte_that_is_counted_is_a_tlv_or_a_longer_part_or_refused() {
    for sample in figures::all().filter(|sample| !sample.is_outer()) {
        let mut bytes = sample.encoded();
        let end = bytes.len();
        bytes.push(0x55);
        correct_length(&mut bytes);
        let expected = match sample.ending {
            Ending::Tlvs => Some(error(Reason::TlvOverrun(0x55), "tlv", end)),
            Ending::Measured { length_field, head } => {
                let cookie = usize::from(!sample.responder_cookie.is_empty());
                Some(error(Reason::Length, length_field, sample.fixed_fields()[cookie + head - 1].1))
            }
            Ending::Optional { head } if sample.body.len() == head => {
                Some(error(Reason::Truncated, "fragment_a", end + 1))
            }
            Ending::Optional { .. } => Some(error(Reason::Trailing, "payload", end)),
            Ending::Open { .. } | Ending::TextFirst => None,
        };
        assert_eq!(Frame::parse(&bytes).err(), expected, "{}", sample.name());
    }
}

// shows: IACP-159 (App. A), IACP-169 (§8.7)
#[test]
fn a_payload_length_that_is_one_off_is_refused() {
    for sample in figures::all().filter(|sample| !sample.is_outer()) {
        let mut bytes = sample.encoded();
        let actual = u16::from_be_bytes([bytes[2], bytes[3]]);
        for declared in [actual - 1, actual + 1, 0, u16::MAX] {
            bytes[2..4].copy_from_slice(&declared.to_be_bytes());
            let reason = Reason::PayloadLength { declared, actual };
            assert_eq!(refusal(&bytes), error(reason, "payload_length", 2), "{}", sample.name());
        }
    }
}

#[test]
fn a_datagram_longer_than_any_length_is_refused() {
    let mut bytes = hex("1 0b 0 ffff");
    bytes.resize(4 + 0xFFFF, 0);
    assert!(Frame::parse(&bytes).is_ok());
    bytes.resize(4 + 0xFFFF + 1, 0);
    // The reported actual length is the largest 16-bit number.
    let reason = Reason::PayloadLength { declared: u16::MAX, actual: u16::MAX };
    assert_eq!(refusal(&bytes), error(reason, "payload_length", 2));
}

#[test]
fn another_version_is_refused() {
    for sample in figures::all().filter(|sample| !sample.is_outer()) {
        for version in [0, 2, 3, 7, 8, 15] {
            let mut bytes = sample.encoded();
            bytes[0] = version << 4 | bytes[0] & 0xF;
            assert_eq!(refusal(&bytes), error(Reason::Version(version), "version", 0), "{}", sample.name());
        }
    }
}

/// Version 0 is only for the Outer Transport Header, with its type 0x00F.
// shows: IACP-156 (§7.2–7.4)
#[test]
fn version_0_is_an_outer_transport_header_or_refused() {
    let mut bytes = of(MessageType::OuterTransport).encoded();
    for code in 0..=u8::MAX {
        (bytes[0], bytes[1]) = (code >> 4, code << 4);
        if code == 0x0F {
            assert!(Frame::parse(&bytes).is_ok());
        } else {
            assert_eq!(refusal(&bytes), error(Reason::Version(0), "version", 0), "{code:#04x}");
        }
    }
    // With version 1 this type is not a message.
    (bytes[0], bytes[1]) = (0x10, 0xF0);
    correct_length(&mut bytes);
    assert_eq!(refusal(&bytes), error(Reason::UnknownType(0x0F), "type", 0));
}

// shows: IACP-155 (§7.1)
#[test]
fn a_type_that_the_registry_does_not_have_is_refused() {
    let assigned = |code| matches!(code, 0x01..=0x0E | 0x11..=0x18 | 0x80..=0x82 | 0x84..=0x8C | 0x90..=0x9A);
    let mut refused = 0;
    for code in (0..=u8::MAX).filter(|code| !assigned(*code)) {
        // The length is right: only the type is wrong.
        let bytes = [0x10 | code >> 4, code << 4, 0, 2, 0, 0];
        assert_eq!(refusal(&bytes), error(Reason::UnknownType(code), "type", 0));
        refused += 1;
    }
    // All but the 22 messages with a common header and the 23 extensions; 0x00, 0x0F and 0xFF are among them.
    assert_eq!(refused, 256 - 45);
}

#[test]
fn a_session_flag_without_room_for_the_cookie_is_refused() {
    for message_type in MessageType::ALL.iter().filter(|known| **known != MessageType::OuterTransport) {
        let code = message_type.code();
        for room in 0..8 {
            let mut bytes = vec![0x10 | code >> 4, code << 4 | 1, 0, 0];
            bytes.resize(4 + room, 0x99);
            correct_length(&mut bytes);
            assert_eq!(refusal(&bytes), error(Reason::Truncated, "responder_cookie", 4 + room));
        }
    }
}

#[test]
fn a_session_flag_takes_the_cookie_out_of_the_body() {
    for sample in figures::all().filter(|sample| !sample.is_outer() && sample.responder_cookie.is_empty()) {
        // With the flag alone, the first eight bytes of the body count as the cookie, and the body is eight bytes
        // short.
        let mut bytes = sample.encoded();
        bytes[1] |= 1;
        if matches!(sample.ending, Ending::Tlvs | Ending::Measured { .. } | Ending::Optional { .. }) {
            assert!(Frame::parse(&bytes).is_err(), "{}", sample.name());
        }
        // With the flag and the cookie, it is the same message in a session.
        bytes.splice(4..4, [0x99; 8]);
        correct_length(&mut bytes);
        let frame = Frame::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", sample.name()));
        assert_eq!(frame.responder_cookie.map(|cookie| cookie.0), Some([0x99; 8]));
        assert_eq!(frame.message.message_type(), sample.message_type);
    }
}

#[test]
fn reserved_flags_are_accepted_and_ignored_and_written_as_zero() {
    for sample in figures::all() {
        let bytes = sample.encoded();
        let mut flagged = bytes.clone();
        flagged[1] |= 0xC;
        let frame = Frame::parse(&flagged).unwrap_or_else(|error| panic!("{}: {error}", sample.name()));
        // They are kept, because signatures cover them.
        assert_eq!(frame.flags.bits(), flagged[1] & 0xF);
        let mut buffer = [0; 1024];
        assert_eq!(frame.write(&mut buffer), Ok(bytes.len()));
        assert_eq!(buffer[..bytes.len()], bytes, "{}", sample.name());
    }
}

#[test]
fn a_refusal_names_its_field_and_its_byte() {
    let bytes = of(MessageType::DiscoveryReq).encoded();
    assert_eq!(refusal(&bytes[..87]).to_string(), "payload_length: says 84, but 83 bytes follow (byte 2)");
    assert_eq!(refusal(&[0x20, 0]).to_string(), "version: version 2 is not 1 (byte 0)");
}
