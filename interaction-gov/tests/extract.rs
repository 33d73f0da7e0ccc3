//! Each authority gets its own part of a trail, provably complete, and no more (`IoE R6`, `§8`).

mod govern;

use govern::{another, call, key, log, names, person, recording, request, sign, the, verifies, world};
use interaction_gov::audit::{Bytes, Change, Damage, Extract, Record, RecordKind, SignedHead, Trail, Verdict};
use interaction_gov::authority::Delegation;
use interaction_gov::identity::{AuthorityKey, InteractionId};
use interaction_gov::interaction::{Attribution, Interaction, Mode, Transition};
use interaction_gov::participant::Admission;
use interaction_gov::policy::{Kind, Scope};
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Set};

/// The control plane's key.
const PLANE: u8 = 77;

/// The records of an interaction in which corporate is asked about everything, and privacy about its own scope; one of
/// three participants belongs to privacy.
fn life() -> Vec<Bytes> {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let guest = Admission { home: Some(the("privacy")), ..person(2) };
    let guest = call.join(Time(1_001), &guest, &world, &mut log).unwrap();
    let third = call.join(Time(1_001), &person(3), &world, &mut log).unwrap();
    for (number, action) in ["speak", "export", "speak", "record"].into_iter().enumerate() {
        let now = Time(1_002).after(number.try_into().unwrap());
        let _ = call.decide(now, &request(if number == 2 { guest } else { seat }, action), &world, &mut log);
    }
    call.transition(Time(1_010), seat, Transition::Transport, Some(the("de")), [5; 16], &mut log).unwrap();
    call.transition(Time(1_011), guest, Transition::Transport, Some(the("de")), [6; 16], &mut log).unwrap();
    call.attribute(Time(1_012), Attribution::Identifier, [7; 16], &world, &mut log).unwrap();
    assert!(call.invoke(Time(1_013), &recording(seat), &govern::provenance, &world, &mut log).1.is_some());
    call.consent(Time(1_014), third, Set::EMPTY, &mut log).unwrap();
    let _ = call.review(Time(1_015), &world, &mut log).unwrap();
    let _ = call.leave(Time(1_016), guest, &mut log).unwrap();
    let _ = call.terminate(Time(1_017), &mut log).unwrap();
    log.waiting().to_vec()
}

fn id() -> InteractionId {
    InteractionId::recorded([7; 16])
}

/// The extract of an authority, and its last head.
fn extract(trail: &[Bytes], name: &str, secret: &AuthorityKey) -> (InteractionId, Vec<Bytes>, SignedHead) {
    let mut extract = Extract::<4, 4>::of(&id(), the(name), secret);
    let own = trail.iter().filter_map(|bytes| extract.take(&Record::read(bytes).unwrap())).collect();
    let head = extract.head(true);
    (*extract.interaction(), own, SignedHead { head, signature: sign(PLANE, &head.signed()) })
}

fn verify(interaction: InteractionId, records: &[Bytes], head: &SignedHead) -> Result<(), Damage> {
    let mut trail = Trail::of(interaction);
    records.iter().try_for_each(|bytes| trail.record(bytes).map(drop))?;
    trail.head(head, &key(PLANE).pk, &verifies)?;
    if trail.unsigned() == 0 && trail.is_ended() { Ok(()) } else { Err(Damage::Cut) }
}

#[test]
fn an_extract_is_whole_and_whatever_is_done_to_it_shows() {
    let trail = life();
    for name in ["corporate", "privacy"] {
        let (interaction, own, head) = extract(&trail, name, &AuthorityKey::new([1; 32]));
        assert!(own.len() > 5, "{name}: {}", own.len());
        assert_eq!(verify(interaction, &own, &head), Ok(()), "{name}");
        for at in 0..own.len() {
            let mut less = own.clone();
            less.remove(at);
            assert!(verify(interaction, &less, &head).is_err(), "{name}: without record {at}");
            let mut altered = own.clone();
            altered[at][40] ^= 1;
            assert!(verify(interaction, &altered, &head).is_err(), "{name}: another record {at}");
            let mut more = own.clone();
            more.insert(at, own[at]);
            assert!(verify(interaction, &more, &head).is_err(), "{name}: record {at} twice");
        }
        // The same trail gives the same extract, so an auditor who has the trail detects omissions.
        assert_eq!(extract(&trail, name, &AuthorityKey::new([1; 32])).1, own);
        let is_invoked = |bytes: &&Bytes| Record::read(bytes).unwrap().kind == RecordKind::Invoked;
        let without: Vec<Bytes> = trail.iter().filter(|bytes| !is_invoked(bytes)).copied().collect();
        let (_, less, other) = extract(&without, name, &AuthorityKey::new([1; 32]));
        assert!(own.iter().any(|bytes| is_invoked(&bytes)), "{name} was asked about the recording");
        assert!(less.len() < own.len() && other.head.hash != head.head.hash, "{name}");
    }
}

