//! What a person sees of a drop, and how a person's decision reaches it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cep_envelope::decision::Outcome;
use ed25519_compact::KeyPair;
use jiff::Timestamp;
use serde::Serialize;

use crate::advice::can_be_released;
use crate::dropbox::in_work;
use crate::entry::{Deed, Entry, Event, Order, order_hash};
use crate::folders::{Folders, list, new_id, read_bounded, sync_folder_of};
use crate::inbox::look;
use crate::line::{Begins, Line};
use crate::lines::for_each;
use crate::memory::finding;

/// The longest decision that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// The outcomes that hold an object back.
const HELD: [Outcome; 3] = [Outcome::Triage, Outcome::Resync, Outcome::Quarantine];

/// A person, by the name that goes into the journal, and the key that signs for it, if one does.
pub struct Operator<'o> {
    /// The name.
    pub by: &'o str,
    /// The reason for what is ordered.
    pub why: &'o str,
    /// The id of the key, and the key.
    pub key: Option<(&'o str, &'o KeyPair)>,
}

/// Everything that is held back, the oldest first.
///
/// # Errors
/// A folder or a decision cannot be read.
pub fn held(folders: &Folders) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for outcome in HELD {
        for entry in list(&folders.outcome(outcome))? {
            let path = entry.path().join("decision.json");
            // What else lies there is not ours.
            let Ok(bytes) = read_bounded(&path, LONGEST) else { continue };
            let line: Line = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
            lines.push(line);
        }
    }
    lines.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    Ok(lines)
}

/// The held object whose id begins so.
///
/// # Errors
/// There is none, or more than one.
pub fn find_held(folders: &Folders, id: &str) -> Result<Line> {
    let mut found = held(folders)?.into_iter().filter(|line| !id.is_empty() && line.id.starts_with(id));
    let line =
        found.next().with_context(|| format!("no object that is held back has the id '{}'", id.escape_debug()))?;
    ensure!(found.next().is_none(), "more than one id begins with '{}'", id.escape_debug());
    Ok(line)
}

/// To release this object.
///
/// # Errors
/// It is not proven whose it is, or a finding cannot be let pass by any person.
pub fn release(line: &Line) -> Result<Deed> {
    let (Some(manifest), Some(key)) = (&line.manifest, &line.key) else {
        bail!("it is not proven who sealed it, so that it cannot be released: {}", line.words)
    };
    for name in &line.deciding {
        can_be_released(finding(name)?).map_err(|why| anyhow::anyhow!("it cannot be released. {why}"))?;
    }
    Ok(Deed::Release {
        object: line.id.clone(),
        outcome: line.outcome,
        folder: line.folder.clone(),
        manifest: manifest.clone(),
        key: key.clone(),
        findings: line.deciding.clone(),
    })
}

/// The decision in the journal that has this id, or is about this manifest.
///
/// # Errors
/// There is none.
pub fn find_decided(folders: &Folders, what: &str) -> Result<Line> {
    let mut found = None;
    for_each(&folders.journal(), |entry| match entry {
        Entry::Decision(line) if line.id == what || line.manifest.as_deref() == Some(what) => found = Some(*line),
        _ => {}
    })?;
    found.with_context(|| format!("no decision has the id or manifest '{}'", what.escape_debug()))
}

/// The line that an approved object is on.
///
/// # Errors
/// The object is on none.
pub fn line_of(line: &Line) -> Result<Begins> {
    let record = line.record.as_ref().filter(|_| line.outcome.0.approves());
    Ok(record.context("it was not approved, and is on no line")?.line().clone())
}

