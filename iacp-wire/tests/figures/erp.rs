//! The EID Routing Protocol: Appendix A.14, A.18 to A.22, and 0x80 to 0x82.

use iacp_wire::MessageType;

use super::{Ending, Field, Sample, bytes, integer};

const ERP_INIT: &[Field] = &[bytes("initialization_nonce", "11×32")];

const MIGRATION_VECTOR: &[Field] =
    &[bytes("source_eid", "11×32"), integer("generation_counter", "00000000 00000008"), bytes("signature", "33×64")];

pub const SAMPLES: &[Sample] = &[
    Sample {
        message_type: MessageType::ErpDeflect,
        header: "1 0e 0 001a",
        responder_cookie: "",
        body: &[
            bytes("original_target_locator", "00×10 ff×2 c0000207"),
            integer("original_target_port", "1083"),
            integer("deflection_routing_ttl", "08"),
            integer("reserved", "00"),
            bytes("inner_payload", "55×6"),
        ],
        tlvs: &[],
        ending: Ending::Open { least: 0 },
    },
    Sample {
        message_type: MessageType::ErpInit,
        header: "1 11 0 0020",
        responder_cookie: "",
        body: ERP_INIT,
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    // With the agent's identity root key.
    Sample {
        message_type: MessageType::ErpInit,
        header: "1 11 0 0042",
        responder_cookie: "",
        body: ERP_INIT,
        tlvs: &["81 20 22×32"],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::ErpAlloc,
        header: "1 14 0 0060",
        responder_cookie: "",
        body: &[bytes("initialization_nonce", "11×32"), bytes("allocated_eid", "22×32"), bytes("local_iat", "33×32")],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::ErpRegister,
        header: "1 15 0 0078",
        responder_cookie: "",
        body: &[
            bytes("source_eid", "11×32"),
            bytes("current_transport_ip", "20010db8 00×11 07"),
            integer("generation_counter", "00000000 00000000"),
            bytes("signature", "44×64"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::ErpEvolve,
        header: "1 16 0 00a8",
        responder_cookie: "",
        body: &[
            bytes("target_eid", "11×32"),
            bytes("previous_app_digest", "22×32"),
            bytes("current_app_digest", "33×32"),
            integer("evolution_sequence_number", "44454647 48494a4b"),
            bytes("signature", "55×64"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    // IP version, reserved, previous IP, current IP, nonce: 18 bytes with IPv4.
    Sample {
        message_type: MessageType::MigrationVector,
        header: "1 17 0 007c",
        responder_cookie: "",
        body: MIGRATION_VECTOR,
        tlvs: &["17 12 04 00 c0000207 c6336408 77×8"],
        ending: Ending::Tlvs,
    },
    // 42 bytes with IPv6.
    Sample {
        message_type: MessageType::MigrationVector,
        header: "1 17 0 0094",
        responder_cookie: "",
        body: MIGRATION_VECTOR,
        tlvs: &["17 2a 06 00 20010db8 00×11 07 20010db8 00×11 08 77×8"],
        ending: Ending::Tlvs,
    },
    // The registry's older TLV type, before an unknown one.
    Sample {
        message_type: MessageType::MigrationVector,
        header: "1 17 0 0081",
        responder_cookie: "",
        body: MIGRATION_VECTOR,
        tlvs: &["0c 12 04 00 c0000207 c6336408 77×8", "c3 03 88×3"],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::ErpKeepalive,
        header: "1 80 0 0040",
        responder_cookie: "",
        body: &[bytes("eid", "11×32"), bytes("local_iat", "22×32")],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::ErpStream,
        header: "1 81 0 004d",
        responder_cookie: "",
        body: &[
            bytes("source_eid", "11×32"),
            bytes("destination_eid", "22×32"),
            integer("generation_counter", "00000000 00000009"),
            bytes("inner_frame", "44×5"),
        ],
        tlvs: &[],
        ending: Ending::Open { least: 0 },
    },
    Sample {
        message_type: MessageType::ErpConfirm,
        header: "1 82 0 008c",
        responder_cookie: "",
        body: &[
            bytes("eid", "11×32"),
            integer("generation_counter", "00000000 00000009"),
            bytes("directory_node_eid", "33×32"),
            integer("status", "00000004"),
            bytes("signature", "55×64"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
];
