//! The outer object: its signer, its recipient, and that no byte of it can change.

use cep_envelope::digest::Digest;
use cep_envelope::manifest::{
    BoundKey, Expected, MAX_MANIFEST, MAX_OUTER, Manifest, OuterError, SealError, SealedManifest, Strict, VerifyError,
    seal,
};
use ed25519_compact::{KeyPair, Seed};
use sha2::{Digest as _, Sha256};

const CONTENT: &[u8] = b"hello";
const EXPECTED: Expected<'_, '_> = Expected { sender: "jasper", recipient: "codex" };

fn manifest(more: &str) -> String {
    format!(
        "{{\"schema\":\"aint-send-v2\",\"surface_time_fragment\":\"20260514t064148z\",\"surface_context\":\"message\",\
         \"surface_profile\":\"jasper\",\"surface_priority\":\"normal\",\"causal_parent\":null,\n  \"content_digest\":\"{}\",\
         \"sealed_created_at\":\"2026-05-14T06:41:48.207135+00:00\"{more}}}",
        Digest::of(CONTENT)
    )
}

fn pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([seed; 32]))
}

fn sealed(seed: u8, manifest: &str, signer: &str, recipient: &str) -> Vec<u8> {
    let mut buffer = [0; MAX_OUTER];
    let sign = |hash: &[u8; 32]| *pair(seed).sk.sign(hash, None);
    seal(manifest.as_bytes(), signer, recipient, sign, &mut buffer).unwrap().to_vec()
}

/// jasper's key is the one of seed 1, mallory's of seed 2.
fn keys(signer: &str, sender: &str) -> Option<BoundKey> {
    match (signer, sender) {
        ("jasper#1", "jasper") => BoundKey::new(*pair(1).pk),
        ("mallory#1", "mallory") => BoundKey::new(*pair(2).pk),
        _ => None,
    }
}

fn verify(bytes: &[u8]) -> Result<(), Option<VerifyError>> {
    SealedManifest::parse(bytes).map_err(|_| None)?.verify(EXPECTED, &keys, &Strict).map(|_| ()).map_err(Some)
}

// shows: CEP-014 (§2), CEP-068 (§6), CEP-130 (§11.2)
#[test]
fn what_was_sealed_is_read_and_says_who_sealed_it() {
    let text = manifest(",\"unknown\":[1,{\"é\":\"\\n\"}]");
    let bytes = sealed(1, &text, "jasper#1", "codex");
    let outer = SealedManifest::parse(&bytes).unwrap();
    assert_eq!(outer.signed_bytes(), text.as_bytes());
    assert_eq!(outer.claimed_signer(), "jasper#1");
    let verified = outer.verify(EXPECTED, &keys, &Strict).unwrap();
    assert_eq!(verified.manifest().schema, "aint-send-v2");
    assert_eq!((verified.sender(), verified.signer(), verified.recipient()), ("jasper", "jasper#1", "codex"));
    assert_eq!(verified.digest(), Digest::of(text.as_bytes()));
    assert!(verified.is_of(&Digest::of(CONTENT)) && !verified.is_of(&Digest::of(b"hellO")));
    assert!(!verified.recipient_is_sealed());
}

/// The form and the signed hash, computed by hand.
#[test]
fn the_bytes_are_the_ones_that_are_specified() {
    let text = manifest("");
    let hash = Sha256::digest([b"CEP/1 manifest\0", text.as_bytes()].concat());
    let signature: String = pair(1).sk.sign(hash, None).iter().map(|byte| format!("{byte:02x}")).collect();
    let by_hand = format!(
        "{{\"manifest\":{text},\"signature\":\"ed25519:{signature}\",\"signer\":\"jasper#1\",\"recipient\":\"codex\"}}"
    );
    assert_eq!(by_hand.as_bytes(), sealed(1, &text, "jasper#1", "codex"));
    assert_eq!(verify(by_hand.as_bytes()), Ok(()));
}

