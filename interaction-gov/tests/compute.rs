//! Functions, computations, places and failures within one interaction (`IoE R3`, `R7`, `R9`).

mod govern;

use govern::{CORPORATE, Call, World, all, call, component, log, person, provenance, recording, request, the, world};
use interaction_gov::audit::{Record, RecordKind, Verdict};
use interaction_gov::function::{Binding, Bindings, Health, Invocation, Role};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Choice, Mode, Refused, Request};
use interaction_gov::lifecycle::State;
use interaction_gov::participant::{Admission, Seat, Validation};
use interaction_gov::policy::{Kind, On};
use interaction_gov::rollout::{Rollout, Track};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Region, Set};

fn transcription(seat: Seat, statement: &'static str) -> Invocation<'static> {
    Invocation {
        action: the("transcribe"),
        function: the("transcription"),
        component: component(statement),
        ..recording(seat)
    }
}

fn invoke(
    call: &mut Call,
    time: u64,
    invocation: &Invocation<'_>,
    world: &World,
    log: &mut govern::Records,
) -> Binding {
    let (decision, binding) = call.invoke(Time(time), invocation, &provenance, world, log);
    binding.unwrap_or_else(|| panic!("{}", decision.verdict))
}

fn cancelled(bindings: Bindings) -> Vec<u16> {
    bindings.iter().map(|binding| binding.0).collect()
}

#[test]
fn compute_runs_within_the_policy_and_by_its_proven_provenance() {
    // shows: IOE-064 (§4.2 R2), IOE-065 (§4.2 R2), IOE-134 (§8)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    for (statement, verdict) in
        [("", Verdict::NotPermitted), ("stated", Verdict::NotPermitted), ("verified", Verdict::Permit)]
    {
        let (decision, _) = call.invoke(Time(1_000), &transcription(seat, statement), &provenance, &world, &mut log);
        assert_eq!(decision.verdict, verdict, "{statement}");
        let record = Record::read(log.waiting().last().unwrap()).unwrap();
        assert_eq!((record.kind, record.verdict, &record.subject[..]), (RecordKind::Invoked, verdict, &[9; 16][..]));
    }
}

#[test]
fn functions_are_bound_to_the_one_interaction_and_own_nothing() {
    // shows: IOE-068 (§4.3 R3), IOE-069 (§4.3 R3), IOE-070 (§4.3 R3), IOE-100 (§4.8 R8)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let one = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    let other = invoke(&mut call, 1_000, &transcription(seat, "verified"), &world, &mut log);
    // Their actions are decided by the interaction's version and consent, like all others.
    let by =
        |binding, action| Request { on: On::Stream(the("audio")), binding: Some(binding), ..request(seat, action) };
    assert!(call.decide(Time(1_001), &by(one, "record"), &world, &mut log).verdict.permits());
    assert_eq!(call.decide(Time(1_001), &by(other, "record"), &world, &mut log).verdict, Verdict::NotPermitted);
    let verdict = call.decide(Time(1_001), &by(other, "transcribe"), &world, &mut log).verdict;
    assert_eq!(verdict, Verdict::Permit, "it acts with the provenance that was found when it began");
    call.consent(Time(1_002), seat, Set::EMPTY, &mut log).unwrap();
    assert_eq!(call.decide(Time(1_003), &by(one, "record"), &world, &mut log).verdict, Verdict::NoLease);
    // The denial cancels the functions whose permits ended.
    assert_eq!(cancelled(call.review(Time(1_004), &world, &mut log).unwrap()), [0, 1]);
    assert_eq!(call.decide(Time(1_005), &by(one, "record"), &world, &mut log).verdict, Verdict::NoFunction);
}

#[test]
fn third_parties_and_delegates_are_decided_like_everybody_and_end_with_their_parent() {
    // shows: IOE-071 (§4.3 R3), IOE-072 (§4.3 R3)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let other = call.join(Time(1_000), &person(2), &world, &mut log).unwrap();
    let parent = invoke(&mut call, 1_000, &transcription(seat, "verified"), &world, &mut log);
    let delegated = |statement, parent| Invocation { parent: Some(parent), ..transcription(seat, statement) };
    let (decision, _) = call.invoke(Time(1_001), &delegated("stated", parent), &provenance, &world, &mut log);
    assert_eq!(decision.verdict, Verdict::NotPermitted, "a delegate needs what all others need");
    let child = invoke(&mut call, 1_002, &delegated("verified", parent), &world, &mut log);
    let grandchild = invoke(&mut call, 1_003, &delegated("verified", child), &world, &mut log);
    let theirs = invoke(&mut call, 1_003, &transcription(other, "verified"), &world, &mut log);
    // A participant can delegate only for itself, and only from a running function.
    for parent in [theirs, Binding(9)] {
        let (decision, _) = call.invoke(Time(1_004), &delegated("verified", parent), &provenance, &world, &mut log);
        assert_eq!(decision.verdict, Verdict::NoFunction);
    }
    let (decision, _) = call.invoke(Time(1_005), &recording(seat), &provenance, &world, &mut log);
    assert_eq!(decision.verdict, Verdict::NoRoom, "four run");
    assert_eq!(cancelled(call.end(Time(1_006), child, &mut log).unwrap()), [child.0, grandchild.0]);
    assert_eq!(call.end(Time(1_006), child, &mut log), Err(Refused(Verdict::NoFunction)));
    let (decision, _) = call.invoke(Time(1_007), &delegated("verified", parent), &provenance, &world, &mut log);
    assert_eq!(decision.verdict, Verdict::NoLease, "who delegates runs on a permit that holds");
    assert!(call.review(Time(1_007), &world, &mut log).unwrap().is_empty());
    invoke(&mut call, 1_007, &delegated("verified", parent), &world, &mut log);
    // Leaving cancels all functions that ran for the leaving participant, delegated ones included, and no others.
    assert_eq!(cancelled(call.leave(Time(1_008), seat, &mut log).unwrap()), [parent.0, 4]);
    assert!(call.running(theirs).is_some());
    assert_eq!(cancelled(call.terminate(Time(1_009), &mut log).unwrap()), [theirs.0]);
}

#[test]
fn nothing_goes_on_for_a_participant_whose_validation_has_lapsed() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let short = Validation { until: Time(8_000), ..person(1).validation };
    call.revalidate(Time(1_000), seat, &short, &world, &mut log).unwrap();
    invoke(&mut call, 1_001, &recording(seat), &world, &mut log);
    assert_eq!(call.next_deadline(), Some(Time(8_000)));
    assert!(call.review(Time(7_999), &world, &mut log).unwrap().is_empty());
    assert_eq!(cancelled(call.review(Time(8_000), &world, &mut log).unwrap()), [0]);
    assert_eq!(call.next_deadline(), None);
}

