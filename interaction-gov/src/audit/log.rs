//! Where records go until the caller has put them in a safe place.

use super::record::{Bytes, RECORD};

/// Room for records, in the order in which they were made, of one interaction or of many.
///
/// Full means refuse: what cannot be recorded is not permitted. The caller takes records out when they are safe elsewhere.
pub struct Log<M> {
    memory: M,
    used: usize,
}

impl<M: AsRef<[Bytes]> + AsMut<[Bytes]>> Log<M> {
    /// An empty log.
    pub const fn new(memory: M) -> Self {
        Self { memory, used: 0 }
    }

    /// The records that wait.
    #[must_use]
    pub fn waiting(&self) -> &[Bytes] {
        self.memory.as_ref().get(..self.used).unwrap_or_default()
    }

    /// All that waited are safe elsewhere.
    pub const fn taken(&mut self) {
        self.used = 0;
    }

    /// How many more there is room for.
    #[must_use]
    pub fn room(&self) -> usize {
        self.memory.as_ref().len().saturating_sub(self.used)
    }
}

/// What an interaction writes to.
pub trait Sink {
    /// Whether so many records can be written.
    fn has_room(&self, records: usize) -> bool;
    /// Writes a record. There is room for it.
    fn write(&mut self, record: &Bytes);
}

impl<M: AsRef<[Bytes]> + AsMut<[Bytes]>> Sink for Log<M> {
    fn has_room(&self, records: usize) -> bool {
        self.room() >= records
    }

    fn write(&mut self, record: &Bytes) {
        const { assert!(RECORD == size_of::<Bytes>()) };
        if let Some(place) = self.memory.as_mut().get_mut(self.used) {
            *place = *record;
            self.used += 1;
        }
    }
}
