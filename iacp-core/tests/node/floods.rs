//! What floods, spoofed sources and hosts with many keys do to a node: each attack, and what it gets.

use iacp_core::crypto::Provider;
use iacp_core::directory::node::{Handled, Settings, Silence, Trust};
use iacp_core::directory::{Class, Kind, sign};
use iacp_core::guard::Rate;
use iacp_wire::layout::{NamespaceRoot, Publication};
use iacp_wire::{DhtKey, Frame, Message, Signature};
use zerocopy::IntoBytes;

use super::admission::node_record;
use super::trials::accusation;
use super::world::{
    Chosen, Host, SETTINGS, at, binding, get, hashed, home, identity, info, node_put, put, record, register,
    registration, worked,
};

const DAY: u64 = 86_400_000;

/// One proof of work, shown again and again, pays once and counts once.
// shows: IACP-119 (§5.3.1)
#[test]
fn a_proof_that_is_replayed_empties_no_bucket_and_trips_no_breaker() {
    let worked = Rate { capacity: 32, per_second: 0 };
    let mut host = Host::new(1, 256, Settings { worked, ..SETTINGS });
    let sent = registration(at(0), 20, 4, 10, 0);
    assert_eq!(host.status(at(0), home(20), &sent), 0);
    for _ in 0..200 {
        let _ = host.handle(at(1), home(20), &sent);
        let _ = host.handle(at(1), home(21), &sent);
    }
    // Of 32 tokens nine are taken: that is a quarter, and asks for one bit more.
    assert_eq!(host.error(at(2), home(30), &registration(at(2), 30, 1, 6, 0)), (2, 7));
    assert_eq!(host.status(at(2), home(30), &registration(at(2), 30, 1, 10, 0)), 0, "the bucket has what it had");
    assert_eq!(host.standing(at(2), 20).1, 0, "not out of the cache: the breaker is closed");
    // An empty bucket takes no proof: it pays when it is shown again later.
    let mut limited = 0;
    for (agent, nonce) in (40..60).zip(0..) {
        let answer = host.handle(at(3), home(agent), &registration(at(3), agent, 1, 10, nonce)).expect("an answer");
        limited += u32::from(matches!(Frame::parse(&answer).expect("a frame").message, Message::Error(_)));
    }
    assert_eq!(limited, 19, "one more was paid for");
}

/// A node is no reflector: what it is not responsible for is named for work and tokens, and not for a claim.
#[test]
fn without_work_no_request_is_answered_with_the_nodes_that_are_nearer() {
    let mut host = Host::new(1, 256, SETTINGS);
    for seed in 30..45 {
        assert!(host.node.introduce(at(0).mono, info(seed)));
    }
    let is_elsewhere = |bytes: &[u8]| bytes.starts_with(&[0x19, 0x10]);
    let agent = (50..90)
        .find(|agent| {
            host.handle(at(0), home(*agent), &registration(at(0), *agent, 1, 6, 0)).is_ok_and(|a| is_elsewhere(&a))
        })
        .expect("one of forty is not this node's");
    let sent = registration(at(0), agent, 1, 6, 0);
    let lazy = (0..=255_u8).find_map(|nonce| {
        let mut changed = sent.clone();
        changed[4 + 79] ^= nonce;
        (host.handle(at(0), home(agent), &changed) == Err(Handled::Silence(Silence::Proof))).then_some(changed)
    });
    assert!(lazy.is_some(), "no work, no answer");
    let answered = (0..1_000).filter(|_| host.handle(at(1), home(9), &sent).is_ok_and(|answer| is_elsewhere(&answer)));
    let answered = answered.count();
    assert!((1..=8).contains(&answered), "{answered}: a network has 64 tokens, and an answer costs nine");
}

/// Agents whose records another node may be nearer to.
fn filled(host: &mut Host) {
    for agent in 100..140 {
        assert_eq!(host.status(at(0), home(agent), &registration(at(0), agent, 4, 6, 0)), 0);
    }
}

