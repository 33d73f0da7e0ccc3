//! What a signature on a frame covers.
//!
//! The signer signs the 32 bytes SHA-256( "IACP/1 " | registry name | 0x00 | context | frame without its signature
//! field ). The context binds the frame to what it answers, so that it says nothing anywhere else.

use core::ops::Range;

use iacp_wire::{Eid, Frame, WriteError};

use super::Identity;
use crate::crypto::{BadSignature, Provider};

/// The frame's bytes before and after its signature.
fn around(frame: &[u8], signature: Range<usize>) -> (&[u8], &[u8]) {
    (frame.get(..signature.start).unwrap_or_default(), frame.get(signature.end..).unwrap_or_default())
}

fn signed_digest<P: Provider>(name: &str, context: [&[u8]; 2], before: &[u8], after: &[u8]) -> [u8; 32] {
    let [first, second] = context;
    P::sha256(&[b"IACP/1 ", name.as_bytes(), &[0], first, second, before, after])
}

/// SHA-256 of a frame without its signature field.
pub(crate) fn unsigned_digest<P: Provider>(frame: &Frame<'_>, bytes: &[u8]) -> [u8; 32] {
    let signature = frame.signature_span().unwrap_or(bytes.len()..bytes.len());
    let (before, after) = around(bytes, signature);
    P::sha256(&[before, after])
}

/// Writes the frame and signs what was written. The signature field of the message is left out of both.
pub(crate) fn sign_frame<P: Provider>(
    identity: &Identity<P>,
    frame: &Frame<'_>,
    context: [&[u8]; 2],
    buffer: &mut [u8],
) -> Result<usize, WriteError> {
    let length = frame.write(buffer)?;
    let written = buffer.get_mut(..length).unwrap_or_default();
    if let Some(span) = frame.signature_span() {
        let (before, after) = around(written, span.clone());
        let digest = signed_digest::<P>(frame.message.message_type().name(), context, before, after);
        if let Some(field) = written.get_mut(span).and_then(|field| field.first_chunk_mut()) {
            *field = P::sign(identity.key(), &digest);
        }
    }
    Ok(length)
}

/// Verifies the signature of a frame that was parsed from `bytes`.
pub(crate) fn verify_frame<P: Provider>(
    signer: &Eid,
    frame: &Frame<'_>,
    context: [&[u8]; 2],
    bytes: &[u8],
) -> Result<(), BadSignature> {
    let span = frame.signature_span().ok_or(BadSignature)?;
    let signature = bytes.get(span.clone()).and_then(|field| field.first_chunk()).ok_or(BadSignature)?;
    let (before, after) = around(bytes, span);
    let digest = signed_digest::<P>(frame.message.message_type().name(), context, before, after);
    P::verify(&signer.0, &digest, signature)
}
