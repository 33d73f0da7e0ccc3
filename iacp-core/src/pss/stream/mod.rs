//! Frames under way in both directions (`IACP §6.4.5`): sealing and opening, the delta log, pace, the receive window.

pub(crate) mod congestion;
pub(crate) mod delta_log;
pub(crate) mod frame;
pub(crate) mod inbound;
pub(crate) mod keys;
pub(crate) mod kind;
pub(crate) mod loss;
pub(crate) mod outbound;
pub(crate) mod pace;
pub(crate) mod rtt;
