//! The meaning of a frame's numbers, where the number alone does not show it.

use std::net::IpAddr;

use iacp_core::pss::{Capabilities, RejectionReasons};
use iacp_wire::message::SandboxStream;
use iacp_wire::{Flags, KnownTlv, Locator, MessageType, MigrationVectorTlv, Value};

use crate::utc::utc;

/// Sequence numbers from here on are those of heartbeats.
const HEARTBEATS: u64 = 1 << 63;

/// Fields that are a moment, in Unix milliseconds.
pub const TIMES: [&str; 4] = ["timestamp", "expiration_timestamp", "verification_time", "expiry"];
/// Fields that are an address.
pub const ADDRESSES: [&str; 6] =
    ["original_target_locator", "current_transport_ip", "ip", "destination_ip", "observed_ip", "importer_ip"];
/// Fields that are a code with names.
pub const CODES: [&str; 8] =
    ["kind", "class", "outcome", "refused_type", "offense_type", "teardown_type", "reason_code", "path"];
/// Fields that are bits with names.
pub const BITS: [&str; 5] =
    ["capabilities", "agreed_capabilities", "rejection_reason_flags", "answer_flags", "stream_flags"];
/// Fields that hold a frame.
pub const FRAMES: [&str; 2] = ["inner_frame", "inner_payload"];

/// A remark on a field, or nothing.
#[must_use]
pub fn on_field(name: &str, value: Value<'_>) -> String {
    match value {
        Value::Integer(number) => on_number(name, number),
        Value::Bytes(bytes) if ADDRESSES.contains(&name) => address(bytes),
        Value::Bytes(_) => String::new(),
        Value::Secret(_) => "a secret".into(),
        Value::Text(_) => String::new(),
    }
}

fn on_number(name: &str, number: u64) -> String {
    match name {
        _ if TIMES.contains(&name) => utc(number),
        "sequence_number" => {
            number.checked_sub(HEARTBEATS).map_or(String::new(), |heartbeat| format!("heartbeat {heartbeat}"))
        }
        "capabilities" | "agreed_capabilities" => capabilities(number),
        "rejection_reason_flags" => reasons(number),
        "lifetime" | "dgk_rotation" if number == 0 => "none".into(),
        "lifetime" | "dgk_rotation" | "time_to_live" => "seconds".into(),
        "retry_after" => "milliseconds".into(),
        "receive_window" => "frames".into(),
        "pow_target_threshold" => work(number),
        "kind" => record_kind(number).into(),
        "class" => ["identities", "namespaces", "spaces", "overlay"]
            .get(usize::try_from(number).unwrap_or(usize::MAX))
            .copied()
            .unwrap_or("unknown")
            .into(),
        "answer_flags" => named(number, &ANSWER_FLAGS),
        "outcome" => match number {
            1 => "guilty",
            2 => "cleared",
            _ => "unknown",
        }
        .into(),
        "epoch" | "opening_epoch" => number.checked_mul(30_000).map_or(String::new(), utc),
        "refused_type" => {
            u8::try_from(number).ok().and_then(MessageType::from_code).map_or("unknown", MessageType::name).into()
        }
        "offense_type" if number == 1 => "equivocation".into(),
        "teardown_type" => match number {
            1 => "request",
            2 => "answer",
            3 => "forced",
            _ => "unknown",
        }
        .into(),
        "reason_code" => reason(number).into(),
        "path" => match number {
            1 => "direct",
            2 | 3 => "by a relay",
            _ => "unknown",
        }
        .into(),
        "stream_flags" => {
            named(number, &[(u64::from(SandboxStream::OPENS), "opens"), (u64::from(SandboxStream::ENDS), "ends")])
        }
        _ => String::new(),
    }
}

/// What a directory node answers about a key besides its records.
const ANSWER_FLAGS: [(u64, &str); 8] = [
    (0x0001, "CHALLENGED"),
    (0x0002, "SLASHED"),
    (0x0004, "REVOKED"),
    (0x0008, "QUARANTINED"),
    (0x0010, "hosted"),
    (0x0020, "has tickets"),
    (0x0040, "left"),
    (0x8000, "CACHED"),
];

/// The threshold field of a proof: its claim of bits, and in a worked request the class.
fn work(number: u64) -> String {
    let [kind, _, _, bits] = u32::try_from(number).unwrap_or_default().to_be_bytes();
    match kind.checked_sub(0x80) {
        Some(class) => format!("{bits} zero bits, class {class}"),
        None => "zero bits".into(),
    }
}

/// The name of a kind of record.
const fn record_kind(number: u64) -> &'static str {
    match number {
        0 => "nearest nodes",
        1 => "BINDING",
        2 => "TICKET",
        3 => "AIRK_BINDING",
        4 => "REVOCATION",
        5 => "HOSTING",
        6 => "ROOT",
        7 => "CURATION",
        8 => "DELEGATION",
        9 => "CUSTODY",
        10 => "ASSERTION",
        11 => "PUBLICATION",
        12 => "ACCUSATION",
        13 => "REBUTTAL",
        14 => "VERDICT",
        15 => "SCORE",
        16 => "NODE",
        17 => "FILTER",
        255 => "binding and flags",
        _ => "unknown",
    }
}

