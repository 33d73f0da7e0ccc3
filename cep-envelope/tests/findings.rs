//! Every finding, each with the smallest delivery that causes it; and results that no delivery can cause.

mod envelope;

use cep_envelope::decision::{Decision, Delivery, Finding, Outcome, Policy, Receiver};
use cep_envelope::digest::Digest;
use cep_envelope::ladder::{BareFile, Container, Ladder, NotAContainer, Source};
use cep_envelope::lineage::{Line, Lineage, Parent, Record, Standing};
use cep_envelope::manifest::{
    BoundKey, CausalParent, KeyDirectory, MAX_MANIFEST, MAX_OUTER, Manifest, SealedManifest, Strict, seal,
};
use cep_envelope::notification::{ClaimedState, Notification, Reference, Resolver};
use cep_envelope::{Surface, VerificationState};
use envelope::{
    ARRIVAL, Draft, Envelope, Memory, NAME, SEALED_AT, judge, judge_by, keys, memory, names, notice, receive,
};

/// A policy with the most lenient outcome for every finding.
fn lenient() -> Policy<'static> {
    let all = Finding::ALL.into_iter();
    all.fold(Policy::default(), |policy, finding| policy.with(finding, finding.most_lenient()).unwrap())
}

/// A container that is never sound; and one that is always sound, but gives no expected digest.
struct Broken;
struct Silent;

impl Container for Broken {
    fn check(&self, _: &[u8], _: &Digest) -> Result<Digest, NotAContainer> {
        Err(NotAContainer)
    }

    fn expects(&self, content: &Digest) -> Option<Digest> {
        Some(*content)
    }
}

impl Container for Silent {
    fn check(&self, _: &[u8], digest: &Digest) -> Result<Digest, NotAContainer> {
        Ok(*digest)
    }
}

fn judge_in(container: &dyn Container, delivery: &Delivery<'_>, memory: &Memory) -> Decision {
    let policy = Policy::default();
    Receiver { name: "codex", container, keys: &keys, signatures: &Strict, lineage: memory, policy: &policy }
        .judge(delivery)
        .decision
}

/// The two senders that the receiver knows, by name.
struct Known;

impl KeyDirectory for Known {
    fn key(&self, signer: &str, sender: &str) -> Option<BoundKey> {
        keys(signer, sender)
    }

    fn is_another(&self, name: &str, sender: &str) -> bool {
        name != sender && matches!(name, "jasper" | "root-ai")
    }
}

fn judge_among(keys: &dyn KeyDirectory, delivery: &Delivery<'_>) -> Decision {
    let (policy, lineage, container) = (&Policy::default(), &memory(), &BareFile);
    Receiver { name: "codex", container, keys, signatures: &Strict, lineage, policy }.judge(delivery).decision
}

/// A good envelope whose manifest names another signer than the outer object, which the sender alone can make.
fn other_signer() -> Envelope {
    let good = Draft::default().seal();
    let sealed = SealedManifest::parse(&good.sealed).unwrap();
    let text = String::from_utf8(sealed.signed_bytes().to_vec()).unwrap();
    let other = text.replace("jasper#1", "jasper#9");
    let text = String::from_utf8(good.sealed.clone()).unwrap().replace(&text, &other);
    Envelope { sealed: text.into_bytes(), ..good }
}

