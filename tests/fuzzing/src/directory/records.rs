//! Records, under signatures that verify whatever they say.

use std::net::SocketAddr;

use iacp_core::crypto::Provider as _;
use iacp_core::directory::Kind;
use iacp_wire::layout::{Hosting, NamespaceRoot, NodeRecord, Record, Revocation};
use iacp_wire::message::{DhtTicketStore, ErpRegister};
use iacp_wire::{AeadNonce, DhtKey, Digest, Eid, Locator, SealedLocator, Signature};
use zerocopy::IntoBytes as _;

use super::NOW;
use crate::provider::Trusting;

pub(super) const DAY: u64 = 86_400_000;
/// The signature of each key under each text.
pub(super) const SIGNED: Signature = Signature([0x5A; 64]);

/// The EID of a number.
pub(super) const fn eid(number: u8) -> Eid {
    Eid([number; 32])
}

/// One address for each number.
pub(super) fn address(number: u8) -> SocketAddr {
    ([10, number & 3, number >> 2, 1], 4_227).into()
}

pub(super) fn key(of: &[u8]) -> DhtKey {
    DhtKey(Trusting::sha256(&[of]))
}

pub(super) fn stored(kind: Kind, key: DhtKey, body: &[u8]) -> Vec<u8> {
    let mut out = [0; 1_100];
    let record = Record { kind: kind as u8, storage_key: key, expiry: NOW.0 + DAY, body };
    let length = record.write(&mut out).expect("a record");
    out[..length].to_vec()
}

pub(super) fn binding(owner: u8, ip: u8, generation: u64) -> ErpRegister {
    ErpRegister {
        source_eid: eid(owner),
        current_transport_ip: address(ip).ip().into(),
        generation_counter: generation.into(),
        signature: SIGNED,
    }
}

pub(super) fn of_binding(binding: &ErpRegister) -> Vec<u8> {
    stored(Kind::Binding, key(&binding.source_eid.0), binding.as_bytes())
}

fn path(path: &str) -> Vec<u8> {
    [&u16::try_from(path.len()).expect("short").to_be_bytes()[..], path.as_bytes()].concat()
}

/// The record of a namespace, its curator's key behind it, paid by a reader's configuration.
fn named(name: &str, curator: u8) -> Vec<u8> {
    let escrow_allocation_index = Digest(Trusting::sha256(&[&PINNED]));
    let record = NamespaceRoot { curation_public_key: eid(curator), escrow_allocation_index, namespace: name };
    let mut out = [0; 200];
    let length = record.write(&mut out).expect("a short name");
    out[..length].to_vec()
}

/// The proof of a root that the reader knows.
const PINNED: [u8; 1] = [2];

pub(super) fn of_root(name: &str, curator: u8, time: u64) -> Vec<u8> {
    let body = [&named(name, curator)[..], &time.to_be_bytes(), &SIGNED.0, &[0, 1], &PINNED].concat();
    stored(Kind::Root, key(name.as_bytes()), &body)
}

/// The change that follows the root or change in a record.
pub(super) fn of_curation(version: u64, before: &[u8], name: &str, curator: u8) -> Vec<u8> {
    let state = Trusting::sha256(&[Record::parse(before).expect("a record").body]);
    let body = [&version.to_be_bytes()[..], &state, &named(name, curator), &SIGNED.0].concat();
    stored(Kind::Curation, key(name.as_bytes()), &body)
}

/// A delegation as bytes: paths, child key, window, signature.
pub(super) fn delegation(parent: &str, child: &str, to: u8, from: u64) -> Vec<u8> {
    let times = [from.to_be_bytes(), (from + DAY).to_be_bytes()].concat();
    [path(parent), path(child), eid(to).0.to_vec(), times, SIGNED.0.to_vec()].concat()
}

pub(super) fn of_delegation(parent: &str, child: &str, to: u8, from: u64) -> Vec<u8> {
    stored(Kind::Delegation, key(child.as_bytes()), &delegation(parent, child, to, from))
}

pub(super) fn ticket(owner: u8, iv: u8) -> DhtTicketStore {
    DhtTicketStore {
        target_storage_key: key(&eid(owner).0),
        target_agent_eid: eid(owner),
        time_to_live: 3_600.into(),
        aead_nonce: AeadNonce([iv; 12]),
        encrypted_forwarding_data: SealedLocator([7; 36]),
        signature: SIGNED,
    }
}

/// The revocation of a key from a generation on.
pub(super) fn revocation(owner: u8, first: u64) -> Revocation {
    Revocation { eid: eid(owner), first_invalid_generation: first.into(), timestamp: NOW.0.into(), signature: SIGNED }
}

/// A host answers for an agent for a day.
pub(super) fn hosting(agent: u8, host: u8) -> Hosting {
    Hosting {
        eid: eid(agent),
        ll_entity_instance_identifier: eid(host),
        from: NOW.0.into(),
        until: (NOW.0 + DAY).into(),
        eid_signature: SIGNED,
        lii_signature: SIGNED,
    }
}

/// A node that is at the address of its number.
pub(super) fn node(number: u8) -> NodeRecord {
    NodeRecord {
        eid: eid(number),
        ip: Locator::from(address(number).ip()),
        port: address(number).port().into(),
        classes: 0xF,
        reserved: 0,
        timestamp: NOW.0.into(),
        nonce: 0.into(),
        signature: SIGNED,
    }
}
