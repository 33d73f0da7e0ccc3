//! Properties that hold for any bytes, shared by the property tests and the fuzz target.

use iacp_wire::{Flags, Frame, Message, Value, WriteError, session_cookies};

/// Judges bytes from anywhere.
///
/// # Panics
/// Something does not hold.
pub fn judge(bytes: &[u8]) {
    match Frame::parse(bytes) {
        Ok(frame) => {
            written_again_it_is_the_same(bytes, &frame);
            shorter_or_longer_it_is_no_frame(bytes, &frame);
            fields_and_tlvs_cover_the_payload(bytes, &frame);
            the_signature_is_inside(bytes, &frame);
            let cookies = frame.message.initiator_cookie().zip(frame.responder_cookie);
            assert_eq!(session_cookies(bytes), cookies);
        }
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error:?} past {} bytes", bytes.len());
            assert!(!error.field.is_empty());
            assert_eq!(session_cookies(bytes), None);
        }
    }
}

fn is_outer(frame: &Frame<'_>) -> bool {
    matches!(frame.message, Message::OuterTransport { .. })
}

fn written_again_it_is_the_same(bytes: &[u8], frame: &Frame<'_>) {
    let mut expected = bytes.to_vec();
    // Reserved flags are sent as zero; so is SESSION where there is no session header to announce.
    let never_sent = if is_outer(frame) { 0xC | Flags::SESSION.bits() } else { 0xC };
    expected[1] &= !never_sent;
    assert_eq!(frame.length(), bytes.len());
    let mut buffer = vec![0xEE; bytes.len()];
    assert_eq!(frame.write(&mut buffer), Ok(bytes.len()));
    assert_eq!(buffer, expected);
    let needed = bytes.len();
    assert_eq!(frame.write(&mut buffer[..needed - 1]), Err(WriteError::TooSmall { needed }));
    let again = Frame::parse(&expected).expect("what is written can be read");
    assert_eq!(again.flags, Flags::from_bits(frame.flags.bits() & !never_sent));
    assert_eq!(again.responder_cookie, frame.responder_cookie);
    assert_eq!(again.tlvs, frame.tlvs);
}

fn shorter_or_longer_it_is_no_frame(bytes: &[u8], frame: &Frame<'_>) {
    // An Outer Transport Header has no length: its payload runs to the end, wherever that is.
    let prefixes = if is_outer(frame) { 4 + 128 } else { bytes.len() };
    for length in 0..prefixes {
        assert!(Frame::parse(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
    }
    let longer = [bytes, &[0]].concat();
    assert_eq!(Frame::parse(&longer).is_ok(), is_outer(frame));
}

fn fields_and_tlvs_cover_the_payload(bytes: &[u8], frame: &Frame<'_>) {
    let mut covered = match frame.responder_cookie {
        Some(cookie) => [&bytes[..4], &cookie.0].concat(),
        None => bytes[..4].to_vec(),
    };
    frame.message.visit(&mut |name, value| match value {
        Value::Bytes(value) | Value::Secret(value) => covered.extend_from_slice(value),
        Value::Text(value) => covered.extend_from_slice(value.as_bytes()),
        // The figure has it in the first word.
        Value::Integer(value) if name == "transit_id" => assert_eq!(value.to_be_bytes()[6..], bytes[2..4]),
        Value::Integer(value) => {
            let value = value.to_be_bytes();
            let (zero, drawn) = value.split_at(8 - width(name));
            assert!(zero.iter().all(|byte| *byte == 0), "{name} does not fit its field");
            covered.extend_from_slice(drawn);
        }
    });
    for tlv in frame.tlvs.iter() {
        covered.extend([tlv.code, u8::try_from(tlv.value.len()).expect("a TLV has at most 255 bytes")]);
        covered.extend_from_slice(tlv.value);
    }
    assert_eq!(covered, bytes, "fields and TLVs, laid end to end, are the frame");
}

fn the_signature_is_inside(bytes: &[u8], frame: &Frame<'_>) {
    let Some(span) = frame.signature_span() else { return };
    let mut signature = None;
    frame.message.visit(&mut |name, value| {
        if let ("signature", Value::Bytes(value)) = (name, value) {
            signature = Some(value.to_vec());
        }
    });
    assert_eq!(span.len(), 64);
    assert_eq!(bytes.get(span), signature.as_deref());
}

/// How wide the figures draw their numbers, in bytes.
fn width(field: &str) -> usize {
    match field {
        "claim_kind"
        | "class"
        | "deflection_routing_ttl"
        | "first"
        | "kind"
        | "outcome"
        | "path"
        | "refused_type"
        | "reserved"
        | "total" => 1,
        "answer_flags"
        | "answer_status"
        | "code"
        | "granted_transit_id"
        | "importer_port"
        | "length_a"
        | "length_b"
        | "negotiation_turn_counter"
        | "notice"
        | "observed_port"
        | "offense_type"
        | "op"
        | "op_reserved"
        | "original_target_port"
        | "reason_code"
        | "rejection_reason_flags"
        | "result_status"
        | "stream_flags"
        | "teardown_type"
        | "version" => 2,
        "agreed_capabilities"
        | "capabilities"
        | "lifetime"
        | "malfeasance_length"
        | "pow_target_threshold"
        | "rebuttal_proof_length"
        | "request"
        | "retry_after"
        | "status"
        | "status_code"
        | "stream"
        | "time_to_live" => 4,
        "epoch"
        | "evolution_sequence_number"
        | "expiration_timestamp"
        | "expiry"
        | "generation_counter"
        | "initial_sequence"
        | "opening_epoch"
        | "pow_nonce"
        | "responder_initial_sequence"
        | "sequence_number"
        | "session"
        | "timestamp"
        | "verification_time" => 8,
        _ => panic!("{field} is no number of any figure"),
    }
}
