//! The names that are measured.

/// What is special about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is a surface.
    Valid,
    /// It fails in its time fragment.
    FailsEarly,
    /// It fails in its last segment, or behind it.
    FailsLate,
}

/// As they may come: in each form of the time, short and long, and some that are not surfaces.
pub const NAMES: &[(Kind, &str)] = &[
    // The draft's example, without and with its extension.
    (Kind::Valid, "20260514t064148z.message.jasper.normal"),
    (Kind::Valid, "20260514t064148z.message.jasper.normal.tza"),
    (Kind::Valid, "20260516T120000Z.build-artifact.signed-json.high.retry-2"),
    (Kind::Valid, "2026-05-16t12-00-00z.message.jasper.normal"),
    (Kind::Valid, "2026-05-16t12-00-00z.build-artifact.signed-json.high.retry-2"),
    (Kind::Valid, "2026-05-16.message.jasper.normal"),
    (Kind::Valid, "2026-05-16.build-artifact.signed-json.high.retry-2"),
    // 200 bytes: each segment as long as it may be.
    (
        Kind::Valid,
        "2026-05-16t12-00-00z.nightly-build-of-signed-continuity-envelopes-010.\
         canonical-json-with-detached-signature-and-chain.as-soon-as-the-operator-returns0.\
         third-attempt-after-the-relay-was-restarted-4711",
    ),
    (Kind::FailsEarly, "message.jasper.normal.tza"),
    (Kind::FailsEarly, "2026051-t064148z.message.jasper.normal"),
    (Kind::FailsEarly, "2026-05-16t12:00:00z.message.jasper.normal"),
    (Kind::FailsLate, "20260514t064148z.message.jasper.normal.TZA"),
    (Kind::FailsLate, "2026-05-16t12-00-00z.build-artifact.signed-json.high.retry-2.again"),
    // A priority of 33 bytes.
    (
        Kind::FailsLate,
        "2026-05-16t12-00-00z.nightly-build-of-signed-continuity-envelopes-010.\
         canonical-json-with-detached-signature-and-chain.as-soon-as-the-operator-returns01",
    ),
];
