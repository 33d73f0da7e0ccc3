//! The first record of a blob.

use iacp_wire::{Digest, Eid, Locator, Signature};

use crate::crypto::Secret32;
use crate::erp::binding::Binding;

/// The first record: what makes the context. It holds the EID's key, and is wiped on drop.
pub struct Context {
    /// The seed of the EID.
    pub seed: Secret32,
    /// The agent's identity root key; zero if there is none.
    pub airk: Eid,
    /// The digest of the application.
    pub app_digest: Digest,
    /// The number of the last evolution.
    pub evolution: u64,
    /// The binding for the importing host, which the exporting host signed.
    pub binding: Binding,
    /// The arguments of the agent's LISTEN.
    pub listen: [u8; 24],
}

impl Context {
    /// Length in bytes.
    pub const LEN: usize = 216;

    /// The record as bytes, in a buffer that [`Exporter::seal`](super::Exporter::seal) wipes.
    pub fn write(&self, out: &mut [u8; Self::LEN]) {
        let Self { seed, airk, app_digest, evolution, binding, listen } = self;
        let fields = seed.expose().iter().chain(&airk.0).chain(&app_digest.0).copied();
        let fields = fields.chain(evolution.to_be_bytes()).chain(binding.generation.to_be_bytes());
        let fields = fields.chain(binding.ip.0).chain(binding.signature.0).chain(*listen);
        out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    }

    pub(super) fn read(eid: Eid, bytes: &[u8]) -> Option<Self> {
        let (seed, rest) = bytes.split_first_chunk::<32>()?;
        let (airk, rest) = rest.split_first_chunk()?;
        let (digest, rest) = rest.split_first_chunk()?;
        let (evolution, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (ip, rest) = rest.split_first_chunk()?;
        let (signature, rest) = rest.split_first_chunk()?;
        Some(Self {
            seed: Secret32::fill(|to| to.copy_from_slice(seed)),
            airk: Eid(*airk),
            app_digest: Digest(*digest),
            evolution: u64::from_be_bytes(*evolution),
            binding: Binding {
                eid,
                ip: Locator(*ip),
                generation: u64::from_be_bytes(*generation),
                signature: Signature(*signature),
            },
            listen: rest.try_into().ok()?,
        })
    }
}
