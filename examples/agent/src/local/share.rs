//! `agent local share`: an agent of a host shares an endpoint with another agent.

use std::io::BufRead;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use iacp_core::erp::local::LocalStatus;
use iacp_core::pss::Capabilities;
use iacp_wire::Eid;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::host::storage::Folder;
use crate::keys;
use crate::local::channel::{Ask, Channel, Found, KEEPALIVE, words};
use crate::local::credentials::Credentials;
use crate::local::flow::NOT_NOW;
use crate::local::notice::{Notice, Status, What, ending};
use crate::local::stay::{Gone, Serve, stay};
use crate::output::print_line;
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::timeline::{Style, Timeline};

/// How soon it is tried again after a loss, at first and at most.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];
/// Bytes of a value, and of a tag.
const VALUE: usize = 835;
const TAG: usize = 64;
/// To read and to be told of each change; and to write too.
const RIGHTS: [u16; 2] = [3, 7];
/// Lines of standard input that wait.
const WAITING: usize = 16;

/// Shares an endpoint with an agent that follows; each line of standard input is its next value
///
/// It runs until it is stopped: an endpoint lives as long as its agent. What the other side writes to it is printed as a JSON
/// line. Of values that change faster than they can be sent the newest arrives.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of the host
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The follower: EID@IP:PORT, as `agent local follow` prints it; the EID alone for an agent of the same host
    #[arg(long, value_name = "EID[@ADDR]")]
    to: String,
    /// The name of the endpoint. Without it: the endpoint reserved for this pair of agents
    #[arg(long, value_name = "TEXT")]
    tag: Option<String>,
    /// It answers on this host alone
    #[arg(long, requires = "tag")]
    here: bool,
    /// The follower may write, too
    #[arg(long, requires = "tag")]
    write: bool,
    /// In a session that shares nothing but the endpoints of the two
    #[arg(long, conflicts_with = "tag")]
    exclusive: bool,
    /// How long it goes on without a session before it gives up
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// The timeline as JSON on standard output, an object per line, and nothing else
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let timeline = Timeline::new(Clock::start(), if arguments.json { Style::Json } else { Style::Log });
    let (eid, at) = match arguments.to.split_once('@') {
        Some((eid, at)) => (eid, Some(keys::peers_address("--to", at).await?)),
        None => (arguments.to.as_str(), None),
    };
    let peer = keys::eid_of("--to", eid)?;
    if let Some(tag) = &arguments.tag
        && (tag.is_empty() || tag.len() > TAG || tag.starts_with("IACP/1 "))
    {
        bail!("--tag: '{tag}' is empty, longer than {TAG} bytes, or one of the protocol's own");
    }
    let folder = Folder::new(&arguments.state);
    let lines = input();
    let mut agent = Sharing {
        arguments: &arguments,
        timeline: &timeline,
        peer,
        at,
        lines,
        ended: false,
        value: None,
        own: None,
        before: None,
        session: Session::default(),
    };
    // Its own EID is of no use to the user: the follower is told it.
    stay(&folder, Credentials::in_memory(), true, &timeline, &mut agent).await
}

/// The lines of standard input. A thread reads them, which ends with the process.
pub fn input() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Whether a line can be a value; if not, that is told.
pub fn fits(timeline: &Timeline, line: &str) -> bool {
    if line.len() > VALUE {
        let what = format!("a value has at most {VALUE} bytes, and this line {}", line.len());
        timeline.note("agent", Event::Trouble { what });
    }
    line.len() <= VALUE
}

/// A value, or a tag, as it is shown.
pub fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| format!("0x{}", hex::encode(bytes)), str::to_owned)
}

/// Tells of a value: as a JSON line on standard output, or as a step of the timeline.
pub fn tell(
    timeline: &Timeline,
    json: bool,
    (peer, tag): (&Eid, Option<String>),
    version: u64,
    value: Option<String>,
) -> Result<()> {
    let from = hex::encode(peer.0);
    if !json {
        let line = serde_json::json!({ "from": from, "tag": tag, "version": version, "value": value });
        print_line(&line.to_string())?;
    }
    timeline.note("agent", Event::Step(Step::Value { from, tag, version, value }));
    Ok(())
}

