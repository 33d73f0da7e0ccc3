//! The frames that end a session (`IACP §6.5`).
//!
//! ```text
//!  one side                             the other
//!    ── … data, FIN ──────────────────▶
//!    ◀──────────────────── heartbeat ──   the FIN is acknowledged
//!    ── PSS_TEARDOWN 1 (request) ──────▶
//!    ◀──────────────── … data, FIN ────   it flushes its own direction first
//!    ── heartbeat ─────────────────────▶
//!    ◀──────── PSS_TEARDOWN 2 (answer) ─  and keeps the answer 60 s for repeats
//! ```
//!
//! A forced end, PSS_TEARDOWN 3, is kept as long, for a peer that still sends.

use iacp_wire::message::{MalfeasanceData, PssTeardown};
use iacp_wire::{Frame, Message, Signature};

use super::path::Place;
use crate::crypto::Provider;
use crate::identity::{Identity, sign_frame};
use crate::pss::discard::{Discard, Violation};
use crate::pss::event::TeardownReason;
use crate::pss::stream::frame::{Cookies, SESSION_HEADER_LEN};
use crate::time::{Backoff, Mono};

/// A request for teardown is given up after this long, in milliseconds.
pub const TEARDOWN_LIMIT: u64 = 30_000;
/// The last frame of a session, ANSWER or FORCED, is kept for repetition this long, in milliseconds.
pub const KEEP_FAREWELL: u64 = 60_000;

/// Length of a teardown without a Proof of Malfeasance, in bytes.
const TEARDOWN_LEN: usize = SESSION_HEADER_LEN + PssTeardown::LEN;

/// The types of a PSS_TEARDOWN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TeardownType {
    Request,
    Answer,
    Forced,
}

impl TeardownType {
    const fn code(self) -> u16 {
        match self {
            Self::Request => 1,
            Self::Answer => 2,
            Self::Forced => 3,
        }
    }

    const fn from_code(code: u16) -> Option<Self> {
        match code {
            1 => Some(Self::Request),
            2 => Some(Self::Answer),
            3 => Some(Self::Forced),
            _ => None,
        }
    }
}

/// Builds a teardown and passes it to `with`.
fn lay_out<R>(
    cookies: Cookies,
    teardown_type: TeardownType,
    reason: u16,
    signature: Signature,
    with: impl FnOnce(&Frame<'_>) -> R,
) -> R {
    let head = PssTeardown {
        session_connection_cookie: cookies.initiator,
        teardown_type: teardown_type.code().into(),
        reason_code: reason.into(),
        malfeasance_length: 0.into(),
        signature,
    };
    with(&Frame::new(Message::PssTeardown { head: &head, malfeasance: &[] }).in_session(cookies.responder))
}

/// The signature of a teardown: only this is kept of it.
#[inline(never)]
pub(super) fn sign<P: Provider>(
    identity: &Identity<P>,
    cookies: Cookies,
    teardown_type: TeardownType,
    reason: u16,
) -> Signature {
    let mut bytes = [0; TEARDOWN_LEN];
    let span = lay_out(cookies, teardown_type, reason, Signature::ZERO, |frame| {
        sign_frame(identity, frame, [&[], &[]], &mut bytes).ok().and(frame.signature_span())
    });
    // The length is exact, so writing cannot fail; if it did, the zero signature would not verify anywhere.
    let signature = span.and_then(|span| bytes.get(span)).and_then(|field| field.first_chunk());
    signature.map_or(Signature::ZERO, |signature| Signature(*signature))
}

/// Writes a teardown that was signed before; returns its length, or 0 if `out` is too short.
pub(super) fn write(
    cookies: Cookies,
    teardown_type: TeardownType,
    reason: u16,
    signature: &Signature,
    out: &mut [u8],
) -> usize {
    lay_out(cookies, teardown_type, reason, *signature, |frame| frame.write(out).unwrap_or(0))
}

/// Type and reason of a teardown that has been verified.
pub(super) fn read(head: &PssTeardown, malfeasance: &[u8]) -> Result<(TeardownType, u16), Discard> {
    if !malfeasance.is_empty() && MalfeasanceData::parse(malfeasance).is_err() {
        return Err(Discard::Malformed);
    }
    let teardown_type = TeardownType::from_code(head.teardown_type.get()).ok_or(Discard::Malformed)?;
    Ok((teardown_type, head.reason_code.get()))
}

/// The peer's request for teardown: its reason code, and where its newest repetition came from.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) reason: u16,
    pub(super) from: Place,
}

/// Our request for teardown.
pub(super) struct Request {
    pub(super) reason: u16,
    pub(super) signature: Signature,
    pub(super) repeat: Backoff,
    pub(super) give_up: Mono,
}

/// Why this side ends a session without the peer's consent.
pub(super) enum Force {
    /// The peer's authentic frames contradict each other: SESSION_COMPROMISED.
    Compromised(Violation),
    /// The peer's authentic frames of the handshake or of the negotiation contradict each other.
    Contradiction,
    /// The peer did not answer our request, which had this reason code.
    Unanswered(u16),
    /// Anything else.
    Reason(TeardownReason),
}
