//! What a person reads of a verdict, an error or a value: each in words, and no two of a type alike.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use interaction_gov::audit::{self, Damage, Difference, Need, Untold};
use interaction_gov::authority::AuthorityError;
use interaction_gov::function::Binding;
use interaction_gov::function::{Health, Role};
use interaction_gov::identity::Subject;
use interaction_gov::interaction::{Attribution, Choice, Mode, Refused, To, Transition};
use interaction_gov::measure::coordination::{Dimension, Dimensions, Growth};
use interaction_gov::measure::{self, Claim, Level, Misdescribed, NotAShare, Requirement, Shortcoming, Standing};
use interaction_gov::measure::{
    Architecture, Boundary, Change, Context, Continuity, Enforcement, Metric, Reach, Sovereignty, State, Step, evaluate,
};
use interaction_gov::participant::Seat;
use interaction_gov::policy::{CompiledError, On, PolicyError, Sense};
use interaction_gov::protocol::{BindError, Protocol};
use interaction_gov::rollout::{RolloutError, Track};
use interaction_gov::snapshot::SnapshotError;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Modality};
use interaction_gov::{TextError, Trouble};

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

const TEXT: TextError = TextError { line: 2, column: 9, trouble: Trouble::NoNumber };

#[test]
fn a_refused_text_is_said_with_its_place_and_its_trouble() {
    assert_eq!(TEXT.to_string(), "line 2, column 9: not a number");
    each!(
        Trouble: Ended, NoWord, NoComma, NoNumber, UnknownStatement, UnknownClause, UnknownName("regions"), Twice,
        TooMany, Missing, OneAtATime, NeverMatches, NoEffect, Reserved, Hidden, Unreachable(3), Contradiction(3), TooLong
    );
    each!(PolicyError: Text(TEXT), Twice(Authority(0)), Full, Vocabulary, TooFine);
    each!(CompiledError: Label, Length, Full(2), Field("effect"));
}

#[test]
fn a_refused_step_of_the_control_plane_says_why() {
    each!(
        AuthorityError: Unknown, Known, Forged, Stale, Leap, Gap, Text(TEXT), Head, Share, Vocabulary, Loop, Full
    );
    each!(
        RolloutError: NotSigned(Authority(0)), TakenBack(Authority(0)), LeftOut(Authority(0)), Full, Unknown, InUse,
        Busy, NothingBefore, Withdrawn, OfAnother(Authority(0)), Percent, Older
    );
    each!(SnapshotError: Length, Format(9), Field("kind"), NoRoom, Forged, Stale);
    each!(BindError: Conflict, Full, Unknown, NoProof);
}

#[test]
fn verdicts_and_what_is_found_in_a_trail_are_said_in_words() {
    words(audit::Verdict::ALL);
    words(audit::RecordKind::ALL);
    words(&audit::Verdict::ALL.iter().map(|verdict| Refused(*verdict)).collect::<Vec<_>>());
    each!(Damage: Unreadable, Another, Order(7), Clock, Beginning, ForgedHead, Altered, Cut, AfterTheEnd);
    each!(Untold: Change(7), Version, Silent);
    each!(Difference: Verdict, Reason, Voices, Obligations, Duration);
    use audit::Replayed::{AnotherPolicy, Differs, NotDecided, Same};
    words(&[NotDecided, AnotherPolicy, Same, Differs(audit::Verdict::Permit, Difference::Reason)]);
    each!(Need: Ordinary, Tightening);
}

#[test]
fn values_are_said_in_words() {
    words(&[Health::Running, Health::Failed { recover_by: Time(5) }]);
    each!(Role: Core, Auxiliary);
    each!(Subject: Interaction, Participant, Protocol);
    each!(Mode: Enforce, Observe);
    each!(Choice: Place, Way);
    each!(Transition: Transport, Protocol, Infrastructure);
    each!(To: Seat(Seat(3)), Binding(Binding(3)));
    each!(On: Unsaid, Nothing, Stream(Modality(2)));
    each!(Sense: May, Must);
    each!(Attribution: Telemetry(None), Telemetry(Some(Binding(3))), Output(Binding(3)), Identifier);
    each!(Protocol: SipCallId, WebRtcSession, MqttClient, QuicConnection, IacpEid, Other(9));
    assert_eq!(Track::STABLE.to_string(), "stable");
    words(&[Time(5), Time::NEVER]);
}

#[test]
fn a_set_is_said_one_after_the_other_and_a_width_holds() {
    let evaluated = evaluate(&Architecture {
        boundary: Boundary { start: "a join", stop: "", participants: "who joined", policy_scope: "" },
        primitives: &["interaction"],
        components: &[],
        changes: &[],
        compute: &[],
        sovereignty: Sovereignty { routing: Enforcement::ByConstruction, placement: Enforcement::ByConstruction },
        dimensions: Dimensions::VIDEO_CONFERENCE,
        surfaces: &[],
        claims: &[],
    });
    let evaluated = evaluated.expect("it describes something");
    let boundary = evaluated.finding(Step::Boundary).shortcomings;
    assert_eq!(boundary.to_string(), "nothing says when an interaction stops; nothing says what policy covers");
    assert_eq!(evaluated.reestablished().to_string(), "none");
    assert_eq!(format!("{:>8}|{:<10}|{:>6}", Step::Policy, Change::Join, Metric::PolicyConvergence).len(), 38);
}

#[test]
fn what_was_measured_is_said_in_words() {
    each!(measure::Attainment: Met, TooFew, Missed);
    each!(Standing: Holds, FallsShort, Fails);
    each!(Level: Must, Should);
    each!(Growth: Additive, Multiplicative);
    each!(Dimension: Participants, Modalities, Functions, Authorities, Transitions);
    each!(Requirement: R1, R2, R3, R4, R5, R6, R7, R8, R9, R10);
    words(Claim::ALL);
    words(Step::ALL);
    words(Change::ALL);
    words(&[Metric::CONTINUITY, Metric::CHANGE_SAFETY, Metric::DEGRADATION].concat());
    each!(Context: Identity, Policy, Orchestration, Session);
    each!(Continuity: Preserved, Reestablished);
    each!(Enforcement: ByConstruction, PostHoc, None);
    each!(State: IdentityToken, PolicyVersion, Routing, ComputePlacement);
    let within = Duration::from_millis(50);
    words(&[Reach::InTheDecidingStep, Reach::Held { within }, Reach::InBoundedTime { within }]);
    words(&[Reach::Eventually, Reach::AfterRestart]);
    assert_eq!(Reach::Held { within }.to_string(), "held for at most 50 ms");
    words(Shortcoming::ALL);
    each!(Misdescribed: NameTwice("a"), UnknownPrimitive("a"), UnknownName("a"), SurfaceTwice("a", "b"));
    assert_eq!(NotAShare { part: 3, whole: 2 }.to_string(), "3 is no part of 2");
}
