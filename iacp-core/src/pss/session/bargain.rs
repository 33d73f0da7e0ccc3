//! The frames of the handshake and the contract, and the application's decision on the terms (`IACP §6.4.3`, `IACP
//! §6.4.4`).

use iacp_wire::message::{PssAck, PssNeg};

use super::notices::Notice;
use super::outbox::meter;
use super::stage::{Business, Open, Stage};
use super::teardown::Force;
use super::{Session, lifecycle};
use crate::crypto::Provider;
use crate::crypto::stack::{AFTERWARDS, scrub};
use crate::identity::Identity;
use crate::pss::discard::Discard;
use crate::pss::error::TermsError;
use crate::pss::event::Closure;
use crate::pss::handshake::contract::{Heard, NEGOTIATION_LIMIT, Negotiation, Party};
use crate::pss::handshake::incoming::Signed;
use crate::pss::handshake::initiator::{ATTEMPT, Confirmation, NotAnswer};
use crate::pss::handshake::terms::{Capabilities, RejectionReasons, Terms};
use crate::pss::stream::congestion::Congestion;
use crate::pss::stream::frame::Cookies;
use crate::time::{Backoff, Mono};

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// The peer's terms that wait for the application's decision: turn, reasons, terms.
    pub(super) fn proposed(&self) -> Option<(u16, RejectionReasons, Terms)> {
        match &self.stage {
            Stage::Hearing(attempt) => {
                let offered = attempt.offered()?;
                Some((1, RejectionReasons::NONE, offered.proposal.terms))
            }
            Stage::Open(Open { business: Business::Bargain(negotiation), .. }) => negotiation.proposed(),
            _ => None,
        }
    }

    /// Accepts the terms of the peer's last proposal: they become the contract.
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn accept_terms(&mut self, now: Mono, identity: &Identity<P>) -> Result<(), TermsError> {
        if identity.eid() != self.names.own {
            return Err(TermsError::Identity);
        }
        match &self.stage {
            Stage::Hearing(attempt) if attempt.offered().is_some() => {
                self.answer_turn_one(now, identity, true);
                Ok(())
            }
            Stage::Open(Open { business: Business::Bargain(negotiation), .. }) => {
                let accepted = negotiation.accept(identity, self.names.cookies, &self.names.peer);
                let (terms, acceptance) = accepted.ok_or(TermsError::NothingProposed)?;
                self.effective(now, terms, Some(acceptance));
                Ok(())
            }
            _ => Err(TermsError::NothingProposed),
        }
    }

    /// Refuses the terms of the peer's last proposal and proposes others.
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn counter_terms(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        terms: Terms,
        reasons: RejectionReasons,
    ) -> Result<(), TermsError> {
        if identity.eid() != self.names.own {
            return Err(TermsError::Identity);
        }
        if terms.receive_window == 0 {
            return Err(TermsError::Window);
        }
        if matches!(&self.stage, Stage::Hearing(attempt) if attempt.offered().is_some()) {
            self.answer_turn_one(now, identity, false);
        }
        let (role, cookies) = (self.names.role, self.names.cookies);
        let business = match &mut self.stage {
            Stage::Confirming(_, business) | Stage::Open(Open { business, .. }) => business,
            _ => return Err(TermsError::NothingProposed),
        };
        let Business::Bargain(negotiation) = business else { return Err(TermsError::NothingProposed) };
        if !negotiation.may_propose(role) {
            return Err(TermsError::NotOurTurn);
        }
        negotiation.propose(identity, cookies, terms, reasons, now);
        Ok(())
    }

    /// Sends the initiator's PSS_ACK, with or without accepting the terms: the keys exist from here on.
    fn answer_turn_one(&mut self, now: Mono, identity: &Identity<P>, accept: bool) {
        scrub();
        let _clear = AFTERWARDS;
        self.acknowledge_turn_one(now, identity, accept);
    }

    #[inline(never)]
    fn acknowledge_turn_one(&mut self, now: Mono, identity: &Identity<P>, accept: bool) {
        let Stage::Hearing(attempt) = &self.stage else { return };
        let Some(offered) = attempt.offered() else { return };
        let Some((signature, prk)) = attempt.acknowledge(identity, &self.names.peer, offered, accept) else {
            self.shut(Closure::Contradiction, None);
            return;
        };
        self.path.set_secret(attempt.place_secret::<P>());
        let (proposal, round_trip) = (offered.proposal, offered.round_trip);
        let agreed = proposal.capabilities;
        let confirmation = Confirmation {
            signature,
            share: attempt.share,
            initial_sequence: attempt.initial_sequence,
            capabilities: if accept { agreed.with(Capabilities::TERMS_ACCEPTED) } else { agreed },
            offer: attempt.offer,
            terms: proposal.terms,
            repeat: Backoff::now(now),
            give_up: now.after(ATTEMPT),
            restarts: attempt.restarts,
        };
        let own = Party::new(attempt.initial_sequence, attempt.share);
        let peer = Party::new(proposal.initial_sequence, offered.share);
        let business = if agreed.contains(Capabilities::SFC) && !accept {
            Business::Bargain(Negotiation::new(agreed, own, peer, offered.digest, now))
        } else {
            Business::None
        };
        self.start(now, &prk, own.initial_sequence(), agreed, peer.initial_sequence(), proposal.terms);
        if let Some(round_trip) = round_trip {
            self.outbound.log.echo(now, Mono(now.0.saturating_sub(u64::from(round_trip))));
        }
        self.stage.step(lifecycle::Event::EmitPssAck, Stage::Confirming(confirmation, business));
    }

    /// Takes a PSS_NEG: the answer to our PSS_INIT, or a later turn.
    pub(super) fn on_negotiation(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        signed: &Signed<'_>,
        message: &PssNeg,
    ) -> Result<(), Discard> {
        match &mut self.stage {
            Stage::Hearing(attempt) if attempt.offered().is_none() => {
                let _clear = AFTERWARDS;
                self.on_offer(now, identity, signed, message)
            }
            Stage::Open(open) => match &mut open.business {
                Business::Bargain(negotiation) => {
                    let (peer, role) = (self.names.peer, self.names.role);
                    let Signed { frame, bytes } = signed;
                    match negotiation.hear_proposal::<P>(&peer, role, now, frame, message, bytes)? {
                        Heard::Proposal => {
                            self.notices.add(Notice::Proposed);
                            self.acknowledge_by(now);
                        }
                        Heard::Contradiction => {
                            self.force(now, identity, Force::Contradiction);
                        }
                    }
                    Ok(())
                }
                Business::Accepted(acceptance) => {
                    let Signed { frame, bytes } = signed;
                    if acceptance.answers::<P>(frame, message, bytes)
                        && meter(&mut self.acknowledgement.answer_from, now)
                    {
                        acceptance.due = true;
                    }
                    Err(Discard::Repeat)
                }
                Business::None | Business::Asking(_) => Err(Discard::Repeat),
            },
            _ => Err(Discard::Repeat),
        }
    }

    /// The answer to our PSS_INIT.
    #[inline(never)]
    fn on_offer(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        signed: &Signed<'_>,
        message: &PssNeg,
    ) -> Result<(), Discard> {
        let Stage::Hearing(attempt) = &mut self.stage else { return Err(Discard::Repeat) };
        let Signed { frame, bytes } = signed;
        let offered = match attempt.check::<P>(now, &self.names.own, &self.names.peer, frame, message, bytes) {
            Ok(offered) => offered,
            Err(NotAnswer::Cookie) => return Err(Discard::Cookie),
            Err(NotAnswer::Signature) => return Err(Discard::Signature),
            // keeps: IACP-145 (§6.4.2)
            Err(NotAnswer::Contradiction) => {
                self.shut(Closure::Contradiction, None);
                return Ok(());
            }
        };
        let agreed = offered.proposal.capabilities;
        if !P::SUITES.has(agreed.suite()) {
            self.shut(Closure::NoSuite, None);
            return Ok(());
        }
        let initiator = attempt.cookie;
        self.names.cookies = Cookies { initiator, responder: offered.responder_cookie };
        attempt.wait(offered, now.after(NEGOTIATION_LIMIT));
        let moved = self.stage.lifecycle().next(lifecycle::Event::ReceivePssNeg);
        debug_assert_eq!(moved, Some(lifecycle::State::Hearing), "PSS_NEG is heard in STATE_HEARING");
        if agreed.contains(Capabilities::SFC) {
            self.notices.add(Notice::Proposed);
        } else {
            self.answer_turn_one(now, identity, false);
        }
        Ok(())
    }

    /// Takes a PSS_ACK: a repeat of the one that made this session, or the peer's acceptance of our terms.
    pub(super) fn on_acknowledgement(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        signed: &Signed<'_>,
        message: &PssAck,
    ) -> Result<(), Discard> {
        let Signed { frame, bytes } = signed;
        let Stage::Open(open) = &mut self.stage else { return Err(Discard::NotNow) };
        if open.ack_digest.is_some_and(|digest| P::sha256(&[bytes]).starts_with(&digest)) {
            if meter(&mut self.acknowledgement.answer_from, now) {
                self.acknowledge_by(now);
            }
            return Err(Discard::Repeat);
        }
        let Business::Bargain(negotiation) = &open.business else { return Err(Discard::Repeat) };
        match negotiation.hear_acceptance::<P>(&self.names.own, &self.names.peer, frame, message, bytes)? {
            Some(terms) => {
                self.effective(now, terms, None);
                self.acknowledge_by(now);
            }
            None => self.force(now, identity, Force::Contradiction),
        }
        Ok(())
    }
}
