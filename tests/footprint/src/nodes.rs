//! The session nodes that are measured: one agent, two sessions at once, the smallest code that there is; and the frames.
//!
//! The goals are the same for all of them. A budget is the goal where it is met, and elsewhere what was measured, with
//! a fiftieth for the next compiler: `goals` defines which.

use std::fmt::Write;
use std::path::Path;

use crate::image::{Board, Feature, Image};
use crate::peer::{Echoes, List};
use crate::program::{Budgets, Measured, Program};

/// What a node is to take at most: 56 KiB of flash, 8 KiB of variables, 8 KiB of stack.
pub const GOALS: Budgets = Budgets { flash: 56 << 10, ram: 8 << 10, stack: 8 << 10, in_all: 16 << 10 };

/// The steps of a node that has both roles.
pub const STEPS: &[&str] = &[
    "identity",
    "responder",
    "initiate",
    "acknowledge",
    "answer",
    "accept",
    "heartbeat-out",
    "heartbeat-in",
    "send-64",
    "open-64",
    "send-1024",
    "open-1024",
    "deadline",
    "teardown",
];
/// Those of a node with both roles on a board that has no room for 1,024 bytes twice.
const SHORT: &[&str] = &[
    "identity",
    "responder",
    "initiate",
    "acknowledge",
    "answer",
    "accept",
    "heartbeat-out",
    "heartbeat-in",
    "send-64",
    "open-64",
    "deadline",
    "teardown",
];
/// Those of an initiator.
const INITIATOR: &[&str] = &[
    "identity",
    "initiate",
    "acknowledge",
    "heartbeat-out",
    "heartbeat-in",
    "send-64",
    "open-64",
    "send-1024",
    "open-1024",
    "deadline",
    "teardown",
];
/// Those of a responder.
const RESPONDER: &[&str] = &[
    "identity",
    "responder",
    "answer",
    "accept",
    "heartbeat-out",
    "heartbeat-in",
    "send-64",
    "open-64",
    "send-1024",
    "open-1024",
    "deadline",
    "teardown",
];
/// What belongs to the script and to the talk with the host.
const SCRIPT: &[&str] = &["firmware::node::all", "firmware::node::Script", "firmware::node::tell", "firmware::host::"];

/// Instructions of a step on a Cortex-M4, with salty or without.
const LIMITS: &[(&str, u32)] = &[
    ("identity", 2_810_000),
    ("responder", 2_200),
    ("initiate", 6_430_000),
    ("acknowledge", 12_410_000),
    ("answer", 12_160_000),
    ("accept", 13_160_000),
    ("heartbeat-out", 27_200),
    ("heartbeat-in", 39_000),
    ("send-64", 32_400),
    ("open-64", 34_600),
    ("send-1024", 153_300),
    ("open-1024", 157_000),
    ("deadline", 2_700),
    ("teardown", 8_510_000),
];

const fn node(title: &'static str, features: &'static [Feature], budgets: Budgets) -> Program {
    Program {
        title,
        board: Board::Mps2,
        compact: true,
        features,
        measures: SCRIPT,
        steps: STEPS,
        often: STEPS,
        budgets,
        limits: LIMITS,
    }
}

/// The same on a board of 256 KiB of flash and 16 KiB of RAM, where the table and the stack together are the limit.
const fn on_the_small_board(node: Program) -> Program {
    let budgets = Budgets { flash: 72_000, ram: 6_700, stack: 9_700, in_all: 16 << 10 };
    Program { board: Board::Microbit, steps: SHORT, often: SHORT, budgets, limits: ON_THE_SMALL_BOARD, ..node }
}

/// The session node on salty.
const SALTY: Program = node(
    "Session node, Cortex-M4, salty",
    &[Feature::Initiator, Feature::Responder, Feature::Salty],
    // Above the goal: code.
    Budgets { flash: 63_200, ..GOALS },
);

