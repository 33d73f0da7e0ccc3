//! AAI_NOTICE: what an agent is told.

use iacp_wire::message::AaiNotice;
use iacp_wire::{Digest, Eid, Frame, Message, WriteError};

use super::status::LocalStatus;
use crate::erp::context::State;
use crate::erp::fields::concat;
use crate::erp::multipath::PathReport;
use crate::erp::resume::LineOutcome;
use crate::pss::{Capabilities, Closure, RejectionReasons, Role, Terms};
use crate::slots::Handle;

/// A session is ready, or its contract is about to be negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Opened {
    /// The EID at the other end.
    pub peer: Eid,
    /// Which side of the handshake this agent is.
    pub role: Role,
    /// What became of the line that was asked for.
    pub outcome: LineOutcome,
    /// The peer's standing lets it have a quarter of the window only.
    pub throttled: bool,
    /// What was agreed.
    pub capabilities: Capabilities,
    /// The name of the line; zero without RESUME.
    pub line: [u8; 16],
    /// The first item to send.
    pub first_to_send: u64,
    /// The first item to come.
    pub first_to_come: u64,
}

/// Whether a session goes on. Why it does not, a network knows and an agent is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Continuity {
    /// It goes on.
    GoesOn = 0,
    /// DISCONNECTED.
    Disconnected = 1,
    /// RECONCILING.
    Reconciling = 2,
}

words! {
    Continuity {
        Self::GoesOn => "it goes on",
        Self::Disconnected => "disconnected",
        Self::Reconciling => "reconciling",
    }
}

/// How a session ended, as an agent is told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum ClosureCode {
    /// In good order.
    Graceful = 1,
    /// By this side alone.
    ForcedByUs = 2,
    /// By the peer alone.
    ForcedByPeer = 3,
    /// Our request was not answered.
    Unanswered = 4,
    /// The handshake got no answer, or no cipher in common.
    NoAnswer = 5,
    /// The peer contradicted itself in the handshake or in the negotiation.
    Contradiction = 6,
    /// SESSION_COMPROMISED.
    Compromised = 7,
    /// The transport did not come back.
    Lost = 8,
    /// A key was used as much as it may be.
    KeySpent = 9,
    /// Another session took its place.
    Superseded = 10,
}

words! {
    ClosureCode {
        Self::Graceful => "closed in good order",
        Self::ForcedByUs => "ended by this side",
        Self::ForcedByPeer => "ended by the peer",
        Self::Unanswered => "the request for teardown was not answered",
        Self::NoAnswer => "the handshake got no answer",
        Self::Contradiction => "the peer contradicted itself",
        Self::Compromised => "compromised",
        Self::Lost => "the transport did not come back",
        Self::KeySpent => "a key was used as much as it may be",
        Self::Superseded => "superseded by another session",
    }
}

impl ClosureCode {
    /// The code of a closure, whether the peer's stream is cut, and the reason code of the teardown.
    #[must_use]
    pub const fn of(closure: Closure) -> (Self, bool, u16) {
        match closure {
            Closure::Graceful => (Self::Graceful, false, 0),
            Closure::Forced { by_peer: false, reason, truncated } => (Self::ForcedByUs, truncated, reason),
            Closure::Forced { by_peer: true, reason, truncated } => (Self::ForcedByPeer, truncated, reason),
            Closure::Unanswered { truncated } => (Self::Unanswered, truncated, 0),
            Closure::NoAnswer | Closure::NoSuite => (Self::NoAnswer, true, 0),
            Closure::Contradiction => (Self::Contradiction, true, 0),
            Closure::Compromised(_) => (Self::Compromised, true, 0),
            Closure::Lost { truncated } => (Self::Lost, truncated, 0),
            Closure::KeySpent => (Self::KeySpent, true, 0),
            Closure::Superseded => (Self::Superseded, true, 0),
        }
    }
}

/// What the directory knows of an EID, as an agent is told it: the content of the RESULT of STANDING.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Standing {
    /// The flags of DIR_ANSWER.
    pub flags: u16,
    /// R, at most 10,000.
    pub reputation: u16,
    /// The generation of its newest binding that has verified; 0 if none has.
    pub generation: u64,
}

impl Standing {
    /// Length in bytes.
    pub const LEN: usize = 12;

    /// As it stands in RESULT.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        concat(&[&self.flags.to_be_bytes(), &self.reputation.to_be_bytes(), &self.generation.to_be_bytes()])
    }
}

