//! The last moment, the last place and the last number: what still goes there, and what does not any more.

mod govern;

use govern::{CORPORATE, Call, PRIVACY, Records, World, another, call, log, names, offer, person, policy};
use govern::{provenance, recording, request, sign, the, verifies, world};
use interaction_gov::audit::{Change, Log, RECORD, Record, RecordKind, Verdict};
use interaction_gov::authority::{Authorities, AuthorityError, Delegation};
use interaction_gov::function::Invocation;
use interaction_gov::interaction::Refused;
use interaction_gov::participant::Seat;
use interaction_gov::policy::{Provenance, Scope};
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Set};

fn full() -> Records {
    Log::new(Vec::new())
}

/// A log with room for so many records, none of which is kept for what tightens.
fn room_for(records: usize) -> Records {
    Log::keeping(vec![[0; RECORD]; records], 0)
}

fn snapshot(call: &Call) -> Vec<u8> {
    let mut bytes = vec![0; call.snapshot(&mut []).unwrap_err()];
    call.snapshot(&mut bytes).unwrap();
    bytes
}

/// A call at 1,001 ms with one participant, that has left one step unrecorded, has spared one refusal, or both.
fn pending(world: &World, unrecorded: bool, spared: bool) -> Call {
    let (mut call, seat) = call(world, &mut log());
    if spared {
        for _ in 0..9 {
            let _ = call.decide(Time(1_001), &request(STRANGER, "speak"), world, &mut log());
        }
    }
    if unrecorded {
        call.consent(Time(1_001), seat, Set::EMPTY, &mut full()).unwrap();
    }
    assert_eq!(call.unrecorded(), u32::from(unrecorded));
    call
}

/// A seat that nobody has.
const STRANGER: Seat = Seat(77);

const PENDING: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];

#[test]
fn what_tightens_is_recorded_as_soon_as_there_is_room_for_it_and_for_what_is_owed() {
    let world = world();
    for (unrecorded, spared) in PENDING {
        let needs = 1 + usize::from(unrecorded) + usize::from(spared);
        for room in 0..5 {
            let (mut call, mut log) = (pending(&world, unrecorded, spared), room_for(room));
            call.suspend(Time(1_002), &mut log).unwrap();
            let (written, left) = if room < needs { (0, 1 + u32::from(unrecorded)) } else { (needs, 0) };
            assert_eq!((log.waiting().len(), call.unrecorded()), (written, left), "{room} of {needs}");
        }
    }
}

#[test]
fn a_decision_leaves_room_for_one_more_record() {
    let world = world();
    for (unrecorded, spared) in PENDING {
        let needs = 2 + usize::from(unrecorded) + usize::from(spared);
        for room in 0..6 {
            let (mut call, mut log) = (pending(&world, unrecorded, spared), room_for(room));
            let verdict = call.decide(Time(1_002), &request(Seat(0), "speak"), &world, &mut log).verdict;
            let expected = if room < needs { Verdict::AuditFull } else { Verdict::Permit };
            assert_eq!(verdict, expected, "{room} of {needs}");
            assert_eq!(log.waiting().len(), if room < needs { 0 } else { needs - 1 });
        }
    }
}

#[test]
fn what_is_owed_is_settled_in_three_records_or_not_at_all() {
    let world = world();
    for (unrecorded, spared) in PENDING {
        for room in 0..4 {
            let (mut call, mut log) = (pending(&world, unrecorded, spared), room_for(room));
            let expected = match (unrecorded || spared, room) {
                (false, _) => (Ok(()), 0),
                (true, 0..3) => (Err(Refused(Verdict::AuditFull)), 0),
                (true, _) => (Ok(()), usize::from(unrecorded) + usize::from(spared)),
            };
            assert_eq!((call.settle(&mut log), log.waiting().len()), expected, "room for {room}");
        }
    }
}

