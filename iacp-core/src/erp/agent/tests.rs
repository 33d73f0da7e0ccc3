use iacp_wire::{Locator, Signature};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::crypto::ChaChaOnly;

type Slot = AgentSlot<ChaChaOnly>;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

/// The slot of an agent that was heard at 1,000.
fn slot() -> Slot {
    let mut slot = Slot::EMPTY;
    slot.begin(Mono(1_000), None, Digest::ZERO, &mut rng());
    slot
}

fn binding(generation: u64, last: u8) -> Binding {
    let ip = Locator::from(core::net::IpAddr::from([192, 0, 2, last]));
    Binding { eid: Eid([1; 32]), ip, generation, signature: Signature::ZERO }
}

// shows: IACP-073 (§4.2.2.3)
#[test]
fn an_agent_is_due_at_the_first_of_its_times_and_is_purged_after_90_seconds() {
    let purge = Some(Mono(91_001));
    assert_eq!(slot().due(true), purge);
    type Change = fn(&mut Slot);
    let changes: [(Change, u64); 7] = [
        (|slot| slot.evolving = Some(Mono(1_500)), 61_500),
        (|slot| slot.rotated = Some(Mono(1_500)), 31_500),
        (|slot| slot.groups_due = Some(Mono(7)), 7),
        (|slot| slot.awaits_root = Some(Mono(8)), 8),
        (|slot| slot.query_due = Some(Mono(9)), 9),
        (|slot| slot.standing_due = Some(Mono(10)), 10),
        (|slot| slot.registration.begin(Mono(1_500)), 91_001),
    ];
    for (change, due) in changes {
        let mut slot = slot();
        change(&mut slot);
        assert_eq!(slot.due(true), Some(Mono(due)));
    }
    // The directory is written to from a signed binding until its confirmation.
    for (directory, state, unsigned, due) in [
        (true, State::Transition, false, 31_500),
        (false, State::Transition, false, 91_001),
        (true, State::Bound, false, 91_001),
        (true, State::Transition, true, 91_001),
    ] {
        let mut slot = slot();
        slot.registration.begin(Mono(1_500));
        (slot.state, slot.unsigned) = (state, unsigned);
        assert_eq!(slot.due(directory), Some(Mono(due)), "{state:?}");
    }
}

#[test]
fn an_agent_is_known_by_its_token_while_it_is_there() {
    let (mut slot, none) = (slot(), Slot::EMPTY);
    let token = *slot.iat.expose();
    assert!(slot.knows(&token) && !slot.knows(&[0; 32]) && !none.knows(&[0; 32]));
    assert_eq!(slot.seed_copy().expose(), slot.seed.expose());
    assert_ne!(slot.eid(), Eid::ZERO);
    assert_eq!(none.eid(), Eid::ZERO);
    assert_eq!((slot.state, slot.heard, slot.unsigned), (State::Allocated, Mono(1_000), true));
    assert!(slot.storing == Storing::Wanted, "its first bound is to be stored");
    slot.reset();
    assert!(!slot.knows(&token) && !slot.knows(&[0; 32]));
    assert_eq!((slot.seed.expose(), slot.iat.expose(), slot.eid()), (&[0; 32], &[0; 32], Eid::ZERO));
}

#[test]
fn a_binding_is_foreign_that_this_host_has_not_signed() {
    let mut slot = slot();
    slot.counter = Counter::restored(5);
    for (generation, foreign) in [(4, false), (5, true), (6, true)] {
        assert_eq!(slot.is_foreign(&binding(generation, 1)), foreign, "{generation}");
    }
    slot.binding = Some(binding(4, 1));
    for (generation, last, foreign) in [(4, 1, false), (4, 2, true), (3, 2, false), (5, 1, true)] {
        assert_eq!(slot.is_foreign(&binding(generation, last)), foreign, "{generation} at {last}");
    }
}

#[test]
fn a_bound_is_wanted_once() {
    for (storing, bound, after) in [
        (Storing::Nothing, 1, Storing::Wanted),
        (Storing::Nothing, 2, Storing::Nothing),
        (Storing::Asked, 1, Storing::Asked),
    ] {
        let mut slot = slot();
        (slot.storing, slot.unsigned) = (storing, false);
        slot.counter.persisted(bound);
        slot.want_binding();
        assert!(slot.storing == after && slot.unsigned, "bound {bound}");
    }
}

/// After a clone or a restore of the host's memory.
#[test]
fn generations_go_on_above_all_that_may_have_been_signed() {
    for (given, stored, next) in [(false, 9, 9), (false, 3, 5), (true, 9, 9), (true, 3, 6)] {
        let mut slot = slot();
        (slot.counter, slot.given) = (Counter::handed_over(5), given);
        slot.storing = Storing::Asked;
        slot.renew(stored);
        assert_eq!((slot.counter.next(), slot.given), (next, false), "{given}, {stored}");
        assert!(slot.storing == Storing::Wanted, "what is unsigned wants its bound again");
        assert!(slot.storing_evolution == Storing::Nothing);
        (slot.storing, slot.unsigned, slot.evolved) = (Storing::Asked, false, Some(Digest::ZERO));
        slot.renew(stored);
        assert!(slot.storing == Storing::Nothing && slot.storing_evolution == Storing::Wanted);
    }
}

#[test]
fn an_agent_opens_64_sessions_at_once_and_16_a_second() {
    let mut slot = slot();
    assert!((0..64).all(|_| slot.may_open(Mono(5_000))));
    assert!(!slot.may_open(Mono(5_000)) && !slot.may_open(Mono(5_062)) && slot.may_open(Mono(5_063)));
}

#[test]
fn whatever_is_to_be_told_is_news() {
    let news = |change: fn(&mut Tell)| {
        let mut slot = Slot::EMPTY;
        change(&mut slot.tell);
        slot.has_news()
    };
    assert!(!news(|_| ()));
    let changes: [fn(&mut Tell); 6] = [
        |tell| tell.state = true,
        |tell| tell.cloned = true,
        |tell| tell.wrong_source = true,
        |tell| tell.accused = Some(Offence::Equivocation),
        |tell| tell.standing = true,
        |tell| tell.resolved = true,
    ];
    assert!(changes.into_iter().all(news));
    let mut slot = Slot::EMPTY;
    assert!(slot.step(Event::ErpInit) && slot.tell.state);
    slot.tell.state = false;
    assert!(!slot.step(Event::DhtConfirmation) && !slot.tell.state, "no such row");
}

#[test]
fn a_counter_restarts_above_its_bound_its_next_generation_and_what_is_stored() {
    for (next, bound, stored, after) in [(3, 5, 4, 5), (3, 5, 6, 6), (7, 5, 6, 7), (7, 5, 8, 8), (5, 5, 5, 5)] {
        let mut counter = Counter::restored(next);
        counter.persisted(bound);
        counter.restart(stored);
        assert_eq!(counter, Counter::restored(after), "{next}, {bound}, {stored}");
    }
    let mut counter = Counter::handed_over(9);
    assert_eq!((counter.next(), counter.upcoming(), counter.wanted()), (9, (9, 11), Some(11)));
    counter.pass();
    assert_eq!(counter.upcoming(), (10, 12));
}
