//! Change safety: versions, canaries, rollback, and the right to update (`IoE R5`, `R7`).

mod govern;

use govern::{
    CORPORATE, PRIVACY, World, another, authorities, call, key, log, names, offer, person, policy, recording, request,
    sign, take, the, verifies, world,
};
use interaction_gov::audit::Verdict;
use interaction_gov::authority::{AuthorityError, Delegation, Update};
use interaction_gov::function::Invocation;
use interaction_gov::policy::{Consents, Facts, On, Policy, Scope};
use interaction_gov::rollout::{RolloutError, Track};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Region, Set, Vocabulary};
use sha2::{Digest as _, Sha256};

#[test]
fn configuration_rolls_with_the_rules() {
    // shows: IOE-082 (§4.5 R5)
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let text = format!("{CORPORATE}set lease 5\nset heads 1\n").replace("version 1", "version 2");
    take(&mut world, "corporate", 2, CORPORATE, &text);
    let version = world.install(&policy(&[&text, PRIVACY])).unwrap();
    let digests = [0, version].map(|version| *world.version(version).unwrap().digest());
    assert_ne!(digests[0], digests[1], "settings are part of what a version is, and signed with the text");
    world.publish(Track::STABLE, version).unwrap();
    let lease = call.decide(Time(2_000), &request(seat, "speak"), &world, &mut log).lease.unwrap();
    assert_eq!(lease.until(), Time(2_005));
    world.roll_back(the("corporate"), 0).unwrap();
    let lease = call.decide(Time(2_000), &request(seat, "speak"), &world, &mut log).lease.unwrap();
    assert_eq!(lease.until(), Time(12_000));
}

#[test]
fn only_what_its_authority_has_signed_as_its_latest_can_govern() {
    // shows: IOE-130 (§8), IOE-131 (§8)
    let mut world = World::new(authorities(), [0; 32]);
    let corporate: Authority = the("corporate");
    let nothing: [u8; 32] = Sha256::digest([]).into();
    let first =
        Update { authority: corporate, version: 1, follows: nothing, vocabulary: *names().digest(), text: CORPORATE };
    let good = sign(1, &first.signed());
    let install = |world: &mut World| world.install(&policy(&[CORPORATE]));
    assert_eq!(install(&mut world), Err(RolloutError::NotSigned(corporate)));
    let take = |world: &mut World, update: &Update<'_>, signature: &[u8; 64]| {
        world.authorities.take(update, signature, &verifies, &names(), &mut Policy::<2>::new())
    };
    assert_eq!(
        take(&mut world, &first, &sign(2, &first.signed())),
        Err(AuthorityError::Forged),
        "by another authority"
    );
    assert_eq!(
        take(&mut world, &Update { text: PRIVACY, ..first }, &good),
        Err(AuthorityError::Forged),
        "another text"
    );
    assert_eq!(
        take(&mut world, &Update { version: 2, ..first }, &good),
        Err(AuthorityError::Forged),
        "another version"
    );
    assert_eq!(take(&mut world, &Update { authority: the("privacy"), ..first }, &good), Err(AuthorityError::Forged));
    assert_eq!(
        take(&mut world, &Update { vocabulary: [0; 32], ..first }, &good),
        Err(AuthorityError::Forged),
        "in another vocabulary"
    );
    assert_eq!(take(&mut world, &Update { authority: Authority(7), ..first }, &good), Err(AuthorityError::Unknown));
    assert_eq!(take(&mut world, &Update { authority: Authority(200), ..first }, &good), Err(AuthorityError::Unknown));
    assert_eq!(take(&mut world, &first, &good), Ok(()));
    assert_eq!(take(&mut world, &first, &good), Err(AuthorityError::Stale), "once more");
    let text = CORPORATE.replace("version 1", "version 3");
    let gap = Update { version: 3, text: &text, ..first };
    assert_eq!(take(&mut world, &gap, &sign(1, &gap.signed())), Err(AuthorityError::Gap), "it follows something else");
    assert_eq!(install(&mut world), Ok(0));
    let next = CORPORATE.replace("version 1", "version 5");
    let next = Update { version: 5, follows: Sha256::digest(CORPORATE).into(), text: &next, ..first };
    take(&mut world, &next, &sign(1, &next.signed())).unwrap();
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
    let mut take = |update: &Update<'_>, by| {
        world.authorities.take(update, &sign(by, &update.signed()), &verifies, &names(), &mut Policy::<2>::new())
    };
    assert_eq!((take(&old, 1), take(&old, 3)), (Err(AuthorityError::Forged), Err(AuthorityError::Stale)));
    let text = CORPORATE.replace("version 1", "version 2");
    let next = Update { version: 2, follows: Sha256::digest(CORPORATE).into(), text: &text, ..old };
    assert_eq!(take(&next, 3), Ok(()));
}

