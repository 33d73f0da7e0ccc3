//! Discovery, Access Tickets and Forwarding Tickets: Appendix A.1 to A.7, and 0x85.

use iacp_wire::MessageType;

use super::{Ending, Sample, bytes, integer};

pub const SAMPLES: &[Sample] = &[
    Sample {
        message_type: MessageType::DiscoveryReq,
        header: "1 01 0 0054",
        responder_cookie: "",
        body: &[
            bytes("target_space_coordinate", "11×32"),
            bytes("ephemeral_public_key", "22×32"),
            integer("timestamp", "0000019a 33343536"),
            integer("pow_nonce", "44454647 48494a4b"),
            integer("pow_target_threshold", "00000015"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::DiscoveryRes,
        header: "1 02 0 005c",
        responder_cookie: "",
        body: &[
            bytes("responder_ephemeral_public_key", "11×32"),
            bytes("aead_nonce", "22×12"),
            bytes("encrypted_payload", "33×32 44×16"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::AccessTicketReq,
        header: "1 03 0 0088",
        responder_cookie: "",
        body: &[
            bytes("requestor_eid", "11×32"),
            bytes("target_space_coordinate", "22×32"),
            integer("timestamp", "0000019a 33343536"),
            bytes("signature", "44×64"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::AccessTicketRes,
        header: "1 04 0 0088",
        responder_cookie: "",
        body: &[
            bytes("target_space_coordinate", "11×32"),
            bytes("receiver_eid", "22×32"),
            integer("expiration_timestamp", "0000019a 33343536"),
            bytes("signature", "44×64"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::DhtTicketStore,
        header: "1 05 0 00b4",
        responder_cookie: "",
        body: &[
            bytes("target_storage_key", "11×32"),
            bytes("target_agent_eid", "22×32"),
            integer("time_to_live", "00000e10"),
            bytes("aead_nonce", "44×12"),
            bytes("encrypted_forwarding_data", "55×36"),
            bytes("signature", "66×64"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::DhtTicketQuery,
        header: "1 06 0 0048",
        responder_cookie: "",
        body: &[bytes("target_storage_key", "11×32"), bytes("transaction_id", "22×8"), bytes("requestor_eid", "33×32")],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::DhtTicketResp,
        header: "1 07 0 007c",
        responder_cookie: "",
        body: &[
            bytes("transaction_id", "11×8"),
            integer("status_code", "00000002"),
            bytes("aead_nonce", "33×12"),
            bytes("encrypted_forwarding_data", "44×36"),
            bytes("signature", "55×64"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::TicketedRequest,
        header: "1 85 0 00cd",
        responder_cookie: "",
        body: &[
            // The access ticket's body, 136 bytes.
            bytes("target_space_coordinate", "11×32"),
            bytes("receiver_eid", "22×32"),
            integer("expiration_timestamp", "0000019a 33343536"),
            bytes("curator_signature", "44×64"),
            // The holder's signature.
            bytes("signature", "55×64"),
            bytes("inner_frame", "66×5"),
        ],
        tlvs: &[],
        ending: Ending::Open { least: 0 },
    },
];
