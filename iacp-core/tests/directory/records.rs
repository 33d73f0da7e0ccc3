//! Whether a record may stand, and what it displaces.

use iacp_core::crypto::{ChaChaOnly, Secret32, Suite};
use iacp_core::directory::metric::place;
use iacp_core::directory::{Judgement, Kind, NotStored, Origin, judge, record_digest, sign, slot};
use iacp_core::erp::ticket::Issuer;
use iacp_core::pss::TicketKey;
use iacp_core::time::UnixTime;
use iacp_wire::layout::{AirkBinding, Hosting, NodeRecord, Publication, Record, Revocation};
use iacp_wire::message::DhtTicketStore;
use iacp_wire::{AeadNonce, DhtKey, Eid, Locator, SealedLocator, Signature};
use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::{DAY, HOUR, Known, NOW, binding, hashed, identity, ip, judged, record};

fn refused(refusal: NotStored) -> Judgement {
    Judgement::Refused(refusal)
}

fn revocation(signer: u8, of: u8, first_invalid: u64, time: u64) -> Revocation {
    let mut body = Revocation {
        eid: identity(of).eid(),
        first_invalid_generation: first_invalid.into(),
        timestamp: time.into(),
        signature: Signature::ZERO,
    };
    body.signature = sign(&identity(signer), Kind::Revocation, &body.as_bytes()[..48], &[]);
    body
}

// shows: IACP-011 (§3.5), IACP-067 (§4.2.1.3)
#[test]
fn a_binding_stands_under_its_eid_and_a_higher_generation_displaces_it() {
    let key = hashed(&identity(1).eid().0);
    let [old, new] = [(1, 4), (2, 5)].map(|(last, generation)| binding(1, ip(last), generation));
    let [old, new] = [&old, &new].map(|body| record(Kind::Binding, key, body.as_bytes()));
    let known = Known::default();
    let store = Judgement::Store { expiry: NOW.0 + 2 * HOUR };
    assert_eq!(judged(&old, None, &known), store);
    assert_eq!(judged(&new, Some(&old), &known), store);
    assert_eq!(judged(&old, Some(&new), &known), Judgement::Stale, "an old binding, replayed");
    assert_eq!(judged(&old, Some(&old), &known), Judgement::Refresh { expiry: NOW.0 + 2 * HOUR });

    let elsewhere = Record { storage_key: DhtKey([9; 32]), ..old };
    assert_eq!(judged(&elsewhere, None, &known), refused(NotStored::Key));
    let past = Record { expiry: NOW.0, ..old };
    assert_eq!(judged(&past, None, &known), refused(NotStored::Time));
    let soon = Record { expiry: NOW.0 + 7, ..old };
    assert_eq!(judged(&soon, None, &known), Judgement::Store { expiry: NOW.0 + 7 }, "expiry is only shortened");
}

#[test]
fn what_a_binding_is_refused_for() {
    let eid = identity(1).eid();
    let body = binding(1, ip(1), 4);
    let plain = record(Kind::Binding, hashed(&eid.0), body.as_bytes());
    let known = |change: fn(&mut Known, Eid)| {
        let mut known = Known::default();
        change(&mut known, eid);
        known
    };
    for (refusal, known) in [
        (NotStored::Blocked, known(|known, eid| known.slashed.push(eid))),
        (NotStored::Challenged, known(|known, eid| known.challenged.push(eid))),
        (NotStored::Revoked, known(|known, _| known.first_invalid = Some(4))),
        (NotStored::Revoked, known(|known, _| known.first_invalid = Some(0))),
    ] {
        assert_eq!(judged(&plain, None, &known), refused(refusal));
    }
    let above = known(|known, _| known.first_invalid = Some(5));
    assert!(matches!(judged(&plain, None, &above), Judgement::Store { .. }), "generation 4 is valid below 5");
    // The mapping of an accused host can be refreshed.
    let challenged = known(|known, eid| known.challenged.push(eid));
    assert!(matches!(judged(&plain, Some(&plain), &challenged), Judgement::Refresh { .. }));

    let huge = binding(1, ip(1), 1 << 63);
    let huge = record(Kind::Binding, plain.storage_key, huge.as_bytes());
    assert_eq!(judged(&huge, None, &Known::default()), refused(NotStored::Generation));
    for (generation, stands) in [((1 << 63) - 1, true), ((1 << 63) + 1, false), (u64::MAX, false)] {
        let body = binding(1, ip(1), generation);
        let judged = judged(&record(Kind::Binding, plain.storage_key, body.as_bytes()), None, &Known::default());
        assert_eq!(matches!(judged, Judgement::Store { .. }), stands, "generation {generation}");
    }
    let mut forged = body;
    forged.generation_counter = 5.into();
    let forged = record(Kind::Binding, plain.storage_key, forged.as_bytes());
    assert_eq!(judged(&forged, Some(&plain), &Known::default()), refused(NotStored::Signature));
}

