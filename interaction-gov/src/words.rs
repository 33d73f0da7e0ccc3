//! `Display` for the values that people read.

use core::fmt;

use crate::audit::{Difference, Need, Replayed};
use crate::function::{Health, Role};
use crate::identity::Subject;
use crate::interaction::{Choice, Mode, To, Transition};
use crate::measure::Level;
use crate::measure::coordination::Dimension;
use crate::number::{Binding, Seat};
use crate::policy::{Kind, Provenance, Whose};
use crate::protocol::Protocol;
use crate::rollout::Track;
use crate::time::Time;

macro_rules! words {
    ($($type:ty { $($variant:pat => $word:expr,)+ })+) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $($variant => $word,)+ })
            }
        }
    )+};
}

words! {
    Need {
        Need::Ordinary => "ordinary",
        Need::Tightening => "tightening",
    }
    Difference {
        Difference::Verdict => "verdict",
        Difference::Reason => "reason",
        Difference::Voices => "voices",
        Difference::Obligations => "obligations",
        Difference::Duration => "duration",
    }
    Role {
        Role::Core => "core",
        Role::Auxiliary => "auxiliary",
    }
    Subject {
        Subject::Interaction => "interaction",
        Subject::Participant => "participant",
        Subject::Protocol => "protocol",
    }
    Mode {
        Mode::Enforce => "enforce",
        Mode::Observe => "observe",
    }
    Transition {
        Transition::Transport => "transport",
        Transition::Protocol => "protocol",
        Transition::Infrastructure => "infrastructure",
    }
    Choice {
        Choice::Place => "place",
        Choice::Way => "way",
    }
    Dimension {
        Dimension::Participants => "participants",
        Dimension::Modalities => "modalities",
        Dimension::Functions => "functions",
        Dimension::Authorities => "authorities",
        Dimension::Transitions => "transitions",
    }
    Kind {
        kind => kind.name(),
    }
    Provenance {
        provenance => provenance.name(),
    }
    Whose {
        whose => whose.name(),
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDecided => f.pad("no authority was asked"),
            Self::AnotherPolicy => f.pad("decided by another policy"),
            Self::Same => f.pad("decided the same once more"),
            Self::Differs(verdict, difference) => {
                write!(f, "decided once more: {verdict}; it differs in its {difference}")
            }
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.pad("running"),
            Self::Failed { recover_by } => write!(f, "failed, to recover by {recover_by}"),
        }
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seat(seat) => seat.fmt(f),
            Self::Binding(binding) => binding.fmt(f),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SipCallId => "SIP Call-ID",
            Self::WebRtcSession => "WebRTC session",
            Self::MqttClient => "MQTT client",
            Self::QuicConnection => "QUIC connection",
            Self::IacpEid => "EID of IACP",
            Self::Other(number) => return write!(f, "protocol {number}"),
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
        })
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seat {}", self.0)
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "binding {}", self.0)
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::STABLE => f.pad("stable"),
            Self(number) => write!(f, "canary {number}"),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NEVER => f.pad("never"),
            Self(milliseconds) => write!(f, "{milliseconds} ms"),
        }
    }
}
