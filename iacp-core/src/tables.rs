//! The list of all state tables.

use crate::machine::Machine;

/// Every table of this crate, in the order of Appendix B; the two that are drawn elsewhere stand by their kin.
pub static MACHINES: &[&Machine] = &[
    &crate::discovery::dfa::MACHINE,
    &crate::erp::context::MACHINE,
    &crate::guard::breaker::MACHINE,
    &crate::pss::continuity::MACHINE,
    &crate::pss::lifecycle::MACHINE,
    &crate::governance::quarantine::MACHINE,
    &crate::governance::revocation::MACHINE,
    &crate::governance::escrow::MACHINE,
    &crate::dhi::workflow::MACHINE,
];
