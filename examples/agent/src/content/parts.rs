//! How a handoff travels over a session: three parts in one stream of content (kind 0), whatever frames it comes in. An answer
//! to a handoff, and an object that was asked for, travel back in the same form.
//!
//! ```text
//! +----------------------+
//! | "CEP/1 handoff\n"    |  14 bytes
//! +--------------+-------+------+
//! | length, u32  | notification |  at most 4,096 bytes   control plane
//! +--------------+--------------+
//! | length, u32  | outer object |  at most MAX_OUTER     data plane: the sealed manifest
//! +--------------+--------------+
//! | length, u32  | content      |  at most what the receiver allows
//! +--------------+--------------+
//! FIN
//! ```
//!
//! A request for an object of the listener's (an `iacp:` reference):
//!
//! ```text
//! +----------------------+
//! | "CEP/1 request\n"    |  14 bytes
//! +--------------+-------+------+
//! | length, u32  | name         |  at most 200 bytes: a surface
//! +--------------+--------------+
//! FIN
//! ```
//!
//! Lengths are big-endian and count what follows them. A length is checked before a byte of its part is kept, nothing
//! follows the content, and a stream that ends early is not a handoff. The parts are opaque: a relay need not read them.

use std::cell::Cell;
use std::rc::Rc;
use std::{fmt, io};

use cep_envelope::Surface;
use cep_envelope::manifest::MAX_OUTER;
use cep_envelope::notification::MAX_NOTIFICATION;

/// How every handoff begins.
const MAGIC: &[u8] = b"CEP/1 handoff\n";
/// How every request for an object begins. It is as long as the beginning of a handoff.
const REQUEST: &[u8] = b"CEP/1 request\n";
const _: () = assert!(MAGIC.len() == REQUEST.len());
const LENGTH: usize = size_of::<u32>();

/// Memory that all transfers under way share.
#[derive(Debug)]
pub struct Room {
    left: Cell<usize>,
    /// The room that this one is a part of.
    whole: Option<Rc<Self>>,
}

impl Room {
    pub fn new(bytes: usize) -> Rc<Self> {
        Rc::new(Self { left: Cell::new(bytes), whole: None })
    }

    /// A part of it, of at most `bytes` bytes: what is taken of the part is taken of the whole, too.
    pub fn part(self: &Rc<Self>, bytes: usize) -> Rc<Self> {
        Rc::new(Self { left: Cell::new(bytes), whole: Some(Rc::clone(self)) })
    }

    fn take(&self, bytes: usize) -> Result<(), NoHandoff> {
        let left = self.left.get().checked_sub(bytes).ok_or(NoHandoff::NoRoom)?;
        if let Some(whole) = &self.whole {
            whole.take(bytes)?;
        }
        self.left.set(left);
        Ok(())
    }

    fn give(&self, bytes: usize) {
        self.left.set(self.left.get() + bytes);
        if let Some(whole) = &self.whole {
            whole.give(bytes);
        }
    }

    /// Takes `bytes` of it; `None` if there are not that many left.
    pub fn hold(self: &Rc<Self>, bytes: usize) -> Option<Held> {
        let mut held = Held::nothing(Rc::clone(self));
        held.take(bytes).ok().map(|()| held)
    }
}

/// What one transfer has taken of it. Dropped, it gives it back.
pub struct Held {
    room: Rc<Room>,
    bytes: usize,
}

impl Held {
    pub(super) const fn nothing(room: Rc<Room>) -> Self {
        Self { room, bytes: 0 }
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<(), NoHandoff> {
        self.room.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives back `bytes` of what it has taken.
    pub(super) fn give(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.room.give(bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.give(self.bytes);
    }
}

/// A whole handoff. Nothing in it is believed.
pub struct Parts {
    pub notice: Vec<u8>,
    pub outer: Vec<u8>,
    pub content: Vec<u8>,
    _held: Held,
}

/// What a stream was.
pub enum Came {
    Handoff(Parts),
    /// A request for the object of this name. Nothing is known of the name but its length.
    Request(Vec<u8>),
}

/// A part, in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Notice,
    Outer,
    Content,
    Name,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notice => "notification",
            Self::Outer => "outer object",
            Self::Content => "content",
            Self::Name => "name",
        })
    }
}

