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
    ///
    /// The first request has no cookie; the hub's answer brings one, and the second request returns it.
    ///
    /// ```
    /// use iacp_wire::message::{SpaceJoin, SpaceStatus};
    /// use iacp_wire::{DhtKey, Eid, JoinCookie, RefusedDigest, Signature};
    /// use zerocopy::network_endian::{U32, U64};
    ///
    /// let first = SpaceJoin {
    ///     target_space_coordinate: DhtKey([7; 32]),
    ///     member_key: Eid([1; 32]),
    ///     expiration_timestamp: U64::new(1_790_000_060_000),
    ///     join_cookie: JoinCookie::ZERO,
    ///     signature: Signature::ZERO,
    /// };
    /// let answer = SpaceStatus {
    ///     join_digest: RefusedDigest([8; 8]), // of the SPACE_JOIN
    ///     status: U32::new(24),               // not a member yet: return the cookie
    ///     join_cookie: JoinCookie([9; 16]),
    /// };
    /// let second = SpaceJoin { join_cookie: answer.join_cookie, ..first };
    /// assert_ne!(second.join_cookie, JoinCookie::ZERO);
    /// assert_eq!(second.target_space_coordinate, first.target_space_coordinate);
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
    ///
    /// An example is at [`SpaceJoin`].
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
    ///
    /// The answer goes back with the token of the request.
    ///
    /// ```
    /// use iacp_wire::message::SpaceRelay;
    /// use iacp_wire::{Frame, Message, TransactionId};
    ///
    /// let relay = |token, inner: &[u8], buffer: &mut [u8]| {
    ///     let head = SpaceRelay { relay_token: TransactionId(token) };
    ///     Frame::new(Message::SpaceRelay { head: &head, inner }).write(buffer)
    /// };
    /// let mut buffer = [0; 64];
    /// let length = relay([5; 8], b"a request", &mut buffer)?;
    /// let Message::SpaceRelay { head, .. } = Frame::parse(&buffer[..length])?.message else {
    ///     return Err("relayed".into());
    /// };
    /// let mut back = [0; 64];
    /// let length = relay(head.relay_token.0, b"its answer", &mut back)?;
    /// assert_eq!(back[4..length], *b"\x05\x05\x05\x05\x05\x05\x05\x05its answer");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    SpaceRelay = 8 {
        /// The token, which is different for each member; it pairs answer and request.
        relay_token: TransactionId,
    }
}
