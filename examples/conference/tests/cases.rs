//! Two real cases, and what their policies say.

mod support;

use support::{NO_RULE, NOT_THERE, PERMITTED, UNREACHABLE, come_in_order, decided, fact, told};

const ALWAYS: Option<&str> = Some("always permitted");

// shows: IOE-025 (§3.1)
#[test]
fn in_telehealth_the_law_goes_with_the_patients_data() {
    // shows: IOE-095 (§4.7 R7)
    let told = told(&["telehealth"]);
    come_in_order(
        &told.events,
        &[
            decided("joined", "patient", "", PERMITTED),
            decided("joined", "physician", "", PERMITTED),
            decided("decided", "patient", "pulse", PERMITTED),
            decided("decided", "physician", "refers", PERMITTED),
            decided("joined", "specialist", "in us", NOT_THERE).line("eu-law.policy", 8),
            fact("consented", "patient", "recording, transfer"),
            decided("joined", "specialist", "in us", PERMITTED),
            fact("flows", "control plane", "6 flows lead to us"),
            decided("decided", "specialist", "speaks", PERMITTED),
            decided("invoked", "a recording at the specialist's", "in us", NOT_THERE).line("eu-law.policy", 9),
            decided("invoked", "a recording in the EU", "in de", PERMITTED),
            fact("consented", "patient", "transfer"),
            decided("cancelled", "a recording in the EU", "", NO_RULE).by("clinic"),
            fact("consented", "patient", "recording"),
            fact("flows", "control plane", "0 flows lead to us"),
            decided("decided", "patient", "send the pulse there", NOT_THERE).line("eu-law.policy", 8),
            decided("decided", "physician", "wants to speak", UNREACHABLE).by("eu-law"),
            decided("decided", "patient", "hangs up", ALWAYS),
            fact("terminated", "control plane", ""),
        ],
    );
    assert_eq!(told.summary["ok"], true);
}

#[test]
fn in_the_robot_cell_a_stranger_needs_a_second_person_and_a_stop_is_always_permitted() {
    // shows: IOE-107 (§4.9 R9)
    let told = told(&["robot"]);
    come_in_order(
        &told.events,
        &[
            decided("joined", "robot", "device", PERMITTED),
            decided("invoked", "the operator's controller", "", NO_RULE).by("plant"),
            decided("joined", "safety officer", "", PERMITTED),
            decided("invoked", "the operator's controller", "", PERMITTED).line("plant.policy", 9),
            decided("decided", "robot", "reports", PERMITTED),
            decided("joined", "maintainer", "in us", NOT_THERE).line("works-council.policy", 7),
            decided("joined", "maintainer", "in us", PERMITTED),
            decided("decided", "maintainer", "second person's word", NO_RULE).by("plant"),
            decided("decided", "maintainer", "the operator's word", PERMITTED).line("plant.policy", 11),
            decided("decided", "maintainer", "see the cell", NOT_THERE).line("works-council.policy", 7),
            decided("decided", "maintainer", "after six", NO_RULE).by("plant"),
            fact("left", "safety officer", ""),
            decided("cancelled", "the operator's controller", "", NO_RULE).then("suspended"),
            decided("decided", "maintainer", "stops the robot", ALWAYS),
            decided("decided", "robot", "stops itself", ALWAYS),
        ],
    );
    assert_eq!(told.summary["ok"], true);
}
