//! Who may do what with an endpoint, and from where (`IACP §6.1.2`, `IACP §6.4.4`).

use super::coordinate::Coordinate;
use super::endpoint::{EndpointError, EndpointSlot, Endpoints};
use super::frame::{Contract, Op, Status};
use crate::time::Mono;

/// The peer may read.
pub const READ: u16 = 0x1;
/// The peer may subscribe; only with [`READ`].
pub const SUBSCRIBE: u16 = 0x2;
/// The peer may write.
pub const WRITE: u16 = 0x4;

/// So many ops are served in a second of a session.
pub const OPS_A_SECOND: u32 = 64;

/// What the caller knows of the carrier that brought a frame, the nearest first. An op has the wider of two reaches: its
/// frame's, and its session's home. Never told by an IP address: that can be written by anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reach {
    /// Inside the LL-Entity.
    Host,
    /// An interface that is configured as a link.
    Link,
    /// Everything else, and whatever a router or relay has carried.
    Public,
}

/// A place for a right of the peer in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RightSlot {
    coordinate: Option<Coordinate>,
    rights: u16,
    until: Option<Mono>,
    /// An op of the peer about it counts only with a sequence above this one.
    above: Option<u64>,
    subscribed: bool,
    /// The newest version that was sent.
    sent: u64,
    /// The endpoint has ended, and the peer has not been told.
    gone: bool,
}

impl RightSlot {
    /// An empty place.
    pub const EMPTY: Self =
        Self { coordinate: None, rights: 0, until: None, above: None, subscribed: false, sent: 0, gone: false };
}

/// What an op of the peer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Served {
    /// Nothing is to be sent.
    Nothing,
    /// A RESULT is to be sent.
    Result {
        /// The number of the request.
        request: u32,
        /// What it says.
        status: Status,
        /// The version now; 0 without a right to read.
        version: u64,
    },
    /// The value is to be sent, and a RESULT behind it.
    Value {
        /// The number of the request.
        request: u32,
        /// The version that is sent.
        version: u64,
    },
    /// The endpoint has changed: every session's [`Rights::update`] has news now.
    Changed {
        /// The number of the request.
        request: u32,
        /// The new version.
        version: u64,
    },
    /// Not for the owner's side: GRANT, REVOKE and RESULT of the peer are about endpoints of its own.
    NotOurs,
}

/// What a session owes the peer about one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The newest value, and none of those between.
    Value(Coordinate),
    /// That the endpoint has ended.
    Gone(Coordinate),
}

/// The rights of a peer in one session, under an effective contract. They end with it, by time, or by order.
pub struct Rights<'m> {
    slots: &'m mut [RightSlot],
    window: Mono,
    ops: u32,
}

impl<'m> Rights<'m> {
    /// No rights: the contract has just become effective.
    // keeps: IACP-147
    #[must_use]
    pub fn new(slots: &'m mut [RightSlot]) -> Self {
        slots.fill(RightSlot::EMPTY);
        Self { slots, window: Mono(0), ops: 0 }
    }

    fn slot(&mut self, coordinate: &Coordinate) -> Option<&mut RightSlot> {
        self.slots.iter_mut().find(|slot| slot.coordinate == Some(*coordinate))
    }