#[test]
fn everything_that_an_authority_was_asked_is_in_its_extract() {
    let trail = life();
    for name in ["corporate", "privacy"] {
        let own: Vec<Record> = extract(&trail, name, &AuthorityKey::new([1; 32]))
            .1
            .iter()
            .map(|bytes| Record::read(bytes).unwrap())
            .collect();
        let authority: Authority = the(name);
        let all: Vec<Record> = trail.iter().map(|bytes| Record::read(bytes).unwrap()).collect();
        let asked = |record: &&Record| record.facts().is_some() && record.voices().speaker(authority).is_some();
        let same = |record: &Record| {
            (record.time, record.kind, record.verdict, record.action, record.facts().map(|facts| facts.law))
        };
        let meant: Vec<_> = all.iter().filter(asked).map(same).collect();
        let told: Vec<_> = own.iter().filter(|record| record.facts().is_some()).map(same).collect();
        assert_eq!(told, meant, "{name}");
        // The facts about its own participants, the ends of functions that it let run, and the life of the interaction.
        let count = |records: &[Record], kind| records.iter().filter(|record| record.kind == kind).count();
        assert_eq!(count(&own, RecordKind::Moved), count(&all, RecordKind::Moved));
        assert_eq!(
            count(&own, RecordKind::Ended),
            count(&all, RecordKind::Ended),
            "both were asked about the recording"
        );
        assert_eq!(count(&own, RecordKind::Transition), 1, "{name}: of its own participant");
        assert_eq!(
            count(&own, RecordKind::Left),
            usize::from(name == "privacy"),
            "its guest left, corporate's people stayed"
        );
        assert_eq!(count(&own, RecordKind::Joined), if name == "privacy" { 1 } else { 3 }, "{name}");
    }
}

#[test]
fn nothing_of_anybody_else_is_in_an_extract() {
    let trail = life();
    let (corporate, privacy): (Authority, Authority) = (the("corporate"), the("privacy"));
    let (mut seen, names) = (Vec::new(), [[1; 16], [2; 16], [3; 16], [7; 16], [5; 16], [6; 16]]);
    for (name, me, other, secret) in [("corporate", corporate, privacy, 1), ("privacy", privacy, corporate, 2)] {
        let (interaction, own, _) = extract(&trail, name, &AuthorityKey::new([secret; 32]));
        for bytes in &own {
            let record = Record::read(bytes).unwrap();
            for hidden in names {
                assert!(!bytes.windows(16).any(|window| window == hidden), "{name}: {record:?}");
            }
            assert!([None, Some(me.0)].contains(&record.authority), "{record:?}");
            assert!([None, Some(me.0)].contains(&record.speaker), "{record:?}");
            assert!([None, Some(me.0)].contains(&record.home), "{record:?}");
            assert_eq!(record.voices().speaker(other), None, "{record:?}");
            assert_eq!((record.digest, record.plane), ([0xFF; 8], 0));
            if matches!(record.kind, RecordKind::Decided) {
                assert_eq!(record.voices().lines[usize::from(other.0)], 0, "{record:?}");
            }
            if record.authority.is_none() {
                assert_eq!((record.line, record.rule), (None, None), "{record:?}");
            }
        }
        seen.push(interaction);
    }
    assert_ne!(seen[0], seen[1], "two of them cannot tell that it is the same");
    // Privacy does not see records about which it was not asked.
    let (_, own, _) = extract(&trail, "privacy", &AuthorityKey::new([2; 32]));
    let speak = own.iter().map(|bytes| Record::read(bytes).unwrap());
    let spoke = |record: &Record| {
        record.kind == RecordKind::Decided
            && record.action == Some(the::<interaction_gov::vocabulary::Action>("speak").0)
    };
    assert!(!speak.clone().any(|record| spoke(&record)));
    assert!(speak.clone().any(|record| record.verdict == Verdict::Permit));
}

