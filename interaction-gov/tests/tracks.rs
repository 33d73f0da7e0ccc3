//! Versions and their tracks: canaries, promotion and rollback (`IoE R5`).

mod govern;

use govern::{CORPORATE, Call, PRIVACY, World, another, call, log, offer, policy, request, take, the, world};
use interaction_gov::audit::{Change, Record, RecordKind, Verdict};
use interaction_gov::authority::{Authorities, AuthorityError};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Mode, Refused};
use interaction_gov::policy::Policy;
use interaction_gov::rollout::{RolloutError, Track};
use interaction_gov::snapshot::SnapshotError;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Authority;

fn interactions(world: &World, many: u32) -> Vec<Interaction<1, 1>> {
    let mut log = govern::log();
    let create = |number: u32| {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        log.taken();
        Interaction::create(InteractionId::recorded(id), Time(0), Mode::Enforce, world, &mut log).unwrap()
    };
    (0..many).map(create).collect()
}

fn on(version: u32, world: &World, interactions: &[Interaction<1, 1>]) -> usize {
    interactions.iter().filter(|one| one.version(world).unwrap().number == version).count()
}

#[test]
fn a_canary_covers_its_share_of_new_interactions_and_of_no_others() {
    // shows: IOE-079 (§4.5 R5), IOE-081 (§4.5 R5)
    let mut world = world();
    let before = interactions(&world, 1_000);
    let version = another(&mut world);
    assert_eq!(world.promote_canary(), Err(RolloutError::Unknown));
    let canary = world.start_canary(version, 10).unwrap();
    assert_eq!(world.start_canary(version, 10), Err(RolloutError::Busy));
    let after = interactions(&world, 10_000);
    assert_eq!(on(1, &world, &before), 0, "exactly none");
    let chosen = on(1, &world, &after);
    assert!((900..1_100).contains(&chosen), "{chosen} of 10,000");
    assert_eq!(on(1, &world, &interactions(&world, 10_000)), chosen, "the same ones go the same way");
    world.promote_canary().unwrap();
    assert_eq!((on(1, &world, &before), on(1, &world, &after)), (1_000, 10_000));
    // The next canary is for interactions that begin after it was started.
    let third = another(&mut world);
    assert_eq!(world.start_canary(third, 101), Err(RolloutError::Percent));
    let next = world.start_canary(third, 100).unwrap();
    let newest = interactions(&world, 100);
    assert_eq!((on(2, &world, &after), on(2, &world, &newest)), (0, 100));
    // After the rollback its interactions follow the current stable version, not that of their beginning; and the
    // canary's version cannot be used again.
    let fourth = another(&mut world);
    world.publish(Track::STABLE, fourth).unwrap();
    world.roll_back_canary().unwrap();
    assert_eq!(on(3, &world, &newest), 100);
    assert_eq!(world.roll_back_canary(), Err(RolloutError::Withdrawn), "there is no toggling");
    assert_eq!(world.promote_canary(), Err(RolloutError::Withdrawn));
    assert_eq!(world.publish(next, third), Err(RolloutError::Withdrawn));
    world.end_canary().unwrap();
    assert_eq!(world.start_canary(third, 5), Err(RolloutError::Withdrawn));
    assert_eq!((on(2, &world, &after), world.end_canary()), (0, Err(RolloutError::Unknown)));
    // The track of a canary that is over cannot be moved.
    assert_eq!(world.publish(canary, fourth), Err(RolloutError::Unknown));
    assert_eq!(world.roll_back_canary(), Err(RolloutError::Unknown));
}

#[test]
fn the_choice_is_the_profiles() {
    // First 4 bytes of HMAC-SHA256(key, identity) mod 10,000 < N · 100, by another implementation.
    let mut world = world();
    let version = another(&mut world);
    let places = [([0; 16], 3_829), ([7; 16], 8_140), ([128; 16], 400)];
    for (id, place) in places {
        let percent = u8::try_from(place / 100).unwrap();
        for (percent, chosen) in [(percent, false), (percent + 1, true)] {
            let track = world.start_canary(version, percent).unwrap();
            assert_eq!(world.track_for(&InteractionId::recorded(id)) == track, chosen, "{place} at {percent} %");
            world.end_canary().unwrap();
        }
    }
}

