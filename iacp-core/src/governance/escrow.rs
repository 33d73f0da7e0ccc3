//! The two-phase slashing escrow of one accused entity (`IACP §5.5.2`, `§4.2.7.2`).
//!
//! The picture shows the way down; the way back up, a rebuttal that is verified in time, stands in the text of
//! `§4.2.7.2`.
//!
//! ```
//! use iacp_core::governance::escrow::{Event, State};
//!
//! let mut accused = State::Nominal;
//! accused.step(Event::PomPublished)?;
//! assert!(accused.step(Event::PomPublished).is_err(), "a further proof does not prolong the window");
//! assert_eq!(accused.step(Event::VerifiedRebuttal)?, State::Nominal);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::machine::machine;

machine! {
    machine "escrow", "§5.5.2";
    starts in Nominal;
    ends in Slashed;
    states {
        /// No valid proof accuses the entity.
        Nominal = "STATE_NOMINAL",
        /// Accused: its deposit is locked, its mapping isolated, its routes degraded to several paths.
        Challenged = "STATE_CHALLENGED",
        /// The deposit is burned and the identity blocked, for good.
        Slashed = "STATE_SLASHED",
    }
    events {
        /// A valid proof of malfeasance was published.
        PomPublished = "PoM Published",
        /// The escrow window is over and no valid counter-proof came.
        EscrowEpochExpires = "Escrow Epoch Expires",
        /// A rebuttal came inside the window, and holds.
        VerifiedRebuttal = "Verified Rebuttal",
    }
    rows {
        // keeps: IACP-126 (§5.5.2)
        Drawn: Nominal + PomPublished => Challenged;
        Drawn: Challenged + EscrowEpochExpires => Slashed;
        Said: Challenged + VerifiedRebuttal => Nominal, "§4.2.7.2";
    }
    notes {
        "The window is 120 epochs, which §4.2.7.2 calls one hour: an epoch is 30 s.",
        "A further proof while the entity is challenged has no row: it neither prolongs the window nor shortens it.",
    }
}
