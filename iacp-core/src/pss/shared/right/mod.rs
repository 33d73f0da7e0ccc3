//! What a peer may do with an endpoint, and from where (`IACP §6.1.2`, `IACP §6.4.4`).

mod due;
mod seen;
mod serve;

pub use due::Due;
pub use seen::PeerEndpoint;
pub use serve::{OPS_A_SECOND, Served};

use super::coordinate::Coordinate;
use super::endpoint::{EndpointError, EndpointSlot, Endpoints};
use crate::time::Mono;

/// The flag of the right to read.
pub const READ: u16 = 0x1;
/// The flag of the right to subscribe, which counts only with [`READ`].
pub const SUBSCRIBE: u16 = 0x2;
/// The flag of the right to write.
pub const WRITE: u16 = 0x4;

/// The kind of carrier that brought a frame, the nearest first; the caller provides it. An op has the wider of two
/// reaches: that of its frame, and that of its session's home. It must not be derived from an IP address, because any
/// sender can write one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reach {
    /// Inside the LL-Entity.
    Host,
    /// An interface that is configured as a link.
    Link,
    /// Everything else, and every frame that a router or relay has carried.
    Public,
}

words! {
    Reach {
        Self::Host => "host",
        Self::Link => "link",
        Self::Public => "public",
    }
}

/// A right of the peer in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Right {
    coordinate: Coordinate,
    rights: u16,
    until: Option<Mono>,
    /// An op of the peer counts only with a sequence above this one.
    above: Option<u64>,
    subscribed: bool,
    /// The newest version that was sent, and the epoch under which it was sealed.
    sent: u64,
    under: u64,
    /// The endpoint has ended, and the peer has not been told.
    gone: bool,
    /// Whether the peer is on the Trust List of the endpoint's group, and the newest epoch whose key it was sent here;
    /// 0 is none.
    trusted: bool,
    told: u64,
    /// The peer has the right without a GRANT, as long as the session: the endpoint belongs to the two agents.
    pair: bool,
    /// It was granted in an earlier session that this one continues. Until its GRANT is sealed here, nothing is served
    /// under it.
    carried: bool,
}

impl Right {
    const fn to(coordinate: Coordinate) -> Self {
        Self {
            coordinate,
            rights: 0,
            until: None,
            above: None,
            subscribed: false,
            sent: 0,
            under: 0,
            gone: false,
            trusted: false,
            told: 0,
            pair: false,
            carried: false,
        }
    }

    /// The right of the peer to the endpoint that is for it alone.
    const fn of_pair(coordinate: Coordinate) -> Self {
        Self { rights: READ | SUBSCRIBE, subscribed: true, pair: true, ..Self::to(coordinate) }
    }

    fn lasts(&self, now: Mono) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    fn reads(&self, now: Mono) -> bool {
        self.rights & READ != 0 && !self.carried && self.lasts(now)
    }

    /// Whether nothing is granted and nothing is owed.
    const fn is_empty(&self) -> bool {
        self.rights == 0 && !self.gone && self.told == 0
    }
}

/// A right as it goes to another host with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) coordinate: Coordinate,
    pub(crate) rights: u16,
    pub(crate) subscribed: bool,
    /// Seconds that are left; 0: as long as the contract.
    pub(crate) seconds: u32,
    /// The newest version that the other side has.
    pub(crate) version: u64,
}

/// How many seconds are left, and one for a part of it.
fn seconds_left(now: Mono, until: Mono) -> u32 {
    u32::try_from(until.since(now).div_ceil(1_000)).unwrap_or(u32::MAX)
}

/// The rights of a peer in one session to at most `N` endpoints, under an effective contract. They end with it, by time, or
/// by order.
///
/// ```
/// use iacp_core::pss::shared::right::{READ, Rights};
/// use iacp_core::pss::shared::Coordinate;
/// use iacp_core::time::Mono;
///
/// let (mut rights, door) = (Rights::<4>::NONE, Coordinate([7; 32]));
/// rights.grant(Mono(0), door, READ, 10)?; // for ten seconds
/// assert!(rights.may_read(Mono(9_999), &door) && !rights.may_read(Mono(10_000), &door));
/// # Ok::<(), iacp_core::pss::shared::endpoint::EndpointError>(())
/// ```
#[derive(Debug)]
pub struct Rights<const N: usize> {
    places: [Option<Right>; N],
    /// The start of the current second, and the number of ops in it.
    window: Mono,
    ops: u32,
    /// Whether the peer has been DISCONNECTED too long to count as a member of a group here.
    away: bool,
}

impl<const N: usize> Rights<N> {
    /// No rights: the contract has just become effective.
    // keeps: IACP-147 (§6.4.4)
    pub const NONE: Self = Self { places: [None; N], window: Mono(0), ops: 0, away: false };