struct Sharing<'a> {
    arguments: &'a Arguments,
    timeline: &'a Timeline,
    peer: Eid,
    at: Option<SocketAddr>,
    lines: mpsc::Receiver<String>,
    /// Standard input is over.
    ended: bool,
    /// The newest line.
    value: Option<String>,
    /// The endpoint with a tag, once it is there.
    own: Option<[u8; 32]>,
    /// The one of before, which is there still if the agent has moved.
    before: Option<[u8; 32]>,
    session: Session,
}

/// What is known of the session.
#[derive(Default)]
struct Session {
    open: u32,
    handle: u64,
    opened: bool,
    contract: bool,
    /// ENDPOINT was asked.
    asked: Option<u32>,
    /// The endpoint, once it is shared.
    shared: Option<[u8; 32]>,
}

/// How a session ended.
enum Ended {
    /// The agent's context is not ready yet.
    NotYet,
    /// Another one may come about.
    Broken(String),
}

impl Serve for Sharing<'_> {
    async fn serve(&mut self, channel: &mut Channel, found: Found) -> Result<()> {
        if found != Found::Alive {
            (self.own, self.before) = (None, self.own.or(self.before).filter(|_| found == Found::Restored));
            // On another host the session goes on; what is shared in it is shared in the next one.
            while let Some((handle, _)) = channel.goes_on(&self.peer) {
                channel.say(handle, Ask::Close).await.map_err(|_| Gone)?;
            }
        }
        let patience = Duration::from_secs(self.arguments.patience);
        let (mut pause, mut since) = (AGAIN[0], Instant::now());
        loop {
            let ended = self.session(channel).await?;
            if self.session.shared.is_some() {
                (pause, since) = (AGAIN[0], Instant::now());
            }
            let why = match ended {
                Ended::NotYet if since.elapsed() < patience => {
                    tokio::time::sleep(NOT_NOW).await;
                    continue;
                }
                Ended::NotYet => "its context does not become ready".into(),
                Ended::Broken(why) => why,
            };
            if since.elapsed() >= patience {
                bail!("nothing is shared with {}: {why}", keys::short(&self.peer));
            }
            self.timeline.note("agent", Event::Step(Step::Broken { why }));
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(AGAIN[1]);
        }
    }
}