#[test]
fn what_runs_is_decided_again_when_its_lease_ends_or_the_policy_changes() {
    // shows: IOE-016 (§2.2)
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let binding = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    assert_eq!(call.next_deadline(), Some(Time(11_000)));
    assert!(call.review(Time(11_000), &world, &mut log).unwrap().is_empty());
    assert_eq!(call.running(binding).unwrap().lease().until(), Time(21_000), "renewed by a decision");
    let strict = govern::PRIVACY.replace("version 1", "version 2").replace("permit record, ", "permit ");
    govern::take(&mut world, "privacy", 2, govern::PRIVACY, &strict);
    let version = world.install(&govern::policy(&[govern::CORPORATE, &strict])).unwrap();
    world.publish(Track::STABLE, version).unwrap();
    assert!(!call.holds(call.running(binding).unwrap().lease(), Time(11_001), &world), "before any review");
    assert_eq!(cancelled(call.review(Time(11_001), &world, &mut log).unwrap()), [0]);
}

#[test]
fn what_runs_where_it_may_not_be_any_more_is_cancelled_with_what_it_has_delegated() {
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let fr: Region = the("fr");
    let there = Invocation { sites: &[fr], ..recording(seat) };
    let parent = invoke(&mut call, 1_000, &there, &world, &mut log);
    invoke(&mut call, 1_000, &Invocation { parent: Some(parent), ..recording(seat) }, &world, &mut log);
    let home = govern::PRIVACY.replace("version 1", "version 2").replace("within de, fr", "within de");
    govern::take(&mut world, "privacy", 2, govern::PRIVACY, &home);
    let version = world.install(&govern::policy(&[govern::CORPORATE, &home])).unwrap();
    world.publish(Track::STABLE, version).unwrap();
    assert_eq!(cancelled(call.review(Time(1_001), &world, &mut log).unwrap()), [0, 1]);
    let denied = log
        .waiting()
        .iter()
        .map(|bytes| Record::read(bytes).unwrap())
        .find(|record| record.verdict == Verdict::Residency);
    assert_eq!(denied.unwrap().goes, Some(Set::one(fr)));
}