    fn all(&self) -> impl Iterator<Item = &Right> {
        self.places.iter().flatten()
    }

    fn right(&mut self, coordinate: &Coordinate) -> Option<&mut Right> {
        self.places.iter_mut().flatten().find(|right| right.coordinate == *coordinate)
    }

    /// Frees the places of rights that are no longer granted and owe nothing.
    fn tidy(&mut self) {
        for place in &mut self.places {
            if place.as_ref().is_some_and(Right::is_empty) {
                *place = None;
            }
        }
    }

    /// Whether there is a place for rights to this endpoint: one that it has, or a free one.
    #[must_use]
    pub fn has_place(&self, coordinate: &Coordinate) -> bool {
        self.places.iter().any(|place| place.as_ref().is_none_or(|right| right.coordinate == *coordinate))
    }

    /// Grants rights, or changes them; `seconds` of 0 lasts as long as the contract. The right to subscribe counts only
    /// with the right to read.
    ///
    /// # Errors
    /// There is no place. Nothing has changed.
    pub fn grant(&mut self, now: Mono, coordinate: Coordinate, rights: u16, seconds: u32) -> Result<(), EndpointError> {
        let until = (seconds > 0).then(|| now.after(u64::from(seconds) * 1_000));
        let rights = rights & if rights & READ == 0 { WRITE } else { READ | SUBSCRIBE | WRITE };
        if rights == 0 {
            self.revoke(&coordinate);
            return Ok(());
        }
        if let Some(right) = self.right(&coordinate) {
            (right.rights, right.until, right.carried) = (rights, until, false);
            right.subscribed &= rights & SUBSCRIBE != 0;
            return Ok(());
        }
        let place = self.places.iter_mut().find(|place| place.is_none()).ok_or(EndpointError::Capacity)?;
        *place = Some(Right { rights, until, ..Right::to(coordinate) });
        Ok(())
    }

    /// The endpoint at `coordinate` is for this peer alone: it may read it, and each change is due. That lasts as long as the
    /// session.
    ///
    /// # Errors
    /// There is no place. Nothing has changed.
    // keeps: IACP-148 (§6.4.4)
    pub fn pair(&mut self, coordinate: Coordinate) -> Result<(), EndpointError> {
        let place = self.places.iter_mut().find(|place| place.is_none()).ok_or(EndpointError::Capacity)?;
        *place = Some(Right::of_pair(coordinate));
        Ok(())
    }

    /// Takes over the rights of the session that this one continues, as far as they last and there is room. Nothing is
    /// served under them before [`Self::regranted`].
    // keeps: IACP-147 (§6.4.4)
    pub fn carry(&mut self, now: Mono, older: &Self) {
        let granted = |right: &&Right| right.rights != 0 && !right.pair && !right.gone && right.lasts(now);
        for right in older.all().filter(granted) {
            if self.all().any(|known| known.coordinate == right.coordinate) {
                continue;
            }
            let Some(place) = self.places.iter_mut().find(|place| place.is_none()) else { return };
            let (rights, until) = (right.rights, right.until);
            *place = Some(Right { rights, until, carried: true, ..Right::to(right.coordinate) });
        }
    }

    /// What the peer was granted in this session, as it moves to another host. What is to be granted again does not move.
    pub(crate) fn granted(&self, now: Mono) -> impl Iterator<Item = Granted> {
        let moves =
            move |right: &&Right| right.rights != 0 && !right.pair && !right.gone && !right.carried && right.lasts(now);
        self.all().filter(moves).map(move |right| Granted {
            coordinate: right.coordinate,
            rights: right.rights,
            subscribed: right.subscribed,
            seconds: right.until.map_or(0, |until| seconds_left(now, until)),
            version: right.sent,
        })
    }

    /// The same, in a session that has come from another host; `is_here` says whether the endpoint has come, too. Where it has not,
    /// the peer is told that it has ended.
    pub(crate) fn go_on(&mut self, now: Mono, granted: &Granted, is_here: bool) {
        let &Granted { coordinate, rights, subscribed, seconds, version } = granted;
        if self.has(&coordinate) {
            return;
        }
        let Some(place) = self.places.iter_mut().find(|place| place.is_none()) else { return };
        let until = (seconds > 0).then(|| now.after(u64::from(seconds) * 1_000));
        let right = if is_here {
            let subscribed = subscribed && rights & (READ | SUBSCRIBE) == READ | SUBSCRIBE;
            Right { rights, until, subscribed, sent: version, ..Right::to(coordinate) }
        } else {
            Right { gone: true, ..Right::to(coordinate) }
        };
        *place = Some(right);
    }

