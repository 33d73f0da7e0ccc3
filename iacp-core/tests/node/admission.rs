//! The order of checks, and what each refuses.

use iacp_core::crypto::{Secret32, Suite};
use iacp_core::directory::node::{Handled, Settings, Silence, Trust};
use iacp_core::directory::{Answered, Class, Kind, Voters, answered, sign};
use iacp_core::erp::ticket::Issuer;
use iacp_core::guard::Rate;
use iacp_core::pss::TicketKey;
use iacp_wire::layout::{NodeRecord, Record, Revocation};
use iacp_wire::message::{DhtTicketQuery, ErpConfirm, MigrationVector};
use iacp_wire::{AeadNonce, Frame, Locator, Message, MigrationVectorTlv, Signature, TlvWriter, TransactionId};
use proptest::prelude::*;
use zerocopy::{FromBytes, IntoBytes};

use super::world::{
    Chosen, Host, SETTINGS, at, binding, frame, get, hashed, home, identity, info, node_put, put, record, register,
    registration, worked,
};
use iacp_core::crypto::Provider;

const RATE_LIMITED: u16 = 1;
const WORK_TOO_LOW: u16 = 2;
const BREAKER_OPEN: u16 = 6;

fn silent(why: Silence) -> Result<Vec<u8>, Handled> {
    Err(Handled::Silence(why))
}

fn host() -> Host {
    Host::new(1, 256, SETTINGS)
}

// shows: IACP-067 (§4.2.1.3), IACP-116 (§5.3.1), IACP-118 (§5.3.1)
#[test]
fn a_registration_pays_the_work_that_the_node_names_and_is_confirmed_under_its_signature() {
    let mut host = host();
    assert_eq!(host.error(at(0), home(20), &register(20, 4)), (WORK_TOO_LOW, 6), "the bits that it needs");
    assert_eq!(host.error(at(0), home(20), &registration(at(0), 20, 4, 5, 0)).0, WORK_TOO_LOW);
    let answer = host.handle(at(0), home(20), &registration(at(0), 20, 4, 6, 0)).expect("a confirmation");
    let confirm = ErpConfirm::ref_from_bytes(&answer[4..]).expect("an ERP_CONFIRM");
    assert_eq!((confirm.eid, confirm.status.get()), (identity(20).eid(), 0));
    // What the signature covers, by hand: PROFILE 2.3.
    let bound = &binding(20, home(20).ip(), 4);
    let digest = Chosen::sha256(&[b"IACP/1 ERP_CONFIRM\0", &bound.as_bytes()[..56], &answer[..80]]);
    assert!(Chosen::verify(&host.me.eid().0, &digest, &confirm.signature.0).is_ok());
    assert_eq!(host.standing(at(1), 20), (0, 0, vec![bound.as_bytes().to_vec()]));
    assert_eq!(host.standing(at(1), 21).0, 20, "not found is the word of one node");

    // The client's side reads the same, and nothing else.
    let sent = registration(at(0), 20, 4, 6, 0);
    let kept = record(Kind::Binding, hashed(&identity(20).eid().0), bound.as_bytes());
    let read = |bytes: &[u8], node: u8| answered::<Chosen>(bytes, &identity(node).eid(), &sent, &kept);
    assert_eq!(read(&answer, 1), Some(Answered::Status(0)));
    assert_eq!(read(&answer, 2), None, "another node's word");
    for byte in 0..answer.len() {
        let mut changed = answer.clone();
        changed[byte] ^= 1;
        assert_eq!(read(&changed, 1), None, "byte {byte}");
    }
    let refusal = host.handle(at(0), home(20), &registration(at(0), 20, 5, 5, 0)).expect("an ERROR");
    assert_eq!(read(&refusal, 1), None, "the refusal of another frame");
    let other = registration(at(0), 20, 5, 5, 0);
    let refused = Some(Answered::Refused { code: WORK_TOO_LOW, retry_after: 6 });
    assert_eq!(answered::<Chosen>(&refusal, &identity(1).eid(), &other, &kept), refused);

    // The very bytes again, from where they bind: without work.
    assert_eq!(host.status(at(60_000), home(20), &register(20, 4)), 0);
    assert_eq!(host.error(at(60_000), home(21), &register(20, 4)).0, WORK_TOO_LOW, "from elsewhere");
    // Two hours later the binding is gone; what is left of it refuses older ones for a week.
    let later = at(60_000 + 2 * 3_600_000);
    for _ in 0..16 {
        host.node.handle_deadline(later);
    }
    assert_eq!(host.standing(later, 20).0, 20);
    assert_eq!(host.status(later, home(20), &registration(later, 20, 3, 6, 1)), 1, "STALE_GENERATION");
    assert_eq!(host.status(later, home(20), &registration(later, 20, 5, 6, 2)), 0);
}

