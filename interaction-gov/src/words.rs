//! `Display` for the values that people read.

use core::fmt;

use crate::audit::{Difference, Need, Replayed};
use crate::function::{Health, Role};
use crate::identity::Subject;
use crate::interaction::{Attribution, Choice, Mode, To, Transition};
use crate::measure::coordination::Dimension;
use crate::measure::{Change, Context, Continuity, Enforcement, Level, Metric, Reach, State, Step};
use crate::number::{Binding, Seat};
use crate::policy::{Kind, On, Provenance, Sense, Whose};
use crate::protocol::Protocol;
use crate::rollout::Track;
use crate::time::Time;
use crate::vocabulary::Modality;

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
    Change {
        change => change.words(),
    }
    Context {
        Context::Identity => "identities",
        Context::Policy => "policy",
        Context::Orchestration => "orchestration",
        Context::Session => "sessions",
    }
    Continuity {
        Continuity::Preserved => "preserved",
        Continuity::Reestablished => "re-established",
    }
    Enforcement {
        Enforcement::ByConstruction => "by construction",
        Enforcement::PostHoc => "found afterwards",
        Enforcement::None => "not enforced",
    }
    State {
        State::IdentityToken => "identity token",
        State::PolicyVersion => "policy version",
        State::Routing => "routing",
        State::ComputePlacement => "compute placement",
    }
    Step {
        step => step.words(),
    }
    Metric {
        Metric::CoordinationSurfaces => "|C|",
        Metric::SynchronizationLatency => "T_sync",
        Metric::PolicyConvergence => "T_policy",
        Metric::FailurePropagation => "P_fail",
        Metric::StateConsistency => "C_state",
        Metric::UpdateLatency => "time of a policy update",
        Metric::RollbackLatency => "time of a rollback",
        Metric::RollbackReach => "non-targeted interactions that a rollback affects",
        Metric::ConfigurationConvergence => "time of a configuration change",
        Metric::FailureReach => "interactions that a failure affects",
        Metric::CoreFunctionality => "affected interactions that keep their core functionality",
        Metric::RecoveryTime => "time of a recovery",
    }
    Sense {
        Sense::May => "may hold",
        Sense::Must => "must hold",
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

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsaid => f.pad("a stream that is not said"),
            Self::Nothing => f.pad("no stream"),
            Self::Stream(Modality(number)) => write!(f, "stream {number}"),
        }
    }
}

impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Telemetry(None) => f.pad("telemetry of the interaction"),
            Self::Telemetry(Some(binding)) => write!(f, "telemetry of {binding}"),
            Self::Output(binding) => write!(f, "output of {binding}"),
            Self::Identifier => f.pad("identifier of a protocol"),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InTheDecidingStep => f.pad("in the deciding step"),
            Self::Held { within } => write!(f, "held for at most {} ms", within.as_millis()),
            Self::InBoundedTime { within } => write!(f, "under the old policy for at most {} ms", within.as_millis()),
            Self::Eventually => f.pad("eventually"),
            Self::AfterRestart => f.pad("after a restart"),
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
