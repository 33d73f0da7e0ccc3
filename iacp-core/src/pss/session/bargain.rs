//! The application's word on the terms of a contract (`IACP §6.4.4`).

use super::Session;
use crate::crypto::Provider;
use crate::identity::Identity;
use crate::pss::event::{Closure, SendError};
use crate::pss::terms::{RejectionReasons, Terms};
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
}
