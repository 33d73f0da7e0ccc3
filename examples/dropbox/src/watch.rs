//! Watching the inbox, and telling what becomes of its objects.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use jiff::Timestamp;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use serde_json::json;

use crate::disk::Unhindered;
use crate::dropbox::{Dropbox, Settings, Told};
use crate::inbox::Waiting;
use crate::line::Line;
use crate::work::{Stuck, printable};

/// How a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Handle what is there, and end.
    pub once: bool,
    /// One JSON object in a line, instead of text.
    pub json: bool,
    /// How often to look, whatever the system tells of changes.
    pub rescan: Duration,
}

/// When to look again while something is unfinished, or failed a moment ago.
const SOON: Duration = Duration::from_millis(500);

/// A queue of so many objects has a progress bar.
const LONG_QUEUE: u64 = 50;

/// How a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All is handled, or it was interrupted.
    Well,
    /// Some things cannot be handled now.
    Stuck,
}

/// Runs a file drop until it is interrupted, or all is handled.
///
/// # Errors
/// The folders cannot be used, or standard output is closed. What was begun is finished by the next run.
pub fn run(settings: Settings, manner: Manner) -> Result<Ended> {
    let (inbox, orders) = (settings.folders.inbox(), settings.folders.orders());
    // One wake-up is as good as many.
    let (wake, woken) = sync_channel(1);
    let stop = Arc::new(AtomicBool::new(false));
    {
        let (wake, stop) = (wake.clone(), Arc::clone(&stop));
        let interrupted = move || {
            stop.store(true, Ordering::Relaxed);
            let _ = wake.try_send(());
        };
        ctrlc::set_handler(interrupted).context("cannot take signals")?;
    }
    // Before the first look, so that nothing comes in between.
    let mut watcher = None;
    if !manner.once {
        let changed = move |event: notify::Result<notify::Event>| {
            // Our own looking is no change. An error may mean that a change was missed.
            if event.is_ok_and(|event| event.kind.is_access()) {
                return;
            }
            let _ = wake.try_send(());
        };
        let made = notify::recommended_watcher(changed).and_then(|mut watcher: RecommendedWatcher| {
            watcher.watch(&inbox, RecursiveMode::NonRecursive)?;
            watcher.watch(&orders, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match made {
            Ok(made) => watcher = Some(made),
            Err(error) => eprintln!("dropbox: no changes are told, so it only looks now and then: {error}"),
        }
        eprintln!("dropbox: {} takes what comes into {}", settings.name.escape_debug(), inbox.display());
    }
    let mut dropbox = Dropbox::open(settings, Unhindered)?;
    let mut teller =
        Teller { json: manner.json, failed: None, stuck: BTreeSet::new(), waiting: BTreeSet::new(), bar: None };
    while !stop.load(Ordering::Relaxed) {
        teller.begin(&dropbox)?;
        dropbox.pass(Timestamp::now, |told| {
            teller.tell(told);
            let end = teller.failed.is_some() || stop.load(Ordering::Relaxed);
            if end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        teller.end();
        let pause = if dropbox.is_pending() { manner.rescan.min(SOON) } else { manner.rescan };
        let quiet = manner.once || is_quiet(&woken, pause);
        // Halves follow each other closely: only what waits for longer is worth a word.
        if quiet {
            teller.tell_waiting(&dropbox.waiting(Timestamp::now())?);
        }
        if let Some(error) = teller.failed {
            return Err(error).context("cannot write to standard output");
        }
        if manner.once {
            break;
        }
    }
    drop(watcher);
    Ok(if teller.stuck.is_empty() { Ended::Well } else { Ended::Stuck })
}

/// Waits for something to happen. Whether nothing did.
fn is_quiet(woken: &Receiver<()>, rescan: Duration) -> bool {
    woken.recv_timeout(rescan) == Err(RecvTimeoutError::Timeout)
}

/// A decision: outcome, object, sender, key, reason, and what can be done.
#[must_use]
pub fn in_words(line: &Line) -> String {
    let outcome = line.outcome.0;
    let why = line.words.strip_prefix(outcome.name()).unwrap_or(&line.words).trim_start_matches([':', ' ']);
    let signer = line.signer.as_ref().map(|signer| format!(", key {signer}")).unwrap_or_default();
    let from = match (&line.sender, &line.claimed_sender) {
        (Some(sender), _) => format!("from {}{signer}", printable(sender.as_bytes())),
        (None, Some(claimed)) => format!("says to be from {claimed}{signer}"),
        (None, None) => format!("from an unknown sender{signer}"),
    };
    let notice = line.notice.as_ref().map(|why| format!("; its notice is not read: {why}")).unwrap_or_default();
    let advice = line.advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default();
    format!("{outcome:<10}  {}  ({from}) {why}{notice}{advice}", line.name)
}

struct Teller {
    json: bool,
    failed: Option<io::Error>,
    /// What has been told, so that it is told once.
    stuck: BTreeSet<Stuck>,
    waiting: BTreeSet<Vec<u8>>,
    /// How far a long queue has come.
    bar: Option<ProgressBar>,
}

impl Teller {
    /// A person who waits for a long queue sees how far it has come.
    fn begin(&mut self, dropbox: &Dropbox<Unhindered>) -> Result<()> {
        if !self.json && io::stderr().is_terminal() {
            let queue = dropbox.queue()? as u64;
            self.bar = (queue >= LONG_QUEUE).then(|| ProgressBar::new(queue));
        }
        Ok(())
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn tell(&mut self, told: Told<'_>) {
        if let (Some(bar), Told::Decided(_)) = (&self.bar, &told) {
            bar.inc(1);
        }
        match told {
            Told::Decided(line) if self.json => match serde_json::to_string(line) {
                Ok(text) => self.print(&text),
                Err(error) => self.failed = Some(error.into()),
            },
            Told::Decided(line) => self.print(&format!("{:.3}  {}", line.at, in_words(line))),
            Told::Remark(what) if self.json => self.print(&json!({ "remark": what }).to_string()),
            Told::Remark(what) => self.print(&format!("{:.3}  note        {what}", Timestamp::now())),
            Told::Stuck(stuck) => {
                if !self.stuck.insert(stuck.clone()) {
                    return;
                }
                let entry = printable(&stuck.entry);
                self.print(&if self.json {
                    json!({ "stuck": entry, "why": stuck.why }).to_string()
                } else {
                    format!("{:.3}  stuck       {entry}  it cannot be handled now: {}", Timestamp::now(), stuck.why)
                });
            }
        }
    }

    fn tell_waiting(&mut self, waiting: &[Waiting]) {
        let told = std::mem::take(&mut self.waiting);
        for one in waiting {
            // A name for unfinished files, and no object.
            if !told.contains(&one.name) && !one.name.ends_with(b".part") {
                let (name, what) = (printable(&one.name), one.waits_for.words());
                self.print(&if self.json {
                    json!({ "waiting": name, "for": what }).to_string()
                } else {
                    format!("{:.3}  waiting     {name}  for {what}", Timestamp::now())
                });
            }
            self.waiting.insert(one.name.clone());
        }
    }

    fn print(&mut self, line: &str) {
        let print = || {
            let mut out = io::stdout().lock();
            writeln!(out, "{line}").and_then(|()| out.flush())
        };
        let printed = match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        };
        if let Err(error) = printed {
            self.failed = Some(error);
        }
    }
}
