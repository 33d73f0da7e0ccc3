//! What people read of a value: each text once.

use std::collections::BTreeSet;
use std::fmt::Display;

use iacp_wire::{Cookie, Flags, KnownTlv, MessageType, ParseError, Reason, Value, WriteError};

/// The texts of values of one type, which are all different.
fn texts<T: Display>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    let distinct: BTreeSet<&String> = texts.iter().collect();
    assert_eq!(distinct.len(), texts.len(), "two of them read alike: {texts:?}");
    texts
}

#[test]
fn a_reason_says_what_is_wrong_with_the_bytes() {
    let (declared, actual) = (32, 1);
    let reasons = [
        (Reason::Truncated, "the bytes end too early"),
        (Reason::Trailing, "bytes follow the end of the frame"),
        (Reason::Version(2), "version 2 is not 1"),
        (Reason::UnknownType(0x7F), "type 0x7f is unknown"),
        (Reason::PayloadLength { declared, actual }, "says 32, but 1 bytes follow"),
        (Reason::Length, "does not fit the bytes that are there"),
        (Reason::TlvOverrun(0x80), "TLV 0x80 runs past the end"),
        (Reason::TlvRepeated(0x80), "TLV 0x80 stands twice"),
        (Reason::TlvSize(0x80), "TLV 0x80 has an impossible length"),
        (Reason::TlvMissing(0x17), "TLV 0x17 is absent"),
        (Reason::IpVersion(5), "IP version 5 is neither 4 nor 6"),
        (Reason::Utf8, "is not UTF-8"),
    ];
    assert_eq!(texts(reasons.map(|(reason, _)| reason)), reasons.map(|(_, text)| text));
    for (reason, text) in reasons {
        let error = ParseError { reason, field: "tlv", offset: 36 };
        assert_eq!(error.to_string(), format!("tlv: {text} (byte 36)"));
        assert_eq!(ParseError { field: "", ..error }.to_string(), format!("{text} (byte 36)"));
    }
}

#[test]
fn a_refusal_to_write_says_what_would_do() {
    let errors = [
        (WriteError::TooSmall { needed: 36 }, "the buffer is too small: 36 bytes are needed"),
        (WriteError::TooLong, "the payload is longer than 65,535 bytes"),
        (WriteError::Length, "a length field is not the length of what it measures"),
        (WriteError::Tlvs, "the message does not take these TLVs, or lacks one"),
    ];
    assert_eq!(texts(errors.map(|(error, _)| error)), errors.map(|(_, text)| text));
}

#[test]
fn types_and_flags_have_the_names_of_the_registry() {
    assert_eq!(texts(MessageType::ALL.iter().copied()).len(), 46);
    let known = [
        (KnownTlv::MigrationVector, "MIGRATION_VECTOR"),
        (KnownTlv::KeyShare, "KEY_SHARE"),
        (KnownTlv::Airk, "AIRK"),
        (KnownTlv::AppDigest, "APP_DIGEST"),
        (KnownTlv::TicketIv, "TICKET_IV"),
        (KnownTlv::DiscoveryProof, "DISCOVERY_PROOF"),
    ];
    assert_eq!(texts(known.map(|(tlv, _)| tlv)), known.map(|(_, name)| name));
    let flags = [
        (0x0, "none"),
        (0x1, "SESSION"),
        (0x2, "FIN"),
        (0x3, "SESSION, FIN"),
        (0x4, "0x4"),
        (0xF, "SESSION, FIN, 0xc"),
    ];
    assert_eq!(texts(flags.map(|(bits, _)| Flags::from_bits(bits))), flags.map(|(_, text)| text));
}

#[test]
fn a_value_is_shown_unless_it_is_secret() {
    let values = [
        (Value::Bytes(&[0x0A, 0xFF]), "0aff"),
        (Value::Secret(&[0x0A, 0xFF]), "secret"),
        (Value::Integer(120), "120"),
        (Value::Text("a text"), "a text"),
    ];
    assert_eq!(texts(values.map(|(value, _)| value)), values.map(|(_, text)| text));
    assert_eq!(Cookie([0xAB; 8]).to_string(), "abababababababab");
}

#[test]
fn a_width_in_a_format_string_holds() {
    assert_eq!(
        format!("{:>8}|{:<12}|{:>6}", Flags::NONE, KnownTlv::KeyShare, Value::Integer(7)),
        "    none|KEY_SHARE   |     7"
    );
}

#[cfg(feature = "arbitrary")]
#[test]
fn each_damage_has_its_words() {
    use iacp_wire::generate::Damage;

    let all = [
        "ends inside its figure",
        "a byte follows the evidence",
        "another version",
        "a type without a common header",
        "a wrong Payload Length",
        "a wrong length of a variable part",
        "a TLV runs past the end",
        "a TLV stands twice",
        "a TLV of a wrong length",
        "no MIGRATION_VECTOR",
        "an unknown IP version",
        "a URI that is not UTF-8",
    ];
    assert_eq!(texts(Damage::ALL), all);
}
