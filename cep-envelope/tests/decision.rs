//! The decision plane (`CEP §8`): which finding leads to which outcome, and the outcomes of the draft's failure cases.

mod envelope;

use cep_envelope::VerificationState;
use cep_envelope::decision::{Finding, Outcome, Policy, Trust};
use cep_envelope::digest::Digest;
use cep_envelope::ladder::{Ladder, NotProven, Source};
use cep_envelope::lineage::{Line, Standing};
use cep_envelope::manifest::{CausalParent, Disagreement, Instant};
use cep_envelope::notification::{ClaimedState, Notification, Reference};
use envelope::{ARRIVAL, Draft, Envelope, NAME, judge, judge_by, memory, names, notice, receive};

fn child_of(parent: &Envelope, content: &'static [u8]) -> Envelope {
    Draft { content, parent: CausalParent::Of(parent.digest), ..Draft::default() }.seal()
}

#[test]
fn a_proven_root_continues_on_a_line_of_its_own() {
    // shows: CEP-087 (§7), CEP-095 (§8), CEP-129 (§11.2)
    let root = Draft::default().seal();
    let decision = judge(&root.delivery(), &memory()).decision;
    assert_eq!((decision.outcome(), decision.line()), (Outcome::Continue, Some(Line::Main(root.digest))));
    assert_eq!(decision.proven(), VerificationState::ContinuationApproved);
    assert!(decision.findings().is_empty() && decision.deciding().is_empty());
    assert_eq!(decision.to_string(), "continue: it is proven, and begins a line");
}

#[test]
fn a_child_continues_its_approved_parent() {
    let mut memory = memory();
    let root = Draft::default().seal();
    receive(&root, &mut memory);
    let child = child_of(&root, b"next");
    let decision = receive(&child, &mut memory);
    assert_eq!((decision.outcome(), decision.line()), (Outcome::Continue, Some(Line::Main(root.digest))));
    assert_eq!(decision.to_string(), "continue: it is proven, and continues its parent");
    let grandchild = child_of(&child, b"and on");
    assert_eq!(receive(&grandchild, &mut memory).line(), Some(Line::Main(root.digest)));
}

#[test]
fn a_second_child_goes_on_along_a_branch_and_so_does_all_that_follows_it() {
    // shows: CEP-097 (§8)
    let mut memory = memory();
    let root = Draft::default().seal();
    receive(&root, &mut memory);
    receive(&child_of(&root, b"first"), &mut memory);
    let second = child_of(&root, b"second");
    let decision = receive(&second, &mut memory);
    assert_eq!((decision.outcome(), decision.line()), (Outcome::Fork, Some(Line::Branch(second.digest))));
    assert_eq!(names(decision.deciding()), ["parent-continued"]);
    assert_eq!(decision.to_string(), "fork: another object continues its parent already");
    let behind = receive(&child_of(&second, b"third"), &mut memory);
    assert_eq!((behind.outcome(), behind.line()), (Outcome::Fork, Some(Line::Branch(second.digest))));
    assert_eq!(names(behind.deciding()), ["on-branch"]);
    // A third child is a branch of its own.
    let third = child_of(&root, b"yet another");
    assert_eq!(receive(&third, &mut memory).line(), Some(Line::Branch(third.digest)));
}

#[test]
fn an_object_may_arrive_and_still_fail() {
    // shows: CEP-025 (§4), CEP-032 (§4), CEP-089 (§8), CEP-090 (§8), CEP-091 (§8), CEP-092 (§8), CEP-093 (§8), CEP-096 (§8), CEP-098 (§8), CEP-099 (§8)
    let mut memory = memory();
    let [forbidden, invalid, held] =
        [&b"forbidden"[..], b"invalid", b"held"].map(|content| Draft { content, ..Draft::default() }.seal());
    for root in [&forbidden, &invalid] {
        receive(root, &mut memory);
    }
    memory.forbid(&Line::Main(forbidden.digest));
    memory.invalidate(&invalid.digest);
    let late = judge_by(
        &Policy::default(),
        &cep_envelope::decision::Delivery { arrival: ARRIVAL.after(10 << 20), ..held.delivery() },
        &memory,
    );
    assert_eq!(names(late.decision.deciding()), ["stale"]);
    memory.record(late.decision.record().unwrap()).unwrap();

    let unknown = Digest::of(b"who knows");
    let cases = [
        (CausalParent::Missing, "parent-missing", Outcome::Triage, Standing::HeldBack),
        (CausalParent::Of(unknown), "parent-unknown", Outcome::Resync, Standing::HeldBack),
        (CausalParent::Of(held.digest), "parent-undecided", Outcome::Triage, Standing::HeldBack),
        (CausalParent::Of(invalid.digest), "parent-invalid", Outcome::Quarantine, Standing::Invalid),
        (CausalParent::Of(forbidden.digest), "parent-forbidden", Outcome::Quarantine, Standing::Invalid),
    ];
    for (parent, finding, outcome, standing) in cases {
        let object = Draft { parent, ..Draft::default() }.seal();
        let judgement = judge(&object.delivery(), &memory);
        let decision = judgement.decision;
        assert_eq!((names(decision.deciding()), decision.outcome()), (vec![finding], outcome));
        assert_eq!(decision.proven(), VerificationState::ManifestVerified, "it was delivered and verified");
        assert_eq!(decision.record().unwrap().standing, standing);
        assert_eq!(decision.line(), None);
    }
}

