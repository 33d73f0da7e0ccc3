//! What came out of a run.

use serde_json::{Value, json};

use crate::script::Size;

/// Numbers of a run, and whether each is as it must be.
#[derive(Clone, Debug)]
pub struct Report {
    /// The run.
    pub size: Size,
    /// What must hold, and whether it holds.
    pub checks: Vec<(String, bool)>,
    /// Nodes that lied: at most f of the nodes for any key.
    pub liars: usize,
    /// How many of 10,000 honest operations got their quorum: without a flood, and under it.
    pub rates: [u64; 2],
    /// Mean milliseconds of an honest operation: without a flood, and under it.
    pub pauses: [u64; 2],
    /// Frames of the flood, and of all honest operations beside it.
    pub flood: u64,
    /// See `flood`.
    pub honest: u64,
    /// Bytes that the flood sent, and that it got back.
    pub sent: u64,
    /// See `sent`.
    pub returned: u64,
    /// Mean messages of a registration and of a look-up, in hundredths.
    pub messages: [u64; 2],
    /// Bytes of memory that each node was given, all of it at the start.
    pub memory: usize,
    /// The most records that a node held, and how many it has places for.
    pub fill: (u32, u32),
}

impl Report {
    /// Whether everything that must hold holds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|(_, holds)| *holds)
    }

    /// For machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let checks: Vec<Value> =
            self.checks.iter().map(|(what, holds)| json!({ "what": what, "holds": holds })).collect();
        json!({
            "seed": self.size.seed, "nodes": self.size.nodes, "agents": self.size.agents, "sound": self.is_sound(),
            "liars": self.liars, "rates": self.rates, "pauses_ms": self.pauses, "flood_frames": self.flood,
            "honest_frames": self.honest, "flood_bytes": self.sent, "returned_bytes": self.returned,
            "messages": self.messages, "memory": self.memory, "fill": [self.fill.0, self.fill.1], "checks": checks,
        })
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (what, holds) in &self.checks {
            writeln!(f, "{} {what}", if *holds { '✔' } else { '✘' })?;
        }
        let [quiet, loud] = self.rates;
        writeln!(f, "lying nodes             {}", self.liars)?;
        writeln!(f, "honest, quiet / flooded {quiet} / {loud} of 10,000 get their quorum")?;
        writeln!(f, "mean pause              {} / {} ms", self.pauses[0], self.pauses[1])?;
        writeln!(f, "frames, flood / honest  {} / {}", self.flood, self.honest)?;
        writeln!(f, "bytes, sent / returned  {} / {}", self.sent, self.returned)?;
        writeln!(f, "messages, registration / look-up  {} / {} hundredths", self.messages[0], self.messages[1])?;
        write!(f, "memory of a node        {} bytes, {} of {} places in use", self.memory, self.fill.0, self.fill.1)
    }
}