#[test]
fn one_generation_at_two_places_is_an_equivocation_and_the_first_stays() {
    let key = hashed(&identity(1).eid().0);
    let [one, other] = [1, 2].map(|last| binding(1, ip(last), 4));
    let held = record(Kind::Binding, key, one.as_bytes());
    let second = record(Kind::Binding, key, other.as_bytes());
    assert_eq!(judged(&second, Some(&held), &Known::default()), Judgement::Equivocation);
    // Not if the second was never signed: no key is convicted by another's bytes.
    let mut forged = other;
    forged.signature.0[7] ^= 1;
    let forged = record(Kind::Binding, key, forged.as_bytes());
    assert_eq!(judged(&forged, Some(&held), &Known::default()), refused(NotStored::Signature));
    // Nor by one place under another signature.
    let mut respelt = one;
    respelt.signature.0[7] ^= 1;
    let respelt = record(Kind::Binding, key, respelt.as_bytes());
    assert_eq!(judged(&respelt, Some(&held), &Known::default()), Judgement::Stale);
}

// shows: IACP-104 (§4.2.7.2)
#[test]
fn a_revocation_is_signed_by_the_root_key_that_was_deposited() {
    let eid = identity(1).eid();
    let mut deposit =
        AirkBinding { eid, airk: identity(2).eid(), eid_signature: Signature::ZERO, airk_signature: Signature::ZERO };
    deposit.eid_signature = sign(&identity(1), Kind::AirkBinding, &deposit.as_bytes()[..64], &[]);
    let lacking = record(Kind::AirkBinding, hashed(&eid.0), deposit.as_bytes());
    assert_eq!(judged(&lacking, None, &Known::default()), refused(NotStored::Signature), "both keys sign");
    deposit.airk_signature = sign(&identity(2), Kind::AirkBinding, &deposit.as_bytes()[..64], &[]);
    let whole = record(Kind::AirkBinding, hashed(&eid.0), deposit.as_bytes());
    assert_eq!(judged(&whole, None, &Known::default()), Judgement::Store { expiry: NOW.0 + 400 * DAY });

    // A thief of the EID's key comes second: the first record stays.
    let thief = identity(3);
    let mut later = AirkBinding { airk: thief.eid(), ..deposit };
    later.eid_signature = sign(&identity(1), Kind::AirkBinding, &later.as_bytes()[..64], &[]);
    later.airk_signature = sign(&thief, Kind::AirkBinding, &later.as_bytes()[..64], &[]);
    let second = record(Kind::AirkBinding, hashed(&eid.0), later.as_bytes());
    assert!(
        matches!(judged(&second, None, &Known::default()), Judgement::Store { .. }),
        "both of its halves are signed"
    );
    assert_eq!(judged(&second, Some(&whole), &Known::default()), Judgement::Stale);

    let known = Known { airk: Some(identity(2).eid()), ..Known::default() };
    let [by_eid, by_airk] = [1, 2].map(|signer| revocation(signer, 1, 3, NOW.0));
    let [by_eid, by_airk] = [&by_eid, &by_airk].map(|body| record(Kind::Revocation, hashed(&eid.0), body.as_bytes()));
    assert_eq!(judged(&by_eid, None, &known), refused(NotStored::Signature), "a stolen EID revokes nothing");
    assert!(matches!(judged(&by_airk, None, &known), Judgement::Store { .. }));
    assert!(matches!(judged(&by_eid, None, &Known::default()), Judgement::Store { .. }), "without a deposit");
    // In any standing: it is the owner's defence.
    let accused = Known { challenged: vec![eid], slashed: vec![eid], ..known };
    assert!(matches!(judged(&by_airk, None, &accused), Judgement::Store { .. }));
}

