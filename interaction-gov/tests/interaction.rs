//! One identity from start to termination, and decisions that follow every change (`IoE R1`, `R2`, `R4`).

mod govern;

use govern::{Call, World, all, call, hardened, log, person, recording, request, the, world};
use interaction_gov::audit::{Log, RECORD, Record, RecordKind, Verdict};
use interaction_gov::function::Health;
use interaction_gov::identity::{AuthorityKey, InteractionId, Subject};
use interaction_gov::interaction::{Attribution, Interaction, Mode, Refused, Transition};
use interaction_gov::lifecycle::{Event, ROWS, State};
use interaction_gov::participant::{Admission, Seat, Validation};
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Set;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng as _;

#[test]
fn the_identity_is_drawn_and_nothing_that_happens_changes_it() {
    // shows: IOE-055 (§4.1 R1), IOE-056 (§4.1 R1), IOE-057 (§4.1 R1), IOE-058 (§4.1 R1), IOE-073 (§4.4 R4), IOE-074 (§4.4 R4), IOE-075 (§4.4 R4), IOE-076 (§4.4 R4)
    let (world, mut log) = (world(), log());
    let id = InteractionId::draw(&mut ChaCha8Rng::seed_from_u64(1));
    assert_ne!(id, InteractionId::draw(&mut ChaCha8Rng::seed_from_u64(2)));
    let mut call = Call::create(id, Time(0), Mode::Enforce, &world, &mut log).unwrap();
    let seat = call.join(Time(1), &person(1), &world, &mut log).unwrap();
    let other = call.join(Time(2), &person(2), &world, &mut log).unwrap();
    for (time, transition) in [(3, Transition::Transport), (4, Transition::Protocol), (5, Transition::Infrastructure)] {
        call.transition(Time(time), seat, transition, Some(the("fr")), [3; 16], &mut log).unwrap();
        // Everything that is bound to the identity goes on: the participant need not join again.
        assert!(call.decide(Time(time), &request(seat, "speak"), &world, &mut log).verdict.permits());
    }
    call.consent(Time(6), seat, Set::EMPTY, &mut log).unwrap();
    let (_, binding) = call.invoke(Time(7), &recording(seat), &govern::provenance, &world, &mut log);
    assert_eq!(binding, None, "the consent to recording is gone");
    let _ = call.leave(Time(8), other, &mut log).unwrap();
    let _ = call.terminate(Time(9), &mut log).unwrap();
    assert_eq!((call.id(), call.state()), (&id, State::Terminated));
    assert!(log.waiting().iter().all(|bytes| bytes[..16] == *id.as_bytes()), "every record is of this interaction");
}

#[test]
fn every_state_meets_every_event() {
    // shows: IOE-008 (§2.2)
    use Event as E;
    use State as S;
    let table: [(S, &[(E, S)]); 5] = [
        (S::Created, &[(E::Start, S::Active), (E::Terminate, S::Terminated)]),
        (
            S::Active,
            &[
                (E::AuxiliaryFailed, S::Degraded),
                (E::CoreFailed, S::Suspended),
                (E::CoreLost, S::Suspended),
                (E::Suspend, S::Suspended),
                (E::Terminate, S::Terminated),
            ],
        ),
        (
            S::Degraded,
            &[
                (E::AuxiliaryFailed, S::Degraded),
                (E::CoreFailed, S::Suspended),
                (E::CoreLost, S::Suspended),
                (E::Recovered, S::Active),
                (E::Suspend, S::Suspended),
                (E::Terminate, S::Terminated),
            ],
        ),
        (
            S::Suspended,
            &[
                (E::AuxiliaryFailed, S::Suspended),
                (E::CoreFailed, S::Suspended),
                (E::CoreLost, S::Suspended),
                (E::Recovered, S::Active),
                (E::CoreRecovered, S::Degraded),
                (E::Suspend, S::Suspended),
                (E::Resume, S::Active),
                (E::ResumeDegraded, S::Degraded),
                (E::Terminate, S::Terminated),
            ],
        ),
        (S::Terminated, &[]),
    ];
    let mut moves = 0;
    for (state, row) in table {
        for event in E::ALL {
            let expected = row.iter().find(|(on, _)| on == event).map(|(_, to)| *to);
            assert_eq!(state.next(*event), expected, "{state} {event}");
            moves += usize::from(expected.is_some());
        }
    }
    assert_eq!(moves, ROWS.len(), "no row stands twice");
}

