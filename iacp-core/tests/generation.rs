//! Generations, backoff and probing (`IACP §4.2.5`, `IACP §4.2.6`).

use std::cell::Cell;

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::backoff::{Resolution, pause};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::generation::{Cached, Counter, Effect, LIMIT, NoGeneration, claimed_place, decide, receive};
use iacp_core::identity::Identity;
use iacp_core::time::Mono;
use iacp_wire::message::MigrationVector;
use iacp_wire::{Eid, Frame, Locator, Message, MigrationVectorTlv, TlvWriter};
use sha2::{Digest, Sha256};

const HOME: Locator = Locator([1; 16]);
const ELSEWHERE: Locator = Locator([2; 16]);

/// The table of PROFILE 6.2, once more by hand: generation against the cache, the binding's locator against the cache's,
/// whether the EID is wanted, whether the signature holds; the effect, and whether the signature may be looked at.
fn expected(relation: Option<std::cmp::Ordering>, ip: Option<Locator>, wanted: bool, holds: bool) -> (Effect, bool) {
    use std::cmp::Ordering::{Equal, Greater, Less};
    match (relation, ip, wanted, holds) {
        (None, Some(_), true, true) => (Effect::Enter, true),
        (None, Some(_), true, false) => (Effect::Process, true),
        (None, ..) => (Effect::Process, false),
        (Some(Less), ..) => (Effect::Drop, false),
        (Some(Equal), None | Some(HOME), ..) => (Effect::Process, false),
        (Some(Equal), Some(_), _, true) => (Effect::Equivocation, true),
        (Some(Equal), Some(_), _, false) => (Effect::Drop, true),
        (Some(Greater), None, ..) => (Effect::Offer, false),
        (Some(Greater), Some(_), _, false) => (Effect::Offer, true),
        (Some(Greater), Some(Locator::ZERO), _, true) => (Effect::Leave, true),
        (Some(Greater), Some(_), _, true) => (Effect::Replace, true),
    }
}

// shows: IACP-091 (§4.2.5.2), IACP-093 (§4.2.5.2)
#[test]
fn the_rule_holds_in_its_whole_space() {
    let generations = [0, 1, 2, 5, 1 << 32, LIMIT - 2, LIMIT - 1];
    for packet in generations {
        for cached in generations.map(Some).into_iter().chain([None]) {
            for ip in [None, Some(HOME), Some(ELSEWHERE), Some(Locator::ZERO)] {
                for (wanted, holds) in [(false, false), (false, true), (true, false), (true, true)] {
                    let asked = Cell::new(0);
                    let cache = cached.map(|generation| Cached { generation, ip: HOME });
                    let effect = decide(packet, cache, ip, wanted, || {
                        asked.set(asked.get() + 1);
                        holds
                    });
                    let relation = cached.map(|cached| packet.cmp(&cached));
                    let (wants, may_look) = expected(relation, ip, wanted, holds);
                    let case = format!("{packet} against {cached:?}, {ip:?}, wanted {wanted}, holds {holds}");
                    assert_eq!(effect, wants, "{case}");
                    assert_eq!(asked.get(), u32::from(may_look), "signatures looked at: {case}");
                }
            }
        }
    }
}

#[test]
fn a_generation_of_two_to_the_63_is_dropped_without_cryptography() {
    for packet in [LIMIT, LIMIT + 1, u64::MAX] {
        for cached in [None, Some(Cached { generation: 0, ip: HOME })] {
            let effect = decide(packet, cached, Some(ELSEWHERE), true, || panic!("the signature was looked at"));
            assert_eq!(effect, Effect::Drop);
        }
    }
}

fn identity(seed: u8) -> Identity<Portable> {
    Identity::from_seed(&Secret32::new([seed; 32]))
}

fn verifies(binding: &Binding) -> bool {
    binding.verify::<Portable>().is_ok()
}

// shows: IACP-091 (§4.2.5.2), IACP-092 (§4.2.5.2)
#[test]
fn a_signed_higher_generation_replaces_the_entry_and_an_altered_one_does_not() {
    let alice = identity(1);
    let mut entry = None;
    let first = Binding::sign(&alice, HOME, 3);
    assert_eq!(receive(&mut entry, &first, false, verifies), Effect::Process, "nothing here asked for it");
    assert_eq!(entry, None, "unasked vectors fill nothing");
    assert_eq!(receive(&mut entry, &first, true, verifies), Effect::Enter);
    let moved = Binding::sign(&alice, ELSEWHERE, 4);
    for forged in [
        Binding { ip: Locator([9; 16]), ..moved },
        Binding { generation: 5, ..moved },
        Binding { signature: first.signature, ..moved },
    ] {
        assert_eq!(receive(&mut entry, &forged, true, verifies), Effect::Offer);
        assert_eq!(entry, Some(first));
    }
    assert_eq!(receive(&mut entry, &moved, true, verifies), Effect::Replace);
    assert_eq!(entry, Some(moved));
    // What was true once is replayed.
    assert_eq!(receive(&mut entry, &first, true, |_| panic!("below: not looked at")), Effect::Drop);
    assert_eq!(receive(&mut entry, &moved, true, |_| panic!("the same: not looked at")), Effect::Process);
    assert_eq!(entry, Some(moved));
    // Another EID's binding never lands in this entry.
    let other = Binding::sign(&identity(2), HOME, 9);
    assert_eq!(receive(&mut entry, &other, true, verifies), Effect::Drop);
    assert_eq!(entry, Some(moved));
}

