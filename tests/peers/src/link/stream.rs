//! The sources of iacp-core's sending half, as they are: its delta log is not public.

#[path = "../../../../iacp-core/src/pss/stream/congestion/mod.rs"]
pub mod congestion;
#[path = "../../../../iacp-core/src/pss/stream/delta_log.rs"]
mod delta_log;
#[path = "../../../../iacp-core/src/pss/stream/loss.rs"]
mod loss;
#[path = "../../../../iacp-core/src/pss/stream/pace.rs"]
mod pace;
#[path = "../../../../iacp-core/src/pss/stream/rtt.rs"]
mod rtt;

mod frame {
    pub use iacp_core::pss::OVERHEAD;
}

pub(crate) use delta_log::DeltaLog;
pub(crate) use loss::Shown;
