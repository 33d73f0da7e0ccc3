extern crate std;

use std::vec::Vec;

use iacp_wire::{Locator, Signature};

use super::*;

fn node(number: u8) -> Node {
    Node { eid: Eid([number; 32]), at: ([192, 0, 2, number], 4_300).into() }
}

/// A write to the nodes 1 to 7, which began at 1,000 and whose nodes are known at 2,000.
fn writing() -> Registration {
    let mut registration = Registration::IDLE;
    registration.begin(Mono(1_000));
    registration.set_nodes(Mono(2_000), &[1, 2, 3, 4, 5, 6, 7, 8, 9].map(node));
    registration
}

/// The nodes that get the frame at this moment.
fn asked(registration: &mut Registration, now: u64) -> Vec<u8> {
    let next = core::iter::from_fn(|| registration.next_node(Mono(now)));
    let number = |at| (1..=9).find(|number| node(*number).at == at).expect("it is one of them");
    next.map(number).collect()
}

fn answer(registration: &mut Registration, number: u8, answer: RegisterAnswer) -> Option<RegistrationState> {
    registration.answered(Quorum::DEFAULT, &node(number).eid, answer)
}

// shows: IACP-076 (§4.2.3.2)
#[test]
fn a_write_goes_to_seven_nodes_and_again_only_to_those_that_may_answer_otherwise() {
    let mut registration = Registration::IDLE;
    registration.begin(Mono(1_000));
    assert_eq!((registration.next_node(Mono(1_000)), registration.due()), (None, Mono(31_000)), "no node is known");
    let mut registration = writing();
    assert!(registration.known);
    assert_eq!(registration.due(), Mono(0), "frames are to be sent");
    assert_eq!(asked(&mut registration, 2_000), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(registration.due(), Mono(2_250));
    for (number, said) in [
        (1, RegisterAnswer::Ok),
        (2, RegisterAnswer::Never),
        (3, RegisterAnswer::Challenged),
        (4, RegisterAnswer::NotNow),
        (5, RegisterAnswer::WrongSource),
    ] {
        assert_eq!(answer(&mut registration, number, said), None);
    }
    assert_eq!(answer(&mut registration, 6, RegisterAnswer::Stale), Some(RegistrationState::Stale));
    assert_eq!(asked(&mut registration, 2_249), [0; 0]);
    assert_eq!(asked(&mut registration, 2_250), [4, 5, 7]);
    assert_eq!(registration.due(), Mono(2_750), "the pause doubles");
    // A new generation goes to all of them, and only its own answers count.
    registration.begin_again(Mono(2_300));
    assert!(registration.known);
    assert_eq!(asked(&mut registration, 2_300), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((registration.due(), registration.is_late(Mono(32_299))), (Mono(2_550), false));
    assert!(registration.is_late(Mono(32_300)));
}

#[test]
fn few_nodes_are_all_asked_and_a_write_is_late_after_30_seconds() {
    let mut registration = Registration::IDLE;
    registration.begin(Mono(1_000));
    registration.set_nodes(Mono(1_000), &[node(1), node(2)]);
    let mut now = 1_000;
    for pause in [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000] {
        assert_eq!(asked(&mut registration, now), [1, 2], "at {now}");
        assert_eq!(registration.due(), Mono(now + pause));
        now += pause;
    }
    assert_eq!(asked(&mut registration, now), [1, 2]);
    assert_eq!((now + 8_000 > 31_000, registration.due()), (true, Mono(31_000)), "it is late before that");
    assert_eq!([30_999, 31_000].map(|now| registration.is_late(Mono(now))), [false, true]);
}

#[test]
fn a_confirmation_is_an_answer_from_the_node_and_place_that_were_asked() {
    let registration = writing();
    assert!(registration.asked(&node(3).eid, node(3).at));
    assert!(!registration.asked(&node(3).eid, node(4).at) && !registration.asked(&node(8).eid, node(3).at));
    assert!(registration.names(&node(7).eid) && !registration.names(&node(8).eid), "there is room for seven");
}

/// 5 of 7 confirm; 3 of 7 refuse, accuse, or see another source; one alone knows a later generation.
// shows: IACP-076 (§4.2.3.2)
#[test]
fn as_many_nodes_as_it_takes_decide_and_one_fewer_does_not() {
    for (said, needed, state) in [
        (RegisterAnswer::Ok, 5, Some(RegistrationState::Confirmed)),
        (RegisterAnswer::Never, 3, Some(RegistrationState::Refused)),
        (RegisterAnswer::Challenged, 3, Some(RegistrationState::Accused)),
        (RegisterAnswer::WrongSource, 3, Some(RegistrationState::WrongSource)),
        (RegisterAnswer::Stale, 1, Some(RegistrationState::Stale)),
        (RegisterAnswer::NotNow, 8, None),
    ] {
        let mut registration = writing();
        for number in 1..=7 {
            let expected = if number >= needed { state } else { None };
            assert_eq!(answer(&mut registration, number, said), expected, "{said:?} of {number}");
        }
        assert_eq!(answer(&mut registration, 8, said), None, "it was not asked");
    }
    let mut registration = writing();
    for number in [1, 1, 1, 1, 1, 2, 3, 4] {
        assert_eq!(answer(&mut registration, number, RegisterAnswer::Ok), None, "each node counts once");
    }
    assert_eq!(answer(&mut registration, 1, RegisterAnswer::Never), None);
    let confirmed = answer(&mut registration, 5, RegisterAnswer::Ok);
    assert_eq!(confirmed, Some(RegistrationState::Confirmed), "a commitment stands");
    let small = Quorum { confirmations: 2, faulty: 0 };
    let mut registration = writing();
    let mut said = |number, said| registration.answered(small, &node(number).eid, said);
    assert_eq!(said(1, RegisterAnswer::Ok), None);
    assert_eq!(said(2, RegisterAnswer::Never), Some(RegistrationState::Refused), "of f + 1 one is honest");
    assert_eq!(said(3, RegisterAnswer::Ok), Some(RegistrationState::Confirmed));
}

#[test]
fn each_status_of_a_registration_has_its_meaning() {
    let meanings = [
        (0, RegisterAnswer::Ok),
        (1, RegisterAnswer::Stale),
        (2, RegisterAnswer::Never),
        (3, RegisterAnswer::Challenged),
        (16, RegisterAnswer::WrongSource),
        (18, RegisterAnswer::Never),
        (19, RegisterAnswer::Never),
    ];
    for status in (0..64).chain([u32::MAX]) {
        let meaning = meanings.iter().find(|(code, _)| *code == status).map(|(_, meaning)| *meaning);
        assert_eq!(RegisterAnswer::of(status), meaning.unwrap_or(RegisterAnswer::NotNow), "{status}");
    }
}

// shows: IACP-078 (§4.2.3.3)
#[test]
fn a_cell_of_the_fifo_takes_the_content_of_one_frame_and_is_wiped() {
    let mut cell = FifoCell::EMPTY;
    assert!(!cell.fill(ContentKind::Resume, true, &[7; CONTENT + 1]));
    assert_eq!((cell.kind, cell.fin, cell.content()), (ContentKind::Anml, false, &[][..]), "nothing has changed");
    assert!(cell.fill(ContentKind::Resume, true, &[7; CONTENT]));
    assert_eq!((cell.kind, cell.fin, cell.content()), (ContentKind::Resume, true, &[7; CONTENT][..]));
    assert!(cell.fill(ContentKind::Resume, true, b"item"));
    assert_eq!(cell.content(), b"item");
    cell.reset();
    assert_eq!((cell.kind, cell.fin, cell.content()), (ContentKind::Anml, false, &[][..]));
    assert_eq!(cell.content, [0; CONTENT]);
}

#[test]
fn a_leaving_is_sent_again_while_it_has_a_binding_and_is_kept_until_its_time() {
    let until = Mono(2_200);
    let binding = Binding { eid: node(1).eid, ip: Locator::ZERO, generation: 9, signature: Signature::ZERO };
    let mut cell = OutboxCell { until, binding: Some(binding), ..OutboxCell::EMPTY };
    assert_eq!(cell.due(), until, "its nodes are not known");
    cell.registration = writing();
    assert_eq!(cell.due(), Mono(0));
    asked(&mut cell.registration, 2_000);
    assert_eq!(cell.due(), until, "before the repetition at 2,250");
    cell.until = Mono(9_000);
    assert_eq!(cell.due(), Mono(2_250));
    cell.binding = None;
    assert_eq!(cell.due(), Mono(9_000));
    cell.reset();
    assert_eq!((cell.eid, cell.until, cell.due()), (Eid::ZERO, Mono(0), Mono(0)));
}
