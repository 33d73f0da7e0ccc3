//! What the application sends and consumes.

use iacp_wire::Flags;

use super::Session;
use super::stage::Stage;
use crate::crypto::Provider;
use crate::pss::error::{NotNow, SendError, StartError};
use crate::pss::stream::congestion::Congestion;
use crate::pss::stream::frame;
use crate::pss::stream::inbound::RESUME_CONTENT;
use crate::pss::stream::kind::ContentKind;
use crate::time::Mono;

/// While its key is to be renewed, a sender sends a heartbeat this often, in milliseconds: the 15 s of an idle session
/// would be too late for a sender that seals half a million frames a second.
const WORN_EACH: u64 = 100;

impl<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion> Session<P, LOG, FRAMES, C> {
    /// Sends content: it is sealed now, and repeated until it is acknowledged. Returns its sequence number.
    ///
    /// # Errors
    /// Nothing has changed; after [`SendError::Full`] there will be [`SessionEvent::Writable`](crate::pss::SessionEvent::Writable).
    pub fn send(&mut self, now: Mono, kind: ContentKind, content: &[u8]) -> Result<u64, SendError> {
        self.send_with(now, kind, content.len(), |room| frame::write(room, content))
    }

    /// Like [`Self::send`]; the content is written where it will be sealed, without a copy.
    ///
    /// # Errors
    /// Nothing has changed; after [`SendError::Full`] there will be [`SessionEvent::Writable`](crate::pss::SessionEvent::Writable).
    pub fn send_with(
        &mut self,
        now: Mono,
        kind: ContentKind,
        length: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> Result<u64, SendError> {
        if self.wish.is_some() {
            return Err(SendError::Finished);
        }
        if kind == ContentKind::Resume {
            return Err(SendError::Kind);
        }
        // One copy of what seals, however many kinds of content are written.
        let mut write = Some(write);
        self.seal(now, kind, Flags::NONE, length, &mut |room| {
            if let Some(write) = write.take() {
                write(room);
            }
        })
    }

    /// Kind 5, this side's first data frame in a session with RESUME.
    pub(crate) fn send_resume(&mut self, now: Mono, content: &[u8; RESUME_CONTENT]) -> Result<u64, SendError> {
        self.seal(now, ContentKind::Resume, Flags::NONE, content.len(), &mut |room| frame::write(room, content))
    }

    fn seal(
        &mut self,
        now: Mono,
        kind: ContentKind,
        flags: Flags,
        length: usize,
        write: &mut dyn FnMut(&mut [u8]),
    ) -> Result<u64, SendError> {
        if !self.is_ready() {
            return Err(SendError::NotNow);
        }
        let sealed = self.outbound.seal(now, self.names.cookies, kind, flags, length, write);
        self.wants_room |= sealed == Err(SendError::Full);
        if self.outbound.wants_echo() {
            self.acknowledge_by(self.acknowledgement.last.after(WORN_EACH).max(now));
        }
        sealed
    }

    /// This side has sent everything: an empty frame with FIN commits the terminal checksum. The peer may go on
    /// sending.
    ///
    /// # Errors
    /// Nothing has changed; after [`SendError::Full`] there will be [`SessionEvent::Writable`](crate::pss::SessionEvent::Writable).
    // keeps: IACP-151 (§6.5.1)
    pub fn finish(&mut self, now: Mono) -> Result<u64, SendError> {
        self.seal(now, ContentKind::Anml, Flags::FIN, 0, &mut |_| ())
    }

    /// The application has consumed everything below `sequence`: the peer may forget it. Only for a session that holds,
    /// see [`Self::hold`].
    ///
    /// # Errors
    /// The session does not hold, is over, or not everything below `sequence` has arrived. Nothing has changed.
    pub fn consumed(&mut self, now: Mono, sequence: u64) -> Result<(), NotNow> {
        let Stage::Open(open) = &self.stage else { return Err(NotNow) };
        let carries = open.carries();
        let moved = self.inbound.consume(sequence).ok_or(NotNow)?;
        if moved && carries {
            self.acknowledgement.consumed(now);
        }
        self.reconcile(now);
        self.flush(now);
        Ok(())
    }

    /// Sets whether the session acknowledges what the application has consumed ([`Self::consumed`]), not what has
    /// arrived. This gives back-pressure, and content that the application has not taken over is not lost with this
    /// host's memory. It must be set before the session begins, and applies to every session in this memory.
    ///
    /// # Errors
    /// A session is under way. Nothing has changed.
    pub fn hold(&mut self, hold: bool) -> Result<(), StartError> {
        self.check_start()?;
        self.hold = hold;
        Ok(())
    }

    /// Like [`Self::consumed`], for the next frames of content that have arrived, at most `count` of them. Returns how
    /// many.
    pub(crate) fn consume_contents(&mut self, now: Mono, count: u64) -> Result<u64, NotNow> {
        let (below, found) = self.inbound.next_contents(count).ok_or(NotNow)?;
        self.consumed(now, below).map(|()| found)
    }

    /// Forgets content that has arrived and was not consumed: the peer sends it again. Only for a session that holds.
    ///
    /// # Errors
    /// The session does not hold, or is over. Nothing has changed.
    pub fn rewind(&mut self, now: Mono) -> Result<(), NotNow> {
        let Stage::Open(open) = &self.stage else { return Err(NotNow) };
        let carries = open.carries();
        self.inbound.rewind().ok_or(NotNow)?;
        if carries {
            self.acknowledge_by(now);
        }
        Ok(())
    }

    /// Renews the sending key as soon as that is allowed; the peer then renews its own. This also happens by itself
    /// every 2^22 frames.
    ///
    /// # Errors
    /// There is no open session. Nothing has changed.
    pub fn renew_key(&mut self) -> Result<(), NotNow> {
        let Stage::Open(_) = &self.stage else { return Err(NotNow) };
        self.outbound.want_renewal();
        Ok(())
    }
}