#[test]
fn what_is_replayed_does_not_continue_again() {
    // shows: CEP-031 (§4)
    let mut memory = memory();
    let root = Draft::default().seal();
    assert_eq!(receive(&root, &mut memory).outcome(), Outcome::Continue);
    let renamed = Envelope { name: b"20260514t064148z.message.jasper.normal.other".into(), ..root.clone() };
    for again in [&root, &renamed] {
        let decision = judge(&again.delivery(), &memory).decision;
        assert_eq!((decision.outcome(), names(decision.deciding())), (Outcome::Quarantine, vec!["replayed"]));
        assert_eq!(decision.record(), None, "it is remembered already");
    }
}

#[test]
fn who_copies_a_manifest_makes_no_replay_and_no_fork_of_the_original() {
    let mut memory = memory();
    let root = Draft::default().seal();
    receive(&root, &mut memory);
    // root-ai seals the same bytes that jasper sealed; this is possible, because they do not name their sender.
    let text = String::from_utf8(child_of(&root, b"work").sealed).unwrap();
    let manifest = text.split_once("{\"manifest\":").unwrap().1.split_once(",\"signature\"").unwrap().0;
    let manifest = manifest.replace(",\"signer\":\"jasper#1\"", "");
    let seal = |sender: &str| {
        let sign = |hash: &[u8; 32]| *envelope::pair(sender).sk.sign(hash, None);
        let mut out = [0; cep_envelope::manifest::MAX_OUTER];
        let signer = format!("{sender}#1");
        let sealed = cep_envelope::manifest::seal(manifest.as_bytes(), &signer, "codex", sign, &mut out).unwrap();
        let digest = Digest::of(manifest.as_bytes());
        Envelope { sender: sender.into(), name: NAME.into(), content: b"work".into(), sealed: sealed.into(), digest }
    };
    assert_eq!(receive(&seal("root-ai"), &mut memory).outcome(), Outcome::Continue);
    // The same act a second time: this is not a replay, and goes to triage.
    let second = judge(&seal("jasper").delivery(), &memory).decision;
    assert_eq!((second.outcome(), names(second.findings())), (Outcome::Triage, vec!["resealed"]));
    let let_pass = Policy::default().with(Finding::Resealed, Outcome::Continue).unwrap();
    let second = judge_by(&let_pass, &seal("jasper").delivery(), &memory).decision;
    assert!(second.to_string().contains("it is proven, and stands already; besides, its manifest is approved already"));
    memory.record(second.record().unwrap()).unwrap();
    assert_eq!(receive(&child_of(&seal("jasper"), b"more"), &mut memory).outcome(), Outcome::Continue);
}

#[test]
fn an_impostor_proves_nothing() {
    // shows: CEP-027 (§4)
    // Mallory seals in jasper's name with a key of his own; and in his own name, to which no key is bound.
    let impostor = Draft { key: "mallory", ..Draft::default() }.seal();
    let stranger = Draft { sender: "mallory", key: "mallory", ..Draft::default() }.seal();
    let mut borrowed = stranger.clone();
    borrowed.sender = "jasper".into();
    for (envelope, finding) in [(impostor, "bad-signature"), (stranger, "key-not-bound"), (borrowed, "key-not-bound")] {
        let judgement = judge(&envelope.delivery(), &memory());
        assert_eq!(judgement.decision.outcome(), Outcome::Quarantine);
        assert_eq!(names(judgement.decision.deciding()), [finding]);
        assert!(judgement.manifest.is_none());
        assert_eq!(judgement.decision.record(), None, "what is not proven is not remembered");
    }
}