// shows: CEP-100 (§8)
#[test]
fn every_finding_is_found() {
    let good = Draft::default().seal();
    let mut seen = Vec::new();
    let mut shows = |decision: Decision, expected: &[Finding]| {
        assert_eq!(names(decision.findings()), expected.iter().map(|finding| finding.name()).collect::<Vec<_>>());
        seen.extend_from_slice(expected);
    };
    let by_default = |delivery: &Delivery<'_>| judge(delivery, &memory()).decision;
    // Missing or invalid evidence.
    let named = |name: &[u8]| Envelope { name: name.into(), ..good.clone() };
    shows(by_default(&named(b"x").delivery()), &[Finding::NotASurface]);
    shows(by_default(&Delivery { object: None, ..good.delivery() }), &[Finding::NoBytes]);
    shows(by_default(&Delivery { sealed: None, ..good.delivery() }), &[Finding::NoManifest]);
    shows(by_default(&Delivery { sealed: Some(b"{}"), ..good.delivery() }), &[Finding::Malformed]);
    shows(
        by_default(&Draft { recipient: "somebody", ..Draft::default() }.seal().delivery()),
        &[Finding::OtherRecipient],
    );
    shows(by_default(&other_signer().delivery()), &[Finding::OtherSigner]);
    shows(by_default(&Delivery { sender: "root-ai", ..good.delivery() }), &[Finding::KeyNotBound]);
    shows(by_default(&Draft { key: "mallory", ..Draft::default() }.seal().delivery()), &[Finding::BadSignature]);
    shows(judge_in(&Silent, &good.delivery(), &memory()), &[Finding::NoDigest]);
    let other = Envelope { content: b"another".into(), ..good.clone() };
    shows(by_default(&other.delivery()), &[Finding::DigestDiffers]);
    shows(judge_in(&Broken, &good.delivery(), &memory()), &[Finding::ContainerBroken]);
    // The control plane expects the other bytes; even without a valid name it is detected that they are not the sealed
    // ones.
    let expected = Some((Digest::of(b"another"), Source::ControlPlane));
    shows(by_default(&Delivery { expected, ..other.delivery() }), &[Finding::OtherContent]);
    let unnamed = Delivery { expected, name: b"x", ..other.delivery() };
    shows(by_default(&unnamed), &[Finding::NotASurface, Finding::OtherContent]);
    shows(by_default(&named(b"2026-05-14.a.jasper.normal").delivery()), &[Finding::SurfaceDiffers]);
    // Two bound senders, one of which calls itself by the other's name.
    let posing = Draft { sender: "root-ai", key: "root-ai", ..Draft::default() }.seal();
    shows(judge_among(&Known, &posing.delivery()), &[Finding::ProfileOfAnother]);
    shows(judge_among(&Known, &good.delivery()), &[]);
    // Planes.
    let with = |notice| Delivery { notice: Some(notice), ..good.delivery() };
    shows(by_default(&with(Notification { to_agent: "x", ..notice(NAME) })), &[Finding::NoticeDiffers]);
    let schema = with(Notification { schema: "aint-send-v1", ..notice(NAME) });
    shows(by_default(&schema), &[Finding::SchemaDiffers]);
    let understands = Policy::default().with_schemas(&[("aint-send-v1", "aint-send-v2")]);
    shows(judge_by(&understands, &schema, &memory()).decision, &[Finding::SchemaUnderstood]);
    let claimed_state = ClaimedState::Unknown("blessed");
    shows(by_default(&with(Notification { claimed_state, ..notice(NAME) })), &[Finding::Overclaimed]);
    shows(
        by_default(&Draft { sealed_recipient: false, ..Draft::default() }.seal().delivery()),
        &[Finding::RecipientNotSealed],
    );
    // A notice can contradict itself, which is detected even without a manifest.
    let odd = Notification { envelope_ref: Reference::new("/x/2026-05-14.a.b.c"), ..notice(NAME) };
    shows(by_default(&Delivery { sealed: None, ..with(odd) }), &[Finding::NoManifest, Finding::NoticeDiffers]);
    // Time.
    let odd_time = Draft { name: "2026-99-99.message.jasper.normal", ..Draft::default() };
    shows(by_default(&odd_time.seal().delivery()), &[Finding::NoCalendarTime]);
    let drifted = Draft { name: "20260514t074148z.message.jasper.normal", ..Draft::default() };
    shows(by_default(&drifted.seal().delivery()), &[Finding::EnvelopeDrift]);
    shows(by_default(&Delivery { arrival: SEALED_AT.before(301), ..good.delivery() }), &[Finding::SealedAhead]);
    shows(by_default(&Delivery { arrival: SEALED_AT.after(8 * 86_400), ..good.delivery() }), &[Finding::Stale]);
    // Causality.
    let mut lineage = memory();
    let root = |content, created| Draft { content, created, ..Draft::default() }.seal();
    let [parent, bad, closed] =
        [&b"parent"[..], b"bad", b"closed"].map(|content| root(content, "2026-05-14T06:41:49Z"));
    let ahead = root(b"ahead", "2026-05-14T06:46:50Z");
    for root in [&parent, &bad, &closed] {
        receive(root, &mut lineage);
    }
    let tolerant = Policy::default()
        .with_drift(cep_envelope::drift::DriftLimits { before_parent_seconds: 60, ..Default::default() });
    let lineage_of_ahead = {
        let mut lineage = memory();
        let late = Delivery {
            arrival: ARRIVAL.after(300),
            name: b"20260514t064148z.message.jasper.normal",
            ..ahead.delivery()
        };
        lineage.record(judge_by(&lenient(), &late, &lineage).decision.record().unwrap()).unwrap();
        lineage
    };
    lineage.invalidate(&bad.digest);
    lineage.forbid(&Line::Main(closed.digest));
    let held = Draft { content: b"held", parent: CausalParent::Missing, ..Draft::default() }.seal();
    receive(&held, &mut lineage);
    let of = |parent| Draft { content: b"child", parent, ..Draft::default() }.seal();
    let by_lineage = |envelope: &Envelope, lineage: &Memory| judge(&envelope.delivery(), lineage).decision;
    shows(by_lineage(&of(CausalParent::Of(parent.digest)), &lineage), &[Finding::SealedBeforeParent]);
    let far = judge_by(&tolerant, &of(CausalParent::Of(ahead.digest)).delivery(), &lineage_of_ahead).decision;
    shows(far, &[Finding::SealedFarBeforeParent]);
    shows(by_lineage(&of(CausalParent::Missing), &lineage), &[Finding::ParentMissing]);
    shows(by_lineage(&of(CausalParent::Of(Digest::of(b""))), &lineage), &[Finding::ParentUnknown]);
    shows(by_lineage(&of(CausalParent::Of(held.digest)), &lineage), &[Finding::ParentUndecided]);
    shows(by_lineage(&of(CausalParent::Of(bad.digest)), &lineage), &[Finding::ParentInvalid]);
    shows(by_lineage(&of(CausalParent::Of(closed.digest)), &lineage), &[Finding::ParentForbidden]);
    let child = |content, parent: &Envelope| {
        let created = "2026-05-14T06:41:49.5Z";
        Draft { content, created, parent: CausalParent::Of(parent.digest), ..Draft::default() }.seal()
    };
    let first = child(b"first", &parent);
    receive(&first, &mut lineage);
    let second = child(b"second", &parent);
    shows(by_lineage(&second, &lineage), &[Finding::ParentContinued]);
    receive(&second, &mut lineage);
    shows(by_lineage(&child(b"third", &second), &lineage), &[Finding::OnBranch]);
    // Replay.
    shows(by_lineage(&first, &lineage), &[Finding::Replayed]);
    let mut by_another = memory();
    let copied = Record { key: [9; 32], ..*by_default(&good.delivery()).record().unwrap() };
    by_another.record(&copied).unwrap();
    shows(by_lineage(&good, &by_another), &[Finding::Resealed]);
    lineage.forget_before(SEALED_AT.after(2));
    shows(by_lineage(&good, &lineage), &[Finding::MaybeReplayed]);
    let mut full = memory();
    for number in 0..full.capacity() {
        let content = number.to_string();
        receive(&Draft { content: content.as_bytes(), ..Draft::default() }.seal(), &mut full);
    }
    shows(by_lineage(&good, &full), &[Finding::NoRoom]);
    let missing: Vec<_> = Finding::ALL.into_iter().filter(|finding| !seen.contains(finding)).collect();
    assert_eq!(missing, [], "each row of the table is shown");
}

