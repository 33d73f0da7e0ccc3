//! Shares, floors and lists of a store.

extern crate std;

use super::*;

/// PROFILE 13.7: two epochs of the largest filter.
#[test]
fn a_node_has_room_for_two_epochs_of_the_largest_filter() {
    const PLACES: usize = 1_024;
    let mut places: std::vec::Vec<_> = (0..PLACES).map(|_| Slot::new(Entry::EMPTY)).collect();
    let mut cells = std::vec![0; 2 * PLACES];
    let mut store = Store::new(&mut places, &mut cells, [7; 16]).expect("the memory suffices");
    let mut put = |part: u8| {
        let mut which = Which { kind: Kind::Filter, key: DhtKey([9; 32]), which: [0; 32] };
        which.which.iter_mut().take(1).for_each(|byte| *byte = part);
        let record = Record { kind: Kind::Filter as u8, storage_key: which.key, expiry: 9, body: &[part] };
        store.put(UnixTime(0), &which, &record, 9, Source::Node(IpAddr::from([10, 0, 0, 1])))
    };
    assert!((0..128).all(|part| put(part) == Ok(())));
    assert_eq!(put(128), Err(Full));
    assert_eq!(store.list(UnixTime(0), Kind::Filter, DhtKey([9; 32])).count(), 128);
}

#[test]
fn a_full_table_finds_room_where_bindings_ran_out_and_looks_at_few_places() {
    const PLACES: usize = 256;
    let mut places: std::vec::Vec<_> = (0..PLACES).map(|_| Slot::new(Entry::EMPTY)).collect();
    let mut cells = std::vec![0; 2 * PLACES];
    let mut store = Store::new(&mut places, &mut cells, [7; 16]).expect("the memory suffices");
    let which = |number: u32| {
        let mut key = [0; 32];
        key.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        Which { kind: Kind::Binding, key: DhtKey(key), which: [0; 32] }
    };
    let from = |number: u32| Source::Owner(IpAddr::from(number.to_be_bytes()));
    // Each from a network of its own. The last 16 run out first.
    for number in 0..256 {
        let which = which(number);
        let expiry = if number < 240 { 1_000 } else { 10 };
        let record = Record { kind: Kind::Binding as u8, storage_key: which.key, expiry, body: b"" };
        store.put(UnixTime(0), &which, &record, expiry, from(number << 8)).expect("room");
    }
    // 32 places are swept with each request, so the eighth one finds the floors.
    let mut refused = 0;
    while store.room(UnixTime(20), &which(1_000), from(0x0aff_0000)).is_err() {
        refused += 1;
    }
    assert_eq!(refused, 7);
    assert_eq!(store.fill(), (255, 256));
    assert!((0..240).all(|number| store.held(&which(number)).is_some()), "no record that lives gives way");
}

fn numbered(number: u8) -> Which {
    Which { kind: Kind::Binding, key: DhtKey([number; 32]), which: [0; 32] }
}

