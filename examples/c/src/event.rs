//! What a session tells.

use iacp_core::pss::{Closure, SessionEvent};

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

pub(crate) fn code(event: &SessionEvent) -> i32 {
    match event {
        SessionEvent::Established => IACP_EVENT_ESTABLISHED,
        SessionEvent::Disconnected => IACP_EVENT_DISCONNECTED,
        SessionEvent::Reconciled => IACP_EVENT_RECONCILED,
        SessionEvent::Moved { .. } => IACP_EVENT_MOVED,
        SessionEvent::Delivered => IACP_EVENT_DELIVERED,
        SessionEvent::Writable => IACP_EVENT_WRITABLE,
        SessionEvent::CloseRequested { .. } => IACP_EVENT_CLOSE_REQUESTED,
        SessionEvent::Closed(Closure::Graceful) => IACP_EVENT_CLOSED,
        SessionEvent::Closed(_) => IACP_EVENT_BROKEN,
        _ => IACP_EVENT_OTHER,
    }
}
