//! One agent and one session with one peer: it begins it, or accepts it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::ptr;

use iacp_core::crypto::{ClearStack, Compact, Secret32, clear_stack};
use iacp_core::guard::{Ingress, Rate, TokenBucket};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, ContentKind, Discard, Gate, Incoming, NotAnswered, OVERHEAD, Received, Replied, Responder,
    SendError, Session, Settings, StartError, TeardownReason, Terms,
};
use iacp_core::time::Mono;
use iacp_wire::{Cookie, Eid, MessageType};
use rand_core::CryptoRng;

use crate::event::{self, IACP_EVENT_NONE};
use crate::lent;
use crate::{IACP_ARGUMENT, IACP_DISCARDED, IACP_FULL, IACP_KEY, IACP_NOT_NOW, IACP_OK, IACP_TOO_LONG};

#[cfg(test)]
mod tests;

/// Bytes of sealed frames that the peer has not acknowledged.
const LOG: usize = 2_048;
/// Frames in flight each way.
const FRAMES: usize = 8;
type Link = Session<Compact, LOG, FRAMES>;
const OUT: usize = Link::TRANSMIT_BUFFER;
/// How far the stack is cleared when a node begins and ends, in bytes.
const STACK: usize = if cfg!(target_pointer_width = "64") { 16_384 } else { 3_072 };

/// Bytes of memory for a node, aligned to IACP_ALIGNMENT.
pub const IACP_NODE_BYTES: usize = 6_144;
/// The alignment of memory that is lent to the library.
pub const IACP_ALIGNMENT: usize = 16;
/// The most bytes of one datagram of a session.
pub const IACP_DATAGRAM_BYTES: usize = 1_200;
/// The most bytes of content in one datagram.
pub const IACP_CONTENT_BYTES: usize = 1_111;
const _: () = assert!(IACP_CONTENT_BYTES + OVERHEAD == IACP_DATAGRAM_BYTES);
const _: () = assert!(size_of::<IacpNode>() <= IACP_NODE_BYTES && align_of::<IacpNode>() <= IACP_ALIGNMENT);
const _: () = assert!(OUT <= IACP_DATAGRAM_BYTES);

/// PSS_INITs that are answered, each with a signature: of all networks together, ...
const ANSWERS: Rate = Rate { capacity: 8, per_second: 8 };
/// ... and of one.
const ANSWERS_OF_ONE: Rate = Rate { capacity: 4, per_second: 2 };
/// Other frames whose signatures are verified: all of them carry cookies that only the peer, or an observer, knows.
const CHECKS: Rate = Rate { capacity: 16, per_second: 8 };
/// Events that can wait for iacp_event when another session begins.
const EVENTS: usize = 16;

/// Nothing is due.
pub const IACP_NEVER: u64 = u64::MAX;

/// An address of IP.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IacpAddress {
    /// 4 or 6.
    pub version: u8,
    /// In network order; of version 4 the first four.
    pub ip: [u8; 16],
    /// In the byte order of the host.
    pub port: u16,
}

/// Content that came.
#[repr(C)]
pub struct IacpData {
    /// Its place in the peer's stream: it may come out of order, and comes once.
    pub sequence: u64,
    /// In the buffer of the datagram.
    pub content: *mut u8,
    /// Its length in bytes.
    pub length: usize,
}

/// An agent with its session, in memory of the caller's. Its fields are not for C.
pub struct IacpNode {
    identity: Identity<Compact>,
    door: Responder<4>,
    answers: Ingress<16>,
    checks: TokenBucket,
    session: Link,
    /// Who may begin a session here.
    listens: Listens,
    /// Events of the session before this one, and how many.
    earlier: ([i32; EVENTS], usize),
    /// A PSS_NEG that waits to be sent.
    negotiation: ([u8; OUT], usize, SocketAddr),
}

/// Who may begin a session with the node.
enum Listens {
    ToNone,
    To(Eid),
    ToAll,
}

