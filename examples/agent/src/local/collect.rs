//! `agent local collect`: an agent of a host takes items, of a sensor for example, each once and in order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use iacp_wire::Eid;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::host::storage::{Folder, replace};
use crate::keys;
use crate::local::channel::{Ask, Channel, Found, KEEPALIVE};
use crate::local::credentials::Credentials;
use crate::local::ledger::{Ledger, Of};
use crate::local::notice::{Notice, What, ending};
use crate::local::stay::{AGAIN, BURST, Gone, Serve, stay};
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::timeline::{Style, Timeline};

/// Takes items as an agent of a host, each once and in order; prints EID@ADDR (again if that changes)
///
/// An item is on stable storage before it is acknowledged: a line of JSON with its sender, its line of items, its number and its
/// content. The sender, its host, this host and this agent may be killed at any time: the line of items goes on.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of the host
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The file that items are appended to; beside it lie the agent's token and its sessions
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Takes items of this sender alone; may be repeated. Without it any agent that finds this one can fill the disk
    #[arg(long, value_name = "EID")]
    from: Vec<String>,
    /// Where the sender is: after a restart of the host, which has lost its sessions, the agent opens a new one to the sender
    /// of the last item. Otherwise it waits for the sender to reconnect
    #[arg(long, value_name = "ADDR")]
    sender_at: Option<String>,
    /// Sessions at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
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
    let from = arguments.from.iter().map(|text| keys::eid_of("--from", text)).collect::<Result<Vec<_>>>()?;
    let sender_at = match &arguments.sender_at {
        Some(text) => Some(keys::peers_address("--sender-at", text).await?),
        None => None,
    };
    let mut collecting = Collecting {
        sessions: arguments.sessions,
        from,
        sender_at,
        timeline: &timeline,
        ledger: Ledger::open(&arguments.out)?,
        open: HashMap::new(),
        strays: HashSet::new(),
        kept: beside(&arguments.out, ".sessions.json"),
        goes_on: false,
    };
    let credentials = Credentials::at(&beside(&arguments.out, ".agent.json"))?;
    stay(&folder, credentials, arguments.json, &timeline, &mut collecting).await
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// The sessions of an agent, as they are written down: so that it finds them when it is started again.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// The run of the host in which they are.
    boot: String,
    sessions: Vec<KeptSession>,
}

#[derive(Serialize, Deserialize)]
struct KeptSession {
    session: u64,
    from: String,
    line: String,
    first: u64,
}

/// One session.
struct Open {
    of: Of,
    /// What its sender said that it begins with.
    first: u64,
    /// Items that came before their turn.
    early: BTreeMap<u64, Vec<u8>>,
    /// Something has come, or come again, since the host was told what is safe.
    dirty: bool,
    /// The sender has said everything, and asks for the end.
    ending: bool,
}

impl Open {
    const fn new(of: Of, first: u64) -> Self {
        Self { of, first, early: BTreeMap::new(), dirty: true, ending: false }
    }
}

struct Collecting<'a> {
    sessions: u32,
    /// Whose items are taken; those of all, if it is empty.
    from: Vec<Eid>,
    sender_at: Option<SocketAddr>,
    timeline: &'a Timeline,
    ledger: Ledger,
    open: HashMap<u64, Open>,
    /// Sessions that are to be ended: of other senders, and those that this process knows nothing of.
    strays: HashSet<u64>,
    /// The file of the sessions.
    kept: PathBuf,
    /// A session is to be opened, in which the line goes on.
    goes_on: bool,
}

impl Serve for Collecting<'_> {
    async fn serve(&mut self, channel: &mut Channel, found: Found) -> Result<()> {
        self.open.clear();
        channel.settle(Ask::Collect { sessions: self.sessions }).await.map_err(|_| Gone)?;
        match found {
            Found::Alive => {
                for session in self.read(channel.boot())? {
                    channel.say(session, Ask::Rewind).await.map_err(|_| Gone)?;
                }
            }
            // The host has no session of ours any more: whichever side opens the next one, the line goes on in it.
            Found::Restored => {
                if let Some((_, record)) = self.ledger.record() {
                    channel.say(0, Ask::Recall { record: &record }).await.map_err(|_| Gone)?;
                    self.goes_on = self.sender_at.is_some();
                }
            }
            Found::New => {}
        }
        let mut keepalive = tokio::time::interval(KEEPALIVE);
        let mut again = tokio::time::interval(AGAIN);
        loop {
            self.flush(channel).await?;
            tokio::select! {
                notice = channel.next() => {
                    self.take(notice.ok_or(Gone)?, channel.boot())?;
                    for _ in 0..BURST {
                        let Some(notice) = channel.try_next() else { break };
                        self.take(notice, channel.boot())?;
                    }
                }
                _ = keepalive.tick() => channel.keep_alive().await.map_err(|_| Gone)?,
                _ = again.tick(), if self.goes_on => self.go_on(channel).await?,
            }
        }
    }
}

