//! The tables in the caller's memory, against maps and sets of the standard library.

use std::collections::{BTreeMap, HashMap, VecDeque};

use iacp_core::slots::{Deadlines, Handle, HeapCell, Index, List, Reset, Slot, Slots, TooFew};
use iacp_core::time::Mono;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

#[derive(Debug, Default, PartialEq, Eq)]
struct Thing(u64);

impl Reset for Thing {
    fn reset(&mut self) {
        self.0 = 0;
    }
}

fn memory(count: usize) -> Vec<Slot<Thing>> {
    (0..count).map(|_| Slot::new(Thing(0))).collect()
}

fn below(rng: &mut ChaCha8Rng, limit: usize) -> usize {
    usize::try_from(rng.next_u32()).expect("32 bits fit") % limit.max(1)
}

#[test]
fn a_handle_names_one_thing_and_never_the_next_in_its_slot() {
    for seed in 0..40 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut slots = memory(13);
        let mut table = Slots::new(&mut slots).expect("13 slots");
        let (mut live, mut dead): (HashMap<Handle, u64>, Vec<Handle>) = Default::default();
        for step in 0..2_000_u64 {
            if rng.next_u32() % 2 == 0 {
                match table.claim() {
                    Some(handle) => {
                        assert_eq!(table.get(handle), Some(&Thing(0)), "seed {seed}: as good as new");
                        table.get_mut(handle).expect("claimed").0 = step;
                        assert_eq!(live.insert(handle, step), None);
                    }
                    None => assert_eq!(live.len(), 13),
                }
            } else if let Some(handle) = live.keys().copied().nth(below(&mut rng, live.len())) {
                live.remove(&handle);
                dead.push(handle);
                assert!(table.release(handle));
                assert!(!table.release(handle), "a slot is freed once");
            }
            assert_eq!(table.taken() as usize, live.len());
            assert_eq!(table.is_full(), live.len() == 13);
            assert!(live.iter().all(|(handle, value)| table.get(*handle) == Some(&Thing(*value))));
            assert!(live.keys().all(|handle| Handle::from_bits(handle.bits()) == Some(*handle)));
            assert!(dead.iter().rev().take(20).all(|handle| table.get(*handle).is_none()), "seed {seed}");
        }
    }
}

#[test]
fn memory_that_is_used_again_answers_to_no_old_handle() {
    let mut slots = memory(2);
    let old = Slots::new(&mut slots).expect("two slots").claim().expect("free");
    let mut table = Slots::new(&mut slots).expect("two slots");
    assert_eq!(table.get(old), None);
    let (one, other) = (table.claim().expect("free"), table.claim().expect("free"));
    assert!(one != old && other != old);
    assert_eq!(table.claim(), None);
}

#[test]
fn no_slots_serve_nothing() {
    let mut table = Slots::<Thing>::new(&mut []).expect("none is a number of slots");
    assert_eq!(table.claim(), None);
    assert_eq!((table.capacity(), table.is_full()), (0, true));
}

#[test]
fn an_index_finds_what_a_map_finds() {
    for seed in 0..60 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let entries = 1 + below(&mut rng, 40);
        let mut cells = vec![9; (entries * 2).next_power_of_two()];
        let mut key = [0; 16];
        rng.fill_bytes(&mut key);
        let mut index = Index::new(&mut cells, entries, key).expect("twice as many cells");
        // Few different keys: probing, and the end of the cells, are met often.
        let mut keys: HashMap<u32, u64> = HashMap::new();
        for _ in 0..3_000 {
            let wanted = rng.next_u64() % 64;
            let found = index.find(index.hash(&[&wanted.to_be_bytes()]), |slot| keys.get(&slot) == Some(&wanted));
            assert_eq!(found.map(|slot| keys[&slot]), keys.values().any(|key| *key == wanted).then_some(wanted));
            match found {
                Some(slot) if rng.next_u32() % 2 == 0 => {
                    let hash = index.hash(&[&wanted.to_be_bytes()]);
                    let hashes: HashMap<u32, u64> =
                        keys.iter().map(|(slot, key)| (*slot, index.hash(&[&key.to_be_bytes()]))).collect();
                    assert!(index.remove(hash, slot, |_, slot| hashes[&slot]));
                    assert!(!index.remove(hash, slot, |_, slot| hashes[&slot]), "taken out once");
                    keys.remove(&slot);
                }
                None if keys.len() < entries => {
                    let slot = (0..).find(|slot| !keys.contains_key(slot)).expect("one is free");
                    let hash = index.hash(&[&wanted.to_be_bytes()]);
                    assert!(index.insert(hash, slot));
                    keys.insert(slot, wanted);
                }
                _ => {}
            }
            assert_eq!(index.len() as usize, keys.len());
            assert_eq!(index.is_empty(), keys.is_empty());
        }
    }
}

