//! Envelopes for tests: a sender that seals, and a receiver that judges.
#![allow(dead_code, reason = "each test file takes what it needs")]

use cep_envelope::decision::{Delivery, Judgement, Policy, Receiver};
use cep_envelope::digest::Digest;
use cep_envelope::ladder::BareFile;
use cep_envelope::lineage::{MemoryLineage, Slot};
use cep_envelope::manifest::{
    BoundKey, CausalParent, Instant, MAX_MANIFEST, MAX_OUTER, Manifest, SealedTime, Strict, seal,
};
use cep_envelope::notification::{ClaimedState, Notification, PollType, Reference};
use cep_envelope::{Surface, VerificationState};
use ed25519_compact::{KeyPair, Seed};

pub type Memory = MemoryLineage<[Slot; 64]>;

/// 2026-05-14T06:41:48Z.
pub const SEALED_AT: Instant = Instant::unix(1_778_740_908);
/// Two seconds later.
pub const ARRIVAL: Instant = Instant::unix(1_778_740_910);
pub const NAME: &str = "20260514t064148z.message.jasper.normal.tza";

/// Jasper's key, and the keys of the others.
pub fn pair(sender: &str) -> KeyPair {
    let mut seed = [0; 32];
    seed[..sender.len()].copy_from_slice(sender.as_bytes());
    KeyPair::from_seed(Seed::new(seed))
}

/// The receiver knows two senders.
pub fn keys(signer: &str, sender: &str) -> Option<BoundKey> {
    let bound = matches!((signer, sender), ("jasper#1", "jasper") | ("root-ai#1", "root-ai"));
    bound.then(|| BoundKey::new(*pair(sender).pk).unwrap())
}

pub fn memory() -> Memory {
    MemoryLineage::first([Slot::EMPTY; 64], [9; 16])
}

/// What a sender seals. The defaults are the draft's example, sealed for codex.
#[derive(Clone, Copy)]
pub struct Draft<'a> {
    pub sender: &'a str,
    pub key: &'a str,
    pub name: &'a str,
    pub schema: &'a str,
    pub content: &'a [u8],
    pub created: &'a str,
    pub parent: CausalParent,
    pub recipient: &'a str,
    pub sealed_recipient: bool,
}

impl Default for Draft<'_> {
    fn default() -> Self {
        Self {
            sender: "jasper",
            key: "jasper",
            name: NAME,
            schema: "aint-send-v2",
            content: b"the object",
            created: "2026-05-14T06:41:48.207135+00:00",
            parent: CausalParent::Root,
            recipient: "codex",
            sealed_recipient: true,
        }
    }
}

/// What is delivered.
#[derive(Clone)]
pub struct Envelope {
    pub sender: String,
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    pub sealed: Vec<u8>,
    /// The digest of its manifest.
    pub digest: Digest,
}

impl Draft<'_> {
    pub fn seal(&self) -> Envelope {
        let signer = format!("{}#1", self.sender);
        let manifest = Manifest {
            schema: self.schema,
            surface: Surface::parse(self.name).unwrap().into(),
            sealed_created_at: SealedTime::parse(self.created).unwrap(),
            content_digest: Digest::of(self.content),
            causal_parent: self.parent,
            signer: Some(&signer),
            recipient: self.sealed_recipient.then_some(self.recipient),
        };
        let (mut text, mut outer) = ([0; MAX_MANIFEST], [0; MAX_OUTER]);
        let text = manifest.write(&mut text).unwrap();
        let sign = |hash: &[u8; 32]| *pair(self.key).sk.sign(hash, None);
        let sealed = seal(text, &signer, self.recipient, sign, &mut outer).unwrap();
        Envelope {
            sender: self.sender.into(),
            name: self.name.into(),
            content: self.content.into(),
            sealed: sealed.into(),
            digest: Digest::of(text),
        }
    }
}

impl Envelope {
    pub fn delivery(&self) -> Delivery<'_> {
        Delivery {
            name: &self.name,
            sender: &self.sender,
            object: Some(&self.content),
            sealed: Some(&self.sealed),
            notice: None,
            expected: None,
            arrival: ARRIVAL,
        }
    }
}

/// Codex judges, by the default policy.
pub fn judge<'b>(delivery: &Delivery<'b>, memory: &Memory) -> Judgement<'b> {
    judge_by(&Policy::default(), delivery, memory)
}

pub fn judge_by<'b>(policy: &Policy<'_>, delivery: &Delivery<'b>, memory: &Memory) -> Judgement<'b> {
    let receiver =
        Receiver { name: "codex", container: &BareFile, keys: &keys, signatures: &Strict, lineage: memory, policy };
    let judgement = receiver.judge(delivery);
    // Everywhere and always.
    let decision = &judgement.decision;
    assert_eq!(decision.outcome().approves(), judgement.ladder.proven() == cep_envelope::VerificationState::LADDER[5]);
    assert_eq!(decision.outcome().approves(), decision.line().is_some());
    assert_eq!(decision.proven(), judgement.ladder.proven());
    judgement
}

/// Codex judges and remembers.
pub fn receive(envelope: &Envelope, memory: &mut Memory) -> cep_envelope::decision::Decision {
    let decision = judge(&envelope.delivery(), memory).decision;
    if let Some(record) = decision.record() {
        memory.record(record).unwrap();
    }
    decision
}

/// The notice of the draft's example, for this name.
pub fn notice(name: &str) -> Notification<'_> {
    Notification {
        from_agent: "jasper",
        to_agent: "codex",
        poll_type: PollType::Push,
        envelope_name: name,
        envelope_ref: Reference::new(name),
        schema: "aint-send-v2",
        claimed_state: ClaimedState::Known(VerificationState::Referenced),
    }
}

/// The names of findings.
pub fn names(findings: cep_envelope::decision::Findings) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.name()).collect()
}