#[test]
fn an_authority_that_cannot_be_asked_denies_in_its_scope_only() {
    // shows: IOE-107 (§4.9 R9)
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    world.authorities.set_reach(the("privacy"), false);
    assert!(call.decide(Time(1_000), &request(seat, "speak"), &world, &mut log).verdict.permits());
    let (decision, _) = call.invoke(Time(1_000), &recording(seat), &govern::provenance, &world, &mut log);
    assert_eq!((decision.verdict, decision.authority), (Verdict::Unreachable, Some(the("privacy"))));
    let lease = call.decide(Time(1_000), &request(seat, "speak"), &world, &mut log).lease.unwrap();
    assert!(call.holds(&lease, Time(1_000), &world));
    world.authorities.set_reach(the("privacy"), true);
    world.authorities.set_reach(the("privacy"), false);
    assert!(
        call.holds(&lease, Time(1_000), &world),
        "privacy is not asked about speaking: its silence ends no such permit"
    );
    world.authorities.set_reach(the("corporate"), false);
    assert!(!call.holds(&lease, Time(1_000), &world), "who speaks for whom is what a permit rests on");
    world.authorities.set_reach(the("corporate"), true);
    world.authorities.set_reach(the("privacy"), true);
    assert!(call.invoke(Time(1_000), &recording(seat), &govern::provenance, &world, &mut log).0.verdict.permits());
}

/// The facts of a person of whom only the posture is known.
fn facts_of(action: &str) -> Facts {
    Facts {
        home: None,
        on: On::Unsaid,
        law: Set::one(Region::UNKNOWN),
        consents: Consents::default(),
        ..govern::facts(action)
    }
}

#[test]
fn an_authority_can_let_another_one_decide_within_a_scope_and_until_a_time() {
    // shows: IOE-098 (§4.7 R7)
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
        redelegate: true,
    };
    let delegate = |world: &mut World, delegation: Delegation| {
        let signature = sign(if delegation.from == privacy { 2 } else { 1 }, &delegation.signed());
        world.authorities.delegate(delegation, &signature, &verifies, Time(1_000))
    };
    let signature = sign(1, &delegation.signed());
    let by_another = world.authorities.delegate(delegation.clone(), &signature, &verifies, Time(1_000));
    assert_eq!(by_another, Err(AuthorityError::Forged), "only who is represented says so");
    delegate(&mut world, delegation.clone()).unwrap();
    assert_eq!(delegate(&mut world, delegation.clone()), Err(AuthorityError::Stale), "once more");
    assert_eq!(
        delegate(&mut world, Delegation { serial: 2, until: Time(1_000), ..delegation.clone() }),
        Err(AuthorityError::Stale)
    );
    // The delegate does not decide about actions that are not delegated.
    let other = Invocation { action: the("transcribe"), function: the("transcription"), ..recording(seat) };
    let mut log_of_its_own = govern::log();
    let (decision, _) = call.invoke(Time(1_000), &other, &govern::provenance, &world, &mut log_of_its_own);
    assert_eq!((decision.verdict, decision.authority), (Verdict::Unreachable, Some(privacy)));
    let mut ask = |world: &World, time| {
        let (decision, _) = call.invoke(Time(time), &recording(seat), &govern::provenance, world, &mut log);
        (decision.verdict, decision.lease.map(|lease| lease.until()))
    };
    assert_eq!(ask(&world, 1_000), (Verdict::Permit, Some(Time(5_000))), "no permit outlives the delegation");
    // Delegations cannot form a circle, however long.
    let other = Authority(5);
    world.authorities.introduce(other, *key(1).pk).unwrap();
    let back = Delegation { from: corporate, to: privacy, ..delegation.clone() };
    assert_eq!(delegate(&mut world, back.clone()), Err(AuthorityError::Loop));
    let own = Delegation { to: privacy, serial: 2, ..delegation.clone() };
    assert_eq!(delegate(&mut world, own), Err(AuthorityError::Loop));
    delegate(&mut world, Delegation { from: corporate, to: other, ..delegation.clone() }).unwrap();
    assert_eq!(
        delegate(&mut world, Delegation { from: other, to: privacy, ..delegation.clone() }),
        Err(AuthorityError::Loop)
    );
    assert_eq!(ask(&world, 1_001).0, Verdict::Unreachable, "who speaks in the end has no policy here");
    world.authorities.revoke(corporate, other);
    assert_eq!(ask(&world, 4_999).0, Verdict::Permit);
    // A delegate's deny names both, and its own line.
    let denies = facts_of("export");
    let only = policy(&[PRIVACY, CORPORATE]);
    let ruling = only.decide(&denies, |authority| world.authorities.speaker(authority, &denies, Time(4_999)));
    assert_eq!((ruling.authority, ruling.speaker, ruling.line), (Some(privacy), Some(corporate), Some(4)));
    assert_eq!(ask(&world, 5_000).0, Verdict::Unreachable, "it has expired");
    delegate(&mut world, Delegation { serial: 3, until: Time(9_000), vocabulary: [0; 32], ..delegation.clone() })
        .unwrap();
    assert_eq!(ask(&world, 5_001).0, Verdict::Unreachable, "in the words of another vocabulary");
    world.authorities.revoke(privacy, corporate);
    assert_eq!(delegate(&mut world, Delegation { serial: 2, ..back.clone() }), Ok(()));
}

