//! Mappings that resolvers gave (`IACP §4.1.2`), kept until they end: the LL-Entity asks again only then.

use sha2::{Digest, Sha256};

use iacp_wire::Eid;

use super::fallback::{MAPPING_LIFE_MAX, Mapping, NOT_FOUND_LIFE};
use crate::time::{Mono, UnixTime};

/// The key of a place: enough of a SHA-256 that hosts are told apart.
type Key = [u8; 16];

/// A place for what is known of one host.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    host: Key,
    eid: Option<Eid>,
    until: Mono,
}

impl Known {
    /// Nothing.
    pub const FREE: Self = Self { host: [0; 16], eid: None, until: Mono(0) };
}

/// What is still known of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kept {
    /// It may also be reached as this EID.
    Mapped(Eid),
    /// The resolver has said that there is no mapping.
    NotFound,
}

/// What resolvers said, in the caller's memory: a mapping to its expiry, *not found* for 300 s. When it is full, the one that ends
/// soonest gives way: it only has to be asked for again.
///
/// ```
/// use iacp_core::dhi::fallback::Mapping;
/// use iacp_core::dhi::mapping::{Kept, Known, Mappings};
/// use iacp_core::time::{Mono, UnixTime};
/// use iacp_wire::Eid;
///
/// let mut memory = [Known::FREE; 64];
/// let mut mappings = Mappings::new(&mut memory);
/// let answer = Mapping::Mapped { eid: Eid([7; 32]), expiry: UnixTime(1_790_000_060_000) };
/// mappings.keep(Mono(0), UnixTime(1_790_000_000_000), "example.org", answer);
/// assert_eq!(mappings.get(Mono(59_999), "example.org"), Some(Kept::Mapped(Eid([7; 32]))));
/// assert_eq!(mappings.get(Mono(60_000), "example.org"), None, "it has ended");
/// ```
pub struct Mappings<'m> {
    known: &'m mut [Known],
}

fn key(host: &str) -> Key {
    let mut hash = Sha256::new();
    host.bytes().for_each(|byte| hash.update([byte.to_ascii_lowercase()]));
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

impl<'m> Mappings<'m> {
    /// What is in the memory is kept.
    pub const fn new(known: &'m mut [Known]) -> Self {
        Self { known }
    }

    /// What is known of a host, in any case of its letters.
    #[must_use]
    pub fn get(&self, now: Mono, host: &str) -> Option<Kept> {
        let key = key(host);
        let found = self.known.iter().find(|known| known.host == key && now < known.until)?;
        Some(found.eid.map_or(Kept::NotFound, Kept::Mapped))
    }

    /// Keeps an accepted answer. Its end is kept on the monotonic clock, so no later step of the wall clock moves it; REFUSED says
    /// nothing about the host and changes nothing.
    // keeps: IACP-028 (§4.1.2)
    pub fn keep(&mut self, now: Mono, unix: UnixTime, host: &str, mapping: Mapping) {
        let (eid, life) = match mapping {
            Mapping::Mapped { eid, expiry } => (Some(eid), expiry.0.saturating_sub(unix.0).min(MAPPING_LIFE_MAX)),
            Mapping::NotFound => (None, NOT_FOUND_LIFE),
            Mapping::Refused => return,
        };
        let key = key(host);
        let own = self.known.iter().position(|known| known.host == key);
        let soonest = || self.known.iter().enumerate().min_by_key(|(_, known)| known.until).map(|(place, _)| place);
        if let Some(place) = own.or_else(soonest).and_then(|place| self.known.get_mut(place)) {
            *place = Known { host: key, eid, until: now.after(life) };
        }
    }
}
