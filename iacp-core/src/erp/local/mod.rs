//! What is said on the local channel between an agent and its LL-Entity (`IACP §4.2.1`, `IACP §4.2.2.2`): requests,
//! notices and statuses, as values and as bytes.
//!
//! An agent in another process says it in frames, one in this process in calls: both mean the same values.

mod notice;
mod request;
mod status;

pub use notice::{AgentEvent, ClosureCode, Continuity, Mapped, Opened, Standing};
pub use request::{Listen, MalformedRequest, Open, RESUME_RECORD, Request};
pub use status::LocalStatus;
