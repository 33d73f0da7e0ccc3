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
    OuterTransport = 128 {
        /// The token by which its issuer sees that the path was granted.
        ip_transit_token: TransitToken,
        /// The LL-Entity's own Ed25519 public key.
        ll_entity_instance_identifier: Eid,
        /// By that key.
        signature: Signature,
    }
}
