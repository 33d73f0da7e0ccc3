//! What the writer refuses, and which values it sets itself.

mod figures;

use figures::{Ending, hex, of};
use iacp_wire::layout::{HandOffContext, NamespaceRoot};
use iacp_wire::message::{ErpInit, PssTeardown};
use iacp_wire::{
    Cookie, Digest, Eid, Flags, Frame, InitializationNonce, Message, MessageType, ParseError, Reason, Tlv, TlvWriter,
    Tlvs, WriteError, X25519Key,
};
use zerocopy::{FromBytes, IntoBytes};

#[test]
fn too_small_says_what_would_do() {
    for sample in figures::all() {
        let bytes = sample.encoded();
        let frame = Frame::parse(&bytes).expect("a golden frame");
        for length in 0..bytes.len() {
            let mut buffer = vec![0; length];
            let Err(WriteError::TooSmall { needed }) = frame.write(&mut buffer) else { panic!("{}", sample.name()) };
            assert_eq!(needed, bytes.len());
        }
        let mut enough = vec![0; bytes.len()];
        assert_eq!(frame.write(&mut enough), Ok(bytes.len()));
    }
}

#[test]
fn a_refused_write_leaves_the_buffer_as_it_was() {
    for sample in figures::all() {
        let bytes = sample.encoded();
        let frame = Frame::parse(&bytes).expect("a golden frame");
        let mut buffer = vec![0xEE; bytes.len() - 1];
        assert!(frame.write(&mut buffer).is_err());
        assert!(buffer.iter().all(|byte| *byte == 0xEE), "{}", sample.name());
    }
}

#[test]
fn a_payload_of_65_535_bytes_is_the_longest() {
    let bytes = of(MessageType::ErpStream).encoded();
    let Message::ErpStream { head, .. } = Frame::parse(&bytes).expect("a golden frame").message else {
        panic!("an ERP_STREAM")
    };
    let inner = vec![0x44; 65_536];
    let mut buffer = vec![0; 70_000];
    let longest = Frame::new(Message::ErpStream { head, inner: &inner[..65_535 - 72] });
    assert_eq!(longest.write(&mut buffer), Ok(4 + 65_535));
    assert_eq!(buffer[2..4], [0xFF, 0xFF]);
    assert!(Frame::parse(&buffer[..4 + 65_535]).is_ok());
    // The R-Cookie is counted in Payload Length.
    assert_eq!(longest.in_session(Cookie([0x99; 8])).write(&mut buffer), Err(WriteError::TooLong));
    let longer = Frame::new(Message::ErpStream { head, inner: &inner[..65_536 - 72] });
    assert_eq!(longer.write(&mut buffer), Err(WriteError::TooLong));
    // The part is too long for its field, however large the buffer is.
    assert_eq!(longer.write(&mut []), Err(WriteError::TooLong));
}

#[test]
fn an_outer_transport_header_has_no_longest_payload() {
    let bytes = of(MessageType::OuterTransport).encoded();
    let Message::OuterTransport { head, .. } = Frame::parse(&bytes).expect("a golden frame").message else {
        panic!("an Outer Transport Header")
    };
    let inner = vec![0x44; 65_536];
    let frame = Frame::new(Message::OuterTransport { transit_id: 7, head, inner: &inner });
    let mut buffer = vec![0; 70_000];
    assert_eq!(frame.write(&mut buffer), Ok(4 + 128 + 65_536));
    assert!(Frame::parse(&buffer[..4 + 128 + 65_536]).is_ok());
}

#[test]
fn a_length_field_that_lies_is_not_written() {
    let mut buffer = [0; 1024];
    for message_type in
        [MessageType::PssTeardown, MessageType::PssRevocationPublish, MessageType::PssRevocationRebuttal]
    {
        let bytes = of(message_type).encoded();
        let mut frame = Frame::parse(&bytes).expect("a golden frame");
        match &mut frame.message {
            Message::PssTeardown { malfeasance: measured, .. }
            | Message::PssRevocationPublish { malfeasance: measured, .. }
            | Message::PssRevocationRebuttal { evidence: measured, .. } => *measured = &[0xEE; 3],
            _ => panic!("a measured message"),
        }
        assert_eq!(frame.write(&mut buffer), Err(WriteError::Length), "{}", message_type.name());
    }
    // A sealed part must not be shorter than its tag.
    let bytes = of(MessageType::PssDataStream).encoded();
    let Message::PssDataStream { head, .. } = Frame::parse(&bytes).expect("a golden frame").message else {
        panic!("a PSS_DATA_STREAM")
    };
    let frame = |sealed| Frame::new(Message::PssDataStream { head, sealed });
    assert_eq!(frame(&[0; 15]).write(&mut buffer), Err(WriteError::Length));
    assert_eq!(frame(&[0; 16]).write(&mut buffer), Ok(4 + 28 + 16));
}

#[test]
fn a_message_that_takes_no_tlvs_is_not_written_with_them() {
    let tlv = hex("c3 00");
    let tlvs = Tlvs::parse(&tlv).expect("a sound TLV");
    let mut buffer = [0; 1024];
    for sample in figures::all() {
        let bytes = sample.encoded();
        let mut frame = Frame::parse(&bytes).expect("a golden frame");
        if sample.tlvs.is_empty() {
            frame.tlvs = tlvs;
            let expected = if sample.ending == Ending::Tlvs { Ok(bytes.len() + 2) } else { Err(WriteError::Tlvs) };
            assert_eq!(frame.write(&mut buffer), expected, "{}", sample.name());
        }
    }
}