#[test]
fn a_known_eid_moves_for_less_work_and_no_key_is_bound_to_anothers_address() {
    let mut host = host();
    assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 0)), 0);
    let moved = binding(20, home(40).ip(), 5);
    let vector = MigrationVector {
        source_eid: moved.source_eid,
        generation_counter: moved.generation_counter,
        signature: moved.signature,
    };
    let mut buffer = [0; 64];
    let mut tlvs = TlvWriter::new(&mut buffer);
    let tlv = MigrationVectorTlv { code: 0x17, previous: home(20).ip(), current: home(40).ip(), nonce: [1; 8] };
    tlvs.migration_vector(&tlv).expect("room");
    let mut inner = vec![0; 200];
    let sent = Frame { tlvs: tlvs.finish().expect("sound"), ..Frame::new(Message::MigrationVector(&vector)) };
    let length = sent.write(&mut inner).expect("room");
    let key = hashed(&identity(20).eid().0);
    let cheap = |nonce| worked(at(1), Class::Identities, key, 2, nonce, &inner[..length]);
    assert_eq!(host.status(at(1), home(20), &cheap(0)), 16, "WRONG_SOURCE");
    assert_eq!(host.status(at(1), home(40), &cheap(1)), 0, "D − 4");
    assert_eq!(host.standing(at(2), 20).2, [moved.as_bytes().to_vec()]);
    // A leaving has no address, and comes from anywhere.
    let gone = frame(Message::ErpRegister(&binding(20, std::net::Ipv6Addr::UNSPECIFIED.into(), 6)));
    assert_eq!(host.status(at(2), home(99), &worked(at(2), Class::Identities, key, 6, 3, &gone)), 0);
    assert_eq!(host.standing(at(3), 20).1 & 0x40, 0x40, "LEFT");
}

