//! The addresses of the peer: its home, and the candidates that may become its home (`IACP §5.6`).
//!
//! Everything is sent to the home. A candidate gets only single heartbeats that ask for an answer. Each of their
//! numbers is sent to one address only, so that an echo of the number proves that the peer receives there.
//!
//! ```text
//!   home        home      │   candidate             │  home
//!   4094        4095      │   5120 + r              │  6144         r below 1,024 by the session's secret
//! ──────────────────────  │  ──────────────────     │  ─────────────────
//! ```

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::num::NonZeroU8;

use crate::crypto::Provider;
use crate::pss::stream::frame::HEARTBEATS;
use crate::time::Mono;

/// Candidates that a binding or a ticket may claim at a time.
const CLAIMS: usize = 3;
/// A seen candidate is forgotten this long after the last frame that came from there, in milliseconds.
const SEEN_FOR: u64 = 10_000;
/// A claimed candidate is forgotten after this long, in milliseconds.
const CLAIMED_FOR: u64 = 30_000;
/// The least time between probes to a seen candidate, in milliseconds.
const SEEN_PAUSE: u16 = 50;
/// The time between the first two probes to a claimed candidate, in milliseconds.
const CLAIMED_PAUSE: u16 = 250;
/// The longest pause between probes, in milliseconds.
const PAUSE_CEILING: u16 = 8_000;
/// At most this many times the authenticated bytes from a seen candidate are sent there.
const AMPLIFICATION: u32 = 3;
/// A heartbeat to a candidate has a block of this many numbers, of which it takes an unpredictable one: a peer that is
/// not there and guesses ends its session in 1,023 of 1,024 cases. The block is not larger, because the low halves of
/// numbers are compared over a minute.
const BLOCK: u64 = 1 << 10;
/// How many numbers are remembered. Pauses between probes double, so two of them will span more than a round trip.
const NUMBERS: usize = 2;

/// An address and a port, in as little memory as possible.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// An IPv4 address in the first four bytes.
    ip: [u8; 16],
    scope: u32,
    port: u16,
    family: Family,
}

/// The family of an address. The value 0 is left for no address, so that an `Option` of a place is all zero when empty,
/// and no larger than a place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Family(NonZeroU8);

impl Family {
    const V4: Self = Self(NonZeroU8::MIN);
    const V6: Self = Self(NonZeroU8::MIN.saturating_add(1));
}

impl Place {
    pub(super) fn of(address: SocketAddr) -> Self {
        let port = address.port();
        match address {
            SocketAddr::V4(v4) => {
                let mut ip = [0; 16];
                ip.iter_mut().zip(v4.ip().octets()).for_each(|(to, from)| *to = from);
                Self { ip, scope: 0, port, family: Family::V4 }
            }
            SocketAddr::V6(v6) => Self { ip: v6.ip().octets(), scope: v6.scope_id(), port, family: Family::V6 },
        }
    }

    pub(super) const fn address(self) -> SocketAddr {
        if self.family.0.get() == Family::V4.0.get() {
            let [a, b, c, d, ..] = self.ip;
            SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), self.port))
        } else {
            let ip = Ipv6Addr::from_bits(u128::from_be_bytes(self.ip));
            SocketAddr::V6(SocketAddrV6::new(ip, self.port, 0, self.scope))
        }
    }
}

/// The newest heartbeats that went to one candidate, by the low half of their numbers. Times are the low halves of
/// milliseconds, because no candidate is older than half a minute.
#[derive(Clone, Copy)]
struct Probes {
    numbers: [u32; NUMBERS],
    sent: u8,
    pause: u16,
    due: u32,
}

impl Probes {
    const fn new(now: Mono, pause: u16) -> Self {
        Self { numbers: [0; NUMBERS], sent: 0, pause, due: low(now.0) }
    }

    fn went(&mut self, now: Mono, number: u64) {
        self.numbers.rotate_right(1);
        let [newest, ..] = &mut self.numbers;
        *newest = low(number);
        self.sent = self.sent.saturating_add(1);
        self.due = low(now.0).wrapping_add(u32::from(self.pause));
        self.pause = self.pause.saturating_mul(2).min(PAUSE_CEILING);
    }

