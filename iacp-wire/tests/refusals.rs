//! Refusals inside a frame of the right length: TLVs, wrong length fields, invalid text.

mod figures;

use figures::{Ending, Sample, correct_length, hex, of};
use iacp_wire::layout::{HandOffContext, NamespaceRoot};
use iacp_wire::message::MalfeasanceData;
use iacp_wire::{Frame, MessageType, ParseError, Reason, Tlvs, WriteError};

fn refused<T>(result: Result<T, ParseError>) -> (Reason, &'static str, usize) {
    match result {
        Ok(_) => panic!("it was accepted"),
        Err(ParseError { reason, field, offset }) => (reason, field, offset),
    }
}

/// The sample's frame with these TLVs after its own, and where they start.
fn followed(sample: &Sample, tlvs: &str) -> (Vec<u8>, usize) {
    let mut bytes = sample.encoded();
    let end = bytes.len();
    bytes.extend(hex(tlvs));
    correct_length(&mut bytes);
    (bytes, end)
}

fn fixed() -> impl Iterator<Item = &'static Sample> {
    figures::all().filter(|sample| sample.ending == Ending::Tlvs)
}

/// ERP_INIT without TLVs: 36 bytes.
fn plain(tlvs: &str) -> Vec<u8> {
    followed(of(MessageType::ErpInit), tlvs).0
}

// shows: IACP-156 (§7.2–7.4)
#[test]
fn a_tlv_that_overruns_is_refused() {
    for tlv in ["c3", "c3 01", "c3 ff", "c3 04 00×3", "80 20 00×31", "80", "17 12 04", "0c 01", "00"] {
        for sample in fixed() {
            let (bytes, start) = followed(sample, tlv);
            let reason = Reason::TlvOverrun(hex(tlv)[0]);
            // A truncated TLV is reported as such, even if it repeats another.
            assert_eq!(refused(Frame::parse(&bytes)), (reason, "tlv", start), "{} + {tlv}", sample.name());
        }
    }
    // The first TLV is complete, the second one overruns.
    assert_eq!(refused(Frame::parse(&plain("c3 01 00 c4 02 00"))), (Reason::TlvOverrun(0xC4), "tlv", 36 + 3));
}

// shows: IACP-156 (§7.2–7.4)
#[test]
fn a_known_tlv_that_is_repeated_is_refused() {
    let v4 = "04 00 c0000207 c6336408 77×8";
    let repeated = [
        ("80 20 11×32 80 20 11×32".to_owned(), 0x80, 36 + 34),
        ("81 20 11×32 c3 00 81 20 22×32".to_owned(), 0x81, 36 + 34 + 2),
        ("82 20 11×32 82 20 11×32".to_owned(), 0x82, 36 + 34),
        ("90 04 11×4 90 04 11×4".to_owned(), 0x90, 36 + 6),
        ("91 10 11×16 91 10 11×16".to_owned(), 0x91, 36 + 18),
        (format!("17 12 {v4} 17 12 {v4}"), 0x17, 36 + 20),
        // Another known one between the two makes no difference.
        ("80 20 11×32 81 20 22×32 80 20 11×32".to_owned(), 0x80, 36 + 68),
        // A vector under each of the two types counts as repeated.
        (format!("17 12 {v4} 0c 12 {v4}"), 0x0C, 36 + 20),
        (format!("0c 12 {v4} 17 12 {v4}"), 0x17, 36 + 20),
    ];
    for (tlvs, code, offset) in repeated {
        assert_eq!(refused(Frame::parse(&plain(&tlvs))), (Reason::TlvRepeated(code), "tlv", offset), "{tlvs}");
    }
    // Different known ones are allowed, and an unknown one any number of times.
    assert!(Frame::parse(&plain(&format!("80 20 11×32 81 20 11×32 17 12 {v4} c3 00 c3 00"))).is_ok());
}

// shows: IACP-156 (§7.2–7.4)
#[test]
fn a_known_tlv_of_another_size_is_refused() {
    for (code, tlv) in [
        (0x80, "80 00"),
        (0x80, "80 1f 11×31"),
        (0x80, "80 21 11×33"),
        (0x81, "81 00"),
        (0x81, "81 1f 11×31"),
        (0x81, "81 40 11×64"),
        (0x82, "82 00"),
        (0x82, "82 1f 11×31"),
        (0x82, "82 21 11×33"),
        (0x90, "90 03 11×3"),
        (0x90, "90 05 11×5"),
        (0x91, "91 0f 11×15"),
        (0x91, "91 11 11×17"),
        (0x17, "17 00"),
        (0x17, "17 11 04 00×16"),
        (0x17, "17 13 04 00×18"),
        // IPv4 in the length of IPv6, and the other way round.
        (0x17, "17 2a 04 00×41"),
        (0x17, "17 12 06 00×17"),
        (0x0C, "0c 00"),
        (0x0C, "0c 29 06 00×40"),
        (0x0C, "0c 2b 06 00×42"),
    ] {
        assert_eq!(refused(Frame::parse(&plain(tlv))), (Reason::TlvSize(code), "tlv", 36), "{tlv}");
        // The same without a frame: offsets count from the first TLV.
        assert_eq!(refused(Tlvs::parse(&hex(tlv))), (Reason::TlvSize(code), "tlv", 0), "{tlv}");
    }
}

