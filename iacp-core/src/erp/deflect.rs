//! ERP_DEFLECT: a router carries on toward a locator (`IACP App. A.14`).

use core::net::{IpAddr, SocketAddr};

use iacp_wire::message::ErpDeflect;
use iacp_wire::{Frame, Locator, Message, WriteError};

use super::stream::{Arrival, Way};
use crate::guard::Rate;
use crate::scope::Scope;

/// The TTL with which a frame is sent: the number of hosts that may carry it.
pub const SENT: u8 = 4;
/// The TTL of a frame that the most hosts may carry: with a higher one it is refused.
pub const MOST: u8 = 8;
/// What a router carries for one LII, in bytes: 64 KiB a second. See [`step`].
pub const ROUTED: Rate = Rate { capacity: 65_536, per_second: 65_536 };

/// Why a deflected frame goes no further. The answer is silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stopped {
    /// It came with TTL 0, and this host is not its target.
    Expired,
    /// Its TTL is above 8.
    TtlTooHigh,
    /// The target's scope is narrower than the sender's: a router opens no inner network.
    Scope,
    /// The next hop would be where it came from.
    Back,
    /// The next hop would be this host.
    Loop,
    /// It is not an ERP_DEFLECT.
    NotDeflected,
}

words! {
    Stopped {
        Self::Expired => "its deflection TTL is used up",
        Self::TtlTooHigh => "its deflection TTL is above 8",
        Self::Scope => "its target is in a narrower network than its sender",
        Self::Back => "its next hop is where it came from",
        Self::Loop => "its next hop is this host",
        Self::NotDeflected => "the frame is no ERP_DEFLECT",
    }
}

impl core::error::Error for Stopped {}

/// What becomes of a deflected frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Onward {
    /// This host is the target: the frame inside is its own.
    Arrived,
    /// It is sent on, once, with this TTL. Before that, a router asks for transit and its limit.
    Next {
        /// The next host.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        to: SocketAddr,
        /// Already one less.
        ttl: u8,
    },
}

impl core::fmt::Display for Onward {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Arrived => f.pad("it is for this host"),
            Self::Next { to, ttl } => write!(f, "on to {to}, TTL {ttl}"),
        }
    }
}

/// What a router does with a deflected frame.
///
/// `is_own` tells this host's own addresses. `router` is the one router that is configured for the target's prefix, if
/// there is one; else the next hop is the target itself. The step gives one frame for one frame, and never a second copy.
///
/// The router is a program of its own; it charges each sender's LII before it sends, and no more than [`ROUTED`] goes on:
///
/// ```
/// use iacp_core::erp::deflect::{Onward, ROUTED, SENT, Stopped, step, write};
/// use iacp_core::erp::stream::{self, Arrival};
/// use iacp_core::guard::TokenBucket;
/// use iacp_core::time::Mono;
/// use iacp_wire::Eid;
///
/// let mut bucket = TokenBucket::new(ROUTED, Mono(0)); // one for each LII
/// let (from, target) = (([198, 51, 100, 7], 4227).into(), ([203, 0, 113, 9], 4227).into());
/// let (mut inner, mut datagram) = ([0; 300], [0; 400]);
/// let length = stream::write(&Eid([1; 32]), &Eid([2; 32]), 0, b"\x10\xb0\0\0", &mut inner)?;
/// let length = write(target, SENT, &inner[..length], &mut datagram)?;
///
/// let arrival = Arrival::read(&datagram[..length])?;
/// let onward = step(&arrival, from, |_own| false, |_prefix| None)?;
/// assert_eq!(onward, Onward::Next { to: target, ttl: SENT - 1 });
/// bucket.take(Mono(0), u32::try_from(length)?)?; // an error: the frame is dropped
///
/// assert_eq!(step(&arrival, target, |_own| false, |_prefix| None), Err(Stopped::Back), "it came from its target");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The frame goes no further.
// keeps: IACP-158 (A.14)
pub fn step(
    arrival: &Arrival<'_>,
    from: SocketAddr,
    is_own: impl Fn(IpAddr) -> bool,
    router: impl FnOnce(IpAddr) -> Option<SocketAddr>,
) -> Result<Onward, Stopped> {
    let Way::Deflected(head) = arrival.way else { return Err(Stopped::NotDeflected) };
    let target = IpAddr::from(head.original_target_locator);
    if head.deflection_routing_ttl > MOST {
        return Err(Stopped::TtlTooHigh);
    }
    if is_own(target) {
        return Ok(Onward::Arrived);
    }
    let ttl = head.deflection_routing_ttl.checked_sub(1).ok_or(Stopped::Expired)?;
    let to = router(target).unwrap_or(SocketAddr::new(target, head.original_target_port.get()));
    // The router behind this one is chosen by configuration; the target is chosen by the sender.
    if Scope::of(target) < Scope::of(from.ip()) {
        return Err(Stopped::Scope);
    }
    if is_own(to.ip().to_canonical()) {
        return Err(Stopped::Loop);
    }
    if to.ip().to_canonical() == from.ip().to_canonical() {
        return Err(Stopped::Back);
    }
    Ok(Onward::Next { to, ttl })
}

/// Writes an ERP_DEFLECT around an ERP_STREAM.
///
/// # Errors
/// The buffer is too small.
pub fn write(target: SocketAddr, ttl: u8, stream: &[u8], out: &mut [u8]) -> Result<usize, WriteError> {
    let head = ErpDeflect {
        original_target_locator: Locator::from(target.ip()),
        original_target_port: target.port().into(),
        deflection_routing_ttl: ttl,
        reserved: 0,
    };
    Frame::new(Message::ErpDeflect { head: &head, inner: stream }).write(out)
}
