//! A device that hands work from the edge to the cloud (`IoE §6`).

mod support;

use support::{LAPSED, NO_RULE, NOT_THERE, PERMITTED, come_in_order, decided, fact, told};

// shows: IOE-120 (§6)
#[test]
fn device_service_and_agent_share_one_identity_from_edge_to_cloud() {
    // shows: IOE-072 (§4.3 R3), IOE-075 (§4.4 R4), IOE-095 (§4.7 R7), IOE-117 (§6), IOE-119 (§6)
    let told = told(&["edge"]);
    let same = Some("the same interaction");
    come_in_order(
        &told.events,
        &[
            decided("joined", "camera 7", "device", PERMITTED),
            decided("joined", "cloud service", "service", PERMITTED),
            decided("joined", "planning agent", "agent", PERMITTED),
            decided("bound", "camera 7", "MQTT client", Some("it leads to the interaction")),
            decided("decided", "planning agent", "commands", PERMITTED).line("operator.policy", 7),
            decided("decided", "cloud service", "wants to command", NO_RULE).by("operator"),
            decided("invoked", "inference", "in de", PERMITTED),
            decided("invoked", "aggregation", "in us", NOT_THERE).by("regional-data-law"),
            decided("placed", "camera 7", "of us and fr, fr", PERMITTED),
            decided("invoked", "aggregation", "in fr, for camera 7, delegated by inference", PERMITTED),
            decided("output", "aggregation", "", Some("its digest is in the trail")),
            decided("rebound", "cloud service", "", Some("no proof of the key with which it was bound")),
            decided("rebound", "camera 7", "cloud-broker", same),
            fact("transition", "camera 7", "infrastructure transition, in de); the identity stays"),
            decided("decided", "camera 7", "reports on", PERMITTED),
        ],
    );
    assert_eq!(told.summary["coordination"]["binding_points"], 3 + 2 + 2 + 2 + 2);
    assert_eq!(told.summary["ok"], true);
}

#[test]
fn when_the_credential_expires_what_ran_on_it_ends_with_what_it_had_delegated() {
    // shows: IOE-060 (§4.2 R2)
    let events = told(&["edge"]).events;
    come_in_order(
        &events,
        &[
            decided("decided", "camera 7", "for the last time", PERMITTED),
            decided("cancelled", "inference", "", LAPSED),
            fact("cancelled", "aggregation", "is stopped with it"),
            fact("revalidated", "camera 7", "cannot be validated again"),
            decided("decided", "camera 7", "wants to report", LAPSED),
            fact("terminated", "control plane", "0 running functions"),
        ],
    );
    let cancelled: Vec<u64> =
        events.iter().filter(|one| one["event"] == "cancelled").filter_map(|one| one["ms"].as_u64()).collect();
    assert_eq!(cancelled, [6 * 3_600_000 + 300_000; 2], "at the millisecond at which it expires");
}