#[test]
fn two_bindings_of_one_generation_prove_an_equivocation_and_change_nothing() {
    let alice = identity(1);
    let (one, two) = (Binding::sign(&alice, HOME, 3), Binding::sign(&alice, ELSEWHERE, 3));
    let mut entry = Some(one);
    assert_eq!(receive(&mut entry, &two, true, verifies), Effect::Equivocation);
    let leaving = Binding::sign(&alice, Locator::ZERO, 3);
    assert_eq!(receive(&mut entry, &leaving, true, verifies), Effect::Equivocation);
    let forged = Binding { signature: one.signature, ..two };
    assert_eq!(receive(&mut entry, &forged, true, verifies), Effect::Drop, "a stranger proves nothing");
    assert_eq!(entry, Some(one));
}

#[test]
fn after_a_leaving_older_bindings_are_below_it() {
    let alice = identity(1);
    let mut entry = Some(Binding::sign(&alice, HOME, 3));
    let leaving = Binding::sign(&alice, Locator::ZERO, 4);
    assert!(leaving.is_leaving());
    let forged = Binding { signature: Binding::sign(&identity(2), Locator::ZERO, 4).signature, ..leaving };
    assert_eq!(receive(&mut entry, &forged, true, verifies), Effect::Offer, "a forged leaving ends nothing");
    assert_eq!(receive(&mut entry, &leaving, true, verifies), Effect::Leave);
    assert_eq!(receive(&mut entry, &Binding::sign(&alice, HOME, 3), true, verifies), Effect::Drop);
    assert_eq!(claimed_place(&leaving, None), None);
}

#[test]
fn a_binding_reads_the_same_from_both_messages() {
    let alice = identity(1);
    let ip: std::net::IpAddr = [192, 0, 2, 7].into();
    let binding = Binding::sign(&alice, Locator::from(ip), 8);
    let register = binding.to_register();
    assert_eq!(Binding::of_frame(&Frame::new(Message::ErpRegister(&register))), Some(binding));
    let vector =
        MigrationVector { source_eid: binding.eid, generation_counter: 8.into(), signature: binding.signature };
    let mut space = [0; 64];
    let mut writer = TlvWriter::new(&mut space);
    let moved = MigrationVectorTlv { code: 0x17, previous: [192, 0, 2, 1].into(), current: ip, nonce: [7; 8] };
    writer.migration_vector(&moved).expect("there is room");
    let mut frame = Frame::new(Message::MigrationVector(&vector));
    frame.tlvs = writer.finish().expect("one TLV");
    assert_eq!(Binding::of_frame(&frame), Some(binding));
}

#[test]
fn the_owner_is_looked_for_where_its_vector_came_from_if_that_is_where_it_says_it_is() {
    let binding = Binding::sign(&identity(1), Locator::from(std::net::IpAddr::from([192, 0, 2, 7])), 1);
    let at = |text: &str| text.parse().expect("an address");
    assert_eq!(claimed_place(&binding, Some(at("192.0.2.7:9"))), Some(at("192.0.2.7:9")));
    assert_eq!(claimed_place(&binding, Some(at("[::ffff:192.0.2.7]:9"))), Some(at("192.0.2.7:9")));
    assert_eq!(claimed_place(&binding, Some(at("192.0.2.8:9"))), Some(at("192.0.2.7:4227")), "a stranger's port");
    assert_eq!(claimed_place(&binding, None), Some(at("192.0.2.7:4227")));
}

#[test]
fn no_generation_is_handed_out_before_its_bound_is_stored() {
    let mut counter = Counter::NEW;
    for generation in 0..5 {
        let bound = generation + 2;
        assert_eq!(counter.wanted(), Some(bound));
        assert_eq!(counter.take(), Err(NoGeneration::NotPersisted { bound }));
        counter.persisted(generation + 1);
        assert_eq!(counter.take(), Err(NoGeneration::NotPersisted { bound }), "too low a bound");
        counter.persisted(bound);
        assert_eq!(counter.wanted(), None);
        assert_eq!(counter.take(), Ok(generation), "one more with each churn");
    }
    assert_eq!(counter.leave(), Ok(5), "the number of the leaving was reserved");
}