#[test]
fn going_back_is_one_step_for_all_that_are_under_way() {
    // shows: IOE-017 (§2.2), IOE-080 (§4.5 R5)
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let corporate: Authority = the("corporate");
    assert_eq!(world.roll_back(corporate, 0), Err(RolloutError::NothingBefore), "it governs");
    assert_eq!(world.roll_back(corporate, 7), Err(RolloutError::Unknown));
    let strict = CORPORATE.replace("version 1", "version 2").replace("join, speak", "join");
    take(&mut world, "corporate", 2, CORPORATE, &strict);
    let version = world.install(&policy(&[&strict, PRIVACY])).unwrap();
    let ask = |call: &mut Call, world: &World, log: &mut _, time| {
        let decision = call.decide(Time(time), &request(seat, "speak"), world, log);
        (decision.verdict, decision.version)
    };
    assert_eq!(ask(&mut call, &world, &mut log, 2_000), (Verdict::Permit, Some(0)));
    world.publish(Track::STABLE, version).unwrap();
    assert_eq!(ask(&mut call, &world, &mut log, 2_000), (Verdict::NotPermitted, Some(1)));
    assert_eq!(world.roll_back(the("privacy"), 0), Err(RolloutError::OfAnother(corporate)), "corporate's word");
    world.roll_back(corporate, 0).unwrap();
    assert_eq!(ask(&mut call, &world, &mut log, 2_000), (Verdict::Permit, Some(0)));
    // Only once: the bad version cannot be used again.
    assert_eq!(world.roll_back(corporate, version), Err(RolloutError::Withdrawn));
    assert_eq!(world.publish(Track::STABLE, version), Err(RolloutError::Withdrawn));
    assert_eq!(ask(&mut call, &world, &mut log, 2_000), (Verdict::Permit, Some(0)));
}

#[test]
fn versions_in_use_are_kept_and_there_are_only_so_many() {
    let mut world = world();
    for _ in 1..4 {
        another(&mut world);
    }
    assert_eq!(world.install(&policy(&[CORPORATE])), Err(RolloutError::LeftOut(the("privacy"))));
    assert_eq!(world.install(&policy(&[CORPORATE, PRIVACY])), Err(RolloutError::Full));
    assert_eq!(world.discard(0), Err(RolloutError::InUse));
    world.publish(Track::STABLE, 1).unwrap();
    world.discard(0).unwrap();
    assert_eq!(world.discard(0), Err(RolloutError::Unknown));
    assert_eq!(world.publish(Track::STABLE, 0), Err(RolloutError::Unknown));
    assert_eq!(world.publish(Track::STABLE, 200), Err(RolloutError::Unknown));
    assert_eq!(another(&mut world), 4, "no number is used twice, so what is gone names nothing else");
    assert_eq!(world.publish(Track::STABLE, 0), Err(RolloutError::Unknown));
}

