//! Degraded Multi-Path Routing: three copies of every frame toward an accused destination (`IACP §4.2.7.3`).
//!
//! The copies are the same ERP_STREAM bytes: one seal, one delta log, one timer. The receiver takes whichever opens first.
//! What is late or altered on a path is counted and reported; it is not an accusation.

use core::net::SocketAddr;

use iacp_wire::message::PathRelay;
use iacp_wire::{Eid, Frame, Message, WriteError};

use super::stream::{Arrival, Way};
use crate::guard::Rate;
use crate::time::Mono;

/// How many paths a session may have: the direct one, and two by relays.
pub const PATHS: usize = 3;
/// A copy is missing if it has not come this long after the first, in milliseconds.
pub const MISSING: u64 = 2_000;
/// How long after the last copy by a relay the accounts end, in milliseconds.
pub const ACCOUNTS: u64 = 60_000;
/// No report follows another sooner, in milliseconds.
pub const REPORT: u64 = 10_000;
/// How many sequence numbers are followed.
const FOLLOWED: usize = 64;
/// What a relay carries for one LII if the destination is accused, and otherwise, in bytes.
pub const RELAYED: [Rate; 2] =
    [Rate { capacity: 262_144, per_second: 262_144 }, Rate { capacity: 65_536, per_second: 65_536 }];

/// A node that may relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Its EID.
    pub node: Eid,
    /// Its address.
    pub at: SocketAddr,
    /// The network that it stands in: two relays stand in two networks.
    pub network: u64,
    /// Whether an accusation against it was verified here.
    pub accused: bool,
    /// Whether it grants transit.
    pub grants: bool,
}

/// The relays for paths 2 and 3, out of the responsible nodes of the destination, nearest first: in two networks, neither
/// accused, both granting transit. Where there are fewer, so be it: the host is told.
///
/// ```
/// use iacp_core::erp::multipath::{Relay, choose};
/// # use iacp_wire::Eid;
///
/// let node = |number: u8, network| Relay {
///     node: Eid([number; 32]),
///     at: ([198, 51, 100, number], 4227).into(),
///     network,
///     accused: false,
///     grants: true,
/// };
/// let nearest = [node(1, 10), node(2, 10), Relay { accused: true, ..node(3, 20) }, node(4, 30)];
/// let chosen = choose(&nearest).map(|relay| relay.map(|relay| relay.node));
/// assert_eq!(chosen, [Some(Eid([1; 32])), Some(Eid([4; 32]))], "two networks, and no accused node");
/// ```
#[must_use]
pub fn choose(nearest: &[Relay]) -> [Option<Relay>; 2] {
    let fit = |relay: &&Relay| relay.grants && !relay.accused;
    let first = nearest.iter().find(fit).copied();
    let second = nearest.iter().filter(fit).find(|relay| first.is_some_and(|first| first.network != relay.network));
    [first, second.copied()]
}

/// Writes the copy of an ERP_STREAM for path 2 or 3.
///
/// # Errors
/// The buffer is too small.
pub fn write(path: u8, stream: &[u8], out: &mut [u8]) -> Result<usize, WriteError> {
    let head = PathRelay { path, reserved: [0; 3] };
    Frame::new(Message::PathRelay { head: &head, inner: stream }).write(out)
}

/// Why a relay carries nothing. The answer is silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotRelayed {
    /// It is not a PATH_RELAY that was sent to be carried.
    NotAsked,
    /// There is no live binding for the destination here.
    NotBound,
    /// It would go back to where it came from.
    Back,
}

words! {
    NotRelayed {
        Self::NotAsked => "the datagram asks no relay",
        Self::NotBound => "there is no live binding for the destination here",
        Self::Back => "the destination is where it came from",
    }
}

impl core::error::Error for NotRelayed {}

/// What a relay does: it sends the PATH_RELAY frame, without its Outer Transport Header, to the binding that it holds itself
/// for the destination. One frame for one frame; transit and limit are asked before.
///
/// # Errors
/// It carries nothing.
///
/// ```
/// use iacp_core::erp::multipath::{NotRelayed, relay};
/// use iacp_core::erp::stream::{self, Arrival};
/// use iacp_wire::Eid;
///
/// let mut datagram = [0; 300];
/// let length = stream::write(&Eid([1; 32]), &Eid([2; 32]), 0, b"\x10\xb0\0\0", &mut datagram)?;
/// let arrival = Arrival::read(&datagram[..length])?;
/// let from = ([192, 0, 2, 1], 4227).into();
/// assert_eq!(relay(&arrival, from, |_eid| None), Err(NotRelayed::NotAsked), "it came without a PATH_RELAY around it");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn relay(
    arrival: &Arrival<'_>,
    from: SocketAddr,
    bound: impl FnOnce(&Eid) -> Option<SocketAddr>,
) -> Result<SocketAddr, NotRelayed> {
    if arrival.outer.is_none() || !matches!(arrival.way, Way::Relayed { .. }) {
        return Err(NotRelayed::NotAsked);
    }
    let to = bound(&arrival.head.destination_eid).ok_or(NotRelayed::NotBound)?;
    if to.ip().to_canonical() == from.ip().to_canonical() { Err(NotRelayed::Back) } else { Ok(to) }
}

