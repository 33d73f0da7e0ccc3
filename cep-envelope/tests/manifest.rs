//! Manifests: the draft's own example, every refusal, writing and reading back, and mirrored fields.

use cep_envelope::digest::{ContentDigest, Digest, DigestError};
use cep_envelope::json::{JsonErrorKind, Unfit};
use cep_envelope::manifest::{
    CausalParent, Disagreement, Instant, MAX_MANIFEST, Manifest, ManifestError, ManifestField, SealedTime,
    SurfaceParts, TimeError,
};
use proptest::prelude::*;

const EXAMPLE: &str = r#"{
"schema": "aint-send-v2",
"surface_time_fragment": "20260514t064148z",
"surface_context": "message",
"surface_profile": "jasper",
"surface_priority": "normal",
"sealed_created_at": "2026-05-14T06:41:48.207135+00:00",
"content_digest": "sha256:b5ca11489ffadc4438a3815a0d7ea3bc88836dbc2f5951b1e9d7800d784aa675",
"causal_parent": null
}"#;

fn read(text: &str) -> Result<Manifest<'_>, ManifestError> {
    Manifest::read(text.as_bytes())
}

fn refusal(from: &str, to: &str) -> ManifestError {
    assert!(EXAMPLE.contains(from), "{from}");
    read(&EXAMPLE.replacen(from, to, 1)).expect_err(to)
}

// shows: CEP-125 (§11.2), CEP-127 (§11.2), CEP-128 (§11.2), CEP-129 (§11.2), CEP-065 (§6), CEP-066 (§6), CEP-067 (§6), CEP-069 (§6), CEP-070 (§6), CEP-071 (§6)
#[test]
fn the_example_reads_field_by_field() {
    let m = read(EXAMPLE).unwrap();
    assert_eq!(m.schema, "aint-send-v2");
    assert_eq!(m.surface.time, "20260514t064148z");
    assert_eq!(m.surface.context, "message");
    assert_eq!(m.surface.profile, "jasper");
    assert_eq!(m.surface.priority, "normal");
    assert_eq!(m.sealed_created_at.as_str(), "2026-05-14T06:41:48.207135+00:00");
    assert_eq!(m.sealed_created_at.instant(), Instant { seconds: 1_778_740_908, nanos: 207_135_000 });
    assert_eq!(m.content_digest.to_string(), "sha256:b5ca11489ffadc4438a3815a0d7ea3bc88836dbc2f5951b1e9d7800d784aa675");
    assert_eq!(m.causal_parent, CausalParent::Root);
    assert_eq!((m.signer, m.recipient), (None, None));
}

#[test]
fn a_parent_is_null_absent_or_a_digest() {
    let absent = EXAMPLE.replacen(",\n\"causal_parent\": null", "", 1);
    assert_eq!(read(&absent).unwrap().causal_parent, CausalParent::Missing);
    let digest = Digest::of(b"parent");
    let named = EXAMPLE.replacen("null", &format!("\"{digest}\""), 1);
    assert_eq!(read(&named).unwrap().causal_parent, CausalParent::Of(digest));
    for other in ["1", "[]", "{}", "true"] {
        assert_eq!(refusal("null", other), ManifestError::WrongType);
    }
    assert_eq!(refusal("null", "\"\""), ManifestError::Member(ManifestField::CausalParent, Unfit::Empty));
    assert_eq!(refusal("null", "\"null\""), ManifestError::Digest(ManifestField::CausalParent, DigestError::Malformed));
}

// shows: CEP-072 (§6)
#[test]
fn every_other_member_is_required_and_is_no_null() {
    use ManifestField as F;
    for field in [
        F::Schema,
        F::SurfaceTimeFragment,
        F::SurfaceContext,
        F::SurfaceProfile,
        F::SurfacePriority,
        F::SealedCreatedAt,
        F::ContentDigest,
    ] {
        let name = format!("\"{}\":", field.name());
        assert_eq!(refusal(&name, "\"x\":"), ManifestError::Member(field, Unfit::Missing));
        assert_eq!(refusal(&name, &format!("{name} null, \"x\":")), ManifestError::Member(field, Unfit::Null));
        assert_eq!(refusal(&name, &format!("{name} 7, \"x\":")), ManifestError::WrongType);
        let text = refusal(&name, &format!("{name} \"\", \"x\":"));
        assert_eq!(text, ManifestError::Member(field, Unfit::Empty));
        let long = "1".repeat(200);
        assert_eq!(refusal(&name, &format!("{name} \"{long}\", \"x\":")), ManifestError::Member(field, Unfit::TooLong));
        assert_eq!(
            refusal(&name, &format!("{name} \"\\u0061\", \"x\":")),
            ManifestError::Member(field, Unfit::Escaped)
        );
        assert_eq!(refusal(&name, &format!("{name} \"\u{7f}\", \"x\":")), ManifestError::Member(field, Unfit::Control));
    }
}