/// The nodes with budgets: with both roles, and a device that opens every session itself.
pub const NODES: [Program; 4] = [
    node(
        "Session node, Cortex-M4, ed25519-compact for size",
        &[Feature::Initiator, Feature::Responder, Feature::OptSize],
        // Above the goal: code, and the stack of a table of multiples of the base point.
        Budgets { flash: 79_000, stack: 10_600, in_all: 18_400, ..GOALS },
    ),
    SALTY,
    Program {
        title: "Session node that only opens, Cortex-M4, salty",
        features: &[Feature::Initiator, Feature::Salty],
        steps: INITIATOR,
        often: INITIATOR,
        budgets: GOALS,
        ..SALTY
    },
    Program { title: "Session node, micro:bit, salty", ..on_the_small_board(SALTY) },
];

/// Instructions of a step on a Cortex-M0.
const ON_THE_SMALL_BOARD: &[(&str, u32)] = &[("", 1_000_000_000)];

/// The nodes that are only compared: one role, with the default SHA-256, the small board with more stack than it
/// has.
#[must_use]
pub fn variants() -> Vec<Program> {
    let mut variants = Vec::new();
    let [small, salty, ..] = NODES;
    for node in [small, salty] {
        let (responder, plain): (&[Feature], _) = if node.features.contains(&Feature::Salty) {
            (&[Feature::Responder, Feature::Salty], "salty")
        } else {
            (&[Feature::Responder, Feature::OptSize], "ed25519-compact")
        };
        let title = |what: &str| -> &'static str { format!("Session node, Cortex-M4, {plain}, {what}").leak() };
        let node = Program { budgets: GOALS, ..node };
        variants.push(Program {
            title: title("responder alone"),
            features: responder,
            steps: RESPONDER,
            often: RESPONDER,
            ..node
        });
        variants.push(Program { title: title("SHA-256 not compact"), compact: false, ..node });
    }
    variants.push(Program {
        title: "Session node that only opens, Cortex-M4, ed25519-compact for size",
        features: &[Feature::Initiator, Feature::OptSize],
        steps: INITIATOR,
        often: INITIATOR,
        budgets: GOALS,
        ..small
    });
    variants.push(Program { title: "Session node, micro:bit, ed25519-compact for size", ..on_the_small_board(small) });
    variants
}

/// Builds a node and runs it with its two peers.
///
/// # Errors
/// It does not build, or the peers and it do not agree.
pub fn measure(node: &Program, target_dir: &Path) -> anyhow::Result<(Measured, Image, Echoes)> {
    // Flags for the compiler rebuild everything: a directory for each.
    let target_dir = target_dir.join(if node.compact { "compact" } else { "plain" });
    let mut peers = Echoes::new();
    let (measured, image) = node.measure_image(&target_dir, &mut peers)?;
    Ok((measured, image, peers))
}

/// What a node needs that does not run: its variables, and for each step the bound of its stack that the call graph gives.
///
/// # Errors
/// It does not build.
pub fn need(node: &Program, target_dir: &Path) -> anyhow::Result<String> {
    let target_dir = target_dir.join(if node.compact { "compact" } else { "plain" });
    let image = Image::build_for(&target_dir, node.board, node.compact, node.features)?;
    let (sections, code) = (image.sections()?, image.code()?);
    let mut text = format!("  {sections:?}, bytes");
    for step in ["identity", "initiate", "answer", "accept", "receive", "transmit", "send", "close", "deadline"] {
        if let Some(chain) = code.deepest(&format!("node::steps::{step}")) {
            let _ = write!(text, "\n  stack of {step}: at most {} bytes", chain.bytes);
        }
    }
    Ok(text)
}

/// Frames of each kind, parsed. The steps are the names of the registry.
pub const FRAMES: Program = Program {
    title: "Frames, parsed",
    board: Board::Mps2,
    compact: true,
    features: &[Feature::Parse],
    measures: &["firmware::parse::all", "firmware::host::"],
    steps: &[],
    often: &[],
    budgets: Budgets { flash: 11_700, ram: 1_300, stack: 512, in_all: 2 << 10 },
    limits: &[("", 2_000)],
};

/// Parses the frame of each kind of message in `docs/vectors.json`.
///
/// # Errors
/// The program does not build, or refuses one.
pub fn measure_frames(target_dir: &Path) -> anyhow::Result<Measured> {
    FRAMES.measure(&target_dir.join("compact"), &mut List::frames()?)
}
