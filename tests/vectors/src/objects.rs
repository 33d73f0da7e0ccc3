//! Names, an envelope, a policy: what is not IACP's wire.

use cep_envelope::digest::Digest;
use cep_envelope::manifest::{
    BoundKey, CausalParent, Expected, MAX_MANIFEST, MAX_OUTER, Manifest, SealedManifest, SealedTime, Strict, seal,
};
use cep_envelope::{Surface, normalise};
use ed25519_compact::{KeyPair, Seed};
use iacp_core::crypto::{Portable, Secret32};
use iacp_core::identity::CanonicalEid;
use iacp_core::pss::local_session_key;
use iacp_wire::{Cookie, Eid};
use interaction_gov::authority::Speaker;
use interaction_gov::policy::{Consents, Facts, Kind, On, Policy, Provenance};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Posture, Region, Set, Vocabulary};
use serde_json::{Value, json};

use crate::reader::{self, sha256};
use crate::scenes::SEEDS;

/// What is derived from EIDs and cookies (PROFILE 2.1).
///
/// # Panics
/// PROFILE and the library disagree.
#[must_use]
pub fn names() -> Value {
    let pair = KeyPair::from_seed(Seed::new(SEEDS[0]));
    let eid = *pair.pk;
    let (initiator, responder, iat) = ([0x11; 8], [0x22; 8], [0x33; 32]);
    let key = sha256(&[&initiator, &responder, &eid, &iat]);
    let cookies = (Cookie(initiator), Cookie(responder));
    assert_eq!(local_session_key::<Portable>(cookies.0, cookies.1, &Eid(eid), &Secret32::new(iat)), key);
    let canonical = hex::encode(&sha256(&[&eid])[..20]);
    assert_eq!(CanonicalEid::of::<Portable>(&Eid(eid)).to_string(), canonical);
    json!({
        "seed": hex::encode(SEEDS[0]), "eid": hex::encode(eid), "canonical_eid": canonical,
        "storage_key": hex::encode(sha256(&[&eid])),
        "static_public": hex::encode(reader::static_public(&eid)),
        "i_cookie": hex::encode(initiator), "r_cookie": hex::encode(responder), "local_iat": hex::encode(iat),
        "local_session_key": hex::encode(key),
    })
}

/// Names that are surfaces, names that are not and why, and the normalised forms of some (PROFILE 7).
#[must_use]
pub fn surfaces() -> Vec<Value> {
    let long = format!("2026-05-14.{}.b.p", "c".repeat(200));
    [
        "20260514t064148z.message.jasper.normal.tza", "2026-05-14.note.jasper.high", "2026-05-14t06-41-48z.a.b.c",
        "20260514t064148z.message.jasper", "20260514t064148z.message.jasper.normal.a.b", "", ".....",
        "20260514T064148Z.message.jasper.normal", "20260514t064148.message.jasper.normal", "20261301t000000z.a.b.c",
        "20260230t000000z.a.b.c", "20260514t250000z.a.b.c", "20260514t064148z.mess age.jasper.normal",
        "20260514t064148z.-a.b.c", "20260514t064148z.a-.b.c", "20260514t064148z.a..b.c", "../etc/passwd",
        "20260514t064148z.a.b.c\n", "20260514t064148z.\u{430}.b.c", &long,
    ]
    .into_iter()
    .map(|name| match Surface::parse(name) {
        Ok(surface) => json!({
            "name": name, "time": surface.time().to_string(), "context": surface.context(), "profile": surface.profile(),
            "priority": surface.priority(), "extension": surface.extension(),
        }),
        Err(error) => {
            let mut buffer = [0; Surface::LONGEST];
            let normalised = normalise(name, &mut buffer).ok().map(|one| one.surface().as_str().to_owned());
            json!({ "name": name, "refused": error.to_string(), "normalised": normalised })
        }
    })
    .collect()
}

