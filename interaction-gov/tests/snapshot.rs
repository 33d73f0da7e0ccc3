//! What outlives a process is restored exactly, or refused (`IoE R1`, `R4`).

mod govern;

use govern::{
    CORPORATE, Call, PRIVACY, World, call, log, names, policy, recording, request, sign, take, the, verifies, world,
};
use interaction_gov::audit::Verdict;
use interaction_gov::authority::{Authorities, AuthorityError, Delegation, Update};
use interaction_gov::interaction::Interaction;
use interaction_gov::policy::{Policy, Scope};
use interaction_gov::rollout::{RolloutError, Track};
use interaction_gov::snapshot::{SnapshotError, Stamp};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Authority;
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
    // shows: IOE-057, IOE-075
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let (_, binding) = call.invoke(Time(1_001), &recording(seat), &govern::provenance, &world, &mut log);
    let speak = request(seat, "speak");
    let lease = call.decide(Time(1_002), &speak, &world, &mut log).lease.unwrap();
    let (bytes, stamp) = kept(&call);
    let before = *call.chain();
    drop(call);
    stamp.verify(&bytes, stamp.records, &govern::key(9).pk, &sign(9, &stamp.signed()), &verifies).unwrap();
    let mut call = Call::restore(&bytes).unwrap();
    assert_eq!(call.chain(), &before);
    assert!(call.permits(&lease, &speak, Time(1_003), &world), "the same one: its permits hold on");
    assert!(call.holds(call.running(binding.unwrap()).unwrap().lease(), Time(1_003), &world));
    assert_eq!(call.decide(Time(1_004), &speak, &world, &mut log).verdict, Verdict::Permit);
    assert_eq!(call.chain().next(), before.next() + 1);
}

#[test]
fn what_is_old_altered_or_anothers_is_refused() {
    let (world, mut log) = (world(), log());
    let (mut call, seat) = call(&world, &mut log);
    let (old, stamp) = kept(&call);
    let signature = sign(9, &stamp.signed());
    let key = *govern::key(9).pk;
    assert_eq!(stamp.verify(&old, 0, &key, &signature, &verifies), Ok(()));
    assert_eq!(stamp.verify(&old, 0, &key, &sign(1, &stamp.signed()), &verifies), Err(SnapshotError::Forged));
    let _ = call.decide(Time(1_001), &request(seat, "speak"), &world, &mut log);
    let (new, newer) = kept(&call);
    assert_eq!(stamp.verify(&new, 0, &key, &signature, &verifies), Err(SnapshotError::Forged), "other bytes");
    assert_eq!(stamp.verify(&old, newer.records, &key, &signature, &verifies), Err(SnapshotError::Stale));
    for at in 0..old.len() {
        let mut altered = old.clone();
        altered[at] ^= 1;
        assert_eq!(stamp.verify(&altered, 0, &key, &signature, &verifies), Err(SnapshotError::Forged), "byte {at}");
        // Unsigned bytes make no interaction that cannot be, and never a panic.
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
    // What governed, governs; what was permitted, is.
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
    // Without the texts, or of half of it, nothing is restored.
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
