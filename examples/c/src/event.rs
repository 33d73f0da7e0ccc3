//! What a session tells.

use iacp_core::pss::{Closure, Event};

/// Nothing has happened.
pub const IACP_EVENT_NONE: i32 = 0;
/// Both sides hold the same keys: data may flow.
pub const IACP_EVENT_ESTABLISHED: i32 = 1;
/// The peer is silent, or the way to it is lost.
pub const IACP_EVENT_DISCONNECTED: i32 = 2;
/// The peer is back, and both sides have what the other had sent.
pub const IACP_EVENT_RECONCILED: i32 = 3;
/// The peer is at another address: everything goes there from now on.
pub const IACP_EVENT_MOVED: i32 = 4;
/// Everything that was sent is acknowledged.
pub const IACP_EVENT_DELIVERED: i32 = 5;
/// There is room again after IACP_FULL.
pub const IACP_EVENT_WRITABLE: i32 = 6;
/// The peer has said everything and asks to end the session: iacp_close.
pub const IACP_EVENT_CLOSE_REQUESTED: i32 = 7;
/// The session is over in good order.
pub const IACP_EVENT_CLOSED: i32 = 8;
/// The session is over otherwise: something may be lost.
pub const IACP_EVENT_BROKEN: i32 = 9;
/// Something else has changed that needs no act.
pub const IACP_EVENT_OTHER: i32 = 10;

pub(crate) fn code(event: &Event) -> i32 {
    match event {
        Event::Established => IACP_EVENT_ESTABLISHED,
        Event::Disconnected => IACP_EVENT_DISCONNECTED,
        Event::Reconciled => IACP_EVENT_RECONCILED,
        Event::Moved { .. } => IACP_EVENT_MOVED,
        Event::Delivered => IACP_EVENT_DELIVERED,
        Event::Writable => IACP_EVENT_WRITABLE,
        Event::CloseRequested { .. } => IACP_EVENT_CLOSE_REQUESTED,
        Event::Closed(Closure::Graceful) => IACP_EVENT_CLOSED,
        Event::Closed(_) => IACP_EVENT_BROKEN,
        _ => IACP_EVENT_OTHER,
    }
}