fn handed(host: &mut Host, ms: u64) -> usize {
    let mut out = [0; 1_200];
    let sent = (0..8).filter_map(|_| {
        let (to, length) = host.node.poll_transmit(at(ms), &host.me, &mut out)?;
        Some(to == info(60).at && matches!(Frame::parse(&out[..length]).ok()?.message, Message::DirPut { .. }))
    });
    sent.filter(|is_handed| *is_handed).count()
}

/// A NODE that another node names starts no stream to the address in it, before the node has answered from there.
#[test]
fn no_stream_of_records_goes_to_an_address_that_another_node_names() {
    let mut host = Host::new(1, 512, SETTINGS);
    filled(&mut host);
    assert!(host.node.introduce(at(0).mono, info(2)));
    let node = node_record(60, 600);
    let there = hashed(&identity(60).eid().0);
    let named = record(Kind::Node, there, node.as_bytes());
    let mut out = [0; 1_200];
    for ms in (1_000..20_000).step_by(50) {
        // All that is for the node that the caller introduced.
        while host.node.poll_transmit(at(ms), &host.me, &mut out).is_some() {}
    }
    assert_eq!(host.status(at(20_600), info(2).at, &node_put(2, 1, 20_600, &named)), 0);
    assert_eq!(handed(&mut host, 20_700), 0, "its address is the word of another");
    let own = binding(99, home(99).ip(), 1);
    let own = record(Kind::Binding, hashed(&identity(99).eid().0), own.as_bytes());
    let refused = Err(Handled::Silence(Silence::Node));
    assert_eq!(host.handle(at(20_900), info(60).at, &node_put(60, 1, 20_900, &own)), refused, "a source may be forged");
    assert_eq!(handed(&mut host, 21_000), 0);
    assert!(host.meets(at(30_000), 60), "it answers from there");
    assert!(handed(&mut host, 31_000) > 0);
}

#[test]
fn a_node_whose_record_ran_out_gives_its_place_away() {
    let mut host = Host::new(1, 256, SETTINGS);
    for seed in 2..16 {
        assert!(host.node.introduce(at(0).mono, info(seed)));
    }
    // One whose record is this node's to keep.
    let comes = |host: &mut Host, seed: u8| {
        let there = hashed(&identity(seed).eid().0);
        let inner = put(&record(Kind::Node, there, node_record(seed, 0).as_bytes()));
        let answer = host.handle(at(0), info(seed).at, &worked(at(0), Class::Overlay, there, 6, 0, &inner));
        answer.is_ok_and(|answer| {
            matches!(Frame::parse(&answer), Ok(Frame { message: Message::DirReceipt(receipt), .. }) if receipt.status.get() == 0)
        })
    };
    assert!((80..120).any(|seed| comes(&mut host, seed)));
    host.events(at(DAY - 1));
    assert!(!host.node.introduce(at(DAY - 1).mono, info(70)), "sixteen places");
    host.events(at(DAY));
    assert!(host.node.introduce(at(DAY).mono, info(70)), "its NODE has run out");
    host.events(at(9 * DAY));
    assert!(!host.node.introduce(at(9 * DAY).mono, info(71)), "what the caller introduced stays");
}

/// One address reaches no threshold of a breaker in one second, whatever it asks for.
// shows: IACP-122 (§5.4.1), IACP-124 (§5.4.2)
#[test]
fn one_network_opens_no_breaker() {
    let mut host = Host::new(1, 256, SETTINGS);
    let key = hashed(b"x");
    let query = get(key, Class::Identities, 255, 0);
    for ms in 0..5_000 {
        for _ in 0..4 {
            let _ = host.handle(at(ms), home(9), &query);
        }
    }
    assert_eq!(host.look_up(at(5_000), &get(key, Class::Identities, 255, 64)).0, 20, "NOT_FOUND, and no BREAKER_OPEN");
}

