//! Mappings from resolvers (`IACP §4.1.2`), kept until they expire: only then does the LL-Entity ask again.

use sha2::{Digest, Sha256};

use iacp_wire::Eid;

use super::fallback::{MAPPING_LIFE_MAX, Mapping, NOT_FOUND_LIFE};
use crate::crypto::Provider;
use crate::directory::name::{MAX_PATH, Path};
use crate::directory::node::{Node, Trust, Unnamed};
use crate::time::{Mono, UnixTime};

/// The key of a place: enough of a SHA-256 to distinguish hosts.
pub(crate) type Key = [u8; 16];

/// The namespace path of a host (`IACP §5.2`): its labels, the most general one first. `None` if no namespace can
/// contain it.
///
/// ```
/// use iacp_core::dhi::mapping::path;
///
/// assert_eq!(path("market.AgentNet.org").as_deref(), Some("org.agentnet.market"));
/// assert_eq!(path("under_score.org"), None);
/// ```
#[must_use]
pub fn path(host: &str) -> Option<heapless::String<MAX_PATH>> {
    let mut path = heapless::String::new();
    for (at, label) in host.rsplit('.').enumerate() {
        if at > 0 {
            path.push('.').ok()?;
        }
        for byte in label.bytes() {
            path.push(char::from(byte.to_ascii_lowercase())).ok()?;
        }
    }
    Path::new(&path)?;
    Some(path)
}

/// The answer of a directory node, as the resolver of a query: a mapping if the host's path leads to an EID (`IACP
/// §5.2.2`), and REFUSED if no namespace can contain the host, or if a key on the path is accused and there is no
/// verdict yet.
// keeps: IACP-028 (§4.1.2)
#[must_use]
pub fn of_node<P: Provider, T: Trust>(node: &Node<'_, P>, now: UnixTime, host: &str, trust: &T) -> Mapping {
    let Some(path) = path(host) else { return Mapping::Refused };
    match node.name(now, &path, trust) {
        Ok(named) => Mapping::Mapped { eid: named.eid, expiry: UnixTime(named.until) },
        Err(Unnamed::Quarantined(_)) => Mapping::Refused,
        Err(Unnamed::Broken(_)) => Mapping::NotFound,
    }
}

/// A place for the answer about one host.
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

/// The answer about a host that is still valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kept {
    /// The host may also be reached as this EID.
    Mapped(Eid),
    /// The resolver's answer was that there is no mapping.
    NotFound,
}

impl core::fmt::Display for Kept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Mapped(eid) => write!(f, "mapped to {eid}"),
            Self::NotFound => f.pad("no mapping"),
        }
    }
}

/// Answers of resolvers, in the caller's memory: a mapping is kept until its expiry, *not found* for 300 s. When the
/// memory is full, the answer that expires first is replaced; it can be requested again.
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

pub(crate) fn key(host: &str) -> Key {
    let mut hash = Sha256::new();
    host.bytes().for_each(|byte| hash.update([byte.to_ascii_lowercase()]));
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

impl<'m> Mappings<'m> {
    /// Answers in the caller's memory; its contents are kept.
    pub const fn new(known: &'m mut [Known]) -> Self {
        Self { known }
    }

    /// The answer about a host; upper and lower case are the same.
    #[must_use]
    pub fn get(&self, now: Mono, host: &str) -> Option<Kept> {
        self.get_by(now, &key(host)).map(|(kept, _)| kept)
    }

    /// The answer under a key, and its end.
    pub(crate) fn get_by(&self, now: Mono, key: &Key) -> Option<(Kept, Mono)> {
        let found = self.known.iter().find(|known| known.host == *key && now < known.until)?;
        Some((found.eid.map_or(Kept::NotFound, Kept::Mapped), found.until))
    }

    /// Keeps an accepted answer. Its end is kept on the monotonic clock, so that a later step of the wall clock does
    /// not move it. REFUSED is no statement about the host, and changes nothing.
    // keeps: IACP-028 (§4.1.2)
    pub fn keep(&mut self, now: Mono, unix: UnixTime, host: &str, mapping: Mapping) {
        self.keep_by(now, unix, key(host), mapping);
    }

    pub(crate) fn keep_by(&mut self, now: Mono, unix: UnixTime, key: Key, mapping: Mapping) {
        let (eid, life) = match mapping {
            Mapping::Mapped { eid, expiry } => (Some(eid), expiry.0.saturating_sub(unix.0).min(MAPPING_LIFE_MAX)),
            Mapping::NotFound => (None, NOT_FOUND_LIFE),
            Mapping::Refused => return,
        };
        let own = self.known.iter().position(|known| known.host == key);
        let soonest = || self.known.iter().enumerate().min_by_key(|(_, known)| known.until).map(|(place, _)| place);
        if let Some(place) = own.or_else(soonest).and_then(|place| self.known.get_mut(place)) {
            *place = Known { host: key, eid, until: now.after(life) };
        }
    }
}
