//! Sessions: Appendix A.8 to A.13 and A.17. In a session the R-Cookie stands between header and figure.

use iacp_wire::MessageType;

use super::{Ending, Field, Sample, bytes, integer};

const PSS_INIT: &[Field] = &[
    bytes("initiator_eid", "11×32"),
    bytes("session_connection_cookie", "22×8"),
    integer("initial_sequence", "00000000 33343536"),
    integer("capabilities", "00000003"),
    bytes("signature", "55×64"),
];

/// PROOF_OF_MAL and its evidence: 380 bytes.
const MALFEASANCE_DATA: &str = "0001 0001 a1×32 a2×32 a3×32 a4×64
    b1×16 00×7 07 b2×64
    c1×16 00×7 07 c2×64
    0000019a 33343536 d1×32";

pub const SAMPLES: &[Sample] = &[
    // The bare figure.
    Sample {
        message_type: MessageType::PssInit,
        header: "1 08 0 0074",
        responder_cookie: "",
        body: PSS_INIT,
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    // The frame that opens a session: the R-Cookie is zero, KEY_SHARE follows.
    Sample {
        message_type: MessageType::PssInit,
        header: "1 08 1 009e",
        responder_cookie: "00×8",
        body: PSS_INIT,
        tlvs: &["80 20 66×32"],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::PssAck,
        header: "1 09 1 009e",
        responder_cookie: "99×8",
        body: &[
            bytes("responder_eid", "11×32"),
            bytes("session_connection_cookie", "22×8"),
            integer("responder_initial_sequence", "00000000 33343536"),
            integer("agreed_capabilities", "00000007"),
            bytes("signature", "55×64"),
        ],
        tlvs: &["80 20 66×32"],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::PssNeg,
        header: "1 0a 1 0096",
        responder_cookie: "99×8",
        body: &[
            bytes("session_connection_cookie", "11×8"),
            integer("negotiation_turn_counter", "0001"),
            integer("rejection_reason_flags", "0203"),
            // Initial sequence 8, capabilities 4, DGK rotation 4, lifetime 4, receive window 4, zero 8.
            bytes("conditions", "00000000 44454647 00000003 00000e10 00015180 00000040 00×8"),
            bytes("signature", "55×64"),
        ],
        tlvs: &["80 20 66×32"],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::PssDataStream,
        header: "1 0b 1 0038",
        responder_cookie: "99×8",
        body: &[
            bytes("session_connection_cookie", "11×8"),
            integer("sequence_number", "00000000 22232425"),
            bytes("aead_nonce", "33×12"),
            // Four bytes of ciphertext and the tag.
            bytes("encrypted_payload", "44×4 55×16"),
        ],
        tlvs: &[],
        ending: Ending::Open { least: 16 },
    },
    // The sender's last frame: FIN beside SESSION, and only the tag as payload.
    Sample {
        message_type: MessageType::PssDataStream,
        header: "1 0b 3 0034",
        responder_cookie: "99×8",
        body: &[
            bytes("session_connection_cookie", "11×8"),
            integer("sequence_number", "00000000 22232426"),
            bytes("aead_nonce", "33×12"),
            bytes("encrypted_payload", "55×16"),
        ],
        tlvs: &[],
        ending: Ending::Open { least: 16 },
    },
    Sample {
        message_type: MessageType::PssTeardown,
        header: "1 0c 1 0058",
        responder_cookie: "99×8",
        body: &[
            bytes("session_connection_cookie", "11×8"),
            integer("teardown_type", "0001"),
            integer("reason_code", "0203"),
            integer("malfeasance_length", "00000000"),
            bytes("signature", "55×64"),
            bytes("malfeasance_data", ""),
        ],
        tlvs: &[],
        ending: Ending::Measured { head: 5, length_field: "malfeasance_length" },
    },
    Sample {
        message_type: MessageType::PssTeardown,
        header: "1 0c 1 01d4",
        responder_cookie: "99×8",
        body: &[
            bytes("session_connection_cookie", "11×8"),
            integer("teardown_type", "0003"),
            integer("reason_code", "0203"),
            integer("malfeasance_length", "0000017c"),
            bytes("signature", "55×64"),
            bytes("malfeasance_data", MALFEASANCE_DATA),
        ],
        tlvs: &[],
        ending: Ending::Measured { head: 5, length_field: "malfeasance_length" },
    },
    Sample {
        message_type: MessageType::PssRevocationPublish,
        header: "1 0d 0 0200",
        responder_cookie: "",
        body: &[
            bytes("target_storage_key", "11×32"),
            bytes("offender_eid", "22×32"),
            integer("malfeasance_length", "0000017c"),
            bytes("signature", "44×64"),
            bytes("malfeasance_data", MALFEASANCE_DATA),
        ],
        tlvs: &[],
        ending: Ending::Measured { head: 4, length_field: "malfeasance_length" },
    },
    // The signature is the last field, behind the evidence.
    Sample {
        message_type: MessageType::PssRevocationRebuttal,
        header: "1 13 0 00f4",
        responder_cookie: "",
        body: &[
            bytes("target_storage_key", "11×32"),
            bytes("offender_eid", "22×32"),
            integer("rebuttal_proof_length", "00000070"),
            // A revocation record: EID 32, last valid generation 8, time 8, AIRK signature 64.
            bytes("rebuttal_evidence", "33×32 00×7 06 0000019a 33343536 44×64"),
            bytes("signature", "55×64"),
        ],
        tlvs: &[],
        ending: Ending::Measured { head: 3, length_field: "rebuttal_proof_length" },
    },
];