/// Kind 6: which copies were missing or altered on each path. Shown to both hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PathReport {
    /// The lowest sequence that it speaks of.
    pub from: u64,
    /// The highest one.
    pub to: u64,
    /// For paths 1, 2 and 3: copies that did not come within 2 s of the first.
    pub missing: [u16; PATHS],
    /// For paths 1, 2 and 3: copies that did not open.
    pub altered: [u16; PATHS],
}

impl PathReport {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// The content of the frame: from 8, to 8, for each path missing 2 and altered 2, reserved 4.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let counts = self.missing.iter().zip(&self.altered);
        let counts = counts.flat_map(|(missing, altered)| [missing.to_be_bytes(), altered.to_be_bytes()]).flatten();
        let fields = self.from.to_be_bytes().into_iter().chain(self.to.to_be_bytes()).chain(counts);
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads a content; `None` if it has another length, or its range is none.
    #[must_use]
    pub fn read(content: &[u8]) -> Option<Self> {
        let content: &[u8; Self::LEN] = content.try_into().ok()?;
        let number = |at: usize| content.get(at..)?.first_chunk().copied().map(u64::from_be_bytes);
        let count = |at: usize| content.get(at..)?.first_chunk().copied().map(u16::from_be_bytes);
        let report = Self {
            from: number(0)?,
            to: number(8)?,
            missing: [count(16)?, count(20)?, count(24)?],
            altered: [count(18)?, count(22)?, count(26)?],
        };
        (report.from <= report.to).then_some(report)
    }

    fn is_empty(&self) -> bool {
        self.missing.iter().chain(&self.altered).all(|count| *count == 0)
    }
}

/// A sequence, when its first copy came, and on which paths it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Followed {
    sequence: u64,
    first: Mono,
    paths: u8,
}

/// What a receiver knows of the three paths of a session. The first authentic copy by a relay begins the accounts, 60 s
/// without one end them.
///
/// A session by three paths: the copies by the second relay do not come.
///
/// ```
/// use iacp_core::erp::multipath::{Accounts, PathReport, REPORT, to_replace};
/// use iacp_core::erp::stream::Way;
/// use iacp_core::time::Mono;
///
/// let mut accounts = Accounts::NONE;
/// let (peer, relay) = (([192, 0, 2, 1], 4227).into(), ([198, 51, 100, 7], 4227).into());
/// for sequence in 0..4 {
///     accounts.copy(Mono(0), &Way::Relayed { path: 2 }, relay, sequence, true);
///     accounts.copy(Mono(20), &Way::Direct, peer, sequence, false); // discarded as a duplicate
/// }
/// let report = accounts.report(Mono(REPORT)).ok_or("something is missing")?;
/// assert_eq!(report, PathReport { from: 0, to: 3, missing: [0, 0, 4], altered: [0; 3] });
/// assert_eq!(PathReport::read(&report.to_bytes()), Some(report)); // kind 6, to the sender
/// assert_eq!(to_replace(&report), Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Accounts {
    followed: [Option<Followed>; FOLLOWED],
    /// Per path: from where authentic copies have come.
    sources: [Option<SocketAddr>; PATHS],
    last_relayed: Option<Mono>,
    last_report: Option<Mono>,
    report: PathReport,
    spans: bool,
}

impl Default for Accounts {
    fn default() -> Self {
        Self::NONE
    }
}

impl Accounts {
    /// No copies have come.
    pub const NONE: Self = Self {
        followed: [None; FOLLOWED],
        sources: [None; PATHS],
        last_relayed: None,
        last_report: None,
        report: PathReport { from: 0, to: 0, missing: [0; PATHS], altered: [0; PATHS] },
        spans: false,
    };

    /// Whether this is a late copy: its sequence has come by some path within the last 2 s. What is repeated later is not a copy.
    #[must_use]
    pub fn is_late_copy(&self, now: Mono, sequence: u64) -> bool {
        let followed = self.followed.get(place(sequence)).copied().flatten();
        followed.is_some_and(|known| known.sequence == sequence && now.since(known.first) < MISSING)
    }

    /// Whether copies come.
    #[must_use]
    pub fn are_open(&self, now: Mono) -> bool {
        self.last_relayed.is_some_and(|last| now.since(last) < ACCOUNTS)
    }

