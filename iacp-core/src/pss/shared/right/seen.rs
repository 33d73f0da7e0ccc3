//! The other side: what was taken of a peer's endpoint (`IACP §6.1.2`).

/// The state of a peer's endpoint, as seen here: a value counts only with a higher version. After GONE the versions
/// start again, for frames that are sealed later.
///
/// ```
/// use iacp_core::pss::shared::right::PeerEndpoint;
///
/// let mut door = PeerEndpoint::NEW;
/// assert!(door.take(10, 2), "version 2, in the frame with sequence 10");
/// assert!(!door.take(11, 2) && !door.take(9, 1));
/// assert!(door.gone(12));
/// assert!(!door.take(11, 3), "sealed before the end");
/// assert!(door.take(13, 1), "a new endpoint with the same coordinate");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PeerEndpoint {
    version: u64,
    ended: Option<u64>,
}

impl PeerEndpoint {
    /// Nothing was taken.
    pub const NEW: Self = Self { version: 0, ended: None };

    /// All up to this version was taken by the host that had the session before.
    pub(crate) const fn up_to(version: u64) -> Self {
        Self { version, ended: None }
    }

    /// The newest version that was accepted.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Takes a VALUE of the authentic frame `sequence`. Returns whether it is new.
    pub fn take(&mut self, sequence: u64, version: u64) -> bool {
        let news = self.is_news(sequence, version);
        if news {
            self.version = version;
        }
        news
    }

    /// Whether a VALUE of the authentic frame `sequence` would be new.
    #[must_use]
    pub fn is_news(&self, sequence: u64, version: u64) -> bool {
        version > self.version && !self.is_over(sequence)
    }

    /// Whether the authentic frame `sequence` was sealed before an end of the endpoint that is known here.
    #[must_use]
    pub fn is_over(&self, sequence: u64) -> bool {
        self.ended.is_some_and(|ended| sequence <= ended)
    }

    /// Takes a GONE of the authentic frame `sequence`. Returns whether it is new.
    pub fn gone(&mut self, sequence: u64) -> bool {
        let news = !self.is_over(sequence);
        if news {
            *self = Self { version: 0, ended: Some(sequence) };
        }
        news
    }
}
