//! What agents have the directory keep, and what they want to know of it (`IACP §3.5`, `IACP §3.6.2`, `IACP §4.2.7.2`).

mod accused;
mod deposit;
mod standing;
mod tickets;

use core::ops::Range;

pub use accused::NotAccused;
pub use deposit::DepositSlot;
pub use tickets::TicketSlot;

/// An agent uses no more places of a table of shares.
const MOST: usize = 64;

/// The share of one agent in a table of `length` places.
fn share(length: usize, agents: u32, agent: u32) -> Option<Range<usize>> {
    let share = length.checked_div(usize::try_from(agents).ok()?)?;
    let start = usize::try_from(agent).ok()?.checked_mul(share)?;
    Some(start..start.checked_add(share.min(MOST))?)
}
