//! The records behind the context, as bytes: what a host that imports reads of a session, an endpoint, a right, a member and ticket
//! keys (`IACP §5.6`).
//!
//! A record is read where it stands in the blob, so nothing of it is copied and all of it is wiped with the blob. Whether a record can
//! be true by itself is checked here, before anything is created; whether two records fit each other is the importer's to check.

use iacp_wire::{Cookie, Digest, Eid, Locator, MessageType};
use zerocopy::network_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{DockError, RecordType};
use crate::erp::resume::{ITEMS, Line};
use crate::erp::stream::CONTENT;
use crate::pss::shared::frame::{TAG, VALUE};
use crate::pss::{ContentKind, OVERHEAD};

/// "None" where a number stands.
pub const NONE: u64 = u64::MAX;
/// Sequences stay below: from here on the numbers are heartbeats'.
const HEARTBEATS: u64 = 1 << 63;
/// A host that goes on has as many heartbeats left as sequences of one bit less.
const MOST_HEARTBEATS: u64 = 1 << 62;

/// Declares the fixed part of a record: a struct that is its bytes.
macro_rules! fixed {
    ($(#[doc = $doc:literal])+ $name:ident = $length:literal { $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty,)+ }) => {
        $(#[doc = $doc])+
        #[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
        #[repr(C)]
        pub struct $name {
            $($(#[doc = $field_doc])+ pub $field: $type,)+
        }

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $length;
        }

        const _: () = assert!(size_of::<$name>() == $length);
    };
}

fixed! {
    /// The front of a SESSION record. It holds keys: it has no Debug, and stands in memory that is wiped.
    SessionHead = 440 {
        /// The EID at the other end.
        peer: Eid,
        /// Its cookies.
        initiator_cookie: Cookie,
        /// See above.
        responder_cookie: Cookie,
        /// 1 initiator, 2 responder.
        role: u8,
        /// The state of B.4, by its place in the table: 1, 2, 4 or 5. Negotiations and closed sessions are not exported.
        state: u8,
        /// 1 heard, 2 HOLD, 4 contract, 8 unannounced, 16 the peer asked to close, 32 a close is wanted.
        flags: u8,
        /// Zero.
        reserved: u8,
        /// What was agreed.
        capabilities: U32,
        /// Sending keys: the generation, its secret and iv, and the frames sealed under it.
        send_generation: U32,
        /// See above.
        send_secret: [u8; 32],
        /// See above.
        send_iv: [u8; 4],
        /// See above.
        send_frames: U64,
        /// The next sequence when the echo of this generation came, or none.
        send_echoed: U64,
        /// Receiving keys: the lower generation, its secret and iv.
        receive_generation: U32,
        /// See above.
        receive_secret: [u8; 32],
        /// See above.
        receive_iv: [u8; 4],
        /// The next send sequence in the first heartbeat of the generation above, or none.
        receive_next: U64,
        /// The line; zero without RESUME.
        line: [u8; 16],
        /// Home.
        home_ip: Locator,
        /// See above.
        home_port: U16,
        /// Zero.
        home_reserved: [u8; 2],
        /// Milliseconds in DISCONNECTED.
        disconnected: U32,
        /// The contract's terms, and what is left of its lifetime in seconds.
        rotation: U32,
        /// See above.
        lifetime: U32,
        /// See above.
        window: U32,
        /// The reason to close, where one is wanted.
        reason: U16,
        /// Zero.
        terms_reserved: [u8; 2],
        /// The first sequence of this side.
        send_initial: U64,
        /// The first that is not acknowledged: the log begins with it.
        send_first: U64,
        /// The next.
        send_next: U64,
        /// The chain at the first that is not acknowledged.
        send_chain: [u8; 32],
        /// How many heartbeats were sealed.
        heartbeats: U64,
        /// The sequence of this side's FIN, or none.
        send_fin: U64,
        /// The next item.
        next_item: U64,
        /// The first sequence of the peer.
        receive_initial: U64,
        /// E.
        expected: U64,
        /// The chain at E.
        receive_chain: [u8; 32],
        /// The lowest item that is not safe.
        item_not_safe: U64,
        /// The lowest sequence that has not come.
        not_come: U64,
        /// The newest sequence.
        newest: U64,
        /// The newest heartbeat that was taken.
        newest_heartbeat: U64,
        /// Failed openings.
        failed_opens: U64,
        /// The sequence of the peer's FIN, or none.
        receive_fin: U64,
        /// The generation of the peer's mapping.
        peer_generation: U64,
        /// How many frames of the log follow, then frames that were taken, then what waits in the FIFO.
        logged: U16,
        /// See above.
        taken: U16,
        /// See above.
        waiting: U16,
        /// Zero.
        counts_reserved: [u8; 2],
        /// Items above the lowest that is not safe which have come: the first bit stands for the next one.
        items: [u8; 32],
    }
}

fixed! {
    /// A frame of the peer's that was taken and lies at E or above.
    TakenFrame = 56 {
        /// Its sequence.
        sequence: U64,
        /// Its chain.
        chain: [u8; 32],
        /// Its tag.
        tag: [u8; 16],
    }
}

fixed! {
    /// The front of an ENDPOINT record.
    EndpointHead = 56 {
        /// 0x1 global, 0x2 bridged, 0x4 sealed.
        flags: u8,
        /// The length of the tag, which follows.
        tag_length: u8,
        /// Zero.
        reserved: [u8; 2],
        /// Seconds between rotations of the group key.
        rotation: U32,
        /// The version of the value.
        version: U64,
        /// The epoch of the group, 0 without one.
        epoch: U64,
        /// Zero: the importing host begins the next epoch, with a key of its own.
        key_reserved: [u8; 32],
    }
}

fixed! {
    /// A RIGHT record: of the peer in an own endpoint, or of this side in the peer's.
    Right = 64 {
        /// The session's cookies.
        initiator_cookie: Cookie,
        /// See above.
        responder_cookie: Cookie,
        /// The endpoint.
        coordinate: Digest,
        /// 1 read, 2 subscribe, 4 write.
        rights: U16,
        /// 1: in an own endpoint.
        ours: u8,
        /// 1: updates are wanted.
        subscribed: u8,
        /// Seconds that are left; 0: as long as the contract.
        seconds: U32,
        /// The version that the other side has.
        known_version: U64,
    }
}

fixed! {
    /// A MEMBER record: an EID on the Trust List of a sealed endpoint.
    Member = 64 {
        /// The endpoint.
        coordinate: Digest,
        /// The member.
        eid: Eid,
    }
}

fixed! {
    /// A TICKET KEYS record: of one session, both directions.
    TicketKeysOf = 140 {
        /// The EID of the session's peer.
        peer: Eid,
        /// Its cookies.
        session: [u8; 16],
        /// 1 AES-256-GCM, 2 ChaCha20-Poly1305.
        suite: u8,
        /// Zero.
        reserved: [u8; 3],
        /// The key of this side's tickets, its iv, and the bound below which every counter may have been used.
        our_key: [u8; 32],
        /// See above.
        our_iv: [u8; 4],
        /// See above.
        bound: U64,
        /// The key of the peer's tickets, its iv, and the number after the highest counter that was taken.
        their_key: [u8; 32],
        /// See above.
        their_iv: [u8; 4],
        /// See above.
        seen: U64,
    }
}

/// A SESSION record.
#[derive(Clone, Copy)]
pub struct SessionRecord<'b> {
    /// Its front.
    pub head: &'b SessionHead,
    log: &'b [u8],
    /// What was taken, in sequence, from E on.
    pub taken: &'b [TakenFrame],
    waiting: &'b [u8],
}

/// An entry of the FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting<'b> {
    /// What it will be sealed as.
    pub kind: ContentKind,
    /// It is the FIN.
    pub fin: bool,
    /// The content.
    pub content: &'b [u8],
}

/// An ENDPOINT record.
///
/// What a host shows of a context that it is about to take over:
///
/// ```
/// use iacp_core::erp::dock::{EndpointHead, EndpointRecord, Record, RecordType, Right, SessionHead, SessionRecord};
/// use iacp_core::erp::dock::{TakenFrame, TicketKeysOf};
/// # use zerocopy::IntoBytes;
///
/// fn summary(record: &Record<'_>) -> String {
///     let ahead = |taken: &[TakenFrame]| taken.len();
///     match record {
///         Record::Session(SessionRecord { head: SessionHead { peer, .. }, taken, .. }) => {
///             format!("a session with {peer:?}, {} frames ahead of a gap", ahead(taken))
///         }
///         Record::Endpoint(EndpointRecord { head, tag, value }) => {
///             format!("endpoint {}, version {}, {} bytes", tag.escape_ascii(), head.version, value.len())
///         }
///         Record::Right(Right { rights, ours: 1, .. }) => format!("a peer's rights {rights} in an own endpoint"),
///         Record::Right(Right { rights, .. }) => format!("rights {rights} in a peer's endpoint"),
///         Record::Member(member) => format!("{:?} in a group", member.eid),
///         Record::TicketKeys(TicketKeysOf { peer, .. }) => format!("ticket keys of {peer:?}"),
///         Record::Application(bytes) => format!("{} bytes of the agent's own", bytes.len()),
///     }
/// }
///
/// # let head = EndpointHead {
/// #     flags: 1,
/// #     tag_length: 4,
/// #     reserved: [0; 2],
/// #     rotation: 0.into(),
/// #     version: 3.into(),
/// #     epoch: 0.into(),
/// #     key_reserved: [0; 32],
/// # };
/// let bytes = [head.as_bytes(), b"door", b"open"].concat(); // out of Imported::records
/// let record = Record::parse(RecordType::Endpoint, &bytes)?;
/// assert_eq!(summary(&record), "endpoint door, version 3, 4 bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct EndpointRecord<'b> {
    /// Its front.
    pub head: &'b EndpointHead,
    /// 1 to 64 bytes.
    pub tag: &'b [u8],
    /// At most 835 bytes.
    pub value: &'b [u8],
}