fn address(address: &IacpAddress) -> Option<SocketAddr> {
    let IacpAddress { version, ip, port } = *address;
    let ip = match version {
        4 => IpAddr::V4(Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3])),
        6 => IpAddr::V6(Ipv6Addr::from(ip)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn told(address: SocketAddr) -> IacpAddress {
    let mut ip = [0; 16];
    let version = match address.ip() {
        IpAddr::V4(four) => {
            ip[..4].copy_from_slice(&four.octets());
            4
        }
        IpAddr::V6(six) => {
            ip = six.octets();
            6
        }
    };
    IacpAddress { version, ip, port: address.port() }
}

/// Makes a node at the start of `memory` (`length` bytes, IACP_NODE_BYTES are enough; aligned). `seed` is the agent's
/// private key, `entropy` 32 random bytes that are used for nothing else. Times are milliseconds of a clock that never
/// goes back. Null when something is wrong with the arguments.
///
/// # Safety
/// The pointers lend what is said of them; the memory is the node's alone until iacp_end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_begin(
    memory: *mut u8,
    length: usize,
    seed: *const u8,
    now: u64,
    entropy: *const u8,
) -> *mut IacpNode {
    // SAFETY: as the caller promises.
    let (seed, rng) = unsafe { (lent::bytes(seed, 32), lent::generator(entropy)) };
    let (Some(seed), Some(mut rng), Some(place)) = (seed, rng, lent::place::<IacpNode>(memory, length)) else {
        return ptr::null_mut();
    };
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: FRAMES as u32 };
    let settings = Settings { capabilities: Capabilities::NONE.offerable::<Compact>(), terms };
    let _clear = ClearStack::<STACK>;
    // SAFETY: the place is aligned, long enough and the node's alone.
    unsafe { make(place, seed, settings, Mono(now), &mut rng) };
    place
}

/// Makes each part in its final place, in a frame whose remains are overwritten.
///
/// # Safety
/// The place is aligned, long enough and the node's alone.
#[inline(never)]
unsafe fn make(place: *mut IacpNode, seed: &[u8], settings: Settings, now: Mono, rng: &mut impl CryptoRng) {
    let seed = Secret32::fill(|to| to.copy_from_slice(seed));
    // SAFETY: the place is aligned, long enough and the node's alone, and no part of it is read before it is written.
    unsafe {
        (&raw mut (*place).identity).write(Identity::from_seed(&seed));
        (&raw mut (*place).door).write(Responder::new(settings, now, rng));
        (&raw mut (*place).answers).write(Ingress::new(ANSWERS, ANSWERS_OF_ONE, now, rng));
        (&raw mut (*place).checks).write(TokenBucket::new(CHECKS, now));
        (&raw mut (*place).listens).write(Listens::ToNone);
        (&raw mut (*place).earlier).write(([0; EVENTS], 0));
        (&raw mut (*place).session).write(Link::IDLE);
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        (&raw mut (*place).negotiation).write(([0; OUT], 0, nowhere));
    }
}

/// Wipes the node's secrets. Its memory is free again.
///
/// # Safety
/// `node` is null or of iacp_begin, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_end(node: *mut IacpNode) {
    if !node.is_null() {
        // SAFETY: it is a node that nothing uses any more.
        unsafe { ptr::drop_in_place(node) };
        clear_stack::<STACK>();
    }
}

/// Writes the agent's EID, 32 bytes.
///
/// # Safety
/// `node` is of iacp_begin, and `eid` lends 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_eid(node: *const IacpNode, eid: *mut u8) -> i32 {
    // SAFETY: as the caller promises.
    let (node, eid) = unsafe { (node.as_ref(), lent::bytes_mut(eid, 32)) };
    let (Some(node), Some(eid)) = (node, eid) else { return IACP_ARGUMENT };
    eid.copy_from_slice(&node.identity.eid().0);
    IACP_OK
}

/// Lets the agent of this EID (32 bytes) begin a session with the node; null lets any agent, and iacp_peer then says which
/// it is. Before this call no agent may.
///
/// # Safety
/// `node` is of iacp_begin; `eid` is null, or lends 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_listen(node: *mut IacpNode, eid: *const u8) -> i32 {
    // SAFETY: as the caller promises.
    let (node, peer) = unsafe { (node.as_mut(), lent::thirty_two(eid)) };
    let Some(node) = node else { return IACP_ARGUMENT };
    node.listens = peer.map_or(Listens::ToAll, |peer| Listens::To(Eid(peer)));
    IACP_OK
}