/// Each check, in the order of its cost, and nothing is stored.
// shows: IACP-116 (§5.3.1), IACP-119 (§5.3.1)
#[test]
fn what_is_refused_at_which_row() {
    let mut host = host();
    let (now, from) = (at(0), home(20));
    let sound = registration(now, 20, 4, 6, 0);
    let changed = |at: usize, flip: u8| {
        let mut bytes = sound.clone();
        bytes[at] ^= flip;
        bytes
    };
    // 1: form.
    assert_eq!(host.handle(now, from, &[]), silent(Silence::Form));
    assert_eq!(host.handle(now, from, &sound[..sound.len() - 1]), silent(Silence::Form));
    assert_eq!(host.handle(now, from, &changed(1, 8)), silent(Silence::Form), "a flag");
    // 4: claim and time.
    assert_eq!(host.handle(now, from, &changed(4 + 80, 0xFF)), silent(Silence::Claim));
    assert_eq!(host.handle(at(30_001), from, &sound), silent(Silence::Claim), "too old");
    // 6: the work.
    assert_eq!(host.handle(now, from, &changed(4 + 79, 1)), silent(Silence::Proof), "another nonce");
    assert_eq!(host.handle(now, from, &changed(4 + 83, 6 ^ 24)), silent(Silence::Proof), "a claim of 24 bits");
    // 7: a proof for another frame, or for the same frame under another key.
    let mut swapped = sound.clone();
    swapped[4 + 84..].copy_from_slice(&register(21, 4));
    assert_eq!(host.handle(now, from, &swapped), silent(Silence::Frame));
    let elsewhere = worked(now, Class::Identities, hashed(b"other"), 6, 0, &register(22, 4));
    assert_eq!(host.handle(now, from, &elsewhere), silent(Silence::Frame));
    let class = worked(now, Class::Namespaces, hashed(&identity(22).eid().0), 6, 0, &register(22, 4));
    assert_eq!(host.handle(now, from, &class), silent(Silence::Frame));
    // A worked request holds no other one.
    let nested = worked(now, Class::Identities, hashed(&identity(23).eid().0), 6, 0, &registration(now, 23, 1, 6, 0));
    assert_eq!(host.handle(now, from, &nested), silent(Silence::Frame));
    // 14: the signature.
    let mut forged = binding(24, home(24).ip(), 1);
    forged.signature.0[0] ^= 1;
    let inner = frame(Message::ErpRegister(&forged));
    let forged = worked(now, Class::Identities, hashed(&identity(24).eid().0), 6, 0, &inner);
    assert_eq!(host.status(now, home(24), &forged), 2, "BAD_SIGNATURE");
    assert_eq!(host.node.store().fill().0, 0, "nothing was stored");

    // 8: none of these has spent a proof. It serves once, and is answered again to its sender alone.
    assert_eq!(host.status(now, from, &sound), 0);
    assert_eq!(host.status(now, from, &sound), 0, "the answer was lost");
    assert_eq!(host.status(now, home(21), &sound), 16, "WRONG_SOURCE, for tokens of its network");
    let key = hashed(b"x");
    let placeless = worked(now, Class::Identities, key, 6, 1, &put(&record(Kind::AirkBinding, key, &[1; 192])));
    assert_eq!(host.status(now, from, &placeless), 21);
    assert_eq!(
        host.handle(now, home(21), &placeless),
        silent(Silence::Spent),
        "what names no place serves one address"
    );
}

#[test]
fn a_node_keeps_what_it_is_among_the_first_ten_for() {
    let mut host = host();
    let now = at(0);
    for seed in 30..45 {
        assert!(host.node.introduce(now.mono, info(seed)));
    }
    let (mut kept, mut elsewhere) = (0, 0);
    for agent in 50..90 {
        let key = hashed(&identity(agent).eid().0);
        let answer = host.handle(now, home(agent), &registration(now, agent, 1, 6, 0)).expect("an answer");
        match Frame::parse(&answer).expect("a frame").message {
            Message::ErpConfirm(confirm) => kept += u32::from(confirm.status.get() == 0),
            Message::DirAnswer { head, .. } => {
                assert_eq!(head.answer_status.get(), 17, "NOT_RESPONSIBLE");
                assert_eq!(host.look_up(now, &get(key, Class::Identities, 255, 64)).0, 17);
                elsewhere += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(kept > 0 && elsewhere > 0 && kept + elsewhere == 40, "{kept} and {elsewhere}");
    assert_eq!(host.node.store().fill().0, kept);
}

/// The attack "a million EIDs": one network finds no room beyond its share, and another still does.
#[test]
fn one_network_fills_one_sixty_fourth_and_no_more() {
    let mut host = Host::new(1, 128, SETTINGS);
    let from = home(20);
    let mut answers = Vec::new();
    for (agent, nonce) in (100..110).zip(0..) {
        let inner = frame(Message::ErpRegister(&binding(agent, from.ip(), 1)));
        let key = hashed(&identity(agent).eid().0);
        answers.push(host.status(at(0), from, &worked(at(0), Class::Identities, key, 6, nonce, &inner)));
    }
    assert_eq!(answers, [0, 0, 4, 4, 4, 4, 4, 4, 4, 4], "CAPACITY");
    assert_eq!(host.status(at(0), home(30), &registration(at(0), 30, 1, 6, 0)), 0);
    // What stands can still be refreshed and moved.
    let inner = frame(Message::ErpRegister(&binding(100, from.ip(), 2)));
    let key = hashed(&identity(100).eid().0);
    assert_eq!(host.status(at(1), from, &worked(at(1), Class::Identities, key, 6, 90, &inner)), 0);
}

// shows: IACP-122 (§5.4.1)
#[test]
fn a_flood_without_work_empties_no_bucket_that_a_worked_request_needs() {
    let slow = Rate { capacity: 64, per_second: 1 };
    let mut host = Host::new(1, 256, Settings { unworked: slow, per_network: slow, ..SETTINGS });
    let query = get(hashed(b"x"), Class::Identities, 255, 64);
    let mut limited = 0;
    for sender in 0..2_000_u32 {
        let [_, b, c, _] = (sender << 8).to_be_bytes();
        match host.handle(at(0), ([10, b, c, 1], 9).into(), &query) {
            Ok(answer) => {
                limited += u32::from(answer.starts_with(&[0x18, 0x40]) && answer[5] == RATE_LIMITED.to_be_bytes()[1])
            }
            Err(silence) => assert_eq!(silence, Handled::Silence(Silence::Throttled)),
        }
    }
    assert!(limited > 1_000, "{limited}");
    assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 0)), 0);
}

