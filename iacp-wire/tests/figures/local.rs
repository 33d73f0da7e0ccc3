//! The local channel: LOCAL, AAI_REQUEST and AAI_NOTICE, and ERP_KEEPALIVE with an APP_DIGEST; 0x86 to 0x88.

use iacp_wire::MessageType;

use super::{Ending, Sample, bytes, integer};

pub const SAMPLES: &[Sample] = &[
    // 64 bytes, and an inner frame of 20: AAI_REQUEST with op 23, LEAVE.
    Sample {
        message_type: MessageType::Local,
        header: "1 86 0 0054",
        responder_cookie: "",
        body: &[
            bytes("eid", "11×32"),
            bytes("local_iat", "22×32"),
            bytes("inner_frame", "1 87 0 0010 0017 0000 00000001 00×8"),
        ],
        tlvs: &[],
        ending: Ending::Open { least: 0 },
    },
    // SEND of item 5 in the session of slot 2, used once before.
    Sample {
        message_type: MessageType::AaiRequest,
        header: "1 87 0 001d",
        responder_cookie: "",
        body: &[
            integer("op", "0003"),
            integer("op_reserved", "0000"),
            integer("request", "0000002a"),
            integer("session", "00000003 00000001"),
            bytes("arguments", "00000000 00000005 68656c6c6f"),
        ],
        tlvs: &[],
        ending: Ending::Open { least: 0 },
    },
    // RESULT: NO_SESSION.
    Sample {
        message_type: MessageType::AaiNotice,
        header: "1 88 0 0010",
        responder_cookie: "",
        body: &[
            integer("notice", "0001"),
            integer("result_status", "0020"),
            integer("request", "0000002a"),
            integer("session", "00000003 00000001"),
            bytes("content", ""),
        ],
        tlvs: &[],
        ending: Ending::Open { least: 0 },
    },
    // An agent whose software has changed reports that in its keepalive.
    Sample {
        message_type: MessageType::ErpKeepalive,
        header: "1 80 0 0062",
        responder_cookie: "",
        body: &[bytes("eid", "11×32"), bytes("local_iat", "22×32")],
        tlvs: &["82 20 33×32"],
        ending: Ending::Tlvs,
    },
];
