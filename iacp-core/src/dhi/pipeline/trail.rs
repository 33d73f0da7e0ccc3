//! The trail of one ingestion: for the operator, never for the agent.

use core::fmt;

use super::super::handoff::Trigger;
use super::super::link::MalformedLink;
use super::super::workflow::State;
use super::ask::Failure;
use crate::scope::Scope;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Noted {
    /// The table moved to this state.
    State(State),
    /// The agent's needs were checked (`USER_REQ_CHECK`, within the switch point).
    UserReqCheck,
    /// The LL-Entity answered: whether there is a mapping.
    Mapped(bool),
    /// The origin's own well-known answer names the mapped EID.
    Confirmed,
    /// DNS answered: whether an SRV target is used.
    Srv(bool),
    /// The SRV target failed: the authority itself is asked.
    SrvFailed,
    /// The well-known URI is skipped: it was absent less than 300 s ago.
    WellKnownSkipped,
    /// A connection to an address of this scope is begun.
    Connecting(Scope),
    /// No connection is begun: the address is of this scope, which is too narrow.
    TooNarrow(Scope),
    /// A status came.
    Status(u16),
    /// More header than is read.
    HeaderTooLarge,
    /// A redirect is followed.
    Redirected,
    /// A redirect is not followed.
    RedirectRefused,
    /// A Link field was ignored.
    LinkIgnored(MalformedLink),
    /// A link from a server leads to a place where no request may go.
    LinkRefused,
    /// How many candidates were found.
    Candidates(u8),
    /// This candidate is asked for.
    Candidate(u8),
    /// This candidate failed less than 300 s ago.
    CandidateBlocked(u8),
    /// No answer.
    Failed(Failure),
    /// A question ran out of time.
    Late,
    /// T_eval ran out.
    TEvalOver,
    /// The document is longer than the buffer may be; the buffer was cut.
    Overflow,
    /// The legacy path is taken.
    Legacy(Trigger),
    /// How many bytes are delivered.
    Delivered(u32),
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => write!(f, "{state}"),
            Self::UserReqCheck => f.pad("USER_REQ_CHECK"),
            Self::Mapped(true) => f.pad("the LL-Entity has a mapping"),
            Self::Mapped(false) => f.pad("the LL-Entity has no mapping"),
            Self::Confirmed => f.pad("the origin confirms the mapping"),
            Self::Srv(true) => f.pad("an SRV target for agents"),
            Self::Srv(false) => f.pad("no SRV target: the authority itself"),
            Self::SrvFailed => f.pad("the SRV target failed: the authority itself"),
            Self::WellKnownSkipped => f.pad("well-known URI passed over: absent less than 300 s ago"),
            Self::Connecting(scope) => write!(f, "connects to an address of scope {scope}"),
            Self::TooNarrow(scope) => write!(f, "REFUSED: the address is of scope {scope}, which is too narrow"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::HeaderTooLarge => f.pad("more than 16,384 bytes or 100 fields of header"),
            Self::Redirected => f.pad("redirect followed"),
            Self::RedirectRefused => f.pad("REFUSED: redirect not followed"),
            Self::LinkIgnored(malformed) => write!(f, "field ignored: {malformed}"),
            Self::LinkRefused => f.pad("REFUSED: a link to where no request may go"),
            Self::Candidates(count) => write!(f, "{count} of ANML found"),
            Self::Candidate(index) => write!(f, "candidate {}", index.saturating_add(1)),
            Self::CandidateBlocked(index) => {
                write!(f, "candidate {} short-circuited: it failed less than 300 s ago", index.saturating_add(1))
            }
            Self::Failed(failure) => write!(f, "{failure}"),
            Self::Late => f.pad("no answer in time"),
            Self::TEvalOver => f.pad("T_eval is over: everything open is abandoned"),
            Self::Overflow => f.pad("longer than MAX_FLOAT_BUF: buffer cut"),
            Self::Legacy(trigger) => write!(f, "hand-off: {trigger}"),
            Self::Delivered(bytes) => write!(f, "{bytes} bytes delivered"),
        }
    }
}

/// What happened, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mark {
    /// Milliseconds from the beginning.
    pub at: u32,
    /// The step.
    pub what: Noted,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms: {}", self.at, self.what)
    }
}