// shows: IACP-124 (§5.4.2), IACP-125 (§5.4.2)
#[test]
fn an_open_breaker_answers_from_the_cache_and_lets_known_movers_and_workers_through() {
    let ample = Rate { capacity: 1 << 20, per_second: 1 << 20 };
    let mut host = Host::new(1, 256, Settings { unworked: ample, per_network: ample, ..SETTINGS });
    assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 0)), 0);
    let cached = host.standing(at(0), 20);
    let key = hashed(&identity(20).eid().0);
    let other = get(key, Class::Identities, 2, 64);
    let flood = get(key, Class::Identities, 3, 64);
    let tripped =
        (0..100).filter(|_| host.handle(at(1), home(9), &flood).is_ok_and(|answer| answer[0] == 0x18)).count();
    assert!(tripped < 100, "the cache answers what it knows");
    let (status, flags, bodies) = host.standing(at(2), 20);
    assert_eq!((status, flags, bodies), (cached.0, cached.1 | 0x8000, cached.2), "CACHED");
    assert_eq!(host.error(at(2), home(30), &other).0, BREAKER_OPEN);
    // Who is known can always refresh and move; newcomers of the zone pay four bits more.
    assert_eq!(host.status(at(3), home(20), &register(20, 4)), 0);
    assert_eq!(host.status(at(3), home(20), &registration(at(3), 20, 5, 6, 1)), 0);
    let newcomer = (0..=255_u8)
        .find(|seed| *seed != 20 && hashed(&identity(*seed).eid().0).0[0] & 0x3F == key.0[0] & 0x3F)
        .expect("one of 256 in a zone of 64");
    assert_eq!(host.error(at(3), home(newcomer), &registration(at(3), newcomer, 1, 6, 0)), (WORK_TOO_LOW, 10));
    assert_eq!(host.status(at(3), home(newcomer), &registration(at(3), newcomer, 1, 10, 0)), 0);
}

