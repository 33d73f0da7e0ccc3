//! The evaluation procedure (`IoE Appendix A`), over this crate's own architecture, a fragmented one and a hybrid.

use std::time::Duration;

use interaction_gov::measure::coordination::{Coupling, Dimension, Dimensions, Growth};
use interaction_gov::measure::{
    Architecture, Boundary, Change, Claim, Component, ComputePath, Conclusion, Context, Continuity, Enforcement,
    Evaluation, Level, Misdescribed, Reach, Requirement, Shortcoming, Sovereignty, Standing, State, Step, Surface,
    evaluate,
};

use Dimension::{Authorities, Functions, Modalities, Participants, Transitions};
use Requirement::{R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};

const fn bound<'a>(name: &'a str, per: &'a [Dimension]) -> Component<'a> {
    Component { name, per, own: &[], binds_to: Some("interaction"), reach: Reach::InTheDecidingStep }
}

const PRESERVED: [(Change, Continuity); 8] = [
    (Change::Join, Continuity::Preserved),
    (Change::Leave, Continuity::Preserved),
    (Change::PolicyUpdate, Continuity::Preserved),
    (Change::ComputeInvocation, Continuity::Preserved),
    (Change::TransportTransition, Continuity::Preserved),
    (Change::ProtocolTransition, Continuity::Preserved),
    (Change::InfrastructureTransition, Continuity::Preserved),
    (Change::ConsentChange, Continuity::Preserved),
];

/// This crate: everything is bound to one interaction, and no component decides by itself.
const OURS: Architecture<'_> = Architecture {
    boundary: Boundary {
        start: "the first participant is there",
        stop: "it is terminated",
        participants: "who was admitted and has not left",
        policy_scope: "every action within the interaction",
    },
    primitives: &["interaction"],
    components: &[
        bound("participants", &[Participants]),
        bound("modalities", &[Modalities]),
        bound("functions", &[Functions]),
        bound("authorities", &[Authorities]),
        bound("protocol bindings", &[Transitions]),
    ],
    changes: &PRESERVED,
    compute: &[
        ComputePath { name: "transcription", in_identity: true, in_policy: true },
        ComputePath { name: "inference by a third party", in_identity: true, in_policy: true },
    ],
    sovereignty: Sovereignty { routing: Enforcement::ByConstruction, placement: Enforcement::ByConstruction },
    dimensions: Dimensions::VIDEO_CONFERENCE,
    surfaces: &[],
    claims: Claim::ALL,
};

const fn apart<'a>(name: &'a str, per: &'a [Dimension], own: &'a [Context]) -> Component<'a> {
    Component { name, per, own, binds_to: None, reach: Reach::Eventually }
}

const fn between<'a>(one: &'a str, other: &'a str, state: State) -> Surface<'a> {
    Surface { between: (one, other), state }
}

/// Auxiliary functions with sessions of their own, synchronised pairwise (`IoE §2.2`, Fragmented Control Context).
const FRAGMENTED: Architecture<'_> = Architecture {
    primitives: &[],
    components: &[
        apart("policy engine", &[Authorities], &[Context::Policy, Context::Session]),
        apart("recorder", &[Modalities], &[Context::Session]),
        apart("transcription", &[Participants], &[Context::Identity, Context::Session]),
        apart("orchestrator", &[], &[Context::Orchestration, Context::Session]),
    ],
    changes: &[
        (Change::Join, Continuity::Preserved),
        (Change::Leave, Continuity::Preserved),
        (Change::PolicyUpdate, Continuity::Preserved),
        (Change::ComputeInvocation, Continuity::Reestablished),
        (Change::TransportTransition, Continuity::Reestablished),
    ],
    compute: &[
        ComputePath { name: "recording", in_identity: true, in_policy: true },
        ComputePath { name: "speech to text", in_identity: false, in_policy: false },
    ],
    sovereignty: Sovereignty { routing: Enforcement::PostHoc, placement: Enforcement::PostHoc },
    surfaces: &[
        between("policy engine", "recorder", State::PolicyVersion),
        between("policy engine", "transcription", State::PolicyVersion),
        between("policy engine", "orchestrator", State::PolicyVersion),
        between("recorder", "transcription", State::IdentityToken),
        between("recorder", "orchestrator", State::Routing),
        between("transcription", "orchestrator", State::ComputePlacement),
    ],
    claims: &[Claim::Incremental],
    ..OURS
};