impl Collecting<'_> {
    /// Opens a session in which the last line goes on. Before the agent's binding is in force the host refuses that.
    async fn go_on(&mut self, channel: &mut Channel) -> Result<()> {
        let (Some(at), Some((peer, record))) = (self.sender_at, self.ledger.record()) else { return Ok(()) };
        let asked = channel.settle(Ask::GoOn { peer: &peer, at, record: &record }).await;
        self.goes_on = asked.is_err();
        Ok(())
    }

    fn take(&mut self, Notice { session, what }: Notice, boot: &str) -> Result<()> {
        match what {
            What::Opened { peer, .. } if !self.from.is_empty() && !self.from.contains(&peer) => {
                self.note(&peer, "is not a sender of --from: its session is ended");
                self.strays.insert(session);
            }
            What::Opened { peer, line, first_to_come, .. } => {
                // A sender may have opened one while ours was under way.
                self.goes_on = false;
                let again = self.ledger.next(&(peer, line), first_to_come) > first_to_come;
                let how = if first_to_come > 0 || again { "goes on" } else { "begins" };
                self.note(&peer, &format!("a line of items {how}, from item {first_to_come}"));
                self.open.insert(session, Open::new((peer, line), first_to_come));
                self.write(boot)?;
            }
            What::Data { item, content, .. } => match self.open.get_mut(&session) {
                Some(open) => {
                    open.dirty = true;
                    if item >= self.ledger.next(&open.of, open.first) {
                        open.early.insert(item, content);
                    }
                }
                // It was opened while this process was down: its sender opens another one.
                None => drop(self.strays.insert(session)),
            },
            What::CloseRequested => {
                if let Some(open) = self.open.get_mut(&session) {
                    open.ending = true;
                }
            }
            What::Closed { closure, reason } => {
                if let Some(open) = self.open.remove(&session) {
                    self.note(&open.of.0, &format!("the session is over: {}", ending(closure, reason)));
                    self.write(boot)?;
                }
            }
            What::State { unbound: true } => return Err(Gone.into()),
            What::Result { .. }
            | What::State { .. }
            | What::Delivered { .. }
            | What::Room
            | What::Finished { .. }
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

    /// What has come in its turn is written down, and only then acknowledged.
    async fn flush(&mut self, channel: &mut Channel) -> Result<()> {
        for session in self.strays.drain() {
            channel.say(session, Ask::Abort).await.map_err(|_| Gone)?;
        }
        for (session, open) in &mut self.open {
            let first = self.ledger.next(&open.of, open.first);
            let mut contents = Vec::new();
            while let Some(content) = open.early.remove(&(first + contents.len() as u64)) {
                contents.push(content);
            }
            if !contents.is_empty() {
                self.ledger.keep(&open.of, first, &contents).context("items cannot be kept")?;
            }
            if std::mem::take(&mut open.dirty) {
                let below = first + contents.len() as u64;
                channel.say(*session, Ask::Consumed { below }).await.map_err(|_| Gone)?;
            }
            if std::mem::take(&mut open.ending) {
                channel.say(*session, Ask::Close).await.map_err(|_| Gone)?;
            }
        }
        Ok(())
    }

    fn note(&self, peer: &Eid, what: &str) {
        let what = format!("{}: {what}", keys::short(peer));
        self.timeline.note("agent", Event::Step(Step::Note { what }));
    }

    fn write(&self, boot: &str) -> Result<()> {
        let sessions = self.open.iter().map(|(session, open)| {
            let (from, line) = (hex::encode(open.of.0.0), hex::encode(open.of.1));
            KeptSession { session: *session, from, line, first: open.first }
        });
        let kept = Kept { boot: boot.to_owned(), sessions: sessions.collect() };
        replace(&self.kept, &serde_json::to_vec(&kept)?)
            .with_context(|| format!("cannot write {}", self.kept.display()))
    }

    /// The sessions of before, if they are of this run of the host.
    fn read(&mut self, boot: &str) -> Result<Vec<u64>> {
        let shown = self.kept.display();
        let kept: Kept = match std::fs::read(&self.kept) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{shown}: no sessions of an agent"))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {shown}")),
        };
        if kept.boot != boot {
            return Ok(Vec::new());
        }
        for KeptSession { session, from, line, first } in &kept.sessions {
            let (mut peer, mut name) = ([0; 32], [0; 16]);
            if hex::decode_to_slice(from, &mut peer).is_ok() && hex::decode_to_slice(line, &mut name).is_ok() {
                self.open.insert(*session, Open::new((Eid(peer), name), *first));
            }
        }
        Ok(self.open.keys().copied().collect())
    }
}
