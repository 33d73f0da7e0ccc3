//! Change safety: versions, canaries, rollback, and who may update what (`IoE R5`, `R7`).

mod govern;

use govern::{
    CORPORATE, Call, PRIVACY, World, authorities, call, key, log, names, person, policy, recording, request, sign,
    take, the, verifies, world,
};
use interaction_gov::audit::Verdict;
use interaction_gov::authority::{AuthorityError, Delegation, Update};
use interaction_gov::function::Invocation;
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Mode};
use interaction_gov::policy::{Facts, Kind, Provenance, Scope};
use interaction_gov::rollout::{RolloutError, Track};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Set};
use sha2::{Digest as _, Sha256};

/// The same rules once more, as a version of their own.
fn another(world: &mut World) -> u8 {
    world.install(policy(&[CORPORATE, PRIVACY])).unwrap()
}

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
    // shows: IOE-079, IOE-081
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
    // Rolled back, the canary's interactions are where all the others are; nobody else has noticed anything.
    world.roll_back(canary).unwrap();
    assert_eq!((on(1, &world, &before), on(1, &world, &after)), (0, 0));
    world.roll_back(canary).unwrap();
    assert_eq!(on(1, &world, &after), chosen);
    world.promote_canary().unwrap();
    assert_eq!((on(1, &world, &before), on(1, &world, &after)), (1_000, 10_000));
    // The next canary is for those that begin then.
    let third = another(&mut world);
    let next = world.start_canary(third, 100).unwrap();
    let newest = interactions(&world, 100);
    assert_eq!((on(2, &world, &after), on(2, &world, &newest)), (0, 100));
    // Rolled back, it is where all are now, not where all were when it began.
    let fourth = another(&mut world);
    world.publish(Track::STABLE, fourth).unwrap();
    world.roll_back(next).unwrap();
    assert_eq!(on(3, &world, &newest), 100);
    world.end_canary().unwrap();
    assert_eq!((on(2, &world, &after), world.end_canary()), (0, Err(RolloutError::Unknown)));
    // What is over moves nobody.
    assert_eq!(world.publish(next, third), Err(RolloutError::Unknown));
    assert_eq!(world.roll_back(canary), Err(RolloutError::Unknown));
    // To publish what governs takes no way back away.
    world.publish(Track::STABLE, fourth).unwrap();
    world.roll_back(Track::STABLE).unwrap();
    assert_eq!(on(1, &world, &after), 10_000);
}

#[test]
fn the_choice_is_the_profiles() {
    // First 4 bytes of HMAC-SHA256(key, identity) mod 10,000 < N · 100, by another implementation.
    let mut world = world();
    let version = another(&mut world);
    let places = [([0; 16], 3_829), ([7; 16], 8_140)];
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
    // shows: IOE-017, IOE-080
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    assert_eq!(world.roll_back(Track::STABLE), Err(RolloutError::NothingBefore));
    let strict = CORPORATE.replace("version 1", "version 2").replace("join, speak", "join");
    take(&mut world, "corporate", 2, CORPORATE, &strict);
    let version = world.install(policy(&[&strict, PRIVACY])).unwrap();
    let ask = |call: &mut Call, world: &World, log: &mut _, time| {
        let decision = call.decide(Time(time), &request(seat, "speak"), world, log);
        (decision.verdict, decision.version)
    };
    assert_eq!(ask(&mut call, &world, &mut log, 2_000), (Verdict::Permit, Some(0)));
    world.publish(Track::STABLE, version).unwrap();
    assert_eq!(ask(&mut call, &world, &mut log, 2_000), (Verdict::NotPermitted, Some(1)));
    world.roll_back(Track::STABLE).unwrap();
    assert_eq!(ask(&mut call, &world, &mut log, 2_000), (Verdict::Permit, Some(0)));
}

