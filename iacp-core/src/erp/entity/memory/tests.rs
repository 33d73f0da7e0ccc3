use super::*;
use crate::crypto::ChaChaOnly;

type Slot = SessionSlot<ChaChaOnly, 1_024, 4>;

fn goodbye(to: Option<SocketAddr>) -> Goodbye {
    Goodbye { to, cell: Handle::from_bits(1 << 32).expect("a handle"), ended: None }
}

fn want(retry: u64) -> Want {
    let (peer, offer, resolution) = (Eid([1; 32]), Capabilities::NONE, Resolution::NOMINAL);
    Want { peer, at: None, offer, proof: None, retry: Mono(retry), resolution }
}

#[test]
fn a_session_is_due_at_the_first_of_its_times() {
    type Change = fn(&mut Slot);
    let changes: [(Change, Option<u64>); 12] = [
        (|_| (), None),
        (|slot| slot.wake = true, Some(0)),
        (|slot| slot.renew = true, Some(0)),
        (|slot| slot.want = Maybe::Just(want(50)), Some(50)),
        (|slot| slot.vector = Some((Backoff::now(Mono(40)), Mono(99))), Some(40)),
        (|slot| slot.shared_due = Some(Mono(30)), Some(30)),
        (|slot| slot.imported = Some(Mono(60)), Some(60)),
        (|slot| (slot.want, slot.imported) = (Maybe::Just(want(70)), Some(Mono(60))), Some(60)),
        (|slot| slot.goodbye = Maybe::Just(goodbye(Some(([192, 0, 2, 1], 9).into()))), Some(0)),
        // What is left of it when it was told is not due, and neither is a session that sleeps.
        (|slot| (slot.goodbye, slot.wake) = (Maybe::Just(goodbye(None)), true), None),
        (|slot| (slot.asleep, slot.wake) = (true, true), None),
        (|slot| (slot.asleep, slot.shared_due) = (true, Some(Mono(30))), None),
    ];
    for (case, (change, due)) in changes.into_iter().enumerate() {
        let mut slot = Slot::EMPTY;
        change(&mut slot);
        assert_eq!(slot.due(), due.map(Mono), "case {case}");
    }
    let mut slot = Slot::EMPTY;
    let next = slot.seek.failed::<ChaChaOnly>(Mono(5), &Eid([1; 32]));
    assert_eq!(slot.due(), Some(next));
}

#[test]
fn a_throttled_session_waits_for_its_tokens_and_any_other_for_none() {
    let mut slot = Slot::EMPTY;
    for _ in 0..99 {
        assert!(slot.may_seal(Mono(0)) && slot.may_take(Mono(0)));
        slot.has_sealed(Mono(0));
        slot.has_taken(Mono(0));
    }
    slot.throttle = Maybe::Just(Throttle::new(Mono(0)));
    for _ in 0..16 {
        assert!(slot.may_seal(Mono(0)) && slot.may_take(Mono(0)));
        slot.has_sealed(Mono(0));
        slot.has_taken(Mono(0));
    }
    assert!(!slot.may_take(Mono(0)) && !slot.may_seal(Mono(0)));
    assert_eq!(slot.due(), Some(Mono(63)), "a token in 62.5 ms");
    slot.clear();
    assert!(slot.may_take(Mono(0)) && slot.may_seal(Mono(0)) && slot.due().is_none());
}
