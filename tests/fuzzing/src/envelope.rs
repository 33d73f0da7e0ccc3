//! Names, manifests and notices of sealed envelopes: what is read is written again, and what is not is refused.

#[path = "../../../cep-envelope/tests/abnf/mod.rs"]
mod abnf;

use std::sync::LazyLock;

use abnf::{GRAMMAR, Matcher, Verdict};
use cep_envelope::manifest::{
    BoundKey, Expected, MAX_MANIFEST, MAX_OUTER, Manifest, SealError, SealedManifest, Strict, seal,
};
use cep_envelope::notification::{MAX_NOTIFICATION, Notification};
use cep_envelope::{Surface, normalise};

use crate::vectors::{Named, envelope, members, numbered, surfaces};

static MATCHER: LazyLock<Matcher> = LazyLock::new(|| Matcher::new(GRAMMAR));

/// A key of prime order: the base point. Its secret is 1, and nothing here signs with it.
const KEY: [u8; 32] = {
    let mut key = [0x66; 32];
    key[0] = 0x58;
    key
};

/// See [`crate::manifest()`].
pub(crate) fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::read(bytes) {
        let mut buffer = [0; MAX_MANIFEST];
        let written = manifest.write(&mut buffer).expect("what was read can be written");
        assert_eq!(Manifest::read(written), Ok(manifest));
    }
    if let Ok(sealed) = SealedManifest::parse(bytes) {
        let (signer, recipient) = (sealed.claimed_signer(), sealed.claimed_recipient());
        let mut buffer = [0; MAX_OUTER];
        match seal(sealed.signed_bytes(), signer, recipient, |_| *sealed.claimed_signature(), &mut buffer) {
            Ok(again) => assert_eq!(again, bytes),
            Err(error) => assert_eq!(error, SealError::Contradiction),
        }
        let keys = |_: &str, _: &str| BoundKey::new(KEY);
        assert!(sealed.verify(Expected { sender: "anybody", recipient }, &keys, &Strict).is_err());
    }
}

/// See [`crate::notification()`].
pub(crate) fn notification(bytes: &[u8]) {
    if let Ok(notification) = Notification::read(bytes) {
        let mut buffer = [0; MAX_NOTIFICATION];
        let written = notification.write(&mut buffer).expect("what was read can be written");
        assert_eq!(Notification::read(written), Ok(notification));
    }
}

/// See [`crate::surface()`].
pub(crate) fn surface(bytes: &[u8]) {
    match (MATCHER.judge(bytes), Surface::parse_bytes(bytes)) {
        (Verdict::Derived, Ok(surface)) => composed(&surface),
        (Verdict::Stuck(place), Err(error)) => assert_eq!(error.offset, place, "{error}"),
        (verdict, parsed) => panic!("{verdict:?}, but {parsed:?}"),
    }
    if let Ok(name) = std::str::from_utf8(bytes) {
        normalised(name);
    }
}

fn composed(surface: &Surface<'_>) {
    let _ = surface.time().calendar().map(|moment| moment.unix_seconds());
    let mut buffer = [0; Surface::LONGEST];
    let composed = Surface::compose(&surface.parts(), &mut buffer).expect("good parts");
    assert_eq!(composed.as_str(), surface.as_str().to_ascii_lowercase());
    assert_eq!(composed.parts(), surface.parts());
}

fn normalised(name: &str) {
    let (mut once, mut twice) = ([0; Surface::LONGEST], [0; Surface::LONGEST]);
    match normalise(name, &mut once) {
        Ok(result) => {
            let text = result.surface().as_str();
            assert_eq!(MATCHER.judge(text.as_bytes()), Verdict::Derived);
            assert_eq!((result.original(), result.is_changed()), (name, text != name));
            let again = normalise(text, &mut twice).expect("a surface");
            assert_eq!((again.surface().as_str(), again.is_changed()), (text, false));
        }
        Err(error) => {
            assert!(error.offset <= name.len());
            let lower = name.to_ascii_lowercase();
            assert_ne!(MATCHER.judge(lower.as_bytes()), Verdict::Derived, "{error}");
        }
    }
}

/// The names of the vectors.
pub(crate) fn surface_seeds() -> Named {
    surfaces()
}

/// What names are made of.
pub(crate) fn surface_words() -> Named {
    numbered("word", ["20260514t064148z.", "2026-05-14.", "t06-41-48z", ".a", "T", "Z", "-"])
}

fn manifests() -> [String; 2] {
    [envelope("manifest"), envelope("outer")]
}

/// The manifest of the vectors, bare and sealed.
pub(crate) fn manifest_seeds() -> Named {
    numbered("manifest", manifests().each_ref().map(String::as_str))
}

/// The members of both, and what stands in them.
pub(crate) fn manifest_words() -> Named {
    let members = manifests().map(|json| members(&json)).concat();
    numbered("word", members.iter().map(String::as_str).chain(["\"sha256:", "null"]))
}

fn notice() -> String {
    let (recipient, name) = (envelope("recipient"), envelope("name"));
    format!(
        r#"{{"from_agent":"root_ai","to_agent":"{recipient}","poll_type":"PUSH","metadata":{{"envelope_name":"{name}","envelope_ref":"drop:/inbox/{name}","schema":"aint-send-v2","verification_state":"referenced"}}}}"#
    )
}

/// A notice for the envelope of the vectors.
pub(crate) fn notification_seeds() -> Named {
    numbered("notice", [notice().as_str()])
}

/// Its members.
pub(crate) fn notification_words() -> Named {
    numbered("word", members(&notice()).iter().map(String::as_str))
}