/// Why a stream is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHandoff {
    /// It begins with something else.
    Magic,
    /// A part is longer than it may be.
    TooLong { part: Part, length: u64, limit: u64 },
    /// It goes on after its content.
    Trailing,
    /// It ends before its content does.
    Truncated,
    /// All transfers under way together, or all of one network, have taken all the room.
    NoRoom,
}

impl fmt::Display for NoHandoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("no handoff: it begins with something else"),
            Self::TooLong { part, length, limit } => {
                write!(f, "no handoff: {part} of {length} bytes, {limit} are allowed")
            }
            Self::Trailing => f.write_str("no handoff: it goes on after its content"),
            Self::Truncated => f.write_str("no handoff: it ends too early"),
            Self::NoRoom => f.write_str("no room for more at once"),
        }
    }
}

impl std::error::Error for NoHandoff {}

impl From<NoHandoff> for io::Error {
    fn from(error: NoHandoff) -> Self {
        let kind = if error == NoHandoff::NoRoom { io::ErrorKind::OutOfMemory } else { io::ErrorKind::InvalidData };
        Self::new(kind, error)
    }
}

/// Writes a handoff. `None`: a part is too long for its length.
pub fn write(notice: &[u8], outer: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let mut stream = MAGIC.to_vec();
    for part in [notice, outer, content] {
        stream.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
        stream.extend(part);
    }
    Some(stream)
}

/// Writes a request for the object of this name. `None`: it is too long.
pub fn write_request(name: &str) -> Option<Vec<u8>> {
    let length = u32::try_from(name.len()).ok().filter(|_| name.len() <= Surface::LONGEST)?;
    Some([REQUEST, &length.to_be_bytes(), name.as_bytes()].concat())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Magic,
    Length(Part),
    Body(Part),
    End,
}

/// A handoff as it comes in.
pub struct Reader {
    stage: Stage,
    /// Bytes that the stage still lacks.
    missing: usize,
    buffer: Vec<u8>,
    notice: Vec<u8>,
    outer: Vec<u8>,
    content: Vec<u8>,
    name: Option<Vec<u8>>,
    longest: u64,
    /// What its place takes of the room as soon as it is whole.
    place: usize,
    held: Held,
}

impl Reader {
    /// `longest` is the most bytes that the content may have.
    pub fn new(longest: u64, room: Rc<Room>) -> Self {
        Self {
            stage: Stage::Magic,
            missing: MAGIC.len(),
            buffer: Vec::new(),
            notice: Vec::new(),
            outer: Vec::new(),
            content: Vec::new(),
            name: None,
            longest,
            place: 0,
            held: Held::nothing(room),
        }
    }

    /// The same for a handoff whose other parts take `bytes` of the room, once it is complete.
    pub const fn in_place(mut self, bytes: usize) -> Self {
        self.place = bytes;
        self
    }