    fn remembered(&self) -> impl Iterator<Item = u32> {
        self.numbers.iter().take(usize::from(self.sent)).copied()
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the low half is what is compared")]
const fn low(number: u64) -> u32 {
    number as u32
}

const fn after_block(number: u64) -> u64 {
    (number | (BLOCK - 1)).saturating_add(1)
}

/// The moment near `now` with this low half; candidates live for seconds.
const fn near(now: Mono, at: u32) -> Mono {
    let ahead = at.wrapping_sub(low(now.0));
    if ahead < 1 << 31 { now.after(ahead as u64) } else { Mono(now.0.saturating_sub(ahead.wrapping_neg() as u64)) }
}

/// An address from which authentic frames come.
#[derive(Clone, Copy)]
struct Seen {
    at: Place,
    probes: Probes,
    /// Frames that have arrived since the last probe.
    wanted: u16,
    received: u32,
    sent: u32,
}

impl Seen {
    fn may(&self, length: u32) -> bool {
        self.wanted > 0 && self.sent.saturating_add(length) <= self.received.saturating_mul(AMPLIFICATION)
    }
}

/// An address that the peer has claimed in a signed record.
#[derive(Clone, Copy)]
struct Claimed {
    at: Place,
    probes: Probes,
}

/// A candidate and when it is forgotten.
#[derive(Clone, Copy)]
struct Until<T> {
    what: T,
    until: Mono,
}

pub(super) struct Path {
    /// See [`place_secret`](crate::pss::handshake::keys::place_secret). It opens nothing, so it is not wiped.
    secret: u64,
    home: Option<Place>,
    seen: Option<Until<Seen>>,
    claimed: [Option<Until<Claimed>>; CLAIMS],
}

impl Path {
    pub(super) const IDLE: Self = Self { secret: 0, home: None, seen: None, claimed: [None; CLAIMS] };

    pub(super) const fn set_secret(&mut self, secret: u64) {
        self.secret = secret;
    }

    /// The number of the next heartbeat to a candidate, if `next` is the next number of all. It is in a block from
    /// which no number was sent to the home.
    pub(super) fn number<P: Provider>(&self, next: u64) -> u64 {
        let block = after_block(next.saturating_sub(1));
        let digest = P::sha256(&[&self.secret.to_be_bytes(), &block.to_be_bytes()]);
        let [one, other, ..] = digest;
        block | (u64::from(u16::from_be_bytes([one, other])) & (BLOCK - 1))
    }

    /// The first number of the block after this one, where the numbers for the home continue.
    pub(super) const fn after(number: u64) -> u64 {
        after_block(number)
    }

    /// Whether an echo, a whole sequence, was guessed: it is in the block of a heartbeat to a candidate, but is not its
    /// number.
    pub(super) fn is_guess(&self, echo: u64) -> bool {
        let Some(number) = echo.checked_sub(HEARTBEATS).map(low) else { return false };
        let mut remembered = self.probes().flat_map(|(_, probes)| probes.remembered());
        remembered.any(|sent| sent ^ number < low(BLOCK) && sent != number)
    }

    fn probes(&self) -> impl Iterator<Item = (Place, &Probes)> {
        let seen = self.seen.iter().map(|seen| (seen.what.at, &seen.what.probes));
        seen.chain(self.claimed.iter().flatten().map(|claimed| (claimed.what.at, &claimed.what.probes)))
    }

    pub(super) fn begin(&mut self, home: SocketAddr) {
        self.home = Some(Place::of(home));
        self.forget(|_| true);
    }

    /// The address to which everything is sent; unspecified before the first session.
    pub(super) const fn home(&self) -> SocketAddr {
        match self.home {
            Some(home) => home.address(),
            None => SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)),
        }
    }

