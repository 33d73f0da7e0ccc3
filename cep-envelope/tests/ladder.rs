//! The verification ladder (`CEP §7`): no rung can be skipped, and none is merged with another.

use cep_envelope::Surface;
use cep_envelope::VerificationState::{self, ContainerVerified, DigestMatched, ManifestVerified, Present, Referenced};
use cep_envelope::digest::Digest;
use cep_envelope::ladder::{BareFile, Container, Ladder, NotAContainer, NotProven, Source};
use cep_envelope::manifest::{
    BoundKey, Expected, MAX_OUTER, SealedManifest, Strict, SurfaceParts, VerifiedManifest, seal,
};
use ed25519_compact::{KeyPair, Seed};

const OBJECT: &[u8] = b"the object";
const NAME: SurfaceParts<'_> =
    SurfaceParts { time: "20260514t064148z", context: "message", profile: "jasper", priority: "normal" };

/// Signs a manifest of some content, and passes on the verified one.
fn with_manifest_of<T>(content: &[u8], use_it: impl FnOnce(&VerifiedManifest<'_>) -> T) -> T {
    let pair = KeyPair::from_seed(Seed::new([1; 32]));
    let text = format!(
        "{{\"schema\":\"aint-send-v2\",\"surface_time_fragment\":\"20260514t064148z\",\"surface_context\":\"message\",\
         \"surface_profile\":\"jasper\",\"surface_priority\":\"normal\",\"causal_parent\":null,\"content_digest\":\"{}\",\
         \"sealed_created_at\":\"2026-05-14T06:41:48.207135+00:00\"}}",
        Digest::of(content)
    );
    let mut buffer = [0; MAX_OUTER];
    let sign = |hash: &[u8; 32]| *pair.sk.sign(hash, None);
    let sealed = seal(text.as_bytes(), "jasper#1", "codex", sign, &mut buffer).unwrap();
    let keys = |signer: &str, sender: &str| {
        ((signer, sender) == ("jasper#1", "jasper")).then(|| BoundKey::new(*pair.pk).unwrap())
    };
    let expected = Expected { sender: "jasper", recipient: "codex" };
    use_it(&SealedManifest::parse(sealed).unwrap().verify(expected, &keys, &Strict).unwrap())
}

/// A container format for tests: one byte of structure, then the content.
struct Boxed;

impl Container for Boxed {
    fn check(&self, object: &[u8], _digest: &Digest) -> Result<Digest, NotAContainer> {
        match object {
            [b'#', content @ ..] => Ok(Digest::of(content)),
            _ => Err(NotAContainer),
        }
    }
}

fn states() -> [VerificationState; 5] {
    [Referenced, Present, DigestMatched, ContainerVerified, ManifestVerified]
}

#[test]
fn each_rung_is_reached_from_the_one_below_by_its_own_evidence() {
    // shows: CEP-081 (§7), CEP-083 (§7), CEP-084 (§7), CEP-085 (§7), CEP-086 (§7)
    let mut ladder = Ladder::new();
    let mut reached = vec![ladder.proven()];
    reached.push(ladder.present(OBJECT));
    reached.push(ladder.expect(&Digest::of(OBJECT), Source::Local).unwrap());
    reached.push(ladder.contain(&BareFile).unwrap());
    reached.push(with_manifest_of(OBJECT, |manifest| ladder.manifest(manifest, Some(&NAME))).unwrap());
    assert_eq!(reached, states());
    assert_eq!(
        ladder.missing(),
        Some(VerificationState::ContinuationApproved),
        "no evidence of the object's own leads there"
    );
}

#[test]
fn the_rungs_are_spelled_as_registered() {
    // shows: CEP-008 (§1.1), CEP-138 (App. A)
    let names = VerificationState::LADDER.map(VerificationState::name);
    let registered =
        ["referenced", "present", "digest-matched", "container-verified", "manifest-verified", "continuation-approved"];
    assert_eq!(names, registered);
}

#[test]
fn no_rung_is_skipped() {
    // shows: CEP-081 (§7)
    let digest = Digest::of(OBJECT);
    let mut ladder = Ladder::new();
    assert_eq!(ladder.expect(&digest, Source::Local), Err(NotProven::TooEarly(Present)));
    for held in [false, true] {
        if held {
            ladder.present(OBJECT);
        }
        assert_eq!(ladder.contain(&BareFile), Err(NotProven::TooEarly(DigestMatched)));
        let refused = with_manifest_of(OBJECT, |manifest| ladder.manifest(manifest, Some(&NAME)));
        assert_eq!(refused, Err(NotProven::TooEarly(ContainerVerified)));
    }
    assert_eq!(ladder.proven(), Present);
}

#[test]
fn evidence_that_does_not_hold_proves_nothing_and_takes_nothing_away() {
    let mut ladder = Ladder::new();
    ladder.present(OBJECT);
    assert_eq!(ladder.expect(&Digest::of(b"another"), Source::ControlPlane), Err(NotProven::DigestDiffers));
    assert_eq!(ladder.proven(), Present);
    ladder.expect(&Digest::of(OBJECT), Source::Local).unwrap();
    assert_eq!(ladder.contain(&Boxed), Err(NotProven::Container));
    assert_eq!(ladder.proven(), DigestMatched);
    ladder.contain(&BareFile).unwrap();
    let refused = with_manifest_of(b"another", |manifest| ladder.manifest(manifest, Some(&NAME)));
    assert_eq!((refused, ladder.proven()), (Err(NotProven::AnotherObject), ContainerVerified));
}

#[test]
fn what_the_control_plane_expects_is_provisional_until_the_manifest_verifies() {
    let mut ladder = Ladder::new();
    ladder.present(OBJECT);
    ladder.expect(&Digest::of(OBJECT), Source::ControlPlane).unwrap();
    ladder.contain(&BareFile).unwrap();
    assert!(ladder.is_provisional());
    // A notice and a delivery that agree with each other, but not with the manifest.
    let refused = with_manifest_of(b"what was sealed", |manifest| ladder.manifest(manifest, Some(&NAME)));
    assert_eq!((refused, ladder.proven()), (Err(NotProven::AnotherObject), Present));

    ladder.expect(&Digest::of(OBJECT), Source::ControlPlane).unwrap();
    ladder.contain(&BareFile).unwrap();
    with_manifest_of(OBJECT, |manifest| ladder.manifest(manifest, Some(&NAME))).unwrap();
    assert!(!ladder.is_provisional());
}

#[test]
fn the_better_expectation_counts_whichever_came_first() {
    let digest = Digest::of(OBJECT);
    for order in [[Source::Local, Source::ControlPlane], [Source::ControlPlane, Source::Local]] {
        let mut ladder = Ladder::new();
        ladder.present(OBJECT);
        for source in order {
            assert_eq!(ladder.expect(&digest, source), Ok(DigestMatched));
        }
        ladder.contain(&BareFile).unwrap();
        assert!(!ladder.is_provisional());
        assert_eq!(ladder.expect(&digest, Source::ControlPlane), Ok(ContainerVerified), "no step down");
    }
}

#[test]
fn a_word_that_was_wrong_takes_everything_with_it_that_rested_on_it() {
    let mut ladder = Ladder::new();
    ladder.present(OBJECT);
    ladder.expect(&Digest::of(OBJECT), Source::ControlPlane).unwrap();
    ladder.contain(&BareFile).unwrap();
    with_manifest_of(b"what was sealed", |manifest| ladder.manifest(manifest, Some(&NAME))).unwrap_err();
    assert!(!ladder.is_provisional(), "nothing is matched any more");
    assert_eq!(ladder.contain(&BareFile), Err(NotProven::TooEarly(DigestMatched)));
}

#[test]
fn a_container_that_finds_other_content_starts_over_from_its_rung() {
    /// A container check that finds a given digest.
    struct Finds(Digest);
    impl Container for Finds {
        fn check(&self, _: &[u8], _: &Digest) -> Result<Digest, NotAContainer> {
            Ok(self.0)
        }
    }
    let mut ladder = Ladder::new();
    ladder.present(OBJECT);
    ladder.expect(&Digest::of(OBJECT), Source::Local).unwrap();
    ladder.contain(&BareFile).unwrap();
    with_manifest_of(OBJECT, |manifest| ladder.manifest(manifest, Some(&NAME))).unwrap();
    assert_eq!(ladder.contain(&BareFile), Ok(ManifestVerified), "the same again changes nothing");
    assert_eq!(ladder.contain(&Finds(Digest::of(b"other"))), Ok(ContainerVerified));
}

#[test]
fn all_rungs_hold_for_one_snapshot_and_other_bytes_start_over() {
    // shows: CEP-088 (§7)
    let mut ladder = Ladder::new();
    ladder.present(OBJECT);
    ladder.expect(&Digest::of(OBJECT), Source::Local).unwrap();
    ladder.contain(&BareFile).unwrap();
    assert_eq!(ladder.present(OBJECT), ContainerVerified, "the same bytes change nothing");
    let mut changed = OBJECT.to_vec();
    changed[0] ^= 1;
    assert_eq!(ladder.present(&changed), Present);
    assert_eq!(ladder.contain(&BareFile), Err(NotProven::TooEarly(DigestMatched)));
}

#[test]
fn a_name_is_compared_with_what_was_sealed_field_by_field() {
    // shows: CEP-074 (§6)
    let names = [
        ("20260514t064148z.message.jasper.normal.tza", ""),
        ("2026-05-14.message.jasper.normal", ""),
        ("2026-05-15.message.jasper.normal", "time-fragment"),
        ("2026-05-14t06-41-49z.note.jasper.high", "time-fragment, context, priority"),
    ];
    for (name, expected) in names {
        let surface = Surface::parse(name).unwrap().into();
        let found = with_manifest_of(OBJECT, |manifest| manifest.manifest().compare_surface(&surface));
        let found: Vec<_> = found.iter().map(|disagreement| disagreement.name()).collect();
        assert_eq!(found.join(", "), expected, "{name}");
    }
}

#[test]
fn any_sealed_format_fits() {
    let object = [b"#", OBJECT].concat();
    let mut ladder = Ladder::new();
    ladder.present(&object);
    ladder.expect(&Digest::of(&object), Source::Local).unwrap();
    ladder.contain(&Boxed).unwrap();
    // The manifest is about the content, not about the box.
    let outside = with_manifest_of(&object, |manifest| ladder.manifest(manifest, Some(&NAME)));
    assert_eq!(outside, Err(NotProven::AnotherObject));
    assert_eq!(with_manifest_of(OBJECT, |manifest| ladder.manifest(manifest, Some(&NAME))), Ok(ManifestVerified));
}
