//! Every figure of the draft, byte for byte.

mod figures;

use std::collections::HashSet;
use std::net::IpAddr;

use figures::{Kind, Sample, hex, number, of};
use iacp_wire::layout::{
    AirkBinding, Assertion, Custody, CustodyVote, FilterPart, HandOffContext, NamespaceRoot, Record, Verdict,
    VerdictHead,
};
use iacp_wire::message::{Claims, ClaimsTail, Conditions, Evidence, MalfeasanceData, ProofOfMal};
use iacp_wire::{
    Cookie, DhtKey, Digest, Eid, Flags, Frame, KnownTlv, Locator, Message, MessageType, MigrationVectorTlv, Reason,
    Tlv, TlvWriter, Tlvs, Value, WriteError, X25519Key,
};
use zerocopy::FromBytes;

/// A field as a frame shows it, as an owned value.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    Bytes(Vec<u8>),
    Integer(u64),
    Text(String),
}

fn shown(message: &Message<'_>) -> Vec<(&'static str, Shown)> {
    let mut fields = Vec::new();
    message.visit(&mut |name, value| {
        let value = match value {
            Value::Bytes(bytes) | Value::Secret(bytes) => Shown::Bytes(bytes.to_vec()),
            Value::Integer(number) => Shown::Integer(number),
            Value::Text(text) => Shown::Text(text.to_owned()),
        };
        fields.push((name, value));
    });
    fields
}

/// The fields that the frame should show, from the figure.
fn drawn(sample: &Sample) -> Vec<(&'static str, Shown)> {
    let mut fields = Vec::new();
    if sample.is_outer() {
        fields.push(("transit_id", Shown::Integer(number(sample.header) & 0xFFFF)));
    }
    fields.extend(sample.body.iter().map(|field| {
        let value = match field.kind {
            Kind::Bytes => Shown::Bytes(hex(field.hex)),
            Kind::Integer => Shown::Integer(number(field.hex)),
            Kind::Text => Shown::Text(String::from_utf8(hex(field.hex)).expect("a sample's text is UTF-8")),
        };
        (field.name, value)
    }));
    fields
}

// shows: IACP-155 (§7.1), IACP-159 (App. A)
#[test]
fn every_type_of_the_registry_has_a_golden_frame() {
    let seen: HashSet<MessageType> = figures::all().map(|sample| sample.message_type).collect();
    assert_eq!(seen.len(), MessageType::ALL.len());
    // 23 of the draft, and 23 that its text needs.
    assert_eq!(MessageType::ALL.iter().filter(|of_the_draft| of_the_draft.code() < 0x80).count(), 23);
    assert_eq!(seen.len(), 46);
}

/// The table of §7.1.
// shows: IACP-155 (§7.1)
#[test]
fn the_registry_has_the_drafts_codes_and_names() {
    let table = [
        (0x01, "DISCOVERY_REQ"),
        (0x02, "DISCOVERY_RES"),
        (0x03, "ACCESS_TICKET_REQ"),
        (0x04, "ACCESS_TICKET_RES"),
        (0x05, "DHT_TICKET_STORE"),
        (0x06, "DHT_TICKET_QUERY"),
        (0x07, "DHT_TICKET_RESP"),
        (0x08, "PSS_INIT"),
        (0x09, "PSS_ACK"),
        (0x0A, "PSS_NEG"),
        (0x0B, "PSS_DATA_STREAM"),
        (0x0C, "PSS_TEARDOWN"),
        (0x0D, "PSS_REVOCATION_PUBLISH"),
        (0x0E, "ERP_DEFLECT"),
        (0x0F, "Outer Transport Header"),
        (0x12, "ANML Fallback Query"),
        (0x13, "PSS_REVOCATION_REBUTTAL"),
        (0x11, "ERP_INIT"),
        (0x14, "ERP_ALLOC"),
        (0x15, "ERP_REGISTER"),
        (0x16, "ERP_EVOLVE"),
        (0x17, "MIGRATION_VECTOR"),
        (0x18, "PROOF_OF_MAL"),
        (0x80, "ERP_KEEPALIVE"),
        (0x81, "ERP_STREAM"),
        (0x82, "ERP_CONFIRM"),
        (0x84, "ERROR"),
        (0x85, "TICKETED_REQUEST"),
        (0x86, "LOCAL"),
        (0x87, "AAI_REQUEST"),
        (0x88, "AAI_NOTICE"),
        (0x89, "PATH_RELAY"),
        (0x8A, "TRANSIT_GRANT"),
        (0x8B, "DOCK_OFFER"),
        (0x8C, "SANDBOX_STREAM"),
        (0x90, "DIR_GET"),
        (0x91, "DIR_ANSWER"),
        (0x92, "DIR_PUT"),
        (0x93, "DIR_RECEIPT"),
        (0x94, "WORKED_REQUEST"),
        (0x95, "POM_NOTICE"),
        (0x96, "POM_VOTE"),
        (0x97, "SPACE_JOIN"),
        (0x98, "SPACE_STATUS"),
        (0x99, "SPACE_RELAY"),
        (0x9A, "ANML_FALLBACK_ANSWER"),
    ];
    for code in 0..=u8::MAX {
        let drawn = table.iter().find(|(drawn, _)| *drawn == code).map(|(_, name)| *name);
        let known = MessageType::from_code(code);
        assert_eq!(known.map(MessageType::name), drawn, "{code:#04x}");
        assert!(known.is_none_or(|known| known.code() == code));
    }
    assert_eq!(MessageType::ALL.len(), table.len());
}