/// A sealed manifest, to its signature (PROFILE 7).
///
/// # Panics
/// PROFILE and the library disagree.
#[must_use]
pub fn envelope() -> Value {
    let (name, object) = ("20260514t064148z.message.jasper.normal.tza", b"the object");
    let pair = KeyPair::from_seed(Seed::new([0x1A; 32]));
    let surface = Surface::parse(name).expect("a surface");
    let manifest = Manifest {
        schema: "aint-send-v2",
        surface: surface.into(),
        sealed_created_at: SealedTime::parse("2026-05-14T06:41:48.207135+00:00").expect("a time"),
        content_digest: Digest::of(object),
        causal_parent: CausalParent::Root,
        signer: Some("jasper#1"),
        recipient: Some("codex"),
    };
    let (mut text, mut outer) = ([0; MAX_MANIFEST], [0; MAX_OUTER]);
    let text = manifest.write(&mut text).expect("it fits");
    let mut signed = [0; 32];
    let sign = |hash: &[u8; 32]| {
        signed = *hash;
        *pair.sk.sign(hash, None)
    };
    let outer = seal(text, "jasper#1", "codex", sign, &mut outer).expect("it fits");
    let key = BoundKey::new(*pair.pk).expect("a key");
    let keys = |signer: &str, sender: &str| ((signer, sender) == ("jasper#1", "jasper")).then_some(key);
    let sealed = SealedManifest::parse(outer).expect("an outer object");
    let expected = Expected { sender: "jasper", recipient: "codex" };
    assert!(sealed.verify(expected, &keys, &Strict).is_ok(), "what was sealed verifies");
    json!({
        "name": name, "object": hex::encode(object), "object_digest": Digest::of(object).to_string(),
        "seed": hex::encode([0x1A; 32]), "public_key": hex::encode(*pair.pk), "signer": "jasper#1", "recipient": "codex",
        "manifest": String::from_utf8_lossy(text), "manifest_digest": Digest::of(text).to_string(),
        "signed_hash": hex::encode(signed), "outer": String::from_utf8_lossy(outer),
    })
}

const VOCABULARY: &str = "\
actions     join, record
modalities  audio
regions     de, us
consents    recording
postures    open, managed
obligations notify
authorities clinic, privacy
";
const CLINIC: &str = "authority clinic\nversion 1\npermit any with posture managed\nkeep any within de, us\n";
const PRIVACY: &str = "authority privacy\nversion 3\nover record in de\npermit record with consent recording oblige notify\nkeep audio within de\n";

/// Two texts, and their answers to some requests (PROFILE 8).
///
/// # Panics
/// One of the texts is wrong.
#[must_use]
pub fn policy() -> Value {
    let names = Vocabulary::read(VOCABULARY).expect("names");
    let mut policy = Policy::<2>::new();
    policy.add(CLINIC, &names).expect("a text");
    policy.add(PRIVACY, &names).expect("a text");
    let itself = |authority| Speaker { authority: Some(authority), until: Time::NEVER };
    let mut questions = Vec::new();
    for action in ["join", "record"] {
        for law in [vec!["de"], vec!["us"], vec!["de", "us"], vec![]] {
            for (consent, posture, goes) in
                [(false, 1, None), (true, 1, None), (true, 0, None), (true, 1, Some("us")), (true, 1, Some("de"))]
            {
                let region = |name: &str| names.find::<Region>(name).expect("a region");
                let consents: Set<_> = names.all().map(|(one, _)| one).filter(|_| consent).collect();
                let facts = Facts {
                    action: names.find(action).expect("an action"),
                    kind: Kind::Human,
                    roles: Set::EMPTY,
                    home: None,
                    on: On::Stream(names.find("audio").expect("a stream")),
                    function: None,
                    law: if law.is_empty() {
                        Set::one(Region::UNKNOWN)
                    } else {
                        law.iter().map(|one| region(one)).collect()
                    },
                    goes: goes.map(region).into_iter().collect(),
                    consents: Consents::everybody(consents),
                    present: Set::EMPTY,
                    posture: Posture(posture),
                    provenance: Provenance::None,
                    time: Time(0),
                };
                let ruling = policy.decide(&facts, itself);
                questions.push(json!({
                    "action": action, "in": law, "consent": consent, "posture": posture, "goes": goes,
                    "answer": format!("{:?}", ruling.answer), "by": ruling.authority.map(|one| names.name(one)),
                    "line": ruling.line, "rule": ruling.rule,
                    "obligations": ruling.obligations.iter().map(|one| names.name(one)).collect::<Vec<_>>(),
                }));
            }
        }
    }
    json!({
        "vocabulary": VOCABULARY, "vocabulary_digest": hex::encode(names.digest()),
        "texts": [CLINIC, PRIVACY], "digest": hex::encode(policy.digest()), "questions": questions,
    })
}
