//! Frames of agents, by the client's side of the library.

use std::net::IpAddr;

use iacp_core::crypto::Secret32;
use iacp_core::directory::work::Worker;
use iacp_core::directory::{Class, Kind, sign};
use iacp_core::erp::binding::Binding;
use iacp_core::governance::malfeasance::accuse;
use iacp_core::identity::Identity;
use iacp_core::time::UnixTime;
use iacp_wire::layout::{Record, Revocation};
use iacp_wire::message::{DirGet, DirPut, ErpRegister, Evidence, HeaderFragment};
use iacp_wire::{DhtKey, Eid, Frame, Locator, Message, Signature, TransactionId};
use zerocopy::IntoBytes;

use crate::provider::Chosen;

/// A frame; what the simulation sends fits.
pub fn frame(message: Message<'_>) -> Vec<u8> {
    let mut bytes = vec![0; 1_200];
    let length = Frame::new(message).write(&mut bytes).unwrap_or(0);
    bytes.truncate(length);
    bytes
}

/// The identity of a number, of a run.
pub fn identity(run: u64, what: u8, number: usize) -> Identity<Chosen> {
    let mut seed = [what; 32];
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    let bytes = run.to_be_bytes().into_iter().chain(number.to_be_bytes());
    seed.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    Identity::from_seed(&Secret32::new(seed))
}

pub fn bound(me: &Identity<Chosen>, at: IpAddr, generation: u64) -> ErpRegister {
    Binding::sign(me, Locator::from(at), generation).to_register()
}

pub fn worked(class: Class, key: DhtKey, bits: u8, now: UnixTime, nonce: u64, inner: &[u8]) -> Vec<u8> {
    let mut worker = Worker::new::<Chosen>(class, key, bits, now, nonce, inner);
    loop {
        if let Some(head) = worker.step(1 << 12) {
            return frame(Message::WorkedRequest { head: &head, inner });
        }
    }
}

/// A look-up of the binding and the flags; its answer has room for both.
pub fn standing(key: DhtKey, transaction: u64) -> Vec<u8> {
    let head = DirGet {
        storage_key: key,
        transaction_id: TransactionId(transaction.to_be_bytes()),
        kind: 255,
        first: 0,
        class: Class::Identities as u8,
        reserved: 0,
    };
    frame(Message::DirGet { head: &head, padding: &[0; 24] })
}

pub fn accusation(accuser: &Identity<Chosen>, offender: Eid, pair: &[ErpRegister; 2], now: UnixTime) -> Vec<u8> {
    let [one, other] = pair.each_ref().map(HeaderFragment::from);
    let (ticket, evidence) = accuse(accuser, offender, one, other, now.0);
    frame(Message::ProofOfMal { head: &ticket, evidence: Some(Evidence::Bindings(&evidence)) })
}

/// The revocation of a key with all its generations: the frame and the record's body.
pub fn revocation(me: &Identity<Chosen>, key: DhtKey, now: UnixTime) -> (Vec<u8>, Vec<u8>) {
    let mut body = Revocation {
        eid: me.eid(),
        first_invalid_generation: 0.into(),
        timestamp: now.0.into(),
        signature: Signature::ZERO,
    };
    body.signature = sign(me, Kind::Revocation, body.as_bytes().get(..48).unwrap_or_default(), &[]);
    let record = Record { kind: Kind::Revocation as u8, storage_key: key, expiry: u64::MAX, body: body.as_bytes() };
    let mut bytes = [0; 1_004];
    let length = record.write(&mut bytes).unwrap_or(0);
    let head = DirPut { directory_node_eid: Eid::ZERO, timestamp: 0.into(), signature: Signature::ZERO };
    let put = frame(Message::DirPut { head: &head, record: bytes.get(..length).unwrap_or_default() });
    (put, body.as_bytes().to_vec())
}
