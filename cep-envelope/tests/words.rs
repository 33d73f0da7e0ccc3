//! What a person reads of a refusal: each in words, and no two of a type alike.

use std::collections::BTreeSet;
use std::fmt::Display;

use cep_envelope::decision::{Finding, Findings, Outcome, TooLenient, Trust};
use cep_envelope::digest::{Digest, DigestError};
use cep_envelope::drift::Drift;
use cep_envelope::json::{JsonError, JsonErrorKind, Unfit};
use cep_envelope::ladder::{NotAContainer, NotProven, Source};
use cep_envelope::lineage::{Approved, Line, Memory, Parent, RecordError, Standing};
use cep_envelope::manifest::{
    CausalParent, Disagreement, Disagreements, Instant, ManifestError, ManifestField, OuterError, SealError, TimeError,
    VerifyError,
};
use cep_envelope::notification::{ClaimedState, NotificationError, NotificationField, PollType};
use cep_envelope::{
    CalendarError, Change, ComposeError, NormaliseReason, Precision, Segment, Surface, SurfaceError, SurfaceReason,
    VerificationState, Warning, Warnings,
};

fn words<T: Display>(all: &[T]) {
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    let distinct: BTreeSet<&String> = words.iter().collect();
    assert_eq!(distinct.len(), words.len(), "two of them read alike: {words:?}");
    for line in &words {
        assert!(!line.is_empty() && !line.ends_with('.') && !line.contains("  "), "{line:?}");
    }
}

/// Each of these variants of a type, in words.
macro_rules! each {
    ($type:path: $($variant:ident $(($($with:expr),+))?),+ $(,)?) => {{
        use $type as T;
        words(&[$(T::$variant $(($($with),+))?),+]);
    }};
}

const NO_JSON: JsonError = JsonError { kind: JsonErrorKind::Syntax, at: 3 };

#[test]
fn a_refused_name_says_which_segment_and_why() {
    use SurfaceReason as R;
    let reasons = [R::Ended, R::Digit, R::Mark, R::Dot, R::Empty, R::Character, R::TooLong, R::Surplus];
    words(&reasons);
    words(&reasons.map(|reason| SurfaceError { reason, segment: Segment::Profile, offset: 7 }));
    let part = SurfaceError { reason: R::Empty, segment: Segment::Context, offset: 16 };
    assert_eq!(part.to_string(), "context: is empty (byte 16)");
    words(&[ComposeError::TooSmall { needed: 9 }, ComposeError::Part(part)]);
    let (segment, reason) = (Segment::Context, R::Empty);
    each!(NormaliseReason: PathSeparator, Control, NonAscii, Special, Blank, TooLong);
    assert_eq!(NormaliseReason::Surface { segment, reason }.to_string(), "context: is empty");
    each!(CalendarError: Month(0), Day(0), Hour(24), Minute(60), Second(61));
}

#[test]
fn a_refused_manifest_or_notice_says_which_member_and_why() {
    use JsonErrorKind as K;
    let kinds = [
        K::TooLong,
        K::NotUtf8,
        K::Syntax,
        K::NotAnObject,
        K::TooDeep,
        K::TooManyKeys,
        K::DuplicateKey,
        K::EscapedKey,
        K::Trailing,
    ];
    words(&kinds);
    words(&kinds.map(|kind| JsonError { kind, at: 3 }));
    assert_eq!(NO_JSON.to_string(), "not JSON at byte 3");
    each!(Unfit: Missing, Null, Empty, TooLong, Escaped, Control);
    each!(DigestError: UnknownAlgorithm, Malformed);
    each!(TimeError: Format, TooFine, Range, LeapSecond);
    each!(
        ManifestError: Json(NO_JSON), WrongType, Member(ManifestField::Schema, Unfit::Missing),
        Member(ManifestField::Signer, Unfit::Missing), TimeFragment, SealedCreatedAt(TimeError::Format),
        Digest(ManifestField::ContentDigest, DigestError::Malformed),
    );
    each!(NotificationError: Json(NO_JSON), WrongType, Member(NotificationField::Schema, Unfit::Null));
}