#[test]
fn the_lower_first_invalid_generation_stands_then_the_earlier_time() {
    let key = hashed(&identity(1).eid().0);
    let bodies =
        [(0, NOW.0), (3, NOW.0 - 5), (3, NOW.0), (9, NOW.0 - 9)].map(|(first, time)| revocation(1, 1, first, time));
    let records: Vec<Record<'_>> = bodies.iter().map(|body| record(Kind::Revocation, key, body.as_bytes())).collect();
    for (strong, stronger) in records.iter().enumerate() {
        for (weak, weaker) in records.iter().enumerate().skip(strong + 1) {
            assert_eq!(judged(weaker, Some(stronger), &Known::default()), Judgement::Stale, "{weak} against {strong}");
            assert!(matches!(judged(stronger, Some(weaker), &Known::default()), Judgement::Store { .. }));
        }
    }
}

// shows: IACP-121 (§5.3.2)
#[test]
fn a_host_is_named_by_both_keys_and_for_a_day_at_most() {
    let hosting = |until: u64, lii_signer: u8| {
        let mut body = Hosting {
            eid: identity(1).eid(),
            ll_entity_instance_identifier: identity(3).eid(),
            from: NOW.0.into(),
            until: until.into(),
            eid_signature: Signature::ZERO,
            lii_signature: Signature::ZERO,
        };
        body.eid_signature = sign(&identity(1), Kind::Hosting, &body.as_bytes()[..80], &[]);
        body.lii_signature = sign(&identity(lii_signer), Kind::Hosting, &body.as_bytes()[..80], &[]);
        body
    };
    let key = hashed(&identity(1).eid().0);
    let verdict = |body: Hosting| judged(&record(Kind::Hosting, key, body.as_bytes()), None, &Known::default());
    assert_eq!(verdict(hosting(NOW.0 + DAY, 3)), Judgement::Store { expiry: NOW.0 + DAY });
    assert_eq!(verdict(hosting(NOW.0 + DAY + 1, 3)), refused(NotStored::Time));
    assert_eq!(verdict(hosting(NOW.0, 3)), refused(NotStored::Time));
    assert_eq!(verdict(hosting(NOW.0 + DAY, 1)), refused(NotStored::Signature), "no EID is hung on a host");
}

// shows: IACP-135 (§6.2)
#[test]
fn an_eid_is_in_a_space_by_its_own_word_alone() {
    let space = DhtKey([7; 32]);
    let publication = |signer: u8| {
        let mut body = Publication {
            target_space_coordinate: space,
            eid: identity(1).eid(),
            from: NOW.0.into(),
            until: (NOW.0 + HOUR).into(),
            signature: Signature::ZERO,
        };
        body.signature = sign(&identity(signer), Kind::Publication, &body.as_bytes()[..80], &[]);
        body
    };
    let verdict =
        |body: Publication| judged(&record(Kind::Publication, space, body.as_bytes()), None, &Known::default());
    assert_eq!(verdict(publication(1)), Judgement::Store { expiry: NOW.0 + HOUR });
    assert_eq!(verdict(publication(2)), refused(NotStored::Signature));
}