    /// Grants rights, or other ones than before; `seconds` of 0 lasts as long as the contract. The right to subscribe counts
    /// only with the right to read.
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
        if let Some(slot) = self.slot(&coordinate) {
            (slot.rights, slot.until) = (rights, until);
            slot.subscribed &= rights & SUBSCRIBE != 0;
            return Ok(());
        }
        let free = |slot: &&mut RightSlot| slot.coordinate.is_none();
        let slot = self.slots.iter_mut().find(free).ok_or(EndpointError::Capacity)?;
        *slot = RightSlot { coordinate: Some(coordinate), rights, until, ..RightSlot::EMPTY };
        Ok(())
    }

    /// Takes all rights to an endpoint back. Returns whether there were any: then a REVOKE is sent.
    pub fn revoke(&mut self, coordinate: &Coordinate) -> bool {
        self.slot(coordinate).map(|slot| *slot = RightSlot::EMPTY).is_some()
    }

    /// The contract has ended.
    pub fn end(&mut self) {
        self.slots.fill(RightSlot::EMPTY);
    }

    /// Whether the peer may do this now, from there. "No right" and "no such endpoint" are one answer.
    // keeps: IACP-168
    fn endpoint<'e>(
        &self,
        now: Mono,
        endpoints: &'e Endpoints<'_>,
        coordinate: &Coordinate,
        wanted: u16,
        reach: Reach,
    ) -> Option<&'e EndpointSlot> {
        let slot = self.slots.iter().find(|slot| slot.coordinate == Some(*coordinate))?;
        let endpoint = endpoints.find(coordinate)?;
        let flags = endpoint.flags();
        let near = reach <= Reach::Link || flags.global || flags.bridged;
        let lasts = slot.until.is_none_or(|until| now < until);
        (near && lasts && slot.rights & wanted == wanted).then_some(endpoint)
    }

    /// Serves an op of the peer, which stood in the authentic frame `sequence`.
    ///
    /// `frame` is the reach of the frame that brought it, `home` that of the session's home.
    pub fn serve(
        &mut self,
        now: Mono,
        sequence: u64,
        (frame, home): (Reach, Reach),
        contract: &Contract<'_>,
        endpoints: &mut Endpoints<'_>,
    ) -> Served {
        let coordinate = &contract.coordinate;
        let reach = frame.max(home);
        let within = self.count(now);
        let refused = |request, status| Served::Result { request, status, version: 0 };
        match contract.op {
            Op::Read { request } | Op::Write { request, .. } if !within => refused(request, Status::Capacity),
            Op::Read { request } => match self.endpoint(now, endpoints, coordinate, READ, reach) {
                Some(endpoint) => Served::Value { request, version: endpoint.version() },
                None => refused(request, Status::NoAccess),
            },
            Op::Write { request, if_version, value } => {
                if self.endpoint(now, endpoints, coordinate, WRITE, reach).is_none() {
                    return refused(request, Status::NoAccess);
                }
                match endpoints.write(coordinate, if_version, value) {
                    Ok(version) => Served::Changed { request, version },
                    Err(EndpointError::TooLong) => refused(request, Status::TooLong),
                    Err(EndpointError::Version) => {
                        let readable = self.endpoint(now, endpoints, coordinate, READ, reach);
                        let version = readable.map_or(0, EndpointSlot::version);
                        Served::Result { request, status: Status::Version, version }
                    }
                    Err(_) => refused(request, Status::NoAccess),
                }
            }
            Op::Subscribe { known } => {
                let may = self.endpoint(now, endpoints, coordinate, READ | SUBSCRIBE, reach).is_some();
                if let Some(slot) = self.newest(coordinate, sequence)
                    && may
                    && within
                {
                    (slot.subscribed, slot.sent) = (true, known);
                }
                Served::Nothing
            }
            Op::Unsubscribe => {
                if let Some(slot) = self.newest(coordinate, sequence) {
                    slot.subscribed = false;
                }
                Served::Nothing
            }
            Op::Grant { .. } | Op::Revoke | Op::Result { .. } => Served::NotOurs,
        }
    }

    /// Authentic frames may come out of order: an op counts only with a sequence above the last one taken.
    fn newest(&mut self, coordinate: &Coordinate, sequence: u64) -> Option<&mut RightSlot> {
        let slot = self.slot(coordinate)?;
        if slot.above.is_some_and(|above| sequence <= above) {
            return None;
        }
        slot.above = Some(sequence);
        Some(slot)
    }

    fn count(&mut self, now: Mono) -> bool {
        if now.since(self.window) >= 1_000 {
            (self.window, self.ops) = (now, 0);
        }
        self.ops = self.ops.saturating_add(1);
        self.ops <= OPS_A_SECOND
    }

    /// An endpoint was erased: its rights end, and the peer is to be told.
    pub fn erased(&mut self, coordinate: &Coordinate) {
        if let Some(slot) = self.slot(coordinate) {
            *slot = RightSlot { coordinate: Some(*coordinate), gone: true, ..RightSlot::EMPTY };
        }
    }

    /// What is to be sent now: asked whenever the session has room, until there is nothing. A session whose window is full gets
    /// the newest value later, and none of those between: an endpoint is a state, not a stream. `home` is the reach of
    /// the session's home: while it is too wide, what was granted rests.
    #[must_use]
    pub fn update(&self, now: Mono, home: Reach, endpoints: &Endpoints<'_>) -> Option<Due> {
        self.slots.iter().find_map(|slot| {
            let coordinate = slot.coordinate?;
            if slot.gone {
                return Some(Due::Gone(coordinate));
            }
            let endpoint = self.endpoint(now, endpoints, &coordinate, READ | SUBSCRIBE, home)?;
            (slot.subscribed && endpoint.version() > slot.sent).then_some(Due::Value(coordinate))
        })
    }

    /// It was sealed for the peer.
    pub fn sent(&mut self, due: Due, version: u64) {
        match due {
            Due::Value(coordinate) => {
                if let Some(slot) = self.slot(&coordinate) {
                    slot.sent = slot.sent.max(version);
                }
            }
            Due::Gone(coordinate) => _ = self.revoke(&coordinate),
        }
    }

    /// Whether the peer has the right to read an endpoint at this moment: a member of its group gets keys only then.
    #[must_use]
    pub fn may_read(&self, now: Mono, coordinate: &Coordinate) -> bool {
        self.slots.iter().any(|slot| {
            let lasts = slot.until.is_none_or(|until| now < until);
            slot.coordinate == Some(*coordinate) && slot.rights & READ != 0 && lasts
        })
    }
}

/// What is known of a peer's endpoint: an update counts only with a higher version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Seen {
    version: u64,
}

impl Seen {
    /// Takes a VALUE or GONE of an authentic frame. Returns whether it is news.
    pub const fn take(&mut self, version: u64) -> bool {
        let news = version > self.version;
        if news {
            self.version = version;
        }
        news
    }
}