/// The attack "a closed space": the list of a space is not one host's.
#[test]
fn one_network_has_eight_places_in_a_space() {
    let mut host = Host::new(1, 2_048, SETTINGS);
    let space = DhtKey([7; 32]);
    let mut publish = |seed: u8, from: u8| {
        let mut body = Publication {
            target_space_coordinate: space,
            eid: identity(seed).eid(),
            from: at(0).unix.0.into(),
            until: (at(0).unix.0 + 3_600_000).into(),
            signature: Signature::ZERO,
        };
        body.signature = sign(&identity(seed), Kind::Publication, &body.as_bytes()[..80], &[]);
        let inner = put(&record(Kind::Publication, space, body.as_bytes()));
        host.status(at(0), home(from), &worked(at(0), Class::Spaces, space, 6, seed.into(), &inner))
    };
    let taken: Vec<u32> = (20..32).map(|seed| publish(seed, 20)).collect();
    assert_eq!(taken, [0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4], "CAPACITY");
    assert_eq!(publish(40, 40), 0, "another network");
    assert_eq!(publish(20, 20), 0, "and what stands is refreshed");
}

/// A node that comes gets all that it is nearer for: no receiver throttles what a known node hands over.
#[test]
fn nothing_of_a_hand_over_is_lost() {
    let [mut old, mut new] = [1, 2].map(|seed| Host::new(seed, 2_048, SETTINGS));
    assert!(new.node.introduce(at(0).mono, info(1)));
    for agent in 20..=255 {
        let now = at(10 * u64::from(agent));
        assert_eq!(old.status(now, home(agent), &registration(now, agent, 4, 6, 0)), 0);
    }
    assert!(old.node.introduce(at(3_000).mono, info(2)));
    let mut out = [0; 1_200];
    let mut handed = 0;
    for ms in (3_000..33_000).step_by(20) {
        while let Some((_, length)) = old.node.poll_transmit(at(ms), &old.me, &mut out) {
            // It asks, too, what the other one holds.
            if matches!(Frame::parse(&out[..length]).expect("a frame").message, Message::DirPut { .. }) {
                assert_eq!(new.status(at(ms), info(1).at, &out[..length]), 0, "the {handed}th");
                handed += 1;
            }
        }
    }
    assert!(handed > 60, "{handed} of 236, about a half");
    assert_eq!(new.node.store().fill().0, handed);
}

/// What has a frame of its own, with a price of its own, comes in no other.
// shows: IACP-118 (§5.3.1)
#[test]
fn an_owner_brings_no_accusation_for_the_price_of_a_record() {
    let mut host = Host::new(1, 256, SETTINGS);
    let key = hashed(&identity(20).eid().0);
    let body = binding(20, home(20).ip(), 4);
    for (nonce, kind) in (0..).zip([Kind::Binding, Kind::Ticket, Kind::Accusation, Kind::Rebuttal]) {
        let inner = put(&record(kind, key, body.as_bytes()));
        let sent = worked(at(0), Class::Identities, key, 10, nonce, &inner);
        assert_eq!(host.handle(at(0), home(20), &sent), Err(Handled::Silence(Silence::Frame)), "{kind:?}");
    }
    let whole = accusation(21, 4, 0);
    let body = whole.get(88 + 4..).expect("a proof behind the head of its work");
    let inner = put(&record(Kind::Accusation, key, body));
    let cheap = worked(at(0), Class::Identities, key, 6, 9, &inner);
    assert_eq!(host.handle(at(0), home(21), &cheap), Err(Handled::Silence(Silence::Frame)));
    assert_eq!(host.node.store().fill().0, 0);
}