fn with_store<T>(run: impl FnOnce(&mut Store<'_>) -> T) -> T {
    let mut places: std::vec::Vec<_> = (0..256).map(|_| Slot::new(Entry::EMPTY)).collect();
    let mut cells = std::vec![0; 512];
    run(&mut Store::new(&mut places, &mut cells, [7; 16]).expect("the memory suffices"))
}

fn put(store: &mut Store<'_>, kind: Kind, number: u8, from: Source) -> Result<(), Full> {
    let which = Which { kind, ..numbered(number) };
    let record = Record { kind: kind as u8, storage_key: which.key, expiry: 1_000, body: &[number] };
    store.put(UnixTime(0), &which, &record, 1_000, from)
}

/// PROFILE 12.5: 1/64 of the places for owners of a network, a quarter for what its nodes hand on.
#[test]
fn what_a_node_hands_on_shuts_no_owner_of_its_network_out() {
    with_store(|store| {
        let ip = IpAddr::from([10, 1, 2, 3]);
        assert!((0..64).all(|number| put(store, Kind::Hosting, number, Source::Node(ip)) == Ok(())));
        assert_eq!(put(store, Kind::Hosting, 64, Source::Node(ip)), Err(Full));
        assert!((100..104).all(|number| put(store, Kind::Binding, number, Source::Owner(ip)) == Ok(())));
        assert_eq!(put(store, Kind::Binding, 104, Source::Owner(ip)), Err(Full));
    });
}

/// PROFILE 12.5: a binding counts for the network that it binds.
#[test]
fn a_binding_that_moves_counts_where_it_went() {
    with_store(|store| {
        let [here, there] = [[10, 1, 2, 3], [10, 9, 2, 3]].map(|ip| Source::Owner(IpAddr::from(ip)));
        assert!((0..4).all(|number| put(store, Kind::Binding, number, here) == Ok(())));
        assert!((0..4).all(|number| put(store, Kind::Binding, number, there) == Ok(())), "they move");
        assert!((4..8).all(|number| put(store, Kind::Binding, number, here) == Ok(())), "and leave room");
        assert_eq!(put(store, Kind::Binding, 4, there), Err(Full), "there is none where they went");
        assert_eq!(put(store, Kind::Binding, 0, there), Ok(()), "but for those that are there");
    });
}

#[test]
fn a_binding_that_ran_out_lives_no_longer_than_a_new_one_when_it_comes_again() {
    with_store(|store| {
        assert_eq!(put(store, Kind::Binding, 1, Source::Owner(IpAddr::from([10, 1, 2, 3]))), Ok(()));
        (0..8).for_each(|_| store.sweep(UnixTime(1_001)));
        assert!(store.held(&numbered(1)).is_some_and(|held| held.expiry == 1_000 + FLOOR), "a floor");
        store.refresh(&numbered(1), 3_000);
        assert!(store.held(&numbered(1)).is_some_and(|held| held.expiry == 3_000));
    });
}

/// PROFILE 12.5: a leaving binds no network, and is taken from one that is full.
#[test]
fn a_leaving_counts_where_the_binding_before_it_did() {
    with_store(|store| {
        let [here, full] = [[10, 1, 2, 3], [10, 9, 2, 3]].map(|ip| Source::Owner(IpAddr::from(ip)));
        assert_eq!(put(store, Kind::Binding, 0, here), Ok(()));
        assert!((1..5).all(|number| put(store, Kind::Binding, number, full) == Ok(())));
        let which = numbered(0);
        let leaving = Record { kind: Kind::Binding as u8, storage_key: which.key, expiry: 1_000, body: &[0; 120] };
        assert_eq!(store.put(UnixTime(0), &which, &leaving, 1_000, full), Ok(()));
        assert!((5..8).all(|number| put(store, Kind::Binding, number, here) == Ok(())));
        assert_eq!(put(store, Kind::Binding, 8, here), Err(Full), "it counts there still");
    });
}

/// At its expiry a record is not there any more: it is neither listed nor read, and the next sweep frees its place.
#[test]
fn a_record_is_there_until_its_expiry() {
    with_store(|store| {
        let from = Source::Owner(IpAddr::from([10, 1, 2, 3]));
        for kind in [Kind::Hosting, Kind::Binding] {
            assert_eq!(put(store, kind, 1, from), Ok(()));
            let there = |store: &Store<'_>, now: u64| {
                let listed = store.list(UnixTime(now), kind, DhtKey([1; 32])).count();
                let one = store.one(UnixTime(now), kind, DhtKey([1; 32])).is_some();
                (listed, one, store.records(UnixTime(now)).count())
            };
            assert_eq!((there(store, 999), there(store, 1_000)), ((1, true, 1), (0, false, 0)), "{kind:?}");
            let which = Which { kind, ..numbered(1) };
            (0..8).for_each(|_| store.sweep(UnixTime(999)));
            assert_eq!(store.held(&which).map(|held| held.expiry), Some(1_000), "{kind:?}");
            (0..8).for_each(|_| store.sweep(UnixTime(1_000)));
            // Of a binding its generation is held as a floor, for a week.
            let floor = (kind == Kind::Binding).then_some(1_000 + FLOOR);
            assert_eq!(store.held(&which).map(|held| held.expiry), floor, "{kind:?}");
            assert_eq!(there(store, 1_000), (0, false, 0));
        }
        (0..8).for_each(|_| store.sweep(UnixTime(1_000 + FLOOR)));
        assert_eq!(store.fill(), (0, 256));
    });
}

/// Of what is listed under one key, the owners of one network have an eighth, and the nodes of one network the half.
#[test]
fn no_network_fills_a_list_of_publications() {
    for (from, most) in [(Source::Owner as fn(IpAddr) -> Source, 8), (Source::Node, 32)] {
        let mut places: std::vec::Vec<_> = (0..1_024).map(|_| Slot::new(Entry::EMPTY)).collect();
        let mut cells = std::vec![0; 2_048];
        let mut store = Store::new(&mut places, &mut cells, [7; 16]).expect("the memory suffices");
        let mut put = |number: u8, network: u8| {
            let which = Which { kind: Kind::Publication, which: [number; 32], ..numbered(1) };
            let record = Record { kind: Kind::Publication as u8, storage_key: which.key, expiry: 1_000, body: b"-" };
            let from = from(IpAddr::from([10, network, 2, 3]));
            store.put(UnixTime(0), &which, &record, 1_000, from)
        };
        assert!((0..most).all(|number| put(number, 1) == Ok(())), "{most}");
        assert_eq!((put(most, 1), put(most, 9)), (Err(Full), Ok(())), "{most}");
    }
}
