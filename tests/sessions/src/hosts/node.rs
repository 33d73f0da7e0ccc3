//! A node of the directory, as far as a host sees it: a test double.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use iacp_core::crypto::{Portable, Provider};
use iacp_core::erp::binding::Binding;
use iacp_wire::message::ErpConfirm;
use iacp_wire::{Eid, Frame, Message, Signature};

/// One node of the directory: it takes what verifies and is newer, and confirms it.
pub struct DirectoryNode {
    pub(super) key: <Portable as Provider>::SigningKey,
    /// Its EID.
    pub eid: Eid,
    /// Where it is.
    pub at: SocketAddr,
    /// What it holds.
    pub held: BTreeMap<[u8; 32], Binding>,
    /// The status that it answers with, if it has its own mind.
    pub status: Option<u32>,
    /// It answers nothing, and carries nothing.
    pub silent: bool,
    /// It alters what it carries.
    pub alters: bool,
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

    pub(super) fn take(&mut self, from: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.silent {
            return None;
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
        // The signature is the last field; what it covers, PROFILE 2.3 says.
        let bound = [&binding.eid.0[..], &binding.ip.0, &binding.generation.to_be_bytes()].concat();
        let digest = Portable::sha256(&[b"IACP/1 ERP_CONFIRM\0", &bound, &frame[..80]]);
        frame[80..].copy_from_slice(&Portable::sign(&self.key, &digest));
        Some(frame)
    }
}
