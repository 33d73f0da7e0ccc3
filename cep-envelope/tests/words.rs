//! What a person reads of a refusal: each in words, and no two of a type alike.

use std::collections::BTreeSet;
use std::fmt::Display;

use cep_envelope::decision::{Finding, Outcome, TooLenient};
use cep_envelope::digest::DigestError;
use cep_envelope::json::{JsonError, JsonErrorKind, Unfit};
use cep_envelope::ladder::{NotAContainer, NotProven};
use cep_envelope::lineage::RecordError;
use cep_envelope::manifest::{
    Disagreements, ManifestError, ManifestField, OuterError, SealError, TimeError, VerifyError,
};
use cep_envelope::notification::{NotificationError, NotificationField};
use cep_envelope::{CalendarError, ComposeError, Segment, SurfaceError, SurfaceReason, VerificationState};

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
fn outcomes_and_findings_are_said_in_words() {
    each!(Outcome: Continue, Fork, Triage, Resync, Quarantine);
    words(&Finding::ALL);
    words(&Finding::ALL.map(|finding| TooLenient { finding, at_best: Outcome::Triage }));
}
