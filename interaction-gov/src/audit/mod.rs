//! Audit: evidence that arises in the step that decides (`IoE R6`).

mod chain;
mod codes;
mod extract;
mod log;
pub(crate) mod record;
mod replay;
mod verify;
mod view;

pub use chain::{Chain, Head};
pub use codes::{RecordKind, Verdict};
pub use extract::Extract;
pub use log::{Log, Need, Sink};
pub use record::{Bytes, FORMAT, RECORD, Record};
pub use replay::{Difference, Governing, Replayed, Untold, replay};
pub use verify::{Damage, SignedHead, Trail};
pub use view::{Seen, View};

pub use crate::changes::Change;
