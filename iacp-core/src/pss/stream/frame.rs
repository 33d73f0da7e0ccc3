//! The layout of the data frame of `IACP §6.4.5`, and of the heartbeat in it.
//!
//! ```text
//!  0  common header 4 │ R-Cookie 8 │ I-Cookie 8 │ Sequence 8       authenticated
//! 28  Nonce 12 = iv of the generation 4 │ Sequence 8
//! 40  sealed: chain 32 │ kind 1 │ content │ tag 16
//!
//!     content of a heartbeat:
//!     ASK 1 bit │ next send sequence 63 bits
//!     HELD 1 bit │ next expected receive sequence E 63 bits
//!     receive chain at E 32 │ echo 8 │ bitmap 0 to 512: bit i is frame E + 1 + i
//! ```

use iacp_wire::message::PssDataStream;
use iacp_wire::{AeadTag, Cookie, Flags, HEADER_LEN, MessageType, VERSION};
use zerocopy::IntoBytes;

use super::keys::Sealing;
use super::kind::ContentKind;
use crate::crypto::Provider;
use crate::pss::discard::Violation;

/// Length of a session's frame before its body, in bytes: header and R-Cookie.
pub(crate) const SESSION_HEADER_LEN: usize = HEADER_LEN + Cookie::LEN;
/// Where the nonce of a data frame begins: all bytes before it are authenticated.
pub(crate) const AAD_LEN: usize = SESSION_HEADER_LEN + PssDataStream::LEN - iacp_wire::AeadNonce::LEN;
/// Where the sealed bytes of a data frame begin.
pub(crate) const SEALED_AT: usize = SESSION_HEADER_LEN + PssDataStream::LEN;
/// Length of the rolling hash at the start of each plaintext, in bytes (`IACP §6.4.5`).
pub(crate) const CHAIN_LEN: usize = 32;
/// The bytes that a data frame adds to its content: headers, rolling hash, kind and tag.
pub const OVERHEAD: usize = SEALED_AT + CHAIN_LEN + 1 + AeadTag::LEN;

/// Sequence numbers from here on are for heartbeats.
pub(crate) const HEARTBEATS: u64 = 1 << 63;

/// The longest bitmap of a heartbeat, in bytes.
pub(crate) const BITMAP_MAX: usize = 512;
/// How many frames above E can be shown.
pub(crate) const SHOWN_MAX: u64 = 8 * BITMAP_MAX as u64;
/// Content of a heartbeat without its bitmap: two sequences, receive chain, echo.
pub(crate) const HEARTBEAT_CONTENT: usize = 8 + 8 + CHAIN_LEN + 8;
/// Length of a heartbeat's frame without its bitmap, in bytes.
pub(crate) const HEARTBEAT_LEN: usize = OVERHEAD + HEARTBEAT_CONTENT;

/// Both cookies of a session, which every frame of it has (`IACP §4.2.4.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookies {
    pub(crate) initiator: Cookie,
    pub(crate) responder: Cookie,
}

/// The contents of a heartbeat.
pub(crate) struct Vector<'v> {
    /// The sender's next sequence.
    pub(crate) next_send: u64,
    /// "Answer at once."
    pub(crate) ask: bool,
    /// E: everything below it is acknowledged.
    pub(crate) expected: u64,
    /// Whether frame E has arrived and is not acknowledged yet.
    pub(crate) held: bool,
    /// The sender's receive chain at E.
    pub(crate) receive_chain: [u8; 32],
    /// The whole sequence of the newest heartbeat that the sender has taken; 0 if none.
    pub(crate) echo: u64,
    /// Bit 7 − (i mod 8) of byte ⌊i/8⌋ says that frame E + 1 + i has come.
    pub(crate) bitmap: &'v [u8],
}

impl<'v> Vector<'v> {
    /// Writes the content of a heartbeat except its bitmap, which is already in its place.
    fn write(&self, content: &mut [u8]) -> Option<()> {
        let (next_send, rest) = content.split_first_chunk_mut()?;
        *next_send = (self.next_send | if self.ask { HEARTBEATS } else { 0 }).to_be_bytes();
        let (expected, rest) = rest.split_first_chunk_mut()?;
        *expected = (self.expected | if self.held { HEARTBEATS } else { 0 }).to_be_bytes();
        let (chain, rest) = rest.split_first_chunk_mut()?;
        *chain = self.receive_chain;
        *rest.first_chunk_mut()? = self.echo.to_be_bytes();
        Some(())
    }