/// Everything is bound, but the recorder that was there before keeps one session, held in step (`IoE §7`).
const HYBRID: Architecture<'_> = Architecture {
    components: &[
        bound("participants", &[Participants]),
        bound("modalities", &[Modalities]),
        bound("functions", &[Functions]),
        bound("authorities", &[Authorities]),
        bound("protocol bindings", &[Transitions]),
        Component {
            own: &[Context::Session],
            reach: Reach::Held { within: Duration::from_millis(80) },
            ..bound("recorder", &[])
        },
    ],
    surfaces: &[
        between("recorder", "interaction", State::PolicyVersion),
        between("participants", "recorder", State::IdentityToken),
    ],
    ..OURS
};

fn evaluated<'a>(architecture: &Architecture<'a>) -> Evaluation<'a> {
    evaluate(architecture).expect("the description is sound")
}

fn failed(evaluation: &Evaluation<'_>) -> Vec<u8> {
    Step::ALL.iter().filter(|step| !evaluation.finding(**step).holds).map(|step| step.number()).collect()
}

fn not_held(evaluation: &Evaluation<'_>) -> Vec<(Requirement, Standing)> {
    Requirement::ALL
        .iter()
        .map(|which| (*which, evaluation.requirement(*which).standing))
        .filter(|(_, standing)| *standing != Standing::Holds)
        .collect()
}

fn found(evaluation: &Evaluation<'_>, step: Step) -> Vec<Shortcoming> {
    evaluation.finding(step).shortcomings.iter().collect()
}

// shows: IOE-111 (§4.10 R10), IOE-112 (§4.10 R10)
#[test]
fn what_is_bound_to_one_interaction_is_viable() {
    // shows: IOE-125 (§7), IOE-138 (App. A), IOE-146 (App. A 8)
    let evaluation = evaluated(&OURS);
    assert_eq!(failed(&evaluation), []);
    assert_eq!(not_held(&evaluation), []);
    assert_eq!(evaluation.conclusion(), Conclusion::Viable);
    assert_eq!(evaluation.control_contexts(), 1);
    assert!(evaluation.reestablished().is_empty() && evaluation.unanswered().is_empty());
    let examined: Vec<_> = Step::ALL.iter().map(|step| evaluation.finding(*step).basis.examined).collect();
    assert_eq!(examined, [4, 6, 8, 5, 2, 2, 5, 10], "and each step rests on something");
}

#[test]
fn its_coordination_surfaces_are_the_31_binding_points_which_it_has_to_manage() {
    // shows: IOE-124 (§7), IOE-145 (App. A 7), IOE-147 (A.1)
    let evaluation = evaluated(&OURS);
    assert_eq!((evaluation.bindings(), evaluation.exchanges()), (31, 0));
    assert_eq!(evaluation.growth(), Growth::Additive);
    assert_eq!(OURS.coordination_surfaces(Dimensions::each(100)), 500, "more to manage in a larger one");
}

#[test]
fn contexts_that_are_synchronised_pairwise_cannot_govern_deterministically() {
    // shows: IOE-138 (App. A), IOE-139 (App. A 1), IOE-140 (App. A 2), IOE-141 (App. A 3), IOE-142 (App. A 4), IOE-143 (App. A 5), IOE-144 (App. A 6), IOE-145 (App. A 7), IOE-146 (App. A 8)
    let evaluation = evaluated(&FRAGMENTED);
    let lines: Vec<_> = Step::ALL.iter().take(7).map(|step| evaluation.finding(*step).to_string()).collect();
    assert_eq!(
        lines,
        [
            "1 interaction boundary: holds for all 4",
            "2 independent control contexts: fails for 4 of 4, first policy engine: there is no interaction primitive; \
             a component is bound to no interaction primitive; a component keeps identities of its own; a component \
             keeps policy of its own; a component keeps orchestration of its own; a component keeps sessions of its own",
            "3 continuity: fails for 5 of 8, first compute invocation: a compute invocation does not preserve the \
             identity; a transport transition does not preserve the identity; a protocol transition does not preserve \
             the identity; an infrastructure transition does not preserve the identity; a consent change does not \
             preserve the identity",
            "4 policy determinism: fails for 4 of 4, first policy engine: the old policy governs until an update has \
             propagated",
            "5 compute transparency: fails for 1 of 2, first speech to text: compute runs outside the Interaction \
             Identity; compute runs outside the policy boundary",
            "6 sovereignty enforcement: fails for 2 of 2, first routing: wrong routes are found afterwards; wrong \
             placement is found afterwards",
            "7 coordination scaling: fails for 3 of 6, first policy engine: coordination surfaces grow \
             multiplicatively",
        ]
    );
    assert_eq!(evaluation.conclusion(), Conclusion::NotDeterministic);
    assert_eq!(evaluation.control_contexts(), 4);
    let changes = |changes: interaction_gov::measure::Changes| changes.iter().collect::<Vec<_>>();
    assert_eq!(changes(evaluation.reestablished()), [Change::ComputeInvocation, Change::TransportTransition]);
    assert_eq!(
        changes(evaluation.unanswered()),
        [Change::ProtocolTransition, Change::InfrastructureTransition, Change::ConsentChange]
    );
    // A = 4 engines, M = 6 recorders, P = 10 transcriptions, one orchestrator: A·M + A·P + A + M·P + M + P.
    assert_eq!((evaluation.bindings(), evaluation.exchanges()), (0, 24 + 40 + 4 + 60 + 6 + 10));
    assert_eq!(evaluation.growth(), Growth::Multiplicative);
    let all_but_incremental = [R1, R2, R3, R4, R5, R6, R7].map(|which| (which, Standing::Fails));
    let short = [(R8, Standing::FallsShort), (R9, Standing::Fails), (R10, Standing::FallsShort)];
    assert_eq!(not_held(&evaluation), [all_but_incremental.as_slice(), &short].concat());
}

