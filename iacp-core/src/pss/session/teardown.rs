//! Ending a session (`IACP §6.5`).
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

use iacp_wire::message::{MalfeasanceData, PssTeardown};
use iacp_wire::{Frame, Message, Signature};

use crate::crypto::Provider;
use crate::identity::{Identity, sign_frame};
use crate::pss::discard::Discard;
use crate::pss::event::TeardownReason;
use crate::pss::stream::frame::{Cookies, SESSION_HEADER_LEN};
use crate::time::{Backoff, Mono};

/// A request for teardown is given up after this long, in milliseconds.
pub const TEARDOWN_LIMIT: u64 = 30_000;
/// An answer is kept for repeats of the request this long, in milliseconds.
pub const KEEP_ANSWER: u64 = 60_000;

/// Length of a teardown without a Proof of Malfeasance, in bytes.
pub(crate) const TEARDOWN_LEN: usize = SESSION_HEADER_LEN + PssTeardown::LEN;

/// The types of a PSS_TEARDOWN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TeardownType {
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

    pub(crate) const fn from_code(code: u16) -> Option<Self> {
        match code {
            1 => Some(Self::Request),
            2 => Some(Self::Answer),
            3 => Some(Self::Forced),
            _ => None,
        }
    }
}

/// A signed teardown, kept as bytes: a repetition is the same bytes.
pub(crate) type TeardownBytes = [u8; TEARDOWN_LEN];

pub(crate) fn teardown<P: Provider>(
    identity: &Identity<P>,
    cookies: Cookies,
    teardown_type: TeardownType,
    reason: u16,
) -> TeardownBytes {
    let head = PssTeardown {
        session_connection_cookie: cookies.initiator,
        teardown_type: teardown_type.code().into(),
        reason_code: reason.into(),
        malfeasance_length: 0.into(),
        signature: Signature::ZERO,
    };
    let frame = Frame::new(Message::PssTeardown { head: &head, malfeasance: &[] }).in_session(cookies.responder);
    let mut bytes = [0; TEARDOWN_LEN];
    // The length is exact, so writing cannot fail; if it did, the zeros would verify nowhere.
    let _ = sign_frame(identity, &frame, [&[], &[]], &mut bytes);
    bytes
}

/// Type and reason of a teardown that has been verified.
pub(crate) fn read_teardown(head: &PssTeardown, malfeasance: &[u8]) -> Result<(TeardownType, u16), Discard> {
    if !malfeasance.is_empty() && MalfeasanceData::parse(malfeasance).is_err() {
        return Err(Discard::Malformed);
    }
    let teardown_type = TeardownType::from_code(head.teardown_type.get()).ok_or(Discard::Malformed)?;
    Ok((teardown_type, head.reason_code.get()))
}

/// Our request, until it is answered or given up.
pub(crate) struct Request {
    pub(crate) bytes: TeardownBytes,
    pub(crate) repeat: Backoff,
    pub(crate) give_up: Mono,
}

impl Request {
    pub(crate) const fn new(bytes: TeardownBytes, now: Mono) -> Self {
        Self { bytes, repeat: Backoff::now(now), give_up: now.after(TEARDOWN_LIMIT) }
    }
}

/// How far the end has come.
#[derive(Default)]
pub(crate) struct Closing {
    /// This side wants to end it.
    pub(crate) wanted: Option<TeardownReason>,
    /// The peer has asked for it, and everything it sent is here.
    pub(crate) peer_asked: bool,
    pub(crate) request: Option<Request>,
    /// The answer to the peer's request, kept for repeats.
    pub(crate) answer: Option<TeardownBytes>,
    /// A forced teardown, to be sent once.
    pub(crate) last_word: Option<TeardownBytes>,
    /// The answer is to be sent.
    pub(crate) answer_due: bool,
}
