//! The client's side against real nodes: a write with the work that a quorum asks for, a look-up that believes no node.

use iacp_core::directory::client::{BINDING, Found, QUESTION, Reader, Reading, Writing, Written};
use iacp_core::directory::node::Settings;
use iacp_core::directory::quorum::Progress;
use iacp_core::directory::{Class, Facts, Kind};
use iacp_core::time::Mono;
use iacp_wire::message::{DirAnswer, ErpRegister, ErrorMessage};
use iacp_wire::{DhtKey, Eid, Frame, Message, RefusedDigest, TransactionId};
use zerocopy::IntoBytes;

use super::world::{
    Chosen, Host, SETTINGS, at, binding, frame, hashed, home, identity, record, register, registration, worked,
};
use iacp_core::crypto::Provider;

const NODES: u8 = 4;
const AGENT: u8 = 20;

fn key() -> DhtKey {
    hashed(&identity(AGENT).eid().0)
}

fn hosts() -> Vec<Host> {
    (1..=NODES).map(|seed| Host::new(seed, 256, SETTINGS)).collect()
}

fn eids() -> Vec<Eid> {
    (1..=NODES).map(|seed| identity(seed).eid()).collect()
}

/// An ERROR for the frame that was sent.
fn demand(sent: &[u8], code: u16, bits: u32) -> Vec<u8> {
    let digest = Chosen::sha256(&[sent]);
    let body = ErrorMessage {
        code: code.into(),
        refused_type: sent[0] << 4 | sent[1] >> 4,
        reserved: 0,
        retry_after: bits.into(),
        refused_digest: RefusedDigest(*digest.first_chunk().expect("a digest")),
    };
    frame(Message::Error(&body))
}

// shows: IACP-067 (§4.2.1.3), IACP-117 (§5.3.1)
#[test]
fn a_write_works_once_for_all_nodes_and_is_done_at_a_quorum() {
    let (mut hosts, plain) = (hosts(), register(AGENT, 3));
    let bound = binding(AGENT, home(AGENT).ip(), 3);
    let stored = record(Kind::Binding, key(), bound.as_bytes());
    let mut write = Writing::new(Mono(0), &eids()).expect("four nodes");
    let (mut sent, mut works) = (plain.clone(), Vec::new());
    let mut progress = Written::Waiting;
    // The last node is silent.
    while let Some(eid) = write.poll(Mono(0)) {
        let place = eids().iter().position(|node| *node == eid).expect("one of them");
        if place == 3 {
            continue;
        }
        let answer = hosts[place].handle(at(0), home(AGENT), &sent).expect("an answer");
        progress = write.heard::<Chosen>(&eid, &answer, &sent, &stored);
        if let Written::Work(bits) = progress {
            works.push(bits);
            sent = worked(at(0), Class::Identities, key(), u8::try_from(bits).expect("few"), 0, &plain);
            write.worked(Mono(0));
        }
        if progress == Written::Done {
            break;
        }
    }
    assert_eq!((works, progress), (vec![6], Written::Done), "three of four are a quorum");
    assert_eq!(write.next_deadline(), None);
    for host in &mut hosts[..3] {
        assert_eq!(host.standing(at(1), AGENT).2, [bound.as_bytes().to_vec()]);
    }
}

#[test]
fn one_liar_among_four_does_not_decide_how_much_is_mined() {
    let plain = register(AGENT, 3);
    let bound = binding(AGENT, home(AGENT).ip(), 3);
    let stored = record(Kind::Binding, key(), bound.as_bytes());
    // Node 0 wants 24 bits, the others want 7, 8 and 9: three of four are content with 9.
    for (order, wanted) in [([0, 1, 2, 3], vec![7, 8, 9]), ([3, 2, 1, 0], vec![8, 9]), ([1, 0, 3, 2], vec![7, 9])] {
        let mut write = Writing::new(Mono(0), &eids()).expect("four nodes");
        let mut asked = Vec::new();
        for place in order {
            let bits = if place == 0 { 24 } else { 6 + u32::try_from(place).expect("few") };
            let heard = write.heard::<Chosen>(&eids()[place], &demand(&plain, 2, bits), &plain, &stored);
            if let Written::Work(bits) = heard {
                asked.push(bits);
            }
        }
        assert_eq!(asked, wanted, "{order:?}");
    }
    // Once the others took it, the liar alone is no reason to work again.
    let mut write = Writing::new(Mono(0), &eids()).expect("four nodes");
    let mut hosts = hosts();
    for (place, host) in hosts.iter_mut().enumerate().take(2) {
        let sent = registration(at(0), AGENT, 3, 6, 0);
        let answer = host.handle(at(0), home(AGENT), &sent).expect("a confirmation");
        assert_eq!(write.heard::<Chosen>(&eids()[place], &answer, &sent, &stored), Written::Waiting);
    }
    let mut hears =
        |place: usize, bits| write.heard::<Chosen>(&eids()[place], &demand(&plain, 2, bits), &plain, &stored);
    assert_eq!(hears(3, 24), Written::Waiting);
    assert_eq!(hears(2, 7), Written::Work(7), "now a third node is needed, and one of the two is content with it");
    assert_eq!(hears(2, 25), Written::Waiting, "no node asks for so many");
}