#[test]
fn an_ip_version_that_is_neither_4_nor_6_is_refused() {
    for version in (0..=u8::MAX).filter(|version| !matches!(version, 4 | 6)) {
        for (code, rest) in [("17", 17), ("17", 41), ("0c", 17), ("0c", 0)] {
            let tlv = format!("{code} {:02x} {version:02x} 00×{rest}", rest + 1);
            assert_eq!(refused(Frame::parse(&plain(&tlv))), (Reason::IpVersion(version), "tlv", 36), "{tlv}");
        }
    }
}

// shows: IACP-156 (§7.2–7.4)
#[test]
fn an_unknown_tlv_is_skipped_and_kept() {
    for code in (0..=u8::MAX).filter(|code| !matches!(code, 0x0C | 0x17 | 0x80..=0x82 | 0x90 | 0x91)) {
        for sample in fixed() {
            for value in ["", "99", "80 20 11×32", "99×255"] {
                let length = hex(value).len();
                let (bytes, start) = followed(sample, &format!("{code:02x} {length:02x} {value}"));
                let frame = Frame::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", sample.name()));
                let last = frame.tlvs.iter().last().expect("the unknown one");
                assert_eq!((last.code, last.value), (code, &bytes[start + 2..]));
                let mut buffer = [0; 1024];
                assert_eq!(frame.write(&mut buffer), Ok(bytes.len()));
                assert_eq!(buffer[..bytes.len()], bytes);
            }
        }
    }
}

// shows: IACP-156 (§7.2–7.4)
#[test]
fn a_migration_vector_without_its_tlv_is_refused() {
    for tlvs in ["", "c3 00", "80 20 11×32"] {
        let mut bytes = of(MessageType::MigrationVector).encoded();
        bytes.truncate(4 + 104);
        bytes.extend(hex(tlvs));
        correct_length(&mut bytes);
        assert_eq!(refused(Frame::parse(&bytes)), (Reason::TlvMissing(0x17), "tlv", bytes.len()));
    }
}

/// Where the four bytes of the length field start, and where the part that they measure starts.
fn length_field(sample: &Sample) -> (&'static str, usize, usize) {
    let Ending::Measured { length_field, .. } = sample.ending else { panic!("a measured message") };
    let fields = sample.fixed_fields();
    let (name, end) = fields.iter().find(|(name, _)| *name == length_field).expect("the field is drawn");
    (name, end - 4, fields.last().expect("a field").1)
}

// shows: IACP-159 (App. A), IACP-169 (§8.7)
#[test]
fn a_length_inside_the_body_that_lies_is_refused() {
    let measured = figures::all().filter(|sample| matches!(sample.ending, Ending::Measured { .. }));
    assert_eq!(
        measured
            .map(|sample| {
                let (name, at, behind) = length_field(sample);
                let mut bytes = sample.encoded();
                let honest = u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
                for lie in [honest.wrapping_sub(1), honest + 1, honest + 64, 1 << 31, u32::MAX, honest | 1 << 16] {
                    bytes[at..at + 4].copy_from_slice(&lie.to_be_bytes());
                    let expected = (Reason::Length, name, behind);
                    assert_eq!(refused(Frame::parse(&bytes)), expected, "{} says {lie}", sample.name());
                }
            })
            .count(),
        4
    );
}

#[test]
fn the_signature_of_a_rebuttal_is_never_evidence() {
    let sample = of(MessageType::PssRevocationRebuttal);
    let mut bytes = sample.encoded();
    let (name, at, behind) = length_field(sample);
    // All following bytes are declared as evidence, so that none are left for the signature.
    let all = u32::try_from(bytes.len() - behind).expect("a short frame");
    bytes[at..at + 4].copy_from_slice(&all.to_be_bytes());
    assert_eq!(refused(Frame::parse(&bytes)), (Reason::Length, name, behind));
    // With fewer bytes than a signature, no length of the evidence is right.
    for left in 0..64 {
        bytes.truncate(behind + left);
        bytes.resize(behind + left, 0x55);
        correct_length(&mut bytes);
        for claim in [0, u32::MAX, u32::MAX - 63, 64] {
            bytes[at..at + 4].copy_from_slice(&claim.to_be_bytes());
            assert_eq!(refused(Frame::parse(&bytes)), (Reason::Length, name, behind));
        }
    }
}