#[test]
fn places_and_ways_are_chosen_before_anything_goes_there() {
    // shows: IOE-091 (§4.6 R6), IOE-095 (§4.7 R7), IOE-096 (§4.7 R7)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let audio = Request { on: On::Stream(the("audio")), ..request(seat, "record") };
    let binding = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    let audio = Request { binding: Some(binding), ..audio };
    let one = |region: &str| Set::one(the::<Region>(region));
    let choose = |call: &mut Call, log: &mut _, kind, candidates: &[Set<Region>]| {
        let (decision, chosen) = call.choose(Time(1_001), kind, &audio, candidates, &world, log);
        (decision.verdict, chosen)
    };
    let places = [one("us"), one("fr"), one("de")];
    assert_eq!(choose(&mut call, &mut log, Choice::Place, &places), (Verdict::Permit, Some(1)));
    let record = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!((record.kind, record.goes), (RecordKind::Placed, Some(one("de").or(one("fr")))));
    // A route leads through all of its regions.
    let ways = [one("de").or(one("us")), one("de").or(one("fr"))];
    assert_eq!(choose(&mut call, &mut log, Choice::Way, &ways), (Verdict::Permit, Some(1)));
    let record = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!(record.goes, Some(ways[1]), "all of the way is recorded");
    let none: [(&[Set<Region>], Verdict); 3] =
        [(&[], Verdict::NoPlace), (&[Set::EMPTY], Verdict::NoPlace), (&[one("us")], Verdict::Residency)];
    for (candidates, verdict) in none {
        assert_eq!(choose(&mut call, &mut log, Choice::Place, candidates), (verdict, None));
        let record = Record::read(log.waiting().last().unwrap()).unwrap();
        assert_eq!((record.verdict, record.until, record.obligations), (verdict, None, 0));
    }
    // The action itself is denied, too, if data would go to a wrong region.
    let wrong = Request { goes: one("us"), ..audio };
    let decision = call.decide(Time(1_002), &wrong, &world, &mut log);
    assert_eq!((decision.verdict, decision.authority), (Verdict::Residency, Some(the("privacy"))));
    let [us, fr]: [Region; 2] = [the("us"), the("fr")];
    for (sites, verdict) in [(&[us][..], Verdict::Residency), (&[], Verdict::NoPlace), (&[us, fr], Verdict::Permit)] {
        let elsewhere = Invocation { sites, ..recording(seat) };
        assert_eq!(call.invoke(Time(1_003), &elsewhere, &provenance, &world, &mut log).0.verdict, verdict);
    }
    let record = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!((record.kind, record.site), (RecordKind::Invoked, Some(fr.0)), "it runs where all allow it");
}