// shows: IACP-156 (§7.2–7.4)
#[test]
fn a_migration_vector_is_not_written_without_its_tlv() {
    let bytes = of(MessageType::MigrationVector).encoded();
    let mut buffer = [0; 1024];
    for tlv in ["", "c3 00", "80 20 11×32"] {
        let tlvs = hex(tlv);
        let mut frame = Frame::parse(&bytes).expect("a golden frame");
        frame.tlvs = Tlvs::parse(&tlvs).expect("sound TLVs");
        assert_eq!(frame.write(&mut buffer), Err(WriteError::Tlvs), "{tlv}");
    }
}

#[test]
fn the_session_flag_follows_the_responder_cookie() {
    let init = ErpInit { initialization_nonce: InitializationNonce([0x11; 32]) };
    let mut frame = Frame::new(Message::ErpInit(&init));
    let mut buffer = [0; 64];
    // The flag alone announces nothing.
    frame.flags = Flags::SESSION.with(Flags::FIN);
    assert_eq!(frame.write(&mut buffer), Ok(36));
    assert_eq!(buffer[..4], hex("1 11 2 0020"));
    // The cookie alone is announced.
    frame.flags = Flags::NONE;
    frame.responder_cookie = Some(Cookie([0x99; 8]));
    assert_eq!(frame.write(&mut buffer), Ok(44));
    assert_eq!(buffer[..44], hex("1 11 1 0028 99×8 11×32"));
    // A zero cookie is valid: PSS_INIT has it.
    frame.responder_cookie = Some(Cookie::ZERO);
    assert_eq!(frame.write(&mut buffer), Ok(44));
    assert_eq!(buffer[..12], hex("1 11 1 0028 00×8"));
}

#[test]
fn an_outer_transport_header_has_no_place_for_a_session_header() {
    let bytes = of(MessageType::OuterTransport).encoded();
    let frame = Frame::parse(&bytes).expect("a golden frame");
    let mut buffer = [0; 1024];
    assert!(frame.in_session(Cookie([0x99; 8])).write(&mut buffer).is_err());
    // SESSION has no meaning there: the figure follows the first word, and the flag is not written again.
    let mut flagged = bytes.clone();
    flagged[1] |= 1;
    let frame = Frame::parse(&flagged).expect("the flag is ignored");
    assert_eq!(frame.responder_cookie, None);
    assert_eq!(frame.write(&mut buffer), Ok(bytes.len()));
    assert_eq!(buffer[..bytes.len()], bytes);
}

#[test]
fn a_message_is_made_of_its_fields() {
    let teardown = PssTeardown {
        session_connection_cookie: Cookie([0x11; 8]),
        teardown_type: 1.into(),
        reason_code: 0x0203.into(),
        malfeasance_length: 0.into(),
        signature: [0x55; 64].into(),
    };
    let frame = Frame::new(Message::PssTeardown { head: &teardown, malfeasance: &[] }).in_session(Cookie([0x99; 8]));
    let mut buffer = [0; 92];
    assert_eq!(frame.write(&mut buffer), Ok(92));
    assert_eq!(buffer[..], of(MessageType::PssTeardown).encoded());
    assert_eq!(PssTeardown::ref_from_bytes(teardown.as_bytes()), Ok(&teardown));
}

#[test]
fn the_tlv_writer_refuses_what_does_not_fit() {
    let mut buffer = [0xEE; 40];
    let mut writer = TlvWriter::new(&mut buffer);
    assert_eq!(writer.push(Tlv { code: 0xC3, value: &[0; 256] }), Err(WriteError::TooLong));
    assert_eq!(writer.push(Tlv { code: 0xC3, value: &[0; 39] }), Err(WriteError::TooSmall { needed: 41 }));
    writer.push(Tlv { code: 0xC3, value: &[0x88; 5] }).expect("there is room");
    assert_eq!(writer.key_share(&X25519Key([0x11; 32])), Err(WriteError::TooSmall { needed: 7 + 34 }));
    // The refused TLV has left no trace.
    writer.push(Tlv { code: 0xC4, value: &[0x99; 31] }).expect("there is just room");
    assert_eq!(writer.finish().expect("sound TLVs").as_bytes(), hex("c3 05 88×5 c4 1f 99×31"));
}

#[test]
fn the_tlv_writer_does_not_finish_what_could_not_be_read() {
    let mut buffer = [0; 80];
    let mut writer = TlvWriter::new(&mut buffer);
    writer.key_share(&X25519Key([0x11; 32])).expect("there is room");
    writer.key_share(&X25519Key([0x22; 32])).expect("there is room");
    let repeated = ParseError { reason: Reason::TlvRepeated(0x80), field: "tlv", offset: 34 };
    assert_eq!(writer.finish(), Err(repeated));
}

#[test]
fn a_layout_too_long_or_a_buffer_too_small_is_refused() {
    let text = "a".repeat(65_536);
    let (key, digest) = (Eid([0x11; 32]), Digest([0x22; 32]));
    let object = |target_url| HandOffContext { trigger_type: 1, esd_eid: digest, session_hash: digest, target_url };
    let record = |namespace| NamespaceRoot { curation_public_key: key, escrow_allocation_index: digest, namespace };
    let mut buffer = vec![0; 70_000];
    assert_eq!(object(&text).write(&mut buffer), Err(WriteError::TooLong));
    assert_eq!(record(&text).write(&mut buffer), Err(WriteError::TooLong));
    assert_eq!(object(&text[1..]).write(&mut buffer), Ok(68 + 65_535));
    assert_eq!(record(&text[1..]).write(&mut buffer), Ok(68 + 65_535));
    for length in 0..68 + 3 {
        let too_small = Err(WriteError::TooSmall { needed: 68 + 3 });
        assert_eq!(object("abc").write(&mut buffer[..length]), too_small);
        assert_eq!(record("abc").write(&mut buffer[..length]), too_small);
    }
}
