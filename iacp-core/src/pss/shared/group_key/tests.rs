use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::crypto::ChaChaOnly;

const AT: Coordinate = Coordinate([0x22; 32]);
const SUITE: Suite = Suite::ChaCha20Poly1305;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn group(seconds: u32) -> Group<2> {
    let mut group = Group::EMPTY;
    group.begin(Mono(1_000), AT, SUITE, seconds, &mut rng());
    group
}

fn key(epoch: u64, key: Option<&[u8; 32]>) -> GroupKey<'_> {
    GroupKey { coordinate: AT, epoch, suite: SUITE, seconds: 0, key }
}

// shows: IACP-149 (§6.4.4)
#[test]
fn an_epoch_seals_as_many_values_as_it_may_and_the_last_epoch_none() {
    let mut group = group(0);
    group.counter = VALUES - 1;
    assert!(group.seal::<ChaChaOnly>(1, b"last").is_ok());
    assert_eq!(group.counter, VALUES);
    assert!(group.seal::<ChaChaOnly>(1, b"last").is_ok(), "it is sealed already");
    assert_eq!(group.seal::<ChaChaOnly>(2, b"more"), Err(GroupError::Spent));
    group.epoch = u64::MAX - 1;
    assert_eq!(group.rotate(Mono(2_000), &mut rng()), Ok(()));
    assert_eq!((group.epoch(), group.counter), (u64::MAX, 0));
    assert_eq!(group.rotate(Mono(3_000), &mut rng()), Err(GroupError::Spent));
    assert_eq!(group.seal::<ChaChaOnly>(3, b"more"), Err(GroupError::Spent), "also not under the old key");
}

#[test]
fn a_version_is_sealed_once_and_version_0_never_stands() {
    let mut group = group(0);
    let seals = |group: &mut Group<2>, version| {
        let before = group.counter;
        group.seal::<ChaChaOnly>(version, b"value").expect("it fits");
        group.counter - before
    };
    assert_eq!([5, 5, 6, 5, 0, 0].map(|version| seals(&mut group, version)), [1, 0, 1, 1, 1, 1]);
    group.renew(&mut rng());
    assert_eq!((group.counter, group.epoch()), (0, 1), "the epoch goes on with a new salt");
    assert_eq!(seals(&mut group, 5), 1);
}

#[test]
fn a_group_that_has_come_from_another_host_begins_its_next_epoch() {
    let mut group = group(60);
    group.trust(Eid([1; 32])).expect("room");
    group.trust(Eid([2; 32])).expect("room");
    assert!(group.members().eq(&[Eid([1; 32]), Eid([2; 32])]));
    group.go_on(Mono(9_000), AT, SUITE, 30, 7, &mut rng());
    assert_eq!((group.epoch(), group.rotation(), group.rotation_due()), (8, 30, Some(Mono(39_000))));
    assert_eq!((group.members().count(), group.coordinate()), (0, AT));
    group.go_on(Mono(9_000), AT, SUITE, 0, u64::MAX, &mut rng());
    assert_eq!(group.rotation_due(), None, "it ends by order alone");
    assert_eq!(group.seal::<ChaChaOnly>(1, b"more"), Err(GroupError::Spent));
}

#[test]
fn an_epoch_ends_by_the_shortest_of_the_times_asked_for() {
    for (own, wanted, due) in [(0, 0, None), (0, 5, Some(6_000)), (5, 0, Some(6_000)), (5, 5, Some(6_000))] {
        let mut group = group(own);
        group.shorten(wanted);
        assert_eq!(group.rotation_due(), due.map(Mono), "{own} s and {wanted} s");
    }
    let mut group = group(5);
    group.shorten(4);
    assert_eq!(group.rotation_due(), Some(Mono(5_000)));
    group.wipe();
    assert_eq!(group.rotation_due(), None);
}

/// Epochs at a member: what is not above the newest changes nothing.
#[test]
fn a_member_takes_each_epoch_once_and_goes_with_an_out() {
    let (old, new) = ([1; 32], [2; 32]);
    let mut member = Membership::new();
    let newest = |member: &Membership| member.newest.as_ref().map(|epoch| epoch.number);
    let older = |member: &Membership| member.older.as_ref().map(|(epoch, until)| (epoch.number, until.0));
    assert!(!member.take(Mono(0), &key(4, Some(&old))), "nothing has come before its key");
    assert!(member.is_member());
    assert!(!member.take(Mono(0), &key(4, Some(&new))));
    assert_eq!(member.newest.as_ref().map(|epoch| *epoch.key.expose()), Some(old));
    member.take(Mono(10), &key(5, Some(&new)));
    assert_eq!((newest(&member), older(&member)), (Some(5), Some((4, 10 + OLDER))));
    member.expire(Mono(9 + OLDER));
    assert!(older(&member).is_some());
    member.expire(Mono(10 + OLDER));
    assert_eq!((newest(&member), older(&member)), (Some(5), None));
    // OUT counts above the newest epoch, and keys count from its own epoch on.
    member.take(Mono(20), &key(5, None));
    assert!(member.is_member());
    member.take(Mono(20), &key(6, None));
    assert!(!member.is_member());
    member.take(Mono(20), &key(5, Some(&old)));
    assert!(!member.is_member(), "the key of an earlier epoch");
    member.take(Mono(20), &key(6, Some(&new)));
    assert_eq!(newest(&member), Some(6));
    member.take(Mono(20), &key(6, None));
    assert_eq!(newest(&member), Some(6), "it was told before that key");
}

/// A value under an epoch that is not known yet is asked for when its key comes; one under an older epoch is not.
#[test]
fn a_value_that_came_before_its_key_is_asked_for_again() {
    let value = |epoch: u64| {
        let mut value = [0; 48];
        value[..8].copy_from_slice(&epoch.to_be_bytes());
        value
    };
    for (number, asks) in [(3, false), (4, false), (5, true), (6, true)] {
        let mut member = Membership::new();
        member.take(Mono(0), &key(4, Some(&[1; 32])));
        let opened = member.open::<ChaChaOnly>(Mono(0), &AT, 1, &mut value(number)).map(|_| ());
        assert_eq!(opened, Err(if number == 4 { GroupError::Seal } else { GroupError::UnknownEpoch }));
        assert_eq!(member.take(Mono(0), &key(5, Some(&[2; 32]))), asks, "epoch {number}");
        assert!(!member.take(Mono(0), &key(6, Some(&[2; 32]))), "once");
    }
    let mut stranger = Membership::new();
    assert!(stranger.open::<ChaChaOnly>(Mono(0), &AT, 1, &mut value(1)).is_err());
    assert!(stranger.take(Mono(0), &key(1, Some(&[1; 32]))));
    for length in [0, 23, 24, 39] {
        assert_eq!(stranger.open::<ChaChaOnly>(Mono(0), &AT, 1, &mut value(1)[..length]), Err(GroupError::Length));
    }
}