/// Holds under the most lenient policy, and hence under every policy.
#[test]
fn no_single_changed_byte_of_a_good_object_continues() {
    let good = Draft::default().seal();
    let (memory, policy) = (memory(), lenient());
    assert!(judge_by(&policy, &good.delivery(), &memory).decision.outcome().approves());
    let parts: [fn(&mut Envelope) -> &mut Vec<u8>; 3] = [|e| &mut e.name, |e| &mut e.content, |e| &mut e.sealed];
    let time = Surface::parse(NAME).unwrap().time();
    for part in parts {
        for at in 0..part(&mut good.clone()).len() {
            for flip in 1..=255 {
                let mut changed = good.clone();
                part(&mut changed)[at] ^= flip;
                let approved = judge_by(&policy, &changed.delivery(), &memory).decision.outcome().approves();
                // Changes of the extension, which is not mirrored, and of the case of `t` and `z` may continue: they do
                // not change a sealed value.
                let says_the_same = Surface::parse_bytes(&changed.name).is_ok_and(|name| {
                    (name.time(), name.context(), name.profile(), name.priority())
                        == (time, "message", "jasper", "normal")
                });
                assert_eq!(approved, changed.name != good.name && says_the_same, "byte {at} ^ {flip}");
            }
        }
    }
}

#[test]
fn priority_and_extension_decide_nothing() {
    let decided = |priority: &str, extension: &str| {
        let name = format!("20260514t064148z.message.jasper.{priority}{extension}");
        let envelope = Draft { name: &name, ..Draft::default() }.seal();
        let decision = judge(&envelope.delivery(), &memory()).decision;
        (decision.outcome(), decision.findings(), decision.proven())
    };
    for priority in ["normal", "low", "urgent", "0", "continue", "quarantine"] {
        for extension in ["", ".tza", ".exe", ".continuation-approved", ".--"] {
            assert_eq!(decided(priority, extension), decided("normal", ""), "{priority}{extension}");
        }
    }
}

