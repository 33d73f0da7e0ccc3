//! AAI_REQUEST: what an agent asks.

use core::fmt;
use core::net::SocketAddr;

use iacp_wire::message::AaiRequest;
use iacp_wire::{Digest, Eid, Locator};

use crate::pss::{Capabilities, RejectionReasons, Terms};

/// The length of a resume record, in bytes.
pub const RESUME_RECORD: usize = 56;

/// The length of a DISCOVERY_PROOF.
const PROOF: usize = 16;
/// The peer may hold back, see [`Session::hold`](crate::pss::Session::hold).
const HOLD: u32 = 0x1;
/// The most seconds that a derived identity lives.
const DERIVED_SECONDS: u32 = 3_600;
/// The most bytes of an endpoint's tag.
const TAG: usize = 64;

/// The op does not exist, or its arguments do not fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MalformedRequest;

impl fmt::Display for MalformedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("AAI_REQUEST: no such op, or its arguments do not fit")
    }
}

impl core::error::Error for MalformedRequest {}

/// Which incoming sessions an agent takes.
///
/// ```
/// use iacp_core::erp::local::{Listen, Request};
/// use iacp_core::pss::{Capabilities, Terms};
///
/// let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
/// let listen = Listen { capabilities: Capabilities::NONE, terms, sessions: 4, hold: false };
/// let refuse = Listen { sessions: 0, ..listen }; // no more of them; those that are open go on
/// assert_ne!(Request::Listen(listen), Request::Listen(refuse)); // either one is asked for at a `Desk`
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Listen {
    /// What this side can do.
    pub capabilities: Capabilities,
    /// The terms of turn 1.
    pub terms: Terms,
    /// The most sessions that peers may have open; none accepts none.
    pub sessions: u32,
    /// Frames are acknowledged when they are consumed.
    pub hold: bool,
}

impl Listen {
    /// The arguments of LISTEN as bytes.
    pub(crate) fn to_bytes(self) -> [u8; 24] {
        let Terms { dgk_rotation, lifetime, receive_window } = self.terms;
        let fields =
            [self.capabilities.bits(), dgk_rotation, lifetime, receive_window, self.sessions, u32::from(self.hold)];
        let mut bytes = [0; 24];
        bytes.iter_mut().zip(fields.into_iter().flat_map(u32::to_be_bytes)).for_each(|(to, from)| *to = from);
        bytes
    }

    /// The same again; `None` if no sessions are accepted.
    pub(crate) fn from_bytes(bytes: &[u8; 24]) -> Option<Self> {
        match Request::read(1, &mut Arguments(bytes)) {
            Ok(Request::Listen(listen)) if listen.sessions > 0 && listen.terms.receive_window > 0 => Some(listen),
            _ => None,
        }
    }
}

/// A session that an agent wants.
///
/// ```
/// use iacp_core::erp::local::Open;
/// use iacp_core::pss::Capabilities;
/// use iacp_wire::Eid;
///
/// let peer = Eid([2; 32]);
/// let at = Some(([192, 0, 2, 2], 4227).into()); // None: the directory is asked
/// let open = Open { peer, at, hold: false, offer: Capabilities::NONE, resume: None, proof: None };
/// let held = Open { hold: true, ..open }; // `Request::Consumed` then says what the agent has taken
/// assert!(held.hold);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// With this EID.
    pub peer: Eid,
    /// There, or wherever the directory says.
    pub at: Option<SocketAddr>,
    /// Frames are acknowledged when they are consumed.
    pub hold: bool,
    /// What is offered.
    pub offer: Capabilities,
    /// The line that is to go on.
    pub resume: Option<&'a [u8; RESUME_RECORD]>,
    /// What a search has made for this peer and this agent, as [`Search::proof`](crate::discovery::Search::proof) says.
    pub proof: Option<&'a [u8; PROOF]>,
}

