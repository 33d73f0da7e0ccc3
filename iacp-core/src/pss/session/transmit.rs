//! Datagrams out.

use core::net::SocketAddr;

use super::deadline::soonest;
use super::life::IDLE_HEARTBEAT;
use super::outbox::LastSent;
use super::path::Path;
use super::stage::{Business, Link, Open, Over, Stage};
use super::{Session, teardown};
use crate::crypto::Provider;
use crate::pss::error::TooSmall;
use crate::pss::event::{Reason, Transmit};
use crate::pss::handshake::frames::HANDSHAKE_LEN;
use crate::pss::packed::Packed;
use crate::pss::stream::congestion::Congestion;
use crate::pss::stream::frame::{BITMAP_MAX, HEARTBEAT_LEN};
use crate::time::Mono;

/// The place of a datagram that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the caller's buffer, with this length in bytes.
    Written(usize),
    /// In the delta log: [`Session::last_data`].
    Log,
}

/// The length of a buffer for [`Session::poll_transmit`] that is enough for any session, in bytes. Data frames do not
/// use it: they are borrowed from the delta log.
pub const TRANSMIT_BUFFER: usize = HEARTBEAT_LEN + BITMAP_MAX;
const _: () = assert!(TRANSMIT_BUFFER >= HANDSHAKE_LEN);

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// The length of a buffer for [`Self::poll_transmit`] that is enough for this session, in bytes.
    pub const TRANSMIT_BUFFER: usize = {
        let bitmap = FRAMES.div_ceil(8);
        let heartbeat = HEARTBEAT_LEN + if bitmap < BITMAP_MAX { bitmap } else { BITMAP_MAX };
        if heartbeat > HANDSHAKE_LEN { heartbeat } else { HANDSHAKE_LEN }
    };

    /// The next datagram to send, if one is due. Call it until there is none.
    ///
    /// While there is an earlier deadline for [`Self::handle_deadline`], nothing is sent.
    ///
    /// # Errors
    /// `out` is shorter than [`Self::TRANSMIT_BUFFER`]; nothing has changed.
    pub fn poll_transmit<'b>(&'b mut self, now: Mono, out: &'b mut [u8]) -> Result<Option<Transmit<'b>>, TooSmall> {
        Ok(match self.poll_place(now, out)? {
            Some((Place::Written(length), to)) => out.get(..length).map(|bytes| Transmit { bytes, to }),
            Some((Place::Log, to)) => self.last_data().map(|bytes| Transmit { bytes, to }),
            None => None,
        })
    }

    /// The data frame that was returned last, in the delta log.
    pub(crate) fn last_data(&self) -> Option<&[u8]> {
        self.outbound.log.last_bytes()
    }

    /// Like [`Self::poll_transmit`], but returns the place of the datagram instead of a reference: a loop over sessions
    /// cannot hold a reference into one of them.
    pub(crate) fn poll_place(&mut self, now: Mono, out: &mut [u8]) -> Result<Option<(Place, SocketAddr)>, TooSmall> {
        let needed = Self::TRANSMIT_BUFFER;
        let out = out.get_mut(..needed).ok_or(TooSmall { needed })?;
        if self.next_end().is_some_and(|(at, _)| at <= now) {
            return Ok(None);
        }
        if let Some((length, to)) = self.control(now, out) {
            return Ok((length > 0).then_some((Place::Written(length), to)));
        }
        if self.gated() || !matches!(&self.stage, Stage::Open(open) if open.carries()) {
            return Ok(None);
        }
        let (to, quiet) = (self.path.home(), !self.outbound.awaits_news());
        let doublings = self.outbound.log.doublings();
        let transmits = self.outbound.log.transmit(now).is_some();
        if self.outbound.log.doublings() > doublings.max(1) {
            // Our address may have changed unnoticed. Only a new frame lets the peer notice it, and a heartbeat is one.
            self.acknowledge_by(now);
        }
        if !transmits {
            return Ok(None);
        }
        if quiet {
            self.progress = now;
        }
        self.last_sent = LastSent::Data;
        Ok(Some((Place::Log, to)))
    }

    /// The datagram that [`Self::poll_transmit`] returned last was not sent, because a queue below was full. It is due
    /// again: call [`Self::poll_transmit`] when that queue has room.
    pub fn not_sent(&mut self, now: Mono) {
        let last = core::mem::replace(&mut self.last_sent, LastSent::Nothing);
        match (last, &mut self.stage) {
            (LastSent::Farewell, Stage::Over(Over { farewell: Some(farewell), .. })) => {
                farewell.due = farewell.to.is_some()
            }
            (LastSent::Handshake, Stage::Hearing(attempt)) => attempt.repeat.again(now),
            (LastSent::Handshake, Stage::Confirming(confirmation, _)) => confirmation.repeat.again(now),
            (LastSent::Negotiation, Stage::Open(Open { business: Business::Bargain(negotiation), .. })) => {
                negotiation.repeat_again(now);
            }
            (LastSent::Acceptance, Stage::Open(Open { business: Business::Accepted(kept), .. })) => {
                kept.due = true;
            }
            (LastSent::Request, Stage::Open(Open { business: Business::Asking(request), .. })) => {
                request.repeat.again(now);
            }
            // Its transport may have ended since: then nothing is sent.
            (LastSent::Heartbeat, Stage::Open(open)) if !open.is_mute() => self.acknowledge_by(now),
            (LastSent::Data, Stage::Open(_)) => self.outbound.log.not_sent(),
            // A probe is repeated by itself.
            _ => {}
        }
    }

    /// Makes a heartbeat due at this time, if none is due earlier.
    pub(super) fn acknowledge_by(&mut self, at: Mono) {
        self.acknowledgement.by(at);
    }

    /// Writes the next due datagram other than data. Returns its length and its destination.
    fn control(&mut self, now: Mono, out: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let (cookies, home, own) = (self.names.cookies, self.path.home(), self.names.own);
        let gated = self.gated();
        let (length, sent) = match &mut self.stage {
            Stage::Hearing(_) if gated => return None,
            Stage::Idle | Stage::Resting { .. } => return None,
            Stage::Over(over) => {
                let farewell = over.farewell.as_mut()?;
                let to = farewell.to.filter(|_| farewell.due)?.address();
                (farewell.due, farewell.sent) = (false, Packed::at(now));
                self.last_sent = LastSent::Farewell;
                let length =
                    teardown::write(cookies, farewell.teardown_type, farewell.reason, &farewell.signature, out);
                return Some((length, to));
            }
            Stage::Hearing(attempt) => {
                if attempt.offered().is_some() || attempt.repeat.due() > now {
                    return None;
                }
                (attempt.write(now, &own, out), LastSent::Handshake)
            }
            Stage::Confirming(confirmation, _) => {
                if confirmation.repeat.due() > now {
                    return None;
                }
                confirmation.repeat.done(now);
                (confirmation.write(&own, cookies, out), LastSent::Handshake)
            }
            Stage::Open(_) => return self.control_open(now, out),
        };
        self.last_sent = sent;
        Some((length, home))
    }

    fn control_open(&mut self, now: Mono, out: &mut [u8]) -> Option<(usize, SocketAddr)> {
        let (cookies, home, own) = (self.names.cookies, self.path.home(), self.names.own);
        self.path.expire(now);
        let Stage::Open(open) = &mut self.stage else { return None };
        match &mut open.business {
            Business::Bargain(negotiation) => {
                let length = negotiation.write_due(now, cookies, out);
                if length > 0 {
                    self.last_sent = LastSent::Negotiation;
                    return Some((length, home));
                }
            }
            Business::Accepted(acceptance) if acceptance.due => {
                acceptance.due = false;
                self.last_sent = LastSent::Acceptance;
                return Some((acceptance.write(&own, cookies, out), home));
            }
            Business::None | Business::Accepted(_) | Business::Asking(_) => {}
        }
        if self.heartbeat_due().is_some_and(|(due, _)| due <= now) {
            let ask = self.asks(now);
            let length = self.heartbeat(now, ask, out);
            self.acknowledgement.sent(now, ask);
            if let Stage::Open(open) = &mut self.stage {
                match &mut open.link {
                    Link::Lost(lost) => {
                        if let Some(probe) = lost.probe.as_mut().filter(|probe| probe.due() <= now) {
                            probe.done(now);
                        }
                    }
                    Link::Reconciling(reconciling) if reconciling.ask.due() <= now => reconciling.ask.done(now),
                    Link::Whole | Link::Gap | Link::Reconciling(_) => {}
                }
            }
            self.last_sent = LastSent::Heartbeat;
            return (length > 0).then_some((length, home));
        }
        let probe_len = HEARTBEAT_LEN + self.inbound.bitmap_len();
        if self.path.due(probe_len).is_some_and(|due| due <= now)
            && let number = self.path.number::<P>(self.outbound.next_heartbeat())
            && let Some(to) = self.path.probe(now, number, probe_len)
        {
            self.outbound.skip_heartbeats(number);
            let length = self.heartbeat(now, true, out);
            self.outbound.skip_heartbeats(Path::after(number));
            self.last_sent = LastSent::Probe;
            return (length > 0).then_some((length, to));
        }
        let Stage::Open(open) = &mut self.stage else { return None };
        if matches!(open.link, Link::Lost(_)) {
            return None;
        }
        let Business::Asking(request) = &mut open.business else { return None };
        if request.repeat.due() > now {
            return None;
        }
        request.repeat.done(now);
        let (reason, signature) = (request.reason, request.signature);
        self.last_sent = LastSent::Request;
        Some((teardown::write(cookies, teardown::TeardownType::Request, reason, &signature, out), home))
    }

    fn heartbeat(&mut self, now: Mono, ask: bool, out: &mut [u8]) -> usize {
        let number = self.outbound.next_heartbeat();
        let length = self.outbound.heartbeat(now, self.names.cookies, &self.inbound, ask, out);
        if length > 0 {
            self.life.sent(now, number);
        }
        length
    }

    /// Whether a heartbeat to the peer's home asks for an answer.
    fn asks(&self, now: Mono) -> bool {
        let Stage::Open(open) = &self.stage else { return false };
        // A side that only receives gets no echo unless it asks.
        let stays = self.acknowledgement.ask_from <= now && self.outbound.waits_for_echo(self.inbound.generation());
        open.is_reconnecting() || self.life.anxious_at() <= now || stays
    }

    /// When the next heartbeat to the peer's home is due, and its reason.
    pub(super) fn heartbeat_due(&self) -> Option<(Mono, Reason)> {
        let Stage::Open(open) = &self.stage else { return None };
        let acknowledge = self.acknowledgement.due().map(|due| (due, Reason::Acknowledge));
        let regular = match &open.link {
            Link::Lost(lost) => lost.probe.map(|probe| (probe.due(), Reason::Probe)),
            Link::Reconciling(reconciling) => Some((reconciling.ask.due(), Reason::Probe)),
            Link::Whole | Link::Gap => {
                let idle = (self.acknowledgement.last.after(IDLE_HEARTBEAT), Reason::Idle);
                let anxious = self.life.anxious_at().max(self.acknowledgement.ask_from);
                Some(idle.min((anxious, Reason::Probe)))
            }
        };
        soonest(&[acknowledge, regular])
    }
}
