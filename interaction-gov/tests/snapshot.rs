//! A snapshot is restored exactly, or refused (`IoE R1`, `R4`).

mod govern;

use govern::{
    CORPORATE, Call, PRIVACY, Records, World, call, log, names, policy, recording, request, sign, take, the, verifies,
    world,
};
use interaction_gov::audit::{Log, RECORD, Record, RecordKind, Verdict};
use interaction_gov::authority::{Authorities, AuthorityError, Delegation, Update};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Mode, Refused};
use interaction_gov::participant::Seat;
use interaction_gov::policy::{Policy, Scope};
use interaction_gov::rollout::{RolloutError, Track};
use interaction_gov::snapshot::{PlaneStamp, SnapshotError, Stamp};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Set};
use sha2::{Digest as _, Sha256};

fn kept(call: &Call) -> (Vec<u8>, Stamp) {
    let needed = call.snapshot(&mut []).unwrap_err();
    let mut bytes = vec![0; needed];
    let (used, stamp) = call.snapshot(&mut bytes).unwrap();
    assert_eq!(used, needed);
    (bytes, stamp)
}

#[test]
fn an_interaction_goes_on_in_another_process_with_its_permits() {
    // shows: IOE-057 (§4.1 R1), IOE-075 (§4.4 R4)
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let (_, binding) = call.invoke(Time(1_001), &recording(seat), &govern::provenance, &world, &mut log);
    let speak = request(seat, "speak");
    let lease = call.decide(Time(1_002), &speak, &world, &mut log).lease.unwrap();
    let (bytes, stamp) = kept(&call);
    let before = *call.chain();
    drop(call);
    stamp.verify(&bytes, stamp.reached(), &govern::key(9).pk, &sign(9, &stamp.signed()), &verifies).unwrap();
    let mut call = Call::restore(&bytes).unwrap();
    assert_eq!(call.chain(), &before);
    assert!(call.permits(&lease, &speak, Time(1_003), &world), "the same one: its permits hold on");
    assert!(call.holds(call.running(binding.unwrap()).unwrap().lease(), Time(1_003), &world));
    assert_eq!(call.decide(Time(1_004), &speak, &world, &mut log).verdict, Verdict::Permit);
    assert_eq!(call.chain().next(), before.next() + 1);
    // The trail shows where the interaction was restored, and from which snapshot.
    call.resumed(&bytes, &mut log).unwrap();
    let last = Record::read(log.waiting().last().unwrap()).unwrap();
    assert_eq!((last.kind, last.sequence), (RecordKind::Restored, before.next() + 1));
    assert_eq!(last.subject[..], Sha256::digest(&bytes)[..16]);
    let _ = call.terminate(Time(1_005), &mut log).unwrap();
    assert_eq!(call.resumed(&bytes, &mut log), Err(Refused(Verdict::NotActive)));
}

#[test]
fn the_bytes_are_those_of_the_profile() {
    let (world, mut log) = (world(), log());
    let id = InteractionId::recorded([7; 16]);
    let fresh = Call::create(id, Time(0x0102), Mode::Observe, &world, &mut log).unwrap();
    let (bytes, stamp) = kept(&fresh);
    let hash = *fresh.chain().hash();
    let by_hand: [&[u8]; 21] = [
        &[1],
        &[7; 16],
        &[0, 0, 0, 1],
        &hash,
        &[0; 4],                               // no head yet
        &[0; 4],                               // the stable track
        &[0; 5],                               // not pinned
        &[1, 0, 0],                            // observing, created, not suspended
        &[0; 4],                               // epoch
        &[0, 0, 0, 0, 0, 0, 1, 2],             // last time
        &hash[..4],                            // birth
        &[0; 5],                               // nothing unrecorded
        &[8],                                  // refusals left
        &[0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0], // since, and none spared
        &[1, 0, 0, 0, 0],                      // version 0 governs
        &[0, 0, 0, 1],                         // one change: it was published
        &[0],
        &[0; 4], // no participant, no function
        &[0; 2], // no bans, no participant, no function
        &[0; 2],
        &[0; 2],
    ];
    assert_eq!(bytes, by_hand.concat());
    assert_eq!((stamp.records, stamp.time), (1, Time(0x0102)));
    let (records, time) = ([0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 2]);
    let signed = [&b"IoE/2 snapshot\0"[..], &[7; 16], &records, &time, &Sha256::digest(&bytes)];
    assert_eq!(stamp.signed()[..], Sha256::digest(signed.concat())[..]);
    // A participant takes 161 bytes more, and a function 123.
    let (mut call, seat) = call(&world, &mut log);
    let with_people = kept(&call).0.len();
    let people = (with_people - bytes.len()) / 161;
    assert_eq!(with_people, bytes.len() + people * 161);
    let (_, binding) = call.invoke(Time(1_001), &recording(seat), &govern::provenance, &world, &mut log);
    assert!(people > 0 && binding.is_some());
    assert_eq!(kept(&call).0.len(), with_people + 123);
}

