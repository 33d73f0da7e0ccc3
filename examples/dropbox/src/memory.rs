//! What the journal's entries make of the memory.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use cep_envelope::decision::{Finding, Outcome, Policy};
use cep_envelope::digest::Digest;
use cep_envelope::lineage::{self, Lineage, Memory, MemoryLineage, Parent, Record, Slot, Standing};
use cep_envelope::manifest::{CausalParent, Instant};
use jiff::{SignedDuration, Timestamp};

use crate::entry::{Deed, Entry, Event, Order, instant, order_hash};
use crate::folders::random;
use crate::keys::hex_32;
use crate::line::digest;

/// The fewest objects for which there is room at the start.
const FEWEST_SLOTS: usize = 4096;

/// An object: the digest of its manifest, and the key that sealed it.
type Object = ([u8; 32], [u8; 32]);

/// What a person has looked at and lets pass.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// The order.
    pub order: String,
    pub findings: Vec<Finding>,
}

/// Everything that changes the lineage, in its order.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// From here on, what was written down before is put back: parents may be forgotten.
    Begun,
    Record(Record),
    Invalidate(Digest),
    Forbid(lineage::Line),
    ForgetBefore(Instant),
}

pub(crate) struct Remembered {
    lineage: MemoryLineage<Vec<Slot>>,
    steps: Vec<Step>,
    /// One of them is [`Step::Begun`].
    begun: bool,
    grants: BTreeMap<Object, Grant>,
    /// The orders that are written down, and the hashes of their texts.
    orders: BTreeMap<String, [u8; 32]>,
    /// When the last decision was made.
    decided: Option<Timestamp>,
}

impl Remembered {
    /// Nothing yet.
    pub fn new() -> Result<Self> {
        let (grants, orders) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { lineage: empty(0)?, steps: Vec::new(), begun: false, grants, orders, decided: None })
    }

    pub const fn lineage(&self) -> &MemoryLineage<Vec<Slot>> {
        &self.lineage
    }

    /// A moment after every decision so far: a clock that was set back does not make an answer older than the one it replaces.
    pub fn after_all(&self, now: Timestamp) -> Timestamp {
        let next = self.decided.map(|last| last.saturating_add(SignedDuration::from_micros(1)));
        next.and_then(Result::ok).map_or(now, |next| next.max(now))
    }

    /// The hash of the order with this id, if one is written down.
    pub fn order(&self, id: &str) -> Option<&[u8; 32]> {
        self.orders.get(id)
    }

    /// What a person lets pass for this object.
    pub fn grant(&self, manifest: &Digest, key: &[u8; 32]) -> Option<&Grant> {
        self.grants.get(&(*manifest.as_bytes(), *key))
    }

    /// Takes what is written down.
    pub fn take(&mut self, entry: &Entry) -> Result<()> {
        match entry {
            Entry::Decision(line) => {
                self.decided = self.decided.max(line.decided);
                match &line.record {
                    Some(record) => self.record(&record.read()?),
                    None => Ok(()),
                }
            }
            Entry::Event(Event::Order { order, .. }) => self.obey(order),
            Entry::Event(Event::MemoryLost { before, .. }) => self.step(Step::ForgetBefore(instant(*before))),
            Entry::Event(Event::Begun { before, .. }) => {
                self.step(Step::Begun)?;
                before.map_or(Ok(()), |before| self.step(Step::ForgetBefore(instant(before))))
            }
        }
    }

    pub fn record(&mut self, record: &Record) -> Result<()> {
        if !self.lineage.has_room() {
            self.grow()?;
        }
        if record.standing == Standing::Approved {
            // It has done what it was for.
            self.grants.remove(&(*record.manifest.as_bytes(), record.key));
        }
        self.step(Step::Record(*record))
    }

    fn obey(&mut self, text: &str) -> Result<()> {
        let order = &Order::read(text)?;
        self.orders.insert(order.id.clone(), order_hash(text));
        match &order.deed {
            Deed::Release { manifest, key, findings, .. } => {
                let object = object(manifest, key)?;
                let findings = findings.iter().map(|name| finding(name)).collect::<Result<_>>()?;
                self.grants.insert(object, Grant { order: order.id.clone(), findings });
                Ok(())
            }
            Deed::Forbid { line } => self.step(Step::Forbid(line.read()?)),
            Deed::Invalidate { manifest } => self.step(Step::Invalidate(digest(manifest)?)),
            Deed::Forget { before } => self.step(Step::ForgetBefore(instant(*before))),
            Deed::Compact => Ok(()),
        }
    }

    fn step(&mut self, step: Step) -> Result<()> {
        // Looked up, not looked for: a journal has many steps.
        apply(&mut self.lineage, &step, self.begun)?;
        self.begun |= matches!(step, Step::Begun);
        self.steps.push(step);
        Ok(())
    }

    /// More room, and in it all that was done.
    pub fn grow(&mut self) -> Result<()> {
        let mut lineage = empty(self.steps.len())?;
        let mut begun = false;
        for step in &self.steps {
            begun |= matches!(step, Step::Begun);
            apply(&mut lineage, step, begun)?;
        }
        self.lineage = lineage;
        Ok(())
    }

    /// Whether it continues an object that is remembered. It may be forgotten itself: it was sealed by a clock that was behind.
    fn continues(&self, record: &Record) -> bool {
        let CausalParent::Of(parent) = record.parent else { return false };
        matches!(self.lineage.parent(&parent), Parent::Approved(parent) if parent.continued_by == Some(record.manifest))
    }

    /// Whether an object is held back and would be held back once more: a sender that repeats it takes no more memory.
    pub fn is_held_back(&self, record: &Record) -> bool {
        let held_back = self.lineage.object(&record.manifest, &record.key) == Memory::HeldBack;
        held_back && record.standing == Standing::HeldBack
    }

    /// The entries that a shorter journal needs, in their order.
    pub fn needs(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Decision(line) => line.record.as_ref().and_then(|record| record.read().ok()).is_some_and(|record| {
                // By an approval that follows, and not by an order: an order needs an object that it is about.
                let superseded = record.standing == Standing::HeldBack
                    && self.lineage.object(&record.manifest, &record.key) == Memory::Decided
                    && matches!(self.lineage.parent(&record.manifest), Parent::Approved(_));
                !superseded && (record.sealed >= self.lineage.complete_since() || self.continues(&record))
            }),
            Entry::Event(Event::Order { order, .. }) => Order::read(order).is_ok_and(|order| match order.deed {
                // What was forgotten is forgotten by the first line.
                Deed::Forget { .. } | Deed::Compact => false,
                Deed::Release { manifest, key, .. } => {
                    let object = object(&manifest, &key).and_then(|object| self.grants.get(&object).context("done"));
                    object.is_ok_and(|grant| grant.order == order.id)
                }
                Deed::Forbid { .. } | Deed::Invalidate { .. } => true,
            }),
            Entry::Event(Event::MemoryLost { .. } | Event::Begun { .. }) => false,
        }
    }
}