#[test]
fn a_failed_component_affects_only_what_needs_it() {
    // shows: IOE-103 (§4.9 R9), IOE-104 (§4.9 R9), IOE-106 (§4.9 R9)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let auxiliary = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    assert_eq!(call.fail(Time(1_001), auxiliary, &world, &mut log), Ok(State::Degraded));
    let speak = call.decide(Time(1_002), &request(seat, "speak"), &world, &mut log);
    assert!(speak.verdict.permits(), "the core goes on");
    let by = Request { binding: Some(auxiliary), ..request(seat, "record") };
    assert_eq!(call.decide(Time(1_003), &by, &world, &mut log).verdict, Verdict::NoFunction);
    assert_eq!(call.fail(Time(1_003), auxiliary, &world, &mut log), Err(Refused(Verdict::NoFunction)), "it has failed");
    let on = Invocation { parent: Some(auxiliary), ..recording(seat) };
    assert_eq!(call.invoke(Time(1_003), &on, &provenance, &world, &mut log).0.verdict, Verdict::NoFunction);
    // A second failure does not move the state, but ends the permits that rest on the failed function all the same.
    let second = invoke(&mut call, 1_003, &recording(seat), &world, &mut log);
    let lease = call.decide(Time(1_003), &request(seat, "speak"), &world, &mut log).lease.unwrap();
    assert_eq!(call.fail(Time(1_003), second, &world, &mut log), Ok(State::Degraded));
    assert!(!call.holds(&lease, Time(1_003), &world));
    assert_eq!(call.recover(Time(1_003), second, &mut log), Ok(State::Degraded), "the other one still fails");
    let _ = call.end(Time(1_003), second, &mut log).unwrap();
    assert_eq!(call.recover(Time(1_004), auxiliary, &mut log), Ok(State::Active));
    assert_eq!(call.recover(Time(1_004), auxiliary, &mut log), Err(Refused(Verdict::NoFunction)));
    // Accessibility can be a core function: without it, nothing is permitted.
    let captions = Invocation { function: the("captions"), role: Role::Core, ..transcription(seat, "verified") };
    let core = invoke(&mut call, 1_005, &captions, &world, &mut log);
    call.fail(Time(1_006), auxiliary, &world, &mut log).unwrap();
    assert_eq!(call.fail(Time(1_007), core, &world, &mut log), Ok(State::Suspended));
    assert_eq!(call.decide(Time(1_008), &request(seat, "speak"), &world, &mut log).verdict, Verdict::NotActive);
    assert_eq!(call.recover(Time(1_009), core, &mut log), Ok(State::Degraded), "the other one still fails");
    assert!(call.decide(Time(1_010), &request(seat, "speak"), &world, &mut log).verdict.permits());
}

#[test]
fn a_function_that_has_failed_keeps_the_time_that_it_had_left_when_the_clock_is_mended() {
    const DAY: u64 = 86_400_000;
    for (wrong, right) in [(DAY, 3_000), (3_000, DAY)] {
        let (world, mut log) = (world(), log());
        let (mut call, seat) = call(&world, &mut log);
        let late = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
        call.fail(Time(wrong), late, &world, &mut log).unwrap();
        call.suspend(Time(wrong + 4_000), &mut log).unwrap();
        call.mend_clock(Time(right), &mut log).unwrap();
        let recover_by = Time(right + 6_000);
        assert_eq!(call.running(late).unwrap().health(), Health::Failed { recover_by });
        assert_eq!(call.next_deadline(), Some(recover_by));
        assert_eq!(call.recover(recover_by, late, &mut log), Err(Refused(Verdict::NoFunction)), "too late");
    }
}

#[test]
fn recovery_has_a_deadline() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let late = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    call.fail(Time(2_000), late, &world, &mut log).unwrap();
    assert_eq!(call.running(late).unwrap().health(), Health::Failed { recover_by: Time(12_000) });
    assert_eq!(call.next_deadline(), Some(Time(11_000)), "what it sends and receives is decided again first");
    assert!(call.review(Time(11_999), &world, &mut log).unwrap().is_empty());
    assert_eq!(call.next_deadline(), Some(Time(12_000)));
    assert_eq!(call.recover(Time(12_000), late, &mut log), Err(Refused(Verdict::NoFunction)), "too late");
    assert_eq!(cancelled(call.review(Time(12_000), &world, &mut log).unwrap()), [0]);
    assert_eq!(call.state(), State::Active, "nothing fails any more");
}

