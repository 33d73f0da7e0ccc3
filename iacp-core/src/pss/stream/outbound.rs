//! The sending half of a session: sealing, the rolling hash, the window.

use iacp_wire::Flags;

use super::delta_log::DeltaLog;
use super::frame::{Cookies, HEARTBEATS, OVERHEAD, seal_frame};
use super::keys::Direction;
use super::kind::Kind;
use crate::crypto::Provider;
use crate::pss::KEY_LIMIT;
use crate::pss::error::{SendError, TooSmall};
use crate::time::Mono;

/// Content of a heartbeat: next send sequence 8, next expected receive sequence 8, receive chain 32.
pub(crate) const HEARTBEAT_CONTENT: usize = 48;
/// Length of a heartbeat's frame, in bytes.
pub(crate) const HEARTBEAT_LEN: usize = OVERHEAD + HEARTBEAT_CONTENT;

pub(crate) struct Outbound<P: Provider, const LOG: usize, const FRAMES: usize> {
    /// `None` before the handshake and after the end. The only place where the sending key lives.
    keys: Option<Direction<P>>,
    pub(crate) log: DeltaLog<LOG, FRAMES>,
    /// Frames that may be unacknowledged.
    window: u64,
    /// Data frames that the key has sealed.
    sealed: u64,
    /// Heartbeats that the key has sealed.
    heartbeats: u64,
    /// The sequence number of our FIN.
    fin: Option<u64>,
    fin_acknowledged: bool,
}

impl<P: Provider, const LOG: usize, const FRAMES: usize> Outbound<P, LOG, FRAMES> {
    pub(crate) const fn new() -> Self {
        Self {
            keys: None,
            log: DeltaLog::new(0),
            window: 1,
            sealed: 0,
            heartbeats: 0,
            fin: None,
            fin_acknowledged: false,
        }
    }

    pub(crate) fn start(&mut self, keys: Direction<P>, initial_sequence: u64, window: u32) {
        (self.sealed, self.heartbeats, self.fin, self.fin_acknowledged) = (0, 0, None, false);
        self.log.restart(initial_sequence);
        self.window = u64::from(window);
        self.keys = Some(keys);
    }

    pub(crate) fn set_window(&mut self, window: u32) {
        self.window = u64::from(window);
    }

    /// Wipes the key and forgets what was not acknowledged.
    pub(crate) fn wipe(&mut self) {
        self.keys = None;
        self.log.restart(self.log.next());
    }

    pub(crate) const fn finished(&self) -> bool {
        self.fin.is_some()
    }

    /// Our FIN, and so everything before it, has arrived.
    pub(crate) const fn fin_acknowledged(&self) -> bool {
        self.fin_acknowledged
    }

    /// Everything below `sequence` has arrived; `true` if that is news.
    pub(crate) fn acknowledge(&mut self, sequence: u64) -> bool {
        let before = self.log.first();
        self.log.acknowledge(sequence);
        self.fin_acknowledged = self.fin.is_some_and(|fin| fin < self.log.first());
        self.log.first() > before
    }

    /// The rolling hash that the peer must have when it expects `sequence`.
    pub(crate) fn chain_at(&self, sequence: u64) -> Option<[u8; 32]> {
        if sequence == self.log.next() {
            return self.keys.as_ref().map(|keys| keys.chain);
        }
        self.log.chain_before(sequence)
    }

    /// Seals one frame into the delta log; `fill` writes its content in place. Returns its sequence number.
    // keeps: IACP-150, IACP-166
    pub(crate) fn seal(
        &mut self,
        now: Mono,
        cookies: Cookies,
        kind: Kind,
        flags: Flags,
        content_length: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<u64, SendError> {
        let keys = self.keys.as_mut().ok_or(SendError::NotNow)?;
        if self.fin.is_some() {
            return Err(SendError::Finished);
        }
        // Below the limit, and the last one is for the FIN.
        let limit = if flags.contains(Flags::FIN) { KEY_LIMIT - 1 } else { KEY_LIMIT - 2 };
        if self.sealed >= limit {
            return Err(SendError::KeySpent);
        }
        let length = content_length.checked_add(OVERHEAD).ok_or(SendError::TooLong)?;
        if length > LOG || length > iacp_wire::HEADER_LEN + iacp_wire::MAX_PAYLOAD {
            return Err(SendError::TooLong);
        }
        let sequence = self.log.next();
        if sequence >= self.log.first().saturating_add(self.window) {
            return Err(SendError::Full);
        }
        let frame = self.log.room(length).ok_or(SendError::Full)?;
        let chain = keys.chain;
        let tag = seal_frame(keys, cookies, sequence, flags, kind.code(), frame, fill).ok_or(SendError::TooLong)?;
        keys.chain = P::sha256(&[&chain, &tag]);
        self.log.push(length, chain, now);
        self.sealed += 1;
        if flags.contains(Flags::FIN) {
            self.fin = Some(sequence);
        }
        Ok(sequence)
    }

    /// Seals a heartbeat into the caller's buffer: our state vector and our acknowledgement.
    pub(crate) fn heartbeat<'b>(
        &mut self,
        cookies: Cookies,
        expected: u64,
        receive_chain: &[u8; 32],
        out: &'b mut [u8],
    ) -> Result<Option<&'b [u8]>, TooSmall> {
        let frame = out.get_mut(..HEARTBEAT_LEN).ok_or(TooSmall { needed: HEARTBEAT_LEN })?;
        let Some(keys) = self.keys.as_mut().filter(|_| self.heartbeats < HEARTBEATS - 1) else { return Ok(None) };
        let next = self.log.next();
        let content = |content: &mut [u8]| {
            let vector = next.to_be_bytes().into_iter().chain(expected.to_be_bytes()).chain(*receive_chain);
            content.iter_mut().zip(vector).for_each(|(to, from)| *to = from);
        };
        let sequence = HEARTBEATS + self.heartbeats;
        if seal_frame(keys, cookies, sequence, Flags::NONE, Kind::HEARTBEAT, frame, content).is_none() {
            return Ok(None);
        }
        self.heartbeats += 1;
        Ok(Some(frame))
    }
}
