//! Persistent State Sessions (`IACP §6.4`, `IACP §6.5`): two EIDs, one channel.
//!
//! ```text
//!  initiator: Session                                     responder: Responder, then Session
//!    ── PSS_INIT  I-Cookie, KEY_SHARE, signature ──────▶   answer    nothing is stored
//!    ◀── PSS_NEG  R-Cookie, KEY_SHARE, terms, signature ─
//!    ── PSS_ACK   both cookies, signature ─────────────▶   accept    one Session
//!    ◀─────────────────────────────── heartbeat ────────
//!    ◀════════ PSS_DATA_STREAM, heartbeats ════════════▶
//!    ── FIN, PSS_TEARDOWN 1 ───────────────────────────▶
//!    ◀───────────────────── FIN, PSS_TEARDOWN 2 ────────
//! ```
//!
//! [`Session`] is one machine from the first PSS_INIT to the last repeat of a teardown. The caller brings datagrams,
//! time, randomness and the [`Identity`](crate::identity::Identity); the session's memory is in its type:
//! `LOG` bytes of sealed frames that the peer has not acknowledged, and `FRAMES` frames in flight each way.

mod discard;
mod error;
mod event;
mod handshake;
mod session;
mod stream;

pub use discard::{Discard, Discards, Violation};
pub use error::{SendError, TooSmall};
pub use event::{Closure, Event, Reason, TeardownReason, Transmit};
pub use handshake::Role;
pub use handshake::contract::{MAX_TURNS, NEGOTIATION_LIMIT};
pub use handshake::keys::{TicketKey, TicketKeys, local_session_key};
pub use handshake::responder::{Accepted, Admission, Answer, Responder};
pub use handshake::terms::{Capabilities, RejectionReasons, Settings, Terms};
pub use session::teardown::{KEEP_ANSWER, TEARDOWN_LIMIT};
pub use session::{RECONNECT_LIMIT, Session, TRANSMIT_BUFFER, continuity, lifecycle};
pub use stream::frame::OVERHEAD;
pub use stream::kind::Kind;

/// A key seals fewer data frames than this, and dies after as many failed opens.
const KEY_LIMIT: u64 = 1 << 36;

/// Without an authentic frame for this long a session is DISCONNECTED, in milliseconds.
pub const SILENCE: u64 = 45_000;
/// An idle session says this often that it lives, in milliseconds.
pub const IDLE_HEARTBEAT: u64 = 15_000;
/// Data of which nothing is acknowledged for this long ends the session, in milliseconds, however much the peer lives.
pub const NO_PROGRESS: u64 = 120_000;
/// A heartbeat follows data this soon at the latest, in milliseconds.
const ACKNOWLEDGE_AFTER: u64 = 100;
/// A heartbeat follows this many data frames at the latest.
const ACKNOWLEDGE_FRAMES: u32 = 16;
/// Repeats are answered at most this often, in milliseconds.
const ANSWER_REPEATS: u64 = 50;