/// A short question makes its own answer short, and that of no other.
// shows: IACP-125 (§5.4.2)
#[test]
fn a_short_question_empties_no_answer_that_is_kept() {
    let ample = Rate { capacity: 1 << 20, per_second: 1 << 20 };
    let mut host = Host::new(1, 256, Settings { unworked: ample, per_network: ample, ..SETTINGS });
    assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 0)), 0);
    let kept = host.standing(at(0), 20);
    let key = hashed(&identity(20).eid().0);
    assert_eq!(host.look_up(at(0), &get(key, Class::Identities, 255, 0)).2.len(), 0, "it has no room for the record");
    for _ in 0..100 {
        let _ = host.handle(at(1), home(9), &get(key, Class::Identities, 3, 64));
    }
    let cached = host.standing(at(2), 20);
    assert_eq!((cached.1, cached.2), (kept.1 | 0x8000, kept.2), "CACHED, and whole");
}

struct Curators {
    witnessed: bool,
}
impl Trust for Curators {
    fn paid(&self, _: &iacp_core::directory::name::Root<'_>) -> bool {
        true
    }
    fn is_witnessed(&self, _: &iacp_wire::layout::Record<'_>) -> bool {
        self.witnessed
    }
}

fn named(key: u8) -> Vec<u8> {
    let record = NamespaceRoot {
        curation_public_key: identity(key).eid(),
        escrow_allocation_index: iacp_wire::Digest(hashed(&[2]).0),
        namespace: "org",
    };
    let mut buffer = [0; 200];
    let length = record.write(&mut buffer).expect("a short name");
    buffer[..length].to_vec()
}

fn root(signer: u8, ms: u64) -> Vec<u8> {
    let before = [named(signer), at(ms).unix.0.to_be_bytes().to_vec()].concat();
    let signature = sign(&identity(signer), Kind::Root, &before, &[0, 1, 2]);
    [&before[..], &signature.0, &[0, 1, 2]].concat()
}

fn curation(version: u64, before: &[u8], signer: u8, next: u8) -> Vec<u8> {
    let fields = [&version.to_be_bytes()[..], &Chosen::sha256(&[before]), &named(next)].concat();
    let signature = sign(&identity(signer), Kind::Curation, &fields, &[]);
    [&fields[..], &signature.0].concat()
}

fn delegation(signer: u8) -> Vec<u8> {
    let window = [at(0).unix.0.to_be_bytes(), at(DAY).unix.0.to_be_bytes()].concat();
    let fields = [&[0, 3][..], b"org", &[0, 5], b"org.a", &identity(9).eid().0, &window].concat();
    let signature = sign(&identity(signer), Kind::Delegation, &fields, &[]);
    [&fields[..], &signature.0].concat()
}

/// The changes of a root that gave way rule nothing any more, however many there were.
// shows: IACP-113 (§5.2.1)
#[test]
fn changes_of_a_root_that_is_gone_do_not_rule_its_name() {
    let mut host = Host::new(1, 256, SETTINGS);
    let trust = Curators { witnessed: true };
    let now = at(3_000_000).unix;
    let offer = |host: &mut Host, kind: Kind, name: &[u8], body: &[u8]| {
        host.node.offer(at(3_000_000), info(2).at.ip(), &record(kind, hashed(name), body), &trust)
    };
    let [first, other] = [root(1, 2_000_000), root(4, 0)];
    let one = curation(1, &first, 1, 2);
    let two = curation(2, &one, 2, 3);
    assert_eq!(offer(&mut host, Kind::Root, b"org", &first), 0);
    assert_eq!(offer(&mut host, Kind::Curation, b"org", &two), 21, "a version is missing");
    assert_eq!(offer(&mut host, Kind::Curation, b"org", &one), 0);
    assert_eq!(offer(&mut host, Kind::Curation, b"org", &two), 0);
    assert_eq!(offer(&mut host, Kind::Delegation, b"org.a", &delegation(1)), 2, "the key before");
    assert_eq!(offer(&mut host, Kind::Root, b"org", &other), 0, "f + 1 nodes have an earlier one");
    assert_eq!(
        offer(&mut host, Kind::Delegation, b"org.a", &delegation(3)),
        2,
        "the last key of the root that is gone"
    );
    assert_eq!(offer(&mut host, Kind::Delegation, b"org.a", &delegation(4)), 0, "the key of the root that stands");
    // Nor do they stand in the way of its name.
    let named = |host: &Host, path: &str| host.node.name(now, path, &trust).map(|named| named.eid);
    assert_eq!(named(&host, "org.a"), Ok(identity(9).eid()));
    assert_eq!(named(&host, "org"), Ok(identity(4).eid()));
    // The new root's own changes begin at 1 and take the places of the others.
    assert_eq!(offer(&mut host, Kind::Curation, b"org", &curation(1, &other, 4, 50)), 0);
    assert_eq!(offer(&mut host, Kind::Curation, b"org", &curation(2, &one, 2, 51)), 21, "no longer of this root");
    assert_eq!(named(&host, "org"), Ok(identity(50).eid()), "the first change of its own, and none of the other's");
}

