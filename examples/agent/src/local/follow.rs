//! `agent local follow`: an agent of a host follows the endpoints that other agents share with it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use iacp_wire::Eid;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::host::storage::Folder;
use crate::keys;
use crate::local::channel::{Ask, Channel, Found, KEEPALIVE, words};
use crate::local::credentials::Credentials;
use crate::local::notice::{Notice, What, ending};
use crate::local::share::{fits, input, tell, text};
use crate::local::stay::{Gone, Serve, stay};
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::timeline::{Style, Timeline};

/// The rights to read and to be told of each change, and to write.
const FOLLOW: u16 = 3;
const WRITE: u16 = 4;

/// Follows what others share; prints EID@ADDR (again if that changes), and a JSON line for each value that changes
///
/// A sharer grants this agent an endpoint, or has one for the two alone; nothing is asked for. Each line of standard input is
/// written to the endpoint that was granted last with the right to do so.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of the host
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Follows what this agent shares, and nothing of others; may be repeated
    #[arg(long, value_name = "EID")]
    from: Vec<String>,
    /// The file of the agent's token: with it a later run within 90 s is the same agent
    #[arg(long, value_name = "PATH")]
    token: Option<PathBuf>,
    /// Sessions at a time
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    sessions: u32,
    /// The timeline as JSON on standard output, an object per line, and nothing else
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let timeline = Timeline::new(Clock::start(), if arguments.json { Style::Json } else { Style::Log });
    let folder = Folder::new(&arguments.state);
    folder.run()?;
    let from = arguments.from.iter().map(|text| keys::eid_of("--from", text)).collect::<Result<Vec<_>>>()?;
    let credentials = match &arguments.token {
        Some(path) => Credentials::at(path)?,
        None => Credentials::in_memory(),
    };
    let (peers, tags, target) = (HashMap::new(), HashMap::new(), None);
    let (json, sessions) = (arguments.json, arguments.sessions);
    let mut agent =
        Following { json, sessions, from, timeline: &timeline, lines: input(), ended: false, peers, tags, target };
    stay(&folder, credentials, json, &timeline, &mut agent).await
}

struct Following<'a> {
    json: bool,
    sessions: u32,
    /// Who may share; all, if it is empty.
    from: Vec<Eid>,
    timeline: &'a Timeline,
    lines: mpsc::Receiver<String>,
    /// Standard input is over.
    ended: bool,
    /// The sharer at the other end of each session.
    peers: HashMap<u64, Eid>,
    /// What was granted, and its name.
    tags: HashMap<(u64, [u8; 32]), String>,
    /// What lines are written to.
    target: Option<(u64, [u8; 32])>,
}

impl Serve for Following<'_> {
    async fn serve(&mut self, channel: &mut Channel, _: Found) -> Result<()> {
        // A session of an earlier run of this agent is unknown here; it is ended, and its sharer opens another one.
        self.peers.clear();
        (self.tags, self.target) = (HashMap::new(), None);
        channel.settle(Ask::Follow { sessions: self.sessions }).await.map_err(|_| Gone)?;
        let mut keepalive = tokio::time::interval(KEEPALIVE);
        loop {
            tokio::select! {
                notice = channel.next() => self.take(notice.ok_or(Gone)?, channel).await?,
                line = self.lines.recv(), if self.target.is_some() && !self.ended => match (line, self.target) {
                    (Some(line), Some(_)) if !fits(self.timeline, &line) => {}
                    (Some(line), Some((session, coordinate))) => {
                        let write = Ask::Write { coordinate: &coordinate, value: line.as_bytes() };
                        channel.ask(session, write).await.map_err(|_| Gone)?;
                    }
                    _ => self.ended = true,
                },
                _ = keepalive.tick() => channel.keep_alive().await.map_err(|_| Gone)?,
            }
        }
    }
}

impl Following<'_> {
    async fn take(&mut self, Notice { session, what }: Notice, channel: &mut Channel) -> Result<()> {
        let say = match what {
            What::Proposed => Some(Ask::Accept),
            What::Opened { peer, .. } if self.from.is_empty() || self.from.contains(&peer) => {
                self.timeline.note("agent", Event::Step(Step::Opened { peer: hex::encode(peer.0) }));
                self.peers.insert(session, peer);
                None
            }
            What::Opened { peer, .. } => {
                let what = format!("{} is not one of --from: its session is ended", keys::short(&peer));
                self.timeline.note("agent", Event::Step(Step::Note { what }));
                Some(Ask::Abort)
            }
            What::CloseRequested => Some(Ask::Close),
            What::Closed { closure, reason } => {
                self.forget(session);
                let why = ending(closure, reason);
                self.timeline.note("agent", Event::Step(Step::Broken { why }));
                None
            }
            What::State { unbound: true } => return Err(Gone.into()),
            What::Granted { .. } | What::Value { .. } | What::Gone { .. } => {
                return self.told(session, what, channel).await;
            }
            What::Result { status: Err(status), .. } => {
                let what = format!("not written: {}", words(status));
                self.timeline.note("agent", Event::Trouble { what });
                None
            }
            _ => None,
        };
        match say {
            Some(ask) => channel.say(session, ask).await.map_err(|_| Gone.into()),
            None => Ok(()),
        }
    }

    /// What a sharer says of its endpoints.
    async fn told(&mut self, session: u64, what: What, channel: &mut Channel) -> Result<()> {
        let Some(peer) = self.peers.get(&session).copied() else {
            return channel.say(session, Ask::Abort).await.map_err(|_| Gone.into());
        };
        match what {
            What::Granted { coordinate, rights: 0, .. } => {
                self.tags.remove(&(session, coordinate));
                self.target = self.target.filter(|target| *target != (session, coordinate));
            }
            What::Granted { coordinate, rights, tag } => {
                let tag = text(&tag);
                self.timeline
                    .note("agent", Event::Step(Step::Shares { peer: hex::encode(peer.0), tag: Some(tag.clone()) }));
                self.tags.insert((session, coordinate), tag);
                if rights & WRITE != 0 {
                    self.target = Some((session, coordinate));
                }
                if rights & FOLLOW == FOLLOW {
                    channel.say(session, Ask::Subscribe { coordinate: &coordinate }).await.map_err(|_| Gone)?;
                }
            }
            What::Value { coordinate, version, value } => {
                let tag = self.tags.get(&(session, coordinate)).cloned();
                tell(self.timeline, self.json, (&peer, tag), version, Some(text(&value)))?;
            }
            What::Gone { coordinate } => {
                let tag = self.tags.remove(&(session, coordinate));
                self.target = self.target.filter(|target| *target != (session, coordinate));
                tell(self.timeline, self.json, (&peer, tag), 0, None)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn forget(&mut self, session: u64) {
        self.peers.remove(&session);
        self.tags.retain(|(of, _), _| *of != session);
        self.target = self.target.filter(|(of, _)| *of != session);
    }
}