#[test]
fn a_control_planes_bytes_are_those_of_the_profile() {
    let mut world = world();
    let scope = Scope::read("record in eu with consent recording from 0800 to 1800 own", &names()).unwrap();
    let (from, to): (Authority, Authority) = (the("privacy"), the("corporate"));
    let vocabulary = *names().digest();
    let delegation = Delegation { from, to, scope, vocabulary, until: Time(900_000), serial: 3, redelegate: false };
    let signature = sign(2, &delegation.signed());
    world.authorities.delegate(delegation, &signature, &verifies, Time(0)).unwrap();
    world.authorities.set_reach(from, false);
    world.start_canary(0, 25).unwrap();
    world.emergency(0).unwrap();
    let mut bytes = vec![0; world.snapshot(&mut []).unwrap_err()];
    world.snapshot(&mut bytes).unwrap();
    let digest = *world.version(0).unwrap().digest();
    let authority = |number: u8, text: &str, serial: u8| {
        let before = [[0; 4].as_slice(), &Sha256::digest([])].concat();
        let latest = [[0, 0, 0, 1].as_slice(), &Sha256::digest(text)].concat();
        [&[1], &govern::key(number).pk[..], &latest, &before, &[0], &[0, 0, 0, serial]].concat()
    };
    let by_hand: [&[u8]; 32] = [
        &[3],
        &authority(1, CORPORATE, 0),
        &authority(2, PRIVACY, 3),
        &[0; 6],                   // six authorities that are not known
        &[0, 0, 0, 0b10],          // privacy cannot be asked
        &[0, 0, 0, 5],             // five changes …
        &[0, 0, 0, 0, 0, 0, 0, 3], // … the third of them about who speaks for privacy
        &[0; 6 * 4],
        &[0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0],       // version 0 was published
        &[9, 1, 0, 255, 255, 255, 255, 0, 0, 0, 0],   // privacy has delegated to corporate
        &[7, 1, 255, 255, 255, 255, 255, 0, 0, 0, 0], // it cannot be asked
        &[4, 255, 255, 0, 0, 0, 0, 0, 0, 0, 1],       // a canary has begun, of version 0 on track 1
        &[1, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0],       // an emergency
        &[1],                                         // a vocabulary
        &vocabulary,
        &[1, 1, 0, 0], // a delegation, from privacy to corporate, not to be passed on
        &vocabulary,
        &900_000_u64.to_be_bytes(),
        &[0, 0, 0, 3],
        &[0, 0, 0, 0b100], // record
        &[0; 15],          // any role, stream and function
        &[1],
        &0b11_u128.to_be_bytes(),                       // the EU: de and fr
        &[0xF, 0xF, 7, 1],                              // any kind, posture and provenance; only its own
        &[2, 0, 0, 0, 0, 0, 4, 0x01, 0xE0, 0x04, 0x38], // with consent to recording; from 480 to 1080 minutes
        &[0, 0, 0, 1, 0, 0, 0, 1],                      // a version and a canary were made
        &[1, 0, 0, 0, 0],                               // version 0 is the stable one
        &[1, 0, 0, 0, 0],                               // and governs all in an emergency
        &[1, 0, 0, 0, 1, 25, 0, 0, 0, 0, 0],            // the canary: track 1, 25 percent, version 0, not rolled back
        &[1],
        &[0, 0, 0, 0, 0], // version 0, not rolled back
        &digest,
    ];
    let by_hand = by_hand.concat();
    let differs = bytes.iter().zip(&by_hand).position(|(one, other)| one != other);
    assert_eq!((differs, bytes.len()), (None, by_hand.len()));
}

