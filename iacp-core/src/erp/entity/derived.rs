//! Derivatives of agents, and the gate of the sandbox (`IACP §3.4`, `IACP §4.1.4.3`).

use iacp_wire::layout::HandOffContext;
use iacp_wire::{Digest, Eid, Frame, Message, WriteError};
use rand_core::CryptoRng;

use super::{Desk, LlEntity};
use crate::crypto::Provider;
use crate::erp::context::State;
use crate::erp::local::LocalStatus;
use crate::erp::sandbox::{Egress, Shut};
use crate::identity::EsdEid;
use crate::slots::Handle;
use crate::time::Mono;

/// A place near a derivative's own may be taken: the next one stands elsewhere.
const TRIES: usize = 4;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// DERIVE: an identity for a sandbox, for one session or for none.
    // keeps: IACP-057 (§4.1.4.3)
    pub(super) fn derive(
        &mut self,
        now: Mono,
        agent: u32,
        session: Option<u32>,
        seconds: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<EsdEid, LocalStatus> {
        if self.gate.is_empty() {
            return Err(LocalStatus::Capacity);
        }
        // Software that no root key vouches for gets none.
        if !matches!(self.state(agent), State::Bound | State::Transition) {
            return Err(LocalStatus::NotNow);
        }
        let bits = match session {
            None => 0,
            Some(slot) => {
                let entry = self.sessions.at_mut(slot).ok_or(LocalStatus::NoSession)?;
                if entry.want.is_some() {
                    return Err(LocalStatus::NotNow);
                }
                if entry.session.closure().is_some() {
                    return Err(LocalStatus::Finished);
                }
                entry.derived = true;
                self.sessions.handle(slot).map_or(0, Handle::bits)
            }
        };
        let Self { agents, gate, .. } = self;
        let context = agents.at_mut(agent).ok_or(LocalStatus::NotNow)?;
        let eid = context.eid();
        let free = |kept: &&mut u32| kept.checked_sub(1).is_none_or(|place| !gate.lives(now, place, agent));
        let kept = context.derived.iter_mut().find(free).ok_or(LocalStatus::Capacity)?;
        for _ in 0..TRIES {
            match gate.derive_at::<P>(now, &eid, (agent, bits), seconds, rng) {
                Ok((esd_eid, place)) => {
                    *kept = place + 1;
                    return Ok(esd_eid);
                }
                Err(Shut::Capacity) => {}
                Err(_) => return Err(LocalStatus::Refused),
            }
        }
        Err(LocalStatus::Capacity)
    }

    /// RETRACT: another agent's derivative is like one that never was.
    pub(super) fn retract(&mut self, now: Mono, agent: u32, name: &Digest) -> Result<(), LocalStatus> {
        let lives = self.gate.owner(now, name).is_some_and(|(context, _)| context == agent);
        if lives && self.gate.retract(agent, name) { Ok(()) } else { Err(LocalStatus::NotFound) }
    }

    /// With a session, or with its context, its derivatives end.
    // keeps: IACP-060 (§4.1.4.3)
    pub(super) fn end_derivatives(&mut self, agent: u32, session: Option<u32>) {
        let bits = match session {
            None => None,
            Some(slot) => {
                let Some(entry) = self.sessions.at_mut(slot).filter(|entry| entry.derived) else { return };
                entry.derived = false;
                Some(self.sessions.handle(slot).map_or(0, Handle::bits))
            }
        };
        let Self { agents, gate, .. } = self;
        let Some(context) = agents.at(agent) else { return };
        for place in context.derived.iter().filter_map(|kept| kept.checked_sub(1)) {
            gate.end(place, agent, bits);
        }
    }

    /// A frame of a sandbox, and whose it is: what goes to the host's egress. Nothing of the agent is in the frame, and nothing of it
    /// goes toward the sandbox.
    ///
    /// # Errors
    /// Silence, and one count.
    // keeps: IACP-059 (§4.1.4.3), IACP-060 (§4.1.4.3)
    pub fn take_sandbox<'a>(&mut self, now: Mono, frame: &'a [u8]) -> Result<(Eid, Option<Handle>, Egress<'a>), Shut> {
        let egress = self.gate.take(now, frame)?;
        let eid = self.agents.at(egress.context).map(crate::erp::agent::AgentSlot::eid).ok_or(Shut::Unknown)?;
        Ok((eid, Handle::from_bits(egress.session), egress))
    }

    /// Notes how many bytes of a derivative's stream the egress has passed on.
    pub fn sandbox_passed(&mut self, now: Mono, name: &Digest, stream: u32, bytes: u32) {
        self.gate.passed(now, name, stream, bytes);
    }

    /// Writes what comes back toward the sandbox.
    ///
    /// # Errors
    /// The derivative or its stream is over, or the buffer is too small. Nothing has changed.
    pub fn sandbox_answer(
        &mut self,
        now: Mono,
        name: &Digest,
        stream: u32,
        (bytes, ends): (&[u8], bool),
        out: &mut [u8],
    ) -> Result<usize, Option<WriteError>> {
        self.gate.answer(now, name, stream, (bytes, ends), out)
    }
}

/// The derivative that a SANDBOX_STREAM names.
#[must_use]
pub fn derivative_of(frame: &[u8]) -> Option<Digest> {
    match Frame::parse(frame).ok()?.message {
        Message::SandboxStream { head, .. } => Some(head.esd_eid),
        _ => None,
    }
}

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> Desk<'_, '_, P, LOG, FRAMES, SPENT> {
    /// The Hand-off Context Object for a living derivative of the agent: its EID is not in it, and its Session Hash is keyed.
    /// `plain` is the Session Hash of the derivative's session, if it has one.
    // keeps: IACP-058 (§4.1.4.3)
    pub fn hand_off<'u>(
        &mut self,
        name: &EsdEid,
        plain: Option<&Digest>,
        trigger: (u16, &'u str),
    ) -> Option<HandOffContext<'u>> {
        let (now, agent) = (self.now, self.slot);
        let gate = &mut self.entity.gate;
        gate.owner(now, &name.digest()).filter(|(context, _)| *context == agent)?;
        gate.hand_off::<P>(now, name, plain, trigger)
    }
}