// shows: IACP-012 (§3.5), IACP-155 (§7.1), IACP-159 (App. A)
#[test]
fn a_golden_frame_parses_to_the_fields_of_its_figure() {
    for sample in figures::all() {
        let bytes = sample.encoded();
        let frame = Frame::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", sample.name()));
        assert_eq!(frame.message.message_type(), sample.message_type);
        assert_eq!(shown(&frame.message), drawn(sample), "{}", sample.name());
        let cookie = hex(sample.responder_cookie);
        assert_eq!(frame.responder_cookie.map_or(vec![], |cookie| cookie.0.to_vec()), cookie);
        assert_eq!(frame.flags.contains(Flags::SESSION), !cookie.is_empty());
        let tlvs: Vec<u8> = sample.tlvs.iter().flat_map(|tlv| hex(tlv)).collect();
        assert_eq!(frame.tlvs.as_bytes(), tlvs, "{}", sample.name());
        assert_eq!(frame.version(), if sample.is_outer() { 0 } else { 1 });
    }
}

// shows: IACP-159 (App. A)
#[test]
fn a_golden_frame_written_again_is_the_same_bytes() {
    for sample in figures::all() {
        let bytes = sample.encoded();
        let frame = Frame::parse(&bytes).expect("a golden frame");
        let mut buffer = [0xEE; 1024];
        assert_eq!(frame.length(), bytes.len(), "{}", sample.name());
        assert_eq!(frame.write(&mut buffer), Ok(bytes.len()), "{}", sample.name());
        assert_eq!(buffer[..bytes.len()], bytes, "{}", sample.name());
        assert!(buffer[bytes.len()..].iter().all(|untouched| *untouched == 0xEE), "{}", sample.name());
    }
}

#[test]
fn the_signature_stands_where_the_figure_draws_it() {
    for sample in figures::all() {
        let bytes = sample.encoded();
        let frame = Frame::parse(&bytes).expect("a golden frame");
        let mut start = 4 + hex(sample.responder_cookie).len();
        let drawn = sample.body.iter().find_map(|field| {
            let here = start;
            start += hex(field.hex).len();
            (field.name == "signature").then_some(here..start)
        });
        assert_eq!(frame.signature_span(), drawn, "{}", sample.name());
        assert!(drawn.is_none_or(|span| span.len() == 64));
    }
}

#[test]
fn the_conditions_block_has_its_six_fields() {
    let bytes = of(MessageType::PssNeg).encoded();
    let Message::PssNeg(neg) = Frame::parse(&bytes).expect("a golden frame").message else { panic!("a PSS_NEG") };
    let conditions = Conditions::ref_from_bytes(neg.conditions.as_ref()).expect("32 bytes");
    assert_eq!(conditions.initial_sequence.get(), 0x4445_4647);
    assert_eq!(conditions.capabilities.get(), 3);
    assert_eq!(conditions.dgk_rotation.get(), 3600);
    assert_eq!(conditions.lifetime.get(), 86_400);
    assert_eq!(conditions.receive_window.get(), 64);
    assert_eq!(conditions.zero.get(), 0);
}