/// What a URI's host is mapped to, as an agent is told it: the content of the RESULT of RESOLVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mapped {
    /// The EID that answers for the host. That its content is the origin's, this does not say (PROFILE 18.8).
    pub eid: Eid,
    /// How long it holds, in seconds: then it has to be asked for again.
    pub seconds: u32,
}

impl Mapped {
    /// Length in bytes.
    pub const LEN: usize = 36;

    /// As it stands in RESULT.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        concat(&[&self.eid.0, &self.seconds.to_be_bytes()])
    }
}

/// What an agent is told. An agent in another process gets it as [`AgentEvent::write`] has it.
///
/// What an agent says in its log:
///
/// ```
/// use iacp_core::erp::local::{AgentEvent, ClosureCode, Continuity, LocalStatus, Opened};
/// use iacp_core::erp::resume::LineOutcome;
/// # use iacp_core::pss::{Capabilities, Closure, Role};
/// # use iacp_wire::Eid;
///
/// fn line(event: &AgentEvent<'_>) -> Option<String> {
///     match event {
///         AgentEvent::Opened(Opened { outcome: LineOutcome::Unknown, .. }) => Some("the peer has lost our line".into()),
///         AgentEvent::Result { status: Err(LocalStatus::Full), .. } => None, // ROOM follows
///         AgentEvent::Continuity(Continuity::GoesOn) => None,
///         AgentEvent::Closed { closure: ClosureCode::Graceful, truncated: false, .. } => Some("done".into()),
///         other => Some(other.to_string()),
///     }
/// }
///
/// # let opened = Opened {
/// #     peer: Eid([7; 32]),
/// #     role: Role::Initiator,
/// #     outcome: LineOutcome::Unknown,
/// #     throttled: false,
/// #     capabilities: Capabilities::RESUME,
/// #     line: [0; 16],
/// #     first_to_send: 0,
/// #     first_to_come: 0,
/// # };
/// assert_eq!(line(&AgentEvent::Opened(opened)).as_deref(), Some("the peer has lost our line"));
/// let (closure, truncated, reason) = ClosureCode::of(Closure::Lost { truncated: true });
/// let closed = AgentEvent::Closed { closure, truncated, reason, delivered: 0 };
/// assert_eq!(line(&closed).as_deref(), Some("the transport did not come back, truncated"));
/// ```
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AgentEvent<'d> {
    /// 1: how a request ended.
    Result {
        /// The agent's number of it.
        request: u32,
        /// Why it did nothing, if it did nothing.
        status: Result<(), LocalStatus>,
    },
    /// 1: how STANDING ended, where the directory had to be asked.
    Standing {
        /// The agent's number of it.
        request: u32,
        /// What is known.
        standing: Standing,
    },
    /// 1: how RESOLVE ended, where a quorum had to be asked.
    Resolved {
        /// The agent's number of it.
        request: u32,
        /// What the host is mapped to.
        mapped: Mapped,
    },
    /// 2: its context.
    State {
        /// The state of the context.
        state: State,
        /// The directory has not confirmed in time.
        degraded: bool,
        /// An accusation of this EID exists.
        accused: bool,
        /// The generation of its mapping.
        generation: u64,
    },
    /// 3: a session is ready, or its contract is to be negotiated.
    Opened(Opened),
    /// 4: the peer proposes terms.
    Proposed {
        /// The turn of the negotiation.
        turn: u16,
        /// Why it refuses the last proposal.
        reasons: RejectionReasons,
        /// What it proposes.
        terms: Terms,
    },
    /// 5: the contract is effective.
    Contract(Terms),
    /// 6: an item of the peer's; they come in any order.
    Data {
        /// Its place in the peer's stream.
        sequence: u64,
        /// The number of the item, with RESUME.
        item: Option<u64>,
        /// The item, where it arrived.
        content: &'d [u8],
    },
    /// 7: all items below are safe with the peer.
    Delivered {
        /// The first that is not.
        item: u64,
    },
    /// 8: what was refused for want of room may be tried again.
    Room,
    /// 9: the peer's stream is complete.
    Finished {
        /// The number of its empty last frame.
        sequence: u64,
    },
    /// 10: the peer asks for the end.
    CloseRequested {
        /// Its reason code.
        reason: u16,
    },
    /// 11: the session is over.
    Closed {
        /// How.
        closure: ClosureCode,
        /// The peer's stream is cut.
        truncated: bool,
        /// The reason code of the teardown.
        reason: u16,
        /// The first item that the peer has not acknowledged.
        delivered: u64,
    },
    /// 12: the value of an endpoint.
    Value {
        /// The endpoint.
        coordinate: Digest,
        /// Its version.
        version: u64,
        /// The value, where it arrived.
        value: &'d [u8],
    },
    /// 13: an endpoint of the peer's has ended.
    Gone {
        /// The endpoint.
        coordinate: Digest,
    },
    /// 14: the peer grants rights to an endpoint of its own, or other ones than before.
    Granted {
        /// The endpoint.
        coordinate: Digest,
        /// 1 read, 2 subscribe, 4 write; none takes them back.
        rights: u16,
        /// How long it holds, in seconds; 0: as long as the contract.
        seconds: u32,
        /// Its name; empty where the rights are taken back.
        tag: &'d [u8],
    },
    /// 15: which copies were missing or altered on each of three paths. It accuses no relay.
    Paths(PathReport),
    /// 16: whether the session goes on.
    Continuity(Continuity),
}

