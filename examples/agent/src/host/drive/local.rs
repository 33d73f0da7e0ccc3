//! The local channels in the loop of a host: what agents' processes send, and which contexts they begin.

use iacp_wire::message::ErpAlloc;
use iacp_wire::{Digest, Eid, Frame, IatField, InitializationNonce, Message};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{Host, Known};
use crate::carrier::stream::LOCAL_LIMIT;
use crate::host::channels::Heard;
use crate::host::storage::Claim;
use crate::keys;
use crate::telling::step::Step;

impl Host<'_> {
    pub(super) fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Opened(stream) => match self.channels.opened(stream) {
                Ok((number, account)) => {
                    self.entity.assign_channel(number, account);
                    self.note(Step::Channel { open: true, number });
                }
                Err(why) => self.trouble(why.into()),
            },
            Heard::Closed { number, serial } if self.channels.is_current(number, serial) => {
                self.channels.closed(number);
                self.note(Step::Channel { open: false, number });
            }
            Heard::Frame { number, serial, frame } if self.channels.is_current(number, serial) => {
                self.local(number, &frame);
            }
            Heard::Closed { .. } | Heard::Frame { .. } => {}
        }
    }

    /// A frame of a local channel.
    fn local(&mut self, number: u32, frame: &[u8]) {
        let now = self.clock.now();
        let mut out = Zeroizing::new([0; LOCAL_LIMIT]);
        if let Some(length) = self.claimed(frame, out.as_mut_slice()) {
            self.channels.tell(number, out[..length].to_vec());
            return;
        }
        let answer = self.entity.handle_local(now, number, frame, out.as_mut_slice(), &mut keys::rng());
        let length = match answer {
            Ok(length) => length,
            Err(why) => {
                *self.standing.dropped.entry(why.to_string()).or_default() += 1;
                return;
            }
        };
        if let Some(eid) = speaker(frame) {
            self.channels.came(eid, number);
        }
        let Some(answer) = out.get(..length).filter(|answer| !answer.is_empty()) else { return };
        if let Some((eid, known)) = self.allocated(frame, answer) {
            self.channels.came(eid, number);
            self.standing.known.insert(eid, known);
        }
        self.channels.tell(number, answer.to_vec());
    }

    /// ERP_ALLOC for an agent that begins again as one whose context was restored: its EID, and its new token. The length
    /// of the answer.
    fn claimed(&self, frame: &[u8], out: &mut [u8]) -> Option<usize> {
        let Message::ErpInit(init) = Frame::parse(frame).ok()?.message else { return None };
        let eid = (*self.standing.claims.get(&claim_of(&init.initialization_nonce))?)?;
        let agent = self.standing.known.get(&eid)?.restored.as_ref()?;
        let mut alloc = ErpAlloc {
            initialization_nonce: init.initialization_nonce,
            allocated_eid: eid,
            local_iat: IatField(*agent.iat().expose()),
        };
        let written = Frame::new(Message::ErpAlloc(&alloc)).write(out).ok();
        alloc.local_iat.0.zeroize();
        alloc.initialization_nonce.0.zeroize();
        written
    }

    /// The agent that an ERP_ALLOC has made, and what is to be written down of it.
    fn allocated(&self, asked: &[u8], answer: &[u8]) -> Option<(Eid, Known)> {
        let Message::ErpAlloc(alloc) = Frame::parse(answer).ok()?.message else { return None };
        let asked = Frame::parse(asked).ok()?;
        let (airk, digest) = match asked.message {
            // A rotated context has the same software as the one before.
            Message::Local { head, .. } => {
                self.standing.known.get(&head.eid).map_or((None, Digest::ZERO), |known| (known.airk, known.digest))
            }
            _ => (asked.tlvs.airk().copied(), asked.tlvs.app_digest().copied().unwrap_or(Digest::ZERO)),
        };
        let claim = claim_of(&alloc.initialization_nonce);
        let known = Known { claim, airk, digest, evolution: 0, restored: None, arrives: false };
        Some((alloc.allocated_eid, known))
    }
}

/// What is kept of a nonce.
pub(super) fn claim_of(nonce: &InitializationNonce) -> Claim {
    Sha256::digest(nonce.0).into()
}

/// The agent that a frame with the right token came from.
fn speaker(frame: &[u8]) -> Option<Eid> {
    match Frame::parse(frame).ok()?.message {
        Message::ErpKeepalive(alive) => Some(alive.eid),
        Message::Local { head, .. } => Some(head.eid),
        _ => None,
    }
}