#[test]
fn a_review_renews_where_two_records_for_each_and_four_more_have_room() {
    let world = world();
    let (mut before, seat) = call(&world, &mut log());
    before.join(Time(1_000), &person(2), &world, &mut log()).unwrap();
    assert!(before.invoke(Time(1_000), &recording(seat), &provenance, &world, &mut log()).1.is_some());
    // Two participants and one function: 2 · 3 + 4, and one more that is always left.
    for (room, expected) in [(10, Err(Refused(Verdict::AuditFull))), (11, Ok(0))] {
        let mut call = Call::restore(&snapshot(&before)).unwrap();
        let reviewed = call.review(Time(1_001), &world, &mut room_for(room));
        assert_eq!(reviewed.map(|cancelled| cancelled.len()), expected, "room for {room}");
    }
}

#[test]
fn a_clock_may_leap_by_400_days_and_no_further() {
    const LEAP: u64 = 400 * 86_400_000;
    let world = world();
    for (ahead, verdict, then) in [(LEAP, Verdict::Lapsed, 1_000 + LEAP), (LEAP + 1, Verdict::ClockAhead, 1_000)] {
        let (mut one, seat) = call(&world, &mut log());
        let decision = one.decide(Time(1_000 + ahead), &request(seat, "speak"), &world, &mut log());
        assert_eq!((decision.verdict, one.time()), (verdict, Time(then)));
        // A step that tightens is taken at any time, and believes the clock as far.
        let (mut one, _) = call(&world, &mut log());
        one.suspend(Time(1_000 + ahead), &mut log()).unwrap();
        assert_eq!(one.time(), Time(then));
    }
}

#[test]
fn refusals_are_recorded_one_by_one_again_after_ten_seconds() {
    let world = world();
    for (now, recorded) in [(10_999, 0), (11_000, 2)] {
        let mut call = pending(&world, false, true);
        let mut log = log();
        let _ = call.decide(Time(now), &request(STRANGER, "speak"), &world, &mut log);
        assert_eq!(log.waiting().len(), recorded, "at {now}, with the count of those that were spared");
    }
}

#[test]
fn seats_bindings_and_records_have_a_last_number() {
    // The chain's next number, and the next seat and binding, in a snapshot.
    const NEXT: std::ops::Range<usize> = 17..21;
    const NUMBERS: std::ops::Range<usize> = 113..117;
    let world = world();
    let (before, seat) = call(&world, &mut log());
    let bytes = snapshot(&before);
    let with = |place: std::ops::Range<usize>, number: u32| {
        let mut bytes = bytes.clone();
        bytes[place].copy_from_slice(&number.to_be_bytes());
        Call::restore(&bytes).unwrap()
    };
    assert_eq!(bytes[NUMBERS], [0, 1, 0, 0]);
    let mut call = with(NUMBERS, 0xFFFE_FFFE);
    let last = call.join(Time(1_001), &person(2), &world, &mut log()).unwrap();
    assert_eq!(last.0, 0xFFFE);
    assert_eq!(call.join(Time(1_001), &person(3), &world, &mut log()), Err(Refused(Verdict::NoRoom)));
    let invoke = |call: &mut Call| {
        let (decision, binding) = call.invoke(Time(1_001), &recording(seat), &provenance, &world, &mut log());
        (decision.verdict, binding.map(|binding| binding.0))
    };
    assert_eq!(invoke(&mut call), (Verdict::Permit, Some(0xFFFE)));
    assert_eq!(invoke(&mut call), (Verdict::NoRoom, None));
    for (next, verdict) in [(u32::MAX - 3, Verdict::Permit), (u32::MAX - 2, Verdict::AuditFull)] {
        let mut call = with(NEXT, next);
        assert_eq!(call.decide(Time(1_001), &request(seat, "speak"), &world, &mut log()).verdict, verdict);
    }
    // What tightens takes the last but one, and takes effect without a record after that.
    for (next, unrecorded) in [(u32::MAX - 2, 0), (u32::MAX - 1, 1)] {
        let mut call = with(NEXT, next);
        call.suspend(Time(1_001), &mut log()).unwrap();
        assert_eq!(call.unrecorded(), unrecorded, "{next}");
    }
}

