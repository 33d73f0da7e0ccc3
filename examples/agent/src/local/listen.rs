//! `agent local listen`: an agent of a host takes files.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::clock::Clock;
use crate::host::storage::Folder;
use crate::local::channel::{Ask, Channel, Found, KEEPALIVE};
use crate::local::credentials::Credentials;
use crate::local::intake::{Intake, Reply};
use crate::local::notice::{Notice, What, ending};
use crate::local::publish::Publishing;
use crate::local::stay::{BURST, Gone, Serve, stay};
use crate::output::print_line;
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::timeline::{Style, Timeline};

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
    /// Where files are kept, each under its SHA-256, with unfinished files and the agent's token
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The longest file that is taken, in bytes: 4 GiB unless it is set
    #[arg(long, value_name = "N", default_value_t = LONGEST)]
    max_bytes: u64,
    /// Sessions at a time
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    sessions: u32,
    /// Publishes the agent in the Discovery Space of this topic, where `agent control … search` finds it. The host needs a directory
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
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
    let credentials = Credentials::at(&arguments.out.join(".agent.json"))?;
    let mut agent = Listening { arguments: &arguments, timeline: &timeline, intake: &mut intake };
    stay(&folder, credentials, arguments.json, &timeline, &mut agent).await
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

struct Listening<'a> {
    arguments: &'a Arguments,
    timeline: &'a Timeline,
    intake: &'a mut Intake,
}

impl Serve for Listening<'_> {
    async fn serve(&mut self, channel: &mut Channel, found: Found) -> Result<()> {
        let sessions = self.arguments.sessions;
        channel.settle(Ask::Listen { sessions }).await.map_err(|_| Gone)?;
        for session in self.intake.begin(channel.boot(), found == Found::Alive)? {
            channel.say(session, Ask::Rewind).await.map_err(|_| Gone)?;
            self.intake.rewound(session);
        }
        let mut keepalive = tokio::time::interval(KEEPALIVE);
        let mut behind = true;
        let mut publishing = self.arguments.topic.as_deref().map(Publishing::new);
        loop {
            self.report()?;
            for (session, reply) in self.intake.flush() {
                answer(channel, session, &reply).await.map_err(|_| Gone)?;
            }
            self.report()?;
            tokio::select! {
                notice = channel.next() => {
                    self.hear(publishing.as_mut(), notice.ok_or(Gone)?)?;
                    for _ in 0..BURST {
                        let Some(notice) = channel.try_next() else { break };
                        self.hear(publishing.as_mut(), notice)?;
                    }
                }
                () = Publishing::is_due(publishing.as_ref()) => {
                    if let Some(publishing) = &mut publishing {
                        publishing.publish(channel).await.map_err(|_| Gone)?;
                    }
                }
                // What came earlier is hashed between two notices.
                () = tokio::task::yield_now(), if behind => {}
                _ = keepalive.tick() => channel.keep_alive().await.map_err(|_| Gone)?,
            }
            behind = self.intake.catch_up();
        }
    }
}

impl Listening<'_> {
    fn hear(&mut self, publishing: Option<&mut Publishing<'_>>, notice: Notice) -> Result<()> {
        let is_its = publishing.map_or(Ok(false), |publishing| publishing.heard(&notice))?;
        if is_its { Ok(()) } else { self.take(notice) }
    }

    fn take(&mut self, Notice { session, what }: Notice) -> Result<()> {
        match what {
            What::Opened { peer, resumed: true, first_to_come, .. } => {
                self.intake.goes_on(session, peer, first_to_come)?;
            }
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
            | What::Contract
            | What::Disconnected
            | What::Granted { .. }
            | What::Value { .. }
            | What::Gone { .. }
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
