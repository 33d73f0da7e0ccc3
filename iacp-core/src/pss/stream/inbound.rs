//! The receiving half of a session: opening in place, the receive window, the rolling hash.

use iacp_wire::Flags;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::frame::{AAD_LEN, CHAIN_LEN, HEARTBEATS, SEALED_AT};
use super::keys::Direction;
use super::kind::Kind;
use super::outbound::HEARTBEAT_CONTENT;
use crate::crypto::Provider;
use crate::pss::KEY_LIMIT;
use crate::pss::discard::{Discard, Violation};

/// Why a frame is not taken.
pub(crate) enum NotTaken {
    Discard(Discard),
    /// It is authentic and breaks the protocol.
    Violation(Violation),
}

impl From<Discard> for NotTaken {
    fn from(discard: Discard) -> Self {
        Self::Discard(discard)
    }
}

impl From<Violation> for NotTaken {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// A frame that arrived before one that it follows: what is needed to check it when the gap closes.
#[derive(Clone, Copy)]
struct Early {
    chain: [u8; 32],
    tag: [u8; 16],
}

/// Content of a resume record: I-Cookie 8, R-Cookie 8, next send 8, next expected 8, receive chain 32.
const RESUME_CONTENT: usize = 64;

/// Whether two rolling hashes are the same one.
pub(crate) fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// A data frame that was taken.
pub(crate) struct Taken<'d> {
    pub(crate) kind: Kind,
    pub(crate) content: &'d mut [u8],
}

/// The peer's state vector.
pub(crate) struct Vector {
    /// The peer's send chain at its next sequence number.
    pub(crate) send_chain: [u8; 32],
    pub(crate) next_send: u64,
    pub(crate) expected: u64,
    /// The peer's receive chain at what it expects.
    pub(crate) receive_chain: [u8; 32],
}

pub(crate) struct Inbound<P: Provider, const FRAMES: usize> {
    /// `None` before the handshake and after the end. Its chain is the one at `expected`.
    keys: Option<Direction<P>>,
    /// The peer's initial sequence number.
    first: u64,
    /// The lowest sequence number that is missing.
    expected: u64,
    /// One more than the highest sequence number that was taken.
    newest: u64,
    /// Frames beyond a gap; the place of a sequence number is that number modulo `FRAMES`.
    early: [Option<Early>; FRAMES],
    window: u64,
    /// The sequence number of the peer's FIN.
    fin: Option<u64>,
    /// One more than the number of the last heartbeat that was taken.
    heartbeats: u64,
    failed_opens: u64,
}

impl<P: Provider, const FRAMES: usize> Inbound<P, FRAMES> {
    pub(crate) const fn new() -> Self {
        Self {
            keys: None,
            first: 0,
            expected: 0,
            newest: 0,
            early: [None; FRAMES],
            window: 1,
            fin: None,
            heartbeats: 0,
            failed_opens: 0,
        }
    }

    pub(crate) fn start(&mut self, keys: Direction<P>, initial_sequence: u64, window: u32) {
        *self = Self::new();
        (self.first, self.expected, self.newest) = (initial_sequence, initial_sequence, initial_sequence);
        self.window = u64::from(window);
        self.keys = Some(keys);
    }

    pub(crate) fn set_window(&mut self, window: u32) {
        self.window = u64::from(window);
    }

    pub(crate) fn wipe(&mut self) {
        self.keys = None;
        for early in self.early.iter_mut().flatten() {
            early.chain.zeroize();
        }
        self.early = [None; FRAMES];
    }

    pub(crate) const fn expected(&self) -> u64 {
        self.expected
    }

    /// The rolling hash at [`Self::expected`].
    pub(crate) fn chain(&self) -> Option<[u8; 32]> {
        self.keys.as_ref().map(|keys| keys.chain)
    }

    /// Something beyond what is expected has arrived.
    pub(crate) const fn has_gap(&self) -> bool {
        self.newest > self.expected
    }

    /// The peer's FIN and everything before it has arrived.
    pub(crate) fn complete(&self) -> bool {
        self.fin.is_some_and(|fin| fin < self.expected)
    }

    pub(crate) const fn key_spent(&self) -> bool {
        self.failed_opens >= KEY_LIMIT
    }

    /// One more than the highest sequence number that was taken.
    pub(crate) const fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether this sequence number is the newest so far: only such a frame moves the session's locator.
    pub(crate) const fn is_newest(&self, sequence: u64) -> bool {
        if sequence >= HEARTBEATS { sequence - HEARTBEATS + 1 >= self.heartbeats } else { sequence + 1 >= self.newest }
    }

    fn place(&mut self, sequence: u64) -> Option<&mut Option<Early>> {
        self.early.get_mut(usize::try_from(sequence % FRAMES as u64).ok()?)
    }