/// Writes the EID of the session's peer, 32 bytes: after IACP_EVENT_ESTABLISHED it has shown that it holds the key.
/// IACP_NOT_NOW where there has been no session.
///
/// # Safety
/// `node` is of iacp_begin, and `eid` lends 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_peer(node: *const IacpNode, eid: *mut u8) -> i32 {
    // SAFETY: as the caller promises.
    let (node, eid) = unsafe { (node.as_ref(), lent::bytes_mut(eid, 32)) };
    let (Some(node), Some(eid)) = (node, eid) else { return IACP_ARGUMENT };
    if node.session.peer() == Eid::ZERO {
        return IACP_NOT_NOW;
    }
    eid.copy_from_slice(&node.session.peer().0);
    IACP_OK
}

/// Begins a session with the agent of this EID (32 bytes) at this address. `entropy` as for iacp_begin, and new.
///
/// # Safety
/// The pointers lend what is said of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_initiate(
    node: *mut IacpNode,
    now: u64,
    eid: *const u8,
    to: *const IacpAddress,
    entropy: *const u8,
) -> i32 {
    // SAFETY: as the caller promises.
    let (node, eid, to, rng) = unsafe { (node.as_mut(), lent::thirty_two(eid), to.as_ref(), lent::generator(entropy)) };
    let (Some(node), Some(eid), Some(to), Some(mut rng)) = (node, eid, to.and_then(address), rng) else {
        return IACP_ARGUMENT;
    };
    match node.session.initiate(Mono(now), &node.identity, Eid(eid), to, Capabilities::NONE, &mut rng) {
        Ok(()) => IACP_OK,
        Err(StartError::Busy) => IACP_NOT_NOW,
        Err(StartError::OwnEid | StartError::PeerKey) => IACP_KEY,
    }
}

/// Takes a datagram. It is decrypted where it stands: 1 if it has content, which `data` then says; IACP_OK if it has
/// none; IACP_DISCARDED if it is noise. Afterwards ask for events and for what is to be sent.
///
/// # Safety
/// The pointers lend what is said of them; `datagram` lends `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_handle(
    node: *mut IacpNode,
    now: u64,
    from: *const IacpAddress,
    datagram: *mut u8,
    length: usize,
    data: *mut IacpData,
) -> i32 {
    // SAFETY: as the caller promises.
    let (node, from, datagram, data) =
        unsafe { (node.as_mut(), from.as_ref(), lent::bytes_mut(datagram, length), data.as_mut()) };
    let (Some(node), Some(from), Some(datagram), Some(data)) = (node, from.and_then(address), datagram, data) else {
        return IACP_ARGUMENT;
    };
    match node.take(Mono(now), from, datagram) {
        Received::Data { sequence, content, .. } => {
            *data = IacpData { sequence, content: content.as_mut_ptr(), length: content.len() };
            1
        }
        Received::Taken => IACP_OK,
        Received::Discarded(_) => IACP_DISCARDED,
    }
}

/// Admits an agent that may begin a session, if the node has no live one, and the peer of our own attempt, which its attempt
/// then crosses.
struct Only<'s> {
    session: &'s Link,
    listens: &'s Listens,
    is_free: bool,
}

impl Only<'_> {
    fn admission(&self, peer: &Eid) -> Admission {
        let is_heard = match self.listens {
            Listens::ToNone => false,
            Listens::To(eid) => eid == peer,
            Listens::ToAll => true,
        };
        match self.is_free && is_heard || self.session.is_attempt_toward(peer) {
            true => Admission::Admit,
            false => Admission::Drop,
        }
    }
}

/// The same for a PSS_ACK, whose cookie holds: then its key and its signature cost something.
struct Checked<'s>(Only<'s>, &'s mut TokenBucket, Mono);

impl Gate for Checked<'_> {
    fn standing(&mut self, peer: &Eid) -> Admission {
        match self.0.admission(peer) {
            Admission::Admit if self.1.take(self.2, 1).is_err() => Admission::Drop,
            admission => admission,
        }
    }

    fn stands_against(&mut self, peer: &Eid) -> bool {
        self.0.session.stands_against(peer)
    }
}

