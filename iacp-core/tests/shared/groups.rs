//! Group keys: who can read what, from which step on (`IACP §6.4.4`).

use iacp_core::crypto::{Portable, Suite};
use iacp_core::pss::shared::endpoint::EndpointFlags;
use iacp_core::pss::shared::frame::{GroupKey, Op};
use iacp_core::pss::shared::group_key::{Group, GroupError, Membership, OLDER, SEALING};
use iacp_core::pss::shared::right::{Due, READ, SUBSCRIBE, WRITE};
use iacp_core::pss::shared::{Endpoints, Reach, Rights};
use iacp_core::time::Mono;
use iacp_wire::Eid;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::{AT, GLOBAL, NO_ACCESS, OWNER, READING, World, slots};

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

type Owner = Group<3>;

/// A member that hears everything that its session brings.
#[derive(Default)]
struct Member {
    keys: Membership,
}

impl Member {
    /// Hears the key of the epoch, or that it is out. Returns whether it asks for the value again.
    fn hear(&mut self, now: Mono, group: &Owner, key: bool) -> bool {
        let mut content = [0; GroupKey::LEN];
        let written = if key { group.write_key(&mut content) } else { group.write_out(&mut content) };
        let length = written.expect("it fits");
        self.keys.take(now, &GroupKey::read(&content[..length]).expect("the library wrote it"))
    }

    fn open(&mut self, now: Mono, version: u64, sealed: &[u8]) -> Result<Vec<u8>, GroupError> {
        self.keys.open::<Portable>(now, &AT, version, &mut sealed.to_vec()).map(<[u8]>::to_vec)
    }
}

fn seal(group: &mut Owner, version: u64, value: &[u8]) -> Vec<u8> {
    group.seal::<Portable>(version, value).expect("it fits").to_vec()
}

fn group(suite: Suite, seconds: u32, random: &mut ChaCha8Rng) -> Owner {
    let mut group = Group::EMPTY;
    group.begin(Mono(0), AT, suite, seconds, random);
    group
}

// shows: IACP-149 (§6.4.4)
#[test]
fn a_former_member_reads_nothing_new_from_the_very_step_in_which_it_left() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let mut random = rng(1);
        let mut group = group(suite, 0, &mut random);
        let (mut staying, mut leaving, mut joining) = (Member::default(), Member::default(), Member::default());
        staying.hear(Mono(0), &group, true);
        leaving.hear(Mono(0), &group, true);
        let first = seal(&mut group, 1, b"for both");
        assert_eq!(seal(&mut group, 1, b"for both"), first, "it is sealed once: the same bytes go to all");
        assert_eq!(staying.open(Mono(0), 1, &first), Ok(b"for both".to_vec()));
        assert_eq!(leaving.open(Mono(0), 1, &first), Ok(b"for both".to_vec()));
        group.rotate(Mono(1), &mut random).expect("epochs are left");
        let second = seal(&mut group, 2, b"for one");
        assert_eq!(leaving.open(Mono(1), 2, &second), Err(GroupError::UnknownEpoch));
        leaving.hear(Mono(1), &group, false);
        assert!(!leaving.keys.is_member());
        assert_eq!(leaving.open(Mono(1), 2, &second), Err(GroupError::UnknownEpoch));
        let mut back = Member::default();
        back.hear(Mono(1), &group, false);
        back.hear(Mono(1), &group, true);
        assert_eq!(back.open(Mono(1), 2, &second), Ok(b"for one".to_vec()), "one that is trusted again is a member");
        back.hear(Mono(1), &group, false);
        assert!(back.keys.is_member(), "an OUT that comes late says nothing of the key that followed it");
        // KEY, and then the value.
        assert_eq!(staying.open(Mono(1), 2, &second), Err(GroupError::UnknownEpoch));
        assert!(staying.hear(Mono(1), &group, true), "what came before its key is asked for again");
        assert_eq!(staying.open(Mono(1), 2, &second), Ok(b"for one".to_vec()));
        assert_eq!(staying.open(Mono(1), 1, &first), Ok(b"for both".to_vec()), "two epochs for a minute");
        assert_eq!(staying.open(Mono(1 + OLDER), 1, &first), Err(GroupError::UnknownEpoch));
        // Joining does not rotate; nothing older than the epoch is readable.
        joining.hear(Mono(2), &group, true);
        assert_eq!(joining.open(Mono(2), 2, &second), Ok(b"for one".to_vec()));
        assert_eq!(joining.open(Mono(2), 1, &first), Err(GroupError::UnknownEpoch));
    }
}

