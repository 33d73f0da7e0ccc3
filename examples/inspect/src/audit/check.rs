//! Checks a trail, record by record, with each head at its place.

use iacp_core::crypto::{Portable, Provider};
use interaction_gov::audit::{Bytes, Damage, Record, SignedHead, Trail};
use interaction_gov::identity::InteractionId;

use super::heads::Placed;

/// Something that is wrong, and the records that it makes doubtful.
pub struct Wrong {
    pub from: u64,
    pub to: u64,
    pub what: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to, what } = self;
        if from >= to { write!(f, "record {from}: {what}") } else { write!(f, "records {from} to {to}: {what}") }
    }
}

/// Strict verification; without a key every signature passes.
fn is_signed(key: Option<[u8; 32]>, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    key.is_none_or(|key| Portable::verify(&key, hash, signature).is_ok())
}

fn of(interaction: InteractionId) -> (InteractionId, Trail) {
    (interaction, Trail::of(interaction))
}

/// The check of a trail.
pub struct Check<'h> {
    heads: std::iter::Peekable<std::slice::Iter<'h, Placed>>,
    key: Option<[u8; 32]>,
    trail: Option<(InteractionId, Trail)>,
    /// The errors found; behind a broken chain nothing more is checked.
    pub wrong: Vec<Wrong>,
    broken: bool,
    /// How many heads hold.
    pub held: usize,
}

impl<'h> Check<'h> {
    /// Without a key the signatures of heads are not checked.
    pub fn new(heads: &'h [Placed], key: Option<[u8; 32]>) -> Self {
        let mut check =
            Self { heads: heads.iter().peekable(), key, trail: None, wrong: Vec::new(), broken: false, held: 0 };
        // The signed heads name the interaction of the trail; without heads the first record names it.
        let holds = |placed: &&Placed| is_signed(key, &placed.signed.head.signed(), &placed.signed.signature);
        check.trail = heads.iter().find(holds).map(|placed| of(placed.signed.head.interaction));
        check
    }

    /// The trail must be of this interaction.
    pub fn must_be(&mut self, interaction: [u8; 16]) {
        self.trail = Some(of(InteractionId::recorded(interaction)));
    }

    /// The next record; returns its content, and whether it is at its place.
    pub fn record(&mut self, number: u64, bytes: &Bytes) -> (Option<Record>, bool) {
        let record = Record::read(bytes);
        if self.broken {
            return (record, false);
        }
        if self.trail.is_none() {
            self.trail = record.map(|record| of(record.interaction));
        }
        let taken = self.trail.as_mut().ok_or(Damage::Unreadable).and_then(|(_, trail)| trail.record(bytes));
        if let Err(damage) = taken {
            self.breaks(number, number, damage.to_string());
        }
        (record, taken.is_ok())
    }

    /// The chain is broken: nothing behind this place can be shown to be unchanged.
    pub fn breaks(&mut self, from: u64, to: u64, what: String) {
        self.broken = true;
        self.wrong.push(Wrong { from, to, what });
    }

    /// The heads over exactly the records so far: each, and whether it holds.
    pub fn heads(&mut self) -> Vec<(&'h Placed, bool)> {
        let mut found = Vec::new();
        let records = self.records();
        while !self.broken
            && let Some(placed) = self.heads.next_if(|placed| u64::from(placed.signed.head.records) <= records)
        {
            let damage = self.head(&placed.signed).err();
            self.held += usize::from(damage.is_none());
            if let Some(damage) = damage {
                let (from, to) = (self.signed(), records.saturating_sub(1));
                let what = format!("{damage} (the head in line {}, over {records} records)", placed.line);
                match damage {
                    // Another head may hold still.
                    Damage::ForgedHead | Damage::Another => self.wrong.push(Wrong { from, to, what }),
                    _ => self.breaks(from, to, what),
                }
            }
            found.push((placed, damage.is_none()));
        }
        found
    }

    fn head(&mut self, signed: &SignedHead) -> Result<(), Damage> {
        let key = self.key;
        let signatures = |_: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]| is_signed(key, hash, signature);
        let (_, trail) = self.trail.get_or_insert_with(|| of(signed.head.interaction));
        trail.head(signed, &key.unwrap_or_default(), &signatures)
    }

    /// No record follows: heads that are left were signed over more of them.
    pub fn end(&mut self) {
        let records = self.records();
        let mut cut = None;
        while !self.broken
            && let Some(placed) = self.heads.next()
        {
            match self.head(&placed.signed) {
                Err(Damage::Cut) => cut = Some(placed),
                Err(damage) => {
                    let what = format!(
                        "{damage} (the head in line {}, over {} records)",
                        placed.line, placed.signed.head.records
                    );
                    self.wrong.push(Wrong { from: records, to: records, what });
                }
                Ok(()) => self.held += 1,
            }
        }
        if let Some(placed) = cut {
            let all = placed.signed.head.records;
            let what = format!("{} (the head in line {}, over {all} records)", Damage::Cut, placed.line);
            self.breaks(records, u64::from(all).saturating_sub(1), what);
        }
    }

    /// How many records are at their place.
    pub fn records(&self) -> u64 {
        self.trail.as_ref().map_or(0, |(_, trail)| trail.records().into())
    }

    /// How many of them heads cover.
    pub fn signed(&self) -> u64 {
        self.trail.as_ref().map_or(0, |(_, trail)| (trail.records() - trail.unsigned()).into())
    }

    /// Whether the last valid head is marked as the end.
    pub fn is_ended(&self) -> bool {
        self.trail.is_some_and(|(_, trail)| trail.is_ended())
    }

    /// Whether the chain is broken.
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    /// The interaction of the trail.
    pub fn interaction(&self) -> Option<String> {
        self.trail.as_ref().map(|(interaction, _)| interaction.to_string())
    }

    /// The hash over the records that are at their place.
    pub fn hash(&self) -> Option<String> {
        self.trail.as_ref().map(|(_, trail)| hex::encode(trail.hash()))
    }
}