#[test]
fn a_rollback_takes_back_one_authoritys_text_and_no_others() {
    let mut world = world();
    let loose = CORPORATE.replace("version 1", "version 2").replace("deny   export below posture hardened\n", "");
    offer(&mut world, "corporate", 2, CORPORATE, &loose).unwrap();
    let bad = world.install(&policy(&[&loose, PRIVACY])).unwrap();
    let tight = PRIVACY.replace("version 1", "version 2").replace("permit record, ", "permit ");
    offer(&mut world, "privacy", 2, PRIVACY, &tight).unwrap();
    let both = world.install(&policy(&[&loose, &tight])).unwrap();
    world.publish(Track::STABLE, bad).unwrap();
    world.publish(Track::STABLE, both).unwrap();
    // Going back to the version before corporate's change would undo what privacy has tightened since.
    assert_eq!(world.roll_back(the("corporate"), 0), Err(RolloutError::OfAnother(the("privacy"))));
    world.authorities.withdraw(the("corporate")).unwrap();
    let mended = world.install(&policy(&[CORPORATE, &tight])).unwrap();
    world.publish(Track::STABLE, mended).unwrap();
    let version = world.version_of(Track::STABLE).unwrap();
    assert_eq!(version.policy.members().iter().map(|member| member.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(world.authorities.withdraw(Authority(5)), Err(AuthorityError::Unknown));
}

#[test]
fn a_track_goes_on_and_only_a_rollback_leads_back() {
    // A canary with a text of corporate; meanwhile privacy denies something for all.
    let mut world = world();
    let wants = CORPORATE.replace("version 1", "version 2");
    offer(&mut world, "corporate", 2, CORPORATE, &wants).unwrap();
    let canary = world.install(&policy(&[&wants, PRIVACY])).unwrap();
    let track = world.start_canary(canary, 10).unwrap();
    let stop = PRIVACY.replace("version 1", "version 2").replace("permit record, ", "permit ");
    offer(&mut world, "privacy", 2, PRIVACY, &stop).unwrap();
    let denies = world.install(&policy(&[&wants, &stop])).unwrap();
    world.publish(Track::STABLE, denies).unwrap();
    // No older version can undo that: neither for all, nor for new interactions, nor in an emergency.
    assert_eq!(world.promote_canary(), Err(RolloutError::Older));
    assert_eq!(world.publish(Track::STABLE, 0), Err(RolloutError::Older));
    assert_eq!(world.emergency(canary), Err(RolloutError::Older));
    world.publish(track, denies).unwrap();
    assert_eq!(world.publish(track, canary), Err(RolloutError::Older));
    world.end_canary().unwrap();
    assert_eq!(world.start_canary(canary, 10), Err(RolloutError::Older));
    assert_eq!(world.version_of(Track::STABLE).unwrap().number, denies);
    // Only privacy itself may go back.
    assert_eq!(world.roll_back(the("corporate"), canary), Err(RolloutError::OfAnother(the("privacy"))));
    world.roll_back(the("privacy"), canary).unwrap();
    assert_eq!(world.publish(Track::STABLE, denies), Err(RolloutError::Withdrawn));
}

/// Privacy's text of this version, which differs from that of every other version.
fn private(version: u32) -> String {
    PRIVACY.replace("version 1", &format!("version {version}"))
}

/// Whether a policy with these texts can be installed beside corporate's.
fn installs(world: &mut World, texts: &[&str]) -> Result<(), RolloutError> {
    let all: Vec<&str> = [CORPORATE].into_iter().chain(texts.iter().copied()).collect();
    let number = world.install(&policy(&all))?;
    world.discard(number)
}

#[test]
fn a_text_that_was_taken_back_never_counts_again() {
    let mut world = world();
    let privacy: Authority = the("privacy");
    let texts: Vec<String> = (1..=6).map(private).collect();
    let [good, bad, third, fourth, fifth, sixth] = [0, 1, 2, 3, 4, 5].map(|at| texts[at].as_str());
    let counts = |world: &mut World, text: &str| {
        for other in &texts {
            let expected = if other == text { Ok(()) } else { Err(RolloutError::NotSigned(privacy)) };
            assert_eq!(installs(world, &[other]), expected, "{other}");
        }
    };
    take(&mut world, "privacy", 2, good, bad);
    world.authorities.withdraw(privacy).unwrap();
    counts(&mut world, good);
    take(&mut world, "privacy", 3, bad, third);
    counts(&mut world, third);
    for _ in 0..2 {
        world.authorities.withdraw(privacy).unwrap();
        counts(&mut world, good);
    }
    // A text that was not taken back is the one to go back to.
    take(&mut world, "privacy", 4, third, fourth);
    take(&mut world, "privacy", 5, fourth, fifth);
    world.authorities.withdraw(privacy).unwrap();
    counts(&mut world, fourth);
    take(&mut world, "privacy", 6, fifth, sixth);
    world.authorities.withdraw(privacy).unwrap();
    counts(&mut world, fourth);
}

#[test]
fn a_version_with_a_text_that_was_taken_back_begins_to_govern_nowhere() {
    let (mut world, privacy) = (world(), the("privacy"));
    let install = |world: &mut World, corporate: &str, privacy: &str| world.install(&policy(&[corporate, privacy]));
    take(&mut world, "privacy", 2, PRIVACY, &private(2));
    let bad = install(&mut world, CORPORATE, &private(2)).unwrap();
    let track = world.start_canary(bad, 0).unwrap();
    world.authorities.withdraw(privacy).unwrap();
    let refused = Err(RolloutError::TakenBack(privacy));
    let everywhere = |world: &mut World| {
        assert_eq!(world.publish(Track::STABLE, bad), refused);
        assert_eq!(world.emergency(bad), refused);
        let mut log = log();
        let (mut call, _) = call(world, &mut log);
        assert_eq!(call.pin(Time(2_000), Some(bad), world, &mut log), Err(Refused(Verdict::NoPolicy)));
    };
    everywhere(&mut world);
    assert_eq!(world.promote_canary(), refused);
    assert_eq!(world.publish(track, bad), Ok(()), "it governs there already");
    world.end_canary().unwrap();
    assert_eq!(world.start_canary(bad, 10), Err(RolloutError::TakenBack(privacy)));
    // Not after the next update either, nor as what another one goes back to.
    take(&mut world, "privacy", 3, &private(2), &private(3));
    everywhere(&mut world);
    let third = install(&mut world, CORPORATE, &private(3)).unwrap();
    world.publish(Track::STABLE, third).unwrap();
    assert_eq!(world.roll_back(privacy, bad), refused);
    assert_eq!(world.roll_back(privacy, 0), Ok(()));
}

#[test]
fn a_version_with_a_text_that_was_taken_back_goes_on_where_it_governs_and_there_alone() {
    let (mut world, privacy) = (world(), the("privacy"));
    take(&mut world, "privacy", 2, PRIVACY, &private(2));
    let bad = world.install(&policy(&[CORPORATE, &private(2)])).unwrap();
    world.publish(Track::STABLE, bad).unwrap();
    let (mut log, mut others) = (log(), govern::log());
    let (mut call, _) = call(&world, &mut log);
    let mut pinned = Call::create(InteractionId::recorded([8; 16]), Time(1_000), Mode::Enforce, &world, &mut others);
    let pinned = pinned.as_mut().unwrap();
    pinned.pin(Time(1_000), Some(bad), &world, &mut others).unwrap();
    world.authorities.withdraw(privacy).unwrap();
    assert_eq!(world.publish(Track::STABLE, bad), Ok(()), "it governs there already");
    assert_eq!(pinned.pin(Time(2_000), Some(bad), &world, &mut others), Ok(()), "and here");
    assert_eq!(world.emergency(bad), Err(RolloutError::TakenBack(privacy)));
    assert_eq!(world.start_canary(bad, 10), Err(RolloutError::TakenBack(privacy)));
    assert_eq!(call.pin(Time(2_000), Some(bad), &world, &mut log), Err(Refused(Verdict::NoPolicy)));
}

#[test]
fn an_authority_goes_back_beside_a_text_of_another_that_was_taken_back() {
    let (mut world, corporate) = (world(), the("corporate"));
    take(&mut world, "privacy", 2, PRIVACY, &private(2));
    let first = world.install(&policy(&[CORPORATE, &private(2)])).unwrap();
    world.publish(Track::STABLE, first).unwrap();
    let loose = CORPORATE.replace("version 1", "version 2");
    take(&mut world, "corporate", 2, CORPORATE, &loose);
    let second = world.install(&policy(&[&loose, &private(2)])).unwrap();
    world.publish(Track::STABLE, second).unwrap();
    world.authorities.withdraw(the("privacy")).unwrap();
    assert_eq!(world.roll_back(corporate, first), Ok(()), "it governs already, so nothing begins to count");
}

#[test]
fn whether_an_authority_has_left_is_decided_by_the_text_that_counts() {
    let privacy: Authority = the("privacy");
    let without = |world: &mut World| installs(world, &[]);
    // It has left, and that is taken back: its rules are in every policy again.
    let mut there = world();
    take(&mut there, "privacy", 2, PRIVACY, "");
    assert_eq!(without(&mut there), Ok(()));
    there.authorities.withdraw(privacy).unwrap();
    assert_eq!(without(&mut there), Err(RolloutError::LeftOut(privacy)));
    assert_eq!(installs(&mut there, &[PRIVACY]), Ok(()));
    // It has left and returned, and the return is taken back: the others go on without it.
    let (mut away, again) = (world(), private(3));
    take(&mut away, "privacy", 2, PRIVACY, "");
    take(&mut away, "privacy", 3, "", &again);
    assert_eq!(without(&mut away), Err(RolloutError::LeftOut(privacy)));
    away.authorities.withdraw(privacy).unwrap();
    assert_eq!(without(&mut away), Ok(()));
    assert_eq!(installs(&mut away, &[&again]), Err(RolloutError::NotSigned(privacy)));
    // It leaves after a text that was taken back, and that is taken back, too.
    let mut twice = world();
    take(&mut twice, "privacy", 2, PRIVACY, &private(2));
    twice.authorities.withdraw(privacy).unwrap();
    take(&mut twice, "privacy", 3, &private(2), "");
    twice.authorities.withdraw(privacy).unwrap();
    assert_eq!(without(&mut twice), Err(RolloutError::LeftOut(privacy)));
    assert_eq!(installs(&mut twice, &[PRIVACY]), Ok(()));
}

/// A world in which version 1 governs, which denies to speak, after version 0, which permits it.
fn strict() -> (World, String) {
    let mut world = world();
    let strict = CORPORATE.replace("version 1", "version 2").replace("join, speak", "join");
    take(&mut world, "corporate", 2, CORPORATE, &strict);
    assert_eq!(world.install(&policy(&[&strict, PRIVACY])), Ok(1));
    (world, strict)
}

#[test]
fn what_was_rolled_back_governs_by_no_canary_no_emergency_and_no_pin() {
    // shows: IOE-080 (§4.5 R5)
    for (with_canary, with_emergency) in [(false, false), (true, false), (false, true), (true, true)] {
        let (mut world, _) = strict();
        let canary = with_canary.then(|| world.start_canary(1, 100).unwrap());
        let (mut log, mut others) = (log(), govern::log());
        let (mut call, seat) = call(&world, &mut log);
        let speak = request(seat, "speak");
        let mut pinned =
            Call::create(InteractionId::recorded([8; 16]), Time(1_000), Mode::Enforce, &world, &mut others);
        let pinned = pinned.as_mut().unwrap();
        pinned.pin(Time(1_000), Some(1), &world, &mut others).unwrap();
        world.publish(Track::STABLE, 1).unwrap();
        if with_emergency {
            world.emergency(1).unwrap();
        }
        let mut governs = |world: &World, at: u64| {
            let decided = call.decide(Time(at), &speak, world, &mut log).version;
            let tracks = [Some(Track::STABLE), canary].map(|track| Some(world.version_of(track?)?.number));
            assert_eq!(tracks, [decided, canary.and(decided)]);
            assert_eq!(pinned.version(world).map(|version| version.number), decided);
            decided
        };
        assert_eq!(governs(&world, 1_001), Some(1));
        world.roll_back(the("corporate"), 0).unwrap();
        assert_eq!(governs(&world, 1_002), Some(0), "canary: {with_canary}, emergency: {with_emergency}");
        // An emergency goes on, with the version that governs.
        let mut other = Call::create(InteractionId::recorded([9; 16]), Time(1_003), Mode::Enforce, &world, &mut others);
        let other = other.as_mut().unwrap();
        assert!(other.pin(Time(1_003), Some(1), &world, &mut others).is_err(), "nothing is pinned to it again");
        assert_eq!(other.version(&world).map(|version| version.number), Some(0));
        world.lift_emergency();
        assert_eq!(governs(&world, 1_004), Some(0));
        // Each of these is a change that the trail tells.
        let told: Vec<Change> = log.waiting().iter().filter_map(Record::read).filter_map(changed).collect();
        let some = |one: bool, change: Change| one.then_some(change);
        let expected = [
            some(with_canary, Change::CanaryStarted),
            Some(Change::Published),
            some(with_emergency, Change::Emergency),
            Some(Change::RolledBack),
            some(with_emergency, Change::Emergency),
            some(with_canary, Change::CanaryRolledBack),
            some(with_emergency, Change::EmergencyLifted),
        ];
        // The change before the interaction began is none of its own.
        let expected: Vec<Change> = expected.into_iter().flatten().skip(usize::from(with_canary)).collect();
        assert_eq!(told, expected);
        // The canary can go on with a version that is usable.
        if let Some(track) = canary {
            assert_eq!(world.promote_canary(), Err(RolloutError::Withdrawn));
            assert_eq!(world.publish(track, 1), Err(RolloutError::Withdrawn));
            world.end_canary().unwrap();
        }
    }
}

/// The change of the control plane that a record tells.
fn changed(record: Record) -> Option<Change> {
    record.action.filter(|_| record.kind == RecordKind::Changed).and_then(Change::from_code)
}

#[test]
fn a_canary_that_is_rolled_back_takes_its_version_out_of_an_emergency_too() {
    let (mut world, _) = strict();
    let canary = world.start_canary(1, 100).unwrap();
    world.emergency(1).unwrap();
    world.roll_back_canary().unwrap();
    let governs = |world: &World| [Track::STABLE, canary].map(|track| world.version_of(track).map(|one| one.number));
    assert_eq!(governs(&world), [Some(0), Some(0)]);
    assert_eq!(world.emergency(1), Err(RolloutError::Withdrawn));
    world.lift_emergency();
    assert_eq!(governs(&world), [Some(0), Some(0)]);
}

#[test]
fn no_snapshot_lets_govern_what_was_rolled_back() {
    let (mut world, strict) = strict();
    world.publish(Track::STABLE, 1).unwrap();
    world.roll_back(the("corporate"), 0).unwrap();
    let mut bytes = vec![0; world.snapshot(&mut []).unwrap_err()];
    world.snapshot(&mut bytes).unwrap();
    let texts = [policy(&[CORPORATE, PRIVACY]), policy(&[&strict, PRIVACY])];
    let compile = |digest: &[u8; 32], to: &mut Policy<2>| {
        texts.iter().find(|policy| policy.digest() == digest).map(|policy| to.clone_from(policy)).is_some()
    };
    let mut again = World::new(Authorities::new(), [5; 32]);
    again.restore(&bytes, compile).unwrap();
    // The stable version and the emergency stand before the canary and the two versions of 37 bytes.
    let stable = bytes.len() - 2 * 37 - 1 - 1 - 10;
    assert_eq!(bytes[stable..stable + 10], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for governing in [[1, 0, 0, 0, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1, 0, 0, 0, 1]] {
        bytes[stable..stable + 10].copy_from_slice(&governing);
        assert_eq!(again.restore(&bytes, compile), Err(SnapshotError::Field("what governs")));
        assert!(again.version_of(Track::STABLE).is_none());
    }
}