#[test]
fn digests_and_times_are_what_they_say() {
    let unknown = ManifestError::Digest(ManifestField::ContentDigest, DigestError::UnknownAlgorithm);
    let malformed = ManifestError::Digest(ManifestField::ContentDigest, DigestError::Malformed);
    assert_eq!(refusal("sha256:", "sha512:"), unknown);
    assert_eq!(refusal("sha256:", "SHA256:"), unknown);
    assert_eq!(refusal("sha256:", "sha256"), malformed);
    assert_eq!(refusal("b5ca", "B5CA"), malformed);
    assert_eq!(refusal("b5ca", "b5c"), malformed);
    assert_eq!(refusal("b5ca", "b5ca0"), malformed);
    assert_eq!(refusal("b5ca", "g5ca"), malformed);
    assert_eq!(refusal("20260514t064148z", "20260514t06414z"), ManifestError::TimeFragment);
    assert_eq!(refusal("20260514t064148z", "2026051xt064148z"), ManifestError::TimeFragment);
    assert_eq!(refusal("05-14T", "02-30T"), ManifestError::SealedCreatedAt(TimeError::Range));
}

#[test]
fn content_is_hashed_in_any_pieces() {
    let content = [7_u8; 1000];
    let mut digest = ContentDigest::new();
    for piece in content.chunks(33) {
        digest.update(piece);
    }
    assert_eq!(digest.finish(), Digest::of(&content));
    assert_ne!(Digest::of(&content), Digest::of(&content[1..]));
    let spelled = Digest::of(b"abc").to_string();
    assert_eq!(spelled, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(Digest::parse(&spelled).unwrap(), Digest::of(b"abc"));
}

#[test]
fn sizes_are_bounded() {
    let fill = |n: usize| EXAMPLE.replacen('{', &format!("{{\"x\":\"{}\",", "x".repeat(n)), 1);
    let over = fill(0).len();
    assert!(read(&fill(MAX_MANIFEST - over)).is_ok());
    let Err(ManifestError::Json(e)) = read(&fill(MAX_MANIFEST - over + 1)) else { panic!() };
    assert_eq!(e.kind, JsonErrorKind::TooLong);
}

fn surface<'a>(time: &'a str) -> SurfaceParts<'a> {
    SurfaceParts { time, context: "message", profile: "jasper", priority: "normal" }
}

// shows: CEP-074 (§6), CEP-075 (§6), CEP-029 (§4), CEP-133 (§12)
#[test]
fn mirrored_fields_are_compared_one_by_one() {
    let m = read(EXAMPLE).unwrap();
    for same in ["20260514t064148z", "20260514T064148Z", "2026-05-14t06-41-48z", "2026-05-14"] {
        assert!(m.compare_surface(&surface(same)).is_empty(), "{same}");
    }
    for other in ["20260514t064149z", "2026-05-14t06-41-47z", "2026-05-15", "2026-05-14z", "", "2026.05.14"] {
        let found: Vec<_> = m.compare_surface(&surface(other)).iter().collect();
        assert_eq!(found, [Disagreement::TimeFragment], "{other}");
    }
    let other = SurfaceParts { context: "Message", ..surface("2026-05-14") };
    assert_eq!(m.compare_surface(&other).to_string(), "context");
    let other = SurfaceParts { profile: "codex", priority: "urgent", ..surface("2026-05-14") };
    assert_eq!(m.compare_surface(&other).to_string(), "profile, priority");
    let date_only = EXAMPLE.replacen("20260514t064148z", "2026-05-14", 1);
    assert!(read(&date_only).unwrap().compare_surface(&surface("20260514t235959z")).is_empty());
}