/// The attack "look-ups with a little work": while no breaker is open, their work is worth nothing, and takes nothing from others.
// shows: IACP-122 (§5.4.1), IACP-125 (§5.4.2)
#[test]
fn worked_look_ups_take_nothing_of_what_worked_changes_need() {
    let worked_rate = Rate { capacity: 100, per_second: 0 };
    let mut host = Host::new(1, 256, Settings { worked: worked_rate, ..SETTINGS });
    let key = hashed(b"x");
    let query = get(key, Class::Identities, 255, 64);
    let mut answers = 0;
    for nonce in 0..60 {
        let sent = worked(at(0), Class::Identities, key, 2, nonce, &query);
        answers +=
            usize::from(host.handle(at(0), home(9), &sent).is_ok_and(|answer| answer.starts_with(&[0x19, 0x10])));
    }
    assert!((1..=32).contains(&answers), "{answers}: the 64 tokens of its network, two for each");
    assert_eq!(host.status(at(1), home(20), &registration(at(1), 20, 4, 6, 0)), 0, "the bucket is full, and so is D");
}

/// One network that works has an eighth of what there is for all that do.
// shows: IACP-122 (§5.4.1)
#[test]
fn one_network_takes_no_more_than_its_share_of_worked_requests() {
    let worked = Rate { capacity: 800, per_second: 0 };
    let mut host = Host::new(1, 4_096, Settings { worked, ..SETTINGS });
    let taken = (1..30).filter(|generation| {
        let answer = host.handle(at(0), home(20), &registration(at(0), 20, *generation, 10, *generation));
        answer.is_ok_and(|answer| {
            matches!(Frame::parse(&answer), Ok(Frame { message: Message::ErpConfirm(confirm), .. }) if confirm.status.get() == 0)
        })
    });
    assert_eq!(taken.count(), 100 / 9, "of 800 tokens an eighth");
    assert_eq!(host.status(at(0), home(30), &registration(at(0), 30, 1, 10, 0)), 0, "another network");
}

/// D knows how much of the bucket of worked requests is taken.
// shows: IACP-117 (§5.3.1)
#[test]
fn worked_requests_raise_the_work() {
    let worked = Rate { capacity: 800, per_second: 0 };
    let mut host = Host::new(1, 4_096, Settings { worked, ..SETTINGS });
    for (agent, nonce) in (40..62).zip(0..) {
        assert_eq!(host.status(at(0), home(agent), &registration(at(0), agent, 1, 10, nonce)), 0);
    }
    assert_eq!(host.error(at(0), home(99), &register(99, 1)), (2, 6), "198 of 800 tokens");
    assert_eq!(host.status(at(0), home(62), &registration(at(0), 62, 1, 10, 0)), 0);
    assert_eq!(host.error(at(0), home(99), &register(99, 1)), (2, 7), "a quarter");
}