#[test]
fn times_from_an_owner_are_those_of_this_moment() {
    let body = revocation(1, 1, 3, NOW.0);
    let record = record(Kind::Revocation, hashed(&identity(1).eid().0), body.as_bytes());
    let at = |time: u64, origin| judge::<ChaChaOnly>(UnixTime(time), origin, &record, None, &Known::default());
    let stands = |judgement| matches!(judgement, Judgement::Store { .. });
    for (time, owner, node) in [
        (NOW.0, true, true),
        (NOW.0 + 30_000, true, true),
        (NOW.0 + 30_001, false, true),
        (NOW.0 - 30_000, true, true),
        (NOW.0 - 30_001, false, false),
        (NOW.0 + 399 * DAY, false, true),
        (NOW.0 + 400 * DAY, false, false),
        (0, false, false),
        (u64::MAX, false, false),
    ] {
        assert_eq!(stands(at(time, Origin::Owner)), owner, "{time}");
        assert_eq!(stands(at(time, Origin::Node)), node, "{time}");
    }
}

#[test]
fn a_node_shows_work_for_its_place_and_moves_once_a_day() {
    let eid = identity(5).eid();
    let nonces: Vec<u64> = (0..).filter(|nonce| place::<ChaChaOnly>(&eid, *nonce, 8).is_some()).take(2).collect();
    let node = |nonce: u64, time: u64| {
        let mut body = NodeRecord {
            eid,
            ip: ip(5),
            port: 4227.into(),
            classes: 0xF,
            reserved: 0,
            timestamp: time.into(),
            nonce: nonce.into(),
            signature: Signature::ZERO,
        };
        body.signature = sign(&identity(5), Kind::Node, &body.as_bytes()[..68], &[]);
        body
    };
    let key = hashed(&eid.0);
    let verdict = |body: &NodeRecord, held: Option<&NodeRecord>| {
        let held = held.map(|held| record(Kind::Node, key, held.as_bytes()));
        judge::<ChaChaOnly>(
            NOW,
            Origin::Node,
            &record(Kind::Node, key, body.as_bytes()),
            held.as_ref(),
            &Known::default(),
        )
    };
    let first = node(nonces[0], NOW.0 - DAY + 1_000);
    assert!(matches!(verdict(&first, None), Judgement::Store { .. }));
    let lazy = (0..).find(|nonce| place::<ChaChaOnly>(&eid, *nonce, 8).is_none()).expect("most nonces");
    assert_eq!(verdict(&node(lazy, NOW.0), None), refused(NotStored::Place));
    assert!(matches!(verdict(&node(nonces[0], NOW.0), Some(&first)), Judgement::Store { .. }), "the same place");
    assert_eq!(verdict(&node(nonces[1], NOW.0), Some(&first)), Judgement::Stale, "another place within a day");
    for change in [
        (|body: &mut NodeRecord| body.port = 53.into()) as fn(&mut NodeRecord),
        |body| body.classes = 1,
        |body| body.ip = ip(6),
    ] {
        let mut moved = node(nonces[0], NOW.0);
        change(&mut moved);
        moved.signature = sign(&identity(5), Kind::Node, &moved.as_bytes()[..68], &[]);
        assert_eq!(verdict(&moved, Some(&first)), Judgement::Stale, "nor another address, port or class");
    }
    assert!(matches!(verdict(&node(nonces[1], NOW.0 + 1_000), Some(&first)), Judgement::Store { .. }));
}

#[test]
fn an_eid_has_a_ticket_for_each_ticket_iv() {
    let ticket = |iv: u8, counter: u8| DhtTicketStore {
        target_storage_key: hashed(&identity(1).eid().0),
        target_agent_eid: identity(1).eid(),
        time_to_live: 60.into(),
        aead_nonce: AeadNonce([iv, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, counter]),
        encrypted_forwarding_data: SealedLocator([7; 36]),
        signature: Signature::ZERO,
    };
    let which = |body: &DhtTicketStore| {
        slot::<ChaChaOnly>(&record(Kind::Ticket, body.target_storage_key, body.as_bytes())).expect("a ticket").which
    };
    assert_eq!(which(&ticket(1, 1)), which(&ticket(1, 2)));
    assert_ne!(which(&ticket(1, 1)), which(&ticket(2, 1)));
    let [low, high] = [1, 2].map(|counter| ticket(1, counter));
    let [low, high] = [&low, &high].map(|body| record(Kind::Ticket, body.target_storage_key, body.as_bytes()));
    assert_eq!(judged(&low, Some(&high), &Known::default()), Judgement::Stale, "before any signature");
    assert_eq!(judged(&high, Some(&low), &Known::default()), refused(NotStored::Signature));
}