#[test]
fn a_hybrid_may_be_an_acceptable_trade_off() {
    // shows: IOE-125 (§7), IOE-126 (§7)
    let evaluation = evaluated(&HYBRID);
    assert_eq!(failed(&evaluation), [2, 8]);
    assert_eq!(found(&evaluation, Step::Contexts), [Shortcoming::OwnSession]);
    assert_eq!(evaluation.finding(Step::Contexts).basis.first, Some("recorder"));
    assert_eq!(evaluation.control_contexts(), 2);
    // Its bindings, one for the recorder, and what the recorder exchanges with the interaction and ten participants.
    assert_eq!((evaluation.bindings(), evaluation.exchanges()), (31 + 1, 1 + 10));
    assert_eq!(evaluation.growth(), Growth::Additive);
    assert_eq!(evaluation.conclusion(), Conclusion::TradeOff, "a MUST fails, and that alone refuses nothing");
    assert_eq!(not_held(&evaluation), [(R3, Standing::Fails), (R8, Standing::FallsShort), (R10, Standing::FallsShort)]);
    assert_eq!(evaluation.requirement(R8).to_string(), "R8 falls short: a component keeps sessions of its own");
}

/// Five contexts, one for each of a dimension, that meet as the terms of C_frag do.
#[test]
fn the_drafts_formula_is_an_architecture_of_five_kinds_of_contexts() {
    // shows: IOE-028 (§3.2), IOE-147 (A.1)
    let session = &[Context::Session];
    let contexts = [
        apart("p", &[Participants], session),
        apart("m", &[Modalities], session),
        apart("f", &[Functions], session),
        apart("a", &[Authorities], session),
        apart("t", &[Transitions], session),
    ];
    let surfaces = [("p", "m"), ("f", "p"), ("f", "m"), ("a", "p"), ("a", "f"), ("t", "p"), ("t", "m"), ("t", "f")]
        .map(|between| Surface { between, state: State::PolicyVersion });
    let architecture = Architecture { components: &contexts, surfaces: &surfaces, ..FRAGMENTED };
    for size in [Dimensions::VIDEO_CONFERENCE, Dimensions::each(7), Dimensions::each(u32::MAX)] {
        assert_eq!(architecture.coordination_surfaces(size) * 1_000, size.fragmented(Coupling::FULL).0);
    }
    assert_eq!(evaluated(&architecture).exchanges(), 332);
}

/// Evaluates this crate's architecture with one defect, and checks that exactly this defect is found, in its step and
/// the last.
fn degraded(architecture: Architecture<'_>, shortcoming: Shortcoming, requirements: &[Requirement]) {
    let evaluation = evaluated(&architecture);
    let step = shortcoming.step();
    assert_eq!(failed(&evaluation), [step.number(), 8], "{shortcoming:?}");
    assert_eq!(found(&evaluation, step), [shortcoming]);
    assert_eq!(evaluation.finding(step).basis.against, 1, "{shortcoming:?}");
    let broken: Vec<_> = not_held(&evaluation).into_iter().map(|(which, _)| which).collect();
    assert_eq!(broken, requirements, "{shortcoming:?}");
    let deterministic = !matches!(step, Step::Policy | Step::Coordination);
    let conclusion = if deterministic { Conclusion::TradeOff } else { Conclusion::NotDeterministic };
    assert_eq!(evaluation.conclusion(), conclusion, "{shortcoming:?}");
    assert!(evaluation.to_string().contains(&format!("{shortcoming}")));
}

