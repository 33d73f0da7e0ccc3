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
    DiscoveryRes = 92 {
        /// The responder's one-time key.
        responder_ephemeral_public_key: X25519Key,
        /// The nonce of the seal.
        aead_nonce: AeadNonce,
        /// The responder's EID, sealed.
        encrypted_payload: SealedEid,
    }
}