#[test]
fn a_chain_of_delegations_holds_as_long_as_its_weakest_link() {
    let mut world = world();
    let (privacy, corporate, other): (Authority, Authority, Authority) =
        (the("privacy"), the("corporate"), Authority(5));
    world.authorities.introduce(other, *key(1).pk).unwrap();
    for (from, to, until, signer) in [(privacy, corporate, 5_000, 2), (corporate, other, 3_000, 1)] {
        let delegation = Delegation {
            from,
            to,
            scope: Scope::ALL,
            until: Time(until),
            serial: 1,
            vocabulary: *names().digest(),
            redelegate: true,
        };
        let signature = sign(signer, &delegation.signed());
        world.authorities.delegate(delegation, &signature, &verifies, Time(0)).unwrap();
    }
    let facts = facts_of("record");
    let speaker = |now| world.authorities.speaker(privacy, &facts, Time(now));
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
    let taken =
        world.authorities.take(&update, &sign(1, &update.signed()), &verifies, &names(), &mut Policy::<2>::new());
    assert_eq!(taken, Err(AuthorityError::Head), "the text says 1");
}

#[test]
fn a_text_is_read_when_it_is_taken_and_a_broken_one_hinders_nobody() {
    let mut world = world();
    let broken = "authority corporate\nversion 2\npermit recrod\n";
    let error = offer(&mut world, "corporate", 2, CORPORATE, broken);
    assert!(matches!(error, Err(AuthorityError::Text(error)) if (error.line, error.column) == (3, 8)), "{error:?}");
    // Privacy denies everywhere at once, also on a canary and in pinned interactions.
    let pinned = another(&mut world);
    let mut log = log();
    let (mut call, seat) = call(&world, &mut log);
    call.pin(Time(1_000), Some(pinned), &world, &mut log).unwrap();
    let stop = "authority privacy\nversion 2\ndeny any\n";
    offer(&mut world, "privacy", 2, PRIVACY, stop).unwrap();
    let version = world.install(&policy(&[CORPORATE, stop])).unwrap();
    let canary = world.start_canary(pinned, 100).unwrap();
    world.publish(Track::STABLE, version).unwrap();
    assert_eq!(
        world.version_of(canary).unwrap().number,
        pinned,
        "to publish on the stable track leaves a canary alone"
    );
    assert!(call.decide(Time(1_001), &request(seat, "speak"), &world, &mut log).verdict.permits());
    world.emergency(version).unwrap();
    assert_eq!(world.version_of(canary).unwrap().number, version);
    assert_eq!(call.decide(Time(1_002), &request(seat, "speak"), &world, &mut log).verdict, Verdict::DeniedByRule);
    world.lift_emergency();
    assert!(call.decide(Time(1_003), &request(seat, "speak"), &world, &mut log).verdict.permits());
}

#[test]
fn versions_have_a_ceiling_and_no_authority_takes_more_than_its_share() {
    let mut world = world();
    let text = |version: u32| CORPORATE.replace("version 1", &format!("version {version}"));
    for version in [u32::MAX, 70_000] {
        assert_eq!(offer(&mut world, "corporate", version, CORPORATE, &text(version)), Err(AuthorityError::Leap));
    }
    assert_eq!(offer(&mut world, "corporate", 65_537, CORPORATE, &text(65_537)), Ok(()), "that far, and no further");
    let rules: String = (0..65).map(|number| format!("permit join oblige notify named r{number}\n")).collect();
    let many: String = (0..65)
        .map(|number| format!("deny join from {:02}{:02} to 2359 named r{number}\n", number / 60, number % 60))
        .collect();
    for rules in [rules, many] {
        let greedy = format!("authority privacy\nversion 2\n{rules}");
        assert!(
            offer(&mut world, "privacy", 2, PRIVACY, &greedy).is_err(),
            "two words of two, where two authorities are"
        );
    }
    let modest = "authority privacy\nversion 2\npermit record\n";
    assert_eq!(offer(&mut world, "privacy", 2, PRIVACY, modest), Ok(()));
}

