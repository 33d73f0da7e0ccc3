//! Frames under way in both directions (`IACP §6.4.5`): sealing and opening, the delta log, the receive window.

pub(crate) mod delta_log;
pub(crate) mod frame;
pub(crate) mod inbound;
pub(crate) mod keys;
pub(crate) mod kind;
pub(crate) mod outbound;