    /// Takes a data frame: opens it in place, once, and checks its rolling hash.
    // keeps: IACP-150
    pub(crate) fn take<'d>(
        &mut self,
        sequence: u64,
        nonce: [u8; 12],
        flags: Flags,
        datagram: &'d mut [u8],
    ) -> Result<Taken<'d>, NotTaken> {
        let Some(ahead) = sequence.checked_sub(self.expected) else { return Err(Discard::Duplicate.into()) };
        if ahead >= self.window {
            return Err(Discard::BeyondWindow.into());
        }
        if ahead >= FRAMES as u64 {
            return Err(Discard::NoRoom.into());
        }
        if ahead > 0 && self.place(sequence).is_some_and(|place| place.is_some()) {
            return Err(Discard::Duplicate.into());
        }
        let (tag, plaintext) = self.open(sequence, nonce, datagram)?;
        let (chain, rest) = plaintext.split_first_chunk_mut::<CHAIN_LEN>().ok_or(Violation::Plaintext)?;
        let (code, content) = rest.split_first_mut().ok_or(Violation::Plaintext)?;
        let (chain, code) = (*chain, *code);
        let kind = Kind::from_code(code).ok_or(Violation::Kind(code))?;
        // Old cookies, both sequence numbers and a chain, in the first frame of a side.
        if kind == Kind::Resume && (sequence != self.first || content.len() != RESUME_CONTENT) {
            return Err(Violation::Kind(code).into());
        }
        let fin = flags.contains(Flags::FIN);
        let after_fin = self.fin.is_some_and(|last| sequence > last);
        let misplaced =
            fin && (!content.is_empty() || kind != Kind::Anml || self.fin.is_some() || sequence + 1 < self.newest);
        if after_fin || misplaced {
            return Err(Violation::Fin.into());
        }
        if ahead == 0 {
            self.advance(chain, tag)?;
        } else if let Some(place) = self.place(sequence) {
            *place = Some(Early { chain, tag });
        }
        self.newest = self.newest.max(sequence + 1);
        if fin {
            self.fin = Some(sequence);
        }
        Ok(Taken { kind, content })
    }

    /// The expected frame is here: the chain runs over it, and over everything that waited behind it.
    fn advance(&mut self, carried: [u8; 32], tag: [u8; 16]) -> Result<(), Violation> {
        let mut chain = self.chain().ok_or(Violation::Chain)?;
        if !same(&carried, &chain) {
            return Err(Violation::Chain);
        }
        chain = P::sha256(&[&chain, &tag]);
        let mut expected = self.expected + 1;
        while expected < self.newest {
            let Some(early) = self.place(expected).and_then(Option::take) else { break };
            if !same(&early.chain, &chain) {
                return Err(Violation::Chain);
            }
            chain = P::sha256(&[&chain, &early.tag]);
            expected += 1;
        }
        self.expected = expected;
        if let Some(keys) = &mut self.keys {
            keys.chain = chain;
        }
        Ok(())
    }

    /// Takes a heartbeat, if it is newer than all before it.
    pub(crate) fn take_heartbeat(
        &mut self,
        sequence: u64,
        nonce: [u8; 12],
        flags: Flags,
        datagram: &mut [u8],
    ) -> Result<Vector, NotTaken> {
        let number = sequence - HEARTBEATS;
        if number < self.heartbeats {
            return Err(Discard::Stale.into());
        }
        if flags.contains(Flags::FIN) {
            return Err(Discard::Fin.into());
        }
        let (_, plaintext) = self.open(sequence, nonce, datagram)?;
        let (send_chain, rest) = plaintext.split_first_chunk::<CHAIN_LEN>().ok_or(Violation::Plaintext)?;
        let (kind, content) = rest.split_first().ok_or(Violation::Plaintext)?;
        if *kind != Kind::HEARTBEAT {
            return Err(Violation::Kind(*kind).into());
        }
        if content.len() != HEARTBEAT_CONTENT {
            return Err(Violation::Plaintext.into());
        }
        let (next_send, rest) = content.split_first_chunk().ok_or(Violation::Plaintext)?;
        let (expected, rest) = rest.split_first_chunk().ok_or(Violation::Plaintext)?;
        let receive_chain = rest.first_chunk().ok_or(Violation::Plaintext)?;
        self.heartbeats = number + 1;
        Ok(Vector {
            send_chain: *send_chain,
            next_send: u64::from_be_bytes(*next_send),
            expected: u64::from_be_bytes(*expected),
            receive_chain: *receive_chain,
        })
    }

    /// Opens a frame in place. Nothing but the count of failures changes when it does not open.
    fn open<'d>(
        &mut self,
        sequence: u64,
        nonce: [u8; 12],
        datagram: &'d mut [u8],
    ) -> Result<([u8; 16], &'d mut [u8]), Discard> {
        let keys = self.keys.as_ref().ok_or(Discard::NotNow)?;
        if nonce != keys.nonce(sequence) {
            return Err(Discard::Nonce);
        }
        let (head, rest) = datagram.split_at_mut_checked(SEALED_AT).ok_or(Discard::Malformed)?;
        let aad = head.get(..AAD_LEN).ok_or(Discard::Malformed)?;
        let (sealed, tag) = rest.split_last_chunk_mut::<16>().ok_or(Discard::Malformed)?;
        let tag = *tag;
        if P::open(&keys.cipher, &nonce, aad, sealed, &tag).is_err() {
            self.failed_opens = self.failed_opens.saturating_add(1);
            return Err(Discard::Seal);
        }
        Ok((tag, sealed))
    }
}
