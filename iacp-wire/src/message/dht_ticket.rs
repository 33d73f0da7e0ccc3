//! Forwarding Tickets in the directory (`IACP §3.5`).

use zerocopy::network_endian::U32;

use crate::field::{AeadNonce, DhtKey, Eid, SealedLocator, Signature, TransactionId};
use crate::figure::figure;

figure! {
    /// `DHT_TICKET_STORE`, 0x05 (`IACP Appendix A.5`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |               Target Storage Key (SHA-256) [32]               |
    /// +---------------------------------------------------------------+
    /// |                     Target Agent EID [32]                     |
    /// +---------------------------------------------------------------+
    /// |                    Time-to-Live (TTL) [4]                     |
    /// +---------------------------------------------------------------+
    /// |                     AEAD Nonce / IV [12]                      |
    /// +---------------------------------------------------------------+
    /// |                 Encrypted Forwarding Data [36]                |
    /// +---------------------------------------------------------------+
    /// |             Owner Digital Signature (Ed25519) [64]            |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// A directory node answers with what the owner stored, signature included; a peer of the owner's session opens it.
    ///
    /// ```
    /// use iacp_wire::message::{DhtTicketQuery, DhtTicketResp, DhtTicketStore};
    /// use iacp_wire::{AeadNonce, DhtKey, Eid, SealedLocator, Signature, TransactionId};
    /// use zerocopy::network_endian::U32;
    ///
    /// let stored = DhtTicketStore {
    ///     target_storage_key: DhtKey([7; 32]),
    ///     target_agent_eid: Eid([1; 32]),
    ///     time_to_live: U32::new(3_600),
    ///     aead_nonce: AeadNonce([2; 12]),
    ///     encrypted_forwarding_data: SealedLocator([3; 36]),
    ///     signature: Signature([4; 64]),
    /// };
    /// let query = DhtTicketQuery {
    ///     target_storage_key: DhtKey([7; 32]),
    ///     transaction_id: TransactionId([5; 8]),
    ///     requestor_eid: Eid([6; 32]),
    /// };
    /// let is_there = query.target_storage_key == stored.target_storage_key;
    /// let answer = DhtTicketResp {
    ///     transaction_id: query.transaction_id,
    ///     status_code: U32::new(u32::from(!is_there)),
    ///     aead_nonce: stored.aead_nonce,
    ///     encrypted_forwarding_data: stored.encrypted_forwarding_data,
    ///     signature: stored.signature,
    /// };
    /// assert_eq!((answer.status_code.get(), answer.signature), (0, Signature([4; 64])));
    /// ```
    DhtTicketStore = 180 {
        /// SHA-256 of the EID.
        target_storage_key: DhtKey,
        /// The agent whose ticket it is.
        target_agent_eid: Eid,
        /// How long to keep it, in seconds. It is not signed: the storing node limits it.
        time_to_live: U32,
        /// The nonce of the seal.
        aead_nonce: AeadNonce,
        /// The new locator, sealed to the session's peer.
        encrypted_forwarding_data: SealedLocator,
        /// By the ticket's owner.
        signature: Signature,
    }
}

figure! {
    /// `DHT_TICKET_QUERY`, 0x06 (`IACP Appendix A.6`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |               Target Storage Key (SHA-256) [32]               |
    /// +---------------------------------------------------------------+
    /// |                  Transaction ID / Nonce [8]                   |
    /// +---------------------------------------------------------------+
    /// |                      Requestor EID [32]                       |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`DhtTicketStore`].
    DhtTicketQuery = 72 {
        /// SHA-256 of the EID that is looked for.
        target_storage_key: DhtKey,
        /// Pairs the answer with the query.
        transaction_id: TransactionId,
        /// The requester.
        requestor_eid: Eid,
    }
}

figure! {
    /// `DHT_TICKET_RESP`, 0x07 (`IACP Appendix A.7`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                  Transaction ID / Nonce [8]                   |
    /// +---------------------------------------------------------------+
    /// |                   Status / Error Code [4]                     |
    /// +---------------------------------------------------------------+
    /// |                     AEAD Nonce / IV [12]                      |
    /// +---------------------------------------------------------------+
    /// |                 Encrypted Forwarding Data [36]                |
    /// +---------------------------------------------------------------+
    /// |             Owner Digital Signature (Ed25519) [64]            |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`DhtTicketStore`].
    DhtTicketResp = 124 {
        /// The transaction of the query.
        transaction_id: TransactionId,
        /// 0 if a ticket follows; otherwise the rest is zero.
        status_code: U32,
        /// The nonce of the seal.
        aead_nonce: AeadNonce,
        /// The new locator, sealed to the session's peer.
        encrypted_forwarding_data: SealedLocator,
        /// The owner's signature, as it was stored.
        signature: Signature,
    }
}
