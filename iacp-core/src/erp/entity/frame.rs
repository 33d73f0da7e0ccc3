//! Headers that are written around what stands elsewhere.

use iacp_wire::message::ErpStream;
use iacp_wire::{Eid, Frame, HEADER_LEN, Message};

/// The length of the ERP Routing Header with its common header.
pub(super) const ROUTING: usize = crate::erp::stream::HEAD;

/// Sets the Payload Length of a frame that is `length` bytes long.
pub(super) fn set_payload(frame: &mut [u8], length: usize) {
    let payload = u16::try_from(length.saturating_sub(HEADER_LEN)).unwrap_or(u16::MAX);
    if let Some(field) = frame.get_mut(2..4) {
        field.iter_mut().zip(payload.to_be_bytes()).for_each(|(to, from)| *to = from);
    }
}

/// Writes the header of an ERP_STREAM around an inner frame of `inner` bytes.
// keeps: IACP-080 (§4.2.3.4)
pub(super) fn write_routing(source: Eid, destination: Eid, generation: u64, inner: usize, out: &mut [u8]) {
    let head = ErpStream { source_eid: source, destination_eid: destination, generation_counter: generation.into() };
    let written = Frame::new(Message::ErpStream { head: &head, inner: &[] }).write(out);
    if written.is_ok() {
        set_payload(out, ROUTING.saturating_add(inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_written_around_what_follows_it() {
        let mut out = [0xEE; ROUTING + 4];
        write_routing(Eid([1; 32]), Eid([2; 32]), 9, 4, &mut out);
        out[ROUTING..].copy_from_slice(b"\x10\xb0\0\0");
        let frame = Frame::parse(&out).expect("well-formed");
        let Message::ErpStream { head, inner } = frame.message else { panic!("no ERP_STREAM") };
        assert_eq!(
            (head.source_eid, head.destination_eid, head.generation_counter.get()),
            (Eid([1; 32]), Eid([2; 32]), 9)
        );
        assert_eq!((ROUTING, inner), (76, &b"\x10\xb0\0\0"[..]));
        for (length, payload) in
            [(0, [0, 0]), (4, [0, 0]), (5, [0, 1]), (0x1_0003, [0xff, 0xff]), (0x1_0004, [0xff, 0xff])]
        {
            set_payload(&mut out, length);
            assert_eq!(out[2..4], payload, "{length} bytes");
        }
    }
}