#[test]
fn an_open_breaker_is_answered_with_work_and_other_refusals_with_patience() {
    let plain = register(AGENT, 3);
    let bound = binding(AGENT, home(AGENT).ip(), 3);
    let stored = record(Kind::Binding, key(), bound.as_bytes());
    let mut write = Writing::new(Mono(0), &eids()[..1]).expect("one node");
    let rate_limited = demand(&plain, 1, 5);
    assert_eq!(write.heard::<Chosen>(&eids()[0], &rate_limited, &plain, &stored), Written::Waiting);
    assert_eq!(write.heard::<Chosen>(&eids()[0], &demand(&plain, 6, 1_000), &plain, &stored), Written::Work(16));
    assert_eq!(write.heard::<Chosen>(&eids()[0], &demand(b"other", 2, 20), &plain, &stored), Written::Waiting);
    assert_eq!(
        write.heard::<Chosen>(&eids()[1], &demand(&plain, 2, 20), &plain, &stored),
        Written::Waiting,
        "a stranger"
    );
}

#[test]
fn more_than_f_refusals_end_a_write_and_f_do_not() {
    let mut hosts = hosts();
    let older = registration(at(0), AGENT, 3, 6, 0);
    let bound = binding(AGENT, home(AGENT).ip(), 3);
    let stored = record(Kind::Binding, key(), bound.as_bytes());
    let mut write = Writing::new(Mono(0), &eids()).expect("four nodes");
    for (place, wanted) in [(0, Written::Waiting), (1, Written::Refused(1))] {
        assert_eq!(hosts[place].status(at(0), home(AGENT), &registration(at(0), AGENT, 4, 6, 1)), 0);
        let answer = hosts[place].handle(at(0), home(AGENT), &older).expect("a word");
        assert_eq!(write.heard::<Chosen>(&eids()[place], &answer, &older, &stored), wanted, "STALE_GENERATION");
    }
    assert_eq!((write.poll(Mono(60_000)), write.next_deadline()), (None, None));
}

fn read(transaction: u8) -> Reading {
    let at = (Class::Identities, key());
    Reading::new(Mono(0), &eids(), at, BINDING, TransactionId([transaction; 8])).expect("four nodes")
}

// shows: IACP-067 (§4.2.1.3)
#[test]
fn the_newest_binding_of_a_quorum_counts_although_one_node_alone_has_it() {
    let mut hosts = hosts();
    for host in &mut hosts {
        assert_eq!(host.status(at(0), home(AGENT), &registration(at(0), AGENT, 3, 6, 0)), 0);
    }
    assert_eq!(hosts[2].status(at(0), home(AGENT), &registration(at(0), AGENT, 4, 6, 1)), 0);
    let (mut read, nodes) = (read(7), eids());
    let (mut question, mut found, reader) = ([0; QUESTION], Found::default(), Reader { nodes: &nodes, airk: None });
    assert_eq!(read.write(&mut question), Ok(QUESTION));
    assert!(read.write(&mut question[1..]).is_err());
    let asked: Vec<Eid> = std::iter::from_fn(|| read.poll(Mono(0))).collect();
    assert_eq!(asked, nodes, "each node once");
    let again = read.next_deadline().expect("none has answered");
    assert_eq!((read.poll(Mono(again.0 - 1)), read.poll(again)), (None, Some(nodes[0])));
    for place in [3, 2, 2, 1] {
        let answer = hosts[place].handle(at(1), home(99), &question).expect("an answer");
        if let Some(answer) = read.heard(&nodes[place], &answer) {
            found.take::<Chosen>(at(1).unix, &answer, &reader);
        }
    }
    assert_eq!((read.progress(), found.answers, found.pair), (Progress::Done, 3, None), "no node counts twice");
    assert_eq!((read.poll(Mono(again.0 + 10_000)), read.next_deadline()), (None, None), "it is over");
    assert_eq!(found.binding, Some(binding(AGENT, home(AGENT).ip(), 4)));
    assert!(read.heard(&nodes[0], &hosts[0].handle(at(1), home(99), &question).expect("an answer")).is_some());
}

