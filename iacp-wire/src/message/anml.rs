//! The ANML Fallback Query and its answer (`IACP §4.1.2`).

use zerocopy::network_endian::{U32, U64};

use crate::field::{Eid, Signature, TransactionId};
use crate::figure::figure;

figure! {
    /// The fields after the URI in an `ANML Fallback Query`, 0x12 (`IACP Appendix A.16`). The URI comes first, and
    /// takes all bytes before them.
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
        /// The requester.
        requestor_eid: Eid,
        /// Pairs the answer with the query.
        transaction_nonce: TransactionId,
        /// By the requestor.
        signature: Signature,
    }
}

figure! {
    /// `ANML_FALLBACK_ANSWER`, 0x9A: a resolver's answer about the host in an ANML Fallback Query (`IACP §4.1.2`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                     Transaction Nonce [8]                     |
    /// +-------------------------------+-------------------------------+
    /// |          Status [4]           |        Mapped EID [32]        |
    /// +-------------------------------+-------------------------------+
    /// |                          Expiry [8]                           |
    /// +---------------------------------------------------------------+
    /// |                      Resolver's EID [32]                      |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    AnmlFallbackAnswer = 148 {
        /// The nonce of the query.
        transaction_nonce: TransactionId,
        /// 0 with a mapping, otherwise the reason why there is none.
        status: U32,
        /// The EID that answers for the host; zero without a mapping.
        mapped_eid: Eid,
        /// Until when, in Unix milliseconds; zero without a mapping.
        expiry: U64,
        /// The resolver.
        resolver_eid: Eid,
        /// Signed by the resolver, also over the query's digest.
        signature: Signature,
    }
}