// shows: CEP-037 (§5)
#[test]
fn a_good_object_under_a_bad_name_does_not_continue_and_takes_no_harm() {
    // shows: CEP-024 (§3.3), CEP-073 (§6), CEP-074 (§6), CEP-136 (§13)
    let mut memory = memory();
    let good = Draft::default().seal();
    let cases: [(&[u8], &str, Outcome); 6] = [
        (b"20260514t064148z.message.codex.normal.tza", "surface-differs", Outcome::Triage),
        (b"20260514t064149z.message.jasper.normal.tza", "surface-differs", Outcome::Triage),
        (b"20260514t064148z.message.jasper.high.tza", "surface-differs", Outcome::Triage),
        (b"../20260514t064148z.message.jasper.normal", "not-a-surface", Outcome::Quarantine),
        (b"20260514t064148z.message.j\xd0\xb0sper.normal", "not-a-surface", Outcome::Quarantine),
        (b"", "not-a-surface", Outcome::Quarantine),
    ];
    for (name, finding, outcome) in cases {
        let envelope = Envelope { name: name.into(), ..good.clone() };
        let judgement = judge(&envelope.delivery(), &memory);
        assert_eq!((names(judgement.decision.deciding()), judgement.decision.outcome()), (vec![finding], outcome));
        assert_eq!(
            judgement.ladder.proven(),
            VerificationState::ContainerVerified,
            "mirrored fields are part of the rung"
        );
        // The manifest holds, whatever the object's name is.
        assert_eq!(judgement.manifest.unwrap().manifest().surface.profile, "jasper");
        assert_eq!(judgement.decision.record(), None);
    }
    // Nor does a good manifest with other bytes.
    let other = Envelope { content: b"another object".into(), ..good.clone() };
    assert_eq!(names(judge(&other.delivery(), &memory).decision.deciding()), ["digest-differs", "other-content"][..1]);
    // This does not make the good one a replay.
    assert_eq!(receive(&good, &mut memory).outcome(), Outcome::Continue);
}

// shows: CEP-013 (§2)
#[test]
fn a_reference_is_proof_of_nothing_until_the_object_is_here_and_verified() {
    // shows: CEP-028 (§4), CEP-136 (§13)
    let good = Draft::default().seal();
    let all =
        Notification { claimed_state: ClaimedState::Known(VerificationState::ContinuationApproved), ..notice(NAME) };
    let mut delivery = good.delivery();
    (delivery.object, delivery.sealed, delivery.notice) = (None, None, Some(all));
    let judgement = judge(&delivery, &memory());
    assert_eq!(judgement.ladder.proven(), VerificationState::Referenced);
    assert_eq!(judgement.decision.outcome(), Outcome::Resync);
    assert_eq!(names(judgement.decision.findings()), ["no-bytes", "no-manifest", "overclaimed"]);
    // The manifest alone proves that the object was sealed, not that its bytes are here.
    delivery.sealed = Some(&good.sealed);
    let judgement = judge(&delivery, &memory());
    assert!(judgement.manifest.is_some());
    assert_eq!(
        (judgement.ladder.proven(), judgement.decision.outcome()),
        (VerificationState::Referenced, Outcome::Resync)
    );
    // With the bytes, the claim is still only a claim, and prevents nothing.
    delivery.object = Some(&good.content);
    let decision = judge(&delivery, &memory()).decision;
    assert_eq!((decision.outcome(), names(decision.findings())), (Outcome::Continue, vec!["overclaimed"]));
}

// shows: CEP-064 (§6)
#[test]
fn every_field_of_the_notice_is_compared_and_what_was_sealed_holds() {
    // shows: CEP-026 (§4), CEP-074 (§6), CEP-076 (§6.1)
    let good = Draft::default().seal();
    let other = "20260514t064148z.message.codex.normal.tza";
    let cases = [
        (Notification { from_agent: "codex", ..notice(NAME) }, Disagreement::Sender),
        (Notification { to_agent: "jasper", ..notice(NAME) }, Disagreement::Recipient),
        (Notification { envelope_ref: Reference::new(other), ..notice(NAME) }, Disagreement::EnvelopeRef),
        (notice(other), Disagreement::EnvelopeName),
    ];
    for (notice, field) in cases {
        let mut delivery = good.delivery();
        delivery.notice = Some(notice);
        let decision = judge(&delivery, &memory()).decision;
        assert_eq!((decision.outcome(), names(decision.deciding())), (Outcome::Triage, vec!["notice-differs"]));
        assert!(decision.notice().contains(field) && decision.surface().is_empty());
        assert!(decision.to_string().contains(field.name()), "{decision}");
        // A policy may accept this: the identity is the sealed one in any case.
        let policy = Policy::default().with(Finding::NoticeDiffers, Outcome::Continue).unwrap();
        assert_eq!(judge_by(&policy, &delivery, &memory()).manifest.unwrap().sender(), "jasper");
    }
}

