//! The Outer Transport Header (`IACP Appendix A.15`).

use crate::field::{Eid, Signature, TransitToken};
use crate::figure::figure;

figure! {
    /// The fields after the first word of an Outer Transport Header; the inner payload runs to the end of the datagram.
    ///
    /// ```text
    /// +-----------------------+-------+-------------------------------+
    /// |   Outer Type (0x0F)   | Flags |          Transit-ID           |
    /// +-----------------------+-------+-------------------------------+
    /// |                     IP_Transit_Token [32]                     |
    /// +---------------------------------------------------------------+
    /// |           LL-Entity Instance Identifier (LII) [32]            |
    /// +---------------------------------------------------------------+
    /// |             LIK Transit Signature (Ed25519) [64]              |
    /// +---------------------------------------------------------------+
    /// |                Inner ERP / IACP / PSS Payload …               |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// The carrier's token comes in a [`TransitGrant`](crate::message::TransitGrant), and with it the Transit-ID that
    /// the first word repeats.
    ///
    /// ```
    /// use core::net::IpAddr;
    ///
    /// use iacp_wire::message::{OuterTransport, TransitGrant};
    /// use iacp_wire::{Eid, Frame, Locator, Message, RefusedDigest, Signature, TransitToken};
    /// use zerocopy::network_endian::{U16, U32};
    ///
    /// let observed = Locator::from(IpAddr::from([192, 0, 2, 1]));
    /// let grant = TransitGrant {
    ///     granted_transit_id: U16::new(12),
    ///     reserved: [0; 2],
    ///     lifetime: U32::new(600),
    ///     ip_transit_token: TransitToken([5; 32]),
    ///     destination_ip: Locator::from(IpAddr::from([192, 0, 2, 9])),
    ///     observed_ip: observed,
    ///     observed_port: U16::new(4227),
    ///     reserved_port: [0; 2],
    ///     answered_digest: RefusedDigest([7; 8]),
    ///     carrier_instance_identifier: Eid([3; 32]),
    /// };
    /// let head = OuterTransport {
    ///     ip_transit_token: grant.ip_transit_token,
    ///     ll_entity_instance_identifier: Eid([1; 32]),
    ///     signature: Signature::ZERO,
    /// };
    /// let transit_id = grant.granted_transit_id.get();
    /// let outer = Message::OuterTransport { transit_id, head: &head, inner: b"a frame" };
    /// let mut buffer = [0; 256];
    /// let length = Frame::new(outer).write(&mut buffer)?;
    /// assert_eq!(buffer[..4], [0x00, 0xF0, 0, 12]);
    /// assert_eq!(Frame::parse(&buffer[..length])?.version(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    OuterTransport = 128 {
        /// The token by which its issuer sees that the path was granted.
        ip_transit_token: TransitToken,
        /// The LL-Entity's own Ed25519 public key.
        ll_entity_instance_identifier: Eid,
        /// By that key.
        signature: Signature,
    }
}