#[test]
fn each_decision_names_version_rule_authority_and_obligations() {
    // shows: IOE-059 (§4.2 R2), IOE-066 (§4.2 R2), IOE-067 (§4.2 R2)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let decision = call.decide(Time(1_001), &request(seat, "speak"), &world, &mut log);
    assert_eq!((decision.verdict, decision.version), (Verdict::Permit, Some(0)));
    assert_eq!((decision.authority, decision.line), (Some(the("corporate")), Some(5)));
    let (decision, _) = call.invoke(Time(1_002), &recording(seat), &govern::provenance, &world, &mut log);
    assert_eq!(decision.obligations, all(&["notify", "watermark"]));
    let record = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!((record.policy, record.line, record.authority), (Some(0), Some(6), Some(0)));
    assert_eq!(record.digest, world.version_of(Track::STABLE).unwrap().digest()[..8]);
    // A version without policy permits nothing.
    let empty = World::new(govern::authorities(), [0; 32]);
    assert_eq!(call.decide(Time(1_003), &request(seat, "speak"), &empty, &mut log).verdict, Verdict::NoPolicy);
}

#[test]
fn a_participants_validation_lapses_by_its_own_end_the_settings_or_the_credential() {
    // shows: IOE-060 (§4.2 R2)
    let (world, mut log) = (world(), log());
    let ends = [
        (person(1), 61_000),
        (Admission { validation: Validation { until: Time(5_000), ..person(1).validation }, ..person(1) }, 5_000),
        (Admission { credential_until: Time(3_000), ..person(1) }, 3_000),
    ];
    for (admission, end) in ends {
        let mut call =
            Call::create(InteractionId::recorded([7; 16]), Time(1_000), Mode::Enforce, &world, &mut log).unwrap();
        let seat = call.join(Time(1_000), &admission, &world, &mut log).unwrap();
        assert_eq!(call.participant(seat).unwrap().valid_until(), Time(end));
        let permit = call.decide(Time(end - 1), &request(seat, "speak"), &world, &mut log);
        assert_eq!(permit.lease.unwrap().until(), Time(end), "no permit outlives the validation");
        assert_eq!(call.decide(Time(end), &request(seat, "speak"), &world, &mut log).verdict, Verdict::Lapsed);
        assert!(!call.holds(&permit.lease.unwrap(), Time(end), &world));
        let again = call.revalidate(Time(end), seat, &hardened("de"), &world, &mut log).unwrap();
        let expired = admission.credential_until == Time(end);
        assert_eq!(again > Time(end), !expired, "nothing renews a credential that has expired");
        assert_eq!(call.decide(Time(end), &request(seat, "speak"), &world, &mut log).verdict.permits(), !expired);
    }
}

#[test]
fn decisions_follow_consent_posture_and_jurisdiction_at_once() {
    // shows: IOE-061 (§4.2 R2), IOE-062 (§4.2 R2), IOE-063 (§4.2 R2)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let invoke = |call: &mut Call, log: &mut _, time| {
        call.invoke(Time(time), &recording(seat), &govern::provenance, &world, log).0.verdict
    };
    assert_eq!(invoke(&mut call, &mut log, 2_000), Verdict::Permit);
    // The consent of all counts, also of those who come later.
    let guest = call.join(Time(2_001), &Admission { consents: Set::EMPTY, ..person(2) }, &world, &mut log).unwrap();
    assert_eq!(invoke(&mut call, &mut log, 2_002), Verdict::NotPermitted);
    call.consent(Time(2_003), guest, all(&["recording", "analysis"]), &mut log).unwrap();
    assert_eq!((call.consents(), invoke(&mut call, &mut log, 2_004)), (all(&["recording"]), Verdict::Permit));
    // Posture.
    let export =
        |call: &mut Call, log: &mut _, time| call.decide(Time(time), &request(seat, "export"), &world, log).verdict;
    call.consent(Time(2_005), seat, all(&["recording"]), &mut log).unwrap();
    assert_eq!(export(&mut call, &mut log, 2_006), Verdict::DeniedByRule);
    call.revalidate(Time(2_007), seat, &hardened("de"), &world, &mut log).unwrap();
    assert_eq!(export(&mut call, &mut log, 2_008), Verdict::NotPermitted, "now privacy is the one without a rule");
}