/// The four bits of a header by name.
#[must_use]
pub fn flags(flags: Flags, outer: bool) -> String {
    let names = if outer { ["reserved 0x1", "reserved 0x2"] } else { ["SESSION", "FIN"] };
    let [first, second] = names;
    let names = [(0x1, first), (0x2, second), (0x4, "reserved 0x4"), (0x8, "reserved 0x8")];
    named(u64::from(flags.bits()), &names)
}

/// The name of a TLV type.
#[must_use]
pub const fn tlv_name(code: u8) -> &'static str {
    match KnownTlv::from_code(code) {
        Some(KnownTlv::MigrationVector) => "MIGRATION_VECTOR",
        Some(KnownTlv::KeyShare) => "KEY_SHARE",
        Some(KnownTlv::Airk) => "AIRK",
        Some(KnownTlv::AppDigest) => "APP_DIGEST",
        Some(KnownTlv::TicketIv) => "TICKET_IV",
        Some(KnownTlv::DiscoveryProof) => "DISCOVERY_PROOF",
        None => "unknown",
    }
}

/// A remark on a MIGRATION_VECTOR.
#[must_use]
pub fn on_migration(vector: &MigrationVectorTlv) -> String {
    format!("from {} to {}, nonce {}", vector.previous, vector.current, hex::encode(vector.nonce))
}

fn address(bytes: &[u8]) -> String {
    bytes.try_into().map_or_else(|_| String::new(), |bytes| IpAddr::from(Locator(bytes)).to_string())
}

fn capabilities(bits: u64) -> String {
    let names = [
        (Capabilities::SFC, "SFC"),
        (Capabilities::CHACHA20_POLY1305, "ChaCha20-Poly1305"),
        (Capabilities::TERMS_ACCEPTED, "terms accepted"),
        (Capabilities::ENDPOINTS, "endpoints"),
        (Capabilities::RESUME, "resume"),
        (Capabilities::EXCLUSIVE, "exclusive"),
    ];
    named(bits, &names.map(|(bit, name)| (u64::from(bit.bits()), name)))
}

fn reasons(bits: u64) -> String {
    let names = [
        (RejectionReasons::LIFETIME_TOO_LONG, "lifetime too long"),
        (RejectionReasons::LIFETIME_TOO_SHORT, "lifetime too short"),
        (RejectionReasons::WINDOW_TOO_LARGE, "window too large"),
        (RejectionReasons::WINDOW_TOO_SMALL, "window too small"),
        (RejectionReasons::ROTATION_TOO_SLOW, "rotation too slow"),
        (RejectionReasons::ROTATION_TOO_FAST, "rotation too fast"),
        (RejectionReasons::OTHER, "other"),
    ];
    named(bits, &names.map(|(bit, name)| (u64::from(bit.0), name)))
}

/// The names of the bits that are set, and what is left of them.
fn named(bits: u64, names: &[(u64, &str)]) -> String {
    let mut rest = bits;
    let mut set = Vec::new();
    for (bit, name) in names.iter().filter(|(bit, _)| bits & bit == *bit) {
        rest &= !bit;
        set.push((*name).to_owned());
    }
    if rest != 0 {
        set.push(format!("unknown {rest:#x}"));
    }
    set.join(", ")
}

fn reason(code: u64) -> &'static str {
    use iacp_core::pss::TeardownReason as Reason;
    let names = [
        (Reason::None, "none"),
        (Reason::TaskComplete, "task complete"),
        (Reason::LifetimeExpired, "lifetime expired"),
        (Reason::NegotiationFailed, "negotiation failed"),
        (Reason::Compromised, "compromised"),
        (Reason::Capacity, "capacity"),
        (Reason::DeltaLogLost, "delta log lost"),
        (Reason::ShuttingDown, "shutting down"),
        (Reason::Malfeasance, "malfeasance"),
        (Reason::IdentityRotated, "identity rotated"),
        (Reason::KeyExhausted, "key exhausted"),
    ];
    names.iter().find(|(reason, _)| u64::from(reason.code()) == code).map_or("unknown", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use iacp_wire::Value;

    use super::{BITS, CODES, on_field};

    #[test]
    fn what_is_listed_as_codes_and_bits_has_names() {
        let note = |name: &str, number: u64| on_field(name, Value::Integer(number));
        for name in CODES {
            assert!((0..256).any(|code| !["", "unknown"].contains(&note(name, code).as_str())), "{name}");
        }
        for name in BITS {
            assert!((0..32).any(|bit| !note(name, 1 << bit).starts_with("unknown")), "{name}");
        }
    }
}
