//! What passes between LL-Entities: ERP_STREAM, by itself or carried by another host (`IACP §4.2.3.4`, `IACP App. A.14`,
//! `IACP App. A.15`), and how long it may be.

use iacp_wire::message::{ErpDeflect, ErpStream, OuterTransport, PathRelay};
use iacp_wire::{Eid, Frame, HEADER_LEN, Message, MessageType, WriteError};

/// The longest datagram, in bytes.
pub const DATAGRAM: usize = 1_200;
/// The Outer Transport Header with its first word, in bytes.
pub const OUTER: usize = HEADER_LEN + OuterTransport::LEN;
/// ERP_DEFLECT with its header, in bytes; PATH_RELAY is shorter.
pub const CARRIED: usize = HEADER_LEN + ErpDeflect::LEN;
/// ERP_STREAM with its header, in bytes: the inner frame begins here.
pub const HEAD: usize = HEADER_LEN + ErpStream::LEN;
/// PSS_DATA_STREAM around its content, in bytes: header, R-Cookie, figure, chain, kind, tag.
pub const SEALING: usize = 89;
/// The longest content of one frame over a carrier of 1,200 bytes, in bytes.
pub const CONTENT: usize = DATAGRAM - OUTER - CARRIED - HEAD - SEALING;

/// The longest content of one frame, over a carrier that takes `carrier` bytes. One limit whatever way the frame goes: a
/// sealed frame may have to go by a relay later, and is never sealed again. `None` if nothing fits.
///
/// ```
/// use iacp_core::erp::stream::content_limit;
///
/// assert_eq!(content_limit(1_500), Some(879));
/// assert_eq!(content_limit(321), Some(0));
/// assert_eq!(content_limit(320), None);
/// ```
#[must_use]
pub const fn content_limit(carrier: usize) -> Option<usize> {
    let datagram = if carrier < DATAGRAM { carrier } else { DATAGRAM };
    datagram.checked_sub(DATAGRAM - CONTENT)
}

/// Why bytes are no frame of another LL-Entity. The answer to each of them is silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotCarried {
    /// No well-formed frame, or one that carries nothing.
    Malformed,
    /// The frames stand in one another in an order that has no meaning.
    Nesting,
    /// What ERP_STREAM carries is not a frame of a session.
    Inner,
    /// A handshake came by another host: its cookie proves a direct address.
    CarriedHandshake,
    /// Source and destination are one EID.
    SelfAddressed,
    /// The path of a PATH_RELAY is neither 2 nor 3.
    Path,
}

words! {
    NotCarried {
        Self::Malformed => "the datagram is no frame that carries another",
        Self::Nesting => "frames are nested in an order that has no meaning",
        Self::Inner => "the inner frame is none of a session",
        Self::CarriedHandshake => "a handshake frame was carried by another host",
        Self::SelfAddressed => "source and destination EID are the same",
        Self::Path => "the path of a PATH_RELAY is neither 2 nor 3",
    }
}

impl core::error::Error for NotCarried {}

/// How a frame came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way<'a> {
    /// From its sender. Only such frames make a candidate.
    Direct,
    /// By a router.
    Deflected(&'a ErpDeflect),
    /// By a relay: path 2 or 3, as the sender has marked it.
    Relayed {
        /// The mark.
        path: u8,
    },
}

impl core::fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Direct => f.pad("directly"),
            Self::Deflected(_) => f.pad("by a router"),
            Self::Relayed { path } => write!(f, "by a relay, path {path}"),
        }
    }
}

impl Way<'_> {
    /// Whether another host has carried it: then it makes no candidate, and is answered to home.
    #[must_use]
    pub const fn is_carried(&self) -> bool {
        !matches!(self, Self::Direct)
    }
}

/// An ERP_STREAM and how it came.
///
/// ```
/// use iacp_core::erp::deflect;
/// use iacp_core::erp::stream::{self, Arrival, HEAD, NotCarried, Way};
/// use iacp_wire::Eid;
///
/// let inner = b"\x10\xb0\0\0"; // a sealed frame of a session, in real life
/// let (mut frame, mut datagram) = ([0; 300], [0; 400]);
/// let length = stream::write(&Eid([1; 32]), &Eid([2; 32]), 3, inner, &mut frame)?;
/// let direct = Arrival::read(&frame[..length])?;
/// assert_eq!((direct.way, direct.inner_offset()), (Way::Direct, HEAD));
///
/// // The same by a router, which has taken the Outer Transport Header off.
/// let length = deflect::write(([203, 0, 113, 9], 4227).into(), 4, &frame[..length], &mut datagram)?;
/// let arrival = Arrival::read(&datagram[..length])?;
/// assert!(arrival.way.is_carried() && arrival.head.source_eid == Eid([1; 32]));
///
/// let own = stream::write(&Eid([1; 32]), &Eid([1; 32]), 3, inner, &mut frame)?;
/// assert_eq!(Arrival::read(&frame[..own]).err(), Some(NotCarried::SelfAddressed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The Outer Transport Header, where a third host is asked to carry.
    pub outer: Option<Outer<'a>>,
    /// Directly, by a router, or by a relay.
    pub way: Way<'a>,
    /// The ERP Routing Header. It is not authenticated: a wrong generation is dropped or ignored, a wrong EID finds no
    /// session.
    pub head: &'a ErpStream,
    /// The whole ERP_STREAM frame: what a carrier sends on.
    pub stream: &'a [u8],
    /// The type of the frame inside.
    pub inner: MessageType,
}

