//! Records of the directory, as their owners sign them (PROFILE 2.5, 12.1): for the demo and the tests, which need some.

use iacp_core::crypto::{Portable, Provider as _};
use iacp_core::directory::{Kind, sign};
use iacp_core::erp::binding::Binding;
use iacp_core::governance::ballot;
use iacp_core::governance::malfeasance::accuse;
use iacp_core::governance::window::Outcome;
use iacp_core::identity::Identity;
use iacp_wire::layout::{NamespaceRoot, Record};
use iacp_wire::message::{Evidence, HeaderFragment};
use iacp_wire::{DhtKey, Digest, Eid, Frame, Locator, Message};

/// The proof of a root that readers have pinned in their configuration.
const PINNED: [u8; 1] = [2];

/// A record, and its slot.
#[derive(Clone)]
pub struct Made {
    /// Its kind.
    pub kind: Kind,
    /// Its storage key.
    pub key: DhtKey,
    /// When it ends, Unix time in milliseconds.
    pub expiry: u64,
    /// Its body.
    pub body: Vec<u8>,
}

/// How long a root is valid, in milliseconds: 400 days.
pub const ROOT_LIFE: u64 = 400 * 24 * 3_600_000;

impl Made {
    fn new(kind: Kind, of: &[u8], body: Vec<u8>) -> Self {
        Self { kind, key: DhtKey(Portable::sha256(&[of])), expiry: u64::MAX, body }
    }

    /// As nodes hand it on.
    #[must_use]
    pub fn record(&self) -> Record<'_> {
        Record { kind: self.kind as u8, storage_key: self.key, expiry: self.expiry, body: &self.body }
    }
}

fn text(path: &str) -> Vec<u8> {
    let length = u16::try_from(path.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], path.as_bytes()].concat()
}

fn named(name: &str, key: Eid) -> Vec<u8> {
    let escrow_allocation_index = Digest(Portable::sha256(&[&PINNED[..]]));
    let record = NamespaceRoot { curation_public_key: key, escrow_allocation_index, namespace: name };
    let mut buffer = [0; 256];
    let length = record.write(&mut buffer).unwrap_or(0);
    buffer.get(..length).unwrap_or_default().to_vec()
}

/// A ROOT of one label, by its curator.
#[must_use]
pub fn root(name: &str, curator: &Identity<Portable>, time: u64) -> Made {
    let before = [named(name, curator.eid()), time.to_be_bytes().to_vec()].concat();
    let after = [&[0, 1][..], &PINNED].concat();
    let signature = sign(curator, Kind::Root, &before, &after);
    Made::new(Kind::Root, name.as_bytes(), [&before[..], &signature.0, &after].concat())
}

/// A CURATION: version `version` of a root gets another key, by the key of the state before.
#[must_use]
pub fn curation(name: &str, version: u64, before: &Made, signer: &Identity<Portable>, key: Eid) -> Made {
    let state = Portable::sha256(&[&before.body]);
    let fields = [&version.to_be_bytes()[..], &state, &named(name, key)].concat();
    let signature = sign(signer, Kind::Curation, &fields, &[]);
    Made::new(Kind::Curation, name.as_bytes(), [&fields[..], &signature.0].concat())
}

/// A DELEGATION of `child` to a key, by the key of `parent`, for a window of Unix time in milliseconds.
#[must_use]
pub fn token(parent: &str, child: &str, signer: &Identity<Portable>, key: Eid, window: (u64, u64)) -> Made {
    let times = [window.0.to_be_bytes(), window.1.to_be_bytes()].concat();
    let fields = [text(parent), text(child), key.0.to_vec(), times].concat();
    let signature = sign(signer, Kind::Delegation, &fields, &[]);
    Made::new(Kind::Delegation, child.as_bytes(), [&fields[..], &signature.0].concat())
}

/// A REVOCATION of a key with all its generations.
#[must_use]
pub fn revocation(owner: &Identity<Portable>, time: u64) -> Made {
    let eid = owner.eid();
    let fields = [&eid.0[..], &0_u64.to_be_bytes(), &time.to_be_bytes()].concat();
    let signature = sign(owner, Kind::Revocation, &fields, &[]);
    Made::new(Kind::Revocation, &eid.0, [&fields[..], &signature.0].concat())
}

/// An ACCUSATION of a key that has signed two places under one generation.
#[must_use]
pub fn accusation(offender: &Identity<Portable>, accuser: &Identity<Portable>, time: u64) -> Made {
    let [one, other] = [1, 2].map(|place| {
        let binding = Binding::sign(offender, Locator::from(std::net::IpAddr::from([192, 0, 2, place])), 4);
        let binding = binding.to_register();
        HeaderFragment::from(&binding)
    });
    let (head, evidence) = accuse(accuser, offender.eid(), one, other, time);
    let mut buffer = [0; 1_024];
    let frame = Frame::new(Message::ProofOfMal { head: &head, evidence: Some(Evidence::Bindings(&evidence)) });
    let length = frame.write(&mut buffer).unwrap_or(0);
    Made::new(Kind::Accusation, &offender.eid().0, buffer.get(4..length).unwrap_or_default().to_vec())
}

/// A VERDICT that a key is guilty, by the votes of these nodes.
#[must_use]
pub fn verdict<'v>(offender: Eid, voters: impl Iterator<Item = &'v Identity<Portable>>, time: u64) -> Made {
    let id = Digest(Portable::sha256(&[b"an accusation of ", &offender.0]));
    let votes: Vec<_> = voters
        .map(|voter| {
            let vote = ballot::sign(voter, id, offender, Outcome::Guilty, time / 30_000);
            [&vote.voter_eid.0[..], &vote.epoch.get().to_be_bytes(), &vote.signature.0].concat()
        })
        .collect();
    let head = [&id.0[..], &offender.0, &[Outcome::Guilty as u8, u8::try_from(votes.len()).unwrap_or(0), 0, 0]];
    Made::new(Kind::Verdict, &offender.0, [head.concat(), votes.concat()].concat())
}
