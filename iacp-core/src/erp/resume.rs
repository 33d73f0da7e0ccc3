//! Going on after a lost memory, each item once (`IACP §6.4.2`).
//!
//! A *line* is the run of items that began in one session and goes on through all sessions that resume it. Each direction
//! counts its items from 0. Kind 5, each side's first frame, says which line a session goes on with and from where: an
//! item below the number is in the receiver's committed work and is neither sent nor delivered again; one at or above it
//! is still with its sender.
//!
//! ```
//! use iacp_core::erp::resume::{Initiator, Knowledge, Line, LineOutcome, answer};
//!
//! let (line, session) = (Line([1; 16]), Line([2; 16]));
//! // The initiator has lost its memory. Its agent's record says: items below 5 have been committed.
//! let mut initiator = Initiator::new(Some((line, Knowledge::of_record(5))));
//! // The responder remembers: it has sent items below 9 and keeps those from 4 on; it has committed those below 2.
//! let memory = Knowledge { keeps: Some(4), next: Some(9), safe: 2, delivered: 2 };
//! let (reply, responder) = answer(&initiator.first_frame(), session, Some(memory))?;
//! let initiator = initiator.settle(&reply, session)?;
//! assert_eq!((initiator.outcome, initiator.line), (LineOutcome::Resumed, line));
//! assert_eq!((initiator.send_from, initiator.receive_from), (2, 5));
//! assert_eq!((responder.send_from, responder.receive_from), (5, 2));
//! # Ok::<(), iacp_core::erp::resume::NotResumed>(())
//! ```

use iacp_wire::{Cookie, Eid};

use super::fields::concat;

/// A line's name: the I-Cookie and the R-Cookie of the session in which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Line(pub [u8; 16]);

impl Line {
    /// The line that begins in a session.
    #[must_use]
    pub fn of_session(initiator: Cookie, responder: Cookie) -> Self {
        Self(concat(&[&initiator.0, &responder.0]))
    }
}

/// What an agent writes down, and what the LL-Entity keeps of an ended session: no key is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResumeRecord {
    /// The EID of the peer.
    pub peer: Eid,
    /// The line.
    pub line: Line,
    /// The lowest item that is not in committed work.
    pub safe: u64,
}

impl ResumeRecord {
    /// Length in bytes.
    pub const LEN: usize = 56;

    /// The record as bytes: peer 32, line 16, lowest item not safe 8.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        concat(&[&self.peer.0, &self.line.0, &self.safe.to_be_bytes()])
    }

    /// The record of these bytes; `None` if there are not exactly 56, if the line is zero, or if the number is 2^62 or above.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let (peer, rest) = bytes.split_first_chunk()?;
        let (line, safe) = rest.split_first_chunk()?;
        let record = Self { peer: Eid(*peer), line: Line(*line), safe: u64::from_be_bytes(*safe.first_chunk()?) };
        (record.line != NONE && record.safe < SAID).then_some(record)
    }
}

/// No line.
const NONE: Line = Line([0; 16]);
/// A number that is not known.
const UNKNOWN: u64 = u64::MAX;
/// No item has such a number or a higher one.
pub(super) const ITEMS: u64 = 1 << 63;
/// Item numbers in a resume exchange must be below this, so that at least as many numbers are left for new items.
const SAID: u64 = 1 << 62;

/// Kind 5: a side's first data frame in a session with RESUME.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Resume {
    line: Line,
    next: u64,
    safe: u64,
}

impl Resume {
    /// Length in bytes.
    pub const LEN: usize = 32;

    const NEW: Self = Self { line: NONE, next: 0, safe: 0 };

    fn of(line: Line, known: &Knowledge) -> Self {
        Self { line, next: known.next.unwrap_or(UNKNOWN), safe: known.safe }
    }

    /// The line that it names, if it names one.
    #[must_use]
    pub fn line(&self) -> Option<Line> {
        (self.line != NONE).then_some(self.line)
    }

