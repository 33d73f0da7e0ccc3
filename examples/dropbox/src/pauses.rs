//! What failed is tried again after a pause, and after a longer one each time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

/// The longest pause, in seconds.
const LONGEST: i64 = 60;

#[derive(Default)]
pub(crate) struct Pauses(BTreeMap<Vec<u8>, (Timestamp, i64)>);

impl Pauses {
    /// Whether this may be tried now.
    pub fn is_over(&self, what: &[u8], now: Timestamp) -> bool {
        // A clock that was set back makes no pause longer.
        self.0.get(what).is_none_or(|(until, seconds)| {
            now >= *until || until.duration_since(now) > SignedDuration::from_secs(*seconds)
        })
    }

    /// It has failed now.
    pub fn begin(&mut self, what: &[u8], now: Timestamp) {
        let before = self.0.get(what).map_or(0, |(_, seconds)| *seconds);
        let seconds = (before * 2).clamp(1, LONGEST);
        let until = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
        self.0.insert(what.to_vec(), (until, seconds));
    }

    /// It has not.
    pub fn end(&mut self, what: &[u8]) {
        self.0.remove(what);
    }

    /// Forgets what is not there any more: nothing will ever end its pause.
    pub fn keep_only(&mut self, there: &BTreeSet<&[u8]>) {
        self.0.retain(|what, _| there.contains(&**what));
    }

    /// Whether anything waits.
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }
}