#[test]
fn records_are_handed_over_by_known_nodes_alone_and_prove_themselves_still() {
    let [mut old, mut new] = [1, 2].map(|seed| Host::new(seed, 256, SETTINGS));
    assert!(new.node.introduce(at(0).mono, info(1)));
    for agent in 20..40 {
        assert_eq!(old.status(at(0), home(agent), &registration(at(0), agent, 4, 6, 0)), 0);
    }
    assert!(old.node.introduce(at(1).mono, info(2)), "a node comes");
    let (mut handed, mut out) = (0, [0; 1_200]);
    for _ in 0..8 {
        while let Some((to, length)) = old.node.poll_transmit(at(2), &old.me, &mut out) {
            assert_eq!(to, info(2).at);
            assert_eq!(new.status(at(2), info(1).at, &out[..length]), 0);
            handed += 1;
        }
    }
    let nearer = (20..40)
        .filter(|agent| {
            let key = hashed(&identity(*agent).eid().0);
            let far = |seed| {
                let place = info(seed).place.0;
                std::array::from_fn::<u8, 32, _>(|at| {
                    let mask = if at == 0 { 0x3F } else { 0xFF };
                    (key.0[at] ^ place[at]) & mask
                })
            };
            far(2) < far(1)
        })
        .count();
    assert_eq!(handed, nearer, "exactly what the new node is nearer for");
    assert_eq!(new.node.store().fill().0, u32::try_from(nearer).expect("few"));

    // A stranger, another receiver, another time, a record that does not prove itself.
    let body = binding(50, home(50).ip(), 1);
    let key = hashed(&identity(50).eid().0);
    let record = record(Kind::Binding, key, body.as_bytes());
    let refused = silent(Silence::Node);
    assert_eq!(new.handle(at(3), home(9), &node_put(9, 2, 3, &record)), refused, "a stranger");
    assert_eq!(new.handle(at(3), home(9), &node_put(1, 3, 3, &record)), refused, "for another node");
    assert_eq!(new.handle(at(40_000), home(9), &node_put(1, 2, 3, &record)), refused, "too old");
    let mut forged = body;
    forged.generation_counter = 2.into();
    let forged = Record { body: forged.as_bytes(), ..record };
    assert_eq!(new.status(at(3), home(9), &node_put(1, 2, 3, &forged)), 2, "a liar makes no record");
    assert_eq!(new.status(at(3), home(9), &node_put(1, 2, 3, &record)), 0);
}

#[test]
fn an_owner_brings_what_is_its_own_and_a_node_becomes_known_by_its_record() {
    let mut host = host();
    let revocation = |signer: u8| {
        let mut body = Revocation {
            eid: identity(20).eid(),
            first_invalid_generation: 9.into(),
            timestamp: at(0).unix.0.into(),
            signature: Signature::ZERO,
        };
        body.signature = sign(&identity(signer), Kind::Revocation, &body.as_bytes()[..48], &[]);
        body
    };
    let key = hashed(&identity(20).eid().0);
    let deposit = |host: &mut Host, class, key, inner: &[u8], nonce| {
        host.status(at(0), home(20), &worked(at(0), class, key, 6, nonce, inner))
    };
    let (own, others) = (revocation(20), revocation(21));
    let put = |kind, key, body: &[u8]| put(&record(kind, key, body));
    assert_eq!(deposit(&mut host, Class::Identities, key, &put(Kind::Revocation, key, others.as_bytes()), 0), 2);
    assert_eq!(deposit(&mut host, Class::Identities, key, &put(Kind::Revocation, key, own.as_bytes()), 1), 0);
    // No generation that it revoked is taken any more.
    assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 9, 6, 2)), 18, "REVOKED");
    assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 8, 6, 3)), 0);
    // A score is a node's word: an owner brings none.
    let score = [7; 152];
    let at_seven = hashed(&[7; 32]);
    assert_eq!(deposit(&mut host, Class::Identities, at_seven, &put(Kind::Score, at_seven, &score), 4), 21);

    let node = node_record(60, 0);
    let there = hashed(&identity(60).eid().0);
    let inner = put(Kind::Node, there, node.as_bytes());
    assert_eq!(deposit(&mut host, Class::Overlay, there, &inner, 5), 16, "WRONG_SOURCE");
    let sent = worked(at(0), Class::Overlay, there, 6, 6, &inner);
    assert_eq!(host.status(at(0), info(60).at, &sent), 0, "from where it is");
    let nearest = get(key, Class::Identities, 0, 200);
    assert_eq!(host.look_up(at(0), &nearest).0, 20, "a source may be forged: it has answered nothing yet");
    assert!(host.meets(at(0), 60));
    let (status, _, bodies) = host.look_up(at(1), &nearest);
    assert_eq!((status, bodies), (0, vec![node.as_bytes().to_vec()]), "kind 0: the nearest nodes");
}