/// What a lying node says: the flags and records that it likes.
fn said(transaction: u8, flags: u16, bindings: &[ErpRegister]) -> Vec<u8> {
    let mut records = Vec::new();
    for binding in bindings {
        let mut bytes = [0; 200];
        let length = record(Kind::Binding, key(), binding.as_bytes()).write(&mut bytes).expect("room");
        records.extend(&bytes[..length]);
    }
    let head = DirAnswer {
        transaction_id: TransactionId([transaction; 8]),
        answer_status: 0.into(),
        answer_flags: flags.into(),
        total: 1,
        first: 0,
        reserved: [0; 2],
    };
    frame(Message::DirAnswer { head: &head, records: &records })
}

#[test]
fn a_liar_invents_no_place_and_its_flags_are_one_voice() {
    let (nodes, mut read, mut found) = (eids(), read(7), Found::default());
    let reader = Reader { nodes: &nodes, airk: None };
    let mut forged = binding(AGENT, home(66).ip(), 9);
    forged.signature = binding(AGENT, home(66).ip(), 8).signature;
    let other = binding(21, home(66).ip(), 9);
    let truth = binding(AGENT, home(AGENT).ip(), 3);
    for (place, flags, told) in [(0, 0x0006, forged), (1, 0, truth), (2, 0x0002, other)] {
        assert!(read.heard(&nodes[place], &said(8, flags, &[told])).is_none(), "to another question");
        let answer = said(7, flags, &[told]);
        found.take::<Chosen>(at(0).unix, &read.heard(&nodes[place], &answer).expect("its first"), &reader);
    }
    assert_eq!((found.binding, found.pair), (Some(truth), None));
    assert_eq!([0x0002, 0x0004, 0x0006, 0x0001].map(|flags| found.flagged(flags)), [2, 1, 1, 0]);
    // Two places under one generation: both are the owner's word.
    let twin = binding(AGENT, home(67).ip(), 3);
    let answer = said(7, 0, &[twin]);
    found.take::<Chosen>(at(0).unix, &read.heard(&nodes[3], &answer).expect("its first"), &reader);
    assert_eq!((found.binding, found.pair), (Some(truth), Some((truth, twin))));
    assert!(Frame::parse(&answer).is_ok());
    assert_eq!(reader.voters(Class::Identities, &key()).as_slice(), nodes);
}

/// The attack "another's place": a liar answers with a binding that holds, but of its own EID, newer than any.
// shows: IACP-067 (§4.2.1.3)
#[test]
fn a_valid_binding_of_another_eid_is_no_answer() {
    let (nodes, mut read, mut found) = (eids(), read(7), Found::default());
    let reader = Reader { nodes: &nodes, airk: None };
    let truth = binding(AGENT, home(AGENT).ip(), 3);
    let lie = |generation: u64| {
        let own = binding(1, home(66).ip(), generation);
        let mut bytes = [0; 200];
        let length =
            record(Kind::Binding, hashed(&identity(1).eid().0), own.as_bytes()).write(&mut bytes).expect("room");
        frame(Message::DirAnswer { head: &head_of(0), records: &bytes[..length] })
    };
    // Newer than the true one, and of its very generation: neither is a place of the agent, nor a pair.
    let answers = [lie((1 << 63) - 1), lie(3), said(7, 0, &[truth])];
    for (place, answer) in answers.iter().enumerate() {
        found.take::<Chosen>(at(0).unix, &read.heard(&nodes[place], answer).expect("its first"), &reader);
    }
    assert_eq!((found.binding, found.pair, found.answers), (Some(truth), None, 3));
}

#[test]
fn an_answer_of_another_kind_or_of_nothing_changes_nothing() {
    let (nodes, mut found) = (eids(), Found::default());
    let reader = Reader { nodes: &nodes, airk: None };
    for answer in [said(7, 0, &[]), frame(Message::DirAnswer { head: &head_of(0), records: b"half a record" })] {
        let mut read = read(7);
        found.take::<Chosen>(at(0).unix, &read.heard(&nodes[0], &answer).expect("an answer"), &reader);
    }
    assert_eq!((found.answers, found.binding), (2, None));
}

fn head_of(flags: u16) -> DirAnswer {
    DirAnswer {
        transaction_id: TransactionId([7; 8]),
        answer_status: 0.into(),
        answer_flags: flags.into(),
        total: 1,
        first: 0,
        reserved: [0; 2],
    }
}

/// The settings of these nodes ask for little, as the profile's do for more.
const _: () = assert!(SETTINGS.base < Settings::DEFAULT.base);