#[test]
fn the_data_of_a_proof_of_malfeasance_is_its_ticket_and_its_evidence() {
    let bytes = of(MessageType::PssRevocationPublish).encoded();
    let Message::PssRevocationPublish { malfeasance, .. } = Frame::parse(&bytes).expect("a golden frame").message
    else {
        panic!("a PSS_REVOCATION_PUBLISH")
    };
    let data = MalfeasanceData::parse(malfeasance).expect("380 bytes");
    assert_eq!(MalfeasanceData::LEN, 380);
    assert_eq!((data.ticket.version.get(), data.ticket.offense_type.get()), (1, 1));
    assert_eq!(data.ticket.target_eid, Eid([0xA1; 32]));
    assert_eq!(data.ticket.digest_a, Digest([0xA2; 32]));
    assert_eq!(data.ticket.digest_b, Digest([0xA3; 32]));
    assert_eq!(data.ticket.signature.0, [0xA4; 64]);
    let Evidence::Bindings(pair) = data.evidence else { panic!("two bindings") };
    assert_eq!(pair.fragment_a.ip.0, [0xB1; 16]);
    assert_eq!(pair.fragment_a.generation_counter.get(), 7);
    assert_eq!(pair.fragment_a.signature.0, [0xB2; 64]);
    assert_eq!(pair.fragment_b.ip.0, [0xC1; 16]);
    assert_eq!(pair.fragment_b.generation_counter.get(), 7);
    assert_eq!(pair.fragment_b.signature.0, [0xC2; 64]);
    assert_eq!(pair.verification_time.get(), 0x19A_3334_3536);
    assert_eq!(data.evidence.accuser(), Eid([0xD1; 32]));
    // The same bytes, behind a header, are a PROOF_OF_MAL.
    let mut frame = hex("1 18 0 017c");
    frame.extend(malfeasance);
    let Message::ProofOfMal { head, evidence } = Frame::parse(&frame).expect("a ticket with its evidence").message
    else {
        panic!("a PROOF_OF_MAL")
    };
    assert_eq!((head, evidence), (data.ticket, Some(data.evidence)));
}

const NONCE: [u8; 8] = [0x77; 8];

fn migration_vector(code: u8, previous: &str, current: &str) -> MigrationVectorTlv {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    MigrationVectorTlv { code, previous: address(previous), current: address(current), nonce: NONCE }
}

// shows: IACP-156 (§7.2–7.4)
#[test]
fn a_migration_vector_has_the_value_of_its_figure() {
    let figures = [
        ("17 12 04 00 c0000207 c6336408 77×8", migration_vector(0x17, "192.0.2.7", "198.51.100.8")),
        ("17 2a 06 00 20010db8 00×11 07 20010db8 00×11 08 77×8", migration_vector(0x17, "2001:db8::7", "2001:db8::8")),
    ];
    for (drawn, vector) in figures {
        let bytes = hex(drawn);
        let tlvs = Tlvs::parse(&bytes).expect("a golden TLV");
        assert_eq!(tlvs.migration_vector(), Some(vector));
        let mut buffer = [0; 64];
        let mut writer = TlvWriter::new(&mut buffer);
        writer.migration_vector(&vector).expect("64 bytes hold it");
        assert_eq!(writer.finish().expect("a sound TLV").as_bytes(), bytes);
    }
}

// shows: IACP-156 (§7.2–7.4)
#[test]
fn the_registrys_older_type_is_accepted_and_kept_and_never_sent() {
    let bytes = hex("0c 12 04 00 c0000207 c6336408 77×8");
    let vector = Tlvs::parse(&bytes).expect("a golden TLV").migration_vector().expect("a MIGRATION_VECTOR");
    assert_eq!(vector, migration_vector(0x0C, "192.0.2.7", "198.51.100.8"));
    let mut buffer = [0; 64];
    let mut writer = TlvWriter::new(&mut buffer);
    writer.migration_vector(&vector).expect("64 bytes hold it");
    let sent = writer.finish().expect("a sound TLV");
    assert_eq!(sent.as_bytes()[0], 0x17);
    assert_eq!(sent.as_bytes()[1..], bytes[1..]);
}