/// A fetched object counts no more than a delivered one: it is bytes under the name that the notice gives.
#[test]
fn what_a_resolver_brings_must_be_what_the_name_says() {
    struct Store(Envelope);
    impl Resolver for Store {
        type Object = Envelope;
        type Error = ();
        fn fetch(&mut self, _: Reference<'_>, _: &str) -> Result<Envelope, ()> {
            Ok(self.0.clone())
        }
    }
    let asked = notice(NAME);
    let brings = |envelope: Envelope| {
        let brought = asked.resolve(&mut Store(envelope)).unwrap();
        let delivery = Delivery { name: asked.envelope_name.as_bytes(), notice: Some(asked), ..brought.delivery() };
        judge(&delivery, &memory()).decision
    };
    assert_eq!(brings(Draft::default().seal()).outcome(), Outcome::Continue);
    let another = Draft { name: "20260514t064148z.message.jasper.urgent", ..Draft::default() }.seal();
    assert_eq!(names(brings(another).deciding()), ["surface-differs"]);
}

#[test]
fn one_key_under_two_names_approves_an_object_once() {
    let good = Draft { sender: "jasper", ..Draft::default() }.seal();
    let anybody = |_: &str, sender: &str| keys("jasper#1", "jasper").filter(|_| sender.eq_ignore_ascii_case("jasper"));
    let (mut memory, policy) = (memory(), Policy::default());
    for (sender, expected) in [("jasper", Outcome::Continue), ("JASPER", Outcome::Quarantine)] {
        let receiver = Receiver {
            name: "codex",
            container: &BareFile,
            keys: &anybody,
            signatures: &Strict,
            lineage: &memory,
            policy: &policy,
        };
        let decision = receiver.judge(&Delivery { sender, ..good.delivery() }).decision;
        assert_eq!(decision.outcome(), expected, "{sender}");
        if let Some(record) = decision.record() {
            memory.record(record).unwrap();
        }
    }
}

#[test]
fn only_what_was_sealed_makes_an_object_invalid() {
    // The parent is invalid, but the outcome comes from the delivery, so a better delivery may be judged again.
    let mut memory = memory();
    let root = Draft { content: b"root", ..Draft::default() }.seal();
    receive(&root, &mut memory);
    memory.invalidate(&root.digest);
    let open = Draft { parent: CausalParent::Of(root.digest), sealed_recipient: false, ..Draft::default() }.seal();
    let policy = Policy::default().with(Finding::ParentInvalid, Outcome::Triage).unwrap();
    let policy = policy.with(Finding::RecipientNotSealed, Outcome::Quarantine).unwrap();
    let decision = judge_by(&policy, &open.delivery(), &memory).decision;
    assert_eq!((decision.outcome(), decision.record().unwrap().standing), (Outcome::Quarantine, Standing::HeldBack));
    let decision = judge(&open.delivery(), &memory).decision;
    assert_eq!((decision.outcome(), decision.record().unwrap().standing), (Outcome::Quarantine, Standing::Invalid));
}

#[test]
fn what_names_no_parent_and_is_no_root_begins_a_branch_at_best() {
    let envelope = Draft { parent: CausalParent::Missing, ..Draft::default() }.seal();
    let decision = judge_by(&lenient(), &envelope.delivery(), &memory()).decision;
    assert_eq!((decision.outcome(), decision.line()), (Outcome::Fork, Some(Line::Branch(envelope.digest))));
}

#[test]
fn a_claim_of_the_manifest_itself_is_provisional() {
    let impostor = Draft { key: "mallory", ..Draft::default() }.seal();
    let judgement = judge(&impostor.delivery(), &memory());
    assert_eq!(judgement.ladder.proven(), VerificationState::ContainerVerified);
    assert!(judgement.ladder.is_provisional());
}