#[test]
fn a_trust_list_has_its_places_and_an_epoch_ends_by_time() {
    let mut random = rng(1);
    let mut group = group(Suite::Aes256Gcm, 60, &mut random);
    for byte in 1..=3 {
        group.trust(Eid([byte; 32])).expect("room");
    }
    assert_eq!(group.trust(Eid([4; 32])), Err(GroupError::Capacity));
    assert_eq!(group.trust(Eid([3; 32])), Ok(()), "it is on it already");
    assert!(group.distrust(&Eid([1; 32])) && !group.distrust(&Eid([1; 32])));
    assert!(!group.trusts(&Eid([1; 32])) && group.trusts(&Eid([2; 32])));
    assert_eq!((group.epoch(), group.rotation_due()), (1, Some(Mono(60_000))));
    // A member's contract may want it sooner, and never later; with the epoch its wish ends.
    group.shorten(90);
    group.shorten(0);
    assert_eq!(group.rotation_due(), Some(Mono(60_000)));
    group.shorten(10);
    assert_eq!(group.rotation_due(), Some(Mono(10_000)));
    group.rotate(Mono(10_000), &mut random).expect("epochs are left");
    assert_eq!((group.epoch(), group.rotation_due()), (2, Some(Mono(70_000))));
    group.wipe();
    assert_eq!((group.epoch(), group.rotation_due()), (0, None));
    assert!(!group.trusts(&Eid([2; 32])));
    assert_eq!(group.seal::<Portable>(1, b"x"), Err(GroupError::Spent), "what has ended seals nothing");
}

// shows: IACP-149 (§6.4.4)
#[test]
fn keys_go_to_members_before_values_and_a_member_that_left_is_told_once() {
    let sealed = EndpointFlags { sealed: true, ..GLOBAL };
    let mut memory = slots();
    let mut endpoints = Endpoints::new(OWNER, &mut memory);
    let door = endpoints.create::<Portable>(b"door", sealed).expect("room");
    endpoints.find_mut(&door).expect("it is there").set_epoch(1);
    let mut rights = Rights::<3>::NONE;
    let mut world = World { now: Mono(0), sequence: 0 };
    rights.grant(Mono(0), door, READ | SUBSCRIBE | WRITE, 10).expect("room");
    // A right alone opens no sealed endpoint.
    assert_eq!(world.serve(&mut rights, &mut endpoints, door, READING), NO_ACCESS);
    assert_eq!(rights.update(Mono(0), Reach::Public, &endpoints), None);
    rights.trust(&door, true);
    let due = |rights: &Rights<3>, now, endpoints: &Endpoints<'_>| rights.update(Mono(now), Reach::Public, endpoints);
    assert_eq!(due(&rights, 0, &endpoints), Some(Due::Key(door)));
    assert_eq!(rights.due(Mono(0)), None, "nothing was told yet");
    rights.sent(Due::Key(door), 1);
    assert_eq!((due(&rights, 0, &endpoints), rights.due(Mono(0))), (None, Some(Mono(10_000))));
    world.serve(&mut rights, &mut endpoints, door, Op::Subscribe { known: 0 });
    assert_eq!(due(&rights, 0, &endpoints), Some(Due::Value(door)));
    rights.sent(Due::Value(door), 1);
    assert_eq!(rights.left(Mono(0), &endpoints, false), None);
    assert_eq!(rights.left(Mono(0), &endpoints, true), Some(door), "with its session every member leaves");
    // In the next epoch: the key, and then the same value sealed anew.
    endpoints.find_mut(&door).expect("it is there").set_epoch(2);
    assert_eq!(due(&rights, 1, &endpoints), Some(Due::Key(door)));
    rights.sent(Due::Key(door), 2);
    assert_eq!(due(&rights, 1, &endpoints), Some(Due::Value(door)));
    rights.sent(Due::Value(door), 1);
    assert_eq!(due(&rights, 1, &endpoints), None);
    // By time, by the Trust List, by silence: whatever ends membership ends the epoch, and while that is so nothing is due.
    assert_eq!(rights.left(Mono(10_000), &endpoints, false), Some(door));
    rights.trust(&door, false);
    assert_eq!(rights.left(Mono(1), &endpoints, false), Some(door));
    rights.trust(&door, true);
    rights.set_away(true);
    assert_eq!(rights.left(Mono(1), &endpoints, false), Some(door));
    endpoints.find_mut(&door).expect("it is there").set_epoch(0);
    endpoints.write(&door, 0, b"not for it").expect("it is there");
    assert_eq!(due(&rights, 1, &endpoints), None);
    endpoints.find_mut(&door).expect("it is there").set_epoch(3);
    assert_eq!(due(&rights, 1, &endpoints), Some(Due::Out(door)));
    rights.sent(Due::Out(door), 3);
    assert_eq!(due(&rights, 1, &endpoints), None, "and nothing more");
    // Back again, it is a member again.
    rights.set_away(false);
    assert_eq!(due(&rights, 1, &endpoints), Some(Due::Key(door)));
    // A right that was taken back is told with OUT, if the key was told before.
    rights.sent(Due::Key(door), 3);
    assert!(rights.revoke(&door));
    assert_eq!(rights.left(Mono(1), &endpoints, false), Some(door));
    endpoints.find_mut(&door).expect("it is there").set_epoch(4);
    assert_eq!(due(&rights, 1, &endpoints), Some(Due::Out(door)));
    rights.sent(Due::Out(door), 4);
    assert!(!rights.has(&door) && due(&rights, 1, &endpoints).is_none());
}