#[test]
fn a_participant_that_fails_is_taken_out_and_the_others_go_on() {
    // shows: IOE-105 (§4.9 R9)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let other = call.join(Time(1_000), &person(2), &world, &mut log).unwrap();
    let lost = Validation { until: Time(1_001), ..person(1).validation };
    call.revalidate(Time(1_001), seat, &lost, &world, &mut log).unwrap();
    assert_eq!(call.decide(Time(1_001), &request(seat, "speak"), &world, &mut log).verdict, Verdict::Lapsed);
    assert!(call.decide(Time(1_001), &request(other, "speak"), &world, &mut log).verdict.permits());
    assert_eq!(call.consents(), Set::EMPTY, "no consent is presumed after the validation has lapsed");
    let _ = call.leave(Time(1_002), seat, &mut log).unwrap();
    assert_eq!(call.consents(), all(&["recording"]));
}

#[test]
fn what_runs_while_the_interaction_is_suspended_waits_and_is_decided_again() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let captions = Invocation { function: the("captions"), role: Role::Core, ..transcription(seat, "verified") };
    let core = invoke(&mut call, 1_000, &captions, &world, &mut log);
    let other = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    call.fail(Time(1_001), core, &world, &mut log).unwrap();
    assert!(call.review(Time(1_002), &world, &mut log).unwrap().is_empty(), "a moment's failure ends nothing else");
    assert!(!call.holds(call.running(other).unwrap().lease(), Time(1_002), &world), "but nothing goes on meanwhile");
    assert_eq!(call.next_deadline(), Some(Time(11_001)));
    call.recover(Time(1_003), core, &mut log).unwrap();
    assert!(call.review(Time(1_004), &world, &mut log).unwrap().is_empty());
    assert!(call.holds(call.running(other).unwrap().lease(), Time(1_004), &world));
    // If consent was withdrawn meanwhile, the function does not go on.
    call.suspend(Time(1_005), &mut log).unwrap();
    call.consent(Time(1_006), seat, Set::EMPTY, &mut log).unwrap();
    call.resume(Time(1_007), &mut log).unwrap();
    assert_eq!(cancelled(call.review(Time(1_008), &world, &mut log).unwrap()), [0, 1]);
}

#[test]
fn a_function_acts_for_whom_it_runs_and_on_the_stream_on_which_it_runs() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let other = call.join(Time(1_000), &person(2), &world, &mut log).unwrap();
    let binding = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    let by = Request { binding: Some(binding), ..request(seat, "record") };
    let mut ask = |request: &Request| call.decide(Time(1_001), request, &world, &mut log).verdict;
    assert_eq!(ask(&Request { seat: other, ..by }), Verdict::Conflict);
    assert_eq!(ask(&Request { on: On::Stream(the("chat")), ..by }), Verdict::Conflict);
    assert_eq!(ask(&by), Verdict::Permit, "it has a stream, said or not");
    // So leaving the stream unsaid does not circumvent a keep on audio.
    assert_eq!(ask(&Request { goes: all(&["us"]), ..by }), Verdict::Residency);
}