/// What an agent asks of its LL-Entity.
///
/// ```
/// use iacp_core::erp::local::{MalformedRequest, Request};
/// use iacp_wire::message::AaiRequest;
///
/// let head = AaiRequest { op: 3.into(), op_reserved: 0.into(), request: 1.into(), session: 0x1_0000_0000.into() };
/// let send = Request::parse(&head, b"\0\0\0\0\0\0\0\x05hello")?;
/// assert_eq!(send, Request::Send { item: 5, content: b"hello" });
/// assert_eq!(Request::parse(&head, b"short"), Err(MalformedRequest));
/// # Ok::<(), MalformedRequest>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// 1: which incoming sessions it takes.
    Listen(Listen),
    /// 2: a session.
    Open(Open<'a>),
    /// 3: an item.
    Send {
        /// The number of the item.
        item: u64,
        /// The item.
        content: &'a [u8],
    },
    /// 4: a line that the peer may name.
    Recall(&'a [u8; RESUME_RECORD]),
    /// 5: everything below is safe with the agent.
    Consumed {
        /// A data sequence, or with RESUME an item.
        below: u64,
    },
    /// 6: accepts the proposed terms, or counters them.
    Terms {
        /// Other terms and the reasons, if it counters.
        counter: Option<(Terms, RejectionReasons)>,
    },
    /// 7: nothing more will be sent.
    Finish {
        /// How many items were sent.
        items: u64,
    },
    /// 8: the end in good order.
    Close(u16),
    /// 9: the end at once.
    Abort(u16),
    /// 10: the standing of an EID.
    Standing(Eid),
    /// 11: a new endpoint; in a session and without a tag, the own one of its pair.
    Endpoint {
        /// 0x1 global, 0x2 bridged, 0x4 sealed.
        flags: u8,
        /// Seconds between rotations of its group key.
        rotation: u32,
        /// Its name.
        tag: &'a [u8],
    },
    /// 12: a value for an endpoint.
    Write {
        /// The endpoint.
        coordinate: Digest,
        /// The version that it must have; 0: any.
        if_version: u64,
        /// The value.
        value: &'a [u8],
    },
    /// 13: the value of an endpoint.
    Read(Digest),
    /// 14: an endpoint goes.
    Erase(Digest),
    /// 15: a right to an endpoint.
    Grant {
        /// The endpoint.
        coordinate: Digest,
        /// 1 read, 2 subscribe, 4 write; 0 takes back.
        rights: u16,
        /// How long it holds, in seconds; 0: as long as the contract.
        seconds: u32,
    },
    /// 16: updates of a peer's endpoint.
    Subscribe {
        /// The endpoint.
        coordinate: Digest,
        /// Wanted, or not any more.
        on: bool,
    },
    /// 17: the Trust List of a sealed endpoint.
    Trust {
        /// The endpoint.
        coordinate: Digest,
        /// The member.
        eid: Eid,
        /// On the list, or off it.
        on: bool,
    },
    /// 18: an identity for a sandbox.
    Derive {
        /// How long, in seconds.
        seconds: u32,
    },
    /// 19: such an identity ends.
    Retract(Digest),
    /// 20: a record about the agent's own EID.
    Deposit {
        /// 3, 4 or 11.
        kind: u8,
        /// Its body.
        body: &'a [u8],
    },
    /// 21: data is delivered, or not.
    Ready(bool),
    /// 22: another EID.
    Rotate {
        /// 2 compromise, 3 task ended. Others are refused by the one that rotates.
        reason: u16,
        /// Mirrored by ERP_ALLOC.
        nonce: [u8; 32],
    },
    /// 23: the agent goes.
    Leave,
    /// 24: what was not CONSUMED is wanted again.
    Rewind,
    /// 25: the EID that a URI's host is mapped to.
    Resolve(&'a str),
}

/// The arguments, taken from the front.
struct Arguments<'a>(&'a [u8]);

impl<'a> Arguments<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], MalformedRequest> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(MalformedRequest)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, MalformedRequest> {
        self.take().map(|bytes| u16::from_be_bytes(*bytes))
    }

    fn u32(&mut self) -> Result<u32, MalformedRequest> {
        self.take().map(|bytes| u32::from_be_bytes(*bytes))
    }

    fn u64(&mut self) -> Result<u64, MalformedRequest> {
        self.take().map(|bytes| u64::from_be_bytes(*bytes))
    }

    fn flag(&mut self) -> Result<bool, MalformedRequest> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(MalformedRequest),
        }
    }

    fn eid(&mut self) -> Result<Eid, MalformedRequest> {
        self.take().map(|bytes| Eid(*bytes))
    }

    fn digest(&mut self) -> Result<Digest, MalformedRequest> {
        self.take().map(|bytes| Digest(*bytes))
    }

    fn terms(&mut self) -> Result<Terms, MalformedRequest> {
        Ok(Terms { dgk_rotation: self.u32()?, lifetime: self.u32()?, receive_window: self.u32()? })
    }

    fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }
}

impl<'a> Request<'a> {
    /// Reads what follows an AAI_REQUEST's figure.
    ///
    /// # Errors
    /// The op does not exist, or its arguments, or the field Session, do not fit it.
    pub fn parse(head: &AaiRequest, arguments: &'a [u8]) -> Result<Self, MalformedRequest> {
        let mut from = Arguments(arguments);
        let request = Self::read(head.op.get(), &mut from)?;
        let fits = match request.wants_session() {
            Some(wanted) => wanted == (head.session.get() != 0),
            None => true,
        };
        if fits && from.0.is_empty() { Ok(request) } else { Err(MalformedRequest) }
    }

