//! `directory demo`: nodes and agents of one process, a scripted run, and what has to be so after it.

mod script;
mod world;

use anyhow::Result;

pub use world::World;

/// How large a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Directory nodes at the start.
    pub nodes: usize,
    /// Honest agents.
    pub agents: usize,
    /// What all keys and choices come from.
    pub seed: u64,
}

/// One line of the timeline.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Milliseconds since the start that have really gone.
    pub at: u64,
    /// Minutes that the clocks of nodes and agents were set forward.
    pub ahead: u64,
    /// What happened.
    pub what: String,
    /// Whether it is as it must be; none where nothing was checked.
    pub holds: Option<bool>,
}

/// Where one agent's binding and its Forwarding Ticket stand.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number.
    pub agent: usize,
    /// Its generation.
    pub generation: u64,
    /// A sign for each node: `●` responsible and has it, `○` has it besides, `!` responsible and lacks it, `×` stopped, `·` else.
    pub signs: String,
    /// How many responsible nodes have it.
    pub copies: usize,
    /// How many of them have its Forwarding Ticket.
    pub tickets: usize,
}

/// Where the verdict on an accused key stands.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whose key it is.
    pub accused: &'static str,
    /// What a quorum of judges has decided.
    pub outcome: &'static str,
    /// As in [`Row`].
    pub signs: String,
    /// As in [`Row`].
    pub copies: usize,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Report {
    /// The run.
    pub size: Size,
    /// The timeline.
    pub marks: Vec<Mark>,
    /// Which nodes hold which binding at the end.
    pub rows: Vec<Row>,
    /// Which nodes hold which verdict at the end.
    pub verdicts: Vec<Verdict>,
    /// Records that nodes took from the DHT, and that they refused.
    pub taken: u64,
    /// See `taken`.
    pub refused: u64,
}

impl Report {
    /// Whether everything is as it must be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.marks.iter().all(|mark| mark.holds != Some(false))
    }
}

/// Runs the demo; each line is told when it is known.
///
/// # Errors
/// A port cannot be bound, or there is no randomness: nothing that a node did.
pub async fn run(size: Size, tell: &mut (dyn FnMut(&Mark) + Send)) -> Result<Report> {
    script::run(size, tell).await
}