fn object(manifest: &str, key: &str) -> Result<Object> {
    Ok((*digest(manifest)?.as_bytes(), hex_32(key).context("key: not 64 hexadecimal digits")?))
}

fn apply(lineage: &mut MemoryLineage<Vec<Slot>>, step: &Step, begun: bool) -> Result<()> {
    match step {
        Step::Begun => {}
        Step::Record(record) if begun => lineage.restore(record)?,
        Step::Record(record) => lineage.record(record)?,
        Step::Invalidate(manifest) => lineage.invalidate(manifest),
        Step::Forbid(line) => lineage.forbid(line),
        Step::ForgetBefore(instant) => lineage.forget_before(*instant),
    }
    Ok(())
}

/// A lineage with room for these and as many more.
fn empty(objects: usize) -> Result<MemoryLineage<Vec<Slot>>> {
    // A quarter of the slots stays empty.
    let slots = objects.saturating_mul(3).max(FEWEST_SLOTS);
    Ok(MemoryLineage::first(vec![Slot::EMPTY; slots], random()?))
}

/// A finding by its name.
pub(crate) fn finding(name: &str) -> Result<Finding> {
    match Finding::ALL.into_iter().find(|finding| finding.name() == name) {
        Some(finding) => Ok(finding),
        None => bail!("'{}' is no finding", name.escape_debug()),
    }
}

/// The drop's own policy, with what a person lets pass.
pub(crate) fn policy(grant: Option<&Grant>) -> Result<Policy<'static>> {
    // Else a carrier could choose the recipient, and bring an object to one who has never seen it.
    let strict = Policy::default().with(Finding::RecipientNotSealed, Outcome::Triage)?;
    let let_pass = grant.map_or(&[][..], |grant| &grant.findings);
    Ok(let_pass.iter().try_fold(strict, |policy, finding| policy.with(*finding, finding.most_lenient()))?)
}
