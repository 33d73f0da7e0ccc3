//! What proves malfeasance out of a session, and what follows from what was seen (`IACP §6.5.2`, `IACP App. B.6`).
//!
//! Two turns that one side has signed at one point of one bargain prove it to anyone. Most else does not: both ends of a session
//! hold its keys, so either could have made what it shows. What proves nothing is not published.

use iacp_wire::message::PssNeg;
use iacp_wire::{Digest, Eid, Frame, Message};

use crate::crypto::Provider;
use crate::identity::verify_frame;

/// The length of a PSS_NEG of turn 2 and above, in bytes.
pub const TURN: usize = 120;

/// Why two frames prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotProven {
    /// One of them is not a PSS_NEG of turn 2 to 8 in a session.
    NotATurn,
    /// They stand at two points, or in two sessions.
    OtherPoint,
    /// They say the same.
    Same,
    /// A signature does not hold.
    Signature,
}

words! {
    NotProven {
        Self::NotATurn => "one of the frames is no counter-proposal",
        Self::OtherPoint => "the frames stand at two points of a bargain, or in two",
        Self::Same => "the frames say the same",
        Self::Signature => "a signature does not hold",
    }
}

impl core::error::Error for NotProven {}

/// Whether two frames prove that `signer` has answered one and the same turn by two contracts. `predecessor` is the digest of the
/// turn that both answer.
///
/// # Errors
/// They prove nothing: an honest side makes a turn once, keeps its bytes and never comes back to it.
// keeps: IACP-154 (§6.5.2)
pub fn contract_pair<P: Provider>(signer: &Eid, predecessor: &Digest, one: &[u8], two: &[u8]) -> Result<(), NotProven> {
    let [first, second] = [turn(one)?, turn(two)?];
    let point = |turn: &Turn<'_>| {
        let neg = turn.neg;
        (turn.frame.responder_cookie, neg.session_connection_cookie, neg.negotiation_turn_counter)
    };
    if point(&first) != point(&second) {
        return Err(NotProven::OtherPoint);
    }
    let said = |turn: &Turn<'_>| (turn.neg.rejection_reason_flags, turn.neg.conditions);
    if said(&first) == said(&second) {
        return Err(NotProven::Same);
    }
    for (turn, bytes) in [(&first, one), (&second, two)] {
        verify_frame::<P>(signer, &turn.frame, [&predecessor.0, &[]], bytes).map_err(|_| NotProven::Signature)?;
    }
    Ok(())
}

struct Turn<'a> {
    frame: Frame<'a>,
    neg: &'a PssNeg,
}

fn turn(bytes: &[u8]) -> Result<Turn<'_>, NotProven> {
    let frame = Frame::parse(bytes).map_err(|_| NotProven::NotATurn)?;
    let Message::PssNeg(neg) = frame.message else { return Err(NotProven::NotATurn) };
    let is_turn = (2..=8).contains(&neg.negotiation_turn_counter.get());
    if is_turn && bytes.len() == TURN && frame.responder_cookie.is_some_and(|cookie| !cookie.is_zero()) {
        Ok(Turn { frame, neg })
    } else {
        Err(NotProven::NotATurn)
    }
}

/// What was seen of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Sighting {
    /// Two bindings of one generation with two locators.
    BindingPair,
    /// See [`contract_pair`].
    ContractPair,
    /// Two tickets under one nonce: ivs have 4 bytes, so two honest sessions can share one, and the keys are secret.
    TicketPair,
    /// A wrong chain, an impossible acknowledgement, sealed bytes without a meaning, a second FIN, two frames under one sequence.
    Contradiction,
    /// An op without a right to it.
    NoRight,
}

words! {
    Sighting {
        Self::BindingPair => "two places under one generation",
        Self::ContractPair => "two contracts for one turn",
        Self::TicketPair => "two tickets under one nonce",
        Self::Contradiction => "a contradiction in the session",
        Self::NoRight => "an operation without a right",
    }
}

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ends {
    /// Nothing.
    Nothing,
    /// The session alone: the peer is told COMPROMISED, the agent is told, and for 300 s no new session with that EID begins unless
    /// the agent asks.
    Session,
    /// Every session of the context with that EID: FORCED, MALFEASANCE with the proof; their memory is wiped.
    EverySession,
}

words! {
    Ends {
        Self::Nothing => "nothing ends",
        Self::Session => "the session ends",
        Self::EverySession => "every session with the peer ends",
    }
}

/// What goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Published {
    /// Nothing: it proves nothing to others.
    Nothing,
    /// A PROOF_OF_MAL, to the nodes; live sessions go on by three paths until there is a verdict.
    ProofOfMal,
    /// A PSS_REVOCATION_PUBLISH: PROPAGATING_WARN.
    Revocation,
}

words! {
    Published {
        Self::Nothing => "nothing is published",
        Self::ProofOfMal => "a proof of malfeasance",
        Self::Revocation => "a revocation",
    }
}

/// What follows from what was seen.
///
/// ```
/// use iacp_core::governance::equivocation::{Ends, NotProven, Published, Sighting, contract_pair, response};
/// # use iacp_core::crypto::ChaChaOnly;
/// # use iacp_wire::{Digest, Eid};
///
/// // What a session alone has seen ends that session; what the peer's own signatures show is published.
/// assert_eq!(response(Sighting::Contradiction), (Ends::Session, Published::Nothing));
/// assert_eq!(response(Sighting::ContractPair), (Ends::EverySession, Published::Revocation));
/// // The second needs two counter-proposals to one turn, as they were sent.
/// let proven = contract_pair::<ChaChaOnly>(&Eid([7; 32]), &Digest([9; 32]), b"noise", b"noise");
/// assert_eq!(proven, Err(NotProven::NotATurn));
/// ```
// keeps: IACP-153 (§6.5.2)
#[must_use]
pub const fn response(seen: Sighting) -> (Ends, Published) {
    match seen {
        Sighting::ContractPair => (Ends::EverySession, Published::Revocation),
        Sighting::BindingPair => (Ends::Nothing, Published::ProofOfMal),
        Sighting::Contradiction => (Ends::Session, Published::Nothing),
        Sighting::TicketPair | Sighting::NoRight => (Ends::Nothing, Published::Nothing),
    }
}
