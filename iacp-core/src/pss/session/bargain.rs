//! The handshake's and the contract's frames, and the application's word on the terms (`IACP §6.4.3`, `IACP §6.4.4`).

use iacp_wire::message::{PssAck, PssNeg};

use super::Session;
use super::lifecycle;
use super::receive::{Arrival, meter};
use crate::crypto::Provider;
use crate::identity::Identity;
use crate::pss::discard::Discard;
use crate::pss::error::SendError;
use crate::pss::event::{Closure, Event, TeardownReason};
use crate::pss::handshake::contract::{Heard, NEGOTIATION_LIMIT};
use crate::pss::handshake::initiator::NotAnswer;
use crate::pss::handshake::terms::{Capabilities, RejectionReasons, Terms};
use crate::pss::stream::frame::Cookies;
use crate::time::Mono;

impl<P: Provider, const LOG: usize, const FRAMES: usize> Session<P, LOG, FRAMES> {
    /// Accepts the terms of the peer's last proposal: they are the contract.
    ///
    /// # Errors
    /// No proposal of the peer's waits for an answer.
    pub fn accept_terms(&mut self, now: Mono, identity: &Identity<P>) -> Result<(), SendError> {
        if self.closure.is_some() {
            return Err(SendError::NotNow);
        }
        if self.initiation.is_some() {
            return self.answer_turn_one(now, identity, true);
        }
        let peer = self.peer;
        let negotiation = self.negotiation.as_mut().ok_or(SendError::NotNow)?;
        let terms = negotiation.accept(identity, self.cookies, &peer).ok_or(SendError::NotNow)?;
        self.effective(now, terms);
        Ok(())
    }

    /// Refuses the terms of the peer's last proposal and proposes others.
    ///
    /// # Errors
    /// It is not this side's turn, the turns are used up, or the window is 0.
    pub fn counter_terms(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        terms: Terms,
        reasons: RejectionReasons,
    ) -> Result<(), SendError> {
        if self.closure.is_some() || terms.receive_window == 0 {
            return Err(SendError::NotNow);
        }
        if self.initiation.is_some() {
            self.answer_turn_one(now, identity, false)?;
        }
        let role = self.role;
        let negotiation =
            self.negotiation.as_mut().filter(|negotiation| negotiation.may_speak(role)).ok_or(SendError::NotNow)?;
        negotiation.propose(identity, self.cookies, terms, reasons, now).ok_or(SendError::NotNow)
    }

    /// The initiator's PSS_ACK, with or without the terms.
    pub(super) fn answer_turn_one(&mut self, now: Mono, identity: &Identity<P>, accept: bool) -> Result<(), SendError> {
        let peer = self.peer;
        let initiation = self.initiation.as_mut().ok_or(SendError::NotNow)?;
        let offered = initiation.offered.take().ok_or(SendError::NotNow)?;
        let keys = initiation.acknowledge(identity, &peer, &offered, accept, now);
        let (sequence, share) = (initiation.initial_sequence, *initiation.share());
        match keys {
            Some(keys) => self.start(now, keys, sequence, share, &offered, accept),
            None => {
                self.shut(Closure::Contradiction);
            }
        }
        Ok(())
    }

    /// A PSS_NEG: the answer to our PSS_INIT, or a later turn.
    pub(super) fn on_negotiation(&mut self, arrival: &Arrival<'_, P>, message: &PssNeg) -> Event<'static> {
        let Arrival { now, identity, from, frame, bytes } = *arrival;
        if let Some(initiation) = &self.initiation {
            if initiation.offered.is_some() || initiation.ack.is_some() {
                return Event::Discarded(Discard::Repeat);
            }
            return match initiation.check::<P>(&self.peer, frame, message, bytes) {
                Err(NotAnswer::Cookie) => Event::Discarded(Discard::Cookie),
                Err(NotAnswer::Signature) => Event::Discarded(Discard::Signature),
                // keeps: IACP-145
                Err(NotAnswer::Contradiction) => Event::Closed(self.shut(Closure::Contradiction)),
                Ok(offered) => {
                    self.lifecycle_step(lifecycle::Event::ReceivePssNeg);
                    // Signed, but not numbered: whoever saw PSS_INIT can send it from anywhere.
                    self.authentic(now, from, false);
                    self.cookies = Cookies { initiator: self.cookies.initiator, responder: offered.responder_cookie };
                    let terms = offered.proposal.terms;
                    let contract = offered.proposal.capabilities.contains(Capabilities::SFC);
                    if let Some(initiation) = &mut self.initiation {
                        initiation.offered = Some(offered);
                        initiation.give_up = now.after(NEGOTIATION_LIMIT);
                    }
                    if contract {
                        return Event::Proposed { turn: 1, reasons: RejectionReasons::NONE, terms };
                    }
                    let _ = self.answer_turn_one(now, identity, false);
                    self.closure.map_or(Event::Nothing, Event::Closed)
                }
            };
        }
        let (peer, role) = (self.peer, self.role);
        let Some(negotiation) = self.negotiation.as_mut().filter(|_| self.closure.is_none()) else {
            return Event::Discarded(Discard::Repeat);
        };
        match negotiation.hear_proposal::<P>(&peer, role, now, frame, message, bytes) {
            Err(discard) => Event::Discarded(discard),
            Ok(Heard::Proposal(turn, reasons, terms)) => {
                self.authentic(now, from, false);
                self.acknowledge_by(now);
                Event::Proposed { turn, reasons, terms }
            }
            Ok(Heard::Repeat) => {
                let answer = meter(&mut self.timers.answered, now);
                if let Some(negotiation) = self.negotiation.as_mut().filter(|_| answer) {
                    negotiation.answer_due = true;
                }
                Event::Discarded(Discard::Repeat)
            }
            Ok(Heard::Contract(_) | Heard::Contradiction) => {
                self.closed_by(identity, TeardownReason::NegotiationFailed)
            }
        }
    }

    /// A PSS_ACK: a repeat of the one that made this session, or the peer's acceptance of our terms.
    pub(super) fn on_acknowledgement(&mut self, arrival: &Arrival<'_, P>, message: &PssAck) -> Event<'static> {
        let Arrival { now, identity, from, frame, bytes } = *arrival;
        if self.closure.is_some() {
            return Event::Discarded(Discard::NotNow);
        }
        if self.ack_digest == Some(P::sha256(&[bytes])) {
            if meter(&mut self.timers.answered, now) {
                self.acknowledge_by(now);
            }
            return Event::Discarded(Discard::Repeat);
        }
        let (own, peer) = (self.own, self.peer);
        let Some(negotiation) = &mut self.negotiation else { return Event::Discarded(Discard::Repeat) };
        match negotiation.hear_acceptance::<P>(&own, &peer, frame, message, bytes) {
            Err(discard) => Event::Discarded(discard),
            Ok(Heard::Contract(terms)) => {
                self.authentic(now, from, false);
                self.effective(now, terms);
                self.acknowledge_by(now);
                Event::Contract(terms)
            }
            Ok(_) => self.closed_by(identity, TeardownReason::NegotiationFailed),
        }
    }
}