    /// Drops these rights, because this session continues no other after all.
    pub fn forget_carried(&mut self) {
        for place in &mut self.places {
            if place.as_ref().is_some_and(|right| right.carried) {
                *place = None;
            }
        }
    }

    /// The next GRANT that is to be sealed again: the coordinate, the rights, and the remaining seconds.
    #[must_use]
    pub fn to_regrant(&mut self, now: Mono) -> Option<(Coordinate, u16, u32)> {
        for place in &mut self.places {
            if place.as_ref().is_some_and(|right| right.carried && !right.lasts(now)) {
                *place = None;
            }
        }
        let right = self.all().find(|right| right.carried)?;
        Some((right.coordinate, right.rights, right.until.map_or(0, |until| seconds_left(now, until))))
    }

    /// The GRANT was sealed again.
    pub fn regranted(&mut self, coordinate: &Coordinate) {
        if let Some(right) = self.right(coordinate) {
            right.carried = false;
        }
    }

    /// Whether the peer is still to be told that an endpoint with this coordinate has ended. A GRANT of another one with the same
    /// coordinate must not be sealed before that: the peer would take the end for the new one's.
    #[must_use]
    pub fn owes_end(&self, coordinate: &Coordinate) -> bool {
        self.all().any(|right| right.coordinate == *coordinate && right.gone)
    }

    /// Takes back all rights to an endpoint. Returns whether there were any: then a REVOKE is sent.
    pub fn revoke(&mut self, coordinate: &Coordinate) -> bool {
        let had = self.right(coordinate).is_some_and(|right| {
            let had = core::mem::take(&mut right.rights) != 0;
            (right.subscribed, right.until, right.carried) = (false, None, false);
            had
        });
        self.tidy();
        had
    }

    /// The contract has ended.
    pub fn end(&mut self) {
        *self = Self::NONE;
    }

    /// Sets whether the peer is on the Trust List of a sealed endpoint.
    pub fn trust(&mut self, coordinate: &Coordinate, trusted: bool) {
        if let Some(right) = self.right(coordinate) {
            right.trusted = trusted;
        }
    }

    /// Sets whether the peer has been DISCONNECTED for more than 60 s. While it is away it is not a member of a group.
    pub const fn set_away(&mut self, away: bool) {
        self.away = away;
    }

    fn is_member(&self, right: &Right, now: Mono) -> bool {
        !self.away && right.trusted && right.reads(now)
    }

    /// Checks whether the peer may do this now, with this reach. "No right" and "no such endpoint" give the same
    /// answer.
    // keeps: IACP-168 (§8.6)
    fn endpoint<'e>(
        &self,
        now: Mono,
        endpoints: &'e Endpoints<'_>,
        coordinate: &Coordinate,
        wanted: u16,
        reach: Reach,
    ) -> Option<&'e EndpointSlot> {
        let right = self.all().find(|right| right.coordinate == *coordinate)?;
        let endpoint = endpoints.find(coordinate)?;
        let flags = endpoint.flags();
        let near = reach <= Reach::Link || flags.global || flags.bridged;
        let lasts = right.lasts(now) && !right.carried;
        let open = !flags.sealed || self.is_member(right, now);
        (near && lasts && open && right.rights & wanted == wanted).then_some(endpoint)
    }

    /// An endpoint was erased: its rights end, and the peer must be informed.
    pub fn erased(&mut self, coordinate: &Coordinate) {
        if let Some(right) = self.right(coordinate) {
            // A carried right was not granted here yet. The right to the endpoint of the pair stays, for when that
            // endpoint is created again.
            let kept = if right.pair { Right::of_pair(*coordinate) } else { Right::to(*coordinate) };
            *right = Right { gone: !right.carried, ..kept };
        }
        self.tidy();
    }

    /// Whether a change of any own endpoint may be due to the peer: its right to the one of the pair counts while there is one.
    pub(crate) fn may_owe(&self, endpoints: &Endpoints<'_>) -> bool {
        self.all().any(|right| !right.pair || endpoints.find(&right.coordinate).is_some())
    }

    /// Whether the peer has a right to this endpoint, or is owed something about it.
    pub(crate) fn concerns(&self, coordinate: &Coordinate) -> bool {
        self.all().any(|right| right.coordinate == *coordinate)
    }

    /// Whether the peer was granted rights to an endpoint.
    #[must_use]
    pub fn has(&self, coordinate: &Coordinate) -> bool {
        self.all().any(|right| right.coordinate == *coordinate && right.rights != 0)
    }

    /// Whether the peer has the right to read an endpoint now: only then does a member of its group get keys.
    #[must_use]
    pub fn may_read(&self, now: Mono, coordinate: &Coordinate) -> bool {
        self.all().any(|right| right.coordinate == *coordinate && right.reads(now))
    }
}

#[cfg(test)]
mod tests;