#[test]
fn no_single_byte_can_change() {
    let bytes = sealed(1, &manifest(",\"x\":\"a b\""), "jasper#1", "codex");
    assert_eq!(verify(&bytes), Ok(()));
    let mut forged = 0;
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        for byte in (0..=255).filter(|byte| *byte != bytes[at]) {
            other[at] = byte;
            let verdict = verify(&other);
            assert!(verdict.is_err(), "byte {at} to {byte:#04x}");
            forged += u32::from(verdict == Err(Some(VerifyError::BadSignature)));
        }
        assert!(verify(&bytes[..at]).is_err(), "cut at {at}");
        for insert in [b' ', b'0', b'"'] {
            other = bytes.clone();
            other.insert(at, insert);
            assert!(verify(&other).is_err(), "inserted at {at}");
        }
        other = bytes.clone();
        other.remove(at);
        assert!(verify(&other).is_err(), "removed at {at}");
    }
    assert!(forged > 128 * 15, "each digit of the signature, and more: {forged}");
    for tail in [" ", "\n", "x"] {
        assert_eq!(verify(&[&bytes, tail.as_bytes()].concat()), Err(None));
    }
}

// shows: CEP-027 (§4)
#[test]
fn an_impostor_signs_for_nobody_but_himself() {
    let text = manifest("");
    // His own key under his own id, under the other's id, and an id that no key has.
    assert_eq!(verify(&sealed(2, &text, "mallory#1", "codex")), Err(Some(VerifyError::KeyNotBound)));
    assert_eq!(verify(&sealed(2, &text, "jasper#1", "codex")), Err(Some(VerifyError::BadSignature)));
    assert_eq!(verify(&sealed(2, &text, "jasper#2", "codex")), Err(Some(VerifyError::KeyNotBound)));
    // Sealing the signer's name changes nothing.
    let sealed_name = manifest(",\"signer\":\"jasper#1\"");
    assert_eq!(verify(&sealed(2, &sealed_name, "jasper#1", "codex")), Err(Some(VerifyError::BadSignature)));
}

#[test]
fn signer_and_recipient_are_checked_and_can_be_sealed() {
    assert_eq!(verify(&sealed(1, &manifest(""), "jasper#1", "other")), Err(Some(VerifyError::Recipient)));
    let text = manifest(",\"signer\":\"jasper#1\",\"recipient\":\"codex\"");
    let bytes = sealed(1, &text, "jasper#1", "codex");
    assert!(SealedManifest::parse(&bytes).unwrap().verify(EXPECTED, &keys, &Strict).unwrap().recipient_is_sealed());
    // A carrier can write another name outside the manifest, but that is detected.
    let retold = |from: &str, to: &str| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let at = text.rfind(from).unwrap();
        format!("{}{to}{}", &text[..at], &text[at + from.len()..])
    };
    let outer = retold("\"codex\"", "\"other\"");
    let to_other = Expected { recipient: "other", ..EXPECTED };
    let outer = SealedManifest::parse(outer.as_bytes()).unwrap();
    assert_eq!(outer.verify(to_other, &keys, &Strict), Err(VerifyError::SealedRecipient));
    assert_eq!(verify(retold("jasper#1", "jasper#2").as_bytes()), Err(Some(VerifyError::SealedSigner)));
}

#[test]
fn a_signature_of_another_purpose_is_none() {
    let text = manifest("");
    let mut buffer = [0; MAX_OUTER];
    let unlabelled = |_: &[u8; 32]| *pair(1).sk.sign(Sha256::digest(text.as_bytes()), None);
    let bytes = seal(text.as_bytes(), "jasper#1", "codex", unlabelled, &mut buffer).unwrap();
    assert_eq!(verify(bytes), Err(Some(VerifyError::BadSignature)));
}

