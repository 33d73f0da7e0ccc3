//! `agent demo --roam`, `--crash` and `--dock`: hosts and agents as processes of this program, on addresses of the loopback.
//!
//! ```text
//! alice --- host A, 127.0.0.2 --- UDP --- host B, 127.0.0.3 --- bob
//!           host C, 127.0.0.4   (with --dock: alice's context moves here)
//! ```

pub mod crash;
pub mod dock;
mod process;
pub mod roam;

pub use process::Role;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::stage::process::{Process, Said, Scratch};
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::summary::grouped;
use crate::telling::timeline::Timeline;

/// The length of the file if none is named: bytes that look like noise and are the same in each run.
const BYTES: usize = 1 << 20;
/// A file has a middle from this length on, in bytes.
const SHORTEST: u64 = 16 << 10;
/// About how many seconds a transfer without disturbance takes.
const SECONDS: u64 = 5;
/// Nothing takes longer, also on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// A file on its way from alice to bob, and everything that the four processes have told of it.
pub struct Stage<'t> {
    timeline: &'t Timeline,
    scratch: Scratch,
    file: PathBuf,
    pub bytes: u64,
    pub sha256: String,
    processes: HashMap<Role, Process>,
    said: mpsc::UnboundedReceiver<(Role, u32, Said)>,
    saying: mpsc::UnboundedSender<(Role, u32, Said)>,
    serial: u32,
    log: Vec<(Role, Step)>,
    ended: Vec<Role>,
    end: Instant,
}

impl<'t> Stage<'t> {
    /// Nothing runs yet. Without a file there is one of noise.
    pub fn new(timeline: &'t Timeline, file: Option<&Path>) -> Result<Self> {
        let scratch = Scratch::new()?;
        let file = match file {
            Some(file) => file.to_owned(),
            None => {
                let (path, mut noise) = (scratch.path().join("file"), vec![0; BYTES]);
                ChaCha8Rng::seed_from_u64(4227).fill_bytes(&mut noise);
                std::fs::write(&path, noise).with_context(|| format!("cannot write {}", path.display()))?;
                path
            }
        };
        let unreadable = || format!("cannot read {}", file.display());
        let sha256 = crate::local::digest(&file).with_context(unreadable)?;
        let bytes = file.metadata().with_context(unreadable)?.len();
        if bytes < SHORTEST {
            bail!("{}: shorter than {} bytes, so it has no middle", file.display(), grouped(SHORTEST));
        }
        let (saying, said) = mpsc::unbounded_channel();
        Ok(Self {
            timeline,
            scratch,
            file,
            bytes,
            sha256,
            processes: HashMap::new(),
            said,
            saying,
            serial: 0,
            log: Vec::new(),
            ended: Vec::new(),
            end: Instant::now() + PATIENCE,
        })
    }

    /// The folder of a host, or of what bob receives.
    pub fn folder(&self, role: Role) -> PathBuf {
        self.scratch.path().join(role.name().replace(' ', "-"))
    }

