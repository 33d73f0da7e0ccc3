//! The order of things.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use cep_envelope::decision::{Policy, Receiver};
use cep_envelope::ladder::BareFile;
use cep_envelope::lineage::{Lineage, Memory, MemoryLineage, Record, Slot, Standing};
use jiff::Timestamp;

use crate::disk::{Disk, Steps};
use crate::folders::{Folders, is_id, list, random};
use crate::inbox::{Waiting, look};
use crate::journal::{Journal, Line};
use crate::judge::judge;
use crate::keys::Keys;
use crate::work::{Item, Stuck};

/// The fewest objects for which there is room at the start.
const FEWEST_SLOTS: usize = 4096;

/// Who receives, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folders.
    pub folders: Folders,
    /// The receiver's own name.
    pub name: String,
    /// Whom keys belong to.
    pub keys: Keys,
    /// The longest object that is read, in bytes.
    pub longest: u64,
}

/// What a pass has to tell.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// An object was decided, and is in its outcome's folder.
    Decided(&'a Line),
    /// An entry of the inbox cannot be moved.
    Stuck(&'a Stuck),
}

/// A file drop, and the only one in its folders for as long as it lives.
///
/// Any error ends it: what is in memory may then know more, or less, than what is on the disk. Opening it again goes on
/// from what is on the disk.
pub struct Dropbox<S> {
    settings: Settings,
    disk: Disk<S>,
    journal: Journal,
    memory: MemoryLineage<Vec<Slot>>,
    /// What the memory is made of, for when it has to grow.
    records: Vec<Record>,
    /// Decided before, and not yet known to have been moved.
    unsettled: BTreeMap<String, Line>,
    _lock: File,
}

impl<S: Steps> Dropbox<S> {
    /// Opens a file drop, with what its journal remembers.
    ///
    /// # Errors
    /// Another process has it, or its journal is damaged.
    pub fn open(settings: Settings, steps: S) -> Result<Self> {
        let lock = settings.folders.lock()?;
        let mut disk = Disk::new(steps);
        let (journal, lines) = Journal::open(&mut disk, settings.folders.journal())?;
        let in_work = in_work(&settings.folders)?;
        let mut records = Vec::new();
        let mut unsettled = BTreeMap::new();
        for (line, record) in lines {
            records.extend(record);
            if in_work.contains(&line.id) {
                unsettled.insert(line.id.clone(), line);
            }
        }
        let memory = remember(&records).context("the journal's decisions contradict each other")?;
        Ok(Self { settings, disk, journal, memory, records, unsettled, _lock: lock })
    }

    /// Finishes what was begun, then takes, judges and moves whatever is whole, one object after the other.
    ///
    /// # Errors
    /// The disk fails, or something is where it cannot be. The drop must then be opened anew.
    pub fn pass(
        &mut self,
        clock: impl Fn() -> Timestamp,
        mut tell: impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        for id in in_work(&self.settings.folders)? {
            let item = Item::resume(&self.settings.folders, &id);
            if self.finish(&item, &clock, &mut tell)?.is_break() {
                return Ok(());
            }
        }
        for name in look(&self.settings.folders.inbox())?.ready {
            let item = Item::begin(&mut self.disk, &self.settings.folders)?;
            if self.take(&item, &name, &clock, &mut tell)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The objects of which a half is still to come: referenced, or present, and nothing more.
    ///
    /// # Errors
    /// The inbox cannot be read.
    // keeps: CEP-028
    pub fn waiting(&self) -> Result<Vec<Waiting>> {
        Ok(look(&self.settings.folders.inbox())?.waiting)
    }

    /// Goes on where an earlier process has ended.
    fn finish(
        &mut self,
        item: &Item,
        clock: &impl Fn() -> Timestamp,
        tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        if let Some(line) = self.unsettled.remove(&item.id) {
            return self.settle(item, &line, tell);
        }
        if item.is_kept()? {
            return self.decide(item, tell);
        }
        match item.claimed_name()? {
            Some(name) => self.take(item, &name, clock, tell),
            None => {
                item.end(&mut self.disk, &self.settings.folders)?;
                Ok(ControlFlow::Continue(()))
            }
        }
    }

    fn take(
        &mut self,
        item: &Item,
        name: &[u8],
        clock: &impl Fn() -> Timestamp,
        tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let folders = &self.settings.folders;
        let stuck = item.claim(&mut self.disk, folders, name)?;
        let said = stuck.as_ref().map_or(ControlFlow::Continue(()), |stuck| tell(Told::Stuck(stuck)));
        if item.claimed_name()?.is_none() {
            item.end(&mut self.disk, folders)?;
            return Ok(said);
        }
        item.keep(&mut self.disk, name, self.settings.longest, clock())?;
        let decided = self.decide(item, tell)?;
        Ok(if said.is_break() { said } else { decided })
    }

    /// Judges the copies, and writes the decision down before anything follows from it.
    // keeps: CEP-019, CEP-110
    fn decide(&mut self, item: &Item, tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>) -> Result<ControlFlow<()>> {
        item.replace_originals(&mut self.disk)?;
        let snapshot = item.snapshot()?;
        if !self.memory.has_room() {
            self.memory = remember(&self.records)?;
        }
        let Settings { name, keys, .. } = &self.settings;
        let policy = &Policy::default();
        let receiver = Receiver { name, container: &BareFile, keys, lineage: &self.memory, policy };
        let (mut line, mut record) = judge(&receiver, &snapshot, &item.id);
        if record.as_ref().is_some_and(|record| self.is_held_back_already(record)) {
            // Whoever sends it again and again does not make us remember it again.
            (line.record, record) = (None, None);
        }
        self.journal.append(&mut self.disk, &line)?;
        if let Some(record) = record {
            self.memory.record(&record).context("the lineage refuses a decision that it has led to")?;
            self.records.push(record);
        }
        self.settle(item, &line, tell)
    }

    fn is_held_back_already(&self, record: &Record) -> bool {
        let held_back = self.memory.object(&record.manifest, &record.key) == Memory::HeldBack;
        held_back && record.standing == Standing::HeldBack
    }

    fn settle(
        &mut self,
        item: &Item,
        line: &Line,
        tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        item.settle(&mut self.disk, &self.settings.folders, line)?;
        Ok(tell(Told::Decided(line)))
    }
}

/// The ids of what is under way. Whatever else lies there is not ours, and stays.
fn in_work(folders: &Folders) -> Result<Vec<String>> {
    let entries = list(&folders.work())?.into_iter().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(entries.filter(|name| is_id(name)).collect())
}

/// A lineage that knows these decisions, with room for as many more.
fn remember(records: &[Record]) -> Result<MemoryLineage<Vec<Slot>>> {
    // A quarter of the slots stays empty.
    let slots = records.len().saturating_mul(3).max(FEWEST_SLOTS);
    let mut memory = MemoryLineage::first(vec![Slot::EMPTY; slots], random()?);
    records.iter().try_for_each(|record| memory.record(record))?;
    Ok(memory)
}