#[test]
fn a_refused_seal_or_signature_says_why() {
    each!(
        OuterError: TooLong, Form, Json(NO_JSON), Manifest(ManifestError::WrongType), UnknownAlgorithm, Signature
    );
    each!(VerifyError: Recipient, KeyNotBound, BadSignature, SealedSigner, SealedRecipient);
    each!(SealError: Refused(OuterError::Form), Contradiction, BufferFull);
    words(&[NotAContainer]);
    each!(
        NotProven: TooEarly(VerificationState::Present), DigestDiffers, Container, AnotherObject,
        Mirrored(Disagreements::default()), NotApproved
    );
    each!(RecordError: Full, Decided, Overtaken);
}

#[test]
fn what_a_receiver_knows_and_remembers_is_said_in_words() {
    let (root, sealed) = (Digest::new([0; 32]), Instant::unix(0));
    let on = |continued_by| Approved { sealed, line: Line::Main(root), continued_by };
    words(&VerificationState::LADDER);
    each!(Source: ControlPlane, Local);
    each!(Memory: New, HeldBack, Decided);
    each!(Parent: Unknown, Undecided, Invalid, Forbidden, Approved(on(None)), Approved(on(Some(root))));
    each!(Standing: Approved, HeldBack, Invalid, Forbidden);
    each!(Line: Main(root), Branch(root));
    each!(CausalParent: Missing, Root, Of(root));
    each!(Trust: Lowered, Full);
    each!(Precision: Day, Second);
    words(&[Drift::Days(2), Drift::Seconds(-301)]);
    assert_eq!(Drift::Seconds(-301).to_string(), "-301 s");
    words(&[PollType::Push, PollType::Unknown("pull")]);
    words(&[ClaimedState::Known(VerificationState::Present), ClaimedState::Unknown("blessed")]);
}

#[test]
fn members_and_segments_have_the_names_of_the_draft() {
    use Segment as S;
    words(&[S::Time, S::Context, S::Profile, S::Priority, S::Extension]);
    each!(
        ManifestField: Schema, SurfaceTimeFragment, SurfaceContext, SurfaceProfile, SurfacePriority, SealedCreatedAt,
        ContentDigest, CausalParent, Signer, Recipient,
    );
    each!(
        NotificationField: FromAgent, ToAgent, PollType, EnvelopeName, EnvelopeRef, Schema, VerificationState
    );
    words(&Disagreement::ALL);
    words(Warning::ALL);
    words(Change::ALL);
}

#[test]
fn a_set_is_said_one_after_the_other_and_a_width_holds() {
    let two = Disagreements::default().with(Disagreement::Context).with(Disagreement::Schema);
    assert_eq!(two.to_string(), "context, schema");
    assert_eq!(Findings::default().to_string(), "none");
    let warnings = Surface::parse("20260516T120000Z.b.p.low").map(|name| name.warnings().to_string());
    assert_eq!(warnings, Ok("upper-case".to_owned()));
    assert_eq!(format!("{:>8}|{:<8}|", Warnings::default(), Outcome::Fork), "    none|fork    |");
}

#[cfg(feature = "arbitrary")]
#[test]
fn each_damage_has_its_words() {
    use cep_envelope::generate::{Damage, OF_NAMES, Text, Wrong};

    words(&Text::ALL);
    words(&[&Damage::OF_NOTICES[..], &Damage::OF_MANIFESTS].concat());
    words(&OF_NAMES.map(Wrong::Name));
    words(&[Wrong::Manifest(Damage::Null), Wrong::Notice(Damage::Null)]);
}

#[test]
fn outcomes_and_findings_are_said_in_words() {
    each!(Outcome: Continue, Fork, Triage, Resync, Quarantine);
    words(&Finding::ALL);
    words(&Finding::ALL.map(|finding| TooLenient { finding, at_best: Outcome::Triage }));
}