#[test]
fn times_are_exact() {
    let at = |text| SealedTime::parse(text).map(|time| (time.instant().seconds, time.instant().nanos));
    assert_eq!(at("1970-01-01T00:00:00Z"), Ok((0, 0)));
    assert_eq!(at("1969-12-31T23:59:59.5Z"), Ok((-1, 500_000_000)));
    assert_eq!(at("2000-02-29T00:00:00z"), Ok((951_782_400, 0)));
    assert_eq!(at("0000-01-01T00:00:00Z"), Ok((-62_167_219_200, 0)));
    assert_eq!(at("9999-12-31T23:59:59.999999999Z"), Ok((253_402_300_799, 999_999_999)));
    assert_eq!(at("2026-05-14t08:41:48+02:00"), at("2026-05-14T06:41:48-00:00"));
    assert_eq!(at("2026-05-13T23:11:48-07:30"), at("2026-05-14T06:41:48Z"));
    assert_eq!(at("2016-12-31T23:59:60.25Z"), Ok((1_483_228_799, 1_250_000_000)));
    assert_eq!(at("2017-01-01T01:59:60+02:00"), at("2016-12-31T23:59:60Z"));
    assert!(at("2016-12-31T23:59:59.999999999Z").unwrap() < at("2016-12-31T23:59:60Z").unwrap());
    assert!(at("2016-12-31T23:59:60.999999999Z").unwrap() < at("2017-01-01T00:00:00Z").unwrap());
    for text in ["2016-12-30T23:59:60Z", "2016-12-31T22:59:60Z", "2016-12-31T23:59:60+01:00"] {
        assert_eq!(at(text), Err(TimeError::LeapSecond), "{text}");
    }
    for text in [
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
    ] {
        assert_eq!(at(text), Err(TimeError::Range), "{text}");
    }
    assert_eq!(at("2026-01-01T00:00:00.0123456789Z"), Err(TimeError::TooFine));
    for text in [
        "",
        "2026-01-01",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00Z ",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00:00+00:0",
        "+2026-01-01T00:00:00Z",
        "26-01-01T00:00:00Z",
    ] {
        assert_eq!(at(text), Err(TimeError::Format), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        schema in "[ -!#-\\[\\]-~é]{1,32}", context in "[a-z0-9-]{1,48}", profile in "[a-z0-9-]{1,48}",
        priority in "[a-z0-9-]{1,32}", content: [u8; 32], parent: Option<Option<[u8; 32]>>,
        time in "(2026-01-0[1-9]|[0-9]{8}t[0-9]{6}z|[0-9]{4}-[0-9]{2}-[0-9]{2}t[0-9]{2}-[0-9]{2}-[0-9]{2}z)",
        created in "20[0-9]{2}-0[1-9]-1[0-9]T1[0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:[0-5][0-9])",
        signer in proptest::option::of("[a-z#]{1,32}"), recipient in proptest::option::of("[a-z.]{1,32}"),
    ) {
        let manifest = Manifest {
            schema: &schema,
            surface: SurfaceParts { time: &time, context: &context, profile: &profile, priority: &priority },
            sealed_created_at: SealedTime::parse(&created).unwrap(),
            content_digest: Digest::new(content),
            causal_parent: match parent {
                None => CausalParent::Missing,
                Some(None) => CausalParent::Root,
                Some(Some(digest)) => CausalParent::Of(Digest::new(digest)),
            },
            signer: signer.as_deref(),
            recipient: recipient.as_deref(),
        };
        let mut buffer = [0; MAX_MANIFEST];
        let bytes = manifest.write(&mut buffer).unwrap();
        prop_assert_eq!(Manifest::read(bytes).unwrap(), manifest);
        let length = bytes.len();
        let mut small = vec![0; length - 1];
        prop_assert_eq!(manifest.write(&mut small), Err(None));
    }

    /// A manifest is not read again when it is written: its members are checked before.
    #[test]
    fn whatever_is_written_can_be_read(texts in proptest::collection::vec("(?s)([a-z0-9-]{1,8}|.{0,3}|[\"\\\\\u{7f}\u{85}é]|[a-z]{47,129})", 6)) {
        let [schema, context, profile, priority, signer, recipient] = texts.iter().map(String::as_str).collect::<Vec<_>>().try_into().unwrap();
        let surface = SurfaceParts { time: "2026-01-09", context, profile, priority };
        let manifest = read(EXAMPLE).unwrap();
        let manifest = Manifest { schema, surface, signer: Some(signer), recipient: Some(recipient), ..manifest };
        let mut buffer = [0; MAX_MANIFEST];
        if let Ok(bytes) = manifest.write(&mut buffer) {
            prop_assert_eq!(Manifest::read(bytes), Ok(manifest));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, at in 0..EXAMPLE.len(), byte: u8) {
        let _ = Manifest::read(&bytes);
        let mut near = EXAMPLE.as_bytes().to_vec();
        near[at] = byte;
        let _ = Manifest::read(&near);
        prop_assert!(Manifest::read(&EXAMPLE.as_bytes()[..at]).is_err());
    }
}

#[test]
fn what_would_be_refused_is_not_written() {
    let manifest = read(EXAMPLE).unwrap();
    let mut buffer = [0; MAX_MANIFEST];
    let time = SurfaceParts { time: "yesterday", ..manifest.surface };
    let refused = Manifest { surface: time, ..manifest }.write(&mut buffer).unwrap_err();
    assert_eq!(refused, Some(ManifestError::TimeFragment));
    for schema in ["", "a\"b", "a\\b", "a\nb", &"a".repeat(65)] {
        assert!(matches!(Manifest { schema, ..manifest }.write(&mut buffer), Err(Some(_))), "{schema:?}");
    }
}
