//! What a signature on a frame covers.
//!
//! The signer signs the 32 bytes SHA-256( "IACP/1 " | registry name | 0x00 | context | frame without its signature
//! field ). The context binds the frame to what it answers, so that it says nothing anywhere else.

use core::ops::Range;

use iacp_wire::{Eid, Frame, Signature, WriteError};

use super::Identity;
use crate::crypto::{BadSignature, CheckedKey, Provider};

/// The frame's bytes before and after its signature.
fn around(frame: &[u8], signature: Range<usize>) -> (&[u8], &[u8]) {
    (frame.get(..signature.start).unwrap_or_default(), frame.get(signature.end..).unwrap_or_default())
}

fn signed_digest<P: Provider>(name: &str, context: [&[u8]; 2], before: &[u8], after: &[u8]) -> [u8; 32] {
    let [first, second] = context;
    P::sha256(&[b"IACP/1 ", name.as_bytes(), &[0], first, second, before, after])
}

/// Signs what is not a frame: the bytes before and after the signature, under a label of its own.
pub(crate) fn sign_record<P: Provider>(identity: &Identity<P>, label: &str, before: &[u8], after: &[u8]) -> Signature {
    Signature(P::sign(identity.key(), &signed_digest::<P>(label, [&[], &[]], before, after)))
}

/// Verifies what is not a frame.
pub(crate) fn verify_record<P: Provider>(
    signer: &Eid,
    label: &str,
    before: &[u8],
    after: &[u8],
    signature: &Signature,
) -> Result<(), BadSignature> {
    P::verify(&signer.0, &signed_digest::<P>(label, [&[], &[]], before, after), &signature.0)
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
    let (length, signed) = write_unsigned::<P>(frame, context, buffer)?;
    if let Some((span, digest)) = signed
        && let Some(field) = buffer.get_mut(span).and_then(|field| field.first_chunk_mut())
    {
        *field = P::sign(identity.key(), &digest);
    }
    Ok(length)
}

/// Where the signature of a frame stands, and what it covers.
type Signed = (Range<usize>, [u8; 32]);

/// What a signature on the frame covers.
pub(crate) fn digest_to_sign<P: Provider>(
    frame: &Frame<'_>,
    context: [&[u8]; 2],
    buffer: &mut [u8],
) -> Result<[u8; 32], WriteError> {
    let (_, signed) = write_unsigned::<P>(frame, context, buffer)?;
    Ok(signed.map_or([0; 32], |(_, digest)| digest))
}

/// Writes the frame; where its signature stands, and what it covers. A call of its own: its stack is free again when the
/// signature, which takes the most, is made.
#[inline(never)]
fn write_unsigned<P: Provider>(
    frame: &Frame<'_>,
    context: [&[u8]; 2],
    buffer: &mut [u8],
) -> Result<(usize, Option<Signed>), WriteError> {
    let length = frame.write(buffer)?;
    let written = buffer.get(..length).unwrap_or_default();
    let signed = frame.signature_span().map(|span| {
        let (before, after) = around(written, span.clone());
        (span, signed_digest::<P>(frame.message.message_type().name(), context, before, after))
    });
    Ok((length, signed))
}

/// The signature of a frame that was parsed from `bytes`, and what it should cover.
#[inline(never)]
fn signed<'a, P: Provider>(
    frame: &Frame<'_>,
    context: [&[u8]; 2],
    bytes: &'a [u8],
) -> Result<([u8; 32], &'a [u8; 64]), BadSignature> {
    let span = frame.signature_span().ok_or(BadSignature)?;
    let signature = bytes.get(span.clone()).and_then(|field| field.first_chunk()).ok_or(BadSignature)?;
    let (before, after) = around(bytes, span);
    Ok((signed_digest::<P>(frame.message.message_type().name(), context, before, after), signature))
}

/// Verifies the signature of a frame that was parsed from `bytes`.
pub(crate) fn verify_frame<P: Provider>(
    signer: &Eid,
    frame: &Frame<'_>,
    context: [&[u8]; 2],
    bytes: &[u8],
) -> Result<(), BadSignature> {
    let (digest, signature) = signed::<P>(frame, context, bytes)?;
    P::verify(&signer.0, &digest, signature)
}

/// As [`verify_frame`], for a signer whose key has been checked: for all but the first frame of a peer.
pub(crate) fn verify_frame_checked<P: Provider>(
    signer: &CheckedKey,
    frame: &Frame<'_>,
    context: [&[u8]; 2],
    bytes: &[u8],
) -> Result<(), BadSignature> {
    let (digest, signature) = signed::<P>(frame, context, bytes)?;
    P::verify_checked(signer, &digest, signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{ChaChaOnly, Secret32};
    use iacp_wire::message::PssTeardown;
    use iacp_wire::{Cookie, Message};

    // shows: IACP-171 (§8.7)
    #[test]
    fn a_checked_key_verifies_what_its_eid_verifies() {
        let [signer, other] = [7, 8].map(|byte| Identity::<ChaChaOnly>::from_seed(&Secret32::new([byte; 32])));
        let head = PssTeardown {
            session_connection_cookie: Cookie::ZERO,
            teardown_type: 1.into(),
            reason_code: 0.into(),
            malfeasance_length: 0.into(),
            signature: Signature::ZERO,
        };
        let frame = Frame::new(Message::PssTeardown { head: &head, malfeasance: &[] }).in_session(Cookie::ZERO);
        let mut buffer = [0; 256];
        let length = sign_frame(&signer, &frame, [b"context", &[]], &mut buffer).expect("the buffer is long enough");
        let signed = &mut buffer[..length];
        let verdicts = |eid: &Eid, context: &[u8], bytes: &[u8]| {
            let key = CheckedKey::new::<ChaChaOnly>(&eid.0).expect("a key of prime order");
            let checked = verify_frame_checked::<ChaChaOnly>(&key, &frame, [context, &[]], bytes);
            assert_eq!(verify_frame::<ChaChaOnly>(eid, &frame, [context, &[]], bytes), checked);
            checked
        };
        assert_eq!(verdicts(&signer.eid(), b"context", signed), Ok(()));
        assert_eq!(verdicts(&signer.eid(), b"another", signed), Err(BadSignature));
        assert_eq!(verdicts(&other.eid(), b"context", signed), Err(BadSignature));
        assert_eq!(verdicts(&signer.eid(), b"context", &signed[..length - 1]), Err(BadSignature));
        for at in 0..length {
            signed[at] ^= 1;
            assert_eq!(verdicts(&signer.eid(), b"context", signed), Err(BadSignature), "byte {at}");
            signed[at] ^= 1;
        }
    }
}
