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
    ///
    /// An example is at [`TicketedRequest`].
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
    ///
    /// An example is at [`TicketedRequest`].
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
    ///
    /// The holder presents the curator's ticket with each request, and signs the whole.
    ///
    /// ```
    /// use iacp_wire::message::{AccessTicketReq, AccessTicketRes, TicketedRequest};
    /// use iacp_wire::{DhtKey, Eid, Frame, Message, Signature};
    /// use zerocopy::network_endian::U64;
    ///
    /// let asked = AccessTicketReq {
    ///     requestor_eid: Eid([1; 32]),
    ///     target_space_coordinate: DhtKey([7; 32]),
    ///     timestamp: U64::new(1_790_000_000_000),
    ///     signature: Signature::ZERO,
    /// };
    /// let ticket = AccessTicketRes {
    ///     target_space_coordinate: asked.target_space_coordinate,
    ///     receiver_eid: asked.requestor_eid,
    ///     expiration_timestamp: U64::new(1_790_003_600_000),
    ///     signature: Signature([2; 64]), // the curator's
    /// };
    /// let head = TicketedRequest {
    ///     target_space_coordinate: ticket.target_space_coordinate,
    ///     receiver_eid: ticket.receiver_eid,
    ///     expiration_timestamp: ticket.expiration_timestamp,
    ///     curator_signature: ticket.signature,
    ///     signature: Signature::ZERO, // the holder's
    /// };
    /// let frame = Frame::new(Message::TicketedRequest { head: &head, inner: b"a request" });
    /// let span = frame.signature_span().ok_or("the holder signs")?;
    /// assert_eq!(span, 4 + AccessTicketRes::LEN..4 + TicketedRequest::LEN);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
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