/// Gives an order to the drop. It is on the disk when this returns, and survives whatever ends the drop.
///
/// # Errors
/// It cannot be written.
pub fn give(folders: &Folders, operator: &Operator<'_>, deed: Deed) -> Result<Order> {
    let (by, why) = (operator.by.to_owned(), operator.why.to_owned());
    let order = Order { id: new_id()?, at: Timestamp::now(), by, why, deed };
    let text = serde_json::to_string(&order)?;
    Order::read(&text)?;
    let signature = operator.key.map(|(_, pair)| hex::encode(*pair.sk.sign(order_hash(&text), None)));
    let signer = operator.key.map(|(signer, _)| signer.to_owned());
    let event = Event::Order { order: text, signer, signature, after: None };
    let path = path_of(folders, &order);
    let hidden = folders.orders().join(format!(".{}.json", order.id));
    let write = || {
        let mut file = File::create_new(&hidden)?;
        file.write_all(&serde_json::to_vec(&event)?)?;
        file.sync_all()?;
        fs::rename(&hidden, &path)?;
        sync_folder_of(&path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(order)
}

/// Orders are done in the order in which they were given.
fn path_of(folders: &Folders, order: &Order) -> PathBuf {
    folders.orders().join(format!("{:020}-{}.json", order.at.as_nanosecond(), order.id))
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obeyed {
    /// It is in the journal, and done.
    Done,
    /// It is not followed: why.
    Refused(String),
    /// No drop runs here, or it has not come to it: it is done later.
    Later,
}

/// Waits until a running drop has taken an order.
///
/// # Errors
/// The folder cannot be read.
pub fn wait(folders: &Folders, order: &Order, patience: Duration) -> Result<Obeyed> {
    let path = path_of(folders, order);
    let since = Instant::now();
    while path.exists() {
        if since.elapsed() > patience || folders.try_lock()?.is_some() {
            return Ok(Obeyed::Later);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let refused = path.with_extension("refused");
    match read_bounded(&refused, LONGEST) {
        Ok(why) => {
            let _ = fs::remove_file(&refused);
            Ok(Obeyed::Refused(String::from_utf8_lossy(&why).trim_end().to_owned()))
        }
        Err(_) => Ok(Obeyed::Done),
    }
}

/// How a drop stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// A process works in it.
    pub running: bool,
    /// Objects in the inbox that are whole.
    pub ready: usize,
    /// Objects in the inbox of which a half is missing.
    pub waiting: usize,
    /// Objects between inbox and outcome.
    pub under_way: usize,
    /// Orders that are not done yet.
    pub orders: usize,
    /// Objects in each outcome's folder.
    pub outcomes: Vec<(&'static str, usize)>,
    /// Objects that wait for a person: triage, resync and quarantine.
    pub held: usize,
    /// Decisions and events in the journal.
    pub lines: usize,
    /// The last decision, in words.
    pub last: Option<String>,
    /// When lines of the journal were lost, if they were.
    pub memory_lost: Option<String>,
}

/// Looks at a drop, and changes nothing.
///
/// # Errors
/// Something in it cannot be read.
pub fn status(root: &Path) -> Result<Status> {
    let folders = Folders::at(root)?;
    let contents = look(&folders.inbox())?;
    let outcomes = Outcome::ALL.map(|outcome| Ok((outcome, list(&folders.outcome(outcome))?.len())));
    let outcomes: Vec<(Outcome, usize)> = outcomes.into_iter().collect::<Result<_>>()?;
    let (mut lines, mut last, mut memory_lost) = (0, None, None);
    for_each(&folders.journal(), |entry| {
        lines += 1;
        match entry {
            Entry::Decision(line) => last = Some(line),
            Entry::Event(Event::MemoryLost { at, why, .. }) => memory_lost = Some(format!("{at:.0}: {why}")),
            Entry::Event(_) => {}
        }
    })?;
    Ok(Status {
        running: folders.is_locked()?,
        ready: contents.ready.len(),
        waiting: contents.waiting.len(),
        under_way: in_work(&folders)?.len(),
        orders: list(&folders.orders())?
            .iter()
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "json"))
            .count(),
        held: outcomes.iter().filter(|(outcome, _)| HELD.contains(outcome)).map(|(_, count)| count).sum(),
        outcomes: outcomes.into_iter().map(|(outcome, count)| (outcome.name(), count)).collect(),
        lines,
        last: last.map(|line| crate::watch::in_words(&line)),
        memory_lost,
    })
}

/// How many objects each public key has sealed that were decided here.
///
/// # Errors
/// The journal cannot be read.
pub fn sealed_by(folders: &Folders) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for_each(&folders.journal(), |entry| {
        if let Entry::Decision(line) = entry
            && let Some(key) = line.key
        {
            *counts.entry(key).or_default() += 1;
        }
    })?;
    Ok(counts)
}