#[test]
fn the_control_planes_stamp_is_no_interactions() {
    let (world, mut log) = (world(), log());
    let (call, _) = call(&world, &mut log);
    let mut bytes = vec![0; world.snapshot(&mut []).unwrap_err()];
    world.snapshot(&mut bytes).unwrap();
    let stamp = PlaneStamp::of(3, Time(1_000), &bytes);
    let key = *govern::key(9).pk;
    let verify = |newest, signature: &[u8; 64]| stamp.verify(&bytes, newest, &key, signature, &verifies);
    assert_eq!(verify(3, &sign(9, &stamp.signed())), Ok(()));
    assert_eq!(verify(4, &sign(9, &stamp.signed())), Err(SnapshotError::Stale));
    assert_eq!(verify(3, &sign(1, &stamp.signed())), Err(SnapshotError::Forged), "another key");
    for other in [PlaneStamp { number: 4, ..stamp }, PlaneStamp { time: Time(0), ..stamp }] {
        assert_eq!(verify(3, &sign(9, &other.signed())), Err(SnapshotError::Forged), "{other:?}");
    }
    let of_a_call = Stamp::of(*call.id(), (3, 0), Time(1_000), &bytes);
    assert_eq!(verify(3, &sign(9, &of_a_call.signed())), Err(SnapshotError::Forged), "an interaction's stamp");
    bytes[40] ^= 1;
    assert_eq!(stamp.verify(&bytes, 3, &key, &sign(9, &stamp.signed()), &verifies), Err(SnapshotError::Forged));
}

#[test]
fn what_is_old_altered_or_anothers_is_refused() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let (old, stamp) = kept(&call);
    let signature = sign(9, &stamp.signed());
    let key = *govern::key(9).pk;
    assert_eq!(stamp.verify(&old, (0, 0), &key, &signature, &verifies), Ok(()));
    assert_eq!(stamp.verify(&old, (0, 0), &key, &sign(1, &stamp.signed()), &verifies), Err(SnapshotError::Forged));
    let _ = call.decide(Time(1_001), &request(seat, "speak"), &world, &mut log);
    let (new, newer) = kept(&call);
    assert_eq!(stamp.verify(&new, (0, 0), &key, &signature, &verifies), Err(SnapshotError::Forged), "other bytes");
    assert_eq!(stamp.verify(&old, newer.reached(), &key, &signature, &verifies), Err(SnapshotError::Stale));
    for at in 0..old.len() {
        let mut altered = old.clone();
        altered[at] ^= 1;
        assert_eq!(
            stamp.verify(&altered, (0, 0), &key, &signature, &verifies),
            Err(SnapshotError::Forged),
            "byte {at}"
        );
        // Altered bytes never cause a panic when they are restored without a check.
        let _ = Call::restore(&altered);
        assert_eq!(Call::restore(&old[..at]).err(), Some(SnapshotError::Length), "cut at {at}");
    }
    let mut longer = old.clone();
    longer.push(0);
    assert_eq!(Call::restore(&longer).err(), Some(SnapshotError::Length));
    longer[0] = 2;
    assert_eq!(Call::restore(&longer).err(), Some(SnapshotError::Format(2)));
    assert_eq!(Interaction::<0, 4>::restore(&old).err(), Some(SnapshotError::NoRoom));
}