    /// The content of the frame.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        concat(&[&self.line.0, &self.next.to_be_bytes(), &self.safe.to_be_bytes()])
    }

    /// Reads the content of a frame.
    ///
    /// # Errors
    /// It has another length; or it names no line and has numbers; or a number is 2^62 or above.
    pub fn read(content: &[u8]) -> Result<Self, NotResumed> {
        let content: &[u8; Self::LEN] = content.try_into().map_err(|_| NotResumed::Malformed)?;
        let number = |at: usize| content.get(at..).and_then(|rest| rest.first_chunk().copied()).map(u64::from_be_bytes);
        let (Some(line), Some(next), Some(safe)) = (content.first_chunk(), number(16), number(24)) else {
            return Err(NotResumed::Malformed);
        };
        let resume = Self { line: Line(*line), next, safe };
        let sound =
            if resume.line == NONE { resume == Self::NEW } else { safe < SAID && (next < SAID || next == UNKNOWN) };
        if sound { Ok(resume) } else { Err(NotResumed::Malformed) }
    }
}

/// What one side knows of a line, from its memory or from a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Knowledge {
    /// The lowest own item that can still be sent; `None` if the memory is gone and only the agent knows.
    pub keeps: Option<u64>,
    /// The next own item; `None` if it is not known.
    pub next: Option<u64>,
    /// The lowest item of the peer that is not in committed work.
    pub safe: u64,
    /// The lowest item of the peer that was not delivered: never below `safe`. After a lost memory it is `safe`.
    pub delivered: u64,
}

impl Knowledge {
    /// What a record alone says.
    #[must_use]
    pub const fn of_record(safe: u64) -> Self {
        Self { keeps: None, next: None, safe, delivered: safe }
    }

    /// Of two records of one line the higher number counts: what was committed stays committed.
    #[must_use]
    pub fn with_record(self, safe: u64) -> Self {
        let safe = self.safe.max(safe);
        Self { safe, delivered: self.delivered.max(safe), ..self }
    }

    /// Whether the peer's numbers can be true beside ours.
    fn fits(&self, theirs: &Resume) -> bool {
        self.keeps.is_none_or(|keeps| keeps <= theirs.safe)
            && self.next.is_none_or(|next| theirs.safe <= next)
            && (theirs.next == UNKNOWN || self.safe <= theirs.next)
    }
}

/// How a session begins: what became of the line that was asked for. An agent is told the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum LineOutcome {
    /// A new line: none was asked for.
    New = 0,
    /// The line goes on.
    Resumed = 1,
    /// A new line: the peer knows nothing of the one that was asked for. Only now may its items be sent in another line.
    Unknown = 2,
}

words! {
    LineOutcome {
        Self::New => "a new line",
        Self::Resumed => "the line goes on",
        Self::Unknown => "a new line, for the peer does not know the old one",
    }
}

/// What both sides have agreed on.
///
/// An initiator has lost its memory and has only its agent's record; the responder remembers the line:
///
/// ```
/// use iacp_core::erp::resume::{Agreement, Initiator, Item, Items, Knowledge, Line, NotResumed, answer};
/// use iacp_core::erp::resume::{Resume, ResumeRecord};
/// # use iacp_wire::{Cookie, Eid};
/// # let line = Line::of_session(Cookie([1; 8]), Cookie([2; 8]));
/// # let record = ResumeRecord { peer: Eid([7; 32]), line, safe: 10 }.to_bytes();
/// # let session = Line::of_session(Cookie([3; 8]), Cookie([4; 8]));
///
/// let record = ResumeRecord::read(&record).ok_or("it was written by this agent")?;
/// let initiator = Initiator::new(Some((record.line, Knowledge::of_record(record.safe))));
/// let first: Resume = initiator.first_frame();
/// // The responder has delivered the items below 5, and still keeps its own from 8 on.
/// let known = Knowledge { keeps: Some(8), next: Some(12), safe: 5, delivered: 5 };
/// let (reply, theirs) = answer(&first, session, Some(known))?;
/// let ours: Agreement = initiator.settle(&reply, session)?;
/// assert_eq!((ours.send_from, ours.receive_from), (5, 10));
/// assert_eq!((theirs.send_from, theirs.receive_from), (10, 5));
/// let backup = Knowledge { next: Some(9), ..known }; // it knows of fewer own items than the other side has
/// assert_eq!(answer(&first, session, Some(backup)), Err(NotResumed::Contradiction));
///
/// let mut items = Items::from(ours.receive_from);
/// assert_eq!([items.take(10), items.take(10)], [Item::Fresh, Item::Repeated]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Agreement {
    /// How the session begins.
    pub outcome: LineOutcome,
    /// The line that it carries.
    pub line: Line,
    /// The first item to send: the lowest that is not safe with the peer. What is kept below it is dropped.
    pub send_from: u64,
    /// The first item to deliver: what comes below it was delivered before.
    pub receive_from: u64,
}