#[test]
fn a_permit_is_a_lease_that_ends_with_whatever_it_rests_on() {
    // shows: IOE-016 (§2.2), IOE-018 (§2.2), IOE-022 (§3.1)
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let permit = |call: &mut Call, world: &World, log: &mut _| {
        call.decide(Time(2_000), &request(seat, "speak"), world, log).lease.unwrap()
    };
    let lease = permit(&mut call, &world, &mut log);
    assert_eq!((lease.until(), lease.version()), (Time(12_000), 0));
    assert!(call.holds(&lease, Time(11_999), &world) && !call.holds(&lease, Time(12_000), &world));
    assert!(!call.holds(&lease, Time(1_999), &world), "the clock went backwards");
    // Each change of the interaction ends the permit.
    let changes: [fn(&mut Call, Seat, &World, &mut govern::Records); 6] = [
        |call, seat, world, log| assert!(call.revalidate(Time(2_000), seat, &hardened("de"), world, log).is_ok()),
        |call, seat, _, log| call.consent(Time(2_000), seat, Set::EMPTY, log).unwrap(),
        |call, seat, _, log| {
            call.transition(Time(2_000), seat, Transition::Transport, Some(the("fr")), [0; 16], log).unwrap()
        },
        |call, _, world, log| assert!(call.join(Time(2_000), &person(2), world, log).is_ok()),
        |call, _, _, log| assert!(call.leave(Time(2_000), Seat(1), log).is_ok()),
        |call, _, _, log| {
            call.suspend(Time(2_000), log).unwrap();
            call.resume(Time(2_000), log).unwrap();
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let lease = permit(&mut call, &world, &mut log);
        assert!(call.holds(&lease, Time(2_000), &world));
        change(&mut call, seat, &world, &mut log);
        assert!(!call.holds(&lease, Time(2_000), &world), "change {number}");
    }
    // So does each change of the policy, without a teardown.
    let lease = permit(&mut call, &world, &mut log);
    let policy = govern::policy(&[govern::CORPORATE, govern::PRIVACY]);
    let version = world.install(&policy).unwrap();
    world.publish(Track::STABLE, version).unwrap();
    assert!(!call.holds(&lease, Time(2_000), &world));
    assert_eq!(permit(&mut call, &world, &mut log).version(), 1);
}

#[test]
fn nothing_is_decided_that_cannot_be_recorded() {
    let world = world();
    // With room for each number of records: a step that is refused for want of room has changed nothing.
    type Step = fn(&mut Call, &World, &mut govern::Records) -> Result<(), Verdict>;
    let steps: [Step; 6] = [
        |call, world, log| verdict(call.join(Time(2_000), &person(2), world, log)),
        |call, world, log| permitted(call.decide(Time(2_000), &request(Seat(0), "speak"), world, log).verdict),
        |call, world, log| {
            permitted(call.invoke(Time(2_000), &recording(Seat(0)), &govern::provenance, world, log).0.verdict)
        },
        |call, world, log| {
            let _ = call.fail(Time(2_000), interaction_gov::function::Binding(0), world, log);
            verdict(call.recover(Time(2_000), interaction_gov::function::Binding(0), log))
        },
        |call, _, log| verdict(call.consent(Time(2_000), Seat(0), all(&["recording", "analysis"]), log)),
        |call, world, log| verdict(call.revalidate(Time(2_000), Seat(0), &hardened("de"), world, log)),
    ];
    let mut small = govern::log();
    let (mut call, _) = call(&world, &mut small);
    for (number, step) in steps.iter().enumerate() {
        for room in 0.. {
            assert!(room < 20, "step {number} needs no more");
            let mut log = Log::keeping(vec![[0; RECORD]; room], 0);
            let before = (*call.chain(), call.consents(), call.participant(Seat(1)).copied());
            let failed = number == 3;
            match step(&mut call, &world, &mut log) {
                Err(Verdict::AuditFull) if !failed => {
                    let after = (*call.chain(), call.consents(), call.participant(Seat(1)).copied());
                    assert_eq!((before, log.waiting().len()), (after, 0), "step {number} with room for {room}");
                }
                Err(Verdict::AuditFull) => {}
                done => {
                    assert_eq!(done, Ok(()), "step {number} with room for {room}");
                    break;
                }
            }
        }
    }
}

fn verdict<T>(done: Result<T, Refused>) -> Result<(), Verdict> {
    done.map(|_| ()).map_err(|Refused(verdict)| verdict)
}

fn permitted(verdict: Verdict) -> Result<(), Verdict> {
    if verdict.permits() { Ok(()) } else { Err(verdict) }
}

#[test]
fn a_clock_that_goes_backwards_is_refused_and_told_but_for_what_tightens() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    assert_eq!(call.decide(Time(999), &request(seat, "speak"), &world, &mut log).verdict, Verdict::ClockBack);
    let more = all(&["recording", "analysis"]);
    assert_eq!(call.consent(Time(0), seat, more, &mut log), Err(Refused(Verdict::ClockBack)), "that loosens");
    assert_eq!(call.consents(), all(&["recording"]), "nothing has changed");
    assert_eq!(call.consent(Time(0), seat, Set::EMPTY, &mut log), Ok(()), "that tightens");
    assert_eq!(call.consents(), Set::EMPTY);
    let records: Vec<_> = log.waiting().iter().map(|bytes| Record::read(bytes).unwrap()).collect();
    let told = records.iter().filter(|record| record.verdict == Verdict::ClockBack);
    assert!(told.clone().count() == 1 && records.iter().all(|record| record.time == Time(1_000)));
    assert!(call.decide(Time(1_000), &request(seat, "speak"), &world, &mut log).verdict.permits());
}