#[test]
fn configuration_rolls_with_the_rules() {
    // shows: IOE-082
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let text = format!("{CORPORATE}set lease 5\nset heads 1\n").replace("version 1", "version 2");
    take(&mut world, "corporate", 2, CORPORATE, &text);
    let version = world.install(policy(&[&text, PRIVACY])).unwrap();
    let digests = [0, version].map(|version| *world.version(version).unwrap().digest());
    assert_ne!(digests[0], digests[1], "settings are part of what a version is, and signed with the text");
    world.publish(Track::STABLE, version).unwrap();
    let lease = call.decide(Time(2_000), &request(seat, "speak"), &world, &mut log).lease.unwrap();
    assert_eq!(lease.until(), Time(2_005));
    world.roll_back(Track::STABLE).unwrap();
    let lease = call.decide(Time(2_000), &request(seat, "speak"), &world, &mut log).lease.unwrap();
    assert_eq!(lease.until(), Time(12_000));
}

#[test]
fn only_what_its_authority_has_signed_as_its_latest_can_govern() {
    // shows: IOE-130, IOE-131
    let mut world = World::new(authorities(), [0; 32]);
    let corporate: Authority = the("corporate");
    let nothing: [u8; 32] = Sha256::digest([]).into();
    let first =
        Update { authority: corporate, version: 1, follows: nothing, vocabulary: *names().digest(), text: CORPORATE };
    let good = sign(1, &first.signed());
    let install = |world: &mut World| world.install(policy(&[CORPORATE]));
    assert_eq!(install(&mut world), Err(RolloutError::NotSigned(corporate)));
    let mut take = |update: &Update<'_>, signature: &[u8; 64]| world.authorities.take(update, signature, &verifies);
    assert_eq!(take(&first, &sign(2, &first.signed())), Err(AuthorityError::Forged), "by another authority");
    assert_eq!(take(&Update { text: PRIVACY, ..first }, &good), Err(AuthorityError::Forged), "another text");
    assert_eq!(take(&Update { version: 2, ..first }, &good), Err(AuthorityError::Forged), "another version");
    assert_eq!(take(&Update { authority: the("privacy"), ..first }, &good), Err(AuthorityError::Forged));
    assert_eq!(
        take(&Update { vocabulary: [0; 32], ..first }, &good),
        Err(AuthorityError::Forged),
        "in another vocabulary"
    );
    assert_eq!(take(&Update { authority: Authority(7), ..first }, &good), Err(AuthorityError::Unknown));
    assert_eq!(take(&Update { authority: Authority(200), ..first }, &good), Err(AuthorityError::Unknown));
    assert_eq!(take(&first, &good), Ok(()));
    assert_eq!(take(&first, &good), Err(AuthorityError::Stale), "once more");
    let gap = Update { version: 3, ..first };
    assert_eq!(take(&gap, &sign(1, &gap.signed())), Err(AuthorityError::Gap), "it follows something else");
    assert_eq!(install(&mut world), Ok(0));
    let next = CORPORATE.replace("version 1", "version 5");
    let next = Update { version: 5, follows: Sha256::digest(CORPORATE).into(), text: &next, ..first };
    world.authorities.take(&next, &sign(1, &next.signed()), &verifies).unwrap();
    assert_eq!(
        install(&mut world),
        Err(RolloutError::NotSigned(corporate)),
        "the old one is signed, and not the latest"
    );
}

#[test]
fn an_authority_is_introduced_once_and_a_new_key_forgets_nothing() {
    let mut world = world();
    let corporate: Authority = the("corporate");
    assert_eq!(world.authorities.introduce(corporate, *key(1).pk), Err(AuthorityError::Known));
    world.authorities.rotate(corporate, *key(3).pk).unwrap();
    assert_eq!(world.authorities.rotate(Authority(6), *key(3).pk), Err(AuthorityError::Unknown));
    let old = Update {
        authority: corporate,
        version: 1,
        follows: Sha256::digest([]).into(),
        vocabulary: *names().digest(),
        text: CORPORATE,
    };
    let mut take = |update: &Update<'_>, by| world.authorities.take(update, &sign(by, &update.signed()), &verifies);
    assert_eq!((take(&old, 1), take(&old, 3)), (Err(AuthorityError::Forged), Err(AuthorityError::Stale)));
    let next = Update { version: 2, follows: Sha256::digest(CORPORATE).into(), ..old };
    assert_eq!(take(&next, 3), Ok(()));
}