    /// Takes what came next.
    ///
    /// # Errors
    /// It cannot become a handoff any more. A sender that goes on all the same is refused again.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), NoHandoff> {
        while !bytes.is_empty() {
            if self.stage == Stage::End {
                return Err(NoHandoff::Trailing);
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(self.missing));
            self.held.take(taken.len())?;
            self.buffer.extend_from_slice(taken);
            self.missing -= taken.len();
            bytes = rest;
            // A part without bytes ends where it begins.
            while self.missing == 0 && self.stage != Stage::End {
                self.advance()?;
            }
            // One under way needs no place yet, and a request needs none.
            if self.stage == Stage::End && self.name.is_none() {
                self.held.take(std::mem::take(&mut self.place))?;
            }
        }
        Ok(())
    }

    fn advance(&mut self) -> Result<(), NoHandoff> {
        let first = match &*self.buffer {
            MAGIC => Part::Notice,
            REQUEST => Part::Name,
            _ if self.stage == Stage::Magic => return Err(NoHandoff::Magic),
            _ => Part::Notice,
        };
        let done = std::mem::take(&mut self.buffer);
        (self.stage, self.missing) = match self.stage {
            Stage::Magic => (Stage::Length(first), LENGTH),
            Stage::Length(part) => (Stage::Body(part), self.length(part, &done)?),
            Stage::Body(Part::Notice) => {
                self.notice = done;
                (Stage::Length(Part::Outer), LENGTH)
            }
            Stage::Body(Part::Outer) => {
                self.outer = done;
                (Stage::Length(Part::Content), LENGTH)
            }
            Stage::Body(Part::Content) => {
                self.content = done;
                (Stage::End, 0)
            }
            Stage::Body(Part::Name) => {
                self.name = Some(done);
                (Stage::End, 0)
            }
            Stage::End => (Stage::End, 0),
        };
        Ok(())
    }

    fn length(&self, part: Part, bytes: &[u8]) -> Result<usize, NoHandoff> {
        let length = u64::from(bytes.first_chunk().map_or(u32::MAX, |bytes| u32::from_be_bytes(*bytes)));
        let limit = match part {
            Part::Notice => MAX_NOTIFICATION as u64,
            Part::Outer => MAX_OUTER as u64,
            Part::Content => self.longest,
            Part::Name => Surface::LONGEST as u64,
        };
        let too_long = NoHandoff::TooLong { part, length, limit };
        if length > limit { Err(too_long) } else { usize::try_from(length).map_err(|_| too_long) }
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// Too early.
    pub fn finish(self) -> Result<Came, NoHandoff> {
        let Self { stage, notice, outer, content, name, held, .. } = self;
        match (stage, name) {
            (Stage::End, Some(name)) => Ok(Came::Request(name)),
            (Stage::End, None) => Ok(Came::Handoff(Parts { notice, outer, content, _held: held })),
            _ => Err(NoHandoff::Truncated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by hand from the figure.
    const GOLDEN: &[u8] = b"CEP/1 handoff\n\0\0\0\x02{}\0\0\0\x03abc\0\0\0\x05hello";

    fn read(stream: &[u8], at_a_time: usize) -> Result<Parts, NoHandoff> {
        match read_either(stream, at_a_time)? {
            Came::Handoff(parts) => Ok(parts),
            Came::Request(name) => panic!("a request for {name:?}"),
        }
    }

    fn read_either(stream: &[u8], at_a_time: usize) -> Result<Came, NoHandoff> {
        let mut reader = Reader::new(5, Room::new(1_000));
        stream.chunks(at_a_time).try_for_each(|piece| reader.push(piece))?;
        reader.finish()
    }

    #[test]
    fn a_request_is_a_name_and_nothing_else() {
        const REQUEST: &[u8] = b"CEP/1 request\n\0\0\0\x03a.b";
        assert_eq!(write_request("a.b").as_deref(), Some(REQUEST));
        assert!(write_request(&"x".repeat(200)).is_some() && write_request(&"x".repeat(201)).is_none());
        for at_a_time in 1..=REQUEST.len() {
            let came = read_either(REQUEST, at_a_time).expect("whole");
            assert!(matches!(came, Came::Request(name) if name == b"a.b"), "{at_a_time} bytes at a time");
        }
        for end in 0..REQUEST.len() {
            assert_eq!(refusal(&REQUEST[..end]), NoHandoff::Truncated, "{end}");
        }
        assert_eq!(refusal(&[REQUEST, &[0]].concat()), NoHandoff::Trailing);
        let long = [&REQUEST[..14], &201_u32.to_be_bytes()].concat();
        assert_eq!(refusal(&long), NoHandoff::TooLong { part: Part::Name, length: 201, limit: 200 });
        // What a handoff contains makes no request of it.
        let nested = write(b"CEP/1 request\n", b"CEP/1 handoff\n", b"hello").expect("short");
        assert!(read(&nested, 1).is_ok_and(|parts| parts.notice == b"CEP/1 request\n"));
    }

    fn refusal(stream: &[u8]) -> NoHandoff {
        let all = read(stream, stream.len().max(1)).err().expect("refused");
        assert_eq!(read(stream, 1).err(), Some(all), "in whatever pieces it comes");
        all
    }

    #[test]
    fn the_figure_is_what_is_written_and_read_in_whatever_pieces() {
        assert_eq!(write(b"{}", b"abc", b"hello").as_deref(), Some(GOLDEN));
        for at_a_time in 1..=GOLDEN.len() {
            let parts = read(GOLDEN, at_a_time).expect("whole");
            assert_eq!((&*parts.notice, &*parts.outer, &*parts.content), (&b"{}"[..], &b"abc"[..], &b"hello"[..]));
        }
        let empty = write(&[], &[], &[]).expect("short");
        assert!(read(&empty, 3).is_ok_and(|parts| parts.content.is_empty()));
    }

    #[test]
    fn every_prefix_and_every_trailing_byte_is_refused() {
        for end in 0..GOLDEN.len() {
            assert_eq!(refusal(&GOLDEN[..end]), NoHandoff::Truncated, "{end}");
        }
        assert_eq!(refusal(&[GOLDEN, &[0]].concat()), NoHandoff::Trailing);
        assert_eq!(refusal(&[GOLDEN, GOLDEN].concat()), NoHandoff::Trailing);
    }

    #[test]
    fn what_begins_otherwise_is_no_handoff() {
        for place in 0..MAGIC.len() {
            let mut other = GOLDEN.to_vec();
            other[place] ^= 1;
            assert_eq!(refusal(&other), NoHandoff::Magic, "{place}");
        }
    }

    #[test]
    fn a_length_is_refused_before_a_byte_of_its_part_has_come() {
        let head = |part: Part, length: u32| {
            let before: &[u8] = match part {
                Part::Notice => &[],
                Part::Outer => &[0; 4],
                Part::Content => &[0; 8],
                Part::Name => &[],
            };
            [MAGIC, before, &length.to_be_bytes()].concat()
        };
        let limits = [(Part::Notice, MAX_NOTIFICATION), (Part::Outer, MAX_OUTER), (Part::Content, 5)];
        for (part, limit) in limits {
            let limit = u32::try_from(limit).expect("short");
            assert_eq!(refusal(&head(part, limit)), NoHandoff::Truncated, "{part}: as long as it may be");
            for length in [limit + 1, u32::MAX] {
                let expected = NoHandoff::TooLong { part, length: length.into(), limit: limit.into() };
                assert_eq!(refusal(&head(part, length)), expected);
            }
        }
    }

    #[test]
    fn room_is_shared_and_comes_back() {
        let room = Room::new(GOLDEN.len() + 10);
        let mut first = Reader::new(5, Rc::clone(&room));
        first.push(GOLDEN).expect("room");
        let parts = first.finish().expect("whole");
        let mut second = Reader::new(5, Rc::clone(&room));
        assert_eq!(second.push(GOLDEN), Err(NoHandoff::NoRoom));
        drop((parts, second));
        let mut third = Reader::new(5, Rc::clone(&room));
        assert_eq!(third.push(GOLDEN), Ok(()));
        drop(third);
        assert_eq!(room.left.get(), GOLDEN.len() + 10);
    }

    #[test]
    fn a_part_of_a_room_has_its_own_limit_and_that_of_the_whole() {
        let whole = Room::new(100);
        let (one, other) = (whole.part(60), whole.part(60));
        let first = one.hold(60).expect("its part");
        assert!(one.hold(1).is_none() && whole.left.get() == 40);
        assert!(other.hold(41).is_none(), "the whole has 40");
        assert_eq!((other.left.get(), whole.left.get()), (60, 40), "a refusal takes nothing");
        let second = other.hold(40).expect("the rest");
        drop((first, second));
        assert_eq!((one.left.get(), other.left.get(), whole.left.get()), (60, 60, 100));
    }
}
