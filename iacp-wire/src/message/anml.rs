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
    ///
    /// ```
    /// use iacp_wire::message::{AnmlFallbackAnswer, AnmlFallbackQuery};
    /// use iacp_wire::{Eid, Frame, Message, Signature, TransactionId};
    /// use zerocopy::network_endian::{U32, U64};
    ///
    /// let tail = AnmlFallbackQuery {
    ///     requestor_eid: Eid([1; 32]),
    ///     transaction_nonce: TransactionId([5; 8]),
    ///     signature: Signature::ZERO,
    /// };
    /// let mut buffer = [0; 256];
    /// let query = Message::AnmlFallbackQuery { uri: "https://example.org/", tail: &tail };
    /// let length = Frame::new(query).write(&mut buffer)?;
    /// let Message::AnmlFallbackQuery { uri, tail } = Frame::parse(&buffer[..length])?.message else {
    ///     return Err("a query".into());
    /// };
    /// assert_eq!(uri, "https://example.org/");
    ///
    /// let answer = AnmlFallbackAnswer {
    ///     transaction_nonce: tail.transaction_nonce,
    ///     status: U32::ZERO,
    ///     mapped_eid: Eid([2; 32]),
    ///     expiry: U64::new(1_790_000_000_000),
    ///     resolver_eid: Eid([3; 32]),
    ///     signature: Signature::ZERO,
    /// };
    /// let mapped = (answer.status.get() == 0).then_some(answer.mapped_eid);
    /// assert_eq!(mapped, Some(Eid([2; 32])));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
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
    ///
    /// An example is at [`AnmlFallbackQuery`].
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
