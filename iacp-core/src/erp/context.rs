//! The life of one local ERP context inside an LL-Entity (`IACP App. B.2`, `§4.2.3.3`).
//!
//! The table as drawn can enter `EVOLVE_PENDING` and never leave it, and no row leads back to `UNBOUND`. The rows
//! marked `Ours` close both holes and nothing else.
//!
//! ```
//! use iacp_core::erp::context::{Event, State};
//!
//! let mut context = State::Unbound;
//! for event in [Event::ErpInit, Event::ErpAlloc, Event::ErpRegister, Event::DhtConfirmation] {
//!     context.step(event)?;
//! }
//! assert_eq!(context, State::Bound);
//! assert_eq!(context.step(Event::NetworkChurn)?, State::Transition, "the new address is to be confirmed");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::machine::machine;

machine! {
    machine "erp-context", "App. B.2";
    starts in Unbound;
    ends in ;
    states {
        /// No key, no token, no allocation.
        Unbound = "UNBOUND",
        /// Key pair and token are alive on this host; the network has not been told.
        Allocated = "ALLOCATED",
        /// A binding is on its way to the directory; outbound data waits in the FIFO.
        Transition = "TRANSITION",
        /// The directory confirmed the binding; data flows.
        Bound = "BOUND",
        /// The agent's software changed; its evolution is being decided.
        EvolvePending = "EVOLVE_PENDING",
    }
    events {
        /// The agent asks for a context.
        ErpInit = "ERP_INIT (0x11)",
        /// The LL-Entity hands EID and token to the agent.
        ErpAlloc = "ERP_ALLOC (0x14)",
        /// The LL-Entity sends the binding to the directory.
        ErpRegister = "ERP_REGISTER (0x15)",
        /// A quorum of directory nodes confirmed the newest generation.
        DhtConfirmation = "DHT Confirmation",
        /// The host's locator changed.
        NetworkChurn = "Network Churn",
        /// The digest of the agent's software changed.
        AppDigestChange = "App Digest Change",
        /// Ours: the evolution's signature, sequence number and previous digest hold.
        EvolutionAccepted = "Evolution Accepted",
        /// Ours: one of them does not.
        EvolutionRefused = "Evolution Refused",
        /// Ours: the directory will not take the binding.
        RegistrationRefused = "Registration Refused",
        /// Ours: the agent left in order, or its EID rotates.
        Deregistration = "Deregistration",
        /// Ours: over 90 s without a keepalive.
        Purge = "Purge",
    }
    rows {
        // keeps: IACP-077 (§4.2.3.3)
        Drawn: Unbound + ErpInit => Allocated;
        Drawn: Allocated + ErpAlloc => Allocated;
        Drawn: Allocated + ErpRegister => Transition;
        Drawn: Transition + DhtConfirmation => Bound;
        Drawn: Bound + NetworkChurn => Transition;
        Drawn: Bound + AppDigestChange => EvolvePending;
        Ours: Transition + NetworkChurn => Transition,
            "a host may move again before its last move is confirmed: the generation rises and is announced again";
        Ours: EvolvePending + EvolutionAccepted => Bound, "the table has no way out of EVOLVE_PENDING";
        Ours: EvolvePending + EvolutionRefused => Unbound, "software that its root key does not vouch for is out";
        // keeps: IACP-079 (B.2)
        Ours: Transition + RegistrationRefused => Unbound, "waiting on would buffer for ever";
        Ours: Allocated + Deregistration => Unbound, "nothing was announced, so nothing is withdrawn";
        Ours: Transition + Deregistration => Unbound, "an agent may leave before it is confirmed";
        Ours: Bound + Deregistration => Unbound, "the mapping is withdrawn from the directory";
        Ours: EvolvePending + Deregistration => Unbound, "an agent may leave before its evolution is decided";
        Ours: Allocated + Purge => Unbound, "§4.2.2.3 asks for the purge, the table has no row for it";
        Ours: Transition + Purge => Unbound, "§4.2.2.3";
        Ours: Bound + Purge => Unbound, "§4.2.2.3";
        Ours: EvolvePending + Purge => Unbound, "§4.2.2.3";
    }
    notes {
        "The picture of §4.2.3.3 puts ERP_INIT and ERP_ALLOC on one arrow from UNBOUND; the table lets ERP_INIT \
         allocate and ERP_ALLOC stay in ALLOCATED. We follow the table.",
        "As drawn, EVOLVE_PENDING has no way out and UNBOUND no way back, though §4.2.2.3 demands a purge and §3.4 \
         lets an EID rotate: the rows marked as ours.",
        "DHT Confirmation is raised for the newest generation only; confirmations of older ones are no event.",
        "Churn in EVOLVE_PENDING and a changed digest in TRANSITION have no row: the owner of the context holds them \
         until it is BOUND and raises them there.",
    }
}
