//! A delivered object and its receiver, and what the decision about it cannot do without.

use std::hint::black_box;
use std::marker::PhantomData;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use cep_envelope::Surface;
use cep_envelope::decision::{Delivery, Judgement, Outcome, Policy, Receiver};
use cep_envelope::digest::Digest;
use cep_envelope::ladder::BareFile;
use cep_envelope::lineage::{Line, MemoryLineage, Record, Slot, Standing};
use cep_envelope::manifest::{
    BoundKey, CausalParent, Instant, MAX_MANIFEST, MAX_OUTER, Manifest, SealedManifest, SealedTime, Signatures, Strict,
    seal,
};
use cep_envelope::notification::{MAX_NOTIFICATION, Notification};
use iacp_core::crypto::{Provider, Secret32};
use sha2::{Digest as _, Sha256};

/// AWS-LC's verification: it computes R and compares its bytes, so that with a key of prime order only a neutral R is left to
/// refuse.
#[derive(Clone, Copy, Debug)]
pub struct ComparesBytes;

impl Signatures for ComparesBytes {
    fn verify(&self, key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        const NEUTRAL: [u8; 32] = {
            let mut bytes = [0; 32];
            bytes[0] = 1;
            bytes
        };
        signature.first_chunk() != Some(&NEUTRAL)
            && UnparsedPublicKey::new(&ED25519, key).verify(hash, signature).is_ok()
    }
}

const NAME: &str = "20260514t064148z.message.jasper.normal.tza";
const SENDER: &str = "jasper";
const SIGNER: &str = "jasper#1";
const RECIPIENT: &str = "codex";
/// 2026-05-14T06:41:48Z.
const SEALED: Instant = Instant::unix(1_778_740_908);

/// A lineage on the heap.
pub type Memory = MemoryLineage<Box<[Slot]>>;

/// The digests of `count` manifests.
#[must_use]
pub fn objects(count: u32) -> Vec<Digest> {
    (0..count).map(|number| Digest::of(&number.to_be_bytes())).collect()
}

/// A lineage that holds these objects, each of them a root, and has room for hardly any more.
///
/// # Panics
/// There is no room.
#[must_use]
pub fn known(objects: &[Digest]) -> Memory {
    let slots = vec![Slot::EMPTY; 4 * (objects.len() + 1).div_ceil(3)].into_boxed_slice();
    let mut lineage = MemoryLineage::first(slots, [7; 16]);
    for manifest in objects {
        let record = Record {
            manifest: *manifest,
            key: [1; 32],
            parent: CausalParent::Root,
            sealed: SEALED,
            line: Line::Main(*manifest),
            standing: Standing::Approved,
        };
        lineage.record(&record).expect("there is room");
    }
    lineage
}

/// An object with its sealed manifest and its notification, whose parent the receiver holds among thousands of others.
pub struct Envelope<P: Provider> {
    object: Vec<u8>,
    manifest: Vec<u8>,
    sealed: Vec<u8>,
    notification: Vec<u8>,
    public: [u8; 32],
    bound: BoundKey,
    signature: [u8; 64],
    lineage: Memory,
    provider: PhantomData<P>,
}

impl<P: Provider> Envelope<P> {
    /// An object of `length` bytes.
    ///
    /// # Panics
    /// It is not approved.
    #[must_use]
    pub fn new(length: usize) -> Self {
        let object = vec![0x5A; length];
        let key = P::signing_key(&Secret32::new([1; 32]));
        let parents = objects(4_096);
        let manifest = Manifest {
            schema: "aint-send-v2",
            surface: Surface::parse(NAME).expect("a surface").into(),
            sealed_created_at: SealedTime::parse("2026-05-14T06:41:48.207135+00:00").expect("a time"),
            content_digest: Digest::of(&object),
            causal_parent: CausalParent::Of(parents[1_000]),
            signer: Some(SIGNER),
            recipient: Some(RECIPIENT),
        };
        let (mut text, mut outer) = ([0; MAX_MANIFEST], [0; MAX_OUTER]);
        let manifest = manifest.write(&mut text).expect("a manifest");
        let sealed = seal(manifest, SIGNER, RECIPIENT, |hash| P::sign(&key, hash), &mut outer).expect("it is sound");
        let signature = *SealedManifest::parse(sealed).expect("it is sealed").claimed_signature();
        let notification = format!(
            r#"{{"from_agent":"{SENDER}","to_agent":"{RECIPIENT}","poll_type":"PUSH","metadata":{{"envelope_name":"{NAME}",
            "envelope_ref":"/var/lib/tibet/inbox/{NAME}","schema":"aint-send-v2","verification_state":"referenced"}}}}"#
        );
        assert!(notification.len() <= MAX_NOTIFICATION);
        let envelope = Self {
            manifest: manifest.to_vec(),
            sealed: sealed.to_vec(),
            notification: notification.into_bytes(),
            public: P::public_key(&key),
            bound: BoundKey::new(P::public_key(&key)).expect("of prime order"),
            signature,
            lineage: known(&parents),
            provider: PhantomData,
            object,
        };
        let judgement = envelope.judge();
        assert_eq!(judgement.decision.outcome(), Outcome::Continue, "{}", judgement.decision);
        assert!(judgement.decision.findings().is_empty(), "{}", judgement.decision);
        envelope
    }

    /// Reads the notification and judges the delivery: everything from bytes to decision.
    ///
    /// # Panics
    /// The notification is not well-formed.
    #[must_use]
    pub fn judge(&self) -> Judgement<'_> {
        self.judge_with(&Strict)
    }

    /// The same, with another verification of signatures.
    ///
    /// # Panics
    /// The notification is not well-formed.
    #[must_use]
    pub fn judge_with(&self, signatures: &impl Signatures) -> Judgement<'_> {
        let notice = Notification::read(black_box(&self.notification)).expect("a notification");
        let bound = self.bound;
        let keys = |signer: &str, sender: &str| (signer == SIGNER && sender == SENDER).then_some(bound);
        let policy = Policy::default();
        let receiver = Receiver {
            name: RECIPIENT,
            container: &BareFile,
            keys: &keys,
            signatures,
            lineage: &self.lineage,
            policy: &policy,
        };
        receiver.judge(&Delivery {
            name: notice.envelope_name.as_bytes(),
            sender: notice.from_agent,
            object: Some(black_box(&self.object)),
            sealed: Some(black_box(&self.sealed)),
            notice: Some(notice),
            expected: None,
            arrival: SEALED.after(2),
        })
    }

    /// SHA-256 of the object.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(black_box(&self.object)).into()
    }

    /// One strict verification, of the manifest's signature.
    ///
    /// # Panics
    /// It fails.
    pub fn verify(&self) {
        let signed = Sha256::new().chain_update(b"CEP/1 manifest\0").chain_update(black_box(&self.manifest)).finalize();
        P::verify(black_box(&self.public), &signed, black_box(&self.signature)).expect("it is the sender's");
    }

    /// The manifest's bytes.
    #[must_use]
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The outer object's bytes.
    #[must_use]
    pub fn sealed(&self) -> &[u8] {
        &self.sealed
    }

    /// The notification's bytes.
    #[must_use]
    pub fn notification(&self) -> &[u8] {
        &self.notification
    }
}
