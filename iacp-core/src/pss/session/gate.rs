//! The host's gate before data and PSS_INIT: closed while its own address is not confirmed, or its agent's software not
//! vouched for (`IACP §4.2.3.3`, `IACP §4.2.3.5`).

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
    /// From now on neither data nor PSS_INIT leaves: heartbeats and everything else does. What is sealed stays in the
    /// delta log, no attempt at the handshake ends, and the time does not count as one without progress.
    // keeps: IACP-078 (§4.2.3.3)
    pub fn close_gate(&mut self, now: Mono) {
        if self.gate.is_none() {
            self.gate = Packed::at(now);
        }
    }

    /// Everything may leave again. An attempt at the handshake begins anew, with a fresh I-Cookie: cookies name an address,
    /// which may be another one now. It counts as no restart. Terms that lie before the application are void: there
    /// will be another [`Event::Proposed`](crate::pss::Event::Proposed).
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

    /// The attempt at the handshake begins anew, with a fresh I-Cookie, and with as many restarts left; nothing happens
    /// where there is none. Terms that lie before the application are void; it will be asked again.
    pub(crate) fn begin_anew(&mut self, now: Mono, identity: &Identity<P>, rng: &mut impl CryptoRng) {
        let (offer, restarts) = match &self.stage {
            Stage::Hearing(attempt) => (attempt.offer, attempt.restarts),
            Stage::Confirming(confirmation, _) => (confirmation.offer, confirmation.restarts),
            _ => return,
        };
        self.attempt(now, identity, offer, restarts, rng);
    }

    /// Our own address has changed: a heartbeat, which leaves from the new one, is due at once, so the peer asks there and
    /// moves. Without this call it finds out from the next frame that it has not had: after a second repetition by time
    /// without news a heartbeat is due by itself. Where there is no open session, nothing happens.
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