#[test]
fn versions_in_use_are_kept_and_there_are_only_so_many() {
    let mut world = world();
    for _ in 1..4 {
        another(&mut world);
    }
    assert_eq!(world.install(policy(&[CORPORATE])), Err(RolloutError::LeftOut(the("privacy"))));
    assert_eq!(world.install(policy(&[CORPORATE, PRIVACY])), Err(RolloutError::Full));
    assert_eq!(world.discard(0), Err(RolloutError::InUse));
    world.publish(Track::STABLE, 1).unwrap();
    assert_eq!(world.discard(0), Err(RolloutError::InUse), "there is a way back to it");
    world.publish(Track::STABLE, 2).unwrap();
    world.discard(0).unwrap();
    assert_eq!(world.discard(0), Err(RolloutError::Unknown));
    assert_eq!(world.publish(Track::STABLE, 0), Err(RolloutError::Unknown));
    assert_eq!(world.publish(Track::STABLE, 200), Err(RolloutError::Unknown));
    assert_eq!(another(&mut world), 0);
    assert_eq!(world.version(0).unwrap().number, 4, "no number is used twice");
}

#[test]
fn an_authority_that_cannot_be_asked_denies_in_its_scope_only() {
    // shows: IOE-107
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    world.authorities.set_reach(the("privacy"), false);
    assert!(call.decide(Time(1_000), &request(seat, "speak"), &world, &mut log).verdict.permits());
    let (decision, _) = call.invoke(Time(1_000), &recording(seat), &govern::provenance, &world, &mut log);
    assert_eq!((decision.verdict, decision.authority), (Verdict::Unreachable, Some(the("privacy"))));
    let lease = call.decide(Time(1_000), &request(seat, "speak"), &world, &mut log).lease.unwrap();
    assert!(call.holds(&lease, Time(1_000), &world));
    world.authorities.set_reach(the("privacy"), true);
    assert!(!call.holds(&lease, Time(1_000), &world), "who speaks for whom is what a permit rests on");
    assert!(call.invoke(Time(1_000), &recording(seat), &govern::provenance, &world, &mut log).0.verdict.permits());
}

/// A person nobody knows more about than the posture.
fn somebody(action: &str) -> Facts {
    Facts {
        action: the(action),
        kind: Kind::Human,
        home: None,
        modality: None,
        function: None,
        region: None,
        goes: Set::EMPTY,
        consents: Set::EMPTY,
        posture: the("managed"),
        provenance: Provenance::None,
    }
}