#[test]
fn a_clock_that_runs_away_freezes_nothing() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let speak = |call: &mut Call, log: &mut govern::Records, time| {
        call.decide(Time(time), &request(seat, "speak"), &world, log).verdict
    };
    assert_eq!(speak(&mut call, &mut log, u64::MAX), Verdict::ClockAhead);
    assert_eq!(speak(&mut call, &mut log, 1_001), Verdict::Permit);
    // A smaller leap is believed, and can be corrected: then everything has to be shown again.
    assert_eq!(speak(&mut call, &mut log, 10_000_000_000), Verdict::Lapsed);
    assert_eq!(speak(&mut call, &mut log, 1_002), Verdict::ClockBack);
    call.mend_clock(Time(1_002), &mut log).unwrap();
    assert_eq!(speak(&mut call, &mut log, 1_003), Verdict::Lapsed);
    call.revalidate(Time(1_003), seat, &hardened("de"), &world, &mut log).unwrap();
    assert_eq!(speak(&mut call, &mut log, 1_004), Verdict::Permit);
    let mut trail = interaction_gov::audit::Trail::of(*call.id());
    assert!(log.waiting().iter().all(|bytes| trail.record(bytes).is_ok()), "a clock that was set is in the trail");
}

#[test]
fn it_can_be_adopted_in_part_by_observing_first() {
    // shows: IOE-099 (§4.8 R8)
    let (world, mut log) = (world(), log());
    let mut call = Call::create(InteractionId::recorded([7; 16]), Time(0), Mode::Observe, &world, &mut log).unwrap();
    let seat = call.join(Time(0), &person(1), &world, &mut log).unwrap();
    let decision = call.decide(Time(0), &request(seat, "export"), &world, &mut log);
    assert_eq!((decision.verdict, decision.may(), decision.lease), (Verdict::DeniedByRule, true, None));
    let record = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!(record.verdict, Verdict::DeniedByRule, "what would have been denied is in the records");
}

#[test]
fn a_suspended_interaction_permits_nothing_and_recovery_does_not_lift_it() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let (_, binding) = call.invoke(Time(1_000), &recording(seat), &govern::provenance, &world, &mut log);
    call.suspend(Time(1_001), &mut log).unwrap();
    assert_eq!(call.decide(Time(1_002), &request(seat, "speak"), &world, &mut log).verdict, Verdict::NotActive);
    call.fail(Time(1_003), binding.unwrap(), &world, &mut log).unwrap();
    assert_eq!(call.recover(Time(1_004), binding.unwrap(), &mut log), Ok(State::Suspended));
    call.resume(Time(1_005), &mut log).unwrap();
    assert_eq!((call.state(), call.resume(Time(1_006), &mut log)), (State::Active, Err(Refused(Verdict::NotActive))));
    // It is suspended by an act while a core function fails: both must end before it goes on.
    let core = interaction_gov::function::Invocation { role: interaction_gov::function::Role::Core, ..recording(seat) };
    let (_, core) = call.invoke(Time(1_007), &core, &govern::provenance, &world, &mut log);
    call.fail(Time(1_008), core.unwrap(), &world, &mut log).unwrap();
    call.suspend(Time(1_009), &mut log).unwrap();
    call.resume(Time(1_010), &mut log).unwrap();
    assert_eq!(call.state(), State::Suspended, "the core function still fails");
    assert_eq!(call.recover(Time(1_011), core.unwrap(), &mut log), Ok(State::Active));
    assert_eq!(call.running(core.unwrap()).unwrap().health(), Health::Running);
}