#[test]
fn another_manifest_of_the_same_content_does_not_stand_where_the_first_one_stood() {
    let (one, other) = (Draft::default().seal(), Draft { created: "2026-05-14T06:41:48Z", ..Draft::default() }.seal());
    let memory = memory();
    let [first, second] = [&one, &other].map(|envelope| judge(&envelope.delivery(), &memory));
    let (mut ladder, name): (Ladder<'_>, _) = (first.ladder, Surface::parse(NAME).unwrap().into());
    assert_eq!(ladder.proven(), VerificationState::ContinuationApproved);
    let manifest = second.manifest.unwrap();
    assert_eq!(ladder.manifest(&manifest, Some(&name)), Ok(VerificationState::ManifestVerified));
    assert!(ladder.approve(&first.decision).is_err());
    assert_eq!(ladder.approve(&second.decision), Ok(VerificationState::ContinuationApproved));
    // The same manifest, sealed by another key, is another object as well.
    let mut text = [0; MAX_MANIFEST];
    let shared = Manifest { signer: None, ..*manifest.manifest() };
    let text = shared.write(&mut text).unwrap();
    let sealed = |sender: &str| {
        let (signer, mut out) = (format!("{sender}#1"), [0; MAX_OUTER]);
        let sign = |hash: &[u8; 32]| *envelope::pair(sender).sk.sign(hash, None);
        let sealed = seal(text, &signer, "codex", sign, &mut out).unwrap().to_vec();
        Envelope { sender: sender.into(), sealed, ..other.clone() }
    };
    let [ours, theirs] = ["jasper", "root-ai"].map(sealed);
    let [ours, theirs] = [&ours, &theirs].map(|envelope| judge(&envelope.delivery(), &memory));
    let mut ladder = ours.ladder;
    ladder.manifest(&theirs.manifest.unwrap(), Some(&name)).unwrap();
    assert!(ladder.approve(&ours.decision).is_err());
    assert_eq!(ladder.approve(&theirs.decision), Ok(VerificationState::ContinuationApproved));
}

#[test]
fn the_same_inputs_give_the_same_decision_whatever_the_memory_looks_like_inside() {
    let decided = |secret: u8, order: [usize; 3]| {
        let mut memory =
            cep_envelope::lineage::MemoryLineage::first([cep_envelope::lineage::Slot::EMPTY; 64], [secret; 16]);
        let roots = [&b"a"[..], b"b", b"c"].map(|content| Draft { content, ..Draft::default() }.seal());
        for place in order {
            receive(&roots[place], &mut memory);
        }
        let parents = roots.each_ref().map(|root| CausalParent::Of(root.digest));
        parents.map(|parent| judge(&Draft { parent, ..Draft::default() }.seal().delivery(), &memory).decision)
    };
    for secret in 0..20 {
        assert_eq!(decided(secret, [0, 1, 2]), decided(0, [2, 0, 1]));
    }
}

/// A match on outcomes needs no wildcard, so that code that has none fails to compile when an outcome is added.
#[test]
fn verdicts_are_exhaustive_on_purpose() {
    let goes_on = |outcome: Outcome| match outcome {
        Outcome::Continue | Outcome::Fork => true,
        Outcome::Triage | Outcome::Resync | Outcome::Quarantine => false,
    };
    assert!(Outcome::ALL.into_iter().all(|outcome| goes_on(outcome) == outcome.approves()));
}

#[test]
fn where_a_manifest_stands_its_copies_stand_whatever_is_known_of_its_parent() {
    let lost = Draft { content: b"lost", created: "2026-05-14T06:41:40Z", ..Draft::default() }.seal();
    let child = Draft { content: b"child", parent: CausalParent::Of(lost.digest), ..Draft::default() }.seal();
    let parent = CausalParent::Of(lost.digest);
    let by_another_key = |line| Record {
        manifest: child.digest,
        key: [9; 32],
        parent,
        sealed: SEALED_AT,
        line,
        standing: Standing::Approved,
    };
    // Approved on a branch of its own, by a policy that treats an unknown parent as a fork; then the parent comes.
    let own = Line::Branch(child.digest);
    let mut lineage = memory();
    lineage.record(&by_another_key(own)).unwrap();
    let judged = |lineage: &Memory| {
        let policy = Policy::default().with(Finding::Resealed, Outcome::Continue).unwrap();
        let decision = judge_by(&policy, &child.delivery(), lineage).decision;
        (decision.outcome(), decision.findings().iter().collect::<Vec<_>>(), decision.line())
    };
    let on_its_branch = (Outcome::Fork, vec![Finding::OnBranch, Finding::Resealed], Some(own));
    assert_eq!(judged(&lineage), on_its_branch);
    receive(&lost, &mut lineage);
    assert_eq!(judged(&lineage), on_its_branch);
    // Approved on the main line; then the parent is forgotten.
    let mut lineage = memory();
    receive(&lost, &mut lineage);
    lineage.record(&by_another_key(Line::Main(lost.digest))).unwrap();
    lineage.forget_before(SEALED_AT);
    assert_eq!(lineage.parent(&lost.digest), Parent::Unknown);
    assert_eq!(judged(&lineage), (Outcome::Continue, vec![Finding::Resealed], Some(Line::Main(lost.digest))));
}
