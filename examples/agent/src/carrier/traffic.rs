//! Frames as an observer of the carrier sees them, and their sums.

use std::fmt;

use iacp_wire::{Flags, Frame, Message};

/// What a frame is, seen from outside: nothing here needs a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    pub name: &'static str,
    pub length: usize,
    pub data: Option<u64>,
    pub fin: bool,
    pub heartbeat: bool,
    /// Type 1, 2 or 3 of a PSS_TEARDOWN.
    teardown: u16,
}

impl Label {
    /// Of a frame that a machine of ours wrote.
    pub fn of(frame: &[u8]) -> Self {
        let mut label =
            Self { name: "noise", length: frame.len(), data: None, fin: false, heartbeat: false, teardown: 0 };
        let Ok(frame) = Frame::parse(frame) else { return label };
        label.name = frame.message.message_type().name();
        match frame.message {
            Message::PssDataStream { head, .. } if head.sequence_number.get() >= 1 << 63 => label.heartbeat = true,
            Message::PssDataStream { head, .. } => {
                label.data = Some(head.sequence_number.get());
                label.fin = frame.flags.contains(Flags::FIN);
            }
            Message::PssTeardown { head, .. } => label.teardown = head.teardown_type.get(),
            _ => {}
        }
        label
    }

    /// It is our answer to a peer that wants to end the session.
    pub const fn is_farewell(&self) -> bool {
        self.teardown == 2
    }

    /// It belongs to the flow of data, of which only the sum is of interest.
    pub const fn flows(&self) -> bool {
        self.heartbeat || (self.data.is_some() && !self.fin)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { heartbeat: true, .. } => f.write_str("heartbeat"),
            Self { data: Some(sequence), fin, .. } => {
                write!(f, "{} #{sequence}{}", self.name, if *fin { " FIN" } else { "" })
            }
            Self { teardown: 1, .. } => write!(f, "{} request", self.name),
            Self { teardown: 2, .. } => write!(f, "{} answer", self.name),
            Self { teardown: 3, .. } => write!(f, "{} forced", self.name),
            _ => f.write_str(self.name),
        }
    }
}

/// What went out.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Traffic {
    pub frames: u64,
    pub bytes: u64,
    pub data: u64,
    pub heartbeats: u64,
    pub repeats: u64,
    pub lost: u64,
    pub late: u64,
}
