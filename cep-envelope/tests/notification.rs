//! Notifications: the draft's own example, every refusal, and that none counts more than a pointer.

use cep_envelope::VerificationState;
use cep_envelope::digest::Digest;
use cep_envelope::json::Unfit;
use cep_envelope::manifest::{
    BoundKey, CausalParent, Expected, MAX_MANIFEST, MAX_OUTER, Manifest, SealedManifest, SealedTime, Strict,
    SurfaceParts, seal,
};
use cep_envelope::notification::{
    ClaimedState, MAX_NOTIFICATION, Notification, NotificationError, NotificationField, PollType, Reference, Resolver,
};
use ed25519_compact::{KeyPair, Seed};
use proptest::prelude::*;

const NAME: &str = "20260514t064148z.message.jasper.normal.tza";
const EXAMPLE: &str = r#"{
"from_agent": "jasper",
"to_agent": "codex",
"poll_type": "PUSH",
"metadata": {
"envelope_name": "20260514t064148z.message.jasper.normal.tza",
"envelope_ref": "/var/lib/tibet/inbox/20260514t064148z.message.jasper.normal.tza",
"schema": "aint-send-v2",
"verification_state": "referenced"
}
}"#;
const PARTS: SurfaceParts<'_> =
    SurfaceParts { time: "20260514t064148z", context: "message", profile: "jasper", priority: "normal" };

fn read(text: &str) -> Result<Notification<'_>, NotificationError> {
    Notification::read(text.as_bytes())
}

// shows: CEP-015 (§3.1), CEP-117 (§11.1), CEP-118 (§11.1), CEP-119 (§11.1), CEP-120 (§11.1), CEP-121 (§11.1), CEP-122 (§11.1), CEP-123 (§11.1)
#[test]
fn the_example_reads_field_by_field() {
    let n = read(EXAMPLE).unwrap();
    assert_eq!(n.from_agent, "jasper");
    assert_eq!(n.to_agent, "codex");
    assert_eq!(n.poll_type, PollType::Push);
    assert_eq!(n.envelope_name, NAME);
    assert_eq!(n.envelope_ref.untrusted(), format!("/var/lib/tibet/inbox/{NAME}"));
    assert_eq!(n.schema, "aint-send-v2");
    assert_eq!(n.claimed_state, ClaimedState::Known(VerificationState::Referenced));
    assert!(!n.overclaims() && n.compare_with_itself().is_empty());
}

// shows: CEP-016 (§3.1), CEP-082 (§7), CEP-132 (§12), CEP-139 (App. A), CEP-013 (§2)
#[test]
fn whatever_it_claims_it_is_a_reference() {
    assert_eq!(Notification::STATE, VerificationState::Referenced);
    for state in VerificationState::LADDER {
        let text = EXAMPLE.replacen("referenced", state.name(), 1);
        let n = read(&text).unwrap();
        assert_eq!(n.claimed_state, ClaimedState::Known(state));
        assert_eq!(n.overclaims(), state != VerificationState::Referenced);
    }
    for unknown in ["verified", "Referenced", "manifest_verified", "referenced "] {
        let text = EXAMPLE.replacen("referenced", unknown, 1);
        let n = read(&text).unwrap();
        assert_eq!(n.claimed_state, ClaimedState::Unknown(unknown));
        assert_eq!(n.claimed_state.as_str(), unknown);
        assert!(n.overclaims());
    }
    for unknown in ["PULL", "push", "PUSH "] {
        let text = EXAMPLE.replacen("PUSH", unknown, 1);
        assert_eq!(read(&text).unwrap().poll_type, PollType::Unknown(unknown));
    }
}

#[test]
fn every_member_is_required_and_plain() {
    use NotificationField as F;
    for field in
        [F::FromAgent, F::ToAgent, F::PollType, F::EnvelopeName, F::EnvelopeRef, F::Schema, F::VerificationState]
    {
        let name = format!("\"{}\":", field.name());
        let refusal = |to: &str| read(&EXAMPLE.replacen(&name, to, 1)).expect_err(to);
        let with = |value: &str| refusal(&format!("{name} {value}, \"x\":"));
        assert_eq!(refusal("\"x\":"), NotificationError::Member(field, Unfit::Missing));
        assert_eq!(with("null"), NotificationError::Member(field, Unfit::Null));
        assert_eq!(with("\"\""), NotificationError::Member(field, Unfit::Empty));
        assert_eq!(with("\"a\\/b\""), NotificationError::Member(field, Unfit::Escaped));
        assert_eq!(with("\"\u{85}\""), NotificationError::Member(field, Unfit::Control));
        assert_eq!(with(&format!("\"{}\"", "a".repeat(1025))), NotificationError::Member(field, Unfit::TooLong));
        for other in ["1", "[]", "{}", "false"] {
            assert_eq!(with(other), NotificationError::WrongType);
        }
        assert!(matches!(refusal(&format!("{name} \"a\", {name}")), NotificationError::Json(_)));
    }
    for metadata in ["\"metadatA\":", "\"metadata\": null, \"x\":", "\"metadata\": [], \"x\":"] {
        assert_eq!(read(&EXAMPLE.replacen("\"metadata\":", metadata, 1)), Err(NotificationError::WrongType));
    }
    assert!(matches!(read(&format!("{EXAMPLE}{EXAMPLE}")), Err(NotificationError::Json(_))));
    assert!(read(&format!(" {EXAMPLE}\n")).is_ok());
    assert!(matches!(read(&" ".repeat(MAX_NOTIFICATION + 1)), Err(NotificationError::Json(_))));
}

