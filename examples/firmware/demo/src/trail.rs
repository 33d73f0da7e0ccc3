//! What the device has decided, as its records say it.

use std::sync::{Arc, Mutex, PoisonError};

use interaction_gov::audit::{Bytes, RECORD, Record, RecordKind, Trail};

/// Records in the order in which they were told.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<Bytes>>>);

/// What is left of them.
pub struct Account {
    /// Interactions: one for each start of the device.
    pub trails: usize,
    pub permits: usize,
    pub denials: usize,
}

impl Told {
    /// Takes a record as the device spells it: `[00, 01, …]`.
    pub fn take(&self, spelled: &str) -> Option<()> {
        let digits = spelled.strip_prefix('[')?.strip_suffix(']')?.split(", ");
        let bytes: Option<Vec<u8>> = digits.map(|digits| u8::from_str_radix(digits, 16).ok()).collect();
        let record: Bytes = <[u8; RECORD]>::try_from(bytes?).ok()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
        Some(())
    }

    /// Reads all trails from their beginnings.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn account(&self) -> Result<Account, String> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut trail: Option<Trail> = None;
        let mut account = Account { trails: 0, permits: 0, denials: 0 };
        for (number, bytes) in records.iter().enumerate() {
            let first = Record::read(bytes).filter(|record| record.sequence == 0);
            if let Some(first) = first {
                account.trails += 1;
                trail = Some(Trail::of(first.interaction));
            }
            let trail = trail.as_mut().ok_or("the first record is not that of a beginning")?;
            let record = trail.record(bytes).map_err(|damage| format!("record {number}: {damage}"))?;
            if record.kind == RecordKind::Decided {
                let counted = if record.verdict.permits() { &mut account.permits } else { &mut account.denials };
                *counted += 1;
            }
        }
        Ok(account)
    }
}