    /// Forgets the candidates for which `ends` is true. They are cleared in place: moving an empty place here could
    /// bring bytes from the stack.
    fn forget(&mut self, ends: impl Fn(Mono) -> bool) {
        if self.seen.as_ref().is_some_and(|seen| ends(seen.until)) {
            self.seen = None;
        }
        for claimed in &mut self.claimed {
            if claimed.as_ref().is_some_and(|claimed| ends(claimed.until)) {
                *claimed = None;
            }
        }
    }

    /// Forgets the candidates whose time is over.
    pub(super) fn expire(&mut self, now: Mono) {
        self.forget(|until| until <= now);
    }

    /// Notes that an authentic frame of `length` bytes, with a number above all earlier ones of its sort, came from
    /// here.
    pub(super) fn came_from(&mut self, now: Mono, from: SocketAddr, length: usize) {
        let at = Place::of(from);
        if Some(at) == self.home {
            return;
        }
        self.expire(now);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let known = self.seen.map(|seen| seen.what).filter(|seen| seen.at == at);
        let new = Seen { at, probes: Probes::new(now, SEEN_PAUSE), wanted: 0, received: 0, sent: 0 };
        let mut what = known.unwrap_or(new);
        what.received = what.received.saturating_add(length);
        what.wanted = what.wanted.saturating_add(1);
        self.seen = Some(Until { what, until: now.after(SEEN_FOR) });
    }

    /// Notes that a verified record has this as the peer's address. If there are three claims already, the oldest one
    /// is replaced.
    pub(super) fn claim(&mut self, now: Mono, address: SocketAddr) {
        self.expire(now);
        let at = Place::of(address);
        if Some(at) == self.home || self.claimed.iter().flatten().any(|claimed| claimed.what.at == at) {
            return;
        }
        // A free place is taken first.
        let place = self.claimed.iter_mut().min_by_key(|claimed| claimed.map(|claimed| claimed.until));
        if let Some(place) = place {
            let mut probes = Probes::new(now, CLAIMED_PAUSE);
            if let Some(before) = place {
                // A series of different claims gets no more probes than one that stays.
                (probes.pause, probes.due) = (before.what.probes.pause, before.what.probes.due);
            }
            let what = Claimed { at, probes };
            *place = Some(Until { what, until: now.after(CLAIMED_FOR) });
        }
    }

    /// When the next probe of a candidate is due; `length` is how long it would be.
    pub(super) fn due(&self, length: usize) -> Option<Mono> {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let seen = self.seen.filter(|seen| seen.what.may(length)).map(|seen| (seen.what.probes.due, seen.until));
        let claimed = self.claimed.iter().flatten().map(|claimed| (claimed.what.probes.due, claimed.until));
        seen.into_iter()
            .chain(claimed)
            .map(|(due, until)| (near(until, due), until))
            .filter_map(|(due, until)| (due < until).then_some(due))
            .min()
    }

    /// The address whose probe is due now, to which the heartbeat with this number is sent.
    pub(super) fn probe(&mut self, now: Mono, number: u64, length: usize) -> Option<SocketAddr> {
        self.expire(now);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        if let Some(Until { what: seen, until }) = self.seen.as_mut()
            && seen.may(length)
            && near(*until, seen.probes.due) <= now
        {
            seen.wanted = 0;
            seen.sent = seen.sent.saturating_add(length);
            seen.probes.went(now, number);
            return Some(seen.at.address());
        }
        let due = |claimed: &&mut Until<Claimed>| near(claimed.until, claimed.what.probes.due) <= now;
        let Until { what, .. } = self.claimed.iter_mut().flatten().find(due)?;
        what.probes.went(now, number);
        Some(what.at.address())
    }

    /// Finds the candidate that this echo, a whole sequence, proves: it becomes the home, and the others are forgotten.
    pub(super) fn prove(&mut self, echo: u64) -> Option<SocketAddr> {
        let number = low(echo.checked_sub(HEARTBEATS)?);
        let (at, _) = self.probes().find(|(_, probes)| probes.remembered().any(|sent| sent == number))?;
        self.begin(at.address());
        Some(self.home())
    }
}

#[cfg(test)]
mod tests;