#[test]
fn leaving_and_returning_are_updates() {
    let mut world = world();
    offer(&mut world, "privacy", 2, PRIVACY, "").unwrap();
    let alone = world.install(&policy(&[CORPORATE])).unwrap();
    assert_eq!(world.version(alone).unwrap().policy.members().len(), 1);
    let again = PRIVACY.replace("version 1", "version 3");
    offer(&mut world, "privacy", 3, "", &again).unwrap();
    assert_eq!(world.install(&policy(&[CORPORATE])), Err(RolloutError::LeftOut(the("privacy"))));
    world.install(&policy(&[CORPORATE, &again])).unwrap();
}

#[test]
fn an_authority_has_its_share_of_delegations_and_passing_on_is_a_right() {
    let mut world = world();
    let (privacy, corporate, other): (Authority, Authority, Authority) =
        (the("privacy"), the("corporate"), Authority(5));
    world.authorities.introduce(other, *key(1).pk).unwrap();
    let mut delegate = |from, to, serial, redelegate| {
        let delegation = Delegation {
            from,
            to,
            scope: Scope::ALL,
            until: Time(5_000),
            serial,
            vocabulary: *names().digest(),
            redelegate,
        };
        let signature = sign(if from == privacy { 2 } else { 1 }, &delegation.signed());
        world.authorities.delegate(delegation, &signature, &verifies, Time(0))
    };
    assert_eq!(
        [1, 2, 3].map(|serial| delegate(corporate, other, serial, true)),
        [Ok(()), Ok(()), Err(AuthorityError::Full)]
    );
    assert_eq!(delegate(privacy, corporate, 1, false), Ok(()), "the others' places are theirs");
    let facts = facts_of("record");
    let speaker = world.authorities.speaker(privacy, &facts, Time(0)).authority;
    assert_eq!(speaker, Some(corporate), "corporate may not pass it on");
}

#[test]
fn a_newer_vocabulary_only_adds_while_something_is_live() {
    let mut world = world();
    let vocabulary = |names: String| -> (String, [u8; 32]) {
        let digest = *Vocabulary::read(&names).unwrap().digest();
        (names, digest)
    };
    let (swapped, digest) = vocabulary(govern::NAMES.replace("recording, analysis", "analysis, recording"));
    let text = CORPORATE.replace("version 1", "version 2");
    let update = Update {
        authority: the("corporate"),
        version: 2,
        follows: Sha256::digest(CORPORATE).into(),
        vocabulary: digest,
        text: &text,
    };
    let swapped = Vocabulary::read(&swapped).unwrap();
    let taken = |world: &mut World, update: &Update<'_>, names: &Vocabulary<'_>| {
        world.authorities.take(update, &sign(1, &update.signed()), &verifies, names, &mut Policy::<2>::new())
    };
    assert_eq!(
        taken(&mut world, &update, &swapped),
        Err(AuthorityError::Vocabulary),
        "consents would change their meaning"
    );
    assert_eq!(world.authorities.adopt(&names(), &swapped), Err(AuthorityError::Vocabulary));
    let (longer, digest) = vocabulary(govern::NAMES.replace("us, ca", "us, ca, mx"));
    let longer = Vocabulary::read(&longer).unwrap();
    let update = Update { vocabulary: digest, ..update };
    assert_eq!(taken(&mut world, &update, &longer), Err(AuthorityError::Vocabulary), "no authority has adopted it");
    world.authorities.adopt(&names(), &longer).unwrap();
    assert_eq!(taken(&mut world, &update, &longer), Ok(()));
    // All texts compile in the newer vocabulary; the text that privacy signed in the older one means the same there.
    let mut policy = Policy::<2>::new();
    policy.add(&text, &longer).unwrap();
    policy.add(PRIVACY, &longer).unwrap();
    world.install(&policy).unwrap();
}

#[test]
fn an_authority_that_has_signed_nothing_yet_is_missed_in_no_version_and_one_that_has_is() {
    let mut world = World::new(authorities(), [0; 32]);
    take(&mut world, "corporate", 1, "", CORPORATE);
    world.install(&policy(&[CORPORATE])).expect("privacy is introduced, and has signed nothing");
    take(&mut world, "privacy", 1, "", PRIVACY);
    assert!(world.install(&policy(&[CORPORATE])).is_err(), "privacy's rules are missing");
    world.install(&policy(&[CORPORATE, PRIVACY])).expect("all that have signed are in it");
}
