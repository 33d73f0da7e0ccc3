//! What an op of the peer does (`IACP §6.1.2`).

use super::{READ, Reach, Right, Rights, SUBSCRIBE, WRITE};
use crate::pss::shared::Coordinate;
use crate::pss::shared::endpoint::{EndpointError, EndpointSlot, Endpoints};
use crate::pss::shared::frame::{Contract, Op, Status};
use crate::time::Mono;

/// The most ops that are served in a second of a session.
pub const OPS_A_SECOND: u32 = 64;

/// The result of an op of the peer.
///
/// The owner of an endpoint serves what its peer asks:
///
/// ```
/// use iacp_core::pss::shared::endpoint::{EndpointFlags, EndpointSlot, Endpoints};
/// use iacp_core::pss::shared::frame::{Contract, Op, Status};
/// use iacp_core::pss::shared::right::{Due, READ, Reach, Rights, SUBSCRIBE, Served};
/// # use iacp_core::{crypto::ChaChaOnly, time::Mono};
/// # use iacp_wire::Eid;
/// # let now = Mono(0);
///
/// let mut slots = [EndpointSlot::EMPTY; 2];
/// let mut endpoints = Endpoints::new(Eid([7; 32]), &mut slots);
/// let door = endpoints.create::<ChaChaOnly>(b"door", EndpointFlags::default())?;
/// let mut rights = Rights::<4>::NONE;
/// rights.grant(now, door, READ | SUBSCRIBE, 0)?;
///
/// let near = (Reach::Link, Reach::Link);
/// let mut ask = |sequence, op| rights.serve(now, sequence, near, &Contract { coordinate: door, op }, &mut endpoints);
/// assert_eq!(ask(1, Op::Subscribe { known: 0 }), Served::Nothing);
/// let refused = Served::Result { request: 7, status: Status::NoAccess, version: 0 };
/// assert_eq!(ask(2, Op::Write { request: 7, if_version: 0, value: b"open" }), refused, "it may only read");
/// assert_eq!(rights.update(now, Reach::Link, &endpoints), Some(Due::Value(door)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Served {
    /// Nothing is to be sent.
    Nothing,
    /// A RESULT is to be sent.
    Result {
        /// The number of the request.
        request: u32,
        /// The status of the RESULT.
        status: Status,
        /// The version now; 0 without a right to read.
        version: u64,
    },
    /// The value is to be sent, and a RESULT after it.
    Value {
        /// The number of the request.
        request: u32,
        /// The version that is sent.
        version: u64,
    },
    /// The endpoint has changed: [`Rights::update`] of every session has to be called.
    Changed {
        /// The number of the request.
        request: u32,
        /// The new version.
        version: u64,
    },
    /// Not for the owner's side: the peer's GRANT, REVOKE and RESULT are about endpoints of the peer.
    NotOurs,
}

impl core::fmt::Display for Served {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Nothing => f.pad("nothing is to be sent"),
            Self::Result { request, status, .. } => write!(f, "request {request}: {status}"),
            Self::Value { request, version } => write!(f, "request {request} gets version {version}"),
            Self::Changed { request, version } => write!(f, "request {request} has made version {version}"),
            Self::NotOurs => f.pad("it is about an endpoint of the peer"),
        }
    }
}

impl<const N: usize> Rights<N> {
    /// Serves an op of the peer from the authentic frame `sequence`.
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
                // It has no answer and is not repeated, so it is lost neither to a reach that is too wide just now nor to the
                // limit: what may be sent, `update` decides. Above the limit nothing is sent anew.
                let may = self.endpoint(now, endpoints, coordinate, READ | SUBSCRIBE, Reach::Host).is_some();
                if let Some(right) = self.newest(coordinate, sequence)
                    && may
                {
                    right.subscribed = true;
                    if within {
                        (right.sent, right.under) = (known, right.told);
                    }
                }
                Served::Nothing
            }
            Op::Unsubscribe => {
                if let Some(right) = self.newest(coordinate, sequence) {
                    right.subscribed = false;
                }
                Served::Nothing
            }
            Op::Grant { .. } | Op::Revoke | Op::Result { .. } => Served::NotOurs,
        }
    }

    /// Authentic frames may come out of order: an op counts only with a sequence above the last one taken.
    fn newest(&mut self, coordinate: &Coordinate, sequence: u64) -> Option<&mut Right> {
        let right = self.right(coordinate)?;
        if right.above.is_some_and(|above| sequence <= above) {
            return None;
        }
        right.above = Some(sequence);
        Some(right)
    }

    fn count(&mut self, now: Mono) -> bool {
        if now.since(self.window) >= 1_000 {
            (self.window, self.ops) = (now, 0);
        }
        self.ops = self.ops.saturating_add(1);
        self.ops <= OPS_A_SECOND
    }
}