impl IacpNode {
    fn take<'d>(&mut self, now: Mono, from: SocketAddr, datagram: &'d mut [u8]) -> Received<'d> {
        let incoming = match Incoming::parse(datagram) {
            Ok(incoming) => incoming,
            Err(discard) => return Received::Discarded(discard),
        };
        let is_free = self.session.is_over() || self.session.closure().is_some();
        match &incoming {
            Incoming::Signed(signed) if incoming.message_type() == MessageType::PssInit => {
                // Our attempt may cross one of the peer's: which of the two stands is decided when the peer's PSS_ACK
                // comes.
                let only = Only { session: &self.session, listens: &self.listens, is_free };
                // One waits to be sent: its place is not given to another.
                if self.negotiation.1 > 0 || self.answers.admit(now, from, 1).is_err() {
                    return Received::Discarded(Discard::Capacity);
                }
                let (out, length, to) = &mut self.negotiation;
                match self.door.answer(now, &self.identity, from, signed, |peer| only.admission(peer), out) {
                    Ok(Replied::Negotiate { length: written, .. }) => {
                        (*length, *to) = (written, from);
                        Received::Taken
                    }
                    Ok(Replied::DemandWork { .. }) => Received::Discarded(Discard::Reputation),
                    Err(NotAnswered::Discard(discard)) => Received::Discarded(discard),
                    Err(NotAnswered::TooSmall(_)) => Received::Discarded(Discard::Capacity),
                }
            }
            Incoming::Signed(signed)
                if incoming.message_type() == MessageType::PssAck
                    && (is_free || incoming.cookies() != Some(self.session.cookies())) =>
            {
                let only = Only { session: &self.session, listens: &self.listens, is_free };
                let mut checked = Checked(only, &mut self.checks, now);
                // By reference: it has a secret, and is not moved.
                let accepted = &self.door.accept(now, &self.identity, from, signed, &mut checked);
                let accepted = match accepted {
                    Ok(accepted) => accepted,
                    Err(discard) => return Received::Discarded(*discard),
                };
                // What the session before has told is not lost with it. Our attempt, if it does not stand, gives way.
                while let Some(event) = self.session.poll_event() {
                    self.keep(event::code(&event));
                }
                let _ = self.session.supersede();
                match self.session.accept(now, accepted) {
                    Ok(()) => Received::Taken,
                    Err(_) => Received::Discarded(Discard::Capacity),
                }
            }
            Incoming::Signed(_)
                if incoming.cookies().is_some_and(|cookies| self.is_meant(cookies))
                    && self.checks.take(now, 1).is_err() =>
            {
                Received::Discarded(Discard::Capacity)
            }
            _ => self.session.take(now, &self.identity, from, incoming),
        }
    }

    /// Whether a frame with these cookies is for the session. A PSS_NEG brings the R-Cookie, so the session has none before it; before
    /// any session both are zero, and no frame's are.
    fn is_meant(&self, (initiator, responder): (Cookie, Cookie)) -> bool {
        let own = self.session.cookies();
        initiator != Cookie::ZERO
            && responder != Cookie::ZERO
            && initiator == own.0
            && (responder == own.1 || own.1 == Cookie::ZERO)
    }

    /// Keeps an event; of more than there is room for, the last one is replaced: it is the newest that counts.
    fn keep(&mut self, code: i32) {
        let (codes, count) = &mut self.earlier;
        codes[(*count).min(EVENTS - 1)] = code;
        *count = (*count + 1).min(EVENTS);
    }
}

/// Sends content of at most IACP_CONTENT_BYTES: it is sealed now, and kept until the peer has it.
///
/// # Safety
/// `content` lends `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_send(node: *mut IacpNode, now: u64, content: *const u8, length: usize) -> i32 {
    // SAFETY: as the caller promises.
    let (node, content) = unsafe { (node.as_mut(), lent::bytes(content, length)) };
    let (Some(node), Some(content)) = (node, content) else { return IACP_ARGUMENT };
    if content.len() > IACP_CONTENT_BYTES {
        return IACP_TOO_LONG;
    }
    match node.session.send(Mono(now), ContentKind::Anml, content) {
        Ok(_) => IACP_OK,
        Err(SendError::Full) => IACP_FULL,
        Err(SendError::TooLong) => IACP_TOO_LONG,
        Err(SendError::NotNow | SendError::Finished | SendError::Kind | SendError::KeySpent) => IACP_NOT_NOW,
    }
}