#[test]
fn without_a_core_function_nothing_is_permitted_until_the_interaction_is_resumed() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let captions = Invocation { function: the("captions"), role: Role::Core, ..transcription(seat, "verified") };
    type Loss = fn(&mut Call, Binding, &World, &mut govern::Records);
    let losses: [Loss; 3] = [
        // Three losses: it does not recover in time; it ends while it has failed; it is denied.
        |call, core, world, log| {
            call.fail(Time(2_000), core, world, log).unwrap();
            assert_eq!(cancelled(call.review(Time(12_000), world, log).unwrap()), [core.0]);
        },
        |call, core, world, log| {
            call.fail(Time(12_000), core, world, log).unwrap();
            assert_eq!(cancelled(call.end(Time(12_000), core, log).unwrap()), [core.0]);
        },
        |call, core, world, log| {
            call.consent(Time(12_000), Seat(0), Set::EMPTY, log).unwrap();
            assert_eq!(cancelled(call.review(Time(12_000), world, log).unwrap()), [core.0]);
            call.consent(Time(12_000), Seat(0), all(&["recording"]), log).unwrap();
        },
    ];
    for (number, lose) in losses.into_iter().enumerate() {
        let now = if number == 0 { 1_000 } else { 12_000 };
        let core = invoke(&mut call, now, &captions, &world, &mut log);
        lose(&mut call, core, &world, &mut log);
        let speak =
            |call: &mut Call, log: &mut _| call.decide(Time(12_000), &request(seat, "speak"), &world, log).verdict;
        assert_eq!((call.state(), speak(&mut call, &mut log)), (State::Suspended, Verdict::NotActive), "loss {number}");
        call.resume(Time(12_000), &mut log).unwrap();
        assert_eq!(speak(&mut call, &mut log), Verdict::Permit);
    }
    // A core function that ends by itself does not suspend the interaction.
    let core = invoke(&mut call, 12_000, &captions, &world, &mut log);
    let _ = call.end(Time(12_000), core, &mut log).unwrap();
    assert_eq!(call.state(), State::Active);
}

#[test]
fn who_only_observes_holds_nothing_back_and_is_told_everything() {
    let (world, mut log) = (world(), log());
    let id = interaction_gov::identity::InteractionId::recorded([7; 16]);
    let mut call = Call::create(id, Time(0), interaction_gov::interaction::Mode::Observe, &world, &mut log).unwrap();
    let seat = call.join(Time(0), &person(1), &world, &mut log).unwrap();
    let (decision, binding) = call.invoke(Time(0), &transcription(seat, "stated"), &provenance, &world, &mut log);
    assert_eq!((decision.verdict, decision.may()), (Verdict::NotPermitted, true));
    let binding = binding.expect("it runs all the same");
    assert_eq!(call.next_deadline(), Some(Time(10_000)));
    assert!(call.review(Time(10_000), &world, &mut log).unwrap().is_empty());
    assert_eq!(call.next_deadline(), Some(Time(20_000)), "and is decided again as often as others");
    // From here on decisions bind.
    call.enforce(Time(10_001), &mut log).unwrap();
    assert_eq!(cancelled(call.review(Time(10_001), &world, &mut log).unwrap()), [binding.0]);
}

#[test]
fn a_place_that_no_vocabulary_has_is_none() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let [nowhere, fr] = [Region(200), the("fr")];
    for (sites, verdict, goes) in
        [(&[nowhere][..], Verdict::Residency, Region::UNKNOWN.0), (&[nowhere, fr], Verdict::Permit, fr.0)]
    {
        let elsewhere = Invocation { sites, ..recording(seat) };
        let (decision, _) = call.invoke(Time(1_003), &elsewhere, &provenance, &world, &mut log);
        assert_eq!(decision.verdict, verdict);
        assert_eq!(Record::read(log.waiting().last().unwrap()).unwrap().goes, Some(Set::one(Region(goes))));
    }
}

#[test]
fn one_review_is_enough() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let agent = Admission { kind: Kind::Agent, ..person(2) };
    let other = call.join(Time(1_000), &agent, &world, &mut log).unwrap();
    let mine = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    let theirs = invoke(&mut call, 1_000, &recording(other), &world, &mut log);
    let short = Validation { until: Time(2_000), ..person(2).validation };
    call.revalidate(Time(1_001), other, &short, &world, &mut log).unwrap();
    assert_eq!(cancelled(call.review(Time(2_000), &world, &mut log).unwrap()), [theirs.0]);
    assert!(call.holds(call.running(mine).unwrap().lease(), Time(2_000), &world));
    let records = log.waiting().len();
    assert!(call.review(Time(2_000), &world, &mut log).unwrap().is_empty());
    assert_eq!(log.waiting().len(), records, "there is nothing left to decide");
}

