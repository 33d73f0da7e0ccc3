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
//! [`Session`] is one machine from the first PSS_INIT to the last repetition of a teardown. The caller passes
//! datagrams, time, randomness and the [`Identity`](crate::identity::Identity); the session's memory is in its type:
//! `LOG` bytes of sealed frames that the peer has not acknowledged, and `FRAMES` frames in flight each way.

mod discard;
mod error;
mod event;
mod handshake;
mod packed;
mod session;
pub mod shared;
mod stream;

pub use discard::{Discard, Discards, Violation};
pub use error::{NotNow, SendError, StartError, TermsError, TooSmall, WrongIdentity};
pub use event::{Closure, Reason, Received, SessionEvent, TeardownReason, Transmit};
pub use handshake::Role;
pub use handshake::contract::{MAX_TURNS, NEGOTIATION_LIMIT};
pub use handshake::gate::{Admission, Gate};
pub use handshake::incoming::{Incoming, Sealed, Signed};
pub use handshake::keys::{TicketKey, TicketKeys, local_session_key, session_hash};
pub use handshake::responder::{Accepted, NotAnswered, Replied, Responder};
pub use handshake::terms::{Capabilities, RejectionReasons, Settings, Terms};
pub(crate) use session::Place;
pub(crate) use session::dock::Moving;
pub use session::life::{ANXIOUS, FRESH, IDLE_HEARTBEAT, NO_PROGRESS, RECONNECT_LIMIT, SILENCE};
pub use session::teardown::{KEEP_FAREWELL, TEARDOWN_LIMIT};
pub use session::{Session, TRANSMIT_BUFFER, continuity, lifecycle};
pub use stream::congestion::{Arrived, Congestion, Flight, InFlight, Model};
pub use stream::frame::OVERHEAD;
pub(crate) use stream::inbound::{Ahead, Heard};
pub(crate) use stream::keys::KeyState;
pub use stream::kind::ContentKind;
pub(crate) use stream::outbound::Sent;