/// This crate's components, with the functions changed.
fn with_functions(functions: Component<'_>) -> [Component<'_>; 5] {
    let [participants, modalities, _, authorities, protocols] = OURS.components else { unreachable!() };
    [*participants, *modalities, functions, *authorities, *protocols]
}

const FUNCTIONS: Component<'_> = bound("functions", &[Functions]);

#[test]
fn step_1_wants_start_stop_participants_and_policy_scope() {
    // shows: IOE-139 (App. A 1)
    let whole = OURS.boundary;
    for (boundary, shortcoming, requirement) in [
        (Boundary { start: "", ..whole }, Shortcoming::NoStart, R1),
        (Boundary { stop: " ", ..whole }, Shortcoming::NoStop, R1),
        (Boundary { participants: "", ..whole }, Shortcoming::NoParticipants, R2),
        (Boundary { policy_scope: "\n", ..whole }, Shortcoming::NoPolicyScope, R2),
    ] {
        degraded(Architecture { boundary, ..OURS }, shortcoming, &[requirement]);
    }
}

#[test]
fn step_2_lists_all_components_that_maintain_their_own_context() {
    // shows: IOE-140 (App. A 2)
    for (own, shortcoming, requirements) in [
        (Context::Identity, Shortcoming::OwnIdentity, &[R3, R10][..]),
        (Context::Policy, Shortcoming::OwnPolicy, &[R3, R10]),
        (Context::Orchestration, Shortcoming::OwnOrchestration, &[R3, R10]),
        (Context::Session, Shortcoming::OwnSession, &[R3, R8, R10]),
    ] {
        let own = &[own];
        let components = with_functions(Component { own, ..FUNCTIONS });
        let architecture = Architecture { components: &components, ..OURS };
        degraded(architecture, shortcoming, requirements);
        assert_eq!(evaluated(&architecture).finding(Step::Contexts).basis.first, Some("functions"));
        assert_eq!(evaluated(&architecture).control_contexts(), 2);
    }
    let components = with_functions(Component { binds_to: None, ..FUNCTIONS });
    degraded(Architecture { components: &components, ..OURS }, Shortcoming::Unbound, &[R3]);
    degraded(
        Architecture { primitives: &["interaction", "session"], ..OURS },
        Shortcoming::SeveralPrimitives,
        &[R1, R10],
    );
}

#[test]
fn step_2_wants_an_interaction_primitive_even_when_nothing_would_bind_to_it() {
    let evaluation = evaluated(&Architecture { primitives: &[], components: &[], ..OURS });
    assert_eq!(failed(&evaluation), [2, 8]);
    assert_eq!(
        evaluation.finding(Step::Contexts).to_string(),
        "2 independent control contexts: fails: there is no interaction primitive"
    );
}

#[test]
fn step_3_asks_at_each_change_event_whether_the_identity_is_preserved() {
    // shows: IOE-141 (App. A 3)
    let events = [
        (Shortcoming::JoinBreaks, &[R1][..]),
        (Shortcoming::LeaveBreaks, &[R1]),
        (Shortcoming::PolicyUpdateBreaks, &[R1]),
        (Shortcoming::ComputeInvocationBreaks, &[R1]),
        (Shortcoming::TransportBreaks, &[R1, R4]),
        (Shortcoming::ProtocolBreaks, &[R4]),
        (Shortcoming::InfrastructureBreaks, &[R4]),
        (Shortcoming::ConsentBreaks, &[R4]),
    ];
    for (place, (shortcoming, requirements)) in events.into_iter().enumerate() {
        let change = PRESERVED[place].0;
        let mut changes = PRESERVED;
        changes[place].1 = Continuity::Reestablished;
        let reestablished = Architecture { changes: &changes, ..OURS };
        degraded(reestablished, shortcoming, requirements);
        assert!(evaluated(&reestablished).reestablished().iter().eq([change]));
        assert_eq!(evaluated(&reestablished).finding(Step::Continuity).basis.first, Some(change.words()));
        // If nothing is stated, nothing counts as preserved.
        let silent: Vec<_> = PRESERVED.into_iter().filter(|(event, _)| *event != change).collect();
        let unanswered = Architecture { changes: &silent, ..OURS };
        degraded(unanswered, shortcoming, requirements);
        assert!(evaluated(&unanswered).unanswered().iter().eq([change]));
        // If an event is stated twice, the worse answer counts.
        let both = [PRESERVED.as_slice(), &[(change, Continuity::Reestablished)]].concat();
        degraded(Architecture { changes: &both, ..OURS }, shortcoming, requirements);
    }
}

