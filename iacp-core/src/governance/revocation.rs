//! The security and revocation model (`IACP App. B.6`).
//!
//! One table of the draft holds three stories: a compromised session and the warning about it; a curator under
//! suspicion; and the sub-spaces below a flagged curator. They stand here together, as drawn.
//!
//! Against B.5's quarantine see [`quarantine`](super::quarantine): there expiry evicts, here it restores.
//!
//! ```
//! use iacp_core::governance::revocation::{Event, State};
//!
//! let mut curator = State::ActiveCurator;
//! curator.step(Event::CertContradiction)?;
//! assert_eq!(curator.next(Event::MalfeasanceProven), Some(State::PermanentDecapitation));
//! assert_eq!(curator.next(Event::QuarantineTimeout), Some(State::ActiveCurator), "silence acquits");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::machine::machine;

machine! {
    machine "revocation", "App. B.6";
    starts in SessionCompromised or ActiveCurator;
    ends in PropagatingWarn, PermanentDecapitation, AutomatedEmergencyMigration;
    states {
        /// A session failed as B.4 describes.
        SessionCompromised = "SESSION_COMPROMISED",
        /// The offence is proven; contexts are destroyed and the proof is compiled.
        EmergencyRevocation = "EMERGENCY_REVOCATION",
        /// The proof is on its way to everyone.
        PropagatingWarn = "PROPAGATING_WARN",
        /// A curator in good standing (of a sub-space: the one above it is).
        ActiveCurator = "ACTIVE_CURATOR",
        /// A curator whose signed claims conflict; nothing is proven.
        Quarantine = "QUARANTINE",
        /// Deliberate double signing is proven: the curator is out for good.
        PermanentDecapitation = "PERMANENT_DECAPITATION",
        /// A sub-space leaves its compromised parent.
        AutomatedEmergencyMigration = "AUTOMATED_EMERGENCY_MIGRATION",
    }
    events {
        /// Malicious behaviour in the session is proven.
        ValidateAnomaly = "VALIDATE_ANOMALY",
        /// The proof of malfeasance is complete.
        PomGenerated = "POM_GENERATED",
        /// Two signed claims of a curator contradict each other.
        CertContradiction = "CERT_CONTRADICTION",
        /// Deliberate double signing is verified.
        MalfeasanceProven = "MALFEASANCE_PROVEN",
        /// The grace period is over and there is no hard evidence.
        QuarantineTimeout = "QUARANTINE_TIMEOUT",
        /// The parent curator is compromised (seen from its sub-spaces).
        CuratorFlagged = "CURATOR_FLAGGED",
    }
    rows {
        Drawn: SessionCompromised + ValidateAnomaly => EmergencyRevocation;
        Drawn: EmergencyRevocation + PomGenerated => PropagatingWarn;
        Drawn: ActiveCurator + CertContradiction => Quarantine;
        Drawn: Quarantine + MalfeasanceProven => PermanentDecapitation;
        // keeps: IACP-163 (B.5)
        Drawn: Quarantine + QuarantineTimeout => ActiveCurator,
            "B.5 lets a peer's quarantine expire into EVICTED_PEER";
        // keeps: IACP-164 (B.6)
        Drawn: ActiveCurator + CuratorFlagged => AutomatedEmergencyMigration, "sub-space nodes";
        Drawn: Quarantine + CuratorFlagged => AutomatedEmergencyMigration, "sub-space nodes";
    }
    notes {
        "Expiry restores here and evicts in B.5. B.6 speaks of a curator without hard evidence, B.5 of a session's \
         peer against whom a proof is validated: both tables stand as drawn, apart.",
        "Its title counts four stages and no text says which; the table draws three for a session.",
        "ACTIVE_CURATOR and QUARANTINE are written for curators and, in the last row, for the nodes of a sub-space: a \
         curator drives its own standing, a sub-space drives a machine of its own about its parent.",
        "No row leaves SESSION_COMPROMISED without a proof: such a session is closed and no peer is accused.",
    }
}