#[test]
fn two_authorities_cannot_tell_that_they_see_the_same() {
    // shows: IOE-128 (§8), IOE-129 (§8)
    let (one, other) = (AuthorityKey::new([1; 32]), AuthorityKey::new([2; 32]));
    let id = [7; 16];
    let subjects = [Subject::Interaction, Subject::Participant, Subject::Protocol];
    let mut seen: Vec<_> =
        subjects.iter().flat_map(|subject| [&one, &other].map(|key| key.pseudonym(*subject, &id))).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6);
    assert_eq!(one.pseudonym(Subject::Participant, &id), one.pseudonym(Subject::Participant, &id));
    // HMAC-SHA256 of "interaction" | 0 | identifier, by another implementation.
    let expected = "dbec5d835c6b60be79023b66b47d0d87";
    assert_eq!(one.pseudonym(Subject::Interaction, &id).to_string(), expected);
}

#[test]
fn telemetry_and_outputs_belong_to_the_interaction() {
    // shows: IOE-086 (§4.6 R6), IOE-087 (§4.6 R6), IOE-088 (§4.6 R6), IOE-089 (§4.6 R6)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let (_, binding) = call.invoke(Time(1_000), &recording(seat), &govern::provenance, &world, &mut log);
    let binding = binding.unwrap();
    call.attribute(Time(1_001), Attribution::Telemetry(None), [1; 16], &world, &mut log).unwrap();
    call.attribute(Time(1_001), Attribution::Telemetry(Some(binding)), [2; 16], &world, &mut log).unwrap();
    call.attribute(Time(1_001), Attribution::Output(binding), [3; 16], &world, &mut log).unwrap();
    let last: Vec<_> = log.waiting().iter().rev().take(3).rev().map(|bytes| Record::read(bytes).unwrap()).collect();
    let found: Vec<_> = last.iter().map(|record| (record.kind, record.binding, record.subject[0])).collect();
    assert_eq!(
        found,
        [(RecordKind::Telemetry, None, 1), (RecordKind::Telemetry, Some(0), 2), (RecordKind::Output, Some(0), 3)]
    );
    let _ = call.end(Time(1_002), binding, &mut log).unwrap();
    let late = call.attribute(Time(1_003), Attribution::Output(binding), [4; 16], &world, &mut log);
    assert_eq!(late, Err(Refused(Verdict::NoFunction)), "what does not run puts nothing out");
}

#[test]
fn who_is_not_there_does_nothing() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let nobody = Seat(3);
    assert_eq!(call.decide(Time(1_000), &request(nobody, "speak"), &world, &mut log).verdict, Verdict::NoParticipant);
    let refused = Err(Refused(Verdict::NoParticipant));
    assert_eq!(call.leave(Time(1_000), nobody, &mut log).map(|_| ()), refused);
    assert_eq!(call.consent(Time(1_000), Seat(u16::MAX), Set::ALL, &mut log), refused);
    assert_eq!(call.revalidate(Time(1_000), nobody, &hardened("de"), &world, &mut log).map(|_| ()), refused);
    for number in 2..5 {
        call.join(Time(1_000), &person(number), &world, &mut log).unwrap();
    }
    let full = call.join(Time(1_000), &person(9), &world, &mut log);
    assert_eq!(full, Err(Refused(Verdict::NoRoom)));
    let expired = Admission { credential_until: Time(1_000), ..person(9) };
    let _ = call.leave(Time(1_000), seat, &mut log).unwrap();
    assert_eq!(call.join(Time(1_000), &expired, &world, &mut log), Err(Refused(Verdict::Lapsed)));
    let _ = call.terminate(Time(1_001), &mut log).unwrap();
    assert_eq!(call.join(Time(1_001), &person(9), &world, &mut log), Err(Refused(Verdict::NotActive)));
    assert_eq!(call.terminate(Time(1_001), &mut log).map(|_| ()), Err(Refused(Verdict::NotActive)));
}

