//! Well-formed frames are parsed, and near misses reach every reason for a refusal.

use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use iacp_wire::generate::{Damage, NearMiss, WellFormed};
use iacp_wire::message::Evidence;
use iacp_wire::{Frame, KnownTlv, Message, MessageType, Reason};
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

/// 4 KiB for each of 400 seeds, the same on every run.
fn inputs() -> impl Iterator<Item = Vec<u8>> {
    (0..400_u64).map(|seed| {
        let numbers = std::iter::successors(Some(seed), |number| {
            Some(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
        });
        numbers.skip(1).map(|number| number.to_be_bytes()[0]).take(4_096).collect()
    })
}

/// The frames of a message that the seeds lead to.
fn seeded(message_type: MessageType) -> Vec<WellFormed> {
    inputs().map(|input| WellFormed::of(message_type, &mut Unstructured::new(&input)).expect("bytes")).collect()
}

/// What follows the figure of a message without a bound.
fn open_part<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    match *message {
        Message::OuterTransport { inner, .. }
        | Message::ErpDeflect { inner, .. }
        | Message::ErpStream { inner, .. }
        | Message::TicketedRequest { inner, .. }
        | Message::Local { inner, .. }
        | Message::PathRelay { inner, .. }
        | Message::WorkedRequest { inner, .. }
        | Message::SpaceRelay { inner, .. } => Some(inner),
        Message::AaiRequest { arguments: part, .. }
        | Message::AaiNotice { content: part, .. }
        | Message::SandboxStream { bytes: part, .. }
        | Message::DirGet { padding: part, .. }
        | Message::DirAnswer { records: part, .. }
        | Message::DirPut { record: part, .. } => Some(part),
        _ => None,
    }
}

/// How many frames lie one in another, the outermost included.
fn depth(bytes: &[u8]) -> usize {
    Frame::parse(bytes).map_or(0, |frame| 1 + open_part(&frame.message).map_or(0, depth))
}

#[test]
fn a_frame_carries_bytes_or_a_frame_and_three_at_most_lie_one_in_another() {
    for carrier in [
        MessageType::OuterTransport,
        MessageType::ErpDeflect,
        MessageType::ErpStream,
        MessageType::TicketedRequest,
        MessageType::Local,
        MessageType::PathRelay,
        MessageType::WorkedRequest,
        MessageType::SpaceRelay,
    ] {
        let depths: BTreeSet<usize> = seeded(carrier).iter().map(|frame| depth(frame.as_bytes())).collect();
        assert_eq!(depths, BTreeSet::from([1, 2, 3]), "{carrier}");
    }
}

#[test]
fn an_open_part_has_up_to_256_bytes() {
    for open in [
        MessageType::AaiRequest,
        MessageType::AaiNotice,
        MessageType::SandboxStream,
        MessageType::DirGet,
        MessageType::DirAnswer,
        MessageType::DirPut,
    ] {
        let lengths: BTreeSet<usize> = seeded(open)
            .iter()
            .map(|frame| Frame::parse(frame.as_bytes()).expect("whole").message)
            .map(|message| open_part(&message).expect("an open part").len())
            .collect();
        let (least, most) = (lengths.first().expect("seeds"), lengths.last().expect("seeds"));
        assert!(*least < 8 && (249..=256).contains(most), "{open}: {least} to {most}");
    }
}

#[test]
fn a_uri_has_up_to_64_characters_of_one_or_two_bytes() {
    let frames = seeded(MessageType::AnmlFallbackQuery);
    let uris = frames.iter().map(|frame| match Frame::parse(frame.as_bytes()).expect("whole").message {
        Message::AnmlFallbackQuery { uri, .. } => uri,
        _ => panic!("an ANML Fallback Query"),
    });
    let lengths: BTreeSet<usize> = uris.clone().map(|uri| uri.chars().count()).collect();
    assert_eq!((lengths.first(), lengths.last()), (Some(&0), Some(&64)));
    let sizes: BTreeSet<usize> = uris.flat_map(str::chars).map(char::len_utf8).collect();
    assert_eq!(sizes, BTreeSet::from([1, 2]));
}

#[test]
fn a_proof_of_malfeasance_is_alone_or_has_the_evidence_of_its_offence() {
    for offence in 0..=6 {
        let (mut alone, mut shown) = (0, 0);
        for mut input in inputs() {
            // Version 1 and the offence, at the beginning of the figure.
            input[..4].copy_from_slice(&[0, 1, 0, offence]);
            let frame = WellFormed::of(MessageType::ProofOfMal, &mut Unstructured::new(&input)).expect("bytes");
            let Message::ProofOfMal { evidence, .. } = Frame::parse(frame.as_bytes()).expect("whole").message else {
                panic!("a PROOF_OF_MAL")
            };
            match evidence {
                None => alone += 1,
                Some(evidence) => {
                    shown += 1;
                    assert_eq!(matches!(evidence, Evidence::Claims(_)), (2..=4).contains(&offence), "{offence}");
                }
            }
        }
        assert!(alone > 100 && shown > 100, "offence {offence}: {alone} alone, {shown} with evidence");
    }
}

#[test]
fn every_known_tlv_and_unknown_ones_follow_a_fixed_body() {
    let frames = seeded(MessageType::ErpInit);
    let codes: BTreeSet<u8> = frames
        .iter()
        .flat_map(|frame| Frame::parse(frame.as_bytes()).expect("whole").tlvs.iter().collect::<Vec<_>>())
        .map(|tlv| tlv.code)
        .collect();
    for code in [0x0C, 0x17, 0x80, 0x81, 0x82, 0x90, 0x91] {
        assert!(codes.contains(&code), "{code:#04x}");
    }
    assert!(codes.iter().any(|code| KnownTlv::from_code(*code).is_none()));
}

#[test]
fn a_near_miss_of_the_version_is_a_frame_of_version_1() {
    for input in inputs() {
        let near = NearMiss::of(Damage::Version, &mut Unstructured::new(&input)).expect("bytes");
        let mut bytes = near.as_bytes().to_vec();
        bytes[0] = 0x10 | bytes[0] & 0xF;
        is_whole(&bytes);
    }
}

#[test]
fn an_unknown_type_is_any_that_has_no_figure_behind_a_common_header() {
    let mut types = BTreeSet::new();
    for byte in 0..=u8::MAX {
        let near = NearMiss::of(Damage::UnknownType, &mut Unstructured::new(&[byte; 400])).expect("bytes");
        let error = Frame::parse(near.as_bytes()).expect_err("it is unknown");
        let Reason::UnknownType(code) = error.reason else { panic!("{error}") };
        types.insert(code);
    }
    let known = MessageType::ALL.iter().filter(|known| **known != MessageType::OuterTransport).count();
    assert_eq!(types.len(), 256 - known, "each of them");
    assert!(types.contains(&MessageType::OuterTransport.code()));
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