#[test]
fn a_schema_mismatch_is_a_matter_of_policy() {
    // shows: CEP-077 (§6.1), CEP-078 (§6.1), CEP-079 (§6.1), CEP-080 (§6.1)
    let good = Draft::default().seal();
    let mut delivery = good.delivery();
    delivery.notice = Some(Notification { schema: "aint-send-v1", ..notice(NAME) });
    let by = |policy: Policy<'_>| {
        let decision = judge_by(&policy, &delivery, &memory()).decision;
        (decision.outcome(), decision.trust())
    };
    let with = |outcome| Policy::default().with(Finding::SchemaDiffers, outcome).unwrap();
    assert_eq!(by(Policy::default()).0, Outcome::Triage);
    assert_eq!(by(with(Outcome::Resync)).0, Outcome::Resync);
    assert_eq!(by(with(Outcome::Continue)), (Outcome::Continue, Trust::Lowered));
    let understood = Policy::default().with_schemas(&[("aint-send-v1", "aint-send-v2")]);
    assert_eq!(by(understood), (Outcome::Continue, Trust::Full));
    let other = Policy::default().with_schemas(&[("aint-send-v2", "aint-send-v1")]);
    assert_eq!(by(other).0, Outcome::Triage);
    let words = judge_by(&with(Outcome::Continue), &delivery, &memory()).decision.to_string();
    assert!(words.ends_with("; trust is lowered"), "{words}");
}

#[test]
fn causal_order_holds_whatever_the_clocks_say() {
    // shows: CEP-107 (§9), CEP-108 (§9)
    let mut memory = memory();
    let root = Draft { created: "2026-05-14T06:41:50Z", ..Draft::default() }.seal();
    receive(&root, &mut memory);
    let child =
        |created| Draft { created, parent: CausalParent::Of(root.digest), content: b"next", ..Draft::default() }.seal();
    let decision = judge(&child("2026-05-14T06:41:49Z").delivery(), &memory).decision;
    assert_eq!((decision.outcome(), names(decision.findings())), (Outcome::Continue, vec!["sealed-before-parent"]));
    let far = child("2026-05-14T06:30:00Z");
    let decision = judge(&far.delivery(), &memory).decision;
    assert_eq!(names(decision.findings()), ["envelope-drift", "sealed-far-before-parent"]);
    assert_eq!(decision.outcome(), Outcome::Triage);
}

#[test]
fn the_strictest_finding_decides_and_the_others_are_still_named() {
    // shows: CEP-100 (§8), CEP-133 (§12)
    let stale = Draft { created: "2026-01-01T00:00:00Z", parent: CausalParent::Missing, ..Draft::default() }.seal();
    let decision = judge(&stale.delivery(), &memory()).decision;
    assert_eq!(names(decision.findings()), ["envelope-drift", "stale", "parent-missing"]);
    assert_eq!((decision.outcome(), names(decision.deciding())), (Outcome::Resync, vec!["stale"]));
    assert_eq!(
        decision.to_string(),
        "resync: it was sealed too long ago; besides, its name's time has drifted from the sealed time, and it names no \
         parent and is no root"
    );
}