/// The TTL that was asked for, of a week at most.
#[test]
fn a_ticket_lives_for_its_time_to_live_and_a_week_at_most() {
    let key = TicketKey { key: Secret32::new([5; 32]), iv: [5; 4] };
    let mut issuer = Issuer::restored(key, Suite::ChaCha20Poly1305, 1);
    issuer.persisted(9);
    let ticket = issuer.issue(&identity(1), ([192, 0, 2, 1], 4_227).into()).expect("it is persisted");
    let verdict = |ttl: u32, expiry: u64| {
        let body = DhtTicketStore { time_to_live: ttl.into(), ..ticket };
        let record = Record { expiry, ..record(Kind::Ticket, body.target_storage_key, body.as_bytes()) };
        judged(&record, None, &Known::default())
    };
    for (ttl, life) in [(1, 1_000), (604_799, 604_799_000), (604_800, 604_800_000), (u32::MAX, 604_800_000)] {
        assert_eq!(verdict(ttl, u64::MAX), Judgement::Store { expiry: NOW.0 + life }, "{ttl} s");
    }
    assert_eq!(verdict(0, u64::MAX), refused(NotStored::Time));
    assert_eq!(verdict(60, NOW.0 + 1), Judgement::Store { expiry: NOW.0 + 1 }, "the record may end it sooner");
    let other = DhtTicketStore { target_storage_key: DhtKey([9; 32]), ..ticket };
    let there = record(Kind::Ticket, other.target_storage_key, other.as_bytes());
    assert_eq!(judged(&there, None, &Known::default()), refused(NotStored::Key));
}

#[test]
fn a_receipt_names_kind_key_and_body() {
    let digest = |kind, key, body: &[u8]| record_digest::<ChaChaOnly>(kind, &DhtKey([key; 32]), body);
    let all = [digest(1, 1, b"a"), digest(2, 1, b"a"), digest(1, 2, b"a"), digest(1, 1, b"b")];
    assert!(all.iter().enumerate().all(|(at, one)| all.iter().skip(at + 1).all(|other| one != other)));
}