impl core::fmt::Display for AgentEvent<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Result { request, status: Ok(()) } => write!(f, "request {request} is done"),
            Self::Result { request, status: Err(status) } => write!(f, "request {request}: {status}"),
            Self::Standing { standing, .. } => write!(f, "standing: {} of 10,000", standing.reputation),
            Self::Resolved { mapped, .. } => write!(f, "mapped to {} for {} s", mapped.eid, mapped.seconds),
            Self::State { state, .. } => write!(f, "context {state}"),
            Self::Opened(opened) => write!(f, "session with {}: {}", opened.peer, opened.outcome),
            Self::Proposed { turn, terms, reasons } => {
                write!(f, "turn {turn} proposes {terms}; refused before: {reasons}")
            }
            Self::Contract(terms) => write!(f, "contract: {terms}"),
            Self::Data { sequence, content, .. } => write!(f, "{} bytes, sequence {sequence}", content.len()),
            Self::Delivered { item } => write!(f, "everything below item {item} is with the peer"),
            Self::Room => f.pad("there is room again"),
            Self::Finished { sequence } => write!(f, "the peer has finished with sequence {sequence}"),
            Self::CloseRequested { reason } => write!(f, "the peer asks for the end, reason {reason}"),
            Self::Closed { closure, truncated: true, .. } => write!(f, "{closure}, truncated"),
            Self::Closed { closure, .. } => closure.fmt(f),
            Self::Value { coordinate, version, .. } => write!(f, "version {version} of endpoint {coordinate}"),
            Self::Gone { coordinate } => write!(f, "endpoint {coordinate} has ended"),
            Self::Granted { coordinate, rights, .. } => write!(f, "rights {rights} to endpoint {coordinate}"),
            Self::Paths(report) => write!(f, "missing on the three paths: {:?}", report.missing),
            Self::Continuity(continuity) => continuity.fmt(f),
        }
    }
}

/// What a notice has before its content.
const fn notice(code: u16, session: u64) -> AaiNotice {
    use zerocopy::network_endian::{U16, U32, U64};
    AaiNotice { notice: U16::new(code), result_status: U16::new(0), request: U32::new(0), session: U64::new(session) }
}

/// The longest content that is not an item.
const FIXED: usize = 80;

/// Bytes of known length, one behind the other.
struct Content {
    bytes: [u8; FIXED],
    length: usize,
}

impl Content {
    fn of<const N: usize>(parts: [&[u8]; N]) -> Self {
        let mut content = Self { bytes: [0; FIXED], length: 0 };
        for part in parts {
            let end = content.length.saturating_add(part.len());
            if let Some(room) = content.bytes.get_mut(content.length..end) {
                room.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
                content.length = end;
            }
        }
        content
    }

    fn terms(terms: &Terms) -> [u8; 12] {
        let mut bytes = [0; 12];
        let fields = [terms.dgk_rotation, terms.lifetime, terms.receive_window];
        for (to, field) in bytes.chunks_exact_mut(4).zip(fields) {
            to.iter_mut().zip(field.to_be_bytes()).for_each(|(to, from)| *to = from);
        }
        bytes
    }
}

const fn state_code(state: State) -> u8 {
    match state {
        State::Unbound => 0,
        State::Allocated => 1,
        State::Transition => 2,
        State::Bound => 3,
        State::EvolvePending => 4,
    }
}

