use super::*;

use iacp_core::crypto::Secret32;
use iacp_wire::Locator;

use crate::keys::{self, Identity};

fn node(number: u8) -> Node {
    let eid = Identity::from_seed(&Secret32::new([number; 32])).eid();
    Node { eid, at: ([127, 0, 0, number], 4_300).into() }
}

fn directory(nodes: u8) -> Directory {
    Directory::new((1..=nodes).map(node).collect()).expect("a thread")
}

fn sent(directory: &mut Directory) -> Vec<SocketAddr> {
    std::iter::from_fn(|| directory.next_datagram()).map(|(at, _)| at).collect()
}

fn registration(generation: u64, ip: Locator) -> (Binding, Vec<u8>) {
    let binding = Binding::sign(&Identity::from_seed(&Secret32::new([99; 32])), ip, generation);
    let mut frame = vec![0; 200];
    let length = Frame::new(Message::ErpRegister(&binding.to_register())).write(&mut frame).expect("room");
    frame.truncate(length);
    (binding, frame)
}

const HERE: Locator = Locator([7; 16]);

#[test]
fn a_quorum_is_n_less_f() {
    for (n, confirmations, faulty) in [(1, 1, 0), (4, 3, 1), (5, 4, 1), (7, 5, 2)] {
        assert_eq!(directory(n).quorum(), Quorum { confirmations, faulty }, "{n} nodes");
    }
}

#[test]
fn what_is_no_binding_for_a_node_leaves_as_it_is() {
    let mut directory = directory(3);
    let (_, frame) = registration(0, HERE);
    assert_eq!(directory.dressed(Mono(0), ([127, 0, 0, 9], 4_300).into(), &frame), frame, "to a peer");
    assert_eq!(directory.dressed(Mono(0), node(1).at, b"another frame"), b"another frame");
    assert!(directory.registered.is_empty() && directory.writes.is_empty());
    assert_eq!(directory.next_deadline(), None);
}

#[test]
fn a_binding_that_stands_is_sent_again_every_half_hour_and_one_that_does_not_every_minute() {
    let mut directory = directory(3);
    let (binding, frame) = registration(4, HERE);
    assert_eq!(directory.dressed(Mono(0), node(1).at, &frame), frame, "no node has asked for work");
    // Until the LL-Entity's quorum has it, nothing is sent from here.
    directory.poll(Mono(0));
    assert_eq!(sent(&mut directory), []);
    let write = directory.writes.remove(0);
    has_ended(Mono(1_000), &write, Written::Done, &mut directory.registered, &mut directory.learnt);
    assert!(matches!(directory.learnt(), Some(Learnt::Bound(eid, 4)) if eid == binding.eid));
    assert_eq!(directory.next_deadline(), Some(Mono(1_801_000)));
    directory.poll(Mono(1_800_999));
    assert_eq!(sent(&mut directory), []);
    directory.poll(Mono(1_801_000));
    assert_eq!(sent(&mut directory), [1, 2, 3].map(|number| node(number).at));
    // No node answers: half a minute later it is over, and a minute later it begins anew.
    directory.poll(Mono(1_831_000));
    assert!(directory.writes.is_empty() && matches!(directory.learnt(), Some(Learnt::Trouble(_))));
    assert_eq!(directory.next_deadline(), Some(Mono(1_891_000)));
    // A binding lives two hours: more than one refresh may be lost.
    const { assert!(3 * (REFRESH + REFRESH_AGAIN) < 7_200_000) };
}

#[test]
fn a_move_ends_what_is_under_way_of_the_older_place_and_a_leaving_is_not_kept_alive() {
    let mut directory = directory(3);
    let (_, first) = registration(4, HERE);
    let (_, second) = registration(5, Locator([8; 16]));
    let (leaving, last) = registration(6, Locator::ZERO);
    directory.dressed(Mono(0), node(1).at, &first);
    let write = directory.writes.remove(0);
    has_ended(Mono(0), &write, Written::Done, &mut directory.registered, &mut directory.learnt);
    directory.poll(Mono(1_800_000));
    assert_eq!(directory.writes.len(), 1, "a refresh");
    directory.dressed(Mono(1_800_001), node(1).at, &second);
    assert!(directory.writes.iter().all(|write| write.purpose == Purpose::Registration));
    assert_eq!(directory.registered[&leaving.eid].binding.generation, 5);
    // A late repetition of the first changes nothing.
    directory.dressed(Mono(1_800_002), node(2).at, &first);
    assert_eq!(directory.registered[&leaving.eid].binding.generation, 5);
    directory.dressed(Mono(1_800_003), node(1).at, &last);
    let write = directory.writes.remove(0);
    has_ended(Mono(1_800_003), &write, Written::Done, &mut directory.registered, &mut directory.learnt);
    assert!(directory.registered.is_empty());
    assert_eq!(directory.next_deadline(), None);
}