/// Every order of storing, signing, leaving and crashing, six steps deep: no generation is ever handed out twice, and none
/// that is handed out is at or above the bound on stable storage.
#[test]
fn whatever_crashes_when_no_generation_is_signed_twice() {
    for trace in 0..4_u32.pow(7) {
        let (mut counter, mut stored, mut signed) = (Some(Counter::NEW), 0, Vec::new());
        for step in 0..7 {
            let Some(live) = counter.as_mut() else { break };
            match trace / 4_u32.pow(step) % 4 {
                0 => {
                    if let Some(bound) = live.wanted() {
                        stored = bound;
                        live.persisted(bound);
                    }
                }
                1 => signed.extend(live.take()),
                // A crash, also between the write and the word of it.
                2 => counter = Some(Counter::restored(stored)),
                // The leaving goes out, and the host crashes before it has forgotten the EID.
                _ => {
                    signed.extend(counter.take().and_then(|counter| counter.leave().ok()));
                    counter = Some(Counter::restored(stored));
                }
            }
            assert!(signed.iter().all(|generation| *generation < stored), "trace {trace}: {signed:?} with {stored}");
        }
        assert!(signed.windows(2).all(|pair| pair[0] < pair[1]), "trace {trace}: {signed:?}");
    }
}

#[test]
fn the_last_generations_end_the_counter() {
    let mut counter = Counter::restored(LIMIT - 2);
    counter.persisted(LIMIT);
    assert_eq!(counter.take(), Ok(LIMIT - 2));
    assert_eq!(counter.take(), Err(NoGeneration::Exhausted));
    assert_eq!(counter.leave(), Ok(LIMIT - 1), "the leaving still has its number");
    let mut counter = Counter::restored(u64::MAX);
    assert_eq!(counter.take(), Err(NoGeneration::Exhausted));
    assert!(counter.leave().is_err());
}

// shows: IACP-094 (§4.2.6.1), IACP-095 (§4.2.6.1)
#[test]
fn pauses_double_up_to_300_seconds_and_the_jitter_comes_on_top() {
    let eid = Eid([7; 32]);
    for attempts in (0..70).chain([u32::MAX - 1, u32::MAX]) {
        let base = if attempts < 8 { 2_000_u64 << attempts } else { 300_000 };
        let digest = Sha256::digest([&eid.0[..], &attempts.to_be_bytes()].concat());
        let jitter = u64::from(u16::from_be_bytes([digest[0], digest[1]]) % 15);
        assert_eq!(pause::<Portable>(&eid, attempts), base.min(300_000) + 1_000 * jitter);
    }
    // Agents of one host do not ask in step.
    let pauses: std::collections::BTreeSet<u64> = (0..100).map(|byte| pause::<Portable>(&Eid([byte; 32]), 9)).collect();
    assert!(pauses.len() > 10 && pauses.iter().all(|pause| (300_000..=314_000).contains(pause)));
}

// shows: IACP-094 (§4.2.6.1)
#[test]
fn failures_push_the_next_attempt_away_and_success_ends_the_mark() {
    let eid = Eid([7; 32]);
    let mut resolution = Resolution::NOMINAL;
    assert!(resolution.is_due(Mono(0)) && !resolution.is_degraded());
    let mut now = Mono(10);
    for attempts in 0..12 {
        let due = resolution.failed::<Portable>(now, &eid);
        assert_eq!(due, now.after(pause::<Portable>(&eid, attempts)));
        assert!(resolution.is_degraded() && !resolution.is_due(Mono(due.0 - 1)) && resolution.is_due(due));
        assert_eq!(resolution.next_attempt(), Some(due));
        now = due;
    }
    assert!(resolution.succeeded());
    assert_eq!(resolution, Resolution::NOMINAL);
    assert!(!resolution.succeeded());
}

// shows: IACP-097 (§4.2.6.2)
#[test]
fn a_verified_binding_or_an_authenticated_higher_generation_resets_the_backoff_at_once() {
    let resets = [(Effect::Replace, false), (Effect::Replace, true), (Effect::Enter, false), (Effect::Offer, true)];
    let all = [
        Effect::Enter,
        Effect::Replace,
        Effect::Leave,
        Effect::Process,
        Effect::Offer,
        Effect::Equivocation,
        Effect::Drop,
    ];
    for effect in all {
        for authenticated in [false, true] {
            let mut resolution = Resolution::NOMINAL;
            (0..3).for_each(|at| _ = resolution.failed::<Portable>(Mono(at), &Eid([1; 32])));
            let before = resolution;
            let reset = resets.contains(&(effect, authenticated)) || effect == Effect::Enter;
            assert_eq!(resolution.after(effect, authenticated), reset, "{effect:?} {authenticated}");
            assert_eq!(resolution, if reset { Resolution::NOMINAL } else { before });
        }
    }
}