#[test]
fn addresses_of_two_versions_are_sent_as_ipv6() {
    let mut buffer = [0; 64];
    let mut writer = TlvWriter::new(&mut buffer);
    writer.migration_vector(&migration_vector(0x17, "192.0.2.7", "2001:db8::8")).expect("64 bytes hold it");
    let sent = writer.finish().expect("a sound TLV");
    assert_eq!(sent.as_bytes(), hex("17 2a 06 00 00×10 ff×2 c0000207 20010db8 00×11 08 77×8"));
}

#[test]
fn key_share_and_root_key_are_32_bytes() {
    let bytes = hex("81 20 22×32 c3 03 88×3 80 20 66×32");
    let tlvs = Tlvs::parse(&bytes).expect("golden TLVs");
    assert_eq!(tlvs.key_share(), Some(&X25519Key([0x66; 32])));
    assert_eq!(tlvs.airk(), Some(&Eid([0x22; 32])));
    assert_eq!(tlvs.migration_vector(), None);
    let unknown = Tlv { code: 0xC3, value: &[0x88; 3] };
    assert_eq!(tlvs.iter().nth(1), Some(unknown));
    assert_eq!(KnownTlv::from_code(unknown.code), None);
    let mut buffer = [0; 73 + 24];
    let mut writer = TlvWriter::new(&mut buffer);
    writer.airk(&Eid([0x22; 32])).expect("there is room");
    writer.push(unknown).expect("there is room");
    writer.key_share(&X25519Key([0x66; 32])).expect("there is room");
    writer.ticket_iv(&[0x44; 4]).expect("there is room");
    writer.discovery_proof(&[0x55; 16]).expect("there is just room");
    let written = writer.finish().expect("sound TLVs");
    assert_eq!(written.as_bytes(), [bytes, hex("90 04 44×4 91 10 55×16")].concat());
    assert_eq!((written.ticket_iv(), written.discovery_proof()), (Some(&[0x44; 4]), Some(&[0x55; 16])));
}

#[test]
fn an_application_digest_is_32_bytes() {
    let bytes = hex("82 20 33×32");
    let tlvs = Tlvs::parse(&bytes).expect("a golden TLV");
    assert_eq!((tlvs.app_digest(), tlvs.airk()), (Some(&Digest([0x33; 32])), None));
    let mut buffer = [0; 34];
    let mut writer = TlvWriter::new(&mut buffer);
    writer.app_digest(&Digest([0x33; 32])).expect("there is just room");
    assert_eq!(writer.finish().expect("a sound TLV").as_bytes(), bytes);
}

#[test]
fn a_cookie_of_zero_is_not_assigned_yet() {
    assert!(Cookie::ZERO.is_zero());
    assert!(!Cookie([0, 0, 0, 0, 0, 0, 0, 1]).is_zero());
}

#[test]
fn an_ipv4_address_is_an_ipv4_mapped_locator_and_back() {
    for (address, octets) in [("192.0.2.7", "00×10 ff×2 c0000207"), ("2001:db8::7", "20010db8 00×11 07")] {
        let address: IpAddr = address.parse().expect("an address");
        let locator = Locator::from(address);
        assert_eq!(locator.0[..], hex(octets));
        assert_eq!(IpAddr::from(locator), address);
        let vector = MigrationVectorTlv { code: 0x17, previous: address, current: address, nonce: NONCE };
        assert_eq!(vector.current_locator(), locator);
    }
}

// shows: IACP-054 (§4.1.1)
#[test]
fn the_hand_off_context_object_has_the_mandated_layout() {
    // Trigger type 2, ESD-EID 32, session hash 32, URL length 2, URL.
    let bytes = hex("0102 11×32 22×32 000b 667470 3a2f2f c3a4 2e6575");
    let object = HandOffContext::parse(&bytes).expect("a golden object");
    let drawn = HandOffContext {
        trigger_type: 0x0102,
        esd_eid: Digest([0x11; 32]),
        session_hash: Digest([0x22; 32]),
        target_url: "ftp://ä.eu",
    };
    assert_eq!(object, drawn);
    let mut buffer = [0; 128];
    assert_eq!(drawn.write(&mut buffer), Ok(68 + 11));
    assert_eq!(buffer[..68 + 11], bytes);
}