/// Writes the next datagram that is to be sent to `out` (IACP_DATAGRAM_BYTES) and where to; returns its length, 0 if
/// there is none. Call it until there is none.
///
/// # Safety
/// `out` lends `room` bytes, `to` an address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_transmit(
    node: *mut IacpNode,
    now: u64,
    out: *mut u8,
    room: usize,
    to: *mut IacpAddress,
) -> i32 {
    // SAFETY: as the caller promises.
    let (node, out, to) = unsafe { (node.as_mut(), lent::bytes_mut(out, room), to.as_mut()) };
    let (Some(node), Some(out), Some(to)) = (node, out, to) else { return IACP_ARGUMENT };
    let Some(out) = out.get_mut(..IACP_DATAGRAM_BYTES) else { return IACP_ARGUMENT };
    let (bytes, length, answered) = &mut node.negotiation;
    if *length > 0 {
        out[..*length].copy_from_slice(&bytes[..*length]);
        *to = told(*answered);
        return core::mem::take(length) as i32;
    }
    let mut own = [0; OUT];
    match node.session.poll_transmit(Mono(now), &mut own) {
        Ok(Some(transmit)) => {
            let Some(place) = out.get_mut(..transmit.bytes.len()) else { return IACP_TOO_LONG };
            place.copy_from_slice(transmit.bytes);
            *to = told(transmit.to);
            transmit.bytes.len() as i32
        }
        Ok(None) => 0,
        Err(_) => IACP_ARGUMENT,
    }
}

/// What has changed: an IACP_EVENT. Call it until there is none.
///
/// # Safety
/// `node` is of iacp_begin.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_event(node: *mut IacpNode) -> i32 {
    // SAFETY: as the caller promises.
    let Some(node) = (unsafe { node.as_mut() }) else { return IACP_ARGUMENT };
    let (codes, count) = &mut node.earlier;
    if *count > 0 {
        let first = codes[0];
        codes.copy_within(1.., 0);
        *count -= 1;
        return first;
    }
    node.session.poll_event().map_or(IACP_EVENT_NONE, |event| event::code(&event))
}

/// When iacp_handle_deadline is to be called.
///
/// # Safety
/// `node` is of iacp_begin.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_next_deadline(node: *const IacpNode) -> u64 {
    // SAFETY: as the caller promises.
    let Some(node) = (unsafe { node.as_ref() }) else { return IACP_NEVER };
    let session = node.session.next_deadline().map_or(IACP_NEVER, |(at, _)| at.0);
    session.min(node.door.next_deadline().0)
}

/// Does what is due by now. `entropy` as for iacp_begin, and new.
///
/// # Safety
/// `entropy` lends 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_handle_deadline(node: *mut IacpNode, now: u64, entropy: *const u8) -> i32 {
    // SAFETY: as the caller promises.
    let (node, rng) = unsafe { (node.as_mut(), lent::generator(entropy)) };
    let (Some(node), Some(mut rng)) = (node, rng) else { return IACP_ARGUMENT };
    node.door.handle_deadline(Mono(now), &mut rng);
    match node.session.handle_deadline(Mono(now), &node.identity, &mut rng) {
        Ok(()) => IACP_OK,
        Err(_) => IACP_NOT_NOW,
    }
}

/// Ends the session once everything is delivered. IACP_EVENT_CLOSED says when.
///
/// # Safety
/// `node` is of iacp_begin.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_close(node: *mut IacpNode, now: u64) -> i32 {
    // SAFETY: as the caller promises.
    let Some(node) = (unsafe { node.as_mut() }) else { return IACP_ARGUMENT };
    match node.session.close(Mono(now), TeardownReason::TaskComplete) {
        Ok(()) => IACP_OK,
        Err(_) => IACP_NOT_NOW,
    }
}

/// Ends the session now, whatever the peer does: what is not acknowledged may be lost, and the peer is told. Where a peer does
/// not let iacp_close come to its end, this does.
///
/// # Safety
/// `node` is of iacp_begin.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iacp_abort(node: *mut IacpNode, now: u64) -> i32 {
    // SAFETY: as the caller promises.
    let Some(node) = (unsafe { node.as_mut() }) else { return IACP_ARGUMENT };
    match node.session.abort(Mono(now), &node.identity, TeardownReason::NoProgress) {
        Ok(()) => IACP_OK,
        Err(_) => IACP_NOT_NOW,
    }
}
