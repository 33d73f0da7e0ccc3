//! Access Tickets (`IACP §5.3.2`).

use zerocopy::network_endian::U64;

use crate::field::{DhtKey, Eid, Signature};
use crate::figure::figure;

figure! {
    /// `ACCESS_TICKET_REQ`, 0x03 (`IACP Appendix A.3`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                      Requestor EID [32]                       |
    /// +---------------------------------------------------------------+
    /// |            Target Space Coordinate (DHT Key) [32]             |
    /// +---------------------------------------------------------------+
    /// |                 Timestamp / Replay Nonce [8]                  |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    AccessTicketReq = 136 {
        /// The requester.
        requestor_eid: Eid,
        /// For which space.
        target_space_coordinate: DhtKey,
        /// Unix time in milliseconds.
        timestamp: U64,
        /// By the requestor.
        signature: Signature,
    }
}

figure! {
    /// `ACCESS_TICKET_RES`, 0x04 (`IACP Appendix A.4`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |            Target Space Coordinate (DHT Key) [32]             |
    /// +---------------------------------------------------------------+
    /// |                       Receiver EID [32]                       |
    /// +---------------------------------------------------------------+
    /// |                   Expiration Timestamp [8]                    |
    /// +---------------------------------------------------------------+
    /// |            Curator Digital Signature (Ed25519) [64]           |
    /// +---------------------------------------------------------------+
    /// ```
    AccessTicketRes = 136 {
        /// The space to which the ticket gives access.
        target_space_coordinate: DhtKey,
        /// The agent that gets access.
        receiver_eid: Eid,
        /// Unix time in milliseconds.
        expiration_timestamp: U64,
        /// By the curator.
        signature: Signature,
    }
}

figure! {
    /// `TICKETED_REQUEST`, 0x85: a ticket, its holder's signature over the whole request, and the request itself, a
    /// frame that runs to the end.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                  ACCESS_TICKET_RES body [136]                 |
    /// +---------------------------------------------------------------+
    /// |                    Holder's signature [64]                    |
    /// +---------------------------------------------------------------+
    /// |                          Inner frame …                        |
    /// +---------------------------------------------------------------+
    /// ```
    TicketedRequest = 200 {
        /// The ticket's space.
        target_space_coordinate: DhtKey,
        /// The ticket's holder.
        receiver_eid: Eid,
        /// The ticket's end, Unix time in milliseconds.
        expiration_timestamp: U64,
        /// The curator's signature over the ticket.
        curator_signature: Signature,
        /// The holder's signature over this frame.
        signature: Signature,
    }
}
