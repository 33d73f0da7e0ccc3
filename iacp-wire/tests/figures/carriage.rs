//! Messages beside the draft's figures: 0x89 to 0x8C.

use iacp_wire::MessageType;

use super::{Ending, Sample, bytes, integer};

pub const SAMPLES: &[Sample] = &[
    Sample {
        message_type: MessageType::PathRelay,
        header: "1 89 0 0009",
        responder_cookie: "",
        body: &[integer("path", "03"), bytes("reserved", "00×3"), bytes("inner_frame", "44×5")],
        tlvs: &[],
        ending: Ending::Open { least: 0 },
    },
    Sample {
        message_type: MessageType::TransitGrant,
        header: "1 8a 0 0074",
        responder_cookie: "",
        body: &[
            integer("granted_transit_id", "4243"),
            bytes("reserved", "00×2"),
            integer("lifetime", "00000258"),
            bytes("ip_transit_token", "11×32"),
            bytes("destination_ip", "00×10 ff×2 c0000207"),
            bytes("observed_ip", "20010db8 00×11 07"),
            integer("observed_port", "1083"),
            bytes("reserved_port", "00×2"),
            bytes("answered_digest", "55×8"),
            bytes("carrier_instance_identifier", "66×32"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::DockOffer,
        header: "1 8b 0 00dc",
        responder_cookie: "",
        body: &[
            bytes("importer_instance_identifier", "11×32"),
            bytes("exporter_instance_identifier", "22×32"),
            bytes("eid", "33×32"),
            bytes("importer_ip", "00×10 ff×2 c6336408"),
            integer("importer_port", "1083"),
            bytes("reserved", "00×2"),
            bytes("ephemeral_key", "44×32"),
            integer("expiry", "0000019a 33343536"),
            bytes("signature", "55×64"),
        ],
        tlvs: &[],
        ending: Ending::Tlvs,
    },
    Sample {
        message_type: MessageType::SandboxStream,
        header: "1 8c 0 002f",
        responder_cookie: "",
        body: &[
            bytes("esd_eid", "11×32"),
            integer("stream", "00000005"),
            integer("stream_flags", "0003"),
            bytes("reserved", "00×2"),
            bytes("bytes", "68 74 74 70 3a 2f 2f"),
        ],
        tlvs: &[],
        ending: Ending::Open { least: 0 },
    },
];
