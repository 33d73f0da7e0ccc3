//! What a person reads of a session: each closure, violation, discard, reason and error in words, and no two alike.

mod errors;
mod told;
mod values;

use std::collections::BTreeSet;
use std::fmt::Display;

use iacp_core::pss::{
    Closure, Discard, NotNow, Reason, SendError, StartError, TeardownReason, TermsError, TooSmall, Violation,
    WrongIdentity,
};

fn words<T: Display>(all: &[T]) -> Vec<String> {
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    let distinct: BTreeSet<&String> = words.iter().collect();
    assert_eq!(distinct.len(), words.len(), "two of them read alike: {words:?}");
    for line in &words {
        assert!(!line.is_empty() && !line.ends_with('.') && !line.contains("  "), "{line:?}");
    }
    words
}

#[test]
fn every_end_says_which_side_ended_it_why_and_whether_something_is_missing() {
    let forced = |by_peer, reason, truncated| Closure::Forced { by_peer, reason, truncated };
    let ends = [
        (Closure::Graceful, "closed in good order"),
        (forced(true, 1, false), "ended by the peer: task complete"),
        (forced(true, 12, true), "ended by the peer: the agent is gone, truncated"),
        (forced(false, 6, true), "ended by this side: missing data is no longer in the delta log, truncated"),
        (forced(false, 900, false), "ended by this side, reason 900"),
        (Closure::Unanswered { truncated: false }, "the request for teardown was not answered"),
        (Closure::Unanswered { truncated: true }, "the request for teardown was not answered, truncated"),
        (Closure::NoAnswer, "the handshake got no answer"),
        (Closure::Contradiction, "the peer contradicted itself in the handshake or the negotiation"),
        (Closure::NoSuite, "no cipher in common"),
        (Closure::Compromised(Violation::Chain), "compromised: rolling hash: not the hash of what came before"),
        (Closure::Lost { truncated: true }, "the transport did not come back, truncated"),
        (Closure::KeySpent, "a key was used as much as it may be"),
        (Closure::Superseded, "superseded by the peer's own attempt"),
    ];
    let said = words(&ends.map(|(end, _)| end));
    assert_eq!(said, ends.map(|(_, words)| words.to_owned()));
}

#[test]
fn every_reason_code_of_a_teardown_is_its_number_and_has_words() {
    // keeps their numbers on the wire: a code is never used again for something else.
    let codes: Vec<TeardownReason> =
        (0..=12).chain([14]).map(|code| TeardownReason::from_code(code).expect("a reason")).collect();
    for (code, reason) in (0..=12).chain([14]).zip(&codes) {
        assert_eq!(reason.code(), code);
    }
    assert!((15..=u16::MAX).chain([13]).all(|code| TeardownReason::from_code(code).is_none()));
    let said = words(&codes);
    assert_eq!(said[5], "out of memory");
    // An application gives four of them; the session's own it can neither give nor feign.
    let given: Vec<u16> = (0..=u16::MAX).filter(|code| TeardownReason::of_application(*code).is_some()).collect();
    assert_eq!(given, [0, 1, 5, 7]);
}

#[test]
fn every_violation_names_the_field() {
    let all = [
        Violation::Chain,
        Violation::Acknowledgement,
        Violation::Echo,
        Violation::Bitmap,
        Violation::Plaintext,
        Violation::Kind(9),
        Violation::Fin,
    ];
    let fields: Vec<String> =
        words(&all).iter().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(fields, ["rolling hash", "acknowledgement", "echo", "bitmap", "plaintext", "kind 9", "FIN"]);
}

#[test]
fn every_discard_every_deadline_and_every_error_is_said_in_words_of_its_own() {
    assert_eq!(words(Discard::ALL).len(), 22);
    let reasons = [
        Reason::Transmit,
        Reason::Acknowledge,
        Reason::Idle,
        Reason::Probe,
        Reason::Attempt,
        Reason::Silence,
        Reason::Lost,
        Reason::Lifetime,
        Reason::Negotiation,
        Reason::NoProgress,
        Reason::Close,
        Reason::Unanswered,
        Reason::KeySpent,
        Reason::Forget,
    ];
    words(&reasons);
    words(&[
        SendError::NotNow,
        SendError::Finished,
        SendError::Full,
        SendError::TooLong,
        SendError::Kind,
        SendError::KeySpent,
    ]);
    words(&[StartError::Busy, StartError::OwnEid, StartError::PeerKey]);
    words(&[TermsError::NothingProposed, TermsError::NotOurTurn, TermsError::Window, TermsError::Identity]);
    assert_eq!(NotNow.to_string(), "not in this state of the session");
    assert_eq!(WrongIdentity.to_string(), "the identity is not the session's");
    assert_eq!(TooSmall { needed: 88 }.to_string(), "the buffer is too small: 88 bytes are needed");
}
