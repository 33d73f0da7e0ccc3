//! The buffer for records, until the caller has stored them.

use super::record::{Bytes, RECORD};

/// What a record is for.
///
/// ```
/// use interaction_gov::audit::{Log, Need, RECORD, Sink as _};
///
/// let log = Log::keeping([[0; RECORD]; 2], 2);
/// assert!(log.has_room(2, Need::Tightening) && !log.has_room(1, Need::Ordinary));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Need {
    /// A decision, a refusal, or a step that loosens: it takes place only if it can be recorded.
    Ordinary,
    /// A withdrawal, a failure, a departure, an end: it takes place in any case, and room is kept for its record.
    Tightening,
}

/// Room for records, in the order in which they were made, of one interaction or of many.
///
/// Full means refuse: a step that cannot be recorded is not permitted. A part is kept for steps that tighten. The
/// caller takes records out once they are stored elsewhere.
///
/// ```
/// use interaction_gov::audit::{Log, Need, RECORD};
///
/// let mut log = Log::new([[0; RECORD]; 8]);
/// assert_eq!((log.room(Need::Ordinary), log.room(Need::Tightening)), (6, 8));
/// // … an interaction writes to it …
/// let safe: Vec<u8> = log.waiting().concat();
/// log.taken();
/// # assert!(safe.is_empty());
/// ```
pub struct Log<M> {
    memory: M,
    used: usize,
    kept: usize,
}

impl<M: AsRef<[Bytes]> + AsMut<[Bytes]>> Log<M> {
    /// An empty log. A quarter of it is kept for steps that tighten.
    pub fn new(memory: M) -> Self {
        let kept = memory.as_ref().len() / 4;
        Self { memory, used: 0, kept }
    }

    /// An empty log; room for `kept` records is reserved for steps that tighten.
    pub const fn keeping(memory: M, kept: usize) -> Self {
        Self { memory, used: 0, kept }
    }

    /// The records that wait.
    #[must_use]
    pub fn waiting(&self) -> &[Bytes] {
        self.memory.as_ref().get(..self.used).unwrap_or_default()
    }

    /// Empties the log: all waiting records are stored elsewhere.
    pub const fn taken(&mut self) {
        self.used = 0;
    }

    /// How many more records fit.
    #[must_use]
    pub fn room(&self, need: Need) -> usize {
        let kept = if need == Need::Ordinary { self.kept } else { 0 };
        self.memory.as_ref().len().saturating_sub(self.used).saturating_sub(kept)
    }
}

/// What an interaction writes to.
///
/// ```
/// use interaction_gov::audit::{Bytes, Need, RECORD, Sink};
///
/// /// A file or a queue; here memory without a bound.
/// #[derive(Default)]
/// struct Unbounded(Vec<Bytes>);
///
/// impl Sink for Unbounded {
///     fn has_room(&self, _: usize, _: Need) -> bool {
///         true
///     }
///     fn write(&mut self, record: &Bytes) {
///         self.0.push(*record);
///     }
/// }
/// let mut records = Unbounded::default();
/// records.write(&[0; RECORD]);
/// assert_eq!(records.0.len(), 1);
/// ```
pub trait Sink {
    /// Whether this many records can be written.
    fn has_room(&self, records: usize, need: Need) -> bool;
    /// Writes a record. There is room for it.
    fn write(&mut self, record: &Bytes);
}

impl<M: AsRef<[Bytes]> + AsMut<[Bytes]>> Sink for Log<M> {
    fn has_room(&self, records: usize, need: Need) -> bool {
        self.room(need) >= records
    }

    fn write(&mut self, record: &Bytes) {
        const { assert!(RECORD == size_of::<Bytes>()) };
        if let Some(place) = self.memory.as_mut().get_mut(self.used) {
            *place = *record;
            self.used += 1;
        }
    }
}