#[test]
fn a_look_up_is_asked_of_all_nodes_once_at_a_time() {
    let mut directory = directory(4);
    for _ in 0..3 {
        directory.look_up(Mono(0), reads::About::Peer(Eid([5; 32])));
    }
    directory.look_up(Mono(0), reads::About::Ticket { owner: Eid([5; 32]), requestor: Eid([6; 32]), iv: [1; 4] });
    directory.poll(Mono(0));
    assert_eq!(sent(&mut directory).len(), 8);
    directory.poll(Mono(30_000));
    let troubles = told(&mut directory).into_iter().filter(|what| what.contains("no quorum of the directory answers"));
    assert_eq!(troubles.count(), 2, "without a quorum both end");
    assert_eq!(directory.next_deadline(), None);
}

#[test]
fn what_comes_from_elsewhere_is_no_answer_of_a_node() {
    let mut directory = directory(1);
    directory.look_up(Mono(0), reads::About::Peer(Eid([5; 32])));
    let head = iacp_wire::message::DirAnswer {
        transaction_id: iacp_wire::TransactionId([0; 8]),
        answer_status: 20.into(),
        answer_flags: 0.into(),
        total: 0,
        first: 0,
        reserved: [0; 2],
    };
    let mut answer = vec![0; 64];
    let length = Frame::new(Message::DirAnswer { head: &head, records: &[] }).write(&mut answer).expect("room");
    let hears = |directory: &mut Directory, from, bytes: &[u8]| directory.heard(Mono(0), UnixTime(0), from, bytes);
    assert!(!hears(&mut directory, node(2).at, &answer[..length]), "not a node");
    assert!(hears(&mut directory, node(1).at, &answer[..length]), "a node, to another question");
    assert!(!hears(&mut directory, node(1).at, b"noise"));
    assert!(directory.learnt().is_none());
}

/// The troubles that were told.
fn told(directory: &mut Directory) -> Vec<String> {
    let all = std::iter::from_fn(|| directory.learnt());
    all.filter_map(|learnt| if let Learnt::Trouble(what) = learnt { Some(what) } else { None }).collect()
}

#[test]
fn a_node_that_does_not_answer_and_one_that_is_another_are_named_once() {
    let (mut directory, four) = (directory(3), directory(4));
    let (_, frame) = registration(4, HERE);
    assert!(directory.remark().expect("three are few").starts_with("--directory: with 3 nodes none may fail"));
    assert_eq!(four.remark(), None);
    for number in 1..4 {
        directory.dressed(Mono(0), node(number).at, &frame);
    }
    let confirm = |number: u8| {
        let confirm = iacp_wire::message::ErpConfirm {
            eid: Eid([5; 32]),
            generation_counter: 4.into(),
            status: 0.into(),
            directory_node_eid: node(number).eid,
            signature: iacp_wire::Signature::ZERO,
        };
        let mut frame = vec![0; 200];
        let length = Frame::new(Message::ErpConfirm(&confirm)).write(&mut frame).expect("room");
        frame.truncate(length);
        frame
    };
    // The first answers, at the place of the second there is a fourth, and the third is silent.
    for _ in 0..2 {
        directory.heard(Mono(1), UnixTime(0), node(1).at, &confirm(1));
        directory.heard(Mono(1), UnixTime(0), node(2).at, &confirm(4));
    }
    let other = format!("--directory: the node at 127.0.0.2:4300 is {}, and not", hex::encode(node(4).eid.0));
    let [told_of] = &told(&mut directory)[..] else { panic!("one line") };
    assert!(told_of.starts_with(&other), "{told_of}");
    directory.writes.clear();
    for now in [9_999, 10_000, 10_001, 90_000] {
        directory.poll(Mono(now));
        let told = told(&mut directory);
        let wanted = format!("--directory: the node {} at 127.0.0.3:4300 does not answer", keys::short(&node(3).eid));
        assert_eq!(told, if now == 10_000 { vec![wanted] } else { vec![] }, "{now}");
    }
    directory.heard(Mono(91_000), UnixTime(0), node(3).at, &confirm(3));
    assert!(told(&mut directory)[0].ends_with("at 127.0.0.3:4300 answers now"));
}
