//! A good envelope, edited at will: what is approved is what was sealed, under a name that says so.
#![no_main]

use std::sync::LazyLock;

use cep_envelope::Surface;
use cep_envelope::decision::{Delivery, Outcome, Policy, Receiver};
use cep_envelope::digest::Digest;
use cep_envelope::ladder::BareFile;
use cep_envelope::lineage::{MemoryLineage, Slot};
use cep_envelope::manifest::{BoundKey, Instant, MAX_OUTER, SealedManifest, seal};
use cep_envelope::notification::Notification;
use ed25519_compact::{KeyPair, Seed};
use libfuzzer_sys::fuzz_target;

const NAME: &[u8] = b"20260514t064148z.message.jasper.normal.tza";
const CONTENT: &[u8] = b"the object";
const NOTICE: &[u8] = br#"{"from_agent":"jasper","to_agent":"codex","poll_type":"PUSH","metadata":{"envelope_name":"20260514t064148z.message.jasper.normal.tza","envelope_ref":"/in/20260514t064148z.message.jasper.normal.tza","schema":"aint-send-v2","verification_state":"referenced"}}"#;

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::from_seed(Seed::new([7; 32])));
static BOUND: LazyLock<BoundKey> = LazyLock::new(|| BoundKey::new(*KEY.pk).expect("of prime order"));
static SEALED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let manifest = format!(
        r#"{{"schema":"aint-send-v2","surface_time_fragment":"20260514t064148z","surface_context":"message","surface_profile":"jasper","surface_priority":"normal","sealed_created_at":"2026-05-14T06:41:48.207135+00:00","content_digest":"{}","causal_parent":null,"recipient":"codex"}}"#,
        Digest::of(CONTENT)
    );
    let sign = |hash: &[u8; 32]| *KEY.sk.sign(hash, None);
    let mut out = [0; MAX_OUTER];
    seal(manifest.as_bytes(), "jasper#1", "codex", sign, &mut out).expect("it is in order").to_vec()
});

/// Edits, each a part, a place, a number of bytes that go, and the bytes that come.
fn edit(mut edits: &[u8], parts: &mut [Vec<u8>; 4]) {
    while let [part, place, high, gone, length, rest @ ..] = edits {
        let part = &mut parts[usize::from(part % 4)];
        let start = (usize::from(*place) | usize::from(*high) << 8) % (part.len() + 1);
        let end = (start + usize::from(*gone)).min(part.len());
        let (comes, after) = rest.split_at(usize::from(*length).min(rest.len()));
        part.splice(start..end, comes.iter().copied());
        edits = after;
    }
}

fuzz_target!(|edits: &[u8]| {
    let mut parts = [NAME.to_vec(), CONTENT.to_vec(), SEALED.clone(), NOTICE.to_vec()];
    edit(edits, &mut parts);
    let [name, content, sealed, notice] = &parts;
    let lineage = MemoryLineage::first([Slot::EMPTY; 4], [0; 16]);
    let keys = |signer: &str, sender: &str| ((signer, sender) == ("jasper#1", "jasper")).then(|| *BOUND);
    let policy = Policy::default();
    let receiver = Receiver { name: "codex", container: &BareFile, keys: &keys, lineage: &lineage, policy: &policy };
    let notice = Notification::read(notice).ok();
    let delivery = Delivery {
        name,
        sender: notice.map_or("jasper", |notice| notice.from_agent),
        object: Some(content),
        sealed: Some(sealed),
        notice,
        expected: None,
        arrival: Instant::unix(1_778_740_910),
    };
    let decision = receiver.judge(&delivery).decision;
    assert!(!decision.to_string().is_empty());
    if edits.is_empty() {
        assert_eq!(decision.outcome(), Outcome::Continue);
    }
    if decision.outcome().approves() {
        assert_eq!(content, CONTENT);
        let signed = |bytes| SealedManifest::parse(bytes).map(|sealed| sealed.signed_bytes());
        assert_eq!(signed(sealed), signed(&SEALED));
        let name = Surface::parse_bytes(name).expect("no other name is approved");
        assert_eq!([name.context(), name.profile(), name.priority()], ["message", "jasper", "normal"]);
    }
});