impl AgentEvent<'_> {
    /// Writes the AAI_NOTICE of an event about `session`; returns its length.
    ///
    /// # Errors
    /// `out` is too small; 20 bytes and the content suffice, or 100 without content.
    pub fn write(&self, session: Option<Handle>, out: &mut [u8]) -> Result<usize, WriteError> {
        let session = session.map_or(0, Handle::bits);
        let (code, fixed) = self.content();
        let mut head = notice(code, session);
        let content: &[u8] = match self {
            Self::Result { request, status } => {
                head.request = (*request).into();
                head.result_status = status.err().map_or(0, LocalStatus::code).into();
                &[]
            }
            Self::Standing { request, .. } | Self::Resolved { request, .. } => {
                head.request = (*request).into();
                fixed.bytes.get(..fixed.length).unwrap_or_default()
            }
            Self::Data { content: tail, .. } | Self::Value { value: tail, .. } | Self::Granted { tag: tail, .. } => {
                return write_around(&head, fixed.bytes.get(..fixed.length).unwrap_or_default(), tail, out);
            }
            _ => fixed.bytes.get(..fixed.length).unwrap_or_default(),
        };
        Frame::new(Message::AaiNotice { head: &head, content }).write(out)
    }

    /// The code of the notice, and its content but for what stands in the buffer that it came in.
    fn content(&self) -> (u16, Content) {
        let none = Content { bytes: [0; FIXED], length: 0 };
        match self {
            Self::Result { .. } => (1, none),
            Self::Standing { standing, .. } => (1, Content::of([&standing.to_bytes()])),
            Self::Resolved { mapped, .. } => (1, Content::of([&mapped.to_bytes()])),
            Self::State { state, degraded, accused, generation } => {
                let flags = [state_code(*state), u8::from(*degraded), u8::from(*accused), 0];
                (2, Content::of([&flags, &generation.to_be_bytes()]))
            }
            Self::Opened(opened) => (3, opened.content()),
            Self::Proposed { turn, reasons, terms } => {
                let terms = Content::terms(terms);
                (4, Content::of([&turn.to_be_bytes(), &reasons.0.to_be_bytes(), &terms]))
            }
            Self::Contract(terms) => (5, Content::of([&Content::terms(terms)])),
            Self::Data { sequence, item, .. } => {
                (6, Content::of([&sequence.to_be_bytes(), &item.unwrap_or(u64::MAX).to_be_bytes()]))
            }
            Self::Delivered { item } => (7, Content::of([&item.to_be_bytes()])),
            Self::Room => (8, none),
            Self::Finished { sequence } => (9, Content::of([&sequence.to_be_bytes()])),
            Self::CloseRequested { reason } => (10, Content::of([&reason.to_be_bytes()])),
            Self::Closed { closure, truncated, reason, delivered } => {
                let head = [*closure as u8, u8::from(*truncated)];
                (11, Content::of([&head, &reason.to_be_bytes(), &[0; 4], &delivered.to_be_bytes()]))
            }
            Self::Value { coordinate, version, .. } => (12, Content::of([&coordinate.0, &version.to_be_bytes()])),
            Self::Gone { coordinate } => (13, Content::of([&coordinate.0])),
            Self::Granted { coordinate, rights, seconds, .. } => {
                let rights = rights.to_be_bytes();
                (14, Content::of([&coordinate.0, &rights, &[0; 2], &seconds.to_be_bytes()]))
            }
            Self::Paths(report) => (15, Content::of([&report.to_bytes()])),
            Self::Continuity(continuity) => (16, Content::of([&[*continuity as u8]])),
        }
    }
}

/// An item, a value or a tag stands in the buffer that it came in, so the frame is written around it.
fn write_around(head: &AaiNotice, fixed: &[u8], tail: &[u8], out: &mut [u8]) -> Result<usize, WriteError> {
    let length = Frame::new(Message::AaiNotice { head, content: fixed }).write(out)?;
    let needed = length.saturating_add(tail.len());
    let room = out.get_mut(length..needed).ok_or(WriteError::TooSmall { needed })?;
    room.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
    let payload = u16::try_from(needed.saturating_sub(iacp_wire::HEADER_LEN)).map_err(|_| WriteError::TooLong)?;
    if let Some(field) = out.get_mut(2..4) {
        field.iter_mut().zip(payload.to_be_bytes()).for_each(|(to, from)| *to = from);
    }
    Ok(needed)
}

impl Opened {
    fn content(&self) -> Content {
        let role = match self.role {
            Role::Initiator => 1,
            Role::Responder => 2,
        };
        Content::of([
            &self.peer.0,
            &[role, self.outcome as u8, u8::from(self.throttled), 0],
            &self.capabilities.bits().to_be_bytes(),
            &self.line,
            &self.first_to_send.to_be_bytes(),
            &self.first_to_come.to_be_bytes(),
        ])
    }
}
