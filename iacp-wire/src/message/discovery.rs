//! Anonymous discovery (`IACP §6.3`).

use zerocopy::network_endian::{U32, U64};

use crate::field::{AeadNonce, DhtKey, SealedEid, X25519Key};
use crate::figure::figure;

figure! {
    /// `DISCOVERY_REQ`, 0x01 (`IACP Appendix A.1`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |       Target Space Coordinate (DHT Key, SHA-256) [32]         |
    /// +---------------------------------------------------------------+
    /// |              Ephemeral Public Key (X25519) [32]               |
    /// +---------------------------------------------------------------+
    /// |                 Timestamp / Replay Nonce [8]                  |
    /// +---------------------------------------------------------------+
    /// |                    Proof-of-Work Nonce [8]                    |
    /// +---------------------------------------------------------------+
    /// |                   PoW Target Threshold [4]                    |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// The proof of work is claimed in the frame: what claims too little is dropped before anything is computed.
    ///
    /// ```
    /// use iacp_wire::message::DiscoveryReq;
    /// use iacp_wire::{DhtKey, X25519Key};
    /// use zerocopy::network_endian::{U32, U64};
    ///
    /// let request = DiscoveryReq {
    ///     target_space_coordinate: DhtKey([7; 32]),
    ///     ephemeral_public_key: X25519Key([4; 32]),
    ///     timestamp: U64::new(1_790_000_000_000),
    ///     pow_nonce: U64::new(77_001),
    ///     pow_target_threshold: U32::new(18),
    /// };
    /// let required = 20;
    /// assert!(request.pow_target_threshold.get() < required, "it is dropped");
    /// ```
    DiscoveryReq = 84 {
        /// The Discovery Space that is searched.
        target_space_coordinate: DhtKey,
        /// The requester's one-time key: the answer is sealed to it.
        ephemeral_public_key: X25519Key,
        /// Unix time in milliseconds.
        timestamp: U64,
        /// What was mined.
        pow_nonce: U64,
        /// The number of trailing zero bits that the proof claims.
        pow_target_threshold: U32,
    }
}

figure! {
    /// `DISCOVERY_RES`, 0x02 (`IACP Appendix A.2`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |         Responder Ephemeral Public Key (X25519) [32]          |
    /// +---------------------------------------------------------------+
    /// |                     AEAD Nonce / IV [12]                      |
    /// +---------------------------------------------------------------+
    /// |   Encrypted Payload (True EID [32] + AEAD Auth Tag [16])      |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// The EID is sealed to the key of the request: 32 bytes and their tag.
    ///
    /// ```
    /// use iacp_wire::message::DiscoveryRes;
    /// use iacp_wire::{AeadNonce, AeadTag, Eid, SealedEid, X25519Key};
    ///
    /// let answer = DiscoveryRes {
    ///     responder_ephemeral_public_key: X25519Key([5; 32]),
    ///     aead_nonce: AeadNonce([0; 12]),
    ///     encrypted_payload: SealedEid([6; 48]),
    /// };
    /// let (ciphertext, tag) = answer.encrypted_payload.0.split_at(Eid::LEN);
    /// assert_eq!((ciphertext.len(), tag.len()), (32, AeadTag::LEN));
    /// ```
    DiscoveryRes = 92 {
        /// The responder's one-time key.
        responder_ephemeral_public_key: X25519Key,
        /// The nonce of the seal.
        aead_nonce: AeadNonce,
        /// The responder's EID, sealed.
        encrypted_payload: SealedEid,
    }
}
