//! The data frame of `IACP §6.4.5`, laid out in one place.

use iacp_wire::message::PssDataStream;
use iacp_wire::{AeadTag, Cookie, Flags, HEADER_LEN, MessageType, VERSION};

use super::keys::Direction;
use crate::crypto::Provider;

/// Length of a session's frame before its body, in bytes: header and R-Cookie.
pub(crate) const SESSION_HEADER_LEN: usize = HEADER_LEN + Cookie::LEN;
/// Where the nonce of a data frame begins: all before it is authenticated.
pub(crate) const AAD_LEN: usize = SESSION_HEADER_LEN + PssDataStream::LEN - iacp_wire::AeadNonce::LEN;
/// Where the sealed bytes of a data frame begin.
pub(crate) const SEALED_AT: usize = SESSION_HEADER_LEN + PssDataStream::LEN;
/// Length of the rolling hash in front of each plaintext, in bytes (`IACP §6.4.5`).
pub(crate) const CHAIN_LEN: usize = 32;
/// What a data frame adds to its content, in bytes: headers, rolling hash, kind and tag.
pub const OVERHEAD: usize = SEALED_AT + CHAIN_LEN + 1 + AeadTag::LEN;

/// Sequence numbers from here on are heartbeats'.
pub(crate) const HEARTBEATS: u64 = 1 << 63;

/// Both cookies of a session: what every frame of it carries (`IACP §4.2.4.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookies {
    pub(crate) initiator: Cookie,
    pub(crate) responder: Cookie,
}

/// Lays a data frame out and seals it in place; returns its tag. `None` only if the frame is too short or too long.
pub(crate) fn seal_frame<P: Provider>(
    keys: &Direction<P>,
    cookies: Cookies,
    sequence: u64,
    flags: Flags,
    kind: u8,
    frame: &mut [u8],
    fill: impl FnOnce(&mut [u8]),
) -> Option<[u8; 16]> {
    let payload = u16::try_from(frame.len().checked_sub(iacp_wire::HEADER_LEN)?).ok()?;
    let nonce = keys.nonce(sequence);
    let (head, rest) = frame.split_first_chunk_mut::<SEALED_AT>()?;
    let (sealed, tag_place) = rest.split_last_chunk_mut::<16>()?;

    let code = MessageType::PssDataStream.code();
    let [b0, b1] = [VERSION << 4 | code >> 4, code << 4 | flags.with(Flags::SESSION).bits()];
    let [b2, b3] = payload.to_be_bytes();
    // Array by array: byte by byte takes longer than the cipher's own headers.
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
    *tag_place = P::seal(&keys.cipher, &nonce, aad, sealed);
    Some(*tag_place)
}