#[test]
fn a_function_that_begins_ends_no_permit_of_the_others() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let first = call.invoke(Time(1_001), &recording(seat), &provenance, &world, &mut log).1.unwrap();
    let second = call.invoke(Time(1_002), &recording(seat), &provenance, &world, &mut log).1.unwrap();
    for binding in [first, second] {
        assert!(call.holds(call.running(binding).unwrap().lease(), Time(1_003), &world), "{binding}");
    }
    // A permit that has ended does not begin again with the next function.
    call.consent(Time(1_003), seat, govern::all(&["recording"]), &mut log).unwrap();
    let third = call.invoke(Time(1_004), &recording(seat), &provenance, &world, &mut log).1.unwrap();
    let holds =
        [first, second, third].map(|binding| call.holds(call.running(binding).unwrap().lease(), Time(1_005), &world));
    assert_eq!(holds, [false, false, true]);
}

#[test]
fn a_proof_that_finds_the_same_needs_no_room_and_a_better_one_does() {
    let world = world();
    for (began, found, expected) in [
        ("stated", "verified", Err(Refused(Verdict::AuditFull))),
        ("stated", "stated", Ok(Provenance::Stated)),
        ("verified", "stated", Ok(Provenance::Stated)),
    ] {
        let (mut call, seat) = call(&world, &mut log());
        let begins = Invocation { component: govern::component(began), ..recording(seat) };
        let binding = call.invoke(Time(1_001), &begins, &provenance, &world, &mut log()).1.unwrap();
        let proven = call.reprove(Time(1_002), binding, &govern::component(found), &provenance, &mut full());
        assert_eq!(proven, expected, "{began}, then {found}");
    }
}

#[test]
fn the_same_consents_once_more_are_recorded_and_a_refused_addition_still_takes_away() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let recorded = |log: &Records| log.waiting().len();
    let (same, more, other) =
        (govern::all(&["recording"]), govern::all(&["recording", "analysis"]), govern::all(&["analysis"]));
    call.consent(Time(1_001), seat, same, &mut log).unwrap();
    let last = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!((last.kind, last.consents.own), (RecordKind::Consented, same));
    // An addition that cannot be recorded is refused, and nothing has changed.
    let mut tight = Log::keeping(vec![[0; RECORD]; 3], 3);
    let lease = call.decide(Time(1_002), &request(seat, "speak"), &world, &mut log).lease.unwrap();
    assert_eq!(call.consent(Time(1_002), seat, more, &mut tight), Err(Refused(Verdict::AuditFull)));
    assert_eq!((recorded(&tight), call.consents()), (0, same));
    assert!(call.holds(&lease, Time(1_002), &world));
    // What it takes away is taken away all the same.
    assert_eq!(call.consent(Time(1_003), seat, other, &mut tight), Err(Refused(Verdict::AuditFull)));
    assert_eq!((recorded(&tight), call.consents()), (1, Set::EMPTY));
    assert!(!call.holds(&lease, Time(1_003), &world));
}

#[test]
fn a_delegation_that_is_over_closes_no_circle_and_takes_no_place() {
    let mut world = world();
    let (privacy, corporate): (Authority, Authority) = (the("privacy"), the("corporate"));
    let mut delegate = |from: Authority, to: Authority, until: u64, now: u64| {
        let vocabulary = *names().digest();
        let delegation =
            Delegation { from, to, scope: Scope::ALL, until: Time(until), serial: 1, vocabulary, redelegate: true };
        let signature = sign(if from == privacy { 2 } else { 1 }, &delegation.signed());
        world.authorities.delegate(delegation, &signature, &verifies, Time(now))
    };
    assert_eq!(delegate(privacy, corporate, 5_000, 0), Ok(()));
    assert_eq!(delegate(corporate, privacy, 9_000, 4_999), Err(AuthorityError::Loop));
    assert_eq!(delegate(corporate, privacy, 9_000, 5_000), Ok(()));
    assert_eq!(world.authorities.delegations().len(), 1, "the one that is over is not there any more");
}

