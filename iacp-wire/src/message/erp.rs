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
    ///
    /// An example is at [`ErpStream`].
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
    ///
    /// An example is at [`ErpAlloc`].
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
    ///
    /// An agent takes the answer only if it repeats the nonce of its ERP_INIT. The token lets a process act as the
    /// agent: it goes into a type that wipes itself.
    ///
    /// ```
    /// use iacp_wire::message::{ErpAlloc, ErpInit};
    /// use iacp_wire::{Eid, Frame, IatField, InitializationNonce, Message};
    ///
    /// let asked = ErpInit { initialization_nonce: InitializationNonce([7; 32]) };
    /// # let alloc = ErpAlloc {
    /// #     initialization_nonce: asked.initialization_nonce,
    /// #     allocated_eid: Eid([1; 32]),
    /// #     local_iat: IatField([2; 32]),
    /// # };
    /// # let mut buffer = [0; 128];
    /// # let length = Frame::new(Message::ErpAlloc(&alloc)).write(&mut buffer)?;
    /// # let datagram = &buffer[..length];
    /// let Message::ErpAlloc(alloc) = Frame::parse(datagram)?.message else { return Err("an ERP_ALLOC".into()) };
    /// assert_eq!(alloc.initialization_nonce, asked.initialization_nonce);
    /// let (eid, IatField(token)) = (alloc.allocated_eid, &alloc.local_iat);
    /// assert_eq!((eid, token), (Eid([1; 32]), &[2; 32]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
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
    ///
    /// A directory keeps the mapping with the highest generation, and confirms it.
    ///
    /// ```
    /// use core::net::{IpAddr, Ipv4Addr};
    ///
    /// use iacp_wire::message::{ErpConfirm, ErpRegister};
    /// use iacp_wire::{Eid, Locator, Signature};
    /// use zerocopy::network_endian::{U32, U64};
    ///
    /// let at = |last, generation| ErpRegister {
    ///     source_eid: Eid([1; 32]),
    ///     current_transport_ip: Locator::from(IpAddr::from(Ipv4Addr::new(192, 0, 2, last))),
    ///     generation_counter: U64::new(generation),
    ///     signature: Signature::ZERO,
    /// };
    /// let (old, new) = (at(1, 4), at(2, 5));
    /// let kept = if new.generation_counter > old.generation_counter { new } else { old };
    /// let confirm = ErpConfirm {
    ///     eid: kept.source_eid,
    ///     generation_counter: kept.generation_counter,
    ///     directory_node_eid: Eid([3; 32]),
    ///     status: U32::ZERO, // committed
    ///     signature: Signature::ZERO,
    /// };
    /// assert_eq!(confirm.generation_counter.get(), 5);
    /// assert_eq!(IpAddr::from(kept.current_transport_ip), IpAddr::from([192, 0, 2, 2]));
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
    ///
    /// An update of an agent's application continues the one before it.
    ///
    /// ```
    /// use iacp_wire::message::ErpEvolve;
    /// use iacp_wire::{Digest, Eid, Signature};
    /// use zerocopy::network_endian::U64;
    ///
    /// let step = |number, previous, current| ErpEvolve {
    ///     target_eid: Eid([1; 32]),
    ///     previous_app_digest: Digest([previous; 32]),
    ///     current_app_digest: Digest([current; 32]),
    ///     evolution_sequence_number: U64::new(number),
    ///     signature: Signature::ZERO,
    /// };
    /// let continues = |last: &ErpEvolve, next: &ErpEvolve| {
    ///     next.previous_app_digest == last.current_app_digest
    ///         && next.evolution_sequence_number.get() == last.evolution_sequence_number.get() + 1
    /// };
    /// assert!(continues(&step(1, 0xA, 0xB), &step(2, 0xB, 0xC)));
    /// assert!(!continues(&step(1, 0xA, 0xB), &step(3, 0xB, 0xC)));
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
    ///
    /// The frame is written with its TLV; without it, it is refused.
    ///
    /// ```
    /// use core::net::IpAddr;
    ///
    /// use iacp_wire::message::MigrationVector;
    /// use iacp_wire::{Eid, Frame, Message, MigrationVectorTlv, Signature, TlvWriter, WriteError};
    /// use zerocopy::network_endian::U64;
    ///
    /// let moved = MigrationVector {
    ///     source_eid: Eid([1; 32]),
    ///     generation_counter: U64::new(5),
    ///     signature: Signature::ZERO,
    /// };
    /// let mut frame = Frame::new(Message::MigrationVector(&moved));
    /// assert_eq!(frame.write(&mut [0; 256]), Err(WriteError::Tlvs));
    ///
    /// let (previous, current) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
    /// let mut room = [0; 64];
    /// let mut tlvs = TlvWriter::new(&mut room);
    /// tlvs.migration_vector(&MigrationVectorTlv { code: 0x17, previous, current, nonce: [7; 8] })?;
    /// frame.tlvs = tlvs.finish()?;
    /// assert_eq!(frame.write(&mut [0; 256])?, 4 + MigrationVector::LEN + 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
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
    ///
    /// An example that prints it is at [`Value`](crate::Value).
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
    ///
    /// A node on the way reads the header, and passes the inner frame on as it is. One that knows where the destination
    /// is deflects it there.
    ///
    /// ```
    /// use iacp_wire::message::{ErpDeflect, ErpInit, ErpStream};
    /// use iacp_wire::{Eid, Frame, InitializationNonce, Locator, Message};
    /// use zerocopy::network_endian::{U16, U64};
    ///
    /// # let init = ErpInit { initialization_nonce: InitializationNonce([7; 32]) };
    /// # let mut inner = [0; 64];
    /// # let length = Frame::new(Message::ErpInit(&init)).write(&mut inner)?;
    /// # let inner = &inner[..length];
    /// let head = ErpStream {
    ///     source_eid: Eid([1; 32]),
    ///     destination_eid: Eid([2; 32]),
    ///     generation_counter: U64::new(5),
    /// };
    /// let mut buffer = [0; 256];
    /// let length = Frame::new(Message::ErpStream { head: &head, inner }).write(&mut buffer)?;
    /// let deflect = ErpDeflect {
    ///     original_target_locator: Locator([0; 16]),
    ///     original_target_port: U16::new(4227),
    ///     deflection_routing_ttl: 3,
    ///     reserved: 0,
    /// };
    /// let mut outer = [0; 256];
    /// let length = Frame::new(Message::ErpDeflect { head: &deflect, inner: &buffer[..length] }).write(&mut outer)?;
    ///
    /// let Message::ErpDeflect { inner, .. } = Frame::parse(&outer[..length])?.message else {
    ///     return Err("deflected".into());
    /// };
    /// let Message::ErpStream { head, inner } = Frame::parse(inner)?.message else { return Err("a stream".into()) };
    /// assert_eq!(head.destination_eid, Eid([2; 32]));
    /// assert!(Frame::parse(inner).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
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
    ///
    /// An example is at [`ErpRegister`].
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
    ///
    /// The sender of the refused frame recognises it by its digest.
    ///
    /// ```
    /// use iacp_wire::message::ErrorMessage;
    /// use iacp_wire::{MessageType, RefusedDigest};
    /// use zerocopy::network_endian::{U16, U32};
    ///
    /// let error = ErrorMessage {
    ///     code: U16::new(4),
    ///     refused_type: MessageType::DiscoveryReq.code(),
    ///     reserved: 0,
    ///     retry_after: U32::new(2_000),
    ///     refused_digest: RefusedDigest([7; 8]), // of SHA-256
    /// };
    /// let is_ours = |digest: [u8; 32]| digest.starts_with(&error.refused_digest.0);
    /// assert!(is_ours([7; 32]) && !is_ours([8; 32]));
    /// assert_eq!(MessageType::from_code(error.refused_type), Some(MessageType::DiscoveryReq));
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