// shows: CEP-022 (§3.2), CEP-120 (§11.1)
#[test]
fn the_resolver_gets_the_reference_and_nobody_else_opens_it() {
    struct Inbox(Vec<String>);
    impl Resolver for Inbox {
        type Object = &'static [u8];
        type Error = ();
        fn fetch(&mut self, reference: Reference<'_>, name: &str) -> Result<&'static [u8], ()> {
            self.0.push(format!("{} {name}", reference.untrusted()));
            if name == NAME { Ok(b"object") } else { Err(()) }
        }
    }
    let mut inbox = Inbox(Vec::new());
    assert_eq!(read(EXAMPLE).unwrap().resolve(&mut inbox), Ok(&b"object"[..]));
    let hostile = EXAMPLE.replacen("/var/lib/tibet/inbox/", "../../etc/", 1).replacen(NAME, "passwd", 1);
    assert_eq!(read(&hostile).unwrap().resolve(&mut inbox), Err(()));
    assert_eq!(inbox.0[1], format!("../../etc/{NAME} passwd"));
}

#[test]
fn a_reference_contradicts_the_notice_only_if_it_names_another_surface() {
    const OTHER: &str = "2026-05-14.message.jasper.normal";
    let n = read(EXAMPLE).unwrap();
    let found = |text: &str| !Notification { envelope_ref: Reference::new(text), ..n }.compare_with_itself().is_empty();
    let before = ["", "/x/", "store:", "x\\", "https://h/a/", "iacp:00ff/"];
    let behind = ["", "?x=1", "#part", "?a=/b#c/d", "#?"];
    for (before, behind) in before.iter().flat_map(|before| behind.map(|behind| (before, behind))) {
        assert!(!found(&format!("{before}{NAME}{behind}")), "{before} {behind}");
        assert!(found(&format!("{before}{OTHER}{behind}")), "{before} {behind}");
    }
    for other in
        ["urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "https://h/objects/17", "x", "/", "?", "#", "..", "sha256:00"]
    {
        assert!(!found(other), "{other}");
    }
}

// shows: CEP-026 (§4), CEP-074 (§6), CEP-076 (§6.1), CEP-124 (§11.2), CEP-133 (§12), CEP-134 (§12)
#[test]
fn every_field_is_compared_with_what_was_sealed() {
    let pair = KeyPair::from_seed(Seed::new([1; 32]));
    let manifest = Manifest {
        schema: "aint-send-v2",
        surface: PARTS,
        sealed_created_at: SealedTime::parse("2026-05-14T06:41:48Z").unwrap(),
        content_digest: Digest::of(b""),
        causal_parent: CausalParent::Root,
        signer: None,
        recipient: None,
    };
    let (mut buffer, mut outer) = ([0; MAX_MANIFEST], [0; MAX_OUTER]);
    let bytes = manifest.write(&mut buffer).unwrap();
    let bytes = seal(bytes, "k", "codex", |hash| *pair.sk.sign(hash, None), &mut outer).unwrap();
    let sealed = SealedManifest::parse(bytes).unwrap();
    let keys = |_: &str, sender: &str| (sender == "jasper").then(|| BoundKey::new(*pair.pk).unwrap());
    let sealed = sealed.verify(Expected { sender: "jasper", recipient: "codex" }, &keys, &Strict).unwrap();

    let n = read(EXAMPLE).unwrap();
    assert!(n.compare(&sealed, Some(&PARTS), NAME).is_empty());
    let found = |n: Notification<'_>, named, came_as| n.compare(&sealed, named, came_as).to_string();
    assert_eq!(found(Notification { schema: "v3", ..n }, Some(&PARTS), NAME), "schema");
    assert_eq!(found(Notification { from_agent: "mallory", ..n }, Some(&PARTS), NAME), "sender");
    assert_eq!(found(Notification { to_agent: "other", ..n }, Some(&PARTS), NAME), "recipient");
    assert_eq!(found(n, Some(&PARTS), "other"), "envelope-name");
    assert_eq!(
        found(Notification { envelope_ref: Reference::new("/x/2026-05-14.a.b.c"), ..n }, Some(&PARTS), NAME),
        "envelope-ref"
    );
    assert_eq!(found(n, Some(&SurfaceParts { time: "2026-05-15", ..PARTS }), NAME), "time-fragment");
    assert_eq!(found(n, Some(&SurfaceParts { priority: "urgent", ..PARTS }), NAME), "priority");
    assert_eq!(found(n, None, NAME), "time-fragment, context, profile, priority");
    // The sealed manifest has not changed.
    assert_eq!(*sealed.manifest(), manifest);
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        from in "[a-zé.]{1,64}", to in "[a-z]{1,64}", poll in "[A-Z]{1,9}", name in "[ -!#-\\[\\]-~]{1,200}",
        reference in "[ -!#-\\[\\]-~é]{1,500}", schema in "[a-z0-9-]{1,64}", state in "[a-z-]{1,20}",
    ) {
        let poll_type = if poll == "PUSH" { PollType::Push } else { PollType::Unknown(&poll) };
        let n = Notification {
            from_agent: &from, to_agent: &to, poll_type, envelope_name: &name, schema: &schema,
            envelope_ref: Reference::new(&reference), claimed_state: ClaimedState::Unknown(&state),
        };
        let mut buffer = [0; MAX_NOTIFICATION];
        let bytes = n.write(&mut buffer).unwrap();
        prop_assert_eq!(Notification::read(bytes).unwrap(), n);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, at in 0..EXAMPLE.len(), byte: u8) {
        let _ = Notification::read(&bytes);
        let mut near = EXAMPLE.as_bytes().to_vec();
        near[at] = byte;
        let _ = Notification::read(&near);
        prop_assert!(Notification::read(&EXAMPLE.as_bytes()[..at]).is_err());
    }
}
