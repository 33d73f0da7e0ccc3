//! Both sides open at the same time: one attempt prevails, the other rests (PROFILE 4.6).

use core::net::SocketAddr;

use iacp_wire::Eid;

use super::stage::Stage;
use super::{Session, life, lifecycle};
use crate::crypto::Provider;
use crate::crypto::stack::scrub;
use crate::pss::error::NotNow;
use crate::pss::event::Closure;
use crate::pss::stream::congestion::Congestion;
use crate::time::Mono;

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// Whether an attempt of ours toward this peer is under way: no sealed frame has been received yet.
    #[must_use]
    pub fn is_attempt_toward(&self, peer: &Eid) -> bool {
        let under_way = matches!(self.stage, Stage::Hearing(_) | Stage::Confirming(..) | Stage::Resting { .. });
        under_way && self.names.peer() == *peer
    }

    /// Whether this attempt prevails over one of the peer toward us: our EID is the lower one, and the peer has
    /// answered. Then the peer's PSS_ACK is refused ([`Gate::stands_against`](crate::pss::Gate::stands_against));
    /// otherwise it is accepted, and this attempt [rests](Self::rest).
    #[must_use]
    pub fn stands_against(&self, peer: &Eid) -> bool {
        let answered = match &self.stage {
            Stage::Hearing(attempt) => attempt.offered().is_some(),
            Stage::Confirming(..) => true,
            _ => false,
        };
        answered && self.names.peer() == *peer && self.names.own < *peer
    }

    /// A verified binding says that the peer is at `at`, and nothing authentic has come from where this attempt looks for it: it
    /// looks there from now on, at its own pace: bindings, one after the other, bring no frame that would not have been sent.
    /// `false` if this is not such an attempt.
    pub(crate) fn redirect(&mut self, at: SocketAddr) -> bool {
        let Stage::Hearing(attempt) = &self.stage else { return false };
        let unanswered = attempt.offered().is_none();
        if unanswered {
            self.path.begin(at);
        }
        unanswered
    }

    /// Lets this attempt rest, because it crossed one of the peer, whose session was accepted: it takes and sends
    /// nothing. After 45 s it continues by itself with a fresh I-Cookie, unless the other session was established and
    /// [superseded](Self::supersede) it.
    ///
    /// # Errors
    /// This is not an attempt. Nothing has changed.
    pub fn rest(&mut self, now: Mono) -> Result<(), NotNow> {
        scrub();
        self.begin_rest(now)
    }

    #[inline(never)]
    fn begin_rest(&mut self, now: Mono) -> Result<(), NotNow> {
        let (offer, event) = match &self.stage {
            Stage::Hearing(attempt) => (attempt.offer, lifecycle::Event::HandshakeFailed),
            Stage::Confirming(confirmation, _) => (confirmation.offer, lifecycle::Event::TeardownOrRevocation),
            _ => return Err(NotNow),
        };
        self.outbound.wipe();
        self.inbound.wipe();
        self.tickets = None;
        self.stage.step(event, Stage::Resting { offer, until: now.after(life::SILENCE) });
        Ok(())
    }

    /// Ends this attempt: the session of the peer's crossing attempt has received its first sealed frame, and takes its
    /// place.
    ///
    /// # Errors
    /// This is not an attempt. Nothing has changed.
    pub fn supersede(&mut self) -> Result<(), NotNow> {
        match &self.stage {
            Stage::Hearing(_) | Stage::Confirming(..) | Stage::Resting { .. } => {
                self.shut(Closure::Superseded, None);
                Ok(())
            }
            _ => Err(NotNow),
        }
    }
}
