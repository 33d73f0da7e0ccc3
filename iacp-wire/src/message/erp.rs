//! The EID Routing Protocol (`IACP §4.2`).

use zerocopy::network_endian::{U16, U32, U64};

use crate::field::{Digest, Eid, IatField, InitializationNonce, Locator, RefusedDigest, Signature};
use crate::figure::figure;

figure! {
    /// `ERP_DEFLECT`, 0x0E (`IACP Appendix A.14`); the inner payload follows.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                 Original Target Locator [16]                  |
    /// +-------------------------------+---------------+---------------+
    /// |    Original Target Port [2]   |    TTL [1]    | Reserved [1]  |
    /// +-------------------------------+---------------+---------------+
    /// |                     Inner Agent Payload …                     |
    /// +---------------------------------------------------------------+
    /// ```
    ErpDeflect = 20 {
        /// The original destination of the payload.
        original_target_locator: Locator,
        /// Its port.
        original_target_port: U16,
        /// Hops that are left.
        deflection_routing_ttl: u8,
        /// Zero when sent, ignored when received.
        reserved: u8,
    }
}

figure! {
    /// `ERP_INIT`, 0x11 (`IACP Appendix A.18`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                   Initialization Nonce [32]                   |
    /// +---------------------------------------------------------------+
    /// ```
    ErpInit = 32 {
        /// Random; ERP_ALLOC mirrors it.
        initialization_nonce: InitializationNonce,
    }
}

figure! {
    plain
    /// `ERP_ALLOC`, 0x14 (`IACP Appendix A.19`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                   Initialization Nonce [32]                   |
    /// +---------------------------------------------------------------+
    /// |                      Allocated EID [32]                       |
    /// +---------------------------------------------------------------+
    /// |                        Local_IAT [32]                         |
    /// +---------------------------------------------------------------+
    /// ```
    ErpAlloc = 96 {
        /// The nonce of the ERP_INIT.
        initialization_nonce: InitializationNonce,
        /// The new agent's EID.
        allocated_eid: Eid,
        /// The token that the agent presents from now on.
        local_iat: IatField,
    }
}

figure! {
    /// `ERP_REGISTER`, 0x15 (`IACP Appendix A.20`). `IACP §8.5` calls it ERP_REGISTRATION.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                        Source EID [32]                        |
    /// +---------------------------------------------------------------+
    /// |                   Current Transport IP [16]                   |
    /// +---------------------------------------------------------------+
    /// |                    Generation Counter [8]                     |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    ErpRegister = 120 {
        /// The agent whose mapping it is.
        source_eid: Eid,
        /// The address of the agent.
        current_transport_ip: Locator,
        /// 0 for the first mapping of an EID.
        generation_counter: U64,
        /// The binding signature, over the 56 bytes before it.
        signature: Signature,
    }
}

figure! {
    /// `ERP_EVOLVE`, 0x16 (`IACP Appendix A.21`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                        Target EID [32]                        |
    /// +---------------------------------------------------------------+
    /// |                   Previous App-Digest [32]                    |
    /// +---------------------------------------------------------------+
    /// |                    Current App-Digest [32]                    |
    /// +---------------------------------------------------------------+
    /// |                 Evolution Sequence Number [8]                 |
    /// +---------------------------------------------------------------+
    /// |                 AIRK Signature (Ed25519) [64]                 |
    /// +---------------------------------------------------------------+
    /// ```
    ErpEvolve = 168 {
        /// The agent that evolves.
        target_eid: Eid,
        /// SHA-256 of the application before the change.
        previous_app_digest: Digest,
        /// SHA-256 of the application after it.
        current_app_digest: Digest,
        /// One more with each evolution.
        evolution_sequence_number: U64,
        /// Signed by the agent's identity root key.
        signature: Signature,
    }
}

figure! {
    /// `MIGRATION_VECTOR`, 0x17, as a control frame (`IACP §4.2.5.1`); a MIGRATION_VECTOR TLV follows. `IACP §8.1` calls
    /// it ERP_REDIRECT.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                        Source EID [32]                        |
    /// +---------------------------------------------------------------+
    /// |                    Generation Counter [8]                     |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// |                    MIGRATION_VECTOR TLV …                     |
    /// +---------------------------------------------------------------+
    /// ```
    MigrationVector = 104 {
        /// The agent that moved.
        source_eid: Eid,
        /// One more than before the move.
        generation_counter: U64,
        /// The binding signature, over EID, current IP and generation.
        signature: Signature,
    }
}

figure! {
    plain
    /// `ERP_KEEPALIVE`, 0x80 (`IACP §4.2.2.3`).
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                           EID [32]                            |
    /// +---------------------------------------------------------------+
    /// |                           IAT [32]                            |
    /// +---------------------------------------------------------------+
    /// ```
    ErpKeepalive = 64 {
        /// The agent that is alive.
        eid: Eid,
        /// Its token.
        local_iat: IatField,
    }
}

figure! {
    /// The ERP Routing Header of `ERP_STREAM`, 0x81 (`IACP §4.2.3.4`); the inner frame follows.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                        Source EID [32]                        |
    /// +---------------------------------------------------------------+
    /// |                      Destination EID [32]                     |
    /// +---------------------------------------------------------------+
    /// |                    Generation Counter [8]                     |
    /// +---------------------------------------------------------------+
    /// |                          Inner frame …                        |
    /// +---------------------------------------------------------------+
    /// ```
    ErpStream = 72 {
        /// The sender.
        source_eid: Eid,
        /// The receiver.
        destination_eid: Eid,
        /// The generation of the sender's mapping.
        generation_counter: U64,
    }
}

figure! {
    /// `ERP_CONFIRM`, 0x82: one directory node's answer to a registration.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                           EID [32]                            |
    /// +---------------------------------------------------------------+
    /// |                    Generation Counter [8]                     |
    /// +---------------------------------------------------------------+
    /// |                     Directory node EID [32]                   |
    /// +---------------------------------------------------------------+
    /// |                          Status [4]                           |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    ErpConfirm = 140 {
        /// Whose mapping is confirmed.
        eid: Eid,
        /// Which one.
        generation_counter: U64,
        /// The node that confirms.
        directory_node_eid: Eid,
        /// 0 if the mapping is committed.
        status: U32,
        /// By the directory node.
        signature: Signature,
    }
}

figure! {
    /// `ERROR`, 0x84 (`IACP §5.4.1`): a hint, never an order.
    ///
    /// ```text
    /// +-------------------------------+---------------+---------------+
    /// |            Code [2]           | Ref. type [1] | Reserved [1]  |
    /// +-------------------------------+---------------+---------------+
    /// |               Retry after, in milliseconds [4]                |
    /// +---------------------------------------------------------------+
    /// |       First 8 bytes of SHA-256 of the refused frame [8]       |
    /// +---------------------------------------------------------------+
    /// ```
    ErrorMessage = 16 {
        /// Why the frame is refused.
        code: U16,
        /// The type of the refused frame.
        refused_type: u8,
        /// Zero when sent, ignored when received.
        reserved: u8,
        /// When to try again.
        retry_after: U32,
        /// Which frame is refused.
        refused_digest: RefusedDigest,
    }
}