    /// A file of the demonstration's own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn start(&mut self, role: Role, arguments: &[&str]) -> Result<()> {
        self.serial += 1;
        self.ended.retain(|ended| *ended != role);
        let process = Process::start(role, self.serial, arguments, self.saying.clone())?;
        self.processes.insert(role, process);
        Ok(())
    }

    /// Starts a host; returns where it is.
    pub async fn host(&mut self, role: Role, bind: &str) -> Result<String> {
        let (mark, state) = (self.mark(), self.folder(role));
        self.start(role, &["host", "--state", &state.to_string_lossy(), "--bind", bind])?;
        self.until(role, mark, |step| match step {
            Step::HostUp { at, .. } => Some(at.clone()),
            _ => None,
        })
        .await
    }

    /// Starts bob, who takes files; returns his EID, and whether it is the one that he had before.
    pub async fn bob(&mut self) -> Result<(String, bool)> {
        let (mark, state, out) = (self.mark(), self.folder(Role::HostB), self.folder(Role::Bob));
        let arguments = ["local", "listen", "--state", &state.to_string_lossy(), "--out", &out.to_string_lossy()];
        self.start(Role::Bob, &arguments)?;
        self.registered(mark).await
    }

    /// Bob has his context, after this mark.
    pub async fn registered(&mut self, mark: usize) -> Result<(String, bool)> {
        self.registered_as(Role::Bob, mark).await
    }

    /// An agent has its context, after this mark.
    pub async fn registered_as(&mut self, agent: Role, mark: usize) -> Result<(String, bool)> {
        self.until(agent, mark, |step| match step {
            Step::Registered { eid, again } => Some((eid.clone(), *again)),
            _ => None,
        })
        .await
    }

    /// Starts alice, who sends the file slowly enough for something to happen meanwhile.
    pub fn alice(&mut self, to: &str) -> Result<()> {
        let what = format!("alice sends {} bytes to bob, from host to host", grouped(self.bytes));
        self.note(what);
        let (state, file) = (self.folder(Role::HostA), self.file.clone());
        let pace = (self.bytes / SECONDS).to_string();
        let (state, file) = (state.to_string_lossy(), file.to_string_lossy());
        self.start(Role::Alice, &["local", "send", "--state", &state, "--to", to, "--pace", &pace, &file])
    }

    /// Waits until this share of the file is safe with bob; returns how many bytes that are.
    pub async fn safe(&mut self, mark: usize, part: u64, of: u64) -> Result<u64> {
        let wanted = self.bytes * part / of;
        self.until(Role::Alice, mark, |step| match step {
            Step::Progress { done, .. } if *done >= wanted => Some(*done),
            _ => None,
        })
        .await
    }

    /// The end of the transfer: in how many sessions it was sent, and how many items came twice.
    pub async fn delivered(&mut self) -> Result<End> {
        let (sent, sessions) = self
            .until(Role::Alice, 0, |step| match step {
                Step::Delivered { sha256, sessions, .. } => Some((sha256.clone(), *sessions)),
                _ => None,
            })
            .await?;
        let (stored, twice) = self
            .until(Role::Bob, 0, |step| match step {
                Step::Stored { sha256, twice, .. } => Some((sha256.clone(), *twice)),
                _ => None,
            })
            .await?;
        let whole = crate::local::digest(&self.folder(Role::Bob).join(&self.sha256)).is_ok_and(|is| is == self.sha256);
        let unchanged = whole && sent == self.sha256 && stored == self.sha256;
        Ok(End { unchanged, sessions, twice })
    }

    /// SIGKILL.
    pub fn kill(&mut self, role: Role) -> Result<()> {
        let Some(process) = self.processes.remove(&role) else { bail!("{} does not run", role.name()) };
        process.kill()?;
        self.timeline.note("", Event::Step(Step::Killed { process: role.name().into() }));
        Ok(())
    }

    /// Something that the demonstration does or sees itself.
    pub fn note(&self, what: String) {
        self.timeline.note("", Event::Step(Step::Note { what }));
    }

    /// What is told from here on.
    pub fn mark(&self) -> usize {
        self.log.len()
    }

    /// The first thing of this kind that a process has told since the mark, or tells.
    pub async fn until<T>(&mut self, role: Role, mark: usize, fits: impl Fn(&Step) -> Option<T>) -> Result<T> {
        let mut from = mark;
        loop {
            let found =
                self.log.iter().skip(from).filter(|(teller, _)| *teller == role).find_map(|(_, step)| fits(step));
            if let Some(found) = found {
                return Ok(found);
            }
            from = self.log.len();
            if self.ended.contains(&role) {
                bail!("{} has ended too early", role.name());
            }
            let said = tokio::time::timeout_at(self.end, self.said.recv()).await;
            let Some((teller, serial, said)) = said.context("it takes too long")? else { bail!("all have ended") };
            // What a killed process has printed may arrive later.
            if self.processes.get(&teller).is_none_or(|process| process.serial != serial) {
                continue;
            }
            match said {
                Said::Step(step) => {
                    self.timeline.note(teller.name(), Event::Step(step.clone()));
                    self.log.push((teller, step));
                }
                Said::Trouble(what) => self.timeline.note(teller.name(), Event::Trouble { what }),
                Said::Ended => self.ended.push(teller),
            }
        }
    }

    /// Everything that a process has told.
    pub fn told(&self, role: Role) -> impl Iterator<Item = &Step> {
        self.log.iter().filter(move |(teller, _)| *teller == role).map(|(_, step)| step)
    }
}

/// How a transfer ended.
pub struct End {
    pub unchanged: bool,
    pub sessions: u32,
    pub twice: u64,
}

/// Runs a play, and tells the first check that does not hold, or what all of them together say.
pub async fn run(
    timeline: &Timeline,
    file: Option<&Path>,
    play: impl AsyncFnOnce(&mut Stage<'_>) -> Result<Vec<(bool, String)>>,
    holds: &str,
) -> Result<ExitCode> {
    let failed = match play(&mut Stage::new(timeline, file)?).await {
        Ok(checks) => checks.into_iter().find(|(holds, _)| !holds).map(|(_, what)| what),
        Err(error) => Some(format!("{error:#}")),
    };
    let ok = failed.is_none();
    let what = failed.map_or_else(|| format!("OK: {holds}."), |what| format!("FAILED: {what}."));
    timeline.note("", Event::Verdict { ok, what });
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