/// A record behind the context.
///
/// ```
/// use iacp_core::erp::dock::{DockError, Record, RecordType};
///
/// let member = [[3; 32], [4; 32]].concat();
/// let Ok(Record::Member(read)) = Record::parse(RecordType::Member, &member) else { panic!("64 bytes") };
/// assert_eq!((read.coordinate.0, read.eid.0), ([3; 32], [4; 32]));
/// assert!(matches!(Record::parse(RecordType::Member, &member[1..]), Err(DockError::Records)));
/// ```
#[derive(Clone, Copy)]
pub enum Record<'b> {
    /// A session.
    Session(SessionRecord<'b>),
    /// An endpoint.
    Endpoint(EndpointRecord<'b>),
    /// A right.
    Right(&'b Right),
    /// A member of a group.
    Member(&'b Member),
    /// Ticket keys.
    TicketKeys(&'b TicketKeysOf),
    /// The agent's own bytes.
    Application(&'b [u8]),
}

impl<'b> Record<'b> {
    /// Reads a record that stands behind the context.
    ///
    /// # Errors
    /// [`DockError::Records`]: a length, a code, a reserved field or an order in it cannot be.
    pub fn parse(kind: RecordType, bytes: &'b [u8]) -> Result<Self, DockError> {
        let read = match kind {
            RecordType::Context => None,
            RecordType::Session => SessionRecord::read(bytes).map(Self::Session),
            RecordType::Endpoint => EndpointRecord::read(bytes).map(Self::Endpoint),
            RecordType::Right => Right::ref_from_bytes(bytes).ok().filter(|right| right.can_be()).map(Self::Right),
            RecordType::Member => Member::ref_from_bytes(bytes).ok().map(Self::Member),
            RecordType::TicketKeys => {
                let keys = TicketKeysOf::ref_from_bytes(bytes).ok();
                keys.filter(|keys| matches!((keys.suite, keys.reserved), (1 | 2, [0, 0, 0]))).map(Self::TicketKeys)
            }
            RecordType::Application => Some(Self::Application(bytes)),
        };
        read.ok_or(DockError::Records)
    }
}

impl Right {
    fn can_be(&self) -> bool {
        (1..=7).contains(&self.rights.get()) && self.ours <= 1 && self.subscribed <= 1
    }
}

impl SessionHead {
    /// The flags that there are.
    const FLAGS: u8 = 0x3f;
    /// A frame of the peer's was taken.
    pub(super) const HEARD: u8 = 0x01;
    /// This side acknowledges what its agent has consumed.
    pub(super) const HOLD: u8 = 0x02;
    /// There is a contract.
    pub(super) const CONTRACT: u8 = 0x04;
    /// The agent was not told of the session yet.
    pub(super) const UNANNOUNCED: u8 = 0x08;
    /// The peer asked to close.
    pub(super) const PEER_ASKED: u8 = 0x10;
    /// A close is wanted.
    pub(super) const CLOSE_WANTED: u8 = 0x20;

    /// Whether the numbers can be those of one session.
    fn can_be(&self) -> bool {
        let (first, next) = (self.send_first.get(), self.send_next.get());
        let (expected, not_come) = (self.expected.get(), self.not_come.get());
        let fin = |fin: &U64, below: u64| fin.get() == NONE || fin.get() < below;
        let reserved = self.reserved == 0
            && self.home_reserved == [0; 2]
            && self.terms_reserved == [0; 2]
            && self.counts_reserved == [0; 2];
        reserved
            && matches!(self.role, 1 | 2)
            && matches!(self.state, 1 | 2 | 4 | 5)
            && self.flags & !Self::FLAGS == 0
            && self.home_port.get() != 0
            && self.window.get() != 0
            && self.send_initial.get() <= first
            && next < HEARTBEATS
            && next.checked_sub(first) == Some(u64::from(self.logged.get()))
            && fin(&self.send_fin, next)
            && self.receive_initial.get() <= expected
            && expected <= not_come
            && not_come < HEARTBEATS
            && fin(&self.receive_fin, HEARTBEATS)
            && not_come <= self.newest.get()
            && self.newest.get() < HEARTBEATS
            && self.heartbeats.get() < MOST_HEARTBEATS
            && self.item_not_safe.get() < ITEMS
            && self.next_item.get() < ITEMS
    }
}

/// What stands behind a length of two bytes at the front, and the rest.
fn split_short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn split_waiting(bytes: &[u8]) -> Option<(Waiting<'_>, &[u8])> {
    let ([kind, fin], rest) = bytes.split_first_chunk()?;
    let (content, rest) = split_short(rest)?;
    let fits = *fin <= 1 && content.len() <= CONTENT && (*fin == 0 || content.is_empty());
    // The kinds of an agent's: what a host seals by itself does not wait.
    let kind =
        ContentKind::from_code(*kind).filter(|kind| fits && matches!(kind, ContentKind::Anml | ContentKind::Sfc))?;
    Some((Waiting { kind, fin: *fin == 1, content }, rest))
}

/// The first bit of a length in the log: the frame has content of the agent's in it.
const CONTENT_BIT: u16 = 1 << 15;

/// A frame of the log: whether there is content of the agent's in it, its bytes, and the rest.
fn split_logged(bytes: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = u16::from_be_bytes(*length);
    let (frame, rest) = rest.split_at_checked(usize::from(length & !CONTENT_BIT))?;
    Some((length & CONTENT_BIT != 0, frame, rest))
}

/// The length of a frame as the log has it.
pub(super) fn logged_length(frame: &[u8], content: bool) -> Option<[u8; 2]> {
    let length = u16::try_from(frame.len()).ok().filter(|length| length & CONTENT_BIT == 0)?;
    Some((length | if content { CONTENT_BIT } else { 0 }).to_be_bytes())
}

/// A sealed frame of this side, as the log has it.
fn is_sealed_frame(frame: &[u8]) -> bool {
    let code = MessageType::PssDataStream.code();
    let header = frame.first_chunk().is_some_and(|[first, second, a, b]| {
        let payload = usize::from(u16::from_be_bytes([*a, *b]));
        first & 0x0f == code >> 4 && second >> 4 == code & 0x0f && payload.checked_add(4) == Some(frame.len())
    });
    header && (OVERHEAD..=OVERHEAD.saturating_add(CONTENT)).contains(&frame.len())
}

impl<'b> SessionRecord<'b> {
    fn read(bytes: &'b [u8]) -> Option<Self> {
        let (head, rest) = SessionHead::ref_from_prefix(bytes).ok()?;
        if !head.can_be() {
            return None;
        }
        let mut left = rest;
        for _ in 0..head.logged.get() {
            let (_, frame, behind) = split_logged(left)?;
            if !is_sealed_frame(frame) {
                return None;
            }
            left = behind;
        }
        let log = rest.get(..rest.len().checked_sub(left.len())?)?;
        let taken = usize::from(head.taken.get()).checked_mul(TakenFrame::LEN)?;
        let (taken, waiting) = left.split_at_checked(taken)?;
        let taken = <[TakenFrame]>::ref_from_bytes(taken).ok()?;
        let mut lowest = head.expected.get();
        for frame in taken {
            let sequence = frame.sequence.get();
            if sequence < lowest || sequence >= HEARTBEATS || sequence == head.not_come.get() {
                return None;
            }
            lowest = sequence.checked_add(1)?;
        }
        let mut left = waiting;
        for _ in 0..head.waiting.get() {
            (_, left) = split_waiting(left)?;
        }
        left.is_empty().then_some(Self { head, log, taken, waiting })
    }

    /// The line of items, if the session has one.
    #[must_use]
    pub fn line(&self) -> Option<Line> {
        Some(Line(self.head.line)).filter(|line| line.0 != [0; 16])
    }

    /// The sealed frames that the peer has not acknowledged, from the first one on. They go out as they are.
    pub fn log(&self) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        self.logged().map(|(frame, _)| frame)
    }

    /// The same, and whether there is content of the agent's in them.
    pub fn logged(&self) -> impl Iterator<Item = (&'b [u8], bool)> + use<'b> {
        let mut left = self.log;
        core::iter::from_fn(move || {
            let (content, frame, behind) = split_logged(left)?;
            left = behind;
            Some((frame, content))
        })
    }

    /// What waits to be sealed, in order.
    pub fn waiting(&self) -> impl Iterator<Item = Waiting<'b>> + use<'b> {
        let mut left = self.waiting;
        core::iter::from_fn(move || {
            let (entry, behind) = split_waiting(left)?;
            left = behind;
            Some(entry)
        })
    }
}

impl<'b> EndpointRecord<'b> {
    fn read(bytes: &'b [u8]) -> Option<Self> {
        let (head, rest) = EndpointHead::ref_from_prefix(bytes).ok()?;
        let (tag, value) = rest.split_at_checked(usize::from(head.tag_length))?;
        let sealed = head.flags & 0x4 != 0;
        let fits = head.flags <= 7
            && head.reserved == [0; 2]
            && head.key_reserved == [0; 32]
            && (1..=TAG).contains(&tag.len())
            && value.len() <= VALUE
            && head.version.get() != 0
            && sealed == (head.epoch.get() != 0);
        fits.then_some(Self { head, tag, value })
    }
}