/// What a node says of its place.
pub fn node_record(seed: u8, ms: u64) -> NodeRecord {
    let mut node = NodeRecord {
        eid: identity(seed).eid(),
        ip: Locator::from(info(seed).at.ip()),
        port: info(seed).at.port().into(),
        classes: 0xF,
        reserved: 0,
        timestamp: at(ms).unix.0.into(),
        nonce: 0.into(),
        signature: Signature::ZERO,
    };
    node.signature = sign(&identity(seed), Kind::Node, &node.as_bytes()[..68], &[]);
    node
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// Whatever the bytes are: no panic, nothing stored, and no answer longer than three times them.
    #[test]
    fn bytes_from_anywhere_store_nothing(
        kind in prop::sample::select(vec![0x01_u8, 0x03, 0x05, 0x06, 0x13, 0x15, 0x17, 0x18, 0x90, 0x92, 0x94, 0x96]),
        body in prop::collection::vec(any::<u8>(), 0..900),
    ) {
        let mut host = host();
        let length = u16::try_from(body.len()).expect("short").to_be_bytes();
        let bytes = [&[0x10 | kind >> 4, kind << 4][..], &length, &body].concat();
        if let Ok(answer) = host.handle(at(0), home(20), &bytes) {
            prop_assert!(answer.len() <= 3 * bytes.len());
        }
        prop_assert_eq!(host.node.store().fill().0, 0);
    }

    /// A sound registration of which any byte is changed stores nothing, or what its owner signed: one time, nonce or claim
    /// in sixty-four happens to be a proof of as much work.
    #[test]
    fn a_changed_registration_stores_nothing_but_what_its_owner_signed(at_byte in 0_usize..208, flip in 1_u8..) {
        let mut host = host();
        let mut bytes = registration(at(0), 20, 4, 6, 0);
        bytes[at_byte] ^= flip;
        let _ = host.handle(at(0), home(20), &bytes);
        if host.node.store().fill().0 != 0 {
            let key = hashed(&identity(20).eid().0);
            let (status, _, bodies) = host.look_up(at(1), &get(key, Class::Identities, Kind::Binding as u8, 200));
            let signed = binding(20, home(20).ip(), 4);
            prop_assert_eq!((status, bodies), (0, vec![signed.as_bytes().to_vec()]));
            let inner = bytes.len() - register(20, 4).len();
            prop_assert!((inner - 20..inner).contains(&at_byte), "byte {} is covered by nothing", at_byte);
        }
    }
}

/// A DHT of its own places the records: the node admits those of every key, and tries what the DHT's nearest nodes try.
#[test]
fn under_another_dht_a_node_admits_every_key_and_judges_what_it_is_offered() {
    struct Elsewhere;
    impl Trust for Elsewhere {
        fn responsible(&self, _: Class, _: &iacp_wire::DhtKey) -> Option<Voters> {
            (2..9).map(|seed| identity(seed).eid()).collect::<Voters>().into()
        }
    }
    let mut host = host();
    for seed in 2..30 {
        // Of 16 known nodes this one is not among the first ten for each key.
        let _ = host.node.introduce(at(0).mono, info(seed));
    }
    let mut out = [0; 1_200];
    for agent in 60..100 {
        let sent = registration(at(0), agent, 4, 6, 0);
        let body = binding(agent, home(agent).ip(), 4);
        let kept = record(Kind::Binding, hashed(&identity(agent).eid().0), body.as_bytes());
        let Handled::Answer(length) = host.node.handle(at(0), &host.me, home(agent), &sent, &Elsewhere, &mut out)
        else {
            panic!("agent {agent} gets an answer")
        };
        assert_eq!(answered::<Chosen>(&out[..length], &identity(1).eid(), &sent, &kept), Some(Answered::Status(0)));
    }
    let body = binding(100, home(100).ip(), 4);
    let key = hashed(&identity(100).eid().0);
    let offered = record(Kind::Binding, key, body.as_bytes());
    let mut offer = |record: &Record<'_>| host.node.offer(at(1), info(2).at.ip(), record, &Elsewhere);
    assert_eq!(offer(&offered), 0);
    assert_eq!(offer(&offered), 0, "a refresh");
    let mut forged = body;
    forged.generation_counter = 5.into();
    assert_eq!(offer(&Record { body: forged.as_bytes(), ..offered }), 2, "BAD_SIGNATURE");
    let older = binding(100, home(100).ip(), 3);
    assert_eq!(offer(&Record { body: older.as_bytes(), ..offered }), 1, "STALE_GENERATION");
    assert_eq!(offer(&Record { storage_key: hashed(b"other"), ..offered }), 21, "REFUSED");
    let kept: Vec<u8> = host.node.store().one(at(2).unix, Kind::Binding, key).expect("it stands").0.body.to_vec();
    assert_eq!(kept, body.as_bytes());
    assert_eq!(host.node.store().records(at(2).unix).count(), 41);
}

