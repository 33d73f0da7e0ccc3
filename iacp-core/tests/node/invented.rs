//! Nodes at invented addresses, and nodes that hand over much: whether they come to count, and what they keep from others.

use iacp_core::directory::node::{Handled, Silence};
use iacp_core::directory::{Class, Kind};
use iacp_core::governance::window::{EPOCH, Outcome};
use iacp_wire::layout::{Record, Verdict, VerdictHead, VerdictVote};
use iacp_wire::message::DirAnswer;
use iacp_wire::{DhtKey, Digest, Frame, Message, Signature};
use zerocopy::IntoBytes;

use super::admission::node_record;
use super::attacks::accused;
use super::world::{
    COMPARED, Host, SETTINGS, at, binding, frame, get, hashed, home, identity, info, node_put, presence, put, record,
    registration, worked,
};

const REFUSED: u32 = 21;

/// Node 1, which knows nodes 2 to 7 and has said to them what it has to say.
fn host() -> Host {
    let mut host = Host::new(1, 512, SETTINGS);
    for seed in 2..8 {
        assert!(host.node.introduce(at(0).mono, info(seed)));
    }
    // It holds nothing yet that could be handed over.
    for _ in 0..40 {
        assert!(host.node.poll_transmit(at(0), &host.me, &mut [0; 1_200]).is_none());
    }
    host
}

/// All that a node sends within some seconds: to which address, and what.
fn sent(host: &mut Host, from: u64, until: u64) -> Vec<(std::net::SocketAddr, Vec<u8>)> {
    let (mut all, mut out) = (Vec::new(), [0; 1_200]);
    for ms in (from..until).step_by(500) {
        while let Some((to, length)) = host.node.poll_transmit(at(ms), &host.me, &mut out) {
            all.push((to, out[..length].to_vec()));
        }
    }
    all
}

/// Which nodes this one lists as nearest, of those whose NODE it keeps.
fn lists(host: &mut Host, ms: u64, seed: u8) -> bool {
    let nearest = get(hashed(&identity(seed).eid().0), Class::Overlay, 0, 350);
    host.look_up(at(ms), &nearest).2.iter().any(|body| body.starts_with(&identity(seed).eid().0))
}

/// The attack "voters at invented addresses": a NODE is signed by its own key alone, and its sender writes any address into it.
// shows: IACP-068 (§4.2.1.3)
#[test]
fn a_node_counts_once_it_has_answered_from_the_address_in_its_record() {
    let mut host = host();
    let node = node_record(60, 0);
    let named = record(Kind::Node, hashed(&identity(60).eid().0), node.as_bytes());
    assert_eq!(host.status(at(0), info(2).at, &node_put(2, 1, 0, &named)), 0);
    assert!(!lists(&mut host, 1, 60));
    // It is no sender, from wherever it signs, and its word is none.
    let own = binding(99, home(99).ip(), 1);
    let own = record(Kind::Binding, hashed(&identity(99).eid().0), own.as_bytes());
    for from in [info(60).at, home(9)] {
        assert_eq!(host.handle(at(1), from, &node_put(60, 1, 1, &own)), Err(Handled::Silence(Silence::Node)));
    }
    // It votes on nothing: of each trial that opens the voters are the seven others.
    assert_eq!(accused(&mut host, 2, 21, 30, 4), 0);
    let saved = host.node.saved_cases(at(2).mono).next().expect("one case");
    assert!(!saved.bytes().windows(32).any(|bytes| bytes == identity(60).eid().0), "it is no voter");
    // Few short questions go to its address, and nothing else.
    let there: Vec<_> = sent(&mut host, 3, 60_000).into_iter().filter(|(to, _)| *to == info(60).at).collect();
    assert!((1..=4).contains(&there.len()), "{}", there.len());
    assert!(there.iter().all(|(_, bytes)| bytes.len() == 48));
    // Another key, another address, an older question and another digest answer nothing.
    let question = &there.last().expect("a question").1;
    let [receipt, other] = [60, 61].map(|seed| presence(seed, question).expect("a receipt"));
    let form = Err(Handled::Silence(Silence::Form));
    assert_eq!(host.handle(at(60_000), info(60).at, &other), form, "the node that is there is another one");
    assert_eq!(host.handle(at(60_000), info(61).at, &receipt), form);
    let mut port = info(60).at;
    port.set_port(9);
    assert_eq!(host.handle(at(60_000), port, &receipt), form);
    let old = presence(60, &there[0].1).expect("a receipt");
    assert_eq!(host.handle(at(60_000), info(60).at, &old), form);
    for byte in 4..receipt.len() {
        let mut changed = receipt.clone();
        changed[byte] ^= 1;
        assert_ne!(host.handle(at(60_000), info(60).at, &changed), Err(COMPARED), "byte {byte}");
    }
    assert!(!lists(&mut host, 60_000, 60));
    assert_eq!(host.handle(at(60_000), info(60).at, &receipt), Err(COMPARED));
    assert!(lists(&mut host, 60_000, 60));
    assert_eq!(host.status(at(60_001), info(60).at, &node_put(60, 1, 60_001, &own)), 0);
    assert_eq!(host.handle(at(60_001), info(60).at, &receipt), form, "once");
}