// shows: IACP-112 (§5.2.1)
#[test]
fn the_namespace_root_record_has_the_layout_of_its_figure() {
    // Length 2, reserved 2, curation key 32, escrow index 32, and then the string.
    let bytes = hex("0007 0000 11×32 22×32 65752e 61636d65");
    let record = NamespaceRoot::parse(&bytes).expect("a golden record");
    let drawn = NamespaceRoot {
        curation_public_key: Eid([0x11; 32]),
        escrow_allocation_index: Digest([0x22; 32]),
        namespace: "eu.acme",
    };
    assert_eq!(record, drawn);
    let mut buffer = [0; 128];
    assert_eq!(drawn.write(&mut buffer), Ok(68 + 7));
    assert_eq!(buffer[..68 + 7], bytes);
}

#[test]
fn the_cookies_of_a_session_are_found_from_its_datagram() {
    for sample in figures::all() {
        let cookie = |hex: &[u8]| Cookie(hex.try_into().expect("a cookie is 8 bytes"));
        let initiator = sample.body.iter().find(|field| field.name == "session_connection_cookie");
        let drawn = match initiator {
            Some(field) if !sample.responder_cookie.is_empty() => {
                Some((cookie(&hex(field.hex)), cookie(&hex(sample.responder_cookie))))
            }
            _ => None,
        };
        assert_eq!(iacp_wire::session_cookies(&sample.encoded()), drawn, "{}", sample.name());
    }
}

/// A record, byte for byte, and its refusals.
#[test]
fn a_record_is_44_bytes_and_its_body() {
    let golden = hex("03 00 00c0 11×32 0000019a33343536 22×32 33×32 44×64 55×64");
    let record = Record::parse(&golden).expect("a record");
    assert_eq!((record.kind, record.storage_key.0, record.expiry), (3, [0x11; 32], 0x019a_3334_3536));
    let body = AirkBinding::read_from_bytes(record.body).expect("192 bytes");
    assert_eq!((body.eid.0, body.airk.0), ([0x22; 32], [0x33; 32]));
    assert_eq!((body.eid_signature.0, body.airk_signature.0), ([0x44; 64], [0x55; 64]));
    let mut buffer = [0; 1_100];
    assert_eq!(record.write(&mut buffer), Ok(golden.len()));
    assert_eq!(buffer[..golden.len()], golden);
    for length in 0..golden.len() {
        assert!(Record::parse(&golden[..length]).is_err(), "{length} bytes");
        assert_eq!(
            record.write(&mut buffer[..length]),
            Err(WriteError::TooSmall { needed: golden.len() }),
            "{length} bytes of room"
        );
    }
    let trailing = [&golden[..], &[0]].concat();
    assert_eq!(Record::parse(&trailing).map_err(|error| error.reason), Err(Reason::Trailing));
    assert_eq!(Record::parse_prefix(&trailing), Ok((record, &[0][..])));
}

#[test]
fn the_body_of_a_record_has_1_to_960_bytes() {
    let mut buffer = [0; 1_100];
    let body = [7; 961];
    for length in [0, 1, 960, 961] {
        let record = Record { kind: 1, storage_key: DhtKey::ZERO, expiry: 0, body: &body[..length] };
        let allowed = (1..=960).contains(&length);
        assert_eq!(record.write(&mut buffer).is_ok(), allowed, "{length}");
        let mut bytes = hex("01 00 0000 00×32 00×8");
        bytes[2..4].copy_from_slice(&u16::try_from(length).expect("short").to_be_bytes());
        bytes.extend(&body[..length]);
        assert_eq!(Record::parse(&bytes).is_ok(), allowed, "{length}");
    }
}