impl Sharing<'_> {
    /// Shares the endpoint in a session of its own, as long as that lives.
    async fn session(&mut self, channel: &mut Channel) -> Result<Ended> {
        let (peer, at, exclusive) = (self.peer, self.at, self.arguments.exclusive);
        let open = channel.ask(0, Ask::Share { peer: &peer, at, exclusive }).await.map_err(|_| Gone)?;
        self.session = Session { open, ..Session::default() };
        let mut keepalive = tokio::time::interval(KEEPALIVE);
        loop {
            tokio::select! {
                notice = channel.next() => {
                    if let Some(ended) = self.hear(notice.ok_or(Gone)?, channel).await? {
                        return Ok(ended);
                    }
                }
                line = self.lines.recv(), if !self.ended => match line {
                    Some(line) if !fits(self.timeline, &line) => {}
                    Some(line) => {
                        self.value = Some(line);
                        self.write(channel).await?;
                    }
                    None => self.ended = true,
                },
                _ = keepalive.tick() => channel.keep_alive().await.map_err(|_| Gone)?,
            }
        }
    }

    /// The newest value, once there is an endpoint for it.
    async fn write(&mut self, channel: &mut Channel) -> Result<()> {
        let (Some(coordinate), Some(value)) = (self.session.shared, &self.value) else { return Ok(()) };
        let write = Ask::Write { coordinate: &coordinate, value: value.as_bytes() };
        channel.say(0, write).await.map_err(|_| Gone)?;
        self.timeline.note("agent", Event::Step(Step::Writes { value: value.clone() }));
        Ok(())
    }

    async fn hear(&mut self, Notice { session, what }: Notice, channel: &mut Channel) -> Result<Option<Ended>> {
        if let What::Result { request, status, coordinate } = what {
            return self.answered((request, session), status, coordinate, channel).await;
        }
        if what == (What::State { unbound: true }) {
            return Err(Gone.into());
        }
        if session != self.session.handle || session == 0 {
            return Ok(None);
        }
        match what {
            What::Proposed => channel.say(session, Ask::Accept).await.map_err(|_| Gone)?,
            What::Opened { capabilities, .. } => {
                let agreed = Capabilities::from_bits(capabilities);
                if !agreed.contains(Capabilities::ENDPOINTS) {
                    bail!("{} follows nothing: it is no `agent local follow`", keys::short(&self.peer));
                }
                if self.arguments.exclusive && !agreed.contains(Capabilities::EXCLUSIVE) {
                    bail!("--exclusive: {} does not agree to it", keys::short(&self.peer));
                }
                self.session.opened = true;
            }
            What::Contract => self.session.contract = true,
            What::Value { version, value, .. } => {
                let tag = self.arguments.tag.clone();
                tell(self.timeline, self.arguments.json, (&self.peer, tag), version, Some(text(&value)))?;
            }
            // The follower's host may have been started again, and then knows nothing of the session.
            What::Disconnected => {
                channel.say(session, Ask::Abort).await.map_err(|_| Gone)?;
                return Ok(Some(Ended::Broken("the follower is silent".into())));
            }
            What::CloseRequested => channel.say(session, Ask::Close).await.map_err(|_| Gone)?,
            What::Closed { closure, reason } => return Ok(Some(Ended::Broken(ending(closure, reason)))),
            _ => {}
        }
        self.prepare(channel).await?;
        Ok(None)
    }

    /// Makes the endpoint as soon as the session can share it.
    async fn prepare(&mut self, channel: &mut Channel) -> Result<()> {
        let Session { handle, opened, contract, asked, shared, .. } = self.session;
        if !opened || !contract || shared.is_some() {
            return Ok(());
        }
        match (&self.arguments.tag, self.own, asked) {
            (Some(_), Some(coordinate), _) => self.grant(coordinate, channel).await,
            (_, _, Some(_)) => Ok(()),
            (Some(tag), None, None) => {
                let make = Ask::Endpoint { global: !self.arguments.here, tag: tag.as_bytes() };
                self.session.asked = Some(channel.ask(0, make).await.map_err(|_| Gone)?);
                Ok(())
            }
            (None, _, None) => {
                let pair = Ask::Endpoint { global: false, tag: &[] };
                self.session.asked = Some(channel.ask(handle, pair).await.map_err(|_| Gone)?);
                Ok(())
            }
        }
    }

    async fn grant(&mut self, coordinate: [u8; 32], channel: &mut Channel) -> Result<()> {
        if self.arguments.tag.is_some() {
            let rights = RIGHTS[usize::from(self.arguments.write)];
            let grant = Ask::Grant { coordinate: &coordinate, rights };
            channel.say(self.session.handle, grant).await.map_err(|_| Gone)?;
        }
        self.session.shared = Some(coordinate);
        let (peer, tag) = (hex::encode(self.peer.0), self.arguments.tag.clone());
        self.timeline.note("agent", Event::Step(Step::Shares { peer, tag }));
        self.write(channel).await
    }

    /// What became of a request.
    async fn answered(
        &mut self,
        (request, session): (u32, u64),
        status: Result<(), Status>,
        coordinate: Option<[u8; 32]>,
        channel: &mut Channel,
    ) -> Result<Option<Ended>> {
        if request == self.session.open {
            return match status {
                Ok(()) => {
                    self.session.handle = session;
                    Ok(None)
                }
                Err(Status::Known(LocalStatus::NotNow)) => Ok(Some(Ended::NotYet)),
                Err(Status::Known(LocalStatus::Capacity)) => {
                    Ok(Some(Ended::Broken("the host has no session free now".into())))
                }
                Err(Status::Known(LocalStatus::Refused)) => bail!("--to: the EID is no key, or is this agent's own"),
                Err(status) => bail!("{}", words(status)),
            };
        }
        match (status, coordinate) {
            (Ok(()), Some(coordinate)) if self.session.asked == Some(request) => {
                if self.arguments.tag.is_some() {
                    self.own = Some(coordinate);
                }
                self.grant(coordinate, channel).await?;
            }
            // How the session ended is told by itself.
            (Err(Status::Known(LocalStatus::Finished | LocalStatus::NoSession)), _) | (Ok(()), _) => {}
            (Err(Status::Known(LocalStatus::Refused)), _)
                if self.session.asked == Some(request) && self.before.is_some() =>
            {
                self.own = self.before.take();
                self.prepare(channel).await?;
            }
            (Err(status), _) if self.session.asked == Some(request) => bail!("no endpoint: {}", words(status)),
            (Err(status), _) => {
                let what = format!("refused: {}", words(status));
                self.timeline.note("agent", Event::Trouble { what });
            }
        }
        Ok(None)
    }
}
