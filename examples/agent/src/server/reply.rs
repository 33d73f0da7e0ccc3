//! What goes back in the session that brought something: the receiver's answer to a handoff, or the object that was asked for.
//!
//! The peer has said everything (its FIN has come) and waits for ours. It may end the session without waiting.

use iacp_core::pss::{ContentKind, OVERHEAD, SendError};
use iacp_core::time::Mono;
use iacp_wire::Cookie;

use crate::content::parts::Held;
use crate::memory::Receiving;

/// The cookies of a session.
pub type Key = (Cookie, Cookie);

/// A whole stream, and the room that it takes until it has gone out.
pub struct Reply {
    pub stream: Vec<u8>,
    _held: Option<Held>,
}

impl Reply {
    /// A reply that shares its room with others, of which there may be many at a time.
    pub const fn in_room(stream: Vec<u8>, held: Held) -> Self {
        Self { stream, _held: Some(held) }
    }
}

impl From<Vec<u8>> for Reply {
    fn from(stream: Vec<u8>) -> Self {
        Self { stream, _held: None }
    }
}

/// What a session's peer gets.
pub enum Answered {
    /// The peer waits for nothing.
    Nothing,
    /// This reply, or none.
    Now(Option<Reply>),
    /// Later, or none after this many milliseconds.
    Within(u64),
}

/// How far a reply is.
pub(super) enum State {
    /// There is none, or all of it is on its way.
    Silent,
    /// The application has until then to give one.
    Awaited(Mono),
    /// Part of it is sent: `gone` bytes.
    Sending { reply: Reply, gone: usize },
    /// All bytes are sent; the FIN is not.
    Finishing,
}

impl State {
    /// Seals as much as there is room for.
    pub(super) fn go_on(&mut self, now: Mono, session: &mut Receiving, frame_limit: usize) {
        let limit = frame_limit.saturating_sub(OVERHEAD).max(1);
        if let Self::Sending { reply, gone } = self {
            while let Some(rest) = reply.stream.get(*gone..).filter(|rest| !rest.is_empty()) {
                let (content, _) = rest.split_at(rest.len().min(limit));
                match session.send(now, ContentKind::Anml, content) {
                    Ok(_) => *gone += content.len(),
                    // It says when it can: by Writable, Contract or Reconciled.
                    Err(SendError::Full | SendError::NotNow) => return,
                    // The session is ending.
                    Err(_) => break,
                }
            }
            *self = Self::Finishing;
        }
        if let Self::Finishing = self
            && !matches!(session.finish(now), Err(SendError::Full | SendError::NotNow))
        {
            *self = Self::Silent;
        }
    }

    /// When the peer has waited long enough.
    pub(super) const fn deadline(&self) -> Option<Mono> {
        match self {
            Self::Awaited(until) => Some(*until),
            _ => None,
        }
    }

    /// The peer gets no answer if it has waited long enough.
    pub(super) fn handle_deadline(&mut self, now: Mono) {
        if self.deadline().is_some_and(|until| until <= now) {
            *self = Self::Finishing;
        }
    }
}
