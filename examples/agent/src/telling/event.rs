//! The events of the timeline.

use serde::Serialize;

use crate::telling::report::Report;
use crate::telling::step::Step;
use crate::telling::summary::Summary;

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The plan of a demonstration.
    Plan {
        file: String,
        bytes: u64,
        loss_permille: u32,
        late_permille: u32,
        fault_seed: u64,
    },
    /// The plan of a demo of handoffs.
    Handoffs {
        file: String,
        bytes: u64,
        relayed: bool,
        tampering: Option<&'static str>,
    },
    Identity {
        eid: String,
        canonical: String,
    },
    Listening {
        transport: &'static str,
        at: String,
    },
    Connected {
        transport: &'static str,
        to: String,
        frame_limit: usize,
    },
    Mining {
        topic: String,
        bits: u32,
    },
    Mined {
        bits: u32,
        tries: u64,
        took_ms: u64,
    },
    /// An answer opened: there is an agent.
    Found {
        eid: String,
    },
    Unanswered {
        after_ms: u64,
    },
    /// A frame of a handshake or an ending.
    Sent {
        frame: String,
        bytes: usize,
        repeat: bool,
    },
    Lost {
        frame: String,
        bytes: usize,
    },
    Late {
        frame: String,
        delay_ms: u64,
    },
    /// `from` is `None` for the first state of a machine.
    State {
        machine: &'static str,
        from: Option<&'static str>,
        to: &'static str,
    },
    /// The keys are confirmed.
    Established {
        peer: String,
        at: String,
        took_ms: Option<u64>,
    },
    /// The peer is somewhere else, and has proven it.
    Moved {
        to: String,
    },
    Contract {
        receive_window: u32,
        lifetime_s: u32,
    },
    Sending {
        file: String,
        bytes: u64,
        frame_content: usize,
    },
    /// The whole file is here.
    Received {
        sha256: String,
        bytes: u64,
        from: String,
    },
    Closed {
        how: String,
    },
    /// An object has its envelope.
    Sealed {
        name: String,
        bytes: u64,
        recipient: String,
        manifest: String,
    },
    /// A handoff goes on as it came.
    Relays {
        to: String,
        bytes: u64,
    },
    /// A relay does what it must not.
    Tampered {
        what: String,
    },
    /// A rung of the ladder, and what it stands on.
    Rung {
        state: &'static str,
        reached: bool,
        evidence: String,
    },
    Decided(Box<Report>),
    Trouble {
        what: String,
    },
    Summary(Box<Summary>),
    Verdict {
        ok: bool,
        what: String,
    },
    /// What hosts and their agents tell.
    #[serde(untagged)]
    Step(Step),
}

/// How much a line is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// One of many of its kind.
    Minor,
    /// A step.
    Detail,
    /// What a log keeps.
    Major,
}

impl Event {
    pub fn weight(&self) -> Weight {
        match self {
            Self::Lost { .. } | Self::Late { .. } => Weight::Minor,
            // A session flags and clears its anomalies often: in bad weather with every other frame.
            Self::State { machine: "pss-session", .. } => Weight::Minor,
            Self::Step(step) if step.is_minor() => Weight::Minor,
            // Each of them is printed by itself, or its agent is one of a moment.
            Self::Step(Step::Registered { .. }) => Weight::Detail,
            Self::Mining { .. } | Self::Mined { .. } | Self::Sent { .. } | Self::State { .. } => Weight::Detail,
            _ => Weight::Major,
        }
    }
}