#[test]
fn seats_names_and_functions_that_contradict_each_other_are_refused() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    call.join(Time(1_000), &govern::person(2), &world, &mut log).unwrap();
    for parent in [None, Some(interaction_gov::function::Binding(0))] {
        let invocation = interaction_gov::function::Invocation { parent, ..recording(seat) };
        assert!(call.invoke(Time(1_001), &invocation, &govern::provenance, &world, &mut log).1.is_some());
    }
    let (bytes, _) = kept(&call);
    // The next numbers, two participants of 161 bytes, and two functions of 123.
    let (numbers, first, second) = (113, 121, 121 + 161);
    let (one, other) = (second + 161 + 2, second + 161 + 2 + 123);
    assert_eq!((bytes.len(), &bytes[numbers..numbers + 4]), (other + 123, &[0, 2, 0, 2][..]));
    let with = |at: usize, field: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + field.len()].copy_from_slice(field);
        Call::restore(&bytes).err()
    };
    assert_eq!(with(other, &[0, 1]), None, "it is what stands there");
    let (of_seat, of_binding) = (Some(SnapshotError::Field("seat")), Some(SnapshotError::Field("binding")));
    assert_eq!(with(numbers, &[0, 1]), of_seat, "no such number was given");
    assert_eq!(with(second, &[0, 0]), of_seat, "the seat of another one");
    assert_eq!(with(second + 2, &bytes[first + 2..first + 18]), of_seat, "the name of another one");
    assert_eq!(with(numbers + 2, &[0, 1]), of_binding, "no such number was given");
    assert_eq!(with(other, &[0, 0]), of_binding, "the number of another one");
    assert_eq!(with(one + 8, &[0, 9]), of_binding, "for a participant that is not there");
    assert_eq!(with(one + 10, &[0, 0]), of_binding, "delegated by itself");
    assert_eq!(with(one + 12 + 32 + 8, &[1]), Some(SnapshotError::Field("health")), "it runs, and has failed");
}

#[test]
fn versions_and_canaries_that_contradict_each_other_are_refused() {
    let mut world = world();
    govern::another(&mut world);
    world.start_canary(1, 100).unwrap();
    let mut bytes = vec![0; world.snapshot(&mut []).unwrap_err()];
    world.snapshot(&mut bytes).unwrap();
    let mut again = World::new(Authorities::new(), [5; 32]);
    let mut with = |from_the_end: usize, field: &[u8]| {
        let mut bytes = bytes.clone();
        let at = bytes.len() - from_the_end;
        bytes[at..at + field.len()].copy_from_slice(field);
        let texts = policy(&[CORPORATE, PRIVACY]);
        let compile = |_: &[u8; 32], to: &mut Policy<2>| {
            to.clone_from(&texts);
            true
        };
        again.restore(&bytes, compile)
    };
    // The canary of 11 bytes, a count, and two versions of 37.
    let canary = 2 * 37 + 1 + 10;
    assert_eq!(with(canary, &[0, 0, 0, 1, 100]), Ok(()), "it is what stands there");
    for wrong in [[0, 0, 0, 1, 101], [0, 0, 0, 0, 100], [0, 0, 0, 2, 100]] {
        assert_eq!(with(canary, &wrong), Err(SnapshotError::Field("canary")), "{wrong:?}");
    }
    for wrong in [0, 2] {
        assert_eq!(with(37, &[0, 0, 0, wrong]), Err(SnapshotError::Field("version")), "number {wrong}");
    }
}

#[test]
fn what_was_tightened_without_room_for_a_record_is_not_undone_by_an_older_snapshot() {
    let world = world();
    let key = *govern::key(9).pk;
    type Tighten = fn(&mut Call, Seat, &mut Records);
    let steps: [(&str, Tighten); 4] = [
        ("ban", |call, seat, log| assert!(call.ban(Time(1_002), seat, log).is_ok())),
        ("consent", |call, seat, log| assert!(call.consent(Time(1_002), seat, Set::EMPTY, log).is_ok())),
        ("suspend", |call, _, log| assert!(call.suspend(Time(1_002), log).is_ok())),
        ("terminate", |call, _, log| assert!(call.terminate(Time(1_002), log).is_ok())),
    ];
    for (name, tighten) in steps {
        let mut log = log();
        let (mut call, seat) = call(&world, &mut log);
        // A log without any room, also for the records of what tightens.
        let mut full = Log::new(vec![[0; RECORD]; 0]);
        let before = kept(&call);
        let mut kept_one_by_one = vec![before];
        tighten(&mut call, seat, &mut full);
        assert!(call.unrecorded() > 0, "{name}");
        kept_one_by_one.push(kept(&call));
        call.settle(&mut log).unwrap();
        assert_eq!(call.unrecorded(), 0);
        kept_one_by_one.push(kept(&call));
        for (at, (bytes, stamp)) in kept_one_by_one.iter().enumerate() {
            let signature = sign(9, &stamp.signed());
            for (newest, (_, other)) in kept_one_by_one.iter().enumerate() {
                let expected = if at < newest { Err(SnapshotError::Stale) } else { Ok(()) };
                let verified = stamp.verify(bytes, other.reached(), &key, &signature, &verifies);
                assert_eq!(verified, expected, "{name}: {at} after {newest}");
            }
            let raised = Stamp { unrecorded: stamp.unrecorded + 1, ..*stamp };
            assert_eq!(raised.verify(bytes, (0, 0), &key, &signature, &verifies), Err(SnapshotError::Forged));
        }
        assert_eq!(kept_one_by_one[0].1.records, kept_one_by_one[1].1.records, "{name}: no record tells it");
    }
}

