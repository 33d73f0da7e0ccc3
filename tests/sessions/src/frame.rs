//! Messages as frames.

use iacp_wire::message::{AaiRequest, Local};
use iacp_wire::{Eid, Frame, IatField, Message};

/// A message as a frame.
///
/// # Panics
/// It is longer than 4,000 bytes.
pub fn frame(message: Message<'_>) -> Vec<u8> {
    let mut bytes = vec![0; 4_000];
    let length = Frame::new(message).write(&mut bytes).expect("it fits");
    bytes.truncate(length);
    bytes
}

/// What an agent asks over its local channel.
pub fn request(eid: Eid, iat: [u8; 32], op: u16, session: u64, arguments: &[u8]) -> Vec<u8> {
    let head = AaiRequest { op: op.into(), op_reserved: 0.into(), request: 7.into(), session: session.into() };
    let inner = frame(Message::AaiRequest { head: &head, arguments });
    frame(Message::Local { head: &Local { eid, local_iat: IatField(iat) }, inner: &inner })
}