#[test]
fn each_part_of_the_form_is_required() {
    let text = String::from_utf8(sealed(1, &manifest(""), "jasper#1", "codex")).unwrap();
    let error = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        SealedManifest::parse(text.replacen(from, to, 1).as_bytes()).expect_err(to)
    };
    assert_eq!(error("ed25519:", "ed448:"), OuterError::UnknownAlgorithm);
    assert_eq!(error("ed25519:", "Ed25519:"), OuterError::UnknownAlgorithm);
    assert_eq!(error("ed25519:", "ed25519:0"), OuterError::Signature);
    assert_eq!(error("\"signature\"", "\"sig\""), OuterError::Form);
    assert_eq!(error("\"signer\":", "\"signer\": "), OuterError::Form);
    assert_eq!(error(",\"recipient\":\"codex\"", ""), OuterError::Form);
    assert_eq!(error("\"codex\"", "\"\""), OuterError::Form);
    assert_eq!(error("\"codex\"", "\"co\\u0064ex\""), OuterError::Form);
    assert_eq!(error("\"codex\"", "\"codex\",\"more\":\"\""), OuterError::Form);
    assert_eq!(error("\"jasper#1\"", "\"\""), OuterError::Form);
    assert_eq!(error("{\"manifest\":", "{ \"manifest\":"), OuterError::Form);
    assert!(matches!(error("\"manifest\":{", "\"manifest\":["), OuterError::Json(_)));
    assert!(matches!(error("\"schema\"", "\"shcema\""), OuterError::Manifest(_)));
    assert_eq!(SealedManifest::parse(&[b'{'; MAX_OUTER + 1]), Err(OuterError::TooLong));
}

#[test]
fn only_what_can_be_read_is_written() {
    let text = manifest("");
    let seal = |manifest: &str, signer: &str, recipient: &str, size: usize| {
        seal(manifest.as_bytes(), signer, recipient, |_| [0; 64], &mut vec![0; size]).map(<[u8]>::len)
    };
    let length = seal(&text, "a", "b", MAX_OUTER).unwrap();
    assert_eq!(seal(&text, "a", "b", length), Ok(length));
    assert_eq!(seal(&text, "a", "b", length - 1), Err(SealError::BufferFull));
    for (signer, recipient) in
        [("", "b"), ("a", ""), ("a\"", "b"), ("a", "b\\"), ("a\n", "b"), ("a\",\"recipient\":\"x", "b")]
    {
        assert!(
            matches!(seal(&text, signer, recipient, MAX_OUTER), Err(SealError::Refused(_))),
            "{signer} {recipient}"
        );
    }
    assert_eq!(seal(&format!("{text} "), "a", "b", MAX_OUTER), Err(SealError::Refused(OuterError::Form)));
    for sealed in [",\"signer\":\"c\"", ",\"recipient\":\"c\""] {
        assert_eq!(seal(&manifest(sealed), "a", "b", MAX_OUTER), Err(SealError::Contradiction));
    }
    let pad = MAX_MANIFEST - manifest(",\"x\":\"\"").len();
    let largest = manifest(&format!(",\"x\":\"{}\"", "x".repeat(pad)));
    let id = "i".repeat(128);
    assert_eq!(seal(&largest, &id, &id, MAX_OUTER), Ok(MAX_OUTER));
}

#[test]
fn a_manifest_is_written_and_sealed_in_one_step_as_in_two() {
    let text = manifest(r#","signer":"jasper#1","recipient":"codex""#);
    let manifest = Manifest::read(text.as_bytes()).unwrap();
    let (mut written, mut one, mut two) = ([0; MAX_MANIFEST], [0; MAX_OUTER], [0; MAX_OUTER]);
    let sign = |hash: &[u8; 32]| [hash[0]; 64];
    let written = manifest.write(&mut written).unwrap();
    let outer = seal(written, "jasper#1", "codex", sign, &mut two).unwrap();
    assert_eq!(manifest.seal("jasper#1", "codex", sign, &mut one), Ok((outer, Digest::of(written))));

    let never = |_: &[u8; 32]| -> [u8; 64] { panic!("signed") };
    assert_eq!(manifest.seal("jasper#2", "codex", never, &mut one), Err(SealError::Contradiction));
    assert_eq!(manifest.seal("jasper#1", "hal", never, &mut one), Err(SealError::Contradiction));
    let schema = "a\nb";
    let refused = Manifest { schema, ..manifest }.seal("jasper#1", "codex", never, &mut one);
    assert!(matches!(refused, Err(SealError::Refused(OuterError::Manifest(_)))), "{refused:?}");
    let short = &mut one[..outer.len() - 1];
    assert_eq!(manifest.seal("jasper#1", "codex", never, short), Err(SealError::BufferFull));
}
