//! Records, names and accusations, as a node of the directory meets them.

mod accusations;
mod claims;
mod escrows;
mod names;
mod quorums;
mod records;

use iacp_core::crypto::{ChaChaOnly, Provider, Secret32};
use iacp_core::directory::name::{Path, Root};
use iacp_core::directory::{Class, Facts, Judgement, Kind, Origin, Voters, judge};
use iacp_core::identity::Identity;
use iacp_core::time::UnixTime;
use iacp_wire::layout::Record;
use iacp_wire::message::ErpRegister;
use iacp_wire::{DhtKey, Digest, Eid, Locator, Signature};
use zerocopy::IntoBytes;

const NOW: UnixTime = UnixTime(1_790_000_000_000);
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn identity(seed: u8) -> Identity<ChaChaOnly> {
    Identity::from_seed(&Secret32::new([seed; 32]))
}

/// Signs the bytes as they are, which only bindings are.
fn raw_signature(seed: u8, bytes: &[u8]) -> Signature {
    Signature(ChaChaOnly::sign(&ChaChaOnly::signing_key(&Secret32::new([seed; 32])), bytes))
}

fn ip(last: u8) -> Locator {
    Locator::from(std::net::IpAddr::from([192, 0, 2, last]))
}

fn binding(seed: u8, at: Locator, generation: u64) -> ErpRegister {
    let mut binding = ErpRegister {
        source_eid: identity(seed).eid(),
        current_transport_ip: at,
        generation_counter: generation.into(),
        signature: Signature::ZERO,
    };
    binding.signature = raw_signature(seed, &binding.as_bytes()[..56]);
    binding
}

fn hashed(bytes: &[u8]) -> DhtKey {
    DhtKey(ChaChaOnly::sha256(&[bytes]))
}

fn record(kind: Kind, key: DhtKey, body: &[u8]) -> Record<'_> {
    Record { kind: kind as u8, storage_key: key, expiry: u64::MAX, body }
}

/// What a node knows.
#[derive(Clone, Default)]
struct Known {
    airk: Option<Eid>,
    first_invalid: Option<u64>,
    slashed: Vec<Eid>,
    challenged: Vec<Eid>,
    path_keys: Vec<(String, Eid)>,
    before: Option<(Eid, Digest)>,
    pinned: bool,
    voters: Vec<Eid>,
    court: Option<(Class, DhtKey)>,
    ballot: Vec<Eid>,
    witnessed: bool,
}

type Chosen = ChaChaOnly;

impl Facts for Known {
    fn airk(&self, _: &Eid) -> Option<Eid> {
        self.airk
    }
    fn first_invalid(&self, _: &Eid) -> Option<u64> {
        self.first_invalid
    }
    fn is_slashed(&self, eid: &Eid) -> bool {
        self.slashed.contains(eid)
    }
    fn is_challenged(&self, eid: &Eid) -> bool {
        self.challenged.contains(eid)
    }
    fn path_key(&self, path: &Path<'_>) -> Option<Eid> {
        self.path_keys.iter().find(|(known, _)| known == path.as_str()).map(|(_, key)| *key)
    }
    fn root_before(&self, _: &Path<'_>, _: u64) -> Option<(Eid, Digest)> {
        self.before
    }
    fn paid(&self, _: &Root<'_>) -> bool {
        self.pinned
    }
    fn voters(&self, _: Class, _: &DhtKey) -> Voters {
        self.voters.iter().copied().collect()
    }
    fn court(&self, _: &Digest) -> Option<(Class, DhtKey)> {
        self.court
    }
    fn ballot(&self, _: &Digest) -> Voters {
        self.ballot.iter().copied().collect()
    }
    fn is_witnessed(&self, _: &Record<'_>) -> bool {
        self.witnessed
    }
    fn place_bits(&self) -> u32 {
        8
    }
}

fn judged(record: &Record<'_>, held: Option<&Record<'_>>, known: &Known) -> Judgement {
    judge::<ChaChaOnly>(NOW, Origin::Owner, record, held, known)
}
