//! The host's gate for data and PSS_INIT: closed while its own address is not confirmed, or its agent's software is not
//! attested (`IACP §4.2.3.3`, `IACP §4.2.3.5`).

use rand_core::CryptoRng;

use super::Session;
use super::stage::Stage;
use crate::crypto::Provider;
use crate::identity::Identity;
use crate::pss::error::WrongIdentity;
use crate::pss::packed::Packed;
use crate::pss::stream::congestion::Congestion;
use crate::time::Mono;

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// From now on neither data nor PSS_INIT is sent; heartbeats and everything else are. Sealed frames stay in the
    /// delta log, no attempt at the handshake ends, and the time does not count as time without progress.
    // keeps: IACP-078 (§4.2.3.3)
    pub fn close_gate(&mut self, now: Mono) {
        if self.gate.is_none() {
            self.gate = Packed::at(now);
        }
    }

    /// Everything may be sent again. An attempt at the handshake starts over with a fresh I-Cookie, because cookies are
    /// bound to an address, which may have changed. This does not count as a restart. Terms that wait for the
    /// application's decision become void: there will be another [`Event::Proposed`](crate::pss::SessionEvent::Proposed).
    ///
    /// # Errors
    /// The identity is not the session's. Nothing has changed.
    pub fn open_gate(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), WrongIdentity> {
        let Some(closed) = self.gate.moment() else { return Ok(()) };
        if identity.eid() != self.names.own {
            return Err(WrongIdentity);
        }
        self.gate = Packed::NONE;
        self.progress = self.progress.after(now.since(closed)).min(now);
        if let Stage::Hearing(_) | Stage::Confirming(..) = self.stage {
            self.begin_anew(now, identity, rng);
        }
        Ok(())
    }

    /// Starts the attempt at the handshake over, with a fresh I-Cookie and as many restarts left; without an attempt it
    /// does nothing. Terms that wait for the application's decision become void; it will be asked again.
    pub(crate) fn begin_anew(&mut self, now: Mono, identity: &Identity<P>, rng: &mut impl CryptoRng) {
        let (offered, restarts) = match &self.stage {
            Stage::Hearing(attempt) => ((attempt.offer, attempt.proof()), attempt.restarts),
            Stage::Confirming(confirmation, _) => ((confirmation.offer, None), confirmation.restarts),
            _ => return,
        };
        self.attempt(now, identity, offered, restarts, rng);
    }

    /// For when our own address has changed: a heartbeat, sent from the new address, is due immediately, so that the
    /// peer probes that address and moves. Without this call the peer learns it from the next new frame: after a second
    /// repetition by time without news a heartbeat is due by itself. Without an open session nothing happens.
    pub fn show(&mut self, now: Mono) {
        if let Stage::Open(_) = self.stage {
            self.acknowledge_by(now);
        }
    }

    /// Whether the gate is closed.
    pub(super) const fn gated(&self) -> bool {
        !self.gate.is_none()
    }
}