    fn read(op: u16, from: &mut Arguments<'a>) -> Result<Self, MalformedRequest> {
        Ok(match op {
            1 => {
                let (capabilities, terms) = (Capabilities::from_bits(from.u32()?), from.terms()?);
                let (sessions, flags) = (from.u32()?, from.u32()?);
                Self::Listen(Listen { capabilities, terms, sessions, hold: hold(flags)? })
            }
            2 => Self::open(from)?,
            3 => Self::Send { item: from.u64()?, content: from.rest() },
            4 => Self::Recall(from.take()?),
            5 => Self::Consumed { below: from.u64()? },
            6 => {
                let (answer, reasons, terms) = (from.u16()?, RejectionReasons(from.u16()?), from.terms()?);
                let counter = match answer {
                    1 => None,
                    2 => Some((terms, reasons)),
                    _ => return Err(MalformedRequest),
                };
                Self::Terms { counter }
            }
            7 => Self::Finish { items: from.u64()? },
            8 => Self::Close(from.u16()?),
            9 => Self::Abort(from.u16()?),
            10 => Self::Standing(from.eid()?),
            11 => {
                let ([flags, length], rotation) = (*from.take()?, from.u32()?);
                let tag = from.rest();
                // Without a tag it is the one of a session's pair, which has no other traits.
                let sound = if tag.is_empty() { flags == 0 && rotation == 0 } else { flags <= 7 && tag.len() <= TAG };
                if tag.len() != usize::from(length) || !sound {
                    return Err(MalformedRequest);
                }
                Self::Endpoint { flags, rotation, tag }
            }
            12 => Self::Write { coordinate: from.digest()?, if_version: from.u64()?, value: from.rest() },
            13 => Self::Read(from.digest()?),
            14 => Self::Erase(from.digest()?),
            15 => {
                let (coordinate, rights, _reserved, seconds) = (from.digest()?, from.u16()?, from.u16()?, from.u32()?);
                Self::Grant { coordinate, rights, seconds }
            }
            16 => Self::Subscribe { coordinate: from.digest()?, on: from.flag()? },
            17 => Self::Trust { coordinate: from.digest()?, eid: from.eid()?, on: from.flag()? },
            18 => match from.u32()? {
                seconds @ 1..=DERIVED_SECONDS => Self::Derive { seconds },
                _ => return Err(MalformedRequest),
            },
            19 => Self::Retract(from.digest()?),
            20 => {
                let [kind] = *from.take()?;
                Self::Deposit { kind, body: from.rest() }
            }
            21 => Self::Ready(from.flag()?),
            22 => {
                let (reason, _reserved, nonce) = (from.u16()?, from.u16()?, *from.take()?);
                Self::Rotate { reason, nonce }
            }
            23 => Self::Leave,
            24 => Self::Rewind,
            25 => Self::Resolve(core::str::from_utf8(from.rest()).map_err(|_| MalformedRequest)?),
            _ => return Err(MalformedRequest),
        })
    }

    fn open(from: &mut Arguments<'a>) -> Result<Self, MalformedRequest> {
        let (peer, ip, port, flags) = (from.eid()?, Locator(*from.take()?), from.u16()?, from.u16()?);
        let offer = Capabilities::from_bits(from.u32()?);
        let at = (ip != Locator::ZERO).then(|| SocketAddr::new(ip.into(), port));
        if at.is_some() && port == 0 {
            return Err(MalformedRequest);
        }
        // Either may be there, and its length tells which.
        let resume = if from.0.len() >= RESUME_RECORD { Some(from.take()?) } else { None };
        let proof = if from.0.is_empty() { None } else { Some(from.take()?) };
        Ok(Self::Open(Open { peer, at, hold: hold(u32::from(flags))?, offer, resume, proof }))
    }

    /// Whether the request names a session; `None` where it may.
    const fn wants_session(&self) -> Option<bool> {
        match self {
            Self::Send { .. }
            | Self::Consumed { .. }
            | Self::Terms { .. }
            | Self::Finish { .. }
            | Self::Close(_)
            | Self::Abort(_)
            | Self::Grant { .. }
            | Self::Subscribe { .. }
            | Self::Rewind
            | Self::Endpoint { tag: [], .. } => Some(true),
            Self::Write { .. } | Self::Read(_) | Self::Derive { .. } => None,
            Self::Listen(_)
            | Self::Open(_)
            | Self::Recall(_)
            | Self::Standing(_)
            | Self::Endpoint { .. }
            | Self::Erase(_)
            | Self::Trust { .. }
            | Self::Retract(_)
            | Self::Deposit { .. }
            | Self::Ready(_)
            | Self::Rotate { .. }
            | Self::Leave
            | Self::Resolve(_) => Some(false),
        }
    }
}

/// The one flag that there is.
const fn hold(flags: u32) -> Result<bool, MalformedRequest> {
    if flags & !HOLD == 0 { Ok(flags & HOLD != 0) } else { Err(MalformedRequest) }
}

#[cfg(test)]
mod tests;
