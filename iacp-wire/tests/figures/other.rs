//! The Outer Transport Header, the ANML Fallback Query, its answer, PROOF_OF_MAL and ERROR: Appendix A.15, A.16,
//! 0x9A, A.23 and 0x84.

use iacp_wire::MessageType;

use super::{Ending, Sample, bytes, integer, text};

pub const SAMPLES: &[Sample] = &[
    // Outer type 12 bits, flags 4, Transit-ID 16; there is no length.
    Sample {
        message_type: MessageType::OuterTransport,
        header: "00f 0 4243",
        responder_cookie: "",
        body: &[
            bytes("ip_transit_token", "11×32"),
            bytes("ll_entity_instance_identifier", "22×32"),
            bytes("signature", "33×64"),
            bytes("inner_payload", "44×7"),
        ],
        tlvs: &[],
        ending: Ending::Open { least: 0 },
    },
    Sample {
        message_type: MessageType::AnmlFallbackQuery,
        header: "1 12 0 0073",
        responder_cookie: "",
        body: &[
            // ftp://ä.eu, ten characters in eleven bytes of UTF-8. The URI has no length of its own.
            text("legacy_target_uri", "667470 3a2f2f c3a4 2e6575"),
            bytes("requestor_eid", "22×32"),
            bytes("transaction_nonce", "33×8"),
            bytes("signature", "44×64"),
        ],
        tlvs: &[],
        ending: Ending::TextFirst,
    },
    Sample {
        message_type: MessageType::AnmlFallbackAnswer,
        header: "1 9a 0 0094",
        responder_cookie: "",
        body: &[
            bytes("transaction_nonce", "33×8"),
            integer("status", "00000000"),
            bytes("mapped_eid", "44×32"),
            integer("expiry", "0000019a 33343536"),
            bytes("resolver_eid", "55×32"),
            bytes("signature", "66×64"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::ProofOfMal,
        header: "1 18 0 00a4",
        responder_cookie: "",
        body: &[
            integer("version", "0001"),
            integer("offense_type", "0001"),
            bytes("target_eid", "11×32"),
            bytes("digest_a", "22×32"),
            bytes("digest_b", "33×32"),
            bytes("signature", "44×64"),
        ],
        tlvs: &[],
        ending: Ending::Optional { head: 6 },
    },
    Sample {
        message_type: MessageType::ProofOfMal,
        header: "1 18 0 017c",
        responder_cookie: "",
        body: &[
            integer("version", "0001"),
            integer("offense_type", "0001"),
            bytes("target_eid", "11×32"),
            bytes("digest_a", "22×32"),
            bytes("digest_b", "33×32"),
            bytes("signature", "44×64"),
            // A fragment: IP 16, generation 8, signature 64.
            bytes("fragment_a", "55×16 00×7 07 56×64"),
            bytes("fragment_b", "66×16 00×7 07 67×64"),
            integer("verification_time", "0000019a 33343536"),
            bytes("accuser_eid", "77×32"),
        ],
        tlvs: &[],
        ending: Ending::Optional { head: 6 },
    },
    Sample {
        message_type: MessageType::ProofOfMal,
        header: "1 18 0 00db",
        responder_cookie: "",
        body: &[
            integer("version", "0001"),
            integer("offense_type", "0002"),
            bytes("target_eid", "11×32"),
            bytes("digest_a", "22×32"),
            bytes("digest_b", "33×32"),
            bytes("signature", "44×64"),
            integer("claim_kind", "01"),
            integer("reserved", "00"),
            integer("length_a", "0003"),
            integer("length_b", "0006"),
            bytes("claim_a", "55×3"),
            bytes("claim_b", "66×6"),
            integer("verification_time", "0000019a 33343536"),
            bytes("accuser_eid", "77×32"),
        ],
        tlvs: &[],
        ending: Ending::Optional { head: 6 },
    },
    Sample {
        message_type: MessageType::Error,
        header: "1 84 0 0010",
        responder_cookie: "",
        body: &[
            integer("code", "0102"),
            integer("refused_type", "08"),
            integer("reserved", "00"),
            integer("retry_after", "000493e0"),
            bytes("refused_digest", "55×8"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
];