/// A node that is asked where it is signs the question, at most three times as long as it.
#[test]
fn a_node_answers_the_question_where_it_is() {
    let mut host = Host::new(1, 64, SETTINGS);
    let question = get(DhtKey([9; 32]), Class::Overlay, 254, 0);
    let answer = host.handle(at(0), home(9), &question).expect("a receipt");
    assert_eq!(Some(&answer), presence(1, &question).as_ref());
    assert!(answer.len() <= 3 * question.len());
}

/// A NODE with work from a forged source is one packet; its sender hears no answer.
#[test]
fn a_forged_source_makes_no_node() {
    let mut host = Host::new(1, 64, SETTINGS);
    let there = hashed(&identity(60).eid().0);
    let inner = put(&record(Kind::Node, there, node_record(60, 0).as_bytes()));
    assert_eq!(host.status(at(0), info(60).at, &worked(at(0), Class::Overlay, there, 6, 0, &inner)), 0);
    assert!(!lists(&mut host, 1, 60));
    assert!(host.meets(at(1), 60));
    assert!(lists(&mut host, 2, 60));
}

/// The attack "one honest node is silenced at another": junk with its key and its address as source.
// shows: IACP-122 (§5.4.1)
#[test]
fn a_forged_source_takes_little_of_what_a_node_may_send() {
    let mut host = host();
    let body = binding(99, home(99).ip(), 1);
    let own = record(Kind::Binding, hashed(&identity(99).eid().0), body.as_bytes());
    let sound = node_put(2, 1, 0, &own);
    let mut junk = sound.clone();
    junk[80] ^= 1;
    for _ in 0..250 {
        assert_eq!(host.handle(at(0), info(2).at, &junk), Err(Handled::Silence(Silence::Node)));
    }
    // A vote on what is not tried here takes nothing at all.
    let vote =
        iacp_core::governance::ballot::sign(&identity(2), Digest([9; 32]), identity(20).eid(), Outcome::Guilty, 1);
    for _ in 0..1_000 {
        let sent = frame(Message::PomVote(&vote));
        assert_eq!(host.handle(at(0), info(2).at, &sent), Err(Handled::Silence(Silence::Node)));
    }
    assert_eq!(host.status(at(0), info(2).at, &sound), 0);
}

/// A GUILTY verdict on an agent, by voters that are gone.
fn gone(offender: u8) -> Vec<u8> {
    let votes: Vec<VerdictVote> = (101..106)
        .map(|voter| VerdictVote { voter_eid: identity(voter).eid(), epoch: 1.into(), signature: Signature::ZERO })
        .collect();
    let offender_eid = identity(offender).eid();
    let head = VerdictHead {
        accusation_id: Digest([offender; 32]),
        offender_eid,
        outcome: Outcome::Guilty as u8,
        count: 5,
        reserved: [0; 2],
    };
    let mut body = vec![0; 900];
    let length = Verdict { head: &head, votes: &votes }.write(&mut body).expect("room");
    body.truncate(length);
    body
}

fn told(host: &mut Host, node: u8, ms: u64, key: DhtKey, body: &[u8]) -> u32 {
    host.status(at(ms), info(node).at, &node_put(node, 1, ms, &record(Kind::Verdict, key, body)))
}

/// What several nodes hand over in different orders is taken from the third that says it.
#[test]
fn the_word_of_three_nodes_is_collected_over_many_records() {
    let mut host = host();
    let order: [Vec<u8>; 3] = [(100..116).collect(), (100..116).rev().collect(), (100..116).collect()];
    for ((node, offenders), wanted) in [2, 3, 4].into_iter().zip(order).zip([REFUSED, REFUSED, 0]) {
        for offender in offenders {
            let key = hashed(&identity(offender).eid().0);
            assert_eq!(told(&mut host, node, 1, key, &gone(offender)), wanted, "node {node}, agent {offender}");
        }
    }
}