#[test]
fn a_number_is_never_used_again_for_another_holder() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let old = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    let _ = call.leave(Time(1_001), seat, &mut log).unwrap();
    let next = call.join(Time(1_002), &person(2), &world, &mut log).unwrap();
    let new = invoke(&mut call, 1_003, &recording(next), &world, &mut log);
    assert_ne!((seat, old), (next, new));
    let late = call.decide(Time(1_004), &request(seat, "speak"), &world, &mut log);
    assert_eq!(late.verdict, Verdict::NoParticipant);
    assert_eq!(call.fail(Time(1_004), old, &world, &mut log), Err(Refused(Verdict::NoFunction)));
    assert_eq!(call.end(Time(1_004), old, &mut log), Err(Refused(Verdict::NoFunction)));
    assert!(call.running(new).is_some());
}

#[test]
fn no_delegate_outlives_the_permit_of_what_has_delegated_it() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let parent = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    let child = invoke(&mut call, 5_000, &Invocation { parent: Some(parent), ..recording(seat) }, &world, &mut log);
    assert_eq!(call.running(child).unwrap().lease().until(), Time(11_000));
    assert!(call.review(Time(11_000), &world, &mut log).unwrap().is_empty());
    let until = [parent, child].map(|binding| call.running(binding).unwrap().lease().until());
    assert_eq!(until, [Time(21_000); 2]);
}

#[test]
fn a_computation_runs_at_the_first_place_at_which_it_is_permitted() {
    let (mut world, mut log) = (world(), log());
    // A law that is asked about everything that goes to France, and permits nothing.
    let law = govern::PRIVACY
        .replace("version 1", "version 2")
        .replace("over   record, transcribe, export", "over any in fr");
    let law = law.replace("permit record, transcribe", "permit transcribe");
    govern::take(&mut world, "privacy", 2, govern::PRIVACY, &law);
    let version = world.install(&govern::policy(&[govern::CORPORATE, &law])).unwrap();
    world.publish(Track::STABLE, version).unwrap();
    let (mut call, seat) = call(&world, &mut log);
    let [fr, de]: [Region; 2] = [the("fr"), the("de")];
    let anywhere = Invocation { sites: &[fr, de], ..recording(seat) };
    invoke(&mut call, 1_000, &anywhere, &world, &mut log);
    assert_eq!(Record::read(log.waiting().last().unwrap()).unwrap().site, Some(de.0));
}

#[test]
fn where_the_vocabulary_has_no_place_nothing_goes_also_if_nobody_keeps_anything() {
    let kept =
        |text: &str| text.lines().filter(|line| !line.starts_with("keep")).map(|line| format!("{line}\n")).collect();
    let (corporate, law): (String, _) =
        (kept(CORPORATE), "authority privacy\nversion 1\nover any in fr\ndeny record\n");
    let mut world: World = Rollout::new(govern::authorities(), [5; 32]);
    govern::take(&mut world, "corporate", 1, "", &corporate);
    govern::take(&mut world, "privacy", 1, "", law);
    let version = world.install(&govern::policy(&[&corporate, law])).unwrap();
    world.publish(Track::STABLE, version).unwrap();
    let mut log = log();
    let (mut call, seat) = call(&world, &mut log);
    for (site, verdict) in [
        (the("de"), Verdict::Permit),
        (the("fr"), Verdict::DeniedByRule),
        (Region(4), Verdict::Residency),
        (Region(31), Verdict::Residency),
        // The unknown region may be in France.
        (Region(200), Verdict::DeniedByRule),
    ] {
        let there = Invocation { sites: &[site], ..recording(seat) };
        let (decision, _) = call.invoke(Time(1_003), &there, &provenance, &world, &mut log);
        assert_eq!(decision.verdict, verdict, "{site:?}");
    }
}