/// The attack "stuffed scores, filled escrows": of what stands under the key of one EID there are few.
#[test]
fn an_eid_has_sixteen_tickets_and_its_seventeenth_is_refused() {
    let mut host = Host::new(1, 2_048, SETTINGS);
    let key = hashed(&identity(20).eid().0);
    let mut store = |iv: u8, counter: u64, nonce: u64| {
        let key_of_session = TicketKey { key: Secret32::new([iv; 32]), iv: [iv; 4] };
        let mut issuer = Issuer::restored(key_of_session, Suite::ChaCha20Poly1305, counter);
        issuer.persisted(counter + 64);
        let ticket = issuer.issue(&identity(20), home(20)).expect("it is persisted");
        let inner = frame(Message::DhtTicketStore(&ticket));
        host.status(at(0), home(20), &worked(at(0), Class::Identities, key, 6, nonce, &inner))
    };
    for iv in 0..16 {
        assert_eq!(store(iv, 1, iv.into()), 0, "ticket {iv}");
    }
    assert_eq!(store(16, 1, 16), 4, "CAPACITY");
    assert_eq!(store(3, 2, 17), 0, "a newer one takes the place of the one before");
    assert_eq!(store(3, 1, 18), 1, "STALE");
    assert_eq!(store(5, 3, 19), 0);
    assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 20)), 0);
    assert_eq!(host.standing(at(1), 20).1, 0x20, "HAS_TICKETS");
    // Asked for by its ticket_iv, or for the one with the highest counter.
    let query = DhtTicketQuery {
        target_storage_key: key,
        transaction_id: TransactionId([7; 8]),
        requestor_eid: identity(30).eid(),
    };
    for (iv, found) in
        [(None, Some((5, 3))), (Some([3; 4]), Some((3, 2))), (Some([0; 4]), Some((0, 1))), (Some([99; 4]), None)]
    {
        let (mut room, mut sent) = ([0; 8], [0; 128]);
        let mut tlvs = TlvWriter::new(&mut room);
        if let Some(iv) = iv {
            tlvs.ticket_iv(&iv).expect("room");
        }
        let asked = Frame { tlvs: tlvs.finish().expect("sound"), ..Frame::new(Message::DhtTicketQuery(&query)) };
        let length = asked.write(&mut sent).expect("room");
        let answer = host.handle(at(1), home(30), &sent[..length]).expect("an answer");
        let Message::DhtTicketResp(ticket) = Frame::parse(&answer).expect("a frame").message else {
            panic!("a ticket")
        };
        let AeadNonce([first, .., last]) = ticket.aead_nonce;
        assert_eq!(
            (ticket.status_code.get(), ticket.transaction_id),
            (u32::from(found.is_none()), TransactionId([7; 8]))
        );
        assert_eq!((first, last), found.unwrap_or((0, 0)), "{iv:?}");
    }
}
