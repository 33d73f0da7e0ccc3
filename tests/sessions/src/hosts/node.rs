//! A node of the directory, as far as a host sees it: a test double.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use iacp_core::crypto::{Portable, Provider};
use iacp_core::erp::binding::Binding;
use iacp_core::time::Mono;
use iacp_wire::message::ErpConfirm;
use iacp_wire::{Eid, Frame, Message, Signature};

/// A node's answer about a URI's host: status, EID, expiry.
pub type Word = (u32, Eid, u64);

/// A requestor is answered once within this many milliseconds.
const PAUSE: u64 = 1_000;

/// One node of the directory: it takes what verifies and is newer, and confirms it.
pub struct DirectoryNode {
    pub(super) key: <Portable as Provider>::SigningKey,
    /// Its EID.
    pub eid: Eid,
    /// Where it is.
    pub at: SocketAddr,
    /// What it holds.
    pub held: BTreeMap<[u8; 32], Binding>,
    /// The status that it answers with, if it differs from the honest one.
    pub status: Option<u32>,
    /// It answers nothing, and carries nothing.
    pub silent: bool,
    /// It alters what it carries.
    pub alters: bool,
    /// Its answers about URIs; for all others, it answers that there is no mapping.
    pub says: BTreeMap<String, Word>,
    /// When it has answered each requestor last.
    pub asked: BTreeMap<[u8; 32], Mono>,
}

impl DirectoryNode {
    /// Its POM_NOTICE: an accusation against this EID is in escrow here.
    #[must_use]
    pub fn notice(&self, offender: &Eid, accusation: &[u8; 32], epoch: u64) -> Vec<u8> {
        let head = [0x19, 0x50, 0x00, 0xa8];
        let unsigned = [&head[..], accusation, &offender.0, &epoch.to_be_bytes(), &self.eid.0].concat();
        let digest = Portable::sha256(&[b"IACP/1 POM_NOTICE\0", &unsigned]);
        [&unsigned[..], &Portable::sign(&self.key, &digest)].concat()
    }

    /// An ANML_FALLBACK_ANSWER to a query, by hand: PROFILE 1.6 and 2.3.
    #[must_use]
    pub fn answer(&self, query: &[u8], (status, eid, expiry): Word) -> Vec<u8> {
        let nonce = &query[query.len() - 72..query.len() - 64];
        let head = [0x19, 0xa0, 0x00, 0x94];
        let fields = [nonce, &status.to_be_bytes(), &eid.0, &expiry.to_be_bytes(), &self.eid.0].concat();
        let unsigned = [&head[..], &fields].concat();
        let context = Portable::sha256(&[query]);
        let digest = Portable::sha256(&[b"IACP/1 ANML_FALLBACK_ANSWER\0", &context, &unsigned]);
        [&unsigned[..], &Portable::sign(&self.key, &digest)].concat()
    }

    fn resolve(&mut self, now: Mono, query: &[u8]) -> Option<Vec<u8>> {
        let requestor: [u8; 32] = query.get(query.len().checked_sub(104)?..)?.first_chunk().copied()?;
        let uri = String::from_utf8(query[4..query.len() - 104].to_vec()).ok()?;
        if self.asked.get(&requestor).is_some_and(|then| now.since(*then) < PAUSE) {
            return None;
        }
        self.asked.insert(requestor, now);
        let word = self.says.get(&uri).copied().unwrap_or((20, Eid([0; 32]), 0));
        Some(self.answer(query, word))
    }

    pub(super) fn take(&mut self, now: Mono, from: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.silent {
            return None;
        }
        if bytes.starts_with(&[0x11, 0x20]) {
            return self.resolve(now, bytes);
        }
        let frame = Frame::parse(bytes).ok()?;
        let binding = Binding::of_frame(&frame)?;
        let newer = self.held.get(&binding.eid.0).is_none_or(|held| held.generation < binding.generation);
        let same = self.held.get(&binding.eid.0) == Some(&binding);
        let status = match self.status {
            Some(status) => status,
            None if binding.verify::<Portable>().is_err() => 2,
            None if !binding.is_leaving() && IpAddr::from(binding.ip) != from.ip() => 16,
            None if newer => {
                self.held.insert(binding.eid.0, binding);
                0
            }
            None if same => 0,
            None => 1,
        };
        let confirm = ErpConfirm {
            eid: binding.eid,
            generation_counter: binding.generation.into(),
            directory_node_eid: self.eid,
            status: status.into(),
            signature: Signature::ZERO,
        };
        let mut frame = vec![0; 144];
        Frame::new(Message::ErpConfirm(&confirm)).write(&mut frame).expect("140 bytes and a header");
        // The signature is the last field; PROFILE 2.3 defines what it covers.
        let bound = [&binding.eid.0[..], &binding.ip.0, &binding.generation.to_be_bytes()].concat();
        let digest = Portable::sha256(&[b"IACP/1 ERP_CONFIRM\0", &bound, &frame[..80]]);
        frame[80..].copy_from_slice(&Portable::sign(&self.key, &digest));
        Some(frame)
    }
}