#[test]
fn after_the_end_nothing_is_permitted_and_nothing_is_recorded() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let _ = call.terminate(Time(1_001), &mut log).unwrap();
    let last = call.head();
    assert!(last.last);
    let before = log.waiting().len();
    assert_eq!(call.decide(Time(1_002), &request(seat, "speak"), &world, &mut log).verdict, Verdict::NotActive);
    assert_eq!(call.consent(Time(1_002), seat, Set::EMPTY, &mut log), Err(Refused(Verdict::NotActive)));
    assert_eq!(
        call.attribute(Time(1_002), Attribution::Telemetry(None), [0; 16], &world, &mut log),
        Err(Refused(Verdict::NotActive))
    );
    assert_eq!((log.waiting().len(), call.head_is_due(&world)), (before, false), "the last head stays the last");
}

#[test]
fn a_lease_is_of_one_interaction_and_says_what_it_permits() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let mut other =
        Call::create(InteractionId::recorded([8; 16]), Time(1_000), Mode::Enforce, &world, &mut log).unwrap();
    other.join(Time(1_000), &person(1), &world, &mut log).unwrap();
    let lease = call.decide(Time(1_000), &request(seat, "speak"), &world, &mut log).lease.unwrap();
    assert!(call.holds(&lease, Time(1_000), &world) && !other.holds(&lease, Time(1_000), &world));
    let record = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!((lease.record(), record.action), (record.sequence, Some(1)));
}

#[test]
fn nobody_sits_twice() {
    let (world, mut log) = (world(), log());
    let (mut call, _) = call(&world, &mut log);
    let better = Admission { validation: hardened("de"), ..person(1) };
    assert_eq!(call.join(Time(1_000), &better, &world, &mut log), Err(Refused(Verdict::Conflict)));
}

#[test]
fn a_joiners_consents_are_in_its_record_and_count_when_joining_is_decided() {
    let (mut world, mut log) = (world(), log());
    let text = govern::CORPORATE
        .replace("version 1", "version 2")
        .replace("permit join, speak for", "permit join with consent recording\npermit speak for");
    govern::take(&mut world, "corporate", 2, govern::CORPORATE, &text);
    let version = world.install(&govern::policy(&[&text, govern::PRIVACY])).unwrap();
    world.publish(Track::STABLE, version).unwrap();
    let (mut call, _) = call(&world, &mut log);
    let silent = Admission { consents: all(&["analysis"]), ..person(2) };
    assert_eq!(call.join(Time(1_000), &silent, &world, &mut log), Err(Refused(Verdict::NotPermitted)));
    let record = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!(record.consents.own, Set::from_bits(0b10));
    // A device consents to nothing, and does not reduce the consent of the people.
    let robot = Admission { kind: interaction_gov::policy::Kind::Agent, ..silent };
    call.join(Time(1_000), &robot, &world, &mut log).unwrap();
    assert_eq!(call.consents(), all(&["recording"]));
}

#[test]
fn joining_is_decided_like_everything_else() {
    let (world, mut log) = (world(), log());
    let (mut call, _) = call(&world, &mut log);
    let device = Admission { kind: interaction_gov::policy::Kind::Device, ..person(2) };
    assert_eq!(call.join(Time(1_000), &device, &world, &mut log), Err(Refused(Verdict::NotPermitted)));
    let record = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!((record.kind, record.verdict, record.seat), (RecordKind::Joined, Verdict::NotPermitted, None));
    assert_eq!((record.policy, record.authority, record.subject), (Some(0), Some(0), [2; 16]));
    call.suspend(Time(1_001), &mut log).unwrap();
    assert_eq!(call.join(Time(1_002), &person(2), &world, &mut log), Err(Refused(Verdict::NotActive)));
    call.resume(Time(1_003), &mut log).unwrap();
    let seat = call.join(Time(1_004), &person(2), &world, &mut log).unwrap();
    let record = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!((record.verdict, record.line, record.seat), (Verdict::Permit, Some(5), Some(seat.0)));
    // In observe mode all may join, and the denial is recorded.
    let mut open = Call::create(InteractionId::recorded([8; 16]), Time(0), Mode::Observe, &world, &mut log).unwrap();
    assert!(open.join(Time(0), &device, &world, &mut log).is_ok());
}