#[test]
fn step_4_asks_whether_an_update_takes_effect_before_the_next_governed_processing() {
    // shows: IOE-142 (App. A 4)
    let second = Duration::from_secs(1);
    for (reach, shortcoming, requirement) in [
        (Reach::Held { within: second }, Shortcoming::PolicyTooSlow, R5),
        (Reach::InBoundedTime { within: Duration::ZERO }, Shortcoming::OldPolicyForAWhile, R2),
        (Reach::Eventually, Shortcoming::OldPolicyUntilPropagated, R2),
        (Reach::AfterRestart, Shortcoming::PolicyNeedsRestart, R2),
    ] {
        let components = with_functions(Component { reach, ..FUNCTIONS });
        degraded(Architecture { components: &components, ..OURS }, shortcoming, &[requirement]);
    }
    // Processing that waits under a second for all to have it is deterministic.
    let reach = Reach::Held { within: second - Duration::from_nanos(1) };
    let components = with_functions(Component { reach, ..FUNCTIONS });
    assert_eq!(failed(&evaluated(&Architecture { components: &components, ..OURS })), []);
}

#[test]
fn step_5_wants_compute_within_the_identity_and_the_policy_boundary() {
    // shows: IOE-143 (App. A 5)
    let [first, third_party] = OURS.compute else { unreachable!() };
    for (path, shortcoming, requirements) in [
        (ComputePath { in_identity: false, ..*third_party }, Shortcoming::ComputeOutsideIdentity, &[R2, R3][..]),
        (ComputePath { in_policy: false, ..*third_party }, Shortcoming::ComputeOutsidePolicy, &[R2]),
    ] {
        degraded(Architecture { compute: &[*first, path], ..OURS }, shortcoming, requirements);
    }
    assert_eq!(failed(&evaluated(&Architecture { compute: &[], ..OURS })), [], "no compute, none outside");
}

#[test]
fn step_6_wants_sovereignty_by_construction_and_not_post_hoc() {
    // shows: IOE-144 (App. A 6)
    let good = OURS.sovereignty;
    for (sovereignty, shortcoming) in [
        (Sovereignty { routing: Enforcement::PostHoc, ..good }, Shortcoming::RoutingPostHoc),
        (Sovereignty { routing: Enforcement::None, ..good }, Shortcoming::RoutingFree),
        (Sovereignty { placement: Enforcement::PostHoc, ..good }, Shortcoming::PlacementPostHoc),
        (Sovereignty { placement: Enforcement::None, ..good }, Shortcoming::PlacementFree),
    ] {
        degraded(Architecture { sovereignty, ..OURS }, shortcoming, &[R7]);
    }
}

#[test]
fn step_7_fails_for_a_cross_product_and_step_8_then_denies_determinism() {
    // shows: IOE-145 (App. A 7), IOE-146 (App. A 8)
    let surfaces = [between("functions", "participants", State::IdentityToken)];
    degraded(Architecture { surfaces: &surfaces, ..OURS }, Shortcoming::Multiplicative, &[R10]);
    // Every function with every other: 8 · 7 / 2.
    let surfaces = [between("functions", "functions", State::PolicyVersion)];
    let pairwise = Architecture { surfaces: &surfaces, ..OURS };
    degraded(pairwise, Shortcoming::Multiplicative, &[R10]);
    assert_eq!(evaluated(&pairwise).exchanges(), 28);
    let odd = Dimensions { functions: 7, ..OURS.dimensions };
    assert_eq!(pairwise.exchanges(odd), 21);
    assert_eq!(pairwise.exchanges(Dimensions::each(0)), 0);
    // One binding for each modality of each participant is a cross-product too.
    let components = with_functions(bound("functions", &[Participants, Modalities]));
    degraded(Architecture { components: &components, ..OURS }, Shortcoming::Multiplicative, &[R10]);
    // The order of growth counts, whatever the size: an interaction without functions makes no difference.
    degraded(
        Architecture { dimensions: Dimensions::each(0), surfaces: &surfaces, ..OURS },
        Shortcoming::Multiplicative,
        &[R10],
    );
    // More factors than 128 bits can count are not mistaken for a constant.
    let many = [Participants; 40];
    let components = with_functions(bound("functions", &many));
    degraded(Architecture { components: &components, ..OURS }, Shortcoming::Multiplicative, &[R10]);
}

