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

pub mod continuity;
mod cookie;
mod delta_log;
mod event;
mod inbound;
mod initiation;
mod keys;
mod kind;
pub mod lifecycle;
mod negotiation;
mod outbound;
mod responder;
mod session;
mod teardown;
mod terms;

pub use event::{Closure, Discard, Discards, Event, Reason, SendError, TooSmall, Transmit, Violation};
pub use keys::{TicketKey, TicketKeys, local_session_key};
pub use kind::Kind;
pub use negotiation::{MAX_TURNS, NEGOTIATION_LIMIT};
pub use responder::{Accepted, Admission, Answer, Responder};
pub use session::{RECONNECT_LIMIT, Role, Session, TRANSMIT_BUFFER};
pub use teardown::{KEEP_ANSWER, TEARDOWN_LIMIT, TeardownReason};
pub use terms::{Capabilities, RejectionReasons, Settings, Terms};

use iacp_wire::message::{PssAck, PssDataStream, PssInit, PssNeg};
use iacp_wire::{AeadTag, Cookie, HEADER_LEN, X25519Key};

/// Length of a session's frame before its body, in bytes: header and R-Cookie.
const SESSION_HEADER_LEN: usize = HEADER_LEN + Cookie::LEN;
const KEY_SHARE_LEN: usize = 2 + X25519Key::LEN;
/// The longest handshake frame: PSS_INIT or PSS_ACK with a KEY_SHARE, in bytes.
const HANDSHAKE_LEN: usize = SESSION_HEADER_LEN + PssInit::LEN + KEY_SHARE_LEN;
const _: () = assert!(PssAck::LEN == PssInit::LEN && PssNeg::LEN < PssInit::LEN);

/// Where the nonce of a data frame begins: all before it is authenticated.
const AAD_LEN: usize = SESSION_HEADER_LEN + PssDataStream::LEN - iacp_wire::AeadNonce::LEN;
/// Where the sealed bytes of a data frame begin.
const SEALED_AT: usize = SESSION_HEADER_LEN + PssDataStream::LEN;
/// Length of the rolling hash in front of each plaintext, in bytes (`IACP §6.4.5`).
const CHAIN_LEN: usize = 32;
/// What a data frame adds to its content, in bytes: headers, rolling hash, kind and tag.
pub const OVERHEAD: usize = SEALED_AT + CHAIN_LEN + 1 + AeadTag::LEN;

/// Sequence numbers from here on are heartbeats'.
const HEARTBEATS: u64 = 1 << 63;
/// Initial sequence numbers stay below this.
const INITIAL_SEQUENCES: u64 = 1 << 32;
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