#[test]
fn after_a_restart_nothing_superseded_revoked_or_rolled_back_comes_again() {
    let (mut world, mut log) = (world(), log());
    let strict = CORPORATE.replace("version 1", "version 2").replace("join, speak", "join");
    take(&mut world, "corporate", 2, CORPORATE, &strict);
    let bad = world.install(&policy(&[&strict, PRIVACY])).unwrap();
    world.publish(Track::STABLE, bad).unwrap();
    let (corporate, privacy): (Authority, Authority) = (the("corporate"), the("privacy"));
    world.roll_back(corporate, 0).unwrap();
    let delegation = Delegation {
        from: privacy,
        to: corporate,
        scope: Scope::read("record in eu with consent recording from 0800 to 1800 own", &names()).unwrap(),
        until: Time(900_000),
        serial: 1,
        vocabulary: *names().digest(),
        redelegate: false,
    };
    let signature = sign(2, &delegation.signed());
    world.authorities.delegate(delegation.clone(), &signature, &verifies, Time(0)).unwrap();
    world.authorities.set_reach(privacy, false);
    let (mut call, seat) = call(&world, &mut log);
    let speak = request(seat, "speak");
    let lease = call.decide(Time(1_002), &speak, &world, &mut log).lease.unwrap();

    let needed = world.snapshot(&mut []).unwrap_err();
    let mut bytes = vec![0; needed];
    assert_eq!(world.snapshot(&mut bytes), Ok(needed));
    let texts = [policy(&[CORPORATE, PRIVACY]), policy(&[&strict, PRIVACY])];
    let compile = |digest: &[u8; 32], to: &mut Policy<2>| {
        let found = texts.iter().find(|policy| policy.digest() == digest);
        found.map(|policy| to.clone_from(policy)).is_some()
    };
    let mut again = World::new(Authorities::new(), [5; 32]);
    again.restore(&bytes, compile).unwrap();
    let mut same = vec![0; needed];
    assert_eq!((again.snapshot(&mut same), &same), (Ok(needed), &bytes));
    // The same version governs, and earlier permits hold.
    assert!(call.permits(&lease, &speak, Time(1_003), &again));
    assert_eq!(again.version_of(Track::STABLE).unwrap().number, 0);
    assert_eq!(again.publish(Track::STABLE, bad), Err(RolloutError::Withdrawn));
    assert_eq!(again.authorities.silent(), govern::all(&["privacy"]));
    let delegated = again.authorities.delegate(delegation, &signature, &verifies, Time(0));
    assert_eq!(delegated, Err(AuthorityError::Stale), "once more");
    let old = Update {
        authority: corporate,
        version: 1,
        follows: Sha256::digest([]).into(),
        vocabulary: *names().digest(),
        text: CORPORATE,
    };
    let taken = again.authorities.take(&old, &sign(1, &old.signed()), &verifies, &names(), &mut Policy::<2>::new());
    assert_eq!(taken, Err(AuthorityError::Stale));
    assert_eq!(again.install(&policy(&[&strict, PRIVACY])), Ok(2), "no number is given twice");
    // Nothing is restored without the texts, or from a part of the bytes.
    for at in 0..needed {
        assert!(again.restore(&bytes[..at], compile).is_err(), "cut at {at}");
    }
    assert_eq!(again.restore(&bytes, |_, _| false), Err(SnapshotError::Field("the texts of a version")));
    assert!(again.version_of(Track::STABLE).is_none() && !call.holds(&lease, Time(1_003), &again));
    for at in 0..needed {
        let mut altered = bytes.clone();
        altered[at] ^= 0x55;
        let _ = again.restore(&altered, compile);
    }
}