/// What one node hands over, the others are asked about at once.
#[test]
fn a_record_that_needs_three_nodes_is_asked_for_at_the_others() {
    let mut host = host();
    let key = hashed(&identity(20).eid().0);
    let body = gone(20);
    assert_eq!(told(&mut host, 2, 1, key, &body), REFUSED);
    let mut asked = Vec::new();
    for (to, bytes) in sent(&mut host, 2, 3_000) {
        let Message::DirGet { head, .. } = Frame::parse(&bytes).expect("a frame").message else { continue };
        assert_eq!((head.kind, head.storage_key), (Kind::Verdict as u8, key));
        let head = DirAnswer {
            transaction_id: head.transaction_id,
            answer_status: 0.into(),
            answer_flags: 0.into(),
            total: 1,
            first: 0,
            reserved: [0; 2],
        };
        let mut records = vec![0; 1_000];
        let length = record(Kind::Verdict, key, &body).write(&mut records).expect("a record");
        let answer = frame(Message::DirAnswer { head: &head, records: &records[..length] });
        assert!(answer.len() <= 3 * bytes.len(), "the question has room for its answer");
        asked.push((to, answer));
    }
    let others: std::collections::BTreeSet<_> = asked.iter().map(|(to, _)| *to).collect();
    assert_eq!(others, (3..8).map(|seed| info(seed).at).collect(), "each but the one that said it");
    let stands = |host: &Host| host.node.store().list(at(3_000).unix, Kind::Verdict, key).count();
    assert_eq!(host.handle(at(3_000), asked[0].0, &asked[0].1), Err(COMPARED));
    assert_eq!(stands(&host), 0);
    assert_eq!(host.handle(at(3_000), asked[1].0, &asked[1].1), Err(COMPARED));
    assert_eq!(stands(&host), 1);
}

/// A curator's verdict reaches the nodes that come later where it was tried, though they know of no trial.
#[test]
fn a_curators_verdict_outlives_its_voters_too() {
    let mut host = host();
    let (key, body) = (hashed(b"org"), gone(30));
    let statuses = [2, 3, 4].map(|node| told(&mut host, node, 1, key, &body));
    assert_eq!(statuses, [REFUSED, REFUSED, 0]);
    assert_eq!(told(&mut host, 2, 2, hashed(b"com"), &body), REFUSED, "what they said is for one key");
}

fn kinds(all: &[(std::net::SocketAddr, Vec<u8>)]) -> Vec<Kind> {
    let kind = |bytes: &[u8]| match Frame::parse(bytes).ok()?.message {
        Message::DirPut { record, .. } => Kind::from_code(Record::parse(record).ok()?.kind),
        _ => None,
    };
    all.iter().filter_map(|(_, bytes)| kind(bytes)).collect()
}

/// The attack "decoys": each accusation that is tried is handed on, and none that found no room.
// shows: IACP-101 (§4.2.7.2)
#[test]
fn an_accusation_that_finds_no_room_is_sent_nowhere() {
    let mut host = host();
    for (accuser, generation) in [(21, 4), (22, 5), (23, 6), (24, 7)] {
        assert_eq!(accused(&mut host, 1 + generation, accuser, 30, generation), 0);
    }
    assert_eq!(kinds(&sent(&mut host, 10, 11)), [Kind::Accusation; 24], "four to six nodes");
    // Past the moment in which a lower id takes a place, a fifth one finds none.
    let later = 5 * EPOCH;
    let before = kinds(&sent(&mut host, 12, later)).len();
    assert_eq!(before, 72, "three more times");
    assert_eq!(accused(&mut host, later, 25, 30, 8), 4, "CAPACITY");
    assert_eq!(kinds(&sent(&mut host, later, later + 1)), []);
}

/// What there is much of delays nothing else.
#[test]
fn a_node_announces_itself_while_it_hands_on_accusations() {
    let mut host = host();
    for offender in 30..38 {
        assert_eq!(accused(&mut host, 1, 21 + offender % 2, offender, 4), 0);
    }
    host.node.announce(0);
    let (mut all, mut out) = (Vec::new(), [0; 1_200]);
    while let Some((to, length)) = host.node.poll_transmit(at(2), &host.me, &mut out) {
        all.push((to, out[..length].to_vec()));
    }
    let sent = kinds(&all);
    let count = |kind| sent.iter().filter(|sent| **sent == kind).count();
    assert_eq!(all.len(), 32, "and no more in this second");
    assert_eq!(
        (count(Kind::Accusation), count(Kind::Node)),
        (26, 6),
        "48 accusations wait, and each node is told of this one"
    );
}

/// What is registered while a node asks where others are is answered as ever.
#[test]
fn questions_to_invented_nodes_hold_nothing_up() {
    let mut host = host();
    for seed in 60..66 {
        let node = node_record(seed, 0);
        let named = record(Kind::Node, hashed(&identity(seed).eid().0), node.as_bytes());
        assert_eq!(host.status(at(0), info(2).at, &node_put(2, 1, 0, &named)), 0);
    }
    let all = sent(&mut host, 1, 20_000);
    let to_invented = all.iter().filter(|(to, _)| (60..66).any(|seed| *to == info(seed).at)).count();
    assert_eq!(to_invented, 6 * 3, "after 0, 1 and 9 seconds");
    assert_eq!(host.status(at(20_000), home(20), &registration(at(20_000), 20, 4, 6, 0)), 0);
}