/// An Outer Transport Header.
#[derive(Clone, Copy, Debug)]
pub struct Outer<'a> {
    /// The second half of the first word.
    pub transit_id: u16,
    /// The rest.
    pub head: &'a OuterTransport,
}

impl<'a> Arrival<'a> {
    /// Reads a datagram: ERP_STREAM, or one inside ERP_DEFLECT or PATH_RELAY, each of these two with or without an Outer
    /// Transport Header. Nothing is copied and nothing is verified.
    ///
    /// # Errors
    /// The datagram is anything else.
    // keeps: IACP-080 (§4.2.3.4)
    pub fn read(datagram: &'a [u8]) -> Result<Self, NotCarried> {
        let malformed = |_| NotCarried::Malformed;
        let mut frame = Frame::parse(datagram).map_err(malformed)?;
        let mut outer = None;
        if let Message::OuterTransport { transit_id, head, inner } = frame.message {
            outer = Some(Outer { transit_id, head });
            frame = Frame::parse(inner).map_err(malformed)?;
        }
        bare(&frame)?;
        let (way, stream) = match frame.message {
            Message::ErpDeflect { head, inner } => (Way::Deflected(head), inner),
            Message::PathRelay { head: &PathRelay { path: path @ 2..=3, .. }, inner } => (Way::Relayed { path }, inner),
            Message::PathRelay { .. } => return Err(NotCarried::Path),
            // Between the two ends of a session the seal proves more than a host's signature would.
            Message::ErpStream { .. } if outer.is_none() => (Way::Direct, datagram),
            _ => return Err(NotCarried::Nesting),
        };
        let carried = Frame::parse(stream).map_err(malformed)?;
        bare(&carried)?;
        let Message::ErpStream { head, inner } = carried.message else { return Err(NotCarried::Nesting) };
        let inner = inner_type(inner).ok_or(NotCarried::Inner)?;
        if head.source_eid == head.destination_eid {
            return Err(NotCarried::SelfAddressed);
        }
        match inner {
            MessageType::PssDataStream | MessageType::PssTeardown => {}
            _ if way.is_carried() => return Err(NotCarried::CarriedHandshake),
            _ => {}
        }
        Ok(Self { outer, way, head, stream, inner })
    }

    /// Where the inner frame begins in the datagram: what a session opens in place.
    #[must_use]
    pub const fn inner_offset(&self) -> usize {
        let outer = if self.outer.is_some() { OUTER } else { 0 };
        let carried = match self.way {
            Way::Direct => 0,
            Way::Deflected(_) => CARRIED,
            Way::Relayed { .. } => HEADER_LEN + PathRelay::LEN,
        };
        outer + carried + HEAD
    }
}

/// A frame that carries another has no session header: else what it carries would begin elsewhere.
const fn bare(frame: &Frame<'_>) -> Result<(), NotCarried> {
    if frame.responder_cookie.is_some() { Err(NotCarried::Malformed) } else { Ok(()) }
}

/// The type of a session's frame, by its first two bytes: the session reads the rest.
fn inner_type(frame: &[u8]) -> Option<MessageType> {
    let [first, second, ..] = *frame else { return None };
    let of_a_session = |found: &MessageType| {
        matches!(
            found,
            MessageType::PssInit
                | MessageType::PssAck
                | MessageType::PssNeg
                | MessageType::PssDataStream
                | MessageType::PssTeardown
        )
    };
    let code = first << 4 | second >> 4;
    (first >> 4 == iacp_wire::VERSION).then(|| MessageType::from_code(code)).flatten().filter(of_a_session)
}

/// Writes an ERP_STREAM around a frame that was sealed for a session: header and routing header. What is sent is `out`
/// up to the returned length.
///
/// # Errors
/// The buffer is too small.
pub fn write(
    source: &Eid,
    destination: &Eid,
    generation: u64,
    inner: &[u8],
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let head = ErpStream { source_eid: *source, destination_eid: *destination, generation_counter: generation.into() };
    Frame::new(Message::ErpStream { head: &head, inner }).write(out)
}
