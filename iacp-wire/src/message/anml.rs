//! The ANML Fallback Query (`IACP §4.1.2`).

use crate::field::{Eid, Signature, TransactionId};
use crate::figure::figure;

figure! {
    /// What follows the URI in an `ANML Fallback Query`, 0x12 (`IACP Appendix A.16`). The URI comes first; its length is
    /// what remains.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                 Legacy Target URI (variable)                  |
    /// +---------------------------------------------------------------+
    /// |                      Requestor EID [32]                       |
    /// +---------------------------------------------------------------+
    /// |                     Transaction Nonce [8]                     |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    AnmlFallbackQuery = 104 {
        /// Who asks.
        requestor_eid: Eid,
        /// Pairs the answer with the question.
        transaction_nonce: TransactionId,
        /// By the requestor.
        signature: Signature,
    }
}