#[test]
fn a_single_interaction_can_have_a_version_of_its_own() {
    // shows: IOE-078 (§4.5 R5)
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let quiet = govern::CORPORATE.replace("version 1", "version 2").replace("join, speak", "join");
    govern::take(&mut world, "corporate", 2, govern::CORPORATE, &quiet);
    let own = world.install(&govern::policy(&[&quiet, govern::PRIVACY])).unwrap();
    assert_eq!(call.pin(Time(2_000), Some(9), &world, &mut log), Err(Refused(Verdict::NoPolicy)));
    call.pin(Time(2_000), Some(own), &world, &mut log).unwrap();
    let decision = call.decide(Time(2_000), &request(seat, "speak"), &world, &mut log);
    assert_eq!((decision.verdict, decision.version), (Verdict::NotPermitted, Some(1)));
    // A discarded version governs no interaction, and neither does the version that takes its place.
    world.discard(own).unwrap();
    let next = world.install(&govern::policy(&[&quiet, govern::PRIVACY])).unwrap();
    assert_ne!(next, own);
    assert_eq!(call.decide(Time(2_000), &request(seat, "speak"), &world, &mut log).verdict, Verdict::NoPolicy);
    // An unpinned interaction is on the track on which it began, whatever canary there is now.
    world.start_canary(next, 100).unwrap();
    call.pin(Time(2_001), None, &world, &mut log).unwrap();
    assert!(call.decide(Time(2_001), &request(seat, "speak"), &world, &mut log).verdict.permits());
    let other: Interaction<4, 4> =
        Interaction::create(InteractionId::recorded([8; 16]), Time(0), Mode::Enforce, &world, &mut log).unwrap();
    assert_eq!(other.version(&world).unwrap().number, 2, "it begins on the canary");
}

#[test]
fn one_begins_where_another_is_over_and_nothing_of_that_one_is_left() {
    let (world, mut log) = (world(), log());
    let mut place = Call::VACANT;
    let someone = request(interaction_gov::participant::Seat(0), "speak");
    assert_eq!(place.decide(Time(0), &someone, &world, &mut log).verdict, Verdict::NotActive, "there is none yet");
    assert_eq!(place.join(Time(0), &person(1), &world, &mut log), Err(Refused(Verdict::NotActive)));
    assert!(log.waiting().is_empty(), "and nothing is recorded of none");
    let [one, two] = [7, 8].map(|id| InteractionId::recorded([id; 16]));
    place.begin(one, Time(1_000), Mode::Observe, &world, &mut log).unwrap();
    let seat = place.join(Time(1_001), &person(1), &world, &mut log).unwrap();
    place.ban(Time(1_002), seat, &mut log).map(|_| ()).unwrap();
    place.pin(Time(1_003), Some(0), &world, &mut log).unwrap();
    let again = place.begin(two, Time(0), Mode::Enforce, &world, &mut log);
    assert_eq!((again, place.id()), (Err(Refused(Verdict::Conflict)), &one), "it is not over");
    let _ = place.terminate(Time(1_004), &mut log).unwrap();
    let none = &mut interaction_gov::audit::Log::new(Vec::new());
    assert_eq!(place.begin(two, Time(0), Mode::Enforce, &world, none), Err(Refused(Verdict::AuditFull)));
    assert_eq!(place.id(), &one, "what is refused changes nothing");
    place.begin(two, Time(5), Mode::Enforce, &world, &mut log).unwrap();
    let fresh = Call::create(two, Time(5), Mode::Enforce, &world, &mut log).unwrap();
    let kept = |call: &Call| {
        let mut bytes = vec![0; call.snapshot(&mut []).unwrap_err()];
        call.snapshot(&mut bytes).map(|_| bytes).unwrap()
    };
    assert_eq!(kept(&place), kept(&fresh), "to the byte");
    assert!(place.join(Time(6), &person(1), &world, &mut log).is_ok(), "who was banned there is not banned here");
}