    fn path(way: &Way<'_>) -> Option<usize> {
        match way {
            Way::Direct => Some(0),
            Way::Deflected(_) => None,
            Way::Relayed { path } => usize::from(*path).checked_sub(1).filter(|path| (1..PATHS).contains(path)),
        }
    }

    /// An authentic copy has come: one that opened, or a Duplicate of a sequence that did. Returns whether it is the first one of
    /// its sequence here: later ones are answered by no extra heartbeat.
    ///
    /// A Duplicate was not opened, so it proves no source: `opened` says which it is.
    pub fn copy(&mut self, now: Mono, way: &Way<'_>, from: SocketAddr, sequence: u64, opened: bool) -> bool {
        let Some(path) = Self::path(way) else { return true };
        if path > 0 && opened {
            if !self.are_open(now) {
                *self = Self { last_report: self.last_report, ..Self::NONE };
            }
            self.last_relayed = Some(now);
        }
        if !self.are_open(now) {
            return true;
        }
        self.judge(now);
        if opened && let Some(source) = self.sources.get_mut(path) {
            *source = Some(from);
        }
        let proven = self.sources.get(path).copied().flatten();
        let bit = if opened || proven.is_none_or(|source| source == from) { 1 << path } else { 0 };
        let Some(place) = self.followed.get_mut(place(sequence)) else { return true };
        match place {
            Some(known) if known.sequence == sequence => {
                known.paths |= bit;
                false
            }
            // An older sequence has lost its place to a newer one: nothing is said of it.
            Some(known) if known.sequence > sequence => false,
            _ if !opened => false,
            // One that loses its place before its 2 s are over is not judged: its copies may still come.
            _ => {
                *place = Some(Followed { sequence, first: now, paths: bit });
                true
            }
        }
    }

    /// A frame with the session's cookies and a sequence in its window did not open. It counts against a path only if it
    /// came from where authentic copies on that path have come; others count against none.
    pub fn altered(&mut self, now: Mono, way: &Way<'_>, from: SocketAddr, sequence: u64) {
        let Some(path) = Self::path(way).filter(|_| self.are_open(now)) else { return };
        let proven = self.sources.get(path).is_some_and(|source| *source == Some(from));
        if proven && let Some(count) = self.report.altered.get_mut(path) {
            *count = count.saturating_add(1);
            self.span(sequence);
        }
    }

    fn span(&mut self, sequence: u64) {
        span(&mut self.report, &mut self.spans, sequence);
    }

    fn count(report: &mut PathReport, spans: &mut bool, followed: &Followed) {
        let absent = (0..PATHS).filter(|path| followed.paths & 1 << path == 0);
        for path in absent {
            if let Some(count) = report.missing.get_mut(path) {
                *count = count.saturating_add(1);
                span(report, spans, followed.sequence);
            }
        }
    }

    /// Copies that are late by now are missing.
    fn judge(&mut self, now: Mono) {
        for place in &mut self.followed {
            if let Some(followed) = place
                && now.since(followed.first) >= MISSING
            {
                Self::count(&mut self.report, &mut self.spans, followed);
                // Its place stays taken, so that a later copy is not a first one; its verdict is given.
                followed.paths = 0b111;
            }
        }
    }

    /// The report that is due: at most one in 10 s, and only if a number is not zero. The accounts begin anew with it.
    pub fn report(&mut self, now: Mono) -> Option<PathReport> {
        if self.last_relayed.is_some() {
            self.judge(now);
        }
        let waits = self.last_report.is_some_and(|last| now.since(last) < REPORT);
        if waits || self.report.is_empty() {
            return None;
        }
        self.last_report = Some(now);
        self.spans = false;
        Some(core::mem::take(&mut self.report))
    }
}

fn span(report: &mut PathReport, spans: &mut bool, sequence: u64) {
    let (from, to) = if *spans { (report.from, report.to) } else { (sequence, sequence) };
    (report.from, report.to, *spans) = (from.min(sequence), to.max(sequence), true);
}

/// Where a sequence stands: heartbeats count apart from data, and share the places.
fn place(sequence: u64) -> usize {
    usize::try_from(sequence % FOLLOWED as u64).unwrap_or(0)
}

/// Which relay a sender replaces after a report: the path by a relay that has more faults than each other path.
#[must_use]
pub fn to_replace(report: &PathReport) -> Option<u8> {
    let faults = |path: usize| -> u32 {
        let of = |counts: &[u16; PATHS]| counts.get(path).map_or(0, |count| u32::from(*count));
        of(&report.missing) + of(&report.altered)
    };
    let worst = |path: &usize| (0..PATHS).all(|other| other == *path || faults(other) < faults(*path));
    (1..PATHS).find(worst).and_then(|path| u8::try_from(path + 1).ok())
}