/// The attacks *old KEY or VALUE replayed or late* and *nonce reuse in groups after a crash*.
#[test]
fn old_keys_change_nothing_and_no_nonce_comes_twice() {
    let mut random = rng(1);
    let mut group = group(Suite::Aes256Gcm, 0, &mut random);
    let mut old = [0; GroupKey::LEN];
    group.write_key(&mut old).expect("it fits");
    let mut hearing = Member::default();
    hearing.keys.take(Mono(0), &GroupKey::read(&old).expect("sound"));
    group.rotate(Mono(0), &mut random).expect("epochs are left");
    hearing.hear(Mono(0), &group, true);
    let value = seal(&mut group, 2, b"new");
    hearing.keys.take(Mono(0), &GroupKey::read(&old).expect("sound"));
    assert_eq!(hearing.open(Mono(0), 2, &value), Ok(b"new".to_vec()), "an older KEY changes nothing");
    // The head of a sealed value is epoch, salt, counter: no two are equal, over rotations and restarts.
    let mut heads = std::collections::BTreeSet::new();
    for round in 0..50 {
        for version in 3..8 {
            assert!(heads.insert(seal(&mut group, version, b"x")[..24].to_vec()), "a nonce came twice");
        }
        if round % 2 == 0 { group.renew(&mut random) } else { group.rotate(Mono(0), &mut random).expect("epochs") }
    }
    // Whatever is altered, nothing opens.
    hearing.hear(Mono(0), &group, true);
    let good = seal(&mut group, 7, b"whole");
    assert_eq!(good.len(), 5 + SEALING);
    assert_eq!(hearing.open(Mono(0), 8, &good), Err(GroupError::Seal), "another version");
    for byte in 0..good.len() {
        let mut altered = good.clone();
        altered[byte] ^= 1;
        assert!(hearing.open(Mono(0), 7, &altered).is_err(), "byte {byte}");
    }
    assert!((0..40).all(|length| hearing.open(Mono(0), 7, &good[..length]).is_err()));
    assert_eq!(hearing.open(Mono(0), 7, &good), Ok(b"whole".to_vec()));
    assert_eq!(group.seal::<Portable>(8, &[0; 796]), Err(GroupError::Length));
    assert_eq!(group.seal::<Portable>(8, &[0; 795]).map(<[u8]>::len), Ok(835));
}
