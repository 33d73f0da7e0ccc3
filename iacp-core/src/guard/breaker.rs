//! The dynamic circuit breaker (`IACP App. B.3`, `§5.4.2`).
//!
//! The two sections name the same two states differently, and one word means opposite things in them:
//!
//! | here and in B.3 | in §5.4.2       | meaning              |
//! |-----------------|-----------------|----------------------|
//! | `CLOSED`        | `STATE_OPEN`    | normal, traffic flows |
//! | `OPEN`          | `STATE_TRIPPED` | tripped              |
//!
//! ```
//! use iacp_core::guard::breaker::{Event, State};
//!
//! let mut breaker = State::INITIAL;
//! assert_eq!(breaker.step(Event::TrafficSpike), Ok(State::Open));
//! assert_eq!(breaker.step(Event::RxAccessTicket), Ok(State::Open), "the request is served, and it stays tripped");
//! assert_eq!(breaker.step(Event::CooldownTimeout), Ok(State::Closed));
//! ```

use crate::machine::machine;

machine! {
    machine "circuit-breaker", "App. B.3";
    starts in Closed;
    ends in ;
    states {
        /// Normal operation: the circuit is closed and traffic flows (§5.4.2: STATE_OPEN).
        Closed = "CLOSED",
        /// Tripped: the circuit is open and traffic is refused (§5.4.2: STATE_TRIPPED).
        Open = "OPEN",
    }
    events {
        /// A request that shows an access ticket, in normal operation.
        RxRequestWithTicket = "RX_REQUEST_WITH_TICKET",
        /// Load in a sub-tree of the namespace above its threshold.
        TrafficSpike = "TRAFFIC_SPIKE",
        /// A request from a flagged branch of the namespace tree.
        RxReqFromFlagged = "RX_REQ_FROM_FLAGGED",
        /// The cooldown is over and the load is back at its baseline.
        CooldownTimeout = "COOLDOWN_TIMEOUT",
        /// A valid access ticket, while tripped.
        RxAccessTicket = "RX_ACCESS_TICKET",
    }
    rows {
        // keeps: IACP-124 (§5.4.2)
        Drawn: Closed + RxRequestWithTicket => Closed;
        Drawn: Closed + TrafficSpike => Open;
        Drawn: Open + RxReqFromFlagged => Open, "the request is dropped";
        Drawn: Open + CooldownTimeout => Closed;
        Drawn: Open + RxAccessTicket => Open, "the request is served, the breaker stays tripped";
    }
    notes {
        "§5.4.2 calls these two states OPEN (normal) and TRIPPED; here, as in B.3, OPEN means tripped.",
        "COOLDOWN_TIMEOUT is raised only if the time has passed and the load is normal: §5.4.2 joins the two, B.3 \
         names the event after the one and explains it by the other.",
    }
}