impl Agreement {
    pub(crate) const fn begin(outcome: LineOutcome, session: Line) -> Self {
        Self { outcome, line: session, send_from: 0, receive_from: 0 }
    }

    /// The first frame of a responder that has agreed on this, from what it knew of the line.
    pub(crate) fn answer(&self, known: &Knowledge) -> Resume {
        if self.outcome == LineOutcome::Resumed { Resume::of(self.line, known) } else { Resume::NEW }
    }

    const fn resume(line: Line, ours: &Knowledge, theirs: &Resume) -> Self {
        Self { outcome: LineOutcome::Resumed, line, send_from: theirs.safe, receive_from: ours.delivered }
    }
}

/// Why a kind 5 ends its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotResumed {
    /// Its bytes have no meaning: a violation.
    Malformed,
    /// The answer names a line that was not asked for: a violation.
    OtherLine,
    /// The numbers contradict ours, as after an old backup. The session ends FORCED, DELTA_LOG_LOST; nothing is guessed.
    Contradiction,
}

words! {
    NotResumed {
        Self::Malformed => "the resume frame is malformed",
        Self::OtherLine => "the resume frame names a line that was not asked for",
        Self::Contradiction => "the resume frame contradicts what is known here",
    }
}

impl core::error::Error for NotResumed {}

/// The initiator's side of the exchange. From the moment that its frame is sealed, an older session of the named line must
/// take and send nothing more, for good, also if this one fails: so the numbers in it stay true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Initiator {
    named: Option<(Line, Knowledge)>,
}

impl Initiator {
    /// A side that goes on with a line, or begins one. What it names it must know under this very peer's EID.
    #[must_use]
    pub const fn new(named: Option<(Line, Knowledge)>) -> Self {
        Self { named }
    }

    /// The first data frame.
    #[must_use]
    pub fn first_frame(&self) -> Resume {
        self.named.as_ref().map_or(Resume::NEW, |(line, known)| Resume::of(*line, known))
    }

    /// Whether items may be sent before the answer comes. If no line was named the answer is known.
    #[must_use]
    pub const fn may_send(&self) -> bool {
        self.named.is_none()
    }

    /// The line that is frozen by the first frame.
    #[must_use]
    pub fn freezes(&self) -> Option<Line> {
        self.named.map(|(line, _)| line)
    }

    /// Takes the responder's first frame.
    ///
    /// # Errors
    /// The session ends.
    pub fn settle(&self, theirs: &Resume, session: Line) -> Result<Agreement, NotResumed> {
        match (&self.named, theirs.line()) {
            (None, None) => Ok(Agreement::begin(LineOutcome::New, session)),
            (Some(_), None) => Ok(Agreement::begin(LineOutcome::Unknown, session)),
            (Some((line, known)), Some(named)) if *line == named => {
                if known.fits(theirs) {
                    Ok(Agreement::resume(named, known, theirs))
                } else {
                    Err(NotResumed::Contradiction)
                }
            }
            (_, Some(_)) => Err(NotResumed::OtherLine),
        }
    }
}