proptest! {
    /// Whatever the bytes are, a judgement comes, and what was never signed is not stored.
    #[test]
    fn bytes_from_anywhere_are_refused(kind: u8, key: [u8; 32], expiry: u64, body in prop::collection::vec(any::<u8>(), 1..961)) {
        let record = Record { kind, storage_key: DhtKey(key), expiry, body: &body };
        let known = Known { path_keys: vec![("a".into(), Eid(key))], before: None, pinned: true, ..Known::default() };
        prop_assert!(matches!(judged(&record, Some(&record), &known), Judgement::Refused(_)));
    }

    /// The order in which bindings of an honest host arrive, repeated and mixed, changes nothing: the newest one stands, and no
    /// two of them ever convict it.
    #[test]
    fn an_honest_host_that_moves_and_registers_again_is_never_an_equivocator(
        moves in prop::collection::vec(0_u8..4, 1..6),
        arrivals in prop::collection::vec(any::<prop::sample::Index>(), 1..30),
    ) {
        let bindings: Vec<_> = moves.iter().zip(0..).map(|(at, generation)| binding(1, ip(*at), generation)).collect();
        let key = hashed(&identity(1).eid().0);
        let mut held: Option<usize> = None;
        for arrival in &arrivals {
            let arrived = arrival.index(bindings.len());
            let before = held.map(|held| record(Kind::Binding, key, bindings[held].as_bytes()));
            match judged(&record(Kind::Binding, key, bindings[arrived].as_bytes()), before.as_ref(), &Known::default()) {
                Judgement::Store { .. } => {
                    prop_assert!(held.is_none_or(|held| held < arrived));
                    held = Some(arrived);
                }
                Judgement::Refresh { .. } => prop_assert_eq!(held, Some(arrived)),
                Judgement::Stale => prop_assert!(held.is_some_and(|held| held > arrived)),
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert_eq!(held, arrivals.iter().map(|arrival| arrival.index(bindings.len())).max());
    }
}

#[test]
fn a_leaving_is_a_binding_to_the_zero_address() {
    let key = hashed(&identity(1).eid().0);
    let [here, gone] = [(ip(1), 3), (Locator::ZERO, 4)].map(|(at, generation)| binding(1, at, generation));
    let [here, gone] = [&here, &gone].map(|body| record(Kind::Binding, key, body.as_bytes()));
    assert!(matches!(judged(&gone, Some(&here), &Known::default()), Judgement::Store { .. }));
    assert_eq!(judged(&here, Some(&gone), &Known::default()), Judgement::Stale, "the dead stay dead");
}

/// No signature covers the expiry in front of a body: it shortens what its owner renews, and nothing by which others are judged.
#[test]
fn the_unsigned_expiry_shortens_a_binding_and_no_revocation() {
    let soon = NOW.0 + 1_000;
    let short = |kind: Kind, body: &[u8]| {
        let record = Record { expiry: soon, ..record(kind, hashed(&identity(1).eid().0), body) };
        judge::<ChaChaOnly>(NOW, Origin::Node, &record, None, &Known::default())
    };
    let bound = binding(1, ip(1), 4);
    assert_eq!(short(Kind::Binding, bound.as_bytes()), Judgement::Store { expiry: soon });
    let revoked = revocation(1, 1, 4, NOW.0);
    assert_eq!(short(Kind::Revocation, revoked.as_bytes()), Judgement::Store { expiry: NOW.0 + 400 * DAY });
}

/// The attack "a defence that is about to run out": of two with one generation the earlier time stands, and it may be any past time.
// shows: IACP-104 (§4.2.7.2)
#[test]
fn a_revocation_lives_for_four_hundred_days_from_its_arrival_whatever_its_time_is() {
    let key = hashed(&identity(1).eid().0);
    let owners = revocation(1, 1, 4, NOW.0 - DAY);
    let held = record(Kind::Revocation, key, owners.as_bytes());
    for age in [400 * DAY - 60_000, 300 * DAY, 2 * DAY] {
        let thiefs = revocation(1, 1, 4, NOW.0 - age);
        let thiefs = record(Kind::Revocation, key, thiefs.as_bytes());
        let judgement = judge::<ChaChaOnly>(NOW, Origin::Node, &thiefs, Some(&held), &Known::default());
        assert_eq!(judgement, Judgement::Store { expiry: NOW.0 + 400 * DAY }, "{age}");
    }
}

/// The attack "stuffed scores": a list of seven has the word of the seven responsible nodes.
#[test]
fn a_score_is_the_word_of_a_responsible_node() {
    let score = |node: u8| {
        let mut body = iacp_wire::layout::Score {
            eid: identity(1).eid(),
            directory_node_eid: identity(node).eid(),
            score: 9_000.into(),
            reserved: [0; 2],
            entries: 1.into(),
            log_hash: iacp_wire::RefusedDigest([7; 8]),
            timestamp: NOW.0.into(),
            signature: Signature::ZERO,
        };
        body.signature = sign(&identity(node), Kind::Score, &body.as_bytes()[..88], &[]);
        body
    };
    let known = Known { voters: (11..18).map(|node| identity(node).eid()).collect(), ..Known::default() };
    let verdict =
        |node: u8| judged(&record(Kind::Score, hashed(&identity(1).eid().0), score(node).as_bytes()), None, &known);
    assert_eq!(verdict(11), Judgement::Store { expiry: NOW.0 + DAY });
    assert_eq!(verdict(30), refused(NotStored::Votes));
}