    /// Reads the content of a heartbeat.
    pub(crate) fn read(content: &'v [u8]) -> Result<Self, Violation> {
        let (next_send, rest) = content.split_first_chunk().ok_or(Violation::Plaintext)?;
        let (expected, rest) = rest.split_first_chunk().ok_or(Violation::Plaintext)?;
        let (receive_chain, rest) = rest.split_first_chunk().ok_or(Violation::Plaintext)?;
        let (echo, bitmap) = rest.split_first_chunk().ok_or(Violation::Plaintext)?;
        if bitmap.len() > BITMAP_MAX {
            return Err(Violation::Plaintext);
        }
        if bitmap.last() == Some(&0) {
            return Err(Violation::Bitmap);
        }
        let (next_send, expected) = (u64::from_be_bytes(*next_send), u64::from_be_bytes(*expected));
        Ok(Self {
            next_send: next_send & !HEARTBEATS,
            ask: next_send >= HEARTBEATS,
            expected: expected & !HEARTBEATS,
            held: expected >= HEARTBEATS,
            receive_chain: *receive_chain,
            echo: u64::from_be_bytes(*echo),
            bitmap,
        })
    }

    /// One more than the highest frame that is shown or acknowledged.
    pub(crate) fn shown_end(&self) -> u64 {
        let bits = self.bitmap.last().map_or(0, |last| {
            let whole = 8 * (self.bitmap.len() as u64 - 1);
            whole + 8 - u64::from(last.trailing_zeros())
        });
        match (bits, self.held) {
            (0, false) => self.expected,
            (0, true) => self.expected.saturating_add(1),
            _ => self.expected.saturating_add(1).saturating_add(bits),
        }
    }
}

/// Seals a heartbeat into `frame`, whose length determines that of the bitmap. `bitmap` writes the bitmap in place.
pub(crate) fn seal_heartbeat<P: Provider>(
    keys: &mut Sealing<P>,
    cookies: Cookies,
    sequence: u64,
    vector: &Vector<'_>,
    frame: &mut [u8],
    bitmap: impl FnOnce(&mut [u8]),
) -> Option<()> {
    seal_frame(keys, cookies, sequence, Flags::NONE, ContentKind::HEARTBEAT, frame, |content| {
        let (head, shown) = content.split_at_mut_checked(HEARTBEAT_CONTENT).unwrap_or_default();
        let _ = vector.write(head);
        bitmap(shown);
    })
    .map(|_| ())
}

/// Builds a data frame and seals it in place; returns its tag. `None` if the frame is too short or too long, or if the
/// key has sealed as many frames as allowed.
pub(crate) fn seal_frame<P: Provider>(
    keys: &mut Sealing<P>,
    cookies: Cookies,
    sequence: u64,
    flags: Flags,
    kind: u8,
    frame: &mut [u8],
    fill: impl FnOnce(&mut [u8]),
) -> Option<[u8; 16]> {
    let payload = u16::try_from(frame.len().checked_sub(HEADER_LEN)?).ok()?;
    let nonce = keys.nonce(sequence);
    let (head, rest) = frame.split_first_chunk_mut::<SEALED_AT>()?;
    let (sealed, tag_place) = rest.split_last_chunk_mut::<16>()?;

    let code = MessageType::PssDataStream.code();
    let [b0, b1] = [VERSION << 4 | code >> 4, code << 4 | flags.with(Flags::SESSION).bits()];
    let [b2, b3] = payload.to_be_bytes();
    // Array by array, which is faster than byte by byte.
    let (word, rest) = head.split_first_chunk_mut()?;
    *word = [b0, b1, b2, b3];
    let (responder, rest) = rest.split_first_chunk_mut()?;
    *responder = cookies.responder.0;
    let (initiator, rest) = rest.split_first_chunk_mut()?;
    *initiator = cookies.initiator.0;
    let (number, rest) = rest.split_first_chunk_mut()?;
    *number = sequence.to_be_bytes();
    *rest.first_chunk_mut()? = nonce;

    let (chain, rest) = sealed.split_first_chunk_mut::<CHAIN_LEN>()?;
    let (kind_place, content) = rest.split_first_mut()?;
    *chain = keys.chain;
    *kind_place = kind;
    fill(content);

    let (aad, _) = head.split_first_chunk::<AAD_LEN>()?;
    let tag = keys.seal(&nonce, aad, sealed)?;
    *tag_place = tag;
    Some(tag)
}

/// Writes content where it will be sealed, into room of the same length. `copy_from_slice` would leave a panic for
/// another length in the code.
pub(crate) fn write(room: &mut [u8], content: &[u8]) {
    let written = content.write_to(room);
    debug_assert!(written.is_ok(), "the room was made for this content");
}

/// Splits a data frame for opening: the authenticated part, the sealed part, and the tag.
pub(crate) fn take_apart(datagram: &mut [u8]) -> Option<(&[u8], &mut [u8], &[u8; 16])> {
    let (head, rest) = datagram.split_at_mut_checked(SEALED_AT)?;
    let (sealed, tag) = rest.split_last_chunk_mut()?;
    Some((head.get(..AAD_LEN)?, sealed, tag))
}

#[cfg(test)]
mod tests;