#[test]
fn of_the_control_plane_each_gets_its_own_changes_alone() {
    let (mut world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let (corporate, privacy): (Authority, Authority) = (the("corporate"), the("privacy"));
    let mut now = 1_001;
    let mut tell = |world: &govern::World, log: &mut govern::Records| {
        let _ = call.decide(Time(now), &request(seat, "speak"), world, log);
        now += 1;
    };
    // For all: a version is published. For privacy: it cannot be asked, and then can be again.
    let second = another(&mut world);
    world.publish(Track::STABLE, second).unwrap();
    for there in [false, true] {
        world.authorities.set_reach(privacy, there);
        tell(&world, &mut log);
    }
    // For both: privacy delegates to corporate, and takes that back. For corporate: its text is rolled back.
    let delegation = Delegation {
        from: privacy,
        to: corporate,
        scope: Scope::ALL,
        vocabulary: *names().digest(),
        until: Time(900_000),
        serial: 1,
        redelegate: false,
    };
    let signature = sign(2, &delegation.signed());
    world.authorities.delegate(delegation, &signature, &verifies, Time(1_003)).unwrap();
    tell(&world, &mut log);
    world.authorities.revoke(privacy, corporate);
    world.roll_back(corporate, 0).unwrap();
    tell(&world, &mut log);
    let trail = log.waiting().to_vec();
    let told = |name: &str| -> Vec<(Change, Option<u8>, Option<u8>)> {
        let (_, own, _) = extract(&trail, name, &AuthorityKey::new([1; 32]));
        let changed = own.iter().filter_map(Record::read).filter(|record| record.kind == RecordKind::Changed);
        let what = |record: Record| record.action.and_then(Change::from_code).unwrap();
        changed.map(|record| (what(record), record.authority, record.speaker)).collect()
    };
    let all = trail.iter().filter_map(Record::read).filter(|record| record.kind == RecordKind::Changed).count();
    assert_eq!(all, 6, "the whole trail has all of them");
    let me = Some(privacy.0);
    assert_eq!(
        told("privacy"),
        [
            (Change::Silent, me, None),
            (Change::Reachable, me, None),
            (Change::Delegated, me, None),
            (Change::Revoked, me, None),
        ]
    );
    let me = Some(corporate.0);
    assert_eq!(
        told("corporate"),
        [(Change::Delegated, None, me), (Change::Revoked, None, me), (Change::RolledBack, me, None)]
    );
}

#[test]
fn who_speaks_for_another_and_who_is_spoken_for_both_have_the_decision() {
    let (mut world, mut log) = (world(), log());
    let (corporate, privacy): (Authority, Authority) = (the("corporate"), the("privacy"));
    let delegation = Delegation {
        from: privacy,
        to: corporate,
        scope: Scope::ALL,
        vocabulary: *names().digest(),
        until: Time(900_000),
        serial: 1,
        redelegate: false,
    };
    let signature = sign(2, &delegation.signed());
    world.authorities.delegate(delegation, &signature, &verifies, Time(1_000)).unwrap();
    let (mut call, seat) = call(&world, &mut log);
    assert!(call.invoke(Time(1_001), &recording(seat), &govern::provenance, &world, &mut log).1.is_some());
    let spoke = |name: &str| {
        let (_, own, _) = extract(log.waiting(), name, &AuthorityKey::new([1; 32]));
        let invoked = own.iter().filter_map(Record::read).find(|record| record.kind == RecordKind::Invoked).unwrap();
        [corporate, privacy].map(|authority| invoked.voices().speaker(authority))
    };
    let by_corporate = Some(Some(corporate));
    assert_eq!(spoke("corporate"), [by_corporate, by_corporate]);
    assert_eq!(spoke("privacy"), [None, by_corporate]);
}

#[test]
fn who_is_only_observed_is_in_the_extract_of_whose_participant_it_is() {
    let (world, mut log) = (world(), log());
    let mut call = Interaction::<4, 4>::create(id(), Time(1_000), Mode::Observe, &world, &mut log).unwrap();
    // Corporate admits no things; privacy is not asked about joining.
    let thing = Admission { kind: Kind::Device, home: Some(the("privacy")), ..person(1) };
    let seat = call.join(Time(1_000), &thing, &world, &mut log).unwrap();
    let _ = call.leave(Time(1_001), seat, &mut log).unwrap();
    let (_, own, _) = extract(log.waiting(), "privacy", &AuthorityKey::new([1; 32]));
    let kinds: Vec<RecordKind> = own.iter().filter_map(Record::read).map(|record| record.kind).collect();
    assert_eq!(kinds, [RecordKind::Created, RecordKind::Joined, RecordKind::Moved, RecordKind::Left]);
}
