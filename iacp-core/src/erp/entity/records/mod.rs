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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_agent_has_an_equal_share_and_uses_64_places_of_it() {
        for (length, agents, agent, places) in [
            (12, 4, 0, Some(0..3)),
            (12, 4, 3, Some(9..12)),
            (14, 4, 3, Some(9..12)),
            (3, 4, 2, Some(0..0)),
            (256, 2, 0, Some(0..64)),
            (256, 2, 1, Some(128..192)),
            (12, 0, 0, None),
        ] {
            assert_eq!(share(length, agents, agent), places, "{length} places for {agents}");
        }
    }
}
