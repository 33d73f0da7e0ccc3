//! The order of things.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::{Context, Result};
use cep_envelope::drift::DriftLimits;
use cep_envelope::manifest::{Signatures, Strict};
use jiff::{SignedDuration, Timestamp};

use crate::answer::Answers;
use crate::container::Format;
use crate::disk::{Disk, Steps};
use crate::entry::{Entry, Event};
use crate::folders::{Folders, is_id, list};
use crate::inbox::{Half, Waiting, WaitsFor, look};
use crate::journal::{Journal, Opened};
use crate::judge::{Judge, instant};
use crate::keys::{KeyFile, Keys, check_name};
use crate::line::Line;
use crate::memory::Remembered;
use crate::pauses::Pauses;
use crate::ripe::{Ripe, Ripening};
use crate::work::{Item, Stuck, printable};

/// Who receives, where, and by what rules.
#[derive(Clone)]
pub struct Settings {
    /// The folders.
    pub folders: Folders,
    /// The receiver's own name.
    pub name: String,
    /// Whom keys belong to.
    pub keys: KeyFile,
    /// The longest object that is read, in bytes.
    pub longest: u64,
    /// For how long nothing may change of what may be a half, until it is taken as it is.
    pub grace: SignedDuration,
    /// The format that objects must have.
    pub container: Format,
    /// Where senders get answers, if they get any.
    pub answers: Option<Arc<Answers>>,
    /// Whose orders count, if they must be signed.
    pub operators: Option<Keys>,
}

impl Settings {
    /// With what is usual: 64 MiB, five seconds of grace, bare files, no answers.
    ///
    /// # Errors
    /// The name can be no recipient's.
    pub fn new(folders: Folders, name: &str, keys: impl Into<KeyFile>) -> Result<Self> {
        check_name(name).context("--name")?;
        Ok(Self {
            folders,
            name: name.to_owned(),
            keys: keys.into(),
            longest: 64 << 20,
            grace: SignedDuration::from_secs(5),
            container: Format::default(),
            answers: None,
            operators: None,
        })
    }
}