#[test]
fn no_policy_approves_what_is_not_proven() {
    for finding in Finding::ALL {
        assert!(finding.most_lenient() <= finding.default_outcome(), "{finding}");
        for outcome in Outcome::ALL {
            let policy = Policy::default().with(finding, outcome);
            assert_eq!(policy.is_ok(), outcome >= finding.most_lenient(), "{finding} {outcome}");
        }
    }
    // Even the most lenient policy approves no unproven object, and none twice.
    let lenient = Finding::ALL
        .into_iter()
        .fold(Policy::default(), |policy, finding| policy.with(finding, finding.most_lenient()).unwrap());
    let mut memory = memory();
    let good = Draft::default().seal();
    receive(&good, &mut memory);
    let bad = [
        good.clone(),
        Envelope { content: b"other".into(), ..good.clone() },
        Envelope { name: b"20260514t064148z.a.b.c".into(), ..good.clone() },
        Envelope { name: b"x".into(), ..good.clone() },
        Envelope { sealed: b"{}".into(), ..good },
        Draft { key: "mallory", ..Draft::default() }.seal(),
        Draft { recipient: "somebody", ..Draft::default() }.seal(),
    ];
    for envelope in bad {
        let decision = judge_by(&lenient, &envelope.delivery(), &memory).decision;
        assert!(!decision.outcome().approves(), "{decision}");
    }
}

#[test]
fn an_unsealed_recipient_is_reported() {
    let open = Draft { sealed_recipient: false, ..Draft::default() }.seal();
    let decision = judge(&open.delivery(), &memory()).decision;
    assert_eq!((decision.outcome(), names(decision.findings())), (Outcome::Continue, vec!["recipient-not-sealed"]));
}

#[test]
fn an_expected_digest_is_evidence_and_a_wrong_one_is_a_finding() {
    let good = Draft::default().seal();
    for source in [Source::Local, Source::ControlPlane] {
        let mut delivery = good.delivery();
        delivery.expected = Some((Digest::of(b"the object"), source));
        assert!(judge(&delivery, &memory()).decision.outcome().approves());
        delivery.expected = Some((Digest::of(b"another"), source));
        assert_eq!(names(judge(&delivery, &memory()).decision.deciding()), ["digest-differs"]);
    }
}

#[test]
fn a_decision_approves_the_object_that_it_is_about_and_no_other() {
    let (one, other) = (Draft::default().seal(), Draft { content: b"another", ..Draft::default() }.seal());
    let memory = memory();
    let approval = judge(&one.delivery(), &memory).decision;
    let held = judge(&Draft { parent: CausalParent::Missing, ..Draft::default() }.seal().delivery(), &memory).decision;
    // Another object, verified and held back.
    let policy = Policy::default().with(Finding::RecipientNotSealed, Outcome::Triage).unwrap();
    let open = Draft { sealed_recipient: false, content: b"another", ..Draft::default() }.seal();
    let mut ladder: Ladder<'_> = judge_by(&policy, &open.delivery(), &memory).ladder;
    assert_eq!(ladder.proven(), VerificationState::ManifestVerified);
    assert_eq!(ladder.approve(&approval), Err(NotProven::NotApproved));
    assert_eq!(ladder.approve(&held), Err(NotProven::NotApproved));
    assert_eq!(Ladder::new().approve(&approval), Err(NotProven::TooEarly(VerificationState::ManifestVerified)));
    // Judged again under another policy, it is approved by a decision about this object.
    let again = judge(&open.delivery(), &memory).decision;
    assert_eq!(ladder.approve(&again), Ok(VerificationState::ContinuationApproved));
    assert!(judge(&other.delivery(), &memory).decision.outcome().approves());
}

#[test]
fn the_same_inputs_give_the_same_decision() {
    let memory = memory();
    for parent in [CausalParent::Root, CausalParent::Missing, CausalParent::Of(Digest::of(b""))] {
        let envelope = Draft { parent, ..Draft::default() }.seal();
        assert_eq!(judge(&envelope.delivery(), &memory).decision, judge(&envelope.delivery(), &memory).decision);
    }
}

#[test]
fn clocks_at_the_ends_of_the_scale_decide_too() {
    let good = Draft::default().seal();
    for arrival in [Instant::MIN, Instant::unix(i64::MAX)] {
        let delivery = cep_envelope::decision::Delivery { arrival, ..good.delivery() };
        assert!(!judge(&delivery, &memory()).decision.outcome().approves());
    }
}

#[test]
fn the_profile_has_the_table() {
    let profile = include_str!("../../PROFILE.md");
    let rows: Vec<_> = profile.lines().skip_while(|line| !line.starts_with("| Finding |")).skip(2).collect();
    let expected = Finding::ALL.map(|finding| {
        let (default, best) = (finding.default_outcome(), finding.most_lenient());
        format!("| `{finding}` | {default} | {best} | {} |", finding.words())
    });
    assert_eq!(rows[..expected.len()], expected);
    assert_eq!(rows[expected.len()], "");
}
