//! `iacp-wire`: every parser and every writer.

use core::hint::black_box;

use iacp_wire::layout::{HandOffContext, NamespaceRoot};
use iacp_wire::message::MalfeasanceData;
use iacp_wire::{Eid, Frame, MigrationVectorTlv, Tlv, TlvWriter, Tlvs, X25519Key};

use crate::{opaque, opaque_buffer};

pub fn all() {
    frame(opaque());
    tlvs(opaque());
    tlv_writer(opaque());
    hand_off_context(opaque());
    namespace_root(opaque());
    malfeasance_data(opaque());
}

fn frame(bytes: &[u8]) {
    black_box(iacp_wire::session_cookies(bytes));
    let Ok(mut frame) = Frame::parse(bytes) else { return };
    frame.message.visit(&mut |name, value| {
        black_box((name, value));
    });
    black_box((frame.version(), frame.length(), frame.signature_span()));
    black_box(frame.message.initiator_cookie());
    black_box(frame.message.message_type().name());
    black_box(frame.write(opaque_buffer()).is_ok());
    // Whatever the caller puts together, too.
    frame.tlvs = black_box(frame.tlvs);
    frame.responder_cookie = black_box(frame.responder_cookie);
    frame.message = black_box(frame.message);
    black_box(frame.write(opaque_buffer()).is_ok());
}

fn tlvs(bytes: &[u8]) {
    let Ok(tlvs) = Tlvs::parse(bytes) else { return };
    for tlv in tlvs.iter() {
        black_box((tlv.code, tlv.value));
    }
    black_box((tlvs.key_share(), tlvs.airk(), tlvs.as_bytes()));
    black_box(tlvs.migration_vector().map(|vector| vector.current_locator()));
}

fn tlv_writer(bytes: &'static [u8]) {
    let mut writer = TlvWriter::new(opaque_buffer());
    black_box(writer.push(Tlv { code: black_box(0), value: bytes }).is_ok());
    black_box(writer.key_share(&X25519Key(black_box([0; 32]))).is_ok());
    black_box(writer.airk(&Eid(black_box([0; 32]))).is_ok());
    let address = || core::net::IpAddr::from(iacp_wire::Locator(black_box([0; 16])));
    let vector = MigrationVectorTlv { code: 0x17, previous: address(), current: address(), nonce: black_box([0; 8]) };
    black_box(writer.migration_vector(&vector).is_ok());
    black_box(writer.finish().is_ok());
}

fn hand_off_context(bytes: &[u8]) {
    let Ok(object) = HandOffContext::parse(bytes) else { return };
    black_box(object.target_url);
    black_box(black_box(object).write(opaque_buffer()).is_ok());
}

fn namespace_root(bytes: &[u8]) {
    let Ok(record) = NamespaceRoot::parse(bytes) else { return };
    black_box(record.namespace);
    black_box(black_box(record).write(opaque_buffer()).is_ok());
}

fn malfeasance_data(bytes: &[u8]) {
    let Ok(data) = MalfeasanceData::parse(bytes) else { return };
    black_box((data.ticket, data.evidence));
}