/// What a pass has to tell.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// An object was decided, and is in its outcome's folder.
    Decided(&'a Line),
    /// An object, or an entry of the inbox, cannot be handled now. It is tried again after a pause.
    Stuck(&'a Stuck),
    /// Something that an operator has to know.
    Remark(&'a str),
}

/// A file drop, and the only one in its folders for as long as it lives.
///
/// What goes wrong with one object is told, and the others go on. An error ends the drop: what is in memory may then know more,
/// or less, than what is on the disk. Opening it again goes on from what is on the disk.
pub struct Dropbox<S> {
    pub(crate) settings: Settings,
    pub(crate) disk: Disk<S>,
    pub(crate) journal: Journal,
    pub(crate) memory: Remembered,
    /// Decided before, and not yet known to have been moved.
    unsettled: BTreeMap<String, Line>,
    ripening: Ripening,
    pub(crate) pauses: Pauses,
    remarks: Vec<String>,
    /// What is in memory may differ from what is on the disk.
    pub(crate) broken: bool,
    _lock: File,
}

impl<S: Steps> Dropbox<S> {
    /// Opens a file drop, with what its journal remembers.
    ///
    /// # Errors
    /// Another process has it, or its journal is damaged.
    pub fn open(settings: Settings, steps: S) -> Result<Self> {
        let lock = settings.folders.lock()?;
        Self::open_locked(settings, steps, lock)
    }

    pub(crate) fn open_locked(settings: Settings, steps: S, lock: File) -> Result<Self> {
        let folders = &settings.folders;
        let mut disk = Disk::new(steps);
        let in_work = in_work(folders)?;
        let is_used = folders.is_used()?;
        let (mut memory, mut unsettled) = (Remembered::new()?, BTreeMap::new());
        let take = |entry: Entry| {
            memory.take(&entry).context("it contradicts the lines before it")?;
            if let Entry::Decision(line) = entry
                && in_work.contains(&line.id)
            {
                unsettled.insert(line.id.clone(), *line);
            }
            Ok(())
        };
        let Opened { mut journal, lost } =
            Journal::open(&mut disk, folders.journal(), &folders.head(), &in_work, take)?;
        let remarks = journal.remarks();
        let mut dropbox = Self {
            disk,
            journal,
            memory,
            unsettled,
            ripening: Ripening::default(),
            pauses: Pauses::default(),
            remarks,
            broken: false,
            _lock: lock,
            settings,
        };
        let gone = || {
            format!("{}: there is none, and objects were decided here", dropbox.settings.folders.journal().display())
        };
        if let Some(why) = lost.or_else(|| (dropbox.journal.lines() == 0 && is_used).then(gone)) {
            dropbox.lose_memory(why)?;
        }
        Ok(dropbox)
    }

    /// Lines were lost: what was sealed before now, or as much later as clocks differ, may have been decided before.
    fn lose_memory(&mut self, why: String) -> Result<()> {
        let at = Timestamp::now();
        let ahead = i64::try_from(DriftLimits::default().ahead_seconds).unwrap_or(i64::MAX).saturating_add(1);
        let until = at.saturating_add(SignedDuration::from_secs(ahead))?;
        let (before, after) = (instant(until), None);
        self.remarks.push(format!(
            "{why}; so nothing is approved that was sealed before {until:.0}: senders seal it again (dropbox reseal)"
        ));
        let before = (before.seconds, before.nanos);
        self.write(&mut Entry::Event(Event::MemoryLost { at, before, why, after }))?;
        // An older one would not fit to the lines that follow.
        self.journal.sync_head(&mut self.disk)
    }

    /// Writes an entry down, and remembers it.
    pub(crate) fn write(&mut self, entry: &mut Entry) -> Result<()> {
        self.broken = true;
        match self.journal.append(&mut self.disk, entry) {
            Ok(()) => {}
            Err((error, as_it_was)) => {
                self.broken = !as_it_was;
                return Err(error);
            }
        }
        self.memory.take(entry).context("the memory refuses what was written down")?;
        self.broken = false;
        self.remarks.extend(self.journal.remarks());
        Ok(())
    }

    /// Finishes what was begun, then takes, judges and moves whatever is whole, one object after the other.
    ///
    /// # Errors
    /// The journal can no longer be written, or what is in memory may differ from it. The drop must then be opened anew.
    pub fn pass(
        &mut self,
        clock: impl Fn() -> Timestamp,
        mut tell: impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.remarks.extend(self.settings.keys.refresh());
        for remark in std::mem::take(&mut self.remarks) {
            if tell(Told::Remark(&remark)).is_break() {
                return Ok(());
            }
        }
        let unfinished = self.obey_orders(&clock, &mut tell)?;
        let under_way = in_work(&self.settings.folders)?;
        for id in &under_way {
            if !unfinished.contains(id) && self.pauses.is_over(id.as_bytes(), clock()) {
                let item = Item::resume(&self.settings.folders, id);
                let done = self.finish(&item, &clock, &mut tell);
                if self.go_on(id.as_bytes(), done, clock(), &mut tell)?.is_break() {
                    return Ok(());
                }
            }
        }
        let inbox = self.settings.folders.inbox();
        let ready = look(&inbox)?.ready;
        let mut there: BTreeSet<&[u8]> = ready.iter().map(|name| &**name).collect();
        self.ripening.keep_only(&there);
        there.extend(under_way.iter().chain(&unfinished).map(|id| id.as_bytes()));
        self.pauses.keep_only(&there);
        for name in ready {
            if !self.pauses.is_over(&name, clock()) {
                continue;
            }
            let (grace, longest) = (self.settings.grace, self.settings.longest);
            let done = match self.ripening.look(&inbox, &name, clock(), grace, longest) {
                Ripe::Ready => self.begin(&name, &clock, &mut tell),
                Ripe::Unfinished(_) => continue,
                Ripe::Unreadable(half, why) => Err(anyhow::anyhow!("{}: {why}", half.words())),
            };
            if self.go_on(&name, done, clock(), &mut tell)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// No object ends the drop, whatever is wrong with it. It is told, and tried again after a pause.
    fn go_on(
        &mut self,
        what: &[u8],
        done: Result<ControlFlow<()>>,
        now: Timestamp,
        tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        for remark in std::mem::take(&mut self.remarks) {
            if tell(Told::Remark(&remark)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        match done {
            Ok(done) => {
                self.pauses.end(what);
                Ok(done)
            }
            Err(error) if self.broken || self.disk.ended() => Err(error),
            Err(error) => {
                self.pauses.begin(what, now);
                Ok(tell(Told::Stuck(&Stuck { entry: what.to_vec(), why: format!("{error:#}") })))
            }
        }
    }

    /// The objects of which a half is still to come: referenced, or present, and nothing more.
    ///
    /// # Errors
    /// The inbox cannot be read.
    // keeps: CEP-028 (§4)
    pub fn waiting(&mut self, now: Timestamp) -> Result<Vec<Waiting>> {
        let inbox = self.settings.folders.inbox();
        let mut contents = look(&inbox)?;
        for name in contents.ready {
            let (grace, longest) = (self.settings.grace, self.settings.longest);
            if let Ripe::Unfinished(what) = self.ripening.look(&inbox, &name, now, grace, longest) {
                contents.waiting.push(Waiting { name, waits_for: WaitsFor::End(what) });
            }
        }
        Ok(contents.waiting)
    }

    /// How many objects are whole and not taken yet.
    ///
    /// # Errors
    /// The inbox cannot be read.
    pub fn queue(&self) -> Result<usize> {
        Ok(look(&self.settings.folders.inbox())?.ready.len())
    }

    /// Whether something is to be looked at again soon, though nothing new comes.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.ripening.is_waiting() || self.pauses.any()
    }

    /// Goes on where an earlier process has ended.
    fn finish(
        &mut self,
        item: &Item,
        clock: &impl Fn() -> Timestamp,
        tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        if let Some(line) = self.unsettled.get(&item.id).cloned() {
            return self.settle(item, &line, tell);
        }
        if item.is_kept()? {
            return self.decide(item, clock, tell);
        }
        match item.claimed_name()? {
            Some(name) => self.take(item, &name, clock, tell),
            None => {
                item.end(&mut self.disk, &self.settings.folders)?;
                Ok(ControlFlow::Continue(()))
            }
        }
    }

    fn begin(
        &mut self,
        name: &[u8],
        clock: &impl Fn() -> Timestamp,
        tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let item = Item::begin(&mut self.disk, &self.settings.folders)?;
        let done = self.take(&item, name, clock, tell);
        match done {
            // Nothing of it was taken: it is tried again from the inbox.
            Err(error)
                if !self.broken && !self.disk.ended() && item.claimed_name()?.is_none() && !item.is_kept()? =>
            {
                item.end(&mut self.disk, &self.settings.folders)?;
                Err(error)
            }
            // It goes on in its place of work, under its own id.
            Err(error) if !self.broken && !self.disk.ended() => {
                self.pauses.begin(item.id.as_bytes(), clock());
                let entry = name.to_vec();
                Ok(tell(Told::Stuck(&Stuck { entry, why: format!("{error:#}") })))
            }
            other => other,
        }
    }

    fn take(
        &mut self,
        item: &Item,
        name: &[u8],
        clock: &impl Fn() -> Timestamp,
        tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let (folders, longest) = (&self.settings.folders, self.settings.longest);
        let stuck = item.claim(&mut self.disk, folders, name, longest)?;
        if item.claimed_name()?.is_none() {
            if let Some(stuck) = stuck {
                anyhow::bail!("{}", stuck.words());
            }
            item.end(&mut self.disk, folders)?;
            return Ok(ControlFlow::Continue(()));
        }
        let said = stuck.as_ref().map_or(ControlFlow::Continue(()), |stuck| tell(Told::Stuck(stuck)));
        item.keep(&mut self.disk, name, longest, clock())?;
        let decided = self.decide(item, clock, tell)?;
        Ok(if said.is_break() { said } else { decided })
    }

    /// Judges the copies, and writes the decision down before anything follows from it.
    // keeps: CEP-019 (§3.2), CEP-110 (§10)
    fn decide(
        &mut self,
        item: &Item,
        clock: &impl Fn() -> Timestamp,
        tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        item.replace_originals(&mut self.disk)?;
        let snapshot = item.snapshot()?;
        if !cep_envelope::lineage::Lineage::has_room(self.memory.lineage()) {
            self.memory.grow()?;
        }
        // A key that was taken back a moment ago is taken back.
        self.remarks.extend(self.settings.keys.refresh());
        let judge = self.judge(clock(), &Strict);
        let (mut line, record) = judge.judge(&snapshot, &item.id)?;
        line.decided = Some(self.memory.after_all(clock()));
        if record.as_ref().is_some_and(|record| self.memory.is_held_back(record)) {
            // A sender that repeats it does not make us remember it again.
            line.record = None;
        }
        let mut entry = Entry::Decision(Box::new(line));
        self.write(&mut entry)?;
        let Entry::Decision(line) = entry else { return Ok(ControlFlow::Continue(())) };
        self.unsettled.insert(item.id.clone(), (*line).clone());
        self.settle(item, &line, tell)
    }

    fn judge<'j, V: Signatures>(&'j self, now: Timestamp, signatures: &'j V) -> Judge<'j, V> {
        let Settings { name, keys, container, .. } = &self.settings;
        Judge { name, keys: keys.keys(), signatures, container: *container, memory: &self.memory, now }
    }

    fn settle(
        &mut self,
        item: &Item,
        line: &Line,
        tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        if let Some(answers) = self.settings.answers.clone() {
            // An answer that cannot be given now keeps no object from its folder.
            if let Err(error) = answers.give(&mut self.disk, &self.settings.name, line) {
                if self.disk.ended() {
                    return Err(error);
                }
                self.remarks.push(format!("no answer about {} can be given: {error:#}", line.name));
            }
        }
        item.settle(&mut self.disk, &self.settings.folders, line)?;
        self.unsettled.remove(&item.id);
        Ok(tell(Told::Decided(line)))
    }
}

/// The ids of what is under way. Whatever else lies there is not ours, and stays.
pub(crate) fn in_work(folders: &Folders) -> Result<BTreeSet<String>> {
    let entries = list(&folders.work())?.into_iter().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(entries.filter(|name| is_id(name)).collect())
}

impl Half {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Manifest => "its manifest",
            Self::Notice => "its notice",
            Self::Object => "the object",
        }
    }
}

impl Stuck {
    /// It in words.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{}: {}", printable(&self.entry), self.why)
    }
}