#[test]
fn step_8_wants_all_of_r1_to_r10() {
    // shows: IOE-126 (§7), IOE-146 (App. A 8)
    for claim in Claim::ALL {
        let claims: Vec<_> = Claim::ALL.iter().copied().filter(|other| other != claim).collect();
        let evaluation = evaluated(&Architecture { claims: &claims, ..OURS });
        assert_eq!(failed(&evaluation), [8], "{claim:?}");
        let standing = if claim.level() == Level::Must { Standing::Fails } else { Standing::FallsShort };
        assert_eq!(not_held(&evaluation), [(claim.requirement(), standing)]);
        let judgement = evaluation.requirement(claim.requirement());
        assert!(judgement.unclaimed.iter().eq([*claim]) && judgement.shortcomings.is_empty());
        assert!(judgement.to_string().ends_with(&format!(", not claimed: {claim}")), "{judgement}");
        assert_eq!(evaluation.conclusion(), Conclusion::TradeOff);
    }
    // Every requirement can fail or fall short, by a step's finding or by a missing claim.
    for requirement in Requirement::ALL {
        let found = Shortcoming::ALL.iter().any(|one| one.breaks().iter().any(|(broken, _)| broken == requirement));
        assert!(found || Claim::ALL.iter().any(|claim| claim.requirement() == *requirement), "{requirement}");
    }
    for requirement in [R6, R9] {
        let evaluation = evaluated(&Architecture { claims: &[], ..OURS });
        assert_eq!(evaluation.requirement(requirement).standing, Standing::Fails);
    }
}

#[test]
fn a_person_can_read_what_was_found() {
    // shows: IOE-138 (App. A)
    let claims: Vec<_> = Claim::ALL.iter().copied().filter(|claim| *claim != Claim::ProtocolIdsMap).collect();
    let evaluation = evaluated(&Architecture { claims: &claims, ..HYBRID });
    assert_eq!(
        evaluation.to_string(),
        "1 interaction boundary: holds for all 4\n\
         2 independent control contexts: fails for 1 of 7, first recorder: a component keeps sessions of its own\n\
         3 continuity: holds for all 8\n\
         4 policy determinism: holds for all 6\n\
         5 compute transparency: holds for all 2\n\
         6 sovereignty enforcement: holds for all 2\n\
         7 coordination scaling: holds for all 8\n\
         R1 holds\n\
         R2 holds\n\
         R3 fails: a component keeps sessions of its own\n\
         R4 holds\n\
         R5 holds\n\
         R6 holds\n\
         R7 holds\n\
         R8 falls short: a component keeps sessions of its own; not claimed: many protocol identifiers map to one \
         identity\n\
         R9 holds\n\
         R10 falls short: a component keeps sessions of its own\n\
         8 conclusion: a trade-off: governance can be deterministic, but not all of R1 to R10 hold"
    );
}

#[test]
fn a_description_that_contradicts_itself_is_not_evaluated() {
    let cases = [
        (Architecture { primitives: &["interaction", "functions"], ..OURS }, Misdescribed::NameTwice("functions")),
        (Architecture { primitives: &["session"], ..OURS }, Misdescribed::UnknownPrimitive("interaction")),
        (
            Architecture { surfaces: &[between("functions", "archive", State::Routing)], ..OURS },
            Misdescribed::UnknownName("archive"),
        ),
        (
            Architecture {
                surfaces: &[
                    between("functions", "authorities", State::Routing),
                    between("authorities", "functions", State::Routing),
                ],
                ..OURS
            },
            Misdescribed::SurfaceTwice("functions", "authorities"),
        ),
    ];
    for (architecture, why) in cases {
        assert_eq!(evaluate(&architecture), Err(why));
    }
    // The same two may exchange two things: |C| counts distinct state exchange points.
    let surfaces = [
        between("functions", "interaction", State::Routing),
        between("interaction", "functions", State::PolicyVersion),
    ];
    let twice = Architecture { surfaces: &surfaces, ..OURS };
    assert_eq!(evaluated(&twice).exchanges(), 16);
}
