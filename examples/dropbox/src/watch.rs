//! Watching the inbox, and telling what becomes of its objects.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use serde_json::json;

use crate::disk::Unhindered;
use crate::dropbox::{Dropbox, Settings, Told};
use crate::inbox::Waiting;
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

/// Runs a file drop until it is interrupted, or all is handled.
///
/// # Errors
/// The folders cannot be used, or standard output is closed. What was begun is finished by the next run.
pub fn run(settings: Settings, manner: Manner) -> Result<()> {
    let inbox = settings.folders.inbox();
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
            Ok(watcher)
        });
        match made {
            Ok(made) => watcher = Some(made),
            Err(error) => eprintln!("dropbox: no changes are told, so it only looks now and then: {error}"),
        }
        eprintln!("dropbox: {} takes what comes into {}", settings.name.escape_debug(), inbox.display());
    }
    let mut dropbox = Dropbox::open(settings, Unhindered)?;
    let mut teller = Teller { json: manner.json, failed: None, stuck: BTreeSet::new(), waiting: BTreeSet::new() };
    while !stop.load(Ordering::Relaxed) {
        dropbox.pass(Timestamp::now, |told| {
            teller.tell(told);
            let end = teller.failed.is_some() || stop.load(Ordering::Relaxed);
            if end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let quiet = manner.once || is_quiet(&woken, manner.rescan);
        // Halves follow each other closely: only what waits for longer is worth a word.
        if quiet {
            teller.tell_waiting(&dropbox.waiting()?);
        }
        if let Some(error) = teller.failed {
            return Err(error).context("cannot write to standard output");
        }
        if manner.once {
            break;
        }
    }
    drop(watcher);
    Ok(())
}

/// Waits for something to happen. Whether nothing did.
fn is_quiet(woken: &Receiver<()>, rescan: Duration) -> bool {
    woken.recv_timeout(rescan) == Err(RecvTimeoutError::Timeout)
}

struct Teller {
    json: bool,
    failed: Option<io::Error>,
    /// What has been told, so that it is told once.
    stuck: BTreeSet<Stuck>,
    waiting: BTreeSet<Vec<u8>>,
}

impl Teller {
    fn tell(&mut self, told: Told<'_>) {
        match told {
            Told::Decided(line) if self.json => match serde_json::to_string(line) {
                Ok(text) => self.print(&text),
                Err(error) => self.failed = Some(error.into()),
            },
            Told::Decided(line) => {
                let outcome = line.outcome.0;
                let why = line.words.strip_prefix(outcome.name()).unwrap_or(&line.words);
                self.print(&format!(
                    "{:.3}  {outcome:<10}  {}  {}",
                    line.at,
                    line.name,
                    why.trim_start_matches([':', ' '])
                ));
            }
            Told::Stuck(stuck) => {
                if !self.stuck.insert(stuck.clone()) {
                    return;
                }
                let entry = printable(&stuck.entry);
                self.print(&if self.json {
                    json!({ "stuck": entry, "why": stuck.why }).to_string()
                } else {
                    format!("{:.3}  stuck       {entry}  it cannot be taken: {}", Timestamp::now(), stuck.why)
                });
            }
        }
    }

    fn tell_waiting(&mut self, waiting: &[Waiting]) {
        let told = std::mem::take(&mut self.waiting);
        for one in waiting {
            if !told.contains(&one.name) {
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
        let mut out = io::stdout().lock();
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            self.failed = Some(error);
        }
    }
}