/// A text of so many rules, none of which covers another.
fn rules(number: usize) -> String {
    let mut text = String::from("authority corporate\nversion 1\n");
    let kinds = ["human", "device", "service", "agent"];
    let all = ["join", "speak", "record", "transcribe", "export"]
        .into_iter()
        .flat_map(|action| kinds.map(|kind| (action, kind)))
        .flat_map(|(action, kind)| ["de", "fr", "us", "ca"].map(|region| (action, kind, region)));
    for (action, kind, region) in all.take(number) {
        text += &format!("permit {action} for {kind} in {region}\n");
    }
    text
}

#[test]
fn one_authority_may_fill_all_words_and_two_have_the_half_each() {
    let taken = |others: bool, number: usize| {
        let mut authorities = Authorities::new();
        authorities.introduce(the("corporate"), *govern::key(1).pk).unwrap();
        if others {
            authorities.introduce(the("privacy"), *govern::key(2).pk).unwrap();
        }
        let mut world = World::new(authorities, [5; 32]);
        offer(&mut world, "corporate", 1, "", &rules(number))
    };
    assert_eq!((taken(false, 64), taken(false, 65)), (Ok(()), Ok(())), "two words of 64 rules");
    assert_eq!((taken(true, 64), taken(true, 65)), (Ok(()), Err(AuthorityError::Share)));
}

/// The changes of the control plane that a trail tells.
fn told(log: &Records) -> Vec<(Change, Option<u32>, u32)> {
    let changed = log.waiting().iter().filter_map(Record::read).filter(|record| record.kind == RecordKind::Changed);
    changed.map(|record| (Change::from_code(record.action.unwrap()).unwrap(), record.policy, record.count)).collect()
}

#[test]
fn a_canary_moves_when_its_version_changes_or_it_comes_back_and_its_end_ends_nothing_that_is_stable() {
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let [second, third] = [another(&mut world), another(&mut world)];
    let track = world.start_canary(second, 0).unwrap();
    world.publish(track, second).unwrap();
    world.publish(track, third).unwrap();
    world.publish(track, third).unwrap();
    let _ = call.decide(Time(1_001), &request(seat, "speak"), &world, &mut log);
    let on = |change, version, track| (change, Some(version), track);
    assert_eq!(told(&log), [on(Change::CanaryStarted, second, 1), on(Change::Published, third, 1)]);
    // The version that governs all is not taken back with the canary, and its emergency goes on.
    log.taken();
    world.publish(Track::STABLE, third).unwrap();
    world.emergency(third).unwrap();
    world.roll_back_canary().unwrap();
    world.publish(track, third).unwrap();
    let _ = call.decide(Time(1_002), &request(seat, "speak"), &world, &mut log);
    assert_eq!(
        told(&log),
        [
            on(Change::Published, third, 0),
            on(Change::Emergency, third, 0),
            on(Change::CanaryRolledBack, third, 1),
            on(Change::Published, third, 1),
        ]
    );
}

#[test]
fn a_rollback_leaves_an_emergency_and_a_canary_of_another_version_alone() {
    let (mut world, mut log) = (world(), log());
    let strict = CORPORATE.replace("version 1", "version 2").replace("join, speak", "join");
    govern::take(&mut world, "corporate", 2, CORPORATE, &strict);
    let [bad, other] = [(); 2].map(|()| world.install(&policy(&[&strict, PRIVACY])).unwrap());
    world.publish(Track::STABLE, bad).unwrap();
    let canary = world.start_canary(other, 100).unwrap();
    let (mut call, seat) = call(&world, &mut log);
    world.emergency(other).unwrap();
    world.roll_back(the("corporate"), 0).unwrap();
    let governs = |world: &World| world.version_of(canary).map(|version| version.number);
    assert_eq!(governs(&world), Some(other));
    world.lift_emergency();
    assert_eq!(governs(&world), Some(other), "the canary goes on");
    assert_eq!(world.version_of(Track::STABLE).map(|version| version.number), Some(0));
    let _ = call.decide(Time(1_001), &request(seat, "speak"), &world, &mut log);
    let changes: Vec<Change> = told(&log).into_iter().map(|(change, ..)| change).collect();
    assert_eq!(changes, [Change::Emergency, Change::RolledBack, Change::EmergencyLifted]);
}