#[test]
fn data_that_is_no_proof_of_malfeasance_is_refused() {
    for length in (0..1024).filter(|length| *length != 380) {
        let data = vec![0; length];
        assert_eq!(refused(MalfeasanceData::parse(&data)), (Reason::Length, "malfeasance_data", 0));
    }
}

#[test]
fn a_sealed_part_without_room_for_its_tag_is_refused() {
    let sample = of(MessageType::PssDataStream);
    let whole_figure = sample.fixed_fields().last().expect("a field").1;
    for sealed in 0..16 {
        let mut bytes = sample.encoded();
        bytes.truncate(whole_figure + sealed);
        correct_length(&mut bytes);
        let expected = (Reason::Truncated, "encrypted_payload", whole_figure + sealed);
        assert_eq!(refused(Frame::parse(&bytes)), expected);
    }
}

/// Text that stops being UTF-8 after `valid` bytes.
const NO_TEXT: [(&str, usize); 6] =
    [("ff", 0), ("61 c3", 1), ("6161 e282", 2), ("c0af", 0), ("61 eda080", 1), ("6162 f4908080", 2)];

#[test]
fn a_uri_that_is_not_utf_8_is_refused() {
    for (text, valid) in NO_TEXT {
        let mut bytes = hex("1 12 0 0000");
        bytes.extend(hex(text));
        bytes.extend([0x22; 104]);
        correct_length(&mut bytes);
        assert_eq!(refused(Frame::parse(&bytes)), (Reason::Utf8, "legacy_target_uri", 4 + valid), "{text}");
    }
}

// shows: IACP-054 (§4.1.1)
#[test]
fn a_hand_off_context_object_that_is_cut_or_longer_or_no_text_is_refused() {
    let object = hex("0102 11×32 22×32 0003 616263");
    let ends = [("trigger_type", 2), ("esd_eid", 34), ("session_hash", 66), ("target_url_length", 68)];
    for length in 0..object.len() {
        let expected = match ends.iter().find(|(_, end)| *end > length) {
            Some((field, _)) => (Reason::Truncated, *field, length),
            None => (Reason::Length, "target_url_length", 68),
        };
        assert_eq!(refused(HandOffContext::parse(&object[..length])), expected);
    }
    let longer = [&object[..], &[0x64]].concat();
    assert_eq!(refused(HandOffContext::parse(&longer)), (Reason::Length, "target_url_length", 68));
    for (text, valid) in NO_TEXT {
        let bytes = hex(&format!("0102 11×32 22×32 {:04x} {text}", hex(text).len()));
        assert_eq!(refused(HandOffContext::parse(&bytes)), (Reason::Utf8, "target_url", 68 + valid));
    }
}

// shows: IACP-112 (§5.2.1)
#[test]
fn a_namespace_root_record_that_is_cut_or_longer_or_no_text_is_refused() {
    let record = hex("0003 0000 11×32 22×32 616263");
    let ends = [("namespace_length", 2), ("reserved", 4), ("curation_public_key", 36), ("escrow_allocation_index", 68)];
    for length in 0..record.len() {
        let expected = match ends.iter().find(|(_, end)| *end > length) {
            Some((field, _)) => (Reason::Truncated, *field, length),
            None => (Reason::Length, "namespace_length", 68),
        };
        assert_eq!(refused(NamespaceRoot::parse(&record[..length])), expected);
    }
    let longer = [&record[..], &[0x64]].concat();
    assert_eq!(refused(NamespaceRoot::parse(&longer)), (Reason::Length, "namespace_length", 68));
    for (text, valid) in NO_TEXT {
        let bytes = hex(&format!("{:04x} 0000 11×32 22×32 {text}", hex(text).len()));
        assert_eq!(refused(NamespaceRoot::parse(&bytes)), (Reason::Utf8, "namespace", 68 + valid));
    }
}

#[test]
fn why_a_frame_cannot_be_written_is_said_in_words() {
    let errors = [WriteError::TooSmall { needed: 88 }, WriteError::TooLong, WriteError::Length, WriteError::Tlvs];
    let said = errors.map(|error| error.to_string());
    assert_eq!(
        said,
        [
            "the buffer is too small: 88 bytes are needed",
            "the payload is longer than 65,535 bytes",
            "a length field is not the length of what it measures",
            "the message does not take these TLVs, or lacks one",
        ]
    );
}
