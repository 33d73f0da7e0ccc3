//! What stands between a node and too much traffic (`IACP §5.3`, `§5.4`).

pub mod breaker;
mod bucket;
mod demand;
mod difficulty;
mod ingress;
mod liability;
pub mod ticket;
mod zone;

pub use bucket::{Rate, Throttled, TokenBucket};
pub use demand::{Asked, Weight, bits, level, tokens};
pub use difficulty::{Difficulty, Load};
pub use ingress::{Ingress, prefix, site};
pub use liability::{Charge, Ledger, Liable};
pub use ticket::{Holder, NoTicket, Tickets};
pub use zone::Zone;
