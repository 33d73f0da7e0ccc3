//! The one table of budgets. What takes more fails the build; what takes less lowers its budget.

use serde::Serialize;

use crate::Footprint;
use crate::image::Section;

/// A step of a session.
#[derive(Debug)]
pub struct Step {
    /// As the program prints it.
    pub name: &'static str,
    /// The ends of the names of the functions that make it.
    pub functions: &'static [&'static str],
    /// What is done.
    pub title: &'static str,
}

const TEARDOWN: [&str; 4] = ["steps::close", "steps::transmit", "steps::receive", "steps::deadline"];

/// The steps that are measured.
pub const STEPS: [Step; 11] = [
    Step { name: "identity", functions: &["steps::identity"], title: "identity of a seed" },
    Step { name: "responder", functions: &["steps::responder"], title: "new responder" },
    Step { name: "initiate", functions: &["steps::initiate"], title: "initiate: PSS_INIT" },
    Step { name: "answer", functions: &["steps::answer"], title: "PSS_INIT in, PSS_NEG out" },
    Step { name: "acknowledge", functions: &["steps::acknowledge"], title: "PSS_NEG in, PSS_ACK made" },
    Step { name: "accept", functions: &["steps::accept"], title: "accept: PSS_ACK in" },
    Step { name: "heartbeat-out", functions: &["steps::transmit"], title: "heartbeat out" },
    Step { name: "heartbeat-in", functions: &["steps::receive"], title: "heartbeat in" },
    Step { name: "send", functions: &["steps::send"], title: "data frame, sealed and sent" },
    Step { name: "open", functions: &["steps::receive"], title: "data frame, opened" },
    Step { name: "teardown", functions: &TEARDOWN, title: "teardown, any call of it" },
];

/// What a budget is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Peak stack of a step in any suite, in bytes.
    Stack(&'static str),
    /// Instructions of a step in any suite, approximately.
    Instructions(&'static str),
    /// Code and constants, in bytes, without the harness.
    Flash,
    /// Static variables of both sides together, in bytes, without the harness and the stack.
    Ram,
    /// Bytes of a session besides LOG and FRAMES.
    SessionFixed,
    /// The same for the provider `ChaChaOnly`.
    SessionWithoutAes,
    /// Bytes of a session for each of its FRAMES.
    SessionFrame,
}

/// What may be taken.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Budget {
    /// Of what.
    pub what: What,
    /// More than this fails.
    pub limit: u32,
    /// The value that we aim at.
    pub goal: Option<u32>,
}

const fn stack(step: &'static str, limit: u32, goal: Option<u32>) -> Budget {
    Budget { what: What::Stack(step), limit, goal }
}

const fn instructions(step: &'static str, limit: u32) -> Budget {
    Budget { what: What::Instructions(step), limit, goal: None }
}

/// The limits are what was measured with rustc 1.95, and up to a twentieth more for the next compiler.
pub const BUDGETS: [Budget; 27] = [
    stack("identity", 2_600, None),
    stack("responder", 830, None),
    stack("initiate", 3_600, Some(4_096)),
    stack("answer", 7_650, Some(8_192)),
    stack("acknowledge", 8_192, Some(8_192)),
    stack("accept", 8_192, Some(8_192)),
    stack("heartbeat-out", 2_500, Some(3_072)),
    stack("heartbeat-in", 3_072, Some(3_072)),
    stack("send", 2_000, Some(3_072)),
    stack("open", 3_072, Some(3_072)),
    stack("teardown", 7_770, Some(8_192)),
    instructions("identity", 690_000),
    instructions("responder", 2_600),
    instructions("initiate", 4_550_000),
    instructions("answer", 8_630_000),
    instructions("acknowledge", 8_880_000),
    instructions("accept", 12_000_000),
    instructions("heartbeat-out", 81_000),
    instructions("heartbeat-in", 90_000),
    instructions("send", 87_000),
    instructions("open", 88_000),
    instructions("teardown", 4_750_000),
    Budget { what: What::Flash, limit: 180_000, goal: None },
    Budget { what: What::Ram, limit: 11_000, goal: None },
    Budget { what: What::SessionFixed, limit: 2_100, goal: Some(1_600) },
    Budget { what: What::SessionWithoutAes, limit: 1_540, goal: Some(1_600) },
    Budget { what: What::SessionFrame, limit: 104, goal: None },
];

impl What {
    /// What was measured of it, if it was.
    #[must_use]
    pub fn of(self, footprint: &Footprint) -> Option<u32> {
        let run = footprint.run.as_ref();
        let sections =
            |kinds: &[Section]| Some(kinds.iter().map(|kind| footprint.image.get(kind).copied().unwrap_or(0)).sum());
        match self {
            Self::Stack(step) => run?.most(step).map(|cost| cost.stack),
            Self::Instructions(step) => run?.most(step).map(|cost| cost.instructions),
            Self::Flash => sections(&[Section::Text, Section::Constants, Section::Initialised]),
            Self::Ram => sections(&[Section::Initialised, Section::Zeroed]),
            Self::SessionFixed => run?.session().map(|(fixed, _)| fixed),
            Self::SessionWithoutAes => run?.session_without_aes(),
            Self::SessionFrame => run?.session().map(|(_, frame)| frame),
        }
    }

    /// Whether it takes a run to know it.
    #[must_use]
    pub const fn needs_run(self) -> bool {
        !matches!(self, Self::Flash | Self::Ram)
    }
}

/// What deviates from the table: a line for each.
#[must_use]
pub fn violations(footprint: &Footprint, budgets: &[Budget]) -> Vec<String> {
    let mut violations = Vec::new();
    for Budget { what, limit, .. } in budgets {
        match what.of(footprint) {
            Some(measured) if measured > *limit => {
                violations.push(format!("{what:?}: {measured} is more than the budget of {limit}"));
            }
            Some(_) => {}
            None if what.needs_run() && footprint.run.is_none() => {}
            None => violations.push(format!("{what:?}: not measured")),
        }
    }
    violations
}
