//! What a host does with the keys of its agents' sessions.

use super::LlEntity;
use crate::crypto::Provider;
use crate::pss::NotNow;
use crate::slots::Handle;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Renews the sending key of a session as soon as that is allowed, with one of the next frames; the peer follows with its
    /// own. It happens by itself every 2^22 frames: a host whose device may be opened and read asks for it more often.
    ///
    /// # Errors
    /// There is no such session, or it is not open. Nothing has changed.
    pub fn renew_key(&mut self, session: Handle) -> Result<(), NotNow> {
        self.sessions.get_mut(session).ok_or(NotNow)?.session.renew_key()
    }

    /// How often the sending key and the receiving key of a session have been renewed.
    #[must_use]
    pub fn key_generations(&self, session: Handle) -> Option<(u32, u32)> {
        Some(self.sessions.get(session)?.session.key_generations())
    }
}