#[test]
fn custody_assertion_and_verdict_have_their_layouts() {
    let custody = hex("0003 6f7267 0005 6f72672e61 11×32 0000019a33343536 22×32 02 33×32 44×64 55×32 66×64");
    let read = Custody::parse(&custody).expect("a golden body");
    assert_eq!((read.path, read.child), (&b"org"[..], &b"org.a"[..]));
    assert_eq!((read.terms.child_key, read.terms.not_after.get()), (Eid([0x11; 32]), 0x19A_3334_3536));
    assert_eq!((read.terms.accusation_id, read.votes.len()), (Digest([0x22; 32]), 2));
    let CustodyVote { directory_node_eid, signature } = read.votes[1];
    assert_eq!((directory_node_eid, signature.0), (Eid([0x55; 32]), [0x66; 64]));

    let assertion = hex("0003 6f7267 11×32 2710 0000019a33343536 0000019a33343537 22×64");
    let stated = Assertion::parse(&assertion).expect("a golden body");
    assert_eq!(
        (stated.path, stated.terms.subject, stated.terms.value.get()),
        (&b"org"[..], Digest([0x11; 32]), 10_000)
    );
    assert_eq!(stated.terms.until.get() - stated.terms.from.get(), 1);

    let verdict = hex("11×32 22×32 01 01 0000 33×32 0000000003914f04 44×64");
    let found = Verdict::parse(&verdict).expect("a golden body");
    let VerdictHead { accusation_id, offender_eid, outcome, count, .. } = *found.head;
    assert_eq!((accusation_id, offender_eid, outcome, count), (Digest([0x11; 32]), Eid([0x22; 32]), 1, 1));
    assert_eq!((found.votes[0].voter_eid, found.votes[0].epoch.get()), (Eid([0x33; 32]), 0x0391_4F04));

    let mut buffer = [0; 960];
    for (body, written) in [
        (&custody, read.write(&mut buffer)),
        (&assertion, stated.write(&mut [0; 960])),
        (&verdict, found.write(&mut [0; 960])),
    ] {
        assert_eq!(written, Ok(body.len()));
    }
    let parses: [fn(&[u8]) -> bool; 3] = [
        |bytes| Custody::parse(bytes).is_ok(),
        |bytes| Assertion::parse(bytes).is_ok(),
        |bytes| Verdict::parse(bytes).is_ok(),
    ];
    for (body, parses) in [&custody, &assertion, &verdict].into_iter().zip(parses) {
        assert!(parses(body));
        assert!(!parses(&[&body[..], &[0]].concat()), "a byte too many");
        for length in 0..body.len() {
            assert!(!parses(&body[..length]), "{length} bytes");
        }
    }
    assert_eq!(buffer[..custody.len()], custody);
    assert_eq!(Custody { votes: &read.votes[..1], ..read }.write(&mut buffer), Err(WriteError::Length));
    assert_eq!(Verdict { votes: &[], ..found }.write(&mut buffer), Err(WriteError::Length));
    assert_eq!(stated.write(&mut [0; 118]), Err(WriteError::TooSmall { needed: 119 }));

    let filter = hex("000002b2 01 00 001f 77×512 88×32 99×64");
    let part = FilterPart::ref_from_bytes(&filter).expect("616 bytes");
    assert_eq!((part.epoch.get(), part.order, part.part.get()), (690, 1, 31));
    assert_eq!((part.bits, part.directory_node_eid), ([0x77; 512], Eid([0x88; 32])));
}

#[test]
fn two_claims_stand_behind_their_lengths() {
    let golden = hex("02 00 0003 0002 55×3 66×2 0000019a33343536 77×32");
    let tail = ClaimsTail { verification_time: 0x19A_3334_3536.into(), accuser_eid: Eid([0x77; 32]) };
    let mut buffer = [0; 64];
    let written = Claims::write(2, &[0x55; 3], &[0x66; 2], &tail, &mut buffer).expect("51 bytes");
    assert_eq!(written.as_bytes(), golden);
    let read = Claims::parse(&golden).expect("a golden annex");
    assert_eq!((read.kind(), read.a(), read.b(), read.tail()), (2, &[0x55; 3][..], &[0x66; 2][..], &tail));
    for length in 0..golden.len() {
        assert!(Claims::parse(&golden[..length]).is_err(), "{length} bytes");
    }
    assert!(Claims::parse(&[&golden[..], &[0]].concat()).is_err(), "a byte too many");
    // A ticket of one offence is never written with the evidence of another.
    let bytes = of(MessageType::ProofOfMal).encoded();
    let Message::ProofOfMal { head, .. } = Frame::parse(&bytes).expect("a golden frame").message else { panic!() };
    let other = ProofOfMal { offense_type: 3.into(), ..*head };
    let evidence = Some(Evidence::Claims(read));
    let write = |head| Frame::new(Message::ProofOfMal { head, evidence }).write(&mut [0; 300]);
    assert_eq!((write(head), write(&other)), (Err(WriteError::Length), Ok(4 + 164 + 51)));
}