/// The responder's answer to the initiator's first frame: its own first frame, and what both have agreed on.
///
/// `known` is what is known here of the line that the frame names, in a session or record of this context and under this
/// peer's EID. A line of another peer is not known: so nothing is learnt of others' sessions.
///
/// # Errors
/// The session ends.
pub fn answer(theirs: &Resume, session: Line, known: Option<Knowledge>) -> Result<(Resume, Agreement), NotResumed> {
    match theirs.line().zip(known) {
        Some((line, known)) if known.fits(theirs) => {
            let agreement = Agreement::resume(line, &known, theirs);
            Ok((agreement.answer(&known), agreement))
        }
        Some(_) => Err(NotResumed::Contradiction),
        None => Ok((Resume::NEW, Agreement::begin(LineOutcome::New, session))),
    }
}

/// Which items of a line have been delivered: everything below a number, and some of the 256 from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Items {
    low: u64,
    /// Bit i: item low + 1 + i.
    above: [u64; 4],
}

/// What an item is to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Item {
    /// It is delivered now.
    Fresh,
    /// It was delivered before.
    Repeated,
    /// There is no memory for it: its sender has left numbers out.
    Beyond,
}

words! {
    Item {
        Self::Fresh => "delivered now",
        Self::Repeated => "delivered before",
        Self::Beyond => "beyond memory",
    }
}

impl Items {
    /// Nothing from this item on was delivered.
    #[must_use]
    pub const fn from(item: u64) -> Self {
        Self { low: item, above: [0; 4] }
    }

    /// The lowest item that was not delivered.
    #[must_use]
    pub const fn lowest(&self) -> u64 {
        self.low
    }

    /// Which of the items above the lowest one have been delivered: the first bit stands for the next one.
    pub(crate) fn above(&self) -> [u8; 32] {
        let mut bits = [0; 32];
        let bytes = self.above.iter().flat_map(|word| word.reverse_bits().to_be_bytes());
        bits.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        bits
    }

    /// The same items again.
    pub(crate) fn of(low: u64, bits: &[u8; 32]) -> Self {
        let mut above = [0; 4];
        for (word, bytes) in above.iter_mut().zip(bits.chunks_exact(8)) {
            *word = bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes).reverse_bits());
        }
        Self { low, above }
    }

    /// Takes an item of an authentic frame.
    pub fn take(&mut self, item: u64) -> Item {
        let Some(distance) = item.checked_sub(self.low) else { return Item::Repeated };
        if item == UNKNOWN {
            return Item::Beyond;
        }
        if distance > 0 {
            let at = distance - 1;
            let word = usize::try_from(at / 64).ok().and_then(|word| self.above.get_mut(word));
            let Some(word) = word else { return Item::Beyond };
            let bit = 1 << (at % 64);
            let seen = *word & bit != 0;
            *word |= bit;
            return if seen { Item::Repeated } else { Item::Fresh };
        }
        // The lowest one has come, and with it all that stood right behind it.
        let run = self.run();
        self.low = self.low.saturating_add(u64::from(run) + 1);
        self.shift(run + 1);
        Item::Fresh
    }

    /// How many items right above the lowest one have come.
    fn run(&self) -> u32 {
        let mut run = 0;
        for word in self.above {
            run += word.trailing_ones();
            if word != u64::MAX {
                break;
            }
        }
        run
    }

    fn shift(&mut self, places: u32) {
        for _ in 0..places / 64 {
            self.above = [self.above[1], self.above[2], self.above[3], 0];
        }
        let bits = places % 64;
        if bits > 0 {
            let [a, b, c, d] = self.above;
            let carried = |low: u64, high: u64| low >> bits | high << (64 - bits);
            self.above = [carried(a, b), carried(b, c), carried(c, d), d >> bits];
        }
    }
}
