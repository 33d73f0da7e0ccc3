//! `agent local listen`: an agent of a host takes files.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::host::storage::Folder;
use crate::local::channel::{Ask, Channel, Credentials, Found, KEEPALIVE};
use crate::local::intake::{Intake, Reply};
use crate::local::notice::{Notice, What, ending};
use crate::output::print_line;
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::timeline::{Style, Timeline};

/// How soon a host that has gone is looked for again.
const AGAIN: Duration = Duration::from_millis(200);
/// Notices that are taken in a row before what has come is made safe.
const BURST: usize = 512;
/// The longest file, in bytes, unless the user says otherwise.
const LONGEST: u64 = 1 << 32;

/// Takes files as an agent of a host; prints EID@ADDR (again if that changes), and a JSON line per file
///
/// What has come is on stable storage before it is acknowledged. An agent that is killed goes on where it was when it is
/// started again with the same --out within 90 s; after that it has another EID. If its host is killed and started again, the
/// agent comes back under its EID, and transfers go on in new sessions.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of the host
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where files are kept, each under its SHA-256, with what is there of others, and the agent's token
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The longest file that is taken, in bytes: 4 GiB unless it is set
    #[arg(long, value_name = "N", default_value_t = LONGEST)]
    max_bytes: u64,
    /// Sessions at a time
    #[arg(long, value_name = "N", default_value_t = 6)]
    sessions: u32,
    /// The timeline as JSON on standard output, an object per line, and nothing else
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let style = if arguments.json { Style::Json } else { Style::Log };
    let timeline = Timeline::new(Clock::start(), style);
    let folder = Folder::new(&arguments.state);
    folder.run()?;
    let mut intake = Intake::new(&arguments.out, arguments.max_bytes)?;
    let _lock = lock(&arguments.out)?;
    let mut credentials = Credentials::at(&arguments.out.join(".agent.json"))?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot hear signals")?;
    let mut terminated = signal(SignalKind::terminate()).context("cannot hear signals")?;
    let (mut first, mut told) = (true, String::new());
    loop {
        let channel = match Channel::open(&folder, &mut credentials).await {
            Ok(channel) => Some(channel),
            Err(error) if first => return Err(error),
            // It may be back in a moment.
            Err(_) => None,
        };
        let Some((mut channel, found)) = channel else {
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => continue,
                _ = interrupted.recv() => return Ok(ExitCode::SUCCESS),
                _ = terminated.recv() => return Ok(ExitCode::SUCCESS),
            }
        };
        first = false;
        let eid = hex::encode(channel.eid().0);
        let address = format!("{eid}@{}", folder.run()?.at);
        if !arguments.json && told != address {
            print_line(&address)?;
        }
        told = address;
        timeline.note("agent", Event::Step(Step::Registered { eid, again: found != Found::New }));
        let mut agent = Listening { arguments: &arguments, timeline: &timeline, intake: &mut intake };
        let gone = tokio::select! {
            gone = agent.serve(&mut channel, found) => gone,
            _ = interrupted.recv() => return leave(channel, &credentials).await,
            _ = terminated.recv() => return leave(channel, &credentials).await,
        };
        let Err(gone) = gone else { continue };
        if !gone.is::<Gone>() {
            return Err(gone);
        }
        timeline.note("agent", Event::Trouble { what: "the host has gone: waits for it".into() });
    }
}

/// The agent goes in good order: its peers are told, and its EID ends.
pub(super) async fn leave(mut channel: Channel, credentials: &Credentials) -> Result<ExitCode> {
    // Once the frame is in the socket the host reads it, whatever becomes of this process.
    let _ = channel.say(0, Ask::Leave).await;
    credentials.forget()?;
    Ok(ExitCode::SUCCESS)
}

/// Takes a folder for this process: two agents must not write to the same files.
fn lock(folder: &Path) -> Result<File> {
    let shown = folder.display();
    let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(folder.join(".lock"));
    let lock = lock.with_context(|| format!("--out: cannot write in {shown}"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("--out: another agent takes files in {shown}"),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("--out: cannot lock {shown}")),
    }
}

/// The host has gone, or the context in it.
#[derive(Debug)]
pub(super) struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the host has gone")
    }
}

impl std::error::Error for Gone {}

struct Listening<'a> {
    arguments: &'a Arguments,
    timeline: &'a Timeline,
    intake: &'a mut Intake,
}

impl Listening<'_> {
    /// Takes what comes until the host goes.
    async fn serve(&mut self, channel: &mut Channel, found: Found) -> Result<()> {
        let sessions = self.arguments.sessions;
        channel.settle(Ask::Listen { sessions }).await.map_err(|_| Gone)?;
        for session in self.intake.begin(channel.boot(), found == Found::Alive)? {
            channel.say(session, Ask::Rewind).await.map_err(|_| Gone)?;
            self.intake.rewound(session);
        }
        let mut keepalive = tokio::time::interval(KEEPALIVE);
        loop {
            self.report()?;
            for (session, reply) in self.intake.flush() {
                answer(channel, session, &reply).await.map_err(|_| Gone)?;
            }
            self.report()?;
            tokio::select! {
                notice = channel.next() => {
                    self.take(notice.ok_or(Gone)?)?;
                    for _ in 0..BURST {
                        let Some(notice) = channel.try_next() else { break };
                        self.take(notice)?;
                    }
                }
                _ = keepalive.tick() => channel.keep_alive().await.map_err(|_| Gone)?,
            }
        }
    }

    fn take(&mut self, Notice { session, what }: Notice) -> Result<()> {
        match what {
            What::Opened { peer, first_to_come, .. } => self.intake.opened(session, peer, first_to_come),
            What::Data { sequence, content, .. } => self.intake.data(session, sequence, content),
            What::Finished { sequence } => self.intake.finished(session, sequence),
            What::CloseRequested => self.intake.close_requested(session),
            What::Closed { closure, reason } => self.intake.closed(session, closure == 1, &ending(closure, reason)),
            What::State { unbound: true } => return Err(Gone.into()),
            // Its own answers are few, and nothing of them is waited for.
            What::Result { .. }
            | What::State { .. }
            | What::Delivered { .. }
            | What::Room
            | What::Proposed
            | What::Other => {}
        }
        Ok(())
    }

    fn report(&mut self) -> Result<()> {
        for step in self.intake.steps() {
            if let (Step::Stored { bytes, sha256, from, .. }, false) = (&step, self.arguments.json) {
                let line = serde_json::json!({ "sha256": sha256, "bytes": bytes, "from": from });
                print_line(&line.to_string())?;
            }
            self.timeline.note("agent", Event::Step(step));
        }
        Ok(())
    }
}

async fn answer(channel: &mut Channel, session: u64, reply: &Reply) -> Result<()> {
    match reply {
        Reply::Say { item, answer } => channel.say(session, Ask::Send { item: *item, content: &answer.write() }).await,
        Reply::Consumed { below } => channel.say(session, Ask::Consumed { below: *below }).await,
        Reply::Close => channel.say(session, Ask::Close).await,
        Reply::Abort => channel.say(session, Ask::Abort).await,
    }
}
