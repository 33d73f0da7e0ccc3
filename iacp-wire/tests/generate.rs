//! Well-formed frames are parsed, and near misses reach every reason for a refusal.

use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use iacp_wire::generate::{Damage, NearMiss, WellFormed};
use iacp_wire::{Frame, MessageType, Reason};
use proptest::prelude::*;

/// The reason that a damage leads to.
fn leads_to(damage: Damage, reason: Reason) -> bool {
    match damage {
        Damage::Truncated => matches!(reason, Reason::Truncated),
        Damage::Trailing => matches!(reason, Reason::Trailing),
        Damage::Version => matches!(reason, Reason::Version(2..)),
        Damage::UnknownType => matches!(reason, Reason::UnknownType(_)),
        Damage::PayloadLength => matches!(reason, Reason::PayloadLength { .. }),
        Damage::Length => matches!(reason, Reason::Length),
        Damage::TlvOverrun => matches!(reason, Reason::TlvOverrun(0xC3)),
        Damage::TlvRepeated => matches!(reason, Reason::TlvRepeated(0x80)),
        Damage::TlvSize => matches!(reason, Reason::TlvSize(0x80)),
        Damage::TlvMissing => matches!(reason, Reason::TlvMissing(0x17)),
        Damage::IpVersion => matches!(reason, Reason::IpVersion(_)),
        Damage::Utf8 => matches!(reason, Reason::Utf8),
    }
}

fn is_whole(bytes: &[u8]) {
    let frame = Frame::parse(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"));
    let mut written = vec![0; bytes.len()];
    assert_eq!(frame.write(&mut written), Ok(bytes.len()));
    // Reserved flags are not written.
    written[1] |= bytes[1] & 0xF;
    assert_eq!(written, bytes);
}

#[test]
fn every_message_and_every_damage_can_be_had_from_any_input() {
    for input in [&[][..], &[0; 40], &[0xFF; 700], &[0x5A; 33]] {
        for message_type in MessageType::ALL {
            let frame = WellFormed::of(*message_type, &mut Unstructured::new(input)).expect("bytes end in zeros");
            is_whole(frame.as_bytes());
            let parsed = Frame::parse(frame.as_bytes()).expect("whole");
            assert_eq!(parsed.message.message_type(), *message_type);
        }
        for damage in Damage::ALL {
            let near = NearMiss::of(damage, &mut Unstructured::new(input)).expect("bytes end in zeros");
            let error = Frame::parse(near.as_bytes()).err().unwrap_or_else(|| panic!("{damage:?} is taken"));
            assert!(leads_to(damage, error.reason), "{damage:?}: {error}");
        }
    }
}

#[test]
fn a_byte_of_input_chooses_the_message() {
    let frame = |first: u8| WellFormed::arbitrary(&mut Unstructured::new(&[first; 400])).expect("bytes");
    let types: BTreeSet<u8> = (0..=u8::MAX)
        .map(|first| Frame::parse(frame(first).as_bytes()).expect("whole").message.message_type().code())
        .collect();
    assert_eq!(types.len(), MessageType::ALL.len());
}

proptest! {
    #[test]
    fn what_is_called_well_formed_parses_and_is_written_back(input: Vec<u8>) {
        if let Ok(frame) = WellFormed::arbitrary(&mut Unstructured::new(&input)) {
            is_whole(frame.as_bytes());
        }
    }

    #[test]
    fn a_near_miss_is_refused_for_its_damage(input: Vec<u8>, damage in proptest::sample::select(&Damage::ALL[..])) {
        if let Ok(near) = NearMiss::of(damage, &mut Unstructured::new(&input)) {
            let error = Frame::parse(near.as_bytes()).expect_err("damaged");
            prop_assert!(leads_to(near.damage(), error.reason), "{:?}: {}", near.damage(), error);
        }
    }
}