#[test]
fn an_index_is_never_more_than_half_full() {
    let mut cells = [0; 8];
    let mut index = Index::new(&mut cells, 4, [1; 16]).expect("eight cells");
    assert!((0..4).all(|slot| index.insert(u64::from(slot), slot)));
    assert!(!index.insert(4, 4));
}

#[test]
fn memory_of_a_wrong_length_is_refused() {
    assert_eq!(Index::new(&mut [0; 4], 3, [0; 16]).err(), Some(TooFew::IndexCells(8)));
    assert_eq!(Index::new(&mut [0; 12], 3, [0; 16]).err(), Some(TooFew::NoPowerOfTwo));
    assert_eq!(Index::new(&mut [], 0, [0; 16]).err(), Some(TooFew::IndexCells(2)));
    assert_eq!(Deadlines::new(&mut [HeapCell::EMPTY; 2], 3).err(), Some(TooFew::HeapCells(3)));
}

#[test]
fn the_key_of_an_index_decides_where_things_fall() {
    let (mut one, mut other) = ([0; 64], [0; 64]);
    let (one, other) =
        (Index::new(&mut one, 1, [1; 16]).expect("cells"), Index::new(&mut other, 1, [2; 16]).expect("cells"));
    assert_ne!(one.hash(&[b"key"]), other.hash(&[b"key"]));
    assert_eq!(one.hash(&[b"ke", b"y"]), one.hash(&[b"key"]), "parts are one key");
}

#[test]
fn the_first_deadline_is_the_earliest_whatever_moved() {
    for seed in 0..60 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let items = 1 + below(&mut rng, 40);
        let mut cells = vec![HeapCell::EMPTY; items];
        let mut deadlines = Deadlines::new(&mut cells, items).expect("a cell each");
        let mut due: BTreeMap<u32, Mono> = BTreeMap::new();
        for _ in 0..3_000 {
            let item = u32::try_from(below(&mut rng, items)).expect("few");
            if rng.next_u32() % 4 == 0 {
                due.remove(&item);
            } else {
                let at = Mono(rng.next_u64() % 1_000);
                due.insert(item, at);
                deadlines.bring_forward(item, at);
            }
            // Early at most, until it has been corrected often enough; never late.
            let earliest = due.values().min().copied();
            assert!(earliest.is_none_or(|at| deadlines.first().is_some_and(|(first, _)| first <= at)), "seed {seed}");
            for _ in 0..items {
                deadlines.correct(|item| due.get(&item).copied());
            }
            assert_eq!(deadlines.first().map(|(at, _)| at), earliest, "seed {seed}");
            assert!(deadlines.first().is_none_or(|(at, item)| due.get(&item) == Some(&at)));
        }
    }
}

#[test]
fn a_list_is_first_in_first_out_and_holds_a_slot_once() {
    for seed in 0..40 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut slots = memory(9);
        let mut table = Slots::new(&mut slots).expect("nine slots");
        let (mut send, mut tell) = (List::<0>::EMPTY, List::<1>::EMPTY);
        let (mut sent, mut told): (VecDeque<u32>, VecDeque<u32>) = Default::default();
        for _ in 0..2_000 {
            let slot = u32::try_from(below(&mut rng, 9)).expect("few");
            match rng.next_u32() % 4 {
                0 => {
                    let new = !sent.contains(&slot);
                    assert_eq!(send.push(&mut table, slot), new);
                    sent.extend(new.then_some(slot));
                }
                1 => {
                    let new = !told.contains(&slot);
                    assert_eq!(tell.push(&mut table, slot), new);
                    told.extend(new.then_some(slot));
                }
                2 => assert_eq!(send.pop(&mut table), sent.pop_front(), "seed {seed}"),
                _ => assert_eq!(tell.pop(&mut table), told.pop_front(), "seed {seed}"),
            }
            assert_eq!(send.first(), sent.front().copied());
            assert_eq!((send.is_empty(), tell.is_empty()), (sent.is_empty(), told.is_empty()));
        }
        assert!(!send.push(&mut table, 9), "there is no such slot");
    }
}

#[test]
fn what_is_due_comes_out_in_its_order_and_no_sooner() {
    let mut cells = [HeapCell::EMPTY; 4];
    let mut deadlines = Deadlines::new(&mut cells, 4).expect("a cell each");
    for (item, at) in [(2, 30), (0, 10), (3, 20), (1, 20), (2, 40), (9, 1)] {
        deadlines.bring_forward(item, Mono(at));
    }
    let mut out = |now: u64| deadlines.pop(Mono(now));
    assert_eq!([out(9), out(10), out(10), out(19)], [None, Some(0), None, None]);
    assert_eq!([out(20), out(20), out(20)], [Some(1), Some(3), None], "of one moment, by their numbers");
    assert_eq!([out(29), out(30), out(u64::MAX)], [None, Some(2), None], "a later moment puts nothing off");
    deadlines.bring_forward(0, Mono(5));
    assert_eq!((deadlines.first(), deadlines.pop(Mono(5)), deadlines.first()), (Some((Mono(5), 0)), Some(0), None));
}