#[test]
fn what_was_delegated_by_something_that_failed_waits_for_it() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let parent = invoke(&mut call, 1_000, &recording(seat), &world, &mut log);
    let child = invoke(&mut call, 1_000, &Invocation { parent: Some(parent), ..recording(seat) }, &world, &mut log);
    let grandchild = Invocation { parent: Some(child), ..recording(seat) };
    let grandchild = invoke(&mut call, 1_000, &grandchild, &world, &mut log);
    call.fail(Time(10_000), parent, &world, &mut log).unwrap();
    let records = log.waiting().len();
    assert!(call.review(Time(11_000), &world, &mut log).unwrap().is_empty());
    assert_eq!(call.next_deadline(), Some(Time(20_000)), "its own leases ended at 11,000, and are not renewed");
    assert_eq!(log.waiting().len(), records);
    assert!(!call.holds(call.running(child).unwrap().lease(), Time(11_000), &world));
    let acts = Request { binding: Some(grandchild), ..request(seat, "speak") };
    assert_eq!(call.decide(Time(11_000), &acts, &world, &mut log).verdict, Verdict::NoLease);
    call.recover(Time(12_000), parent, &mut log).unwrap();
    assert!(call.review(Time(12_000), &world, &mut log).unwrap().is_empty());
    for binding in [parent, child, grandchild] {
        assert_eq!(call.running(binding).unwrap().lease().until(), Time(22_000));
    }
    assert_eq!(call.decide(Time(12_000), &acts, &world, &mut log).verdict, Verdict::Permit);
    call.fail(Time(13_000), parent, &world, &mut log).unwrap();
    assert_eq!(cancelled(call.review(Time(23_000), &world, &mut log).unwrap()), [parent.0, child.0, grandchild.0]);
}

#[test]
fn who_only_observes_takes_the_place_that_would_be_permitted_and_holds_nothing_back() {
    let (world, mut log) = (world(), log());
    let mut call = Call::create(InteractionId::recorded([7; 16]), Time(0), Mode::Observe, &world, &mut log).unwrap();
    let seat = call.join(Time(0), &person(1), &world, &mut log).unwrap();
    let sites = [the("us"), the("fr")];
    let (decision, parent) =
        call.invoke(Time(3), &Invocation { sites: &sites, ..recording(seat) }, &provenance, &world, &mut log);
    assert_eq!(decision.verdict, Verdict::Permit);
    assert_eq!(Record::read(log.waiting().last().unwrap()).unwrap().site, Some(sites[1].0));
    // A participant joins, and the parent's permit does not hold any more.
    call.join(Time(4), &person(2), &world, &mut log).unwrap();
    let child = Invocation { parent, ..recording(seat) };
    let (decision, binding) = call.invoke(Time(5), &child, &provenance, &world, &mut log);
    assert!(decision.may() && binding.is_some(), "{decision:?}");
}

#[test]
fn an_act_that_resumes_while_a_core_function_fails_is_recorded_and_the_interaction_stays_suspended() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let captions = Invocation { function: the("captions"), role: Role::Core, ..transcription(seat, "verified") };
    let core = invoke(&mut call, 1_000, &captions, &world, &mut log);
    call.suspend(Time(1_100), &mut log).unwrap();
    call.fail(Time(1_200), core, &world, &mut log).unwrap();
    call.resume(Time(1_300), &mut log).unwrap();
    assert_eq!(call.state(), State::Suspended, "its core function still fails");
    let last = log.waiting().last().and_then(Record::read).unwrap();
    let resumed = Some(interaction_gov::lifecycle::Event::Resume as u8);
    assert_eq!((last.kind, last.time, last.action), (RecordKind::Moved, Time(1_300), resumed));
    call.recover(Time(1_400), core, &mut log).unwrap();
    assert_eq!(call.state(), State::Active, "the act counts once it recovers");
}
