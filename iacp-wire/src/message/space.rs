//! Hubs of Discovery Spaces (`IACP §6.2`).

use zerocopy::network_endian::{U32, U64};

use crate::field::{DhtKey, Eid, JoinCookie, RefusedDigest, Signature, TransactionId};
use crate::figure::figure;

figure! {
    /// `SPACE_JOIN`, 0x97: an agent asks to receive the requests of a space.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |            Target Space Coordinate (DHT Key) [32]             |
    /// +---------------------------------------------------------------+
    /// |                       Member Key [32]                         |
    /// +---------------------------------------------------------------+
    /// |                   Expiration Timestamp [8]                    |
    /// +---------------------------------------------------------------+
    /// |                       Join Cookie [16]                        |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    SpaceJoin = 152 {
        /// Which space.
        target_space_coordinate: DhtKey,
        /// A key made for this space only: it is not an EID.
        member_key: Eid,
        /// Unix time in milliseconds; a time in the past ends the membership.
        expiration_timestamp: U64,
        /// The cookie from the hub; zero in the first request.
        join_cookie: JoinCookie,
        /// By the member key.
        signature: Signature,
    }
}

figure! {
    /// `SPACE_STATUS`, 0x98: a hub's answer.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |    First 8 bytes of SHA-256 of the answered SPACE_JOIN [8]    |
    /// +---------------------------------------------------------------+
    /// |                          Status [4]                           |
    /// +---------------------------------------------------------------+
    /// |                       Join Cookie [16]                        |
    /// +---------------------------------------------------------------+
    /// ```
    SpaceStatus = 28 {
        /// Which request.
        join_digest: RefusedDigest,
        /// 0 if the agent is a member now.
        status: U32,
        /// The cookie that the agent has to return.
        join_cookie: JoinCookie,
    }
}

figure! {
    /// `SPACE_RELAY`, 0x99: a request or an answer on its way through a hub; it runs to the end.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                        Relay Token [8]                        |
    /// +---------------------------------------------------------------+
    /// |                          Inner frame …                        |
    /// +---------------------------------------------------------------+
    /// ```
    SpaceRelay = 8 {
        /// The token, which is different for each member; it pairs answer and request.
        relay_token: TransactionId,
    }
}