#[test]
fn an_authority_can_let_another_one_decide_within_a_scope_and_until_a_time() {
    // shows: IOE-098
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    call.join(Time(1_000), &person(2), &world, &mut log).unwrap();
    let (privacy, corporate): (Authority, Authority) = (the("privacy"), the("corporate"));
    world.authorities.set_reach(privacy, false);
    let scope = Scope::read("record, export", &names()).unwrap();
    let delegation = Delegation {
        from: privacy,
        to: corporate,
        scope,
        until: Time(5_000),
        serial: 1,
        vocabulary: *names().digest(),
    };
    let delegate = |world: &mut World, delegation: Delegation| {
        let signature = sign(if delegation.from == privacy { 2 } else { 1 }, &delegation.signed());
        world.authorities.delegate(delegation, &signature, &verifies, Time(1_000))
    };
    let signature = sign(1, &delegation.signed());
    let by_another = world.authorities.delegate(delegation, &signature, &verifies, Time(1_000));
    assert_eq!(by_another, Err(AuthorityError::Forged), "only who is represented says so");
    delegate(&mut world, delegation).unwrap();
    assert_eq!(delegate(&mut world, delegation), Err(AuthorityError::Stale), "once more");
    assert_eq!(
        delegate(&mut world, Delegation { serial: 2, until: Time(1_000), ..delegation }),
        Err(AuthorityError::Stale)
    );
    // What is not delegated is not decided by the delegate.
    let other = Invocation { action: the("transcribe"), function: the("transcription"), ..recording(seat) };
    let mut log_of_its_own = govern::log();
    let (decision, _) = call.invoke(Time(1_000), &other, &govern::provenance, &world, &mut log_of_its_own);
    assert_eq!((decision.verdict, decision.authority), (Verdict::Unreachable, Some(privacy)));
    let mut ask = |world: &World, time| {
        let (decision, _) = call.invoke(Time(time), &recording(seat), &govern::provenance, world, &mut log);
        (decision.verdict, decision.lease.map(|lease| lease.until()))
    };
    assert_eq!(ask(&world, 1_000), (Verdict::Permit, Some(Time(5_000))), "no permit outlives the delegation");
    // Nobody decides for himself in a circle, however long.
    let other = Authority(5);
    world.authorities.introduce(other, *key(1).pk).unwrap();
    let back = Delegation { from: corporate, to: privacy, ..delegation };
    assert_eq!(delegate(&mut world, back), Err(AuthorityError::Loop));
    let own = Delegation { to: privacy, serial: 2, ..delegation };
    assert_eq!(delegate(&mut world, own), Err(AuthorityError::Loop));
    delegate(&mut world, Delegation { from: corporate, to: other, ..delegation }).unwrap();
    assert_eq!(delegate(&mut world, Delegation { from: other, to: privacy, ..delegation }), Err(AuthorityError::Loop));
    assert_eq!(ask(&world, 1_001).0, Verdict::Unreachable, "who speaks in the end has no policy here");
    world.authorities.revoke(corporate, other);
    assert_eq!(ask(&world, 4_999).0, Verdict::Permit);
    // A delegate's deny names both, and its own line.
    let denies = somebody("export");
    let only = policy(&[PRIVACY, CORPORATE]);
    let ruling =
        only.decide(&denies, |authority| world.authorities.speaker(authority, &denies, only.vocabulary(), Time(4_999)));
    assert_eq!((ruling.authority, ruling.speaker, ruling.line), (Some(privacy), Some(corporate), Some(4)));
    assert_eq!(ask(&world, 5_000).0, Verdict::Unreachable, "it has expired");
    delegate(&mut world, Delegation { serial: 3, until: Time(9_000), vocabulary: [0; 32], ..delegation }).unwrap();
    assert_eq!(ask(&world, 5_001).0, Verdict::Unreachable, "in the words of another vocabulary");
    world.authorities.revoke(privacy, corporate);
    assert_eq!(delegate(&mut world, Delegation { serial: 2, ..back }), Ok(()));
}

#[test]
fn a_chain_of_delegations_holds_as_long_as_its_weakest_link() {
    let mut world = world();
    let (privacy, corporate, other): (Authority, Authority, Authority) =
        (the("privacy"), the("corporate"), Authority(5));
    world.authorities.introduce(other, *key(1).pk).unwrap();
    for (from, to, until, signer) in [(privacy, corporate, 5_000, 2), (corporate, other, 3_000, 1)] {
        let delegation =
            Delegation { from, to, scope: Scope::ALL, until: Time(until), serial: 1, vocabulary: *names().digest() };
        let signature = sign(signer, &delegation.signed());
        world.authorities.delegate(delegation, &signature, &verifies, Time(0)).unwrap();
    }
    let facts = somebody("record");
    let speaker = |now| world.authorities.speaker(privacy, &facts, Some(names().digest()), Time(now));
    assert_eq!((speaker(0).authority, speaker(0).until), (Some(other), Time(3_000)));
    assert_eq!((speaker(3_000).authority, speaker(3_000).until), (Some(corporate), Time(5_000)));
    assert_eq!((speaker(5_000).authority, speaker(5_000).until), (Some(privacy), Time::NEVER));
}

#[test]
fn a_texts_own_number_must_be_the_one_that_was_signed() {
    let mut world = World::new(authorities(), [0; 32]);
    let corporate: Authority = the("corporate");
    let update = Update {
        authority: corporate,
        version: 2,
        follows: Sha256::digest([]).into(),
        vocabulary: *names().digest(),
        text: CORPORATE,
    };
    world.authorities.take(&update, &sign(1, &update.signed()), &verifies).unwrap();
    assert_eq!(world.install(policy(&[CORPORATE])), Err(RolloutError::NotSigned(corporate)), "the text says 1");
}
